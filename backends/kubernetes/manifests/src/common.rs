//! What a worker and a service have alike, and what all of a solution share.

use std::collections::BTreeMap;

use fec_objects::meta::{Labels, metadata, selector, unit_labels, unit_metadata};
use fec_objects::pod::{
    Container, ContainerPort, DATA, EnvFrom, HttpGet, NameRef, Probe, Size, claim, container_security, mounts,
    pod_security, resources, volumes,
};
use fec_objects::settings::variables;
use fec_objects::{At, Metadata, Object};
use fec_plan::{Deployment, Unit, images, names};

use crate::types::{Account, BudgetSpec, Claim, ClaimResources, ClaimSpec, ConfigMap, PodSpec, PodTemplate, Selector};

/// The port of every process.
pub const PORT: u16 = 8080;
/// Its name.
pub const PORT_NAME: &str = "http";
/// Space on the claim where nobody asks for more.
const STORAGE: &str = "10Gi";

/// The claim with log, lake and models.
pub fn data(deployment: &Deployment<'_>) -> Claim {
    let spec = ClaimSpec {
        access_modes: vec!["ReadWriteMany"],
        resources: ClaimResources { requests: BTreeMap::from([("storage".to_owned(), STORAGE.to_owned())]) },
    };
    let lake = deployment.target.and_then(|target| target.lake.as_ref()).map(|lake| lake.span);
    Object {
        api_version: "v1",
        kind: "PersistentVolumeClaim",
        metadata: metadata(deployment, &claim(deployment), "data"),
        spec: At::new(lake, spec),
    }
}

fn content(deployment: &Deployment<'_>) -> Labels {
    let target = deployment.target.map_or("local", |target| target.name.as_str());
    [
        ("FEC_PORT", PORT.to_string()),
        ("FEC_SOLUTION", deployment.ir.name.clone()),
        ("FEC_STATE", DATA.to_owned()),
        ("FEC_TARGET", target.to_owned()),
        ("FEC_VERSION", deployment.ir.version.clone()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// The name of the settings: another content has another name, so that pods are replaced when they change.
fn settings_name(deployment: &Deployment<'_>) -> String {
    let text: String = content(deployment).into_iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    names::of_solution(deployment, &format!("settings-{:016x}", names::hash(text.as_bytes())))
}

/// What every process is told.
pub fn settings(deployment: &Deployment<'_>) -> ConfigMap {
    ConfigMap {
        api_version: "v1",
        kind: "ConfigMap",
        metadata: metadata(deployment, &settings_name(deployment), "settings"),
        immutable: true,
        data: content(deployment),
    }
}

/// The account of a unit, which nothing is allowed to and which has no token.
pub fn account(deployment: &Deployment<'_>, unit: &Unit) -> Account {
    Account {
        api_version: "v1",
        kind: "ServiceAccount",
        metadata: unit_metadata(deployment, unit),
        automount_service_account_token: false,
    }
}

/// At most one pod is away at a time.
pub fn budget(deployment: &Deployment<'_>, unit: &Unit) -> Object<BudgetSpec> {
    Object {
        api_version: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: unit_metadata(deployment, unit),
        spec: BudgetSpec {
            max_unavailable: 1,
            selector: selects(deployment, unit),
            unhealthy_pod_eviction_policy: "AlwaysAllow",
        },
    }
}

/// The pods of a unit.
pub fn selects(deployment: &Deployment<'_>, unit: &Unit) -> Selector {
    Selector { match_labels: Some(selector(deployment, unit)) }
}

/// What a unit's pods differ in.
pub struct Kind {
    /// What they ask for where the target says nothing.
    pub size: Size,
    /// Questions a second apart until it has begun: how many may be answered badly.
    pub start: u32,
    /// Seconds to end.
    pub grace: u32,
}

/// The pods of a unit.
///
/// A process has begun once it answers at all, which is soon; it is ready once history is applied (`/readyz`), and is
/// started anew where it no longer answers (`/healthz`), which does not depend on anything outside of it.
pub fn template(deployment: &Deployment<'_>, unit: &Unit, kind: &Kind) -> PodTemplate {
    let probe = |path, period_seconds, timeout_seconds, failure_threshold| Probe {
        http_get: HttpGet { path, port: PORT_NAME },
        period_seconds,
        timeout_seconds,
        failure_threshold,
    };
    let container = Container {
        name: Some("main".to_owned()),
        image: images::reference(deployment, unit),
        image_pull_policy: Some("IfNotPresent"),
        args: Some(
            ["--state", "$(FEC_STATE)", "--port", "$(FEC_PORT)", "--host", "0.0.0.0"].map(str::to_owned).to_vec(),
        ),
        env: Some(variables(deployment)).filter(|list| !list.is_empty()),
        env_from: Some(vec![EnvFrom { config_map_ref: NameRef { name: settings_name(deployment) } }]),
        ports: Some(vec![ContainerPort { name: PORT_NAME, container_port: PORT, protocol: "TCP" }]),
        startup_probe: Some(probe("/healthz", 1, 1, kind.start)),
        readiness_probe: Some(probe("/readyz", 2, 1, 2)),
        liveness_probe: Some(probe("/healthz", 10, 2, 3)),
        resources: Some(resources(deployment, unit, kind.size)),
        security_context: Some(container_security()),
        volume_mounts: Some(mounts()),
        ..Container::default()
    };
    PodTemplate {
        metadata: Metadata { labels: Some(unit_labels(deployment, unit)), ..Metadata::default() },
        spec: PodSpec {
            service_account_name: names::of_unit(unit),
            automount_service_account_token: false,
            enable_service_links: false,
            security_context: pod_security(),
            termination_grace_period_seconds: kind.grace,
            topology_spread_constraints: None,
            affinity: None,
            containers: vec![container],
            volumes: volumes(deployment),
        },
    }
}
