//! One file of Rust: a header, what it imports, and its items, as `rustfmt` would leave them.

use std::collections::{BTreeMap, BTreeSet};

use fec_model::Symbol;
use fec_model::expr::Expr;
use fec_model::types::{Column, Kind};

use crate::code::{Block, Code};
use crate::error::Error;
use crate::expression::Printer;
use crate::ident::{Names, screaming, snake};
use crate::layout::{Layout, width};
use crate::records::{is_record, plain};
use crate::scope::Scope;
use crate::types::{self, Modules, member_constants};

const WIDTH: usize = 100;

/// What of the runtime is imported by name, by module.
const PUBLIC: &[(&str, &[&str])] = &[
    ("flow_core", &["decimal"]),
    ("flow_core::calendar", &["DAY", "HOUR", "MINUTE", "SECOND", "days_of", "instant"]),
    (
        "flow_core::generated",
        &[
            "attempt",
            "convert_value",
            "equal",
            "is_absent",
            "list",
            "list_contains",
            "list_contains_decimal",
            "order_values",
            "record",
            "value",
        ],
    ),
    ("flow_core::value", &["Value"]),
    (
        "flow_core::scalar",
        &[
            "abs_decimal",
            "abs_float",
            "abs_int",
            "add_decimal",
            "add_float",
            "add_int",
            "add_to_date",
            "bool_to_text",
            "bytes_to_text",
            "ceil_decimal",
            "ceil_float",
            "compare_decimal",
            "contains",
            "date",
            "date_to_text",
            "date_to_timestamp",
            "day",
            "day_of_date",
            "decimal_to_decimal",
            "decimal_to_float",
            "decimal_to_int",
            "decimal_to_text",
            "div_decimal",
            "div_float",
            "div_int",
            "divide_decimal",
            "divide_float",
            "divide_int",
            "ends_with",
            "exp",
            "float_to_checked_decimal",
            "float_to_int",
            "float_to_text",
            "floor_decimal",
            "floor_float",
            "greatest",
            "hour",
            "int_to_checked_decimal",
            "int_to_float",
            "int_to_text",
            "least",
            "length",
            "length_bytes",
            "length_list",
            "ln",
            "lower",
            "member_to_text",
            "midnight",
            "minute",
            "mod_decimal",
            "mod_float",
            "mod_int",
            "month",
            "month_of_date",
            "multiply_decimal",
            "multiply_float",
            "multiply_int",
            "negate_decimal",
            "negate_float",
            "negate_int",
            "pow",
            "replace",
            "rescale",
            "round_decimal",
            "round_float",
            "seconds",
            "sqrt",
            "starts_with",
            "substring",
            "subtract_dates",
            "subtract_decimal",
            "subtract_float",
            "subtract_from_date",
            "subtract_int",
            "text_to_bool",
            "text_to_date",
            "text_to_decimal",
            "text_to_float",
            "text_to_int",
            "text_to_member",
            "text_to_timestamp",
            "timestamp_to_text",
            "trim",
            "upper",
            "value_to_text",
            "weekday",
            "weekday_of_date",
            "year",
            "year_of_date",
        ],
    ),
];

/// A function that computes an expression for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it gives: `Result<i64, Fault>`, or `Bound` for a record.
    pub answer: String,
}

impl Function {
    /// The closure that `flow_operators::expression::generated` takes.
    #[must_use]
    pub fn closure(&self) -> String {
        format!("|row, out| out.put({}(row))", self.name)
    }
}

/// A file while it is written.
#[derive(Debug, Clone)]
pub struct RustFile {
    header: String,
    public: bool,
    imports: BTreeMap<String, BTreeSet<String>>,
    names: Names,
    /// Kinds that conversions need at run time: what makes each, and its name.
    kinds: Vec<(Code, String)>,
    /// Members of enumerations that are used, or all names of them.
    members: BTreeMap<String, BTreeSet<String>>,
    /// Enumerations that are used: their modules and members.
    enums: BTreeMap<Symbol, (String, Vec<Symbol>)>,
    modules: Modules,
    items: Vec<String>,
}

