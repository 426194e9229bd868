//! The operators over bounded relations (`spec/semantics.md`, 3.6, 5.3 and 7), on rows small enough to be read.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

mod common;

use std::sync::{Arc, Mutex};

use common::{column, less};
use flow_core::aggregate::{Aggregate, AggregateFunc};
use flow_core::batch::{Batch, Origin};
use flow_core::builder::ColumnBuilder;
use flow_core::fault::Fault;
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::{Cell, Value};
use flow_operators::distinct::{Distinct, Which};
use flow_operators::expression::{Environment, Input};
use flow_operators::group::{Group, GroupAggregate, GroupSpec};
use flow_operators::hash_join::HashJoin;
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::lookup_join::{Lookup, LookupJoin};
use flow_operators::operator::{Context, Operator};
use flow_operators::order::UNPLACED;
use flow_operators::sort::{Sort, SortKey, Take, Top, TopSpec};
use flow_operators::stand::{Stand, StandBy};
use flow_operators::table::{Table, TableKey};
use flow_operators::table_rows::TableRows;
use flow_operators::table_view::TableView;

/// `{ k: string?, n: int? }`
fn schema() -> Arc<Schema> {
    let field = |name: &str, kind| Field { name: name.to_owned(), ty: DataType::optional(kind) };
    Arc::new(Schema { fields: vec![field("k", Kind::String), field("n", Kind::Int)] })
}

const BAD: i64 = i64::MIN;
const NONE: i64 = i64::MAX;

/// Rows of (k, n, time, weight); an empty k is absent. Each row has the time as its arrival and its number as its offset.
fn batch(rows: &[(&str, i64, i64, i8)]) -> Batch {
    let (mut k, mut n) = (ColumnBuilder::new(&Kind::String, 0), ColumnBuilder::new(&Kind::Int, 0));
    for (key, number, _, _) in rows {
        k.push(Ok(if key.is_empty() { Cell::Absent } else { Cell::String(key) }));
        n.push(match *number {
            BAD => Err(Fault::Overflow),
            NONE => Ok(Cell::Absent),
            number => Ok(Cell::Int(number)),
        });
    }
    Batch {
        columns: vec![k.finish(), n.finish()],
        rows: rows.len(),
        time: rows.iter().map(|row| row.2).collect(),
        arrived: rows.iter().map(|row| row.2).collect(),
        origin: vec![Origin::default(); rows.len()],
        offset: (0..).take(rows.len()).collect(),
        weight: rows.iter().map(|row| row.3).collect(),
        lineage: vec![0; rows.len()],
    }
}

/// Runs an operator over bounded inputs; the rows as text, and the number of dead letters.
fn run(mut operator: impl Operator, inputs: &[Batch]) -> (Vec<String>, usize) {
    let mut cx = Context::new(Environment::default());
    let mut out: Vec<String> = operator.process(inputs, &mut cx).unwrap().iter().flat_map(show).collect();
    out.extend(operator.finish(&mut cx).unwrap().iter().flat_map(show));
    (out, cx.take_dead().len())
}

fn show(batch: &Batch) -> Vec<String> {
    let cells = |row: usize| batch.columns.iter().map(move |column| text(column.value(row)));
    (0..batch.rows).map(|row| cells(row).collect::<Vec<_>>().join(" ")).collect()
}

fn text(cell: Result<Value, Fault>) -> String {
    match cell {
        Ok(Value::Absent) => "-".to_owned(),
        Ok(Value::Int(value)) => value.to_string(),
        Ok(Value::String(value)) => value.to_string(),
        Ok(Value::Record(cells)) => {
            format!("({})", cells.iter().map(|c| text(Ok(c.clone()))).collect::<Vec<_>>().join(" "))
        }
        other => format!("{other:?}"),
    }
}

fn by_n(descending: bool) -> Vec<SortKey> {
    vec![SortKey { value: Input::column(1), descending }]
}

