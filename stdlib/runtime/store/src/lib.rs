//! Committed state: a task's local store and the feature store, in memory and in an embedded LSM tree.
//!
//! Both take changes only in the order of the changelog, each atomically with its sequence number, so that a block that
//! is applied twice, out of turn or by a former owner changes nothing.

pub mod error;
pub mod lsm;
pub mod memory;
mod shards;
pub mod simulated;
pub mod traits;
mod tree;

pub use error::StoreError;
pub use lsm::{LsmFeatureStore, LsmStore};
pub use memory::MemoryStore;
pub use shards::MemoryFeatureStore;
pub use traits::{Applied, FeatureStore, KeyRange, SetId, SnapshotSink, Store, Visit};
pub use tree::LsmOptions;
