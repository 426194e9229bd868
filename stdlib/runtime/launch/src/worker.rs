//! A worker: one task over the log until its data ends, or somebody stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flow_core::program::Now;
use flow_formats::OpenParquet;
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{Log, LogError, TaskId};
use flow_store::MemoryFeatureStore;
use flow_task::at_rest::Present;
use flow_task::data::read_all;
use flow_task::feed::Feed;
use flow_task::output;
use flow_task::snapshots::Snapshots;
use flow_task::state::{Found, StateFolder};
use flow_task::stream::{StreamTask, TaskSetup, Worker as Identity};
use flow_task::wiring::Given;
use flow_task::{Dataflow, RunError, SinkSpec, Tap};

use crate::feeding::{feeding, filled};
use crate::flags::Flags;
use crate::health::Health;
use crate::process::{Begun, begin};
use crate::solution::Solution;

/// How often it looks at how far it is.
const LOOK: Duration = Duration::from_secs(1);

/// A process that reads streams.
pub struct Worker {
    /// The unit's name: its changelog goes by it.
    pub name: String,
    /// Its place among the workers of the solution, in the order of their names.
    pub number: u32,
    /// How many workers there are.
    pub of: u32,
    /// Whether it judges the records of the sources, and keeps the feature states that services read.
    pub keeps_features: bool,
    /// The sinks that it writes to, and where their rows leave the dataflow.
    pub sinks: Vec<(Tap, SinkSpec)>,
    /// Opens Parquet files, where it may read some.
    pub parquet: Option<OpenParquet>,
    /// Wires its operators.
    pub dataflow: fn(&Given) -> Result<Dataflow, RunError>,
}

/// Runs it.
pub(crate) fn run(solution: &Solution, worker: Worker, flags: &Flags) -> Result<(), RunError> {
    let started = Instant::now();
    let Begun { teller, stop, zone, slots, places, mut folder, found } = begin(solution, flags, worker.parquet)?;
    if found == Found::Changed {
        teller.note(
            "the solution has changed since this state was written: features and streams are rebuilt from history",
        );
    }
    folder.save()?;
    let health = Arc::new(Health::default());
    if worker.keeps_features {
        health.tells(solution.freshness());
    }
    let server = flags.address(None).map(|address| health.serve(address)).transpose()?;
    let url = server.as_ref().map(|server| teller.serving(server));
    let place = folder.log();
    let open = || EmbeddedLog::open(place.clone(), Options::default());
    let mut log = open()?;
    let (files, tables) = read_all(&solution.sources, &places)?;
    let mut feed = Feed::open(&solution.sources, solution.simulation.as_ref(), &places)?;
    let tables = feed.tables(&solution.sources, tables)?;
    let sources = &*solution.sources;
    let present = Present { sources, places: &places, files: &files, tables: &tables };
    if let Some(why) = folder.reads(&[&worker.name], &present, &mut log)? {
        teller.note(&format!("{why}: features and streams are rebuilt from history"));
    }
    let setup_log = open()?;
    let names = (solution.name.as_str(), solution.fingerprint.as_str());
    let is_over = || stop.load(Ordering::Relaxed);
    // The generation stays the one that was begun with what has been read here, whatever another one begins meanwhile.
    let feeds = match filled(&mut feed, &mut log, names, &mut folder.clone(), &is_over, &mut |text| teller.note(text)) {
        // Who is stopped while it waits has done nothing yet.
        Err(RunError::Stopped) => return Ok(()),
        feeds => feeds?,
    };
    let given = Given { sources: Arc::clone(&solution.sources), tables, slots, zone, now: Now::Row };
    let Worker { name, number, of, keeps_features, sinks, dataflow, .. } = worker;
    let setup = TaskSetup {
        worker: Identity { name, number, of, keeps_features },
        dataflow: dataflow(&given)?,
        sinks,
        features: solution.features.clone(),
        generation: folder.generation(),
        files,
        store: Arc::new(MemoryFeatureStore::new()),
        snapshots: Some(Snapshots::of(&folder)),
        micro_batch: 0,
        commit_rows: 0,
    };
    let mut task = StreamTask::open(Box::new(setup_log), setup)?;
    if let Some(now) = flags.now {
        task.until(now);
    }
    caught_up(&mut task, &stop, &mut |task| {
        goes_on(&folder)?;
        health.look(task, &solution.sources, &mut log)
    })?;
    // Who was stopped before the end of history says nothing of it: the next one goes on from here.
    if !stop.load(Ordering::Relaxed) {
        let after_all = || task.arrived().map_or(0, |arrived| arrived.saturating_add(1));
        task.history_applied(flags.now.unwrap_or_else(after_all))?;
        health.set_ready();
        health.look(&task, &solution.sources, &mut log)?;
        teller.ready(url.as_deref(), started.elapsed().as_millis())?;
    }
    let begun = Instant::now();
    let mut looked = begun;
    // At an instant that it stands at there is nothing more to come.
    let ends = flags.once || flags.now.is_some();
    while !ends && !stop.load(Ordering::Relaxed) {
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            goes_on(&folder)?;
            health.look(&task, &solution.sources, &mut log)?;
        }
        if feeds {
            feed.live(&mut log, begun.elapsed())?;
        }
        task.step(Duration::from_millis(10))?;
    }
    goes_on(&folder)?;
    let (out, counters) = (flags.out.as_deref(), task.counters());
    let summary = output::finish(&mut log, (&solution.sources, &solution.sinks), &folder, &counters, out)?;
    teller.summary(&summary)?;
    if let Some(server) = server {
        server.stop();
    }
    task.close();
    if feeds {
        log.release(&feeding(&solution.name));
    }
    Ok(())
}

/// Refuses to go on where another worker has begun the state anew: what this one writes nobody reads any more.
fn goes_on(folder: &StateFolder) -> Result<(), RunError> {
    if folder.is_current()? {
        return Ok(());
    }
    Err(RunError::Environment(format!(
        "another worker has found that data at rest has changed, and the state in `{}` is rebuilt from \
         history: start this one anew",
        folder.root().display()
    )))
}

/// Applies what is there, to its end or until `stop` is set; looks at how far it is before that, and now and then.
fn caught_up(
    task: &mut StreamTask,
    stop: &AtomicBool,
    look: &mut dyn FnMut(&StreamTask) -> Result<(), RunError>,
) -> Result<(), RunError> {
    look(task)?;
    let mut looked = Instant::now();
    while !stop.load(Ordering::Relaxed) && !task.step(Duration::ZERO)?.idle {
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            look(task)?;
        }
    }
    Ok(())
}

/// Takes a task that only one process of a solution has; tells whether it could.
pub(crate) fn owned(log: &mut dyn Log, task: &TaskId) -> Result<bool, RunError> {
    match log.own(task) {
        Ok(_) => Ok(true),
        Err(LogError::Owned { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
