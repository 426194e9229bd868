use flow_core::fault::Fault;
use flow_core::trees::{Ensemble, Feature, FeatureKind, Node, Objective};

use super::*;
use crate::service::{Given, RequestError};

const SHOP: &str = r#"
solution shop { version: "1.0.0" }
use std.ml.{ gbdt, evaluate, split }
param dear: int = 100
enum Level { low, high }
type Sale { id: string, shop: string, amount: int, level: Level, at: timestamp }
type Shop { id: string, name: string, rank: int }
source sales: stream<Sale> { key: shop, time: at }
source shops: table<Shop> key id { file: "shops.csv" }
view best: table<Shop> key id = shops |> where rank == 1
features takings by shop from sales {
  total = sum(amount) over 24h
  sales_24h = count() over 24h
  each = total / sales_24h
}
engine till {
  job learn {
    rows  = sales |> with takings |> derive is_dear = amount > 50, is_high = level == high
    parts = split(rows, train: 80%, test: 20%)
    model = gbdt(parts.train, label: is_dear, trees: 3, depth: 2, features: [total, is_high])
    publish model as judge
  }
  /// How a shop does.
  @post("/look")
  service look(shop: string) -> { total: int, name: string?, best: bool } {
    now_has = takings[shop]
    entry   = shops[shop]
    return { total: now_has.total, name: entry.name, best: best[shop] != null }
  }
  @post("/rate") @deadline(1s)
  service rate(sale: Sale) -> { score: float, dear: bool } {
    known = takings[sale.shop]
    @timeout(50ms) @fallback(0.25)
    risk = judge(known, is_high: sale.level == high)
    if sale.amount > dear {
      extra = risk + 1.0
      return { score: extra, dear: true }
    } else {
      extra = "unused"
    }
    return { score: risk, dear: false }
  }
  @post("/pick")
  service pick(wanted: list<{ shop: string, price: int }>, most: int) -> list<{ shop: string, price: int, total: int, name: string? }> {
    return wanted
      |> where price <= most
      |> with takings
      |> left join shops as s on shop == s.id
      |> select shop, price, total, name = s.name
      |> top 2 by price desc
  }
  @post("/risky")
  service risky(amount: int, deep: bool) -> int {
    huge  = { big: amount * 9_000_000_000_000_000_000, small: 7 }
    if deep { return huge.big }
    return huge.small
  }
  @post("/sides")
  service sides(n: int) -> int {
    if n > 1 {
      side = n * 2
      return side
    }
    side = n * 3
    return side + 100
  }
}
sink loud: stream<{ id: string }> { topic: "loud" }
stream shout { emit sales |> where amount > 40 |> select id to loud }
test "data" {
  given shops [ { id: "a", name: "Ada", rank: 1 }, { id: "b", name: "Bob", rank: 2 } ]
  given sales [
    { id: "1", shop: "a", amount: 10, level: low, at: 2026-01-01T00:00:00Z },
    { id: "2", shop: "a", amount: 30, level: high, at: 2026-01-01T01:00:00Z },
    { id: "3", shop: "b", amount: 50, level: low, at: 2026-01-01T02:00:00Z }
  ]
  at 2026-01-01T03:00:00Z
  expect look("a").total == 40
  expect look("a").total == 41
  expect look("b").best
  expect look("zz").name == null and look("a").total < 7
  expect takings["b"].sales_24h == 2
  expect not (look("a").total == 40)
  expect (shops |> select name) == [{ name: "Ada" }, { name: "Bob" }]
  expect loud == []
  expect (sales |> where amount > 20 |> select id) == [{ id: "2" }, { id: "3" }]
}
test "a fault" { expect till.risky(2, true) == 1 }
"#;

fn sale(shop: &str, amount: i64, level: i64) -> Value {
    Value::Record([text("x"), text(shop), Value::Int(amount), Value::Int(level), Value::Int(NEW_YEAR)].into())
}

fn record(cells: &[Value]) -> Value {
    Value::Record(cells.into())
}

fn ask(fixture: &Fixture, path: &str, arguments: &[Value]) -> Result<Value, RequestError> {
    fixture.services.request(path, arguments.to_vec(), fixture.reads.now, &fixture.reads, true).map(|reply| reply.value)
}

