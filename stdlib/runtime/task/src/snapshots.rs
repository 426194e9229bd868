//! Keeps a task's changelog short: a snapshot now and then, made beside the task.

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;

use flow_log::archive::{FolderLake, Lake};
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::snapshot::{Compacted, begin, compact};
use flow_log::{Block, Log, TaskId};

use crate::error::RunError;
use crate::state::StateFolder;

/// Bytes of changes after which there is a snapshot, where the state is small: about what is read again in a quarter of
/// a second. Where the state is large, it is twice its size, so that all snapshots together cost no more than half of
/// what the changelog does.
const LEAST: u64 = 64 << 20;

/// A handle on the log, and one on the lake.
type Handles = (Box<dyn Log>, Box<dyn Lake>);

/// Gives each thread that asks handles of its own.
type Open = dyn Fn() -> Result<Handles, RunError> + Send + Sync;

/// Where a task's snapshots go, and how often.
#[derive(Clone)]
pub struct Snapshots {
    open: Arc<Open>,
    /// Bytes of changes in the changelog after which a snapshot is made, at the least.
    pub least: u64,
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots").field("least", &self.least).finish_non_exhaustive()
    }
}

impl Snapshots {
    /// Snapshots of a log, in a lake; `open` gives a handle on both.
    pub fn new(open: impl Fn() -> Result<Handles, RunError> + Send + Sync + 'static, least: u64) -> Self {
        Self { open: Arc::new(open), least }
    }

    /// Those of a state folder.
    #[must_use]
    pub fn of(folder: &StateFolder) -> Self {
        let (log, lake) = (folder.log(), folder.lake());
        let open = move || -> Result<Handles, RunError> {
            let log = EmbeddedLog::open(&log, Options::default())?;
            Ok((Box::new(log), Box::new(FolderLake::open(&lake)?)))
        };
        Self::new(open, LEAST)
    }

    /// The newest snapshot of a task, for its owner, before it commits anything.
    ///
    /// # Errors
    /// A log that cannot be read, or a lake that cannot be read or written.
    pub fn begin(&self, task: &TaskId) -> Result<Option<Block>, RunError> {
        let (mut log, mut lake) = (self.open)()?;
        Ok(begin(log.as_mut(), lake.as_mut(), task)?)
    }
}

/// Counts what a task changes, and makes its snapshots in a thread beside it.
#[derive(Debug)]
pub(crate) struct Compactor {
    snapshots: Snapshots,
    task: TaskId,
    /// Bytes of changes since the last snapshot was begun.
    since: u64,
    /// Bytes after which the next one is.
    limit: u64,
    running: Option<JoinHandle<Result<Compacted, RunError>>>,
}

impl Compactor {
    pub fn new(snapshots: Snapshots, task: TaskId) -> Self {
        let limit = snapshots.least;
        Self { snapshots, task, since: 0, limit, running: None }
    }

    /// Hears what was read to restore the task: the size of the snapshot, and of the changes since.
    pub fn restored(&mut self, snapshot: usize, since: usize) {
        self.since = since as u64;
        self.limit = self.snapshots.least.max((snapshot as u64).saturating_mul(2));
    }

    /// Hears of a commit that changed so many bytes.
    ///
    /// # Errors
    /// What kept the last snapshot from being made.
    pub fn committed(&mut self, bytes: usize) -> Result<(), RunError> {
        self.since = self.since.saturating_add(bytes as u64);
        if self.running.as_ref().is_some_and(JoinHandle::is_finished) {
            self.finish()?;
        }
        if self.running.is_none() && self.since >= self.limit {
            self.since = 0;
            let (snapshots, task) = (self.snapshots.clone(), self.task.clone());
            let made = move || -> Result<Compacted, RunError> {
                let (mut log, mut lake) = (snapshots.open)()?;
                Ok(compact(log.as_mut(), lake.as_mut(), &task)?)
            };
            let thread = std::thread::Builder::new().name("snapshot".to_owned()).spawn(made);
            let refused = |error| RunError::Environment(format!("cannot start a thread for a snapshot: {error}"));
            self.running = Some(thread.map_err(refused)?);
        }
        Ok(())
    }

    /// Waits for the snapshot that is being made, if one is.
    ///
    /// # Errors
    /// What kept it from being made.
    pub fn finish(&mut self) -> Result<(), RunError> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let ended =
            running.join().map_err(|_| RunError::Plan("the thread of a snapshot ended in a panic".to_owned()))?;
        self.limit = self.snapshots.least.max(ended?.bytes.saturating_mul(2));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use flow_log::archive::MemoryLake;
    use flow_log::{Outcome, Sequence, TableId};

    use super::*;

    /// A task with one block of so many bytes in its changelog, and how many snapshots were begun.
    fn compactor(bytes: usize) -> (tempfile::TempDir, Compactor, Arc<AtomicUsize>) {
        let folder = tempfile::tempdir().unwrap();
        let (root, task) = (folder.path().to_owned(), TaskId::new("shop", 0));
        let mut log = EmbeddedLog::open(&root, Options::default()).unwrap();
        log.own(&task).unwrap();
        let mut block = Block { sequence: Sequence(1), ..Block::default() };
        block.writes.put(TableId(0), b"key", &vec![0; bytes]);
        let mut transaction = log.begin().unwrap();
        transaction.block(&task, &block).unwrap();
        assert_eq!(transaction.commit(), Outcome::Committed);
        let begun = Arc::new(AtomicUsize::new(0));
        let (counted, lake) = (Arc::clone(&begun), MemoryLake::default());
        let open = move || -> Result<Handles, RunError> {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok((Box::new(EmbeddedLog::open(&root, Options::default())?), Box::new(lake.clone())))
        };
        (folder, Compactor::new(Snapshots::new(open, 100), task), begun)
    }

    #[test]
    fn a_snapshot_is_made_after_so_many_changes_or_twice_the_size_of_the_state() {
        let (_folder, mut compactor, begun) = compactor(500);
        let mut committed = |bytes: usize| {
            compactor.committed(bytes).unwrap();
            compactor.finish().unwrap();
            begun.load(Ordering::SeqCst)
        };
        assert_eq!([99, 1].map(&mut committed), [0, 1], "100 bytes are due");
        // The state has more than 500 bytes, so that the next one waits for more than 1,000.
        assert_eq!([999, 1].map(&mut committed), [1, 1]);
        assert_eq!([1_000, 200].map(&mut committed), [2, 2], "it counts anew from each one");
        // What was read to restore a task counts, too, in place of what was counted.
        compactor.restored(60, 30);
        assert_eq!(compactor.limit, 120);
        compactor.committed(89).unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 2);
        compactor.committed(1).unwrap();
        compactor.finish().unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 3);
        compactor.restored(10, 0);
        assert_eq!(compactor.limit, 100);
    }
}
