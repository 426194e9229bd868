//! What declarations are made of.

use fec_diagnostics::Span;

use super::{Expr, Item, Name, Setting, Statement, TypeExpr};

/// The declarations.
#[derive(Debug, Clone)]
pub enum ItemKind {
    /// `solution name { settings }`.
    Solution {
        /// Name.
        name: Name,
        /// Settings.
        settings: Vec<Setting>,
    },
    /// `use std.ml.{ a, b }` or `use std.ml.a`: one entry a name.
    Use {
        /// Path before the names: `std`, `ml`.
        path: Vec<Name>,
        /// Imported names.
        names: Vec<Name>,
    },
    /// `type T { field: type, … }`.
    Type {
        /// Name.
        name: Name,
        /// Fields.
        fields: Vec<Field>,
    },
    /// `enum E { a, b }`.
    Enum {
        /// Name.
        name: Name,
        /// Members.
        members: Vec<Name>,
    },
    /// `param x: T = v`.
    Param {
        /// Name.
        name: Name,
        /// Type.
        ty: TypeExpr,
        /// Default.
        default: Option<Expr>,
    },
    /// `secret s`.
    Secret {
        /// Name.
        name: Name,
    },
    /// `source s: stream<T> { … }`.
    Source {
        /// Name.
        name: Name,
        /// `stream<T>` or `table<T> key k`.
        ty: TypeExpr,
        /// Key columns after `key` of a table.
        key: Vec<Name>,
        /// Settings.
        settings: Vec<Setting>,
    },
    /// `sink s: … { … }`, as a source.
    Sink {
        /// Name.
        name: Name,
        /// `stream<T>`, `table<T> key k` or `rows<T>`.
        ty: TypeExpr,
        /// Key columns after `key` of a table.
        key: Vec<Name>,
        /// Settings.
        settings: Vec<Setting>,
    },
    /// `view v = pipeline` or `view v: table<T> key k = pipeline`.
    View {
        /// Name.
        name: Name,
        /// Declared type.
        ty: Option<TypeExpr>,
        /// Key columns.
        key: Vec<Name>,
        /// The pipeline.
        value: Expr,
    },
    /// `features f by k from pipeline { … }`.
    Features {
        /// Name.
        name: Name,
        /// Key expressions (`merchant`, `p.merchant`); empty without `by`.
        by: Vec<Expr>,
        /// The pipeline after `from`.
        from: Expr,
        /// Lines.
        lines: Vec<FeatureLine>,
    },
    /// `func f(a: T) -> U = expr`.
    Func {
        /// Name.
        name: Name,
        /// Parameters.
        params: Vec<Param>,
        /// Result type.
        result: TypeExpr,
        /// Body.
        body: Expr,
    },
    /// `rules r(a: T) -> U first { rows }`.
    Rules {
        /// Name.
        name: Name,
        /// Parameters.
        params: Vec<Param>,
        /// Result type.
        result: TypeExpr,
        /// `first`, `all` or `score` as written.
        mode: Name,
        /// Rows `condition -> value`; a condition `None` is `else`. For modes other than `first`, rows may be empty.
        rows: Vec<RuleRow>,
    },
    /// `engine e { … }`.
    Engine {
        /// Name.
        name: Name,
        /// Declarations within.
        items: Vec<Item>,
    },
    /// `job j(params) { … }`.
    Job {
        /// Name.
        name: Name,
        /// Parameters with defaults.
        params: Vec<Param>,
        /// Body.
        body: Vec<Statement>,
    },
    /// `stream s { … }`.
    Stream {
        /// Name.
        name: Name,
        /// Body.
        body: Vec<Statement>,
    },
    /// `service s(params) -> T { … }`.
    Service {
        /// Name.
        name: Name,
        /// Parameters.
        params: Vec<Param>,
        /// Result type.
        result: TypeExpr,
        /// Body.
        body: Vec<Statement>,
    },
    /// `target t { … }`.
    Target {
        /// Name.
        name: Name,
        /// `name: value` settings and `scale path { settings }` entries.
        entries: Vec<TargetEntry>,
    },
    /// `test "…" { … }`.
    Test {
        /// What it says.
        name: String,
        /// Place of the text.
        name_span: Span,
        /// Lines.
        lines: Vec<TestLine>,
    },
    /// A declaration of the language that this version parses but does not have: `component`, `step`, `model`, `experiment`, …
    NotYet {
        /// The keyword.
        keyword: Name,
        /// The declared name, if there was one.
        name: Option<Name>,
    },
    /// Something that could not be parsed; a diagnostic was given.
    Error,
}

/// `name: type` of a type body, with docs.
#[derive(Debug, Clone)]
pub struct Field {
    /// `///` lines.
    pub docs: Vec<String>,
    /// Name.
    pub name: Name,
    /// Type.
    pub ty: TypeExpr,
}

/// `name: type = default`.
#[derive(Debug, Clone)]
pub struct Param {
    /// Name.
    pub name: Name,
    /// Type; absent for `job j(day = …)`.
    pub ty: Option<TypeExpr>,
    /// Default.
    pub default: Option<Expr>,
}

/// One line of a feature set.
#[derive(Debug, Clone)]
pub struct FeatureLine {
    /// `///` lines.
    pub docs: Vec<String>,
    /// Name.
    pub name: Name,
    /// An aggregate call or a scalar over earlier lines.
    pub value: Expr,
    /// `where c`.
    pub filter: Option<Expr>,
    /// `over 1h`: given for aggregates.
    pub over: Option<Expr>,
    /// `every 10s`.
    pub every: Option<Expr>,
}

/// `condition -> value`.
#[derive(Debug, Clone)]
pub struct RuleRow {
    /// `None` for `else`.
    pub condition: Option<Expr>,
    /// Result.
    pub value: Expr,
    /// Place of the row.
    pub span: Span,
}

/// An entry of a target.
#[derive(Debug, Clone)]
pub enum TargetEntry {
    /// `simulate: cards(seed: 7)`.
    Setting(Setting),
    /// `scale scoring.score { replicas: 3..=20 }`.
    Scale {
        /// Dotted path.
        path: Vec<Name>,
        /// Settings.
        settings: Vec<Setting>,
    },
}

/// A line of a test.
#[derive(Debug, Clone)]
pub enum TestLine {
    /// `given payments [ … ]`: rows of a source, or a table.
    GivenRows {
        /// Source, table or view.
        name: Name,
        /// A list expression of records.
        rows: Expr,
    },
    /// `given scorer returns 0.1`.
    GivenReturns {
        /// Model (or external thing).
        name: Name,
        /// What it returns.
        value: Expr,
    },
    /// `at 2026-01-01T04:00:01Z`.
    At(Expr),
    /// `expect condition`. In it `score(…)` calls a service, a sink or feature name is a relation, `f[k]` a read.
    Expect(Expr),
    /// A line that could not be parsed.
    Error(Span),
}
