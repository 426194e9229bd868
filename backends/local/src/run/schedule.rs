//! When a job is due: five fields of cron in a time zone.
//!
//! What a zone's clock does is decided as calendars do (RFC 5545, 3.3.5): a time of day that the clock jumps over counts
//! from before the jump, so that 02:30 comes at 03:30; one that comes twice is due the first time. A schedule whose hour
//! is `*` or `*/n` counts hours as they pass: it is due in both of the two hours, and not in the one that there is not.

use std::collections::BTreeSet;

use fec_model::cron;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::error::LocalError;

/// Days that are looked at for the next time: the Gregorian calendar repeats itself after 400 years, and 29 February
/// falls on each weekday within 40.
const DAYS: u32 = 366 * 41;

/// A schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    minutes: BTreeSet<i8>,
    hours: BTreeSet<i8>,
    days: BTreeSet<i8>,
    months: BTreeSet<i8>,
    /// 0 is Sunday.
    weekdays: BTreeSet<i8>,
    /// Where both days and weekdays are restricted, either is enough.
    either_day: bool,
    every_hour: bool,
    zone: TimeZone,
}

impl Schedule {
    /// Reads five fields (minute, hour, day, month, weekday) for the clock of an IANA time zone; none is UTC.
    ///
    /// # Errors
    /// Fields that are none, or a zone that this machine does not know.
    pub fn new(cron: &str, zone: &str) -> Result<Self, LocalError> {
        let wrong = || LocalError::Program(format!("`{cron}` is no schedule"));
        let [minutes, hours, days, months, weekdays] = cron::fields(cron).map_err(|_| wrong())?;
        let zone = if zone.is_empty() { "UTC" } else { zone };
        Ok(Self {
            either_day: !days.is_open && !weekdays.is_open,
            every_hour: cron.split_whitespace().nth(1).is_some_and(|hour| hour.starts_with('*')),
            minutes: minutes.values,
            hours: hours.values,
            days: days.values,
            months: months.values,
            weekdays: weekdays.values,
            zone: TimeZone::get(zone).map_err(|_| {
                LocalError::Environment(format!(
                    "this machine does not know the time zone `{zone}`; correct `timezone` in `@schedule`, or install the time zone database"
                ))
            })?,
        })
    }

