//! Expressions as operators see them: columns computed from a batch.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::generated::Answers;
use flow_core::program::{Env, Now, Program};
use flow_core::row::{Context, Row};
use flow_core::types::Kind;
use flow_core::value::{Cell, Value};
use flow_core::zone::Zone;

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

/// Several columns as one record; a position that is not there gives an absent field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record(pub Vec<usize>);

impl Record {
    /// The columns at `positions`, as a shared expression.
    #[must_use]
    pub fn of(positions: Vec<usize>) -> Expr {
        Arc::new(Self(positions))
    }
}

impl Expression for Record {
    fn evaluate(&self, batch: &Batch, _env: &Environment) -> Column {
        let missing = || Column::repeat(&Kind::Bool, Ok(Cell::Absent), batch.rows);
        let parts = self.0.iter().map(|at| batch.columns.get(*at).cloned().unwrap_or_else(missing)).collect();
        Column::record(parts, None, batch.rows)
    }
}

/// The expression that a generated function computes: `compute!(zone, Kind::Bool, is_foreign)`.
#[macro_export]
macro_rules! compute {
    ($zone:expr, $kind:expr, $function:path $(,)?) => {
        $crate::expression::generated($kind, $zone, |row, out| out.put($function(row)))
    };
}

/// A generated expression: a function from a row to an answer, run over all rows of a batch or for one.
pub struct Generated<F> {
    kind: Kind,
    zone: Arc<Zone>,
    compute: F,
}

/// The expression that `compute` computes for each row, of `kind`: `generated(Kind::Bool, &zone, |row, out|
/// out.put(is_foreign(row)))`.
pub fn generated<F>(kind: Kind, zone: &Arc<Zone>, compute: F) -> Expr
where
    F: Fn(Row<'_>, &mut Answers) + Send + Sync + 'static,
{
    Arc::new(Generated::new(kind, zone, compute))
}

impl<F: Fn(Row<'_>, &mut Answers) + Send + Sync> Generated<F> {
    /// As [`generated`], for those who take the expression itself.
    pub fn new(kind: Kind, zone: &Arc<Zone>, compute: F) -> Self {
        Self { kind, zone: Arc::clone(zone), compute }
    }

    /// The answer for one row of values at the instant `now`.
    ///
    /// # Errors
    ///
    /// The answer's fault, or the first one in it.
    pub fn value(&self, cells: &[Value], now: i64, slots: &[Value]) -> Result<Value, Fault> {
        let context = Context { slots, zone: &self.zone };
        let mut answers = Answers::one();
        (self.compute)(Row::of_values(cells, now, &context), &mut answers);
        answers.into_one().whole()
    }
}

impl<F: Fn(Row<'_>, &mut Answers) + Send + Sync> Expression for Generated<F> {
    fn evaluate(&self, batch: &Batch, env: &Environment) -> Column {
        let context = Context { slots: &env.slots, zone: &self.zone };
        let mut answers = Answers::column(&self.kind, batch.rows);
        for row in 0..batch.rows {
            let now = match env.now {
                Now::Row => batch.time.get(row).copied().unwrap_or_default(),
                Now::At(instant) => instant,
            };
            (self.compute)(Row::of_columns(&batch.columns, row, now, &context), &mut answers);
        }
        answers.into_column()
    }
}
