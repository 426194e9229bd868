//! Rows that look alike stay who they are over a restart.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

mod common;

use common::{Event, LATENESS, SECOND, accepted, schema};
use flow_core::batch::Batch;
use flow_operators::finality::Final;
use flow_operators::operator::{Context, Operator};
use flow_operators::order::Order;
use flow_operators::state::StateWriter;

/// Four events with the same cells at the same time: only their places differ.
fn alike() -> Batch {
    let event = |offset| Event {
        source: 0,
        partition: 0,
        offset,
        stamp: SECOND + offset,
        key: Some("a"),
        n: Ok(7),
        at: SECOND,
        id: None,
    };
    let events: Vec<Event> = (0..4).map(event).collect();
    accepted(&events, LATENESS).0.into_values().next().unwrap()
}

/// The state of an operator in one that has begun anew.
fn restarted(of: &mut Final, settle: i64) -> Final {
    let mut out = StateWriter::default();
    of.freeze(&mut out);
    let mut fresh = Final::new(schema(), settle);
    for change in out.into_changes() {
        if let Some(value) = change.value {
            fresh.restore(&change.key, &value).unwrap();
        }
    }
    fresh.commit();
    fresh
}

fn until(frontier: i64) -> Context {
    let mut cx = Context::default();
    cx.frontier = frontier;
    cx
}

#[test]
fn final_knows_equal_rows_apart_after_a_restart() {
    let settle = 60 * SECOND;
    let mut rows = alike();
    // Two rows of one event, as a join makes them: they leave in the order in which they came.
    rows.offset[3] = rows.offset[2];
    rows.arrived[3] = rows.arrived[2];
    rows.lineage = vec![10, 40, 30, 20];
    let mut before = Final::new(schema(), settle);
    before.track(true);
    let out = before.process(std::slice::from_ref(&rows), &mut until(2 * SECOND)).unwrap();
    assert_eq!(out[0].rows, 0, "nothing is over yet");
    let mut after = restarted(&mut before, settle);
    after.track(true);

    // The second of them is taken back, and none but that.
    let mut taken = rows.take(&[1]);
    taken.weight = vec![-1];
    taken.arrived = vec![3 * SECOND];
    after.process(&[taken], &mut until(4 * SECOND)).unwrap();
    let mut after = restarted(&mut after, settle);
    let out = after.process(&[Batch::empty(&schema())], &mut until(settle + 2 * SECOND)).unwrap();
    let left: Vec<(i64, u64)> =
        (0..out[0].rows).map(|row| (Order::of(&out[0], row).offset, out[0].made_of(row))).collect();
    assert_eq!(left, [(0, 10), (2, 30), (2, 20)]);
}
