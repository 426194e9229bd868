//! Expressions and functions, each law of `spec/types.md` by an example.

use crate::support::*;
use asol_oracle::evaluate::Stop;
use asol_oracle::scope::Scope;
use asol_oracle::value::{Cell, Fault, Value};
use asol_oracle::world::{History, World};
use fec_model::expr::{BinaryOp, Expr, ExprKind, Function, Literal};
use fec_model::types::{Kind, Type};

fn money(scale: u8) -> Kind {
    Kind::Decimal { precision: 38, scale }
}

fn decimal(mantissa: i128, scale: u8) -> Expr {
    expr(ExprKind::Literal(Literal::decimal(mantissa)), money(scale))
}

fn float(x: f64) -> Expr {
    expr(ExprKind::Literal(Literal::Float(x)), Kind::Float)
}

fn string(x: &str) -> Expr {
    expr(ExprKind::Literal(Literal::String(x.into())), Kind::String)
}

fn null(kind: Kind) -> Expr {
    Expr { kind: ExprKind::Literal(Literal::Null), ty: Type::maybe(kind), span: span() }
}

fn value(expr: &Expr) -> Cell {
    let mut model = model(Vec::new());
    model.timezone = "Asia/Shanghai".into();
    let world = World::new(&model, &History::default());
    let scope = Scope::new(&world, 0);
    scope.env().cell(expr).unwrap()
}

fn apply(op: BinaryOp, a: Expr, b: Expr, kind: Kind) -> Cell {
    value(&binary(op, a, b, kind))
}

fn call(function: Function, arguments: Vec<Expr>, kind: Kind) -> Cell {
    value(&expr(ExprKind::Call(function, arguments), kind))
}

fn convert(from: Expr, kind: Kind) -> Cell {
    value(&expr(ExprKind::Convert(Box::new(from)), kind))
}

#[test]
fn ints_never_wrap() {
    let max = || int(i64::MAX);
    let min = || int(i64::MIN);
    assert_eq!(apply(BinaryOp::Add, max(), int(1), Kind::Int), Err(Fault::Overflow));
    assert_eq!(apply(BinaryOp::Multiply, min(), int(-1), Kind::Int), Err(Fault::Overflow));
    assert_eq!(apply(BinaryOp::IntegerDivide, min(), int(-1), Kind::Int), Err(Fault::Overflow));
    assert_eq!(apply(BinaryOp::Modulo, min(), int(-1), Kind::Int), Ok(Value::Int(0)));
    assert_eq!(apply(BinaryOp::IntegerDivide, int(-7), int(2), Kind::Int), Ok(Value::Int(-3)));
    assert_eq!(apply(BinaryOp::Modulo, int(-7), int(2), Kind::Int), Ok(Value::Int(-1)));
    assert_eq!(apply(BinaryOp::Modulo, int(7), int(0), Kind::Int), Ok(Value::Absent));
}

