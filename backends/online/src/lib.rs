//! Services as crates of Rust: their statements as data over the runtime's engine, their expressions as functions.

mod process;
mod relations;
mod statements;

use fec_diagnostics::Sources;
use fec_plan::{Deployment, Unit};
use fec_rust::Error;

/// The files of a service's crate below its `src`, by name. `shared` is the crate that holds what the processes of the
/// solution share, as Rust knows it.
///
/// # Errors
/// A plan that no checked solution has.
pub fn files(
    deployment: &Deployment<'_>,
    unit: &Unit,
    sources: &Sources,
    shared: &str,
) -> Result<Vec<(String, String)>, Error> {
    process::files(deployment, unit, sources, shared)
}
