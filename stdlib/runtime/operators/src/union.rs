//! All rows of all inputs, in arrival order.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;

use crate::operator::{Context, Operator, OperatorError};
use crate::order::sorted;

/// All rows of all inputs; rows of one place come in the order of the ports. Every input has the columns of `schema`.
pub struct Union {
    schema: Arc<Schema>,
    inputs: usize,
}

impl Union {
    /// A union of `inputs` inputs of `schema`.
    #[must_use]
    pub fn new(schema: Arc<Schema>, inputs: usize) -> Self {
        Self { schema, inputs }
    }
}

impl Operator for Union {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn process(&mut self, inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        Ok(vec![sorted(Batch::concat(&self.schema, inputs))])
    }
}
