//! Jobs, streams, services and tests: statements become nodes in the order written.

use fec_diagnostics::Span;
use fec_model::Symbol;
use fec_model::expr::Expr;
use fec_model::model::{Binding, BindingSettings, Flow, Item, Plane, evaluation};
use fec_model::types::{Kind, Type};

use super::{Lowering, Scope};
use crate::graph::NodeId;
use crate::ir::{Expectation, FlowPlan, TestPlan};
use crate::op::Op;

impl Lowering<'_> {
    pub(super) fn flows(&mut self) {
        let model = self.model;
        for flow in &model.flows {
            let nodes = self.flow(flow);
            self.ir.flows.push(FlowPlan {
                engine: flow.engine,
                name: flow.name,
                path: flow.path(),
                docs: flow.docs.clone(),
                plane: flow.plane,
                params: flow.params.clone(),
                result: flow.result.clone(),
                settings: flow.settings.clone(),
                nodes,
                span: flow.span,
            });
        }
    }

    fn flow(&mut self, flow: &Flow) -> Vec<NodeId> {
        let mut scope = Scope::new(flow.path(), flow.plane);
        let parameters: Vec<Symbol> = flow.params.iter().map(|(column, _)| column.name).collect();
        if !parameters.is_empty() || flow.plane == Plane::Online {
            let op = Op::Request { parameters: parameters.clone() };
            let mut node = self.value_node(&scope, "request".into(), op, &Type::error(), flow.span);
            node.binding = None;
            node.columns = flow.params.iter().map(|(column, _)| column.clone()).collect();
            let id = self.ir.graph.add(node, &[]);
            for name in parameters {
                scope.bindings.insert(name, id);
            }
            scope.statements.push(id);
        }
        self.items(&flow.items, &mut scope);
        scope.statements
    }

    fn items(&mut self, items: &[Item], scope: &mut Scope) {
        for item in items {
            self.item(item, scope);
        }
    }

    fn item(&mut self, item: &Item, scope: &mut Scope) {
        match item {
            Item::Bind { name, value, settings, span } => self.binding(*name, value, settings, *span, scope),
            Item::Emit { relation, sink, span } => {
                let columns =
                    self.declared.sinks.get(sink.as_str()).map(|sink| sink.columns.clone()).unwrap_or_default();
                let rows = self.aligned(relation, &columns, scope);
                let place = self.place(rows);
                let op = Op::Emit { sink: *sink };
                let mut node = self.named_node(scope, sink, op, &relation.ty, place, *span);
                node.columns = columns;
                let guards: Vec<Expr> = match scope.plane {
                    Plane::Online => node.guards.iter().map(|(guard, _)| guard.clone()).collect(),
                    Plane::Batch | Plane::Stream => Vec::new(),
                };
                let id = self.ir.graph.add(node, &[rows]);
                self.connect_bindings(id, scope, &guards);
                scope.statements.push(id);
            }
            Item::Publish { model, name, gate, span } => {
                let gate = gate.as_ref().map(|gate| self.hoist(gate, scope));
                let op = Op::Publish { model: *name, gate: gate.clone() };
                let mut node = self.value_node(scope, *name, op, &Type::required(Kind::Bool), *span);
                node.binding = None;
                let training: Vec<NodeId> = scope.bindings.get(model).copied().into_iter().collect();
                let id = self.ir.graph.add(node, &training);
                self.connect_bindings(id, scope, &gate);
                scope.statements.push(id);
            }
            Item::Return { value, span } => {
                let value = self.hoist(value, scope);
                self.respond(value, *span, scope);
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

    fn respond(&mut self, value: Expr, span: Span, scope: &mut Scope) {
        let mut node = self.value_node(scope, "response".into(), Op::Respond { value: value.clone() }, &value.ty, span);
        node.binding = None;
        let guards: Vec<Expr> = node.guards.iter().map(|(guard, _)| guard.clone()).collect();
        let id = self.ir.graph.add(node, &[]);
        self.connect_bindings(id, scope, guards.iter().chain([&value]));
        scope.statements.push(id);
    }

    fn binding(&mut self, name: Symbol, value: &Binding, settings: &BindingSettings, span: Span, scope: &mut Scope) {
        let (node, inputs) = match value {
            Binding::Relation(relation) => {
                let id = self.relation(relation, scope);
                if let Some(node) = self.ir.graph.get_mut(id)
                    && node.binding.is_none()
                {
                    node.settings = settings.clone();
                }
                self.bind(scope, name, id);
                return;
            }
            Binding::Scalar(value) => {
                let mut value = value.clone();
                self.hoist_in(&mut value, scope, Some(name));
                if let Some(id) = scope.bindings.get(&name).copied()
                    && matches!(&value.kind, fec_model::expr::ExprKind::Binding(bound) if *bound == name)
                {
                    if let Some(node) = self.ir.graph.get_mut(id) {
                        node.settings = settings.clone();
                        node.span = span;
                    }
                    return;
                }
                let mut node = self.value_node(scope, name, Op::Scalar { value: value.clone() }, &value.ty, span);
                node.settings = settings.clone();
                let guards: Vec<Expr> = node.guards.iter().map(|(guard, _)| guard.clone()).collect();
                let id = self.ir.graph.add(node, &[]);
                self.connect_bindings(id, scope, guards.iter().chain([&value]));
                self.bind(scope, name, id);
                return;
            }
            Binding::Split { input, parts, by } => {
                let rows = self.relation(input, scope);
                let op = Op::Split { parts: parts.clone(), by: by.clone() };
                (self.named_node(scope, &name, op, &input.ty, (0, None), span), vec![rows])
            }
            Binding::Train(train) => {
                let rows = self.relation(&train.input, scope);
                let op = Op::Train {
                    label: train.label.clone(),
                    features: train.features.clone(),
                    trees: train.trees,
                    depth: train.depth,
                    learning_rate: train.learning_rate,
                };
                (self.value_node(scope, name, op, &Type::required(Kind::Float), span), vec![rows])
            }
            Binding::Evaluate { model, input } => {
                let rows = self.relation(input, scope);
                let mut inputs: Vec<NodeId> = scope.bindings.get(model).copied().into_iter().collect();
                inputs.push(rows);
                (self.value_node(scope, name, Op::Evaluate, &Type::required(Kind::Record(evaluation())), span), inputs)
            }
        };
        let mut node = node;
        node.binding = Some(name);
        node.settings = settings.clone();
        let id = self.ir.graph.add(node, &inputs);
        self.bind(scope, name, id);
    }

    pub(super) fn tests(&mut self) {
        let model = self.model;
        for (number, test) in (1u32..).zip(&model.tests) {
            let mut expectations = Vec::new();
            for (line, expectation) in (1u32..).zip(&test.expectations) {
                let mut scope = Scope::new(format!("test-{number}/expect-{line}"), Plane::Online);
                let value = self.hoist(expectation, &mut scope);
                self.respond(value, expectation.span, &mut scope);
                expectations.push(Expectation { nodes: scope.statements, span: expectation.span });
            }
            self.ir.tests.push(TestPlan {
                name: test.name.clone(),
                given: test.given.clone(),
                returns: test.returns.clone(),
                at: test.at,
                expectations,
                span: test.span,
            });
        }
    }
}
