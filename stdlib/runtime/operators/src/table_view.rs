//! Views over tables as joins see them: computed anew wherever a version of a table below them begins.

use std::sync::Arc;

use flow_core::batch::Batch;

use crate::expression::Expr;
use crate::operator::{Context, OperatorError};
use crate::table::Table;

/// The rows of a view as of an instant.
pub type RowsAt = Box<dyn Fn(i64) -> Result<Batch, OperatorError> + Send>;

/// So many spans are kept: partitions are seldom further apart.
const KEPT: usize = 8;

/// A view over tables by the key of a join. It is the same from one version of a table below it to the next.
pub struct TableView {
    /// Where versions begin, ascending, each once.
    begins: Vec<i64>,
    rows: RowsAt,
    keys: Vec<Expr>,
    flow: Arc<str>,
    /// By the number of versions that have begun; the one used last comes first.
    kept: Vec<(usize, Arc<Table>)>,
}

impl TableView {
    /// A view whose tables have versions that begin at `begins`, to be found by `keys`. It is computed once, for the time
    /// after all of them, so that one which cannot be computed is found here.
    ///
    /// # Errors
    /// As `rows`.
    pub fn new(mut begins: Vec<i64>, rows: RowsAt, keys: Vec<Expr>, flow: Arc<str>) -> Result<Self, OperatorError> {
        begins.sort_unstable();
        begins.dedup();
        let last = begins.len();
        let mut view = Self { begins, rows, keys, flow, kept: Vec::with_capacity(KEPT) };
        view.table(last)?;
        Ok(view)
    }

    /// How many versions have begun at an instant, which tells what the view is then.
    pub(crate) fn begun(&self, at: i64) -> usize {
        self.begins.partition_point(|begin| *begin <= at)
    }

    /// The rows while so many versions have begun.
    pub(crate) fn table(&mut self, begun: usize) -> Result<Arc<Table>, OperatorError> {
        if let Some(position) = self.kept.iter().position(|(known, _)| *known == begun) {
            let found = self.kept.remove(position);
            let table = Arc::clone(&found.1);
            self.kept.insert(0, found);
            return Ok(table);
        }
        let at = begun.checked_sub(1).and_then(|last| self.begins.get(last)).copied().unwrap_or(i64::MIN);
        let rows = (self.rows)(at)?;
        let table = Arc::new(Table::of_view(rows, &self.keys, &self.flow, &mut Context::default()));
        self.kept.truncate(KEPT - 1);
        self.kept.insert(0, (begun, Arc::clone(&table)));
        Ok(table)
    }
}
