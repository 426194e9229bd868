//! Files that appear whole or not at all, also where their writers are killed.
//!
//! A file is written under a name of its own (`.new-…`) beside its place and moved there once it is whole. Its writer
//! holds a lock on it for as long as it writes. What a killed writer has left is held by nobody: the next writer in the
//! folder removes it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flow_core::unique::unique;

/// How the name of a file begins that is being written.
const PREFIX: &str = ".new-";

/// A file that is being written beside its place; dropped, it is gone.
#[derive(Debug)]
pub struct Fresh {
    file: File,
    path: PathBuf,
    has_moved: bool,
}

impl Fresh {
    /// Begins a file in `folder`, which must be there, and removes what killed writers have left in it.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn begin(folder: &Path) -> io::Result<Self> {
        sweep(folder);
        loop {
            let path = folder.join(format!("{PREFIX}{}", unique()));
            let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
            let fresh = Self { file, path, has_moved: false };
            // Before the lock it looked like one that a killed writer has left.
            hold(&fresh.file)?;
            if fresh.file.metadata()?.nlink() > 0 {
                return Ok(fresh);
            }
        }
    }

    /// Writes a file whole and puts it at `place`, in the stead of what may be there; with `is_durable` it survives a
    /// power failure once this returns. What a full disk has cut off is removed.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn replace(place: &Path, bytes: &[u8], is_durable: bool) -> io::Result<()> {
        let folder = folder_of(place);
        let mut fresh = Self::begin(folder)?;
        fresh.file.write_all(bytes)?;
        if is_durable {
            fresh.file.sync_data()?;
        }
        fs::rename(&fresh.path, place)?;
        fresh.has_moved = true;
        if is_durable { File::open(folder)?.sync_data() } else { Ok(()) }
    }

    /// Gives what was written the name `place`, too, where nothing has it; the file's own name goes with `self`.
    ///
    /// # Errors
    /// `AlreadyExists` where something has that name; a folder that cannot be written.
    pub fn link(&self, place: &Path) -> io::Result<()> {
        fs::hard_link(&self.path, place)
    }

    /// The file, to be written and synced.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Its own name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.has_moved {
            // One that cannot be removed now is left to the next writer.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a file of this name is being written, or was left by a killed writer.
#[must_use]
pub fn is_fresh(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(PREFIX))
}

/// Removes what killed writers have left in a folder. What cannot be looked at or removed stays where it is: it is in
/// nobody's way.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| is_fresh(&entry.file_name())) {
        let _ = remove(&entry.path());
    }
}

/// Removes a file that nobody writes.
fn remove(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Its writer may have moved it to its place, and gone, after it was found here.
    let (held, named) = (file.metadata()?, fs::symlink_metadata(path)?);
    if (held.dev(), held.ino()) == (named.dev(), named.ino()) { fs::remove_file(path) } else { Ok(()) }
}

/// Waits for the lock of which `path` is the file. It is held until what this gives is dropped, or the process ends.
///
/// # Errors
/// A folder that cannot be written.
pub fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    hold(&file)?;
    Ok(file)
}

/// Waits for the lock of a file. Where the file system knows no locks nobody removes anything, so that none is needed.
fn hold(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Creates a folder and those above it; their names survive a power failure.
///
/// # Errors
/// What the file system refuses.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| !above.exists()).collect();
    fs::create_dir_all(path)?;
    missing
        .into_iter()
        .filter(|made| !made.as_os_str().is_empty())
        .try_for_each(|made| File::open(folder_of(made))?.sync_data())
}

fn folder_of(place: &Path) -> &Path {
    match place.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
