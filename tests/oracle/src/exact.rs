//! Exact numbers: fractions of whole numbers of any size, rounded only on the way out.

use std::cmp::Ordering;
use std::ops::{Add, Mul, Neg, Sub};

use num_bigint::{BigInt, Sign};

use crate::value::Fault;

/// A fraction. The denominator is above zero; it is not reduced.
#[derive(Debug, Clone)]
pub struct Exact {
    over: BigInt,
    under: BigInt,
}

fn power_of_ten(n: u8) -> BigInt {
    BigInt::from(10).pow(u32::from(n))
}

/// `over / under` to the nearest whole number, ties to even; `under` is above zero.
fn round_half_even(over: &BigInt, under: &BigInt) -> BigInt {
    let whole = floor(over, under);
    let twice: BigInt = (over - &whole * under) * 2;
    match twice.cmp(under) {
        Ordering::Less => whole,
        Ordering::Greater => whole + 1,
        Ordering::Equal => {
            if whole.bit(0) {
                whole + 1
            } else {
                whole
            }
        }
    }
}

fn floor(over: &BigInt, under: &BigInt) -> BigInt {
    let truncated = over / under;
    if over.sign() == Sign::Minus && &truncated * under != *over { truncated - 1 } else { truncated }
}

impl Exact {
    /// A whole number.
    #[must_use]
    pub fn whole(value: i128) -> Self {
        Self { over: value.into(), under: 1.into() }
    }

    /// `mantissa · 10^−scale`.
    #[must_use]
    pub fn decimal(mantissa: i128, scale: u8) -> Self {
        Self { over: mantissa.into(), under: power_of_ten(scale) }
    }

    /// The value of a finite double.
    #[must_use]
    pub fn float(value: f64) -> Self {
        let bits = value.to_bits();
        let field = i64::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) = if field == 0 { (fraction, -1074) } else { (fraction | (1 << 52), field - 1075) };
        let mut over = BigInt::from(mantissa);
        if value < 0.0 {
            over = -over;
        }
        if exponent >= 0 {
            Self { over: over << exponent, under: 1.into() }
        } else {
            Self { over, under: BigInt::from(1) << -exponent }
        }
    }

    /// The quotient; `None` where the divisor is zero.
    #[must_use]
    pub fn divide(&self, by: &Self) -> Option<Self> {
        let over = &self.over * &by.under;
        let under = &self.under * &by.over;
        match under.sign() {
            Sign::NoSign => None,
            Sign::Plus => Some(Self { over, under }),
            Sign::Minus => Some(Self { over: -over, under: -under }),
        }
    }

    /// Without its fraction.
    #[must_use]
    pub fn truncate(&self) -> Self {
        Self { over: &self.over / &self.under, under: 1.into() }
    }

    /// The greatest whole number not above it.
    #[must_use]
    pub fn floor(&self) -> Self {
        Self { over: floor(&self.over, &self.under), under: 1.into() }
    }

    /// The nearest whole number, ties to even.
    #[must_use]
    pub fn round(&self) -> Self {
        Self { over: round_half_even(&self.over, &self.under), under: 1.into() }
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.over.sign() == Sign::NoSign
    }

    /// The nearest `int`, ties to even.
    ///
    /// # Errors
    /// [`Fault::Overflow`].
    pub fn to_int(&self) -> Result<i64, Fault> {
        i64::try_from(round_half_even(&self.over, &self.under)).map_err(|_| Fault::Overflow)
    }

    /// The nearest decimal of `scale`, ties to even, as its mantissa of at most `precision` digits.
    ///
    /// # Errors
    /// `fault` where there are more digits.
    pub fn to_decimal(&self, precision: u8, scale: u8, fault: Fault) -> Result<i128, Fault> {
        let mantissa = round_half_even(&(&self.over * power_of_ten(scale)), &self.under);
        let bound = power_of_ten(precision);
        if mantissa >= bound || mantissa <= -bound {
            return Err(fault);
        }
        i128::try_from(mantissa).map_err(|_| fault)
    }

    /// The nearest double, ties to even.
    ///
    /// # Errors
    /// [`Fault::NotFinite`] where that is infinite.
    pub fn to_float(&self) -> Result<f64, Fault> {
        if self.is_zero() {
            return Ok(0.0);
        }
        let size = BigInt::from_biguint(Sign::Plus, self.over.magnitude().clone());
        let bits = |x: &BigInt| i64::try_from(x.bits()).unwrap_or(i64::MAX);
        let mut unit = (bits(&size) - bits(&self.under) - 53).max(-1074);
        let digits = loop {
            let (over, under) =
                if unit >= 0 { (size.clone(), &self.under << unit) } else { (&size << -unit, self.under.clone()) };
            let digits = round_half_even(&over, &under);
            // The digits before rounding decide the unit; a carry to 2^53 is still exact.
            if (over / under).bits() <= 53 {
                break digits;
            }
            unit += 1;
        };
        let digits = u64::try_from(digits).map_err(|_| Fault::NotFinite)?;
        #[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
        let value = libm::ldexp(digits as f64, i32::try_from(unit).map_err(|_| Fault::NotFinite)?);
        if !value.is_finite() {
            return Err(Fault::NotFinite);
        }
        Ok(if self.over.sign() == Sign::Minus { -value } else { value })
    }
}