    /// The first time after `micros`; none where no day fits.
    #[must_use]
    pub fn after(&self, micros: i64) -> Option<i64> {
        let from = Timestamp::from_microsecond(micros).ok()?;
        let today = self.zone.to_datetime(from).date();
        // What the clock has jumped over yesterday may come today.
        let mut day = today.yesterday().ok()?;
        for _ in 0..DAYS {
            if self.is_day(day)
                && let Some(found) = self.on(day, from)
            {
                return Some(found.as_microsecond());
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn is_day(&self, date: Date) -> bool {
        let day = self.days.contains(&date.day());
        let weekday = self.weekdays.contains(&date.weekday().to_sunday_zero_offset());
        self.months.contains(&date.month()) && if self.either_day { day || weekday } else { day && weekday }
    }

    /// The first time of a day that is after `from`.
    fn on(&self, date: Date, from: Timestamp) -> Option<Timestamp> {
        let mut first: Option<Timestamp> = None;
        for hour in &self.hours {
            for minute in &self.minutes {
                let Ok(local) = DateTime::new(date.year(), date.month(), date.day(), *hour, *minute, 0, 0) else {
                    continue;
                };
                for instant in self.instants(local).into_iter().flatten() {
                    if instant > from && first.is_none_or(|first| instant < first) {
                        first = Some(instant);
                    }
                }
            }
        }
        first
    }

    /// The instants at which a local time is due.
    fn instants(&self, local: DateTime) -> [Option<Timestamp>; 2] {
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => [offset.to_timestamp(local).ok(), None],
            AmbiguousOffset::Gap { .. } if self.every_hour => [None, None],
            AmbiguousOffset::Gap { before, .. } => [before.to_timestamp(local).ok(), None],
            AmbiguousOffset::Fold { before, after } => {
                let again = if self.every_hour { after.to_timestamp(local).ok() } else { None };
                [before.to_timestamp(local).ok(), again]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::new(cron, zone).unwrap();
        let mut at = from.parse::<Timestamp>().unwrap().as_microsecond();
        let mut found = Vec::new();
        while found.len() < count {
            let Some(next) = schedule.after(at) else { break };
            assert!(next > at);
            at = next;
            found.push(Timestamp::from_microsecond(at).unwrap().to_string());
        }
        found
    }

    #[test]
    fn a_time_of_day_is_that_of_the_zone() {
        let found = times("0 2 * * *", "Asia/Shanghai", "2026-01-01T00:00:00Z", 2);
        assert_eq!(found, ["2026-01-01T18:00:00Z", "2026-01-02T18:00:00Z"]);
        assert_eq!(times("0 2 * * *", "", "2026-01-01T02:00:00Z", 1), ["2026-01-02T02:00:00Z"]);
    }

    #[test]
    fn a_time_that_the_clock_jumps_over_comes_after_the_jump() {
        // Berlin goes from 02:00 to 03:00 on 29 March 2026.
        let found = times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
        assert_eq!(found, ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]);
        // Both are the same instant on that day, and due once.
        let found = times("30 2,3 * * *", "Europe/Berlin", "2026-03-28T20:00:00Z", 2);
        assert_eq!(found, ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]);
    }

    #[test]
    fn a_time_that_comes_twice_is_due_once() {
        // Berlin goes from 03:00 back to 02:00 on 25 October 2026.
        let found = times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(found, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn a_time_of_a_day_that_the_calendar_left_out_comes_on_the_next() {
        // Apia had no 30 December 2011: noon of that day is that of the 31st, also for who asks then.
        for from in ["2011-12-29T00:00:00Z", "2011-12-30T11:00:00Z"] {
            assert_eq!(times("0 12 30 12 *", "Pacific/Apia", from, 1), ["2011-12-30T22:00:00Z"], "{from}");
        }
    }

    #[test]
    fn hours_that_pass_are_counted_as_they_pass() {
        let found = times("30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 3);
        assert_eq!(found, ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]);
        let found = times("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2);
        assert_eq!(found, ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]);
        let found = times("*/20 * * * *", "America/New_York", "2026-11-01T05:30:00Z", 5);
        let expected = ["05:40", "06:00", "06:20", "06:40", "07:00"].map(|time| format!("2026-11-01T{time}:00Z"));
        assert_eq!(found, expected);
    }

    #[test]
    fn lists_ranges_steps_and_names() {
        let found = times("0 0 1,15 jan-mar *", "UTC", "2026-01-01T00:00:00Z", 6);
        let expected = ["01-15", "02-01", "02-15", "03-01", "03-15"].map(|day| format!("2026-{day}T00:00:00Z"));
        assert_eq!(found.get(..5).unwrap(), expected);
        assert_eq!(found.last().unwrap(), "2027-01-01T00:00:00Z");
        assert_eq!(
            times("30 4-6/2 * * 7", "UTC", "2026-01-01T00:00:00Z", 2),
            ["2026-01-04T04:30:00Z", "2026-01-04T06:30:00Z"]
        );
        assert_eq!(
            times("50/5 1 * * *", "UTC", "2026-01-01T01:50:00Z", 2),
            ["2026-01-01T01:55:00Z", "2026-01-02T01:50:00Z"]
        );
    }

    #[test]
    fn a_day_or_a_weekday_is_enough_where_both_are_given() {
        // 13 February 2026 is a Friday.
        let found = times("0 0 13 * fri", "UTC", "2026-02-07T00:00:00Z", 4);
        let expected = ["02-13", "02-20", "02-27", "03-06"].map(|day| format!("2026-{day}T00:00:00Z"));
        assert_eq!(found, expected);
        let found = times("0 0 * * fri", "UTC", "2026-02-07T00:00:00Z", 1);
        assert_eq!(found, ["2026-02-13T00:00:00Z"]);
        // Every tenth day is given; every day is not.
        let found = times("0 0 */10 * fri", "UTC", "2026-02-07T00:00:00Z", 4);
        assert_eq!(found, ["02-11", "02-13", "02-20", "02-21"].map(|day| format!("2026-{day}T00:00:00Z")));
        let found = times("0 0 */1 * fri", "UTC", "2026-02-07T00:00:00Z", 1);
        assert_eq!(found, ["2026-02-13T00:00:00Z"]);
    }

    #[test]
    fn rare_days_are_found_and_days_that_never_come_are_not() {
        assert_eq!(
            times("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2),
            ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]
        );
        assert_eq!(times("0 0 30 2 *", "UTC", "2026-01-01T00:00:00Z", 1), Vec::<String>::new());
    }

    #[test]
    fn a_zone_that_is_not_there_is_named() {
        let error = Schedule::new("0 2 * * *", "Nowhere/Land").unwrap_err().to_string();
        assert!(error.contains("Nowhere/Land") && error.contains("@schedule"), "{error}");
        for wrong in
            ["0 24 * * *", "60 0 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 0 *", "0 0 * 13 *", "0 0 * * 8", "0 0 * *"]
        {
            assert!(Schedule::new(wrong, "UTC").is_err(), "{wrong}");
        }
    }
}
