//! A log in a folder, for any number of processes at once.
//!
//! A transaction gathers its records in memory. Its commit writes them behind the committed end of each partition, all
//! partitions locked for that moment, and then adds one record to the commit file: only that makes them part of the
//! log. Readers follow the commit file and never look beyond the ends that it names. So
//!
//! - offsets are dense: a partition's committed records have the offsets 0, 1, 2, … in the order of their commits, and
//!   in the order of [`Transaction::append`] within one; an aborted transaction leaves no trace;
//! - a transaction becomes visible in all its partitions at once, and each reader sees a prefix of each partition;
//! - what a killed process left behind the committed ends is overwritten by the next writer and seen by nobody.
//!
//! Nothing locks the folder. The owner of a task holds the lock on the task's file, which goes when its process dies.
//! The locks of a commit go with it too; but a process that is stopped (not killed) in the middle of a commit holds up
//! the writers of the same partitions until it goes on.
//!
//! Without [`Options::durable`] a commit survives the death of every process, but not a power failure; with it the
//! files are synced before the commit is answered, in the order that keeps it atomic.
//!
//! ```
//! use std::time::Duration;
//! use flow_log::embedded::{EmbeddedLog, Options};
//! use flow_log::{Block, Cut, Limits, Log, Outcome, PartitionId, Restored, Sequence, Start, TableId, TaskId};
//!
//! # let folder = tempfile::tempdir()?;
//! let mut log = EmbeddedLog::open(folder.path(), Options::default())?;
//! log.create("payments", 4)?;
//! let (input, task) = (PartitionId::new("payments", 0), TaskId::new("alerts", 0));
//!
//! // A producer: no task, just records.
//! let mut transaction = log.begin()?;
//! transaction.append(&input, b"card-1", b"{}", 1_700_000_000_000_000)?;
//! assert_eq!(transaction.commit(), Outcome::Committed);
//!
//! // A task: own, restore, read from the committed positions.
//! log.own(&task)?;
//! let mut blocks = Vec::new();
//! assert_eq!(log.blocks(&task, Sequence::NONE, 1 << 20, &mut blocks)?, Restored::Complete(Sequence::NONE));
//! let mut cut = log.positions(&task)?.unwrap_or_default();
//! let mut source = log.source()?;
//! source.assign(&[(input.clone(), Start::At(cut.mark(&input)))], &[])?;
//!
//! // One round: poll, process, commit the outputs, the state and the positions together.
//! let mut batches = Vec::new();
//! source.poll(Limits::default(), Duration::from_millis(10), &mut batches)?;
//! let mut block = Block { sequence: Sequence::NONE.next(), ..Block::default() };
//! for batch in &batches {
//!     for (_record, key, _value) in batch.iter() {
//!         block.writes.put(TableId(0), key, b"seen");
//!     }
//!     cut.0.extend(batch.end().map(|mark| (batch.partition.clone(), mark)));
//! }
//! block.cut = cut.clone();
//! let mut transaction = log.begin()?;
//! transaction.block(&task, &block)?;
//! transaction.positions(&task, &cut)?;
//! assert_eq!(transaction.commit(), Outcome::Committed);
//! assert_eq!(log.positions(&task)?, Some(cut));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chunk;
mod commits;
pub(crate) mod files;
pub(crate) mod names;
mod reader;
mod source;
mod transaction;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use flow_core::unique::number;
use flow_files::Fresh;

use self::commits::{AddError, Commits, End, State};
use self::reader::PartitionReader;
use self::transaction::{EmbeddedTransaction, PartitionWriter};
use crate::block::Block;
use crate::error::LogError;
use crate::place::{Cut, Epoch, Mark, PartitionId, Sequence, TaskId};
use crate::traits::{Limits, Log, Outcome, Restored, Source, Start, Transaction};

pub use self::source::EmbeddedSource;

/// The number of partitions that a topic has where nothing else is said.
pub const PARTITIONS: u32 = 4;

