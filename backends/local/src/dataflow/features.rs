//! The keyed state of feature sets, and the rows that read it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fec_ir::{NodeId, Op, SetPlan, walk};
use fec_model::expr::{Aggregate, AggregateFunction, Expr};
use flow_core::aggregate::AggregateFunc;
use flow_core::block::WindowedAggregate;
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_operators::expression::Expr as Expression;
use flow_operators::feature_set::{FeatureParts, FeatureSet};
use flow_operators::features::{Features, Read, Updates};
use flow_operators::graph::Feed;

use super::Wiring;
use crate::error::LocalError;
use crate::expr::{Names, program, shared};

/// The columns of a node's state: those of all its sets, each under `set.column`.
fn state_schema(sets: &[SetPlan], names: &Names) -> Schema {
    let columns = sets.iter().flat_map(|set| {
        set.columns.iter().map(|column| Field {
            name: format!("{}.{}", set.name, column.name),
            ty: names.enums.data_type(&column.ty),
        })
    });
    Schema { fields: columns.collect() }
}

/// The runtime's descriptor of the feature sets that one node keeps, and the expressions of the argument slots over its
/// input.
///
/// # Errors
/// A set that no checked solution has.
pub fn descriptor(
    node: &str,
    sets: &[SetPlan],
    head: i64,
    names: &Names,
) -> Result<(FeatureSet, Vec<Expr>), LocalError> {
    let mut arguments: Vec<Expr> = Vec::new();
    let mut aggregates = Vec::new();
    for aggregate in sets.iter().flat_map(|set| &set.aggregates) {
        let mut slot = |expr: &Expr| match arguments.iter().position(|known| walk::same(known, expr)) {
            Some(position) => position,
            None => {
                arguments.push(expr.clone());
                arguments.len() - 1
            }
        };
        let args = aggregate.argument.iter().chain(&aggregate.by).map(&mut slot).collect();
        let filter = aggregate.filter.as_ref().map(slot);
        let Some(window) = aggregate.window else {
            return Err(LocalError::Plan(format!("feature `{}` has no window", aggregate.name)));
        };
        aggregates.push(WindowedAggregate {
            func: function(aggregate),
            args,
            filter,
            size: window.size,
            step: window.step,
        });
    }
    let (scalars, order) = scalars(sets, names)?;
    let parts = FeatureParts {
        name: Arc::from(sets.first().map_or(node, |set| set.name.as_str())),
        schema: Arc::new(state_schema(sets, names)),
        aggregates: &aggregates,
        arguments: arguments.iter().map(|argument| names.enums.data_type(&argument.ty)).collect(),
        head,
        scalars,
        order,
    };
    let set = FeatureSet::new(parts).map_err(|error| LocalError::Plan(format!("`{node}`: {error}")))?;
    Ok((set, arguments))
}

/// The scalars of all sets over a row of all aggregates and the scalars before them, and where each declared column lies.
fn scalars(sets: &[SetPlan], names: &Names) -> Result<(Vec<Expression>, Vec<usize>), LocalError> {
    // The row of state: aggregates of every set, then scalars of every set.
    let mut row: Vec<(usize, String, DataType)> = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        for aggregate in &set.aggregates {
            row.push((number, aggregate.name.clone(), names.enums.data_type(&aggregate.ty)));
        }
    }
    let mut scalars = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        for (name, value) in &set.scalars {
            // A set sees its own columns under their names; those of others have names that cannot be written.
            let fields = row.iter().enumerate().map(|(position, (owner, name, ty))| Field {
                name: if *owner == number { name.clone() } else { format!("#{position}") },
                ty: ty.clone(),
            });
            let schema = Schema { fields: fields.collect() };
            scalars.push(shared(program(value, &schema, names)?));
            row.push((number, name.clone(), names.enums.data_type(&value.ty)));
        }
    }
    let mut order = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        for column in &set.columns {
            let found = row.iter().position(|(owner, name, _)| *owner == number && *name == column.name);
            order.push(found.ok_or_else(|| LocalError::Plan(format!("feature `{}` is not computed", column.name)))?);
        }
    }
    Ok((scalars, order))
}

