//! All rows of all inputs, in arrival order.

use std::sync::Arc;

use flow_core::batch::{Batch, made_of};
use flow_core::types::Schema;

use crate::operator::{Context, Operator, OperatorError};
use crate::order::{Order, interleave};

/// All rows of all inputs; of the changes at one place −1 comes before 1, then they go
/// by port. Every input has the columns of `schema`.
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
        let starts: Vec<usize> =
            inputs.iter().scan(0, |start, batch| Some(std::mem::replace(start, *start + batch.rows))).collect();
        let mut all = Batch::concat(&self.schema, inputs);
        let numbered = inputs.iter().zip(0..);
        all.lineage = numbered
            .flat_map(|(batch, number)| (0..batch.rows).map(move |row| made_of(batch.made_of(row), number)))
            .collect();
        let position = |(port, row): (u32, u32)| starts.get(port as usize).map_or(0, |start| start + row as usize);
        let mut rows: Vec<usize> = interleave(inputs, &[]).into_iter().map(position).collect();
        let is_same = |left: &usize, right: &usize| Order::of(&all, *left) == Order::of(&all, *right);
        for place in rows.chunk_by_mut(is_same) {
            place.sort_by_key(|row| all.weight.get(*row).copied());
        }
        Ok(vec![all.take(&rows)])
    }
}
