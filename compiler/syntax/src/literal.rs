//! The values of literals.

use crate::ast::Literal;
use crate::token::Kind;
use fec_diagnostics::{Code, codes};

/// What is wrong with a literal.
pub struct Problem {
    /// Its code.
    pub code: Code,
    /// What the user is told.
    pub message: String,
    /// How it may be mended.
    pub help: Option<String>,
}

fn problem<T>(code: Code, message: String, help: &str) -> Result<T, Problem> {
    Err(Problem { code, message, help: (!help.is_empty()).then(|| help.to_owned()) })
}

/// Whether a literal that begins with a digit can be read.
pub fn check(kind: Kind, text: &str) -> Result<(), Problem> {
    numeric(kind, text).map(|_| ())
}

/// The value of a literal token; nothing where [`check`] complained.
pub fn value(kind: Kind, text: &str) -> Option<Literal> {
    Some(match kind {
        Kind::Null => Literal::Null,
        Kind::True => Literal::Bool(true),
        Kind::False => Literal::Bool(false),
        Kind::Text => Literal::String(unescape(inner(text, 1, 1))),
        Kind::RawText => Literal::String(inner(text, 1, 1).to_owned()),
        Kind::BlockText => {
            Literal::String(inner(text, 3, if text.len() >= 6 && text.ends_with("\"\"\"") { 3 } else { 0 }).to_owned())
        }
        Kind::TextBroken => Literal::String(unescape(inner(text, 1, 0))),
        _ => return numeric(kind, text).ok(),
    })
}

/// The text between `before` bytes at the start and `after` bytes at the end.
pub fn inner(text: &str, before: usize, after: usize) -> &str {
    text.get(before..text.len().saturating_sub(after)).unwrap_or("")
}

fn numeric(kind: Kind, text: &str) -> Result<Literal, Problem> {
    match kind {
        Kind::Date => date(text).map(Literal::Date),
        Kind::Timestamp => timestamp(text).map(Literal::Timestamp),
        Kind::Percent => plain(inner(text, 0, 1), text).map(Literal::Percent),
        Kind::Number => plain(text, text).map(Literal::Number),
        Kind::Duration | Kind::Size => quantity(kind, text),
        _ => match text.find(|c: char| c != '_' && c != '.' && !c.is_ascii_digit()) {
            None => plain(text, text).map(Literal::Int),
            Some(at) => unit(text, at),
        },
    }
}

/// Digits without their `_`.
fn plain(digits: &str, text: &str) -> Result<String, Problem> {
    let lone = |part: &str| part.is_empty() || part.starts_with('_') || part.ends_with('_') || part.contains("__");
    if digits.split('.').any(lone) {
        return problem(codes::E0004, format!("`{text}` is not a number"), "`_` stands between digits, once: `1_000`");
    }
    Ok(digits.chars().filter(|c| *c != '_').collect())
}

fn unit<T>(text: &str, at: usize) -> Result<T, Problem> {
    let (digits, unit) = text.split_at_checked(at).unwrap_or((text, ""));
    if digits == "0" && unit.starts_with(['x', 'X', 'b', 'o']) && unit.len() > 1 {
        return problem(codes::E0004, format!("`{text}` is not a number"), "numbers are written with decimal digits");
    }
    let exponent = unit.strip_prefix(['e', 'E']).is_some_and(|power| power.bytes().all(|b| b.is_ascii_digit()));
    if exponent {
        return problem(codes::E0004, format!("`{text}` is not a number"), "a number is written without an exponent");
    }
    let other = match unit.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "k" | "kb" | "kib" => "KiB",
        "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        "tb" | "tib" => "TiB",
        "w" | "week" | "weeks" => {
            return problem(codes::E0005, format!("`{unit}` is not a unit"), "a week is `7d`");
        }
        _ => {
            let help = "durations are `us ms s m h d`, sizes `B KiB MiB GiB TiB`, a share is `80%`";
            return problem(codes::E0005, format!("`{unit}` is not a unit"), help);
        }
    };
    problem(codes::E0005, format!("`{unit}` is not a unit"), &format!("write `{digits}{other}`"))
}

