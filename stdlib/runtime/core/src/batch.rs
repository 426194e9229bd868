//! Batches: the columns of some rows with their place in time and in the log.

use crate::column::{Column, selected};
use crate::fault::Fault;
use crate::types::Schema;
use crate::value::Value;

/// Where a row came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Origin {
    /// The source, numbered in the order of the sources' names.
    pub source: u32,
    /// The partition of its log.
    pub partition: u32,
}

/// Some rows, column by column. The schema is held apart; every vector has `rows` entries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// The columns by position.
    pub columns: Vec<Column>,
    /// The number of rows.
    pub rows: usize,
    /// Event time, microseconds since the epoch.
    pub time: Vec<i64>,
    /// The running maximum of the log's record timestamp in the row's partition, microseconds since the epoch.
    pub arrived: Vec<i64>,
    /// Source and partition.
    pub origin: Vec<Origin>,
    /// The offset in the partition.
    pub offset: Vec<i64>,
    /// 1 adds the row, −1 takes an equal earlier row back.
    pub weight: Vec<i8>,
    /// Digests of the events that each row was made of; empty where each row is the one event of its place. It tells rows
    /// of equal cells and time apart.
    pub lineage: Vec<u64>,
}

/// The digest of a row that was made of one with digest `first`, then of `second`.
#[must_use]
pub fn made_of(first: u64, second: u64) -> u64 {
    let mut mixed = first.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ second.rotate_left(32);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Batch {
    /// An empty batch of `schema`.
    #[must_use]
    pub fn empty(schema: &Schema) -> Self {
        let columns = schema.fields.iter().map(|field| Column::from_values(&field.ty.kind, [])).collect();
        Self { columns, ..Self::default() }
    }

    /// A batch of one row with the given cells, weight 1, at `time`, which is also its arrival; origin and offset 0.
    #[must_use]
    pub fn one(schema: &Schema, cells: &[Value], time: i64) -> Self {
        let columns = schema
            .fields
            .iter()
            .enumerate()
            .map(|(index, field)| Column::from_values(&field.ty.kind, [cells.get(index).unwrap_or(&Value::Absent)]))
            .collect();
        Self {
            columns,
            rows: 1,
            time: vec![time],
            arrived: vec![time],
            origin: vec![Origin::default()],
            offset: vec![0],
            weight: vec![1],
            lineage: Vec::new(),
        }
    }

    /// Whether row `row` is added; else it is taken back.
    #[must_use]
    pub fn adds(&self, row: usize) -> bool {
        self.weight.get(row).is_none_or(|weight| *weight > 0)
    }

    /// The digest of the events that row `row` was made of.
    #[must_use]
    pub fn made_of(&self, row: usize) -> u64 {
        if let Some(lineage) = self.lineage.get(row) {
            return *lineage;
        }
        let origin = self.origin.get(row).copied().unwrap_or_default();
        let offset = self.offset.get(row).copied().unwrap_or_default();
        made_of(u64::from(origin.source) << 32 | u64::from(origin.partition), offset.cast_unsigned())
    }

    /// The same rows with other columns, each of `rows` rows.
    #[must_use]
    pub fn with_columns(self, columns: Vec<Column>) -> Self {
        Self { columns, ..self }
    }

    /// The rows `rows`, in that order, repeated where repeated. Positions beyond the end are left out.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        let inside;
        let rows = if rows.iter().all(|row| *row < self.rows) {
            rows
        } else {
            inside = rows.iter().copied().filter(|row| *row < self.rows).collect::<Vec<_>>();
            &inside
        };
        Self {
            columns: self.columns.iter().map(|column| column.take(rows)).collect(),
            rows: rows.len(),
            time: gather(&self.time, rows),
            arrived: gather(&self.arrived, rows),
            origin: gather(&self.origin, rows),
            offset: gather(&self.offset, rows),
            weight: gather(&self.weight, rows),
            lineage: if self.lineage.is_empty() { Vec::new() } else { gather(&self.lineage, rows) },
        }
    }

    /// The rows whose entry in `keep` is true; `keep` has one entry a row.
    #[must_use]
    pub fn filter(&self, keep: &[bool]) -> Self {
        if keep.len() >= self.rows && keep.iter().take(self.rows).all(|keep| *keep) {
            return self.clone();
        }
        self.take(&selected(keep).collect::<Vec<_>>())
    }

    /// At most `length` rows from row `start` on.
    #[must_use]
    pub fn slice(&self, start: usize, length: usize) -> Self {
        let start = start.min(self.rows);
        let end = start.saturating_add(length).min(self.rows);
        Self {
            columns: self.columns.iter().map(|column| column.slice(start, end - start)).collect(),
            rows: end - start,
            time: part(&self.time, start, end),
            arrived: part(&self.arrived, start, end),
            origin: part(&self.origin, start, end),
            offset: part(&self.offset, start, end),
            weight: part(&self.weight, start, end),
            lineage: part(&self.lineage, start, end),
        }
    }

    /// The rows of all `batches` one after the other; all have `schema`.
    #[must_use]
    pub fn concat(schema: &Schema, batches: &[Self]) -> Self {
        if let [batch] = batches {
            return batch.clone();
        }
        let lineage = if batches.iter().all(|batch| batch.lineage.is_empty()) {
            Vec::new()
        } else {
            batches.iter().flat_map(|batch| (0..batch.rows).map(|row| batch.made_of(row))).collect()
        };
        let columns = schema
            .fields
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let parts: Vec<Column> = batches.iter().filter_map(|batch| batch.columns.get(index)).cloned().collect();
                Column::concat(&field.ty.kind, &parts)
            })
            .collect();
        Self {
            columns,
            rows: batches.iter().map(|batch| batch.rows).sum(),
            time: batches.iter().flat_map(|batch| batch.time.iter().copied()).collect(),
            arrived: batches.iter().flat_map(|batch| batch.arrived.iter().copied()).collect(),
            origin: batches.iter().flat_map(|batch| batch.origin.iter().copied()).collect(),
            offset: batches.iter().flat_map(|batch| batch.offset.iter().copied()).collect(),
            weight: batches.iter().flat_map(|batch| batch.weight.iter().copied()).collect(),
            lineage,
        }
    }

    /// Row `row` as a [`Value::Record`] of all columns.
    ///
    /// # Errors
    ///
    /// The first fault among its cells, in column order.
    pub fn row(&self, row: usize) -> Result<Value, Fault> {
        let cells: Result<Vec<Value>, Fault> = self.columns.iter().map(|column| column.value(row)).collect();
        Ok(Value::Record(cells?.into()))
    }
}

