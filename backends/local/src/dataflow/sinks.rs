//! What sinks take.

use fec_model::Symbol;
use fec_model::model::{Sink, Write};
use flow_core::batch::Batch;
use flow_operators::upsert::held;

use crate::error::LocalError;

pub use fec_plan::dataflow::stream_sinks;

/// What a sink holds after rows that came in order: of a sink with a key, the last row of each.
///
/// # Errors
/// A row with a bad key.
pub fn taken(sink: &Sink, rows: Batch) -> Result<Batch, LocalError> {
    if sink.write != Write::Upsert {
        return Ok(rows);
    }
    let position = |name: &Symbol| sink.columns.iter().position(|column| column.name == *name);
    let key: Vec<usize> = sink.key.iter().filter_map(position).collect();
    Ok(held(&rows, &key)?)
}
