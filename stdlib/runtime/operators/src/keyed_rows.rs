//! A view over streams that is read by its key: the last row of each key, kept, and joined as of each row.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::types::Schema;
use flow_core::value::Value;

use crate::expression::Expr;
use crate::held::{self, Held};
use crate::join::JoinSpec;
use crate::keys::{KeyState, Keys, encode_values};
use crate::operator::{Context, Operator, OperatorError};
use crate::order::{Order, interleave};
use crate::rows::BatchBuilder;
use crate::state::{Keyed, StateWriter};
use crate::table::{Pairs, Table, join_pairs};

/// What a view keeps.
#[derive(Clone)]
pub struct KeptRows {
    /// The columns of its rows.
    pub schema: Arc<Schema>,
    /// Its key over them. A row with an absent part belongs to no key.
    pub key: Vec<Expr>,
    /// How long after its time a row can still change, microseconds (`spec/semantics.md`, 5.4); `None` where no row ever
    /// does.
    pub settle: Option<i64>,
    /// The name under which rows with a faulty key are dead letters.
    pub flow: Arc<str>,
}

/// The operator. Port 0 takes the changes of the view's rows; port 1 + i, and output i, are those of join i, whose left
/// keys are the view's key in its order. A row is joined with what its key held before the row's place.
pub struct KeyedRows {
    kept: KeptRows,
    joins: Vec<JoinSpec>,
    ranks: Vec<u8>,
    /// The rows of each key that are there, in their order; none that a settled row after it hides for ever.
    state: Keyed<Vec<Held>>,
}

impl KeyedRows {
    /// The operator before any change, with the given joins, perhaps none.
    #[must_use]
    pub fn new(kept: KeptRows, joins: Vec<JoinSpec>) -> Self {
        let ranks = std::iter::once(1).chain(joins.iter().map(|_| 0)).collect();
        Self { kept, joins, ranks, state: Keyed::default() }
    }

    /// Takes in one change.
    fn change(&mut self, input: &Batch, row: usize, keys: &Keys, key: &mut Vec<u8>, cx: &mut Context) {
        match keys.encode(row, key) {
            KeyState::Present => {}
            KeyState::Absent => return,
            KeyState::Fault(fault) => {
                let detail = "the key of a view's row cannot be computed";
                cx.left_out(&self.kept.flow, input, row, fault, detail);
                return;
            }
        }
        let slot = self.state.intern(key);
        let Some(rows) = self.state.change(slot, Vec::new) else { return };
        held::change(rows, input, row, self.kept.settle);
        if rows.is_empty() {
            self.state.remove(slot);
        }
    }
}

/// What one join has found so far.
struct Reading {
    keys: Keys,
    pairs: Pairs,
    rights: BatchBuilder,
}

impl Operator for KeyedRows {
    fn inputs(&self) -> usize {
        1 + self.joins.len()
    }

    fn outputs(&self) -> usize {
        self.joins.len()
    }

    fn process(&mut self, inputs: &[Batch], cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let Some((changes, lefts)) = inputs.split_first().filter(|(_, lefts)| lefts.len() == self.joins.len()) else {
            return Err(OperatorError::Wiring("a view has another number of inputs"));
        };
        let keys = Keys::of(&self.kept.key, changes, &cx.env);
        let reading = |(join, left): (&JoinSpec, &Batch)| Reading {
            keys: Keys::of(&join.left_keys, left, &cx.env),
            pairs: Pairs::default(),
            rights: BatchBuilder::new(&join.right),
        };
        let mut readings: Vec<Reading> = self.joins.iter().zip(lefts).map(reading).collect();
        let mut key = Vec::new();
        for (port, row) in interleave(inputs, &self.ranks) {
            let row = row as usize;
            let Some(number) = (port as usize).checked_sub(1) else {
                self.change(changes, row, &keys, &mut key, cx);
                continue;
            };
            let (Some(reading), Some(join), Some(left)) =
                (readings.get_mut(number), self.joins.get(number), lefts.get(number))
            else {
                continue;
            };
            if reading.pairs.key(join, left, row, &reading.keys, &mut key, cx)
                && let Some(held) = self.state.lookup(&key).and_then(|slot| self.state.get(slot)?.last())
            {
                reading.pairs.push(row, reading.rights.rows());
                reading.rights.begin(0, Order::first(), 1);
                reading.rights.cells(0, &held.row)?;
            }
            reading.pairs.end();
        }
        let joined = self.joins.iter().zip(lefts).zip(readings);
        let joined = joined.map(|((join, left), reading)| {
            let rights = Table::of_found(reading.rights.finish());
            join_pairs(join, left, &rights, reading.pairs, cx)
        });
        Ok(joined.collect())
    }

    fn track(&mut self, on: bool) {
        self.state.track(on);
    }

    fn freeze(&mut self, out: &mut StateWriter) {
        self.state.freeze(out, |rows, bytes| held::encode(rows, bytes));
    }

    fn commit(&mut self) {
        self.state.commit();
    }

    fn rollback(&mut self) -> Result<(), OperatorError> {
        self.state.rollback()
    }

    fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), OperatorError> {
        self.state.restore(key, held::decode(value)?);
        Ok(())
    }
}

/// Reads the stored state of a view: what services and tests do.
#[derive(Clone)]
pub struct RowReader {
    schema: Arc<Schema>,
}

impl RowReader {
    /// A reader of rows of `schema`.
    #[must_use]
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { schema }
    }

    /// The key of the state, as the operator freezes it; `None` where a part is absent: such a key has no row.
    #[must_use]
    pub fn key(&self, key: &[Value]) -> Option<Vec<u8>> {
        (!key.iter().any(Value::is_absent)).then(|| encode_values(key))
    }

    /// The row that a key holds, as a column of one record, from the key's stored state.
    ///
    /// # Errors
    /// When the state is damaged.
    pub fn read(&self, stored: &[u8]) -> Result<Option<Column>, OperatorError> {
        let rows = self.rows([stored])?;
        Ok((rows.rows == 1).then(|| Column::record(rows.columns, None, 1)))
    }

    /// The rows that some keys hold, from the stored state of each, before all places.
    ///
    /// # Errors
    /// When a state is damaged.
    pub fn rows<'s>(&self, stored: impl IntoIterator<Item = &'s [u8]>) -> Result<Batch, OperatorError> {
        let mut rows = BatchBuilder::new(&self.schema);
        for stored in stored {
            if let Some(row) = held::last(stored)? {
                rows.begin(0, Order::first(), 1);
                rows.cells(0, row)?;
            }
        }
        Ok(rows.finish())
    }
}
