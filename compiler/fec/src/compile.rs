//! What `fec compile` gives: files of the backends, a list of them, and the folder that holds them.

pub mod manifest;
pub mod tree;

use fec_argo::Argo;
use fec_manifests::Manifests;
use fec_plan::Backend;

/// Every backend. Their files do not meet: each has a folder of its own.
pub fn backends() -> Vec<Box<dyn Backend>> {
    vec![Box::new(Argo), Box::new(Manifests)]
}
