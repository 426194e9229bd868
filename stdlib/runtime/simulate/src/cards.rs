//! `std.simulate.cards`: card payments with fraud and the chargebacks that follow it.
//!
//! It fills three sources:
//!
//! | source | kind | key | fields |
//! | --- | --- | --- | --- |
//! | `payments` | stream, time `at` | `card` | `id: string, card: string, merchant: string, amount: decimal(12, 2), country: string, at: timestamp` |
//! | `chargebacks` | stream, time `at` | `payment` | `payment: string, at: timestamp` |
//! | `merchants` | table | `id` | `id: string, category: string, opened: date` |
//!
//! The history has exactly `rows` records in `payments` and lies in the 120 days from 2026-01-01T00:00:00Z. A card pays
//! about 80 times in it, some far more often than others, with a home country, favourite shops and the terminal in
//! each where it is always served, amounts that suit shop and holder, waking hours, and weeks of travel.
//!
//! About one payment in a hundred is charged back, up to 55 days later. Behind it stand three patterns of fraud:
//!
//! - *a stolen card*: ten payments or so at rising amounts within minutes, at home or abroad;
//! - *a skimmed terminal*: cards that were served there are charged in pairs at the same shop in the following days;
//! - *a copied card*: payments in five and more countries within hours.
//!
//! A few chargebacks have no fraud behind them, and a few frauds are never noticed. As in any real log, records come
//! seconds after the payment and so out of order, one in five hundred more than 30 seconds and up to ten minutes
//! after it, and one in a thousand a second time under the same id.
//!
//! Live, payments go on at `rate` a second from where the history ended. So that cards keep to their habits there are
//! then at least 1,800 cards for each payment a second, most of them new; chargebacks come days later, as ever.

mod fraud;
mod world;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;

use flow_core::types::{DataType, Field, Kind, Schema};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::outbox::Outbox;
use crate::random::Random;
use crate::{Error, Generator, Options, OutputDescription, OutputKind, SimulatedEvent};
use fraud::Skimmed;
use world::{DAY, HOUR, World, world_liveliness};

const PAYMENTS: usize = 0;
const CHARGEBACKS: usize = 1;
const MERCHANTS: usize = 2;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;
const HOURS_OF_HISTORY: i64 = 120 * 24;
const END: i64 = START + HOURS_OF_HISTORY * HOUR;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// Live, a card of the larger population pays once in so many seconds on average.
const LIVE_SECONDS_A_CARD: f64 = 1800.0;

/// Of all records of `payments`, those that are neither fraud nor a second errand nor a repetition.
const BASE_SHARE: f64 = 0.951;

/// Makes the generator.
///
/// # Errors
/// `rows` is above a billion, or `rate` is neither 0 nor from a millionth to a million.
pub fn generator(options: &Options) -> Result<Box<dyn Generator>, Error> {
    let fail = |name, expected: &str| Err(Error::Option { name, expected: expected.into() });
    if options.rows > 1_000_000_000 {
        return fail("rows", "at most 1_000_000_000");
    }
    if options.rate != 0.0 && !(1e-6..=1e6).contains(&options.rate) {
        return fail("rate", "from 0.000001 to 1_000_000 events a second, or 0");
    }
    Ok(Box::new(Cards::new(options)))
}

/// The running generator.
struct Cards {
    outputs: [OutputDescription; 3],
    options: Options,
    world: World,
    random: Random,
    /// Payments decided on whose time has not come.
    planned: BinaryHeap<Reverse<Planned>>,
    outbox: Outbox,
    /// The time of the next ordinary payment.
    next: Option<i64>,
    /// Records of `payments` that the history may still plan.
    unplanned: u64,
    /// Records of `payments` that the history has still to give.
    ungiven: u64,
    /// Where the clock of ordinary payments stands: hours of history gone, and liveliness summed up to there.
    clock: Clock,
    /// The start of live time, once it has begun.
    live: Option<i64>,
    last_stamp: i64,
    payments: u64,
    stolen: Countdown,
    skimming: Countdown,
    copied: Countdown,
    skimmed: Vec<Skimmed>,
}

