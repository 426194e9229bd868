//! The local target's replay as a subject: the whole history through the dataflow, with a restart in the middle where
//! that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use asol_oracle::value::{Cell, Value};
use fec_ir::{Ir, NodeId, Op, lower, optimise};
use fec_local::data::{History, Places, UNPLACED, read_all};
use fec_local::dataflow::Parts;
use fec_local::dataflow::features::{descriptor, set_columns};
use fec_local::dataflow::sinks::{stream_sinks, taken};
use fec_local::environment::Environment;
use fec_local::error::LocalError;
use fec_local::job::{self, Halt, JobInput, consolidated};
use fec_local::pipeline::StateEntry;
use fec_local::replay::{Replay, replay, states};
use fec_local::service::{RequestError, Services};
use fec_local::specs::tap;
use fec_local::stream::kept_nodes;
use fec_local::suite::TestReads;
use fec_local::tables::Tables;
use fec_model::model::Plane;
use flow_core::batch::Batch;
use flow_core::types::Schema;
use flow_core::value::Value as RunValue;
use flow_operators::feature_set::FeatureReader;
use flow_operators::operator::DeadLetter;
use flow_task::Tap;

use crate::compare::checked;
use crate::generate::Program;
use crate::subject::{self, Letter, Subject, Written};

/// How the history is taken through.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// The plan after all passes.
    pub optimised: bool,
    /// Rows in a micro-batch; 0 is the usual size.
    pub size: usize,
    /// A checkpoint after this many records, and on from there.
    pub restart_after: Option<usize>,
}

/// A replay of each program that it is asked about.
pub struct Replayed {
    how: How,
    ready: Option<Ready>,
}

struct Ready {
    program: Program,
    ir: Arc<Ir>,
    environment: Environment,
    history: History,
    tables: Arc<Tables>,
    /// State of the features by T.
    states: BTreeMap<i64, Vec<StateEntry>>,
    streamed: Option<Streamed>,
    services: Option<Arc<Services>>,
}

/// What all streams and feature sets gave together.
struct Streamed {
    rows: BTreeMap<Tap, Vec<Batch>>,
    dead: BTreeSet<Letter>,
    state: BTreeMap<(String, Vec<u8>), Vec<u8>>,
}

fn words(error: LocalError) -> String {
    error.to_string()
}

impl Replayed {
    /// A subject that has not run yet.
    #[must_use]
    pub fn new(how: How) -> Self {
        Self { how, ready: None }
    }

    fn ready(&mut self, program: &Program) -> Result<&mut Ready, String> {
        if self.ready.as_ref().is_none_or(|ready| ready.program != *program) {
            self.ready = Some(Ready::new(program, self.how.optimised)?);
        }
        self.ready.as_mut().ok_or_else(|| "not ready".to_owned())
    }

    fn replay(&self, at: Option<i64>, finish: bool) -> Replay<'static> {
        Replay { at, finish, size: self.how.size, restart_after: self.how.restart_after, stop: None }
    }
}

impl Ready {
    fn new(program: &Program, optimised: bool) -> Result<Self, String> {
        let model = checked(program).map_err(|mistakes| mistakes.join("\n"))?;
        let mut ir = lower(model);
        if optimised {
            let (plan, _, broken) = optimise(ir);
            if let Some(first) = broken.first() {
                return Err(first.message.clone());
            }
            ir = plan;
        }
        let environment = Environment::new(&ir).map_err(words)?;
        let folder = program.folder().map_err(|error| error.to_string())?;
        let places = Places { root: folder.path().to_owned(), ..Places::default() };
        let (history, tables) = read_all(&environment.names.sources, &places).map_err(words)?;
        Ok(Self {
            program: program.clone(),
            ir: Arc::new(ir),
            environment,
            history,
            tables: Arc::new(tables),
            states: BTreeMap::new(),
            streamed: None,
            services: None,
        })
    }

    fn parts<'p>(&'p self, given: &'p BTreeMap<NodeId, u32>, now: Option<i64>) -> Parts<'p> {
        let Environment { names, slots } = &self.environment;
        Parts { ir: &self.ir, names, slots, tables: &self.tables, given, now }
    }

    /// One dataflow of all streams and feature sets, as a task runs it.
    fn streamed(&mut self, how: Replay<'_>) -> Result<&Streamed, String> {
        if self.streamed.is_none() {
            let taps: Vec<NodeId> = stream_sinks(&self.ir).into_iter().map(|(tap, _)| tap).collect();
            let given = BTreeMap::new();
            let features = kept_nodes(&self.ir);
            let replayed = replay(self.parts(&given, None), &taps, &features, &self.history, how).map_err(words)?;
            let state = states(&replayed);
            let dead = replayed.produced.dead.iter().map(|letter| self.letter(letter)).collect();
            self.streamed = Some(Streamed { rows: replayed.produced.rows, dead, state });
        }
        self.streamed.as_ref().ok_or_else(|| "no stream".to_owned())
    }

