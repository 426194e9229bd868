//! Conversion of whole cells between kinds.

use super::{
    Excess, date_to_timestamp, decimal_to_float, decimal_to_int, float_to_decimal, float_to_int, int_to_decimal,
    int_to_float, text_to_bool, text_to_date, text_to_decimal, text_to_float, text_to_int, text_to_member,
    text_to_timestamp,
};
use crate::arith::{check_precision, rescale};
use crate::fault::Fault;
use crate::program::Conversion;
use crate::text::write_text;
use crate::types::Kind;
use crate::value::{Cell, Value};
use crate::zone::Zone;

/// The cell as one of kind `to`. Absent stays absent. Texts are read as they are in CSV, without any trimming.
///
/// # Errors
///
/// [`Fault::Conversion`] for a text that is not of the wanted form or kinds between which there is no conversion,
/// [`Fault::Precision`] for what a checked precision does not hold,
/// [`Fault::Overflow`] and [`Fault::NotFinite`] beyond the range.
pub fn convert(cell: Cell<'_>, from: &Kind, to: &Kind, conversion: Conversion, zone: &Zone) -> Result<Value, Fault> {
    let field = |mantissa: i128, precision: u8| match conversion {
        Conversion::Checked => check_precision(mantissa, precision).map(Value::Decimal),
        Conversion::Plain => Ok(Value::Decimal(mantissa)),
    };
    match (cell, from, to) {
        (Cell::Absent, _, _) => Ok(Value::Absent),
        (Cell::String(text), _, to) => from_text(text, to, conversion),
        (cell, from, Kind::String) => {
            let mut text = Vec::new();
            write_text(&mut text, cell, from);
            String::from_utf8(text).map(|text| Value::String(text.into())).map_err(|_| Fault::Conversion)
        }
        (Cell::Int(value), Kind::Int, Kind::Float) => Ok(Value::Float(int_to_float(value))),
        (Cell::Int(value), Kind::Int, Kind::Decimal { precision, scale }) => {
            int_to_decimal(value, *scale).and_then(|mantissa| field(mantissa, *precision))
        }
        (Cell::Float(value), _, Kind::Int) => float_to_int(value).map(Value::Int),
        (Cell::Float(value), _, Kind::Decimal { precision, scale }) => {
            float_to_decimal(value, *scale).and_then(|mantissa| field(mantissa, *precision))
        }
        (Cell::Decimal(value), Kind::Decimal { scale, .. }, Kind::Int) => decimal_to_int(value, *scale).map(Value::Int),
        (Cell::Decimal(value), Kind::Decimal { scale, .. }, Kind::Float) => {
            Ok(Value::Float(decimal_to_float(value, *scale)))
        }
        (Cell::Decimal(value), Kind::Decimal { scale: from, .. }, Kind::Decimal { precision, scale }) => {
            rescale(value, *from, *scale).and_then(|mantissa| field(mantissa, *precision))
        }
        (Cell::Int(days), Kind::Date, Kind::Timestamp) => date_to_timestamp(days, zone).map(Value::Int),
        (Cell::Int(micros), Kind::Timestamp, Kind::Date) => Ok(Value::Int(zone.date(micros))),
        (Cell::Cells(Value::List(cells)), Kind::List(from), Kind::List(to)) => cells
            .iter()
            .map(|cell| convert(cell.as_cell(), &from.kind, &to.kind, conversion, zone))
            .collect::<Result<_, _>>()
            .map(Value::List),
        (Cell::Cells(Value::Record(cells)), Kind::Record(from), Kind::Record(to)) => cells
            .iter()
            .zip(from.fields.iter().zip(&to.fields))
            .map(|(cell, (from, to))| convert(cell.as_cell(), &from.ty.kind, &to.ty.kind, conversion, zone))
            .collect::<Result<_, _>>()
            .map(Value::Record),
        // Kinds that are held alike, such as two enumerations with the same members.
        (cell, from, to) if std::mem::discriminant(from) == std::mem::discriminant(to) => Ok(cell.to_value()),
        _ => Err(Fault::Conversion),
    }
}

fn from_text(text: &str, to: &Kind, conversion: Conversion) -> Result<Value, Fault> {
    match to {
        Kind::String => Ok(Value::String(text.into())),
        Kind::Bool => text_to_bool(text).map(Value::Bool),
        Kind::Int | Kind::Duration => text_to_int(text).map(Value::Int),
        Kind::Float => text_to_float(text).map(Value::Float),
        Kind::Decimal { precision, scale } => {
            let mantissa = text_to_decimal(text, *scale, Excess::Round)?;
            match conversion {
                Conversion::Checked => check_precision(mantissa, *precision).map(Value::Decimal),
                Conversion::Plain => Ok(Value::Decimal(mantissa)),
            }
        }
        Kind::Date => text_to_date(text).map(Value::Int),
        Kind::Timestamp => text_to_timestamp(text).map(Value::Int),
        Kind::Enum(members) => text_to_member(text, &members.members).map(Value::Int),
        Kind::Bytes | Kind::List(_) | Kind::Record(_) => Err(Fault::Conversion),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_have_nothing_in_common_are_refused() {
        let to = |cell, from: Kind, to: Kind| convert(cell, &from, &to, Conversion::Plain, &Zone::utc());
        for (cell, from, wanted) in [
            (Cell::Bool(true), Kind::Bool, Kind::Date),
            (Cell::Int(1), Kind::Int, Kind::Bool),
            (Cell::Int(1), Kind::Date, Kind::Float),
            (Cell::Bytes(b"a"), Kind::Bytes, Kind::Int),
        ] {
            assert_eq!(to(cell, from, wanted.clone()), Err(Fault::Conversion), "{cell:?} as {wanted:?}");
        }
        assert_eq!(to(Cell::Bool(true), Kind::Bool, Kind::Bool), Ok(Value::Bool(true)));
        assert_eq!(to(Cell::Absent, Kind::Int, Kind::Bool), Ok(Value::Absent));
    }
}
