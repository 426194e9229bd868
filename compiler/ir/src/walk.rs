//! Walking expressions.

use std::collections::BTreeSet;

use fec_diagnostics::Span;
use fec_model::Symbol;
pub use fec_model::expr::add_columns;
use fec_model::expr::{Aggregate, Expr, ExprKind};

use crate::op::{Op, Step};

/// Changes every part of an expression, the innermost first.
pub fn rewrite(expr: &mut Expr, change: &mut impl FnMut(&mut Expr)) {
    expr.each_child_mut(&mut |child| rewrite(child, change));
    change(expr);
}

/// Calls `see` for an expression and all its parts, the outermost first.
pub fn visit<'a>(expr: &'a Expr, see: &mut impl FnMut(&'a Expr)) {
    see(expr);
    expr.each_child(&mut |child| visit(child, see));
}

/// Whether an expression reads a feature set, a table, a model, a service or a relation.
#[must_use]
pub fn reads(expr: &Expr) -> bool {
    let mut found = false;
    visit(expr, &mut |part| found |= is_read(&part.kind));
    found
}

/// Whether it is itself a read of a feature set, a table, a model, a service or a relation.
#[must_use]
pub fn is_read(kind: &ExprKind) -> bool {
    matches!(
        kind,
        ExprKind::FeatureRead { .. }
            | ExprKind::TableRead { .. }
            | ExprKind::Predict { .. }
            | ExprKind::Request { .. }
            | ExprKind::Rows(_)
    )
}

/// Columns of the (left) row that an expression reads.
#[must_use]
pub fn columns(expr: &Expr) -> BTreeSet<Symbol> {
    let mut found = BTreeSet::new();
    visit(expr, &mut |part| {
        if let ExprKind::Column(name) = &part.kind {
            found.insert(*name);
        }
    });
    found
}

/// Adds a name that may be there already. Rows have few columns: looking through a list of them costs less than a set.
pub fn add(known: &mut Vec<Symbol>, name: Symbol) {
    if !known.contains(&name) {
        known.push(name);
    }
}

/// Bindings that an expression reads.
#[must_use]
pub fn bindings(expr: &Expr) -> BTreeSet<Symbol> {
    let mut found = BTreeSet::new();
    visit(expr, &mut |part| {
        if let ExprKind::Binding(name) = &part.kind {
            found.insert(*name);
        }
    });
    found
}

/// Whether two expressions are equal wherever they were written.
#[must_use]
pub fn same(a: &Expr, b: &Expr) -> bool {
    use ExprKind as E;
    a.ty == b.ty
        && match (&a.kind, &b.kind) {
            (E::Field(a, x), E::Field(b, y)) => x == y && same(a, b),
            (E::Unary(x, a), E::Unary(y, b)) => x == y && same(a, b),
            (E::Convert(a), E::Convert(b)) | (E::IsAbsent(a), E::IsAbsent(b)) => same(a, b),
            (E::Binary(x, a, c), E::Binary(y, b, d)) => x == y && same(a, b) && same(c, d),
            (E::Coalesce(a, c), E::Coalesce(b, d)) | (E::In(a, c), E::In(b, d)) => same(a, b) && same(c, d),
            (E::Let { var: x, value: a, body: c }, E::Let { var: y, value: b, body: d }) => {
                x == y && same(a, b) && same(c, d)
            }
            (E::If(a, c, e), E::If(b, d, f)) => same(a, b) && same(c, d) && same(e, f),
            (E::Call(x, a), E::Call(y, b)) => x == y && same_all(a, b),
            (E::Record(a), E::Record(b)) | (E::List(a), E::List(b)) | (E::Concat(a), E::Concat(b)) => same_all(a, b),
            (E::FeatureRead { set: x, keys: a }, E::FeatureRead { set: y, keys: b })
            | (E::TableRead { table: x, keys: a }, E::TableRead { table: y, keys: b })
            | (E::Predict { model: x, inputs: a }, E::Predict { model: y, inputs: b })
            | (E::Request { service: x, arguments: a }, E::Request { service: y, arguments: b }) => {
                x == y && same_all(a, b)
            }
            // Without parts, or of two kinds.
            (a, b) => a == b,
        }
}

