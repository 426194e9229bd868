//! Reading of records (`spec/types.md`, 7): JSON lines and CSV, field by field.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fec_model::model::{Format, Model, Shape, Source, TimeUnit};
use fec_model::types::{Kind, Type};
use serde_json::value::RawValue;

use crate::convert::number;
use crate::exact::Exact;
use crate::source::Record;
use crate::value::{Cell, Fault, Value};
use crate::world::History;

/// A field as it stands in a record.
#[derive(Debug, Clone)]
enum Raw {
    /// JSON text.
    Json(String),
    /// A CSV cell.
    Text(String),
}

type Fields = BTreeMap<String, Raw>;

/// Reads a source's file.
#[must_use]
pub fn records(model: &Model, source: &Source, bytes: &[u8]) -> Vec<Record> {
    let rows = match source.format {
        Format::Csv => csv_rows(bytes),
        Format::Json | Format::Parquet => json_rows(bytes),
    };
    rows.into_iter().zip(0..).map(|(row, number)| record(model, source, row.as_ref(), number)).collect()
}

/// Adds the records or rows of a source's file to a history.
pub fn add(history: &mut History, model: &Model, source: &Source, bytes: &[u8]) {
    let records = records(model, source, bytes);
    if source.shape == Shape::Stream {
        history.records.entry(source.name).or_default().extend(records);
    } else {
        let rows = records.into_iter().map(|record| record.cells);
        history.tables.entry(source.name).or_default().extend(rows);
    }
}

fn json_rows(bytes: &[u8]) -> Vec<Option<Fields>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    lines
        .map(|line| {
            let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(line).ok()?;
            Some(fields.into_iter().map(|(name, raw)| (name, Raw::Json(raw.get().to_owned()))).collect())
        })
        .collect()
}

fn csv_rows(bytes: &[u8]) -> Vec<Option<Fields>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = reader.byte_headers().cloned().unwrap_or_default();
    let names: Vec<String> = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    reader
        .byte_records()
        .map(|row| {
            let row = row.ok().filter(|row| row.len() == names.len())?;
            let cells = row.iter().map(|cell| String::from_utf8(cell.to_vec()).ok().map(Raw::Text));
            names.iter().cloned().zip(cells).map(|(name, cell)| Some((name, cell?))).collect()
        })
        .collect()
}

fn record(model: &Model, source: &Source, fields: Option<&Fields>, number: i64) -> Record {
    let unreadable = Record { partition: 0, offset: number, stamp: None, cells: None };
    let Some(fields) = fields else { return unreadable };
    let system = |name: &str, kind: Kind| match fields.get(name) {
        None => Ok(Value::Absent),
        Some(raw) => cell(model, raw, &Type::maybe(kind), Some(source.unit.unwrap_or(TimeUnit::Microseconds))),
    };
    let (Ok(partition), Ok(offset), Ok(arrived)) =
        (system("_partition", Kind::Int), system("_offset", Kind::Int), system("_arrived", Kind::Timestamp))
    else {
        return unreadable;
    };
    let int = |value, default| if let Value::Int(n) = value { n } else { default };
    let cells = source.ty.columns.iter().map(|column| match fields.get(column.name.as_str()) {
        None => present(Value::Absent, &column.ty),
        Some(raw) => cell(model, raw, &column.ty, source.unit),
    });
    Record {
        partition: int(partition, 0),
        offset: int(offset, number),
        stamp: if let Value::Timestamp(t) = arrived { Some(t) } else { None },
        cells: Some(cells.collect()),
    }
}

fn present(value: Value, ty: &Type) -> Cell {
    if value.is_absent() && !ty.optional { Err(Fault::Malformed) } else { Ok(value) }
}

fn cell(model: &Model, raw: &Raw, ty: &Type, unit: Option<TimeUnit>) -> Cell {
    let value = match raw {
        Raw::Json(json) => parse_json(model, json, ty, unit)?,
        Raw::Text(text) => match &ty.kind {
            Kind::String => Value::String(text.clone()),
            _ if text.is_empty() => Value::Absent,
            Kind::List(_) | Kind::Record(_) => parse_json(model, text, ty, unit)?,
            Kind::Bool => bool_of(text)?,
            Kind::Int | Kind::Duration => whole(text, &ty.kind)?,
            kind => parse_text(model, text, kind, unit, text)?,
        },
    };
    present(value, ty)
}

