//! Who pays where: countries, merchants with their terminals, and cards with habits.
//!
//! A card is not stored: its traits follow from the seed and its number, so that a live run may have millions.

use crate::random::{Random, below, trait_of, unit};

/// Country codes with their share of the cards and their hours ahead of UTC.
const COUNTRIES: [(&str, f64, i64); 16] = [
    ("US", 0.22, -6),
    ("GB", 0.12, 0),
    ("DE", 0.12, 1),
    ("FR", 0.10, 1),
    ("ES", 0.07, 1),
    ("IT", 0.07, 1),
    ("NL", 0.05, 1),
    ("PL", 0.05, 1),
    ("CA", 0.04, -5),
    ("SE", 0.03, 1),
    ("PT", 0.03, 0),
    ("BR", 0.03, -3),
    ("JP", 0.02, 9),
    ("AU", 0.02, 10),
    ("TR", 0.02, 3),
    ("SG", 0.01, 8),
];

/// A kind of shop.
#[derive(Debug)]
pub(super) struct Category {
    pub(super) name: &'static str,
    /// Share of the merchants.
    share: f64,
    /// Median amount, in cents.
    median: f64,
    /// Deviation of the amount's logarithm.
    spread: f64,
    /// Whether its goods are easily sold on, which is where stolen cards go.
    resold: bool,
}

const fn category(name: &'static str, share: f64, median: f64, spread: f64, resold: bool) -> Category {
    Category { name, share, median, spread, resold }
}

const CATEGORIES: [Category; 12] = [
    category("groceries", 0.22, 3200.0, 0.55, false),
    category("restaurants", 0.18, 2800.0, 0.5, false),
    category("transport", 0.10, 900.0, 0.5, false),
    category("fuel", 0.08, 4500.0, 0.35, false),
    category("clothing", 0.09, 5500.0, 0.6, false),
    category("pharmacy", 0.07, 1900.0, 0.55, false),
    category("entertainment", 0.07, 2500.0, 0.6, false),
    category("utilities", 0.05, 7000.0, 0.4, false),
    category("travel", 0.04, 14_000.0, 0.7, false),
    category("electronics", 0.05, 9000.0, 0.7, true),
    category("jewellery", 0.02, 12_000.0, 0.7, true),
    category("gift cards", 0.03, 5000.0, 0.5, true),
];

/// How lively each local hour is, from midnight; 1 is the liveliest.
const HOURS: [f64; 24] = [
    0.08, 0.05, 0.04, 0.04, 0.05, 0.10, 0.22, 0.42, 0.60, 0.66, 0.70, 0.80, 0.95, 0.92, 0.78, 0.74, 0.80, 0.92, 1.0,
    0.96, 0.76, 0.54, 0.34, 0.18,
];

pub(super) const HOUR: i64 = 3_600_000_000;
pub(super) const DAY: i64 = 24 * HOUR;

/// A shop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merchant {
    category: u8,
    country: u8,
    /// Days since 1970.
    pub(super) opened: i32,
    terminals: u8,
}

/// All merchants, and what the cards' traits are drawn from.
#[derive(Debug)]
pub(super) struct World {
    seed: u64,
    merchants: Vec<Merchant>,
    /// Merchants of each country, most visited first.
    by_country: Vec<Vec<u32>>,
    /// Number of cards that the history knows.
    pub(super) cards: u64,
}

/// Which trait of a card: its home, its wealth, its waking hours, its travels, its favourites, its place at a till.
mod which {
    pub(super) const HOME: u64 = 1;
    pub(super) const WEALTH: u64 = 2;
    pub(super) const WAKING: u64 = 3;
    pub(super) const TERMINAL: u64 = 4;
    pub(super) const FAVOURITE: u64 = 100;
    pub(super) const TRAVEL: u64 = 1_000_000;
}

/// Shops that a card goes to again and again.
const FAVOURITES: f64 = 7.0;

impl World {
    /// The world of a history of `rows` payments.
    pub(super) fn new(seed: u64, rows: u64) -> Self {
        let mut random = Random::new("cards: merchants", seed);
        let count = (rows / 100).clamp(40, 20_000);
        let merchants: Vec<Merchant> = (0..count).map(|_| merchant(&mut random)).collect();
        let mut by_country = vec![Vec::new(); COUNTRIES.len()];
        for (number, merchant) in (0..).zip(&merchants) {
            if let Some(list) = by_country.get_mut(usize::from(merchant.country)) {
                list.push(number);
            }
        }
        Self { seed, merchants, by_country, cards: (rows / 80).max(20) }
    }

