//! Jobs: history through the dataflow, then what works on whole relations: split, training, evaluation, publishing.
//!
//! A job is data here: relations and statements whose expressions lie behind a trait, so that a plan that is interpreted
//! and code that was generated are run by the same engine. It is run whole, or step by step in a process each: then steps
//! hand rows to each other through a [`RunFolder`].
//!
//! A job computes everything before it writes anything, so that one that fails or is stopped leaves nothing behind.

mod arguments;
mod attempts;
mod bad;
mod folder;
mod halt;
mod learn;
mod plan;
mod rows;
mod run;
mod step;

pub use arguments::argument;
pub use attempts::{attempts, late};
pub use bad::{Bad, BadRows};
pub use folder::{RunFolder, Started};
pub use halt::Halt;
pub use learn::{ModelOutcome, Trained};
pub use plan::{Guard, Job, Parameter, Relation, Rows, Statement, Step, Wire, Work};
pub use rows::consolidated;
pub use run::{Input, Outcome, check, run};
pub use step::{Done, FINISH, ROWS, WRITE, step};
