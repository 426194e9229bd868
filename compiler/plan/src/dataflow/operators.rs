//! Each operator of the plan as an operator of the runtime.

use fec_ir::{NodeId, Op, Step};
use fec_model::Symbol;
use fec_model::expr::{Aggregate, Expr};
use fec_model::relation::{JoinKind, JoinPick};
use fec_model::types::{Column, Kind, Record, Type};

use super::wiring::{Fed, Wiring};
use super::{Join, PlanError, RowOp, StandBy};

impl Wiring<'_> {
    /// Adds the operator of a node that keeps no feature state.
    pub(super) fn operator(&mut self, id: NodeId, inputs: &[NodeId]) -> Result<Fed, PlanError> {
        let node = self.node(id)?;
        match (&node.op, inputs) {
            (Op::Fused { steps }, [input]) => {
                let input = self.feed(*input)?;
                let output = after(steps, &input.1);
                self.named(id, RowOp::Steps(steps.clone()), vec![input], output)
            }
            (
                Op::IntervalJoin { join, pick, alias, on, residual, low, high, left_delay, right_delay },
                [left, right],
            ) => {
                let (left, right) = (self.waiting(*left, inputs)?, self.waiting(*right, inputs)?);
                let join = joined((*join, *pick), *alias, (on, residual.as_deref()), &left.1, &right.1);
                let output = join.output();
                let (low, high) = (*low, *high);
                let (left_lateness, right_lateness) = (*left_delay, *right_delay);
                let op = RowOp::IntervalJoin { join, low, high, left_lateness, right_lateness };
                self.named(id, op, vec![left, right], output)
            }
            (Op::LookupJoin { join, pick, alias, on, residual }, [left, right]) => {
                let left = self.feed(*left)?;
                let (table, right) = self.table(*right)?;
                let join = joined((*join, *pick), *alias, (on, residual.as_deref()), &left.1, &right);
                let output = join.output();
                self.named(id, RowOp::LookupJoin { join, table }, vec![left], output)
            }
            (Op::HashJoin { join, pick, alias, on, residual }, [left, right]) => {
                let (left, right) = (self.standing(*left)?, self.standing(*right)?);
                let join = joined((*join, *pick), *alias, (on, residual.as_deref()), &left.1, &right.1);
                let output = join.output();
                self.named(id, RowOp::HashJoin { join }, vec![left, right], output)
            }
            (Op::Final, [input]) => {
                let fed = self.standing(*input)?;
                // Rows that never change are final as they come.
                let Some(settle) = self.node(*input)?.settle else { return Ok(fed) };
                self.unchanged(id, RowOp::Final { settle }, fed)
            }
            (Op::Union, inputs) => {
                let mut feeds = Vec::with_capacity(inputs.len());
                for input in inputs {
                    let fed = self.waiting(*input, inputs)?;
                    feeds.push(self.picked(id, fed, node.columns.to_vec())?);
                }
                self.named(id, RowOp::Union, feeds, node.columns.to_vec())
            }
            (Op::Aggregate { keys, aggregates, outputs }, [input]) => {
                let input = self.feed(*input)?;
                let row = group_row(keys, aggregates);
                let output = row.iter().cloned().chain(outputs.iter().map(column)).collect();
                let (keys, aggregates, outputs) = (keys.clone(), aggregates.clone(), outputs.clone());
                self.named(id, RowOp::Group { keys, aggregates, outputs, row }, vec![input], output)
            }
            (Op::Sort { keys }, [input]) => {
                let input = self.standing(*input)?;
                self.unchanged(id, RowOp::Sort { keys: keys.clone() }, input)
            }
            (Op::Top { count, keys, per, with_ties, rank }, [input]) => {
                let input = self.standing(*input)?;
                let ranked = rank.iter().map(|name| Column { name: *name, ty: Type::required(Kind::Int) });
                let output = input.1.iter().cloned().chain(ranked).collect();
                let (count, with_ties, rank) = (*count, *with_ties, *rank);
                let op = RowOp::Top { count, keys: keys.clone(), per: per.clone(), with_ties, rank };
                self.named(id, op, vec![input], output)
            }
            (Op::Take { count }, [input]) => {
                let is_sorted = self.wanted.ir.is_sorted(*input);
                let input = if is_sorted { self.feed(*input)? } else { self.standing(*input)? };
                self.unchanged(id, RowOp::Take { count: *count, is_sorted }, input)
            }
            (Op::Distinct { keys } | Op::Latest { keys }, [input]) => {
                let input = self.standing(*input)?;
                let is_last = matches!(node.op, Op::Latest { .. });
                self.unchanged(id, RowOp::OnePerKey { keys: keys.clone(), is_last }, input)
            }
            (Op::Emit { sink }, [input]) => {
                let input = self.feed(*input)?;
                self.unchanged(id, RowOp::Whole { sink: *sink }, input)
            }
            // What it gives is what it gets; the dataflow is tapped here.
            (Op::Collect | Op::Split { .. } | Op::Train { .. }, [input]) => self.feed(*input),
            (op, _) => PlanError::new(format!("`{}` does not work on rows", op.word())),
        }
    }

    /// The rows of a node as they stand where no sort orders them.
    fn standing(&mut self, id: NodeId) -> Result<Fed, PlanError> {
        let by_columns = !self.node(id)?.timed;
        match (by_columns, self.wanted.ir.is_sorted(id)) {
            (true, _) => self.stand(id, StandBy::Columns),
            (false, true) => self.stand(id, StandBy::Memory),
            (false, false) => self.feed(id),
        }
    }

    /// The rows of one of the inputs of a node as they stand. Where some of the inputs come at the end all do: of a union, who
    /// came before would stand before them, whatever its place; a join would have forgotten whom they match.
    fn waiting(&mut self, id: NodeId, inputs: &[NodeId]) -> Result<Fed, PlanError> {
        let waits = inputs.iter().any(|input| self.comes_at_the_end(*input));
        let is_unsorted = self.node(id)?.timed && !self.wanted.ir.is_sorted(id);
        if waits && is_unsorted { self.stand(id, StandBy::Coming) } else { self.standing(id) }
    }

    /// The rows of a node as a sink or a list takes them: as they were sorted, else as they stand.
    pub(super) fn wanted(&mut self, id: NodeId) -> Result<Fed, PlanError> {
        if self.node(id)?.timed || self.wanted.ir.is_sorted(id) {
            self.feed(id)
        } else {
            self.stand(id, StandBy::Columns)
        }
    }

    /// Whether a node gives its rows when all that it takes are there, and not as events come.
    fn comes_at_the_end(&self, id: NodeId) -> bool {
        let graph = &self.wanted.ir.graph;
        let input = |port: u32| graph.input(id, port).is_some_and(|input| self.comes_at_the_end(input));
        match graph.get(id).map(|node| &node.op) {
            Some(
                Op::Aggregate { .. }
                | Op::Sort { .. }
                | Op::Top { .. }
                | Op::Take { .. }
                | Op::Distinct { .. }
                | Op::Latest { .. }
                | Op::HashJoin { .. },
            ) => true,
            Some(Op::Fused { .. } | Op::LookupJoin { .. } | Op::FeatureRead { .. } | Op::Final) => input(0),
            Some(Op::Union | Op::IntervalJoin { .. }) => {
                graph.inputs(id).iter().any(|input| self.comes_at_the_end(*input))
            }
            _ => false,
        }
    }

    fn stand(&mut self, id: NodeId, by: StandBy) -> Result<Fed, PlanError> {
        let input = self.feed(id)?;
        let columns = input.1.clone();
        self.place(id, None, RowOp::Stand { by }, vec![input], columns)
    }

    /// Adds an operator under the name of its node.
    fn named(&mut self, id: NodeId, op: RowOp, inputs: Vec<Fed>, output: Vec<Column>) -> Result<Fed, PlanError> {
        let name = self.node(id)?.name.clone();
        self.place(id, Some(name), op, inputs, output)
    }

    /// Adds an operator that gives the columns which it gets.
    fn unchanged(&mut self, id: NodeId, op: RowOp, input: Fed) -> Result<Fed, PlanError> {
        let columns = input.1.clone();
        self.named(id, op, vec![input], columns)
    }
}

