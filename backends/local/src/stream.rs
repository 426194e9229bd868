//! The streams of a plan as tasks.

use std::sync::Arc;

use fec_ir::{Ir, NodeId};
use flow_store::{FeatureStore, SetId};
use flow_task::data::History;
use flow_task::stream::{TaskSetup, Worker};
use flow_task::{SinkSpec, Tap};

use crate::dataflow::sinks::stream_sinks;
use crate::dataflow::{Parts, build};
use crate::error::LocalError;
use crate::expr::Names;
use crate::specs::{sinks, tap};

/// The table of a feature node's state: what a service reads.
#[must_use]
pub fn feature_table(ir: &Ir, node: NodeId) -> Option<SetId> {
    let number = feature_nodes(ir).iter().position(|known| *known == node)?;
    u32::try_from(number).ok().map(SetId)
}

/// The nodes that keep features, in order.
#[must_use]
pub fn feature_nodes(ir: &Ir) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = ir.features.iter().map(|set| set.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// The stable names of the nodes that keep features, in order.
#[must_use]
pub fn feature_names(ir: &Ir) -> Vec<String> {
    feature_nodes(ir).into_iter().filter_map(|node| ir.graph.get(node)).map(|node| node.name.clone()).collect()
}

/// What the task of all streams works with.
///
/// # Errors
/// A plan that no checked solution has.
pub fn setup(
    parts: Parts<'_>,
    generation: &str,
    files: History,
    store: Arc<dyn FeatureStore>,
) -> Result<TaskSetup, LocalError> {
    let ir = parts.ir;
    let taps: Vec<NodeId> = stream_sinks(ir).into_iter().map(|(tap, _)| tap).collect();
    Ok(TaskSetup {
        worker: Worker { name: ir.name.clone(), number: 0, of: 1, keeps_features: true },
        dataflow: build(parts, &taps, &feature_nodes(ir))?,
        sinks: tapped_sinks(ir, parts.names),
        features: feature_names(ir),
        generation: generation.to_owned(),
        files,
        store,
        micro_batch: 0,
    })
}

/// The sinks that streams write to, and where their rows are tapped.
#[must_use]
pub fn tapped_sinks(ir: &Ir, names: &Names) -> Vec<(Tap, SinkSpec)> {
    let all = sinks(ir, &names.enums);
    let tapped = |(node, name): (NodeId, String)| Some((tap(node), all.iter().find(|sink| sink.name == name)?.clone()));
    stream_sinks(ir).into_iter().filter_map(tapped).collect()
}
