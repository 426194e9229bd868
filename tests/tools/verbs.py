"""What the verbs say of a solution whose tests fail, whose data is wrong or whose text is: every line, and the exit code."""

import json
import os
import pathlib
import subprocess

from checks import FEC, command_line, fec, lines, scratch

SOLUTION = '''solution failing { version: "1.0.0" }

param word: string = "x"

type Sale { shop: string, no: int, amount: int, at: timestamp }

source sales: stream<Sale> { topic: "sales", time: at, lateness: 19m, file: "sales.jsonl" }

features by_shop by shop from sales {
  total = sum(amount) over 1h
  large = count() over 1h where amount > 5
  rate  = total div large
  far   = total * 9_000_000_000_000_000_000
}

features by_no by no from sales {
  rows = count() over 1h
}

engine e {
  stream seen {
    emit sales |> select shop, no to streamed
  }

  job count {
    emit sales |> group by shop { rows = count() } to counted
  }

  @get("/twice")
  service twice(n: int) -> int {
    return n * 2
  }
}

sink streamed: stream<{ shop: string, no: int }> { topic: "streamed" }
sink counted: table<{ shop: string, rows: int }> { path: "counted", key: shop }

test "the first does not hold" {
  at 2026-01-01T00:00:00Z
  expect twice(2) == 5
  expect twice(2) == 4
}

test "the second does not hold" {
  at 2026-01-01T00:00:00Z
  expect twice(2) == 4
  expect twice(2) <= 3
}

test "one side of two" {
  at 2026-01-01T00:00:00Z
  expect twice(2) == 4 and twice(3) == 7
}

test "a set is asked in three planes" {
  given sales [{ shop: "a", no: 1, amount: 2, at: 2026-01-01T00:00:00Z }]
  at 2026-01-01T00:00:01Z
  expect by_shop["a"].total == 3
}

test "the sink of a job, and that of a stream" {
  given sales [{ shop: "a", no: 1, amount: 2, at: 2026-01-01T00:00:00Z }]
  at 2026-01-01T00:00:01Z
  expect counted == [{ shop: "a", rows: 2 }]
  expect streamed == [{ shop: "a", no: 1 }]
}

test "a row that cannot be computed" {
  given sales [
    { shop: "a", no: 1, amount: 2, at: 2026-01-01T00:00:00Z },
    { shop: "b", no: 1, amount: int(word), at: 2026-01-01T00:00:00Z }
  ]
  at 2026-01-01T00:00:01Z
  expect twice(1) == 2
}

test "this holds" {
  at 2026-01-01T00:00:00Z
  expect 1 < 2
  expect twice(2) == 4
}

test "the last one asks nothing" {
  at 2026-01-01T00:00:00Z
  expect twice(2) == 4
  expect 2 < 1
}

test "nothing is asked" {
  at 2026-01-01T00:00:00Z
  expect 1 < 2
}
'''

TOLD = '''failed  the first does not hold [online]
       FOLDER/failing.asol:40: expected 5, was 4
failed  the second does not hold [online]
       FOLDER/failing.asol:47: expected at most 3, was 4
failed  one side of two [online]
       FOLDER/failing.asol:52: expected 7, was 6
failed  a set is asked in three planes [batch]
       FOLDER/failing.asol:58: expected 3, was 2
failed  a set is asked in three planes [online]
       FOLDER/failing.asol:58: expected 3, was 2
failed  a set is asked in three planes [stream]
       FOLDER/failing.asol:58: expected 3, was 2
failed  the sink of a job, and that of a stream [batch]
       FOLDER/failing.asol:64: expected [{"shop":"a","rows":2}], was [{"shop":"a","rows":1}]
passed  the sink of a job, and that of a stream [stream]
failed  a row that cannot be computed [online]
       row 2 of `given sales`: the text cannot be converted
passed  this holds [online]
failed  the last one asks nothing [online]
       FOLDER/failing.asol:86: the expectation does not hold
passed  nothing is asked [online]
3 passed, 9 failed, 0 skipped
'''

