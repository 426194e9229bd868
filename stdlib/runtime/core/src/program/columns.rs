//! Evaluation over a batch: one instruction for all rows, then the next.

use super::kernels;
use super::scalar::{Row, apply};
use super::{Env, Instruction, Now, Piece, Program, Register, Step};
use crate::batch::Batch;
use crate::builder::ColumnBuilder;
use crate::column::{Column, State};
use crate::fault::Fault;
use crate::types::Kind;
use crate::value::{Cell, Value};

/// What a register holds while a batch is evaluated.
pub(super) enum Operand {
    /// A cell a row.
    Column(Column),
    /// The same in every row.
    Scalar(Result<Value, Fault>),
}

impl Operand {
    pub(super) fn cell(&self, row: usize) -> Result<Cell<'_>, Fault> {
        match self {
            Self::Column(column) => column.cell(row),
            Self::Scalar(Ok(value)) => Ok(value.as_cell()),
            Self::Scalar(Err(fault)) => Err(*fault),
        }
    }

    pub(super) fn state(&self, row: usize) -> State {
        match self {
            Self::Column(column) => column.state(row),
            Self::Scalar(Ok(Value::Absent)) => State::Absent,
            Self::Scalar(Ok(_)) => State::Present,
            Self::Scalar(Err(fault)) => State::Fault(*fault),
        }
    }

    fn into_column(self, kind: &Kind, rows: usize) -> Column {
        match self {
            Self::Column(column) => column,
            Self::Scalar(value) => {
                Column::repeat(kind, value.as_ref().map(Value::as_cell).map_err(|fault| *fault), rows)
            }
        }
    }

    fn to_column(&self, kind: &Kind, rows: usize) -> Column {
        match self {
            Self::Column(column) => column.clone(),
            Self::Scalar(value) => Self::Scalar(value.clone()).into_column(kind, rows),
        }
    }
}

/// The columns of `outputs`.
pub(super) fn eval(program: &Program, outputs: &[Register], batch: &Batch, env: &Env<'_>) -> Vec<Column> {
    let needed = needed(program, outputs);
    let mut registers: Vec<Option<Operand>> = Vec::with_capacity(program.steps.len());
    for (step, needed) in program.steps.iter().zip(needed) {
        let operand = needed.then(|| evaluate(&Frame { program, batch, env, registers: &registers }, step));
        registers.push(operand);
    }
    outputs
        .iter()
        .filter_map(|output| {
            let operand = registers.get(output.0)?.as_ref()?;
            Some(operand.to_column(program.kind(*output)?, batch.rows))
        })
        .collect()
}

/// Which steps the outputs need.
fn needed(program: &Program, outputs: &[Register]) -> Vec<bool> {
    let mut needed = vec![false; program.steps.len()];
    for output in outputs {
        mark(&mut needed, *output);
    }
    for (index, step) in program.steps.iter().enumerate().rev() {
        if needed.get(index) == Some(&true) {
            step.instruction.operands(|operand| mark(&mut needed, operand));
        }
    }
    needed
}

fn mark(needed: &mut [bool], register: Register) {
    if let Some(slot) = needed.get_mut(register.0) {
        *slot = true;
    }
}

impl Instruction {
    /// Calls `each` with every register that the instruction reads.
    fn operands(&self, mut each: impl FnMut(Register)) {
        match self {
            Self::Column(_) | Self::Constant(_) | Self::Now | Self::Slot(_) => {}
            Self::Field(a, _) | Self::Unary(_, a) | Self::Convert(_, a) | Self::IsAbsent(a) => each(*a),
            Self::Binary(_, a, b)
            | Self::Coalesce(a, b)
            | Self::And(a, b)
            | Self::Or(a, b)
            | Self::Equal(a, b)
            | Self::Compare(_, a, b)
            | Self::In(a, b) => {
                each(*a);
                each(*b);
            }
            Self::If { condition, then, otherwise } => {
                each(*condition);
                each(*then);
                each(*otherwise);
            }
            Self::Record(all) | Self::List(all) | Self::Call(_, all) => all.iter().copied().for_each(each),
            Self::Format(pieces) => {
                for piece in pieces {
                    if let Piece::Cell(register) = piece {
                        each(*register);
                    }
                }
            }
        }
    }
}

/// Everything that a step can see.
struct Frame<'a> {
    program: &'a Program,
    batch: &'a Batch,
    env: &'a Env<'a>,
    registers: &'a [Option<Operand>],
}

impl<'a> Frame<'a> {
    fn operand(&self, register: Register) -> Option<&'a Operand> {
        self.registers.get(register.0)?.as_ref()
    }

    fn kind(&self, register: Register) -> Option<&'a Kind> {
        self.program.kind(register)
    }
}

struct FrameRow<'a> {
    frame: &'a Frame<'a>,
    row: usize,
}

