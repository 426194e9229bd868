//! What each worker of a solution does: the sinks that it writes, the features that it keeps, whose dead letters it tells.

use std::collections::BTreeSet;

use fec_ir::{Ir, NodeId, Op};
use fec_model::model::Shape;

use crate::dataflow::{DataflowPlan, RowOp, sink_emits, stream_sinks};
use crate::deployment::{Deployment, Unit, UnitKind};

/// The part of one worker.
///
/// A sink has one writer: the worker of the stream that writes to it first in the text, which takes in what other streams
/// emit there. So rows of a key meet, and nothing is written twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The name of its unit.
    pub name: String,
    /// Its place among the workers, in the order of their names.
    pub number: u32,
    /// How many workers there are.
    pub of: u32,
    /// Whether it judges the records of the sources and keeps the features that services read.
    pub keeps_features: bool,
    /// The sinks that it writes, each with the node that is tapped for it.
    pub sinks: Vec<(NodeId, String)>,
    /// The nodes whose features, and rows of views, it keeps for services.
    pub features: Vec<NodeId>,
    /// The nodes that it has too, and whose dead letters another worker tells.
    pub quiet: BTreeSet<NodeId>,
}

/// The workers of a deployment, in the order of their names.
#[must_use]
pub fn workers(deployment: &Deployment<'_>) -> Vec<Work> {
    let ir = deployment.ir;
    let units: Vec<&Unit> = deployment.units.iter().filter(|unit| unit.kind == UnitKind::Worker).collect();
    let of = u32::try_from(units.len()).unwrap_or(u32::MAX);
    let work = |(number, unit): (u32, &&Unit)| Work {
        name: unit.name.clone(),
        number,
        of,
        keeps_features: unit.keeps_features,
        sinks: stream_sinks(ir).into_iter().filter(|(emit, _)| has(ir, unit, *emit)).collect(),
        features: if unit.keeps_features { kept_nodes(ir) } else { Vec::new() },
        quiet: BTreeSet::new(),
    };
    let mut workers: Vec<Work> = (0u32..).zip(&units).map(work).collect();
    // A node's letters are told by the worker that keeps features where that has it, else by the first.
    let mut told: BTreeSet<NodeId> = BTreeSet::new();
    let (first, others): (Vec<&mut Work>, Vec<&mut Work>) = workers.iter_mut().partition(|work| work.keeps_features);
    for work in first.into_iter().chain(others) {
        let nodes = nodes(ir, work);
        work.quiet = nodes.intersection(&told).copied().collect();
        told.extend(nodes);
    }
    workers
}

/// The nodes that keep what services read by key, features and the rows of views, in the order of their tables.
#[must_use]
pub fn kept_nodes(ir: &Ir) -> Vec<NodeId> {
    let views = ir.views.iter().filter_map(|view| view.kept);
    let nodes: BTreeSet<NodeId> = ir.features.iter().map(|set| set.node).chain(views).collect();
    nodes.into_iter().collect()
}

/// The table of a node's state: where a service reads it.
#[must_use]
pub fn kept_table(ir: &Ir, node: NodeId) -> Option<u32> {
    let number = kept_nodes(ir).iter().position(|known| *known == node)?;
    u32::try_from(number).ok()
}

/// The feature sets in their order, each with the streams that its values come from.
#[must_use]
pub fn feature_sources(ir: &Ir) -> Vec<(&str, Vec<&str>)> {
    let stream = |id: NodeId| match ir.graph.get(id).map(|node| &node.op) {
        Some(Op::Scan { source }) => ir.source(source).filter(|source| source.shape == Shape::Stream),
        _ => None,
    };
    let streams = |node: NodeId| {
        let found: BTreeSet<&str> =
            ir.graph.upstream(&[node]).into_iter().filter_map(stream).map(|source| source.name.as_str()).collect();
        found.into_iter().collect()
    };
    ir.features.iter().map(|info| (info.name.as_str(), streams(info.node))).collect()
}

fn has(ir: &Ir, unit: &Unit, emit: NodeId) -> bool {
    ir.flows.iter().any(|flow| unit.flow.as_ref() == Some(&flow.path) && flow.nodes.contains(&emit))
}

/// Everything that a worker computes.
fn nodes(ir: &Ir, work: &Work) -> BTreeSet<NodeId> {
    computed(ir, work).into_iter().collect()
}

/// Everything that a worker computes, in an order in which it can.
#[must_use]
pub fn computed(ir: &Ir, work: &Work) -> Vec<NodeId> {
    let emits = work.sinks.iter().flat_map(|(tap, _)| sink_emits(ir, *tap));
    let roots: Vec<NodeId> = emits.chain(work.features.iter().copied()).collect();
    ir.graph.upstream(&roots)
}

impl DataflowPlan {
    /// Lets the operators of these nodes tell no dead letters: they go under no name.
    pub fn silence(&mut self, quiet: &BTreeSet<NodeId>) {
        for operator in &mut self.operators {
            if quiet.contains(&operator.node) {
                operator.flow.clear();
            }
            if let RowOp::Features { state, reads, .. } = &mut operator.op {
                if quiet.contains(&operator.node) {
                    state.name.clear();
                }
                for read in reads.iter_mut().filter(|read| quiet.contains(&read.node)) {
                    read.flow.clear();
                }
            }
            if let RowOp::KeyedRows { joins, .. } = &mut operator.op {
                joins.iter_mut().filter(|read| quiet.contains(&read.node)).for_each(|read| read.flow.clear());
            }
        }
    }
}
