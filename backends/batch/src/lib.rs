//! Jobs as crates of Rust: the dataflow wired over the runtime's operators, the statements as data over its job engine,
//! their expressions as functions.

mod process;
mod statements;

use fec_diagnostics::Sources;
use fec_plan::{Deployment, Unit};
use fec_rust::Error;

/// The files of a job's crate below its `src`, by name. `shared` is the crate that holds what the processes of the
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
    process::files(deployment, unit, sources, shared)
}
