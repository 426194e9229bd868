//! Typed expressions to the runtime's register programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use fec_model::expr::{BinaryOp, Expr, ExprKind, Function, Literal, UnaryOp, VarId};
use fec_model::types as model;
use flow_core::functions as core_functions;
use flow_core::program::{Binary, Comparison, Conversion, Piece, Program, ProgramBuilder, Register, Unary};
use flow_core::types::{Kind, Schema};
use flow_core::value::Value;
use flow_core::zone::Zone;

use flow_task::SourceSpec;

use crate::error::LocalError;
use crate::types::{Enums, value};

/// What expressions and dataflows of a plan know besides their rows.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Enumerations.
    pub enums: Enums,
    /// Values from outside by name: parameters of the solution, then bindings of a flow; the position is the slot.
    pub slots: BTreeMap<String, (usize, Kind)>,
    /// The solution's time zone.
    pub zone: Arc<Zone>,
    /// The sources of the solution: a dataflow carries them.
    pub sources: Arc<[SourceSpec]>,
}

impl Names {
    /// Adds a value from outside; gives its slot.
    pub fn add(&mut self, name: &str, kind: Kind) -> usize {
        let next = self.slots.len();
        self.slots.entry(name.to_owned()).or_insert((next, kind)).0
    }
}

/// Compiles an expression over rows of `schema`.
///
/// # Errors
/// An expression that no checked solution has: a defect of the compiler.
pub fn program(expr: &Expr, schema: &Schema, names: &Names) -> Result<Program, LocalError> {
    join_program(expr, schema, None, names)
}

/// Compiles a join's condition over rows that hold the left columns and then the right ones; without `right` over the
/// left columns alone.
///
/// # Errors
/// As [`program`].
pub fn join_program(expr: &Expr, left: &Schema, right: Option<&Schema>, names: &Names) -> Result<Program, LocalError> {
    let mut columns = left.clone();
    let offset = columns.fields.len();
    if let Some(right) = right {
        columns.fields.extend(right.fields.iter().cloned());
    }
    let builder = ProgramBuilder::new(&columns).zone(Arc::clone(&names.zone));
    let mut compiler = Compiler { builder, left, right, offset, names, vars: BTreeMap::new() };
    let output = compiler.expr(expr)?;
    Ok(compiler.builder.finish(vec![output]))
}

/// Compiles a condition over right rows alone: [`ExprKind::Right`] reads their columns.
///
/// # Errors
/// As [`program`].
pub fn right_program(expr: &Expr, right: &Schema, names: &Names) -> Result<Program, LocalError> {
    let left = Schema { fields: Vec::new() };
    join_program(expr, &left, Some(right), names)
}

/// The program as the operators want it.
#[must_use]
pub fn shared(program: Program) -> flow_operators::expression::Expr {
    Arc::new(program)
}

struct Compiler<'a> {
    builder: ProgramBuilder,
    left: &'a Schema,
    right: Option<&'a Schema>,
    offset: usize,
    names: &'a Names,
    vars: BTreeMap<VarId, Register>,
}

