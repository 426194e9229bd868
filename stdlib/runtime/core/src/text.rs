//! Cells as text: `string(x)`, interpolation, and the texts that stand for non-texts in CSV and JSON.

use std::fmt::Write as _;

use crate::calendar::{DAY, SECOND, write_date, write_timestamp};
use crate::convert::{write_decimal, write_float, write_int};
use crate::json::write_json;
use crate::types::Kind;
use crate::value::Cell;

/// Writes the text of a cell of `kind`: a text as it is; numbers, dates and instants as in JSON but without quotes;
/// durations as [`write_duration`], enums by member name, bytes in base64, lists and records as JSON, absent as nothing.
pub fn write_text(out: &mut Vec<u8>, cell: Cell<'_>, kind: &Kind) {
    match (cell, kind) {
        (Cell::Absent, _) => {}
        (Cell::Bool(cell), _) => out.extend_from_slice(if cell { b"true" } else { b"false" }),
        (Cell::Int(days), Kind::Date) => write_date(out, days),
        (Cell::Int(micros), Kind::Timestamp) => write_timestamp(out, micros),
        (Cell::Int(micros), Kind::Duration) => write_duration(out, micros),
        (Cell::Int(index), Kind::Enum(members)) => {
            match usize::try_from(index).ok().and_then(|index| members.members.get(index)) {
                Some(member) => out.extend_from_slice(member.as_bytes()),
                None => write_int(out, index),
            }
        }
        (Cell::Int(cell), _) => write_int(out, cell),
        (Cell::Float(cell), _) => write_float(out, cell),
        (Cell::Decimal(cell), Kind::Decimal { scale, .. }) => write_decimal(out, cell, *scale),
        (Cell::Decimal(cell), _) => write_decimal(out, cell, 0),
        (Cell::String(cell), _) => out.extend_from_slice(cell.as_bytes()),
        (Cell::Bytes(cell), _) => write_base64(out, cell),
        (Cell::Cells(_), _) => write_json(out, cell, kind),
    }
}

/// Writes a duration as ISO 8601: `PT1H30M`, `PT0.250S`, `-PT30S`; days are 24 hours: `P1DT12H`; zero is `PT0S`. The
/// fraction has three digits where it is whole milliseconds, else six.
pub fn write_duration(out: &mut Vec<u8>, micros: i64) {
    if micros < 0 {
        out.push(b'-');
    }
    let rest = micros.unsigned_abs();
    let (second, day) = (SECOND.unsigned_abs(), DAY.unsigned_abs());
    let (days, hours, minutes) = (rest / day, rest / (3_600 * second) % 24, rest / (60 * second) % 60);
    let (seconds, fraction) = (rest / second % 60, rest % second);
    let mut text = String::from("P");
    // Writing to a string does not fail.
    let part = |text: &mut String, value: u64, unit: char| {
        if value > 0 {
            let _ = write!(text, "{value}{unit}");
        }
    };
    part(&mut text, days, 'D');
    if days == 0 || rest % day != 0 {
        text.push('T');
    }
    part(&mut text, hours, 'H');
    part(&mut text, minutes, 'M');
    if fraction > 0 {
        let _ = match fraction % 1_000 {
            0 => write!(text, "{seconds}.{:03}S", fraction / 1_000),
            _ => write!(text, "{seconds}.{fraction:06}S"),
        };
    } else if seconds > 0 || rest == 0 {
        let _ = write!(text, "{seconds}S");
    }
    out.extend_from_slice(text.as_bytes());
}

/// Reads a duration: ISO 8601 with days, hours, minutes and seconds (`P1DT2H30M0.5S`), or as the language writes it, a
/// number and `us`, `ms`, `s`, `m`, `h` or `d` (`90s`). `None` for anything else and beyond 64 bits of microseconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let micros = match unsigned.strip_prefix('P') {
        Some(parts) => iso_duration(parts)?,
        None => {
            let (digits, unit) = split_number(unsigned)?;
            let unit = match unit {
                "us" => 1,
                "ms" => 1_000,
                "s" => SECOND,
                "m" => 60 * SECOND,
                "h" => 3_600 * SECOND,
                "d" => DAY,
                _ => return None,
            };
            digits.parse::<i128>().ok()?.checked_mul(unit.into())?
        }
    };
    i64::try_from(if negative { -micros } else { micros }).ok()
}

