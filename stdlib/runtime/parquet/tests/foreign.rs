//! Files of other writers: each physical and logical type is read as the JSON that stands for it, or refused by name.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_core::builder::ColumnBuilder;
use flow_core::column::Column;
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::Value;
use flow_parquet::{ParquetWriter, open};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("foreign-{name}.parquet"))
}

/// A file of one row group for each call of `write`, which is given the writers of the columns in order.
fn file(name: &str, columns: &str, groups: usize, write: &dyn Fn(usize, usize, &mut ColumnWriter<'_>)) -> PathBuf {
    file_with(WriterProperties::builder().build(), name, columns, groups, write)
}

fn file_with(
    properties: WriterProperties,
    name: &str,
    columns: &str,
    groups: usize,
    write: &dyn Fn(usize, usize, &mut ColumnWriter<'_>),
) -> PathBuf {
    let path = place(name);
    let schema = Arc::new(parse_message_type(&format!("message rows {{ {columns} }}")).unwrap());
    let properties = Arc::new(properties);
    let mut writer = SerializedFileWriter::new(File::create(&path).unwrap(), schema, properties).unwrap();
    for group in 0..groups {
        let mut rows = writer.next_row_group().unwrap();
        let mut index = 0;
        while let Some(mut column) = rows.next_column().unwrap() {
            write(group, index, column.untyped());
            column.close().unwrap();
            index += 1;
        }
        rows.close().unwrap();
    }
    writer.close().unwrap();
    path
}

/// The records of a file, so many at a time, and how many came at once.
fn records(path: &Path, limit: usize) -> (Vec<String>, Vec<usize>) {
    records_as(&[], path, limit)
}

fn records_as(fields: &[Field], path: &Path, limit: usize) -> (Vec<String>, Vec<usize>) {
    let mut rows = open(path, fields).unwrap();
    let (mut all, mut sizes) = (Vec::new(), Vec::new());
    while let Some(next) = rows.next_records(limit) {
        let (text, views) = next.unwrap();
        sizes.push(views.len());
        let record =
            |(start, end): &(usize, usize)| String::from_utf8_lossy(text.get(*start..*end).unwrap()).into_owned();
        all.extend(views.iter().map(record));
    }
    (all, sizes)
}

/// What one column of that type reads as.
fn column(name: &str, ty: &str, write: &dyn Fn(&mut ColumnWriter<'_>)) -> Vec<String> {
    column_as(&[], name, ty, write)
}

/// The same, for a field of a kind.
fn column_as(fields: &[Field], name: &str, ty: &str, write: &dyn Fn(&mut ColumnWriter<'_>)) -> Vec<String> {
    let path = file(name, &format!("required {ty};"), 1, &|_, _, column| write(column));
    let cell = |record: String| record.strip_prefix("{\"x\":").unwrap().strip_suffix('}').unwrap().to_owned();
    records_as(fields, &path, 100).0.into_iter().map(cell).collect()
}

fn int32(values: &[i32]) -> impl Fn(&mut ColumnWriter<'_>) {
    move |column| match column {
        ColumnWriter::Int32ColumnWriter(writer) => assert!(writer.write_batch(values, None, None).is_ok()),
        _ => unreachable!("a column of another type"),
    }
}

fn int64(values: &[i64]) -> impl Fn(&mut ColumnWriter<'_>) {
    move |column| match column {
        ColumnWriter::Int64ColumnWriter(writer) => assert!(writer.write_batch(values, None, None).is_ok()),
        _ => unreachable!("a column of another type"),
    }
}

fn bytes(values: &[&[u8]]) -> impl Fn(&mut ColumnWriter<'_>) {
    move |column| {
        let values = || values.iter().map(|value| ByteArray::from(value.to_vec()));
        match column {
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                assert!(writer.write_batch(&values().collect::<Vec<_>>(), None, None).is_ok());
            }
            ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
                let values: Vec<FixedLenByteArray> = values().map(FixedLenByteArray::from).collect();
                assert!(writer.write_batch(&values, None, None).is_ok());
            }
            _ => unreachable!("a column of another type"),
        }
    }
}

#[test]
fn numbers_of_every_width() {
    assert_eq!(column("int8", "int32 x (INTEGER(8,true))", &int32(&[-128, 127])), ["-128", "127"]);
    assert_eq!(column("int32", "int32 x", &int32(&[i32::MIN, i32::MAX])), ["-2147483648", "2147483647"]);
    let wide = ["-9223372036854775808", "9223372036854775807"];
    assert_eq!(column("int64", "int64 x", &int64(&[i64::MIN, i64::MAX])), wide);
    // The bits of an unsigned number are its own.
    assert_eq!(column("uint32", "int32 x (INTEGER(32,false))", &int32(&[-1, 7])), ["4294967295", "7"]);
    assert_eq!(column("uint64", "int64 x (INTEGER(64,false))", &int64(&[-1, 7])), ["18446744073709551615", "7"]);
    let float = |column: &mut ColumnWriter<'_>| match column {
        ColumnWriter::FloatColumnWriter(writer) => {
            assert!(writer.write_batch(&[0.5, f32::NAN, f32::NEG_INFINITY], None, None).is_ok());
        }
        _ => unreachable!("a column of another type"),
    };
    // What is no number of JSON is a text there, which no `float` takes.
    assert_eq!(column("float", "float x", &float), ["0.5", "\"NaN\"", "\"-inf\""]);
    let flags = |column: &mut ColumnWriter<'_>| match column {
        ColumnWriter::BoolColumnWriter(writer) => assert!(writer.write_batch(&[true, false], None, None).is_ok()),
        _ => unreachable!("a column of another type"),
    };
    assert_eq!(column("bool", "boolean x", &flags), ["true", "false"]);
}

