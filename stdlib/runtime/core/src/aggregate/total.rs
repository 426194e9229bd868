//! Exact totals and what is read from them.

use std::cmp::Ordering;

use super::{Numeric, mean_scale};
use crate::bytes::{DecodeError, Reader, write_wide};
use crate::exact::{FloatSum, Natural, SquareSum, round_quotient, round_ratio, sample_variance, with_sign};
use crate::fault::Fault;
use crate::value::{Cell, Value};
use crate::wide::I256;

/// What one total adds up, over the argument slot it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Measure {
    /// Rows.
    Rows,
    /// Rows whose bool holds.
    Trues(usize),
    /// Integers or decimal mantissas.
    Whole(usize),
    /// Doubles.
    Float(usize),
    /// Squares of integers or of decimal mantissas.
    WholeSquares(usize),
    /// Squares of doubles.
    FloatSquares(usize),
}

/// One row's part of a total.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    Whole(i128),
    Float(f64),
    WholeSquare(i128),
    FloatSquare(f64),
}

impl Measure {
    pub(crate) fn zero(self) -> Total {
        match self {
            Self::Rows | Self::Trues(_) | Self::Whole(_) => Total::Whole(I256::ZERO),
            Self::Float(_) => Total::Float(FloatSum::default()),
            Self::WholeSquares(_) | Self::FloatSquares(_) => Total::Squares(SquareSum::default()),
        }
    }