#[test]
fn sorting_breaks_ties_by_time_then_columns_and_puts_absent_last() {
    let rows =
        batch(&[("b", 2, 5, 1), ("a", 2, 5, 1), ("", NONE, 1, 1), ("c", 2, 4, 1), ("d", 3, 9, 1), ("e", BAD, 9, 1)]);
    let sort = |descending| Sort::new(schema(), by_n(descending), "f".into());
    let (up, dead) = run(sort(false), std::slice::from_ref(&rows));
    assert_eq!((up.join(", ").as_str(), dead), ("c 2, a 2, b 2, d 3, - -", 1));
    assert_eq!(run(sort(true), &[rows]).0.join(", "), "d 3, c 2, a 2, b 2, - -");
}

#[test]
fn rows_that_were_taken_back_do_not_count() {
    let rows =
        batch(&[("a", 1, 1, 1), ("a", 1, 1, 1), ("b", 2, 2, 1), ("a", 1, 1, -1), ("b", 2, 2, -1), ("c", 3, 3, -1)]);
    assert_eq!(run(Sort::new(schema(), by_n(false), "f".into()), &[rows]).0, ["a 1"]);
    // Of equal rows the first is the one that has gone.
    let rows = batch(&[("a", 1, 1, 1), ("b", 2, 1, 1), ("a", 1, 1, 1), ("a", 1, 1, -1)]);
    assert_eq!(run(Take::new(schema(), 9, true), &[rows]).0, ["b 2", "a 1"]);
}

#[test]
fn top_ranks_within_its_groups() {
    let rows = batch(&[("b", 9, 1, 1), ("a", 5, 1, 1), ("a", 7, 2, 1), ("a", 5, 3, 1), ("a", 1, 4, 1), ("", 4, 5, 1)]);
    let top = |with_ties| {
        let (keys, per, flow) = (by_n(true), column(0), "f".into());
        Top::new(schema(), TopSpec { count: 2, keys, per, with_ties, rank: Some("r".to_owned()), flow })
    };
    assert_eq!(run(top(false), std::slice::from_ref(&rows)).0, ["a 7 1", "a 5 2", "b 9 1", "- 4 1"]);
    assert_eq!(run(top(true), &[rows]).0, ["a 7 1", "a 5 2", "a 5 2", "b 9 1", "- 4 1"]);
}

#[test]
fn take_goes_by_the_standing_order() {
    let rows = batch(&[("z", 1, 9, 1), ("b", 1, 3, 1), ("a", 1, 3, 1)]);
    assert_eq!(run(Take::new(schema(), 2, false), std::slice::from_ref(&rows)).0, ["b 1", "a 1"]);
    assert_eq!(run(Take::new(schema(), 1, false), std::slice::from_ref(&rows)).0, ["a 1"]);
    assert_eq!(run(Take::new(schema(), 2, true), &[rows]).0, ["z 1", "b 1"]);
}

#[test]
fn one_row_of_each_key() {
    let rows = batch(&[("a", 1, 5, 1), ("a", 2, 3, 1), ("", 3, 4, 1), ("b", 4, 1, 1), ("", 5, 9, 1)]);
    let distinct = |which| Distinct::new(schema(), column(0), which, "f".into());
    assert_eq!(run(distinct(Which::First), std::slice::from_ref(&rows)).0, ["a 2", "- 3", "b 4"]);
    assert_eq!(run(distinct(Which::Last), &[rows]).0, ["a 1", "b 4", "- 5"]);
}

/// All rows of one place and time: nothing but how they came tells them apart.
#[test]
fn sorted_rows_remember_how_they_stood() {
    let mut rows = batch(&[("b", 1, 5, 1), ("a", 3, 5, 1), ("b", 2, 5, 1), ("a", 0, 5, 1)]);
    (rows.arrived, rows.offset) = (vec![5; 4], vec![7; 4]);
    let mut cx = Context::new(Environment::default());
    let mut ended = |operator: &mut dyn Operator, input: &Batch| {
        operator.process(std::slice::from_ref(input), &mut cx).unwrap();
        operator.finish(&mut cx).unwrap().remove(0)
    };
    let numbers = |batch: &Batch| (0..4).map(|row| batch.columns[1].value(row).unwrap()).collect::<Vec<_>>();
    let expected = |numbers: [i64; 4]| numbers.map(Value::Int).to_vec();
    let sorted = ended(&mut Sort::new(schema(), by_n(true), "f".into()), &rows);
    assert_eq!(numbers(&sorted), expected([3, 2, 1, 0]));
    assert_eq!(numbers(&ended(&mut Stand::new(schema(), StandBy::Memory), &sorted)), expected([1, 3, 2, 0]));
    assert_eq!(numbers(&ended(&mut Stand::new(schema(), StandBy::Columns), &sorted)), expected([0, 3, 1, 2]));
}