    fn letter(&self, letter: &DeadLetter) -> Letter {
        let origin = letter.order.event_origin();
        let source = usize::try_from(origin.source).ok().and_then(|number| self.ir.sources.get(number));
        Letter {
            flow: letter.flow.to_string(),
            reason: letter.reason.code().to_owned(),
            source: source.map(|source| source.name.to_string()).unwrap_or_default(),
            partition: if origin.partition == UNPLACED { 0 } else { origin.partition.into() },
            offset: letter.order.offset,
        }
    }

    fn services(&mut self) -> Result<Arc<Services>, String> {
        if let Some(services) = &self.services {
            return Ok(Arc::clone(services));
        }
        let Environment { names, slots } = self.environment.clone();
        let services = Services::new(Arc::clone(&self.ir), names, slots, Arc::clone(&self.tables)).map_err(words)?;
        Ok(Arc::clone(self.services.insert(Arc::new(services))))
    }

    /// What the job of a statement gives to a sink, run as `fec run` runs it, at T.
    fn job(&self, statement: NodeId, sink: &str, at: i64) -> Result<Vec<Batch>, String> {
        let flow = self.ir.flows.iter().find(|flow| flow.nodes.contains(&statement)).ok_or("no job")?;
        // Bad rows are looked at elsewhere: here they do not end the job.
        let mut flow = flow.clone();
        flow.settings.tolerate = Some(u64::from(u32::MAX));
        let halt = Halt::default();
        let Self { ir, environment, history, tables, .. } = self;
        let input = JobInput { ir, environment, history, tables, at, now: at, halt: &halt };
        let outcome = job::run(input, &flow, &mut |_, _, _| {}).map_err(words)?;
        Ok(outcome.emitted.into_iter().filter(|(name, _)| name == sink).map(|(_, rows)| rows).collect())
    }

    fn state(&mut self, t: i64, how: Replay<'_>) -> Result<&[StateEntry], String> {
        if !self.states.contains_key(&t) {
            let nodes: Vec<NodeId> = self.ir.features.iter().map(|set| set.node).collect();
            let given = BTreeMap::new();
            let replayed = replay(self.parts(&given, None), &[], &nodes, &self.history, how).map_err(words)?;
            self.states.insert(t, replayed.state);
        }
        Ok(self.states.get(&t).map_or(&[], Vec::as_slice))
    }
}

impl Subject for Replayed {
    fn name(&self) -> &str {
        match (self.how.optimised, self.how.restart_after) {
            (false, None) => "replay",
            (false, Some(_)) => "replay, restarted",
            (true, None) => "optimised replay",
            (true, Some(_)) => "optimised replay, restarted",
        }
    }

    fn shares(&self) -> bool {
        self.how.optimised
    }

    fn features(&mut self, program: &Program, set: &str, key: &[Value], t: i64) -> Result<Vec<(String, Cell)>, String> {
        let how = self.replay(Some(t), false);
        let ready = self.ready(program)?;
        let state = ready.state(t, how)?.to_vec();
        let missing = || format!("no feature set `{set}`");
        let declared = ready.ir.features.iter().find(|known| known.name == set).ok_or_else(missing)?;
        let node = ready.ir.graph.get(declared.node).ok_or_else(missing)?;
        let Op::Features { sets, head } = &node.op else { return Err(missing()) };
        let (features, _) = descriptor(&node.name, sets, *head, &ready.environment.names).map_err(words)?;
        let reader = FeatureReader::new(features);
        let key: Vec<RunValue> = key.iter().map(runtime).collect::<Option<_>>().ok_or("a key of no plain type")?;
        let stored = reader.key(&key).and_then(|key| {
            let mut entries = state.iter().filter(|entry| entry.node.starts_with(&node.name) && entry.key == key);
            entries.next_back().and_then(|entry| entry.value.clone())
        });
        let cells = reader.read(stored.as_deref(), t, &ready.environment.slots).map_err(|error| error.to_string())?;
        let positions = set_columns(sets, set);
        let columns = declared.columns.iter().zip(positions).map(|(column, at)| {
            let ty = ready.environment.names.enums.data_type(&column.ty);
            let cell = cells.get(at).ok_or("a column is missing")?;
            let cell = match cell {
                Ok(value) => Ok(subject::cell(value, &ty).ok_or_else(|| format!("{value:?} is no {ty:?}"))?),
                Err(fault) => Err(subject::fault(*fault).ok_or_else(|| fault.to_string())?),
            };
            Ok((column.name.to_string(), cell))
        });
        columns.collect()
    }

