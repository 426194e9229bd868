//! The entry for kustomize, which sets the namespace that the target names; overlays say what else differs from place to place.

use fec_objects::Metadata;
use fec_objects::meta::metadata;
use fec_plan::Deployment;
use serde::Serialize;

/// A kustomization.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kustomization {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    namespace: Option<String>,
    resources: Vec<String>,
}

/// The kustomization of files in its own folder.
pub fn kustomization(deployment: &Deployment<'_>, resources: Vec<String>) -> Kustomization {
    let mut metadata = metadata(deployment, &fec_plan::names::solution(deployment), "kustomization");
    metadata.labels = None;
    let cluster = deployment.target.and_then(|target| target.cluster.as_ref());
    Kustomization {
        api_version: "kustomize.config.k8s.io/v1beta1",
        kind: "Kustomization",
        metadata,
        namespace: cluster.and_then(|cluster| cluster.namespace.clone()),
        resources,
    }
}
