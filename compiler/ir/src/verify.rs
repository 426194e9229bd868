//! The invariants of a plan: acyclic, ports fed, columns there that expressions read, time and keys where they are needed.

use fec_diagnostics::Span;
use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};
use fec_model::model::Plane;
use fec_model::types::Column;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use crate::graph::{Changed, Node, NodeId};
use crate::ir::Ir;
use crate::op::{Op, Step};
use crate::walk;

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which, at which node.
    pub message: String,
    /// Where that node was written.
    pub span: Option<Span>,
}

/// Checks a plan; an empty list means that it is sound.
#[must_use]
pub fn verify(ir: &Ir) -> Vec<Violation> {
    Verifier::default().all(ir)
}

/// Checks a plan that passes change: whole at first, then what each has changed.
#[derive(Default)]
pub struct Verifier {
    /// The nodes looked at so far, to be found by name. Some may be gone or have another name by now.
    named: HashTable<NodeId>,
    hasher: DefaultHashBuilder,
}

impl Verifier {
    /// Checks every node.
    #[must_use]
    pub fn all(&mut self, ir: &Ir) -> Vec<Violation> {
        self.named.clear();
        let ids = ir.graph.ids();
        self.named.reserve(ids.len(), |_| 0);
        self.check(ir, &ids, true)
    }

    /// Checks the nodes that have changed since the last look, and those that they feed: an invariant speaks of a node and what
    /// feeds it, of names, of views, which are all looked at, and of circles, which only a new edge can close.
    #[must_use]
    pub fn again(&mut self, ir: &Ir, changed: Changed) -> Vec<Violation> {
        let Changed { mut nodes, connected } = changed;
        nodes.sort_unstable();
        nodes.dedup();
        let takers: Vec<NodeId> = nodes.iter().flat_map(|id| ir.graph.takers(*id)).collect();
        nodes.extend(takers);
        nodes.sort_unstable();
        nodes.dedup();
        self.check(ir, &nodes, connected)
    }

    fn check(&mut self, ir: &Ir, ids: &[NodeId], connected: bool) -> Vec<Violation> {
        let mut found = Vec::new();
        if connected && let Err(id) = ir.graph.in_order() {
            let node = ir.graph.get(id);
            let name = node.map_or("?", |node| node.name.as_str());
            found.push(Violation { message: format!("`{name}` feeds itself"), span: node.map(|node| node.span) });
            return found;
        }
        for view in ir.views.iter().filter(|view| ir.graph.get(view.node).is_none()) {
            found.push(Violation { message: format!("the view `{}` has no rows", view.name), span: Some(view.span) });
        }
        for id in ids {
            let Some(node) = ir.graph.get(*id) else { continue };
            let mut check = Check { ir, id: *id, node, found: &mut found };
            if !self.is_first(ir, *id, node) {
                check.fail("has the name of another node".to_owned());
            }
            check.node();
        }
        found
    }

    /// Whether no other node has its name; it is known by its name from now on.
    fn is_first(&mut self, ir: &Ir, id: NodeId, node: &Node) -> bool {
        let hash = self.hasher.hash_one(node.name.as_str());
        let has_name = |other: &NodeId| ir.graph.get(*other).is_some_and(|other| other.name == node.name);
        if let Some(known) = self.named.find(hash, has_name) {
            return *known == id;
        }
        let hasher = &self.hasher;
        let hash_of = |id: &NodeId| ir.graph.get(*id).map_or(0, |node| hasher.hash_one(node.name.as_str()));
        self.named.insert_unique(hash, id, hash_of);
        true
    }
}

struct Check<'a> {
    ir: &'a Ir,
    id: NodeId,
    node: &'a Node,
    found: &'a mut Vec<Violation>,
}

