//! The simulated history, which one process of a solution puts into the log and the others wait for.

use std::time::Duration;

use flow_log::{Log, TaskId};
use flow_task::RunError;
use flow_task::feed::Feed;
use flow_task::state::StateFolder;

use crate::worker::owned;

/// How often who waits looks again.
const LOOK: Duration = Duration::from_millis(20);

/// The task of whoever fills the topics of a solution that it simulates.
pub(crate) fn feeding(solution: &str) -> TaskId {
    TaskId::new(format!("{solution}.feed"), 0)
}

/// Lets all of the simulated history be in the log: puts it there, unless another process does; then waits until that has.
/// Tells whether this process fills the topics from here on. `tell` hears that it waits.
///
/// # Errors
/// A log or state folder that cannot be read or written; [`RunError::Stopped`] once `is_over` says so.
pub(crate) fn filled(
    feed: &mut Feed,
    log: &mut dyn Log,
    (solution, plan): (&str, &str),
    folder: &mut StateFolder,
    is_over: &dyn Fn() -> bool,
    tell: &mut dyn FnMut(&str),
) -> Result<bool, RunError> {
    let task = feeding(solution);
    let mut has_told = false;
    loop {
        if owned(log, &task)? {
            // Another one may have filled it meanwhile, and ended.
            if feed.fills() {
                *folder = folder.again(plan)?.0;
            }
            feed.history(log, folder, &mut |_, _| {})?;
            return Ok(true);
        }
        if !feed.fills() || folder.again(plan)?.0.simulated_whole() {
            return Ok(false);
        }
        if is_over() {
            return Err(RunError::Stopped);
        }
        if !has_told {
            has_told = true;
            tell("another process is filling the log with the simulated history: waiting until all of it is there");
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use flow_core::types::{DataType, Field, Kind, Schema};
    use flow_log::embedded::{EmbeddedLog, Options};
    use flow_task::data::Places;
    use flow_task::simulate::Simulation;
    use flow_task::{Shape, SourceSpec};

    use super::*;

    fn open(root: &std::path::Path) -> (Feed, EmbeddedLog, StateFolder) {
        let field = |name: &str, kind| Field { name: name.to_owned(), ty: DataType::required(kind) };
        let decimal = Kind::Decimal { precision: 12, scale: 2 };
        let fields = vec![
            field("id", Kind::String),
            field("card", Kind::String),
            field("merchant", Kind::String),
            field("amount", decimal),
            field("country", Kind::String),
            field("at", Kind::Timestamp),
        ];
        let mut payments = SourceSpec::new("payments", Shape::Stream, Schema { fields });
        payments.time = Some("at".to_owned());
        let settings = Simulation { generator: "cards".to_owned(), seed: 1, rows: 1_000, rate: 0.0 };
        let feed = Feed::open(&[payments], Some(&settings), &Places::default()).unwrap();
        let folder = StateFolder::open(root, "shop", "plan").unwrap().0;
        let log = EmbeddedLog::open(folder.log(), Options::default()).unwrap();
        (feed, log, folder)
    }

    #[test]
    fn who_does_not_fill_the_log_waits_until_all_is_there() {
        let root = tempfile::tempdir().unwrap();
        let (mut feed, mut log, mut folder) = open(root.path());
        // One that is about to fill it, and has not begun.
        log.own(&feeding("shop")).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let (mut feed, mut log, mut folder) = open(root.path());
                let mut told = 0;
                let names = ("shop", "plan");
                let owns = filled(&mut feed, &mut log, names, &mut folder, &|| false, &mut |_| told += 1).unwrap();
                assert!(!owns && done.load(Ordering::Acquire), "it did not wait");
                told
            });
            std::thread::sleep(Duration::from_millis(200));
            done.store(true, Ordering::Release);
            feed.history(&mut log, &mut folder, &mut |_, _| {}).unwrap();
            assert_eq!(waiting.join().unwrap(), 1);
        });
        // One that has ended is taken over from.
        log.release(&feeding("shop"));
        let (mut feed, mut log, mut folder) = open(root.path());
        assert!(filled(&mut feed, &mut log, ("shop", "plan"), &mut folder, &|| true, &mut |_| {}).unwrap());
    }

    #[test]
    fn who_waits_can_be_stopped() {
        let root = tempfile::tempdir().unwrap();
        let (_, mut log, _) = open(root.path());
        log.own(&feeding("shop")).unwrap();
        let (mut feed, mut other, mut folder) = open(root.path());
        let stopped = filled(&mut feed, &mut other, ("shop", "plan"), &mut folder, &|| true, &mut |_| {});
        assert!(matches!(stopped, Err(RunError::Stopped)));
    }
}
