//! What nobody can need any more is forgotten: state does not grow with the time that has passed.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Event, Joined, LATENESS, SECOND, Stored, accepted, arriving, column, gate, joined, micro_batches, store};
use flow_operators::expression::Environment;
use flow_operators::finality::Final;
use flow_operators::graph::{Graph, NodeId};
use flow_operators::join::{JoinKind, Pick};
use flow_operators::keyed_rows::{KeptRows, KeyedRows};
use flow_operators::state::StateWriter;
use flow_operators::upsert::Upsert;

/// An event a second, on either source, of one of three keys.
fn events(seconds: i64) -> Vec<Event> {
    let event = |at: i64| Event {
        source: (at % 2) as u32,
        partition: 0,
        offset: at,
        stamp: at * SECOND,
        key: Some(["a", "b", "c"][(at % 3) as usize]),
        n: Ok(at % 7),
        at: at * SECOND,
        id: Some(at),
    };
    (0..seconds).map(event).collect()
}

/// Bytes of the state that each operator has after so many seconds: a join, and what stands behind it.
fn kept(seconds: i64, kind: JoinKind) -> [usize; 4] {
    let (accepted, _) = accepted(&events(seconds), LATENESS);
    let mut graph = Graph::new(Environment::default());
    let Joined { feed, schema, settle, .. } = joined(&mut graph, kind, Pick::All);
    let closing = graph.add(Box::new(Final::new(Arc::clone(&schema), settle)), vec![feed]).unwrap();
    let upsert = graph.add(Box::new(Upsert::new(Arc::clone(&schema), vec![0], Some(settle))), vec![feed]).unwrap();
    let rows = KeptRows { schema, key: column(0), settle: Some(settle), flow: "view".into() };
    let view = graph.add(Box::new(KeyedRows::new(rows, Vec::new())), vec![feed]).unwrap();
    let mut stored = Stored::new();
    for batch in micro_batches(&accepted, &[50]) {
        graph.push(&batch).unwrap();
        store(&mut stored, &mut graph);
        graph.commit();
    }
    let bytes = |node: NodeId| {
        let own = stored.iter().filter(|((of, _), _)| *of == node);
        own.map(|((_, key), value)| key.len() + value.len()).sum()
    };
    let flow_operators::graph::Feed::Output(join, _) = feed else { unreachable!() };
    [join, closing, upsert, view].map(bytes)
}

#[test]
fn joins_and_what_stands_behind_them_hold_no_more_after_an_hour_than_after_minutes() {
    for kind in [JoinKind::Inner, JoinKind::Left, JoinKind::Anti] {
        let (soon, late) = (kept(420, kind), kept(3_780, kind));
        for (node, (soon, late)) in ["join", "final", "upsert", "view"].iter().zip(soon.into_iter().zip(late)) {
            assert!(soon > 0 && late <= soon + soon / 2, "{node} of {kind:?}: {soon} bytes, then {late}");
        }
    }
}

#[test]
fn a_gate_holds_ids_for_its_lateness_and_no_longer() {
    let mut gate = gate(0, LATENESS);
    let mut stored: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let events: Vec<Event> = events(5_000).into_iter().filter(|event| event.source == 0).collect();
    let mut most = 0;
    for events in events.chunks(10) {
        gate.accept(&arriving(events), &mut Vec::new());
        let mut writer = StateWriter::default();
        gate.freeze(&mut writer);
        gate.commit();
        for change in writer.into_changes() {
            match change.value {
                Some(value) => stored.insert(change.key, value),
                None => stored.remove(&change.key),
            };
        }
        most = most.max(stored.len());
    }
    // An id every two seconds, for ten seconds; and what is known of the partition.
    assert!((6..=7).contains(&stored.len()), "{} entries", stored.len());
    assert!(most < 20, "{most} entries");
}
