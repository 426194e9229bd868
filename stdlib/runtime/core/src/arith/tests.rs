use proptest::prelude::*;

use super::*;
use crate::convert::{
    Excess, decimal_to_decimal, decimal_to_float, float_to_decimal, float_to_int, text_to_decimal, text_to_float,
    text_to_int, write_decimal, write_float, write_int,
};

const NINES: i128 = power(38) - 1;

const fn power(exponent: u32) -> i128 {
    10i128.pow(exponent)
}

#[test]
fn integers_never_wrap() {
    assert_eq!(add_int(i64::MAX, 1), Err(Fault::Overflow));
    assert_eq!(subtract_int(i64::MIN, 1), Err(Fault::Overflow));
    assert_eq!(multiply_int(1 << 62, 2), Err(Fault::Overflow));
    assert_eq!(negate_int(i64::MIN), Err(Fault::Overflow));
    assert_eq!(div_int(i64::MIN, -1), Err(Fault::Overflow));
    assert_eq!(mod_int(i64::MIN, -1), Some(0));
    assert_eq!((div_int(-7, 2), mod_int(-7, 2)), (Ok(Some(-3)), Some(-1)));
    assert_eq!((div_int(7, -2), mod_int(7, -2)), (Ok(Some(-3)), Some(1)));
    assert_eq!((div_int(1, 0), mod_int(1, 0), divide_int(1, 0)), (Ok(None), None, None));
    assert_eq!(divide_int(1, 3), Some(1.0 / 3.0));
    assert_eq!(divide_int(0, -3).map(f64::to_bits), Some(0));
}

#[test]
fn decimals_of_few_and_many_bits_are_written_alike() {
    let near = i128::from(u64::MAX);
    for mantissa in [0, 9, 10, near - 1, near, near + 1, near * 10, near * 10 + 19, NINES] {
        for mantissa in [mantissa, -mantissa] {
            let mut text = Vec::new();
            write_decimal(&mut text, mantissa, 0);
            assert_eq!(String::from_utf8(text).unwrap(), mantissa.to_string());
        }
    }
}

#[test]
fn floats_are_finite_and_have_one_zero() {
    assert_eq!(add_float(f64::MAX, f64::MAX), Err(Fault::NotFinite));
    assert_eq!(multiply_float(-1.0, 0.0).map(f64::to_bits), Ok(0));
    assert_eq!(negate_float(0.0).to_bits(), 0);
    assert_eq!(divide_float(1.0, 0.0), Ok(None));
    assert_eq!(divide_float(f64::MAX, 0.1), Err(Fault::NotFinite));
    assert_eq!(mod_float(-5.5, 2.0), Some(-1.5));
    assert_eq!(mod_float(-2.0, 2.0).map(f64::to_bits), Some(0));
    assert_eq!(div_float(-5.5, 2.0), Ok(Some(-2.0)));
}

#[test]
fn decimals_are_judged_on_the_result_only() {
    assert_eq!(add_decimal(NINES, 0, 1, 0), Err(Fault::Overflow));
    // 10^36 at scale 0 is 10^38 at scale 2: too many digits on the way, not in the result.
    assert_eq!(add_decimal(power(36), 0, -1, 2), Ok(NINES));
    assert_eq!(subtract_decimal(power(36), 0, 1, 2), Ok(NINES));
    assert_eq!(subtract_decimal(power(36), 0, 0, 2), Err(Fault::Overflow));
    assert_eq!(mod_decimal(NINES, 0, 3, 38), Ok(Some(0)));
    assert_eq!(div_decimal(NINES, 0, 3, 38), Err(Fault::Overflow));
    assert_eq!(div_decimal(-75, 1, 2, 0), Ok(Some(-3)));
    assert_eq!(mod_decimal(-75, 1, 2, 0), Ok(Some(-15)));
    assert_eq!(multiply_decimal(15, 1, 15, 1), Ok(225));
    // 0.5 · 10^-38 is half a unit of the last place: to even.
    assert_eq!(multiply_decimal(1, 38, 5, 1), Ok(0));
    assert_eq!(multiply_decimal(3, 38, 5, 1), Ok(2));
    assert_eq!(multiply_decimal(NINES, 38, NINES, 38), Ok(NINES - 1));
    assert_eq!(divide_decimal(1, 2, 3, 2), Ok(Some(33_333_333)));
    assert_eq!(divide_decimal(-2, 2, 3, 2), Ok(Some(-66_666_667)));
    assert_eq!(divide_decimal(1, 38, 2, 0), Ok(Some(0)));
    assert_eq!(divide_decimal(3, 38, 2, 0), Ok(Some(2)));
    assert_eq!(divide_decimal(1, 0, 1, 38), Err(Fault::Overflow));
    assert_eq!(divide_decimal(power(31), 0, 1, 0), Ok(Some(power(37))));
    assert_eq!(divide_decimal(power(32), 0, 1, 0), Err(Fault::Overflow));
    assert_eq!(divide_decimal(1, 0, 0, 0), Ok(None));
    assert_eq!(compare_decimal(NINES, 0, 1, 38), Ordering::Greater);
    assert_eq!(compare_decimal(-NINES, 0, -1, 38), Ordering::Less);
    assert_eq!(compare_decimal(150, 2, 15, 1), Ordering::Equal);
}

