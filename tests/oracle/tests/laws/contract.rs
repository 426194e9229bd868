//! The contract's hard cases, computed by hand.

use crate::support::*;
use asol_oracle::change::{Change, Place};
use asol_oracle::scope::Scope;
use asol_oracle::source::{Reason, Record, accept};
use asol_oracle::value::{Cell, Fault, Value};
use asol_oracle::world::{Until, World};
use fec_model::expr::{AggregateFunction, BinaryOp, ExprKind};
use fec_model::model::Source;
use fec_model::relation::{Relation, RelationOp};
use fec_model::types::{Column, Kind, Record as RecordType, Type};
use fec_syntax::ast::{JoinKind, JoinPick};

fn clicks() -> Source {
    source("clicks", &[("user", Kind::String), ("at", Kind::Timestamp)], 30 * S)
}

fn count_1h(source: &Source) -> fec_model::model::FeatureSet {
    let count = aggregate("n", AggregateFunction::Count, None, Kind::Int, (H, 60 * S));
    feature_set("activity", "user", from(source), vec![count])
}

fn with(input: Relation, set: &str, including_row: bool) -> Relation {
    let mut columns = input.ty.columns.clone();
    columns.push(Column { name: "n".into(), ty: Type::required(Kind::Int) });
    let keys = vec![column("user", Kind::String)];
    relation(RelationOp::With { input: Box::new(input), set: set.into(), keys, alias: None, including_row }, columns)
}

fn last_cells(rows: &[Change]) -> Vec<Cell> {
    rows.iter().filter_map(|row| row.cells.last().cloned()).collect()
}

#[test]
fn a_partition_an_hour_ahead_makes_nothing_late() {
    let source = clicks();
    let records = log(vec![
        (0, 10 * H, vec![text("u"), at(10 * H)]),
        (1, 9 * H, vec![text("u"), at(9 * H)]),
        (1, 9 * H + S, vec![text("u"), at(9 * H - 29 * S)]),
        (1, 9 * H + S, vec![text("u"), at(9 * H - 30 * S)]),
    ]);
    let intake = accept(&source, &records);
    assert_eq!(intake.accepted.len(), 3);
    assert_eq!(intake.refused, vec![(Reason::Late, 1, 2)], "31 s behind its own partition");
    assert_eq!(intake.arrived, Some(10 * H));
}

#[test]
fn arrival_is_the_running_maximum_and_bounds_are_inside() {
    let mut source = clicks();
    source.ahead = Some(5 * S);
    source.unique = vec!["user".into()];
    let row = |user: &str, time| vec![text(user), at(time)];
    let records = log(vec![
        (0, 100 * S, row("a", 70 * S)),
        (0, 90 * S, row("b", 105 * S)),
        (0, 90 * S, row("c", 105 * S + 1)),
        (0, 90 * S, row("a", 100 * S)),
        (0, 130 * S, row("a", 130 * S)),
        (0, 130 * S + 1, row("b", 130 * S)),
        (0, 130 * S + 1, vec![Err(Fault::Malformed), at(130 * S)]),
        (0, 130 * S + 1, vec![text("d"), Err(Fault::Malformed)]),
    ]);
    let intake = accept(&source, &records);
    let times: Vec<(i64, i64)> = intake.accepted.iter().map(|event| (event.offset, event.arrived)).collect();
    // 0 is exactly 30 s behind. 1 arrived at 100, too. 3 and 4 repeat `a`, 30 s after its arrival at the most; 5 comes 30 s and 1 µs after `b`.
    assert_eq!(times, vec![(0, 100 * S), (1, 100 * S), (5, 130 * S + 1)]);
    assert_eq!(intake.repeated, vec![(0, 3), (0, 4)]);
    assert_eq!(intake.refused, vec![(Reason::Ahead, 0, 2), (Reason::Malformed, 0, 6), (Reason::Malformed, 0, 7)]);
}

