//! The state of a feature set, kept by updates and read as of each row.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::block::{Block, Scratch};
use flow_core::builder::ColumnBuilder;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::{Cell, Value};

use crate::expression::{Expr, evaluate_all};
use crate::feature_set::{FeatureSet, KeyState, decode_state, encode_state};
use crate::keys::{self, Keys};
use crate::operator::{Context, Operator, OperatorError};
use crate::order::{Order, interleave};
use crate::state::{Keyed, Slot, StateWriter, Tag};

/// How rows of the set's input change its state.
#[derive(Clone)]
pub struct Updates {
    /// The key; a row with an absent part belongs to no key. None for one global record.
    pub keys: Vec<Expr>,
    /// The argument slots of the aggregates. A fault in one that is needed leaves the row out of the whole set.
    pub arguments: Vec<Expr>,
}

/// One place that reads the set: `with F`.
#[derive(Clone)]
pub struct Read {
    /// The columns of the rows that read.
    pub input: Arc<Schema>,
    /// The key; an absent part reads the empty state.
    pub keys: Vec<Expr>,
    /// The name of the one record column that holds the set (`as f`); else its columns follow those of the row.
    pub alias: Option<String>,
    /// The row's own change counts too.
    pub including_row: bool,
    /// The flow that reads: the name under which rows with a faulty key are dead letters.
    pub flow: Arc<str>,
}

impl Read {
    /// The columns of the output: those of the row, then those of the set.
    #[must_use]
    pub fn output(&self, set: &FeatureSet) -> Arc<Schema> {
        let mut fields = self.input.fields.clone();
        match &self.alias {
            Some(alias) => {
                let ty = DataType::required(Kind::Record(Arc::clone(&set.schema)));
                fields.push(Field { name: alias.clone(), ty });
            }
            None => fields.extend(set.schema.fields.iter().cloned()),
        }
        Arc::new(Schema { fields })
    }
}

/// The operator. Port 0 takes the rows of the set's input; port 1 + i, and output i, are those of read i. A read sees the
/// changes before the row's place, with a time up to the row's.
pub struct Features {
    set: FeatureSet,
    updates: Updates,
    reads: Vec<Read>,
    ranks: Vec<u8>,
    state: Keyed<KeyState>,
    expiry: Expiry,
    empty: Block,
}

/// Keys by the time at which their state ends, in steps of a sixteenth of a lifetime, so that a key is seldom moved.
#[derive(Debug, Default)]
struct Expiry {
    step: i64,
    lifetime: i64,
    steps: BTreeMap<i64, Vec<Slot>>,
}

impl Expiry {
    /// The step of the frontier from which on nothing is left of a change at `newest`.
    fn step_of(&self, newest: i64) -> i64 {
        newest.saturating_add(self.lifetime).div_euclid(self.step).saturating_add(2)
    }

    fn note(&mut self, slot: Slot, before: Option<i64>, newest: i64) {
        let step = self.step_of(newest);
        if before.is_none_or(|before| self.step_of(before) != step) {
            self.steps.entry(step).or_default().push(slot);
        }
    }

    /// The slots of a step that the frontier has reached.
    fn due(&mut self, frontier: i64) -> Option<(i64, Vec<Slot>)> {
        let first = self.steps.first_entry()?;
        (*first.key() <= frontier.div_euclid(self.step)).then(|| first.remove_entry())
    }
}

impl Features {
    /// The operator of `set` before any change, with the given reads, perhaps none.
    #[must_use]
    pub fn new(set: FeatureSet, updates: Updates, reads: Vec<Read>) -> Self {
        let ranks = std::iter::once(1).chain(reads.iter().map(|read| if read.including_row { 2 } else { 0 })).collect();
        let lifetime = set.lifetime();
        let expiry = Expiry { step: (lifetime / 16).max(1), lifetime, steps: BTreeMap::new() };
        Self { set, updates, reads, ranks, state: Keyed::default(), expiry, empty: Block::new() }
    }

    /// The feature set.
    #[must_use]
    pub fn set(&self) -> &FeatureSet {
        &self.set
    }

