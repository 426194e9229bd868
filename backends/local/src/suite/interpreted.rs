//! Tests in this process: the plan interpreted.

use std::collections::BTreeMap;
use std::sync::Arc;

use fec_ir::ir::FlowPlan;
use fec_ir::{Ir, NodeId, Op};
use flow_core::batch::Batch;
use flow_store::SetId;

use super::Verdict;
use super::given::Given;
use super::judge::{Engine, Played, Received};
use super::planes::{emits, writers};
use crate::dataflow::Parts;
use crate::dataflow::sinks::stream_sinks;
use crate::error::LocalError;
use crate::job::{self, Halt, JobInput, consolidated};
use crate::replay::{Replay, replay, states};
use crate::service::{self, Emitted, Moment, Prediction, PublishedModel, Reads, ServeError, Services};
use crate::specs::tap;
use crate::stream::{kept_nodes, kept_set};

impl Engine<'_> {
    /// Runs the flows of the test here.
    pub fn interpret(self, given: &Given, services: &Services) -> Result<Result<Box<dyn Played>, Verdict>, LocalError> {
        let Self { ir, environment, test, plane, .. } = self;
        let (history, tables) = (&given.history, &given.tables);
        let nothing = BTreeMap::new();
        let (names, slots) = (&environment.names, &environment.slots);
        let parts = Parts { ir, names, slots, tables, given: &nothing, now: None };
        let records: usize = history.chunks.iter().map(|chunk| chunk.arriving.offsets.len()).sum();
        // The stream's answer is that of a task that was stopped and restored half way.
        let restart_after = (plane == "stream").then_some(records / 2);
        let (_, relations) = self.wanted(services);
        // In the job's plane a sink holds what the job writes, if it does; else what a stream writes.
        let by_stream = |sink: &str| plane != "batch" || !writers(ir, sink).1;
        let mut taps: Vec<NodeId> = relations.clone();
        taps.extend(stream_sinks(ir).into_iter().filter(|(_, sink)| by_stream(sink)).map(|(tap, _)| tap));
        taps.sort_unstable();
        taps.dedup();
        let how = Replay { at: test.at, restart_after, ..Replay::default() };
        let replayed = replay(parts, &taps, &kept_nodes(ir), history, how)?;
        let at = test.at.unwrap_or(replayed.at);
        let mut received: Received = BTreeMap::new();
        if plane == "batch" {
            for flow in job::jobs(ir).filter(|flow| self.asks_job(flow)) {
                let halt = Halt::default();
                let input = JobInput { ir, environment, history, tables, at, now: at, halt: &halt };
                match job::run(input, flow, &mut |_, _, _| {}) {
                    Ok(done) => {
                        for (sink, batch) in done.emitted {
                            received.entry(sink).or_default().push(batch);
                        }
                    }
                    Err(error) => return Ok(Err(Verdict::Failed(error.to_string(), None))),
                }
            }
        }
        for (node, sink) in stream_sinks(ir).into_iter().filter(|(_, sink)| by_stream(sink)) {
            let batches = replayed.produced.rows.get(&tap(node)).cloned().unwrap_or_default();
            received.entry(sink).or_default().extend(batches);
        }
        let mut rows: service::Given = BTreeMap::new();
        for id in relations {
            let Some(node) = ir.graph.get(id) else { continue };
            let schema = environment.names.enums.schema(&node.columns);
            let batches = replayed.produced.rows.get(&tap(id)).map(Vec::as_slice).unwrap_or_default();
            let batch = if batches.is_empty() { Batch::empty(&schema) } else { Batch::concat(&schema, batches) };
            rows.insert(id, consolidated(&batch));
        }
        let reads = TestReads { at, state: states(&replayed), models: given.models(), ir: Arc::clone(ir) };
        Ok(Ok(Box::new(Interpreted { reads, relations: rows, received })))
    }

    /// Whether the test asks for a sink that the job writes.
    pub fn asks_job(self, job: &FlowPlan) -> bool {
        let nodes: Vec<NodeId> = self.test.expectations.iter().flat_map(|one| one.nodes.iter().copied()).collect();
        self.ir.graph.upstream(&nodes).into_iter().any(|id| match self.ir.graph.get(id).map(|node| &node.op) {
            Some(Op::SinkRows { sink }) => job.nodes.iter().any(|id| emits(self.ir, *id, sink)),
            _ => false,
        })
    }
}

impl Given {
    /// What models answer.
    pub fn models(&self) -> BTreeMap<String, Arc<PublishedModel>> {
        let fixed = |(name, value): (&String, &_)| {
            let prediction = Prediction::Fixed(Clone::clone(value));
            (name.clone(), Arc::new(PublishedModel { version: 1, prediction }))
        };
        self.returns.iter().map(fixed).collect()
    }
}

/// What was interpreted.
struct Interpreted {
    reads: TestReads,
    relations: service::Given,
    received: Received,
}

impl Played for Interpreted {
    fn at(&self) -> i64 {
        self.reads.at
    }

    fn reads(&self) -> &dyn Reads {
        &self.reads
    }

    fn relations(&self) -> &service::Given {
        &self.relations
    }

    fn received(&self) -> &Received {
        &self.received
    }

    fn asked(&mut self, emitted: Vec<Emitted>) -> Result<bool, LocalError> {
        let is_more = !emitted.is_empty();
        for Emitted { sink, rows } in emitted {
            self.received.entry(sink).or_default().push(rows);
        }
        Ok(is_more)
    }
}

/// Reads from states at rest.
pub struct TestReads {
    /// `now`.
    pub at: i64,
    /// State by node name and key.
    pub state: BTreeMap<(String, Vec<u8>), Vec<u8>>,
    /// What models answer.
    pub models: BTreeMap<String, Arc<PublishedModel>>,
    /// The plan.
    pub ir: Arc<Ir>,
}

impl Reads for TestReads {
    fn moment(&self) -> Arc<Moment> {
        Arc::new(Moment::new(self.at, ""))
    }

    fn state(&self, table: u32, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<(), ServeError> {
        let node = kept_nodes(&self.ir).into_iter().find(|node| kept_set(&self.ir, *node) == Some(SetId(table)));
        let name = node.and_then(|node| self.ir.graph.get(node)).map(|node| node.name.clone()).unwrap_or_default();
        if let Some(state) = self.state.get(&(name, key.to_vec())) {
            found(state);
        }
        Ok(())
    }

    fn model(&self, name: &str) -> Option<Arc<PublishedModel>> {
        self.models.get(name).cloned()
    }

    fn ready(&self) -> bool {
        true
    }
}
