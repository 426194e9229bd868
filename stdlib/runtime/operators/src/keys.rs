//! Keys: the cells that a row is grouped or joined by, as canonical bytes.

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::key::write_key;
use flow_core::value::{Cell, Value};

use crate::expression::{Environment, Expr, evaluate_all};

/// The key columns of a batch.
#[derive(Debug)]
pub struct Keys {
    columns: Vec<Column>,
    rows: usize,
}

/// What stands where a key should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Every cell is present.
    Present,
    /// At least one cell is absent, and none faulty.
    Absent,
    /// A cell is faulty: the first of them.
    Fault(Fault),
}

impl Keys {
    /// Computes the key of every row.
    #[must_use]
    pub fn of(keys: &[Expr], batch: &Batch, env: &Environment) -> Self {
        Self { columns: evaluate_all(keys, batch, env), rows: batch.rows }
    }

    /// Replaces `out` by the key of row `row`. Absent cells are encoded too: `group by` gives them their own group.
    #[inline]
    pub fn encode(&self, row: usize, out: &mut Vec<u8>) -> KeyState {
        out.clear();
        let mut state = KeyState::Present;
        for column in &self.columns {
            match column.cell(row) {
                Ok(cell) => {
                    if cell == Cell::Absent {
                        state = KeyState::Absent;
                    }
                    write_key(out, cell);
                }
                Err(fault) => return KeyState::Fault(fault),
            }
        }
        state
    }

    /// Whether each row has the key that it has in the other ones, as far as can be told without looking at cells. Without
    /// columns all keys are the one that there is, and only the numbers of rows tell two batches apart.
    #[must_use]
    pub fn shares(&self, other: &Self) -> bool {
        self.rows == other.rows
            && self.columns.len() == other.columns.len()
            && self.columns.iter().zip(&other.columns).all(|(mine, theirs)| mine.shares(theirs))
    }

    /// The key columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}

/// The encoding of a key given as values, for reads from outside of a flow.
#[must_use]
pub fn encode_values(key: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for cell in key {
        write_key(&mut out, cell.as_cell());
    }
    out
}
