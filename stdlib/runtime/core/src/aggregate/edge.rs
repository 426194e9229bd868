//! The first and the last row, the least and the greatest value.

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
        write_signed(out, self.time);
        write_signed(out, self.order.arrived.wrapping_sub(self.time));
        write_unsigned(out, u64::from(self.order.source));
        write_unsigned(out, u64::from(self.order.partition));
        write_signed(out, self.order.offset);
        write_cell(out, self.value.as_cell());
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let time = from.signed()?;
        let arrived = time.wrapping_add(from.signed()?);
        let source = u32::try_from(from.unsigned()?).map_err(|_| DecodeError)?;
        let partition = u32::try_from(from.unsigned()?).map_err(|_| DecodeError)?;
        let order = Order { arrived, source, partition, offset: from.signed()? };
        Ok(Self { time, order, value: from.value()? })
    }
}

/// Whether `cell` is to replace the least or greatest one so far.
pub(crate) fn better(func: AggregateFunc, cell: Cell<'_>, best: Cell<'_>) -> bool {
    let order = compare(cell, best);
    if func == AggregateFunc::Max { order.is_gt() } else { order.is_lt() }
}