impl RustFile {
    /// An empty file; `header` is its comment, without marks.
    #[must_use]
    pub fn new(header: &str) -> Self {
        let taken = PUBLIC.iter().flat_map(|(_, names)| names.iter().map(|name| (*name).to_owned()));
        // Those of a function's closure, which calls it.
        let taken = taken.chain(["out", "row"].map(str::to_owned));
        Self {
            header: header.to_owned(),
            public: false,
            imports: BTreeMap::new(),
            names: Names::with(taken),
            kinds: Vec::new(),
            members: BTreeMap::new(),
            enums: BTreeMap::new(),
            modules: Modules::default(),
            items: Vec::new(),
        }
    }

    /// The same with public functions: the file of a library.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Imports `name` from `module`.
    pub fn import(&mut self, module: &str, name: &str) {
        self.imports.entry(module.to_owned()).or_default().insert(name.to_owned());
    }

    /// The enumerations of the solution, whose modules the file names.
    #[must_use]
    pub fn enums(mut self, enums: &BTreeMap<Symbol, Vec<Symbol>>) -> Self {
        self.modules = Modules::of(enums);
        self
    }

    /// The module of an enumeration.
    pub(crate) fn module(&self, name: &str) -> String {
        self.modules.get(name)
    }

    /// A name for an item that nothing in the file has yet, in `snake_case`.
    pub fn fresh(&mut self, name: &str) -> String {
        self.names.fresh(&snake(name))
    }

    /// Adds an item as it stands, with its comments and without a line end after it. A function's head is on one line:
    /// one that is too long for it is parted here.
    pub fn item(&mut self, text: &str) {
        let lines: Vec<String> = text.lines().map(head).collect();
        self.items.push(lines.join("\n"));
    }

    /// Adds the function that computes `expr` for a row. It is called `name`, or like it where that is taken; `doc` is
    /// its comment, line by line.
    ///
    /// # Errors
    /// An expression that no checked solution has.
    pub fn function(&mut self, name: &str, doc: &str, expr: &Expr, scope: &Scope) -> Result<Function, Error> {
        let expr = plain(expr)?;
        let name = self.fresh(name);
        let mut kinds = std::mem::take(&mut self.kinds);
        let mut file_names = std::mem::take(&mut self.names);
        let mut kind = |kind: &Kind| {
            let made = types::kind_code(kind, scope.modules());
            if let Some((_, name)) = kinds.iter().find(|(known, _)| *known == made) {
                return name.clone();
            }
            let name = file_names.fresh(&screaming(&kind_name(kind)));
            kinds.push((made, name.clone()));
            name
        };
        let printer = Printer::new(scope, &mut kind);
        let mut answers = false;
        let printed = if is_record(&expr) {
            printer.record_function(&expr).map(|(block, names, are_computed)| {
                answers = are_computed;
                (block, names, "Bound".to_owned())
            })
        } else {
            printer.function(&expr).map(|(block, names, ty)| (block, names, format!("Result<{ty}, Fault>")))
        };
        self.kinds = kinds;
        self.names = file_names;
        let (mut block, wanted, answer) = printed?;
        block.prune();
        let called = block.words();
        let names = settled(&wanted, &called, &block.read());
        let mut layout = Layout::new(&names);
        layout.block(&block, 4);
        let body = layout.finish();
        let row = if called.contains("row") { "row" } else { "_row" };
        let public = if self.public { "pub " } else { "" };
        let doc = comment("///", doc);
        let text = format!("{doc}{public}fn {name}({row}: Row<'_>) -> {answer} {{\n{body}}}");
        self.imported(&called, &text, scope);
        if answers {
            self.import("flow_core::generated", "Answer");
        }
        self.item(&text);
        Ok(Function { name, answer })
    }

