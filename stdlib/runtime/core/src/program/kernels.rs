//! Tight loops over columns of plain cells. Each gives what [`super::scalar::apply`] gives row by row, or `None` where it
//! does not take the operands.

use std::cmp::Ordering;
use std::sync::Arc;

use super::columns::Operand;
use super::scalar::{decimals, floats, ints};
use super::{Binary, Comparison, Conversion, Unary};
use crate::arith::{
    check_precision, compare_decimal, compare_float, divide_int, negate_decimal, negate_float, negate_int, rescale,
};
use crate::builder::ColumnBuilder;
use crate::column::{Column, ColumnData, State, StringData};
use crate::convert::{convert as cells, decimal_to_float, int_to_decimal, int_to_float};
use crate::fault::Fault;
use crate::types::Kind;
use crate::value::{Cell, Value};
use crate::zone::Zone;

/// Cells of one operand: one a row, or one for all.
#[derive(Clone, Copy)]
enum Cells<'a, T> {
    Each(&'a [T]),
    Same(T),
}

/// An operand of a kernel.
#[derive(Clone, Copy)]
struct Input<'a, T> {
    cells: Cells<'a, T>,
    states: Option<&'a [State]>,
}

trait Plain: Copy + Default {
    fn each(data: &ColumnData) -> Option<&[Self]>;
    fn same(value: &Value) -> Option<Self>;
    fn column(cells: Vec<Self>) -> ColumnData;
}

macro_rules! plain {
    ($type:ty, $variant:ident) => {
        impl Plain for $type {
            fn each(data: &ColumnData) -> Option<&[Self]> {
                if let ColumnData::$variant(cells) = data { Some(cells) } else { None }
            }

            fn same(value: &Value) -> Option<Self> {
                if let Value::$variant(cell) = value { Some(*cell) } else { None }
            }

            fn column(cells: Vec<Self>) -> ColumnData {
                ColumnData::$variant(Arc::new(cells))
            }
        }
    };
}

plain!(bool, Bool);
plain!(i64, Int);
plain!(f64, Float);
plain!(i128, Decimal);

fn input<T: Plain>(operand: &Operand) -> Option<Input<'_, T>> {
    match operand {
        Operand::Column(column) => Some(Input { cells: Cells::Each(T::each(column.data())?), states: column.states() }),
        Operand::Scalar(Ok(value)) => Some(Input { cells: Cells::Same(T::same(value)?), states: None }),
        Operand::Scalar(Err(_)) => None,
    }
}

impl<T: Copy> Cells<'_, T> {
    fn get(&self, row: usize) -> Option<T> {
        match self {
            Self::Each(cells) => cells.get(row).copied(),
            Self::Same(cell) => Some(*cell),
        }
    }
}

/// What a strict operation makes of two states: the first fault, else absent, else present.
fn merge(a: State, b: State) -> State {
    match (a, b) {
        (State::Fault(fault), _) | (_, State::Fault(fault)) => State::Fault(fault),
        (State::Absent, _) | (_, State::Absent) => State::Absent,
        _ => State::Present,
    }
}

fn merged(a: Option<&[State]>, b: Option<&[State]>) -> Option<Vec<State>> {
    match (a, b) {
        (None, None) => None,
        (Some(states), None) | (None, Some(states)) => Some(states.to_vec()),
        (Some(a), Some(b)) => Some(a.iter().zip(b).map(|(a, b)| merge(*a, *b)).collect()),
    }
}

/// Collects results; what is not present is noted on the side.
struct Output<T> {
    cells: Vec<T>,
    states: Vec<State>,
}

impl<T: Plain> Output<T> {
    fn new(rows: usize) -> Self {
        Self { cells: Vec::with_capacity(rows), states: Vec::new() }
    }

    #[inline(always)]
    fn push(&mut self, result: Result<T, State>) {
        match result {
            Ok(cell) => {
                self.cells.push(cell);
                if !self.states.is_empty() {
                    self.states.push(State::Present);
                }
            }
            Err(state) => self.push_state(state),
        }
    }

    #[cold]
    fn push_state(&mut self, state: State) {
        self.states.resize(self.cells.len(), State::Present);
        self.states.push(state);
        self.cells.push(T::default());
    }

    fn finish(self) -> Column {
        Column::new(T::column(self.cells), (!self.states.is_empty()).then_some(self.states))
    }
}

