//! Tests against compiled binaries: workers run to the instant of the test in a folder of their own, and services answer
//! over HTTP from what these left there; jobs run in another one, so that a sink tells who wrote to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use fec_ir::{NodeId, Op};
use fec_plan::{Unit, UnitKind, Work, deployment, workers};
use flow_core::calendar::write_timestamp;
use flow_core::trees::{Ensemble, Objective};
use flow_core::types::Schema;
use flow_core::value::Value;
use flow_formats::{Decoder, Encoding, RowEncoder};
use flow_learn::{Publication, Registry};
use flow_log::archive::FolderLake;
use flow_log::embedded::{EmbeddedLog, Options};
use flow_serve::{Follower, LiveReads, RequestError};
use flow_store::MemoryFeatureStore;
use flow_task::output::sink_lines;
use flow_task::spec::{SinkSpec, SourceSpec};
use flow_task::state::{Found, StateFolder, replace};
use flow_task::stream::{FIRST_PRIVATE, task_of};

use super::Verdict;
use super::ask::ask;
use super::given::Given;
use super::judge::{Engine, Played, Received};
use super::planes::{emits, writers};
use super::process::{Process, Scratch};
use crate::data::plain;
use crate::error::LocalError;
use crate::service::{self, Emitted, Moment, PublishedModel, Reads, ServeError, Services};
use crate::specs::{fingerprint, sinks};

/// The binaries of a compiled solution.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The folder in which they lie.
    pub folder: PathBuf,
    /// Those that the compile gave crates of, by name.
    pub names: BTreeSet<String>,
}

/// What a test asks of binaries.
struct Asked<'a> {
    /// Workers, that which keeps features first.
    workers: Vec<(Work, &'a Unit)>,
    keeper: String,
    /// Services by path.
    services: BTreeMap<String, &'a Unit>,
    /// In the plane of jobs, those that write to a sink whose rows are wanted.
    jobs: Vec<&'a Unit>,
    /// Sinks whose rows are wanted, and whether they are those of jobs.
    sinks: Vec<(SinkSpec, bool)>,
}

