//! The order of cells of one type.

use std::cmp::Ordering;

use crate::value::{Cell, Value};

/// The order of two cells of one type: numbers by size, texts by code point, bytes and lists from the left, records field
/// by field, `false` before `true`, enum members as declared, absent last.
#[must_use]
pub fn compare(a: Cell<'_>, b: Cell<'_>) -> Ordering {
    match (a, b) {
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(&b),
        (Cell::Int(a), Cell::Int(b)) => a.cmp(&b),
        // +0 takes −0 to 0.
        (Cell::Float(a), Cell::Float(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
        (Cell::Decimal(a), Cell::Decimal(b)) => a.cmp(&b),
        // The bytes of UTF-8 are in the order of their code points.
        (Cell::String(a), Cell::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Cell::Bytes(a), Cell::Bytes(b)) => a.cmp(b),
        (Cell::Cells(Value::List(a)), Cell::Cells(Value::List(b)))
        | (Cell::Cells(Value::Record(a)), Cell::Cells(Value::Record(b))) => {
            let differing = a.iter().zip(b.iter()).map(|(a, b)| compare(a.as_cell(), b.as_cell()));
            differing.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

/// Keeps the order total between cells of different kinds.
fn rank(cell: Cell<'_>) -> u8 {
    match cell {
        Cell::Bool(_) => 0,
        Cell::Int(_) => 1,
        Cell::Float(_) => 2,
        Cell::Decimal(_) => 3,
        Cell::String(_) => 4,
        Cell::Bytes(_) => 5,
        Cell::Cells(Value::List(_)) => 6,
        Cell::Cells(_) => 7,
        Cell::Absent => 8,
    }
}
