//! Keys, rows, records and chains of views of any length: nothing stops for one, and nothing is lost without a letter.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fec_diagnostics::FileId;
use fec_ir::{lower, optimise};
use fec_local::data::Places;
use fec_local::run::{RunOptions, run};
use fec_model::{CheckOptions, check};

const TEXTS: &str = r#"
solution texts { version: "1.0.0" }
source said: stream<{ who: string, n: int, at: timestamp }> { file: "said.jsonl", time: at, lateness: 1h, unique: who }
features of by who from said { count_ = count() over 1d }
view last_said: table<{ who: string, n: int }> key who = said |> select who, n
sink seen:  stream<{ n: int, count_: int, before: int? }> {}
sink kept:  stream<{ who: string, n: int }> {}
sink after: table<{ who: string, n: int, next: int? }> key who {}
stream s {
  emit said |> with of |> left join last_said as l on who == l.who |> select n, count_, before = l.n to seen
  emit said |> select who, n to kept
  emit said |> left join first said as t on who == t.who within 1us..1d |> select who, n, next = t.n to after
}
job j { emit said |> where n == 2 |> select n, count_ = 0, before = length(who) to seen_by }
sink seen_by: rows<{ n: int, count_: int, before: int }> {}
"#;

/// Runs once over these lines: the lines of each file that it wrote.
fn lines_of(said: &[String], names: &[&str]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("said.jsonl"), said.join("\n")).unwrap();
    once(TEXTS, folder.path());
    let read = |name: &&str| std::fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    names.iter().map(read).map(|text| text.lines().map(str::to_owned).collect()).collect()
}

fn once(text: &str, folder: &Path) {
    let parsed = fec_syntax::parse(FileId(0), text);
    let (model, found) = check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    assert!(parsed.diagnostics.iter().chain(&found).all(|one| !one.is_error()), "{:#?}", (parsed.diagnostics, found));
    let options = RunOptions {
        places: Places { root: folder.to_owned(), ..Places::default() },
        state: folder.join("state"),
        once: true,
        address: None,
        out: Some(folder.join("out")),
    };
    run(&Arc::new(optimise(lower(model)).0), &options, &Arc::default(), &mut |_| {}).unwrap();
}

#[test]
fn views_over_a_table_may_stand_on_each_other_in_a_long_chain() {
    let mut text = r#"
solution chain { version: "1.0.0" }
source v0: table<{ id: string, n: int }> key id { file: "things.csv" }
job j { emit v400 |> select id, n to left }
sink left: rows<{ id: string, n: int }> {}
"#
    .to_owned();
    for index in 1..=400 {
        text.push_str(&format!("view v{index} = v{} |> where n != {index}\n", index - 1));
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("things.csv"), "id,n\na,7\nb,401\nc,400\nd,0\n").unwrap();
    let begun = Instant::now();
    once(&text, folder.path());
    let found = std::fs::read_to_string(folder.path().join("out/sinks/left.jsonl")).unwrap();
    assert_eq!(found, "{\"id\":\"b\",\"n\":401}\n{\"id\":\"d\",\"n\":0}\n");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

fn said(who: &str, n: i64) -> String {
    format!(r#"{{"who":"{who}","n":{n},"at":"2026-01-0{n}T00:00:00Z"}}"#)
}

#[test]
fn a_key_may_be_longer_than_a_store_takes() {
    let long = |end: &str| format!("{}{end}", "x".repeat(2 << 20));
    let (a, b) = (long("a"), long("b"));
    let lines = [said(&a, 1), said(&b, 2), said(&a, 3), said("c", 4)];
    let found = lines_of(&lines, &["sinks/seen.jsonl", "sinks/kept.jsonl", "sinks/after.jsonl", "dead/said.jsonl"]);
    let [seen, kept, after, dead] = found.try_into().unwrap();
    assert_eq!(seen[0], r#"{"n":1,"count_":0,"before":null}"#);
    assert_eq!(seen[1], r#"{"n":2,"count_":0,"before":null}"#, "of another key");
    assert_eq!(seen[2], r#"{"n":3,"count_":0,"before":1}"#, "its window is over, and the view holds it");
    assert_eq!(kept.iter().map(String::len).collect::<Vec<_>>(), [a.len() + 16, b.len() + 16, a.len() + 16, 17]);
    // In the order of the keys.
    assert_eq!(after.len(), 3);
    assert!(after[0].ends_with(r#"c","n":4,"next":null}"#), "{}", after[0]);
    assert!(after[1].ends_with(r#"xa","n":3,"next":null}"#), "{}", &after[1][after[1].len() - 40..]);
    assert!(after[2].ends_with(r#"xb","n":2,"next":null}"#), "{}", &after[2][after[2].len() - 40..]);
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn a_row_that_the_log_does_not_take_and_a_line_that_is_no_record_are_letters() {
    let huge = "x".repeat(17 << 20);
    let lines = [said("a", 1), said(&huge, 2), huge.clone(), said("a", 3)];
    let found = lines_of(&lines, &["sinks/seen.jsonl", "sinks/kept.jsonl", "dead/said.jsonl", "sinks/seen_by.jsonl"]);
    let [seen, kept, dead, job] = found.try_into().unwrap();
    assert_eq!(seen.len(), 3, "what is short enough is written");
    assert_eq!(kept, [r#"{"who":"a","n":1}"#, r#"{"who":"a","n":3}"#]);
    assert_eq!(job, [format!(r#"{{"n":2,"count_":0,"before":{}}}"#, huge.len())]);
    let letters: Vec<serde_json::Value> = dead.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = letters
        .iter()
        .map(|letter| ["reason", "flow", "offset"].map(|name| letter[name].to_string().replace('"', "")).join(" "))
        .collect();
    assert_eq!(told, ["too_large after 1", "too_large kept 1", "malformed said 2"]);
    for letter in &letters {
        let raw = letter["raw"].as_str().unwrap();
        assert!(raw.len() > 15 << 20 && raw.len() < 16 << 20, "as much as the log takes: {}", raw.len());
        let detail = letter["detail"].as_str().unwrap();
        assert!(detail.contains("`raw` holds the first 125"), "{detail}");
    }
}

#[test]
fn names_may_be_as_long_as_the_language_has_them() {
    let [solution, engine, stream, source, sink] = ["案", "擎", "流", "源", "汇"].map(|letter| letter.repeat(70));
    let text = format!(
        r#"
solution {solution} {{ version: "1.0.0" }}
source {source}: stream<{{ id: string, n: int, at: timestamp }}> {{ file: "said.jsonl", time: at, key: id }}
sink {sink}: stream<{{ id: string, n: int }}> {{}}
engine {engine} {{
  stream {stream} {{ emit {source} |> select id, n to {sink} }}
}}
"#
    );
    let folder = tempfile::tempdir().unwrap();
    let lines = r#"{"id":"a","n":1,"at":"2026-01-01T00:00:00Z"}"#;
    std::fs::write(folder.path().join("said.jsonl"), lines).unwrap();
    for _ in 0..2 {
        once(&text, folder.path());
        let found = std::fs::read_to_string(folder.path().join(format!("out/sinks/{sink}.jsonl"))).unwrap();
        assert_eq!(found, "{\"id\":\"a\",\"n\":1}\n");
    }
}