impl Row for FrameRow<'_> {
    fn register(&self, register: Register) -> Result<Cell<'_>, Fault> {
        self.frame.operand(register).map_or(Ok(Cell::Absent), |operand| operand.cell(self.row))
    }

    fn column(&self, position: usize) -> Result<Value, Fault> {
        self.frame.batch.columns.get(position).map_or(Ok(Value::Absent), |column| column.value(self.row))
    }

    fn now(&self) -> i64 {
        match self.frame.env.now {
            Now::Row => self.frame.batch.time.get(self.row).copied().unwrap_or_default(),
            Now::At(instant) => instant,
        }
    }

    fn slot(&self, position: usize) -> Value {
        self.frame.env.slots.get(position).cloned().unwrap_or(Value::Absent)
    }
}

fn evaluate(frame: &Frame<'_>, step: &Step) -> Operand {
    let rows = frame.batch.rows;
    match &step.instruction {
        Instruction::Column(position) => {
            return Operand::Column(match frame.batch.columns.get(*position) {
                Some(column) => column.clone(),
                None => Column::repeat(&step.kind, Ok(Cell::Absent), rows),
            });
        }
        Instruction::Now if frame.env.now == Now::Row => {
            return Operand::Column(Column::ints(frame.batch.time.clone()));
        }
        _ => {}
    }
    let mut scalar = true;
    step.instruction.operands(|operand| scalar &= matches!(frame.operand(operand), Some(Operand::Scalar(_))));
    // A record of constants stays a column: its fields may be faulty one by one.
    if scalar && !matches!(step.instruction, Instruction::Record(_)) {
        return Operand::Scalar(apply(frame.program, step, &FrameRow { frame, row: 0 }));
    }
    if let Some(column) = shortcut(frame, step, rows) {
        return Operand::Column(column);
    }
    let mut builder = ColumnBuilder::new(&step.kind, rows);
    for row in 0..rows {
        let result = apply(frame.program, step, &FrameRow { frame, row });
        builder.push(result.as_ref().map(Value::as_cell).map_err(|fault| *fault));
    }
    Operand::Column(builder.finish())
}

/// The instructions that have a kernel of their own, on operands that it takes.
fn shortcut(frame: &Frame<'_>, step: &Step, rows: usize) -> Option<Column> {
    let operand = |register: &Register| frame.operand(*register);
    let kind = |register: &Register| frame.kind(*register);
    match &step.instruction {
        Instruction::Field(record, position) => match operand(record)? {
            Operand::Column(column) => column.field(*position),
            Operand::Scalar(_) => None,
        },
        Instruction::Record(fields) => {
            let columns = fields
                .iter()
                .map(|field| Some(operand(field)?.to_column(kind(field)?, rows)))
                .collect::<Option<Vec<_>>>()?;
            Some(Column::record(columns, None, rows))
        }
        Instruction::IsAbsent(a) => Some(kernels::is_absent(operand(a)?, rows)),
        Instruction::And(a, b) => kernels::connect(operand(a)?, operand(b)?, rows, true),
        Instruction::Or(a, b) => kernels::connect(operand(a)?, operand(b)?, rows, false),
        Instruction::If { condition, then, otherwise } => {
            let choice = kernels::conditions(operand(condition)?, rows)?;
            let (then, otherwise) = (operand(then)?, operand(otherwise)?);
            Some(kernels::select(
                &choice,
                &then.to_column(&step.kind, rows),
                &otherwise.to_column(&step.kind, rows),
                &step.kind,
            ))
        }
        Instruction::Coalesce(a, b) => {
            let left = operand(a)?.to_column(&step.kind, rows);
            if left.states().is_none() {
                return Some(left);
            }
            let choice = (0..rows).map(|row| if left.state(row) == State::Absent { Ok(false) } else { Ok(true) });
            let choice: Vec<Result<bool, Fault>> = choice.collect();
            Some(kernels::select(&choice, &left, &operand(b)?.to_column(&step.kind, rows), &step.kind))
        }
        Instruction::Unary(operation, a) => kernels::unary(*operation, operand(a)?, rows),
        Instruction::Binary(operation, a, b) => {
            kernels::binary(*operation, operand(a)?, kind(a)?, operand(b)?, kind(b)?, rows)
        }
        Instruction::Compare(comparison, a, b) => {
            kernels::compare(Some(*comparison), operand(a)?, kind(a)?, operand(b)?, kind(b)?, rows)
        }
        Instruction::Equal(a, b) => kernels::compare(None, operand(a)?, kind(a)?, operand(b)?, kind(b)?, rows),
        Instruction::Convert(conversion, a) => {
            kernels::convert(*conversion, operand(a)?, kind(a)?, &step.kind, &frame.program.zone, rows)
        }
        _ => None,
    }
}
