//! Archives and what begins with them, while everything that can goes wrong.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::time::Duration;

use flow_log::archive::{
    ArchiveError, Archiver, Bootstrap, FolderLake, Lake, Loader, Manifest, MemoryLake, PastRecord, Version,
};
use flow_log::embedded::Options;
use flow_log::simulated::{Crashes, Faults};
use flow_log::{
    Cut, EmbeddedLog, Limits, Log, LogError, Outcome, PartitionId, Restored, Sequence, SimulatedLog, Start, TableId,
    TaskId, Writes,
};

const TOPICS: [(&str, u32); 2] = [("payments", 3), ("refunds", 2)];
const COUNTS: TableId = TableId(0);
const SOME: Limits = Limits { records: 5, bytes: 1 << 20 };
const ALL: Limits = Limits { records: usize::MAX, bytes: usize::MAX };

fn task() -> TaskId {
    TaskId::new("count", 0)
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % n
    }
}

/// A lake whose writer dies after a file, before the manifest, each time that it is told to.
struct Dying {
    lake: MemoryLake,
    crashes: Crashes,
    dies: bool,
}

impl Lake for Dying {
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.crashes.alive()?;
        self.lake.put(name, bytes)?;
        if self.dies {
            self.crashes.kill();
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, ArchiveError> {
        self.crashes.alive()?;
        self.lake.get(name)
    }

    fn put_if(&mut self, name: &str, bytes: &[u8], expected: Option<Version>) -> Result<bool, ArchiveError> {
        self.crashes.alive()?;
        self.lake.put_if(name, bytes, expected)
    }
}

/// A world in which ids are produced, archived, and counted.
struct World {
    log: SimulatedLog,
    lake: MemoryLake,
    dice: Dice,
    produced: u64,
    stamp: i64,
    archivers: Vec<Option<(Archiver, Dying)>>,
    deaths: usize,
    overtaken: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut log = SimulatedLog::new(seed, Faults::default());
        for (topic, partitions) in TOPICS {
            log.create(topic, partitions).unwrap();
        }
        log.set_faults(Faults { crash: 0, rebalance: 0, ..Faults::all() });
        let archivers = vec![None, None, None];
        let (lake, dice) = (MemoryLake::default(), Dice(seed));
        Self { log, lake, dice, produced: 0, stamp: 0, archivers, deaths: 0, overtaken: 0 }
    }

    fn produce(&mut self) {
        let (topic, partitions) = TOPICS[self.dice.below(2) as usize];
        let partition = PartitionId::new(topic, self.dice.below(u64::from(partitions)) as u32);
        let ids = self.produced..self.produced + 1 + self.dice.below(4);
        self.produced = ids.end;
        self.stamp += self.dice.below(3) as i64;
        loop {
            let mut transaction = self.log.begin().unwrap();
            for id in ids.clone() {
                transaction.append(&partition, &id.to_le_bytes(), b"{}", self.stamp).unwrap();
            }
            let mut outcome = transaction.commit();
            while let Outcome::Unknown(_) = outcome {
                outcome = self.log.resolve().unwrap();
            }
            if outcome == Outcome::Committed {
                return;
            }
        }
    }

    /// One of three archivers goes on: the third is a second one of the first topic.
    fn archive(&mut self) {
        let number = self.dice.below(3) as usize;
        let topic = TOPICS[number % 2].0;
        let (mut archiver, mut lake) = match self.archivers[number].take() {
            Some(archiver) => archiver,
            None => {
                let mut log = self.log.process();
                let lake = Dying { lake: self.lake.clone(), crashes: log.crashes(), dies: false };
                (Archiver::open(&mut log, &lake, topic).unwrap(), lake)
            }
        };
        lake.dies = self.dice.below(4) == 0;
        match archiver.step(&mut lake, SOME, Duration::ZERO) {
            Ok(archived) => {
                self.overtaken += usize::from(archived.overtaken);
                self.archivers[number] = Some((archiver, lake));
            }
            Err(error) => {
                assert_eq!(error, ArchiveError::Log(LogError::Crashed));
                self.deaths += 1;
            }
        }
    }

    fn goes_on(&mut self) {
        for _ in 0..self.dice.below(3) {
            if self.dice.below(2) == 0 { self.produce() } else { self.archive() }
        }
    }
}

/// The counts and the sequence that the changelog holds.
fn restored(log: &mut dyn Log) -> (BTreeMap<Vec<u8>, u8>, Sequence) {
    let (mut counts, mut at) = (BTreeMap::new(), Sequence::NONE);
    loop {
        let mut blocks = Vec::new();
        let restored = log.blocks(&task(), at, 1, &mut blocks).unwrap();
        for block in blocks {
            at = block.sequence;
            for write in block.writes.iter() {
                match write.value {
                    Some(value) => counts.insert(write.key.to_vec(), value[0]),
                    None => counts.remove(write.key),
                };
            }
        }
        if let Restored::Complete(_) = restored {
            return (counts, at);
        }
    }
}

