//! The gate of a source and the merge of partitions (`spec/semantics.md`, 1 and 2).
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

mod common;

use std::collections::BTreeMap;

use common::{Event, LATENESS, SECOND, accepted, arriving, events, gate, rows, schema};
use flow_core::batch::{Batch, Origin};
use flow_core::column::State;
use flow_core::fault::Fault;
use flow_operators::accept::{Counters, Gate, GateSpec};
use flow_operators::merge::Merger;
use flow_operators::operator::Reason;
use flow_operators::order::Order;
use flow_operators::state::StateWriter;
use proptest::prelude::*;

fn event(offset: i64, stamp: i64, at: i64, id: Option<i64>) -> Event {
    let (source, partition, key, n) = (0, 0, Some("a"), Ok(1));
    Event { source, partition, offset, stamp: stamp * SECOND, key, n, at: at * SECOND, id }
}

#[test]
fn both_bounds_are_inside() {
    let mut gate = Gate::new(GateSpec { ahead: Some(5 * SECOND), ..gate(0, LATENESS).spec().clone() });
    let mut dead = Vec::new();
    let events = [
        event(0, 100, 90, None),
        event(1, 100, 89, None),
        event(2, 100, 105, None),
        event(3, 100, 106, None),
        // The stamp went back, arrival does not.
        event(4, 50, 95, None),
    ];
    let batch = gate.accept(&arriving(&events), &mut dead);
    assert_eq!(batch.offset, [0, 2, 4]);
    assert_eq!(batch.arrived, [100 * SECOND; 3]);
    let reasons: Vec<(i64, Reason)> = dead.iter().map(|dead| (dead.order.offset, dead.reason)).collect();
    assert_eq!(reasons, [(1, Reason::Late), (3, Reason::Ahead)]);
    assert_eq!(dead[0].detail, "1000000 microseconds later than its lateness");
    assert!(dead[1].detail.contains("further ahead of its arrival"), "{}", dead[1].detail);
    assert_eq!(gate.counters(), Counters { accepted: 3, late: 1, ahead: 1, ..Counters::default() });
}

#[test]
fn an_id_is_repeated_within_the_lateness_of_the_accepted_one() {
    let mut gate = gate(0, LATENESS);
    let events = [
        event(0, 100, 100, Some(7)),
        event(1, 105, 105, None),
        event(2, 105, 105, None),
        event(3, 110, 110, Some(7)),
        // The repeated one was not accepted, so that it does not count from 110 on.
        event(4, 111, 111, Some(7)),
        // Late ones are late, whatever their id.
        event(5, 111, 1, Some(7)),
    ];
    let batch = gate.accept(&arriving(&events), &mut Vec::new());
    assert_eq!(batch.offset, [0, 1, 2, 4]);
    assert_eq!(gate.counters(), Counters { accepted: 4, late: 1, repeated: 1, ..Counters::default() });
}

#[test]
fn an_id_that_came_and_went_between_commits_is_not_written() {
    let mut gate = gate(0, LATENESS);
    let mut changes = |events: &[Event], commits: bool| {
        gate.accept(&arriving(events), &mut Vec::new());
        let mut out = StateWriter::default();
        gate.freeze(&mut out);
        if commits {
            gate.commit()
        } else {
            gate.rollback().unwrap()
        }
        // The first is the partition's own.
        let ids = out.into_changes().split_off(1);
        ids.into_iter().map(|change| change.value.is_some()).collect::<Vec<bool>>()
    };
    let (first, second) = (event(0, 100, 100, Some(1)), event(1, 200, 200, Some(2)));
    assert_eq!(changes(&[first, second.clone()], true), [true], "the first id has gone before it was written");
    let third = event(2, 300, 300, Some(3));
    assert_eq!(changes(std::slice::from_ref(&third), false), [false, true], "the second had been written");
    assert_eq!(changes(&[third], true), [false, true], "again after a rollback");
    assert_eq!(changes(&[second], true), [false; 0], "late: nothing of it is kept");
}

#[test]
fn malformed_records_move_arrival_by_their_stamp() {
    let mut gate = gate(0, LATENESS);
    let mut records = arriving(&[event(0, 100, 100, None), event(1, 200, 0, None), event(2, 100, 195, None)]);
    records.refused = vec![(1, Fault::Malformed, "no JSON".to_owned())];
    let mut dead = Vec::new();
    let batch = gate.accept(&records, &mut dead);
    assert_eq!(batch.arrived, [100 * SECOND, 200 * SECOND]);
    assert_eq!((dead.len(), dead[0].reason, &*dead[0].detail), (1, Reason::Fault(Fault::Malformed), "no JSON"));
}

