//! What an interval join remembers: the rows of both sides, by key and time.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::operator::OperatorError;
use crate::order::Order;
use crate::rows::{Reader, put_order, put_text};
use crate::state::{Keyed, Slot, StateWriter};

/// A side of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A row among those of its side: its time, its place, and its number among the rows of that place. Sorts by (time,
/// place), as `first` and `latest` go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RowId {
    pub(crate) time: i64,
    pub(crate) order: Order,
    pub(crate) number: u32,
}

/// A remembered row.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) id: RowId,
    /// One for all rows with it.
    pub(crate) key: Arc<[u8]>,
    pub(crate) row: Arc<[u8]>,
    /// What it was made of.
    pub(crate) lineage: u64,
    /// Of a left row: its matches, sorted; kept where the kind of join needs them.
    pub(crate) matches: Vec<RowId>,
}

/// One thing for each side.
#[derive(Debug, Default)]
struct Sides<T> {
    left: T,
    right: T,
}

impl<T> Sides<T> {
    fn get(&self, side: Side) -> &T {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    fn get_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}

/// The rows with one key. Each side is sorted by the ids of its rows, which stand with the rows alone: mostly there are
/// few rows of a key and many keys, new rows come at the end, and old ones go at the front.
type Group = Sides<VecDeque<Slot>>;

/// Where in one side of a group the rows from `id` on begin.
fn place(group: &VecDeque<Slot>, rows: &Keyed<Stored>, id: RowId) -> usize {
    group.partition_point(|slot| rows.get(*slot).is_some_and(|stored| stored.id < id))
}

#[derive(Debug, Default)]
pub(crate) struct IntervalState {
    rows: Keyed<Stored>,
    groups: HashMap<Arc<[u8]>, Group>,
    by_time: Sides<BTreeSet<(i64, Slot)>>,
}

impl IntervalState {
    pub(crate) fn track(&mut self, on: bool) {
        self.rows.track(on);
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Stored> {
        self.rows.get(slot)
    }

    pub(crate) fn find(&self, side: Side, id: RowId) -> Option<&Stored> {
        self.rows.lookup(&state_key(side, id)).and_then(|slot| self.rows.get(slot))
    }

    pub(crate) fn matches_mut(&mut self, slot: Slot) -> Option<&mut Vec<RowId>> {
        self.rows.get(slot)?;
        let unreachable = || Stored {
            id: RowId { time: 0, order: Order::default(), number: 0 },
            key: Arc::default(),
            row: Arc::default(),
            lineage: 0,
            matches: Vec::new(),
        };
        self.rows.change(slot, unreachable).map(|stored| &mut stored.matches)
    }

    /// Remembers a row, which later rows find.
    pub(crate) fn insert(&mut self, side: Side, stored: Stored) -> Slot {
        let stored = self.shared(stored);
        let slot = self.rows.intern(&state_key(side, stored.id));
        self.rows.change(slot, || stored);
        self.index(side, slot);
        slot
    }

    /// The row, with the key that others with it have.
    fn shared(&self, stored: Stored) -> Stored {
        match self.groups.get_key_value(&stored.key) {
            Some((key, _)) => Stored { key: Arc::clone(key), ..stored },
            None => stored,
        }
    }

    /// Has a row that is there found by its key and its time.
    fn index(&mut self, side: Side, slot: Slot) {
        let Some(stored) = self.rows.get(slot) else { return };
        self.by_time.get_mut(side).insert((stored.id.time, slot));
        if !self.groups.contains_key(&stored.key) {
            self.groups.insert(Arc::clone(&stored.key), Group::default());
        }
        let Some(group) = self.groups.get_mut(&stored.key) else { return };
        let group = group.get_mut(side);
        let at = place(group, &self.rows, stored.id);
        if group.get(at) != Some(&slot) {
            group.insert(at, slot);
        }
    }

    /// Makes a row invisible to later rows; [`IntervalState::remove`] forgets it.
    pub(crate) fn hide(&mut self, side: Side, slot: Slot) {
        let Some(stored) = self.rows.get(slot) else { return };
        self.by_time.get_mut(side).remove(&(stored.id.time, slot));
        let Some(group) = self.groups.get_mut(&stored.key) else { return };
        let rows = group.get_mut(side);
        let at = place(rows, &self.rows, stored.id);
        if rows.get(at) == Some(&slot) {
            rows.remove(at);
        }
        if group.left.is_empty() && group.right.is_empty() {
            self.groups.remove(&stored.key);
        }
    }

    pub(crate) fn remove(&mut self, slot: Slot) {
        self.rows.remove(slot);
    }

    /// The rows of a side with this key and a time between `low` and `high`, both included, by (time, place).
    pub(crate) fn range(&self, side: Side, key: &[u8], low: i64, high: i64) -> impl Iterator<Item = Slot> + '_ {
        let first = RowId { time: low, order: Order::first(), number: 0 };
        let group = self.groups.get(key).filter(|_| low <= high).map(|group| group.get(side));
        let group = group.into_iter().flat_map(move |group| group.range(place(group, &self.rows, first)..).copied());
        group.take_while(move |slot| self.rows.get(*slot).is_some_and(|stored| stored.id.time <= high))
    }

