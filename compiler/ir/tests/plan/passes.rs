//! What each pass does to a plan that is made for it.

use std::collections::BTreeSet;

use fec_ir::passes::PASSES;
use fec_ir::verify::verify;
use fec_ir::{Ir, Op, Step};
use fec_model::expr::{ExprKind, Literal};

use super::{first, nodes, plan};

/// The plan of a program after one pass, which has done something and left it sound.
fn after(pass: &str, flows: &str) -> Ir {
    let mut ir = plan(flows);
    drop(ir.graph.take_changed());
    let pass = PASSES.iter().find(|known| known.name == pass).unwrap();
    let changes = (pass.run)(&mut ir);
    assert!(!changes.is_empty(), "`{}` did nothing", pass.name);
    assert_eq!(verify(&ir), Vec::new());
    // The verifier is told of every node that the pass speaks of and has left.
    let touched = ir.graph.take_changed().nodes;
    for change in &changes {
        let named =
            ir.graph.ids().into_iter().find(|id| ir.graph.get(*id).is_some_and(|node| node.name == change.node));
        assert!(named.is_none_or(|id| touched.contains(&id)), "`{}` changed `{}` unseen", pass.name, change.node);
    }
    // What is done is done: a second round finds nothing.
    assert_eq!((pass.run)(&mut ir), Vec::new(), "`{}` does it again", pass.name);
    ir
}

