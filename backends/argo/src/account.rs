//! As whom steps run: an account that may report the result of a step, and nothing else.

use fec_objects::meta::{metadata, placed};
use fec_objects::tree::NoTree;
use fec_objects::{At, Metadata, Node};
use fec_plan::{Deployment, names};

use crate::types::{Account, Role, RoleBinding, RoleRef, Rule, Subject};

/// The account: the one that the target names, else one of the solution's own.
pub fn name(deployment: &Deployment<'_>) -> String {
    let batch = deployment.target.and_then(|target| target.batch.as_ref());
    batch
        .and_then(|batch| batch.service_account.clone())
        .unwrap_or_else(|| names::of_solution(deployment, "workflow-runner"))
}

/// The account and its right.
pub fn objects(deployment: &Deployment<'_>) -> Result<Vec<Node>, NoTree> {
    let span = deployment.target.and_then(|target| target.batch.as_ref()).map(|batch| batch.span);
    let right = names::of_solution(deployment, "workflow-executor");
    let named = |name: &str| Metadata {
        name: Some(At::new(span, name.to_owned())),
        ..metadata(deployment, name, "workflow-runner")
    };
    Ok(vec![
        placed(span, Account { api_version: "v1", kind: "ServiceAccount", metadata: named(&name(deployment)) })?,
        placed(
            span,
            Role {
                api_version: "rbac.authorization.k8s.io/v1",
                kind: "Role",
                metadata: named(&right),
                rules: vec![Rule {
                    api_groups: vec!["argoproj.io"],
                    resources: vec!["workflowtaskresults"],
                    verbs: vec!["create", "patch"],
                }],
            },
        )?,
        placed(
            span,
            RoleBinding {
                api_version: "rbac.authorization.k8s.io/v1",
                kind: "RoleBinding",
                metadata: named(&right),
                role_ref: RoleRef { api_group: "rbac.authorization.k8s.io", kind: "Role", name: right.clone() },
                subjects: vec![Subject { kind: "ServiceAccount", name: name(deployment) }],
            },
        )?,
    ])
}
