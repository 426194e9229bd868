//! The physical dataflow: the operators of the runtime with their wiring, as data. Expressions are still the model's,
//! typed and over named columns: one backend interprets them, another prints them.
//!
//! Everything in which two backends could differ is decided here: the order of the operators, their stable names, which
//! node's rows are looked up, which instance of a feature state serves which reader, where each column lies.

mod features;
mod keyed_rows;
mod operators;
mod sinks;
mod wiring;

use std::collections::BTreeMap;
use std::fmt;

use fec_diagnostics::Span;
use fec_ir::{Ir, NodeId, Step};
use fec_model::Symbol;
use fec_model::expr::{Aggregate, Expr};
use fec_model::relation::{JoinKind, JoinPick};
use fec_model::types::Column;

pub use features::{FeatureRead, FeatureState, Scalar, WindowedAggregate, feature_state, set_columns};
pub use sinks::{sink_emits, stream_sinks, written_by_jobs};

/// What a dataflow is planned for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The plan.
    pub ir: &'a Ir,
    /// Nodes whose rows are wanted. An `emit` of a stream gives what its sink takes, from all that is emitted there.
    pub taps: &'a [NodeId],
    /// Nodes of features and views whose state is kept, whoever reads it.
    pub features: &'a [NodeId],
    /// Nodes whose rows are there already: each is fed as a source of this number.
    pub given: &'a BTreeMap<NodeId, u32>,
    /// Whether a source is at hand as a table: its rows are there from the start.
    pub is_table: &'a dyn Fn(&str) -> bool,
}

/// Operators in an order in which each stands after those that feed it.
#[derive(Debug, Clone, PartialEq)]
pub struct DataflowPlan {
    /// The operators; [`Feed::Output`] counts them from 0.
    pub operators: Vec<Operator>,
    /// The columns of the sources that feed operators or taps, by number.
    pub read: BTreeMap<u32, Vec<Column>>,
    /// Stream sources that feed nothing, by number: their records are judged and counted all the same, for T is after
    /// the last arrival of all.
    pub judged: BTreeMap<u32, Vec<Column>>,
    /// What is tapped, in the order wanted.
    pub taps: Vec<Tap>,
}

/// Where rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feed {
    /// A source, by number.
    Source(u32),
    /// An output of an operator: its position, and the output's.
    Output(usize, u32),
}

/// Rows that are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Tap {
    /// The plan's node.
    pub node: NodeId,
    /// Where its rows come from.
    pub feed: Feed,
    /// Their columns.
    pub columns: Vec<Column>,
}

/// One operator in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    /// The stable name by which its state is found again; none where it only hands columns or rows on.
    pub name: Option<String>,
    /// The plan's node that it stands for; for a feature state the node that keeps it.
    pub node: NodeId,
    /// Where that was written.
    pub span: Span,
    /// The name under which its dead letters go: its flow, or its feature set.
    pub flow: String,
    /// What it does.
    pub op: RowOp,
    /// What feeds each port.
    pub feeds: Vec<Feed>,
    /// The columns at each port: expressions read them by name.
    pub inputs: Vec<Vec<Column>>,
    /// The columns of each output.
    pub outputs: Vec<Vec<Column>>,
}

/// What tells how rows stand that come when all of them are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandBy {
    /// They were sorted, and remember where they stood before.
    Memory,
    /// They have no place: their columns.
    Columns,
    /// They come as they stand.
    Coming,
}

