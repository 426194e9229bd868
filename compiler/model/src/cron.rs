//! The five fields of a schedule: what `check` calls good is what a run reads.

use std::collections::BTreeSet;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Each field, its least and its greatest value, and the names of its values from the least on.
const FIELDS: [(&str, i8, i8, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day", 1, 31, &[]),
    ("month", 1, 12, &MONTHS),
    ("weekday", 0, 7, &WEEKDAYS),
];

/// A field of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its values; of weekdays Sunday is 0.
    pub values: BTreeSet<i8>,
    /// Whether it asks for no value. One with steps does: `*/2` is every other day, and given as such.
    pub is_open: bool,
}

/// Reads minute, hour, day, month and weekday: `*`, `a`, `a-b`, each with `/n`, several with commas; names where a field has
/// some.
///
/// # Errors
/// What is wrong with the text.
pub fn fields(text: &str) -> Result<[Field; 5], String> {
    let texts: Vec<&str> = text.split_whitespace().collect();
    let count = || format!("a schedule has five fields, and this has {}", texts.len());
    if texts.len() != FIELDS.len() {
        return Err(count());
    }
    let read = |(text, (name, low, high, names)): (&&str, (&str, i8, i8, &[&str]))| {
        let wrong = || format!("`{text}` is no {name}: it goes from {low} to {high}");
        let mut values = values(text, low, high, names).ok_or_else(wrong)?;
        if name == "weekday" && values.remove(&7) {
            values.insert(0);
        }
        Ok(Field { values, is_open: is_open(text) })
    };
    let fields = texts.iter().zip(FIELDS).map(read).collect::<Result<Vec<Field>, String>>()?;
    fields.try_into().map_err(|_| count())
}

/// What is wrong with a schedule, if anything is.
pub(crate) fn problem(text: &str) -> Option<String> {
    let [_, _, days, months, weekdays] = match fields(text) {
        Ok(fields) => fields,
        Err(problem) => return Some(problem),
    };
    // A weekday that is given comes whatever the day of the month is.
    let first = days.values.first()?;
    let never = weekdays.is_open && months.values.iter().all(|month| last_day(*month) < *first);
    let mut texts = text.split_whitespace().skip(2);
    let (day, month) = (texts.next()?, texts.next()?);
    never.then(|| format!("day `{day}` of month `{month}` never comes"))
}

/// The last day that a month can have.
fn last_day(month: i8) -> i8 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_open(field: &str) -> bool {
    let steps = field.split(',').filter_map(|item| item.strip_prefix('*'));
    steps.map(|rest| rest.strip_prefix('/').unwrap_or("1")).any(|step| step.parse() == Ok(1))
}

fn values(text: &str, low: i8, high: i8, names: &[&str]) -> Option<BTreeSet<i8>> {
    let value = |text: &str| -> Option<i8> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|position| i8::try_from(position).ok()).map(|position| position + low);
        named.or_else(|| text.parse().ok()).filter(|value| (low..=high).contains(value))
    };
    let mut found = BTreeSet::new();
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (item, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (value(from)?, value(to)?),
            None if range == "*" => (low, high),
            // `5/10` goes on from 5.
            None if item.contains('/') => (value(range)?, high),
            None => (value(range)?, value(range)?),
        };
        (from <= to).then_some(())?;
        found.extend((from..=to).step_by(step));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn schedules() {
        for good in ["0 2 * * *", "*/5 * * * *", "0 0 1,15 jan-mar mon-fri", "30 4-6/2 * * 7"] {
            assert_eq!(problem(good), None, "{good}");
        }
        for bad in ["0 24 * * *", "60 0 * * *", "0 2 * *", "a * * * *", "*/0 * * * *", "5-1 * * * *"] {
            assert!(problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn days_that_never_come() {
        for never in ["0 0 31 2 *", "0 0 30-31 feb *", "0 0 31 2,4,6,9,11 *", "0 0 30 2 */1", "0 0 30/1 2 *"] {
            assert!(problem(never).is_some_and(|told| told.ends_with("never comes")), "{never}");
        }
        for rare in ["0 0 29 2 *", "0 0 31 2,3 *", "0 0 31 2 mon", "0 0 31 2 */2", "0 0 31 2 0-6", "0 0 30/1 4 *"] {
            assert_eq!(problem(rare), None, "{rare}");
        }
    }
}
