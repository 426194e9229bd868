//! Keys: the cells that a row is grouped or joined by, as canonical bytes.

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::value::{Cell, Value};

use crate::expression::{Env, Expr};

/// The key columns of a batch.
#[derive(Debug)]
pub struct Keys {
    columns: Vec<Column>,
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
    pub fn of(keys: &[Expr], batch: &Batch, env: &Env) -> Self {
        Self { columns: keys.iter().map(|key| key.evaluate(batch, env)).collect() }
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
                    encode_cell(cell, out);
                }
                Err(fault) => return KeyState::Fault(fault),
            }
        }
        state
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
        encode_cell(cell.as_cell(), &mut out);
    }
    out
}

/// Appends the canonical encoding of a cell: a tag, then its bytes; equal cells of one type, and only those, give equal
/// bytes, and no encoding is the beginning of another of its type.
pub fn encode_cell(cell: Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        Cell::Absent => out.push(0),
        Cell::Bool(value) => out.extend([1, u8::from(value)]),
        Cell::Int(value) => {
            out.push(2);
            out.extend(value.to_le_bytes());
        }
        Cell::Float(value) => {
            out.push(3);
            out.extend(value.to_bits().to_le_bytes());
        }
        Cell::Decimal(value) => {
            out.push(4);
            out.extend(value.to_le_bytes());
        }
        Cell::String(value) => encode_bytes(5, value.as_bytes(), out),
        Cell::Bytes(value) => encode_bytes(6, value, out),
        Cell::Cells(value) => {
            let (tag, cells) = match value {
                Value::List(cells) => (7, cells),
                Value::Record(cells) => (8, cells),
                other => return encode_cell(other.as_cell(), out),
            };
            out.push(tag);
            out.extend((cells.len() as u32).to_le_bytes());
            for cell in cells.iter() {
                encode_cell(cell.as_cell(), out);
            }
        }
    }
}

fn encode_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}
