//! Types, schemas and enumerations as Rust.

use fec_model::Symbol;
use fec_model::types::{Column, Kind, Type};

use crate::code::Code;
use crate::ident::{Names, screaming, snake};
use crate::layout::Layout;

/// Modules that generated files have, or name, themselves.
const MODULES: [&str; 9] =
    ["decimal", "enums", "features", "relations", "rules", "schemas", "sinks", "sources", "views"];

/// The module that holds the constants of an enumeration.
#[must_use]
pub fn module(name: &str) -> String {
    let module = snake(name);
    if MODULES.contains(&module.as_str()) { format!("{module}_members") } else { module }
}

/// The names of the constants of an enumeration's members, in order.
#[must_use]
pub fn member_constants(members: &[Symbol]) -> Vec<String> {
    let mut names = Names::with(["MEMBERS".to_owned()]);
    members.iter().map(|member| names.fresh(&screaming(member))).collect()
}

/// The constant that holds the names of all members.
pub(crate) fn members_path(name: &str) -> String {
    format!("{}::MEMBERS", module(name))
}

/// The call of the runtime that makes a kind, on one line. The modules of enumerations are in scope.
#[must_use]
pub fn kind(kind: &Kind) -> String {
    Layout::new(&[]).text(&kind_code(kind))
}

pub(crate) fn kind_code(kind: &Kind) -> Code {
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
            [Code::atom(format!("{name:?}")), Code::atom(format!("&{}", members_path(name)))],
        ),
        Kind::List(element) => Code::call("Kind::list", [type_code(element)]),
        Kind::Record(record) => Code::call("Kind::record", [fields_code(&record.fields)]),
    }
}

fn type_code(ty: &Type) -> Code {
    let constructor = if ty.optional { "DataType::optional" } else { "DataType::required" };
    Code::call(constructor, [kind_code(&ty.kind)])
}

/// The array of the fields of a record or the columns of a schema.
pub(crate) fn fields_code(columns: &[Column]) -> Code {
    let field = |column: &Column| {
        let constructor = if column.ty.optional { "Field::optional" } else { "Field::required" };
        Code::call(constructor, [Code::atom(format!("{:?}", column.name)), kind_code(&column.ty.kind)])
    };
    Code::Array(columns.iter().map(field).collect())
}
