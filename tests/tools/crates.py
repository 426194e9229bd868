"""The generated crates: they build with nothing but a filled cache, and their processes give what `fec run` gives."""

import csv
import gzip
import hashlib
import http.client
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tarfile
import threading
import time
import urllib.error
import urllib.request

from checks import FEC, ROOT, SEED, TARGET, Layer, fec, free_port, killed_at_random, lines, scratch, shown, start, wait_for
from server import Server

SOLUTION = "examples/fraud"
KILLS = int(os.environ.get("FEC_KILLS", "4"))
BUILT = TARGET / "compiled"
# Where solutions are compiled to, one after the other: what is built of the runtime is that of all of them.
OUT = TARGET / "compiled-solution/out"
# A comparison in the rules of a crate, and the test that sees it changed.
PLANTED = {
    "scoring-alerts": (r"payments_10m\? > 5", "more than five payments in ten minutes, and more than ten times the mean in an hour, are a burst"),
    "scoring-score": (r"card_countries_24h\? > 4", "four countries do not, and a risk of 0.9 is not above 0.9"),
}
layer = Layer("crates")


def files(folder):
    """The bytes of everything below a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def cargo(crates, *words):
    env = dict(os.environ, CARGO_TARGET_DIR=str(BUILT))
    return subprocess.run(["cargo", *words], cwd=crates, env=env, capture_output=True, text=True, timeout=3600)


def built(crates):
    """Whether the crates are as they should be, and their binaries there."""
    done = cargo(crates, "fmt", "--all", "--check")
    layer.check("they are formatted, the runtime too", done.returncode == 0, done.stdout[-600:] + done.stderr[-300:])
    done = cargo(crates, "clippy", "--release", "--locked", "--offline", "--quiet", "--", "-D", "warnings")
    layer.check("clippy has no warning", done.returncode == 0, done.stderr[-1500:])
    done = cargo(crates, "build", "--release", "--locked", "--offline", "--quiet")
    return layer.check("they build with the lock beside them, offline", done.returncode == 0, done.stderr[-1500:])


def hygiene(crates):
    own = [path for path in sorted(crates.rglob("*.rs")) if "runtime" not in path.relative_to(crates).parts]
    texts = {str(path.relative_to(crates)): path.read_text(encoding="utf-8") for path in own}
    count = sum(len(text.splitlines()) for text in texts.values())
    layer.check("they are at most 1,500 lines", 0 < count <= 1500, f"{count} lines")
    bad = [path for path, text in texts.items() if "unsafe" in text or "#[allow" in text]
    layer.equal("none has unsafe code or allows a lint", bad, [])
    named = [path for path, text in texts.items() if path.endswith("main.rs") and "fraud.asol:" not in text]
    layer.equal("what they came from is named", named, [])


def parted():
    """Built together with workers that read Parquet files, a service that reads none holds nothing of it."""
    held = lambda name: all(word in binary(name).read_bytes() for word in (b"PAR1", b"parquet"))
    layer.equal("only who may read Parquet files holds what reads them", [held(name) for name in ("scoring-alerts", "scoring-train", "scoring-score")], [True, True, False])


def binary(name):
    return BUILT / "release" / name


def once(name, state, out, *more):
    """A worker to the end of its data."""
    words = [binary(name), "--root", ROOT / SOLUTION, "--once", "--state", state, "--out", out, "--format", "json", *more]
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=600)


def summary(done):
    found = [line for line in lines(done.stdout) if line.get("event") == "summary"]
    return found[0] if found else {}


def differing(got, wanted):
    return sorted(path for path in set(got) | set(wanted) if got.get(path) != wanted.get(path))


def equal(name):
    """The worker's files against those of `fec run`; gives the latter."""
    out = scratch("crates-run") / "out"
    done = fec("run", SOLUTION, "--once", "--state", scratch("crates-run") / "state", "--out", out, "--format", "json")
    if not layer.check("fec run runs", done.returncode == 0, done.stderr[-600:]):
        return None
    wanted = files(out)
    state, own = scratch("crates-worker") / "state", scratch("crates-worker") / "out"
    done_own = once(name, state, own)
    if not layer.check(f"{name} runs", done_own.returncode == 0, done_own.stderr[-600:]):
        return None
    layer.equal(f"{name} writes what fec run writes, byte for byte", differing(files(own), wanted), [])
    layer.check("something was written", len(wanted.get("sinks/fraud_alerts.jsonl", b"")) > 0, shown(list(wanted)))
    layer.equal("it counts the same", summary(done_own), summary(done))
    again = once(name, state, own)
    layer.check("it starts again", again.returncode == 0, again.stderr[-600:])
    layer.equal("a second start changes nothing", differing(files(own), wanted), [])
    return wanted


def killed(name, wanted):
    """Kills at random moments lose nothing and double nothing."""
    chance = random.Random(SEED)
    state, own = scratch("crates-killed") / "state", scratch("crates-killed") / "out"
    words = [binary(name), "--root", ROOT / SOLUTION, "--once", "--state", state]
    killed_at_random(words, KILLS, chance, (0.02, 0.6))
    done = once(name, state, own)
    if layer.check(f"{name} ends after {KILLS} kills", done.returncode == 0, done.stderr[-600:]):
        layer.equal("kills change nothing", differing(files(own), wanted), [])


