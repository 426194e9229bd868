//! What the backends of a cluster share: typed objects, and YAML that every reader reads alike.
//!
//! An object is a struct that `serde` serialises; [`yaml::document`] writes it and tells which line came from which place
//! in the solution, as far as [`At`] says it.

pub mod meta;
pub mod pod;
pub mod settings;
pub mod tree;
pub mod yaml;

pub use meta::{Labels, Metadata, Object};
pub use tree::{At, Node, node};
pub use yaml::{Written, document, documents};
