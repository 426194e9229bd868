//! The plan's row operators wired into the runtime's graph.

mod constant;
pub mod features;
mod operators;
pub mod sinks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fec_ir::{Ir, Node, NodeId, Op};
use fec_model::model::Shape;
use flow_core::batch::Batch;
use flow_core::program::Now;
use flow_core::types::Schema;
use flow_core::value::Value;
use flow_operators::expression::{Environment, Expr as Expression, Input};
use flow_operators::fused::{Fused, Step};
use flow_operators::graph::{Feed, Graph, NodeId as OperatorId};
use flow_operators::merge::MicroBatch;

use crate::error::LocalError;
use crate::expr::Names;
use crate::tables::{Loaded, Tables};

/// A graph of operators, and what its parts stand for in the plan.
pub struct Dataflow {
    /// The operators.
    pub graph: Graph,
    /// The plan's node behind each sink of the graph, in the order of the sinks.
    pub taps: Vec<NodeId>,
    /// Columns of each stream source, by number: also of those that nothing reads, which are judged and counted all the
    /// same, for T is after the last arrival of all.
    pub sources: BTreeMap<u32, Arc<Schema>>,
    /// The sources that feed it.
    pub read: BTreeSet<u32>,
    /// The stable name of each operator: its state is found again by it.
    pub names: BTreeMap<OperatorId, String>,
    /// Columns of each tap.
    pub schemas: BTreeMap<NodeId, Arc<Schema>>,
}

/// What a dataflow is built from.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The plan.
    pub ir: &'a Ir,
    /// What expressions see besides their row.
    pub names: &'a Names,
    /// Values by slot.
    pub slots: &'a [Value],
    /// Tables, read.
    pub tables: &'a Tables,
    /// Nodes whose rows are there already: each is fed as a source of this number.
    pub given: &'a BTreeMap<NodeId, u32>,
    /// What `now` is; `None` is each row's own time.
    pub now: Option<i64>,
}

/// Builds the dataflow that gives the rows of `taps`, and keeps the state of `features` too. An `emit` of a stream gives
/// what its sink takes, from all that is emitted there.
///
/// # Errors
/// A plan that no checked solution has.
pub fn build(parts: Parts<'_>, taps: &[NodeId], features: &[NodeId]) -> Result<Dataflow, LocalError> {
    let now = parts.now.map_or(Now::Row, Now::At);
    let env = Environment { now, slots: parts.slots.to_vec() };
    let mut wiring = Wiring {
        parts,
        graph: Graph::new(env),
        feeds: BTreeMap::new(),
        sources: BTreeMap::new(),
        names: BTreeMap::new(),
    };
    let streamed: BTreeMap<NodeId, sinks::Streamed<'_>> =
        taps.iter().filter_map(|tap| Some((*tap, sinks::streamed(parts.ir, *tap)?))).collect();
    let emits = streamed.values().flat_map(|sink| &sink.emits);
    let wanted: Vec<NodeId> = taps.iter().chain(features).chain(emits).copied().collect();
    wiring.wire(&wiring.needed(&wanted), features)?;
    let mut schemas = BTreeMap::new();
    for tap in taps {
        let (feed, schema) = match streamed.get(tap) {
            Some(sink) => wiring.sink(sink)?,
            None => wiring.feed(*tap)?,
        };
        wiring.graph.sink(feed)?;
        schemas.insert(*tap, schema);
    }
    let mut sources = wiring.sources;
    let read = sources.keys().copied().collect();
    for (number, source) in (0u32..).zip(&parts.ir.sources).filter(|(_, source)| source.shape == Shape::Stream) {
        sources.entry(number).or_insert_with(|| Arc::new(parts.names.enums.schema(&source.ty.columns)));
    }
    Ok(Dataflow { graph: wiring.graph, taps: taps.to_vec(), sources, read, names: wiring.names, schemas })
}

/// Where a node's rows come from, and their columns.
type Fed = (Feed, Arc<Schema>);