#[test]
fn a_request_sees_features_tables_and_views() {
    let fixture = fixture(SHOP);
    let look = |shop: &str| ask(&fixture, "till.look", &[text(shop)]).unwrap();
    assert_eq!(look("a"), record(&[Value::Int(40), text("Ada"), Value::Bool(true)]));
    assert_eq!(look("b"), record(&[Value::Int(50), text("Bob"), Value::Bool(false)]));
    assert_eq!(look("never seen"), record(&[Value::Int(0), Value::Absent, Value::Bool(false)]));
    // A day later the windows are empty.
    let later = NEW_YEAR + 26 * HOUR;
    let reply = fixture.services.request("till.look", vec![text("a")], later, &fixture.reads, true).unwrap();
    assert_eq!(reply.value, record(&[Value::Int(0), text("Ada"), Value::Bool(true)]));
}

#[test]
fn features_are_read_in_declared_order() {
    let fixture = fixture(SHOP);
    let read =
        |key: &str| fixture.services.read_features("takings", &[text(key)], fixture.reads.now, &fixture.reads).unwrap();
    assert_eq!(read("a"), [Ok(Value::Int(40)), Ok(Value::Int(2)), Ok(Value::Float(20.0))]);
    assert_eq!(read("?"), [Ok(Value::Int(0)), Ok(Value::Int(0)), Ok(Value::Absent)]);
    let absent = fixture.services.read_features("takings", &[Value::Absent], NEW_YEAR, &fixture.reads).unwrap();
    assert_eq!(absent, [Ok(Value::Int(0)), Ok(Value::Int(0)), Ok(Value::Absent)]);
    assert!(fixture.services.read_features("nothing", &[], NEW_YEAR, &fixture.reads).is_err());
}

/// A tree over `total` that sends more than 45 to one side, and one over whether the level is high.
fn judge() -> Prediction {
    let feature = |name: &str, kind| Feature { name: name.to_owned(), kind, gain: 0.0 };
    // In another order than the solution's: inputs are found by name.
    let features = vec![feature("is_high", FeatureKind::Numeric), feature("total", FeatureKind::Numeric)];
    let split = |feature, threshold| Node::Split { feature, threshold, missing_left: true, left: 1 };
    let trees = [
        vec![split(1, 45.0), Node::Leaf { value: 1.0 }, Node::Leaf { value: 2.0 }],
        vec![split(0, 0.5), Node::Leaf { value: 20.0 }, Node::Leaf { value: 10.0 }],
    ];
    Prediction::Ensemble(Arc::new(Ensemble::new(Objective::Squared, 0.0, features, &trees).unwrap()))
}

#[test]
fn a_model_gets_its_inputs_by_name_and_a_fallback_stands_in_for_it() {
    let mut fixture = fixture(SHOP);
    let rate = |fixture: &Fixture, sale: Value| ask(fixture, "till.rate", &[sale]).unwrap();
    let scored = |score: f64, dear: bool| record(&[Value::Float(score), Value::Bool(dear)]);
    assert_eq!(rate(&fixture, sale("a", 1, 0)), scored(0.25, false));
    let reply = fixture.services.request("till.rate", vec![sale("a", 1, 0)], NEW_YEAR, &fixture.reads, true).unwrap();
    assert!(reply.fallback);
    fixture.publish("judge", judge());
    assert_eq!(rate(&fixture, sale("a", 1, 0)), scored(21.0, false));
    assert_eq!(rate(&fixture, sale("a", 1, 1)), scored(11.0, false));
    assert_eq!(rate(&fixture, sale("b", 1, 1)), scored(12.0, false));
    // The parameter of the solution is 100; the branch has its own binding of the same name.
    assert_eq!(rate(&fixture, sale("b", 101, 1)), scored(13.0, true));
    fixture.publish("judge", Prediction::Fixed(Value::Absent));
    assert_eq!(rate(&fixture, sale("a", 1, 0)), scored(0.25, false));
    fixture.publish("judge", Prediction::Fixed(Value::Float(0.5)));
    assert_eq!(rate(&fixture, sale("a", 1, 0)), scored(0.5, false));
}

