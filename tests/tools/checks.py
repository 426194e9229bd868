"""What the scripts of the layers share: reporting, processes that end with the script, and `fec`."""

import atexit
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(os.environ.get("FEC_ROOT", pathlib.Path(__file__).resolve().parents[2]))
TARGET = pathlib.Path(os.environ.get("FEC_TARGET", os.environ.get("CARGO_TARGET_DIR", ROOT / "target")))
FEC = os.environ.get("FEC", str(TARGET / "release" / "fec"))
SEED = int(os.environ.get("FEC_SEED", "1"))
_RESULTS = os.environ.get("FEC_RESULTS")
_children = []


def _write(*cells):
    if _RESULTS:
        with open(_RESULTS, "a", encoding="utf-8") as out:
            out.write("\t".join(str(cell).replace("\t", " ").replace("\n", " ") for cell in cells) + "\n")


def passed(name):
    """One check that held."""
    print(f"ok    {name}", flush=True)
    _write("pass", name)


def failed(name, detail, repeat):
    """One check that did not hold, and the command that repeats it."""
    print(f"FAIL  {name}\n      {detail}\n      repeat: {repeat}", flush=True)
    _write("fail", name, repeat)


def skipped(name, reason):
    """One check that could not be made."""
    print(f"skip  {name}: {reason}", flush=True)
    _write("skip", name, reason)


def counted(number):
    """So many checks held, reported elsewhere one by one."""
    _write("count", number)


class Layer:
    """The checks of one layer."""

    def __init__(self, name):
        self.name = name
        self.repeat = f"FEC_SEED={SEED} tests/run {name}"

    def check(self, what, holds, detail="", repeat=None):
        """Reports whether `holds` is true."""
        if holds:
            passed(f"{self.name}: {what}")
        else:
            failed(f"{self.name}: {what}", detail, repeat or self.repeat)
        return bool(holds)

    def equal(self, what, got, wanted, repeat=None):
        """Reports whether two values are equal, and both where they are not."""
        return self.check(what, got == wanted, f"got {shown(got)}, expected {shown(wanted)}", repeat)

    def skip(self, what, reason):
        """Reports that something could not be checked."""
        skipped(f"{self.name}: {what}", reason)


def shown(value, most=600):
    """A value as text, cut where it is long."""
    text = repr(value)
    return text if len(text) <= most else text[:most] + " …"


def scratch(name):
    """A new folder for the data of one check."""
    base = pathlib.Path(os.environ.get("FEC_SCRATCH", "/tmp"))
    folder = base / name
    number = 0
    while folder.exists():
        number += 1
        folder = base / f"{name}-{number}"
    folder.mkdir(parents=True)
    return folder


def start(arguments, **options):
    """Starts a process that is killed when the script ends."""
    child = subprocess.Popen(arguments, **options)
    _children.append(child)
    return child


def killed_at_random(words, times, chance, ages, **options):
    """Starts a process so many times and kills it each time at a random age between two; how many kills met it running."""
    struck = 0
    for _ in range(times):
        child = start(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        time.sleep(chance.uniform(*ages))
        struck += child.poll() is None
        child.kill()
        child.wait()
        _children.remove(child)
    return struck


def fec(*arguments, timeout=600, stdin=None):
    """Runs `fec` to its end; `stdout` and `stderr` are text."""
    command = [FEC, *map(str, arguments)]
    child = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = child.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        err += f"\n(killed after {timeout} s)"
    finally:
        _children.remove(child)
    return subprocess.CompletedProcess(command, child.returncode, out, err)


def command_line(done):
    """The command of a finished process as one would type it."""
    return shlex.join(str(part) for part in done.args)


def lines(text):
    """The JSON lines of a text; a line that is none fails the script."""
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _end(*_):
    for child in _children:
        if child.poll() is None:
            child.kill()
    for child in _children:
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            pass


def _stop(*_):
    _end()
    sys.exit(130)


def free_port():
    """A port on which nobody listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, seconds, every=0.05):
    """Calls `what` until it gives something true, at most so long; what it gave last."""
    until = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > until:
            return found
        time.sleep(every)


atexit.register(_end)
signal.signal(signal.SIGTERM, _stop)
signal.signal(signal.SIGINT, _stop)
