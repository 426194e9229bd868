//! Records as a source hands them on: views into one buffer, nothing decoded.

use std::sync::Arc;

use crate::place::{Mark, PartitionId};

/// Where one record of a [`RawBatch`] lies in the payload, and its place in the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRecord {
    /// The record's offset in its partition.
    pub offset: i64,
    /// The record's own timestamp, µs.
    pub stamp: i64,
    /// The greatest timestamp in the partition up to and including this record, µs.
    pub arrived: i64,
    /// The key: start and length in the payload.
    pub key: (u32, u32),
    /// The value: start and length in the payload.
    pub value: (u32, u32),
}

/// Some consecutive records of one partition, with ascending offsets.
#[derive(Debug, Clone)]
pub struct RawBatch {
    /// The partition.
    pub partition: PartitionId,
    /// The bytes that the records' views point into; may hold more than these records, and is shared between batches.
    pub payload: Arc<Vec<u8>>,
    /// The records.
    pub records: Vec<RawRecord>,
}

impl RawBatch {
    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The bytes of a view; empty for a view that does not lie within the payload.
    #[must_use]
    pub fn slice(&self, (start, len): (u32, u32)) -> &[u8] {
        let start = start as usize;
        self.payload.get(start..start.saturating_add(len as usize)).unwrap_or_default()
    }

    /// Each record with its key and value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (RawRecord, &[u8], &[u8])> {
        self.records.iter().map(|r| (*r, self.slice(r.key), self.slice(r.value)))
    }

    /// The mark behind the last record, if there is one.
    #[must_use]
    pub fn end(&self) -> Option<Mark> {
        self.records.last().map(|r| Mark { next: r.offset.saturating_add(1), arrived: r.arrived })
    }
}
