//! The join of a stream, or of any relation, with a table.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;

use crate::join::JoinSpec;
use crate::operator::{Context, Operator, OperatorError};
use crate::table::{Table, join};

/// Joins every row with the table as of the row's arrival. Stateless: the table is pinned.
pub struct LookupJoin {
    spec: JoinSpec,
    table: Arc<Table>,
}

impl LookupJoin {
    /// A join with a table that was built for the right keys of `spec`.
    #[must_use]
    pub fn new(spec: JoinSpec, table: Arc<Table>) -> Self {
        Self { spec, table }
    }

    /// The columns of the output.
    #[must_use]
    pub fn schema(&self) -> Arc<Schema> {
        self.spec.output()
    }
}

impl Operator for LookupJoin {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let [input] = inputs else { return Err(OperatorError::Wiring("a join with a table has one input")) };
        Ok(vec![join(&self.spec, input, &self.table, cx)])
    }
}
