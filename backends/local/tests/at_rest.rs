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

/// A stream that is simulated, beside one that lies in a file.
const BANK: &str = r#"
use std.simulate.{ cards }
solution bank { version: "1.0.0" }
type Payment {
  id: string, card: string, merchant: string, amount: decimal(12, 2), country: string, at: timestamp
}
source payments: stream<Payment> { topic: "payments", key: card, time: at }
source asks: stream<{ sku: string, at: timestamp }> { file: "asks.jsonl", time: at }
features asked from asks { n = count() over 30d }
sink seen: stream<{ id: string, n: int }> {}
sink report: rows<{ n: int, paid: int }> {}
stream s { emit payments |> with asked |> select id, n to seen }
job j { emit payments |> with asked |> group by n { paid = count() } to report }
target local { simulate: cards(seed: 7, rows: 300, rate: 0) }
"#;

fn shop() -> Arc<Ir> {
    compiled(SHOP)
}

fn compiled(text: &str) -> Arc<Ir> {
    let parsed = fec_syntax::parse(FileId(0), text);
    let (model, found) = check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    assert!(parsed.diagnostics.iter().chain(&found).all(|one| !one.is_error()), "{:#?}", (parsed.diagnostics, found));
    Arc::new(optimise(lower(model)).0)
}

/// Runs once on `state` of the folder: what it wrote, and what it said.
fn once(folder: &Path, state: &str) -> (BTreeMap<String, String>, Vec<String>) {
    once_of(&shop(), folder, state)
}

fn once_of(ir: &Arc<Ir>, folder: &Path, state: &str) -> (BTreeMap<String, String>, Vec<String>) {
    let out = folder.join(format!("out of {state}"));
    let options = RunOptions {
        places: Places { root: folder.to_owned(), simulated: ["payments".to_owned()].into(), ..Places::default() },
        state: folder.join(state),
        once: true,
        address: None,
        out: Some(out.clone()),
    };
    let (mut notes, mut failed) = (Vec::new(), Vec::new());
    run(ir, &options, &Arc::default(), &mut |event| match event {
        Event::Note(note) => notes.push(note),
        Event::JobFailed(why) => failed.push(why),
        _ => {}
    })
    .unwrap();
    let read =
        |name: &str| (name.to_owned(), std::fs::read_to_string(out.join(format!("sinks/{name}.jsonl"))).unwrap());
    (["seen", "report"].map(read).into(), notes)
}

#[test]
fn what_another_form_of_a_job_wrote_is_no_part_of_what_a_start_gives() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    std::fs::write(folder.join("sales.jsonl"), events(0..40, 3)).unwrap();
    std::fs::write(folder.join("asks.jsonl"), events(0..40, 2)).unwrap();
    std::fs::write(folder.join("prices.csv"), "sku,price\ns0,5\ns1,7\n").unwrap();
    let (before, job) = SHOP.split_once("job j {").unwrap();
    let emit = job.trim().trim_end_matches('}').trim();
    let forms = [
        SHOP.to_owned(),
        // No job, and one that is led past its sink.
        before.to_owned(),
        format!("{before}job j {{\n if year(now) < 2000 {{\n {emit}\n }}\n}}"),
        // Another sink, which the stream has, too, or alone.
        format!("{before}job j {{ emit sales |> take 3 |> select id, n = 0, price = null to seen }}"),
        format!(
            "{}job j {{ emit sales |> select id, n = 0, price = null to seen }}",
            before.split_once("stream s").unwrap().0
        ),
        // A job that fails.
        SHOP.replace("{ n = count() } to", "{ n = sum(id * 9_223_372_036_854_775_807) } to"),
        SHOP.replace("job j", "job k"),
        SHOP.replace("file: \"sales.jsonl\", time", "file: \"sales.jsonl\", lateness: 1m, time"),
    ];
    let forms: Vec<Arc<Ir>> = forms.iter().map(|text| compiled(text)).collect();
    let fresh: Vec<_> =
        forms.iter().enumerate().map(|(at, ir)| once_of(ir, folder, &format!("fresh {at}")).0).collect();
    for (first, one) in forms.iter().enumerate() {
        for (then, other) in forms.iter().enumerate() {
            let state = format!("{first} then {then}");
            assert_eq!(once_of(one, folder, &state).0, fresh[first], "{state}: the first");
            assert_eq!(once_of(other, folder, &state).0, fresh[then], "{state}");
        }
    }
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

