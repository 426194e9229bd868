//! Natural numbers of any size, least significant limb first, without leading zero limbs; and the rounding of their
//! ratio to a double.

#![expect(clippy::indexing_slicing, reason = "limb arithmetic whose bounds are the loop bounds")]

use std::cmp::Ordering;

use crate::fault::Fault;

/// A natural number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Natural(Vec<u64>);

impl Natural {
    pub(crate) fn from_limbs(mut limbs: Vec<u64>) -> Self {
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        Self(limbs)
    }

    pub(crate) fn from_u128(value: u128) -> Self {
        Self::from_limbs(vec![low(value), low(value >> 64)])
    }

    /// 10^`power`.
    pub(crate) fn power_of_ten(power: u32) -> Self {
        (0..power).fold(Self::from_u128(1), |product, _| product.times(&Self::from_u128(10)))
    }

    pub(crate) fn limbs(&self) -> &[u64] {
        &self.0
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of bits up to the highest set one.
    pub(crate) fn bits(&self) -> u32 {
        self.0.last().map_or(0, |top| 64 * length(self.0.len()) - top.leading_zeros())
    }

    pub(crate) fn trailing_zeros(&self) -> u32 {
        match self.0.iter().position(|limb| *limb != 0) {
            Some(at) => 64 * length(at) + self.0[at].trailing_zeros(),
            None => 0,
        }
    }

    pub(crate) fn times(&self, other: &Self) -> Self {
        let mut product = vec![0u64; self.0.len() + other.0.len()];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0u64;
            for (j, b) in other.0.iter().enumerate() {
                let part = u128::from(*a) * u128::from(*b) + u128::from(product[i + j]) + u128::from(carry);
                product[i + j] = low(part);
                carry = low(part >> 64);
            }
            product[i + other.0.len()] = carry;
        }
        Self::from_limbs(product)
    }

    pub(crate) fn shifted_left(&self, bits: u32) -> Self {
        let (words, bits) = (bits as usize / 64, bits % 64);
        let mut shifted = vec![0u64; words];
        let mut carry = 0u64;
        for limb in &self.0 {
            shifted.push(limb << bits | carry);
            carry = if bits == 0 { 0 } else { limb >> (64 - bits) };
        }
        shifted.push(carry);
        Self::from_limbs(shifted)
    }

    pub(crate) fn shifted_right(&self, bits: u32) -> Self {
        let (words, bits) = (bits as usize / 64, bits % 64);
        let kept = self.0.get(words..).unwrap_or_default();
        let shifted = (0..kept.len())
            .map(|i| {
                let above = kept.get(i + 1).copied().unwrap_or(0);
                kept[i] >> bits | if bits == 0 { 0 } else { above << (64 - bits) }
            })
            .collect();
        Self::from_limbs(shifted)
    }