/// Loads the past, three records a block; the loader may die after any of them. Answers what it read, if it lived.
fn load(world: &mut World) -> Option<(Vec<PastRecord>, Cut)> {
    let mut log = world.log.process();
    log.own(&task()).unwrap();
    assert!(!Loader::is_done(&mut log, &task()).unwrap());
    let mut past = Bootstrap::pin(&mut log, &world.lake, &TOPICS.map(|(topic, _)| topic)).unwrap();
    let cut = past.cut();
    let mut loader = Loader::new(&mut log, task()).unwrap();
    let (mut read, mut counts) = (Vec::new(), BTreeMap::<Vec<u8>, u8>::new());
    let dies_after = if world.dice.below(2) == 0 { world.dice.below(30) as usize } else { usize::MAX };
    let mut writes = Writes::new();
    while let Some(record) = past.next(&world.lake).unwrap() {
        let count = counts.entry(record.key.clone()).or_default();
        *count += 1;
        writes.put(COUNTS, &record.key, &[*count]);
        read.push(record);
        if read.len() % 3 == 0 {
            loader.put(std::mem::take(&mut writes)).unwrap();
            if read.len() < 60 {
                world.goes_on();
            }
            if read.len() / 3 > dies_after {
                return None;
            }
        }
    }
    // What only a dead loader would have written must go.
    if world.dice.below(3) == 0 {
        let mut left = Writes::new();
        left.put(COUNTS, b"left", &[9]);
        loader.put(left).unwrap();
        return None;
    }
    loader.finish(writes, cut.clone()).unwrap();
    Some((read, cut))
}

/// Case 10: bootstrap while producers write and archivers die between file and manifest: H is exact, each id counts once.
#[test]
fn each_id_counts_once_through_archive_bootstrap_and_log() {
    let (mut deaths, mut overtaken, mut loads, mut archived) = (0, 0, 0, 0);
    for seed in 0..300 {
        let mut world = World::new(seed);
        for _ in 0..world.dice.below(120) {
            world.goes_on();
        }
        let (read, cut) = loop {
            loads += 1;
            if let Some(done) = load(&mut world) {
                break done;
            }
        };
        // H is exact: every offset before it was read, none twice, and none from it on; in arrival order.
        let mut offsets: BTreeMap<PartitionId, Vec<i64>> = BTreeMap::new();
        for record in &read {
            let place = PartitionId::new(TOPICS[record.source].0, record.partition);
            offsets.entry(place).or_default().push(record.offset);
        }
        for (partition, mark) in &cut.0 {
            let found = offsets.remove(partition).unwrap_or_default();
            assert_eq!(found, (0..mark.next).collect::<Vec<_>>(), "seed {seed}, {partition}");
        }
        let order = |record: &PastRecord| (record.arrived, record.source, record.partition, record.offset);
        assert!(read.is_sorted_by_key(order), "seed {seed}");
        archived += read.len();
        for _ in 0..20 {
            world.goes_on();
        }
        deaths += world.deaths;
        overtaken += world.overtaken;
        // The task reads the log from H on.
        world.log.set_faults(Faults::default());
        world.log.settle();
        let mut log = world.log.process();
        let (mut counts, _) = restored(&mut log);
        assert_eq!(log.positions(&task()).unwrap(), Some(cut.clone()));
        let mut source = log.source().unwrap();
        let starts: Vec<_> = cut.0.iter().map(|(place, mark)| (place.clone(), Start::At(*mark))).collect();
        source.assign(&starts, &[]).unwrap();
        let mut batches = Vec::new();
        source.poll(ALL, Duration::ZERO, &mut batches).unwrap();
        for (_, key, _) in batches.iter().flat_map(|batch| batch.iter()) {
            *counts.entry(key.to_vec()).or_default() += 1;
        }
        let each_once: BTreeMap<Vec<u8>, u8> = (0..world.produced).map(|id| (id.to_le_bytes().to_vec(), 1)).collect();
        assert_eq!(counts, each_once, "seed {seed}");
    }
    println!("{deaths} archivers died, {overtaken} were overtaken, {loads} loads, {archived} records archived");
    assert!(deaths > 1_000 && overtaken > 100 && loads > 400 && archived > 5_000, "too little went wrong");
}

fn filled(records: i64) -> (SimulatedLog, MemoryLake) {
    let mut log = SimulatedLog::new(1, Faults::default());
    log.create("payments", 1).unwrap();
    let mut transaction = log.begin().unwrap();
    for id in 0..records {
        transaction.append(&PartitionId::new("payments", 0), &id.to_le_bytes(), b"{}", id).unwrap();
    }
    assert_eq!(transaction.commit(), Outcome::Committed);
    (log, MemoryLake::default())
}

