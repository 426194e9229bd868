//! Committed state: a task's local store and the feature store, in memory and in an embedded LSM tree.
//!
//! Both take changes only in the order of the changelog, each atomically with its sequence number, so that a block that
//! is applied twice, out of turn or by a former owner changes nothing.

pub mod error;
pub mod traits;

pub use error::StoreError;
pub use traits::{Applied, FeatureStore, KeyRange, SetId, SnapshotSink, Store, Visit};
