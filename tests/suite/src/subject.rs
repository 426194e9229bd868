//! What is held against the naive evaluator: one road to the answers of a program.

use asol_oracle::change::Change;
use asol_oracle::value::{Cell, Value};

use crate::generate::Program;

/// A job's replay, a restored stream, a service over HTTP: anything that runs a program to the end of its data.
pub trait Subject {
    /// Its name in reports.
    fn name(&self) -> &str;

    /// The columns of a feature set for a key at `t` (microseconds), over all that had arrived before `t`.
    ///
    /// # Errors
    /// What kept it from running.
    fn features(&mut self, program: &Program, set: &str, key: &[Value], t: i64) -> Result<Vec<(String, Cell)>, String>;

    /// What a sink holds after `run --once`, in order: append-only rows and changes as they were written, of an upsert sink the final rows by key.
    ///
    /// # Errors
    /// What kept it from running.
    fn sink(&mut self, program: &Program, sink: &str) -> Result<Vec<Change>, String>;
}
