//! Every aggregate against a plain reading of its definition, over whole and partial groups.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::naive::{self, Row};

fn fold(aggregate: &Aggregate, slots: &[usize], rows: &[&Row]) -> Accumulator {
    let mut state = Accumulator::new(aggregate);
    for row in rows {
        let cells: Vec<Cell<'_>> = slots.iter().map(|slot| row.args[*slot].as_cell()).collect();
        state.update(aggregate, &cells, row.time, row.order, row.weight).unwrap();
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn groups_agree_with_the_definition(
        (func, slots) in naive::aggregate(), rows in proptest::collection::vec(naive::row(100), 0..40), cut in 0usize..40,
        takes in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let types: Vec<_> = slots.iter().map(|slot| naive::arguments()[*slot].clone()).collect();
        let aggregate = Aggregate::new(func, &types).unwrap();
        let mut rows = rows;
        if func.invertible() && !rows.is_empty() {
            naive::take_back(&mut rows, &takes);
        }
        let all: Vec<&Row> = rows.iter().collect();
        let expected = naive::value(func, &slots, &rows);
        prop_assert_eq!(fold(&aggregate, &slots, &all).read(&aggregate), expected.clone());
        let back: Vec<&Row> = rows.iter().rev().collect();
        prop_assert_eq!(fold(&aggregate, &slots, &back).read(&aggregate), expected.clone());
        let (left, right) = all.split_at(cut.min(all.len()));
        let mut merged = fold(&aggregate, &slots, right);
        merged.merge(&aggregate, &fold(&aggregate, &slots, left));
        prop_assert_eq!(merged.read(&aggregate), expected);
    }
}

fn over(func: AggregateFunc, kind: Kind, cells: &[Cell<'_>]) -> Result<Value, Fault> {
    let aggregate = Aggregate::new(func, &[DataType::required(kind)]).unwrap();
    let mut state = Accumulator::new(&aggregate);
    for (at, cell) in cells.iter().enumerate() {
        state.update(&aggregate, &[*cell], at as i64, Order::default(), 1).unwrap();
    }
    state.read(&aggregate)
}

const MONEY: Kind = Kind::Decimal { precision: 12, scale: 2 };

#[test]
fn over_no_rows_counts_and_sums_are_zero_and_the_rest_is_absent() {
    let top = AggregateFunc::TopK { n: 3, by: false };
    assert_eq!(over(AggregateFunc::Sum, MONEY, &[]), Ok(Value::Decimal(0)));
    assert_eq!(over(AggregateFunc::Sum, Kind::Float, &[]), Ok(Value::Float(0.0)));
    assert_eq!(over(AggregateFunc::CountDistinct { exact: false }, MONEY, &[]), Ok(Value::Int(0)));
    assert_eq!(over(top, Kind::String, &[]), Ok(Value::List(Arc::new([]))));
    for func in [AggregateFunc::Mean, AggregateFunc::Min, AggregateFunc::First, AggregateFunc::Var] {
        assert_eq!(over(func, Kind::Int, &[]), Ok(Value::Absent), "{func:?}");
    }
    assert_eq!(over(AggregateFunc::Ratio, Kind::Bool, &[]), Ok(Value::Absent));
    assert_eq!(over(AggregateFunc::Stddev, Kind::Int, &[Cell::Int(1)]), Ok(Value::Absent));
}

#[test]
fn sums_are_judged_on_the_final_value() {
    let max = Cell::Int(i64::MAX);
    assert_eq!(over(AggregateFunc::Sum, Kind::Int, &[max, max, Cell::Int(-i64::MAX)]), Ok(Value::Int(i64::MAX)));
    assert_eq!(over(AggregateFunc::Sum, Kind::Int, &[max, Cell::Int(1)]), Err(Fault::Overflow));
    let most = 10i128.pow(38) - 1;
    let kind = Kind::Decimal { precision: 38, scale: 0 };
    let sum = |cells: &[i128]| {
        over(AggregateFunc::Sum, kind.clone(), &cells.iter().map(|cell| Cell::Decimal(*cell)).collect::<Vec<_>>())
    };
    assert_eq!(sum(&[most, most, -most]), Ok(Value::Decimal(most)));
    assert_eq!(sum(&[most, 1]), Err(Fault::Overflow));
    assert_eq!(sum(&[-most]), Ok(Value::Decimal(-most)));
    assert_eq!(sum(&[-most, -1]), Err(Fault::Overflow));
}

#[test]
fn means_have_the_type_and_the_rounding_of_division() {
    assert_eq!(over(AggregateFunc::Mean, Kind::Int, &[Cell::Int(1), Cell::Int(2)]), Ok(Value::Float(1.5)));
    let max = Cell::Int(i64::MAX);
    assert_eq!(over(AggregateFunc::Mean, Kind::Int, &[max, max]), Ok(Value::Float(i64::MAX as f64)));
    // 0.10 ÷ 3 = 0.03333333 with two digits and six more
    let tenth = [Cell::Decimal(10), Cell::Decimal(0), Cell::Decimal(0)];
    assert_eq!(over(AggregateFunc::Mean, MONEY, &tenth), Ok(Value::Decimal(3_333_333)));
    // 0.01 ÷ 128 = 0.000078125, and three times that 0.000234375: ties go to the even one.
    for (cents, expected) in [(1, 7_812), (3, 23_438), (-1, -7_812), (-3, -23_438)] {
        let cells: Vec<Cell<'_>> = (0..128).map(|at| Cell::Decimal(if at == 0 { cents } else { 0 })).collect();
        assert_eq!(over(AggregateFunc::Mean, MONEY, &cells), Ok(Value::Decimal(expected)), "{cents}");
    }
    let mean = Aggregate::new(AggregateFunc::Mean, &[DataType::required(MONEY)]).unwrap();
    assert_eq!(mean.result(), &DataType::optional(Kind::Decimal { precision: 38, scale: 8 }));
    // A duration's mean is one, to the microsecond: ties go to the even one.
    let durations = |cells: &[i64]| {
        over(AggregateFunc::Mean, Kind::Duration, &cells.iter().map(|cell| Cell::Int(*cell)).collect::<Vec<_>>())
    };
    assert_eq!(durations(&[1, 2]), Ok(Value::Int(2)));
    assert_eq!(durations(&[-1, -2, -2, -1, -1]), Ok(Value::Int(-1)));
    assert_eq!(durations(&[0, -1]), Ok(Value::Int(0)));
    assert_eq!(durations(&[i64::MAX, i64::MAX, i64::MAX]), Ok(Value::Int(i64::MAX)));
    assert_eq!(durations(&[i64::MIN, i64::MIN]), Ok(Value::Int(i64::MIN)));
    assert_eq!(durations(&[]), Ok(Value::Absent));
    // A decimal's variance is a float: that of 1.00, 2.00 and 4.00 is 7/3.
    let cells = [Cell::Decimal(100), Cell::Decimal(200), Cell::Decimal(400)];
    assert_eq!(over(AggregateFunc::Var, MONEY, &cells), Ok(Value::Float(7.0 / 3.0)));
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let aggregate = Aggregate::new(AggregateFunc::Sum, &[DataType::required(Kind::Float)]).unwrap();
    let mut state = Accumulator::new(&aggregate);
    let mut put = |cells: &[Cell<'_>]| state.update(&aggregate, cells, 0, Order::default(), 1);
    assert_eq!(put(&[Cell::Absent]), Err(Fault::Malformed));
    assert_eq!(put(&[Cell::Int(1)]), Err(Fault::Malformed));
    assert_eq!(put(&[]), Err(Fault::Malformed));
    assert_eq!(put(&[Cell::Float(f64::INFINITY)]), Err(Fault::NotFinite));
    assert_eq!(state.read(&aggregate), Ok(Value::Float(0.0)));

    let least = Aggregate::new(AggregateFunc::Min, &[DataType::required(Kind::Int)]).unwrap();
    let mut state = Accumulator::new(&least);
    assert_eq!(state.update(&least, &[Cell::Int(1)], 0, Order::default(), -1), Err(Fault::Malformed));
}

#[test]
fn arguments_are_typed() {
    let types = |kinds: &[Kind]| kinds.iter().cloned().map(DataType::required).collect::<Vec<_>>();
    let refused = [
        (AggregateFunc::Sum, types(&[Kind::String])),
        (AggregateFunc::Mean, types(&[Kind::Timestamp])),
        (AggregateFunc::Ratio, types(&[Kind::Int])),
        (AggregateFunc::Count, types(&[Kind::Int])),
        (AggregateFunc::TopK { n: 1, by: true }, types(&[Kind::Int, Kind::String])),
        (AggregateFunc::TopK { n: 1, by: true }, types(&[Kind::Int])),
        (AggregateFunc::Min, types(&[])),
    ];
    for (func, args) in refused {
        assert!(func.result(&args).is_err(), "{func:?} {args:?}");
    }
}

#[test]
fn cells_have_a_total_order() {
    let list = |cells: &[i64]| Value::List(cells.iter().map(|cell| Value::Int(*cell)).collect());
    let ascending = [
        [Value::Bool(false), Value::Bool(true)],
        [Value::Float(-1.5), Value::Float(0.0)],
        [Value::Decimal(-1), Value::Decimal(3)],
        [Value::String("a\u{ffff}".into()), Value::String("a\u{10000}".into())],
        [Value::String("Z".into()), Value::String("a".into())],
        [list(&[1]), list(&[1, 0])],
        [list(&[1, 9]), list(&[2])],
        [Value::Int(7), Value::Absent],
    ];
    for [less, more] in ascending {
        assert!(compare(less.as_cell(), more.as_cell()).is_lt(), "{less:?} {more:?}");
        assert!(compare(more.as_cell(), less.as_cell()).is_gt(), "{less:?} {more:?}");
    }
    assert!(compare(Cell::Float(0.0), Cell::Float(-0.0)).is_eq());
}

/// The number that announces more than 128 bits may be a sum itself.
#[test]
fn sums_of_any_width_are_written_and_read() {
    let measure = total::Measure::Whole(0);
    let mut sum = measure.zero();
    for part in [i128::MIN, -1, 1, i128::MAX, i128::MAX, 5, 2] {
        sum.add(total::Part::Whole(part), 1).unwrap();
        let mut bytes = Vec::new();
        sum.encode(&mut bytes);
        let mut from = crate::bytes::Reader::new(&bytes);
        let mut again = total::Total::decode(measure, &mut from).unwrap();
        again.unmerge(&sum);
        assert!(again.is_zero() && from.byte().is_err(), "after {part}");
    }
}