/// The runtime's aggregate function.
pub fn function(aggregate: &Aggregate) -> AggregateFunc {
    match aggregate.function {
        AggregateFunction::Count => AggregateFunc::Count,
        AggregateFunction::Sum => AggregateFunc::Sum,
        AggregateFunction::Mean => AggregateFunc::Mean,
        AggregateFunction::Min => AggregateFunc::Min,
        AggregateFunction::Max => AggregateFunc::Max,
        AggregateFunction::Var => AggregateFunc::Var,
        AggregateFunction::Stddev => AggregateFunc::Stddev,
        AggregateFunction::First => AggregateFunc::First,
        AggregateFunction::Last => AggregateFunc::Last,
        AggregateFunction::CountDistinct => AggregateFunc::CountDistinct { exact: aggregate.exact },
        AggregateFunction::TopK => AggregateFunc::TopK { n: aggregate.limit, by: aggregate.by.is_some() },
        AggregateFunction::Ratio => AggregateFunc::Ratio,
    }
}

/// The positions of a set's columns within its node's state, in declared order.
#[must_use]
pub fn set_columns(sets: &[SetPlan], wanted: &str) -> Vec<usize> {
    let all = sets.iter().flat_map(|set| set.columns.iter().map(move |_| set.name.as_str()));
    all.enumerate().filter(|(_, name)| *name == wanted).map(|(position, _)| position).collect()
}

