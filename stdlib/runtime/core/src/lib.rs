//! Values, arithmetic, batches, tiles, aggregates, rules and trees: pure, without I/O.

pub mod fault;
pub mod trees;
pub mod types;
pub mod value;
