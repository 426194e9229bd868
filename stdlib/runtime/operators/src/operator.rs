//! What an operator is, and what it may do to the world: nothing but give rows, dead letters and state.

use std::fmt;
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::fault::Fault;

use crate::expression::Environment;
use crate::order::Order;
use crate::state::StateWriter;

/// One step of a dataflow.
///
/// An operator is called once for each micro-batch: a contiguous range of arrival order. Each port gets one batch, sorted
/// by [`Order`], perhaps empty; each output gives one. Several ports are merged by `Order` row by row, so that results do
/// not depend on how rows were cut into micro-batches.
pub trait Operator: Send {
    /// The number of input ports.
    fn inputs(&self) -> usize;

    /// The number of outputs.
    fn outputs(&self) -> usize {
        1
    }

    /// Takes the next rows of every port and gives the rows that follow from them, and from `cx.frontier` having been
    /// reached: one batch an output. All inputs may be empty, when only time goes on.
    ///
    /// # Errors
    ///
    /// When the operator is wired wrongly or its state is damaged; never for what is in a row.
    fn process(&mut self, inputs: &[Batch], cx: &mut Context) -> Result<Vec<Batch>, OperatorError>;

    /// Bounded input has ended: the rows that had to wait for that. Empty where there are none.
    ///
    /// # Errors
    ///
    /// As [`Operator::process`].
    fn finish(&mut self, _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        Ok(Vec::new())
    }

    /// Whether changes of state are remembered for [`Operator::freeze`] and [`Operator::rollback`] (the default). A job
    /// that starts anew after a failure spares itself that.
    fn track(&mut self, _on: bool) {}

    /// Writes the keyed state that changed since the last freeze. The same log and frontier give the same state,
    /// whatever the batching.
    fn freeze(&mut self, _out: &mut StateWriter) {}

    /// What was frozen is durable: [`Operator::rollback`] returns to here.
    fn commit(&mut self) {}

    /// Returns to the last commit, or restore: every change since then is undone, frozen or not.
    ///
    /// # Errors
    ///
    /// When changes were not tracked.
    fn rollback(&mut self) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Puts back one entry that freeze wrote; called for each, in any order, before the first batch.
    ///
    /// # Errors
    ///
    /// When the entry was not written by such an operator, or is damaged.
    fn restore(&mut self, _key: &[u8], _value: &[u8]) -> Result<(), OperatorError> {
        Err(OperatorError::State("this operator keeps no state"))
    }
}

/// What an operator sees besides its rows. It has no clock and does no I/O.
#[derive(Debug, Default)]
pub struct Context {
    /// No event that arrives from now on has `arrived` below this; microseconds since the epoch.
    pub frontier: i64,
    /// What expressions read besides the row.
    pub env: Environment,
    dead: Vec<DeadLetter>,
}

impl Context {
    /// A context before any event.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        Self { frontier: i64::MIN, env, dead: Vec::new() }
    }

    /// Leaves a row out of `flow` because of `reason`.
    pub fn dead(&mut self, flow: &Arc<str>, order: Order, reason: Reason, detail: impl Into<String>) {
        self.dead.push(DeadLetter { flow: Arc::clone(flow), order, reason, detail: detail.into() });
    }

    /// Leaves a row of `batch` out of `flow` because of `fault`. One that takes a row back is no dead letter: the row was
    /// one when it was added, and the record that takes it back has no fault.
    pub fn left_out(&mut self, flow: &Arc<str>, batch: &Batch, row: usize, fault: Fault, detail: impl Into<String>) {
        if batch.adds(row) {
            self.dead(flow, Order::of(batch, row), Reason::Fault(fault), detail);
        }
    }

    /// The dead letters since the last call, in the order in which they were found.
    pub fn take_dead(&mut self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.dead)
    }

    /// The number of dead letters that wait to be taken.
    #[must_use]
    pub fn dead_count(&self) -> usize {
        self.dead.len()
    }
}

/// A row that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The flow or feature set that left it out; the source's name where the source refused it.
    pub flow: Arc<str>,
    /// Its place. [`Order::event_origin`] and `offset` find its raw bytes.
    pub order: Order,
    /// Why.
    pub reason: Reason,
    /// In words, for a reader.
    pub detail: String,
}

/// Why a row is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// `time < arrived − lateness`.
    Late,
    /// `time > arrived + ahead`.
    Ahead,
    /// A record or a needed cell could not be read or computed.
    Fault(Fault),
}

impl Reason {
    /// The code under which dead letters name it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Ahead => "ahead",
            Self::Fault(fault) => fault.code(),
        }
    }
}

/// Why an operator cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorError {
    /// It was wired or built wrongly.
    Wiring(&'static str),
    /// Its stored state cannot be read; rebuild it from history.
    State(&'static str),
}

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wiring(what) => write!(f, "the dataflow is built wrongly: {what}"),
            Self::State(what) => write!(f, "the stored state cannot be used ({what}); rebuild it from history"),
        }
    }
}

impl std::error::Error for OperatorError {}