def followed(name):
    """Kills while live records are appended and followed: all that is in the log counts once, as it does for `fec run`."""
    chance = random.Random(SEED)
    state, own = scratch("crates-live") / "state", scratch("crates-live") / "out"
    words = [binary(name), "--root", ROOT / SOLUTION]
    for _ in range(KILLS):
        worker = Server(words, state, 0)
        if not layer.check(f"{name} follows live records", worker.ready(60), shown(worker.errors)):
            return
        time.sleep(chance.uniform(0.1, 0.9))
        metrics = worker.request("GET", "/metrics")[2]
        lags = re.findall(r'^fec_lag_records\{source="(\w+)",partition="(\d)"\} \d+$', metrics, re.M)
        layer.equal("each partition tells what it has that is not applied", sorted(lags), [(source, str(index)) for source in ("chargebacks", "payments") for index in range(4)])
        worker.stop(signal.SIGKILL)
    done = once(name, state, own)
    if not layer.check(f"{name} ends after kills among live records", done.returncode == 0, done.stderr[-600:]):
        return
    accepted = summary(done).get("sources", {}).get("payments", {}).get("accepted", 0)
    layer.check("live records were among them", accepted > 50_000, shown(summary(done)))
    # Another generation over the same log: all of it again, by other means and without a kill.
    settings = json.loads((state / "solution.json").read_text(encoding="utf-8"))
    (state / "solution.json").write_text(json.dumps({**settings, "plan": "another"}), encoding="utf-8")
    out = scratch("crates-live") / "out"
    done = fec("run", SOLUTION, "--once", "--state", state, "--out", out, "--format", "json")
    if layer.check("fec run runs over the same log", done.returncode == 0, done.stderr[-600:]):
        layer.equal("kills among live records change nothing", differing(files(own), files(out)), [])


def wrong(name):
    """What a process is called wrongly with."""
    done = subprocess.run([str(binary(name)), "--frob"], capture_output=True, text=True, timeout=60)
    layer.check("an unknown option is a usage error", done.returncode == 2 and "--frob" in done.stderr, done.stderr)
    done = subprocess.run([str(binary(name)), "--once", "--bind", "nobody=x", "--state", str(scratch("crates-wrong"))],
                          capture_output=True, text=True, timeout=60)
    layer.check("a bind of an unknown source is refused", done.returncode == 3 and "nobody" in done.stderr, done.stderr)
    done = subprocess.run([str(binary("scoring-score")), "--out", "x"], capture_output=True, text=True, timeout=60)
    layer.check("a service has no --out", done.returncode == 2 and "--out" in done.stderr, done.stderr)


def models(state):
    """The published versions below a state folder; what a killed process had begun to write is none."""
    found = files(state / "models") if (state / "models").is_dir() else {}
    return {path: text for path, text in found.items() if not pathlib.PurePath(path).name.startswith(".")}


def killed_now_and_then(words, env, chance):
    """Runs a process to its end, after it was killed some times at random moments."""
    killed_at_random(words, KILLS if KILLS > 4 else 1, chance, (0.01, 0.5), env=env)
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=600)


