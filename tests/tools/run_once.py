"""`fec run --once`: what it says, what it writes, that a second start changes nothing, and that kills change nothing."""

import base64
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import time

import calls
from checks import FEC, ROOT, SEED, Layer, command_line, fec, killed_at_random, lines, scratch, shown

SOLUTION = "examples/fraud"
REASONS = {"late", "ahead", "malformed", "overflow", "not_finite", "precision", "conversion", "too_large"}
layer = Layer("run")


def once(state, out, *more):
    return fec("run", SOLUTION, "--once", "--state", state, "--out", out, "--format", "json", *more)


def files(folder):
    """The bytes of everything below a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def event(told, name):
    return [line for line in told if line.get("event") == name]


def summary_of(done):
    found = event(lines(done.stdout), "summary")
    return found[0] if found else {}


def model(told, repeat):
    models = event(told, "model")
    if not layer.check("one model line", len(models) == 1, shown(models), repeat):
        return
    metrics = models[0].get("metrics", {})
    layer.equal("the model is the one that the job publishes", models[0].get("name"), "scorer", repeat)
    layer.check("it was published behind its gate", models[0].get("published") is True and metrics.get("auc", 0) >= 0.90, shown(models[0]), repeat)
    layer.check("its metrics are told", 0.90 <= metrics.get("auc", 0) <= 1 and metrics.get("log_loss", -1) > 0, shown(metrics), repeat)


def written(summary, out, repeat):
    sources, sinks = summary.get("sources", {}), summary.get("sinks", {})
    layer.check("both streams have events", all(sources.get(name, {}).get("accepted", 0) > 0 for name in ("payments", "chargebacks")), shown(sources), repeat)
    kinds = {"accepted", "late", "ahead", "repeated", "dead"}
    layer.check("each source counts accepted, late, ahead, repeated, dead", all(kinds <= set(entry) for entry in sources.values()), shown(sources), repeat)
    path = out / "sinks" / "fraud_alerts.jsonl"
    if not layer.check("the sink is written", path.is_file(), shown(list(files(out))), repeat):
        return
    rows = lines(path.read_text(encoding="utf-8"))
    layer.equal("the summary counts the sink's rows", sinks.get("fraud_alerts"), len(rows), repeat)
    payments = sources.get("payments", {}).get("accepted", 0)
    layer.check("at least 20 alerts per 100,000 payments", len(rows) * 100_000 >= 20 * payments > 0, f"{len(rows)} of {payments}", repeat)
    columns = [row for row in rows if list(row) != ["id", "card", "amount", "spend_1h"]]
    layer.equal("rows have the sink's columns in their order", columns, [], repeat)
    money = [row for row in rows if not all(isinstance(row[name], str) and row[name][-3] == "." for name in ("amount", "spend_1h"))]
    layer.equal("decimals are strings with all digits of their scale", money, [], repeat)
    layer.equal("no alert twice", len({row["id"] for row in rows}), len(rows), repeat)
    for name, counts in sources.items():
        letters = out / "dead" / f"{name}.jsonl"
        dead = lines(letters.read_text(encoding="utf-8")) if letters.is_file() else []
        refused = [letter for letter in dead if letter["reason"] in ("late", "ahead")]
        layer.equal(f"{name}: late and ahead records are dead letters", len(refused), counts["late"] + counts["ahead"], repeat)
        keys = {"reason", "detail", "flow", "partition", "offset", "raw"}
        shapes = [letter for letter in dead if set(letter) != keys or letter["reason"] not in REASONS]
        layer.equal(f"{name}: dead letters have their shape", shapes, [], repeat)
        raw = [base64.b64decode(letter["raw"], validate=True) for letter in dead]
        layer.check(f"{name}: dead letters hold the record's bytes", all(raw), shown(dead[:1]), repeat)


def killed(reference):
    """A run that is killed at random moments ends where an undisturbed one does."""
    kills = int(os.environ.get("FEC_KILLS", "4"))
    base = scratch("killed")
    state, out = base / "state", base / "out"
    command = [FEC, "run", SOLUTION, "--once", "--state", state, "--out", out, "--format", "json"]
    struck = killed_at_random(command, kills, random.Random(SEED), (0.02, 1.5), cwd=ROOT)
    done = once(state, out)
    print(f"      {struck} of {kills} kills met a running process")
    layer.equal("after kills it comes to its end", done.returncode, 0, command_line(done))
    got = files(out) if out.exists() else {}
    layer.equal("after kills the same files exist", sorted(got), sorted(reference))
    differing = [name for name in reference if got.get(name) != reference[name]]
    layer.equal("after kills every file has the same bytes", differing, [])


def full_disk(reference):
    """A disk that is full is told with its repair; once there is space, the next run ends where an undisturbed one does."""
    base = scratch("full")
    disk, out = base / "disk", base / "out"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        layer.skip("a full disk", f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
        return
    try:
        whole = base / "whole"
        fec("run", SOLUTION, "--once", "--state", whole, "--format", "json", timeout=120)
        needed = sum(path.stat().st_size for path in whole.rglob("*") if path.is_file())
        # Full while history goes in, while it is applied, and nearly done.
        for part in (0.3, 0.6, 0.85):
            size = f"{part:.0%}"
            subprocess.run(["mount", "-o", f"remount,size={int(needed * part)}", disk], check=True)
            done = fec("run", SOLUTION, "--once", "--state", disk / "state", "--out", out, "--format", "json", timeout=120)
            told = done.stderr.strip().splitlines()[-1:] or [""]
            layer.equal(f"a disk of {size} of what is needed ends the run as the environment's affair", done.returncode, 3, command_line(done))
            fits = str(disk) in told[0] and "free space" in told[0] and "panicked" not in done.stderr
            layer.check(f"a disk of {size} of what is needed: the file and the repair are named", fits, done.stderr[-400:], command_line(done))
        subprocess.run(["mount", "-o", "remount,size=256m", disk], check=True)
        done = once(disk / "state", out)
        layer.equal("with space it comes to its end", done.returncode, 0, command_line(done) + done.stderr[-300:])
        got = files(out) if out.exists() else {}
        layer.equal("with space the same files exist", sorted(got), sorted(reference))
        layer.equal("with space every file has the same bytes", [name for name in reference if got.get(name) != reference[name]], [])
    finally:
        subprocess.run(["umount", disk], check=False)


TRAINED = """solution kept { version: "1.0.0" }
use std.ml.{ gbdt }
source seen: stream<{ id: string, x: float, y: bool, at: timestamp }> { time: at, file: "seen.jsonl" }
job train {
  model = gbdt(seen, label: y, features: [x], trees: 2, depth: 2)
  publish model as judge
}
"""


def trained(name):
    """A folder with a solution that publishes a model."""
    base = scratch(name)
    (base / "kept.asol").write_text(TRAINED, encoding="utf-8")
    rows = [{"id": str(number), "x": number / 7, "y": number % 3 == 0, "at": f"2026-01-01T00:00:{number:02}Z"} for number in range(60)]
    (base / "seen.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return base


def unsynced():
    """A model that the disk does not take is published by nobody, and the next run publishes it."""
    if calls.missing():
        layer.skip("a model is on its disk when it is published", calls.missing())
        return
    base = trained("unsynced")
    # Their names are on the disk already: what fails is the model itself.
    for folder in ("lake", "models/judge"):
        (base / "state" / folder).mkdir(parents=True)
    command = [FEC, "run", base, "--once", "--state", base / "state"]
    versions = lambda: sorted(path.name for path in (base / "state" / "models" / "judge").glob("*.json"))
    try:
        done = subprocess.run(command, preexec_fn=calls.refusing(["fsync", "fdatasync"], calls.FAILS), capture_output=True, text=True, timeout=120)
    except subprocess.SubprocessError as error:
        layer.skip("a model is on its disk when it is published", f"the machine has no filter of calls: {error}")
        return
    layer.check("where a disk does not take a model, the run says so", done.returncode == 3 and "models/judge/.new-" in done.stderr, f"exit {done.returncode}: {done.stderr[-300:]}", command_line(done))
    layer.equal("and nothing is published", versions(), [])
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    layer.equal("the next run publishes it", (done.returncode, versions()), (0, ["000001.json"]), command_line(done))


CALLS = "mkdir,mkdirat,write,pwrite64,fsync,fdatasync,link,linkat"


def seen(path):
    """The calls that `strace` has written down, each when it was done, whichever threads ran beside it."""
    begun = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        thread, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>").strip()
            continue
        if " resumed>" in call:
            call = begun.pop(thread, "") + call.partition(" resumed>")[2]
        if "(" in call and " = -1 " not in call:
            yield call.split("(", 1)[0], re.findall(r'"([^"]*)"', call), re.findall(r"<([^>]*)>", call)


def on_disk():
    """A model is on the disk before it has its name there, and its name before the run goes on."""
    what = "a model and its name are on the disk"
    if shutil.which("strace") is None:
        layer.skip(what, "the machine has no strace")
        return
    base = trained("ondisk").resolve()
    command = [FEC, "run", base, "--once", "--state", base / "state"]
    done = subprocess.run(["strace", "-f", "-y", "-s", "0", "-e", f"trace={CALLS}", "-o", base / "calls.txt", *command], capture_output=True, text=True, timeout=240)
    if done.returncode != 0 and "ptrace" in done.stderr.lower():
        layer.skip(what, f"the machine lets no strace look: {done.stderr.strip()}")
        return
    models = base / "state" / "models"
    files, folders, named, torn = set(), set(), 0, []
    for verb, names, handles in seen(base / "calls.txt"):
        if verb.startswith("mkdir"):
            folders |= {str(pathlib.Path(name).parent) for name in names if pathlib.Path(name).is_relative_to(models)}
        elif verb in ("write", "pwrite64"):
            files |= {name for name in handles[:1] if pathlib.Path(name).is_relative_to(models)}
        elif verb.endswith("sync"):
            files -= set(handles)
            folders -= set(handles)
        elif len(names) == 2 and pathlib.Path(names[1]).is_relative_to(models):
            named += 1
            torn += [names[0]] if names[0] in files else []
            folders.add(str(pathlib.Path(names[1]).parent))
    layer.equal("the run publishes under strace", (done.returncode, named), (0, 1), done.stderr[-300:])
    layer.equal("a model gets its name when it is on the disk", torn, [])
    layer.equal("and the names of it and of its folders are there, too", sorted(folders), [])


def planes():
    """One feature, one key, three planes, the same answer."""
    folder = scratch("simulated")
    done = fec("simulate", SOLUTION, "--rows", 3000, "--seed", 7, "-o", folder)
    if not layer.equal("simulate", done.returncode, 0, command_line(done)):
        return
    names = sorted(path.name for path in folder.iterdir())
    layer.equal("simulate writes streams as .jsonl and tables as .csv", names, ["chargebacks.jsonl", "merchants.csv", "payments.jsonl"])
    again = scratch("simulated")
    fec("simulate", SOLUTION, "--rows", 3000, "--seed", 7, "-o", again)
    layer.check("the same seed gives the same bytes", files(folder) == files(again), "they differ")
    payments = lines((folder / "payments.jsonl").read_text(encoding="utf-8"))
    random.seed(SEED)
    present = 0
    for payment in random.sample(payments, 5):
        answers, asked = {}, []
        for plane in ("batch", "stream", "online"):
            bound = [f"--bind={path.stem}={path}" for path in sorted(folder.iterdir())]
            done = fec("show", SOLUTION, "card_activity", "--key", payment["card"], "--at", payment["at"], "--plane", plane, *bound)
            asked.append(command_line(done))
            answers[plane] = done.stdout if done.returncode == 0 else f"exit {done.returncode}: {done.stderr[-300:]}"
        layer.check(f"card {payment['card']}: batch, stream and online agree", len(set(answers.values())) == 1 and "exit" not in answers["batch"], shown(answers), asked[0])
        if "exit" not in answers["batch"]:
            columns = json.loads(answers["batch"])
            layer.check("show gives one flat object of the set's columns", "spend_1h" in columns, shown(columns), asked[0])
            present += any(value not in (None, 0, "0.00") for value in columns.values())
    layer.check("the answers are not all empty", present >= 3, f"{present} of 5 have values")


def refusals():
    """What cannot be run is refused with its exit code and a sentence."""
    base = scratch("refused")
    done = fec("run", SOLUTION, "--once", "--state", base / "state", "--bind", "nonsense=/nowhere.jsonl")
    layer.check("a bind of an unknown source is refused", done.returncode in (1, 2) and "nonsense" in done.stderr, done.stderr[-300:], command_line(done))
    done = fec("run", SOLUTION, "--once", "--state", base / "state", "--bind", "payments=/nowhere.jsonl")
    layer.check("a bound file that is not there is named", done.returncode == 3 and "/nowhere.jsonl" in done.stderr, f"exit {done.returncode}: {done.stderr[-300:]}", command_line(done))
    table = base / "merchants.jsonl"
    table.write_text('{"id":"a","category":"b","opened":"2026-01-01"}\n{"category":"b","opened":"2026-01-01"}\n')
    done = fec("run", SOLUTION, "--once", "--state", base / "state", "--bind", f"merchants={table}")
    layer.check("a row of a table that has no key is named, and is wrong data", done.returncode == 1 and f"row 1 of `{table}`: `id`" in done.stderr, f"exit {done.returncode}: {done.stderr[-300:]}", command_line(done))
    file = base / "file"
    file.write_text("")
    done = fec("run", SOLUTION, "--once", "--state", file)
    layer.check("a state folder that is a file is refused", done.returncode == 3 and "panicked" not in done.stderr, f"exit {done.returncode}: {done.stderr[-300:]}", command_line(done))


def main():
    os.chdir(ROOT)
    base = scratch("run")
    state, out = base / "state", base / "out"
    done = once(state, out)
    repeat = command_line(done)
    if not layer.check("the example runs to the end of its data", done.returncode == 0 and "panicked" not in done.stderr, f"exit {done.returncode}: {done.stderr[-800:]}", repeat):
        return
    told = lines(done.stdout)
    model(told, repeat)
    summary = summary_of(done)
    written(summary, out, repeat)
    first = files(out)
    again = once(state, out)
    layer.equal("a second start on the same state ends well", again.returncode, 0, repeat)
    layer.equal("a second start gives the same summary", summary_of(again), summary, repeat)
    layer.check("a second start leaves the same files", files(out) == first, "they differ", repeat)
    trained = [line for line in event(lines(again.stdout), "model") if line.get("version") != event(told, "model")[0].get("version")]
    layer.equal("the job does not run again for the same inputs", trained, [], repeat)
    killed(first)
    full_disk(first)
    unsynced()
    on_disk()
    planes()
    refusals()


main()
