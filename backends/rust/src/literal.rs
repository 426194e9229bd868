//! Constants as Rust writes them.

use fec_model::expr::Literal;
use fec_model::types::Kind;

use crate::code::Code;
use crate::error::Error;
use crate::expression::Printer;
use crate::types::member_constants;
use crate::value::{Form, Piece};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Units in which durations are written, from the greatest.
pub(crate) const UNITS: [(&str, i64); 4] =
    [("DAY", DAY), ("HOUR", 3_600 * SECOND), ("MINUTE", 60 * SECOND), ("SECOND", SECOND)];
/// Numbers that a reader of Rust would take for a constant of its library, with the digits that it takes.
const KNOWN: [(f64, usize); 19] = [
    (std::f64::consts::E, 4),
    (std::f64::consts::FRAC_1_PI, 4),
    (std::f64::consts::FRAC_1_SQRT_2, 5),
    (std::f64::consts::FRAC_2_PI, 5),
    (std::f64::consts::FRAC_2_SQRT_PI, 5),
    (std::f64::consts::FRAC_PI_2, 5),
    (std::f64::consts::FRAC_PI_3, 5),
    (std::f64::consts::FRAC_PI_4, 5),
    (std::f64::consts::FRAC_PI_6, 5),
    (std::f64::consts::FRAC_PI_8, 5),
    (std::f64::consts::LN_2, 5),
    (std::f64::consts::LN_10, 5),
    (std::f64::consts::LOG10_2, 5),
    (std::f64::consts::LOG2_10, 5),
    (std::f64::consts::LOG10_E, 5),
    (std::f64::consts::LOG2_E, 5),
    (std::f64::consts::PI, 3),
    (std::f64::consts::SQRT_2, 5),
    (std::f64::consts::TAU, 3),
];

impl Printer<'_> {
    pub(crate) fn literal(&self, literal: &Literal, kind: &Kind) -> Result<Piece, Error> {
        let name = match literal {
            Literal::String(_) => "text",
            Literal::Null => return Ok(Piece::plain(Code::atom("None"), "absent").optional(true)),
            _ => "constant",
        };
        let form = if matches!(literal, Literal::String(_)) { Form::Str } else { Form::Plain };
        let code = match (literal, kind) {
            (Literal::Member(index), Kind::Enum(of)) => {
                let index = usize::try_from(*index).unwrap_or(usize::MAX);
                let members = self.scope.members(of).unwrap_or(&[]);
                let constants = member_constants(members);
                let constant = constants.get(index).ok_or_else(|| Error::missing("member of", of))?;
                Code::atom(format!("{}::{constant}", self.scope.modules().get(of)))
            }
            _ => plain(literal, kind),
        };
        Ok(Piece::new(code, form, name))
    }
}

/// A constant that is no member of an enumeration.
pub(crate) fn plain(literal: &Literal, kind: &Kind) -> Code {
    match literal {
        Literal::Null => Code::atom("None"),
        Literal::Bool(value) => Code::atom(value.to_string()),
        Literal::Int(value) => Code::atom(integer(*value)),
        Literal::Float(value) => float(*value),
        Literal::Decimal(mantissa) => {
            let scale = if let Kind::Decimal { scale, .. } = kind { *scale } else { 0 };
            Code::atom(format!("decimal!({})", decimal(mantissa.get(), scale)))
        }
        Literal::String(text) => Code::atom(format!("{text:?}")),
        Literal::Date(days) => date(i64::from(*days)),
        Literal::Timestamp(micros) => instant(*micros),
        Literal::Duration(micros) => duration(*micros),
        Literal::Member(index) => Code::atom(integer(i64::from(*index))),
    }
}

/// An integer as an expression writes it.
fn integer(value: i64) -> String {
    match value {
        i64::MIN => "i64::MIN".to_owned(),
        i64::MAX => "i64::MAX".to_owned(),
        value => grouped(value),
    }
}

/// An integer with its digits in groups.
pub fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (number, digit) in digits.chars().enumerate() {
        if number > 0 && (digits.len() - number).is_multiple_of(3) && digits.len() > 4 {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    if value < 0 { format!("-{grouped}") } else { grouped }
}

/// A float as its shortest text. One that reads like a constant of Rust's library is written as a quotient of whole
/// numbers, which is rounded once, to the same float.
pub(crate) fn float(value: f64) -> Code {
    // −0 is written like 0 and must be it.
    let value = value + 0.0;
    let text = format!("{value:?}");
    let (whole, places) = text.trim_start_matches('-').split_once('.').unwrap_or((&text, ""));
    let digits = whole.len() + places.len() + 1;
    let known = KNOWN.iter().any(|(constant, least)| {
        let width = places.len();
        let text = text.trim_start_matches('-');
        digits > *least && (constant.to_string().starts_with(text) || format!("{constant:.width$}") == text)
    });
    if !known || text.contains('e') {
        return Code::atom(text);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let above = format!("{whole}{places}");
    let above = above.trim_start_matches('0');
    Code::atom(format!("{sign}{above}.0")).infix("/", Code::atom(format!("1{}.0", "0".repeat(places.len()))))
}

/// A decimal with all digits of its scale.
pub(crate) fn decimal(mantissa: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>1$}", mantissa.unsigned_abs(), scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if mantissa < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn date(days: i64) -> Code {
    let (year, month, day) = civil(days);
    if (0..=9_999).contains(&year) {
        Code::atom(format!("days_of({year}, {month}, {day})"))
    } else {
        Code::atom(integer(days))
    }
}

fn instant(micros: i64) -> Code {
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    if rest % SECOND != 0 || !(0..=9_999).contains(&year) {
        return Code::atom(integer(micros));
    }
    let seconds = rest / SECOND;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    Code::atom(format!("instant({year}, {month}, {day}, {hour}, {minute}, {second})"))
}

/// A duration in the greatest unit of which it is a multiple.
pub(crate) fn duration(micros: i64) -> Code {
    let unit = UNITS.iter().find(|(_, unit)| micros != 0 && micros % unit == 0);
    match unit {
        Some((name, unit)) if micros == *unit => Code::atom(*name),
        Some((name, unit)) if micros == -*unit => Code::atom(*name).prefix("-"),
        Some((name, unit)) => Code::atom(integer(micros / unit)).infix("*", Code::atom(*name)),
        None => Code::atom(integer(micros)),
    }
}

/// Year, month and day of a day since 1970-01-01. Method: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_read() {
        assert_eq!(integer(1_234_567), "1_234_567");
        assert_eq!(integer(-1_234), "-1234");
        assert_eq!(decimal(1_250, 2), "12.50");
        assert_eq!(decimal(-5, 3), "-0.005");
        assert_eq!(decimal(7, 0), "7");
        assert_eq!(float(314.0 / 100.0), Code::atom("314.0").infix("/", Code::atom("100.0")));
        assert_eq!(float(0.1), Code::atom("0.1"));
        assert_eq!(float(-0.0), Code::atom("0.0"));
        assert_eq!(float(1e300), Code::atom("1e300"));
    }

    #[test]
    fn times_are_written_in_their_units() {
        assert_eq!(duration(7 * DAY), Code::atom("7").infix("*", Code::atom("DAY")));
        assert_eq!(duration(SECOND), Code::atom("SECOND"));
        assert_eq!(duration(1), Code::atom("1"));
        assert_eq!(instant(1_767_323_045 * SECOND), Code::atom("instant(2026, 1, 2, 3, 4, 5)"));
        assert_eq!(date(20_454), Code::atom("days_of(2026, 1, 1)"));
    }
}
