//! The evaluator itself, held against answers computed by hand.

mod contract;
mod expressions;
mod operators;
mod support;
