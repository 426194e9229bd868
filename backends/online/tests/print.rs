//! Services of real solutions, printed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use fec_diagnostics::Sources;
use fec_ir::{Ir, lower, optimise};
use fec_model::{CheckOptions, check};
use fec_plan::{UnitKind, deployment};

fn compiled(path: &str) -> (Ir, Sources) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(path)).unwrap();
    let mut sources = Sources::new();
    let name = path.rsplit('/').next().unwrap();
    let file = sources.add(name, &text);
    let parsed = fec_syntax::parse(file, &text);
    let (model, found) = check(&[(file, &parsed.file)], &CheckOptions::default());
    assert!(!parsed.diagnostics.iter().chain(&found).any(fec_diagnostics::Diagnostic::is_error), "{path}");
    (optimise(lower(model)).0, sources)
}

/// The files of all services of a solution.
fn printed(path: &str) -> Vec<(String, String)> {
    let (ir, sources) = compiled(path);
    let deployment = deployment(&ir, None);
    let services = deployment.units.iter().filter(|unit| unit.kind == UnitKind::Service);
    let files = services.flat_map(|unit| {
        let files = fec_online::files(&deployment, unit, &sources, "shared").unwrap();
        files.into_iter().map(|(name, text)| (format!("{}/{name}", unit.binary), text))
    });
    files.collect()
}

const SOLUTIONS: [&str; 6] = [
    "examples/fraud/fraud.asol",
    "tests/solutions/decisions/decisions.asol",
    "tests/solutions/flights/flights.asol",
    "tests/solutions/kinds/kinds.asol",
    "tests/solutions/offers/offers.asol",
    "tests/solutions/returns/returns.asol",
];

#[test]
fn prints_are_the_same_twice_and_formatted() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("printed");
    std::fs::create_dir_all(&folder).unwrap();
    // The settings of this repository are not those of who compiles a solution.
    std::fs::write(folder.join("rustfmt.toml"), "").unwrap();
    for path in SOLUTIONS {
        let files = printed(path);
        assert!(!files.is_empty(), "{path}");
        assert_eq!(files, printed(path));
        for (name, text) in &files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        // Expressions are `fec-rust`'s, whose own tests look at them.
        for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".rs") && !name.ends_with("rules.rs")) {
            assert_eq!(&formatted(&folder, text), text, "{name}");
        }
    }
}

/// Lists whose types do not fit on a line, deep in relations.
const DEEP: &str = r#"
solution deep { version: "1.0.0" }
source ev: stream<{ id: int, y: bool, at: timestamp }> { time: at }
features seen by id from ev { n = count() over 1m }
@post("/k") service ranked(k: string) -> list<{ id: int, n: int, y: bool, word: string }> {
  rows = [{ id: length(k), y: true, word: k }, { id: 5, y: false, word: "five" }] |> where id > 0
  if length(k) > 3 { return rows |> with seen |> select id, n, y, word |> sort by n desc |> take 2 }
  m = rows |> derive n = id + 1 |> with seen as s |> where s.n < n |> sort by id desc |> take 1 |> drop s
  return m |> select id, n, y, word
}
@post("/l") service layered(distance_of_all: int?, amount: decimal(12, 2), word: string, one: bool) -> string {
  near  = match distance_of_all { null -> 0, 0..=7 -> 1, else -> 2 }
  whole = distance_of_all != null and (distance_of_all > 100 and (distance_of_all < 100_000 and word != "none"))
  text  = if one then "<{amount}|{near + 1_000_000}|{amount}|{near}|{amount}>" else if whole then upper(word) else word
  return text
}
"#;

#[test]
fn what_does_not_fit_on_a_line_is_formatted() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deep");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("rustfmt.toml"), "").unwrap();
    std::fs::write(folder.join("deep.asol"), DEEP).unwrap();
    let files = printed(folder.join("deep.asol").to_str().unwrap());
    assert!(files.iter().any(|(_, text)| text.contains("_kind() -> Kind {")), "a type has a name of its own");
    assert!(files.iter().any(|(_, text)| text.contains("compute!(zone, Kind::Int, rules::")), "a key is of its kind");
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".rs")) {
        assert_eq!(&formatted(&folder, text), text, "{name}");
    }
}

/// What `rustfmt` makes of a file, with its default settings.
fn formatted(folder: &Path, text: &str) -> String {
    let mut command = Command::new("rustfmt");
    command.args(["--edition", "2024"]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success());
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_service_is_its_statements_in_order_with_all_that_they_say() {
    let files = printed("examples/fraud/fraud.asol");
    let text = |name: &str| files.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str()).unwrap();
    let statements = text("scoring-score/score.rs");
    for wanted in [
        "deadline: Some(Duration::from_millis(20))",
        "Step::features(\n",
        "\"card_activity\"",
        "step.timeout = Some(Duration::from_millis(5));",
        "step.fallback = Some(scalar!(zone, Kind::Float, [], rules::risk_fallback));",
        "route: Some((\"POST\", String::from(\"/score\")))",
        "fraud.asol:",
    ] {
        assert!(statements.contains(wanted), "{wanted}\n{statements}");
    }
    let rules = text("scoring-score/rules.rs");
    assert!(rules.contains("pub fn card_key(row: Row<'_>) -> Result<&str, Fault> {"));
    // Its records are built of `Bound::Value`: nothing names the type `Value`.
    assert!(rules.contains("Bound::Value(") && !rules.contains("flow_core::value::Value"), "{rules}");
    let document: serde_json::Value = serde_json::from_str(text("scoring-score/openapi.json")).unwrap();
    assert!(document["paths"]["/score"]["post"].is_object());
}
