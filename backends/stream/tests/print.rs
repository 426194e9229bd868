//! What is printed is what `rustfmt` leaves as it is.

#![expect(clippy::unwrap_used, reason = "a test ends where it is wrong")]

use std::path::Path;
use std::process::Command;

use fec_diagnostics::Sources;
use fec_ir::{Ir, lower, optimise};
use fec_model::{CheckOptions, check};
use fec_plan::{UnitKind, deployment};

fn plan(sources: &mut Sources, path: &str) -> Ir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(path)).unwrap();
    let id = sources.add(Path::new(path).file_name().unwrap().to_str().unwrap(), text.as_str());
    let parsed = fec_syntax::parse(id, &text);
    let (model, _) = check(&[(id, &parsed.file)], &CheckOptions::default());
    let (ir, _, broken) = optimise(lower(model));
    assert!(broken.is_empty());
    ir
}

#[test]
fn crates_of_workers_are_formatted_and_short() {
    let mut sources = Sources::new();
    let ir = plan(&mut sources, "examples/fraud/fraud.asol");
    let deployment = deployment(&ir, None);
    let folder = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("KEEP").map(std::path::PathBuf::from);
    let root = kept.as_deref().unwrap_or(folder.path());
    let mut written = Vec::new();
    let mut write = |of: &str, files: Vec<(&'static str, String)>| {
        for (name, text) in files {
            let path = root.join(of).join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
            written.push((path, text));
        }
    };
    write("shared", fec_stream::shared_files(&deployment, &sources, "0").unwrap());
    for unit in deployment.units.iter().filter(|unit| unit.kind == UnitKind::Worker) {
        write(&unit.binary, fec_stream::files(&deployment, unit, &sources, "fraud").unwrap());
    }
    let lines: usize = written.iter().map(|(_, text)| text.lines().count()).sum();
    assert!(lines < 600, "{lines} lines");
    let formatted = Command::new("rustfmt")
        .args(["--check", "--edition", "2024"])
        .args(written.iter().map(|(path, _)| path).filter(|path| path.ends_with("lib.rs") || path.ends_with("main.rs")))
        .output()
        .unwrap();
    assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stdout));
}
