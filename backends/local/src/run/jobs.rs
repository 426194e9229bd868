//! Jobs beside live events: each run in a thread of its own that reads the log by itself, first once, then by schedule.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fec_ir::Ir;
use fec_ir::ir::FlowPlan;
use flow_learn::Registry;
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{Clock, Cut};
use flow_task::output;
use flow_task::stream::from_topics;

use super::schedule::Schedule;
use super::{Event, LiveReads};
use crate::data::History;
use crate::environment::Environment;
use crate::error::LocalError;
use crate::job::{self, Halt, JobInput, JobOutcome, ModelOutcome};
use crate::specs::sinks;
use crate::state::StateFolder;
use crate::tables::Tables;

/// How long a stopped job is waited for at most between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// What all jobs work on.
pub struct Shared {
    /// The plan.
    pub ir: Arc<Ir>,
    /// Parameters of the solution.
    pub environment: Environment,
    /// Data at rest.
    pub files: History,
    /// Tables.
    pub tables: Arc<Tables>,
    /// Where models are published.
    pub registry: Arc<Registry>,
    /// The state folder.
    pub folder: StateFolder,
    /// What each job computes, in a word.
    pub fingerprints: BTreeMap<String, String>,
    /// Only one job writes at a time.
    pub writing: std::sync::Mutex<()>,
}

impl Shared {
    fn log(&self) -> PathBuf {
        self.folder.log()
    }
}

/// What a run of a job is of.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// T: what had arrived before it counts.
    pub at: i64,
    /// How far the topics are read.
    pub cut: Cut,
}

/// A run that is wanted.
#[derive(Debug, Clone)]
struct Due {
    job: String,
    inputs: Inputs,
    now: i64,
}

/// A run that goes on.
struct Running {
    due: Due,
    halt: Arc<Halt>,
    deadline: Option<Instant>,
    is_late: bool,
    thread: Option<JoinHandle<()>>,
}

/// What a thread tells.
enum Told {
    Event(Event),
    Ended(String, Box<Result<Vec<ModelOutcome>, LocalError>>),
}

struct Planned {
    schedule: Schedule,
    next: Option<i64>,
}

/// The jobs of a run.
pub struct Jobs {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    plans: BTreeMap<String, Planned>,
    waiting: VecDeque<Due>,
    running: BTreeMap<String, Running>,
    /// Runs that do not come by schedule go one after the other.
    first: usize,
    tell: Sender<Told>,
    told: Receiver<Told>,
}

impl Jobs {
    /// Tries whether every job can be built and every schedule be read.
    ///
    /// # Errors
    /// A job that cannot be built, or a time zone that this machine does not know.
    pub fn new(shared: Arc<Shared>, clock: Arc<dyn Clock>) -> Result<Self, LocalError> {
        let mut plans = BTreeMap::new();
        let (nothing, halt) = (History::default(), Halt::default());
        for flow in job::jobs(&shared.ir) {
            let input = JobInput {
                ir: &shared.ir,
                environment: &shared.environment,
                history: &nothing,
                tables: &shared.tables,
                at: 0,
                now: 0,
                halt: &halt,
            };
            job::check(input, flow)?;
            if let Some((cron, zone)) = &flow.settings.schedule {
                plans.insert(flow.path.clone(), Planned { schedule: Schedule::new(cron, zone)?, next: None });
            }
        }
        let (tell, told) = channel();
        Ok(Self { shared, clock, plans, waiting: VecDeque::new(), running: BTreeMap::new(), first: 0, tell, told })
    }

    /// What a job has worked on once it is done: the job as it is now, up to an instant.
    fn worked(&self, job: &str, at: i64) -> String {
        let fingerprint = self.shared.fingerprints.get(job).map(String::as_str).unwrap_or_default();
        format!("{at} {} {fingerprint}", self.shared.folder.at_rest())
    }

