//! The tree of one `.asol` file: what was written, with spans and without meaning.
//!
//! A partial tree is a tree: where the parser recovered, an `Error` node stands.

use fec_diagnostics::Span;

use crate::symbol::Symbol;

/// One file.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// Declarations in the order written.
    pub items: Vec<Item>,
}

/// An identifier as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    /// Text.
    pub text: Symbol,
    /// Place.
    pub span: Span,
}

/// A declaration with what stands before it.
#[derive(Debug, Clone)]
pub struct Item {
    /// `///` lines, without the slashes and one leading blank.
    pub docs: Vec<String>,
    /// `@name(…)` before the declaration.
    pub attributes: Vec<Attribute>,
    /// The declaration.
    pub kind: ItemKind,
    /// From its keyword to its end (attributes and docs not included).
    pub span: Span,
}

/// `@name(arguments)`.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Name after `@`.
    pub name: Name,
    /// Arguments; empty without parentheses.
    pub arguments: Vec<Argument>,
    /// From `@` to the end.
    pub span: Span,
}

/// `value` or `name: value` in a call.
#[derive(Debug, Clone)]
pub struct Argument {
    /// Given for a named argument.
    pub name: Option<Name>,
    /// Its value; a relation argument is a pipeline expression.
    pub value: Expr,
}

/// `name: value` of a settings body.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The setting.
    pub name: Name,
    /// Its value. A nested settings body is a [`ExprKind::Record`].
    pub value: Expr,
}

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

/// A type as written.
#[derive(Debug, Clone)]
pub struct TypeExpr {
    /// What.
    pub kind: TypeKind,
    /// `T?`.
    pub optional: bool,
    /// Place.
    pub span: Span,
}

/// What a type is.
#[derive(Debug, Clone)]
pub enum TypeKind {
    /// `int`, `Payment`, `decimal(12, 2)`, `list<T>`, `stream<T>`: a name, numbers in parentheses, types in angle brackets.
    Named {
        /// Name.
        name: Name,
        /// `(12, 2)`.
        numbers: Vec<Expr>,
        /// `<T>`.
        types: Vec<TypeExpr>,
    },
    /// `{ a: T, .. }`.
    Record {
        /// Fields.
        fields: Vec<Field>,
        /// Ends with `..`.
        open: bool,
    },
    /// Could not be parsed.
    Error,
}

/// A statement of a job, stream or service body.
#[derive(Debug, Clone)]
pub struct Statement {
    /// `@timeout(5ms)` and the like before a binding.
    pub attributes: Vec<Attribute>,
    /// What.
    pub kind: StatementKind,
    /// Place.
    pub span: Span,
}

/// What a statement is.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// `name = value`.
    Bind {
        /// Name.
        name: Name,
        /// Pipeline or scalar.
        value: Expr,
    },
    /// `emit pipeline to sink`.
    Emit {
        /// What.
        value: Expr,
        /// Where to.
        sink: Name,
    },
    /// `publish model as scorer when c`.
    Publish {
        /// Binding of a model.
        model: Expr,
        /// Published name.
        name: Name,
        /// Gate.
        when: Option<Expr>,
    },
    /// `return e`.
    Return(Expr),
    /// `if c { … } else { … }`.
    If {
        /// Condition.
        condition: Expr,
        /// Statements when true.
        then: Vec<Statement>,
        /// Statements when false; empty without `else`.
        otherwise: Vec<Statement>,
    },
    /// `match a, b { pattern -> { … } }` with bodies, as an item. (With values it is an expression.)
    Match {
        /// Subjects.
        subjects: Vec<Expr>,
        /// Arms.
        arms: Vec<(Vec<Pattern>, Vec<Statement>)>,
    },
    /// A statement that this version parses but does not have: `run`.
    NotYet {
        /// The word.
        keyword: Name,
    },
    /// Could not be parsed.
    Error,
}

/// An expression; relations are expressions too (`a |> where b`).
#[derive(Debug, Clone)]
pub struct Expr {
    /// What.
    pub kind: ExprKind,
    /// Place.
    pub span: Span,
}

