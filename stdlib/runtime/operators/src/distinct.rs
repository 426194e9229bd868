//! `distinct` and `latest`: one row of each key.

use std::collections::HashSet;
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;

use crate::collected::Collected;
use crate::expression::Expr;
use crate::keys::{KeyState, Keys};
use crate::operator::{Context, Operator, OperatorError};

/// Which row of a key stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The first by time, then as they stand.
    First,
    /// The last.
    Last,
}

/// One row of each key of a bounded relation whose rows come as they stand; absent keys are keys. Rows stay as they stood.
pub struct Distinct {
    rows: Collected,
    schema: Arc<Schema>,
    keys: Vec<Expr>,
    which: Which,
    flow: Arc<str>,
}

impl Distinct {
    /// One row of each of `keys`; `flow` is the name under which its dead letters go.
    #[must_use]
    pub fn new(schema: Arc<Schema>, keys: Vec<Expr>, which: Which, flow: Arc<str>) -> Self {
        Self { rows: Collected::new(Arc::clone(&schema)), schema, keys, which, flow }
    }
}

impl Operator for Distinct {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        inputs.iter().for_each(|input| self.rows.push(input));
        Ok(vec![Batch::empty(&self.schema)])
    }

    fn finish(&mut self, cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let batch = self.rows.take();
        let keys = Keys::of(&self.keys, &batch, &cx.env);
        let mut rows: Vec<usize> = (0..batch.rows).collect();
        rows.sort_by_key(|row| batch.time.get(*row).copied());
        if self.which == Which::Last {
            rows.reverse();
        }
        let mut seen: HashSet<Vec<u8>> = HashSet::new();
        let mut key = Vec::new();
        rows.retain(|row| match keys.encode(*row, &mut key) {
            KeyState::Fault(fault) => {
                cx.left_out(&self.flow, &batch, *row, fault, "the key cannot be computed");
                false
            }
            KeyState::Present | KeyState::Absent => seen.insert(key.clone()),
        });
        rows.sort_unstable();
        Ok(vec![batch.take(&rows)])
    }
}
