//! The local target: the plan run in one process over the embedded log, store and lake.

pub mod dataflow;
pub mod environment;
pub mod error;
pub mod expr;
pub mod job;
pub mod replay;
pub mod run;
pub mod service;
pub mod show;
pub mod specs;
pub mod stream;
pub mod suite;
pub mod types;

pub use error::LocalError;
pub use flow_parquet::open as open_parquet;
pub use flow_task::{data, output, pipeline, simulate, state, tables};
