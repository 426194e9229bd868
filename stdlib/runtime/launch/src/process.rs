//! What every process begins with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use flow_core::value::Value;
use flow_core::zone::Zone;
use flow_formats::OpenParquet;
use flow_task::RunError;
use flow_task::data::Places;
use flow_task::simulate::filled;
use flow_task::state::{Found, StateFolder};
use flow_task::zone::zone;

use crate::flags::Flags;
use crate::solution::Solution;
use crate::tell::Teller;

/// A process that has begun.
pub(crate) struct Begun {
    pub teller: Teller,
    /// Set by a signal.
    pub stop: Arc<AtomicBool>,
    pub zone: Arc<Zone>,
    /// The values of the solution's parameters.
    pub slots: Vec<Value>,
    pub places: Places,
    /// The state folder, and what it held.
    pub folder: StateFolder,
    pub found: Found,
}

/// Begins a process with the flags of the command line.
///
/// # Errors
/// A zone or parameter that cannot be had, a source that is not there, a state folder of another solution.
pub(crate) fn begin(solution: &Solution, flags: &Flags, parquet: Option<OpenParquet>) -> Result<Begun, RunError> {
    let teller = Teller { json: flags.json };
    let stop = stopped()?;
    let zone = Arc::new(zone(&solution.timezone)?);
    let slots = solution.slots(&zone)?;
    let places = places(solution, flags, parquet)?;
    let state = flags.state.clone().unwrap_or_else(|| PathBuf::from(".fec"));
    let (folder, found) = StateFolder::open(&state, &solution.name, &solution.fingerprint)?;
    Ok(Begun { teller, stop, zone, slots, places, folder, found })
}

/// Where data lies.
fn places(solution: &Solution, flags: &Flags, parquet: Option<OpenParquet>) -> Result<Places, RunError> {
    for name in flags.bind.keys() {
        if !solution.sources.iter().any(|source| source.name == *name) {
            let known: Vec<&str> = solution.sources.iter().map(|source| source.name.as_str()).collect();
            let there = known.join(", ");
            return Err(RunError::Environment(format!("--bind: there is no source `{name}`; there are {there}")));
        }
    }
    Ok(Places {
        root: flags.root.clone().unwrap_or_else(|| PathBuf::from(".")),
        bound: flags.bind.clone(),
        simulated: filled(&solution.sources, solution.simulation.as_ref())?,
        parquet,
    })
}

/// Set by SIGINT and SIGTERM; a second signal ends the process at once, for which the log is made.
fn stopped() -> Result<Arc<AtomicBool>, RunError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| RunError::Environment(format!("cannot listen for signals: {error}")))?;
    }
    Ok(stop)
}
