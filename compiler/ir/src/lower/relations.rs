//! Relational pipelines.

use fec_diagnostics::Span;
use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};
use fec_model::relation::{JoinKind, JoinPick, Relation, RelationOp};
use fec_model::types::{Boundedness, Column, Columns, Kind, Record, RelationType, Type};

use super::{Lowering, Scope};
use crate::graph::{Node, NodeId};
use crate::op::{Op, Step};
use crate::walk;

impl Lowering<'_> {
    /// Lowers a relation; gives the node of its rows.
    pub(super) fn relation(&mut self, relation: Relation, scope: &mut Scope) -> NodeId {
        let Relation { op, ty, span } = relation;
        match op {
            RelationOp::Error => self.empty(scope, ty, span),
            RelationOp::Source(name) => {
                let delay = self.declared.lateness.get(&name).copied().unwrap_or(0);
                let delay = if ty.boundedness == Boundedness::Table { 0 } else { delay };
                self.leaf(scope, Op::Scan { source: name }, ty, delay, span)
            }
            RelationOp::Sink(name) => self.leaf(scope, Op::SinkRows { sink: name }, ty, 0, span),
            RelationOp::View(name) => match self.declared.views.get(&name).copied() {
                Some(view) => self.relation(view.relation.clone(), scope),
                None => self.empty(scope, ty, span),
            },
            RelationOp::Binding(name) => match scope.bindings.get(&name) {
                Some(id) => *id,
                None => self.empty(scope, ty, span),
            },
            RelationOp::Part { split, part } => {
                let node = self.row_node(scope, Op::Part { part }, ty, (0, None), span);
                let inputs: Vec<NodeId> = scope.bindings.get(&split).copied().into_iter().collect();
                self.ir.graph.add(node, &inputs)
            }
            RelationOp::Rows(value) => {
                let value = self.hoist(*value, scope);
                let node = self.row_node(scope, Op::Rows { value }, ty, (0, None), span);
                self.reading(node, &[], scope)
            }
            RelationOp::Where { input, condition } => {
                let step = Step::Filter { condition, unless_fault: Vec::new() };
                self.unary(scope, *input, Op::Fused { steps: vec![step] }, ty, span)
            }
            RelationOp::Select { input, columns } => {
                self.unary(scope, *input, Op::Fused { steps: vec![Step::Project { columns }] }, ty, span)
            }
            RelationOp::Derive { input, columns } => {
                let steps = derive_steps(&input.ty.columns, columns);
                self.unary(scope, *input, Op::Fused { steps }, ty, span)
            }
            RelationOp::Join { left, right, kind: join, pick, alias, mut on, mut residual, within } => {
                for (left, right) in &mut on {
                    self.hoist_in(left, scope, None);
                    self.hoist_in(right, scope, None);
                }
                residual.iter_mut().for_each(|condition| self.hoist_in(condition, scope, None));
                let table = right.ty.boundedness == Boundedness::Table;
                let left = self.relation(*left, scope);
                let right = self.right(*right, scope);
                let (left_delay, right_delay) = (self.lateness(left), self.lateness(right));
                let (op, place) = match within {
                    Some((low, high)) => {
                        let place = self.interval_place(left, right, high, join, pick);
                        let op =
                            Op::IntervalJoin { join, pick, alias, on, residual, low, high, left_delay, right_delay };
                        (op, place)
                    }
                    None if table => (Op::LookupJoin { join, pick, alias, on, residual }, self.place(left)),
                    None => (Op::HashJoin { join, pick, alias, on, residual }, self.place(left)),
                };
                let node = self.row_node(scope, op, ty, place, span);
                self.reading(node, &[left, right], scope)
            }
            RelationOp::With { input, set, keys, alias, including_row } => {
                let rows = self.relation(*input, scope);
                let keys: Vec<Expr> = keys.into_iter().map(|key| self.hoist(key, scope)).collect();
                let op = Op::FeatureRead { set, keys, alias, including_row };
                let place = self.place(rows);
                let node = self.row_node(scope, op, ty, place, span);
                let mut inputs = vec![rows];
                inputs.extend(self.feature_node(&set));
                self.reading(node, &inputs, scope)
            }
            RelationOp::Final { input } => self.unary(scope, *input, Op::Final, ty, span),
            RelationOp::Group { input, keys, aggregates, outputs } => {
                self.unary(scope, *input, Op::Aggregate { keys, aggregates, outputs }, ty, span)
            }
            RelationOp::Sort { input, keys } => self.unary(scope, *input, Op::Sort { keys }, ty, span),
            RelationOp::Top { input, count, keys, per, with_ties, rank } => {
                self.unary(scope, *input, Op::Top { count, keys, per, with_ties, rank }, ty, span)
            }
            RelationOp::Take { input, count } => self.unary(scope, *input, Op::Take { count }, ty, span),
            RelationOp::Distinct { input, keys } => self.unary(scope, *input, Op::Distinct { keys }, ty, span),
            RelationOp::Latest { input, keys } => self.unary(scope, *input, Op::Latest { keys }, ty, span),
            RelationOp::Union { inputs } => {
                let ids: Vec<NodeId> =
                    inputs.into_iter().map(|input| self.aligned(input, &ty.columns, scope)).collect();
                let delay = ids.iter().map(|id| self.delay(*id)).max().unwrap_or(0);
                let settle = ids.iter().filter_map(|id| self.settle(*id)).max();
                let node = self.row_node(scope, Op::Union, ty, (delay, settle), span);
                self.ir.graph.add(node, &ids)
            }
        }
    }

    /// The right side of a join: rows, or what a view over streams keeps of them by key.
    fn right(&mut self, right: Relation, scope: &mut Scope) -> NodeId {
        if let RelationOp::View(name) = &right.op
            && right.ty.boundedness == Boundedness::Table
            && let Some((_, Some(kept))) = self.view_nodes(name)
        {
            return kept;
        }
        self.relation(right, scope)
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

    fn leaf(&mut self, scope: &Scope, op: Op, ty: RelationType, delay: i64, span: Span) -> NodeId {
        let binding = if let Op::Scan { source } = &op { source.as_str() } else { "" };
        let node = self.named_node(scope, binding, op, ty, (delay, None), span);
        self.ir.graph.add(node, &[])
    }

    /// No rows, where the checker has found something wrong.
    fn empty(&mut self, scope: &Scope, ty: RelationType, span: Span) -> NodeId {
        let value = empty_list(&ty, span);
        self.leaf(scope, Op::Rows { value }, ty, 0, span)
    }

    /// An operator over one input.
    fn unary(&mut self, scope: &mut Scope, input: Relation, mut op: Op, ty: RelationType, span: Span) -> NodeId {
        walk::each_expr_mut(&mut op, &mut |expr| self.hoist_in(expr, scope, None));
        let input = self.relation(input, scope);
        let place = if op == Op::Final { (self.lateness(input), None) } else { self.place(input) };
        let node = self.row_node(scope, op, ty, place, span);
        self.reading(node, &[input], scope)
    }

    /// Adds a node, which is given the bindings that its expressions read.
    pub(super) fn reading(&mut self, mut node: Node, inputs: &[NodeId], scope: &Scope) -> NodeId {
        if !scope.values.is_empty() {
            walk::each_expr_mut(&mut node.op, &mut |expr| scope.inline(expr));
        }
        let mut exprs = Vec::new();
        if !scope.bindings.is_empty() {
            walk::each_expr(&node.op, &mut |expr| exprs.push(expr));
        }
        let needed = scope.read_by(exprs);
        let id = self.ir.graph.add(node, inputs);
        self.connect_all(id, &needed);
        id
    }

    /// A relation whose columns are put into the order of `columns`.
    pub(super) fn aligned(&mut self, relation: Relation, columns: &Columns, scope: &mut Scope) -> NodeId {
        if relation.ty.columns.iter().map(|c| &c.name).eq(columns.iter().map(|c| &c.name)) {
            return self.relation(relation, scope);
        }
        let span = relation.span;
        let picked: Vec<(Symbol, Expr)> = columns
            .iter()
            .filter_map(|wanted| relation.ty.column(&wanted.name))
            .map(|column| (column.name, column_expr(column, span)))
            .collect();
        let ty = RelationType { columns: columns.clone(), ..relation.ty.clone() };
        let id = self.relation(relation, scope);
        let place = self.place(id);
        let op = Op::Fused { steps: vec![Step::Project { columns: picked }] };
        let node = self.row_node(scope, op, ty, place, span);
        self.ir.graph.add(node, &[id])
    }
}

