//! The typed model to the DAG: every declaration becomes nodes, every use of a source, view or feature set an edge.

mod flows;
mod relations;

use std::collections::{BTreeMap, BTreeSet};

use fec_diagnostics::Span;
use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind, VarId};
use fec_model::model::{BindingSettings, FeatureSet, Model, Plane, View};
use fec_model::types::{Boundedness, Column, Columns, RelationType, Type};

use hashbrown::HashMap;

use crate::graph::{Edge, Node, NodeId};
use crate::ir::{FeatureInfo, Ir, ViewInfo};
use crate::op::{Op, SetPlan};
use crate::planes::Planes;
use crate::walk;

/// Lowers a model that was checked without errors. The result is what was written, operator by operator: most of the model
/// becomes a part of it, so that a large one is not in memory twice.
#[must_use]
pub fn lower(mut model: Model) -> Ir {
    let views = std::mem::take(&mut model.views);
    let features = std::mem::take(&mut model.features);
    let flows = std::mem::take(&mut model.flows);
    let tests = std::mem::take(&mut model.tests);
    let mut lowering = Lowering::new(model, &views);
    lowering.features(features);
    lowering.views(&views);
    lowering.flows(flows);
    lowering.tests(tests);
    lowering.heads();
    lowering.ir
}

/// The variable of a value that is read where it is put: none that the checker gave.
const INLINED: VarId = VarId::MAX;

/// Where a relation or expression stands: whose names it sees and how its nodes are called.
#[derive(Debug, Clone)]
struct Scope {
    /// `scoring.train`, `features/card_activity`.
    path: String,
    plane: Plane,
    /// Nodes of the flow's bindings: relations, scalars, trainings, splits, parameters.
    bindings: HashMap<Symbol, NodeId>,
    /// What a stream's scalars are: each row computes them, since `now` is its time.
    values: HashMap<Symbol, Expr>,
    guards: Vec<(Expr, bool)>,
    /// Nodes that stand for statements, in order.
    statements: Vec<NodeId>,
}

impl Scope {
    fn new(path: impl Into<String>, plane: Plane) -> Self {
        let (bindings, values) = (HashMap::new(), HashMap::new());
        Self { path: path.into(), plane, bindings, values, guards: Vec::new(), statements: Vec::new() }
    }

    /// The nodes of the bindings that the conditions around a statement read.
    fn read_by_guards(&self) -> BTreeSet<NodeId> {
        self.read_by(self.guards.iter().map(|(guard, _)| guard))
    }

    /// Puts the scalars of a stream where they are read.
    fn inline(&self, expr: &mut Expr) {
        walk::rewrite(expr, &mut |part| {
            let ExprKind::Binding(name) = &part.kind else { return };
            let Some(value) = self.values.get(name) else { return };
            let value = value.clone();
            // Where it is known to be present its type says so, and not that of its value.
            *part = if part.ty == value.ty {
                value
            } else {
                let body = Box::new(Expr { kind: ExprKind::Var(INLINED), ..part.clone() });
                let kind = ExprKind::Let { var: INLINED, value: Box::new(value), body };
                Expr { kind, ty: part.ty.clone(), span: part.span }
            };
        });
    }

    /// The nodes of the bindings that expressions read.
    fn read_by<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> BTreeSet<NodeId> {
        let mut needed = BTreeSet::new();
        if !self.bindings.is_empty() {
            for expr in exprs {
                walk::visit(expr, &mut |part| {
                    if let ExprKind::Binding(name) = &part.kind {
                        needed.extend(self.bindings.get(name).copied());
                    }
                });
            }
        }
        needed
    }
}

struct Lowering<'a> {
    declared: Declared<'a>,
    ir: Ir,
    /// Feature sets that have their node.
    sets: HashMap<Symbol, NodeId>,
    /// Those that wait for theirs, with their place among all.
    waiting: HashMap<Symbol, (usize, FeatureSet)>,
    /// What is said of those that have it, with their place.
    described: Vec<(usize, FeatureInfo)>,
    /// Views with a key by name: the node of their rows, and of what is kept of them.
    views: HashMap<Symbol, (NodeId, Option<NodeId>)>,
    /// How many nodes have wanted a name.
    names: HashMap<String, u32>,
}

