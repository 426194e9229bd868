//! Randomness that gives the same numbers on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A stream of random numbers: ChaCha with 8 rounds, keyed by a label and a seed.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream for `seed`; streams with different labels are independent. Only the label's first 24 bytes count.
    #[must_use]
    pub fn new(label: &str, seed: u64) -> Self {
        let mut key = [0_u8; 32];
        for (slot, byte) in key.iter_mut().zip(seed.to_le_bytes().into_iter().chain(label.bytes())) {
            *slot = byte;
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        unit(self.0.next_u64())
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform among the `count` integers from 0; 0 if there is none.
    pub fn below(&mut self, count: u64) -> u64 {
        below(self.0.next_u64(), count)
    }

    /// True with a probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Exponential with a mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }
}

/// A lasting trait of a thing: 64 bits that depend on the seed, the thing's number and which trait it is, and look
/// random (the finaliser of Steele, Lea, Flood, "SplitMix" 2014, over each).
#[must_use]
pub fn trait_of(seed: u64, thing: u64, which: u64) -> u64 {
    let mix = |mut z: u64| {
        z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    mix(mix(mix(seed) ^ thing) ^ which)
}

/// 64 random bits as a number in `[0, 1)`.
#[must_use]
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// 64 random bits as one of the `count` integers from 0; 0 if there is none.
#[must_use]
pub fn below(bits: u64, count: u64) -> u64 {
    u64::try_from((u128::from(bits) * u128::from(count)) >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned_and_told_apart() {
        let first = |label, seed| Random::new(label, seed).0.next_u64();
        assert_eq!(first("cards", 7), 17_441_928_820_704_005_070);
        assert_ne!(first("cards", 7), first("cards", 8));
        assert_ne!(first("cards", 7), first("other", 7));
        assert_eq!(trait_of(7, 1, 2), 1_650_069_959_653_123_811);
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut random = Random::new("test", 1);
        let mut mean =
            |draw: &mut dyn FnMut(&mut Random) -> f64| (0..100_000).map(|_| draw(&mut random)).sum::<f64>() / 100_000.0;
        assert!((mean(&mut |r| r.unit()) - 0.5).abs() < 0.005);
        assert!((mean(&mut |r| r.normal())).abs() < 0.02);
        assert!((mean(&mut |r| r.normal().powi(2)) - 1.0).abs() < 0.03);
        assert!((mean(&mut |r| r.exponential(3.0)) - 3.0).abs() < 0.05);
        assert!((mean(&mut |r| r.below(11) as f64) - 5.0).abs() < 0.05);
        assert!((mean(&mut |r| f64::from(u8::from(r.chance(0.2)))) - 0.2).abs() < 0.01);
    }

    #[test]
    fn bounds_are_kept() {
        assert_eq!((below(u64::MAX, 10), below(0, 10), below(5, 0)), (9, 0, 0));
        assert!(unit(u64::MAX) < 1.0);
    }
}
