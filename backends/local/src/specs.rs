//! The sources, sinks and the simulation of a plan in the runtime's words, and the plan's fingerprint.

use std::collections::BTreeMap;
use std::sync::Arc;

use fec_ir::ir::FlowPlan;
use fec_ir::{Ir, NodeId};
use fec_model::model::{self, Sink, Source, TimeUnit};
use fec_plan::dataflow::{Wanted, dataflow, written_by_jobs};
use fec_plan::workers::computed;
use fec_plan::{Work, deployment, workers};
use flow_core::functions::TimeUnit as CoreUnit;
use flow_formats::Format;
use flow_task::simulate::Simulation;
use flow_task::{Shape, SinkSpec, SourceSpec, Tap};
use serde::Serialize;
use serde_json::Value;

use crate::error::LocalError;
use crate::types::{Enums, names};

/// How state and output lie in the log: another layout begins a new generation, as another plan does.
const LAYOUT: &[u8] = b"a task for each worker, parts of blocks behind their lengths";

/// Where the rows of a node are tapped.
#[must_use]
pub fn tap(node: NodeId) -> Tap {
    Tap(node.number())
}

/// The sources of a plan, in the order of their names.
#[must_use]
pub fn sources(ir: &Ir, enums: &Enums) -> Arc<[SourceSpec]> {
    ir.sources.iter().map(|source| self::source(source, enums)).collect()
}

fn source(source: &Source, enums: &Enums) -> SourceSpec {
    SourceSpec {
        name: source.name.to_string(),
        shape: shape(source.shape),
        schema: Arc::new(enums.schema(&source.ty.columns)),
        topic: source.topic.clone(),
        file: source.file.clone(),
        path: source.path.clone(),
        history: source.history.clone(),
        format: match source.format {
            model::Format::Json => Format::Json,
            model::Format::Csv => Format::Csv,
            model::Format::Parquet => Format::Parquet,
        },
        unit: source.unit.map(|unit| match unit {
            TimeUnit::Seconds => CoreUnit::Second,
            TimeUnit::Milliseconds => CoreUnit::Millisecond,
            TimeUnit::Microseconds => CoreUnit::Microsecond,
        }),
        key: names(&source.key),
        time: source.time.map(String::from),
        arrival_is_event_time: source.arrival_is_event_time,
        lateness: source.lateness,
        ahead: source.ahead,
        unique: names(&source.unique),
        versions: source.versions.map(String::from),
    }
}

/// The sinks of a plan, in the order of their names.
#[must_use]
pub fn sinks(ir: &Ir, enums: &Enums) -> Vec<SinkSpec> {
    ir.sinks.iter().map(|sink| self::sink(ir, sink, enums)).collect()
}

fn sink(ir: &Ir, sink: &Sink, enums: &Enums) -> SinkSpec {
    SinkSpec {
        name: sink.name.to_string(),
        schema: Arc::new(enums.schema(&sink.columns)),
        key: names(&sink.key),
        upsert: sink.write == model::Write::Upsert,
        by_jobs: written_by_jobs(ir, &sink.name),
    }
}

fn shape(shape: model::Shape) -> Shape {
    match shape {
        model::Shape::Stream => Shape::Stream,
        model::Shape::Table => Shape::Table,
        model::Shape::Rows => Shape::Rows,
    }
}

/// What the local target simulates; nothing where it simulates nothing.
#[must_use]
pub fn simulation(ir: &Ir) -> Option<Simulation> {
    let local = ir.targets.iter().find(|target| target.name == "local")?;
    let settings = local.simulate.as_ref()?;
    Some(Simulation {
        generator: settings.generator.clone(),
        seed: settings.seed,
        rows: settings.rows,
        rate: settings.rate,
    })
}

