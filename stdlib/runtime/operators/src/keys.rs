//! Keys: the cells that a row is grouped or joined by, as canonical bytes.

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::key::write_key;
use flow_core::value::{Cell, Value};
use sha2::{Digest, Sha256};

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
                    if matches!(cell, Cell::Absent) {
                        state = KeyState::Absent;
                    }
                    write_key(out, cell);
                }
                Err(fault) => return KeyState::Fault(fault),
            }
        }
        bound(out);
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

/// The longest key that is kept as it is, in bytes. A store takes a little more, for what stands before a key.
const LONGEST: usize = 60_000;

/// The first byte of a digest: that of a cell is 1 or 2.
const DIGEST: u8 = 3;

/// Puts the digest of a key in its place where it is longer than a store takes: a key may have any length.
pub fn bound(key: &mut Vec<u8>) {
    if key.len() > LONGEST {
        let digest = Sha256::digest(&*key);
        key.clear();
        key.push(DIGEST);
        key.extend_from_slice(&digest);
    }
}

/// The encoding of a key given as values, for reads from outside of a flow.
#[must_use]
pub fn encode_values(key: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for cell in key {
        write_key(&mut out, cell.as_cell());
    }
    bound(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::expression::Input;
    use flow_core::builder::ColumnBuilder;
    use flow_core::types::Kind;

    /// The key as it is kept, of a row and of values.
    fn kept(text: &str) -> Vec<u8> {
        let value = Value::String(text.into());
        let mut column = ColumnBuilder::new(&Kind::String, 1);
        column.push(Ok(value.as_cell()));
        let batch = Batch { columns: vec![column.finish()], rows: 1, ..Batch::default() };
        let mut row = Vec::new();
        assert_eq!(
            Keys::of(&[Input::column(0)], &batch, &Environment::default()).encode(0, &mut row),
            KeyState::Present
        );
        assert_eq!(row, encode_values(&[value]), "what is written is found");
        row
    }

    #[test]
    fn a_key_of_any_length_is_its_own_and_short_enough_for_a_store() {
        let keys = [0, 1, LONGEST - 3, LONGEST - 2, LONGEST, 1 << 20].map(|length| kept(&"x".repeat(length)));
        assert!(keys.iter().all(|key| key.len() <= LONGEST));
        assert_eq!(keys.iter().map(Vec::len).collect::<Vec<_>>(), [3, 4, LONGEST, 33, 33, 33]);
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
        assert_ne!(kept(&format!("{}a", "x".repeat(LONGEST))), kept(&format!("{}b", "x".repeat(LONGEST))));
    }
}
