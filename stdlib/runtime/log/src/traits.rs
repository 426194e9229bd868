//! What a task asks of a log. Nothing here knows whether files, memory or a broker answer.
//!
//! # The life of a task
//!
//! 1. [`Log::own`] the task: every earlier owner is fenced from here on.
//! 2. [`Log::blocks`] until it answers [`Restored::Complete`]; apply each block to the local store.
//! 3. [`Source::assign`] the inputs at [`Log::positions`].
//! 4. [`Source::poll`], process; then in one [`Transaction`] append the outputs, stage the state changes with
//!    [`Transaction::block`] and the inputs taken with [`Transaction::positions`]; [`Transaction::commit`].
//! 5. On [`Outcome::Committed`] apply the block to the store. On [`Outcome::Aborted`] forget what was staged and
//!    [`Source::rewind`] to the committed positions. On [`Outcome::Fenced`] give the task up. On [`Outcome::Unknown`]
//!    call [`Log::resolve`], and do nothing else meanwhile.

use std::time::Duration;

use crate::batch::RawBatch;
use crate::block::Block;
use crate::error::{AppendError, LogError};
use crate::place::{Cut, Epoch, Mark, PartitionId, Sequence, TaskId};

/// Where reading of a partition starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At a mark, as a committed cut names it. A mark beyond the partition's end is an error.
    At(Mark),
    /// At the first record that is there.
    Earliest,
    /// At the first record whose `arrived` is at or after this instant (µs); at the end if there is none.
    Since(i64),
}

/// How much one poll may hand out. At least one record is handed out if there is one, however large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records, over all partitions.
    pub records: usize,
    /// Bytes of keys and values, over all partitions.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { records: 8_192, bytes: 4 << 20 }
    }
}

/// How far the reading of one partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The offset of the next record to be handed out.
    pub next: i64,
    /// The running maximum of the record timestamps handed out (µs), `i64::MIN` before the first: the partition's frontier.
    pub arrived: i64,
    /// The partition's committed end when it was last looked at.
    pub end: i64,
    /// Whether everything up to `end` has been handed out.
    pub at_end: bool,
    /// Whether nothing can ever come after `end`.
    pub closed: bool,
}

/// Reads partitions of a log; sees a transaction's records only when it has committed, and then all of them in order.
pub trait Source: Send {
    /// Stops reading `drop`, then starts reading `add`. A partition that is read already moves to its new start.
    ///
    /// # Errors
    /// An unknown partition, a mark beyond its end, or a file that cannot be read; then nothing was changed.
    fn assign(&mut self, add: &[(PartitionId, Start)], drop: &[PartitionId]) -> Result<(), LogError>;

    /// Appends to `out` what is there, one or more batches a partition, none of them empty, no partition starving
    /// another; waits for up to `wait` if there is nothing.
    ///
    /// # Errors
    /// A file that cannot be read, or is damaged.
    fn poll(&mut self, limits: Limits, wait: Duration, out: &mut Vec<RawBatch>) -> Result<(), LogError>;

    /// How far `partition` is read; nothing if it is not assigned.
    fn progress(&self, partition: &PartitionId) -> Option<Progress>;

    /// Holds `partition` back from polls, or lets it go on.
    fn pause(&mut self, partition: &PartitionId, on: bool);

    /// Sets every assigned partition back (or on) to its mark in `to` and drops what was read ahead. A partition that
    /// the cut does not name goes to its start.
    ///
    /// # Errors
    /// A mark beyond the partition's end.
    fn rewind(&mut self, to: &Cut) -> Result<(), LogError>;
}

/// How a commit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is in the log, for every reader.
    Committed,
    /// None of it is in the log, nor ever will be, for the reason given; the task may go on after rewinding.
    Aborted(LogError),
    /// None of it is in the log: another owner has taken this task.
    Fenced(TaskId),
    /// It may or may not be in the log: [`Log::resolve`] tells.
    Unknown(LogError),
}

/// What became of asking for the blocks of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// The blocks up to this one were handed out and there are more: ask again after it.
    More(Sequence),
    /// All blocks were handed out, up to this one, and nothing written by an earlier owner can still appear.
    Complete(Sequence),
    /// The blocks up to this one were handed out; behind it lies a transaction whose outcome is not visible yet.
    /// Ask again after it, and process nothing until the answer is `Complete`.
    Waiting(Sequence),
}

