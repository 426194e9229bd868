//! The functions of the language on plain values: what [`Function::call`](super::Function::call) and generated code call.

use crate::arith::{finite, negate_decimal, negate_float, negate_int, power_of_ten, rescale};
use crate::calendar::{DAY, HOUR, MINUTE, date_of, day_of_week};
use crate::convert::{decimal_to_float, float_to_int};
use crate::fault::Fault;
use crate::zone::Zone;

/// The magnitude of an integer or duration.
///
/// # Errors
///
/// [`Fault::Overflow`] for the least integer.
#[inline]
pub fn abs_int(x: i64) -> Result<i64, Fault> {
    if x < 0 { negate_int(x) } else { Ok(x) }
}

/// The magnitude of a float.
#[inline]
#[must_use]
pub fn abs_float(x: f64) -> f64 {
    if x < 0.0 { negate_float(x) } else { x }
}

/// The magnitude of a decimal.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits.
#[inline]
pub fn abs_decimal(x: i128) -> Result<i128, Fault> {
    if x < 0 { negate_decimal(x) } else { Ok(x) }
}

/// The integer nearest to a float, ties to even.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn round_float(x: f64) -> Result<i64, Fault> {
    float_to_int(libm::rint(x))
}

/// The greatest integer that is not greater than a float.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn floor_float(x: f64) -> Result<i64, Fault> {
    float_to_int(libm::floor(x))
}

/// The least integer that is not less than a float.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn ceil_float(x: f64) -> Result<i64, Fault> {
    float_to_int(libm::ceil(x))
}

/// The integer nearest to a decimal of scale `scale`, ties to even.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn round_decimal(x: i128, scale: u8) -> Result<i64, Fault> {
    rescale(x, scale, 0).and_then(whole)
}

/// The greatest integer that is not greater than a decimal of scale `scale`.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn floor_decimal(x: i128, scale: u8) -> Result<i64, Fault> {
    whole(x.div_euclid(power_of_ten(scale)))
}

/// The least integer that is not less than a decimal of scale `scale`.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 64 bits.
#[inline]
pub fn ceil_decimal(x: i128, scale: u8) -> Result<i64, Fault> {
    let unit = power_of_ten(scale);
    whole(x.div_euclid(unit) + i128::from(x.rem_euclid(unit) != 0))
}

#[inline]
fn whole(x: i128) -> Result<i64, Fault> {
    i64::try_from(x).map_err(|_| Fault::Overflow)
}

/// The square root of a float.
///
/// # Errors
///
/// [`Fault::NotFinite`] for a negative one.
#[inline]
pub fn sqrt(x: f64) -> Result<f64, Fault> {
    finite(libm::sqrt(x))
}

/// The natural logarithm of a float.
///
/// # Errors
///
/// [`Fault::NotFinite`] for zero and below.
#[inline]
pub fn ln(x: f64) -> Result<f64, Fault> {
    finite(libm::log(x))
}

/// e to the power of a float.
///
/// # Errors
///
/// [`Fault::NotFinite`] where the result is not finite.
#[inline]
pub fn exp(x: f64) -> Result<f64, Fault> {
    finite(libm::exp(x))
}

/// A float to the power of a float.
///
/// # Errors
///
/// [`Fault::NotFinite`] where the result is not finite.
#[inline]
pub fn pow(x: f64, y: f64) -> Result<f64, Fault> {
    finite(libm::pow(x, y))
}

/// The lesser of two values of one ordered type; of equal ones the first.
#[inline]
#[must_use]
pub fn least<T: PartialOrd>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

/// The greater of two values of one ordered type; of equal ones the first.
#[inline]
#[must_use]
pub fn greatest<T: PartialOrd>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

/// The number of code points of a text.
#[inline]
#[must_use]
pub fn length(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// The number of bytes.
#[inline]
#[must_use]
pub fn length_bytes(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

/// A text in lower case, by Unicode's rules without a locale.
#[must_use]
pub fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// A text in upper case, by Unicode's rules without a locale.
#[must_use]
pub fn upper(text: &str) -> String {
    text.to_uppercase()
}

/// A text without the white space at both ends.
#[inline]
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim()
}

/// Whether a text contains another.
#[inline]
#[must_use]
pub fn contains(text: &str, part: &str) -> bool {
    text.contains(part)
}

/// Whether a text begins with another.
#[inline]
#[must_use]
pub fn starts_with(text: &str, part: &str) -> bool {
    text.starts_with(part)
}

/// Whether a text ends with another.
#[inline]
#[must_use]
pub fn ends_with(text: &str, part: &str) -> bool {
    text.ends_with(part)
}

/// The part of a text from a position (code points, from 0), of at most `count` code points; what lies outside of the
/// text is left out, and a negative position or count counts as 0.
#[must_use]
pub fn substring(text: &str, from: i64, count: i64) -> String {
    let skip = usize::try_from(from.max(0)).unwrap_or(usize::MAX);
    let keep = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    text.chars().skip(skip).take(keep).collect()
}

/// A text with every occurrence of `what` replaced by `by`; an empty `what` changes nothing.
#[must_use]
pub fn replace(text: &str, what: &str, by: &str) -> String {
    if what.is_empty() { text.to_owned() } else { text.replace(what, by) }
}

/// The local date of an instant.
#[inline]
#[must_use]
pub fn date(micros: i64, zone: &Zone) -> i64 {
    zone.date(micros)
}

/// The year of a date.
#[inline]
#[must_use]
pub fn year_of_date(days: i64) -> i64 {
    date_of(days).0
}

/// The month of a date, 1 to 12.
#[inline]
#[must_use]
pub fn month_of_date(days: i64) -> i64 {
    date_of(days).1.into()
}

/// The day of the month of a date, 1 to 31.
#[inline]
#[must_use]
pub fn day_of_date(days: i64) -> i64 {
    date_of(days).2.into()
}

/// The day of the week of a date, 1 (Monday) to 7 (Sunday).
#[inline]
#[must_use]
pub fn weekday_of_date(days: i64) -> i64 {
    day_of_week(days)
}

/// The local year of an instant.
#[inline]
#[must_use]
pub fn year(micros: i64, zone: &Zone) -> i64 {
    year_of_date(zone.date(micros))
}

/// The local month of an instant, 1 to 12.
#[inline]
#[must_use]
pub fn month(micros: i64, zone: &Zone) -> i64 {
    month_of_date(zone.date(micros))
}

/// The local day of the month of an instant, 1 to 31.
#[inline]
#[must_use]
pub fn day(micros: i64, zone: &Zone) -> i64 {
    day_of_date(zone.date(micros))
}

/// The local day of the week of an instant, 1 (Monday) to 7 (Sunday).
#[inline]
#[must_use]
pub fn weekday(micros: i64, zone: &Zone) -> i64 {
    weekday_of_date(zone.date(micros))
}

/// The local hour of an instant, 0 to 23.
#[inline]
#[must_use]
pub fn hour(micros: i64, zone: &Zone) -> i64 {
    zone.local(micros).rem_euclid(DAY) / HOUR
}

/// The local minute of an instant, 0 to 59.
#[inline]
#[must_use]
pub fn minute(micros: i64, zone: &Zone) -> i64 {
    zone.local(micros).rem_euclid(HOUR) / MINUTE
}

/// The hour or minute at which a date begins: 0.
#[inline]
#[must_use]
pub fn midnight(_days: i64) -> i64 {
    0
}

/// A duration in seconds as a float.
#[inline]
#[must_use]
pub fn seconds(micros: i64) -> f64 {
    decimal_to_float(micros.into(), 6)
}
