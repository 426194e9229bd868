//! What sinks take from streams.

use fec_ir::{Ir, NodeId, Op};
use fec_model::Symbol;
use fec_model::model::{Plane, Sink, Write};

use super::wiring::{Fed, Wiring};
use super::{PlanError, RowOp};

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
    for (emit, sink) in emits(ir, Plane::Stream) {
        if !found.iter().any(|(_, known)| known == sink) {
            found.push((emit, sink.to_owned()));
        }
    }
    found
}

/// Whether a job emits to a sink.
#[must_use]
pub fn written_by_jobs(ir: &Ir, sink: &str) -> bool {
    emits(ir, Plane::Batch).any(|(_, written)| written == sink)
}

/// The emits of a plan's flows of a plane, and their sinks.
fn emits(ir: &Ir, plane: Plane) -> impl Iterator<Item = (NodeId, &str)> {
    let flows = ir.flows.iter().filter(move |flow| flow.plane == plane);
    flows.flat_map(|flow| &flow.nodes).filter_map(|id| match ir.graph.get(*id).map(|node| &node.op) {
        Some(Op::Emit { sink }) => Some((*id, sink.as_str())),
        _ => None,
    })
}

/// All that streams emit to the sink behind `tap`, in the order of the text.
#[must_use]
pub fn sink_emits(ir: &Ir, tap: NodeId) -> Vec<NodeId> {
    streamed(ir, tap).map(|sink| sink.emits).unwrap_or_default()
}

/// The sink behind the emit of a stream.
pub(super) fn streamed(ir: &Ir, tap: NodeId) -> Option<Streamed<'_>> {
    let (_, name) = emits(ir, Plane::Stream).find(|(emit, _)| *emit == tap)?;
    let of_sink = emits(ir, Plane::Stream).filter(|(_, sink)| *sink == name).map(|(emit, _)| emit);
    Some(Streamed { sink: ir.sink(name)?, emits: of_sink.collect() })
}

impl Wiring<'_> {
    /// Wires what the sink behind `tap` takes.
    pub(super) fn sink(&mut self, tap: NodeId, streamed: &Streamed<'_>) -> Result<Fed, PlanError> {
        let Streamed { sink, emits } = streamed;
        let mut feeds = Vec::with_capacity(emits.len());
        let mut settle = None;
        for emit in emits {
            let fed = self.feed(*emit)?;
            feeds.push(self.picked(*emit, fed, sink.columns.to_vec())?);
            settle = settle.max(self.node(*emit)?.settle);
        }
        let fed = match feeds.as_slice() {
            [fed] => fed.clone(),
            _ => self.place(tap, None, RowOp::Union, feeds, sink.columns.to_vec())?,
        };
        if sink.write != Write::Upsert {
            return Ok(fed);
        }
        let position = |name: &Symbol| sink.columns.iter().position(|column| column.name == *name);
        let key = sink.key.iter().filter_map(position).collect();
        let name = Some(format!("sink/{}", sink.name));
        self.place(tap, name, RowOp::Upsert { key, settle }, vec![fed], sink.columns.to_vec())
    }
}