#[test]
fn dates_move_by_whole_days_and_durations_divide() {
    let day = |x: i32| expr(ExprKind::Literal(Literal::Date(x)), Kind::Date);
    let span = |x: i64| expr(ExprKind::Literal(Literal::Duration(x)), Kind::Duration);
    let whole = 86_400_000_000;
    assert_eq!(apply(BinaryOp::Add, day(10), span(2 * whole), Kind::Date), Ok(Value::Date(12)));
    assert_eq!(apply(BinaryOp::Subtract, day(10), span(11 * whole), Kind::Date), Ok(Value::Date(-1)));
    assert_eq!(apply(BinaryOp::Add, day(10), span(whole + 1), Kind::Date), Err(Fault::Precision));
    assert_eq!(apply(BinaryOp::Add, day(i32::MAX), span(whole), Kind::Date), Err(Fault::Overflow));
    assert_eq!(apply(BinaryOp::Subtract, day(3), day(5), Kind::Duration), Ok(Value::Duration(-2 * whole)));
    assert_eq!(apply(BinaryOp::Subtract, day(i32::MAX), day(i32::MIN), Kind::Duration), Err(Fault::Overflow));
    assert_eq!(apply(BinaryOp::Divide, span(3), span(2), Kind::Float), Ok(Value::Float(1.5)));
    assert_eq!(apply(BinaryOp::Divide, span(3), span(0), Kind::Float), Ok(Value::Absent));
    // Both operands are rounded, and then the quotient: not once from the exact one.
    let (a, b) = ((1_i64 << 53) + 1, 3);
    assert_eq!(apply(BinaryOp::Divide, span(a), span(b), Kind::Float), Ok(Value::Float((1_i64 << 53) as f64 / 3.0)));
    assert_eq!(apply(BinaryOp::IntegerDivide, span(-7), span(2), Kind::Int), Ok(Value::Int(-3)));
    assert_eq!(apply(BinaryOp::IntegerDivide, span(-7), int(2), Kind::Duration), Ok(Value::Duration(-3)));
    assert_eq!(apply(BinaryOp::Modulo, span(-7), span(2), Kind::Duration), Ok(Value::Duration(-1)));
    assert_eq!(apply(BinaryOp::IntegerDivide, span(i64::MIN), span(-1), Kind::Int), Err(Fault::Overflow));
}

#[test]
fn floats_stay_finite_and_have_one_zero() {
    assert_eq!(apply(BinaryOp::Multiply, float(1e308), float(10.0), Kind::Float), Err(Fault::NotFinite));
    assert_eq!(apply(BinaryOp::Divide, float(1.0), float(0.0), Kind::Float), Ok(Value::Absent));
    let Ok(Value::Float(zero)) = apply(BinaryOp::Multiply, float(0.0), float(-1.0), Kind::Float) else {
        panic!("a float")
    };
    assert!(zero.is_sign_positive());
    assert_eq!(apply(BinaryOp::Modulo, float(-5.5), float(2.0), Kind::Float), Ok(Value::Float(-1.5)));
    assert_eq!(call(Function::Sqrt, vec![float(-1.0)], Kind::Float), Err(Fault::NotFinite));
    assert_eq!(call(Function::Ln, vec![float(0.0)], Kind::Float), Err(Fault::NotFinite));
}

#[test]
fn decimals_are_exact_and_division_rounds_half_to_even() {
    assert_eq!(apply(BinaryOp::Add, decimal(1, 1), decimal(2, 2), money(2)), Ok(Value::Decimal(12, 2)));
    assert_eq!(apply(BinaryOp::Multiply, decimal(15, 1), decimal(25, 2), money(3)), Ok(Value::Decimal(375, 3)));
    assert_eq!(apply(BinaryOp::Divide, decimal(1, 0), decimal(3, 0), money(6)), Ok(Value::Decimal(333_333, 6)));
    assert_eq!(apply(BinaryOp::Divide, decimal(1, 6), decimal(2, 0), money(6)), Ok(Value::Decimal(0, 6)));
    assert_eq!(apply(BinaryOp::Divide, decimal(3, 6), decimal(2, 0), money(6)), Ok(Value::Decimal(2, 6)));
    assert_eq!(apply(BinaryOp::Divide, decimal(1, 0), decimal(0, 3), money(9)), Ok(Value::Absent));
    let most = 10_i128.pow(38) - 1;
    assert_eq!(apply(BinaryOp::Add, decimal(most, 0), decimal(1, 0), money(0)), Err(Fault::Overflow));
    assert_eq!(apply(BinaryOp::Equal, decimal(10, 1), decimal(100, 2), Kind::Bool), Ok(Value::Bool(true)));
    assert_eq!(apply(BinaryOp::Less, decimal(most, 38), decimal(1, 0), Kind::Bool), Ok(Value::Bool(true)));
}