#[test]
fn a_record_whose_time_or_id_cannot_be_read_is_malformed_whatever_is_wrong_with_it() {
    let mut records = arriving(&[0, 1, 2].map(|offset| event(offset, 100, 100, Some(offset))));
    let mut bad = |column: usize, row: usize, fault: Fault| {
        let mut states = vec![State::Present; 3];
        states[row] = State::Fault(fault);
        records.columns[column] = records.columns[column].with_states(states);
    };
    bad(2, 0, Fault::Overflow);
    bad(3, 2, Fault::Precision);
    let mut dead = Vec::new();
    let mut gate = gate(0, LATENESS);
    assert_eq!(gate.accept(&records, &mut dead).offset, [1]);
    let told: Vec<_> = dead.iter().map(|dead| (dead.order.offset, dead.reason, dead.detail.as_str())).collect();
    let malformed = Reason::Fault(Fault::Malformed);
    let (time, id) = ("the event's time cannot be read: the result is out of range", "the id cannot be read: ");
    assert_eq!(told[0], (0, malformed, time));
    assert_eq!((told[1].0, told[1].1, told[1].2.starts_with(id)), (2, malformed, true), "{told:?}");
    assert_eq!(gate.counters(), Counters { accepted: 1, malformed: 2, ..Counters::default() });
}

#[test]
fn without_stamps_time_is_arrival() {
    let events = [event(0, 0, 100, None), event(1, 0, 300, None), event(2, 0, 291, None), event(3, 0, 289, None)];
    let mut records = arriving(&events);
    records.stamps = vec![None; 4];
    let batch = gate(0, LATENESS).accept(&records, &mut Vec::new());
    assert_eq!((batch.offset, batch.arrived), (vec![0, 1, 2], vec![100 * SECOND, 300 * SECOND, 300 * SECOND]));
    // Stamps do not count where the source says so.
    let spec = GateSpec { arrival_is_event_time: true, ..gate(0, LATENESS).spec().clone() };
    let mut dead = Vec::new();
    let batch = Gate::new(spec).accept(&arriving(&events), &mut dead);
    assert_eq!(batch.offset, [0, 1, 2]);
    // Without time and stamps everything happened at the epoch.
    let spec = GateSpec { time: None, ..gate(0, LATENESS).spec().clone() };
    let batch = Gate::new(spec).accept(&records, &mut Vec::new());
    assert_eq!((batch.time, batch.arrived), (vec![0; 4], vec![0; 4]));
}

/// Case 2 of the runtime's list: partition 0 is an hour ahead, and nothing on partition 1 is late.
#[test]
fn arrival_belongs_to_a_partition() {
    let ahead = event(0, 3_600, 3_600, None);
    let behind = Event { partition: 1, ..event(0, 0, 0, None) };
    let (batches, dead) = accepted(&[ahead, behind], LATENESS);
    assert_eq!((batches.values().map(|batch| batch.rows).sum::<usize>(), dead.len()), (2, 0));
}

