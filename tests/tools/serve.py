"""`fec run` as a server: ready, answers, refusals, health, drain, restart, one owner of a state."""

import http.client
import json
import os
import signal
import socket
import threading
import time

from checks import FEC, ROOT, Layer, command_line, fec, scratch, shown, start, wait_for
from server import Server

SOLUTION = "examples/fraud"
PAYMENT = {"id": "test-1", "card": "test-card", "merchant": "test-merchant", "amount": "12.50", "country": "FR", "at": "2026-01-01T00:00:00Z"}
FRESH = """solution fresh { version: "1.0.0" }

type Event { id: string, user: string, at: timestamp }

source clicks: stream<Event> { topic: "clicks", key: user, time: at, lateness: 1h, unique: id }
source visits: stream<Event> { topic: "visits", key: user, time: at, lateness: 1h, unique: id }

features by_user by user from clicks { clicks_1h = count() over 1h }
features by_visitor by user from visits { visits_1h = count() over 1h }
"""
layer = Layer("serve")


def running(state, port=0, solution=SOLUTION, *more):
    """A running `fec run`."""
    return Server([FEC, "run", solution], state, port, *more)


def answers(server):
    status, answer = server.score(PAYMENT)
    first = time.monotonic() - server.began
    layer.equal("a payment is answered", status, 200)
    layer.check("the answer is a decision", isinstance(answer, dict) and answer.get("verdict") in ("allow", "review", "block"), shown(answer))
    print(f"      first answer {first * 1000:.0f} ms after the start")
    layer.check("the first answer comes within a second of the start (5 s on a busy machine)", first < 5, f"{first:.2f} s")
    _, headers, _ = server.request("POST", "/score", json.dumps(PAYMENT))
    layer.check("the answer names its time and cut", {"fec-time", "fec-cut"} <= set(headers), shown(sorted(headers)))
    layer.check("no other origin is let in", "access-control-allow-origin" not in headers, shown(headers))


def refusals(server):
    layer.equal("what is no JSON is a 400", server.score("{")[0], 400)
    for field in PAYMENT:
        status, answer = server.score({name: value for name, value in PAYMENT.items() if name != field})
        layer.check(f"without `{field}`: 422 that names it", status == 422 and isinstance(answer, dict) and answer.get("field", "").endswith(field), f"{status} {shown(answer)}")
    for field, value in {"amount": "12.345", "at": "yesterday", "card": 7, "country": None}.items():
        status, answer = server.score({**PAYMENT, field: value})
        shape = isinstance(answer, dict) and {"code", "field", "message"} <= set(answer)
        layer.check(f"`{field}: {value!r}`: 422 that names it", status == 422 and shape and answer["field"].endswith(field), f"{status} {shown(answer)}")
    for what, method, path, wanted in (("an unknown path", "GET", "/nowhere", 404), ("a wrong method", "GET", "/score", 405), ("a wrong method of its own", "POST", "/healthz", 405)):
        status, _, text = server.request(method, path)
        layer.check(f"{what} is a {wanted} with code and message", status == wanted and {"code", "message"} <= set(json.loads(text or "{}")), f"{status} {text[:200]}")
    layer.equal("after all that a payment is answered", server.score(PAYMENT)[0], 200)


def of_itself(server):
    layer.equal("/healthz", server.request("GET", "/healthz")[0], 200)
    published = wait_for(lambda: server.models().get("scorer"), 240, 0.5)
    layer.check("/readyz tells the model's version once it is published", published is not None and published is not False, shown(server.models()))
    layer.equal("with the model a payment is answered", server.score(PAYMENT)[0], 200)
    status, _, text = server.request("GET", "/metrics")
    layer.check("/metrics has samples", status == 200 and any(line and not line.startswith("#") for line in text.splitlines()), text[:200])
    status, _, text = server.request("GET", "/openapi.json")
    described = json.loads(text) if status == 200 else {}
    layer.check("/openapi.json describes the service", "/score" in described.get("paths", {}), text[:200])


