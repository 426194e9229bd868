//! The typed model to the DAG: every declaration becomes nodes, every use of a source, view or feature set an edge.

mod flows;
mod relations;

use std::collections::{BTreeMap, BTreeSet};

use fec_diagnostics::Span;
use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};
use fec_model::model::{BindingSettings, FeatureSet, Model, Plane, Sink, Source, View};
use fec_model::types::{Boundedness, Column, RelationType, Type};

use hashbrown::HashMap;

use crate::graph::{Edge, Node, NodeId};
use crate::ir::{FeatureInfo, Ir, ViewInfo};
use crate::op::{Op, SetPlan};
use crate::walk;

/// Lowers a model that was checked without errors. The result is what was written, operator by operator.
#[must_use]
pub fn lower(model: &Model) -> Ir {
    let mut lowering = Lowering::new(model);
    lowering.features();
    lowering.views();
    lowering.flows();
    lowering.tests();
    lowering.heads();
    lowering.ir
}

/// Where a relation or expression stands: whose names it sees and how its nodes are called.
#[derive(Debug, Clone)]
struct Scope {
    /// `scoring.train`, `features/card_activity`.
    path: String,
    plane: Plane,
    /// Nodes of the flow's bindings: relations, scalars, trainings, splits, parameters.
    bindings: HashMap<Symbol, NodeId>,
    guards: Vec<(Expr, bool)>,
    /// Nodes that stand for statements, in order.
    statements: Vec<NodeId>,
}

impl Scope {
    fn new(path: impl Into<String>, plane: Plane) -> Self {
        Self { path: path.into(), plane, bindings: HashMap::new(), guards: Vec::new(), statements: Vec::new() }
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
    model: &'a Model,
    declared: Declared<'a>,
    ir: Ir,
    /// Feature sets by name.
    sets: HashMap<Symbol, NodeId>,
    /// How many nodes have wanted a name.
    names: HashMap<String, u32>,
}

/// Declarations by name: the model's own search looks at all of them.
struct Declared<'a> {
    sources: HashMap<Symbol, &'a Source>,
    sinks: HashMap<Symbol, &'a Sink>,
    views: HashMap<Symbol, &'a View>,
    sets: HashMap<Symbol, &'a FeatureSet>,
}

impl<'a> Declared<'a> {
    fn new(model: &'a Model) -> Self {
        // Of two with one name the first counts.
        Self {
            sources: model.sources.iter().rev().map(|source| (source.name, source)).collect(),
            sinks: model.sinks.iter().rev().map(|sink| (sink.name, sink)).collect(),
            views: model.views.iter().rev().map(|view| (view.name, view)).collect(),
            sets: model.features.iter().rev().map(|set| (set.name, set)).collect(),
        }
    }
}

impl<'a> Lowering<'a> {
    fn new(model: &'a Model) -> Self {
        let ir = Ir {
            name: model.name.clone(),
            version: model.version.clone(),
            description: model.description.clone(),
            timezone: model.timezone.clone(),
            enums: model.enums.clone(),
            types: model.types.clone(),
            params: model.params.clone(),
            secrets: model.secrets.clone(),
            sources: model.sources.clone(),
            sinks: model.sinks.clone(),
            models: model.models.clone(),
            targets: model.targets.clone(),
            ..Ir::default()
        };
        Self { model, declared: Declared::new(model), ir, sets: HashMap::new(), names: HashMap::new() }
    }

    fn features(&mut self) {
        // A feature set's input may read another set (`with`): sets are lowered when they are first needed.
        let model = self.model;
        for set in &model.features {
            self.feature_node(&set.name);
        }
        for set in &model.features {
            let Some(node) = self.sets.get(&set.name).copied() else { continue };
            self.ir.features.push(FeatureInfo {
                name: set.name,
                docs: set.docs.clone(),
                keys: set.keys.iter().map(|(name, value)| Column { name: *name, ty: value.ty.clone() }).collect(),
                columns: set.columns.clone(),
                node,
                span: set.span,
            });
        }
    }

    fn feature_node(&mut self, name: &str) -> Option<NodeId> {
        if let Some(node) = self.sets.get(name) {
            return Some(*node);
        }
        let set = self.declared.sets.get(name).copied()?;
        let mut scope = Scope::new(format!("features/{name}"), Plane::Stream);
        let input = self.relation(&set.input, &mut scope);
        let plan = SetPlan {
            name: set.name,
            keys: set.keys.clone(),
            aggregates: set.aggregates.clone(),
            scalars: set.scalars.clone(),
            columns: set.columns.clone(),
        };
        let node = Node {
            name: self.name(&scope, "", "features"),
            op: Op::Features { sets: vec![plan], head: 0 },
            columns: set.columns.clone(),
            key: set.keys.iter().map(|(name, _)| *name).collect(),
            boundedness: Boundedness::Table,
            changes: true,
            timed: true,
            delay: self.delay(input),
            settle: self.settle(input),
            planes: vec![Plane::Batch, Plane::Stream, Plane::Online],
            binding: None,
            settings: BindingSettings::default(),
            guards: Vec::new(),
            span: set.span,
        };
        let node = self.ir.graph.add(node, &[input]);
        self.sets.insert(set.name, node);
        Some(node)
    }

