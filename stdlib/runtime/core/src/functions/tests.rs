use super::*;
use crate::calendar::parse_timestamp;

const MONEY: Kind = Kind::Decimal { precision: 38, scale: 2 };

fn call(function: Function, arguments: &[(Kind, Value)]) -> Result<Value, Fault> {
    let kinds: Vec<&Kind> = arguments.iter().map(|(kind, _)| kind).collect();
    let cells: Vec<Cell<'_>> = arguments.iter().map(|(_, value)| value.as_cell()).collect();
    assert!(function.result(&kinds).is_some(), "{function:?} is not defined on {kinds:?}");
    function.call(&kinds, &cells, &Zone::fixed(3_600))
}

fn text(text: &str) -> (Kind, Value) {
    (Kind::String, Value::String(text.into()))
}

fn float(value: f64) -> (Kind, Value) {
    (Kind::Float, Value::Float(value))
}

fn int(value: i64) -> (Kind, Value) {
    (Kind::Int, Value::Int(value))
}

fn money(value: i128) -> (Kind, Value) {
    (MONEY, Value::Decimal(value))
}

#[test]
fn numbers() {
    use Function::{Abs, Ceil, Exp, Floor, Greatest, Least, Ln, Log10, Pow, Round, RoundTo, Sqrt};
    for (function, arguments, expected) in [
        (Abs, vec![int(-5)], Ok(Value::Int(5))),
        (Abs, vec![int(i64::MIN)], Err(Fault::Overflow)),
        (Abs, vec![float(-0.5)], Ok(Value::Float(0.5))),
        (Abs, vec![money(-1)], Ok(Value::Decimal(1))),
        (Floor, vec![float(-0.5)], Ok(Value::Int(-1))),
        (Ceil, vec![float(-0.5)], Ok(Value::Int(0))),
        (Round, vec![float(2.5)], Ok(Value::Int(2))),
        (Round, vec![float(-3.5)], Ok(Value::Int(-4))),
        (Round, vec![float(1e19)], Err(Fault::Overflow)),
        (Floor, vec![money(-150)], Ok(Value::Int(-2))),
        (Ceil, vec![money(101)], Ok(Value::Int(2))),
        (Ceil, vec![money(-199)], Ok(Value::Int(-1))),
        (Ceil, vec![money(200)], Ok(Value::Int(2))),
        (Ceil, vec![money(-200)], Ok(Value::Int(-2))),
        (Round, vec![money(250)], Ok(Value::Int(2))),
        (Round, vec![int(7)], Ok(Value::Int(7))),
        (RoundTo(1), vec![money(125)], Ok(Value::Decimal(12))),
        (RoundTo(3), vec![money(125)], Ok(Value::Decimal(1250))),
        (Sqrt, vec![float(2.0)], Ok(Value::Float(std::f64::consts::SQRT_2))),
        (Sqrt, vec![float(-1.0)], Err(Fault::NotFinite)),
        (Ln, vec![float(0.0)], Err(Fault::NotFinite)),
        (Pow, vec![float(10.0), float(400.0)], Err(Fault::NotFinite)),
        (Pow, vec![float(2.0), float(-1.0)], Ok(Value::Float(0.5))),
        (Ln, vec![float(std::f64::consts::E)], Ok(Value::Float(1.0))),
        // The pinned implementation is one step above the nearest.
        (Exp, vec![float(1.0)], Ok(Value::Float(std::f64::consts::E.next_up()))),
        (Exp, vec![float(1_000.0)], Err(Fault::NotFinite)),
        (Log10, vec![float(1_000.0)], Ok(Value::Float(3.0))),
        (Log10, vec![float(0.0)], Err(Fault::NotFinite)),
        (Least, vec![text("b"), text("a")], Ok(Value::String("a".into()))),
        (Greatest, vec![int(1), int(3), int(2)], Ok(Value::Int(3))),
    ] {
        assert_eq!(call(function, &arguments), expected, "{function:?} of {arguments:?}");
    }
}

#[test]
fn decimals_of_one_scale_have_a_least_and_a_greatest_whatever_their_digits() {
    let of = |precision, scale| Kind::Decimal { precision, scale };
    for function in [Function::Least, Function::Greatest] {
        assert_eq!(function.result(&[&of(8, 3), &of(9, 3), &of(4, 3)]), Some(of(9, 3)));
        assert_eq!(function.result(&[&of(9, 3), &of(8, 3)]), Some(of(9, 3)));
        assert_eq!(function.result(&[&of(9, 3), &of(9, 2)]), None);
        assert_eq!(function.result(&[&Kind::Int, &Kind::Float]), None);
        assert_eq!(function.result(&[&Kind::String, &Kind::String]), Some(Kind::String));
    }
}

