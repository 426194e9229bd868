//! Pods: what both a controller's template and a step of a workflow are made of.

use std::collections::BTreeMap;

use fec_model::target::Scale;
use fec_plan::{Deployment, Unit, names};
use serde::Serialize;

use crate::meta::Labels;
use crate::tree::At;

/// Where the solution's claim is mounted: log, lake and models.
pub const DATA: &str = "/data";
/// Where a process may write what it does not need again.
pub const SCRATCH: &str = "/tmp";
/// The user and group of every process; images have them, too.
pub const USER: u32 = 65_532;
const MEBIBYTE: u64 = 1 << 20;

/// A container.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Name; that of a workflow's step is always `main`.
    pub name: Option<String>,
    /// Image.
    pub image: String,
    /// When it is fetched.
    pub image_pull_policy: Option<&'static str>,
    /// Program.
    pub command: Option<Vec<String>>,
    /// Its arguments.
    pub args: Option<Vec<String>>,
    /// Variables.
    pub env: Option<Vec<At<Variable>>>,
    /// Variables by the dozen.
    pub env_from: Option<Vec<EnvFrom>>,
    /// Ports.
    pub ports: Option<Vec<ContainerPort>>,
    /// Whether it has begun its work.
    pub startup_probe: Option<Probe>,
    /// Whether requests may come.
    pub readiness_probe: Option<Probe>,
    /// Whether it is to be started anew.
    pub liveness_probe: Option<Probe>,
    /// What it asks for and may use.
    pub resources: Option<At<Resources>>,
    /// What it may do.
    pub security_context: Option<ContainerSecurity>,
    /// Folders from outside.
    pub volume_mounts: Option<Vec<VolumeMount>>,
}

/// A variable of a container.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Value.
    pub value: Option<String>,
    /// Where the value is.
    pub value_from: Option<ValueFrom>,
}

/// Where a value is: only one of the two.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueFrom {
    /// In a secret.
    pub secret_key_ref: Option<KeyRef>,
    /// In a map.
    pub config_map_key_ref: Option<KeyRef>,
}

/// A key of a secret or map.
#[derive(Debug, Clone, Serialize)]
pub struct KeyRef {
    /// Its name.
    pub name: String,
    /// Key.
    pub key: String,
    /// Whether the process starts without it.
    pub optional: bool,
}

/// All keys of a map.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvFrom {
    /// The map.
    pub config_map_ref: NameRef,
}

/// The name of another object.
#[derive(Debug, Clone, Serialize)]
pub struct NameRef {
    /// Name.
    pub name: String,
}

/// A port of a container.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPort {
    /// Name.
    pub name: &'static str,
    /// Number.
    pub container_port: u16,
    /// `TCP`.
    pub protocol: &'static str,
}

/// A question that a process answers over HTTP.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// What is asked.
    pub http_get: HttpGet,
    /// Seconds between questions.
    pub period_seconds: u32,
    /// Seconds to answer.
    pub timeout_seconds: u32,
    /// So many bad answers in a row count.
    pub failure_threshold: u32,
}

/// A request.
#[derive(Debug, Clone, Serialize)]
pub struct HttpGet {
    /// Path.
    pub path: &'static str,
    /// Name of the port.
    pub port: &'static str,
}

/// What a container asks for and may use.
#[derive(Debug, Clone, Serialize)]
pub struct Resources {
    /// Asked for, and kept free for it.
    pub requests: Labels,
    /// Not exceeded.
    pub limits: Labels,
}

/// What a container may do: nothing that `restricted` forbids.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSecurity {
    /// No more rights than its parent.
    pub allow_privilege_escalation: bool,
    /// No rights of the system.
    pub capabilities: Capabilities,
    /// Not the node's.
    pub privileged: bool,
    /// It writes only to volumes.
    pub read_only_root_filesystem: bool,
    /// Group.
    pub run_as_group: u32,
    /// Not root.
    pub run_as_non_root: bool,
    /// User.
    pub run_as_user: u32,
    /// Calls of the system.
    pub seccomp_profile: Seccomp,
}

/// Rights of the system.
#[derive(Debug, Clone, Serialize)]
pub struct Capabilities {
    /// Taken away.
    pub drop: Vec<&'static str>,
}

/// A filter of calls.
#[derive(Debug, Clone, Serialize)]
pub struct Seccomp {
    /// `RuntimeDefault`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// What all containers of a pod may do.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSecurity {
    /// Volumes belong to this group.
    pub fs_group: u32,
    /// Ownership is changed only where it differs.
    pub fs_group_change_policy: &'static str,
    /// Group.
    pub run_as_group: u32,
    /// Not root.
    pub run_as_non_root: bool,
    /// User.
    pub run_as_user: u32,
    /// Calls of the system.
    pub seccomp_profile: Seccomp,
}

