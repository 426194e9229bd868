//! Conversions between types, each exact or rounded once.

mod cells;

use std::fmt::Write;

pub use cells::convert;

use crate::arith::{check_precision, finite, multiply_int, power_of_ten, rescale, within_digits};
use crate::calendar::{DAY, parse_date, parse_timestamp};
use crate::fault::Fault;
use crate::wide::I256;
use crate::zone::Zone;

/// The greatest integer up to which every integer is a float.
const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;

/// An integer as a float: the nearest one, ties to even.
#[inline]
#[must_use]
pub fn int_to_float(value: i64) -> f64 {
    value as f64
}

/// An integer as a decimal of scale `scale`.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits.
#[inline]
pub fn int_to_decimal(value: i64, scale: u8) -> Result<i128, Fault> {
    rescale(value.into(), 0, scale)
}

/// `int(x)` of a float, truncated.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn float_to_int(value: f64) -> Result<i64, Fault> {
    let truncated = libm::trunc(value);
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&truncated) {
        Ok(truncated as i64)
    } else {
        Err(Fault::Overflow)
    }
}

/// `int(x)` of a decimal of scale `scale`, truncated.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn decimal_to_int(mantissa: i128, scale: u8) -> Result<i64, Fault> {
    i64::try_from(mantissa / power_of_ten(scale)).map_err(|_| Fault::Overflow)
}

/// `float(x)` of a decimal of scale `scale`: the nearest float, ties to even.
#[must_use]
pub fn decimal_to_float(mantissa: i128, scale: u8) -> f64 {
    // Both operands are exact up to 2^53 and 10^22, so that the division rounds once.
    if mantissa.unsigned_abs() <= u128::from(EXACT) && scale <= 22 {
        return mantissa as f64 / power_of_ten(scale) as f64 + 0.0;
    }
    let mut text = String::with_capacity(48);
    // Writing to a string does not fail, and the standard library's parser rounds correctly.
    let _ = write!(text, "{mantissa}e-{scale}");
    text.parse().unwrap_or(0.0)
}

/// `decimal(x, …)` of a float: its exact binary value, rounded half-even to `scale` digits.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits.
pub fn float_to_decimal(value: f64, scale: u8) -> Result<i128, Fault> {
    let bits = value.abs().to_bits();
    let (exponent, fraction) = (bits >> 52, bits & ((1 << 52) - 1));
    // value = mantissa · 2^shift
    let (mantissa, shift) = match i32::try_from(exponent) {
        Ok(0) => (fraction, -1_074),
        Ok(exponent) if exponent < 0x7ff => (fraction | (1 << 52), exponent - 1_075),
        _ => return Err(Fault::NotFinite),
    };
    let product = I256::product(mantissa.into(), power_of_ten(scale));
    let magnitude = if shift >= 0 {
        product.checked_shl(shift.unsigned_abs())
    } else {
        // The product is below 2^180: divided by 2^254 or more it rounds to zero.
        let divisor = I256::from(1i128).checked_shl(shift.unsigned_abs().min(254));
        divisor.and_then(|divisor| product.div_half_even(divisor))
    };
    let magnitude = magnitude.and_then(I256::to_i128).ok_or(Fault::Overflow).and_then(within_digits)?;
    Ok(if value < 0.0 { -magnitude } else { magnitude })
}

/// A decimal of scale `from` as one of at most `precision` digits, `scale` of them after the point, rounded half-even.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits, [`Fault::Precision`] beyond `precision`.
#[inline]
pub fn decimal_to_decimal(mantissa: i128, from: u8, precision: u8, scale: u8) -> Result<i128, Fault> {
    rescale(mantissa, from, scale).and_then(|mantissa| check_precision(mantissa, precision))
}

/// The first instant of a date.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn date_to_timestamp(days: i64, zone: &Zone) -> Result<i64, Fault> {
    multiply_int(days, DAY).map(|_| zone.start_of_day(days))
}

