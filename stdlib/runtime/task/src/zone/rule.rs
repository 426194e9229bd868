//! The rule by which the clocks of a time zone go on behind the changes that are listed (POSIX `TZ`, RFC 8536, 3.3).

use flow_core::calendar::{DAY, SECOND, date_of, day_of_week, days_in_month, days_of};

/// The last year for which changes are made of a rule: no later one has a text.
const LAST: i64 = 9_999;

/// Two offsets that take turns each year, seconds east of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    standard: i64,
    /// What begins at the first turn and ends at the second; none where the clocks never change.
    other: Option<(i64, Turn, Turn)>,
}

/// When in a year the clocks change: a day, and the seconds from its midnight on, by the clock as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    day: Day,
    seconds: i64,
}

/// A day of any year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// Month, week of it from 1 (5 is the last), day of the week (Sunday is 0).
    Weekday(u32, i64, i64),
    /// From 1, without the leap day.
    Julian(i64),
    /// From 0, with it.
    Number(i64),
}

impl Rule {
    /// Reads a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = Text(text.as_bytes());
        rest.name()?;
        let standard = -rest.time()?;
        if rest.0.is_empty() {
            return Some(Self { standard, other: None });
        }
        rest.name()?;
        let other = if rest.0.first() == Some(&b',') { standard + 3_600 } else { -rest.time()? };
        let (begin, end) = (rest.turn()?, rest.turn()?);
        rest.0.is_empty().then_some(Self { standard, other: Some((other, begin, end)) })
    }

    /// The changes behind the instant `last` (microseconds), with the seconds east of UTC from each on, in order.
    pub(super) fn changes(self, last: Option<i64>) -> Vec<(i64, i32)> {
        let Some((other, begin, end)) = self.other else { return Vec::new() };
        let from = last.map_or(1, |last| date_of(last.div_euclid(DAY)).0 - 1);
        let mut changes = Vec::new();
        for year in from..=LAST {
            for (turn, before, after) in [(begin, self.standard, other), (end, other, self.standard)] {
                let at = turn.day.of(year) * DAY + (turn.seconds - before) * SECOND;
                if last.is_none_or(|last| at > last) {
                    changes.extend(i32::try_from(after).map(|after| (at, after)));
                }
            }
        }
        changes.sort_unstable();
        changes
    }
}

impl Day {
    /// The day in days since 1970-01-01.
    fn of(self, year: i64) -> i64 {
        let first = days_of(year, 1, 1);
        match self {
            Self::Number(day) => first + day,
            Self::Julian(day) => first + day - 1 + i64::from(day > 59 && days_in_month(year, 2) == 29),
            Self::Weekday(month, week, weekday) => {
                let first = days_of(year, month, 1);
                let day = first + (weekday - day_of_week(first)).rem_euclid(7) + 7 * (week - 1);
                if day < first + i64::from(days_in_month(year, month)) { day } else { day - 7 }
            }
        }
    }
}

