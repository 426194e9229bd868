//! Texts of cells, as files and messages have them, to cells.

use flow_core::arith::{check_precision, multiply_int};
use flow_core::builder::ColumnBuilder;
use flow_core::calendar::{parse_date, parse_timestamp};
use flow_core::convert::{Excess, text_to_decimal, text_to_float};
use flow_core::fault::Fault;
use flow_core::functions::TimeUnit;
use flow_core::text::parse_base64;
use flow_core::types::Kind;
use flow_core::value::{Cell, Value};

use crate::json::scan::ShortNumber;

/// Where the text of a cell stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A JSON number, `true` or `false`.
    Word,
    /// A JSON string.
    String,
    /// A CSV cell.
    Csv,
}

/// Adds the cell that `text` stands for, or the fault that it is. Lists and records are not texts.
#[inline]
pub(crate) fn push(builder: &mut ColumnBuilder, text: &str, form: Form, kind: &Kind, unit: Option<TimeUnit>) {
    let cell = match kind {
        Kind::String if form != Form::Word => return builder.push_str(text),
        Kind::Bytes if form != Form::Word => match parse_base64(text.as_bytes()) {
            Some(bytes) => return builder.push(Ok(Cell::Bytes(&bytes))),
            None => Err(Fault::Malformed),
        },
        kind => plain(text, form, kind, unit),
    };
    match cell {
        Ok(cell) => builder.push_cell(&cell),
        Err(fault) => builder.push_fault(fault),
    }
}

/// The cell that a short number stands for, as [`push`] has it, where that needs nothing but its digits.
#[inline]
pub(crate) fn short(number: &ShortNumber, kind: &Kind, unit: Option<TimeUnit>) -> Option<Cell<'static>> {
    let ShortNumber { mantissa, places, .. } = *number;
    match (kind, places) {
        (Kind::Int | Kind::Duration, 0) => Some(Cell::Int(mantissa)),
        (Kind::Timestamp, 0) => multiply_int(mantissa, unit?.micros()).ok().map(Cell::Int),
        (Kind::Decimal { precision, scale }, places) => {
            let mantissa = scaled(mantissa, places, *scale)?;
            check_precision(mantissa, *precision).ok().map(Cell::Decimal)
        }
        _ => None,
    }
}

/// The value that `text` stands for; as [`push`].
#[inline]
pub(crate) fn value(text: &str, form: Form, kind: &Kind, unit: Option<TimeUnit>) -> Result<Value, Fault> {
    match kind {
        Kind::String if form != Form::Word => Ok(Value::String(text.into())),
        Kind::Bytes if form != Form::Word => {
            parse_base64(text.as_bytes()).map(|bytes| Value::Bytes(bytes.into())).ok_or(Fault::Malformed)
        }
        kind => plain(text, form, kind, unit).map(Cell::to_value),
    }
}

#[inline(always)]
fn plain(text: &str, form: Form, kind: &Kind, unit: Option<TimeUnit>) -> Result<Cell<'static>, Fault> {
    match kind {
        Kind::Bool if form != Form::String => match text {
            "true" => Ok(Cell::Bool(true)),
            "false" => Ok(Cell::Bool(false)),
            _ => Err(Fault::Malformed),
        },
        Kind::Int | Kind::Duration if form != Form::String => whole(text).map(Cell::Int),
        Kind::Float => text_to_float(text).map(Cell::Float).map_err(malformed),
        Kind::Decimal { precision, scale } => decimal(text, *precision, *scale).map(Cell::Decimal),
        Kind::Date if form != Form::Word => parse_date(text.as_bytes()).map(Cell::Int).ok_or(Fault::Malformed),
        Kind::Timestamp => timestamp(text, form, unit).map(Cell::Int),
        Kind::Enum(members) if form != Form::Word => {
            let member = members.members.iter().position(|member| member == text).ok_or(Fault::Malformed)?;
            i64::try_from(member).map(Cell::Int).map_err(|_| Fault::Malformed)
        }
        _ => Err(Fault::Malformed),
    }
}

