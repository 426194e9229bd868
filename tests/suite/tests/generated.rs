//! Generated Rust gives what the interpreter gives: random expressions are printed as one crate, which `rustfmt` would
//! leave as it is and `clippy` finds nothing in, and run over random rows beside the interpreter's programs.
//!
//! `FEC_EXPRESSIONS` says how many there are; `FEC_ONE_ANSWER` is their seed, and in a soak `FEC_SEED`.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use fec_local::expr::{Names, program};
use fec_local::types::Enums;
use fec_model::expr::Expr;
use fec_rust::types::Modules;
use fec_rust::{RustFile, Scope};
use fec_suite::cells;
use fec_suite::expressions::{Expressions, columns, enums, seldom, slots};
use fec_suite::random::Random;
use flow_core::types::Schema;
use flow_core::value::Value;

const ROWS: usize = 60;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

struct Given {
    exprs: Vec<Expr>,
    names: Names,
    schema: Schema,
    slots: Vec<Value>,
    data_seed: u64,
}

fn given(seed: u64, count: u64) -> Given {
    let mut random = Random::new(seed);
    let mut names =
        Names { enums: Enums::new(&enums()), slots: BTreeMap::new(), zone: cells::zone(), ..Names::default() };
    let mut values = Vec::new();
    for (name, ty) in slots() {
        let kind = names.enums.kind(&ty.kind);
        values.push(cells::value(&mut random, &kind));
        names.add(&name, kind);
    }
    let schema = names.enums.schema(&columns());
    let exprs = (0..count).map(|number| {
        let depth = i64::try_from(number % 5).unwrap_or(0);
        Expressions::new(&mut random).any(depth)
    });
    Given { exprs: seldom().into_iter().chain(exprs).collect(), names, schema, slots: values, data_seed: seed ^ 0x5eed }
}

/// The crate, as files by path.
fn printed(given: &Given) -> BTreeMap<&'static str, String> {
    let mut file = RustFile::new("Random expressions.").public();
    let mut scope = Scope::row(&columns()).enums(&enums());
    for (position, (name, ty)) in slots().iter().enumerate() {
        scope = scope.slot(name, position, ty);
    }
    let mut all = String::new();
    for (number, expr) in given.exprs.iter().enumerate() {
        let function = file.function(&format!("expression_{number}"), "Random.", expr, &scope).unwrap();
        let kind = fec_rust::types::kind(&expr.ty.kind, &Modules::default()).replace("mood::", "generated::mood::");
        all.push_str(&format!(
            "    report(&Generated::new({kind}, &zone, {}), &batch, &slots);\n",
            function.closure().replace("put(", "put(generated::")
        ));
    }
    let schema = file.schema("columns", "The columns of the rows.", &columns());
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let slots: Vec<String> = given.slots.iter().map(literal).collect();
    let main = format!(
        "#[path = {:?}]\nmod cells;\n#[path = {:?}]\nmod random;\n\
         use flow_core::batch::Batch;\nuse flow_core::generated::{{Answers, Row}};\n\
         use flow_core::types::{{DataType, Field, Kind}};\nuse flow_core::value::Value;\nuse flow_operators::expression::Generated;\n\
         fn report<F: Fn(Row<'_>, &mut Answers) + Send + Sync>(expr: &Generated<F>, batch: &Batch, slots: &[Value]) {{\n\
             for answer in cells::answers(expr, batch, slots) {{ println!(\"{{answer}}\"); }}\n\
             for answer in cells::alone(batch, |cells, now| expr.value(cells, now, slots)) {{ println!(\"{{answer}}\"); }}\n}}\n\
         fn main() {{\n    let zone = cells::zone();\n    let mut random = random::Random::new({});\n    \
         let schema = generated::{schema}();\n    let batch = cells::batch(&mut random, &schema, {ROWS});\n    \
         let slots = [{}];\n{all}}}\n",
        suite.join("cells.rs"),
        suite.join("random.rs"),
        given.data_seed,
        slots.join(", ")
    );
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib/runtime");
    let manifest = format!(
        "[package]\nname = \"generated\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         flow-core = {{ path = {:?} }}\nflow-operators = {{ path = {:?} }}\n\n[profile.release]\nopt-level = 1\nincremental = true\n",
        runtime.join("core"),
        runtime.join("operators")
    );
    BTreeMap::from([("Cargo.toml", manifest), ("src/lib.rs", file.finish()), ("src/main.rs", main)])
}

