//! Seeded generators of realistic histories that go on live.
//!
//! A generator is one file that implements [`Generator`] and one line in [`GENERATORS`]. It must depend on its options
//! alone: randomness comes from [`random::Random`], functions beyond `+ − × ÷ sqrt` from `libm`, time from its own
//! clock. Then the same options give the same bytes on every machine, and a run that was interrupted goes on by
//! generating again and skipping what it already has.

use std::fmt;

use flow_core::types::Schema;

pub mod cards;
pub mod outbox;
pub mod random;

/// What a target's `simulate:` may name, with the constructor of each.
pub const GENERATORS: &[(&str, Constructor)] = &[("cards", cards::generator)];

/// Makes a generator from its options.
pub type Constructor = fn(&Options) -> Result<Box<dyn Generator>, Error>;

/// The options of every generator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Chooses the history: the same seed gives the same bytes.
    pub seed: u64,
    /// Number of events of the generator's main output in the history.
    pub rows: u64,
    /// Events a simulated second once live; 0 for none.
    pub rate: f64,
}

/// A source of events that have never happened.
///
/// [`history`](Self::history) gives the past until it ends, [`live`](Self::live) then the future, without end, from
/// the same state. Over both, stamps never decrease.
pub trait Generator: Send {
    /// What the generator fills, in the order that [`SimulatedEvent::output`] counts.
    fn outputs(&self) -> &[OutputDescription];

    /// A table's content as CSV: a line of column names, then a line a row, each ended by `\n`. Empty for a stream.
    fn csv(&self, output: usize) -> Vec<u8>;

    /// The next event of the past, or nothing when all of it was given.
    fn history(&mut self) -> Option<SimulatedEvent>;

    /// The next event after the past, at [`Options::rate`]; what is left of the past is skipped. Nothing if the rate
    /// is 0.
    fn live(&mut self) -> Option<SimulatedEvent>;
}

/// One stream or table that a generator fills.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputDescription {
    /// The name of the source that it fills.
    pub name: &'static str,
    /// Stream or table.
    pub kind: OutputKind,
    /// The fields of an event or the columns of a row, in order.
    pub fields: Schema,
    /// The field that keys it.
    pub key: &'static str,
}

/// Whether an output is a stream or a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// Events, with the field that holds their event time.
    Stream {
        /// The field's name.
        time: &'static str,
    },
    /// Rows that stand from the start.
    Table,
}

/// An event as a producer would append it to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedEvent {
    /// Position among [`Generator::outputs`].
    pub output: usize,
    /// When it reaches the log, in microseconds since 1970: the record's timestamp, not the event's own time.
    pub stamp: i64,
    /// The value of the key field, as text.
    pub key: Vec<u8>,
    /// The event, one JSON object without a line end.
    pub json: Vec<u8>,
}

/// Why a generator cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No generator has the name.
    Unknown(String),
    /// An option is out of its range.
    Option {
        /// The option's name.
        name: &'static str,
        /// What it takes.
        expected: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                let known: Vec<&str> = GENERATORS.iter().map(|(name, _)| *name).collect();
                write!(f, "`{name}` is not a generator of `std.simulate`: there is `{}`", known.join("`, `"))
            }
            Self::Option { name, expected } => write!(f, "`{name}` must be {expected}"),
        }
    }
}

impl std::error::Error for Error {}

/// The generator that `std.simulate` has under `name`.
///
/// # Errors
/// There is none of that name, or an option is out of its range.
pub fn generator(name: &str, options: &Options) -> Result<Box<dyn Generator>, Error> {
    let found = GENERATORS.iter().find(|(known, _)| *known == name);
    let (_, constructor) = found.ok_or_else(|| Error::Unknown(name.to_owned()))?;
    constructor(options)
}