fn steps(ir: &Ir, word: &str) -> Vec<Step> {
    match &ir.graph.get(first(ir, word)).unwrap().op {
        Op::Fused { steps } => steps.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_pass_has_a_test_here() {
    let names: BTreeSet<&str> = PASSES.iter().map(|pass| pass.name).collect();
    let tested = ["fold", "share", "aggregations", "predicates", "projections", "dead", "fuse"];
    assert_eq!(names, BTreeSet::from(tested));
}

#[test]
fn fold_computes_what_is_constant() {
    let ir = after(
        "fold",
        r#"
stream live { emit taps |> select x = 2 * 3 + 1, amount to out }
sink out: stream<{ x: int, amount: float }> { }
"#,
    );
    let steps = steps(&ir, "project");
    let [Step::Project { columns }] = steps.as_slice() else { panic!("no projection") };
    let (_, value) = columns.first().unwrap();
    assert_eq!(value.kind, ExprKind::Literal(Literal::Int(7)));
}

#[test]
fn share_scans_a_source_once() {
    let flows = r#"
stream one { emit taps |> where amount > 1.0 to a }
stream two { emit taps |> where amount > 1.0 to b }
sink a: stream<Tap> { }
sink b: stream<Tap> { }
"#;
    let before = plan(flows);
    assert_eq!((nodes(&before, "scan").len(), nodes(&before, "filter").len()), (2, 2));
    let ir = after("share", flows);
    assert_eq!((nodes(&ir, "scan").len(), nodes(&ir, "filter").len()), (1, 1));
    assert_eq!(ir.graph.consumers(first(&ir, "filter")).len(), 2);
}

#[test]
fn aggregations_keep_sets_of_one_key_together() {
    let flows = r#"
features f by user from taps { n = sum(amount) over 1h }
features g by user from taps { m = sum(amount) over 1d }
features h by note from taps { k = sum(amount) over 1d }
"#;
    let mut shared = plan(flows);
    let share = PASSES.iter().find(|pass| pass.name == "share").unwrap();
    let _ = (share.run)(&mut shared);
    let aggregations = PASSES.iter().find(|pass| pass.name == "aggregations").unwrap();
    assert!(!(aggregations.run)(&mut shared).is_empty());
    assert_eq!(verify(&shared), Vec::new());
    let kept = nodes(&shared, "features").into_iter().map(|id| match &shared.graph.get(id).unwrap().op {
        Op::Features { sets, .. } => sets.iter().map(|set| set.name).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    });
    assert_eq!(kept.collect::<BTreeSet<_>>(), BTreeSet::from([vec!["f".into(), "g".into()], vec!["h".into()]]));
}

#[test]
fn predicates_filter_before_features_are_read() {
    let ir = after(
        "predicates",
        r#"
features f by user from taps { n = count() over 1h }
stream live { emit taps |> with f |> where amount > 1.0 |> select user, n to out }
sink out: stream<{ user: string, n: int }> { }
"#,
    );
    let rows = *ir.graph.inputs(first(&ir, "feature_read")).first().unwrap();
    assert_eq!(ir.graph.get(rows).unwrap().op.word(), "filter");
    // Who cannot compute the key reports it all the same.
    let steps = steps(&ir, "filter");
    let [Step::Filter { unless_fault, .. }] = steps.as_slice() else { panic!("no filter") };
    assert_eq!(unless_fault.len(), 1);
}

#[test]
fn predicates_pass_an_interval_join_only_where_they_can_be_computed() {
    // Which row of which place reports a condition that cannot be computed is part of the answer.
    for (condition, passes) in [("amount > 1.0", true), ("half > 1.0", false), ("amount * 2.0 > 1.0", false)] {
        let flows = format!(
            r#"
stream live {{
  rows = taps |> derive half = amount / 2.0 |> left join taps as t on user == t.user within 1h |> where {condition}
  emit rows |> final |> select user, half to out
}}
sink out: stream<{{ user: string, half: float }}> {{ }}
"#
        );
        let mut ir = plan(&flows);
        let pass = PASSES.iter().find(|known| known.name == "predicates").unwrap();
        let reasons: Vec<String> = (pass.run)(&mut ir).into_iter().map(|change| change.reason).collect();
        assert_eq!(reasons.iter().any(|reason| reason.contains("interval_join")), passes, "{condition}: {reasons:?}");
    }
}

#[test]
fn projections_drop_columns_that_nobody_reads() {
    let ir = after(
        "projections",
        r#"
stream live { emit taps |> where amount > 1.0 |> select user to out }
sink out: stream<{ user: string }> { }
"#,
    );
    let names = |word: &str| -> Vec<String> {
        ir.graph.get(first(&ir, word)).unwrap().columns.iter().map(|column| column.name.to_string()).collect()
    };
    assert_eq!(names("scan"), ["user", "amount"]);
    assert_eq!(names("project"), ["user"]);
}

#[test]
fn dead_removes_what_nobody_uses() {
    let ir = after(
        "dead",
        r#"
stream live {
  unused = others |> where amount > 1.0
  emit taps to out
}
sink out: stream<Tap> { }
"#,
    );
    assert_eq!((nodes(&ir, "scan").len(), nodes(&ir, "filter").len()), (1, 0));
    assert!(ir.flows.iter().flat_map(|flow| &flow.nodes).all(|id| ir.graph.get(*id).is_some()));
}

#[test]
fn fuse_walks_a_batch_once() {
    let ir = after(
        "fuse",
        r#"
stream live { emit taps |> where amount > 1.0 |> derive twice = amount * 2.0 |> select user, twice to out }
sink out: stream<{ user: string, twice: float }> { }
"#,
    );
    let kinds: Vec<bool> = steps(&ir, "fused").iter().map(|step| matches!(step, Step::Filter { .. })).collect();
    assert_eq!(kinds, [true, false, false]);
}

/// Views are read by their key, too: no pass may take their rows away, or change them for one reader among others.
#[test]
fn views_keep_their_rows() {
    let flows = r#"
type Row { user: string, most: int }
source limits: table<Row> key user { file: "limits.csv" }
view great: table<{ user: string, double: int }> key user = limits |> select user, double = most * 2
job nightly { emit great |> where double > 4 |> select user to best }
sink best: rows<{ user: string }> { path: "best.jsonl" }
@get("/double/:user")
service double(user: string) -> int? { return great[user].double }
"#;
    let (ir, _, broken) = fec_ir::optimise(plan(flows));
    assert_eq!(broken, Vec::new());
    let view = ir.views.first().unwrap();
    let Some(Op::Fused { steps }) = ir.graph.get(view.node).map(|node| &node.op) else { panic!("no steps") };
    assert!(matches!(steps.as_slice(), [Step::Project { .. }]), "{steps:?}");
}
