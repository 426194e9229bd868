//! Values, arithmetic, batches, tiles, aggregates, rules and trees: pure, without I/O.

pub mod aggregate;
pub mod block;
pub mod bytes;
pub mod exact;
pub mod fault;
pub mod hll;
#[cfg(test)]
mod naive;
pub mod types;
pub mod value;
pub mod wide;
