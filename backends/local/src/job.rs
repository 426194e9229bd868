//! Jobs: history through the dataflow, then what works on whole relations: split, training, evaluation, publishing.
//!
//! A job computes everything before it writes anything, so that one that fails or is stopped leaves nothing behind.

mod learn;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use fec_ir::ir::FlowPlan;
use fec_ir::{Ir, Node, NodeId, Op};
use fec_model::model::Plane;
use flow_core::batch::Batch;
use flow_learn::registry::{Publication, Registry};
use flow_operators::operator::{Context, DeadLetter, Operator};
use flow_operators::order::Order;
use flow_operators::whole::Whole;

use crate::data::History;
use crate::dataflow::{Parts, build};
use crate::environment::Environment;
use crate::error::LocalError;
use crate::pipeline::Produced;
use crate::replay::{Replay, replay};
use crate::specs;
use crate::tables::Tables;

pub use learn::{ModelOutcome, Trained};
pub use rows::consolidated;

/// Sources that are parts of a split are numbered from here.
const FIRST_PART: u32 = 1 << 20;

/// What a job works on.
#[derive(Clone, Copy)]
pub struct JobInput<'a> {
    /// The plan.
    pub ir: &'a Ir,
    /// Parameters of the solution.
    pub environment: &'a Environment,
    /// Events.
    pub history: &'a History,
    /// Tables.
    pub tables: &'a Tables,
    /// T: what had arrived before it counts.
    pub at: i64,
    /// What `now` is: the scheduled time.
    pub now: i64,
    /// Ends the job before it has written anything.
    pub halt: &'a Halt,
}

/// Whether a job may go on, asked by the job, and told by whoever started it.
#[derive(Debug, Default)]
pub struct Halt {
    asked: AtomicBool,
    writing: Mutex<bool>,
}

