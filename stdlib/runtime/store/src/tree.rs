//! An LSM tree with the latest changes before it in memory: what both LSM stores stand on.
//!
//! Changes gather in memory and go to the tree in one atomic batch, together with the positions that they bring it to.
//! A process that dies loses what was not flushed, as one piece; the changelog brings it again.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use flow_log::{TableId, Writes};

use crate::error::StoreError;
use crate::memory::check_keys;
use crate::traits::{KeyRange, SnapshotSink, Visit, is_empty};

/// Set in the tree while its content is being deleted.
const WIPING: &[u8] = b"wiping";

/// How an LSM store works.
#[derive(Debug, Clone, Copy)]
pub struct LsmOptions {
    /// Changes gather in memory up to this number before they go to the tree.
    pub flush_every: usize,
    /// Memory for what was read from the tree, in bytes.
    pub cache_bytes: u64,
    /// Whether a flush survives a power failure (and not only the death of the process).
    pub durable: bool,
}

impl Default for LsmOptions {
    fn default() -> Self {
        Self { flush_every: 100_000, cache_bytes: 32 << 20, durable: false }
    }
}

/// The tree and what is not in it yet.
pub(crate) struct Tree {
    folder: PathBuf,
    options: LsmOptions,
    database: Database,
    state: Keyspace,
    about: Keyspace,
    /// By table and key; nothing where the key was deleted.
    fresh: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    fresh_about: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Changes since the last flush.
    changes: usize,
}

impl Tree {
    /// Opens the tree in `folder`, which is created if it is not there.
    pub fn open(folder: &Path, options: LsmOptions) -> Result<Self, StoreError> {
        let failed = |e: fjall::Error| StoreError::Storage {
            doing: "open",
            folder: folder.to_path_buf(),
            message: e.to_string(),
        };
        let database =
            Database::builder(folder).cache_size(options.cache_bytes).worker_threads(1).open().map_err(failed)?;
        let state = database.keyspace("state", KeyspaceCreateOptions::default).map_err(failed)?;
        let about = database.keyspace("about", KeyspaceCreateOptions::default).map_err(failed)?;
        let (fresh, fresh_about) = (BTreeMap::new(), BTreeMap::new());
        let mut tree =
            Self { folder: folder.to_path_buf(), options, database, state, about, fresh, fresh_about, changes: 0 };
        if tree.about.get(WIPING).map_err(failed)?.is_some() {
            tree.wipe()?;
        }
        Ok(tree)
    }

    /// Hands the value of each key to `visit`.
    pub fn get_many(&self, table: TableId, keys: &[&[u8]], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let mut full = Vec::new();
        for (i, key) in keys.iter().enumerate() {
            if key.len() > flow_log::KEY_BYTES {
                visit(i, None);
                continue;
            }
            full.clear();
            full.extend_from_slice(&table.0.to_be_bytes());
            full.extend_from_slice(key);
            match self.fresh.get(&full) {
                Some(value) => visit(i, value.as_deref()),
                None => visit(i, self.state.get(&full).map_err(|e| self.failed("read", &e))?.as_deref()),
            }
        }
        Ok(())
    }

    /// Hands keys and values in `range` to `visit`, in key order, until it answers `false`.
    pub fn range(
        &self,
        table: TableId,
        range: KeyRange<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        if is_empty(&range) {
            return Ok(());
        }
        let full = |key: &[u8]| [&table.0.to_be_bytes(), key].concat();
        let from = match range.from {
            Bound::Unbounded => Bound::Included(full(&[])),
            bound => bound.map(full),
        };
        let to = match (range.to, table.0.checked_add(1)) {
            (Bound::Unbounded, Some(next)) => Bound::Excluded(next.to_be_bytes().to_vec()),
            (Bound::Unbounded, None) => Bound::Unbounded,
            (bound, _) => bound.map(full),
        };
        self.merge((from, to), &mut |key, value| visit(key.get(4..).unwrap_or_default(), value))
    }

    /// Hands everything to `to`, by table and key.
    pub fn snapshot(&self, to: &mut dyn SnapshotSink) -> Result<(), StoreError> {
        let mut taken = Ok(());
        self.merge((Bound::Unbounded, Bound::Unbounded), &mut |key, value| {
            if let Some((table, key)) = key.split_first_chunk::<4>() {
                taken = to.put(TableId(u32::from_be_bytes(*table)), key, value);
            }
            taken.is_ok()
        })?;
        taken
    }

