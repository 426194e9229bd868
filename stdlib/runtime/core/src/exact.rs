//! Exact sums of doubles and of their squares: independent of order and of merging, invertible, rounded once at read.
//!
//! A sum is an integer mantissa times a power of two. The mantissa lives in 128 bits (256 for squares) with an adaptive
//! exponent; a sum whose terms lie too far apart spills into an accumulator that spans as many bits as it needs
//! (2,100 for doubles, 4,200 for squares).

mod natural;
mod spill;
#[cfg(test)]
mod tests;

use crate::bytes::{DecodeError, Reader, write_signed, write_unsigned};
use crate::fault::Fault;
use crate::wide::I256;
pub(crate) use natural::{Natural, round_ratio, round_scaled};
use spill::Spill;

/// No exponent of a sum is farther from 0: twice the span of any sum of squares. One that is comes of damaged bytes.
pub(crate) const FARTHEST: u32 = 8192;

/// A fixed-width signed integer that can carry the mantissa of an [`Exact`] sum.
pub trait Mantissa: Copy + PartialEq + Default {
    /// `self + other` where it fits.
    fn add(self, other: Self) -> Option<Self>;
    /// `self × 2^bits` where it fits.
    fn shift_left(self, bits: u32) -> Option<Self>;
    /// `self ÷ 2^bits`, toward −∞.
    fn shift_right(self, bits: u32) -> Self;
    /// Zero bits below the lowest set bit.
    fn trailing_zeros(self) -> u32;
    /// `−self` where it fits.
    fn negate(self) -> Option<Self>;
    /// Two's complement, least significant limb first.
    fn limbs(self) -> [u64; 4];
    /// The inverse of [`Mantissa::limbs`] where it fits.
    fn from_wide(value: I256) -> Option<Self>;
}

impl Mantissa for i128 {
    fn add(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn shift_left(self, bits: u32) -> Option<Self> {
        if bits > 126 {
            return None;
        }
        let shifted = self << bits;
        (shifted >> bits == self).then_some(shifted)
    }

    fn shift_right(self, bits: u32) -> Self {
        self >> bits.min(127)
    }

    fn trailing_zeros(self) -> u32 {
        self.trailing_zeros()
    }

    fn negate(self) -> Option<Self> {
        self.checked_neg()
    }

    fn limbs(self) -> [u64; 4] {
        I256::from(self).to_limbs()
    }

    fn from_wide(value: I256) -> Option<Self> {
        value.to_i128()
    }
}

impl Mantissa for I256 {
    fn add(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn shift_left(self, bits: u32) -> Option<Self> {
        self.checked_shl(bits)
    }

    fn shift_right(self, bits: u32) -> Self {
        I256::shift_right(self, bits)
    }

    fn trailing_zeros(self) -> u32 {
        I256::trailing_zeros(self)
    }

    fn negate(self) -> Option<Self> {
        Self::ZERO.checked_sub(self)
    }

    fn limbs(self) -> [u64; 4] {
        self.to_limbs()
    }

    fn from_wide(value: I256) -> Option<Self> {
        Some(value)
    }
}

/// An exact sum of numbers `mantissa × 2^exponent`.
#[derive(Debug, Clone)]
pub enum Exact<M> {
    /// All terms so far lie within one mantissa.
    Narrow {
        /// The mantissa.
        mantissa: M,
        /// The power of two of its last bit.
        exponent: i32,
    },
    /// They do not.
    Spilled(Box<Spill>),
}

/// An exact sum of doubles.
pub type FloatSum = Exact<i128>;

/// An exact sum of squares of doubles, of integers or of decimal mantissas.
pub type SquareSum = Exact<I256>;

impl<M: Mantissa> Default for Exact<M> {
    fn default() -> Self {
        Self::Narrow { mantissa: M::default(), exponent: 0 }
    }
}

impl<M: Mantissa> Exact<M> {
    /// Adds `mantissa × 2^exponent`.
    pub fn add(&mut self, mantissa: M, exponent: i32) {
        if mantissa == M::default() {
            return;
        }
        match self {
            Self::Narrow { mantissa: sum, exponent: at } => match add_narrow(*sum, *at, mantissa, exponent) {
                Some((value, place)) => (*sum, *at) = (value, place),
                None => self.add_spilled(&mantissa.limbs(), exponent),
            },
            Self::Spilled(spill) => spill.add(&mantissa.limbs(), exponent),
        }
    }

