//! A job: run to its end, whole or one step of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flow_core::batch::Batch;
use flow_core::program::Now;
use flow_core::value::Value;
use flow_core::zone::Zone;
use flow_formats::OpenParquet;
use flow_job::{Done, FINISH, Halt, Input, Outcome, ROWS, Rows, RunFolder, Started, argument};
use flow_learn::Registry;
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{Cut, Log, Mark, PartitionId, TaskId};
use flow_task::data::{History, read_all};
use flow_task::feed::Feed;
use flow_task::output;
use flow_task::spec::streams;
use flow_task::stream::from_topics;
use flow_task::wiring::Given;
use flow_task::{RunError, SourceSpec};

use crate::feeding::{feeding, filled};
use crate::flags::Flags;
use crate::process::{Begun, begin};
use crate::solution::Solution;
use crate::worker::owned;

/// How often it looks whether it shall end, and whether another job has written.
const LOOK: Duration = Duration::from_millis(20);

/// The folder in which a step writes whether others are to run.
const OUTPUTS: &str = "FEC_OUTPUTS";

/// A process that runs to its end.
pub struct Job {
    /// The unit's name.
    pub name: String,
    /// How often it is tried again, and how long it waits before.
    pub retry: (u32, Duration),
    /// How long all attempts together may take.
    pub timeout: Option<Duration>,
    /// Opens Parquet files, where it may read some.
    pub parquet: Option<OpenParquet>,
    /// Makes what it does.
    pub job: fn(&Arc<Zone>) -> flow_job::Job<'static>,
}

/// Runs it.
pub(crate) fn run(solution: &Solution, job: &Job, flags: &Flags) -> Result<(), RunError> {
    let begun = begin(solution, flags, job.parquet)?;
    let made = (job.job)(&begun.zone);
    let mut arguments = BTreeMap::new();
    for (name, text) in &flags.job.params {
        arguments.insert(name.clone(), argument(&made, name, text)?);
    }
    let mut process = Process { solution, begun, flags, job: made, arguments };
    let stop = Arc::clone(&process.begun.stop);
    match (&flags.job.step, &flags.job.run) {
        (Some(step), Some(run)) => {
            let folder = RunFolder::new(&process.begun.folder.lake(), run)?;
            // The retries and the time of a run that goes step by step are those of whoever calls the steps.
            halted(&stop, None, |halt| process.step(&folder, step, halt))
        }
        _ => {
            let (name, path) = (&job.name, process.job.path.clone());
            halted(&stop, job.timeout, |halt| process.whole(job.retry, halt)).map_err(|error| {
                match (error, job.timeout) {
                    (RunError::Stopped, Some(timeout)) if !stop.load(Ordering::Relaxed) => {
                        RunError::Program(flow_job::late(&path, timeout))
                    }
                    (RunError::Stopped, _) => {
                        RunError::Environment(format!("`{name}` was stopped before its end, and has written nothing"))
                    }
                    (error, _) => error,
                }
            })
        }
    }
}

/// Does something that ends early when it is stopped, or not done in time.
fn halted<T>(
    stop: &AtomicBool,
    timeout: Option<Duration>,
    what: impl FnOnce(&Halt) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let halt = Halt::default();
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                if stop.load(Ordering::Relaxed) || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    halt.ask();
                }
                std::thread::park_timeout(LOOK);
            }
        });
        let result = what(&halt);
        done.store(true, Ordering::Release);
        result
    })
}

/// A job's process.
struct Process<'a> {
    solution: &'a Solution,
    begun: Begun,
    flags: &'a Flags,
    job: flow_job::Job<'static>,
    arguments: BTreeMap<String, Value>,
}

/// What is there to work on.
struct Data {
    given: Given,
    history: History,
}