    fn sink(&mut self, program: &Program, sink: &str) -> Result<Vec<Written>, String> {
        let stream = self.replay(None, false);
        // A job is one process that takes in all of history: nothing of it is ever restored.
        let job = Replay { restart_after: None, ..self.replay(None, true) };
        let is_whole_job = self.how.restart_after.is_some();
        let ready = self.ready(program)?;
        let declared = ready.ir.sink(sink).cloned().ok_or("no sink")?;
        let schema = ready.environment.names.enums.schema(&declared.columns);
        let concat = |batches: &[Batch]| match batches {
            [] => Batch::empty(&schema),
            batches => Batch::concat(&schema, batches),
        };
        if let Some((node, _)) = stream_sinks(&ready.ir).into_iter().find(|(_, name)| name == sink) {
            let rows = ready.streamed(stream)?.rows.get(&tap(node)).map_or(&[][..], Vec::as_slice);
            return written(&taken(&declared, concat(rows)).map_err(words)?, &schema);
        }
        let jobs = ready.ir.flows.iter().filter(|flow| flow.plane == Plane::Batch);
        let emits = jobs.flat_map(|flow| &flow.nodes).filter(
            |id| matches!(ready.ir.graph.get(**id).map(|node| &node.op), Some(Op::Emit { sink: to }) if to == sink),
        );
        let emits: Vec<NodeId> = emits.copied().collect();
        let Some(id) = emits.first().copied() else { return Err(format!("nothing writes to `{sink}`")) };
        let given = BTreeMap::new();
        let replayed = replay(ready.parts(&given, None), &[id], &[], &ready.history, job).map_err(words)?;
        // What several statements give to one sink, the job puts together.
        if is_whole_job || emits.len() > 1 {
            return written(&taken(&declared, concat(&ready.job(id, sink, replayed.at)?)).map_err(words)?, &schema);
        }
        let rows = concat(replayed.produced.rows.get(&tap(id)).map_or(&[][..], Vec::as_slice));
        let changes = ready.ir.graph.get(id).is_some_and(|node| node.changes);
        let rows = if changes { consolidated(&rows) } else { rows };
        written(&taken(&declared, rows).map_err(words)?, &schema)
    }

    fn dead(&mut self, program: &Program) -> Result<BTreeSet<Letter>, String> {
        let how = self.replay(None, false);
        Ok(self.ready(program)?.streamed(how)?.dead.clone())
    }

    fn request(&mut self, program: &Program, service: &str, argument: &str, now: i64) -> Result<Cell, String> {
        let how = self.replay(None, false);
        let ready = self.ready(program)?;
        let services = ready.services()?;
        let state = ready.streamed(how)?.state.clone();
        let reads = TestReads { at: now, state, models: BTreeMap::new(), ir: Arc::clone(&ready.ir) };
        let result = ready.ir.flow(service).and_then(|flow| flow.result.clone()).ok_or("no such service")?;
        let ty = ready.environment.names.enums.data_type(&result);
        match services.request(service, vec![RunValue::String(argument.into())], now, &reads, false) {
            Ok(reply) => Ok(Ok(subject::cell(&reply.value, &ty).ok_or_else(|| format!("{:?}", reply.value))?)),
            Err(RequestError::Fault(fault)) => Ok(Err(subject::fault(fault).ok_or_else(|| fault.to_string())?)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Rows without a bad cell.
fn written(rows: &Batch, schema: &Schema) -> Result<Vec<Written>, String> {
    let mut out = Vec::new();
    for row in 0..rows.rows {
        let cells: Result<Vec<RunValue>, _> = rows.columns.iter().map(|column| column.value(row)).collect();
        let Ok(cells) = cells else { continue };
        let cells = cells.iter().zip(&schema.fields).map(|(value, field)| subject::cell(value, &field.ty));
        let cells: Option<Vec<Value>> = cells.collect();
        let weight = rows.weight.get(row).copied().unwrap_or(0).into();
        out.push(Written { weight, cells: cells.ok_or("a cell that is not of its type")? });
    }
    Ok(out)
}

fn runtime(value: &Value) -> Option<RunValue> {
    Some(match value {
        Value::Absent => RunValue::Absent,
        Value::Bool(x) => RunValue::Bool(*x),
        Value::Int(x) | Value::Timestamp(x) | Value::Duration(x) => RunValue::Int(*x),
        Value::Date(x) => RunValue::Int((*x).into()),
        Value::Member(x) => RunValue::Int((*x).into()),
        Value::Float(x) => RunValue::Float(*x),
        Value::Decimal(x, _) => RunValue::Decimal(*x),
        Value::String(x) => RunValue::String(x.as_str().into()),
        Value::Bytes(_) | Value::List(_) | Value::Record(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Report, compare};
    use crate::generate::generate;

    fn against(how: How, seeds: std::ops::Range<u64>) {
        let mut report = Report::default();
        for seed in seeds {
            let program = generate(seed);
            let model = checked(&program).unwrap();
            if let Err(why) = compare(&program, &model, &mut Replayed::new(how), &mut report) {
                report.differences.push(format!("seed {seed}: {why}"));
            }
        }
        assert!(
            report.differences.is_empty(),
            "{} differences in {} cells:\n{}",
            report.differences.len(),
            report.compared,
            report.differences.join("\n")
        );
        assert!(report.present * 2 > report.compared, "{} of {} cells have a value", report.present, report.compared);
    }

    #[test]
    fn a_replay_gives_what_the_evaluator_gives() {
        against(How::default(), 2_000..2_060);
    }

    #[test]
    fn passes_batches_and_restarts_change_nothing() {
        against(How { optimised: true, size: 3, restart_after: Some(20) }, 3_000..3_060);
    }
}
