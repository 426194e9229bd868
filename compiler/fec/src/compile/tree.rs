//! The output folder: written whole beside its place and then put there, so that nobody ever sees half of it.
//!
//! A folder that is there already is replaced only where every file in it was written by a compile; what cargo built
//! below `crates/target` stays, and a file that is the same keeps its time, so that a build after it is as short as the
//! change.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use fec_plan::OutputFile;

use super::beside::{Held, carry, recover};
use super::manifest::{self, Manifest};
use crate::output::Failure;

/// What is built from the output, and not a part of it.
const BUILT: &[&str] = &["crates/target"];

/// Puts the files into `out`.
///
/// # Errors
/// A folder with something in it that no compile wrote, or one that cannot be written.
pub fn write(out: &Path, files: &[OutputFile]) -> Result<(), Failure> {
    check(out)?;
    let place = absolute(out).map_err(|error| refused(out, &error))?;
    let (Some(parent), Some(_)) = (place.parent(), place.file_name()) else {
        return Err(Failure::usage(format!("`{}` is no folder to write", out.display())));
    };
    fs::create_dir_all(parent).map_err(|error| refused(parent, &error))?;
    recover(&place, BUILT);
    let staged = Held::begin(&place).map_err(|error| refused(&place, &error))?;
    let written = stage(staged.path(), &place, files).map_err(|error| refused(staged.path(), &error));
    let former = match written.and_then(|()| swap(&place, staged.path())) {
        Ok(former) => former,
        Err(failure) => {
            // What could not be finished is of no use; that it cannot be removed either changes nothing.
            let _ = fs::remove_dir_all(staged.path());
            return Err(failure);
        }
    };
    former.map_or(Ok(()), |former| fs::remove_dir_all(former.path()).map_err(|error| refused(former.path(), &error)))
}

/// Refuses a folder that holds anything that no compile wrote.
///
/// # Errors
/// See [`write`].
pub fn check(out: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(out) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(out, &error)),
        Ok(found) if !found.is_dir() => {
            return Err(Failure::usage(format!("`{}` is no folder; name another with -o", out.display())));
        }
        Ok(_) => {}
    }
    let mut found = Vec::new();
    collect(out, "", &mut found).map_err(|error| refused(out, &error))?;
    if found.is_empty() {
        return Ok(());
    }
    let known: BTreeSet<String> = match fs::read(out.join(manifest::NAME)) {
        Ok(bytes) => match serde_json::from_slice::<Manifest>(&bytes) {
            Ok(manifest) => manifest.files.into_iter().map(|entry| entry.path).collect(),
            Err(_) => BTreeSet::new(),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => BTreeSet::new(),
        Err(error) => return Err(refused(out, &error)),
    };
    match found.iter().find(|path| !known.contains(*path)) {
        None => Ok(()),
        Some(strange) => Err(Failure::usage(format!(
            "`{}` was not written by `fec compile`, and `{}` would be replaced with all that is in it; name another \
             folder with -o, or remove it first",
            out.join(strange).display(),
            out.display()
        ))),
    }
}

