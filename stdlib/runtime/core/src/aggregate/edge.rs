//! The first and the last row, the least and the greatest value.

use std::cmp::Ordering;

use super::{AggregateFunc, Order, compare};
use crate::bytes::{DecodeError, Reader, write_cell, write_signed, write_unsigned};
use crate::value::{Cell, Value};

/// A row with its place. Rows of one time and one place in arrival order go by value.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) time: i64,
    pub(crate) order: Order,
    pub(crate) value: Value,
}

impl Edge {
    /// Whether it stands before another row.
    pub(crate) fn precedes(&self, other: &Self) -> bool {
        let places = (self.time, self.order).cmp(&(other.time, other.order));
        places.then_with(|| compare(self.value.as_cell(), other.value.as_cell())).is_lt()
    }

    /// Takes the place of `held` where it is later, for `last`, or earlier, for `first`.
    pub(crate) fn keep(self, func: AggregateFunc, held: &mut Option<Self>) {
        let replaces = held.as_ref().is_none_or(|held| match func {
            AggregateFunc::Last => held.precedes(&self),
            _ => self.precedes(held),
        });
        if replaces {
            *held = Some(self);
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        write_place(self.time, self.order, out);
        write_cell(out, self.value.as_cell());
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (time, order) = read_place(from)?;
        Ok(Self { time, order, value: from.value()? })
    }
}

fn write_place(time: i64, order: Order, out: &mut Vec<u8>) {
    write_signed(out, time);
    write_signed(out, order.arrived.wrapping_sub(time));
    write_unsigned(out, u64::from(order.source));
    write_unsigned(out, u64::from(order.partition));
    write_signed(out, order.offset);
}

#[inline(always)]
fn read_place(from: &mut Reader<'_>) -> Result<(i64, Order), DecodeError> {
    let time = from.signed()?;
    let arrived = time.wrapping_add(from.signed()?);
    let source = u32::try_from(from.unsigned()?).map_err(|_| DecodeError)?;
    let partition = u32::try_from(from.unsigned()?).map_err(|_| DecodeError)?;
    Ok((time, Order { arrived, source, partition, offset: from.signed()? }))
}

/// A row with its place, its value encoded somewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EdgeRef<'a> {
    time: i64,
    order: Order,
    cell: &'a [u8],
}

impl<'a> EdgeRef<'a> {
    /// Reads what [`Edge::encode`] wrote, as it lies there.
    #[inline(always)]
    pub(crate) fn read(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (time, order) = read_place(from)?;
        let start = *from;
        from.skip_cell()?;
        Ok(Self { time, order, cell: from.since(&start) })
    }

    /// Time and place in arrival order.
    #[inline]
    pub(crate) fn place(&self) -> (i64, Order) {
        (self.time, self.order)
    }

    /// The row, owned.
    pub(crate) fn edge(&self) -> Option<Edge> {
        let value = Reader::new(self.cell).value().ok()?;
        Some(Edge { time: self.time, order: self.order, value })
    }

    /// Puts the row's value where it is wanted: whether it could, as it is a scalar.
    #[inline]
    pub(crate) fn scalar_to(&self, to: &mut Cell<'a>) -> bool {
        Reader::new(self.cell).scalar_to(to) == Ok(true)
    }
}

/// Bytes of a row's time and place in arrival order.
const PLACE: usize = 32;

/// The last row so far, or none, in one run of bytes: it is replaced at every row, and then mostly by one as long. A short
/// one stands in place.
#[derive(Debug, Clone)]
pub(crate) enum PackedEdge {
    Short { length: u8, bytes: [u8; Self::SHORT] },
    Long(Box<[u8]>),
}

impl Default for PackedEdge {
    fn default() -> Self {
        Self::Short { length: 0, bytes: [0; Self::SHORT] }
    }
}

