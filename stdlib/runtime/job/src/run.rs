//! A job that is run.

use std::collections::BTreeMap;

use flow_core::batch::Batch;
use flow_core::fault::Fault;
use flow_core::program::Now;
use flow_core::types::Schema;
use flow_core::value::Value;
use flow_learn::registry::{Publication, Registry};
use flow_operators::expression::{Environment, Expr};
use flow_operators::merge::MicroBatch;
use flow_operators::operator::{Context, DeadLetter, Operator};
use flow_operators::whole::Whole;
use flow_task::data::History;
use flow_task::pipeline::Produced;
use flow_task::replay::{Replay, replay};
use flow_task::wiring::Given;
use flow_task::{RunError, Tap};

use crate::bad::{Bad, BadRows};
use crate::folder::RunFolder;
use crate::halt::Halt;
use crate::learn::{ModelOutcome, Trained};
use crate::plan::{Job, Rows, Statement, Work};
use crate::rows::{consolidated, give};

/// What a job works on.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Sources, tables, zone, and the values of the solution's parameters.
    pub given: &'a Given,
    /// Events.
    pub history: &'a History,
    /// T: what had arrived before it counts.
    pub at: i64,
    /// What `now` is: the scheduled time.
    pub now: i64,
    /// Values of the job's parameters that somebody has given.
    pub arguments: &'a BTreeMap<String, Value>,
    /// Ends the job before it has written anything.
    pub halt: &'a Halt,
}

/// What a job did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows by sink, in the order of the statements.
    pub emitted: Vec<(String, Batch)>,
    /// Models, offered or refused.
    pub models: Vec<ModelOutcome>,
    /// What the models' gates let through, by position in `models`.
    pub publications: Vec<(usize, Publication)>,
    /// Rows that were left out.
    pub dead: Vec<DeadLetter>,
    /// What is to be said of them, where some were.
    pub tolerated: Option<String>,
    /// Rows that went in.
    pub rows: usize,
}

impl Outcome {
    /// Publishes the models that passed their gates; each gets its version.
    ///
    /// # Errors
    /// A registry that cannot be written.
    pub fn publish(&mut self, registry: &Registry) -> Result<(), RunError> {
        for (position, publication) in self.publications.drain(..) {
            let version = registry.publish(&publication).map_err(|error| RunError::Environment(error.to_string()))?;
            if let Some(model) = self.models.get_mut(position) {
                model.version = Some(version);
            }
        }
        Ok(())
    }
}

/// Whether a job can be run: everything but the data is tried.
///
/// # Errors
/// A parameter without a value, or a dataflow that is wired wrongly.
pub fn check(job: &Job<'_>, input: Input<'_>) -> Result<(), RunError> {
    let mut run = Run::begin(job, input, None)?;
    run.is_trial = true;
    run.statements(&mut |_, _, _| {})
}

/// Computes a job to its end, and writes nothing; `progress` is told what it is at and how far (done, of).
///
/// # Errors
/// Bad rows beyond what is tolerated, a training without rows, a parameter without a value, or [`RunError::Stopped`].
pub fn run(job: &Job<'_>, input: Input<'_>, progress: &mut dyn FnMut(&str, usize, usize)) -> Result<Outcome, RunError> {
    let mut run = Run::begin(job, input, None)?;
    run.statements(progress)?;
    Ok(run.outcome)
}

/// A job at work.
pub(crate) struct Run<'a> {
    pub job: &'a Job<'a>,
    pub input: Input<'a>,
    pub slots: Vec<Value>,
    pub outcome: Outcome,
    /// Rows of relations, once they are there.
    rows: BTreeMap<usize, Batch>,
    pub trained: BTreeMap<usize, Trained>,
    pub bad: BadRows,
    /// Where steps leave what others take; none where the job is run whole.
    pub folder: Option<&'a RunFolder>,
    /// Only to see whether it can be run: there is no data, nothing is trained, and every branch is taken.
    pub is_trial: bool,
}

impl<'a> Run<'a> {
    pub fn begin(job: &'a Job<'a>, input: Input<'a>, folder: Option<&'a RunFolder>) -> Result<Self, RunError> {
        let mut run = Self {
            job,
            input,
            slots: input.given.slots.clone(),
            outcome: Outcome::default(),
            rows: BTreeMap::new(),
            trained: BTreeMap::new(),
            bad: BadRows::default(),
            folder,
            is_trial: false,
        };
        run.slots.resize(job.slots.max(run.slots.len()), Value::Absent);
        for param in &job.params {
            let (name, path) = (&param.name, &job.path);
            let value = match (input.arguments.get(name), &param.value) {
                (Some(given), _) => given.clone(),
                (None, Some(value)) => run.constant(value).map_err(|fault| {
                    RunError::Program(format!("parameter `{name}` of job `{path}` has no value: {fault}"))
                })?,
                (None, None) => {
                    return Err(RunError::Program(format!(
                        "parameter `{name}` of job `{path}` has no value; give it a default: `{name}: type = value`"
                    )));
                }
            };
            run.bind(param.slot, value);
        }
        Ok(run)
    }

