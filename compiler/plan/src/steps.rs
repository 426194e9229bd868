//! The steps of a job: what runs as a process of its own, and what each of them waits for.
//!
//! Steps give rows to each other through the lake, under the run's id. A step can be run again: it writes what it gives
//! to a place of its own and puts it in place at its end. What others see, sinks and models, is written when everything
//! has been computed: a run that fails leaves nothing half done.

use std::collections::BTreeMap;

use fec_diagnostics::Span;
use fec_ir::ir::FlowPlan;
use fec_ir::{Ir, NodeId, Op};

use crate::names;

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
    /// Computes the rows of a sink.
    Emit,
    /// Writes the rows of all sinks, once all is computed.
    Write,
    /// Publishes a model, once all is computed and written.
    Publish,
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
            Self::Emit => "emit",
            Self::Write => "write",
            Self::Publish => "publish",
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
    /// The node of its statement; none for the rows and for what writes the sinks.
    pub node: Option<NodeId>,
    /// The steps that it waits for, by their place among the steps.
    pub after: Vec<usize>,
    /// The step that says whether it runs at all: the only evaluation that its condition comes from. Where there is none,
    /// or there are several, the step judges the condition itself, as it does in any case.
    pub judge: Option<usize>,
    /// Place of its statement.
    pub span: Span,
}

impl Step {
    /// Its name where names are short: of tasks, templates and files.
    #[must_use]
    pub fn label(&self) -> String {
        names::object(&self.name, names::LABEL)
    }
}

/// The steps of a job, in an order in which they can run.
#[must_use]
pub fn steps(ir: &Ir, job: &FlowPlan) -> Vec<Step> {
    let rows = Step {
        name: StepKind::Rows.word().to_owned(),
        kind: StepKind::Rows,
        node: None,
        after: Vec::new(),
        judge: None,
        span: job.span,
    };
    let mut steps = vec![rows];
    // Which step gives what a node stands for.
    let mut given: BTreeMap<NodeId, usize> = BTreeMap::new();
    for id in &job.nodes {
        let Some(node) = ir.graph.get(*id) else { continue };
        let (kind, what) = match &node.op {
            Op::Split { .. } => (StepKind::Split, node.binding.unwrap_or_default()),
            Op::Train { .. } => (StepKind::Train, node.binding.unwrap_or_default()),
            Op::Evaluate => (StepKind::Evaluate, node.binding.unwrap_or_default()),
            Op::Publish { model, .. } => (StepKind::Publish, *model),
            Op::Emit { sink } => (StepKind::Emit, *sink),
            _ => continue,
        };
        // Whose rows it takes, whose values it reads, and theirs.
        let upstream = ir.graph.upstream(&[*id]);
        let before: Vec<usize> = upstream.iter().filter_map(|other| given.get(other).copied()).collect();
        let is_gated = matches!(&node.op, Op::Publish { gate: Some(_), .. });
        let mut judges = before
            .iter()
            .copied()
            .filter(|place| is_gated && steps.get(*place).is_some_and(|step| step.kind == StepKind::Evaluate));
        let judge = match (judges.next(), judges.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        };
        let mut after = before;
        after.push(0);
        after.sort_unstable();
        after.dedup();
        given.insert(*id, steps.len());
        let name = format!("{}-{what}", kind.word());
        steps.push(Step { name, kind, node: Some(*id), after, judge, span: node.span });
    }
    let mut steps = written(steps, job.span);
    distinct(&mut steps);
    reduce(&mut steps);
    steps
}

/// Puts what others see at the end: sinks once everything is computed, models once the sinks are written.
fn written(steps: Vec<Step>, span: Span) -> Vec<Step> {
    let mut places: Vec<usize> = Vec::with_capacity(steps.len());
    let (mut computing, mut publishing): (Vec<Step>, Vec<Step>) = (Vec::new(), Vec::new());
    for step in steps {
        let is_last = step.kind == StepKind::Publish;
        places.push(if is_last { usize::MAX } else { computing.len() });
        if is_last { publishing.push(step) } else { computing.push(step) }
    }
    // Nothing waits for a publication, so that only the places of what computes are asked for.
    let place = |old: &usize| places.get(*old).copied().filter(|place| *place != usize::MAX);
    for step in computing.iter_mut().chain(&mut publishing) {
        step.after = step.after.iter().filter_map(place).collect();
        step.judge = step.judge.as_ref().and_then(place);
    }
    if computing.iter().any(|step| step.kind == StepKind::Emit) {
        let after = (0..computing.len()).collect();
        let name = StepKind::Write.word().to_owned();
        computing.push(Step { name, kind: StepKind::Write, node: None, after, judge: None, span });
    }
    let all = computing.len();
    for mut step in publishing {
        step.after = (0..all).collect();
        computing.push(step);
    }
    computing
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

/// Leaves out what another one waits for already, but for the judge: its word is read.
fn reduce(steps: &mut [Step]) {
    let mut before: Vec<Vec<usize>> = Vec::with_capacity(steps.len());
    for step in steps.iter_mut() {
        let mut all: Vec<usize> = step.after.iter().filter_map(|one| before.get(*one)).flatten().copied().collect();
        step.after.retain(|one| step.judge == Some(*one) || !all.contains(one));
        all.extend(&step.after);
        all.sort_unstable();
        all.dedup();
        before.push(all);
    }
}
