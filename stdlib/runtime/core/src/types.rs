//! The runtime's own description of data: what a column holds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The type of a cell: what it holds and whether it may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataType {
    /// What a present cell holds.
    pub kind: Kind,
    /// Whether the cell may be absent.
    pub optional: bool,
}

/// What a present cell holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A 64-bit signed integer.
    Int,
    /// A finite IEEE 754 double; never −0.
    Float,
    /// An exact decimal: an `i128` mantissa times `10^-scale`, at most `precision` digits.
    Decimal {
        /// Greatest number of digits, 1 to 38; a range check of fields only.
        precision: u8,
        /// Digits after the point, 0 to 38.
        scale: u8,
    },
    /// UTF-8 text, compared by code point.
    String,
    /// Raw bytes.
    Bytes,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// Microseconds.
    Duration,
    /// A member of an enumeration, by index.
    Enum(Arc<EnumType>),
    /// A list of cells of one type.
    List(Arc<DataType>),
    /// Named cells, in order.
    Record(Arc<RecordType>),
}

/// An enumeration: its name and its members in declaration order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnumType {
    /// Declared name.
    pub name: String,
    /// Members; a cell holds the index.
    pub members: Vec<String>,
}

/// A record: its fields in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordType {
    /// Fields in declaration order.
    pub fields: Vec<Field>,
}

/// One field of a record, or one column of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name as written.
    pub name: String,
    /// Its type.
    pub ty: DataType,
}

/// The columns of a batch, in order. Names contain no dot.
pub type Schema = RecordType;

impl DataType {
    /// A type whose cells are always present.
    #[must_use]
    pub fn required(kind: Kind) -> Self {
        Self { kind, optional: false }
    }

    /// A type whose cells may be absent.
    #[must_use]
    pub fn optional(kind: Kind) -> Self {
        Self { kind, optional: true }
    }
}

impl Kind {
    /// A decimal of at most `precision` digits, `scale` of them after the point.
    #[must_use]
    pub fn decimal(precision: u8, scale: u8) -> Self {
        Self::Decimal { precision, scale }
    }

    /// A list of cells of one type.
    #[must_use]
    pub fn list(element: DataType) -> Self {
        Self::List(Arc::new(element))
    }

    /// A record of the given fields.
    #[must_use]
    pub fn record<const N: usize>(fields: [Field; N]) -> Self {
        Self::Record(Arc::new(RecordType::of(fields)))
    }

    /// A member of an enumeration.
    #[must_use]
    pub fn members(name: &str, members: &[&str]) -> Self {
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        Self::Enum(Arc::new(EnumType { name: name.to_owned(), members }))
    }
}

impl Field {
    /// A field that is always present.
    #[must_use]
    pub fn required(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), ty: DataType::required(kind) }
    }

    /// A field that may be absent.
    #[must_use]
    pub fn optional(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), ty: DataType::optional(kind) }
    }
}

impl RecordType {
    /// The record, or schema, of the given fields.
    #[must_use]
    pub fn of<const N: usize>(fields: [Field; N]) -> Self {
        Self { fields: fields.into() }
    }

    /// The position of the field called `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}