# A sink of two planes, a job that cannot run, and what is said of each form of an expectation.
APART = '''solution apart { version: "1.0.0" }
use std.ml.{ gbdt }

type Sale { shop: string, amount: int, at: timestamp }

source sales: stream<Sale> { topic: "sales", time: at }

source backs: stream<{ shop: string, at: timestamp }> { topic: "backs", time: at, lateness: 10m }

// Its rows change when one comes back.
view open = sales |> left join backs as b on shop == b.shop within 1h |> select shop, back = b.at

features by_shop by shop from sales {
  total = sum(amount) over 1h
}

engine e {
  stream seen {
    emit sales |> select shop, n = 1 to both
  }

  job count {
    emit sales |> take 1 |> select shop, n = 2 to both
  }

  // Nothing can be learned of no row.
  job learn {
    model = gbdt(sales |> where amount > 1000, label: amount > 3, features: [amount], trees: 2, depth: 2)
    publish model as judge
  }

  service maybe(n: int?) -> int? {
    return n
  }
}

sink both: rows<{ shop: string, n: int }> { path: "both" }

test "a sink holds what its plane writes" {
  given sales [{ shop: "a", amount: 1, at: 2026-01-01T00:00:00Z }, { shop: "b", amount: 1, at: 2026-01-01T00:00:01Z }]
  at 2026-01-01T00:00:02Z
  expect both == [{ shop: "a", n: 2 }]
}

test "what is given may go by the time of the test, and a job that is not asked is not run" {
  given sales [{ shop: "a", amount: 2, at: now - 30m }]
  at 2026-01-01T00:00:00Z
  expect by_shop["a"].total == 2
}

test "rows that change are there once, as they are in the end" {
  given sales [{ shop: "a", amount: 1, at: 2026-01-01T00:00:00Z }]
  given backs [{ shop: "a", at: 2026-01-01T00:01:00Z }]
  at 2026-01-01T00:02:00Z
  expect open == [{ shop: "a", back: 2026-01-01T00:01:00Z }]
}

test "a call and a sink" {
  given sales [{ shop: "a", amount: 1, at: 2026-01-01T00:00:00Z }]
  at 2026-01-01T00:00:02Z
  expect maybe(1) == 2
  expect both == [{ shop: "a", n: 1 }]
}

test "at least" {
  at 2026-01-01T00:00:00Z
  expect maybe(4) ?? 0 >= 5
}

test "one of some" {
  at 2026-01-01T00:00:00Z
  expect maybe(4) in [5, 6]
}

test "a value" {
  at 2026-01-01T00:00:00Z
  expect maybe(null) != null
}

test "no value" {
  at 2026-01-01T00:00:00Z
  expect maybe(1) == null
}
'''

TOLD_APART = '''passed  a sink holds what its plane writes [batch]
failed  a sink holds what its plane writes [stream]
       <stdin>:42: expected [{"shop":"a","n":2}], was [{"shop":"a","n":1},{"shop":"b","n":1}]
passed  what is given may go by the time of the test, and a job that is not asked is not run [batch]
passed  what is given may go by the time of the test, and a job that is not asked is not run [online]
passed  what is given may go by the time of the test, and a job that is not asked is not run [stream]
passed  rows that change are there once, as they are in the end [online]
failed  a call and a sink [batch]
       <stdin>:62: expected [{"shop":"a","n":1}], was [{"shop":"a","n":2}]
failed  a call and a sink [online]
       <stdin>:61: expected 2, was 1
passed  a call and a sink [stream]
failed  at least [online]
       <stdin>:67: expected at least 5, was 4
failed  one of some [online]
       <stdin>:72: expected one of [5,6], was 4
failed  a value [online]
       <stdin>:77: expected a value, was null
failed  no value [online]
       <stdin>:82: expected null, was 1
6 passed, 7 failed, 0 skipped
'''

