//! One cell outside of a column: literals, keys, requests, answers.

use std::sync::Arc;

/// One cell. Its type is known from outside: a decimal's scale, an enum's members and a record's field names stand in
/// its [`DataType`](crate::types::DataType).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Absent,
    /// `bool`.
    Bool(bool),
    /// `int`, `date` (days), `timestamp` and `duration` (microseconds), an enum member's index.
    Int(i64),
    /// `float`: finite, never −0.
    Float(f64),
    /// `decimal`: the mantissa.
    Decimal(i128),
    /// `string`.
    String(Arc<str>),
    /// `bytes`.
    Bytes(Arc<[u8]>),
    /// `list<T>`.
    List(Arc<[Value]>),
    /// A record's cells in field order.
    Record(Arc<[Value]>),
}

impl Value {
    /// Whether there is no value.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// A borrowed cell: what a column hands out and an aggregate takes in, without allocating.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Absent,
    /// `bool`.
    Bool(bool),
    /// As [`Value::Int`].
    Int(i64),
    /// As [`Value::Float`].
    Float(f64),
    /// As [`Value::Decimal`].
    Decimal(i128),
    /// `string`.
    String(&'a str),
    /// `bytes`.
    Bytes(&'a [u8]),
    /// A list's or a record's cells.
    Cells(&'a Value),
}

impl Cell<'_> {
    /// An owned copy.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Absent => Value::Absent,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Float(value) => Value::Float(value),
            Self::Decimal(value) => Value::Decimal(value),
            Self::String(value) => Value::String(value.into()),
            Self::Bytes(value) => Value::Bytes(value.into()),
            Self::Cells(value) => value.clone(),
        }
    }
}

impl Value {
    /// A borrowed view.
    #[inline]
    #[must_use]
    pub fn as_cell(&self) -> Cell<'_> {
        match self {
            Self::Absent => Cell::Absent,
            Self::Bool(value) => Cell::Bool(*value),
            Self::Int(value) => Cell::Int(*value),
            Self::Float(value) => Cell::Float(*value),
            Self::Decimal(value) => Cell::Decimal(*value),
            Self::String(value) => Cell::String(value),
            Self::Bytes(value) => Cell::Bytes(value),
            Self::List(_) | Self::Record(_) => Cell::Cells(self),
        }
    }
}
