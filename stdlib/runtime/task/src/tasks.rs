//! The tasks of all workers of a solution in one process, driven together.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use flow_log::Cut;
use flow_operators::accept::Counters;

use crate::error::RunError;
use crate::stream::{Step, StreamTask};

/// Tasks, of which the first keeps the features and tells how far the solution is.
pub struct Tasks {
    first: StreamTask,
    others: Vec<StreamTask>,
}

impl Tasks {
    /// Drives `keeper`, which keeps the features, and the tasks of the other workers.
    #[must_use]
    pub fn new(keeper: StreamTask, others: Vec<StreamTask>) -> Self {
        Self { first: keeper, others }
    }

    fn each(&mut self, mut run: impl FnMut(&mut StreamTask) -> Result<(), RunError>) -> Result<(), RunError> {
        run(&mut self.first)?;
        self.others.iter_mut().try_for_each(run)
    }

    /// Lets each task step until nothing is waiting, or `stop` is set: each in a thread of its own. `progress` hears how
    /// many records the first has done.
    ///
    /// # Errors
    /// As [`StreamTask::step`].
    pub fn catch_up(&mut self, progress: &mut dyn FnMut(usize), stop: &AtomicBool) -> Result<(), RunError> {
        let (first, others) = (&mut self.first, &mut self.others);
        std::thread::scope(|scope| {
            let run = |task: &mut StreamTask| task.catch_up(&mut |_| {}, stop).map(|_| ());
            let threads: Vec<_> = others.iter_mut().map(|task| scope.spawn(move || run(task))).collect();
            let mut done = first.catch_up(progress, stop).map(|_| ());
            for thread in threads {
                let lost = || RunError::Plan("the thread of a task has ended before its time".to_owned());
                done = done.and(thread.join().unwrap_or_else(|_| Err(lost())));
            }
            done
        })
    }

    /// Lets each task take what is there; waits up to `wait` where there is nothing. Gives what the first has done.
    ///
    /// # Errors
    /// As [`StreamTask::step`].
    pub fn step(&mut self, wait: Duration) -> Result<Step, RunError> {
        for task in &mut self.others {
            task.step(Duration::ZERO)?;
        }
        self.first.step(wait)
    }

    /// Lets time go on to `at` everywhere; all that had arrived before it has been applied.
    ///
    /// # Errors
    /// As [`StreamTask::step`].
    pub fn history_applied(&mut self, at: i64) -> Result<(), RunError> {
        self.each(|task| task.history_applied(at))
    }

    /// The greatest arrival that the first has processed.
    #[must_use]
    pub fn arrived(&self) -> Option<i64> {
        self.first.arrived()
    }

    /// Counts by source.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<String, Counters> {
        self.first.counters()
    }

    /// How far the first has committed.
    #[must_use]
    pub fn cut(&self) -> &Cut {
        self.first.cut()
    }

    /// Gives the tasks back.
    pub fn close(self) {
        self.first.close();
        self.others.into_iter().for_each(StreamTask::close);
    }
}