    /// Adds the function that makes the schema of a relation or source.
    pub fn schema(&mut self, name: &str, doc: &str, columns: &[Column]) -> String {
        let name = self.fresh(name);
        let value = Code::call("Schema::of", [types::fields_code(columns, &self.modules)]);
        self.types_of(&value);
        self.import("flow_core::types", "Schema");
        let public = if self.public { "pub " } else { "" };
        let mut text = comment("///", doc);
        text.push_str(&format!("{public}fn {name}() -> Schema {{\n"));
        let mut layout = Layout::new(&[]);
        layout.block(&Block::of(value), 4);
        text.push_str(&layout.finish());
        text.push('}');
        self.items.push(text);
        name
    }

    /// Imports what the code of a type names.
    fn types_of(&mut self, code: &Code) {
        let text = without_texts(&Layout::new(&[]).text(code));
        for name in ["DataType", "Field", "Kind"].into_iter().filter(|name| mentions(&text, name)) {
            self.import("flow_core::types", name);
        }
    }

    fn imported(&mut self, called: &BTreeSet<String>, text: &str, scope: &Scope) {
        let text = without_texts(text);
        let text = text.as_str();
        self.import("flow_core::generated", "Row");
        for name in ["Fault", "Bound", "Cow"] {
            if mentions(text, name) {
                let module = match name {
                    "Fault" => "flow_core::fault",
                    "Bound" => "flow_core::row",
                    _ => "std::borrow",
                };
                self.import(module, name);
            }
        }
        if text.contains(".lend()") {
            self.import("flow_core::generated", "Lend");
        }
        for (path, names) in PUBLIC {
            for name in names.iter().filter(|name| called.contains(**name)) {
                self.import(path, name);
            }
        }
        // `Bound::Value` names a variant.
        if mentions(&text.replace("Bound::Value", ""), "Value") {
            self.import("flow_core::value", "Value");
        }
        for (name, members) in scope.all_enums() {
            let module = scope.modules().get(name);
            let path = format!("{module}::");
            let made = |made: &Code| without_texts(&Layout::new(&[]).text(made));
            let made: Vec<String> = self.kinds.iter().map(|(kind, _)| made(kind)).collect();
            if !text.contains(&path) && !made.iter().any(|made| made.contains(&path)) {
                continue;
            }
            self.enums.insert(*name, (module, members.clone()));
            let used = self.members.entry(name.to_string()).or_default();
            for constant in member_constants(members).into_iter().chain(["MEMBERS".to_owned()]) {
                let path = format!("{path}{constant}");
                if mentions(text, &path) || made.iter().any(|made| mentions(made, &path)) {
                    used.insert(constant);
                }
            }
        }
    }

    /// The text of the file.
    #[must_use]
    pub fn finish(mut self) -> String {
        let kinds = std::mem::take(&mut self.kinds);
        let mut items = Vec::new();
        for (made, name) in &kinds {
            self.import("std::sync", "LazyLock");
            self.types_of(made);
            self.import("flow_core::types", "Kind");
            let mut layout = Layout::new(&[]);
            layout.lazy(name, made);
            items.push(layout.finish());
        }
        for (name, used) in &self.members {
            if let Some((module, members)) = self.enums.get(name.as_str()) {
                items.push(enumeration(name, module, members, Some(used)));
            }
        }
        items.append(&mut self.items);
        let mut out = comment("//!", &self.header);
        let is_std = |module: &str| module == "std" || module.starts_with("std::");
        let (std, other): (Vec<_>, Vec<_>) = self.imports.iter().partition(|(module, _)| is_std(module));
        for group in [std, other] {
            if group.is_empty() {
                continue;
            }
            if !out.is_empty() {
                out.push('\n');
            }
            let mut lines: Vec<(String, String)> = group
                .into_iter()
                .map(|(module, names)| {
                    let first = names.first().filter(|_| names.len() == 1);
                    (first.map_or_else(|| module.clone(), |name| format!("{module}::{name}")), import(module, names))
                })
                .collect();
            lines.sort_by_cached_key(|(path, _)| import_order(path));
            out.extend(lines.into_iter().map(|(_, line)| line));
        }
        for item in items {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&item);
            out.push('\n');
        }
        out
    }
}

