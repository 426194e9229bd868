//! Building a column cell by cell.

use std::sync::Arc;

use crate::column::{BytesData, Column, ColumnData, State, StringData};
use crate::fault::Fault;
use crate::types::Kind;
use crate::value::{Cell, Value};

/// Collects cells of one [`Kind`] into a [`Column`].
#[derive(Debug)]
pub struct ColumnBuilder {
    cells: Cells,
    /// Empty as long as every cell is present.
    states: Vec<State>,
    rows: usize,
}

#[derive(Debug)]
enum Cells {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Decimal(Vec<i128>),
    String { buffer: String, views: Vec<(u32, u32)> },
    Bytes { buffer: Vec<u8>, views: Vec<(u32, u32)> },
    Values(Vec<Value>),
    Record(Vec<ColumnBuilder>),
}

impl ColumnBuilder {
    /// An empty column of `kind` with room for `rows` rows.
    #[must_use]
    pub fn new(kind: &Kind, rows: usize) -> Self {
        let cells = match kind {
            Kind::Bool => Cells::Bool(Vec::with_capacity(rows)),
            Kind::Int | Kind::Date | Kind::Timestamp | Kind::Duration | Kind::Enum(_) => {
                Cells::Int(Vec::with_capacity(rows))
            }
            Kind::Float => Cells::Float(Vec::with_capacity(rows)),
            Kind::Decimal { .. } => Cells::Decimal(Vec::with_capacity(rows)),
            Kind::String => Cells::String { buffer: String::new(), views: Vec::with_capacity(rows) },
            Kind::Bytes => Cells::Bytes { buffer: Vec::new(), views: Vec::with_capacity(rows) },
            Kind::List(_) => Cells::Values(Vec::with_capacity(rows)),
            Kind::Record(record) => {
                Cells::Record(record.fields.iter().map(|field| Self::new(&field.ty.kind, rows)).collect())
            }
        };
        Self { cells, states: Vec::new(), rows: 0 }
    }

    /// The number of rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The state of a cell so far; absent beyond the end.
    #[must_use]
    pub fn state(&self, row: usize) -> State {
        if row < self.rows { self.states.get(row).copied().unwrap_or_default() } else { State::Absent }
    }

    /// Adds a cell or a fault. A cell of another kind than the column's becomes [`Fault::Conversion`], and text beyond
    /// 4 GiB in one column [`Fault::TooLarge`].
    #[inline]
    pub fn push(&mut self, cell: Result<Cell<'_>, Fault>) {
        match cell {
            Ok(Cell::Absent) => self.push_state(State::Absent),
            Ok(cell) => match self.cells.push(cell) {
                Ok(()) => self.present(),
                Err(fault) => self.push_state(State::Fault(fault)),
            },
            Err(fault) => self.push_state(State::Fault(fault)),
        }
    }

    /// Adds a text; as [`ColumnBuilder::push`], without the detour over a cell.
    #[inline]
    pub fn push_str(&mut self, text: &str) {
        match &mut self.cells {
            Cells::String { buffer, views } => match view(buffer.len(), text.len()) {
                Ok(place) => {
                    views.push(place);
                    buffer.push_str(text);
                    self.present();
                }
                Err(fault) => self.push_state(State::Fault(fault)),
            },
            _ => self.push(Ok(Cell::String(text))),
        }
    }

    /// Adds a cell; as [`ColumnBuilder::push`], without a copy of it.
    #[inline]
    pub fn push_cell(&mut self, cell: &Cell<'_>) {
        match (&mut self.cells, cell) {
            (Cells::Int(cells), Cell::Int(cell)) => {
                cells.push(*cell);
                self.present();
            }
            (Cells::Decimal(cells), Cell::Decimal(cell)) => {
                cells.push(*cell);
                self.present();
            }
            (Cells::Float(cells), Cell::Float(cell)) => {
                cells.push(*cell);
                self.present();
            }
            (Cells::String { .. }, Cell::String(text)) => self.push_str(text),
            _ => self.push(Ok(*cell)),
        }
    }

    /// Adds an owned value or a fault; as [`ColumnBuilder::push`].
    #[inline]
    pub fn push_value(&mut self, value: Result<&Value, Fault>) {
        self.push(value.map(Value::as_cell));
    }

    /// Adds a cell without a value.
    #[inline]
    pub fn push_absent(&mut self) {
        self.push_state(State::Absent);
    }

    /// Adds a faulty cell.
    #[inline]
    pub fn push_fault(&mut self, fault: Fault) {
        self.push_state(State::Fault(fault));
    }

    /// Adds all cells of `column`.
    pub fn extend(&mut self, column: &Column) {
        match (&mut self.cells, column.data()) {
            (Cells::Bool(cells), ColumnData::Bool(other)) => cells.extend_from_slice(other),
            (Cells::Int(cells), ColumnData::Int(other)) => cells.extend_from_slice(other),
            (Cells::Float(cells), ColumnData::Float(other)) => cells.extend_from_slice(other),
            (Cells::Decimal(cells), ColumnData::Decimal(other)) => cells.extend_from_slice(other),
            (Cells::Values(cells), ColumnData::Values(other)) => cells.extend_from_slice(other),
            (Cells::Record(fields), ColumnData::Record(other)) if fields.len() == other.fields().len() => {
                for (field, other) in fields.iter_mut().zip(other.fields()) {
                    field.extend(other);
                }
            }
            _ => {
                for row in 0..column.rows() {
                    self.push(column.cell(row));
                }
                return;
            }
        }
        if let Some(states) = column.states() {
            self.states.resize(self.rows, State::Present);
            self.states.extend_from_slice(states);
        } else if !self.states.is_empty() {
            self.states.resize(self.rows + column.rows(), State::Present);
        }
        self.rows += column.rows();
    }