    pub(super) fn merchants(&self) -> &[Merchant] {
        &self.merchants
    }

    fn merchant(&self, number: u32) -> Option<&Merchant> {
        self.merchants.get(number as usize)
    }

    /// The country where a merchant's payments are counted.
    pub(super) fn country(&self, merchant: u32) -> &'static str {
        let country = self.merchant(merchant).map_or(0, |merchant| usize::from(merchant.country));
        COUNTRIES.get(country).map_or("US", |country| country.0)
    }

    /// Whether many go to a merchant: it is in the first quarter.
    pub(super) fn is_busy(&self, merchant: u32) -> bool {
        (merchant as usize) < self.merchants.len() / 4
    }

    /// The terminal at which a card is always served in a shop.
    pub(super) fn terminal(&self, card: u64, merchant: u32) -> u64 {
        let terminals = self.merchant(merchant).map_or(1, |merchant| u64::from(merchant.terminals));
        below(trait_of(self.seed, card, which::TERMINAL + (u64::from(merchant) << 32)), terminals)
    }

    fn home(&self, card: u64) -> usize {
        weighted(COUNTRIES.iter().map(|country| country.1), unit(trait_of(self.seed, card, which::HOME)))
    }

    /// How much more than others a card spends on the same thing; 1 is usual.
    pub(super) fn wealth(&self, card: u64) -> f64 {
        let u = unit(trait_of(self.seed, card, which::WEALTH));
        // The logarithm of the odds is close to normal, and enough for a trait.
        libm::exp(0.25 * libm::log((u + 0.02) / (1.02 - u)))
    }

    /// Whether the card's holder is about at a time: how lively the hour is, in `[0, 1]`.
    pub(super) fn liveliness(&self, card: u64, at: i64) -> f64 {
        let ahead = COUNTRIES.get(self.home(card)).map_or(0, |country| country.2);
        let late = i64::try_from(below(trait_of(self.seed, card, which::WAKING), 5)).unwrap_or(0) - 2;
        let hour = (at.div_euclid(HOUR) + ahead - late).rem_euclid(24);
        usize::try_from(hour).ok().and_then(|hour| HOURS.get(hour)).copied().unwrap_or(1.0)
    }

    /// Where a card's next payment is made: abroad in a week of travel, mostly at a favourite shop otherwise, at times
    /// over the border by wire.
    pub(super) fn shop(&self, card: u64, at: i64, random: &mut Random) -> u32 {
        let week = u64::try_from(at.div_euclid(7 * DAY)).unwrap_or(0);
        let travel = trait_of(self.seed, card, which::TRAVEL + week);
        if unit(travel) < 0.03 {
            return self.shop_in(below(travel.rotate_left(32), COUNTRIES.len() as u64), random.unit());
        }
        let home = self.home(card) as u64;
        match random.unit() {
            u if u < 0.75 => {
                let favourite = (FAVOURITES * random.unit() * random.unit()) as u64;
                self.shop_in(home, unit(trait_of(self.seed, card, which::FAVOURITE + favourite)))
            }
            u if u < 0.97 => self.shop_in(home, random.unit()),
            _ => self.shop_in(random.below(COUNTRIES.len() as u64), random.unit()),
        }
    }

    /// A shop of a country, the busier ones more often; any shop where the country has none.
    fn shop_in(&self, country: u64, u: f64) -> u32 {
        let list = usize::try_from(country).ok().and_then(|country| self.by_country.get(country));
        let place = |len: usize| ((len as f64 * u * u) as usize).min(len.saturating_sub(1));
        match list.filter(|list| !list.is_empty()) {
            Some(list) => list.get(place(list.len())).copied().unwrap_or(0),
            None => u32::try_from(place(self.merchants.len())).unwrap_or(0),
        }
    }

    /// Where a thief goes: a shop of goods that are easily sold on, if a few looks find one, at home or abroad.
    pub(super) fn thieves_shop(&self, card: u64, abroad: bool, random: &mut Random) -> u32 {
        let home = self.home(card) as u64;
        let country =
            if abroad { (home + 1 + random.below(COUNTRIES.len() as u64 - 1)) % COUNTRIES.len() as u64 } else { home };
        let mut shop = self.shop_in(country, random.unit());
        for _ in 0..4 {
            if self.category(shop).is_some_and(|category| category.resold) {
                break;
            }
            shop = self.shop_in(country, random.unit());
        }
        shop
    }

    pub(super) fn category(&self, merchant: u32) -> Option<&'static Category> {
        CATEGORIES.get(usize::from(self.merchant(merchant)?.category))
    }

    /// What a card pays in a shop, in cents.
    pub(super) fn price(&self, card: u64, merchant: u32, random: &mut Random) -> f64 {
        let (median, spread) = self.category(merchant).map_or((3000.0, 0.5), |kind| (kind.median, kind.spread));
        median * libm::exp(spread * random.normal()) * self.wealth(card)
    }
}