    /// The set's columns for a key as of now, at `t`, microseconds: as [`crate::feature_set::FeatureReader::read`].
    #[must_use]
    pub fn read(&self, key: &[Value], t: i64, slots: &[Value]) -> Vec<Result<Value, Fault>> {
        let slot = if key.iter().any(Value::is_absent) { None } else { self.state.lookup(&keys::encode_values(key)) };
        let block = slot.and_then(|slot| self.state.get(slot)).map_or(&self.empty, |state| &state.block);
        let mut cells = Vec::new();
        block.read(self.set.set(), t, &mut cells);
        self.set.values(cells, t, slots)
    }

    /// The number of keys that have state.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.state.len()
    }

    /// Forgets keys of which the windows hold nothing any more.
    fn expire(&mut self, frontier: i64) {
        while let Some((step, slots)) = self.expiry.due(frontier) {
            for slot in slots {
                let is_due = self.state.get(slot).is_some_and(|state| self.expiry.step_of(state.newest) <= step);
                if is_due {
                    self.state.remove(slot);
                }
            }
        }
    }

    fn update<'a>(
        &mut self,
        slot: Slot,
        batch: &Batch,
        row: usize,
        arguments: &'a [Column],
        cells: &mut Vec<Cell<'a>>,
    ) -> Result<(), Refused> {
        cells.clear();
        // A fault counts only where the aggregate's filter lets the row in: the block then misses the cell.
        cells.resize(arguments.len(), Cell::Absent);
        for (column, cell) in arguments.iter().zip(cells.iter_mut()) {
            if column.cell_to(row, cell).is_err() {
                *cell = Cell::Absent;
            }
        }
        let time = batch.time.get(row).copied().unwrap_or_default();
        let weight = batch.weight.get(row).copied().unwrap_or(1);
        let order = Order::of(batch, row);
        let before = self.state.get(slot).map(|state| state.newest);
        let fresh = || KeyState { block: Block::new(), newest: time };
        let Some(state) = self.state.change(slot, fresh) else { return Ok(()) };
        let updated = state.block.update(self.set.set(), time, order.into(), cells, weight, order.arrived);
        if let Err(fault) = updated {
            if before.is_none() {
                // Rows to come may have looked the place up: it is given back after them.
                self.state.empty(slot);
            }
            let found = self.set.fault(arguments, row);
            let (fault, aggregate) = found.map_or((fault, None), |(fault, aggregate)| (fault, Some(aggregate)));
            return Err(Refused { fault, needed: Needed::Aggregate(aggregate) });
        }
        state.newest = state.newest.max(time);
        self.expiry.note(slot, before, state.newest);
        Ok(())
    }

    /// The keys of the rows, before any is looked for; memory has been asked for their places.
    fn wanted(&self, keys: &Keys, rows: usize) -> (Vec<u8>, Vec<Wanted>) {
        let (mut key, mut all) = (Vec::new(), Vec::new());
        let wanted = |row| match keys.encode(row, &mut key) {
            keys::KeyState::Present => {
                let start = all.len();
                all.extend_from_slice(&key);
                Wanted::Key { tag: self.state.tag(&key), start, end: all.len() }
            }
            keys::KeyState::Absent => Wanted::None,
            keys::KeyState::Fault(fault) => Wanted::Fault(fault),
        };
        let wanted: Vec<Wanted> = (0..rows).map(wanted).collect();
        self.state.ask_for(wanted.iter().filter_map(|wanted| match wanted {
            Wanted::Key { tag, .. } => Some(*tag),
            Wanted::None | Wanted::Fault(_) => None,
        }));
        (all, wanted)
    }

    /// The place of each row's key, made where there is none.
    fn places(&mut self, keys: &Keys, rows: usize) -> Vec<KeyPlace> {
        let (all, wanted) = self.wanted(keys, rows);
        let place = |wanted| match wanted {
            Wanted::Key { tag, start, end } => {
                KeyPlace::At(self.state.intern_tagged(tag, all.get(start..end).unwrap_or_default()))
            }
            Wanted::None => KeyPlace::None,
            Wanted::Fault(fault) => KeyPlace::Fault(fault),
        };
        wanted.into_iter().map(place).collect()
    }

    /// The place of each row's key, where it has one.
    fn looked_up(&self, keys: &Keys, rows: usize) -> Vec<KeyPlace> {
        let (all, wanted) = self.wanted(keys, rows);
        let place = |wanted| match wanted {
            Wanted::Key { tag, start, end } => {
                let slot = self.state.lookup_tagged(tag, all.get(start..end).unwrap_or_default());
                slot.map_or(KeyPlace::None, KeyPlace::At)
            }
            Wanted::None => KeyPlace::None,
            Wanted::Fault(fault) => KeyPlace::Fault(fault),
        };
        wanted.into_iter().map(place).collect()
    }

    /// Looks at the states that the next rows need, so that memory gives them side by side before they are needed one by
    /// one.
    fn touch(&self, rows: &[(u32, u32)], updates: &[KeyPlace], reads: &[Option<Vec<KeyPlace>>]) {
        let blocks = || {
            rows.iter().take(AHEAD).filter_map(|(port, row)| {
                let places = match (*port as usize).checked_sub(1).map(|read| reads.get(read)) {
                    None => updates,
                    Some(Some(Some(places))) => places,
                    // It reads what the update of the same row has touched.
                    Some(_) => return None,
                };
                let KeyPlace::At(slot) = places.get(*row as usize)? else { return None };
                self.state.get(*slot).map(|state| &state.block)
            })
        };
        let seen = blocks().fold(0, |seen, block| seen ^ block.touch());
        std::hint::black_box(blocks().fold(seen, |seen, block| seen ^ block.touch_behind()));
    }

    fn index(&mut self) {
        self.expiry.steps.clear();
        let newest: Vec<(Slot, i64)> = self.state.iter().map(|(slot, state)| (slot, state.newest)).collect();
        for (slot, newest) in newest {
            self.expiry.note(slot, None, newest);
        }
    }
}

