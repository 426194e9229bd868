//! The head: raw changes that are not settled yet, in (time, arrival, weight, cells) order, in one run of bytes.

use std::cmp::Ordering;

use super::SetSpec;
use super::plan::Suffix;
use super::view::Changes;
use crate::aggregate::Order;
use crate::bytes::{DecodeError, Reader, Sort, write_cell};
use crate::fault::Fault;
use crate::value::{Cell, Value};

/// Each change is its length, its fixed part, its cells, and its length again, so that it can be read from either end.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    /// Where the first change starts: what lies before was drained.
    start: usize,
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) time: i64,
    pub(super) order: Order,
    pub(super) weight: i8,
    /// The encoded cells.
    pub(super) args: &'a [u8],
}

/// time, arrived, offset (8 each), source, partition (4 each), weight.
const FIXED: usize = 33;
const LENGTH: usize = 4;

/// Room for one change of a few short cells.
const LEAST: usize = 56;

impl<'a> Row<'a> {
    /// Puts the cell at a place where it is wanted: whether it could, as that and those before it are scalars.
    #[inline]
    pub(super) fn cell_to(&self, at: usize, to: &mut Cell<'a>) -> bool {
        self.reader_at(at).is_some_and(|mut from| from.scalar_to(to) == Ok(true))
    }

    /// The bytes of the cell at a place, where that and those before it are scalars.
    #[inline]
    pub(super) fn encoded(&self, at: usize) -> Option<&'a [u8]> {
        let start = self.reader_at(at)?;
        let mut from = start;
        from.skip_scalar().ok()??;
        Some(from.since(&start))
    }

    /// Whether a row of this filter counts; `None` where a cell before it is no scalar.
    #[inline]
    pub(super) fn holds(&self, filter: Option<usize>) -> Option<bool> {
        let Some(at) = filter else { return Some(true) };
        Some(self.reader_at(at)?.skip_scalar().ok()?? == Sort::TRUE)
    }

    #[inline]
    fn reader_at(&self, at: usize) -> Option<Reader<'a>> {
        let mut from = Reader::new(self.args);
        for _ in 0..at {
            from.skip_scalar().ok()??;
        }
        Some(from)
    }

    /// Calls `f` with the argument of an aggregate, where the row counts for it.
    pub(super) fn with_argument(
        &self,
        spec: &SetSpec,
        suffix: &Suffix,
        f: impl FnOnce(&Cell<'_>),
    ) -> Result<(), Fault> {
        let mut cell = Cell::Absent;
        match self.holds(suffix.filter) {
            Some(false) => Ok(()),
            Some(true) if suffix.args.first().is_none_or(|at| self.cell_to(*at, &mut cell)) => {
                f(&cell);
                Ok(())
            }
            _ => self.with_cells(spec.arguments.len(), |cells| {
                if suffix.takes(cells) {
                    f(suffix.argument(cells));
                }
                Ok(())
            }),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        (self.time, self.order, self.weight, self.args).cmp(&(other.time, other.order, other.weight, other.args))
    }

    /// Whether its cells are those that the aggregates need, and nothing else.
    fn is_sound(&self, spec: &SetSpec) -> bool {
        let mut from = Reader::new(self.args);
        let is_whole = spec.arguments.iter().all(|_| from.skip_cell().is_ok()) && from.is_empty();
        is_whole && self.with_cells(spec.arguments.len(), |cells| spec.check(cells, self.weight)).is_ok()
    }

    fn size(&self) -> usize {
        FIXED + self.args.len() + 2 * LENGTH
    }

    /// Calls `f` with the row's `count` cells.
    pub(super) fn with_cells<T>(
        &self,
        count: usize,
        f: impl FnOnce(&[Cell<'_>]) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        const FEW: usize = 12;
        let mut cells = [Cell::Absent; FEW];
        let mut from = Reader::new(self.args);
        if let Some(cells) = cells.get_mut(..count) {
            let scalar = cells.iter_mut().all(|to| from.scalar_to(to) == Ok(true));
            if scalar {
                return f(cells);
            }
        }
        let mut from = Reader::new(self.args);
        let values =
            (0..count).map(|_| from.value()).collect::<Result<Vec<Value>, _>>().map_err(|_| Fault::Malformed)?;
        let cells: Vec<Cell<'_>> = values.iter().map(Value::as_cell).collect();
        f(&cells)
    }
}

impl Clone for Head {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), start: self.start }
    }

    fn clone_from(&mut self, source: &Self) {
        self.bytes.clone_from(&source.bytes);
        self.start = source.start;
    }
}

impl Head {
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Looks at the memory of the changes; the number means nothing.
    pub(super) fn touch(&self) -> u8 {
        self.bytes.get(self.start).copied().unwrap_or_default()
    }

