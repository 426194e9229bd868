//! The edges of what operators keep: how long a row is there, and in which order what one place gives is told.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

mod common;

use std::sync::Arc;

use common::{SECOND, column, join_spec, rows, schema};
use flow_core::aggregate::AggregateFunc;
use flow_core::batch::{Batch, Origin};
use flow_core::block::WindowedAggregate;
use flow_core::builder::ColumnBuilder;
use flow_core::fault::Fault;
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::{Cell, Value};
use flow_operators::expression::{Environment, Input};
use flow_operators::feature_set::{FeatureParts, FeatureSet};
use flow_operators::features::{Features, Read, Updates};
use flow_operators::finality::Final;
use flow_operators::fused::{Fused, Step};
use flow_operators::graph::{Feed, Graph};
use flow_operators::interval_join::{Interval, IntervalJoin};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::keyed_rows::{KeptRows, KeyedRows};
use flow_operators::lookup_join::LookupJoin;
use flow_operators::merge::{Merger, MicroBatch};
use flow_operators::operator::{Context, Operator, OperatorError, Reason};
use flow_operators::order::{Order, interleave};
use flow_operators::state::StateWriter;
use flow_operators::table::{Table, TableKey};
use flow_operators::whole::Whole;

/// A change: its key, `n`, time and arrival in seconds, and weight.
type Change<'a> = (Result<&'a str, Fault>, Result<i64, Fault>, i64, i64, i8);

/// Changes of [`schema`], each at an offset that is its arrival, made of what its `n` is.
fn changes(changes: &[Change<'_>]) -> Batch {
    let schema = schema();
    let mut builders: Vec<ColumnBuilder> =
        schema.fields.iter().map(|field| ColumnBuilder::new(&field.ty.kind, changes.len())).collect();
    for (key, n, time, ..) in changes {
        builders[0].push(key.map(Cell::String));
        builders[1].push(n.map(Cell::Int));
        builders[2].push(Ok(Cell::Int(time * SECOND)));
        builders[3].push(Ok(Cell::Absent));
    }
    Batch {
        columns: builders.into_iter().map(ColumnBuilder::finish).collect(),
        rows: changes.len(),
        time: changes.iter().map(|change| change.2 * SECOND).collect(),
        arrived: changes.iter().map(|change| change.3 * SECOND).collect(),
        origin: vec![Origin::default(); changes.len()],
        offset: changes.iter().map(|change| change.3).collect(),
        weight: changes.iter().map(|change| change.4).collect(),
        lineage: changes.iter().map(|change| change.1.map_or(0, i64::cast_unsigned)).collect(),
    }
}

fn row(key: &str, n: i64, at: i64) -> Change<'_> {
    (Ok(key), Ok(n), at, at, 1)
}

fn none() -> Batch {
    Batch::empty(&schema())
}

fn at(seconds: i64) -> Context {
    let mut cx = Context::new(Environment::default());
    cx.frontier = seconds * SECOND;
    cx
}

/// A set by key that counts the rows of a minute in steps of a second, and one read of it.
fn counted() -> Features {
    let field = Field { name: "rows".to_owned(), ty: DataType::required(Kind::Int) };
    let window = WindowedAggregate {
        func: AggregateFunc::Count,
        args: Vec::new(),
        filter: None,
        size: 60 * SECOND,
        step: SECOND,
    };
    let parts = FeatureParts {
        name: "set".into(),
        schema: Arc::new(Schema { fields: vec![field] }),
        aggregates: &[window],
        arguments: Vec::new(),
        head: 0,
        scalars: Vec::new(),
        order: vec![0],
    };
    let read = Read { input: schema(), keys: column(0), alias: None, including_row: false, flow: "reads".into() };
    let updates = Updates { keys: column(0), arguments: Vec::new() };
    Features::new(FeatureSet::new(parts).unwrap(), updates, vec![read])
}