impl PackedEdge {
    /// The place and a text of a few letters.
    const SHORT: usize = 46;

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Short { length, bytes } => bytes.get_mut(..usize::from(*length)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }

    fn of(row: Vec<u8>) -> Self {
        let mut bytes = [0; Self::SHORT];
        match (bytes.get_mut(..row.len()), u8::try_from(row.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(&row);
                Self::Short { length, bytes }
            }
            _ => Self::Long(row.into()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        if let Self::Long(bytes) = self { bytes.len() } else { 0 }
    }

    /// The row as it lies here.
    pub(crate) fn row(&self) -> Option<EdgeRef<'_>> {
        let (time, rest) = self.bytes().split_first_chunk::<8>()?;
        let (arrived, rest) = rest.split_first_chunk::<8>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (source, rest) = rest.split_first_chunk::<4>()?;
        let (partition, cell) = rest.split_first_chunk::<4>()?;
        let order = Order {
            arrived: i64::from_le_bytes(*arrived),
            source: u32::from_le_bytes(*source),
            partition: u32::from_le_bytes(*partition),
            offset: i64::from_le_bytes(*offset),
        };
        Some(EdgeRef { time: i64::from_le_bytes(*time), order, cell })
    }

    /// Time and place in arrival order.
    pub(crate) fn place(&self) -> Option<(i64, Order)> {
        self.row().map(|row| row.place())
    }

    /// Appends what [`Edge::encode`] does for the row.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        if let Some(EdgeRef { time, order, cell }) = self.row() {
            write_place(time, order, out);
            out.extend_from_slice(cell);
        }
    }

    /// Reads what [`PackedEdge::encode`] wrote of a row.
    pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (time, order) = read_place(from)?;
        let mut packed = Self::default();
        let start = *from;
        from.skip_cell()?;
        packed.offer(time, order, from.since(&start));
        Ok(packed)
    }

    /// Looks at the memory of the row; the number means nothing.
    pub(crate) fn touch(&self) -> u8 {
        self.bytes().first().copied().unwrap_or_default()
    }

    /// Takes a row where it is later than the one that is held; `cell` is its encoded value.
    pub(crate) fn offer(&mut self, time: i64, order: Order, cell: &[u8]) {
        if let Some(held) = self.row() {
            match held.place().cmp(&(time, order)) {
                Ordering::Greater => return,
                Ordering::Equal if is_as_great(held.cell, cell) => return,
                Ordering::Equal | Ordering::Less => {}
            }
        }
        let mut place = [0; PLACE];
        let parts: [&[u8]; 5] = [
            &time.to_le_bytes(),
            &order.arrived.to_le_bytes(),
            &order.offset.to_le_bytes(),
            &order.source.to_le_bytes(),
            &order.partition.to_le_bytes(),
        ];
        let mut rest = place.as_mut_slice();
        for part in parts {
            if let Some((to, after)) = std::mem::take(&mut rest).split_at_mut_checked(part.len()) {
                to.copy_from_slice(part);
                rest = after;
            }
        }
        // Mostly the same value comes again, and the place alone changes.
        if self.bytes().get(PLACE..) == Some(cell)
            && let Some(held) = self.bytes_mut().first_chunk_mut::<PLACE>()
        {
            *held = place;
            return;
        }
        *self = Self::of([place.as_slice(), cell].concat());
    }
}

/// Whether an encoded value is not less than another.
fn is_as_great(held: &[u8], other: &[u8]) -> bool {
    match (Reader::new(held).value(), Reader::new(other).value()) {
        (Ok(held), Ok(other)) => compare(held.as_cell(), other.as_cell()).is_ge(),
        _ => false,
    }
}

/// Whether `cell` is to replace the least or greatest one so far.
pub(crate) fn better(func: AggregateFunc, cell: Cell<'_>, best: Cell<'_>) -> bool {
    let order = compare(cell, best);
    if func == AggregateFunc::Max { order.is_gt() } else { order.is_lt() }
}
