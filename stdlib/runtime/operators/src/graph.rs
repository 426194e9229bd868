//! The dataflow of one task: operators in topological order, driven by micro-batches.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;

use crate::expression::Environment;
use crate::merge::MicroBatch;
use crate::operator::{Context, DeadLetter, Operator, OperatorError};
use crate::state::{StateChange, StateWriter};

/// An operator of a graph, numbered in the order in which operators were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A sink of a graph, numbered in the order in which sinks were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SinkId(pub u32);

/// Where rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// A source that was declared with [`Graph::source`].
    Source(u32),
    /// An output of an operator.
    Output(NodeId, u32),
}

/// What one push gave.
#[derive(Debug, Default)]
pub struct Outputs {
    /// The rows of each sink that got some, in arrival order, in the order of the sinks.
    pub rows: Vec<(SinkId, Batch)>,
    /// Rows that were left out somewhere.
    pub dead: Vec<DeadLetter>,
}

struct Node {
    operator: Box<dyn Operator>,
    feeds: Vec<Feed>,
}

/// Operators and their wiring. Operators are added after those that feed them, so that their order is topological.
#[derive(Default)]
pub struct Graph {
    sources: Vec<(u32, Arc<Schema>)>,
    nodes: Vec<Node>,
    sinks: Vec<Feed>,
    cx: Context,
    committed_frontier: i64,
    /// What operators freeze, one after the other.
    spare: StateWriter,
}

