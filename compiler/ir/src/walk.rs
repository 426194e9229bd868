//! Walking expressions.

use std::collections::BTreeSet;

use fec_diagnostics::Span;
use fec_model::Symbol;
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
    visit(expr, &mut |part| {
        found |= matches!(
            part.kind,
            ExprKind::FeatureRead { .. }
                | ExprKind::TableRead { .. }
                | ExprKind::Predict { .. }
                | ExprKind::Request { .. }
                | ExprKind::Rows(_)
        );
    });
    found
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
    without_spans(a) == without_spans(b)
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
            let (mut a, mut b) = (a.clone(), b.clone());
            op_exprs_mut(&mut a).into_iter().for_each(erase);
            op_exprs_mut(&mut b).into_iter().for_each(erase);
            a == b
        }
        _ => false,
    }
}

fn without_spans(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    erase(&mut expr);
    expr
}

fn erase(expr: &mut Expr) {
    rewrite(expr, &mut |part| part.span = Span::default());
}

/// Every expression of an operator, to be changed.
pub fn op_exprs_mut(op: &mut Op) -> Vec<&mut Expr> {
    fn aggregates(list: &mut [Aggregate]) -> impl Iterator<Item = &mut Expr> {
        list.iter_mut().flat_map(|one| one.argument.iter_mut().chain(&mut one.by).chain(&mut one.filter))
    }
    match op {
        Op::Scan { .. }
        | Op::SinkRows { .. }
        | Op::Final
        | Op::Take { .. }
        | Op::Union
        | Op::Part { .. }
        | Op::Evaluate
        | Op::Emit { .. }
        | Op::Request { .. }
        | Op::Collect => Vec::new(),
        Op::Rows { value } | Op::Scalar { value } | Op::Respond { value } => vec![value],
        Op::Fused { steps } => steps
            .iter_mut()
            .flat_map(|step| match step {
                Step::Filter { condition, unless_fault } => {
                    std::iter::once(condition).chain(unless_fault).collect::<Vec<_>>()
                }
                Step::Project { columns } => columns.iter_mut().map(|(_, value)| value).collect(),
            })
            .collect(),
        Op::IntervalJoin { on, residual, .. }
        | Op::LookupJoin { on, residual, .. }
        | Op::HashJoin { on, residual, .. } => {
            on.iter_mut().flat_map(|(left, right)| [left, right]).chain(residual).collect()
        }
        Op::Features { sets, .. } => sets
            .iter_mut()
            .flat_map(|set| {
                let keys = set.keys.iter_mut().map(|(_, key)| key);
                keys.chain(aggregates(&mut set.aggregates)).chain(set.scalars.iter_mut().map(|(_, value)| value))
            })
            .collect(),
        Op::FeatureRead { keys, .. }
        | Op::Distinct { keys }
        | Op::Latest { keys }
        | Op::ReadFeatures { keys, .. }
        | Op::ReadTable { keys, .. }
        | Op::Split { by: keys, .. } => keys.iter_mut().collect(),
        Op::Aggregate { keys, aggregates: list, outputs } => {
            let keys = keys.iter_mut().map(|(_, key)| key);
            keys.chain(aggregates(list)).chain(outputs.iter_mut().map(|(_, value)| value)).collect()
        }
        Op::Sort { keys } => keys.iter_mut().map(|(key, _)| key).collect(),
        Op::Top { keys, per, .. } => keys.iter_mut().map(|(key, _)| key).chain(per).collect(),
        Op::Train { label, features, .. } => {
            std::iter::once(label).chain(features.iter_mut().map(|(_, value)| value)).collect()
        }
        Op::Publish { gate, .. } => gate.iter_mut().collect(),
        Op::Predict { inputs, .. } => inputs.iter_mut().collect(),
        Op::Call { arguments, .. } => arguments.iter_mut().collect(),
    }
}
