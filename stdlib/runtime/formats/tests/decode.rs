//! Records to cells, exactly or not at all.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_core::fault::Fault;
use flow_core::functions::TimeUnit;
use flow_core::types::{DataType, EnumType, Field, Kind, RecordType, Schema};
use flow_core::value::Value;
use flow_formats::{Decoded, Decoder, Encoding};
use proptest::prelude::*;
use serde_json::value::RawValue;

fn schema(fields: &[(&str, DataType)]) -> Schema {
    let fields = fields.iter().map(|(name, ty)| Field { name: (*name).to_owned(), ty: ty.clone() });
    Schema { fields: fields.collect() }
}

fn one(kind: &Kind, encoding: Encoding, unit: Option<TimeUnit>, record: &[u8]) -> Decoded {
    Decoder::new(&schema(&[("x", DataType::required(kind.clone()))]), encoding, unit).decode([record])
}

fn json(kind: &Kind, value: &str) -> Result<Value, Fault> {
    let record = format!("{{\"x\":{value}}}");
    let decoded = one(kind, Encoding::Json, Some(TimeUnit::Millisecond), record.as_bytes());
    assert!(decoded.refused.is_empty(), "{value} was refused");
    let cell = decoded.columns.first().unwrap().value(0);
    if let Some(cells) = plain(kind, Some(TimeUnit::Millisecond), record.as_bytes()) {
        assert_eq!(Ok(cells), cell.clone().map(|cell| vec![cell]), "{value} is another cell without columns");
    }
    cell
}

fn plain(kind: &Kind, unit: Option<TimeUnit>, record: &[u8]) -> Option<Vec<Value>> {
    Decoder::new(&schema(&[("x", DataType::required(kind.clone()))]), Encoding::Json, unit).plain(record)
}

fn csv(kind: &Kind, cell: &str) -> Result<Value, Fault> {
    let decoded = one(kind, Encoding::Csv(vec!["x".into()]), None, cell.as_bytes());
    assert!(decoded.refused.is_empty(), "{cell} was refused");
    decoded.columns.first().unwrap().value(0)
}

fn money() -> Kind {
    Kind::Decimal { precision: 4, scale: 2 }
}

fn whole() -> Kind {
    Kind::Decimal { precision: 38, scale: 0 }
}

fn verdict() -> Kind {
    Kind::Enum(Arc::new(EnumType { name: "Verdict".into(), members: vec!["allow".into(), "block".into()] }))
}

