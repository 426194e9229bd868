//! All rows of a bounded input, collected until it ends.

use std::collections::HashMap;
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;

use crate::rows::encode_row;

/// The rows of one port. A row that was taken back is gone when they are taken.
#[derive(Debug)]
pub(crate) struct Collected {
    schema: Arc<Schema>,
    batches: Vec<Batch>,
}

impl Collected {
    pub(crate) fn new(schema: Arc<Schema>) -> Self {
        Self { schema, batches: Vec::new() }
    }

    pub(crate) fn push(&mut self, batch: &Batch) {
        if batch.rows > 0 {
            self.batches.push(batch.clone());
        }
    }

    /// What the changes add up to, in the order in which rows came; every weight is 1. Of rows with equal cells, time and
    /// lineage the first that came is the one that was taken back.
    pub(crate) fn take(&mut self) -> Batch {
        let all = Batch::concat(&self.schema, &std::mem::take(&mut self.batches));
        if all.weight.iter().all(|weight| *weight > 0) {
            return all;
        }
        let mut there: HashMap<Vec<u8>, std::collections::VecDeque<usize>> = HashMap::new();
        let mut keep = vec![false; all.rows];
        for row in 0..all.rows {
            let mut key = all.time.get(row).copied().unwrap_or_default().to_le_bytes().to_vec();
            key.extend(all.made_of(row).to_le_bytes());
            encode_row(&all.columns, row, &mut key);
            let equal = there.entry(key).or_default();
            let (row, is_kept) = if all.weight.get(row).is_some_and(|weight| *weight > 0) {
                equal.push_back(row);
                (row, true)
            } else {
                let Some(row) = equal.pop_front() else { continue };
                (row, false)
            };
            if let Some(keep) = keep.get_mut(row) {
                *keep = is_kept;
            }
        }
        all.filter(&keep)
    }
}
