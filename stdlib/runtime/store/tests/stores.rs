//! Every store keeps the same promises.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;

use flow_log::{Block, Cut, KEY_BYTES, Mark, PartitionId, Sequence, TableId, TaskId, Writes};
use flow_store::{
    Applied, FeatureStore, KeyRange, LsmFeatureStore, LsmOptions, LsmStore, MemoryFeatureStore, MemoryStore, SetId,
    SnapshotSink, Store, StoreError,
};
use proptest::prelude::*;
use tempfile::TempDir;

type Key = (u32, Vec<u8>);
type Content = BTreeMap<Key, Vec<u8>>;
type Put<'a> = (u32, &'a [u8], Option<&'a [u8]>);

#[derive(Default)]
struct Sink(Vec<(Key, Vec<u8>)>);

impl SnapshotSink for Sink {
    fn put(&mut self, table: TableId, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.0.push(((table.0, key.to_vec()), value.to_vec()));
        Ok(())
    }
}

fn small(folder: &Path) -> LsmStore {
    LsmStore::open(folder, LsmOptions { flush_every: 7, ..LsmOptions::default() }).unwrap()
}

fn block(sequence: u64, writes: &[Put<'_>]) -> Block {
    let mut block = Block { sequence: Sequence(sequence), ..Block::default() };
    for (table, key, value) in writes {
        match value {
            Some(value) => block.writes.put(TableId(*table), key, value),
            None => block.writes.delete(TableId(*table), key),
        }
    }
    block
}

fn content(store: &dyn Store) -> (Sequence, Content) {
    let mut sink = Sink::default();
    let sequence = store.snapshot(&mut sink).unwrap();
    assert!(sink.0.is_sorted(), "a snapshot comes in order");
    (sequence, sink.0.into_iter().collect())
}

#[test]
fn blocks_apply_once_in_sequence_and_whole() {
    let folder = TempDir::new().unwrap();
    let stores: [Box<dyn Store>; 2] = [Box::new(MemoryStore::new()), Box::new(small(folder.path()))];
    for mut store in stores {
        assert_eq!(store.applied(), Ok(Sequence::NONE));
        let one = block(1, &[(1, b"a", Some(b"1")), (1, b"b", Some(b"2"))]);
        assert_eq!(store.apply(&block(2, &[])), Ok(Applied::Gap { expected: Sequence(1) }));
        assert_eq!(store.apply(&one), Ok(Applied::Done));
        assert_eq!(store.apply(&block(2, &[(1, b"a", Some(b"3")), (1, b"b", None)])), Ok(Applied::Done));
        assert_eq!(store.apply(&one), Ok(Applied::Stale));
        assert_eq!(store.apply(&block(2, &[(1, b"a", Some(b"9"))])), Ok(Applied::Stale));
        assert_eq!(store.apply(&block(4, &[(1, b"a", Some(b"9"))])), Ok(Applied::Gap { expected: Sequence(3) }));
        assert_eq!(store.get(TableId(1), b"a"), Ok(Some(b"3".to_vec())));
        assert_eq!(store.get(TableId(1), b"b"), Ok(None));
        assert_eq!(store.get(TableId(2), b"a"), Ok(None));

        let long = vec![0; KEY_BYTES + 1];
        let refused = store.apply(&block(3, &[(1, b"c", Some(b"1")), (1, &long, Some(b"1"))]));
        assert_eq!(refused, Err(StoreError::KeyTooLong { bytes: KEY_BYTES + 1 }));
        assert_eq!(store.get(TableId(1), b"c"), Ok(None));
        assert_eq!(store.get(TableId(1), &long), Ok(None));
        assert_eq!(store.applied(), Ok(Sequence(2)));
        assert_eq!(store.apply(&block(3, &[(1, &long[1..], Some(b""))])), Ok(Applied::Done));
        assert_eq!(store.get(TableId(1), &long[1..]), Ok(Some(vec![])));

        // What is deleted is gone, wherever the value before it lies.
        store.flush().unwrap();
        assert_eq!(store.apply(&block(4, &[(1, b"a", None)])), Ok(Applied::Done));
        assert_eq!(store.get(TableId(1), b"a"), Ok(None));
        store.wipe().unwrap();
        assert_eq!(content(store.as_ref()), (Sequence::NONE, Content::new()));
        assert_eq!(store.apply(&one), Ok(Applied::Done));
        store.wipe().unwrap();
        store.flush().unwrap();
    }
    let store = small(folder.path());
    assert_eq!((store.applied(), content(&store).1.len()), (Ok(Sequence::NONE), 0), "a flush brings nothing back");
}

#[test]
fn what_an_lsm_store_forgets_is_a_suffix() {
    let folder = TempDir::new().unwrap();
    let options = LsmOptions { flush_every: 10, ..LsmOptions::default() };
    let mut store = LsmStore::open(folder.path(), options).unwrap();
    for n in 1..=25 {
        store.apply(&block(n, &[(0, b"n", Some(&n.to_le_bytes())), (0, &n.to_le_bytes(), Some(b"x"))])).unwrap();
    }
    drop(store);
    let mut store = LsmStore::open(folder.path(), options).unwrap();
    let applied = store.applied().unwrap();
    assert!((15..25).contains(&applied.0), "{applied}");
    assert_eq!(store.get(TableId(0), b"n").unwrap().unwrap(), applied.0.to_le_bytes());
    assert_eq!(content(&store).1.len() as u64, applied.0 + 1);
    for n in applied.0 + 1..=25 {
        let again = block(n, &[(0, b"n", Some(&n.to_le_bytes())), (0, &n.to_le_bytes(), Some(b"x"))]);
        assert_eq!(store.apply(&again), Ok(Applied::Done));
    }
    store.flush().unwrap();
    drop(store);
    let store = LsmStore::open(folder.path(), options).unwrap();
    assert_eq!((store.applied(), content(&store).1.len()), (Ok(Sequence(25)), 26));
    assert!(matches!(LsmStore::open(folder.path(), options), Err(StoreError::Storage { .. })), "it is open already");
}

type Change = (u32, Vec<u8>, Option<Vec<u8>>);

fn changes() -> impl Strategy<Value = Vec<(Vec<Change>, bool)>> {
    let key = prop::collection::vec(prop_oneof![Just(0_u8), Just(255), 97..100_u8], 0..3);
    let table = prop_oneof![Just(0), Just(1), Just(u32::MAX)];
    let change = (table, key, prop::option::of(prop::collection::vec(any::<u8>(), 0..4)));
    prop::collection::vec((prop::collection::vec(change, 0..6), prop::bool::weighted(0.15)), 1..12)
}

fn bound(kind: u8, key: &[u8]) -> Bound<&[u8]> {
    match kind {
        0 => Bound::Unbounded,
        1 => Bound::Included(key),
        _ => Bound::Excluded(key),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Memory, LSM and a map agree on reads, ranges and snapshots, also when the LSM store is closed and opened.
    #[test]
    fn all_stores_agree(
        blocks in changes(),
        from in (0..3_u8, prop::collection::vec(97..100_u8, 0..3)),
        to in (0..3_u8, prop::collection::vec(97..100_u8, 0..3)),
    ) {
        let folder = TempDir::new().unwrap();
        let (mut memory, mut lsm, mut model) = (MemoryStore::new(), small(folder.path()), Content::new());
        for (n, (writes, reopen)) in (1..).zip(&blocks) {
            let writes: Vec<_> = writes.iter().map(|(t, k, v)| (*t, k.as_slice(), v.as_deref())).collect();
            let block = block(n, &writes);
            prop_assert_eq!(memory.apply(&block), Ok(Applied::Done));
            prop_assert_eq!(lsm.apply(&block), Ok(Applied::Done));
            for (table, key, value) in writes {
                match value {
                    Some(value) => model.insert((table, key.to_vec()), value.to_vec()),
                    None => model.remove(&(table, key.to_vec())),
                };
            }
            if *reopen {
                lsm.flush().unwrap();
                drop(lsm);
                lsm = small(folder.path());
            }
        }
        let expected = (Sequence(blocks.len() as u64), model.clone());
        prop_assert_eq!(&content(&memory), &expected);
        prop_assert_eq!(&content(&lsm), &expected);
        let range = KeyRange { from: bound(from.0, &from.1), to: bound(to.0, &to.1) };
        for table in [0, 1, u32::MAX] {
            let inside = |key: &[u8]| {
                (match range.from { Bound::Unbounded => true, Bound::Included(b) => key >= b, Bound::Excluded(b) => key > b })
                    && (match range.to { Bound::Unbounded => true, Bound::Included(b) => key <= b, Bound::Excluded(b) => key < b })
            };
            let expected: Vec<_> = model
                .iter()
                .filter(|((t, key), _)| *t == table && inside(key))
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect();
            for most in [1, 2, usize::MAX] {
                for store in [&memory as &dyn Store, &lsm] {
                    let mut found = Vec::new();
                    store.range(TableId(table), range, &mut |key, value| {
                        found.push((key.to_vec(), value.to_vec()));
                        found.len() < most
                    }).unwrap();
                    prop_assert_eq!(&found[..], &expected[..most.min(expected.len())]);
                }
            }
        }
        for (table, key) in model.keys() {
            prop_assert_eq!(memory.get(TableId(*table), key).unwrap(), model.get(&(*table, key.clone())).cloned());
            prop_assert_eq!(lsm.get(TableId(*table), key).unwrap(), model.get(&(*table, key.clone())).cloned());
        }
    }
}

fn writes(key: &[u8], value: &[u8]) -> Writes {
    let mut writes = Writes::new();
    writes.put(SetId(3).table(), key, value);
    writes
}

fn read(store: &dyn FeatureStore, keys: &[&[u8]]) -> (Vec<Option<Vec<u8>>>, String) {
    let mut values = Vec::new();
    let cut = store.read(SetId(3), keys, &mut |i, value| {
        assert_eq!(i, values.len());
        values.push(value.map(<[u8]>::to_vec));
    });
    (values, cut.unwrap().to_string())
}

#[test]
fn a_feature_store_takes_each_range_of_blocks_once() {
    let folder = TempDir::new().unwrap();
    let stores: [Box<dyn FeatureStore>; 2] = [
        Box::new(MemoryFeatureStore::new()),
        Box::new(LsmFeatureStore::open(folder.path(), LsmOptions::default()).unwrap()),
    ];
    let tasks = [TaskId::new("card_activity", 0), TaskId::new("card_activity", 1)];
    let cut = |task: u32, next| Cut([(PartitionId::new("payments", task), Mark { next, arrived: 0 })].into());
    let s = Sequence;
    for store in stores {
        let apply = |task: usize, from, to, value: &[u8]| {
            store.apply(&tasks[task], s(from), s(to), &writes(&[task as u8], value), &cut(task as u32, to as i64))
        };
        assert_eq!(apply(0, 2, 2, b"early"), Ok(Applied::Gap { expected: s(1) }));
        assert_eq!(apply(0, 1, 3, b"three"), Ok(Applied::Done));
        assert_eq!(apply(1, 1, 1, b"other"), Ok(Applied::Done));
        assert_eq!(apply(0, 2, 3, b"stale"), Ok(Applied::Stale));
        assert_eq!(apply(0, 5, 6, b"gap"), Ok(Applied::Gap { expected: s(4) }));
        assert_eq!(
            read(store.as_ref(), &[&[0], &[1], &[2]]).0,
            [Some(b"three".to_vec()), Some(b"other".to_vec()), None]
        );
        // A new owner that replays from an earlier block overlaps what is there.
        assert_eq!(apply(0, 2, 5, b"five"), Ok(Applied::Done));
        assert_eq!((store.position(&tasks[0]), store.position(&tasks[1])), (Ok(s(5)), Ok(s(1))));
        let (values, cut) = read(store.as_ref(), &[&[1], &[0]]);
        assert_eq!(values, [Some(b"other".to_vec()), Some(b"five".to_vec())]);
        assert_eq!(cut, "payments/0@5,payments/1@1");
        store.flush().unwrap();
    }
    let store = LsmFeatureStore::open(folder.path(), LsmOptions::default()).unwrap();
    assert_eq!(read(&store, &[&[0]]), (vec![Some(b"five".to_vec())], "payments/0@5,payments/1@1".to_owned()));
    assert_eq!(store.position(&tasks[0]), Ok(s(5)));
}

#[test]
fn who_reads_while_a_commit_is_applied_sees_the_state_of_one_cut() {
    const KEYS: u32 = 2_000;
    const BLOCKS: u64 = 120;
    let store = MemoryFeatureStore::new();
    let task = TaskId::new("card_activity", 0);
    let at = |next: u64| Cut([(PartitionId::new("payments", 0), Mark { next: next as i64, arrived: 0 })].into());
    // Every key holds the number of the block that wrote it last, which is also how far the task has read.
    let told = |values: &[Option<Vec<u8>>], cut: &str| -> u64 {
        let mut numbers = values.iter().map(|value| value.as_ref().map_or(0, |value| value[0].into()));
        let first: u64 = numbers.next().unwrap();
        assert!(numbers.all(|number| number == first), "{values:?} of {cut}");
        assert_eq!(cut, if first == 0 { String::new() } else { format!("payments/0@{first}") });
        first
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = [1, 1, 3, 300]
            .map(|together: u32| {
                let (store, told) = (&store, &told);
                scope.spawn(move || {
                    let (mut number, mut last) = (0, 0);
                    while last < BLOCKS {
                        let keys: Vec<[u8; 4]> =
                            (0..together).map(|one| ((number + one * 7) % KEYS).to_le_bytes()).collect();
                        let keys: Vec<&[u8]> = keys.iter().map(<[u8; 4]>::as_slice).collect();
                        let (values, cut) = read(store, &keys);
                        let next = told(&values, &cut);
                        // One key may be ahead of another, but a read of several never goes back.
                        assert!(next >= last || together == 1, "{next} after {last}");
                        (number, last) = (number + 1, next);
                    }
                    number
                })
            })
            .into();
        for number in 1..=BLOCKS {
            let mut writes = Writes::new();
            for key in 0..KEYS {
                writes.put(SetId(3).table(), &key.to_le_bytes(), &[number as u8]);
            }
            let applied = store.apply(&task, Sequence(number), Sequence(number), &writes, &at(number));
            assert_eq!(applied, Ok(Applied::Done));
        }
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    let mut other = false;
    store.read(SetId(4), &[&0_u32.to_le_bytes()], &mut |_, value| other |= value.is_some()).unwrap();
    assert!(!other, "a key of another set is another key");
    store.clear();
    assert_eq!(read(&store, &[&0_u32.to_le_bytes(), &1_u32.to_le_bytes()]), (vec![None, None], String::new()));
    assert_eq!(store.position(&task), Ok(Sequence::NONE));
}
