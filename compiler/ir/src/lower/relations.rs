//! Relational pipelines.

use std::collections::BTreeSet;

use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};
use fec_model::relation::{JoinKind, JoinPick, Relation, RelationOp};
use fec_model::types::{Boundedness, Column, Columns, RelationType};

use super::{Lowering, Scope};
use crate::graph::NodeId;
use crate::op::{Op, Step};
use crate::walk;

impl Lowering<'_> {
    /// Lowers a relation; gives the node of its rows.
    pub(super) fn relation(&mut self, relation: &Relation, scope: &mut Scope) -> NodeId {
        let ty = &relation.ty;
        match &relation.op {
            RelationOp::Error => self.leaf(scope, Op::Rows { value: empty_list(relation) }, relation, 0),
            RelationOp::Source(name) => {
                let delay = self.declared.sources.get(name.as_str()).map_or(0, |source| source.lateness);
                let delay = if ty.boundedness == Boundedness::Table { 0 } else { delay };
                self.leaf(scope, Op::Scan { source: *name }, relation, delay)
            }
            RelationOp::Sink(name) => self.leaf(scope, Op::SinkRows { sink: *name }, relation, 0),
            RelationOp::View(name) => match self.declared.views.get(name.as_str()).copied() {
                Some(view) => self.relation(&view.relation, scope),
                None => self.leaf(scope, Op::Rows { value: empty_list(relation) }, relation, 0),
            },
            RelationOp::Binding(name) => match scope.bindings.get(name) {
                Some(id) => *id,
                None => self.leaf(scope, Op::Rows { value: empty_list(relation) }, relation, 0),
            },
            RelationOp::Part { split, part } => {
                let node = self.row_node(scope, Op::Part { part: *part }, ty, (0, None), relation.span);
                let inputs: Vec<NodeId> = scope.bindings.get(split).copied().into_iter().collect();
                self.ir.graph.add(node, &inputs)
            }
            RelationOp::Rows(value) => {
                let value = self.hoist(value, scope);
                let node = self.row_node(scope, Op::Rows { value: value.clone() }, ty, (0, None), relation.span);
                let id = self.ir.graph.add(node, &[]);
                self.connect_bindings(id, scope, [&value]);
                id
            }
            RelationOp::Where { input, condition } => {
                let condition = self.hoist(condition, scope);
                let needed = scope.read_by([&condition]);
                let step = Step::Filter { condition, unless_fault: Vec::new() };
                self.unary(scope, input, Op::Fused { steps: vec![step] }, relation, &needed)
            }
            RelationOp::Select { input, columns } => {
                let columns = self.hoist_named(columns, scope);
                let needed = scope.read_by(columns.iter().map(|(_, value)| value));
                self.unary(scope, input, Op::Fused { steps: vec![Step::Project { columns }] }, relation, &needed)
            }
            RelationOp::Derive { input, columns } => {
                let columns = self.hoist_named(columns, scope);
                let needed = scope.read_by(columns.iter().map(|(_, value)| value));
                let steps = derive_steps(&input.ty.columns, &columns);
                self.unary(scope, input, Op::Fused { steps }, relation, &needed)
            }
            RelationOp::Join { left, right, kind, pick, alias, on, residual, within } => {
                let left_id = self.relation(left, scope);
                let right_id = self.relation(right, scope);
                let (left_delay, right_delay) = (self.lateness(left_id), self.lateness(right_id));
                let (join, pick, alias, on) = (*kind, *pick, *alias, on.clone());
                let residual = residual.clone();
                let (op, place) = match within {
                    Some((low, high)) => {
                        let place = self.interval_place(left_id, right_id, *high, join, pick);
                        let (low, high) = (*low, *high);
                        let op =
                            Op::IntervalJoin { join, pick, alias, on, residual, low, high, left_delay, right_delay };
                        (op, place)
                    }
                    None if right.ty.boundedness == Boundedness::Table => {
                        (Op::LookupJoin { join, pick, alias, on, residual }, self.place(left_id))
                    }
                    None => (Op::HashJoin { join, pick, alias, on, residual }, self.place(left_id)),
                };
                let node = self.row_node(scope, op, ty, place, relation.span);
                self.ir.graph.add(node, &[left_id, right_id])
            }
            RelationOp::With { input, set, keys, alias, including_row } => {
                let rows = self.relation(input, scope);
                let keys: Vec<Expr> = keys.iter().map(|key| self.hoist(key, scope)).collect();
                let needed = scope.read_by(&keys);
                let op = Op::FeatureRead { set: *set, keys, alias: *alias, including_row: *including_row };
                let place = self.place(rows);
                let node = self.row_node(scope, op, ty, place, relation.span);
                let mut inputs = vec![rows];
                inputs.extend(self.feature_node(set));
                let id = self.ir.graph.add(node, &inputs);
                self.connect_all(id, &needed);
                id
            }
            RelationOp::Final { input } => self.unary(scope, input, Op::Final, relation, &BTreeSet::new()),
            RelationOp::Group { input, keys, aggregates, outputs } => {
                let op = Op::Aggregate { keys: keys.clone(), aggregates: aggregates.clone(), outputs: outputs.clone() };
                self.unary(scope, input, op, relation, &BTreeSet::new())
            }
            RelationOp::Sort { input, keys } => {
                self.unary(scope, input, Op::Sort { keys: keys.clone() }, relation, &BTreeSet::new())
            }
            RelationOp::Top { input, count, keys, per, with_ties, rank } => {
                let op =
                    Op::Top { count: *count, keys: keys.clone(), per: per.clone(), with_ties: *with_ties, rank: *rank };
                self.unary(scope, input, op, relation, &BTreeSet::new())
            }
            RelationOp::Take { input, count } => {
                self.unary(scope, input, Op::Take { count: *count }, relation, &BTreeSet::new())
            }
            RelationOp::Distinct { input, keys } => {
                let needed = scope.read_by(keys);
                self.unary(scope, input, Op::Distinct { keys: keys.clone() }, relation, &needed)
            }
            RelationOp::Latest { input, keys } => {
                let needed = scope.read_by(keys);
                self.unary(scope, input, Op::Latest { keys: keys.clone() }, relation, &needed)
            }
            RelationOp::Union { inputs } => {
                let ids: Vec<NodeId> = inputs.iter().map(|input| self.aligned(input, &ty.columns, scope)).collect();
                let delay = ids.iter().map(|id| self.delay(*id)).max().unwrap_or(0);
                let settle = ids.iter().filter_map(|id| self.settle(*id)).max();
                let node = self.row_node(scope, Op::Union, ty, (delay, settle), relation.span);
                self.ir.graph.add(node, &ids)
            }
        }
    }

    /// How late rows arrive and change.
    pub(super) fn place(&self, id: NodeId) -> (i64, Option<i64>) {
        (self.delay(id), self.settle(id))
    }

    /// The same for an interval join: a right row changes an unmatched left row, or another's choice, as late as it comes.
    fn interval_place(
        &self,
        left: NodeId,
        right: NodeId,
        high: i64,
        join: JoinKind,
        pick: JoinPick,
    ) -> (i64, Option<i64>) {
        let delay = self.delay(left).max(high.saturating_add(self.delay(right)));
        let only_adds = matches!(join, JoinKind::Inner | JoinKind::Semi) && pick == JoinPick::All;
        let by_right = if only_adds { self.settle(right) } else { Some(self.delay(right)) };
        let settle = self.settle(left).max(by_right.map(|settle| high.saturating_add(settle)));
        (delay, settle)
    }

    fn leaf(&mut self, scope: &Scope, op: Op, relation: &Relation, delay: i64) -> NodeId {
        let binding = if let Op::Scan { source } = &op { source.as_str() } else { "" };
        let node = self.named_node(scope, binding, op, &relation.ty, (delay, None), relation.span);
        self.ir.graph.add(node, &[])
    }

    /// An operator over one input, which reads the bindings `needed`.
    fn unary(
        &mut self,
        scope: &mut Scope,
        input: &Relation,
        op: Op,
        relation: &Relation,
        needed: &BTreeSet<NodeId>,
    ) -> NodeId {
        let input = self.relation(input, scope);
        let place = if op == Op::Final { (self.lateness(input), None) } else { self.place(input) };
        let node = self.row_node(scope, op, &relation.ty, place, relation.span);
        let id = self.ir.graph.add(node, &[input]);
        self.connect_all(id, needed);
        id
    }

    /// A relation whose columns are put into the order of `columns`.
    pub(super) fn aligned(&mut self, relation: &Relation, columns: &Columns, scope: &mut Scope) -> NodeId {
        let id = self.relation(relation, scope);
        if relation.ty.columns.iter().map(|c| &c.name).eq(columns.iter().map(|c| &c.name)) {
            return id;
        }
        let picked: Vec<(Symbol, Expr)> = columns
            .iter()
            .filter_map(|wanted| relation.ty.column(&wanted.name))
            .map(|column| (column.name, column_expr(column, relation.span)))
            .collect();
        let ty = RelationType { columns: columns.clone(), ..relation.ty.clone() };
        let place = self.place(id);
        let op = Op::Fused { steps: vec![Step::Project { columns: picked }] };
        let node = self.row_node(scope, op, &ty, place, relation.span);
        self.ir.graph.add(node, &[id])
    }

    fn hoist_named(&mut self, columns: &[(Symbol, Expr)], scope: &mut Scope) -> Vec<(Symbol, Expr)> {
        columns.iter().map(|(name, value)| (*name, self.hoist(value, scope))).collect()
    }
}