impl Process<'_> {
    fn sources(&self) -> &Arc<[SourceSpec]> {
        &self.solution.sources
    }

    fn log(&self) -> Result<EmbeddedLog, RunError> {
        Ok(EmbeddedLog::open(self.begun.folder.log(), Options::default())?)
    }

    /// Reads what is there: files, tables, and the topics up to `cut`, or to where they end now. Gives the cut, too.
    fn data(&mut self, cut: Option<Cut>, halt: &Halt) -> Result<(Data, Cut), RunError> {
        let sources = Arc::clone(self.sources());
        let places = &self.begun.places;
        let (files, tables) = read_all(&sources, places)?;
        let mut feed = Feed::open(&sources, self.solution.simulation.as_ref(), places)?;
        let tables = feed.tables(&sources, tables)?;
        let mut log = self.log()?;
        if cut.is_none() {
            // Of a history that is still being filled a part would be another history.
            let names = (self.solution.name.as_str(), self.solution.fingerprint.as_str());
            let Begun { folder, teller, .. } = &mut self.begun;
            let fed = filled(&mut feed, &mut log, names, folder, &|| halt.asked(), &mut |text| teller.note(text));
            log.release(&feeding(&self.solution.name));
            fed?;
        }
        let cut = match cut {
            Some(cut) => cut,
            None => ends(&mut log, &sources)?,
        };
        let live = from_topics(&mut log, &sources, &files, &cut)?;
        let history = History { chunks: files.chunks.into_iter().chain(live).collect() };
        Ok((Data { given: self.given(tables), history }, cut))
    }

    fn given(&self, tables: flow_task::tables::Tables) -> Given {
        Given {
            sources: Arc::clone(self.sources()),
            tables,
            slots: self.begun.slots.clone(),
            zone: Arc::clone(&self.begun.zone),
            now: Now::Row,
        }
    }

    /// T, unless somebody has said it: a microsecond after the last arrival.
    fn at(&self, history: &History) -> i64 {
        let last = || history.arrived(self.sources()).map_or(0, |arrived| arrived.saturating_add(1));
        self.flags.now.unwrap_or_else(last)
    }

    fn whole(&mut self, (retries, backoff): (u32, Duration), halt: &Halt) -> Result<(), RunError> {
        let (data, _) = self.data(None, halt)?;
        let at = self.at(&data.history);
        let this: &Self = self;
        let mut note = |text: String| this.begun.teller.note(&text);
        flow_job::attempts((retries, backoff), halt, &mut note, &mut || {
            let input = this.input(&data, (at, at), halt);
            let mut done = flow_job::run(&this.job, input, &mut |_, _, _| {})?;
            let emitted = std::mem::take(&mut done.emitted);
            this.writing(halt, |this| {
                this.tell(done.tolerated.as_deref());
                this.write(&emitted)?;
                this.publish(&mut done)
            })
        })?;
        if let Some(out) = &self.flags.out {
            let mut log = self.log()?;
            let specs = (&**self.sources(), self.solution.sinks.as_slice());
            output::finish(&mut log, specs, &self.begun.folder, &BTreeMap::new(), Some(out))?;
        }
        Ok(())
    }

    fn input<'a>(&'a self, data: &'a Data, (at, now): (i64, i64), halt: &'a Halt) -> Input<'a> {
        Input { given: &data.given, history: &data.history, at, now, arguments: &self.arguments, halt }
    }

    /// Does what others can see: one job of a solution does at a time.
    fn writing(&self, halt: &Halt, what: impl FnOnce(&Self) -> Result<(), RunError>) -> Result<(), RunError> {
        let mut log = self.log()?;
        let task = TaskId::new(format!("{}.jobs", self.solution.name), 0);
        while !owned(&mut log, &task)? {
            if halt.asked() {
                return Err(RunError::Stopped);
            }
            std::thread::sleep(LOOK);
        }
        let done = if halt.begin_writing() { what(self) } else { Err(RunError::Stopped) };
        log.release(&task);
        done
    }

    /// Says what was left out, where something was.
    fn tell(&self, tolerated: Option<&str>) {
        tolerated.into_iter().for_each(|text| self.begun.teller.note(text));
    }

    fn write(&self, emitted: &[(String, Batch)]) -> Result<(), RunError> {
        output::write_lake(&self.begun.folder, &self.solution.sinks, emitted)
    }

    fn publish(&self, done: &mut Outcome) -> Result<(), RunError> {
        done.publish(&Registry::new(self.begun.folder.models()))?;
        done.models.iter().try_for_each(|model| self.begun.teller.model(model))
    }

    fn step(&mut self, folder: &RunFolder, step: &str, halt: &Halt) -> Result<(), RunError> {
        if step == FINISH {
            return folder.remove();
        }
        let (data, started) = self.begin_step(folder, step, halt)?;
        let input = self.input(&data, (started.at, started.now), halt);
        match flow_job::step(&self.job, input, folder, step, &mut |_, _, _| {})? {
            Done::Left => Ok(()),
            Done::Judged(judged) => judged.iter().try_for_each(|(label, runs)| judge(label, *runs)),
            Done::Write(emitted, tolerated) => self.writing(halt, |this| {
                this.tell(tolerated.as_deref());
                this.write(&emitted)
            }),
            Done::Publish(mut done) => self.writing(halt, |this| this.publish(&mut done)),
        }
    }

    /// What a step works on. The first one decides for its run, and again the same where it is done again.
    fn begin_step(&mut self, folder: &RunFolder, step: &str, halt: &Halt) -> Result<(Data, Started), RunError> {
        let path = self.job.path.clone();
        let wrong = |what: &str| {
            let run = self.flags.job.run.as_deref().unwrap_or_default();
            RunError::Environment(format!("--run {run} was begun with {what}; begin a new run, under another --run"))
        };
        if let Some(started) = folder.started()? {
            if started.job != path {
                return Err(wrong("another job"));
            }
            if started.arguments != self.flags.job.params {
                return Err(wrong("other values of --param"));
            }
            if self.flags.now.is_some_and(|now| now != started.now) {
                return Err(wrong("another --now"));
            }
            let reads = step == ROWS || self.job.relations.iter().any(|one| matches!(one.rows, Rows::Again(_)));
            let data = if reads { self.data(Some(cut_of(&started)), halt)?.0 } else { self.tables()? };
            return Ok((data, started));
        }
        if step != ROWS {
            let run = self.flags.job.run.as_deref().unwrap_or_default();
            return Err(RunError::Environment(format!(
                "--step {step}: the run `{run}` of job `{path}` has not begun; its first step is `{ROWS}`"
            )));
        }
        let (data, cut) = self.data(None, halt)?;
        let at = self.at(&data.history);
        let place =
            |(partition, mark): (&PartitionId, &Mark)| (partition.topic.to_string(), partition.index, mark.next);
        let arguments = self.flags.job.params.clone();
        let started = Started { job: path, at, now: at, arguments, cut: cut.0.iter().map(place).collect() };
        folder.start(&started)?;
        Ok((data, started))
    }

    /// What steps work on that read no events.
    fn tables(&self) -> Result<Data, RunError> {
        let places = &self.begun.places;
        let tables = flow_task::data::read_tables(self.sources(), places)?;
        let feed = Feed::open(self.sources(), self.solution.simulation.as_ref(), places)?;
        let tables = feed.tables(self.sources(), tables)?;
        Ok(Data { given: self.given(tables), history: History::default() })
    }
}

