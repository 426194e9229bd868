//! Arithmetic on one cell, exactly as the language defines it: nothing is silently wrapped, rounded twice or infinite.

use std::cmp::Ordering;

use crate::fault::Fault;

/// The greatest number of digits of a decimal, and the greatest scale.
pub const MAX_DIGITS: u8 = 38;

/// 10^0 to 10^38.
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

/// `a / b` on integers: the exact quotient, rounded once to a float. `None` for a zero divisor.
#[inline]
#[must_use]
pub fn divide_int(a: i64, b: i64) -> Option<f64> {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    if b == 0 {
        return None;
    }
    if a.unsigned_abs() <= EXACT && b.unsigned_abs() <= EXACT {
        return Some(tidy(a as f64 / b as f64));
    }
    // 64 more bits than the dividend has leave at least 64 significant bits in the quotient, more than the 53 of a
    // float; the sticky bit says whether anything is below them. The conversion then rounds once.
    let (dividend, divisor) = (u128::from(a.unsigned_abs()) << 64, u128::from(b.unsigned_abs()));
    let sticky = u128::from(dividend % divisor != 0);
    let magnitude = ((dividend / divisor) | sticky) as f64 / 18_446_744_073_709_551_616.0;
    Some(if (a < 0) == (b < 0) { magnitude } else { tidy(-magnitude) })
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
/// [`Fault::Overflow`] beyond 38 digits.
#[inline]
pub fn add_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Result<i128, Fault> {
    let (a, b) = align(a, sa, b, sb)?;
    within_digits(a + b)
}

/// `a - b` on decimals of scales `sa` and `sb`; the result has [`sum_scale`].
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits.
#[inline]
pub fn subtract_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Result<i128, Fault> {
    let (a, b) = align(a, sa, b, sb)?;
    within_digits(a - b)
}

/// Both mantissas at the greater scale, each within 38 digits.
#[inline]
fn align(a: i128, sa: u8, b: i128, sb: u8) -> Result<(i128, i128), Fault> {
    let scale = sum_scale(sa, sb);
    Ok((rescale(within_digits(a)?, sa, scale)?, rescale(within_digits(b)?, sb, scale)?))
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
    match a.checked_mul(b) {
        Some(product) if excess == 0 => within_digits(product),
        Some(product) => within_digits(round_half_even(product, power_of_ten(excess))),
        None if excess == 0 => Err(Fault::Overflow),
        None => {
            let product = wide_multiply(a.unsigned_abs(), b.unsigned_abs());
            let (quotient, rest) = wide_divide(product, power_of_ten(excess).unsigned_abs()).ok_or(Fault::Overflow)?;
            signed(round_up(quotient, rest, power_of_ten(excess).unsigned_abs())?, (a < 0) != (b < 0))
        }
    }
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
    let digits = quotient_scale(sa, sb) + sb - sa;
    if digits <= MAX_DIGITS
        && let Some(dividend) = a.checked_mul(power_of_ten(digits))
    {
        let magnitude = round_half_even(dividend, i128::try_from(b.unsigned_abs()).unwrap_or(i128::MAX));
        return within_digits(if b < 0 { -magnitude } else { magnitude }).map(Some);
    }
    let divisor = b.unsigned_abs();
    let (mut quotient, mut rest) = (a.unsigned_abs() / divisor, a.unsigned_abs() % divisor);
    let mut left = digits;
    while left > 0 {
        let step = left.min(MAX_DIGITS);
        let power = power_of_ten(step).unsigned_abs();
        // The remainder is below the divisor, so this quotient is below the power.
        let (next, after) = wide_divide(wide_multiply(rest, power), divisor).ok_or(Fault::Overflow)?;
        quotient =
            quotient.checked_mul(power).and_then(|quotient| quotient.checked_add(next)).ok_or(Fault::Overflow)?;
        rest = after;
        left -= step;
    }
    signed(round_up(quotient, rest, divisor)?, (a < 0) != (b < 0)).map(Some)
}

/// `a div b` on decimals of scales `sa` and `sb`, truncated; the result has scale 0. `None` for a zero divisor.
///
/// # Errors
///
/// [`Fault::Overflow`] where the two at one scale go beyond 38 digits.
#[inline]
pub fn div_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Result<Option<i128>, Fault> {
    if b == 0 {
        return Ok(None);
    }
    let (a, b) = align(a, sa, b, sb)?;
    Ok(Some(a / b))
}

/// `a mod b` on decimals of scales `sa` and `sb`, with the sign of `a`; the result has [`sum_scale`]. `None` for a zero
/// divisor.
///
/// # Errors
///
/// [`Fault::Overflow`] where the two at one scale go beyond 38 digits.
#[inline]
pub fn mod_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Result<Option<i128>, Fault> {
    if b == 0 {
        return Ok(None);
    }
    let (a, b) = align(a, sa, b, sb)?;
    Ok(Some(a % b))
}

/// Compares decimals of scales `sa` and `sb` as numbers; never fails.
#[inline]
#[must_use]
pub fn compare_decimal(a: i128, sa: u8, b: i128, sb: u8) -> Ordering {
    if sa == sb {
        return a.cmp(&b);
    }
    if a.signum() != b.signum() {
        return a.cmp(&b);
    }
    let (up_a, up_b) = (power_of_ten(sb.saturating_sub(sa)), power_of_ten(sa.saturating_sub(sb)));
    match (a.checked_mul(up_a), b.checked_mul(up_b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => {
            let magnitudes = wide_multiply(a.unsigned_abs(), up_a.unsigned_abs())
                .cmp(&wide_multiply(b.unsigned_abs(), up_b.unsigned_abs()));
            if a < 0 { magnitudes.reverse() } else { magnitudes }
        }
    }
}

fn signed(magnitude: u128, negative: bool) -> Result<i128, Fault> {
    let value = i128::try_from(magnitude).map_err(|_| Fault::Overflow).and_then(within_digits)?;
    Ok(if negative { -value } else { value })
}

/// `quotient` and what `rest / divisor` adds to it half-even.
fn round_up(quotient: u128, rest: u128, divisor: u128) -> Result<u128, Fault> {
    let other = divisor - rest;
    let up = rest > other || (rest == other && quotient % 2 == 1);
    quotient.checked_add(u128::from(up)).ok_or(Fault::Overflow)
}

/// The product in 256 bits: high and low half.
pub(crate) fn wide_multiply(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let low = a0 * b0;
    let (middle, carry) = (a1 * b0).overflowing_add(a0 * b1);
    let (low, carry_low) = low.overflowing_add(middle << 64);
    let high = a1 * b1 + (middle >> 64) + (u128::from(carry) << 64) + u128::from(carry_low);
    (high, low)
}

/// Quotient and remainder of 256 bits by 128; `None` where the quotient has more than 128 bits or the divisor is 0.
pub(crate) fn wide_divide((high, low): (u128, u128), divisor: u128) -> Option<(u128, u128)> {
    if high == 0 {
        return Some((low.checked_div(divisor)?, low.checked_rem(divisor)?));
    }
    if high >= divisor {
        return None;
    }
    let (mut rest, mut quotient) = (high, 0u128);
    for bit in (0..128).rev() {
        let carry = rest >> 127 == 1;
        rest = (rest << 1) | ((low >> bit) & 1);
        quotient <<= 1;
        if carry || rest >= divisor {
            rest = rest.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    Some((quotient, rest))
}