#[test]
fn a_key_is_there_until_no_read_can_see_its_rows_and_no_longer() {
    let mut set = counted();
    let seen = |set: &mut Features, updates: Batch, reads: Batch, frontier: i64| {
        let out = set.process(&[updates, reads], &mut at(frontier)).unwrap();
        rows(&out[0]).iter().map(|row| row.cells[4].clone().unwrap()).collect::<Vec<_>>()
    };
    seen(&mut set, changes(&[row("a", 1, 1)]), none(), 1);
    let mut frozen = StateWriter::default();
    set.freeze(&mut frozen);
    set.commit();
    // A change that is taken back again leaves the key where it was.
    seen(&mut set, changes(&[row("a", 2, 50)]), none(), 50);
    set.rollback().unwrap();
    // The window that ends here begins within the second of the row.
    seen(&mut set, none(), none(), 61);
    assert_eq!(seen(&mut set, none(), changes(&[row("a", 3, 61)]), 61), [Value::Int(1)]);
    let mut restored = counted();
    for change in frozen.into_changes() {
        restored.restore(&change.key, &change.value.unwrap()).unwrap();
    }
    for mut set in [set, restored] {
        assert_eq!(set.keys(), 1);
        seen(&mut set, none(), none(), 70);
        assert_eq!(set.keys(), 0, "nothing can see it any more");
    }
}

#[test]
fn a_row_whose_key_cannot_be_computed_reads_nothing_and_is_told() {
    let (mut set, mut cx) = (counted(), at(2));
    let reads = changes(&[(Err(Fault::Overflow), Ok(1), 1, 1, 1), row("a", 2, 2)]);
    let out = set.process(&[none(), reads], &mut cx).unwrap();
    assert_eq!(out[0].offset, [2]);
    let dead = cx.take_dead();
    assert_eq!((dead.len(), &*dead[0].flow, dead[0].reason), (1, "reads", Reason::Fault(Fault::Overflow)));
}

/// The columns of the set stand in another order than its aggregates, and the first one has a filter.
#[test]
fn the_column_that_needs_a_cell_is_the_one_that_is_named() {
    let int = || DataType::required(Kind::Int);
    let sum =
        |filter| WindowedAggregate { func: AggregateFunc::Sum, args: vec![0], filter, size: 60 * SECOND, step: SECOND };
    let field = |name: &str| Field { name: name.to_owned(), ty: int() };
    let parts = FeatureParts {
        name: "set".into(),
        schema: Arc::new(Schema { fields: vec![field("all"), field("some")] }),
        aggregates: &[sum(Some(1)), sum(None)],
        arguments: vec![int(), DataType::required(Kind::Bool)],
        head: 0,
        scalars: Vec::new(),
        order: vec![1, 0],
    };
    let mut batch = changes(&[(Ok("a"), Err(Fault::Overflow), 1, 1, 1), (Ok("a"), Err(Fault::Overflow), 2, 2, 1)]);
    let mut some = ColumnBuilder::new(&Kind::Bool, 2);
    [false, true].into_iter().for_each(|counts| some.push(Ok(Cell::Bool(counts))));
    batch.columns[3] = some.finish();
    let arguments = vec![Input::column(1), Input::column(3)];
    let mut set = Features::new(FeatureSet::new(parts).unwrap(), Updates { keys: column(0), arguments }, Vec::new());
    let mut cx = at(2);
    set.process(&[batch], &mut cx).unwrap();
    let told: Vec<String> = cx.take_dead().into_iter().map(|letter| letter.detail).collect();
    let needs = "needs a cell that cannot be had: the result is out of range";
    assert_eq!(told, [format!("`all` {needs}"), format!("`some` {needs}")]);
}

/// A join of rows of one key and one time, which may come or go so many seconds later.
fn same_time(kind: JoinKind, left: i64, right: i64) -> IntervalJoin {
    let interval = Interval { low: 0, high: 0, left_lateness: left * SECOND, right_lateness: right * SECOND };
    IntervalJoin::new(JoinSpec { residual: None, ..join_spec(kind, Pick::All, schema()) }, interval)
}

/// The `n` of left and right row, if there is one, and the weight of each change that a join gives.
fn given(join: &mut IntervalJoin, left: &[Change<'_>], right: &[Change<'_>], now: i64) -> Vec<(i64, i64, i8)> {
    let out = join.process(&[changes(left), changes(right)], &mut at(now)).unwrap();
    let number = |cell: &Result<Value, Fault>| match cell {
        Ok(Value::Int(n)) => *n,
        Ok(Value::Record(cells)) => match cells[1] {
            Value::Int(n) => n,
            _ => -1,
        },
        _ => 0,
    };
    rows(&out[0]).iter().map(|row| (number(&row.cells[1]), number(&row.cells[4]), row.weight)).collect()
}