/// Asks of every eighth day from 2026-01-01 on.
fn asks(of: std::ops::Range<i64>) -> String {
    let day = |n: i64| format!("2026-{:02}-{:02}", n * 8 / 28 + 1, n * 8 % 28 + 1);
    of.map(|n| format!("{{\"sku\":\"s{n}\",\"at\":\"{}T00:00:00Z\"}}\n", day(n))).collect()
}

/// Starts `text` on one state with each of the files in turn, none for one that is not there: after each it has written
/// what a first start writes. Gives what each start but the first said.
fn in_turn(text: &str, name: &str, files: &[Option<String>]) -> Vec<Vec<String>> {
    let (folder, ir) = (tempfile::tempdir().unwrap(), compiled(text));
    let place = folder.path().join(name);
    std::fs::write(folder.path().join("prices.csv"), "sku,price\ns0,1\ns1,2\n").unwrap();
    for (name, text) in [("sales.jsonl", events(0..60, 5)), ("asks.jsonl", events(0..60, 7))] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut said = Vec::new();
    for (number, file) in files.iter().enumerate() {
        match file {
            Some(text) => std::fs::create_dir_all(place.parent().unwrap()).and_then(|()| std::fs::write(&place, text)),
            None => std::fs::remove_file(&place),
        }
        .unwrap();
        let (found, notes) = once_of(&ir, folder.path(), "state");
        let (fresh, _) = once_of(&ir, folder.path(), &format!("fresh {number}"));
        assert_eq!(found, fresh, "start {number}, which said {notes:?}");
        assert_eq!(once_of(&ir, folder.path(), "state"), (found, Vec::new()), "start {number} once more");
        said.push(notes);
    }
    said.split_off(1)
}

#[test]
fn events_of_a_file_before_those_of_the_log_are_seen_by_those_after_them() {
    let files = [asks(0..5), asks(0..12), asks(0..12)];
    for arrival in ["", ", arrival: event"] {
        let text = BANK.replace("time: at }\nsource asks", &format!("time: at{arrival} }}\nsource asks"));
        assert!(arrival.is_empty() || text.contains(arrival));
        let said = in_turn(&text, "asks.jsonl", &files.clone().map(Some));
        assert!(said[0].len() == 1 && said[0][0].contains("events of `asks`"), "{said:?}");
        assert_eq!(said[1], Vec::<String>::new());
    }
    // What comes after all of the log is gone on to.
    let later = format!("{}{{\"sku\":\"s\",\"at\":\"2027-01-01T00:00:00Z\"}}\n", asks(0..5));
    assert_eq!(in_turn(BANK, "asks.jsonl", &[Some(asks(0..5)), Some(later)]), [Vec::<String>::new()]);
}

#[test]
fn a_stream_that_is_simulated_no_more_and_one_that_is_again_begin_anew() {
    let text = BANK.replace("topic: \"payments\"", "file: \"payments.jsonl\"");
    let line = r#"{"id":"p","card":"c","merchant":"m","amount":1,"country":"DE","at":"2027-01-01T00:00:00Z"}"#;
    let mut files = vec![Some(line.to_owned()), None, Some(line.to_owned())];
    let said = in_turn(&text, "payments.jsonl", &files);
    assert!(said[0].len() == 1 && said[0][0].contains("`payments` before is another now"), "{said:?}");
    assert!(said[1].len() == 1 && said[1][0].contains("`payments` was read from its topic before"), "{said:?}");
    files.truncate(1);
    assert_eq!(in_turn(&text, "payments.jsonl", &files), Vec::<Vec<String>>::new());
}

