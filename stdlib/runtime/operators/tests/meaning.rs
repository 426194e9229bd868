//! Joins, `final` and reads as of each row against the plainest way to say what they mean (`spec/semantics.md`, 4 and 5).
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{
    Event, LATENESS, Results, Row, SECOND, accepted, column, consolidated, events, join_spec, kinds, micro_batches,
    rows, schema,
};
use flow_core::aggregate::AggregateFunc;
use flow_core::batch::Batch;
use flow_core::block::WindowedAggregate;
use flow_core::fault::Fault;
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::Value;
use flow_operators::expression::Environment;
use flow_operators::feature_set::{FeatureParts, FeatureReader, FeatureSet};
use flow_operators::features::{Features, Read, Updates};
use flow_operators::finality::Final;
use flow_operators::graph::{Feed, Graph, SinkId};
use flow_operators::interval_join::{Interval, IntervalJoin};
use flow_operators::join::{JoinKind, Pick};
use flow_operators::operator::{Context, Operator};
use proptest::prelude::*;

const LOW: i64 = -5 * SECOND;
const HIGH: i64 = 15 * SECOND;

fn matches(left: &Row, right: &Row) -> bool {
    let (Ok(key), Ok(other)) = (&left.cells[0], &right.cells[0]) else { return false };
    let (Ok(Value::Int(n)), Ok(Value::Int(more))) = (&left.cells[1], &right.cells[1]) else { return false };
    !key.is_absent() && key == other && (LOW..=HIGH).contains(&(right.time - left.time)) && n < more
}

/// What the rows that are there give.
fn joined(kind: JoinKind, pick: Pick, lefts: &[Row], rights: &[Row]) -> Vec<Row> {
    let mut out = Vec::new();
    for left in lefts {
        let mut found: Vec<&Row> = rights.iter().filter(|right| matches(left, right)).collect();
        found.sort_by_key(|right| (right.time, right.order));
        let found = match pick {
            _ if found.is_empty() => found,
            Pick::All => found,
            Pick::First => vec![found[0]],
            Pick::Latest => vec![found[found.len() - 1]],
        };
        let with = |right: Value| {
            let mut row = left.clone();
            row.cells.push(Ok(right));
            row
        };
        let record = |right: &Row| Value::Record(right.cells.iter().map(|cell| cell.clone().unwrap()).collect());
        match (kind, found.is_empty()) {
            (JoinKind::Inner | JoinKind::Semi, true) | (JoinKind::Anti, false) => {}
            (JoinKind::Semi, false) | (JoinKind::Anti, true) => out.push(left.clone()),
            (JoinKind::Left, true) => out.push(with(Value::Absent)),
            (JoinKind::Inner | JoinKind::Left, false) => out.extend(found.into_iter().map(|right| with(record(right)))),
        }
    }
    out
}

