//! State in an embedded LSM tree: for state larger than memory, and for a quick restart.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use flow_log::{Block, Cut, Sequence, TableId, TaskId, Writes};

use crate::error::StoreError;
use crate::traits::{Applied, FeatureStore, KeyRange, SetId, SnapshotSink, Store, Visit, in_turn};
use crate::tree::{LsmOptions, Tree};

/// Where the tree says which block it reflects.
const APPLIED: &[u8] = b"applied";

/// A [`Store`] in an LSM tree. One process at a time opens its folder.
pub struct LsmStore {
    tree: Tree,
    applied: Sequence,
}

impl fmt::Debug for LsmStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LsmStore").field("applied", &self.applied).finish_non_exhaustive()
    }
}

impl LsmStore {
    /// Opens the store in `folder`, which is created if it is not there.
    ///
    /// # Errors
    /// A folder that cannot be created or read, is open elsewhere, or holds something else.
    pub fn open(folder: impl AsRef<Path>, options: LsmOptions) -> Result<Self, StoreError> {
        let tree = Tree::open(folder.as_ref(), options)?;
        let applied = match tree.about(APPLIED)? {
            None => Sequence::NONE,
            Some(bytes) => {
                let bytes = bytes.try_into().map_err(|_| tree.corrupt("its sequence number is not a number"))?;
                Sequence(u64::from_le_bytes(bytes))
            }
        };
        Ok(Self { tree, applied })
    }
}

impl Store for LsmStore {
    fn get_many(&self, table: TableId, keys: &[&[u8]], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.tree.get_many(table, keys, visit)
    }

    fn range(
        &self,
        table: TableId,
        range: KeyRange<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        self.tree.range(table, range, visit)
    }

    fn apply(&mut self, block: &Block) -> Result<Applied, StoreError> {
        let turn = in_turn(self.applied, block.sequence, block.sequence);
        if turn == Applied::Done {
            self.tree.apply(&block.writes, APPLIED, block.sequence.0.to_le_bytes().to_vec())?;
            self.applied = block.sequence;
        }
        Ok(turn)
    }

    fn applied(&self) -> Result<Sequence, StoreError> {
        Ok(self.applied)
    }

    fn snapshot(&self, to: &mut dyn SnapshotSink) -> Result<Sequence, StoreError> {
        self.tree.snapshot(to)?;
        Ok(self.applied)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.tree.flush()
    }

    fn wipe(&mut self) -> Result<(), StoreError> {
        self.applied = Sequence::NONE;
        self.tree.wipe()
    }
}

/// What the feature store holds beside the tree.
struct Features {
    tree: Tree,
    positions: BTreeMap<TaskId, Sequence>,
    cut: Arc<Cut>,
}

/// A [`FeatureStore`] in an LSM tree. One process at a time opens its folder.
pub struct LsmFeatureStore(RwLock<Features>);

impl fmt::Debug for LsmFeatureStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LsmFeatureStore").finish_non_exhaustive()
    }
}

/// The name under which the tree keeps a task's position.
fn position_name(task: &TaskId) -> Vec<u8> {
    [b"position/", task.index.to_be_bytes().as_slice(), task.flow.as_bytes()].concat()
}

/// The task whose position the tree keeps under `name`.
fn task_of(name: &[u8]) -> Option<TaskId> {
    let (index, flow) = name.strip_prefix(b"position/")?.split_first_chunk::<4>()?;
    Some(TaskId::new(std::str::from_utf8(flow).ok()?, u32::from_be_bytes(*index)))
}

impl LsmFeatureStore {
    /// Opens the store in `folder`, which is created if it is not there.
    ///
    /// # Errors
    /// A folder that cannot be created or read, is open elsewhere, or holds something else.
    pub fn open(folder: impl AsRef<Path>, options: LsmOptions) -> Result<Self, StoreError> {
        let tree = Tree::open(folder.as_ref(), options)?;
        let (mut positions, mut cut) = (BTreeMap::new(), Cut::default());
        for (name, about) in tree.all_about()? {
            let (Some(task), Some(position)) = (task_of(&name), Block::decode(&about)) else {
                return Err(tree.corrupt("a position in it cannot be read"));
            };
            positions.insert(task, position.sequence);
            cut.advance_to(&position.cut);
        }
        Ok(Self(RwLock::new(Features { tree, positions, cut: Arc::new(cut) })))
    }
}

impl FeatureStore for LsmFeatureStore {
    fn position(&self, task: &TaskId) -> Result<Sequence, StoreError> {
        let features = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(features.positions.get(task).copied().unwrap_or_default())
    }

    fn apply(
        &self,
        task: &TaskId,
        from: Sequence,
        to: Sequence,
        writes: &Writes,
        cut: &Cut,
    ) -> Result<Applied, StoreError> {
        let mut features = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let turn = in_turn(features.positions.get(task).copied().unwrap_or_default(), from, to);
        if turn != Applied::Done {
            return Ok(turn);
        }
        // A position is kept as a block that changes nothing.
        let mut about = Vec::new();
        Block { sequence: to, cut: cut.clone(), ..Block::default() }.encode(&mut about);
        features.tree.apply(writes, &position_name(task), about)?;
        features.positions.insert(task.clone(), to);
        Arc::make_mut(&mut features.cut).advance_to(cut);
        Ok(Applied::Done)
    }

    fn read(&self, set: SetId, keys: &[&[u8]], visit: &mut Visit<'_>) -> Result<Arc<Cut>, StoreError> {
        let features = self.0.read().unwrap_or_else(PoisonError::into_inner);
        features.tree.get_many(set.table(), keys, visit)?;
        Ok(Arc::clone(&features.cut))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).tree.flush()
    }
}
