//! The rows of one key that are there, in their order: what sinks and views with a key hold.

use std::sync::Arc;

use flow_core::batch::Batch;

use crate::operator::OperatorError;
use crate::order::Order;
use crate::rows::{Reader, encode_row, put_text};

/// A row that is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) time: i64,
    pub(crate) lineage: u64,
    pub(crate) row: Arc<[u8]>,
}

/// Takes in a change of the rows of its key. `settle` tells how long after its time a row can still change, microseconds;
/// `None` where no row ever does. A row that one after it hides for ever is forgotten.
pub(crate) fn change(rows: &mut Vec<Held>, input: &Batch, row: usize, settle: Option<i64>) {
    let time = input.time.get(row).copied().unwrap_or_default();
    let mut bytes = Vec::new();
    encode_row(&input.columns, row, &mut bytes);
    let held = Held { time, lineage: input.made_of(row), row: bytes.into() };
    let Some(settle) = settle else {
        rows.clear();
        rows.push(held);
        return;
    };
    if input.weight.get(row).is_none_or(|weight| *weight > 0) {
        rows.push(held);
    } else if let Some(at) = rows.iter().position(|other| *other == held) {
        rows.remove(at);
    }
    // What stands before a settled row and is settled itself will not be seen again.
    let arrived = Order::of(input, row).arrived;
    let is_settled = |held: &Held| held.time.saturating_add(settle) < arrived;
    if let Some(last) = rows.iter().rposition(is_settled) {
        let mut at = 0;
        rows.retain(|held| {
            at += 1;
            at > last || !is_settled(held)
        });
    }
}

/// Appends the rows as they are stored.
pub(crate) fn encode(rows: &[Held], out: &mut Vec<u8>) {
    for held in rows {
        out.extend(held.time.to_le_bytes());
        out.extend(held.lineage.to_le_bytes());
        put_text(&held.row, out);
    }
}

/// The rows that [`encode`] wrote.
pub(crate) fn decode(stored: &[u8]) -> Result<Vec<Held>, OperatorError> {
    let mut rows = Vec::new();
    let mut from = Reader(stored);
    while !from.0.is_empty() {
        let (time, lineage) = (from.i64()?, u64::from_le_bytes(from.array()?));
        rows.push(Held { time, lineage, row: from.text()?.into() });
    }
    Ok(rows)
}

/// The cells of the last of the rows that [`encode`] wrote.
pub(crate) fn last(stored: &[u8]) -> Result<Option<&[u8]>, OperatorError> {
    let mut last = None;
    let mut from = Reader(stored);
    while !from.0.is_empty() {
        from.bytes(16)?;
        last = Some(from.text()?);
    }
    Ok(last)
}
