//! Violations that are planted into sound plans: the verifier refuses each.

use fec_ir::verify::{Verifier, Violation, verify};
use fec_ir::{Edge, Ir, Op, Step};
use fec_model::expr::{Expr, ExprKind};

use super::{first, node, nodes, plan};

const FLOWS: &str = r#"
features f by user from taps { n = count() over 1h, total = sum(amount) over 1h }
stream live {
  rows = taps |> with f |> where amount > 1.0 |> select user, n
  emit rows to out
}
stream joined {
  rows = taps |> join others as r on user == r.user within 1h |> select user, n = length(r.note)
  emit rows to pairs
}
stream both {
  rows = taps |> union others |> select user, n = length(note)
  emit rows to all
}
job nightly {
  rows = taps |> group by user { n = count(), most = max(amount) } |> sort by n |> top 3 by n |> select user, n
  emit rows to best
}
source limits: table<{ user: string, most: int }> key user { file: "limits.csv" }
job learn {
  parts = split(taps, train: 80%, test: 20%, by: user)
  fit = gbdt(parts.train, label: amount > 1.0, features: [amount])
  newest = parts.test |> latest by user |> distinct by note
  emit newest |> join parts.test as p on user == p.user and note != p.note |> select user, n = 1 to alike
}
stream settled { emit taps |> left join others as o on user == o.user within 1h |> final |> select user, n = 1 to late }
service of(user: string) -> int {
  sums = f[user]
  return sums.n + 1
}
view newest: table<{ user: string, n: int }> key user = taps |> select user, n = 1
view heads = limits |> semi join limits as other on user == other.user
sink out: stream<{ user: string, n: int }> { }
sink pairs: stream<{ user: string, n: int }> { }
sink all: stream<{ user: string, n: int }> { }
sink best: rows<{ user: string, n: int }> { path: "best.jsonl" }
sink alike: rows<{ user: string, n: int }> { path: "alike.jsonl" }
sink late: stream<{ user: string, n: int }> { }
use std.ml.{ gbdt, split }
"#;

/// The violations after a change of the plan, which was sound before. They are found as passes are looked after, by what has
/// changed; a look at the whole finds the same.
fn planted(change: impl FnOnce(&mut Ir)) -> String {
    let mut ir = plan(FLOWS);
    let mut verifier = Verifier::default();
    assert_eq!(verifier.all(&ir), Vec::new());
    drop(ir.graph.take_changed());
    change(&mut ir);
    let changed = ir.graph.take_changed();
    assert!(changed.nodes.len() < ir.graph.ids().len(), "a change is of a part");
    let messages = |found: Vec<Violation>| found.into_iter().map(|violation| violation.message).collect::<Vec<_>>();
    let found = messages(verifier.again(&ir, changed));
    assert_eq!(found, messages(verify(&ir)));
    found.join("\n")
}

fn refused(words: &str, change: impl FnOnce(&mut Ir)) {
    let message = planted(change);
    assert!(message.contains(words), "wanted `{words}`, got `{message}`");
}

/// Refused at the first node of an operator, whatever else is.
fn refused_at(word: &str, words: &str, change: impl FnOnce(&mut Ir)) {
    let ir = plan(FLOWS);
    let name = ir.graph.get(first(&ir, word)).unwrap().name.clone();
    let message = planted(change);
    let found = message.lines().any(|line| line.starts_with(&format!("`{name}` ")) && line.contains(words));
    assert!(found, "wanted `{name}` with `{words}`, got `{message}`");
}

#[test]
fn a_node_that_feeds_itself() {
    refused("feeds itself", |ir| {
        let (read, filter) = (first(ir, "feature_read"), first(ir, "filter"));
        ir.graph.connect(filter, read, Edge::Binding);
    });
}

#[test]
fn two_nodes_of_one_name() {
    refused("has the name of another node", |ir| {
        let name = node(ir, first(ir, "union")).name.clone();
        node(ir, first(ir, "filter")).name = name;
    });
}

#[test]
fn a_view_without_rows() {
    refused("the view `heads` has no rows", |ir| {
        let view = ir.views.iter().find(|view| view.name == "heads").unwrap().node;
        ir.graph.remove(view);
    });
}

#[test]
fn a_port_that_nothing_feeds() {
    refused("has 1 inputs", |ir| {
        let right = *ir.graph.inputs(first(ir, "interval_join")).last().unwrap();
        ir.graph.remove(right);
    });
}

#[test]
fn a_column_that_is_read_and_not_there() {
    for word in ["filter", "interval_join", "features", "aggregate", "sort", "top", "feature_read"] {
        refused("reads column", |ir| {
            for id in ir.graph.inputs(first(ir, word)) {
                let columns = &mut node(ir, id).columns;
                columns.retain(|column| !["amount", "user", "n"].contains(&column.name.as_str()));
            }
        });
    }
}

