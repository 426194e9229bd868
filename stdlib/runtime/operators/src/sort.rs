//! `sort`, `top` and `take`: rows of a bounded relation in an order, or the first of them.

use std::cmp::Ordering;
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::{Column, State};
use flow_core::types::{DataType, Field, Kind, Schema};

use crate::collected::Collected;
use crate::compare::{compare_columns, compare_in, compare_rows};
use crate::expression::{Environment, Expr, evaluate_all};
use crate::operator::{Context, Operator, OperatorError};
use crate::stand::reordered;

/// A sort key.
#[derive(Clone)]
pub struct SortKey {
    /// What is sorted by.
    pub value: Expr,
    /// Greatest first. Absent is last in both directions.
    pub descending: bool,
}

/// Rows by keys; ties by time, then by the row's columns. They come as they stand, and remember it for [`Stand`].
///
/// [`Stand`]: crate::stand::Stand
pub struct Sort {
    rows: Collected,
    schema: Arc<Schema>,
    keys: Vec<SortKey>,
    flow: Arc<str>,
}

/// The keys of rows, computed.
struct Sorted {
    columns: Vec<(Column, bool)>,
}

impl Sorted {
    fn of(keys: &[SortKey], batch: &Batch, env: &Environment) -> Self {
        Self { columns: keys.iter().map(|key| (key.value.evaluate(batch, env), key.descending)).collect() }
    }

    fn compare(&self, left: usize, right: usize) -> Ordering {
        self.columns
            .iter()
            .map(|(column, descending)| compare_in(column, *descending, left, right))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// The rows in order, without those whose key is faulty: they are dead letters.
    fn rows(&self, batch: &Batch, also: &[Column], flow: &Arc<str>, cx: &mut Context) -> Vec<usize> {
        let columns: Vec<&Column> = self.columns.iter().map(|(column, _)| column).chain(also).collect();
        let mut rows: Vec<usize> =
            (0..batch.rows).filter(|row| !is_faulty(&columns, batch, *row, "sort", flow, cx)).collect();
        rows.sort_by(|left, right| self.compare(*left, *right).then_with(|| compare_rows(batch, *left, *right)));
        rows
    }
}

/// Whether a needed cell of a row is faulty, which makes the row a dead letter.
pub(crate) fn is_faulty(
    columns: &[&Column],
    batch: &Batch,
    row: usize,
    what: &str,
    flow: &Arc<str>,
    cx: &mut Context,
) -> bool {
    let fault = columns.iter().find_map(|column| match column.state(row) {
        State::Fault(fault) => Some(fault),
        State::Present => column.cell(row).err(),
        State::Absent => None,
    });
    if let Some(fault) = fault {
        let detail = format!("a value that `{what}` needs cannot be computed");
        cx.left_out(flow, batch, row, fault, detail);
    }
    fault.is_some()
}

impl Sort {
    /// Sorts rows of `schema`; `flow` is the name under which its dead letters go.
    #[must_use]
    pub fn new(schema: Arc<Schema>, keys: Vec<SortKey>, flow: Arc<str>) -> Self {
        Self { rows: Collected::new(Arc::clone(&schema)), schema, keys, flow }
    }
}

impl Operator for Sort {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        inputs.iter().for_each(|input| self.rows.push(input));
        Ok(vec![Batch::empty(&self.schema)])
    }

    fn finish(&mut self, cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let batch = self.rows.take();
        let rows = Sorted::of(&self.keys, &batch, &cx.env).rows(&batch, &[], &self.flow, cx);
        Ok(vec![reordered(&batch, &rows)])
    }
}

/// What `top` keeps.
#[derive(Clone)]
pub struct TopSpec {
    /// How many rows of each group.
    pub count: usize,
    /// The order.
    pub keys: Vec<SortKey>,
    /// The groups; none for one group. Absent is a group of its own.
    pub per: Vec<Expr>,
    /// Rows equal to the last by the keys stay too, and rows equal by the keys share a rank.
    pub with_ties: bool,
    /// The name of the column that holds the rank, from 1, after the others.
    pub rank: Option<String>,
    /// The name under which its dead letters go.
    pub flow: Arc<str>,
}

