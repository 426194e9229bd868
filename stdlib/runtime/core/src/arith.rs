//! Arithmetic on one cell, exactly as the language defines it: nothing is silently wrapped, rounded twice or infinite.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use crate::calendar::DAY;
use crate::fault::Fault;
use crate::wide::I256;

/// The greatest number of digits of a decimal, and the greatest scale.
pub const MAX_DIGITS: u8 = 38;

/// 10^0 to 10^38.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < 39 {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// `10^exponent`; beyond 38 the greatest representable power, 10^38.
#[inline]
#[must_use]
pub fn power_of_ten(exponent: u8) -> i128 {
    POWERS.get(usize::from(exponent)).copied().unwrap_or(POWERS[38])
}

/// The mantissa of a decimal as it is written in a program: its digits, without the point. What is neither digit nor sign
/// is passed over, and digits beyond 128 bits are wrong; both are for whoever writes the program to avoid.
#[must_use]
pub const fn mantissa(text: &str) -> i128 {
    let mut rest = text.as_bytes();
    let mut negative = false;
    let mut magnitude: i128 = 0;
    while let [byte, tail @ ..] = rest {
        match *byte {
            b'-' => negative = true,
            digit @ b'0'..=b'9' => magnitude = magnitude.wrapping_mul(10).wrapping_add((digit - b'0') as i128),
            _ => {}
        }
        rest = tail;
    }
    if negative { -magnitude } else { magnitude }
}

/// `a + b` on integers.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn add_int(a: i64, b: i64) -> Result<i64, Fault> {
    a.checked_add(b).ok_or(Fault::Overflow)
}

/// `a - b` on integers.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn subtract_int(a: i64, b: i64) -> Result<i64, Fault> {
    a.checked_sub(b).ok_or(Fault::Overflow)
}

/// `a * b` on integers.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn multiply_int(a: i64, b: i64) -> Result<i64, Fault> {
    a.checked_mul(b).ok_or(Fault::Overflow)
}

/// `-a` on integers.
///
/// # Errors
///
/// [`Fault::Overflow`] for the least integer.
#[inline]
pub fn negate_int(a: i64) -> Result<i64, Fault> {
    a.checked_neg().ok_or(Fault::Overflow)
}

/// `a / b` on integers: both become floats first. `None` for a zero divisor.
#[inline]
#[must_use]
pub fn divide_int(a: i64, b: i64) -> Option<f64> {
    if b == 0 { None } else { Some(tidy(a as f64 / b as f64)) }
}

/// `a div b` on integers, truncated. `None` for a zero divisor.
///
/// # Errors
///
/// [`Fault::Overflow`] for the least integer by −1.
#[inline]
pub fn div_int(a: i64, b: i64) -> Result<Option<i64>, Fault> {
    if b == 0 { Ok(None) } else { a.checked_div(b).map(Some).ok_or(Fault::Overflow) }
}

/// `a mod b` on integers, with the sign of `a`. `None` for a zero divisor.
#[inline]
#[must_use]
pub fn mod_int(a: i64, b: i64) -> Option<i64> {
    // The one overflowing case, the least integer by −1, leaves no remainder.
    if b == 0 { None } else { Some(a.checked_rem(b).unwrap_or(0)) }
}

/// `date + duration`, in days and microseconds; dates have 32 bits.
///
/// # Errors
///
/// [`Fault::Precision`] where the duration is not whole days, [`Fault::Overflow`] beyond the range.
#[inline]
pub fn add_to_date(days: i64, micros: i64) -> Result<i64, Fault> {
    whole_days(micros).and_then(|more| add_int(days, more)).and_then(within_dates)
}

/// `date - duration`, in days and microseconds; dates have 32 bits.
///
/// # Errors
///
/// [`Fault::Precision`] where the duration is not whole days, [`Fault::Overflow`] beyond the range.
#[inline]
pub fn subtract_from_date(days: i64, micros: i64) -> Result<i64, Fault> {
    whole_days(micros).and_then(|less| subtract_int(days, less)).and_then(within_dates)
}

