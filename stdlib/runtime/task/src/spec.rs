//! What the runtime must know of sources and sinks.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::calendar::SECOND;
use flow_core::functions::TimeUnit;
use flow_core::types::Schema;
use flow_formats::Format;
use flow_operators::accept::{Gate, GateSpec};
use flow_operators::operator::OperatorError;
use flow_operators::upsert::held;

/// What a source gives or a sink holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Events without end.
    Stream,
    /// Rows by key.
    Table,
    /// Rows.
    Rows,
}

/// A source. Its number is its place among the sources of the solution, which stand in the order of their names.
#[derive(Debug, Clone)]
pub struct SourceSpec {
    /// Name.
    pub name: String,
    /// Stream or table.
    pub shape: Shape,
    /// Columns, as declared.
    pub schema: Arc<Schema>,
    /// Topic of the log.
    pub topic: String,
    /// A file relative to the solution; a stream's file is also its history.
    pub file: Option<String>,
    /// A file or folder relative to the solution.
    pub path: Option<String>,
    /// Where a deployment archives it.
    pub history: Option<String>,
    /// How records are laid out where the file's name does not say it.
    pub format: Format,
    /// The unit of integer timestamps.
    pub unit: Option<TimeUnit>,
    /// The log's partition key, or a table's key.
    pub key: Vec<String>,
    /// The column of event time. A stream without one has its arrival as its time.
    pub time: Option<String>,
    /// Whether arrival is the running maximum of event time, whatever was recorded.
    pub arrival_is_event_time: bool,
    /// How late an event may come, microseconds.
    pub lateness: i64,
    /// How far ahead of its arrival an event may be, microseconds; `None` is unbounded.
    pub ahead: Option<i64>,
    /// Columns by which a repeated event is known.
    pub unique: Vec<String>,
    /// The column from which a row of a table holds.
    pub versions: Option<String>,
}

impl SourceSpec {
    /// A source of JSON under its own name, with the language's defaults.
    #[must_use]
    pub fn new(name: &str, shape: Shape, columns: Schema) -> Self {
        Self {
            name: name.to_owned(),
            shape,
            schema: Arc::new(columns),
            topic: name.to_owned(),
            file: None,
            path: None,
            history: None,
            format: Format::Json,
            unit: None,
            key: Vec::new(),
            time: None,
            arrival_is_event_time: false,
            lateness: 10 * SECOND,
            ahead: None,
            unique: Vec::new(),
            versions: None,
        }
    }

    /// Whether it gives events.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.shape == Shape::Stream
    }

    /// The judge of its records.
    #[must_use]
    pub fn gate(&self, number: u32) -> Gate {
        let position = |name: &String| self.schema.position(name);
        Gate::new(GateSpec {
            name: Arc::from(self.name.as_str()),
            source: number,
            time: self.time.as_ref().and_then(position),
            arrival_is_event_time: self.arrival_is_event_time,
            lateness: self.lateness,
            ahead: self.ahead,
            unique: self.unique.iter().filter_map(position).collect(),
        })
    }
}

/// A sink.
#[derive(Debug, Clone)]
pub struct SinkSpec {
    /// Name.
    pub name: String,
    /// Columns in order.
    pub schema: Arc<Schema>,
    /// Key columns.
    pub key: Vec<String>,
    /// Whether it holds one row of each key.
    pub upsert: bool,
    /// Whether a job writes it: what jobs of an earlier form of the solution wrote is no part of another sink.
    pub by_jobs: bool,
}

impl SinkSpec {
    /// What it holds after rows that came in order: where it has a key, the last row of each.
    ///
    /// # Errors
    /// A row with a bad key.
    pub fn taken(&self, rows: Batch) -> Result<Batch, OperatorError> {
        if !self.upsert {
            return Ok(rows);
        }
        let key: Vec<usize> = self.key.iter().filter_map(|name| self.schema.position(name)).collect();
        held(&rows, &key)
    }
}

/// The source called `name`, with its number.
#[must_use]
pub fn find<'a>(sources: &'a [SourceSpec], name: &str) -> Option<(u32, &'a SourceSpec)> {
    (0u32..).zip(sources).find(|(_, source)| source.name == name)
}

/// The streams among the sources, with their numbers.
pub fn streams(sources: &[SourceSpec]) -> impl Iterator<Item = (u32, &SourceSpec)> {
    (0u32..).zip(sources).filter(|(_, source)| source.is_stream())
}