/// A payment decided on, ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Planned {
    at: i64,
    payment: Payment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Payment {
    card: u64,
    merchant: u32,
    cents: i64,
    fraud: bool,
}

/// Fires once in so many ordinary payments, give or take a half.
#[derive(Debug)]
struct Countdown {
    every: u64,
    left: u64,
}

impl Countdown {
    fn new(every: u64, random: &mut Random) -> Self {
        Self { every, left: random.below(every) }
    }

    fn fires(&mut self, random: &mut Random) -> bool {
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        self.left = self.every / 2 + random.below(self.every);
        true
    }
}

/// The history's time, stretched so that lively hours take more payments.
struct Clock {
    /// Liveliness summed up to the start of each hour, from 0.
    summed: Vec<f64>,
    hour: usize,
    now: f64,
}

impl Clock {
    fn new() -> Self {
        let mut sum = 0.0;
        let first = START / HOUR;
        let mut summed = vec![0.0];
        for hour in 0..HOURS_OF_HISTORY {
            sum += world_liveliness(first + hour);
            summed.push(sum);
        }
        Self { summed, hour: 0, now: 0.0 }
    }

    /// The first of `count` moments that are spread over the rest of the history by its liveliness alone.
    fn advance(&mut self, count: u64, random: &mut Random) -> i64 {
        let end = self.summed.last().copied().unwrap_or(0.0);
        // The least of n uniform numbers is 1 − u^(1/n).
        let least = 1.0 - libm::pow(1.0 - random.unit(), 1.0 / count.max(1) as f64);
        self.now += (end - self.now) * least;
        while self.summed.get(self.hour + 1).is_some_and(|next| *next <= self.now) {
            self.hour += 1;
        }
        let low = self.summed.get(self.hour).copied().unwrap_or(0.0);
        let high = self.summed.get(self.hour + 1).copied().unwrap_or(end);
        let inside = if high > low { (self.now - low) / (high - low) } else { 0.0 };
        let hours = START + i64::try_from(self.hour).unwrap_or(0) * HOUR;
        (hours + (inside * HOUR as f64) as i64).min(END - 1)
    }
}

impl Generator for Cards {
    fn outputs(&self) -> &[OutputDescription] {
        &self.outputs
    }

    fn csv(&self, output: usize) -> Vec<u8> {
        if output == MERCHANTS { merchants_csv(&self.world) } else { Vec::new() }
    }

    fn history(&mut self) -> Option<SimulatedEvent> {
        if self.ungiven == 0 || self.live.is_some() {
            return None;
        }
        self.give()
    }

    fn live(&mut self) -> Option<SimulatedEvent> {
        while self.history().is_some() {}
        if self.options.rate <= 0.0 {
            return None;
        }
        if self.live.is_none() {
            let start = self.last_stamp.max(END);
            self.live = Some(start);
            self.next = Some(start);
        }
        self.give()
    }
}

impl Cards {
    fn new(options: &Options) -> Self {
        let mut random = Random::new("cards: payments", options.seed);
        let mut cards = Self {
            outputs: outputs(),
            options: *options,
            world: World::new(options.seed, options.rows),
            planned: BinaryHeap::new(),
            outbox: Outbox::default(),
            next: None,
            unplanned: options.rows,
            ungiven: options.rows,
            clock: Clock::new(),
            live: None,
            last_stamp: START,
            payments: 0,
            stolen: Countdown::new(1750, &mut random),
            skimming: Countdown::new(8000, &mut random),
            copied: Countdown::new(6500, &mut random),
            skimmed: Vec::new(),
            random,
        };
        cards.plan_next();
        cards
    }

    /// Lets time pass until the next record is sure to be the next one of the log.
    fn give(&mut self) -> Option<SimulatedEvent> {
        loop {
            let next = self.next_moment();
            if let Some(event) = self.outbox.take(next.unwrap_or(i64::MAX)) {
                self.last_stamp = event.stamp;
                if self.live.is_none() && event.output == PAYMENTS {
                    self.ungiven -= 1;
                }
                return Some(event);
            }
            next?;
            self.pass();
        }
    }