/// An integer in plain digits: `1.0` and `1e3` are none.
fn whole(text: &str) -> Result<i64, Fault> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Malformed);
    }
    text.parse().map_err(|_| Fault::Overflow)
}

/// An exact decimal: digits that the field has no room for are a fault unless they are zero.
#[inline]
fn decimal(text: &str, precision: u8, scale: u8) -> Result<i128, Fault> {
    let mantissa = match short_decimal(text.as_bytes(), scale) {
        Some(mantissa) => mantissa,
        None => text_to_decimal(text, scale, Excess::Refuse).map_err(|fault| match fault {
            Fault::Overflow => Fault::Precision,
            fault => malformed(fault),
        })?,
    };
    check_precision(mantissa, precision)
}

/// The common case: at most 18 digits without exponent, at most `scale` of them after the point.
#[inline]
fn short_decimal(text: &[u8], scale: u8) -> Option<i128> {
    let (negative, unsigned) = if let [b'-', rest @ ..] = text { (true, rest) } else { (false, text) };
    if unsigned.len() > 18 || !unsigned.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let (mut mantissa, mut places, mut point) = (0i64, 0u8, false);
    for byte in unsigned {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + i64::from(byte - b'0');
                places += u8::from(point);
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    if point && places == 0 {
        return None;
    }
    scaled(if negative { -mantissa } else { mantissa }, places, scale)
}

/// Digits of which so many stand behind the point, as the mantissa of a decimal, if it has room for these.
#[inline]
fn scaled(digits: i64, places: u8, scale: u8) -> Option<i128> {
    i128::from(digits).checked_mul(flow_core::arith::power_of_ten(scale.checked_sub(places)?))
}

/// RFC 3339 in a text; whole units in a number where the source names the unit, in CSV in either case.
#[inline]
fn timestamp(text: &str, form: Form, unit: Option<TimeUnit>) -> Result<i64, Fault> {
    if let Some(unit) = unit
        && form != Form::String
    {
        match whole(text) {
            Ok(count) => return multiply_int(count, unit.micros()),
            Err(Fault::Overflow) => return Err(Fault::Overflow),
            Err(_) => {}
        }
    }
    if form == Form::Word { Err(Fault::Malformed) } else { parse_timestamp(text.as_bytes()).ok_or(Fault::Malformed) }
}

/// A text that is not of its form is a malformed cell.
fn malformed(fault: Fault) -> Fault {
    if fault == Fault::Conversion { Fault::Malformed } else { fault }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::scan::Scanner;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

        /// A number that is read at once is the cell that its word is, and nothing is read at once that is no number.
        #[test]
        fn a_short_number_is_what_its_word_is(
            text in "-?(0|[1-9][0-9]{0,3}|[0-9]{15,20}|[0-9]{0,3})(\\.[0-9]{0,4})?([eE+.-][0-9]?)?",
            end in "[,}\\] \t\n\r:\"x]?",
            kind in prop_oneof![
                Just(Kind::Int), Just(Kind::Duration), Just(Kind::Timestamp), Just(Kind::Bool), Just(Kind::Float),
                (1u8..20, 0u8..5).prop_map(|(digits, scale)| Kind::Decimal { precision: digits.max(scale), scale }),
            ],
            unit in prop_oneof![Just(None), Just(Some(TimeUnit::Millisecond)), Just(Some(TimeUnit::Microsecond))],
        ) {
            let record = format!("{text}{end}");
            let mut scanner = Scanner::new(&record);
            let Some(number) = scanner.short_number() else {
                // What most numbers are is read at once.
                let is_usual = text.len() <= 18 && text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
                prop_assert!(!is_usual || end.is_empty() || ":\"x".contains(&end), "{record}");
                return Ok(());
            };
            prop_assert_eq!(Scanner::new(&record).word(), Ok(text.as_str()));
            if let Some(cell) = short(&number, &kind, unit) {
                prop_assert_eq!(plain(&text, Form::Word, &kind, unit), Ok(cell));
            }
            scanner.pass(&number);
            prop_assert_eq!(scanner.peek(), Scanner::new(end.as_str()).peek());
        }
    }
}
