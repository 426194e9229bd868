//! A service: requests answered from a copy of the feature state, which another process keeps. What it emits goes through
//! the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use flow_core::program::Now;
use flow_formats::OpenParquet;
use flow_learn::Registry;
use flow_serve::{Emits, Keyed, LiveReads, Reads, Services, Writer, emitting};
use flow_store::MemoryFeatureStore;
use flow_task::RunError;
use flow_task::data::read_tables;
use flow_task::feed::Feed;
use flow_task::state::Found;
use flow_task::wiring::Given;

use crate::flags::Flags;
use crate::following::Following;
use crate::process::{Begun, begin};
use crate::solution::Solution;

/// Where it serves unless somebody says otherwise: as `fec run` does.
pub(crate) const PORT: u16 = 8080;

/// How often it looks for a newer version of a model.
const MODELS: Duration = Duration::from_millis(500);

/// How long it waits for the next commit of the worker that keeps the features, at least and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(10));

/// How long one that is to end once it is ready waits without anything new.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that answers requests.
pub struct Service {
    /// The unit's name.
    pub name: String,
    /// The worker that keeps the features that it reads.
    pub keeper: String,
    /// Opens Parquet files, where it may read some.
    pub parquet: Option<OpenParquet>,
    /// Makes what is answered from; tables are filled in by the process.
    pub answers: fn(&Given) -> Result<flow_serve::Solution, RunError>,
}

/// How long it waits where nothing new has come for so long: a hundredth of that, within [`PAUSE`]. Each look takes time from
/// requests.
fn pause(still: Duration) -> Duration {
    (still / 100).clamp(PAUSE.0, PAUSE.1)
}

/// Runs it.
pub(crate) fn run(solution: &Solution, service: Service, flags: &Flags) -> Result<(), RunError> {
    let started = Instant::now();
    // The folder's own file is written by whoever keeps state in it: this process only reads.
    let Begun { teller, stop, zone, slots, places, folder, found } = begin(solution, flags, service.parquet)?;
    if found == Found::Changed {
        teller.note("the solution has changed since this state was written: waiting until features are rebuilt");
    }
    let feed = Feed::open(&solution.sources, solution.simulation.as_ref(), &places)?;
    let tables = feed.tables(&solution.sources, read_tables(&solution.sources, &places)?)?;
    let given = Given { sources: Arc::clone(&solution.sources), tables, slots, zone, now: Now::Row };
    let mut answers = (service.answers)(&given)?;
    let read = answers.tables_read();
    let read = solution.sources.iter().filter(|source| !source.is_stream() && read.contains(source.name.as_str()));
    let read = read.map(|source| Ok(Keyed::loaded(&source.name, given.tables.wanted(&source.name)?)?));
    answers.tables = read.collect::<Result<_, RunError>>()?;
    let store = Arc::new(MemoryFeatureStore::new());
    let registry = Arc::new(Registry::new(folder.models()));
    let reads = LiveReads::new(Arc::clone(&store) as _, registry, answers.models.clone())
        .standing(flags.now)
        .telling(solution.freshness());
    let reads = Arc::new(reads);
    if flags.now.is_some() {
        answers.services.iter_mut().for_each(|service| service.plan.untimed());
    }
    reads.reload(&mut |note| teller.note(&note));
    let services = Arc::new(Services::new(answers)?);
    let emitted = solution.sinks.iter().filter(|sink| services.sinks().contains(sink.name.as_str()));
    let (emitter, mut writer) = emitting(&solution.name, emitted, &folder.log())?;
    let copy = (store, Arc::clone(&reads));
    let mut following = Following::new((folder, found), &solution.fingerprint, &service.keeper, copy)?;
    let address = flags.address((!flags.once).then_some(PORT));
    let emits: Arc<dyn Emits> = Arc::clone(&emitter) as _;
    let listen = |address| {
        let emitter = Arc::clone(&emitter);
        flow_serve::serve(&services, &reads, &emits, move || emitter.metrics(), address)
    };
    let server = address.map(listen).transpose().map_err(|error| RunError::Environment(error.to_string()))?;
    let url = server.as_ref().map(|server| teller.serving(server));
    let mut told = false;
    let mut looked = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        writer.as_ref().map_or(Ok(()), Writer::check)?;
        let more = following.step(&mut |note| teller.note(note))?;
        if !told && reads.ready() {
            told = true;
            teller.ready(url.as_deref(), started.elapsed().as_millis())?;
            if flags.once {
                break;
            }
        }
        if flags.once && following.still() >= PATIENCE {
            return Err(RunError::Environment(format!(
                "`{}` has waited {} seconds for history: {}; start `{}` with the same --state, and this again",
                service.name,
                PATIENCE.as_secs(),
                following.reason(),
                service.keeper
            )));
        }
        if looked.elapsed() >= MODELS {
            looked = Instant::now();
            reads.refresh(&mut |note| teller.note(&note));
        }
        if !more {
            std::thread::sleep(pause(following.still()));
        }
    }
    if let Some(server) = server {
        server.stop();
    }
    // After the last answer: what was answered is written before the end.
    writer.take().map_or(Ok(()), Writer::stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_longer_looks_less_often() {
        let millis = Duration::from_millis;
        assert_eq!(pause(Duration::ZERO), millis(2));
        assert_eq!(pause(millis(500)), millis(5));
        assert_eq!(pause(Duration::from_secs(3600)), millis(10));
    }
}
