//! Embeds what a generated workspace needs of this one: the runtime crates without their tests, the dependencies and
//! lints that they share, and a `Cargo.lock` that holds exactly what they need, at this workspace's versions.

#[path = "build/manifest.rs"]
mod manifest;
#[path = "build/untested.rs"]
mod untested;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("workspace");
    let runtime = root.join("stdlib/runtime");
    for watched in [runtime.clone(), root.join("Cargo.toml"), root.join("Cargo.lock"), root.join("rustfmt.toml")] {
        println!("cargo:rerun-if-changed={}", watched.display());
    }
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut members = Vec::new();
    for folder in folders(&runtime)? {
        let name = folder.file_name().and_then(|name| name.to_str()).ok_or("a runtime crate has no name")?;
        members.push(format!("runtime/{name}"));
        let text = fs::read_to_string(folder.join("Cargo.toml"))?;
        files.insert(format!("runtime/{name}/Cargo.toml"), manifest::shipped(&text));
        for (path, text) in sources(&folder.join("src"))? {
            files.insert(format!("runtime/{name}/src/{path}"), text);
        }
    }
    let shared = fs::read_to_string(root.join("Cargo.toml"))?;
    let used: BTreeSet<String> = files
        .iter()
        .filter(|(path, _)| path.ends_with("Cargo.toml"))
        .flat_map(|(_, text)| manifest::uses(text))
        .collect();
    let shared = manifest::shared(&shared, &used);
    for (path, text) in &files {
        write(&out.join(path), text)?;
    }
    let quoted: Vec<String> = members.iter().map(|member| format!("\"{member}\"")).collect();
    write(
        &out.join("Cargo.toml"),
        &format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n{shared}", quoted.join(", ")),
    )?;
    fs::copy(root.join("Cargo.lock"), out.join("Cargo.lock"))?;
    prune(&out)?;
    let mut table = String::from("/// The files of the runtime, by path below the workspace.\n");
    table.push_str("pub const RUNTIME: &[(&str, &str)] = &[\n");
    for path in files.keys() {
        writeln!(table, "    ({path:?}, include_str!({:?})),", out.join(path))?;
    }
    table.push_str("];\n");
    writeln!(table, "/// What the workspace's manifest says after its members.\npub const SHARED: &str = {shared:?};")?;
    writeln!(table, "/// The lock of the runtime alone.")?;
    writeln!(table, "pub const LOCK: &str = include_str!({:?});", out.join("Cargo.lock"))?;
    writeln!(table, "/// How the runtime is formatted.")?;
    writeln!(table, "pub const RUSTFMT: &str = include_str!({:?});", root.join("rustfmt.toml"))?;
    write(&PathBuf::from(env::var("OUT_DIR")?).join("embedded.rs"), &table)
}

/// Lets cargo leave out of the lock what the runtime does not need: without the network, and at the same versions.
fn prune(workspace: &Path) -> Outcome<()> {
    let cargo = env::var_os("CARGO").ok_or("cargo does not say where it is")?;
    let done = Command::new(cargo)
        .args(["update", "--workspace", "--offline", "--quiet", "--manifest-path"])
        .arg(workspace.join("Cargo.toml"))
        .current_dir(workspace)
        .output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("the lock of generated crates cannot be derived: {}", String::from_utf8_lossy(&done.stderr)).into())
}

/// The Rust sources below a crate's `src`, without tests, by their path in it.
fn sources(src: &Path) -> Outcome<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    let mut tests = Vec::new();
    let mut open = vec![src.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let (kept, modules) = untested::without_tests(&text);
            let is_root =
                matches!(path.file_name().and_then(|name| name.to_str()), Some("lib.rs" | "main.rs" | "mod.rs"));
            let inner = if is_root { folder.clone() } else { path.with_extension("") };
            tests.extend(modules.iter().map(|module| inner.join(module)));
            texts.insert(path, kept);
        }
    }
    let mut found = BTreeMap::new();
    for (path, text) in texts {
        if tests.iter().any(|test| path.with_extension("").starts_with(test)) {
            continue;
        }
        let parts: Vec<String> =
            path.strip_prefix(src)?.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        found.insert(parts.join("/"), text);
    }
    Ok(found)
}

fn folders(path: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    let mut folders: Vec<PathBuf> = entries.into_iter().filter(|path| path.join("Cargo.toml").is_file()).collect();
    folders.sort();
    Ok(folders)
}

fn write(path: &Path, text: &str) -> Outcome<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, text)?)
}
