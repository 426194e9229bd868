//! Every operation of the language as a function on plain values, in one place: what generated code calls, and what the
//! kernels of [`program`](crate::program) are stamped from.

pub use crate::arith::{
    add_decimal, add_float, add_int, add_to_date, compare_decimal, div_decimal, div_float, div_int, divide_decimal,
    divide_float, divide_int, mod_decimal, mod_float, mod_int, multiply_decimal, multiply_float, multiply_int,
    negate_decimal, negate_float, negate_int, rescale, subtract_dates, subtract_decimal, subtract_float,
    subtract_from_date, subtract_int,
};
pub use crate::convert::{
    date_to_timestamp, decimal_to_decimal, decimal_to_float, decimal_to_int, float_to_decimal, float_to_int,
    int_to_decimal, int_to_float, text_to_bool, text_to_date, text_to_float, text_to_int, text_to_member,
    text_to_timestamp,
};
pub use crate::functions::length_list;
pub use crate::functions::scalar::{
    abs_decimal, abs_float, abs_int, ceil_decimal, ceil_float, contains, date, day, day_of_date, ends_with, exp,
    floor_decimal, floor_float, greatest, hour, least, length, length_bytes, ln, lower, midnight, minute, month,
    month_of_date, pow, replace, round_decimal, round_float, seconds, sqrt, starts_with, substring, trim, upper,
    weekday, weekday_of_date, year, year_of_date,
};
pub use crate::text::{
    bool_to_text, bytes_to_text, date_to_text, decimal_to_text, float_to_text, int_to_text, member_to_text,
    timestamp_to_text, value_to_text,
};

use crate::arith::check_precision;
use crate::convert::Excess;
use crate::fault::Fault;

/// A checked decimal: `decimal(x, precision, scale)` of an integer.
///
/// # Errors
///
/// [`Fault::Overflow`] beyond 38 digits, [`Fault::Precision`] beyond `precision`.
#[inline]
pub fn int_to_checked_decimal(value: i64, precision: u8, scale: u8) -> Result<i128, Fault> {
    int_to_decimal(value, scale).and_then(|mantissa| check_precision(mantissa, precision))
}

/// A checked decimal: `decimal(x, precision, scale)` of a float.
///
/// # Errors
///
/// As [`int_to_checked_decimal`].
#[inline]
pub fn float_to_checked_decimal(value: f64, precision: u8, scale: u8) -> Result<i128, Fault> {
    float_to_decimal(value, scale).and_then(|mantissa| check_precision(mantissa, precision))
}

/// A checked decimal: `decimal(x, precision, scale)` of a text.
///
/// # Errors
///
/// [`Fault::Conversion`] for a text that is no number, else as [`int_to_checked_decimal`].
pub fn text_to_decimal(text: &str, precision: u8, scale: u8) -> Result<i128, Fault> {
    crate::convert::text_to_decimal(text, scale, Excess::Round)
        .and_then(|mantissa| check_precision(mantissa, precision))
}
