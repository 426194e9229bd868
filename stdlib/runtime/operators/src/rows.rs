//! Rows at rest: one row's cells as bytes, faults included, and back into columns.

use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::builder::ColumnBuilder;
use flow_core::column::{Column, ColumnData, State};
use flow_core::fault::Fault;
use flow_core::types::{Kind, Schema};
use flow_core::value::{Cell, Value};

use crate::operator::OperatorError;
use crate::order::Order;

const ABSENT: u8 = 0;
const FAULT: u8 = 1;
const PRESENT: u8 = 2;

/// Appends the cells of row `row` of `columns`. Equal rows of one schema, and only those, give equal bytes.
pub fn encode_row(columns: &[Column], row: usize, out: &mut Vec<u8>) {
    for column in columns {
        match column.state(row) {
            State::Absent => out.push(ABSENT),
            State::Fault(fault) => out.extend([FAULT, fault_code(fault)]),
            State::Present => {
                out.push(PRESENT);
                if let ColumnData::Record(record) = column.data() {
                    encode_row(record.fields(), row, out);
                } else {
                    encode_present(column.cell(row).unwrap_or(Cell::Absent), out);
                }
            }
        }
    }
}

fn encode_present(cell: Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        Cell::Absent => {}
        Cell::Bool(value) => out.push(u8::from(value)),
        Cell::Int(value) => out.extend(value.to_le_bytes()),
        Cell::Float(value) => out.extend(value.to_bits().to_le_bytes()),
        Cell::Decimal(value) => out.extend(value.to_le_bytes()),
        Cell::String(value) => encode_bytes(value.as_bytes(), out),
        Cell::Bytes(value) => encode_bytes(value, out),
        Cell::Cells(Value::List(cells)) => {
            out.extend((cells.len() as u32).to_le_bytes());
            cells.iter().for_each(|cell| encode_value(cell, out));
        }
        Cell::Cells(Value::Record(cells)) => cells.iter().for_each(|cell| encode_value(cell, out)),
        Cell::Cells(_) => {}
    }
}

fn encode_value(value: &Value, out: &mut Vec<u8>) {
    if value.is_absent() {
        out.push(ABSENT);
    } else {
        out.push(PRESENT);
        encode_present(value.as_cell(), out);
    }
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// A reader of bytes that this crate wrote.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], OperatorError> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(OperatorError::State("an entry is cut off"))?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], OperatorError> {
        self.bytes(N)?.try_into().map_err(|_| OperatorError::State("an entry is cut off"))
    }

    pub(crate) fn byte(&mut self) -> Result<u8, OperatorError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, OperatorError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, OperatorError> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a [u8], OperatorError> {
        let count = self.u32()?;
        self.bytes(count as usize)
    }

    pub(crate) fn order(&mut self) -> Result<Order, OperatorError> {
        let arrived = self.i64()?;
        let origin = Origin { source: self.u32()?, partition: self.u32()? };
        Ok(Order { arrived, origin, offset: self.i64()? })
    }

    pub(crate) fn end(&self) -> Result<(), OperatorError> {
        if self.0.is_empty() { Ok(()) } else { Err(OperatorError::State("an entry has too many bytes")) }
    }
}

/// Appends a length and the bytes.
pub(crate) fn put_text(bytes: &[u8], out: &mut Vec<u8>) {
    encode_bytes(bytes, out);
}

/// Appends a place in arrival order.
pub(crate) fn put_order(order: Order, out: &mut Vec<u8>) {
    out.extend(order.arrived.to_le_bytes());
    out.extend(order.origin.source.to_le_bytes());
    out.extend(order.origin.partition.to_le_bytes());
    out.extend(order.offset.to_le_bytes());
}

fn decode_cell(kind: &Kind, from: &mut Reader<'_>, to: &mut ColumnBuilder) -> Result<(), OperatorError> {
    match from.byte()? {
        ABSENT => to.push_absent(),
        FAULT => to.push_fault(fault_of(from.byte()?)?),
        PRESENT => match kind {
            Kind::Record(record) => {
                if let Some(builders) = to.fields() {
                    for (field, builder) in record.fields.iter().zip(builders) {
                        decode_cell(&field.ty.kind, from, builder)?;
                    }
                }
                to.end_record();
            }
            Kind::String => to.push(Ok(Cell::String(text(from.text()?)?))),
            Kind::Bytes => to.push(Ok(Cell::Bytes(from.text()?))),
            _ => to.push(Ok(decode_value(kind, from)?.as_cell())),
        },
        _ => return Err(OperatorError::State("a cell has an unknown tag")),
    }
    Ok(())
}

