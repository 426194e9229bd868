//! Feature state in memory, in parts with a lock each: who reads waits for a part of a commit, not for all of it.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use flow_log::{Cut, Sequence, TableId, TaskId, Write, Writes};
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::StoreError;
use crate::memory::check_keys;
use crate::traits::{Applied, FeatureStore, SetId, Visit, in_turn};

/// Parts: of a commit of 50,000 changes each takes some two hundred, and a part that grows moves few keys.
const SHARDS: usize = 256;

/// The state of a key. Both lie in one piece of memory, so that who finds the key has its value at hand.
#[derive(Debug)]
struct State {
    table: TableId,
    key: u32,
    /// So many bytes of the key, then the value.
    bytes: Vec<u8>,
}

impl State {
    fn key(&self) -> &[u8] {
        self.bytes.get(..self.key as usize).unwrap_or_default()
    }

    fn value(&self) -> &[u8] {
        self.bytes.get(self.key as usize..).unwrap_or_default()
    }

    fn is_of(&self, table: TableId, key: &[u8]) -> bool {
        self.table == table && self.key() == key
    }
}

/// A part of the state, behind its lock. A read waits for one line of memory to have both.
#[derive(Debug)]
#[repr(align(64))]
struct Part(RwLock<Shard>);

/// What a part holds.
#[derive(Debug)]
struct Shard {
    // Never iterated: keys are read one by one.
    states: HashTable<State>,
    /// What it is of. All parts share one, unless a commit is being applied.
    cut: Arc<Cut>,
}

impl Shard {
    fn empty(cut: &Arc<Cut>) -> Self {
        Self { states: HashTable::new(), cut: Arc::clone(cut) }
    }

    fn get(&self, table: TableId, hash: u64, key: &[u8]) -> Option<&[u8]> {
        self.states.find(hash, |state| state.is_of(table, key)).map(State::value)
    }

    fn put(&mut self, hasher: &DefaultHashBuilder, hash: u64, write: Write<'_>) {
        let hash_of = |state: &State| hash_of(hasher, state.table, state.key());
        let entry = self.states.entry(hash, |state| state.is_of(write.table, write.key), hash_of);
        match (write.value, entry) {
            (Some(value), Entry::Occupied(mut present)) => {
                let bytes = &mut present.get_mut().bytes;
                bytes.truncate(write.key.len());
                bytes.extend_from_slice(value);
            }
            (Some(value), Entry::Vacant(free)) => {
                // A store takes no longer key than `KEY_BYTES`.
                let key = write.key.len() as u32;
                free.insert(State { table: write.table, key, bytes: [write.key, value].concat() });
            }
            (None, Entry::Occupied(present)) => {
                present.remove();
            }
            (None, Entry::Vacant(_)) => {}
        }
    }
}

fn hash_of(hasher: &DefaultHashBuilder, table: TableId, key: &[u8]) -> u64 {
    hasher.hash_one((table.0, key))
}

/// How far commits are applied.
#[derive(Debug, Default)]
struct Progress {
    positions: BTreeMap<TaskId, Sequence>,
    cut: Arc<Cut>,
}

/// A [`FeatureStore`] in memory.
#[derive(Debug)]
pub struct MemoryFeatureStore {
    hasher: DefaultHashBuilder,
    shards: Vec<Part>,
    /// Whoever changes anything holds it until all of it is changed.
    progress: Mutex<Progress>,
}

impl Default for MemoryFeatureStore {
    fn default() -> Self {
        let progress = Progress::default();
        let shards = (0..SHARDS).map(|_| Part(RwLock::new(Shard::empty(&progress.cut)))).collect();
        Self { hasher: DefaultHashBuilder::default(), shards, progress: Mutex::new(progress) }
    }
}

