//! `count_distinct` without `exact` (`spec/types.md`, 6.1).

use std::collections::{BTreeMap, BTreeSet};

use crate::evaluate::{Stop, broken};
use crate::value::Value;

/// Up to this many different values are counted exactly.
const EXACT: usize = 256;

/// Registers.
const M: f64 = 4096.0;

/// How many different values there are.
///
/// # Errors
/// [`Stop::Broken`] for values that have no hash.
pub fn estimate(values: &[Value]) -> Result<i64, Stop> {
    let hashes = values.iter().map(|value| Ok(hash(&bytes(value)?))).collect::<Result<BTreeSet<u64>, Stop>>()?;
    if hashes.len() <= EXACT {
        return Ok(i64::try_from(hashes.len()).unwrap_or(i64::MAX));
    }
    let mut registers: BTreeMap<u64, u32> = BTreeMap::new();
    for hash in hashes {
        // The guard bit below the 52 bits ends the zeros after them.
        let rank = ((hash << 12) | (1 << 11)).leading_zeros() + 1;
        let register = registers.entry(hash >> 52).or_default();
        *register = rank.max(*register);
    }
    let holding = |rank: u32| registers.values().filter(|held| **held == rank).fold(0.0, |n, _| n + 1.0);
    let empty = registers.values().fold(M, |n, _| n - 1.0);
    let mut z = M * tau(1.0 - holding(53) / M);
    for rank in (1..=52).rev() {
        z = (z + holding(rank)) / 2.0;
    }
    z += M * sigma(empty / M);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most about 2^64 registers' worth of values, far below 2^63"
    )]
    let estimate = (0.721_347_520_444_481_7 * M * M / z).round() as i64;
    Ok(estimate.max(257))
}

fn sigma(x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut sum, mut power, mut factor) = (x, x * x, 1.0);
    loop {
        let next = sum + power * factor;
        if next == sum {
            return sum;
        }
        (sum, power, factor) = (next, power * power, factor * 2.0);
    }
}

fn tau(x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut rest, mut root, mut factor) = (1.0 - x, x.sqrt(), 0.5);
    loop {
        let next = rest - (1.0 - root) * (1.0 - root) * factor;
        if next == rest {
            return rest / 3.0;
        }
        (rest, root, factor) = (next, root.sqrt(), factor / 2.0);
    }
}

fn bytes(value: &Value) -> Result<Vec<u8>, Stop> {
    Ok(match value {
        Value::Bool(x) => vec![u8::from(*x)],
        Value::Int(x) | Value::Timestamp(x) | Value::Duration(x) => x.to_le_bytes().to_vec(),
        Value::Date(x) => i64::from(*x).to_le_bytes().to_vec(),
        Value::Member(x) => i64::from(*x).to_le_bytes().to_vec(),
        Value::Float(x) => x.to_bits().to_le_bytes().to_vec(),
        Value::Decimal(mantissa, _) => mantissa.to_le_bytes().to_vec(),
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Bytes(bytes) => bytes.clone(),
        other => return broken(format!("the hash of {other:?}")),
    })
}

fn hash(bytes: &[u8]) -> u64 {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut padded = bytes.to_vec();
    while padded.is_empty() || !padded.len().is_multiple_of(8) {
        padded.push(0);
    }
    padded.chunks(8).fold(0x243f_6a88_85a3_08d3_u64.wrapping_add(length), |state, word| {
        let word = word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let x = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_exact_to_256_and_near_above() {
        let ints = |n: i64| (0..n).map(Value::Int).collect::<Vec<_>>();
        assert_eq!(estimate(&ints(256)), Ok(256));
        for n in [257, 1_000, 20_000, 100_000] {
            let estimate = estimate(&ints(n)).unwrap();
            assert!((estimate - n).abs() * 20 < n, "{n} values were estimated as {estimate}");
            assert!(estimate > 256);
        }
    }

    #[test]
    fn the_hash_is_splitmix_over_words() {
        // One word of zero: SplitMix64's output for the state 0x243f6a8885a308d3.
        let by_hand = {
            let x = 0x243f_6a88_85a3_08d3_u64.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        };
        assert_eq!(hash(&[]), by_hand);
        assert_ne!(hash(b"a"), hash(b"a\0"), "the length counts");
    }
}
