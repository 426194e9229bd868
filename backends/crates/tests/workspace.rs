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
    let (model, found) = check(&[(id, &parsed.file)], &CheckOptions::default());
    let wrong: Vec<_> = parsed.diagnostics.iter().chain(&found).filter(|one| one.is_error()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (ir, _, broken) = optimise(lower(model));
    assert!(broken.is_empty());
    ir
}

fn generate(name: &str, text: &str) -> Generated {
    generate_for(name, text, "local")
}

fn generate_for(name: &str, text: &str, target: &str) -> Generated {
    let mut sources = Sources::new();
    let ir = plan(&mut sources, name, text);
    let target = ir.targets.iter().find(|known| known.name == target);
    Crates { sources: &sources, fingerprint: "0" }.generate(&deployment(&ir, target))
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
    assert!(job.contains("retry: (3, Duration::from_secs(60))"), "{job}");
    assert!(job.contains("timeout: Some(Duration::from_secs(7200))"), "{job}");
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
    assert!(!service.contains("flow-parquet"), "a service reads no Parquet: {service}");
    let worker = text(&generated, "crates/scoring-alerts/Cargo.toml");
    assert!(worker.contains("flow-parquet.workspace = true"), "{worker}");
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

#[test]
fn only_the_target_that_says_so_simulates() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fraud/fraud.asol");
    let solution = std::fs::read_to_string(path).unwrap();
    let lib = |target: &str| text(&generate_for("fraud.asol", &solution, target), "crates/fraud/src/lib.rs").to_owned();
    assert!(lib("local").contains("simulation: Some(Simulation {"), "{}", lib("local"));
    assert!(lib("prod").contains("simulation: None,"), "{}", lib("prod"));
}

#[test]
fn a_view_of_a_stream_is_kept_by_the_worker_and_read_by_the_service() {
    let solution = "solution shop { version: \"1.0.0\" }\n\
        type Item { id: string, price: int }\n\
        source items: table<Item> key id { file: \"items.csv\" }\n\
        source moves: stream<{ id: string, price: int, at: timestamp }> { topic: \"moves\", time: at }\n\
        features f by id from moves { n = count() over 1h }\n\
        view cheap: table<Item> key id = items |> where price < 5\n\
        view newest: table<{ id: string, price: int, at: timestamp }> key id = moves |> where price < 5\n\
        @get(\"/plain/:id\") service plain(id: string) -> int? { return cheap[id].price }\n\
        @get(\"/seen/:id\") service seen(id: string) -> int? { return newest[id].price }\n";
    let generated = generate("shop.asol", solution);
    assert_eq!(generated.diagnostics, []);
    let worker = text(&generated, "crates/shop-features/src/main.rs");
    assert!(worker.contains("KeyedRows::new(newest_kept, vec![])"), "{worker}");
    // The first table is that of the features.
    let service = text(&generated, "crates/seen/src/main.rs").split_whitespace().collect::<String>();
    assert!(service.contains("KeptView::new(\"newest\",1,"), "{service}");
    assert!(!text(&generated, "crates/plain/src/main.rs").contains("KeptView"));
}

#[test]
fn a_service_reads_parquet_where_a_table_may_lie_in_it() {
    let reads = |table: &str| {
        let solution = format!(
            "solution shop {{ version: \"1.0.0\" }}\n\
             type Item {{ id: string, price: int }}\n\
             source items: table<Item> key id {{ {table} }}\n\
             @get(\"/plain/:id\") service plain(id: string) -> int? {{ return items[id].price }}\n"
        );
        let generated = generate("shop.asol", &solution);
        assert_eq!(generated.diagnostics, [], "{table}");
        text(&generated, "crates/plain/Cargo.toml").contains("flow-parquet")
    };
    assert!(!reads("file: \"items.csv\"") && !reads("file: \"items.JSONL\""));
    assert!(reads("file: \"items.parquet\""));
    // A folder: the files in it tell by their names what they are.
    assert!(reads("file: \"items\"") && reads("file: \"data/items.d\", format: csv"));
}
