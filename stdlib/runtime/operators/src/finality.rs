//! `final`: only rows that no later event can change.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;

use crate::operator::{Context, Operator, OperatorError};
use crate::order::Order;
use crate::rows::{BatchBuilder, Reader, encode_row, put_order};
use crate::state::{Keyed, Slot, StateWriter};

/// Holds every row back until the frontier has passed its close, `time + settle`; rows that are taken back until then never
/// leave. Rows leave at the place that follows every event that arrived at their close ([`Order::released`]), those of one
/// such place in the order of their own places; a row that comes after its close cannot change any more and passes at its own place.
pub struct Final {
    schema: Arc<Schema>,
    settle: i64,
    /// (close, row) to the equal rows that are there; the close is in big endian with its sign flipped, so that keys sort
    /// by it.
    state: Keyed<Vec<Waiting>>,
    closes: BTreeMap<i64, Vec<Slot>>,
}

/// A row that waits: its place, its number among the rows of its place, and what it was made of. Sorts as rows leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    order: Order,
    number: u32,
    lineage: u64,
}

impl Final {
    /// Rows of `schema`; `settle` (`spec/semantics.md`, 5.4), in microseconds, tells how long after its time a row
    /// can still change.
    #[must_use]
    pub fn new(schema: Arc<Schema>, settle: i64) -> Self {
        Self { schema, settle, state: Keyed::default(), closes: BTreeMap::new() }
    }

    /// Gives the rows whose close is before `frontier`.
    fn release(&mut self, frontier: i64, out: &mut BatchBuilder) -> Result<(), OperatorError> {
        while let Some(entry) = self.closes.first_entry().filter(|entry| *entry.key() < frontier) {
            let (close, slots) = entry.remove_entry();
            let mut rows: Vec<(Waiting, Slot)> = Vec::new();
            for slot in slots {
                rows.extend(self.state.get(slot).into_iter().flatten().map(|row| (*row, slot)));
            }
            // INVARIANT: the rows of one event come in one batch and in the order of their lineage, so that neither batching
            // nor a restart changes their numbers.
            rows.sort_by_key(|(row, _)| (row.order.released(close), *row));
            for (Waiting { order, lineage, .. }, slot) in &rows {
                let mut from = Reader(self.state.key(*slot));
                from.i64()?;
                let time = from.i64()?;
                out.begin_of(time, order.released(close), 1, *lineage);
                out.cells(0, from.0)?;
            }
            for (_, slot) in rows {
                self.state.remove(slot);
            }
        }
        Ok(())
    }

    fn index(&mut self) -> Result<(), OperatorError> {
        self.closes.clear();
        for (slot, _) in self.state.iter() {
            self.closes.entry(close_of(self.state.key(slot))?).or_default().push(slot);
        }
        Ok(())
    }
}

fn close_of(key: &[u8]) -> Result<i64, OperatorError> {
    Reader(key).array().map(u64::from_be_bytes).map(|close| (close ^ SIGN) as i64)
}

const SIGN: u64 = 1 << 63;

impl Operator for Final {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let [input] = inputs else { return Err(OperatorError::Wiring("`final` has one input")) };
        let mut out = BatchBuilder::new(&self.schema);
        let mut key = Vec::new();
        let mut number = 0u32;
        for row in 0..input.rows {
            let order = Order::of(input, row);
            number = if row > 0 && Order::of(input, row - 1) == order { number + 1 } else { 0 };
            self.release(order.arrived, &mut out)?;
            let time = input.time.get(row).copied().unwrap_or_default();
            let lineage = input.made_of(row);
            let close = time.saturating_add(self.settle);
            let is_taken_back = input.weight.get(row).is_some_and(|weight| *weight < 0);
            if order.arrived > close && !is_taken_back {
                key.clear();
                encode_row(&input.columns, row, &mut key);
                out.begin_of(time, order, 1, lineage);
                out.cells(0, &key)?;
                continue;
            }
            key.clear();
            key.extend((close as u64 ^ SIGN).to_be_bytes());
            key.extend(time.to_le_bytes());
            encode_row(&input.columns, row, &mut key);
            let slot = self.state.intern(&key);
            let is_new = self.state.get(slot).is_none();
            let Some(rows) = self.state.change(slot, Vec::new) else { continue };
            if !is_taken_back {
                rows.push(Waiting { order, number, lineage });
            } else if let Some(at) = rows.iter().position(|row| row.lineage == lineage) {
                rows.remove(at);
            }
            if rows.is_empty() {
                self.state.remove(slot);
                if let Some(slots) = self.closes.get_mut(&close) {
                    slots.retain(|other| *other != slot);
                }
            } else if is_new {
                self.closes.entry(close).or_default().push(slot);
            }
        }
        self.release(cx.frontier, &mut out)?;
        Ok(vec![out.finish()])
    }

    fn track(&mut self, on: bool) {
        self.state.track(on);
    }

    fn freeze(&mut self, out: &mut StateWriter) {
        self.state.freeze(out, |rows, bytes| {
            for Waiting { order, number, lineage } in rows {
                put_order(*order, bytes);
                bytes.extend(number.to_le_bytes());
                bytes.extend(lineage.to_le_bytes());
            }
        });
    }

    fn commit(&mut self) {
        self.state.commit();
    }

    fn rollback(&mut self) -> Result<(), OperatorError> {
        self.state.rollback()?;
        self.index()
    }

    fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), OperatorError> {
        let close = close_of(key)?;
        let mut rows = Vec::new();
        let mut from = Reader(value);
        while !from.0.is_empty() {
            let order = from.order()?;
            rows.push(Waiting { order, number: from.u32()?, lineage: u64::from_le_bytes(from.array()?) });
        }
        self.state.restore(key, rows);
        if let Some(slot) = self.state.lookup(key) {
            self.closes.entry(close).or_default().push(slot);
        }
        Ok(())
    }
}