#[test]
fn nothing_is_given_before_what_may_still_precede_it() {
    let at = |partition| Origin { source: 0, partition };
    let batch = |partition, stamps: &[i64]| {
        let events = stamps.iter().zip(0..).map(|(stamp, offset)| event(offset, *stamp, *stamp, None));
        let events: Vec<Event> = events.map(|event| Event { partition, ..event }).collect();
        gate(0, LATENESS).accept(&arriving(&events), &mut Vec::new())
    };
    let given = |merger: &mut Merger| -> Vec<(i64, u32)> {
        let batch = merger.next(100);
        let rows = batch.rows.iter().flat_map(|(_, batch)| rows(batch));
        rows.map(|row| (row.order.arrived / SECOND, row.order.origin.partition)).collect()
    };
    let mut merger = Merger::new([(0, schema())]);
    merger.add(at(0));
    merger.add(at(1));
    merger.push(at(0), batch(0, &[5, 6, 7]));
    assert_eq!(given(&mut merger), []);
    merger.progress(at(1), 6 * SECOND);
    // Partition 1 may still give a row at 6, which comes after that of partition 0.
    assert_eq!(given(&mut merger), [(5, 0), (6, 0)]);
    merger.push(at(1), batch(1, &[6, 8]));
    assert_eq!(given(&mut merger), [(6, 1), (7, 0)]);
    // At 7 partition 0 may still give a row, before any of partition 1 at 8.
    assert_eq!(given(&mut merger), []);
    merger.silent(at(0), true);
    assert_eq!(given(&mut merger), [(8, 1)]);
    assert_eq!(merger.next(1).frontier, 8 * SECOND);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// However records are cut, and also over a restart and a rollback, the gate accepts the same.
    #[test]
    fn a_gate_does_not_care_how_records_are_cut(
        events in events(), cuts in proptest::collection::vec((1_usize..6, 0_u8..4), 1..20),
    ) {
        let own: Vec<Event> = events.into_iter().filter(|event| event.partition == 0 && event.source == 0).collect();
        prop_assume!(!own.is_empty());
        let (mut whole_dead, mut dead) = (Vec::new(), Vec::new());
        let mut whole = gate(0, LATENESS);
        let expected = rows(&whole.accept(&arriving(&own), &mut whole_dead));
        let mut now = gate(0, LATENESS);
        let mut stored: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut given = Vec::new();
        let (mut rest, mut cuts) = (own.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (size, fault) = cuts.next().unwrap();
            let (head, tail) = rest.split_at((*size).min(rest.len()));
            rest = tail;
            if *fault == 1 {
                now.accept(&arriving(head), &mut Vec::new());
                now.rollback().unwrap();
            }
            given.extend(rows(&now.accept(&arriving(head), &mut dead)));
            let mut out = StateWriter::default();
            now.freeze(&mut out);
            for change in out.into_changes() {
                match change.value {
                    Some(value) => stored.insert(change.key, value),
                    None => stored.remove(&change.key),
                };
            }
            now.commit();
            if *fault == 2 {
                now = gate(0, LATENESS);
                for (key, value) in &stored {
                    now.restore(key, value).unwrap();
                }
            }
        }
        prop_assert_eq!(given, expected);
        prop_assert_eq!(&dead, &whole_dead);
        prop_assert_eq!(now.counters(), whole.counters());
        let mut out = StateWriter::default();
        whole.freeze(&mut out);
        let all: BTreeMap<_, _> =
            out.into_changes().into_iter().filter_map(|change| Some((change.key, change.value?))).collect();
        prop_assert_eq!(stored, all);
    }

    /// However rows are pushed, they come in arrival order, each once, and no row comes below the frontier.
    #[test]
    fn a_merge_gives_arrival_order(events in events(), pushes in proptest::collection::vec((0_usize..4, 1_usize..5, 1_usize..9), 1..40)) {
        let (accepted, _) = accepted(&events, LATENESS);
        let mut merger = Merger::new([(0, schema()), (1, schema())]);
        accepted.keys().for_each(|origin| merger.add(*origin));
        let mut rest: Vec<(Origin, Batch)> = accepted.iter().map(|(origin, batch)| (*origin, batch.clone())).collect();
        let (mut given, mut frontier): (Vec<Order>, i64) = (Vec::new(), i64::MIN);
        let mut take = |merger: &mut Merger, limit: usize| {
            let batch = merger.next(limit);
            let mut orders: Vec<Order> =
                batch.rows.iter().flat_map(|(_, batch)| rows(batch)).map(|row| row.order).collect();
            assert!(orders.len() <= limit && orders.iter().all(|order| order.arrived >= frontier));
            assert!(batch.frontier >= frontier);
            frontier = batch.frontier;
            orders.sort();
            let more = !orders.is_empty();
            given.extend(orders);
            more
        };
        for (which, count, limit) in pushes {
            let which = which % rest.len();
            let (origin, batch) = &mut rest[which];
            merger.push(*origin, batch.slice(0, count));
            *batch = batch.slice(count, usize::MAX);
            if batch.rows == 0 {
                merger.silent(*origin, true);
            }
            take(&mut merger, limit);
        }
        for (origin, batch) in rest {
            merger.push(origin, batch);
            merger.silent(origin, true);
        }
        while take(&mut merger, 3) {}
        let mut expected: Vec<Order> = accepted.values().flat_map(rows).map(|row| row.order).collect();
        expected.sort();
        prop_assert_eq!(given, expected);
    }
}
