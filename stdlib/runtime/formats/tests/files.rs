//! Files and folders: what is written is read, byte for byte and row for row.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use flow_core::builder::ColumnBuilder;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::types::{DataType, EnumType, Field, Kind, Schema};
use flow_core::value::Value;
use flow_formats::FormatError;
use flow_formats::file::Reader;
use flow_formats::file::read;
use flow_formats::{Decoder, Format, RawRows, RowEncoder};
use flow_parquet::ParquetWriter;
use proptest::prelude::*;

/// Files, with those of Parquet among them.
fn opened(path: &Path, format: Option<Format>, limit: usize) -> Result<Reader, FormatError> {
    Ok(flow_formats::open(path, format, limit)?
        .parquet(Some(flow_parquet::open), &Arc::new(Schema { fields: Vec::new() })))
}

fn rows(path: &Path, format: Option<Format>, limit: usize) -> Vec<RawRows> {
    opened(path, format, limit).unwrap().collect::<Result<_, _>>().unwrap()
}

fn texts(rows: &[RawRows]) -> Vec<String> {
    rows.iter().flat_map(|rows| rows.records().map(|record| String::from_utf8_lossy(record).into_owned())).collect()
}

#[test]
fn a_folder_is_its_files_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("b.jsonl"), "{\"x\":3}\n\n  \n{\"x\":4}").unwrap();
    std::fs::write(folder.path().join("a.jsonl"), "{\"x\":1}\r\n{\"x\":2}\n").unwrap();
    std::fs::write(folder.path().join("c.csv"), "x\n5\n").unwrap();
    std::fs::write(folder.path().join(".hidden"), "{}").unwrap();
    let all = rows(folder.path(), None, 1);
    assert_eq!(texts(&all), ["{\"x\":1}", "{\"x\":2}", "{\"x\":3}", "{\"x\":4}", "5"]);
    assert_eq!(all.iter().map(|rows| rows.first).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(rows(folder.path(), None, 100).len(), 3, "one file at a time");
}

#[test]
fn files_of_subfolders_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "day=1/b.csv",
        "day=1/a.csv",
        "day=2/deep/c.jsonl",
        "day=0.csv",
        "day=1.csv",
        "_marks/x.csv",
        "day=1/_SUCCESS",
    ];
    for (name, number) in names.iter().zip(1..) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = if name.ends_with("l") { format!("{{\"x\":{number}}}") } else { format!("x\n{number}\n") };
        std::fs::write(path, text).unwrap();
    }
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
    let all = rows(folder.path(), None, 100);
    assert_eq!(texts(&all), ["4", "2", "1", "5", "{\"x\":3}"].map(|text| text.to_owned()), "by path");
    assert_eq!(all.iter().map(|rows| rows.first).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn what_a_name_does_not_tell_the_source_does() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("part-0"), "x\n1\n").unwrap();
    std::fs::write(folder.path().join("part-1.json"), "{\"x\":2}\n").unwrap();
    let read = |path: &Path| -> Vec<RawRows> {
        opened(path, None, 9).unwrap().unnamed(Format::Csv).collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(texts(&read(folder.path())), ["1", "{\"x\":2}"]);
    assert_eq!(texts(&read(&folder.path().join("part-0"))), ["1"]);
}

#[test]
fn csv_records_keep_their_bytes() {
    let text = "\u{feff}x,\"y, z\"\r\n\r\n1,\"a\nb\"\r2,\n\"3\"\"\"q,4";
    let all: Vec<RawRows> =
        read(Path::new("-"), text.into(), Format::Csv, 2).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(texts(&all), ["1,\"a\nb\"", "2,", "\"3\"\"\"q,4"]);
    let fields = ["y, z", "x"].map(|name| Field { name: name.into(), ty: DataType::required(Kind::String) });
    let decoder = Decoder::new(&Schema { fields: fields.into() }, all[0].encoding.clone(), None);
    let decoded = decoder.decode(all.iter().flat_map(RawRows::records));
    let text = |column: usize, row: usize| decoded.columns[column].value(row).unwrap();
    assert_eq!(text(0, 0), Value::String("a\nb".into()));
    assert_eq!(text(0, 1), Value::String("".into()));
    assert_eq!(text(1, 2), Value::String("3\"q".into()));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_record() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("a.jsonl", "\u{feff}{\"a\":1}\r\n{\"a\":2}"), ("a.csv", "\u{feff}a\r\n1\r\n2")] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let all = rows(&path, None, 10);
        let first = texts(&all).first().cloned().unwrap();
        assert!(first == "{\"a\":1}" || first == "1", "{name}: {first}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let message = opened(Path::new("/no/such"), None, 1).unwrap_err().to_string();
    assert_eq!(message, "/no/such: there is no such file or folder; create it or correct the path");
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = opened(file.path(), Some(Format::Parquet), 1).unwrap().next().unwrap().unwrap_err();
    assert!(error.message.starts_with("is no readable Parquet file"), "{error}");
    assert!(rows(file.path(), Some(Format::Csv), 1).is_empty());
    assert!(rows(file.path(), Some(Format::Json), 1).is_empty());
}

