//! Where each column comes from, what stands beside what in a picture, and what is told of a plan.

use std::collections::{BTreeMap, BTreeSet};

use fec_ir::lineage::{Lineage, dataflow};
use fec_ir::{Ir, explain, optimise, picture};
use fec_model::Symbol;

use super::plan;

const FLOWS: &str = r#"
use std.ml.{ gbdt, split, evaluate }
features f by user from taps { n = count() over 1h, total = sum(amount) over 1h, share = total / n }
source limits: table<{ user: string, most: float }> key user { file: "limits.csv" }
view high: table<{ user: string, twice: float }> key user = limits |> select user, twice = most * 2.0
view last: table<{ user: string, amount: float }> key user = taps |> where amount > 2.0 |> select user, amount
stream live {
  rows = taps |> with f |> where amount > 1.0 |> select user, n, words = "{note}: {share ?? 0.0}"
  emit rows to out
}
stream whole { emit taps |> with f as own |> select user, n = own.n, words = note to out }
stream joined {
  rows = taps |> left join others as r on user == r.user within 1h |> final |> select user, n = length(note), words = r.note ?? ""
  emit rows to out
}
stream both { emit taps |> union others |> select user, n = length(note), words = user to out }
job nightly {
  emit taps |> left join high as h on user == h.user |> group by user { n = count(), peak = max(amount), least = min(h.twice ?? 0.0) }
    |> derive gap = (peak ?? 0.0) - (least ?? 0.0)
    |> select user, n, words = "{gap}" to best
}
job learn {
  parts  = split(taps, train: 80%, test: 20%, by: user)
  fit    = gbdt(parts.train, label: note == "x", features: [amount])
  report = evaluate(fit, parts.test)
  publish fit as risk when report.auc > 0.5
}
service ask(user: string, amount: float) -> float {
  sums = f[user]
  most = high[user].twice
  seen = last[user].amount
  score = risk(amount)
  return (score ?? 0.0) + (most ?? 0.0) + (seen ?? 0.0) + float(sums.n)
}
sink out: stream<{ user: string, n: int, words: string }> { }
sink best: rows<{ user: string, n: int, words: string }> { path: "best.jsonl" }
"#;

/// What each column is computed from, a line each.
fn lines(ir: &Ir) -> Vec<String> {
    let told = |(node, column): &(String, Symbol)| format!("{node}.{column}");
    let line = |entry: &Lineage| {
        let from: Vec<String> = entry.from.iter().map(told).collect();
        format!("{} <- {}", told(&entry.to), from.join(", "))
    };
    dataflow(ir, true).lineage.iter().map(line).collect()
}

#[test]
fn each_column_names_what_it_is_computed_from() {
    let ir = plan(FLOWS);
    let found = lines(&ir);
    for expected in [
        // A set's columns: its key, what is aggregated, and what is computed of both.
        "features/f/features.n <- features/f/taps/scan.user",
        "features/f/features.total <- features/f/taps/scan.amount, features/f/taps/scan.user",
        "features/f/features.share <- features/f/taps/scan.amount, features/f/taps/scan.user",
        "live/feature_read.n <- features/f/features.n",
        "live/feature_read.note <- live/taps/scan.note",
        "live/filter.n <- live/feature_read.n",
        "live/project.words <- live/filter.note, live/filter.share",
        "live/out/emit.words <- live/project.words",
        "whole/feature_read.own <- features/f/features.n, features/f/features.share, features/f/features.total",
        "whole/feature_read.note <- whole/taps/scan.note",
        "whole/project.n <- whole/feature_read.own",
        "joined/interval_join.r <- joined/others/scan.amount, joined/others/scan.at, joined/others/scan.note, \
         joined/others/scan.user",
        "joined/interval_join.note <- joined/taps/scan.note",
        "joined/final.note <- joined/interval_join.note",
        "joined/project.words <- joined/final.r",
        "both/union.note <- both/others/scan.note, both/taps/scan.note",
        "nightly/lookup_join.h <- nightly/project.twice, nightly/project.user",
        "nightly/aggregate.user <- nightly/lookup_join.user",
        "nightly/aggregate.n <- nightly/lookup_join.user",
        "nightly/aggregate.peak <- nightly/lookup_join.amount, nightly/lookup_join.user",
        "nightly/project-2.gap <- nightly/aggregate.least, nightly/aggregate.peak",
        "learn/parts/split.note <- learn/taps/scan.note",
        "learn/part.note <- learn/parts/split.note",
        "learn/fit/train.fit <- learn/part.amount, learn/part.note",
        "learn/report/evaluate.report <- learn/fit/train.fit, learn/part-2.amount, learn/part-2.at, learn/part-2.note, \
         learn/part-2.user",
        "learn/risk/publish.risk <- learn/fit/train.fit",
        "ask/sums/read_features.sums <- ask/request/request.user, features/f/features.n, features/f/features.share, \
         features/f/features.total",
        "ask/$3/read_table.$3 <- ask/request/request.user, views/high/project.twice, views/high/project.user",
        "ask/$5/read_table.$5 <- ask/request/request.user, views/last/keyed_rows.amount, views/last/keyed_rows.user",
        "ask/score/predict.score <- ask/request/request.amount, learn/risk/publish.risk",
        "ask/response/respond.response <- ask/most/scalar.most, ask/score/predict.score, ask/seen/scalar.seen, \
         ask/sums/read_features.sums",
        "views/high/project.twice <- views/high/limits/scan.most",
        "views/last/keyed_rows.amount <- views/last/project.amount",
    ] {
        assert!(found.iter().any(|line| line == expected), "wanted `{expected}` among\n{}", found.join("\n"));
    }
    // Nothing is computed from nothing but what is read.
    let read = |line: &&String| !line.contains("/scan.") && !line.contains("/request.") && line.ends_with("<- ");
    assert_eq!(found.iter().find(read), None);
}

