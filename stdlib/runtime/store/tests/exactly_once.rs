//! A small task over log, store and feature store, on a log that goes wrong: it counts the records of each key, and
//! every record counts once, whatever dies, aborts or moves.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::simulated::{AbortingLog, Aborts, CrashPoint, Crashes, Faults, Injection, SimulatedLog};
use flow_log::{
    Block, Cut, Limits, Log, LogError, Outcome, PartitionId, Restored, Sequence, Source, Start, TableId, TaskId,
};
use flow_store::simulated::{CrashingFeatureStore, CrashingStore};
use flow_store::{Applied, FeatureStore, MemoryFeatureStore, MemoryStore, SetId, Store, StoreError};
use tempfile::TempDir;

/// A count, as one byte, of each key.
type Counts = BTreeMap<Vec<u8>, Vec<u8>>;

const COUNTS: TableId = TableId(0);
const SET: SetId = SetId(0);

fn input() -> PartitionId {
    PartitionId::new("payments", 0)
}

fn output() -> PartitionId {
    PartitionId::new("counts", 0)
}

fn task() -> TaskId {
    TaskId::new("count", 0)
}

/// Why a worker stopped.
#[derive(Debug, PartialEq)]
enum Stop {
    Crashed,
    Fenced,
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        assert_eq!(error, LogError::Crashed);
        Self::Crashed
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        assert_eq!(error, StoreError::Crashed);
        Self::Crashed
    }
}

/// Creates the topics and commits a record per key.
fn fill(log: &mut dyn Log, keys: &[u8]) {
    log.create("payments", 1).unwrap();
    log.create("counts", 1).unwrap();
    let mut t = log.begin().unwrap();
    for (stamp, key) in (0..).zip(keys) {
        t.append(&input(), &[*key], b"", stamp).unwrap();
    }
    assert_eq!(t.commit(), Outcome::Committed);
}

/// What the task has written, in order.
fn written(log: &dyn Log) -> Vec<Vec<u8>> {
    let mut source = log.source().unwrap();
    source.assign(&[(output(), Start::Earliest)], &[]).unwrap();
    let mut out = Vec::new();
    source.poll(Limits { records: usize::MAX, bytes: usize::MAX }, Duration::ZERO, &mut out).unwrap();
    out.iter().flat_map(|b| b.iter().map(|(_, k, v)| [k, v].concat())).collect()
}

/// What lies outside of the worker's process.
struct World {
    log: SimulatedLog,
    disk: Arc<Mutex<MemoryStore>>,
    features: Arc<MemoryFeatureStore>,
}

impl World {
    fn new(seed: u64, faults: Faults, keys: &[u8]) -> Self {
        let mut log = SimulatedLog::new(seed, Faults::default());
        fill(&mut log, keys);
        log.set_faults(faults);
        Self { log, disk: Arc::default(), features: Arc::default() }
    }

    fn worker(&self) -> Result<Worker, Stop> {
        let log = self.log.process();
        let crashes = log.crashes();
        Worker::start(Box::new(log), crashes, Arc::clone(&self.disk), Arc::clone(&self.features))
    }

    /// The output's records in order, the counts in the store, the counts in the feature store.
    fn results(&self) -> (Vec<Vec<u8>>, Counts, Counts) {
        self.log.set_faults(Faults::default());
        self.log.settle();
        let records = written(&self.log.process());
        let (mut stored, mut served) = (Counts::new(), Counts::new());
        for key in 0..=255_u8 {
            let value = self.disk.lock().unwrap().get(COUNTS, &[key]).unwrap();
            stored.extend(value.map(|v| (vec![key], v)));
            self.features.read(SET, &[&[key]], &mut |_, v| served.extend(v.map(|v| (vec![key], v.to_vec())))).unwrap();
        }
        (records, stored, served)
    }
}

/// A worker as the task loop would be: owns, restores, then polls, counts, commits, applies.
struct Worker {
    log: Box<dyn Log>,
    crashes: Crashes,
    store: CrashingStore<MemoryStore>,
    features: CrashingFeatureStore<MemoryFeatureStore>,
    source: Box<dyn Source>,
    sequence: Sequence,
    cut: Cut,
    /// Values read from the store or changed since, as an operator's cache.
    cache: BTreeMap<Vec<u8>, u8>,
}