impl<'a> Engine<'a> {
    /// Runs the binaries that the test asks.
    pub fn launch(
        self,
        binaries: &Binaries,
        given: &Given,
        services: &Services,
    ) -> Result<Result<Box<dyn Played + 'a>, Verdict>, LocalError> {
        let deployment = deployment(self.ir, None);
        let asked = match self.asked(binaries, &deployment.units, services) {
            Ok(asked) => asked,
            Err(verdict) => return Ok(Err(verdict)),
        };
        let scratch = Scratch::new()?;
        let state = scratch.path().join("state");
        let binds = self.binds(given, &scratch.path().join("given"))?;
        publish(&state, given)?;
        let by_jobs = scratch.path().join("jobs");
        if !asked.jobs.is_empty() {
            publish(&by_jobs, given)?;
        }
        let mut words = vec!["--root".to_owned(), self.places.root.display().to_string(), "--format=json".to_owned()];
        words.extend(binds.into_iter().flat_map(|bind| ["--bind".to_owned(), bind]));
        let at = self.test.at.map(|at| format!("--now={}", instant(at)));
        let workers = asked.workers.iter().map(|(_, unit)| (*unit, &state));
        for (unit, state) in workers.chain(asked.jobs.iter().map(|unit| (*unit, &by_jobs))) {
            let own = ["--once".to_owned(), "--state".to_owned(), state.display().to_string()];
            let own: Vec<String> = words.iter().cloned().chain(own).chain(at.clone()).collect();
            let binary = binaries.folder.join(&unit.binary);
            let ended = Process::start(&binary, &unit.binary, &own, scratch.path())?.ended(self.stop)?;
            if let Err(why) = ended {
                return Ok(Err(Verdict::Failed(why, None)));
            }
        }
        words.extend(["--state".to_owned(), state.display().to_string()]);
        let plan = fingerprint(self.ir)?;
        let (folder, found) = StateFolder::open(&state, &self.ir.name, &plan)?;
        let (job_folder, _) = StateFolder::open(&by_jobs, &self.ir.name, &plan)?;
        if found == Found::Changed {
            let why = "the binaries are of another form of this solution: compile it and build them again".to_owned();
            return Ok(Err(Verdict::Failed(why, None)));
        }
        let live = self.followed(&folder, &asked.keeper)?;
        if !asked.workers.is_empty() && !live.ready() {
            return Ok(Err(Verdict::Failed(format!("`{}` did not say that it applied history", asked.keeper), None)));
        }
        let at = self.test.at.unwrap_or_else(|| live.moment().now());
        words.push(format!("--now={}", instant(at)));
        let mut played = Launched {
            reads: BinaryReads {
                at,
                live,
                models: given.models(),
                units: asked.services.iter().map(|(path, unit)| (path.clone(), unit.binary.clone())).collect(),
                services: Arc::clone(services),
                folder: binaries.folder.clone(),
                scratch,
                words,
                running: Mutex::default(),
                broken: Mutex::default(),
                stop: self.stop,
            },
            state: folder,
            by_jobs: job_folder,
            sinks: asked.sinks,
            emits: asked.services.keys().any(|path| self.emits(path)),
            nothing: BTreeMap::new(),
            received: BTreeMap::new(),
        };
        played.read()?;
        Ok(Ok(Box::new(played)))
    }

    /// The binaries that the expectations ask; else why they ask none, or cannot.
    fn asked<'u>(self, binaries: &Binaries, units: &'u [Unit], services: &Services) -> Result<Asked<'u>, Verdict> {
        let (wanted, relations) = self.wanted(services);
        if let Some(node) = relations.iter().find_map(|id| self.ir.graph.get(*id)) {
            let why = format!("it asks for the rows of `{}`, which no binary writes", node.name);
            return Err(Verdict::Skipped(why));
        }
        let sink = |id: &NodeId| match self.ir.graph.get(*id).map(|node| &node.op) {
            Some(Op::SinkRows { sink }) => Some(sink.to_string()),
            _ => None,
        };
        let wanted: Vec<String> = wanted.iter().filter_map(sink).collect();
        let nodes: Vec<NodeId> = self.expectations().flat_map(|one| one.nodes.iter().copied()).collect();
        let (mut called, mut reads) = (BTreeSet::new(), false);
        for id in self.ir.graph.upstream(&nodes) {
            match self.ir.graph.get(id).map(|node| &node.op) {
                Some(Op::Call { service, .. }) => {
                    called.insert(*service);
                }
                Some(Op::ReadFeatures { .. }) => reads = true,
                Some(Op::ReadTable { table, .. }) => {
                    reads |= self.ir.view(table).is_some_and(|view| view.kept.is_some());
                }
                _ => {}
            }
        }
        if called.is_empty() && wanted.is_empty() && !reads {
            return Err(Verdict::Skipped("it asks no binary anything".to_owned()));
        }
        let there = |unit: &Unit| match binaries.names.contains(&unit.binary) {
            true => Ok(()),
            false => {
                let why = format!("`{}`, which it asks, has no binary: `fec compile` says why", unit.name);
                Err(Verdict::Missing(why))
            }
        };
        let by_job = |sink: &String| self.plane == "batch" && writers(self.ir, sink).1;
        let (of_jobs, of_others): (Vec<String>, Vec<String>) = wanted.into_iter().partition(by_job);
        let mut asked = Asked {
            workers: Vec::new(),
            keeper: String::new(),
            services: BTreeMap::new(),
            jobs: units.iter().filter(|unit| unit.kind == UnitKind::Job && self.writes(unit, &of_jobs)).collect(),
            sinks: Vec::new(),
        };
        asked.jobs.iter().try_for_each(|unit| there(unit))?;
        for work in workers(&deployment(self.ir, None)) {
            let Some(unit) = units.iter().find(|unit| unit.name == work.name) else { continue };
            if work.keeps_features {
                asked.keeper.clone_from(&work.name);
            }
            if work.keeps_features || work.sinks.iter().any(|(_, sink)| of_others.contains(sink)) {
                there(unit)?;
                asked.workers.push((work, unit));
            }
        }
        asked.workers.sort_by_key(|(work, _)| !work.keeps_features);
        for unit in units.iter().filter(|unit| unit.kind == UnitKind::Service) {
            let Some(path) = unit.flow.clone().filter(|path| called.contains(path.as_str())) else { continue };
            there(unit)?;
            asked.services.insert(path, unit);
        }
        let all = sinks(self.ir, &self.environment.names.enums);
        let is_wanted = |sink: SinkSpec| match (of_jobs.contains(&sink.name), of_others.contains(&sink.name)) {
            (true, _) => Some((sink, true)),
            (_, true) => Some((sink, false)),
            _ => None,
        };
        asked.sinks = all.into_iter().filter_map(is_wanted).collect();
        Ok(asked)
    }

    /// Whether a unit writes to one of these sinks.
    fn writes(self, unit: &Unit, wanted: &[String]) -> bool {
        let flows = self.ir.flows.iter().filter(|flow| unit.flow.as_ref() == Some(&flow.path));
        let writes = |id: &NodeId| wanted.iter().any(|sink| emits(self.ir, *id, sink));
        flows.flat_map(|flow| &flow.nodes).any(writes)
    }

    /// Whether a service emits.
    fn emits(self, path: &str) -> bool {
        let flows = self.ir.flows.iter().filter(|flow| flow.path == path);
        let is_emit = |id: &NodeId| matches!(self.ir.graph.get(*id).map(|node| &node.op), Some(Op::Emit { .. }));
        flows.flat_map(|flow| &flow.nodes).any(is_emit)
    }

    /// Writes what is given where binaries read it: `SOURCE=FILE` for each. A stream that is not given has no events, a
    /// table the rows that it has in the solution's folder.
    fn binds(self, given: &Given, folder: &Path) -> Result<Vec<String>, LocalError> {
        let mut binds = Vec::new();
        for (number, source) in (0u32..).zip(self.environment.names.sources.iter()) {
            let mut lines = Vec::new();
            if source.is_stream() {
                for chunk in given.history.chunks.iter().filter(|chunk| chunk.source == number) {
                    write(source, &chunk.arriving.columns, chunk.arriving.offsets.len(), &mut lines)?;
                }
            } else if given.own_tables.contains(&source.name) {
                if let Some(loaded) = given.tables.get(&source.name) {
                    write(source, &loaded.rows.columns, loaded.rows.rows, &mut lines)?;
                }
            } else if self.places.at_rest(source).is_some() {
                continue;
            }
            let file = folder.join(format!("{number}.jsonl"));
            replace(&file, &lines)?;
            binds.push(format!("{}={}", source.name, file.display()));
        }
        Ok(binds)
    }

    /// The feature state that a worker left.
    fn followed(self, folder: &StateFolder, keeper: &str) -> Result<Arc<LiveReads>, LocalError> {
        let store = Arc::new(MemoryFeatureStore::new());
        let registry = Arc::new(Registry::new(folder.models()));
        let live = Arc::new(LiveReads::new(Arc::clone(&store) as _, registry, Vec::new()).standing(self.test.at));
        let log = EmbeddedLog::open(folder.log(), Options::default())?;
        let lake = FolderLake::open(&folder.lake())?;
        let task = task_of(&folder.generation(), keeper);
        let mut follower = Follower::new(Box::new(log), Box::new(lake), task, FIRST_PRIVATE, store, Arc::clone(&live));
        while follower.step()? {}
        Ok(live)
    }
}