fn kinds() -> Vec<Kind> {
    let members = vec!["allow".into(), "a,\"b".into()];
    vec![
        Kind::Bool,
        Kind::Int,
        Kind::Float,
        Kind::Decimal { precision: 38, scale: 3 },
        Kind::String,
        Kind::Bytes,
        Kind::Date,
        Kind::Timestamp,
        Kind::Duration,
        Kind::Enum(Arc::new(EnumType { name: "E".into(), members })),
    ]
}

fn value(kind: &Kind) -> BoxedStrategy<Value> {
    let micros = -62_167_219_200_000_000i64..253_402_300_800_000_000;
    match kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Float => {
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(|x| Value::Float(x + 0.0)).boxed()
        }
        Kind::Decimal { .. } => (-10i128.pow(38) + 1..10i128.pow(38)).prop_map(Value::Decimal).boxed(),
        Kind::String => "[a\",\\\\\n\r\u{1}é 😀]{1,4}".prop_map(|text| Value::String(text.into())).boxed(),
        Kind::Bytes => prop::collection::vec(any::<u8>(), 1..4).prop_map(|bytes| Value::Bytes(bytes.into())).boxed(),
        Kind::Date => (-719_528i64..2_932_897).prop_map(Value::Int).boxed(),
        Kind::Timestamp => micros.prop_map(Value::Int).boxed(),
        Kind::Enum(_) => (0i64..2).prop_map(Value::Int).boxed(),
        _ => any::<i64>().prop_map(Value::Int).boxed(),
    }
}

fn row() -> impl Strategy<Value = Vec<Value>> {
    kinds()
        .iter()
        .map(|kind| {
            // CSV does not tell an absent text from an empty one.
            if *kind == Kind::String {
                value(kind)
            } else {
                prop_oneof![4 => value(kind), 1 => Just(Value::Absent)].boxed()
            }
        })
        .collect::<Vec<_>>()
}

fn schema() -> Schema {
    let fields = kinds().into_iter().enumerate();
    let fields = fields.map(|(index, kind)| Field { name: format!("c{index}"), ty: DataType::optional(kind) });
    Schema { fields: fields.collect() }
}

fn columns(rows: &[Vec<Value>]) -> Vec<Column> {
    let mut builders: Vec<ColumnBuilder> = kinds().iter().map(|kind| ColumnBuilder::new(kind, rows.len())).collect();
    for row in rows {
        builders.iter_mut().zip(row).for_each(|(builder, cell)| builder.push_value(Ok(cell)));
    }
    builders.into_iter().map(ColumnBuilder::finish).collect()
}

