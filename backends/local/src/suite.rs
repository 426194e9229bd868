//! `fec test`: the tests of a solution, each in every plane that the tested thing has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use fec_ir::ir::TestPlan;
use fec_ir::{Ir, NodeId, Op};
use fec_model::model::{Plane, Write};
use flow_core::batch::Batch;
use flow_store::SetId;
use flow_task::spec::find;

use crate::data::{History, Places, given_stream, given_table, read_tables};
use crate::dataflow::Parts;
use crate::dataflow::sinks::{stream_sinks, taken};
use crate::environment::Environment;
use crate::error::LocalError;
use crate::job::{self, Halt, JobInput, consolidated};
use crate::replay::{Replay, replay, states};
use crate::service::{Emitted, Given, Moment, Prediction, PublishedModel, Reads, ServeError, Services};
use crate::specs::tap;
use crate::stream::{feature_nodes, feature_table};
use crate::tables::Tables;

/// The outcome of one test in one plane.
#[derive(Debug, Clone)]
pub struct TestOutcome {
    /// What the test says.
    pub test: String,
    /// `batch`, `stream` or `online`.
    pub plane: &'static str,
    /// What went wrong; nothing where it passed.
    pub failure: Option<String>,
    /// How long it took, milliseconds.
    pub ms: u128,
}

/// Runs the tests whose name contains `only`.
///
/// # Errors
/// A plan that cannot be built, or a table that cannot be read. A failing test is an outcome.
pub fn run(
    ir: &Arc<Ir>,
    places: &Places,
    only: Option<&str>,
    outcome: &mut dyn FnMut(TestOutcome),
) -> Result<(), LocalError> {
    let environment = Environment::new(ir)?;
    // Tests give the events themselves: only tables are read from files.
    let tables = read_tables(&environment.names.sources, places)?;
    for test in ir.tests.iter().filter(|test| only.is_none_or(|only| test.name.contains(only))) {
        for plane in planes(ir, test) {
            let started = Instant::now();
            let failure = one(ir, test, plane, &environment, &tables)?;
            let ms = started.elapsed().as_millis();
            outcome(TestOutcome { test: test.name.clone(), plane, failure, ms });
        }
    }
    Ok(())
}

/// The planes of what a test asks: services answer online, sinks belong to their flow, features are in all three.
fn planes(ir: &Ir, test: &TestPlan) -> Vec<&'static str> {
    let mut planes: Vec<&'static str> = test.expectations.iter().flat_map(|one| asks(ir, &one.nodes)).collect();
    if planes.is_empty() {
        planes.push("online");
    }
    planes.sort_unstable();
    planes.dedup();
    planes
}

/// The planes of what one expectation asks; none where it asks nothing of the solution's flows.
fn asks(ir: &Ir, nodes: &[NodeId]) -> Vec<&'static str> {
    let mut planes = Vec::new();
    let mut add = |plane: &'static str| {
        if !planes.contains(&plane) {
            planes.push(plane);
        }
    };
    for id in nodes {
        for id in ir.graph.upstream(&[*id]) {
            match ir.graph.get(id).map(|node| &node.op) {
                Some(Op::Call { .. } | Op::ReadTable { .. }) => add("online"),
                Some(Op::ReadFeatures { .. }) => {
                    add("batch");
                    add("stream");
                    add("online");
                }
                Some(Op::SinkRows { sink }) => {
                    let (in_stream, in_job) = writers(ir, sink);
                    let in_service = served(ir, sink);
                    if in_job {
                        add("batch");
                    }
                    if in_service {
                        add("online");
                    } else if in_stream || !in_job {
                        add("stream");
                    }
                }
                _ => {}
            }
        }
    }
    planes
}