/// What is asked of declarations, by name: a search would look at all of them.
struct Declared<'a> {
    /// The lateness of each source.
    lateness: HashMap<Symbol, i64>,
    /// The columns of each sink.
    sinks: HashMap<Symbol, Columns>,
    views: HashMap<Symbol, &'a View>,
}

impl<'a> Declared<'a> {
    fn new(model: &Model, views: &'a [View]) -> Self {
        // Of two with one name the first counts.
        Self {
            lateness: model.sources.iter().rev().map(|source| (source.name, source.lateness)).collect(),
            sinks: model.sinks.iter().rev().map(|sink| (sink.name, sink.columns.clone())).collect(),
            views: views.iter().rev().map(|view| (view.name, view)).collect(),
        }
    }
}

impl<'a> Lowering<'a> {
    fn new(model: Model, views: &'a [View]) -> Self {
        let declared = Declared::new(&model, views);
        let ir = Ir {
            name: model.name,
            version: model.version,
            description: model.description,
            timezone: model.timezone,
            enums: model.enums,
            types: model.types,
            params: model.params,
            secrets: model.secrets,
            sources: model.sources,
            sinks: model.sinks,
            models: model.models,
            targets: model.targets,
            ..Ir::default()
        };
        Self {
            declared,
            ir,
            sets: HashMap::new(),
            views: HashMap::new(),
            waiting: HashMap::new(),
            described: Vec::new(),
            names: HashMap::new(),
        }
    }

    fn features(&mut self, sets: Vec<FeatureSet>) {
        // A feature set's input may read another set (`with`): sets are lowered when they are first needed.
        let names: Vec<Symbol> = sets.iter().map(|set| set.name).collect();
        self.waiting = sets.into_iter().enumerate().rev().map(|(place, set)| (set.name, (place, set))).collect();
        for name in names {
            self.feature_node(&name);
        }
        self.described.sort_unstable_by_key(|(place, _)| *place);
        self.ir.features = std::mem::take(&mut self.described).into_iter().map(|(_, info)| info).collect();
    }

    fn feature_node(&mut self, name: &str) -> Option<NodeId> {
        if let Some(node) = self.sets.get(name) {
            return Some(*node);
        }
        let (place, set) = self.waiting.remove(name)?;
        let FeatureSet { name, docs, keys, input, aggregates, scalars, columns, span } = set;
        let mut scope = Scope::new(format!("features/{name}"), Plane::Stream);
        let input = self.relation(input, &mut scope);
        let key = keys.iter().map(|(name, _)| *name).collect();
        let key_columns = keys.iter().map(|(name, value)| Column { name: *name, ty: value.ty.clone() }).collect();
        let plan = SetPlan { name, keys, aggregates, scalars, columns: columns.clone() };
        let node = Node {
            name: self.name(&scope, "", "features"),
            op: Op::Features { sets: vec![plan], head: 0 },
            columns: columns.clone(),
            key,
            boundedness: Boundedness::Table,
            changes: true,
            timed: true,
            delay: self.delay(input),
            settle: self.settle(input),
            planes: Planes::all(),
            binding: None,
            settings: BindingSettings::default(),
            guards: Vec::new(),
            span,
        };
        let node = self.ir.graph.add(node, &[input]);
        self.sets.insert(name, node);
        self.described.push((place, FeatureInfo { name, docs, keys: key_columns, columns, node, span }));
        Some(node)
    }

    fn views(&mut self, views: &[View]) {
        for view in views {
            let Some((node, kept)) = self.view_nodes(&view.name) else { continue };
            self.ir.views.push(ViewInfo {
                name: view.name,
                key: view.relation.ty.key.clone(),
                columns: view.relation.ty.columns.clone(),
                node,
                kept,
                span: view.span,
            });
        }
    }

