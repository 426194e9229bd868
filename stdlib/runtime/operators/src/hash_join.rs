//! The join of two bounded relations.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;

use crate::collected::Collected;
use crate::join::JoinSpec;
use crate::operator::{Context, Operator, OperatorError};
use crate::order::sorted;
use crate::table::{Table, join};

/// Collects both sides, whose rows come as they stand, and joins them at the end. Port 0 is the left side. Joined rows have
/// the left row's time and the later place of the two; at one place they go by the left row, then by the right one.
pub struct HashJoin {
    spec: JoinSpec,
    left: Collected,
    right: Collected,
}

impl HashJoin {
    /// A join that has seen nothing.
    #[must_use]
    pub fn new(spec: JoinSpec) -> Self {
        let (left, right) = (Collected::new(Arc::clone(&spec.left)), Collected::new(Arc::clone(&spec.right)));
        Self { spec, left, right }
    }

    /// The columns of the output.
    #[must_use]
    pub fn schema(&self) -> Arc<Schema> {
        self.spec.output()
    }
}

impl Operator for HashJoin {
    fn inputs(&self) -> usize {
        2
    }

    fn process(&mut self, inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let [left, right] = inputs else { return Err(OperatorError::Wiring("a join has two inputs")) };
        self.left.push(left);
        self.right.push(right);
        Ok(vec![Batch::empty(&self.spec.output())])
    }

    fn finish(&mut self, cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let right = Table::of_rows(self.right.take(), &self.spec.right_keys, &self.spec.flow, cx);
        Ok(vec![sorted(join(&self.spec, &self.left.take(), &right, cx))])
    }
}