#[test]
fn records_that_are_gone_are_missed() {
    let said = in_turn(SHOP, "sales.jsonl", &[Some(events(0..60, 5)), Some(String::new()), Some(events(0..60, 5))]);
    for notes in said {
        assert_eq!(notes.len(), 1, "{notes:?}");
    }
    // A partition of which nothing is left.
    let row = |partition: i64, n: i64| {
        let at = format!("2026-01-01T00:00:{n:02}Z");
        format!("{{\"id\":{n},\"sku\":\"s1\",\"at\":\"{at}\",\"_partition\":{partition},\"_offset\":{n}}}\n")
    };
    let of = |partition: i64, range: std::ops::Range<i64>| range.map(|n| row(partition, n)).collect::<String>();
    let both = format!("{}{}", of(0, 0..5), of(1, 0..5));
    let said = in_turn(SHOP, "sales.jsonl", &[Some(both.clone()), Some(of(0, 0..5)), Some(both)]);
    assert!(said[0].len() == 1 && said[0][0].contains("`sales` before is another now"), "{said:?}");
}

#[test]
fn a_state_that_was_rebuilt_goes_on_with_what_is_added_to_what_is_there() {
    let of = |range| Some(events(range, 5));
    let lines = [60, 30, 40, 50].map(|end| of(0..end));
    let text = SHOP.replace("file: \"asks.jsonl\", time: at", "topic: \"asks\", time: at");
    let said = in_turn(&text, "sales.jsonl", &lines);
    assert!(said[0].len() == 1 && said[0][0].contains("`sales` before is another now"), "{said:?}");
    assert_eq!(said[1..], [Vec::<String>::new(), Vec::new()]);
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
    // A single one, of the very instant of the last event: its stream stands before that one's.
    let more = events(0..60, 7) + "{\"id\":60,\"sku\":\"s4\",\"at\":\"2026-01-01T00:09:50Z\"}\n";
    let notes = then(&[], &[("asks.jsonl", more)]);
    assert!(notes.len() == 1 && notes[0].contains("`asks`") && notes[0].contains("arrived before"), "{notes:?}");
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
    for rows in ["s0,1\ns1,3\n", "s0,3\ns1,2\n", "s1,2\n"] {
        let notes = then(&[], &[("prices.csv", format!("sku,price\n{rows}"))]);
        assert_eq!(notes, ["the table `prices` has changed: features, streams and jobs are rebuilt from history"]);
    }
}

#[test]
fn what_a_job_wrote_is_no_part_of_a_sink_that_it_writes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("prices.csv"), "sku,price\ns0,1\ns1,2\n").unwrap();
    for (name, text) in [("sales.jsonl", events(0..60, 5)), ("asks.jsonl", events(0..60, 7))] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let emit =
        "emit sales |> left join prices as p on sku == p.sku |> group by price = p.price { n = count() } to report";
    let report = "sink report: rows<{ price: int?, n: int }> {}";
    let moved = SHOP.replace(report, "sink report: stream<{ id: int }> {}");
    let forms = [
        SHOP.to_owned(),
        SHOP.replace(emit, "emit sales |> select id to other") + "sink other: rows<{ id: int }> {}",
        SHOP.to_owned(),
        moved.replace("stream s {", "stream s { emit sales |> select id to report").replace(emit, ""),
    ];
    for (number, text) in forms.iter().enumerate() {
        let ir = compiled(text);
        let (found, _) = once_of(&ir, folder.path(), "state");
        let (fresh, _) = once_of(&ir, folder.path(), &format!("fresh {number}"));
        assert_eq!(found, fresh, "form {number}");
        assert_eq!(found["report"].is_empty(), number == 1);
    }
}