#[test]
fn json_cells_are_exact_or_bad() {
    use Fault::{Malformed, NotFinite, Overflow, Precision};
    let text = |text: &str| Ok(Value::String(text.into()));
    for (kind, value, expected) in [
        (money(), "12.5", Ok(Value::Decimal(1250))),
        (money(), "\"-0.070\"", Ok(Value::Decimal(-7))),
        (money(), "1.25e1", Ok(Value::Decimal(1250))),
        (money(), "1.005", Err(Precision)),
        (money(), "100", Err(Precision)),
        (money(), "1e99", Err(Precision)),
        (money(), "\"1,5\"", Err(Malformed)),
        (money(), "true", Err(Malformed)),
        (
            Kind::Decimal { precision: 38, scale: 10 },
            "1234567890123456789012345678.0123456789",
            Ok(Value::Decimal(12345678901234567890123456780123456789)),
        ),
        (Kind::Int, "-0", Ok(Value::Int(0))),
        (Kind::Int, "-9223372036854775808", Ok(Value::Int(i64::MIN))),
        (Kind::Int, "9223372036854775808", Err(Overflow)),
        (Kind::Int, "1.0", Err(Malformed)),
        (Kind::Int, "1e3", Err(Malformed)),
        (Kind::Int, "\"1\"", Err(Malformed)),
        (Kind::Float, "-0.0", Ok(Value::Float(0.0))),
        (Kind::Float, "1e999", Err(NotFinite)),
        (Kind::Float, "\"inf\"", Err(Malformed)),
        (Kind::Float, "\"-1.5e3\"", Ok(Value::Float(-1_500.0))),
        (Kind::Float, "0.1", Ok(Value::Float(0.1))),
        (Kind::Bool, "true", Ok(Value::Bool(true))),
        (Kind::Bool, "\"true\"", Err(Malformed)),
        (Kind::Bool, "1", Err(Malformed)),
        (Kind::String, "\"a\\u00e9\\n\\ud83d\\ude00\\/\"", text("aé\n😀/")),
        (Kind::String, "\"\\ud83d\"", Err(Malformed)),
        (Kind::String, "\"\\ud83d\\u0041\"", Err(Malformed)),
        (Kind::String, "\"\\ud83d\\ue000\"", Err(Malformed)),
        (Kind::String, "\"\\ude00\"", Err(Malformed)),
        (Kind::String, "1", Err(Malformed)),
        (Kind::String, "null", Err(Malformed)),
        (Kind::Timestamp, "1500", Ok(Value::Int(1_500_000))),
        (Kind::Timestamp, "\"1500\"", Err(Malformed)),
        (Kind::Timestamp, "9223372036854775807", Err(Overflow)),
        (Kind::Timestamp, "92233720368547758070", Err(Overflow)),
        (Kind::Timestamp, "\"1970-01-01T01:00:00+01:00\"", Ok(Value::Int(0))),
        (Kind::Timestamp, "\"1970-01-01T00:00:00\"", Err(Malformed)),
        (Kind::Date, "\"1970-01-02\"", Ok(Value::Int(1))),
        (Kind::Date, "1", Err(Malformed)),
        (Kind::Duration, "1500", Ok(Value::Int(1500))),
        (verdict(), "\"block\"", Ok(Value::Int(1))),
        (verdict(), "\"Block\"", Err(Malformed)),
        (Kind::Bytes, "\"Zm9v\"", Ok(Value::Bytes(b"foo".as_slice().into()))),
        (Kind::Bytes, "\"Zm9\"", Err(Malformed)),
        (
            Kind::List(Arc::new(DataType::required(Kind::Int))),
            "[ 1 , 2 ]",
            Ok(Value::List(vec![Value::Int(1), Value::Int(2)].into())),
        ),
        (Kind::List(Arc::new(DataType::required(Kind::Int))), "[]", Ok(Value::List(Vec::new().into()))),
        (Kind::List(Arc::new(DataType::required(Kind::Int))), "[1,null]", Err(Malformed)),
        (Kind::List(Arc::new(DataType::required(Kind::Int))), "{\"a\":[1]}", Err(Malformed)),
    ] {
        assert_eq!(json(&kind, value), expected, "{value} as {kind:?}");
    }
}

#[test]
fn csv_cells_are_exact_or_bad() {
    use Fault::Malformed;
    for (kind, cell, expected) in [
        (Kind::String, "", Ok(Value::String("".into()))),
        (Kind::String, "\"a, \"\"b\"\"\"", Ok(Value::String("a, \"b\"".into()))),
        (Kind::Int, "", Err(Malformed)),
        (Kind::Int, " 1", Err(Malformed)),
        (Kind::Int, "+1", Err(Malformed)),
        (Kind::Int, "-9223372036854775808", Ok(Value::Int(i64::MIN))),
        (Kind::Bool, "false", Ok(Value::Bool(false))),
        (money(), "1.2", Ok(Value::Decimal(120))),
        (money(), "1.", Err(Malformed)),
        (money(), ".5", Err(Malformed)),
        (money(), "-", Err(Malformed)),
        (money(), "1.2.3", Err(Malformed)),
        (whole(), "999999999999999999", Ok(Value::Decimal(999_999_999_999_999_999))),
        (whole(), "99999999999999999999", Ok(Value::Decimal(99_999_999_999_999_999_999))),
        (whole(), "-18446744073709551617", Ok(Value::Decimal(-18_446_744_073_709_551_617))),
        (Kind::Timestamp, "1500", Err(Malformed)),
        (Kind::Timestamp, "1970-01-01T00:00:00Z", Ok(Value::Int(0))),
        (Kind::Date, "2026-02-30", Err(Malformed)),
        (
            Kind::List(Arc::new(DataType::required(Kind::Int))),
            "\"[1,2]\"",
            Ok(Value::List(vec![Value::Int(1), Value::Int(2)].into())),
        ),
    ] {
        assert_eq!(csv(&kind, cell), expected, "{cell} as {kind:?}");
    }
    let number = one(&Kind::Timestamp, Encoding::Csv(vec!["x".into()]), Some(TimeUnit::Second), b"2");
    assert_eq!(number.columns[0].value(0), Ok(Value::Int(2_000_000)));
}