#[test]
fn a_file_that_no_manifest_names_is_not_there() {
    let (mut log, lake) = filled(8);
    let mut dying = Dying { lake: lake.clone(), crashes: log.process().crashes(), dies: true };
    Archiver::open(&mut log, &lake, "payments").unwrap().step(&mut dying, SOME, Duration::ZERO).unwrap_err();
    assert_eq!(lake.names().len(), 1);
    assert_eq!(Bootstrap::pin(&mut log, &lake, &["payments"]).unwrap().next(&lake).unwrap(), None);
    let mut archiver = Archiver::open(&mut log, &lake, "payments").unwrap();
    let mut lake = lake;
    while archiver.step(&mut lake, ALL, Duration::ZERO).unwrap().records > 0 {}
    let range = archiver.manifest().ranges()[&0];
    assert_eq!((range.low, range.high, range.arrived), (0, 8, 7));
}

#[test]
fn another_topic_of_the_name_and_lost_records_are_refused() {
    let (mut log, mut lake) = filled(8);
    let mut archiver = Archiver::open(&mut log, &lake, "payments").unwrap();
    archiver.step(&mut lake, Limits { records: 5, ..ALL }, Duration::ZERO).unwrap();
    let place = PartitionId::new("payments", 0);
    log.forget_before(&place, 5);
    assert_eq!(Bootstrap::pin(&mut log, &lake, &["payments"]).unwrap().cut().mark(&place).next, 5);
    assert!(Archiver::open(&mut log, &lake, "payments").is_ok());
    log.forget_before(&place, 6);
    let lost = ArchiveError::Missing { partition: place, from: 5, earliest: 6 };
    assert_eq!(Bootstrap::pin(&mut log, &lake, &["payments"]).err(), Some(lost.clone()));
    assert_eq!(Archiver::open(&mut log, &lake, "payments").err(), Some(lost.clone()));
    assert!(lost.to_string().contains("archived up to offset 5, and the log begins at 6"), "{lost}");
    log.make_anew("payments");
    let other = ArchiveError::OtherTopic { topic: "payments".to_owned() };
    assert_eq!(Bootstrap::pin(&mut log, &lake, &["payments"]).err(), Some(other.clone()));
    assert_eq!(Archiver::open(&mut log, &lake, "payments").err(), Some(other));
}

#[test]
fn an_embedded_topic_goes_through_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = EmbeddedLog::open(folder.path().join("log"), Options::default()).unwrap();
    log.create("payments", 2).unwrap();
    let mut lake = FolderLake::open(&folder.path().join("lake")).unwrap();
    let mut archiver = Archiver::open(&mut log, &lake, "payments").unwrap();
    for round in 0..3_i64 {
        let mut transaction = log.begin().unwrap();
        for id in 0..10_i64 {
            let place = PartitionId::new("payments", (id % 2) as u32);
            transaction.append(&place, &[id as u8], format!("{round}").as_bytes(), round * 10 + id).unwrap();
        }
        assert_eq!(transaction.commit(), Outcome::Committed);
        assert_eq!(archiver.step(&mut lake, ALL, Duration::ZERO).unwrap().records, 10);
    }
    // One that comes late has the arrival of the one before it.
    let mut transaction = log.begin().unwrap();
    transaction.append(&PartitionId::new("payments", 1), &[5], b"late", 7).unwrap();
    assert_eq!(transaction.commit(), Outcome::Committed);
    assert_eq!(archiver.step(&mut lake, ALL, Duration::ZERO).unwrap().records, 1);
    let mut other = EmbeddedLog::open(folder.path().join("log"), Options::default()).unwrap();
    assert_eq!(other.topic_id("payments").unwrap(), log.topic_id("payments").unwrap());
    assert_ne!(other.topic_id("payments").unwrap(), other.topic_id("refunds").unwrap());
    let mut past = Bootstrap::pin(&mut other, &lake, &["payments"]).unwrap();
    let mut read = Vec::new();
    while let Some(record) = past.next(&lake).unwrap() {
        read.push((record.stamp, record.arrived));
    }
    assert_eq!(read, (0..30).map(|stamp| (stamp, stamp)).chain([(7, 29)]).collect::<Vec<_>>());
    let manifest = lake.get(&Manifest::name("payments")).unwrap().unwrap().0;
    let file = Manifest::decode("m", &manifest).unwrap().files[0].name.clone();
    let mut bytes = lake.get(&file).unwrap().unwrap().0;
    bytes[20] ^= 1;
    lake.put(&file, &bytes).unwrap();
    let mut past = Bootstrap::pin(&mut other, &lake, &["payments"]).unwrap();
    let error = past.next(&lake).unwrap_err();
    assert!(matches!(&error, ArchiveError::Damaged { name, .. } if *name == file), "{error}");
}
