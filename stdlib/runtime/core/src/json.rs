//! Cells as JSON, the same everywhere: sinks, responses, dead letters, `show`.
//!
//! Decimals are strings with all digits of their scale; integers and floats numbers, floats as their shortest text that
//! reads back; instants strings in RFC 3339 UTC, dates `YYYY-MM-DD`, durations their number of microseconds; enums member
//! names; bytes base64; an absent cell `null`.

use crate::convert::{write_float, write_int};
use crate::text::write_text;
use crate::types::{Kind, RecordType};
use crate::value::{Cell, Value};

/// Writes one cell of `kind`.
pub fn write_json(out: &mut Vec<u8>, cell: Cell<'_>, kind: &Kind) {
    match (cell, kind) {
        (Cell::Absent, _) => out.extend_from_slice(b"null"),
        (Cell::Bool(_), _) => write_text(out, cell, kind),
        (Cell::Int(cell), Kind::Int | Kind::Duration) => write_int(out, cell),
        (Cell::Float(cell), _) => write_float(out, cell),
        (Cell::String(text), _) => write_string(out, text),
        (Cell::Int(_), Kind::Enum(members)) => {
            let mut text = Vec::new();
            write_text(&mut text, cell, kind);
            match members.members.iter().find(|member| member.as_bytes() == text) {
                Some(member) => write_string(out, member),
                None => out.extend_from_slice(b"null"),
            }
        }
        (Cell::Int(_) | Cell::Decimal(_) | Cell::Bytes(_), _) => {
            out.push(b'"');
            write_text(out, cell, kind);
            out.push(b'"');
        }
        (Cell::Cells(Value::List(cells)), Kind::List(element)) => {
            write_items(out, cells.iter(), |out, cell| write_json(out, cell.as_cell(), &element.kind));
        }
        (Cell::Cells(Value::Record(cells)), Kind::Record(record)) => write_record(out, cells, record),
        (Cell::Cells(_), _) => out.extend_from_slice(b"null"),
    }
}

/// Writes the cells of a record as an object, in field order.
pub fn write_record(out: &mut Vec<u8>, cells: &[Value], record: &RecordType) {
    out.push(b'{');
    for (index, (cell, field)) in cells.iter().zip(&record.fields).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(out, &field.name);
        out.push(b':');
        write_json(out, cell.as_cell(), &field.ty.kind);
    }
    out.push(b'}');
}

/// Writes a text in quotes, with the escapes that JSON asks for and no other.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (index, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0x00..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(bytes.get(start..index).unwrap_or(&[]));
        start = index + 1;
        if escape.is_empty() {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX.get(usize::from(byte >> 4)).copied().unwrap_or(b'0'));
            out.push(HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0'));
        } else {
            out.extend_from_slice(escape);
        }
    }
    out.extend_from_slice(bytes.get(start..).unwrap_or(&[]));
    out.push(b'"');
}

fn write_items<'a>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = &'a Value>,
    mut write: impl FnMut(&mut Vec<u8>, &Value),
) {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::types::{DataType, EnumType, Field};

    fn json(value: &Value, kind: &Kind) -> String {
        let mut out = Vec::new();
        write_json(&mut out, value.as_cell(), kind);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_kind_has_its_form() {
        let verdict = Kind::Enum(Arc::new(EnumType { name: "V".into(), members: vec!["allow".into(), "a\"b".into()] }));
        let money = Kind::Decimal { precision: 12, scale: 2 };
        for (value, kind, expected) in [
            (Value::Absent, Kind::Int, "null"),
            (Value::Bool(true), Kind::Bool, "true"),
            (Value::Int(i64::MIN), Kind::Int, "-9223372036854775808"),
            (Value::Float(0.1), Kind::Float, "0.1"),
            (Value::Float(3.0), Kind::Float, "3.0"),
            (Value::Float(5e-324), Kind::Float, "5e-324"),
            (Value::Decimal(-5), money.clone(), "\"-0.05\""),
            (Value::Decimal(120), money, "\"1.20\""),
            (Value::Int(0), Kind::Timestamp, "\"1970-01-01T00:00:00Z\""),
            (Value::Int(-1), Kind::Date, "\"1969-12-31\""),
            (Value::Int(30_000_000), Kind::Duration, "30000000"),
            (Value::Int(0), verdict.clone(), "\"allow\""),
            (Value::Int(1), verdict.clone(), "\"a\\\"b\""),
            (Value::Int(2), verdict, "null"),
            (Value::Bytes(b"foo".as_slice().into()), Kind::Bytes, "\"Zm9v\""),
            (Value::String("a\"\\\n\u{1}é".into()), Kind::String, "\"a\\\"\\\\\\n\\u0001é\""),
            (Value::String("\r\t\u{8}\u{c}\u{1f}\u{7f}".into()), Kind::String, "\"\\r\\t\\b\\f\\u001f\u{7f}\""),
        ] {
            assert_eq!(json(&value, &kind), expected);
        }
    }

    #[test]
    fn lists_and_records_nest() {
        let field = |name: &str, kind| Field { name: name.into(), ty: DataType::optional(kind) };
        let record = RecordType { fields: vec![field("value", Kind::String), field("count", Kind::Int)] };
        let kind = Kind::List(Arc::new(DataType::required(Kind::Record(Arc::new(record)))));
        let row = Value::Record(vec![Value::String("x".into()), Value::Absent].into());
        assert_eq!(
            json(&Value::List(vec![row.clone(), row].into()), &kind),
            "[{\"value\":\"x\",\"count\":null},{\"value\":\"x\",\"count\":null}]"
        );
        assert_eq!(json(&Value::List(Vec::new().into()), &kind), "[]");
    }
}
