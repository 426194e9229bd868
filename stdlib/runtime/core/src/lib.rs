//! Values, arithmetic, batches, tiles, aggregates, rules and trees: pure, without I/O.

pub mod batch;
pub mod builder;
pub mod column;
pub mod fault;
pub mod types;
pub mod value;
pub mod wide;
