//! Expressions as operators see them: a column computed from a batch.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::value::Value;

/// What an expression reads besides its row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Env {
    /// `now`: the request's or the scheduled time; `None` where it is each row's own time.
    pub now: Option<i64>,
    /// Values from outside of the flow: parameters, results of jobs, arguments of requests.
    pub slots: Vec<Value>,
}

/// An expression over the rows of a batch: interpreted, generated, or a plain column. Dispatched once a batch.
pub trait Expression: Send + Sync {
    /// One cell for each row of `batch`, as a column of `batch.rows` rows.
    fn evaluate(&self, batch: &Batch, env: &Env) -> Column;
}

/// A shared expression.
pub type Expr = Arc<dyn Expression>;

/// The column at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input(pub usize);

impl Input {
    /// The column at `position`, as a shared expression.
    #[must_use]
    pub fn column(position: usize) -> Expr {
        Arc::new(Self(position))
    }
}

impl Expression for Input {
    fn evaluate(&self, batch: &Batch, _env: &Env) -> Column {
        match batch.columns.get(self.0) {
            Some(column) => column.clone(),
            None => Column::repeat(&flow_core::types::Kind::Bool, Err(flow_core::fault::Fault::Malformed), batch.rows),
        }
    }
}

impl<F: Fn(&Batch, &Env) -> Column + Send + Sync> Expression for F {
    fn evaluate(&self, batch: &Batch, env: &Env) -> Column {
        self(batch, env)
    }
}
