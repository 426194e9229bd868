//! The order of the operators, and what feeds each.

use std::collections::{BTreeMap, BTreeSet};

use fec_ir::{Edge, Node, NodeId, Op};
use fec_model::Symbol;
use fec_model::model::Shape;
use fec_model::types::Column;

use super::sinks::{Streamed, streamed};
use super::{DataflowPlan, Feed, Operator, Picked, PlanError, RowOp, TableRows, Tap, Wanted};

/// Where a node's rows come from, and their columns.
pub(super) type Fed = (Feed, Vec<Column>);

/// A dataflow that grows.
pub(super) struct Wiring<'a> {
    pub(super) wanted: Wanted<'a>,
    pub(super) operators: Vec<Operator>,
    pub(super) feeds: BTreeMap<NodeId, Fed>,
    read: BTreeMap<u32, Vec<Column>>,
    /// The nodes of this dataflow: who else reads one of them is no matter here.
    nodes: BTreeSet<NodeId>,
    /// The nodes whose rows are those of tables and that only lookup joins of this dataflow want: they are computed once and
    /// kept by key.
    looked_up: BTreeSet<NodeId>,
}

pub(super) fn wire(wanted: Wanted<'_>) -> Result<DataflowPlan, PlanError> {
    let mut wiring = Wiring {
        wanted,
        operators: Vec::new(),
        feeds: BTreeMap::new(),
        read: BTreeMap::new(),
        nodes: BTreeSet::new(),
        looked_up: BTreeSet::new(),
    };
    let sinks: BTreeMap<NodeId, Streamed<'_>> =
        wanted.taps.iter().filter_map(|tap| Some((*tap, streamed(wanted.ir, *tap)?))).collect();
    let emits = sinks.values().flat_map(|sink| &sink.emits);
    let roots: Vec<NodeId> = wanted.taps.iter().chain(wanted.features).chain(emits).copied().collect();
    let order = wiring.needed(&roots);
    wiring.nodes = order.iter().copied().collect();
    // Those that want a node's rows stand behind it.
    for id in order.iter().rev() {
        if wiring.is_looked_up(*id) {
            wiring.looked_up.insert(*id);
        }
    }
    wiring.all(&order)?;
    let mut taps = Vec::with_capacity(wanted.taps.len());
    for node in wanted.taps {
        let (feed, columns) = match sinks.get(node) {
            Some(sink) => wiring.sink(*node, sink)?,
            None => wiring.wanted(*node)?,
        };
        taps.push(Tap { node: *node, feed, columns });
    }
    let streams = (0u32..).zip(&wanted.ir.sources).filter(|(_, source)| source.shape == Shape::Stream);
    let judged = streams.filter(|(number, _)| !wiring.read.contains_key(number));
    let judged = judged.map(|(number, source)| (number, source.ty.columns.to_vec())).collect();
    Ok(DataflowPlan { operators: wiring.operators, read: wiring.read, judged, taps })
}

impl<'a> Wiring<'a> {
    /// Everything above `roots`, but not above what is given.
    fn needed(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let graph = &self.wanted.ir.graph;
        let mut needed = BTreeSet::new();
        let mut open = roots.to_vec();
        while let Some(id) = open.pop() {
            if needed.insert(id) && !self.wanted.given.contains_key(&id) {
                open.extend(graph.inputs(id));
            }
        }
        graph.in_order().unwrap_or_default().into_iter().filter(|id| needed.contains(id)).collect()
    }

