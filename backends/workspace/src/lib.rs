//! The Cargo workspace of generated crates: its manifest, its lock, and the runtime laid beside them.
//!
//! Everything comes out of what was embedded when this crate was built, so that a compiled solution needs nothing of this
//! repository, and `cargo build --locked --offline` nothing but the dependencies themselves.

mod lock;
mod names;

use fec_plan::{FileKind, OutputFile};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

pub use names::package_name;

/// The folder of the workspace below the output folder.
pub const FOLDER: &str = "crates";

/// A generated crate, as far as the workspace is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crate {
    /// The name of its package, and of its folder: from [`package_name`].
    pub package: String,
    /// The name of its binary; none of a library.
    pub binary: Option<String>,
    /// One line that says what it is.
    pub description: String,
    /// Crates of the runtime that it uses.
    pub runtime: Vec<&'static str>,
    /// Generated libraries that it uses, by package.
    pub siblings: Vec<String>,
}

/// The files of the workspace: its manifest, its lock, the runtime, and the manifest of each crate.
#[must_use]
pub fn files(crates: &[Crate]) -> Vec<OutputFile> {
    let mut files = vec![
        file("Cargo.toml", FileKind::Crate, manifest(crates)),
        file("Cargo.lock", FileKind::Crate, lock::with(LOCK, &version(), crates)),
        // Without it the settings of whatever folder lies above would count.
        file("rustfmt.toml", FileKind::Crate, "edition = \"2024\"\n".to_owned()),
        file("runtime/rustfmt.toml", FileKind::Runtime, RUSTFMT.to_owned()),
    ];
    files.extend(RUNTIME.iter().map(|(path, text)| file(path, FileKind::Runtime, (*text).to_owned())));
    let of_crate = |one: &Crate| file(&format!("{}/Cargo.toml", one.package), FileKind::Crate, crate_manifest(one));
    files.extend(crates.iter().map(of_crate));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn file(path: &str, kind: FileKind, text: String) -> OutputFile {
    let path = format!("{FOLDER}/{path}");
    OutputFile { path, kind, contents: text.into_bytes(), source: None, lines: Vec::new() }
}

fn manifest(crates: &[Crate]) -> String {
    let runtime = RUNTIME.iter().filter_map(|(path, _)| path.strip_suffix("/Cargo.toml")).map(str::to_owned);
    let members: Vec<String> = crates.iter().map(|one| one.package.clone()).chain(runtime).collect();
    let lines: String = members.iter().map(|member| format!("  \"{member}\",\n")).collect();
    format!("[workspace]\nresolver = \"3\"\nmembers = [\n{lines}]\n\n{SHARED}")
}

/// The version that all crates share.
fn version() -> String {
    let line = SHARED.lines().find_map(|line| line.strip_prefix("version = "));
    line.unwrap_or("\"0.0.0\"").trim_matches('"').to_owned()
}

fn crate_manifest(one: &Crate) -> String {
    let mut text = format!("[package]\nname = \"{}\"\ndescription = {:?}\n", one.package, one.description);
    for field in ["version", "edition", "rust-version", "publish"] {
        text.push_str(&format!("{field}.workspace = true\n"));
    }
    if let Some(binary) = &one.binary
        && *binary != one.package
    {
        text.push_str(&format!("\n[[bin]]\nname = \"{binary}\"\npath = \"src/main.rs\"\n"));
    }
    text.push_str("\n[lints]\nworkspace = true\n\n[dependencies]\n");
    let siblings = one.siblings.iter().map(|name| format!("{name} = {{ path = \"../{name}\" }}\n"));
    let mut dependencies: Vec<String> =
        one.runtime.iter().map(|name| format!("{name}.workspace = true\n")).chain(siblings).collect();
    dependencies.sort();
    text.push_str(&dependencies.concat());
    text
}

#[cfg(test)]
mod tests;