#[test]
fn texts() {
    use Function::{Concat, Contains, EndsWith, Length, Lower, Replace, Split, StartsWith, Substring, Trim, Upper};
    let string = |text: &str| Ok(Value::String(text.into()));
    for (function, arguments, expected) in [
        (Length, vec![text("é😀")], Ok(Value::Int(2))),
        (Length, vec![(Kind::Bytes, Value::Bytes("é".as_bytes().into()))], Ok(Value::Int(2))),
        (Lower, vec![text("ÀB")], string("àb")),
        (Upper, vec![text("straße")], string("STRASSE")),
        (Trim, vec![text("\u{a0} a b\n")], string("a b")),
        (StartsWith, vec![text("abc"), text("")], Ok(Value::Bool(true))),
        (EndsWith, vec![text("abc"), text("bc")], Ok(Value::Bool(true))),
        (Contains, vec![text("abc"), text("d")], Ok(Value::Bool(false))),
        (Concat, vec![text("a"), text(""), text("b")], string("ab")),
        (Substring, vec![text("aé😀d"), int(1), int(2)], string("é😀")),
        (Substring, vec![text("abc"), int(-2), int(2)], string("ab")),
        (Substring, vec![text("abc"), int(1), int(-1)], string("")),
        (Substring, vec![text("abc"), int(5), int(i64::MAX)], string("")),
        (Substring, vec![text("abc"), int(2)], string("c")),
        (Replace, vec![text("aaa"), text("aa"), text("b")], string("ba")),
        (Replace, vec![text("abc"), text(""), text("x")], string("abc")),
        (Split, vec![text("a,,b"), text(",")], Ok(Value::List(["a", "", "b"].map(|part| text(part).1).into()))),
        (Split, vec![text("ab"), text("")], Ok(Value::List(["ab"].map(|part| text(part).1).into()))),
    ] {
        assert_eq!(call(function, &arguments), expected, "{function:?} of {arguments:?}");
    }
}

#[test]
fn instants_are_local_and_dates_as_they_are() {
    use Function::{Date, Day, FromEpoch, Hour, Minute, Month, Seconds, ToEpoch, Weekday, Year};
    // A Thursday in UTC, a Friday an hour to the east.
    let late = (Kind::Timestamp, Value::Int(parse_timestamp(b"2025-12-31T23:30:15Z").unwrap()));
    let date = (Kind::Date, Value::Int(0));
    let before = (Kind::Timestamp, Value::Int(-1));
    for (function, argument, expected) in [
        (Year, &late, 2026),
        (Month, &late, 1),
        (Day, &late, 1),
        (Hour, &late, 0),
        (Minute, &late, 30),
        (Weekday, &late, 4),
        (Date, &late, 20_454),
        (Year, &date, 1970),
        (Weekday, &date, 4),
        (Hour, &date, 0),
        (ToEpoch(TimeUnit::Millisecond), &before, -1),
        (ToEpoch(TimeUnit::Microsecond), &before, -1),
    ] {
        assert_eq!(call(function, std::slice::from_ref(argument)), Ok(Value::Int(expected)), "{function:?}");
    }
    assert_eq!(call(FromEpoch(TimeUnit::Second), &[int(2)]), Ok(Value::Int(2_000_000)));
    assert_eq!(call(FromEpoch(TimeUnit::Second), &[int(i64::MAX)]), Err(Fault::Overflow));
    assert_eq!(call(Seconds, &[(Kind::Duration, Value::Int(1_500_000))]), Ok(Value::Float(1.5)));
}

#[test]
fn absent_cells_come_last() {
    let list = |cells: &[Value]| Value::List(cells.into());
    let (one, two, absent) = (Value::Int(1), Value::Int(2), Value::Absent);
    assert!(order(two.as_cell(), absent.as_cell()).is_lt());
    assert!(order(list(std::slice::from_ref(&one)).as_cell(), list(&[one.clone(), one.clone()]).as_cell()).is_lt());
    assert!(order(list(&[two]).as_cell(), list(&[one.clone(), one]).as_cell()).is_gt());
    let fine = Kind::Decimal { precision: 38, scale: 3 };
    assert!(order_kinds(Cell::Decimal(150), &MONEY, Cell::Decimal(1500), &fine).is_eq());
}

/// A zone may lie half an hour beside the others, and an instant before 1970.
#[test]
fn hours_and_minutes_are_those_of_the_zone() {
    let (utc, india) = (Zone::utc(), Zone::fixed(19_800));
    assert_eq!((scalar::hour(-1, &utc), scalar::minute(-1, &utc)), (23, 59));
    assert_eq!((scalar::hour(0, &india), scalar::minute(0, &india)), (5, 30));
    assert_eq!((scalar::hour(0, &Zone::fixed(-1)), scalar::minute(0, &Zone::fixed(-1))), (23, 59));
}
