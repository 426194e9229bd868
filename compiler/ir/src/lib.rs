//! The dataflow DAG, its optimiser and its verifier.

pub mod explain;
pub mod graph;
pub mod ir;
pub mod lineage;
pub mod lower;
pub mod op;
pub mod passes;
pub mod picture;
pub mod planes;
pub mod verify;
pub mod walk;

pub use graph::{Edge, Graph, Node, NodeId};
pub use ir::Ir;
pub use lower::lower;
pub use op::{Op, SetPlan, Step};
pub use passes::{Applied, Change, optimise};
pub use planes::Planes;