    /// `self − other`, or `None` below zero.
    pub(crate) fn minus(&self, other: &Self) -> Option<Self> {
        if self.compare(other) == Ordering::Less {
            return None;
        }
        let mut difference = self.0.clone();
        let mut borrow = false;
        for (i, limb) in difference.iter_mut().enumerate() {
            let (part, first) = limb.overflowing_sub(other.0.get(i).copied().unwrap_or(0));
            let (part, second) = part.overflowing_sub(u64::from(borrow));
            *limb = part;
            borrow = first || second;
        }
        Some(Self::from_limbs(difference))
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Quotient and whether something remains; the divisor is not zero (Knuth, The Art of Computer Programming 2,
    /// 4.3.1, algorithm D).
    fn divide(&self, divisor: &Self) -> (Self, bool) {
        if self.compare(divisor) == Ordering::Less {
            return (Self::default(), !self.is_zero());
        }
        if let [divisor] = divisor.0.as_slice() {
            let mut rest = 0u128;
            let mut quotient = vec![0u64; self.0.len()];
            for (digit, limb) in quotient.iter_mut().zip(&self.0).rev() {
                let part = rest << 64 | u128::from(*limb);
                *digit = low(part / u128::from(*divisor));
                rest = part % u128::from(*divisor);
            }
            return (Self::from_limbs(quotient), rest != 0);
        }
        let shift = divisor.0[divisor.0.len() - 1].leading_zeros();
        let v = divisor.shifted_left(shift).0;
        let n = v.len();
        let mut u = self.shifted_left(shift).0;
        u.resize(self.0.len() + 1, 0);
        let mut quotient = vec![0u64; u.len() - n];
        for j in (0..quotient.len()).rev() {
            let top = u128::from(u[j + n]) << 64 | u128::from(u[j + n - 1]);
            let mut digit = top / u128::from(v[n - 1]);
            let mut rest = top % u128::from(v[n - 1]);
            while digit >> 64 != 0 || digit * u128::from(v[n - 2]) > (rest << 64 | u128::from(u[j + n - 2])) {
                digit -= 1;
                rest += u128::from(v[n - 1]);
                if rest >> 64 != 0 {
                    break;
                }
            }
            let mut carry = 0u128;
            let mut borrow = false;
            for i in 0..=n {
                let part = digit * u128::from(v.get(i).copied().unwrap_or(0)) + carry;
                carry = part >> 64;
                let (difference, first) = u[i + j].overflowing_sub(low(part));
                let (difference, second) = difference.overflowing_sub(u64::from(borrow));
                u[i + j] = difference;
                borrow = first || second;
            }
            if borrow {
                digit -= 1;
                let mut carry = false;
                for i in 0..=n {
                    let (sum, first) = u[i + j].overflowing_add(v.get(i).copied().unwrap_or(0));
                    let (sum, second) = sum.overflowing_add(u64::from(carry));
                    u[i + j] = sum;
                    carry = first || second;
                }
            }
            quotient[j] = low(digit);
        }
        (Self::from_limbs(quotient), u.iter().any(|limb| *limb != 0))
    }
}

/// `numerator ÷ denominator × 2^exponent` rounded once, half to even; the denominator is not zero.
///
/// # Errors
/// [`Fault::NotFinite`] beyond the greatest double.
pub(crate) fn round_ratio(numerator: &Natural, denominator: &Natural, exponent: i64) -> Result<f64, Fault> {
    if numerator.is_zero() {
        return Ok(0.0);
    }
    // A quotient of 65 to 67 bits leaves more than the 53 of a double; what lies below only breaks ties.
    let shift = 66 - i64::from(numerator.bits()) + i64::from(denominator.bits());
    let by = u32::try_from(shift.unsigned_abs()).unwrap_or(u32::MAX);
    let (quotient, rest) = if shift >= 0 {
        numerator.shifted_left(by).divide(denominator)
    } else {
        numerator.divide(&denominator.shifted_left(by))
    };
    let limb = |i: usize| u128::from(quotient.0.get(i).copied().unwrap_or(0));
    round_scaled(limb(0) | limb(1) << 64, rest, exponent - shift)
}

/// `value × 2^exponent` rounded half to even, where `more` says that the true value lies a little above `value`, which
/// then has at least 55 bits.
///
/// # Errors
/// [`Fault::NotFinite`] beyond the greatest double.
pub(crate) fn round_scaled(value: u128, more: bool, exponent: i64) -> Result<f64, Fault> {
    if value == 0 {
        return Ok(0.0);
    }
    let zeros = value.leading_zeros();
    let value = value << zeros;
    let exponent = exponent - i64::from(zeros);
    // The place of the last bit of the result: 53 bits, or the subnormal grid.
    let last = (exponent + 75).max(-1074);
    let drop = last - exponent;
    let kept = if drop < 128 { low(value >> drop) } else { 0 };
    let half = if drop <= 128 { 1u128 << (drop - 1) } else { 0 };
    let rest = if drop < 128 { value & ((1u128 << drop) - 1) } else { value };
    let up = drop <= 128 && (rest > half || rest == half && (more || kept & 1 == 1));
    let kept = kept + u64::from(up);
    // The greatest double ends at 2^971.
    if last > 971 {
        return Err(Fault::NotFinite);
    }
    const HIDDEN: u64 = 1 << 52;
    let bits = if kept < HIDDEN {
        kept
    } else {
        // A carry to 53 bits moves into the exponent field by itself.
        ((last + 1075).unsigned_abs() << 52) + (kept - HIDDEN)
    };
    let rounded = f64::from_bits(bits);
    if rounded.is_finite() { Ok(rounded) } else { Err(Fault::NotFinite) }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is wanted")]
fn low(value: u128) -> u64 {
    value as u64
}

fn length(limbs: usize) -> u32 {
    u32::try_from(limbs).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn natural() -> impl Strategy<Value = Natural> {
        proptest::collection::vec(prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)], 0..7)
            .prop_map(Natural::from_limbs)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn division_undoes_multiplication(a in natural(), b in natural(), c in natural()) {
            let (b, c) = if c.compare(&b) == Ordering::Less { (b, c) } else { (c, b) };
            prop_assume!(c.compare(&b) == Ordering::Less);
            let product = a.times(&b);
            prop_assert_eq!(product.divide(&b), (a.clone(), false));
            // a × b + c for c < b divides to a with a rest
            let above = product.minus(&Natural::default()).unwrap();
            let mut sum = above.0.clone();
            sum.resize(above.0.len().max(c.0.len()) + 1, 0);
            let mut carry = false;
            for (i, limb) in sum.iter_mut().enumerate() {
                let (part, first) = limb.overflowing_add(c.0.get(i).copied().unwrap_or(0));
                let (part, second) = part.overflowing_add(u64::from(carry));
                *limb = part;
                carry = first || second;
            }
            prop_assert_eq!(Natural::from_limbs(sum).divide(&b), (a, !c.is_zero()));
        }

        #[test]
        fn integers_round_as_the_hardware_does(value in any::<u128>(), bits in 0u32..128) {
            let value = value >> bits;
            #[expect(clippy::cast_precision_loss, reason = "the rounding is what is tested")]
            let expected = value as f64;
            prop_assert_eq!(round_scaled(value, false, 0), Ok(expected));
            prop_assert_eq!(round_ratio(&Natural::from_u128(value), &Natural::from_u128(1), 0), Ok(expected));
        }

        #[test]
        fn quotients_round_as_the_hardware_does(a in 1u64..1 << 53, b in 1u64..1 << 53, scale in -1074i32..900) {
            #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
            let expected = a as f64 / b as f64;
            let (a, b) = (Natural::from_u128(a.into()), Natural::from_u128(b.into()));
            prop_assert_eq!(round_ratio(&a, &b, 0), Ok(expected));
            // An exact power of two scales a normal result exactly.
            let scaled = round_ratio(&a, &b, scale.into()).unwrap();
            if scaled >= f64::MIN_POSITIVE {
                prop_assert_eq!(scaled, libm::scalbn(expected, scale));
            }
        }
    }

    #[test]
    fn the_edges_of_the_range() {
        assert_eq!(round_scaled(1, false, -1074), Ok(5e-324));
        assert_eq!(round_scaled(1, false, -1075), Ok(0.0));
        assert_eq!(round_scaled(3, false, -1076), Ok(5e-324));
        assert_eq!(round_scaled(1 << 60, true, -1135), Ok(5e-324));
        assert_eq!(round_scaled((1 << 53) - 1, false, 971), Ok(f64::MAX));
        assert_eq!(round_scaled((1 << 54) - 1, false, 970), Err(Fault::NotFinite));
        assert_eq!(round_scaled(1, false, 5000), Err(Fault::NotFinite));
        assert_eq!(round_scaled(1, false, -5000), Ok(0.0));
    }
}
