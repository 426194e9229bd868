//! The head: raw changes that are not settled yet, in (time, arrival, weight, cells) order, in one run of bytes.

use std::cmp::Ordering;

use super::SetSpec;
use super::plan::Suffix;
use super::view::Changes;
use crate::aggregate::Order;
use crate::bytes::{DecodeError, Reader, Sort, write_cell, write_signed, write_unsigned};
use crate::fault::Fault;
use crate::few::Few;
use crate::value::{Cell, Value};

/// Each change is its length, its fixed part, its cells, and its length again, so that it can be read from either end.
#[derive(Debug, Clone, Default)]
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

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write_unsigned(out, self.oldest().count() as u64);
        for row in self.oldest() {
            write_signed(out, row.time);
            // Mostly small: a row arrives soon after its time.
            write_signed(out, row.order.arrived.wrapping_sub(row.time));
            write_unsigned(out, u64::from(row.order.source));
            write_unsigned(out, u64::from(row.order.partition));
            write_signed(out, row.order.offset);
            write_signed(out, i64::from(row.weight));
            out.extend_from_slice(row.args);
        }
    }

    pub(super) fn decode(spec: &SetSpec, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut head = Self::default();
        let mut rows = Few::new();
        encoded(spec, from, &mut rows)?;
        for row in rows.iter() {
            let inserted = row.with_cells(spec.arguments.len(), |cells| {
                head.insert(row.time, row.order, row.weight, cells);
                Ok(())
            });
            inserted.map_err(|_| DecodeError)?;
        }
        head.bytes.shrink_to_fit();
        Ok(head)
    }

    pub(super) fn heap(&self) -> usize {
        self.bytes.capacity()
    }
}

impl Changes for Head {
    fn oldest(&self) -> impl Iterator<Item = Row<'_>> {
        let mut rest = self.bytes.get(self.start..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (row, after) = first(rest)?;
            rest = after;
            Some(row)
        })
    }

    fn newest(&self) -> impl Iterator<Item = Row<'_>> {
        newest(self.bytes.get(self.start..).unwrap_or_default())
    }
}

/// The changes that [`Head::encode`] wrote, oldest first, as they lie there: put behind those of `rows`.
pub(super) fn encoded<'a>(
    spec: &SetSpec,
    from: &mut Reader<'a>,
    rows: &mut Few<Row<'a>, 2>,
) -> Result<(), DecodeError> {
    for _ in 0..from.count()? {
        let time = from.signed()?;
        let arrived = time.wrapping_add(from.signed()?);
        let narrow = |value: u64| u32::try_from(value).map_err(|_| DecodeError);
        let (source, partition) = (narrow(from.unsigned()?)?, narrow(from.unsigned()?)?);
        let offset = from.signed()?;
        let weight = i8::try_from(from.signed()?).map_err(|_| DecodeError)?;
        let order = Order { arrived, source, partition, offset };
        let row = Row { time, order, weight, args: sound_cells(spec, from, weight)? };
        if rows.last().is_some_and(|before| before.compare(&row).is_gt()) {
            return Err(DecodeError);
        }
        rows.push(row);
    }
    Ok(())
}

/// The cells of a change as they lie there, of the kinds that the aggregates need.
fn sound_cells<'a>(spec: &SetSpec, from: &mut Reader<'a>, weight: i8) -> Result<&'a [u8], DecodeError> {
    const FEW: usize = 12;
    let start = *from;
    let mut sorts = [Sort::ABSENT; FEW];
    let mut is_scalar = spec.arguments.len() <= FEW;
    if let Some(sorts) = sorts.get_mut(..spec.arguments.len()) {
        for to in sorts.iter_mut() {
            let Some(sort) = from.skip_scalar()? else {
                is_scalar = false;
                break;
            };
            *to = sort;
        }
        if is_scalar {
            spec.check_sorts(sorts, weight).map_err(|_| DecodeError)?;
        }
    }
    if !is_scalar {
        *from = start;
        let cells = spec.arguments.iter().map(|_| from.value()).collect::<Result<Vec<Value>, _>>()?;
        let cells: Vec<Cell<'_>> = cells.iter().map(Value::as_cell).collect();
        spec.check(&cells, weight).map_err(|_| DecodeError)?;
    }
    Ok(from.since(&start))
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
