//! Judges: a rational over big integers written here, and Python's `fractions` where there is a `python3`.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

fn sum_of(values: &[f64]) -> FloatSum {
    let mut sum = FloatSum::default();
    for value in values {
        sum.add_float(*value, 1).unwrap();
    }
    sum
}

fn squares_of(values: &[f64]) -> SquareSum {
    let mut sum = SquareSum::default();
    for value in values {
        sum.add_float_square(*value, 1).unwrap();
    }
    sum
}

fn bytes<M: Mantissa>(sum: &Exact<M>) -> Vec<u8> {
    let mut out = Vec::new();
    sum.encode(&mut out);
    out
}

fn variance(values: &[f64]) -> Result<Option<f64>, Fault> {
    let sum = sum_of(values);
    let (_, magnitude, exponent) = sum.parts();
    sample_variance(values.len() as u64, (&magnitude, exponent), &squares_of(values), 0)
}

/// What is left after the division decides where the quotient's bits stand exactly between two doubles.
#[test]
fn a_mean_just_above_the_middle_of_two_doubles_is_the_upper_one() {
    let power = |exponent: i32| 2.0_f64.powi(exponent);
    let (low, high) = (power(125), power(125) + power(73));
    let mean = |rest: &[f64]| sum_of(&[&[3.0 * power(125), 3.0 * power(72)], rest].concat()).mean(3);
    assert_eq!((mean(&[]), mean(&[1.0]), mean(&[-1.0])), (Ok(low), Ok(high), Ok(low)));
}

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
        2 => (-1_000_000i64..1_000_000).prop_map(|cents| cents as f64 / 100.0),
        1 => prop_oneof![Just(1e308), Just(-1e308), Just(1e-320), Just(5e-324), Just(0.0), Just(-0.0), Just(f64::MAX)],
    ]
}

#[test]
fn cancellation_leaves_the_smallest_term() {
    let terms = [1e308, 1e308, -1e308, -1e308, 1e-320];
    for turn in 0..5 {
        let mut terms = terms;
        terms.rotate_left(turn);
        assert_eq!(sum_of(&terms).round(), Ok(1e-320));
        terms.swap(0, 3);
        assert_eq!(sum_of(&terms).round(), Ok(1e-320));
    }
}

#[test]
fn only_the_final_value_may_overflow() {
    assert_eq!(sum_of(&[f64::MAX, f64::MAX]).round(), Err(Fault::NotFinite));
    assert_eq!(sum_of(&[f64::MAX, f64::MAX]).mean(2), Ok(f64::MAX));
    assert_eq!(sum_of(&[f64::MAX, f64::MAX, -f64::MAX]).round(), Ok(f64::MAX));
    assert_eq!(variance(&[f64::MAX, f64::MIN]), Err(Fault::NotFinite));
}

#[test]
fn zero_has_no_sign() {
    assert_eq!(sum_of(&[-0.0]).round().unwrap().to_bits(), 0);
    assert_eq!(sum_of(&[-0.0, 1.5, -1.5]).round().unwrap().to_bits(), 0);
    let tiny = sum_of(&[-5e-324]);
    assert_eq!(tiny.mean(3).unwrap().to_bits(), 0);
}

#[test]
fn what_is_not_a_number_is_refused_and_changes_nothing() {
    let mut sum = sum_of(&[1.0]);
    assert_eq!(sum.add_float(f64::NAN, 1), Err(Fault::NotFinite));
    assert_eq!(sum.add_float(f64::INFINITY, -1), Err(Fault::NotFinite));
    assert_eq!(sum.round(), Ok(1.0));
}

#[test]
fn small_variances_are_the_textbook_ones() {
    assert_eq!(variance(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), Ok(Some(32.0 / 7.0)));
    assert_eq!(variance(&[1e15 + 1.0, 1e15 + 2.0, 1e15 + 3.0]), Ok(Some(1.0)));
    assert_eq!(variance(&[0.1; 9]), Ok(Some(0.0)));
    assert_eq!(variance(&[0.0, 0.0]), Ok(Some(0.0)));
    assert_eq!(variance(&[3.0]), Ok(None));
}

