//! Computes what is constant, with the runtime's own arithmetic, so that a folded plan gives the same bits.

use std::cmp::Ordering;

use fec_model::expr::{BinaryOp, Expr, ExprKind, Literal, UnaryOp};
use fec_model::types::Kind;
use flow_core::arith;

use crate::graph::Node;
use crate::ir::Ir;
use crate::op::{Op, Step};
use crate::passes::Change;
use crate::walk;

pub(super) fn run(ir: &mut Ir) -> Vec<Change> {
    let mut changes = Vec::new();
    for id in ir.graph.ids() {
        if !ir.graph.get(id).is_some_and(may_fold) {
            continue;
        }
        let Some(node) = ir.graph.get_mut(id) else { continue };
        let mut folded = 0usize;
        walk::each_expr_mut(&mut node.op, &mut |expr| {
            walk::rewrite(expr, &mut |part| folded += usize::from(fold(part)));
        });
        if folded > 0 {
            changes.push(Change {
                node: node.name.clone(),
                reason: format!("computed {folded} constant parts beforehand"),
            });
        }
        if let Op::Fused { steps } = &mut node.op
            && steps.len() > 1
        {
            let before = steps.len();
            steps.retain(|step| !matches!(step, Step::Filter { condition, .. } if is_bool(condition, true)));
            if steps.len() < before {
                changes.push(Change {
                    node: node.name.clone(),
                    reason: "left out a condition that is always true".to_owned(),
                });
            }
        }
    }
    changes
}

/// Whether there is a constant where [`fold`] or [`run`] begins with one: most nodes have none, and stay untouched.
fn may_fold(node: &Node) -> bool {
    let mut found = matches!(&node.op, Op::Fused { steps } if steps.len() > 1 && steps.iter().any(|step| {
        matches!(step, Step::Filter { condition, .. } if is_bool(condition, true))
    }));
    walk::each_expr(&node.op, &mut |expr| {
        walk::visit(expr, &mut |part| {
            found |= match &part.kind {
                ExprKind::If(a, ..)
                | ExprKind::Unary(_, a)
                | ExprKind::Binary(_, a, _)
                | ExprKind::IsAbsent(a)
                | ExprKind::Coalesce(a, _) => literal(a).is_some(),
                _ => false,
            };
        });
    });
    found
}

fn is_bool(expr: &Expr, wanted: bool) -> bool {
    matches!(&expr.kind, ExprKind::Literal(Literal::Bool(value)) if *value == wanted)
}

fn literal(expr: &Expr) -> Option<&Literal> {
    match &expr.kind {
        ExprKind::Literal(literal) => Some(literal),
        _ => None,
    }
}

fn scale(expr: &Expr) -> u8 {
    match &expr.ty.kind {
        Kind::Decimal { scale, .. } => *scale,
        _ => 0,
    }
}

/// Replaces an expression by its value where that is known; what would be a fault is left to the row that meets it.
fn fold(expr: &mut Expr) -> bool {
    let value = match &expr.kind {
        ExprKind::If(condition, then, otherwise) => {
            let chosen = match literal(condition) {
                Some(Literal::Bool(true)) => then,
                Some(Literal::Bool(false)) => otherwise,
                _ => return false,
            };
            let ty = expr.ty.clone();
            let mut chosen = (**chosen).clone();
            chosen.ty = ty;
            *expr = chosen;
            return true;
        }
        ExprKind::Unary(op, operand) => literal(operand).and_then(|operand| unary(*op, operand)),
        ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => {
            let decides = *op == BinaryOp::Or;
            match literal(a) {
                Some(Literal::Bool(value)) if *value == decides => Some(Literal::Bool(decides)),
                Some(Literal::Bool(_)) => {
                    *expr = (**b).clone();
                    return true;
                }
                // A constant right side stays: the left one may be a fault.
                _ => None,
            }
        }
        ExprKind::Binary(op, a, b) => match (literal(a), literal(b)) {
            (Some(x), Some(y)) => binary(*op, x, scale(a), y, scale(b)),
            _ => None,
        },
        ExprKind::IsAbsent(operand) => literal(operand).map(|operand| Literal::Bool(*operand == Literal::Null)),
        ExprKind::Coalesce(first, second) => match literal(first) {
            Some(Literal::Null) => {
                let mut second = (**second).clone();
                second.ty = expr.ty.clone();
                *expr = second;
                return true;
            }
            Some(_) => {
                let mut first = (**first).clone();
                first.ty = expr.ty.clone();
                *expr = first;
                return true;
            }
            None => None,
        },
        _ => None,
    };
    match value {
        Some(value) => {
            expr.kind = ExprKind::Literal(value);
            true
        }
        None => false,
    }
}

