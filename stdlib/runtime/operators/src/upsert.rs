//! A sink that holds one row of each key: of the rows that are there, the last.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::key::write_row_key;
use flow_core::types::Schema;

use crate::held::{self, Held};
use crate::keys;
use crate::operator::{Context, Operator, OperatorError};
use crate::order::Order;
use crate::rows::BatchBuilder;
use crate::state::{Keyed, Slot, StateWriter};

/// Turns the changes of a relation into those of a sink with a key: 1 puts a row under its key in place of what stood
/// there, −1 empties the key, and is given the row that stood there. At each place a key changes at most once.
///
/// No cell of a row is bad. Where rows may be taken back, the rows of a key are remembered: when the last goes, the one
/// before it stands again.
pub struct Upsert {
    schema: Arc<Schema>,
    key: Vec<usize>,
    /// How long after its time a row can still change, microseconds; `None` where no row ever does.
    settle: Option<i64>,
    /// The rows of each key, in their order; none that a settled row after it hides for ever.
    state: Keyed<Vec<Held>>,
}

/// The keys that change at one place, in the order of their first change.
#[derive(Default)]
struct Place {
    keys: Vec<Before>,
    index: HashMap<Slot, usize>,
}

/// What a key held before a place, and whether a row was added there.
struct Before {
    slot: Slot,
    held: Option<Held>,
    is_new: bool,
}

impl Upsert {
    /// A sink of `schema` whose key is in the columns `key`; `settle` as in `spec/semantics.md`, 5.4.
    #[must_use]
    pub fn new(schema: Arc<Schema>, key: Vec<usize>, settle: Option<i64>) -> Self {
        Self { schema, key, settle, state: Keyed::default() }
    }

    /// Takes in one change.
    fn apply(&mut self, input: &Batch, row: usize, place: &mut Place) -> Result<(), OperatorError> {
        let mut bytes = Vec::new();
        key_of(input, &self.key, row, &mut bytes)?;
        keys::bound(&mut bytes);
        let slot = self.state.intern(&bytes);
        let is_taken_back = input.weight.get(row).is_some_and(|weight| *weight < 0);
        let at = *place.index.entry(slot).or_insert(place.keys.len());
        match place.keys.get_mut(at) {
            Some(before) => before.is_new |= !is_taken_back,
            None => {
                let held = self.state.get(slot).and_then(|rows| rows.last()).cloned();
                place.keys.push(Before { slot, held, is_new: !is_taken_back });
            }
        }
        let Some(rows) = self.state.change(slot, Vec::new) else { return Ok(()) };
        held::change(rows, input, row, self.settle);
        Ok(())
    }

    /// Gives what has become of the keys that changed at a place, emptied ones first.
    fn flush(&mut self, order: Order, place: Place, out: &mut BatchBuilder) -> Result<(), OperatorError> {
        let mut filled: Vec<Held> = Vec::new();
        for Before { slot, held, is_new } in place.keys {
            match (self.state.get(slot).and_then(|rows| rows.last()), held) {
                (Some(now), before) => {
                    if is_new || before.as_ref() != Some(now) {
                        filled.push(now.clone());
                    }
                }
                (None, before) => {
                    self.state.remove(slot);
                    if let Some(before) = before {
                        out.begin_of(before.time, order, -1, before.lineage);
                        out.cells(0, &before.row)?;
                    }
                }
            }
        }
        for now in filled {
            out.begin_of(now.time, order, 1, now.lineage);
            out.cells(0, &now.row)?;
        }
        Ok(())
    }
}

impl Operator for Upsert {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let [input] = inputs else { return Err(OperatorError::Wiring("a sink has one input")) };
        if self.settle.is_none() {
            return Ok(vec![input.clone()]);
        }
        let mut out = BatchBuilder::new(&self.schema);
        let mut place = Place::default();
        for row in 0..input.rows {
            let order = Order::of(input, row);
            let last = row.checked_sub(1).map(|last| Order::of(input, last));
            if let Some(last) = last.filter(|last| *last != order) {
                self.flush(last, std::mem::take(&mut place), &mut out)?;
            }
            self.apply(input, row, &mut place)?;
        }
        if let Some(last) = input.rows.checked_sub(1) {
            self.flush(Order::of(input, last), place, &mut out)?;
        }
        Ok(vec![out.finish()])
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

fn key_of(batch: &Batch, key: &[usize], row: usize, out: &mut Vec<u8>) -> Result<(), OperatorError> {
    let columns: Vec<&Column> = key.iter().filter_map(|at| batch.columns.get(*at)).collect();
    write_row_key(out, &columns, row).map_err(|_| OperatorError::Wiring("a row with a bad key came to a sink"))
}

/// The rows that a sink holds after the changes `batch`, whose key is in the columns `key`: of each key the last, if it
/// was not taken back; in the order of the keys.
///
/// # Errors
///
/// Where the cell of a key is bad.
pub fn held(batch: &Batch, key: &[usize]) -> Result<Batch, OperatorError> {
    let mut last: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for row in 0..batch.rows {
        let mut bytes = Vec::new();
        key_of(batch, key, row, &mut bytes)?;
        if batch.weight.get(row).is_none_or(|weight| *weight > 0) {
            last.insert(bytes, row);
        } else {
            last.remove(&bytes);
        }
    }
    Ok(batch.take(&last.into_values().collect::<Vec<_>>()))
}
