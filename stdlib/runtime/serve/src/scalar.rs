//! Expressions over the parameters and bindings of a request.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::generated::{Answers, Row};
use flow_core::program::Program;
use flow_core::types::Kind;
use flow_core::value::Value;
use flow_operators::expression::{Environment, Expression, Generated};

/// An expression over one row of cells: interpreted or generated.
pub trait RowExpression: Send + Sync {
    /// Its value for `cells` at `now`, microseconds since the epoch; `slots` are the values of the solution's parameters.
    ///
    /// # Errors
    /// The fault of the computation.
    fn value(&self, cells: &[Value], now: i64, slots: &[Value]) -> Result<Value, Fault>;

    /// The same for a batch of one row of which some cells, or fields of cells, are faulty: a fault that the value does
    /// not need is not seen.
    fn column(&self, batch: &Batch, env: &Environment) -> Column;
}

impl RowExpression for Program {
    fn value(&self, cells: &[Value], now: i64, slots: &[Value]) -> Result<Value, Fault> {
        self.eval_row(cells, now, slots)
    }

    fn column(&self, batch: &Batch, env: &Environment) -> Column {
        self.eval(batch, &env.as_env())
    }
}

impl<F: Fn(Row<'_>, &mut Answers) + Send + Sync> RowExpression for Generated<F> {
    fn value(&self, cells: &[Value], now: i64, slots: &[Value]) -> Result<Value, Fault> {
        Generated::value(self, cells, now, slots)
    }

    fn column(&self, batch: &Batch, env: &Environment) -> Column {
        self.evaluate(batch, env)
    }
}

/// The [`Scalar`] that a generated function computes: `scalar!(zone, Kind::Int, [0], rules::total)` reads the cell 0 and
/// gives an integer.
#[macro_export]
macro_rules! scalar {
    ($zone:expr, $kind:expr, $reads:expr, $compute:path $(,)?) => {{
        let kind = $kind;
        let compute = $crate::Generated::new(kind.clone(), $zone, |row, out| out.put($compute(row)));
        $crate::Scalar::new(compute, $reads, kind)
    }};
}

/// An expression, and what is known of it.
#[derive(Clone)]
pub struct Scalar {
    pub(crate) expr: Arc<dyn RowExpression>,
    pub(crate) reads: Vec<usize>,
    pub(crate) kind: Kind,
}

impl Scalar {
    /// An expression that reads the cells at the positions `reads` and gives a value of `kind`.
    #[must_use]
    pub fn new(expr: impl RowExpression + 'static, reads: impl Into<Vec<usize>>, kind: Kind) -> Self {
        Self { expr: Arc::new(expr), reads: reads.into(), kind }
    }

    /// What it gives.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }
}
