//! Values, arithmetic, batches, tiles, aggregates, rules and trees: pure, without I/O.

pub mod aggregate;
pub mod arith;
pub mod batch;
pub mod block;
pub mod builder;
pub mod bytes;
pub mod calendar;
pub mod column;
pub mod convert;
pub mod exact;
pub mod fault;
mod few;
pub mod functions;
pub mod generated;
pub mod hll;
pub mod json;
pub mod key;
#[cfg(test)]
mod naive;
pub mod program;
pub mod row;
pub mod scalar;
pub mod text;
pub mod trees;
pub mod types;
pub mod unique;
pub mod value;
pub mod wide;
pub mod zone;