/// Reads `true` or `false`.
///
/// # Errors
///
/// [`Fault::Conversion`] for other text.
pub fn text_to_bool(text: &str) -> Result<bool, Fault> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fault::Conversion),
    }
}

/// Reads a date as days.
///
/// # Errors
///
/// [`Fault::Conversion`] for other text.
pub fn text_to_date(text: &str) -> Result<i64, Fault> {
    parse_date(text.as_bytes()).ok_or(Fault::Conversion)
}

/// Reads an instant as microseconds.
///
/// # Errors
///
/// [`Fault::Conversion`] for other text.
pub fn text_to_timestamp(text: &str) -> Result<i64, Fault> {
    parse_timestamp(text.as_bytes()).ok_or(Fault::Conversion)
}

/// The position of a member of an enumeration by its name.
///
/// # Errors
///
/// [`Fault::Conversion`] for the name of none.
pub fn text_to_member<T: AsRef<str>>(text: &str, members: &[T]) -> Result<i64, Fault> {
    let member = members.iter().position(|member| member.as_ref() == text).ok_or(Fault::Conversion)?;
    i64::try_from(member).map_err(|_| Fault::Conversion)
}

/// Reads an integer: an optional sign and digits.
///
/// # Errors
///
/// [`Fault::Conversion`] for other text, [`Fault::Overflow`] beyond 64 bits.
pub fn text_to_int(text: &str) -> Result<i64, Fault> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Conversion);
    }
    text.parse().map_err(|_| Fault::Overflow)
}

/// Reads a float: a decimal number with an optional exponent, to the nearest float.
///
/// # Errors
///
/// [`Fault::Conversion`] for other text (also `inf` and `nan`), [`Fault::NotFinite`] beyond the range.
pub fn text_to_float(text: &str) -> Result<f64, Fault> {
    if !is_number(text.as_bytes()) {
        return Err(Fault::Conversion);
    }
    text.parse().map_err(|_| Fault::Conversion).and_then(finite)
}

/// An optional sign, digits, an optional fraction, an optional exponent.
fn is_number(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> Option<&[u8]> {
        let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 { None } else { text.get(length..) }
    }
    let unsigned = if let [b'-' | b'+', rest @ ..] = text { rest } else { text };
    let Some(rest) = digits(unsigned) else { return false };
    let rest = if let [b'.', rest @ ..] = rest { digits(rest) } else { Some(rest) };
    match rest {
        Some([b'e' | b'E', b'-' | b'+', rest @ ..] | [b'e' | b'E', rest @ ..]) => digits(rest) == Some(&[]),
        Some(rest) => rest.is_empty(),
        None => false,
    }
}

/// What is done with digits that a decimal's scale has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// They are rounded half-even.
    Round,
    /// They are refused unless they are zero.
    Refuse,
}

