//! Operators over all rows, tables and services, computed by hand.

use std::collections::BTreeMap;

use crate::support::*;
use asol_oracle::scope::Scope;
use asol_oracle::value::{Cell, Value};
use asol_oracle::world::{History, World};
use fec_model::Symbol;
use fec_model::expr::{Aggregate, AggregateFunction, Expr, ExprKind, Literal};
use fec_model::model::{Binding, Flow, FlowSettings, Item, Model, Plane, Shape, Source};
use fec_model::relation::{Relation, RelationOp};
use fec_model::types::{Boundedness, Column, Kind, Record, Type};
use fec_syntax::ast::{JoinKind, JoinPick};

fn sales() -> Source {
    source("sales", &[("shop", Kind::String), ("n", Kind::Int), ("at", Kind::Timestamp)], H)
}

/// Shops with what they sold, a second apart; none is an absent shop.
fn data(rows: &[(Option<&str>, i64)]) -> History {
    let row = |(shop, n): &(Option<&str>, i64), second| {
        vec![shop.map_or(Ok(Value::Absent), text), Ok(Value::Int(*n)), at(second * S)]
    };
    history(vec![("sales", file(rows.iter().zip(0..).map(|(sale, second)| row(sale, second)).collect()))])
}

fn cells(model: &Model, history: &History, relation: &Relation) -> Vec<Vec<Cell>> {
    let world = World::new(model, history);
    let rows = Scope::new(&world, world.end).rows(relation).unwrap();
    rows.into_iter().map(|row| row.cells).collect()
}

fn numbers(rows: &[Vec<Cell>]) -> Vec<i64> {
    rows.iter().map(|row| if let Ok(Value::Int(n)) = &row[1] { *n } else { panic!("an int") }).collect()
}

fn shop() -> Expr {
    column("shop", Kind::String)
}

fn n() -> Expr {
    column("n", Kind::Int)
}

#[test]
fn sort_puts_absent_last_either_way_and_ties_by_time() {
    let source = sales();
    let model = model(vec![source.clone()]);
    let history = data(&[(Some("b"), 1), (None, 2), (Some("a"), 3), (Some("b"), 4), (Some("a"), 5)]);
    for (descending, expected) in [(false, [3, 5, 1, 4, 2]), (true, [1, 4, 3, 5, 2])] {
        let sort = RelationOp::Sort { input: Box::new(from(&source)), keys: vec![(shop(), descending)] };
        let sorted = relation(sort, source.ty.columns.clone());
        assert_eq!(numbers(&cells(&model, &history, &sorted)), expected);
        let take = relation(RelationOp::Take { input: Box::new(sorted), count: 2 }, source.ty.columns.clone());
        assert_eq!(numbers(&cells(&model, &history, &take)), expected[..2]);
    }
    let take = relation(RelationOp::Take { input: Box::new(from(&source)), count: 2 }, source.ty.columns.clone());
    assert_eq!(numbers(&cells(&model, &history, &take)), [1, 2]);
}

#[test]
fn top_ranks_in_each_group() {
    let source = sales();
    let model = model(vec![source.clone()]);
    let history =
        data(&[(Some("a"), 1), (Some("a"), 7), (Some("b"), 5), (Some("a"), 7), (Some("b"), 5), (Some("a"), 3)]);
    let mut columns = source.ty.columns.clone();
    columns.push(Column { name: "rank".into(), ty: Type::required(Kind::Int) });
    let top = |with_ties| {
        let op = RelationOp::Top {
            input: Box::new(from(&source)),
            count: 1,
            keys: vec![(n(), true)],
            per: vec![shop()],
            with_ties,
            rank: Some("rank".into()),
        };
        let rows = cells(&model, &history, &relation(op, columns.clone()));
        let ranks: Vec<Cell> = rows.iter().filter_map(|row| row.last().cloned()).collect();
        (numbers(&rows), ranks)
    };
    assert_eq!(top(false), (vec![7, 5], vec![Ok(Value::Int(1)); 2]));
    assert_eq!(top(true), (vec![7, 7, 5, 5], vec![Ok(Value::Int(1)); 4]));
}

#[test]
fn distinct_keeps_the_first_and_latest_the_last() {
    let source = sales();
    let model = model(vec![source.clone()]);
    let history = data(&[(Some("a"), 1), (None, 2), (Some("a"), 3), (None, 4)]);
    let keys = vec![shop()];
    let distinct = RelationOp::Distinct { input: Box::new(from(&source)), keys: keys.clone() };
    assert_eq!(numbers(&cells(&model, &history, &relation(distinct, source.ty.columns.clone()))), [1, 2]);
    let latest = RelationOp::Latest { input: Box::new(from(&source)), keys };
    assert_eq!(numbers(&cells(&model, &history, &relation(latest, source.ty.columns.clone()))), [3, 4]);
}