    /// The nodes of a view with a key: that of its rows, and that which keeps the last of each key.
    fn view_nodes(&mut self, name: &str) -> Option<(NodeId, Option<NodeId>)> {
        // A view that is joined by its key is lowered when it is first needed, as feature sets are.
        if let Some(known) = self.views.get(name) {
            return Some(*known);
        }
        let view = self.declared.views.get(name).copied().filter(|view| !view.relation.ty.key.is_empty())?;
        let mut scope = Scope::new(format!("views/{name}"), Plane::Stream);
        let rows = self.relation(view.relation.clone(), &mut scope);
        let mut kept = None;
        if view.kept {
            let ty = RelationType { boundedness: Boundedness::Table, changes: true, ..view.relation.ty.clone() };
            let op = Op::KeyedRows { key: ty.key.clone() };
            let place = self.place(rows);
            let mut node = self.row_node(&scope, op, ty, place, view.span);
            node.planes = Planes::all();
            kept = Some(self.ir.graph.add(node, &[rows]));
        }
        self.views.insert(view.name, (rows, kept));
        Some((rows, kept))
    }

    /// The head of each feature set: as far back as a row may read it.
    fn heads(&mut self) {
        let mut heads: BTreeMap<NodeId, i64> = BTreeMap::new();
        for id in self.ir.graph.ids() {
            let inputs = self.ir.graph.inputs(id);
            match self.ir.graph.get(id).map(|node| &node.op) {
                Some(Op::FeatureRead { .. }) => {
                    if let [rows, features] = inputs.as_slice() {
                        let delay = self.lateness(*rows);
                        let head = heads.entry(*features).or_default();
                        *head = (*head).max(delay);
                    }
                }
                Some(Op::Features { .. }) => {
                    let lateness = self.source_lateness(id);
                    let head = heads.entry(id).or_default();
                    *head = (*head).max(lateness);
                }
                _ => {}
            }
        }
        for (id, wanted) in heads {
            if let Some(Op::Features { head, .. }) = self.ir.graph.get_mut(id).map(|node| &mut node.op) {
                *head = wanted;
            }
        }
    }

    /// The greatest lateness of the sources above a node.
    fn source_lateness(&self, id: NodeId) -> i64 {
        let scans = self.ir.graph.upstream(&[id]);
        let lateness = scans.iter().filter_map(|scan| match self.ir.graph.get(*scan).map(|node| &node.op) {
            Some(Op::Scan { source }) => self.declared.lateness.get(source).copied(),
            _ => None,
        });
        lateness.max().unwrap_or(0)
    }

    fn delay(&self, id: NodeId) -> i64 {
        self.ir.graph.get(id).map_or(0, |node| node.delay)
    }

    fn settle(&self, id: NodeId) -> Option<i64> {
        self.ir.graph.get(id).and_then(|node| node.settle)
    }

    /// How late the rows of a node may still arrive or change.
    fn lateness(&self, id: NodeId) -> i64 {
        self.delay(id).max(self.settle(id).unwrap_or(i64::MIN))
    }

    /// A name that no other node has.
    fn name(&mut self, scope: &Scope, binding: &str, kind: &str) -> String {
        let mut wanted = String::with_capacity(scope.path.len() + binding.len() + kind.len() + 2);
        for part in [scope.path.as_str(), binding].into_iter().filter(|part| !part.is_empty()) {
            wanted.push_str(part);
            wanted.push('/');
        }
        wanted.push_str(kind);
        let seen = self.names.entry_ref(wanted.as_str()).or_insert(0);
        *seen += 1;
        if *seen == 1 { wanted } else { format!("{wanted}-{seen}") }
    }

    /// A node that gives the rows of a relation.
    fn row_node(&mut self, scope: &Scope, op: Op, ty: RelationType, place: (i64, Option<i64>), span: Span) -> Node {
        self.named_node(scope, "", op, ty, place, span)
    }

    /// As [`Self::row_node`], called after a source, sink or binding as well.
    fn named_node(
        &mut self,
        scope: &Scope,
        binding: &str,
        op: Op,
        ty: RelationType,
        (delay, settle): (i64, Option<i64>),
        span: Span,
    ) -> Node {
        let kind = op.word();
        Node {
            name: self.name(scope, binding, kind),
            op,
            columns: ty.columns,
            key: ty.key,
            boundedness: ty.boundedness,
            changes: ty.changes,
            timed: ty.timed,
            delay,
            settle,
            planes: scope.plane.into(),
            binding: None,
            settings: BindingSettings::default(),
            guards: scope.guards.clone(),
            span,
        }
    }

