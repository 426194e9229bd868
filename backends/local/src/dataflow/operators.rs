//! Each operator of the plan as an operator of the runtime.

use std::sync::Arc;

use fec_ir::{NodeId, Op, Step as PlanStep};
use fec_model::expr::{Aggregate, Expr};
use fec_model::relation::{JoinKind as PlanJoin, JoinPick};
use flow_core::types::{Field, Schema};
use flow_operators::distinct::{Distinct, Which};
use flow_operators::expression::{Expr as Expression, Input};
use flow_operators::finality::Final;
use flow_operators::fused::{Fused, Step};
use flow_operators::graph::Feed;
use flow_operators::group::{Group, GroupAggregate, GroupSpec};
use flow_operators::hash_join::HashJoin;
use flow_operators::interval_join::{Interval, IntervalJoin};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::lookup_join::LookupJoin;
use flow_operators::operator::Operator;
use flow_operators::sort::{Sort, SortKey, Take, Top, TopSpec};
use flow_operators::union::Union;
use flow_operators::whole::Whole;

use super::{Fed, Wiring};
use crate::error::LocalError;
use crate::expr::{join_program, program, right_program, shared};

impl Wiring<'_> {
    /// Adds the operator of a node that keeps no feature state.
    pub(super) fn operator(&mut self, id: NodeId, inputs: &[NodeId]) -> Result<Fed, LocalError> {
        let op = self.node(id)?.op.clone();
        let flow = self.flow(id);
        match (&op, inputs) {
            (Op::Fused { steps }, [input]) => {
                let (feed, schema) = self.feed(*input)?;
                let (steps, output) = self.steps(steps, &schema)?;
                self.add(id, Box::new(Fused::new(steps, flow)), vec![feed], output)
            }
            (
                Op::IntervalJoin { join, pick, alias, on, residual, low, high, left_delay, right_delay },
                [left, right],
            ) => {
                let ((left_feed, left), (right_feed, right)) = (self.feed(*left)?, self.feed(*right)?);
                let spec = self.join(*join, *pick, alias, on, residual.as_ref(), (left, right), flow)?;
                let interval =
                    Interval { low: *low, high: *high, left_lateness: *left_delay, right_lateness: *right_delay };
                let operator = IntervalJoin::new(spec, interval);
                let schema = operator.schema();
                self.add(id, Box::new(operator), vec![left_feed, right_feed], schema)
            }
            (Op::LookupJoin { join, pick, alias, on, residual }, [left, right]) => {
                let (feed, left) = self.feed(*left)?;
                let table = self.table(*right)?;
                let right = Arc::clone(&table.schema);
                let spec = self.join(*join, *pick, alias, on, residual.as_ref(), (left, right), Arc::clone(&flow))?;
                let table = self.parts.tables.keyed(&table, &spec.right_keys, &flow)?;
                let operator = LookupJoin::new(spec, table);
                let schema = operator.schema();
                self.add(id, Box::new(operator), vec![feed], schema)
            }
            (Op::HashJoin { join, pick, alias, on, residual }, [left, right]) => {
                let ((left_feed, left), (right_feed, right)) = (self.feed(*left)?, self.feed(*right)?);
                let spec = self.join(*join, *pick, alias, on, residual.as_ref(), (left, right), flow)?;
                let operator = HashJoin::new(spec);
                let schema = operator.schema();
                self.add(id, Box::new(operator), vec![left_feed, right_feed], schema)
            }
            (Op::Final, [input]) => {
                let (feed, schema) = self.feed(*input)?;
                // Rows that never change are final as they come.
                let Some(settle) = self.node(*input)?.settle else { return Ok((feed, schema)) };
                self.add(id, Box::new(Final::new(Arc::clone(&schema), settle)), vec![feed], schema)
            }
            (Op::Union, inputs) => {
                let wanted = self.parts.names.enums.schema(&self.node(id)?.columns);
                let mut feeds = Vec::with_capacity(inputs.len());
                for input in inputs {
                    let (feed, schema) = self.feed(*input)?;
                    feeds.push(self.picked(feed, &schema, wanted.clone())?.0);
                }
                let schema = Arc::new(wanted);
                let operator = Union::new(Arc::clone(&schema), feeds.len());
                self.add(id, Box::new(operator), feeds, schema)
            }
            (Op::Aggregate { keys, aggregates, outputs }, [input]) => {
                let (feed, schema) = self.feed(*input)?;
                self.aggregate(id, feed, &schema, keys, aggregates, outputs)
            }
            (Op::Sort { keys }, [input]) => {
                let (feed, schema) = self.feed(*input)?;
                let keys = self.sort_keys(keys, &schema)?;
                self.add(id, Box::new(Sort::new(Arc::clone(&schema), keys, flow)), vec![feed], schema)
            }
            (Op::Top { count, keys, per, with_ties, rank }, [input]) => {
                let (feed, schema) = self.feed(*input)?;
                let spec = TopSpec {
                    count: usize::try_from(*count).unwrap_or(usize::MAX),
                    keys: self.sort_keys(keys, &schema)?,
                    per: self.programs(per, &schema)?,
                    with_ties: *with_ties,
                    rank: rank.clone(),
                    flow,
                };
                let operator = Top::new(Arc::clone(&schema), spec);
                let schema = operator.schema();
                self.add(id, Box::new(operator), vec![feed], schema)
            }
            (Op::Take { count }, [input]) => {
                let (feed, schema) = self.feed(*input)?;
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                let is_sorted = self.is_sorted(*input);
                self.add(id, Box::new(Take::new(Arc::clone(&schema), count, is_sorted)), vec![feed], schema)
            }
            (Op::Distinct { keys }, [input]) => self.one_per_key(id, *input, keys, Which::First, flow),
            (Op::Latest { keys }, [input]) => self.one_per_key(id, *input, keys, Which::Last, flow),
            (Op::Emit { sink }, [input]) => {
                let (feed, schema) = self.feed(*input)?;
                self.add(id, Box::new(Whole::new(sink, flow)), vec![feed], schema)
            }
            // What it gives is what it gets; the dataflow is tapped here.
            (Op::Collect | Op::Split { .. } | Op::Train { .. }, [input]) => self.feed(*input),
            (op, _) => Err(LocalError::Plan(format!("`{}` does not work on rows", op.word()))),
        }
    }

    /// Whether rows stand in the order of a sort: stateless steps, lookups, feature reads and `take` keep it.
    fn is_sorted(&self, id: NodeId) -> bool {
        match self.parts.ir.graph.get(id).map(|node| &node.op) {
            Some(Op::Sort { .. } | Op::Top { .. }) => true,
            Some(Op::Fused { .. } | Op::LookupJoin { .. } | Op::FeatureRead { .. } | Op::Take { .. }) => {
                self.parts.ir.graph.inputs(id).first().is_some_and(|input| self.is_sorted(*input))
            }
            _ => false,
        }
    }

    fn add(
        &mut self,
        id: NodeId,
        operator: Box<dyn Operator>,
        feeds: Vec<Feed>,
        schema: Arc<Schema>,
    ) -> Result<Fed, LocalError> {
        let name = self.node(id)?.name.clone();
        let operator = self.graph.add(operator, feeds)?;
        self.names.insert(operator, name);
        Ok((Feed::Output(operator, 0), schema))
    }

    fn one_per_key(
        &mut self,
        id: NodeId,
        input: NodeId,
        keys: &[Expr],
        which: Which,
        flow: Arc<str>,
    ) -> Result<Fed, LocalError> {
        let (feed, schema) = self.feed(input)?;
        let keys = self.programs(keys, &schema)?;
        self.add(id, Box::new(Distinct::new(Arc::clone(&schema), keys, which, flow)), vec![feed], schema)
    }

    pub(super) fn programs(&self, exprs: &[Expr], schema: &Schema) -> Result<Vec<Expression>, LocalError> {
        exprs.iter().map(|expr| self.program(expr, schema)).collect()
    }

    pub(super) fn program(&self, expr: &Expr, schema: &Schema) -> Result<Expression, LocalError> {
        Ok(shared(program(expr, schema, self.parts.names)?))
    }

    fn sort_keys(&self, keys: &[(Expr, bool)], schema: &Schema) -> Result<Vec<SortKey>, LocalError> {
        let key = |(value, descending): &(Expr, bool)| {
            Ok(SortKey { value: self.program(value, schema)?, descending: *descending })
        };
        keys.iter().map(key).collect()
    }

    /// Steps as the runtime runs them, and the columns after the last.
    fn steps(&self, steps: &[PlanStep], input: &Arc<Schema>) -> Result<(Vec<Step>, Arc<Schema>), LocalError> {
        let mut schema = Arc::clone(input);
        let mut built = Vec::with_capacity(steps.len());
        for step in steps {
            match step {
                PlanStep::Filter { condition, unless_fault } => built.push(Step::Filter {
                    condition: self.program(condition, &schema)?,
                    unless_fault: self.programs(unless_fault, &schema)?,
                }),
                PlanStep::Project { columns } => {
                    let mut programs = Vec::with_capacity(columns.len());
                    let mut fields = Vec::with_capacity(columns.len());
                    for (name, value) in columns {
                        programs.push(self.program(value, &schema)?);
                        let ty = self.parts.names.enums.data_type(&value.ty);
                        fields.push(flow_core::types::Field { name: name.clone(), ty });
                    }
                    built.push(Step::Project(programs));
                    schema = Arc::new(Schema { fields });
                }
            }
        }
        Ok((built, schema))
    }

    #[expect(clippy::too_many_arguments, reason = "a join is all of these; a struct would only name them again")]
    fn join(
        &self,
        kind: PlanJoin,
        pick: JoinPick,
        alias: &str,
        on: &[(Expr, Expr)],
        residual: Option<&Expr>,
        (left, right): (Arc<Schema>, Arc<Schema>),
        flow: Arc<str>,
    ) -> Result<JoinSpec, LocalError> {
        let names = self.parts.names;
        let mut left_keys = Vec::with_capacity(on.len());
        let mut right_keys = Vec::with_capacity(on.len());
        for (of_left, of_right) in on {
            left_keys.push(self.program(of_left, &left)?);
            right_keys.push(shared(right_program(of_right, &right, names)?));
        }
        let residual = match residual {
            Some(residual) => Some(shared(join_program(residual, &left, Some(&right), names)?)),
            None => None,
        };
        Ok(JoinSpec {
            kind: match kind {
                PlanJoin::Inner => JoinKind::Inner,
                PlanJoin::Left => JoinKind::Left,
                PlanJoin::Semi => JoinKind::Semi,
                PlanJoin::Anti => JoinKind::Anti,
            },
            pick: match pick {
                JoinPick::All => Pick::All,
                JoinPick::First => Pick::First,
                JoinPick::Latest => Pick::Latest,
            },
            left,
            right,
            left_keys,
            right_keys,
            residual,
            alias: alias.to_owned(),
            flow,
        })
    }

    fn aggregate(
        &mut self,
        id: NodeId,
        feed: Feed,
        schema: &Arc<Schema>,
        keys: &[(String, Expr)],
        aggregates: &[Aggregate],
        outputs: &[(String, Expr)],
    ) -> Result<Fed, LocalError> {
        let mut built = Vec::with_capacity(aggregates.len());
        let mut fields: Vec<Field> = Vec::new();
        let typed = |name: &str, ty: &fec_model::types::Type| Field {
            name: name.to_owned(),
            ty: self.parts.names.enums.data_type(ty),
        };
        fields.extend(keys.iter().map(|(name, value)| typed(name, &value.ty)));
        for aggregate in aggregates {
            let arguments: Vec<Expr> = aggregate.argument.iter().chain(&aggregate.by).cloned().collect();
            let types: Vec<_> = arguments.iter().map(|one| self.parts.names.enums.data_type(&one.ty)).collect();
            let function = flow_core::aggregate::Aggregate::new(super::features::function(aggregate), &types)
                .map_err(|error| LocalError::Plan(format!("`{}`: {error}", aggregate.name)))?;
            built.push(GroupAggregate {
                aggregate: function,
                arguments: self.programs(&arguments, schema)?,
                filter: aggregate.filter.as_ref().map(|filter| self.program(filter, schema)).transpose()?,
            });
            fields.push(typed(&aggregate.name, &aggregate.ty));
        }
        let key_exprs: Vec<Expr> = keys.iter().map(|(_, key)| key.clone()).collect();
        // The plan's columns: keys, aggregates, and what is computed from both.
        let row = Schema { fields };
        let output_exprs: Vec<Expr> = outputs.iter().map(|(_, value)| value.clone()).collect();
        let mut columns: Vec<Expression> =
            (0..row.fields.len()).map(|position| Input::column(position) as Expression).collect();
        columns.extend(self.programs(&output_exprs, &row)?);
        let mut output = row;
        output.fields.extend(outputs.iter().map(|(name, value)| typed(name, &value.ty)));
        let spec = GroupSpec {
            input: Arc::clone(schema),
            keys: self.programs(&key_exprs, schema)?,
            aggregates: built,
            outputs: columns,
            output: Arc::new(output),
            flow: self.flow(id),
        };
        let output = Arc::clone(&spec.output);
        self.add(id, Box::new(Group::new(spec)), vec![feed], output)
    }
}