def trained():
    """The job's binary, whole and step by step, against the model of `fec run`."""
    chance = random.Random(SEED)
    state = scratch("crates-trained") / "state"
    done = fec("run", SOLUTION, "--once", "--state", state)
    wanted = models(state)
    if not layer.check("fec run publishes a model", done.returncode == 0 and len(wanted) == 1, done.stderr[-600:] + shown(list(wanted))):
        return
    job = [str(binary("scoring-train")), "--root", str(ROOT / SOLUTION), "--format", "json"]
    own = scratch("crates-job") / "state"
    done = killed_now_and_then([*job, "--once", "--state", str(own)], None, chance)
    layer.equal("the job's binary publishes it, byte for byte", (done.returncode, models(own)), (0, wanted))
    told = [line for line in lines(done.stdout) if line.get("event") == "model"]
    layer.check("it says so", len(told) == 1 and told[0]["published"] and told[0]["metrics"]["auc"] > 0.9, done.stdout + done.stderr)
    # Beside a worker that is still filling the log with the simulated history, it waits until all of that is there.
    own = scratch("crates-together") / "state"
    keeper = start([str(binary("scoring-alerts")), "--root", str(ROOT / SOLUTION), "--once", "--state", str(own)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: (own / "log").is_dir(), 30, 0.005)
    done = subprocess.run([*job, "--once", "--state", str(own)], capture_output=True, text=True, timeout=600)
    layer.equal("begun together with the worker it publishes the same, byte for byte", (done.returncode, models(own)), (0, wanted))
    layer.equal("the worker beside it ends well", keeper.wait(60), 0)
    # The very commands of the workflow, in the order of its tasks, each killed and done twice.
    text = (OUT / "argo/train.yaml").read_text(encoding="utf-8")
    steps = re.findall(r'- "--step"\n\s+- "?([^"\n]+)"?', text)
    layer.equal("the workflow has the steps of the job", steps, ["rows", "split-parts", "train-model", "evaluate-report", "publish-scorer", "finish"])
    own, outputs = scratch("crates-steps") / "state", scratch("crates-steps") / "outputs"
    env = dict(os.environ, FEC_OUTPUTS=str(outputs))
    call = lambda step, *more: [*job, "--state", str(own), "--run", "r-1", "--now=", "--step", step, *more]
    lost = subprocess.run(call("train-model"), env=env, capture_output=True, text=True, timeout=600)
    layer.check("a run begins with its rows", lost.returncode == 3 and "`rows`" in lost.stderr, lost.stderr)
    for step in steps:
        for _ in range(2):
            done = killed_now_and_then(call(step), env, chance)
            layer.check(f"the step {step} is done", done.returncode == 0, done.stderr[-600:])
        if step == "rows":
            other = subprocess.run(call(step, "--param", "x=1"), env=env, capture_output=True, text=True, timeout=600)
            layer.check("a parameter that is not there is refused", other.returncode == 3 and "no such parameter" in other.stderr, other.stderr)
        if step == "rows":
            moved = subprocess.run(call(step, "--now=2000-01-01T00:00:00Z"), env=env, capture_output=True, text=True, timeout=600)
            layer.check("a run keeps the instant that it was begun with", moved.returncode == 3 and "another --now" in moved.stderr, moved.stderr)
        if step == "evaluate-report":
            layer.equal("it says that the model is published", {path: text.decode() for path, text in files(outputs).items()}, {"publish-scorer": "true"})
            layer.equal("nothing is published before that", models(own), {})
    layer.equal("step by step gives the same model, byte for byte", models(own), wanted)
    layer.check("nothing is left of the run", not (own / "lake/.runs/r-1").exists(), shown([str(path) for path in own.rglob("*")][:20]))
    early = [subprocess.run([*call(step), "--now=2000-01-01T00:00:00Z", "--run", "early"], capture_output=True, text=True, timeout=600) for step in steps[:3]]
    layer.check("before the first event there is nothing to train", [done.returncode for done in early] == [0, 0, 1] and "cannot be trained" in early[2].stderr, early[2].stderr)
    unknown = subprocess.run(call("frob"), env=env, capture_output=True, text=True, timeout=600)
    layer.check("an unknown step, of a run that is over, is refused", unknown.returncode == 3, unknown.stderr)


def tree(crates):
    """A service needs no reader of columns and no client of a cluster."""
    done = cargo(crates, "tree", "--locked", "--offline", "-p", "scoring-score", "-e", "normal", "--prefix", "none")
    heavy = sorted({line.split()[0] for line in done.stdout.splitlines() if line.split()[0].startswith(("arrow", "parquet", "kube"))})
    layer.equal("the service stands on no arrow, parquet or kube", (done.returncode, heavy), (0, []))


def readiness(port):
    """What `/readyz` says; nothing where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return json.loads(refused.read())
    except OSError:
        return None


def alike(what, ours, theirs, requests):
    """Whether two processes answer each request with the same status, time, cut and bytes; gives the answers."""
    answers, different = [], []
    for method, path, body in requests:
        got, wanted = (server.request(method, path, body) for server in (ours, theirs))
        parts = [(status, headers.get("fec-time"), headers.get("fec-cut"), headers.get("content-type"), text) for status, headers, text in (got, wanted)]
        answers.append(parts[1])
        if parts[0] != parts[1]:
            different.append((path, body, *parts))
    layer.check(what, not different, f"{len(different)} of {len(requests)}: {shown(different[:2])}")
    return answers


def payments(folder):
    """Payments of cards that have a past, of cards that have none, and what is no payment."""
    chance = random.Random(SEED)
    past = [json.loads(line) for line in chance.sample((folder / "payments.jsonl").read_text(encoding="utf-8").splitlines(), 150)]
    good = [json.dumps({**one, "amount": f"{chance.uniform(0.5, 4_000):.2f}", "country": chance.choice(["FR", "DE", one["country"]])}) for one in past]
    good.append(json.dumps({**past[0], "card": "nobody"}))
    bad = ["{", "[]", "{}", json.dumps({**past[0], "amount": "much"}), json.dumps({**past[1], "at": 5}), json.dumps({**past[2], "amount": "1.234"})]
    return [("POST", "/score", body) for body in good + bad] + [("GET", "/score", None), ("GET", "/nowhere", None), ("GET", "/openapi.json", None)]


def binds(folder):
    words = []
    for name in ["payments.jsonl", "chargebacks.jsonl", "merchants.csv"]:
        words += ["--bind", f"{name.split('.')[0]}={folder / name}"]
    return words


def taught():
    """Simulated events of which the job publishes a model; of a history this short, the gate refuses that of one in twenty."""
    for seed in range(SEED % 1000, SEED % 1000 + 8):
        events, state = scratch("crates-events"), scratch("crates-taught") / "state"
        done = fec("simulate", SOLUTION, "--rows", "20000", "--seed", seed, "-o", events)
        if not layer.check("events are simulated", done.returncode == 0, done.stderr[-600:]):
            return None
        done = fec("run", SOLUTION, "--once", *binds(events), "--state", state)
        if not layer.check("fec run runs over them", done.returncode == 0, done.stderr[-600:]):
            return None
        if models(state):
            return events
    layer.check("one of eight histories gives a model", False, done.stdout)
    return None


def served():
    """The compiled service beside the compiled worker, against `fec run` over the same events."""
    events = taught()
    if events is None:
        return
    words = binds(events)
    state = scratch("crates-service") / "state"
    port = free_port()
    service = [binary("scoring-score"), "--root", ROOT / SOLUTION, *words]
    late = Server(service, state, port)
    first = wait_for(lambda: readiness(port), 20)
    fine = isinstance(first, dict) and first.get("ready") is False and "scoring-alerts" in first.get("reason", "")
    layer.check("a service that is alone answers, is not ready, and says what it waits for", fine, shown(first))
    alone = start([*map(str, service), "--once", "--state", str(scratch("crates-alone") / "state")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    worker = [binary("scoring-alerts"), "--root", ROOT / SOLUTION, *words]
    keeper = Server(worker, state, 0)
    if not layer.check("the service is ready once the worker has applied history", late.ready(60) and keeper.ready(60), shown(late.errors)):
        return
    metrics = keeper.request("GET", "/metrics")[2]
    layer.check("the worker tells how far it is", all(f'fec_feature_time_seconds{{features="{name}"}}' in metrics for name in ("card_activity", "merchant_volume", "merchant_disputes")) and "fec_applied_time_seconds" in metrics, shown(metrics))
    fresh = [line for line in late.request("GET", "/metrics")[2].splitlines() if line.startswith("fec_feature_time_seconds")]
    layer.equal("the copy of the service is as fresh as what the worker keeps", fresh, [line for line in metrics.splitlines() if line.startswith("fec_feature_time_seconds")])
    layer.equal("the worker is ready", keeper.request("GET", "/readyz")[0], 200)

    whole = Server([FEC, "run", SOLUTION, *words], scratch("crates-whole") / "state", 0)
    whole_state = whole.child.args[whole.child.args.index("--state") + 1]
    if not layer.check("fec run trains its model", wait_for(lambda: whole.ready(60) and whole.models().get("scorer"), 240, 0.5), shown(whole.errors)):
        return
    shutil.copytree(f"{whole_state}/models", state / "models-new")
    os.rename(state / "models-new", state / "models")
    layer.check("a published model is picked up by a service that runs", wait_for(lambda: late.models() == whole.models(), 30, 0.2), shown(late.models()))
    requests = payments(events)
    answers = alike("it answers as fec run does, byte for byte", late, whole, requests)
    layer.check("answers differ from each other", len({answer[-1] for answer in answers if answer[0] == 200}) > 1, shown(answers[:3]))
    layer.check("what is no payment is refused", {answer[0] for answer in answers} >= {200, 400, 404, 405, 422}, shown(sorted({answer[0] for answer in answers})))

    chance = random.Random(SEED)
    for _ in range(KILLS):
        for server, command in ((late, service), (keeper, worker)):
            server.stop(signal.SIGKILL)
            again = start([*map(str, command), "--port", "0", "--state", str(state)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.01, 0.4))
            again.kill()
            again.wait()
    told = alone.communicate(timeout=60)[1]
    layer.check("one that is to end does not wait for ever", alone.returncode == 3 and "start `scoring-alerts`" in told, told)
    late, keeper = Server(service, state, 0), Server(worker, state, 0)
    if layer.check(f"both start again after {KILLS} kills each", late.ready(60) and keeper.ready(60), shown(late.errors + keeper.errors)):
        alike("it answers the same after the kills", late, whole, requests)
    taken = subprocess.run([*map(str, service), "--state", str(state), "--port", late.ready()["url"].rsplit(":")[-1]], capture_output=True, text=True, timeout=60)
    layer.check("a port in use is refused in words", taken.returncode == 3 and "in use" in taken.stderr, taken.stderr)
    replaced(late, service, state)
    layer.equal("the service ends cleanly", late.stop(), 0)
    layer.equal("the worker ends cleanly", keeper.stop(), 0)
    whole.stop()


def replaced(service, command, state):
    """Another version of the solution takes the state over: a service of this one goes on answering from its copy."""
    kept = (state / "solution.json").read_text(encoding="utf-8")
    settings = json.loads(kept)
    (state / "solution.json").write_text(json.dumps({**settings, "plan": "another", "generation": settings["generation"] + 1}), encoding="utf-8")
    port = service.ready()["url"].rsplit(":")[-1]
    payment = {"id": "p", "card": "c", "merchant": "m", "amount": "12.50", "country": "FR", "at": "2026-01-01T00:00:00Z"}
    before = service.score(payment)
    layer.check("a service notices that another version has the state", wait_for(lambda: "another version" in "".join(service.errors), 20), shown(service.errors))
    layer.check("it stays ready", (readiness(port) or {}).get("ready"), shown(readiness(port)))
    layer.equal("and answers from what it has", service.score(payment), before)
    place = free_port()
    late = Server(command, state, place)
    found = wait_for(lambda: (readiness(place) or {}).get("reason"), 20)
    layer.check("one that starts then has nothing to answer from, and says so", "another version" in (found or ""), shown(found))
    (state / "solution.json").write_text(kept, encoding="utf-8")
    layer.check("both are ready when their own version has it", wait_for(lambda: all((readiness(at) or {}).get("ready") for at in (port, place)), 20), shown([readiness(port), readiness(place)]))
    late.stop()


def asked(name, worker, state, run_state, requests):
    """The services of a solution beside what its workers have left, against `fec run` on its own state."""
    solution = f"tests/solutions/{name}"
    left = {"fec run": scratch(f"{name}-left") / "out", "the binaries": scratch(f"{name}-left") / "out"}
    whole = Server([FEC, "run", solution], run_state, 0, "--out", left["fec run"])
    if not layer.check(f"fec run serves {name}", whole.ready(120), shown(whole.errors)):
        return
    if (run_state / "models").is_dir():
        shutil.copytree(run_state / "models", state / "models", dirs_exist_ok=True)
    for unit, wanted in requests:
        service = Server([binary(unit), "--root", ROOT / solution], state, 0)
        if not layer.check(f"{unit} is ready", service.ready(60), shown(service.errors)):
            continue
        answers = alike(f"{unit} answers as fec run does, byte for byte", service, whole, wanted)
        good = {answer[-1] for answer in answers if answer[0] == 200}
        layer.check(f"answers of {unit} differ from each other, and bad requests are refused", len(good) > 3 and {400, 422} & {answer[0] for answer in answers}, shown(answers[:3]))
        layer.equal(f"{unit} ends cleanly", service.stop(), 0)
    whole.stop()
    done = subprocess.run(list(map(str, [worker, "--root", ROOT / solution, "--once", "--state", state, "--out", left["the binaries"]])), capture_output=True, text=True, timeout=600)
    ours, theirs = (files(left[who]) for who in ("the binaries", "fec run"))
    layer.check(f"what requests of {name} have left is there", done.returncode == 0 and any(theirs.values()), done.stderr[-600:])
    layer.equal(f"requests to the binaries of {name} leave in sinks what they leave for fec run", differing(ours, theirs), [])


def flights():
    """Flights as they are planned, some of airports that nobody knows, and what is no flight."""
    with open(ROOT / "tests/solutions/flights/../../../../shared/data/flights/flights.csv", encoding="utf-8") as rows:
        rows = list(csv.DictReader(rows))
    planned = [{"departed": row["departed"], "origin": row["origin"], "destination": row["destination"], "distance": int(row["distance"])} for row in random.Random(SEED).sample(rows, 120)]
    planned.append({**planned[0], "origin": "???"})
    bad = [{**planned[0], "distance": "far"}, {**planned[0], "departed": "soon"}, {}, []]
    return [("operations-score", [("POST", "/score", json.dumps(one)) for one in planned + bad] + [("POST", "/score", "{")])]


def returns():
    """Users and checkouts, and what is none."""
    users = [("GET", f"/users/{number}", None) for number in range(120)] + [("GET", "/users/nobody", None), ("GET", "/users/%ff", None)]
    with open(ROOT / "tests/solutions/returns/../../../../shared/data/returns/checkouts.csv", encoding="utf-8") as rows:
        rows = [{"ts": int(row["ts"]), "refund_amt": int(row["refund_amt"]), **{key: row[key] for key in ("return_id", "user_id", "product_id")}} for row in csv.DictReader(rows)]
    instant = lambda row: {**row, "ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(row["ts"] // 1000))}
    checkouts = [("POST", "/checkout", json.dumps(instant(row))) for row in rows[:120]] + [("POST", "/checkout", json.dumps({**instant(rows[0]), "refund_amt": 1.5}))]
    return [("shop-profile", users), ("shop-judge", checkouts)]


def offers():
    """Wishes and shops, some that nobody knows, and what is none."""
    chance = random.Random(SEED)
    wish = lambda: {"shop": chance.choice("abcdexyz"), "price": chance.randrange(1, 1_200)}
    wanted = [{"id": f"r{number}", "wishes": [wish() for _ in range(chance.randrange(0, 7))], "most": chance.randrange(1, 1_300)} for number in range(120)]
    bad = [{**wanted[0], "most": "much"}, {**wanted[0], "wishes": [{}]}, {}, []]
    shops = [("GET", f"/shop/{shop}", None) for shop in [*"abcdexyz", "nobody", "%ff"]]
    cheap = [("POST", "/cheap", json.dumps({"wishes": one["wishes"], "most": one["most"]})) for one in wanted[:40]] + [("POST", "/cheap", json.dumps({"wishes": [{}], "most": 1}))]
    return [("offer", [("POST", "/offer", json.dumps(one)) for one in wanted + bad]), ("cheap", cheap), ("shop", shops)]


def decisions():
    """Orders, of which some buyers are blocked."""
    chance = random.Random(SEED)
    item = lambda: {"id": f"i{chance.randrange(5)}", "price": f"{chance.uniform(0.5, 90):.2f}"}
    buyers = ["mallory", "ann", "bob", "eve", "cy"]
    order = lambda number: {"id": f"o{number}", "buyer": chance.choice(buyers), "share": chance.randrange(0, 3), "items": [item() for _ in range(chance.randrange(0, 5))]}
    orders = [{**order(number), **({"coupon": "c" * chance.randrange(0, 60)} if chance.random() < 0.5 else {})} for number in range(120)]
    return [("order", [("POST", "/order", json.dumps(one)) for one in orders + [{**orders[0], "share": 1.5}, {}]])]


def killed_services(name, unit, path, body, sink):
    """Kills of a service that emits: what is there is whole and once, and after SIGTERM each response has its row."""
    solution, base = f"tests/solutions/{name}", scratch(f"{name}-emits")
    state, out = base / "state", base / "out"
    worker = [path.parent.parent.name for path in sorted((OUT / "crates").glob("*/src/main.rs")) if "flow_launch::worker(" in path.read_text(encoding="utf-8")][0]
    once_more = list(map(str, [binary(worker), "--root", ROOT / solution, "--once", "--state", state, "--out", out]))
    if not layer.check(f"{worker} fills the state", subprocess.run(once_more, capture_output=True, timeout=600).returncode == 0):
        return
    chance, asked_for, answered = random.Random(SEED), [], []
    for number in range(KILLS + 1):
        # Two at once, which write to one sink.
        servers = [Server([binary(unit), "--root", ROOT / solution], state, 0) for _ in range(2)]
        if not layer.check(f"{unit} is ready after {number} kills", all(server.ready(60) for server in servers), shown(servers[0].errors)):
            return
        last, lock = number == KILLS, threading.Lock()

        def ask(server, which):
            for count in range(150):
                key = f"{number}-{which}-{count}"
                with lock:
                    asked_for.append(key)
                try:
                    status, _, text = server.request("POST", path, body(key))
                except (OSError, http.client.HTTPException):
                    return
                layer.check(f"{unit} answers {key}", status == 200, text) if status != 200 else None
                if last:
                    with lock:
                        answered.append(key)

        threads = [threading.Thread(target=ask, args=(server, which)) for which, server in enumerate(servers)]
        for thread in threads:
            thread.start()
        if last:
            for thread in threads:
                thread.join()
            layer.equal(f"{unit} ends well under SIGTERM", [server.stop() for server in servers], [0, 0])
        else:
            time.sleep(chance.uniform(0.01, 0.3))
            for server in servers:
                server.stop(signal.SIGKILL)
            for thread in threads:
                thread.join()
    done = subprocess.run(once_more, capture_output=True, text=True, timeout=600)
    layer.check(f"{worker} ends after the kills of {unit}", done.returncode == 0, done.stderr[-600:])
    rows = [json.loads(line)["id"] for line in (out / "sinks" / f"{sink}.jsonl").read_text(encoding="utf-8").splitlines()]
    layer.equal(f"{unit}: no row is there twice", len(rows), len(set(rows)))
    layer.equal(f"{unit}: each is one that somebody asked for", sorted(set(rows) - set(asked_for))[:5], [])
    layer.equal(f"{unit}: after SIGTERM each response has its row", sorted(set(answered) - set(rows))[:5], [])
    layer.check(f"{unit}: responses before kills have left rows, too", len(answered) == 300 and len(rows) > 300, f"{len(answered)} answered, {len(rows)} rows")


def whole(name, requests, writes=True):
    """The workspace of another solution; its jobs and workers together write what `fec run` writes, and publish the same."""
    solution = f"tests/solutions/{name}"
    done = fec("compile", solution, "-o", OUT)
    crates = OUT / "crates"
    if not layer.check(f"{name} compiles", done.returncode == 0, done.stderr[-600:]) or not built(crates):
        return
    out, own, state = scratch(f"{name}-run") / "out", scratch(f"{name}-own") / "out", scratch(f"{name}-own") / "state"
    run_state = out.parent / "state"
    done = fec("run", solution, "--once", "--state", run_state, "--out", out)
    if not layer.check(f"fec run runs {name}", done.returncode == 0, done.stderr[-600:]):
        return
    processes = []
    for kind in ("flow_launch::job(", "flow_launch::worker("):
        processes += [path.parent.parent for path in sorted(crates.glob("*/src/main.rs")) if kind in path.read_text(encoding="utf-8")]
    for crate in processes:
        manifest = (crate / "Cargo.toml").read_text(encoding="utf-8")
        called = manifest.split("[[bin]]\nname = \"")[1].split('"')[0] if "[[bin]]" in manifest else crate.name
        words = [binary(called), "--root", ROOT / solution, "--once", "--state", state, "--out", own]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=600)
        layer.check(f"{called} runs", done.returncode == 0, done.stderr[-600:])
    got, wanted = files(own), files(out)
    layer.equal(f"the binaries of {name} write what fec run writes, byte for byte", differing(got, wanted), [])
    layer.equal(f"the binaries of {name} publish what fec run publishes", models(state), models(run_state))
    layer.equal(f"{name}: something was written", any(wanted.values()), writes)
    agreeing(name)
    asked(name, binary(called), state, run_state, requests)


def printed(name):
    """The workspace of a solution that is there for what is in its text."""
    done = fec("compile", f"tests/solutions/{name}", "-o", OUT)
    if layer.check(f"{name} compiles", done.returncode == 0, done.stderr[-600:]) and built(OUT / "crates"):
        agreeing(name)


def tested(*words, out=OUT, solution=SOLUTION, target=BUILT):
    """What `fec test --compiled` says: its exit code, its lines, what is on stderr."""
    os.environ["CARGO_TARGET_DIR"] = str(target)
    done = fec("test", solution, "--compiled", out, "--format", "json", *words)
    return done.returncode, lines(done.stdout), done.stderr


def language():
    """The language's tests against the binaries: green as they are, red with a comparison changed by hand."""
    interpreted = lines(fec("test", SOLUTION, "--format", "json").stdout)
    code, told, errors = tested()
    layer.check("the tests pass against the binaries", code == 0 and told[-1]["summary"]["passed"] >= 2, shown(told) + errors)
    layer.equal("they are those of fec test", {line["test"] for line in told[:-1]}, {line["test"] for line in interpreted[:-1]})
    layer.equal("the engine is named", {line["engine"] for line in told[:-1]}, {"compiled"})
    code, told, errors = tested(out=scratch("crates-nothing"))
    layer.check("a folder that no compile wrote is refused", code == 2 and "fec compile" in errors, errors)
    code, told, errors = tested(target=scratch("crates-unbuilt"))
    layer.check("binaries that are not there are asked for", code == 3 and "cargo build --release" in errors, errors)
    copy = scratch("crates-other") / "fraud"
    shutil.copytree(ROOT / SOLUTION, copy)
    text = (copy / "fraud.asol").read_text(encoding="utf-8")
    (copy / "fraud.asol").write_text(text.replace("risk > 0.9", "risk > 0.8"), encoding="utf-8")
    code, told, errors = tested(solution=copy)
    layer.check("binaries of another form of the solution are refused", code == 3 and "fec compile" in errors, errors)

    written = {}
    for crate, (comparison, _) in PLANTED.items():
        path = OUT / "crates" / crate / "src/rules.rs"
        written[path] = path.read_text(encoding="utf-8")
        text, count = re.subn(comparison, lambda found: found[0].replace(">", ">="), written[path])
        if not layer.equal(f"the comparison is in {crate}", count, 1):
            return
        path.write_text(text, encoding="utf-8")
    code, told, errors = tested()
    layer.check("binaries older than their text are refused", code == 3 and "older" in errors and "cargo build" in errors, errors)
    done = cargo(OUT / "crates", "build", "--release", "--locked", "--offline", "--quiet")
    if layer.check("the crates build with other comparisons", done.returncode == 0, done.stderr[-900:]):
        code, told, errors = tested()
        failed = sorted(line["test"] for line in told if line.get("status") == "failed")
        layer.equal("comparisons changed by hand turn their tests red", (code, failed), (1, sorted(test for _, test in PLANTED.values())))
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    done = cargo(OUT / "crates", "build", "--release", "--locked", "--offline", "--quiet")
    layer.check("they pass again as they were", done.returncode == 0 and tested()[0] == 0, done.stderr[-900:])


def agreeing(name):
    """The tests of a solution say of its binaries what they say of the plan."""
    solution = f"tests/solutions/{name}"
    said = {}
    for engine, told in (("interpreted", lines(fec("test", solution, "--format", "json").stdout)), ("compiled", tested(solution=solution)[1])):
        said[engine] = {(line["test"], line["plane"]): (line["status"], line.get("message")) for line in told if "test" in line}
    asked = {key: verdict for key, verdict in said["compiled"].items() if verdict[0] != "skipped"}
    left = [verdict for verdict in said["compiled"].values() if verdict[0] == "skipped" and "no binary" not in verdict[1]]
    layer.check(f"{name}: each test is put to its binaries, or said to have none", said["compiled"] and not left, shown(said))
    different = [(key, verdict, said["interpreted"].get(key)) for key, verdict in asked.items() if verdict != said["interpreted"].get(key)]
    layer.equal(f"{name}: its tests say the same of them", different, [])


def changed():
    """A rule that changes is one crate to build, and no reason to build state anew."""
    copy = scratch("crates-changed") / "fraud"
    shutil.copytree(ROOT / SOLUTION, copy)
    text = (copy / "fraud.asol").read_text(encoding="utf-8")
    (copy / "fraud.asol").write_text(text.replace("risk > 0.9", "risk > 0.8"), encoding="utf-8")
    done = fec("compile", copy, "-o", OUT)
    began = time.monotonic()
    told = cargo(OUT / "crates", "build", "--release", "--locked", "--offline")
    took = time.monotonic() - began
    compiled = [line.split()[1] for line in told.stderr.splitlines() if line.split()[:1] == ["Compiling"]]
    if layer.equal("a changed rule builds one crate", (done.returncode, told.returncode, compiled), (0, 0, ["scoring-score"])):
        print(f"      in {took:.1f} s")


CANARY = "canary-of-the-image-layer"


def imaged():
    """The images of the example: whole, the same twice, without a secret, and enough for their binaries."""
    os.environ.update(CARGO_TARGET_DIR=str(BUILT), KAFKA_BROKERS=CANARY, FEC_SECRET_KAFKA=CANARY)
    digests = []
    for _ in range(2):
        done = fec("compile", SOLUTION, "--target", "prod", "-o", OUT, "--images", timeout=3600)
        if not layer.check("images are built", done.returncode == 0, done.stderr[-900:]):
            return
        digests.append({path: hashlib.sha256(text).hexdigest() for path, text in files(OUT / "images").items()})
    layer.equal("images are the same twice", digests[0], digests[1])
    os.environ["CARGO"] = "/bin/false"
    done = fec("compile", SOLUTION, "--target", "prod", "-o", OUT, "--images")
    del os.environ["CARGO"]
    left = {path: hashlib.sha256(text).hexdigest() for path, text in files(OUT / "images").items()}
    layer.equal("images that cannot be built leave those of before", (done.returncode, left), (3, digests[1]))
    blobs = {path.name: path.read_bytes() for path in (OUT / "images/oci/blobs/sha256").iterdir()}
    layer.equal("every blob has its digest", [name for name, text in blobs.items() if hashlib.sha256(text).hexdigest() != name], [])
    index = json.loads((OUT / "images/oci/index.json").read_text(encoding="utf-8"))
    names = sorted(one["annotations"]["io.containerd.image.name"] for one in index["manifests"])
    layer.equal("images have the names that pods ask for", names, sorted(wanted_images()))
    listed = {entry["path"] for entry in json.loads((OUT / "manifest.json").read_text(encoding="utf-8"))["files"]}
    layer.equal("every file of an image is listed", sorted(path for path in digests[0] if f"images/{path}" not in listed), [])
    for one in index["manifests"]:
        manifest = json.loads(blobs[one["digest"].split(":")[1]])
        config = json.loads(blobs[manifest["config"]["digest"].split(":")[1]])
        sizes = [len(blobs[part["digest"].split(":")[1]]) == part["size"] for part in [*manifest["layers"], manifest["config"]]]
        layer.check("parts have their sizes, and nobody is root", all(sizes) and config["config"]["User"] == "65532:65532", shown(config["config"]))
        root = scratch("crates-image")
        entrypoint = config["config"]["Entrypoint"][0]
        for part in manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blobs[part["digest"].split(":")[1]]))) as archive:
                found = [member.name for member in archive if member.isfile() and CANARY.encode() in archive.extractfile(member).read()]
                layer.equal("no secret is in a layer", found, [])
                archive.extractall(root, filter="tar")
        text = (root / entrypoint.lstrip("/")).read_bytes()
        home = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
        places = [place for place in (home, os.path.realpath(home), str(OUT), str(BUILT)) if place.encode() in text]
        layer.equal(f"{entrypoint} names no folder of who built it", places, [])
        named = b"parquet" in text and b"PAR1" in text
        layer.equal(f"{entrypoint} reads Parquet only where it reads histories", named, not entrypoint.endswith("scoring-score"))
        inside(root, entrypoint)


