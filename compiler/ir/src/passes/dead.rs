//! Removes nodes whose rows or value nobody uses.

use crate::graph::NodeId;
use crate::ir::Ir;
use crate::op::Op;
use crate::passes::Change;

pub(super) fn run(ir: &mut Ir) -> Vec<Change> {
    let mut roots: Vec<NodeId> = ir.features.iter().map(|set| set.node).collect();
    roots.extend(ir.views.iter().flat_map(|view| [Some(view.node), view.kept]).flatten());
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
    let used = Used::new(ir, roots);
    let mut changes = Vec::new();
    for id in ir.graph.ids() {
        if !used.contains(id)
            && let Some(node) = ir.graph.remove(id)
        {
            changes.push(Change { node: node.name, reason: "removed: nobody uses what it gives".to_owned() });
        }
    }
    for flow in &mut ir.flows {
        flow.nodes.retain(|id| used.contains(*id));
    }
    changes
}

/// Whether each node is used, by its number.
struct Used(Vec<bool>);

impl Used {
    /// The roots and all that they need.
    fn new(ir: &Ir, mut open: Vec<NodeId>) -> Self {
        let count = ir.graph.ids().last().map_or(0, |last| last.number() as usize + 1);
        let mut used = Self(vec![false; count]);
        open.retain(|id| ir.graph.get(*id).is_some());
        while let Some(id) = open.pop() {
            if let Some(used) = used.0.get_mut(id.number() as usize)
                && !*used
            {
                *used = true;
                open.extend(ir.graph.givers(id));
            }
        }
        used
    }

    fn contains(&self, id: NodeId) -> bool {
        self.0.get(id.number() as usize).copied().unwrap_or(false)
    }
}