/// Whether streams, and whether jobs, write to a sink.
fn writers(ir: &Ir, wanted: &str) -> (bool, bool) {
    let in_stream = stream_sinks(ir).iter().any(|(_, sink)| sink == wanted);
    let writes =
        |id: &NodeId| matches!(ir.graph.get(*id).map(|node| &node.op), Some(Op::Emit { sink }) if sink == wanted);
    let in_job = job::jobs(ir).flat_map(|flow| &flow.nodes).any(writes);
    (in_stream, in_job)
}

/// Whether services write to a sink.
fn served(ir: &Ir, wanted: &str) -> bool {
    let writes =
        |id: &NodeId| matches!(ir.graph.get(*id).map(|node| &node.op), Some(Op::Emit { sink }) if sink == wanted);
    ir.flows.iter().filter(|flow| flow.plane == Plane::Online).flat_map(|flow| &flow.nodes).any(writes)
}

fn one(
    ir: &Arc<Ir>,
    test: &TestPlan,
    plane: &'static str,
    environment: &Environment,
    tables: &Tables,
) -> Result<Option<String>, LocalError> {
    let mut history = History::default();
    let mut tables = tables.clone();
    for (name, rows) in &test.given {
        let Some((number, source)) = find(&environment.names.sources, name) else {
            return Ok(Some(format!("`given {name}`: there is no such source")));
        };
        let mut values = Vec::with_capacity(rows.len());
        for (position, row) in rows.iter().enumerate() {
            match environment.constant(row, test.at.unwrap_or(0))? {
                Ok(value) => values.push(value),
                Err(fault) => return Ok(Some(format!("row {} of `given {name}`: {fault}", position + 1))),
            }
        }
        if source.is_stream() {
            history.chunks.push(given_stream(source, number, &values));
        } else {
            tables.insert(name, given_table(source, &values));
        }
    }
    let mut models = BTreeMap::new();
    for (name, value) in &test.returns {
        match environment.constant(value, test.at.unwrap_or(0))? {
            Ok(value) => models
                .insert(name.clone(), Arc::new(PublishedModel { version: 1, prediction: Prediction::Fixed(value) })),
            Err(fault) => return Ok(Some(format!("`given {name} returns`: {fault}"))),
        };
    }
    let given = BTreeMap::new();
    let parts =
        Parts { ir, names: &environment.names, slots: &environment.slots, tables: &tables, given: &given, now: None };
    let records: usize = history.chunks.iter().map(|chunk| chunk.arriving.offsets.len()).sum();
    // The stream's answer is that of a task that was stopped and restored half way.
    let restart_after = (plane == "stream").then_some(records / 2);
    let services =
        Services::new(Arc::clone(ir), environment.names.clone(), environment.slots.clone(), Arc::new(tables.clone()))?;
    let mut wanted: Vec<NodeId> = test.expectations.iter().flat_map(|one| services.rows_wanted(&one.nodes)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let is_sink = |id: &NodeId| matches!(ir.graph.get(*id).map(|node| &node.op), Some(Op::SinkRows { .. }));
    let (sinks, relations): (Vec<NodeId>, Vec<NodeId>) = wanted.into_iter().partition(is_sink);
    // In the job's plane a sink holds what the job writes, if it does; else what a stream writes.
    let by_stream = |sink: &str| plane != "batch" || !writers(ir, sink).1;
    let mut taps: Vec<NodeId> = relations.clone();
    taps.extend(stream_sinks(ir).into_iter().filter(|(_, sink)| by_stream(sink)).map(|(tap, _)| tap));
    taps.sort_unstable();
    taps.dedup();
    let how = Replay { at: test.at, restart_after, ..Replay::default() };
    let replayed = replay(parts, &taps, &feature_nodes(ir), &history, how)?;
    let at = test.at.unwrap_or(replayed.at);
    let mut received: BTreeMap<String, Vec<Batch>> = BTreeMap::new();
    if plane == "batch" {
        for flow in job::jobs(ir).filter(|flow| asked(ir, test, flow)) {
            let halt = Halt::default();
            let input = JobInput { ir, environment, history: &history, tables: &tables, at, now: at, halt: &halt };
            match job::run(input, flow, &mut |_, _, _| {}) {
                Ok(done) => {
                    for (sink, batch) in done.emitted {
                        received.entry(sink).or_default().push(batch);
                    }
                }
                Err(error) => return Ok(Some(error.to_string())),
            }
        }
    }
    for (node, sink) in stream_sinks(ir).into_iter().filter(|(_, sink)| by_stream(sink)) {
        let batches = replayed.produced.rows.get(&tap(node)).cloned().unwrap_or_default();
        received.entry(sink).or_default().extend(batches);
    }
    let mut given: Given = BTreeMap::new();
    hold(ir, environment, &sinks, &received, &mut given)?;
    for id in relations {
        let Some(node) = ir.graph.get(id) else { continue };
        let schema = environment.names.enums.schema(&node.columns);
        let batches = replayed.produced.rows.get(&tap(id)).map(Vec::as_slice).unwrap_or_default();
        let rows = if batches.is_empty() { Batch::empty(&schema) } else { Batch::concat(&schema, batches) };
        given.insert(id, consolidated(&rows));
    }
    let reads = TestReads { at, state: states(&replayed), models, ir: Arc::clone(ir) };
    for expectation in &test.expectations {
        // What a job writes is nothing to the stream's plane, and the other way round.
        let asked = asks(ir, &expectation.nodes);
        if !asked.is_empty() && !asked.contains(&plane) {
            continue;
        }
        let mut emitted = Vec::new();
        let verdict = services.expectation(&expectation.nodes, at, &reads, &given, &mut emitted);
        if !emitted.is_empty() {
            // What its requests emit is there for those that come after it.
            for Emitted { sink, rows } in emitted {
                received.entry(sink).or_default().push(rows);
            }
            hold(ir, environment, &sinks, &received, &mut given)?;
        }
        match verdict {
            Ok(verdict) if verdict.holds => {}
            Ok(verdict) => {
                return Ok(Some(verdict.explanation.unwrap_or_else(|| "the expectation does not hold".to_owned())));
            }
            Err(why) => return Ok(Some(why)),
        }
    }
    Ok(None)
}

/// Gives the nodes of sinks what these have received.
fn hold(
    ir: &Ir,
    environment: &Environment,
    sinks: &[NodeId],
    received: &BTreeMap<String, Vec<Batch>>,
    given: &mut Given,
) -> Result<(), LocalError> {
    for id in sinks {
        let Some(node) = ir.graph.get(*id) else { continue };
        let Op::SinkRows { sink } = &node.op else { continue };
        let schema = environment.names.enums.schema(&node.columns);
        let batches = received.get(sink).map(Vec::as_slice).unwrap_or_default();
        let rows = if batches.is_empty() { Batch::empty(&schema) } else { Batch::concat(&schema, batches) };
        let rows = match ir.sink(sink) {
            Some(sink) if sink.write == Write::Upsert => taken(sink, rows)?,
            _ => consolidated(&rows),
        };
        given.insert(*id, rows);
    }
    Ok(())
}

/// Whether a test asks for a sink that the job writes.
fn asked(ir: &Ir, test: &TestPlan, job: &fec_ir::ir::FlowPlan) -> bool {
    let nodes: Vec<NodeId> = test.expectations.iter().flat_map(|one| one.nodes.iter().copied()).collect();
    let sinks: Vec<String> = ir
        .graph
        .upstream(&nodes)
        .into_iter()
        .filter_map(|id| match ir.graph.get(id).map(|node| &node.op) {
            Some(Op::SinkRows { sink }) => Some(sink.clone()),
            _ => None,
        })
        .collect();
    let writes =
        |id: &NodeId| matches!(ir.graph.get(*id).map(|node| &node.op), Some(Op::Emit { sink }) if sinks.contains(sink));
    job.nodes.iter().any(writes)
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
        let node =
            feature_nodes(&self.ir).into_iter().find(|node| feature_table(&self.ir, *node) == Some(SetId(table)));
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
