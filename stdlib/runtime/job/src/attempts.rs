//! A job that is tried again.

use std::time::{Duration, Instant};

use flow_task::RunError;

use crate::halt::Halt;

/// How long it waits at most between two looks at whether it shall end.
const LOOK: Duration = Duration::from_millis(20);

/// Tries until it works, `retries` more times at most; before the first of these it waits for `backoff`, before each
/// further one twice as long. `note` is told what failed.
///
/// # Errors
/// The last failure; [`RunError::Stopped`] where it was asked to end; at once what no further attempt would mend.
pub fn attempts<T>(
    (retries, backoff): (u32, Duration),
    halt: &Halt,
    note: &mut dyn FnMut(String),
    attempt: &mut dyn FnMut() -> Result<T, RunError>,
) -> Result<T, RunError> {
    let mut wait = backoff;
    for retry in 0..=retries {
        let failed = match attempt() {
            Err(error @ (RunError::Program(_) | RunError::Environment(_) | RunError::Log(_))) if retry < retries => {
                error
            }
            result => return result,
        };
        note(format!("{failed}; attempt {} of {} comes in {wait:?}", retry + 2, u64::from(retries) + 1));
        let until = Instant::now().checked_add(wait);
        while until.is_none_or(|until| Instant::now() < until) {
            if halt.asked() {
                return Err(RunError::Stopped);
            }
            std::thread::sleep(LOOK.min(wait));
        }
        wait = wait.saturating_mul(2);
    }
    Err(RunError::Stopped)
}

/// What is told of a job that took longer than it may.
#[must_use]
pub fn late(job: &str, timeout: Duration) -> String {
    format!(
        "job `{job}` was stopped: it was not done within its @timeout of {timeout:?}, and has written nothing; give it more time or less to do"
    )
}