#[test]
fn rescaling_rounds_half_to_even() {
    let rounded = [-25, -15, -5, 4, 5, 6, 15, 25].map(|mantissa| rescale(mantissa, 1, 0));
    assert_eq!(rounded, [-2, -2, 0, 0, 0, 1, 2, 2].map(Ok));
    assert_eq!(rescale(power(37), 0, 1), Err(Fault::Overflow));
    assert_eq!(rescale(0, 0, 38), Ok(0));
    assert_eq!(check_precision(9_999, 4), Ok(9_999));
    assert_eq!(check_precision(-10_000, 4), Err(Fault::Precision));
}

#[test]
fn floats_become_decimals_by_their_exact_value() {
    // 0.285 is 0.284999…, 2.5 and 0.125 are themselves.
    assert_eq!(float_to_decimal(0.285, 2), Ok(28));
    assert_eq!(float_to_decimal(2.5, 0), Ok(2));
    assert_eq!(float_to_decimal(-0.125, 2), Ok(-12));
    assert_eq!(float_to_decimal(0.1, 38), Ok(10_000_000_000_000_000_555_111_512_312_578_270_212));
    assert_eq!(float_to_decimal(5e-324, 38), Ok(0));
    // The most digits that a float has, far below half of the least decimal.
    assert_eq!(float_to_decimal(9_007_199_254_740_991.0 * libm::exp2(-200.0), 38), Ok(0));
    // And back, rounded once: neither the digits nor the power are floats by themselves.
    assert_eq!(decimal_to_float(73_785_690_282_684_228, 16), 7.378_569_028_268_423);
    assert_eq!(decimal_to_decimal(12_345, 2, 4, 2), Err(Fault::Precision));
    assert_eq!(decimal_to_decimal(12_345, 2, 4, 1), Ok(1_234));
    assert_eq!(float_to_decimal(1e38, 0), Ok(99_999_999_999_999_997_748_809_823_456_034_029_568));
    assert_eq!(float_to_decimal(1.1e38, 0), Err(Fault::Overflow));
    assert_eq!(float_to_decimal(f64::MAX, 0), Err(Fault::Overflow));
    assert_eq!(float_to_int(-2.9), Ok(-2));
    assert_eq!(float_to_int(9_223_372_036_854_775_808.0), Err(Fault::Overflow));
    assert_eq!(float_to_int(-9_223_372_036_854_775_808.0), Ok(i64::MIN));
}

#[test]
fn texts_are_read_as_the_grammar_has_them() {
    assert_eq!(text_to_int("+5"), Ok(5));
    assert_eq!(text_to_int("9223372036854775808"), Err(Fault::Overflow));
    assert_eq!(text_to_float("1e309"), Err(Fault::NotFinite));
    assert_eq!(text_to_decimal("1.005", 2, Excess::Round), Ok(100));
    assert_eq!(text_to_decimal("1.0151", 2, Excess::Round), Ok(102));
    assert_eq!(text_to_decimal("1.010", 2, Excess::Refuse), Ok(101));
    assert_eq!(text_to_decimal("1.011", 2, Excess::Refuse), Err(Fault::Precision));
    assert_eq!(text_to_decimal("-12e-1", 0, Excess::Round), Ok(-1));
    assert_eq!(text_to_decimal("5e-1", 0, Excess::Round), Ok(0));
    assert_eq!(text_to_decimal("5e-2", 0, Excess::Round), Ok(0));
    assert_eq!(text_to_decimal("1e38", 0, Excess::Round), Err(Fault::Overflow));
    assert_eq!(text_to_decimal("0e999999999999999999", 2, Excess::Round), Ok(0));
    assert_eq!(text_to_decimal("1e-999999999999999999", 2, Excess::Round), Ok(0));
    for wrong in ["", "-", ".5", "5.", "1e", "1e+", " 1", "1 ", "0x1", "inf", "NaN", "1_000", "1..2"] {
        assert_eq!(text_to_float(wrong), Err(Fault::Conversion), "{wrong}");
        assert_eq!(text_to_decimal(wrong, 2, Excess::Round), Err(Fault::Conversion), "{wrong}");
        assert_eq!(text_to_int(wrong), Err(Fault::Conversion), "{wrong}");
    }
}

