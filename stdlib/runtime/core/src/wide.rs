//! 256-bit signed integers: products of two 38-digit decimals, and sums that no number of rows can overflow.

#![expect(clippy::indexing_slicing, reason = "limb arithmetic over fixed arrays whose bounds are the loop bounds")]

use std::cmp::Ordering;
use std::ops::{Add, Neg, Sub};

/// A signed 256-bit integer in two's complement.
///
/// `+`, `-` and unary `-` wrap at 2^255; the `checked_` methods report it. A sum of fewer than 2^127 values of `i128`
/// never gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct I256 {
    high: i128,
    low: u128,
}

impl I256 {
    /// 0.
    pub const ZERO: Self = Self { high: 0, low: 0 };
    /// −2^255.
    pub const MIN: Self = Self { high: i128::MIN, low: 0 };
    /// 2^255 − 1.
    pub const MAX: Self = Self { high: i128::MAX, low: u128::MAX };

    /// The exact product of two 128-bit integers.
    #[must_use]
    pub fn product(a: i128, b: i128) -> Self {
        let magnitude = multiply(a.unsigned_abs(), b.unsigned_abs());
        if (a < 0) == (b < 0) { magnitude } else { -magnitude }
    }

    /// The sum, or `None` outside of 256 bits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let sum = self + other;
        let overflows = self.is_negative() == other.is_negative() && sum.is_negative() != self.is_negative();
        (!overflows).then_some(sum)
    }

    /// The difference, or `None` outside of 256 bits.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let difference = self - other;
        let overflows = self.is_negative() != other.is_negative() && difference.is_negative() != self.is_negative();
        (!overflows).then_some(difference)
    }

    /// The product with a 128-bit integer, or `None` outside of 256 bits.
    #[must_use]
    pub fn checked_mul(self, factor: i128) -> Option<Self> {
        let a = self.magnitude();
        let b = factor.unsigned_abs();
        let low = multiply(a[0], b);
        let high = multiply(a[1], b);
        if high.high != 0 {
            return None;
        }
        let (top, carry) = low.high.cast_unsigned().overflowing_add(high.low);
        if carry {
            return None;
        }
        Self::from_magnitude([low.low, top], self.is_negative() != (factor < 0))
    }

    /// Shifted left by `bits`, or `None` where a significant bit would be lost.
    #[must_use]
    pub fn checked_shl(self, bits: u32) -> Option<Self> {
        if self == Self::ZERO {
            return Some(self);
        }
        if bits > 254 {
            return None;
        }
        let shifted = self.shift_left(bits);
        (shifted.shift_right(bits) == self).then_some(shifted)
    }

    /// Shifted right by `bits` below 256, the sign kept (rounds toward −∞).
    #[must_use]
    pub fn shift_right(self, bits: u32) -> Self {
        match bits {
            0 => self,
            1..=127 => {
                Self { high: self.high >> bits, low: (self.low >> bits) | (self.high.cast_unsigned() << (128 - bits)) }
            }
            128..=255 => Self { high: self.high >> 127, low: (self.high >> (bits - 128)).cast_unsigned() },
            _ => Self { high: self.high >> 127, low: (self.high >> 127).cast_unsigned() },
        }
    }

    fn shift_left(self, bits: u32) -> Self {
        match bits {
            0 => self,
            1..=127 => {
                Self { high: (self.high << bits) | (self.low >> (128 - bits)).cast_signed(), low: self.low << bits }
            }
            128..=255 => Self { high: (self.low << (bits - 128)).cast_signed(), low: 0 },
            _ => Self::ZERO,
        }
    }

    /// The quotient rounded half to even, or `None` for a zero divisor and for `MIN / −1`.
    #[must_use]
    pub fn div_half_even(self, divisor: Self) -> Option<Self> {
        if divisor == Self::ZERO {
            return None;
        }
        let by = divisor.magnitude();
        let (mut quotient, remainder) = divide(self.magnitude(), by);
        // remainder < by, so the gap does not underflow; comparing with it avoids doubling the remainder.
        let gap = subtract(by, remainder);
        let up = match compare(remainder, gap) {
            Ordering::Greater => true,
            Ordering::Equal => quotient[0] & 1 == 1,
            Ordering::Less => false,
        };
        if up {
            let (low, carry) = quotient[0].overflowing_add(1);
            quotient = [low, quotient[1].wrapping_add(u128::from(carry))];
        }
        Self::from_magnitude(quotient, self.is_negative() != divisor.is_negative())
    }

    /// The quotient rounded toward zero and the remainder, which has the dividend's sign; `None` for a zero divisor and
    /// for `MIN / −1`.
    #[must_use]
    pub fn div_rem(self, divisor: Self) -> Option<(Self, Self)> {
        if divisor == Self::ZERO {
            return None;
        }
        let (quotient, remainder) = divide(self.magnitude(), divisor.magnitude());
        let quotient = Self::from_magnitude(quotient, self.is_negative() != divisor.is_negative())?;
        Some((quotient, Self::from_magnitude(remainder, self.is_negative())?))
    }

    /// As 128 bits, or `None` where it does not fit.
    #[must_use]
    pub fn to_i128(self) -> Option<i128> {
        let low = self.low.cast_signed();
        (self.high == low >> 127).then_some(low)
    }

    /// As 64 bits, or `None` where it does not fit.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        self.to_i128().and_then(|value| i64::try_from(value).ok())
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.high < 0
    }

    /// The number of zero bits below the lowest set bit; 256 for zero.
    #[must_use]
    pub fn trailing_zeros(self) -> u32 {
        if self.low == 0 { 128 + self.high.trailing_zeros() } else { self.low.trailing_zeros() }
    }

    /// The four 64-bit limbs of the two's complement, least significant first.
    #[must_use]
    pub fn to_limbs(self) -> [u64; 4] {
        let high = self.high.cast_unsigned();
        [low_half(self.low), high_half(self.low), low_half(high), high_half(high)]
    }

    /// The inverse of [`I256::to_limbs`].
    #[must_use]
    pub fn from_limbs(limbs: [u64; 4]) -> Self {
        Self { high: join(limbs[2], limbs[3]).cast_signed(), low: join(limbs[0], limbs[1]) }
    }

    /// The absolute value as two 128-bit halves, least significant first.
    fn magnitude(self) -> [u128; 2] {
        let value = if self.is_negative() { -self } else { self };
        [value.low, value.high.cast_unsigned()]
    }

    fn from_magnitude(magnitude: [u128; 2], negative: bool) -> Option<Self> {
        let value = Self { high: magnitude[1].cast_signed(), low: magnitude[0] };
        if negative {
            let value = -value;
            (value.is_negative() || value == Self::ZERO).then_some(value)
        } else {
            (!value.is_negative()).then_some(value)
        }
    }
}

