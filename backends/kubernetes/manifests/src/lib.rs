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

    /// The files that are generated of a solution, by path.
    fn files(text: &str, target: Option<&str>) -> std::collections::BTreeMap<String, String> {
        let mut sources = Sources::new();
        let file = sources.add("a.asol", text);
        let options = CheckOptions { target: target.map(str::to_owned) };
        let (model, found) = check(&[(file, &fec_syntax::parse(file, text).file)], &options);
        assert!(found.is_empty(), "{found:?}");
        let ir = optimise(lower(model)).0;
        let target = ir.targets.iter().find(|known| Some(known.name.as_str()) == target);
        let files = Manifests.generate(&deployment(&ir, target)).files.into_iter();
        files.map(|file| (file.path, String::from_utf8_lossy(&file.contents).into_owned())).collect()
    }

    #[test]
    fn a_service_may_be_called_as_a_file_that_is_there_in_any_case() {
        let text = "solution s { version: \"1\" }\n\
            @get(\"/a\") service solution() -> int { return 1 }\n\
            @get(\"/b\") service kustomization() -> int { return 2 }\n";
        let files = files(text, None);
        // Both services, the worker that keeps features, and what they share.
        assert_eq!(files.len(), 5, "{:?}", files.keys());
        let folder = format!("{FOLDER}/");
        assert!(files.keys().all(|path| path.starts_with(&folder)), "{:?}", files.keys());
    }

    #[test]
    fn a_target_says_of_each_unit_what_it_asks_for() {
        let text = "solution s { version: \"1\" }\n\
            source e: stream<{ id: string, at: timestamp }> { time: at }\n\
            features f by id from e { n_1h = count() over 1h }\n\
            sink a: stream<{ id: string }> {}\nsink b: stream<{ id: string }> {}\n\
            stream one { emit e |> select id to a }\nstream two { emit e |> select id to b }\n\
            @get(\"/x/:id\") service x(id: string) -> int { return f[id].n_1h }\n\
            target t {\n  cluster: kubernetes(context: \"c\")\n\
            scale f { cores: 3, memory: 20000KiB }\n  scale x { replicas: 3..=4, cpu: 90% }\n}\n";
        let files = files(text, Some("t"));
        let asked = |unit: &str| -> Vec<&str> {
            let text = files.get(&format!("{FOLDER}/{unit}.yaml")).map(String::as_str).unwrap_or_default();
            let words = ["cpu:", "memory:", "averageUtilization:", "minReplicas:", "maxReplicas:"];
            text.lines().map(str::trim).filter(|line| words.iter().any(|word| line.starts_with(word))).collect()
        };
        // What features need is for who keeps them, and for nobody else.
        let memory = "memory: \"20480000\"";
        assert_eq!(asked("s-features"), ["cpu: \"3\"", memory, "cpu: \"12\"", memory]);
        assert_eq!(asked("one"), ["cpu: \"500m\"", "memory: \"512Mi\"", "cpu: \"2\"", "memory: \"512Mi\""]);
        let of_service = ["minReplicas: 3", "maxReplicas: 4", "averageUtilization: 90"];
        assert!(of_service.iter().all(|line| asked("x").contains(line)), "{:?}", asked("x"));
    }
}