impl MemoryFeatureStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, as if nothing had ever been applied.
    pub fn clear(&self) {
        let mut progress = self.progress();
        *progress = Progress::default();
        for shard in &self.shards {
            *writing(shard) = Shard::empty(&progress.cut);
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hash of a key, and its part.
    fn place(&self, table: TableId, key: &[u8]) -> (u64, usize) {
        let hash = hash_of(&self.hasher, table, key);
        // Tables look at the lowest bits and the highest seven.
        let shard = (hash >> 32) as usize % SHARDS;
        (hash, shard)
    }

    /// Several keys; nothing, before any of them is visited, where their parts are not of one cut.
    fn read_together(&self, table: TableId, keys: &[&[u8]], visit: &mut Visit<'_>) -> Option<Arc<Cut>> {
        let places: Vec<(u64, usize)> = keys.iter().map(|key| self.place(table, key)).collect();
        // Each part once, in order: one that is asked for twice would wait for whoever waits for it in between.
        let mut held: BTreeMap<usize, RwLockReadGuard<'_, Shard>> = BTreeMap::new();
        for (_, at) in &places {
            if !held.contains_key(at) {
                held.insert(*at, reading(self.shards.get(*at)?));
            }
        }
        let cut = Arc::clone(&held.values().next()?.cut);
        if held.values().any(|shard| !Arc::ptr_eq(&shard.cut, &cut)) {
            return None;
        }
        for (i, (key, (hash, at))) in keys.iter().zip(&places).enumerate() {
            visit(i, held.get(at).and_then(|shard| shard.get(table, *hash, key)));
        }
        Some(cut)
    }
}

fn reading(part: &Part) -> RwLockReadGuard<'_, Shard> {
    part.0.read().unwrap_or_else(PoisonError::into_inner)
}

fn writing(part: &Part) -> RwLockWriteGuard<'_, Shard> {
    part.0.write().unwrap_or_else(PoisonError::into_inner)
}

impl FeatureStore for MemoryFeatureStore {
    fn position(&self, task: &TaskId) -> Result<Sequence, StoreError> {
        Ok(self.progress().positions.get(task).copied().unwrap_or_default())
    }

    fn apply(
        &self,
        task: &TaskId,
        from: Sequence,
        to: Sequence,
        writes: &Writes,
        cut: &Cut,
    ) -> Result<Applied, StoreError> {
        check_keys(writes)?;
        let mut progress = self.progress();
        let turn = in_turn(progress.positions.get(task).copied().unwrap_or_default(), from, to);
        if turn != Applied::Done {
            return Ok(turn);
        }
        let mut parts = vec![Vec::new(); SHARDS];
        for write in writes.iter() {
            let (hash, at) = self.place(write.table, write.key);
            if let Some(part) = parts.get_mut(at) {
                part.push((hash, write));
            }
        }
        let mut next = Cut::clone(&progress.cut);
        next.advance_to(cut);
        let next = Arc::new(next);
        for (shard, part) in self.shards.iter().zip(parts) {
            let mut shard = writing(shard);
            for (hash, write) in part {
                shard.put(&self.hasher, hash, write);
            }
            shard.cut = Arc::clone(&next);
        }
        progress.positions.insert(task.clone(), to);
        progress.cut = next;
        Ok(Applied::Done)
    }

    fn read(&self, set: SetId, keys: &[&[u8]], visit: &mut Visit<'_>) -> Result<Arc<Cut>, StoreError> {
        let table = set.table();
        // A service's requests read one key at a time, and wait for nobody but its part.
        if let [key] = keys {
            let (hash, at) = self.place(table, key);
            if let Some(shard) = self.shards.get(at) {
                let shard = reading(shard);
                visit(0, shard.get(table, hash, key));
                return Ok(Arc::clone(&shard.cut));
            }
        }
        if let Some(cut) = self.read_together(table, keys, visit) {
            return Ok(cut);
        }
        // A commit is being applied; while nobody applies one, all parts are of one cut.
        let progress = self.progress();
        let cut = self.read_together(table, keys, visit);
        Ok(cut.unwrap_or_else(|| Arc::clone(&progress.cut)))
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
