//! A transaction: gathered in memory, written when it commits.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_core::fault::Fault;

use super::chunk::Staged;
use super::commits::{AddError, End, State, Task};
use super::files::{self, LockFile};
use super::{EmbeddedLog, Options, check_partition, names};
use crate::block::Block;
use crate::error::{AppendError, LogError};
use crate::place::{Cut, Epoch, PartitionId, Sequence, TaskId};
use crate::traits::{Outcome, Transaction};

/// The largest block, in bytes.
const BLOCK_BYTES: usize = 1 << 30;

/// The files of a partition that this handle writes to.
#[derive(Debug)]
pub struct PartitionWriter {
    folder: PathBuf,
    lock: Arc<LockFile>,
    /// The segment written to last, by its first offset.
    segment: Option<(i64, File)>,
}

impl PartitionWriter {
    fn open(root: &Path, partition: &PartitionId, durable: bool) -> Result<Self, LogError> {
        let folder = names::partition_folder(root, partition);
        files::create_folder(&folder)?;
        if durable {
            for above in folder.ancestors().skip(1).take_while(|above| above.starts_with(root)) {
                files::sync_folder(above)?;
            }
        }
        let lock = Arc::new(LockFile::open(folder.join("lock"))?);
        Ok(Self { folder, lock, segment: None })
    }

    /// Writes records behind `end` and answers the new end. Only under the partition's lock.
    fn write(&mut self, staged: &mut Staged, end: End, options: &Options) -> Result<End, LogError> {
        let (bytes, mark) = staged.seal(end.mark);
        let full = end.bytes >= options.segment_bytes;
        if full {
            // From here on the former segment is whole: readers take all of it.
            let (file, path) = self.segment(end.segment)?;
            cut(file, &path, end.bytes)?;
        }
        let (base, at) = if full { (end.mark.next, 0) } else { (end.segment, end.bytes) };
        let (file, path) = self.segment(base)?;
        cut(file, &path, at)?;
        if let Err(error) = files::write_at(file, &path, bytes, at) {
            // Gives the space back; the bytes mean nothing anyhow.
            let _ = files::truncate(file, &path, at);
            return Err(error);
        }
        if options.durable {
            files::sync(file, &path)?;
            if at == 0 {
                files::sync_folder(&self.folder)?;
            }
        }
        Ok(End { mark, segment: base, bytes: at + bytes.len() as u64 })
    }

    /// Gives back what was written behind `end`.
    fn undo(&mut self, end: End) {
        if let Some((base, file)) = &self.segment {
            let at = if *base == end.segment { end.bytes } else { 0 };
            // Without it the next writer does the same.
            let _ = file.set_len(at);
        }
    }

    fn segment(&mut self, base: i64) -> Result<(&File, PathBuf), LogError> {
        let path = names::segment(&self.folder, base);
        let file = match self.segment.take() {
            Some((open, file)) if open == base => file,
            _ => files::open(&path)?,
        };
        let (_, file) = self.segment.insert((base, file));
        Ok((file, path))
    }
}

/// Drops what lies behind the committed bytes of a segment.
fn cut(file: &File, path: &Path, committed: u64) -> Result<(), LogError> {
    let len = files::len(file, path)?;
    if len < committed {
        let why = "committed bytes are missing".to_owned();
        return Err(LogError::Corrupt { file: path.to_path_buf(), at: len, why });
    }
    if len > committed { files::truncate(file, path, committed) } else { Ok(()) }
}

/// What a transaction does to a task.
#[derive(Debug)]
struct Change {
    epoch: Epoch,
    sequence: Option<Sequence>,
    cut: Option<Cut>,
}

/// A transaction of an [`EmbeddedLog`].
#[derive(Debug)]
pub struct EmbeddedTransaction<'a> {
    log: &'a mut EmbeddedLog,
    staged: BTreeMap<PartitionId, Staged>,
    tasks: BTreeMap<TaskId, Change>,
}

/// Why a transaction did not commit.
enum Refusal {
    Fenced(TaskId),
    Error(LogError),
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        Self::Error(error)
    }
}

impl<'a> EmbeddedTransaction<'a> {
    /// An empty transaction.
    pub fn new(log: &'a mut EmbeddedLog) -> Self {
        Self { log, staged: BTreeMap::new(), tasks: BTreeMap::new() }
    }

    fn change(&mut self, task: &TaskId) -> Result<&mut Change, LogError> {
        let lease = self.log.leases.get(task).ok_or_else(|| LogError::NotOwned { task: task.clone() })?;
        let fresh = Change { epoch: lease.epoch, sequence: None, cut: None };
        Ok(self.tasks.entry(task.clone()).or_insert(fresh))
    }

