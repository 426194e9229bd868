//! One log for every plane: partitioned topics, transactions over them, a changelog per task.
//!
//! A source, a sink, a store and an operator know the traits of [`traits`] and nothing of the implementation behind them.
//! [`archive`] takes topics to files at rest and begins tasks with them; [`snapshot`] lets changelogs stay short.
//! [`embedded`] keeps the log in a folder that several processes share; [`simulated`] keeps it in memory and breaks on
//! purpose, from a seed.

pub mod archive;
pub mod batch;
pub mod block;
pub mod clock;
mod codec;
pub mod embedded;
pub mod error;
pub mod place;
pub mod simulated;
pub mod snapshot;
pub mod traits;

pub use batch::{RawBatch, RawRecord};
pub use block::{Block, KEY_BYTES, Write, Writes};
pub use clock::{Clock, ManualClock, SystemClock};
pub use embedded::EmbeddedLog;
pub use error::{AppendError, LogError};
pub use place::{Cut, Epoch, Mark, PartitionId, Sequence, TableId, TaskId};
pub use simulated::SimulatedLog;
pub use traits::{Limits, Log, Outcome, Progress, Restored, Source, Start, Transaction};