/// A hash of what the workers of a plan compute and keep: state that was written under another begins anew. It does not
/// change when the text only moves, nor with what services and jobs do.
///
/// # Errors
/// A plan that cannot be written down, which none is.
pub fn fingerprint(ir: &Ir) -> Result<String, LocalError> {
    let mut parts = vec![common(ir)?, json(&ir.sinks)?];
    for info in &ir.features {
        let node = ir.graph.get(info.node).map(|node| &node.name);
        parts.push(json(&(&info.name, &info.keys, &info.columns, node))?);
    }
    for work in workers(&deployment(ir, None)) {
        let sinks: Vec<&String> = work.sinks.iter().map(|(_, sink)| sink).collect();
        parts.push(json(&(&work.name, work.number, work.of, work.keeps_features, sinks))?);
        // State lies in tables that are numbered in the order of the operators.
        parts.extend(computed(ir, &work).into_iter().map(|id| node(ir, id)).collect::<Result<Vec<_>, _>>()?);
        parts.push(json(&operators(ir, &work)?)?);
    }
    Ok(hashed(LAYOUT, parts))
}

/// The names of a worker's operators in their order: a node that is only looked up is none, and those of one feature state
/// are one.
///
/// # Errors
/// A plan that no checked solution has.
pub fn operators(ir: &Ir, work: &Work) -> Result<Vec<Option<String>>, LocalError> {
    let taps: Vec<NodeId> = work.sinks.iter().map(|(tap, _)| *tap).collect();
    let is_table = |name: &str| ir.is_table(name);
    let given = BTreeMap::new();
    let wanted = Wanted { ir, taps: &taps, features: &work.features, given: &given, is_table: &is_table };
    let plan = dataflow(wanted).map_err(|error| LocalError::Plan(error.to_string()))?;
    Ok(plan.operators.into_iter().map(|operator| operator.name).collect())
}

/// A hash of what a job computes: one that has changed works on the same events again.
///
/// # Errors
/// As [`fingerprint`].
pub fn job_fingerprint(ir: &Ir, job: &FlowPlan) -> Result<String, LocalError> {
    let mut parts = vec![common(ir)?, json(&(&job.path, &job.params, job.settings.tolerate))?];
    for id in ir.graph.upstream(&job.nodes) {
        parts.push(node(ir, id)?);
    }
    Ok(hashed(b"a job", parts))
}

/// What every expression may depend on.
fn common(ir: &Ir) -> Result<Value, LocalError> {
    json(&(&ir.name, &ir.timezone, &ir.enums, &ir.types, &ir.params, &ir.sources))
}

/// A node, and the names of those that it reads: their numbers change with what stands beside them.
fn node(ir: &Ir, id: NodeId) -> Result<Value, LocalError> {
    let Some(node) = ir.graph.get(id) else { return Ok(Value::Null) };
    let name = |id: &NodeId| ir.graph.get(*id).map(|node| node.name.clone());
    let inputs: Vec<_> = ir.graph.inputs(id).iter().map(name).collect();
    let bindings: Vec<_> = ir.graph.bindings(id).iter().map(name).collect();
    let mut value = json(node)?;
    if let Value::Object(fields) = &mut value {
        // Who else runs it is no part of what it does.
        fields.remove("planes");
    }
    json(&(value, inputs, bindings))
}

/// A part of a plan as JSON, without what only tells where and why it was written.
fn json(part: &impl Serialize) -> Result<Value, LocalError> {
    fn without_spans(value: &mut Value) {
        match value {
            Value::Object(object) => {
                for field in ["span", "docs"] {
                    object.remove(field);
                }
                object.values_mut().for_each(without_spans);
            }
            Value::Array(list) => list.iter_mut().for_each(without_spans),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(part).map_err(|error| LocalError::Plan(error.to_string()))?;
    without_spans(&mut value);
    Ok(value)
}

fn hashed(what: &[u8], parts: Vec<Value>) -> String {
    let mut hash = flow_core::trees::Fnv128::default();
    hash.write(what);
    hash.write(Value::Array(parts).to_string().as_bytes());
    format!("{:032x}", hash.finish())
}
