//! What goes wrong with a file as a whole.

use std::fmt;
use std::path::{Path, PathBuf};

/// A file that cannot be read or written, with what to do about it.
#[derive(Debug)]
pub struct FormatError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong, and the repair.
    pub message: String,
}

impl FormatError {
    /// What is wrong with the file or folder at `path`, and the repair.
    #[must_use]
    pub fn new(path: &Path, message: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), message: message.to_string() }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for FormatError {}
