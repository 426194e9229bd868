//! Whether a job may go on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use flow_task::RunError;

/// Whether a job may go on, asked by the job, and told by whoever started it.
#[derive(Debug, Default)]
pub struct Halt {
    asked: AtomicBool,
    writing: Mutex<bool>,
}

impl Halt {
    /// Asks the job to end. One that is writing already comes to its end.
    pub fn ask(&self) {
        if let Ok(writing) = self.writing.lock()
            && !*writing
        {
            self.asked.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the job shall end.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The job begins to write, and can no longer be ended; false where it had been asked to end before.
    #[must_use]
    pub fn begin_writing(&self) -> bool {
        let Ok(mut writing) = self.writing.lock() else { return false };
        *writing = !self.asked();
        *writing
    }

    /// The same for those who look now and then.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.asked
    }

    pub(crate) fn check(&self) -> Result<(), RunError> {
        if self.asked() { Err(RunError::Stopped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_comes_to_its_end_and_who_was_asked_before_writes_nothing() {
        let halt = Halt::default();
        assert!(halt.check().is_ok() && halt.begin_writing());
        halt.ask();
        assert!(!halt.asked() && halt.check().is_ok());
        let halt = Halt::default();
        halt.ask();
        assert!(halt.asked() && !halt.begin_writing());
        assert!(matches!(halt.check(), Err(RunError::Stopped)));
        halt.ask();
        assert!(halt.asked());
    }
}