impl Halt {
    /// Asks the job to end. One that is writing already comes to its end.
    pub fn ask(&self) {
        if let Ok(writing) = self.writing.lock()
            && !*writing
        {
            self.asked.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the job shall end.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The job begins to write, and can no longer be ended; false where it had been asked to end before.
    #[must_use]
    pub fn begin_writing(&self) -> bool {
        let Ok(mut writing) = self.writing.lock() else { return false };
        *writing = !self.asked();
        *writing
    }

    fn check(&self) -> Result<(), LocalError> {
        if self.asked() { Err(LocalError::Stopped) } else { Ok(()) }
    }
}

/// What a job did.
#[derive(Debug, Default)]
pub struct JobOutcome {
    /// Rows by sink, in the order of the statements.
    pub emitted: Vec<(String, Batch)>,
    /// Models, offered or refused.
    pub models: Vec<ModelOutcome>,
    /// What the models' gates let through, by position in `models`.
    pub publications: Vec<(usize, Publication)>,
    /// Rows that were left out.
    pub dead: Vec<DeadLetter>,
    /// Rows that went in.
    pub rows: usize,
}

impl JobOutcome {
    /// Publishes the models that passed their gates; each gets its version.
    ///
    /// # Errors
    /// A registry that cannot be written.
    pub fn publish(&mut self, registry: &Registry) -> Result<(), LocalError> {
        for (position, publication) in self.publications.drain(..) {
            let version = registry.publish(&publication).map_err(|error| LocalError::Environment(error.to_string()))?;
            if let Some(model) = self.models.get_mut(position) {
                model.version = Some(version);
            }
        }
        Ok(())
    }
}

/// Whether a job can be built: everything but the data is tried.
///
/// # Errors
/// A parameter without a value, or a plan that cannot be built.
pub fn check(input: JobInput<'_>, job: &FlowPlan) -> Result<(), LocalError> {
    let empty = History::default();
    Run::begin(JobInput { history: &empty, ..input }, job, true)?.steps(job, &mut |_, _, _| {})
}

/// Computes a job to its end, and writes nothing; `progress` is told what it is at and how far (done, of).
///
/// # Errors
/// Bad rows beyond `@tolerate`, a training without rows, a parameter without a value, a plan that cannot be built, or
/// [`LocalError::Stopped`].
pub fn run(
    input: JobInput<'_>,
    job: &FlowPlan,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<JobOutcome, LocalError> {
    let mut run = Run::begin(input, job, false)?;
    run.steps(job, progress)?;
    Ok(run.outcome)
}

struct Run<'a> {
    input: JobInput<'a>,
    environment: Environment,
    /// Rows of nodes, once they are there.
    rows: BTreeMap<NodeId, Batch>,
    outcome: JobOutcome,
    trained: BTreeMap<NodeId, Trained>,
    /// Places at which a training or a split left a row out.
    left_out: BTreeSet<(NodeId, Order)>,
    /// Only to see whether it can be built: there is no data, nothing is trained, and every branch is taken.
    is_trial: bool,
}

impl<'a> Run<'a> {
    fn begin(input: JobInput<'a>, job: &FlowPlan, is_trial: bool) -> Result<Self, LocalError> {
        let mut environment = input.environment.clone();
        for (parameter, default) in &job.params {
            let (name, path) = (&parameter.name, &job.path);
            let default = default.as_ref().ok_or_else(|| {
                LocalError::Program(format!(
                    "parameter `{name}` of job `{path}` has no value; give it a default: `{name}: type = value`"
                ))
            })?;
            let value = environment.constant(default, input.now)?.map_err(|fault| {
                LocalError::Program(format!("parameter `{name}` of job `{path}` has no value: {fault}"))
            })?;
            environment.bind(name, &parameter.ty, value);
        }
        Ok(Self {
            input,
            environment,
            rows: BTreeMap::new(),
            outcome: JobOutcome::default(),
            trained: BTreeMap::new(),
            left_out: BTreeSet::new(),
            is_trial,
        })
    }

    fn steps(&mut self, job: &FlowPlan, progress: &mut dyn FnMut(&str, usize, usize)) -> Result<(), LocalError> {
        progress("reading history", 0, 1);
        self.replay(job)?;
        self.tolerated(job)?;
        for id in &job.nodes {
            self.input.halt.check()?;
            self.statement(*id, job, progress)?;
        }
        // What came later: out of a split, or at the sinks.
        self.tolerated(job)
    }

    fn node(&self, id: NodeId) -> Result<&'a Node, LocalError> {
        self.input.ir.graph.get(id).ok_or_else(|| LocalError::Plan("a node of the job is not there".to_owned()))
    }

    fn parts<'b>(&'b self, given: &'b BTreeMap<NodeId, u32>) -> Parts<'b> {
        Parts {
            ir: self.input.ir,
            names: &self.environment.names,
            slots: &self.environment.slots,
            tables: self.input.tables,
            given,
            now: Some(self.input.now),
        }
    }

    /// Whether a node's rows come out of a split.
    fn after_split(&self, id: NodeId) -> bool {
        let upstream = self.input.ir.graph.upstream(&[id]);
        upstream.iter().any(|id| matches!(self.input.ir.graph.get(*id).map(|node| &node.op), Some(Op::Part { .. })))
    }

    /// The nodes whose rows a statement takes.
    fn taken(&self, id: NodeId) -> Result<Vec<NodeId>, LocalError> {
        let inputs = self.input.ir.graph.inputs(id);
        Ok(match &self.node(id)?.op {
            Op::Emit { .. } | Op::Split { .. } | Op::Train { .. } | Op::Collect => inputs,
            Op::Evaluate => inputs.get(1).copied().into_iter().collect(),
            _ => Vec::new(),
        })
    }

    /// Takes history through everything that does not wait for a split, once.
    fn replay(&mut self, job: &FlowPlan) -> Result<(), LocalError> {
        let mut taps = Vec::new();
        for id in &job.nodes {
            for tap in self.taken(*id)? {
                if !taps.contains(&tap) && !self.after_split(tap) {
                    taps.push(tap);
                }
            }
        }
        let given = BTreeMap::new();
        let stop = Some(&self.input.halt.asked);
        let how = Replay { at: Some(self.input.at), finish: true, stop, ..Replay::default() };
        let replayed = replay(self.parts(&given), &taps, &[], self.input.history, how)?;
        self.outcome.rows = usize::try_from(replayed.pipeline.accepted()).unwrap_or(usize::MAX);
        self.keep(&taps, replayed.produced)
    }

    fn keep(&mut self, taps: &[NodeId], produced: Produced) -> Result<(), LocalError> {
        self.outcome.dead.extend(produced.dead);
        for tap in taps {
            let node = self.node(*tap)?;
            let schema = self.environment.names.enums.schema(&node.columns);
            let batches = produced.rows.get(&specs::tap(*tap)).map(Vec::as_slice).unwrap_or_default();
            let rows = if batches.is_empty() { Batch::empty(&schema) } else { Batch::concat(&schema, batches) };
            self.rows.insert(*tap, if node.changes { consolidated(&rows) } else { rows });
        }
        Ok(())
    }

    /// Bad rows of the job itself fail it, unless it says how many it takes.
    fn tolerated(&self, job: &FlowPlan) -> Result<(), LocalError> {
        let sources: Vec<&str> = self.input.ir.sources.iter().map(|source| source.name.as_str()).collect();
        let bad = self.outcome.dead.iter().filter(|letter| !sources.contains(&&*letter.flow));
        let count = bad.clone().count();
        let most = job.settings.tolerate.unwrap_or(0);
        if count as u128 * 1_000_000 <= u128::from(most) * self.outcome.rows as u128 {
            return Ok(());
        }
        let first = bad.clone().next().map(|letter| {
            let source = self.input.ir.sources.get(letter.order.event_origin().source as usize);
            let source = source.map_or("a part of a split", |source| source.name.as_str());
            format!("offset {} of `{source}`, {}", letter.order.offset, letter.detail)
        });
        Err(LocalError::Program(format!(
            "job `{}`: {count} of {} rows cannot be computed, the first: {}; correct them, or allow some with @tolerate",
            job.path,
            self.outcome.rows,
            first.unwrap_or_default()
        )))
    }

    /// The rows of a node: from the replay, or computed now from parts of a split.
    fn rows_of(&mut self, id: NodeId) -> Result<Batch, LocalError> {
        if let Some(rows) = self.rows.get(&id) {
            return Ok(rows.clone());
        }
        let graph = &self.input.ir.graph;
        if let Op::Part { part } = &self.node(id)?.op {
            let split = graph.inputs(id).first().copied();
            let split = split.ok_or_else(|| LocalError::Plan("a part of nothing".to_owned()))?;
            let rows = self.part(split, part)?;
            self.rows.insert(id, rows.clone());
            return Ok(rows);
        }
        let upstream = graph.upstream(&[id]);
        let parts: Vec<NodeId> = upstream
            .into_iter()
            .filter(|id| matches!(graph.get(*id).map(|node| &node.op), Some(Op::Part { .. })))
            .collect();
        let mut given = BTreeMap::new();
        let mut micro = flow_operators::merge::MicroBatch { rows: Vec::new(), frontier: self.input.at };
        for (number, part) in (FIRST_PART..).zip(parts) {
            given.insert(part, number);
            micro.rows.push((number, flow_operators::order::sorted(self.rows_of(part)?)));
        }
        let mut dataflow = build(self.parts(&given), &[id], &[])?;
        let pushed = dataflow.graph.push(&micro)?;
        let ended = dataflow.graph.finish()?;
        let mut produced = Produced::default();
        for outputs in [pushed, ended] {
            produced.dead.extend(outputs.dead);
            produced.rows.entry(specs::tap(id)).or_default().extend(outputs.rows.into_iter().map(|(_, batch)| batch));
        }
        self.keep(&[id], produced)?;
        self.rows_of(id)
    }

    /// Whether the conditions around a statement hold.
    fn wanted(&self, node: &Node) -> Result<bool, LocalError> {
        for (guard, wanted) in &node.guards {
            let value = self.environment.constant(guard, self.input.now)?;
            if !self.is_trial && value != Ok(flow_core::value::Value::Bool(*wanted)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn statement(
        &mut self,
        id: NodeId,
        job: &FlowPlan,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<(), LocalError> {
        let node = self.node(id)?;
        if !self.wanted(node)? {
            return Ok(());
        }
        match &node.op {
            Op::Emit { sink } => {
                let input = self.taken(id)?.first().copied();
                if let Some(input) = input {
                    let rows = self.rows_of(input)?;
                    let mut cx = Context::default();
                    let whole = Whole::new(sink, Arc::from(job.path.as_str())).process(&[rows], &mut cx)?;
                    self.outcome.dead.extend(cx.take_dead());
                    self.outcome.emitted.extend(whole.into_iter().map(|rows| (sink.clone(), rows)));
                }
                Ok(())
            }
            Op::Scalar { value } => {
                let name = node.binding.clone().unwrap_or_default();
                let computed = match self.environment.constant(value, self.input.now)? {
                    Ok(computed) => computed,
                    // What it is computed from may be there later.
                    Err(_) if self.is_trial => flow_core::value::Value::Absent,
                    Err(fault) => {
                        return Err(LocalError::Program(format!(
                            "`{name}` of job `{}` cannot be computed: {fault}",
                            job.path
                        )));
                    }
                };
                self.environment.bind(&name, &value.ty, computed);
                Ok(())
            }
            Op::Train { .. } => self.train(id, job, progress),
            Op::Evaluate => self.evaluate(id, job),
            Op::Publish { .. } => self.publish(id, job),
            _ => Ok(()),
        }
    }
}

/// The jobs of a plan.
pub fn jobs(ir: &Ir) -> impl Iterator<Item = &FlowPlan> {
    ir.flows.iter().filter(|flow| flow.plane == Plane::Batch)
}
