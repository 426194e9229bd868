//! What two types may meet in has one answer: every operator and function over every pair of columns and literals of all
//! types. What `check` accepts of them runs in a job, a stream and a service, and gives what the evaluator gives.

#![expect(clippy::panic, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::fmt::Write;

use fec_model::model::Plane;
use fec_suite::cases::{Held, right};
use fec_suite::compare::Report;
use fec_suite::generate::Program;
use fec_suite::served::served;

/// Columns of all types, under one letter or two.
const COLUMNS: [(&str, &str); 20] = [
    ("n", "int"),
    ("m", "int?"),
    ("x", "float"),
    ("y", "float?"),
    ("d", "decimal(10, 2)"),
    ("e", "decimal(12, 3)?"),
    ("l", "duration"),
    ("g", "date"),
    ("at", "timestamp"),
    ("s", "string"),
    ("t", "string?"),
    ("b", "bool"),
    ("z", "bytes"),
    ("c", "Tone"),
    ("k", "Other?"),
    ("li", "list<int>"),
    ("ld", "list<decimal(10, 2)>"),
    ("lf", "list<float>"),
    ("r", "Part"),
    ("q", "Wide?"),
];

const LITERALS: [&str; 15] = [
    "1",
    "2.5",
    "-1",
    "80%",
    "5m",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "\"a\"",
    "true",
    "null",
    "green",
    "[1, 2]",
    "[d, n]",
    "{ a: 1, p: 2.50 }",
    "[\"a\"]",
];

