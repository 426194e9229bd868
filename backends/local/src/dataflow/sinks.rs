//! What sinks take from streams.

use std::sync::Arc;

use fec_ir::{Ir, NodeId, Op};
use fec_model::model::{Plane, Sink, Write};
use flow_core::batch::Batch;
use flow_operators::graph::Feed;
use flow_operators::union::Union;
use flow_operators::upsert::{Upsert, held};

use super::{Fed, Wiring};
use crate::error::LocalError;

/// A sink that streams write to.
pub(super) struct Streamed<'a> {
    pub(super) sink: &'a Sink,
    /// What the streams emit there, in the order of the text.
    pub(super) emits: Vec<NodeId>,
}

/// The sinks that streams write to, each with the node that is tapped for what it takes.
#[must_use]
pub fn stream_sinks(ir: &Ir) -> Vec<(NodeId, String)> {
    let mut found: Vec<(NodeId, String)> = Vec::new();
    for (emit, sink) in emits(ir) {
        if !found.iter().any(|(_, known)| known == sink) {
            found.push((emit, sink.to_owned()));
        }
    }
    found
}

/// The emits of a plan's streams and their sinks.
fn emits(ir: &Ir) -> impl Iterator<Item = (NodeId, &str)> {
    let streams = ir.flows.iter().filter(|flow| flow.plane == Plane::Stream);
    streams.flat_map(|flow| &flow.nodes).filter_map(|id| match ir.graph.get(*id).map(|node| &node.op) {
        Some(Op::Emit { sink }) => Some((*id, sink.as_str())),
        _ => None,
    })
}

/// The sink behind the emit of a stream.
pub(super) fn streamed(ir: &Ir, tap: NodeId) -> Option<Streamed<'_>> {
    let (_, name) = emits(ir).find(|(emit, _)| *emit == tap)?;
    let of_sink = emits(ir).filter(|(_, sink)| *sink == name).map(|(emit, _)| emit);
    Some(Streamed { sink: ir.sink(name)?, emits: of_sink.collect() })
}

/// What a sink holds after rows that came in order: of a sink with a key, the last row of each.
///
/// # Errors
/// A row with a bad key.
pub fn taken(sink: &Sink, rows: Batch) -> Result<Batch, LocalError> {
    if sink.write != Write::Upsert {
        return Ok(rows);
    }
    let position = |name: &String| sink.columns.iter().position(|column| column.name == *name);
    let key: Vec<usize> = sink.key.iter().filter_map(position).collect();
    Ok(held(&rows, &key)?)
}

impl Wiring<'_> {
    /// Wires what a sink takes.
    pub(super) fn sink(&mut self, streamed: &Streamed<'_>) -> Result<Fed, LocalError> {
        let Streamed { sink, emits } = streamed;
        let schema = self.parts.names.enums.schema(&sink.columns);
        let mut feeds = Vec::with_capacity(emits.len());
        let mut settle = None;
        for emit in emits {
            let (feed, columns) = self.feed(*emit)?;
            feeds.push(self.picked(feed, &columns, schema.clone())?.0);
            settle = settle.max(self.node(*emit)?.settle);
        }
        let schema = Arc::new(schema);
        let feed = match feeds.as_slice() {
            [feed] => *feed,
            _ => {
                let count = feeds.len();
                Feed::Output(self.graph.add(Box::new(Union::new(Arc::clone(&schema), count)), feeds)?, 0)
            }
        };
        if sink.write != Write::Upsert {
            return Ok((feed, schema));
        }
        let key = sink.key.iter().filter_map(|name| schema.position(name)).collect();
        let operator = self.graph.add(Box::new(Upsert::new(Arc::clone(&schema), key, settle)), vec![feed])?;
        self.names.insert(operator, format!("sink/{}", sink.name));
        Ok((Feed::Output(operator, 0), schema))
    }
}