    fn views(&mut self) {
        let model = self.model;
        for view in &model.views {
            if view.relation.ty.key.is_empty() {
                continue;
            }
            let mut scope = Scope::new(format!("views/{}", view.name), Plane::Stream);
            let node = self.relation(&view.relation, &mut scope);
            self.ir.views.push(ViewInfo {
                name: view.name,
                key: view.relation.ty.key.clone(),
                columns: view.relation.ty.columns.clone(),
                node,
                span: view.span,
            });
        }
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
            Some(Op::Scan { source }) => self.declared.sources.get(source.as_str()).map(|source| source.lateness),
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
    fn row_node(&mut self, scope: &Scope, op: Op, ty: &RelationType, place: (i64, Option<i64>), span: Span) -> Node {
        self.named_node(scope, "", op, ty, place, span)
    }

    /// As [`Self::row_node`], called after a source, sink or binding as well.
    fn named_node(
        &mut self,
        scope: &Scope,
        binding: &str,
        op: Op,
        ty: &RelationType,
        (delay, settle): (i64, Option<i64>),
        span: Span,
    ) -> Node {
        let kind = op.word();
        Node {
            name: self.name(scope, binding, kind),
            op,
            columns: ty.columns.clone(),
            key: ty.key.clone(),
            boundedness: ty.boundedness,
            changes: ty.changes,
            timed: ty.timed,
            delay,
            settle,
            planes: vec![scope.plane],
            binding: None,
            settings: BindingSettings::default(),
            guards: scope.guards.clone(),
            span,
        }
    }

    /// A node that gives one value.
    fn value_node(&mut self, scope: &Scope, binding: Symbol, op: Op, ty: &Type, span: Span) -> Node {
        let kind = op.word();
        Node {
            name: self.name(scope, &binding, kind),
            op,
            columns: vec![Column { name: binding, ty: ty.clone() }].into(),
            key: Vec::new(),
            boundedness: Boundedness::Bounded,
            changes: false,
            timed: false,
            delay: 0,
            settle: None,
            planes: vec![scope.plane],
            binding: Some(binding),
            settings: BindingSettings::default(),
            guards: scope.guards.clone(),
            span,
        }
    }

    /// Adds edges from the bindings that the expressions read.
    fn connect_bindings<'e>(&mut self, id: NodeId, scope: &Scope, exprs: impl IntoIterator<Item = &'e Expr>) {
        let needed = scope.read_by(exprs);
        self.connect_all(id, &needed);
    }

    /// Adds edges from bindings, each once and in order of id.
    fn connect_all(&mut self, id: NodeId, bindings: &BTreeSet<NodeId>) {
        for from in bindings {
            self.ir.graph.connect(*from, id, Edge::Binding);
        }
    }

    /// Takes reads, predictions, calls and relations out of an expression: each becomes a node of its own, and a binding.
    fn hoist(&mut self, expr: &Expr, scope: &mut Scope) -> Expr {
        let mut expr = expr.clone();
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
        for child in expr.children_mut() {
            self.hoist_in(child, scope, None);
        }
        let op = match &expr.kind {
            ExprKind::FeatureRead { set, keys } => Op::ReadFeatures { set: *set, keys: keys.clone() },
            ExprKind::TableRead { table, keys } => Op::ReadTable { table: *table, keys: keys.clone() },
            ExprKind::Predict { model, inputs } => Op::Predict { model: *model, inputs: inputs.clone() },
            ExprKind::Request { service, arguments } => Op::Call { service: *service, arguments: arguments.clone() },
            ExprKind::Rows(relation) => {
                let relation = relation.clone();
                let rows = self.relation(&relation, scope);
                let binding = self.fresh(scope, name);
                let node = self.value_node(scope, binding, Op::Collect, &expr.ty, expr.span);
                let id = self.ir.graph.add(node, &[rows]);
                self.bind(scope, binding, id);
                expr.kind = ExprKind::Binding(binding);
                return;
            }
            _ => return,
        };
        let binding = self.fresh(scope, name);
        let node = self.value_node(scope, binding, op, &expr.ty, expr.span);
        let id = self.ir.graph.add(node, &[]);
        self.connect_bindings(id, scope, expr.children());
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
