//! Each operator of the plan as one of the runtime.

use std::sync::Arc;

use fec_ir::Step as PlanStep;
use fec_model::Symbol;
use fec_model::expr::{Aggregate, Expr};
use fec_model::relation::{JoinKind as PlanJoin, JoinPick};
use fec_model::types::Column;
use fec_plan::dataflow::{Join, Operator as Planned, Picked, RowOp, StandBy as PlannedBy};
use flow_core::types::Schema;
use flow_operators::distinct::{Distinct, Which};
use flow_operators::expression::{Expr as Expression, Input, Record};
use flow_operators::finality::Final;
use flow_operators::fused::{Fused, Step};
use flow_operators::group::{Group, GroupAggregate, GroupSpec};
use flow_operators::hash_join::HashJoin;
use flow_operators::interval_join::{Interval, IntervalJoin};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::keyed_rows::{KeptRows, KeyedRows};
use flow_operators::lookup_join::LookupJoin;
use flow_operators::operator::Operator;
use flow_operators::sort::{Sort, SortKey, Take, Top, TopSpec};
use flow_operators::stand::{Stand, StandBy};
use flow_operators::table_rows::TableRows;
use flow_operators::union::Union;
use flow_operators::upsert::Upsert;
use flow_operators::whole::Whole;

use super::Instance;
use super::features::function;
use crate::error::LocalError;
use crate::expr::{join_program, program, right_program, shared};