#[test]
fn a_shuffled_log_means_what_the_log_meant() {
    let source = clicks();
    let mut records = log((0..20).map(|n| (n % 3, n * S, vec![text("u"), at((n * 7 % 20) * S)])).collect());
    let intake = accept(&source, &records);
    records.reverse();
    assert_eq!(accept(&source, &records), intake);
    records.push(Record { cells: Some(vec![text("other"), at(0)]), ..records[0].clone() });
    assert_eq!(
        accept(&source, &records).refused.last(),
        Some(&(Reason::Malformed, records[0].partition, records[0].offset))
    );
}

#[test]
fn a_file_without_arrivals_takes_event_time() {
    let intake = accept(
        &clicks(),
        &file(vec![vec![text("u"), at(50 * S)], vec![text("u"), at(20 * S)], vec![text("u"), at(19 * S)]]),
    );
    assert_eq!(intake.accepted.iter().map(|event| event.arrived).collect::<Vec<_>>(), vec![50 * S, 50 * S]);
    assert_eq!(intake.refused, vec![(Reason::Late, 0, 2)]);
}

#[test]
fn five_events_of_one_instant_see_those_before_them() {
    let source = clicks();
    let mut model = model(vec![source.clone()]);
    model.features.push(count_1h(&source));
    let history = history(vec![("clicks", file(vec![vec![text("u"), at(DAY)]; 5]))]);
    let world = World::new(&model, &history);
    let scope = Scope::new(&world, world.end);
    let counts = |n: std::ops::Range<i64>| n.map(|n| Ok(Value::Int(n))).collect::<Vec<Cell>>();
    let rows = scope.rows(&with(from(&source), "activity", false)).unwrap();
    assert_eq!(last_cells(&rows), counts(0..5));
    let rows = scope.rows(&with(from(&source), "activity", true)).unwrap();
    assert_eq!(last_cells(&rows), counts(1..6));
    // What had arrived before the events' own instant is nothing.
    assert!(Scope::new(&world, DAY).rows(&from(&source)).unwrap().is_empty());
}

#[test]
fn a_row_sees_what_is_older_and_arrived_before_it() {
    let source = clicks();
    let mut model = model(vec![source.clone()]);
    model.features.push(count_1h(&source));
    // The second is older than the first, but comes after it; the third sees both; a newer one is not seen by an older.
    let rows = vec![vec![text("u"), at(DAY + 20 * S)], vec![text("u"), at(DAY)], vec![text("u"), at(DAY + 10 * S)]];
    let world = World::new(&model, &history(vec![("clicks", file(rows))]));
    let rows = Scope::new(&world, world.end).rows(&with(from(&source), "activity", false)).unwrap();
    assert_eq!(last_cells(&rows), vec![Ok(Value::Int(0)), Ok(Value::Int(0)), Ok(Value::Int(1))]);
}

#[test]
fn great_floats_cancel_exactly() {
    let source = source("readings", &[("user", Kind::String), ("x", Kind::Float), ("at", Kind::Timestamp)], DAY);
    let sum = aggregate("n", AggregateFunction::Sum, Some(column("x", Kind::Float)), Kind::Float, (H, 60 * S));
    let mut model = model(vec![source.clone()]);
    model.features.push(feature_set("sums", "user", from(&source), vec![sum]));
    for order in [[1e308, 1e308, -1e308, -1e308, 1e-320], [1e-320, -1e308, 1e308, -1e308, 1e308]] {
        let rows = order.iter().zip(0..).map(|(x, n)| vec![text("u"), Ok(Value::Float(*x)), at(DAY + n * 600 * S)]);
        let world = World::new(&model, &history(vec![("readings", file(rows.collect()))]));
        let columns = world.features_before("sums", &[Value::String("u".into())], DAY + H, i64::MAX).unwrap();
        assert_eq!(columns, vec![("n".into(), Ok(Value::Float(1e-320)))]);
        // Two of them alone are out of range, and that is a fault of the cell.
        let columns = world.features_before("sums", &[Value::String("u".into())], DAY + 600 * S, i64::MAX).unwrap();
        assert_eq!(columns[0].1.is_err(), order[0] == 1e308);
    }
}