    pub(super) fn node(&self, id: NodeId) -> Result<&'a Node, PlanError> {
        self.wanted.ir.graph.get(id).ok_or_else(|| PlanError("a node is not there".to_owned()))
    }

    pub(super) fn op(&self, id: NodeId) -> Option<&'a Op> {
        self.wanted.ir.graph.get(id).map(|node| &node.op)
    }

    pub(super) fn feed(&self, id: NodeId) -> Result<Fed, PlanError> {
        match self.feeds.get(&id) {
            Some(fed) => Ok(fed.clone()),
            None => PlanError::new(format!("`{}` has not been built", self.node(id)?.name)),
        }
    }

    /// Wires the nodes one after the other. Those that wait for a feature state wait until all its readers can be fed:
    /// one operator keeps the state and serves all of them.
    fn all(&mut self, order: &[NodeId]) -> Result<(), PlanError> {
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
            self.feature_states(order, &mut waiting, &mut instances, false)?;
            if waiting.len() == before && !self.feature_states(order, &mut waiting, &mut instances, true)? {
                return PlanError::new("the dataflow cannot be put into an order");
            }
        }
        Ok(())
    }

    /// Wires a node that needs nothing but its inputs; tells whether it could.
    fn simple(&mut self, id: NodeId, order: &[NodeId]) -> Result<bool, PlanError> {
        let node = self.node(id)?;
        // What is found by key alone is no source, whoever gives it.
        if let Some(number) = self.wanted.given.get(&id).copied().filter(|_| !self.only_looked_up(id)) {
            self.source(id, number, node.columns.to_vec());
            return Ok(true);
        }
        if matches!(node.op, Op::Features { .. } | Op::KeyedRows { .. } | Op::FeatureRead { .. }) {
            return Ok(false);
        }
        let inputs = self.wanted.ir.graph.inputs(id);
        if self.wanted.ir.reads_kept(id) {
            return Ok(false);
        }
        if self.only_looked_up(id) {
            return Ok(true);
        }
        let waits =
            |input: &NodeId| order.contains(input) && !self.feeds.contains_key(input) && !self.only_looked_up(*input);
        if inputs.iter().any(waits) {
            return Ok(false);
        }
        match &node.op {
            Op::Scan { source } => self.scan(id, source)?,
            _ => {
                let fed = self.operator(id, &inputs)?;
                self.feeds.insert(id, fed);
            }
        }
        self.narrow(id)?;
        Ok(true)
    }

    /// The rows of a source: as they arrive, or all of a table.
    fn scan(&mut self, id: NodeId, name: &str) -> Result<(), PlanError> {
        let Some((number, source)) = (0u32..).zip(&self.wanted.ir.sources).find(|(_, source)| source.name == name)
        else {
            return PlanError::new(format!("there is no source `{name}`"));
        };
        let columns = source.ty.columns.to_vec();
        if (self.wanted.is_table)(name) {
            let op = RowOp::Table { source: name.to_owned() };
            let fed = self.place(id, None, op, Vec::new(), columns)?;
            self.feeds.insert(id, fed);
        } else {
            self.source(id, number, columns);
        }
        Ok(())
    }

    fn only_looked_up(&self, id: NodeId) -> bool {
        self.looked_up.contains(&id)
    }

    /// Whether a node is one that is `looked_up` and no more, when that is known of all that want its rows.
    fn is_looked_up(&self, id: NodeId) -> bool {
        if self.wanted.taps.contains(&id) {
            return false;
        }
        let mut consumers = self.wanted.ir.graph.consumers(id);
        consumers.retain(|(consumer, _)| self.nodes.contains(consumer));
        let by_key = |(consumer, edge): &(NodeId, Edge)| match self.op(*consumer) {
            Some(Op::LookupJoin { .. }) => *edge == Edge::Port(1),
            _ => self.only_looked_up(*consumer),
        };
        !consumers.is_empty() && consumers.iter().all(by_key) && self.is_tabular(id)
    }

    /// Whether everything above a node is a table.
    fn is_tabular(&self, id: NodeId) -> bool {
        self.wanted.ir.graph.upstream(&[id]).into_iter().all(|id| match self.op(id) {
            Some(Op::Scan { source }) => (self.wanted.is_table)(source),
            Some(
                Op::Rows { .. } | Op::SinkRows { .. } | Op::Features { .. } | Op::KeyedRows { .. } | Op::Part { .. },
            )
            | None => false,
            Some(_) => true,
        })
    }

    /// The rows of a table, or of a view over tables, and their columns.
    pub(super) fn table(&self, id: NodeId) -> Result<(TableRows, Vec<Column>), PlanError> {
        let node = self.node(id)?;
        if let Op::Scan { source } = &node.op
            && (self.wanted.is_table)(source)
        {
            let declared = self.wanted.ir.source(source).map(|source| source.ty.columns.to_vec());
            return Ok((TableRows::Source(*source), declared.unwrap_or_default()));
        }
        if !self.is_tabular(id) {
            return PlanError::new(format!("`{}` is looked up and is no table", node.name));
        }
        // Whatever a request gives, the rows of a view are those of whole tables.
        let given = BTreeMap::new();
        let dataflow = Box::new(wire(Wanted { taps: &[id], features: &[], given: &given, ..self.wanted })?);
        let tables = self.wanted.ir.graph.upstream(&[id]).into_iter().filter_map(|id| match self.op(id) {
            Some(Op::Scan { source }) => Some(*source),
            _ => None,
        });
        let tables: BTreeSet<Symbol> = tables.collect();
        Ok((TableRows::View { dataflow, tables: tables.into_iter().collect() }, node.columns.to_vec()))
    }

    fn source(&mut self, id: NodeId, number: u32, columns: Vec<Column>) {
        self.read.insert(number, columns.clone());
        self.feeds.insert(id, (Feed::Source(number), columns));
    }

    /// Adds an operator with one output.
    pub(super) fn place(
        &mut self,
        id: NodeId,
        name: Option<String>,
        op: RowOp,
        inputs: Vec<Fed>,
        output: Vec<Column>,
    ) -> Result<Fed, PlanError> {
        let at = self.add(id, name, op, inputs, vec![output.clone()])?;
        Ok((Feed::Output(at, 0), output))
    }

    /// Adds an operator; gives its position.
    pub(super) fn add(
        &mut self,
        id: NodeId,
        name: Option<String>,
        op: RowOp,
        inputs: Vec<Fed>,
        outputs: Vec<Vec<Column>>,
    ) -> Result<usize, PlanError> {
        let span = self.node(id)?.span;
        let flow = self.flow(id);
        let (feeds, inputs) = inputs.into_iter().unzip();
        self.operators.push(Operator { name, node: id, span, flow, op, feeds, inputs, outputs });
        Ok(self.operators.len() - 1)
    }

    /// Lets a node's rows have exactly the plan's columns, in the plan's order.
    pub(super) fn narrow(&mut self, id: NodeId) -> Result<(), PlanError> {
        let fed = self.feed(id)?;
        let fed = self.picked(id, fed, self.node(id)?.columns.to_vec())?;
        self.feeds.insert(id, fed);
        Ok(())
    }

    /// The columns of `wanted`, picked by name, for the node `id`.
    pub(super) fn picked(&mut self, id: NodeId, from: Fed, wanted: Vec<Column>) -> Result<Fed, PlanError> {
        let names = |columns: &[Column]| columns.iter().map(|column| column.name).collect::<Vec<_>>();
        if names(&from.1) == names(&wanted) {
            return Ok((from.0, wanted));
        }
        let mut picks = Vec::with_capacity(wanted.len());
        for column in &wanted {
            match from.1.iter().position(|known| known.name == column.name) {
                Some(position) => picks.push(Picked::Column(position)),
                None => return PlanError::new(format!("there is no column `{}` to pass on", column.name)),
            }
        }
        self.place(id, None, RowOp::Pick(picks), vec![from], wanted)
    }

    /// The name under which a node's dead letters go: its flow, its feature set, or its view.
    pub(super) fn flow(&self, id: NodeId) -> String {
        let name = self.wanted.ir.graph.get(id).map(|node| node.name.as_str()).unwrap_or_default();
        let path = ["features/", "views/"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        path.split('/').next().unwrap_or(path).to_owned()
    }
}
