//! Types and columns as code that makes them at run time.

use crate::RustFile;
pub use crate::literal::grouped as integer;
use crate::page::{Tree, atom, call, list, text};
use fec_model::types::{Column, Kind, Type};

/// `Kind::…`. `enums` is the crate that holds the enumerations; empty where the file has their module itself.
pub fn kind(file: &mut RustFile, enums: &str, of: &Kind) -> Tree {
    file.import("flow_core::types", "Kind");
    match of {
        // A type that was never found out is a bool nobody reads.
        Kind::Error | Kind::Null | Kind::Bool => atom("Kind::Bool"),
        Kind::Int => atom("Kind::Int"),
        Kind::Float => atom("Kind::Float"),
        Kind::Decimal { precision, scale } => {
            // Both numbers are one part: where they leave the call's line they stand on one.
            call("Kind::decimal", [atom(format!("{precision}, {scale}"))])
        }
        Kind::String => atom("Kind::String"),
        Kind::Bytes => atom("Kind::Bytes"),
        Kind::Date => atom("Kind::Date"),
        Kind::Timestamp => atom("Kind::Timestamp"),
        Kind::Duration => atom("Kind::Duration"),
        Kind::Enum(name) => {
            if !enums.is_empty() {
                file.import(enums, "enums");
            }
            call("Kind::members", [text(name), atom(format!("&enums::{}::MEMBERS", file.module(name)))])
        }
        Kind::List(element) => call("Kind::list", [ty(file, enums, element)]),
        Kind::Record(record) => call("Kind::record", [fields(file, enums, &record.fields)]),
    }
}

/// `DataType::…`. `enums` is the crate that holds the enumerations.
pub fn ty(file: &mut RustFile, enums: &str, of: &Type) -> Tree {
    file.import("flow_core::types", "DataType");
    let constructor = if of.optional { "DataType::optional" } else { "DataType::required" };
    call(constructor, [kind(file, enums, &of.kind)])
}

fn fields(file: &mut RustFile, enums: &str, columns: &[Column]) -> Tree {
    let mut made = Vec::with_capacity(columns.len());
    for column in columns {
        file.import("flow_core::types", "Field");
        let constructor = if column.ty.optional { "Field::optional" } else { "Field::required" };
        made.push(call(constructor, [text(&column.name), kind(file, enums, &column.ty.kind)]));
    }
    list("", made)
}

/// `Schema::of([…])`.
pub fn schema(file: &mut RustFile, enums: &str, columns: &[Column]) -> Tree {
    file.import("flow_core::types", "Schema");
    call("Schema::of", [fields(file, enums, columns)])
}

/// A duration in microseconds, in the greatest unit of which it is a multiple.
pub fn duration(file: &mut RustFile, micros: i64) -> Tree {
    const UNITS: [(&str, i64); 4] =
        [("DAY", 86_400_000_000), ("HOUR", 3_600_000_000), ("MINUTE", 60_000_000), ("SECOND", 1_000_000)];
    let Some((name, unit)) = UNITS.iter().find(|(_, unit)| micros != 0 && micros % unit == 0) else {
        return atom(integer(micros));
    };
    file.import("flow_core::calendar", name);
    match micros / unit {
        1 => atom(*name),
        -1 => atom(format!("-{name}")),
        number => atom(format!("{} * {name}", integer(number))),
    }
}

/// A `std::time::Duration` of that many microseconds.
pub fn std_duration(file: &mut RustFile, micros: i64) -> Tree {
    file.import("std::time", "Duration");
    match micros {
        whole if whole % 1_000_000 == 0 => call("Duration::from_secs", [atom(integer(whole / 1_000_000))]),
        whole if whole % 1_000 == 0 => call("Duration::from_millis", [atom(integer(whole / 1_000))]),
        micros => call("Duration::from_micros", [atom(integer(micros))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_their_greatest_unit() {
        let of = |micros: i64| duration(&mut RustFile::new(""), micros);
        for (micros, wanted) in [
            (0, "0"),
            (1_500_000, "1_500_000"),
            (60_000_000, "MINUTE"),
            (-60_000_000, "-MINUTE"),
            (-90_000_000, "-90 * SECOND"),
            (172_800_000_000, "2 * DAY"),
        ] {
            assert_eq!(of(micros), atom(wanted), "{micros}");
        }
    }
}
