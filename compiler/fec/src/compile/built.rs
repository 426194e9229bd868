//! What cargo built of a compiled solution: found, and refused where it is not of the solution as it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fec_ir::Ir;
use fec_local::suite::Binaries;

use super::build::binary_of;
use super::manifest::{self, Manifest};
use super::{PLAN, plan};
use crate::output::Failure;

/// The file list of a folder that `compile` wrote.
///
/// # Errors
/// A folder that it did not write.
pub fn listed(out: &Path, solution: &Path) -> Result<Manifest, Failure> {
    let refused = |why: String| {
        let (out, solution) = (out.display(), solution.display());
        Failure::usage(format!("`{out}` was not written by `fec compile {solution} -o {out}`: {why}"))
    };
    let text = fs::read(out.join(manifest::NAME));
    let text = text.map_err(|error| refused(format!("`{}` cannot be read: {error}", manifest::NAME)))?;
    serde_json::from_slice(&text).map_err(|error| refused(format!("`{}` is damaged: {error}", manifest::NAME)))
}

/// The binaries of `out`, which was compiled for `manifest`, all of them of `ir` and built after their text was written.
///
/// # Errors
/// The exact command that mends it, where it was compiled from another form of the solution, or not built since.
pub fn binaries(out: &Path, solution: &Path, manifest: &Manifest, ir: &Ir) -> Result<Binaries, Failure> {
    let build = format!("`cd {} && cargo build --release --locked --offline`", out.join("crates").display());
    let compiled = fs::read(out.join(PLAN)).unwrap_or_default();
    if manifest.solution != ir.name || manifest.fec != env!("CARGO_PKG_VERSION") || compiled != plan(ir)?.into_bytes() {
        let target = manifest.target.as_ref().map(|target| format!("--target {target} ")).unwrap_or_default();
        let (out, solution) = (out.display(), solution.display());
        let of = match manifest.solution == ir.name {
            true => "another form of this solution".to_owned(),
            false => format!("the solution `{}`", manifest.solution),
        };
        return Err(Failure::environment(format!(
            "`{out}` was compiled from {of}; run `fec compile {solution} {target}-o {out}`, then {build}"
        )));
    }
    let crates = out.join("crates");
    let folder = target(&crates).join("release");
    let mut names = BTreeSet::new();
    for (package, binary) in packages(&crates, manifest)? {
        let main = crates.join(package).join("src/main.rs");
        if let Err(why) = is_fresh(&folder, &binary, &main) {
            return Err(Failure::environment(format!("{why}; run {build}")));
        }
        names.insert(binary);
    }
    let folder = fs::canonicalize(&folder).unwrap_or(folder);
    Ok(Binaries { folder, names })
}

/// Where cargo builds a workspace.
fn target(crates: &Path) -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").filter(|chosen| !chosen.is_empty());
    crates.join(chosen.unwrap_or_else(|| OsString::from("target")))
}

/// The packages that are processes, with the names of their binaries.
fn packages(crates: &Path, manifest: &Manifest) -> Result<BTreeMap<String, String>, Failure> {
    let main = |path: &str| Some(path.strip_prefix("crates/")?.strip_suffix("/src/main.rs")?.to_owned());
    let mut packages = BTreeMap::new();
    for package in manifest.files.iter().filter_map(|entry| main(&entry.path)).filter(|path| !path.contains('/')) {
        let path = crates.join(&package).join("Cargo.toml");
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::environment(format!("cannot read `{}`: {error}", path.display())))?;
        let binary = binary_of(&text).unwrap_or(&package).to_owned();
        packages.insert(package, binary);
    }
    Ok(packages)
}

/// Whether a binary was built from these crates after they were written; else why not. Cargo lists beside each binary what
/// it was built from.
fn is_fresh(folder: &Path, binary: &str, main: &Path) -> Result<(), String> {
    let path = folder.join(binary);
    let Some(built) = changed(&path) else { return Err(format!("there is no `{}`", path.display())) };
    let list = folder.join(format!("{binary}.d"));
    let parts = fs::read_to_string(&list).map(|text| listed_parts(&text)).unwrap_or_default();
    let main = fs::canonicalize(main).unwrap_or_else(|_| main.to_path_buf());
    if !parts.iter().any(|part| fs::canonicalize(part).is_ok_and(|part| part == main)) {
        return Err(format!("`{}` was not built from `{}`", path.display(), main.display()));
    }
    match parts.iter().find(|part| changed(part).is_none_or(|changed| changed > built)) {
        Some(part) => Err(format!("`{}` is older than `{}`, which it is built from", path.display(), part.display())),
        None => Ok(()),
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|found| found.modified()).ok()
}

/// The files after the colon of a list that cargo writes; blanks in their names stand behind a backslash.
fn listed_parts(text: &str) -> Vec<PathBuf> {
    let Some((_, listed)) = text.lines().next().and_then(|line| line.split_once(": ")) else { return Vec::new() };
    let mut parts = vec![String::new()];
    let mut letters = listed.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, parts.last_mut()) {
            (' ', _) => parts.push(String::new()),
            ('\\', Some(last)) if letters.peek() == Some(&' ') => last.extend(letters.next()),
            (letter, Some(last)) => last.push(letter),
            (_, None) => {}
        }
    }
    parts.into_iter().filter(|part| !part.is_empty()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_compile_did_not_write_is_refused_with_the_command_that_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let refused = listed(folder.path(), Path::new("shop")).err().map(|failure| failure.message).unwrap_or_default();
        let out = folder.path().display();
        let wanted = format!("`{out}` was not written by `fec compile shop -o {out}`: ");
        assert!(refused.starts_with(&wanted), "{refused}");
    }

    #[test]
    fn lists_of_cargo_are_read() {
        let parts = listed_parts("/t/release/a: /s/a\\ b/main.rs /s/c.rs\n\n/s/c.rs:\n");
        assert_eq!(parts, [PathBuf::from("/s/a b/main.rs"), PathBuf::from("/s/c.rs")]);
        assert_eq!(listed_parts(""), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_binary_is_fresh_until_what_it_was_built_from_changes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let fresh = || is_fresh(folder.path(), "a", &at("main.rs"));
        assert!(fresh().unwrap_err().contains("there is no"));
        fs::write(at("main.rs"), "").unwrap();
        fs::write(at("a"), "").unwrap();
        assert!(fresh().unwrap_err().contains("was not built from"));
        let list = format!("{}: {}\n", at("a").display(), at("main.rs").display());
        fs::write(at("a.d"), list).unwrap();
        assert_eq!(fresh(), Ok(()));
        let later = SystemTime::now() + std::time::Duration::from_secs(10);
        fs::File::options().write(true).open(at("main.rs")).unwrap().set_modified(later).unwrap();
        assert!(fresh().unwrap_err().contains("is older than"));
    }
}