fn quantity(kind: Kind, text: &str) -> Result<Literal, Problem> {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(at).unwrap_or((text, ""));
    let number = plain(digits, text)?;
    if number.contains('.') {
        let help = "write it in a smaller unit: `90m` instead of `1.5h`";
        return problem(codes::E0004, format!("`{text}` is not a whole number of its unit"), help);
    }
    let scale: u64 = match unit {
        "us" | "B" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 1 << 40,
    };
    let size = number.parse::<u64>().ok().and_then(|n| n.checked_mul(scale));
    match (kind, size, size.and_then(|n| i64::try_from(n).ok())) {
        (Kind::Size, Some(bytes), _) => Ok(Literal::Size(bytes)),
        (Kind::Duration, _, Some(micros)) => Ok(Literal::Duration(micros)),
        _ => problem(codes::E0009, format!("`{text}` is too large"), ""),
    }
}

fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    text.get(from..to)?.parse().ok()
}

fn date(text: &str) -> Result<i32, Problem> {
    let days = || {
        let (y, m, d) = (number(text, 0, 4)?, number(text, 5, 7)?, number(text, 8, text.len())?);
        (text.len() == 10).then(|| days(y, m, d))?
    };
    match days().and_then(|d| i32::try_from(d).ok()) {
        Some(days) => Ok(days),
        None => problem(codes::E0006, format!("there is no day `{text}`"), "a date is `2026-01-31`"),
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; nothing for a day that does not exist.
///
/// By counting in years that begin in March, as in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if year < 1 || day < 1 || day > last {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn timestamp(text: &str) -> Result<i64, Problem> {
    let (day, clock) = text.split_once('T').unwrap_or((text, ""));
    let days = i64::from(date(day)?);
    let zone = clock.find(['Z', '+', '-']);
    let Some(at) = zone else {
        return problem(codes::E0006, format!("`{text}` does not say its zone"), &format!("write `{text}Z` for UTC"));
    };
    let (time, zone) = clock.split_at_checked(at).unwrap_or((clock, ""));
    let instant = || {
        let offset = offset(zone)?;
        Some(days * 86_400_000_000 + time_of_day(time)? - offset * 60_000_000)
    };
    match instant() {
        Some(micros) => Ok(micros),
        None => {
            let help = "an instant is `2026-01-31T12:00:00Z`, with at most six digits after its seconds";
            problem(codes::E0006, format!("there is no instant `{text}`"), help)
        }
    }
}

/// Microseconds since midnight of `12:00`, `12:00:00` or `12:00:00.123456`.
fn time_of_day(time: &str) -> Option<i64> {
    let (hour, minute) = (number(time, 0, 2)?, number(time, 3, 5)?);
    let seconds = if time.len() > 5 { number(time, 6, 8)? } else { 0 };
    let fraction = time.get(9..).unwrap_or("");
    if hour > 23 || minute > 59 || seconds > 59 || fraction.len() > 6 {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(((hour * 60 + minute) * 60 + seconds) * 1_000_000 + micros)
}

/// Minutes east of Greenwich of `Z` or `+02:00`.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (hours, minutes) = (number(zone, 1, 3)?, number(zone, 4, zone.len())?);
    if hours > 23 || minutes > 59 || zone.len() != 6 {
        return None;
    }
    Some((hours * 60 + minutes) * if zone.starts_with('-') { -1 } else { 1 })
}

/// The text with its escapes resolved; what is no escape stands as it is.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or(""));
        let escape = rest.get(at..).unwrap_or("");
        let (letter, len) = escaped(escape);
        match letter {
            Some(letter) => out.push(letter),
            None => out.push_str(escape.get(..len).unwrap_or("")),
        }
        rest = escape.get(len..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

/// The places of what is no escape, as byte ranges of `text`.
pub fn bad_escapes(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let from = at + next;
        let (letter, len) = escaped(text.get(from..).unwrap_or(""));
        if letter.is_none() {
            found.push((from, from + len));
        }
        at = from + len.max(1);
    }
    found
}

/// The character of the escape that `text` begins with, and the length of the escape.
fn escaped(text: &str) -> (Option<char>, usize) {
    let mut letters = text.chars().skip(1);
    match letters.next() {
        Some(same @ ('\\' | '"' | '{' | '}')) => (Some(same), 2),
        Some('n') => (Some('\n'), 2),
        Some('r') => (Some('\r'), 2),
        Some('t') => (Some('\t'), 2),
        Some('u') => {
            let end = text.find('}').filter(|end| *end <= 9 && text.starts_with("\\u{"));
            let code = end.and_then(|end| u32::from_str_radix(text.get(3..end)?, 16).ok());
            let letter = code.and_then(char::from_u32);
            (letter, end.filter(|_| letter.is_some()).map_or(2, |end| end + 1))
        }
        Some(other) => (None, 1 + other.len_utf8()),
        None => (None, text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, text: &str) -> Result<Literal, String> {
        numeric(kind, text).map_err(|p| p.code.id().to_owned())
    }

    #[test]
    fn quantities_and_numbers() {
        assert_eq!(read(Kind::Duration, "30s"), Ok(Literal::Duration(30_000_000)));
        assert_eq!(read(Kind::Duration, "1_0d"), Ok(Literal::Duration(864_000_000_000)));
        assert_eq!(read(Kind::Size, "512MiB"), Ok(Literal::Size(512 << 20)));
        assert_eq!(read(Kind::Percent, "0.1%"), Ok(Literal::Percent("0.1".into())));
        assert_eq!(read(Kind::Int, "1_000"), Ok(Literal::Int("1000".into())));
        for (text, code) in [("1__0", "E0004"), ("1_", "E0004"), ("1e3", "E0004"), ("10x", "E0005"), ("2w", "E0005")] {
            assert_eq!(read(Kind::Int, text), Err(code.to_owned()), "{text}");
        }
        assert_eq!(read(Kind::Duration, "1.5h"), Err("E0004".into()));
        assert_eq!(read(Kind::Duration, "999999999999d"), Err("E0009".into()));
    }

    #[test]
    fn days_and_instants() {
        assert_eq!(read(Kind::Date, "1970-01-01"), Ok(Literal::Date(0)));
        assert_eq!(read(Kind::Date, "2026-01-01"), Ok(Literal::Date(20_454)));
        assert_eq!(read(Kind::Date, "2024-02-29"), Ok(Literal::Date(19_782)));
        assert_eq!(read(Kind::Timestamp, "2026-01-01T00:00:00Z"), Ok(Literal::Timestamp(20_454 * 86_400_000_000)));
        assert_eq!(read(Kind::Timestamp, "1970-01-01T01:00:00.5+01:00"), Ok(Literal::Timestamp(500_000)));
        assert_eq!(read(Kind::Timestamp, "1969-12-31T23:59Z"), Ok(Literal::Timestamp(-60_000_000)));
        for text in ["2026-02-29", "2026-13-01", "2026-00-10", "0000-01-01", "2026-01-011"] {
            assert_eq!(read(Kind::Date, text), Err("E0006".into()), "{text}");
        }
        let no_instants = [
            "2026-01-01T00:00:00",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.1234567Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+00:60",
            "2026-01-01T1",
        ];
        for text in no_instants {
            assert_eq!(read(Kind::Timestamp, text), Err("E0006".into()), "{text}");
        }
    }

    #[test]
    fn units_that_are_written_otherwise_are_told() {
        let ours = [
            ("sec seconds", "s"),
            ("min minutes", "m"),
            ("hr hours", "h"),
            ("day days", "d"),
            ("k KB kib", "KiB"),
            ("mb MIB", "MiB"),
            ("g GB gib", "GiB"),
            ("tb tib", "TiB"),
        ];
        for (theirs, ours) in ours {
            for unit in theirs.split(' ') {
                let help = check(Kind::Int, &format!("10{unit}")).err().and_then(|problem| problem.help);
                assert_eq!(help, Some(format!("write `10{ours}`")), "{unit}");
            }
        }
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(r#"a\n\"\{\u{1F600}\\"#), "a\n\"{\u{1f600}\\");
        assert_eq!((unescape(r"\{x\}\r\t"), bad_escapes(r"\{x\}\r\t")), ("{x}\r\t".into(), vec![]));
        assert_eq!(bad_escapes(r"a\q\\\u{110000}\n"), [(1, 3), (5, 7)]);
        assert_eq!((bad_escapes(r"\u{01F600}").len(), bad_escapes(r"\u{001F600}")), (0, vec![(0, 2)]));
        assert_eq!(value(Kind::BlockText, "\"\"\"a\"\"\"\""), Some(Literal::String("a\"".into())));
        assert_eq!(value(Kind::BlockText, "\"\"\"open"), Some(Literal::String("open".into())));
        assert_eq!(value(Kind::RawText, r"'a\n'"), Some(Literal::String(r"a\n".into())));
    }
}