# The third is a minute late.
SALES = '''{"shop":"a","no":1,"amount":2,"at":"2026-01-01T00:00:00Z"}
{"shop":"7","no":7,"amount":9,"at":"2026-01-01T00:30:00Z"}
{"shop":"a","no":3,"amount":4,"at":"2026-01-01T00:10:00Z"}
{"shop":"a","no":3,"amount":4,"at":"2026-01-01T00:11:00Z"}
{"shop":"a","no":4,"amount":3,"at":"2026-01-01T00:50:30Z"}
'''


def written(name):
    """The solution in a folder of its own."""
    folder = scratch(name) / "failing"
    folder.mkdir()
    (folder / "failing.asol").write_text(SOLUTION, encoding="utf-8")
    (folder / "sales.jsonl").write_text(SALES, encoding="utf-8")
    return folder


def ended(layer, what, done, code, told=None):
    """Whether a command ended with `code` and, where that is given, printed just that."""
    said = done.stdout if code in (0, 1) else done.stderr
    fits = done.returncode == code and (told is None or said == told) and "panicked" not in done.stderr
    return layer.check(what, fits, f"exit {done.returncode}: {said[-900:]}{done.stderr[-300:]}", command_line(done))


def failing_tests(layer, folder):
    ended(layer, "a test that fails says what was there instead, and ends with 1", fec("test", folder), 1, TOLD.replace("FOLDER", str(folder)))
    done = fec("test", folder, "--format", "json")
    if ended(layer, "the same as JSON", done, 1):
        *tests, last = lines(done.stdout)
        layer.equal("failures are counted", last, {"summary": {"passed": 3, "failed": 9, "skipped": 0}})
        first = {name: tests[0].get(name) for name in ("plane", "status", "message")}
        layer.equal("a failure has its message", first, {"plane": "online", "status": "failed", "message": f"{folder}/failing.asol:40: expected 5, was 4"})
    ended(layer, "each plane is asked for what it writes, and each form of an expectation is explained", fec("test", "-", stdin=APART), 1, TOLD_APART)
    ended(layer, "`--only` with a text that is in no name is a usage error", fec("test", folder, "--only", "nowhere"), 2, "error: the name of no test contains `nowhere`\n")
    ended(layer, "`--only` runs what has a text in its name", fec("test", folder, "--only", "his hold"), 0, "passed  this holds [online]\n1 passed, 0 failed, 0 skipped\n")


def shown_sets(layer, folder):
    for words, wanted in (
        (["by_shop", "--key", "a"], {"total": 9, "large": 0, "rate": None, "far": None}),
        (["by_shop", "--key", "7"], {"total": 9, "large": 1, "rate": 9, "far": None}),
        (["by_no", "--key", "7"], {"rows": 1}),
        (["by_no", "--key", "[7]"], {"rows": 1}),
        (["by_shop", "--key", "a", "--at", "2026-01-01T00:05:00Z"], {"total": 2, "large": 0, "rate": None, "far": None}),
        (["by_shop", "--key", "a", "--at", "2026-01-01T01:30:00Z"], {"total": 3, "large": 0, "rate": None, "far": None}),
    ):
        done = fec("show", folder, *words)
        layer.equal(f"show {' '.join(words)}", lines(done.stdout), [wanted], command_line(done) + done.stderr[-300:])
    for words, told in (
        (["by_shop", "--key", '["a","b"]'], """`["a","b"]` is not a key of `by_shop`, which is by shop"""),
        (["by_no", "--key", "a"], "`a` is not a key of `by_no`, which is by no"),
        (["by_no"], "`by_no` is by no: say of which one with --key"),
        (["by_on", "--key", "7"], "there is no feature set `by_on`; the solution has `by_shop`, `by_no`"),
        (["by_no", "--key", "7", "--at", "noon"], "`noon` is not an instant such as 2026-01-01T00:00:00Z"),
    ):
        done = fec("show", folder, *words)
        ended(layer, f"show {' '.join(words)} is a usage error", done, 2, f"error: {told}\n")