    /// Takes `mantissa × 2^exponent` back.
    pub fn subtract(&mut self, mantissa: M, exponent: i32) {
        match mantissa.negate() {
            Some(negated) => self.add(negated, exponent),
            // −2^k has no positive twin of the same width: half of it, twice.
            None => {
                let half = mantissa.shift_right(1).negate().unwrap_or_default();
                self.add(half, exponent);
                self.add(half, exponent);
            }
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        match other {
            Self::Narrow { mantissa, exponent } => self.add(*mantissa, *exponent),
            Self::Spilled(spill) => self.add_spilled(spill.limbs(), spill.exponent()),
        }
    }

    /// Takes another sum back.
    pub fn unmerge(&mut self, other: &Self) {
        match other {
            Self::Narrow { mantissa, exponent } => self.subtract(*mantissa, *exponent),
            Self::Spilled(spill) => {
                let negated = spill.negated();
                self.add_spilled(negated.limbs(), negated.exponent());
            }
        }
    }

    /// Whether the sum is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Narrow { mantissa, .. } => *mantissa == M::default(),
            Self::Spilled(spill) => spill.is_zero(),
        }
    }

    /// Adds `limbs × 2^exponent`, of any width.
    fn add_spilled(&mut self, limbs: &[u64], exponent: i32) {
        match self {
            Self::Narrow { mantissa, exponent: at } => {
                let mut spill = Spill::new(&mantissa.limbs(), *at);
                spill.add(limbs, exponent);
                *self = Self::Spilled(Box::new(spill));
            }
            Self::Spilled(spill) => spill.add(limbs, exponent),
        }
    }

    /// Sign, odd magnitude (or zero) and the power of two of its last bit: the same for every way to the same sum.
    fn canonical(&self) -> (bool, Natural, i32) {
        let (negative, magnitude, exponent) = match self {
            Self::Narrow { mantissa, exponent } => {
                let (negative, magnitude) = spill::magnitude(&mantissa.limbs());
                (negative, magnitude, *exponent)
            }
            Self::Spilled(spill) => {
                let (negative, magnitude) = spill::magnitude(spill.limbs());
                (negative, magnitude, spill.exponent())
            }
        };
        if magnitude.is_zero() {
            return (false, magnitude, 0);
        }
        let zeros = magnitude.trailing_zeros();
        (negative, magnitude.shifted_right(zeros), exponent.saturating_add(zeros.cast_signed()))
    }

    /// The sum, with its sign, as a natural number times a power of two.
    pub(crate) fn parts(&self) -> (bool, Natural, i32) {
        self.canonical()
    }

    /// The narrow form of the same sum where there is one: what a spilled sum may come back to.
    pub(crate) fn narrowed(&self) -> Option<(M, i32)> {
        if let Self::Narrow { mantissa, exponent } = self {
            return Some((*mantissa, *exponent));
        }
        let (negative, magnitude, exponent) = self.canonical();
        let value = wide_from(&magnitude, negative)?;
        Some((M::from_wide(value)?, exponent))
    }

    /// Appends the canonical encoding: the same sum gives the same bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (negative, magnitude, exponent) = self.canonical();
        let bytes = (magnitude.bits() as usize).div_ceil(8);
        write_unsigned(out, (bytes as u64) << 1 | u64::from(negative));
        if bytes == 0 {
            return;
        }
        write_signed(out, i64::from(exponent));
        out.extend(magnitude.limbs().iter().flat_map(|limb| limb.to_le_bytes()).take(bytes));
    }

