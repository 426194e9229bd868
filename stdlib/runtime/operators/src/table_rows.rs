//! The rows of a table as a relation.

use std::sync::Arc;

use flow_core::batch::Batch;

use crate::operator::{Context, Operator, OperatorError};
use crate::table::Table;

/// Gives the rows that a table holds as of the frontier at which its input ends: one of each key.
pub struct TableRows {
    table: Arc<Table>,
}

impl TableRows {
    /// The rows of this table.
    #[must_use]
    pub fn new(table: Arc<Table>) -> Self {
        Self { table }
    }

    fn none(&self) -> Batch {
        self.table.rows().slice(0, 0)
    }
}

impl Operator for TableRows {
    fn inputs(&self) -> usize {
        0
    }

    fn process(&mut self, _inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        Ok(vec![self.none()])
    }

    fn finish(&mut self, cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        Ok(vec![self.table.held(cx.frontier)])
    }
}
