//! The DAG: nodes with typed columns, edges with ports. petgraph holds the edges; everybody else sees [`NodeId`]s.

use std::collections::BTreeSet;

use fec_diagnostics::Span;
use fec_model::Symbol;
use fec_model::model::BindingSettings;
use fec_model::types::{Boundedness, Columns};
use petgraph::Direction;
use petgraph::algo::toposort;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::op::Op;
use crate::planes::Planes;

/// A node of a [`Graph`]; stays the same when other nodes come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct NodeId(u32);

impl NodeId {
    /// Its number, as in the JSON.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

/// How one node uses another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// Its rows (or model) arrive at this input port.
    Port(u32),
    /// Its value is read by name in an expression.
    Binding,
}

/// One operator with what it gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Stable name: declaration path, binding and kind; unique in a graph. State is found again by it.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// Columns of its rows; for a scalar node one column with its binding's name.
    pub columns: Columns,
    /// Key columns, where rows have a key.
    pub key: Vec<Symbol>,
    /// Whether its rows end.
    pub boundedness: Boundedness,
    /// Rows may be taken back by later ones.
    pub changes: bool,
    /// Rows have event time and a place in arrival order.
    pub timed: bool,
    /// A row of time t arrives before the frontier passes t + `delay` microseconds.
    pub delay: i64,
    /// A row of time t changes for the last time before the frontier passes t + `settle`; `None` where rows never change.
    pub settle: Option<i64>,
    /// The flows' planes in which it runs.
    pub planes: Planes,
    /// The binding whose value it is: of a scalar node, a training, a split or an evaluation.
    pub binding: Option<Symbol>,
    /// `@timeout`, `@fallback`, `@retry` of the binding.
    pub settings: BindingSettings,
    /// Conditions of enclosing `if`s over bindings, each with the outcome wanted.
    pub guards: Vec<(fec_model::expr::Expr, bool)>,
    /// Where it was written.
    pub span: Span,
}

/// The nodes of a solution and how they feed each other.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The edges alone, so that walks over them stay within little memory.
    inner: StableDiGraph<(), Edge, u32>,
    /// Nodes by number, each for itself: they are large, and the list grows.
    nodes: Vec<Option<Box<Node>>>,
    changed: Changed,
}

/// What may have changed in a graph since it was last asked.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// Nodes that were added or handed out to be changed, and those that something else feeds now; some more than once.
    pub nodes: Vec<NodeId>,
    /// There are new edges.
    pub connected: bool,
}

impl Changed {
    fn note(&mut self, id: NodeId) {
        if self.nodes.last() != Some(&id) {
            self.nodes.push(id);
        }
    }
}

impl Graph {
    /// Adds a node whose ports 0, 1, … are fed by `inputs`.
    pub fn add(&mut self, node: Node, inputs: &[NodeId]) -> NodeId {
        let id = node_id(self.inner.add_node(()));
        let place = id.0 as usize;
        if self.nodes.len() <= place {
            self.nodes.resize_with(place + 1, || None);
        }
        if let Some(free) = self.nodes.get_mut(place) {
            *free = Some(Box::new(node));
        }
        self.changed.note(id);
        for (port, input) in (0u32..).zip(inputs) {
            self.connect(*input, id, Edge::Port(port));
        }
        id
    }

    /// Adds an edge.
    pub fn connect(&mut self, from: NodeId, to: NodeId, edge: Edge) {
        if self.get(from).is_some() && self.get(to).is_some() {
            self.inner.add_edge(index(from), index(to), edge);
            self.changed.note(to);
            self.changed.connected = true;
        }
    }