/// A strict operation on two operands.
#[inline(always)]
fn zip<A: Plain, B: Plain, T: Plain>(
    a: Input<'_, A>,
    b: Input<'_, B>,
    rows: usize,
    operation: impl Fn(A, B) -> Result<T, State>,
) -> Column {
    let mut output = Output::new(rows);
    if let Some(states) = merged(a.states, b.states) {
        for (row, state) in states.into_iter().enumerate() {
            output.push(match (state, a.cells.get(row), b.cells.get(row)) {
                (State::Present, Some(a), Some(b)) => operation(a, b),
                (State::Present, _, _) => Err(State::Absent),
                (state, _, _) => Err(state),
            });
        }
        return output.finish();
    }
    match (a.cells, b.cells) {
        (Cells::Each(a), Cells::Each(b)) => a.iter().zip(b).for_each(|(a, b)| output.push(operation(*a, *b))),
        (Cells::Each(a), Cells::Same(b)) => a.iter().for_each(|a| output.push(operation(*a, b))),
        (Cells::Same(a), Cells::Each(b)) => b.iter().for_each(|b| output.push(operation(a, *b))),
        (Cells::Same(a), Cells::Same(b)) => (0..rows).for_each(|_| output.push(operation(a, b))),
    }
    output.finish()
}

/// A strict operation on one operand.
#[inline(always)]
fn map<A: Plain, T: Plain>(a: Input<'_, A>, rows: usize, operation: impl Fn(A) -> Result<T, Fault>) -> Column {
    zip(a, Input { cells: Cells::Same(false), states: None }, rows, |a, _| operation(a).map_err(State::Fault))
}

fn present<T>(result: Result<Option<T>, Fault>) -> Result<T, State> {
    match result {
        Ok(Some(cell)) => Ok(cell),
        Ok(None) => Err(State::Absent),
        Err(fault) => Err(State::Fault(fault)),
    }
}

pub(super) fn is_absent(operand: &Operand, rows: usize) -> Column {
    let Operand::Column(column) = operand else {
        return Column::bools(vec![operand.state(0) == State::Absent; rows]);
    };
    match column.states() {
        None => Column::bools(vec![false; rows]),
        Some(states) => {
            let mut output = Output::new(rows);
            for state in states {
                output.push(match state {
                    State::Fault(_) => Err(*state),
                    state => Ok(*state == State::Absent),
                });
            }
            output.finish()
        }
    }
}

pub(super) fn unary(operation: Unary, a: &Operand, rows: usize) -> Option<Column> {
    if operation == Unary::Not {
        return input::<bool>(a).map(|a| map(a, rows, |a| Ok(!a)));
    }
    if let Some(a) = input::<i64>(a) {
        return Some(map(a, rows, negate_int));
    }
    if let Some(a) = input::<f64>(a) {
        return Some(map(a, rows, |a| Ok(negate_float(a))));
    }
    input::<i128>(a).map(|a| map(a, rows, negate_decimal))
}

pub(super) fn binary(
    operation: Binary,
    a: &Operand,
    a_kind: &Kind,
    b: &Operand,
    b_kind: &Kind,
    rows: usize,
) -> Option<Column> {
    // The operation is a constant in the common arms, so that each gets a loop of its own.
    match (a_kind, b_kind) {
        // Durations are added to dates in days.
        (Kind::Date, _) => None,
        (Kind::Float, Kind::Float) => {
            let (a, b) = (input::<f64>(a)?, input::<f64>(b)?);
            Some(match operation {
                Binary::Add => zip(a, b, rows, |a, b| present(floats(Binary::Add, a, b))),
                Binary::Subtract => zip(a, b, rows, |a, b| present(floats(Binary::Subtract, a, b))),
                Binary::Multiply => zip(a, b, rows, |a, b| present(floats(Binary::Multiply, a, b))),
                other => zip(a, b, rows, |a, b| present(floats(other, a, b))),
            })
        }
        (Kind::Decimal { scale: sa, .. }, Kind::Decimal { scale: sb, .. }) => {
            let (a, b) = (input::<i128>(a)?, input::<i128>(b)?);
            Some(match operation {
                Binary::Add => zip(a, b, rows, |a, b| present(decimals(Binary::Add, a, *sa, b, *sb))),
                Binary::Multiply => zip(a, b, rows, |a, b| present(decimals(Binary::Multiply, a, *sa, b, *sb))),
                other => zip(a, b, rows, |a, b| present(decimals(other, a, *sa, b, *sb))),
            })
        }
        _ => {
            let (a, b) = (input::<i64>(a)?, input::<i64>(b)?);
            Some(match operation {
                Binary::Add => zip(a, b, rows, |a, b| present(ints(Binary::Add, a, b))),
                Binary::Subtract => zip(a, b, rows, |a, b| present(ints(Binary::Subtract, a, b))),
                Binary::Multiply => zip(a, b, rows, |a, b| present(ints(Binary::Multiply, a, b))),
                Binary::Divide => zip(a, b, rows, |a, b| present(Ok(divide_int(a, b)))),
                other => zip(a, b, rows, |a, b| present(ints(other, a, b))),
            })
        }
    }
}

