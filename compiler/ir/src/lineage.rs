//! The dataflow as data: nodes, edges, and for each column the columns that it is computed from.

use std::collections::{BTreeMap, BTreeSet};

use fec_diagnostics::Span;
use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};
use fec_model::model::Plane;
use serde::Serialize;

use crate::graph::{Node, NodeId};
use crate::ir::Ir;
use crate::op::{Op, Step};
use crate::walk;

/// The dataflow of a solution.
#[derive(Debug, Clone, Serialize)]
pub struct Dataflow {
    /// Nodes.
    pub nodes: Vec<FlowNode>,
    /// Edges.
    pub edges: Vec<FlowEdge>,
    /// Where each column comes from.
    pub lineage: Vec<Lineage>,
}

/// A node as shown.
#[derive(Debug, Clone, Serialize)]
pub struct FlowNode {
    /// Identity within this dataflow: the node's number, or its stable name in the canonical form.
    pub id: String,
    /// Stable name.
    pub name: String,
    /// Operator.
    pub op: &'static str,
    /// What it works on: a source, a sink, a feature set, a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Planes it runs in.
    pub plane: Vec<Plane>,
    /// Column names.
    pub columns: Vec<Symbol>,
    /// Where it was written; left out in the canonical form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// An edge as shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FlowEdge {
    /// Giver.
    pub from: String,
    /// Taker.
    pub to: String,
}

/// The origin of one column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lineage {
    /// Node and column.
    pub to: (String, Symbol),
    /// Nodes and columns that it is computed from.
    pub from: Vec<(String, Symbol)>,
}

/// The dataflow of a plan; `canonical` leaves out spans and numbers, so that two plans can be compared.
#[must_use]
pub fn dataflow(ir: &Ir, canonical: bool) -> Dataflow {
    let order = ir.graph.in_order().unwrap_or_default();
    let label = |id: NodeId| match ir.graph.get(id) {
        Some(node) if canonical => node.name.clone(),
        _ => id.number().to_string(),
    };
    let mut nodes = Vec::new();
    let mut edges = BTreeSet::new();
    let mut lineage = Vec::new();
    for id in order {
        let Some(node) = ir.graph.get(id) else { continue };
        nodes.push(FlowNode {
            id: label(id),
            name: node.name.clone(),
            op: node.op.word(),
            subject: subject(&node.op),
            plane: node.planes.iter().collect(),
            columns: node.columns.iter().map(|column| column.name).collect(),
            span: (!canonical).then_some(node.span),
        });
        let mut givers = ir.graph.inputs(id);
        givers.extend(ir.graph.bindings(id));
        givers.extend(read_by_name(ir, &node.op));
        for giver in &givers {
            edges.insert(FlowEdge { from: label(*giver), to: label(id) });
        }
        let mut instead = Vec::new();
        if let Some(fallback) = &node.settings.fallback {
            walk::visit(fallback, &mut |part| instead.extend(binding_source(ir, id, part)));
        }
        for (column, sources) in origins(ir, id, node) {
            let from: BTreeSet<(String, Symbol)> =
                sources.iter().chain(&instead).map(|(node, column)| (label(*node), *column)).collect();
            lineage.push(Lineage { to: (label(id), column), from: from.into_iter().collect() });
        }
    }
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    lineage.sort();
    Dataflow { nodes, edges: edges.into_iter().collect(), lineage }
}

fn subject(op: &Op) -> Option<String> {
    match op {
        Op::Scan { source } => Some(source.to_string()),
        Op::Emit { sink } | Op::SinkRows { sink } => Some(sink.to_string()),
        Op::Features { sets, .. } => Some(sets.iter().map(|set| set.name.as_str()).collect::<Vec<_>>().join(", ")),
        Op::FeatureRead { set, .. } | Op::ReadFeatures { set, .. } => Some(set.to_string()),
        Op::ReadTable { table, .. } => Some(table.to_string()),
        Op::Predict { model, .. } | Op::Publish { model, .. } => Some(model.to_string()),
        Op::Call { service, .. } => Some(service.to_string()),
        Op::Part { part } => Some(part.to_string()),
        _ => None,
    }
}