    /// The builders of a record's fields, for a caller that fills each of them with exactly one cell and then calls
    /// [`ColumnBuilder::end_record`]; `None` for other kinds.
    pub fn fields(&mut self) -> Option<&mut [Self]> {
        match &mut self.cells {
            Cells::Record(fields) => Some(fields),
            _ => None,
        }
    }

    /// Ends a record whose fields were filled through [`ColumnBuilder::fields`]. Fields that got no cell are absent.
    pub fn end_record(&mut self) {
        let rows = self.rows + 1;
        if let Cells::Record(fields) = &mut self.cells {
            for field in fields {
                field.truncate(rows);
                while field.rows < rows {
                    field.push_absent();
                }
            }
        }
        self.present();
    }

    /// Takes back the cells from row `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        self.rows = self.rows.min(rows);
        self.states.truncate(rows);
        match &mut self.cells {
            Cells::Bool(cells) => cells.truncate(rows),
            Cells::Int(cells) => cells.truncate(rows),
            Cells::Float(cells) => cells.truncate(rows),
            Cells::Decimal(cells) => cells.truncate(rows),
            Cells::String { views, .. } | Cells::Bytes { views, .. } => views.truncate(rows),
            Cells::Values(cells) => cells.truncate(rows),
            Cells::Record(fields) => fields.iter_mut().for_each(|field| field.truncate(rows)),
        }
    }

    /// The column.
    #[must_use]
    pub fn finish(self) -> Column {
        let states = (!self.states.is_empty()).then_some(self.states);
        let data = match self.cells {
            Cells::Bool(cells) => ColumnData::Bool(Arc::new(cells)),
            Cells::Int(cells) => ColumnData::Int(Arc::new(cells)),
            Cells::Float(cells) => ColumnData::Float(Arc::new(cells)),
            Cells::Decimal(cells) => ColumnData::Decimal(Arc::new(cells)),
            Cells::String { buffer, views } => ColumnData::String(StringData::new(Arc::new(buffer), views)),
            Cells::Bytes { buffer, views } => ColumnData::Bytes(BytesData::new(Arc::new(buffer), views)),
            Cells::Values(cells) => ColumnData::Values(Arc::new(cells)),
            Cells::Record(fields) => {
                let fields = fields.into_iter().map(Self::finish).collect();
                return Column::record(fields, states, self.rows);
            }
        };
        Column::new(data, states)
    }

    #[inline]
    fn present(&mut self) {
        self.rows += 1;
        if !self.states.is_empty() {
            self.states.push(State::Present);
        }
    }

    #[cold]
    fn push_state(&mut self, state: State) {
        self.states.resize(self.rows, State::Present);
        self.states.push(state);
        self.rows += 1;
        self.cells.push_filler();
    }
}

impl Cells {
    #[inline]
    fn push(&mut self, cell: Cell<'_>) -> Result<(), Fault> {
        match (self, cell) {
            (Self::Bool(cells), Cell::Bool(cell)) => cells.push(cell),
            (Self::Int(cells), Cell::Int(cell)) => cells.push(cell),
            (Self::Float(cells), Cell::Float(cell)) => cells.push(cell),
            (Self::Decimal(cells), Cell::Decimal(cell)) => cells.push(cell),
            (Self::String { buffer, views }, Cell::String(cell)) => {
                views.push(view(buffer.len(), cell.len())?);
                buffer.push_str(cell);
            }
            (Self::Bytes { buffer, views }, Cell::Bytes(cell)) => {
                views.push(view(buffer.len(), cell.len())?);
                buffer.extend_from_slice(cell);
            }
            (Self::Values(cells), Cell::Cells(cell @ Value::List(_))) => cells.push(cell.clone()),
            (Self::Record(fields), Cell::Cells(Value::Record(cells))) if fields.len() == cells.len() => {
                for (field, cell) in fields.iter_mut().zip(cells.iter()) {
                    field.push(Ok(cell.as_cell()));
                }
            }
            _ => return Err(Fault::Conversion),
        }
        Ok(())
    }

    fn push_filler(&mut self) {
        match self {
            Self::Bool(cells) => cells.push(false),
            Self::Int(cells) => cells.push(0),
            Self::Float(cells) => cells.push(0.0),
            Self::Decimal(cells) => cells.push(0),
            Self::String { views, .. } | Self::Bytes { views, .. } => views.push((0, 0)),
            Self::Values(cells) => cells.push(Value::Absent),
            Self::Record(fields) => fields.iter_mut().for_each(ColumnBuilder::push_absent),
        }
    }
}

#[inline]
fn view(start: usize, length: usize) -> Result<(u32, u32), Fault> {
    let end = start.checked_add(length).ok_or(Fault::TooLarge)?;
    u32::try_from(end).map_err(|_| Fault::TooLarge)?;
    match (u32::try_from(start), u32::try_from(length)) {
        (Ok(start), Ok(length)) => Ok((start, length)),
        _ => Err(Fault::TooLarge),
    }
}
