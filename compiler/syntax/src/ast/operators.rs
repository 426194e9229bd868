//! The operators after `|>`.

use fec_diagnostics::Span;

use super::{Argument, Expr, Name};

/// An operator after `|>`.
#[derive(Debug, Clone)]
pub struct Operator {
    /// What.
    pub kind: OperatorKind,
    /// From its first word to its end.
    pub span: Span,
    /// Its first word(s): `where`, `left join`.
    pub word: Span,
}

/// How two relations are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JoinKind {
    /// `join`.
    Inner,
    /// `left join`.
    Left,
    /// `semi join`.
    Semi,
    /// `anti join`.
    Anti,
}

/// At most one match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JoinPick {
    /// All matches.
    All,
    /// `first`.
    First,
    /// `latest`.
    Latest,
}

/// A column of `select`, `derive` or an aggregate body.
#[derive(Debug, Clone)]
pub enum SelectItem {
    /// `a`, `r.x` (named `x`).
    Expr(Expr),
    /// `c = e`.
    Named {
        /// Name.
        name: Name,
        /// Value.
        value: Expr,
    },
    /// `..r`.
    Spread(Expr),
}

/// A named aggregate `n = count() where c`.
#[derive(Debug, Clone)]
pub struct AggregateLine {
    /// Name.
    pub name: Name,
    /// Aggregate call, or scalar over aggregates.
    pub value: Expr,
    /// `where c`.
    pub filter: Option<Expr>,
}

/// `by e desc`.
#[derive(Debug, Clone)]
pub struct SortKey {
    /// Expression.
    pub value: Expr,
    /// `asc` / `desc` where written.
    pub descending: Option<bool>,
}

/// What an operator is.
#[derive(Debug, Clone)]
pub enum OperatorKind {
    /// `where c`.
    Where(Expr),
    /// `select …`.
    Select(Vec<SelectItem>),
    /// `derive c = e, …`.
    Derive(Vec<(Name, Expr)>),
    /// `drop a, b`.
    Drop(Vec<Name>),
    /// `rename a as b`.
    Rename(Vec<(Name, Name)>),
    /// Any join.
    Join {
        /// Kind.
        kind: JoinKind,
        /// `first`, `latest`.
        pick: JoinPick,
        /// The right relation (a name, or a pipeline in parentheses).
        right: Expr,
        /// `as r`.
        alias: Option<Name>,
        /// `on c`.
        on: Option<Expr>,
        /// `within d` or `within a..b`.
        within: Option<Expr>,
    },
    /// `with F on k as f including row`.
    With {
        /// Feature set (or view).
        features: Expr,
        /// `on a, b`.
        on: Vec<Expr>,
        /// `as f`.
        alias: Option<Name>,
        /// `including row`.
        including_row: bool,
    },
    /// `final`.
    Final,
    /// `group by k window w { n = count() }`.
    Group {
        /// Keys (`group by a, b.c`), possibly named.
        by: Vec<SelectItem>,
        /// `window w`.
        window: Option<Expr>,
        /// Aggregates.
        lines: Vec<AggregateLine>,
    },
    /// `window w by k`: the operator of its own.
    Window {
        /// Window.
        window: Expr,
        /// `by`.
        by: Vec<Expr>,
    },
    /// `sort by a desc, b`.
    Sort(Vec<SortKey>),
    /// `top n by e per k with ties rank as r`.
    Top {
        /// How many.
        count: Expr,
        /// Keys; without `asc` largest first.
        by: Vec<SortKey>,
        /// `per k`.
        per: Vec<Expr>,
        /// `with ties`.
        with_ties: bool,
        /// `rank as r`.
        rank: Option<Name>,
    },
    /// `take n`.
    Take(Expr),
    /// `distinct by k`; no key: by all columns.
    Distinct(Vec<Expr>),
    /// `latest by k`.
    Latest(Vec<Expr>),
    /// `union R, S`.
    Union(Vec<Expr>),
    /// `|> f(a: 1)`.
    Call {
        /// Function.
        function: Expr,
        /// Arguments besides the piped relation.
        arguments: Vec<Argument>,
    },
    /// An operator that this version parses but does not have: `unnest`, `sample`, `number`, `changes`, `cap`, `delay`, `nearest`.
    NotYet {
        /// Its word.
        keyword: Name,
    },
    /// Could not be parsed.
    Error,
}
