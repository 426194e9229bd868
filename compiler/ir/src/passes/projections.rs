//! Drops columns that nobody reads, from the sinks up to the scans: less to decode, to carry and to keep in state.

use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};

use crate::graph::{Node, NodeId};
use crate::ir::Ir;
use crate::op::{Op, Step};
use crate::passes::Change;
use crate::walk;

/// The columns of a node that are read, each once; `None` is all of them.
type Needed = Option<Vec<Symbol>>;

pub(super) fn run(ir: &mut Ir) -> Vec<Change> {
    let order = ir.graph.in_order().unwrap_or_default();
    let mut all = All::new(&order);
    for view in &ir.views {
        all.need(view.node, None);
    }
    let mut changes = Vec::new();
    for id in order.iter().rev() {
        let own = all.take(*id);
        if let Some(change) = narrow(ir, *id, own.as_deref()) {
            changes.push(change);
        }
        demands(ir, *id, own, &mut all);
    }
    for id in order {
        pass_on(ir, id);
    }
    changes.reverse();
    changes
}

/// What is needed of each node, by its number.
struct All(Vec<Needed>);

impl All {
    /// Nothing, until somebody says so.
    fn new(nodes: &[NodeId]) -> Self {
        let count = nodes.iter().map(|id| id.number() as usize + 1).max().unwrap_or(0);
        Self(vec![Some(Vec::new()); count])
    }

    /// Adds what one consumer reads.
    fn need(&mut self, id: NodeId, wanted: Needed) {
        if let Some(known) = self.0.get_mut(id.number() as usize) {
            merge(known, wanted);
        }
    }

    /// What all consumers read: they have been asked.
    fn take(&mut self, id: NodeId) -> Needed {
        self.0.get_mut(id.number() as usize).map_or(Some(Vec::new()), std::mem::take)
    }
}

/// A node that passes its input's columns on has those that its input has now.
fn pass_on(ir: &mut Ir, id: NodeId) {
    let Some(input) = ir.graph.input(id, 0).and_then(|input| ir.graph.get(input)) else { return };
    let Some(node) = ir.graph.get(id) else { return };
    let projected = match &node.op {
        Op::Final => None,
        Op::Fused { steps } => steps.iter().rev().find_map(|step| match step {
            Step::Project { columns } => Some(columns),
            Step::Filter { .. } => None,
        }),
        _ => return,
    };
    let own = node.columns.iter().map(|column| column.name);
    let names: Vec<Symbol> = match projected {
        Some(columns) if own.clone().eq(columns.iter().map(|(name, _)| *name)) => return,
        Some(columns) => columns.iter().map(|(name, _)| *name).collect(),
        None if own.eq(input.columns.iter().map(|column| column.name)) => return,
        None => input.columns.iter().map(|column| column.name).collect(),
    };
    // A filter may have narrowed a type (`where x != null`), so a column's own type goes first.
    let find = |name: &Symbol| node.columns.iter().chain(&input.columns).find(|column| column.name == *name).cloned();
    let passed = names.iter().filter_map(find).collect();
    if let Some(node) = ir.graph.get_mut(id) {
        node.columns = passed;
    }
}

fn merge(into: &mut Needed, more: Needed) {
    match (into.as_mut(), more) {
        (Some(known), Some(more)) if known.is_empty() => *known = more,
        (Some(known), Some(more)) => more.into_iter().for_each(|name| walk::add(known, name)),
        (_, None) => *into = None,
        (None, _) => {}
    }
}

/// Whether columns of this node may go: the others use whole rows (order, ties, identity) or have fixed columns.
fn narrow(ir: &mut Ir, id: NodeId, own: Option<&[Symbol]>) -> Option<Change> {
    let own = own?;
    if !is_wide(ir.graph.get(id)?, own) {
        return None;
    }
    let node = ir.graph.get_mut(id)?;
    let before = node.columns.len();
    match &mut node.op {
        Op::Fused { steps } => {
            let mut wanted = own.to_vec();
            for step in steps.iter_mut().rev() {
                if let Step::Project { columns } = step {
                    columns.retain(|(name, _)| wanted.contains(name));
                }
                read_by(step, &mut wanted);
            }
            let projects = steps.iter().any(|step| matches!(step, Step::Project { .. }));
            // A filter alone passes on what its input has; that is narrowed with the input, below.
            node.columns.retain(|column| own.contains(&column.name) || (!projects && wanted.contains(&column.name)));
        }
        _ => node.columns.retain(|column| own.contains(&column.name)),
    }
    let after = node.columns.len();
    (after < before).then(|| Change {
        node: node.name.clone(),
        reason: format!("carries {after} of {before} columns: nobody reads the others"),
    })
}

