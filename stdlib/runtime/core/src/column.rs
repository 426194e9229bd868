//! Columns: many cells of one type, cheap to clone, with faults that stay in their cell.

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use crate::builder::ColumnBuilder;
use crate::fault::Fault;
use crate::types::Kind;
use crate::value::{Cell, Value};

/// Whether a cell holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// It does.
    #[default]
    Present,
    /// It holds none.
    Absent,
    /// It should but could not be computed; counts only where a filter, key, aggregate or sink needs the cell.
    Fault(Fault),
}

/// Cells of one type. The type itself (a decimal's scale, an enum's members, a record's field names) is known from
/// outside, as for [`Value`]. Cloning shares the data.
#[derive(Debug, Clone)]
pub struct Column {
    data: ColumnData,
    /// One a row; `None` where every cell is present.
    states: Option<Arc<Vec<State>>>,
    rows: usize,
}

/// The cells themselves. Where a cell is absent or faulty there is a filler without meaning here, so that positions are
/// rows.
#[derive(Debug, Clone)]
pub enum ColumnData {
    /// `bool`.
    Bool(Arc<Vec<bool>>),
    /// `int`, `date` (days), `timestamp` and `duration` (microseconds), an enum member's index.
    Int(Arc<Vec<i64>>),
    /// `float`: finite, never −0.
    Float(Arc<Vec<f64>>),
    /// `decimal`: mantissas.
    Decimal(Arc<Vec<i128>>),
    /// `string`.
    String(StringData),
    /// `bytes`.
    Bytes(BytesData),
    /// `list<T>`: one [`Value::List`] a row.
    Values(Arc<Vec<Value>>),
    /// A record: one column a field, all of the same length.
    Record(RecordData),
}

/// Texts as views into one shared buffer.
#[derive(Debug, Clone, Default)]
pub struct StringData {
    buffer: Arc<String>,
    /// Start and length in bytes.
    views: Arc<Vec<(u32, u32)>>,
}

/// Byte strings as views into one shared buffer.
#[derive(Debug, Clone, Default)]
pub struct BytesData {
    buffer: Arc<Vec<u8>>,
    /// Start and length in bytes.
    views: Arc<Vec<(u32, u32)>>,
}

/// The columns of a record, and its rows as values once somebody asked for one.
#[derive(Debug, Clone)]
pub struct RecordData {
    fields: Arc<Vec<Column>>,
    rows: Arc<OnceLock<Vec<Result<Value, Fault>>>>,
}

impl StringData {
    /// Views of `(start, length)` into `buffer`. A view that is not on character boundaries inside the buffer reads as
    /// the empty text.
    #[must_use]
    pub fn new(buffer: Arc<String>, views: Vec<(u32, u32)>) -> Self {
        Self { buffer, views: Arc::new(views) }
    }

    /// The text of row `row`; empty beyond the end.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> &str {
        let Some(&(start, length)) = self.views.get(row) else { return "" };
        let start = start as usize;
        self.buffer.get(start..start + length as usize).unwrap_or("")
    }
}

impl BytesData {
    /// Views of `(start, length)` into `buffer`. A view beyond the buffer reads as empty.
    #[must_use]
    pub fn new(buffer: Arc<Vec<u8>>, views: Vec<(u32, u32)>) -> Self {
        Self { buffer, views: Arc::new(views) }
    }

    /// The bytes of row `row`; empty beyond the end.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> &[u8] {
        let Some(&(start, length)) = self.views.get(row) else { return &[] };
        let start = start as usize;
        self.buffer.get(start..start + length as usize).unwrap_or(&[])
    }
}

impl RecordData {
    /// The columns of the fields, in order.
    #[must_use]
    pub fn fields(&self) -> &[Column] {
        &self.fields
    }

    fn row(&self, row: usize, states: Option<&[State]>, rows: usize) -> Result<&Value, Fault> {
        let values = self.rows.get_or_init(|| {
            (0..rows)
                .map(|row| match states.and_then(|states| states.get(row)) {
                    Some(State::Absent) => Ok(Value::Absent),
                    Some(State::Fault(fault)) => Err(*fault),
                    _ => self
                        .fields
                        .iter()
                        .map(|field| field.value(row))
                        .collect::<Result<Vec<_>, _>>()
                        .map(|cells| Value::Record(cells.into())),
                })
                .collect()
        });
        match values.get(row) {
            Some(Ok(value)) => Ok(value),
            Some(Err(fault)) => Err(*fault),
            None => Ok(&Value::Absent),
        }
    }
}

