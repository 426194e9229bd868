//! Expressions as small register programs, evaluated over a batch column by column.
//!
//! A [`Program`] is a list of instructions in the order of their evaluation; each writes one register of a known
//! [`Kind`]. The [`ProgramBuilder`] checks kinds while it builds, so that evaluation cannot meet a cell of a wrong kind.
//! `if`, `??`, `and` and `or` compute their sides for all rows and then take, row by row, the cell that counts: the fault
//! of a side that a row does not need is not seen.

mod build;
mod columns;
mod kernels;
mod scalar;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(crate) use build::same_kind;
pub use build::{BuildError, ProgramBuilder};

use crate::batch::Batch;
use crate::column::Column;
use crate::fault::Fault;
use crate::functions::Function;
use crate::types::Kind;
use crate::value::Value;
use crate::zone::Zone;

/// The result of one instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Register(usize);

/// What one step of a program computes.
///
/// Except where said otherwise an instruction is strict: the first fault among its operands is its result, else it is
/// absent where one of its operands is.
#[derive(Debug, Clone, PartialEq)]
pub enum Instruction {
    /// The column at a position of the batch.
    Column(usize),
    /// The same cell in every row.
    Constant(Value),
    /// The row's or the request's time.
    Now,
    /// A value from outside, by position in [`Env::slots`]: a parameter.
    Slot(usize),
    /// A field of a record; absent where the record is.
    Field(Register, usize),
    /// An operation on one cell.
    Unary(Unary, Register),
    /// An operation on two cells.
    Binary(Binary, Register, Register),
    /// The cell as another kind, the step's own.
    Convert(Conversion, Register),
    /// The left cell, or the right one where the left is absent.
    Coalesce(Register, Register),
    /// `then` where `condition` is true, else `otherwise`; an absent condition is not true.
    If {
        /// A `bool`.
        condition: Register,
        /// Taken where it is true.
        then: Register,
        /// Taken where it is not.
        otherwise: Register,
    },
    /// Whether the cell is absent: `x == null`.
    IsAbsent(Register),
    /// Whether both are true; the right one does not count where the left is not true. Absent is not true.
    And(Register, Register),
    /// Whether one is true; the right one does not count where the left is true. Absent is not true.
    Or(Register, Register),
    /// Two-valued equality: two absent cells are equal, an absent and a present one are not.
    Equal(Register, Register),
    /// An order comparison.
    Compare(Comparison, Register, Register),
    /// Whether the list at the right has an element equal (as [`Instruction::Equal`]) to the left cell.
    In(Register, Register),
    /// A record of the given cells; present, whatever its fields are.
    Record(Vec<Register>),
    /// A list of the given cells; its elements may be absent.
    List(Vec<Register>),
    /// A function of the standard library.
    Call(Function, Vec<Register>),
    /// An interpolated text: the texts of all pieces one after the other.
    Format(Vec<Piece>),
}

/// An operation on one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unary {
    /// `-x` on numbers and durations.
    Negate,
    /// `not x` on `bool`.
    Not,
}

/// An arithmetic operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `+`; texts are joined.
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`: float on integers and floats, decimal on decimals; absent for a zero divisor.
    Divide,
    /// `div`: truncated; absent for a zero divisor.
    Div,
    /// `mod`: with the dividend's sign; absent for a zero divisor.
    Mod,
}

/// An order comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// What a conversion checks. Both round half-even to a float or a decimal's scale, and truncate to an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// A conversion between kinds: a decimal may have as many digits as arithmetic gives, 38.
    Plain,
    /// `decimal(x, p, s)` or a value that is put into a field: a decimal is held against the precision.
    Checked,
}

/// A part of an interpolated text.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// As it stands.
    Text(Arc<str>),
    /// The text of a cell, as [`crate::text::write_text`] writes it.
    Cell(Register),
}

/// What evaluation needs besides the batch.
#[derive(Debug, Clone, Copy)]
pub struct Env<'a> {
    /// The meaning of `now`.
    pub now: Now,
    /// Values from outside, by position.
    pub slots: &'a [Value],
}

/// The meaning of `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Now {
    /// The row's own event time.
    Row,
    /// One instant for all rows, in microseconds since the epoch.
    At(i64),
}

/// An expression over the columns of a batch.
#[derive(Debug, Clone)]
pub struct Program {
    steps: Vec<Step>,
    outputs: Vec<Register>,
    zone: Arc<Zone>,
}

#[derive(Debug, Clone)]
struct Step {
    instruction: Instruction,
    kind: Kind,
}

impl Default for Env<'_> {
    fn default() -> Self {
        Self { now: Now::Row, slots: &[] }
    }
}

impl Program {
    /// The kinds of the results, in the order in which they were asked for.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.outputs.iter().filter_map(|output| self.kind(*output))
    }

    /// The first result for every row of `batch`.
    #[must_use]
    pub fn eval(&self, batch: &Batch, env: &Env<'_>) -> Column {
        let first = self.outputs.get(..1).unwrap_or(&[]);
        columns::eval(self, first, batch, env).pop().unwrap_or_else(|| Column::record(Vec::new(), None, batch.rows))
    }

    /// All results for every row of `batch`; what they share is computed once.
    #[must_use]
    pub fn eval_all(&self, batch: &Batch, env: &Env<'_>) -> Vec<Column> {
        columns::eval(self, &self.outputs, batch, env)
    }

    /// The first result for a single row of `cells` at the instant `now` (microseconds since the epoch), without any
    /// column: what a service does with a request.
    ///
    /// # Errors
    ///
    /// The fault of the result.
    pub fn eval_row(&self, cells: &[Value], now: i64, slots: &[Value]) -> Result<Value, Fault> {
        match self.outputs.first() {
            Some(output) => scalar::eval_row(self, *output, cells, now, slots),
            None => Ok(Value::Absent),
        }
    }

    /// The positions of the columns that the program reads, ascending.
    #[must_use]
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<usize> = self
            .steps
            .iter()
            .filter_map(|step| match step.instruction {
                Instruction::Column(position) => Some(position),
                _ => None,
            })
            .collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    fn kind(&self, register: Register) -> Option<&Kind> {
        self.steps.get(register.0).map(|step| &step.kind)
    }
}