/// What is left of a rule.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    /// Whether `byte` is next; then it is passed over.
    fn is(&mut self, byte: u8) -> bool {
        let is = self.0.first() == Some(&byte);
        if is {
            self.0 = self.0.get(1..).unwrap_or(&[]);
        }
        is
    }

    /// Passes over as many bytes as `part` says belong together.
    fn take(&mut self, part: impl Fn(&u8) -> bool) -> &[u8] {
        let length = self.0.iter().take_while(|byte| part(byte)).count();
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        taken
    }

    /// A name: letters, or anything in angle brackets.
    fn name(&mut self) -> Option<()> {
        if self.is(b'<') {
            self.take(|byte| *byte != b'>');
            return self.is(b'>').then_some(());
        }
        (!self.take(u8::is_ascii_alphabetic).is_empty()).then_some(())
    }

    /// A number of at most three digits within bounds.
    fn number(&mut self, least: i64, most: i64) -> Option<i64> {
        let digits = self.take(u8::is_ascii_digit);
        let number = (1..=3).contains(&digits.len()).then(|| std::str::from_utf8(digits).ok()?.parse().ok())??;
        (least..=most).contains(&number).then_some(number)
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    fn time(&mut self) -> Option<i64> {
        let is_negative = self.is(b'-');
        if !is_negative {
            self.is(b'+');
        }
        let mut seconds = self.number(0, 167)? * 3_600;
        for unit in [60, 1] {
            if !self.is(b':') {
                break;
            }
            seconds += self.number(0, 59)? * unit;
        }
        Some(if is_negative { -seconds } else { seconds })
    }

    /// `,day[/time]`; without a time at two o'clock.
    fn turn(&mut self) -> Option<Turn> {
        self.is(b',').then_some(())?;
        let day = if self.is(b'M') {
            let month = u32::try_from(self.number(1, 12)?).ok()?;
            self.is(b'.').then_some(())?;
            let week = self.number(1, 5)?;
            self.is(b'.').then_some(())?;
            Day::Weekday(month, week, self.number(0, 6)?)
        } else if self.is(b'J') {
            Day::Julian(self.number(1, 365)?)
        } else {
            Day::Number(self.number(0, 365)?)
        };
        let seconds = if self.is(b'/') { self.time()? } else { 2 * 3_600 };
        Some(Turn { day, seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_core::calendar::parse_timestamp;

    fn at(text: &str) -> i64 {
        parse_timestamp(text.as_bytes()).unwrap()
    }

    /// The changes of a rule in a year.
    fn of(rule: &str, year: i64) -> Vec<(i64, i32)> {
        let (begin, end) = (at(&format!("{year:04}-01-01T00:00:00Z")), at(&format!("{:04}-01-01T00:00:00Z", year + 1)));
        let mut changes = Rule::parse(rule).unwrap().changes(Some(begin - 1));
        changes.retain(|(at, _)| *at < end);
        changes
    }

    #[test]
    fn the_clocks_change_when_the_rule_says() {
        for (rule, year, changes) in [
            ("CET-1CEST,M3.5.0,M10.5.0/3", 2045, [("2045-03-26T01:00:00Z", 7_200), ("2045-10-29T01:00:00Z", 3_600)]),
            ("EST5EDT,M3.2.0,M11.1.0", 9_998, [("9998-03-08T07:00:00Z", -14_400), ("9998-11-01T06:00:00Z", -18_000)]),
            // In Ireland winter is what is special.
            ("IST-1GMT0,M10.5.0,M3.5.0/1", 2040, [("2040-03-25T01:00:00Z", 3_600), ("2040-10-28T01:00:00Z", 0)]),
            (
                "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                2100,
                [("2100-04-03T15:00:00Z", 37_800), ("2100-10-02T15:30:00Z", 39_600)],
            ),
            (
                "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                2050,
                [("2050-03-27T01:00:00Z", -3_600), ("2050-10-30T01:00:00Z", -7_200)],
            ),
            (
                "<+0330>-3:30<+0430>,J79/24,J263/24",
                2096,
                [("2096-03-20T20:30:00Z", 16_200), ("2096-09-20T19:30:00Z", 12_600)],
            ),
            ("X0Y,59/0,60/0:30:15", 2096, [("2096-02-29T00:00:00Z", 3_600), ("2096-02-29T23:30:15Z", 0)]),
        ] {
            assert_eq!(of(rule, year), changes.map(|(when, offset)| (at(when), offset)), "{rule}");
        }
        assert_eq!(Rule::parse("<+0545>-5:45").unwrap().changes(None), []);
        assert_eq!(Rule::parse("EST5EDT,M3.2.0,M11.1.0").unwrap().changes(None).len(), 2 * 9_999);
    }

    #[test]
    fn what_is_no_rule_is_none() {
        let whole = "CET-1CEST,M3.5.0,M10.5.0/3";
        for text in (0..whole.len())
            .map(|end| &whole[..end])
            .filter(|text| !["CET-1", "CET-1CEST,M3.5.0,M10.5.0"].contains(text))
        {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
        for text in [
            "CET-1CEST,M3.6.0,M10.5.0",
            "CET-1CEST,M3.5.7,M1.1.1",
            "CET-168",
            "CET-1 ",
            "<CET-1",
            "A0B,J0,J1",
            "A0B,366,1",
        ] {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
    }
}