#[test]
fn fields_come_in_any_order_and_the_last_of_a_name_counts() {
    let schema = schema(&[
        ("a", DataType::required(Kind::Int)),
        ("b", DataType::optional(Kind::String)),
        (
            "c",
            DataType::optional(Kind::Record(Arc::new(schema(&[
                ("d", DataType::required(Kind::Int)),
                ("e", DataType::required(Kind::Int)),
            ])))),
        ),
    ]);
    let records: [&[u8]; 5] = [
        br#"{"a":1,"b":"x","c":{"d":1,"e":2}}"#,
        br#" { "c" : {"e":3,"unknown":[{"a":{}},[]],"d":4} , "b" : null , "a" : 2 } "#,
        br#"{"a":"bad","\u0061":3,"c":{"d":5}}"#,
        br#"{"b":"y"}"#,
        br#"{"a":1,"b":"y","c":{"d":5,}}"#,
    ];
    let decoded = Decoder::new(&schema, Encoding::Json, None).decode(records);
    let (a, b, c) = (&decoded.columns[0], &decoded.columns[1], &decoded.columns[2]);
    assert_eq!(a.value(0), Ok(Value::Int(1)));
    assert_eq!(a.value(1), Ok(Value::Int(2)));
    assert_eq!(a.value(2), Ok(Value::Int(3)));
    assert_eq!(a.value(3), Err(Fault::Malformed));
    assert_eq!(b.value(1), Ok(Value::Absent));
    assert_eq!(b.value(2), Ok(Value::Absent));
    assert_eq!(c.value(1), Ok(Value::Record(vec![Value::Int(4), Value::Int(3)].into())));
    assert_eq!(c.field(0).unwrap().value(2), Ok(Value::Int(5)), "the other field of a record is no victim");
    assert_eq!(c.field(1).unwrap().value(2), Err(Fault::Malformed));
    assert_eq!(c.value(3), Ok(Value::Absent));
    assert_eq!(c.field(0).unwrap().value(3), Ok(Value::Absent));
    let rows: Vec<usize> = decoded.refused.iter().map(|refused| refused.row).collect();
    assert_eq!(rows, [4]);
    assert_eq!(decoded.refused[0].detail, "expected a field's name in quotes at byte 26");
    assert!(decoded.columns.iter().all(|column| column.value(4) == Err(Fault::Malformed)));
}

