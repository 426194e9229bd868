//! What lowering says of rows: how late they come, how long they change, and under which conditions.

use fec_ir::{Edge, Ir, Op};

use super::{first, nodes, plan};

const MINUTE: i64 = 60_000_000;

/// Streams whose events come at most one and ten minutes late.
const LATE: &str = r#"
source soon: stream<Tap> { time: at, lateness: 1m }
source late: stream<Tap> { time: at, lateness: 10m }
sink out: table<{ user: string }> key user { }
"#;

/// How late the rows of a pipeline arrive, and how long they may change, both in minutes.
fn place(rows: &str) -> (i64, Option<i64>) {
    let ir = plan(&format!("{LATE}stream live {{ emit {rows} |> select user to out }}"));
    let emit = ir.graph.get(first(&ir, "emit")).unwrap();
    (emit.delay / MINUTE, emit.settle.map(|settle| settle / MINUTE))
}

/// A match comes as late as the right row that is furthest from the left one; whoever can lose or change it waits for that.
#[test]
fn rows_come_as_late_as_the_latest_that_they_are_made_of() {
    for (rows, expected) in [
        ("soon", (1, None)),
        ("late |> where amount > 1.0", (10, None)),
        ("soon |> join late as o on user == o.user within 0s..1h", (70, None)),
        ("late |> join soon as o on user == o.user within 0s..5m", (10, None)),
        ("soon |> left join late as o on user == o.user within 0s..1h", (70, Some(70))),
        ("late |> left join soon as o on user == o.user within 0s..5m", (10, Some(6))),
        ("soon |> join first late as o on user == o.user within 0s..1h", (70, Some(70))),
        ("soon |> semi join late as o on user == o.user within 0s..1h", (70, None)),
        ("soon |> anti join late as o on user == o.user within 0s..1h", (70, Some(70))),
        // What is only looked for in the past is there before.
        ("soon |> left join late as o on user == o.user within -1h..-30m", (1, Some(-20))),
        ("soon |> left join late as o on user == o.user within 0s..1h |> final", (70, None)),
        // Of rows that come together the latest counts.
        ("soon |> union late", (10, None)),
        ("late |> union (soon |> left join soon as o on user == o.user within 0s..5m |> drop o)", (10, Some(6))),
    ] {
        assert_eq!(place(rows), expected, "{rows}");
    }
}

/// The joins of a pipeline know how late each side is.
#[test]
fn a_join_waits_for_each_of_its_sides() {
    let ir = plan(&format!(
        "{LATE}stream live {{ emit soon |> join late as o on user == o.user within 0s..1h |> select user to out }}"
    ));
    let Op::IntervalJoin { left_delay, right_delay, low, high, .. } =
        &ir.graph.get(first(&ir, "interval_join")).unwrap().op
    else {
        panic!("no join")
    };
    assert_eq!([*left_delay, *right_delay, *low, *high].map(|time| time / MINUTE), [1, 10, 0, 60]);
}

fn guards(ir: &Ir, word: &str) -> Vec<Vec<bool>> {
    let of = |id| ir.graph.get(id).map(|node| node.guards.iter().map(|(_, wanted)| *wanted).collect()).unwrap();
    nodes(ir, word).into_iter().map(of).collect()
}

/// What stands in a branch has the conditions around it, and is given what they read.
#[test]
fn statements_have_the_conditions_of_their_branch() {
    let ir = plan(
        r#"
sink seen: stream<{ n: int }> { }
service ask(n: int, m: int) -> int {
  if n > 1 {
    if m > 2 { emit { n: m } to seen } else { return 1 }
  } else {
    return 2
  }
  return 3
}"#,
    );
    assert_eq!(guards(&ir, "emit"), [vec![true, true]]);
    assert_eq!(guards(&ir, "respond"), [vec![true, false], vec![false], Vec::new()]);
    let request = first(&ir, "request");
    let given = ir.graph.consumers(request);
    for word in ["emit", "respond"] {
        let reads = nodes(&ir, word).into_iter().filter(|id| given.contains(&(*id, Edge::Binding))).count();
        assert_eq!(reads, if word == "emit" { 1 } else { 2 }, "{word}");
    }
}
