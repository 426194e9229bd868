//! A topic's records at rest, and how a task begins with them: archive, manifest, bootstrap.
//!
//! An [`Archiver`] reads a topic and writes its records, with their positions, into files of a [`Lake`]. What is archived
//! is what the topic's [`Manifest`] says, and that is written by conditional put: a file that no manifest names is not
//! there, so an archiver may die between file and manifest, and two archivers may meet.
//!
//! A [`Bootstrap`] pins one manifest of each topic, hands out the records of its files in arrival order, and knows the cut
//! H where they end. The task commits the state that it builds from them as changelog blocks, and H as its positions in the
//! last transaction alone: before that it has no position, and begins anew; after that it reads the log from H on.

mod archiver;
mod bootstrap;
mod lake;
mod manifest;

use std::fmt;

use crate::error::LogError;
use crate::place::PartitionId;

pub use self::archiver::{Archived, Archiver};
pub use self::bootstrap::{Bootstrap, Loader, PastRecord};
pub use self::lake::{FolderLake, Lake, MemoryLake, Version};
pub use self::manifest::{ArchiveFile, Manifest, Range};

/// Why something cannot be archived, or not be begun with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveError {
    /// The log.
    Log(LogError),
    /// The lake cannot be read or written.
    Lake(String),
    /// A file or manifest is not what was written.
    Damaged {
        /// Its name.
        name: String,
        /// What was found.
        why: &'static str,
    },
    /// There is another topic of the same name: what is archived is not its past.
    OtherTopic {
        /// The topic.
        topic: String,
    },
    /// The log no longer has the records that follow what is archived.
    Missing {
        /// The partition.
        partition: PartitionId,
        /// The first offset that is not archived.
        from: i64,
        /// The first offset that the log still has.
        earliest: i64,
    },
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Lake(why) => f.write_str(why),
            Self::Damaged { name, why } => {
                write!(
                    f,
                    "`{name}` of the archive is damaged: {why}; restore it from a copy, or archive the topic anew"
                )
            }
            Self::OtherTopic { topic } => write!(
                f,
                "the topic `{topic}` was made anew since it was archived; move its archive away, so that a new one begins"
            ),
            Self::Missing { partition, from, earliest } => write!(
                f,
                "`{partition}` is archived up to offset {from}, and the log begins at {earliest}: the records between are lost; keep the topic for longer than the archiver may stand still"
            ),
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<LogError> for ArchiveError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}
