//! Distinct values: an exact set up to 256, then a pinned HyperLogLog whose state depends only on the set.
//!
//! A value counts by its 64-bit hash ([`hash`]): two of 256 values share one with a chance of 2·10⁻¹⁵. `exact: true` keeps
//! the values themselves. Above 256 the answer is the estimate from 4,096 registers (standard error 1.6 %), and never
//! below 257, which is then known.
//!
//! Registers: the top 12 bits of the hash choose one; it holds the greatest rank, the number of leading zeros of the
//! other 52 bits plus one (53 where all are zero). Estimator: O. Ertl, "New cardinality estimation algorithms for
//! HyperLogLog sketches", 2017, algorithm 6; additions, multiplications and square roots of doubles in that order only,
//! so that every machine gives the same.

mod sliding;

use std::collections::BTreeSet;

use crate::bytes::{DecodeError, Reader, write_cell, write_unsigned};
use crate::value::Cell;
pub(crate) use sliding::{DistinctRef, Distincts, SlidingDistinct};

/// Up to so many distinct values are counted exactly.
pub const EXACT_LIMIT: usize = 256;

/// log2 of the number of registers.
const PRECISION: u32 = 12;
const REGISTERS: usize = 1 << PRECISION;
/// The greatest rank: one above the bits that are left of the hash.
const GREATEST_RANK: u8 = 64 - PRECISION as u8 + 1;

/// The pinned 64-bit hash of a text of bytes.
///
/// The state starts at 0x243f6a8885a308d3 (π's fraction) plus the length; each eight bytes, little-endian and the last
/// padded with zeros, are put on it by exclusive or, then it is mixed by SplitMix64's finaliser (G. Steele, D. Lea,
/// C. Flood, "Fast splittable pseudorandom number generators", 2014) after adding the golden ratio 0x9e3779b97f4a7c15.
/// A text of no bytes is mixed once.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    let mut state = 0x243f_6a88_85a3_08d3u64.wrapping_add(bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = mix(state ^ u64::from_le_bytes(*word));
    }
    if !rest.is_empty() || words.is_empty() {
        let last = rest.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        state = mix(state ^ last);
    }
    state
}

fn mix(state: u64) -> u64 {
    let mut x = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// The hash of a cell: of eight bytes for `int`-like cells and floats (their bits), of sixteen for decimals' mantissas, of
/// one for `bool`, all little-endian; of the text or bytes themselves; of their encoding for lists and records.
#[inline]
#[must_use]
pub fn hash_cell(cell: &Cell<'_>) -> u64 {
    match cell {
        Cell::Bool(value) => hash(&[u8::from(*value)]),
        Cell::Int(value) => hash(&value.to_le_bytes()),
        Cell::Float(value) => hash(&(value + 0.0).to_bits().to_le_bytes()),
        Cell::Decimal(value) => hash(&value.to_le_bytes()),
        Cell::String(value) => hash(value.as_bytes()),
        Cell::Bytes(value) => hash(value),
        Cell::Absent | Cell::Cells(_) => hash(&encoded(*cell)),
    }
}

/// A cell's encoding: equal for equal cells.
pub(crate) fn encoded(cell: Cell<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_cell(&mut bytes, cell);
    bytes
}

/// Register and rank of a hash.
fn place(hash: u64) -> (u16, u8) {
    let register = (hash >> (64 - PRECISION)) as u16;
    let rank = ((hash << PRECISION).leading_zeros() as u8 + 1).min(GREATEST_RANK);
    (register, rank)
}

/// The greatest rank seen in each register.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Registers(Box<[u8]>);

impl Registers {
    fn new() -> Self {
        Self(vec![0; REGISTERS].into())
    }

    fn raise(&mut self, register: u16, rank: u8) {
        if let Some(held) = self.0.get_mut(usize::from(register)) {
            *held = rank.max(*held);
        }
    }

    fn add(&mut self, hash: u64) {
        let (register, rank) = place(hash);
        self.raise(register, rank);
    }

    /// The number of distinct values, known to be above [`EXACT_LIMIT`].
    fn estimate(&self) -> u64 {
        let mut counts = [0u32; GREATEST_RANK as usize + 1];
        for rank in &self.0 {
            if let Some(count) = counts.get_mut(usize::from(*rank)) {
                *count += 1;
            }
        }
        let m = REGISTERS as f64;
        let [zero, middle @ .., full] = &counts;
        let mut z = m * tau(1.0 - f64::from(*full) / m);
        for count in middle.iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += m * sigma(f64::from(*zero) / m);
        // 1 ÷ (2 ln 2)
        const ALPHA: f64 = 0.721_347_520_444_481_7;
        let estimate = ALPHA * m * m / z;
        (estimate.round() as u64).max(EXACT_LIMIT as u64 + 1)
    }
}

/// x + Σ x^(2^k) 2^(k−1), for the registers that are still empty.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let mut y = 1.0;
    let mut z = x;
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// ⅓ (1 − x − Σ (1 − x^(2^−k))² 2^−k), for the registers that are full.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let mut y = 1.0;
    let mut z = 1.0 - x;
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// A set that knows how many values it holds, of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distinct(Set);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Set {
    /// At most [`EXACT_LIMIT`] hashes, ascending.
    Few(Vec<u64>),
    Many(Registers),
    /// The values' encodings.
    Exact(BTreeSet<Box<[u8]>>),
}