/// Whether a node has columns, or computes some on the way, that nobody reads and that may go.
fn is_wide(node: &Node, own: &[Symbol]) -> bool {
    let too_much = || node.columns.iter().any(|column| !own.contains(&column.name));
    match &node.op {
        Op::Scan { .. }
        | Op::FeatureRead { .. }
        | Op::IntervalJoin { .. }
        | Op::LookupJoin { .. }
        | Op::Union
        | Op::Final => too_much(),
        Op::Fused { steps } => {
            let mut wanted = own.to_vec();
            too_much()
                || steps.iter().rev().any(|step| {
                    let unread = match step {
                        Step::Project { columns } => columns.iter().any(|(name, _)| !wanted.contains(name)),
                        Step::Filter { .. } => false,
                    };
                    read_by(step, &mut wanted);
                    unread
                })
        }
        _ => false,
    }
}

/// What is read before a step, where `wanted` is read after it.
fn read_by(step: &Step, wanted: &mut Vec<Symbol>) {
    match step {
        Step::Project { columns } => {
            wanted.clear();
            columns.iter().for_each(|(_, value)| walk::add_columns(value, wanted));
        }
        Step::Filter { condition, unless_fault } => {
            unless_fault.iter().chain([condition]).for_each(|expr| walk::add_columns(expr, wanted));
        }
    }
}

/// Says what a node reads of each input, where `own` is read of it.
fn demands(ir: &Ir, id: NodeId, own: Needed, all: &mut All) {
    let inputs = ir.graph.inputs(id);
    let Some(node) = ir.graph.get(id) else { return };
    match (&node.op, inputs.as_slice()) {
        (Op::Fused { steps }, [input]) => {
            let mut wanted = own.map(|mut own| {
                node.columns.iter().for_each(|column| walk::add(&mut own, column.name));
                own
            });
            for step in steps.iter().rev() {
                match (step, &mut wanted) {
                    (_, Some(wanted)) => read_by(step, wanted),
                    (Step::Project { .. }, None) => read_by(step, wanted.insert(Vec::new())),
                    (Step::Filter { .. }, None) => {}
                }
            }
            all.need(*input, wanted);
        }
        (Op::FeatureRead { keys, .. }, [rows, features]) => {
            all.need(*rows, with(own, keys));
            all.need(*features, None);
        }
        (Op::Features { sets, .. }, [input]) => {
            let mut wanted = Vec::new();
            for set in sets {
                set.keys.iter().for_each(|(_, key)| walk::add_columns(key, &mut wanted));
                for aggregate in &set.aggregates {
                    let parts = aggregate.exprs();
                    parts.for_each(|part| walk::add_columns(part, &mut wanted));
                }
            }
            all.need(*input, Some(wanted));
        }
        (Op::IntervalJoin { on, residual, alias, .. } | Op::LookupJoin { on, residual, alias, .. }, [left, right]) => {
            // The record column holds whole right rows where it is read; else only what the conditions need.
            let record = own.as_ref().is_none_or(|own| own.contains(alias));
            all.need(*left, with(own, on.iter().map(|(left, _)| left).chain(residual.as_deref())));
            let of_right = || {
                let mut found = Vec::new();
                on.iter()
                    .map(|(_, right)| right)
                    .chain(residual.as_deref())
                    .for_each(|expr| add_right(expr, &mut found));
                found
            };
            all.need(*right, (!record).then(of_right));
        }
        (Op::Final, [input]) => all.need(*input, own),
        (Op::Union, inputs) => inputs.iter().for_each(|input| all.need(*input, own.clone())),
        (Op::Train { label, features, .. }, [input]) => {
            let reads = features.iter().map(|(_, value)| value).chain([label.as_ref()]);
            all.need(*input, with(Some(Vec::new()), reads));
        }
        (_, inputs) => inputs.iter().for_each(|input| all.need(*input, None)),
    }
}

/// What is needed, and what expressions read.
fn with<'e>(mut needed: Needed, exprs: impl IntoIterator<Item = &'e Expr>) -> Needed {
    if let Some(needed) = &mut needed {
        exprs.into_iter().for_each(|expr| walk::add_columns(expr, needed));
    }
    needed
}

/// Adds the columns of the right row that an expression reads.
fn add_right(expr: &Expr, found: &mut Vec<Symbol>) {
    walk::visit(expr, &mut |part| {
        if let ExprKind::Right(name) = &part.kind {
            walk::add(found, *name);
        }
    });
}
