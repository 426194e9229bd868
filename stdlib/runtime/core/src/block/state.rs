//! Suffix states: aggregates that answer for the tiles from some tile on without keeping every row.

use std::collections::BTreeMap;

use super::SetSpec;
use super::head::Row;
use super::plan::{Read, Suffix, lies_before, tail};
use crate::aggregate::{
    Aggregate, AggregateFunc, Edge, EdgeRef, Key, Order, PackedEdge, Tops, Total, better, finish_top, is_gone,
};
use crate::bytes::{DecodeError, Reader, write_cell, write_signed, write_unsigned};
use crate::fault::Fault;
use crate::hll::{DistinctRef, Distincts, SlidingDistinct};
use crate::value::{Cell, Value};

/// The state of one suffix aggregate over the settled changes; of `top_k` over all.
#[derive(Debug)]
pub(super) enum State {
    /// `min`, `max`: tiles, ascending, whose best value no newer tile reaches.
    Extreme(Vec<(i64, Value)>),
    /// Each tile's first row, tiles ascending.
    First(Vec<(i64, Edge)>),
    /// The last row of all: it is that of every window it lies in.
    Last(PackedEdge),
    Distinct(Distinct),
    /// Rows and sum by tile and value.
    Top(BTreeMap<(i64, Key), (i64, Option<Total>)>),
}

impl Clone for State {
    fn clone(&self) -> Self {
        match self {
            Self::Extreme(tiles) => Self::Extreme(tiles.clone()),
            Self::First(tiles) => Self::First(tiles.clone()),
            Self::Last(last) => Self::Last(last.clone()),
            Self::Distinct(distinct) => Self::Distinct(distinct.clone()),
            Self::Top(tiles) => Self::Top(tiles.clone()),
        }
    }

    fn clone_from(&mut self, source: &Self) {
        match (self, source) {
            (Self::Distinct(place), Self::Distinct(source)) => {
                place.values.clone_from(&source.values);
                place.first = source.first;
            }
            (place, source) => *place = source.clone(),
        }
    }
}

