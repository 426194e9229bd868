//! What the flows of a test gave, held against what it expects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fec_ir::ir::{Expectation, TestPlan};
use fec_ir::{Ir, NodeId, Op};
use fec_model::model::Write;
use flow_core::batch::Batch;

use super::Verdict;
use super::planes::{Planes, asks};
use crate::data::Places;
use crate::dataflow::sinks::taken;
use crate::environment::Environment;
use crate::error::LocalError;
use crate::job::consolidated;
use crate::service::{Emitted, Given, Reads, Services};

/// Rows by sink, in the order in which they came.
pub(super) type Received = BTreeMap<String, Vec<Batch>>;

/// What the flows of a test gave.
pub(super) trait Played {
    /// The instant of the test.
    fn at(&self) -> i64;

    /// What expectations read.
    fn reads(&self) -> &dyn Reads;

    /// The rows of relations that are no sinks.
    fn relations(&self) -> &Given;

    /// What sinks have received.
    fn received(&self) -> &Received;

    /// Takes what the requests of an expectation emitted in this process, or looks what they did elsewhere; tells whether
    /// there is more in the sinks than before.
    ///
    /// # Errors
    /// What cannot be read.
    fn asked(&mut self, emitted: Vec<Emitted>) -> Result<bool, LocalError>;
}

/// A test in a plane, and what runs it.
#[derive(Clone, Copy)]
pub(super) struct Engine<'a> {
    pub ir: &'a Arc<Ir>,
    pub environment: &'a Environment,
    pub places: &'a Places,
    pub test: &'a TestPlan,
    pub plane: &'static str,
    pub planes: Planes,
    /// Set by whoever wants no more.
    pub stop: &'a AtomicBool,
}

impl<'a> Engine<'a> {
    /// The expectations of this plane: what a job writes is nothing to the stream's, and the other way round.
    pub fn expectations(self) -> impl Iterator<Item = &'a Expectation> {
        let is_asked = move |expectation: &&Expectation| {
            let asked = asks(self.ir, &expectation.nodes, self.planes);
            asked.is_empty() || asked.contains(&self.plane)
        };
        self.test.expectations.iter().filter(is_asked)
    }

    /// The nodes of sinks, and of other relations, whose rows the expectations want.
    pub fn wanted(self, services: &Services) -> (Vec<NodeId>, Vec<NodeId>) {
        let mut wanted: Vec<NodeId> = self.expectations().flat_map(|one| services.rows_wanted(&one.nodes)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let is_sink = |id: &NodeId| matches!(self.ir.graph.get(*id).map(|node| &node.op), Some(Op::SinkRows { .. }));
        wanted.into_iter().partition(is_sink)
    }

    /// Judges what was played.
    pub fn judged(self, services: &Services, played: &mut dyn Played) -> Result<Verdict, LocalError> {
        let (sinks, _) = self.wanted(services);
        let mut given = played.relations().clone();
        self.hold(&sinks, played.received(), &mut given)?;
        for expectation in self.expectations() {
            let mut emitted = Vec::new();
            let (at, reads) = (played.at(), played.reads());
            let verdict = services.expectation(&expectation.nodes, at, reads, &given, &mut emitted);
            // What its requests emit is there for those that come after it.
            if played.asked(emitted)? {
                self.hold(&sinks, played.received(), &mut given)?;
            }
            match verdict {
                Ok(verdict) if verdict.holds => {}
                Ok(verdict) => {
                    let why = verdict.explanation.unwrap_or_else(|| "the expectation does not hold".to_owned());
                    return Ok(Verdict::Failed(why, Some(expectation.span)));
                }
                Err(why) => return Ok(Verdict::Failed(why, Some(expectation.span))),
            }
        }
        Ok(Verdict::Passed)
    }

    /// Gives the nodes of sinks what these have received.
    fn hold(self, sinks: &[NodeId], received: &Received, given: &mut Given) -> Result<(), LocalError> {
        for id in sinks {
            let Some(node) = self.ir.graph.get(*id) else { continue };
            let Op::SinkRows { sink } = &node.op else { continue };
            let schema = self.environment.names.enums.schema(&node.columns);
            let batches = received.get(sink.as_str()).map(Vec::as_slice).unwrap_or_default();
            let rows = if batches.is_empty() { Batch::empty(&schema) } else { Batch::concat(&schema, batches) };
            let rows = match self.ir.sink(sink) {
                Some(sink) if sink.write == Write::Upsert => taken(sink, rows)?,
                _ => consolidated(&rows),
            };
            given.insert(*id, rows);
        }
        Ok(())
    }
}
