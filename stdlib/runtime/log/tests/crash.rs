//! Whatever is appended, committed, given up or cut short: the embedded log equals a model of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as the tests do")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{Block, Cut, Limits, Log, LogError, Mark, Outcome, PartitionId, Restored, Sequence, Start, TaskId};
use proptest::prelude::*;
use tempfile::TempDir;

/// What a test does to the log.
#[derive(Debug, Clone)]
enum Step {
    /// Commits records (partition, value's length) by one of two handles, with or without a block of the task.
    Commit { writer: usize, records: Vec<(u32, usize)>, block: bool },
    /// Stages records and drops them.
    Abort { writer: usize, records: Vec<(u32, usize)> },
    /// A process dies while it writes: garbage behind the end of a partition, or of the commit file.
    TornPartition { partition: u32, garbage: Vec<u8> },
    /// As above, with the first bytes of a record that could have been written.
    TornCommit { keep: usize },
    /// All handles are closed and opened again.
    Reopen,
    /// The reader takes some records.
    Read { limit: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let records = || prop::collection::vec((0..3_u32, 0..200_usize), 0..6);
    let step = prop_oneof![
        6 => (0..2_usize, records(), any::<bool>()).prop_map(|(writer, records, block)| Step::Commit { writer, records, block }),
        2 => (0..2_usize, records()).prop_map(|(writer, records)| Step::Abort { writer, records }),
        2 => (0..3_u32, prop::collection::vec(any::<u8>(), 1..300))
            .prop_map(|(partition, garbage)| Step::TornPartition { partition, garbage }),
        2 => (0..500_usize).prop_map(|keep| Step::TornCommit { keep }),
        1 => Just(Step::Reopen),
        4 => (1..20_usize).prop_map(|limit| Step::Read { limit }),
    ];
    prop::collection::vec(step, 1..40)
}

fn p(index: u32) -> PartitionId {
    PartitionId::new("t", index)
}

fn open(folder: &Path) -> EmbeddedLog {
    let options = Options { segment_bytes: 700, commits_bytes: 1_500, ..Options::default() };
    let mut log = EmbeddedLog::open(folder, options).unwrap();
    log.create("t", 3).unwrap();
    log
}

fn garbage(path: &Path, bytes: &[u8]) {
    if let Ok(mut file) = OpenOptions::new().append(true).open(path) {
        file.write_all(bytes).unwrap();
    }
}

fn last_segment(folder: &Path, partition: u32) -> Option<std::path::PathBuf> {
    let names = fs::read_dir(folder.join(format!("topics/t/{partition}"))).ok()?;
    names.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "seg")).max()
}

/// Up to `keep` bytes of the last whole record of a commit file, never all of it.
fn torn(commits: &[u8], keep: usize) -> &[u8] {
    let starts = commits.windows(12).enumerate().filter(|(_, head)| head.starts_with(b"CMT\x01"));
    let mut whole = starts.filter_map(|(start, head)| {
        let len = 12 + u32::from_le_bytes(head[4..8].try_into().unwrap()) as usize;
        commits.get(start..start + len)
    });
    let record = whole.next_back().unwrap();
    &record[..keep.min(record.len() - 1)]
}

/// Everything that a partition holds, with stamps and arrivals.
fn all(log: &EmbeddedLog, partition: u32) -> Vec<(i64, i64, i64, Vec<u8>)> {
    let mut source = log.source().unwrap();
    source.assign(&[(p(partition), Start::Earliest)], &[]).unwrap();
    let mut out = Vec::new();
    while !source.progress(&p(partition)).unwrap().at_end {
        source.poll(Limits::default(), Duration::ZERO, &mut out).unwrap();
    }
    out.iter().flat_map(|b| b.iter().map(|(r, _, v)| (r.offset, r.stamp, r.arrived, v.to_vec()))).collect()
}

