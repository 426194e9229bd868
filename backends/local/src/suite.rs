//! `fec test`: the tests of a solution, each in every plane that the tested thing has.
//!
//! What runs a test's flows is an [`Engine`]: the plan interpreted in this process, or the binaries that a compile of it gave.
//! What they give is judged by the same code.

mod ask;
mod binaries;
mod given;
mod interpreted;
mod judge;
mod planes;
mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fec_diagnostics::Span;
use fec_ir::Ir;

use crate::data::{Places, read_tables};
use crate::environment::Environment;
use crate::error::LocalError;
use crate::service::Services;
use given::given;
use judge::Engine;
use planes::{Planes, planes};

pub use binaries::Binaries;
pub use interpreted::TestReads;

/// The outcome of one test in one plane.
#[derive(Debug, Clone)]
pub struct TestOutcome {
    /// What the test says.
    pub test: String,
    /// `batch`, `stream` or `online`.
    pub plane: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// How long it took, milliseconds.
    pub ms: u128,
}

/// How a test went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that it expects holds.
    Passed,
    /// What went wrong, and the expectation that does not hold, where it is one's fault.
    Failed(String, Option<Span>),
    /// It asks no binary anything: why.
    Skipped(String),
    /// A binary that it asks was not compiled: why it was not run.
    Missing(String),
}

/// What runs the flows of tests.
#[derive(Clone, Copy)]
pub enum Runner<'a> {
    /// This process.
    Interpreted,
    /// Compiled binaries.
    Compiled(&'a Binaries),
}

/// Runs the tests whose name contains `only`, until `stop` is set.
///
/// # Errors
/// A plan that cannot be built, a table that cannot be read, or a binary that cannot be started. A failing test is an
/// outcome.
pub fn run(
    ir: &Arc<Ir>,
    places: &Places,
    runner: Runner<'_>,
    only: Option<&str>,
    stop: &AtomicBool,
    outcome: &mut dyn FnMut(TestOutcome),
) -> Result<(), LocalError> {
    let environment = Environment::new(ir)?;
    // Tests give the events themselves: only tables are read from files.
    let tables = read_tables(&environment.names.sources, places)?.complete()?;
    for test in ir.tests.iter().filter(|test| only.is_none_or(|only| test.name.contains(only))) {
        for plane in planes(ir, test, runner.planes()) {
            if stop.load(Ordering::Relaxed) {
                return Err(LocalError::Stopped);
            }
            let started = Instant::now();
            let engine = Engine { ir, environment: &environment, places, test, plane, planes: runner.planes(), stop };
            let verdict = match given(&environment, test, &tables)? {
                Err(wrong) => Verdict::Failed(wrong, None),
                Ok(given) => {
                    let (names, slots) = (environment.names.clone(), environment.slots.clone());
                    let services = Services::new(Arc::clone(ir), names, slots, Arc::new(given.tables.clone()))?;
                    let played = match runner {
                        Runner::Interpreted => engine.interpret(&given, &services)?,
                        Runner::Compiled(binaries) => engine.launch(binaries, &given, &services)?,
                    };
                    match played {
                        Err(verdict) => verdict,
                        Ok(mut played) => engine.judged(&services, played.as_mut())?,
                    }
                }
            };
            let ms = started.elapsed().as_millis();
            outcome(TestOutcome { test: test.name.clone(), plane, verdict, ms });
        }
    }
    Ok(())
}

impl Runner<'_> {
    fn planes(self) -> Planes {
        match self {
            Self::Interpreted => Planes::All,
            Self::Compiled(_) => Planes::OfBinaries,
        }
    }
}