def samples(server):
    """The samples of /metrics, by name and labels."""
    lines = [line.rsplit(" ", 1) for line in server.request("GET", "/metrics")[2].splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def follows_live_events(server):
    """The age of each set falls to nothing with every commit of live events, and it is that of what answers are made of."""
    sets = [f'fec_feature_time_seconds{{features="{name}"}}' for name in ("card_activity", "merchant_volume", "merchant_disputes")]
    before = samples(server)
    layer.equal("each feature set tells when its newest record arrived", [name for name in sets if name not in before], [])
    layer.equal("no other set does", sorted(name for name in before if name.startswith("fec_feature_time")), sorted(sets))

    def moved():
        now = samples(server)
        return now if all(now[name] > before[name] for name in sets[:2]) and now["fec_commits_total"] > before["fec_commits_total"] else None

    after = wait_for(moved, 60, 0.2)
    if layer.check("with live events the sets become fresher", after, f"still {shown(before)} after a minute"):
        newest = max(after[name] for name in sets)
        layer.check("the instant of answers stands just behind the newest record of all", 0 < after["fec_applied_time_seconds"] - newest < 1e-3, shown(after))
        layer.check("disputes are as old as their stream", before[sets[2]] <= after[sets[2]] <= newest, shown(after))


def freshness():
    """Ages of feature sets over known records: of each set that of its newest one, whatever order they came in."""
    base = scratch("fresh")
    (base / "fresh.asol").write_text(FRESH, encoding="utf-8")
    events = [("a", "2026-01-01T00:00:05Z"), ("b", "2026-01-01T00:00:02Z"), ("c", "2026-01-01T00:00:03.5Z")]
    clicks = base / "clicks.jsonl"
    clicks.write_text("".join(json.dumps({"id": name, "user": "u", "at": at}) + "\n" for name, at in events), encoding="utf-8")
    (base / "visits.jsonl").write_text("", encoding="utf-8")
    server = running(base / "state", 0, base, "--bind", f"clicks={clicks}", "--bind", f"visits={base / 'visits.jsonl'}")
    if layer.check("a solution of features alone gets ready", server.ready(), "".join(server.errors)[-800:]):
        told = samples(server)
        fresh = {name: value for name, value in told.items() if name.startswith("fec_feature_time")}
        layer.equal("a set is as old as its newest record, and one without a record has no age", fresh, {'fec_feature_time_seconds{features="by_user"}': 1767225605.0})
        layer.equal("answers stand a microsecond after it", told["fec_applied_time_seconds"], 1767225605.000001)
        server.stop()


def one_owner(server, state):
    second = fec("run", SOLUTION, "--port", "0", "--state", state, timeout=60)
    layer.check("a second run on the same state is refused with a sentence", second.returncode == 3 and len(second.stderr) > 20 and "panicked" not in second.stderr, f"exit {second.returncode}: {second.stderr[-300:]}", command_line(second))
    layer.equal("the first one goes on", server.score(PAYMENT)[0], 200)


def port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = fec("run", SOLUTION, "--port", port, "--state", scratch("taken") / "state", timeout=60)
    layer.check("a port in use is refused and named", done.returncode == 3 and str(port) in done.stderr, f"exit {done.returncode}: {done.stderr[-300:]}", command_line(done))


def drains(server):
    """Requests that were accepted before SIGTERM are answered."""
    results = []

    def ask():
        try:
            results.append(server.score(PAYMENT)[0])
        except (OSError, http.client.HTTPException):
            results.append("refused")

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for thread in asking:
        thread.start()
    code = server.stop()
    for thread in asking:
        thread.join(15)
    layer.equal("SIGTERM ends it well", code, 0)
    layer.check("requests in flight are answered or never accepted", set(results) <= {200, "refused", 503}, shown(results))


def stopped_after_a_failure():
    """A run in which a job has failed is told so, and ends well when it is stopped; one that comes to its end does not."""
    base = scratch("failed")
    (base / "failed.asol").write_text(FRESH + "sink kept: rows<{ id: string, n: int }> { }\njob daily { emit clicks |> select id, n = int(id) to kept }\n", encoding="utf-8")
    clicks = base / "clicks.jsonl"
    clicks.write_text(json.dumps({"id": "seven", "user": "u", "at": "2026-01-01T00:00:05Z"}) + "\n", encoding="utf-8")
    (base / "visits.jsonl").write_text("", encoding="utf-8")
    bound = ["--bind", f"clicks={clicks}", "--bind", f"visits={base / 'visits.jsonl'}"]
    server = running(base / "state", 0, base, *bound)
    if layer.check("a run whose job fails goes on", server.ready(), "".join(server.errors)[-800:]):
        layer.check("it says that the job has failed", wait_for(lambda: "1 of 1 rows cannot be computed" in "".join(server.errors), 30), "".join(server.errors)[-800:])
        layer.equal("a stop of it is clean", server.stop(), 0)
    done = fec("run", base, "--once", "--state", base / "once", *bound, timeout=60)
    layer.equal("at its own end it is a failure", done.returncode, 1)


def second_signal():
    """The first signal lets a request end, the second one ends the process at once."""
    for first, second in ((signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)):
        base = scratch("signalled")
        (base / "fresh.asol").write_text(FRESH + "@post(\"/twice\")\nservice twice(n: int) -> int {\n  return n * 2\n}\n", encoding="utf-8")
        server = running(base / "state", 0, base)
        if not layer.check("a solution with a service gets ready", server.ready(), "".join(server.errors)[-800:]):
            return
        where = server.ready()["url"].removeprefix("http://").split(":")
        with socket.create_connection((where[0], int(where[1])), timeout=10) as asking:
            asking.sendall(b"POST /twice HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n{")
            time.sleep(0.3)
            server.child.send_signal(first)
            time.sleep(0.7)
            layer.check(f"{first.name} lets a request end", server.child.poll() is None, f"exit {server.child.returncode}")
            layer.equal(f"{first.name}, then {second.name}, ends it at once", server.stop(second, 5), 130)


def emits():
    """What a service emits is in its sink once for each response, and SIGTERM loses none."""
    base = scratch("emits")
    solution, state, out = "tests/solutions/decisions", base / "state", base / "out"
    answered, asked, lock = [], [], threading.Lock()

    def ask(server, thread, most):
        for number in range(most):
            name = f"{thread}-{number}"
            buyer = "mallory" if number % 10 == 0 else f"buyer-{number % 7}"
            with lock:
                asked.append(name)
            try:
                status, _, _ = server.request("POST", "/order", json.dumps({"id": name, "buyer": buyer, "share": 1, "items": [{"id": f"item-{number % 3}", "price": "2.50"}]}))
            except (OSError, http.client.HTTPException):
                return
            if status != 200:
                return
            with lock:
                answered.append(name)

    for start_number in range(2):
        server = running(state, 0, solution, "--out", out)
        if not layer.check("a solution with nothing but a service gets ready", server.ready(), "".join(server.errors)[-800:]):
            return
        threads = [threading.Thread(target=ask, args=(server, f"{start_number}-{thread}", 100_000)) for thread in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        layer.equal("SIGTERM under load ends it well", server.stop(), 0)
        for thread in threads:
            thread.join(15)
        rows = [json.loads(line)["id"] for line in (out / "sinks" / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
        missing = sorted(set(answered) - set(rows))
        layer.equal("each response that was given has its row", missing[:5], [])
        layer.equal("none has two", len(rows), len(set(rows)))
        layer.equal("there is no row that nobody asked for", sorted(set(rows) - set(asked))[:5], [])
        refused = [json.loads(line)["id"] for line in (out / "sinks" / "refused.jsonl").read_text(encoding="utf-8").splitlines()]
        layer.equal("the branch of a service emits where it is taken", sorted(refused), sorted(name for name in rows if name.endswith("0")))
        keys = [json.loads(line)["item"] for line in (out / "sinks" / "dearest.jsonl").read_text(encoding="utf-8").splitlines()]
        layer.equal("a table sink holds one row a key", keys, ["item-0", "item-1", "item-2"])
    print(f"      {len(answered)} responses, {len(rows)} rows")


def main():
    os.chdir(ROOT)
    state = scratch("serve") / "state"
    server = running(state)
    if not layer.check("it gets ready", server.ready(), "".join(server.errors)[-800:]):
        return
    answers(server)
    refusals(server)
    of_itself(server)
    follows_live_events(server)
    one_owner(server, state)
    drains(server)

    server = running(state)
    if layer.check("it starts again on its state", server.ready(), "".join(server.errors)[-800:]):
        layer.check("the model is there at once", wait_for(lambda: server.models().get("scorer"), 30, 0.2), shown(server.models()))
        layer.equal("a payment is answered", server.score(PAYMENT)[0], 200)
        server.stop(signal.SIGKILL)
    server = running(state)
    if layer.check("it starts again after kill -9", server.ready(), "".join(server.errors)[-800:]):
        layer.equal("a payment is answered after kill -9", server.score(PAYMENT)[0], 200)
        layer.equal("SIGINT ends it well", server.stop(signal.SIGINT), 0)
    port_in_use()
    freshness()
    second_signal()
    stopped_after_a_failure()
    emits()


main()
