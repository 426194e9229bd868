//! The keyed state of feature sets: what it keeps, which operator keeps it, and the rows that read it. What views keep by
//! their keys is built in the same way.

use std::collections::BTreeMap;

use fec_ir::{NodeId, Op, SetPlan, walk};
use fec_model::expr::{Aggregate, AggregateFunction, Expr};
use fec_model::types::Column;

use super::operators::column;
use super::wiring::{Fed, Wiring};
use super::{Feed, Picked, PlanError, RowOp};

/// The feature sets that one node keeps, as the runtime is told of them.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureState {
    /// The name of the first set: dead letters go under it.
    pub name: String,
    /// The columns of all sets in declared order, each under `set.column`.
    pub columns: Vec<Column>,
    /// The aggregates of all sets.
    pub aggregates: Vec<WindowedAggregate>,
    /// The argument slots that the aggregates name, each once, over a row of the input.
    pub arguments: Vec<Expr>,
    /// Changes younger than frontier − `head` are kept one by one, microseconds.
    pub head: i64,
    /// The scalars of all sets.
    pub scalars: Vec<Scalar>,
    /// For each of `columns` its position among all aggregates followed by all scalars.
    pub order: Vec<usize>,
}

/// An aggregate with a trailing window.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowedAggregate {
    /// `set.column`.
    pub name: String,
    /// Function.
    pub function: AggregateFunction,
    /// `top_k`'s n.
    pub limit: u32,
    /// `top_k` ranks by the sum of its second argument.
    pub is_ranked: bool,
    /// `count_distinct` counts exactly.
    pub exact: bool,
    /// The argument slots.
    pub arguments: Vec<usize>,
    /// The slot of its condition.
    pub filter: Option<usize>,
    /// Length, microseconds.
    pub size: i64,
    /// Tile width, microseconds.
    pub step: i64,
}

/// A scalar over aggregates and the scalars before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// `set.column`.
    pub name: String,
    /// Its value.
    pub value: Expr,
    /// The row that it sees: all aggregates followed by all scalars before it. Its own set's columns have their names,
    /// those of other sets names that cannot be written.
    pub row: Vec<Column>,
}

/// One place that reads a feature state.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureRead {
    /// The plan's node.
    pub node: NodeId,
    /// Key over the row that reads.
    pub keys: Vec<Expr>,
    /// The row counts too.
    pub including_row: bool,
    /// The name under which rows with a faulty key are dead letters.
    pub flow: String,
}

/// What a feature node keeps.
///
/// # Errors
/// A set that no checked solution has.
pub fn feature_state(node: &str, sets: &[SetPlan], head: i64) -> Result<FeatureState, PlanError> {
    let mut arguments: Vec<Expr> = Vec::new();
    let mut slot = |expr: &Expr| match arguments.iter().position(|known| walk::same(known, expr)) {
        Some(position) => position,
        None => {
            arguments.push(expr.clone());
            arguments.len() - 1
        }
    };
    let mut aggregates = Vec::new();
    for (set, aggregate) in sets.iter().flat_map(|set| set.aggregates.iter().map(move |one| (set, one))) {
        aggregates.push(windowed(set, aggregate, &mut slot)?);
    }
    let (scalars, order) = scalars(sets)?;
    let name = sets.first().map_or(node, |set| set.name.as_str()).to_owned();
    Ok(FeatureState { name, columns: columns(sets), aggregates, arguments, head, scalars, order })
}

fn windowed(
    set: &SetPlan,
    aggregate: &Aggregate,
    slot: &mut impl FnMut(&Expr) -> usize,
) -> Result<WindowedAggregate, PlanError> {
    let Some(window) = aggregate.window else {
        return PlanError::new(format!("feature `{}` has no window", aggregate.name));
    };
    let arguments = aggregate.argument.iter().chain(aggregate.by.as_deref()).map(&mut *slot).collect();
    Ok(WindowedAggregate {
        name: format!("{}.{}", set.name, aggregate.name),
        function: aggregate.function,
        limit: aggregate.limit,
        is_ranked: aggregate.by.is_some(),
        exact: aggregate.exact,
        arguments,
        filter: aggregate.filter.as_deref().map(slot),
        size: window.size,
        step: window.step,
    })
}

/// The columns of a node's state: those of all its sets, each under `set.column`.
fn columns(sets: &[SetPlan]) -> Vec<Column> {
    let named = |set: &SetPlan, column: &Column| Column {
        name: format!("{}.{}", set.name, column.name).into(),
        ty: column.ty.clone(),
    };
    sets.iter().flat_map(|set| set.columns.iter().map(move |column| named(set, column))).collect()
}

/// The scalars of all sets over a row of all aggregates and the scalars before them, and where each declared column lies.
fn scalars(sets: &[SetPlan]) -> Result<(Vec<Scalar>, Vec<usize>), PlanError> {
    // The row of state: aggregates of every set, then scalars of every set.
    let mut row: Vec<(usize, Column)> = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        for aggregate in &set.aggregates {
            row.push((number, Column { name: aggregate.name, ty: aggregate.ty.clone() }));
        }
    }
    let mut scalars = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        for scalar in &set.scalars {
            let seen = row.iter().enumerate().map(|(position, (owner, column))| Column {
                name: if *owner == number { column.name } else { format!("#{position}").into() },
                ty: column.ty.clone(),
            });
            let row_seen = seen.collect();
            scalars.push(Scalar { name: format!("{}.{}", set.name, scalar.0), value: scalar.1.clone(), row: row_seen });
            row.push((number, column(scalar)));
        }
    }
    let mut order = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        for declared in &set.columns {
            let found = row.iter().position(|(owner, column)| *owner == number && column.name == declared.name);
            order.push(found.ok_or_else(|| PlanError(format!("feature `{}` is not computed", declared.name)))?);
        }
    }
    Ok((scalars, order))
}