impl Add for &Exact {
    type Output = Exact;
    fn add(self, other: Self) -> Exact {
        if self.under == other.under {
            return Exact { over: &self.over + &other.over, under: self.under.clone() };
        }
        Exact { over: &self.over * &other.under + &other.over * &self.under, under: &self.under * &other.under }
    }
}

impl Sub for &Exact {
    type Output = Exact;
    fn sub(self, other: Self) -> Exact {
        self + &-other
    }
}

impl Mul for &Exact {
    type Output = Exact;
    fn mul(self, other: Self) -> Exact {
        Exact { over: &self.over * &other.over, under: &self.under * &other.under }
    }
}

impl Neg for &Exact {
    type Output = Exact;
    fn neg(self) -> Exact {
        Exact { over: -&self.over, under: self.under.clone() }
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Exact {}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.over * &other.under).cmp(&(&other.over * &self.under))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_a_third_and_the_edges_of_double() {
        let third = Exact::whole(1).divide(&Exact::whole(3)).unwrap();
        assert_eq!(third.to_float().unwrap().to_bits(), (1.0_f64 / 3.0).to_bits());
        for value in [5e-324, 1e-320, f64::MIN_POSITIVE, f64::MAX, -f64::MAX, 0.1, -2.5, 9_007_199_254_740_993.0] {
            assert_eq!(Exact::float(value).to_float().unwrap().to_bits(), value.to_bits());
        }
        let half_of_least = Exact::float(5e-324).divide(&Exact::whole(2)).unwrap();
        assert_eq!(half_of_least.to_float(), Ok(0.0), "a tie goes to even");
        let three_quarters = Exact::float(5e-324).divide(&Exact::whole(4)).unwrap();
        assert_eq!((&three_quarters * &Exact::whole(3)).to_float(), Ok(5e-324));
        assert_eq!((&Exact::float(f64::MAX) * &Exact::whole(2)).to_float(), Err(Fault::NotFinite));
        assert_eq!(Exact::whole((1 << 53) + 1).to_float(), Ok(9_007_199_254_740_992.0));
        assert_eq!(Exact::whole((1 << 53) + 3).to_float(), Ok(9_007_199_254_740_996.0));
        // All ones: rounding carries into the next power of two.
        assert_eq!(Exact::whole((1 << 54) - 1).to_float(), Ok(18_014_398_509_481_984.0));
    }

    #[test]
    fn rounds_decimals_half_to_even() {
        let to_scale_0 = |m, s| Exact::decimal(m, s).to_decimal(38, 0, Fault::Overflow);
        assert_eq!(to_scale_0(25, 1), Ok(2));
        assert_eq!(to_scale_0(35, 1), Ok(4));
        assert_eq!(to_scale_0(-25, 1), Ok(-2));
        assert_eq!(to_scale_0(-26, 1), Ok(-3));
        assert_eq!(Exact::whole(100).to_decimal(2, 0, Fault::Precision), Err(Fault::Precision));
        assert_eq!(Exact::decimal(-7, 1).truncate(), Exact::whole(0));
        assert_eq!(Exact::decimal(-7, 1).floor(), Exact::whole(-1));
    }
}
