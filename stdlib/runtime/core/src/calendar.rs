//! The proleptic Gregorian calendar and RFC 3339: dates as days, instants as microseconds since 1970-01-01T00:00:00Z.

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds in a day of 24 hours.
pub const DAY: i64 = 24 * HOUR;

/// The days since 1970-01-01 of a date; month 1 to 12, day 1 to 31, not checked against each other.
/// Method: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
#[inline]
#[must_use]
pub fn days_of(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = i64::from(month);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The instant of a date and time of day in UTC, none of which is checked.
#[inline]
#[must_use]
pub fn instant(year: i64, month: u32, day: u32, hour: i64, minute: i64, second: i64) -> i64 {
    days_of(year, month, day) * DAY + hour * HOUR + minute * MINUTE + second * SECOND
}

/// Year, month (1 to 12) and day (1 to 31) of the day `days` since 1970-01-01.
/// Method: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
#[must_use]
pub fn date_of(days: i64) -> (i64, u32, u32) {
    // No calendar day that an instant can have is near the ends of i64: saturating there changes no answer.
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, small(month), small(day))
}

/// The day of the week of a day: 1 is Monday, 7 Sunday (ISO 8601).
#[must_use]
pub fn day_of_week(days: i64) -> i64 {
    (days.rem_euclid(7) + 3) % 7 + 1
}

/// The number of days of a month.
#[must_use]
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Reads `YYYY-MM-DD`, year 0000 to 9999, as days since 1970-01-01; `None` for anything else.
#[inline]
#[must_use]
pub fn parse_date(text: &[u8]) -> Option<i64> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text else { return None };
    let [century, year, month, day] = pairs([[*y0, *y1], [*y2, *y3], [*m0, *m1], [*d0, *d1]])?;
    let year = i64::from(century * 100 + year);
    // What every month has needs no look at the year.
    let is_day = day >= 1 && (day <= 28 || day <= days_in_month(year, month));
    ((1..=12).contains(&month) && is_day).then(|| days_of(year, month, day))
}

/// Reads an RFC 3339 instant: date, `T`, `t` or a space, time, an optional fraction and a zone (`Z`, `z` or `±HH:MM`).
/// A leap second counts as the second before it; digits of the fraction beyond microseconds are dropped, since instants
/// are microseconds. `None` for anything else.
#[must_use]
pub fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let (date, time) = text.split_at_checked(10)?;
    let days = parse_date(date)?;
    let [b'T' | b't' | b' ', h0, h1, b':', m0, m1, b':', s0, s1, rest @ ..] = time else { return None };
    let [hour, minute, second] = pairs([[*h0, *h1], [*m0, *m1], [*s0, *s1]])?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, zone) = match rest {
        [b'.', digits @ ..] => fraction(digits)?,
        zone => (0, zone),
    };
    let offset = match zone {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let [hours, minutes] = pairs([[*h0, *h1], [*m0, *m1]])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = i64::from(hours * 3_600 + minutes * 60);
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let seconds = i64::from(hour * 3_600 + minute * 60 + second.min(59)) - offset;
    Some(days * DAY + seconds * SECOND + fraction)
}

/// Writes a date as `YYYY-MM-DD`; years outside of 0000 to 9999 with a sign and as many digits as they need.
pub fn write_date(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = date_of(days);
    if (0..=9_999).contains(&year) {
        digits(out, year.unsigned_abs(), 4);
    } else {
        out.push(if year < 0 { b'-' } else { b'+' });
        digits(out, year.unsigned_abs(), 4);
    }
    out.push(b'-');
    digits(out, month.into(), 2);
    out.push(b'-');
    digits(out, day.into(), 2);
}

/// Writes an instant as RFC 3339 in UTC: without fraction where that is zero, with three digits where it is whole
/// milliseconds, else with six.
pub fn write_timestamp(out: &mut Vec<u8>, micros: i64) {
    write_date(out, micros.div_euclid(DAY));
    let rest = micros.rem_euclid(DAY).unsigned_abs();
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    out.push(b'T');
    digits(out, seconds / 3_600, 2);
    out.push(b':');
    digits(out, seconds / 60 % 60, 2);
    out.push(b':');
    digits(out, seconds % 60, 2);
    if fraction != 0 {
        out.push(b'.');
        if fraction % 1_000 == 0 { digits(out, fraction / 1_000, 3) } else { digits(out, fraction, 6) }
    }
    out.push(b'Z');
}

fn digits(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut buffer = [b'0'; 20];
    let mut rest = value;
    let mut used = 0;
    for slot in buffer.iter_mut().rev() {
        if rest == 0 && used >= width {
            break;
        }
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        used += 1;
    }
    out.extend_from_slice(buffer.get(buffer.len() - used..).unwrap_or(&[]));
}

