//! The declarations of a solution, checked.

use std::collections::BTreeMap;
use std::ops::Deref;

use fec_diagnostics::Span;
use fec_syntax::Symbol;
use serde::{Serialize, Serializer};

use crate::expr::{Aggregate, Expr};
use crate::relation::Relation;
pub use crate::target::{Simulate, Target};
use crate::types::{Column, Columns, Kind, Record, RelationType, Type};

/// A checked solution.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Model {
    /// Name; `solution` where it is missing.
    pub name: String,
    /// Semantic version as written.
    pub version: String,
    /// First lines of docs before `solution`.
    pub description: String,
    /// IANA zone of `date()`, `hour()`; `UTC` by default.
    pub timezone: String,
    /// Enumerations: members in order.
    pub enums: BTreeMap<Symbol, Vec<Symbol>>,
    /// Named record types.
    pub types: BTreeMap<Symbol, RecordDecl>,
    /// Parameters with their value for the chosen target.
    pub params: Vec<Param>,
    /// Names of secrets.
    pub secrets: Vec<Symbol>,
    /// Sources in order of name: that is their rank in arrival order.
    pub sources: Vec<Source>,
    /// Sinks in order of name.
    pub sinks: Vec<Sink>,
    /// Views.
    pub views: Vec<View>,
    /// Feature sets.
    pub features: Vec<FeatureSet>,
    /// Models published by jobs.
    pub models: Vec<PublishedModel>,
    /// Jobs, streams and services.
    pub flows: Vec<Flow>,
    /// Targets.
    pub targets: Vec<Target>,
    /// Tests in the order written.
    pub tests: Vec<Test>,
}

/// A named record type.
#[derive(Debug, Clone, Serialize)]
pub struct RecordDecl {
    /// Docs.
    pub docs: String,
    /// Fields with their docs.
    pub fields: Vec<(Column, String)>,
}

/// A `param`.
#[derive(Debug, Clone, Serialize)]
pub struct Param {
    /// Name.
    pub name: Symbol,
    /// Type.
    pub ty: Type,
    /// Constant value.
    pub value: Expr,
}

/// Whether a source or sink is a stream, a table or plain rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Events.
    Stream,
    /// Rows by key.
    Table,
    /// Rows.
    Rows,
}

/// How bytes are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON lines.
    Json,
    /// Comma-separated with a header.
    Csv,
    /// Parquet.
    Parquet,
}

/// The unit of integer timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum TimeUnit {
    /// `s`.
    Seconds,
    /// `ms`.
    Milliseconds,
    /// `us`.
    Microseconds,
}

/// A source, with every default filled in. Times are microseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// Name.
    pub name: Symbol,
    /// Docs.
    pub docs: String,
    /// Stream or table.
    pub shape: Shape,
    /// Its relation outside of a job.
    pub ty: RelationType,
    /// Topic of the log; the source's name where it is not given.
    pub topic: String,
    /// `file:` relative to the solution; a stream's file is also its history.
    pub file: Option<String>,
    /// `path:`.
    pub path: Option<String>,
    /// `history:`.
    pub history: Option<String>,
    /// `format:`, else by the file's ending, else JSON.
    pub format: Format,
    /// `unit:` of integer timestamps.
    pub unit: Option<TimeUnit>,
    /// `key:` the log's partition key (streams), or a table's key.
    pub key: Vec<Symbol>,
    /// `time:` the event-time column. A stream without one has its arrival as its time.
    pub time: Option<Symbol>,
    /// `arrival: event`: arrival is the running maximum of event time.
    pub arrival_is_event_time: bool,
    /// `lateness:`, 10 s by default.
    pub lateness: i64,
    /// `ahead:`; `None` is unbounded.
    pub ahead: Option<i64>,
    /// `idle:`, 10 s by default.
    pub idle: i64,
    /// `unique:` columns.
    pub unique: Vec<Symbol>,
    /// `versions:` of a table: the column from which a version holds.
    pub versions: Option<Symbol>,
    /// Place.
    pub span: Span,
}

/// What a sink does with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Write {
    /// Adds.
    Append,
    /// Replaces by key; takes changes.
    Upsert,
    /// Replaces everything.
    Replace,
}

