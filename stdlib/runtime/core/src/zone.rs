//! Time zones as tables of offsets, handed in from outside: this crate reads no files.

use serde::{Deserialize, Serialize};

use crate::calendar::{DAY, SECOND};

/// The offsets of one time zone from UTC over time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Zone {
    /// Seconds east of UTC before the first transition.
    initial: i32,
    /// From the given instant (microseconds since the epoch, UTC) on, the given seconds east of UTC; ascending.
    transitions: Vec<(i64, i32)>,
}

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self::default()
    }

    /// A zone that is `seconds` east of UTC at all times.
    #[must_use]
    pub fn fixed(seconds: i32) -> Self {
        Self { initial: seconds, transitions: Vec::new() }
    }

    /// A zone that is `initial` seconds east of UTC, and from each instant (microseconds) of `transitions` on the
    /// seconds given there.
    #[must_use]
    pub fn new(initial: i32, mut transitions: Vec<(i64, i32)>) -> Self {
        transitions.sort_unstable();
        Self { initial, transitions }
    }

    /// Microseconds to add to the instant `micros` to get local wall-clock time.
    #[must_use]
    pub fn offset(&self, micros: i64) -> i64 {
        let after = self.transitions.partition_point(|(from, _)| *from <= micros);
        let seconds = after
            .checked_sub(1)
            .and_then(|last| self.transitions.get(last))
            .map_or(self.initial, |(_, seconds)| *seconds);
        i64::from(seconds) * SECOND
    }

    /// The local wall-clock time of an instant, in microseconds since the local 1970-01-01T00:00:00.
    #[must_use]
    pub fn local(&self, micros: i64) -> i64 {
        micros.saturating_add(self.offset(micros))
    }

    /// The local date of an instant, in days since 1970-01-01.
    #[must_use]
    pub fn date(&self, micros: i64) -> i64 {
        self.local(micros).div_euclid(DAY)
    }

    /// The first instant whose local date is `days` or later: local midnight, or where the clock jumps over that, the
    /// instant of the jump.
    #[must_use]
    pub fn start_of_day(&self, days: i64) -> i64 {
        let midnight = days.saturating_mul(DAY);
        // The offsets of all zones lie within a day, so the searched instant is within a day of UTC's midnight.
        let (low, high) = (midnight.saturating_sub(DAY), midnight.saturating_add(DAY));
        let first = self.transitions.partition_point(|(from, _)| *from <= low);
        let mut begin = low;
        for (from, _) in self.transitions.get(first..).unwrap_or(&[]).iter().take_while(|(from, _)| *from <= high) {
            if let Some(found) = self.midnight_between(midnight, begin, *from) {
                return found;
            }
            begin = *from;
        }
        self.midnight_between(midnight, begin, i64::MAX).unwrap_or(midnight)
    }

    /// The first instant from `begin` on and before `end`, a span with one offset, whose local time is `midnight` or later.
    fn midnight_between(&self, midnight: i64, begin: i64, end: i64) -> Option<i64> {
        let found = midnight.saturating_sub(self.offset(begin)).max(begin);
        (found < end).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{days_of, parse_timestamp};

    fn at(text: &str) -> i64 {
        parse_timestamp(text.as_bytes()).unwrap()
    }

    fn berlin() -> Zone {
        Zone::new(3_600, vec![(at("2026-03-29T01:00:00Z"), 7_200), (at("2026-10-25T01:00:00Z"), 3_600)])
    }

    #[test]
    fn days_begin_at_local_midnight() {
        let zone = berlin();
        assert_eq!(zone.start_of_day(days_of(2026, 3, 29)), at("2026-03-28T23:00:00Z"));
        assert_eq!(zone.start_of_day(days_of(2026, 3, 30)), at("2026-03-29T22:00:00Z"));
        assert_eq!(zone.start_of_day(days_of(2026, 10, 26)), at("2026-10-25T23:00:00Z"));
        assert_eq!(zone.date(at("2026-03-29T21:59:59Z")), days_of(2026, 3, 29));
        assert_eq!(zone.date(at("2026-03-29T22:00:00Z")), days_of(2026, 3, 30));
        assert_eq!(Zone::utc().start_of_day(3), 3 * DAY);
        assert_eq!(Zone::fixed(28_800).start_of_day(0), -28_800 * SECOND);
    }

    #[test]
    fn a_day_whose_midnight_is_skipped_begins_at_the_jump() {
        // Clocks go from 24:00 straight to 01:00.
        let zone = Zone::new(-10_800, vec![(at("2018-11-04T03:00:00Z"), -7_200)]);
        assert_eq!(zone.start_of_day(days_of(2018, 11, 4)), at("2018-11-04T03:00:00Z"));
    }

    #[test]
    fn a_day_that_the_clock_goes_back_to_before_it_has_begun_begins_once() {
        // Clocks go from 24:00 back to 23:00 of the same day.
        let zone = Zone::new(-7_200, vec![(at("2018-02-18T02:00:00Z"), -10_800)]);
        assert_eq!(zone.start_of_day(days_of(2018, 2, 18)), at("2018-02-18T03:00:00Z"));
        assert_eq!(zone.date(at("2018-02-18T02:59:59Z")), days_of(2018, 2, 17));
    }

    #[test]
    fn days_before_the_first_are_days_too() {
        assert_eq!([-DAY - 1, -DAY, -1, 0].map(|instant| Zone::utc().date(instant)), [-2, -1, -1, 0]);
    }

    #[test]
    fn changes_of_the_clock_stand_in_any_order() {
        let changes = [(at("2026-10-25T01:00:00Z"), 3_600), (at("2026-03-29T01:00:00Z"), 7_200)];
        assert_eq!(Zone::new(3_600, changes.to_vec()), berlin());
    }
}