/// So many rows' states are asked for together: few enough that the caches nearest hold them until they are needed.
const AHEAD: usize = 64;

/// A row's key.
enum Wanted {
    /// Where it lies among all of them, and what it is looked for by.
    Key { tag: Tag, start: usize, end: usize },
    /// A part of it is absent.
    None,
    /// It cannot be computed.
    Fault(Fault),
}

/// Where the state of a row's key is.
#[derive(Debug, Clone, Copy)]
enum KeyPlace {
    /// A part of the key is absent, or nothing is known of it.
    None,
    At(Slot),
    /// The key cannot be computed.
    Fault(Fault),
}

/// Why a set does not count a row.
struct Refused {
    fault: Fault,
    needed: Needed,
}

/// What needs a cell that cannot be had.
enum Needed {
    /// A part of the key.
    Key,
    /// An aggregate, by its number where it is known.
    Aggregate(Option<usize>),
}

/// What one read port has given so far.
struct Reading {
    keys: Keys,
    builders: Vec<ColumnBuilder>,
    rows: Vec<usize>,
    times: Vec<i64>,
}

impl Operator for Features {
    fn inputs(&self) -> usize {
        1 + self.reads.len()
    }

    fn outputs(&self) -> usize {
        self.reads.len()
    }

    fn process(&mut self, inputs: &[Batch], cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let Some((updates, readers)) = inputs.split_first().filter(|(_, readers)| readers.len() == self.reads.len())
        else {
            return Err(OperatorError::Wiring("a feature set has another number of inputs"));
        };
        let update_keys = Keys::of(&self.updates.keys, updates, &cx.env);
        let arguments = evaluate_all(&self.updates.arguments, updates, &cx.env);
        let mut readings: Vec<Reading> = self
            .reads
            .iter()
            .zip(readers)
            .map(|(read, batch)| Reading {
                keys: Keys::of(&read.keys, batch, &cx.env),
                builders: self.set.builders(batch.rows),
                rows: Vec::with_capacity(batch.rows),
                times: Vec::with_capacity(batch.rows),
            })
            .collect();
        // All keys first: their places in memory are then asked for together, not each when the row before is done.
        let places = self.places(&update_keys, updates.rows);
        let read_places: Vec<Option<Vec<KeyPlace>>> = readings
            .iter()
            .zip(readers)
            .map(|(reading, batch)| {
                (!reading.keys.shares(&update_keys)).then(|| self.looked_up(&reading.keys, batch.rows))
            })
            .collect();
        let mut cells: Vec<Cell<'_>> = Vec::with_capacity(arguments.len());
        let mut scratch = Scratch::default();
        let mut is_refused = false;
        let rows = interleave(inputs, &self.ranks);
        for (place, (port, row)) in rows.iter().copied().enumerate() {
            if place % AHEAD == 0 {
                self.touch(rows.get(place..).unwrap_or_default(), &places, &read_places);
            }
            let row = row as usize;
            let Some(at) = (port as usize).checked_sub(1) else {
                let left_out = match places.get(row) {
                    Some(KeyPlace::Fault(fault)) => Err(Refused { fault: *fault, needed: Needed::Key }),
                    Some(KeyPlace::At(slot)) => self.update(*slot, updates, row, &arguments, &mut cells),
                    Some(KeyPlace::None) | None => continue,
                };
                if let Err(Refused { fault, needed }) = left_out {
                    is_refused = true;
                    let who = match needed {
                        Needed::Key => "the key of the feature set".to_owned(),
                        Needed::Aggregate(number) => match number.and_then(|number| self.set.column_of(number)) {
                            Some(column) => format!("`{column}`"),
                            None => "an aggregate of the feature set".to_owned(),
                        },
                    };
                    let detail = format!("{who} needs a cell that cannot be had: {fault}");
                    cx.left_out(&self.set.name, updates, row, fault, detail);
                }
                continue;
            };
            let (Some(reading), Some(batch), Some(read)) = (readings.get_mut(at), readers.get(at), self.reads.get(at))
            else {
                continue;
            };
            let own = read_places.get(at).and_then(Option::as_ref).unwrap_or(&places);
            let slot = match own.get(row) {
                Some(KeyPlace::At(slot)) => Some(*slot),
                Some(KeyPlace::None) | None => None,
                Some(KeyPlace::Fault(fault)) => {
                    let detail = "the key of `with` cannot be computed";
                    cx.left_out(&read.flow, batch, row, *fault, detail);
                    continue;
                }
            };
            let time = batch.time.get(row).copied().unwrap_or_default();
            let block = slot.and_then(|slot| self.state.get(slot)).map_or(&self.empty, |state| &state.block);
            let mut builders = reading.builders.iter_mut();
            block.read_each(self.set.set(), time, &mut scratch, &mut |answer| {
                if let Some(builder) = builders.next() {
                    match answer {
                        Ok(cell) => builder.push_cell(cell),
                        Err(fault) => builder.push_fault(fault),
                    }
                }
            });
            reading.rows.push(row);
            reading.times.push(time);
        }
        if is_refused {
            // A key of which every row was refused has no state.
            for place in &places {
                if let KeyPlace::At(slot) = place {
                    self.state.forget_unused(*slot);
                }
            }
        }
        // Rows see the same whether old keys have gone or not, so that they go once, at the end.
        self.expire(cx.frontier);
        let outputs = readings.into_iter().zip(readers).zip(&self.reads).map(|((reading, batch), read)| {
            let aggregates = reading.builders.into_iter().map(ColumnBuilder::finish).collect();
            let columns = self.set.columns(aggregates, &reading.times, &cx.env.slots);
            let mut out = if reading.rows.len() == batch.rows { batch.clone() } else { batch.take(&reading.rows) };
            if read.alias.is_some() {
                out.columns.push(Column::record(columns, None, out.rows));
            } else {
                out.columns.extend(columns);
            }
            out
        });
        Ok(outputs.collect())
    }

    fn track(&mut self, on: bool) {
        self.state.track(on);
    }

    fn freeze(&mut self, out: &mut StateWriter) {
        self.state.freeze(out, |state, bytes| encode_state(&self.set, state, bytes));
    }

    fn commit(&mut self) {
        self.state.commit();
    }

    fn rollback(&mut self) -> Result<(), OperatorError> {
        self.state.rollback()?;
        self.index();
        Ok(())
    }

    fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), OperatorError> {
        let state = decode_state(&self.set, value)?;
        let newest = state.newest;
        self.state.restore(key, state);
        if let Some(slot) = self.state.lookup(key) {
            self.expiry.note(slot, None, newest);
        }
        Ok(())
    }
}