/// Reads a decimal number with an optional exponent as a mantissa of scale `scale`, exactly.
///
/// # Errors
///
/// [`Fault::Conversion`] for other text, [`Fault::Precision`] for refused digits, [`Fault::Overflow`] beyond 38 digits.
pub fn text_to_decimal(text: &str, scale: u8, excess: Excess) -> Result<i128, Fault> {
    if !is_number(text.as_bytes()) {
        return Err(Fault::Conversion);
    }
    let (negative, unsigned) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let whole = unsigned.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (integer, rest) = unsigned.split_at_checked(whole).ok_or(Fault::Conversion)?;
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => {
            let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            rest.split_at_checked(length).ok_or(Fault::Conversion)?
        }
        rest => (&[][..], rest),
    };
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', rest @ ..] => read_exponent(rest)?,
        _ => return Err(Fault::Conversion),
    };
    // The digits times 10^(exponent − fraction digits); wanted are digits · 10^-scale.
    let mut places = exponent.saturating_add(i64::from(scale));
    let mut magnitude: i128 = 0;
    let mut dropped = Dropped::default();
    let length = i64::try_from(integer.len()).unwrap_or(i64::MAX);
    for (digit, index) in integer.iter().chain(fraction).zip(0i64..) {
        let digit = i128::from(digit - b'0');
        // A digit at position `index` stands for 10^(length − 1 − index + places) units of the result.
        if length.saturating_add(places) > index {
            magnitude = magnitude.checked_mul(10).and_then(|sum| sum.checked_add(digit)).ok_or(Fault::Overflow)?;
        } else {
            dropped.add(digit, length.saturating_add(places) == index);
        }
    }
    let read = i64::try_from(integer.len() + fraction.len()).unwrap_or(i64::MAX);
    places = length.saturating_add(places).saturating_sub(read);
    while places > 0 && magnitude != 0 {
        magnitude = magnitude.checked_mul(10).ok_or(Fault::Overflow)?;
        places -= 1;
    }
    if excess == Excess::Refuse && dropped.any() {
        return Err(Fault::Precision);
    }
    if dropped.rounds_up(magnitude % 2 != 0) {
        magnitude += 1;
    }
    let magnitude = within_digits(magnitude)?;
    Ok(if negative { -magnitude } else { magnitude })
}

/// The digits below the last one that is kept.
#[derive(Default)]
struct Dropped {
    first: i128,
    rest: bool,
}

impl Dropped {
    fn add(&mut self, digit: i128, first: bool) {
        if first { self.first = digit } else { self.rest |= digit != 0 }
    }

    fn any(&self) -> bool {
        self.first != 0 || self.rest
    }

    fn rounds_up(&self, odd: bool) -> bool {
        self.first > 5 || (self.first == 5 && (self.rest || odd))
    }
}

/// The exponent after `e`; magnitudes beyond what any text of this size could balance are cut to ±10^12.
fn read_exponent(text: &[u8]) -> Result<i64, Fault> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Fault::Conversion);
    }
    let value = digits.iter().fold(0i64, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(1_000_000_000_000));
    Ok(if negative { -value } else { value })
}

/// A number without its last digit, and that one. Most numbers need no division of 128 bits, which costs ten of 64.
#[inline]
fn last_digit(number: u128) -> (u128, u8) {
    match u64::try_from(number) {
        Ok(small) => (u128::from(small / 10), (small % 10) as u8),
        Err(_) => (number / 10, (number % 10) as u8),
    }
}

/// Writes a decimal with all digits of its scale.
pub fn write_decimal(out: &mut Vec<u8>, mantissa: i128, scale: u8) {
    if mantissa < 0 {
        out.push(b'-');
    }
    let mut buffer = [b'0'; 40];
    let mut rest = mantissa.unsigned_abs();
    let mut start = buffer.len();
    let least = usize::from(scale) + 1;
    for (index, slot) in buffer.iter_mut().enumerate().rev() {
        let written = 40 - index - 1;
        if rest == 0 && written >= least {
            break;
        }
        let digit;
        (rest, digit) = last_digit(rest);
        *slot = b'0' + digit;
        start = index;
    }
    let digits = buffer.get(start..).unwrap_or(&[]);
    let (integer, fraction) =
        digits.split_at_checked(digits.len().saturating_sub(scale.into())).unwrap_or((digits, &[]));
    out.extend_from_slice(integer);
    if scale > 0 {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

/// Writes a float as its shortest text that reads back as the same float, always with a point or an exponent.
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    let mut text = String::with_capacity(24);
    // Writing to a string does not fail.
    let _ = write!(text, "{value:?}");
    out.extend_from_slice(text.as_bytes());
}

/// Writes an integer.
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let mut buffer = [b'0'; 20];
    let mut rest = value.unsigned_abs();
    let mut start = buffer.len();
    for (index, slot) in buffer.iter_mut().enumerate().rev() {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        start = index;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(buffer.get(start..).unwrap_or(&[]));
}