    /// The node, where it is still there.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)?.as_deref()
    }

    /// The node, to be changed.
    pub fn get_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        let node = self.nodes.get_mut(id.0 as usize)?.as_deref_mut()?;
        self.changed.note(id);
        Some(node)
    }

    /// What may have changed since the last call.
    pub fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.changed)
    }

    /// What feeds its ports, with the port, in no order.
    pub fn feeds(&self, id: NodeId) -> impl Iterator<Item = (NodeId, u32)> {
        self.inner.edges_directed(index(id), Direction::Incoming).filter_map(|edge| match edge.weight() {
            Edge::Port(port) => Some((node_id(edge.source()), *port)),
            Edge::Binding => None,
        })
    }

    /// What feeds one of its ports.
    #[must_use]
    pub fn input(&self, id: NodeId, port: u32) -> Option<NodeId> {
        self.feeds(id).find(|(_, fed)| *fed == port).map(|(from, _)| from)
    }

    /// What it uses, by port or by name, in no order.
    pub fn givers(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.inner.neighbors_directed(index(id), Direction::Incoming).map(node_id)
    }

    /// Who uses it, in no order; one that uses it twice stands there twice.
    pub fn takers(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.inner.neighbors_directed(index(id), Direction::Outgoing).map(node_id)
    }

    /// What feeds its ports, in port order.
    #[must_use]
    pub fn inputs(&self, id: NodeId) -> Vec<NodeId> {
        let mut inputs: Vec<(u32, NodeId)> = self.feeds(id).map(|(id, port)| (port, id)).collect();
        inputs.sort_unstable();
        inputs.into_iter().map(|(_, id)| id).collect()
    }

    /// Whether its expressions read the value of a node by name.
    #[must_use]
    pub fn has_bindings(&self, id: NodeId) -> bool {
        self.inner.edges_directed(index(id), Direction::Incoming).any(|edge| *edge.weight() == Edge::Binding)
    }

    /// Nodes whose values its expressions read by name, in order of id.
    #[must_use]
    pub fn bindings(&self, id: NodeId) -> Vec<NodeId> {
        let mut bindings: Vec<NodeId> = self
            .inner
            .edges_directed(index(id), Direction::Incoming)
            .filter(|edge| *edge.weight() == Edge::Binding)
            .map(|edge| node_id(edge.source()))
            .collect();
        bindings.sort_unstable();
        bindings.dedup();
        bindings
    }

    /// Who uses it, and how, in order of id and port.
    #[must_use]
    pub fn consumers(&self, id: NodeId) -> Vec<(NodeId, Edge)> {
        let mut consumers: Vec<(NodeId, Edge)> = self
            .inner
            .edges_directed(index(id), Direction::Outgoing)
            .map(|edge| (node_id(edge.target()), *edge.weight()))
            .collect();
        consumers.sort_unstable();
        consumers
    }

    /// Feeds `port` of `id` from `from` instead of what fed it.
    pub fn set_input(&mut self, id: NodeId, port: u32, from: NodeId) {
        let old = self
            .inner
            .edges_directed(index(id), Direction::Incoming)
            .find(|edge| *edge.weight() == Edge::Port(port))
            .map(|edge| edge.id());
        if let Some(old) = old {
            self.inner.remove_edge(old);
        }
        self.changed.note(id);
        self.connect(from, id, Edge::Port(port));
    }

    /// Lets everything that used `old` use `new`.
    pub fn replace(&mut self, old: NodeId, new: NodeId) {
        let edges: Vec<_> = self
            .inner
            .edges_directed(index(old), Direction::Outgoing)
            .map(|edge| (edge.id(), node_id(edge.target()), *edge.weight()))
            .collect();
        for (edge, target, weight) in edges {
            self.inner.remove_edge(edge);
            self.changed.note(target);
            self.connect(new, target, weight);
        }
    }

    /// Removes a node and its edges.
    pub fn remove(&mut self, id: NodeId) -> Option<Node> {
        let takers = self.inner.neighbors_directed(index(id), Direction::Outgoing).map(node_id);
        takers.for_each(|taker| self.changed.note(taker));
        self.inner.remove_node(index(id))?;
        self.nodes.get_mut(id.0 as usize)?.take().map(|node| *node)
    }

    /// All nodes in order of id.
    #[must_use]
    pub fn ids(&self) -> Vec<NodeId> {
        self.inner.node_indices().map(node_id).collect()
    }

    /// All nodes, every node after what feeds it; the same graph gives the same order.
    ///
    /// # Errors
    /// A node of a cycle.
    pub fn in_order(&self) -> Result<Vec<NodeId>, NodeId> {
        match toposort(&self.inner, None) {
            Ok(order) => Ok(order.into_iter().map(node_id).collect()),
            Err(cycle) => Err(node_id(cycle.node_id())),
        }
    }

    /// Everything that `roots` need, in an order in which inputs come first: that of [`Self::in_order`]. It takes time in what
    /// they need, not in the whole graph.
    #[must_use]
    pub fn upstream(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let mut needed: BTreeSet<NodeId> = BTreeSet::new();
        let mut open: Vec<NodeId> = roots.to_vec();
        while let Some(id) = open.pop() {
            if self.get(id).is_some() && needed.insert(id) {
                open.extend(self.givers(id));
            }
        }
        // Depth first from the least id, givers after all their takers, turned round. What lies between two needed nodes is
        // needed too, so the others change nothing in the order of these.
        let mut found: BTreeSet<NodeId> = BTreeSet::new();
        let mut done: BTreeSet<NodeId> = BTreeSet::new();
        let mut order = Vec::with_capacity(needed.len());
        for id in &needed {
            let mut open = vec![*id];
            while let Some(id) = open.last().copied() {
                if found.insert(id) {
                    let takers = self.takers(id);
                    open.extend(takers.filter(|taker| needed.contains(taker) && !found.contains(taker)));
                } else {
                    open.pop();
                    if done.insert(id) {
                        order.push(id);
                    }
                }
            }
        }
        order.reverse();
        order
    }
}

