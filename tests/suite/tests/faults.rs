//! What cannot be computed costs what needed it, and nothing beside: every kind of fault in every position where an
//! expression may stand, in a job, a stream, a feature set, a view that is read by key, and a service.
//!
//! `FEC_FAULTS` says of how many cases one is run; 1 is all of them.

use std::collections::BTreeSet;

use fec_suite::cases::{Held, right};
use fec_suite::compare::Report;
use fec_suite::generate::Program;
use fec_suite::pipes::{PLACES, Place, records, run};
use fec_suite::random::Random;

const HEAD: &str = "solution faults { version: \"1.0.0\" }
type Part { a: int, p: decimal(10, 2) }
enum Tone { red, green }
type Row { id: string, k: string?, n: int, d: decimal(10, 2)?, b: int, s: string, x: float, li: list<int>, r: Part, g: date, l: duration, c: Tone, at: timestamp }
source ev: stream<Row> { file: \"ev.jsonl\", time: at, lateness: 5s }
source ov: stream<Row> { file: \"ov.jsonl\", time: at, lateness: 2s, unique: id }
source tb: table<{ k: string, v: int }> key k { file: \"tb.csv\" }
source few: table<Row> key id { file: \"few.jsonl\", format: json }
features f by k from ev { e = count() over 5s, m = sum(n) over 10s }
features h by k from ov { w = sum(n) over 10s, u = w + 9223372036854775790 }
view newest: table<{ k: string?, m: int, b: int }> key k = ov |> select k, m = n, b
func twice(a: int, b: int) -> int = if b > 4 then a else b
rules pick(a: int, b: int) -> int first { b < 2 -> 5, a > 3 -> a, else -> b }
";

/// Whole numbers that cannot be computed for some rows.
const FAULTS: [&str; 16] = [
    "(n + 9223372036854775803)",
    "int(s)",
    "int(decimal(x, 3, 2))",
    "int(ln(x))",
    "b",
    "((n div (n - 3)) ?? int(s))",
    "(if at + n * 30000000d > at then 4 else n)",
    "length(li)",
    "r.a",
    "day(g + l)",
    "twice(int(s), n)",
    "pick(int(s), n)",
    "(if c == red then b else 3)",
    "(match n { 0..=3 -> int(s), 4 -> b, _ -> n })",
    "(if b in [n, int(s)] then 1 else 2)",
    "int(\"{r}{n}\")",
];

/// Operators with a place for one; they take a row, and give `id, k, n, d` among others.
const OPERATORS: [&str; 64] = [
    "where @ > 2",
    "where n > 2 and @ > 2",
    "where n > 4 or @ > 2",
    "where not (@ == n)",
    "where if n > 2 then @ > 2 else n > 0",
    "where @ != null",
    "where [@, n] != [n, 2]",
    "where { a: n, b: @ }.a > 1",
    "where { a: @, b: n } != { a: n, b: 1 }",
    "select id, k, n = @, d",
    "derive m = @ |> drop m",
    "derive m = @ |> where n > 2 |> where m > 1",
    "derive m = @, o = m + 1 |> select id, k, n = o, d",
    "derive m = { a: @, b: n } |> select id, k, n = m.b, d",
    "derive m = { a: @, b: n } |> select id, k, n = m.a, d",
    "derive m = [@, n] |> select id, k, n = length(m), d",
    "derive m = @ |> final |> select id, k, n = m, d",
    "derive m = @ |> union (ov |> derive m = @) |> select id, k, n = m, d",
    "union (ov |> where @ > 1)",
    "join ov as o on k == o.k and @ > o.n within 0s..4s",
    "join ov as o on k == o.k and n > @ - o.n within 0s..4s",
    "join (ov |> derive m = @) as o on k == o.k and n > o.m within 0s..4s",
    "join (ov |> derive m = @) as o on n == o.m within 0s..4s",
    "join ov as o on @ == o.n within -2s..4s",
    "join ov as o on k == o.k within 0s..4s |> select id, k, n = o.b, d",
    "left join (ov |> derive m = @) as o on n == o.m within 0s..4s",
    "left join ov as o on @ == o.n within 0s..4s",
    "left join ov as o on k == o.k and @ > o.n within -1s..4s",
    "left join ov as o on k == o.k and @ > o.n within -1s..4s |> final",
    "left join first (ov |> derive m = @) as o on k == o.k and o.m > 2 within -3s..3s |> select id, k, n = o.n ?? n, d",
    "left join latest (ov |> derive m = @) as o on k == o.k within -3s..3s |> select id, k, n = o.m ?? n, d",
    "left join first ov as o on k == o.k within -3s..3s |> where o.b != n",
    "semi join (ov |> derive m = @) as o on k == o.k and o.m > 2 within -3s..3s",
    "semi join ov as o on k == o.k and @ > 2 within -3s..3s",
    "anti join (ov |> derive m = @) as o on k == o.k and o.m > 2 within -3s..3s",
    "anti join ov as o on @ == o.n within 0s..6s",
    "join (tb |> derive m = v div (v - 1)) as t on k == t.k and @ > t.v",
    "left join tb as t on string(@) == t.k |> select id, k, n = t.v ?? n, d",
    "left join (few |> derive m = @) as t on n == t.m |> select id, k, n = t.n ?? n, d",
    "left join first (few |> derive m = @) as t on k == t.k and n < t.m |> select id, k, n = t.n ?? n, d",
    "semi join (few |> where @ > 1) as t on k == t.k",
    "anti join few as t on k == t.k and @ < t.n",
    "left join newest as w on k == w.k and @ > 1 |> select id, k, n = w.m ?? n, d",
    "left join newest as w on k == w.k |> select id, k, n = w.b ?? n, d",
    "with f on string(@) as q |> select id, k, n = q.e, d",
    "with f as q including row |> where @ > 1 |> select id, k, n = q.e + q.m, d",
    "with h |> select id, k, n = u, d",
    "with h |> where u > 2 |> select id, k, n = w, d",
    "with h as q |> derive m = q.w |> select id, k, n = m, d",
    "group by k, m = @ { id = min(id), n = sum(n), d = max(d) where d != null } |> select id = id ?? \"\", k, n, d",
    "group by k { id = min(id), n = sum(@), d = max(d) where d != null } |> select id = id ?? \"\", k, n, d",
    "group by k { id = min(id), n = sum(n) where @ > 2, d = max(d) where d != null } |> select id = id ?? \"\", k, n, d",
    "group by k { id = min(id) where n > 2, n = sum(@) where n > 2, d = max(d) where d != null } |> select id = id ?? \"\", k, n, d",
    "group by k { id = last(id), n = max(@), d = max(d) where d != null } |> select id = id ?? \"\", k, n = n ?? 0, d",
    "group { id = first(id), n = count_distinct(@), d = max(d) where d != null, k = last(k) where k != null } |> select id = id ?? \"\", k, n, d",
    "group by k { id = first(id), ts = top_k(n, 2, by: @), d = max(d) where d != null } |> select id = id ?? \"\", k, n = length(ts), d",
    "group by k { id = first(id), ra = ratio(@ > 2), d = max(d) where d != null } |> select id = id ?? \"\", k, n = floor((ra ?? 0) * 10), d",
    "derive m = @ |> sort by m desc, id",
    "sort by @, id |> take 6",
    "top 2 by @ per k with ties rank as q |> select id, k, n = n + q, d",
    "top 2 by n, id per @ rank as q |> select id, k, n = n + q, d",
    "derive m = @ |> distinct by m",
    "derive m = @ |> latest by m, k |> take 4",
    "derive m = @ |> latest by k |> select id, k, n = m, d",
];

/// Feature sets with a place for one, in all of it.
const SETS: [&str; 10] = [
    "by k from ev { m = sum(@) over 9s }",
    "by k from ev { m = count() where @ > 2 over 9s, o = sum(n) over 4s }",
    "by k from ev { o = sum(n) over 4s, m = max(@) where n > 3 over 9s }",
    "by @ from ev { m = count() over 9s }",
    "by k, @ from ev { o = count() over 9s }",
    "by k from ev |> where @ > 2 { m = count() over 9s }",
    "by k from ev { m = top_k(n, 2, by: @) over 9s, o = last(n) over 9s }",
    "by k from ev { m = count_distinct(@) over 9s, o = ratio(@ > n) over 9s, p = stddev(@) over 9s }",
    "by k from ev { m = sum(@ * 100000000000000000) over 9s, o = m + 1, p = if m > 5 then o else 1 }",
    "by k from ev { m = first(@) over 9s, o = mean(n) over 9s }",
];

#[derive(Clone)]
struct Case {
    place: Place,
    operator: &'static str,
    fault: &'static str,
}

impl Case {
    fn text(&self, at: usize) -> String {
        let operator = self.operator.replace('@', self.fault);
        if self.operator.starts_with("by ") {
            return format!("features g{at} {operator}\n\n");
        }
        let pipe = format!("{} |> {operator} |> select id, k, n, d", self.place.rows());
        self.place.text(at, &pipe, "@tolerate(100%) ")
    }
}

/// The cells of a record, of which some are bad and some cannot be computed with.
fn cells(random: &mut Random) -> String {
    let n = if random.chance(6) { "\"x\"".to_owned() } else { random.below(9).to_string() };
    let d = *random.pick(&["\"1.50\"", "\"0.75\"", "2", "null", "\"-3.25\""]);
    let b = *random.pick(&["1", "3", "5", "7", "null", "9223372036854775808", "\"y\""]);
    let s = *random.pick(&["\"1\"", "\"4\"", "\"6\"", "\"99\"", "\"\"", "\"z\"", "\"9223372036854775808\""]);
    let x = *random.pick(&["1.5", "2.25", "4.0", "0.0", "-1.5", "12345.5"]);
    let li = *random.pick(&["[1,2]", "[]", "[1,2,3]", "[1,\"x\"]", "[null]"]);
    let r =
        *random.pick(&["{\"a\":1,\"p\":\"2.50\"}", "{\"a\":4,\"p\":\"2.505\"}", "{\"a\":\"x\",\"p\":1}", "{\"p\":1}"]);
    let g = *random.pick(&["\"2026-01-31\"", "\"2026-02-28\"", "\"2026-02-30\""]);
    let l = *random.pick(&["0", "86400000000", "-86400000000", "1"]);
    let c = *random.pick(&["\"red\"", "\"green\"", "\"blue\""]);
    format!("\"n\":{n},\"d\":{d},\"b\":{b},\"s\":{s},\"x\":{x},\"li\":{li},\"r\":{r},\"g\":{g},\"l\":{l},\"c\":{c}")
}

fn program(cases: &[Case]) -> Program {
    let texts: Vec<String> = cases.iter().enumerate().map(|(at, case)| case.text(at)).collect();
    let mut random = Random::new(3);
    let few = (0..9).map(|n| {
        let k = ["\"a\"", "\"b\"", "null"].get(n % 3).copied().unwrap_or_default();
        let cells = cells(&mut random);
        format!("{{\"id\":\"i{n}\",\"k\":{k},{cells},\"at\":\"2026-01-01T00:00:0{n}Z\"}}\n")
    });
    let files = [
        ("few.jsonl", few.collect()),
        ("ev.jsonl", records(1, 50, cells)),
        ("ov.jsonl", records(2, 36, cells)),
        ("tb.csv", "k,v\na,1\nb,2\nz,3\n4,4\n".to_owned()),
    ];
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect();
    Program { seed: 1, asol: format!("{HEAD}{}", texts.concat()), files }
}

#[test]
fn a_fault_costs_what_needed_it() {
    let each = std::env::var("FEC_FAULTS").ok().and_then(|text| text.parse().ok()).unwrap_or(12_usize);
    let mut report = Report::default();
    let held_to = Held { head: HEAD, program: &program, run: &run };
    let mut found = Vec::new();
    let mut held = 0;
    let mut used = BTreeSet::new();
    for place in PLACES {
        let sets = if place == Place::Features { &SETS[..] } else { &[] };
        let operators = OPERATORS.iter().chain(sets);
        let all = operators.flat_map(|operator| FAULTS.map(|fault| Case { place, operator, fault }));
        let (cases, _) = right(all.collect(), HEAD, Place::LINES, Case::text);
        used.extend(cases.iter().map(|case| case.operator));
        let cases: Vec<Case> = cases.into_iter().step_by(each).collect();
        assert!(cases.len() * each > 500, "{place:?}: {}", cases.len());
        held += cases.len();
        found.extend(cases.chunks(40).flat_map(|many| held_to.differences(many, &mut report)));
    }
    let unused: Vec<&str> = OPERATORS.iter().chain(&SETS).copied().filter(|one| !used.contains(one)).collect();
    assert_eq!(unused, Vec::<&str>::new(), "what stands nowhere holds nothing");
    if !found.is_empty() {
        panic!("{} of {held} cases:\n{}", found.len(), found.join("\n"));
    }
    assert!(report.compared > 5_000 && report.letters > 1_000, "{} {}", report.compared, report.answers);
}
