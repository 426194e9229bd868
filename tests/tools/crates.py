"""The generated crates: they build with nothing but a filled cache, and their processes give what `fec run` gives."""

import json
import os
import random
import signal
import subprocess
import time

from checks import ROOT, SEED, TARGET, Layer, fec, lines, scratch, shown, start

SOLUTION = "examples/fraud"
KILLS = int(os.environ.get("FEC_KILLS", "4"))
BUILT = TARGET / "compiled"
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


def binary(name):
    return BUILT / "release" / name


def once(name, state, out):
    """A worker to the end of its data."""
    words = [binary(name), "--root", ROOT / SOLUTION, "--once", "--state", state, "--out", out, "--format", "json"]
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
    for _ in range(KILLS):
        process = start(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.02, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = once(name, state, own)
    if layer.check(f"{name} ends after {KILLS} kills", done.returncode == 0, done.stderr[-600:]):
        layer.equal("kills change nothing", differing(files(own), wanted), [])


def wrong(name):
    """What a process is called wrongly with."""
    done = subprocess.run([str(binary(name)), "--frob"], capture_output=True, text=True, timeout=60)
    layer.check("an unknown option is a usage error", done.returncode == 2 and "--frob" in done.stderr, done.stderr)
    done = subprocess.run([str(binary(name)), "--once", "--bind", "nobody=x", "--state", str(scratch("crates-wrong"))],
                          capture_output=True, text=True, timeout=60)
    layer.check("a bind of an unknown source is refused", done.returncode == 3 and "nobody" in done.stderr, done.stderr)


def main():
    out = scratch("crates") / "out"
    done = fec("compile", SOLUTION, "-o", out)
    if not layer.check("the example compiles", done.returncode == 0, done.stderr[-600:]):
        return
    crates = out / "crates"
    hygiene(crates)
    if not built(crates):
        return
    wanted = equal("scoring-alerts")
    if wanted is not None:
        killed("scoring-alerts", wanted)
    wrong("scoring-alerts")


main()
