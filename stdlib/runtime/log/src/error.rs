//! What can go wrong with a log, in words that name the place and the repair.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use flow_core::fault::Fault;

use crate::place::{PartitionId, Sequence, TaskId};

/// A failure of a log. The log stays usable unless the variant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogError {
    /// The operating system refused a file operation.
    Io {
        /// What was being done, as in "write to".
        doing: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// The kind of refusal.
        kind: io::ErrorKind,
        /// The system's own words.
        message: String,
    },
    /// Committed data is not what was written: the file was changed, or lost in a power failure without `durable`.
    Corrupt {
        /// The file.
        file: PathBuf,
        /// The byte at which the damage begins.
        at: u64,
        /// What was found.
        why: String,
    },
    /// The folder was written by another version of the format.
    Version {
        /// The file that says so.
        file: PathBuf,
        /// The version found.
        found: u32,
    },
    /// Another live process (or another handle of this one) owns the task.
    Owned {
        /// The task.
        task: TaskId,
        /// The process that owns it, where it could be read.
        by: Option<u32>,
    },
    /// The task was not taken with `own` by this handle.
    NotOwned {
        /// The task.
        task: TaskId,
    },
    /// The topic has not been created.
    UnknownTopic {
        /// The name asked for.
        topic: String,
    },
    /// The topic has fewer partitions than was asked for.
    UnknownPartition {
        /// The partition asked for.
        partition: PartitionId,
    },
    /// The topic exists with another number of partitions.
    Partitions {
        /// The topic.
        topic: String,
        /// Partitions that it has.
        has: u32,
        /// Partitions asked for.
        asked: u32,
    },
    /// A name that cannot be a topic's or a flow's.
    Name {
        /// The name.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// A position that the partition does not have.
    OutOfRange {
        /// The partition.
        partition: PartitionId,
        /// The offset asked for.
        asked: i64,
        /// The partition's end.
        end: i64,
    },
    /// A changelog block out of turn. State that was built on it cannot be trusted: wipe and rebuild it.
    Gap {
        /// The task.
        task: TaskId,
        /// The sequence number that had to come.
        expected: Sequence,
        /// The sequence number that came.
        found: Sequence,
    },
    /// Blocks that were asked for are no longer kept: a snapshot stands for them.
    Forgotten {
        /// The task.
        task: TaskId,
        /// The first block that is still there.
        first: Sequence,
    },
    /// More state changes in one block than a log takes.
    BlockTooLarge {
        /// The task.
        task: TaskId,
        /// The block's size.
        bytes: usize,
    },
    /// A commit whose outcome is unknown must be resolved first.
    Unresolved,
    /// The transaction was given up by the log; nothing of it is visible.
    GivenUp,
    /// A simulated process death: drop everything the process had in memory and start again.
    Crashed,
}

impl LogError {
    /// An operating system error that came up while `doing` something to `file`.
    pub(crate) fn io(doing: &'static str, file: &Path, error: &io::Error) -> Self {
        Self::Io { doing, file: file.to_path_buf(), kind: error.kind(), message: error.to_string() }
    }
}

/// What the user can do about a refusal by the operating system.
fn repair(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space on its disk or move the state folder to a larger one; nothing committed is lost"
        }
        io::ErrorKind::FileTooLarge => "raise the file size limit (`ulimit -f`); nothing committed is lost",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "give this user the right to write there or choose another state folder"
        }
        io::ErrorKind::NotFound => "it was removed while in use: stop, remove the state folder and start again",
        _ => "check the disk and the state folder",
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, file, kind, message } => {
                write!(f, "cannot {doing} `{}`: {message}; {}", file.display(), repair(*kind))
            }
            Self::Corrupt { file, at, why } => write!(
                f,
                "`{}` is damaged at byte {at}: {why}; remove the state folder to rebuild it from history",
                file.display()
            ),
            Self::Version { file, found } => write!(
                f,
                "`{}` has format version {found}, which this program does not read; remove the state folder to rebuild it",
                file.display()
            ),
            Self::Owned { task, by: Some(pid) } => {
                write!(f, "task `{task}` is run by process {pid}; stop that process or use another state folder")
            }
            Self::Owned { task, by: None } => {
                write!(f, "task `{task}` is run by another process; stop that process or use another state folder")
            }
            Self::NotOwned { task } => write!(f, "task `{task}` was not taken before it was written to; take it first"),
            Self::UnknownTopic { topic } => write!(f, "there is no topic `{topic}`; create it first"),
            Self::UnknownPartition { partition } => {
                write!(f, "there is no partition `{partition}`; the topic has fewer partitions")
            }
            Self::Partitions { topic, has, asked } => write!(
                f,
                "topic `{topic}` has {has} partitions, not {asked}; keep {has} or remove the state folder to rebuild it"
            ),
            Self::Name { name, why } => write!(f, "`{name}` cannot name a topic or a flow: {why}"),
            Self::OutOfRange { partition, asked, end } => {
                write!(
                    f,
                    "partition `{partition}` has no offset {asked}: it ends at {end}; rebuild the state that asks for it"
                )
            }
            Self::Gap { task, expected, found } => write!(
                f,
                "the changelog of task `{task}` goes on with block {found} where {expected} must come; wipe the task's state and rebuild it"
            ),
            Self::Forgotten { task, first } => write!(
                f,
                "the changelog of task `{task}` begins with block {first}, and no snapshot reaches that far; remove the state folder to rebuild it from history"
            ),
            Self::BlockTooLarge { task, bytes } => {
                write!(
                    f,
                    "one commit of task `{task}` changes {bytes} bytes of state, more than a log takes; commit more often"
                )
            }
            Self::Unresolved => {
                f.write_str("the outcome of the last commit is unknown; resolve it before the next transaction")
            }
            Self::GivenUp => {
                f.write_str("the log gave the transaction up; rewind to the committed positions and try again")
            }
            Self::Crashed => f.write_str("the process died here (simulated)"),
        }
    }
}

impl std::error::Error for LogError {}

/// Why one record was not taken into a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendError {
    /// The record itself is at fault: it belongs into the dead letters, the transaction goes on.
    Row(Fault),
    /// The log is at fault: the transaction cannot go on.
    Log(LogError),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(fault) => fault.fmt(f),
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AppendError {}

impl From<LogError> for AppendError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}