/// What an expression is.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// A literal.
    Literal(Literal),
    /// A name.
    Name(Symbol),
    /// `a.b`.
    Field {
        /// Of what.
        of: Box<Expr>,
        /// Which.
        name: Name,
    },
    /// `a[k]`, `a[k1, k2]`.
    Index {
        /// Of what.
        of: Box<Expr>,
        /// Keys.
        keys: Vec<Expr>,
    },
    /// `f(a, b: c)`; `f` may be dotted.
    Call {
        /// The function's name expression (a name, or a dotted path).
        function: Box<Expr>,
        /// Arguments.
        arguments: Vec<Argument>,
    },
    /// `not a`, `-a`.
    Unary {
        /// Operator.
        op: UnaryOp,
        /// Operand.
        operand: Box<Expr>,
    },
    /// `a + b` and the like.
    Binary {
        /// Operator.
        op: BinaryOp,
        /// Place of the operator.
        op_span: Span,
        /// Left.
        left: Box<Expr>,
        /// Right.
        right: Box<Expr>,
    },
    /// `a..b`, `a..=b`, `..=b`, `a..`.
    Range {
        /// Low end.
        low: Option<Box<Expr>>,
        /// High end.
        high: Option<Box<Expr>>,
        /// Whether `..=`.
        inclusive: bool,
    },
    /// `if c then a else b`.
    If {
        /// Condition.
        condition: Box<Expr>,
        /// When true.
        then: Box<Expr>,
        /// When false.
        otherwise: Box<Expr>,
    },
    /// `match a, b { p, q -> e }`.
    Match {
        /// Subjects.
        subjects: Vec<Expr>,
        /// Arms; a final `else` arm has one pattern [`PatternKind::Any`] a subject.
        arms: Vec<MatchArm>,
    },
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{ a: 1, b, ..rest }`; `b` alone is `b: b`.
    Record(Vec<RecordEntry>),
    /// `"text {expr} text"`.
    Interpolation(Vec<Part>),
    /// `input |> operator`.
    Pipe {
        /// The relation passed on.
        input: Box<Expr>,
        /// The operator.
        op: Box<Operator>,
    },
    /// A construct of expressions that this version parses but does not have: `sql { }`, `for … yield`.
    NotYet {
        /// Its word.
        keyword: Name,
    },
    /// Could not be parsed.
    Error,
}

/// An entry of a record.
#[derive(Debug, Clone)]
pub enum RecordEntry {
    /// `name: value`.
    Field {
        /// Name.
        name: Name,
        /// Value.
        value: Expr,
    },
    /// `..rest`.
    Spread(Expr),
}

/// A part of an interpolated text.
#[derive(Debug, Clone)]
pub enum Part {
    /// Text with escapes resolved.
    Text(String),
    /// `{expr}`.
    Expr(Expr),
}

/// One arm of a `match` expression.
#[derive(Debug, Clone)]
pub struct MatchArm {
    /// One pattern a subject.
    pub patterns: Vec<Pattern>,
    /// Value.
    pub value: Expr,
    /// Place.
    pub span: Span,
}

/// A pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// What.
    pub kind: PatternKind,
    /// Place.
    pub span: Span,
}

/// What a pattern is.
#[derive(Debug, Clone)]
pub enum PatternKind {
    /// `_` or `else`.
    Any,
    /// A literal, an enum member (a name), `null`, or a range (an [`ExprKind::Range`]).
    Value(Expr),
}

/// A literal with its text resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// Digits without `_`; may exceed 64 bits.
    Int(String),
    /// A number with a point, without `_`: decimal or float by context.
    Number(String),
    /// `80%`: the number before `%`.
    Percent(String),
    /// Microseconds.
    Duration(i64),
    /// Bytes.
    Size(u64),
    /// `"…"` without interpolation, `'…'`, `"""…"""`: escapes resolved.
    String(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
}

/// Prefix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `not`.
    Not,
    /// `-`.
    Negate,
}

/// Infix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `or`.
    Or,
    /// `and`.
    And,
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterEqual,
    /// `in`.
    In,
    /// `not in`.
    NotIn,
    /// `??`.
    Coalesce,
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `div`.
    IntegerDivide,
    /// `mod`.
    Modulo,
}

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
