//! What every process begins with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use flow_task::RunError;
use flow_task::data::Places;
use flow_task::simulate::filled;

use crate::flags::Flags;
use crate::solution::Solution;

/// Where data lies.
pub(crate) fn places(solution: &Solution, flags: &Flags) -> Result<Places, RunError> {
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
    })
}

/// Set by SIGINT and SIGTERM; a second signal ends the process at once, for which the log is made.
pub(crate) fn stopped() -> Result<Arc<AtomicBool>, RunError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| RunError::Environment(format!("cannot listen for signals: {error}")))?;
    }
    Ok(stop)
}
