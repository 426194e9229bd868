//! Relations in services: the rows of a list, a table or a sink through the operators of a plan.

use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::builder::ColumnBuilder;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::program::Now;
use flow_core::types::{Kind, Schema};
use flow_core::value::Value;
use flow_operators::compare::compare_columns;
use flow_operators::expression::{Environment, Expr, evaluate_all};
use flow_operators::graph::Graph;
use flow_operators::merge::MicroBatch;
use flow_task::RunError;
use flow_task::dataflow::Dataflow;
use flow_task::wiring::Given;

use crate::error::ServeError;
use crate::run::{Fail, Run};
use crate::scalar::Scalar;

/// A relation whose rows are collected.
#[derive(Clone)]
pub struct Relation {
    /// Its rows.
    pub rows: Ordered,
    /// What its operators read of the cells, whose values stand behind the parameters of the solution: of each a cell's
    /// position, then that of a field in it, of a field in that, and so on.
    pub reads: Vec<Vec<usize>>,
}

/// Rows in the order in which a list has them.
#[derive(Clone)]
pub struct Ordered {
    /// The rows.
    pub rows: Rows,
    /// Whether they stand in an order of their own; else columns order them.
    pub is_ordered: bool,
}

/// Makes the operators between rows that are there, which are their sources by number, and rows that are wanted.
pub type Operators = Arc<dyn Fn(Environment) -> Result<Graph, ServeError> + Send + Sync>;

/// Operators that `wire` wires anew for each request, over the values that expressions of the request see.
#[must_use]
pub fn wired(given: &Given, wire: fn(&Given) -> Result<Dataflow, RunError>) -> Operators {
    let given = given.clone();
    Arc::new(move |environment: Environment| {
        let Environment { now, slots } = environment;
        let wired = wire(&Given { slots, now, ..given.clone() });
        wired.map(|dataflow| dataflow.graph).map_err(|error| match error {
            RunError::Plan(what) => ServeError::Plan(what),
            other => ServeError::Unavailable(other.to_string()),
        })
    })
}

/// Where rows come from.
#[derive(Clone)]
pub enum Rows {
    /// From whoever runs the plan: [`Run::give`], by position.
    Given(usize),
    /// The items of a list, all arriving now.
    List {
        /// The list.
        items: Scalar,
        /// For each column its field in the items, where they have it, and its kind.
        columns: Vec<(Option<usize>, Kind)>,
    },
    /// The rows of a table that hold now.
    Table {
        /// Its name.
        table: String,
        /// The positions of the wanted columns.
        columns: Vec<usize>,
    },
    /// A feature set by the key of each row, read now. A row whose key cannot be computed is left out.
    Features {
        /// The rows.
        input: Box<Rows>,
        /// The set.
        set: String,
        /// Its key over the rows.
        keys: Vec<Expr>,
        /// The columns of the result.
        columns: Vec<Cells>,
    },
    /// The first rows.
    Take {
        /// Of these.
        input: Box<Ordered>,
        /// How many.
        count: usize,
    },
    /// The rows that operators give.
    Through {
        /// The number of each source, and its rows.
        inputs: Vec<(u32, Rows)>,
        /// The operators, with one sink.
        operators: Operators,
        /// The columns of the result.
        schema: Arc<Schema>,
    },
    /// What a view over streams keeps of the keys of the rows that feed the same operators as another source. It stands
    /// behind that source in `inputs` alone.
    Kept {
        /// The view.
        view: String,
        /// The number of the other source.
        of: u32,
        /// The view's key over its rows.
        keys: Vec<Expr>,
    },
    /// None: nobody can give them, for the reason named.
    Missing(String),
}

/// Where a column of rows with features comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// The column of the row at a position.
    Own(usize),
    /// The column of the feature set at a position.
    Feature(usize),
    /// All columns of the feature set, as a record.
    Features,
}