def wanted_images():
    """The images that manifests and workflows name."""
    found = set()
    for path in [*(OUT / "kubernetes").glob("*.yaml"), *(OUT / "argo").glob("*.yaml")]:
        found.update(line.split("image:")[1].strip().strip('"') for line in path.read_text(encoding="utf-8").splitlines() if " image:" in line)
    return found


def inside(root, entrypoint):
    """A binary of an image, with nothing around it but the image."""
    name = entrypoint.rsplit("/")[-1]
    if os.geteuid() != 0:
        layer.skip(f"{name} runs in its image", "only root can change its root folder")
        return
    (root / "tmp").chmod(0o1777)

    def enter():
        os.chroot(root)
        os.chdir("/solution")
        os.setgroups([])
        os.setgid(65532)
        os.setuid(65532)

    def run(*words):
        return subprocess.run([entrypoint, *words], preexec_fn=enter, env={}, capture_output=True, text=True, timeout=120)

    helped = run("--help")
    layer.check(f"{name} starts in its image", helped.returncode == 0 and "--state" in helped.stdout, helped.stdout + helped.stderr)
    if name == "scoring-alerts":
        own = scratch("crates-image-own") / "out"
        events = scratch("crates-image-events")
        done = fec("simulate", SOLUTION, "--rows", "20000", "-o", events)
        layer.check("events for the image are simulated", done.returncode == 0, done.stderr[-600:])
        shutil.copytree(events, root / "tmp/events")
        outside = once(name, scratch("crates-image-own") / "state", own, *binds(events))
        layer.check("something is written outside", len(files(own).get("sinks/fraud_alerts.jsonl", b"")) > 0, shown(summary(outside)))
        done = run("--once", "--state", "/tmp/state", "--out", "/tmp/out", "--format", "json", *map(str, binds(pathlib.Path("/tmp/events"))))
        if layer.check(f"{name} runs in its image", done.returncode == 0, done.stderr[-600:]):
            layer.equal("it writes there what it writes outside", (differing(files(root / "tmp/out"), files(own)), summary(done)), ([], summary(outside)))


def main():
    done = fec("compile", SOLUTION, "-o", OUT)
    if not layer.check("the example compiles", done.returncode == 0, done.stderr[-600:]):
        return
    crates = OUT / "crates"
    hygiene(crates)
    if not built(crates):
        return
    tree(crates)
    parted()
    wanted = equal("scoring-alerts")
    if wanted is not None:
        killed("scoring-alerts", wanted)
        followed("scoring-alerts")
    wrong("scoring-alerts")
    trained()
    served()
    language()
    changed()
    imaged()
    whole("flights", flights())
    whole("returns", returns())
    whole("offers", offers())
    killed_services("offers", "offer", "/offer", lambda key: json.dumps({"id": key, "wishes": [{"shop": "a", "price": 7}], "most": 5}), "noted")
    whole("decisions", decisions(), writes=False)
    for name in ["conversions", "kinds", "names"]:
        printed(name)


main()
