//! Workflows as Argo v4 names their fields, with those that this backend sets.

use fec_objects::At;
use fec_objects::meta::{Labels, Metadata};
use fec_objects::pod::{Container, PodSecurity, Volume};
use serde::Serialize;

/// A template of workflows, or what a workflow runs.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowSpec {
    /// The template that is elsewhere.
    pub workflow_template_ref: Option<TemplateRef>,
    /// The first template.
    pub entrypoint: Option<String>,
    /// The template that runs at the end, whatever the end is.
    pub on_exit: Option<String>,
    /// Parameters.
    pub arguments: Option<Arguments>,
    /// As whom.
    pub service_account_name: Option<String>,
    /// Seconds for all of it.
    pub active_deadline_seconds: Option<At<u64>>,
    /// One run at a time.
    pub synchronization: Option<Synchronization>,
    /// How long a workflow is kept.
    pub ttl_strategy: Option<Ttl>,
    /// How long its pods are.
    #[serde(rename = "podGC")]
    pub pod_gc: Option<PodGc>,
    /// Labels of its pods.
    pub pod_metadata: Option<Metadata>,
    /// Labels of its workflows.
    pub workflow_metadata: Option<WorkflowMetadata>,
    /// Rights of its pods.
    pub security_context: Option<PodSecurity>,
    /// What is changed in its pods before they are made: a strategic merge, JSON.
    pub pod_spec_patch: Option<String>,
    /// Volumes of its pods.
    pub volumes: Option<Vec<Volume>>,
    /// Templates.
    pub templates: Option<Vec<At<Template>>>,
}

/// A template by name.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateRef {
    /// Name.
    pub name: String,
}

/// What workflows of a template have.
#[derive(Debug, Clone, Serialize)]
pub struct WorkflowMetadata {
    /// Labels.
    pub labels: Labels,
}

/// Parameters with values.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Arguments {
    /// Parameters.
    pub parameters: Vec<At<Parameter>>,
}

/// A parameter.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Value.
    pub value: Option<String>,
    /// Where its value comes from.
    pub value_from: Option<ParameterFrom>,
}

/// A file that a step wrote.
#[derive(Debug, Clone, Serialize)]
pub struct ParameterFrom {
    /// Path.
    pub path: String,
    /// Value where there is no such file.
    pub default: String,
}

/// One at a time.
#[derive(Debug, Clone, Serialize)]
pub struct Synchronization {
    /// Locks.
    pub mutexes: Vec<Mutex>,
}

/// A lock.
#[derive(Debug, Clone, Serialize)]
pub struct Mutex {
    /// Name.
    pub name: String,
}

/// How long a workflow is kept.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ttl {
    /// After success.
    pub seconds_after_success: u32,
    /// After failure.
    pub seconds_after_failure: u32,
}

/// How long pods are kept.
#[derive(Debug, Clone, Serialize)]
pub struct PodGc {
    /// `OnWorkflowSuccess`.
    pub strategy: &'static str,
}

/// A template: either tasks or a container.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Name.
    pub name: String,
    /// Parameters that it takes.
    pub inputs: Option<Arguments>,
    /// Parameters that it gives.
    pub outputs: Option<Arguments>,
    /// Retries.
    pub retry_strategy: Option<At<Retry>>,
    /// Tasks.
    pub dag: Option<Dag>,
    /// A container.
    pub container: Option<Container>,
}

/// Retries.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// How often.
    pub limit: String,
    /// After what.
    pub retry_policy: &'static str,
    /// How long between them.
    pub backoff: Option<Backoff>,
}

/// How long between retries.
#[derive(Debug, Clone, Serialize)]
pub struct Backoff {
    /// The first time.
    pub duration: String,
    /// So many times longer each time.
    pub factor: String,
    /// At most.
    pub cap: String,
}

/// Tasks.
#[derive(Debug, Clone, Serialize)]
pub struct Dag {
    /// Tasks.
    pub tasks: Vec<At<Task>>,
}

/// A task.
#[derive(Debug, Clone, Serialize)]
pub struct Task {
    /// Name.
    pub name: String,
    /// Template.
    pub template: String,
    /// After what.
    pub depends: Option<String>,
    /// On which condition.
    pub when: Option<String>,
    /// Parameters.
    pub arguments: Arguments,
}

/// A schedule.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CronSpec {
    /// Cron expressions.
    pub schedules: Vec<String>,
    /// Zone.
    pub timezone: String,
    /// While one runs.
    pub concurrency_policy: &'static str,
    /// So many seconds late it still starts.
    pub starting_deadline_seconds: u32,
    /// How many are kept.
    pub successful_jobs_history_limit: u32,
    /// How many are kept.
    pub failed_jobs_history_limit: u32,
    /// What is started.
    pub workflow_spec: WorkflowSpec,
}

/// Rights.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// `rbac.authorization.k8s.io/v1`.
    pub api_version: &'static str,
    /// `Role`.
    pub kind: &'static str,
    /// Name, labels.
    pub metadata: Metadata,
    /// Rights.
    pub rules: Vec<Rule>,
}

/// Some rights.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Groups.
    pub api_groups: Vec<&'static str>,
    /// Kinds.
    pub resources: Vec<&'static str>,
    /// What may be done.
    pub verbs: Vec<&'static str>,
}

/// Who has the rights.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleBinding {
    /// `rbac.authorization.k8s.io/v1`.
    pub api_version: &'static str,
    /// `RoleBinding`.
    pub kind: &'static str,
    /// Name, labels.
    pub metadata: Metadata,
    /// Rights.
    pub role_ref: RoleRef,
    /// Accounts.
    pub subjects: Vec<Subject>,
}

/// Rights by name.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleRef {
    /// `rbac.authorization.k8s.io`.
    pub api_group: &'static str,
    /// `Role`.
    pub kind: &'static str,
    /// Name.
    pub name: String,
}

/// An account of the same namespace.
#[derive(Debug, Clone, Serialize)]
pub struct Subject {
    /// `ServiceAccount`.
    pub kind: &'static str,
    /// Name.
    pub name: String,
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
}