#[test]
fn groups_give_one_row_a_key_and_one_without_keys() {
    let aggregate = |func, arguments: &[usize], types: &[DataType]| GroupAggregate {
        aggregate: Aggregate::new(func, types).unwrap(),
        arguments: arguments.iter().map(|at| Input::column(*at)).collect(),
        filter: None,
    };
    let int = DataType::required(Kind::Int);
    let aggregates = vec![aggregate(AggregateFunc::Sum, &[1], &[int]), aggregate(AggregateFunc::Count, &[], &[])];
    let group = |keys: usize| {
        let names = ["k", "total", "rows"];
        let fields = names.into_iter().skip(1 - keys).map(|name| Field {
            name: name.to_owned(),
            ty: DataType::optional(if name == "k" { Kind::String } else { Kind::Int }),
        });
        Group::new(GroupSpec {
            input: schema(),
            keys: (0..keys).map(Input::column).collect(),
            aggregates: aggregates.clone(),
            outputs: (0..keys + 2).map(Input::column).collect(),
            output: Arc::new(Schema { fields: fields.collect() }),
            flow: "f".into(),
        })
    };
    let rows =
        batch(&[("b", 1, 1, 1), ("", 5, 1, 1), ("a", 2, 1, 1), ("b", 3, 1, 1), ("b", BAD, 1, 1), ("b", 1, 1, -1)]);
    assert_eq!(run(group(1), std::slice::from_ref(&rows)), (vec!["a 2 1".into(), "b 3 1".into(), "- 5 1".into()], 1));
    let mut cx = Context::new(Environment::default());
    let mut named = group(1);
    named.process(std::slice::from_ref(&rows), &mut cx).unwrap();
    named.finish(&mut cx).unwrap();
    let detail = "`total` needs a cell that cannot be had: the result is out of range";
    assert_eq!(cx.take_dead().iter().map(|letter| letter.detail.as_str()).collect::<Vec<_>>(), [detail]);
    assert_eq!(run(group(0), &[rows]).0, ["10 3"]);
    assert_eq!(run(group(0), &[batch(&[])]).0, ["0 0"]);
    assert_eq!(run(group(1), &[batch(&[])]).0, [""; 0]);
}

fn spec(kind: JoinKind, pick: Pick) -> JoinSpec {
    JoinSpec {
        kind,
        pick,
        left: schema(),
        right: schema(),
        left_keys: column(0),
        right_keys: column(0),
        residual: None,
        alias: "r".to_owned(),
        flow: "f".into(),
    }
}

#[test]
fn bounded_joins() {
    let left = || batch(&[("a", 1, 1, 1), ("", 2, 2, 1), ("b", 3, 3, 1), ("c", 4, 4, 1)]);
    let right = || batch(&[("a", 9, 8, 1), ("a", 8, 9, 1), ("", 7, 1, 1), ("b", 2, 1, 1)]);
    let join = |kind, pick| run(HashJoin::new(spec(kind, pick)), &[left(), right()]).0.join(", ");
    assert_eq!(join(JoinKind::Inner, Pick::All), "b 3 (b 2), a 1 (a 9), a 1 (a 8)");
    assert_eq!(join(JoinKind::Left, Pick::First), "- 2 -, b 3 (b 2), c 4 -, a 1 (a 9)");
    assert_eq!(join(JoinKind::Inner, Pick::Latest), "b 3 (b 2), a 1 (a 8)");
    assert_eq!(join(JoinKind::Semi, Pick::All), "a 1, b 3");
    assert_eq!(join(JoinKind::Anti, Pick::All), "- 2, c 4");
    let mut residual = spec(JoinKind::Left, Pick::All);
    residual.residual = Some(less(&residual.pair(), 1, 3));
    let given = run(HashJoin::new(residual), &[left(), right()]).0.join(", ");
    assert_eq!(given, "- 2 -, b 3 -, c 4 -, a 1 (a 9), a 1 (a 8)");
    // Which is the first goes by time, however they stand.
    let later_first = batch(&[("a", 9, 9, 1), ("a", 8, 8, 1)]);
    let given =
        |pick| run(HashJoin::new(spec(JoinKind::Inner, pick)), &[batch(&[("a", 1, 5, 1)]), later_first.clone()]);
    assert_eq!((given(Pick::First).0, given(Pick::Latest).0), (vec!["a 1 (a 8)".into()], vec!["a 1 (a 9)".into()]));
    // All matches of a row stand as they stood, whatever their times.
    let mut right = batch(&[("a", 9, 9, 1), ("a", 8, 8, 1)]);
    right.arrived = vec![0, 0];
    let given = run(HashJoin::new(spec(JoinKind::Inner, Pick::All)), &[batch(&[("a", 1, 5, 1)]), right]).0;
    assert_eq!(given.join(", "), "a 1 (a 9), a 1 (a 8)");
}

