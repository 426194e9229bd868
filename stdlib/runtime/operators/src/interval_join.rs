//! The join of two streams by key and distance in time, with changes where a match comes late.
//!
//! A micro-batch is joined in three steps. Rows are taken in arrival order, remembered, and paired with the remembered rows
//! of the other side that have their key and lie in their interval; then the rest of the condition is computed for all
//! pairs at once; then the matches take effect, again in arrival order.

use std::sync::Arc;

use flow_core::batch::{Batch, made_of};
use flow_core::column::Column;
use flow_core::types::Schema;
use flow_core::value::Cell;

use crate::interval_state::{IntervalState, RowId, Side, Stored};
use crate::join::{JoinKind, JoinSpec, Pick};
use crate::keys::{KeyState, Keys};
use crate::operator::{Context, Operator, OperatorError, Reason};
use crate::order::{Order, interleave};
use crate::rows::{BatchBuilder, encode_row};
use crate::state::{Slot, StateWriter};

/// Bounds in time and how late rows may come; all in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Interval {
    /// Least right time − left time, included.
    pub low: i64,
    /// Greatest right time − left time, included.
    pub high: i64,
    /// How far behind the frontier a row of the left side may still come or change.
    pub left_lateness: i64,
    /// The same for the right side.
    pub right_lateness: i64,
}

/// The join. Port 0 is the left side, port 1 the right. Output rows have the left row's time and the place of the later
/// row; where a match changes what a left row gave, −1 takes the old row back and 1 adds the new one. Of rows at one place
/// the right comes first.
pub struct IntervalJoin {
    spec: JoinSpec,
    interval: Interval,
    output: Arc<Schema>,
    pair: Arc<Schema>,
    state: IntervalState,
}

/// A change of the output, before those of its place are put in order.
struct Given {
    weight: i8,
    left: RowId,
    left_row: Arc<[u8]>,
    right: Option<(RowId, Arc<[u8]>)>,
    /// What it was made of.
    made_of: u64,
}

impl Given {
    fn new(weight: i8, left: &Stored, right: Option<&Stored>) -> Self {
        let made_of = right.map_or(left.lineage, |right| made_of(left.lineage, right.lineage));
        let right = right.map(|right| (right.id, Arc::clone(&right.row)));
        Self { weight, left: left.id, left_row: Arc::clone(&left.row), right, made_of }
    }

    /// The places of its two rows.
    fn lineage(&self) -> (Order, u32, Option<(Order, u32)>) {
        (self.left.order, self.left.number, self.right.as_ref().map(|(id, _)| (id.order, id.number)))
    }
}

/// A row that takes effect.
struct Event {
    side: Side,
    order: Order,
    weight: i8,
    what: What,
}

enum What {
    /// A left row whose key is absent.
    Alone { id: RowId, row: Arc<[u8]>, made_of: u64 },
    /// A row that was remembered, or that is taken back, and the range of its pairs.
    Row { slot: Slot, pairs: std::ops::Range<usize> },
}

impl IntervalJoin {
    /// A join that has seen nothing.
    #[must_use]
    pub fn new(spec: JoinSpec, interval: Interval) -> Self {
        let (output, pair) = (spec.output(), spec.pair());
        Self { spec, interval, output, pair, state: IntervalState::default() }
    }

