//! Solutions as crates of Rust: so far their expressions.
//!
//! - [`RustFile`] is one file: [`RustFile::function`] prints an expression as a function from a row to its answer and
//!   imports what it calls, [`RustFile::schema`] the columns of a relation, [`RustFile::item`] anything else.
//!   [`RustFile::finish`] gives the text as `rustfmt` would leave it with its default settings.
//! - [`Scope`] says where an expression finds its columns, bindings and parameters at run time.
//! - [`Function::closure`] is what `flow_operators::expression::generated` takes to make an operator's expression of it.
//! - [`ident`] gives every name of a solution a name in Rust, [`doc`] the comment that says where something came from,
//!   [`types`] the code of types.
//!
//! Printed functions mean what the interpreter's programs mean, bit for bit: both call the scalar functions of
//! `flow_core::scalar`, and the differential tests hold them against each other.

mod code;
pub mod doc;
mod error;
mod expression;
mod file;
pub mod ident;
mod layout;
mod literal;
mod operations;
pub mod page;
mod records;
pub mod schema;
mod scope;
pub mod types;
mod value;

pub use error::Error;
pub use file::{Function, RustFile, enumeration};
pub use scope::Scope;