/// Adds the rows of a source as lines of JSON.
fn write(
    source: &SourceSpec,
    columns: &[flow_core::column::Column],
    rows: usize,
    lines: &mut Vec<u8>,
) -> Result<(), LocalError> {
    let encoder = RowEncoder::new(&source.schema);
    for row in 0..rows {
        encoder.json(lines, columns, row).map_err(|fault| {
            LocalError::Program(format!("row {} of `given {}` cannot be written: {fault}", row + 1, source.name))
        })?;
        lines.push(b'\n');
    }
    Ok(())
}

/// Publishes models that always return what the test says: a base and no tree.
fn publish(state: &Path, given: &Given) -> Result<(), LocalError> {
    let registry = Registry::new(state.join("models"));
    for (name, value) in &given.returns {
        let Value::Float(base) = value else {
            return Err(LocalError::Program(format!("`given {name} returns` is no number, as models give")));
        };
        let ensemble = Ensemble::new(Objective::Squared, *base, Vec::new(), &[])
            .map_err(|error| LocalError::Program(format!("`given {name} returns`: {error}")))?;
        let inputs = Schema { fields: Vec::new() };
        let publication = Publication { name: name.clone(), metrics: BTreeMap::new(), inputs, ensemble };
        registry.publish(&publication).map_err(|error| LocalError::Environment(error.to_string()))?;
    }
    Ok(())
}

/// An instant as flags have it.
fn instant(at: i64) -> String {
    let mut text = Vec::new();
    write_timestamp(&mut text, at);
    String::from_utf8_lossy(&text).into_owned()
}