#[test]
fn instants_in_every_unit() {
    let half = "\"1970-01-01T00:00:01.500Z\"";
    let before = "\"1969-12-31T23:59:59.999999Z\"";
    for (name, ty, values, expected) in [
        ("millis", "int64 x (TIMESTAMP(MILLIS,true))", [1_500, 0], [half, "\"1970-01-01T00:00:00Z\""]),
        ("micros", "int64 x (TIMESTAMP(MICROS,true))", [1_500_000, -1], [half, before]),
        // Nanoseconds are cut to the microsecond in which they lie, also before 1970.
        ("nanos", "int64 x (TIMESTAMP(NANOS,true))", [1_500_000_999, -1], [half, before]),
        ("old-millis", "int64 x (TIMESTAMP_MILLIS)", [1_500, 0], [half, "\"1970-01-01T00:00:00Z\""]),
        ("old-micros", "int64 x (TIMESTAMP_MICROS)", [1_500_000, -1], [half, before]),
    ] {
        assert_eq!(column(name, ty, &int64(&values)), expected, "{name}");
    }
    assert_eq!(column("date", "int32 x (DATE)", &int32(&[-1, 1])), ["\"1969-12-31\"", "\"1970-01-02\""]);
    let stamps = |column: &mut ColumnWriter<'_>| match column {
        ColumnWriter::Int96ColumnWriter(writer) => {
            let mut stamp = Int96::new();
            // 1.5 s into the day whose Julian number is 2440589: 1970-01-02.
            stamp.set_data(1_500_000_000, 0, 2_440_589);
            assert!(writer.write_batch(&[stamp], None, None).is_ok());
        }
        _ => unreachable!("a column of another type"),
    };
    assert_eq!(column("int96", "int96 x", &stamps), ["\"1970-01-02T00:00:01.500Z\""]);
    // What no instant is becomes a text that none is: a bad cell, and not the end of the file.
    assert_eq!(
        column("far", "int64 x (TIMESTAMP(MILLIS,true))", &int64(&[i64::MAX, 1_500])),
        ["\"9223372036854775807\"", half]
    );
}

