//! The Argo backend: a job as a `WorkflowTemplate`, its schedule as a `CronWorkflow`, a thin `Workflow` that runs it once,
//! and an account with the one right that the executor needs.
//!
//! Each step of a job is a pod of the job's own binary, which takes `--step STEP --run RUN --now=T --state DIR` and one
//! `--param NAME=VALUE` for each parameter of the job; an empty value is the default. A step reads what earlier steps of
//! the run left in the lake and can be run again. Decisions that others wait for are small files in `FEC_OUTPUTS`.

mod account;
mod job;
pub mod lint;
mod types;

use fec_diagnostics::Span;
use fec_ir::ir::FlowPlan;
use fec_objects::meta::{file, metadata, placed};
use fec_objects::tree::NoTree;
use fec_objects::{Metadata, Node};
use fec_plan::{Backend, Deployment, FileKind, Generated, Unit, UnitKind, names};
use serde::Serialize;

/// Its folder.
const FOLDER: &str = "argo";

/// The backend.
#[derive(Debug, Clone, Copy, Default)]
pub struct Argo;

/// A kustomization of the files in its own folder.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kustomization {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    namespace: Option<String>,
    sort_options: SortOptions,
    resources: Vec<String>,
}

/// In which order resources are applied.
#[derive(Debug, Clone, Serialize)]
struct SortOptions {
    order: &'static str,
}

/// A file before it is written.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Path below the output folder.
    pub path: String,
    /// What it came from.
    pub source: Option<Span>,
    /// Its documents; why there are none, where the backend has a defect.
    pub documents: Result<Vec<Node>, NoTree>,
}

impl Backend for Argo {
    fn name(&self) -> &'static str {
        FOLDER
    }

    fn generate(&self, deployment: &Deployment<'_>) -> Generated {
        let mut generated = Generated::default();
        for tree in trees(deployment) {
            match file(tree.path, FileKind::Argo, tree.source, tree.documents) {
                Ok(file) => generated.files.push(file),
                Err(defect) => generated.diagnostics.push(*defect),
            }
        }
        generated
    }
}

/// The files of a deployment, in the order of their paths; none where it has no job.
#[must_use]
pub fn trees(deployment: &Deployment<'_>) -> Vec<Tree> {
    let jobs: Vec<(&Unit, &FlowPlan)> = deployment
        .units
        .iter()
        .filter(|unit| unit.kind == UnitKind::Job)
        .filter_map(|unit| Some((unit, deployment.ir.flow(unit.flow.as_deref()?)?)))
        .collect();
    if jobs.is_empty() {
        return Vec::new();
    }
    let mut resources = vec!["account.yaml".to_owned()];
    let mut trees = Vec::new();
    let mut add = |name: &str, source, documents| {
        trees.push(Tree { path: format!("{FOLDER}/{name}"), source, documents });
    };
    add("account.yaml", None, account::objects(deployment));
    for (unit, job) in &jobs {
        let stem = stem(unit, job, &jobs);
        let name = format!("{stem}.yaml");
        add(&name, unit.span, job::template(deployment, unit, job).map(|node| vec![node]));
        resources.push(name);
        if let Some(cron) = job::schedule(deployment, unit, job) {
            // Behind its template in the order of names, as a folder is applied: Argo's controller refuses a schedule whose
            // template is not there, and looks at it again 20 minutes later.
            let name = format!("{stem}_schedule.yaml");
            add(&name, unit.span, placed(unit.span, cron).map(|node| vec![node]));
            resources.push(name);
        }
        // A workflow runs as soon as it is applied: it is for `kubectl create`, and no part of the whole.
        let once = placed(unit.span, job::once(deployment, unit, job)).map(|node| vec![node]);
        add(&format!("{stem}_run.yaml"), unit.span, once);
    }
    resources.sort();
    add("kustomization.yaml", None, kustomization(deployment, resources).map(|node| vec![node]));
    trees.sort_by(|a, b| a.path.cmp(&b.path));
    trees
}

fn kustomization(deployment: &Deployment<'_>, resources: Vec<String>) -> Result<Node, NoTree> {
    let mut head = metadata(deployment, &names::solution(deployment), "kustomization");
    head.labels = None;
    let kustomization = Kustomization {
        api_version: "kustomize.config.k8s.io/v1beta1",
        kind: "Kustomization",
        metadata: head,
        namespace: namespace(deployment),
        // By kind, as kustomize sorts them else, schedules would come before their templates.
        sort_options: SortOptions { order: "fifo" },
        resources,
    };
    placed(None, kustomization)
}

/// The namespace that the target names; kustomize sets it.
fn namespace(deployment: &Deployment<'_>) -> Option<String> {
    deployment.target.and_then(|target| target.cluster.as_ref()).and_then(|cluster| cluster.namespace.clone())
}

/// What the files of a job are called: as the job, where no job of another engine is called so.
fn stem(unit: &Unit, job: &FlowPlan, jobs: &[(&Unit, &FlowPlan)]) -> String {
    let is_only = jobs.iter().filter(|(_, other)| other.name == job.name).count() == 1;
    let short = names::object(&job.name, names::UNIT);
    let is_taken = jobs.iter().any(|(other, _)| other.name != unit.name && names::of_unit(other) == short);
    names::beside(if is_only && !is_taken { short } else { names::of_unit(unit) }, &["account", "kustomization"])
}
