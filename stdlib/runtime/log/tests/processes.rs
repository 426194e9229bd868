//! Several processes on one folder, some of them killed while they write.
//!
//! The test starts its own program again with a filter that selects [`child`], which does what the environment says.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{
    Block, Cut, Limits, Log, LogError, Mark, Outcome, PartitionId, Restored, Sequence, Source, Start, TaskId,
};
use tempfile::TempDir;

const ROLE: &str = "FLOW_LOG_TEST_ROLE";
const FOLDER: &str = "FLOW_LOG_TEST_FOLDER";
const TOPICS: [&str; 2] = ["left", "right"];

fn open(folder: &Path) -> EmbeddedLog {
    // Small, so that segments and the commit file roll over while processes die.
    let options = Options { segment_bytes: 20_000, commits_bytes: 4_000, ..Options::default() };
    let mut log = EmbeddedLog::open(folder, options).unwrap();
    for topic in TOPICS {
        log.create(topic, 2).unwrap();
    }
    log
}

fn start(folder: &Path, role: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(ROLE, role)
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test by itself: what the other processes run.
#[test]
fn child() {
    let (Ok(role), Ok(folder)) = (env::var(ROLE), env::var(FOLDER)) else { return };
    let index: u32 = role.parse().unwrap();
    let mut log = open(Path::new(&folder));
    let task = TaskId::new("copy", index);
    let mut waited = 0;
    while let Err(error) = log.own(&task) {
        assert!(matches!(error, LogError::Owned { .. }) && waited < 2_000, "{error}");
        waited += 1;
        thread::sleep(Duration::from_millis(1));
    }
    let mut out = Vec::new();
    let Ok(Restored::Complete(mut sequence)) = log.blocks(&task, Sequence::NONE, usize::MAX, &mut out) else {
        panic!("the changelog is not complete");
    };
    // The state is a count; every transaction writes it to both topics, some records a time.
    let mut count = out.last().map_or(0, |b| b.cut.mark(&PartitionId::new("count", 0)).next);
    loop {
        let mut t = log.begin().unwrap();
        for _ in 0..=(count % 7) {
            for topic in TOPICS {
                let to = PartitionId::new(topic, (count % 2) as u32);
                t.append(&to, &index.to_le_bytes(), &count.to_le_bytes(), count).unwrap();
            }
            count += 1;
        }
        sequence = sequence.next();
        let cut = Cut([(PartitionId::new("count", 0), Mark { next: count, arrived: 0 })].into());
        t.block(&task, &Block { sequence, cut: cut.clone(), ..Block::default() }).unwrap();
        t.positions(&task, &cut).unwrap();
        assert_eq!(t.commit(), Outcome::Committed);
    }
}

/// What a reader has seen of each writer: the counts, per topic and partition in order.
type Seen = BTreeMap<(String, u32), Vec<i64>>;

fn take(source: &mut dyn Source, wait: Duration, seen: &mut Seen) {
    let mut out = Vec::new();
    source.poll(Limits { records: 5_000, bytes: 1 << 20 }, wait, &mut out).unwrap();
    for batch in out {
        for (_, key, value) in batch.iter() {
            let writer = u32::from_le_bytes(key.try_into().unwrap());
            let count = i64::from_le_bytes(value.try_into().unwrap());
            seen.entry((batch.partition.topic.to_string(), writer)).or_default().push(count);
        }
    }
}

#[test]
fn killed_writers_lose_nothing_and_double_nothing() {
    let folder = TempDir::new().unwrap();
    let mut log = open(folder.path());
    let mut source = log.source().unwrap();
    let assigned = TOPICS.iter().flat_map(|t| (0..2).map(|i| (PartitionId::new(*t, i), Start::Earliest)));
    source.assign(&assigned.collect::<Vec<_>>(), &[]).unwrap();
    let mut seen = Seen::new();
    let mut writers = [start(folder.path(), "0"), start(folder.path(), "1")];
    for round in 0..30_u64 {
        // The next to die has committed something since it started, and dies at another moment each time.
        let i = (round % 2) as usize;
        let progress =
            |seen: &Seen| seen.iter().filter(|((_, w), _)| *w == i as u32).map(|(_, c)| c.len()).sum::<usize>();
        let (had, started) = (progress(&seen), Instant::now());
        while progress(&seen) == had {
            assert!(started.elapsed() < Duration::from_secs(60), "writer {i} does not come up");
            take(source.as_mut(), Duration::from_millis(3), &mut seen);
        }
        let until = Instant::now() + Duration::from_millis(round * 7 % 30);
        while Instant::now() < until {
            take(source.as_mut(), Duration::from_millis(3), &mut seen);
        }
        writers[i].kill().unwrap();
        writers[i].wait().unwrap();
        writers[i] = start(folder.path(), &i.to_string());
    }
    for writer in &mut writers {
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    // The tailing reader reaches the end, and sees what one that starts now sees.
    let mut fresh = log.source().unwrap();
    let assigned = TOPICS.iter().flat_map(|t| (0..2).map(|i| (PartitionId::new(*t, i), Start::Earliest)));
    fresh.assign(&assigned.collect::<Vec<_>>(), &[]).unwrap();
    let mut again = Seen::new();
    for (source, seen) in [(&mut source, &mut seen), (&mut fresh, &mut again)] {
        let at_end = |source: &dyn Source| {
            TOPICS.iter().all(|t| (0..2).all(|i| source.progress(&PartitionId::new(*t, i)).unwrap().at_end))
        };
        loop {
            take(source.as_mut(), Duration::ZERO, seen);
            if at_end(source.as_ref()) {
                break;
            }
        }
    }
    for seen in [&mut seen, &mut again] {
        for ((topic, writer), counts) in seen.iter_mut() {
            counts.sort_unstable();
            let task = TaskId::new("copy", *writer);
            let committed = log.positions(&task).unwrap().unwrap().mark(&PartitionId::new("count", 0)).next;
            assert!(committed > 15, "writer {writer} committed {committed}");
            assert_eq!(*counts, (0..committed).collect::<Vec<_>>(), "{topic} of writer {writer}");
        }
        assert_eq!(seen.len(), 4);
    }
}

#[test]
fn a_task_is_free_once_its_process_is_dead() {
    let folder = TempDir::new().unwrap();
    let mut log = open(folder.path());
    let mut writer = start(folder.path(), "5");
    let task = TaskId::new("copy", 5);
    let started = Instant::now();
    while log.positions(&task).unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_secs(20), "the writer does not come up");
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(log.own(&task), Err(LogError::Owned { task: task.clone(), by: Some(writer.id()) }));
    writer.kill().unwrap();
    writer.wait().unwrap();
    log.own(&task).unwrap();
}

#[test]
fn a_waiting_reader_sees_a_commit_soon() {
    let folder = TempDir::new().unwrap();
    let log = open(folder.path());
    let mut source = log.source().unwrap();
    source.assign(&[(PartitionId::new("left", 0), Start::Earliest)], &[]).unwrap();
    let path = folder.path().to_path_buf();
    let writer = thread::spawn(move || {
        let mut log = open(&path);
        thread::sleep(Duration::from_millis(50));
        let mut t = log.begin().unwrap();
        t.append(&PartitionId::new("left", 0), b"k", b"v", 1).unwrap();
        assert_eq!(t.commit(), Outcome::Committed);
    });
    let (mut out, started) = (Vec::new(), Instant::now());
    source.poll(Limits::default(), Duration::from_secs(20), &mut out).unwrap();
    assert_eq!(out.len(), 1);
    assert!(started.elapsed() < Duration::from_secs(10));
    writer.join().unwrap();
}
