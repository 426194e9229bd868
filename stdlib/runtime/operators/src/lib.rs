//! The operators of a dataflow, the merge that feeds them and the graph that drives them.
//!
//! Everything goes in micro-batches: the [`merge::Merger`] gives the next rows of all sources in arrival order, and the
//! [`graph::Graph`] takes them through every [`operator::Operator`]. No result depends on how rows were cut into
//! micro-batches.

pub mod accept;
mod collected;
pub mod compare;
pub mod distinct;
pub mod expression;
pub mod feature_set;
pub mod features;
pub mod finality;
pub mod fused;
pub mod graph;
pub mod group;
pub mod hash_join;
mod held;
pub mod interval_join;
mod interval_state;
pub mod join;
pub mod keyed_rows;
pub mod keys;
pub mod lookup_join;
pub mod merge;
pub mod operator;
pub mod order;
pub mod rows;
pub mod sort;
pub mod stand;
pub mod state;
pub mod table;
pub mod table_rows;
pub mod table_view;
pub mod union;
pub mod upsert;
pub mod whole;