/// The first rows of each group; in the order of the groups, then of the keys. They come as they stand, and remember it.
pub struct Top {
    rows: Collected,
    schema: Arc<Schema>,
    spec: TopSpec,
}

impl Top {
    /// The first rows of `schema`.
    #[must_use]
    pub fn new(schema: Arc<Schema>, spec: TopSpec) -> Self {
        Self { rows: Collected::new(Arc::clone(&schema)), schema, spec }
    }

    /// The columns of the output: those of the input, then the rank.
    #[must_use]
    pub fn schema(&self) -> Arc<Schema> {
        let rank = self.spec.rank.as_ref().map(|name| Field { name: name.clone(), ty: DataType::required(Kind::Int) });
        Arc::new(Schema { fields: self.schema.fields.iter().cloned().chain(rank).collect() })
    }
}

impl Operator for Top {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        inputs.iter().for_each(|input| self.rows.push(input));
        Ok(vec![Batch::empty(&self.schema())])
    }

    fn finish(&mut self, cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let batch = self.rows.take();
        let per: Vec<Column> = evaluate_all(&self.spec.per, &batch, &cx.env);
        let keys = Sorted::of(&self.spec.keys, &batch, &cx.env);
        let mut rows = keys.rows(&batch, &per, &self.spec.flow, cx);
        rows.sort_by(|left, right| compare_columns(&per, *left, *right));
        let (mut kept, mut ranks) = (Vec::new(), Vec::new());
        for group in rows.chunk_by(|left, right| compare_columns(&per, *left, *right).is_eq()) {
            let last = self.spec.count.checked_sub(1).and_then(|last| group.get(last));
            let mut shared: Option<(usize, i64)> = None;
            for ((row, number), position) in group.iter().zip(1_i64..).zip(0..) {
                let is_tie = self.spec.with_ties && last.is_some_and(|last| keys.compare(*last, *row).is_eq());
                if position >= self.spec.count && !is_tie {
                    break;
                }
                let rank = match shared {
                    Some((before, rank)) if self.spec.with_ties && keys.compare(before, *row).is_eq() => rank,
                    _ => number,
                };
                shared = Some((*row, rank));
                kept.push(*row);
                ranks.push(rank);
            }
        }
        let mut out = reordered(&batch, &kept);
        if self.spec.rank.is_some() {
            out.columns.push(Column::ints(ranks));
        }
        Ok(vec![out])
    }
}

/// The first n rows: in the order of a sort before it, else by time, then columns, of rows that come as they stand.
pub struct Take {
    rows: Collected,
    schema: Arc<Schema>,
    count: usize,
    is_sorted: bool,
}

impl Take {
    /// The first `count` rows of `schema`; `is_sorted` where the input stands in the order of a `sort` or `top`.
    #[must_use]
    pub fn new(schema: Arc<Schema>, count: usize, is_sorted: bool) -> Self {
        Self { rows: Collected::new(Arc::clone(&schema)), schema, count, is_sorted }
    }
}

impl Operator for Take {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        inputs.iter().for_each(|input| self.rows.push(input));
        Ok(vec![Batch::empty(&self.schema)])
    }

    fn finish(&mut self, _cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let batch = self.rows.take();
        let mut rows: Vec<usize> = (0..batch.rows).collect();
        if self.is_sorted {
            rows.truncate(self.count);
        } else {
            rows.sort_by(|left, right| compare_rows(&batch, *left, *right));
            rows.truncate(self.count);
            // They are chosen by time, and stand where they stood.
            rows.sort_unstable();
        }
        Ok(vec![batch.take(&rows)])
    }
}