/// The positions of a set's columns within its node's state, in declared order.
#[must_use]
pub fn set_columns(sets: &[SetPlan], wanted: &str) -> Vec<usize> {
    let all = sets.iter().flat_map(|set| set.columns.iter().map(move |_| set.name.as_str()));
    all.enumerate().filter(|(_, name)| *name == wanted).map(|(position, _)| position).collect()
}

impl Wiring<'_> {
    /// Builds the states of features and views whose readers can all be fed; with `force` one for those of its readers that can. Tells
    /// whether it built one.
    pub(super) fn feature_states(
        &mut self,
        order: &[NodeId],
        waiting: &mut Vec<NodeId>,
        instances: &mut BTreeMap<NodeId, usize>,
        force: bool,
    ) -> Result<bool, PlanError> {
        let (ir, kept) = (self.wanted.ir, self.wanted.features);
        let is_state = |id: &NodeId| {
            matches!(ir.graph.get(*id).map(|node| &node.op), Some(Op::Features { .. } | Op::KeyedRows { .. }))
        };
        let mut built = false;
        for state in order.iter().copied().filter(is_state) {
            let Some(input) = ir.graph.inputs(state).first().copied() else { continue };
            if !self.feeds.contains_key(&input) {
                continue;
            }
            let mut ready = Vec::new();
            let mut open = 0;
            for id in waiting.iter() {
                if let [rows, features] = ir.graph.inputs(*id).as_slice()
                    && *features == state
                    && (matches!(self.op(*id), Some(Op::FeatureRead { .. })) || ir.reads_kept(*id))
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
            is_state(id)
                && !kept.contains(id)
                && !ir.graph.consumers(*id).iter().any(|(consumer, _)| order.contains(consumer))
        };
        waiting.retain(|id| !unread(id));
        Ok(built)
    }

    /// The instance of a state that serves these readers.
    fn feature_state(
        &mut self,
        id: NodeId,
        input: NodeId,
        readers: &[NodeId],
        instance: usize,
    ) -> Result<(), PlanError> {
        let node = self.node(id)?;
        let name = if instance == 1 { node.name.clone() } else { format!("{}#{instance}", node.name) };
        let Op::Features { sets, head } = &node.op else {
            return self.keyed_rows(id, input, readers, name);
        };
        let state = feature_state(&node.name, sets, *head)?;
        let keys = sets.first().map(|set| set.keys.iter().map(|(_, key)| key.clone()).collect()).unwrap_or_default();
        let mut inputs = vec![self.feed(input)?];
        let mut reads = Vec::new();
        let mut outputs = Vec::new();
        for reader in readers {
            let Some(rows) = self.wanted.ir.graph.inputs(*reader).first().copied() else { continue };
            let Op::FeatureRead { keys, including_row, .. } = &self.node(*reader)?.op else { continue };
            let rows = self.feed(rows)?;
            outputs.push(rows.1.iter().chain(&state.columns).cloned().collect::<Vec<Column>>());
            inputs.push(rows);
            let flow = self.flow(*reader);
            reads.push(FeatureRead { node: *reader, keys: keys.clone(), including_row: *including_row, flow });
        }
        let op = RowOp::Features { state: Box::new(state), keys, reads };
        let at = self.add(id, Some(name), op, inputs, outputs.clone())?;
        for (output, (reader, columns)) in (0u32..).zip(readers.iter().zip(outputs)) {
            let fed = self.read_columns(*reader, sets, (Feed::Output(at, output), columns))?;
            self.feeds.insert(*reader, fed);
        }
        Ok(())
    }

    /// The columns that a reader wants out of the row and the whole state: flat, or as one record.
    fn read_columns(&mut self, reader: NodeId, sets: &[SetPlan], from: Fed) -> Result<Fed, PlanError> {
        let node = self.node(reader)?;
        let Op::FeatureRead { set, alias, .. } = &node.op else {
            return PlanError::new(format!("`{}` reads no features", node.name));
        };
        let Some(plan) = sets.iter().find(|plan| plan.name == *set) else {
            return PlanError::new(format!("there is no feature set `{set}`"));
        };
        let at = |name: &str| {
            let position = from.1.iter().position(|column| column.name == name);
            position.ok_or_else(|| PlanError(format!("there is no column `{name}` to read")))
        };
        let mut picks = Vec::with_capacity(node.columns.len());
        for column in &node.columns {
            let own = plan.columns.iter().any(|known| known.name == column.name);
            picks.push(if alias.as_ref() == Some(&column.name) {
                let parts = plan.columns.iter().map(|part| at(&format!("{set}.{}", part.name)));
                Picked::Record(parts.collect::<Result<_, _>>()?)
            } else if alias.is_none() && own {
                Picked::Column(at(&format!("{set}.{}", column.name))?)
            } else {
                Picked::Column(at(&column.name)?)
            });
        }
        self.place(reader, None, RowOp::Pick(picks), vec![from], node.columns.to_vec())
    }
}