def runs(layer, folder):
    state = scratch("failing-state") / "state"
    done = fec("run", folder, "--once", "--state", state)
    _, *told = done.stdout.splitlines()
    wanted = ["source sales: 4 accepted, 1 late, 0 ahead, 0 repeated, 1 dead letters", "sink counted: 2 rows", "sink streamed: 4 rows"]
    layer.equal("run says what it has counted", told, wanted, command_line(done) + done.stderr[-300:])
    done = fec("run", folder, "--once", "--format", "json")
    ready, summary = lines(done.stdout)
    layer.equal("`--once` serves nobody", (ready["event"], ready["url"]), ("ready", None))
    layer.equal("the same as JSON", summary["sources"], {"sales": {"accepted": 4, "late": 1, "ahead": 0, "repeated": 0, "dead": 1}})
    layer.check("state lies beside the solution", (folder / ".fec").is_dir(), "there is no `.fec`")
    (folder / ".fec" / "hidden.asol").write_text("this is no solution\n", encoding="utf-8")
    ended(layer, "what lies in a hidden folder is no part of the solution", fec("check", folder), 0)
    for name, told in (("sale", "did you mean `sales`?"), ("other", "there are sales")):
        done = fec("run", folder, "--once", "--state", state, "--bind", f"{name}=x.jsonl")
        ended(layer, f"`--bind {name}=…` says what there is", done, 2, f"error: --bind: there is no source `{name}`; {told}\n")


def failing_job(layer):
    folder = scratch("untrained") / "untrained"
    folder.mkdir()
    (folder / "untrained.asol").write_text('''solution untrained { version: "1.0.0" }
use std.ml.{ gbdt }
source rows: stream<{ x: int, y: bool, at: timestamp }> { topic: "rows", time: at, file: "rows.jsonl" }
job learn {
  model = gbdt(rows, label: y, features: [x], trees: 2, depth: 2)
  publish model as m
}
''', encoding="utf-8")
    (folder / "rows.jsonl").write_text("", encoding="utf-8")
    done = fec("run", folder, "--once")
    layer.check("a run whose job fails ends with 1, and says why", done.returncode == 1 and "error: " in done.stderr and "learn" in done.stderr, f"exit {done.returncode}: {done.stderr}", command_line(done))


def formats(layer):
    folder = scratch("formats")
    good, bad, wide = (folder / name for name in ("b.asol", "a.asol", "c.asol"))
    good.write_text('solution s { version: "1.0.0" }\n', encoding="utf-8")
    bad.write_text("source {\n", encoding="utf-8")
    wide.write_text("type   T { a: int }\n", encoding="utf-8")
    done = fec("fmt", folder, "--check")
    ended(layer, "fmt --check names the file that it would change", done, 1, f"{wide}\n")
    layer.equal("fmt --check changes nothing", wide.read_text(encoding="utf-8"), "type   T { a: int }\n")
    done = fec("fmt", folder)
    ended(layer, "a file that cannot be read is told, and the others are formatted", done, 1, f"{wide}\n")
    layer.check("what is wrong stands beside its place", f"{bad}:1:" in done.stderr, done.stderr[-300:])
    layer.equal("the other one is formatted", wide.read_text(encoding="utf-8"), "type T { a: int }\n")
    bad.unlink()
    ended(layer, "what is formatted stays as it is", fec("fmt", folder, "--check"), 0, "")
    wide.write_text("type   T { a: int }\n", encoding="utf-8")
    ended(layer, "fmt --check of well-formed files that it would change ends with 1", fec("fmt", folder, "--check"), 1, f"{wide}\n")
    ended(layer, "fmt --check of stdin gives its name, and no text", fec("fmt", "-", "--check", stdin="type   T { a: int }\n"), 1, "<stdin>\n")
    ended(layer, "stdin is formatted to stdout", fec("fmt", "-", stdin="type   T { a: int }\n"), 0, "type T { a: int }\n")
    # Files go by their names: the first of several equal declarations stands.
    later = [f"{letter}.asol" for letter in "dghefi"]
    for name in ("c.asol", *later):
        (folder / name).write_text("type T { a: int }\n", encoding="utf-8")
    found = json.loads(fec("check", folder, "--format", "json").stdout)["diagnostics"]
    layer.equal("of equal declarations those in later files are told", [pathlib.Path(one["file"]).name for one in found], sorted(later))
    # What is no text is a mistake like another, beside those of the other files.
    (folder / "b.asol").write_bytes(b'// na\xefve\ntype T { a: int }\n')
    (folder / "j.asol").write_text("source {\n", encoding="utf-8")
    done = fec("check", folder, "--format", "json")
    told = [(pathlib.Path(one["file"]).name, one["code"], one["start"]["line"], one["start"]["column"]) for one in json.loads(done.stdout)["diagnostics"]]
    layer.equal("a file that is not UTF-8 is told where it ends to be", (done.returncode, told[0], told[-1][0]), (1, ("b.asol", "E0010", 1, 6), "j.asol"))
    layer.check("and with the mistakes that files have in themselves", all(one[0] in ("b.asol", "bad.asol", "j.asol") for one in told), str(told))
    done = fec("fmt", folder)
    layer.check("fmt leaves it as it is, and tells of it", done.returncode == 1 and "error[E0010]" in done.stderr and b"\xef" in (folder / "b.asol").read_bytes(), done.stderr)