/// What stands in for a value is read before, is kept though nothing else reads it, and is an origin like any other.
#[test]
fn fallbacks_are_read_and_are_origins() {
    let ir = plan(
        r#"
source limits: table<{ user: string, most: int }> key user { file: "limits.csv" }
@post("/ask")
service ask(user: string, n: int) -> int {
  own = n * 2
  @fallback(own + (limits[user].most ?? 0))
  sum = 9_223_372_036_854_775_807 + n
  return sum
}
"#,
    );
    let found = lines(&ir);
    let sum = found.iter().find(|line| line.starts_with("ask/sum")).map(String::as_str).unwrap_or_default();
    for origin in ["ask/own/scalar.own", "/read_table.", "/request.n"] {
        assert!(sum.contains(origin), "wanted `{origin}` in `{sum}` among\n{}", found.join("\n"));
    }
}

#[test]
fn edges_are_ports_bindings_and_what_is_read_by_name() {
    let flow = dataflow(&plan(FLOWS), true);
    let edges: Vec<String> = flow.edges.iter().map(|edge| format!("{} > {}", edge.from, edge.to)).collect();
    for expected in [
        "both/others/scan > both/union",
        "both/taps/scan > both/union",
        "features/f/features > live/feature_read",
        "features/f/features > ask/sums/read_features",
        "views/high/project > ask/$3/read_table",
        "views/last/keyed_rows > ask/$5/read_table",
        "learn/risk/publish > ask/score/predict",
        "learn/report/evaluate > learn/risk/publish",
        "ask/score/predict > ask/response/respond",
    ] {
        assert!(edges.iter().any(|edge| edge == expected), "wanted `{expected}` among {edges:#?}");
    }
    assert!(edges.is_sorted());
    let subject = |name: &str| flow.nodes.iter().find(|node| node.name == name).and_then(|node| node.subject.clone());
    for (name, expected) in [
        ("both/others/scan", "others"),
        ("live/out/emit", "out"),
        ("features/f/features", "f"),
        ("live/feature_read", "f"),
        ("ask/sums/read_features", "f"),
        ("ask/$3/read_table", "high"),
        ("ask/score/predict", "risk"),
        ("learn/risk/publish", "risk"),
        ("learn/part-2", "test"),
    ] {
        assert_eq!(subject(name).as_deref(), Some(expected), "{name}");
    }
    assert_eq!(subject("joined/final"), None);
}

/// The canonical form names nodes, so that two plans can be compared; the other one has numbers and places.
#[test]
fn the_canonical_form_has_names_alone() {
    let ir = plan(FLOWS);
    let (canonical, plain) = (dataflow(&ir, true), dataflow(&ir, false));
    assert!(canonical.nodes.iter().all(|node| node.id == node.name && node.span.is_none()));
    assert!(plain.nodes.iter().all(|node| node.id.parse::<u32>().is_ok() && node.span.is_some()));
    assert!(canonical.nodes.is_sorted_by_key(|node| &node.name) && canonical.lineage.is_sorted());
    let number = |name: &str| plain.nodes.iter().find(|node| node.name == name).map(|node| node.id.clone()).unwrap();
    let (scan, union) = (number("both/others/scan"), number("both/union"));
    assert!(plain.edges.iter().any(|edge| edge.from == scan && edge.to == union));
    let found = plain.lineage.iter().find(|entry| entry.to == (union.clone(), "note".into())).unwrap();
    assert!(found.from.contains(&(scan, "note".into())));
}

