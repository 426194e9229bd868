//! Committed state and the feature store: in memory and in an embedded LSM.