    /// What expressions read besides their row.
    pub fn environment(&self) -> Environment {
        Environment { now: Now::At(self.input.now), slots: self.slots.clone() }
    }

    /// The value of an expression over no row.
    pub fn constant(&self, value: &Expr) -> Result<Value, Fault> {
        let nothing = Batch::one(&Schema { fields: Vec::new() }, &[], self.input.now);
        value.evaluate(&nothing, &self.environment()).value(0)
    }

    pub fn bind(&mut self, slot: usize, value: Value) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = value;
        }
    }

    /// What dataflows are wired with now.
    fn given(&self) -> Given {
        Given { slots: self.slots.clone(), now: Now::At(self.input.now), ..self.input.given.clone() }
    }

    fn statements(&mut self, progress: &mut dyn FnMut(&str, usize, usize)) -> Result<(), RunError> {
        progress("reading history", 0, 1);
        self.history()?;
        self.tolerated()?;
        let job = self.job;
        for (place, statement) in job.statements.iter().enumerate() {
            self.input.halt.check()?;
            if self.wanted(statement, true)? {
                self.statement(place, statement, progress)?;
            }
        }
        // What came later: out of a split, or at the sinks.
        self.tolerated()?;
        self.outcome.tolerated = self.bad.tolerated(&job.path);
        Ok(())
    }

    /// Whether the conditions around a statement hold. Where one `is_needed` and cannot be computed, the job fails: which
    /// branch is to be taken is not known. A publication it lets not through, and a value is asked for by what reads it.
    pub fn wanted(&self, statement: &Statement, is_needed: bool) -> Result<bool, RunError> {
        if self.is_trial {
            return Ok(true);
        }
        for guard in &statement.guards {
            match self.constant(&guard.condition) {
                Ok(holds) if holds == Value::Bool(guard.wanted) => {}
                Err(fault) if is_needed && !matches!(statement.work, Work::Publish { .. } | Work::Value { .. }) => {
                    let path = &self.job.path;
                    let what = format!("a condition around `{}` of job `{path}`", statement.name);
                    return Err(RunError::Program(format!("{what} cannot be computed: {fault}")));
                }
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Whether no more rows were left out than is tolerated. A trial has no data to judge, but for that of tables.
    pub fn tolerated(&self) -> Result<(), RunError> {
        if self.is_trial {
            return Ok(());
        }
        self.bad.check(&self.job.path, self.job.tolerate)
    }

    /// Takes history through everything that reads nothing of what statements bind, once.
    pub fn history(&mut self) -> Result<(), RunError> {
        let wanted = |(place, relation): (usize, &crate::Relation<'_>)| match relation.rows {
            Rows::History(tap) => Some((place, tap)),
            _ => None,
        };
        let taps: Vec<(usize, Tap)> = self.job.relations.iter().enumerate().filter_map(wanted).collect();
        let job = self.job;
        let (mut produced, accepted) = self.replayed(&job.history)?;
        self.bad.accepted = accepted;
        self.outcome.rows = usize::try_from(accepted).unwrap_or(usize::MAX);
        let dead = std::mem::take(&mut produced.dead);
        let bad = Bad::of(&dead, &self.input.given.sources);
        self.note(HISTORY, dead, bad, Some(accepted))?;
        for (place, tap) in taps {
            let batches = produced.rows.remove(&tap).unwrap_or_default();
            self.keep(place, &batches)?;
        }
        Ok(())
    }

    /// Takes history through a dataflow; gives what came out, and how many events were accepted.
    fn replayed(&self, wire: &crate::Wire<'_>) -> Result<(Produced, u64), RunError> {
        let given = self.given();
        let stop = Some(self.input.halt.flag());
        let how = Replay { at: Some(self.input.at), finish: true, stop, ..Replay::default() };
        let replayed = replay(&|| wire(&given), self.input.history, how)?;
        Ok((replayed.produced, replayed.pipeline.accepted()))
    }

    /// Keeps the rows of a relation.
    fn keep(&mut self, place: usize, batches: &[Batch]) -> Result<(), RunError> {
        let Some(relation) = self.job.relations.get(place) else { return Err(lost()) };
        let schema = &relation.schema;
        let rows = if batches.is_empty() { Batch::empty(schema) } else { Batch::concat(schema, batches) };
        let rows = if relation.changes { consolidated(&rows) } else { rows };
        if let Some(folder) = self.folder {
            folder.put_rows(&relation_name(place), &rows)?;
        }
        self.rows.insert(place, rows);
        Ok(())
    }

    /// Notes what was left out on the way to something, once.
    pub fn left_out(&mut self, what: &str, dead: Vec<DeadLetter>) -> Result<(), RunError> {
        let bad = Bad::of(&dead, &self.input.given.sources);
        self.note(what, dead, bad, None)
    }

    /// Keeps the letters of a part of the job, and what counts of them; `accepted` is how many rows went in there.
    pub fn note(&mut self, part: &str, dead: Vec<DeadLetter>, bad: Bad, accepted: Option<u64>) -> Result<(), RunError> {
        self.outcome.dead.extend(dead);
        if let Some(folder) = self.folder {
            folder.put_bad(part, &bad, accepted)?;
        }
        self.bad.add(part, bad);
        Ok(())
    }

    /// The rows of a relation: as they are there, or computed now.
    pub fn rows_of(&mut self, place: usize) -> Result<Batch, RunError> {
        if let Some(rows) = self.rows.get(&place) {
            return Ok(rows.clone());
        }
        let job = self.job;
        let Some(relation) = job.relations.get(place) else { return Err(lost()) };
        let name = relation_name(place);
        if let Some(rows) = self.folder.map(|folder| folder.rows(&name, &relation.schema)).transpose()?.flatten() {
            self.rows.insert(place, rows.clone());
            return Ok(rows);
        }
        match &relation.rows {
            Rows::History(_) => return Err(self.missing("rows")),
            Rows::Part { split, .. } => {
                let rows = self.split(*split)?;
                for (other, relation) in job.relations.iter().enumerate() {
                    if let Rows::Part { split: of, part } = relation.rows
                        && of == *split
                    {
                        let part = rows.get(part).cloned().unwrap_or_default();
                        self.keep(other, &[part])?;
                    }
                }
            }
            Rows::Again(wire) => {
                let (produced, _) = self.replayed(wire)?;
                // The refusals of the sources have been told.
                let sources = &self.input.given.sources;
                let is_refusal = |letter: &DeadLetter| sources.iter().any(|source| source.name == *letter.flow);
                let dead = produced.dead.into_iter().filter(|letter| !is_refusal(letter)).collect();
                self.left_out(&name, dead)?;
                let batches: Vec<Batch> = produced.rows.into_values().flatten().collect();
                self.keep(place, &batches)?;
            }
            Rows::Through { over, wire } => {
                let mut micro = MicroBatch { rows: Vec::new(), frontier: self.input.at };
                for (number, relation) in over {
                    micro.rows.push((*number, flow_operators::order::sorted(self.rows_of(*relation)?)));
                }
                let mut dataflow = wire(&self.given())?;
                let pushed = dataflow.graph.push(&micro)?;
                let ended = dataflow.graph.finish()?;
                let mut batches = Vec::new();
                let mut dead = Vec::new();
                for outputs in [pushed, ended] {
                    dead.extend(outputs.dead);
                    batches.extend(outputs.rows.into_iter().map(|(_, batch)| batch));
                }
                self.left_out(&name, dead)?;
                self.keep(place, &batches)?;
            }
        }
        self.rows.get(&place).cloned().ok_or_else(lost)
    }

    /// What a step that has not been run would have left.
    pub fn missing(&self, step: &str) -> RunError {
        RunError::Environment(format!(
            "job `{}`: what the step `{step}` gives is not there; run it first, under the same --run",
            self.job.path
        ))
    }

    /// What a sink takes of a relation's rows.
    pub fn emitted(&mut self, place: usize, sink: &str, rows: usize) -> Result<Vec<Batch>, RunError> {
        let schema = self.job.relations.get(rows).map(|relation| relation.schema.clone()).ok_or_else(lost)?;
        let rows = self.rows_of(rows)?;
        let mut cx = Context::default();
        let whole = Whole::new(sink, schema, self.job.path.as_str().into()).process(&[rows], &mut cx)?;
        self.left_out(&format!("emitted-{place}"), cx.take_dead())?;
        Ok(whole)
    }

    fn statement(
        &mut self,
        place: usize,
        statement: &Statement,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<(), RunError> {
        match &statement.work {
            Work::Emit { sink, rows } => {
                let schema = self.job.relations.get(*rows).map(|relation| &relation.schema).ok_or_else(lost)?;
                for rows in self.emitted(place, sink, *rows)? {
                    give(&mut self.outcome.emitted, sink, schema, rows);
                }
                Ok(())
            }
            Work::Split { .. } => Ok(()),
            Work::Value { slot, value } => self.value(statement, *slot, value),
            Work::Train { .. } => self.train(place, statement, progress),
            Work::Evaluate { .. } => self.evaluate(place, statement),
            Work::Publish { model, training, gate } => self.offer(model, *training, gate.as_ref()),
        }
    }

    /// Binds a value.
    pub fn value(&mut self, statement: &Statement, slot: usize, value: &Expr) -> Result<(), RunError> {
        let computed = match self.constant(value) {
            Ok(computed) => computed,
            // What it is computed from may be there later.
            Err(_) if self.is_trial => Value::Absent,
            Err(fault) => {
                let (name, path) = (&statement.name, &self.job.path);
                return Err(RunError::Program(format!("`{name}` of job `{path}` cannot be computed: {fault}")));
            }
        };
        self.bind(slot, computed);
        Ok(())
    }
}

/// The part of the bad rows that the first pass over history left out.
pub(crate) const HISTORY: &str = "history";

pub(crate) fn relation_name(place: usize) -> String {
    format!("rows-{place}")
}

pub(crate) fn lost() -> RunError {
    RunError::Plan("a job names rows or a statement that is not there".to_owned())
}