impl Instance<'_> {
    /// The operator.
    pub(super) fn operator(&self, planned: &Planned) -> Result<Box<dyn Operator>, LocalError> {
        let flow: Arc<str> = Arc::from(planned.flow.as_str());
        let input = self.schema(planned.inputs.first().map(Vec::as_slice).unwrap_or_default());
        let output = || self.schema(planned.outputs.first().map(Vec::as_slice).unwrap_or_default());
        Ok(match &planned.op {
            RowOp::Table { source } => {
                let tables = self.parts.tables;
                Box::new(TableRows::new(tables.keyed(tables.wanted(source)?, &[], &flow)?))
            }
            RowOp::Steps(steps) => Box::new(Fused::new(self.steps(steps, input)?, flow)),
            RowOp::Pick(picks) => {
                Box::new(Fused::new(vec![Step::Project(picks.iter().map(picked).collect())], Arc::from("columns")))
            }
            RowOp::IntervalJoin { join, low, high, left_lateness, right_lateness } => {
                let (left_lateness, right_lateness) = (*left_lateness, *right_lateness);
                let interval = Interval { low: *low, high: *high, left_lateness, right_lateness };
                Box::new(IntervalJoin::new(self.join(join, flow)?, interval))
            }
            RowOp::LookupJoin { join, table } => {
                let spec = self.join(join, flow)?;
                let lookup = self.lookup(table, &spec)?;
                Box::new(LookupJoin::new(spec, lookup))
            }
            RowOp::HashJoin { join } => Box::new(HashJoin::new(self.join(join, flow)?)),
            RowOp::Final { settle } => Box::new(Final::new(input, *settle)),
            RowOp::Union => Box::new(Union::new(output(), planned.feeds.len())),
            RowOp::Group { keys, aggregates, outputs, row } => {
                let aggregates = aggregates.iter().map(|one| self.aggregate(one, &input));
                let row = self.schema(row);
                let mut columns: Vec<Expression> =
                    (0..row.fields.len()).map(|position| Input::column(position) as Expression).collect();
                for (_, value) in outputs {
                    columns.push(self.program(value, &row)?);
                }
                Box::new(Group::new(GroupSpec {
                    aggregates: aggregates.collect::<Result<_, _>>()?,
                    keys: keys.iter().map(|(_, key)| self.program(key, &input)).collect::<Result<_, _>>()?,
                    input,
                    outputs: columns,
                    output: output(),
                    flow,
                }))
            }
            RowOp::Sort { keys } => {
                let keys = self.sort_keys(keys, &input)?;
                Box::new(Sort::new(input, keys, flow))
            }
            RowOp::Top { count, keys, per, with_ties, rank } => {
                let spec = TopSpec {
                    count: usize::try_from(*count).unwrap_or(usize::MAX),
                    keys: self.sort_keys(keys, &input)?,
                    per: self.programs(per, &input)?,
                    with_ties: *with_ties,
                    rank: rank.map(String::from),
                    flow,
                };
                Box::new(Top::new(input, spec))
            }
            RowOp::Take { count, is_sorted } => {
                Box::new(Take::new(input, usize::try_from(*count).unwrap_or(usize::MAX), *is_sorted))
            }
            RowOp::Stand { by } => {
                let by = match by {
                    PlannedBy::Memory => StandBy::Memory,
                    PlannedBy::Columns => StandBy::Columns,
                    PlannedBy::Coming => StandBy::Coming,
                };
                Box::new(Stand::new(input, by))
            }
            RowOp::OnePerKey { keys, is_last } => {
                let keys = self.programs(keys, &input)?;
                let which = if *is_last { Which::Last } else { Which::First };
                Box::new(Distinct::new(input, keys, which, flow))
            }
            RowOp::Whole { sink } => Box::new(Whole::new(sink, input, flow)),
            RowOp::Upsert { key, settle } => Box::new(Upsert::new(input, key.clone(), *settle)),
            RowOp::Features { state, keys, reads } => self.features(planned, state, keys, reads)?,
            RowOp::KeyedRows { key, settle, joins } => {
                let joins = joins.iter().map(|kept| self.join(&kept.join, Arc::from(kept.flow.as_str())));
                let joins = joins.collect::<Result<_, _>>()?;
                let key = key.iter().map(|position| Input::column(*position) as Expression).collect();
                Box::new(KeyedRows::new(KeptRows { schema: input, key, settle: *settle, flow }, joins))
            }
        })
    }

    pub(super) fn programs(&self, exprs: &[Expr], schema: &Schema) -> Result<Vec<Expression>, LocalError> {
        exprs.iter().map(|expr| self.program(expr, schema)).collect()
    }

    fn program(&self, expr: &Expr, schema: &Schema) -> Result<Expression, LocalError> {
        Ok(shared(program(expr, schema, self.parts.names)?))
    }

    fn sort_keys(&self, keys: &[(Expr, bool)], schema: &Schema) -> Result<Vec<SortKey>, LocalError> {
        let key = |(value, descending): &(Expr, bool)| {
            Ok(SortKey { value: self.program(value, schema)?, descending: *descending })
        };
        keys.iter().map(key).collect()
    }

    /// Steps as the runtime runs them.
    fn steps(&self, steps: &[PlanStep], input: Arc<Schema>) -> Result<Vec<Step>, LocalError> {
        let mut schema = input;
        let mut built = Vec::with_capacity(steps.len());
        for step in steps {
            match step {
                PlanStep::Filter { condition, unless_fault } => built.push(Step::Filter {
                    condition: self.program(condition, &schema)?,
                    unless_fault: self.programs(unless_fault, &schema)?,
                }),
                PlanStep::Project { columns } => {
                    let programs = columns.iter().map(|(_, value)| self.program(value, &schema));
                    built.push(Step::Project(programs.collect::<Result<_, _>>()?));
                    let named = |(name, value): &(Symbol, Expr)| Column { name: *name, ty: value.ty.clone() };
                    schema = self.schema(&columns.iter().map(named).collect::<Vec<_>>());
                }
            }
        }
        Ok(built)
    }

    fn join(&self, join: &Join, flow: Arc<str>) -> Result<JoinSpec, LocalError> {
        let names = self.parts.names;
        let (left, right) = (self.schema(&join.left), self.schema(&join.right));
        let mut left_keys = Vec::with_capacity(join.on.len());
        let mut right_keys = Vec::with_capacity(join.on.len());
        for (of_left, of_right) in &join.on {
            left_keys.push(self.program(of_left, &left)?);
            right_keys.push(shared(right_program(of_right, &right, names)?));
        }
        let residual = match &join.residual {
            Some(residual) => Some(shared(join_program(residual, &left, Some(&right), names)?)),
            None => None,
        };
        Ok(JoinSpec {
            kind: match join.kind {
                PlanJoin::Inner => JoinKind::Inner,
                PlanJoin::Left => JoinKind::Left,
                PlanJoin::Semi => JoinKind::Semi,
                PlanJoin::Anti => JoinKind::Anti,
            },
            pick: match join.pick {
                JoinPick::All => Pick::All,
                JoinPick::First => Pick::First,
                JoinPick::Latest => Pick::Latest,
            },
            left,
            right,
            left_keys,
            right_keys,
            residual,
            alias: join.alias.to_string(),
            flow,
        })
    }

    fn aggregate(&self, aggregate: &Aggregate, input: &Schema) -> Result<GroupAggregate, LocalError> {
        let arguments: Vec<Expr> = aggregate.argument.iter().chain(aggregate.by.as_deref()).cloned().collect();
        let types: Vec<_> = arguments.iter().map(|one| self.parts.names.enums.data_type(&one.ty)).collect();
        let ranked = aggregate.by.is_some();
        let function = function(aggregate.function, aggregate.limit, ranked, aggregate.exact);
        let function = flow_core::aggregate::Aggregate::new(function, &types)
            .map_err(|error| LocalError::Plan(format!("`{}`: {error}", aggregate.name)))?;
        Ok(GroupAggregate {
            aggregate: function,
            arguments: self.programs(&arguments, input)?,
            filter: aggregate.filter.as_deref().map(|filter| self.program(filter, input)).transpose()?,
        })
    }
}

fn picked(pick: &Picked) -> Expression {
    match pick {
        Picked::Column(position) => Input::column(*position),
        Picked::Record(positions) => Record::of(positions.clone()),
    }
}