impl Check<'_> {
    fn fail(&mut self, what: String) {
        self.found.push(Violation { message: format!("`{}` {what}", self.node.name), span: Some(self.node.span) });
    }

    fn node(&mut self) {
        let ir = self.ir;
        let count = ir.graph.feeds(self.id).count();
        let ports = match &self.node.op {
            Op::Scan { .. }
            | Op::SinkRows { .. }
            | Op::Rows { .. }
            | Op::Request { .. }
            | Op::ReadFeatures { .. }
            | Op::ReadTable { .. }
            | Op::Predict { .. }
            | Op::Call { .. }
            | Op::Scalar { .. }
            | Op::Respond { .. } => 0..=0,
            Op::IntervalJoin { .. }
            | Op::LookupJoin { .. }
            | Op::HashJoin { .. }
            | Op::FeatureRead { .. }
            | Op::Evaluate => 2..=2,
            Op::Union => 2..=usize::MAX,
            _ => 1..=1,
        };
        if !ports.contains(&count) {
            return self.fail(format!("has {count} inputs"));
        }
        let input = |port| ir.graph.input(self.id, port).and_then(|id| ir.graph.get(id));
        match (&self.node.op, input(0), input(1)) {
            (Op::Fused { steps }, Some(input), _) => self.steps(steps, &input.columns),
            (Op::IntervalJoin { on, residual, alias, .. }, Some(left), Some(right)) => {
                if !left.timed || !right.timed {
                    self.fail("joins by time rows that have none".to_owned());
                }
                self.join(on, residual.as_deref(), *alias, left, right);
            }
            (
                Op::LookupJoin { on, residual, alias, .. } | Op::HashJoin { on, residual, alias, .. },
                Some(left),
                Some(right),
            ) => {
                self.join(on, residual.as_deref(), *alias, left, right);
            }
            (Op::FeatureRead { keys, set, alias, .. }, Some(rows), Some(features)) => {
                let Op::Features { sets, .. } = &features.op else {
                    return self.fail("reads features from a node that has none".to_owned());
                };
                let Some(plan) = sets.iter().find(|plan| plan.name == *set) else {
                    return self.fail(format!("reads set `{set}`, which `{}` does not keep", features.name));
                };
                if plan.keys.len() != keys.len() {
                    self.fail(format!("gives {} keys to set `{set}`", keys.len()));
                }
                // In services and tests rows are read at `now`.
                if !rows.timed && self.node.planes != Plane::Online.into() {
                    self.fail("reads features as of rows that have no time".to_owned());
                }
                let known = |name: Symbol| {
                    has(&rows.columns, name) || *alias == Some(name) || (alias.is_none() && has(&plan.columns, name))
                };
                let missing: Vec<Symbol> =
                    self.node.columns.iter().map(|column| column.name).filter(|name| !known(*name)).collect();
                for name in missing {
                    self.fail(format!("gives column `{name}`, which neither row nor set has"));
                }
                self.exprs(keys, &rows.columns, &[]);
            }
            (Op::KeyedRows { key }, Some(input), _) => {
                if !input.timed {
                    self.fail("keeps rows that have no place".to_owned());
                }
                for name in key.iter().filter(|name| !has(&input.columns, **name)) {
                    self.fail(format!("keeps rows by `{name}`, which they do not have"));
                }
            }
            (Op::Features { sets, .. }, Some(input), _) => {
                if !input.timed {
                    self.fail("aggregates over time rows that have none".to_owned());
                }
                for set in sets {
                    for (_, key) in &set.keys {
                        self.expr(key, &input.columns, &[]);
                    }
                    for aggregate in &set.aggregates {
                        self.exprs(aggregate.exprs(), &input.columns, &[]);
                    }
                }
            }
            (Op::Union, ..) => {
                for input in ir.graph.inputs(self.id).into_iter().filter_map(|id| ir.graph.get(id)) {
                    let missing = self.node.columns.iter().find(|column| !has(&input.columns, column.name));
                    if let Some(column) = missing {
                        self.fail(format!("misses column `{}` of `{}`", column.name, input.name));
                    }
                }
            }
            (Op::Sort { keys } | Op::Top { keys, .. }, Some(input), _) => {
                self.exprs(keys.iter().map(|(key, _)| key), &input.columns, &[]);
            }
            (Op::Distinct { keys } | Op::Latest { keys }, Some(input), _) => self.exprs(keys, &input.columns, &[]),
            (Op::Split { by, .. }, Some(input), _) => self.exprs(by, &input.columns, &[]),
            (Op::Aggregate { keys, aggregates, .. }, Some(input), _) => {
                self.exprs(keys.iter().map(|(_, key)| key), &input.columns, &[]);
                for aggregate in aggregates {
                    self.exprs(aggregate.exprs(), &input.columns, &[]);
                }
            }
            (Op::Train { label, features, .. }, Some(input), _) => {
                self.exprs(features.iter().map(|(_, value)| value).chain([label.as_ref()]), &input.columns, &[]);
            }
            (Op::Emit { .. }, Some(input), _)
                if !self.node.columns.iter().map(|c| &c.name).eq(input.columns.iter().map(|c| &c.name)) =>
            {
                self.fail("gets other columns than its sink has".to_owned());
            }
            (Op::Final, Some(input), _) if !input.timed => self.fail("waits for rows that have no time".to_owned()),
            (Op::Part { .. }, Some(input), _) if !matches!(input.op, Op::Split { .. }) => {
                self.fail("is a part of something that is not a split".to_owned());
            }
            _ => {}
        }
        self.bindings();
    }

    /// What its expressions read by name is given to it.
    fn bindings(&mut self) {
        let mut read: Vec<Symbol> = Vec::new();
        let mut see = |expr: &Expr| {
            walk::visit(expr, &mut |part| {
                if let ExprKind::Binding(name) = &part.kind {
                    walk::add(&mut read, *name);
                }
            });
        };
        walk::each_expr(&self.node.op, &mut see);
        self.node.settings.fallback.iter().for_each(&mut see);
        if read.is_empty() {
            return;
        }
        let givers = self.ir.graph.bindings(self.id);
        let given = |name: &Symbol| {
            let gives = |node: &Node| node.binding.as_ref() == Some(name) || has(&node.columns, *name);
            givers.iter().any(|giver| self.ir.graph.get(*giver).is_some_and(gives))
        };
        if let Some(missing) = read.iter().find(|name| !given(name)) {
            self.fail(format!("reads the value `{missing}`, which it is not given"));
        }
    }

    fn steps(&mut self, steps: &[Step], input: &[Column]) {
        // What the last projection gives; before the first one there are the columns of the input.
        let mut projected: Option<&[(Symbol, Expr)]> = None;
        for step in steps {
            let there = |name: Symbol| match projected {
                None => has(input, name),
                Some(columns) => columns.iter().any(|(column, _)| *column == name),
            };
            let mut missing: Option<Symbol> = None;
            let mut see = |expr| {
                walk::visit(expr, &mut |part: &Expr| {
                    if let ExprKind::Column(name) = &part.kind
                        && !there(*name)
                    {
                        missing = Some(missing.map_or(*name, |least| least.min(*name)));
                    }
                });
            };
            match step {
                Step::Filter { condition, unless_fault } => unless_fault.iter().chain([condition]).for_each(&mut see),
                Step::Project { columns } => columns.iter().for_each(|(_, value)| see(value)),
            }
            if let Some(missing) = missing {
                self.fail(format!("reads column `{missing}`, which is not there"));
            }
            if let Step::Project { columns } = step {
                projected = Some(columns);
            }
        }
        let own = self.node.columns.iter().map(|column| column.name);
        let given = match projected {
            None => own.eq(input.iter().map(|column| column.name)),
            Some(columns) => own.eq(columns.iter().map(|(name, _)| *name)),
        };
        if !given {
            self.fail("says other columns than its steps give".to_owned());
        }
    }

    fn join(&mut self, on: &[(Expr, Expr)], residual: Option<&Expr>, alias: Symbol, left: &Node, right: &Node) {
        for (a, b) in on {
            self.expr(a, &left.columns, &right.columns);
            self.expr(b, &left.columns, &right.columns);
        }
        self.exprs(residual, &left.columns, &right.columns);
        let missing = self.node.columns.iter().find(|column| column.name != alias && !has(&left.columns, column.name));
        if let Some(column) = missing {
            self.fail(format!("gives column `{}`, which its left side does not have", column.name));
        }
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>, left: &[Column], right: &[Column]) {
        for expr in exprs {
            self.expr(expr, left, right);
        }
    }

    fn expr(&mut self, expr: &Expr, left: &[Column], right: &[Column]) {
        let mut missing: Option<Symbol> = None;
        walk::visit(expr, &mut |part| match &part.kind {
            ExprKind::Column(name) if !has(left, *name) => missing = Some(*name),
            ExprKind::Right(name) if !has(right, *name) => missing = Some(*name),
            _ => {}
        });
        if let Some(name) = missing {
            self.fail(format!("reads column `{name}`, which is not there"));
        }
    }
}

fn has(columns: &[Column], name: Symbol) -> bool {
    columns.iter().any(|column| column.name == name)
}