    /// When the next payment is made: a planned or an ordinary one. Until the history is over, later ones wait.
    fn next_moment(&self) -> Option<i64> {
        let planned = self.planned.peek().map(|Reverse(planned)| self.moment(planned.at));
        let planned = planned.filter(|at| self.live.is_some() || *at < END);
        [planned, self.next].into_iter().flatten().min()
    }

    /// A planned time, not before live time if that has begun.
    fn moment(&self, at: i64) -> i64 {
        self.live.map_or(at, |start| at.max(start))
    }

    /// Makes the next payment.
    fn pass(&mut self) {
        let planned = self.planned.peek().map(|Reverse(planned)| self.moment(planned.at));
        match (planned, self.next) {
            (Some(at), next) if next.is_none_or(|next| at <= next) => {
                if let Some(Reverse(planned)) = self.planned.pop() {
                    self.pay(at, planned.payment);
                }
            }
            (_, Some(at)) => {
                self.plan_next();
                self.pay_as_usual(at);
            }
            (_, None) => {}
        }
    }

    fn plan_next(&mut self) {
        self.next = match self.live {
            Some(_) => {
                let gap = self.random.exponential(SECOND as f64 / (self.options.rate * BASE_SHARE));
                self.next.map(|now| now + gap as i64)
            }
            None if self.unplanned > 0 => {
                let at = self.clock.advance(self.unplanned, &mut self.random);
                self.unplanned -= 1;
                Some(at)
            }
            None => None,
        };
    }

    /// Decides on a payment to come. The history takes only as many as it has room for.
    fn plan(&mut self, at: i64, payment: Payment) {
        if self.live.is_none() && at < END {
            if self.unplanned == 0 {
                return;
            }
            self.unplanned -= 1;
        }
        self.planned.push(Reverse(Planned { at, payment }));
    }

    /// An honest payment of some card, and at times what follows from it.
    fn pay_as_usual(&mut self, at: i64) {
        let card = self.who(at);
        let merchant = self.world.shop(card, at, &mut self.random);
        let cents = self.world.price(card, merchant, &mut self.random);
        self.pay(at, Payment { card, merchant, cents: whole_cents(cents), fraud: false });
        if self.random.chance(0.04) {
            let merchant = self.world.shop(card, at, &mut self.random);
            let cents = whole_cents(self.world.price(card, merchant, &mut self.random));
            let later = at + self.random.between(30.0 * 1e6, 480.0 * 1e6) as i64;
            self.plan(later, Payment { card, merchant, cents, fraud: false });
        }
        self.commit_frauds(at, card, merchant);
    }

    /// A card whose holder is about. Live, most belong to the larger population that the rate takes.
    fn who(&mut self, at: i64) -> u64 {
        let known = self.world.cards;
        let all = match self.live {
            Some(_) => known.max((self.options.rate * LIVE_SECONDS_A_CARD) as u64),
            None => known,
        };
        let mut card = 0;
        for _ in 0..4 {
            card = if all > known {
                self.random.below(all)
            } else {
                // Activity falls with the cube root of the rank.
                let u = self.random.unit();
                ((known as f64 * u * libm::sqrt(u)) as u64).min(known - 1)
            };
            if self.random.unit() < self.world.liveliness(card, at) {
                break;
            }
        }
        card
    }

