//! Names resolved, every expression and relation typed.

pub mod expr;
pub mod model;
pub mod relation;
pub mod types;