impl Worker {
    fn start(
        mut log: Box<dyn Log>,
        crashes: Crashes,
        disk: Arc<Mutex<MemoryStore>>,
        features: Arc<MemoryFeatureStore>,
    ) -> Result<Self, Stop> {
        let mut store = CrashingStore::new(disk, crashes.clone());
        let features = CrashingFeatureStore::new(features, crashes.clone());
        log.own(&task())?;
        // From what both stores have on.
        let mut at = store.applied()?.min(features.position(&task())?);
        loop {
            let mut blocks = Vec::new();
            let restored = log.blocks(&task(), at, 1, &mut blocks)?;
            for block in &blocks {
                apply(&mut store, &features, block)?;
            }
            match restored {
                Restored::Complete(done) => {
                    at = done;
                    break;
                }
                Restored::More(done) | Restored::Waiting(done) => at = done,
            }
        }
        let cut = log.positions(&task())?.unwrap_or_default();
        let mut source = log.source()?;
        source.assign(&[(input(), Start::At(cut.mark(&input())))], &[])?;
        Ok(Self { log, crashes, store, features, source, sequence: at, cut, cache: BTreeMap::new() })
    }

    /// Stages what was polled and commits it. Answers the block that is committed, and not yet in the stores.
    fn commit(&mut self) -> Result<Option<Block>, Stop> {
        let mut batches = Vec::new();
        self.source.poll(Limits { records: 3, bytes: 1_000 }, Duration::ZERO, &mut batches)?;
        let mut block = Block { sequence: self.sequence.next(), cut: self.cut.clone(), ..Block::default() };
        let mut t = self.log.begin()?;
        for batch in &batches {
            for (record, key, _) in batch.iter() {
                if !self.cache.contains_key(key) {
                    let stored = self.store.get(COUNTS, key)?;
                    self.cache.insert(key.to_vec(), stored.map_or(0, |v| v[0]));
                }
                let count = self.cache.get_mut(key).unwrap();
                *count += 1;
                block.writes.put(COUNTS, key, &[*count]);
                t.append(&output(), key, &[*count], record.stamp).unwrap();
            }
            block.cut.0.insert(batch.partition.clone(), batch.end().unwrap());
        }
        t.block(&task(), &block)?;
        t.positions(&task(), &block.cut)?;
        let mut outcome = t.commit();
        while let Outcome::Unknown(_) = outcome {
            outcome = self.log.resolve()?;
        }
        match outcome {
            Outcome::Committed => {
                self.sequence = block.sequence;
                self.cut = block.cut.clone();
                Ok(Some(block))
            }
            Outcome::Aborted(error) => {
                assert_eq!(error, LogError::GivenUp);
                self.cache.clear();
                self.source.rewind(&self.cut)?;
                Ok(None)
            }
            Outcome::Fenced(_) => Err(Stop::Fenced),
            Outcome::Unknown(_) => unreachable!("it was resolved"),
        }
    }

    fn step(&mut self) -> Result<(), Stop> {
        if let Some(block) = self.commit()? {
            apply(&mut self.store, &self.features, &block)?;
        }
        Ok(())
    }

    fn done(&self, all: usize) -> bool {
        self.cut.mark(&input()).next == all as i64
    }
}

fn apply(
    store: &mut CrashingStore<MemoryStore>,
    features: &CrashingFeatureStore<MemoryFeatureStore>,
    block: &Block,
) -> Result<[Applied; 2], Stop> {
    let stored = store.apply(block)?;
    let served = features.apply(&task(), block.sequence, block.sequence, &block.writes, &block.cut)?;
    Ok([stored, served])
}

/// Runs workers one after the other until everything is counted. Answers how many it took.
fn run(world: &World, all: usize) -> usize {
    let mut workers = 0;
    loop {
        workers += 1;
        assert!(workers < 10_000, "no progress");
        let Ok(mut worker) = world.worker() else { continue };
        while !worker.done(all) {
            if worker.step().is_err() {
                break;
            }
        }
        if worker.done(all) && worker.crashes.alive().is_ok() {
            return workers;
        }
    }
}

fn keys() -> Vec<u8> {
    (0..40_u32).map(|i| (i * i % 7) as u8).collect()
}

/// What must come out, from the definition.
fn check(world: &World, keys: &[u8]) {
    let mut counts = BTreeMap::new();
    let expected: Vec<_> = keys
        .iter()
        .map(|key| {
            let count = counts.entry(vec![*key]).or_insert_with(|| vec![0_u8]);
            count[0] += 1;
            vec![*key, count[0]]
        })
        .collect();
    let (records, stored, served) = world.results();
    assert_eq!(records, expected);
    assert_eq!(stored, counts);
    assert_eq!(served, counts);
}