#[test]
fn conversions_round_once_or_fail() {
    assert_eq!(convert(decimal(-19, 1), Kind::Int), Ok(Value::Int(-1)));
    assert_eq!(convert(float(1e19), Kind::Int), Err(Fault::Overflow));
    assert_eq!(convert(float(0.1), money(20)), Ok(Value::Decimal(10_000_000_000_000_000_555, 20)));
    assert_eq!(convert(decimal(25, 1), money(0)), Ok(Value::Decimal(2, 0)));
    assert_eq!(convert(int(100), Kind::Decimal { precision: 4, scale: 2 }), Err(Fault::Precision));
    assert_eq!(convert(string("1e2"), Kind::Float), Ok(Value::Float(100.0)));
    assert_eq!(convert(string("1e2"), Kind::Int), Err(Fault::Conversion));
    assert_eq!(convert(string(" 1"), Kind::Int), Err(Fault::Conversion));
    assert_eq!(convert(string("9223372036854775808"), Kind::Int), Err(Fault::Overflow));
    for (x, written) in
        [(1.0, "1.0"), (1e16, "1e16"), (1.5e-7, "1.5e-7"), (0.0001, "0.0001"), (123_456.75, "123456.75")]
    {
        assert_eq!(convert(float(x), Kind::String), Ok(Value::String(written.into())));
    }
    assert_eq!(convert(decimal(-5, 3), Kind::String), Ok(Value::String("-0.005".into())));
    assert_eq!(convert(null(Kind::Int), Kind::Float), Ok(Value::Absent));
}

#[test]
fn only_what_is_needed_can_fail() {
    let fault = || binary(BinaryOp::Add, int(i64::MAX), int(1), Kind::Int);
    let bad = || binary(BinaryOp::Equal, fault(), int(0), Kind::Bool);
    let truth = |x| expr(ExprKind::Literal(Literal::Bool(x)), Kind::Bool);
    assert_eq!(apply(BinaryOp::And, truth(false), bad(), Kind::Bool), Ok(Value::Bool(false)));
    assert_eq!(apply(BinaryOp::And, bad(), truth(false), Kind::Bool), Err(Fault::Overflow));
    assert_eq!(apply(BinaryOp::Or, truth(true), bad(), Kind::Bool), Ok(Value::Bool(true)));
    let chosen = expr(ExprKind::If(Box::new(truth(true)), Box::new(int(1)), Box::new(fault())), Kind::Int);
    assert_eq!(value(&chosen), Ok(Value::Int(1)));
    let coalesced = expr(ExprKind::Coalesce(Box::new(int(2)), Box::new(fault())), Kind::Int);
    assert_eq!(value(&coalesced), Ok(Value::Int(2)));
    let unused = ExprKind::Let { var: 1, value: Box::new(fault()), body: Box::new(int(3)) };
    assert_eq!(value(&expr(unused, Kind::Int)), Ok(Value::Int(3)));
    // A fault beats an absent operand; the leftmost fault is the result.
    let both = vec![null(Kind::Int), fault()];
    assert_eq!(call(Function::Least, both, Kind::Int), Err(Fault::Overflow));
}

#[test]
fn absent_equals_absent_and_nothing_else() {
    assert_eq!(apply(BinaryOp::Equal, null(Kind::Int), null(Kind::Int), Kind::Bool), Ok(Value::Bool(true)));
    assert_eq!(apply(BinaryOp::Equal, null(Kind::Int), int(0), Kind::Bool), Ok(Value::Bool(false)));
    let list = Kind::List(Box::new(Type::maybe(Kind::Int)));
    let within = |item, items| {
        value(&expr(ExprKind::In(Box::new(item), Box::new(expr(ExprKind::List(items), list.clone()))), Kind::Bool))
    };
    assert_eq!(within(null(Kind::Int), vec![int(1)]), Ok(Value::Bool(false)));
    assert_eq!(within(null(Kind::Int), vec![null(Kind::Int)]), Ok(Value::Bool(true)));
    assert_eq!(within(int(2), vec![int(1), int(2)]), Ok(Value::Bool(true)));
}

