//! What the tests share: schemas, events, the way from events to micro-batches, and results that can be compared.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::builder::ColumnBuilder;
use flow_core::fault::Fault;
use flow_core::program::{Comparison, ProgramBuilder};
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::{Cell, Value};
use flow_operators::accept::{Arriving, Gate, GateSpec};
use flow_operators::expression::{Expr, Input};
use flow_operators::graph::{Feed, Graph, NodeId, Outputs, SinkId};
use flow_operators::interval_join::{Interval, IntervalJoin};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::merge::{Merger, MicroBatch};
use flow_operators::operator::DeadLetter;
use flow_operators::order::Order;
use proptest::prelude::*;

pub const SECOND: i64 = 1_000_000;
pub const LATENESS: i64 = 10 * SECOND;

/// `{ k: string?, n: int, at: timestamp, id: int? }`
pub fn schema() -> Arc<Schema> {
    let field = |name: &str, ty| Field { name: name.to_owned(), ty };
    Arc::new(Schema {
        fields: vec![
            field("k", DataType::optional(Kind::String)),
            field("n", DataType::required(Kind::Int)),
            field("at", DataType::required(Kind::Timestamp)),
            field("id", DataType::optional(Kind::Int)),
        ],
    })
}

/// One event of a source.
#[derive(Debug, Clone)]
pub struct Event {
    pub source: u32,
    pub partition: u32,
    pub offset: i64,
    pub stamp: i64,
    pub key: Option<&'static str>,
    pub n: Result<i64, Fault>,
    pub at: i64,
    pub id: Option<i64>,
}

pub fn gate(source: u32, lateness: i64) -> Gate {
    Gate::new(GateSpec {
        name: format!("source {source}").into(),
        source,
        time: Some(2),
        arrival_is_event_time: false,
        lateness,
        ahead: None,
        unique: vec![3],
    })
}

pub fn columns(events: &[Event]) -> Vec<flow_core::column::Column> {
    let schema = schema();
    let mut builders: Vec<ColumnBuilder> =
        schema.fields.iter().map(|field| ColumnBuilder::new(&field.ty.kind, events.len())).collect();
    for event in events {
        builders[0].push(Ok(event.key.map_or(Cell::Absent, Cell::String)));
        builders[1].push(event.n.map(Cell::Int));
        builders[2].push(Ok(Cell::Int(event.at)));
        builders[3].push(Ok(event.id.map_or(Cell::Absent, Cell::Int)));
    }
    builders.into_iter().map(ColumnBuilder::finish).collect()
}

pub fn arriving(events: &[Event]) -> Arriving {
    Arriving {
        partition: events.first().map_or(0, |event| event.partition),
        offsets: events.iter().map(|event| event.offset).collect(),
        stamps: events.iter().map(|event| Some(event.stamp)).collect(),
        columns: columns(events),
        refused: Vec::new(),
    }
}

/// The accepted events of each partition, through the gates of their sources.
pub fn accepted(events: &[Event], lateness: i64) -> (BTreeMap<Origin, Batch>, Vec<DeadLetter>) {
    let mut by_partition: BTreeMap<Origin, Vec<Event>> = BTreeMap::new();
    for event in events {
        let origin = Origin { source: event.source, partition: event.partition };
        by_partition.entry(origin).or_default().push(event.clone());
    }
    let mut gates: BTreeMap<u32, Gate> = BTreeMap::new();
    let mut dead = Vec::new();
    let batches = by_partition
        .into_iter()
        .map(|(origin, events)| {
            let gate = gates.entry(origin.source).or_insert_with(|| gate(origin.source, lateness));
            (origin, gate.accept(&arriving(&events), &mut dead))
        })
        .collect();
    (batches, dead)
}

/// All rows in arrival order, cut into micro-batches of the given sizes, taken round robin.
pub fn micro_batches(accepted: &BTreeMap<Origin, Batch>, sizes: &[usize]) -> Vec<MicroBatch> {
    let sources = accepted.keys().map(|origin| (origin.source, schema()));
    let mut merger = Merger::new(sources);
    for (origin, batch) in accepted {
        merger.push(*origin, batch.clone());
    }
    for origin in accepted.keys() {
        merger.silent(*origin, true);
    }
    let mut out = Vec::new();
    for size in sizes.iter().cycle() {
        let batch = merger.next(*size);
        if batch.rows.is_empty() {
            break;
        }
        out.push(batch);
    }
    out
}

/// A row as a test sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub cells: Vec<Result<Value, Fault>>,
    pub time: i64,
    pub order: Order,
    pub weight: i8,
}

pub fn rows(batch: &Batch) -> Vec<Row> {
    (0..batch.rows)
        .map(|row| Row {
            cells: batch.columns.iter().map(|column| column.value(row)).collect(),
            time: batch.time[row],
            order: Order::of(batch, row),
            weight: batch.weight[row],
        })
        .collect()
}