/// A folder from outside.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMount {
    /// Volume.
    pub name: &'static str,
    /// Folder.
    pub mount_path: &'static str,
}

/// A volume: a claim, or space that is empty at the start.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Name.
    pub name: &'static str,
    /// A claim.
    pub persistent_volume_claim: Option<ClaimRef>,
    /// Empty space.
    pub empty_dir: Option<EmptyDir>,
}

/// A claim by name.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimRef {
    /// Name.
    pub claim_name: String,
}

/// Empty space.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmptyDir {
    /// At most so much.
    pub size_limit: String,
}

/// The name of the claim that all processes share.
#[must_use]
pub fn claim(deployment: &Deployment<'_>) -> String {
    names::of_solution(deployment, "data")
}

/// The volumes of every pod.
#[must_use]
pub fn volumes(deployment: &Deployment<'_>) -> Vec<Volume> {
    let claim = ClaimRef { claim_name: claim(deployment) };
    vec![
        Volume { name: "data", persistent_volume_claim: Some(claim), empty_dir: None },
        Volume {
            name: "scratch",
            persistent_volume_claim: None,
            empty_dir: Some(EmptyDir { size_limit: "256Mi".to_owned() }),
        },
    ]
}

/// Where every container finds them.
#[must_use]
pub fn mounts() -> Vec<VolumeMount> {
    vec![VolumeMount { name: "data", mount_path: DATA }, VolumeMount { name: "scratch", mount_path: SCRATCH }]
}

/// The rights of every container: least.
#[must_use]
pub fn container_security() -> ContainerSecurity {
    ContainerSecurity {
        allow_privilege_escalation: false,
        capabilities: Capabilities { drop: vec!["ALL"] },
        privileged: false,
        read_only_root_filesystem: true,
        run_as_group: USER,
        run_as_non_root: true,
        run_as_user: USER,
        seccomp_profile: Seccomp { kind: "RuntimeDefault" },
    }
}

/// The rights of every pod.
#[must_use]
pub fn pod_security() -> PodSecurity {
    PodSecurity {
        fs_group: USER,
        fs_group_change_policy: "OnRootMismatch",
        run_as_group: USER,
        run_as_non_root: true,
        run_as_user: USER,
        seccomp_profile: Seccomp { kind: "RuntimeDefault" },
    }
}

/// Processors in thousandths and memory in bytes that a unit asks for where its target says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Thousandths of a processor.
    pub cores: u32,
    /// Bytes.
    pub memory: u64,
}

/// What the target says of a unit's size: of its flow, or, for what keeps features, of any feature set.
#[must_use]
pub fn scale<'a>(deployment: &Deployment<'a>, unit: &Unit) -> Option<&'a Scale> {
    let target = deployment.target?;
    let own = unit.flow.as_ref().and_then(|flow| target.scale(flow));
    own.or_else(|| {
        let sets = &deployment.ir.features;
        let set = target.scales.iter().find(|scale| sets.iter().any(|set| set.name == scale.path));
        set.filter(|_| unit.keeps_features)
    })
}

/// Requests and limits of a unit's container.
///
/// Memory is asked for and limited alike, so that a process is never ended because another took what it counted on.
/// A processor may be used beyond what was asked for, to four times: starting and catching up take more.
#[must_use]
pub fn resources(deployment: &Deployment<'_>, unit: &Unit, usual: Size) -> At<Resources> {
    let scale = scale(deployment, unit);
    let cores = scale.and_then(|scale| scale.cores).unwrap_or(usual.cores);
    let memory = scale.and_then(|scale| scale.memory).unwrap_or(usual.memory);
    let memory = if memory.is_multiple_of(MEBIBYTE) { format!("{}Mi", memory / MEBIBYTE) } else { memory.to_string() };
    let scratch = "256Mi".to_owned();
    let of = |cores: u32| {
        BTreeMap::from([
            ("cpu".to_owned(), millis(cores)),
            ("ephemeral-storage".to_owned(), scratch.clone()),
            ("memory".to_owned(), memory.clone()),
        ])
    };
    let resources = Resources { requests: of(cores), limits: of(cores.saturating_mul(4)) };
    At::new(scale.map(|scale| scale.span).or(unit.span), resources)
}

fn millis(cores: u32) -> String {
    if cores.is_multiple_of(1_000) { (cores / 1_000).to_string() } else { format!("{cores}m") }
}
