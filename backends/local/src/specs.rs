//! The sources, sinks and the simulation of a plan in the runtime's words, and the plan's fingerprint.

use std::sync::Arc;

use fec_ir::{Ir, NodeId};
use fec_model::model::{self, Sink, Source, TimeUnit};
use flow_core::functions::TimeUnit as CoreUnit;
use flow_formats::Format;
use flow_task::simulate::Simulation;
use flow_task::{Shape, SinkSpec, SourceSpec, Tap};

use crate::error::LocalError;
use crate::types::Enums;

/// How state and output lie in the log: another layout begins a new generation, as another plan does.
const LAYOUT: &[u8] = b"a task for each worker";

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
        name: source.name.clone(),
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
        key: source.key.clone(),
        time: source.time.clone(),
        arrival_is_event_time: source.arrival_is_event_time,
        lateness: source.lateness,
        ahead: source.ahead,
        unique: source.unique.clone(),
        versions: source.versions.clone(),
    }
}

/// The sinks of a plan, in the order of their names.
#[must_use]
pub fn sinks(ir: &Ir, enums: &Enums) -> Vec<SinkSpec> {
    ir.sinks.iter().map(|sink| self::sink(sink, enums)).collect()
}

fn sink(sink: &Sink, enums: &Enums) -> SinkSpec {
    SinkSpec {
        name: sink.name.clone(),
        schema: Arc::new(enums.schema(&sink.columns)),
        key: sink.key.clone(),
        upsert: sink.write == model::Write::Upsert,
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

/// A hash of the plan that does not change when the text only moves.
///
/// # Errors
/// A plan that cannot be written down, which none is.
pub fn fingerprint(ir: &Ir) -> Result<String, LocalError> {
    fn without_spans(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(object) => {
                object.remove("span");
                object.remove("docs");
                object.remove("tests");
                object.values_mut().for_each(without_spans);
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(without_spans),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(ir).map_err(|error| LocalError::Plan(error.to_string()))?;
    without_spans(&mut value);
    let mut hash = flow_core::trees::Fnv128::default();
    hash.write(LAYOUT);
    hash.write(value.to_string().as_bytes());
    Ok(format!("{:032x}", hash.finish()))
}
