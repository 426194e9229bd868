//! Types as written.

use fec_diagnostics::Span;

use super::{Expr, Field, Name};

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