#[test]
fn what_is_late_or_broken_is_replaced_by_its_fallback_only_where_it_has_one() {
    let slow = r#"
solution slow { version: "1.0.0" }
type Sale { shop: string, amount: int, at: timestamp }
source sales: stream<Sale> { key: shop, time: at }
features takings by shop from sales { total = sum(amount) over 24h }
@post("/patient")
service patient(shop: string) -> int {
  @timeout(20ms) @fallback(-1)
  total = takings[shop].total
  return total
}
@post("/hasty") @deadline(20ms)
service hasty(shop: string) -> int {
  @fallback(-1)
  total = takings[shop].total
  return total
}
@post("/bare")
service bare(shop: string) -> int {
  @timeout(20ms)
  total = takings[shop].total
  return if shop == "skip" then 0 else total
}
test "data" { expect patient("a") == 0 }
"#;
    let mut fixture = fixture(slow);
    let all = |fixture: &Fixture, shop: &str, timeouts: bool| -> Vec<Result<Value, u16>> {
        ["patient", "hasty", "bare"]
            .iter()
            .map(|path| {
                let reply = fixture.services.request(path, vec![text(shop)], NEW_YEAR, &fixture.reads, timeouts);
                reply.map(|reply| reply.value).map_err(|error| error.status())
            })
            .collect()
    };
    let zero = || Ok(Value::Int(0));
    assert_eq!(all(&fixture, "a", false), [zero(), zero(), zero()]);
    fixture.reads.slow = Duration::from_millis(60);
    assert_eq!(all(&fixture, "a", true), [Ok(Value::Int(-1)), Err(504), Err(504)]);
    assert_eq!(all(&fixture, "a", false), [zero(), zero(), zero()]);
    fixture.reads.slow = Duration::ZERO;
    fixture.reads.is_broken = true;
    assert_eq!(all(&fixture, "a", false), [Ok(Value::Int(-1)), Ok(Value::Int(-1)), Err(503)]);
}

#[test]
fn a_relation_in_a_service_is_filtered_joined_and_ranked() {
    let fixture = fixture(SHOP);
    let entry = |shop: &str, price: i64| record(&[text(shop), Value::Int(price)]);
    let wanted = Value::List([entry("a", 5), entry("b", 90), entry("c", 7), entry("b", 6)].into());
    let picked = ask(&fixture, "till.pick", &[wanted, Value::Int(50)]).unwrap();
    let row = |shop: &str, price, total, name| record(&[text(shop), Value::Int(price), Value::Int(total), name]);
    assert_eq!(picked, Value::List([row("c", 7, 0, Value::Absent), row("b", 6, 50, text("Bob"))].into()));
    let none = ask(&fixture, "till.pick", &[Value::List([].into()), Value::Int(50)]).unwrap();
    assert_eq!(none, Value::List([].into()));
}

#[test]
fn what_two_branches_bind_under_one_name_is_that_of_each() {
    let fixture = fixture(SHOP);
    let sides = |n| ask(&fixture, "till.sides", &[Value::Int(n)]);
    assert_eq!((sides(4), sides(1)), (Ok(Value::Int(8)), Ok(Value::Int(103))));
}

#[test]
fn a_fault_counts_only_where_it_is_needed() {
    let fixture = fixture(SHOP);
    let risky = |amount, deep| ask(&fixture, "till.risky", &[Value::Int(amount), Value::Bool(deep)]);
    assert_eq!(risky(1, true), Ok(Value::Int(9_000_000_000_000_000_000)));
    assert_eq!(risky(2, false), Ok(Value::Int(7)));
    assert_eq!(risky(2, true), Err(RequestError::Fault(Fault::Overflow)));
    assert_eq!(risky(2, true).map_err(|error| (error.status(), error.code())), Err((500, "overflow")));
    assert_eq!(ask(&fixture, "till.nothing", &[]).map_err(|error| error.status()), Err(404));
}

#[test]
fn an_expectation_that_does_not_hold_shows_both_sides() {
    let fixture = fixture(SHOP);
    let test = fixture.ir.tests.first().unwrap();
    let mut given = Given::new();
    for expectation in &test.expectations {
        for id in fixture.services.rows_wanted(&expectation.nodes) {
            let schema = fixture.environment.names.enums.schema(&fixture.ir.graph.get(id).unwrap().columns);
            let mut batches = vec![flow_core::batch::Batch::empty(&schema)];
            if schema.fields.len() == 1
                && fixture.ir.graph.get(id).unwrap().op != (fec_ir::Op::SinkRows { sink: "loud".into() })
            {
                batches.extend(["2", "3"].map(|id| flow_core::batch::Batch::one(&schema, &[text(id)], NEW_YEAR)));
            }
            given.insert(id, flow_core::batch::Batch::concat(&schema, &batches));
        }
    }
    assert_eq!(given.len(), 2);
    let judged: Vec<(bool, Option<String>)> = test
        .expectations
        .iter()
        .map(|one| {
            let (now, reads) = (fixture.reads.now, &fixture.reads);
            fixture.services.expectation(&one.nodes, now, reads, &given, &mut Vec::new()).unwrap()
        })
        .map(|verdict| (verdict.holds, verdict.explanation))
        .collect();
    let wrong = |text: &str| (false, Some(text.to_owned()));
    let right = (true, None);
    assert_eq!(
        judged,
        [
            right.clone(),
            wrong("expected 41, was 40"),
            (false, None),
            wrong("expected less than 7, was 40"),
            wrong("expected 2, was 1"),
            wrong("expected anything but 40, was 40"),
            right.clone(),
            right.clone(),
            right,
        ]
    );
    let missing = test.expectations.last().unwrap();
    let error = fixture
        .services
        .expectation(&missing.nodes, NEW_YEAR, &fixture.reads, &Given::new(), &mut Vec::new())
        .unwrap_err();
    assert!(error.contains("not given"), "{error}");
}