fn group(source: &Source, keys: Vec<(Symbol, Expr)>, aggregates: Vec<Aggregate>) -> Relation {
    let mut columns: Vec<Column> = keys.iter().map(|(name, key)| Column { name: *name, ty: key.ty.clone() }).collect();
    columns.extend(aggregates.iter().map(|a| Column { name: a.name, ty: a.ty.clone() }));
    let op = RelationOp::Group { input: Box::new(from(source)), keys, aggregates, outputs: Vec::new() };
    let mut relation = relation(op, columns);
    relation.ty.timed = false;
    relation
}

fn every_aggregate() -> Vec<Aggregate> {
    let top = Kind::List(Box::new(Type::required(Kind::Record(Record {
        name: None,
        fields: columns(&[("value", Kind::Int), ("count", Kind::Int)]).into(),
    }))));
    let mut all = vec![
        aggregate("count", AggregateFunction::Count, None, Kind::Int, (H, S)),
        aggregate("sum", AggregateFunction::Sum, Some(n()), Kind::Int, (H, S)),
        aggregate("mean", AggregateFunction::Mean, Some(n()), Kind::Float, (H, S)),
        aggregate("var", AggregateFunction::Var, Some(n()), Kind::Float, (H, S)),
        aggregate("least", AggregateFunction::Min, Some(n()), Kind::Int, (H, S)),
        aggregate("last", AggregateFunction::Last, Some(n()), Kind::Int, (H, S)),
        aggregate("distinct", AggregateFunction::CountDistinct, Some(n()), Kind::Int, (H, S)),
        aggregate("top", AggregateFunction::TopK, Some(n()), top, (H, S)),
    ];
    all[7].limit = 2;
    all
}

#[test]
fn group_gives_absent_a_group_and_nothing_one_row() {
    let source = sales();
    let model = model(vec![source.clone()]);
    let history = data(&[(Some("a"), 4), (None, 9), (Some("a"), 1), (Some("a"), 1)]);
    let rows = cells(&model, &history, &group(&source, vec![("shop".into(), shop())], every_aggregate()));
    let pair = |value, count| Ok(Value::Record(vec![Ok(Value::Int(value)), Ok(Value::Int(count))]));
    let int = |n| Ok(Value::Int(n));
    assert_eq!(
        rows[0],
        vec![
            text("a"),
            int(3),
            int(6),
            Ok(Value::Float(2.0)),
            Ok(Value::Float(3.0)),
            int(1),
            int(1),
            int(2),
            Ok(Value::List(vec![pair(1, 2), pair(4, 1)])),
        ]
    );
    assert_eq!(rows[1][..5], [Ok(Value::Absent), int(1), int(9), Ok(Value::Float(9.0)), Ok(Value::Absent)]);
    assert_eq!(rows.len(), 2);
    let nothing = cells(&model, &data(&[]), &group(&source, Vec::new(), every_aggregate()));
    assert_eq!(
        nothing,
        vec![vec![
            int(0),
            int(0),
            Ok(Value::Absent),
            Ok(Value::Absent),
            Ok(Value::Absent),
            Ok(Value::Absent),
            int(0),
            Ok(Value::List(Vec::new())),
        ]]
    );
}

/// Prices by shop, each from an instant on.
fn prices() -> Source {
    let mut source = source("prices", &[("shop", Kind::String), ("price", Kind::Int), ("since", Kind::Timestamp)], 0);
    source.shape = Shape::Table;
    source.time = None;
    source.key = vec!["shop".into()];
    source.versions = Some("since".into());
    source.ty.boundedness = Boundedness::Table;
    source.ty.timed = false;
    source
}

#[test]
fn a_versioned_table_is_read_as_of_arrival() {
    let (sales, prices) = (sales(), prices());
    let mut columns = sales.ty.columns.clone();
    columns.push(Column {
        name: "p".into(),
        ty: Type::maybe(Kind::Record(Record { name: None, fields: prices.ty.columns.clone() })),
    });
    let join = RelationOp::Join {
        left: Box::new(from(&sales)),
        right: Box::new(from(&prices)),
        kind: JoinKind::Left,
        pick: JoinPick::All,
        alias: "p".into(),
        on: vec![(shop(), right("shop", Kind::String))],
        residual: None,
        within: None,
    };
    let joined = relation(join, columns);
    let model = model(vec![prices, sales]);
    let price = |n, since| Some(vec![text("a"), Ok(Value::Int(n)), at(since)]);
    let mut history = data(&[(Some("a"), 1), (Some("a"), 2), (Some("a"), 3), (Some("b"), 4), (None, 5)]);
    history.tables.insert("prices".into(), vec![price(30, 2 * S), price(10, S), price(11, S), None]);
    let found: Vec<Option<i64>> = cells(&model, &history, &joined)
        .iter()
        .map(|row| match row.last() {
            Some(Ok(Value::Record(cells))) => {
                Some(if let Ok(Value::Int(n)) = cells[1] { n } else { panic!("a price") })
            }
            _ => None,
        })
        .collect();
    // Before the first version there is none; of two of one instant the later in the file holds; an absent key has no row.
    assert_eq!(found, vec![None, Some(11), Some(30), None, None]);
    let world = World::new(&model, &history);
    assert_eq!(world.refused_rows("prices"), [3]);
}

