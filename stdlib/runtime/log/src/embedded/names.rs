//! Where things lie in the log's folder.
//!
//! ```text
//! commits.log             every commit, one record each: what decides
//! log.id                  which folder this is, once somebody has asked
//! commits.lock            held for the moment in which a record is added to it
//! topics/NAME/N/lock      held while a transaction writes to the partition
//! topics/NAME/N/BASE.seg  the partition's records from offset BASE on
//! topics/~FLOW/N/…        the changelog of task N of FLOW, kept as a partition
//! tasks/FLOW/N.lock       held by the task's owner as long as it lives
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::LogError;
use crate::place::{PartitionId, TaskId};

/// What the names of changelogs begin with, and no topic's.
const CHANGELOG: char = '~';

/// The longest name of a folder, after escaping. File systems take 255 bytes.
const NAME_BYTES: usize = 200;

/// Checks that `name` can be a topic's or a flow's.
pub fn check(name: &str) -> Result<(), LogError> {
    let refuse = |why| Err(LogError::Name { name: name.to_owned(), why });
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name.starts_with(CHANGELOG) {
        return refuse("names with `~` at the start are kept for changelogs");
    }
    Ok(())
}

/// The partition that holds the changelog of `task`.
pub fn changelog(task: &TaskId) -> PartitionId {
    PartitionId::new(format!("{CHANGELOG}{}", task.flow), task.index)
}

/// The folder of a partition.
pub fn partition_folder(root: &Path, partition: &PartitionId) -> PathBuf {
    root.join("topics").join(escape(&partition.topic)).join(partition.index.to_string())
}

/// The lock file of a task.
pub fn task_lock(root: &Path, task: &TaskId) -> PathBuf {
    root.join("tasks").join(escape(&task.flow)).join(format!("{}.lock", task.index))
}

/// A task as the name of a folder, relative to a folder of tasks.
pub fn task_folder(task: &TaskId) -> String {
    format!("{}/{}", escape(&task.flow), task.index)
}

/// The segment of a partition that begins at offset `base`.
pub fn segment(folder: &Path, base: i64) -> PathBuf {
    folder.join(format!("{base:020}.seg"))
}

/// The offset at which a segment of this file name begins.
pub fn segment_base(file_name: &str) -> Option<i64> {
    file_name.strip_suffix(".seg")?.parse().ok()
}

/// A name as a file name: what is not plainly harmless as `%` and two hex digits, so that no two names meet. Of one that is
/// too long for a file system, the beginning and a digest of all of it, behind `%~`, which no escape has.
fn escape(name: &str) -> String {
    let mut out = escaped(name);
    if out.len() > NAME_BYTES {
        let digest = Sha256::digest(name);
        // An escape that is cut in two is none, and harms nothing.
        out.truncate(NAME_BYTES - 2 - 2 * digest.len());
        out.push_str("%~");
        for byte in digest {
            let _ = write!(out, "{byte:02x}");
        }
    }
    out
}

fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (i, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') || (byte == b'.' && i > 0);
        if plain {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_leaves_the_folder() {
        assert_eq!(escape("fraud-alerts.v1"), "fraud-alerts.v1");
        assert_eq!(escape(".."), "%2e.");
        assert_eq!(escape("a/b"), "a%2fb");
        assert_eq!(escape("a%2fb"), "a%252fb");
        assert_eq!(escape("é"), "%c3%a9");
    }

    #[test]
    fn impossible_names_are_refused() {
        assert!(check("").is_err());
        assert!(check("~x").is_err());
        assert!(check("..").is_ok());
    }

    #[test]
    fn names_of_any_length_have_folders_of_their_own() {
        let names =
            ["a".repeat(200), "a".repeat(201), "a".repeat(202), "数".repeat(40), "数".repeat(41), "数".repeat(400)];
        let folders: BTreeSet<String> = names.iter().map(|name| escape(name)).collect();
        assert_eq!(folders.len(), names.len());
        assert!(folders.iter().all(|folder| folder.len() <= NAME_BYTES), "{folders:?}");
        assert_eq!(escape(&names[0]), names[0]);
        assert!(escape(&names[1]).starts_with("aaaa") && names.iter().all(|name| check(name).is_ok()));
    }

    #[test]
    fn a_segment_is_found_by_its_name() {
        let path = segment(Path::new("t"), 1_234);
        assert_eq!(path.file_name().and_then(|n| n.to_str()).and_then(segment_base), Some(1_234));
        assert_eq!(segment_base("lock"), None);
    }
}
