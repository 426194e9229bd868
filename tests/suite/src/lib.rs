//! What every plane must agree on.

pub mod cases;
pub mod cells;
pub mod compare;
pub mod expressions;
pub mod generate;
mod generate_data;
mod generate_flows;
mod generate_kept;
mod generate_types;
mod generate_views;
#[cfg(test)]
mod meaning;
pub mod pipes;
pub mod random;
pub mod replayed;
pub mod served;
pub mod shrink;
pub mod subject;
