//! Names resolved, every expression and relation typed.
//!
//! [`check`] takes the trees of a solution's files and gives its [`model::Model`] and what was wrong. It is pure, never
//! stops at the first mistake, and never panics.

mod aggregates;
mod attributes;
mod calls;
mod check;
mod composites;
mod constants;
mod convert;
mod display;
mod features;
mod flows;
mod functions;
mod grouping;
mod infer;
mod join_keys;
mod joins;
mod matching;
mod mends;
mod names;
mod operators;
mod order;
mod pipeline;
mod rules;
mod scales;
mod scope;
mod services;
mod settings;
mod sinks;
mod solution;
mod sources;
mod suites;
mod targets;
mod training;
mod typedecl;
mod unknown;

pub mod cron;
pub mod expr;
pub mod model;
pub mod relation;
pub mod target;
pub mod types;
pub mod visit;

pub use check::{CheckOptions, check};
pub use fec_syntax::Symbol;
