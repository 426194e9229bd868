//! Whole programs are read without a mistake.

use fec_diagnostics::{Sources, render_human};
use std::path::PathBuf;

fn corpus(folder: &str) -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/syntax").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "asol"));
    files.sort();
    let name = |path: &PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap_or_default())).collect()
}

#[test]
fn valid_programs_have_no_mistake() {
    let programs = corpus("valid");
    assert!(programs.len() >= 4);
    for (name, text) in programs {
        let mut sources = Sources::new();
        let file = sources.add(&name, &text);
        let parsed = fec_syntax::parse(file, &text);
        let shown: String = parsed.diagnostics.iter().map(|d| render_human(d, &sources, false)).collect();
        assert_eq!(shown, "", "{name}");
        assert!(parsed.file.items.len() > 3, "{name}");
    }
}
