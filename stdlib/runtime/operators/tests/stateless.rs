//! Filters, projections and unions (`spec/semantics.md`, 3.4, 3.5 and 8).
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

mod common;

use common::{Event, SECOND, arriving, column, gate, less, rows, schema};
use flow_core::batch::Batch;
use flow_core::fault::Fault;
use flow_core::value::Value;
use flow_operators::expression::{Environment, Input};
use flow_operators::fused::{Fused, Step};
use flow_operators::operator::{Context, Operator, Reason};
use flow_operators::order::Order;
use flow_operators::union::Union;

fn batch(source: u32, events: &[(i64, Result<i64, Fault>)]) -> Batch {
    let event = |(offset, (stamp, n)): (i64, &(i64, Result<i64, Fault>))| Event {
        source,
        partition: 0,
        offset,
        stamp: stamp * SECOND,
        key: Some("a"),
        n: *n,
        at: stamp * SECOND,
        id: Some(offset),
    };
    gate(source, SECOND).accept(&arriving(&(0..).zip(events).map(event).collect::<Vec<_>>()), &mut Vec::new())
}

#[test]
fn a_fault_costs_the_row_only_where_it_is_needed() {
    let mut cx = Context::new(Environment::default());
    let rows_in = batch(0, &[(1, Ok(-1)), (2, Err(Fault::Overflow)), (3, Ok(9))]);
    // `n < id`: the bad cell is needed.
    let condition = less(&schema(), 1, 3);
    let steps = vec![Step::Filter { condition, unless_fault: vec![] }, Step::Project(vec![Input::column(0)])];
    let out = Fused::new(steps, "f".into()).process(std::slice::from_ref(&rows_in), &mut cx).unwrap();
    assert_eq!(rows(&out[0]).iter().map(|row| row.order.offset).collect::<Vec<_>>(), [0]);
    assert_eq!(out[0].columns.len(), 1);
    let dead = cx.take_dead();
    assert_eq!((dead.len(), dead[0].order.offset, dead[0].reason), (1, 1, Reason::Fault(Fault::Overflow)));
    // A projection does not need it: it travels.
    let steps = vec![Step::Project(vec![Input::column(1)])];
    let out = Fused::new(steps, "f".into()).process(std::slice::from_ref(&rows_in), &mut cx).unwrap();
    let cells: Vec<_> = rows(&out[0]).into_iter().map(|row| row.cells[0].clone()).collect();
    assert_eq!(cells, [Ok(Value::Int(-1)), Err(Fault::Overflow), Ok(Value::Int(9))]);
    assert_eq!(cx.dead_count(), 0);
}

#[test]
fn a_filter_leaves_faults_to_those_who_have_the_right_to_them() {
    let mut cx = Context::new(Environment::default());
    let rows_in = batch(0, &[(1, Ok(-1)), (2, Err(Fault::Overflow)), (3, Ok(9))]);
    let mut passed = |condition| {
        let steps = vec![Step::Filter { condition, unless_fault: column(1) }];
        let out = Fused::new(steps, "f".into()).process(std::slice::from_ref(&rows_in), &mut cx).unwrap();
        out[0].offset.clone()
    };
    assert_eq!(passed(less(&schema(), 1, 3)), [0, 1]);
    assert_eq!(passed(less(&schema(), 3, 1)), [1, 2]);
    assert_eq!(cx.dead_count(), 0);
}

#[test]
fn a_union_is_in_arrival_order_and_takes_back_before_it_adds() {
    let mut cx = Context::new(Environment::default());
    let (first, second) = (batch(0, &[(1, Ok(1)), (3, Ok(2))]), batch(1, &[(2, Ok(3)), (3, Ok(4))]));
    let mut taken_back = first.slice(1, 1);
    taken_back.weight = vec![-1];
    let inputs = [second, first, taken_back];
    let out = Union::new(schema(), 3).process(&inputs, &mut cx).unwrap();
    let given: Vec<(i64, i8, u32)> =
        rows(&out[0]).iter().map(|row| (row.time / SECOND, row.weight, row.order.origin.source)).collect();
    assert_eq!(given, [(1, 1, 0), (2, 1, 1), (3, -1, 0), (3, 1, 0), (3, 1, 1)]);
}

#[test]
fn a_released_row_stands_between_its_close_and_what_comes_after() {
    let rows_in = batch(1, &[(5, Ok(1)), (6, Ok(2))]);
    let (at, after) = (Order::of(&rows_in, 0), Order::of(&rows_in, 1));
    let released = Order::of(&batch(0, &[(1, Ok(1))]), 0).released(5 * SECOND);
    assert!(at < released && released < after);
    assert_eq!((released.event_origin().source, released.offset), (0, 0));
}
