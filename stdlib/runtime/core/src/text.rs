//! Cells as text: `string(x)`, interpolation, and the texts that stand for non-texts in CSV and JSON.

use crate::calendar::{write_date, write_timestamp};
use crate::convert::{write_decimal, write_float, write_int};
use crate::json::write_json;
use crate::types::Kind;
use crate::value::{Cell, Value};

/// Writes the text of a cell of `kind`: a text as it is; numbers, dates and instants as in JSON but without quotes;
/// durations as their number of microseconds, enums by member name, bytes in base64, lists and records as JSON, absent as
/// nothing.
pub fn write_text(out: &mut Vec<u8>, cell: Cell<'_>, kind: &Kind) {
    match (cell, kind) {
        (Cell::Absent, _) => {}
        (Cell::Bool(cell), _) => out.extend_from_slice(bool_to_text(cell).as_bytes()),
        (Cell::Int(days), Kind::Date) => write_date(out, days),
        (Cell::Int(micros), Kind::Timestamp) => write_timestamp(out, micros),
        (Cell::Int(index), Kind::Enum(members)) => write_member(out, index, &members.members),
        (Cell::Int(cell), _) => write_int(out, cell),
        (Cell::Float(cell), _) => write_float(out, cell),
        (Cell::Decimal(cell), Kind::Decimal { scale, .. }) => write_decimal(out, cell, *scale),
        (Cell::Decimal(cell), _) => write_decimal(out, cell, 0),
        (Cell::String(cell), _) => out.extend_from_slice(cell.as_bytes()),
        (Cell::Bytes(cell), _) => write_base64(out, cell),
        (Cell::Cells(_), _) => write_json(out, cell, kind),
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The text of a `bool`.
#[inline]
#[must_use]
pub fn bool_to_text(cell: bool) -> &'static str {
    if cell { "true" } else { "false" }
}

/// The text of an integer, or of a duration: its microseconds.
#[must_use]
pub fn int_to_text(cell: i64) -> String {
    text(|out| write_int(out, cell))
}

/// The text of a float.
#[must_use]
pub fn float_to_text(cell: f64) -> String {
    text(|out| write_float(out, cell))
}

/// The text of a decimal of scale `scale`.
#[must_use]
pub fn decimal_to_text(cell: i128, scale: u8) -> String {
    text(|out| write_decimal(out, cell, scale))
}

/// The text of a date.
#[must_use]
pub fn date_to_text(days: i64) -> String {
    text(|out| write_date(out, days))
}

/// The text of an instant.
#[must_use]
pub fn timestamp_to_text(micros: i64) -> String {
    text(|out| write_timestamp(out, micros))
}

/// The name of a member of an enumeration.
#[must_use]
pub fn member_to_text<T: AsRef<str>>(index: i64, members: &[T]) -> String {
    text(|out| write_member(out, index, members))
}

/// The text of bytes: base64.
#[must_use]
pub fn bytes_to_text(bytes: &[u8]) -> String {
    text(|out| write_base64(out, bytes))
}

/// The text of a list or record: JSON.
#[must_use]
pub fn value_to_text(value: &Value, kind: &Kind) -> String {
    text(|out| write_text(out, value.as_cell(), kind))
}

/// Writes the name of the member at `index` of an enumeration; the number where there is none.
pub fn write_member<T: AsRef<str>>(out: &mut Vec<u8>, index: i64, members: &[T]) {
    match usize::try_from(index).ok().and_then(|index| members.get(index)) {
        Some(member) => out.extend_from_slice(member.as_ref().as_bytes()),
        None => write_int(out, index),
    }
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

    #[test]
    fn members_have_their_names_and_strangers_their_number() {
        assert_eq!([0, 1, 2, -1].map(|index| member_to_text(index, &["low", "high"])), ["low", "high", "2", "-1"]);
    }

    proptest! {
        #[test]
        fn base64_round_trips(bytes: Vec<u8>) {
            let mut out = Vec::new();
            write_base64(&mut out, &bytes);
            prop_assert_eq!(parse_base64(&out), Some(bytes));
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = parse_base64(&bytes);
        }
    }
}
