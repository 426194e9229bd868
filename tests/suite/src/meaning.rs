//! The runtime's arithmetic, conversions and aggregates against the evaluator's, on random operands and the worst ones.

use std::sync::Arc;

use crate::random::Random;
use crate::subject;
use asol_oracle::aggregate::{Entry, aggregate};
use asol_oracle::change::{At, Place};
use asol_oracle::scope::Scope;
use asol_oracle::value::{Cell, Value};
use asol_oracle::world::{History, World};
use fec_diagnostics::{FileId, Span};
use fec_model::expr::{Aggregate, AggregateFunction, BinaryOp, Expr, ExprKind, Literal};
use fec_model::model::Model;
use fec_model::types::{Column, Kind, Record, Type};
use flow_core::aggregate::{Accumulator, AggregateFunc, Order};
use flow_core::fault::Fault;
use flow_core::types::{DataType, Kind as RunKind};
use flow_core::value::Value as RunValue;
use flow_core::{arith, convert};

const ROUNDS: u64 = 20_000;

fn span() -> Span {
    Span { file: FileId(0), start: 0, end: 0 }
}

fn expr(kind: ExprKind, ty: Kind) -> Expr {
    Expr { kind, ty: Type::required(ty), span: span() }
}

fn money(scale: u8) -> Kind {
    Kind::Decimal { precision: 38, scale }
}

fn evaluated(expr: &Expr) -> Cell {
    let model = Model { timezone: "UTC".into(), ..Model::default() };
    let world = World::new(&model, &History::default());
    let scope = Scope::new(&world, 0);
    scope.env().cell(expr).unwrap()
}

fn binary(op: BinaryOp, a: Expr, b: Expr, ty: Kind) -> Cell {
    evaluated(&expr(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty))
}

fn converted(from: Expr, ty: Kind) -> Cell {
    evaluated(&expr(ExprKind::Convert(Box::new(from)), ty))
}

fn same(expected: &Cell, got: &Cell, what: impl Fn() -> String) {
    assert_eq!(format!("{expected:?}"), format!("{got:?}"), "{}", what());
}

fn run(result: Result<RunValue, Fault>, ty: &DataType) -> Cell {
    match result {
        Ok(value) => Ok(subject::cell(&value, ty).unwrap()),
        Err(fault) => Err(subject::fault(fault).unwrap()),
    }
}

