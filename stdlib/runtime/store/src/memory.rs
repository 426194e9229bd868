//! State in memory: gone with the process, and rebuilt from the changelog.

use std::collections::BTreeMap;

use flow_log::{Block, KEY_BYTES, Sequence, TableId, Writes};

use crate::error::StoreError;
use crate::traits::{Applied, KeyRange, SnapshotSink, Store, Visit, in_turn, is_empty};

/// Refuses a block with a key that not every store takes, before any of it is applied.
pub(crate) fn check_keys(writes: &Writes) -> Result<(), StoreError> {
    match writes.iter().map(|w| w.key.len()).find(|bytes| *bytes > KEY_BYTES) {
        Some(bytes) => Err(StoreError::KeyTooLong { bytes }),
        None => Ok(()),
    }
}

/// A [`Store`] in memory, ordered by key.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: BTreeMap<TableId, BTreeMap<Vec<u8>, Vec<u8>>>,
    applied: Sequence,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn get_many(&self, table: TableId, keys: &[&[u8]], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let table = self.tables.get(&table);
        for (i, key) in keys.iter().enumerate() {
            visit(i, table.and_then(|table| table.get(*key)).map(Vec::as_slice));
        }
        Ok(())
    }

    fn range(
        &self,
        table: TableId,
        range: KeyRange<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        if is_empty(&range) {
            return Ok(());
        }
        let Some(table) = self.tables.get(&table) else { return Ok(()) };
        for (key, value) in table.range::<[u8], _>((range.from, range.to)) {
            if !visit(key, value) {
                break;
            }
        }
        Ok(())
    }

    fn apply(&mut self, block: &Block) -> Result<Applied, StoreError> {
        let turn = in_turn(self.applied, block.sequence, block.sequence);
        if turn != Applied::Done {
            return Ok(turn);
        }
        check_keys(&block.writes)?;
        for write in block.writes.iter() {
            let table = self.tables.entry(write.table).or_default();
            match (write.value, table.get_mut(write.key)) {
                (Some(value), Some(present)) => {
                    present.clear();
                    present.extend_from_slice(value);
                }
                (Some(value), None) => {
                    table.insert(write.key.to_vec(), value.to_vec());
                }
                (None, _) => {
                    table.remove(write.key);
                }
            }
        }
        self.applied = block.sequence;
        Ok(Applied::Done)
    }

    fn applied(&self) -> Result<Sequence, StoreError> {
        Ok(self.applied)
    }

    fn snapshot(&self, to: &mut dyn SnapshotSink) -> Result<Sequence, StoreError> {
        for (id, table) in &self.tables {
            for (key, value) in table {
                to.put(*id, key, value)?;
            }
        }
        Ok(self.applied)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn wipe(&mut self) -> Result<(), StoreError> {
        *self = Self::default();
        Ok(())
    }
}
