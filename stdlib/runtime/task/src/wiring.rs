//! A dataflow while it is wired: what generated code is written in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::program::Now;
use flow_core::types::Schema;
use flow_core::value::Value;
use flow_core::zone::Zone;
use flow_operators::expression::{Environment, Expr, Input};
use flow_operators::fused::{Fused, Step};
use flow_operators::graph::{Feed, Graph, NodeId};
use flow_operators::join::JoinSpec;
use flow_operators::lookup_join::Lookup;
use flow_operators::merge::MicroBatch;
use flow_operators::operator::{Operator, OperatorError};
use flow_operators::table::Table;
use flow_operators::table_rows::TableRows;
use flow_operators::table_view::TableView;

use crate::dataflow::{Dataflow, Tap};
use crate::error::RunError;
use crate::spec::{SourceSpec, find};
use crate::tables::Tables;

/// What a dataflow is wired with.
#[derive(Clone)]
pub struct Given {
    /// All sources of the solution, in the order of their names.
    pub sources: Arc<[SourceSpec]>,
    /// Tables, read.
    pub tables: Tables,
    /// Values from outside, by position.
    pub slots: Vec<Value>,
    /// The solution's time zone.
    pub zone: Arc<Zone>,
    /// What `now` is.
    pub now: Now,
}

impl Given {
    /// The operator that gives a table's rows.
    ///
    /// # Errors
    /// A table that was not read.
    pub fn rows(&self, table: &str) -> Result<TableRows, RunError> {
        Ok(TableRows::new(self.tables.keyed(self.tables.wanted(table)?, &[], &Arc::from(table))?))
    }

    /// A table, to be found by the keys of a join.
    ///
    /// # Errors
    /// A table that was not read.
    pub fn keyed(&self, table: &str, join: &JoinSpec) -> Result<Arc<Table>, RunError> {
        self.tables.keyed(self.tables.wanted(table)?, &join.right_keys, &join.flow)
    }

    /// A view over the tables `tables`, which `view` wires, to be found by the keys of a join.
    ///
    /// # Errors
    /// A dataflow that is wired wrongly.
    pub fn viewed(
        &self,
        view: impl Fn(&Self) -> Result<Dataflow, RunError> + Send + 'static,
        schema: Arc<Schema>,
        tables: &[&str],
        join: &JoinSpec,
    ) -> Result<Lookup, RunError> {
        let given = self.clone();
        let build = move || view(&given);
        Ok(Lookup::View(view_of(build, schema, &self.tables.begins(tables)?, join)?))
    }
}

/// A view over tables whose versions begin at `begins`, as the dataflow gives it at each of its instants.
///
/// # Errors
/// A dataflow that is wired wrongly.
pub fn view_of(
    build: impl Fn() -> Result<Dataflow, RunError> + Send + 'static,
    schema: Arc<Schema>,
    begins: &[i64],
    join: &JoinSpec,
) -> Result<TableView, RunError> {
    // What can be wired now can be wired again.
    build()?;
    let rows = move |at: i64| {
        let mut dataflow = build().map_err(|_| OperatorError::Wiring("a view over tables cannot be wired"))?;
        let begun = dataflow.graph.push(&MicroBatch { rows: Vec::new(), frontier: at })?;
        let ended = dataflow.graph.finish()?;
        let rows: Vec<Batch> = begun.rows.into_iter().chain(ended.rows).map(|(_, batch)| batch).collect();
        Ok(if rows.is_empty() { Batch::empty(&schema) } else { Batch::concat(&schema, &rows) })
    };
    Ok(TableView::new(begins.to_vec(), Box::new(rows), join.right_keys.clone(), Arc::clone(&join.flow))?)
}

/// Operators, wired one after the other, each after those that feed it.
pub struct Wiring {
    graph: Graph,
    sources: Arc<[SourceSpec]>,
    read: BTreeSet<u32>,
    names: BTreeMap<NodeId, String>,
    taps: Vec<Tap>,
    schemas: BTreeMap<Tap, Arc<Schema>>,
}

impl Wiring {
    /// Nothing wired yet.
    #[must_use]
    pub fn new(given: &Given) -> Self {
        Self {
            graph: Graph::new(Environment { now: given.now, slots: given.slots.clone() }),
            sources: Arc::clone(&given.sources),
            read: BTreeSet::new(),
            names: BTreeMap::new(),
            taps: Vec::new(),
            schemas: BTreeMap::new(),
        }
    }

    /// The accepted events of a source.
    ///
    /// # Errors
    /// A source that is not there.
    pub fn source(&mut self, name: &str) -> Result<Feed, RunError> {
        let Some((number, source)) = find(&self.sources, name) else {
            return Err(RunError::Plan(format!("there is no source `{name}`")));
        };
        self.read.insert(number);
        Ok(self.graph.source(number, Arc::clone(&source.schema)))
    }

    /// Rows that whoever runs the dataflow gives, beside those of the sources: at `place`, from 0.
    pub fn given(&mut self, place: u32, schema: Arc<Schema>) -> Feed {
        let first = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        self.graph.source(first.saturating_add(place), schema)
    }

    /// Adds an operator, whose state is found again by `name`; gives its first output.
    ///
    /// # Errors
    /// Another number of feeds than of ports.
    pub fn add(&mut self, name: &str, operator: impl Operator + 'static, feeds: &[Feed]) -> Result<Feed, RunError> {
        let id = self.graph.add(Box::new(operator), feeds.to_vec())?;
        self.names.insert(id, name.to_owned());
        Ok(Feed::Output(id, 0))
    }

    /// Adds an operator that keeps no state; gives its output.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn pass(&mut self, operator: impl Operator + 'static, feeds: &[Feed]) -> Result<Feed, RunError> {
        Ok(Feed::Output(self.graph.add(Box::new(operator), feeds.to_vec())?, 0))
    }

    /// Lets rows leave.
    ///
    /// # Errors
    /// A feed that comes from nowhere.
    pub fn tap(&mut self, tap: Tap, feed: Feed, schema: Arc<Schema>) -> Result<(), RunError> {
        self.graph.sink(feed)?;
        self.taps.push(tap);
        self.schemas.insert(tap, schema);
        Ok(())
    }

    /// The dataflow.
    #[must_use]
    pub fn finish(self) -> Dataflow {
        let Self { graph, sources, read, names, taps, schemas } = self;
        Dataflow { graph, taps, sources, read, names, schemas }
    }
}

/// Another output of the operator that a feed comes from.
#[must_use]
pub fn output(feed: Feed, output: u32) -> Feed {
    match feed {
        Feed::Output(operator, _) => Feed::Output(operator, output),
        source => source,
    }
}

/// An operator that hands these columns on.
#[must_use]
pub fn columns<const N: usize>(positions: [usize; N]) -> Fused {
    picked(positions.map(Input::column).into())
}

/// An operator that hands on what these expressions give.
#[must_use]
pub fn picked(columns: Vec<Expr>) -> Fused {
    Fused::new(vec![Step::Project(columns)], Arc::from("columns"))
}
