//! Removes nodes whose rows or value nobody uses.

use std::collections::BTreeSet;

use crate::graph::NodeId;
use crate::ir::Ir;
use crate::op::Op;
use crate::passes::Change;

pub(super) fn run(ir: &mut Ir) -> Vec<Change> {
    let mut roots: Vec<NodeId> = ir.features.iter().map(|set| set.node).collect();
    roots.extend(ir.views.iter().map(|view| view.node));
    roots.extend(ir.tests.iter().flat_map(|test| test.expectations.iter().flat_map(|one| one.nodes.iter().copied())));
    for id in ir.graph.ids() {
        let effect = matches!(
            ir.graph.get(id).map(|node| &node.op),
            Some(
                Op::Emit { .. }
                    | Op::Publish { .. }
                    | Op::Respond { .. }
                    | Op::Request { .. }
                    | Op::Evaluate
                    | Op::Call { .. }
            )
        );
        if effect {
            roots.push(id);
        }
    }
    let used: BTreeSet<NodeId> = ir.graph.upstream(&roots).into_iter().collect();
    let mut changes = Vec::new();
    for id in ir.graph.ids() {
        if !used.contains(&id)
            && let Some(node) = ir.graph.remove(id)
        {
            changes.push(Change { node: node.name, reason: "removed: nobody uses what it gives".to_owned() });
        }
    }
    for flow in &mut ir.flows {
        flow.nodes.retain(|id| used.contains(id));
    }
    changes
}
