//! What requests give to sinks.

use flow_core::batch::Batch;

/// Rows that a request gives to a sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Emitted {
    /// The sink.
    pub sink: String,
    /// Rows with the sink's columns.
    pub rows: Batch,
}

/// Takes what answered requests give to sinks. Called from several threads at once.
pub trait Emits: Send + Sync {
    /// Takes the rows of a request that is answered at `now`; `left_out` could not be computed.
    fn take(&self, emitted: Vec<Emitted>, left_out: usize, now: i64);
}