    /// Reads what [`Exact::encode`] wrote.
    ///
    /// # Errors
    /// Where the bytes are not such an encoding.
    pub fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = from.unsigned()?;
        if head == 0 {
            return Ok(Self::default());
        }
        let exponent = i32::try_from(from.signed()?).map_err(|_| DecodeError)?;
        if head >> 1 > 2048 || exponent.unsigned_abs() > FARTHEST {
            return Err(DecodeError);
        }
        let bytes = from.bytes(usize::try_from(head >> 1).map_err(|_| DecodeError)?)?;
        let limbs = bytes.chunks(8).map(|chunk| chunk.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte)));
        let magnitude = Natural::from_limbs(limbs.collect());
        let negative = head & 1 == 1;
        let narrow = wide_from(&magnitude, negative).and_then(M::from_wide);
        Ok(match narrow {
            Some(mantissa) => Self::Narrow { mantissa, exponent },
            None => {
                let mut limbs = magnitude.limbs().to_vec();
                limbs.push(0);
                let spill = Spill::new(&limbs, exponent);
                Self::Spilled(Box::new(if negative { spill.negated() } else { spill }))
            }
        })
    }
}

/// Both terms brought to the smaller exponent and added, where that fits.
fn add_narrow<M: Mantissa>(a: M, a_at: i32, b: M, b_at: i32) -> Option<(M, i32)> {
    if a == M::default() {
        return Some((b, b_at));
    }
    if let Some(sum) = align_and_add(a, a_at, b, b_at) {
        return Some(sum);
    }
    // Trailing zeros of either may hide the room that is missing.
    let (a_zeros, b_zeros) = (a.trailing_zeros(), b.trailing_zeros());
    align_and_add(
        a.shift_right(a_zeros),
        a_at.checked_add_unsigned(a_zeros)?,
        b.shift_right(b_zeros),
        b_at.checked_add_unsigned(b_zeros)?,
    )
}

fn align_and_add<M: Mantissa>(a: M, a_at: i32, b: M, b_at: i32) -> Option<(M, i32)> {
    let gap = b_at.checked_sub(a_at)?;
    if gap >= 0 {
        Some((a.add(b.shift_left(gap.unsigned_abs())?)?, a_at))
    } else {
        Some((a.shift_left(gap.unsigned_abs())?.add(b)?, b_at))
    }
}

fn wide_from(magnitude: &Natural, negative: bool) -> Option<I256> {
    if magnitude.bits() > 255 {
        return None;
    }
    let mut limbs = [0u64; 4];
    for (to, from) in limbs.iter_mut().zip(magnitude.limbs()) {
        *to = *from;
    }
    let value = I256::from_limbs(limbs);
    Some(if negative { -value } else { value })
}

/// A finite double as an integer times a power of two.
///
/// # Errors
/// [`Fault::NotFinite`] for NaN and the infinities.
pub fn split(value: f64) -> Result<(i64, i32), Fault> {
    let bits = value.to_bits();
    let field = (bits >> 52 & 0x7ff) as i32;
    let fraction = (bits & ((1 << 52) - 1)).cast_signed();
    let (mantissa, exponent) = match field {
        0 => (fraction, -1074),
        0x7ff => return Err(Fault::NotFinite),
        _ => (fraction | 1 << 52, field - 1075),
    };
    Ok((if value.is_sign_negative() { -mantissa } else { mantissa }, exponent))
}

impl FloatSum {
    /// Adds a double `weight` times (±1).
    ///
    /// # Errors
    /// [`Fault::NotFinite`] for NaN and the infinities; the sum is then unchanged.
    pub fn add_float(&mut self, value: f64, weight: i8) -> Result<(), Fault> {
        let (mantissa, exponent) = split(value)?;
        self.add(i128::from(mantissa) * i128::from(weight), exponent);
        Ok(())
    }

    /// The sum rounded once, half to even.
    ///
    /// # Errors
    /// [`Fault::NotFinite`] where the rounded sum is beyond the greatest double.
    pub fn round(&self) -> Result<f64, Fault> {
        self.mean(1)
    }