fn unary(op: UnaryOp, operand: &Literal) -> Option<Literal> {
    match (op, operand) {
        (UnaryOp::Not, Literal::Bool(value)) => Some(Literal::Bool(!value)),
        (UnaryOp::Negate, Literal::Int(value)) => arith::negate_int(*value).ok().map(Literal::Int),
        (UnaryOp::Negate, Literal::Float(value)) => Some(Literal::Float(arith::negate_float(*value))),
        (UnaryOp::Negate, Literal::Decimal(value)) => value.get().checked_neg().map(Literal::decimal),
        (UnaryOp::Negate, Literal::Duration(value)) => arith::negate_int(*value).ok().map(Literal::Duration),
        _ => None,
    }
}

fn binary(op: BinaryOp, a: &Literal, a_scale: u8, b: &Literal, b_scale: u8) -> Option<Literal> {
    let order = match (a, b) {
        (Literal::Int(a), Literal::Int(b)) => Some(a.cmp(b)),
        (Literal::Float(a), Literal::Float(b)) => Some(arith::compare_float(*a, *b)),
        (Literal::Decimal(a), Literal::Decimal(b)) => Some(arith::compare_decimal(a.get(), a_scale, b.get(), b_scale)),
        (Literal::String(a), Literal::String(b)) => Some(a.cmp(b)),
        (Literal::Date(a), Literal::Date(b)) => Some(a.cmp(b)),
        (Literal::Timestamp(a), Literal::Timestamp(b)) | (Literal::Duration(a), Literal::Duration(b)) => Some(a.cmp(b)),
        _ => None,
    };
    match op {
        BinaryOp::Less => order.map(|order| Literal::Bool(order == Ordering::Less)),
        BinaryOp::LessEqual => order.map(|order| Literal::Bool(order != Ordering::Greater)),
        BinaryOp::Greater => order.map(|order| Literal::Bool(order == Ordering::Greater)),
        BinaryOp::GreaterEqual => order.map(|order| Literal::Bool(order != Ordering::Less)),
        BinaryOp::Equal => order.map(|order| Literal::Bool(order == Ordering::Equal)),
        BinaryOp::Add => match (a, b) {
            (Literal::Int(a), Literal::Int(b)) => arith::add_int(*a, *b).ok().map(Literal::Int),
            (Literal::Float(a), Literal::Float(b)) => arith::add_float(*a, *b).ok().map(Literal::Float),
            (Literal::Decimal(a), Literal::Decimal(b)) => {
                arith::add_decimal(a.get(), a_scale, b.get(), b_scale).ok().map(Literal::decimal)
            }
            (Literal::Duration(a), Literal::Duration(b)) => arith::add_int(*a, *b).ok().map(Literal::Duration),
            _ => None,
        },
        BinaryOp::Subtract => match (a, b) {
            (Literal::Int(a), Literal::Int(b)) => arith::subtract_int(*a, *b).ok().map(Literal::Int),
            (Literal::Float(a), Literal::Float(b)) => arith::subtract_float(*a, *b).ok().map(Literal::Float),
            (Literal::Decimal(a), Literal::Decimal(b)) => {
                arith::subtract_decimal(a.get(), a_scale, b.get(), b_scale).ok().map(Literal::decimal)
            }
            _ => None,
        },
        BinaryOp::Multiply => match (a, b) {
            (Literal::Int(a), Literal::Int(b)) => arith::multiply_int(*a, *b).ok().map(Literal::Int),
            (Literal::Float(a), Literal::Float(b)) => arith::multiply_float(*a, *b).ok().map(Literal::Float),
            (Literal::Decimal(a), Literal::Decimal(b)) => {
                arith::multiply_decimal(a.get(), a_scale, b.get(), b_scale).ok().map(Literal::decimal)
            }
            _ => None,
        },
        _ => None,
    }
}