const HEAD: &str = "solution met { version: \"1.0.0\" }
enum Tone { red, green, blue }
enum Other { green, yellow }
type Part { a: int, p: decimal(10, 2) }
type Wide { a: float, p: decimal(12, 4) }
func wide(a: decimal(20, 6), b: float) -> decimal(20, 6) = if b > 1 then a else 0
func same(a: int?, b: decimal(12, 3)?) -> bool = a == b
rules most(a: decimal(12, 3)) -> decimal(12, 3) first { a > 5 -> 5, a == 1.5 -> a, else -> 0.25 }
source ev: stream<Row> { file: \"ev.jsonl\", time: at, lateness: 1h }
source tb: table<Row> key id { file: \"ev.jsonl\", format: json }
";

/// Everything that two of them may stand in, and one alone.
fn expressions() -> Vec<String> {
    let atoms: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).chain(LITERALS).collect();
    let mut all = Vec::new();
    for a in &atoms {
        for b in &atoms {
            for operator in ["+", "-", "*", "/", "div", "mod", "==", "!=", "<", ">=", "??", "in"] {
                all.push(format!("({a}) {operator} ({b})"));
            }
            for function in
                ["least", "greatest", "pow", "round", "contains", "starts_with", "ends_with", "wide", "same"]
            {
                all.push(format!("{function}({a}, {b})"));
            }
            all.push(format!("if n > 2 then {a} else {b}"));
            all.push(format!("match n {{ 1 -> {a}, 2 -> {b}, _ -> {a} }}"));
            all.push(format!("match {a} {{ {b} -> 1, _ -> 2 }}"));
            all.push(format!("match {a} {{ {b}..=2 -> 1, _ -> 2 }}"));
            all.push(format!("({a}) in [{b}, {a}]"));
            all.push(format!("[{a}, {b}]"));
            all.push(format!("{{ a: {a}, b: {b} }} == {{ a: {b}, b: {a} }}"));
            all.push(format!("least({a}, {b}, {a})"));
            all.push(format!("replace({a}, {b}, \"o\")"));
            all.push(format!("substring({a}, {b})"));
            all.push(format!("substring({a}, 0, {b})"));
        }
        for function in [
            "abs", "floor", "ceil", "round", "sqrt", "exp", "ln", "length", "lower", "upper", "trim", "date", "year",
            "month", "day", "hour", "minute", "weekday", "seconds", "int", "float", "string", "most",
        ] {
            all.push(format!("{function}({a})"));
        }
        for shape in ["decimal(@, 12, 4)", "-(@)", "not (@)", "(@).a", "(@).p", "\"x{@}\"", "{ a: @, b: [@] }"] {
            all.push(shape.replace('@', a));
        }
    }
    all
}

fn source() -> String {
    let columns: Vec<String> = COLUMNS.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
    let mut text = HEAD.to_owned();
    let _ = writeln!(text, "type Row {{ id: string, {} }}", columns.join(", "));
    text
}

/// Rows with values of all signs, absent ones among them.
fn rows() -> String {
    let mut text = String::new();
    for (i, name) in (0_i64..).zip(["a", "b", "12", "", "1.5", "Ä"]) {
        let n = i - 2;
        let or_null = |some: bool, value: String| if some { value } else { "null".to_owned() };
        let cells = [
            format!("\"id\":\"i{i}\",\"n\":{n},\"m\":{}", or_null(i % 2 == 0, format!("{}", i - 1))),
            format!("\"x\":{n}.5,\"y\":{}", or_null(i % 3 > 0, format!("{}.25", i - 1))),
            format!("\"d\":\"{n}.50\",\"e\":{}", or_null(i % 2 > 0, format!("\"{n}.500\""))),
            format!("\"l\":{},\"g\":\"2026-01-0{}\"", n * 150_000_000, i + 1),
            format!("\"at\":\"2026-01-01T00:00:0{i}Z\",\"s\":\"{name}\""),
            format!("\"t\":{},\"b\":{},\"z\":\"YQ==\"", or_null(i % 2 > 0, "\"a\"".to_owned()), i % 2 == 0),
            format!(
                "\"c\":\"{}\",\"k\":{}",
                if i % 2 == 0 { "red" } else { "green" },
                or_null(i > 2, "\"green\"".to_owned())
            ),
            format!("\"li\":[1,{i}],\"ld\":[\"1.00\",{n}.5],\"lf\":[{n}.5,2]"),
            format!("\"r\":{{\"a\":{n},\"p\":\"2.50\"}}"),
            format!("\"q\":{}", or_null(i > 1, format!("{{\"a\":{n},\"p\":\"2.5000\"}}"))),
        ];
        let _ = writeln!(text, "{{{}}}", cells.join(","));
    }
    text
}

/// Rows with values at the borders of their types, in the order of their times.
fn borders() -> String {
    let rows = [
        r#""n":-9223372036854775808,"m":9223372036854775807,"x":1.7976931348623157e308,"y":-1.7976931348623157e308,"d":"-99999999.99","e":"999999999.999","l":9000000000000000,"g":"1000-01-01","at":"1000-01-01T00:00:00Z","s":"","t":"\u0000","b":true,"z":"","c":"red","k":"green","li":[],"ld":[],"lf":[],"r":{"a":-9223372036854775808,"p":"99999999.99"},"q":{"a":-1.7976931348623157e308,"p":"-99999999.9999"}"#,
        r#""n":9223372036854775807,"m":-9223372036854775808,"x":5e-324,"y":-5e-324,"d":"99999999.99","e":"-999999999.999","l":-9000000000000000,"g":"7999-12-31","at":"1969-12-31T23:59:59.999999Z","s":"-9223372036854775808","t":"9223372036854775808","b":false,"z":"AA==","c":"blue","k":"yellow","li":[9223372036854775807],"ld":["-99999999.99"],"lf":[5e-324],"r":{"a":9223372036854775807,"p":"-99999999.99"},"q":{"a":5e-324,"p":"0.0001"}"#,
        r#""n":9007199254740993,"m":-9007199254740993,"x":-0.0,"y":0.0,"d":"0.00","e":"0.000","l":0,"g":"1970-01-01","at":"1970-01-01T00:00:00Z","s":"-0","t":"1e400","b":true,"z":"/w==","c":"green","k":null,"li":[0,0],"ld":["0.00"],"lf":[-0.0],"r":{"a":0,"p":"0.00"},"q":{"a":0,"p":"0.0000"}"#,
        r#""n":-1,"m":null,"x":9007199254740993,"y":null,"d":"-0.01","e":"-0.001","l":-1,"g":"1969-12-31","at":"2024-02-29T23:59:59.999Z","s":"NaN","t":null,"b":false,"z":"YQ==","c":"red","k":null,"li":[-1,9007199254740993],"ld":["-0.01",0.01],"lf":[0.1,-2.5],"r":{"a":-1,"p":"-0.01"},"q":null"#,
        r#""n":2,"m":2,"x":2.5,"y":-2.5,"d":"2.50","e":"2.500","l":86400000000,"g":"2024-02-29","at":"2026-03-29T01:30:00Z","s":"ßﬁİΣ 👩‍👩‍👧","t":"a","b":true,"z":"YWE=","c":"green","k":"green","li":[1,2],"ld":["2.50",2],"lf":[2.5],"r":{"a":1,"p":"2.50"},"q":{"a":1,"p":"2.5000"}"#,
        r#""n":1000000000000000000,"m":0,"x":1e16,"y":1e-7,"d":"0.05","e":"0.005","l":9223372036854775,"g":"2026-01-01","at":"7998-12-31T23:59:59.999999Z","s":" 1.5 ","t":"+5","b":false,"z":"YWI=","c":"blue","k":"yellow","li":[2,1],"ld":["0.05"],"lf":[1e300,1e300],"r":{"a":2,"p":"0.05"},"q":{"a":1e16,"p":"0.0500"}"#,
    ];
    rows.iter().enumerate().map(|(at, row)| format!("{{\"id\":\"i{at}\",{row}}}\n")).collect()
}

/// Those of some expressions that are right, with their types.
fn accepted(expressions: Vec<String>) -> Vec<(String, String)> {
    let (right, model) = right(expressions, &source(), 1, |one, at| format!("view v{at} = ev |> select v = {one}\n"));
    let ty = |at: usize| {
        let view = model.views.iter().find(|view| *view.name == format!("v{at}"))?;
        view.relation.ty.columns.first().map(|column| column.ty.to_string())
    };
    let typed = right.into_iter().enumerate().filter_map(|(at, one)| Some((one, ty(at)?)));
    // What is nothing but absent has no type that a sink could name.
    typed.filter(|(_, ty)| !ty.contains("null")).collect()
}

/// A program that computes some expressions in a job, a stream and a service, a few to a sink: a fault costs the row.
fn program(expressions: &[(String, String)]) -> Program {
    const FEW: usize = 4;
    let mut asol = source();
    let mut stream = String::new();
    for (at, few) in expressions.chunks(FEW).enumerate() {
        let columns: Vec<String> = few.iter().enumerate().map(|(at, (_, ty))| format!("v{at}: {ty}")).collect();
        let columns = columns.join(", ");
        let values: Vec<String> = few.iter().enumerate().map(|(at, (one, _))| format!("v{at} = {one}")).collect();
        let values = values.join(", ");
        let _ = writeln!(asol, "sink j{at}: rows<{{ id: string, {columns} }}> {{}}");
        let _ = writeln!(asol, "sink s{at}: stream<{{ id: string, {columns} }}> {{}}");
        let _ = writeln!(asol, "job w{at} {{ emit ev |> select id, {values} to j{at} }}");
        let _ = writeln!(stream, "  emit ev |> select id, {values} to s{at}");
        let _ = writeln!(asol, "@post(\"/a{at}\") service a{at}(k: string) -> list<{{ id: string, {columns} }}> {{");
        let _ = writeln!(asol, "  return tb |> select id, {values} |> sort by id\n}}");
    }
    let _ = writeln!(asol, "stream s {{\n{stream}}}");
    Program { seed: 1, asol, files: [("ev.jsonl".to_owned(), rows())].into() }
}

/// Runs the cases, so many to a program, and counts what was compared.
fn hold<T>(cases: &[T], together: usize, program: impl Fn(&[T]) -> Program) -> Report {
    let mut report = Report::default();
    let held = Held { head: &source(), program: &program, run: &served };
    let found: Vec<String> = cases.chunks(together).flat_map(|many| held.differences(many, &mut report)).collect();
    if !found.is_empty() {
        panic!("{} of {} cases:\n{}", found.len(), cases.len(), found.join("\n"));
    }
    report
}

#[test]
fn whatever_two_types_may_meet_in_has_one_answer() {
    let accepted = accepted(expressions());
    let report = hold(&accepted, 200, program);
    // Nothing would be held if nothing were accepted, or no value were there.
    assert!(accepted.len() > 3_000, "{}", accepted.len());
    assert!(report.compared > 8_000 && report.answers > 3_000, "{} {}", report.compared, report.answers);
}

#[test]
fn at_the_borders_of_types_there_is_one_answer_too() {
    let accepted = accepted(expressions());
    let report = hold(&accepted, 80, |expressions| {
        let mut asol = source();
        let mut stream = String::new();
        for (at, (one, ty)) in expressions.iter().enumerate() {
            let _ = writeln!(asol, "sink o{at}: stream<{{ id: string, v: {ty} }}> {{}}");
            let _ = writeln!(stream, "  emit ev |> select id, v = {one} to o{at}");
        }
        let _ =
            writeln!(asol, "stream all {{\n{stream}}}\n@post(\"/a\") service a(k: string) -> string {{ return k }}");
        Program { seed: 1, asol, files: [("ev.jsonl".to_owned(), borders())].into() }
    });
    assert!(report.compared > 15_000 && report.letters > 100, "{} {}", report.compared, report.letters);
}

/// A relation of a text `id` and a value `v`.
#[derive(Clone)]
struct Case {
    /// The feature set that it reads, where it does.
    set: String,
    /// Its pipeline, whose rows are called `rows`.
    pipe: String,
    plane: Plane,
    ty: String,
}

/// What operators, aggregates, keys and joins make of one column and of two.
fn relations() -> Vec<(String, String)> {
    let names = || COLUMNS.iter().map(|(name, _)| *name);
    let mut all = Vec::new();
    let mut put = |set: &str, pipe: String| all.push((set.to_owned(), pipe));
    for a in names() {
        for b in names() {
            put("", format!("rows |> select id, v = {a} |> union (rows |> select id, v = {b})"));
            put("", format!("rows |> join rows as o on {a} == o.{b} within 0s..3s |> select id, v = o.id"));
            put("", format!("rows |> left join first rows as o on {a} == o.{b} |> select id, v = o.id"));
            put(
                "",
                format!("rows |> anti join rows as o on {a} == o.{b} and n > o.n within -2s..9s |> select id, v = n"),
            );
            put("", format!("rows |> left join tb as o on id == o.id and {a} == o.{b} |> select id, v = o.id"));
            put("", format!("rows |> top 2 by {a} per {b} with ties rank as v |> select id, v"));
        }
        for aggregate in [
            "sum(@)",
            "mean(@)",
            "min(@)",
            "max(@)",
            "var(@)",
            "stddev(@)",
            "first(@)",
            "last(@)",
            "count_distinct(@)",
            "count_distinct(@, exact: true)",
            "top_k(@, 2)",
            "top_k(id, 2, by: @)",
            "ratio(@ == @)",
        ] {
            for filter in ["", " where b", " where @ != null"] {
                let aggregate = format!("{aggregate}{filter}").replace('@', a);
                put("", format!("rows |> group by id = s {{ v = {aggregate} }}"));
                let set = format!("by s from ev {{ v = {} over 3s }}", aggregate.replace(filter, ""));
                put(
                    &set.replace(" over 3s", &format!("{} over 3s", filter.replace('@', a))),
                    "rows |> with F |> select id, v".to_owned(),
                );
            }
        }
        put("", format!("rows |> group by v = {a} {{ id = min(id) }} |> select id = id ?? \"\", v"));
        put("", format!("rows |> sort by {a} desc, id |> take 3 |> select id, v = {a}"));
        put("", format!("rows |> distinct by {a} |> select id, v = {a}"));
        put("", format!("rows |> latest by {a}, n |> select id, v = n"));
        put("", format!("rows |> derive w = {{ o: {a}, p: [{a}] }} |> select id, v = w"));
        put(&format!("by {a} from ev {{ v = count() over 3s }}"), "rows |> with F |> select id, v".to_owned());
    }
    all
}

impl Case {
    /// So many lines, whatever it is.
    const LINES: usize = 3;

    fn pipe(&self, at: usize) -> String {
        let rows = if self.plane == Plane::Online { "tb" } else { "ev" };
        self.pipe.replace("rows", rows).replace("with F", &format!("with f{at}"))
    }

    fn set(&self, at: usize) -> String {
        if self.set.is_empty() { String::new() } else { format!("features f{at} {}", self.set) }
    }

    /// As a view, which says its type.
    fn view(&self, at: usize) -> String {
        format!("{}\nview v{at} = {}\n\n", self.set(at), self.pipe(at))
    }

    /// As a flow of its plane.
    fn flow(&self, at: usize) -> String {
        let (set, pipe, ty) = (self.set(at), self.pipe(at), &self.ty);
        let flow = match self.plane {
            Plane::Batch => {
                format!("sink o{at}: rows<{{ id: string, v: {ty} }}> {{}}\njob j{at} {{ emit {pipe} to o{at} }}")
            }
            Plane::Stream => {
                format!(
                    "sink o{at}: table<{{ id: string, v: {ty} }}> key id {{}}\nstream s{at} {{ emit {pipe} to o{at} }}"
                )
            }
            Plane::Online => format!(
                "@post(\"/a{at}\") service a{at}(k: string) -> list<{{ id: string, v: {ty} }}> {{ return {pipe} |> sort by id }}\n"
            ),
        };
        format!("{set}\n{flow}\n")
    }
}

#[test]
fn whatever_operators_make_of_two_types_has_one_answer() {
    let mut cases = Vec::new();
    for plane in [Plane::Batch, Plane::Stream, Plane::Online] {
        let own = relations().into_iter().map(|(set, pipe)| Case { set, pipe, plane, ty: String::new() }).collect();
        let (mut typed, model) = right(own, &source(), Case::LINES, Case::view);
        let types: BTreeMap<&str, String> = model
            .views
            .iter()
            .filter_map(|view| {
                Some((&*view.name, view.relation.ty.columns.iter().find(|column| *column.name == *"v")?.ty.to_string()))
            })
            .collect();
        for (at, case) in typed.iter_mut().enumerate() {
            case.ty = types.get(format!("v{at}").as_str()).cloned().unwrap_or_default();
        }
        let (own, _) = right(typed, &source(), Case::LINES, Case::flow);
        assert!(own.len() > 300, "{plane:?}: {}", own.len());
        cases.extend(own);
    }
    let report = hold(&cases, 60, |cases| {
        let flows: Vec<String> = cases.iter().enumerate().map(|(at, case)| case.flow(at)).collect();
        let asol = format!("{}{}", source(), flows.concat());
        Program { seed: 1, asol, files: [("ev.jsonl".to_owned(), rows())].into() }
    });
    assert!(report.compared > 5_000 && report.answers > 1_000, "{} {}", report.compared, report.answers);
}