/// A partitioned log with transactions and one changelog per task.
pub trait Log: Send {
    /// Creates `topic` with `partitions` partitions; does nothing if it is there with as many.
    ///
    /// # Errors
    /// A topic of that name with another number of partitions, a name that cannot be one, or a refused write.
    fn create(&mut self, topic: &str, partitions: u32) -> Result<(), LogError>;

    /// The number of partitions of `topic`; nothing if it was not created.
    ///
    /// # Errors
    /// A log that cannot be read.
    fn partitions(&mut self, topic: &str) -> Result<Option<u32>, LogError>;

    /// Which topic of this name it is: one that is removed and made anew has another number. Where topics are never
    /// removed, the name is enough.
    ///
    /// # Errors
    /// A log that cannot be read.
    fn topic_id(&mut self, topic: &str) -> Result<u64, LogError> {
        let _ = topic;
        Ok(0)
    }

    /// The committed end of `partition`: the offset that the next record will get, and the greatest timestamp so far.
    ///
    /// # Errors
    /// An unknown partition, or a log that cannot be read.
    fn end(&mut self, partition: &PartitionId) -> Result<Mark, LogError>;

    /// The largest record that it takes: bytes of key and value together.
    fn record_bytes(&self) -> usize;

    /// A new reader of this log, with nothing assigned.
    ///
    /// # Errors
    /// A log that cannot be read.
    fn source(&self) -> Result<Box<dyn Source>, LogError>;

    /// Takes the task: an earlier owner's transactions end in [`Outcome::Fenced`] from here on. Taking it again keeps it.
    ///
    /// # Errors
    /// [`LogError::Owned`] where the implementation can tell that another live process runs it; a refused write.
    fn own(&mut self, task: &TaskId) -> Result<Epoch, LogError>;

    /// Gives the task back, so that another process can take it.
    fn release(&mut self, task: &TaskId);

    /// The input positions of the task's last commit; nothing before the first. Ask after [`Log::blocks`] is complete.
    ///
    /// # Errors
    /// A log that cannot be read.
    fn positions(&mut self, task: &TaskId) -> Result<Option<Cut>, LogError>;

    /// Appends to `out` the task's committed blocks after `after`, in sequence, about `bytes` of them a call.
    ///
    /// # Errors
    /// [`LogError::Gap`] where the sequence is broken (then `out` holds the blocks before it); [`LogError::Forgotten`]
    /// where the block after `after` is no longer there; a log that cannot be read.
    fn blocks(
        &mut self,
        task: &TaskId,
        after: Sequence,
        bytes: usize,
        out: &mut Vec<Block>,
    ) -> Result<Restored, LogError>;

    /// Lets the log drop the task's blocks up to `through`, which a snapshot holds. It may keep some of them.
    ///
    /// # Errors
    /// A log that cannot be read, or files that cannot be removed.
    fn forget(&mut self, task: &TaskId, through: Sequence) -> Result<(), LogError>;

    /// Begins a transaction. Nothing is locked and nothing written before it commits.
    ///
    /// # Errors
    /// [`LogError::Unresolved`] while the outcome of an earlier commit is unknown.
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, LogError>;

    /// Finishes the commit whose outcome was unknown and says how it ended; [`Outcome::Unknown`] means: ask again.
    ///
    /// # Errors
    /// A log that cannot be read.
    fn resolve(&mut self) -> Result<Outcome, LogError>;
}

/// Records, state changes and positions that become visible together or not at all. Dropping it aborts it.
pub trait Transaction {
    /// Appends a record with timestamp `stamp` (µs).
    ///
    /// # Errors
    /// [`AppendError::Row`] for a record that no log takes (the transaction goes on without it);
    /// [`AppendError::Log`] for a partition that is not there.
    fn append(&mut self, to: &PartitionId, key: &[u8], record: &[u8], stamp: i64) -> Result<(), AppendError>;

    /// Adds a block to the task's changelog: at most one per task, with the sequence number after the last committed.
    ///
    /// # Errors
    /// [`LogError::NotOwned`], [`LogError::BlockTooLarge`], or [`LogError::Gap`] where the number is known to be out of turn.
    fn block(&mut self, task: &TaskId, block: &Block) -> Result<(), LogError>;

    /// Moves the task's input positions to `cut`, whole. To be called in every transaction of a task, also without
    /// rows: it is what fences.
    ///
    /// # Errors
    /// [`LogError::NotOwned`].
    fn positions(&mut self, task: &TaskId, cut: &Cut) -> Result<(), LogError>;

    /// Makes all of it visible at once.
    fn commit(self: Box<Self>) -> Outcome;

    /// Forgets all of it.
    fn abort(self: Box<Self>);
}
