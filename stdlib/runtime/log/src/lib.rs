//! The embedded partitioned log with transactions, and the simulated log that crashes on purpose.