#[test]
fn damaged_bytes_are_refused() {
    let whole = bytes(&sum_of(&[1e300, 1e-300, 7.0]));
    for cut in 0..whole.len() {
        assert!(FloatSum::decode(&mut Reader::new(&whole[..cut])).is_err());
    }
    let mut huge = Vec::new();
    write_unsigned(&mut huge, 2);
    write_signed(&mut huge, i64::from(i32::MAX));
    huge.push(1);
    assert!(FloatSum::decode(&mut Reader::new(&huge)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn order_merging_and_encoding_change_nothing(
        mut values in proptest::collection::vec(finite(), 0..40), cut in 0usize..40, extra in proptest::collection::vec(finite(), 0..8),
    ) {
        let (sum, squares) = (bytes(&sum_of(&values)), bytes(&squares_of(&values)));
        let cut = cut.min(values.len());
        let (mut left, right) = (sum_of(&values[..cut]), sum_of(&values[cut..]));
        left = FloatSum::decode(&mut Reader::new(&bytes(&left))).unwrap();
        left.merge(&right);
        prop_assert_eq!(&bytes(&left), &sum);
        left.unmerge(&right);
        prop_assert_eq!(bytes(&left), bytes(&sum_of(&values[..cut])));
        let (mut left, right) = (squares_of(&values[cut..]), squares_of(&values[..cut]));
        left = SquareSum::decode(&mut Reader::new(&bytes(&left))).unwrap();
        left.merge(&right);
        prop_assert_eq!(&bytes(&left), &squares);
        left.unmerge(&right);
        prop_assert_eq!(bytes(&left), bytes(&squares_of(&values[cut..])));

        values.reverse();
        let (mut back, mut back_squares) = (FloatSum::default(), SquareSum::default());
        for value in values.iter().chain(&extra) {
            back.add_float(*value, 1).unwrap();
            back_squares.add_float_square(*value, 1).unwrap();
        }
        for value in &extra {
            back.add_float(*value, -1).unwrap();
            back_squares.add_float_square(*value, -1).unwrap();
        }
        prop_assert_eq!(&bytes(&back), &sum);
        prop_assert_eq!(&bytes(&back_squares), &squares);
        if let Some((mantissa, exponent)) = back.narrowed() {
            prop_assert_eq!(bytes(&FloatSum::Narrow { mantissa, exponent }), sum);
        }
    }

    #[test]
    fn integers_and_decimals_have_exact_variance(values in proptest::collection::vec(-99_999i64..99_999, 2..20), scale in 0u32..3) {
        let mut squares = SquareSum::default();
        let mut sum = 0i128;
        for value in &values {
            squares.add_square((*value).into(), 1);
            sum += i128::from(*value);
        }
        let n = values.len() as i128;
        let magnitude = Natural::from_u128(sum.unsigned_abs());
        let found = sample_variance(n as u64, (&magnitude, 0), &squares, scale).unwrap().unwrap();
        let of_squares: i128 = values.iter().map(|x| i128::from(*x) * i128::from(*x)).sum();
        // Both sides of this division are below 2^53 × 2^53, so compare by cross-checking with the exact ratio.
        let numerator = Natural::from_u128((n * of_squares - sum * sum).unsigned_abs());
        let denominator = Natural::from_u128((n * (n - 1) * 100i128.pow(scale)).unsigned_abs());
        prop_assert_eq!(found, round_ratio(&numerator, &denominator, 0).unwrap());
    }
}

/// Sum, mean and sample variance of each line of numbers, by Python's exact rationals.
const JUDGE: &str = r"
import sys, math
from fractions import Fraction
def rounded(x):
    try:
        return float(x).hex()
    except OverflowError:
        return 'inf'
for line in sys.stdin:
    xs = [float.fromhex(w) for w in line.split()]
    total = sum(map(Fraction, xs), Fraction(0))
    n = len(xs)
    try:
        assert math.fsum(xs) == float(total)
    except OverflowError:
        pass
    var = (n * sum((Fraction(x) ** 2 for x in xs), Fraction(0)) - total ** 2) / (n * (n - 1))
    print(rounded(total), rounded(total / n), rounded(var))
";

fn hex(value: f64) -> String {
    let (mantissa, exponent) = split(value).unwrap();
    format!("{}0x{:x}p{exponent}", if mantissa < 0 { "-" } else { "" }, mantissa.unsigned_abs())
}

fn parse_hex(text: &str) -> Result<f64, Fault> {
    if text == "inf" {
        return Err(Fault::NotFinite);
    }
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (digits, power) = text.strip_prefix("0x").unwrap().split_once('p').unwrap();
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa = u128::from_str_radix(&format!("{whole}{part}"), 16).unwrap();
    let exponent = power.parse::<i64>().unwrap() - 4 * part.len() as i64;
    Ok(with_sign(round_scaled(mantissa, false, exponent).unwrap(), negative))
}

#[test]
fn python_agrees() {
    let Ok(mut judge) =
        Command::new("python3").args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    else {
        eprintln!("SKIPPED exact::tests::python_agrees: there is no python3 on this machine");
        return;
    };
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let lists: Vec<Vec<f64>> = (0..3000)
        .map(|round| {
            let length = 2 + next() % 30;
            let mut list: Vec<f64> = (0..length)
                .map(|_| match round % 4 {
                    0 => f64::from_bits(next() & !(1 << 62)),
                    1 => (next() % 1_000_000) as f64 / 100.0,
                    2 => f64::from_bits(next() & !(0x400 << 52) & !(0x3f0 << 52)),
                    _ => f64::from_bits(next()),
                })
                .filter(|value| value.is_finite())
                .collect();
            list.extend([1.0, -0.5]);
            if round % 3 == 0 {
                let twins: Vec<f64> = list.iter().skip(1).map(|value| -value).collect();
                list.extend(twins);
            }
            list
        })
        .collect();
    let text: String =
        lists.iter().map(|list| list.iter().map(|value| hex(*value)).collect::<Vec<_>>().join(" ") + "\n").collect();
    let mut input = judge.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = judge.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), lists.len());
    for (list, line) in lists.iter().zip(answers.lines()) {
        let expected: Vec<_> = line.split(' ').map(parse_hex).collect();
        let sum = sum_of(list);
        let found = [sum.round(), sum.mean(list.len() as u64), variance(list).map(Option::unwrap)];
        assert_eq!(found.as_slice(), expected, "{list:?}");
    }
}
