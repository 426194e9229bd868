//! The embedded log as its users see it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{
    AppendError, Block, Cut, Limits, Log, LogError, Mark, Outcome, PartitionId, RawBatch, Restored, Sequence, Source,
    Start, TableId, TaskId,
};
use tempfile::TempDir;

type Records = Vec<(i64, i64, i64, String)>;

fn p(index: u32) -> PartitionId {
    PartitionId::new("payments", index)
}

fn open(folder: &TempDir) -> EmbeddedLog {
    let mut log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
    log.create("payments", 4).unwrap();
    log
}

fn append(log: &mut EmbeddedLog, records: &[(u32, &str, i64)]) -> Outcome {
    let mut t = log.begin().unwrap();
    for (partition, value, stamp) in records {
        t.append(&p(*partition), b"key", value.as_bytes(), *stamp).unwrap();
    }
    t.commit()
}

fn read(source: &mut dyn Source, limits: Limits) -> Records {
    let (mut out, mut all) = (Vec::new(), Vec::new());
    loop {
        source.poll(limits, Duration::ZERO, &mut out).unwrap();
        if out.is_empty() {
            return all;
        }
        for batch in out.drain(..) {
            assert!(!batch.is_empty());
            for (r, key, value) in batch.iter() {
                assert_eq!(key, b"key");
                all.push((r.offset, r.stamp, r.arrived, String::from_utf8(value.to_vec()).unwrap()));
            }
        }
    }
}

fn source(log: &EmbeddedLog, partition: u32, start: Start) -> Box<dyn Source> {
    let mut source = log.source().unwrap();
    source.assign(&[(p(partition), start)], &[]).unwrap();
    source
}

#[test]
fn records_come_back_with_dense_offsets_and_running_arrival() {
    let folder = TempDir::new().unwrap();
    let mut log = open(&folder);
    assert_eq!(append(&mut log, &[(0, "a", 10), (1, "x", 1), (0, "b", 30)]), Outcome::Committed);
    assert_eq!(append(&mut log, &[(0, "c", 20), (0, "d", 40)]), Outcome::Committed);
    let expected = [(0, 10, 10, "a"), (1, 30, 30, "b"), (2, 20, 30, "c"), (3, 40, 40, "d")];
    let expected: Records = expected.map(|(o, s, a, v)| (o, s, a, v.to_owned())).to_vec();
    for records in [1, 2, 3, 100] {
        let mut source = source(&log, 0, Start::Earliest);
        assert_eq!(read(source.as_mut(), Limits { records, bytes: 1 << 20 }), expected);
        let progress = source.progress(&p(0)).unwrap();
        assert_eq!((progress.next, progress.arrived, progress.end, progress.at_end), (4, 40, 4, true));
    }
    assert_eq!(log.end(&p(0)).unwrap(), Mark { next: 4, arrived: 40 });
    assert_eq!(log.end(&p(3)).unwrap(), Mark::START);
}

#[test]
fn reading_starts_anywhere_and_the_arrival_is_the_same() {
    let folder = TempDir::new().unwrap();
    let options = Options { segment_bytes: 150, ..Options::default() };
    let mut log = EmbeddedLog::open(folder.path(), options).unwrap();
    log.create("payments", 4).unwrap();
    let stamps = [5, 3, 9, 9, 1, 12, 11, 20, 2, 21, 7, 30];
    for pair in stamps.chunks(2) {
        let records: Vec<_> = pair.iter().map(|s| (0, "value", *s)).collect();
        append(&mut log, &records);
    }
    let segments = fs::read_dir(folder.path().join("topics/payments/0")).unwrap().count() - 1;
    assert!(segments >= 3, "{segments} segments");
    let all = read(source(&log, 0, Start::Earliest).as_mut(), Limits::default());
    assert_eq!(all.iter().map(|r| r.1).collect::<Vec<_>>(), stamps);
    for from in 0..=12_usize {
        let mark = Mark { next: from as i64, arrived: i64::MIN };
        let mut source = source(&log, 0, Start::At(mark));
        let arrived = if from == 0 { i64::MIN } else { all[from - 1].2 };
        assert_eq!(source.progress(&p(0)).unwrap().arrived, arrived, "from {from}");
        assert_eq!(read(source.as_mut(), Limits::default()), all[from..], "from {from}");
    }
    for since in 0..=31 {
        let first = all.iter().position(|r| r.2 >= since).unwrap_or(all.len());
        let mut source = source(&log, 0, Start::Since(since));
        assert_eq!(read(source.as_mut(), Limits::default()), all[first..], "since {since}");
    }
    let beyond = (p(0), Start::At(Mark { next: 13, arrived: 0 }));
    let error = log.source().unwrap().assign(&[beyond], &[]).unwrap_err();
    assert_eq!(error, LogError::OutOfRange { partition: p(0), asked: 13, end: 12 });
}

