//! What a target says: where the processes run, what they talk to, and how large they are.

use fec_diagnostics::Span;
use serde::Serialize;

/// A target: bindings of what the solution names to infrastructure. No secret's value is ever part of it.
#[derive(Debug, Clone, Serialize)]
pub struct Target {
    /// Name.
    pub name: String,
    /// `simulate:` generator.
    pub simulate: Option<Simulate>,
    /// `cluster:` where the processes run.
    pub cluster: Option<Cluster>,
    /// `broker:` the log.
    pub broker: Option<Broker>,
    /// `store:` of the features.
    pub store: Option<Store>,
    /// `lake:` of data at rest and models.
    pub lake: Option<Lake>,
    /// `batch:` what runs the jobs.
    pub batch: Option<Batch>,
    /// `registry:` what stands before the names of the images.
    pub registry: Option<String>,
    /// Declared secrets that have another name in this target.
    pub secrets: Vec<SecretName>,
    /// `scale path { … }`.
    pub scales: Vec<Scale>,
    /// Place.
    pub span: Span,
}

/// `simulate: cards(seed: 7, rows: 50_000, rate: 200)`.
#[derive(Debug, Clone, Serialize)]
pub struct Simulate {
    /// Generator.
    pub generator: String,
    /// Seed.
    pub seed: u64,
    /// Rows of history.
    pub rows: u64,
    /// Live events a second.
    pub rate: f64,
}

/// A text that a target gives, or where the process finds it when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Given {
    /// The text itself.
    Text(String),
    /// A variable of the process's environment.
    Env(String),
    /// The name of a secret. Its value is known to the cluster alone.
    Secret(String),
}

/// `kubernetes(context: "prod", namespace: "fraud")`.
#[derive(Debug, Clone, Serialize)]
pub struct Cluster {
    /// The entry of the user's configuration that leads to the cluster.
    pub context: Option<String>,
    /// The namespace that everything belongs to.
    pub namespace: Option<String>,
    /// Place.
    pub span: Span,
}

/// `kafka(brokers: env("KAFKA_BROKERS"), auth: secret("kafka"))`.
#[derive(Debug, Clone, Serialize)]
pub struct Broker {
    /// Addresses.
    pub brokers: Given,
    /// Who connects.
    pub auth: Option<Given>,
    /// Place.
    pub span: Span,
}

/// `redis(url: secret("redis-url"))`.
#[derive(Debug, Clone, Serialize)]
pub struct Store {
    /// Address.
    pub url: Given,
    /// Place.
    pub span: Span,
}

/// `s3(bucket: "lake", prefix: "fraud")`.
#[derive(Debug, Clone, Serialize)]
pub struct Lake {
    /// Bucket.
    pub bucket: Given,
    /// What stands before each path in it.
    pub prefix: Option<String>,
    /// Address of a service that is not the default one.
    pub endpoint: Option<Given>,
    /// Who connects.
    pub auth: Option<Given>,
    /// Place.
    pub span: Span,
}

/// `argo(service_account: "runner")`.
#[derive(Debug, Clone, Serialize)]
pub struct Batch {
    /// As whom the steps run.
    pub service_account: Option<String>,
    /// Place.
    pub span: Span,
}

/// `api_token: secret("token")`: a declared secret and its name in the cluster.
#[derive(Debug, Clone, Serialize)]
pub struct SecretName {
    /// As declared.
    pub secret: String,
    /// In the cluster.
    pub name: String,
    /// Place.
    pub span: Span,
}

/// `scale scoring.score { replicas: 3..=20, cpu: 70% }`.
#[derive(Debug, Clone, Serialize)]
pub struct Scale {
    /// The path of a flow or a feature set.
    pub path: String,
    /// Least and most processes; both are at least one.
    pub replicas: Option<(u32, u32)>,
    /// The share of its processor, in percent of what it asked for, at which a process counts as busy.
    pub cpu: Option<u32>,
    /// Processors that a process asks for, in thousandths.
    pub cores: Option<u32>,
    /// Memory that a process asks for and may not exceed, in bytes.
    pub memory: Option<u64>,
    /// Place.
    pub span: Span,
}

impl Target {
    /// A target that says nothing.
    #[must_use]
    pub fn new(name: &str, span: Span) -> Self {
        Self {
            name: name.to_owned(),
            simulate: None,
            cluster: None,
            broker: None,
            store: None,
            lake: None,
            batch: None,
            registry: None,
            secrets: Vec::new(),
            scales: Vec::new(),
            span,
        }
    }

    /// What it says of the size of a flow or a feature set.
    #[must_use]
    pub fn scale(&self, path: &str) -> Option<&Scale> {
        self.scales.iter().find(|scale| scale.path == path)
    }

    /// The name that a declared secret has in the cluster, where it is another.
    #[must_use]
    pub fn secret_name<'a>(&'a self, declared: &'a str) -> &'a str {
        self.secrets.iter().find(|secret| secret.secret == declared).map_or(declared, |secret| secret.name.as_str())
    }
}