    /// Goes through memory and tree together; memory is newer.
    fn merge(
        &self,
        bounds: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        let mut fresh = self.fresh.range(bounds.clone()).peekable();
        for entry in self.state.range(bounds) {
            let (key, value) = entry.into_inner().map_err(|e| self.failed("read", &e))?;
            while let Some((newer, present)) = fresh.next_if(|(newer, _)| newer.as_slice() < &*key) {
                if present.as_ref().is_some_and(|value| !visit(newer, value)) {
                    return Ok(());
                }
            }
            let go_on = match fresh.next_if(|(newer, _)| newer.as_slice() == &*key) {
                Some((_, Some(newer))) => visit(&key, newer),
                Some((_, None)) => true,
                None => visit(&key, &value),
            };
            if !go_on {
                return Ok(());
            }
        }
        for (key, value) in fresh {
            if value.as_ref().is_some_and(|value| !visit(key, value)) {
                break;
            }
        }
        Ok(())
    }

    /// What was said about the state under `name`.
    pub fn about(&self, name: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.fresh_about.get(name) {
            Some(value) => Ok(Some(value.clone())),
            None => Ok(self.about.get(name).map_err(|e| self.failed("read", &e))?.map(|value| value.to_vec())),
        }
    }

    /// Everything said about the flushed state, by name.
    pub fn all_about(&self) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        let mut all = BTreeMap::new();
        for entry in self.about.iter() {
            let (name, value) = entry.into_inner().map_err(|e| self.failed("read", &e))?;
            all.insert(name.to_vec(), value.to_vec());
        }
        Ok(all)
    }

    /// Takes changes, and under `name` what is to be said about the state after them.
    pub fn apply(&mut self, writes: &Writes, name: &[u8], about: Vec<u8>) -> Result<(), StoreError> {
        check_keys(writes)?;
        // Flushed first: a flush that fails leaves everything as it was, and the block is not applied.
        if self.changes >= self.options.flush_every {
            self.flush()?;
        }
        for write in writes.iter() {
            let key = [&write.table.0.to_be_bytes(), write.key].concat();
            self.fresh.insert(key, write.value.map(<[u8]>::to_vec));
        }
        self.fresh_about.insert(name.to_vec(), about);
        self.changes += writes.len().max(1);
        Ok(())
    }

    /// Brings what is in memory into the tree, all at once.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if self.fresh_about.is_empty() {
            return Ok(());
        }
        let mode = if self.options.durable { PersistMode::SyncAll } else { PersistMode::Buffer };
        let mut batch = self.database.batch().durability(Some(mode));
        for (key, value) in &self.fresh {
            match value {
                Some(value) => batch.insert(&self.state, key.as_slice(), value.as_slice()),
                None => batch.remove(&self.state, key.as_slice()),
            }
        }
        for (name, value) in &self.fresh_about {
            batch.insert(&self.about, name.as_slice(), value.as_slice());
        }
        batch.commit().map_err(|e| self.failed("write to", &e))?;
        self.fresh.clear();
        self.fresh_about.clear();
        self.changes = 0;
        Ok(())
    }

    /// Deletes everything. A process that dies in the middle finishes it when it opens the tree again.
    pub fn wipe(&mut self) -> Result<(), StoreError> {
        self.fresh.clear();
        self.fresh_about.clear();
        self.changes = 0;
        let failed = |e: fjall::Error| self.failed("delete", &e);
        self.about.insert(WIPING, []).map_err(failed)?;
        self.state.clear().map_err(failed)?;
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        for name in self.all_about()?.into_keys() {
            batch.remove(&self.about, name);
        }
        batch.commit().map_err(failed)
    }

    /// An answer of the tree, in our words.
    fn failed(&self, doing: &'static str, error: &fjall::Error) -> StoreError {
        StoreError::Storage { doing, folder: self.folder.clone(), message: error.to_string() }
    }

    /// Something in the tree that it cannot hold.
    pub fn corrupt(&self, why: &str) -> StoreError {
        StoreError::Corrupt { folder: self.folder.clone(), why: why.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dying_process_has_begun_to_delete_is_gone_when_it_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Tree::open(folder.path(), LsmOptions::default()).unwrap();
        let mut tree = open();
        let mut writes = Writes::new();
        writes.put(TableId(1), b"key", b"value");
        tree.apply(&writes, b"applied", b"7".to_vec()).unwrap();
        tree.flush().unwrap();
        drop(tree);
        let tree = open();
        assert_eq!(tree.about(b"applied").unwrap(), Some(b"7".to_vec()), "it was whole until here");
        tree.about.insert(WIPING, []).unwrap();
        drop(tree);
        for _ in 0..2 {
            let tree = open();
            let mut left = 0;
            tree.range(TableId(1), KeyRange::ALL, &mut |_, _| {
                left += 1;
                true
            })
            .unwrap();
            assert_eq!((left, tree.all_about().unwrap().len()), (0, 0), "neither the state nor what it says of itself");
        }
    }
}
