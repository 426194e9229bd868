//! The deployment plan: which processes a solution becomes, which operators each of them runs, and what a backend is
//! that turns them into files.
//!
//! Everything a backend needs has been decided here: it prints and decides nothing.

pub mod backend;
pub mod bindings;
pub mod dataflow;
pub mod deployment;
pub mod images;
pub mod job;
pub mod names;
pub mod openapi;
pub mod service;
pub mod steps;
pub mod workers;

pub use backend::{Backend, FileKind, Generated, OutputFile};
pub use dataflow::{DataflowPlan, PlanError, Wanted, dataflow};
pub use deployment::{Deployment, Unit, UnitKind, deployment};
pub use openapi::{openapi, route};
pub use workers::{Work, workers};
