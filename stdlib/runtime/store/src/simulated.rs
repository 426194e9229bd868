//! Stores that die with the simulated process that writes to them.
//!
//! What lies beneath is shared and outlives the process, as a disk or a remote store does: a test hands the same one to
//! the next process, or an empty one where the state was in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_log::simulated::{CrashPoint, Crashes};
use flow_log::{Block, Cut, Sequence, TableId, TaskId, Writes};

use crate::error::StoreError;
use crate::traits::{Applied, FeatureStore, KeyRange, SetId, SnapshotSink, Store, Visit};

fn at(crashes: &Crashes, point: CrashPoint) -> Result<(), StoreError> {
    crashes.at(point).map_err(|_| StoreError::Crashed)
}

fn alive(crashes: &Crashes) -> Result<(), StoreError> {
    crashes.alive().map_err(|_| StoreError::Crashed)
}

/// A [`Store`] that passes [`CrashPoint::InsideApply`] before a block is in it and [`CrashPoint::BetweenStores`] after.
#[derive(Debug)]
pub struct CrashingStore<S> {
    disk: Arc<Mutex<S>>,
    crashes: Crashes,
}

impl<S: Store> CrashingStore<S> {
    /// The store on `disk`, as the process of `crashes` sees it.
    #[must_use]
    pub fn new(disk: Arc<Mutex<S>>, crashes: Crashes) -> Self {
        Self { disk, crashes }
    }

    fn disk(&self) -> Result<MutexGuard<'_, S>, StoreError> {
        alive(&self.crashes)?;
        Ok(self.disk.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Store> Store for CrashingStore<S> {
    fn get_many(&self, table: TableId, keys: &[&[u8]], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.disk()?.get_many(table, keys, visit)
    }

    fn range(
        &self,
        table: TableId,
        range: KeyRange<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        self.disk()?.range(table, range, visit)
    }

    fn apply(&mut self, block: &Block) -> Result<Applied, StoreError> {
        // A block is atomic: a process that dies inside leaves nothing of it.
        at(&self.crashes, CrashPoint::InsideApply)?;
        let applied = self.disk()?.apply(block)?;
        at(&self.crashes, CrashPoint::BetweenStores)?;
        Ok(applied)
    }

    fn applied(&self) -> Result<Sequence, StoreError> {
        self.disk()?.applied()
    }

    fn snapshot(&self, to: &mut dyn SnapshotSink) -> Result<Sequence, StoreError> {
        self.disk()?.snapshot(to)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.disk()?.flush()
    }

    fn wipe(&mut self) -> Result<(), StoreError> {
        self.disk()?.wipe()
    }
}

/// A [`FeatureStore`] that passes [`CrashPoint::InsideApply`] before and [`CrashPoint::BetweenStores`] after each write.
#[derive(Debug)]
pub struct CrashingFeatureStore<F> {
    remote: Arc<F>,
    crashes: Crashes,
}

impl<F: FeatureStore> CrashingFeatureStore<F> {
    /// The store at `remote`, as the process of `crashes` sees it.
    #[must_use]
    pub fn new(remote: Arc<F>, crashes: Crashes) -> Self {
        Self { remote, crashes }
    }
}

impl<F: FeatureStore> FeatureStore for CrashingFeatureStore<F> {
    fn position(&self, task: &TaskId) -> Result<Sequence, StoreError> {
        alive(&self.crashes)?;
        self.remote.position(task)
    }

    fn apply(
        &self,
        task: &TaskId,
        from: Sequence,
        to: Sequence,
        writes: &Writes,
        cut: &Cut,
    ) -> Result<Applied, StoreError> {
        at(&self.crashes, CrashPoint::InsideApply)?;
        let applied = self.remote.apply(task, from, to, writes, cut)?;
        at(&self.crashes, CrashPoint::BetweenStores)?;
        Ok(applied)
    }

    fn read(&self, set: SetId, keys: &[&[u8]], visit: &mut Visit<'_>) -> Result<Arc<Cut>, StoreError> {
        alive(&self.crashes)?;
        self.remote.read(set, keys, visit)
    }

    fn flush(&self) -> Result<(), StoreError> {
        alive(&self.crashes)?;
        self.remote.flush()
    }
}
