//! Rows of Parquet as JSON objects: the form in which dead letters keep them and in which every other record is decoded.
//! All cells keep their exact value on the way.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::DataType as ParquetType;
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::schema::types::ColumnDescriptor;
use flow_core::calendar::{write_date, write_timestamp};
use flow_core::convert::{write_decimal, write_float};
use flow_core::json::write_string;
use flow_core::text::write_base64;
use flow_core::types::{Field, Kind};

use flow_formats::file::{Next, unreadable};
use flow_formats::{FormatError, Records};

/// The rows of one file; a row group at a time is in memory.
pub(crate) struct Rows {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    /// Columns of bytes without a meaning of their own that are read as text.
    texts: BTreeSet<String>,
    next_group: usize,
    /// The rows of the current group as JSON texts.
    text: Arc<Vec<u8>>,
    views: Vec<(usize, usize)>,
    given: usize,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("path", &self.path).field("next_group", &self.next_group).finish_non_exhaustive()
    }
}

/// The JSON values of one column, one after the other.
#[derive(Default)]
struct Values {
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// What the numbers and bytes of a column stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Plain,
    Bytes,
    Unsigned,
    Text,
    Uuid,
    /// An IEEE float of two bytes, the lower one first.
    Half,
    Decimal(u8),
    Date,
    /// Microseconds in one unit, and units in one microsecond.
    Timestamp(i64, i64),
}

impl Records for Rows {
    fn next_records(&mut self, limit: usize) -> Option<Next> {
        self.next(limit)
    }
}

impl Rows {
    pub(crate) fn new(path: &Path, fields: &[Field]) -> Result<Self, FormatError> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let reader = SerializedFileReader::new(file).map_err(|error| broken(path, &error))?;
        let nested =
            reader.metadata().file_metadata().schema_descr().columns().iter().find(|column| {
                column.max_rep_level() > 0 || column.max_def_level() > 1 || column.path().parts().len() > 1
            });
        if let Some(column) = nested {
            let name = column.path().string();
            return Err(FormatError::new(path, format!("column `{name}` is nested; write the file with flat columns")));
        }
        let (text, views) = (Arc::default(), Vec::new());
        let texts =
            fields.iter().filter(|field| field.ty.kind != Kind::Bytes).map(|field| field.name.clone()).collect();
        Ok(Self { path: path.to_owned(), reader, texts, next_group: 0, text, views, given: 0 })
    }

    /// At most `limit` rows; `None` at the end.
    fn next(&mut self, limit: usize) -> Option<Next> {
        while self.given >= self.views.len() {
            if self.next_group >= self.reader.num_row_groups() {
                return None;
            }
            let loaded = self.load(self.next_group);
            self.next_group += 1;
            if let Err(error) = loaded {
                self.next_group = usize::MAX;
                return Some(Err(broken(&self.path, &error)));
            }
        }
        let end = self.given.saturating_add(limit).min(self.views.len());
        let views = self.views.get(self.given..end).unwrap_or(&[]).to_vec();
        self.given = end;
        Some(Ok((Arc::clone(&self.text), views)))
    }

    fn load(&mut self, group: usize) -> Result<(), ParquetError> {
        let group = self.reader.get_row_group(group)?;
        let metadata = group.metadata();
        let rows = usize::try_from(metadata.num_rows())
            .map_err(|_| ParquetError::General("a row group has a negative number of rows".to_owned()))?;
        let mut columns = Vec::new();
        for (index, column) in metadata.columns().iter().enumerate() {
            let descriptor = column.column_descr();
            let mut key = Vec::new();
            write_string(&mut key, descriptor.name());
            key.push(b':');
            let meaning = match meaning(descriptor) {
                Meaning::Plain if self.texts.contains(descriptor.name()) => Meaning::Text,
                Meaning::Uuid if !self.texts.contains(descriptor.name()) => Meaning::Bytes,
                meaning => meaning,
            };
            columns.push((key, values(group.get_column_reader(index)?, descriptor, meaning, rows)?));
        }
        let mut text = Vec::new();
        self.views.clear();
        self.given = 0;
        for row in 0..rows {
            let start = text.len();
            text.push(b'{');
            for (index, (key, values)) in columns.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(key);
                text.extend_from_slice(values.get(row));
            }
            text.push(b'}');
            self.views.push((start, text.len()));
        }
        self.text = Arc::new(text);
        Ok(())
    }
}

