//! A service's copy of the feature state, behind the task that keeps it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flow_learn::Registry;
use flow_log::archive::FolderLake;
use flow_log::block::HISTORY;
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::snapshot::compact;
use flow_log::{Block, Cut, Log, Mark, Outcome, PartitionId, Sequence, TableId, TaskId, Writes};
use flow_serve::{Follower, LiveReads, Reads};
use flow_store::MemoryFeatureStore;

const PRIVATE: u32 = 1_000_000;

fn task() -> TaskId {
    TaskId::new("shop.g1", 0)
}

/// Commits a block with one feature's state, and one of the task's own.
fn commit(log: &mut EmbeddedLog, sequence: u64, value: &str, arrived: i64, history: Option<i64>) {
    let mut writes = Writes::new();
    writes.put(TableId(0), b"key", value.as_bytes());
    writes.put(TableId(PRIVATE), b"key", b"private");
    let cut = Cut(BTreeMap::from([(PartitionId::new("sales", 0), Mark { next: sequence.cast_signed(), arrived })]));
    let mut frontiers = BTreeMap::from([(Arc::from("frontier"), arrived + 1)]);
    frontiers.extend(history.map(|at| (Arc::from(HISTORY), at)));
    let block = Block { sequence: Sequence(sequence), cut: cut.clone(), frontiers, writes };
    let mut transaction = log.begin().unwrap();
    transaction.block(&task(), &block).unwrap();
    transaction.positions(&task(), &cut).unwrap();
    assert!(matches!(transaction.commit(), Outcome::Committed));
}

fn writer(folder: &Path) -> EmbeddedLog {
    // A segment a block.
    let options = Options { segment_bytes: 1, ..Options::default() };
    let mut log = EmbeddedLog::open(folder, options).unwrap();
    log.create("sales", 1).unwrap();
    log.own(&task()).unwrap();
    log
}

fn follower(folder: &Path) -> (Follower, Arc<LiveReads>) {
    let store = Arc::new(MemoryFeatureStore::new());
    let registry = Arc::new(Registry::new(folder.join("models")));
    let reads = Arc::new(LiveReads::new(Arc::clone(&store) as _, registry, Vec::new()));
    let log = EmbeddedLog::open(folder, Options::default()).unwrap();
    let lake = FolderLake::open(&folder.join("lake")).unwrap();
    (Follower::new(Box::new(log), Box::new(lake), task(), PRIVATE, store, Arc::clone(&reads)), reads)
}

fn state(reads: &LiveReads, table: u32) -> Option<String> {
    let mut found = None;
    reads.state(table, b"key", &mut |value| found = Some(String::from_utf8_lossy(value).into_owned())).unwrap();
    found
}

fn catch_up(follower: &mut Follower) {
    while follower.step().unwrap() {}
}

#[test]
fn a_copy_follows_and_is_ready_once_history_is_applied() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = writer(folder.path());
    let (mut early, reads) = follower(folder.path());
    catch_up(&mut early);
    assert!(!reads.ready() && state(&reads, 0).is_none());
    commit(&mut log, 1, "one", 50, None);
    catch_up(&mut early);
    assert_eq!((reads.ready(), state(&reads, 0).as_deref(), reads.moment().now()), (false, Some("one"), 51));
    // History is applied.
    commit(&mut log, 2, "two", 50, Some(51));
    catch_up(&mut early);
    assert_eq!((reads.ready(), state(&reads, 0).as_deref(), reads.moment().now()), (true, Some("two"), 51));
    assert_eq!(state(&reads, PRIVATE), None);
    // Live events do not make it unready; who starts late catches up before it is ready.
    commit(&mut log, 3, "three", 90, Some(51));
    catch_up(&mut early);
    assert_eq!((reads.ready(), state(&reads, 0).as_deref(), reads.moment().now()), (true, Some("three"), 91));
    let (mut late, reads) = follower(folder.path());
    assert!(!reads.ready());
    catch_up(&mut late);
    assert_eq!((reads.ready(), state(&reads, 0).as_deref(), reads.moment().now()), (true, Some("three"), 91));
}

#[test]
fn before_anything_has_arrived_now_is_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = writer(folder.path());
    let (mut copy, reads) = follower(folder.path());
    commit(&mut log, 1, "one", i64::MIN, Some(0));
    catch_up(&mut copy);
    assert_eq!((reads.ready(), reads.moment().now()), (true, 0));
}

#[test]
fn a_copy_begins_with_the_newest_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = writer(folder.path());
    let mut lake = FolderLake::open(&folder.path().join("lake")).unwrap();
    let (mut early, _) = follower(folder.path());
    commit(&mut log, 1, "one", 50, Some(51));
    catch_up(&mut early);
    commit(&mut log, 2, "two", 60, Some(51));
    compact(&mut log, &mut lake, &task()).unwrap();
    commit(&mut log, 3, "three", 70, Some(51));
    compact(&mut log, &mut lake, &task()).unwrap();
    // More than one step reads: between two of them the copy is not ready, whatever the snapshot says.
    let long = "x".repeat(9 << 20);
    commit(&mut log, 4, &long, 71, Some(51));
    commit(&mut log, 5, "three", 72, Some(51));
    let (mut late, reads) = follower(folder.path());
    assert!(late.step().unwrap(), "there is more");
    assert!(!reads.ready());
    catch_up(&mut late);
    assert_eq!((reads.ready(), state(&reads, 0).as_deref(), reads.moment().now()), (true, Some("three"), 73));
    assert_eq!(state(&reads, PRIVATE), None);
    commit(&mut log, 6, "four", 80, Some(51));
    catch_up(&mut late);
    assert_eq!((reads.ready(), state(&reads, 0).as_deref(), reads.moment().now()), (true, Some("four"), 81));

    // One that has stood still for longer than the changelog reaches says so.
    compact(&mut log, &mut lake, &task()).unwrap();
    let error = early.step().unwrap_err().to_string();
    assert!(error.contains("stands at block 1") && error.contains("begins with block "), "{error}");
}