/// `date - date`, a duration in microseconds.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn subtract_dates(a: i64, b: i64) -> Result<i64, Fault> {
    subtract_int(a, b).and_then(|days| multiply_int(days, DAY))
}

#[inline]
fn whole_days(micros: i64) -> Result<i64, Fault> {
    if micros % DAY == 0 { Ok(micros / DAY) } else { Err(Fault::Precision) }
}

#[inline]
fn within_dates(days: i64) -> Result<i64, Fault> {
    i32::try_from(days).map(i64::from).map_err(|_| Fault::Overflow)
}

/// A result of float arithmetic as the language knows it: finite, and 0 instead of −0.
///
/// # Errors
///
/// [`Fault::NotFinite`] for NaN and infinity.
#[inline]
pub fn finite(value: f64) -> Result<f64, Fault> {
    if value.is_finite() { Ok(tidy(value)) } else { Err(Fault::NotFinite) }
}

/// −0 becomes 0.
#[inline]
fn tidy(value: f64) -> f64 {
    value + 0.0
}

/// `a + b` on floats.
///
/// # Errors
///
/// [`Fault::NotFinite`] where the sum is not finite.
#[inline]
pub fn add_float(a: f64, b: f64) -> Result<f64, Fault> {
    finite(a + b)
}

/// `a - b` on floats.
///
/// # Errors
///
/// [`Fault::NotFinite`] where the difference is not finite.
#[inline]
pub fn subtract_float(a: f64, b: f64) -> Result<f64, Fault> {
    finite(a - b)
}

/// `a * b` on floats.
///
/// # Errors
///
/// [`Fault::NotFinite`] where the product is not finite.
#[inline]
pub fn multiply_float(a: f64, b: f64) -> Result<f64, Fault> {
    finite(a * b)
}

/// `-a` on floats.
#[inline]
#[must_use]
pub fn negate_float(a: f64) -> f64 {
    tidy(-a)
}

/// `a / b` on floats. `None` for a zero divisor.
///
/// # Errors
///
/// [`Fault::NotFinite`] where the quotient is not finite.
#[inline]
pub fn divide_float(a: f64, b: f64) -> Result<Option<f64>, Fault> {
    if b == 0.0 { Ok(None) } else { finite(a / b).map(Some) }
}

/// `a div b` on floats: the rounded quotient, truncated. `None` for a zero divisor.
///
/// # Errors
///
/// [`Fault::NotFinite`] where the quotient is not finite.
#[inline]
pub fn div_float(a: f64, b: f64) -> Result<Option<f64>, Fault> {
    if b == 0.0 { Ok(None) } else { finite(libm::trunc(a / b)).map(Some) }
}

/// `a mod b` on floats, exact, with the sign of `a`. `None` for a zero divisor.
#[inline]
#[must_use]
pub fn mod_float(a: f64, b: f64) -> Option<f64> {
    if b == 0.0 { None } else { Some(tidy(libm::fmod(a, b))) }
}