#[test]
fn of_a_fault_an_expectation_says_that_it_was_needed_there() {
    let fixture = fixture(SHOP);
    let expectation = fixture.ir.tests.last().unwrap().expectations.first().unwrap();
    let error = fixture
        .services
        .expectation(&expectation.nodes, NEW_YEAR, &fixture.reads, &Given::new(), &mut Vec::new())
        .unwrap_err();
    assert_eq!(error, "a value that the expectation needs cannot be computed: the result is out of range");
}

const LISTS: &str = r#"
solution lists { version: "1.0.0" }
type Shop { id: string, rank: int, since: timestamp }
type Ranked { id: string, rank: int }
source shops: table<Shop> key id { file: "shops.csv", versions: since }
view best: table<Shop> key id = shops |> where rank == 1
@post("/all")
service all(most: int) -> list<Ranked> {
  return shops |> where rank <= most |> select id, rank
}
@post("/two")
service two(most: int) -> list<Ranked> {
  return shops |> where rank <= most |> select id, rank |> take 2
}
@post("/joined")
service joined(wanted: list<{ id: string }>) -> list<{ id: string, n: int, rank: int? }> {
  return wanted |> group by id { n = count() } |> left join shops as s on id == s.id |> select id, n, rank = s.rank
}
@post("/side")
service side(n: int) -> string {
  if n > 1 { return "more" } else { return "less" }
}
@post("/is_best")
service is_best(id: string) -> bool { return best[id] != null }
test "data" {
  given shops [
    { id: "c", rank: 1, since: 2026-01-01T00:00:00Z }, { id: "b", rank: 2, since: 2026-01-01T00:00:00Z },
    { id: "a", rank: 2, since: 2026-01-01T00:00:00Z }, { id: "a", rank: 1, since: 2026-01-01T02:00:00Z }
  ]
  at 2026-01-01T01:00:00Z
  expect is_best("c")
}
"#;

#[test]
fn a_request_sees_tables_as_of_now_in_the_order_of_their_columns() {
    let fixture = fixture(LISTS);
    let asked = |path: &str, argument: Value, hours: i64| {
        let now = NEW_YEAR + hours * HOUR;
        fixture.services.request(path, vec![argument], now, &fixture.reads, true).unwrap().value
    };
    let list = |rows: &[(&str, i64)]| {
        Value::List(rows.iter().map(|(id, rank)| record(&[text(id), Value::Int(*rank)])).collect::<Vec<_>>().into())
    };
    assert_eq!(asked("all", Value::Int(9), 1), list(&[("a", 2), ("b", 2), ("c", 1)]));
    assert_eq!(asked("all", Value::Int(9), 2), list(&[("a", 1), ("b", 2), ("c", 1)]));
    assert_eq!(asked("two", Value::Int(9), 1), list(&[("a", 2), ("b", 2)]));
    assert_eq!([1, 2].map(|n| asked("side", Value::Int(n), 1)), [text("less"), text("more")]);
    assert_eq!(asked("is_best", text("a"), 1), Value::Bool(false));
    assert_eq!(asked("is_best", text("a"), 2), Value::Bool(true));
    // A group has no place of its own: it reads the table as of now, too.
    let wanted = Value::List(vec![record(&[text("a")]), record(&[text("z")]), record(&[text("a")])].into());
    for (hours, rank) in [(1, 2), (2, 1)] {
        let groups =
            [record(&[text("a"), Value::Int(2), Value::Int(rank)]), record(&[text("z"), Value::Int(1), Value::Absent])];
        assert_eq!(asked("joined", wanted.clone(), hours), Value::List(groups.to_vec().into()));
    }
}
