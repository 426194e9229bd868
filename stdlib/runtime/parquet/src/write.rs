//! Writing Parquet.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::{ByteArray, FixedLenByteArray};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{Type, TypePtr};
use flow_core::column::Column;
use flow_core::text::write_text;
use flow_core::types::{Field, Kind, Schema};
use flow_core::value::Cell;

use flow_formats::FormatError;

/// Writes batches of one flat schema to a file, each batch a row group.
///
/// `int` and `duration` are 64-bit integers, `decimal` 16 bytes with its precision and scale, `date` and `timestamp` (in
/// UTC, microseconds) have their logical types, an enumeration is its member's name.
pub struct ParquetWriter {
    path: PathBuf,
    schema: Schema,
    writer: SerializedFileWriter<File>,
}

impl std::fmt::Debug for ParquetWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ParquetWriter {
    /// Creates the file, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// If the schema has a list or a record, or the file cannot be created.
    pub fn create(path: &Path, schema: &Schema) -> Result<Self, FormatError> {
        let group = parquet_schema(schema).map_err(|message| FormatError::new(path, message))?;
        let file = File::create(path).map_err(|error| FormatError::new(path, format!("cannot be created: {error}")))?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(file, group, Arc::new(properties))
            .map_err(|error| FormatError::new(path, error))?;
        Ok(Self { path: path.to_owned(), schema: schema.clone(), writer })
    }

    /// Writes `columns`, one a field of the schema, all of the same length and with cells only that are no faults.
    ///
    /// # Errors
    ///
    /// If a cell is a fault, or absent in a field without `?`; or the file cannot be written.
    pub fn write(&mut self, columns: &[Column]) -> Result<(), FormatError> {
        self.group(columns).map_err(|error| FormatError::new(&self.path, error))
    }

    /// Writes the end of the file.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn finish(self) -> Result<(), FormatError> {
        let path = self.path;
        self.writer.close().map(|_| ()).map_err(|error| FormatError::new(&path, error))
    }

    fn group(&mut self, columns: &[Column]) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for (field, column) in self.schema.fields.iter().zip(columns) {
            let Some(mut writer) = group.next_column()? else { break };
            write_column(writer.untyped(), field, column)?;
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

fn parquet_schema(schema: &Schema) -> Result<TypePtr, String> {
    let fields = schema.fields.iter().map(|field| {
        let repetition = if field.ty.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let (physical, logical) = match &field.ty.kind {
            Kind::Bool => (Physical::BOOLEAN, None),
            Kind::Int | Kind::Duration => (Physical::INT64, None),
            Kind::Float => (Physical::DOUBLE, None),
            Kind::Decimal { precision, scale } => {
                (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(i32::from(*scale), i32::from(*precision))))
            }
            Kind::String | Kind::Enum(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Bytes => (Physical::BYTE_ARRAY, None),
            Kind::Date => (Physical::INT32, Some(LogicalType::Date)),
            Kind::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
            Kind::List(_) | Kind::Record(_) => {
                return Err(format!("column `{}` is nested; select its parts as columns of their own", field.name));
            }
        };
        let mut builder = Type::primitive_type_builder(&field.name, physical)
            .with_repetition(repetition)
            .with_converted_type(ConvertedType::NONE)
            .with_logical_type(logical);
        if let Kind::Decimal { precision, scale } = &field.ty.kind {
            builder = builder.with_length(16).with_precision(i32::from(*precision)).with_scale(i32::from(*scale));
        }
        builder.build().map(Arc::new).map_err(|error| error.to_string())
    });
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder("rows").with_fields(fields).build().map(Arc::new).map_err(|error| error.to_string())
}

fn write_column(writer: &mut ColumnWriter<'_>, field: &Field, column: &Column) -> Result<(), ParquetError> {
    let mut levels = Vec::new();
    let mut cells = Vec::new();
    for row in 0..column.rows() {
        match column.cell(row) {
            Ok(Cell::Absent) if field.ty.optional => levels.push(0),
            Ok(Cell::Absent) => return Err(bad(field, "a cell is absent")),
            Ok(cell) => {
                levels.push(1);
                cells.push(cell);
            }
            Err(fault) => return Err(bad(field, &fault.to_string())),
        }
    }
    let levels = field.ty.optional.then_some(levels.as_slice());
    let wrong = || bad(field, "a cell is of another type");
    let bytes = |cell: &Cell<'_>| {
        let mut text = Vec::new();
        match cell {
            Cell::Bytes(bytes) => text.extend_from_slice(bytes),
            cell => write_text(&mut text, *cell, &field.ty.kind),
        }
        ByteArray::from(text)
    };
    macro_rules! write {
        ($writer:expr, $cell:pat => $value:expr) => {{
            let values: Option<Vec<_>> =
                cells.iter().map(|cell| if let $cell = cell { $value } else { None }).collect();
            $writer.write_batch(&values.ok_or_else(wrong)?, levels, None)?
        }};
    }
    match writer {
        ColumnWriter::BoolColumnWriter(writer) => write!(writer, Cell::Bool(cell) => Some(*cell)),
        ColumnWriter::Int32ColumnWriter(writer) => write!(writer, Cell::Int(cell) => i32::try_from(*cell).ok()),
        ColumnWriter::Int64ColumnWriter(writer) => write!(writer, Cell::Int(cell) => Some(*cell)),
        ColumnWriter::DoubleColumnWriter(writer) => write!(writer, Cell::Float(cell) => Some(*cell)),
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            let values: Vec<ByteArray> = cells.iter().map(bytes).collect();
            writer.write_batch(&values, levels, None)?
        }
        ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
            write!(writer, Cell::Decimal(cell) => {
                Some(FixedLenByteArray::from(ByteArray::from(cell.to_be_bytes().to_vec())))
            })
        }
        ColumnWriter::Int96ColumnWriter(_) | ColumnWriter::FloatColumnWriter(_) => return Err(wrong()),
    };
    Ok(())
}

fn bad(field: &Field, what: &str) -> ParquetError {
    ParquetError::General(format!("column `{}`: {what}", field.name))
}
