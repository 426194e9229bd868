//! Jobs: history through the dataflow, then what works on whole relations: split, training, evaluation, publishing.

mod learn;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use fec_ir::ir::FlowPlan;
use fec_ir::{Ir, Node, NodeId, Op};
use fec_model::model::Plane;
use flow_core::batch::Batch;
use flow_learn::registry::Registry;
use flow_operators::operator::{Context, DeadLetter, Operator};
use flow_operators::whole::Whole;

use crate::data::History;
use crate::dataflow::{Parts, build};
use crate::environment::Environment;
use crate::error::LocalError;
use crate::pipeline::Produced;
use crate::replay::{Replay, replay};
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
    /// Where models are published.
    pub registry: &'a Registry,
    /// T: what had arrived before it counts.
    pub at: i64,
}

/// What a job did.
#[derive(Debug, Default)]
pub struct JobOutcome {
    /// Rows by sink, in the order of the statements.
    pub emitted: Vec<(String, Batch)>,
    /// Models, published or refused.
    pub models: Vec<ModelOutcome>,
    /// Rows that were left out.
    pub dead: Vec<DeadLetter>,
    /// Rows that went in.
    pub rows: usize,
}

/// Runs a job to its end; `progress` is told what it is at and how far (done, of).
///
/// # Errors
/// Bad rows beyond `@tolerate`, a training without rows, or a plan that cannot be built.
pub fn run(
    input: JobInput<'_>,
    job: &FlowPlan,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<JobOutcome, LocalError> {
    let mut run = Run {
        input,
        environment: input.environment.clone(),
        rows: BTreeMap::new(),
        outcome: JobOutcome::default(),
        trained: BTreeMap::new(),
    };
    for (parameter, default) in &job.params {
        let value = match default {
            Some(default) => run.environment.constant(default, input.at)?.map_err(|fault| {
                LocalError::Program(format!(
                    "parameter `{}` of job `{}` has no value: {fault}",
                    parameter.name, job.path
                ))
            })?,
            None => flow_core::value::Value::Absent,
        };
        run.environment.bind(&parameter.name, &parameter.ty, value);
    }
    progress("reading history", 0, 1);
    run.replay(job)?;
    run.tolerated(job)?;
    for id in &job.nodes {
        run.statement(*id, job, progress)?;
    }
    // What came later: out of a split, or at the sinks.
    run.tolerated(job)?;
    Ok(run.outcome)
}

struct Run<'a> {
    input: JobInput<'a>,
    environment: Environment,
    /// Rows of nodes, once they are there.
    rows: BTreeMap<NodeId, Batch>,
    outcome: JobOutcome,
    trained: BTreeMap<NodeId, Trained>,
}

impl<'a> Run<'a> {
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
            now: Some(self.input.at),
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
        let how = Replay { at: Some(self.input.at), finish: true, ..Replay::default() };
        let replayed = replay(self.parts(&given), &taps, &[], self.input.history, how)?;
        self.outcome.rows = usize::try_from(replayed.pipeline.accepted()).unwrap_or(usize::MAX);
        self.keep(&taps, replayed.produced)
    }

    fn keep(&mut self, taps: &[NodeId], produced: Produced) -> Result<(), LocalError> {
        self.outcome.dead.extend(produced.dead);
        for tap in taps {
            let node = self.node(*tap)?;
            let schema = self.environment.names.enums.schema(&node.columns);
            let batches = produced.rows.get(tap).map(Vec::as_slice).unwrap_or_default();
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
        let first = bad.clone().next().map(|letter| format!("{} ({})", letter.detail, letter.reason.code()));
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
            produced.rows.entry(id).or_default().extend(outputs.rows.into_iter().map(|(_, batch)| batch));
        }
        self.keep(&[id], produced)?;
        self.rows_of(id)
    }

    /// Whether the conditions around a statement hold.
    fn wanted(&self, node: &Node) -> Result<bool, LocalError> {
        for (guard, wanted) in &node.guards {
            let value = self.environment.constant(guard, self.input.at)?;
            if value != Ok(flow_core::value::Value::Bool(*wanted)) {
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
                let computed = self.environment.constant(value, self.input.at)?.map_err(|fault| {
                    LocalError::Program(format!("`{name}` of job `{}` cannot be computed: {fault}", job.path))
                })?;
                self.environment.bind(&name, &value.ty, computed);
                Ok(())
            }
            Op::Train { .. } => self.train(id, progress),
            Op::Evaluate => self.evaluate(id),
            Op::Publish { .. } => self.publish(id, job),
            _ => Ok(()),
        }
    }
}

/// The jobs of a plan.
pub fn jobs(ir: &Ir) -> impl Iterator<Item = &FlowPlan> {
    ir.flows.iter().filter(|flow| flow.plane == Plane::Batch)
}
