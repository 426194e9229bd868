//! Rows that are there from the start: those of a table.

use crate::operator::{Context, Operator, OperatorError};
use flow_core::batch::Batch;

/// Gives its rows before any other, once.
pub struct Constant {
    rows: Option<Batch>,
    empty: Batch,
}

impl Constant {
    /// These rows.
    #[must_use]
    pub fn new(rows: Batch) -> Self {
        let empty = rows.slice(0, 0);
        Self { rows: Some(rows), empty }
    }
}

impl Operator for Constant {
    fn inputs(&self) -> usize {
        0
    }

    fn process(&mut self, _inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        Ok(vec![self.rows.take().unwrap_or_else(|| self.empty.clone())])
    }
}