fn part<T: Clone>(cells: &[T], start: usize, end: usize) -> Vec<T> {
    cells.get(start..end).unwrap_or_default().to_vec()
}

fn gather<T: Copy + Default>(cells: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|row| cells.get(*row).copied().unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DataType, Field, Kind};

    #[test]
    fn rows_keep_their_place() {
        let schema = Schema { fields: vec![Field { name: "x".into(), ty: DataType::required(Kind::Int) }] };
        let row = |x: i64| Batch { offset: vec![x], ..Batch::one(&schema, &[Value::Int(x)], 10 * x) };
        let batch = Batch::concat(&schema, &[row(1), Batch::empty(&schema), row(2), row(3)]);
        assert_eq!((batch.rows, &batch.time, &batch.offset), (3, &vec![10, 20, 30], &vec![1, 2, 3]));
        let odd = batch.filter(&[true, false, true]);
        assert_eq!((odd.rows, &odd.arrived, &odd.weight), (2, &vec![10, 30], &vec![1, 1]));
        assert_eq!(odd.row(1), Ok(Value::Record([Value::Int(3)].into())));
        assert_eq!(batch.filter(&[true; 3]), batch);
        assert_eq!(batch.slice(1, 9), batch.take(&[1, 2, 7]));
    }

    #[test]
    fn rows_keep_what_they_were_made_of() {
        let schema = Schema { fields: vec![Field { name: "x".into(), ty: DataType::required(Kind::Int) }] };
        let event = |offset: i64| Batch { offset: vec![offset], ..Batch::one(&schema, &[Value::Int(7)], 0) };
        let joined = Batch { lineage: vec![made_of(event(1).made_of(0), event(2).made_of(0))], ..event(2) };
        let all = Batch::concat(&schema, &[event(1), joined.clone(), event(2)]);
        let digests: Vec<u64> = (0..3).map(|row| all.made_of(row)).collect();
        assert_eq!(digests, [event(1).made_of(0), joined.made_of(0), event(2).made_of(0)]);
        assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
        assert_eq!(all.take(&[2, 1]).lineage, [digests[2], digests[1]]);
        assert_ne!(made_of(1, 2), made_of(2, 1));
    }
}