    /// Adds a change at its place.
    pub(super) fn insert(&mut self, time: i64, order: Order, weight: i8, cells: &[Cell<'_>]) {
        if self.bytes.len() == self.bytes.capacity() {
            self.compact();
            self.bytes.reserve_exact(LEAST + self.bytes.len() / 4);
        }
        // Written behind the last change, then turned to its place among the newer ones, of which there are mostly none.
        let end = self.bytes.len();
        let mut fixed = [0; LENGTH + FIXED];
        let parts: [&[u8]; 7] = [
            &[0; LENGTH],
            &time.to_le_bytes(),
            &order.arrived.to_le_bytes(),
            &order.offset.to_le_bytes(),
            &order.source.to_le_bytes(),
            &order.partition.to_le_bytes(),
            &weight.to_le_bytes(),
        ];
        fill(&mut fixed, parts);
        let out = &mut self.bytes;
        out.extend_from_slice(&fixed);
        cells.iter().for_each(|cell| write_cell(out, *cell));
        let length = u32::try_from(out.len() - end - LENGTH).unwrap_or(u32::MAX).to_le_bytes();
        out.extend_from_slice(&length);
        if let Some(front) = out.get_mut(end..end + LENGTH) {
            front.copy_from_slice(&length);
        }
        let (older, new) = self.bytes.split_at(end);
        let Some((row, _)) = first(new) else { return };
        let newer = newest(older.get(self.start..).unwrap_or_default());
        let after: usize = newer.take_while(|newer| newer.compare(&row).is_gt()).map(|newer| newer.size()).sum();
        let size = new.len();
        if after > 0
            && let Some(moved) = self.bytes.get_mut(end - after..)
        {
            moved.rotate_right(size);
        }
    }

    /// Takes out the changes up to `boundary`, oldest first.
    pub(super) fn drain(&mut self, boundary: i64, mut f: impl FnMut(Row<'_>)) {
        let mut drained = 0;
        for row in self.oldest().take_while(|row| row.time <= boundary) {
            f(row);
            drained += row.size();
        }
        self.start += drained;
        // Once more than half is gone, moving the rest costs less than what was drained did.
        if drained > 0 && self.start > self.bytes.len() / 2 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
    }

    /// Appends the canonical encoding: the changes as they lie there.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.held().0);
    }

    /// Reads what [`Head::encode`] wrote.
    pub(super) fn decode(spec: &SetSpec, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mut rest, mut before) = (bytes, None);
        while !rest.is_empty() {
            let (row, after) = first(rest).ok_or(DecodeError)?;
            let told = rest.first_chunk::<LENGTH>();
            let again = rest.get(row.size() - LENGTH..row.size());
            if again != told.map(<[u8; LENGTH]>::as_slice) || !row.is_sound(spec) {
                return Err(DecodeError);
            }
            if before.is_some_and(|before: Row<'_>| before.compare(&row).is_gt()) {
                return Err(DecodeError);
            }
            (rest, before) = (after, Some(row));
        }
        Ok(Self { bytes: bytes.to_vec(), start: 0 })
    }

    /// The changes that were not drained.
    #[inline]
    fn held(&self) -> HeadRef<'_> {
        HeadRef(self.bytes.get(self.start..).unwrap_or_default())
    }

    pub(super) fn heap(&self) -> usize {
        self.bytes.capacity()
    }
}

impl Changes for Head {
    fn oldest(&self) -> impl Iterator<Item = Row<'_>> {
        self.held().oldest()
    }

    fn newest(&self) -> impl Iterator<Item = Row<'_>> {
        self.held().newest()
    }
}

/// The changes of a head as they lie in its memory and in its encoding.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadRef<'a>(pub(super) &'a [u8]);

impl<'a> HeadRef<'a> {
    #[inline]
    fn oldest(self) -> impl Iterator<Item = Row<'a>> {
        let Self(mut rest) = self;
        std::iter::from_fn(move || {
            let (row, after) = first(rest)?;
            rest = after;
            Some(row)
        })
    }

    #[inline]
    fn newest(self) -> impl Iterator<Item = Row<'a>> {
        newest(self.0)
    }
}

impl Changes for HeadRef<'_> {
    fn oldest(&self) -> impl Iterator<Item = Row<'_>> {
        (*self).oldest()
    }

    fn newest(&self) -> impl Iterator<Item = Row<'_>> {
        (*self).newest()
    }
}

/// The changes of some bytes from the last back.
#[inline]
fn newest(mut rest: &[u8]) -> impl Iterator<Item = Row<'_>> {
    std::iter::from_fn(move || {
        let (before, length) = rest.split_last_chunk::<LENGTH>()?;
        let start = before.len().checked_sub(u32::from_le_bytes(*length) as usize + LENGTH)?;
        let (before, row) = rest.split_at_checked(start)?;
        rest = before;
        first(row).map(|(row, _)| row)
    })
}

/// Puts parts one behind the other.
fn fill<const N: usize>(mut to: &mut [u8], parts: [&[u8]; N]) {
    for part in parts {
        if let Some((place, rest)) = std::mem::take(&mut to).split_at_mut_checked(part.len()) {
            place.copy_from_slice(part);
            to = rest;
        }
    }
}

/// The first change of some bytes and what follows it.
#[inline(always)]
fn first(bytes: &[u8]) -> Option<(Row<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let (row, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (time, row) = row.split_first_chunk::<8>()?;
    let (arrived, row) = row.split_first_chunk::<8>()?;
    let (offset, row) = row.split_first_chunk::<8>()?;
    let (source, row) = row.split_first_chunk::<4>()?;
    let (partition, row) = row.split_first_chunk::<4>()?;
    let (weight, args) = row.split_first_chunk::<1>()?;
    let order = Order {
        arrived: i64::from_le_bytes(*arrived),
        source: u32::from_le_bytes(*source),
        partition: u32::from_le_bytes(*partition),
        offset: i64::from_le_bytes(*offset),
    };
    let row = Row { time: i64::from_le_bytes(*time), order, weight: i8::from_le_bytes(*weight), args };
    Some((row, rest.get(LENGTH..)?))
}
