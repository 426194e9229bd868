//! The workspace of a solution.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is wrong")]

use std::path::Path;

use fec_crates::Crates;
use fec_diagnostics::Sources;
use fec_ir::{Ir, lower, optimise};
use fec_model::{CheckOptions, check};
use fec_plan::{Backend, FileKind, Generated, deployment};

fn plan(sources: &mut Sources, name: &str, text: &str) -> Ir {
    let id = sources.add(name, text);
    let parsed = fec_syntax::parse(id, text);
    let (model, _) = check(&[(id, &parsed.file)], &CheckOptions::default());
    let (ir, _, broken) = optimise(lower(&model));
    assert!(broken.is_empty());
    ir
}

fn generate(name: &str, text: &str) -> Generated {
    let mut sources = Sources::new();
    let ir = plan(&mut sources, name, text);
    Crates { sources: &sources, fingerprint: "0" }.generate(&deployment(&ir, None))
}

fn text<'a>(generated: &'a Generated, path: &str) -> &'a str {
    let file = generated.files.iter().find(|file| file.path == path);
    std::str::from_utf8(&file.unwrap_or_else(|| panic!("no {path}")).contents).unwrap()
}

#[test]
fn the_example_becomes_few_short_crates_and_always_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fraud/fraud.asol");
    let solution = std::fs::read_to_string(path).unwrap();
    let generated = generate("fraud.asol", &solution);
    let told: Vec<&str> = generated.diagnostics.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(told, [""; 0]);
    let job = text(&generated, "crates/scoring-train/src/main.rs");
    assert!(job.contains("\"train-model\"") && job.contains("fn history(given: &Given)"), "{job}");
    assert_eq!(generated.files, generate("fraud.asol", &solution).files);
    if let Some(keep) = std::env::var_os("KEEP") {
        for file in &generated.files {
            let path = Path::new(&keep).join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &file.contents).unwrap();
        }
    }
    let sources = generated.files.iter().filter(|file| file.kind == FileKind::Crate && file.path.ends_with(".rs"));
    let mut lines = 0;
    for file in sources {
        let text = std::str::from_utf8(&file.contents).unwrap();
        assert!(!text.contains("unsafe") && !text.contains("#[allow"), "{}", file.path);
        lines += text.lines().count();
    }
    assert!(lines <= 1_500, "{lines} lines");
    assert!(text(&generated, "crates/scoring-alerts/Cargo.toml").contains("fraud = { path = \"../fraud\" }"));
    assert!(text(&generated, "crates/scoring-alerts/src/rules.rs").contains("fraud.asol:"));
    let service = text(&generated, "crates/scoring-score/Cargo.toml");
    assert!(service.contains("flow-launch.workspace = true"), "a service reads no Parquet: {service}");
    let worker = text(&generated, "crates/scoring-alerts/Cargo.toml");
    assert!(worker.contains("flow-launch = { workspace = true, features = [\"parquet\"] }"), "{worker}");
}

#[test]
fn names_that_cargo_or_rust_would_not_take_are_changed() {
    let solution = "solution serde { version: \"1.0.0\" }\n\
        source events: stream<{ id: string, at: timestamp }> { time: at }\n\
        sink out: stream<{ id: string, at: timestamp }> { topic: \"out\" }\n\
        stream build { emit events to out }\n";
    let generated = generate("serde.asol", solution);
    assert_eq!(generated.diagnostics, []);
    let manifest = text(&generated, "crates/build-2/Cargo.toml");
    assert!(manifest.contains("serde-2 = { path = \"../serde-2\" }"), "{manifest}");
    assert!(text(&generated, "crates/build-2/src/main.rs").contains("use serde_2::sinks;"));
}