    /// The row of a side that equals the given one and was made of the same.
    pub(crate) fn equal(&self, side: Side, key: &[u8], time: i64, row: &[u8], lineage: u64) -> Option<Slot> {
        let equal = |stored: &Stored| stored.lineage == lineage && *stored.row == *row;
        self.range(side, key, time, time).find(|slot| self.rows.get(*slot).is_some_and(equal))
    }

    /// Forgets the rows of a side whose time is before `oldest`.
    pub(crate) fn expire(&mut self, side: Side, oldest: i64) {
        loop {
            let first = self.by_time.get(side).first().copied();
            let Some((_, slot)) = first.filter(|(time, _)| *time < oldest) else { break };
            self.hide(side, slot);
            self.remove(slot);
        }
    }

    pub(crate) fn freeze(&mut self, out: &mut StateWriter) {
        self.rows.freeze(out, |stored, bytes| {
            put_text(&stored.key, bytes);
            put_text(&stored.row, bytes);
            bytes.extend(stored.lineage.to_le_bytes());
            for id in &stored.matches {
                put_id(*id, bytes);
            }
        });
    }

    pub(crate) fn commit(&mut self) {
        self.rows.commit();
    }

    pub(crate) fn rollback(&mut self) -> Result<(), OperatorError> {
        self.rows.rollback()?;
        self.groups.clear();
        self.by_time = Sides::default();
        let slots: Vec<Slot> = self.rows.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            let (side, _) = read_key(self.rows.key(slot))?;
            self.index(side, slot);
        }
        Ok(())
    }

    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), OperatorError> {
        let (side, id) = read_key(key)?;
        let mut from = Reader(value);
        let (key_bytes, row) = (from.text()?.into(), from.text()?.into());
        let lineage = u64::from_le_bytes(from.array()?);
        let mut stored = Stored { id, key: key_bytes, row, lineage, matches: Vec::new() };
        while !from.0.is_empty() {
            stored.matches.push(read_id(&mut from)?);
        }
        let stored = self.shared(stored);
        self.rows.restore(key, stored);
        if let Some(slot) = self.rows.lookup(key) {
            self.index(side, slot);
        }
        Ok(())
    }
}

fn state_key(side: Side, id: RowId) -> Vec<u8> {
    let mut key = Vec::with_capacity(37);
    key.push(u8::from(side == Side::Right));
    put_id(id, &mut key);
    key
}

fn read_key(key: &[u8]) -> Result<(Side, RowId), OperatorError> {
    let mut from = Reader(key);
    let side = match from.byte()? {
        0 => Side::Left,
        1 => Side::Right,
        _ => return Err(OperatorError::State("a joined row has no side")),
    };
    let id = read_id(&mut from)?;
    from.end()?;
    Ok((side, id))
}

fn put_id(id: RowId, out: &mut Vec<u8>) {
    out.extend(id.time.to_le_bytes());
    put_order(id.order, out);
    out.extend(id.number.to_le_bytes());
}

fn read_id(from: &mut Reader<'_>) -> Result<RowId, OperatorError> {
    Ok(RowId { time: from.i64()?, order: from.order()?, number: from.u32()? })
}
