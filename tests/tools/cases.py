"""Cases whose answers are told by hand, on the embedded log: `fec run` with kills between, and three planes that are asked."""

import os
import random

from checks import FEC, ROOT, SEED, Layer, command_line, fec, killed_at_random, lines, scratch

SOLUTION = ROOT / "tests/solutions/cases"
layer = Layer("run")

# Partition 0 is an hour ahead in the log; in arrival order its visits come last, and nobody is late.
APART = [{"id": f"{name}-{i}", "n": n + i, "everybody": n + i} for n, name in ((0, "behind"), (4, "ahead")) for i in range(4)]
# None of five events of one instant sees itself or those that stand after it.
TOGETHER = [{"id": str(i + 1), "n": i} for i in range(5)]
# The third payment is made before the dispute of the first arrives, the fourth a second after it.
DISPUTED = [
    {"id": "first", "n": 0, "share": None},
    {"id": "second", "n": 1, "share": 0.0},
    {"id": "third", "n": 2, "share": 0.0},
    {"id": "fourth", "n": 3, "share": 1 / 3},
]
# Feature set, key, instant, what every plane reads.
READ = [
    ("seen", "a", "2026-01-01T10:00:04Z", {"n": 8}),
    ("all_apart", None, "2026-01-01T10:00:04Z", {"n": 8}),
    ("before", "a", "2026-01-01T00:00:01Z", {"n": 5}),
    # A window of an hour has steps of a minute: until 12:01 its tail is 11:00, and it moves on without any event.
    ("hour", "a", "2026-01-01T11:59:59.999999Z", {"n": 2}),
    ("hour", "a", "2026-01-01T12:00:30Z", {"n": 1}),
    ("hour", "a", "2026-01-01T12:00:59.999999Z", {"n": 1}),
    ("hour", "a", "2026-01-01T12:01:00Z", {"n": 0}),
    ("hour", "nobody", "2026-01-01T12:00:30Z", {"n": 0}),
    ("disputed", "s", "2026-03-01T00:00:00Z", {"n": 3, "share": 0.0}),
    ("disputed", "s", "2026-03-01T00:00:01Z", {"n": 3, "share": 1 / 3}),
    ("disputed", "s", "2026-03-01T23:59:59Z", {"n": 4, "share": 0.25}),
    ("disputed", "s", "2026-03-03T00:00:00Z", {"n": 3, "share": 0.0}),
]


def ran():
    """The whole solution, killed now and then, to its end."""
    chance = random.Random(SEED)
    base = scratch("cases")
    state, out = base / "state", base / "out"
    words = ["run", SOLUTION, "--once", "--state", state, "--out", out, "--format", "json"]
    killed_at_random([FEC, *words], int(os.environ.get("FEC_KILLS", "4")), chance, (0.001, 0.03))
    done = fec(*words)
    if not layer.check("the cases run to their end", done.returncode == 0, done.stderr[-600:], command_line(done)):
        return
    summary = next((line for line in lines(done.stdout) if line.get("event") == "summary"), {})
    apart = summary.get("sources", {}).get("apart", {})
    layer.equal("a partition that is an hour ahead makes nothing late", (apart.get("accepted"), apart.get("late")), (8, 0))
    for case, wanted in (("apart", APART), ("together", TOGETHER), ("disputed", DISPUTED)):
        for plane in ("live", "past"):
            path = out / "sinks" / f"{case}_{plane}.jsonl"
            got = lines(path.read_text(encoding="utf-8")) if path.is_file() else None
            layer.equal(f"case `{case}`, {'stream' if plane == 'live' else 'job'}", got, wanted, command_line(done))


def shown_in_three_planes():
    floats = [("total", f"order-{number}", "2026-01-01T23:00:00Z", {"x": 1e-320}) for number in range(10)]
    for features, key, at, wanted in [*READ, *floats]:
        named = [] if key is None else ["--key", key]
        for plane in ("batch", "stream", "online"):
            done = fec("show", SOLUTION, features, *named, "--at", at, "--plane", plane)
            got = lines(done.stdout)
            layer.equal(f"`{features}` of {key} at {at}, {plane}", got, [wanted], command_line(done) + done.stderr[-300:])


def refused():
    """Keys that do not fit their feature set are told with the repair."""
    for words, told in (
        (["all_apart", "--key", "a"], "leave out --key"),
        (["seen"], "with --key"),
        (["sean", "--key", "a"], "`seen`"),
    ):
        done = fec("show", SOLUTION, *words)
        fits = done.returncode == 2 and told in done.stderr and "panicked" not in done.stderr
        layer.check(f"`fec show … {' '.join(words)}` says what is wrong", fits, f"{done.returncode}: {done.stderr[-300:]}", command_line(done))


ran()
shown_in_three_planes()
refused()
