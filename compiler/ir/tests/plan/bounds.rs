//! What passes leave alone, and what they take along: each of these plans would mean something else otherwise.

use fec_ir::passes::PASSES;
use fec_ir::verify::verify;
use fec_ir::{Edge, Ir, Node, NodeId, Op, Step, optimise};
use fec_model::Symbol;
use fec_model::expr::ExprKind;

use super::{first, node, nodes, plan};

/// One pass over a plan, which stays sound; what it says that it did.
fn run(ir: &mut Ir, pass: &str) -> Vec<String> {
    let pass = PASSES.iter().find(|known| known.name == pass).unwrap();
    let changes = (pass.run)(ir);
    assert_eq!(verify(ir), Vec::new(), "after `{}`", pass.name);
    changes.into_iter().map(|change| format!("{}: {}", change.node, change.reason)).collect()
}

/// The plan of a program after the first passes, up to one.
fn up_to(pass: &str, flows: &str) -> Ir {
    let mut ir = plan(flows);
    for known in PASSES {
        run(&mut ir, known.name);
        if known.name == pass {
            return ir;
        }
    }
    panic!("there is no pass `{pass}`");
}

fn at(ir: &Ir, id: NodeId) -> &Node {
    ir.graph.get(id).unwrap()
}

fn columns(ir: &Ir, id: NodeId) -> Vec<String> {
    at(ir, id).columns.iter().map(|column| column.name.to_string()).collect()
}

fn named(ir: &Ir, name: &str) -> NodeId {
    ir.graph.ids().into_iter().find(|id| at(ir, *id).name == name).unwrap_or_else(|| panic!("there is no `{name}`"))
}

/// The columns of the scans of a source.
fn scanned(ir: &Ir, source: &str) -> Vec<Vec<String>> {
    let of = |id: &NodeId| matches!(&at(ir, *id).op, Op::Scan { source: found } if *found == source);
    nodes(ir, "scan").into_iter().filter(of).map(|id| columns(ir, id)).collect()
}

const SHOPS: &str = r#"
type Shop { id: string, rank: int }
source shops: table<Shop> key id { file: "shops.csv" }
view best: table<Shop> key id = shops |> where rank < 9
"#;

#[test]
fn joins_with_other_right_sides_are_two() {
    let flows = r#"
stream one { emit taps |> join others as r on user == r.user within 1h |> select user, n = length(r.note) to a }
stream two { emit taps |> join taps as r on user == r.user within 1h |> select user, n = length(r.note) to b }
stream more { emit taps |> join others as r on user == r.user within 1h |> select user, n = length(r.note) to c }
sink a: stream<{ user: string, n: int }> { }
sink b: stream<{ user: string, n: int }> { }
sink c: stream<{ user: string, n: int }> { }
"#;
    let ir = up_to("share", flows);
    assert_eq!((nodes(&ir, "scan").len(), nodes(&ir, "interval_join").len(), nodes(&ir, "project").len()), (2, 2, 2));
}