fn literal(value: &Value) -> String {
    match value {
        Value::Absent => "Value::Absent".to_owned(),
        Value::Int(value) => format!("Value::Int({value})"),
        Value::Decimal(value) => format!("Value::Decimal({value})"),
        Value::String(text) => format!("Value::String({text:?}.into())"),
        Value::Record(cells) => {
            let cells: Vec<String> = cells.iter().map(literal).collect();
            format!("Value::Record([{}].into())", cells.join(", "))
        }
        other => panic!("{other:?} is no parameter"),
    }
}

fn run(what: &str, command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{what} fails:\n{}{}", cut(&text), cut(&said));
    text
}

fn cut(text: &str) -> String {
    text.chars().take(12_000).collect()
}

#[test]
fn generated_rust_gives_what_the_interpreter_gives() {
    let fresh = if std::env::var_os("FEC_SOAK").is_some() { number("FEC_SEED", 1) } else { 1 };
    let seed = number("FEC_ONE_ANSWER", fresh);
    let given = given(seed, number("FEC_EXPRESSIONS", 200));
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("generated");
    for (path, text) in printed(&given) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            std::fs::write(path, text).unwrap();
        }
    }
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    std::fs::copy(lock, root.join("Cargo.lock")).unwrap();
    // The settings of this repository are not those of who compiles a solution.
    std::fs::write(root.join("rustfmt.toml"), "").unwrap();
    run("rustfmt", Command::new("rustfmt").args(["--check", "--edition", "2024", "src/lib.rs"]).current_dir(&root));
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned()));
        command.args(arguments).current_dir(&root).env("CARGO_TARGET_DIR", root.join("target"));
        command
    };
    let denied =
        ["warnings", "clippy::unwrap_used", "clippy::expect_used", "clippy::indexing_slicing", "clippy::panic"];
    let flags = denied.iter().flat_map(|lint| ["-D", lint]);
    let clippy = ["clippy", "--release", "--offline", "--quiet", "--lib", "--"];
    let denied: Vec<&str> = clippy.into_iter().chain(flags).collect();
    run("clippy", &mut cargo(&denied));
    let text = run("the generated program", &mut cargo(&["run", "--release", "--offline", "--quiet"]));
    let lines: Vec<&str> = text.lines().collect();
    let batch = cells::batch(&mut Random::new(given.data_seed), &given.schema, ROWS);
    let (mut present, mut faults, mut wrong) = (0u64, 0u64, Vec::new());
    for (number, expr) in given.exprs.iter().enumerate() {
        let interpreted =
            program(expr, &given.schema, &given.names).unwrap_or_else(|error| panic!("{error}\n{expr:#?}"));
        let mut expected = cells::answers(&interpreted, &batch, &given.slots);
        expected.extend(cells::alone(&batch, |cells, now| interpreted.eval_row(cells, now, &given.slots)));
        let got = lines.get(number * 2 * ROWS..(number + 1) * 2 * ROWS).unwrap_or(&[]);
        for (row, expected) in expected.iter().enumerate() {
            present += u64::from(!matches!(expected.as_str(), "Absent" | ""));
            faults += u64::from(matches!(
                expected.as_str(),
                "Overflow" | "Precision" | "Malformed" | "Conversion" | "NotFinite"
            ));
            if got.get(row) != Some(&expected.as_str()) {
                wrong.push(format!("expression_{number}, row {row}: {expected}, generated {:?}", got.get(row)));
            }
        }
    }
    let all = given.exprs.len() * 2 * ROWS;
    println!("{} expressions, {all} cells, {present} present or faulty, {faults} faulty", given.exprs.len());
    assert!(wrong.is_empty(), "seed {seed}: {} cells differ:\n{}", wrong.len(), cut(&wrong.join("\n")));
    assert!(
        faults * 50 > present && present * 2 > u64::try_from(all).unwrap_or(0),
        "{faults} faults, {present} present"
    );
}
