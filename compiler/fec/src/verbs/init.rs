//! `fec init`.

use std::path::Path;

use serde_json::json;

use crate::args::{Format, Init};
use crate::output::{Failure, line};

/// The files of a new solution: names and contents.
const STARTER: [(&str, &str); 2] = [
    ("solution.asol", include_str!("../../templates/starter.asol")),
    ("clicks.jsonl", include_str!("../../templates/clicks.jsonl")),
];

/// Writes a solution that runs as it is.
pub fn run(args: &Init, format: Format) -> Result<(), Failure> {
    if args.template != "starter" {
        return Err(Failure::usage(format!("there is no template `{}`; there is `starter`", args.template)));
    }
    let refused = |path: &Path, error: std::io::Error| {
        Failure::environment(format!("cannot write `{}`: {error}", path.display()))
    };
    let folder = &args.folder;
    let taken = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if taken || folder.is_file() {
        return Err(Failure::usage(format!("`{}` is not empty; name a new folder", folder.display())));
    }
    std::fs::create_dir_all(folder).map_err(|error| refused(folder, error))?;
    let mut files = Vec::new();
    for (name, content) in STARTER {
        let file = folder.join(name);
        std::fs::write(&file, content).map_err(|error| refused(&file, error))?;
        files.push(file);
    }
    match format {
        Format::Json => line(json!({ "files": files })),
        Format::Human => {
            let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            let folder = quoted(&folder.display().to_string());
            line(format!("wrote {}\nnext: fec test {folder}\n      fec run {folder}", files.join(" and ")))
        }
    }
}

/// A path as it is typed into a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
