//! What a change of a solution means for the state that it has: the fingerprint of what workers keep, and of each job.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use fec_diagnostics::FileId;
use fec_ir::{Ir, lower, optimise};
use fec_local::specs::{fingerprint, job_fingerprint, operators};
use fec_model::{CheckOptions, check};

const SHOP: &str = r#"
solution shop { version: "1.0.0" }
use std.ml.{ gbdt, split, evaluate }
enum Kind { small, large }
param most: int = 3
type Sale { id: string, card: string, amount: int, at: timestamp }
source sales: stream<Sale> { key: card, time: at, lateness: 30s }
features by_card by card from sales { n_1h = count() over 1h, spent_1h = sum(amount) over 1h }
sink busy: stream<{ id: string, n_1h: int }> {}
sink rows: rows<{ id: string, n_1h: int }> {}
stream bursts { emit sales |> with by_card |> where n_1h > most |> select id, n_1h to busy }
job nightly {
  all = sales |> with by_card |> where amount > 1
  emit all |> select id, n_1h to rows
}
@get("/card/:card")
service card(card: string) -> { kind: Kind } {
  f = by_card[card]
  return { kind: kind(f.n_1h) }
}
rules kind(n: int) -> Kind first {
  n > 5 -> large
  else -> small
}
test "nobody" {
  at 2026-01-01T00:00:00Z
  expect card("a").kind == small
}
"#;

fn compiled(text: &str) -> Ir {
    let parsed = fec_syntax::parse(FileId(0), text);
    let (model, found) = check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    let wrong: Vec<_> = parsed.diagnostics.iter().chain(&found).filter(|one| one.is_error()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    optimise(lower(model)).0
}

/// The fingerprints of the workers and of the job.
fn of(text: &str) -> (String, String) {
    let ir = compiled(text);
    let job = ir.flows.iter().find(|flow| flow.name == "nightly").unwrap();
    (fingerprint(&ir).unwrap(), job_fingerprint(&ir, job).unwrap())
}

/// Whether a replacement changes the fingerprint of the workers, and that of the job.
fn changes(from: &str, to: &str) -> (bool, bool) {
    let changed = SHOP.replace(from, to);
    assert_ne!(changed, SHOP, "{from}");
    let (before, after) = (of(SHOP), of(&changed));
    (before.0 != after.0, before.1 != after.1)
}

#[test]
fn state_stays_where_only_services_change() {
    for (from, to) in [
        ("n > 5 -> large", "n > 6 -> large"),
        ("return { kind: kind(f.n_1h) }", "return { kind: kind(f.n_1h + 1) }"),
        ("@get(\"/card/:card\")", "@deadline(1s) @get(\"/cards/:card\")"),
        ("stream bursts", "\n\n// moved\n/// Told.\nstream bursts"),
        ("expect card(\"a\").kind == small", "expect card(\"b\").kind == small"),
        ("version: \"1.0.0\"", "version: \"1.0.1\""),
        ("rules kind", "@get(\"/other\")\nservice other() -> { n: int } { return { n: 1 } }\nrules kind"),
    ] {
        assert_eq!(changes(from, to), (false, false), "{to}");
    }
}

#[test]
fn a_job_that_changes_runs_again_and_leaves_streams_alone() {
    assert_eq!(changes("where amount > 1", "where amount > 2"), (false, true));
    assert!(changes("emit all |> select id, n_1h to rows", "emit all |> select id, n_1h = 0 to rows").1);
}

#[test]
fn whatever_workers_compute_or_keep_begins_anew() {
    for (from, to) in [
        ("count() over 1h", "count() over 2h"),
        ("sum(amount) over 1h", "sum(amount + 1) over 1h"),
        ("n_1h > most", "n_1h >= most"),
        ("most: int = 3", "most: int = 4"),
        ("lateness: 30s", "lateness: 31s"),
        ("key: card, time", "time"),
        ("enum Kind { small, large }", "enum Kind { large, small }"),
        ("version: \"1.0.0\"", "version: \"1.0.0\", timezone: \"Asia/Shanghai\""),
    ] {
        assert!(changes(from, to).0, "{to}");
    }
    let (workers, _) = changes(
        "emit sales |> with by_card |> where n_1h > most |> select id, n_1h to busy",
        "emit sales |> with by_card |> select id, n_1h to busy",
    );
    assert!(workers);
    assert!(
        changes(
            "features by_card by card",
            "features by_other by id from sales { n = count() over 1h }\nfeatures by_card by card"
        )
        .0
    );
}

/// A view over a table that a stream only looks up is no operator of its worker, whoever else reads its rows: the states
/// behind it keep their numbers.
#[test]
fn a_job_that_reads_a_looked_up_view_changes_no_worker() {
    let cards = "source cards: table<{ card: string, tier: string }> key card { file: \"c.csv\" }";
    let view = "view gold = cards |> where tier == \"gold\"";
    let looked_up = SHOP
        .replace("sink busy", &format!("{cards}\n{view}\nsink golden: rows<{{ card: string }}> {{}}\nsink busy"))
        .replace("with by_card |> where n_1h", "with by_card |> semi join gold as g on card == g.card |> where n_1h");
    let read = looked_up.replace("  emit all", "  emit gold |> select card to golden\n  emit all");
    assert_ne!(looked_up, read);
    let operators = |text: &str| {
        let ir = compiled(text);
        let works = fec_plan::workers(&fec_plan::deployment(&ir, None));
        works.iter().flat_map(|work| operators(&ir, work).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(operators(&looked_up), operators(&read));
    assert_ne!(operators(&looked_up), operators(SHOP));
}
