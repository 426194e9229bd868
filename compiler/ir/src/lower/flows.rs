//! Jobs, streams, services and tests: statements become nodes in the order written.

use std::collections::BTreeSet;

use fec_diagnostics::Span;
use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};
use fec_model::model::{Binding, BindingSettings, Flow, FlowSettings, Item, Plane, Test, Train, evaluation};
use fec_model::types::{Kind, RelationType, Type};

use super::{Lowering, Scope};
use crate::graph::{Node, NodeId};
use crate::ir::{Expectation, FlowPlan, TestPlan};
use crate::op::Op;

/// The nodes whose values a node reads by name.
type Needed = BTreeSet<NodeId>;

impl Lowering<'_> {
    pub(super) fn flows(&mut self, flows: Vec<Flow>) {
        self.ir.flows.reserve_exact(flows.len());
        for flow in flows {
            let plan = self.flow(flow);
            self.ir.flows.push(plan);
        }
    }

    fn flow(&mut self, flow: Flow) -> FlowPlan {
        let path = flow.path();
        let Flow { engine, name, docs, plane, params, result, items, settings, span } = flow;
        let mut scope = Scope::new(path.as_str(), plane);
        let parameters: Vec<Symbol> = params.iter().map(|(column, _)| column.name).collect();
        if !parameters.is_empty() || plane == Plane::Online {
            let op = Op::Request { parameters: parameters.clone() };
            let mut node = self.value_node(&scope, "request".into(), op, Type::error(), span);
            node.binding = None;
            node.columns = params.iter().map(|(column, _)| column.clone()).collect();
            let id = self.ir.graph.add(node, &[]);
            for name in parameters {
                scope.bindings.insert(name, id);
            }
            scope.statements.push(id);
        }
        self.items(items, &mut scope);
        FlowPlan { engine, name, path, docs, plane, params, result, settings, nodes: scope.statements, span }
    }

    fn items(&mut self, items: Vec<Item>, scope: &mut Scope) {
        for item in items {
            self.item(item, scope);
        }
    }

    fn item(&mut self, item: Item, scope: &mut Scope) {
        match item {
            Item::Bind { name, value, settings, span } => self.binding(name, value, settings, span, scope),
            Item::Emit { relation, sink, span } => {
                let columns = self.declared.sinks.get(&sink).cloned().unwrap_or_default();
                let ty = RelationType { columns: columns.clone(), ..relation.ty.clone() };
                let rows = self.aligned(relation, &columns, scope);
                let place = self.place(rows);
                let node = self.named_node(scope, &sink, Op::Emit { sink }, ty, place, span);
                let id = self.ir.graph.add(node, &[rows]);
                self.connect_all(id, &scope.read_by_guards());
                scope.statements.push(id);
            }
            Item::Publish { model, name, gate, span } => {
                let gate = gate.map(|gate| self.hoist(gate, scope));
                let mut needed = scope.read_by_guards();
                needed.extend(scope.read_by(&gate));
                let op = Op::Publish { model: name, gate };
                let mut node = self.value_node(scope, name, op, Type::required(Kind::Bool), span);
                node.binding = None;
                let training: Vec<NodeId> = scope.bindings.get(&model).copied().into_iter().collect();
                let id = self.ir.graph.add(node, &training);
                self.connect_all(id, &needed);
                scope.statements.push(id);
            }
            Item::Return { value, span } => {
                let value = self.hoist(value, scope);
                self.respond(value, span, scope);
            }
            Item::If { condition, then, otherwise, .. } => {
                let condition = self.hoist(condition, scope);
                scope.guards.push((condition.clone(), true));
                self.items(then, scope);
                scope.guards.pop();
                scope.guards.push((condition, false));
                self.items(otherwise, scope);
                scope.guards.pop();
            }
        }
    }

    /// A value over bindings, where all enclosing `if`s chose so.
    fn guarded(&mut self, name: Symbol, value: Expr, op: fn(Expr) -> Op, span: Span, scope: &Scope) -> (Node, Needed) {
        let mut needed = scope.read_by_guards();
        needed.extend(scope.read_by([&value]));
        let ty = value.ty.clone();
        (self.value_node(scope, name, op(value), ty, span), needed)
    }

    fn respond(&mut self, value: Expr, span: Span, scope: &mut Scope) {
        let op = |value| Op::Respond { value };
        let (mut node, needed) = self.guarded("response".into(), value, op, span, scope);
        node.binding = None;
        let id = self.ir.graph.add(node, &[]);
        self.connect_all(id, &needed);
        scope.statements.push(id);
    }

    /// A binding, which also needs what its fallback reads.
    fn binding(&mut self, name: Symbol, value: Binding, settings: BindingSettings, span: Span, scope: &mut Scope) {
        let Some(fallback) = settings.fallback.clone() else { return self.bound(name, value, settings, span, scope) };
        let fallback = self.hoist(fallback, scope);
        let needed = scope.read_by([&fallback]);
        let settings = FlowSettings { fallback: Some(fallback), ..(*settings).clone() };
        self.bound(name, value, settings.into(), span, scope);
        if let Some(id) = scope.bindings.get(&name).copied() {
            self.connect_all(id, &needed);
        }
    }

    fn bound(&mut self, name: Symbol, value: Binding, settings: BindingSettings, span: Span, scope: &mut Scope) {
        let (mut node, inputs) = match value {
            Binding::Relation(relation) => {
                let id = self.relation(relation, scope);
                if let Some(node) = self.ir.graph.get_mut(id)
                    && node.binding.is_none()
                {
                    node.settings = settings;
                }
                self.bind(scope, name, id);
                return;
            }
            Binding::Scalar(mut value) if scope.plane == Plane::Stream => {
                scope.inline(&mut value);
                scope.values.insert(name, value);
                return;
            }
            Binding::Scalar(mut value) => {
                // What the fallback reads is there before the binding is.
                let fallback = settings.fallback.clone().map(|fallback| self.hoist(fallback, scope));
                let instead = scope.read_by(&fallback);
                let settings = BindingSettings::from(FlowSettings { fallback, ..(*settings).clone() });
                self.hoist_in(&mut value, scope, Some(name));
                if let Some(id) = scope.bindings.get(&name).copied()
                    && matches!(&value.kind, ExprKind::Binding(bound) if *bound == name)
                {
                    if let Some(node) = self.ir.graph.get_mut(id) {
                        node.settings = settings;
                        node.span = span;
                    }
                    self.connect_all(id, &instead);
                    return;
                }
                let (mut node, mut needed) = self.guarded(name, value, |value| Op::Scalar { value }, span, scope);
                needed.extend(instead);
                node.settings = settings;
                let id = self.ir.graph.add(node, &[]);
                self.connect_all(id, &needed);
                self.bind(scope, name, id);
                return;
            }
            Binding::Split { input, parts, by } => {
                let ty = input.ty.clone();
                let rows = self.relation(input, scope);
                (self.named_node(scope, &name, Op::Split { parts, by }, ty, (0, None), span), vec![rows])
            }
            Binding::Train(train) => {
                let Train { input, label, features, trees, depth, learning_rate } = *train;
                let rows = self.relation(input, scope);
                let op = Op::Train { label: Box::new(label), features, trees, depth, learning_rate };
                (self.value_node(scope, name, op, Type::required(Kind::Float), span), vec![rows])
            }
            Binding::Evaluate { model, input } => {
                let rows = self.relation(input, scope);
                let mut inputs: Vec<NodeId> = scope.bindings.get(&model).copied().into_iter().collect();
                inputs.push(rows);
                (self.value_node(scope, name, Op::Evaluate, Type::required(Kind::Record(evaluation())), span), inputs)
            }
        };
        node.binding = Some(name);
        node.settings = settings;
        let id = self.reading(node, &inputs, scope);
        self.connect_all(id, &scope.read_by_guards());
        self.bind(scope, name, id);
    }

    pub(super) fn tests(&mut self, tests: Vec<Test>) {
        for (number, test) in (1u32..).zip(tests) {
            let Test { name, given, returns, at, expectations: expected, span } = test;
            let mut expectations = Vec::with_capacity(expected.len());
            for (line, expectation) in (1u32..).zip(expected) {
                let mut scope = Scope::new(format!("test-{number}/expect-{line}"), Plane::Online);
                let span = expectation.span;
                let value = self.hoist(expectation, &mut scope);
                self.respond(value, span, &mut scope);
                expectations.push(Expectation { nodes: scope.statements, span });
            }
            self.ir.tests.push(TestPlan { name, given, returns, at, expectations, span });
        }
    }
}
