//! Expressions (`spec/types.md`, 2 to 5): one cell at a time, every number exact until it is rounded once.

use std::cmp::Ordering;

use fec_model::Symbol;
use fec_model::expr::{BinaryOp, Expr, ExprKind, Literal, UnaryOp, VarId};
use fec_model::types::{Kind, Type};

use crate::convert::{convert, text};
use crate::exact::Exact;
use crate::function::call;
use crate::scope::{Bound, Scope};
use crate::value::{Cell, Fault, Value, compare, same};

/// Why an evaluation ended without a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// A fault of the row: a cell may hold it.
    Fault(Fault),
    /// The model says something that has no meaning here: a mistake of the checker, or a construct that the evaluator does not know.
    Broken(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The model is not to be understood.
pub(crate) fn broken<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Broken(why.into()))
}

/// A row's cells by name.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'e> {
    /// Names of the columns.
    pub names: &'e [Symbol],
    /// Their cells.
    pub cells: &'e [Cell],
}

impl Frame<'_> {
    fn get(&self, name: &str) -> Result<Cell, Stop> {
        let at = self.names.iter().position(|other| other == name);
        match at.and_then(|at| self.cells.get(at)) {
            Some(cell) => Ok(cell.clone()),
            None => broken(format!("no column `{name}` among {:?}", self.names)),
        }
    }
}

/// What an expression sees.
#[derive(Debug, Clone, Copy)]
pub struct Env<'e> {
    /// The flow.
    pub scope: &'e Scope<'e>,
    /// The row; in a join the left one.
    pub left: Option<Frame<'e>>,
    /// In a join the right row.
    pub right: Option<Frame<'e>>,
    /// `now`.
    pub now: i64,
    /// The instant as of which tables are read: the row's arrival.
    pub instant: i64,
    /// Variables, innermost first.
    pub variables: Option<&'e Variable<'e>>,
}

/// A variable of a `Let`.
#[derive(Debug)]
pub struct Variable<'e> {
    id: VarId,
    cell: Cell,
    outer: Option<&'e Variable<'e>>,
}