#[test]
fn nothing_is_read_behind_a_row_group_that_cannot_be_read() {
    let path = file("broken", "required int64 x;", 2, &|_, _, column| int64(&[1, 2])(column));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4..12].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let mut rows = open(&path, &[]).unwrap();
    let error = rows.next_records(1).unwrap().unwrap_err();
    assert!(error.message.starts_with("is no readable Parquet file: "), "{error}");
    assert!(rows.next_records(1).is_none());
}

#[test]
fn decimals_on_every_carrier() {
    assert_eq!(column("d32", "int32 x (DECIMAL(9,2))", &int32(&[-5, 1_050])), ["\"-0.05\"", "\"10.50\""]);
    assert_eq!(column("d64", "int64 x (DECIMAL(18,3))", &int64(&[-5, 1_050])), ["\"-0.005\"", "\"1.050\""]);
    let (minus, plus) = (&[0xff, 0x7f][..], &[0x00, 0x81][..]);
    assert_eq!(column("d-bytes", "binary x (DECIMAL(9,2))", &bytes(&[minus, plus])), ["\"-1.29\"", "\"1.29\""]);
    assert_eq!(
        column("d-fixed", "fixed_len_byte_array(2) x (DECIMAL(4,2))", &bytes(&[minus, plus])),
        ["\"-1.29\"", "\"1.29\""]
    );
    // Seventeen bytes, of which the first only carries the sign on.
    let mut wide = vec![0u8];
    wide.extend_from_slice(&(10i128.pow(38) - 1).to_be_bytes());
    let nines = format!("\"{}\"", "9".repeat(38));
    assert_eq!(column("d-wide", "fixed_len_byte_array(17) x (DECIMAL(38,0))", &bytes(&[&wide])), [nines]);
    wide[0] = 1;
    // More digits than a decimal has are written as they are, and so are those of a first bit that is no sign: 2^127 is
    // not −2^127. The rows behind are read.
    let mut one = [0; 17];
    one[16] = 1;
    let mut sign = [0; 17];
    sign[1] = 0x80;
    assert_eq!(
        column("d-long", "fixed_len_byte_array(17) x (DECIMAL(38,2))", &bytes(&[&wide, &one, &sign, &[0xff; 17]])),
        [
            "\"4402823669209384634633746074317682114.55\"".to_owned(),
            "\"0.01\"".to_owned(),
            "\"1701411834604692317316873037158841057.28\"".to_owned(),
            "\"-0.01\"".to_owned()
        ]
    );
    let mut least = [0; 32];
    least[0] = 0x80;
    let digits = "-57896044618658097711785492504343953926634992332820282019728792003956564819968";
    assert_eq!(
        column("d-256", "fixed_len_byte_array(32) x (DECIMAL(76,0))", &bytes(&[&least])),
        [format!("\"{digits}\"")]
    );
}

#[test]
fn texts_and_bytes() {
    let values: [&[u8]; 2] = ["é\"\n".as_bytes(), b""];
    for (name, ty) in [("string", "STRING"), ("utf8", "UTF8"), ("enum", "ENUM"), ("json", "JSON")] {
        let found = column(name, &format!("binary x ({ty})"), &bytes(&values));
        assert_eq!(found, ["\"é\\\"\\n\"", "\"\""], "{name}");
    }
    assert_eq!(column("binary", "binary x", &bytes(&[b"foo"])), ["\"Zm9v\""]);
    assert_eq!(column("fixed", "fixed_len_byte_array(3) x", &bytes(&[b"foo"])), ["\"Zm9v\""]);
    // What does not say that it is text is, where text is wanted; other bytes are none.
    let field = |kind: Kind| [Field { name: "x".to_owned(), ty: DataType::required(kind) }];
    for (kind, told) in [(Kind::String, "\"foo\""), (Kind::Date, "\"foo\""), (Kind::Bytes, "\"Zm9v\"")] {
        assert_eq!(column_as(&field(kind.clone()), "untold", "binary x", &bytes(&[b"foo"])), [told], "{kind:?}");
        let fixed = column_as(&field(kind), "untold-fixed", "fixed_len_byte_array(3) x", &bytes(&[b"foo"]));
        assert_eq!(fixed, [told]);
    }
    let text = field(Kind::String);
    assert_eq!(column_as(&text, "no-text", "binary x", &bytes(&[b"a\xff"])), ["\"a\u{fffd}\""]);
}