/// A state where it lies: in memory or encoded.
#[derive(Debug, Clone, Copy)]
pub(super) enum StateRef<'a> {
    Extreme(&'a [(i64, Value)]),
    First(&'a [(i64, Edge)]),
    Last(Option<EdgeRef<'a>>),
    Distinct(DistinctRef<'a>),
    Top(&'a BTreeMap<(i64, Key), (i64, Option<Total>)>),
}

impl<'a> StateRef<'a> {
    /// Puts the value of the last row, where it lies in the window at `t`, where it is wanted: whether it could; the state
    /// may be another.
    #[inline]
    pub(super) fn last_to(self, suffix: &Suffix, read: &Read, t: i64, to: &mut Cell<'a>) -> bool {
        let Self::Last(last) = self else { return false };
        match last {
            Some(row) if !lies_before(row.place().0, t, read.size, suffix.step) => row.scalar_to(to),
            _ => true,
        }
    }

    /// Time and place in arrival order of the last row, where the state holds it alone.
    #[inline]
    pub(super) fn last_place(self) -> Option<(i64, Order)> {
        if let Self::Last(last) = self { last.map(|row| row.place()) } else { None }
    }
}

/// An encoded state: looked at where it lies, if that can be.
#[derive(Debug)]
pub(super) enum Encoded<'a> {
    There(StateRef<'a>),
    Decoded(Box<State>),
}

impl<'a> Encoded<'a> {
    /// Looks at what [`State::encode`] wrote.
    #[inline]
    pub(super) fn read(suffix: &Suffix, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        match suffix.func {
            AggregateFunc::Last => return Ok(Self::There(StateRef::Last(EdgeRef::of(bytes)))),
            AggregateFunc::CountDistinct { exact: false } => {
                if let Some(few) = DistinctRef::read(bytes)? {
                    return Ok(Self::There(StateRef::Distinct(few)));
                }
            }
            _ => {}
        }
        State::decode(suffix, bytes).map(|state| Self::Decoded(Box::new(state)))
    }

    #[inline]
    pub(super) fn look(&self) -> StateRef<'_> {
        match self {
            Self::There(state) => *state,
            Self::Decoded(state) => state.look(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Distinct {
    values: SlidingDistinct,
    /// Tiles before this one are known to be gone, so that it is looked for them once a tile only.
    first: i64,
}

impl State {
    pub(super) fn new(suffix: &Suffix) -> Self {
        match suffix.func {
            AggregateFunc::First => Self::First(Vec::new()),
            AggregateFunc::Last => Self::Last(PackedEdge::default()),
            AggregateFunc::CountDistinct { exact } => Self::distinct(SlidingDistinct::new(exact)),
            AggregateFunc::TopK { .. } => Self::Top(BTreeMap::new()),
            _ => Self::Extreme(Vec::new()),
        }
    }

    fn distinct(values: SlidingDistinct) -> Self {
        Self::Distinct(Distinct { values, first: i64::MIN })
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Extreme(tiles) => tiles.is_empty(),
            Self::First(tiles) => tiles.is_empty(),
            Self::Last(last) => last.is_empty(),
            Self::Distinct(distinct) => distinct.values.is_empty(),
            Self::Top(tiles) => tiles.is_empty(),
        }
    }

    /// The state as reads look at it.
    #[inline]
    pub(super) fn look(&self) -> StateRef<'_> {
        match self {
            Self::Extreme(tiles) => StateRef::Extreme(tiles),
            Self::First(tiles) => StateRef::First(tiles),
            Self::Last(last) => StateRef::Last(last.row()),
            Self::Distinct(distinct) => StateRef::Distinct(DistinctRef::Held(&distinct.values)),
            Self::Top(tiles) => StateRef::Top(tiles),
        }
    }

    /// Looks at the memory of the state; the number means nothing.
    pub(super) fn touch(&self) -> u64 {
        match self {
            Self::Distinct(distinct) => distinct.values.touch(),
            Self::Last(last) => u64::from(last.touch()),
            Self::Extreme(_) | Self::First(_) | Self::Top(_) => 0,
        }
    }

    /// As [`State::apply`], of a change as it lies in the head: where its cell is wanted as it lies there, it is not made.
    pub(super) fn settle(
        &mut self,
        spec: &SetSpec,
        suffix: &Suffix,
        row: &Row<'_>,
        boundary: i64,
    ) -> Result<(), Fault> {
        if suffix.is_past(row.time, boundary) {
            return Ok(());
        }
        match self {
            Self::Last(last) => {
                if let Some(holds) = row.holds(suffix.filter)
                    && let Some(cell) = suffix.args.first().and_then(|at| row.encoded(*at))
                {
                    if holds {
                        last.offer(row.time, row.order, cell);
                    }
                    return Ok(());
                }
            }
            Self::Distinct(distinct) => {
                let tile = row.time.div_euclid(suffix.step);
                return row.with_argument(spec, suffix, |cell| distinct.values.insert(cell, tile));
            }
            Self::Extreme(_) | Self::First(_) | Self::Top(_) => {}
        }
        row.with_cells(spec.arguments.len(), |cells| {
            self.apply(suffix, row.time, row.order, cells, row.weight, boundary)
        })
    }

    /// Adds a change, unless its tile has expired at `boundary`.
    pub(super) fn apply(
        &mut self,
        suffix: &Suffix,
        time: i64,
        order: Order,
        cells: &[Cell<'_>],
        weight: i8,
        boundary: i64,
    ) -> Result<(), Fault> {
        if !suffix.takes(cells) || suffix.is_past(time, boundary) {
            return Ok(());
        }
        let tile = time.div_euclid(suffix.step);
        let cell = suffix.argument(cells);
        match self {
            Self::Extreme(tiles) => apply_extreme(suffix.func, tiles, tile, *cell),
            Self::First(tiles) => {
                let edge = Edge { time, order, value: cell.to_value() };
                match tiles.binary_search_by_key(&tile, |(tile, _)| *tile) {
                    Ok(at) => {
                        if let Some((_, held)) = tiles.get_mut(at)
                            && edge.precedes(held)
                        {
                            *held = edge;
                        }
                    }
                    Err(at) => tiles.insert(at, (tile, edge)),
                }
            }
            Self::Last(last) => {
                let mut bytes = Vec::new();
                write_cell(&mut bytes, *cell);
                last.offer(time, order, &bytes);
            }
            Self::Distinct(distinct) => distinct.values.insert(cell, tile),
            Self::Top(tiles) => {
                let key = (tile, Key(cell.to_value()));
                let entry = tiles.entry(key.clone()).or_insert_with(|| (0, suffix.by.map(|by| by.zero())));
                entry.0 += i64::from(weight);
                if let (Some(sum), Some(by)) = (&mut entry.1, suffix.by) {
                    sum.add(by.part(cells)?, weight)?;
                }
                if is_gone(entry) {
                    tiles.remove(&key);
                }
            }
        }
        Ok(())
    }

    /// Forgets the tiles that no read from `boundary` on can reach.
    pub(super) fn expire(&mut self, suffix: &Suffix, boundary: i64) {
        match self {
            Self::Extreme(tiles) => drop_before(tiles, suffix.first_tile(boundary)),
            Self::First(tiles) => drop_before(tiles, suffix.first_tile(boundary)),
            Self::Last(last) => {
                if last.place().is_some_and(|(time, _)| suffix.is_past(time, boundary)) {
                    *last = PackedEdge::default();
                }
            }
            Self::Distinct(distinct) => {
                if suffix.has_left(distinct.first, boundary) {
                    distinct.first = suffix.first_tile(boundary);
                    distinct.values.expire(distinct.first);
                }
            }
            Self::Top(tiles) => {
                let first = suffix.first_tile(boundary);
                while let Some(oldest) = tiles.first_entry()
                    && oldest.key().0 < first
                {
                    oldest.remove();
                }
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Extreme(tiles) => {
                write_unsigned(out, tiles.len() as u64);
                for (tile, value) in tiles {
                    write_signed(out, *tile);
                    write_cell(out, value.as_cell());
                }
            }
            Self::First(tiles) => {
                write_unsigned(out, tiles.len() as u64);
                tiles.iter().for_each(|(_, edge)| edge.encode(out));
            }
            Self::Last(last) => last.encode(out),
            Self::Distinct(distinct) => distinct.values.encode(out),
            Self::Top(tiles) => {
                write_unsigned(out, tiles.len() as u64);
                for ((tile, key), (rows, sum)) in tiles {
                    write_signed(out, *tile);
                    write_cell(out, key.0.as_cell());
                    write_signed(out, *rows);
                    sum.iter().for_each(|sum| sum.encode(out));
                }
            }
        }
    }

    /// Reads what [`State::encode`] wrote.
    pub(super) fn decode(suffix: &Suffix, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let state = match suffix.func {
            AggregateFunc::CountDistinct { exact } => return SlidingDistinct::decode(exact, bytes).map(Self::distinct),
            AggregateFunc::Last => return PackedEdge::decode(bytes).map(Self::Last),
            _ => Self::decode_tiles(suffix, &mut from)?,
        };
        if from.is_empty() { Ok(state) } else { Err(DecodeError) }
    }

    fn decode_tiles(suffix: &Suffix, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = from.count()?;
        match suffix.func {
            AggregateFunc::First => {
                let edge = |edge: Edge| (edge.time.div_euclid(suffix.step), edge);
                let tiles = (0..count).map(|_| Edge::decode(from).map(edge)).collect::<Result<Vec<_>, _>>()?;
                if tiles.is_sorted_by(|a, b| a.0 < b.0) { Ok(Self::First(tiles)) } else { Err(DecodeError) }
            }
            AggregateFunc::TopK { .. } => {
                let mut tiles = BTreeMap::new();
                for _ in 0..count {
                    let key = (from.signed()?, Key(from.value()?));
                    let rows = from.signed()?;
                    let sum = suffix.by.map(|by| Total::decode(by, from)).transpose()?;
                    tiles.insert(key, (rows, sum));
                }
                Ok(Self::Top(tiles))
            }
            _ => {
                let tile = |from: &mut Reader<'_>| Ok((from.signed()?, from.value()?));
                let tiles = (0..count).map(|_| tile(from)).collect::<Result<Vec<_>, DecodeError>>()?;
                if tiles.is_sorted_by(|a, b| a.0 < b.0) { Ok(Self::Extreme(tiles)) } else { Err(DecodeError) }
            }
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        match self {
            Self::Extreme(tiles) => {
                tiles.capacity() * size_of::<(i64, Value)>() + tiles.iter().map(|(_, value)| text(value)).sum::<usize>()
            }
            Self::First(tiles) => {
                let texts: usize = tiles.iter().map(|(_, edge)| text(&edge.value)).sum();
                tiles.capacity() * size_of::<(i64, Edge)>() + texts
            }
            Self::Last(last) => last.heap(),
            Self::Distinct(distinct) => distinct.values.heap(),
            Self::Top(tiles) => {
                let entry = size_of::<((i64, Key), (i64, Option<Total>))>();
                tiles.keys().map(|(_, key)| entry + text(&key.0)).sum()
            }
        }
    }
}

/// Bytes of a value on the heap, an `Arc`'s counts included.
fn text(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 16,
        Value::Bytes(bytes) => bytes.len() + 16,
        Value::List(cells) | Value::Record(cells) => {
            16 + cells.iter().map(|cell| size_of::<Value>() + text(cell)).sum::<usize>()
        }
        _ => 0,
    }
}

/// Notes a tile's value unless a tile as new already reaches it, and drops the older tiles that it reaches.
fn apply_extreme(func: AggregateFunc, tiles: &mut Vec<(i64, Value)>, tile: i64, cell: Cell<'_>) {
    // INVARIANT: tiles ascend, and every value is strictly better than the next newer one.
    let newer = tiles.partition_point(|(at, _)| *at < tile);
    if tiles.get(newer).is_some_and(|(_, held)| !better(func, cell, held.as_cell())) {
        return;
    }
    let to = tiles.partition_point(|(at, _)| *at <= tile);
    let from = tiles.iter().take(to).position(|(_, held)| !better(func, held.as_cell(), cell)).unwrap_or(to);
    tiles.splice(from..to, [(tile, cell.to_value())]);
}

fn drop_before<T>(tiles: &mut Vec<(i64, T)>, first: i64) {
    let gone = tiles.partition_point(|(tile, _)| *tile < first);
    if gone > 0 {
        tiles.drain(..gone);
    }
}

/// One aggregate of a read: what its state gives, and the head's rows so far.
pub(super) struct Pending<'a> {
    pub(super) suffix: &'a Suffix,
    /// The tile in which the window begins.
    first: i64,
    so_far: SoFar<'a>,
}

enum SoFar<'a> {
    Extreme(Option<Value>),
    Edge(Option<Edge>),
    Distinct { state: Option<DistinctRef<'a>>, more: Distincts },
    Top(Tops),
}

impl<'a> Pending<'a> {
    pub(super) fn new(state: Option<StateRef<'a>>, suffix: &'a Suffix, read: &Read, t: i64) -> Self {
        let first = tail(t, read.size, suffix.step);
        let so_far = match (suffix.func, state) {
            (_, Some(StateRef::Extreme(tiles))) => {
                let best = tiles.get(tiles.partition_point(|(tile, _)| *tile < first));
                SoFar::Extreme(best.map(|(_, value)| value.clone()))
            }
            (_, Some(StateRef::First(tiles))) => {
                let edge = tiles.get(tiles.partition_point(|(tile, _)| *tile < first));
                SoFar::Edge(edge.map(|(_, edge)| edge.clone()))
            }
            (_, Some(StateRef::Last(last))) => {
                let inside = last.filter(|row| row.place().0.div_euclid(suffix.step) >= first);
                SoFar::Edge(inside.and_then(|row| row.edge()))
            }
            (_, Some(StateRef::Distinct(distinct))) => {
                SoFar::Distinct { state: Some(distinct), more: Distincts::new(distinct.is_exact()) }
            }
            (_, Some(StateRef::Top(tiles))) => {
                let mut tops = Tops::new();
                for ((_, key), (rows, sum)) in tiles.iter().rev().take_while(|((tile, _), _)| *tile >= first) {
                    match tops.get_mut(key) {
                        Some((total_rows, total)) => {
                            *total_rows += rows;
                            if let (Some(total), Some(sum)) = (total, sum) {
                                total.merge(sum);
                            }
                        }
                        None => {
                            tops.insert(key.clone(), (*rows, sum.clone()));
                        }
                    }
                }
                SoFar::Top(tops)
            }
            (AggregateFunc::First | AggregateFunc::Last, None) => SoFar::Edge(None),
            (AggregateFunc::CountDistinct { exact }, None) => {
                SoFar::Distinct { state: None, more: Distincts::new(exact) }
            }
            (AggregateFunc::TopK { .. }, None) => SoFar::Top(Tops::new()),
            (_, None) => SoFar::Extreme(None),
        };
        Self { suffix, first, so_far }
    }

    /// Whether no row from this place on, in the direction that the aggregate looks, can change the answer.
    pub(super) fn is_decided(&self, time: i64, order: Order) -> bool {
        match (&self.so_far, self.suffix.func) {
            (SoFar::Edge(Some(edge)), AggregateFunc::Last) => (time, order) < (edge.time, edge.order),
            (SoFar::Edge(Some(edge)), _) => (time, order) > (edge.time, edge.order),
            _ => false,
        }
    }

    /// Whether a row at `time` does not lie before the window.
    pub(super) fn covers(&self, time: i64) -> bool {
        time.div_euclid(self.suffix.step) >= self.first
    }

    /// Adds a row of the head that lies in the window and counts: the cell of its argument.
    pub(super) fn add(&mut self, cell: &Cell<'_>, time: i64, order: Order) {
        let func = self.suffix.func;
        match &mut self.so_far {
            SoFar::Extreme(best) => {
                if best.as_ref().is_none_or(|best| better(func, *cell, best.as_cell())) {
                    *best = Some(cell.to_value());
                }
            }
            SoFar::Edge(edge) => {
                // The text is copied only where it may win.
                let place = (time, order);
                let may_win = edge.as_ref().is_none_or(|held| match func {
                    AggregateFunc::Last => place >= (held.time, held.order),
                    _ => place <= (held.time, held.order),
                });
                if may_win {
                    Edge { time, order, value: cell.to_value() }.keep(func, edge);
                }
            }
            SoFar::Distinct { more, .. } => more.push(cell),
            SoFar::Top(_) => {}
        }
    }

    /// Takes back a row of the head that is newer than the window's end, where the state holds it.
    pub(super) fn take_back(&mut self, cells: &[Cell<'_>], time: i64, weight: i8) -> Result<(), Fault> {
        if !self.covers(time) || !self.suffix.takes(cells) {
            return Ok(());
        }
        let SoFar::Top(tops) = &mut self.so_far else { return Ok(()) };
        let key = Key(self.suffix.argument(cells).to_value());
        let entry = tops.entry(key).or_insert_with(|| (0, self.suffix.by.map(|by| by.zero())));
        entry.0 -= i64::from(weight);
        if let (Some(sum), Some(by)) = (&mut entry.1, self.suffix.by) {
            sum.add(by.part(cells)?, -weight)?;
        }
        Ok(())
    }

    /// The answer.
    pub(super) fn finish(self, aggregate: &Aggregate) -> Result<Value, Fault> {
        match self.so_far {
            SoFar::Extreme(best) => Ok(best.unwrap_or(Value::Absent)),
            SoFar::Edge(edge) => Ok(edge.map_or(Value::Absent, |edge| edge.value)),
            SoFar::Distinct { state, mut more } => {
                let count = match state {
                    Some(state) => state.count(self.first, &mut more),
                    None => SlidingDistinct::new(more.is_exact()).count(self.first, &mut more),
                };
                i64::try_from(count).map(Value::Int).map_err(|_| Fault::Overflow)
            }
            SoFar::Top(tops) => {
                let n = if let AggregateFunc::TopK { n, .. } = aggregate.func() { n } else { 0 };
                finish_top(&tops, n, aggregate.numeric())
            }
        }
    }
}