#[test]
fn a_row_is_remembered_for_as_long_as_it_may_be_taken_back() {
    let (came, gone) = ((Ok("a"), Ok(1), 0, 0, 1), (Ok("a"), Ok(1), 0, 9, -1));
    let other = (Ok("a"), Ok(2), 0, 0, 1);
    let mut lefts = same_time(JoinKind::Inner, 10, 0);
    assert_eq!(given(&mut lefts, &[came], &[other], 0), [(1, 2, 1)]);
    assert_eq!(given(&mut lefts, &[], &[], 8), []);
    assert_eq!(given(&mut lefts, &[gone], &[], 9), [(1, 2, -1)]);
    let mut rights = same_time(JoinKind::Inner, 0, 10);
    assert_eq!(given(&mut rights, &[other], &[came], 0), [(2, 1, 1)]);
    assert_eq!(given(&mut rights, &[], &[], 8), []);
    assert_eq!(given(&mut rights, &[], &[gone], 9), [(2, 1, -1)]);
}

#[test]
fn what_was_taken_back_does_not_have_another_row_forgotten() {
    let mut join = same_time(JoinKind::Inner, 0, 0);
    join.track(true);
    assert_eq!(given(&mut join, &[row("a", 1, 0)], &[], 0), []);
    join.rollback().unwrap();
    assert_eq!(given(&mut join, &[row("a", 2, 9)], &[], 9), []);
    assert_eq!(given(&mut join, &[], &[row("a", 3, 9)], 9), [(2, 3, 1)]);
}

#[test]
fn at_one_place_rows_go_before_others_come_and_what_came_and_went_is_not_told() {
    let mut join = same_time(JoinKind::Left, 10, 10);
    let lefts = [(Ok("a"), Ok(1), 0, 1, 1), (Ok("a"), Ok(2), 0, 2, 1)];
    assert_eq!(given(&mut join, &lefts, &[], 2), [(1, 0, 1), (2, 0, 1)]);
    let came_and_went = [(Ok("a"), Ok(9), 0, 3, 1), (Ok("a"), Ok(9), 0, 3, -1)];
    assert_eq!(given(&mut join, &[], &came_and_went, 3), []);
    let right = [(Ok("a"), Ok(8), 0, 4, 1)];
    assert_eq!(given(&mut join, &[], &right, 4), [(1, 0, -1), (2, 0, -1), (1, 8, 1), (2, 8, 1)]);
}

#[test]
fn a_row_that_comes_at_its_close_waits_for_what_else_comes_then() {
    let mut settled = Final::new(schema(), 5 * SECOND);
    let late = (Ok("a"), Ok(1), 0, 5, 1);
    let out = settled.process(&[changes(&[late])], &mut at(5)).unwrap();
    assert_eq!(out[0].rows, 0);
    let gone = (Ok("a"), Ok(1), 0, 5, -1);
    let out = settled.process(&[changes(&[gone, (Ok("b"), Ok(2), 0, 5, 1)])], &mut at(6)).unwrap();
    let released = rows(&out[0]);
    let place = Order { arrived: 5 * SECOND, origin: Origin::default(), offset: 5 };
    assert_eq!(released.iter().map(|row| row.order).collect::<Vec<_>>(), [place.released(5 * SECOND)]);
    assert_eq!(released[0].cells[1], Ok(Value::Int(2)), "the first was taken back in time");
}

/// The places of rows of two partitions, one of which is silent, goes on and is silent again.
#[test]
fn who_speaks_again_is_waited_for_and_progress_does_not_go_back() {
    let [first, second] = [0, 1].map(|partition| Origin { source: 0, partition });
    let of = |origin: Origin, at: i64| {
        let batch = changes(&[row("a", at, at)]);
        Batch { origin: vec![origin; batch.rows], ..batch }
    };
    let mut merger = Merger::new([(0, schema())]);
    let next = |merger: &mut Merger| {
        let MicroBatch { rows, frontier } = merger.next(10);
        let offsets: Vec<i64> = rows.iter().flat_map(|(_, batch)| batch.offset.clone()).collect();
        (offsets, frontier / SECOND)
    };
    merger.add(second);
    merger.silent(second, true);
    merger.push(first, Batch::concat(&schema(), &[of(first, 1), of(first, 2)]));
    assert_eq!((merger.waiting(first), next(&mut merger), merger.waiting(first)), (2, (vec![1, 2], 2), 0));
    merger.push(second, of(second, 3));
    merger.push(first, of(first, 4));
    assert_eq!(next(&mut merger).0, [3], "the second may go on with what comes before 4");
    merger.progress(second, 6 * SECOND);
    merger.progress(second, 2 * SECOND);
    assert_eq!(next(&mut merger).0, [4]);
    merger.reset();
    merger.push(first, of(first, 1));
    merger.silent(second, true);
    assert_eq!(next(&mut merger), (vec![1], 1), "after a rollback time is where its rows are");
}

