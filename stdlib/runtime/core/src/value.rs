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
