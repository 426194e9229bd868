//! The plan before and after the optimiser, with the reason of each change, as text.

use std::fmt::Write;

use crate::graph::NodeId;
use crate::ir::Ir;
use crate::op::{Op, Step};
use crate::passes::Applied;

/// Renders what the optimiser did to a plan.
#[must_use]
pub fn explain(before: &Ir, after: &Ir, applied: &[Applied]) -> String {
    let mut out = format!("plan as written ({} nodes)\n\n{}", before.graph.ids().len(), plan(before));
    for pass in applied {
        let _ = writeln!(out, "\n{}: {}", pass.pass, pass.purpose);
        if pass.changes.is_empty() {
            out.push_str("  nothing to do\n");
        }
        for change in &pass.changes {
            let _ = writeln!(out, "  {}\n    {}", change.node, change.reason);
        }
    }
    let _ = write!(out, "\nplan as it runs ({} nodes)\n\n{}", after.graph.ids().len(), plan(after));
    out
}

/// The nodes of a plan, inputs first, one a line.
#[must_use]
pub fn plan(ir: &Ir) -> String {
    let mut out = String::new();
    for id in ir.graph.in_order().unwrap_or_default() {
        line(ir, id, &mut out);
    }
    out
}

fn line(ir: &Ir, id: NodeId, out: &mut String) {
    let Some(node) = ir.graph.get(id) else { return };
    let inputs: Vec<String> = ir.graph.inputs(id).iter().map(|input| format!("#{}", input.number())).collect();
    let planes: Vec<String> = node.planes.iter().map(|plane| format!("{plane:?}").to_lowercase()).collect();
    let columns: Vec<&str> = node.columns.iter().map(|column| column.name.as_str()).collect();
    let _ = writeln!(
        out,
        "  #{:<4} {:<14} {}{}  [{}]  {{{}}}",
        id.number(),
        what(&node.op),
        node.name,
        if inputs.is_empty() { String::new() } else { format!(" <- {}", inputs.join(", ")) },
        planes.join(" "),
        columns.join(", ")
    );
}

fn what(op: &Op) -> String {
    match op {
        Op::Fused { steps } if steps.len() > 1 => {
            let steps: Vec<&str> = steps
                .iter()
                .map(|step| match step {
                    Step::Filter { .. } => "filter",
                    Step::Project { .. } => "project",
                })
                .collect();
            steps.join("+")
        }
        other => other.word().to_owned(),
    }
}
