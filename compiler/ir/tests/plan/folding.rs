//! What the folding of constants computes, each value by hand, and the type that the value has.

use fec_diagnostics::Span;
use fec_ir::passes::PASSES;
use fec_ir::{Ir, Op, Step};
use fec_model::expr::{BinaryOp, Expr, ExprKind, Literal, UnaryOp};
use fec_model::types::{Kind, Type};

use super::{first, node, plan};

fn value(ir: &mut Ir) -> &mut Expr {
    let id = first(ir, "project");
    let Op::Fused { steps } = &mut node(ir, id).op else { panic!("no steps") };
    let Some(Step::Project { columns }) = steps.first_mut() else { panic!("no projection") };
    columns.first_mut().map(|(_, value)| value).unwrap()
}

fn fold(mut ir: Ir) -> Expr {
    let pass = PASSES.iter().find(|known| known.name == "fold").unwrap();
    let _ = (pass.run)(&mut ir);
    value(&mut ir).clone()
}

/// A plan that computes an expression, of that type.
fn computing(expr: &str, ty: &str) -> Ir {
    plan(&format!("stream live {{ emit others |> select x = {expr} to out }}\nsink out: stream<{{ x: {ty} }}> {{ }}"))
}

#[test]
fn constants_as_they_are_written() {
    let duration = |minutes: i64| Literal::Duration(minutes * 60_000_000);
    for (expr, ty, expected) in [
        ("not true", "bool", Literal::Bool(false)),
        ("-(2)", "int", Literal::Int(-2)),
        ("-(2.5)", "float", Literal::Float(-2.5)),
        ("-(1h)", "duration", duration(-60)),
        ("1h + 30m", "duration", duration(90)),
        ("7 - 9", "int", Literal::Int(-2)),
        ("1.5 - 2.25", "float", Literal::Float(-0.75)),
        ("2.5 * 4.0", "float", Literal::Float(10.0)),
        ("2.5 + 4.0", "float", Literal::Float(6.5)),
        ("\"a\" < \"b\"", "bool", Literal::Bool(true)),
        ("\"b\" == \"b\"", "bool", Literal::Bool(true)),
        ("2026-01-01 < 2026-01-02", "bool", Literal::Bool(true)),
        ("2026-01-01T00:00:00Z < 2026-01-01T00:00:01Z", "bool", Literal::Bool(true)),
        ("1h < 61m", "bool", Literal::Bool(true)),
        ("1.5 > 1.25", "bool", Literal::Bool(true)),
        ("null ?? 1", "int", Literal::Int(1)),
        ("2 ?? 1", "int", Literal::Int(2)),
        ("null == null", "bool", Literal::Bool(true)),
        ("1 == null", "bool", Literal::Bool(false)),
        ("false and amount > 1.0", "bool", Literal::Bool(false)),
        ("true or amount > 1.0", "bool", Literal::Bool(true)),
        ("if 1 < 2 then 3 else 4", "int", Literal::Int(3)),
        ("if 1 > 2 then 3 else 4", "int", Literal::Int(4)),
        // Where the first takes its type from the second, each is still on its side.
        ("if 1 < 2 then null else 4", "int?", Literal::Null),
        ("if 1 > 2 then null else 4", "int?", Literal::Int(4)),
        ("1970-01-02", "date", Literal::Date(1)),
    ] {
        assert_eq!(fold(computing(expr, ty)).kind, ExprKind::Literal(expected), "{expr}");
    }
}

#[test]
fn ends_of_an_order() {
    for (op, [below, equal, above]) in [
        ("<", [true, false, false]),
        ("<=", [true, true, false]),
        (">", [false, false, true]),
        (">=", [false, true, true]),
        ("==", [false, true, false]),
    ] {
        for (left, expected) in [(1, below), (2, equal), (3, above)] {
            let folded = fold(computing(&format!("{left} {op} 2"), "bool"));
            assert_eq!(folded.kind, ExprKind::Literal(Literal::Bool(expected)), "{left} {op} 2");
        }
    }
}