/// The numbers that pairs of digits stand for; `None` where a byte is no digit. All are looked at and one answer is given:
/// almost every text has digits where they belong.
#[inline]
fn pairs<const N: usize>(pairs: [[u8; 2]; N]) -> Option<[u32; N]> {
    let digits = pairs.map(|pair| pair.map(|byte| byte.wrapping_sub(b'0')));
    let greatest = digits.as_flattened().iter().fold(0, |greatest, digit| *digit.max(&greatest));
    (greatest <= 9).then(|| digits.map(|[tens, ones]| u32::from(tens) * 10 + u32::from(ones)))
}

/// The microseconds of a fraction of a second, and what stands behind its digits; `None` without a digit.
#[inline]
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let (mut micros, mut unit, mut length) = (0, 100_000, 0);
    while let Some(digit) = text.get(length).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9) {
        micros += i64::from(digit) * unit;
        unit /= 10;
        length += 1;
    }
    text.get(length..).filter(|_| length > 0).map(|rest| (micros, rest))
}

fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timestamp(micros: i64) -> String {
        let mut out = Vec::new();
        write_timestamp(&mut out, micros);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_days() {
        assert_eq!(days_of(1970, 1, 1), 0);
        assert_eq!(days_of(2000, 3, 1), 11_017);
        // Of the centuries only every fourth has the 29th of February.
        for (year, february_28) in [(1900, -25_509), (2000, 11_015), (2100, 47_540), (2400, 157_112)] {
            let is_leap = year % 400 == 0;
            assert_eq!(days_of(year, 2, 28), february_28);
            assert_eq!(days_of(year, 3, 1), february_28 + 1 + i64::from(is_leap), "{year}");
            assert_eq!(date_of(february_28 + 1), if is_leap { (year, 2, 29) } else { (year, 3, 1) });
            let day = format!("{year}-02-29");
            assert_eq!(parse_date(day.as_bytes()).is_some(), is_leap, "{day}");
            assert_eq!(parse_timestamp(format!("{day}T00:00:00Z").as_bytes()).is_some(), is_leap, "{day}");
        }
        assert_eq!(date_of(-1), (1969, 12, 31));
        assert_eq!(day_of_week(0), 4);
        assert_eq!(day_of_week(days_of(2026, 1, 4)), 7);
        assert_eq!(day_of_week(-4), 7);
    }

    #[test]
    fn instants_are_written_with_the_digits_they_need() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(1_500_000), "1970-01-01T00:00:01.500Z");
        assert_eq!(timestamp(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(timestamp(i64::MAX), "+294247-01-10T04:00:54.775807Z");
        // Years of four digits have no sign.
        let first = instant(0, 1, 1, 0, 0, 0);
        assert_eq!([first, first - 1].map(timestamp), ["0000-01-01T00:00:00Z", "-0001-12-31T23:59:59.999999Z"]);
        let last = instant(10_000, 1, 1, 0, 0, 0);
        assert_eq!([last - SECOND, last].map(timestamp), ["9999-12-31T23:59:59Z", "+10000-01-01T00:00:00Z"]);
    }

    #[test]
    fn instants_are_read_with_their_zone() {
        let read = |text: &str| parse_timestamp(text.as_bytes());
        assert_eq!(read("1970-01-01T08:00:00+08:00"), Some(0));
        assert_eq!(read("1970-01-01 00:00:00.25-00:30"), Some(1_800_250_000));
        assert_eq!(read("1970-01-01T00:00:00.123456789Z"), Some(123_456));
        assert_eq!(read("2016-12-31T23:59:60Z"), read("2016-12-31T23:59:59Z"));
        for wrong in [
            "1970-01-01T00:00:00",
            "1970-01-01",
            "1970-02-29T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+8:00",
            "1970-01-00T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-04-31T00:00:00Z",
            "1970-06-31T00:00:00Z",
            "1970-09-31T00:00:00Z",
            "1970-11-31T00:00:00Z",
            "1970-01-32T00:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:61Z",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00-00:60",
            "1970-01-01T00:00:00Z ",
            "",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn dates_round_trip(days in -719_528i64..2_932_897) {
            let (year, month, day) = date_of(days);
            prop_assert_eq!(days_of(year, month, day), days);
            let mut out = Vec::new();
            write_date(&mut out, days);
            prop_assert_eq!(parse_date(&out), Some(days));
        }

        #[test]
        fn instants_round_trip(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000) {
            prop_assert_eq!(parse_timestamp(timestamp(micros).as_bytes()), Some(micros));
        }

        #[test]
        fn any_day_and_any_text_is_survived(days: i64, text: Vec<u8>) {
            let mut out = Vec::new();
            write_date(&mut out, days);
            let _ = parse_date(&text);
            let _ = parse_timestamp(&text);
        }
    }
}
