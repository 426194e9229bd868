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

/// What calls a function of generated code has variables and imports, which a function called alike would hide or be hidden by.
#[test]
fn names_of_generated_code_are_kept_apart_from_those_of_a_solution() {
    let solution = "solution apart { version: \"1.0.0\" }\n\
        source events: stream<{ id: string, at: timestamp }> { time: at, file: \"events.jsonl\" }\n\
        source goods: table<{ id: string, n: int }> key id { file: \"goods.csv\" }\n\
        features output by id from events { n = count() over 1h }\n\
        features picked by id from events |> with output { m = sum(n) over 1h }\n\
        view given: table<{ id: string, n: int }> key id = goods |> where n > 1\n\
        sink out: stream<{ id: string, n: int }> {}\n\
        stream copy { emit events |> with output |> select id, n to out }\n\
        @get(\"/a\") service ask(id: string) -> int {\n  good = given[id]\n  given = output[id]\n  zone = given.n + (good.n ?? 0)\n  return zone\n}\n\
        @post(\"/b\") service near(asked: list<{ id: string }>) -> int {\n  @fallback([]) lookup_join = asked |> with picked on id |> where m > 0 |> join given as g on id == g.id |> select id\n  return length(lookup_join)\n}\n";
    let generated = generate("apart.asol", solution);
    assert_eq!(generated.diagnostics, []);
    let service = text(&generated, "crates/ask/src/ask.rs");
    assert!(service.contains("fn given_2(") && service.contains("fn zone_2("), "{service}");
    let views = text(&generated, "crates/ask/src/views.rs");
    assert!(views.contains("given_2(given)"), "{views}");
    let relations = text(&generated, "crates/near/src/relations/mod.rs");
    assert!(
        relations.contains("let lookup_join_rows = ") && relations.contains("fn lookup_join_rows_2("),
        "{relations}"
    );
    let worker = text(&generated, "crates/copy/src/main.rs");
    let imports: String = worker.lines().filter(|line| line.starts_with("use flow_task::wiring")).collect();
    assert!(worker.contains("features::output(zone)") && !imports.contains("output"), "{worker}");
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

/// A file without its blanks, so that it does not matter how it is laid out.
fn dense(generated: &Generated, path: &str) -> String {
    text(generated, path).split_whitespace().collect()
}

/// The part of a dense file from some words on, up to others.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let part = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}")).1;
    part.split_once(to).unwrap_or_else(|| panic!("no {to} behind {from}")).0
}

