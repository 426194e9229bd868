//! `fec run`: the whole solution in one process over the embedded log.

mod jobs;
mod schedule;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fec_ir::Ir;
use fec_plan::workers::feature_sources;
use fec_plan::{deployment, workers};
use flow_http::Server;
use flow_learn::Registry;
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{Clock, Log, LogError, SystemClock};
use flow_serve::{Emitter, Writer, emitting};
use flow_store::{FeatureStore, MemoryFeatureStore};
use flow_task::at_rest::Present;
use flow_task::feed::{Feed, is_fed};
use flow_task::freshness::{FeatureSources, Freshness};
use flow_task::output;
use flow_task::snapshots::Snapshots;
use flow_task::stream::StreamTask;
use flow_task::tasks::Tasks;

use crate::data::{History, Places, read_all};
use crate::dataflow::Parts;
use crate::environment::Environment;
use crate::error::LocalError;
use crate::job::{self, ModelOutcome};
use crate::service::{Emits, LiveReads, Services};
use crate::specs::{self, fingerprint};
use crate::state::{Found, StateFolder};
use crate::stream::setup;

use jobs::{Inputs, Jobs, Shared};

/// How a solution is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where data lies.
    pub places: Places,
    /// The state folder.
    pub state: PathBuf,
    /// To the end of the data, and no further.
    pub once: bool,
    /// Where to serve; nothing to serve nowhere.
    pub address: Option<SocketAddr>,
    /// Where committed rows are written as files at the end.
    pub out: Option<PathBuf>,
}

/// What a run tells while it goes on.
#[derive(Debug, Clone)]
pub enum Event {
    /// Something worth a line.
    Note(String),
    /// Long work: what, done, and of how much where that is known.
    Progress(&'static str, u64, Option<u64>),
    /// The service answers.
    Serving {
        /// Where.
        url: String,
    },
    /// History is applied; the service is ready.
    Ready {
        /// Where; nothing where nothing is served.
        url: Option<String>,
        /// Since the start of the process, milliseconds.
        ms: u128,
    },
    /// A job offered a model.
    Model(ModelOutcome),
    /// A job failed; the run goes on.
    JobFailed(String),
    /// The end.
    Summary(output::Summary),
}

pub use flow_task::output::Summary;

/// Runs a solution until its data ends (`once`) or `stop` is set.
///
/// # Errors
/// Another process on the same state, a port in use, a full disk, damaged state, or data that is not there.
pub fn run(
    ir: &Arc<Ir>,
    options: &RunOptions,
    stop: &Arc<AtomicBool>,
    tell: &mut dyn FnMut(Event),
) -> Result<(), LocalError> {
    run_by(ir, options, Arc::new(SystemClock), stop, tell)
}

/// [`run`] with jobs that are due by `clock`.
///
/// # Errors
/// As [`run`].
pub fn run_by(
    ir: &Arc<Ir>,
    options: &RunOptions,
    clock: Arc<dyn Clock>,
    stop: &Arc<AtomicBool>,
    tell: &mut dyn FnMut(Event),
) -> Result<(), LocalError> {
    let started = Instant::now();
    let environment = Environment::new(ir)?;
    let (mut folder, found) = StateFolder::open(&options.state, &ir.name, &fingerprint(ir)?)?;
    let mut log = EmbeddedLog::open(folder.log(), Options::default())?;
    // The lock of the run itself: held until the process ends, however it ends.
    let guard = flow_log::TaskId::new(format!("{}.run", ir.name), 0);
    log.own(&guard).map_err(|error| match error {
        LogError::Owned { by, .. } => LocalError::Environment(format!(
            "the state in `{}` is in use by another `fec run`{}; stop that one, or choose another folder with --state",
            options.state.display(),
            by.map(|pid| format!(" (process {pid})")).unwrap_or_default()
        )),
        other => other.into(),
    })?;
    if found == Found::Changed {
        tell(Event::Note(
            "the solution has changed since this state was written: features, streams and jobs are rebuilt from history"
                .to_owned(),
        ));
    }
    folder.save()?;
    let sources = &environment.names.sources;
    let (files, tables) = read_all(sources, &options.places)?;
    let mut feed = Feed::open(sources, specs::simulation(ir).as_ref(), &options.places)?;
    let tables = Arc::new(feed.tables(sources, tables)?.complete()?);
    let present = Present { sources, places: &options.places, files: &files, tables: &tables };
    let works = workers(&deployment(ir, None));
    let names: Vec<&str> = works.iter().map(|work| work.name.as_str()).collect();
    if let Some(why) = folder.reads(&names, &present, &mut log)? {
        tell(Event::Note(format!("{why}: features, streams and jobs are rebuilt from history")));
    }
    let store: Arc<MemoryFeatureStore> = Arc::new(MemoryFeatureStore::new());
    let registry = Arc::new(Registry::new(folder.models()));
    let sets = feature_sources(ir).into_iter().map(|(set, sources)| FeatureSources::new(set, &sources));
    let fresh = Freshness::new(&sets.collect::<Vec<_>>(), sources);
    let models = ir.models.iter().map(|model| model.name.to_string()).collect();
    let reads = Arc::new(LiveReads::new(Arc::clone(&store) as _, Arc::clone(&registry), models).telling(fresh));
    reads.set_waiting("history is being applied");
    reads.reload(&mut |note| tell(Event::Note(note)));
    let shared = Shared {
        ir: Arc::clone(ir),
        environment: environment.clone(),
        // Without jobs nobody reads them twice.
        files: if job::jobs(ir).next().is_some() { files.clone() } else { History::default() },
        tables: Arc::clone(&tables),
        registry: Arc::clone(&registry),
        folder: folder.clone(),
        fingerprints: job::jobs(ir)
            .map(|flow| Ok((flow.path.clone(), specs::job_fingerprint(ir, flow)?)))
            .collect::<Result<_, LocalError>>()?,
        writing: std::sync::Mutex::default(),
    };
    let mut jobs = Jobs::new(Arc::new(shared), clock)?;
    let services =
        Services::new(Arc::clone(ir), environment.names.clone(), environment.slots.clone(), Arc::clone(&tables))?;
    let sinks = specs::sinks(ir, &environment.names.enums);
    let emitted = sinks.iter().filter(|sink| services.sinks().contains(sink.name.as_str()));
    let (emitter, mut writer) = emitting(&ir.name, emitted, &folder.log())?;
    let server = match options.address {
        Some(address) => Some(start(services, &reads, emitter, address, tell)?),
        None => None,
    };
    let url = server.as_ref().map(|server| format!("http://{}", server.address()));
    feed.history(&mut log, &mut folder, &mut |done, of| tell(Event::Progress("simulating", done, Some(of))))?;
    let given = std::collections::BTreeMap::new();
    let parts =
        Parts { ir, names: &environment.names, slots: &environment.slots, tables: &tables, given: &given, now: None };
    let records: usize = files.chunks.iter().map(|chunk| chunk.arriving.offsets.len()).sum();
    let mut task = tasks(parts, &folder, files, &(Arc::clone(&store) as _))?;
    let expected = u64::try_from(records).ok().map(|records| records + feed.records());
    task.catch_up(&mut |done| tell(Event::Progress("applying history", done as u64, expected)), stop)?;
    let at = task.arrived().map_or(0, |arrived| arrived.saturating_add(1));
    // Who was stopped before the end of history says nothing of it: the next run goes on from here.
    let is_whole = !stop.load(Ordering::Relaxed);
    if is_whole {
        task.history_applied(at)?;
        reads.applied(at, task.cut());
        reads.set_ready();
        tell(Event::Ready { url: url.clone(), ms: started.elapsed().as_millis() });
        jobs.begin(&Inputs { at, cut: task.cut().clone() }, &mut folder)?;
    }
    if options.once || !is_whole {
        // T stays where it is: whatever falls due meanwhile has no other input.
        let inputs = |_| Inputs { at, cut: task.cut().clone() };
        while !stop.load(Ordering::Relaxed) && !jobs.idle() {
            jobs.poll(Duration::from_millis(20), &inputs, &mut folder, &reads, tell)?;
        }
    } else {
        jobs.schedule();
        let is_fed = is_fed(sources, &options.places);
        let begun = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            writer.as_ref().map_or(Ok(()), Writer::check)?;
            feed.live(&mut log, begun.elapsed())?;
            let step = task.step(Duration::from_millis(10))?;
            if step.records > 0
                && let Some(arrived) = task.arrived()
            {
                reads.applied(arrived.saturating_add(1), task.cut());
            }
            let inputs = |due: i64| {
                let at = task.arrived().map_or(0, |arrived| arrived.saturating_add(1));
                // What arrives by the machine's clock may be a little ahead of the scheduled time.
                Inputs { at: if is_fed { at } else { at.min(due) }, cut: task.cut().clone() }
            };
            jobs.poll(Duration::ZERO, &inputs, &mut folder, &reads, tell)?;
        }
    }
    jobs.stop(&mut folder, &reads, tell)?;
    if let Some(server) = server {
        server.stop();
    }
    // After the last answer: what was answered is written before the end.
    writer.take().map_or(Ok(()), Writer::stop)?;
    let summary = output::finish(&mut log, (sources, &sinks), &folder, &task.counters(), options.out.as_deref())?;
    tell(Event::Summary(summary));
    task.close();
    log.release(&guard);
    Ok(())
}

