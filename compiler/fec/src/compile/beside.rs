//! Folders beside the output: the one that is being written, and the one that it replaces.
//!
//! Both have names that nobody else draws, and are locked by the process that works on them. What a killed compile has
//! left is locked by nobody: the next one to the same place puts back what was moved away last, and removes the rest.

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flow_core::unique::unique;

/// How names of folders end that are being written.
const NEW: &str = "new";

/// How names of folders end that have been replaced.
const OLD: &str = "old";

/// A folder beside the output, held for as long as this lives.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    /// Holds the lock. None where the file system knows none, and so nobody removes anything either.
    _lock: Option<File>,
}

impl Held {
    /// Begins a folder beside `place`.
    ///
    /// # Errors
    /// A parent that cannot be written.
    pub fn begin(place: &Path) -> io::Result<Self> {
        loop {
            let path = beside(place, NEW);
            fs::create_dir(&path)?;
            let lock = lock(&path)?;
            // Before the lock it looked like one that a killed compile has left.
            if fs::symlink_metadata(&path).is_ok() {
                return Ok(Self { path, _lock: lock });
            }
        }
    }

    /// Moves what is at `place` beside it; none where there is nothing.
    ///
    /// # Errors
    /// A parent that cannot be written.
    pub fn moved(place: &Path) -> io::Result<Option<Self>> {
        let lock = match lock(place) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            lock => lock?,
        };
        let path = beside(place, OLD);
        match fs::rename(place, &path) {
            Ok(()) => Ok(Some(Self { path, _lock: lock })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where it is, until it is moved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Puts right what killed compiles to `place` have left: a folder that was moved away and never replaced goes back, what
/// was built (`built`, below the folder) goes to its successor, and all else is removed. What cannot be looked at or
/// removed stays where it is: it is in nobody's way.
pub fn recover(place: &Path, built: &[&str]) {
    for path in left(place, OLD) {
        let Some(_lock) = abandoned(&path) else { continue };
        if fs::symlink_metadata(place).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            let _ = fs::rename(&path, place);
            continue;
        }
        let _ = carry(built, &path, place);
        let _ = fs::remove_dir_all(&path);
    }
    for path in left(place, NEW) {
        if let Some(_lock) = abandoned(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Moves what was built (`built`, below a folder) from a former folder to the one in its place, where that has none.
///
/// # Errors
/// The place to which something cannot be moved, and why.
pub fn carry(built: &[&str], from: &Path, to: &Path) -> Result<(), (PathBuf, io::Error)> {
    for part in built {
        let (from, to) = (from.join(part), to.join(part));
        if from.is_dir() && !to.exists() && to.parent().is_some_and(Path::is_dir) {
            fs::rename(from, &to).map_err(|error| (to, error))?;
        }
    }
    Ok(())
}

fn prefix(place: &Path, what: &str) -> String {
    format!(".{}.{what}-", place.file_name().unwrap_or_default().to_string_lossy())
}

fn beside(place: &Path, what: &str) -> PathBuf {
    place.with_file_name(prefix(place, what) + &unique())
}

/// The folders beside `place` that have such a name.
fn left(place: &Path, what: &str) -> Vec<PathBuf> {
    let prefix = prefix(place, what);
    let length = unique().len();
    let is_drawn = |end: &str| end.len() == length && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    let entries = place.parent().map(fs::read_dir);
    let mut found: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().and_then(|name| name.strip_prefix(&prefix)).is_some_and(is_drawn))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    // The one that was moved away last is put back.
    let moved = |path: &PathBuf| fs::metadata(path).ok().map(|found| (found.ctime(), found.ctime_nsec()));
    found.sort_by_key(|path| Reverse(moved(path)));
    found
}

/// The lock of a folder that nobody works on.
fn abandoned(path: &Path) -> Option<File> {
    let folder = File::open(path).ok()?;
    folder.try_lock().ok()?;
    // Who held it may have moved it to its place, and gone, after it was found here.
    let (held, named) = (folder.metadata().ok()?, fs::symlink_metadata(path).ok()?);
    ((held.dev(), held.ino()) == (named.dev(), named.ino())).then_some(folder)
}

/// Waits for the lock of a folder.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let folder = File::open(path)?;
    loop {
        match folder.lock() {
            Ok(()) => return Ok(Some(folder)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a killed compile has left beside `place`: a folder with a file of this name, and something built.
    fn leave(place: &Path, what: &str, name: &str) -> PathBuf {
        let path = beside(place, what);
        fs::create_dir_all(path.join("crates/target")).unwrap();
        fs::write(path.join(name), "").unwrap();
        fs::write(path.join("crates/target").join(name), "").unwrap();
        path
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    const BUILT: &[&str] = &["crates/target"];

    #[test]
    fn what_was_moved_away_last_goes_back_and_the_rest_goes() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("out");
        for name in ["first", "second", "third", "fourth", "last"] {
            leave(&place, OLD, name);
            // A time that tells them apart, on whatever file system.
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        leave(&place, NEW, "new");
        recover(&place, BUILT);
        assert_eq!(names(root.path()), ["out"]);
        assert_eq!(
            (names(&place), names(&place.join("crates/target"))),
            (vec!["crates".into(), "last".into()], vec!["last".to_owned()])
        );
    }

    #[test]
    fn what_was_built_goes_to_a_successor_that_has_nothing_built() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("out");
        fs::create_dir_all(place.join("crates")).unwrap();
        leave(&place, OLD, "old");
        recover(&place, BUILT);
        assert_eq!(
            (names(&place), names(&place.join("crates/target"))),
            (vec!["crates".to_owned()], vec!["old".to_owned()])
        );
        leave(&place, OLD, "older");
        recover(&place, BUILT);
        assert_eq!(
            (names(root.path()), names(&place.join("crates/target"))),
            (vec!["out".to_owned()], vec!["old".to_owned()])
        );
    }

    #[test]
    fn what_somebody_works_on_and_what_has_another_name_stays() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("out");
        let held = Held::begin(&place).unwrap();
        let others =
            [format!("{}a", prefix(&place, OLD)), format!("{}{}", prefix(&place, NEW), "z".repeat(unique().len()))];
        others.iter().for_each(|name| fs::create_dir(root.path().join(name)).unwrap());
        recover(&place, BUILT);
        assert!(held.path().is_dir());
        assert_eq!(names(root.path()).len(), 3);
        drop(held);
        recover(&place, BUILT);
        assert_eq!(names(root.path()).len(), 2);
    }
}