#[test]
fn the_tail_is_inside_and_a_microsecond_before_is_not() {
    let source = clicks();
    let mut model = model(vec![source.clone()]);
    model.features.push(count_1h(&source));
    let tail = DAY;
    let world = World::new(
        &model,
        &history(vec![("clicks", file(vec![vec![text("u"), at(tail - 1)], vec![text("u"), at(tail)]]))]),
    );
    let n = |t| world.features_before("activity", &[Value::String("u".into())], t, i64::MAX).unwrap()[0].1.clone();
    assert_eq!(n(tail - 1), Ok(Value::Int(1)));
    assert_eq!(n(tail), Ok(Value::Int(2)));
    assert_eq!(n(tail + H - 1), Ok(Value::Int(2)), "the step before the tail still counts");
    assert_eq!(n(tail + H), Ok(Value::Int(1)), "t − W is on the step");
    assert_eq!(n(tail + H + 60 * S - 1), Ok(Value::Int(1)));
    assert_eq!(n(tail + H + 60 * S), Ok(Value::Int(0)), "it expires without a write");
    let before_the_epoch = world.features_before("activity", &[Value::String("u".into())], -1, i64::MAX).unwrap();
    assert_eq!(before_the_epoch[0].1, Ok(Value::Int(0)));
}

/// Payments and their chargebacks.
fn disputes(kind: JoinKind, pick: JoinPick) -> (Source, Source, Relation) {
    let payments = source("payments", &[("id", Kind::String), ("user", Kind::String), ("at", Kind::Timestamp)], 30 * S);
    let chargebacks = source("chargebacks", &[("payment", Kind::String), ("at", Kind::Timestamp)], H);
    let mut columns = payments.ty.columns.clone();
    if matches!(kind, JoinKind::Left | JoinKind::Inner) {
        let record = RecordType { name: None, fields: chargebacks.ty.columns.clone() };
        columns.push(Column { name: "c".into(), ty: Type::maybe(Kind::Record(record)) });
    }
    let mut joined = relation(
        RelationOp::Join {
            left: Box::new(from(&payments)),
            right: Box::new(from(&chargebacks)),
            kind,
            pick,
            alias: "c".into(),
            on: vec![(column("id", Kind::String), right("payment", Kind::String))],
            residual: None,
            within: Some((0, 60 * DAY)),
        },
        columns,
    );
    joined.ty.changes = kind == JoinKind::Left;
    (payments, chargebacks, joined)
}

fn payment(id: &str, time: i64) -> Vec<Cell> {
    vec![text(id), text("u"), at(time)]
}