fn decoded(all: &[RawRows]) -> Vec<Vec<Column>> {
    all.iter()
        .map(|rows| {
            let decoded = Decoder::new(&schema(), rows.encoding.clone(), None).decode(rows.records());
            assert_eq!(decoded.refused, []);
            decoded.columns
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_format_gives_back_what_it_took(rows in prop::collection::vec(row(), 1..6)) {
        let (schema, columns) = (schema(), columns(&rows));
        let encoder = RowEncoder::new(&schema);
        let (mut json, mut csv) = (Vec::new(), Vec::new());
        encoder.csv_header(&mut csv);
        for row in 0..rows.len() {
            encoder.json(&mut json, &columns, row).unwrap();
            json.push(b'\n');
            encoder.csv(&mut csv, &columns, row).unwrap();
        }
        for (bytes, format) in [(json, Format::Json), (csv, Format::Csv)] {
            let all: Vec<RawRows> = read(Path::new("-"), bytes, format, 100).unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(decoded(&all), std::slice::from_ref(&columns));
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = ParquetWriter::create(file.path(), &schema).unwrap();
        writer.write(&columns).unwrap();
        writer.write(&columns).unwrap();
        writer.finish().unwrap();
        let all: Vec<RawRows> = opened(file.path(), Some(Format::Parquet), 100).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(decoded(&all), [columns.clone(), columns]);
    }

    /// The judge is the crate `csv`: the same cells in the same records, whatever the quotes; but for a quote that is left
    /// open, which it closes and we refuse.
    #[test]
    fn csv_is_what_others_call_csv(text in "[ab\",\r\n]{0,24}") {
        let mut theirs = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut theirs: Vec<Vec<String>> =
            theirs.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        let mut ours = Vec::new();
        let mut at = 0;
        while let Some((start, end, next)) = flow_formats::csv::next_record(text.as_bytes(), at) {
            at = next;
            match flow_formats::csv::header(&text.as_bytes()[start..end]) {
                Ok(cells) => ours.push(cells),
                Err(_) => {
                    prop_assert_eq!(end, text.len());
                    let closed = [&text.as_bytes()[start..], b"\""].concat();
                    prop_assert_eq!(flow_formats::csv::header(&closed).ok(), theirs.pop());
                }
            }
        }
        prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn a_faulty_cell_is_not_written() {
    let schema = Schema { fields: vec![Field { name: "x".into(), ty: DataType::required(Kind::Int) }] };
    let mut builder = ColumnBuilder::new(&Kind::Int, 1);
    builder.push_fault(Fault::Overflow);
    let column = builder.finish();
    let encoder = RowEncoder::new(&schema);
    let mut out = b"before".to_vec();
    assert_eq!(encoder.json(&mut out, std::slice::from_ref(&column), 0), Err(Fault::Overflow));
    assert_eq!(encoder.csv(&mut out, std::slice::from_ref(&column), 0), Err(Fault::Overflow));
    assert_eq!(out, b"before");
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = ParquetWriter::create(file.path(), &schema).unwrap().write(&[column]).unwrap_err();
    assert!(error.message.contains("column `x`: the result is out of range"), "{error}");
}

#[test]
fn a_row_with_a_faulty_cell_leaves_nothing_of_the_cells_before_it() {
    let fields = ["x", "y"].map(|name| Field { name: name.into(), ty: DataType::required(Kind::Int) });
    let mut builders = [(); 2].map(|()| ColumnBuilder::new(&Kind::Int, 1));
    builders[0].push(Ok(flow_core::value::Cell::Int(7)));
    builders[1].push_fault(Fault::Overflow);
    let columns = builders.map(ColumnBuilder::finish);
    let encoder = RowEncoder::new(&Schema { fields: fields.into() });
    let mut out = b"before".to_vec();
    assert_eq!(encoder.json(&mut out, &columns, 0), Err(Fault::Overflow));
    assert_eq!(encoder.csv(&mut out, &columns, 0), Err(Fault::Overflow));
    assert_eq!(out, b"before");
}

#[test]
fn the_end_of_a_name_tells_the_format() {
    for (name, expected) in [
        ("a.csv", Some(Format::Csv)),
        ("a.CSV", Some(Format::Csv)),
        ("a.parquet", Some(Format::Parquet)),
        ("a.json", Some(Format::Json)),
        ("a.jsonl", Some(Format::Json)),
        ("a.ndjson", Some(Format::Json)),
        ("a.csv.gz", None),
        ("csv", None),
    ] {
        assert_eq!(Format::of_path(Path::new(name)), expected, "{name}");
    }
}

#[test]
fn nothing_at_a_time_is_one_at_a_time() {
    let read = |text: &str| {
        let all = read(Path::new("-"), text.into(), Format::Json, 0).unwrap();
        texts(&all.map(Result::unwrap).collect::<Vec<_>>())
    };
    assert_eq!(read("{\"x\":1}\n{\"x\":2}\n"), ["{\"x\":1}", "{\"x\":2}"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{\"x\":1}\n{\"x\":2}\n").unwrap();
    assert_eq!(texts(&rows(file.path(), None, 0)), ["{\"x\":1}", "{\"x\":2}"]);
}

/// A byte order mark stands before the first cell, not in it: that may be in quotes, and begin after empty lines.
#[test]
fn a_byte_order_mark_leaves_the_header_as_it_is() {
    for header in ["\u{feff}\"a\nb\",c\n", "\u{feff}\r\n\"a\nb\",c\r\n"] {
        let text = format!("{header}1,2\n");
        let all = read(Path::new("-"), text.into(), Format::Csv, 9).unwrap().map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(texts(&all), ["1,2"], "{header:?}");
        let flow_formats::Encoding::Csv(names) = &all[0].encoding else { unreachable!("it is CSV") };
        assert_eq!(names, &["a\nb", "c"]);
    }
}
