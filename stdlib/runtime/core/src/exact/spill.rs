//! The wide form of an exact sum: two's complement over as many limbs as its terms span.

#![expect(clippy::indexing_slicing, reason = "limb arithmetic; the limbs are made to span the term before it is added")]

use super::Natural;

/// An integer times 2^(64 × base), in two's complement; the top limb holds nothing but the sign before each addition.
#[derive(Debug, Clone)]
pub struct Spill {
    base: i32,
    limbs: Vec<u64>,
}

impl Spill {
    /// `limbs × 2^exponent`, the limbs in two's complement.
    pub(super) fn new(limbs: &[u64], exponent: i32) -> Self {
        let mut spill = Self { base: exponent.div_euclid(64), limbs: vec![0] };
        spill.add(limbs, exponent);
        spill
    }

    /// Adds `limbs × 2^exponent`, the limbs in two's complement.
    pub(super) fn add(&mut self, limbs: &[u64], exponent: i32) {
        let word = exponent.div_euclid(64);
        let bit = exponent.rem_euclid(64).unsigned_abs();
        if word < self.base {
            let more = (self.base - word).unsigned_abs() as usize;
            self.limbs.splice(0..0, std::iter::repeat_n(0, more));
            self.base = word;
        }
        let start = (word - self.base).unsigned_abs() as usize;
        // One limb for the bits shifted out of the top, one for the sign.
        while self.limbs.len() < start + limbs.len() + 2 || !matches!(self.limbs.last().copied(), Some(0 | u64::MAX)) {
            self.limbs.push(self.sign());
        }
        let fill = sign(limbs);
        let mut below = 0u64;
        let mut carry = false;
        for at in start..self.limbs.len() {
            let limb = limbs.get(at - start).copied().unwrap_or(fill);
            let term = if bit == 0 { limb } else { limb << bit | below >> (64 - bit) };
            below = limb;
            let (sum, first) = self.limbs[at].overflowing_add(term);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            self.limbs[at] = sum;
            carry = first || second;
        }
    }

    /// The sum with the other sign.
    pub(super) fn negated(&self) -> Self {
        let inverted: Vec<u64> = self.limbs.iter().map(|limb| !limb).collect();
        let mut negated = Self { base: self.base, limbs: inverted };
        negated.add(&[1, 0], self.base * 64);
        negated
    }

    pub(super) fn limbs(&self) -> &[u64] {
        &self.limbs
    }

    /// The power of two of the last bit of the limbs.
    pub(super) fn exponent(&self) -> i32 {
        self.base * 64
    }

    pub(super) fn is_zero(&self) -> bool {
        self.limbs.iter().all(|limb| *limb == 0)
    }

    fn sign(&self) -> u64 {
        sign(&self.limbs)
    }
}

fn sign(limbs: &[u64]) -> u64 {
    if limbs.last().is_some_and(|top| top >> 63 == 1) { u64::MAX } else { 0 }
}

/// Sign and absolute value of a number in two's complement.
pub(super) fn magnitude(limbs: &[u64]) -> (bool, Natural) {
    let negative = sign(limbs) != 0;
    let mut magnitude = limbs.to_vec();
    if negative {
        let mut carry = true;
        for limb in &mut magnitude {
            let (value, over) = (!*limb).overflowing_add(u64::from(carry));
            *limb = value;
            carry = over;
        }
    }
    (negative, Natural::from_limbs(magnitude))
}
