//! Manifests, as far as their sections.

use std::collections::BTreeSet;

/// The sections of a manifest: header and lines.
fn sections(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            sections.push((line, Vec::new()));
        } else if let Some((_, lines)) = sections.last_mut() {
            lines.push(line);
        }
    }
    sections
}

fn joined(sections: &[(String, Vec<String>)]) -> String {
    let text = |(header, lines): &(String, Vec<String>)| {
        let body: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.trim().is_empty()).collect();
        format!("{header}\n{}\n", body.join("\n"))
    };
    sections.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// A crate's manifest without what only its tests, examples and benches need.
pub fn shipped(text: &str) -> String {
    let left_out = ["[dev-dependencies", "[[test]]", "[[example]]", "[[bench]]"];
    let kept = sections(text).into_iter().filter(|(header, _)| !left_out.iter().any(|out| header.starts_with(out)));
    joined(&kept.map(|(header, lines)| (header.to_owned(), owned(&lines))).collect::<Vec<_>>())
}

/// The dependencies that a crate takes from its workspace.
pub fn uses(text: &str) -> Vec<String> {
    let dependencies = sections(text).into_iter().filter(|(header, _)| header.ends_with("dependencies]"));
    dependencies
        .flat_map(|(_, lines)| lines.into_iter().filter_map(name).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// What crates share: the package's fields, the runtime and the dependencies that `used` names, lints, the profile of
/// releases.
pub fn shared(text: &str, used: &BTreeSet<String>) -> String {
    let mut kept = Vec::new();
    for (header, lines) in sections(text) {
        match header {
            "[workspace.dependencies]" => {
                let is_runtime = |line: &str| line.contains("\"stdlib/runtime/");
                let is_used = |line: &str| name(line).is_some_and(|name| used.contains(name));
                let wanted = lines.into_iter().filter(|line| is_runtime(line) || is_used(line));
                let moved = wanted.map(|line| line.replace("\"stdlib/runtime/", "\"runtime/"));
                kept.push((header.to_owned(), moved.collect()));
            }
            "[workspace.package]" | "[profile.release]" => kept.push((header.to_owned(), owned(&lines))),
            _ if header.starts_with("[workspace.lints.") => kept.push((header.to_owned(), owned(&lines))),
            _ => {}
        }
    }
    joined(&kept)
}

/// The name that a line of dependencies begins with.
fn name(line: &str) -> Option<&str> {
    let name = line.split(['.', ' ', '=']).next()?;
    (!name.is_empty() && !name.starts_with('#')).then_some(name)
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}
