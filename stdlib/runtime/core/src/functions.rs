//! The scalar functions of the standard library.
//!
//! Calls are strict: an absent argument gives an absent result. Beyond `+ − × ÷ sqrt`, floats go through one pinned
//! implementation (`libm`), so that every machine gives the same bits.

pub mod scalar;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arith::{MAX_DIGITS, compare_decimal, compare_float, finite, rescale};
use crate::calendar::SECOND;
use crate::fault::Fault;
use crate::program::same_kind;
use crate::types::{DataType, Kind};
use crate::value::{Cell, Value};
use crate::zone::Zone;

/// A scalar function. Where one takes a timestamp it uses the zone of its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Function {
    /// The magnitude of a number or duration.
    Abs,
    /// The least of one or more cells of one ordered kind; of equal ones the first.
    Least,
    /// The greatest of one or more cells of one ordered kind; of equal ones the first.
    Greatest,
    /// The integer nearest to a number, ties to even.
    Round,
    /// A decimal rounded half-even to the given scale.
    RoundTo(u8),
    /// The greatest integer that is not greater than a number.
    Floor,
    /// The least integer that is not less than a number.
    Ceil,
    /// The square root of a float; of a negative one a fault.
    Sqrt,
    /// The natural logarithm of a float; of zero and below a fault.
    Ln,
    /// e to the power of a float.
    Exp,
    /// The decimal logarithm of a float; of zero and below a fault.
    Log10,
    /// A float to the power of a float.
    Pow,
    /// The number of code points of a text, bytes of `bytes`, elements of a list.
    Length,
    /// A text in lower case, by Unicode's rules without a locale.
    Lower,
    /// A text in upper case, by Unicode's rules without a locale.
    Upper,
    /// A text without the white space at both ends.
    Trim,
    /// Whether a text begins with another.
    StartsWith,
    /// Whether a text ends with another.
    EndsWith,
    /// Whether a text contains another.
    Contains,
    /// All texts one after the other.
    Concat,
    /// The part of a text from a position (code points, from 0), of at most a given length where one is given; what lies
    /// outside of the text is left out, and a negative position or length counts as 0.
    Substring,
    /// A text with every occurrence of a second one replaced by a third; an empty second one changes nothing.
    Replace,
    /// A text split at every occurrence of a second one: a list; an empty second one splits nothing.
    Split,
    /// The local date of a timestamp.
    Date,
    /// The year of a date or timestamp.
    Year,
    /// The month of a date or timestamp, 1 to 12.
    Month,
    /// The day of the month of a date or timestamp, 1 to 31.
    Day,
    /// The hour of a timestamp, 0 to 23; of a date 0.
    Hour,
    /// The minute of a timestamp, 0 to 59; of a date 0.
    Minute,
    /// The day of the week of a date or timestamp, 1 (Monday) to 7 (Sunday).
    Weekday,
    /// A duration in seconds as a float.
    Seconds,
    /// Whole units of the given length since the epoch of a timestamp, or in a duration, rounded toward −∞.
    ToEpoch(TimeUnit),
    /// The timestamp that many units after the epoch.
    FromEpoch(TimeUnit),
}

/// A unit in which instants are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Seconds.
    Second,
    /// Milliseconds.
    Millisecond,
    /// Microseconds.
    Microsecond,
}

impl TimeUnit {
    /// Its length in microseconds.
    #[must_use]
    pub fn micros(self) -> i64 {
        match self {
            Self::Second => SECOND,
            Self::Millisecond => 1_000,
            Self::Microsecond => 1,
        }
    }
}

impl Function {
    /// The kind of the result for arguments of `kinds`; `None` where the function is not defined on them.
    #[must_use]
    pub fn result(self, kinds: &[&Kind]) -> Option<Kind> {
        let instant = |kind: &Kind| matches!(kind, Kind::Date | Kind::Timestamp);
        Some(match (self, kinds) {
            (Self::Abs, [kind @ (Kind::Int | Kind::Float | Kind::Decimal { .. } | Kind::Duration)]) => (*kind).clone(),
            (Self::Round | Self::Floor | Self::Ceil, [Kind::Int | Kind::Float | Kind::Decimal { .. }]) => Kind::Int,
            (Self::Least | Self::Greatest, [first, rest @ ..])
                if !matches!(first, Kind::List(_) | Kind::Record(_))
                    && rest.iter().all(|kind| same_kind(kind, first)) =>
            {
                // Of decimals of one scale the result has the digits of the widest.
                let digits = |kind: &&&Kind| if let Kind::Decimal { precision, .. } = kind { *precision } else { 0 };
                (*kinds.iter().max_by_key(digits)?).clone()
            }
            (Self::RoundTo(scale), [Kind::Decimal { .. }]) if scale <= MAX_DIGITS => {
                Kind::Decimal { precision: MAX_DIGITS, scale }
            }
            (Self::Sqrt | Self::Ln | Self::Exp | Self::Log10, [Kind::Float])
            | (Self::Pow, [Kind::Float, Kind::Float]) => Kind::Float,
            (Self::Length, [Kind::String | Kind::Bytes | Kind::List(_)]) => Kind::Int,
            (Self::Lower | Self::Upper | Self::Trim, [Kind::String])
            | (Self::Substring, [Kind::String, Kind::Int] | [Kind::String, Kind::Int, Kind::Int])
            | (Self::Replace, [Kind::String, Kind::String, Kind::String]) => Kind::String,
            (Self::Concat, kinds) if kinds.iter().all(|kind| matches!(kind, Kind::String)) => Kind::String,
            (Self::StartsWith | Self::EndsWith | Self::Contains, [Kind::String, Kind::String]) => Kind::Bool,
            (Self::Split, [Kind::String, Kind::String]) => Kind::List(Arc::new(DataType::required(Kind::String))),
            (Self::Date, [kind]) if instant(kind) => Kind::Date,
            (Self::Year | Self::Month | Self::Day | Self::Hour | Self::Minute | Self::Weekday, [kind])
                if instant(kind) =>
            {
                Kind::Int
            }
            (Self::Seconds, [Kind::Duration]) => Kind::Float,
            (Self::ToEpoch(_), [Kind::Timestamp | Kind::Duration]) => Kind::Int,
            (Self::FromEpoch(_), [Kind::Int]) => Kind::Timestamp,
            _ => return None,
        })
    }

