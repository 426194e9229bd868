"""DuckDB computes the same windows as of each row, and the same expressions, over the same recorded columns.

The history is random (from the seed): several partitions, disorder within and beyond the lateness, equal instants, a skewed
choice of keys. `fec run --once` emits every payment with its features; DuckDB answers from SQL with the same bounds.
"""

import decimal
import json
import os
import random
import subprocess
import sys

import duckdb_python
from checks import ROOT, SEED, Layer, command_line, fec, lines, scratch, shown

ROWS = 20_000 if os.environ.get("FEC_SOAK") else 4_000
SECOND = 1_000_000
# 2026-01-31T00:00:00Z: the two or three days that follow lie in two months, whatever the seed.
BASE = 1769817600 * SECOND
LATENESS = 60 * SECOND
layer = Layer("duckdb")

SOLUTION = """
solution judged { version: "1.0.0" }

type Event { id: int, k: string, n: int, x: int, money: decimal(12, 2), place: string, at: timestamp }

source events: stream<Event> { file: "events.jsonl", time: at, lateness: 60s }

features recent by k from events {
  count_10m    = count()                  over 10m
  sum_1h       = sum(n)                   over 1h
  money_6h     = sum(money)               over 6h
  mean_1h      = mean(n)                  over 1h
  least_24h    = min(n)                   over 24h
  most_24h     = max(money)               over 24h
  places_7d    = count_distinct(place)    over 7d
  large_1h     = count() where n > 500    over 1h
  share_1h     = ratio(n > 500)           over 1h
  money_every  = sum(money)               over 1h every 10s
}

stream all {
  rows = events
    |> with recent
    |> derive plus = n + x, times = n * x, less = n - x, half = n div 7, rest = n mod 7,
              money_plus = money + money, money_times = money * 3, quotient = n / 8,
              up = upper(place), size = length(place), part = substring(place, 1, 2), starts = starts_with(place, "p1"),
              day_of = day(at), hour_of = hour(at), month_of = month(at), week_of = weekday(at),
              low = least(n, x), high = greatest(n, x), size_of = abs(x), sign = if x < 0 then -1 else 1,
              known = n in [1, 2, 3]
  emit rows to judged
}

sink judged: stream<{
  id: int, k: string, n: int, x: int, money: decimal(12, 2), place: string, at: timestamp,
  count_10m: int, sum_1h: int, money_6h: decimal(38, 2), mean_1h: float?, least_24h: int?, most_24h: decimal(12, 2)?,
  places_7d: int, large_1h: int, share_1h: float?, money_every: decimal(38, 2),
  plus: int, times: int, less: int, half: int, rest: int,
  money_plus: decimal(38, 2), money_times: decimal(38, 2), quotient: float,
  up: string, size: int, part: string, starts: bool,
  day_of: int, hour_of: int, month_of: int, week_of: int,
  low: int, high: int, size_of: int, sign: int, known: bool
}> { topic: "judged" }
"""

# Feature, aggregate in SQL, window and step in seconds (the steps of the language for windows without `every`).
WINDOWS = [
    ("count_10m", "count(r.id)", 600, 10), ("sum_1h", "coalesce(sum(r.n), 0)", 3600, 60),
    ("money_6h", "coalesce(sum(r.money), 0)::decimal(38, 2)", 21_600, 300), ("mean_1h", "sum(r.n)::double / count(r.id)", 3600, 60),
    ("least_24h", "min(r.n)", 86_400, 1800), ("most_24h", "max(r.money)", 86_400, 1800),
    ("places_7d", "count(distinct r.place)", 604_800, 10_800), ("large_1h", "count(r.id) filter (r.n > 500)", 3600, 60),
    ("share_1h", "(count(r.id) filter (r.n > 500))::double / nullif(count(r.id), 0)", 3600, 60),
    ("money_every", "coalesce(sum(r.money), 0)::decimal(38, 2)", 3600, 10),
]
EXPRESSIONS = {
    "plus": "n + x", "times": "n * x", "less": "n - x", "half": "n // 7", "rest": "n % 7",
    "money_plus": "(money + money)::decimal(38, 2)", "money_times": "(money * 3)::decimal(38, 2)", "quotient": "n / 8.0::double",
    "up": "upper(place)", "size": "length(place)", "part": "substring(place, 2, 2)", "starts": "starts_with(place, 'p1')",
    "day_of": "day(stamp)", "hour_of": "hour(stamp)", "month_of": "month(stamp)", "week_of": "isodow(stamp)",
    "low": "least(n, x)", "high": "greatest(n, x)", "size_of": "abs(x)", "sign": "case when x < 0 then -1 else 1 end",
    "known": "n in (1, 2, 3)",
}


def instant(micros):
    """RFC 3339, as the data files have it."""
    seconds, rest = divmod(micros, SECOND)
    import datetime

    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:06d}Z"