/// A sink.
#[derive(Debug, Clone, Serialize)]
pub struct Sink {
    /// Name.
    pub name: Symbol,
    /// Docs.
    pub docs: String,
    /// Stream, table or rows.
    pub shape: Shape,
    /// Columns in order.
    pub columns: Columns,
    /// Key columns.
    pub key: Vec<Symbol>,
    /// What it does.
    pub write: Write,
    /// Topic; the name by default.
    pub topic: String,
    /// `path:` or `file:`.
    pub path: Option<String>,
    /// Format of files.
    pub format: Format,
    /// Declared without being declared: an `emit … to name` without a `sink name` is an error, so this is always written.
    pub span: Span,
}

/// A view.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// Name.
    pub name: Symbol,
    /// Pipeline; its type carries the key.
    pub relation: Relation,
    /// Whether the last row of each key is kept, for its rows come out of streams.
    pub kept: bool,
    /// Place.
    pub span: Span,
}

/// A feature set.
#[derive(Debug, Clone, Serialize)]
pub struct FeatureSet {
    /// Name; its record type has it too.
    pub name: Symbol,
    /// Docs.
    pub docs: String,
    /// Key: name (last part of the path) and value over a row of `input`. Empty: one global record.
    pub keys: Vec<(Symbol, Expr)>,
    /// The events or changes that it aggregates.
    pub input: Relation,
    /// Windowed aggregates in order.
    pub aggregates: Vec<Aggregate>,
    /// Scalars over earlier columns, in order.
    pub scalars: Vec<(Symbol, Expr)>,
    /// Columns as declared: aggregates and scalars in the order written.
    pub columns: Columns,
    /// Place.
    pub span: Span,
}

/// A model that a job publishes.
#[derive(Debug, Clone, Serialize)]
pub struct PublishedModel {
    /// Published name.
    pub name: Symbol,
    /// Path of the job.
    pub job: String,
    /// Inputs by name with their type at training.
    pub inputs: Vec<Column>,
    /// Result of a prediction, not optional: `float`.
    pub output: Type,
}

/// The plane of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// `job`.
    Batch,
    /// `stream`.
    Stream,
    /// `service`.
    Online,
}

/// A job, stream or service.
#[derive(Debug, Clone, Serialize)]
pub struct Flow {
    /// Engine; none at top level.
    pub engine: Option<Symbol>,
    /// Name within its engine.
    pub name: Symbol,
    /// Docs.
    pub docs: String,
    /// Plane.
    pub plane: Plane,
    /// Parameters with defaults (jobs: `day: date = …`).
    pub params: Vec<(Column, Option<Expr>)>,
    /// A service's result type.
    pub result: Option<Type>,
    /// Body.
    pub items: Vec<Item>,
    /// How it runs.
    pub settings: FlowSettings,
    /// Place.
    pub span: Span,
}

/// What attributes say of a flow or binding. Times are microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FlowSettings {
    /// `@schedule("cron", timezone: "zone")`.
    pub schedule: Option<(String, String)>,
    /// `@retry(n, backoff: d)`.
    pub retry: Option<(u32, i64)>,
    /// `@timeout(d)`.
    pub timeout: Option<i64>,
    /// `@fallback(e)`: of a binding.
    pub fallback: Option<Expr>,
    /// `@deadline(d)`: of a service.
    pub deadline: Option<i64>,
    /// `@get(path)` or `@post(path)`: method in upper case, and path.
    pub route: Option<(String, String)>,
    /// `@tolerate(p)`: greatest share of bad rows, as parts per million.
    pub tolerate: Option<u64>,
}

impl FlowSettings {
    const NONE: Self = Self {
        schedule: None,
        retry: None,
        timeout: None,
        fallback: None,
        deadline: None,
        route: None,
        tolerate: None,
    };
}

/// The settings of a binding or node. Most have none, and then these take no room.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BindingSettings(Option<Box<FlowSettings>>);

impl BindingSettings {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Deref for BindingSettings {
    type Target = FlowSettings;

