//! Workers as crates of Rust: the physical dataflow wired over the runtime's operators, its expressions as functions.

mod operators;
mod shared;
mod unit;
mod worker;

use fec_diagnostics::Sources;
use fec_plan::{Deployment, Unit};
use fec_rust::Error;

pub use shared::feature_function;
pub use unit::{Over, Unit as Wired};

/// The files of a worker's crate below its `src`, by name. `shared` is the crate that holds what the processes of the
/// solution share, as Rust knows it.
///
/// # Errors
/// A plan that no checked solution has.
pub fn files(
    deployment: &Deployment<'_>,
    unit: &Unit,
    sources: &Sources,
    shared: &str,
) -> Result<Vec<(&'static str, String)>, Error> {
    worker::files(deployment, unit, sources, shared)
}

/// The files of the crate that the processes of a solution share, below its `src`, by name. `fingerprint` is that of the
/// plan.
///
/// # Errors
/// A plan that no checked solution has.
pub fn shared_files(
    deployment: &Deployment<'_>,
    sources: &Sources,
    fingerprint: &str,
) -> Result<Vec<(&'static str, String)>, Error> {
    shared::files(deployment, sources, fingerprint)
}
