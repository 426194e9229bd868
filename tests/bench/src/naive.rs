//! The peer of the events bench: what one writes by hand for exactly these six features. Records become structs with
//! serde, row by row; each card keeps its payments of the last 30 days in order, and each window where it begins and what
//! it adds up to. The answers are the same to the last digit.

use std::collections::VecDeque;

use flow_core::calendar::parse_timestamp;
use hashbrown::{HashMap, HashSet};
use serde::Deserialize;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const LATENESS: i64 = 30 * SECOND;

/// Size and step of the windows over 10 minutes, an hour, a day and 30 days.
const WINDOWS: [(i64, i64); 4] =
    [(10 * MINUTE, 10 * SECOND), (HOUR, MINUTE), (DAY, 30 * MINUTE), (30 * DAY, 12 * HOUR)];
const ONE_DAY: usize = 2;
const THIRTY_DAYS: usize = 3;

#[derive(Deserialize)]
struct Payment<'a> {
    id: &'a str,
    card: &'a str,
    #[serde(rename = "merchant")]
    _merchant: &'a str,
    amount: &'a str,
    country: &'a str,
    at: &'a str,
}

/// The features of a card as of one of its payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Cents.
    pub spend_1h: i64,
    /// Cents.
    pub spend_30d: i64,
    /// Rows.
    pub payments_10m: i64,
    /// Countries.
    pub countries_24h: i64,
    /// Cents by a million.
    pub mean_30d: Option<i128>,
    /// Letters.
    pub last_country: Option<[u8; 2]>,
}

impl Features {
    /// The mean of so many cents over so many rows.
    #[must_use]
    pub fn mean(cents: i64, rows: i64) -> Option<i128> {
        (rows > 0).then(|| half_even(i128::from(cents) * 1_000_000, i128::from(rows)))
    }
}

#[derive(Clone, Copy)]
struct Event {
    time: i64,
    cents: i64,
    country: [u8; 2],
}

/// A window: the events from `start` on, newest included.
#[derive(Clone, Copy, Default)]
struct Window {
    start: usize,
    cents: i64,
}

#[derive(Default)]
struct Card {
    /// By time, those of one time as they arrived.
    events: VecDeque<Event>,
    windows: [Window; 4],
    /// The countries of the window over a day, with their rows.
    countries: Vec<([u8; 2], i64)>,
}

/// All cards, and the ids within the lateness.
#[derive(Default)]
pub struct Naive {
    cards: HashMap<String, Card>,
    ids: HashSet<String>,
    recent: VecDeque<(i64, String)>,
    arrived: i64,
    /// Records that could not be read, late ones and repeated ones.
    pub refused: u64,
}

impl Naive {
    /// Takes a record and gives its id and the features as of it; nothing for a record that is refused.
    pub fn take<'a>(&mut self, record: &'a [u8], stamp: i64) -> Option<(&'a str, Features)> {
        let read = serde_json::from_slice::<Payment<'a>>(record).ok().and_then(|payment| {
            let time = parse_timestamp(payment.at.as_bytes())?;
            Some((cents(payment.amount)?, time, <[u8; 2]>::try_from(payment.country.as_bytes()).ok()?, payment))
        });
        self.arrived = self.arrived.max(stamp);
        let Some((cents, time, country, payment)) = read else {
            self.refused += 1;
            return None;
        };
        if time < self.arrived - LATENESS || !self.is_new(payment.id) {
            self.refused += 1;
            return None;
        }
        if !self.cards.contains_key(payment.card) {
            self.cards.insert(payment.card.to_owned(), Card::default());
        }
        let card = self.cards.get_mut(payment.card)?;
        let features = card.read(time);
        card.insert(Event { time, cents, country }, self.arrived);
        Some((payment.id, features))
    }

    fn is_new(&mut self, id: &str) -> bool {
        while self.recent.front().is_some_and(|(arrived, _)| *arrived < self.arrived - LATENESS) {
            if let Some((_, old)) = self.recent.pop_front() {
                self.ids.remove(&old);
            }
        }
        if self.ids.contains(id) {
            return false;
        }
        self.ids.insert(id.to_owned());
        self.recent.push_back((self.arrived, id.to_owned()));
        true
    }
}

