//! Diagnostics as data: spans, codes, labels, help, fixes, and their renderers.
//!
//! A stage of the compiler returns `(value, Vec<Diagnostic>)`. A [`Diagnostic`] names places as byte offsets
//! ([`Span`]); lines and columns are computed by [`Sources`] only when something is printed.
//!
//! ```
//! use fec_diagnostics::{Diagnostic, Sources, codes, render_human};
//!
//! let mut sources = Sources::new();
//! let file = sources.add("a.asol", "engine a {}\n");
//! let span = fec_diagnostics::Span::new(file, 7, 8);
//! let found = Diagnostic::error(codes::E0201, span, "there is nothing called `a`").help("declare it");
//! assert!(render_human(&found, &sources, false).starts_with("error[E0201]: there is nothing called `a`\n"));
//! ```

pub mod codes;
mod diagnostic;
mod human;
mod json;
mod sources;
mod span;
mod suggest;

pub use codes::Code;
pub use diagnostic::{Diagnostic, Edit, Fix, Label, Severity, has_errors, in_source_order};
pub use human::render_human;
pub use json::{json_report, to_json};
pub use sources::{Position, Sources};
pub use span::{FileId, Span};
pub use suggest::closest;
