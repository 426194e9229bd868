"""`fec compile` writes whole trees, the same ones from everywhere, without a socket or a secret, and knows each line."""

import difflib
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import calls
from checks import FEC, ROOT, SEED, Layer, command_line, fec, scratch, shown, start

layer = Layer("compile")
FRAUD = ROOT / "examples/fraud"
REVIEWED = ROOT / "tests/corpus/compiled"
# The crates of a solution but for the runtime, and for the file that has the fingerprint of the whole plan.
OWN_SOURCE = re.compile(r"crates/(?!runtime/)[^/]+/src/(?!lib\.rs).+")
CANARY = "canary-b7f3a91c55"
ROUNDS = 40 if os.environ.get("FEC_SOAK") else 12


def tree(folder):
    """Contents by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def compile(solution, out, *more, **options):
    return fec("compile", solution, "-o", out, *more, **options)


def listed():
    out = scratch("compile") / "out"
    done = compile(FRAUD, out, "--target", "prod", "--format", "json")
    if not layer.check("fraud compiles", done.returncode == 0, done.stderr[-600:], command_line(done)):
        return
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    files = [entry["path"] for entry in manifest["files"]]
    layer.equal("the list names every file", files, sorted(tree(out)))
    layer.equal("the command tells the same files", [entry["path"] for entry in json.loads(done.stdout)["files"]], files)
    kinds = {entry["path"].split("/")[0]: entry["kind"] for entry in manifest["files"]}
    wanted = {"argo": "argo", "kubernetes": "kubernetes", "ir.json": "plan", "manifest.json": "plan"}
    layer.equal("each file has its kind", {name: kinds.get(name) for name in wanted}, wanted)
    texts = (FRAUD / "fraud.asol").read_text(encoding="utf-8").splitlines()
    places = manifest["places"] + [entry["source"] for entry in manifest["files"] if entry["source"]]
    wrong = [place for place in places if texts[place["start"]["line"] - 1].strip() != place["text"]]
    layer.equal("each place is a line of the solution", wrong, [])
    layer.check("files know where they came from", len(places) > 12, f"{len(places)} places")
    told = [line for line in done.stderr.splitlines() if line.startswith("warning[W0002]")]
    layer.check("each binding that is not used yet gets a warning", len(told) == 3 and all("`fraud-data`" in line for line in told), done.stderr)
    explained(out, manifest, texts)


def explained(out, manifest, texts):
    """Lines of generated files, each with a word of the line of the solution that it came from."""
    wanted = [
        ("kubernetes/scoring-score.yaml", "minReplicas: 3", "scale scoring.score"),
        ("kubernetes/scoring-score.yaml", "kind: Deployment", "service score"),
        ("kubernetes/scoring-score.yaml", "name: FLOW_STORE_URL", "store:"),
        ("kubernetes/scoring-alerts.yaml", "kind: StatefulSet", "stream alerts"),
        ("argo/train.yaml", "name: publish-scorer", "publish model"),
        ("argo/train.yaml", "name: train-model", "gbdt("),
        ("argo/train_schedule.yaml", "timezone: Asia/Shanghai", "job train"),
        ("argo/account.yaml", "name: runner", "batch:"),
        ("crates/scoring-score/src/rules.rs", "pub fn card_key(", "card_activity[payment.card]"),
        ("crates/scoring-alerts/src/main.rs", "wiring.tap(", "emit "),
        ("crates/fraud/src/sources.rs", "pub fn payments()", "source payments"),
    ]
    for path, line, origin in wanted:
        lines = (out / path).read_text(encoding="utf-8").splitlines()
        number = next((number for number, text in enumerate(lines, 1) if line in text), None)
        if not layer.check(f"{path} has `{line}`", number, "\n".join(lines[:40])):
            continue
        done = fec("explain", f"{out / path}:{number}", "--format", "json")
        source = (json.loads(done.stdout) if done.returncode == 0 else {}).get("source") or {}
        place = source.get("start", {}).get("line", 1)
        fine = source.get("file") == "fraud.asol" and origin in source.get("text", "") and texts[place - 1].strip() == source["text"]
        layer.check(f"{path}:{number} came from `{origin}`", fine, shown(source or done.stderr), command_line(done))
    done = fec("explain", f"{out / 'argo/train.yaml'}:42")
    place = json.loads(fec("explain", f"{out / 'argo/train.yaml'}:42", "--format", "json").stdout)["source"]
    first = place["start"]
    told = f"argo/train.yaml:42 came from fraud.asol:{first['line']}:{first['column']}\n  {place['text']}\n"
    layer.equal("explain tells it to people", done.stdout, told, command_line(done))
    done = fec("explain", f"{out / 'manifest.json'}:1")
    layer.equal("what stands for all of it says so", done.stdout, "manifest.json:1 stands for the whole solution `fraud`\n", command_line(done))
    count = len((out / "argo/train.yaml").read_text(encoding="utf-8").splitlines())
    layer.equal("explain knows the last line", fec("explain", f"{out / 'argo/train.yaml'}:{count}").returncode, 0)
    for wrong in (f"{out / 'argo/train.yaml'}:{count + 1}", f"{out / 'argo/train.yaml'}:0", f"{out / 'nowhere.yaml'}:1", f"{FRAUD / 'fraud.asol'}:1"):
        done = fec("explain", wrong)
        layer.check(f"explain of {wrong.rsplit('/', 1)[-1]} is a usage error", done.returncode == 2 and done.stderr.startswith("error: "), f"exit {done.returncode}: {done.stderr}", command_line(done))
    silent = []
    for entry in manifest["files"]:
        if entry["kind"] not in ("argo", "kubernetes") or "kustomization" in entry["path"]:
            continue
        count = len((out / entry["path"]).read_bytes().splitlines())
        number = random.Random(f"{SEED}{entry['path']}").randint(1, count)
        done = fec("explain", f"{out / entry['path']}:{number}")
        if done.returncode != 0:
            silent.append(f"{entry['path']}:{number}: {done.stderr}")
    layer.equal("any line can be asked", silent, [])


def the_same_everywhere():
    for solution, target in ((FRAUD, "prod"), (ROOT / "tests/solutions/flights", None), (ROOT / "tests/solutions/names", "prod")):
        here, there = scratch("here"), scratch("there") / "deeper" / "elsewhere"
        shutil.copytree(solution, there / "copy")
        more = ["--target", target] if target else []
        first = compile(solution, here / "out", *more)
        second = start([FEC, "compile", "copy", "-o", "../result", *more], cwd=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        second.communicate(timeout=120)
        one, other = tree(here / "out"), tree(there.parent / "result")
        different = sorted(path for path in {*one, *other} if one.get(path) != other.get(path))
        fine = first.returncode == 0 and second.returncode == 0 and len(one) > 5
        layer.check(f"{solution.name}: two folders give one tree", fine and not different, f"{first.stderr[-300:]} {different[:5]}", command_line(first))
        again = compile(solution, here / "out", *more)
        layer.check(f"{solution.name}: a second compile changes nothing", again.returncode == 0 and tree(here / "out") == one, again.stderr)


# Solutions of which files are reviewed, with their targets.
SOLUTIONS = ((FRAUD, "prod"), *((ROOT / "tests/solutions" / name, target) for name, target in (
    ("decisions", None), ("flights", None), ("names", "prod"), ("offers", None), ("returns", None))))


def reviewed():
    """What a platform is told and what is built, line by line: the files of `corpus/compiled` are what somebody has read and found right.

    Where a change is meant, the command of the failure writes it into the reviewed file, and its diff is read.
    """
    for solution, target in SOLUTIONS:
        out, right = scratch("reviewed") / "out", REVIEWED / solution.name
        done = compile(solution, out, *(["--target", target] if target else []))
        if not layer.check(f"{solution.name}: compiles", done.returncode == 0, done.stderr[-600:], command_line(done)):
            continue
        own = lambda folder: sorted(path for path in tree(folder) if OWN_SOURCE.fullmatch(path))
        crates = {path.split("/")[1] for path in own(right)}
        layer.equal(f"{solution.name}: every file of a crate was reviewed", [path for path in own(out) if path.split("/")[1] in crates], own(right))
        if solution == FRAUD:
            layer.equal("fraud: every object was reviewed", *(sorted(path for path in tree(folder) if path.endswith(".yaml")) for folder in (out, right)))
            layer.equal("fraud: every file of a process was reviewed", own(out), own(right))
        for path, wanted in tree(right).items():
            got = (out / path).read_bytes() if (out / path).is_file() else b""
            lines = list(difflib.unified_diff(wanted.decode().splitlines(), got.decode().splitlines(), "reviewed", "written", lineterm="", n=2))
            repeat = shlex.join([*map(str, done.args), "&&", "cp", str(out / path), str(right / path)]).replace("'&&'", "&&")
            layer.check(f"{solution.name}: {path} is as it was reviewed", not lines, "\n      ".join(lines[:30]), repeat)


def no_socket():
    if calls.missing():
        layer.skip("compile opens no socket", calls.missing())
        return
    without_sockets = calls.refusing(["socket"], calls.ENDS)
    try:
        caught = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], preexec_fn=without_sockets, capture_output=True)
    except subprocess.SubprocessError as error:
        layer.skip("compile opens no socket", f"the machine has no filter of calls: {error}")
        return
    layer.equal("a process that asks for a socket is ended", caught.returncode, -signal.SIGSYS)
    out = scratch("quiet") / "out"
    done = subprocess.run([FEC, "compile", FRAUD, "--target", "prod", "-o", out], preexec_fn=without_sockets, capture_output=True, text=True)
    layer.check("compile opens no socket", done.returncode == 0 and len(tree(out)) > 5, f"exit {done.returncode}: {done.stderr}")


def no_secret():
    """Secrets of the environment appear nowhere, whatever is said about them."""
    environment = {name: CANARY for name in ("KAFKA_BROKERS", "kafka", "KAFKA", "redis-url", "REDIS_URL", "FLOW_STORE_URL", "AWS_SECRET_ACCESS_KEY", "y", "NO", "1e3", "0x10", "SECRET_YES", "yes")}
    where = []
    for solution in (FRAUD, ROOT / "tests/solutions/names"):
        out = scratch("canary") / "out"
        for arguments in (["compile", solution, "--target", "prod", "-o", out], ["compile", solution, "--target", "prod", "-o", out, "--format", "json"],
                          ["compile", solution, "--target", "none", "-o", out], ["check", solution], ["explain", f"{out}/argo/account.yaml:9"]):
            done = subprocess.run([FEC, *arguments], env={**os.environ, **environment}, capture_output=True, text=True)
            if CANARY in done.stdout + done.stderr:
                where.append(" ".join(map(str, arguments)))
        files = tree(out)
        layer.check(f"{solution.name}: compiles with secrets around", len(files) > 5, str(sorted(files)))
        where += [path for path, contents in files.items() if CANARY.encode() in contents]
    layer.equal("no secret appears anywhere", where, [])
    refused = fec("check", "-", stdin=f'solution s {{ version: "1.0.0" }}\ntarget t {{ store: redis(url: "redis://me:{CANARY}@host") }}\n')
    layer.check("a password in the text is refused", refused.returncode == 1 and "E0506" in refused.stderr, refused.stderr)


def only_its_own():
    folder = scratch("mine")
    (folder / "notes.txt").write_text("mine")
    done = compile(FRAUD, folder)
    layer.check("a folder with something else in it is refused", done.returncode == 2 and "notes.txt" in done.stderr and tree(folder) == {"notes.txt": b"mine"}, f"exit {done.returncode}: {done.stderr}", command_line(done))
    (folder / "manifest.json").write_text("{}")
    done = compile(FRAUD, folder)
    layer.check("a list that no compile wrote is none", done.returncode == 2 and len(tree(folder)) == 2, f"exit {done.returncode}: {done.stderr}")
    done = compile(FRAUD, folder / "notes.txt")
    layer.check("a file is no folder", done.returncode == 2, done.stderr)
    out = folder / "out"
    compile(FRAUD, out)
    before = tree(out)
    broken = scratch("broken")
    (broken / "s.asol").write_text("solution s { version: \"1.0.0\" }\njob j { a = b }\n")
    done = compile(broken, out)
    layer.check("a wrong solution leaves the folder as it is", done.returncode == 1 and tree(out) == before, done.stderr)
    done = compile(FRAUD, out, "--target", "prdo")
    layer.check("an unknown target is named", done.returncode == 1 and "prdo" in done.stderr and "E0505" in done.stderr, done.stderr)


def kills():
    """However it is killed, the folder holds the former tree, the new one or nothing, and the next compile works."""
    folder = scratch("kills")
    out = folder / "out"
    compile(FRAUD, out)
    whole = [tree(out)]
    compile(FRAUD, out, "--target", "prod")
    whole.append(tree(out))
    chance, torn = random.Random(SEED), []
    began = time.monotonic()
    compile(FRAUD, out, "--target", "prod")
    usual = time.monotonic() - began
    for number in range(ROUNDS):
        child = start([FEC, "compile", FRAUD, "-o", out, *(["--target", "prod"] if number % 2 else [])], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * usual * 1.2)
        child.kill()
        child.wait()
        if out.exists() and tree(out) not in whole:
            torn.append(number)
    layer.equal("a killed compile leaves no half of a tree", torn, [])
    done = compile(FRAUD, out, "--target", "prod")
    layer.check("the next compile works", done.returncode == 0 and tree(out) == whole[1], done.stderr)


def main():
    listed()
    reviewed()
    the_same_everywhere()
    no_socket()
    no_secret()
    only_its_own()
    kills()


main()