impl Distinct {
    /// An empty set; `exact` keeps every value.
    #[must_use]
    pub fn new(exact: bool) -> Self {
        Self(if exact { Set::Exact(BTreeSet::new()) } else { Set::Few(Vec::new()) })
    }

    /// Adds a value.
    pub fn insert(&mut self, cell: Cell<'_>) {
        match &mut self.0 {
            Set::Exact(values) => {
                values.insert(encoded(cell).into());
            }
            Set::Few(_) | Set::Many(_) => self.insert_hash(hash_cell(&cell)),
        }
    }

    fn insert_hash(&mut self, hash: u64) {
        match &mut self.0 {
            Set::Few(hashes) => {
                let Err(at) = hashes.binary_search(&hash) else { return };
                hashes.insert(at, hash);
                if hashes.len() > EXACT_LIMIT {
                    let mut registers = Registers::new();
                    hashes.iter().for_each(|hash| registers.add(*hash));
                    self.0 = Set::Many(registers);
                }
            }
            Set::Many(registers) => registers.add(hash),
            Set::Exact(_) => {}
        }
    }

    /// Adds all values of another set of the same sort.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Set::Exact(values), Set::Exact(more)) => values.extend(more.iter().cloned()),
            (_, Set::Few(hashes)) => hashes.iter().for_each(|hash| self.insert_hash(*hash)),
            (Set::Many(registers), Set::Many(more)) => {
                registers.0.iter_mut().zip(&more.0).for_each(|(held, rank)| *held = (*held).max(*rank));
            }
            (Set::Few(_), Set::Many(_)) => {
                let Set::Few(hashes) = std::mem::replace(&mut self.0, other.0.clone()) else { return };
                hashes.iter().for_each(|hash| self.insert_hash(*hash));
            }
            (Set::Exact(_), Set::Many(_)) | (Set::Few(_) | Set::Many(_), Set::Exact(_)) => {}
        }
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        match &self.0 {
            Set::Few(hashes) => hashes.len() as u64,
            Set::Many(registers) => registers.estimate(),
            Set::Exact(values) => values.len() as u64,
        }
    }

    /// Appends the encoding: the same set gives the same bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Set::Few(hashes) => {
                out.push(0);
                write_unsigned(out, hashes.len() as u64);
                hashes.iter().for_each(|hash| out.extend_from_slice(&hash.to_le_bytes()));
            }
            Set::Many(registers) => {
                out.push(1);
                out.extend_from_slice(&registers.0);
            }
            Set::Exact(values) => {
                out.push(2);
                write_unsigned(out, values.len() as u64);
                for value in values {
                    write_unsigned(out, value.len() as u64);
                    out.extend_from_slice(value);
                }
            }
        }
    }

    /// Reads what [`Distinct::encode`] wrote.
    ///
    /// # Errors
    /// Where the bytes are not such an encoding.
    pub fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(match from.byte()? {
            0 => {
                let count = from.count()?;
                let hashes = (0..count).map(|_| from.word()).collect::<Result<Vec<_>, _>>()?;
                if count > EXACT_LIMIT || !hashes.is_sorted_by(|a, b| a < b) {
                    return Err(DecodeError);
                }
                Set::Few(hashes)
            }
            1 => {
                let ranks = from.bytes(REGISTERS)?;
                if ranks.iter().any(|rank| *rank > GREATEST_RANK) {
                    return Err(DecodeError);
                }
                Set::Many(Registers(ranks.into()))
            }
            2 => {
                let count = from.count()?;
                let mut values = BTreeSet::new();
                for _ in 0..count {
                    let length = from.count()?;
                    values.insert(from.bytes(length)?.into());
                }
                Set::Exact(values)
            }
            _ => return Err(DecodeError),
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(values: impl IntoIterator<Item = i64>) -> Distinct {
        let mut set = Distinct::new(false);
        values.into_iter().for_each(|value| set.insert(Cell::Int(value)));
        set
    }

    /// The same from the description alone, in Python.
    #[test]
    fn the_hash_is_pinned() {
        assert_eq!(
            [hash(b""), hash(b"a"), hash(b"12345678"), hash(b"123456789"), hash_cell(&Cell::Int(-1))],
            [
                0x2cb0_f69f_4abe_a221,
                0xf325_d250_7518_4b55,
                0xe847_db80_6207_e344,
                0xd3df_bdf8_83ee_76fd,
                0x815f_ce89_5961_777f
            ]
        );
    }

    #[test]
    fn a_hash_of_whole_words_differs_from_its_padded_neighbour() {
        assert_ne!(hash(b"a"), hash(b"a\0"));
        assert_ne!(hash(b"12345678"), hash(b"12345678\0"));
        assert_ne!(hash(b""), hash(b"\0"));
    }

    #[test]
    fn up_to_256_is_exact_and_above_is_close() {
        assert_eq!(set([]).count(), 0);
        assert_eq!(set(0..256).count(), 256);
        for size in [257, 1_000, 5_000, 20_000, 100_000, 1_000_000i64] {
            let error = (set(0..size).count() as f64 / size as f64 - 1.0).abs();
            assert!(error < 0.05, "{size}: off by {error}");
        }
        // The same estimate on every machine, to the nearest.
        assert_eq!([257, 300, 5_000].map(|size| set(0..size).count()), [261, 302, 4_933]);
        let mut exact = Distinct::new(true);
        (0..3000).chain(0..3000).for_each(|value| exact.insert(Cell::Int(value)));
        assert_eq!(exact.count(), 3000);
    }

    #[test]
    fn sketches_add_up_and_a_register_goes_to_the_end() {
        for (left, right) in [(0..400, 300..900), (300..900, 0..400)] {
            let mut merged = set(left.clone());
            merged.merge(&set(right.clone()));
            assert_eq!(merged, set(left.chain(right)));
        }
        assert_eq!([0, 1, 1 << 51].map(|low| place(5 << 52 | low)), [(5, 53), (5, 52), (5, 1)]);
    }

    /// What is known goes before what is guessed: a sketch begins with the 257th value.
    #[test]
    fn an_estimate_is_never_below_what_is_known() {
        for first in 0..40 {
            assert!(set(first * 1_000..first * 1_000 + 257).count() >= 257, "{first}");
        }
    }

    #[test]
    fn equal_values_have_one_hash() {
        assert_eq!(hash_cell(&Cell::Float(-0.0)), hash_cell(&Cell::Float(0.0)));
        assert_ne!(hash_cell(&Cell::Float(1.0)), hash_cell(&Cell::Float(-1.0)));
    }

    #[test]
    fn states_that_nobody_wrote_are_refused() {
        let decoded = |bytes: &[u8]| Distinct::decode(&mut Reader::new(bytes));
        let hashes = |count: u64, step: u64| {
            let mut bytes = vec![0];
            write_unsigned(&mut bytes, count);
            (0..count).for_each(|hash| bytes.extend_from_slice(&(hash * step).to_le_bytes()));
            bytes
        };
        assert!(decoded(&hashes(256, 1)).is_ok());
        assert_eq!(decoded(&hashes(257, 1)), Err(DecodeError));
        assert_eq!(decoded(&hashes(2, 0)), Err(DecodeError));
        let mut sketch = vec![GREATEST_RANK; REGISTERS + 1];
        sketch[0] = 1;
        assert!(decoded(&sketch).is_ok());
        sketch[7] = GREATEST_RANK + 1;
        assert_eq!(decoded(&sketch), Err(DecodeError));
        assert_eq!(decoded(&[3]), Err(DecodeError));
    }

    #[test]
    fn the_mean_error_is_small() {
        // 40 disjoint sets of 2,000: the mean's standard error is 1.6 % ÷ √40.
        let total: u64 = (0..40).map(|i| set(i * 2000..(i + 1) * 2000).count()).sum();
        assert!((total as f64 / 80_000.0 - 1.0).abs() < 0.01, "{total}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn order_merging_and_encoding_change_nothing(
            mut values in proptest::collection::vec(0i64..600, 0..900), cut in 0usize..900, exact in any::<bool>(),
        ) {
            let of = |values: &[i64]| {
                let mut set = Distinct::new(exact);
                values.iter().for_each(|value| set.insert(Cell::Int(*value)));
                set
            };
            let whole = of(&values);
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = of(left);
            merged.merge(&of(right));
            prop_assert_eq!(&merged, &whole);
            let mut bytes = Vec::new();
            whole.encode(&mut bytes);
            prop_assert_eq!(&Distinct::decode(&mut Reader::new(&bytes)).unwrap(), &whole);
            values.sort_unstable_by_key(|value| hash(&value.to_be_bytes()));
            prop_assert_eq!(&of(&values), &whole);
            let truth = values.iter().collect::<BTreeSet<_>>().len() as u64;
            if exact || truth <= 256 { prop_assert_eq!(whole.count(), truth); }
            else { prop_assert!(whole.count() > 256); }
        }
    }
}
