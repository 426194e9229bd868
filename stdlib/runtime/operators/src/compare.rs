//! The order of rows: what sorting, `top` and ties go by.

use std::cmp::Ordering;

use flow_core::aggregate::compare;
use flow_core::batch::Batch;
use flow_core::column::{Column, State};
use flow_core::fault::Fault;

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

fn state_rank(state: State) -> (u8, Option<Fault>) {
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