/// A task for each worker of the solution.
fn tasks(
    parts: Parts<'_>,
    folder: &StateFolder,
    mut files: History,
    store: &Arc<dyn FeatureStore>,
) -> Result<Tasks, LocalError> {
    let mut keeper = None;
    let mut others = Vec::new();
    for work in workers(&deployment(parts.ir, None)) {
        let is_last = work.number + 1 == work.of;
        let files = if is_last { std::mem::take(&mut files) } else { files.clone() };
        let log = Box::new(EmbeddedLog::open(folder.log(), Options::default())?);
        let setup = setup(parts, &work, &folder.generation(), files, Arc::clone(store), Some(Snapshots::of(folder)))?;
        let task = StreamTask::open(log, setup)?;
        if work.keeps_features {
            keeper = Some(task);
        } else {
            others.push(task);
        }
    }
    let keeper = keeper.ok_or_else(|| LocalError::Plan("no worker keeps the features".to_owned()))?;
    Ok(Tasks::new(keeper, others))
}

fn start(
    services: Services,
    reads: &Arc<LiveReads>,
    emitter: Arc<Emitter>,
    address: SocketAddr,
    tell: &mut dyn FnMut(Event),
) -> Result<Server, LocalError> {
    let emits: Arc<dyn Emits> = Arc::clone(&emitter) as _;
    let server = flow_serve::serve(&services, reads, &emits, move || emitter.metrics(), address)
        .map_err(|error| LocalError::Environment(error.to_string()))?;
    tell(Event::Serving { url: format!("http://{}", server.address()) });
    Ok(server)
}
