//! Types as a user writes them.

use std::fmt::{Display, Formatter, Result};

use crate::types::{Column, Kind, Type};

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.kind.fmt(f)?;
        f.write_str(if self.optional && self.kind != Kind::Null { "?" } else { "" })
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Kind::Error => f.write_str("?"),
            Kind::Null => f.write_str("null"),
            Kind::Bool => f.write_str("bool"),
            Kind::Int => f.write_str("int"),
            Kind::Float => f.write_str("float"),
            Kind::Decimal { precision, scale } => write!(f, "decimal({precision}, {scale})"),
            Kind::String => f.write_str("string"),
            Kind::Bytes => f.write_str("bytes"),
            Kind::Date => f.write_str("date"),
            Kind::Timestamp => f.write_str("timestamp"),
            Kind::Duration => f.write_str("duration"),
            Kind::Enum(name) => f.write_str(name),
            Kind::List(item) => write!(f, "list<{item}>"),
            Kind::Record(record) => match &record.name {
                Some(name) => f.write_str(name),
                None => fields(&record.fields, f),
            },
        }
    }
}

fn fields(columns: &[Column], f: &mut Formatter<'_>) -> Result {
    f.write_str("{ ")?;
    for (index, column) in columns.iter().enumerate() {
        write!(f, "{}{}: {}", if index == 0 { "" } else { ", " }, column.name, column.ty)?;
    }
    f.write_str(" }")
}
