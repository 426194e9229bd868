//! Benches: what is measured, each against a peer or a floor in the same run. `README.md` says how, and holds results.

pub mod compile;
pub mod compiled;
pub mod events;
pub mod frontend;
pub mod measure;
pub mod naive;
pub mod payments;
pub mod service;
pub mod training;

/// What every bench gives, or why it cannot.
pub type Outcome = Result<Vec<measure::Figure>, String>;

/// How much a bench does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// What is reported.
    Full,
    /// Enough to see that answers are right and the bench still runs: its figures mean nothing.
    Small,
}

/// A bench by its name.
pub struct Bench {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// Runs it; fails where answers are wrong.
    pub run: fn(Size) -> Outcome,
}

/// All benches, in order.
pub const BENCHES: &[Bench] = &[
    Bench { name: "frontend", about: "source text to optimised plan", run: frontend::run },
    Bench { name: "events", about: "JSON through the six fraud features as of each row", run: events::run },
    Bench { name: "service", about: "the fraud service against a bare axum handler", run: service::run },
    Bench { name: "compiled", about: "compiled programs: build, service, worker", run: compiled::run },
    Bench { name: "training", about: "training rows as of each row against DuckDB", run: training::run },
];