#[test]
fn what_is_not_committed_is_not_there() {
    let folder = TempDir::new().unwrap();
    let mut log = open(&folder);
    append(&mut log, &[(0, "a", 1)]);
    let mut t = log.begin().unwrap();
    t.append(&p(0), b"key", b"aborted", 2).unwrap();
    t.abort();
    let mut t = log.begin().unwrap();
    t.append(&p(0), b"key", b"dropped", 2).unwrap();
    drop(t);
    append(&mut log, &[(0, "b", 3)]);
    let all = read(source(&log, 0, Start::Earliest).as_mut(), Limits::default());
    assert_eq!(all, [(0, 1, 1, "a".to_owned()), (1, 3, 3, "b".to_owned())]);
}

#[test]
fn a_source_follows_pauses_and_rewinds() {
    let folder = TempDir::new().unwrap();
    let mut log = open(&folder);
    let mut source = log.source().unwrap();
    source.assign(&[(p(0), Start::Earliest), (p(1), Start::Earliest)], &[]).unwrap();
    assert_eq!(read(source.as_mut(), Limits::default()), []);
    append(&mut log, &[(0, "a", 1), (1, "b", 2)]);
    source.pause(&p(1), true);
    assert_eq!(read(source.as_mut(), Limits::default()).len(), 1);
    source.pause(&p(1), false);
    assert_eq!(read(source.as_mut(), Limits::default()).len(), 1);
    append(&mut log, &[(0, "c", 3)]);
    let mut out = Vec::new();
    source.poll(Limits::default(), Duration::ZERO, &mut out).unwrap();
    let mut cut = Cut::default();
    cut.0.insert(p(0), Mark { next: 1, arrived: 1 });
    source.rewind(&cut).unwrap();
    assert_eq!(source.progress(&p(0)).unwrap().next, 1);
    let again: Vec<_> = read(source.as_mut(), Limits::default()).into_iter().map(|r| r.3).collect();
    assert_eq!(again.len(), 2);
    assert!(again.contains(&"b".to_owned()) && again.contains(&"c".to_owned()));
    source.assign(&[], &[p(0)]).unwrap();
    assert_eq!(source.progress(&p(0)), None);
}

#[test]
fn no_partition_starves_another() {
    let folder = TempDir::new().unwrap();
    let mut log = open(&folder);
    let many: Vec<_> = (0..1_000).map(|i| (0, "a", i)).collect();
    append(&mut log, &many);
    append(&mut log, &[(1, "b", 1), (2, "c", 1)]);
    let mut source = log.source().unwrap();
    source.assign(&[0, 1, 2].map(|i| (p(i), Start::Earliest)), &[]).unwrap();
    let mut out = Vec::new();
    source.poll(Limits { records: 30, bytes: 1 << 20 }, Duration::ZERO, &mut out).unwrap();
    let of = |out: &[RawBatch], i| out.iter().filter(|b| b.partition == p(i)).map(|b| b.len()).sum::<usize>();
    assert_eq!((of(&out, 0), of(&out, 1), of(&out, 2)), (28, 1, 1), "what one leaves goes to the others");
    append(&mut log, &many.iter().map(|(_, v, s)| (1, *v, *s)).collect::<Vec<_>>());
    for _ in 0..3 {
        out.clear();
        source.poll(Limits { records: 30, bytes: 1 << 20 }, Duration::ZERO, &mut out).unwrap();
        assert_eq!((of(&out, 0), of(&out, 1)), (15, 15), "equal shares");
    }
}

