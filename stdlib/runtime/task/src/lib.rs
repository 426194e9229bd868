//! A dataflow at work: its sources and sinks, data at rest, history replayed, the task over the log, its state folder.
//!
//! Nothing here knows the plan that a dataflow came from: it is interpreted or generated, and its rows are tapped by
//! number.

pub mod at_rest;
pub mod data;
pub mod dataflow;
pub mod error;
pub mod feed;
pub mod freshness;
pub mod output;
pub mod pipeline;
pub mod replay;
pub mod simulate;
pub mod snapshots;
pub mod spec;
pub mod state;
pub mod stream;
pub mod tables;
pub mod tasks;
pub mod wiring;
pub mod zone;

pub use dataflow::{Dataflow, Tap};
pub use error::RunError;
pub use freshness::{FeatureSources, Freshness};
pub use spec::{Shape, SinkSpec, SourceSpec};