/// Files and links below a folder, as paths with `/`; what was built from it is left out.
fn collect(folder: &Path, before: &str, found: &mut Vec<String>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{before}{}", entry.file_name().to_string_lossy());
        if BUILT.contains(&path.as_str()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn stage(staged: &Path, place: &Path, files: &[OutputFile]) -> io::Result<()> {
    for file in files {
        let path = staged.join(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut out = fs::File::create_new(&path)?;
        out.write_all(&file.contents)?;
        let former = place.join(&file.path);
        if fs::read(&former).is_ok_and(|bytes| bytes == file.contents) {
            out.set_modified(fs::metadata(&former)?.modified()?)?;
        }
    }
    Ok(())
}

/// Puts the new folder in its place, the former one, which is given, beside it, and what was built into the new one.
fn swap(place: &Path, staged: &Path) -> Result<Option<Held>, Failure> {
    let former = Held::moved(place).map_err(|error| refused(place, &error))?;
    if let Err(error) = fs::rename(staged, place) {
        if let Some(former) = former {
            fs::rename(former.path(), place).map_err(|error| refused(former.path(), &error))?;
        }
        return Err(refused(place, &error));
    }
    if let Some(former) = &former {
        carry(BUILT, former.path(), place).map_err(|(path, error)| refused(&path, &error))?;
    }
    Ok(former)
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    // A link is followed, so that what it leads to is replaced and not the link.
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => std::path::absolute(path),
        Err(error) => Err(error),
    }
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    Failure::environment(format!("cannot write `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use fec_plan::FileKind;

    use super::*;
    use crate::compile::manifest::Entry;
    use crate::output::USAGE;

    fn file(path: &str, contents: &str) -> OutputFile {
        let contents = contents.as_bytes().to_vec();
        OutputFile { path: path.to_owned(), kind: FileKind::Argo, contents, source: None, lines: Vec::new() }
    }

    /// Files with their list.
    fn listed(files: &[(&str, &str)]) -> Vec<OutputFile> {
        let mut all: Vec<OutputFile> = files.iter().map(|(path, contents)| file(path, contents)).collect();
        all.push(file(manifest::NAME, ""));
        let entry = |file: &OutputFile| Entry {
            path: file.path.clone(),
            kind: "argo".to_owned(),
            source: None,
            lines: Vec::new(),
        };
        let manifest = Manifest { files: all.iter().map(entry).collect(), ..Manifest::default() };
        let text = serde_json::to_string(&manifest).expect("JSON");
        all.pop();
        all.push(file(manifest::NAME, &text));
        all
    }

    #[test]
    fn a_folder_is_replaced_whole_and_keeps_what_was_built() {
        let scratch = tempfile::tempdir().expect("a folder");
        let out = scratch.path().join("deep/out");
        write(&out, &listed(&[("crates/a.rs", "1"), ("crates/b.rs", "2"), ("argo/x.yaml", "3")])).expect("written");
        fs::create_dir_all(out.join("crates/target/release")).expect("a folder");
        fs::write(out.join("crates/target/release/a"), "built").expect("a file");
        let before = fs::metadata(out.join("crates/a.rs")).and_then(|found| found.modified()).expect("a time");
        std::thread::sleep(std::time::Duration::from_millis(20));
        write(&out, &listed(&[("crates/a.rs", "1"), ("crates/b.rs", "changed")])).expect("written");
        let after = fs::metadata(out.join("crates/a.rs")).and_then(|found| found.modified()).expect("a time");
        assert_eq!(before, after, "what is the same keeps its time");
        assert_eq!(fs::read_to_string(out.join("crates/b.rs")).expect("a file"), "changed");
        assert_eq!(fs::read_to_string(out.join("crates/target/release/a")).expect("a file"), "built");
        assert!(!out.join("argo").exists(), "what is no longer written is gone");
        let left: Vec<_> = fs::read_dir(scratch.path().join("deep")).expect("a folder").collect();
        assert_eq!(left.len(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_killed_compiles_left_is_put_back_or_removed() {
        let scratch = tempfile::tempdir().expect("a folder");
        let (out, number) = (scratch.path().join("out"), "0123456789abcdef");
        let left = |what: &str| scratch.path().join(format!(".out.{what}-{number}"));
        let names = || {
            let entries = fs::read_dir(scratch.path()).expect("a folder");
            entries.map(|entry| entry.expect("an entry").file_name()).collect::<BTreeSet<_>>()
        };
        write(&out, &listed(&[("crates/a", "1")])).expect("written");
        // Killed after the former folder had gone and before the new one was in its place.
        fs::create_dir_all(out.join("crates/target")).expect("a folder");
        fs::write(out.join("crates/target/a"), "built").expect("a file");
        fs::rename(&out, left("old")).expect("moved");
        fs::create_dir_all(left("new").join("crates")).expect("a folder");
        let others = [".out.new-mine", ".out.old-0123", ".outer.new-0123456789abcdef"];
        for other in others {
            fs::create_dir(scratch.path().join(other)).expect("a folder");
        }
        write(&out, &listed(&[("crates/a", "2")])).expect("written");
        assert_eq!(fs::read_to_string(out.join("crates/target/a")).expect("a file"), "built");
        // Killed before what was built was in the new folder.
        fs::create_dir_all(left("old").join("crates")).expect("a folder");
        fs::rename(out.join("crates/target"), left("old").join("crates/target")).expect("moved");
        write(&out, &listed(&[("crates/a", "3")])).expect("written");
        assert_eq!(fs::read_to_string(out.join("crates/target/a")).expect("a file"), "built");
        let expected: BTreeSet<_> = others.iter().copied().chain(["out"]).map(Into::into).collect();
        assert_eq!(names(), expected, "what others have called so is theirs");
        // Somebody works on it.
        let held = Held::begin(&out).expect("a folder");
        write(&out, &listed(&[("crates/a", "4")])).expect("written");
        assert!(held.path().is_dir());
    }

    #[test]
    fn what_no_compile_wrote_is_left_alone() {
        let scratch = tempfile::tempdir().expect("a folder");
        let out = scratch.path().join("out");
        fs::create_dir(&out).expect("a folder");
        write(&out, &listed(&[("a", "1")])).expect("an empty folder is taken");
        fs::write(out.join("notes.txt"), "mine").expect("a file");
        let refused = write(&out, &listed(&[("a", "2")])).expect_err("there are notes");
        assert_eq!(refused.code, USAGE);
        assert!(refused.message.contains("notes.txt"), "{}", refused.message);
        assert_eq!(fs::read_to_string(out.join("a")).expect("a file"), "1");
        assert_eq!(fs::read_to_string(out.join("notes.txt")).expect("a file"), "mine");
        let file = scratch.path().join("file");
        fs::write(&file, "mine").expect("a file");
        assert_eq!(write(&file, &listed(&[])).expect_err("no folder").code, USAGE);
    }
}
