//! Operators behind operators have one answer: every two of them, and of every three some, in a job, a stream, a feature
//! set, a view that is read by key, and a service, wherever `check` takes them.
//!
//! `FEC_CHAINED` says of how many chains of three one is run; 1 is all of them.

use std::collections::BTreeSet;

use fec_suite::cases::{Held, right};
use fec_suite::compare::Report;
use fec_suite::generate::Program;
use fec_suite::pipes::{PLACES, Place, records, run};
use fec_suite::random::Random;

const HEAD: &str = "solution chained { version: \"1.0.0\" }
type Row { id: string, k: string?, n: int, d: decimal(10, 2)?, at: timestamp }
source ev: stream<Row> { file: \"ev.jsonl\", time: at, lateness: 5s }
source ov: stream<Row> { file: \"ov.jsonl\", time: at, lateness: 2s, unique: id }
source tb: table<{ k: string, v: int }> key k { file: \"tb.csv\" }
source few: table<Row> key id { file: \"few.jsonl\", format: json }
features f by k from ev { c = count() over 5s, s = sum(n) over 10s }
view newest: table<{ k: string?, m: int }> key k = ov |> select k, m = n
";

/// Operators that take `id, k, n, d` and give them.
const OPERATORS: [&str; 23] = [
    "where n > 2",
    "where d != null and d > 1",
    "select id, k, n = n + 1, d",
    "derive m = n * 2 |> drop n |> rename m as n",
    "join ov as o on k == o.k within 0s..4s |> select id, k, n = n + o.n, d",
    "left join first ov as o on k == o.k within -3s..3s |> select id, k, n = o.n ?? n, d",
    "left join latest ov as o on k == o.k and n != o.n within -2s..1s |> select id, k, n = o.n ?? n, d",
    "left join ov as o on k == o.k |> select id, k, n = o.n ?? n, d",
    "semi join ov as o on k == o.k within -3s..3s",
    "anti join ov as o on id == o.id within 0s..6s",
    "join tb as t on k == t.k |> select id, k, n = n - t.v, d",
    "left join newest as w on k == w.k |> select id, k, n = w.m ?? n, d",
    "final",
    "union (ov |> select id, k, n, d)",
    "with f |> select id, k, n = c, d",
    "with f as g including row |> select id, k, n = g.c + g.s, d",
    "group by k { id = min(id), n = sum(n), d = max(d) where d != null } |> select id = id ?? \"\", k, n, d",
    "group { id = max(id), n = count(), d = max(d) where d != null, k = min(k) where k != null } |> select id = id ?? \"\", k, n, d",
    "sort by n desc, id",
    "take 5",
    "top 2 by n per k with ties rank as r |> select id, k, n = n + r, d",
    "distinct by k",
    "latest by k, n",
];

#[derive(Clone)]
struct Case {
    place: Place,
    chain: Vec<&'static str>,
}

impl Case {
    fn text(&self, at: usize) -> String {
        let pipe = format!("{} |> select id, k, n, d |> {}", self.place.rows(), self.chain.join(" |> "));
        self.place.text(at, &pipe, "")
    }
}

/// The cells of a record; spoiled ones are bad, too.
fn cells(random: &mut Random, is_spoiled: bool) -> String {
    let n = if is_spoiled && random.chance(6) { "\"x\"".to_owned() } else { random.below(9).to_string() };
    let d = *random.pick(&["\"1.50\"", "\"0.75\"", "2", "null", "\"-3.25\""]);
    format!("\"n\":{n},\"d\":{d}")
}

fn program(cases: &[Case]) -> Program {
    let texts: Vec<String> = cases.iter().enumerate().map(|(at, case)| case.text(at)).collect();
    // A job with a bad row fails, and would show nothing.
    let is_spoiled = cases.iter().all(|case| case.place != Place::Job);
    let few = (0..7).map(|n| {
        let k = ["\"a\"", "\"b\"", "null"].get(n % 3).copied().unwrap_or_default();
        format!(
            "{{\"id\":\"i{n}\",\"k\":{k},\"n\":{},\"d\":\"{n}.50\",\"at\":\"2026-01-01T00:00:0{n}Z\"}}\n",
            n * 5 % 7
        )
    });
    let files = [
        ("ev.jsonl", records(1, 50, |random| cells(random, is_spoiled))),
        ("ov.jsonl", records(2, 36, |random| cells(random, is_spoiled))),
        ("tb.csv", "k,v\na,1\nb,2\nz,3\n".to_owned()),
        ("few.jsonl", few.collect()),
    ];
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect();
    Program { seed: 1, asol: format!("{HEAD}{}", texts.concat()), files }
}

#[test]
fn operators_behind_operators_have_one_answer() {
    let each = std::env::var("FEC_CHAINED").ok().and_then(|text| text.parse().ok()).unwrap_or(25_usize);
    let mut report = Report::default();
    let held_to = Held { head: HEAD, program: &program, run: &run };
    let mut found = Vec::new();
    let mut held = 0;
    let mut used = BTreeSet::new();
    for place in PLACES {
        let two = OPERATORS.iter().flat_map(|a| OPERATORS.map(|b| vec![*a, b]));
        let three = OPERATORS.iter().flat_map(|a| OPERATORS.iter().flat_map(|b| OPERATORS.map(|c| vec![*a, *b, c])));
        // What is checked costs little: of what is right some are run.
        let right = |cases| right(cases, HEAD, Place::LINES, Case::text).0;
        let two = right(two.map(|chain| Case { place, chain }).collect());
        let three = right(three.map(|chain| Case { place, chain }).collect());
        assert!(two.len() > 40, "{place:?}: {}", two.len());
        let cases: Vec<Case> = two.into_iter().chain(three.into_iter().step_by(each)).collect();
        held += cases.len();
        used.extend(cases.iter().flat_map(|case| case.chain.clone()));
        found.extend(cases.chunks(40).flat_map(|many| held_to.differences(many, &mut report)));
    }
    assert_eq!(used.len(), OPERATORS.len(), "an operator that stands nowhere holds nothing");
    if !found.is_empty() {
        panic!("{} of {held} chains:\n{}", found.len(), found.join("\n"));
    }
    assert!(report.compared > 5_000 && report.answers > 1_000, "{} {}", report.compared, report.answers);
}