impl Compiler<'_> {
    fn expr(&mut self, expr: &Expr) -> Result<Register, LocalError> {
        let kind = self.names.enums.kind(&expr.ty.kind);
        Ok(match &expr.kind {
            ExprKind::Literal(literal) => self.builder.constant(value(literal), kind)?,
            ExprKind::Column(name) => match self.left.position(name) {
                Some(position) => self.builder.column(position)?,
                None => return Err(missing("column", name)),
            },
            ExprKind::Right(name) => match self.right.and_then(|right| right.position(name)) {
                Some(position) => self.builder.column(self.offset + position)?,
                None => return Err(missing("column of the right side", name)),
            },
            ExprKind::Field(of, name) => {
                let record = self.expr(of)?;
                let Kind::Record(fields) = self.builder.kind(record)? else { return Err(missing("record with", name)) };
                let Some(position) = fields.position(name) else { return Err(missing("field", name)) };
                self.builder.field(record, position)?
            }
            ExprKind::Var(var) => self.vars.get(var).copied().ok_or_else(|| missing("variable", &var.to_string()))?,
            ExprKind::Binding(name) | ExprKind::Param(name) => match self.names.slots.get(name.as_str()) {
                Some((position, kind)) => self.builder.slot(*position, kind.clone()),
                None => return Err(missing("binding", name)),
            },
            ExprKind::Now => self.builder.now(),
            ExprKind::Unary(op, operand) => {
                let operand = self.expr(operand)?;
                let op = match op {
                    UnaryOp::Not => Unary::Not,
                    UnaryOp::Negate => Unary::Negate,
                };
                self.builder.unary(op, operand)?
            }
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right)?,
            ExprKind::Convert(inner) => {
                let from = self.expr(inner)?;
                if matches!(inner.ty.kind, model::Kind::Null) {
                    self.builder.constant(Value::Absent, kind)?
                } else {
                    self.builder.convert(Conversion::Checked, from, &kind)?
                }
            }
            ExprKind::Call(function, arguments) => self.call(*function, arguments, &kind)?,
            ExprKind::If(condition, then, otherwise) => {
                let condition = self.expr(condition)?;
                let then = self.of_kind(then, &kind)?;
                let otherwise = self.of_kind(otherwise, &kind)?;
                self.builder.select(condition, then, otherwise)?
            }
            ExprKind::Coalesce(first, second) => {
                let first = self.of_kind(first, &kind)?;
                let second = self.of_kind(second, &kind)?;
                self.builder.coalesce(first, second)?
            }
            ExprKind::IsAbsent(operand) => {
                let operand = self.expr(operand)?;
                self.builder.is_absent(operand)?
            }
            ExprKind::In(item, list) => {
                let item = self.expr(item)?;
                let list = self.expr(list)?;
                self.builder.contains(item, list)?
            }
            ExprKind::Record(values) => {
                let Kind::Record(record) = &kind else { return Err(missing("record type for", "a record")) };
                let mut fields = Vec::with_capacity(values.len());
                for (field, value) in record.fields.iter().zip(values) {
                    fields.push((field.name.as_str(), self.of_kind(value, &field.ty.kind)?));
                }
                self.builder.record(&fields)?
            }
            ExprKind::List(values) => {
                let Kind::List(element) = &kind else { return Err(missing("list type for", "a list")) };
                let mut cells = Vec::with_capacity(values.len());
                for value in values {
                    cells.push(self.of_kind(value, &element.kind)?);
                }
                self.builder.list(&element.kind, cells)?
            }
            ExprKind::Let { var, value, body } => {
                let value = self.expr(value)?;
                self.vars.insert(*var, value);
                self.expr(body)?
            }
            ExprKind::Concat(parts) => {
                let mut pieces = Vec::with_capacity(parts.len());
                for part in parts {
                    pieces.push(Piece::Cell(self.expr(part)?));
                }
                self.builder.format(pieces)?
            }
            ExprKind::Error
            | ExprKind::FeatureRead { .. }
            | ExprKind::TableRead { .. }
            | ExprKind::Predict { .. }
            | ExprKind::Request { .. }
            | ExprKind::Rows(_) => return Err(missing("place for", "a read inside of an expression")),
        })
    }

    /// An expression whose `null` has the kind that is wanted.
    fn of_kind(&mut self, expr: &Expr, kind: &Kind) -> Result<Register, LocalError> {
        if matches!(expr.ty.kind, model::Kind::Null) {
            return Ok(self.builder.constant(Value::Absent, kind.clone())?);
        }
        self.expr(expr)
    }

    fn call(&mut self, function: Function, arguments: &[Expr], kind: &Kind) -> Result<Register, LocalError> {
        let mut registers = Vec::with_capacity(arguments.len());
        for argument in arguments {
            registers.push(self.expr(argument)?);
        }
        // The digits of `round(x, n)` are a part of the function: they decide the scale of its type.
        let digits = arguments.get(1).map(|digits| &digits.kind);
        let function = match (function, digits) {
            (Function::Round, Some(ExprKind::Literal(Literal::Int(digits)))) => {
                registers.truncate(1);
                core_functions::Function::RoundTo(u8::try_from(*digits).unwrap_or(u8::MAX))
            }
            (function, _) => core_function(function),
        };
        let result = self.builder.call(function, registers)?;
        Ok(self.builder.convert(Conversion::Plain, result, kind)?)
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Result<Register, LocalError> {
        let kind_of = |expr: &Expr| self.names.enums.kind(&expr.ty.kind);
        let (left_kind, right_kind) = (kind_of(left), kind_of(right));
        let a = self.of_kind(left, &right_kind)?;
        let b = self.of_kind(right, &left_kind)?;
        let arithmetic = match op {
            BinaryOp::And => return Ok(self.builder.and(a, b)?),
            BinaryOp::Or => return Ok(self.builder.or(a, b)?),
            BinaryOp::Equal => return Ok(self.builder.equal(a, b)?),
            BinaryOp::Less => return Ok(self.builder.compare(Comparison::Less, a, b)?),
            BinaryOp::LessEqual => return Ok(self.builder.compare(Comparison::LessEqual, a, b)?),
            BinaryOp::Greater => return Ok(self.builder.compare(Comparison::Greater, a, b)?),
            BinaryOp::GreaterEqual => return Ok(self.builder.compare(Comparison::GreaterEqual, a, b)?),
            BinaryOp::Add => Binary::Add,
            BinaryOp::Subtract => Binary::Subtract,
            BinaryOp::Multiply => Binary::Multiply,
            BinaryOp::Divide => Binary::Divide,
            BinaryOp::IntegerDivide => Binary::Div,
            BinaryOp::Modulo => Binary::Mod,
        };
        Ok(self.builder.binary(arithmetic, a, b)?)
    }
}

fn missing(what: &str, name: &str) -> LocalError {
    LocalError::Plan(format!("there is no {what} `{name}`"))
}

/// The runtime's name of a function.
fn core_function(function: Function) -> core_functions::Function {
    use core_functions::Function as Core;
    match function {
        Function::Abs => Core::Abs,
        Function::Least => Core::Least,
        Function::Greatest => Core::Greatest,
        Function::Floor => Core::Floor,
        Function::Ceil => Core::Ceil,
        Function::Round => Core::Round,
        Function::Sqrt => Core::Sqrt,
        Function::Exp => Core::Exp,
        Function::Ln => Core::Ln,
        Function::Pow => Core::Pow,
        Function::Length => Core::Length,
        Function::Lower => Core::Lower,
        Function::Upper => Core::Upper,
        Function::Trim => Core::Trim,
        Function::Contains => Core::Contains,
        Function::StartsWith => Core::StartsWith,
        Function::EndsWith => Core::EndsWith,
        Function::Substring => Core::Substring,
        Function::Replace => Core::Replace,
        Function::DateOf => Core::Date,
        Function::Year => Core::Year,
        Function::Month => Core::Month,
        Function::Day => Core::Day,
        Function::Hour => Core::Hour,
        Function::Minute => Core::Minute,
        Function::Weekday => Core::Weekday,
        Function::Seconds => Core::Seconds,
    }
}
