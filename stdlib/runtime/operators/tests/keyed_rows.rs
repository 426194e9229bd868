//! What a view over streams keeps by its key, and what rows find there (`spec/semantics.md`, 5.3 and 7.3).
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

mod common;

use std::sync::Arc;

use common::{
    Joined, LATENESS, Row, Stored, accepted, column, events, join_spec, joined, kinds, micro_batches, rows, schema,
    store,
};
use flow_core::batch::{Batch, Origin};
use flow_core::builder::ColumnBuilder;
use flow_core::fault::Fault;
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::{Cell, Value};
use flow_operators::expression::Environment;
use flow_operators::graph::{Feed, Graph};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::keyed_rows::{KeptRows, KeyedRows, RowReader};
use flow_operators::operator::{Context, Operator, Reason};
use proptest::prelude::*;

/// The cells of the last row that is there of a key, after those of its changes that satisfy `counts`.
fn last(changes: &[Row], key: &Value, counts: impl Fn(&Row) -> bool) -> Option<Value> {
    let mut there: Vec<&Row> = Vec::new();
    for change in changes.iter().filter(|change| change.cells[0].as_ref() == Ok(key) && counts(change)) {
        if change.weight > 0 {
            there.push(change);
        } else {
            let equal = |row: &&Row| row.time == change.time && row.cells == change.cells;
            let first = there.iter().position(equal).unwrap();
            there.remove(first);
        }
    }
    there.last().map(|row| record(&row.cells))
}

/// A row as one value; a fault has none, and is told apart.
fn record(cells: &[Result<Value, Fault>]) -> Value {
    Value::String(format!("{cells:?}").into())
}

/// The fields of a record in a column, where it is present.
fn fields(column: &flow_core::column::Column, row: usize) -> Option<Value> {
    use flow_core::column::{ColumnData, State};
    let ColumnData::Record(parts) = column.data() else { return None };
    (column.state(row) != State::Absent)
        .then(|| record(&parts.fields().iter().map(|field| field.value(row)).collect::<Vec<_>>()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_row_finds_what_its_key_held_before_it(events in events(), (kind, pick) in kinds(), size in 1_usize..9) {
        let (accepted, _) = accepted(&events, LATENESS);
        let mut graph = Graph::new(Environment::default());
        let Joined { right, feed: joined, schema: output, settle } = joined(&mut graph, kind, pick);
        let kept = KeptRows {
            schema: Arc::clone(&output),
            key: column(0),
            settle: Some(settle),
            flow: "view".into(),
        };
        let read = join_spec(JoinKind::Left, Pick::All, schema());
        let read = JoinSpec { right: Arc::clone(&output), residual: None, ..read };
        let view = graph.add(Box::new(KeyedRows::new(kept, vec![read])), vec![joined, right]).unwrap();
        let sinks = [joined, Feed::Output(view, 0)].map(|feed| graph.sink(feed).unwrap());
        let mut stored = Stored::new();
        let (mut changes, mut found): (Vec<Row>, Vec<(Row, Option<Value>)>) = (Vec::new(), Vec::new());
        for batch in micro_batches(&accepted, &[size]) {
            for (sink, batch) in graph.push(&batch).unwrap().rows {
                if sink == sinks[0] {
                    changes.extend(rows(&batch));
                } else {
                    let right = batch.columns.last().unwrap();
                    found.extend(rows(&batch).into_iter().enumerate().map(|(at, row)| (row, fields(right, at))));
                }
            }
            store(&mut stored, &mut graph);
            graph.commit();
        }
        for (row, found) in found {
            let expected = match row.cells[0].as_ref() {
                Ok(Value::Absent) | Err(_) => None,
                Ok(key) => last(&changes, key, |change| change.order < row.order),
            };
            prop_assert_eq!(found, expected, "of {:?}", row);
        }
        let reader = RowReader::new(output);
        for key in ["a", "b", "c"].map(|key| Value::String(key.into())) {
            let bytes = stored.get(&(view, reader.key(std::slice::from_ref(&key)).unwrap()));
            let read = bytes.map(|bytes| fields(&reader.read(bytes).unwrap().unwrap(), 0).unwrap());
            prop_assert_eq!(read, last(&changes, &key, |_| true), "of {:?}", key);
        }
        prop_assert!(reader.key(&[Value::Absent]).is_none());
    }
}

/// `{ k: string?, n: int }` at one place after the other.
fn two(cells: &[(Result<Option<&str>, Fault>, i64)]) -> (Arc<Schema>, Batch) {
    let field = |name: &str, ty| Field { name: name.to_owned(), ty };
    let fields = vec![field("k", DataType::optional(Kind::String)), field("n", DataType::required(Kind::Int))];
    let (mut keys, mut numbers) = (ColumnBuilder::new(&Kind::String, 0), ColumnBuilder::new(&Kind::Int, 0));
    for (key, n) in cells {
        keys.push(key.map(|key| key.map_or(Cell::Absent, Cell::String)));
        numbers.push(Ok(Cell::Int(*n)));
    }
    let count = cells.len();
    let batch = Batch {
        columns: vec![keys.finish(), numbers.finish()],
        rows: count,
        time: vec![0; count],
        arrived: (0..count as i64).collect(),
        origin: vec![Origin::default(); count],
        offset: (0..count as i64).collect(),
        weight: vec![1; count],
        lineage: Vec::new(),
    };
    (Arc::new(Schema { fields }), batch)
}

#[test]
fn one_row_of_each_key_is_stored_and_a_bad_key_is_told() {
    let rows = [(Ok(Some("a")), 1), (Ok(None), 2), (Err(Fault::Overflow), 3), (Ok(Some("a")), 4), (Ok(Some("b")), 5)];
    let (schema, batch) = two(&rows);
    let kept = KeptRows { schema: Arc::clone(&schema), key: column(0), settle: None, flow: "view".into() };
    let mut view = KeyedRows::new(kept, Vec::new());
    let mut cx = Context::new(Environment::default());
    assert!(view.process(&[batch], &mut cx).unwrap().is_empty());
    let dead = cx.take_dead();
    assert_eq!(dead.len(), 1);
    assert_eq!((&*dead[0].flow, dead[0].reason, dead[0].order.offset), ("view", Reason::Fault(Fault::Overflow), 2));
    let mut writer = flow_operators::state::StateWriter::default();
    view.freeze(&mut writer);
    let stored = writer.into_changes();
    assert_eq!(stored.len(), 2, "one entry a key");
    let reader = RowReader::new(schema);
    let read = |key: &str| {
        let key = reader.key(&[Value::String(key.into())]).unwrap();
        let entry = stored.iter().find(|entry| entry.key == key).unwrap();
        reader.read(entry.value.as_ref().unwrap()).unwrap().unwrap().value(0).unwrap()
    };
    assert_eq!(read("a"), Value::Record(vec![Value::String("a".into()), Value::Int(4)].into()));
    assert_eq!(read("b"), Value::Record(vec![Value::String("b".into()), Value::Int(5)].into()));
    assert!(reader.read(&[0; 17]).is_err(), "an entry that is cut off is no row");
}

#[test]
fn a_view_wants_as_many_inputs_as_it_has_joins() {
    let (schema, batch) = two(&[(Ok(Some("a")), 1)]);
    let kept = KeptRows { schema, key: column(0), settle: None, flow: "view".into() };
    let mut view = KeyedRows::new(kept, Vec::new());
    assert!(view.process(&[batch.clone(), batch], &mut Context::default()).is_err());
}