/// What is chosen may be narrower than what it was chosen for: who reads it was checked against the wider type.
#[test]
fn what_is_chosen_keeps_the_type_of_the_whole() {
    for (expr, ty) in [("if true then 1 else null", "int?"), ("if false then null else amount", "float?")] {
        assert!(fold(computing(expr, ty)).ty.optional, "{expr}");
    }
    let absent = Expr { kind: ExprKind::Literal(Literal::Null), ty: Type::maybe(Kind::Int), span: Span::default() };
    let one = Expr { kind: ExprKind::Literal(Literal::Int(1)), ty: Type::required(Kind::Int), span: Span::default() };
    for (first, second) in [(absent.clone(), one.clone()), (one, absent)] {
        let mut ir = computing("1", "int");
        let kind = ExprKind::Coalesce(Box::new(first), Box::new(second));
        *value(&mut ir) = Expr { kind, ty: Type::maybe(Kind::Int), span: Span::default() };
        let folded = fold(ir);
        assert_eq!((folded.kind, folded.ty.optional), (ExprKind::Literal(Literal::Int(1)), true));
    }
}

#[test]
fn a_side_that_does_not_decide_leaves_the_other() {
    for expr in ["true and amount > 1.0", "false or amount > 1.0"] {
        assert!(matches!(fold(computing(expr, "bool")).kind, ExprKind::Binary(BinaryOp::Greater, ..)), "{expr}");
    }
    // The left side may be a fault, which is the answer then.
    for expr in ["amount > 1.0 and false", "amount > 1.0 or true"] {
        assert!(matches!(fold(computing(expr, "bool")).kind, ExprKind::Binary(BinaryOp::And | BinaryOp::Or, ..)));
    }
}

#[test]
fn what_would_be_a_fault_is_left_to_the_row() {
    for (expr, op) in [
        ("9223372036854775807 + 1", BinaryOp::Add),
        ("-9223372036854775807 - 2", BinaryOp::Subtract),
        ("9223372036854775807 * 2", BinaryOp::Multiply),
    ] {
        assert!(matches!(fold(computing(expr, "int")).kind, ExprKind::Binary(found, ..) if found == op), "{expr}");
    }
}

#[test]
fn decimals_of_unlike_scales() {
    let typed = |scale| Type::required(Kind::Decimal { precision: 38, scale });
    let literal = |mantissa, scale| {
        Box::new(Expr { kind: ExprKind::Literal(Literal::decimal(mantissa)), ty: typed(scale), span: Span::default() })
    };
    let folded = |kind, ty| {
        let mut ir = computing("1", "int");
        *value(&mut ir) = Expr { kind, ty, span: Span::default() };
        fold(ir).kind
    };
    // 1.5 and 2.125
    for (op, expected, scale) in
        [(BinaryOp::Add, 3_625, 3), (BinaryOp::Subtract, -625, 3), (BinaryOp::Multiply, 318_750, 5)]
    {
        let kind = ExprKind::Binary(op, literal(150, 2), literal(2_125, 3));
        assert_eq!(folded(kind, typed(scale)), ExprKind::Literal(Literal::decimal(expected)), "{op:?}");
    }
    // 1.50 and 0.500, whose mantissas stand the other way round.
    for (op, expected) in [(BinaryOp::Less, false), (BinaryOp::Greater, true), (BinaryOp::Equal, false)] {
        let kind = ExprKind::Binary(op, literal(150, 2), literal(500, 3));
        let ty = Type::required(Kind::Bool);
        assert_eq!(folded(kind, ty), ExprKind::Literal(Literal::Bool(expected)), "{op:?}");
    }
    let kind = ExprKind::Unary(UnaryOp::Negate, literal(150, 2));
    assert_eq!(folded(kind, typed(2)), ExprKind::Literal(Literal::decimal(-150)));
}