#[test]
fn functions_of_numbers() {
    assert_eq!(call(Function::Abs, vec![int(i64::MIN)], Kind::Int), Err(Fault::Overflow));
    assert_eq!(call(Function::Abs, vec![decimal(-5, 1)], money(1)), Ok(Value::Decimal(5, 1)));
    assert_eq!(call(Function::Floor, vec![float(-0.5)], Kind::Int), Ok(Value::Int(-1)));
    assert_eq!(call(Function::Ceil, vec![decimal(-15, 1)], Kind::Int), Ok(Value::Int(-1)));
    assert_eq!(call(Function::Round, vec![float(2.5)], Kind::Int), Ok(Value::Int(2)));
    assert_eq!(call(Function::Round, vec![decimal(2_345, 3), int(2)], money(2)), Ok(Value::Decimal(234, 2)));
    assert_eq!(call(Function::Greatest, vec![string("é"), string("z")], Kind::String), Ok(Value::String("é".into())));
    let second = expr(ExprKind::Literal(Literal::Duration(1_500_000)), Kind::Duration);
    assert_eq!(call(Function::Seconds, vec![second], Kind::Float), Ok(Value::Float(1.5)));
}

#[test]
fn functions_of_text() {
    let text = |function, arguments| call(function, arguments, Kind::String);
    assert_eq!(call(Function::Length, vec![string("日本é")], Kind::Int), Ok(Value::Int(3)));
    assert_eq!(text(Function::Substring, vec![string("日本語"), int(1), int(9)]), Ok(Value::String("本語".into())));
    assert_eq!(text(Function::Substring, vec![string("abc"), int(-5), int(2)]), Ok(Value::String("ab".into())));
    assert_eq!(text(Function::Substring, vec![string("abc"), int(3), int(1)]), Ok(Value::String(String::new())));
    assert_eq!(text(Function::Replace, vec![string("aaa"), string("aa"), string("b")]), Ok(Value::String("ba".into())));
    assert_eq!(text(Function::Replace, vec![string("aaa"), string(""), string("b")]), Ok(Value::String("aaa".into())));
    assert_eq!(text(Function::Upper, vec![string("straße")]), Ok(Value::String("STRASSE".into())));
    assert_eq!(text(Function::Trim, vec![string("\u{3000}a \t")]), Ok(Value::String("a".into())));
    assert_eq!(call(Function::Contains, vec![string("abc"), string("")], Kind::Bool), Ok(Value::Bool(true)));
}

#[test]
fn the_calendar_is_the_solutions() {
    let evening = || expr(ExprKind::Literal(Literal::Timestamp(-3 * H - 1)), Kind::Timestamp);
    // 1969-12-31T20:59:59.999999Z is the first morning of 1970 in Shanghai.
    assert_eq!(call(Function::DateOf, vec![evening()], Kind::Date), Ok(Value::Date(0)));
    assert_eq!(call(Function::Hour, vec![evening()], Kind::Int), Ok(Value::Int(4)));
    assert_eq!(call(Function::Minute, vec![evening()], Kind::Int), Ok(Value::Int(59)));
    assert_eq!(call(Function::Weekday, vec![evening()], Kind::Int), Ok(Value::Int(4)), "a Thursday");
    let before = expr(ExprKind::Literal(Literal::Date(-1)), Kind::Date);
    assert_eq!(call(Function::Year, vec![before], Kind::Int), Ok(Value::Int(1969)));
}

#[test]
fn a_model_without_meaning_is_no_fault() {
    let model = model(Vec::new());
    let world = World::new(&model, &History::default());
    let scope = Scope::new(&world, 0);
    assert!(matches!(scope.env().cell(&column("x", Kind::Int)), Err(Stop::Broken(_))));
}