impl Column {
    /// A column of `data` whose cells are in `states`, or all present. States of another length than the data count as
    /// present beyond their end.
    #[must_use]
    pub fn new(data: ColumnData, states: Option<Vec<State>>) -> Self {
        let rows = match &data {
            ColumnData::Bool(cells) => cells.len(),
            ColumnData::Int(cells) => cells.len(),
            ColumnData::Float(cells) => cells.len(),
            ColumnData::Decimal(cells) => cells.len(),
            ColumnData::String(cells) => cells.views.len(),
            ColumnData::Bytes(cells) => cells.views.len(),
            ColumnData::Values(cells) => cells.len(),
            ColumnData::Record(record) => record.fields.first().map_or(0, Column::rows),
        };
        Self { data, states: normalise(states, rows), rows }
    }

    /// A record column of `rows` rows, one column a field; `states` tells which records are absent or faulty.
    #[must_use]
    pub fn record(fields: Vec<Self>, states: Option<Vec<State>>, rows: usize) -> Self {
        let data = RecordData { fields: Arc::new(fields), rows: Arc::default() };
        Self { data: ColumnData::Record(data), states: normalise(states, rows), rows }
    }

    /// `bool` cells, all present.
    #[must_use]
    pub fn bools(cells: Vec<bool>) -> Self {
        Self::new(ColumnData::Bool(Arc::new(cells)), None)
    }

    /// `int`, date, timestamp, duration or enum cells, all present.
    #[must_use]
    pub fn ints(cells: Vec<i64>) -> Self {
        Self::new(ColumnData::Int(Arc::new(cells)), None)
    }

    /// `float` cells, all present; the caller keeps them finite and free of −0.
    #[must_use]
    pub fn floats(cells: Vec<f64>) -> Self {
        Self::new(ColumnData::Float(Arc::new(cells)), None)
    }

    /// `decimal` mantissas, all present.
    #[must_use]
    pub fn decimals(cells: Vec<i128>) -> Self {
        Self::new(ColumnData::Decimal(Arc::new(cells)), None)
    }

    /// `rows` times the same cell.
    #[must_use]
    pub fn repeat(kind: &Kind, cell: Result<Cell<'_>, Fault>, rows: usize) -> Self {
        let mut builder = ColumnBuilder::new(kind, rows);
        for _ in 0..rows {
            builder.push(cell);
        }
        builder.finish()
    }

