//! Rows as they stand where no `sort` or `top` orders them.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;

use crate::collected::Collected;
use crate::compare::compare_columns;
use crate::operator::{Context, Operator, OperatorError};

/// What tells how rows stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandBy {
    /// They were sorted, and remember where they stood before.
    Memory,
    /// They have no place: their columns.
    Columns,
    /// They come as they stand, and wait for others that come at the end.
    Coming,
}

/// Gives the rows of a bounded relation as they stand, once all are there: ends the order of a `sort`, or orders rows
/// without a place by their columns, whichever those are by now.
pub struct Stand {
    rows: Collected,
    schema: Arc<Schema>,
    by: StandBy,
}

impl Stand {
    /// Rows of `schema`.
    #[must_use]
    pub fn new(schema: Arc<Schema>, by: StandBy) -> Self {
        Self { rows: Collected::new(Arc::clone(&schema)), schema, by }
    }
}

impl Operator for Stand {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        inputs.iter().for_each(|input| self.rows.push(input));
        Ok(vec![Batch::empty(&self.schema)])
    }

    fn finish(&mut self, _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let batch = self.rows.take();
        let mut rows: Vec<usize> = (0..batch.rows).collect();
        match self.by {
            StandBy::Memory => rows.sort_by_key(|row| batch.lineage.get(*row).copied()),
            StandBy::Coming => {}
            StandBy::Columns => rows.sort_by(|left, right| compare_columns(&batch.columns, *left, *right)),
        }
        Ok(vec![batch.take(&rows)])
    }
}

/// Rows of a batch, which come as they stand, in another order. What tells them apart for those who take rows back is no
/// longer needed where all are there, and its place holds how they stood.
pub(crate) fn reordered(batch: &Batch, rows: &[usize]) -> Batch {
    Batch { lineage: rows.iter().map(|row| *row as u64).collect(), ..batch.take(rows) }
}