/// A column as an expression.
pub(crate) fn column_expr(column: &Column, span: Span) -> Expr {
    Expr { kind: ExprKind::Column(column.name), ty: column.ty.clone(), span }
}

/// `derive` as projections: a new one begins where a column reads one that was derived just before.
fn derive_steps(input: &[Column], mut derived: Vec<(Symbol, Expr)>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut columns: Vec<Column> = input.to_vec();
    while let Some((_, first)) = derived.first() {
        let span = first.span;
        let round = round(&derived);
        let mut project: Vec<(Symbol, Expr)> = Vec::with_capacity(columns.len() + round);
        project.extend(columns.iter().map(|column| (column.name, column_expr(column, span))));
        for (name, value) in derived.drain(..round) {
            let column = Column { name, ty: value.ty.clone() };
            match project.iter_mut().zip(&mut columns).find(|((existing, _), _)| *existing == name) {
                Some(((_, old), old_column)) => {
                    *old = value;
                    *old_column = column;
                }
                None => {
                    project.push((name, value));
                    columns.push(column);
                }
            }
        }
        steps.push(Step::Project { columns: project });
    }
    steps
}

/// How many of the first columns neither read nor replace one another.
fn round(derived: &[(Symbol, Expr)]) -> usize {
    let mut before: Vec<Symbol> = Vec::new();
    for (name, value) in derived {
        let reads = walk::columns(value);
        if before.iter().any(|derived| reads.contains(derived) || derived == name) {
            break;
        }
        before.push(*name);
    }
    before.len()
}

fn empty_list(ty: &RelationType, span: Span) -> Expr {
    let record = Record { name: None, fields: ty.columns.clone() };
    let item = Type::required(Kind::Record(record));
    let ty = Type::required(Kind::List(Box::new(item)));
    Expr { kind: ExprKind::List(Vec::new()), ty, span }
}