impl Card {
    fn read(&mut self, t: i64) -> Features {
        for number in 0..WINDOWS.len() {
            self.begin(number, t);
        }
        // Payments that came first, but lie after this one.
        let newer = self.events.iter().rev().take_while(|event| event.time > t).count();
        let end = self.events.len() - newer;
        let [ten, hour, day, month] = self.windows;
        let after = |window: Window| self.events.range(end.max(window.start)..).map(|event| event.cents).sum::<i64>();
        let rows = |window: Window| end.saturating_sub(window.start) as i64;
        let of_newer = |country: [u8; 2]| {
            self.events.range(end.max(day.start)..).filter(|event| event.country == country).count() as i64
        };
        let countries_24h = match newer {
            0 => self.countries.len() as i64,
            _ => self.countries.iter().filter(|(country, rows)| *rows > of_newer(*country)).count() as i64,
        };
        let spend_30d = month.cents - after(month);
        let last = end.checked_sub(1).filter(|last| *last >= month.start).and_then(|last| self.events.get(last));
        Features {
            spend_1h: hour.cents - after(hour),
            spend_30d,
            payments_10m: rows(ten),
            countries_24h,
            mean_30d: Features::mean(spend_30d, rows(month)),
            last_country: last.map(|event| event.country),
        }
    }

    /// Lets a window begin where it does at `t`.
    fn begin(&mut self, number: usize, t: i64) {
        let (Some((size, step)), Some(window)) = (WINDOWS.get(number), self.windows.get_mut(number)) else { return };
        let first = (t - size).div_euclid(*step) * step;
        while let Some(event) = self.events.get(window.start).filter(|event| event.time < first) {
            window.start += 1;
            window.cents -= event.cents;
            if number == ONE_DAY {
                count(&mut self.countries, event.country, -1);
            }
        }
        while let Some(event) =
            window.start.checked_sub(1).and_then(|before| self.events.get(before)).filter(|event| event.time >= first)
        {
            window.start -= 1;
            window.cents += event.cents;
            if number == ONE_DAY {
                count(&mut self.countries, event.country, 1);
            }
        }
    }

    fn insert(&mut self, event: Event, arrived: i64) {
        let newer = self.events.iter().rev().take_while(|known| known.time > event.time).count();
        let place = self.events.len() - newer;
        self.events.insert(place, event);
        for (number, window) in self.windows.iter_mut().enumerate() {
            if place < window.start {
                window.start += 1;
                continue;
            }
            window.cents += event.cents;
            if number == ONE_DAY {
                count(&mut self.countries, event.country, 1);
            }
        }
        // What no payment to come can see any more.
        let (size, step) = WINDOWS.get(THIRTY_DAYS).copied().unwrap_or_default();
        while self.events.front().is_some_and(|event| event.time < arrived - LATENESS - size - step)
            && self.windows.iter().all(|window| window.start > 0)
        {
            self.events.pop_front();
            self.windows.iter_mut().for_each(|window| window.start -= 1);
        }
    }
}

fn count(countries: &mut Vec<([u8; 2], i64)>, country: [u8; 2], by: i64) {
    match countries.iter().position(|(known, _)| *known == country) {
        Some(at) => {
            let gone = countries.get_mut(at).is_some_and(|(_, rows)| {
                *rows += by;
                *rows == 0
            });
            if gone {
                countries.swap_remove(at);
            }
        }
        None => countries.push((country, by)),
    }
}

/// `1234.56` as cents.
fn cents(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.')?;
    (part.len() == 2).then_some(())?;
    Some(whole.parse::<i64>().ok()? * 100 + part.parse::<i64>().ok()?)
}

/// The quotient of two numbers that are not negative, half to even.
fn half_even(a: i128, b: i128) -> i128 {
    let (whole, rest) = (a / b, a % b);
    match (rest * 2).cmp(&b) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Greater => whole + 1,
        std::cmp::Ordering::Equal => whole + whole % 2,
    }
}
