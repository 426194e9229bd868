//! A second start over data at rest that has changed, grown, or come late: what it gives is what a first start gives.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use fec_diagnostics::FileId;
use fec_ir::{Ir, lower, optimise};
use fec_local::data::Places;
use fec_local::run::{Event, RunOptions, run};
use fec_model::{CheckOptions, check};

const SHOP: &str = r#"
solution shop { version: "1.0.0" }
source sales:  stream<{ id: int, sku: string, at: timestamp }> { file: "sales.jsonl", time: at }
source asks:   stream<{ sku: string, at: timestamp }> { file: "asks.jsonl", time: at }
source prices: table<{ sku: string, price: int }> key sku { file: "prices.csv" }
features asked by sku from asks { n = count() over 1h }
sink seen:   stream<{ id: int, n: int, price: int? }> {}
sink report: rows<{ price: int?, n: int }> {}
stream s {
  emit sales |> with asked |> left join prices as p on sku == p.sku |> select id, n, price = p.price to seen
}
job j {
  emit sales |> left join prices as p on sku == p.sku |> group by price = p.price { n = count() } to report
}
"#;

fn shop() -> Arc<Ir> {
    let parsed = fec_syntax::parse(FileId(0), SHOP);
    let (model, found) = check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    assert!(parsed.diagnostics.iter().chain(&found).all(|one| !one.is_error()), "{found:#?}");
    Arc::new(optimise(lower(model)).0)
}

/// Runs once on `state` of the folder: what it wrote, and what it said.
fn once(folder: &Path, state: &str) -> (BTreeMap<String, String>, Vec<String>) {
    let out = folder.join(format!("out of {state}"));
    let options = RunOptions {
        places: Places { root: folder.to_owned(), ..Places::default() },
        state: folder.join(state),
        once: true,
        address: None,
        out: Some(out.clone()),
    };
    let (mut notes, mut failed) = (Vec::new(), Vec::new());
    run(&shop(), &options, &Arc::default(), &mut |event| match event {
        Event::Note(note) => notes.push(note),
        Event::JobFailed(why) => failed.push(why),
        _ => {}
    })
    .unwrap();
    let read =
        |name: &str| (name.to_owned(), std::fs::read_to_string(out.join(format!("sinks/{name}.jsonl"))).unwrap());
    (["seen", "report"].map(read).into(), notes)
}

/// Events of every tenth second in `of`, by the second.
fn events(of: std::ops::Range<i64>, skus: i64) -> String {
    of.map(|n| {
        let at = format!("2026-01-01T00:{:02}:{:02}Z", n / 6, n % 6 * 10);
        format!("{{\"id\":{n},\"sku\":\"s{}\",\"at\":\"{at}\"}}\n", n % skus)
    })
    .collect()
}

/// Starts with `before`, then with `after` on the same state; gives what the second start said. It must have written
/// what a first start over `after` writes.
fn then(before: &[(&str, String)], after: &[(&str, String)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |files: &[(&str, String)]| {
        files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    };
    write(&[("sales.jsonl", events(0..60, 5)), ("asks.jsonl", events(0..60, 7))]);
    write(&[("prices.csv", "sku,price\ns0,1\ns1,2\n".to_owned())]);
    write(before);
    let first = once(folder.path(), "state");
    assert_eq!(first.1, Vec::<String>::new());
    assert_eq!(once(folder.path(), "state"), first, "nothing has changed");
    write(after);
    let (second, notes) = once(folder.path(), "state");
    let (fresh, _) = once(folder.path(), "fresh");
    assert_eq!(second, fresh);
    assert_ne!(second, first.0, "the change makes a difference");
    assert_eq!(once(folder.path(), "state"), (second, Vec::new()));
    notes
}

#[test]
fn what_is_added_at_the_end_goes_on_from_there() {
    let after = [("sales.jsonl", events(0..90, 5)), ("asks.jsonl", events(0..90, 7))];
    assert_eq!(then(&[], &after), Vec::<String>::new());
    // Of one source alone, and of the instant that was the last.
    let more = format!("{}{}", events(0..60, 5), events(59..61, 5));
    assert_eq!(then(&[], &[("sales.jsonl", more)]), Vec::<String>::new());
}

#[test]
fn events_that_come_late_as_a_file_are_seen_by_those_after_them() {
    let notes = then(&[("asks.jsonl", events(0..30, 7))], &[("asks.jsonl", events(0..60, 7))]);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes.iter().all(|note| note.contains("`asks`") && note.contains("arrived before")), "{notes:?}");
    let notes = then(&[("asks.jsonl", String::new())], &[("asks.jsonl", events(0..60, 7))]);
    assert_eq!(notes.len(), 1, "{notes:?}");
}

#[test]
fn records_that_were_read_and_are_others_now_are_read_again() {
    // The last line was written half when the first run read it; then a line that is gone; then one that differs.
    let whole = events(0..60, 5);
    let half = whole.get(..whole.len() - 20).unwrap().to_owned();
    for (before, after) in [(half, whole.clone()), (whole.clone(), events(1..60, 5)), (whole, events(0..60, 4))] {
        let notes = then(&[("sales.jsonl", before)], &[("sales.jsonl", after)]);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes.iter().all(|note| note.contains("`sales` before is another now")), "{notes:?}");
    }
}

#[test]
fn another_table_rebuilds_what_read_it() {
    let notes = then(&[], &[("prices.csv", "sku,price\ns0,1\ns1,3\n".to_owned())]);
    assert_eq!(notes, ["the table `prices` has changed: features, streams and jobs are rebuilt from history"]);
}