/// What binaries gave, and the services among them that were asked.
struct Launched<'a> {
    reads: BinaryReads<'a>,
    state: StateFolder,
    /// What jobs left.
    by_jobs: StateFolder,
    sinks: Vec<(SinkSpec, bool)>,
    /// Whether a service that is asked emits.
    emits: bool,
    nothing: service::Given,
    received: Received,
}

impl Launched<'_> {
    /// Reads what sinks have received.
    fn read(&mut self) -> Result<(), LocalError> {
        for (sink, by_job) in &self.sinks {
            let folder = if *by_job { &self.by_jobs } else { &self.state };
            let mut log = EmbeddedLog::open(folder.log(), Options::default())?;
            let lines = sink_lines(&mut log, folder, sink)?;
            let decoded = Decoder::new(&sink.schema, Encoding::Json, None).decode(lines.iter().map(Vec::as_slice));
            if let Some(refused) = decoded.refused.first() {
                let what = format!("row {} of `{}` cannot be read: {}", refused.row, sink.name, refused.detail);
                return Err(LocalError::Plan(what));
            }
            self.received.insert(sink.name.clone(), vec![plain(decoded.columns, lines.len())]);
        }
        Ok(())
    }
}

impl Played for Launched<'_> {
    fn at(&self) -> i64 {
        self.reads.at
    }

    fn reads(&self) -> &dyn Reads {
        &self.reads
    }

    fn relations(&self) -> &service::Given {
        &self.nothing
    }

    fn received(&self) -> &Received {
        &self.received
    }

    fn asked(&mut self, _emitted: Vec<Emitted>) -> Result<bool, LocalError> {
        if let Some(error) = self.reads.broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        if !self.emits {
            return Ok(false);
        }
        // What a service has emitted is written once it has ended.
        let running = std::mem::take(&mut *self.reads.running.lock().unwrap_or_else(PoisonError::into_inner));
        for (process, _) in running.into_values() {
            process.end(self.reads.stop)?.map_err(LocalError::Environment)?;
        }
        self.read()?;
        Ok(true)
    }
}

/// Reads from what binaries left, and answers from services, which begin when they are asked first.
struct BinaryReads<'a> {
    at: i64,
    live: Arc<LiveReads>,
    models: BTreeMap<String, Arc<PublishedModel>>,
    /// The binary of each service.
    units: BTreeMap<String, String>,
    services: Arc<flow_serve::Services>,
    /// Where binaries lie.
    folder: PathBuf,
    scratch: Scratch,
    /// How services are called.
    words: Vec<String>,
    running: Mutex<BTreeMap<String, (Process, String)>>,
    /// What keeps this machine from running them.
    broken: Mutex<Option<LocalError>>,
    stop: &'a AtomicBool,
}

impl BinaryReads<'_> {
    /// Where a service answers.
    fn url(&self, service: &str, binary: &str) -> Result<String, String> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, url)) = running.get(service) {
            return Ok(url.clone());
        }
        let words: Vec<String> = self.words.iter().cloned().chain(["--port=0".to_owned()]).collect();
        let started = Process::start(&self.folder.join(binary), binary, &words, self.scratch.path());
        let ready = started.and_then(|mut process| {
            let ready = process.ready(self.stop)?;
            Ok(ready.map(|url| (process, url)))
        });
        match ready {
            Ok(Ok((process, url))) => {
                running.insert(service.to_owned(), (process, url.clone()));
                Ok(url)
            }
            Ok(Err(why)) => Err(why),
            Err(error) => {
                let why = error.to_string();
                *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(why)
            }
        }
    }
}

impl Reads for BinaryReads<'_> {
    fn moment(&self) -> Arc<Moment> {
        Arc::new(Moment::new(self.at, ""))
    }

    fn state(&self, table: u32, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<(), ServeError> {
        self.live.state(table, key, found)
    }

    fn model(&self, name: &str) -> Option<Arc<PublishedModel>> {
        self.models.get(name).cloned()
    }

    fn ready(&self) -> bool {
        true
    }

    fn elsewhere(&self, service: &str, arguments: &[Value]) -> Option<Result<Value, RequestError>> {
        let binary = self.units.get(service)?;
        let answered = self.url(service, binary).map_err(RequestError::Unavailable);
        Some(answered.and_then(|url| match self.services.service(service) {
            Some(service) => ask(&url, service, arguments),
            None => Err(RequestError::Unknown(service.to_owned())),
        }))
    }
}
