//! Moves filters below operators that only add columns: feature reads, left joins, projections; below a left join between
//! streams only those that can be computed for every row.
//!
//! An operator that a filter passes may have dead-lettered a row that the filter would have dropped; so the filter lets
//! a row through whose keys there cannot be computed, and that operator still reports it.

use std::collections::BTreeSet;

use fec_model::Symbol;
use fec_model::expr::{BinaryOp, Expr, ExprKind, UnaryOp};
use fec_model::relation::{JoinKind, JoinPick};
use hashbrown::HashSet;

use crate::graph::NodeId;
use crate::ir::Ir;
use crate::op::{Op, Step};
use crate::passes::Change;
use crate::walk;

pub(super) fn run(ir: &mut Ir) -> Vec<Change> {
    let mut changes = Vec::new();
    let views: HashSet<NodeId> = ir.views.iter().map(|view| view.node).collect();
    for id in ir.graph.in_order().unwrap_or_default() {
        while let Some(change) = sink_once(ir, &views, id) {
            changes.push(change);
        }
    }
    changes
}

/// Moves the filter `id` below its input, where that is allowed.
fn sink_once(ir: &mut Ir, views: &HashSet<NodeId>, id: NodeId) -> Option<Change> {
    let node = ir.graph.get(id)?;
    let Op::Fused { steps } = &node.op else { return None };
    let [Step::Filter { condition, unless_fault }] = steps.as_slice() else { return None };
    if !node.guards.is_empty() || !ir.graph.bindings(id).is_empty() {
        return None;
    }
    let reads: BTreeSet<Symbol> = unless_fault.iter().chain([condition]).flat_map(walk::columns).collect();
    let above = *ir.graph.inputs(id).first()?;
    if ir.graph.consumers(above).len() != 1 || views.contains(&above) {
        return None;
    }
    let passed = ir.graph.get(above)?;
    let rows = *ir.graph.inputs(above).first()?;
    let below = ir.graph.get(rows)?;
    let there = |name: &Symbol| below.columns.iter().any(|column| column.name == *name);
    let (condition, unless_fault) = match &passed.op {
        Op::FeatureRead { keys, alias, .. } => {
            let adds = |name: &Symbol| alias.as_ref() == Some(name);
            if !reads.iter().all(|name| there(name) && !adds(name)) {
                return None;
            }
            (condition.clone(), keys.iter().chain(unless_fault).cloned().collect())
        }
        // A joined row stands at the later place of its two, and there a condition that cannot be computed is reported.
        Op::IntervalJoin { .. } if !is_total(ir, rows, condition) => return None,
        Op::IntervalJoin {
            join: JoinKind::Left,
            pick: JoinPick::All | JoinPick::First,
            alias,
            on,
            residual: None,
            ..
        }
        | Op::LookupJoin { join: JoinKind::Left, alias, on, residual: None, .. } => {
            if !reads.iter().all(|name| there(name) && name != alias) {
                return None;
            }
            (condition.clone(), on.iter().map(|(left, _)| left).chain(unless_fault).cloned().collect())
        }
        Op::Fused { steps } => {
            let [Step::Project { columns }] = steps.as_slice() else { return None };
            let renamed = |expr: &Expr| through(expr, columns);
            let unless: Option<Vec<Expr>> = unless_fault.iter().map(renamed).collect();
            (renamed(condition)?, unless?)
        }
        _ => return None,
    };
    let (below_columns, changes, place, timed, key) =
        (below.columns.clone(), below.changes, (below.delay, below.settle), below.timed, below.key.clone());
    let reason = format!("filters before `{}`, which only adds columns", passed.name);
    ir.graph.replace(id, above);
    ir.graph.set_input(id, 0, rows);
    ir.graph.set_input(above, 0, id);
    let node = ir.graph.get_mut(id)?;
    node.op = Op::Fused { steps: vec![Step::Filter { condition, unless_fault }] };
    node.columns = below_columns;
    (node.changes, node.timed, node.key) = (changes, timed, key);
    (node.delay, node.settle) = place;
    Some(Change { node: node.name.clone(), reason })
}

/// Whether a condition can be computed for every row of a node.
fn is_total(ir: &Ir, rows: NodeId, expr: &Expr) -> bool {
    let all = |parts: &[&Expr]| parts.iter().all(|part| is_total(ir, rows, part));
    match &expr.kind {
        ExprKind::Literal(_) => true,
        ExprKind::Column(name) => is_as_read(ir, rows, *name),
        ExprKind::Unary(UnaryOp::Not, part) | ExprKind::IsAbsent(part) => all(&[part]),
        ExprKind::Binary(
            BinaryOp::Or
            | BinaryOp::And
            | BinaryOp::Equal
            | BinaryOp::Less
            | BinaryOp::LessEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterEqual,
            left,
            right,
        )
        | ExprKind::Coalesce(left, right)
        | ExprKind::In(left, right) => all(&[left, right]),
        ExprKind::List(parts) => parts.iter().all(|part| is_total(ir, rows, part)),
        _ => false,
    }
}

/// Whether a column of a node's rows is one of a source, as it was read: such a cell is never a fault.
fn is_as_read(ir: &Ir, mut rows: NodeId, mut name: Symbol) -> bool {
    loop {
        let Some(node) = ir.graph.get(rows) else { return false };
        match &node.op {
            Op::Scan { .. } => return true,
            Op::Fused { steps } => {
                for step in steps.iter().rev() {
                    let Step::Project { columns } = step else { continue };
                    match columns.iter().find(|(known, _)| *known == name).map(|(_, value)| &value.kind) {
                        Some(ExprKind::Column(inner)) => name = *inner,
                        _ => return false,
                    }
                }
            }
            Op::FeatureRead { .. } => {}
            _ => return false,
        }
        let Some(above) = ir.graph.inputs(rows).first().copied() else { return false };
        rows = above;
        if !ir.graph.get(rows).is_some_and(|node| node.columns.iter().any(|column| column.name == name)) {
            return false;
        }
    }
}

/// The expression over the input of a projection, where every column that it reads is only passed on there.
fn through(expr: &Expr, columns: &[(Symbol, Expr)]) -> Option<Expr> {
    let mut moved = expr.clone();
    let mut possible = true;
    walk::rewrite(&mut moved, &mut |part| {
        if let ExprKind::Column(name) = &part.kind {
            match columns.iter().find(|(known, _)| known == name).map(|(_, value)| &value.kind) {
                Some(ExprKind::Column(inner)) => part.kind = ExprKind::Column(*inner),
                _ => possible = false,
            }
        }
    });
    possible.then_some(moved)
}
