//! The same log gives the same rows, dead letters and state whatever the batching, the restarts and the rollbacks.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

mod common;

use std::sync::Arc;

use common::{
    LATENESS, Results, SECOND, Stored, accepted, column, events, join_spec, kinds, less, micro_batches, schema, store,
};
use flow_core::aggregate::AggregateFunc;
use flow_core::block::WindowedAggregate;
use flow_core::program::{Binary, ProgramBuilder};
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_operators::expression::{Environment, Input};
use flow_operators::feature_set::{FeatureParts, FeatureSet};
use flow_operators::features::{Features, Read, Updates};
use flow_operators::finality::Final;
use flow_operators::fused::{Fused, Step};
use flow_operators::graph::{Feed, Graph};
use flow_operators::interval_join::{Interval, IntervalJoin};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::keyed_rows::{KeptRows, KeyedRows};
use flow_operators::merge::MicroBatch;
use flow_operators::union::Union;
use flow_operators::upsert::Upsert;
use proptest::prelude::*;

fn features(name: &str, head: i64) -> FeatureSet {
    let aggregate = |func, args: &[usize]| WindowedAggregate {
        func,
        args: args.to_vec(),
        filter: None,
        size: 20 * SECOND,
        step: 10 * SECOND,
    };
    let field = |name: &str, kind| Field { name: name.to_owned(), ty: DataType::optional(kind) };
    let schema = Arc::new(Schema {
        fields: vec![field("rows", Kind::Int), field("twice", Kind::Int), field("total", Kind::Int)],
    });
    let mut builder = ProgramBuilder::new(&Schema { fields: schema.fields[..2].to_vec() });
    let rows = builder.column(0).unwrap();
    let twice = builder.binary(Binary::Add, rows, rows).unwrap();
    FeatureSet::new(FeatureParts {
        name: name.into(),
        schema,
        aggregates: &[aggregate(AggregateFunc::Count, &[]), aggregate(AggregateFunc::Sum, &[0])],
        arguments: vec![DataType::required(Kind::Int)],
        head,
        scalars: vec![Arc::new(builder.finish(vec![twice]))],
        order: vec![0, 2, 1],
    })
    .unwrap()
}

/// Every operator that a stream has: two joins in a row, `final`, an upsert sink, a feature set over the join's changes, one over events and one
/// without a key, all read as of each row, what views keep of the join's changes and of final rows, joined as of each row, a filter, a union.
fn graph(kind: JoinKind, pick: Pick) -> Graph {
    let mut graph = Graph::new(Environment::default());
    let (left, right) = (graph.source(0, schema()), graph.source(1, schema()));
    let interval = Interval { low: -5 * SECOND, high: 15 * SECOND, left_lateness: LATENESS, right_lateness: LATENESS };
    let first = IntervalJoin::new(join_spec(kind, pick, schema()), interval);
    let first_schema = first.schema();
    let first = Feed::Output(graph.add(Box::new(first), vec![left, right]).unwrap(), 0);
    graph.sink(first).unwrap();
    let late = Interval { left_lateness: 25 * SECOND, ..interval };
    let second = IntervalJoin::new(join_spec(JoinKind::Left, Pick::First, Arc::clone(&first_schema)), late);
    let second_schema = second.schema();
    let second = Feed::Output(graph.add(Box::new(second), vec![first, right]).unwrap(), 0);
    graph.sink(second).unwrap();
    let settled = Final::new(Arc::clone(&second_schema), 25 * SECOND);
    let settled = Feed::Output(graph.add(Box::new(settled), vec![second]).unwrap(), 0);
    graph.sink(settled).unwrap();
    let upserted = Upsert::new(Arc::clone(&first_schema), vec![0], Some(25 * SECOND));
    let upserted = Feed::Output(graph.add(Box::new(upserted), vec![first]).unwrap(), 0);
    graph.sink(upserted).unwrap();

    let updates = || Updates { keys: column(0), arguments: column(1) };
    let read = |including_row, alias: Option<&str>| Read {
        input: schema(),
        keys: column(0),
        alias: alias.map(str::to_owned),
        including_row,
        flow: "reads".into(),
    };
    let reads = vec![read(false, None), read(true, Some("f")), read(false, None)];
    let over_events = Features::new(features("over events", LATENESS), updates(), reads);
    let over_events = graph.add(Box::new(over_events), vec![left, left, left, right]).unwrap();
    let over_joined = Features::new(features("over joined", LATENESS), updates(), vec![read(false, None)]);
    let over_joined = graph.add(Box::new(over_joined), vec![first, right]).unwrap();
    let over_final = Features::new(features("over final", LATENESS), updates(), vec![read(false, None)]);
    let over_final = graph.add(Box::new(over_final), vec![settled, right]).unwrap();
    // One record of all rows: those that change it and those that read it are as many only by chance.
    let global = Updates { keys: vec![], arguments: column(1) };
    let read_global = Read { keys: vec![], ..read(false, None) };
    let over_all = Features::new(features("over all", LATENESS), global, vec![read_global]);
    let over_all = graph.add(Box::new(over_all), vec![first, right]).unwrap();
    let kept = |settle, schema: &Arc<Schema>| KeptRows {
        schema: Arc::clone(schema),
        key: column(0),
        settle,
        flow: "kept".into(),
    };
    let looked_up = |right: &Arc<Schema>| JoinSpec {
        right: Arc::clone(right),
        residual: None,
        ..join_spec(JoinKind::Left, Pick::All, schema())
    };
    let last = KeyedRows::new(kept(Some(25 * SECOND), &first_schema), vec![looked_up(&first_schema); 2]);
    let last = graph.add(Box::new(last), vec![first, left, right]).unwrap();
    let last_final = KeyedRows::new(kept(None, &second_schema), vec![looked_up(&second_schema)]);
    let last_final = graph.add(Box::new(last_final), vec![settled, right]).unwrap();
    for feed in [
        Feed::Output(last, 0),
        Feed::Output(last, 1),
        Feed::Output(last_final, 0),
        Feed::Output(over_events, 0),
        Feed::Output(over_events, 1),
        Feed::Output(over_events, 2),
        Feed::Output(over_joined, 0),
        Feed::Output(over_all, 0),
        Feed::Output(over_final, 0),
    ] {
        graph.sink(feed).unwrap();
    }
    let read_schema = read(false, None).output(&features("", 0));
    let condition = less(&read_schema, 1, 4);
    let filtered = Fused::new(
        vec![Step::Filter { condition, unless_fault: vec![] }, Step::Project(vec![Input::column(0), Input::column(4)])],
        "filter".into(),
    );
    let filtered = Feed::Output(graph.add(Box::new(filtered), vec![Feed::Output(over_events, 0)]).unwrap(), 0);
    graph.sink(filtered).unwrap();
    let shape = Fused::new(vec![Step::Project(vec![Input::column(0), Input::column(1)])], "shape".into());
    let shape = Feed::Output(graph.add(Box::new(shape), vec![settled]).unwrap(), 0);
    let two = Arc::new(Schema { fields: schema().fields[..2].to_vec() });
    let union = Feed::Output(graph.add(Box::new(Union::new(two, 3)), vec![filtered, shape, filtered]).unwrap(), 0);
    graph.sink(union).unwrap();
    graph
}