fn bool_of(text: &str) -> Cell {
    match text {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        _ => Err(Fault::Malformed),
    }
}

/// A whole number in plain digits.
fn plain(text: &str) -> Result<Exact, Fault> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Malformed);
    }
    number(text).map_err(|_| Fault::Malformed)
}

fn whole(text: &str, kind: &Kind) -> Cell {
    let value = plain(text)?.to_int()?;
    Ok(if *kind == Kind::Int { Value::Int(value) } else { Value::Duration(value) })
}

/// `string` is the text itself; `digits` is a number where one was written.
fn parse_text(model: &Model, string: &str, kind: &Kind, unit: Option<TimeUnit>, digits: &str) -> Cell {
    let exact = || number(digits).map_err(|_| Fault::Malformed);
    Ok(match kind {
        Kind::String => Value::String(string.to_owned()),
        Kind::Float => Value::Float(crate::evaluate::finite(exact()?.to_float()?)?),
        Kind::Decimal { precision, scale } => {
            let exact = exact()?;
            let mantissa = exact.to_decimal(*precision, *scale, Fault::Precision)?;
            if Exact::decimal(mantissa, *scale) != exact {
                return Err(Fault::Precision);
            }
            Value::Decimal(mantissa, *scale)
        }
        Kind::Bytes => Value::Bytes(STANDARD.decode(string).map_err(|_| Fault::Malformed)?),
        Kind::Date => Value::Date(date(string)?),
        Kind::Timestamp => Value::Timestamp(match (plain(digits), unit) {
            (Ok(count), Some(unit)) => {
                let factor = match unit {
                    TimeUnit::Seconds => 1_000_000,
                    TimeUnit::Milliseconds => 1_000,
                    TimeUnit::Microseconds => 1,
                };
                (&count * &Exact::whole(factor)).to_int()?
            }
            _ => timestamp(string)?,
        }),
        Kind::Enum(name) => {
            let member = model.enums.get(name).and_then(|members| members.iter().position(|member| member == string));
            Value::Member(member.and_then(|at| u32::try_from(at).ok()).ok_or(Fault::Malformed)?)
        }
        _ => return Err(Fault::Malformed),
    })
}

fn parse_json(model: &Model, json: &str, ty: &Type, unit: Option<TimeUnit>) -> Cell {
    let json = json.trim();
    if json == "null" {
        return Ok(Value::Absent);
    }
    match &ty.kind {
        Kind::Bool => bool_of(json),
        Kind::Int | Kind::Duration => whole(json, &ty.kind),
        Kind::List(item) => {
            let items: Vec<Box<RawValue>> = serde_json::from_str(json).map_err(|_| Fault::Malformed)?;
            // One bad item makes a bad cell of the whole list.
            let items = items.iter().map(|raw| nested(model, raw, item, unit).and_then(Value::whole).map(Ok));
            Ok(Value::List(items.collect::<Result<_, Fault>>()?))
        }
        Kind::Record(record) => {
            let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(json).map_err(|_| Fault::Malformed)?;
            let cells = record.fields.iter().map(|field| match fields.get(field.name.as_str()) {
                None => present(Value::Absent, &field.ty),
                Some(raw) => nested(model, raw, &field.ty, unit),
            });
            Ok(Value::Record(cells.collect()))
        }
        kind if json.starts_with('"') => {
            let string: String = serde_json::from_str(json).map_err(|_| Fault::Malformed)?;
            // A quoted integer is no timestamp.
            let unit = if *kind == Kind::Timestamp { None } else { unit };
            parse_text(model, &string, kind, unit, &string)
        }
        kind @ (Kind::Float | Kind::Decimal { .. }) => parse_text(model, "", kind, unit, json),
        Kind::Timestamp if unit.is_some() && !json.starts_with(['[', '{']) => {
            parse_text(model, "", &ty.kind, unit, json)
        }
        _ => Err(Fault::Malformed),
    }
}

