//! Whatever is committed, compacted, damaged and interrupted: snapshot and changelog give the last value of every key.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flow_log::archive::{ArchiveError, FolderLake, Lake, MemoryLake, Version};
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::simulated::{Faults, SimulatedLog};
use flow_log::snapshot::{Compacted, begin, compact, newest, whole};
use flow_log::{Block, Log, LogError, Outcome, Restored, Sequence, TableId, TaskId};
use proptest::prelude::*;
use tempfile::TempDir;

type State = BTreeMap<(u32, Vec<u8>), Vec<u8>>;

fn task() -> TaskId {
    TaskId::new("shop.g1.a/b", 0)
}

/// Changes of one commit: key, and the length of its value; none deletes it.
type Changes = Vec<(u8, Option<u8>)>;

fn commit(log: &mut dyn Log, n: u64, changes: &Changes, state: &mut State) {
    let mut block = Block { sequence: Sequence(n), ..Block::default() };
    block.frontiers.insert("frontier".into(), n as i64);
    for (key, value) in changes {
        let table = TableId(u32::from(key % 2));
        match value {
            Some(len) => {
                let value = vec![n as u8; usize::from(*len)];
                block.writes.put(table, &[*key], &value);
                state.insert((table.0, vec![*key]), value);
            }
            None => {
                block.writes.delete(table, &[*key]);
                state.remove(&(table.0, vec![*key]));
            }
        }
    }
    let mut transaction = log.begin().unwrap();
    transaction.block(&task(), &block).unwrap();
    transaction.positions(&task(), &block.cut).unwrap();
    assert_eq!(transaction.commit(), Outcome::Committed);
}

fn check(log: &mut dyn Log, lake: &dyn Lake, n: u64, state: &State) {
    let block = whole(log, lake, &task()).unwrap();
    assert_eq!(block.sequence, Sequence(n));
    if n > 0 {
        assert_eq!(block.frontiers.get("frontier"), Some(&(n as i64)));
    }
    let found: Vec<_> = block.writes.iter().map(|w| ((w.table.0, w.key.to_vec()), w.value.unwrap().to_vec())).collect();
    assert_eq!(found, state.clone().into_iter().collect::<Vec<_>>());
}

/// A lake that refuses or dies at its next put.
struct Failing<'a> {
    lake: &'a mut dyn Lake,
    after: bool,
}

impl Lake for Failing<'_> {
    fn put(&mut self, _: &str, _: &[u8]) -> Result<(), ArchiveError> {
        Err(ArchiveError::Lake("full".to_owned()))
    }

    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, ArchiveError> {
        self.lake.get(name)
    }

    fn put_if(&mut self, name: &str, bytes: &[u8], expected: Option<Version>) -> Result<bool, ArchiveError> {
        if self.after {
            assert!(self.lake.put_if(name, bytes, expected)?);
        }
        Err(ArchiveError::Lake("full".to_owned()))
    }
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let topics = fs::read_dir(folder.join("topics")).unwrap().map(|entry| entry.unwrap().path());
    let changelog = topics.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with('~'));
    let files = changelog.flat_map(|path| fs::read_dir(path.join("0")).unwrap().map(|entry| entry.unwrap().path()));
    files.filter(|path| path.extension().is_some_and(|of| of == "seg")).collect()
}

/// What happens between two commits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Nothing,
    Compact,
    /// The lake refuses the snapshot.
    Refused,
    /// The process dies once the snapshot is there.
    Dies,
    /// The newest snapshot is damaged, and found to be so.
    Damage,
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        4 => Just(Then::Nothing),
        3 => Just(Then::Compact),
        1 => Just(Then::Refused),
        1 => Just(Then::Dies),
        1 => Just(Then::Damage),
    ]
}

fn damage_newest(log: &mut dyn Log, lake: &mut dyn Lake) {
    let Some(last) = newest(log, lake, &task()).unwrap() else { return };
    for place in ["a", "b"] {
        let name = format!("snapshots/shop.g1.a%2fb/0/{place}");
        let mut other = MemoryLake::default();
        let Some((mut bytes, _)) = lake.get(&name).unwrap() else { continue };
        other.put(&name, &bytes).unwrap();
        if newest(log, &other, &task()).unwrap().is_some_and(|block| block.sequence == last.sequence) {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
            lake.put(&name, &bytes).unwrap();
        }
    }
}

fn play(log: &mut dyn Log, lake: &mut dyn Lake, steps: &[(Changes, Then)]) {
    log.own(&task()).unwrap();
    let mut state = State::new();
    let mut damaged = false;
    for (n, (changes, then)) in (1..).zip(steps) {
        commit(log, n, changes, &mut state);
        match then {
            Then::Nothing => {}
            Then::Compact => {
                let done = compact(log, lake, &task()).unwrap();
                assert_eq!(done.sequence, Sequence(n));
                damaged = false;
            }
            Then::Refused | Then::Dies => {
                let mut failing = Failing { lake, after: *then == Then::Dies };
                compact(log, &mut failing, &task()).unwrap_err();
                damaged &= *then != Then::Dies;
            }
            // One of two: the other one and the changelog behind it serve.
            Then::Damage if !damaged => {
                damage_newest(log, lake);
                damaged = true;
            }
            Then::Damage => {}
        }
        check(log, lake, n, &state);
    }
}