#[test]
fn every_record_counts_once_whatever_goes_wrong() {
    let keys = keys();
    let mut workers = 0;
    for seed in 0..400 {
        let world = World::new(seed, Faults::all(), &keys);
        workers += run(&world, keys.len());
        check(&world, &keys);
    }
    assert!(workers > 800, "only {workers} workers were needed: too little went wrong");
}

#[test]
fn a_death_at_each_single_place_changes_nothing() {
    let keys = keys();
    let calm = World::new(1, Faults::default(), &keys);
    assert_eq!(run(&calm, keys.len()), 1);
    check(&calm, &keys);
    for point in CrashPoint::ALL {
        // The commit that filled the input passed the first two points as well.
        let setup = u64::from(point <= CrashPoint::AfterCommit);
        assert!(calm.log.passed(point) > 10);
        for nth in setup + 1..=calm.log.passed(point) {
            let world = World::new(1, Faults::default(), &keys);
            world.log.crash_at(point, nth);
            let workers = run(&world, keys.len());
            assert_eq!(workers, 2, "{point:?} {nth}");
            check(&world, &keys);
        }
    }
}

/// Case 7: commit succeeds, its changelog marker is delayed, another process takes the task: it waits.
#[test]
fn a_new_owner_waits_for_the_delayed_marker() {
    let keys = keys();
    for at in 1..14 {
        let world = World::new(1, Faults::default(), &keys);
        let mut first = world.worker().unwrap();
        for _ in 1..at {
            first.step().unwrap();
        }
        world.log.inject(Injection::LateMarker(5));
        first.commit().unwrap();
        first.crashes.kill();
        run(&world, keys.len());
        check(&world, &keys);
    }
}

/// Case 8: a worker stopped after its commit and before its store write, continued after another took over.
#[test]
fn a_former_owners_store_write_is_refused() {
    let keys = keys();
    let world = World::new(1, Faults::default(), &keys);
    let mut first = world.worker().unwrap();
    first.step().unwrap();
    let late = first.commit().unwrap().unwrap();
    let mut second = world.worker().unwrap();
    second.step().unwrap();
    let before = world.results();
    assert_eq!(apply(&mut first.store, &first.features, &late), Ok([Applied::Stale; 2]));
    assert_eq!(world.results(), before);
    assert_eq!(first.step(), Err(Stop::Fenced));
    while !second.done(keys.len()) {
        second.step().unwrap();
    }
    check(&world, &keys);
}

/// Case 9: abort after a batch touched a cached key, then the same again: counted once.
#[test]
fn an_aborted_batch_counts_once() {
    let keys = [1, 1, 1, 1, 1, 1];
    let world = World::new(1, Faults::default(), &keys);
    let mut worker = world.worker().unwrap();
    worker.step().unwrap();
    for _ in 0..3 {
        world.log.inject(Injection::Abort);
        worker.step().unwrap();
        assert_eq!(world.results().0.len(), 3);
    }
    worker.step().unwrap();
    assert!(worker.done(keys.len()));
    check(&world, &keys);
}

/// Case 9 on the embedded log.
#[test]
fn an_aborted_batch_counts_once_on_the_embedded_log() {
    let keys = [1, 1, 2, 1, 1, 2, 1];
    let folder = TempDir::new().unwrap();
    let mut log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
    fill(&mut log, &keys);
    let (aborts, disk) = (Aborts::default(), Arc::default());
    let crashes = SimulatedLog::new(0, Faults::default()).crashes();
    let aborting = Box::new(AbortingLog::new(log, aborts.clone()));
    let mut worker = Worker::start(aborting, crashes, Arc::clone(&disk), Arc::default()).unwrap();
    worker.step().unwrap();
    let before = written(worker.log.as_ref());
    assert_eq!(before.len(), 3);
    aborts.next(2);
    worker.step().unwrap();
    worker.step().unwrap();
    assert_eq!(written(worker.log.as_ref()), before);
    worker.step().unwrap();
    worker.step().unwrap();
    assert!(worker.done(keys.len()));
    assert_eq!(written(worker.log.as_ref()), [[1, 1], [1, 2], [2, 1], [1, 3], [1, 4], [2, 2], [1, 5]].map(Vec::from));
    let store = disk.lock().unwrap();
    assert_eq!(store.get(COUNTS, &[1]), Ok(Some(vec![5])));
    assert_eq!(store.get(COUNTS, &[2]), Ok(Some(vec![2])));
}
