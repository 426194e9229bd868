//! The steps of a job: what runs as a process of its own, and what each of them waits for.
//!
//! Steps give rows to each other through the lake, under the run's id. A step can be run again: it writes what it gives
//! to a place of its own and puts it in place at its end.

use std::collections::BTreeMap;

use fec_diagnostics::Span;
use fec_ir::ir::FlowPlan;
use fec_ir::{Ir, NodeId, Op};

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// Takes history through the dataflow, and gives the rows that the others take.
    Rows,
    /// Divides rows.
    Split,
    /// Trains a model.
    Train,
    /// Evaluates a model, and judges the conditions of its publishing.
    Evaluate,
    /// Publishes a model.
    Publish,
    /// Gives rows to a sink.
    Emit,
}

impl StepKind {
    /// The word in names.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Split => "split",
            Self::Train => "train",
            Self::Evaluate => "evaluate",
            Self::Publish => "publish",
            Self::Emit => "emit",
        }
    }
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What `--step` names: the kind, then what it makes: `train-model`, `publish-scorer`.
    pub name: String,
    /// What it does.
    pub kind: StepKind,
    /// The node of its statement; none for the rows.
    pub node: Option<NodeId>,
    /// The steps that it waits for, by their place among the steps.
    pub after: Vec<usize>,
    /// Whether a condition decides if it runs at all.
    pub gated: bool,
    /// Place of its statement.
    pub span: Span,
}

/// The steps of a job, in an order in which they can run.
#[must_use]
pub fn steps(ir: &Ir, job: &FlowPlan) -> Vec<Step> {
    let rows = Step {
        name: StepKind::Rows.word().to_owned(),
        kind: StepKind::Rows,
        node: None,
        after: Vec::new(),
        gated: false,
        span: job.span,
    };
    let mut steps = vec![rows];
    // Which step gives what a node stands for.
    let mut given: BTreeMap<NodeId, usize> = BTreeMap::new();
    for id in &job.nodes {
        let Some(node) = ir.graph.get(*id) else { continue };
        let (kind, what) = match &node.op {
            Op::Split { .. } => (StepKind::Split, node.binding.clone().unwrap_or_default()),
            Op::Train { .. } => (StepKind::Train, node.binding.clone().unwrap_or_default()),
            Op::Evaluate => (StepKind::Evaluate, node.binding.clone().unwrap_or_default()),
            Op::Publish { model, .. } => (StepKind::Publish, model.clone()),
            Op::Emit { sink } => (StepKind::Emit, sink.clone()),
            _ => continue,
        };
        let mut upstream: Vec<NodeId> = ir.graph.upstream(&[*id]).into_iter().filter(|other| other != id).collect();
        upstream.extend(ir.graph.bindings(*id));
        let mut after: Vec<usize> = upstream.iter().filter_map(|other| given.get(other).copied()).collect();
        after.push(0);
        after.sort_unstable();
        after.dedup();
        let gated = matches!(&node.op, Op::Publish { gate: Some(_), .. });
        given.insert(*id, steps.len());
        let name = format!("{}-{what}", kind.word());
        steps.push(Step { name, kind, node: Some(*id), after, gated, span: node.span });
    }
    distinct(&mut steps);
    reduce(&mut steps);
    steps
}

/// Two statements may give to one sink: their steps are numbered.
fn distinct(steps: &mut [Step]) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for step in steps {
        let count = seen.entry(step.name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            step.name = format!("{}-{count}", step.name);
        }
    }
}

/// Leaves out what another one waits for already.
fn reduce(steps: &mut [Step]) {
    let mut before: Vec<Vec<usize>> = Vec::with_capacity(steps.len());
    for step in steps.iter_mut() {
        let mut all: Vec<usize> = step.after.iter().filter_map(|one| before.get(*one)).flatten().copied().collect();
        step.after.retain(|one| !all.contains(one));
        all.extend(&step.after);
        all.sort_unstable();
        all.dedup();
        before.push(all);
    }
}
