//! Types, schemas and enumerations as Rust.

use std::collections::BTreeMap;

use fec_model::Symbol;
use fec_model::types::{Column, Kind, Type};

use crate::code::Code;
use crate::ident::{Names, screaming, snake};
use crate::layout::Layout;

/// Modules, crates and types that generated files have, or name, themselves.
const MODULES: [&str; 21] = [
    "alloc",
    "bool",
    "char",
    "core",
    "decimal",
    "enums",
    "f64",
    "features",
    "flow_core",
    "i128",
    "i64",
    "relations",
    "rules",
    "schemas",
    "sinks",
    "sources",
    "std",
    "str",
    "u8",
    "usize",
    "views",
];

/// The modules that hold the constants of enumerations: no two have one name, whatever letters are small in the
/// enumerations' own.
#[derive(Debug, Clone, Default)]
pub struct Modules(BTreeMap<Symbol, String>);

impl Modules {
    /// Of all enumerations of a solution.
    #[must_use]
    pub fn of(enums: &BTreeMap<Symbol, Vec<Symbol>>) -> Self {
        let mut names = Names::default();
        Self(enums.keys().map(|name| (*name, names.fresh(&plain_module(name)))).collect())
    }

    /// That of the enumeration with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| plain_module(name))
    }

    /// The constant that holds the names of all members.
    pub(crate) fn members_path(&self, name: &str) -> String {
        format!("{}::MEMBERS", self.get(name))
    }
}

/// The module of an enumeration that is the only one.
fn plain_module(name: &str) -> String {
    let module = snake(name);
    if MODULES.contains(&module.as_str()) { format!("{module}_members") } else { module }
}

/// The names of the constants of an enumeration's members, in order.
#[must_use]
pub fn member_constants(members: &[Symbol]) -> Vec<String> {
    let mut names = Names::with(["MEMBERS".to_owned()]);
    members.iter().map(|member| names.fresh(&screaming(member))).collect()
}

/// The call of the runtime that makes a kind, on one line. The modules of enumerations are in scope.
#[must_use]
pub fn kind(kind: &Kind, modules: &Modules) -> String {
    Layout::new(&[]).text(&kind_code(kind, modules))
}

/// The code that makes a kind. The modules of enumerations are in scope.
pub(crate) fn kind_code(kind: &Kind, modules: &Modules) -> Code {
    match kind {
        Kind::Error | Kind::Null | Kind::Bool => Code::atom("Kind::Bool"),
        Kind::Int => Code::atom("Kind::Int"),
        Kind::Float => Code::atom("Kind::Float"),
        Kind::Decimal { precision, scale } => Code::atom(format!("Kind::decimal({precision}, {scale})")),
        Kind::String => Code::atom("Kind::String"),
        Kind::Bytes => Code::atom("Kind::Bytes"),
        Kind::Date => Code::atom("Kind::Date"),
        Kind::Timestamp => Code::atom("Kind::Timestamp"),
        Kind::Duration => Code::atom("Kind::Duration"),
        Kind::Enum(name) => Code::call(
            "Kind::members",
            [Code::atom(format!("{name:?}")), Code::atom(format!("&{}", modules.members_path(name)))],
        ),
        Kind::List(element) => Code::call("Kind::list", [type_code(element, modules)]),
        Kind::Record(record) => Code::call("Kind::record", [fields_code(&record.fields, modules)]),
    }
}

fn type_code(ty: &Type, modules: &Modules) -> Code {
    let constructor = if ty.optional { "DataType::optional" } else { "DataType::required" };
    Code::call(constructor, [kind_code(&ty.kind, modules)])
}

/// The array of the fields of a record or the columns of a schema.
pub(crate) fn fields_code(columns: &[Column], modules: &Modules) -> Code {
    let field = |column: &Column| {
        let constructor = if column.ty.optional { "Field::optional" } else { "Field::required" };
        Code::call(constructor, [Code::atom(format!("{:?}", column.name)), kind_code(&column.ty.kind, modules)])
    };
    Code::Array(columns.iter().map(field).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_enumerations_have_one_module() {
        let names = ["A", "AB", "A_", "Ab", "Ab2", "Rules", "Str", "Verdict"];
        let modules = Modules::of(&names.iter().map(|name| (Symbol::from(*name), Vec::new())).collect());
        let given = names.map(|name| modules.get(name));
        assert_eq!(given, ["a", "ab", "a_2", "ab_2", "ab2", "rules_members", "str_members", "verdict"]);
        assert_eq!(Modules::default().get("Verdict"), "verdict");
    }
}
