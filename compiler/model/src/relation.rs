//! Typed relational pipelines: a tree of operators over sources, views and bindings.

use fec_diagnostics::Span;
use fec_syntax::Symbol;
pub use fec_syntax::ast::{JoinKind, JoinPick};
use serde::Serialize;

use crate::expr::{Aggregate, Expr};
use crate::types::RelationType;

/// A typed relation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Relation {
    /// The operator that gives it.
    pub op: RelationOp,
    /// Its type.
    pub ty: RelationType,
    /// Place of the operator.
    pub span: Span,
}

/// Operators. `input` is the relation that was piped in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum RelationOp {
    /// Something wrong; a diagnostic was given.
    Error,
    /// A source: its accepted events, or a table's rows.
    Source(Symbol),
    /// A view (not expanded).
    View(Symbol),
    /// A binding of the same flow.
    Binding(Symbol),
    /// A part of a `split` binding: `parts.train`.
    Part {
        /// The binding of the split.
        split: Symbol,
        /// The part.
        part: Symbol,
    },
    /// What a sink received (tests only).
    Sink(Symbol),
    /// A list of records as rows (services and tests).
    Rows(Box<Expr>),
    /// Keeps rows where the condition, a bool, is true.
    Where {
        /// Input.
        input: Box<Relation>,
        /// Condition.
        condition: Expr,
    },
    /// The output columns, each computed from the input row: `select`, `drop` and `rename`.
    Select {
        /// Input.
        input: Box<Relation>,
        /// Name and value, in order.
        columns: Vec<(Symbol, Expr)>,
    },
    /// Input columns, then one new or replaced column after the other; each sees those before it.
    Derive {
        /// Input.
        input: Box<Relation>,
        /// Name and value, in order.
        columns: Vec<(Symbol, Expr)>,
    },
    /// A join. The right side becomes one record column `alias` (none for semi and anti).
    Join {
        /// Left.
        left: Box<Relation>,
        /// Right: a stream (then `within` is given, both timed), a table, or a bounded relation.
        right: Box<Relation>,
        /// Kind.
        kind: JoinKind,
        /// All matches, the first by (time, arrival), or the latest.
        pick: JoinPick,
        /// Name of the record column.
        alias: Symbol,
        /// Pairs that must be equal: over the left row, over the right row ([`crate::expr::ExprKind::Right`]). An absent key matches nothing.
        on: Vec<(Expr, Expr)>,
        /// What else must hold, over both rows.
        residual: Option<Box<Expr>>,
        /// Bounds on right time − left time in microseconds, both included.
        within: Option<(i64, i64)>,
    },
    /// The feature set as of each row.
    With {
        /// Input.
        input: Box<Relation>,
        /// Feature set.
        set: Symbol,
        /// Key values over the input row, in the order of the set's key; an absent key reads an empty state.
        keys: Vec<Expr>,
        /// `as f`: one record column; else its columns are appended.
        alias: Option<Symbol>,
        /// The row itself counts too.
        including_row: bool,
    },
    /// Only rows that later events cannot change.
    Final {
        /// Input.
        input: Box<Relation>,
    },
    /// Bounded aggregation. Output: keys, then aggregates, then `outputs` computed from those.
    Group {
        /// Input.
        input: Box<Relation>,
        /// Keys: name and value.
        keys: Vec<(Symbol, Expr)>,
        /// Aggregates.
        aggregates: Vec<Aggregate>,
        /// Output columns over keys and aggregates, in order.
        outputs: Vec<(Symbol, Expr)>,
    },
    /// Sorted by keys; absent last; ties by time, then the row's columns in order.
    Sort {
        /// Input.
        input: Box<Relation>,
        /// Value and whether descending.
        keys: Vec<(Expr, bool)>,
    },
    /// The first `count` rows in sort order, in each group of `per`.
    Top {
        /// Input.
        input: Box<Relation>,
        /// How many.
        count: u64,
        /// Value and whether descending.
        keys: Vec<(Expr, bool)>,
        /// Group.
        per: Vec<Expr>,
        /// Rows equal to the last by `keys` stay too.
        with_ties: bool,
        /// Column for the rank, from 1.
        rank: Option<Symbol>,
    },
    /// The first n rows: in the order of a sort before it, else by time, then the row's columns.
    Take {
        /// Input.
        input: Box<Relation>,
        /// How many.
        count: u64,
    },
    /// The first row of each key by (time, arrival), or by its columns where rows have no time.
    Distinct {
        /// Input.
        input: Box<Relation>,
        /// Key.
        keys: Vec<Expr>,
    },
    /// The last row of each key by (time, arrival).
    Latest {
        /// Input.
        input: Box<Relation>,
        /// Key.
        keys: Vec<Expr>,
    },
    /// All rows of all inputs, columns by name in the order of the first.
    Union {
        /// Inputs, at least two.
        inputs: Vec<Relation>,
    },
}

impl RelationOp {
    /// The relations that it works on, from left to right.
    #[must_use]
    pub fn inputs(&self) -> Vec<&Relation> {
        match self {
            Self::Error
            | Self::Source(_)
            | Self::View(_)
            | Self::Binding(_)
            | Self::Part { .. }
            | Self::Sink(_)
            | Self::Rows(_) => Vec::new(),
            Self::Where { input, .. }
            | Self::Select { input, .. }
            | Self::Derive { input, .. }
            | Self::With { input, .. }
            | Self::Final { input }
            | Self::Group { input, .. }
            | Self::Sort { input, .. }
            | Self::Top { input, .. }
            | Self::Take { input, .. }
            | Self::Distinct { input, .. }
            | Self::Latest { input, .. } => vec![input],
            Self::Join { left, right, .. } => vec![left, right],
            Self::Union { inputs } => inputs.iter().collect(),
        }
    }
}