def simulated(layer):
    solution = "examples/fraud"
    sizes = {}
    for name, words in (("as written", ["--rows", "40"]), ("seed 9", ["--rows", "40", "--seed", "9"]), ("more", ["--rows", "60", "--seed", "9"])):
        out = scratch("simulated")
        done = fec("simulate", solution, "-o", out, "--format", "json", *words)
        if not ended(layer, f"simulate, {name}", done, 0):
            return
        told = {one["file"]: one["rows"] for one in json.loads(done.stdout)["files"]}
        there = {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()}
        layer.equal(f"simulate, {name}: payments are as many as were asked for", [rows for file, rows in told.items() if "payments" in file], [int(words[1])])
        sizes[name] = there
    layer.check("another seed gives other events", sizes["as written"] != sizes["seed 9"], "they are the same")
    human = fec("simulate", solution, "-o", scratch("simulated"), "--rows", "40")
    layer.check("simulate says which file has how many rows", " 40 rows\n" in human.stdout, human.stdout, command_line(human))


def explained(layer, folder):
    plain, canonical = (json.loads(fec("graph", folder, "--as", "json", *more).stdout) for more in ([], ["--canonical"]))
    named = all(node["id"] == node["name"] and "span" not in node for node in canonical["nodes"])
    layer.check("a canonical graph has names in place of numbers, and no places", named and "span" in plain["nodes"][0], str(canonical)[:300])
    told = json.loads(fec("explain", folder, "--format", "json").stdout)
    before, after = (len(told[when]["nodes"]) for when in ("before", "after"))
    layer.check("explain tells the plan as written and as it runs", before > after > 0, f"{before} nodes, then {after}")


def ends(layer, folder):
    """Exit codes that nothing above shows."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([FEC, "graph", folder, "--as", "json"], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    layer.equal("a reader that has gone ends the command quietly", (done.returncode, done.stderr), (0, ""))
    done = fec("test", "-", stdin=SOLUTION.replace('param word: string = "x"', 'param word: string = "x"\nparam n: int = int(word)'))
    ended(layer, "a parameter without a value is a mistake of the program", done, 1, "")
    layer.check("it is named", "`n`" in done.stderr, done.stderr[-300:])


def checked(layer):
    """All of it, reported in `layer`."""
    folder = written("failing")
    failing_tests(layer, folder)
    shown_sets(layer, folder)
    runs(layer, folder)
    failing_job(layer)
    formats(layer)
    simulated(layer)
    explained(layer, folder)
    ends(layer, folder)
