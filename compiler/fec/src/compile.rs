//! What `fec compile` gives: files of the backends, a list of them, and the folder that holds them.

pub mod beside;
pub mod build;
pub mod built;
pub mod images;
pub mod indented;
pub mod manifest;
pub mod tree;

use fec_argo::Argo;
use fec_crates::Crates;
use fec_diagnostics::Sources;
use fec_ir::Ir;
use fec_manifests::Manifests;
use fec_plan::Backend;
use serde::Serialize as _;

use crate::compile::indented::Indented;
use crate::output::Failure;

/// The file that holds the plan.
pub const PLAN: &str = "ir.json";

/// The text of that file.
///
/// # Errors
/// A plan that cannot be written down, which none is.
pub fn plan(ir: &Ir) -> Result<String, Failure> {
    let broken = |error: String| Failure::environment(error);
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Indented::default());
    ir.serialize(&mut serializer).map_err(|error| broken(error.to_string()))?;
    text.push(b'\n');
    String::from_utf8(text).map_err(|error| broken(error.to_string()))
}

/// Every backend. Their files do not meet: each has a folder of its own. `sources` are the files of the solution by their
/// path in it, `fingerprint` is that of its plan.
pub fn backends<'a>(sources: &'a Sources, fingerprint: &'a str) -> Vec<Box<dyn Backend + 'a>> {
    vec![Box::new(Argo), Box::new(Manifests), Box::new(Crates { sources, fingerprint })]
}
