//! The dataflow DAG, its optimiser and its verifier.