#[test]
fn identifiers_are_written_as_they_are_where_text_is_wanted() {
    let cell: Vec<u8> = (0..16).map(|byte| byte * 16 + 15 - byte).collect();
    for (kind, told) in
        [(Kind::String, "\"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\""), (Kind::Bytes, "\"Dx4tPEtaaXiHlqW0w9Lh8A==\"")]
    {
        let field = [Field { name: "x".to_owned(), ty: DataType::required(kind) }];
        let uuid = column_as(&field, "uuid", "fixed_len_byte_array(16) x (UUID)", &bytes(&[&cell]));
        assert_eq!(uuid, [told]);
    }
}

#[test]
fn floats_of_two_bytes() {
    let halves = [0x3c00u16, 0xc100, 0x0001, 0x8000, 0x7bff, 0x7c00, 0xfe00].map(u16::to_le_bytes);
    let cells: Vec<&[u8]> = halves.iter().map(|half| half.as_slice()).collect();
    let told = column("half", "fixed_len_byte_array(2) x (FLOAT16)", &bytes(&cells));
    assert_eq!(told[..5], ["1.0", "-2.5", "5.960464477539063e-8", "-0.0", "65504.0"]);
    // What is not finite is a text, which no field of numbers takes.
    assert!(told[5..].iter().all(|told| told.starts_with('"')), "{told:?}");
}

#[test]
fn absent_values_stand_where_they_stood() {
    let path = file("absent", "optional int64 x; required int32 y;", 1, &|_, index, column| match (index, column) {
        (0, ColumnWriter::Int64ColumnWriter(writer)) => {
            assert!(writer.write_batch(&[1, 2], Some(&[0, 1, 0, 1, 0]), None).is_ok());
        }
        (_, column) => int32(&[10, 20, 30, 40, 50])(column),
    });
    let expected =
        [(None, 10), (Some(1), 20), (None, 30), (Some(2), 40), (None, 50)].map(|(x, y): (Option<i64>, i32)| {
            format!("{{\"x\":{},\"y\":{y}}}", x.map_or("null".to_owned(), |x| x.to_string()))
        });
    assert_eq!(records(&path, 100).0, expected);
}

#[test]
fn row_groups_follow_each_other_in_parts_that_are_asked_for() {
    let path = file("groups", "required int64 x;", 3, &|group, _, column| {
        let first = [0, 3, 3][group];
        let count = [3, 0, 2][group];
        int64(&(first..first + count).collect::<Vec<i64>>())(column);
    });
    let expected: Vec<String> = (0..5).map(|x| format!("{{\"x\":{x}}}")).collect();
    for (limit, sizes) in [(2, vec![2, 1, 2]), (3, vec![3, 2]), (100, vec![3, 2]), (1, vec![1; 5])] {
        assert_eq!(records(&path, limit), (expected.clone(), sizes), "{limit} at a time");
    }
}

