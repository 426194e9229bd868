//! The streams of a plan as tasks.

use std::sync::Arc;

use fec_ir::{Ir, NodeId};
use fec_plan::Work;
use flow_store::{FeatureStore, SetId};
use flow_task::data::History;
use flow_task::snapshots::Snapshots;
use flow_task::stream::{TaskSetup, Worker};

use crate::dataflow::{Parts, build_quiet};
use crate::error::LocalError;
use crate::specs::{sinks, tap};

pub use fec_plan::workers::{kept_nodes, kept_table};

/// The table of a node's state: what a service reads.
#[must_use]
pub fn kept_set(ir: &Ir, node: NodeId) -> Option<SetId> {
    kept_table(ir, node).map(SetId)
}

/// The stable names of the nodes that keep what services read, in order.
#[must_use]
pub fn kept_names(ir: &Ir) -> Vec<String> {
    kept_nodes(ir).into_iter().filter_map(|node| ir.graph.get(node)).map(|node| node.name.clone()).collect()
}

/// What the task of a worker works with.
///
/// # Errors
/// A plan that no checked solution has.
pub fn setup(
    parts: Parts<'_>,
    work: &Work,
    generation: &str,
    files: History,
    store: Arc<dyn FeatureStore>,
    snapshots: Option<Snapshots>,
) -> Result<TaskSetup, LocalError> {
    let all = sinks(parts.ir, &parts.names.enums);
    let spec = |name: &str| all.iter().find(|sink| sink.name == name).cloned();
    let taps: Vec<NodeId> = work.sinks.iter().map(|(node, _)| *node).collect();
    Ok(TaskSetup {
        worker: Worker {
            name: work.name.clone(),
            number: work.number,
            of: work.of,
            keeps_features: work.keeps_features,
        },
        dataflow: build_quiet(parts, &taps, &work.features, &work.quiet)?,
        sinks: work.sinks.iter().filter_map(|(node, name)| Some((tap(*node), spec(name)?))).collect(),
        features: kept_names(parts.ir),
        generation: generation.to_owned(),
        files,
        store,
        snapshots,
        micro_batch: 0,
        commit_rows: 0,
    })
}