fn nested(model: &Model, raw: &RawValue, ty: &Type, unit: Option<TimeUnit>) -> Cell {
    present(parse_json(model, raw.get(), ty, unit)?, ty)
}

fn date(text: &str) -> Result<i32, Fault> {
    let date: jiff::civil::Date = text.parse().map_err(|_| Fault::Malformed)?;
    if crate::calendar::date_text(date) != text {
        return Err(Fault::Malformed);
    }
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| Fault::Malformed)?.timestamp();
    i32::try_from(midnight.as_second().div_euclid(86_400)).map_err(|_| Fault::Malformed)
}

fn timestamp(text: &str) -> Result<i64, Fault> {
    let instant: jiff::Timestamp = text.parse().map_err(|_| Fault::Malformed)?;
    // Towards −∞, as dropping digits of the text does.
    i64::try_from(instant.as_nanosecond().div_euclid(1_000)).map_err(|_| Fault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str, kind: Kind) -> Cell {
        cell(&Model::default(), &Raw::Json(text.into()), &Type::required(kind), Some(TimeUnit::Milliseconds))
    }

    fn csv(text: &str, kind: Kind) -> Cell {
        cell(&Model::default(), &Raw::Text(text.into()), &Type::required(kind), None)
    }

    #[test]
    fn reads_cells_exactly_or_not_at_all() {
        let money = Kind::Decimal { precision: 4, scale: 2 };
        assert_eq!(json("12.5", money.clone()), Ok(Value::Decimal(1250, 2)));
        assert_eq!(json("\"-0.070\"", money.clone()), Ok(Value::Decimal(-7, 2)));
        assert_eq!(json("1.005", money.clone()), Err(Fault::Precision));
        assert_eq!(json("100", money), Err(Fault::Precision));
        assert_eq!(json("1.0", Kind::Int), Err(Fault::Malformed));
        assert_eq!(json("9223372036854775808", Kind::Int), Err(Fault::Overflow));
        assert_eq!(json("1e999", Kind::Float), Err(Fault::NotFinite));
        assert_eq!(json("-0.0", Kind::Float).map(|v| matches!(v, Value::Float(x) if x.is_sign_positive())), Ok(true));
        assert_eq!(json("1500", Kind::Timestamp), Ok(Value::Timestamp(1_500_000)));
        assert_eq!(json("\"1970-01-01T01:00:00+01:00\"", Kind::Timestamp), Ok(Value::Timestamp(0)));
        assert_eq!(csv("1970-01-01T00:00:00", Kind::Timestamp), Err(Fault::Malformed), "a zone is required");
        assert_eq!(csv("1500", Kind::Timestamp), Err(Fault::Malformed), "no unit");
        assert_eq!(csv("", Kind::String), Ok(Value::String(String::new())));
        assert_eq!(csv("", Kind::Int), Err(Fault::Malformed));
        assert_eq!(csv("2026-02-30", Kind::Date), Err(Fault::Malformed));
        assert_eq!(csv("1970-01-02", Kind::Date), Ok(Value::Date(1)));
        assert_eq!(
            json("[1,null]", Kind::List(Box::new(Type::required(Kind::Int)))),
            Err(Fault::Malformed),
            "a list with a bad item is a bad cell"
        );
        assert_eq!(
            json("[1,2]", Kind::List(Box::new(Type::required(Kind::Int)))),
            Ok(Value::List(vec![Ok(Value::Int(1)), Ok(Value::Int(2))]))
        );
    }

    #[test]
    fn a_broken_line_is_one_record_and_a_blank_one_is_none() {
        let rows = json_rows(b"{\"a\":1,\"a\":2}\n\n{\"a\":\n[1]\n{}");
        assert_eq!(rows.iter().map(Option::is_some).collect::<Vec<_>>(), vec![true, false, false, true]);
        assert!(matches!(rows[0].as_ref().and_then(|row| row.get("a")), Some(Raw::Json(text)) if text == "2"));
        let rows = csv_rows(b"a,b\n1,\"x\ny\"\n2\n3,4,5\n6,7\n");
        assert_eq!(rows.iter().map(Option::is_some).collect::<Vec<_>>(), vec![true, false, false, true]);
    }
}
