//! Walking expressions.

use std::collections::BTreeSet;

use fec_model::expr::{Expr, ExprKind};

/// The direct parts of an expression, in order of evaluation. A relation inside is not entered.
pub fn children(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Error
        | ExprKind::Literal(_)
        | ExprKind::Column(_)
        | ExprKind::Right(_)
        | ExprKind::Var(_)
        | ExprKind::Binding(_)
        | ExprKind::Param(_)
        | ExprKind::Now
        | ExprKind::Rows(_) => Vec::new(),
        ExprKind::Field(a, _) | ExprKind::Unary(_, a) | ExprKind::Convert(a) | ExprKind::IsAbsent(a) => vec![a],
        ExprKind::Binary(_, a, b) | ExprKind::Coalesce(a, b) | ExprKind::In(a, b) => vec![a, b],
        ExprKind::If(a, b, c) => vec![a, b, c],
        ExprKind::Let { value, body, .. } => vec![value, body],
        ExprKind::Call(_, list)
        | ExprKind::Record(list)
        | ExprKind::List(list)
        | ExprKind::Concat(list)
        | ExprKind::FeatureRead { keys: list, .. }
        | ExprKind::TableRead { keys: list, .. }
        | ExprKind::Predict { inputs: list, .. }
        | ExprKind::Request { arguments: list, .. } => list.iter().collect(),
    }
}

/// The direct parts of an expression, to be changed.
pub fn children_mut(expr: &mut Expr) -> Vec<&mut Expr> {
    match &mut expr.kind {
        ExprKind::Error
        | ExprKind::Literal(_)
        | ExprKind::Column(_)
        | ExprKind::Right(_)
        | ExprKind::Var(_)
        | ExprKind::Binding(_)
        | ExprKind::Param(_)
        | ExprKind::Now
        | ExprKind::Rows(_) => Vec::new(),
        ExprKind::Field(a, _) | ExprKind::Unary(_, a) | ExprKind::Convert(a) | ExprKind::IsAbsent(a) => vec![a],
        ExprKind::Binary(_, a, b) | ExprKind::Coalesce(a, b) | ExprKind::In(a, b) => vec![a, b],
        ExprKind::If(a, b, c) => vec![a, b, c],
        ExprKind::Let { value, body, .. } => vec![value, body],
        ExprKind::Call(_, list)
        | ExprKind::Record(list)
        | ExprKind::List(list)
        | ExprKind::Concat(list)
        | ExprKind::FeatureRead { keys: list, .. }
        | ExprKind::TableRead { keys: list, .. }
        | ExprKind::Predict { inputs: list, .. }
        | ExprKind::Request { arguments: list, .. } => list.iter_mut().collect(),
    }
}

/// Changes every part of an expression, the innermost first.
pub fn rewrite(expr: &mut Expr, change: &mut impl FnMut(&mut Expr)) {
    for child in children_mut(expr) {
        rewrite(child, change);
    }
    change(expr);
}

/// Calls `see` for an expression and all its parts, the outermost first.
pub fn visit<'a>(expr: &'a Expr, see: &mut impl FnMut(&'a Expr)) {
    see(expr);
    for child in children(expr) {
        visit(child, see);
    }
}

/// Columns of the (left) row that an expression reads.
#[must_use]
pub fn columns(expr: &Expr) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    visit(expr, &mut |part| {
        if let ExprKind::Column(name) = &part.kind {
            found.insert(name.clone());
        }
    });
    found
}

/// Bindings that an expression reads.
#[must_use]
pub fn bindings(expr: &Expr) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    visit(expr, &mut |part| {
        if let ExprKind::Binding(name) = &part.kind {
            found.insert(name.clone());
        }
    });
    found
}