fn broken(path: &Path, error: &ParquetError) -> FormatError {
    FormatError::new(path, format!("is no readable Parquet file: {error}"))
}

impl Values {
    fn get(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(row).and_then(|end| self.text.get(start..*end)).unwrap_or(b"null")
    }
}

fn meaning(column: &ColumnDescriptor) -> Meaning {
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp(timestamp)) => {
            return match timestamp.unit {
                TimeUnit::MILLIS => Meaning::Timestamp(1_000, 1),
                TimeUnit::MICROS => Meaning::Timestamp(1, 1),
                TimeUnit::NANOS => Meaning::Timestamp(1, 1_000),
            };
        }
        Some(LogicalType::Float16) => return Meaning::Half,
        // What these bytes mean is said, and is no text.
        Some(LogicalType::Uuid) => return Meaning::Uuid,
        Some(LogicalType::Bson) => return Meaning::Bytes,
        Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) => return Meaning::Text,
        _ => {}
    }
    match column.converted_type() {
        ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => Meaning::Text,
        ConvertedType::DECIMAL => Meaning::Decimal(u8::try_from(column.type_scale()).unwrap_or(u8::MAX)),
        ConvertedType::BSON | ConvertedType::INTERVAL => Meaning::Bytes,
        ConvertedType::DATE => Meaning::Date,
        ConvertedType::TIMESTAMP_MILLIS => Meaning::Timestamp(1_000, 1),
        ConvertedType::TIMESTAMP_MICROS => Meaning::Timestamp(1, 1),
        ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
            Meaning::Unsigned
        }
        _ => Meaning::Plain,
    }
}

fn values(
    reader: ColumnReader,
    column: &ColumnDescriptor,
    meaning: Meaning,
    rows: usize,
) -> Result<Values, ParquetError> {
    let optional = column.max_def_level() > 0;
    match reader {
        ColumnReader::BoolColumnReader(reader) => each(reader, rows, optional, |out, value| {
            out.extend_from_slice(if *value { b"true" } else { b"false" });
        }),
        ColumnReader::Int32ColumnReader(reader) => each(reader, rows, optional, |out, value| {
            let value = if meaning == Meaning::Unsigned { value.cast_unsigned().into() } else { i64::from(*value) };
            integer(out, value, meaning);
        }),
        ColumnReader::Int64ColumnReader(reader) => each(reader, rows, optional, |out, value| match meaning {
            Meaning::Unsigned => {
                out.extend_from_slice(value.cast_unsigned().to_string().as_bytes());
            }
            _ => integer(out, *value, meaning),
        }),
        ColumnReader::Int96ColumnReader(reader) => {
            each(reader, rows, optional, |out, value| integer(out, value.to_micros(), Meaning::Timestamp(1, 1)))
        }
        ColumnReader::FloatColumnReader(reader) => each(reader, rows, optional, |out, value| {
            float(out, f64::from(*value));
        }),
        ColumnReader::DoubleColumnReader(reader) => each(reader, rows, optional, |out, value| {
            float(out, *value);
        }),
        ColumnReader::ByteArrayColumnReader(reader) => {
            each(reader, rows, optional, |out, value| bytes(out, value.data(), meaning))
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            each(reader, rows, optional, |out, value| bytes(out, value.data(), meaning))
        }
    }
}