#[test]
fn files_are_read_however_they_are_compressed() {
    let values: Vec<i64> = (0..1_000).map(|value| value % 7).collect();
    let expected: Vec<String> = values.iter().map(|value| format!("{{\"x\":{value}}}")).collect();
    for (name, compression) in [
        ("plain", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("gzip", Compression::GZIP(GzipLevel::default())),
        ("zstd", Compression::ZSTD(ZstdLevel::default())),
    ] {
        let properties = WriterProperties::builder().set_compression(compression).build();
        let path = file_with(properties, name, "required int64 x;", 1, &|_, _, column| int64(&values)(column));
        assert_eq!(records(&path, 1_000).0, expected, "{name}");
    }
}

#[test]
fn nested_columns_are_refused_by_name() {
    for (name, columns, refused) in [
        ("group", "required group a { required int64 b; }", "a.b"),
        ("repeated", "repeated int64 a;", "a"),
        ("deep", "required int64 ok; optional group a { optional int64 b; }", "a.b"),
    ] {
        let path = file(name, columns, 0, &|_, _, _| {});
        let error = open(&path, &[]).unwrap_err();
        let expected = format!("column `{refused}` is nested; write the file with flat columns");
        assert_eq!(error.message, expected);
        assert_eq!(error.path, path);
    }
    let rows = open(&file("flat", "required int64 ok; optional int64 a;", 0, &|_, _, _| {}), &[]);
    assert!(rows.unwrap().next_records(1).is_none());
}

/// One column of that type with one cell, or the message of its refusal.
fn written(name: &str, ty: DataType, cell: &Value) -> Result<Vec<String>, String> {
    let path = place(&format!("own-{name}"));
    let mut builder = ColumnBuilder::new(&ty.kind, 1);
    builder.push_value(Ok(cell));
    let columns: [Column; 1] = [builder.finish()];
    let schema = Schema { fields: vec![Field { name: "x".to_owned(), ty }] };
    let mut writer = ParquetWriter::create(&path, &schema).map_err(|error| error.message)?;
    writer.write(&columns).map_err(|error| error.message)?;
    writer.finish().map_err(|error| error.message)?;
    Ok(records(&path, 10).0)
}

#[test]
fn what_cannot_be_written_is_named() {
    let missing = written("missing", DataType::required(Kind::Int), &Value::Absent);
    assert!(missing.as_ref().is_err_and(|message| message.contains("column `x`: a cell is absent")), "{missing:?}");
    assert_eq!(written("absent", DataType::optional(Kind::Int), &Value::Absent).unwrap(), ["{\"x\":null}"]);
    let far = written("far", DataType::required(Kind::Date), &Value::Int(1 << 40));
    assert!(far.as_ref().is_err_and(|message| message.contains("column `x`: a cell is of another type")), "{far:?}");
    let list = Kind::List(Arc::new(DataType::required(Kind::Int)));
    let nested = written("nested", DataType::required(list), &Value::List(Vec::new().into()));
    assert_eq!(nested.unwrap_err(), "column `x` is nested; select its parts as columns of their own");
}

/// Other readers are told that instants are those of UTC, and what texts and decimals are.
#[test]
fn columns_say_what_they_are() {
    let money = Kind::Decimal { precision: 12, scale: 2 };
    for (name, kind, cell, expected) in [
        ("at", Kind::Timestamp, Value::Int(0), "required int64 x (timestamp(micros,true))"),
        ("on", Kind::Date, Value::Int(0), "required int32 x (date)"),
        ("text", Kind::String, Value::String("a".into()), "required byte_array x (string)"),
        ("money", money, Value::Decimal(1), "required fixed_len_byte_array (16) x (decimal(12,2))"),
        ("bytes", Kind::Bytes, Value::Bytes(b"a".as_slice().into()), "required byte_array x"),
        ("span", Kind::Duration, Value::Int(1), "required int64 x"),
    ] {
        written(name, DataType::required(kind), &cell).unwrap();
        let file = File::open(place(&format!("own-{name}"))).unwrap();
        let reader = parquet::file::serialized_reader::SerializedFileReader::new(file).unwrap();
        let mut told = Vec::new();
        let metadata = parquet::file::reader::FileReader::metadata(&reader).file_metadata();
        parquet::schema::printer::print_schema(&mut told, metadata.schema());
        let told = String::from_utf8(told).unwrap().to_lowercase();
        assert!(told.contains(&format!("{expected};")), "{name}: {told}");
    }
}