    /// The sum ÷ `count`, rounded once, half to even; `count` of 0 counts as 1.
    ///
    /// # Errors
    /// [`Fault::NotFinite`] where the rounded quotient is beyond the greatest double.
    pub fn mean(&self, count: u64) -> Result<f64, Fault> {
        let (negative, rounded) = match self {
            Self::Narrow { mantissa, exponent } => {
                (*mantissa < 0, round_quotient(mantissa.unsigned_abs(), count, i64::from(*exponent))?)
            }
            Self::Spilled(_) => {
                let (negative, magnitude, exponent) = self.canonical();
                let count = Natural::from_u128(u128::from(count.max(1)));
                (negative, round_ratio(&magnitude, &count, i64::from(exponent))?)
            }
        };
        Ok(with_sign(rounded, negative))
    }
}

impl SquareSum {
    /// Adds the square of a double `weight` times (±1).
    ///
    /// # Errors
    /// [`Fault::NotFinite`] for NaN and the infinities; the sum is then unchanged.
    pub fn add_float_square(&mut self, value: f64, weight: i8) -> Result<(), Fault> {
        let (mantissa, exponent) = split(value)?;
        let mantissa = i128::from(mantissa);
        self.add(I256::from(mantissa * mantissa * i128::from(weight)), exponent * 2);
        Ok(())
    }

    /// Adds the square of an integer `weight` times (±1).
    pub fn add_square(&mut self, value: i128, weight: i8) {
        let square = I256::product(value, value);
        self.add(if weight < 0 { -square } else { square }, 0);
    }
}

/// `magnitude ÷ count × 2^exponent` rounded once, half to even; `count` of 0 counts as 1.
///
/// # Errors
/// [`Fault::NotFinite`] beyond the greatest double.
pub(crate) fn round_quotient(magnitude: u128, count: u64, exponent: i64) -> Result<f64, Fault> {
    if count <= 1 || magnitude == 0 {
        return round_scaled(magnitude, false, exponent);
    }
    // With the top bit set the quotient keeps at least 64 bits.
    let zeros = magnitude.leading_zeros();
    let magnitude = magnitude << zeros;
    let count = u128::from(count);
    round_scaled(magnitude / count, !magnitude.is_multiple_of(count), exponent - i64::from(zeros))
}

/// The value with the sign put on; zero stays +0.
pub(crate) fn with_sign(value: f64, negative: bool) -> f64 {
    if negative && value != 0.0 { -value } else { value }
}

/// The sample variance `(nΣx² − (Σx)²) ÷ (n(n − 1) × 10^(2 × scale))`, exact until one rounding; `None` below two rows.
/// The sum is `magnitude × 2^exponent`; the terms were decimal mantissas of `scale` digits, or numbers (scale 0).
///
/// # Errors
/// [`Fault::NotFinite`] where the variance is beyond the greatest double; [`Fault::Malformed`] where rows were taken back
/// that had never been added, so that the sums belong to no set of rows.
pub(crate) fn sample_variance(
    count: u64,
    (magnitude, exponent): (&Natural, i32),
    squares: &SquareSum,
    scale: u32,
) -> Result<Option<f64>, Fault> {
    if count < 2 {
        return Ok(None);
    }
    let (negative, square, square_at) = squares.parts();
    let left = square.times(&Natural::from_u128(u128::from(count)));
    let right = magnitude.times(magnitude);
    let right_at = exponent.saturating_mul(2);
    // Zero has no place of its own.
    let place = if right.is_zero() { square_at } else { right_at.min(square_at) };
    let align = |value: &Natural, at: i32| value.shifted_left(at.saturating_sub(place).max(0).unsigned_abs());
    let right = if right.is_zero() { right } else { align(&right, right_at) };
    let numerator = align(&left, square_at).minus(&right).filter(|_| !negative).ok_or(Fault::Malformed)?;
    let pairs = u128::from(count) * u128::from(count - 1);
    let mut denominator = Natural::from_u128(pairs);
    if scale > 0 {
        denominator = denominator.times(&Natural::power_of_ten(2 * scale));
    }
    round_ratio(&numerator, &denominator, i64::from(place)).map(Some)
}
