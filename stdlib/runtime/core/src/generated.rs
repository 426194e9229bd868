//! What generated code is made of besides the operations of the language: answers of expressions, and helpers that keep
//! their text short.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::builder::ColumnBuilder;
use crate::column::Column;
use crate::convert;
use crate::fault::Fault;
use crate::functions::{order, order_kinds};
use crate::program::Conversion;
use crate::row::Bound;
use crate::types::Kind;
use crate::value::{Cell, Value};
use crate::zone::Zone;

pub use crate::arith::mantissa;
pub use crate::row::{Context, Row};

/// The mantissa of a decimal as it is written: `decimal!(12.50)` is 1250, with as many digits after the point as stand
/// there.
#[macro_export]
macro_rules! decimal {
    ($($number:tt)+) => {
        const { $crate::generated::mantissa(stringify!($($number)+)) }
    };
}

/// A value of Rust that a cell can hold.
pub trait ToCell {
    /// Adds it to a column.
    fn put(self, column: &mut ColumnBuilder);

    /// As an owned cell.
    fn value(self) -> Value;
}

macro_rules! to_cell {
    ($($type:ty: $self:ident => $cell:expr, $value:expr;)*) => {
        $(
            impl ToCell for $type {
                #[inline]
                fn put($self, column: &mut ColumnBuilder) {
                    column.push(Ok($cell));
                }

                #[inline]
                fn value($self) -> Value {
                    $value
                }
            }
        )*
    };
}

to_cell! {
    bool: self => Cell::Bool(self), Value::Bool(self);
    i64: self => Cell::Int(self), Value::Int(self);
    f64: self => Cell::Float(self), Value::Float(self);
    i128: self => Cell::Decimal(self), Value::Decimal(self);
    &str: self => Cell::String(self), Value::String(self.into());
    String: self => Cell::String(&self), Value::String(self.into());
    Cow<'_, str>: self => Cell::String(&self), Value::String(self.into());
    &[u8]: self => Cell::Bytes(self), Value::Bytes(self.into());
    Value: self => self.as_cell(), self;
    &Value: self => self.as_cell(), self.clone();
}

impl<T: ToCell> ToCell for Option<T> {
    #[inline]
    fn put(self, column: &mut ColumnBuilder) {
        match self {
            Some(cell) => cell.put(column),
            None => column.push_absent(),
        }
    }

    #[inline]
    fn value(self) -> Value {
        self.map_or(Value::Absent, T::value)
    }
}

/// What a generated function gives for a row.
pub trait Answer {
    /// Adds it to a column.
    fn put(self, column: &mut ColumnBuilder);

    /// As a cell of its own.
    fn bound(self) -> Bound;
}

impl<T: ToCell> Answer for Result<T, Fault> {
    #[inline]
    fn put(self, column: &mut ColumnBuilder) {
        match self {
            Ok(cell) => cell.put(column),
            Err(fault) => column.push_fault(fault),
        }
    }

    #[inline]
    fn bound(self) -> Bound {
        Bound::from(self.map(T::value))
    }
}

impl Answer for Bound {
    fn put(self, column: &mut ColumnBuilder) {
        match self {
            Self::Value(value) => column.push(Ok(value.as_cell())),
            Self::Fault(fault) => column.push_fault(fault),
            Self::Record(cells) => match column.fields() {
                Some(fields) => {
                    for (field, cell) in fields.iter_mut().zip(cells) {
                        cell.put(field);
                    }
                    column.end_record();
                }
                None => column.push_fault(Fault::Conversion),
            },
        }
    }

    fn bound(self) -> Bound {
        self
    }
}

/// Takes the answers of a generated expression: all those of a batch, or one.
#[derive(Debug)]
pub enum Answers {
    /// A cell for each row.
    Column(ColumnBuilder),
    /// The last one.
    One(Bound),
}

impl Answers {
    /// Room for `rows` answers of `kind`.
    #[must_use]
    pub fn column(kind: &Kind, rows: usize) -> Self {
        Self::Column(ColumnBuilder::new(kind, rows))
    }

    /// Room for one.
    #[must_use]
    pub fn one() -> Self {
        Self::One(Bound::ABSENT)
    }

