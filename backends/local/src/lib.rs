//! The local target: the plan run in one process over the embedded log, store and lake.