impl Graph {
    /// An empty graph whose expressions see `env`.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        Self { cx: Context::new(env), committed_frontier: i64::MIN, ..Self::default() }
    }

    /// Declares a source, by its number; its rows have `schema`.
    pub fn source(&mut self, source: u32, schema: Arc<Schema>) -> Feed {
        if !self.sources.iter().any(|(number, _)| *number == source) {
            self.sources.push((source, schema));
        }
        Feed::Source(source)
    }

    /// Adds an operator with one feed for each of its ports.
    ///
    /// # Errors
    ///
    /// When the number of feeds is wrong, or one of them is not there.
    pub fn add(&mut self, operator: Box<dyn Operator>, feeds: Vec<Feed>) -> Result<NodeId, OperatorError> {
        if operator.inputs() != feeds.len() {
            return Err(OperatorError::Wiring("an operator has another number of ports than of feeds"));
        }
        for feed in &feeds {
            self.check(*feed)?;
        }
        self.nodes.push(Node { operator, feeds });
        Ok(NodeId((self.nodes.len() - 1) as u32))
    }

    /// Adds a sink.
    ///
    /// # Errors
    ///
    /// When its feed is not there.
    pub fn sink(&mut self, feed: Feed) -> Result<SinkId, OperatorError> {
        self.check(feed)?;
        self.sinks.push(feed);
        Ok(SinkId((self.sinks.len() - 1) as u32))
    }

    fn check(&self, feed: Feed) -> Result<(), OperatorError> {
        let is_there = match feed {
            Feed::Source(source) => self.sources.iter().any(|(number, _)| *number == source),
            Feed::Output(node, output) => {
                self.nodes.get(node.0 as usize).is_some_and(|node| (output as usize) < node.operator.outputs())
            }
        };
        if is_there { Ok(()) } else { Err(OperatorError::Wiring("a feed comes from nowhere")) }
    }

    /// What expressions see besides their row; a service sets it for each request.
    pub fn env(&mut self) -> &mut Environment {
        &mut self.cx.env
    }

    /// The frontier that was reached.
    #[must_use]
    pub fn frontier(&self) -> i64 {
        self.cx.frontier
    }

    /// Whether state is tracked for freeze and rollback (the default); a job turns it off.
    pub fn track(&mut self, on: bool) {
        self.nodes.iter_mut().for_each(|node| node.operator.track(on));
    }

    /// Takes the next micro-batch through all operators.
    ///
    /// # Errors
    ///
    /// As [`Operator::process`]. State is then undefined until [`Graph::rollback`].
    pub fn push(&mut self, batch: &MicroBatch) -> Result<Outputs, OperatorError> {
        self.cx.frontier = self.cx.frontier.max(batch.frontier);
        self.run(&batch.rows, false)
    }

    /// Lets time go on without rows: no event that comes has `arrived` below `frontier`.
    ///
    /// # Errors
    ///
    /// As [`Graph::push`].
    pub fn advance(&mut self, frontier: i64) -> Result<Outputs, OperatorError> {
        self.push(&MicroBatch { rows: Vec::new(), frontier })
    }

    /// All input has ended: gives what waited for that. Afterwards the graph takes no more rows.
    ///
    /// # Errors
    ///
    /// As [`Graph::push`].
    pub fn finish(&mut self) -> Result<Outputs, OperatorError> {
        self.run(&[], true)
    }

    fn run(&mut self, rows: &[(u32, Batch)], is_end: bool) -> Result<Outputs, OperatorError> {
        let Self { sources, nodes, sinks, cx, .. } = self;
        let mut done: Vec<Vec<Batch>> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let inputs: Vec<Batch> = node.feeds.iter().map(|feed| read(sources, rows, &done, *feed)).collect();
            let mut outputs = node.operator.process(&inputs, cx)?;
            if is_end {
                // INVARIANT: an operator that gives rows at the end gives none before.
                for (output, ended) in outputs.iter_mut().zip(node.operator.finish(cx)?) {
                    if output.rows > 0 && ended.rows > 0 {
                        return Err(OperatorError::Wiring("an operator gives rows both before and at the end"));
                    }
                    if ended.rows > 0 {
                        *output = ended;
                    }
                }
            }
            done.push(outputs);
        }
        let rows = sinks
            .iter()
            .enumerate()
            .map(|(sink, feed)| (SinkId(sink as u32), read(sources, rows, &done, *feed)))
            .filter(|(_, batch)| batch.rows > 0)
            .collect();
        Ok(Outputs { rows, dead: cx.take_dead() })
    }

    /// The state that changed since the last freeze, by operator; those without changes are left out. No rows may be
    /// pushed until [`Graph::commit`] or [`Graph::rollback`].
    pub fn freeze(&mut self) -> Vec<(NodeId, Vec<StateChange>)> {
        let mut changes = Vec::new();
        self.frozen(&mut |node, out| changes.push((node, std::mem::take(out).into_changes())));
        changes
    }

    /// As [`Graph::freeze`], what each operator gives as it lies in memory that the one before has left.
    pub fn frozen(&mut self, take: &mut dyn FnMut(NodeId, &mut StateWriter)) {
        for (node, Node { operator, .. }) in self.nodes.iter_mut().enumerate() {
            self.spare.clear();
            operator.freeze(&mut self.spare);
            if !self.spare.is_empty() {
                take(NodeId(node as u32), &mut self.spare);
            }
        }
    }

    /// What was frozen is durable.
    pub fn commit(&mut self) {
        self.committed_frontier = self.cx.frontier;
        self.nodes.iter_mut().for_each(|node| node.operator.commit());
    }

    /// Returns to the last commit, or restore.
    ///
    /// # Errors
    ///
    /// When state was not tracked.
    pub fn rollback(&mut self) -> Result<(), OperatorError> {
        self.cx.take_dead();
        self.cx.frontier = self.committed_frontier;
        self.nodes.iter_mut().try_for_each(|node| node.operator.rollback())
    }

    /// Puts back one entry that freeze gave for `node`.
    ///
    /// # Errors
    ///
    /// When there is no such operator, or the entry is not of its kind.
    pub fn restore(&mut self, node: NodeId, key: &[u8], value: &[u8]) -> Result<(), OperatorError> {
        match self.nodes.get_mut(node.0 as usize) {
            Some(node) => node.operator.restore(key, value),
            None => Err(OperatorError::State("it belongs to an operator that is not there")),
        }
    }

    /// After all entries: the frontier at which the state was frozen.
    pub fn restored(&mut self, frontier: i64) {
        self.cx.frontier = frontier;
        self.committed_frontier = frontier;
    }
}

fn read(sources: &[(u32, Arc<Schema>)], rows: &[(u32, Batch)], done: &[Vec<Batch>], feed: Feed) -> Batch {
    match feed {
        Feed::Output(node, output) => {
            done.get(node.0 as usize).and_then(|outputs| outputs.get(output as usize)).cloned().unwrap_or_default()
        }
        Feed::Source(source) => match rows.iter().find(|(number, _)| *number == source) {
            Some((_, batch)) => batch.clone(),
            None => sources
                .iter()
                .find(|(number, _)| *number == source)
                .map(|(_, schema)| Batch::empty(schema))
                .unwrap_or_default(),
        },
    }
}