/// Each setting that the language has for what becomes a process is in the crates: what is left out there counts for nothing.
#[test]
fn whatever_a_solution_says_stands_in_what_is_built() {
    let generated = generate("everything.asol", include_str!("everything.asol"));
    assert_eq!(generated.diagnostics, []);
    let has = |path: &str, from: &str, to: &str, wanted: &[&str]| {
        let text = dense(&generated, &format!("crates/{path}"));
        let part = between(&text, from, to);
        for wanted in wanted {
            let wanted: String = wanted.split_whitespace().collect();
            assert!(part.contains(&wanted), "{path}: no {wanted} in {part}");
        }
    };
    let shared = |file: &str| format!("everything/src/{file}.rs");
    has(
        &shared("sources"),
        "fntaps()",
        "}}",
        &[
            "topic: String::from(\"taps-1\")",
            "history: Some(String::from(\"lake\"))",
            "time: Some(String::from(\"at\"))",
            "format: Format::Csv",
            "unit: Some(TimeUnit::Millisecond)",
            "key: vec![String::from(\"who\")]",
            "unique: vec![String::from(\"id\")]",
            "lateness: 10 * SECOND",
            "ahead: Some(HOUR)",
            "arrival_is_event_time: true",
        ],
    );
    has(
        &shared("sources"),
        "fnprices()",
        "}}",
        &["file: Some(String::from(\"prices.jsonl\"))", "versions: Some(String::from(\"since\"))"],
    );
    has(&shared("sinks"), "fnbest()", "}}", &["key: vec![], upsert: false, by_jobs: true"]);
    has(&shared("sinks"), "fnnewest_of()", "}}", &["key: vec![String::from(\"who\")], upsert: true, by_jobs: false"]);
    has(&shared("lib"), "pubfnsolution()", "}}", &["timezone: String::from(\"Asia/Tokyo\")"]);
    has(
        &shared("features"),
        "letaggregates=[",
        "];",
        &[
            "AggregateFunc::Count, args: vec![], filter: None",
            "AggregateFunc::Count, args: vec![], filter: Some(0)",
            "AggregateFunc::CountDistinct { exact: false }, args: vec![1], filter: None, size: DAY, step: 30 * MINUTE",
            "AggregateFunc::CountDistinct { exact: true }",
            "AggregateFunc::TopK { n: 3, by: true }, args: vec![1, 2]",
        ],
    );
    // As late as others still read it.
    has(&shared("features"), "FeatureParts{", "})", &["head: 2 * MINUTE"]);
    let watch = "watch/src/main.rs";
    has(watch, "interval_join_2_on=", "];", &["kind: JoinKind::Left, pick: Pick::Latest"]);
    has(
        watch,
        "interval_join_2_within=",
        ";",
        &["low: -MINUTE, high: 5 * MINUTE, left_lateness: 10 * SECOND, right_lateness: 2 * MINUTE"],
    );
    has(watch, "interval_join_on=", "];", &["kind: JoinKind::Inner, pick: Pick::First"]);
    has(watch, "seen_reads=", "];", &["including_row: true", "including_row: false"]);
    // Another worker keeps both, and tells whose rows cannot be kept.
    has(watch, "newest_kept=", "};", &["settle: Some(7 * MINUTE)", "flow: Arc::from(\"\")"]);
    has(watch, "Features::new(", ")", &["FeatureSet::silent("]);
    has(watch, "Upsert::new(", ")?", &["vec![0], Some(7 * MINUTE)"]);
    let nightly = "nightly/src/main.rs";
    has(
        nightly,
        "flow_launch::Job{",
        "};",
        &["retry: (2, Duration::from_secs(90))", "timeout: Some(Duration::from_secs(1800))"],
    );
    has(
        nightly,
        "Job{path:",
        "history:",
        &[
            "tolerate: 5000, slots: 3",
            "slot: 1, kind: Kind::Int, value: Some(compute!(zone, Kind::Int, rules::most))",
            "slot: 2, kind: Kind::Int, value: Some(compute!(",
        ],
    );
    has(
        nightly,
        "top_spec=",
        "};",
        &["count: 2", "descending: true", "with_ties: true", "rank: Some(String::from(\"place\"))"],
    );
    has(
        nightly,
        "\"nightly/sort\"",
        ")?",
        &["Input::column(2), descending: true", "Input::column(0), descending: false"],
    );
    has(nightly, "\"nightly/distinct\"", ")?", &["Which::First"]);
    has(nightly, "\"nightly/latest\"", ")?", &["Which::Last"]);
    // Rows that come as events do wait for those that come at the end.
    has(nightly, "Kind::Int,rules::place", "Ok(wiring.finish())", &["Stand::new(schemas::others(), StandBy::Coming)"]);
    has(nightly, "\"nightly/take\"", ")?", &["5, true"]);
    has(nightly, "\"nightly/take-2\"", ")?", &["7, false"]);
    has(nightly, "GroupAggregate{", "}]", &["filter: Some(compute!("]);
    let of = "of/src/of.rs";
    has(of, "letplan=", ";", &["deadline: Some(Duration::from_millis(40))"]);
    has(of, "step.timeout", ";", &["Some(Duration::from_millis(7))"]);
    // What is read for what is read takes part in its time, too.
    has(of, "step.fallback=", "step}", &["step.parts = vec![0, 1];"]);
    has(of, "step.fallback", ";", &["rules::n_fallback"]);
    has("of/src/main.rs", "letservice=", "};", &["keeper: String::from(\"everything-features\")", "parquet: None"]);
    // What relations are read with, however deep in them.
    has("more/src/main.rs", "fnanswers(", "Ok(", &["FeatureView::new(\"seen\",", "KeptView::new(\"newest\","]);
    has(nightly, "fnjob(", "letemit=", &[".changing();"]);
    let document = dense(&generated, "crates/of/src/openapi.json");
    assert!(document.contains("\"/of/{who}\"") && !document.contains("/more"), "it tells of itself alone: {document}");
    has("maybe/src/openapi.json", "\"requestBody\":{", "}", &["\"required\": false"]);
}

/// An expression that decides nothing is evaluated all the same, for it may fail; and one that may fail only where it is needed.
#[test]
fn what_may_fail_is_computed_where_it_counts() {
    let solution = r#"solution s { version: "1" }
type Told {
  equal: bool, same: int, never: bool, member: bool, other: int?, at: timestamp, least: bool, more: bool, before: date, text: string
}
@post("/s")
service s(n: int, m: int?, a: decimal(5, 2)?, b: decimal(5, 3)?, d: date, k: duration) -> Told {
  return {
    equal: a == b,
    same: if n * 9 > 3 then 7 else 7,
    never: n * 9 > 3 and false,
    member: n * 9 in [m ?? 1, n + 2],
    other: m ?? n * 3,
    at: 2026-01-01T00:00:00.000001Z,
    least: not (n < 3),
    more: not (n <= 3),
    before: d - k,
    text: "a\tb\"c\\d\n"
  }
}
"#;
    let generated = generate("s.asol", solution);
    assert_eq!(generated.diagnostics, []);
    let rules = dense(&generated, "crates/s-2/src/rules.rs");
    for wanted in [
        "compare_decimal(a_2, 2, b_2, 3).is_eq(), (None, None) => true, _ => false",
        "let _condition = multiply_int(n?, 9)? > 3; Ok(7_i64)",
        "let _first = multiply_int(n?, 9)? > 3; Ok(false)",
        "let product = multiply_int(n?, 9)?; let answer = [m?.unwrap_or(1), add_int(n?, 2)?].contains(&product);",
        "Some(m) => m, None => multiply_int(n?, 3)?",
        "value(1_767_225_600_000_001_i64)",
        "Ok(n? >= 3)",
        "Ok(n? > 3)",
        "subtract_from_date(d?, k?)",
        r#"value("a\tb\"c\\d\n")"#,
    ] {
        let wanted: String = wanted.split_whitespace().collect();
        assert!(rules.contains(&wanted), "no {wanted} in {rules}");
    }
}
