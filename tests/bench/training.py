"""DuckDB computes the six fraud features as of each payment, with the same bounds: `training.py FILE ANSWERS`.

It writes a JSON line a payment, in arrival order, and prints the CPU seconds that reading the file and the query took.
"""

import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import duckdb_python

try:
    import duckdb
except ImportError:
    python, reason = duckdb_python.find()
    if not python:
        sys.exit(reason)
    os.execv(python, [str(python), *sys.argv])

MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LATENESS = MINUTE // 2

# The instant at which each window begins: its size, moved down to its step.
TAILS = {"ten": (10 * MINUTE, MINUTE // 6), "hour": (HOUR, MINUTE), "day": (DAY, 30 * MINUTE), "month": (30 * DAY, 12 * HOUR)}

COLUMNS = {
    "id": "varchar", "card": "varchar", "merchant": "varchar", "amount": "decimal(12, 2)", "country": "varchar",
    "at": "timestamptz", "_partition": "integer", "_offset": "bigint", "_arrived": "timestamptz",
}


def main():
    file, answers = sys.argv[1:]
    base = duckdb.connect()
    base.execute("set timezone = 'UTC'")
    base.execute("set threads = 1")
    began = time.process_time()
    # Late payments are left out, then repeated ids within the lateness; arrival is the running maximum of stamps.
    tails = ", ".join(f"((t - {size}) // {step}) * {step} as {name}" for name, (size, step) in TAILS.items())
    base.execute(f"""
        create table events as
        with read as (
          select id, card, country, (amount * 100)::bigint as cents, epoch_us("at") as t, _offset as place,
                 max(epoch_us(_arrived)) over (order by _offset) as arrived
          from read_json('{file}', format = 'newline_delimited', columns = {COLUMNS})),
        punctual as (select *, lag(arrived) over (partition by id order by place) as before from read where t >= arrived - {LATENESS})
        select id, card, country, cents, t, place, {tails} from punctual where before is null or before < arrived - {LATENESS}""")
    loaded = time.process_time()
    base.execute("""
        create table answers as
        select e.place, any_value(e.id) as id,
               coalesce(sum(r.cents) filter (r.t >= e.hour), 0)::bigint as spend_1h,
               coalesce(sum(r.cents), 0)::bigint as spend_30d,
               count(r.place) filter (r.t >= e.ten) as payments_10m,
               count(distinct r.country) filter (r.t >= e.day) as countries_24h,
               count(r.place) as rows_30d,
               arg_max(r.country, r.t::hugeint * 1000000000 + r.place) as last_country
        from events e left join events r on r.card = e.card and r.place < e.place and r.t between e.month and e.t
        group by e.place""")
    done = time.process_time()
    names = ["id", "spend_1h", "spend_30d", "payments_10m", "countries_24h", "rows_30d", "last_country"]
    rows = base.execute(f"select {', '.join(names)} from answers order by place").fetchall()
    with open(answers, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(dict(zip(names, row))) + "\n" for row in rows)
    print(json.dumps({"load": loaded - began, "query": done - loaded}))


main()
