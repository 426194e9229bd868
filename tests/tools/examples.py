"""Every solution is checked, formatted, tested, drawn and explained, and one feature is asked in every plane."""

import json
import os
import re
import shlex
import signal
import subprocess
import urllib.request

import verbs
from checks import FEC, ROOT, Layer, command_line, fec, lines, scratch, start

layer = Layer("examples")


def solutions():
    folders = sorted(path.parent for pattern in ("examples/*/*.asol", "tests/solutions/*/*.asol") for path in ROOT.glob(pattern))
    return [folder.relative_to(ROOT) for folder in dict.fromkeys(folders)]


def ended(what, done, code=0):
    """Whether the command ended with `code` and without a panic."""
    fine = done.returncode == code and "panicked" not in done.stderr
    return layer.check(what, fine, f"exit {done.returncode}: {done.stderr[-800:]}", command_line(done))


def one(folder):
    done = fec("check", folder, "--format", "json")
    if ended(f"{folder}: check", done):
        found = json.loads(done.stdout)["diagnostics"]
        errors = [entry for entry in found if entry["severity"] == "error"]
        layer.equal(f"{folder}: check finds no error", errors, [], command_line(done))
    ended(f"{folder}: is formatted", fec("fmt", folder, "--check"))

    done = fec("test", folder, "--format", "json")
    if ended(f"{folder}: test", done):
        *tests, last = lines(done.stdout)
        summary = last.get("summary", {})
        told = {key: sum(test.get("status") == key for test in tests) for key in ("passed", "failed", "skipped")}
        layer.equal(f"{folder}: the summary counts the lines", summary, told, command_line(done))
        layer.check(f"{folder}: has tests that pass", summary.get("passed", 0) > 0, str(summary), command_line(done))
        shape = all({"test", "plane", "engine", "status", "ms"} <= set(test) for test in tests)
        layer.check(f"{folder}: each line tells test, plane, engine, status, ms", shape, str(tests[:1]))

    done = fec("graph", folder, "--as", "json", "--canonical")
    if ended(f"{folder}: graph", done):
        graph(folder, json.loads(done.stdout), command_line(done))
    for form, begins in (("svg", "<svg"), ("dot", "digraph")):
        done = fec("graph", folder, "--as", form)
        if ended(f"{folder}: graph as {form}", done):
            layer.check(f"{folder}: the {form} is one", done.stdout.lstrip().startswith(begins), done.stdout[:80])

    done = fec("explain", folder)
    if ended(f"{folder}: explain", done):
        parts = all(part in done.stdout for part in ("plan as written", "plan as it runs", "predicates"))
        layer.check(f"{folder}: explain shows the plan before and after", parts, done.stdout[:200], command_line(done))


def graph(folder, flow, repeat):
    ids = [node["id"] for node in flow["nodes"]]
    known = {node["id"]: set(node["columns"]) for node in flow["nodes"]}
    layer.check(f"{folder}: nodes have ids of their own", len(ids) == len(set(ids)) > 0, str(ids), repeat)
    ends = [end for edge in flow["edges"] for end in (edge["from"], edge["to"]) if end not in known]
    layer.equal(f"{folder}: edges join nodes", ends, [], repeat)
    lost = [entry["to"] for entry in flow["lineage"] if entry["to"][1] not in known.get(entry["to"][0], ())]
    lost += [node for entry in flow["lineage"] for node in entry["from"] if node[0] not in known]
    layer.equal(f"{folder}: lineage names nodes and their columns", lost, [], repeat)
    again = fec("graph", folder, "--as", "json", "--canonical")
    layer.equal(f"{folder}: the graph is the same each time", json.loads(again.stdout), flow, repeat)


