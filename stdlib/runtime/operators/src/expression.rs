//! Expressions as operators see them: columns computed from a batch.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::program::{Env, Now, Program};
use flow_core::types::Kind;
use flow_core::value::Value;

/// What expressions read besides their row, owned.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// The meaning of `now`: the row's own time, or the request's or scheduled instant.
    pub now: Now,
    /// Values from outside of the flow: parameters, results of jobs, arguments of requests.
    pub slots: Vec<Value>,
}

impl Default for Environment {
    fn default() -> Self {
        Self { now: Now::Row, slots: Vec::new() }
    }
}

impl Environment {
    /// The same, borrowed.
    #[must_use]
    pub fn as_env(&self) -> Env<'_> {
        Env { now: self.now, slots: &self.slots }
    }
}

/// An expression over the rows of a batch: interpreted, generated, or a plain column. Dispatched once a batch.
pub trait Expression: Send + Sync {
    /// One cell for each row of `batch`, as a column of `batch.rows` rows: the first result.
    fn evaluate(&self, batch: &Batch, env: &Environment) -> Column;

    /// All results, for expressions that share work.
    fn evaluate_all(&self, batch: &Batch, env: &Environment) -> Vec<Column> {
        vec![self.evaluate(batch, env)]
    }
}

/// A shared expression. Where a list of expressions is wanted, one with several results stands for them all.
pub type Expr = Arc<dyn Expression>;

/// All results of all expressions, in order.
#[must_use]
pub fn evaluate_all(exprs: &[Expr], batch: &Batch, env: &Environment) -> Vec<Column> {
    exprs.iter().flat_map(|expr| expr.evaluate_all(batch, env)).collect()
}

impl Expression for Program {
    fn evaluate(&self, batch: &Batch, env: &Environment) -> Column {
        self.eval(batch, &env.as_env())
    }

    fn evaluate_all(&self, batch: &Batch, env: &Environment) -> Vec<Column> {
        self.eval_all(batch, &env.as_env())
    }
}

/// The column at a position; faulty where there is none.
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
    fn evaluate(&self, batch: &Batch, _env: &Environment) -> Column {
        match batch.columns.get(self.0) {
            Some(column) => column.clone(),
            None => Column::repeat(&Kind::Bool, Err(Fault::Malformed), batch.rows),
        }
    }
}
