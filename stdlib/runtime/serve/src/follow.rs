//! The service's own copy of the feature state: what the task that keeps features commits, read from its changelog.

use std::sync::Arc;

use flow_log::archive::Lake;
use flow_log::block::HISTORY;
use flow_log::snapshot::newest;
use flow_log::{Block, Log, LogError, Restored, Sequence, TableId, TaskId, Writes};
use flow_store::{Applied, FeatureStore};

use crate::error::ServeError;
use crate::live::LiveReads;

/// Blocks that are read at once, in bytes.
const READ: usize = 8 << 20;

/// Follows the changelog of a task into a store.
///
/// The copy is ready once a block says that the task has applied its history, and everything that is committed is read.
pub struct Follower {
    log: Box<dyn Log>,
    lake: Box<dyn Lake>,
    task: TaskId,
    private: u32,
    store: Arc<dyn FeatureStore>,
    reads: Arc<LiveReads>,
    sequence: Sequence,
    /// Whether the task had applied its history by the last block that was read.
    has_history: bool,
}

impl Follower {
    /// A follower of `task`, before its first block; it begins with the newest snapshot in `lake`, if there is one. Tables
    /// from the number `private` on are the task's own and are left out; `reads` hears of what is in the store, which is
    /// empty.
    #[must_use]
    pub fn new(
        log: Box<dyn Log>,
        lake: Box<dyn Lake>,
        task: TaskId,
        private: u32,
        store: Arc<dyn FeatureStore>,
        reads: Arc<LiveReads>,
    ) -> Self {
        Self { log, lake, task, private, store, reads, sequence: Sequence::NONE, has_history: false }
    }

    /// The last block of the changelog that is applied.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Applies what the task has committed since the last call, at most some megabytes; tells whether there may be more.
    ///
    /// # Errors
    /// A log or store that cannot be read or written, or a changelog with a gap.
    pub fn step(&mut self) -> Result<bool, ServeError> {
        if self.sequence == Sequence::NONE {
            let snapshot = newest(self.log.as_mut(), self.lake.as_ref(), &self.task);
            if let Some(snapshot) = snapshot.map_err(|error| ServeError::Unavailable(error.to_string()))? {
                self.apply(&snapshot)?;
            }
        }
        let mut blocks = Vec::new();
        let restored = self.log.blocks(&self.task, self.sequence, READ, &mut blocks);
        for block in &blocks {
            self.apply(block)?;
        }
        let restored = restored.map_err(|error| match error {
            // A copy that is this far behind no longer learns which keys have gone.
            LogError::Forgotten { task, first } => ServeError::Unavailable(format!(
                "this copy stands at block {} of `{task}`, whose changelog now begins with block {first}; start the service again, so that it begins with the newest snapshot",
                self.sequence
            )),
            error => ServeError::Unavailable(error.to_string()),
        })?;
        // Ready is who has read to the end: what was read so far may be old.
        if self.has_history && matches!(restored, Restored::Complete(_)) {
            self.reads.set_ready();
        }
        Ok(matches!(restored, Restored::More(_)))
    }

    fn apply(&mut self, block: &Block) -> Result<(), ServeError> {
        let mut writes = Writes::new();
        block.writes.before(TableId(self.private), &mut writes);
        let applied = self.store.apply(&self.task, self.sequence.next(), block.sequence, &writes, &block.cut);
        match applied.map_err(|error| ServeError::Unavailable(error.to_string()))? {
            Applied::Done | Applied::Stale => {}
            Applied::Gap { expected } => {
                return Err(ServeError::Unavailable(format!(
                    "the changelog of `{}` goes on at block {} where block {expected} was expected; start the service again",
                    self.task, block.sequence
                )));
            }
        }
        self.sequence = block.sequence;
        let arrived = block.cut.0.values().map(|mark| mark.arrived).filter(|arrived| *arrived > i64::MIN).max();
        let now = arrived.map_or(0, |arrived| arrived.saturating_add(1));
        self.reads.applied(now, &block.cut);
        self.has_history |= block.frontiers.contains_key(HISTORY);
        Ok(())
    }
}