fn seed() -> u64 {
    std::env::var("FEC_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

fn any_int(random: &mut Random) -> i64 {
    match random.below(8) {
        0 => i64::MAX - random.below(3),
        1 => i64::MIN + random.below(3),
        2 => random.between(-3, 3),
        3 => 1 << random.below(63),
        _ => random.between(-1_000_000_000_000, 1_000_000_000_000),
    }
}

fn any_float(random: &mut Random) -> f64 {
    let worst =
        [0.0, 1e308, -1e308, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e-320, 0.1, -0.5, 1e16, 9_007_199_254_740_993.0];
    if random.chance(40) {
        return *random.pick(&worst);
    }
    let bits = (u64::try_from(random.below(i64::MAX)).unwrap() << 1) ^ u64::try_from(random.below(2)).unwrap();
    let value = f64::from_bits(bits);
    if value.is_finite() { value + 0.0 } else { 1.5 }
}

fn any_decimal(random: &mut Random) -> (i128, u8) {
    let scale = *random.pick(&[0, 1, 2, 6, 12, 20, 37, 38]);
    let digits = u32::try_from(random.below(39)).unwrap();
    let bound = 10_i128.pow(digits);
    let wild = (i128::from(random.below(i64::MAX)) << 64) | i128::from(random.below(i64::MAX));
    let mantissa = match random.below(6) {
        0 => bound - 1,
        1 => bound / 2,
        _ => wild % bound,
    };
    (if random.chance(50) { -mantissa } else { mantissa }, scale)
}

fn int(x: i64) -> Expr {
    expr(ExprKind::Literal(Literal::Int(x)), Kind::Int)
}

fn float(x: f64) -> Expr {
    expr(ExprKind::Literal(Literal::Float(x)), Kind::Float)
}

fn decimal((mantissa, scale): (i128, u8)) -> Expr {
    expr(ExprKind::Literal(Literal::decimal(mantissa)), money(scale))
}

fn absent<T>(value: Option<T>, to: impl Fn(T) -> RunValue) -> RunValue {
    value.map_or(RunValue::Absent, to)
}

#[test]
fn ints_and_floats() {
    let mut random = Random::new(seed());
    let int_type = DataType::optional(RunKind::Int);
    let float_type = DataType::optional(RunKind::Float);
    for _ in 0..ROUNDS {
        let (a, b) = (any_int(&mut random), any_int(&mut random));
        let answers = [
            (BinaryOp::Add, arith::add_int(a, b).map(RunValue::Int)),
            (BinaryOp::Subtract, arith::subtract_int(a, b).map(RunValue::Int)),
            (BinaryOp::Multiply, arith::multiply_int(a, b).map(RunValue::Int)),
            (BinaryOp::IntegerDivide, arith::div_int(a, b).map(|x| absent(x, RunValue::Int))),
            (BinaryOp::Modulo, Ok(absent(arith::mod_int(a, b), RunValue::Int))),
        ];
        for (op, answer) in answers {
            same(&binary(op, int(a), int(b), Kind::Int), &run(answer, &int_type), || format!("{a} {op:?} {b}"));
        }
        let (x, y) = (any_float(&mut random), any_float(&mut random));
        let answers = [
            (BinaryOp::Add, arith::add_float(x, y).map(RunValue::Float)),
            (BinaryOp::Subtract, arith::subtract_float(x, y).map(RunValue::Float)),
            (BinaryOp::Multiply, arith::multiply_float(x, y).map(RunValue::Float)),
            (BinaryOp::Divide, arith::divide_float(x, y).map(|x| absent(x, RunValue::Float))),
            (BinaryOp::IntegerDivide, arith::div_float(x, y).map(|x| absent(x, RunValue::Float))),
            (BinaryOp::Modulo, Ok(absent(arith::mod_float(x, y), RunValue::Float))),
        ];
        for (op, answer) in answers {
            same(&binary(op, float(x), float(y), Kind::Float), &run(answer, &float_type), || {
                format!("{x:?} {op:?} {y:?}")
            });
        }
    }
}

#[test]
fn decimals() {
    let mut random = Random::new(seed());
    for _ in 0..ROUNDS {
        let (a, b) = (any_decimal(&mut random), any_decimal(&mut random));
        let sum = arith::sum_scale(a.1, b.1);
        let answers = [
            (BinaryOp::Add, sum, arith::add_decimal(a.0, a.1, b.0, b.1).map(RunValue::Decimal)),
            (BinaryOp::Subtract, sum, arith::subtract_decimal(a.0, a.1, b.0, b.1).map(RunValue::Decimal)),
            (
                BinaryOp::Multiply,
                arith::product_scale(a.1, b.1),
                arith::multiply_decimal(a.0, a.1, b.0, b.1).map(RunValue::Decimal),
            ),
            (
                BinaryOp::Divide,
                arith::quotient_scale(a.1, b.1),
                arith::divide_decimal(a.0, a.1, b.0, b.1).map(|x| absent(x, RunValue::Decimal)),
            ),
            (BinaryOp::IntegerDivide, 0, arith::div_decimal(a.0, a.1, b.0, b.1).map(|x| absent(x, RunValue::Decimal))),
            (BinaryOp::Modulo, sum, arith::mod_decimal(a.0, a.1, b.0, b.1).map(|x| absent(x, RunValue::Decimal))),
        ];
        for (op, scale, answer) in answers {
            let ty = DataType::optional(RunKind::Decimal { precision: 38, scale });
            let expected = binary(op, decimal(a), decimal(b), money(scale));
            same(&expected, &run(answer, &ty), || format!("{a:?} {op:?} {b:?}"));
        }
        let less = binary(BinaryOp::Less, decimal(a), decimal(b), Kind::Bool);
        assert_eq!(less, Ok(Value::Bool(arith::compare_decimal(a.0, a.1, b.0, b.1).is_lt())), "{a:?} < {b:?}");
    }
}

#[test]
fn conversions() {
    let mut random = Random::new(seed());
    let float_type = DataType::optional(RunKind::Float);
    let int_type = DataType::optional(RunKind::Int);
    for _ in 0..ROUNDS {
        let (d, x, n) = (any_decimal(&mut random), any_float(&mut random), any_int(&mut random));
        let scale = *random.pick(&[0, 2, 17, 38]);
        let ty = DataType::optional(RunKind::Decimal { precision: 38, scale });
        let to_decimal = |answer: Result<i128, Fault>| run(answer.map(RunValue::Decimal), &ty);
        same(&converted(float(x), money(scale)), &to_decimal(convert::float_to_decimal(x, scale)), || {
            format!("{x:?} to {scale}")
        });
        same(&converted(int(n), money(scale)), &to_decimal(convert::int_to_decimal(n, scale)), || {
            format!("{n} to {scale}")
        });
        same(&converted(decimal(d), money(scale)), &to_decimal(arith::rescale(d.0, d.1, scale)), || {
            format!("{d:?} to {scale}")
        });
        let as_float = Ok(RunValue::Float(convert::decimal_to_float(d.0, d.1)));
        same(&converted(decimal(d), Kind::Float), &run(as_float, &float_type), || format!("{d:?} to float"));
        let as_float = Ok(RunValue::Float(convert::int_to_float(n)));
        same(&converted(int(n), Kind::Float), &run(as_float, &float_type), || format!("{n} to float"));
        let as_int = convert::float_to_int(x).map(RunValue::Int);
        same(&converted(float(x), Kind::Int), &run(as_int, &int_type), || format!("{x:?} to int"));
        let as_int = convert::decimal_to_int(d.0, d.1).map(RunValue::Int);
        same(&converted(decimal(d), Kind::Int), &run(as_int, &int_type), || format!("{d:?} to int"));
        let mut text = Vec::new();
        convert::write_float(&mut text, x);
        assert_eq!(converted(float(x), Kind::String), Ok(Value::String(String::from_utf8(text).unwrap())), "{x:?}");
        let written = format!(
            "{}{}.{}e{}",
            random.pick(&["", "-", "+"]),
            random.below(1_000),
            random.below(100_000),
            random.between(-40, 40)
        );
        let string = || expr(ExprKind::Literal(Literal::String(written.clone())), Kind::String);
        same(
            &converted(string(), Kind::Float),
            &run(convert::text_to_float(&written).map(RunValue::Float), &float_type),
            || written.clone(),
        );
        let read = convert::text_to_decimal(&written, scale, convert::Excess::Round);
        same(&converted(string(), money(scale)), &to_decimal(read), || format!("{written} to {scale}"));
    }
}

/// A random column of arguments: its type, then each value in both worlds.
fn arguments(random: &mut Random, numeric: bool) -> (Kind, RunKind, Vec<(Value, RunValue)>) {
    let rows = *random.pick(&[0, 1, 2, 5, 40, 300]);
    let scale = *random.pick(&[0, 2, 20]);
    let kinds = if numeric { 3 } else { 5 };
    let which = random.below(kinds);
    let mut cell = || match which {
        0 => {
            let x = if random.chance(50) { random.between(-5, 5) } else { any_int(random) };
            (Value::Int(x), RunValue::Int(x))
        }
        1 => {
            let x = any_float(random);
            (Value::Float(x), RunValue::Float(x))
        }
        2 => {
            let (m, _) = any_decimal(random);
            (Value::Decimal(m, scale), RunValue::Decimal(m))
        }
        3 => {
            let text = format!("v{}", random.below(400));
            (Value::String(text.clone()), RunValue::String(text.into()))
        }
        _ => {
            let x = random.chance(30);
            (Value::Bool(x), RunValue::Bool(x))
        }
    };
    let cells = (0..rows).map(|_| cell()).collect();
    match which {
        0 => (Kind::Int, RunKind::Int, cells),
        1 => (Kind::Float, RunKind::Float, cells),
        2 => (money(scale), RunKind::Decimal { precision: 38, scale }, cells),
        3 => (Kind::String, RunKind::String, cells),
        _ => (Kind::Bool, RunKind::Bool, cells),
    }
}

#[test]
fn aggregates() {
    let mut random = Random::new(seed());
    let functions = [
        (AggregateFunction::Sum, AggregateFunc::Sum, true),
        (AggregateFunction::Mean, AggregateFunc::Mean, true),
        (AggregateFunction::Var, AggregateFunc::Var, true),
        (AggregateFunction::Stddev, AggregateFunc::Stddev, true),
        (AggregateFunction::Min, AggregateFunc::Min, false),
        (AggregateFunction::Max, AggregateFunc::Max, false),
        (AggregateFunction::First, AggregateFunc::First, false),
        (AggregateFunction::Last, AggregateFunc::Last, false),
        (AggregateFunction::CountDistinct, AggregateFunc::CountDistinct { exact: false }, false),
        (AggregateFunction::TopK, AggregateFunc::TopK { n: 3, by: false }, false),
    ];
    for _ in 0..ROUNDS / 40 {
        for (function, run_function, numeric) in functions {
            let (kind, run_kind, cells) = arguments(&mut random, numeric);
            let run_aggregate =
                flow_core::aggregate::Aggregate::new(run_function, &[DataType::required(run_kind.clone())]).unwrap();
            let mut accumulator = Accumulator::new(&run_aggregate);
            let mut entries = Vec::new();
            for ((value, run_value), offset) in cells.iter().zip(0..) {
                let time = random.below(5);
                let order = Order { arrived: 7, source: 0, partition: 0, offset };
                accumulator.update(&run_aggregate, &[run_value.as_cell()], time, order, 1).unwrap();
                let place = Place { arrived: 7, at: At::Event(0, 0, offset) };
                entries.push(Entry { argument: value.clone(), by: Value::Absent, time, place, weight: 1 });
            }
            let result = run_aggregate.result().clone();
            let ty = model_type(&result, &kind);
            let declared = Aggregate {
                name: "x".into(),
                function,
                argument: None,
                by: None,
                limit: 3,
                exact: false,
                filter: None,
                window: None,
                ty,
                span: span(),
            };
            let got = run(accumulator.read(&run_aggregate), &result);
            same(&aggregate(&declared, &entries).unwrap(), &got, || format!("{function:?} of {cells:?}"));
        }
    }
}

/// A result's type as the model writes it.
fn model_type(ty: &DataType, argument: &Kind) -> Type {
    let kind = match &ty.kind {
        RunKind::Int => Kind::Int,
        RunKind::Float => Kind::Float,
        RunKind::Decimal { precision, scale } => Kind::Decimal { precision: *precision, scale: *scale },
        RunKind::List(item) => {
            let RunKind::Record(record) = &item.kind else { panic!("top_k gives records") };
            let kinds = [argument.clone(), Kind::Int];
            let fields = Arc::clone(record)
                .fields
                .iter()
                .zip(kinds)
                .map(|(f, kind)| Column { name: f.name.clone().into(), ty: Type::required(kind) })
                .collect();
            Kind::List(Box::new(Type::required(Kind::Record(Record { name: None, fields }))))
        }
        _ => argument.clone(),
    };
    Type { kind, optional: ty.optional }
}
