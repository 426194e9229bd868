//! The naive evaluator, written from the specification alone.