impl Wiring<'_> {
    /// Builds feature states whose readers can all be fed; with `force` one for those of its readers that can. Tells
    /// whether it built one.
    pub(super) fn feature_states(
        &mut self,
        order: &[NodeId],
        waiting: &mut Vec<NodeId>,
        kept: &[NodeId],
        instances: &mut BTreeMap<NodeId, usize>,
        force: bool,
    ) -> Result<bool, LocalError> {
        let ir = self.parts.ir;
        let states: Vec<NodeId> = order
            .iter()
            .copied()
            .filter(|id| matches!(ir.graph.get(*id).map(|node| &node.op), Some(Op::Features { .. })))
            .collect();
        let mut built = false;
        for state in states {
            let Some(input) = ir.graph.inputs(state).first().copied() else { continue };
            if !self.feeds.contains_key(&input) {
                continue;
            }
            let mut ready = Vec::new();
            let mut open = 0;
            for id in waiting.iter() {
                if let [rows, features] = ir.graph.inputs(*id).as_slice()
                    && *features == state
                    && matches!(ir.graph.get(*id).map(|node| &node.op), Some(Op::FeatureRead { .. }))
                {
                    if self.feeds.contains_key(rows) {
                        ready.push(*id);
                    } else {
                        open += 1;
                    }
                }
            }
            let fresh = !instances.contains_key(&state) && (kept.contains(&state) || !ready.is_empty());
            let complete = open == 0 && (fresh || !ready.is_empty());
            if !(complete || (force && !ready.is_empty())) {
                continue;
            }
            let instance = instances.entry(state).or_insert(0);
            *instance += 1;
            let instance = *instance;
            self.feature_state(state, input, &ready, instance)?;
            waiting.retain(|id| *id != state && !ready.contains(id));
            built = true;
            if force {
                return Ok(true);
            }
        }
        // A state that nobody reads here and that need not be kept waits for nothing.
        let unread = |id: &NodeId| {
            matches!(ir.graph.get(*id).map(|node| &node.op), Some(Op::Features { .. }))
                && !kept.contains(id)
                && !ir.graph.consumers(*id).iter().any(|(consumer, _)| order.contains(consumer))
        };
        waiting.retain(|id| !unread(id));
        Ok(built)
    }

    fn feature_state(
        &mut self,
        state: NodeId,
        input: NodeId,
        readers: &[NodeId],
        instance: usize,
    ) -> Result<(), LocalError> {
        let node = self.node(state)?.clone();
        let Op::Features { sets, head } = &node.op else {
            return Err(LocalError::Plan(format!("`{}` keeps no features", node.name)));
        };
        let (feed, schema) = self.feed(input)?;
        let (set, arguments) = descriptor(&node.name, sets, *head, self.parts.names)?;
        let keys: Vec<Expr> =
            sets.first().map(|set| set.keys.iter().map(|(_, key)| key.clone()).collect()).unwrap_or_default();
        let updates = Updates { keys: self.programs(&keys, &schema)?, arguments: self.programs(&arguments, &schema)? };
        let mut feeds = vec![feed];
        let mut reads = Vec::new();
        for reader in readers {
            let Some(rows) = self.parts.ir.graph.inputs(*reader).first().copied() else { continue };
            let Op::FeatureRead { keys, including_row, .. } = &self.node(*reader)?.op else { continue };
            let (rows, schema) = self.feed(rows)?;
            feeds.push(rows);
            reads.push(Read {
                keys: self.programs(keys, &schema)?,
                input: schema,
                alias: None,
                including_row: *including_row,
                flow: self.flow(*reader),
            });
        }
        let outputs: Vec<Arc<Schema>> = reads.iter().map(|read| read.output(&set)).collect();
        let operator = self.graph.add(Box::new(Features::new(set, updates, reads)), feeds)?;
        let name = if instance == 1 { node.name.clone() } else { format!("{}#{instance}", node.name) };
        self.names.insert(operator, name);
        for (output, (reader, schema)) in (0u32..).zip(readers.iter().zip(outputs)) {
            let fed = self.read_columns(*reader, sets, Feed::Output(operator, output), &schema)?;
            self.feeds.insert(*reader, fed);
        }
        Ok(())
    }

    /// The columns that a reader wants out of the row and the whole state: flat, or as one record.
    fn read_columns(
        &mut self,
        reader: NodeId,
        sets: &[SetPlan],
        feed: Feed,
        schema: &Arc<Schema>,
    ) -> Result<super::Fed, LocalError> {
        let node = self.node(reader)?.clone();
        let Op::FeatureRead { set, alias, .. } = &node.op else {
            return Err(LocalError::Plan(format!("`{}` reads no features", node.name)));
        };
        let Some(plan) = sets.iter().find(|plan| plan.name == *set) else {
            return Err(LocalError::Plan(format!("there is no feature set `{set}`")));
        };
        let at = |name: &str| {
            schema.position(name).ok_or_else(|| LocalError::Plan(format!("there is no column `{name}` to read")))
        };
        let mut columns: Vec<Expression> = Vec::new();
        let mut fields = Vec::new();
        for column in &node.columns {
            let own = plan.columns.iter().any(|known| known.name == column.name);
            columns.push(if alias.as_ref() == Some(&column.name) {
                let mut positions = Vec::with_capacity(plan.columns.len());
                for part in &plan.columns {
                    positions.push(at(&format!("{set}.{}", part.name))?);
                }
                Arc::new(AsRecord(positions))
            } else if alias.is_none() && own {
                flow_operators::expression::Input::column(at(&format!("{set}.{}", column.name))?)
            } else {
                flow_operators::expression::Input::column(at(&column.name)?)
            });
            fields.push(Field { name: column.name.clone(), ty: self.parts.names.enums.data_type(&column.ty) });
        }
        let pick = flow_operators::fused::Fused::new(
            vec![flow_operators::fused::Step::Project(columns)],
            Arc::from("columns"),
        );
        let id = self.graph.add(Box::new(pick), vec![feed])?;
        Ok((Feed::Output(id, 0), Arc::new(Schema { fields })))
    }
}

/// Some columns as one record column.
struct AsRecord(Vec<usize>);

impl flow_operators::expression::Expression for AsRecord {
    fn evaluate(
        &self,
        batch: &flow_core::batch::Batch,
        env: &flow_operators::expression::Environment,
    ) -> flow_core::column::Column {
        let missing = || flow_core::column::Column::repeat(&Kind::Bool, Ok(flow_core::value::Cell::Absent), batch.rows);
        let _ = env;
        let parts = self.0.iter().map(|at| batch.columns.get(*at).cloned().unwrap_or_else(missing)).collect();
        flow_core::column::Column::record(parts, None, batch.rows)
    }
}
