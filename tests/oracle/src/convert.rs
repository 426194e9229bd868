//! Conversions between types (`spec/types.md`, 3) and values as text and JSON (7).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fec_model::types::{Kind, Type};

use crate::calendar;
use crate::evaluate::{Stop, broken};
use crate::exact::Exact;
use crate::value::{Cell, Fault, Value};
use crate::world::World;

/// `value` of `from` as a value of `to`.
///
/// # Errors
/// A fault where the value does not fit; [`Stop::Broken`] where the language has no such conversion.
pub fn convert(value: Value, from: &Type, to: &Type, world: &World<'_>) -> Result<Value, Stop> {
    if let (Kind::Record(source), Kind::Record(target), Value::Record(cells)) = (&from.kind, &to.kind, &value) {
        let fields = target.fields.iter().map(|field| {
            let Some(at) = source.fields.iter().position(|other| other.name == field.name) else {
                return Ok(Ok(Value::Absent));
            };
            let (Some(cell), Some(column)) = (cells.get(at), source.fields.get(at)) else {
                return broken("a record is short");
            };
            nested(cell, &column.ty, &field.ty, world)
        });
        return Ok(Value::Record(fields.collect::<Result<_, Stop>>()?));
    }
    if let (Kind::List(source), Kind::List(target), Value::List(cells)) = (&from.kind, &to.kind, &value) {
        let items = cells.iter().map(|cell| nested(cell, source, target, world));
        return Ok(Value::List(items.collect::<Result<_, Stop>>()?));
    }
    Ok(match (&to.kind, value) {
        (_, Value::Absent) => Value::Absent,
        (Kind::Float, Value::Int(x)) => Value::Float(Exact::whole(x.into()).to_float()?),
        (Kind::Float, Value::Decimal(m, s)) => Value::Float(Exact::decimal(m, s).to_float()?),
        (Kind::Float, Value::String(text)) => Value::Float(number(&text)?.to_float()?),
        (Kind::Int, Value::Float(x)) => Value::Int(Exact::float(x).truncate().to_int()?),
        (Kind::Int, Value::Decimal(m, s)) => Value::Int(Exact::decimal(m, s).truncate().to_int()?),
        (Kind::Int, Value::String(text)) => Value::Int(whole_number(&text)?.to_int()?),
        (Kind::Decimal { precision, scale }, value) => {
            let exact = match &value {
                Value::Int(x) => Exact::whole((*x).into()),
                Value::Float(x) => Exact::float(*x),
                Value::Decimal(m, s) => Exact::decimal(*m, *s),
                Value::String(text) => number(text)?,
                other => return broken(format!("{other:?} to decimal")),
            };
            Value::Decimal(decimal(&exact, *precision, *scale)?, *scale)
        }
        (Kind::Date, Value::Timestamp(t)) => Value::Date(calendar::day(t, world.zone())?),
        (Kind::String, value) => Value::String(text(&value, &from.kind, world)?),
        (Kind::Bool, v @ Value::Bool(_))
        | (Kind::Int, v @ Value::Int(_))
        | (Kind::Float, v @ Value::Float(_))
        | (Kind::Bytes, v @ Value::Bytes(_))
        | (Kind::Date, v @ Value::Date(_))
        | (Kind::Timestamp, v @ Value::Timestamp(_))
        | (Kind::Duration, v @ Value::Duration(_))
        | (Kind::Enum(_), v @ Value::Member(_)) => v,
        (kind, value) => return broken(format!("{value:?} to {kind:?}")),
    })
}

fn nested(cell: &Cell, from: &Type, to: &Type, world: &World<'_>) -> Result<Cell, Stop> {
    match cell {
        Err(fault) => Ok(Err(*fault)),
        Ok(value) => match convert(value.clone(), from, to, world) {
            Ok(value) => Ok(Ok(value)),
            Err(Stop::Fault(fault)) => Ok(Err(fault)),
            Err(stop) => Err(stop),
        },
    }
}

/// Beyond 38 digits a decimal overflows, below that its declared precision is a range check.
fn decimal(exact: &Exact, precision: u8, scale: u8) -> Result<i128, Fault> {
    exact.to_decimal(38, scale, Fault::Overflow)?;
    exact.to_decimal(precision, scale, Fault::Precision)
}

fn whole_number(text: &str) -> Result<Exact, Fault> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Conversion);
    }
    number(text)
}

