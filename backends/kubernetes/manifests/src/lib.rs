//! The Kubernetes backend: typed objects for the processes of a solution, with references to secrets and never a value.
//!
//! A service is a Deployment with an HPA, a worker a StatefulSet of one; both have a Service, probes, a budget of
//! disruptions, a policy of their network and an account without a token. The namespace is left to whoever applies them.

mod common;
mod kustomize;
mod network;
mod service;
mod types;
mod worker;

use fec_diagnostics::Diagnostic;
use fec_objects::meta::{file, placed};
use fec_objects::{Node, tree::NoTree};
use fec_plan::{Backend, Deployment, FileKind, Generated, OutputFile, Unit, UnitKind, names};

/// Its folder.
const FOLDER: &str = "kubernetes";

/// The backend.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manifests;

impl Backend for Manifests {
    fn name(&self) -> &'static str {
        FOLDER
    }

    fn generate(&self, deployment: &Deployment<'_>) -> Generated {
        let mut generated = Generated::default();
        let mut add = |file: Result<OutputFile, Box<Diagnostic>>| match file {
            Ok(file) => generated.files.push(file),
            Err(defect) => generated.diagnostics.push(*defect),
        };
        let mut resources = vec!["solution.yaml".to_owned()];
        add(whole(deployment));
        for unit in &deployment.units {
            let objects = match unit.kind {
                UnitKind::Service => service::objects(deployment, unit),
                UnitKind::Worker => worker::objects(deployment, unit),
                UnitKind::Job => continue,
            };
            let name = format!("{}.yaml", names::beside(names::of_unit(unit), &["kustomization", "solution"]));
            add(file(format!("{FOLDER}/{name}"), FileKind::Kubernetes, unit.span, objects));
            resources.push(name);
        }
        resources.sort();
        let kustomization = kustomize::kustomization(deployment, resources);
        let objects = placed(None, kustomization).map(|node| vec![node]);
        add(file(format!("{FOLDER}/kustomization.yaml"), FileKind::Kubernetes, None, objects));
        generated.files.sort_by(|a, b| a.path.cmp(&b.path));
        generated
    }
}

/// What the processes share: the claim and their settings.
fn whole(deployment: &Deployment<'_>) -> Result<OutputFile, Box<Diagnostic>> {
    let objects = || -> Result<Vec<Node>, NoTree> {
        Ok(vec![placed(None, common::data(deployment))?, placed(None, common::settings(deployment))?])
    };
    file(format!("{FOLDER}/solution.yaml"), FileKind::Kubernetes, None, objects())
}

/// The objects that a worker and a service have alike, after those of their own.
fn alike(deployment: &Deployment<'_>, unit: &Unit) -> Result<Vec<Node>, NoTree> {
    Ok(vec![
        placed(unit.span, common::account(deployment, unit))?,
        placed(unit.span, network::service(deployment, unit))?,
        placed(unit.span, common::budget(deployment, unit))?,
        placed(unit.span, network::policy(deployment, unit))?,
    ])
}

#[cfg(test)]
mod tests {
    use fec_diagnostics::Sources;
    use fec_ir::{lower, optimise};
    use fec_model::{CheckOptions, check};
    use fec_plan::deployment;

    use super::*;

    #[test]
    fn a_service_may_be_called_as_a_file_that_is_there_in_any_case() {
        let text = "solution s { version: \"1\" }\n\
            @get(\"/a\") service solution() -> int { return 1 }\n\
            @get(\"/b\") service kustomization() -> int { return 2 }\n";
        let mut sources = Sources::new();
        let file = sources.add("a.asol", text);
        let (model, found) = check(&[(file, &fec_syntax::parse(file, text).file)], &CheckOptions::default());
        assert!(found.is_empty(), "{found:?}");
        let ir = optimise(lower(model)).0;
        let paths: Vec<String> =
            Manifests.generate(&deployment(&ir, None)).files.into_iter().map(|file| file.path).collect();
        let distinct: std::collections::BTreeSet<&String> = paths.iter().collect();
        // Both services, the worker that keeps features, and what they share.
        assert_eq!((paths.len(), distinct.len()), (5, 5), "{paths:?}");
        let folder = format!("{FOLDER}/");
        assert!(paths.iter().all(|path| path.starts_with(&folder)), "{paths:?}");
    }
}