#[test]
fn the_changelog_of_a_task_comes_back_in_sequence() {
    let folder = TempDir::new().unwrap();
    let task = TaskId::new("alerts", 2);
    let block = |n: u64| {
        let mut block = Block { sequence: Sequence(n), ..Block::default() };
        block.writes.put(TableId(1), b"card", &n.to_le_bytes());
        block.cut.0.insert(p(0), Mark { next: n as i64, arrived: 1 });
        block
    };
    let mut log = open(&folder);
    log.own(&task).unwrap();
    for n in 1..=3 {
        let mut t = log.begin().unwrap();
        t.block(&task, &block(n)).unwrap();
        t.positions(&task, &block(n).cut).unwrap();
        assert_eq!(t.commit(), Outcome::Committed);
    }
    let mut t = log.begin().unwrap();
    let gap = LogError::Gap { task: task.clone(), expected: Sequence(4), found: Sequence(5) };
    assert_eq!(t.block(&task, &block(5)), Err(gap));
    t.abort();
    drop(log);

    let mut log = open(&folder);
    let mut out = Vec::new();
    assert_eq!(log.blocks(&task, Sequence::NONE, 1, &mut out), Ok(Restored::More(Sequence(1))));
    assert_eq!(log.blocks(&task, Sequence(1), 1 << 20, &mut out), Ok(Restored::Complete(Sequence(3))));
    assert_eq!(out, [block(1), block(2), block(3)]);
    assert_eq!(log.positions(&task), Ok(Some(block(3).cut)));
    assert!(matches!(log.blocks(&task, Sequence(9), 1, &mut out), Err(LogError::Gap { .. })));
    assert_eq!(log.blocks(&TaskId::new("new", 0), Sequence::NONE, 1, &mut out), Ok(Restored::Complete(Sequence::NONE)));
    assert_eq!(log.positions(&TaskId::new("new", 0)), Ok(None));
}

#[test]
fn a_task_has_one_owner_and_a_former_owner_is_fenced() {
    let folder = TempDir::new().unwrap();
    let task = TaskId::new("alerts", 0);
    let (mut one, mut two) = (open(&folder), open(&folder));
    let epoch = one.own(&task).unwrap();
    assert_eq!(one.own(&task), Ok(epoch));
    let owned = LogError::Owned { task: task.clone(), by: Some(std::process::id()) };
    assert_eq!(two.own(&task), Err(owned));
    assert!(two.take_over(&task).unwrap() > epoch);

    let mut t = one.begin().unwrap();
    t.append(&p(0), b"key", b"stale", 1).unwrap();
    t.positions(&task, &Cut::default()).unwrap();
    assert_eq!(t.commit(), Outcome::Fenced(task.clone()));
    assert_eq!(one.end(&p(0)), Ok(Mark::START));
    let mut t = two.begin().unwrap();
    t.append(&p(0), b"key", b"good", 1).unwrap();
    t.positions(&task, &Cut::default()).unwrap();
    assert_eq!(t.commit(), Outcome::Committed);
    assert_eq!(read(source(&two, 0, Start::Earliest).as_mut(), Limits::default())[0].3, "good");

    one.release(&task);
    two.release(&task);
    let mut t = two.begin().unwrap();
    assert_eq!(t.positions(&task, &Cut::default()), Err(LogError::NotOwned { task: task.clone() }));
    t.abort();
    one.own(&task).unwrap();
}