/// The total order of floats as the language knows them: finite, so that every pair compares.
#[inline]
#[must_use]
pub fn compare_float(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// The scale of a sum, difference or remainder of decimals: the greater one.
#[must_use]
pub fn sum_scale(a: u8, b: u8) -> u8 {
    a.max(b)
}

/// The scale of a product of decimals: the sum, at most 38.
#[must_use]
pub fn product_scale(a: u8, b: u8) -> u8 {
    a.saturating_add(b).min(MAX_DIGITS)
}

/// The scale of a quotient of decimals: six digits more than the greater scale, at most 38.
#[must_use]
pub fn quotient_scale(a: u8, b: u8) -> u8 {
    a.max(b).saturating_add(6).min(MAX_DIGITS)
}

/// A mantissa of at most 38 digits.
///
/// # Errors
///
/// [`Fault::Overflow`] for more.
#[inline]
pub fn within_digits(mantissa: i128) -> Result<i128, Fault> {
    if -POWERS[38] < mantissa && mantissa < POWERS[38] { Ok(mantissa) } else { Err(Fault::Overflow) }
}

/// `-a` on decimals.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits.
#[inline]
pub fn negate_decimal(a: i128) -> Result<i128, Fault> {
    a.checked_neg().ok_or(Fault::Overflow).and_then(within_digits)
}

/// Checks a field's precision: at most `precision` digits.
///
/// # Errors
///
/// [`Fault::Precision`] for more.
#[inline]
pub fn check_precision(mantissa: i128, precision: u8) -> Result<i128, Fault> {
    let limit = power_of_ten(precision);
    if -limit < mantissa && mantissa < limit { Ok(mantissa) } else { Err(Fault::Precision) }
}

/// The mantissa of the same number at another scale: exact upwards, half-even downwards.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits.
#[inline]
pub fn rescale(mantissa: i128, from: u8, to: u8) -> Result<i128, Fault> {
    match to.cmp(&from) {
        Ordering::Equal => Ok(mantissa),
        Ordering::Greater => scale_up(mantissa, to - from),
        Ordering::Less => Ok(round_half_even(mantissa, power_of_ten(from - to))),
    }
}

#[inline]
fn scale_up(mantissa: i128, digits: u8) -> Result<i128, Fault> {
    mantissa.checked_mul(power_of_ten(digits)).ok_or(Fault::Overflow).and_then(within_digits)
}

/// `a / divisor` rounded half-even; `divisor` is positive.
#[inline]
fn round_half_even(a: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (a / divisor, (a % divisor).unsigned_abs());
    let other = divisor.unsigned_abs() - rest;
    if rest > other || (rest == other && quotient % 2 != 0) { quotient + a.signum() } else { quotient }
}

/// `a + b` on decimals of scales `sa` and `sb`; the result has [`sum_scale`].
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits; only the result is judged.
#[inline]
pub fn add_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Result<i128, Fault> {
    match align(a, sa, b, sb) {
        Some((a, b)) => a.checked_add(b).ok_or(Fault::Overflow).and_then(within_digits),
        None => {
            let (a, b) = align_wide(a, sa, b, sb);
            narrow(a.checked_add(b))
        }
    }
}

/// `a - b` on decimals of scales `sa` and `sb`; the result has [`sum_scale`].
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits; only the result is judged.
#[inline]
pub fn subtract_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Result<i128, Fault> {
    match align(a, sa, b, sb) {
        Some((a, b)) => a.checked_sub(b).ok_or(Fault::Overflow).and_then(within_digits),
        None => {
            let (a, b) = align_wide(a, sa, b, sb);
            narrow(a.checked_sub(b))
        }
    }
}

/// Both mantissas at the greater scale; `None` beyond 128 bits.
#[inline]
fn align(a: i128, sa: u8, b: i128, sb: u8) -> Option<(i128, i128)> {
    if sa == sb {
        return Some((a, b));
    }
    let (up_a, up_b) = (power_of_ten(sb.saturating_sub(sa)), power_of_ten(sa.saturating_sub(sb)));
    Some((a.checked_mul(up_a)?, b.checked_mul(up_b)?))
}

/// Both mantissas at the greater scale.
#[cold]
fn align_wide(a: i128, sa: u8, b: i128, sb: u8) -> (I256, I256) {
    let (up_a, up_b) = (power_of_ten(sb.saturating_sub(sa)), power_of_ten(sa.saturating_sub(sb)));
    (I256::product(a, up_a), I256::product(b, up_b))
}

fn narrow(value: Option<I256>) -> Result<i128, Fault> {
    value.and_then(I256::to_i128).ok_or(Fault::Overflow).and_then(within_digits)
}

/// `a * b` on decimals of scales `sa` and `sb`; the result has [`product_scale`], rounded half-even where the scales
/// add up to more than 38.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits.
#[inline]
pub fn multiply_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Result<i128, Fault> {
    let excess = sa.saturating_add(sb).saturating_sub(MAX_DIGITS);
    if excess == 0 {
        return a.checked_mul(b).ok_or(Fault::Overflow).and_then(within_digits);
    }
    narrow(I256::product(a, b).div_half_even(I256::from(power_of_ten(excess))))
}

/// `a / b` on decimals of scales `sa` and `sb`, rounded half-even; the result has [`quotient_scale`]. `None` for a zero
/// divisor.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits.
#[inline]
pub fn divide_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Result<Option<i128>, Fault> {
    if b == 0 {
        return Ok(None);
    }
    // a·10^-sa ÷ b·10^-sb at the scale of the result is a·10^digits ÷ b.
    let digits = (quotient_scale(sa, sb) + sb).saturating_sub(sa);
    if digits <= MAX_DIGITS
        && let Some(dividend) = a.checked_mul(power_of_ten(digits))
    {
        let magnitude = round_half_even(dividend, i128::try_from(b.unsigned_abs()).unwrap_or(i128::MAX));
        let quotient = if b < 0 { magnitude.checked_neg().ok_or(Fault::Overflow)? } else { magnitude };
        return within_digits(quotient).map(Some);
    }
    wide_quotient(a, digits, b).ok_or(Fault::Overflow).and_then(within_digits).map(Some)
}

/// `a·10^digits / b` rounded half-even, for a product beyond 128 bits; `None` where the quotient is beyond them too.
fn wide_quotient(a: i128, digits: u8, b: i128) -> Option<i128> {
    let dividend = I256::product(a, power_of_ten(digits.min(MAX_DIGITS)));
    let factor = power_of_ten(digits.saturating_sub(MAX_DIGITS));
    let divisor = I256::from(b);
    if let Some(dividend) = dividend.checked_mul(factor) {
        return dividend.div_half_even(divisor)?.to_i128();
    }
    // The product is beyond 2^255 and the divisor below 2^127: so is the quotient beyond 2^127.
    None
}

/// `a div b` on decimals of scales `sa` and `sb`, truncated; the result has scale 0. `None` for a zero divisor.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits; only the result is judged.
#[inline]
pub fn div_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Result<Option<i128>, Fault> {
    if b == 0 {
        return Ok(None);
    }
    match align(a, sa, b, sb) {
        Some((a, b)) => a.checked_div(b).ok_or(Fault::Overflow).and_then(within_digits),
        None => {
            let (a, b) = align_wide(a, sa, b, sb);
            narrow(a.div_rem(b).map(|(quotient, _)| quotient))
        }
    }
    .map(Some)
}

/// `a mod b` on decimals of scales `sa` and `sb`, with the sign of `a`; the result has [`sum_scale`]. `None` for a zero
/// divisor.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits; only the result is judged.
#[inline]
pub fn mod_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Result<Option<i128>, Fault> {
    if b == 0 {
        return Ok(None);
    }
    match align(a, sa, b, sb) {
        Some((a, b)) => within_digits(a.checked_rem(b).unwrap_or(0)),
        None => {
            let (a, b) = align_wide(a, sa, b, sb);
            narrow(a.div_rem(b).map(|(_, rest)| rest))
        }
    }
    .map(Some)
}

/// Compares decimals of scales `sa` and `sb` as numbers; never fails.
#[inline]
#[must_use]
pub fn compare_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Ordering {
    if sa == sb {
        return a.cmp(&b);
    }
    match align(a, sa, b, sb) {
        Some((a, b)) => a.cmp(&b),
        None => {
            let (a, b) = align_wide(a, sa, b, sb);
            a.cmp(&b)
        }
    }
}