    /// Writes everything and adds the commit record.
    fn write(&mut self) -> Result<(), AddError<Refusal>> {
        let Self { log, staged, tasks } = self;
        let failed = AddError::NotAdded;
        let mut locks = Vec::with_capacity(staged.len());
        for partition in staged.keys() {
            if !log.writers.contains_key(partition) {
                let writer = PartitionWriter::open(&log.root, partition, log.options.durable).map_err(failed)?;
                log.writers.insert(partition.clone(), writer);
            }
            if let Some(writer) = log.writers.get(partition) {
                locks.push(Arc::clone(&writer.lock));
            }
        }
        // Every transaction takes its locks in the order of the partitions, so that none waits in a circle.
        let held: Result<Vec<_>, LogError> = locks.iter().map(|lock| lock.take()).collect();
        let _held = held.map_err(failed)?;
        // With the locks held, nobody moves these partitions' ends.
        log.commits.refresh().map_err(failed)?;
        advance(log.commits.state(), tasks).map_err(AddError::Refused)?;
        let mut before = Vec::with_capacity(staged.len());
        let mut ends = BTreeMap::new();
        let mut problem = None;
        for (partition, records) in staged.iter_mut() {
            let Some(writer) = log.writers.get_mut(partition) else { continue };
            let end = log.commits.state().end(partition);
            before.push((partition.clone(), end));
            match writer.write(records, end, &log.options) {
                Ok(end) => {
                    ends.insert(partition.clone(), end);
                }
                Err(error) => {
                    problem = Some(AddError::NotAdded(error));
                    break;
                }
            }
        }
        let added = match problem {
            Some(error) => Err(error),
            None => log.commits.add(|state| Ok(State { tasks: advance(state, tasks)?, ends, ..State::default() })),
        };
        if matches!(added, Err(AddError::Refused(_) | AddError::NotAdded(_))) {
            for (partition, end) in before {
                if let Some(writer) = log.writers.get_mut(&partition) {
                    writer.undo(end);
                }
            }
        }
        added
    }
}

/// The tasks as they stand after the transaction, if they are still its owner's.
fn advance(state: &State, changes: &BTreeMap<TaskId, Change>) -> Result<BTreeMap<TaskId, Task>, Refusal> {
    let mut tasks = BTreeMap::new();
    for (id, change) in changes {
        let mut task = state.tasks.get(id).cloned().unwrap_or_default();
        if task.epoch != change.epoch {
            return Err(Refusal::Fenced(id.clone()));
        }
        if let Some(sequence) = change.sequence {
            out_of_turn(id, &task, sequence)?;
            task.sequence = sequence;
        }
        if change.cut.is_some() {
            task.cut.clone_from(&change.cut);
        }
        tasks.insert(id.clone(), task);
    }
    Ok(tasks)
}

fn out_of_turn(id: &TaskId, task: &Task, sequence: Sequence) -> Result<(), LogError> {
    let expected = task.sequence.next();
    if sequence == expected { Ok(()) } else { Err(LogError::Gap { task: id.clone(), expected, found: sequence }) }
}

impl Transaction for EmbeddedTransaction<'_> {
    fn append(&mut self, to: &PartitionId, key: &[u8], record: &[u8], stamp: i64) -> Result<(), AppendError> {
        if key.len().saturating_add(record.len()) > self.log.options.record_bytes {
            return Err(AppendError::Row(Fault::TooLarge));
        }
        if let Some(staged) = self.staged.get_mut(to) {
            staged.push(key, record, stamp);
            return Ok(());
        }
        if check_partition(self.log.commits.state(), to).is_err() {
            self.log.commits.refresh()?;
            check_partition(self.log.commits.state(), to)?;
        }
        self.staged.entry(to.clone()).or_default().push(key, record, stamp);
        Ok(())
    }

    fn block(&mut self, task: &TaskId, block: &Block) -> Result<(), LogError> {
        let state = self.log.commits.state().tasks.get(task).cloned().unwrap_or_default();
        let change = self.change(task)?;
        // A second block would have to follow the first, which is not there yet.
        let expected = change.sequence.unwrap_or(state.sequence).next();
        if change.sequence.is_some() || (change.epoch == state.epoch && block.sequence != expected) {
            return Err(LogError::Gap { task: task.clone(), expected, found: block.sequence });
        }
        let mut bytes = Vec::with_capacity(block.writes.bytes() + 256);
        block.encode(&mut bytes);
        if bytes.len() > BLOCK_BYTES {
            return Err(LogError::BlockTooLarge { task: task.clone(), bytes: bytes.len() });
        }
        change.sequence = Some(block.sequence);
        self.staged.entry(names::changelog(task)).or_default().push(&[], &bytes, 0);
        Ok(())
    }

    fn positions(&mut self, task: &TaskId, cut: &Cut) -> Result<(), LogError> {
        self.change(task)?.cut = Some(cut.clone());
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Outcome {
        if self.staged.is_empty() && self.tasks.is_empty() {
            return Outcome::Committed;
        }
        match self.write() {
            Ok(()) => Outcome::Committed,
            Err(AddError::Refused(Refusal::Fenced(task))) => Outcome::Fenced(task),
            Err(AddError::Refused(Refusal::Error(error)) | AddError::NotAdded(error)) => Outcome::Aborted(error),
            Err(AddError::NotSynced(error)) => {
                self.log.unsynced = true;
                Outcome::Unknown(error)
            }
        }
    }

    fn abort(self: Box<Self>) {}
}
