//! What every instruction means on one row. Column kernels are shortcuts of this.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::build::same_kind;
use super::{Binary, Comparison, Instruction, Piece, Program, Register, Step, Unary};
use crate::arith;
use crate::convert::convert;
use crate::fault::Fault;
use crate::functions::{order, order_kinds};
use crate::text::write_text;
use crate::types::Kind;
use crate::value::{Cell, Value};

/// The row that an instruction is evaluated for.
pub(super) trait Row {
    /// The result of an earlier instruction.
    fn register(&self, register: Register) -> Result<Cell<'_>, Fault>;
    /// A cell of the row itself.
    fn column(&self, position: usize) -> Result<Value, Fault>;
    /// The instant that `now` means.
    fn now(&self) -> i64;
    /// A value from outside.
    fn slot(&self, position: usize) -> Value;
}

/// One output for a row of `cells`.
pub(super) fn eval_row<'a>(
    program: &'a Program,
    output: Register,
    cells: &'a [Value],
    now: i64,
    slots: &'a [Value],
) -> Result<Value, Fault> {
    let mut row = Single { cells, now, slots, registers: Vec::with_capacity(output.0 + 1) };
    for step in program.steps.iter().take(output.0 + 1) {
        let result = match row.borrowed(&step.instruction) {
            Some(value) => Ok(Cow::Borrowed(value)),
            None => apply(program, step, &row).map(Cow::Owned),
        };
        row.registers.push(result);
    }
    row.registers.pop().unwrap_or(Ok(Cow::Owned(Value::Absent))).map(Cow::into_owned)
}

const ABSENT: &Value = &Value::Absent;

struct Single<'a> {
    cells: &'a [Value],
    now: i64,
    slots: &'a [Value],
    registers: Vec<Result<Cow<'a, Value>, Fault>>,
}

