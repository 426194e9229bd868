//! The naive evaluator: what `spec/semantics.md` and `spec/types.md` say, the simplest way, over the typed model. It
//! shares no code with the runtime; where both agree, two roads have met.

pub mod aggregate;
mod bounded;
pub mod calendar;
pub mod change;
pub mod convert;
mod distinct;
pub mod evaluate;
pub mod exact;
pub mod function;
mod join;
mod kept;
pub mod read;
mod relation;
pub mod scope;
pub mod source;
pub mod test;
pub mod value;
pub mod world;
