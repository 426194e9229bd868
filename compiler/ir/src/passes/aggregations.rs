//! Puts feature sets that aggregate the same rows by the same key into one keyed state.

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
            let (same, rest): (Vec<NodeId>, Vec<NodeId>) =
                candidates.into_iter().partition(|other| walk::same_all(&wanted, &keys(ir, *other)));
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