struct Wiring<'a> {
    parts: Parts<'a>,
    graph: Graph,
    feeds: BTreeMap<NodeId, Fed>,
    sources: BTreeMap<u32, Arc<Schema>>,
    names: BTreeMap<OperatorId, String>,
}

impl Wiring<'_> {
    /// Everything above `roots`, but not above what is given.
    fn needed(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let mut needed = BTreeSet::new();
        let mut open = roots.to_vec();
        while let Some(id) = open.pop() {
            if needed.insert(id) && !self.parts.given.contains_key(&id) {
                open.extend(self.parts.ir.graph.inputs(id));
            }
        }
        let order = self.parts.ir.graph.in_order().unwrap_or_default();
        order.into_iter().filter(|id| needed.contains(id)).collect()
    }

    fn node(&self, id: NodeId) -> Result<&Node, LocalError> {
        self.parts.ir.graph.get(id).ok_or_else(|| LocalError::Plan("a node is not there".to_owned()))
    }

    fn feed(&self, id: NodeId) -> Result<Fed, LocalError> {
        self.feeds.get(&id).cloned().ok_or_else(|| match self.node(id) {
            Ok(node) => LocalError::Plan(format!("`{}` has not been built", node.name)),
            Err(error) => error,
        })
    }

    /// Wires the nodes one after the other. Those that wait for a feature state wait until all its readers can be fed:
    /// one operator keeps the state and serves all of them.
    fn wire(&mut self, order: &[NodeId], kept: &[NodeId]) -> Result<(), LocalError> {
        let mut waiting: Vec<NodeId> = order.to_vec();
        let mut instances: BTreeMap<NodeId, usize> = BTreeMap::new();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut left = Vec::new();
            for id in waiting {
                if !self.simple(id, order)? {
                    left.push(id);
                }
            }
            waiting = left;
            self.feature_states(order, &mut waiting, kept, &mut instances, false)?;
            if waiting.len() == before && !self.feature_states(order, &mut waiting, kept, &mut instances, true)? {
                return Err(LocalError::Plan("the dataflow cannot be put into an order".to_owned()));
            }
        }
        Ok(())
    }

    /// Wires a node that needs nothing but its inputs; tells whether it could.
    fn simple(&mut self, id: NodeId, order: &[NodeId]) -> Result<bool, LocalError> {
        if let Some(number) = self.parts.given.get(&id).copied() {
            let schema = Arc::new(self.parts.names.enums.schema(&self.node(id)?.columns));
            self.source(id, number, schema);
            return Ok(true);
        }
        let node = self.node(id)?;
        if matches!(node.op, Op::Features { .. } | Op::FeatureRead { .. }) {
            return Ok(false);
        }
        let inputs = self.parts.ir.graph.inputs(id);
        if self.only_looked_up(id) {
            return Ok(true);
        }
        let waits =
            |input: &NodeId| order.contains(input) && !self.feeds.contains_key(input) && !self.only_looked_up(*input);
        if inputs.iter().any(waits) {
            return Ok(false);
        }
        if let Op::Scan { source } = &node.op {
            let Some(number) = self.parts.ir.sources.iter().position(|known| known.name == *source) else {
                return Err(LocalError::Plan(format!("there is no source `{source}`")));
            };
            if let Some(table) = self.parts.tables.get(source) {
                let (rows, schema) = (table.rows.clone(), Arc::clone(&table.schema));
                let operator = self.graph.add(Box::new(constant::Constant::new(rows)), Vec::new())?;
                self.feeds.insert(id, (Feed::Output(operator, 0), schema));
                self.narrow(id)?;
                return Ok(true);
            }
            let declared =
                self.parts.ir.sources.get(number).map(|source| source.ty.columns.clone()).unwrap_or_default();
            let schema = Arc::new(self.parts.names.enums.schema(&declared));
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            self.source(id, number, schema);
            self.narrow(id)?;
            return Ok(true);
        }
        let fed = self.operator(id, &inputs)?;
        self.feeds.insert(id, fed);
        self.narrow(id)?;
        Ok(true)
    }

    /// Whether a node's rows are those of tables and only lookup joins want them: they are computed once and kept by key.
    fn only_looked_up(&self, id: NodeId) -> bool {
        let ir = self.parts.ir;
        let consumers = ir.graph.consumers(id);
        let by_key = |(consumer, edge): &(NodeId, fec_ir::Edge)| match ir.graph.get(*consumer).map(|node| &node.op) {
            Some(Op::LookupJoin { .. }) => *edge == fec_ir::Edge::Port(1),
            _ => self.only_looked_up(*consumer),
        };
        !consumers.is_empty() && self.is_tabular(id) && consumers.iter().all(by_key)
    }

    /// Whether everything above a node is a table.
    fn is_tabular(&self, id: NodeId) -> bool {
        self.parts.ir.graph.upstream(&[id]).into_iter().all(|id| {
            match self.parts.ir.graph.get(id).map(|node| &node.op) {
                Some(Op::Scan { source }) => self.parts.tables.get(source).is_some(),
                Some(Op::Rows { .. } | Op::SinkRows { .. } | Op::Features { .. } | Op::Part { .. }) | None => false,
                Some(_) => true,
            }
        })
    }

    /// The rows of a table, or of a view over tables.
    fn table(&self, id: NodeId) -> Result<Loaded, LocalError> {
        let node = self.node(id)?;
        if let Op::Scan { source } = &node.op
            && let Some(table) = self.parts.tables.get(source)
        {
            return Ok(table.clone());
        }
        if !self.is_tabular(id) {
            return Err(LocalError::Plan(format!("`{}` is looked up and is no table", node.name)));
        }
        let mut dataflow = build(self.parts, &[id], &[])?;
        let schema = Arc::new(self.parts.names.enums.schema(&node.columns));
        let begun = dataflow.graph.push(&MicroBatch::default())?;
        let ended = dataflow.graph.finish()?;
        let rows: Vec<Batch> = begun.rows.into_iter().chain(ended.rows).map(|(_, batch)| batch).collect();
        let rows = if rows.is_empty() { Batch::empty(&schema) } else { Batch::concat(&schema, &rows) };
        Ok(Loaded { schema, rows, key: node.key.clone(), version: None })
    }

    fn source(&mut self, id: NodeId, number: u32, schema: Arc<Schema>) {
        let feed = self.graph.source(number, Arc::clone(&schema));
        self.sources.insert(number, Arc::clone(&schema));
        self.feeds.insert(id, (feed, schema));
    }

    /// Lets a node's rows have exactly the plan's columns, in the plan's order.
    fn narrow(&mut self, id: NodeId) -> Result<(), LocalError> {
        let wanted = self.parts.names.enums.schema(&self.node(id)?.columns);
        let (feed, schema) = self.feed(id)?;
        let fed = self.picked(feed, &schema, wanted)?;
        self.feeds.insert(id, fed);
        Ok(())
    }

    /// The columns of `wanted`, picked by name.
    fn picked(&mut self, feed: Feed, from: &Arc<Schema>, wanted: Schema) -> Result<Fed, LocalError> {
        if from.fields.iter().map(|field| &field.name).eq(wanted.fields.iter().map(|field| &field.name)) {
            return Ok((feed, Arc::new(wanted)));
        }
        let mut columns: Vec<Expression> = Vec::with_capacity(wanted.fields.len());
        for field in &wanted.fields {
            match from.position(&field.name) {
                Some(position) => columns.push(Input::column(position)),
                None => return Err(LocalError::Plan(format!("there is no column `{}` to pass on", field.name))),
            }
        }
        let pick = Fused::new(vec![Step::Project(columns)], Arc::from("columns"));
        let id = self.graph.add(Box::new(pick), vec![feed])?;
        Ok((Feed::Output(id, 0), Arc::new(wanted)))
    }

    /// The name under which a node's dead letters go: its flow, or its feature set.
    fn flow(&self, id: NodeId) -> Arc<str> {
        let name = self.parts.ir.graph.get(id).map(|node| node.name.as_str()).unwrap_or_default();
        let path = name.strip_prefix("features/").unwrap_or(name);
        Arc::from(path.split('/').next().unwrap_or(path))
    }
}