/// An order comparison, or equality where `comparison` is `None`.
pub(super) fn compare(
    comparison: Option<Comparison>,
    a: &Operand,
    a_kind: &Kind,
    b: &Operand,
    b_kind: &Kind,
    rows: usize,
) -> Option<Column> {
    match (a_kind, b_kind) {
        (Kind::Decimal { scale: sa, .. }, Kind::Decimal { scale: sb, .. }) if sa != sb => {
            ordered(comparison, input::<i128>(a)?, input::<i128>(b)?, rows, |a, b| compare_decimal(a, *sa, b, *sb))
        }
        (Kind::Decimal { .. }, _) => ordered(comparison, input(a)?, input(b)?, rows, |a: i128, b| a.cmp(&b)),
        (Kind::Float, _) => ordered(comparison, input(a)?, input(b)?, rows, compare_float),
        (Kind::Bool, _) => ordered(comparison, input(a)?, input(b)?, rows, |a: bool, b| a.cmp(&b)),
        (Kind::String, _) => texts(comparison, a, b, rows),
        (Kind::Bytes | Kind::List(_) | Kind::Record(_), _) => None,
        _ => ordered(comparison, input(a)?, input(b)?, rows, |a: i64, b| a.cmp(&b)),
    }
}

#[inline(always)]
fn ordered<T: Plain>(
    comparison: Option<Comparison>,
    a: Input<'_, T>,
    b: Input<'_, T>,
    rows: usize,
    order: impl Fn(T, T) -> Ordering,
) -> Option<Column> {
    use Comparison::{Greater, GreaterEqual, Less, LessEqual};
    Some(match comparison {
        // Absent cells are equal to absent ones: the states are not merged strictly.
        None if a.states.is_some() || b.states.is_some() => return None,
        None => zip(a, b, rows, |a, b| Ok(order(a, b).is_eq())),
        Some(Less) => zip(a, b, rows, |a, b| Ok(order(a, b).is_lt())),
        Some(LessEqual) => zip(a, b, rows, |a, b| Ok(order(a, b).is_le())),
        Some(Greater) => zip(a, b, rows, |a, b| Ok(order(a, b).is_gt())),
        Some(GreaterEqual) => zip(a, b, rows, |a, b| Ok(order(a, b).is_ge())),
    })
}

/// Texts of columns without states, one side possibly the same in all rows.
fn texts(comparison: Option<Comparison>, a: &Operand, b: &Operand, rows: usize) -> Option<Column> {
    let plain = |operand: &Operand| -> Option<Option<StringData>> {
        match operand {
            Operand::Column(column) if column.states().is_none() => match column.data() {
                ColumnData::String(texts) => Some(Some(texts.clone())),
                _ => None,
            },
            Operand::Scalar(Ok(Value::String(_))) => Some(None),
            _ => None,
        }
    };
    let (left, right) = (plain(a)?, plain(b)?);
    let same = |operand: &Operand| match operand {
        Operand::Scalar(Ok(Value::String(text))) => Arc::clone(text),
        _ => Arc::from(""),
    };
    let (same_left, same_right) = (same(a), same(b));
    let holds = |row: usize| {
        let a = left.as_ref().map_or(&*same_left, |texts| texts.get(row));
        let b = right.as_ref().map_or(&*same_right, |texts| texts.get(row));
        match comparison {
            None => a == b,
            Some(comparison) => comparison.holds(a.cmp(b)),
        }
    };
    Some(Column::bools((0..rows).map(holds).collect()))
}

/// `and` where `both`, else `or`. `None` where an operand is no `bool`.
pub(super) fn connect(a: &Operand, b: &Operand, rows: usize, both: bool) -> Option<Column> {
    if let (Some(left), Some(right)) = (input::<bool>(a), input::<bool>(b))
        && left.states.is_none()
        && right.states.is_none()
    {
        return Some(if both {
            zip(left, right, rows, |a, b| Ok(a & b))
        } else {
            zip(left, right, rows, |a, b| Ok(a | b))
        });
    }
    let (left, right) = (conditions(a, rows)?, conditions(b, rows)?);
    let mut output = Output::new(rows);
    for (a, b) in left.into_iter().zip(right) {
        // Where the left side decides, the right one does not count.
        let result = match a {
            Ok(a) if a != both => Ok(a),
            Ok(_) => b,
            Err(fault) => Err(fault),
        };
        output.push(result.map_err(State::Fault));
    }
    Some(output.finish())
}

/// Whether each row's condition is true; absent is not. `None` where the operand is no `bool`.
pub(super) fn conditions(operand: &Operand, rows: usize) -> Option<Vec<Result<bool, Fault>>> {
    (0..rows)
        .map(|row| match operand.cell(row) {
            Ok(Cell::Bool(cell)) => Some(Ok(cell)),
            Ok(Cell::Absent) => Some(Ok(false)),
            Ok(_) => None,
            Err(fault) => Some(Err(fault)),
        })
        .collect()
}

