//! History through the dataflow of a plan, to its end: what jobs, tests and `show` do.

use fec_ir::NodeId;
use flow_task::data::History;

use crate::dataflow::{Parts, build};
use crate::error::LocalError;

pub use flow_task::replay::{Replay, Replayed, states};

/// Replays history through the dataflow of `taps` and `features`.
///
/// # Errors
/// A plan that cannot be built, or damaged state.
pub fn replay(
    parts: Parts<'_>,
    taps: &[NodeId],
    features: &[NodeId],
    history: &History,
    how: Replay<'_>,
) -> Result<Replayed, LocalError> {
    flow_task::replay::replay(&|| build(parts, taps, features), history, how)
}
