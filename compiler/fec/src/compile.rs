//! What `fec compile` gives: files of the backends, a list of them, and the folder that holds them.

pub mod beside;
pub mod build;
pub mod built;
pub mod images;
pub mod manifest;
pub mod tree;

use fec_argo::Argo;
use fec_crates::Crates;
use fec_diagnostics::Sources;
use fec_ir::Ir;
use fec_manifests::Manifests;
use fec_plan::Backend;

use crate::output::Failure;

/// The file that holds the plan.
pub const PLAN: &str = "ir.json";

/// The text of that file.
///
/// # Errors
/// A plan that cannot be written down, which none is.
pub fn plan(ir: &Ir) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(ir).map_err(|error| Failure::environment(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// Every backend. Their files do not meet: each has a folder of its own. `sources` are the files of the solution by their
/// path in it, `fingerprint` is that of its plan.
pub fn backends<'a>(sources: &'a Sources, fingerprint: &'a str) -> Vec<Box<dyn Backend + 'a>> {
    vec![Box::new(Argo), Box::new(Manifests), Box::new(Crates { sources, fingerprint })]
}