impl<'a> Single<'a> {
    /// The result of an instruction that only names a value which is there already.
    fn borrowed(&self, instruction: &'a Instruction) -> Option<&'a Value> {
        match instruction {
            Instruction::Column(position) => Some(self.cells.get(*position).unwrap_or(ABSENT)),
            Instruction::Constant(value) => Some(value),
            Instruction::Slot(position) => Some(self.slots.get(*position).unwrap_or(ABSENT)),
            Instruction::Field(record, position) => match self.registers.get(record.0) {
                Some(Ok(Cow::Borrowed(Value::Record(cells)))) => Some(cells.get(*position).unwrap_or(ABSENT)),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Row for Single<'_> {
    fn register(&self, register: Register) -> Result<Cell<'_>, Fault> {
        match self.registers.get(register.0) {
            Some(Ok(value)) => Ok(value.as_cell()),
            Some(Err(fault)) => Err(*fault),
            None => Ok(Cell::Absent),
        }
    }

    fn column(&self, position: usize) -> Result<Value, Fault> {
        Ok(self.cells.get(position).cloned().unwrap_or(Value::Absent))
    }

    fn now(&self) -> i64 {
        self.now
    }

    fn slot(&self, position: usize) -> Value {
        self.slots.get(position).cloned().unwrap_or(Value::Absent)
    }
}

/// The result of `step` on one row.
pub(super) fn apply(program: &Program, step: &Step, row: &dyn Row) -> Result<Value, Fault> {
    let kind = |register: Register| program.kind(register).unwrap_or(&step.kind);
    match &step.instruction {
        Instruction::Column(position) => row.column(*position),
        Instruction::Constant(value) => Ok(value.clone()),
        Instruction::Now => Ok(Value::Int(row.now())),
        Instruction::Slot(position) => Ok(row.slot(*position)),
        Instruction::Field(record, position) => Ok(match row.register(*record)? {
            Cell::Cells(Value::Record(cells)) => cells.get(*position).cloned().unwrap_or(Value::Absent),
            _ => Value::Absent,
        }),
        Instruction::Unary(operation, operand) => unary(*operation, row.register(*operand)?),
        Instruction::Binary(operation, left, right) => {
            let (a, b) = (row.register(*left)?, row.register(*right)?);
            binary(*operation, a, kind(*left), b, kind(*right))
        }
        Instruction::Convert(conversion, operand) => {
            convert(row.register(*operand)?, kind(*operand), &step.kind, *conversion, &program.zone)
        }
        Instruction::Coalesce(left, right) => match row.register(*left)? {
            Cell::Absent => row.register(*right).map(Cell::to_value),
            cell => Ok(cell.to_value()),
        },
        Instruction::If { condition, then, otherwise } => {
            let taken = if row.register(*condition)? == Cell::Bool(true) { then } else { otherwise };
            row.register(*taken).map(Cell::to_value)
        }
        Instruction::IsAbsent(operand) => Ok(Value::Bool(row.register(*operand)? == Cell::Absent)),
        Instruction::And(left, right) => {
            let both = row.register(*left)? == Cell::Bool(true) && row.register(*right)? == Cell::Bool(true);
            Ok(Value::Bool(both))
        }
        Instruction::Or(left, right) => {
            let either = row.register(*left)? == Cell::Bool(true) || row.register(*right)? == Cell::Bool(true);
            Ok(Value::Bool(either))
        }
        Instruction::Equal(left, right) => {
            let (a, b) = (row.register(*left)?, row.register(*right)?);
            Ok(Value::Bool(equal(a, kind(*left), b, kind(*right))))
        }
        Instruction::Compare(comparison, left, right) => match (row.register(*left)?, row.register(*right)?) {
            (Cell::Absent, _) | (_, Cell::Absent) => Ok(Value::Absent),
            (a, b) => Ok(Value::Bool(comparison.holds(order_kinds(a, kind(*left), b, kind(*right))))),
        },
        Instruction::In(left, list) => {
            let (a, cells) = (row.register(*left)?, row.register(*list)?);
            let Kind::List(element) = kind(*list) else { return Err(Fault::Conversion) };
            Ok(match cells {
                Cell::Cells(Value::List(cells)) => {
                    Value::Bool(cells.iter().any(|cell| equal(a, kind(*left), cell.as_cell(), &element.kind)))
                }
                _ => Value::Absent,
            })
        }
        Instruction::Record(fields) => cells(row, fields).map(|cells| Value::Record(cells.into())),
        Instruction::List(elements) => cells(row, elements).map(|cells| Value::List(cells.into())),
        Instruction::Call(function, arguments) => {
            let cells = arguments.iter().map(|register| row.register(*register)).collect::<Result<Vec<_>, _>>()?;
            if cells.contains(&Cell::Absent) {
                return Ok(Value::Absent);
            }
            let kinds: Vec<&Kind> = arguments.iter().map(|register| kind(*register)).collect();
            function.call(&kinds, &cells, &program.zone)
        }
        Instruction::Format(pieces) => format(pieces, row, kind),
    }
}

fn cells(row: &dyn Row, registers: &[Register]) -> Result<Vec<Value>, Fault> {
    registers.iter().map(|register| row.register(*register).map(Cell::to_value)).collect()
}

fn format<'a>(pieces: &[Piece], row: &dyn Row, kind: impl Fn(Register) -> &'a Kind) -> Result<Value, Fault> {
    let mut text = Vec::new();
    let mut absent = false;
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.extend_from_slice(piece.as_bytes()),
            Piece::Cell(register) => match row.register(*register)? {
                Cell::Absent => absent = true,
                cell => write_text(&mut text, cell, kind(*register)),
            },
        }
    }
    if absent {
        return Ok(Value::Absent);
    }
    String::from_utf8(text).map(|text| Value::String(text.into())).map_err(|_| Fault::Conversion)
}

fn unary(operation: Unary, cell: Cell<'_>) -> Result<Value, Fault> {
    match (operation, cell) {
        (_, Cell::Absent) => Ok(Value::Absent),
        (Unary::Not, Cell::Bool(x)) => Ok(Value::Bool(!x)),
        (Unary::Negate, Cell::Int(x)) => arith::negate_int(x).map(Value::Int),
        (Unary::Negate, Cell::Float(x)) => Ok(Value::Float(arith::negate_float(x))),
        (Unary::Negate, Cell::Decimal(x)) => arith::negate_decimal(x).map(Value::Decimal),
        _ => Err(Fault::Conversion),
    }
}

