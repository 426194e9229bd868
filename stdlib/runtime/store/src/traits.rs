//! What operators and services ask of a store.

use std::ops::Bound;
use std::sync::Arc;

use flow_log::{Block, Cut, Sequence, TableId, TaskId, Writes};

use crate::error::StoreError;

/// What became of a change that was brought to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is in the store now.
    Done,
    /// It was there already: nothing was changed. The writer may be a former owner.
    Stale,
    /// Something before it is missing: nothing was changed. The writer must bring the blocks from `expected` on.
    Gap {
        /// The sequence number that the store waits for.
        expected: Sequence,
    },
}

/// A range of keys, in byte order.
#[derive(Debug, Clone, Copy)]
pub struct KeyRange<'a> {
    /// The lower bound.
    pub from: Bound<&'a [u8]>,
    /// The upper bound.
    pub to: Bound<&'a [u8]>,
}

impl KeyRange<'static> {
    /// Every key.
    pub const ALL: Self = Self { from: Bound::Unbounded, to: Bound::Unbounded };
}

/// Takes what a read found: the key's place in the request, and the value if the key is there.
pub type Visit<'a> = dyn FnMut(usize, Option<&[u8]>) + 'a;

/// Takes the content of a store, table by table in key order.
pub trait SnapshotSink {
    /// Takes one key.
    ///
    /// # Errors
    /// What makes it impossible to keep it; the snapshot ends there.
    fn put(&mut self, table: TableId, key: &[u8], value: &[u8]) -> Result<(), StoreError>;
}

/// One task's committed state. Staged state is the task's own affair: a store never sees what did not commit.
pub trait Store: Send {
    /// Hands each key's value to `visit`, in the order of `keys`, without copying it.
    ///
    /// # Errors
    /// Files that cannot be read.
    fn get_many(&self, table: TableId, keys: &[&[u8]], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// The value of one key, copied.
    ///
    /// # Errors
    /// Files that cannot be read.
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut found = None;
        self.get_many(table, &[key], &mut |_, value| found = value.map(<[u8]>::to_vec))?;
        Ok(found)
    }

    /// Hands keys and values in `range` to `visit`, in key order, until it answers `false`.
    ///
    /// # Errors
    /// Files that cannot be read.
    fn range(
        &self,
        table: TableId,
        range: KeyRange<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError>;

    /// Applies a committed block, all of it or nothing, together with its sequence number.
    ///
    /// # Errors
    /// Files that cannot be written; then nothing was applied.
    fn apply(&mut self, block: &Block) -> Result<Applied, StoreError>;

    /// The last block applied; [`Sequence::NONE`] before the first. After a restart a store may have forgotten the last
    /// blocks, never some before others: the changelog brings them again.
    ///
    /// # Errors
    /// Files that cannot be read.
    fn applied(&self) -> Result<Sequence, StoreError>;

    /// Hands the whole state to `to` and answers the block that it reflects.
    ///
    /// # Errors
    /// Files that cannot be read, or what `to` answers.
    fn snapshot(&self, to: &mut dyn SnapshotSink) -> Result<Sequence, StoreError>;

    /// Makes sure that what was applied survives the process.
    ///
    /// # Errors
    /// Files that cannot be written.
    fn flush(&mut self) -> Result<(), StoreError>;

    /// Forgets everything: the state is to be rebuilt from the first block.
    ///
    /// # Errors
    /// Files that cannot be written.
    fn wipe(&mut self) -> Result<(), StoreError>;
}

/// A feature set, numbered by the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId(pub u32);

impl SetId {
    /// The table that stands for this set in [`Writes`].
    #[must_use]
    pub fn table(self) -> TableId {
        TableId(self.0)
    }
}

/// The state of features as services read it: written by tasks after their commits, read by everybody.
///
/// A writer brings absolute values: everything that its blocks `from..=to` changed, as it stands after `to`. The table
/// of each write is [`SetId::table`] of its set. Each task writes its own keys.
pub trait FeatureStore: Send + Sync {
    /// The last block of `task` that is in the store; [`Sequence::NONE`] before the first.
    ///
    /// # Errors
    /// Files that cannot be read.
    fn position(&self, task: &TaskId) -> Result<Sequence, StoreError>;

    /// Takes the state after block `to` of `task`, given everything changed since before `from`, all of it or nothing:
    /// [`Applied::Stale`] if `to` is there already, [`Applied::Gap`] if a block before `from` is not there. `cut` is
    /// the task's input positions after `to`.
    ///
    /// # Errors
    /// Files that cannot be written; then nothing was applied.
    fn apply(
        &self,
        task: &TaskId,
        from: Sequence,
        to: Sequence,
        writes: &Writes,
        cut: &Cut,
    ) -> Result<Applied, StoreError>;

    /// Hands the state of each key to `visit`, all as of one cut, which is answered: the positions of all tasks together.
    ///
    /// # Errors
    /// Files that cannot be read.
    fn read(&self, set: SetId, keys: &[&[u8]], visit: &mut Visit<'_>) -> Result<Arc<Cut>, StoreError>;

    /// Makes sure that what was applied survives the process.
    ///
    /// # Errors
    /// Files that cannot be written.
    fn flush(&self) -> Result<(), StoreError>;
}

/// Whether a store at `position` takes changes that cover the blocks `from..=to`.
pub(crate) fn in_turn(position: Sequence, from: Sequence, to: Sequence) -> Applied {
    if to <= position {
        Applied::Stale
    } else if from > position.next() {
        Applied::Gap { expected: position.next() }
    } else {
        Applied::Done
    }
}

/// Whether no key can lie in `range`. Ordered maps refuse such bounds.
pub(crate) fn is_empty(range: &KeyRange<'_>) -> bool {
    match (range.from, range.to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
    }
}
