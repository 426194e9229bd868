//! The evaluator itself, held against answers computed by hand.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod expressions;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod solutions;
#[cfg(test)]
mod support;
