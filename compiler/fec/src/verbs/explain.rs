//! `fec explain`.

use std::path::{Path, PathBuf};

use fec_diagnostics::codes;
use serde_json::json;

use crate::args::{Explain, Format};
use crate::compile::manifest::{self, Manifest};
use crate::load;
use crate::output::{Failure, line};

/// Explains a code of a message, a line of a compiled file, or the plan of a solution.
pub fn run(args: &Explain, format: Format) -> Result<(), Failure> {
    if let Some(code) = codes::ALL.iter().find(|code| code.id().eq_ignore_ascii_case(&args.subject)) {
        return match format {
            Format::Human => line(code.explain().trim_end()),
            Format::Json => line(json!({ "code": code.id(), "title": code.title(), "page": code.explain() })),
        };
    }
    if let Some((path, number)) = line_of_file(&args.subject) {
        return origin(path, number, format);
    }
    let looks_like_code = args.subject.len() == 5
        && args.subject.get(1..).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    if looks_like_code && !Path::new(&args.subject).exists() {
        return Err(Failure::usage(format!("there is no message with the code `{}`", args.subject)));
    }
    let (written, compiled) = load::explained(Path::new(&args.subject))?;
    match format {
        Format::Human => line(fec_ir::explain::explain(&written, &compiled.ir, &compiled.applied).trim_end()),
        Format::Json => line(json!({
            "before": fec_ir::lineage::dataflow(&written, false),
            "passes": compiled.applied,
            "after": fec_ir::lineage::dataflow(&compiled.ir, false),
        })),
    }
}

/// `FILE:LINE`.
fn line_of_file(subject: &str) -> Option<(&Path, u32)> {
    let (path, number) = subject.rsplit_once(':')?;
    Some((Path::new(path), number.parse().ok()?))
}

/// Which line of the solution a line of a compiled file came from.
fn origin(path: &Path, number: u32, format: Format) -> Result<(), Failure> {
    let text =
        std::fs::read(path).map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", path.display())))?;
    let count = text.split(|byte| *byte == b'\n').count() - usize::from(text.ends_with(b"\n") || text.is_empty());
    if number == 0 || number as usize > count {
        return Err(Failure::usage(format!("`{}` has {count} lines, and no line {number}", path.display())));
    }
    let (list, inner) = list_of(path)?;
    let Some(entry) = list.files.iter().find(|entry| entry.path == inner) else {
        return Err(Failure::usage(format!("`{}` was not written by `fec compile`", path.display())));
    };
    let place = list.origin(entry, number);
    match format {
        Format::Json => line(json!({ "path": entry.path, "line": number, "kind": entry.kind, "source": place })),
        Format::Human => match place {
            Some(place) => line(format!(
                "{}:{number} came from {}:{}:{}\n  {}",
                entry.path, place.file, place.start.line, place.start.column, place.text
            )),
            None => line(format!("{}:{number} stands for the whole solution `{}`", entry.path, list.solution)),
        },
    }
}

/// The list of the compile that wrote a file, and the file's path in it.
fn list_of(path: &Path) -> Result<(Manifest, String), Failure> {
    let place =
        path.canonicalize().map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", path.display())))?;
    for folder in place.ancestors().skip(1) {
        let list: PathBuf = folder.join(manifest::NAME);
        let Ok(bytes) = std::fs::read(&list) else { continue };
        let Ok(found) = serde_json::from_slice::<Manifest>(&bytes) else { continue };
        let inner = place.strip_prefix(folder).unwrap_or(&place);
        let parts: Vec<_> = inner.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        return Ok((found, parts.join("/")));
    }
    Err(Failure::usage(format!(
        "there is no `{}` in a folder above `{}`: it was not written by `fec compile`",
        manifest::NAME,
        path.display()
    )))
}