    /// Takes an answer.
    #[inline]
    pub fn put(&mut self, answer: impl Answer) {
        match self {
            Self::Column(column) => answer.put(column),
            Self::One(cell) => *cell = answer.bound(),
        }
    }

    /// The answers as a column.
    #[must_use]
    pub fn into_column(self) -> Column {
        match self {
            Self::Column(column) => column.finish(),
            Self::One(_) => Column::bools(Vec::new()),
        }
    }

    /// The last answer.
    #[must_use]
    pub fn into_one(self) -> Bound {
        match self {
            Self::Column(column) => Bound::of(&column.finish(), 0),
            Self::One(cell) => cell,
        }
    }
}

/// What `compute` gives: a value whose fault counts only where the value is used.
///
/// # Errors
///
/// What `compute` says.
#[inline]
pub fn attempt<T>(compute: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    compute()
}

/// Owned results lent to several uses.
pub trait Lend {
    /// What is lent.
    type Lent<'a>
    where
        Self: 'a;

    /// Lends the result.
    ///
    /// # Errors
    ///
    /// The result's fault.
    fn lend(&self) -> Result<Self::Lent<'_>, Fault>;
}

macro_rules! lend {
    ($($owned:ty => $lent:ty, $lend:expr, $maybe:expr;)*) => {
        $(
            impl Lend for Result<$owned, Fault> {
                type Lent<'a> = &'a $lent where Self: 'a;

                fn lend(&self) -> Result<&$lent, Fault> {
                    self.as_ref().map($lend).map_err(|fault| *fault)
                }
            }

            impl Lend for Result<Option<$owned>, Fault> {
                type Lent<'a> = Option<&'a $lent> where Self: 'a;

                fn lend(&self) -> Result<Option<&$lent>, Fault> {
                    self.as_ref().map($maybe).map_err(|fault| *fault)
                }
            }
        )*
    };
}

lend! {
    String => str, String::as_str, Option::as_deref;
    Cow<'_, str> => str, |text| &**text, Option::as_deref;
    Value => Value, |value| value, Option::as_ref;
}

/// A cell as an owned value.
#[inline]
#[must_use]
pub fn value(cell: impl ToCell) -> Value {
    cell.value()
}

/// A list of cells.
#[must_use]
pub fn list<const N: usize>(cells: [Value; N]) -> Value {
    Value::List(cells.into())
}

/// A record of cells.
#[must_use]
pub fn record<const N: usize>(cells: [Value; N]) -> Value {
    Value::Record(cells.into())
}

/// `x == null` of a value that was computed: no.
#[inline]
pub fn is_absent<T>(_value: T) -> bool {
    false
}

/// Whether two lists or records are equal.
#[must_use]
pub fn equal(a: &Value, b: &Value) -> bool {
    order_values(a, b).is_eq()
}

/// The order of two lists or records.
#[must_use]
pub fn order_values(a: &Value, b: &Value) -> Ordering {
    order(a.as_cell(), b.as_cell())
}

/// Whether a list holds a cell of its own kind; absent is in it where one of its cells is absent.
#[must_use]
pub fn list_contains(list: &Value, cell: impl ToCell) -> bool {
    let cell = cell.value();
    let Value::List(cells) = list else { return false };
    cells.iter().any(|item| item.is_absent() == cell.is_absent() && order(cell.as_cell(), item.as_cell()).is_eq())
}

/// Whether a list of decimals of scale `list_scale` holds one of scale `scale`.
#[must_use]
pub fn list_contains_decimal(list: &Value, list_scale: u8, cell: impl ToCell, scale: u8) -> bool {
    let kind = |scale| Kind::Decimal { precision: crate::arith::MAX_DIGITS, scale };
    let (cell, own, theirs) = (cell.value(), kind(scale), kind(list_scale));
    let Value::List(cells) = list else { return false };
    let same = |item: &Value| order_kinds(cell.as_cell(), &own, item.as_cell(), &theirs).is_eq();
    cells.iter().any(|item| item.is_absent() == cell.is_absent() && same(item))
}

/// A list or record as one of another kind.
///
/// # Errors
///
/// As [`convert::convert`].
pub fn convert_value(value: &Value, from: &Kind, to: &Kind, zone: &Zone) -> Result<Value, Fault> {
    convert::convert(value.as_cell(), from, to, Conversion::Checked, zone)
}