#[test]
fn a_match_59_days_late_changes_what_comes_after_it() {
    let (payments, chargebacks, joined) = disputes(JoinKind::Left, JoinPick::First);
    let mut columns = joined.ty.columns[..3].to_vec();
    columns.push(Column { name: "fraud".into(), ty: Type::required(Kind::Bool) });
    let absent = expr(ExprKind::IsAbsent(Box::new(column("c", Kind::Null))), Kind::Bool);
    let fraud = expr(ExprKind::Unary(fec_model::expr::UnaryOp::Not, Box::new(absent)), Kind::Bool);
    let labelled = relation(RelationOp::Derive { input: Box::new(joined), columns: vec![("fraud".into(), fraud)] }, {
        let mut all = columns.clone();
        all.insert(3, Column { name: "c".into(), ty: Type::maybe(Kind::Null) });
        all
    });
    let ratio =
        aggregate("n", AggregateFunction::Ratio, Some(column("fraud", Kind::Bool)), Kind::Float, (90 * DAY, DAY));
    let mut model = model(vec![chargebacks, payments.clone()]);
    model.features.push(feature_set("rates", "user", labelled, vec![ratio]));
    let first = DAY;
    let history = history(vec![
        ("payments", file(vec![payment("1", first), payment("2", 2 * DAY), payment("3", first + 59 * DAY)])),
        ("chargebacks", file(vec![vec![text("1"), at(first + 59 * DAY)]])),
    ]);
    let world = World::new(&model, &history);
    let rows = Scope::new(&world, world.end).rows(&with(from(&payments), "rates", false)).unwrap();
    // `chargebacks` comes before `payments` at one arrival: the third payment sees the match at the first's own time.
    assert_eq!(last_cells(&rows), vec![Ok(Value::Absent), Ok(Value::Float(0.0)), Ok(Value::Float(0.5))]);
    let before =
        world.features("rates", &[Value::String("u".into())], first + 59 * DAY, Until::Arrived(first + 59 * DAY));
    assert_eq!(before.unwrap()[0].1, Ok(Value::Float(0.0)), "before its arrival there was no match");
    // At an earlier t the numerator counts at the payment's time, not at the match's.
    let then = world.features("rates", &[Value::String("u".into())], first, Until::Arrived(i64::MAX)).unwrap();
    assert_eq!(then[0].1, Ok(Value::Float(1.0)));
}

#[test]
fn an_unmatched_row_is_taken_back_when_its_match_arrives() {
    let (payments, chargebacks, joined) = disputes(JoinKind::Left, JoinPick::First);
    let model = model(vec![chargebacks, payments]);
    let history = history(vec![
        ("payments", log(vec![(0, DAY, payment("1", DAY))])),
        // The second arrives later, but is earlier: it replaces the first.
        (
            "chargebacks",
            log(vec![
                (0, 3 * DAY, vec![text("1"), at(3 * DAY)]),
                (0, 3 * DAY + S, vec![text("1"), at(3 * DAY - 600 * S)]),
            ]),
        ),
    ]);
    let world = World::new(&model, &history);
    let changes = Scope::new(&world, world.end).changes(&joined).unwrap();
    let short: Vec<(i64, i64, bool, i64)> =
        changes.iter().map(|c| (c.place.arrived, c.weight, c.cells[3] == Ok(Value::Absent), c.time)).collect();
    assert_eq!(
        short,
        vec![
            (DAY, 1, true, DAY),
            (3 * DAY, -1, true, DAY),
            (3 * DAY, 1, false, DAY),
            (3 * DAY + S, -1, false, DAY),
            (3 * DAY + S, 1, false, DAY),
        ]
    );
    let Ok(Value::Record(cells)) = &changes[4].cells[3] else { panic!("a match") };
    assert_eq!(cells[1], at(3 * DAY - 600 * S));
    let rows = Scope::new(&world, 2 * DAY).rows(&joined).unwrap();
    assert_eq!(last_cells(&rows), vec![Ok(Value::Absent)], "on day 2 there was no match");
}

#[test]
fn final_waits_until_the_window_is_past_by_the_lateness() {
    let (payments, chargebacks, joined) = disputes(JoinKind::Left, JoinPick::First);
    let columns = joined.ty.columns.clone();
    let closed = relation(RelationOp::Final { input: Box::new(joined) }, columns);
    let model = model(vec![chargebacks, payments]);
    let history = history(vec![
        ("payments", file(vec![payment("1", DAY), payment("2", 2 * DAY)])),
        ("chargebacks", file(vec![vec![text("2"), at(3 * DAY)]])),
    ]);
    let world = World::new(&model, &history);
    let closes = DAY + 60 * DAY + H;
    let ids = |cut| {
        let rows = Scope::new(&world, cut).rows(&closed).unwrap();
        rows.iter().map(|row| (row.cells[0].clone(), row.place.arrived)).collect::<Vec<_>>()
    };
    assert_eq!(ids(closes), vec![], "the frontier stands on the last instant at which a match may come");
    assert_eq!(ids(closes + 1), vec![(text("1"), closes)]);
    assert_eq!(ids(closes + DAY), vec![(text("1"), closes)], "a matched row waits as well");
    assert_eq!(ids(closes + DAY + 1), vec![(text("1"), closes), (text("2"), closes + DAY)]);
}

