//! The generated crates, built for images: beside what cargo builds for others, each package alone, without a trace of
//! where it was built.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fec_plan::OutputFile;
use serde_json::Value;

use crate::output::Failure;

/// Where the crates lie among the files.
const CRATES: &str = "crates/";

/// A generated package that makes a binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name, which is that of its folder.
    pub name: String,
    /// The name of its binary.
    pub binary: String,
}

/// The name of a binary that is called otherwise than its package: its manifest has a part of its own for it.
pub fn binary_of(manifest: &str) -> Option<&str> {
    let (_, part) = manifest.split_once("[[bin]]")?;
    let (_, named) = part.split_once("name = \"")?;
    named.split('"').next()
}

/// The packages among generated files that make a binary.
pub fn packages(files: &[OutputFile]) -> Vec<Package> {
    let folder = |file: &OutputFile| {
        let name = file.path.strip_prefix(CRATES)?.strip_suffix("/src/main.rs")?;
        (!name.contains('/')).then(|| name.to_owned())
    };
    let binary = |name: &str| {
        let manifest = format!("{CRATES}{name}/Cargo.toml");
        let text = &files.iter().find(|file| file.path == manifest)?.contents;
        binary_of(&String::from_utf8_lossy(text)).map(str::to_owned)
    };
    let package = |name: String| Package { binary: binary(&name).unwrap_or_else(|| name.clone()), name };
    files.iter().filter_map(folder).map(package).collect()
}

/// The binaries of the crates among `files` by name, built for release in a folder of their own below `out`, which cargo
/// finds again the next time.
///
/// # Errors
/// Cargo that is not there or fails; a folder that cannot be written.
pub fn built(out: &Path, files: &[OutputFile], packages: &[Package]) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    // A target folder that is chosen knows the crates by one path, wherever OUT is: what has been built is used again.
    let place = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target).join("images"),
        None => out.join("crates/target/images"),
    };
    let place = std::path::absolute(place).map_err(Failure::environment)?;
    let (crates, target) = (place.join("crates"), place.join("built"));
    let refused = |error| Failure::environment(format!("cannot write `{}`: {error}", place.display()));
    fs::create_dir_all(&place).map_err(refused)?;
    // Whoever builds there, too, waits: the crates are those of one OUT at a time.
    let alone = fs::File::create(place.join("lock")).map_err(refused)?;
    alone.lock().map_err(refused)?;
    laid(&crates, files)
        .map_err(|error| Failure::environment(format!("cannot write `{}`: {error}", crates.display())))?;
    let mut binaries = BTreeMap::new();
    for package in packages {
        // Built together, each would hold what one of them asks for.
        let messages = cargo(&crates, &target, &package.name)?;
        for line in messages.lines() {
            let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
            let Some(path) = message.get("executable").and_then(Value::as_str) else { continue };
            let bytes = fs::read(path).map_err(|error| Failure::environment(format!("`{path}`: {error}")))?;
            if let Some(name) = Path::new(path).file_name() {
                binaries.insert(name.to_string_lossy().into_owned(), bytes);
            }
        }
    }
    Ok(binaries)
}

/// Writes the crates, those files that have changed; what is no longer among them is removed.
fn laid(crates: &Path, files: &[OutputFile]) -> io::Result<()> {
    let mut kept = BTreeSet::new();
    for file in files {
        let Some(path) = file.path.strip_prefix(CRATES) else { continue };
        let path = crates.join(path);
        if !fs::read(&path).is_ok_and(|bytes| bytes == file.contents) {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, &file.contents)?;
        }
        kept.insert(path);
    }
    let mut open = vec![crates.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if !kept.contains(&path) {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

/// Builds one package, and gives cargo's messages.
fn cargo(crates: &Path, target: &Path, package: &str) -> Result<String, Failure> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(program);
    cargo.args(["build", "--release", "--locked", "--offline", "--message-format", "json-render-diagnostics"]);
    cargo.args(["--package", package]).env("CARGO_TARGET_DIR", target);
    let hidden = hidden(crates, target);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&hidden)).env("CFLAGS", c_flags(&hidden));
    let done = cargo.current_dir(crates).stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| {
        Failure::environment(format!(
            "cannot start `cargo`, which builds what images hold: {error}; install Rust (rustup)"
        ))
    })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(Failure::environment(format!(
        "the crates in `{}` could not be built, see above; where dependencies are missing, run `cargo fetch --locked` there once",
        crates.display()
    )))
}