#[test]
fn a_condition_over_bounded_rows_is_told_at_the_later_one() {
    let mut with = spec(JoinKind::Inner, Pick::All);
    with.residual = Some(less(&with.pair(), 1, 3));
    let mut join = HashJoin::new(with);
    let mut cx = Context::new(Environment::default());
    join.process(&[batch(&[("a", 1, 1, 1), ("b", BAD, 7, 1)]), batch(&[("a", BAD, 9, 1), ("b", 1, 3, 1)])], &mut cx)
        .unwrap();
    assert_eq!(join.finish(&mut cx).unwrap()[0].rows, 0);
    let places: Vec<i64> = cx.take_dead().iter().map(|letter| letter.order.arrived).collect();
    assert_eq!(places, [9, 7]);
}

#[test]
fn tables_are_read_as_of_the_arrival_of_the_row() {
    let mut cx = Context::new(Environment::default());
    let key = |version| TableKey { keys: column(0), version, flow: "t".into() };
    let rows = || batch(&[("a", 20, 0, 1), ("a", 10, 0, 1), ("b", 15, 0, 1), ("b", 15, 0, 1), ("", 1, 0, 1)]);
    let left =
        || batch(&[("a", 1, 9, 1), ("a", 2, 10, 1), ("a", 3, 19, 1), ("a", 4, 20, 1), ("b", 5, 15, 1), ("", 6, 50, 1)]);
    let versioned = Arc::new(Table::new(rows(), &key(Some(Input::column(1))), &column(0), &"f".into(), &mut cx));
    let join = |table: &Arc<Table>, kind| run(LookupJoin::new(spec(kind, Pick::All), Arc::clone(table)), &[left()]).0;
    assert_eq!(
        join(&versioned, JoinKind::Left).join(", "),
        "a 1 -, a 2 (a 10), a 3 (a 10), a 4 (a 20), b 5 (b 15), - 6 -"
    );
    let constant = Arc::new(Table::new(rows(), &key(None), &column(0), &"f".into(), &mut cx));
    // Of several rows with one key the last in the file counts.
    let given = join(&constant, JoinKind::Inner).join(", ");
    assert_eq!(given, "a 1 (a 10), a 2 (a 10), a 3 (a 10), a 4 (a 10), b 5 (b 15)");
    assert_eq!(join(&versioned, JoinKind::Anti).join(", "), "a 1, - 6");
    let read = |at| versioned.get(&[Value::String("a".into())], at);
    assert_eq!((read(9), read(10), read(20), read(i64::MAX)), (None, Some(1), Some(0), Some(0)));
    assert_eq!(versioned.get(&[Value::Absent], 50), None);
}

#[test]
fn a_row_whose_key_cannot_be_computed_matches_nothing_and_is_not_unmatched() {
    let mut cx = Context::new(Environment::default());
    let key = TableKey { keys: column(0), version: Some(Input::column(1)), flow: "t".into() };
    // A row of a table whose version is absent never holds.
    let rows = batch(&[("a", NONE, 0, 1), ("b", 1, 0, 1)]);
    let table = Arc::new(Table::new(rows, &key, &column(1), &"f".into(), &mut cx));
    assert_eq!(show(&table.held(i64::MAX)), ["b 1"]);
    let left = || batch(&[("x", BAD, 7, 1), ("y", 1, 8, 1), ("z", 2, 9, 1)]);
    for (kind, expected) in
        [(JoinKind::Left, "y 1 (b 1), z 2 -"), (JoinKind::Anti, "z 2"), (JoinKind::Inner, "y 1 (b 1)")]
    {
        let by_n = JoinSpec { left_keys: column(1), right_keys: column(1), ..spec(kind, Pick::All) };
        let (rows, dead) = run(LookupJoin::new(by_n, Arc::clone(&table)), &[left()]);
        assert_eq!((rows.join(", ").as_str(), dead), (expected, 1), "{kind:?}");
    }
}

