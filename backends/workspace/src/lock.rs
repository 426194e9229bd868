//! `Cargo.lock`.

use crate::Crate;

/// The lock of the runtime with the generated crates in it, as cargo would write it.
pub(crate) fn with(lock: &str, version: &str, crates: &[Crate]) -> String {
    let mut parts = lock.split("\n[[package]]\n").map(|part| part.trim_end_matches('\n').to_owned());
    let head = parts.next().unwrap_or_default();
    let mut packages: Vec<String> = parts.collect();
    packages.extend(crates.iter().map(|one| package(one, version)));
    packages.sort_by(|a, b| order(a).cmp(order(b)));
    let packages: String = packages.iter().map(|package| format!("\n[[package]]\n{package}\n")).collect();
    format!("{head}\n{packages}")
}

/// The names of all packages in a lock.
pub(crate) fn names(lock: &str) -> impl Iterator<Item = &str> {
    lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
}

fn package(one: &Crate, version: &str) -> String {
    let mut names: Vec<&str> = one.runtime.iter().copied().chain(one.siblings.iter().map(String::as_str)).collect();
    names.sort_unstable();
    let dependencies: String = names.iter().map(|name| format!(" \"{name}\",\n")).collect();
    let head = format!("name = \"{}\"\nversion = \"{version}\"", one.package);
    if names.is_empty() { head } else { format!("{head}\ndependencies = [\n{dependencies}]") }
}

/// Cargo orders packages by name; of one name there is one generated crate at most, and none beside it.
fn order(package: &str) -> &str {
    package.lines().next().unwrap_or_default().trim_start_matches("name = ")
}
