//! The objects that this backend writes, with the fields that it sets.

use fec_objects::meta::{Labels, Metadata};
use fec_objects::pod::{Container, PodSecurity, Volume};
use fec_objects::{At, Object};
use serde::Serialize;

/// A template of pods.
#[derive(Debug, Clone, Serialize)]
pub struct PodTemplate {
    /// Labels.
    pub metadata: Metadata,
    /// Pods.
    pub spec: PodSpec,
}

/// A pod.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    /// As whom.
    pub service_account_name: String,
    /// Whether it gets a token of its account.
    pub automount_service_account_token: bool,
    /// Whether variables tell of other services.
    pub enable_service_links: bool,
    /// Rights.
    pub security_context: PodSecurity,
    /// Seconds between the wish to stop and the end.
    pub termination_grace_period_seconds: u32,
    /// Over which nodes and zones pods are spread.
    pub topology_spread_constraints: Option<Vec<Spread>>,
    /// Pods that had better be elsewhere.
    pub affinity: Option<Affinity>,
    /// Containers.
    pub containers: Vec<Container>,
    /// Volumes.
    pub volumes: Vec<Volume>,
}

/// How pods are spread.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    /// Greatest difference.
    pub max_skew: u32,
    /// Over what.
    pub topology_key: &'static str,
    /// Where that cannot be.
    pub when_unsatisfiable: &'static str,
    /// Which pods.
    pub label_selector: Selector,
    /// Pods of one revision are counted by themselves.
    pub match_label_keys: Vec<&'static str>,
}

/// Near what pods had better not be.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Affinity {
    /// Other pods.
    pub pod_anti_affinity: AntiAffinity,
}

/// Wishes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AntiAffinity {
    /// Kept where it can be.
    pub preferred_during_scheduling_ignored_during_execution: Vec<Wish>,
}

/// A wish.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wish {
    /// 1 to 100.
    pub weight: u32,
    /// Which pods, where.
    pub pod_affinity_term: Term,
}

/// Pods and a place.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Term {
    /// Which pods.
    pub label_selector: Selector,
    /// Where.
    pub topology_key: &'static str,
}

/// Objects by labels.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// They have all of these.
    pub match_labels: Option<Labels>,
}

/// A Deployment's wish.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSpec {
    /// Pods; none where an HPA says it.
    pub replicas: Option<u32>,
    /// Old revisions that are kept.
    pub revision_history_limit: u32,
    /// Its pods.
    pub selector: Selector,
    /// How new pods replace old ones.
    pub strategy: Strategy,
    /// Pods.
    pub template: PodTemplate,
}

/// How new pods replace old ones.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Strategy {
    /// `RollingUpdate`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Details.
    pub rolling_update: Rolling,
}

/// Details of a rolling update.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rolling {
    /// New pods before old ones go.
    pub max_surge: u32,
    /// Old pods that go before new ones are ready.
    pub max_unavailable: u32,
}

/// A StatefulSet's wish.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatefulSetSpec {
    /// Pods.
    pub replicas: u32,
    /// Old revisions that are kept.
    pub revision_history_limit: u32,
    /// Its pods.
    pub selector: Selector,
    /// The service that names its pods.
    pub service_name: String,
    /// How new pods replace old ones.
    pub update_strategy: UpdateStrategy,
    /// Pods.
    pub template: PodTemplate,
}

/// How new pods replace old ones.
#[derive(Debug, Clone, Serialize)]
pub struct UpdateStrategy {
    /// `RollingUpdate`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A Service's wish.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// `None`: names alone.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<&'static str>,
    /// `ClusterIP`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Pods.
    pub selector: Labels,
    /// Ports.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Name.
    pub name: &'static str,
    /// Number.
    pub port: u16,
    /// Port of the pod, by name.
    pub target_port: &'static str,
    /// `TCP`.
    pub protocol: &'static str,
    /// `http`.
    pub app_protocol: &'static str,
}

/// A budget of disruptions.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetSpec {
    /// So many pods may be away at a time.
    pub max_unavailable: u32,
    /// Which.
    pub selector: Selector,
    /// Pods that are not ready may always go.
    pub unhealthy_pod_eviction_policy: &'static str,
}

/// An HPA's wish.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalerSpec {
    /// What is scaled.
    pub scale_target_ref: TargetRef,
    /// Least.
    pub min_replicas: u32,
    /// Most.
    pub max_replicas: u32,
    /// By what.
    pub metrics: Vec<Metric>,
}

/// What is scaled.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// `apps/v1`.
    pub api_version: &'static str,
    /// `Deployment`.
    pub kind: &'static str,
    /// Name.
    pub name: String,
}

/// A measure.
#[derive(Debug, Clone, Serialize)]
pub struct Metric {
    /// `Resource`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Which.
    pub resource: ResourceMetric,
}

/// A resource.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceMetric {
    /// `cpu`.
    pub name: &'static str,
    /// Where there are to be more pods.
    pub target: MetricTarget,
}

/// A share of what was asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricTarget {
    /// `Utilization`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Percent.
    pub average_utilization: u32,
}

/// A policy of the network.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicySpec {
    /// Whose.
    pub pod_selector: Selector,
    /// `Ingress`, `Egress`.
    pub policy_types: Vec<&'static str>,
    /// Who may come.
    pub ingress: Vec<Ingress>,
    /// Where they may go.
    pub egress: Vec<Egress>,
}

/// Who may come, to which ports.
#[derive(Debug, Clone, Serialize)]
pub struct Ingress {
    /// From where; without it, from everywhere.
    pub from: Option<Vec<Peer>>,
    /// Ports.
    pub ports: Vec<PolicyPort>,
}

/// Where they may go.
#[derive(Debug, Clone, Serialize)]
pub struct Egress {
    /// To whom.
    pub to: Vec<Peer>,
    /// Ports.
    pub ports: Vec<PolicyPort>,
}

/// Pods, in some namespaces.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// Namespaces; without it, the own one.
    pub namespace_selector: Option<Selector>,
    /// Pods; without it, all.
    pub pod_selector: Option<Selector>,
}

/// A port.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyPort {
    /// `TCP`, `UDP`.
    pub protocol: &'static str,
    /// By name or number.
    pub port: Port,
}

/// A port by name or number.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Port {
    /// Name of a port of the pod.
    Name(&'static str),
    /// Number.
    Number(u16),
}

/// An account.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// `v1`.
    pub api_version: &'static str,
    /// `ServiceAccount`.
    pub kind: &'static str,
    /// Name, labels.
    pub metadata: Metadata,
    /// Whether pods get a token.
    pub automount_service_account_token: bool,
}

/// Settings.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMap {
    /// `v1`.
    pub api_version: &'static str,
    /// `ConfigMap`.
    pub kind: &'static str,
    /// Name, labels.
    pub metadata: Metadata,
    /// Whether it never changes: another content has another name.
    pub immutable: bool,
    /// Content.
    pub data: Labels,
}

/// A claim's wish.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSpec {
    /// Who may mount it.
    pub access_modes: Vec<&'static str>,
    /// How much.
    pub resources: ClaimResources,
}

/// How much.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimResources {
    /// `storage`.
    pub requests: Labels,
}

/// A claim.
pub type Claim = Object<At<ClaimSpec>>;
