//! What cannot be printed.

use std::fmt;

/// An expression that no checked solution has where it stands: a defect of the compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub message: String,
}

impl Error {
    /// An error in words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    pub(crate) fn missing(what: &str, name: &str) -> Self {
        Self::new(format!("there is no {what} `{name}`"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