impl Env<'_> {
    /// The expression's cell: a value or a fault.
    ///
    /// # Errors
    /// [`Stop::Broken`] only.
    pub fn cell(&self, expr: &Expr) -> Result<Cell, Stop> {
        match self.value(expr) {
            Ok(value) => Ok(Ok(value)),
            Err(Stop::Fault(fault)) => Ok(Err(fault)),
            Err(stop) => Err(stop),
        }
    }

    /// Whether a condition is true.
    ///
    /// # Errors
    /// As [`Env::value`].
    pub fn holds(&self, condition: &Expr) -> Result<bool, Stop> {
        match self.value(condition)? {
            Value::Bool(holds) => Ok(holds),
            other => broken(format!("a condition that is {other:?}")),
        }
    }

    /// The expression's value with nothing bad in it: what a key, aggregate or sink needs.
    ///
    /// # Errors
    /// As [`Env::value`].
    pub fn whole(&self, expr: &Expr) -> Result<Value, Stop> {
        Ok(self.value(expr)?.whole()?)
    }

    /// The expression's value.
    ///
    /// # Errors
    /// The fault that it has instead, or [`Stop::Broken`].
    pub fn value(&self, expr: &Expr) -> Result<Value, Stop> {
        Ok(match &expr.kind {
            ExprKind::Error => return broken("an expression with an error in it"),
            ExprKind::Literal(literal) => self.literal(literal, &expr.ty)?,
            ExprKind::Column(name) => match &self.left {
                Some(row) => row.get(name)??,
                None => return broken(format!("column `{name}` without a row")),
            },
            ExprKind::Right(name) => match &self.right {
                Some(row) => row.get(name)??,
                None => return broken(format!("column `{name}` without a right row")),
            },
            ExprKind::Field(record, name) => self.field(record, name)?,
            ExprKind::Var(id) => self.variable(*id)??,
            ExprKind::Binding(name) => match self.scope.bindings.get(name) {
                Some(Bound::Each(expr)) => self.value(expr)?,
                _ => self.scope.scalar(name)??,
            },
            ExprKind::Param(name) => match self.scope.world.model.params.iter().find(|param| param.name == *name) {
                Some(param) => self.value(&param.value)?,
                None => return broken(format!("no param `{name}`")),
            },
            ExprKind::Now => Value::Timestamp(self.now),
            ExprKind::Unary(op, inner) => unary(*op, self.value(inner)?)?,
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, &expr.ty)?,
            ExprKind::Convert(inner) => convert(self.value(inner)?, &inner.ty, &expr.ty, self.scope.world)?,
            ExprKind::Call(function, arguments) => {
                let arguments = arguments.iter().map(|a| self.value(a)).collect::<Result<Vec<_>, Stop>>()?;
                call(*function, arguments, &expr.ty, self.scope.world)?
            }
            ExprKind::If(condition, then, otherwise) => {
                if self.holds(condition)? {
                    self.value(then)?
                } else {
                    self.value(otherwise)?
                }
            }
            ExprKind::Coalesce(first, second) => match self.value(first)? {
                Value::Absent => self.value(second)?,
                value => value,
            },
            ExprKind::IsAbsent(inner) => Value::Bool(self.value(inner)?.is_absent()),
            ExprKind::In(item, list) => {
                let item = self.whole(item)?;
                match self.whole(list)? {
                    Value::List(items) => Value::Bool(items.iter().flatten().any(|other| same(&item, other))),
                    other => return broken(format!("in {other:?}")),
                }
            }
            ExprKind::Record(fields) => {
                Value::Record(fields.iter().map(|field| self.cell(field)).collect::<Result<_, Stop>>()?)
            }
            ExprKind::List(items) => {
                Value::List(items.iter().map(|item| self.whole(item).map(Ok)).collect::<Result<_, Stop>>()?)
            }
            ExprKind::Let { var, value, body } => {
                let variable = Variable { id: *var, cell: self.cell(value)?, outer: self.variables };
                Env { variables: Some(&variable), ..*self }.value(body)?
            }
            ExprKind::Concat(parts) => {
                let mut whole = String::new();
                let mut absent = false;
                for part in parts {
                    match self.value(part)? {
                        Value::Absent => absent = true,
                        value => whole.push_str(&text(&value, &part.ty.kind, self.scope.world)?),
                    }
                }
                if absent { Value::Absent } else { Value::String(whole) }
            }
            ExprKind::FeatureRead { set, keys } => {
                let keys = keys.iter().map(|key| self.whole(key)).collect::<Result<Vec<_>, Stop>>()?;
                // What is kept stands where the store does, also where a request names a later instant.
                let cut = self.scope.cut.min(self.scope.world.end);
                let cells = self.scope.world.features_before(set, &keys, self.now, cut)?;
                Value::Record(cells.into_iter().map(|(_, cell)| cell).collect())
            }
            ExprKind::TableRead { table, keys } => {
                let keys = keys.iter().map(|key| self.whole(key)).collect::<Result<Vec<_>, Stop>>()?;
                self.scope.table_row(table, &keys, self.instant)?
            }
            ExprKind::Predict { model, inputs } => {
                // What is asked for counts, also where the answer is given beforehand.
                for input in inputs {
                    self.value(input)?;
                }
                self.scope.world.predictions.get(model).cloned().unwrap_or(Value::Absent)
            }
            ExprKind::Request { service, arguments } => {
                let arguments = arguments.iter().map(|a| self.cell(a)).collect::<Result<Vec<_>, Stop>>()?;
                self.scope.world.request(service, &arguments, self.now)?
            }
            ExprKind::Rows(relation) => {
                let rows = self.scope.rows(relation)?;
                Value::List(rows.into_iter().map(|row| Ok(Value::Record(row.cells))).collect())
            }
        })
    }

    fn literal(&self, literal: &Literal, ty: &Type) -> Result<Value, Stop> {
        Ok(match (literal, &ty.kind) {
            (Literal::Null, _) => Value::Absent,
            (Literal::Bool(x), _) => Value::Bool(*x),
            (Literal::Int(x), _) => Value::Int(*x),
            (Literal::Float(x), _) => Value::Float(finite(*x)?),
            (Literal::Decimal(mantissa), Kind::Decimal { scale, .. }) => Value::Decimal(mantissa.get(), *scale),
            (Literal::String(x), _) => Value::String(x.clone()),
            (Literal::Date(x), _) => Value::Date(*x),
            (Literal::Timestamp(x), _) => Value::Timestamp(*x),
            (Literal::Duration(x), _) => Value::Duration(*x),
            (Literal::Member(x), _) => Value::Member(*x),
            (literal, ty) => return broken(format!("{literal:?} of {ty:?}")),
        })
    }

    fn field(&self, record: &Expr, name: &str) -> Result<Value, Stop> {
        let Kind::Record(ty) = &record.ty.kind else { return broken(format!("field `{name}` of {:?}", record.ty)) };
        match self.value(record)? {
            Value::Absent => Ok(Value::Absent),
            Value::Record(cells) => {
                let at = ty.fields.iter().position(|field| field.name == name);
                match at.and_then(|at| cells.get(at)) {
                    Some(cell) => Ok(cell.clone()?),
                    None => broken(format!("no field `{name}`")),
                }
            }
            other => broken(format!("field `{name}` of {other:?}")),
        }
    }

    fn variable(&self, id: VarId) -> Result<Cell, Stop> {
        let mut next = self.variables;
        while let Some(variable) = next {
            if variable.id == id {
                return Ok(variable.cell.clone());
            }
            next = variable.outer;
        }
        broken(format!("no variable {id}"))
    }

    fn binary(&self, op: BinaryOp, left: &Expr, right: &Expr, ty: &Type) -> Result<Value, Stop> {
        Ok(match op {
            BinaryOp::And => Value::Bool(self.holds(left)? && self.holds(right)?),
            BinaryOp::Or => Value::Bool(self.holds(left)? || self.holds(right)?),
            BinaryOp::Equal => {
                let (left, right) = (self.whole(left)?, self.whole(right)?);
                Value::Bool(same(&left, &right))
            }
            BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual => {
                let (left, right) = (self.whole(left)?, self.whole(right)?);
                if left.is_absent() || right.is_absent() {
                    return broken("an order comparison with absent");
                }
                let order = compare(&left, &right);
                Value::Bool(match op {
                    BinaryOp::Less => order == Ordering::Less,
                    BinaryOp::LessEqual => order != Ordering::Greater,
                    BinaryOp::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
            _ => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                arithmetic(op, &left, &right, ty)?
            }
        })
    }
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// A float as the language has it: finite, never −0.
pub(crate) fn finite(value: f64) -> Result<f64, Fault> {
    if value.is_finite() { Ok(value + 0.0) } else { Err(Fault::NotFinite) }
}

fn unary(op: UnaryOp, value: Value) -> Result<Value, Stop> {
    Ok(match (op, value) {
        (UnaryOp::Not, Value::Bool(x)) => Value::Bool(!x),
        (UnaryOp::Negate, Value::Int(x)) => Value::Int(x.checked_neg().ok_or(Fault::Overflow)?),
        (UnaryOp::Negate, Value::Duration(x)) => Value::Duration(x.checked_neg().ok_or(Fault::Overflow)?),
        (UnaryOp::Negate, Value::Float(x)) => Value::Float(finite(-x)?),
        (UnaryOp::Negate, Value::Decimal(m, s)) => Value::Decimal(-m, s),
        (op, value) => return broken(format!("{op:?} {value:?}")),
    })
}

/// The exact number that a value stands for.
pub(crate) fn exact(value: &Value) -> Option<Exact> {
    match value {
        Value::Int(x) | Value::Timestamp(x) | Value::Duration(x) => Some(Exact::whole((*x).into())),
        Value::Float(x) => Some(Exact::float(*x)),
        Value::Decimal(m, s) => Some(Exact::decimal(*m, *s)),
        _ => None,
    }
}

/// An exact number as a value of a type, rounded once.
pub(crate) fn rounded(number: &Exact, kind: &Kind) -> Result<Value, Stop> {
    Ok(match kind {
        Kind::Int => Value::Int(number.to_int()?),
        Kind::Timestamp => Value::Timestamp(number.to_int()?),
        Kind::Duration => Value::Duration(number.to_int()?),
        Kind::Float => Value::Float(finite(number.to_float()?)?),
        Kind::Decimal { scale, .. } => Value::Decimal(number.to_decimal(38, *scale, Fault::Overflow)?, *scale),
        other => return broken(format!("a number of {other:?}")),
    })
}

/// A date moved by whole days.
fn moved(day: i32, by: i64, sign: i64) -> Result<Value, Stop> {
    if by % DAY != 0 {
        return Err(Fault::Precision.into());
    }
    let days = i64::from(day) + sign * (by / DAY);
    Ok(Value::Date(i32::try_from(days).map_err(|_| Fault::Overflow)?))
}

fn arithmetic(op: BinaryOp, left: &Value, right: &Value, ty: &Type) -> Result<Value, Stop> {
    if let (Value::Float(a), Value::Float(b)) = (left, right) {
        return Ok(match op {
            BinaryOp::Add => Value::Float(finite(a + b)?),
            BinaryOp::Subtract => Value::Float(finite(a - b)?),
            BinaryOp::Multiply => Value::Float(finite(a * b)?),
            _ if *b == 0.0 => Value::Absent,
            BinaryOp::Divide => Value::Float(finite(a / b)?),
            BinaryOp::IntegerDivide => rounded(&Exact::float(finite(a / b)?).truncate(), &ty.kind)?,
            _ => Value::Float(finite(a % b)?),
        });
    }
    match (op, left, right) {
        (BinaryOp::Add, Value::Date(day), Value::Duration(by)) => return moved(*day, *by, 1),
        (BinaryOp::Subtract, Value::Date(day), Value::Duration(by)) => return moved(*day, *by, -1),
        (BinaryOp::Subtract, Value::Date(a), Value::Date(b)) => {
            let days = i128::from(*a) - i128::from(*b);
            return Ok(Value::Duration(i64::try_from(days * i128::from(DAY)).map_err(|_| Fault::Overflow)?));
        }
        // Both become floats first, each rounded, as ints do.
        (BinaryOp::Divide, Value::Duration(_), Value::Duration(0)) => return Ok(Value::Absent),
        (BinaryOp::Divide, Value::Duration(a), Value::Duration(b)) => {
            return Ok(Value::Float(finite(*a as f64 / *b as f64)?));
        }
        _ => {}
    }
    let (Some(a), Some(b)) = (exact(left), exact(right)) else { return broken(format!("{left:?} {op:?} {right:?}")) };
    let result = match op {
        BinaryOp::Add => &a + &b,
        BinaryOp::Subtract => &a - &b,
        BinaryOp::Multiply => &a * &b,
        _ => {
            let Some(quotient) = a.divide(&b) else { return Ok(Value::Absent) };
            match op {
                BinaryOp::Divide => quotient,
                BinaryOp::IntegerDivide => quotient.truncate(),
                _ => &a - &(&b * &quotient.truncate()),
            }
        }
    };
    rounded(&result, &ty.kind)
}
