//! `fec init`.

use std::path::Path;

use serde_json::json;

use crate::args::{Format, Init};
use crate::output::{Failure, line};

const STARTER: &str = include_str!("../../templates/starter.asol");

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
    let file = folder.join("solution.asol");
    std::fs::write(&file, STARTER).map_err(|error| refused(&file, error))?;
    match format {
        Format::Json => line(json!({ "files": [file] })),
        Format::Human => line(format!(
            "wrote {}\nnext: fec test {}\n      fec run {}",
            file.display(),
            folder.display(),
            folder.display()
        )),
    }
}
