//! Signals that end a verb.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::output::Failure;

/// Set by SIGINT and SIGTERM. A second signal ends the process at once: the log is made for that.
///
/// # Errors
/// A system that lets nobody listen.
pub fn stopped() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Failure::environment(format!("cannot listen for signals: {error}")))?;
    }
    Ok(stop)
}
