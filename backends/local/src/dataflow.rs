//! The physical dataflow with interpreted expressions: the plan's operators, each as the runtime's.

pub mod features;
mod operators;
pub mod sinks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fec_ir::{Ir, NodeId};
use fec_model::types::Column;
use fec_plan::dataflow::{DataflowPlan, Feed as Planned, PlanError, TableRows, Wanted, dataflow};
use flow_core::program::Now;
use flow_core::types::Schema;
use flow_core::value::Value;
use flow_operators::expression::Environment;
use flow_operators::graph::{Feed, Graph, NodeId as OperatorId};
use flow_operators::join::JoinSpec;
use flow_operators::lookup_join::Lookup;
use flow_task::Dataflow;
use flow_task::wiring::view_of;

use crate::error::LocalError;
use crate::expr::Names;
use crate::specs;
use crate::tables::Tables;

/// What a dataflow is built from.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The plan.
    pub ir: &'a Ir,
    /// What expressions see besides their row.
    pub names: &'a Names,
    /// Values by slot.
    pub slots: &'a [Value],
    /// Tables, read.
    pub tables: &'a Tables,
    /// Nodes whose rows are there already: each is fed as a source of this number.
    pub given: &'a BTreeMap<NodeId, u32>,
    /// What `now` is; `None` is each row's own time.
    pub now: Option<i64>,
}

/// What the operators of a plan are built from.
#[derive(Clone, Copy)]
pub(crate) struct Outside<'a> {
    /// What expressions see besides their row.
    pub names: &'a Names,
    /// Values by slot.
    pub slots: &'a [Value],
    /// Tables, read.
    pub tables: &'a Tables,
    /// What `now` is; `None` is each row's own time.
    pub now: Option<i64>,
}

impl<'a> From<Parts<'a>> for Outside<'a> {
    fn from(parts: Parts<'a>) -> Self {
        let Parts { names, slots, tables, now, .. } = parts;
        Self { names, slots, tables, now }
    }
}

/// Builds the dataflow that gives the rows of `taps`, and keeps the state of `features` too. An `emit` of a stream gives
/// what its sink takes, from all that is emitted there.
///
/// # Errors
/// A plan that no checked solution has.
pub fn build(parts: Parts<'_>, taps: &[NodeId], features: &[NodeId]) -> Result<Dataflow, LocalError> {
    build_quiet(parts, taps, features, &BTreeSet::new())
}

/// [`build`], with nodes whose dead letters another worker tells.
///
/// # Errors
/// As [`build`].
pub fn build_quiet(
    parts: Parts<'_>,
    taps: &[NodeId],
    features: &[NodeId],
    quiet: &BTreeSet<NodeId>,
) -> Result<Dataflow, LocalError> {
    let is_table = |source: &str| parts.tables.get(source).is_some();
    let wanted = Wanted { ir: parts.ir, taps, features, given: parts.given, is_table: &is_table };
    let mut plan = dataflow(wanted).map_err(broken)?;
    plan.silence(quiet);
    instantiate(&plan, parts.into())
}

/// The operators of a plan with interpreted expressions.
pub(crate) fn instantiate(plan: &DataflowPlan, parts: Outside<'_>) -> Result<Dataflow, LocalError> {
    let now = parts.now.map_or(Now::Row, Now::At);
    let graph = Graph::new(Environment { now, slots: parts.slots.to_vec() });
    let mut built = Instance { parts, graph, placed: Vec::with_capacity(plan.operators.len()) };
    for (number, columns) in &plan.read {
        let schema = built.schema(columns);
        built.graph.source(*number, schema);
    }
    let mut names = BTreeMap::new();
    for operator in &plan.operators {
        let feeds = operator.feeds.iter().map(|feed| built.feed(*feed)).collect::<Result<_, _>>()?;
        let made = built.operator(operator)?;
        let id = built.graph.add(made, feeds)?;
        built.placed.push(id);
        names.extend(operator.name.clone().map(|name| (id, name)));
    }
    let mut schemas = BTreeMap::new();
    for tap in &plan.taps {
        built.graph.sink(built.feed(tap.feed)?)?;
        schemas.insert(specs::tap(tap.node), built.schema(&tap.columns));
    }
    let read = plan.read.keys().copied().collect();
    let taps = plan.taps.iter().map(|tap| specs::tap(tap.node)).collect();
    Ok(Dataflow { graph: built.graph, taps, sources: Arc::clone(&parts.names.sources), read, names, schemas })
}

/// What makes operators out of a plan.
struct Instance<'a> {
    parts: Outside<'a>,
    graph: Graph,
    /// The operators of the plan so far.
    placed: Vec<OperatorId>,
}

impl Instance<'_> {
    fn schema(&self, columns: &[Column]) -> Arc<Schema> {
        Arc::new(self.parts.names.enums.schema(columns))
    }

    fn feed(&self, feed: Planned) -> Result<Feed, LocalError> {
        match feed {
            Planned::Source(number) => Ok(Feed::Source(number)),
            Planned::Output(position, output) => match self.placed.get(position) {
                Some(id) => Ok(Feed::Output(*id, output)),
                None => Err(LocalError::Plan("an operator is fed by a later one".to_owned())),
            },
        }
    }

    /// A table, or a view over tables, to be found by the keys of a join.
    fn lookup(&self, rows: &TableRows, join: &JoinSpec) -> Result<Lookup, LocalError> {
        let Outside { names, slots, tables, now } = self.parts;
        match rows {
            TableRows::Source(source) => Ok(tables.keyed(tables.wanted(source)?, &join.right_keys, &join.flow)?.into()),
            TableRows::View { dataflow, tables: below } => {
                let below: Vec<&str> = below.iter().map(|name| name.as_str()).collect();
                let begins = tables.begins(&below)?;
                let (plan, names, slots, tables) = (dataflow.clone(), names.clone(), slots.to_vec(), tables.clone());
                let build = move || instantiate(&plan, Outside { names: &names, slots: &slots, tables: &tables, now });
                Ok(Lookup::View(view_of(build, Arc::clone(&join.right), &begins, join)?))
            }
        }
    }
}

pub(crate) fn broken(error: PlanError) -> LocalError {
    LocalError::Plan(error.to_string())
}