#[test]
fn topics_and_records_that_cannot_be_are_refused() {
    let folder = TempDir::new().unwrap();
    let options = Options { record_bytes: 10, ..Options::default() };
    let mut log = EmbeddedLog::open(folder.path(), options).unwrap();
    log.create("payments", 4).unwrap();
    log.create("payments", 4).unwrap();
    assert!(matches!(log.create("payments", 8), Err(LogError::Partitions { has: 4, asked: 8, .. })));
    assert!(matches!(log.create("none", 0), Err(LogError::Name { .. })));
    assert_eq!(log.partitions("none"), Ok(None));
    let mut t = log.begin().unwrap();
    let unknown = LogError::UnknownTopic { topic: "none".to_owned() };
    assert_eq!(t.append(&PartitionId::new("none", 0), b"", b"", 0), Err(AppendError::Log(unknown)));
    let beyond = LogError::UnknownPartition { partition: p(4) };
    assert_eq!(t.append(&p(4), b"", b"", 0), Err(AppendError::Log(beyond)));
    assert!(matches!(t.append(&p(0), b"key", b"12345678", 0), Err(AppendError::Row(_))));
    t.append(&p(0), b"key", b"1234567", 0).unwrap();
    assert_eq!(t.commit(), Outcome::Committed);
    assert_eq!(log.end(&p(0)).unwrap().next, 1);
}

#[test]
fn a_full_disk_aborts_names_the_file_and_does_no_harm() {
    let folder = TempDir::new().unwrap();
    let mut log = open(&folder);
    append(&mut log, &[(1, "before", 1)]);
    let written = folder.path().join("topics/payments/1/00000000000000000000.seg");
    let len = fs::metadata(&written).unwrap().len();
    let partition = folder.path().join("topics/payments/2");
    fs::create_dir_all(&partition).unwrap();
    let segment = partition.join("00000000000000000000.seg");
    std::os::unix::fs::symlink("/dev/full", &segment).unwrap();
    let outcome = append(&mut log, &[(2, "lost", 2), (1, "lost", 2)]);
    let Outcome::Aborted(error) = outcome else { panic!("{outcome:?}") };
    let text = error.to_string();
    assert!(text.contains("00000000000000000000.seg") && text.contains("free space"), "{text}");
    assert_eq!(log.end(&p(1)).unwrap().next, 1);
    assert_eq!(fs::metadata(&written).unwrap().len(), len, "space is given back");

    fs::remove_file(&segment).unwrap();
    drop(log);
    let mut log = open(&folder);
    assert_eq!(append(&mut log, &[(2, "after", 3), (1, "after", 3)]), Outcome::Committed);
    let of = |i| read(source(&log, i, Start::Earliest).as_mut(), Limits::default());
    assert_eq!(of(2).len(), 1);
    assert_eq!(of(1).iter().map(|r| r.3.as_str()).collect::<Vec<_>>(), ["before", "after"]);
}