fn merchant(random: &mut Random) -> Merchant {
    let category = weighted(CATEGORIES.iter().map(|category| category.share), random.unit());
    let country = weighted(COUNTRIES.iter().map(|country| country.1), random.unit());
    Merchant {
        category: u8::try_from(category).unwrap_or(0),
        country: u8::try_from(country).unwrap_or(0),
        // From 2005-01-01 to 2025-12-05.
        opened: i32::try_from(12_784 + random.below(7_643)).unwrap_or(12_784),
        terminals: u8::try_from(1 + random.below(3)).unwrap_or(1),
    }
}

/// The position that `u` in `[0, 1)` falls on where each takes its share.
fn weighted(shares: impl Iterator<Item = f64> + Clone, u: f64) -> usize {
    let mut left = u * shares.clone().sum::<f64>();
    let mut last = 0;
    for (position, share) in shares.enumerate() {
        last = position;
        if left < share {
            break;
        }
        left -= share;
    }
    last
}

/// How lively the world is at an hour of UTC: what [`World::liveliness`] is on average over the cards.
pub(super) fn world_liveliness(hours: i64) -> f64 {
    let lively = |ahead: i64| {
        let hour = usize::try_from((hours + ahead).rem_euclid(24)).unwrap_or(0);
        HOURS.get(hour).copied().unwrap_or(1.0)
    };
    // 1970-01-01 was a Thursday: days 2 and 3 are the weekend.
    let weekend = matches!(hours.div_euclid(24).rem_euclid(7), 2 | 3);
    let day = if weekend { 1.15 } else { 1.0 };
    day * COUNTRIES.iter().map(|(_, share, ahead)| share * lively(*ahead)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_met() {
        let counts = (0..1000).fold([0; 3], |mut counts, i| {
            counts[weighted([0.5, 0.3, 0.2].into_iter(), f64::from(i) / 1000.0)] += 1;
            counts
        });
        assert_eq!(counts, [500, 300, 200]);
        assert_eq!(weighted([0.1; 10].into_iter(), 0.999_999_999_999_999_9), 9);
    }

    #[test]
    fn a_card_keeps_its_habits() {
        let world = World::new(7, 50_000);
        let mut random = Random::new("test", 1);
        let at = 1_767_225_600_000_000;
        for card in 0..20 {
            let mut visits = std::collections::BTreeMap::new();
            for _ in 0..200 {
                *visits.entry(world.shop(card, at, &mut random)).or_insert(0) += 1;
            }
            let most = visits.values().max().copied().unwrap_or(0);
            assert!(most > 25, "card {card} has no favourite: {visits:?}");
        }
    }

    #[test]
    fn amounts_are_what_one_pays_for_such_things() {
        let world = World::new(7, 50_000);
        let mut random = Random::new("test", 1);
        let mut amounts: Vec<f64> = (0..10_001).map(|i| world.price(i % 500, (i % 500) as u32, &mut random)).collect();
        amounts.sort_by(f64::total_cmp);
        assert!((2000.0..5000.0).contains(&amounts[5000]), "median {}", amounts[5000]);
        assert!((8000.0..60_000.0).contains(&amounts[9900]), "of a hundred the largest {}", amounts[9900]);
    }
}