    /// What a row of these argument cells adds to a total of wholes, where 64 bits hold it.
    #[inline]
    pub(crate) fn narrow(self, cells: &[Cell<'_>]) -> Option<i64> {
        match self {
            Self::Rows => Some(1),
            Self::Trues(slot) => match cells.get(slot)? {
                Cell::Bool(holds) => Some(i64::from(*holds)),
                _ => None,
            },
            Self::Whole(slot) => match cells.get(slot)? {
                Cell::Int(value) => Some(*value),
                Cell::Decimal(value) => i64::try_from(*value).ok(),
                _ => None,
            },
            Self::Float(_) | Self::WholeSquares(_) | Self::FloatSquares(_) => None,
        }
    }

    /// What a row of these argument cells adds.
    pub(crate) fn part(self, cells: &[Cell<'_>]) -> Result<Part, Fault> {
        let cell = |slot: usize| cells.get(slot).copied().unwrap_or(Cell::Absent);
        match self {
            Self::Rows => Ok(Part::Whole(1)),
            Self::Trues(slot) => match cell(slot) {
                Cell::Bool(holds) => Ok(Part::Whole(i128::from(holds))),
                _ => Err(Fault::Malformed),
            },
            Self::Whole(slot) => whole(cell(slot)).map(Part::Whole),
            Self::WholeSquares(slot) => whole(cell(slot)).map(Part::WholeSquare),
            Self::Float(slot) => float(cell(slot)).map(Part::Float),
            Self::FloatSquares(slot) => float(cell(slot)).map(Part::FloatSquare),
        }
    }
}

fn whole(cell: Cell<'_>) -> Result<i128, Fault> {
    match cell {
        Cell::Int(value) => Ok(i128::from(value)),
        Cell::Decimal(value) => Ok(value),
        _ => Err(Fault::Malformed),
    }
}

fn float(cell: Cell<'_>) -> Result<f64, Fault> {
    match cell {
        Cell::Float(value) if value.is_finite() => Ok(value),
        Cell::Float(_) => Err(Fault::NotFinite),
        _ => Err(Fault::Malformed),
    }
}

/// An exact total.
#[derive(Debug, Clone)]
pub(crate) enum Total {
    Whole(I256),
    Float(FloatSum),
    Squares(SquareSum),
}

impl Default for Total {
    fn default() -> Self {
        Self::Whole(I256::ZERO)
    }
}

impl Total {
    /// Adds a row's part `weight` times (±1).
    pub(crate) fn add(&mut self, part: Part, weight: i8) -> Result<(), Fault> {
        match (self, part) {
            (Self::Whole(sum), Part::Whole(value)) => {
                let value = I256::from(value);
                *sum = if weight < 0 { *sum - value } else { *sum + value };
                Ok(())
            }
            (Self::Float(sum), Part::Float(value)) => sum.add_float(value, weight),
            (Self::Squares(sum), Part::WholeSquare(value)) => {
                sum.add_square(value, weight);
                Ok(())
            }
            (Self::Squares(sum), Part::FloatSquare(value)) => sum.add_float_square(value, weight),
            _ => Err(Fault::Malformed),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Whole(sum), Self::Whole(more)) => *sum = *sum + *more,
            (Self::Float(sum), Self::Float(more)) => sum.merge(more),
            (Self::Squares(sum), Self::Squares(more)) => sum.merge(more),
            _ => {}
        }
    }

    /// Takes another total back.
    pub(crate) fn unmerge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Whole(sum), Self::Whole(more)) => *sum = *sum - *more,
            (Self::Float(sum), Self::Float(more)) => sum.unmerge(more),
            (Self::Squares(sum), Self::Squares(more)) => sum.unmerge(more),
            _ => {}
        }
    }

    /// Becomes a whole of 64 bits. One of wholes mostly was one before, and is then changed where it stands.
    #[inline]
    pub(crate) fn set_whole(&mut self, value: i64) {
        match self {
            Self::Whole(sum) => *sum = I256::from(value),
            other => *other = Self::Whole(I256::from(value)),
        }
    }

    /// Becomes the total of no rows.
    #[inline]
    pub(crate) fn set_zero(&mut self, measure: Measure) {
        match (&mut *self, measure) {
            (Self::Whole(sum), Measure::Rows | Measure::Trues(_) | Measure::Whole(_)) => *sum = I256::ZERO,
            _ => *self = measure.zero(),
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Whole(sum) => *sum == I256::ZERO,
            Self::Float(sum) => sum.is_zero(),
            Self::Squares(sum) => sum.is_zero(),
        }
    }

    /// As a number of rows.
    pub(crate) fn rows(&self) -> Result<i64, Fault> {
        match self {
            Self::Whole(sum) => sum.to_i64().ok_or(Fault::Overflow),
            _ => Err(Fault::Malformed),
        }
    }

    /// The sum, judged on its final value.
    pub(crate) fn sum(&self, numeric: Numeric) -> Result<Value, Fault> {
        match (self, numeric) {
            (Self::Whole(sum), Numeric::Decimal { .. }) => decimal(*sum).map(Value::Decimal),
            (Self::Whole(sum), _) => sum.to_i64().map(Value::Int).ok_or(Fault::Overflow),
            (Self::Float(sum), _) => sum.round().map(Value::Float),
            (Self::Squares(_), _) => Err(Fault::Malformed),
        }
    }

    /// The mean of whole values over `rows`, rounded to a whole one, ties to even; absent over none.
    pub(crate) fn whole_mean(&self, rows: i64) -> Result<Value, Fault> {
        if positive(rows).is_none() {
            return Ok(Value::Absent);
        }
        let Self::Whole(sum) = self else { return Err(Fault::Malformed) };
        let mean = sum.div_half_even(I256::from(i128::from(rows))).ok_or(Fault::Overflow)?;
        mean.to_i64().map(Value::Int).ok_or(Fault::Overflow)
    }

    /// The mean over `rows`; absent over none.
    pub(crate) fn mean(&self, numeric: Numeric, rows: i64) -> Result<Value, Fault> {
        let Some(count) = positive(rows) else { return Ok(Value::Absent) };
        match (self, numeric) {
            (Self::Whole(sum), Numeric::Decimal { scale }) => {
                // At most six more digits.
                const POWERS: [i128; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
                let digits = usize::from(mean_scale(scale).saturating_sub(scale));
                let factor = POWERS.get(digits).copied().ok_or(Fault::Malformed)?;
                // Mostly 128 bits are enough, and 64 for what comes out.
                if let Some(scaled) = sum.to_i64().and_then(|sum| i128::from(sum).checked_mul(factor)) {
                    return Ok(Value::Decimal(half_even(scaled, i128::from(rows))));
                }
                let scaled = sum.checked_mul(factor).ok_or(Fault::Overflow)?;
                let mean = scaled.div_half_even(I256::from(i128::from(rows))).ok_or(Fault::Overflow)?;
                decimal(mean).map(Value::Decimal)
            }
            (Self::Whole(sum), _) => {
                let mean = match sum.to_i128() {
                    Some(sum) => with_sign(round_quotient(sum.unsigned_abs(), count, 0)?, sum < 0),
                    None => {
                        let (negative, magnitude) = natural(*sum);
                        with_sign(round_ratio(&magnitude, &Natural::from_u128(count.into()), 0)?, negative)
                    }
                };
                Ok(Value::Float(mean))
            }
            (Self::Float(sum), _) => sum.mean(count).map(Value::Float),
            (Self::Squares(_), _) => Err(Fault::Malformed),
        }
    }

    /// The sample variance over `rows`; `None` below two.
    pub(crate) fn variance(&self, numeric: Numeric, rows: i64, squares: &Self) -> Result<Option<f64>, Fault> {
        let (Some(count), Self::Squares(squares)) = (positive(rows), squares) else { return Ok(None) };
        let scale = if let Numeric::Decimal { scale } = numeric { u32::from(scale) } else { 0 };
        match self {
            Self::Whole(sum) => sample_variance(count, (&natural(*sum).1, 0), squares, scale),
            Self::Float(sum) => {
                let (_, magnitude, exponent) = sum.parts();
                sample_variance(count, (&magnitude, exponent), squares, scale)
            }
            Self::Squares(_) => Err(Fault::Malformed),
        }
    }

    /// The total as a share of `rows`; absent over none.
    pub(crate) fn ratio(&self, rows: i64) -> Result<Value, Fault> {
        let Some(count) = positive(rows) else { return Ok(Value::Absent) };
        let trues = u128::try_from(self.rows()?).map_err(|_| Fault::Malformed)?;
        round_quotient(trues, count, 0).map(Value::Float)
    }

    /// Appends the canonical encoding.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Whole(sum) => match sum.to_i128().filter(|sum| *sum != WIDE) {
                Some(sum) => write_wide(out, sum),
                None => {
                    write_wide(out, WIDE);
                    sum.to_limbs().iter().for_each(|limb| out.extend_from_slice(&limb.to_le_bytes()));
                }
            },
            Self::Float(sum) => sum.encode(out),
            Self::Squares(sum) => sum.encode(out),
        }
    }

    /// Reads what [`Total::encode`] wrote for this measure.
    pub(crate) fn decode(measure: Measure, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match measure.zero() {
            Self::Whole(_) => Self::Whole(match from.wide()? {
                WIDE => I256::from_limbs([from.word()?, from.word()?, from.word()?, from.word()?]),
                sum => I256::from(sum),
            }),
            Self::Float(_) => Self::Float(FloatSum::decode(from)?),
            Self::Squares(_) => Self::Squares(SquareSum::decode(from)?),
        })
    }
}