    /// Puts a payment on its way, and the chargeback that it may have.
    fn pay(&mut self, at: i64, payment: Payment) {
        let at = at - at.rem_euclid(1000);
        let id = format!("p{:08}", self.payments);
        self.payments += 1;
        let card = format!("c{:06}", payment.card);
        let event = SimulatedEvent {
            output: PAYMENTS,
            stamp: at + self.delay(),
            key: card.clone().into_bytes(),
            json: format!(
                r#"{{"id":"{id}","card":"{card}","merchant":"m{:05}","amount":"{}.{:02}","country":"{}","at":"{}"}}"#,
                payment.merchant,
                payment.cents / 100,
                payment.cents % 100,
                self.world.country(payment.merchant),
                instant(at),
            )
            .into_bytes(),
        };
        if self.random.chance(0.001) && (self.live.is_some() || self.unplanned > 0) {
            self.unplanned = self.unplanned.saturating_sub(1);
            let again = self.random.between(1e6, 20e6) as i64;
            self.outbox.put(SimulatedEvent { stamp: event.stamp + again, ..event.clone() });
        }
        self.outbox.put(event);
        if self.random.chance(if payment.fraud { 0.93 } else { 0.0003 }) {
            self.charge_back(at, &id);
        }
    }

    fn charge_back(&mut self, paid: i64, payment: &str) {
        let days = (6.0 * libm::exp(0.8 * self.random.normal())).clamp(0.1, 55.0);
        let at = paid + (days * DAY as f64) as i64;
        let at = at - at.rem_euclid(1000);
        let delay = match self.random.unit() {
            u if u < 0.997 => self.random.exponential(300e6).min(3000e6),
            _ => self.random.between(3700e6, 10_000e6),
        };
        self.outbox.put(SimulatedEvent {
            output: CHARGEBACKS,
            stamp: at + SECOND + delay as i64,
            key: payment.as_bytes().to_vec(),
            json: format!(r#"{{"payment":"{payment}","at":"{}"}}"#, instant(at)).into_bytes(),
        });
    }

    /// How long after a payment its record reaches the log: mostly a second or two, at times longer, rarely too long.
    fn delay(&mut self) -> i64 {
        let micros = match self.random.unit() {
            u if u < 0.975 => 40e3 + self.random.exponential(1.5e6).min(20e6),
            u if u < 0.998 => self.random.between(5e6, 29e6),
            _ => self.random.between(31e6, 600e6),
        };
        micros as i64
    }
}

/// At least half a unit of money, at most what a card takes.
fn whole_cents(cents: f64) -> i64 {
    cents.clamp(50.0, 2_000_000.0) as i64
}

/// RFC 3339 in UTC.
fn instant(at: i64) -> Timestamp {
    Timestamp::from_microsecond(at).unwrap_or(Timestamp::MAX)
}

fn merchants_csv(world: &World) -> Vec<u8> {
    let mut csv = b"id,category,opened\n".to_vec();
    for (number, merchant) in (0..).zip(world.merchants()) {
        let category = world.category(number).map_or("", |category| category.name);
        let days = jiff::Span::new().days(merchant.opened);
        let opened = Date::constant(1970, 1, 1).saturating_add(days);
        // Writing to memory cannot fail.
        let _ = writeln!(csv, "m{number:05},{category},{opened}");
    }
    csv
}

fn outputs() -> [OutputDescription; 3] {
    let schema = |fields: &[(&str, Kind)]| {
        let field = |(name, kind): &(&str, Kind)| Field { name: (*name).into(), ty: DataType::required(kind.clone()) };
        Schema { fields: fields.iter().map(field).collect() }
    };
    let payments = schema(&[
        ("id", Kind::String),
        ("card", Kind::String),
        ("merchant", Kind::String),
        ("amount", Kind::Decimal { precision: 12, scale: 2 }),
        ("country", Kind::String),
        ("at", Kind::Timestamp),
    ]);
    let chargebacks = schema(&[("payment", Kind::String), ("at", Kind::Timestamp)]);
    let merchants = schema(&[("id", Kind::String), ("category", Kind::String), ("opened", Kind::Date)]);
    let stream = OutputKind::Stream { time: "at" };
    [
        OutputDescription { name: "payments", kind: stream, fields: payments, key: "card" },
        OutputDescription { name: "chargebacks", kind: stream, fields: chargebacks, key: "payment" },
        OutputDescription { name: "merchants", kind: OutputKind::Table, fields: merchants, key: "id" },
    ]
}

#[cfg(test)]
mod tests;
