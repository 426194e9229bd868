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

/// Bytes of a row's time and place in arrival order.
const PLACE: usize = 32;

/// A row as it lies in a [`PackedEdge`] and in its encoding: time, arrived, offset (8 bytes each), source, partition (4
/// each), its encoded value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EdgeRef<'a> {
    place: &'a [u8; PLACE],
    cell: &'a [u8],
}

impl<'a> EdgeRef<'a> {
    /// The row of some bytes; `None` where they are none.
    #[inline]
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        let (place, cell) = bytes.split_first_chunk::<PLACE>()?;
        Some(Self { place, cell })
    }

    /// Time and place in arrival order.
    #[inline]
    pub(crate) fn place(&self) -> (i64, Order) {
        let (words, _) = self.place.as_chunks::<8>();
        let [time, arrived, offset, [a, b, c, d, e, f, g, h]] = words else { return Default::default() };
        let order = Order {
            arrived: i64::from_le_bytes(*arrived),
            source: u32::from_le_bytes([*a, *b, *c, *d]),
            partition: u32::from_le_bytes([*e, *f, *g, *h]),
            offset: i64::from_le_bytes(*offset),
        };
        (i64::from_le_bytes(*time), order)
    }

    /// The row, owned.
    pub(crate) fn edge(&self) -> Option<Edge> {
        let value = Reader::new(self.cell).value().ok()?;
        let (time, order) = self.place();
        Some(Edge { time, order, value })
    }

    /// Puts the row's value where it is wanted: whether it could, as it is a scalar.
    #[inline]
    pub(crate) fn scalar_to(&self, to: &mut Cell<'a>) -> bool {
        Reader::new(self.cell).scalar_to(to) == Ok(true)
    }
}

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
    #[inline]
    pub(crate) fn row(&self) -> Option<EdgeRef<'_>> {
        EdgeRef::of(self.bytes())
    }

    /// Time and place in arrival order.
    pub(crate) fn place(&self) -> Option<(i64, Order)> {
        self.row().map(|row| row.place())
    }

    /// Appends the canonical encoding: the row as it lies here, if there is one.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes());
    }

    /// Reads what [`PackedEdge::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let EdgeRef { cell, .. } = EdgeRef::of(bytes).ok_or(DecodeError)?;
        let mut from = Reader::new(cell);
        from.skip_cell()?;
        if from.is_empty() { Ok(Self::of(bytes.to_vec())) } else { Err(DecodeError) }
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