/// Row by row the cell of `then` where the choice is true, of `otherwise` where it is false, or the choice's fault.
/// Records are chosen field by field, so that the fault of one field stays there.
pub(super) fn select(choice: &[Result<bool, Fault>], then: &Column, otherwise: &Column, kind: &Kind) -> Column {
    let rows = choice.len();
    let state = |row: usize, choice: &Result<bool, Fault>| match choice {
        Ok(true) => then.state(row),
        Ok(false) => otherwise.state(row),
        Err(fault) => State::Fault(*fault),
    };
    let states = || -> Option<Vec<State>> {
        let plain = then.states().is_none() && otherwise.states().is_none() && choice.iter().all(Result::is_ok);
        (!plain).then(|| choice.iter().enumerate().map(|(row, choice)| state(row, choice)).collect())
    };
    fn mix<T: Plain>(choice: &[Result<bool, Fault>], then: &[T], otherwise: &[T]) -> ColumnData {
        let sides = then.iter().zip(otherwise).zip(choice);
        T::column(
            sides.map(|((then, otherwise), choice)| if *choice == Ok(true) { *then } else { *otherwise }).collect(),
        )
    }
    let data = match (then.data(), otherwise.data(), kind) {
        (ColumnData::Bool(a), ColumnData::Bool(b), _) => mix(choice, a, b),
        (ColumnData::Int(a), ColumnData::Int(b), _) => mix(choice, a, b),
        (ColumnData::Float(a), ColumnData::Float(b), _) => mix(choice, a, b),
        (ColumnData::Decimal(a), ColumnData::Decimal(b), _) => mix(choice, a, b),
        (ColumnData::Record(a), ColumnData::Record(b), Kind::Record(record)) => {
            let fields = a.fields().iter().zip(b.fields()).zip(&record.fields);
            let fields = fields.map(|((a, b), field)| select(choice, a, b, &field.ty.kind)).collect();
            return Column::record(fields, states(), rows);
        }
        _ => {
            let mut builder = ColumnBuilder::new(kind, rows);
            for (row, choice) in choice.iter().enumerate() {
                builder.push(match choice {
                    Ok(true) => then.cell(row),
                    Ok(false) => otherwise.cell(row),
                    Err(fault) => Err(*fault),
                });
            }
            return builder.finish();
        }
    };
    Column::new(data, states())
}

/// The conversions between numbers that are worth a loop of their own, and records.
pub(super) fn convert(
    conversion: Conversion,
    a: &Operand,
    from: &Kind,
    to: &Kind,
    zone: &Zone,
    rows: usize,
) -> Option<Column> {
    let check = move |mantissa: i128, precision: u8| {
        if conversion == Conversion::Checked { check_precision(mantissa, precision) } else { Ok(mantissa) }
    };
    match (from, to) {
        (Kind::Int, Kind::Float) => Some(map(input(a)?, rows, |a: i64| Ok(int_to_float(a)))),
        (Kind::Int, Kind::Decimal { precision, scale }) => Some(map(input(a)?, rows, |a: i64| {
            int_to_decimal(a, *scale).and_then(|mantissa| check(mantissa, *precision))
        })),
        (Kind::Decimal { scale: from, .. }, Kind::Decimal { precision, scale }) => {
            Some(map(input(a)?, rows, |a: i128| {
                rescale(a, *from, *scale).and_then(|mantissa| check(mantissa, *precision))
            }))
        }
        (Kind::Decimal { scale, .. }, Kind::Float) => {
            Some(map(input(a)?, rows, |a: i128| Ok(decimal_to_float(a, *scale))))
        }
        // A record converts field by field, so that the fault of one field stays there.
        (Kind::Record(from), Kind::Record(to)) => {
            let Operand::Column(column) = a else { return None };
            let ColumnData::Record(record) = column.data() else { return None };
            let fields = record.fields().iter().zip(from.fields.iter().zip(&to.fields));
            let fields = fields
                .map(|(field, (from, to))| {
                    let (from, to) = (&from.ty.kind, &to.ty.kind);
                    if from == to {
                        return field.clone();
                    }
                    convert(conversion, &Operand::Column(field.clone()), from, to, zone, rows).unwrap_or_else(|| {
                        let mut builder = ColumnBuilder::new(to, rows);
                        for row in 0..rows {
                            let cell = field.cell(row).and_then(|cell| cells(cell, from, to, conversion, zone));
                            builder.push_value(cell.as_ref().map_err(|fault| *fault));
                        }
                        builder.finish()
                    })
                })
                .collect();
            Some(Column::record(fields, column.states().map(<[State]>::to_vec), rows))
        }
        _ => None,
    }
}
