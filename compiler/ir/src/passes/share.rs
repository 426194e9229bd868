//! One scan a source, and equal operators over equal inputs once, whichever flows they stand in.

use std::mem::{Discriminant, discriminant};

use fec_model::Symbol;
use hashbrown::HashMap;

use crate::graph::NodeId;
use crate::ir::Ir;
use crate::op::Op;
use crate::passes::Change;
use crate::walk;

pub(super) fn run(ir: &mut Ir) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut replaced: HashMap<NodeId, NodeId> = HashMap::new();
    // Keyed by the cheap part; only nodes that agree in it are compared expression by expression.
    let mut seen: HashMap<(Discriminant<Op>, Option<NodeId>, Symbol), Vec<NodeId>> = HashMap::new();
    for id in ir.graph.in_order().unwrap_or_default() {
        let Some(node) = ir.graph.get(id) else { continue };
        let label = match &node.op {
            Op::Scan { source } => *source,
            Op::Fused { .. } | Op::FeatureRead { .. } | Op::IntervalJoin { .. } | Op::LookupJoin { .. } | Op::Final => {
                Symbol::default()
            }
            _ => continue,
        };
        if !node.guards.is_empty() || ir.graph.has_bindings(id) || !node.settings.is_empty() {
            continue;
        }
        let key = (discriminant(&node.op), ir.graph.input(id, 0), label);
        let twins = seen.entry(key).or_default();
        let twin = twins.iter().copied().find(|twin| {
            ir.graph.get(*twin).is_some_and(|other| {
                other.columns == node.columns
                    && walk::same_op(&other.op, &node.op)
                    && ir.graph.inputs(*twin) == ir.graph.inputs(id)
            })
        });
        let Some(twin) = twin else {
            twins.push(id);
            continue;
        };
        let planes = node.planes;
        let binding = node.binding;
        ir.graph.replace(id, twin);
        let Some(removed) = ir.graph.remove(id) else { continue };
        if let Some(kept) = ir.graph.get_mut(twin) {
            kept.planes.extend(planes.iter());
            kept.binding = kept.binding.take().or(binding);
            changes.push(Change {
                node: kept.name.clone(),
                reason: format!("serves `{}` too: they are equal", removed.name),
            });
        }
        replaced.insert(id, twin);
    }
    // INVARIANT: a twin has been looked at before and stays.
    let views = ir.views.iter_mut().map(|view| &mut view.node);
    for node in ir.flows.iter_mut().flat_map(|flow| &mut flow.nodes).chain(views) {
        if let Some(twin) = replaced.get(node) {
            *node = *twin;
        }
    }
    changes
}
