//! Where files lie at rest: named bytes, and one conditional put.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_files::Fresh;

use super::ArchiveError;
use crate::embedded::files::{self, LockFile};

/// Which content of a name was read: a conditional put succeeds only over the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(pub u64);

/// A store of files.
pub trait Lake: Send {
    /// Writes a file, whole or not at all; one of that name is replaced.
    ///
    /// # Errors
    /// A lake that cannot be written.
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError>;

    /// The bytes of a name and their version; nothing where there are none.
    ///
    /// # Errors
    /// A lake that cannot be read.
    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, ArchiveError>;

    /// Writes a file where its version still is `expected` (nothing: where there is none); false where it is not.
    ///
    /// # Errors
    /// A lake that cannot be written; then it may be written or not.
    fn put_if(&mut self, name: &str, bytes: &[u8], expected: Option<Version>) -> Result<bool, ArchiveError>;
}

/// The version of some bytes: their hash. Manifests only grow, so no content comes back.
fn version(bytes: &[u8]) -> Version {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    Version(hash)
}

/// A lake in memory, shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct MemoryLake(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl MemoryLake {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of all files.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }
}

impl Lake for MemoryLake {
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.lock().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, ArchiveError> {
        Ok(self.lock().get(name).map(|bytes| (bytes.clone(), version(bytes))))
    }

    fn put_if(&mut self, name: &str, bytes: &[u8], expected: Option<Version>) -> Result<bool, ArchiveError> {
        let mut files = self.lock();
        if files.get(name).map(|bytes| version(bytes)) != expected {
            return Ok(false);
        }
        files.insert(name.to_owned(), bytes.to_vec());
        Ok(true)
    }
}

/// A folder as a lake, which several processes may share.
#[derive(Debug)]
pub struct FolderLake {
    root: PathBuf,
    lock: LockFile,
}

impl FolderLake {
    /// The lake in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// A folder that cannot be made or written.
    pub fn open(root: &Path) -> Result<Self, ArchiveError> {
        files::create_durable_folder(root)?;
        Ok(Self { root: root.to_path_buf(), lock: LockFile::open(root.join("lake.lock"))? })
    }

    fn path(&self, name: &str) -> Result<PathBuf, ArchiveError> {
        let is_plain = |part: &str| !part.is_empty() && !part.starts_with('.');
        if !name.split('/').all(is_plain) {
            return Err(ArchiveError::Lake(format!("`{name}` is no name in a lake")));
        }
        Ok(self.root.join(name))
    }
}

/// Writes a file whole: what a dead process or a full disk has cut off never has its name.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    files::create_durable_folder(folder)?;
    Ok(Fresh::replace(path, bytes, true).map_err(|error| crate::error::LogError::io("write", path, &error))?)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, ArchiveError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(crate::error::LogError::io("read", path, &error).into()),
    }
}

impl Lake for FolderLake {
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        replace(&self.path(name)?, bytes)
    }

    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, ArchiveError> {
        let found = read(&self.path(name)?)?;
        Ok(found.map(|bytes| {
            let version = version(&bytes);
            (bytes, version)
        }))
    }

    fn put_if(&mut self, name: &str, bytes: &[u8], expected: Option<Version>) -> Result<bool, ArchiveError> {
        let path = self.path(name)?;
        let _only = self.lock.take()?;
        if read(&path)?.map(|bytes| version(&bytes)) != expected {
            return Ok(false);
        }
        replace(&path, bytes)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_of_one_number_and_name_do_not_mix() {
        // As in pods: each is process 1, and they share a folder.
        let folder = tempfile::tempdir().unwrap();
        let put = |byte: u8| {
            let mut lake = FolderLake::open(folder.path()).unwrap();
            (0..100).try_for_each(|_| lake.put("a/b.json", &vec![byte; 20_000]))
        };
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..3).map(|byte| scope.spawn(move || put(byte))).collect();
            let lake = FolderLake::open(folder.path()).unwrap();
            while writers.iter().any(|writer| !writer.is_finished()) {
                let Some((found, _)) = lake.get("a/b.json").unwrap() else { continue };
                assert!(found.len() == 20_000 && found.windows(2).all(|pair| pair[0] == pair[1]));
            }
            writers.into_iter().for_each(|writer| writer.join().unwrap().unwrap());
        });
    }

    #[test]
    fn what_many_write_over_what_they_have_read_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let add = || {
            let mut lake = FolderLake::open(folder.path()).unwrap();
            let mut added = 0;
            while added < 40 {
                let found = lake.get("count").unwrap();
                let count = found.as_ref().map_or(0, |(bytes, _)| bytes.len());
                let version = found.map(|(_, version)| version);
                added += usize::from(lake.put_if("count", &vec![b'+'; count + 1], version).unwrap());
            }
        };
        std::thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(add)));
        });
        let (count, _) = FolderLake::open(folder.path()).unwrap().get("count").unwrap().unwrap();
        assert_eq!(count.len(), 160);
    }
}
