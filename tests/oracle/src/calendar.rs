//! Days and hours in a time zone (`spec/types.md`, 5), by `jiff` and its copy of the time zone database.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use crate::value::Fault;

/// The days since 1970-01-01 of a date.
fn days(date: Date) -> Result<i32, Fault> {
    let epoch = Date::new(1970, 1, 1).map_err(|_| Fault::Overflow)?;
    let span = date.since((Unit::Day, epoch)).map_err(|_| Fault::Overflow)?;
    Ok(span.get_days())
}

/// The date `days` after 1970-01-01.
///
/// # Errors
/// [`Fault::Overflow`] outside of the years that a calendar has.
pub fn date(days: i32) -> Result<Date, Fault> {
    let epoch = Date::new(1970, 1, 1).map_err(|_| Fault::Overflow)?;
    epoch.checked_add(jiff::Span::new().try_days(days).map_err(|_| Fault::Overflow)?).map_err(|_| Fault::Overflow)
}

/// Date and time of day of an instant in `zone`.
///
/// # Errors
/// [`Fault::Overflow`] outside of the years that a calendar has, [`Fault::Conversion`] where there is no such zone.
pub fn local(instant: i64, zone: &str) -> Result<DateTime, Fault> {
    let zone = TimeZone::get(zone).map_err(|_| Fault::Conversion)?;
    let instant = Timestamp::from_microsecond(instant).map_err(|_| Fault::Overflow)?;
    Ok(zone.to_datetime(instant))
}

/// The day of an instant in `zone`, in days since 1970-01-01.
///
/// # Errors
/// As [`local`].
pub fn day(instant: i64, zone: &str) -> Result<i32, Fault> {
    days(local(instant, zone)?.date())
}

/// RFC 3339 in UTC.
///
/// # Errors
/// As [`local`].
pub fn timestamp_text(instant: i64) -> Result<String, Fault> {
    let at = local(instant, "UTC")?;
    let fraction = instant.rem_euclid(1_000_000);
    let fraction = match (fraction, fraction % 1_000) {
        (0, _) => String::new(),
        (_, 0) => format!(".{:03}", fraction / 1_000),
        _ => format!(".{fraction:06}"),
    };
    Ok(format!("{}T{:02}:{:02}:{:02}{fraction}Z", date_text(at.date()), at.hour(), at.minute(), at.second()))
}

/// `YYYY-MM-DD`.
#[must_use]
pub fn date_text(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summer_evening_in_utc_is_the_next_day_in_shanghai() {
        let instant = 1_782_849_600_000_000 - 3_600_000_000; // 2026-06-30T19:00:00Z
        assert_eq!(timestamp_text(instant).unwrap(), "2026-06-30T19:00:00Z");
        assert_eq!(day(instant, "Asia/Shanghai").unwrap(), day(instant, "UTC").unwrap() + 1);
        assert_eq!(date_text(date(day(instant, "Asia/Shanghai").unwrap()).unwrap()), "2026-07-01");
        assert_eq!(timestamp_text(-1).unwrap(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(timestamp_text(500_000).unwrap(), "1970-01-01T00:00:00.500Z");
    }
}
