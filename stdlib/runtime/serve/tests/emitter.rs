//! What services emit, in the log.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::sync::Arc;
use std::time::Duration;

use flow_core::batch::{Batch, Origin};
use flow_core::builder::ColumnBuilder;
use flow_core::fault::Fault;
use flow_core::types::{Field, Kind, Schema};
use flow_core::value::Cell;
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{Limits, Log, PartitionId, Start};
use flow_serve::{Emits, Emitted, emitting};
use flow_task::SinkSpec;
use flow_task::stream::served_topic;

fn sink() -> SinkSpec {
    let schema = Arc::new(Schema::of([Field::required("id", Kind::String)]));
    SinkSpec { name: "noted".to_owned(), schema, key: vec!["id".to_owned()], upsert: true, by_jobs: false }
}

fn rows(ids: &[Result<&str, Fault>]) -> Vec<Emitted> {
    let mut builder = ColumnBuilder::new(&Kind::String, ids.len());
    ids.iter().for_each(|id| builder.push(id.map(Cell::String)));
    let rows = Batch {
        columns: vec![builder.finish()],
        rows: ids.len(),
        time: vec![0; ids.len()],
        arrived: vec![0; ids.len()],
        origin: vec![Origin::default(); ids.len()],
        offset: vec![0; ids.len()],
        weight: vec![1; ids.len()],
        lineage: Vec::new(),
    };
    vec![Emitted { sink: "noted".to_owned(), rows }]
}

/// Stamp, key length and value of every record.
fn written(log: &mut EmbeddedLog) -> Vec<(i64, bool, String)> {
    let topic = served_topic("shop", "noted");
    assert_eq!(log.partitions(&topic).unwrap(), Some(1));
    let mut source = log.source().unwrap();
    source.assign(&[(PartitionId::new(topic, 0), Start::Earliest)], &[]).unwrap();
    let mut batches = Vec::new();
    source.poll(Limits { records: 1_000, bytes: 64 << 20 }, Duration::ZERO, &mut batches).unwrap();
    let records = batches.iter().flat_map(|batch| batch.iter());
    records
        .map(|(record, key, value)| (record.stamp, key.is_empty(), String::from_utf8(value.to_vec()).unwrap()))
        .collect()
}

#[test]
fn what_can_be_written_is_written_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (emitter, writer) = emitting("shop", [&sink()], folder.path()).unwrap();
    let large = "x".repeat(17 << 20);
    emitter.take(rows(&[Ok("a"), Err(Fault::Overflow), Ok("b")]), 3, 7);
    emitter.take(rows(&[Ok(&large), Ok("c")]), 0, 8);
    emitter.take(Vec::new(), 1, 9);
    writer.unwrap().stop().unwrap();
    // One cell that is bad, one row that no log takes, and four that could not be computed.
    assert!(emitter.metrics().ends_with("\nfec_emits_left_out_total 6\n"), "{}", emitter.metrics());
    let mut log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
    let row = |stamp, id: &str| (stamp, false, format!("{{\"id\":\"{id}\"}}"));
    assert_eq!(written(&mut log), [row(7, "a"), row(7, "b"), row(8, "c")]);
}

#[test]
fn what_was_taken_before_the_stop_is_written_when_it_returns() {
    let folder = tempfile::tempdir().unwrap();
    let (emitter, writer) = emitting("shop", [&sink()], folder.path()).unwrap();
    let large = "x".repeat(100 << 10);
    (0..200).for_each(|now| emitter.take(rows(&[Ok(&large)]), 0, now));
    writer.unwrap().stop().unwrap();
    let mut log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
    assert_eq!(written(&mut log).len(), 200);
}

#[test]
fn who_emits_nothing_needs_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let (_, writer) = emitting("shop", [], &folder.path().join("log")).unwrap();
    assert!(writer.is_none() && !folder.path().join("log").exists());
}