def history():
    """Rows as written: four partitions whose stamps mostly grow, with times that are older, equal, or too old."""
    chance = random.Random(SEED)
    rows, clock, offsets = [], BASE, [0] * 4
    for number in range(ROWS):
        clock += chance.choice([0, 0, chance.randrange(SECOND), chance.randrange(120 * SECOND), chance.randrange(600 * SECOND)])
        partition = chance.randrange(4)
        # A stamp may fall behind its partition: arrival is the running maximum.
        stamp = clock - chance.choice([0, 0, 0, chance.randrange(20 * SECOND)])
        behind = chance.choice([0, 0, chance.randrange(LATENESS), LATENESS, chance.randrange(3 * LATENESS)])
        whole = chance.choice([0, chance.randrange(1000) * SECOND])
        rows.append({
            "id": number, "k": f"k{min(chance.randrange(40), chance.randrange(40))}", "n": chance.randrange(1000), "x": chance.randrange(-50, 50),
            "money": f"{chance.randrange(-10**6, 10**8) / 100:.2f}", "place": f"p{chance.randrange(30)}é", "at": instant((stamp - behind) // SECOND * SECOND if whole else stamp - behind),
            "_partition": partition, "_offset": offsets[partition], "_arrived": instant(stamp),
        })
        offsets[partition] += 1
    return rows


def judge(path):
    """In the other Python: the answers of SQL, one JSON object a line, by id."""
    import duckdb

    base = duckdb.connect()
    base.execute("set timezone = 'UTC'")
    columns = "{id: 'bigint', k: 'varchar', n: 'bigint', x: 'bigint', money: 'decimal(12, 2)', place: 'varchar', \"at\": 'varchar', _partition: 'integer', _offset: 'bigint', _arrived: 'varchar'}"
    base.execute(f"""
        create table records as
        select *, epoch_us("at"::timestamptz) as t, timezone('UTC', "at"::timestamptz) as stamp,
               max(epoch_us(_arrived::timestamptz)) over (partition by _partition order by _offset) as arrived
        from read_json('{path}', format = 'newline_delimited', columns = {columns})""")
    base.execute(f"create table events as select * from records where t >= arrived - {LATENESS}")
    parts = []
    for name, aggregate, size, step in WINDOWS:
        # Times are after 1970, so that integer division rounds down.
        tail = f"((e.t - {size * SECOND}) // {step * SECOND}) * {step * SECOND}"
        parts.append(f"""
            select e.id, {aggregate} as {name} from events e left join events r
              on r.k = e.k and r.t between {tail} and e.t and (r.arrived, r._partition, r._offset) < (e.arrived, e._partition, e._offset)
            group by e.id""")
    joined = "".join(f" join ({part}) w{number} using (id)" for number, part in enumerate(parts))
    names = [name for name, *_ in WINDOWS] + list(EXPRESSIONS)
    computed = ", ".join(f"{value} as {name}" for name, value in EXPRESSIONS.items())
    answers = base.execute(f"select id, {', '.join(names)} from (select *, {computed} from events) e{joined} order by arrived, _partition, _offset").fetchall()
    for row in answers:
        print(json.dumps(dict(zip(["id", *names], row)), default=str))


def training():
    """The bench of training rows in its small size: it compares all rows."""
    command = ["cargo", "run", "--release", "--quiet", "-p", "fec-bench", "--", "--small", "training"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    layer.check("training rows of a simulated history", done.returncode == 0, done.stderr[-800:], " ".join(command))


def main():
    python, reason = duckdb_python.find()
    if not python:
        return layer.skip("windows and expressions against DuckDB", reason)
    training()
    folder = scratch("duckdb")
    (folder / "judged.asol").write_text(SOLUTION, encoding="utf-8")
    rows = history()
    shuffled = list(rows)
    random.Random(SEED + 1).shuffle(shuffled)
    path = folder / "events.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in shuffled), encoding="utf-8")
    told = subprocess.run([python, __file__, "--judge", path], capture_output=True, text=True)
    if not layer.equal("DuckDB answers", (told.returncode, told.stderr), (0, "")):
        return
    wanted = lines(told.stdout)
    done = fec("run", folder, "--once", "--state", folder / "state", "--out", folder / "out", "--format", "json")
    if not layer.check("fec answers", done.returncode == 0, f"exit {done.returncode}: {done.stderr[-800:]}", command_line(done)):
        return
    got = lines((folder / "out/sinks/judged.jsonl").read_text(encoding="utf-8"))
    layer.equal("the same rows in the same order", [row["id"] for row in got], [row["id"] for row in wanted])
    late = ROWS - len(wanted)
    layer.check("some rows are late, most are not", 0 < late < ROWS / 2, f"{late} of {ROWS}")
    for name in [name for name, *_ in WINDOWS] + list(EXPRESSIONS):
        pairs = [(same(ours[name]), same(theirs[name])) for ours, theirs in zip(got, wanted)]
        differing = [(ours["id"], pair) for ours, pair in zip(got, pairs) if pair[0] != pair[1]]
        distinct = len({pair[1] for pair in pairs})
        layer.check(f"{name}: {len(pairs)} compared, {sum(pair[1] is not None for pair in pairs)} present, {distinct} distinct", not differing and distinct > 1, shown(differing[:3]))


def same(value):
    """Decimals as numbers: the judge's scale may be another than the column's."""
    if isinstance(value, str):
        try:
            return decimal.Decimal(value)
        except decimal.InvalidOperation:
            return value
    return value


if sys.argv[1:2] == ["--judge"]:
    judge(sys.argv[2])
else:
    main()