    fn deref(&self) -> &FlowSettings {
        static NONE: FlowSettings = FlowSettings::NONE;
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl From<FlowSettings> for BindingSettings {
    fn from(settings: FlowSettings) -> Self {
        Self((settings != FlowSettings::NONE).then(|| Box::new(settings)))
    }
}

impl Serialize for BindingSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

/// A statement of a flow.
#[derive(Debug, Clone, Serialize)]
pub enum Item {
    /// `name = value`.
    Bind {
        /// Name.
        name: Symbol,
        /// Value.
        value: Binding,
        /// Attributes.
        settings: BindingSettings,
        /// Place.
        span: Span,
    },
    /// `emit relation to sink`; columns are in the sink's order.
    Emit {
        /// Rows.
        relation: Relation,
        /// Sink.
        sink: Symbol,
        /// Place.
        span: Span,
    },
    /// `publish model as name when gate`.
    Publish {
        /// Binding of the trained model.
        model: Symbol,
        /// Published name.
        name: Symbol,
        /// Gate.
        gate: Option<Expr>,
        /// Place.
        span: Span,
    },
    /// `return e`.
    Return {
        /// Response.
        value: Expr,
        /// Place.
        span: Span,
    },
    /// `if c { } else { }`.
    If {
        /// Condition.
        condition: Expr,
        /// When true.
        then: Vec<Item>,
        /// When false.
        otherwise: Vec<Item>,
        /// Place.
        span: Span,
    },
}

/// What a binding holds.
#[derive(Debug, Clone, Serialize)]
pub enum Binding {
    /// A relation.
    Relation(Relation),
    /// A scalar or record.
    Scalar(Expr),
    /// `split(R, train: 80%, test: 20%, by: key)`.
    Split {
        /// Rows.
        input: Relation,
        /// Name and share in parts per million; they add up to a million.
        parts: Vec<(Symbol, u32)>,
        /// Rows with equal values go to one part; empty: by the whole row.
        by: Vec<Expr>,
    },
    /// `gbdt(R, label: e, features: […], …)`.
    Train(Box<Train>),
    /// `evaluate(model, R)`: a record { auc, log_loss, rows, positives }.
    Evaluate {
        /// Binding of the model.
        model: Symbol,
        /// Rows.
        input: Relation,
    },
}

/// A training.
#[derive(Debug, Clone, Serialize)]
pub struct Train {
    /// Rows.
    pub input: Relation,
    /// A bool (or 0/1 number) over a row.
    pub label: Expr,
    /// Inputs: name and value over a row.
    pub features: Vec<(Symbol, Expr)>,
    /// Trees.
    pub trees: u32,
    /// Greatest depth.
    pub depth: u32,
    /// Step size.
    pub learning_rate: f64,
}

/// A test.
#[derive(Debug, Clone, Serialize)]
pub struct Test {
    /// What it says.
    pub name: String,
    /// Events and tables: name, rows in order (each a record of the source's columns).
    pub given: Vec<(Symbol, Vec<Expr>)>,
    /// Models: name and what they return.
    pub returns: Vec<(Symbol, Expr)>,
    /// `at`, microseconds: `now` of everything in the test. Without it: a microsecond after the greatest arrival.
    pub at: Option<i64>,
    /// Expectations: bool expressions, closed but for reads, requests and rows.
    pub expectations: Vec<Expr>,
    /// Place.
    pub span: Span,
}

/// What `evaluate` gives: a record of `auc`, `log_loss`, `rows` and `positives`. A metric that could not be measured, as
/// the AUC of rows of one class, is absent in what is kept, and a fault to who reads it.
#[must_use]
pub fn evaluation() -> Record {
    let number = |name: &str, ty: Type| Column { name: name.into(), ty };
    Record {
        name: None,
        fields: Columns::from(vec![
            number("auc", Type::maybe(Kind::Float)),
            number("log_loss", Type::maybe(Kind::Float)),
            number("rows", Type::required(Kind::Int)),
            number("positives", Type::required(Kind::Int)),
        ]),
    }
}

impl Model {
    /// The source called `name`.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The sink called `name`.
    #[must_use]
    pub fn sink(&self, name: &str) -> Option<&Sink> {
        self.sinks.iter().find(|sink| sink.name == name)
    }

    /// The view called `name`.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&View> {
        self.views.iter().find(|view| view.name == name)
    }

    /// The feature set called `name`.
    #[must_use]
    pub fn feature_set(&self, name: &str) -> Option<&FeatureSet> {
        self.features.iter().find(|set| set.name == name)
    }
}

impl Flow {
    /// `engine.name`, or the name alone.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.engine {
            Some(engine) => format!("{engine}.{}", self.name),
            None => self.name.to_string(),
        }
    }
}
