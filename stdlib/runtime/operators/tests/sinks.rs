//! What sinks take: whole rows, and of each key the last that is there (`spec/semantics.md`, 6).
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Joined, LATENESS, Row, accepted, events, joined, kinds, micro_batches, rows};
use flow_core::batch::{Batch, Origin};
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::{Cell, Value};
use flow_operators::expression::Environment;
use flow_operators::graph::{Feed, Graph};
use flow_operators::operator::{Context, Operator, Reason};
use flow_operators::upsert::{Upsert, held};
use flow_operators::whole::Whole;
use proptest::prelude::*;

/// The rows of each key that are there after changes, in the order in which they were added.
fn there(changes: &[Row]) -> BTreeMap<String, Row> {
    let mut rows: Vec<Row> = Vec::new();
    for change in changes {
        if change.weight > 0 {
            rows.push(change.clone());
        } else {
            let equal = |row: &Row| row.time == change.time && row.cells == change.cells;
            let first = rows.iter().position(equal).unwrap();
            rows.remove(first);
        }
    }
    rows.into_iter().map(|row| (format!("{:?}", row.cells[0]), row)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_key_holds_the_last_of_its_rows(events in events(), (kind, pick) in kinds(), size in 1_usize..9) {
        let (accepted, _) = accepted(&events, LATENESS);
        let mut graph = Graph::new(Environment::default());
        let Joined { feed: joined, schema: output, settle, .. } = joined(&mut graph, kind, pick);
        let upsert = Upsert::new(Arc::clone(&output), vec![0], Some(settle));
        let upsert = Feed::Output(graph.add(Box::new(upsert), vec![joined]).unwrap(), 0);
        let sinks = [joined, upsert].map(|feed| graph.sink(feed).unwrap());
        let mut given = [Vec::new(), Vec::new()];
        for batch in micro_batches(&accepted, &[size]) {
            for (sink, batch) in graph.push(&batch).unwrap().rows {
                given[usize::from(sink == sinks[1])].push(batch);
            }
            let changes: Vec<Row> = given[0].iter().flat_map(rows).collect();
            let taken = if given[1].is_empty() { Batch::empty(&output) } else { Batch::concat(&output, &given[1]) };
            let expected = there(&changes);
            let now: Vec<(i64, _)> = rows(&held(&taken, &[0]).unwrap()).into_iter().map(|row| (row.time, row.cells)).collect();
            prop_assert_eq!(now.len(), expected.len());
            for row in expected.into_values() {
                prop_assert!(now.contains(&(row.time, row.cells.clone())), "{row:?} is not among {now:?}");
            }
            let mut places: Vec<String> = rows(&taken).iter().map(|row| format!("{:?} {:?}", row.order, row.cells[0])).collect();
            let all = places.len();
            places.sort();
            places.dedup();
            prop_assert_eq!(places.len(), all, "a key changed twice at one place");
        }
    }
}

/// `{ k: string, n: int }` with a weight each.
fn changes(cells: &[(&str, i64, i64, i8)]) -> (Arc<Schema>, Batch) {
    let field = |name: &str, kind| Field { name: name.to_owned(), ty: DataType::required(kind) };
    let schema = Arc::new(Schema { fields: vec![field("k", Kind::String), field("n", Kind::Int)] });
    let keys: Vec<Value> = cells.iter().map(|(key, ..)| Value::String((*key).into())).collect();
    let count = cells.len();
    let batch = Batch {
        columns: vec![
            Column::from_values(&Kind::String, keys.iter()),
            Column::ints(cells.iter().map(|(_, n, ..)| *n).collect()),
        ],
        rows: count,
        time: cells.iter().map(|(_, _, time, _)| *time).collect(),
        arrived: (0..count as i64).collect(),
        origin: vec![Origin::default(); count],
        offset: (0..count as i64).collect(),
        weight: cells.iter().map(|(.., weight)| *weight).collect(),
        lineage: cells.iter().map(|(_, n, ..)| n.cast_unsigned()).collect(),
    };
    (schema, batch)
}

fn told(batch: &Batch) -> Vec<(Value, i8)> {
    rows(batch).into_iter().map(|row| (row.cells[1].clone().unwrap(), row.weight)).collect()
}

#[test]
fn an_earlier_row_goes_unseen_and_stands_again_when_the_later_goes() {
    let (schema, batch) =
        changes(&[("a", 1, 0, 1), ("a", 2, 0, 1), ("a", 1, 0, -1), ("a", 3, 0, 1), ("a", 3, 0, -1), ("a", 2, 0, -1)]);
    let mut upsert = Upsert::new(schema, vec![0], Some(100));
    let out = upsert.process(&[batch], &mut Context::new(Environment::default())).unwrap();
    let expected = [(1, 1), (2, 1), (3, 1), (2, 1), (2, -1)];
    assert_eq!(told(&out[0]), expected.map(|(n, weight)| (Value::Int(n), weight)));
}

#[test]
fn rows_behind_a_settled_one_are_forgotten() {
    let old: Vec<(&str, i64, i64, i8)> = (0..50).map(|n| ("a", n, -100, 1)).collect();
    let (schema, batch) = changes(&old);
    let mut upsert = Upsert::new(schema, vec![0], Some(10));
    upsert.process(&[batch], &mut Context::new(Environment::default())).unwrap();
    let mut writer = flow_operators::state::StateWriter::default();
    upsert.freeze(&mut writer);
    let bytes: usize = writer.into_changes().iter().filter_map(|change| change.value.as_ref().map(Vec::len)).sum();
    assert!(bytes < 60, "{bytes} bytes for one row");
}

/// What a sink keeps of some changes.
fn kept(cells: &[(&str, i64, i64, i8)]) -> Vec<flow_operators::state::StateChange> {
    let (schema, batch) = changes(cells);
    let mut upsert = Upsert::new(schema, vec![0], Some(10));
    upsert.process(&[batch], &mut Context::new(Environment::default())).unwrap();
    let mut writer = flow_operators::state::StateWriter::default();
    upsert.freeze(&mut writer);
    writer.into_changes().into_iter().filter(|change| change.value.is_some()).collect()
}

#[test]
fn a_key_without_rows_keeps_nothing_and_one_of_any_length_fits_a_store() {
    assert_eq!(kept(&[("a", 1, 0, 1), ("a", 1, 0, -1)]).len(), 0);
    let kept = kept(&[(&"a".repeat(100_000), 1, 0, 1)]);
    assert!(kept.len() == 1 && kept[0].key.len() < 60_000, "{} keys", kept.len());
}

#[test]
fn a_row_with_a_bad_cell_is_left_out_and_named() {
    let (schema, mut batch) = changes(&[("a", 1, 0, 1), ("b", 2, 0, 1)]);
    let mut builder = flow_core::builder::ColumnBuilder::new(&Kind::Int, 2);
    builder.push(Err(Fault::Overflow));
    builder.push(Ok(Cell::Int(2)));
    batch.columns[1] = builder.finish();
    let mut cx = Context::new(Environment::default());
    let out = Whole::new("out", schema, "live".into()).process(&[batch], &mut cx).unwrap();
    assert_eq!(told(&out[0]), [(Value::Int(2), 1)]);
    let dead = cx.take_dead();
    assert_eq!(dead.len(), 1);
    assert_eq!((&*dead[0].flow, dead[0].reason, dead[0].order.offset), ("live", Reason::Fault(Fault::Overflow), 0));
    assert_eq!(dead[0].detail, "`n` of a row for `out` cannot be computed");
}
