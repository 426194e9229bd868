//! Training and evaluation of models, and the registry that holds their versions.
//!
//! [`gbdt`](fn@gbdt) fits a tree ensemble, [`evaluate`](fn@evaluate) measures it, [`mod@split`] tells training
//! rows from test rows, and a [`Registry`] keeps what was published. Every result depends on its
//! inputs alone: neither on the number of threads nor, for the ensemble, on the order of the rows.

mod bins;
mod error;
pub mod evaluate;
pub mod gbdt;
mod grow;
pub mod matrix;
pub mod registry;
pub mod split;

pub use error::LearnError;
pub use evaluate::{Report, evaluate};
pub use gbdt::{GbdtOptions, gbdt};
pub use matrix::{ColumnKind, Matrix};
pub use registry::{Publication, Registry};