/// A column as an expression.
pub(crate) fn column_expr(column: &Column, span: fec_diagnostics::Span) -> Expr {
    Expr { kind: ExprKind::Column(column.name), ty: column.ty.clone(), span }
}

/// `derive` as projections: a new one begins where a column reads one that was derived just before.
fn derive_steps(input: &[Column], derived: &[(Symbol, Expr)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut columns: Vec<Column> = input.to_vec();
    let mut rest = derived;
    while let Some((_, first)) = rest.first() {
        let mut round: Vec<&(Symbol, Expr)> = Vec::new();
        for entry in rest {
            let reads = walk::columns(&entry.1);
            if round.iter().any(|(name, _)| reads.contains(name) || *name == entry.0) {
                break;
            }
            round.push(entry);
        }
        rest = rest.get(round.len()..).unwrap_or_default();
        let mut project: Vec<(Symbol, Expr)> =
            columns.iter().map(|column| (column.name, column_expr(column, first.span))).collect();
        for (name, value) in round {
            let column = Column { name: *name, ty: value.ty.clone() };
            match project.iter_mut().zip(&mut columns).find(|((existing, _), _)| existing == name) {
                Some(((_, old), old_column)) => {
                    *old = value.clone();
                    *old_column = column;
                }
                None => {
                    project.push((*name, value.clone()));
                    columns.push(column);
                }
            }
        }
        steps.push(Step::Project { columns: project });
    }
    steps
}

fn empty_list(relation: &Relation) -> Expr {
    let record = fec_model::types::Record { name: None, fields: relation.ty.columns.clone() };
    let item = fec_model::types::Type::required(fec_model::types::Kind::Record(record));
    let ty = fec_model::types::Type::required(fec_model::types::Kind::List(Box::new(item)));
    Expr { kind: ExprKind::List(Vec::new()), ty, span: relation.span }
}