/// The names of the variables of a function: none is that of a function which it calls, or of another variable.
fn settled(wanted: &[String], called: &BTreeSet<String>, read: &BTreeSet<usize>) -> Vec<String> {
    let mut names = Names::with(called.iter().cloned().chain(["row".to_owned(), "_".to_owned()]));
    let mut settled = Vec::with_capacity(wanted.len());
    for (variable, name) in wanted.iter().enumerate() {
        let name = if called.contains(name) { format!("{}_value", name.trim_end_matches('_')) } else { name.clone() };
        // A variable that nobody reads is there for its fault.
        settled.push(names.fresh(&if read.contains(&variable) { name } else { format!("_{name}") }));
    }
    settled
}

/// A constant module of an enumeration: the names of all members, and their positions; only the `used` ones, if given.
#[must_use]
pub fn enumeration(name: &str, module: &str, members: &[Symbol], used: Option<&BTreeSet<String>>) -> String {
    let wanted = |constant: &str| used.is_none_or(|used| used.contains(constant));
    let mut text = format!("/// The members of `{name}` by position.\npub mod {module} {{\n");
    if wanted("MEMBERS") {
        let all = Code::Array(members.iter().map(|member| Code::atom(format!("{member:?}"))).collect());
        let mut layout = Layout::new(&[]);
        layout.constant(&format!("pub const MEMBERS: [&str; {}] = ", members.len()), &all, 4);
        text.push_str("    /// Their names.\n");
        text.push_str(&layout.finish());
    }
    for ((index, member), constant) in members.iter().enumerate().zip(member_constants(members)) {
        if wanted(&constant) {
            text.push_str(&format!("    /// `{member}`.\n    pub const {constant}: i64 = {index};\n"));
        }
    }
    text.push('}');
    text
}

/// A name for a kind that has none.
fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::List(element) => format!("list of {}", kind_name(&element.kind)),
        Kind::Record(record) => match &record.name {
            Some(name) => name.to_string(),
            None => {
                let names: Vec<&str> = record.fields.iter().take(3).map(|field| field.name.as_str()).collect();
                format!("record of {}", names.join(" "))
            }
        },
        Kind::Enum(name) => name.to_string(),
        Kind::Decimal { precision, scale } => format!("decimal {precision} {scale}"),
        other => format!("{other:?}"),
    }
}

/// Lines as a comment.
fn comment(mark: &str, text: &str) -> String {
    let line = |line: &str| if line.is_empty() { format!("{mark}\n") } else { format!("{mark} {line}\n") };
    text.lines().map(line).collect()
}

fn import(module: &str, names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if let [name] = names.as_slice() {
        return format!("use {module}::{name};\n");
    }
    let line = format!("use {module}::{{{}}};\n", names.join(", "));
    // With its line end; `rustfmt` keeps two columns free after a list of names.
    if width(&line) < WIDTH {
        return line;
    }
    let mut out = format!("use {module}::{{\n");
    let (mut length, mut wrapped) = (0, false);
    for (number, name) in names.iter().enumerate() {
        // What follows the last name is not on its line, if that is the only one.
        let end = if number + 1 == names.len() && !wrapped { WIDTH + 1 } else { WIDTH };
        if length == 0 {
            out.push_str("    ");
            length = 4;
        } else if length + 1 + width(name) + 1 >= end {
            out.push_str("\n    ");
            length = 4;
            wrapped = true;
        } else {
            out.push(' ');
            length += 1;
        }
        out.push_str(name);
        out.push(',');
        length += width(name) + 1;
    }
    out.push_str("\n};\n");
    out
}

/// Where an import stands, as `rustfmt` has it: the crate's own first, names part by part, `_` before letters and digits.
fn import_order(path: &str) -> (bool, String) {
    (path != "crate" && !path.starts_with("crate::"), path.replace("::", " ").replace('_', "!"))
}

