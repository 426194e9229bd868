//! Drops columns that nobody reads, from the sinks up to the scans: less to decode, to carry and to keep in state.

use std::collections::{BTreeMap, BTreeSet};

use fec_model::Symbol;

use crate::graph::NodeId;
use crate::ir::Ir;
use crate::op::{Op, Step};
use crate::passes::Change;
use crate::walk;

/// The columns of a node that are read; `None` is all of them.
type Needed = Option<BTreeSet<Symbol>>;

pub(super) fn run(ir: &mut Ir) -> Vec<Change> {
    let order = ir.graph.in_order().unwrap_or_default();
    let mut needed: BTreeMap<NodeId, Needed> = BTreeMap::new();
    for view in &ir.views {
        needed.insert(view.node, None);
    }
    let mut changes = Vec::new();
    for id in order.iter().rev() {
        let own = needed.get(id).cloned().unwrap_or_else(|| Some(BTreeSet::new()));
        if let Some(change) = narrow(ir, *id, own.as_ref()) {
            changes.push(change);
        }
        for (input, wanted) in demands(ir, *id, own) {
            merge(needed.entry(input).or_insert_with(|| Some(BTreeSet::new())), wanted);
        }
    }
    for id in order {
        pass_on(ir, id);
    }
    changes.reverse();
    changes
}

/// A node that passes its input's columns on has those that its input has now.
fn pass_on(ir: &mut Ir, id: NodeId) {
    let Some(input) = ir.graph.inputs(id).first().and_then(|input| ir.graph.get(*input)) else { return };
    let columns = input.columns.clone();
    let Some(node) = ir.graph.get_mut(id) else { return };
    let names: Vec<Symbol> = match &node.op {
        Op::Final => columns.iter().map(|column| column.name).collect(),
        Op::Fused { steps } => {
            let last = steps.iter().rev().find_map(|step| match step {
                Step::Project { columns } => Some(columns.iter().map(|(name, _)| *name).collect()),
                Step::Filter { .. } => None,
            });
            last.unwrap_or_else(|| columns.iter().map(|column| column.name).collect())
        }
        _ => return,
    };
    // A filter may have narrowed a type (`where x != null`), so a column's own type goes first.
    let find = |name: &Symbol| {
        let own = node.columns.iter().find(|column| column.name == *name);
        own.or_else(|| columns.iter().find(|column| column.name == *name)).cloned()
    };
    let passed: Vec<_> = names.iter().filter_map(find).collect();
    node.columns = passed;
}

fn merge(into: &mut Needed, more: Needed) {
    match (into.as_mut(), more) {
        (Some(set), Some(more)) => set.extend(more),
        (_, None) => *into = None,
        (None, _) => {}
    }
}

/// Whether columns of this node may go: the others use whole rows (order, ties, identity) or have fixed columns.
fn narrow(ir: &mut Ir, id: NodeId, own: Option<&BTreeSet<Symbol>>) -> Option<Change> {
    let own = own?;
    let node = ir.graph.get_mut(id)?;
    let before = node.columns.len();
    match &mut node.op {
        Op::Scan { .. }
        | Op::FeatureRead { .. }
        | Op::IntervalJoin { .. }
        | Op::LookupJoin { .. }
        | Op::Union
        | Op::Final => {
            node.columns.retain(|column| own.contains(&column.name));
        }
        Op::Fused { steps } => {
            let mut wanted = own.clone();
            for step in steps.iter_mut().rev() {
                match step {
                    Step::Project { columns } => {
                        columns.retain(|(name, _)| wanted.contains(name));
                        wanted = columns.iter().flat_map(|(_, value)| walk::columns(value)).collect();
                    }
                    Step::Filter { condition, unless_fault } => {
                        wanted.extend(unless_fault.iter().chain([&*condition]).flat_map(walk::columns));
                    }
                }
            }
            let projects = steps.iter().any(|step| matches!(step, Step::Project { .. }));
            // A filter alone passes on what its input has; that is narrowed with the input, below.
            node.columns.retain(|column| own.contains(&column.name) || (!projects && wanted.contains(&column.name)));
        }
        _ => return None,
    }
    let after = node.columns.len();
    (after < before).then(|| Change {
        node: node.name.clone(),
        reason: format!("carries {after} of {before} columns: nobody reads the others"),
    })
}

/// What a node reads of each input.
fn demands(ir: &Ir, id: NodeId, own: Needed) -> Vec<(NodeId, Needed)> {
    let inputs = ir.graph.inputs(id);
    let Some(node) = ir.graph.get(id) else { return Vec::new() };
    match (&node.op, inputs.as_slice()) {
        (Op::Fused { steps }, [input]) => {
            let mut wanted: Needed = own.map(|own| {
                let mut own = own;
                own.extend(node.columns.iter().map(|column| column.name));
                own
            });
            for step in steps.iter().rev() {
                match step {
                    Step::Project { columns } => {
                        wanted = Some(columns.iter().flat_map(|(_, value)| walk::columns(value)).collect());
                    }
                    Step::Filter { condition, unless_fault } => {
                        let reads = unless_fault.iter().chain([condition]).flat_map(walk::columns).collect();
                        merge(&mut wanted, Some(reads));
                    }
                }
            }
            vec![(*input, wanted)]
        }
        (Op::FeatureRead { keys, .. }, [rows, features]) => {
            let mut wanted = own;
            merge(&mut wanted, Some(keys.iter().flat_map(walk::columns).collect()));
            vec![(*rows, wanted), (*features, None)]
        }
        (Op::Features { sets, .. }, [input]) => {
            let mut wanted = BTreeSet::new();
            for set in sets {
                wanted.extend(set.keys.iter().flat_map(|(_, key)| walk::columns(key)));
                for aggregate in &set.aggregates {
                    let parts = aggregate.argument.iter().chain(&aggregate.by).chain(&aggregate.filter);
                    wanted.extend(parts.flat_map(walk::columns));
                }
            }
            vec![(*input, Some(wanted))]
        }
        (Op::IntervalJoin { on, residual, alias, .. } | Op::LookupJoin { on, residual, alias, .. }, [left, right]) => {
            let mut wanted = own.clone();
            let reads = on.iter().map(|(left, _)| left).chain(residual).flat_map(walk::columns).collect();
            merge(&mut wanted, Some(reads));
            // The record column holds whole right rows where it is read; else only what the conditions need.
            let record = own.is_none_or(|own| own.contains(alias));
            let right_wanted = if record {
                None
            } else {
                Some(on.iter().map(|(_, right)| right).chain(residual).flat_map(right_columns).collect())
            };
            vec![(*left, wanted), (*right, right_wanted)]
        }
        (Op::Final, [input]) => vec![(*input, own)],
        (Op::Union, inputs) => inputs.iter().map(|input| (*input, own.clone())).collect(),
        (Op::Train { label, features, .. }, [input]) => {
            let reads = features.iter().map(|(_, value)| value).chain([label]).flat_map(walk::columns).collect();
            vec![(*input, Some(reads))]
        }
        (_, inputs) => inputs.iter().map(|input| (*input, None)).collect(),
    }
}

fn right_columns(expr: &fec_model::expr::Expr) -> BTreeSet<Symbol> {
    let mut found = BTreeSet::new();
    walk::visit(expr, &mut |part| {
        if let fec_model::expr::ExprKind::Right(name) = &part.kind {
            found.insert(*name);
        }
    });
    found
}