fn run(mut graph: Graph, batches: &[MicroBatch], end: i64) -> Results {
    let mut results = Results::default();
    for batch in batches {
        results.add(graph.push(batch).unwrap());
    }
    results.add(graph.advance(end).unwrap());
    store(&mut results.stored, &mut graph);
    results.finished()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batching_changes_nothing(
        events in events(), (kind, pick) in kinds(), sizes in proptest::collection::vec(1_usize..9, 1..6),
    ) {
        let (accepted, _) = accepted(&events, LATENESS);
        let end = events.iter().map(|event| event.stamp).max().unwrap() + 1;
        let whole = run(graph(kind, pick), &micro_batches(&accepted, &[8192]), end);
        let single = run(graph(kind, pick), &micro_batches(&accepted, &[1]), end);
        prop_assert_eq!(&whole, &single);
        let mixed = run(graph(kind, pick), &micro_batches(&accepted, &sizes), end);
        prop_assert_eq!(&whole, &mixed);
    }

    #[test]
    fn restarts_and_rollbacks_change_nothing(
        events in events(), (kind, pick) in kinds(), sizes in proptest::collection::vec(1_usize..9, 1..6),
        faults in proptest::collection::vec(0_u8..5, 1..40),
    ) {
        let (accepted, _) = accepted(&events, LATENESS);
        let end = events.iter().map(|event| event.stamp).max().unwrap() + 1;
        let whole = run(graph(kind, pick), &micro_batches(&accepted, &[8192]), end);

        let mut graph_now = graph(kind, pick);
        let mut results = Results::default();
        let mut stored = Stored::new();
        let batches = micro_batches(&accepted, &sizes);
        let mut pending: Vec<&MicroBatch> = Vec::new();
        for (batch, fault) in batches.iter().zip(faults.iter().cycle()) {
            pending.push(batch);
            match fault {
                // Goes on without a commit.
                0 => { graph_now.push(batch).unwrap(); }
                // Aborts, before or after it froze, and does all since the last commit again.
                1 | 2 => {
                    graph_now.push(batch).unwrap();
                    if *fault == 2 {
                        graph_now.freeze();
                    }
                    graph_now.rollback().unwrap();
                    for again in &pending {
                        graph_now.push(again).unwrap();
                    }
                }
                // Commits; with 4 it is then restarted from what was stored.
                _ => {
                    graph_now.rollback().unwrap();
                    for again in pending.drain(..) {
                        results.add(graph_now.push(again).unwrap());
                    }
                    store(&mut stored, &mut graph_now);
                    graph_now.commit();
                    if *fault == 4 {
                        let frontier = graph_now.frontier();
                        graph_now = graph(kind, pick);
                        for ((node, key), value) in &stored {
                            graph_now.restore(*node, key, value).unwrap();
                        }
                        graph_now.restored(frontier);
                    }
                }
            }
        }
        graph_now.rollback().unwrap();
        for again in pending.drain(..) {
            results.add(graph_now.push(again).unwrap());
        }
        results.add(graph_now.advance(end).unwrap());
        store(&mut stored, &mut graph_now);
        results.stored = stored;
        prop_assert_eq!(whole, results.finished());
    }
}
