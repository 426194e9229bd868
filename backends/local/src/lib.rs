//! The local target: the plan run in one process over the embedded log, store and lake.

pub mod data;
pub mod dataflow;
pub mod environment;
pub mod error;
pub mod expr;
pub mod job;
pub mod pipeline;
pub mod replay;
pub mod run;
pub mod service;
pub mod show;
pub mod simulate;
pub mod state;
pub mod stream;
pub mod suite;
pub mod tables;
pub mod types;

pub use error::LocalError;