proptest! {
    #[test]
    fn snapshot_and_changelog_give_the_last_value_of_every_key(
        steps in prop::collection::vec((prop::collection::vec((0_u8..12, prop::option::of(0_u8..40)), 0..6), then()), 1..40)
    ) {
        play(&mut SimulatedLog::new(1, Faults::default()), &mut MemoryLake::default(), &steps);
        let folder = TempDir::new().unwrap();
        // Several blocks a segment, and segments that go.
        let options = Options { segment_bytes: 300, ..Options::default() };
        let mut log = EmbeddedLog::open(folder.path().join("log"), options).unwrap();
        play(&mut log, &mut FolderLake::open(&folder.path().join("lake")).unwrap(), &steps);
    }
}

#[test]
fn the_changelog_stays_short_and_says_where_it_begins() {
    let folder = TempDir::new().unwrap();
    let options = Options { segment_bytes: 1_000, ..Options::default() };
    let mut log = EmbeddedLog::open(folder.path(), options).unwrap();
    let mut lake = MemoryLake::default();
    log.own(&task()).unwrap();
    let mut state = State::new();
    let mut longest = 0;
    for n in 1..=1_000 {
        commit(&mut log, n, &vec![(n as u8 % 10, Some(50))], &mut state);
        if n % 50 == 0 {
            let done = compact(&mut log, &mut lake, &task()).unwrap();
            assert_eq!((done.sequence, done.forgotten), (Sequence(n), Sequence(n - 50)));
            longest = longest.max(segments(folder.path()).len());
        }
    }
    assert!(longest < 20, "{longest} segments for the blocks of two snapshots");
    let unchanged = compact(&mut log, &mut lake, &task()).unwrap();
    assert!(
        matches!(unchanged, Compacted { sequence: Sequence(1_000), forgotten: Sequence::NONE, bytes } if bytes > 500)
    );
    check(&mut log, &lake, 1_000, &state);

    // Who asks for what is gone hears where the changelog begins, and gets the rest from there on.
    let mut blocks = Vec::new();
    let Err(LogError::Forgotten { first, .. }) = log.blocks(&task(), Sequence::NONE, 1 << 20, &mut blocks) else {
        panic!("the first block is still there");
    };
    assert!(first > Sequence(900) && first <= Sequence(951), "{first}");
    let before = Sequence(first.0 - 1);
    assert_eq!(log.blocks(&task(), before, usize::MAX, &mut blocks), Ok(Restored::Complete(Sequence(1_000))));
    assert_eq!(blocks.first().map(|block| block.sequence), Some(first));

    // A task goes on where it was.
    commit(&mut log, 1_001, &vec![(3, None)], &mut state);
    check(&mut log, &lake, 1_001, &state);
}

/// Power fails, and the log, which is not durable, is as it was some commits ago; the lake has kept what was put there.
#[test]
fn a_snapshot_of_blocks_that_were_lost_counts_for_nothing() {
    for kept in [0, 3, 5, 6, 8, 9] {
        let folder = TempDir::new().unwrap();
        let mut lake = FolderLake::open(&folder.path().join("lake")).unwrap();
        let mut state = State::new();
        // What is on the disk: a log of `kept` blocks.
        let mut log = EmbeddedLog::open(folder.path().join("kept"), Options::default()).unwrap();
        log.own(&task()).unwrap();
        (1..=kept).for_each(|n| commit(&mut log, n, &vec![(n as u8 % 4, Some(n as u8))], &mut state));
        // What had been committed, and was compacted at blocks 5 and 9.
        let mut lost = EmbeddedLog::open(folder.path().join("lost"), Options::default()).unwrap();
        lost.own(&task()).unwrap();
        for n in 1..=9 {
            commit(&mut lost, n, &vec![(n as u8 % 4, Some(n as u8))], &mut State::new());
            if n == 5 || n == 9 {
                compact(&mut lost, &mut lake, &task()).unwrap();
            }
        }
        // A copy sees what the log has, and so does the owner, who goes on with other blocks of the same numbers.
        let reached = [9, 5].into_iter().find(|at| *at <= kept).map(Sequence);
        assert_eq!(newest(&mut log, &lake, &task()).unwrap().map(|block| block.sequence), reached, "{kept}");
        check(&mut log, &lake, kept, &state);
        assert_eq!(begin(&mut log, &mut lake, &task()).unwrap().map(|block| block.sequence), reached, "{kept}");
        for n in kept + 1..=12 {
            commit(&mut log, n, &vec![(n as u8 % 3, Some(1))], &mut state);
            check(&mut log, &lake, n, &state);
        }
        let done = compact(&mut log, &mut lake, &task()).unwrap();
        assert_eq!(done.sequence, Sequence(12), "{kept}");
        check(&mut log, &lake, 12, &state);
    }
}

#[test]
fn of_two_that_compact_at_once_one_counts() {
    let mut log = SimulatedLog::new(1, Faults::default());
    let lake = MemoryLake::default();
    log.own(&task()).unwrap();
    let mut state = State::new();
    for n in 1..=6 {
        commit(&mut log, n, &vec![(n as u8, Some(3))], &mut state);
        // The other one has looked at the lake, and comes back when this one is done.
        let mut late = Late { lake: lake.clone(), other: log.process() };
        compact(&mut log, &mut late, &task()).unwrap();
        check(&mut log, &lake, n, &state);
    }

    struct Late {
        lake: MemoryLake,
        other: SimulatedLog,
    }

    impl Lake for Late {
        fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
            self.lake.put(name, bytes)
        }

        fn get(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, ArchiveError> {
            self.lake.get(name)
        }

        fn put_if(&mut self, name: &str, bytes: &[u8], expected: Option<Version>) -> Result<bool, ArchiveError> {
            compact(&mut self.other, &mut self.lake, &task())?;
            let is_mine = self.lake.put_if(name, bytes, expected)?;
            assert!(!is_mine, "both wrote the same place");
            Ok(is_mine)
        }
    }
}
