//! The statements of jobs, streams and services.

use fec_diagnostics::Span;

use super::{Attribute, Expr, Name, Pattern};

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
