//! `group by` over a bounded relation.

use std::collections::HashMap;
use std::sync::Arc;

use flow_core::aggregate::{Accumulator, Aggregate};
use flow_core::batch::{Batch, Origin};
use flow_core::builder::ColumnBuilder;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::types::Schema;
use flow_core::value::Cell;

use crate::collected::Collected;
use crate::compare::compare_columns;
use crate::expression::{Expr, evaluate_all};
use crate::keys::{KeyState, Keys};
use crate::operator::{Context, Operator, OperatorError};
use crate::order::{Order, UNPLACED};

/// One aggregate of a group.
#[derive(Clone)]
pub struct GroupAggregate {
    /// The function over the types of its arguments.
    pub aggregate: Aggregate,
    /// Its arguments.
    pub arguments: Vec<Expr>,
    /// A bool: which rows count; all where there is none.
    pub filter: Option<Expr>,
}

/// What a group gives.
#[derive(Clone)]
pub struct GroupSpec {
    /// Columns of the input.
    pub input: Arc<Schema>,
    /// The keys; an absent one is a group of its own. Without keys there is exactly one group, also over no rows.
    pub keys: Vec<Expr>,
    /// The aggregates.
    pub aggregates: Vec<GroupAggregate>,
    /// The output columns: each over a row of the keys, then the aggregates, then the outputs before it.
    pub outputs: Vec<Expr>,
    /// The output columns' names and types: those of `outputs`.
    pub output: Arc<Schema>,
    /// The name under which rows with a faulty key or argument are dead letters.
    pub flow: Arc<str>,
}

/// Collects its rows and gives one row a group at the end, without time (0) or place ([`UNPLACED`]), ordered by its columns.
pub struct Group {
    spec: GroupSpec,
    rows: Collected,
}

impl Group {
    /// A group that has seen nothing.
    #[must_use]
    pub fn new(spec: GroupSpec) -> Self {
        let rows = Collected::new(Arc::clone(&spec.input));
        Self { spec, rows }
    }
}

/// An aggregate's columns.
struct Arguments {
    arguments: Vec<Column>,
    filter: Option<Column>,
}

impl Arguments {
    /// The argument cells of a row; none where the filter leaves it out.
    fn cells<'a>(&'a self, row: usize) -> Result<Option<Vec<Cell<'a>>>, Fault> {
        if let Some(filter) = &self.filter
            && filter.cell(row)? != Cell::Bool(true)
        {
            return Ok(None);
        }
        let cell = |column: &'a Column| match column.cell(row)? {
            // What may be absent is narrowed before it is aggregated.
            Cell::Absent => Err(Fault::Malformed),
            cell => Ok(cell),
        };
        self.arguments.iter().map(cell).collect::<Result<_, _>>().map(Some)
    }
}

impl Operator for Group {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        inputs.iter().for_each(|input| self.rows.push(input));
        Ok(vec![Batch::empty(&self.spec.output)])
    }

    fn finish(&mut self, cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let spec = &self.spec;
        let batch = self.rows.take();
        let keys = Keys::of(&spec.keys, &batch, &cx.env);
        let columns: Vec<Arguments> = spec
            .aggregates
            .iter()
            .map(|aggregate| Arguments {
                arguments: evaluate_all(&aggregate.arguments, &batch, &cx.env),
                filter: aggregate.filter.as_ref().map(|filter| filter.evaluate(&batch, &cx.env)),
            })
            .collect();
        let fresh = || -> Vec<Accumulator> {
            spec.aggregates.iter().map(|aggregate| Accumulator::new(&aggregate.aggregate)).collect()
        };
        let mut groups: Vec<(Option<usize>, Vec<Accumulator>)> = Vec::new();
        let mut by_key: HashMap<Vec<u8>, usize> = HashMap::new();
        if spec.keys.is_empty() {
            groups.push((None, fresh()));
            by_key.insert(Vec::new(), 0);
        }
        let mut key = Vec::new();
        for row in 0..batch.rows {
            let place = Order::of(&batch, row);
            let needed = match keys.encode(row, &mut key) {
                KeyState::Fault(fault) => Err((fault, None)),
                KeyState::Present | KeyState::Absent => columns
                    .iter()
                    .enumerate()
                    .map(|(number, column)| column.cells(row).map_err(|fault| (fault, Some(number))))
                    .collect::<Result<Vec<_>, _>>(),
            };
            let cells = match needed {
                Ok(cells) => cells,
                Err((fault, aggregate)) => {
                    // Its columns are the keys, then the aggregates.
                    let column = aggregate.and_then(|number| spec.output.fields.get(spec.keys.len() + number));
                    let who = column.map_or("a key of `group`".to_owned(), |column| format!("`{}`", column.name));
                    let detail = format!("{who} needs a cell that cannot be had: {fault}");
                    cx.left_out(&spec.flow, &batch, row, fault, detail);
                    continue;
                }
            };
            let at = match by_key.get(&key) {
                Some(at) => *at,
                None => {
                    groups.push((Some(row), fresh()));
                    by_key.insert(key.clone(), groups.len() - 1);
                    groups.len() - 1
                }
            };
            let Some((_, group)) = groups.get_mut(at) else { continue };
            let time = batch.time.get(row).copied().unwrap_or_default();
            for ((state, aggregate), cells) in group.iter_mut().zip(&spec.aggregates).zip(cells) {
                let Some(cells) = cells else { continue };
                if let Err(fault) = state.update(&aggregate.aggregate, &cells, time, place.into(), 1) {
                    let detail = "an aggregate of `group` cannot take the row";
                    cx.left_out(&spec.flow, &batch, row, fault, detail);
                }
            }
        }
        Ok(vec![self.rows_of(&keys, &groups, cx)])
    }
}

impl Group {
    fn rows_of(&self, keys: &Keys, groups: &[(Option<usize>, Vec<Accumulator>)], cx: &Context) -> Batch {
        let spec = &self.spec;
        let rows = groups.len();
        let firsts: Vec<usize> = groups.iter().filter_map(|(first, _)| *first).collect();
        let mut columns: Vec<Column> = keys.columns().iter().map(|column| column.take(&firsts)).collect();
        for (at, aggregate) in spec.aggregates.iter().enumerate() {
            let mut builder = ColumnBuilder::new(&aggregate.aggregate.result().kind, rows);
            for (_, group) in groups {
                match group.get(at).map(|state| state.read(&aggregate.aggregate)) {
                    Some(Ok(value)) => builder.push(Ok(value.as_cell())),
                    Some(Err(fault)) => builder.push(Err(fault)),
                    None => builder.push_absent(),
                }
            }
            columns.push(builder.finish());
        }
        let mut batch = Batch {
            columns,
            rows,
            time: vec![0; rows],
            arrived: vec![UNPLACED; rows],
            origin: vec![Origin::default(); rows],
            offset: vec![0; rows],
            weight: vec![1; rows],
            lineage: Vec::new(),
        };
        let inner = batch.columns.len();
        for output in &spec.outputs {
            let column = output.evaluate(&batch, &cx.env);
            batch.columns.push(column);
        }
        batch.columns.drain(..inner);
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|left, right| compare_columns(&batch.columns, *left, *right));
        batch.take(&order)
    }
}