/// What an operator does.
#[derive(Debug, Clone, PartialEq)]
pub enum RowOp {
    /// The rows of a table, once. No port.
    Table {
        /// The source.
        source: String,
    },
    /// Filters and projections, one after the other.
    Steps(Vec<Step>),
    /// Columns of the input, by position.
    Pick(Vec<Picked>),
    /// Two streams by key and time.
    IntervalJoin {
        /// What joins share.
        join: Join,
        /// Least right time − left time, microseconds.
        low: i64,
        /// Greatest right time − left time, microseconds.
        high: i64,
        /// Delay of the left rows.
        left_lateness: i64,
        /// Delay of the right rows.
        right_lateness: i64,
    },
    /// Rows with a table.
    LookupJoin {
        /// What joins share.
        join: Join,
        /// The table's rows.
        table: TableRows,
    },
    /// Two relations that end.
    HashJoin {
        /// What joins share.
        join: Join,
    },
    /// Only what later events cannot change.
    Final {
        /// A row of time t is final once the frontier has passed t + `settle`.
        settle: i64,
    },
    /// All rows of all ports.
    Union,
    /// One row a group, at the end.
    Group {
        /// Keys over the input.
        keys: Vec<(Symbol, Expr)>,
        /// Aggregates over the input.
        aggregates: Vec<Aggregate>,
        /// Further columns over keys and aggregates.
        outputs: Vec<(Symbol, Expr)>,
        /// The columns of keys and aggregates, which `outputs` read.
        row: Vec<Column>,
    },
    /// Sorted, at the end.
    Sort {
        /// Value, and whether descending.
        keys: Vec<(Expr, bool)>,
    },
    /// The first rows of each group, at the end.
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
    /// The first rows.
    Take {
        /// How many.
        count: u64,
        /// Whether they come in the order of a sort, else they are taken in arrival order.
        is_sorted: bool,
    },
    /// As rows stand where nothing sorts them, at the end.
    Stand {
        /// What tells how they stand.
        by: StandBy,
    },
    /// One row of each key.
    OnePerKey {
        /// The key.
        keys: Vec<Expr>,
        /// The last row, else the first.
        is_last: bool,
    },
    /// The rows that a sink can hold: those without a bad cell.
    Whole {
        /// The sink.
        sink: Symbol,
    },
    /// A sink that holds one row of each key.
    Upsert {
        /// The positions of the key.
        key: Vec<usize>,
        /// How long after its time a row can still change, microseconds; `None` where no row ever does.
        settle: Option<i64>,
    },
    /// The state of feature sets. Port 0 takes the rows that change it, port 1 + i and output i are those of read i.
    Features {
        /// What it keeps.
        state: Box<FeatureState>,
        /// The key over the rows that change it.
        keys: Vec<Expr>,
        /// Who reads it.
        reads: Vec<FeatureRead>,
    },
    /// The last row of each key of a view. Port 0 takes its rows or changes, port 1 + i and output i are those of join i.
    KeyedRows {
        /// The positions of the key.
        key: Vec<usize>,
        /// How long after its time a row can still change, microseconds; `None` where no row ever does.
        settle: Option<i64>,
        /// The joins that read it; their equal pairs are in the order of the key.
        joins: Vec<KeptJoin>,
    },
}

/// A column that is handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picked {
    /// The column at a position.
    Column(usize),
    /// The columns at these positions as one record.
    Record(Vec<usize>),
}

/// What joins share.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Kind.
    pub kind: JoinKind,
    /// Which match.
    pub pick: JoinPick,
    /// The right side's record column.
    pub alias: Symbol,
    /// Equal pairs: over the left row, over the right row.
    pub on: Vec<(Expr, Expr)>,
    /// What else must hold over both.
    pub residual: Option<Expr>,
    /// Columns of the left side.
    pub left: Vec<Column>,
    /// Columns of the right side.
    pub right: Vec<Column>,
}

/// One join with the rows that a view keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptJoin {
    /// The plan's node.
    pub node: NodeId,
    /// What joins share.
    pub join: Join,
    /// The name under which its dead letters go.
    pub flow: String,
}

/// Rows that are found by key.
#[derive(Debug, Clone, PartialEq)]
pub enum TableRows {
    /// A table's own, under the table's own key.
    Source(Symbol),
    /// Those of a view over tables: what comes out of this dataflow when it is taken to its end.
    View {
        /// Its operators; one tap.
        dataflow: Box<DataflowPlan>,
        /// The tables below it.
        tables: Vec<Symbol>,
    },
}

/// A plan that no checked solution has: a defect of the compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError(pub String);

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PlanError {}

impl PlanError {
    fn new<T>(what: impl Into<String>) -> Result<T, Self> {
        Err(Self(what.into()))
    }
}

/// Plans the dataflow that gives the rows of the taps, and keeps the state of the features too.
///
/// # Errors
/// A plan that no checked solution has.
pub fn dataflow(wanted: Wanted<'_>) -> Result<DataflowPlan, PlanError> {
    wiring::wire(wanted)
}