/// The plan that runs says the same of what comes out, whatever was moved, dropped or joined.
#[test]
fn what_is_emitted_comes_from_the_same_columns_after_the_passes() {
    let (after, _, broken) = optimise(plan(FLOWS));
    assert_eq!(broken, Vec::new());
    let roots = |ir: &Ir| -> BTreeMap<String, BTreeSet<(String, Symbol)>> {
        let flow = dataflow(ir, true);
        let scans: BTreeMap<&str, &str> = flow
            .nodes
            .iter()
            .filter(|node| node.op == "scan")
            .filter_map(|n| Some((&*n.id, n.subject.as_deref()?)))
            .collect();
        let from: BTreeMap<_, _> = flow.lineage.iter().map(|entry| (entry.to.clone(), &entry.from)).collect();
        let mut all = BTreeMap::new();
        for (node, column) in from.keys().filter(|(node, _)| node.ends_with("/emit")) {
            let (mut open, mut found) = (vec![(node.clone(), *column)], BTreeSet::new());
            while let Some(place) = open.pop() {
                match scans.get(&*place.0) {
                    Some(source) => drop(found.insert(((*source).to_owned(), place.1))),
                    None => open.extend(from.get(&place).into_iter().flat_map(|more| more.iter().cloned())),
                }
            }
            all.insert(format!("{node}.{column}"), found);
        }
        all
    };
    let (before, after) = (roots(&plan(FLOWS)), roots(&after));
    assert_eq!(before.len(), 15);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    // Of a joined row only what is read: who reads less of it comes from less.
    for (column, from) in &after {
        let wider = before.get(column).unwrap();
        assert!(from.is_subset(wider) && !from.is_empty(), "{column}: {from:?} of {wider:?}");
    }
    assert_eq!(after.get("live/out/emit.words"), before.get("live/out/emit.words"));
}

#[test]
fn a_picture_has_every_node_right_of_what_feeds_it() {
    let flow = dataflow(&plan(FLOWS), true);
    let svg = picture::svg(&flow);
    // The corner of each box, under its title.
    let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for group in svg.split("<g><title>").skip(1) {
        let number = |key: &str| group.split(&format!(" {key}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        let place = (number("x").unwrap().parse().unwrap(), number("y").unwrap().parse().unwrap());
        assert!(places.insert(group.split(": ").next().unwrap().to_owned(), place).is_none());
    }
    assert_eq!(places.len(), flow.nodes.len());
    for edge in &flow.edges {
        let ((from, _), (to, _)) = (places[&edge.from], places[&edge.to]);
        assert!(from < to, "{} stands at {from}, {} at {to}", edge.from, edge.to);
    }
    let all: BTreeSet<(usize, usize)> = places.values().copied().collect();
    assert_eq!(all.len(), places.len(), "two boxes lie on one place");
    assert_eq!(svg.matches("<path ").count(), flow.edges.len());
    let size = svg.split("viewBox=\"0 0 ").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let (width, height) = size.split_once(' ').unwrap();
    let (width, height): (usize, usize) = (width.parse().unwrap(), height.parse().unwrap());
    assert!(all.iter().all(|(x, y)| x + 260 <= width && y + 48 <= height), "a box lies outside of {size}");
}

#[test]
fn names_in_pictures_are_only_names() {
    let mut flow = dataflow(&plan(FLOWS), true);
    let node = flow.nodes.first_mut().unwrap();
    (node.id, node.name) = ("a\"b\\".to_owned(), "<a & \"b\">".to_owned());
    node.subject = Some("s".repeat(60));
    let (dot, svg) = (picture::dot(&flow), picture::svg(&flow));
    assert!(dot.starts_with("digraph solution {\n") && dot.ends_with("}\n"));
    assert!(dot.contains(r#"  "a\"b\\" [label=""#) && dot.contains(r#"\n<a & \"b\">"];"#), "{dot}");
    assert_eq!(dot.matches(" -> ").count(), flow.edges.len());
    assert!(svg.contains("<title>&lt;a &amp; &quot;b&quot;&gt;: ") && !svg.contains("<a &"), "{svg}");
    // A title that is too long is cut, and says so.
    assert!(svg.contains("sss…<") && !svg.contains(&"s".repeat(32)));
}

#[test]
fn explain_tells_what_each_pass_did() {
    let flows = r#"
stream live { emit taps |> where amount > 1.0 |> select user, n = 1 + 2 to out }
sink out: stream<{ user: string, n: int }> { }
"#;
    let before = plan(flows);
    let (after, applied, broken) = optimise(before.clone());
    assert_eq!(broken, Vec::new());
    let told = explain::explain(&before, &after, &applied);
    let expected = "\
plan as written (4 nodes)

  #0    scan           live/taps/scan  [stream]  {user, amount, note, at}
  #1    filter         live/filter <- #0  [stream]  {user, amount, note, at}
  #2    project        live/project <- #1  [stream]  {user, n}
  #3    emit           live/out/emit <- #2  [stream]  {user, n}

fold: compute what does not depend on a row
  live/project
    computed 1 constant parts beforehand

share: do equal work of several flows once
  nothing to do

aggregations: keep feature sets over one input and key in one state
  nothing to do

predicates: filter before rows become expensive
  nothing to do

projections: carry only the columns that somebody reads
  live/taps/scan
    carries 2 of 4 columns: nobody reads the others
  live/filter
    carries 2 of 4 columns: nobody reads the others

dead: remove what nobody uses
  nothing to do

fuse: run stateless steps in one loop over the batch
  live/project
    takes over the steps of `live/filter`: both are stateless

plan as it runs (3 nodes)

  #0    scan           live/taps/scan  [stream]  {user, amount}
  #2    filter+project live/project <- #0  [stream]  {user, n}
  #3    emit           live/out/emit <- #2  [stream]  {user, n}
";
    assert_eq!(told, expected);
}
