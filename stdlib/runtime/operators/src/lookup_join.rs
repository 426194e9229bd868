//! The join of a stream, or of any relation, with a table.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;

use crate::join::JoinSpec;
use crate::operator::{Context, Operator, OperatorError};
use crate::table::{Table, as_of, join};
use crate::table_view::TableView;

/// What rows are joined with.
pub enum Lookup {
    /// A table.
    Table(Arc<Table>),
    /// A view over tables.
    View(TableView),
}

impl From<Arc<Table>> for Lookup {
    fn from(table: Arc<Table>) -> Self {
        Self::Table(table)
    }
}

/// Joins every row with the table as of the row's arrival. Stateless: the table is pinned.
pub struct LookupJoin {
    spec: JoinSpec,
    lookup: Lookup,
}

impl LookupJoin {
    /// A join with a table or view that was built for the right keys of `spec`.
    #[must_use]
    pub fn new(spec: JoinSpec, lookup: impl Into<Lookup>) -> Self {
        Self { spec, lookup: lookup.into() }
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
        let view = match &mut self.lookup {
            Lookup::Table(table) => return Ok(vec![join(&self.spec, input, table, cx)]),
            Lookup::View(view) => view,
        };
        let begun: Vec<usize> = (0..input.rows).map(|row| view.begun(as_of(input, row, cx.frontier))).collect();
        let mut joined = Vec::new();
        let mut start = 0;
        // Rows that see the view as it is at one time are joined together.
        for rows in begun.chunk_by(|left, right| left == right) {
            let Some(begun) = rows.first() else { continue };
            let table = view.table(*begun)?;
            joined.push(join(&self.spec, &input.slice(start, rows.len()), &table, cx));
            start += rows.len();
        }
        Ok(vec![match joined.len() {
            0 => Batch::empty(&self.spec.output()),
            _ => Batch::concat(&self.spec.output(), &joined),
        }])
    }
}
