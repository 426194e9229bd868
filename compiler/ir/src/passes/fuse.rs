//! Joins chains of stateless nodes, so that a batch is walked once.

use hashbrown::HashSet;

use crate::graph::NodeId;
use crate::ir::Ir;
use crate::op::Op;
use crate::passes::Change;

pub(super) fn run(ir: &mut Ir) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut gone = HashSet::new();
    let views: HashSet<NodeId> = ir.views.iter().map(|view| view.node).collect();
    for id in ir.graph.in_order().unwrap_or_default() {
        if !matches!(ir.graph.get(id).map(|node| &node.op), Some(Op::Fused { .. })) {
            continue;
        }
        while let Some(input) = ir.graph.input(id, 0) {
            let chained = ir.graph.takers(input).take(2).count() == 1
                && !views.contains(&input)
                && ir.graph.get(id).map(|node| &node.guards) == ir.graph.get(input).map(|node| &node.guards);
            if !chained || !matches!(ir.graph.get(input).map(|node| &node.op), Some(Op::Fused { .. })) {
                break;
            }
            let above = ir.graph.inputs(input);
            let outer = ir.graph.bindings(input);
            let Some(removed) = ir.graph.remove(input) else { break };
            if let Some(first) = above.first() {
                ir.graph.set_input(id, 0, *first);
            }
            for binding in outer {
                ir.graph.connect(binding, id, crate::graph::Edge::Binding);
            }
            let Some(node) = ir.graph.get_mut(id) else { break };
            if let (Op::Fused { steps }, Op::Fused { steps: mut before }) = (&mut node.op, removed.op) {
                before.append(steps);
                *steps = before;
            }
            changes.push(Change {
                node: node.name.clone(),
                reason: format!("takes over the steps of `{}`: both are stateless", removed.name),
            });
            gone.insert(input);
        }
    }
    for flow in &mut ir.flows {
        flow.nodes.retain(|node| !gone.contains(node));
    }
    changes
}
