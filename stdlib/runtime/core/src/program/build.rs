//! Building a program: kinds are checked here, once, so that evaluation need not.

use std::fmt;
use std::sync::Arc;

use super::{Binary, Comparison, Conversion, Instruction, Piece, Program, Register, Step, Unary};
use crate::arith::{MAX_DIGITS, product_scale, quotient_scale, sum_scale};
use crate::functions::Function;
use crate::types::{DataType, Field, Kind, RecordType, Schema};
use crate::value::Value;
use crate::zone::Zone;

/// Why an instruction cannot be built: a mistake of whoever lowers a checked program, not of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    /// What is wrong with which kinds.
    pub message: String,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BuildError {}

/// Builds a [`Program`] over the columns of one schema, operands before what uses them.
#[derive(Debug)]
pub struct ProgramBuilder {
    columns: Vec<Kind>,
    steps: Vec<Step>,
    zone: Arc<Zone>,
}

impl ProgramBuilder {
    /// A builder over batches of `schema`, with calendar functions in UTC.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let columns = schema.fields.iter().map(|field| field.ty.kind.clone()).collect();
        Self { columns, steps: Vec::new(), zone: Arc::default() }
    }

    /// Lets calendar functions (`date`, `hour`, …) use `zone`.
    #[must_use]
    pub fn zone(mut self, zone: Arc<Zone>) -> Self {
        self.zone = zone;
        self
    }

    /// The program that computes `outputs`.
    #[must_use]
    pub fn finish(self, outputs: Vec<Register>) -> Program {
        Program { steps: self.steps, outputs, zone: self.zone }
    }

    /// The kind that `register` holds.
    ///
    /// # Errors
    ///
    /// If the register is of another builder.
    pub fn kind(&self, register: Register) -> Result<&Kind, BuildError> {
        match self.steps.get(register.0) {
            Some(step) => Ok(&step.kind),
            None => error(format!("register {} is not written yet", register.0)),
        }
    }

    /// The column at `position`.
    ///
    /// # Errors
    ///
    /// If the schema has no such column.
    pub fn column(&mut self, position: usize) -> Result<Register, BuildError> {
        match self.columns.get(position) {
            Some(kind) => {
                let kind = kind.clone();
                Ok(self.push(Instruction::Column(position), kind))
            }
            None => error(format!("the schema has no column {position}")),
        }
    }

    /// A constant of `kind`; [`Value::Absent`] for `null`.
    ///
    /// # Errors
    ///
    /// If the value is not of that kind.
    pub fn constant(&mut self, value: Value, kind: Kind) -> Result<Register, BuildError> {
        // −0 is written like 0 and must be it.
        let value = if let Value::Float(value) = value { Value::Float(value + 0.0) } else { value };
        if holds(&kind, &value) {
            Ok(self.push(Instruction::Constant(value), kind))
        } else {
            error(format!("the constant {value:?} is not of kind {kind:?}"))
        }
    }

    /// `now`, a timestamp.
    pub fn now(&mut self) -> Register {
        self.push(Instruction::Now, Kind::Timestamp)
    }

    /// The value from outside at `position`, of `kind`. A missing one is absent.
    pub fn slot(&mut self, position: usize, kind: Kind) -> Register {
        self.push(Instruction::Slot(position), kind)
    }

    /// The field at `position` of a record. It is looked for through the instructions that made the record, so that the
    /// fault of another field is never seen.
    ///
    /// # Errors
    ///
    /// If the register holds no record with such a field.
    pub fn field(&mut self, record: Register, position: usize) -> Result<Register, BuildError> {
        let Kind::Record(record_type) = self.kind(record)? else {
            return error(format!("{:?} has no fields", self.kind(record)?));
        };
        let Some(field) = record_type.fields.get(position) else {
            return error(format!("the record has no field {position}"));
        };
        let kind = field.ty.kind.clone();
        let made = self.steps.get(record.0).map(|step| step.instruction.clone());
        match made {
            Some(Instruction::Record(fields)) if position < fields.len() => {
                fields.get(position).copied().map_or_else(|| error("the record lacks a field".to_owned()), Ok)
            }
            Some(Instruction::If { condition, then, otherwise }) => {
                let (then, otherwise) = (self.field(then, position)?, self.field(otherwise, position)?);
                self.select(condition, then, otherwise)
            }
            Some(Instruction::Coalesce(left, right)) => {
                let absent = self.is_absent(left)?;
                let (left, right) = (self.field(left, position)?, self.field(right, position)?);
                self.select(absent, right, left)
            }
            Some(Instruction::Convert(conversion, from)) => {
                let from = self.field(from, position)?;
                self.convert(conversion, from, &kind)
            }
            _ => Ok(self.push(Instruction::Field(record, position), kind)),
        }
    }

    /// An operation on one cell.
    ///
    /// # Errors
    ///
    /// If it is not defined on the operand's kind.
    pub fn unary(&mut self, operation: Unary, operand: Register) -> Result<Register, BuildError> {
        let kind = self.kind(operand)?;
        let defined = match operation {
            Unary::Not => matches!(kind, Kind::Bool),
            Unary::Negate => matches!(kind, Kind::Int | Kind::Float | Kind::Decimal { .. } | Kind::Duration),
        };
        if !defined {
            return error(format!("{operation:?} is not defined on {kind:?}"));
        }
        let kind = kind.clone();
        Ok(self.push(Instruction::Unary(operation, operand), kind))
    }

    /// An arithmetic operation: on two integers, floats, decimals or (`+`) texts; `timestamp ± duration`,
    /// `date ± duration`, `timestamp - timestamp`, `date - date`, `duration ± duration`, `duration * int`,
    /// `int * duration`, `duration div int`, and `/`, `div`, `mod` of two durations.
    ///
    /// # Errors
    ///
    /// If it is not defined on the operands' kinds.
    pub fn binary(&mut self, operation: Binary, left: Register, right: Register) -> Result<Register, BuildError> {
        let (a, b) = (self.kind(left)?, self.kind(right)?);
        match binary_kind(operation, a, b) {
            Some(kind) => Ok(self.push(Instruction::Binary(operation, left, right), kind)),
            None => error(format!("{operation:?} is not defined on {a:?} and {b:?}")),
        }
    }

    /// The cell as another kind. Defined between all numbers; from text to numbers, `bool`, date, timestamp, duration and
    /// enum members; from anything to text; between date and timestamp; from a record or list to another whose parts
    /// convert.
    ///
    /// # Errors
    ///
    /// If there is no such conversion.
    pub fn convert(&mut self, conversion: Conversion, from: Register, to: &Kind) -> Result<Register, BuildError> {
        let kind = self.kind(from)?;
        if kind == to || (conversion != Conversion::Checked && same_kind(kind, to)) {
            return Ok(from);
        }
        if !convertible(kind, to) {
            return error(format!("{kind:?} does not convert to {to:?}"));
        }
        Ok(self.push(Instruction::Convert(conversion, from), to.clone()))
    }

    /// `left ?? right`.
    ///
    /// # Errors
    ///
    /// If the two are of different kinds.
    pub fn coalesce(&mut self, left: Register, right: Register) -> Result<Register, BuildError> {
        let kind = self.same(left, right)?;
        Ok(self.push(Instruction::Coalesce(left, right), kind))
    }

    /// `if condition then a else b`.
    ///
    /// # Errors
    ///
    /// If the condition is no `bool` or the two sides are of different kinds.
    pub fn select(&mut self, condition: Register, then: Register, otherwise: Register) -> Result<Register, BuildError> {
        self.boolean(condition)?;
        let kind = self.same(then, otherwise)?;
        Ok(self.push(Instruction::If { condition, then, otherwise }, kind))
    }

    /// `x == null`. A record is not absent because one of its fields is faulty.
    ///
    /// # Errors
    ///
    /// If the register is of another builder.
    pub fn is_absent(&mut self, operand: Register) -> Result<Register, BuildError> {
        let record = matches!(self.kind(operand)?, Kind::Record(_));
        let made = self.steps.get(operand.0).map(|step| step.instruction.clone());
        match made {
            Some(Instruction::Record(_)) => self.constant(Value::Bool(false), Kind::Bool),
            Some(Instruction::If { condition, then, otherwise }) if record => {
                let (then, otherwise) = (self.is_absent(then)?, self.is_absent(otherwise)?);
                self.select(condition, then, otherwise)
            }
            Some(Instruction::Coalesce(left, right)) if record => {
                let (left, right) = (self.is_absent(left)?, self.is_absent(right)?);
                self.and(left, right)
            }
            Some(Instruction::Convert(_, from)) if record => self.is_absent(from),
            _ => Ok(self.push(Instruction::IsAbsent(operand), Kind::Bool)),
        }
    }

    /// `left and right`.
    ///
    /// # Errors
    ///
    /// If one is no `bool`.
    pub fn and(&mut self, left: Register, right: Register) -> Result<Register, BuildError> {
        self.boolean(left)?;
        self.boolean(right)?;
        Ok(self.push(Instruction::And(left, right), Kind::Bool))
    }

    /// `left or right`.
    ///
    /// # Errors
    ///
    /// If one is no `bool`.
    pub fn or(&mut self, left: Register, right: Register) -> Result<Register, BuildError> {
        self.boolean(left)?;
        self.boolean(right)?;
        Ok(self.push(Instruction::Or(left, right), Kind::Bool))
    }

    /// `left == right`; decimals of different scales compare as numbers.
    ///
    /// # Errors
    ///
    /// If the two are of different kinds.
    pub fn equal(&mut self, left: Register, right: Register) -> Result<Register, BuildError> {
        self.comparable(left, right)?;
        Ok(self.push(Instruction::Equal(left, right), Kind::Bool))
    }

    /// `left != right`.
    ///
    /// # Errors
    ///
    /// If the two are of different kinds.
    pub fn not_equal(&mut self, left: Register, right: Register) -> Result<Register, BuildError> {
        let equal = self.equal(left, right)?;
        self.unary(Unary::Not, equal)
    }

    /// An order comparison; decimals of different scales compare as numbers, texts by code point, enums by position.
    ///
    /// # Errors
    ///
    /// If the two are of different kinds.
    pub fn compare(&mut self, comparison: Comparison, left: Register, right: Register) -> Result<Register, BuildError> {
        self.comparable(left, right)?;
        Ok(self.push(Instruction::Compare(comparison, left, right), Kind::Bool))
    }

    /// `left in list`.
    ///
    /// # Errors
    ///
    /// If the right side is no list of the left one's kind.
    pub fn contains(&mut self, left: Register, list: Register) -> Result<Register, BuildError> {
        match (self.kind(left)?, self.kind(list)?) {
            (kind, Kind::List(element)) if comparable(kind, &element.kind) => {
                Ok(self.push(Instruction::In(left, list), Kind::Bool))
            }
            (a, b) => error(format!("{b:?} is no list of {a:?}")),
        }
    }

    /// A record of the given cells under the given names.
    ///
    /// # Errors
    ///
    /// If a register is of another builder.
    pub fn record(&mut self, fields: &[(&str, Register)]) -> Result<Register, BuildError> {
        let types = fields
            .iter()
            .map(|(name, register)| {
                let kind = self.kind(*register)?.clone();
                Ok(Field { name: (*name).to_owned(), ty: DataType::optional(kind) })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let kind = Kind::Record(Arc::new(RecordType { fields: types }));
        Ok(self.push(Instruction::Record(fields.iter().map(|(_, register)| *register).collect()), kind))
    }

    /// A list of the given cells of kind `element`.
    ///
    /// # Errors
    ///
    /// If one is of another kind.
    pub fn list(&mut self, element: &Kind, cells: Vec<Register>) -> Result<Register, BuildError> {
        for cell in &cells {
            let kind = self.kind(*cell)?;
            if !same_kind(kind, element) {
                return error(format!("{kind:?} in a list of {element:?}"));
            }
        }
        let kind = Kind::List(Arc::new(DataType::optional(element.clone())));
        Ok(self.push(Instruction::List(cells), kind))
    }

    /// A call of a function of the standard library.
    ///
    /// # Errors
    ///
    /// If it is not defined on these kinds.
    pub fn call(&mut self, function: Function, arguments: Vec<Register>) -> Result<Register, BuildError> {
        let kinds = arguments.iter().map(|argument| self.kind(*argument)).collect::<Result<Vec<_>, _>>()?;
        match function.result(&kinds) {
            Some(kind) => Ok(self.push(Instruction::Call(function, arguments), kind)),
            None => error(format!("{function:?} is not defined on {kinds:?}")),
        }
    }

    /// An interpolated text.
    ///
    /// # Errors
    ///
    /// If a register is of another builder.
    pub fn format(&mut self, pieces: Vec<Piece>) -> Result<Register, BuildError> {
        for piece in &pieces {
            if let Piece::Cell(register) = piece {
                self.kind(*register)?;
            }
        }
        Ok(self.push(Instruction::Format(pieces), Kind::String))
    }

    /// Adds a step, or finds the one that computes the same.
    fn push(&mut self, instruction: Instruction, kind: Kind) -> Register {
        // A window is enough to find what one expression repeats, and keeps building linear.
        let recent = self.steps.len().saturating_sub(64);
        let known = self.steps.iter().enumerate().skip(recent);
        for (index, step) in known {
            if step.instruction == instruction && step.kind == kind {
                return Register(index);
            }
        }
        self.steps.push(Step { instruction, kind });
        Register(self.steps.len() - 1)
    }

    fn same(&self, left: Register, right: Register) -> Result<Kind, BuildError> {
        let (a, b) = (self.kind(left)?, self.kind(right)?);
        if same_kind(a, b) { Ok(a.clone()) } else { error(format!("{a:?} and {b:?} differ")) }
    }

    fn comparable(&self, left: Register, right: Register) -> Result<(), BuildError> {
        let (a, b) = (self.kind(left)?, self.kind(right)?);
        if comparable(a, b) { Ok(()) } else { error(format!("{a:?} and {b:?} do not compare")) }
    }

    fn boolean(&self, register: Register) -> Result<(), BuildError> {
        match self.kind(register)? {
            Kind::Bool => Ok(()),
            kind => error(format!("{kind:?} is no condition")),
        }
    }
}

fn error<T>(message: String) -> Result<T, BuildError> {
    Err(BuildError { message })
}

/// Whether cells of the two kinds are the same: a decimal's precision, names and absence do not change a cell.
pub(crate) fn same_kind(a: &Kind, b: &Kind) -> bool {
    match (a, b) {
        (Kind::Decimal { scale: a, .. }, Kind::Decimal { scale: b, .. }) => a == b,
        (Kind::List(a), Kind::List(b)) => same_kind(&a.kind, &b.kind),
        (Kind::Record(a), Kind::Record(b)) => {
            a.fields.len() == b.fields.len()
                && a.fields.iter().zip(&b.fields).all(|(a, b)| same_kind(&a.ty.kind, &b.ty.kind))
        }
        (Kind::Enum(a), Kind::Enum(b)) => a.members == b.members,
        _ => a == b,
    }
}

fn comparable(a: &Kind, b: &Kind) -> bool {
    matches!((a, b), (Kind::Decimal { .. }, Kind::Decimal { .. })) || same_kind(a, b)
}

/// Whether `value` is a cell of `kind`.
fn holds(kind: &Kind, value: &Value) -> bool {
    match (kind, value) {
        (_, Value::Absent)
        | (Kind::Bool, Value::Bool(_))
        | (Kind::Int | Kind::Date | Kind::Timestamp | Kind::Duration, Value::Int(_))
        | (Kind::Decimal { .. }, Value::Decimal(_))
        | (Kind::String, Value::String(_))
        | (Kind::Bytes, Value::Bytes(_)) => true,
        (Kind::Float, Value::Float(value)) => value.is_finite(),
        (Kind::Enum(members), Value::Int(index)) => {
            usize::try_from(*index).is_ok_and(|index| index < members.members.len())
        }
        (Kind::List(element), Value::List(cells)) => cells.iter().all(|cell| holds(&element.kind, cell)),
        (Kind::Record(record), Value::Record(cells)) => {
            record.fields.len() == cells.len()
                && record.fields.iter().zip(cells.iter()).all(|(field, cell)| holds(&field.ty.kind, cell))
        }
        _ => false,
    }
}

fn binary_kind(operation: Binary, a: &Kind, b: &Kind) -> Option<Kind> {
    use Binary::{Add, Div, Divide, Mod, Multiply, Subtract};
    Some(match (operation, a, b) {
        (Divide, Kind::Int, Kind::Int) | (Divide, Kind::Duration, Kind::Duration) => Kind::Float,
        (Div, Kind::Duration, Kind::Duration) => Kind::Int,
        (_, Kind::Int, Kind::Int) => Kind::Int,
        (_, Kind::Float, Kind::Float) => Kind::Float,
        (_, Kind::Decimal { scale: a, .. }, Kind::Decimal { scale: b, .. }) => Kind::Decimal {
            precision: MAX_DIGITS,
            scale: match operation {
                Add | Subtract | Mod => sum_scale(*a, *b),
                Multiply => product_scale(*a, *b),
                Divide => quotient_scale(*a, *b),
                Div => 0,
            },
        },
        (Add, Kind::String, Kind::String) => Kind::String,
        (Add | Subtract, Kind::Timestamp, Kind::Duration) | (Add, Kind::Duration, Kind::Timestamp) => Kind::Timestamp,
        (Add | Subtract, Kind::Date, Kind::Duration) => Kind::Date,
        (Subtract, Kind::Timestamp, Kind::Timestamp)
        | (Subtract, Kind::Date, Kind::Date)
        | (Add | Subtract | Mod, Kind::Duration, Kind::Duration)
        | (Multiply, Kind::Duration, Kind::Int)
        | (Multiply, Kind::Int, Kind::Duration)
        | (Div, Kind::Duration, Kind::Int) => Kind::Duration,
        _ => return None,
    })
}

fn convertible(from: &Kind, to: &Kind) -> bool {
    let number = |kind: &Kind| matches!(kind, Kind::Int | Kind::Float | Kind::Decimal { .. });
    match (from, to) {
        (Kind::List(from), Kind::List(to)) => convertible(&from.kind, &to.kind),
        (Kind::Record(from), Kind::Record(to)) => {
            from.fields.len() == to.fields.len()
                && from.fields.iter().zip(&to.fields).all(|(from, to)| convertible(&from.ty.kind, &to.ty.kind))
        }
        (_, Kind::String) | (Kind::Date, Kind::Timestamp) | (Kind::Timestamp, Kind::Date) => true,
        (Kind::String, Kind::Bool | Kind::Date | Kind::Timestamp | Kind::Duration | Kind::Enum(_)) => true,
        (Kind::String, to) if number(to) => true,
        (from, to) => (number(from) && number(to)) || same_kind(from, to),
    }
}
