//! What jobs write, publish and fail of, over a folder's files.

use std::sync::Arc;

use flow_learn::Registry;

use super::super::{Event, RunOptions, run};
use super::{SALES, compiled, sales};
use crate::data::Places;

/// Runs a solution once, and gives what its jobs failed of.
fn failures(folder: &tempfile::TempDir, solution: &str) -> Vec<String> {
    let options = RunOptions {
        places: Places { root: folder.path().to_path_buf(), ..Places::default() },
        state: folder.path().join("state"),
        once: true,
        address: None,
        out: Some(folder.path().join("out")),
    };
    let mut failed = Vec::new();
    run(&compiled(solution), &options, &Arc::default(), &mut |event| {
        if let Event::JobFailed(why) = event {
            failed.push(why);
        }
    })
    .unwrap();
    failed
}

/// Runs a solution over the files of its folder, in which nothing fails; gives what a sink holds then.
fn once(folder: &tempfile::TempDir, solution: &str) -> impl Fn(&str) -> Vec<String> {
    let failed = failures(folder, solution);
    assert_eq!(failed, Vec::<String>::new());
    let sinks = folder.path().join("out/sinks");
    move |sink| {
        let text = std::fs::read_to_string(sinks.join(format!("{sink}.jsonl"))).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// What a job over tables writes: their rows as of T, and what rows find there that have no place of their own.
#[test]
fn a_job_reads_tables_as_of_its_time() {
    let solution = r#"
solution rates { version: "1.0.0" }
type Sale { id: string, n: int, amount: int, at: timestamp }
type Rate { id: string, rate: int, since: timestamp }
source sales: stream<Sale> { time: at, file: "sales.jsonl" }
source rates: table<Rate> key id { file: "rates.csv", versions: since }
source names: table<{ id: string, name: string }> key id { file: "names.csv" }
view great = rates |> where rate > 15
sink now_: rows<{ id: string, rate: int }> { }
sink named: rows<{ id: string, name: string }> { }
sink grouped: rows<{ id: string, n: int, rate: int? }> { }
sink viewed: rows<{ n: int, rate: int }> { }
job nightly {
  emit rates |> select id, rate to now_
  emit names |> where id != "7" to named
  emit sales |> where id == "1" or id == "2" |> group by id { n = count() }
    |> left join rates as r on id == r.id |> select id, n, rate = r.rate to grouped
  emit sales |> where n < 400 and amount == 1 |> derive key = "1" |> join great as g on key == g.id
    |> select n, rate = g.rate to viewed
}
"#;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("names.csv", "id,name\n1,one\n2,two\n1,uno\n7,seven\n");
    write(
        "rates.csv",
        "id,rate,since\n1,10,1970-01-01T00:00:00Z\n1,20,2026-01-01T00:00:01Z\n\
        1,12,2026-01-01T00:00:02Z\n1,30,2026-01-01T00:00:03Z\n2,40,2026-01-02T00:00:00Z\n",
    );
    sales(folder.path());
    let written = once(&folder, solution);
    assert_eq!(written("now_"), [r#"{"id":"1","rate":30}"#]);
    assert_eq!(written("named"), [r#"{"id":"1","name":"uno"}"#, r#"{"id":"2","name":"two"}"#]);
    assert_eq!(written("grouped"), [r#"{"id":"1","n":1,"rate":30}"#, r#"{"id":"2","n":1,"rate":null}"#]);
    // Only while the rate is above 15: in the second second, and in the fourth.
    let viewed = written("viewed");
    let rates = |low: usize, high: usize, rate: usize| {
        (low..high).filter(|n| n % 7 == 1).map(move |n| format!("{{\"n\":{n},\"rate\":{rate}}}"))
    };
    assert_eq!(viewed, rates(100, 200, 20).chain(rates(300, 400, 30)).collect::<Vec<_>>());
}

#[test]
fn a_split_has_every_row_once_as_it_stood_before_a_sort() {
    let solution = r#"
solution parts { version: "1.0.0" }
use std.ml.{ split }
type Sale { id: string, n: int, amount: int, at: timestamp }
source sales: stream<Sale> { time: at, file: "sales.jsonl" }
sink all: rows<{ n: int, key: int? }> { }
sink one: rows<{ n: int, key: int? }> { }
sink other: rows<{ n: int, key: int? }> { }
sink whole: rows<{ n: int, key: int? }> { }
job nightly {
  some  = sales |> where n < 300 |> select n, key = if amount == 0 then null else n div 3
  parts = split(some |> sort by n desc, left: 50%, right: 50%, by: key)
  emit some to all
  emit parts.left to one
  emit parts.right to other
  emit parts.left to whole
  emit parts.right to whole
}
"#;
    let folder = tempfile::tempdir().unwrap();
    sales(folder.path());
    let written = once(&folder, solution);
    let number = |line: &String| -> u32 { line[5..].split(',').next().unwrap().parse().unwrap() };
    let all = written("all");
    assert_eq!(all.len(), 300);
    assert_eq!(written("whole"), all);
    for part in ["one", "other"] {
        let rows = written(part);
        assert!(rows.len() > 30, "{part}: {}", rows.len());
        assert!(rows.is_sorted_by_key(number), "{part}: {:?}", rows.get(..5));
    }
    // Rows without a key go together.
    let without = |part: &str| written(part).iter().filter(|line| line.ends_with("null}")).count();
    assert!([(43, 0), (0, 43)].contains(&(without("one"), without("other"))));
}

#[test]
fn a_job_takes_one_branch_and_a_gate_that_cannot_be_computed_lets_nothing_through() {
    let solution = r#"
solution branches { version: "1.0.0" }
use std.ml.{ gbdt }
type Sale { id: string, n: int, amount: int, at: timestamp }
source sales: stream<Sale> { time: at, file: "sales.jsonl" }
sink yes: rows<{ n: int }> { }
sink no: rows<{ n: int }> { }
sink matched: rows<{ n: int }> { }
job nightly(most: int = 9_223_372_036_854_775_807, name: string = "b") {
  few = sales |> where n < 5 |> select n
  if most > 7 {
    emit few |> where n == 1 to yes
  } else {
    emit few |> where n == 2 to yes
  }
  if most < 7 {
    emit few |> where n == 1 to no
  } else {
    emit few |> where n == 2 to no
  }
  match name, most {
    "a", _ -> { emit few |> where n == 1 to matched }
    "b", 7 -> { emit few |> where n == 2 to matched }
    "b", _ -> { emit few |> where n == 3 to matched }
    else -> { emit few |> where n == 4 to matched }
  }
  model = gbdt(sales, label: amount > 3, trees: 1, depth: 1, features: [n])
  publish model as scorer when most + 1 > 0
}
"#;
    let folder = tempfile::tempdir().unwrap();
    sales(folder.path());
    let written = once(&folder, solution);
    for (sink, n) in [("yes", 1), ("no", 2), ("matched", 3)] {
        assert_eq!(written(sink), [format!("{{\"n\":{n}}}")], "{sink}");
    }
    let published = std::fs::read_dir(folder.path().join("state/models")).map_or(0, Iterator::count);
    assert_eq!(published, 0);
}

/// A branch that nobody can choose is not left out in silence.
#[test]
fn a_condition_that_cannot_be_computed_fails_the_job() {
    let solution = |body: &str| {
        format!(
            "solution branches {{ version: \"1.0.0\" }}\nsource sales: stream<{{ id: string, n: int, at: timestamp }}> {{ time: at, file: \"sales.jsonl\" }}\n\
             sink out: rows<{{ n: int }}> {{ }}\njob nightly(most: int = 9_223_372_036_854_775_807) {{\n  few = sales |> select n\n{body}\n}}\n"
        )
    };
    let over = "job `nightly` cannot be computed: the result is out of range";
    for (body, fails) in [
        ("if most + 1 > 7 { emit few to out }", true),
        ("if most + 1 > 7 { emit few |> where n == 1 to out } else { emit few to out }", true),
        (
            "x = most - 2\n match x, most { 3, _ -> { emit few to out }, _, _ -> { if most + x > 1 { emit few to out } } }",
            true,
        ),
        ("if most > 7 or most + 1 > 7 { emit few to out }", false),
        ("if most < 7 { if most + 1 > 7 { emit few to out } }", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        sales(folder.path());
        let failed = failures(&folder, &solution(body));
        assert_eq!(failed.len(), usize::from(fails), "{body}: {failed:?}");
        assert!(failed.iter().all(|why| why.ends_with(over) && why.starts_with("a condition around `")), "{failed:?}");
    }
}

#[test]
fn a_training_without_rows_says_of_which_job_it_is() {
    let job = |name: &str| {
        format!(
            "job {name} {{\n  none = sales |> where n > 9000\n  \
             model = gbdt(none, label: n > 3, trees: 1, depth: 2, features: [n])\n  publish model as {name}_model\n}}\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    sales(folder.path());
    let jobs = [job("first"), job("second")].concat();
    let failed = failures(&folder, &format!("{SALES}{jobs}"));
    let why = [
        "`model` of job `first` cannot be trained: there are no rows to learn from",
        "`model` of job `second` cannot be trained: there are no rows to learn from",
    ];
    assert_eq!(failed, why);
}

#[test]
fn of_two_models_the_better_one_is_published() {
    let solution = |better: &str| {
        format!(
            r#"
solution challenger {{ version: "1.0.0" }}
use std.ml.{{ gbdt, evaluate }}
type Sale {{ id: string, n: int, amount: int, at: timestamp }}
source sales: stream<Sale> {{ time: at, file: "sales.jsonl" }}
job nightly {{
  bar   = 1 + 2
  small = gbdt(sales, label: amount > bar, trees: 1, depth: 1, features: [n])
  large = gbdt(sales, label: amount > bar, trees: 3, depth: 2, features: [n])
  first  = evaluate(small, sales)
  second = evaluate(large, sales)
  if {better} {{
    publish large as scorer when first.auc >= 0.0
  }} else {{
    publish small as scorer when second.auc >= 0.0
  }}
}}
"#
        )
    };
    for (better, trees) in [("second.auc > first.auc - 2.0", 3), ("second.auc > first.auc + 2.0", 1)] {
        let folder = tempfile::tempdir().unwrap();
        sales(folder.path());
        drop(once(&folder, &solution(better)));
        let registry = Registry::new(folder.path().join("state/models"));
        let published = registry.latest("scorer").unwrap().found.unwrap();
        assert_eq!((published.version, published.publication.ensemble.trees()), (1, trees), "{better}");
    }
}

#[test]
fn an_evaluation_finds_its_columns_by_their_names() {
    let solution = |body: &str| {
        format!(
            r#"
solution measured {{ version: "1.0.0" }}
use std.ml.{{ gbdt, evaluate }}
type Sale {{ id: string, n: int, amount: int, at: timestamp }}
source sales: stream<Sale> {{ time: at, file: "sales.jsonl" }}
job nightly {{
  bar   = 3
  model = gbdt(sales |> derive z = amount + 1, label: amount > bar, features: [z], trees: 1, depth: 1)
  {body}
}}
"#
        )
    };
    let rows = "sales |> derive y = n, z = amount + 1 |> select y, z, n, amount";
    let branch =
        format!("if bar < 4 {{\n  e = evaluate(model, {rows})\n  publish model as scorer when e.auc == 1.0\n}}");
    let plain = format!("e = evaluate(model, {rows})\n  publish model as scorer when e.auc == 1.0");
    let same = "e = evaluate(model, sales |> derive z = amount + 1)\n  publish model as scorer when e.auc == 1.0";
    for body in [branch.as_str(), plain.as_str(), same] {
        let folder = tempfile::tempdir().unwrap();
        sales(folder.path());
        drop(once(&folder, &solution(body)));
        let published = Registry::new(folder.path().join("state/models")).latest("scorer").unwrap().found;
        assert!(published.is_some(), "{body}");
    }
}

/// Rows of one class have no AUC: what reads it is a fault, and a gate that is no `true` lets nothing through.
#[test]
fn a_metric_that_could_not_be_measured_passes_no_gate() {
    let solution = |gate: &str, emitted: &str| {
        format!(
            r#"
solution measured {{ version: "1.0.0" }}
use std.ml.{{ gbdt, evaluate }}
type Sale {{ id: string, n: int, amount: int, at: timestamp }}
source sales: stream<Sale> {{ time: at, file: "sales.jsonl" }}
@tolerate(100%)
job nightly {{
  model  = gbdt(sales, label: amount > 3, features: [n], trees: 1, depth: 1)
  report = evaluate(model, sales |> where amount > 3)
  emit sales |> select id, v = {emitted} to out
  publish model as scorer when {gate}
}}
sink out: rows<{{ id: string, v: float }}> {{ path: "out" }}
"#
        )
    };
    for (gate, passes) in [
        ("report.auc != 0.9", false),
        ("report.auc == 0.0 or report.auc != 0.0", false),
        ("if report.auc < 0.5 then false else true", false),
        ("not (report.auc in [0.5])", false),
        ("report.rows > 0 and report.positives == report.rows and report.log_loss >= 0.0", true),
        ("report.rows > 0 or report.auc > 0.5", true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        sales(folder.path());
        drop(once(&folder, &solution(gate, "report.log_loss")));
        let published = Registry::new(folder.path().join("state/models")).latest("scorer").unwrap().found;
        assert_eq!(published.is_some(), passes, "{gate}");
    }
    for (emitted, is_there) in [("report.log_loss", true), ("report.auc", false), ("report.auc + 1.0", false)] {
        let folder = tempfile::tempdir().unwrap();
        sales(folder.path());
        let rows = once(&folder, &solution("report.rows > 0", emitted))("out").len();
        assert_eq!(rows > 0, is_there, "{emitted}: {rows}");
    }
}

/// An event that several statements leave out counts once, whatever it has become on the way.
#[test]
fn a_row_that_several_emits_leave_out_counts_once() {
    let solution = |tolerate: &str| {
        format!(
            r#"
solution twice {{ version: "1.0.0" }}
type Sale {{ id: string, n: int, amount: int, at: timestamp }}
source sales: stream<Sale> {{ time: at, file: "sales.jsonl" }}
view few = sales |> where n < 10
sink one: rows<{{ id: string, n: int }}> {{ }}
sink two: rows<{{ id: string, n: int }}> {{ }}
sink grouped: rows<{{ id: string, n: int }}> {{ }}
{tolerate} job nightly {{
  emit few |> select id, n = 9_223_372_036_854_775_805 + n to one
  emit few |> select id, n = 9_223_372_036_854_775_806 + n to two
  emit few |> group by id {{ most = max(n) }} |> where most > 6 |> select id, n = 9_223_372_036_854_775_800 + most to grouped
}}
"#
        )
    };
    let folder = tempfile::tempdir().unwrap();
    sales(folder.path());
    let failed = failures(&folder, &solution(""));
    // Of n from 0 to 9 the first leaves out 7, the second these and one more; two groups are left out beside them.
    let wanted = "job `nightly`: 10 of 6000 rows cannot be computed, the first: offset ";
    assert!(failed.iter().any(|why| why.starts_with(wanted)), "{failed:?}");
    assert_eq!(failures(&folder, &solution("@tolerate(0.17%)")), Vec::<String>::new());
    assert_eq!(failures(&folder, &solution("@tolerate(0.16%)")).len(), 1);
}
