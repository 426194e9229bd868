//! What can go wrong with a store.

use std::fmt;
use std::path::PathBuf;

/// A failure of a store. What was applied before stays applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The files of the store could not be read or written.
    Storage {
        /// What was being done, as in "write to".
        doing: &'static str,
        /// The store's folder.
        folder: PathBuf,
        /// The reason.
        message: String,
    },
    /// The store holds something that it did not write.
    Corrupt {
        /// The store's folder.
        folder: PathBuf,
        /// What was found.
        why: String,
    },
    /// A key is longer than [`flow_log::KEY_BYTES`].
    KeyTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The receiver of a snapshot refused it.
    Snapshot {
        /// The receiver's reason.
        message: String,
    },
    /// A simulated process death: drop everything the process had in memory and start again.
    Crashed,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage { doing, folder, message } => write!(
                f,
                "cannot {doing} the store in `{}`: {message}; free space on its disk, check its rights, or remove the folder to rebuild it",
                folder.display()
            ),
            Self::Corrupt { folder, why } => {
                write!(f, "the store in `{}` is damaged: {why}; remove the folder to rebuild it", folder.display())
            }
            Self::KeyTooLong { bytes } => write!(
                f,
                "a key has {bytes} bytes, more than the {} that a store takes; use a shorter key",
                flow_log::KEY_BYTES
            ),
            Self::Snapshot { message } => write!(f, "the snapshot could not be written: {message}"),
            Self::Crashed => f.write_str("the process died here (simulated)"),
        }
    }
}

impl std::error::Error for StoreError {}