    /// A column of the given cells.
    #[must_use]
    pub fn from_values<'a>(kind: &Kind, cells: impl IntoIterator<Item = &'a Value>) -> Self {
        let cells = cells.into_iter();
        let mut builder = ColumnBuilder::new(kind, cells.size_hint().0);
        for cell in cells {
            builder.push(Ok(cell.as_cell()));
        }
        builder.finish()
    }

    /// The number of rows.
    #[inline]
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The cells without their states.
    #[inline]
    #[must_use]
    pub fn data(&self) -> &ColumnData {
        &self.data
    }

    /// One state a row, or `None` where every cell is present.
    #[inline]
    #[must_use]
    pub fn states(&self) -> Option<&[State]> {
        self.states.as_ref().map(|states| states.as_slice())
    }

    /// Whether both are one and the same column in memory: then their cells are equal. It may be false of equal ones.
    #[must_use]
    pub fn shares(&self, other: &Self) -> bool {
        let states = match (&self.states, &other.states) {
            (None, None) => true,
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            _ => false,
        };
        let data = match (&self.data, &other.data) {
            (ColumnData::Bool(mine), ColumnData::Bool(theirs)) => Arc::ptr_eq(mine, theirs),
            (ColumnData::Int(mine), ColumnData::Int(theirs)) => Arc::ptr_eq(mine, theirs),
            (ColumnData::Float(mine), ColumnData::Float(theirs)) => Arc::ptr_eq(mine, theirs),
            (ColumnData::Decimal(mine), ColumnData::Decimal(theirs)) => Arc::ptr_eq(mine, theirs),
            (ColumnData::String(mine), ColumnData::String(theirs)) => {
                Arc::ptr_eq(&mine.views, &theirs.views) && Arc::ptr_eq(&mine.buffer, &theirs.buffer)
            }
            (ColumnData::Bytes(mine), ColumnData::Bytes(theirs)) => {
                Arc::ptr_eq(&mine.views, &theirs.views) && Arc::ptr_eq(&mine.buffer, &theirs.buffer)
            }
            (ColumnData::Values(mine), ColumnData::Values(theirs)) => Arc::ptr_eq(mine, theirs),
            (ColumnData::Record(mine), ColumnData::Record(theirs)) => Arc::ptr_eq(&mine.fields, &theirs.fields),
            _ => false,
        };
        states && data && self.rows == other.rows
    }

    /// The same cells in other states, one a row.
    #[must_use]
    pub fn with_states(&self, states: Vec<State>) -> Self {
        // A record that was read before kept its rows as they were.
        let data = match &self.data {
            ColumnData::Record(record) => {
                ColumnData::Record(RecordData { fields: Arc::clone(&record.fields), rows: Arc::default() })
            }
            data => data.clone(),
        };
        Self { data, states: normalise(Some(states), self.rows), rows: self.rows }
    }

    /// The state of one cell.
    #[inline]
    #[must_use]
    pub fn state(&self, row: usize) -> State {
        match &self.states {
            None => State::Present,
            Some(states) => states.get(row).copied().unwrap_or_default(),
        }
    }

    /// The cell of row `row`; absent beyond the end. A record reads as [`Cell::Cells`], and is faulty where one of its
    /// fields is.
    ///
    /// # Errors
    ///
    /// The fault that the cell carries.
    #[inline]
    pub fn cell(&self, row: usize) -> Result<Cell<'_>, Fault> {
        if let Some(states) = &self.states {
            match states.get(row) {
                Some(State::Present) => {}
                Some(State::Fault(fault)) => return Err(*fault),
                Some(State::Absent) | None => return Ok(Cell::Absent),
            }
        }
        Ok(match &self.data {
            ColumnData::Bool(cells) => cells.get(row).map_or(Cell::Absent, |cell| Cell::Bool(*cell)),
            ColumnData::Int(cells) => cells.get(row).map_or(Cell::Absent, |cell| Cell::Int(*cell)),
            ColumnData::Float(cells) => cells.get(row).map_or(Cell::Absent, |cell| Cell::Float(*cell)),
            ColumnData::Decimal(cells) => cells.get(row).map_or(Cell::Absent, |cell| Cell::Decimal(*cell)),
            ColumnData::String(cells) if row < self.rows => Cell::String(cells.get(row)),
            ColumnData::Bytes(cells) if row < self.rows => Cell::Bytes(cells.get(row)),
            ColumnData::String(_) | ColumnData::Bytes(_) => Cell::Absent,
            ColumnData::Values(cells) => cells.get(row).map_or(Cell::Absent, Value::as_cell),
            ColumnData::Record(record) => record.row(row, self.states(), self.rows)?.as_cell(),
        })
    }

    /// As [`Column::cell`], put where it is wanted, without a copy on the way; a faulty one leaves what is there.
    ///
    /// # Errors
    ///
    /// The fault that the cell carries.
    #[inline]
    pub fn cell_to<'a>(&'a self, row: usize, to: &mut Cell<'a>) -> Result<(), Fault> {
        match &self.data {
            ColumnData::Int(cells) if self.states.is_none() && row < cells.len() => {
                *to = cells.get(row).map_or(Cell::Absent, |cell| Cell::Int(*cell));
            }
            ColumnData::Decimal(cells) if self.states.is_none() && row < cells.len() => {
                *to = cells.get(row).map_or(Cell::Absent, |cell| Cell::Decimal(*cell));
            }
            ColumnData::String(cells) if self.states.is_none() && row < self.rows => *to = Cell::String(cells.get(row)),
            _ => *to = self.cell(row)?,
        }
        Ok(())
    }

    /// The cell of row `row` as an owned value.
    ///
    /// # Errors
    ///
    /// The fault that the cell carries.
    pub fn value(&self, row: usize) -> Result<Value, Fault> {
        self.cell(row).map(Cell::to_value)
    }

    /// The column of field `field` of a record column; absent where the record is absent, faulty where it is faulty.
    /// `None` where this is no record column or has no such field.
    #[must_use]
    pub fn field(&self, field: usize) -> Option<Self> {
        let ColumnData::Record(record) = &self.data else { return None };
        let inner = record.fields.get(field)?;
        let Some(outer) = &self.states else { return Some(inner.clone()) };
        let states = (0..self.rows)
            .map(|row| match outer.get(row) {
                Some(State::Absent) => State::Absent,
                Some(State::Fault(fault)) => State::Fault(*fault),
                _ => inner.state(row),
            })
            .collect();
        Some(inner.with_states(states))
    }

    /// The rows `rows`, in that order, repeated where repeated. A row beyond the end is absent.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        self.take_optional(rows.iter().map(|row| Some(*row)))
    }

    /// As [`Column::take`], with absent cells for `None`: the right side of a left join.
    #[must_use]
    pub fn take_optional(&self, rows: impl Iterator<Item = Option<usize>> + Clone) -> Self {
        let count = rows.clone().count();
        let inside = |row: Option<usize>| row.filter(|row| *row < self.rows);
        let states = if self.states.is_some() || rows.clone().any(|row| inside(row).is_none()) {
            Some(rows.clone().map(|row| inside(row).map_or(State::Absent, |row| self.state(row))).collect())
        } else {
            None
        };
        let data = match &self.data {
            ColumnData::Bool(cells) => ColumnData::Bool(gather(cells, rows)),
            ColumnData::Int(cells) => ColumnData::Int(gather(cells, rows)),
            ColumnData::Float(cells) => ColumnData::Float(gather(cells, rows)),
            ColumnData::Decimal(cells) => ColumnData::Decimal(gather(cells, rows)),
            ColumnData::String(cells) => {
                ColumnData::String(StringData { buffer: Arc::clone(&cells.buffer), views: gather(&cells.views, rows) })
            }
            ColumnData::Bytes(cells) => {
                ColumnData::Bytes(BytesData { buffer: Arc::clone(&cells.buffer), views: gather(&cells.views, rows) })
            }
            ColumnData::Values(cells) => ColumnData::Values(Arc::new(
                rows.map(|row| row.and_then(|row| cells.get(row)).cloned().unwrap_or(Value::Absent)).collect(),
            )),
            ColumnData::Record(record) => {
                let fields = record.fields.iter().map(|field| field.take_optional(rows.clone())).collect();
                ColumnData::Record(RecordData { fields: Arc::new(fields), rows: Arc::default() })
            }
        };
        Self { data, states: normalise(states, count), rows: count }
    }

    /// The rows whose entry in `keep` is true; `keep` has one entry a row.
    #[must_use]
    pub fn filter(&self, keep: &[bool]) -> Self {
        let rows: Vec<usize> = selected(keep).collect();
        self.take(&rows)
    }

    /// At most `length` rows from row `start` on.
    #[must_use]
    pub fn slice(&self, start: usize, length: usize) -> Self {
        let start = start.min(self.rows);
        let end = start.saturating_add(length).min(self.rows);
        if start == 0 && end == self.rows {
            return self.clone();
        }
        fn part<T: Clone>(cells: &[T], start: usize, end: usize) -> Arc<Vec<T>> {
            Arc::new(cells.get(start..end).unwrap_or_default().to_vec())
        }
        let data = match &self.data {
            ColumnData::Bool(cells) => ColumnData::Bool(part(cells, start, end)),
            ColumnData::Int(cells) => ColumnData::Int(part(cells, start, end)),
            ColumnData::Float(cells) => ColumnData::Float(part(cells, start, end)),
            ColumnData::Decimal(cells) => ColumnData::Decimal(part(cells, start, end)),
            ColumnData::String(cells) => ColumnData::String(StringData {
                buffer: Arc::clone(&cells.buffer),
                views: part(&cells.views, start, end),
            }),
            ColumnData::Bytes(cells) => ColumnData::Bytes(BytesData {
                buffer: Arc::clone(&cells.buffer),
                views: part(&cells.views, start, end),
            }),
            ColumnData::Values(cells) => ColumnData::Values(part(cells, start, end)),
            ColumnData::Record(record) => {
                let fields = record.fields.iter().map(|field| field.slice(start, end - start)).collect();
                ColumnData::Record(RecordData { fields: Arc::new(fields), rows: Arc::default() })
            }
        };
        let states = self.states.as_ref().map(|states| states.get(start..end).unwrap_or_default().to_vec());
        Self { data, states: normalise(states, end - start), rows: end - start }
    }

    /// The rows of all `columns` one after the other; all hold `kind`.
    #[must_use]
    pub fn concat(kind: &Kind, columns: &[Self]) -> Self {
        if let [column] = columns {
            return column.clone();
        }
        let mut builder = ColumnBuilder::new(kind, columns.iter().map(Self::rows).sum());
        for column in columns {
            builder.extend(column);
        }
        builder.finish()
    }
}

/// Equal where the cells are, whatever the layout.
impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && (0..self.rows).all(|row| self.cell(row) == other.cell(row))
    }
}

/// The positions of the true entries.
pub(crate) fn selected(keep: &[bool]) -> impl Iterator<Item = usize> + Clone + '_ {
    keep.iter().enumerate().filter_map(|(row, keep)| keep.then_some(row))
}

fn gather<T: Copy + Default>(cells: &[T], rows: impl Iterator<Item = Option<usize>>) -> Arc<Vec<T>> {
    Arc::new(rows.map(|row| row.and_then(|row| cells.get(row)).copied().unwrap_or_default()).collect())
}

fn normalise(states: Option<Vec<State>>, rows: usize) -> Option<Arc<Vec<State>>> {
    let mut states = states?;
    states.resize(rows, State::Present);
    states.iter().any(|state| *state != State::Present).then(|| Arc::new(states))
}