/// Two-valued equality of cells of two comparable kinds: absent equals absent only.
fn equal(a: Cell<'_>, a_kind: &Kind, b: Cell<'_>, b_kind: &Kind) -> bool {
    match (a, b) {
        (Cell::Absent, Cell::Absent) => true,
        (Cell::Absent, _) | (_, Cell::Absent) => false,
        (a, b) if same_kind(a_kind, b_kind) => order(a, b).is_eq(),
        (a, b) => order_kinds(a, a_kind, b, b_kind).is_eq(),
    }
}

impl Comparison {
    /// Whether it holds for two cells in that order.
    #[inline]
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterEqual => ordering.is_ge(),
        }
    }
}

fn binary(operation: Binary, a: Cell<'_>, a_kind: &Kind, b: Cell<'_>, b_kind: &Kind) -> Result<Value, Fault> {
    let scale = |kind: &Kind| if let Kind::Decimal { scale, .. } = kind { *scale } else { 0 };
    match (a, b) {
        (Cell::Absent, _) | (_, Cell::Absent) => Ok(Value::Absent),
        (Cell::Int(a), Cell::Int(b)) => integers(operation, a, a_kind, b, b_kind),
        (Cell::Float(a), Cell::Float(b)) => optional(floats(operation, a, b)?, Value::Float),
        (Cell::Decimal(a), Cell::Decimal(b)) => {
            optional(decimals(operation, a, scale(a_kind), b, scale(b_kind))?, Value::Decimal)
        }
        (Cell::String(a), Cell::String(b)) if operation == Binary::Add => Ok(Value::String([a, b].concat().into())),
        _ => Err(Fault::Conversion),
    }
}

fn optional<T>(value: Option<T>, make: impl Fn(T) -> Value) -> Result<Value, Fault> {
    Ok(value.map_or(Value::Absent, make))
}

/// Integers and what is held as one: dates in days, instants and durations in microseconds.
fn integers(operation: Binary, a: i64, a_kind: &Kind, b: i64, b_kind: &Kind) -> Result<Value, Fault> {
    match (operation, a_kind, b_kind) {
        (Binary::Divide, _, _) => optional(arith::divide_int(a, b), Value::Float),
        (Binary::Subtract, Kind::Date, Kind::Date) => arith::subtract_dates(a, b).map(Value::Int),
        (Binary::Add, Kind::Date, _) => arith::add_to_date(a, b).map(Value::Int),
        (Binary::Subtract, Kind::Date, _) => arith::subtract_from_date(a, b).map(Value::Int),
        _ => optional(ints(operation, a, b)?, Value::Int),
    }
}

/// Every operation but `/` on integers; `None` is absent.
#[inline(always)]
pub(super) fn ints(operation: Binary, a: i64, b: i64) -> Result<Option<i64>, Fault> {
    match operation {
        Binary::Add => arith::add_int(a, b).map(Some),
        Binary::Subtract => arith::subtract_int(a, b).map(Some),
        Binary::Multiply => arith::multiply_int(a, b).map(Some),
        Binary::Div => arith::div_int(a, b),
        Binary::Mod => Ok(arith::mod_int(a, b)),
        Binary::Divide => Err(Fault::Conversion),
    }
}

/// Every operation on floats; `None` is absent.
#[inline(always)]
pub(super) fn floats(operation: Binary, a: f64, b: f64) -> Result<Option<f64>, Fault> {
    match operation {
        Binary::Add => arith::add_float(a, b).map(Some),
        Binary::Subtract => arith::subtract_float(a, b).map(Some),
        Binary::Multiply => arith::multiply_float(a, b).map(Some),
        Binary::Divide => arith::divide_float(a, b),
        Binary::Div => arith::div_float(a, b),
        Binary::Mod => Ok(arith::mod_float(a, b)),
    }
}

/// Every operation on decimals; `None` is absent.
#[inline(always)]
pub(super) fn decimals(operation: Binary, a: i128, sa: u8, b: i128, sb: u8) -> Result<Option<i128>, Fault> {
    match operation {
        Binary::Add => arith::add_decimal(a, sa, b, sb).map(Some),
        Binary::Subtract => arith::subtract_decimal(a, sa, b, sb).map(Some),
        Binary::Multiply => arith::multiply_decimal(a, sa, b, sb).map(Some),
        Binary::Divide => arith::divide_decimal(a, sa, b, sb),
        Binary::Div => arith::div_decimal(a, sa, b, sb),
        Binary::Mod => arith::mod_decimal(a, sa, b, sb),
    }
}