#[test]
fn damage_in_the_middle_is_named_and_never_skipped() {
    let folder = TempDir::new().unwrap();
    let mut log = open(&folder);
    append(&mut log, &[(0, "one", 1)]);
    append(&mut log, &[(0, "two", 2)]);
    let segment = folder.path().join("topics/payments/0/00000000000000000000.seg");
    let good = fs::read(&segment).unwrap();
    for byte in 0..good.len() {
        let mut bad = good.clone();
        bad[byte] ^= 0x10;
        fs::write(&segment, &bad).unwrap();
        let mut source = source(&log, 0, Start::Earliest);
        let mut out = Vec::new();
        let error = loop {
            match source.poll(Limits { records: 1, bytes: 1 }, Duration::ZERO, &mut out) {
                Ok(()) => assert!(out.len() < 2, "byte {byte} was not missed"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, LogError::Corrupt { .. }), "byte {byte}: {error}");
    }
    fs::write(&segment, &good[..good.len() - 1]).unwrap();
    assert!(matches!(append(&mut log, &[(0, "three", 3)]), Outcome::Aborted(LogError::Corrupt { .. })));
    fs::write(&segment, &good).unwrap();
    assert_eq!(append(&mut log, &[(0, "three", 3)]), Outcome::Committed);

    let commits = folder.path().join("commits.log");
    let good = fs::read(&commits).unwrap();
    let mut bad = good.clone();
    bad[60] ^= 1;
    fs::write(&commits, &bad).unwrap();
    let mut log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
    assert!(matches!(log.create("more", 1), Err(LogError::Corrupt { .. })));
    fs::write(&commits, b"ASOL\x09\0\0\0").unwrap();
    assert!(matches!(EmbeddedLog::open(folder.path(), Options::default()), Err(LogError::Version { found: 9, .. })));
}

#[test]
fn a_commit_file_that_grew_is_replaced_under_its_readers() {
    let folder = TempDir::new().unwrap();
    let options = Options { commits_bytes: 500, ..Options::default() };
    let mut log = EmbeddedLog::open(folder.path(), options).unwrap();
    log.create("payments", 4).unwrap();
    let mut source = source(&log, 0, Start::Earliest);
    let mut other = open(&folder);
    let (mut seen, mut longest) = (0, 0);
    for i in 0..100 {
        let writer = if i % 3 == 0 { &mut other } else { &mut log };
        append(writer, &[(0, "a", i)]);
        longest = longest.max(fs::metadata(folder.path().join("commits.log")).unwrap().len());
        seen += read(source.as_mut(), Limits::default()).len() as i64;
        assert_eq!(seen, i + 1);
    }
    assert!(longest < 800, "{longest} bytes");
    assert_eq!(open(&folder).end(&p(0)).unwrap().next, 100);
}

#[test]
fn large_records_and_many_chunks_are_read_whole() {
    let folder = TempDir::new().unwrap();
    let options = Options { record_bytes: 16 << 20, durable: true, ..Options::default() };
    let mut log = EmbeddedLog::open(folder.path(), options).unwrap();
    log.create("payments", 4).unwrap();
    let sizes = [10, 9 << 20, 0, 1 << 20, (1 << 20) + 1, 3 << 20, 5];
    let mut t = log.begin().unwrap();
    for (i, size) in sizes.iter().enumerate() {
        t.append(&p(0), b"key", &vec![i as u8; *size], i as i64).unwrap();
    }
    assert_eq!(t.commit(), Outcome::Committed);
    let (mut source, mut out) = (source(&log, 0, Start::Earliest), Vec::new());
    while !source.progress(&p(0)).unwrap().at_end {
        source.poll(Limits { records: 3, bytes: 4 << 20 }, Duration::ZERO, &mut out).unwrap();
    }
    let values: Vec<Vec<u8>> = out.iter().flat_map(|b| b.iter().map(|(_, _, v)| v.to_vec())).collect();
    assert_eq!(values, sizes.iter().enumerate().map(|(i, n)| vec![i as u8; *n]).collect::<Vec<_>>());
}

#[test]
fn an_owner_is_named_whatever_its_file_said_before() {
    let folder = TempDir::new().unwrap();
    let task = TaskId::new("alerts", 0);
    let mut one = open(&folder);
    one.own(&task).unwrap();
    let own = std::process::id().to_string();
    let mut held = files_below(folder.path()).into_iter();
    let file = held.find(|path| fs::read(path).is_ok_and(|text| text == own.as_bytes())).unwrap();
    drop(one);
    fs::write(&file, format!("{own}7777")).unwrap();
    let (mut one, mut two) = (open(&folder), open(&folder));
    one.own(&task).unwrap();
    assert_eq!(two.own(&task), Err(LogError::Owned { task, by: Some(std::process::id()) }));
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn of_two_that_make_a_topic_of_other_numbers_at_once_one_is_refused() {
    let folder = TempDir::new().unwrap();
    let (mut one, mut two) = (open(&folder), open(&folder));
    // Both have seen that there is no such topic when they wait for who commits just now.
    let commits = fs::File::open(folder.path().join("commits.lock")).unwrap();
    commits.lock().unwrap();
    let made = std::thread::scope(|scope| {
        let made = [scope.spawn(|| one.create("clicks", 1)), scope.spawn(|| two.create("clicks", 2))];
        std::thread::sleep(Duration::from_millis(300));
        commits.unlock().unwrap();
        made.map(|made| made.join().unwrap())
    });
    let refused = made.iter().filter(|made| matches!(made, Err(LogError::Partitions { .. }))).count();
    assert!(refused == 1 && made.iter().any(Result::is_ok), "{made:?}");
}

#[test]
fn a_block_a_segment_goes_as_soon_as_nobody_needs_it() {
    let folder = TempDir::new().unwrap();
    let task = TaskId::new("alerts", 0);
    let options = Options { segment_bytes: 1, ..Options::default() };
    let mut log = EmbeddedLog::open(folder.path(), options).unwrap();
    log.own(&task).unwrap();
    let block = |n: u64| Block { sequence: Sequence(n), ..Block::default() };
    for n in 1..=4 {
        let mut t = log.begin().unwrap();
        t.block(&task, &block(n)).unwrap();
        let gap = LogError::Gap { task: task.clone(), expected: Sequence(n + 1), found: Sequence(n + 1) };
        assert_eq!(t.block(&task, &block(n + 1)), Err(gap), "the next one follows what is there");
        assert_eq!(t.commit(), Outcome::Committed);
    }
    for (through, first) in [(0, 1), (1, 2), (3, 4), (4, 4)] {
        log.forget(&task, Sequence(through)).unwrap();
        let mut blocks = Vec::new();
        let read = log.blocks(&task, Sequence(first - 1), 1 << 20, &mut blocks);
        assert_eq!((read, blocks.len() as u64), (Ok(Restored::Complete(Sequence(4))), 5 - first), "through {through}");
        if first > 1 {
            let gone = LogError::Forgotten { task: task.clone(), first: Sequence(first) };
            assert_eq!(log.blocks(&task, Sequence(first - 2), 1 << 20, &mut blocks), Err(gone), "through {through}");
        }
    }
}

#[test]
fn a_large_state_is_not_written_anew_with_each_commit() {
    let folder = TempDir::new().unwrap();
    let options = Options { commits_bytes: 64, ..Options::default() };
    let mut log = EmbeddedLog::open(folder.path(), options).unwrap();
    (0..100).for_each(|n| log.create(&format!("topic-{n}"), 1).unwrap());
    log.create("payments", 4).unwrap();
    let length = || fs::metadata(folder.path().join("commits.log")).unwrap().len();
    let (mut before, mut anew) = (length(), 0);
    for n in 0..100 {
        assert_eq!(append(&mut log, &[(0, "a", n)]), Outcome::Committed);
        anew += usize::from(length() <= before);
        before = length();
    }
    assert!(anew < 10, "100 commits, and {anew} times the file was written anew");
}

#[test]
fn partitions_take_turns_where_a_read_has_room_for_one_record() {
    let folder = TempDir::new().unwrap();
    let mut log = open(&folder);
    let records: Vec<_> = (0..20).map(|n| (n % 2, "value", i64::from(n))).collect();
    append(&mut log, &records);
    let mut source = log.source().unwrap();
    source.assign(&[(p(0), Start::Earliest), (p(1), Start::Earliest)], &[]).unwrap();
    let mut out = Vec::new();
    for _ in 0..10 {
        source.poll(Limits { records: 1, bytes: 1 << 20 }, Duration::ZERO, &mut out).unwrap();
    }
    let of = |index| out.iter().filter(|batch| batch.partition == p(index)).count();
    assert_eq!((of(0), of(1)), (5, 5));
}

#[test]
fn each_topic_of_each_folder_is_another() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (mut one, mut two) = (open(&here), open(&there));
    one.create("clicks", 1).unwrap();
    let payments = one.topic_id("payments").unwrap();
    assert_ne!(payments, one.topic_id("clicks").unwrap());
    assert_ne!(payments, two.topic_id("payments").unwrap());
    assert_eq!(payments, open(&here).topic_id("payments").unwrap());
}