fn scaled() -> impl Strategy<Value = (i128, u8)> {
    let mantissa = prop_oneof![-999i128..1000, any::<i64>().prop_map(i128::from), -NINES..=NINES];
    (mantissa, prop_oneof![0u8..4, 0u8..=38])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// Sums, quotients without fraction and comparisons against the same numbers at one common scale in 256 bits.
    #[test]
    fn decimals_are_exact((a, sa) in scaled(), (b, sb) in scaled()) {
        let wide = |mantissa: i128, scale: u8| I256::product(mantissa, power(u32::from(sa.max(sb) - scale)));
        let (wide_a, wide_b) = (wide(a, sa), wide(b, sb));
        let fit = |value: Option<I256>| value.and_then(I256::to_i128).filter(|value| value.abs() <= NINES).ok_or(Fault::Overflow);
        prop_assert_eq!(add_decimal(a, sa, b, sb), fit(wide_a.checked_add(wide_b)));
        prop_assert_eq!(subtract_decimal(a, sa, b, sb), fit(wide_a.checked_sub(wide_b)));
        prop_assert_eq!(compare_decimal(a, sa, b, sb), wide_a.cmp(&wide_b));
        if b != 0 {
            let (quotient, rest) = wide_a.div_rem(wide_b).unwrap();
            prop_assert_eq!(div_decimal(a, sa, b, sb), fit(Some(quotient)).map(Some));
            prop_assert_eq!(mod_decimal(a, sa, b, sb), fit(Some(rest)).map(Some));
        }
    }

    /// `|a/b − q| ≤ ½ unit`, checked by multiplying back; ties are even.
    #[test]
    fn quotients_are_the_nearest(a in -10i128.pow(15)..10i128.pow(15), sa in 0u8..6, b in -10i128.pow(9)..10i128.pow(9), sb in 0u8..6) {
        prop_assume!(b != 0);
        let q = divide_decimal(a, sa, b, sb).unwrap().unwrap();
        // a·10^digits = q·b + rest
        let digits = u32::from(quotient_scale(sa, sb) + sb - sa);
        let rest = a * power(digits) - q * b;
        prop_assert!(2 * rest.abs() <= b.abs());
        prop_assert!(2 * rest.abs() < b.abs() || q % 2 == 0);
    }

    #[test]
    fn products_are_exact(a in -10i128.pow(18)..10i128.pow(18), sa in 0u8..=19, b in -10i128.pow(18)..10i128.pow(18), sb in 0u8..=19) {
        prop_assert_eq!(multiply_decimal(a, sa, b, sb), Ok(a * b));
    }

    #[test]
    fn texts_round_trip((mantissa, scale) in scaled(), int: i64, float in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
        let text = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        let decimal = text(&|out| write_decimal(out, mantissa, scale));
        prop_assert_eq!(text_to_decimal(&decimal, scale, Excess::Refuse), Ok(mantissa));
        prop_assert_eq!(decimal.split('.').nth(1).map_or(0, str::len), usize::from(scale));
        prop_assert_eq!(text(&|out| write_int(out, int)), int.to_string());
        prop_assert_eq!(text_to_float(&text(&|out| write_float(out, float))), Ok(float + 0.0));
        // The nearest float of a decimal is that of its text; the exact decimal of a float rounds back to it.
        prop_assert_eq!(decimal_to_float(mantissa, scale), decimal.parse::<f64>().unwrap() + 0.0);
        let small = float % 1e15;
        if let Ok(mantissa) = float_to_decimal(small, 22) {
            let exact = format!("{small:.22}");
            prop_assert_eq!(text_to_decimal(&exact, 22, Excess::Refuse), Ok(mantissa));
        }
    }

    #[test]
    fn rounded_reading_is_rescaling((mantissa, scale) in scaled(), to in 0u8..=38) {
        let mut text = Vec::new();
        write_decimal(&mut text, mantissa, scale);
        let text = String::from_utf8(text).unwrap();
        prop_assert_eq!(text_to_decimal(&text, to, Excess::Round), rescale(mantissa, scale, to));
    }
}

#[test]
fn exponents_of_any_length_are_read() {
    let decimal = |text: &str| text_to_decimal(text, 2, Excess::Round);
    let nines = "9".repeat(40);
    assert_eq!(decimal(&format!("1e{nines}")), Err(Fault::Overflow));
    assert_eq!(decimal(&format!("0e{nines}")), Ok(0));
    assert_eq!(decimal(&format!("1e-{nines}")), Ok(0));
    assert_eq!(text_to_decimal(&format!("1e-{nines}"), 2, Excess::Refuse), Err(Fault::Precision));
}

#[test]
fn limits_are_no_values() {
    assert_eq!((check_precision(99, 2), check_precision(-99, 2)), (Ok(99), Ok(-99)));
    assert_eq!((check_precision(100, 2), check_precision(-100, 2)), (Err(Fault::Precision), Err(Fault::Precision)));
    let (last, first) = (i64::from(i32::MAX), i64::from(i32::MIN));
    assert_eq!(add_to_date(last - 1, DAY), Ok(last));
    assert_eq!(add_to_date(last, DAY), Err(Fault::Overflow));
    assert_eq!(subtract_from_date(first + 1, DAY), Ok(first));
    assert_eq!(subtract_from_date(first, DAY), Err(Fault::Overflow));
    assert_eq!(subtract_from_date(0, DAY + 1), Err(Fault::Precision));
    assert_eq!(crate::convert::date_to_timestamp(1 << 40, &crate::zone::Zone::utc()), Err(Fault::Overflow));
}