#[test]
fn what_a_request_binds_is_not_shared_with_another_request() {
    let flows = format!(
        "{SHOPS}
@get(\"/under/:most\")
service under(most: int) -> list<{{ id: string }}> {{
  bound = most * 2
  return shops |> join best as b on id == b.id and b.rank < bound |> select id
}}
@get(\"/over/:most\")
service over(most: int) -> list<{{ id: string }}> {{
  bound = most * 3
  return shops |> join best as b on id == b.id and b.rank < bound |> select id
}}"
    );
    let ir = up_to("share", &flows);
    assert_eq!((nodes(&ir, "lookup_join").len(), scanned(&ir, "shops").len()), (2, 1));
}

/// What reads a value by name has an edge from it, whatever the operator: else the value is taken away as unused.
#[test]
fn every_operator_is_given_the_values_that_it_reads() {
    let service = |rows: &str, ty: &str| {
        format!(
            "{SHOPS}
service ask(wishes: list<{{ shop: string, price: int }}>, most: int) -> list<{ty}> {{
  limit = most * 2
  return wishes |> {rows}
}}"
        )
    };
    let wish = "{ shop: string, price: int }";
    for (rows, ty) in [
        ("where price > limit", wish),
        ("select shop, price = price + limit", wish),
        ("derive price = price + limit", wish),
        ("join shops as s on shop == s.id and price > limit |> select shop, price", wish),
        ("sort by price * limit", wish),
        ("top 1 by price * limit", wish),
        ("top 1 by price per price * limit", wish),
        ("distinct by price * limit", wish),
        ("group by shop { price = sum(price + limit) } |> select shop, price", wish),
        ("group by shop, n = price + limit { m = count() } |> select shop, n", "{ shop: string, n: int }"),
    ] {
        let (ir, _, broken) = optimise(plan(&service(rows, ty)));
        assert_eq!(broken, Vec::new(), "{rows}");
        let limit = named(&ir, "ask/limit/scalar");
        assert!(ir.graph.consumers(limit).iter().any(|(_, how)| *how == Edge::Binding), "{rows}");
        assert!(ir.flows.iter().any(|flow| flow.nodes.contains(&limit)), "{rows}");
    }
}

#[test]
fn equal_rows_of_two_branches_stay_with_their_branch() {
    let flows = format!(
        "{SHOPS}
service ask(most: int) -> list<{{ id: string, rank: int }}> {{
  if most > 3 {{ return shops |> where rank > 1 }}
  return shops |> where rank > 1
}}"
    );
    let ir = up_to("fuse", &flows);
    let filters: Vec<usize> = nodes(&ir, "filter").into_iter().map(|id| at(&ir, id).guards.len()).collect();
    // The view's own, and one for each branch.
    assert_eq!(filters.len(), 3, "{filters:?}");
}

#[test]
fn a_shared_node_runs_wherever_one_of_its_twins_did() {
    let flows = r#"
stream live { emit taps |> where amount > 1.0 to a }
job nightly { emit taps |> where amount > 1.0 to b }
sink a: stream<Tap> { }
sink b: rows<Tap> { path: "b.jsonl" }
"#;
    let ir = up_to("share", flows);
    for word in ["scan", "filter"] {
        let planes: Vec<_> = at(&ir, first(&ir, word)).planes.iter().collect();
        assert_eq!((nodes(&ir, word).len(), planes.len()), (1, 2), "{word}: {planes:?}");
    }
}

/// The sets that each features node keeps, each list in its order.
fn kept(ir: &Ir) -> Vec<Vec<Symbol>> {
    let sets = |id| match &at(ir, id).op {
        Op::Features { sets, .. } => sets.iter().map(|set| set.name).collect(),
        other => panic!("{other:?}"),
    };
    nodes(ir, "features").into_iter().map(sets).collect()
}

/// A row with a bad argument is left out of the whole set that needs it, and of no other.
#[test]
fn sets_that_need_other_arguments_keep_their_own_state() {
    let (narrow, wide) = ("n = sum(amount) over 1h", "n = sum(amount) over 1h, m = max(length(note)) over 1h");
    let plan_of = |f: &str, g: &str| {
        up_to(
            "aggregations",
            &format!("features f by user from taps {{ {f} }}\nfeatures g by user from taps {{ {g} }}"),
        )
    };
    assert_eq!(kept(&plan_of(narrow, wide)).len(), 2);
    assert_eq!(kept(&plan_of(wide, narrow)).len(), 2);
    assert_eq!(kept(&plan_of(wide, wide)).len(), 1);
    // Who counts rows counts those with a bad argument, too.
    assert_eq!(kept(&plan_of(narrow, "n = count() over 1d")).len(), 2);
    assert_eq!(kept(&plan_of("n = count() over 1d", narrow)).len(), 2);
    // One more that counts goes with those who need something: it needs no less.
    assert_eq!(kept(&plan_of(narrow, "n = sum(amount) over 1d, m = count() over 1d")).len(), 1);
}

#[test]
fn sets_that_are_read_one_after_the_other_keep_their_own_state() {
    let sets =
        "features f by user from taps { n = count() over 1h }\nfeatures g by user from taps { m = count() over 1d }";
    let out = "sink out: stream<{ user: string, n: int, m: int }> { }";
    let chained = format!("{sets}\nstream live {{ emit taps |> with f |> with g |> select user, n, m to out }}\n{out}");
    assert_eq!(kept(&up_to("aggregations", &chained)).len(), 2);
    let beside = format!(
        "{sets}
stream one {{ emit taps |> with f |> select user, n, m = 1 to out }}
stream two {{ emit taps |> with g |> select user, n = 1, m to out }}
{out}"
    );
    assert_eq!(kept(&up_to("aggregations", &beside)).len(), 1);
}

/// Whoever reads a state from outside asks for a time before rows that have come: it looks back as far as its rows may be late.
#[test]
fn a_state_that_no_flow_reads_looks_back_as_far_as_its_rows_are_late() {
    let ir = plan(
        "
source slow: stream<Tap> { time: at, lateness: 2h }
features f by user from slow { n = count() over 1h }
features g by user from taps { n = count() over 1h }",
    );
    let heads = nodes(&ir, "features").into_iter().map(|id| match &at(&ir, id).op {
        Op::Features { head, .. } => head / 3_600_000_000,
        other => panic!("{other:?}"),
    });
    assert_eq!(heads.collect::<Vec<_>>(), [2, 0]);
}

/// Rows that come late read the state as it was: the one state looks back as far as the set that is read latest.
#[test]
fn one_state_of_two_sets_looks_back_as_far_as_either() {
    for (first_set, second_set) in [("f", "g"), ("g", "f")] {
        let flows = format!(
            "
features {first_set} by user from taps {{ n = count() over 1h }}
features {second_set} by user from taps {{ n = count() over 1d }}
stream late {{
  emit slow |> with f |> select user, n to out
}}
source slow: stream<Tap> {{ time: at, lateness: 2h }}
stream soon {{ emit taps |> with g |> select user, n to out }}
sink out: stream<{{ user: string, n: int }}> {{ }}"
        );
        let ir = up_to("aggregations", &flows);
        let Op::Features { sets, head } = &at(&ir, first(&ir, "features")).op else { panic!("no features") };
        let hours = |of: i64| of / 3_600_000_000;
        assert_eq!((sets.len(), hours(*head)), (2, 2), "{first_set} first");
        assert!(ir.features.iter().all(|set| ir.graph.get(set.node).is_some()));
    }
}

fn filter_of(ir: &Ir, id: NodeId) -> (String, usize) {
    let Op::Fused { steps } = &at(ir, id).op else { panic!("no steps") };
    let [Step::Filter { condition, unless_fault }] = steps.as_slice() else { panic!("no filter") };
    (format!("{:?}", condition.kind), unless_fault.len())
}

/// Each operator that a filter has passed still reports the rows whose key it cannot compute.
#[test]
fn a_filter_lets_through_what_each_operator_below_must_report() {
    let flows = format!(
        "{SHOPS}
features f by user from taps {{ n = count() over 1h }}
features g by note from taps {{ m = count() over 1h }}
stream live {{
  emit taps |> with f |> with g |> left join shops as s on note == s.id |> where amount > 1.0 |> select user, n, m to out
}}
sink out: stream<{{ user: string, n: int, m: int }}> {{ }}"
    );
    let mut ir = plan(&flows);
    assert_eq!(run(&mut ir, "predicates").len(), 3);
    let filter = named(&ir, "live/filter");
    assert_eq!(at(&ir, ir.graph.input(filter, 0).unwrap()).op.word(), "scan");
    let (condition, unless) = filter_of(&ir, filter);
    assert!(condition.contains("amount"), "{condition}");
    assert_eq!(unless, 3, "the keys of two sets and of a table");
}

/// A filter that has moved stands among the rows of its new place: they do not change, where joined ones do.
#[test]
fn a_filter_that_moved_says_what_holds_at_its_new_place() {
    let flows = r#"
stream live {
  rows = taps |> left join others as r on user == r.user within 1h |> where amount > 1.0
  emit rows |> final |> select user to out
}
sink out: stream<{ user: string }> { }
"#;
    let mut ir = plan(flows);
    let filter = first(&ir, "filter");
    let before = at(&ir, filter).clone();
    assert!(before.changes && before.settle.is_some());
    assert_eq!(run(&mut ir, "predicates").len(), 1);
    let (filter, scan) = (at(&ir, filter), at(&ir, named(&ir, "live/taps/scan")));
    assert_eq!((filter.changes, filter.timed, &filter.key), (scan.changes, scan.timed, &scan.key));
    assert_eq!((filter.delay, filter.settle), (scan.delay, scan.settle));
    assert_eq!(filter.columns, scan.columns);
    // Who read the filter reads the join, which has rows that change.
    let last = at(&ir, ir.graph.input(first(&ir, "final"), 0).unwrap());
    assert_eq!((last.op.word(), last.changes, last.settle), ("interval_join", true, before.settle));
}

#[test]
fn a_filter_stays_where_moving_it_would_change_an_answer() {
    let live = |rows: &str| {
        format!(
            "features f by user from taps {{ n = count() over 1h }}
stream live {{ emit taps |> {rows} |> final |> select user to out }}
sink out: stream<{{ user: string }}> {{ }}"
        )
    };
    for (rows, why) in [
        ("with f |> where n > 1", "it reads what is added"),
        ("with f as own |> where own.n > 1", "it reads what is added"),
        ("derive user = \"{note}!\" |> where length(user) > 2", "the column is computed"),
        ("join others as r on user == r.user within 1h |> where amount > 1.0", "an inner join drops rows"),
        ("left join latest others as r on user == r.user within 1h |> where amount > 1.0", "a later choice takes back"),
        (
            "left join others as r on user == r.user and amount > r.amount within 1h |> where amount > 1.0",
            "a residual may be a fault",
        ),
    ] {
        let moved = run(&mut plan(&live(rows)), "predicates");
        assert_eq!(moved, Vec::<String>::new(), "{rows}: {why}");
    }
    // Rows of a join are no rows of a source: a condition over them is told at the place of the later row.
    let twice = "left join others as r on user == r.user within 1h |> left join others as q on user == q.user within 1h \
                 |> where amount > 1.0";
    assert_eq!(run(&mut plan(&live(twice)), "predicates"), Vec::<String>::new());
}

#[test]
fn rows_that_two_read_are_not_filtered_for_one() {
    let flows = r#"
features f by user from taps { n = count() over 1h }
stream live {
  rows = taps |> with f
  emit rows |> where amount > 1.0 |> select user, n to a
  emit rows |> select user, n to b
}
sink a: stream<{ user: string, n: int }> { }
sink b: stream<{ user: string, n: int }> { }
"#;
    assert_eq!(run(&mut plan(flows), "predicates"), Vec::<String>::new());
}

/// A view is read by its key, whatever columns a job reads of it.
#[test]
fn a_view_keeps_its_columns() {
    let flows = format!("{SHOPS}\njob one {{ emit best |> select id to out }}\nsink out: rows<{{ id: string }}> {{ }}");
    let ir = up_to("projections", &flows);
    let view = ir.views.first().unwrap();
    assert_eq!(columns(&ir, view.node), ["id", "rank"]);
    assert_eq!(scanned(&ir, "shops"), [["id", "rank"]]);
}

#[test]
fn what_a_view_keeps_stays_though_nobody_reads_it() {
    let ir = up_to("dead", "view last: table<{ user: string, n: int }> key user = taps |> select user, n = 1");
    let kept = ir.views.first().and_then(|view| view.kept).unwrap();
    assert_eq!(at(&ir, kept).op.word(), "keyed_rows");
}

#[test]
fn what_is_published_evaluated_or_called_stays() {
    let flows = r#"
use std.ml.{ gbdt, evaluate }
job learn {
  fit = gbdt(taps |> where amount > 0.0, label: note == "x", features: [amount])
  report = evaluate(fit, taps)
  publish fit as risk
}
service ask(amount: float) -> float { return (risk(amount) ?? 0.0) + 1.0 }
service twice(amount: float) -> float { return (risk(amount) ?? 0.0) * 2.0 }
test "asked" {
  given risk returns 0.5
  expect ask(1.0) == 1.5
  expect twice(1.0) == 1.0
}
"#;
    let ir = up_to("dead", flows);
    let count = |word: &str| nodes(&ir, word).len();
    assert_eq!(["train", "evaluate", "publish", "predict", "call"].map(count), [1, 1, 1, 2, 2]);
    assert!(ir.tests.iter().flat_map(|test| &test.expectations).all(|one| one.nodes.len() == 2));
}

/// Columns stay as far up as somebody reads them, for each kind of reader.
#[test]
fn columns_that_are_read_in_passing_stay() {
    let out = "sink out: stream<{ user: string }> { }";
    let live = |rows: &str| format!("stream live {{ emit taps |> {rows} |> select user to out }}\n{out}");
    // The conditions of a join, on both sides; whole rows where they are read.
    let ir = up_to("projections", &live("join others as r on user == r.user and amount > r.amount within 1h"));
    assert_eq!(scanned(&ir, "taps"), [["user", "amount"]]);
    assert_eq!(scanned(&ir, "others"), [["user", "amount"]]);
    let read = live("join others as r on user == r.user within 1h |> where r.note == \"x\"");
    assert_eq!(scanned(&up_to("projections", &read), "others"), [["user", "amount", "note", "at"]]);
    let unread = live("join others as r on user == r.user within 1h |> where amount > 1.0");
    assert_eq!(scanned(&up_to("projections", &unread), "others"), [["user"]]);
    // The key by which a set is read, and what lets a row pass a filter that has moved below that.
    let keyed =
        format!("features f by note from others {{ n = count() over 1h }}\n{}", live("with f |> where amount > 1.0"));
    let ir = up_to("projections", &keyed);
    assert_eq!(scanned(&ir, "taps"), [["user", "amount", "note"]]);
    assert_eq!(scanned(&ir, "others"), [["note"]]);
    // What a model is trained on.
    let flows = r#"
use std.ml.{ gbdt }
job learn {
  fit = gbdt(taps |> where user != "", label: note == "x", features: [amount])
  publish fit as risk
}
"#;
    assert_eq!(scanned(&up_to("projections", flows), "taps"), [["user", "amount", "note"]]);
    // Both sides of a union, by what is read of the whole.
    let union = up_to("projections", &live("union others |> where amount > 1.0"));
    assert_eq!(
        (scanned(&union, "taps"), scanned(&union, "others")),
        (vec![vec!["user".into(), "amount".into()]; 1], vec![vec!["user".into(), "amount".into()]; 1])
    );
    // What is ordered or made unique is ordered by whole rows.
    let job = "job all { emit taps |> where amount > 1.0 |> distinct by user |> select user to found }\nsink found: rows<{ user: string }> { }";
    assert_eq!(scanned(&up_to("projections", job), "taps"), [["user", "amount", "note", "at"]]);
}

/// A filter knows more of a column than who gives it: `where x != null` leaves none that is absent.
#[test]
fn a_column_keeps_what_a_filter_knows_of_it() {
    let flows = r#"
type Seen { user: string, place: string?, at: timestamp }
source seen: stream<Seen> { time: at }
stream live { emit seen |> where place != null |> select user, place to out }
sink out: stream<{ user: string, place: string }> { }
"#;
    let ir = up_to("projections", flows);
    let place = |id| at(&ir, id).columns.iter().find(|column| column.name == "place").unwrap().ty.optional;
    assert!(place(first(&ir, "scan")) && !place(first(&ir, "filter")));
}

#[test]
fn steps_that_two_read_are_not_taken_over_by_one() {
    let flows = r#"
stream live {
  rows = taps |> where amount > 1.0
  emit rows |> select user to a
  emit rows |> select user = note to b
}
sink a: stream<{ user: string }> { }
sink b: stream<{ user: string }> { }
"#;
    let ir = up_to("fuse", flows);
    assert_eq!((nodes(&ir, "filter").len(), nodes(&ir, "project").len()), (1, 2));
    // What was taken over is no statement any more.
    let one = up_to(
        "fuse",
        "stream live { rows = taps |> where amount > 1.0\n emit rows |> select user to a }\nsink a: stream<{ user: string }> { }",
    );
    assert!(one.flows.iter().flat_map(|flow| &flow.nodes).all(|id| one.graph.get(*id).is_some()));
}

#[test]
fn fused_steps_read_the_values_that_each_of_them_read() {
    let flows = format!(
        "{SHOPS}
service ask(most: int) -> list<{{ id: string, n: int }}> {{
  least = most * 2
  extra = most * 3
  return shops |> where rank > least |> select id, n = rank + extra
}}"
    );
    let ir = up_to("fuse", &flows);
    let read: Vec<String> = ir.graph.bindings(first(&ir, "fused")).iter().map(|id| at(&ir, *id).name.clone()).collect();
    assert_eq!(read, ["ask/least/scalar", "ask/extra/scalar"]);
}

#[test]
fn a_plan_that_a_pass_leaves_broken_is_told_after_that_pass() {
    let mut ir = plan(
        "stream live { emit taps |> select user, n = 1 + 2 to out }\nsink out: stream<{ user: string, n: int }> { }",
    );
    let project = first(&ir, "project");
    let Op::Fused { steps } = &mut node(&mut ir, project).op else { panic!("no steps") };
    let Some(Step::Project { columns }) = steps.first_mut() else { panic!("no projection") };
    columns.first_mut().unwrap().1.kind = ExprKind::Column("nothing".into());
    let (_, _, found) = optimise(ir);
    for pass in ["lower", "fold"] {
        let wanted = format!(
            "the plan after `{pass}` is inconsistent: `live/project` reads column `nothing`, which is not there"
        );
        assert!(found.iter().any(|one| one.message == wanted && one.code.id() == "E0990"), "{pass}: {found:?}");
    }
}

/// Who reads a view by its key reads all of it: a filter after it does not move into it.
#[test]
fn a_filter_does_not_move_into_a_view() {
    let declared = "view twice: table<Shop> key id = shops |> select id, rank = rank * 2";
    let job = "job one { emit twice |> where id != \"a\" |> select id, rank to out }\nsink out: rows<Shop> { }";
    let mut ir = plan(&format!("{SHOPS}{declared}\n{job}"));
    for pass in ["fold", "share", "aggregations", "predicates"] {
        run(&mut ir, pass);
    }
    let view = ir.views.iter().find(|view| view.name == "twice").unwrap();
    assert_eq!(at(&ir, ir.graph.input(view.node, 0).unwrap()).op.word(), "scan");
    // One that projects keeps what it projects.
    let ir = up_to("projections", &format!("{SHOPS}{declared}\n{}", job.replace("id, rank", "id, rank = 1")));
    let view = ir.views.iter().find(|view| view.name == "twice").unwrap();
    assert_eq!(columns(&ir, view.node), ["id", "rank"]);
}

/// What stands under a condition stays there, and what does not is not put under it.
#[test]
fn steps_of_a_branch_stay_with_their_branch() {
    let service = |rows: &str| {
        format!(
            "{SHOPS}
service ask(wishes: list<{{ shop: string, price: int }}>, most: int) -> list<{{ shop: string, price: int }}> {{
  rows = wishes |> {rows}
  if most > 3 {{ return rows |> where price > 1 |> select shop, price }}
  return wishes |> select shop, price = 0
}}"
        )
    };
    let mut ir = plan(&service("left join shops as s on shop == s.id"));
    assert_eq!(run(&mut ir, "predicates"), Vec::<String>::new());
    let mut ir = plan(&service("where price < 9"));
    run(&mut ir, "fuse");
    let guards = |id: &NodeId| at(&ir, *id).guards.len();
    let filters: Vec<NodeId> =
        nodes(&ir, "filter").into_iter().filter(|id| at(&ir, *id).name.starts_with("ask/")).collect();
    assert_eq!(filters.iter().map(guards).collect::<Vec<_>>(), [0]);
}

/// The key by which a set is read is read of the rows, though nobody reads it after that.
#[test]
fn the_key_of_a_read_stays_in_the_rows() {
    let flows = "features f by note from others { n = count() over 1h }
stream live { emit taps |> with f |> select user, n to out }
sink out: stream<{ user: string, n: int }> { }";
    assert_eq!(scanned(&up_to("projections", flows), "taps"), [["user", "note"]]);
}

/// What a filter knows of a column it knows also where it passes on other columns than it said before.
#[test]
fn a_filter_beside_another_reader_keeps_what_it_knows() {
    let flows = r#"
type Seen { user: string, place: string?, other: string, at: timestamp }
source seen: stream<Seen> { time: at }
stream live { emit seen |> where place != null |> select user, place to a }
stream more { emit seen |> select user, other to b }
sink a: stream<{ user: string, place: string }> { }
sink b: stream<{ user: string, other: string }> { }
"#;
    let ir = up_to("projections", flows);
    assert_eq!(
        (scanned(&ir, "seen").len(), columns(&ir, first(&ir, "filter"))),
        (1, vec!["user".into(), "place".into(), "other".into()])
    );
    let place = |id| at(&ir, id).columns.iter().find(|column| column.name == "place").unwrap().ty.optional;
    assert!(place(first(&ir, "scan")) && !place(first(&ir, "filter")));
}
