//! What is held against the naive evaluator: one road to the answers of a program.

use std::collections::BTreeSet;

use asol_oracle::value::{Cell, Fault, Value};
use flow_core::types::{DataType, Kind};

use crate::generate::Program;

/// A row that a sink holds, or a change that it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// +1, or −1 for a row taken back.
    pub weight: i64,
    /// Cells in the order of the sink's columns.
    pub cells: Vec<Value>,
}

/// A record that was refused, or a row that a flow left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Letter {
    /// The source that refused it, the feature set or the flow that left it out.
    pub flow: String,
    /// Its code.
    pub reason: String,
    /// The source of the record.
    pub source: String,
    /// Its partition.
    pub partition: i64,
    /// Its offset.
    pub offset: i64,
}

/// A job's replay, a restored stream, a service over HTTP: anything that runs a program to the end of its data.
pub trait Subject {
    /// Its name in reports.
    fn name(&self) -> &str;

    /// Whether equal work of several flows is done once: a dead letter then names one of them.
    fn shares(&self) -> bool {
        false
    }

    /// The columns of a feature set for a key at `t` (microseconds), over all that had arrived before `t`.
    ///
    /// # Errors
    /// What kept it from running.
    fn features(&mut self, program: &Program, set: &str, key: &[Value], t: i64) -> Result<Vec<(String, Cell)>, String>;

    /// What a sink holds after `run --once`, in order: append-only rows and changes as they were written, of an upsert sink the final rows by key.
    ///
    /// # Errors
    /// What kept it from running.
    fn sink(&mut self, program: &Program, sink: &str) -> Result<Vec<Written>, String>;

    /// The dead letters of sources, feature sets and streams; each once.
    ///
    /// # Errors
    /// What kept it from running.
    fn dead(&mut self, program: &Program) -> Result<BTreeSet<Letter>, String>;

    /// What a service whose only parameter is a text answers at `now` (microseconds, not before the end of the data).
    ///
    /// # Errors
    /// What kept it from running.
    fn request(&mut self, program: &Program, service: &str, argument: &str, now: i64) -> Result<Cell, String>;
}

/// A runtime's cell as the evaluator writes it; none where value and type do not go together.
#[must_use]
pub fn cell(value: &flow_core::value::Value, ty: &DataType) -> Option<Value> {
    use flow_core::value::Value as Runtime;
    Some(match (value, &ty.kind) {
        (Runtime::Absent, _) => Value::Absent,
        (Runtime::Bool(x), Kind::Bool) => Value::Bool(*x),
        (Runtime::Int(x), Kind::Int) => Value::Int(*x),
        (Runtime::Int(x), Kind::Date) => Value::Date(i32::try_from(*x).ok()?),
        (Runtime::Int(x), Kind::Timestamp) => Value::Timestamp(*x),
        (Runtime::Int(x), Kind::Duration) => Value::Duration(*x),
        (Runtime::Int(x), Kind::Enum(_)) => Value::Member(u32::try_from(*x).ok()?),
        (Runtime::Float(x), Kind::Float) => Value::Float(*x),
        (Runtime::Decimal(x), Kind::Decimal { scale, .. }) => Value::Decimal(*x, *scale),
        (Runtime::String(x), Kind::String) => Value::String(x.to_string()),
        (Runtime::Bytes(x), Kind::Bytes) => Value::Bytes(x.to_vec()),
        (Runtime::List(items), Kind::List(item)) => {
            Value::List(items.iter().map(|value| Some(Ok(cell(value, item)?))).collect::<Option<_>>()?)
        }
        (Runtime::Record(cells), Kind::Record(record)) => {
            let fields = record.fields.iter().zip(cells.iter());
            Value::Record(fields.map(|(field, value)| Some(Ok(cell(value, &field.ty)?))).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// A runtime's fault as the evaluator writes it; none for one that the evaluator cannot meet.
#[must_use]
pub fn fault(fault: flow_core::fault::Fault) -> Option<Fault> {
    use flow_core::fault::Fault as Runtime;
    match fault {
        Runtime::Malformed => Some(Fault::Malformed),
        Runtime::Overflow => Some(Fault::Overflow),
        Runtime::NotFinite => Some(Fault::NotFinite),
        Runtime::Precision => Some(Fault::Precision),
        Runtime::Conversion => Some(Fault::Conversion),
        Runtime::TooLarge => None,
    }
}
