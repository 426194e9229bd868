//! The operators of the IR. Expressions are the model's, typed; columns are named.

use fec_model::Symbol;
use fec_model::expr::{Aggregate, Expr};
use fec_model::relation::{JoinKind, JoinPick};
use serde::Serialize;

/// What a node does. Ports are named in each comment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Op {
    /// A source's accepted events, or a table's rows. No port.
    Scan {
        /// Source.
        source: Symbol,
    },
    /// What a sink received; only tests read it. No port.
    SinkRows {
        /// Sink.
        sink: Symbol,
    },
    /// A list of records as rows; the value is over bindings. No port.
    Rows {
        /// The list.
        value: Expr,
    },
    /// Stateless steps, one after the other. Port 0: rows.
    Fused {
        /// Steps.
        steps: Vec<Step>,
    },
    /// Two streams by key and time. Port 0: left, port 1: right.
    IntervalJoin {
        /// Kind.
        join: JoinKind,
        /// Which match.
        pick: JoinPick,
        /// The right side's record column.
        alias: Symbol,
        /// Equal pairs: over the left row, over the right row.
        on: Vec<(Expr, Expr)>,
        /// What else must hold over both.
        residual: Option<Box<Expr>>,
        /// Least right time − left time, microseconds.
        low: i64,
        /// Greatest right time − left time, microseconds.
        high: i64,
        /// Delay of the left rows.
        left_delay: i64,
        /// Delay of the right rows.
        right_delay: i64,
    },
    /// Rows with a table as of their arrival, or with the rows that a view keeps by key, as of their place. Port 0: rows,
    /// port 1: the table, or the view's [`Op::KeyedRows`].
    LookupJoin {
        /// Kind.
        join: JoinKind,
        /// Which match.
        pick: JoinPick,
        /// The right side's record column.
        alias: Symbol,
        /// Equal pairs.
        on: Vec<(Expr, Expr)>,
        /// What else must hold over both.
        residual: Option<Box<Expr>>,
    },
    /// Two bounded relations. Port 0: left, port 1: right.
    HashJoin {
        /// Kind.
        join: JoinKind,
        /// Which match.
        pick: JoinPick,
        /// The right side's record column.
        alias: Symbol,
        /// Equal pairs.
        on: Vec<(Expr, Expr)>,
        /// What else must hold over both.
        residual: Option<Box<Expr>>,
    },
    /// The keyed, windowed state of feature sets over one input. Port 0: rows or changes.
    Features {
        /// The sets; several where a pass found that they share input and key.
        sets: Vec<SetPlan>,
        /// Changes younger than frontier − `head` are kept one by one, microseconds.
        head: i64,
    },
    /// A feature set as of each row. Port 0: rows, port 1: the features.
    FeatureRead {
        /// Set.
        set: Symbol,
        /// Key values over a row.
        keys: Vec<Expr>,
        /// One record column of this name; else the set's columns follow the row's.
        alias: Option<Symbol>,
        /// The row counts too.
        including_row: bool,
    },
    /// The last row of each key of a view over streams. Port 0: the view's rows or changes.
    KeyedRows {
        /// Its key columns.
        key: Vec<Symbol>,
    },
    /// Only what later events cannot change: rows of time t once the frontier has passed t + the input's delay. Port 0.
    Final,
    /// Bounded aggregation. Port 0.
    Aggregate {
        /// Keys.
        keys: Vec<(Symbol, Expr)>,
        /// Aggregates.
        aggregates: Vec<Aggregate>,
        /// Output columns over keys and aggregates.
        outputs: Vec<(Symbol, Expr)>,
    },
    /// Sorts. Port 0.
    Sort {
        /// Value, and whether descending.
        keys: Vec<(Expr, bool)>,
    },
    /// The first rows of each group. Port 0.
    Top {
        /// How many.
        count: u64,
        /// Value, and whether descending.
        keys: Vec<(Expr, bool)>,
        /// Group.
        per: Vec<Expr>,
        /// Rows that equal the last stay.
        with_ties: bool,
        /// Column for the rank.
        rank: Option<Symbol>,
    },
    /// The first rows. Port 0.
    Take {
        /// How many.
        count: u64,
    },
    /// The first row of each key. Port 0.
    Distinct {
        /// Key.
        keys: Vec<Expr>,
    },
    /// The last row of each key. Port 0.
    Latest {
        /// Key.
        keys: Vec<Expr>,
    },
    /// All rows of all ports; columns are in the order of port 0.
    Union,
    /// Deals rows to parts. Port 0.
    Split {
        /// Part and share in parts per million.
        parts: Vec<(Symbol, u32)>,
        /// Rows that agree go together; empty: by the whole row.
        by: Vec<Expr>,
    },
    /// One part of a split. Port 0: the split.
    Part {
        /// Part.
        part: Symbol,
    },
    /// Trains gradient-boosted trees. Port 0: rows.
    Train {
        /// Label over a row.
        label: Box<Expr>,
        /// Inputs by name over a row.
        features: Vec<(Symbol, Expr)>,
        /// Trees.
        trees: u32,
        /// Depth.
        depth: u32,
        /// Step size.
        learning_rate: f64,
    },
    /// Evaluates a model. Port 0: the training, port 1: rows.
    Evaluate,
    /// Publishes a model. Port 0: the training.
    Publish {
        /// Published name.
        model: Symbol,
        /// Condition over bindings.
        gate: Option<Expr>,
    },
    /// Rows into a sink; columns are the sink's. Port 0.
    Emit {
        /// Sink.
        sink: Symbol,
    },
    /// The parameters of a request or job. No port.
    Request {
        /// Names in order.
        parameters: Vec<Symbol>,
    },
    /// A feature set read by key, at now. No port.
    ReadFeatures {
        /// Set.
        set: Symbol,
        /// Key values over bindings.
        keys: Vec<Expr>,
    },
    /// A table or view read by key. No port.
    ReadTable {
        /// Source or view.
        table: Symbol,
        /// Key values over bindings.
        keys: Vec<Expr>,
    },
    /// A published model applied. No port.
    Predict {
        /// Model.
        model: Symbol,
        /// Inputs over bindings in the model's order.
        inputs: Vec<Expr>,
    },
    /// In tests: a service called. No port.
    Call {
        /// Path of the service.
        service: Symbol,
        /// Arguments over bindings.
        arguments: Vec<Expr>,
    },
    /// A value over bindings. No port.
    Scalar {
        /// Value.
        value: Expr,
    },
    /// All rows as a list of records. Port 0.
    Collect,
    /// The response. No port.
    Respond {
        /// Value over bindings.
        value: Expr,
    },
}