fn decode_value(kind: &Kind, from: &mut Reader<'_>) -> Result<Value, OperatorError> {
    let nested = |kind: &Kind, from: &mut Reader<'_>| match from.byte()? {
        ABSENT => Ok(Value::Absent),
        PRESENT => decode_value(kind, from),
        _ => Err(OperatorError::State("a cell has an unknown tag")),
    };
    Ok(match kind {
        Kind::Bool => Value::Bool(from.byte()? != 0),
        Kind::Int | Kind::Date | Kind::Timestamp | Kind::Duration | Kind::Enum(_) => Value::Int(from.i64()?),
        Kind::Float => Value::Float(f64::from_bits(u64::from_le_bytes(from.array()?))),
        Kind::Decimal { .. } => Value::Decimal(i128::from_le_bytes(from.array()?)),
        Kind::String => Value::String(text(from.text()?)?.into()),
        Kind::Bytes => Value::Bytes(from.text()?.into()),
        Kind::List(item) => {
            let count = from.u32()?;
            let cells: Result<Vec<Value>, OperatorError> = (0..count).map(|_| nested(&item.kind, from)).collect();
            Value::List(cells?.into())
        }
        Kind::Record(record) => {
            let cells: Result<Vec<Value>, OperatorError> =
                record.fields.iter().map(|field| nested(&field.ty.kind, from)).collect();
            Value::Record(cells?.into())
        }
    })
}

fn text(bytes: &[u8]) -> Result<&str, OperatorError> {
    std::str::from_utf8(bytes).map_err(|_| OperatorError::State("a text is no UTF-8"))
}

fn fault_code(fault: Fault) -> u8 {
    match fault {
        Fault::Malformed => 0,
        Fault::Overflow => 1,
        Fault::NotFinite => 2,
        Fault::Precision => 3,
        Fault::Conversion => 4,
        Fault::TooLarge => 5,
    }
}

fn fault_of(code: u8) -> Result<Fault, OperatorError> {
    Ok(match code {
        0 => Fault::Malformed,
        1 => Fault::Overflow,
        2 => Fault::NotFinite,
        3 => Fault::Precision,
        4 => Fault::Conversion,
        5 => Fault::TooLarge,
        _ => return Err(OperatorError::State("a cell has an unknown fault")),
    })
}

/// A batch that grows row by row.
#[derive(Debug)]
pub struct BatchBuilder {
    schema: Arc<Schema>,
    columns: Vec<ColumnBuilder>,
    batch: Batch,
}

impl BatchBuilder {
    /// An empty batch of `schema`.
    #[must_use]
    pub fn new(schema: &Arc<Schema>) -> Self {
        let columns = schema.fields.iter().map(|field| ColumnBuilder::new(&field.ty.kind, 0)).collect();
        Self { schema: Arc::clone(schema), columns, batch: Batch::default() }
    }

    /// The number of rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batch.rows
    }

    /// Adds the system columns of a row whose cells follow with [`BatchBuilder::cells`] and the like.
    pub fn begin(&mut self, time: i64, order: Order, weight: i8) {
        self.batch.rows += 1;
        self.batch.time.push(time);
        self.batch.arrived.push(order.arrived);
        self.batch.origin.push(order.origin);
        self.batch.offset.push(order.offset);
        self.batch.weight.push(weight);
    }

    /// As [`BatchBuilder::begin`], with the digest of the events that the row was made of; all rows of a batch have one, or
    /// none.
    pub fn begin_of(&mut self, time: i64, order: Order, weight: i8, lineage: u64) {
        self.begin(time, order, weight);
        self.batch.lineage.push(lineage);
    }

    /// Fills the columns from `start` on with the cells in `row`, which [`encode_row`] wrote.
    ///
    /// # Errors
    ///
    /// When the bytes do not hold cells of those columns.
    pub fn cells(&mut self, start: usize, row: &[u8]) -> Result<(), OperatorError> {
        let mut from = Reader(row);
        let fields = self.schema.fields.iter().zip(&mut self.columns).skip(start);
        for (field, column) in fields {
            if from.0.is_empty() {
                break;
            }
            decode_cell(&field.ty.kind, &mut from, column)?;
        }
        from.end()
    }

    /// Fills the record column `column` with the record whose cells are in `row`, or leaves it absent.
    ///
    /// # Errors
    ///
    /// When the bytes do not hold cells of that record.
    pub fn record(&mut self, column: usize, row: Option<&[u8]>) -> Result<(), OperatorError> {
        let (Some(field), Some(to)) = (self.schema.fields.get(column), self.columns.get_mut(column)) else {
            return Err(OperatorError::Wiring("a join has no column for its right side"));
        };
        let (Some(row), Kind::Record(record)) = (row, &field.ty.kind) else {
            to.push_absent();
            return Ok(());
        };
        let mut from = Reader(row);
        for (field, builder) in record.fields.iter().zip(to.fields().unwrap_or_default()) {
            decode_cell(&field.ty.kind, &mut from, builder)?;
        }
        to.end_record();
        from.end()
    }

    /// Fills column `column` with one cell.
    pub fn cell(&mut self, column: usize, cell: Result<Cell<'_>, Fault>) {
        if let Some(builder) = self.columns.get_mut(column) {
            builder.push(cell);
        }
    }

    /// The batch; columns that got no cell for a row are absent there.
    #[must_use]
    pub fn finish(self) -> Batch {
        let rows = self.batch.rows;
        let columns = self
            .columns
            .into_iter()
            .map(|mut column| {
                while column.rows() < rows {
                    column.push_absent();
                }
                column.finish()
            })
            .collect();
        Batch { columns, ..self.batch }
    }
}
