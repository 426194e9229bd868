//! The planted patterns of fraud.

use super::world::{DAY, HOUR};
use super::{Cards, MINUTE, Payment, SECOND, whole_cents};

/// A terminal that copies the cards it serves.
#[derive(Debug)]
pub(super) struct Skimmed {
    merchant: u32,
    terminal: u64,
    until: i64,
    /// Cards that will still be charged.
    left: u64,
}

impl Cards {
    /// After an honest payment: begins what is due, and lets skimmed terminals copy the card.
    pub(super) fn commit_frauds(&mut self, at: i64, card: u64, merchant: u32) {
        if self.stolen.fires(&mut self.random) {
            self.steal(at, card);
        }
        if self.copied.fires(&mut self.random) {
            self.copy(at, card);
        }
        // A thief waits for a shop where it pays.
        if (self.skimming.left > 0 || self.world.is_busy(merchant)) && self.skimming.fires(&mut self.random) {
            let terminal = self.world.terminal(card, merchant);
            let left = 8 + self.random.below(6);
            self.skimmed.push(Skimmed { merchant, terminal, until: at + 25 * DAY, left });
        }
        if !self.skimmed.is_empty() {
            self.skim(at, card, merchant);
        }
    }

    /// A stolen card: payments a minute apart or less, each larger than the one before.
    fn steal(&mut self, at: i64, card: u64) {
        let count = 9 + self.random.below(6);
        let abroad = self.random.chance(0.6);
        let mut cents = self.usual(card) * self.random.between(2.5, 4.0);
        let mut at = at + MINUTE + self.random.exponential(20.0 * MINUTE as f64) as i64;
        for _ in 0..count {
            let merchant = self.world.thieves_shop(card, abroad, &mut self.random);
            self.plan(at, Payment { card, merchant, cents: whole_cents(cents), fraud: true });
            at += self.random.between(15.0 * SECOND as f64, 60.0 * SECOND as f64) as i64;
            cents *= self.random.between(1.1, 1.4);
        }
    }

    /// A copied card: large payments all over the world within hours.
    fn copy(&mut self, at: i64, card: u64) {
        let count = 7 + self.random.below(4);
        let mut at = at + self.random.between(HOUR as f64, DAY as f64) as i64;
        for _ in 0..count {
            let merchant = self.world.thieves_shop(card, true, &mut self.random);
            let cents = self.usual(card) * self.random.between(4.0, 12.0);
            self.plan(at, Payment { card, merchant, cents: whole_cents(cents), fraud: true });
            at += self.random.between(5.0 * MINUTE as f64, 50.0 * MINUTE as f64) as i64;
        }
    }

    /// A skimmed terminal copies the card if it was served there; days later it is charged twice at the same shop.
    fn skim(&mut self, at: i64, card: u64, merchant: u32) {
        self.skimmed.retain(|skimmed| skimmed.until > at && skimmed.left > 0);
        let terminal = self.world.terminal(card, merchant);
        let here = |skimmed: &&mut Skimmed| skimmed.merchant == merchant && skimmed.terminal == terminal;
        let Some(skimmed) = self.skimmed.iter_mut().find(here) else { return };
        if !self.random.chance(0.7) {
            return;
        }
        skimmed.left -= 1;
        let mut at = at + self.random.between(2.0 * HOUR as f64, 4.0 * DAY as f64) as i64;
        let mut cents = self.usual(card) * self.random.between(5.0, 8.0);
        for _ in 0..2 {
            self.plan(at, Payment { card, merchant, cents: whole_cents(cents), fraud: true });
            at += self.random.between(30.0 * SECOND as f64, 4.0 * MINUTE as f64) as i64;
            cents *= self.random.between(1.1, 1.6);
        }
    }

    /// What the card usually pays, in cents.
    fn usual(&self, card: u64) -> f64 {
        4000.0 * self.world.wealth(card)
    }
}