impl Rows {
    /// The tables that they come from.
    pub(crate) fn tables(&self) -> Vec<&str> {
        match self {
            Self::Table { table, .. } => vec![table],
            Self::Take { input, .. } => input.rows.tables(),
            Self::Features { input, .. } => input.tables(),
            Self::Through { inputs, .. } => inputs.iter().flat_map(|(_, rows)| rows.tables()).collect(),
            Self::Given(_) | Self::List { .. } | Self::Kept { .. } | Self::Missing(_) => Vec::new(),
        }
    }
}

impl Run<'_> {
    /// The rows of a relation as a list of records, in their order.
    pub(crate) fn collect(&self, relation: &Relation) -> Result<Value, Fail> {
        if let Some(fail) = self.first_bad(&relation.reads) {
            return Err(fail);
        }
        let batch = self.ordered(&relation.rows)?;
        let rows: Result<Vec<Value>, Fault> = (0..batch.rows).map(|row| batch.row(row)).collect();
        Ok(Value::List(rows?.into()))
    }

    /// Rows in the order in which a list has them: their own where they have one, else by columns.
    pub(crate) fn ordered(&self, ordered: &Ordered) -> Result<Batch, Fail> {
        let batch = self.rows(&ordered.rows)?;
        if ordered.is_ordered {
            return Ok(batch);
        }
        let mut rows: Vec<usize> = (0..batch.rows).collect();
        rows.sort_by(|left, right| compare_columns(&batch.columns, *left, *right));
        Ok(batch.take(&rows))
    }

    fn rows(&self, rows: &Rows) -> Result<Batch, Fail> {
        match rows {
            Rows::Given(number) => match self.given.get(*number) {
                Some(batch) => Ok(batch.clone()),
                None => Err(Fail::Broken(ServeError::Plan("rows were not given".to_owned()))),
            },
            Rows::List { items, columns } => self.list(items, columns),
            Rows::Table { table, columns } => self.table(table, columns),
            Rows::Features { input, set, keys, columns } => {
                let batch = self.rows(input)?;
                self.with_features(&batch, set, keys, columns)
            }
            Rows::Take { input, count } => Ok(self.ordered(input)?.slice(0, *count)),
            Rows::Through { inputs, operators, schema } => self.through(inputs, operators, schema),
            Rows::Kept { view, .. } => {
                Err(Fail::Broken(ServeError::Plan(format!("`{view}` is joined with rows that are not there"))))
            }
            Rows::Missing(why) => Err(Fail::Broken(ServeError::Plan(why.clone()))),
        }
    }

    fn list(&self, items: &Scalar, columns: &[(Option<usize>, Kind)]) -> Result<Batch, Fail> {
        let Value::List(items) = self.whole(items)? else { return Ok(self.placed(Vec::new(), 0)) };
        let column = |(position, kind): &(Option<usize>, Kind)| {
            let mut builder = ColumnBuilder::new(kind, items.len());
            for item in items.iter() {
                match (item, position) {
                    (Value::Record(cells), Some(position)) => {
                        builder.push_value(Ok(cells.get(*position).unwrap_or(&Value::Absent)));
                    }
                    _ => builder.push_absent(),
                }
            }
            builder.finish()
        };
        Ok(self.placed(columns.iter().map(column).collect(), items.len()))
    }

    fn table(&self, table: &str, columns: &[usize]) -> Result<Batch, Fail> {
        let missing = || Fail::Broken(ServeError::Plan(format!("the rows of `{table}` were not given")));
        let batch = self.services.keyed(table).ok_or_else(missing)?.rows(self.now);
        let column = |position: &usize| batch.columns.get(*position).cloned().ok_or_else(missing);
        Ok(self.placed(columns.iter().map(column).collect::<Result<_, _>>()?, batch.rows))
    }

    /// Rows without a time of their own: they arrive now, all at one place, so that only columns order them.
    fn placed(&self, columns: Vec<Column>, rows: usize) -> Batch {
        Batch {
            columns,
            rows,
            time: vec![self.now; rows],
            arrived: vec![self.now; rows],
            origin: vec![Origin::default(); rows],
            offset: vec![0; rows],
            weight: vec![1; rows],
            lineage: Vec::new(),
        }
    }

    /// What expressions of a relation see besides their row: the parameters of the solution, then the cells.
    fn environment(&self) -> Environment {
        let mut slots = self.services.slots().to_vec();
        slots.extend((0..self.cells.len()).map(|position| self.known(position)));
        Environment { now: Now::At(self.now), slots }
    }

    fn with_features(&self, batch: &Batch, set: &str, keys: &[Expr], columns: &[Cells]) -> Result<Batch, Fail> {
        let key_columns = evaluate_all(keys, batch, &self.environment());
        let key =
            |row: usize| key_columns.iter().map(|column| column.value(row)).collect::<Result<Vec<Value>, Fault>>();
        let rows: Vec<usize> = (0..batch.rows).filter(|row| key(*row).is_ok()).collect();
        let reader = self.services.set(set)?;
        let mut builders: Vec<ColumnBuilder> =
            reader.kinds.iter().map(|kind| ColumnBuilder::new(kind, rows.len())).collect();
        for row in &rows {
            let cells = reader.read(&key(*row)?, self.now, self.services.slots(), self.reads)?;
            for (builder, cell) in builders.iter_mut().zip(&cells) {
                builder.push_value(cell.as_ref().map_err(|fault| *fault));
            }
        }
        let read: Vec<Column> = builders.into_iter().map(ColumnBuilder::finish).collect();
        let batch = batch.take(&rows);
        let missing = || Fail::Broken(ServeError::Plan(format!("`{set}` is read with a column that is not there")));
        let column = |from: &Cells| match from {
            Cells::Own(position) => batch.columns.get(*position).cloned().ok_or_else(missing),
            Cells::Feature(position) => read.get(*position).cloned().ok_or_else(missing),
            Cells::Features => Ok(Column::record(read.clone(), None, rows.len())),
        };
        let out = columns.iter().map(column).collect::<Result<Vec<Column>, Fail>>()?;
        Ok(batch.with_columns(out))
    }

    /// The rows that a view keeps of the keys of the rows of source `of`, before the place that those get.
    fn kept(&self, rows: &mut [(u32, Batch)], view: &str, of: u32, keys: &[Expr]) -> Result<Batch, Fail> {
        let missing = || ServeError::Plan(format!("`{view}` is joined with rows that are not there"));
        let (_, left) = rows.iter_mut().find(|(number, _)| *number == of).ok_or_else(missing)?;
        *left = self.placed(left.columns.clone(), left.rows);
        let columns = evaluate_all(keys, left, &self.environment());
        // A row whose key cannot be computed finds nothing: the join leaves it out.
        let key = |row: usize| columns.iter().map(|column| column.value(row)).collect::<Result<Vec<Value>, Fault>>();
        let keys: Vec<Vec<Value>> = (0..left.rows).filter_map(|row| key(row).ok()).collect();
        Ok(self.services.kept_rows(view, &keys, self.reads)?)
    }

    /// The rows of operators, from those of their sources.
    fn through(&self, inputs: &[(u32, Rows)], operators: &Operators, schema: &Schema) -> Result<Batch, Fail> {
        let mut rows = Vec::with_capacity(inputs.len());
        for (number, input) in inputs {
            let batch = match input {
                Rows::Kept { view, of, keys } => self.kept(&mut rows, view, *of, keys)?,
                input => self.rows(input)?,
            };
            rows.push((*number, batch));
        }
        rows.sort_by_key(|(number, _)| *number);
        let mut graph = operators(self.environment())?;
        let frontier = graph.frontier();
        let mut batches = Vec::new();
        for outputs in [graph.push(&MicroBatch { rows, frontier }), graph.advance(self.now), graph.finish()] {
            batches.extend(outputs.map_err(ServeError::from)?.rows.into_iter().map(|(_, batch)| batch));
        }
        Ok(if batches.is_empty() { Batch::empty(schema) } else { Batch::concat(schema, &batches) })
    }
}