/// A number as written: sign, digits, fraction, exponent.
///
/// # Errors
/// [`Fault::Conversion`] for anything else; [`Fault::Overflow`] where the exponent is beyond all types.
pub fn number(text: &str) -> Result<Exact, Fault> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match rest.split_once(['e', 'E']) {
        None => (rest, 0),
        Some((digits, exponent)) => {
            let plain = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Fault::Conversion);
            }
            (digits, exponent.parse::<i64>().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX }))
        }
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty()) || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(Fault::Conversion);
    }
    let mut exact = Exact::whole(0);
    let ten = Exact::whole(10);
    for digit in whole.bytes().chain(fraction.bytes()) {
        exact = &(&exact * &ten) + &Exact::whole((digit - b'0').into());
    }
    if negative {
        exact = -&exact;
    }
    if exact.is_zero() {
        return Ok(exact);
    }
    let shift = exponent.saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
    // Whatever the digits, beyond these bounds nothing but 0 or a number too great can come out.
    let reach = i64::try_from(text.len()).unwrap_or(i64::MAX).saturating_add(400);
    for _ in 0..shift.clamp(0, reach) {
        exact = &exact * &ten;
    }
    let mut under = Exact::whole(1);
    for _ in shift.clamp(-reach, 0)..0 {
        under = &under * &ten;
    }
    exact.divide(&under).ok_or(Fault::Conversion)
}

/// A value as text.
///
/// # Errors
/// A fault inside of a list or record; [`Stop::Broken`] where value and type do not go together.
pub fn text(value: &Value, kind: &Kind, world: &World<'_>) -> Result<String, Stop> {
    Ok(match value {
        Value::Absent => String::new(),
        Value::String(text) => text.clone(),
        Value::Decimal(m, s) => decimal_text(*m, *s),
        Value::Bytes(bytes) => STANDARD.encode(bytes),
        Value::Date(days) => calendar::date_text(calendar::date(*days)?),
        Value::Timestamp(t) => calendar::timestamp_text(*t)?,
        Value::Member(_) => world.member(value, kind)?.to_owned(),
        other => json(other, kind, world)?,
    })
}

/// A value as JSON.
///
/// # Errors
/// As [`text`].
pub fn json(value: &Value, kind: &Kind, world: &World<'_>) -> Result<String, Stop> {
    Ok(match (value, kind) {
        (Value::Absent, _) => "null".into(),
        (Value::Bool(x), _) => x.to_string(),
        (Value::Int(x) | Value::Duration(x), _) => x.to_string(),
        (Value::Float(x), _) => format!("{x:?}"),
        (Value::List(cells), Kind::List(item)) => {
            let items =
                cells.iter().map(|cell| json(&cell.clone()?, &item.kind, world)).collect::<Result<Vec<_>, Stop>>()?;
            format!("[{}]", items.join(","))
        }
        (Value::Record(cells), Kind::Record(record)) => {
            let fields = record.fields.iter().zip(cells).map(|(field, cell)| {
                Ok(format!("{}:{}", quoted(&field.name), json(&cell.clone()?, &field.ty.kind, world)?))
            });
            format!("{{{}}}", fields.collect::<Result<Vec<_>, Stop>>()?.join(","))
        }
        (Value::List(_) | Value::Record(_), kind) => return broken(format!("{value:?} as {kind:?}")),
        (value, kind) => quoted(&text(value, kind, world)?),
    })
}

fn decimal_text(mantissa: i128, scale: u8) -> String {
    let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if mantissa < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_exactly() {
        assert_eq!(number("0.1").unwrap(), Exact::decimal(1, 1));
        assert_eq!(number("-12.50e1").unwrap(), Exact::whole(-125));
        assert_eq!(number("1e400").unwrap().to_float(), Err(Fault::NotFinite));
        assert_eq!(number("1e-400").unwrap().to_float(), Ok(0.0));
        assert_eq!(number("0e99999999999999999999").unwrap(), Exact::whole(0));
        for bad in ["", "-", ".", "1e", " 1", "0x1", "1_0", "inf"] {
            assert_eq!(number(bad), Err(Fault::Conversion), "{bad}");
        }
    }

    #[test]
    fn writes_decimals_with_all_digits() {
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(1200, 2), "12.00");
        assert_eq!(decimal_text(7, 0), "7");
    }
}