/// Reads `rows` values of a column and writes each as JSON, `null` for the absent ones.
fn each<T: ParquetType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    optional: bool,
    mut write: impl FnMut(&mut Vec<u8>, &T::T),
) -> Result<Values, ParquetError> {
    let mut all = Values::default();
    while all.ends.len() < rows {
        let (mut cells, mut levels) = (Vec::new(), Vec::new());
        let left = rows - all.ends.len();
        let (records, _, _) =
            reader.read_records(left, if optional { Some(&mut levels) } else { None }, None, &mut cells)?;
        if records == 0 {
            return Err(ParquetError::EOF("a column has fewer values than its row group rows".to_owned()));
        }
        let mut cells = cells.iter();
        for record in 0..records {
            let present = !optional || levels.get(record).is_some_and(|level| *level > 0);
            match if present { cells.next() } else { None } {
                Some(cell) => write(&mut all.text, cell),
                None => all.text.extend_from_slice(b"null"),
            }
            all.ends.push(all.text.len());
        }
    }
    Ok(all)
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

fn integer(out: &mut Vec<u8>, value: i64, meaning: Meaning) {
    match meaning {
        Meaning::Decimal(scale) => quoted(out, |out| write_decimal(out, value.into(), scale)),
        Meaning::Date => quoted(out, |out| write_date(out, value)),
        Meaning::Timestamp(times, per) => match value.checked_mul(times) {
            Some(micros) => quoted(out, |out| write_timestamp(out, micros.div_euclid(per))),
            // No instant: a text that no field of instants takes, a bad cell.
            None => quoted(out, |out| out.extend_from_slice(value.to_string().as_bytes())),
        },
        _ => out.extend_from_slice(value.to_string().as_bytes()),
    }
}

/// A float that is not finite becomes a text, which no field takes: a bad cell.
fn float(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() { write_float(out, value) } else { quoted(out, |out| write_float(out, value)) }
}

fn bytes(out: &mut Vec<u8>, value: &[u8], meaning: Meaning) {
    match meaning {
        Meaning::Decimal(scale) => match mantissa(value) {
            Some(mantissa) => quoted(out, |out| write_decimal(out, mantissa, scale)),
            // More than any decimal holds is written, too: it is out of range, and not unreadable.
            None => quoted(out, |out| write_wide(out, value, scale)),
        },
        Meaning::Text => match std::str::from_utf8(value) {
            Ok(text) => write_string(out, text),
            // No text: the record keeps the bytes and will be refused.
            Err(_) => quoted(out, |out| out.extend_from_slice(value)),
        },
        Meaning::Uuid => quoted(out, |out| write_uuid(out, value)),
        Meaning::Half => match value {
            [low, high] => float(out, half(u16::from_le_bytes([*low, *high]))),
            _ => quoted(out, |out| write_base64(out, value)),
        },
        _ => quoted(out, |out| write_base64(out, value)),
    }
}

/// A UUID as it is written: small hexadecimal digits in groups.
fn write_uuid(out: &mut Vec<u8>, value: &[u8]) {
    for (place, byte) in value.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
}

/// The value of an IEEE float of 16 bits.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * f64::powi(2.0, -24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * f64::powi(2.0, exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// A big-endian number in two's complement of any length, with `scale` digits behind the point.
fn write_wide(out: &mut Vec<u8>, bytes: &[u8], scale: u8) {
    let is_negative = bytes.first().is_some_and(|byte| *byte >= 128);
    // The digits of its size, the last one first: each byte makes of what there is 256 times as much, and itself.
    let mut digits = vec![0u16];
    let mut put = |byte: u16, times: u16| {
        let mut carry = byte;
        for digit in &mut digits {
            carry += *digit * times;
            *digit = carry % 10;
            carry /= 10;
        }
        while carry > 0 {
            digits.push(carry % 10);
            carry /= 10;
        }
    };
    for byte in bytes {
        put(u16::from(if is_negative { !*byte } else { *byte }), 256);
    }
    if is_negative {
        put(1, 1);
        out.push(b'-');
    }
    let scale = usize::from(scale);
    digits.resize(digits.len().max(scale + 1), 0);
    for (place, digit) in digits.iter().enumerate().rev() {
        out.extend_from_slice(digit.to_string().as_bytes());
        if place == scale && scale > 0 {
            out.push(b'.');
        }
    }
}

/// A big-endian number in two's complement.
fn mantissa(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|byte| *byte >= 128);
    let filler = if negative { 255 } else { 0 };
    let significant = bytes.iter().take_while(|byte| **byte == filler).count();
    let rest = bytes.get(significant..)?;
    if rest.len() > 16 {
        return None;
    }
    let mut all = [filler; 16];
    all.get_mut(16 - rest.len()..)?.copy_from_slice(rest);
    let value = i128::from_be_bytes(all);
    ((value < 0) == negative).then_some(value)
}