/// Announces 32 bytes of a sum that 128 bits do not hold.
const WIDE: i128 = i128::MIN;

fn positive(rows: i64) -> Option<u64> {
    u64::try_from(rows).ok().filter(|rows| *rows > 0)
}

/// The quotient by a positive number, half to even.
fn half_even(value: i128, by: i128) -> i128 {
    let (quotient, rest) = match (i64::try_from(value), i64::try_from(by)) {
        (Ok(value), Ok(by)) => (i128::from(value.div_euclid(by)), i128::from(value.rem_euclid(by))),
        _ => (value.div_euclid(by), value.rem_euclid(by)),
    };
    // Twice the rest of a count of rows fits.
    let is_up = match (rest * 2).cmp(&by) {
        Ordering::Less => false,
        Ordering::Equal => quotient & 1 == 1,
        Ordering::Greater => true,
    };
    quotient + i128::from(is_up)
}

/// A decimal of at most 38 digits.
fn decimal(value: I256) -> Result<i128, Fault> {
    const LIMIT: i128 = 10i128.pow(38);
    value.to_i128().filter(|value| (-LIMIT + 1..LIMIT).contains(value)).ok_or(Fault::Overflow)
}

fn natural(value: I256) -> (bool, Natural) {
    let magnitude = if value.is_negative() { -value } else { value };
    (value.is_negative(), Natural::from_limbs(magnitude.to_limbs().to_vec()))
}
