//! The tree of one `.asol` file: what was written, with spans and without meaning.
//!
//! A partial tree is a tree: where the parser recovered, an `Error` node stands.

mod declarations;
mod expressions;
mod operators;
mod statements;
mod types;

use fec_diagnostics::Span;

use crate::symbol::Symbol;

pub use declarations::*;
pub use expressions::*;
pub use operators::*;
pub use statements::*;
pub use types::*;

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