/// The largest record that is taken where nothing else is said: a line of ten megabytes is kept whole as a dead letter, too.
pub const RECORD_BYTES: usize = 16 << 20;

/// How a log is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether commits survive a power failure (and not only the death of processes).
    pub durable: bool,
    /// A partition begins a new segment once the last one has this many bytes.
    pub segment_bytes: u64,
    /// The commit file is replaced by a short one once it has this many bytes.
    pub commits_bytes: u64,
    /// The largest record taken: bytes of key and value together.
    pub record_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { durable: false, segment_bytes: 64 << 20, commits_bytes: 8 << 20, record_bytes: RECORD_BYTES }
    }
}

/// A task that this handle owns.
#[derive(Debug)]
struct Lease {
    epoch: Epoch,
    /// Holds the lock on the task's file; absent after a take-over, where the former owner may still hold it.
    _lock: Option<File>,
}

/// A handle on the log in a folder. Each thread opens its own.
#[derive(Debug)]
pub struct EmbeddedLog {
    root: PathBuf,
    options: Options,
    commits: Commits,
    leases: BTreeMap<TaskId, Lease>,
    writers: BTreeMap<PartitionId, PartitionWriter>,
    /// Whether the last commit is there but could not be synced.
    unsynced: bool,
}

impl EmbeddedLog {
    /// Opens the log in `folder`, which is created if it is not there.
    ///
    /// # Errors
    /// A folder that cannot be created or read, or that holds something else.
    pub fn open(folder: impl AsRef<Path>, options: Options) -> Result<Self, LogError> {
        let root = folder.as_ref().to_path_buf();
        if options.durable {
            files::create_durable_folder(&root)?
        } else {
            files::create_folder(&root)?
        }
        let commits = Commits::open(&root, options.durable, options.commits_bytes)?;
        let (leases, writers) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { root, options, commits, leases, writers, unsynced: false })
    }

    /// Takes the task whatever its present owner does, who is fenced: for an owner that hangs and whose lock does
    /// therefore not go away.
    ///
    /// # Errors
    /// A name that cannot be a flow's, or a refused write.
    pub fn take_over(&mut self, task: &TaskId) -> Result<Epoch, LogError> {
        names::check(&task.flow)?;
        self.lease(task, None)
    }

    /// All topics with their numbers of partitions.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn topics(&mut self) -> Result<BTreeMap<String, u32>, LogError> {
        self.commits.refresh()?;
        Ok(self.commits.state().topics.iter().map(|(topic, n)| (topic.to_string(), *n)).collect())
    }

    /// A number that no other folder has, written by whoever asks first.
    fn id(&self) -> Result<u64, LogError> {
        let path = self.root.join("log.id");
        for _ in 0..2 {
            match fs::read(&path) {
                Ok(bytes) => {
                    let damaged = || LogError::Corrupt { file: path.clone(), at: 0, why: "it is no number".to_owned() };
                    return Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| damaged())?));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(LogError::io("read", &path, &error)),
            }
            let refused = |error: std::io::Error| LogError::io("write", &path, &error);
            let mut fresh = Fresh::begin(&self.root).map_err(refused)?;
            fresh.file().write_all(&number().to_le_bytes()).map_err(refused)?;
            // Of several the first one counts.
            match fresh.link(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(refused(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Err(LogError::Corrupt { file: path, at: 0, why: "it goes away while it is read".to_owned() })
    }

    /// Raises the task's epoch.
    fn lease(&mut self, task: &TaskId, lock: Option<File>) -> Result<Epoch, LogError> {
        let mut epoch = Epoch::default();
        self.add(|state| {
            let mut owned = state.tasks.get(task).cloned().unwrap_or_default();
            owned.epoch = Epoch(owned.epoch.0.saturating_add(1));
            epoch = owned.epoch;
            Ok(State { tasks: BTreeMap::from([(task.clone(), owned)]), ..State::default() })
        })?;
        self.leases.insert(task.clone(), Lease { epoch, _lock: lock });
        Ok(epoch)
    }

    /// Adds a record that is no transaction's to the commit file.
    fn add(&mut self, check: impl FnOnce(&State) -> Result<State, LogError>) -> Result<(), LogError> {
        self.commits.add(check).map_err(|e| match e {
            AddError::Refused(e) | AddError::NotAdded(e) | AddError::NotSynced(e) => e,
        })
    }
}

impl Log for EmbeddedLog {
    fn create(&mut self, topic: &str, partitions: u32) -> Result<(), LogError> {
        names::check(topic)?;
        if partitions == 0 {
            return Err(LogError::Name { name: topic.to_owned(), why: "a topic has at least one partition" });
        }
        let differs = |has: u32| match has == partitions {
            true => Ok(()),
            false => Err(LogError::Partitions { topic: topic.to_owned(), has, asked: partitions }),
        };
        if let Some(has) = self.partitions(topic)? {
            return differs(has);
        }
        self.add(|state| {
            if let Some(has) = state.topics.get(topic) {
                differs(*has)?;
            }
            Ok(State { topics: BTreeMap::from([(topic.into(), partitions)]), ..State::default() })
        })
    }

    fn partitions(&mut self, topic: &str) -> Result<Option<u32>, LogError> {
        self.commits.refresh()?;
        Ok(self.commits.state().topics.get(topic).copied())
    }

    fn topic_id(&mut self, topic: &str) -> Result<u64, LogError> {
        // No topic of a folder is ever made anew: which one it is, is which folder it is.
        let mut hash = self.id()?;
        for byte in topic.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(hash)
    }

    fn end(&mut self, partition: &PartitionId) -> Result<Mark, LogError> {
        self.commits.refresh()?;
        check_partition(self.commits.state(), partition)?;
        Ok(self.commits.state().end(partition).mark)
    }

    fn record_bytes(&self) -> usize {
        self.options.record_bytes
    }

    fn source(&self) -> Result<Box<dyn Source>, LogError> {
        Ok(Box::new(EmbeddedSource::new(&self.root, self.commits.follow()?)))
    }

    fn own(&mut self, task: &TaskId) -> Result<Epoch, LogError> {
        names::check(&task.flow)?;
        self.commits.refresh()?;
        let current = self.commits.state().tasks.get(task).map(|t| t.epoch);
        if let Some(lease) = self.leases.get(task).filter(|lease| Some(lease.epoch) == current) {
            return Ok(lease.epoch);
        }
        self.leases.remove(task);
        let path = names::task_lock(&self.root, task);
        if let Some(folder) = path.parent() {
            files::create_folder(folder)?;
        }
        let lock = files::open(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let by = fs::read_to_string(&path).ok().and_then(|pid| pid.trim().parse().ok());
                return Err(LogError::Owned { task: task.clone(), by });
            }
            Err(TryLockError::Error(e)) => return Err(LogError::io("lock", &path, &e)),
        }
        files::truncate(&lock, &path, 0)?;
        files::write_at(&lock, &path, std::process::id().to_string().as_bytes(), 0)?;
        self.lease(task, Some(lock))
    }

    fn release(&mut self, task: &TaskId) {
        self.leases.remove(task);
    }

    fn positions(&mut self, task: &TaskId) -> Result<Option<Cut>, LogError> {
        self.commits.refresh()?;
        Ok(self.commits.state().tasks.get(task).and_then(|t| t.cut.clone()))
    }

    fn blocks(
        &mut self,
        task: &TaskId,
        after: Sequence,
        bytes: usize,
        out: &mut Vec<Block>,
    ) -> Result<Restored, LogError> {
        self.commits.refresh()?;
        let state = self.commits.state();
        let last = state.tasks.get(task).map(|t| t.sequence).unwrap_or_default();
        if after >= last {
            // A store that is ahead of its changelog was made from another one.
            let ahead = || LogError::Gap { task: task.clone(), expected: last.next(), found: after.next() };
            return if after == last { Ok(Restored::Complete(last)) } else { Err(ahead()) };
        }
        let partition = names::changelog(task);
        let end = state.end(&partition);
        let mut reader = PartitionReader::new(&self.root, &partition);
        // Block n is record n − 1.
        let next = i64::try_from(after.0).unwrap_or(i64::MAX);
        still_there(&reader, &end, task, after)?;
        let gone = |error, reader: &PartitionReader, done| still_there(reader, &end, task, done).err().unwrap_or(error);
        reader.seek(Start::At(Mark { next, arrived: i64::MIN }), &end).map_err(|error| gone(error, &reader, after))?;
        let (mut done, mut taken) = (after, 0);
        while taken < bytes.max(1) && done < last {
            let read = reader.read(&end, Limits { records: 1, bytes });
            let Some(batch) = read.map_err(|error| gone(error, &reader, done))? else { break };
            for (record, _, value) in batch.iter() {
                let damaged = || LogError::Corrupt {
                    file: names::partition_folder(&self.root, &partition),
                    at: u64::try_from(record.offset).unwrap_or(0),
                    why: "a record is no block".to_owned(),
                };
                let block = Block::decode(value).ok_or_else(damaged)?;
                if block.sequence != done.next() {
                    return Err(LogError::Gap { task: task.clone(), expected: done.next(), found: block.sequence });
                }
                done = block.sequence;
                taken += value.len();
                out.push(block);
            }
        }
        Ok(if done == last { Restored::Complete(last) } else { Restored::More(done) })
    }

    fn forget(&mut self, task: &TaskId, through: Sequence) -> Result<(), LogError> {
        self.commits.refresh()?;
        let partition = names::changelog(task);
        let end = self.commits.state().end(&partition);
        if end.mark.next == 0 {
            return Ok(());
        }
        let through = i64::try_from(through.0).unwrap_or(i64::MAX);
        let folder = names::partition_folder(&self.root, &partition);
        let bases = PartitionReader::new(&self.root, &partition).bases(&end)?;
        // A segment goes once all its blocks may; the last one stays, for it is written to.
        for (base, _) in bases.iter().zip(bases.iter().skip(1)).filter(|(_, next)| **next <= through) {
            let path = names::segment(&folder, *base);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LogError::io("remove", &path, &error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, LogError> {
        if self.unsynced {
            return Err(LogError::Unresolved);
        }
        Ok(Box::new(EmbeddedTransaction::new(self)))
    }

    fn resolve(&mut self) -> Result<Outcome, LogError> {
        if !self.unsynced {
            return Ok(Outcome::Aborted(LogError::GivenUp));
        }
        match self.commits.sync() {
            Ok(()) => {
                self.unsynced = false;
                Ok(Outcome::Committed)
            }
            Err(error) => Ok(Outcome::Unknown(error)),
        }
    }
}

/// Checks that the block after `after` was not forgotten.
fn still_there(reader: &PartitionReader, end: &End, task: &TaskId, after: Sequence) -> Result<(), LogError> {
    let first = reader.bases(end)?.first().copied().unwrap_or(0);
    let first = Sequence(u64::try_from(first).unwrap_or(0).saturating_add(1));
    if after.next() < first { Err(LogError::Forgotten { task: task.clone(), first }) } else { Ok(()) }
}

/// Checks that `partition` is one of a topic that was created.
fn check_partition(state: &State, partition: &PartitionId) -> Result<(), LogError> {
    match state.topics.get(&partition.topic) {
        None => Err(LogError::UnknownTopic { topic: partition.topic.to_string() }),
        Some(has) if partition.index >= *has => Err(LogError::UnknownPartition { partition: partition.clone() }),
        Some(_) => Ok(()),
    }
}