/// State as a store would hold it.
pub type Stored = BTreeMap<(NodeId, Vec<u8>), Vec<u8>>;

pub fn store(stored: &mut Stored, graph: &mut Graph) {
    for (node, changes) in graph.freeze() {
        for change in changes {
            match change.value {
                Some(value) => stored.insert((node, change.key), value),
                None => stored.remove(&(node, change.key)),
            };
        }
    }
}

/// Everything that a run gave.
#[derive(Debug, Default, PartialEq)]
pub struct Results {
    pub rows: BTreeMap<SinkId, Vec<Row>>,
    pub dead: Vec<String>,
    pub stored: Stored,
}

impl Results {
    pub fn add(&mut self, outputs: Outputs) {
        for (sink, batch) in outputs.rows {
            self.rows.entry(sink).or_default().extend(rows(&batch));
        }
        self.dead.extend(outputs.dead.iter().map(|dead| format!("{dead:?}")));
    }

    /// Dead letters of one micro-batch come operator by operator: only their set is determined.
    pub fn finished(mut self) -> Self {
        self.dead.sort();
        self
    }
}

/// What changes add up to, by row and time.
pub fn consolidated(rows: &[Row]) -> BTreeMap<String, i64> {
    let mut out: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows {
        *out.entry(format!("{} {:?}", row.time, row.cells)).or_default() += i64::from(row.weight);
    }
    out.retain(|_, weight| *weight != 0);
    out
}

/// `left.n < right.n` over a pair of rows of [`schema`], the right one from column `right` on.
pub fn less(pair: &Schema, left: usize, right: usize) -> Expr {
    let mut builder = ProgramBuilder::new(pair);
    let (left, right) = (builder.column(left).unwrap(), builder.column(right).unwrap());
    let result = builder.compare(Comparison::Less, left, right).unwrap();
    Arc::new(builder.finish(vec![result]))
}

fn event() -> impl Strategy<Value = (u32, u32, i64, i64, Option<usize>, u8, i64, Option<i64>)> {
    (
        0_u32..2,
        0_u32..2,
        0_i64..4,
        -3_i64..13,
        proptest::option::weighted(0.9, 0_usize..3),
        0_u8..20,
        -5_i64..5,
        proptest::option::of(0_i64..60),
    )
}

/// Events whose stamps mostly rise, with disorder inside and outside of the lateness, equal times, absent keys and faults.
pub fn events() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(event(), 1..60).prop_map(|all| {
        let mut stamp = 0;
        let mut offsets = [[0_i64; 2]; 2];
        all.into_iter()
            .map(|(source, partition, step, behind, key, bad, n, id)| {
                stamp += step * SECOND;
                let offset = &mut offsets[source as usize][partition as usize];
                *offset += 1;
                Event {
                    source,
                    partition,
                    offset: *offset,
                    stamp,
                    key: key.map(|key| ["a", "b", "c"][key]),
                    n: if bad == 0 { Err(Fault::Malformed) } else { Ok(n) },
                    at: stamp - behind * SECOND,
                    id,
                }
            })
            .collect()
    })
}

pub fn column(position: usize) -> Vec<Expr> {
    vec![Input::column(position)]
}

pub fn join_spec(kind: JoinKind, pick: Pick, left: Arc<Schema>) -> JoinSpec {
    let mut spec = JoinSpec {
        kind,
        pick,
        left,
        right: schema(),
        left_keys: column(0),
        right_keys: column(0),
        residual: None,
        alias: "r".to_owned(),
        flow: "join".into(),
    };
    spec.residual = Some(less(&spec.pair(), 1, spec.left.fields.len() + 1));
    spec
}

/// Two sources of [`schema`], joined where the right row is from 5 s before to 15 s after the left one.
pub struct Joined {
    pub right: Feed,
    pub feed: Feed,
    pub schema: Arc<Schema>,
    /// How long after its time a row can still be taken back.
    pub settle: i64,
}

pub fn joined(graph: &mut Graph, kind: JoinKind, pick: Pick) -> Joined {
    let (left, right) = (graph.source(0, schema()), graph.source(1, schema()));
    let (low, high) = (-5 * SECOND, 15 * SECOND);
    let interval = Interval { low, high, left_lateness: LATENESS, right_lateness: LATENESS };
    let join = IntervalJoin::new(join_spec(kind, pick, schema()), interval);
    let schema = join.schema();
    let feed = Feed::Output(graph.add(Box::new(join), vec![left, right]).unwrap(), 0);
    Joined { right, feed, schema, settle: high + LATENESS }
}

pub fn kinds() -> impl Strategy<Value = (JoinKind, Pick)> {
    let kinds = [JoinKind::Inner, JoinKind::Left, JoinKind::Semi, JoinKind::Anti];
    (proptest::sample::select(kinds.to_vec()), proptest::sample::select(vec![Pick::All, Pick::First, Pick::Latest]))
}