    /// Wants every job to run once for what is there now, but those that have done so before. What a job of another form
    /// wrote, or of another generation, is no part of that.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn begin(&mut self, inputs: &Inputs, folder: &mut StateFolder) -> Result<(), LocalError> {
        folder.keep_written(self.shared.fingerprints.values().map(String::as_str))?;
        for flow in job::jobs(&self.shared.ir) {
            if self.shared.folder.done(&flow.path) != Some(self.worked(&flow.path, inputs.at).as_str()) {
                self.waiting.push_back(Due { job: flow.path.clone(), inputs: inputs.clone(), now: inputs.at });
                self.first += 1;
            }
        }
        Ok(())
    }

    /// From now on jobs run by schedule, too.
    pub fn schedule(&mut self) {
        let now = self.clock.now();
        for plan in self.plans.values_mut() {
            plan.next = plan.schedule.after(now);
        }
    }

    /// Whether nothing runs and nothing waits.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// Hears what has happened, stops what is late, starts what is due; waits for at most `wait`. `inputs` are those of a
    /// run that is due now.
    ///
    /// # Errors
    /// A job that the environment does not let run.
    pub fn poll(
        &mut self,
        wait: Duration,
        inputs: &dyn Fn(i64) -> Inputs,
        folder: &mut StateFolder,
        reads: &LiveReads,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), LocalError> {
        self.due(inputs, tell);
        self.start()?;
        let mut next = if wait.is_zero() { self.told.try_recv().ok() } else { self.told.recv_timeout(wait).ok() };
        while let Some(told) = next {
            match told {
                Told::Event(event) => tell(event),
                Told::Ended(job, result) => self.ended(&job, *result, folder, reads, tell)?,
            }
            next = self.told.try_recv().ok();
        }
        for running in self.running.values_mut() {
            if !running.is_late && running.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                running.is_late = true;
                running.halt.ask();
            }
        }
        Ok(())
    }

    /// Ends what runs: a job that has not begun to write leaves nothing behind, one that has comes to its end.
    ///
    /// # Errors
    /// As [`Self::poll`].
    pub fn stop(
        mut self,
        folder: &mut StateFolder,
        reads: &LiveReads,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), LocalError> {
        self.running.values().for_each(|running| running.halt.ask());
        while !self.running.is_empty() {
            match self.told.recv_timeout(LOOK) {
                Ok(Told::Event(event)) => tell(event),
                Ok(Told::Ended(job, result)) => self.ended(&job, *result, folder, reads, tell)?,
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Wants the jobs whose time has come.
    fn due(&mut self, inputs: &dyn Fn(i64) -> Inputs, tell: &mut dyn FnMut(Event)) {
        let now = self.clock.now();
        for (job, plan) in &mut self.plans {
            let Some(mut due) = plan.next.filter(|next| *next <= now) else { continue };
            plan.next = plan.schedule.after(due);
            // Of times that were slept through only the last counts.
            while let Some(later) = plan.next.filter(|next| *next <= now) {
                due = later;
                plan.next = plan.schedule.after(due);
            }
            if self.running.contains_key(job) || self.waiting.iter().any(|waiting| waiting.job == *job) {
                tell(Event::Note(format!(
                    "job `{job}` was due at {} and is still at work; this time is left out",
                    instant(due)
                )));
                continue;
            }
            self.waiting.push_back(Due { job: job.clone(), inputs: inputs(due), now: due });
        }
    }

    fn start(&mut self) -> Result<(), LocalError> {
        while let Some(due) = self.waiting.front() {
            if self.first > 0 && !self.running.is_empty() {
                break;
            }
            let Some(flow) = job::jobs(&self.shared.ir).find(|flow| flow.path == due.job) else { break };
            let settings = &flow.settings;
            let halt = Arc::new(Halt::default());
            let (shared, halted, tell, work) =
                (Arc::clone(&self.shared), Arc::clone(&halt), self.tell.clone(), due.clone());
            let thread = std::thread::Builder::new()
                .name(format!("job {}", due.job))
                .spawn(move || {
                    let result = attempts(&shared, &work, &halted, &tell);
                    // Nobody listens once the run has ended.
                    let _ = tell.send(Told::Ended(work.job, Box::new(result)));
                })
                .map_err(|error| {
                    LocalError::Environment(format!("cannot start a thread for job `{}`: {error}", due.job))
                })?;
            let deadline = settings.timeout.and_then(|timeout| Instant::now().checked_add(micros(timeout)));
            if let Some(due) = self.waiting.pop_front() {
                let running = Running { due, halt, deadline, is_late: false, thread: Some(thread) };
                self.running.insert(running.due.job.clone(), running);
            }
        }
        Ok(())
    }

    fn ended(
        &mut self,
        job: &str,
        result: Result<Vec<ModelOutcome>, LocalError>,
        folder: &mut StateFolder,
        reads: &LiveReads,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), LocalError> {
        let Some(mut running) = self.running.remove(job) else { return Ok(()) };
        if let Some(thread) = running.thread.take() {
            let _ = thread.join();
        }
        self.first = self.first.saturating_sub(1);
        match result {
            Ok(models) => {
                // Who hears of a model finds the service with it.
                reads.reload(&mut |note| tell(Event::Note(note)));
                for model in models {
                    tell(Event::Model(model));
                }
                folder.set_done(job, &self.worked(job, running.due.inputs.at))
            }
            Err(LocalError::Stopped) if running.is_late => {
                let flow = job::jobs(&self.shared.ir).find(|flow| flow.path == job);
                let timeout = flow.and_then(|flow| flow.settings.timeout).unwrap_or_default();
                tell(Event::JobFailed(flow_job::late(job, micros(timeout))));
                Ok(())
            }
            Err(LocalError::Stopped) => Ok(()),
            Err(LocalError::Program(why)) => {
                tell(Event::JobFailed(why));
                Ok(())
            }
            Err(other) => Err(other),
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        for running in self.running.values_mut() {
            running.halt.ask();
        }
        for running in self.running.values_mut() {
            if let Some(thread) = running.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// Runs a job until it is done, `@retry` is used up, or it is stopped.
fn attempts(shared: &Shared, due: &Due, halt: &Halt, tell: &Sender<Told>) -> Result<Vec<ModelOutcome>, LocalError> {
    let flow = job::jobs(&shared.ir)
        .find(|flow| flow.path == due.job)
        .ok_or_else(|| LocalError::Plan(format!("there is no job `{}`", due.job)))?;
    let (retries, backoff) = flow.settings.retry.unwrap_or((0, 0));
    let mut note = |text| {
        let _ = tell.send(Told::Event(Event::Note(text)));
    };
    flow_job::attempts((retries, micros(backoff)), halt, &mut note, &mut || attempt(shared, flow, due, halt, tell))
}

/// Computes a job, then writes what came out.
fn attempt(
    shared: &Shared,
    flow: &FlowPlan,
    due: &Due,
    halt: &Halt,
    tell: &Sender<Told>,
) -> Result<Vec<ModelOutcome>, LocalError> {
    let mut log = EmbeddedLog::open(shared.log(), Options::default())?;
    let sources = &shared.environment.names.sources;
    let live = from_topics(&mut log, sources, &shared.files, &due.inputs.cut)?;
    let joined;
    let history = if live.is_empty() {
        &shared.files
    } else {
        joined = History { chunks: shared.files.chunks.iter().cloned().chain(live).collect() };
        &joined
    };
    let input = JobInput {
        ir: &shared.ir,
        environment: &shared.environment,
        history,
        tables: &shared.tables,
        at: due.inputs.at,
        now: due.now,
        halt,
    };
    let mut done: JobOutcome = job::run(input, flow, &mut |what, done, of| {
        let what = if what == "training" { "training" } else { "reading history" };
        let _ = tell.send(Told::Event(Event::Progress(what, done as u64, Some(of as u64))));
    })?;
    let _one_writer = shared.writing.lock();
    if !halt.begin_writing() {
        return Err(LocalError::Stopped);
    }
    if let Some(tolerated) = done.tolerated.take() {
        let _ = tell.send(Told::Event(Event::Note(tolerated)));
    }
    let form = shared.fingerprints.get(&flow.path).map(String::as_str).unwrap_or_default();
    shared.folder.clone().set_written(done.emitted.iter().map(|(sink, _)| sink.as_str()), form)?;
    output::write_lake(&shared.folder, &sinks(&shared.ir, &shared.environment.names.enums), &done.emitted)?;
    done.publish(&shared.registry)?;
    Ok(done.models)
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn instant(micros: i64) -> String {
    let mut text = Vec::new();
    flow_core::calendar::write_timestamp(&mut text, micros);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests;