fn iso_duration(parts: &str) -> Option<i128> {
    let (date, time) = match parts.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (parts, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let mut micros: i128 = 0;
    if !date.is_empty() {
        let (digits, unit) = split_number(date)?;
        if unit != "D" {
            return None;
        }
        micros = digits.parse::<i128>().ok()?.checked_mul(DAY.into())?;
    }
    let mut rest = time;
    for (unit, size) in [('H', 3_600 * SECOND), ('M', 60 * SECOND)] {
        if let Some((digits, after)) = rest.split_once(unit) {
            let whole = all_digits(digits)?.parse::<i128>().ok()?;
            micros = micros.checked_add(whole.checked_mul(size.into())?)?;
            rest = after;
        }
    }
    if let Some(seconds) = rest.strip_suffix('S') {
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let fraction = all_digits(fraction)?;
        if fraction.len() > 6 {
            return None;
        }
        let scaled = format!("{fraction:0<6}").parse::<i128>().ok()?;
        let whole = all_digits(whole)?.parse::<i128>().ok()?.checked_mul(SECOND.into())?;
        micros = micros.checked_add(whole)?.checked_add(scaled)?;
    } else if !rest.is_empty() {
        return None;
    }
    Some(micros)
}

fn split_number(text: &str) -> Option<(&str, &str)> {
    let (digits, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    Some((all_digits(digits)?, unit))
}

fn all_digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// Writes bytes in base64 with the standard alphabet and padding (RFC 4648, section 4).
pub fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for index in 0..4 {
            let letter = (bits >> (18 - 6 * index)) & 63;
            out.push(if index <= group.len() {
                usize::try_from(letter).ok().and_then(|letter| ALPHABET.get(letter)).copied().unwrap_or(b'=')
            } else {
                b'='
            });
        }
    }
}

/// Reads padded base64 with the standard alphabet; `None` for anything else, also for bits that a decoder would drop.
#[must_use]
pub fn parse_base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let groups = text.len() / 4;
    for (index, group) in text.chunks(4).enumerate() {
        let used = group.iter().take_while(|byte| **byte != b'=').count();
        let last = index + 1 == groups;
        if used < 2 || (used < 4 && !last) || group.iter().skip(used).any(|byte| *byte != b'=') {
            return None;
        }
        let mut bits = 0u32;
        for byte in group.iter().take(used) {
            bits = (bits << 6) | letter_value(*byte)?;
        }
        bits <<= 6 * (4 - used);
        let [_, bytes @ ..] = bits.to_be_bytes();
        let (kept, dropped) = bytes.split_at_checked(used - 1)?;
        if dropped.iter().any(|byte| *byte != 0) {
            return None;
        }
        out.extend_from_slice(kept);
    }
    Some(out)
}

fn letter_value(letter: u8) -> Option<u32> {
    Some(u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn duration(micros: i64) -> String {
        let mut out = Vec::new();
        write_duration(&mut out, micros);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn durations_are_written_with_the_parts_they_have() {
        assert_eq!(duration(0), "PT0S");
        assert_eq!(duration(5_400 * SECOND), "PT1H30M");
        assert_eq!(duration(-30 * SECOND), "-PT30S");
        assert_eq!(duration(DAY), "P1D");
        assert_eq!(duration(DAY + 250_000), "P1DT0.250S");
    }

    #[test]
    fn durations_are_read_in_both_forms() {
        assert_eq!(parse_duration("90s"), Some(90 * SECOND));
        assert_eq!(parse_duration("-7d"), Some(-7 * DAY));
        assert_eq!(parse_duration("PT0.5S"), Some(500_000));
        for wrong in ["", "P", "PT", "-", "5", "s", "1w", "P1H", "PT1S2M", "PT1.1234567S", "999999999999999d"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn base64_of_the_standard() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            let mut out = Vec::new();
            write_base64(&mut out, plain.as_bytes());
            assert_eq!(out, coded.as_bytes());
            assert_eq!(parse_base64(coded.as_bytes()).as_deref(), Some(plain.as_bytes()));
        }
        for wrong in ["Zg", "Zg=", "Zh==", "Z===", "====", "Zg==Zg==", "Z g="] {
            assert_eq!(parse_base64(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn durations_round_trip(micros: i64) {
            prop_assert_eq!(parse_duration(&duration(micros)), Some(micros));
        }

        #[test]
        fn base64_round_trips(bytes: Vec<u8>) {
            let mut out = Vec::new();
            write_base64(&mut out, &bytes);
            prop_assert_eq!(parse_base64(&out), Some(bytes));
        }

        #[test]
        fn any_text_is_survived(text: String, bytes: Vec<u8>) {
            let _ = parse_duration(&text);
            let _ = parse_base64(&bytes);
        }
    }
}
