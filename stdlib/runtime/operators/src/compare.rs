//! The order of cells: what sorting, `top` and ties go by.

use std::cmp::Ordering;

use flow_core::batch::Batch;
use flow_core::column::{Column, State};
use flow_core::value::{Cell, Value};

/// The order of two cells of one type: strings by code point, lists and records cell by cell, absent last. Cells of
/// unlike types, which no column holds, go by type.
#[must_use]
pub fn compare(left: Cell<'_>, right: Cell<'_>) -> Ordering {
    match (left, right) {
        (Cell::Bool(left), Cell::Bool(right)) => left.cmp(&right),
        (Cell::Int(left), Cell::Int(right)) => left.cmp(&right),
        (Cell::Float(left), Cell::Float(right)) => left.total_cmp(&right),
        (Cell::Decimal(left), Cell::Decimal(right)) => left.cmp(&right),
        (Cell::String(left), Cell::String(right)) => left.cmp(right),
        (Cell::Bytes(left), Cell::Bytes(right)) => left.cmp(right),
        (Cell::Cells(Value::List(left)), Cell::Cells(Value::List(right)))
        | (Cell::Cells(Value::Record(left)), Cell::Cells(Value::Record(right))) => compare_all(left, right),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn compare_all(left: &[Value], right: &[Value]) -> Ordering {
    left.iter()
        .zip(right)
        .map(|(left, right)| compare(left.as_cell(), right.as_cell()))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| left.len().cmp(&right.len()))
}

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

/// The order of two rows by one column, `descending` or not. Absent cells are last in both directions; faulty ones after
/// them, by their fault.
#[must_use]
pub fn compare_in(column: &Column, descending: bool, left: usize, right: usize) -> Ordering {
    match (column.state(left), column.state(right)) {
        (State::Present, State::Present) => {
            let (left, right) = (column.cell(left), column.cell(right));
            match (left, right) {
                (Ok(left), Ok(right)) if descending => compare(right, left),
                (Ok(left), Ok(right)) => compare(left, right),
                // A record is faulty where one of its fields is.
                (left, right) => left.err().cmp(&right.err()),
            }
        }
        (left, right) => state_rank(left).cmp(&state_rank(right)),
    }
}

fn state_rank(state: State) -> (u8, Option<flow_core::fault::Fault>) {
    match state {
        State::Present => (0, None),
        State::Absent => (1, None),
        State::Fault(fault) => (2, Some(fault)),
    }
}

/// The order in which ties are broken: by time, then by the row's columns in order.
#[must_use]
pub fn compare_rows(batch: &Batch, left: usize, right: usize) -> Ordering {
    batch.time.get(left).cmp(&batch.time.get(right)).then_with(|| compare_columns(&batch.columns, left, right))
}

/// The order of two rows by all of `columns`, ascending.
#[must_use]
pub fn compare_columns(columns: &[Column], left: usize, right: usize) -> Ordering {
    columns
        .iter()
        .map(|column| compare_in(column, false, left, right))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