#[test]
fn a_service_reads_features_and_falls_back() {
    let source = sales();
    let mut model = model(vec![source.clone()]);
    let sum = aggregate("sold", AggregateFunction::Sum, Some(n()), Kind::Int, (H, S));
    model.features.push(feature_set("activity", "shop", from(&source), vec![sum]));
    let record = Kind::Record(Record { name: None, fields: columns(&[("sold", Kind::Int)]).into() });
    let key = expr(ExprKind::Binding("shop".into()), Kind::String);
    let read = expr(ExprKind::FeatureRead { set: "activity".into(), keys: [key].into() }, record.clone());
    let sold = expr(ExprKind::Field(Box::new(expr(ExprKind::Binding("f".into()), record)), "sold".into()), Kind::Int);
    let predict = expr(ExprKind::Predict { model: "scorer".into(), inputs: [sold.clone()].into() }, Kind::Float);
    let half = expr(ExprKind::Literal(Literal::Float(0.5)), Kind::Float);
    let bind = |name: &str, value, fallback| Item::Bind {
        name: name.into(),
        value: Binding::Scalar(value),
        settings: FlowSettings { fallback, ..FlowSettings::default() }.into(),
        span: span(),
    };
    let risk = expr(ExprKind::Binding("risk".into()), Kind::Float);
    let response = expr(ExprKind::Record(vec![sold, risk]), Kind::Null);
    model.flows.push(Flow {
        engine: Some("scoring".into()),
        name: "score".into(),
        docs: String::new(),
        plane: Plane::Online,
        params: vec![(Column { name: "shop".into(), ty: Type::required(Kind::String) }, None)],
        result: None,
        items: vec![
            bind("f", read, None),
            bind("risk", predict, Some(half)),
            Item::Return { value: response, span: span() },
        ],
        settings: FlowSettings::default(),
        span: span(),
    });
    let history = data(&[(Some("a"), 1), (Some("a"), 2), (Some("a"), 4)]);
    let mut world = World::new(&model, &history);
    let answer = |world: &World<'_>, shop: &str, now| world.request("scoring.score", &[text(shop)], now).unwrap();
    let expected = |sold, risk| Value::Record(vec![Ok(Value::Int(sold)), Ok(Value::Float(risk))]);
    assert_eq!(answer(&world, "a", world.end), expected(7, 0.5));
    assert_eq!(answer(&world, "a", 2 * S), expected(3, 0.5), "what arrived at `now` is not there yet");
    assert_eq!(answer(&world, "nobody", world.end), expected(0, 0.5));
    world.predictions = BTreeMap::from([("scorer".into(), Value::Float(0.25))]);
    assert_eq!(answer(&world, "a", world.end), expected(7, 0.25));
}

#[test]
fn a_test_holds_or_not() {
    let source = sales();
    let mut model = model(vec![source.clone()]);
    let sum = aggregate("sold", AggregateFunction::Sum, Some(n()), Kind::Int, (H, S));
    model.features.push(feature_set("activity", "shop", from(&source), vec![sum]));
    let literal = |value, kind| expr(ExprKind::Literal(value), kind);
    let string = |s: &str| literal(Literal::String(s.into()), Kind::String);
    let row = |n, second| {
        let at = literal(Literal::Timestamp(second * S), Kind::Timestamp);
        expr(ExprKind::Record(vec![string("a"), int(n), at]), Kind::Null)
    };
    let record = Kind::Record(Record { name: None, fields: columns(&[("sold", Kind::Int)]).into() });
    let read = expr(ExprKind::FeatureRead { set: "activity".into(), keys: [string("a")].into() }, record);
    let sold = expr(ExprKind::Field(Box::new(read), "sold".into()), Kind::Int);
    let is = |n| binary(fec_model::expr::BinaryOp::Equal, sold.clone(), int(n), Kind::Bool);
    let mut test = fec_model::model::Test {
        name: "two sales".into(),
        given: vec![("sales".into(), vec![row(2, 1), row(3, 2)])],
        returns: Vec::new(),
        at: None,
        expectations: vec![is(5), is(2)],
        span: span(),
    };
    let held = |test: &_| asol_oracle::test::expectations(&model, test).unwrap();
    assert_eq!(held(&test), vec![Ok(true), Ok(false)]);
    test.at = Some(2 * S);
    assert_eq!(held(&test), vec![Ok(false), Ok(true)], "what arrives at T is not there yet");
}