fn run(steps: Vec<Step>) {
    let folder = TempDir::new().unwrap();
    let task = TaskId::new("flow", 0);
    let mut logs = vec![open(folder.path()), open(folder.path())];
    let mut source = logs[0].source().unwrap();
    source.assign(&[0, 1, 2].map(|i| (p(i), Start::Earliest)), &[]).unwrap();
    let mut read: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 3];
    let mut model: Vec<Vec<(i64, Vec<u8>)>> = vec![Vec::new(); 3];
    let mut sequence = Sequence::NONE;
    let mut stamp = 0_i64;
    for step in steps {
        match step {
            Step::Commit { writer, records, block } => {
                let log = &mut logs[writer];
                if block {
                    log.take_over(&task).unwrap();
                }
                let mut t = log.begin().unwrap();
                let mut staged = Vec::new();
                for (partition, len) in records {
                    stamp = (stamp * 31 + 17) % 1_000;
                    let value = vec![stamp as u8; len];
                    t.append(&p(partition), b"k", &value, stamp).unwrap();
                    staged.push((partition, stamp, value));
                }
                if block {
                    let cut = Cut([(p(0), Mark { next: stamp, arrived: 0 })].into());
                    t.block(&task, &Block { sequence: sequence.next(), cut: cut.clone(), ..Block::default() }).unwrap();
                    t.positions(&task, &cut).unwrap();
                    sequence = sequence.next();
                }
                assert_eq!(t.commit(), Outcome::Committed);
                for (partition, stamp, value) in staged {
                    model[partition as usize].push((stamp, value));
                }
            }
            Step::Abort { writer, records } => {
                let mut t = logs[writer].begin().unwrap();
                for (partition, len) in records {
                    t.append(&p(partition), b"k", &vec![1; len], 5_000).unwrap();
                }
                t.abort();
            }
            Step::TornPartition { partition, garbage: bytes } => {
                if let Some(path) = last_segment(folder.path(), partition) {
                    garbage(&path, &bytes);
                }
            }
            Step::TornCommit { keep } => {
                // The start of a record like the last ones, as a process that is killed leaves it.
                let path = folder.path().join("commits.log");
                let bytes = fs::read(&path).unwrap();
                garbage(&path, torn(&bytes, keep));
            }
            Step::Reopen => logs = vec![open(folder.path()), open(folder.path())],
            Step::Read { limit } => {
                let mut out = Vec::new();
                source.poll(Limits { records: limit, bytes: 1 << 20 }, Duration::ZERO, &mut out).unwrap();
                for batch in out {
                    let into = &mut read[batch.partition.index as usize];
                    for (r, _, value) in batch.iter() {
                        assert_eq!(r.offset, into.len() as i64);
                        into.push(value.to_vec());
                    }
                }
            }
        }
    }
    let mut log = open(folder.path());
    for (i, (model, read)) in model.iter().zip(&read).enumerate() {
        let mut arrived = i64::MIN;
        let expected: Vec<_> = (0..)
            .zip(model)
            .map(|(offset, (stamp, value))| {
                arrived = arrived.max(*stamp);
                (offset, *stamp, arrived, value.clone())
            })
            .collect();
        assert_eq!(all(&log, i as u32), expected, "partition {i}");
        let prefix: Vec<_> = model.iter().take(read.len()).map(|(_, v)| v.clone()).collect();
        assert_eq!(read, &prefix, "the reader of partition {i}");
    }
    let mut blocks = Vec::new();
    assert_eq!(log.blocks(&task, Sequence::NONE, usize::MAX, &mut blocks), Ok(Restored::Complete(sequence)));
    let numbers: Vec<_> = blocks.iter().map(|b| b.sequence.0).collect();
    assert_eq!(numbers, (1..=sequence.0).collect::<Vec<_>>());
    assert_eq!(log.positions(&task).unwrap(), blocks.last().map(|b| b.cut.clone()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_log_equals_its_model(steps in steps()) {
        run(steps);
    }
}

/// Cut anywhere, the commit file still opens and holds a prefix of the transactions, each whole.
#[test]
fn a_commit_file_cut_anywhere_holds_whole_transactions() {
    let folder = TempDir::new().unwrap();
    let mut log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
    log.create("t", 3).unwrap();
    let path = folder.path().join("commits.log");
    let mut ends = vec![fs::metadata(&path).unwrap().len() as usize];
    for i in 0..4_u8 {
        let mut t = log.begin().unwrap();
        t.append(&p(0), b"k", &[i], 1).unwrap();
        t.append(&p(1), b"k", &[i], 1).unwrap();
        assert_eq!(t.commit(), Outcome::Committed);
        ends.push(fs::metadata(&path).unwrap().len() as usize);
    }
    drop(log);
    let whole = fs::read(&path).unwrap();
    for len in ends[0]..=whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let mut log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
        let committed = ends.iter().filter(|end| **end <= len).count() - 1;
        for partition in 0..2 {
            assert_eq!(log.end(&p(partition)).unwrap().next, committed as i64, "cut at {len}");
            assert_eq!(all(&log, partition).len(), committed);
        }
    }
    // A log that was cut goes on: here the last two transactions are lost and one is added.
    fs::write(&path, &whole[..ends[2] + 7]).unwrap();
    let mut log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
    let mut t = log.begin().unwrap();
    t.append(&p(0), b"k", b"new", 1).unwrap();
    assert_eq!(t.commit(), Outcome::Committed);
    let values: Vec<_> = all(&log, 0).into_iter().map(|r| r.3).collect();
    assert_eq!(values, [vec![0], vec![1], b"new".to_vec()]);
    assert_eq!(all(&log, 1).len(), 2);
    // Nothing of a torn record stays behind the next one, however long it was.
    let whole = fs::metadata(&path).unwrap().len();
    let mut torn = fs::read(&path).unwrap();
    torn.extend(b"CMT\x01\xff\xff\x00\x00");
    torn.extend([7; 5_000]);
    fs::write(&path, &torn).unwrap();
    let mut t = log.begin().unwrap();
    t.append(&p(0), b"k", b"newer", 1).unwrap();
    assert_eq!(t.commit(), Outcome::Committed);
    assert!(fs::metadata(&path).unwrap().len() < whole + 1_000);
    assert_eq!(all(&log, 0).len(), 4);
}

/// A partition that lost committed bytes says so, wherever it was cut.
#[test]
fn a_partition_cut_inside_committed_data_is_never_silent() {
    let folder = TempDir::new().unwrap();
    let mut log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
    log.create("t", 3).unwrap();
    for i in 0..3_u8 {
        let mut t = log.begin().unwrap();
        t.append(&p(0), b"k", &[i; 20], 1).unwrap();
        t.commit();
    }
    let path = last_segment(folder.path(), 0).unwrap();
    let whole = fs::read(&path).unwrap();
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let mut source = log.source().unwrap();
        let found = source.assign(&[(p(0), Start::Earliest)], &[]).and_then(|()| {
            let mut out = Vec::new();
            source.poll(Limits::default(), Duration::ZERO, &mut out)
        });
        assert!(matches!(found, Err(LogError::Corrupt { .. })), "cut at {len}: {found:?}");
    }
}