/// Nodes that an operator reads from a store or registry rather than over an edge.
fn read_by_name(ir: &Ir, op: &Op) -> Vec<NodeId> {
    match op {
        Op::ReadFeatures { set, .. } => ir.feature_set(set).map(|set| set.node).into_iter().collect(),
        Op::ReadTable { table, .. } => ir.view(table).map(|view| view.kept.unwrap_or(view.node)).into_iter().collect(),
        Op::Predict { model, .. } => publishes(ir, model),
        _ => Vec::new(),
    }
}

fn publishes(ir: &Ir, wanted: &str) -> Vec<NodeId> {
    let of = |id: &NodeId| matches!(ir.graph.get(*id).map(|node| &node.op), Some(Op::Publish { model, .. }) if model == wanted);
    ir.graph.ids().into_iter().filter(of).collect()
}

type Sources = Vec<(NodeId, Symbol)>;

/// The origins of an expression over columns whose origins are known.
fn derived(value: &Expr, known: &BTreeMap<Symbol, Sources>) -> Sources {
    walk::columns(value).iter().flat_map(|column| known.get(column).cloned().unwrap_or_default()).collect()
}

/// For each column of a node the columns of other nodes that it is computed from.
fn origins(ir: &Ir, id: NodeId, node: &Node) -> Vec<(Symbol, Sources)> {
    let inputs = ir.graph.inputs(id);
    let first = inputs.first().copied();
    let passed = |name: &Symbol| first.map(|input| (input, *name)).into_iter().collect::<Sources>();
    let reads = |input: Option<NodeId>, expr: &Expr| -> Sources {
        input.map(|input| walk::columns(expr).into_iter().map(|column| (input, column)).collect()).unwrap_or_default()
    };
    let bound = |exprs: &[&Expr]| -> Sources {
        let mut found = Vec::new();
        for expr in exprs {
            walk::visit(expr, &mut |part| found.extend(binding_source(ir, id, part)));
        }
        found
    };
    let names = node.columns.iter().map(|column| column.name);
    match &node.op {
        Op::Scan { .. } | Op::SinkRows { .. } | Op::Request { .. } => Vec::new(),
        Op::Fused { steps } => {
            let mut known: BTreeMap<Symbol, Sources> = BTreeMap::new();
            if let Some(input) = first.and_then(|input| ir.graph.get(input)) {
                known = input.columns.iter().map(|column| (column.name, passed(&column.name))).collect();
            }
            for step in steps {
                if let Step::Project { columns } = step {
                    known = columns.iter().map(|(name, value)| (*name, derived(value, &known))).collect();
                }
            }
            names.map(|name| (name, known.remove(&name).unwrap_or_default())).collect()
        }
        Op::IntervalJoin { alias, .. } | Op::LookupJoin { alias, .. } | Op::HashJoin { alias, .. } => {
            let right = inputs.get(1).copied();
            let all_of = |input: Option<NodeId>| -> Sources {
                let columns =
                    input.and_then(|input| ir.graph.get(input)).map(|node| node.columns.clone()).unwrap_or_default();
                input.map(|input| columns.into_iter().map(|column| (input, column.name)).collect()).unwrap_or_default()
            };
            names.map(|name| if name == *alias { (name, all_of(right)) } else { (name, passed(&name)) }).collect()
        }
        Op::Features { sets, .. } => {
            let mut all = Vec::new();
            for set in sets {
                let mut known: BTreeMap<Symbol, Sources> =
                    set.keys.iter().map(|(name, key)| (*name, reads(first, key))).collect();
                for aggregate in &set.aggregates {
                    let parts = aggregate.exprs();
                    let keys = set.keys.iter().map(|(_, key)| key);
                    known.insert(aggregate.name, parts.chain(keys).flat_map(|part| reads(first, part)).collect());
                }
                for (name, value) in &set.scalars {
                    let sources = derived(value, &known);
                    known.insert(*name, sources);
                }
                all.extend(
                    set.columns
                        .iter()
                        .map(|column| (column.name, known.get(&column.name).cloned().unwrap_or_default())),
                );
            }
            all
        }
        Op::FeatureRead { set, alias, .. } => {
            let columns: Vec<Symbol> =
                ir.feature_set(set).map(|set| set.columns.iter().map(|c| c.name).collect()).unwrap_or_default();
            let features = inputs.get(1).copied();
            let of_set = |names: Vec<Symbol>| -> Sources {
                features.map(|features| names.into_iter().map(|name| (features, name)).collect()).unwrap_or_default()
            };
            names
                .map(|name| {
                    let sources = if alias.as_ref() == Some(&name) {
                        of_set(columns.clone())
                    } else if alias.is_none() && columns.contains(&name) {
                        of_set(vec![name])
                    } else {
                        passed(&name)
                    };
                    (name, sources)
                })
                .collect()
        }
        Op::Aggregate { keys, aggregates, outputs } => {
            let mut known: BTreeMap<Symbol, Sources> =
                keys.iter().map(|(name, key)| (*name, reads(first, key))).collect();
            for aggregate in aggregates {
                let parts = aggregate.exprs();
                let keys = keys.iter().map(|(_, key)| key);
                known.insert(aggregate.name, parts.chain(keys).flat_map(|part| reads(first, part)).collect());
            }
            let scalars: Vec<(Symbol, Sources)> =
                outputs.iter().map(|(name, value)| (*name, derived(value, &known))).collect();
            known.extend(scalars);
            known.into_iter().collect()
        }
        Op::Union => names
            .map(|name| {
                let sources = inputs.iter().map(|input| (*input, name)).collect();
                (name, sources)
            })
            .collect(),
        Op::Train { label, features, .. } => {
            let parts = features.iter().map(|(_, value)| value).chain([label.as_ref()]);
            let sources: Sources = parts.flat_map(|part| reads(first, part)).collect();
            names.map(|name| (name, sources.clone())).collect()
        }
        Op::Evaluate | Op::Publish { .. } | Op::Collect => {
            let all = |input: &NodeId| -> Sources {
                let columns = ir.graph.get(*input).map(|node| node.columns.clone()).unwrap_or_default();
                columns.into_iter().map(|column| (*input, column.name)).collect()
            };
            let sources: Sources = inputs.iter().flat_map(all).collect();
            names.map(|name| (name, sources.clone())).collect()
        }
        Op::ReadFeatures { set, keys } => {
            let mut sources = bound(&keys.iter().collect::<Vec<_>>());
            if let Some(info) = ir.feature_set(set) {
                sources.extend(info.columns.iter().map(|column| (info.node, column.name)));
            }
            names.map(|name| (name, sources.clone())).collect()
        }
        Op::Predict { model, inputs } => {
            let mut sources = bound(&inputs.iter().collect::<Vec<_>>());
            sources.extend(publishes(ir, model).into_iter().map(|node| (node, *model)));
            names.map(|name| (name, sources.clone())).collect()
        }
        Op::ReadTable { table, keys } => {
            let mut sources = bound(&keys.iter().collect::<Vec<_>>());
            if let Some(view) = ir.view(table) {
                let read = view.kept.unwrap_or(view.node);
                sources.extend(view.columns.iter().map(|column| (read, column.name)));
            }
            names.map(|name| (name, sources.clone())).collect()
        }
        Op::Call { arguments, .. } => {
            let sources = bound(&arguments.iter().collect::<Vec<_>>());
            names.map(|name| (name, sources.clone())).collect()
        }
        Op::Scalar { value } | Op::Respond { value } | Op::Rows { value } => {
            let sources = bound(&[value]);
            names.map(|name| (name, sources.clone())).collect()
        }
        _ => names.map(|name| (name, passed(&name))).collect(),
    }
}

/// The node and column behind a binding that an expression of `id` reads.
fn binding_source(ir: &Ir, id: NodeId, part: &Expr) -> Option<(NodeId, Symbol)> {
    let ExprKind::Binding(name) = &part.kind else { return None };
    let gives =
        |node: &Node| node.binding.as_ref() == Some(name) || node.columns.iter().any(|column| column.name == *name);
    let found = ir.graph.bindings(id).into_iter().find(|from| ir.graph.get(*from).is_some_and(gives))?;
    Some((found, *name))
}
