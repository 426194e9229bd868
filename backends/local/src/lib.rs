//! The local target: the plan run in one process over the embedded log, store and lake.

pub mod dataflow;
pub mod error;
pub mod expr;
pub mod pipeline;
pub mod tables;
pub mod types;

pub use error::LocalError;