fn sides(accepted: &BTreeMap<flow_core::batch::Origin, flow_core::batch::Batch>) -> [Vec<Row>; 2] {
    [0, 1].map(|source| {
        let own = accepted.iter().filter(|(origin, _)| origin.source == source);
        own.flat_map(|(_, batch)| rows(batch)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// After every micro-batch the changes add up to the join of what is there; a second join takes those changes in; what
    /// `final` has let through is what is there of rows that closed.
    #[test]
    fn joins_add_up(events in events(), (kind, pick) in kinds(), (kind2, pick2) in kinds(), size in 1_usize..9) {
        let (accepted, _) = accepted(&events, LATENESS);
        let mut graph = Graph::new(Environment::default());
        let (left, right) = (graph.source(0, schema()), graph.source(1, schema()));
        let interval = Interval { low: LOW, high: HIGH, left_lateness: LATENESS, right_lateness: LATENESS };
        let first = IntervalJoin::new(join_spec(kind, pick, schema()), interval);
        let output = first.schema();
        let first = Feed::Output(graph.add(Box::new(first), vec![left, right]).unwrap(), 0);
        let settle = HIGH + LATENESS;
        let second = join_spec(kind2, pick2, Arc::clone(&output));
        let second = IntervalJoin::new(second, Interval { left_lateness: settle, ..interval });
        let second = Feed::Output(graph.add(Box::new(second), vec![first, right]).unwrap(), 0);
        let settled = Final::new(output, settle);
        let settled = Feed::Output(graph.add(Box::new(settled), vec![first]).unwrap(), 0);
        let sinks = [first, second, settled].map(|feed| graph.sink(feed).unwrap());

        let mut results = Results::default();
        let mut there: [Vec<Row>; 2] = [Vec::new(), Vec::new()];
        for batch in micro_batches(&accepted, &[size]) {
            for (source, batch) in &batch.rows {
                there[*source as usize].extend(rows(batch));
            }
            results.add(graph.push(&batch).unwrap());
            let given = |sink: SinkId| results.rows.get(&sink).map(Vec::as_slice).unwrap_or_default();
            let once = joined(kind, pick, &there[0], &there[1]);
            prop_assert_eq!(consolidated(given(sinks[0])), consolidated(&once));
            prop_assert_eq!(consolidated(given(sinks[1])), consolidated(&joined(kind2, pick2, &once, &there[1])));
            let closed: Vec<Row> =
                once.into_iter().filter(|row| row.time + settle < graph.frontier()).collect();
            prop_assert_eq!(consolidated(given(sinks[2])), consolidated(&closed));
            prop_assert!(given(sinks[2]).iter().all(|row| row.weight == 1));
        }
        prop_assert_eq!(&there.map(|rows| consolidated(&rows)), &sides(&accepted).map(|rows| consolidated(&rows)));
    }

    #[test]
    fn reads_see_what_came_before_the_row(events in events(), size in 1_usize..9) {
        let (accepted, _) = accepted(&events, LATENESS);
        let window = |func, args: &[usize]| WindowedAggregate {
            func, args: args.to_vec(), filter: None, size: 20 * SECOND, step: 10 * SECOND,
        };
        let field = |name: &str| Field { name: name.to_owned(), ty: DataType::required(Kind::Int) };
        let set = FeatureSet::new(FeatureParts {
            name: "f".into(),
            schema: Arc::new(Schema { fields: vec![field("rows"), field("total")] }),
            aggregates: &[window(AggregateFunc::Count, &[]), window(AggregateFunc::Sum, &[0])],
            arguments: vec![DataType::required(Kind::Int)],
            head: LATENESS,
            scalars: vec![],
            order: vec![0, 1],
        }).unwrap();
        let read = |including_row| Read {
            input: schema(), keys: column(0), alias: None, including_row, flow: "reads".into(),
        };
        let updates = Updates { keys: column(0), arguments: column(1) };
        let operator = Features::new(set.clone(), updates, vec![read(false), read(true), read(false)]);
        let mut graph = Graph::new(Environment::default());
        let (own, other) = (graph.source(0, schema()), graph.source(1, schema()));
        let node = graph.add(Box::new(operator), vec![own, own, own, other]).unwrap();
        let sinks = [0, 1, 2].map(|output| graph.sink(Feed::Output(node, output)).unwrap());
        let mut results = Results::default();
        for batch in micro_batches(&accepted, &[size]) {
            results.add(graph.push(&batch).unwrap());
        }
        let [updates, others] = sides(&accepted);
        let value = |key: &Value, t: i64, place: &dyn Fn(&Row) -> bool| -> (i64, i64) {
            let tail = (t - 20 * SECOND).div_euclid(10 * SECOND) * 10 * SECOND;
            let seen = updates.iter().filter(|row| {
                !key.is_absent() && row.cells[0].as_ref() == Ok(key) && (tail..=t).contains(&row.time) && place(row)
            });
            seen.fold((0, 0), |(rows, total), row| match row.cells[1] {
                Ok(Value::Int(n)) => (rows + 1, total + n),
                _ => (rows, total),
            })
        };
        for (sink, including) in sinks.into_iter().zip([false, true, false]) {
            let given = results.rows.get(&sink).map(Vec::as_slice).unwrap_or_default();
            let expected = if sink == sinks[2] { &others } else { &updates };
            prop_assert_eq!(given.len(), expected.len());
            for row in given {
                let key = row.cells[0].clone().unwrap();
                let before = |other: &Row| other.order < row.order || including && other.order == row.order;
                let (rows, total) = value(&key, row.time, &before);
                prop_assert_eq!(&row.cells[4..], &[Ok(Value::Int(rows)), Ok(Value::Int(total))]);
            }
        }
        // What services read from the store is the same value, over all that is there.
        let bad = updates.iter().filter(|row| row.cells[1].is_err() && row.cells[0] != Ok(Value::Absent)).count();
        prop_assert_eq!(results.dead.len(), bad);
        let reader = FeatureReader::new(set);
        let now = events.iter().map(|event| event.stamp).max().unwrap() + 1;
        graph.advance(now).unwrap();
        let mut stored = common::Stored::new();
        common::store(&mut stored, &mut graph);
        for key in ["a", "b", "c", "never"].map(|key| Value::String(key.into())) {
            let bytes = stored.get(&(node, reader.key(std::slice::from_ref(&key)).unwrap())).map(Vec::as_slice);
            let (rows, total) = value(&key, now, &|_| true);
            prop_assert_eq!(reader.read(bytes, now, &[]).unwrap(), vec![Ok(Value::Int(rows)), Ok(Value::Int(total))]);
        }
    }
}

#[test]
fn a_condition_that_cannot_be_computed_is_told_where_two_rows_meet() {
    let interval = Interval { low: LOW, high: HIGH, left_lateness: LATENESS, right_lateness: LATENESS };
    let mut join = IntervalJoin::new(join_spec(JoinKind::Left, Pick::All, schema()), interval);
    let mut cx = Context::new(Environment::default());
    let batch = |source, offset, n| {
        let event = Event { source, partition: 0, offset, stamp: offset, key: Some("a"), n, at: 0, id: None };
        let (mut accepted, _) = accepted(&[event], LATENESS);
        accepted.pop_first().unwrap().1
    };
    let none = Batch::empty(&schema());
    let left = Batch { lineage: vec![7], ..batch(0, 1, Ok(1)) };
    let gone = Batch { lineage: vec![7], weight: vec![-1], ..batch(0, 3, Ok(1)) };
    let mut told = |left: &Batch, right: &Batch| {
        join.process(&[left.clone(), right.clone()], &mut cx).unwrap();
        cx.take_dead().iter().map(|letter| letter.order.offset).collect::<Vec<_>>()
    };
    assert_eq!(told(&left, &none), [0; 0]);
    assert_eq!(told(&none, &batch(1, 2, Err(Fault::Overflow))), [2], "the later row is the one that is told");
    assert_eq!(told(&gone, &none), [0; 0], "who goes is not asked again");
    assert_eq!(told(&none, &batch(1, 4, Err(Fault::Overflow))), [0; 0], "nobody is there to be met");
}
