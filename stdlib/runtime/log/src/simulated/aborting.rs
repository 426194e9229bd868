//! Aborts on demand over any log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::block::Block;
use crate::error::{AppendError, LogError};
use crate::place::{Cut, Epoch, Mark, PartitionId, Sequence, TaskId};
use crate::traits::{Log, Outcome, Restored, Source, Transaction};

/// How many of the next commits an [`AbortingLog`] still gives up; shared with the test that decides it.
#[derive(Debug, Clone, Default)]
pub struct Aborts(Arc<AtomicU32>);

impl Aborts {
    /// The next `commits` are given up.
    pub fn next(&self, commits: u32) {
        self.0.store(commits, Ordering::SeqCst);
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

/// Another log, some commits of which are given up: to see a task abort on a log that has no reason to.
#[derive(Debug)]
pub struct AbortingLog<L> {
    log: L,
    aborts: Aborts,
}

impl<L: Log> AbortingLog<L> {
    /// `log`, as long as `aborts` lets it commit.
    #[must_use]
    pub fn new(log: L, aborts: Aborts) -> Self {
        Self { log, aborts }
    }
}

impl<L: Log> Log for AbortingLog<L> {
    fn create(&mut self, topic: &str, partitions: u32) -> Result<(), LogError> {
        self.log.create(topic, partitions)
    }

    fn partitions(&mut self, topic: &str) -> Result<Option<u32>, LogError> {
        self.log.partitions(topic)
    }

    fn topic_id(&mut self, topic: &str) -> Result<u64, LogError> {
        self.log.topic_id(topic)
    }

    fn end(&mut self, partition: &PartitionId) -> Result<Mark, LogError> {
        self.log.end(partition)
    }

    fn record_bytes(&self) -> usize {
        self.log.record_bytes()
    }

    fn source(&self) -> Result<Box<dyn Source>, LogError> {
        self.log.source()
    }

    fn own(&mut self, task: &TaskId) -> Result<Epoch, LogError> {
        self.log.own(task)
    }

    fn release(&mut self, task: &TaskId) {
        self.log.release(task);
    }

    fn positions(&mut self, task: &TaskId) -> Result<Option<Cut>, LogError> {
        self.log.positions(task)
    }

    fn blocks(
        &mut self,
        task: &TaskId,
        after: Sequence,
        bytes: usize,
        out: &mut Vec<Block>,
    ) -> Result<Restored, LogError> {
        self.log.blocks(task, after, bytes, out)
    }

    fn forget(&mut self, task: &TaskId, through: Sequence) -> Result<(), LogError> {
        self.log.forget(task, through)
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, LogError> {
        Ok(Box::new(AbortingTransaction { transaction: self.log.begin()?, aborts: &self.aborts }))
    }

    fn resolve(&mut self) -> Result<Outcome, LogError> {
        self.log.resolve()
    }
}

struct AbortingTransaction<'a> {
    transaction: Box<dyn Transaction + 'a>,
    aborts: &'a Aborts,
}

impl Transaction for AbortingTransaction<'_> {
    fn append(&mut self, to: &PartitionId, key: &[u8], record: &[u8], stamp: i64) -> Result<(), AppendError> {
        self.transaction.append(to, key, record, stamp)
    }

    fn block(&mut self, task: &TaskId, block: &Block) -> Result<(), LogError> {
        self.transaction.block(task, block)
    }

    fn positions(&mut self, task: &TaskId, cut: &Cut) -> Result<(), LogError> {
        self.transaction.positions(task, cut)
    }

    fn commit(self: Box<Self>) -> Outcome {
        if self.aborts.take() {
            self.transaction.abort();
            return Outcome::Aborted(LogError::GivenUp);
        }
        self.transaction.commit()
    }

    fn abort(self: Box<Self>) {
        self.transaction.abort();
    }
}