    /// The columns of the output.
    #[must_use]
    pub fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.output)
    }

    /// Whether left rows remember their matches: what they gave does not follow from the rows that are there alone.
    fn keeps_matches(&self) -> bool {
        self.spec.kind != JoinKind::Inner || self.spec.pick != Pick::All
    }

    /// Remembers or finds the rows of the micro-batch and pairs them with those of the other side, as (left, right).
    fn collect(&mut self, inputs: &[Batch; 2], cx: &mut Context) -> (Vec<Event>, Vec<(Slot, Slot)>) {
        let [left, right] = inputs;
        let left_keys = Keys::of(&self.spec.left_keys, left, &cx.env);
        let right_keys = Keys::of(&self.spec.right_keys, right, &cx.env);
        let (mut events, mut pairs) = (Vec::new(), Vec::new());
        let (mut key, mut bytes) = (Vec::new(), Vec::new());
        let (mut left_number, mut right_number) = ((None, 0_u32), (None, 0_u32));
        for (port, row) in interleave(inputs, &[1, 0]) {
            let row = row as usize;
            let side = if port == 0 { Side::Left } else { Side::Right };
            let (batch, keys, number) = match side {
                Side::Left => (left, &left_keys, &mut left_number),
                Side::Right => (right, &right_keys, &mut right_number),
            };
            let order = Order::of(batch, row);
            *number = if number.0 == Some(order) { (Some(order), number.1 + 1) } else { (Some(order), 0) };
            let time = batch.time.get(row).copied().unwrap_or_default();
            let weight = batch.weight.get(row).copied().unwrap_or(1);
            let lineage = batch.made_of(row);
            let key_state = keys.encode(row, &mut key);
            bytes.clear();
            encode_row(&batch.columns, row, &mut bytes);
            let what = match key_state {
                KeyState::Fault(fault) => {
                    cx.left_out(&self.spec.flow, batch, row, fault, "the key of a join cannot be computed");
                    continue;
                }
                KeyState::Absent if side == Side::Left => {
                    let id = RowId { time, order, number: number.1 };
                    What::Alone { id, row: bytes.as_slice().into(), made_of: lineage }
                }
                KeyState::Absent => continue,
                KeyState::Present => {
                    let slot = if weight > 0 {
                        let id = RowId { time, order, number: number.1 };
                        let (key, row) = (key.as_slice().into(), bytes.as_slice().into());
                        self.state.insert(side, Stored { id, key, row, lineage, matches: Vec::new() })
                    } else {
                        let Some(slot) = self.state.equal(side, &key, time, &bytes, lineage) else { continue };
                        self.state.hide(side, slot);
                        slot
                    };
                    let start = pairs.len();
                    let Interval { low, high, .. } = self.interval;
                    match side {
                        Side::Left => {
                            let (low, high) = (time.saturating_add(low), time.saturating_add(high));
                            pairs.extend(self.state.range(Side::Right, &key, low, high).map(|other| (slot, other)));
                        }
                        Side::Right => {
                            let (low, high) = (time.saturating_sub(high), time.saturating_sub(low));
                            pairs.extend(self.state.range(Side::Left, &key, low, high).map(|other| (other, slot)));
                        }
                    }
                    What::Row { slot, pairs: start..pairs.len() }
                }
            };
            events.push(Event { side, order, weight, what });
        }
        (events, pairs)
    }

    /// The rest of the condition for every pair; `None` where there is none.
    fn residual(&self, pairs: &[(Slot, Slot)], cx: &Context) -> Result<Option<Column>, OperatorError> {
        let Some(residual) = self.spec.residual.as_ref().filter(|_| !pairs.is_empty()) else { return Ok(None) };
        let mut builder = BatchBuilder::new(&self.pair);
        for (left, right) in pairs {
            let (Some(left), Some(right)) = (self.state.get(*left), self.state.get(*right)) else {
                return Err(OperatorError::State("a joined row is gone"));
            };
            builder.begin(left.id.time, left.id.order.max(right.id.order), 1);
            builder.cells(0, &left.row)?;
            builder.cells(self.spec.left.fields.len(), &right.row)?;
        }
        Ok(Some(residual.evaluate(&builder.finish(), &cx.env)))
    }

    /// Adds what a left row with these matches stands for.
    fn emit_all(&self, out: &mut Vec<Given>, weight: i8, left: &Stored, matches: &[RowId]) {
        let alone = |out: &mut Vec<Given>| out.push(Given::new(weight, left, None));
        let rows = match (self.spec.kind, self.spec.pick) {
            (JoinKind::Semi, _) if matches.is_empty() => return,
            (JoinKind::Anti, _) if !matches.is_empty() => return,
            (JoinKind::Semi | JoinKind::Anti, _) => return alone(out),
            (JoinKind::Left, _) if matches.is_empty() => return alone(out),
            (_, Pick::All) => matches,
            (_, Pick::First) => matches.get(..1).unwrap_or_default(),
            (_, Pick::Latest) => matches.get(matches.len().saturating_sub(1)..).unwrap_or_default(),
        };
        for id in rows {
            // A match is gone only where a row comes later than its lateness: from a partition that had been given up.
            let Some(right) = self.state.find(Side::Right, *id) else { continue };
            out.push(Given::new(weight, left, Some(right)));
        }
    }

    /// Adds the change of a left row whose match `right` came (`weight` 1) or went (−1).
    fn emit_change(&self, out: &mut Vec<Given>, left: &Stored, old: &[RowId], right: &Stored, weight: i8) {
        let new = &left.matches;
        let is_same = match (self.spec.kind, self.spec.pick) {
            (JoinKind::Semi | JoinKind::Anti, _) => old.is_empty() == new.is_empty(),
            (_, Pick::All) if !old.is_empty() && !new.is_empty() => {
                return out.push(Given::new(weight, left, Some(right)));
            }
            (_, Pick::All) => false,
            (_, Pick::First) => old.first() == new.first(),
            (_, Pick::Latest) => old.last() == new.last(),
        };
        if !is_same {
            self.emit_all(out, -1, left, old);
            self.emit_all(out, 1, left, new);
        }
    }

    /// Lets a left row take effect.
    fn apply_left(&mut self, out: &mut Vec<Given>, weight: i8, slot: Slot, matched: Vec<RowId>) {
        let keeps = self.keeps_matches();
        if weight > 0
            && keeps
            && !matched.is_empty()
            && let Some(matches) = self.state.matches_mut(slot)
        {
            matches.clone_from(&matched);
        }
        let Some(left) = self.state.get(slot) else { return };
        let matches = if keeps { &left.matches } else { &matched };
        self.emit_all(out, weight, left, matches);
        if weight < 0 {
            self.state.remove(slot);
        }
    }

    /// Lets a right row take effect on the left rows that it matches.
    fn apply_right(&mut self, out: &mut Vec<Given>, weight: i8, slot: Slot, matched: &[Slot]) {
        let Some(right) = self.state.get(slot).cloned() else { return };
        for left_slot in matched {
            if self.keeps_matches() {
                let Some(matches) = self.state.matches_mut(*left_slot) else { continue };
                let old = matches.clone();
                match (matches.binary_search(&right.id), weight > 0) {
                    (Err(at), true) => matches.insert(at, right.id),
                    (Ok(at), false) => {
                        matches.remove(at);
                    }
                    _ => {}
                }
                let Some(left) = self.state.get(*left_slot) else { continue };
                self.emit_change(out, left, &old, &right, weight);
            } else if let Some(left) = self.state.get(*left_slot) {
                out.push(Given::new(weight, left, Some(&right)));
            }
        }
        if weight < 0 {
            self.state.remove(slot);
        }
    }

    /// Writes the changes of one place: what was added and taken back there cancels out; −1 stands before 1, then rows go
    /// by the places of the events that they were made of.
    fn flush(&self, place: Order, given: &mut Vec<Given>, out: &mut BatchBuilder) -> Result<(), OperatorError> {
        given.sort_by_key(|given| (given.lineage(), given.weight));
        let mut kept: Vec<Given> = Vec::with_capacity(given.len());
        for row in given.drain(..) {
            match kept.last() {
                Some(last) if last.lineage() == row.lineage() && last.weight == -row.weight => {
                    kept.pop();
                }
                _ => kept.push(row),
            }
        }
        kept.sort_by_key(|given| (given.weight, given.lineage()));
        for row in kept {
            out.begin_of(row.left.time, place, row.weight, row.made_of);
            out.cells(0, &row.left_row)?;
            if self.spec.kind.has_right() {
                out.record(self.spec.left.fields.len(), row.right.as_ref().map(|(_, right)| &**right))?;
            }
        }
        Ok(())
    }

    /// Forgets rows that no row to come can match or change.
    fn expire(&mut self, frontier: i64) {
        let Interval { low, high, left_lateness, right_lateness } = self.interval;
        let left_keep = high.saturating_add(right_lateness).max(left_lateness);
        // A left row may give its next best match, or take back its last one, for as long as it is there itself.
        let after_left = if self.spec.pick == Pick::All { left_lateness } else { left_keep };
        let right_keep = after_left.saturating_sub(low).max(right_lateness);
        self.state.expire(Side::Left, frontier.saturating_sub(left_keep));
        self.state.expire(Side::Right, frontier.saturating_sub(right_keep));
    }
}