#[test]
fn rows_of_one_place_stay_together_port_by_port() {
    let mut batch = changes(&[row("a", 1, 1), row("a", 2, 1), row("a", 3, 2)]);
    batch.offset = vec![1, 1, 2];
    let places = interleave(&[batch.clone(), batch], &[1, 0]);
    assert_eq!(places, [(1, 0), (1, 1), (0, 0), (0, 1), (1, 2), (0, 2)]);
}

/// Tells a dead letter, and then cannot go on.
struct Broken;

impl Operator for Broken {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        if inputs[0].rows == 0 {
            return Ok(vec![none()]);
        }
        cx.dead(&"broken".into(), Order::of(&inputs[0], 0), Reason::Late, "");
        Err(OperatorError::State("it is broken"))
    }
}

#[test]
fn a_rollback_forgets_what_was_told_and_how_far_time_went() {
    let mut graph = Graph::new(Environment::default());
    let source = graph.source(0, schema());
    let node = graph.add(Box::new(Broken), vec![source]).unwrap();
    graph.sink(Feed::Output(node, 0)).unwrap();
    graph.restored(5 * SECOND);
    let rows = vec![(0, changes(&[row("a", 1, 7)]))];
    graph.push(&MicroBatch { rows, frontier: 7 * SECOND }).unwrap_err();
    graph.rollback().unwrap();
    assert_eq!(graph.frontier(), 5 * SECOND);
    assert!(graph.advance(6 * SECOND).unwrap().dead.is_empty());
}

/// `spec/semantics.md`, 8.2: what takes a row back has no fault, and the row was named when it came.
#[test]
fn a_row_that_was_left_out_and_is_taken_back_names_nothing() {
    let bad = [(Err(Fault::Overflow), Ok(1), 1, 1, 1), (Err(Fault::Overflow), Ok(1), 1, 2, -1)];
    let told = |operator: &mut dyn Operator, mut inputs: Vec<Batch>, port: usize| {
        inputs[port] = changes(&bad);
        let mut cx = at(3);
        let out = operator.process(&inputs, &mut cx).unwrap();
        assert_eq!(out.iter().map(|batch| batch.rows).sum::<usize>(), 0);
        cx.take_dead().into_iter().map(|letter| letter.order.offset).collect::<Vec<_>>()
    };
    let condition = common::less(&schema(), 0, 0);
    let filter = Step::Filter { condition, unless_fault: Vec::new() };
    assert_eq!(told(&mut Fused::new(vec![filter], "f".into()), vec![none()], 0), [1]);
    assert_eq!(told(&mut Whole::new("out", schema(), "f".into()), vec![none()], 0), [1]);
    assert_eq!(told(&mut counted(), vec![none(), none()], 0), [1]);
    let kept = || KeptRows { schema: schema(), key: column(0), settle: None, flow: "view".into() };
    assert_eq!(told(&mut KeyedRows::new(kept(), Vec::new()), vec![none()], 0), [1]);
    let spec = || JoinSpec { residual: None, ..join_spec(JoinKind::Left, Pick::All, schema()) };
    assert_eq!(told(&mut KeyedRows::new(kept(), vec![spec()]), vec![none(), none()], 1), [1]);
    for port in [0, 1] {
        assert_eq!(told(&mut same_time(JoinKind::Left, 9, 9), vec![none(), none()], port), [1]);
    }
    let key = TableKey { keys: column(0), version: None, flow: "t".into() };
    let table = || Arc::new(Table::new(changes(&[row("a", 1, 1)]), &key, &column(0), &"f".into(), &mut at(0)));
    assert_eq!(told(&mut LookupJoin::new(spec(), table()), vec![none()], 0), [1]);
    // What the key finds, and the rest of the condition cannot judge.
    let less = JoinSpec { kind: JoinKind::Semi, ..join_spec(JoinKind::Left, Pick::All, schema()) };
    let mut cx = at(3);
    let judged = [(Ok("a"), Err(Fault::Overflow), 1, 1, 1), (Ok("a"), Err(Fault::Overflow), 1, 2, -1)];
    LookupJoin::new(less, table()).process(&[changes(&judged)], &mut cx).unwrap();
    assert_eq!(cx.take_dead().into_iter().map(|letter| letter.order.offset).collect::<Vec<_>>(), [1]);
}
