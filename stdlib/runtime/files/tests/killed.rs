//! What killed writers leave is removed, and what living ones write is not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may stop")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use flow_files::{Fresh, is_fresh, sweep};

/// Names the folder in which this process is a writer that never comes to its end.
const FOLDER: &str = "FLOW_FILES_WRITER";

/// No test: what [`writer`] starts.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut fresh = Fresh::begin(Path::new(&folder)).unwrap();
    fresh.file().write_all(b"the first half").unwrap();
    println!("\nwriting");
    std::thread::sleep(std::time::Duration::from_secs(600));
}

/// A process that has written half of a file in `folder`.
fn writer(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "writes_until_it_is_killed", "--nocapture"]).env(FOLDER, folder);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "writing"));
    child
}

fn names(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_a_killed_writer_has_left_goes_and_what_a_living_one_writes_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (mut living, mut killed) = (writer(folder.path()), writer(folder.path()));
    assert_eq!(names(folder.path()).len(), 2, "a second writer has left the first one's file alone");
    sweep(folder.path());
    assert_eq!(names(folder.path()).len(), 2, "both are being written");
    killed.kill().unwrap();
    killed.wait().unwrap();
    let place = folder.path().join("place.json");
    Fresh::replace(&place, b"whole", true).unwrap();
    let left = names(folder.path());
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(fs::read(&place).unwrap(), b"whole");
    let written = left.iter().find(|path| is_fresh(path.file_name().unwrap())).expect("the living writer's file");
    assert_eq!(fs::read(written).unwrap(), b"the first half");
    living.kill().unwrap();
    living.wait().unwrap();
    sweep(folder.path());
    assert_eq!(names(folder.path()), [place]);
}

#[test]
fn a_file_has_one_content_or_the_other_while_all_write_and_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("place.json");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let write = |byte: u8| {
            let place = &place;
            scope.spawn(move || (0..300).try_for_each(|_| Fresh::replace(place, &vec![byte; 20_000], false)))
        };
        let writers: Vec<_> = (0..4).map(write).collect();
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                sweep(folder.path());
                if let Ok(found) = fs::read(&place) {
                    assert!(found.len() == 20_000 && found.windows(2).all(|pair| pair[0] == pair[1]));
                }
            }
        });
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        is_over.store(true, Ordering::Relaxed);
        written.into_iter().for_each(|written| written.expect("nobody has removed what was being written"));
    });
    assert_eq!(names(folder.path()), [place]);
}

#[test]
fn a_name_that_is_taken_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("000001.json");
    fs::write(&place, "mine").unwrap();
    let mut fresh = Fresh::begin(folder.path()).unwrap();
    fresh.file().write_all(b"another").unwrap();
    assert_eq!(fresh.link(&place).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    fresh.link(&folder.path().join("000002.json")).unwrap();
    drop(fresh);
    assert_eq!(fs::read(&place).unwrap(), b"mine");
    assert_eq!(fs::read(folder.path().join("000002.json")).unwrap(), b"another");
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn what_cannot_be_put_in_place_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("place");
    fs::create_dir(&place).unwrap();
    assert!(Fresh::replace(&place, b"whole", false).is_err(), "a folder has that name");
    assert_eq!(names(folder.path()), [place]);
}
