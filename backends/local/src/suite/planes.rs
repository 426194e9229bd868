//! The planes in which a test is run.

use fec_ir::ir::TestPlan;
use fec_ir::{Ir, NodeId, Op};
use fec_model::model::Plane;

use crate::dataflow::sinks::stream_sinks;
use crate::job;

/// Which planes a feature, or what a view keeps by its key, is asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planes {
    /// All three.
    All,
    /// That of the worker which keeps it: jobs and services read what they need for themselves.
    OfBinaries,
}

/// The planes of what a test asks: services answer online, sinks belong to their flow, features are in all three.
pub(super) fn planes(ir: &Ir, test: &TestPlan, of: Planes) -> Vec<&'static str> {
    let mut planes: Vec<&'static str> = test.expectations.iter().flat_map(|one| asks(ir, &one.nodes, of)).collect();
    if planes.is_empty() {
        planes.push("online");
    }
    planes.sort_unstable();
    planes.dedup();
    planes
}

/// The planes of what one expectation asks; none where it asks nothing of the solution's flows.
pub(super) fn asks(ir: &Ir, nodes: &[NodeId], of: Planes) -> Vec<&'static str> {
    let mut planes = Vec::new();
    let mut add = |plane: &'static str| {
        if !planes.contains(&plane) {
            planes.push(plane);
        }
    };
    for id in nodes {
        for id in ir.graph.upstream(&[*id]) {
            match ir.graph.get(id).map(|node| &node.op) {
                Some(Op::ReadTable { table, .. }) if ir.view(table).is_none_or(|view| view.kept.is_none()) => {
                    add("online");
                }
                Some(Op::Call { .. }) => add("online"),
                Some(Op::ReadFeatures { .. } | Op::ReadTable { .. }) => {
                    add("stream");
                    if of == Planes::All {
                        add("batch");
                        add("online");
                    }
                }
                Some(Op::SinkRows { sink }) => {
                    let (in_stream, in_job) = writers(ir, sink);
                    let in_service = served(ir, sink);
                    if in_job {
                        add("batch");
                    }
                    if in_service {
                        add("online");
                    } else if in_stream || !in_job {
                        add("stream");
                    }
                }
                _ => {}
            }
        }
    }
    planes
}

/// Whether streams, and whether jobs, write to a sink.
pub(super) fn writers(ir: &Ir, wanted: &str) -> (bool, bool) {
    let in_stream = stream_sinks(ir).iter().any(|(_, sink)| sink == wanted);
    let in_job = job::jobs(ir).flat_map(|flow| &flow.nodes).any(|id| emits(ir, *id, wanted));
    (in_stream, in_job)
}

/// Whether services write to a sink.
pub(super) fn served(ir: &Ir, wanted: &str) -> bool {
    let services = ir.flows.iter().filter(|flow| flow.plane == Plane::Online);
    services.flat_map(|flow| &flow.nodes).any(|id| emits(ir, *id, wanted))
}

/// Whether a node writes to a sink.
pub(super) fn emits(ir: &Ir, id: NodeId, wanted: &str) -> bool {
    matches!(ir.graph.get(id).map(|node| &node.op), Some(Op::Emit { sink }) if sink == wanted)
}