impl Join {
    /// The columns of the output: those of the left side, then one record column for the right side where it has one.
    #[must_use]
    pub fn output(&self) -> Vec<Column> {
        let kind = || Kind::Record(Record { name: None, fields: self.right.clone().into() });
        let record = match self.kind {
            JoinKind::Inner => Some(Type::required(kind())),
            JoinKind::Left => Some(Type::maybe(kind())),
            JoinKind::Semi | JoinKind::Anti => None,
        };
        let record = record.map(|ty| Column { name: self.alias, ty });
        self.left.iter().cloned().chain(record).collect()
    }
}

pub(super) fn joined(
    (kind, pick): (JoinKind, JoinPick),
    alias: Symbol,
    (on, residual): (&[(Expr, Expr)], Option<&Expr>),
    left: &[Column],
    right: &[Column],
) -> Join {
    let (on, residual) = (on.to_vec(), residual.cloned());
    Join { kind, pick, alias, on, residual, left: left.to_vec(), right: right.to_vec() }
}

/// A named value as a column.
pub(super) fn column((name, value): &(Symbol, Expr)) -> Column {
    Column { name: *name, ty: value.ty.clone() }
}

/// The columns after the last step.
fn after(steps: &[Step], input: &[Column]) -> Vec<Column> {
    let projected = steps.iter().rev().find_map(|step| match step {
        Step::Project { columns } => Some(columns.iter().map(column).collect()),
        Step::Filter { .. } => None,
    });
    projected.unwrap_or_else(|| input.to_vec())
}

fn group_row(keys: &[(Symbol, Expr)], aggregates: &[Aggregate]) -> Vec<Column> {
    let results = aggregates.iter().map(|one| Column { name: one.name, ty: one.ty.clone() });
    keys.iter().map(column).chain(results).collect()
}
