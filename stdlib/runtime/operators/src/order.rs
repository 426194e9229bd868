//! Arrival order: the total order in which rows take effect.

use flow_core::aggregate;
use flow_core::batch::{Batch, Origin};

/// The place of a row in arrival order. Rows that one event gave (a join's changes) share its place and keep their
/// sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Order {
    /// Running maximum of the record timestamp in the row's partition, microseconds since the epoch.
    pub arrived: i64,
    /// Source and partition.
    pub origin: Origin,
    /// Offset in the partition.
    pub offset: i64,
}

/// The arrival of a row that has no place, as one of a table or a group: before all that have.
pub const UNPLACED: i64 = i64::MIN;

impl Order {
    /// The place of row `row` of `batch`; the first place of all where there is no such row.
    #[inline]
    #[must_use]
    pub fn of(batch: &Batch, row: usize) -> Self {
        match (batch.arrived.get(row), batch.origin.get(row), batch.offset.get(row)) {
            (Some(arrived), Some(origin), Some(offset)) => Self { arrived: *arrived, origin: *origin, offset: *offset },
            _ => Self::first(),
        }
    }

    /// The place before all others.
    #[must_use]
    pub fn first() -> Self {
        Self { arrived: i64::MIN, origin: Origin::default(), offset: i64::MIN }
    }

    /// The place of a row that time released at `close`: after every event that arrived at `close`, before every one
    /// that arrives later; among such by the event it came from, to which [`Order::event_origin`] and the offset lead back.
    #[must_use]
    pub fn released(self, close: i64) -> Self {
        let source = self.origin.source | RELEASED;
        Self { arrived: close, origin: Origin { source, ..self.origin }, offset: self.offset }
    }

    /// The source and partition of the event that the row came from, also where time released it.
    #[must_use]
    pub fn event_origin(self) -> Origin {
        // INVARIANT: sources are numbered from 0 and are fewer than 2^31, so a set high bit marks a released row.
        Origin { source: self.origin.source & !RELEASED, ..self.origin }
    }
}

const RELEASED: u32 = 1 << 31;

impl From<Order> for aggregate::Order {
    fn from(order: Order) -> Self {
        let Origin { source, partition } = order.origin;
        Self { arrived: order.arrived, source, partition, offset: order.offset }
    }
}

/// All rows of several batches in arrival order, as (batch, row). Each batch is sorted. Rows of one place come in the
/// order of their batch's entry in `rank`, the lowest first, then in their own sequence.
#[must_use]
pub fn interleave(batches: &[Batch], rank: &[u8]) -> Vec<(u32, u32)> {
    let mut out = Vec::with_capacity(batches.iter().map(|batch| batch.rows).sum());
    let mut filled = batches.iter().enumerate().filter(|(_, batch)| batch.rows > 0);
    if let (Some((port, batch)), None) = (filled.next(), filled.next()) {
        out.extend((0..batch.rows).map(|row| (port as u32, row as u32)));
        return out;
    }
    if let [first, second] = batches
        && is_same(first, second)
    {
        let swaps = rank.get(1).copied().unwrap_or_default() < rank.first().copied().unwrap_or_default();
        let (before, after) = if swaps { (1, 0) } else { (0, 1) };
        out.extend((0..first.rows as u32).flat_map(|row| [(before, row), (after, row)]));
        return out;
    }
    let key = |port: usize, row: usize| {
        let batch = batches.get(port).filter(|batch| row < batch.rows)?;
        Some((Order::of(batch, row), rank.get(port).copied().unwrap_or_default(), port))
    };
    let mut next: Vec<usize> = vec![0; batches.len()];
    while let Some((_, _, port)) = next.iter().enumerate().filter_map(|(port, row)| key(port, *row)).min() {
        let others = next.iter().enumerate().filter(|(other, _)| *other != port);
        let bound = others.filter_map(|(other, row)| key(other, *row)).min();
        let Some(row) = next.get_mut(port) else { break };
        while let Some(here) = key(port, *row) {
            if bound.is_some_and(|bound| bound < here) {
                break;
            }
            out.push((port as u32, *row as u32));
            *row += 1;
        }
    }
    out
}

/// Whether two batches have the same places, each of one row: as the updates and the reads of one flow have.
fn is_same(first: &Batch, second: &Batch) -> bool {
    let places = |batch: &Batch| (1..batch.rows).all(|row| Order::of(batch, row - 1) < Order::of(batch, row));
    (first.rows, &first.arrived, &first.origin, &first.offset)
        == (second.rows, &second.arrived, &second.origin, &second.offset)
        && places(first)
}

/// `batch` with its rows in arrival order; rows of one place keep their sequence.
#[must_use]
pub fn sorted(batch: Batch) -> Batch {
    if (1..batch.rows).all(|row| Order::of(&batch, row - 1) <= Order::of(&batch, row)) {
        return batch;
    }
    let mut rows: Vec<usize> = (0..batch.rows).collect();
    rows.sort_by_key(|row| Order::of(&batch, *row));
    batch.take(&rows)
}