#[test]
fn a_plain_record_is_read_without_columns_and_no_other_is() {
    let fields = schema(&[
        ("id", DataType::required(Kind::String)),
        ("amount", DataType::required(money())),
        ("verdict", DataType::optional(verdict())),
        ("at", DataType::required(Kind::Timestamp)),
        ("raw", DataType::optional(Kind::Bytes)),
    ]);
    let decoder = Decoder::new(&fields, Encoding::Json, None);
    let good = r#"{"id":"é", "amount":"1.5","verdict":"block","at" : "1970-01-01T00:00:01Z","raw":"AQI="} "#;
    let absent = r#"{"id":"","amount":-0.07,"verdict":null,"at":"1970-01-01T00:00:00Z","raw":null}"#;
    for text in [good, absent] {
        let columns = decoder.decode([text.as_bytes()]).columns;
        let cells: Result<Vec<Value>, Fault> = columns.iter().map(|column| column.value(0)).collect();
        assert_eq!(decoder.plain(text.as_bytes()).map(Ok), Some(cells), "{text}");
    }
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from));
        decoder.plain(good.replace(from, to).as_bytes())
    };
    for (from, to) in [
        (r#""verdict":"block","#, ""),
        (r#""id":"é""#, r#""id":"\u00e9""#),
        (r#""id":"é""#, r#""id":"a","id":"b""#),
        (r#""id""#, r#""\u0069d""#),
        (r#""block""#, r#""perhaps""#),
        (r#""1.5""#, "null"),
        (r#""1.5""#, "100"),
        (r#""1.5""#, "[1]"),
        (r#""AQI="}"#, r#""AQI=","more":1}"#),
        ("}", "}}"),
        ("}", ""),
    ] {
        assert_eq!(changed(from, to), None, "{to}");
    }
    let placed = Decoder::new(&fields, Encoding::Json, None).with_positions();
    assert_eq!(placed.plain(good.as_bytes()), None, "what it says of its place is no column");
    assert_eq!(Decoder::new(&fields, Encoding::Csv(Vec::new()), None).plain(good.as_bytes()), None);
    assert_eq!(decoder.plain(&[b'{', 0xff, b'}']), None);
}

#[test]
fn what_is_no_record_is_refused_alone() {
    let schema = schema(&[("x", DataType::required(Kind::Int))]);
    let records: [&[u8]; 9] = [
        b"{\"x\":1}",
        b"[1]",
        b"",
        b"{\"x\":1} 2",
        b"{\"x\":\xff}",
        b"{\"x\":01}",
        b"{\"x\":\"\n\"}",
        b"{\"x\" 1}",
        b"{\"x\":2}",
    ];
    let decoded = Decoder::new(&schema, Encoding::Json, None).decode(records);
    assert_eq!(decoded.refused.iter().map(|refused| refused.row).collect::<Vec<_>>(), (1..8).collect::<Vec<_>>());
    assert_eq!(decoded.columns[0].value(0), Ok(Value::Int(1)));
    assert_eq!(decoded.columns[0].value(8), Ok(Value::Int(2)));
    let decoded =
        Decoder::new(&schema, Encoding::Csv(vec!["x".into(), "y".into()]), None).decode([&b"1,2"[..], b"1", b"1,2,"]);
    assert_eq!(decoded.refused.len(), 2);
    assert_eq!(decoded.refused[0].detail, "expected 2 cells as in the header, found 1");
    assert_eq!(decoded.refused[1].detail, "expected 2 cells as in the header, found 3");
    // What was cut off, or takes in the rest of its file, is no cell of that length.
    let texts = [&b"1,\"a\nb\""[..], b"1,\"a", b"1,\"a\n2,b\n", b"1,\"a\"\"", b"\"1,2", b"1,a\"", b"1,\"a\"b"];
    let decoded = Decoder::new(&schema, Encoding::Csv(vec!["x".into(), "y".into()]), None).decode(texts);
    assert_eq!(decoded.refused.iter().map(|refused| refused.row).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(decoded.refused[0].detail, "a cell's quote is left open");
}

#[test]
fn records_tell_their_own_place_also_in_fields_that_they_have() {
    let schema = schema(&[
        ("_arrived", DataType::optional(Kind::Timestamp)),
        ("_offset", DataType::required(Kind::Int)),
        ("_partition", DataType::optional(Kind::String)),
    ]);
    let records: [&[u8]; 3] = [
        br#"{"_partition":2,"_offset":7,"_arrived":1500}"#,
        br#"{"_arrived":"1970-01-01T00:00:01Z","_offset":8}"#,
        br#"{"_offset":"9"}"#,
    ];
    let rows: [&[u8]; 3] = [b"7,1500,2", b"8,1970-01-01T00:00:01Z,", b"x,,"];
    let header = Encoding::Csv(["_offset", "_arrived", "_partition"].map(str::to_owned).into());
    for decoded in [
        Decoder::new(&schema, Encoding::Json, None).with_positions().decode(records),
        Decoder::new(&schema, header, None).with_positions().decode(rows),
    ] {
        let positions = decoded.positions.unwrap();
        assert_eq!(positions.partition.value(0), Ok(Value::Int(2)));
        assert_eq!(positions.partition.value(1), Ok(Value::Absent));
        assert_eq!([positions.offset.value(0), positions.offset.value(1)], [Ok(Value::Int(7)), Ok(Value::Int(8))]);
        let arrived = [positions.arrived.value(0), positions.arrived.value(1)];
        assert_eq!(arrived, [Ok(Value::Int(1_500)), Ok(Value::Int(1_000_000))]);
        assert_eq!(decoded.refused.iter().map(|refused| refused.row).collect::<Vec<_>>(), [2]);
        assert_eq!(decoded.columns[0].value(1), Ok(Value::Int(1_000_000)));
        assert_eq!(decoded.columns[1].value(0), Ok(Value::Int(7)));
    }
}

#[test]
fn records_tell_their_own_place() {
    let schema = schema(&[("x", DataType::required(Kind::Int))]);
    let records: [&[u8]; 4] = [
        br#"{"x":1,"_partition":2,"_offset":7,"_arrived":1500}"#,
        br#"{"x":1,"_arrived":"1970-01-01T00:00:01Z"}"#,
        br#"{"x":1}"#,
        br#"{"x":1,"_offset":"7"}"#,
    ];
    let decoded = Decoder::new(&schema, Encoding::Json, None).with_positions().decode(records);
    let positions = decoded.positions.unwrap();
    assert_eq!(positions.partition.value(0), Ok(Value::Int(2)));
    assert_eq!(positions.offset.value(0), Ok(Value::Int(7)));
    assert_eq!(positions.arrived.value(0), Ok(Value::Int(1_500)), "microseconds without a unit");
    assert_eq!(positions.arrived.value(1), Ok(Value::Int(1_000_000)));
    assert_eq!(positions.arrived.value(2), Ok(Value::Absent));
    assert_eq!(decoded.refused.iter().map(|refused| refused.row).collect::<Vec<_>>(), [3]);
    assert_eq!(decoded.columns[0].value(3), Err(Fault::Malformed));
    let header = Encoding::Csv(vec!["_arrived".into(), "x".into()]);
    let decoded = Decoder::new(&schema, header.clone(), Some(TimeUnit::Second)).with_positions().decode([&b"3,1"[..]]);
    assert_eq!(decoded.positions.unwrap().arrived.value(0), Ok(Value::Int(3_000_000)));
    let decoded = Decoder::new(&schema, header, None).with_positions().decode([&b"3,1"[..]]);
    assert_eq!(decoded.positions.unwrap().arrived.value(0), Ok(Value::Int(3)));
}

/// Texts that are JSON, or nearly.
fn nearly_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?[0-9]{1,3}(\\.[0-9]{1,2})?(e-?[0-9])?",
        Just("null".to_owned()),
        Just("true".to_owned()),
        "\"([ax]|\\\\u00e9|\\\\ud83d\\\\ude00|\\\\n|é){0,3}\"",
    ];
    let value = leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![Just("\"x\""), Just("\"y\""), Just("\"\\u0078\"")];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec((key, inner), 0..4).prop_map(|fields| {
                let fields: Vec<String> = fields.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    });
    let object = value.prop_map(|value| format!("{{\"x\":{value}}}"));
    // A change of one place makes most of them wrong.
    (object, any::<prop::sample::Index>(), prop::option::of("[\\[\\]{}\":,0-9.eE+\\\\u -]"), any::<bool>()).prop_map(
        |(text, place, change, remove)| {
            let mut letters: Vec<char> = text.chars().collect();
            let place = place.index(letters.len());
            if let Some(change) = change {
                letters.splice(place..place + usize::from(remove), change.chars());
            }
            letters.into_iter().collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// The judge is `serde_json`: both call the same texts records, and the number that one of them holds is the
    /// one nearest to its text (which `serde_json` itself need not find).
    #[test]
    fn json_is_what_others_call_json(text in nearly_json()) {
        let theirs = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(&text);
        let ours = one(&Kind::Float, Encoding::Json, None, text.as_bytes());
        prop_assert_eq!(ours.refused.is_empty(), theirs.is_ok(), "{}: {:?} {:?}", text, ours.refused, theirs);
        if let Some(cells) = plain(&Kind::Float, None, text.as_bytes()) {
            prop_assert!(ours.refused.is_empty());
            prop_assert_eq!(Ok(cells), ours.columns[0].value(0).map(|cell| vec![cell]));
        }
        if let Ok(fields) = theirs
            && let Some(raw) = fields.get("x")
            && serde_json::from_str::<f64>(raw.get()).is_ok()
            && let Ok(number) = raw.get().parse::<f64>()
        {
            prop_assert_eq!(ours.columns[0].value(0), Ok(Value::Float(number + 0.0)));
        }
    }

    /// Fields in any order, some missing, unknown or more than once, with blanks anywhere: what counts is what `serde_json`
    /// has of them in the end.
    #[test]
    fn fields_are_found_wherever_they_stand(
        parts in prop::collection::vec(
            (prop_oneof![3 => 0usize..4, 1 => 4usize..6], prop::option::of(0i64..100), "[ \n]{0,2}", prop_oneof![3 => Just(""), 1 => Just(" ")]),
            0..7,
        ),
        sorted in any::<bool>(),
    ) {
        let keys = ["a", "b", "c", "d", "\\u0062", "other"];
        let mut parts = parts;
        if sorted {
            parts.sort_by_key(|(key, ..)| *key);
        }
        let written = parts.iter().map(|(key, value, blank, after)| {
            let value = value.map_or("null".to_owned(), |value| value.to_string());
            format!("{blank}\"{}\"{after}:{after}{value}{blank}", keys[*key])
        });
        let text = format!("{{{}}}", written.collect::<Vec<_>>().join(","));
        let theirs: BTreeMap<String, Option<i64>> = serde_json::from_str(&text).unwrap();
        let fields = schema(&["a", "b", "c", "d"].map(|name| (name, DataType::optional(Kind::Int))));
        let decoder = Decoder::new(&fields, Encoding::Json, None);
        let decoded = decoder.decode([text.as_bytes(), b"{}"]);
        prop_assert!(decoded.refused.is_empty(), "{} is refused: {:?}", text, decoded.refused);
        let expected = ["a", "b", "c", "d"].map(|name| theirs.get(name).copied().flatten().map_or(Value::Absent, Value::Int));
        for (column, expected) in decoded.columns.iter().zip(&expected) {
            prop_assert_eq!(column.value(0), Ok(expected.clone()), "{}", text);
            prop_assert_eq!(column.value(1), Ok(Value::Absent));
        }
        if let Some(cells) = decoder.plain(text.as_bytes()) {
            prop_assert_eq!(cells.as_slice(), expected.as_slice(), "{}", text);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'{'), Just(b'\\')], 0..40)) {
        let fields = schema(&[
            ("x", DataType::optional(Kind::String)),
            ("y", DataType::required(Kind::Record(Arc::new(RecordType { fields: Vec::new() })))),
        ]);
        for encoding in [Encoding::Json, Encoding::Csv(vec!["x".into()])] {
            let decoded = Decoder::new(&fields, encoding, None).with_positions().decode([&bytes[..], b"{}"]);
            prop_assert_eq!(decoded.columns.iter().map(|column| column.rows()).collect::<Vec<_>>(), [2, 2]);
        }
    }
}