def first_solution():
    """`init` writes a solution that checks and passes its tests as it is."""
    folder = scratch("init") / "mine"
    done = fec("init", folder, "--format", "json")
    if ended("init", done):
        layer.equal("init says what it wrote", json.loads(done.stdout)["files"], [str(folder / name) for name in ("solution.asol", "clicks.jsonl")])
    ended("init: what it wrote is right", fec("check", folder))
    ended("init: what it wrote is formatted", fec("fmt", folder, "--check"))
    ended("init: what it wrote passes its tests", fec("test", folder))
    ended("init: a folder that is not empty is refused", fec("init", folder), 2)
    ended("init: a file is no folder", fec("init", folder / "clicks.jsonl"), 2)
    ended("init: a template that is none is refused", fec("init", folder.parent / "other", "--template", "shop"), 2)
    layer.check("init: nothing was written for it", not (folder.parent / "other").exists(), "there is a folder")
    quoted = folder.parent / "a user's own"
    done = fec("init", quoted)
    if ended("init: a folder whose name has blanks and quotes", done):
        told = done.stdout.splitlines()[1:]
        words = [shlex.split(line.removeprefix("next:")) for line in told]
        layer.equal("init: what it offers is typed as it stands", words, [["fec", "test", str(quoted)], ["fec", "run", str(quoted)]], command_line(done))
    done = fec("run", folder, "--once", "--format", "json", "--state", scratch("init-once"))
    if ended("init: what it wrote runs", done):
        summary = json.loads(done.stdout.splitlines()[-1])
        layer.equal("init: all of its events are taken", summary["sources"]["clicks"], {"accepted": 10, "late": 0, "ahead": 0, "repeated": 0, "dead": 0})
        layer.equal("init: there is something to see", summary["sinks"], {"busy_users": 1})


def offered():
    """What `run` offers to try can be tried: path and query of a GET are filled in."""
    folder = scratch("offered") / "asked"
    folder.mkdir(parents=True)
    (folder / "asked.asol").write_text("""solution asked { version: "1.0.0" }
engine e {
  @get("/of/:name/at")
  service told(name: string, day: date, much: decimal(4, 1), on: bool) -> Told {
    return { name, day, much, on }
  }
}
type Told { name: string, day: date, much: decimal(4, 1), on: bool }
""", encoding="utf-8")
    server = start([FEC, "run", folder, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        offer = next((line for line in server.stdout if line.startswith("try: ")), "")
        address = re.search(r"'(http://[^']*)'", offer)
        if layer.check("run offers a request in quotes", address, offer):
            with urllib.request.urlopen(address[1], timeout=10) as answer:
                layer.equal("what run offers is answered", json.load(answer), {"name": "a", "day": "2026-01-01", "much": "1.0", "on": True})
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=30)


def the_command():
    """Exit codes, and nothing but results on stdout."""
    ended("an unknown verb is a usage error", fec("conquer"), 2)
    ended("a folder that is not there is a usage error", fec("check", scratch("none") / "nowhere"), 2)
    done = fec("check", "-", "--format", "json", stdin="solution s { version: \"1.0.0\" }\nsource x: nothing {}\n")
    if ended("stdin is read, a wrong program ends with 1", done, 1):
        found = json.loads(done.stdout)["diagnostics"]
        places = all(entry["file"] == "<stdin>" and entry["start"]["line"] >= 1 for entry in found)
        layer.check("diagnostics name stdin and their place", found and places, done.stdout[:300])
    done = fec("explain", "E0312")
    if ended("explain of a code", done):
        page = (ROOT / "spec/errors/E0312.md").read_text(encoding="utf-8")
        layer.equal("explain of a code is its page", done.stdout.strip(), page.strip())
        layer.equal("explain of a code in small letters", fec("explain", "e0312").stdout, done.stdout)
    ended("explain of a code that is none", fec("explain", "E9999"), 2)
    reader = subprocess.run(f'"{FEC}" graph examples/fraud | head -c 1', shell=True, capture_output=True, text=True)
    layer.check("a reader that goes away is no panic", "panicked" not in reader.stderr, reader.stderr)


def main():
    os.chdir(ROOT)
    found = solutions()
    layer.check("there are solutions", len(found) >= 2, str(found))
    for folder in found:
        one(folder)
    first_solution()
    offered()
    the_command()
    verbs.checked(layer)


main()
