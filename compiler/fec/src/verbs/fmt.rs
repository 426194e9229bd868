//! `fec fmt`.

use serde_json::json;

use crate::args::{Fmt, Format};
use crate::load;
use crate::output::{Failure, WRONG, line, report};

/// Rewrites files into the one format; a file with syntax errors, or that is no text, is left as it is.
pub fn run(args: &Fmt, format: Format) -> Result<(), Failure> {
    let files = load::files(&args.solution)?;
    let mut unformatted = Vec::new();
    let mut broken = report(&files.unreadable, &files.sources).is_err();
    for (id, path) in files.texts() {
        let text = files.sources.text(*id);
        let formatted = match fec_syntax::format(text) {
            Ok(formatted) => formatted,
            Err(_) => {
                let parsed = fec_syntax::parse(*id, text);
                broken |= report(&parsed.diagnostics, &files.sources).is_err();
                continue;
            }
        };
        match path {
            None if !args.check => {
                print!("{formatted}");
                continue;
            }
            _ if formatted == text => continue,
            Some(path) if !args.check => {
                std::fs::write(path, &formatted)
                    .map_err(|error| Failure::environment(format!("cannot write `{}`: {error}", path.display())))?;
            }
            _ => {}
        }
        unformatted.push(files.sources.name(*id).to_owned());
    }
    match format {
        Format::Json => line(json!({ "files": unformatted }))?,
        Format::Human => {
            for file in &unformatted {
                line(file)?;
            }
        }
    }
    if broken || (args.check && !unformatted.is_empty()) { Err(Failure::silent(WRONG)) } else { Ok(()) }
}