    /// A node that gives one value.
    fn value_node(&mut self, scope: &Scope, binding: Symbol, op: Op, ty: Type, span: Span) -> Node {
        let kind = op.word();
        Node {
            name: self.name(scope, &binding, kind),
            op,
            columns: vec![Column { name: binding, ty }].into(),
            key: Vec::new(),
            boundedness: Boundedness::Bounded,
            changes: false,
            timed: false,
            delay: 0,
            settle: None,
            planes: scope.plane.into(),
            binding: Some(binding),
            settings: BindingSettings::default(),
            guards: scope.guards.clone(),
            span,
        }
    }

    /// Adds edges from bindings, each once and in order of id.
    fn connect_all(&mut self, id: NodeId, bindings: &BTreeSet<NodeId>) {
        for from in bindings {
            self.ir.graph.connect(*from, id, Edge::Binding);
        }
    }

    /// Takes reads, predictions, calls and relations out of an expression: each becomes a node of its own, and a binding.
    fn hoist(&mut self, mut expr: Expr, scope: &mut Scope) -> Expr {
        self.hoist_in(&mut expr, scope, None);
        expr
    }

    /// As [`Self::hoist`]; `name` is the binding that the outermost read gets.
    fn hoist_in(&mut self, expr: &mut Expr, scope: &mut Scope, name: Option<Symbol>) {
        if let ExprKind::Let { var, value, body } = &mut expr.kind
            && walk::reads(body)
        {
            // A node of its own does not see the variable: its value goes to where it is used.
            let (var, value) = (*var, (**value).clone());
            let mut body = (**body).clone();
            walk::rewrite(&mut body, &mut |part| {
                if part.kind == ExprKind::Var(var) {
                    *part = value.clone();
                }
            });
            *expr = body;
            return self.hoist_in(expr, scope, name);
        }
        expr.each_child_mut(&mut |child| self.hoist_in(child, scope, None));
        if !walk::is_read(&expr.kind) {
            return;
        }
        let op = match std::mem::replace(&mut expr.kind, ExprKind::Error) {
            ExprKind::FeatureRead { set, keys } => Op::ReadFeatures { set, keys: keys.into_vec() },
            ExprKind::TableRead { table, keys } => Op::ReadTable { table, keys: keys.into_vec() },
            ExprKind::Predict { model, inputs } => Op::Predict { model, inputs: inputs.into_vec() },
            ExprKind::Request { service, arguments } => Op::Call { service, arguments: arguments.into_vec() },
            ExprKind::Rows(relation) => {
                let rows = self.relation(*relation, scope);
                let binding = self.fresh(scope, name);
                let node = self.value_node(scope, binding, Op::Collect, expr.ty.clone(), expr.span);
                let id = self.ir.graph.add(node, &[rows]);
                self.bind(scope, binding, id);
                expr.kind = ExprKind::Binding(binding);
                return;
            }
            other => {
                expr.kind = other;
                return;
            }
        };
        let mut read = Vec::new();
        walk::each_expr(&op, &mut |part| read.push(part));
        let needed = scope.read_by(read);
        let binding = self.fresh(scope, name);
        let node = self.value_node(scope, binding, op, expr.ty.clone(), expr.span);
        let id = self.ir.graph.add(node, &[]);
        self.connect_all(id, &needed);
        self.bind(scope, binding, id);
        expr.kind = ExprKind::Binding(binding);
    }

    fn fresh(&self, scope: &Scope, name: Option<Symbol>) -> Symbol {
        match name {
            Some(name) => name,
            // `$` cannot stand in a name of the language.
            None => format!("${}", scope.bindings.len()).into(),
        }
    }

    fn bind(&mut self, scope: &mut Scope, name: Symbol, id: NodeId) {
        scope.bindings.insert(name, id);
        scope.statements.push(id);
    }
}
