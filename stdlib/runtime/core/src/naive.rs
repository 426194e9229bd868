//! The judge of the tests: aggregates read off their definitions, over a plain list of rows.
//!
//! Floats are multiples of 1/8 of at most 2^20, so that sums, and the parts of variances, are exact in a double and one
//! division of the hardware rounds as the definition wants.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::aggregate::{AggregateFunc, Order, compare};
use crate::fault::Fault;
use crate::types::{DataType, Kind};
use crate::value::Value;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) time: i64,
    pub(crate) order: Order,
    pub(crate) args: Vec<Value>,
    pub(crate) weight: i8,
}

/// The slots: int, float, decimal(12, 2), string, bool, bool.
pub(crate) fn arguments() -> Vec<DataType> {
    [Kind::Int, Kind::Float, Kind::Decimal { precision: 12, scale: 2 }, Kind::String, Kind::Bool, Kind::Bool]
        .into_iter()
        .map(DataType::required)
        .collect()
}

/// A row whose time is below `span`; its place in arrival order is set by who uses it.
pub(crate) fn row(span: i64) -> impl Strategy<Value = Row> {
    let cents = prop_oneof![8 => -500i128..500, 1 => -5_000_000_000i128..5_000_000_000];
    let args = (-3i64..4, -40i32..40, cents, 0u8..5, any::<bool>(), prop::bool::weighted(0.7));
    (0..span, 0i64..4, args).prop_map(|(time, arrived, (int, eighths, cents, text, a, b))| Row {
        time,
        order: Order { arrived, ..Order::default() },
        args: vec![
            Value::Int(int),
            Value::Float(f64::from(eighths) / 8.0),
            Value::Decimal(cents),
            Value::String(["", "a", "ab", "b", "é"][usize::from(text)].into()),
            Value::Bool(a),
            Value::Bool(b),
        ],
        weight: 1,
    })
}

/// An aggregate and the slots of its arguments.
pub(crate) fn aggregate() -> impl Strategy<Value = (AggregateFunc, Vec<usize>)> {
    let numeric = prop_oneof![
        Just(AggregateFunc::Sum),
        Just(AggregateFunc::Mean),
        Just(AggregateFunc::Var),
        Just(AggregateFunc::Stddev)
    ];
    let any_type = prop_oneof![
        Just(AggregateFunc::Min),
        Just(AggregateFunc::Max),
        Just(AggregateFunc::First),
        Just(AggregateFunc::Last),
        any::<bool>().prop_map(|exact| AggregateFunc::CountDistinct { exact }),
        (0u32..5).prop_map(|n| AggregateFunc::TopK { n, by: false }),
    ];
    prop_oneof![
        1 => Just((AggregateFunc::Count, vec![])),
        4 => (numeric, 0usize..3).prop_map(|(func, slot)| (func, vec![slot])),
        5 => (any_type, 0usize..5).prop_map(|(func, slot)| (func, vec![slot])),
        1 => (0u32..5, 0usize..4, 0usize..3)
            .prop_map(|(n, slot, by)| (AggregateFunc::TopK { n, by: true }, vec![slot, by])),
        1 => Just((AggregateFunc::Ratio, vec![4])),
    ]
}

/// Appends rows that take some of the rows back, each at most once.
pub(crate) fn take_back(rows: &mut Vec<Row>, which: &[prop::sample::Index]) {
    let mut taken: Vec<usize> = which.iter().map(|index| index.index(rows.len())).collect();
    taken.sort_unstable();
    taken.dedup();
    for at in taken {
        let mut back = rows[at].clone();
        back.weight = -1;
        rows.push(back);
    }
}

