//! What survives a power failure is synced, and in the order that keeps it whole: seen in the calls that a process makes.
//!
//! The test starts its own program again, under `strace`, with a filter that selects [`child`]. Where the machine has no
//! `strace`, or does not let it look, the test says so and proves nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flow_log::archive::{FolderLake, Lake};
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{Block, Cut, Log, Mark, Outcome, PartitionId, Sequence, TaskId};
use tempfile::TempDir;

const FOLDER: &str = "FLOW_LOG_TEST_DURABLE";
const ROUNDS: i64 = 40;

/// Not a test by itself: what is looked at.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    // Small, so that segments and the commit file roll over.
    let options = Options { durable: true, segment_bytes: 1_000, commits_bytes: 2_000, ..Options::default() };
    let mut log = EmbeddedLog::open(folder.join("log"), options).unwrap();
    log.create("left", 2).unwrap();
    let task = TaskId::new("copy", 0);
    log.own(&task).unwrap();
    let mut sequence = Sequence::NONE;
    for round in 0..ROUNDS {
        let mut transaction = log.begin().unwrap();
        for key in 0..4_i64 {
            let to = PartitionId::new("left", (key % 2) as u32);
            transaction.append(&to, &key.to_le_bytes(), &[7; 50], round).unwrap();
        }
        sequence = sequence.next();
        let cut = Cut([(PartitionId::new("count", 0), Mark { next: round, arrived: 0 })].into());
        transaction.block(&task, &Block { sequence, cut: cut.clone(), ..Block::default() }).unwrap();
        transaction.positions(&task, &cut).unwrap();
        assert_eq!(transaction.commit(), Outcome::Committed);
    }
    let mut lake = FolderLake::open(&folder.join("lake")).unwrap();
    lake.put("plain", b"1").unwrap();
    lake.put("deep/er/file", b"2").unwrap();
    assert!(lake.put_if("deep/list", b"3", None).unwrap());
}

/// The names in quotes of a call, and the paths behind its file handles.
fn paths(call: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let between = |open: char, close: char| -> Vec<PathBuf> {
        let parts = call.split(open).skip(1).filter_map(|part| part.split_once(close));
        parts.map(|(path, _)| PathBuf::from(path)).collect()
    };
    (call.split('"').skip(1).step_by(2).map(PathBuf::from).collect(), between('<', '>'))
}

/// What would be lost or torn if power failed: files with bytes, and folders with names, that are not on the disk.
#[derive(Debug, Default)]
struct Unsynced {
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    known: BTreeSet<PathBuf>,
    commits: usize,
    moves: usize,
}

impl Unsynced {
    fn names_in(&mut self, place: &Path, root: &Path) {
        let folder = place.parent().unwrap();
        if folder.starts_with(root) {
            self.folders.insert(folder.to_owned());
        }
    }

    fn see(&mut self, call: &str, root: &Path) {
        let (names, handles) = paths(call);
        // Who owns what ends with the machine.
        let owners = root.join("log/tasks");
        let inside = |path: &&PathBuf| path.starts_with(root) && !path.starts_with(&owners);
        let verb = call.split('(').next().unwrap_or("");
        match verb {
            "mkdir" | "mkdirat" => names.iter().filter(inside).for_each(|path| self.names_in(path, root)),
            "write" | "pwrite64" => {
                let Some(path) = handles.first().filter(inside) else { return };
                // A commit is told by its record: whatever it speaks of is on the disk before.
                if path.ends_with("commits.log") {
                    self.commits += 1;
                    assert!(self.files.is_subset(&[path.clone()].into()), "{call}: not synced are {:?}", self.files);
                    assert!(self.folders.is_empty(), "{call}: names are not synced in {:?}", self.folders);
                }
                self.files.insert(path.clone());
                if self.known.insert(path.clone()) && !path.to_string_lossy().contains(".new") {
                    self.names_in(path, root);
                }
            }
            "fsync" | "fdatasync" => {
                if let Some(path) = handles.first() {
                    self.files.remove(path);
                    self.folders.remove(path);
                }
            }
            "rename" | "renameat" | "renameat2" => {
                let [from, to] = names.as_slice() else { return };
                if to.starts_with(root) {
                    self.moves += 1;
                    assert!(!self.files.contains(from), "{call}: what is moved is not synced");
                    self.names_in(to, root);
                    self.known.insert(to.clone());
                }
            }
            _ => {}
        }
    }
}

#[test]
fn what_is_committed_or_put_is_on_the_disk_before_it_is_told() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let calls = root.join("calls.txt");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "0", "-e"]);
    command.arg("trace=mkdir,mkdirat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2");
    // Names are cut with everything else that is cut by `-s`, but for those that are paths.
    command.arg("-o").arg(&calls).arg(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture"]).env(FOLDER, &root);
    let done = command.output();
    if !done.as_ref().is_ok_and(|done| done.status.success()) {
        let why =
            done.map_or_else(|error| error.to_string(), |done| String::from_utf8_lossy(&done.stderr).into_owned());
        assert!(!why.contains("panicked"), "{why}");
        let _ = writeln!(std::io::stderr(), "NOT TESTED: what is synced, for want of strace: {}", why.trim());
        return;
    }
    let told = std::fs::read_to_string(&calls).unwrap();
    let mut state = Unsynced::default();
    for line in told.lines() {
        let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
        assert!(!call.contains("unfinished"), "two threads at once: {call}");
        if !call.contains(" = -1 ") {
            state.see(call, &root);
        }
    }
    assert!(state.commits >= ROUNDS as usize, "{} commits were seen", state.commits);
    // The commit file, once and again where it grew, and what was put into the lake.
    assert!(state.moves > 3, "{} moves were seen", state.moves);
    assert_eq!(state.files, BTreeSet::new(), "at the end");
    assert_eq!(state.folders, BTreeSet::new(), "at the end");
}