impl From<i128> for I256 {
    #[inline]
    fn from(value: i128) -> Self {
        Self { high: value >> 127, low: value.cast_unsigned() }
    }
}

impl From<i64> for I256 {
    #[inline]
    fn from(value: i64) -> Self {
        Self::from(i128::from(value))
    }
}

impl Add for I256 {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        Self { high: self.high.wrapping_add(other.high).wrapping_add(i128::from(carry)), low }
    }
}

impl Sub for I256 {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Self { high: self.high.wrapping_sub(other.high).wrapping_sub(i128::from(borrow)), low }
    }
}

impl Neg for I256 {
    type Output = Self;

    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl Ord for I256 {
    fn cmp(&self, other: &Self) -> Ordering {
        self.high.cmp(&other.high).then(self.low.cmp(&other.low))
    }
}

impl PartialOrd for I256 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is wanted")]
fn low_half(value: u128) -> u64 {
    value as u64
}

fn high_half(value: u128) -> u64 {
    low_half(value >> 64)
}

fn join(low: u64, high: u64) -> u128 {
    u128::from(low) | u128::from(high) << 64
}

/// The product's bits, unsigned.
fn multiply(a: u128, b: u128) -> I256 {
    let (a0, a1) = (u128::from(low_half(a)), u128::from(high_half(a)));
    let (b0, b1) = (u128::from(low_half(b)), u128::from(high_half(b)));
    let bottom = a0 * b0;
    let cross = a1 * b0 + u128::from(high_half(bottom));
    let middle = a0 * b1 + u128::from(low_half(cross));
    let high = a1 * b1 + u128::from(high_half(cross)) + u128::from(high_half(middle));
    I256 { high: high.cast_signed(), low: join(low_half(bottom), low_half(middle)) }
}

fn compare(a: [u128; 2], b: [u128; 2]) -> Ordering {
    a[1].cmp(&b[1]).then(a[0].cmp(&b[0]))
}

/// `a − b` for `a ≥ b`.
fn subtract(a: [u128; 2], b: [u128; 2]) -> [u128; 2] {
    let (low, borrow) = a[0].overflowing_sub(b[0]);
    [low, a[1].wrapping_sub(b[1]).wrapping_sub(u128::from(borrow))]
}

/// Quotient and remainder of magnitudes, the divisor not zero.
fn divide(a: [u128; 2], b: [u128; 2]) -> ([u128; 2], [u128; 2]) {
    if a[1] == 0 && b[1] == 0 {
        return ([a[0] / b[0], 0], [a[0] % b[0], 0]);
    }
    if compare(a, b) == Ordering::Less {
        return ([0, 0], a);
    }
    let a = [low_half(a[0]), high_half(a[0]), low_half(a[1]), high_half(a[1])];
    let b = [low_half(b[0]), high_half(b[0]), low_half(b[1]), high_half(b[1])];
    let (quotient, remainder) = divide_limbs(a, b);
    (
        [join(quotient[0], quotient[1]), join(quotient[2], quotient[3])],
        [join(remainder[0], remainder[1]), join(remainder[2], remainder[3])],
    )
}

/// Long division in base 2^64 (Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D).
fn divide_limbs(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], [u64; 4]) {
    let n = 4 - b.iter().rev().take_while(|limb| **limb == 0).count();
    let mut quotient = [0u64; 4];
    let mut remainder = [0u64; 4];
    if n == 1 {
        let mut rest = 0u64;
        for i in (0..4).rev() {
            let part = join(a[i], rest);
            quotient[i] = low_half(part / u128::from(b[0]));
            rest = low_half(part % u128::from(b[0]));
        }
        remainder[0] = rest;
        return (quotient, remainder);
    }
    // Shift so that the divisor's top bit is set: a quotient digit's estimate is then at most 2 too large.
    let shift = b[n - 1].leading_zeros();
    let spill = |limb: u64| if shift == 0 { 0 } else { limb >> (64 - shift) };
    let mut v = [0u64; 4];
    let mut u = [0u64; 5];
    for i in (0..n).rev() {
        v[i] = (b[i] << shift) | if i == 0 { 0 } else { spill(b[i - 1]) };
    }
    u[4] = spill(a[3]);
    for i in (0..4).rev() {
        u[i] = (a[i] << shift) | if i == 0 { 0 } else { spill(a[i - 1]) };
    }
    for j in (0..=4 - n).rev() {
        let top = join(u[j + n - 1], u[j + n]);
        let mut digit = top / u128::from(v[n - 1]);
        let mut rest = top % u128::from(v[n - 1]);
        while high_half(digit) != 0 || digit * u128::from(v[n - 2]) > join(u[j + n - 2], low_half(rest)) {
            digit -= 1;
            rest += u128::from(v[n - 1]);
            if high_half(rest) != 0 {
                break;
            }
        }
        let mut carry = 0u128;
        let mut borrow = false;
        for i in 0..n {
            let part = digit * u128::from(v[i]) + carry;
            carry = u128::from(high_half(part));
            let (difference, first) = u[i + j].overflowing_sub(low_half(part));
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            u[i + j] = difference;
            borrow = first || second;
        }
        let (difference, first) = u[j + n].overflowing_sub(low_half(carry));
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        u[j + n] = difference;
        if first || second {
            digit -= 1;
            let mut carry = false;
            for i in 0..n {
                let (sum, first) = u[i + j].overflowing_add(v[i]);
                let (sum, second) = sum.overflowing_add(u64::from(carry));
                u[i + j] = sum;
                carry = first || second;
            }
            u[j + n] = u[j + n].wrapping_add(u64::from(carry));
        }
        quotient[j] = low_half(digit);
    }
    for i in 0..n {
        remainder[i] = (u[i] >> shift) | if shift == 0 { 0 } else { u[i + 1] << (64 - shift) };
    }
    (quotient, remainder)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wide() -> impl Strategy<Value = I256> {
        (any::<[u64; 4]>(), 0u32..256).prop_map(|(limbs, bits)| I256::from_limbs(limbs).shift_right(bits))
    }

    #[test]
    fn small_numbers_divide_half_even() {
        let divide = |a: i128, b: i128| I256::from(a).div_half_even(I256::from(b)).unwrap().to_i128().unwrap();
        assert_eq!(
            [(5, 2), (7, 2), (-5, 2), (5, -2), (-7, -2), (2, 3), (1, 3), (0, 9)].map(|(a, b)| divide(a, b)),
            [2, 4, -2, -2, 4, 1, 0, 0]
        );
        assert_eq!(I256::from(1i64).div_half_even(I256::ZERO), None);
        assert_eq!(I256::MIN.div_half_even(I256::from(-1i64)), None);
    }

    #[test]
    fn the_edges_are_reported() {
        assert_eq!(I256::MAX.checked_add(I256::from(1i64)), None);
        assert_eq!(I256::MIN.checked_sub(I256::from(1i64)), None);
        assert_eq!(I256::MIN.checked_mul(-1), None);
        assert_eq!(I256::MIN.checked_mul(1), Some(I256::MIN));
        assert_eq!(I256::from(1i64).checked_shl(255), None);
        assert_eq!((I256::from(i128::MAX) + I256::from(1i64)).to_i128(), None);
        assert_eq!(I256::from(i128::MIN).to_i128(), Some(i128::MIN));
        assert_eq!(I256::product(i128::MIN, i128::MIN), I256::from(1i64).shift_left(254));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn narrow_agrees_with_i128(a in any::<i64>(), b in any::<i64>()) {
            let (x, y) = (i128::from(a), i128::from(b));
            let (p, q) = (I256::from(a), I256::from(b));
            prop_assert_eq!((p + q).to_i128(), Some(x + y));
            prop_assert_eq!((p - q).to_i128(), Some(x - y));
            prop_assert_eq!(I256::product(x, y).to_i128(), Some(x * y));
            prop_assert_eq!(p.cmp(&q), a.cmp(&b));
            prop_assert_eq!((-p).to_i128(), Some(-x));
        }

        #[test]
        fn division_undoes_multiplication(a in wide(), b in wide()) {
            prop_assume!(b != I256::ZERO && a != I256::MIN);
            let (quotient, remainder) = a.div_rem(b).unwrap();
            prop_assert!(compare(remainder.magnitude(), b.magnitude()) == Ordering::Less);
            prop_assert!(remainder == I256::ZERO || remainder.is_negative() == a.is_negative());
            // quotient × b + remainder = a, by distributing over the quotient's limbs
            let mut back = remainder;
            let factor = if quotient.is_negative() { -b } else { b };
            for (i, half) in quotient.magnitude().into_iter().enumerate() {
                for (j, limb) in [low_half(half), high_half(half)].into_iter().enumerate() {
                    let mut part = I256::ZERO;
                    for bit in (0..64).rev() {
                        part = part.shift_left(1);
                        if limb >> bit & 1 == 1 { part = part + factor; }
                    }
                    back = back + part.shift_left(64 * u32::try_from(2 * i + j).unwrap());
                }
            }
            prop_assert_eq!(back, a);
        }

        #[test]
        fn rounding_is_to_the_nearest(a in wide(), b in any::<i128>()) {
            prop_assume!(b != 0 && a != I256::MIN);
            let b = I256::from(b);
            let (down, rest) = a.div_rem(b).unwrap();
            let near = a.div_half_even(b).unwrap();
            let gap = subtract(b.magnitude(), rest.magnitude());
            let away = if a.is_negative() == b.is_negative() { I256::from(1i64) } else { I256::from(-1i64) };
            let expected = match compare(rest.magnitude(), gap) {
                Ordering::Less => down,
                Ordering::Greater => down + away,
                Ordering::Equal => if down.trailing_zeros() == 0 { down + away } else { down },
            };
            prop_assert_eq!(near, expected);
        }

        #[test]
        fn products_divide_back(a in any::<i128>(), b in any::<i128>()) {
            prop_assume!(b != 0);
            let product = I256::product(a, b);
            prop_assert_eq!(product.div_rem(I256::from(b)).unwrap(), (I256::from(a), I256::ZERO));
            prop_assert_eq!(I256::from(a).checked_mul(b), Some(product));
            prop_assert_eq!(I256::from_limbs(product.to_limbs()), product);
        }

        #[test]
        fn checked_multiplication_reports_overflow(a in wide(), b in any::<i64>()) {
            prop_assume!(b != 0 && a != I256::MIN);
            match a.checked_mul(i128::from(b)) {
                Some(product) => prop_assert_eq!(product.div_rem(I256::from(b)).unwrap(), (a, I256::ZERO)),
                None => {
                    let limit = I256::MAX.div_rem(I256::from(i128::from(b).abs())).unwrap().0;
                    prop_assert!(compare(a.magnitude(), limit.magnitude()) == Ordering::Greater);
                }
            }
        }
    }
}