#[test]
fn semi_and_anti_joins_are_each_others_rest() {
    for (kind, expected) in [(JoinKind::Semi, vec![("1", 1)]), (JoinKind::Anti, vec![("1", 1), ("2", 1), ("1", -1)])] {
        let (payments, chargebacks, joined) = disputes(kind, JoinPick::All);
        let model = model(vec![chargebacks, payments]);
        let history = history(vec![
            ("payments", file(vec![payment("1", DAY), payment("2", DAY)])),
            ("chargebacks", file(vec![vec![text("1"), at(2 * DAY)], vec![text("1"), at(2 * DAY)]])),
        ]);
        let world = World::new(&model, &history);
        let changes = Scope::new(&world, world.end).changes(&joined).unwrap();
        let short: Vec<(Cell, i64)> = changes.iter().map(|c| (c.cells[0].clone(), c.weight)).collect();
        let expected: Vec<(Cell, i64)> = expected.into_iter().map(|(id, weight)| (text(id), weight)).collect();
        assert_eq!(short, expected, "{kind:?}");
    }
}

#[test]
fn a_fault_counts_only_where_it_is_needed() {
    let source = source("orders", &[("user", Kind::String), ("n", Kind::Int), ("at", Kind::Timestamp)], S);
    let model = model(vec![source.clone()]);
    let rows = [i64::MAX, 1].map(|n| vec![text("u"), Ok(Value::Int(n)), at(DAY)]);
    let world = World::new(&model, &history(vec![("orders", file(rows.to_vec()))]));
    let more = binary(BinaryOp::Add, column("n", Kind::Int), int(1), Kind::Int);
    let mut columns = source.ty.columns.clone();
    columns.push(Column { name: "more".into(), ty: Type::required(Kind::Int) });
    let derived = relation(
        RelationOp::Derive { input: Box::new(from(&source)), columns: vec![("more".into(), more)] },
        columns.clone(),
    );
    let scope = Scope::new(&world, world.end);
    assert_eq!(last_cells(&scope.rows(&derived).unwrap()), vec![Err(Fault::Overflow), Ok(Value::Int(2))]);
    assert!(scope.left_out.borrow().is_empty(), "nobody needed it");
    let small = binary(BinaryOp::Less, column("more", Kind::Int), int(0), Kind::Bool);
    let greatest = binary(BinaryOp::Equal, column("n", Kind::Int), int(i64::MAX), Kind::Bool);
    let either = binary(BinaryOp::Or, greatest, small.clone(), Kind::Bool);
    let filter =
        |condition| relation(RelationOp::Where { input: Box::new(derived.clone()), condition }, columns.clone());
    assert_eq!(scope.rows(&filter(either)).unwrap().len(), 1, "the left side was true");
    assert!(scope.left_out.borrow().is_empty());
    assert_eq!(scope.rows(&filter(small)).unwrap().len(), 0);
    let left_out: Vec<(Place, Fault)> = scope.left_out.borrow().iter().cloned().collect();
    assert_eq!(left_out.len(), 1);
    assert_eq!((left_out[0].0.arrived, left_out[0].1), (DAY, Fault::Overflow));
}

#[test]
fn the_evaluator_stands_on_nothing_that_it_judges() {
    let manifest = include_str!("../../Cargo.toml");
    for foreign in ["flow-", "fec-local", "fec-ir", "stdlib", "backends"] {
        assert!(!manifest.contains(foreign), "{foreign} in Cargo.toml");
    }
}