/// A stateless step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Keeps rows where the condition is true. A row for which one of `unless_fault` cannot be computed is passed on
    /// unjudged: an operator that stood before this one when it was written has the right to report it.
    Filter {
        /// Condition.
        condition: Expr,
        /// Expressions that go first.
        unless_fault: Vec<Expr>,
    },
    /// New columns over the old ones.
    Project {
        /// Name and value in order.
        columns: Vec<(Symbol, Expr)>,
    },
}

/// One feature set within [`Op::Features`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetPlan {
    /// Name.
    pub name: Symbol,
    /// Key over a row of the input.
    pub keys: Vec<(Symbol, Expr)>,
    /// Aggregates with trailing windows.
    pub aggregates: Vec<Aggregate>,
    /// Scalars over key, aggregates and scalars before.
    pub scalars: Vec<(Symbol, Expr)>,
    /// Columns as declared.
    pub columns: fec_model::types::Columns,
}

impl Op {
    /// The word by which plans and graphs call it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Scan { .. } => "scan",
            Self::SinkRows { .. } => "sink_rows",
            Self::Rows { .. } => "rows",
            Self::Fused { steps } => match steps.as_slice() {
                [Step::Filter { .. }] => "filter",
                [Step::Project { .. }] => "project",
                _ => "fused",
            },
            Self::IntervalJoin { .. } => "interval_join",
            Self::LookupJoin { .. } => "lookup_join",
            Self::HashJoin { .. } => "hash_join",
            Self::Features { .. } => "features",
            Self::FeatureRead { .. } => "feature_read",
            Self::KeyedRows { .. } => "keyed_rows",
            Self::Final => "final",
            Self::Aggregate { .. } => "aggregate",
            Self::Sort { .. } => "sort",
            Self::Top { .. } => "top",
            Self::Take { .. } => "take",
            Self::Distinct { .. } => "distinct",
            Self::Latest { .. } => "latest",
            Self::Union => "union",
            Self::Split { .. } => "split",
            Self::Part { .. } => "part",
            Self::Train { .. } => "train",
            Self::Evaluate => "evaluate",
            Self::Publish { .. } => "publish",
            Self::Emit { .. } => "emit",
            Self::Request { .. } => "request",
            Self::ReadFeatures { .. } => "read_features",
            Self::ReadTable { .. } => "read_table",
            Self::Predict { .. } => "predict",
            Self::Call { .. } => "call",
            Self::Scalar { .. } => "scalar",
            Self::Collect => "collect",
            Self::Respond { .. } => "respond",
        }
    }
}