/// A line of code; the head of a function that is too long for one, with its parameter on a line of its own.
fn head(line: &str) -> String {
    let is_head = line.starts_with("fn ") || line.starts_with("pub fn ");
    match line.split_once('(').zip(line.split_once(") -> ")) {
        Some(((name, after), (_, result))) if is_head && width(line) > WIDTH => match after.split_once(") -> ") {
            Some(("", _)) => format!("{name}()\n-> {result}"),
            Some((parameter, _)) => format!("{name}(\n    {parameter},\n) -> {result}"),
            None => line.to_owned(),
        },
        _ => line.to_owned(),
    }
}

/// Code without its comments and what stands between quotes, which name nothing.
fn without_texts(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut letters =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| line.chars().chain(['\n']));
    let mut is_inside = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                is_inside = !is_inside;
                out.push(letter);
            }
            '\\' if is_inside => {
                letters.next();
            }
            letter if !is_inside => out.push(letter),
            _ => {}
        }
    }
    out
}

/// Whether a text has a word.
fn mentions(text: &str, word: &str) -> bool {
    let edge = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_');
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text.get(..at).unwrap_or(""), text.get(at + word.len()..).unwrap_or(""));
        edge(before.chars().next_back()) && edge(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_imported_leave_two_columns_free() {
        let of = |last: usize| {
            let names = ["date", "hour", "length", "mod_int", "multiply_decimal", "round_decimal"];
            let names = names.map(str::to_owned).into_iter().chain(["x".repeat(last)]).collect();
            import("flow_core::scalar", &names)
        };
        assert_eq!(of(10).trim_end().chars().count(), 98);
        assert_eq!(of(11).lines().count(), 3);
    }

    #[test]
    fn no_function_is_called_as_the_parameters_of_its_closure() {
        let mut file = RustFile::new("");
        assert_eq!(["row", "out", "rows"].map(|name| file.fresh(name)), ["row_2", "out_2", "rows"]);
    }

    #[test]
    fn heads_that_are_too_long_are_parted() {
        let name = "a".repeat(75);
        assert_eq!(head(&format!("fn {name}(given: &Given) -> K {{")), format!("fn {name}(given: &Given) -> K {{"));
        assert_eq!(
            head(&format!("pub fn {name}(given: &Given) -> K {{")),
            format!("pub fn {name}(\n    given: &Given,\n) -> K {{")
        );
        assert_eq!(head(&format!("fn {name}{name}() -> K {{")), format!("fn {name}{name}()\n-> K {{"));
        let call = format!("    f(\"fn {name}(a) -> b\", {name})");
        assert_eq!(head(&call), call);
    }

    #[test]
    fn words_of_texts_and_comments_name_nothing() {
        let code = "/// `a == \"Cow`\nfn f() {\n    g(\"Fault \\\" Bound\", value(x)) + \"Cow\"\n}";
        assert_eq!(without_texts(code), "fn f() {\n    g(\"\", value(x)) + \"\"\n}\n");
    }

    #[test]
    fn a_variable_called_as_a_function_has_another_name_in_snake_case() {
        let wanted = ["type_", "type_", "amount", "row"].map(str::to_owned);
        let names = settled(&wanted, &BTreeSet::from(["type_".to_owned()]), &BTreeSet::from([0, 1, 2, 3]));
        assert_eq!(names, ["type_value", "type_value_2", "amount", "row_2"]);
    }

    #[test]
    fn imports_stand_as_rustfmt_has_them() {
        for (own, wanted) in [
            ("auc", ["crate::rules", "auc::enums", "flow_core::row::Row"]),
            ("flow", ["crate::rules", "flow::enums", "flow_core::row::Row"]),
            ("flow2", ["crate::rules", "flow_core::row::Row", "flow2::enums"]),
            ("std_2", ["crate::rules", "flow_core::row::Row", "std_2::enums"]),
        ] {
            let mut file = RustFile::new("");
            for (module, name) in [(own, "enums"), ("crate", "rules"), ("flow_core::row", "Row")] {
                file.import(module, name);
            }
            let mut more = file.clone();
            assert_eq!(file.finish(), wanted.map(|path| format!("use {path};\n")).concat());
            more.import("crate", "relations");
            assert!(more.finish().starts_with("use crate::{relations, rules};\n"));
        }
    }
}