impl Operator for IntervalJoin {
    fn inputs(&self) -> usize {
        2
    }

    fn process(&mut self, inputs: &[Batch], cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let inputs: &[Batch; 2] = inputs.try_into().map_err(|_| OperatorError::Wiring("a join has two inputs"))?;
        let (events, pairs) = self.collect(inputs, cx);
        let residual = self.residual(&pairs, cx)?;
        let mut out = BatchBuilder::new(&self.output);
        let mut given: Vec<Given> = Vec::new();
        let mut place = Order::first();
        for Event { side, order, weight, what } in events {
            if order != place {
                self.flush(place, &mut given, &mut out)?;
                place = order;
            }
            match what {
                What::Alone { id, row, made_of } => {
                    if matches!(self.spec.kind, JoinKind::Left | JoinKind::Anti) {
                        given.push(Given { weight, left: id, left_row: row, right: None, made_of });
                    }
                }
                What::Row { slot, pairs: range } => {
                    let mut matched: Vec<(Slot, Slot)> = Vec::with_capacity(range.len());
                    for at in range {
                        let holds = match residual.as_ref().map(|column| column.cell(at)) {
                            None => true,
                            Some(Ok(cell)) => cell == Cell::Bool(true),
                            Some(Err(fault)) => {
                                // Of a row that is taken back it was told when it came.
                                if weight > 0 {
                                    let detail = "the condition of a join cannot be computed";
                                    cx.dead(&self.spec.flow, order, Reason::Fault(fault), detail);
                                }
                                false
                            }
                        };
                        matched.extend(pairs.get(at).copied().filter(|_| holds));
                    }
                    match side {
                        Side::Left => {
                            let rights = matched.iter().filter_map(|(_, right)| self.state.get(*right));
                            let ids: Vec<RowId> = rights.map(|right| right.id).collect();
                            self.apply_left(&mut given, weight, slot, ids);
                        }
                        Side::Right => {
                            let slots: Vec<Slot> = matched.iter().map(|(left, _)| *left).collect();
                            self.apply_right(&mut given, weight, slot, &slots);
                        }
                    }
                }
            }
        }
        self.flush(place, &mut given, &mut out)?;
        self.expire(cx.frontier);
        Ok(vec![out.finish()])
    }

    fn track(&mut self, on: bool) {
        self.state.track(on);
    }

    fn freeze(&mut self, out: &mut StateWriter) {
        self.state.freeze(out);
    }

    fn commit(&mut self) {
        self.state.commit();
    }

    fn rollback(&mut self) -> Result<(), OperatorError> {
        self.state.rollback()
    }

    fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), OperatorError> {
        self.state.restore(key, value)
    }
}