/// Where the topics of streams end now.
fn ends(log: &mut dyn Log, sources: &[SourceSpec]) -> Result<Cut, RunError> {
    let mut cut = Cut::default();
    for (_, source) in streams(sources) {
        for index in 0..log.partitions(&source.topic)?.unwrap_or(0) {
            let partition = PartitionId::new(source.topic.as_str(), index);
            let end = log.end(&partition)?;
            cut.0.insert(partition, end);
        }
    }
    Ok(cut)
}

fn cut_of(started: &Started) -> Cut {
    let mark = |next: i64| Mark { next, ..Mark::START };
    let place = |(topic, index, next): &(String, u32, i64)| (PartitionId::new(topic.as_str(), *index), mark(*next));
    Cut(started.cut.iter().map(place).collect())
}

/// Says whether a step is to run, where somebody wants to know.
fn judge(label: &str, runs: bool) -> Result<(), RunError> {
    let Some(folder) = std::env::var_os(OUTPUTS).map(PathBuf::from) else { return Ok(()) };
    flow_task::state::replace(&folder.join(label), runs.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Works until it is asked to end, or for so long; tells whether it was asked.
    fn works(long: Duration) -> impl FnOnce(&Halt) -> Result<bool, RunError> {
        move |halt| {
            let begun = Instant::now();
            while !halt.asked() && begun.elapsed() < long {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(halt.asked())
        }
    }

    #[test]
    fn a_job_ends_when_its_time_is_over_or_somebody_stops_it() {
        let (long, short) = (Duration::from_secs(60), Duration::from_millis(100));
        let stop = AtomicBool::new(false);
        assert!(!halted(&stop, None, works(short)).unwrap());
        assert!(!halted(&stop, Some(long), works(short)).unwrap(), "it was done in time");
        assert!(halted(&stop, Some(short), works(long)).unwrap(), "it was late");
        stop.store(true, Ordering::Relaxed);
        assert!(halted(&stop, None, works(long)).unwrap(), "it was stopped");
    }
}
