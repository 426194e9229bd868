//! File operations whose errors name the file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::LogError;

/// Opens a file for reading and writing; creates it if it is not there.
pub fn open(path: &Path) -> Result<File, LogError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|e| LogError::io("open", path, &e))
}

/// Opens a file that is there for reading and writing.
pub fn reopen(path: &Path) -> Result<File, LogError> {
    OpenOptions::new().read(true).write(true).open(path).map_err(|e| LogError::io("open", path, &e))
}

/// Opens a file for reading.
pub fn open_to_read(path: &Path) -> Result<File, LogError> {
    File::open(path).map_err(|e| LogError::io("open", path, &e))
}

/// Creates a folder and those above it.
pub fn create_folder(path: &Path) -> Result<(), LogError> {
    fs::create_dir_all(path).map_err(|e| LogError::io("create the folder", path, &e))
}

/// Creates a folder and those above it; their names survive a power failure.
pub fn create_durable_folder(path: &Path) -> Result<(), LogError> {
    flow_files::create_folder(path).map_err(|e| LogError::io("create the folder", path, &e))
}

/// The length of an open file.
pub fn len(file: &File, path: &Path) -> Result<u64, LogError> {
    Ok(file.metadata().map_err(|e| LogError::io("look at", path, &e))?.len())
}

/// Cuts an open file off at `len`.
pub fn truncate(file: &File, path: &Path, len: u64) -> Result<(), LogError> {
    file.set_len(len).map_err(|e| LogError::io("shorten", path, &e))
}

/// Writes all of `bytes` at `at`.
pub fn write_at(file: &File, path: &Path, bytes: &[u8], at: u64) -> Result<(), LogError> {
    file.write_all_at(bytes, at).map_err(|e| LogError::io("write to", path, &e))
}

/// Reads up to `len` bytes at `at`: fewer only where the file ends.
pub fn read_at(file: &File, path: &Path, at: u64, len: usize) -> Result<Vec<u8>, LogError> {
    let mut bytes = vec![0; len];
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(LogError::io("read", path, &e)),
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

/// Makes sure that a file's content survives a power failure.
pub fn sync(file: &File, path: &Path) -> Result<(), LogError> {
    file.sync_data().map_err(|e| LogError::io("sync", path, &e))
}

/// Makes sure that the names in a folder survive a power failure.
pub fn sync_folder(path: &Path) -> Result<(), LogError> {
    sync(&open_to_read(path)?, path)
}

/// A file that exists to be locked.
#[derive(Debug)]
pub struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// Opens the file at `path`, which is created if it is not there.
    pub fn open(path: PathBuf) -> Result<Self, LogError> {
        Ok(Self { file: open(&path)?, path })
    }

    /// Waits for the lock.
    pub fn take(&self) -> Result<Lock<'_>, LogError> {
        loop {
            match self.file.lock() {
                Ok(()) => return Ok(Lock(&self.file)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(LogError::io("lock", &self.path, &e)),
            }
        }
    }
}

/// A lock, held until it is dropped or its process dies.
#[derive(Debug)]
pub struct Lock<'a>(&'a File);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // A lock that cannot be given back goes with its file handle.
        let _ = self.0.unlock();
    }
}