fn index(id: NodeId) -> NodeIndex<u32> {
    NodeIndex::new(id.0 as usize)
}

fn node_id(index: NodeIndex<u32>) -> NodeId {
    NodeId(u32::try_from(index.index()).unwrap_or(u32::MAX))
}

impl Serialize for Graph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            id: NodeId,
            inputs: Vec<NodeId>,
            bindings: Vec<NodeId>,
            #[serde(flatten)]
            node: &'a Node,
        }
        let ids = self.ids();
        let mut list = serializer.serialize_seq(Some(ids.len()))?;
        for id in ids {
            if let Some(node) = self.get(id) {
                list.serialize_element(&Entry { id, inputs: self.inputs(id), bindings: self.bindings(id), node })?;
            }
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Node {
        Node {
            name: name.to_owned(),
            op: Op::Final,
            columns: Columns::default(),
            key: Vec::new(),
            boundedness: Boundedness::Bounded,
            changes: false,
            timed: true,
            delay: 0,
            settle: None,
            planes: Planes::default(),
            binding: None,
            settings: BindingSettings::default(),
            guards: Vec::new(),
            span: Span::default(),
        }
    }

    #[test]
    fn every_change_is_noted() {
        let mut graph = Graph::default();
        let [a, b, c] = ["a", "b", "c"].map(|name| graph.add(node(name), &[]));
        let mut noted = |change: &mut dyn FnMut(&mut Graph)| {
            change(&mut graph);
            let Changed { mut nodes, connected } = graph.take_changed();
            nodes.sort_unstable();
            nodes.dedup();
            (nodes, connected)
        };
        assert_eq!(noted(&mut |_| {}), (vec![a, b, c], false));
        assert_eq!(noted(&mut |graph| assert!(graph.get(a).is_some())), (vec![], false));
        assert_eq!(noted(&mut |graph| assert!(graph.get_mut(a).is_some())), (vec![a], false));
        assert_eq!(noted(&mut |graph| graph.connect(a, b, Edge::Port(0))), (vec![b], true));
        assert_eq!(noted(&mut |graph| graph.set_input(b, 0, c)), (vec![b], true));
        assert_eq!(noted(&mut |graph| graph.replace(c, a)), (vec![b], true));
        // What it fed has lost an input.
        assert_eq!(noted(&mut |graph| assert!(graph.remove(a).is_some())), (vec![b], false));
        // An input that is not there takes the old one away all the same.
        assert_eq!(noted(&mut |graph| graph.connect(c, b, Edge::Port(0))), (vec![b], true));
        assert_eq!(noted(&mut |graph| graph.set_input(b, 0, a)), (vec![b], false));
        assert!(graph.inputs(b).is_empty());
    }

    #[test]
    fn upstream_keeps_the_order_of_the_whole() {
        // A graph whose edges go between pseudo-random nodes, from the lower rank to the higher one.
        let mut graph = Graph::default();
        let ids: Vec<NodeId> = (0..60).map(|number| graph.add(node(&format!("n{number}")), &[])).collect();
        let mut state = 7u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % below) as usize
        };
        for _ in 0..90 {
            let (a, b) = (next(60), next(60));
            // Ranks run crosswise to ids.
            let rank = |at: usize| at * 37 % 60;
            if rank(a) != rank(b) {
                let (from, to) = if rank(a) < rank(b) { (a, b) } else { (b, a) };
                graph.connect(ids[from], ids[to], Edge::Binding);
            }
        }
        let whole = graph.in_order().unwrap();
        for roots in [vec![ids[3]], vec![ids[10], ids[44]], vec![ids[59], ids[1], ids[20]], ids.clone()] {
            let part = graph.upstream(&roots);
            assert!(roots.iter().all(|root| part.contains(root)));
            assert!(part.iter().flat_map(|id| graph.bindings(*id)).all(|giver| part.contains(&giver)));
            let expected: Vec<NodeId> = whole.iter().copied().filter(|id| part.contains(id)).collect();
            assert_eq!(part, expected);
        }
    }
}