/// The value of an aggregate over rows, of which those taken back leave with what takes them back.
pub(crate) fn value(func: AggregateFunc, slots: &[usize], rows: &[Row]) -> Result<Value, Fault> {
    let mut left: Vec<&Row> = Vec::new();
    for row in rows.iter().filter(|row| row.weight == 1) {
        left.push(row);
    }
    for back in rows.iter().filter(|row| row.weight == -1) {
        let at = left.iter().position(|row| (row.time, row.order, &row.args) == (back.time, back.order, &back.args));
        left.remove(at.expect("a row is taken back that came before"));
    }
    let n = left.len();
    let cells: Vec<&Value> = slots.first().map_or(vec![], |slot| left.iter().map(|row| &row.args[*slot]).collect());
    let optional = |value: Option<Value>| Ok(value.unwrap_or(Value::Absent));
    match func {
        AggregateFunc::Count => Ok(Value::Int(n as i64)),
        AggregateFunc::Sum => Ok(sum(slots[0], &left)),
        AggregateFunc::Mean => optional((n > 0).then(|| match sum(slots[0], &left) {
            Value::Int(sum) => Value::Float(sum as f64 / n as f64),
            Value::Float(sum) => Value::Float(sum / n as f64),
            Value::Decimal(sum) => Value::Decimal(half_even(sum * 1_000_000, n as i128)),
            other => panic!("{other:?} is no sum"),
        })),
        AggregateFunc::Var => optional(variance(slots[0], &left).map(Value::Float)),
        AggregateFunc::Stddev => optional(variance(slots[0], &left).map(|variance| Value::Float(variance.sqrt()))),
        AggregateFunc::Min => optional(sorted(cells).first().map(|value| (*value).clone())),
        AggregateFunc::Max => optional(sorted(cells).last().map(|value| (*value).clone())),
        AggregateFunc::First | AggregateFunc::Last => {
            left.sort_by(|a, b| {
                let places = (a.time, a.order).cmp(&(b.time, b.order));
                places.then(compare(a.args[slots[0]].as_cell(), b.args[slots[0]].as_cell()))
            });
            let row = if func == AggregateFunc::First { left.first() } else { left.last() };
            optional(row.map(|row| row.args[slots[0]].clone()))
        }
        AggregateFunc::CountDistinct { .. } => {
            let mut values = sorted(cells);
            values.dedup();
            Ok(Value::Int(values.len() as i64))
        }
        AggregateFunc::TopK { n, by } => {
            let mut groups: BTreeMap<String, (Value, Vec<&Row>)> = BTreeMap::new();
            for row in left {
                let value = &row.args[slots[0]];
                groups.entry(format!("{value:?}")).or_insert_with(|| (value.clone(), vec![])).1.push(row);
            }
            let mut groups: Vec<_> = groups.into_values().collect();
            groups.sort_by(|a, b| {
                let rank = |rows: &[&Row]| if by { sum(slots[1], rows) } else { Value::Int(rows.len() as i64) };
                let ranks = compare(rank(&b.1).as_cell(), rank(&a.1).as_cell());
                ranks.then(compare(a.0.as_cell(), b.0.as_cell()))
            });
            let rows = groups.into_iter().take(n as usize);
            let record =
                |(value, rows): (Value, Vec<&Row>)| Value::Record([value, Value::Int(rows.len() as i64)].into());
            Ok(Value::List(rows.map(record).collect()))
        }
        AggregateFunc::Ratio => {
            let holds = cells.iter().filter(|cell| **cell == &Value::Bool(true)).count();
            optional((n > 0).then(|| Value::Float(holds as f64 / n as f64)))
        }
    }
}

fn sorted(mut cells: Vec<&Value>) -> Vec<&Value> {
    cells.sort_by(|a, b| compare(a.as_cell(), b.as_cell()));
    cells
}

fn sum(slot: usize, rows: &[&Row]) -> Value {
    let zero = match slot {
        0 => Value::Int(0),
        1 => Value::Float(0.0),
        _ => Value::Decimal(0),
    };
    rows.iter().fold(zero, |sum, row| match (sum, &row.args[slot]) {
        (Value::Int(a), Value::Int(b)) => Value::Int(a + b),
        (Value::Float(a), Value::Float(b)) => Value::Float(a + b),
        (Value::Decimal(a), Value::Decimal(b)) => Value::Decimal(a + b),
        other => panic!("{other:?} do not add"),
    })
}

/// Over whole units: of 1/8 for floats, of 1/100 for decimals.
fn variance(slot: usize, rows: &[&Row]) -> Option<f64> {
    let units: Vec<i128> = rows
        .iter()
        .map(|row| match &row.args[slot] {
            Value::Int(value) => i128::from(*value),
            Value::Float(value) => (value * 8.0) as i128,
            Value::Decimal(value) => *value,
            other => panic!("{other:?} is no number"),
        })
        .collect();
    let n = units.len() as i128;
    if n < 2 {
        return None;
    }
    let scale = [1, 64, 10_000][slot];
    let sum: i128 = units.iter().sum();
    let squares: i128 = units.iter().map(|unit| unit * unit).sum();
    Some(divide(n * squares - sum * sum, n * (n - 1) * scale))
}

/// A quotient of non-negative integers rounded half to even to 53 bits, bit by bit.
fn divide(numerator: i128, denominator: i128) -> f64 {
    if numerator == 0 {
        return 0.0;
    }
    let (mut a, mut b, mut exponent) = (numerator, denominator, 0);
    while a < b {
        a *= 2;
        exponent -= 1;
    }
    while a >= 2 * b {
        b *= 2;
        exponent += 1;
    }
    // 1 ≤ a ÷ b < 2: 53 bits of it
    let mut bits = 0u64;
    for _ in 0..53 {
        bits *= 2;
        if a >= b {
            a -= b;
            bits += 1;
        }
        a *= 2;
    }
    if a > b || a == b && bits % 2 == 1 {
        bits += 1;
    }
    libm::ldexp(bits as f64, exponent - 52)
}

fn half_even(a: i128, b: i128) -> i128 {
    let (quotient, rest) = (a.div_euclid(b), a.rem_euclid(b));
    quotient + i128::from(2 * rest > b || 2 * rest == b && quotient % 2 != 0)
}