/// Each place of an operator where expressions stand is looked at, for itself.
#[test]
fn each_expression_is_looked_at() {
    for (word, port, column) in [
        ("split", 0, "user"),
        ("train", 0, "amount"),
        ("latest", 0, "user"),
        ("distinct", 0, "note"),
        ("hash_join", 0, "user"),
        ("hash_join", 1, "user"),
        ("interval_join", 1, "user"),
        ("features", 0, "user"),
        ("features", 0, "amount"),
        ("aggregate", 0, "user"),
        ("aggregate", 0, "amount"),
        ("feature_read", 0, "user"),
    ] {
        refused_at(word, "reads column", |ir| {
            let input = ir.graph.input(first(ir, word), port).unwrap();
            node(ir, input).columns.retain(|known| known.name != column);
        });
    }
    // What a join wants beside its keys.
    refused_at("hash_join", "reads column `note`", |ir| {
        let input = ir.graph.input(first(ir, "hash_join"), 1).unwrap();
        node(ir, input).columns.retain(|known| known.name != "note");
    });
    refused_at("hash_join", "which its left side does not have", |ir| {
        let column = node(ir, first(ir, "aggregate")).columns.last().unwrap().clone();
        node(ir, first(ir, "hash_join")).columns.push(column);
    });
    // What lets a row pass unjudged is an expression, too.
    refused_at("filter", "reads column `nothing`", |ir| {
        let filter = first(ir, "filter");
        let Op::Fused { steps } = &mut node(ir, filter).op else { panic!("no steps") };
        let Some(Step::Filter { condition, unless_fault }) = steps.first_mut() else { panic!("no filter") };
        let kind = ExprKind::Column("nothing".into());
        unless_fault.push(Expr { kind, ..condition.clone() });
    });
}

/// A step reads what the step before it gives, not what came in.
#[test]
fn steps_read_what_the_step_before_gives() {
    refused("reads column `amount`", |ir| {
        let id = first(ir, "project");
        let amount = ExprKind::Column("amount".into());
        let Op::Fused { steps } = &mut node(ir, id).op else { panic!("no steps") };
        let Some(Step::Project { columns }) = steps.first().cloned() else { panic!("no projection") };
        let value = columns.first().map(|(_, value)| Expr { kind: amount, ..value.clone() }).unwrap();
        let columns = columns.iter().map(|(name, _)| (*name, value.clone())).collect();
        steps.push(Step::Project { columns });
    });
}

#[test]
fn a_value_that_is_not_given() {
    refused_at("respond", "reads the value `sums`, which it is not given", |ir| {
        let read = first(ir, "read_features");
        ir.graph.remove(read);
    });
}

#[test]
fn a_part_of_what_is_not_split() {
    refused_at("part", "is a part of something that is not a split", |ir| {
        let (part, scan) = (first(ir, "part"), first(ir, "scan"));
        ir.graph.set_input(part, 0, scan);
    });
}

#[test]
fn a_feature_read_that_gives_what_nobody_has() {
    refused_at("feature_read", "gives column `most`, which neither row nor set has", |ir| {
        let column = node(ir, first(ir, "aggregate")).columns.last().unwrap().clone();
        assert_eq!(column.name, "most");
        node(ir, first(ir, "feature_read")).columns.push(column);
    });
}

#[test]
fn columns_that_the_steps_do_not_give() {
    refused("says other columns than its steps give", |ir| {
        node(ir, first(ir, "project")).columns.reverse();
    });
}

#[test]
fn a_sink_that_gets_other_columns() {
    refused("gets other columns than its sink has", |ir| {
        node(ir, first(ir, "emit")).columns.reverse();
    });
}

#[test]
fn a_union_of_unlike_rows() {
    refused("misses column", |ir| {
        let union = first(ir, "union");
        let input = *ir.graph.inputs(union).last().unwrap();
        node(ir, input).columns.retain(|column| column.name != "note");
    });
}

#[test]
fn a_join_that_gives_what_its_side_lacks() {
    refused("which its left side does not have", |ir| {
        let column = node(ir, first(ir, "aggregate")).columns.last().unwrap().clone();
        node(ir, first(ir, "interval_join")).columns.push(column);
    });
}

#[test]
fn time_that_is_missing() {
    for (word, words) in [
        ("interval_join", "joins by time rows that have none"),
        ("features", "aggregates over time rows that have none"),
        ("keyed_rows", "keeps rows that have no place"),
        ("feature_read", "reads features as of rows that have no time"),
        ("final", "waits for rows that have no time"),
    ] {
        refused_at(word, words, |ir| {
            let input = *ir.graph.inputs(first(ir, word)).first().unwrap();
            node(ir, input).timed = false;
        });
    }
    refused_at("interval_join", "joins by time rows that have none", |ir| {
        let right = ir.graph.input(first(ir, "interval_join"), 1).unwrap();
        node(ir, right).timed = false;
    });
}

#[test]
fn a_key_that_rows_do_not_have() {
    refused("keeps rows by `card`", |ir| {
        let kept = first(ir, "keyed_rows");
        if let Op::KeyedRows { key } = &mut node(ir, kept).op {
            *key = vec!["card".into()];
        }
    });
}

#[test]
fn features_that_nobody_keeps() {
    refused("reads set `g`", |ir| {
        let read = first(ir, "feature_read");
        if let Op::FeatureRead { set, .. } = &mut node(ir, read).op {
            *set = "g".into();
        }
    });
    refused("gives 0 keys to set `f`", |ir| {
        let read = first(ir, "feature_read");
        if let Op::FeatureRead { keys, .. } = &mut node(ir, read).op {
            keys.clear();
        }
    });
    refused("from a node that has none", |ir| {
        let (read, scan) = (first(ir, "feature_read"), *nodes(ir, "scan").last().unwrap());
        ir.graph.set_input(read, 1, scan);
    });
}