/// Whether two lists of expressions are equal wherever they were written.
#[must_use]
pub fn same_all(a: &[Expr], b: &[Expr]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

/// Whether two operators do the same wherever they were written; only for those that the plan may share.
#[must_use]
pub fn same_op(a: &Op, b: &Op) -> bool {
    match (a, b) {
        (Op::Scan { source: a }, Op::Scan { source: b }) => a == b,
        (Op::Final, Op::Final) => true,
        (Op::Fused { .. }, Op::Fused { .. })
        | (Op::FeatureRead { .. }, Op::FeatureRead { .. })
        | (Op::IntervalJoin { .. }, Op::IntervalJoin { .. })
        | (Op::LookupJoin { .. }, Op::LookupJoin { .. }) => {
            // The expressions first: only twins are copied, to compare what stands around them.
            same_exprs(a, b) && {
                let (mut a, mut b) = (a.clone(), b.clone());
                each_expr_mut(&mut a, &mut erase);
                each_expr_mut(&mut b, &mut erase);
                a == b
            }
        }
        _ => false,
    }
}

fn same_exprs(a: &Op, b: &Op) -> bool {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    each_expr(a, &mut |expr| of_a.push(expr));
    each_expr(b, &mut |expr| of_b.push(expr));
    of_a.len() == of_b.len() && of_a.into_iter().zip(of_b).all(|(a, b)| same(a, b))
}

fn erase(expr: &mut Expr) {
    rewrite(expr, &mut |part| part.span = Span::default());
}

/// Every expression of an operator, to be changed.
pub fn op_exprs_mut(op: &mut Op) -> Vec<&mut Expr> {
    let mut all = Vec::new();
    each_expr_mut(op, &mut |expr| all.push(expr));
    all
}

/// One walk over the expressions of an operator, for those that look and for those that change.
macro_rules! each_expr {
    ($(#[$doc:meta])* $name:ident, $iter:ident, $aggregate:ident, $as_deref:ident, $($mutable:tt)?) => {
        $(#[$doc])*
        pub fn $name<'a>(op: &'a $($mutable)? Op, see: &mut impl FnMut(&'a $($mutable)? Expr)) {
            let aggregates = |list: &'a $($mutable)? [Aggregate]| list.$iter().flat_map(Aggregate::$aggregate);
            match op {
                Op::Scan { .. }
                | Op::SinkRows { .. }
                | Op::KeyedRows { .. }
                | Op::Final
                | Op::Take { .. }
                | Op::Union
                | Op::Part { .. }
                | Op::Evaluate
                | Op::Emit { .. }
                | Op::Request { .. }
                | Op::Collect => {}
                Op::Rows { value } | Op::Scalar { value } | Op::Respond { value } => see(value),
                Op::Fused { steps } => steps.$iter().for_each(|step| match step {
                    Step::Filter { condition, unless_fault } => {
                        see(condition);
                        unless_fault.$iter().for_each(&mut *see);
                    }
                    Step::Project { columns } => columns.$iter().for_each(|(_, value)| see(value)),
                }),
                Op::IntervalJoin { on, residual, .. }
                | Op::LookupJoin { on, residual, .. }
                | Op::HashJoin { on, residual, .. } => {
                    for (left, right) in on {
                        see(left);
                        see(right);
                    }
                    residual.$as_deref().into_iter().for_each(see);
                }
                Op::Features { sets, .. } => {
                    for set in sets {
                        set.keys.$iter().for_each(|(_, key)| see(key));
                        aggregates(&$($mutable)? set.aggregates).for_each(&mut *see);
                        set.scalars.$iter().for_each(|(_, value)| see(value));
                    }
                }
                Op::FeatureRead { keys, .. }
                | Op::Distinct { keys }
                | Op::Latest { keys }
                | Op::ReadFeatures { keys, .. }
                | Op::ReadTable { keys, .. }
                | Op::Split { by: keys, .. }
                | Op::Predict { inputs: keys, .. }
                | Op::Call { arguments: keys, .. } => keys.$iter().for_each(see),
                Op::Aggregate { keys, aggregates: list, outputs } => {
                    keys.$iter().for_each(|(_, key)| see(key));
                    aggregates(list).for_each(&mut *see);
                    outputs.$iter().for_each(|(_, value)| see(value));
                }
                Op::Sort { keys } => keys.$iter().for_each(|(key, _)| see(key)),
                Op::Top { keys, per, .. } => {
                    keys.$iter().for_each(|(key, _)| see(key));
                    per.$iter().for_each(see);
                }
                Op::Train { label, features, .. } => {
                    see(label);
                    features.$iter().for_each(|(_, value)| see(value));
                }
                Op::Publish { gate, .. } => gate.$iter().for_each(see),
            }
        }
    };
}

each_expr!(
    /// Calls `see` for every expression of an operator.
    each_expr,
    iter,
    exprs,
    as_deref,
);
each_expr!(
    /// Calls `see` for every expression of an operator, to be changed.
    each_expr_mut,
    iter_mut,
    exprs_mut,
    as_deref_mut,
    mut
);