#[test]
fn a_table_gives_the_rows_that_hold_as_of_the_frontier() {
    let mut cx = Context::new(Environment::default());
    let rows = || batch(&[("a", 20, 0, 1), ("a", 10, 0, 1), ("b", 15, 0, 1), ("b", 15, 0, 1)]);
    let table = |version| {
        let key = TableKey { keys: column(0), version, flow: "t".into() };
        Arc::new(Table::new(rows(), &key, &[], &"f".into(), &mut Context::new(Environment::default())))
    };
    let held = |table: &Arc<Table>, frontier, cx: &mut Context| {
        cx.frontier = frontier;
        let mut rows = TableRows::new(Arc::clone(table));
        assert_eq!(rows.process(&[], cx).unwrap().iter().map(|batch| batch.rows).sum::<usize>(), 0);
        rows.finish(cx).unwrap().iter().flat_map(show).collect::<Vec<_>>().join(", ")
    };
    let versioned = table(Some(Input::column(1)));
    assert_eq!(held(&versioned, 9, &mut cx), "");
    assert_eq!(held(&versioned, 10, &mut cx), "a 10");
    assert_eq!(held(&versioned, 19, &mut cx), "a 10, b 15");
    assert_eq!(held(&versioned, 20, &mut cx), "a 20, b 15");
    // Of several rows with one key the last in the file counts.
    assert_eq!(held(&table(None), 0, &mut cx), "a 10, b 15");
}

#[test]
fn rows_without_a_place_read_tables_as_of_the_frontier() {
    let mut cx = Context::new(Environment::default());
    let key = TableKey { keys: column(0), version: Some(Input::column(1)), flow: "t".into() };
    let rows = batch(&[("a", 20, 0, 1), ("a", 10, 0, 1)]);
    let table = Arc::new(Table::new(rows, &key, &column(0), &"f".into(), &mut cx));
    let mut groups = batch(&[("a", 1, 0, 1)]);
    groups.arrived = vec![UNPLACED];
    for (frontier, expected) in [(9, "a 1 -"), (10, "a 1 (a 10)"), (20, "a 1 (a 20)")] {
        cx.frontier = frontier;
        let mut join = LookupJoin::new(spec(JoinKind::Left, Pick::All), Arc::clone(&table));
        let joined = join.process(&[groups.clone()], &mut cx).unwrap();
        assert_eq!(joined.iter().flat_map(show).collect::<Vec<_>>().join(", "), expected);
    }
}

#[test]
fn a_view_over_versions_is_what_it_was_when_the_row_arrived() {
    let mut cx = Context::new(Environment::default());
    // At each instant one row, which says how late it is; asked once where nothing has changed in between.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    let rows = move |at: i64| {
        told.lock().unwrap().push(at);
        Ok(batch(&[("a", at.max(0), 0, 1), ("a", 99, 0, 1)]))
    };
    let view = TableView::new(vec![20, 10, 10], Box::new(rows), column(0), "f".into()).unwrap();
    let mut join = LookupJoin::new(spec(JoinKind::Inner, Pick::First), Lookup::View(view));
    let left = batch(&[("a", 1, 9, 1), ("a", 2, 10, 1), ("a", 3, 19, 1), ("a", 4, 20, 1), ("a", 5, 9, 1)]);
    let joined = join.process(&[left], &mut cx).unwrap();
    assert_eq!(
        joined.iter().flat_map(show).collect::<Vec<_>>().join(", "),
        "a 1 (a 0), a 2 (a 10), a 3 (a 10), a 4 (a 20), a 5 (a 0)"
    );
    assert_eq!(*asked.lock().unwrap(), [20, i64::MIN, 10]);
}
