//! Expressions, patterns and literals.

use fec_diagnostics::Span;

use super::{Argument, Name, Operator};
use crate::symbol::Symbol;

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
