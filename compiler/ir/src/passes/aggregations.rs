//! Puts feature sets that aggregate the same rows by the same key into one keyed state.
//!
//! A row with a bad argument is left out of the whole set that needs it, and of no other: so only sets that need the same
//! arguments are kept together.

use std::collections::BTreeMap;

use fec_model::expr::Expr;

use crate::graph::NodeId;
use crate::ir::Ir;
use crate::op::Op;
use crate::passes::Change;
use crate::walk;

pub(super) fn run(ir: &mut Ir) -> Vec<Change> {
    let mut groups: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    for id in ir.graph.ids() {
        if matches!(ir.graph.get(id).map(|node| &node.op), Some(Op::Features { .. }))
            && let Some(input) = ir.graph.inputs(id).first()
        {
            groups.entry(*input).or_default().push(id);
        }
    }
    let mut changes = Vec::new();
    for mut candidates in groups.into_values() {
        while !candidates.is_empty() {
            let kept = candidates.remove(0);
            let wanted = keys(ir, kept);
            let (same, rest): (Vec<NodeId>, Vec<NodeId>) = candidates.into_iter().partition(|other| {
                walk::same_all(&wanted, &keys(ir, *other))
                    && needs_as(ir, kept, *other)
                    && needs_as(ir, *other, kept)
                    && !is_chained(ir, kept, *other)
            });
            candidates = rest;
            for other in same {
                merge(ir, kept, other, &mut changes);
            }
        }
    }
    changes
}

fn keys(ir: &Ir, id: NodeId) -> Vec<Expr> {
    match ir.graph.get(id).map(|node| &node.op) {
        Some(Op::Features { sets, .. }) => {
            sets.first().map(|set| set.keys.iter().map(|(_, key)| key.clone()).collect()).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// Whether every aggregate of `other` needs what some aggregate of `kept` needs.
fn needs_as(ir: &Ir, kept: NodeId, other: NodeId) -> bool {
    let needs = |id: NodeId| -> Vec<Vec<Expr>> {
        match ir.graph.get(id).map(|node| &node.op) {
            Some(Op::Features { sets, .. }) => {
                sets.iter().flat_map(|set| &set.aggregates).map(|one| one.exprs().cloned().collect()).collect()
            }
            _ => Vec::new(),
        }
    };
    let known = needs(kept);
    needs(other).iter().all(|wanted| wanted.is_empty() || known.iter().any(|one| walk::same_all(one, wanted)))
}

/// Whether rows that read one of the two go on to read the other: one operator could not serve both at once.
fn is_chained(ir: &Ir, a: NodeId, b: NodeId) -> bool {
    let readers =
        |id: NodeId| -> Vec<NodeId> { ir.graph.consumers(id).into_iter().map(|(reader, _)| reader).collect() };
    let above = |reader: NodeId, others: &[NodeId]| {
        let rows = ir.graph.inputs(reader).first().copied();
        ir.graph.upstream(&rows.into_iter().collect::<Vec<_>>()).iter().any(|id| others.contains(id))
    };
    let (of_a, of_b) = (readers(a), readers(b));
    of_a.iter().any(|reader| above(*reader, &of_b)) || of_b.iter().any(|reader| above(*reader, &of_a))
}

fn merge(ir: &mut Ir, kept: NodeId, other: NodeId, changes: &mut Vec<Change>) {
    ir.graph.replace(other, kept);
    let Some(removed) = ir.graph.remove(other) else { return };
    let Op::Features { sets: more, head: other_head } = removed.op else { return };
    for set in &mut ir.features {
        if set.node == other {
            set.node = kept;
        }
    }
    if let Some(node) = ir.graph.get_mut(kept)
        && let Op::Features { sets, head } = &mut node.op
    {
        *head = (*head).max(other_head);
        sets.extend(more);
        changes.push(Change {
            node: node.name.clone(),
            reason: format!("keeps the windows of `{}` too: same input and key", removed.name),
        });
    }
}