    /// Calls the function on present arguments of `kinds`, on which it is defined.
    ///
    /// # Errors
    ///
    /// [`Fault::Overflow`] and [`Fault::NotFinite`] where the result does not fit its kind; [`Fault::Conversion`] where
    /// the arguments are not of a kind on which the function is defined.
    pub fn call(self, kinds: &[&Kind], arguments: &[Cell<'_>], zone: &Zone) -> Result<Value, Fault> {
        match (self, arguments) {
            (Self::Abs | Self::Round | Self::RoundTo(_) | Self::Floor | Self::Ceil, [argument]) => {
                self.number(kinds.first().copied(), *argument)
            }
            (Self::Least | Self::Greatest, [first, rest @ ..]) => {
                let wanted = if self == Self::Least { Ordering::Less } else { Ordering::Greater };
                let best = rest.iter().fold(*first, |best, cell| match order(*cell, best) {
                    ordering if ordering == wanted => *cell,
                    _ => best,
                });
                Ok(best.to_value())
            }
            (Self::Sqrt, [Cell::Float(x)]) => scalar::sqrt(*x).map(Value::Float),
            (Self::Ln, [Cell::Float(x)]) => scalar::ln(*x).map(Value::Float),
            (Self::Exp, [Cell::Float(x)]) => scalar::exp(*x).map(Value::Float),
            (Self::Log10, [Cell::Float(x)]) => finite(libm::log10(*x)).map(Value::Float),
            (Self::Pow, [Cell::Float(x), Cell::Float(y)]) => scalar::pow(*x, *y).map(Value::Float),
            (Self::Length, [argument]) => match argument {
                Cell::String(text) => Ok(Value::Int(scalar::length(text))),
                Cell::Bytes(bytes) => Ok(Value::Int(scalar::length_bytes(bytes))),
                Cell::Cells(list @ Value::List(_)) => Ok(Value::Int(length_list(list))),
                _ => Err(Fault::Conversion),
            },
            (_, [Cell::Int(cell)]) => self.time(kinds.first().copied(), *cell, zone),
            _ => self.text(arguments),
        }
    }

    fn number(self, kind: Option<&Kind>, argument: Cell<'_>) -> Result<Value, Fault> {
        let scale = if let Some(Kind::Decimal { scale, .. }) = kind { *scale } else { 0 };
        match (self, argument) {
            (Self::Abs, Cell::Int(x)) => scalar::abs_int(x).map(Value::Int),
            (Self::Abs, Cell::Float(x)) => Ok(Value::Float(scalar::abs_float(x))),
            (Self::Abs, Cell::Decimal(x)) => scalar::abs_decimal(x).map(Value::Decimal),
            (Self::RoundTo(to), Cell::Decimal(x)) => rescale(x, scale, to).map(Value::Decimal),
            (_, Cell::Int(x)) => Ok(Value::Int(x)),
            (Self::Floor, Cell::Float(x)) => scalar::floor_float(x).map(Value::Int),
            (Self::Ceil, Cell::Float(x)) => scalar::ceil_float(x).map(Value::Int),
            (_, Cell::Float(x)) => scalar::round_float(x).map(Value::Int),
            (Self::Floor, Cell::Decimal(x)) => scalar::floor_decimal(x, scale).map(Value::Int),
            (Self::Ceil, Cell::Decimal(x)) => scalar::ceil_decimal(x, scale).map(Value::Int),
            (_, Cell::Decimal(x)) => scalar::round_decimal(x, scale).map(Value::Int),
            _ => Err(Fault::Conversion),
        }
    }

    fn time(self, kind: Option<&Kind>, cell: i64, zone: &Zone) -> Result<Value, Fault> {
        let date = matches!(kind, Some(Kind::Date));
        Ok(Value::Int(match self {
            Self::Date | Self::Hour | Self::Minute if date => {
                if self == Self::Date {
                    cell
                } else {
                    0
                }
            }
            Self::Year if date => scalar::year_of_date(cell),
            Self::Month if date => scalar::month_of_date(cell),
            Self::Day if date => scalar::day_of_date(cell),
            Self::Weekday if date => scalar::weekday_of_date(cell),
            Self::Date => scalar::date(cell, zone),
            Self::Year => scalar::year(cell, zone),
            Self::Month => scalar::month(cell, zone),
            Self::Day => scalar::day(cell, zone),
            Self::Weekday => scalar::weekday(cell, zone),
            Self::Hour => scalar::hour(cell, zone),
            Self::Minute => scalar::minute(cell, zone),
            Self::Seconds => return Ok(Value::Float(scalar::seconds(cell))),
            Self::ToEpoch(unit) => cell.div_euclid(unit.micros()),
            Self::FromEpoch(unit) => cell.checked_mul(unit.micros()).ok_or(Fault::Overflow)?,
            _ => return Err(Fault::Conversion),
        }))
    }

    fn text(self, arguments: &[Cell<'_>]) -> Result<Value, Fault> {
        let texts = |text: String| Ok(Value::String(text.into()));
        match (self, arguments) {
            (Self::Lower, [Cell::String(text)]) => texts(scalar::lower(text)),
            (Self::Upper, [Cell::String(text)]) => texts(scalar::upper(text)),
            (Self::Trim, [Cell::String(text)]) => Ok(Value::String(scalar::trim(text).into())),
            (Self::StartsWith, [Cell::String(text), Cell::String(part)]) => {
                Ok(Value::Bool(scalar::starts_with(text, part)))
            }
            (Self::EndsWith, [Cell::String(text), Cell::String(part)]) => {
                Ok(Value::Bool(scalar::ends_with(text, part)))
            }
            (Self::Contains, [Cell::String(text), Cell::String(part)]) => Ok(Value::Bool(scalar::contains(text, part))),
            (Self::Concat, parts) => {
                let mut all = String::new();
                for part in parts {
                    let Cell::String(part) = part else { return Err(Fault::Conversion) };
                    all.push_str(part);
                }
                texts(all)
            }
            (Self::Substring, [Cell::String(text), Cell::Int(start)]) => {
                texts(scalar::substring(text, *start, i64::MAX))
            }
            (Self::Substring, [Cell::String(text), Cell::Int(start), Cell::Int(length)]) => {
                texts(scalar::substring(text, *start, *length))
            }
            (Self::Replace, [Cell::String(text), Cell::String(from), Cell::String(to)]) => {
                texts(scalar::replace(text, from, to))
            }
            (Self::Split, [Cell::String(text), Cell::String("")]) => {
                Ok(Value::List([Value::String((*text).into())].into()))
            }
            (Self::Split, [Cell::String(text), Cell::String(at)]) => {
                Ok(Value::List(text.split(at).map(|part| Value::String(part.into())).collect()))
            }
            _ => Err(Fault::Conversion),
        }
    }
}

/// The number of elements of a list.
#[must_use]
pub fn length_list(list: &Value) -> i64 {
    if let Value::List(cells) = list { i64::try_from(cells.len()).unwrap_or(i64::MAX) } else { 0 }
}

/// The order of two present cells of one kind: numbers by value (decimals of one scale), texts by code point, `false`
/// before `true`, lists and records element by element with absent last.
#[must_use]
pub fn order(a: Cell<'_>, b: Cell<'_>) -> Ordering {
    match (a, b) {
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(&b),
        (Cell::Int(a), Cell::Int(b)) => a.cmp(&b),
        (Cell::Float(a), Cell::Float(b)) => compare_float(a, b),
        (Cell::Decimal(a), Cell::Decimal(b)) => a.cmp(&b),
        (Cell::String(a), Cell::String(b)) => a.cmp(b),
        (Cell::Bytes(a), Cell::Bytes(b)) => a.cmp(b),
        (Cell::Cells(Value::List(a)), Cell::Cells(Value::List(b)))
        | (Cell::Cells(Value::Record(a)), Cell::Cells(Value::Record(b))) => a
            .iter()
            .zip(b.iter())
            .map(|(a, b)| order(a.as_cell(), b.as_cell()))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| a.len().cmp(&b.len())),
        (Cell::Absent, Cell::Absent) => Ordering::Equal,
        (Cell::Absent, _) => Ordering::Greater,
        (_, Cell::Absent) => Ordering::Less,
        _ => Ordering::Equal,
    }
}

/// As [`order`], for cells of kinds that may be decimals of different scales.
#[must_use]
pub fn order_kinds(a: Cell<'_>, a_kind: &Kind, b: Cell<'_>, b_kind: &Kind) -> Ordering {
    match (a, a_kind, b, b_kind) {
        (Cell::Decimal(a), Kind::Decimal { scale: sa, .. }, Cell::Decimal(b), Kind::Decimal { scale: sb, .. }) => {
            compare_decimal(a, *sa, b, *sb)
        }
        _ => order(a, b),
    }
}