/// Folders of this machine that a binary names in its messages, and what it calls them instead.
fn hidden(crates: &Path, target: &Path) -> Vec<(PathBuf, &'static str)> {
    let home = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cargo = home("CARGO_HOME").or_else(|| home("HOME").map(|home| home.join(".cargo")));
    let mut found: Vec<(PathBuf, &str)> = Vec::new();
    if let Some(path) = cargo {
        found.extend(path.canonicalize().ok().map(|path| (path, "/cargo")));
        found.push((path, "/cargo"));
    }
    found.push((crates.to_owned(), "/build"));
    found.push((target.to_owned(), "/target"));
    found
}

/// The flags that the caller gives rustc, and those that hide folders.
fn rust_flags(hidden: &[(PathBuf, &str)]) -> OsString {
    let mut flags: Vec<OsString> = match (std::env::var_os("CARGO_ENCODED_RUSTFLAGS"), std::env::var("RUSTFLAGS")) {
        (Some(given), _) if !given.is_empty() => vec![given],
        (_, Ok(given)) => given.split_whitespace().map(OsString::from).collect(),
        _ => Vec::new(),
    };
    for (path, name) in hidden {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(path);
        flag.push(format!("={name}"));
        flags.push(flag);
    }
    flags.join(std::ffi::OsStr::new("\u{1f}"))
}

/// The same for the C that some dependencies hold.
fn c_flags(hidden: &[(PathBuf, &str)]) -> OsString {
    let mut flags = std::env::var_os("CFLAGS").unwrap_or_default();
    // A blank would end the flag.
    for (path, name) in hidden.iter().filter(|(path, _)| !path.to_string_lossy().contains(' ')) {
        flags.push(" -ffile-prefix-map=");
        flags.push(path);
        flags.push(format!("={name}"));
    }
    flags
}

#[cfg(test)]
mod tests {
    use fec_plan::FileKind;

    use super::*;

    fn file(path: &str, contents: &str) -> OutputFile {
        let contents = contents.as_bytes().to_vec();
        OutputFile { path: path.to_owned(), kind: FileKind::Crate, contents, source: None, lines: Vec::new() }
    }

    #[test]
    fn packages_are_those_with_a_binary() {
        let files = [
            file("crates/shop/src/lib.rs", ""),
            file("crates/api/src/main.rs", ""),
            file("crates/api/Cargo.toml", "[package]\nname = \"api\"\n"),
            file("crates/build-2/src/main.rs", ""),
            file("crates/build-2/Cargo.toml", "[package]\n\n[[bin]]\nname = \"build\"\npath = \"src/main.rs\"\n"),
            file("crates/runtime/log/src/main.rs", ""),
        ];
        let package = |name: &str, binary: &str| Package { name: name.to_owned(), binary: binary.to_owned() };
        assert_eq!(packages(&files), [package("api", "api"), package("build-2", "build")]);
    }

    #[test]
    fn crates_are_laid_again_where_they_have_changed() {
        let scratch = tempfile::tempdir().expect("a folder");
        let crates = scratch.path().join("deep/crates");
        laid(&crates, &[file("crates/a/x.rs", "1"), file("crates/b/y.rs", "2"), file("argo/z.yaml", "3")])
            .expect("laid");
        let modified = |path: &str| fs::metadata(crates.join(path)).and_then(|found| found.modified()).expect("a time");
        let before = modified("a/x.rs");
        std::thread::sleep(std::time::Duration::from_millis(20));
        laid(&crates, &[file("crates/a/x.rs", "1"), file("crates/b/w.rs", "4")]).expect("laid again");
        assert_eq!(modified("a/x.rs"), before, "what is the same keeps its time");
        assert!(crates.join("b/w.rs").is_file() && !crates.join("b/y.rs").exists());
        assert!(!scratch.path().join("deep/argo").exists());
    }

    #[test]
    fn folders_are_hidden_by_flags_that_keep_those_of_the_caller() {
        let flags = rust_flags(&[(PathBuf::from("/builder/my cargo"), "/cargo")]);
        let flags = flags.to_string_lossy().into_owned();
        assert!(flags.ends_with("--remap-path-prefix=/builder/my cargo=/cargo"), "{flags}");
        let flags = c_flags(&[(PathBuf::from("/my cargo"), "/cargo"), (PathBuf::from("/out"), "/build")]);
        let flags = flags.to_string_lossy().into_owned();
        assert!(flags.ends_with(" -ffile-prefix-map=/out=/build") && !flags.contains("my cargo"), "{flags}");
    }
}
