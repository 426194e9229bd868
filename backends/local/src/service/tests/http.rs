use flow_http::{Answer, Call, Status};
use serde_json::{Value as Json, json};

use flow_core::batch::Batch;

use super::*;
use crate::service::{Emits, Emitted, Health};

const ORDERS: &str = r#"
solution orders { version: "2.1.0" }
enum Way { road, sea }
/// What somebody wants.
type Order {
  /// In the order's own currency.
  price: decimal(6, 2)
  count: int
  way: Way
  note: string?
  lines: list<{ item: string, weight: float }>
  place: { city: string, since: date? }
  at: timestamp
}
/// Prices an order.
@post("/orders")
service price(order: Order) -> { total: decimal(38, 2), way: Way, at: timestamp, lines: int, note: string? } {
  return { total: order.price * order.count, way: order.way, at: order.at, lines: length(order.lines), note: order.note }
}
@get("/shops/:shop/orders")
service list_orders(shop: string, since: timestamp?, most: int, least: decimal(6, 2)?, open: bool?, way: Way?) -> { shop: string, since: timestamp?, most: int, least: decimal(6, 2)?, open: bool?, way: Way? } {
  return { shop: shop, since: since, most: most, least: least, open: open, way: way }
}
@post("/both/:name") @deadline(5s)
service both(name: string, count: int, extra: float?) -> { name: string, count: int, extra: float?, asked: timestamp } {
  return { name: name, count: count, extra: extra, asked: now }
}
test "data" { expect 1 == 1 }
"#;

struct Client {
    routes: Vec<flow_http::Route>,
    kept: Arc<Kept>,
}

/// Keeps what is emitted.
#[derive(Default)]
struct Kept(std::sync::Mutex<Vec<Taken>>);

/// Sinks with a row each, and how many could not be computed.
type Taken = (Vec<(String, Vec<Value>)>, usize);

impl Emits for Kept {
    fn take(&self, emitted: Vec<Emitted>, left_out: usize, now: i64) {
        assert_eq!(now, NEW_YEAR);
        let rows = emitted.into_iter().flat_map(|one| {
            (0..one.rows.rows).map(|row| (one.sink.clone(), row_of(&one.rows, row))).collect::<Vec<_>>()
        });
        self.0.lock().unwrap().push((rows.collect(), left_out));
    }
}

fn row_of(rows: &Batch, row: usize) -> Vec<Value> {
    rows.columns.iter().map(|column| column.value(row).unwrap()).collect()
}

impl Client {
    fn new() -> Self {
        Self::of(ORDERS)
    }

    fn of(text: &str) -> Self {
        let mut fixture = fixture(text);
        fixture.reads.now = NEW_YEAR;
        let reads: Arc<dyn Reads> = Arc::new(fixture.reads);
        let kept = Arc::new(Kept::default());
        let emits: Arc<dyn Emits> = Arc::clone(&kept) as _;
        Self { routes: fixture.services.routes(&reads, &emits), kept }
    }

    fn call(&self, path: &str, call: Call) -> (u16, Json, Answer) {
        let route = self.routes.iter().find(|route| route.path == path).unwrap();
        let answer = route.endpoint.answer(call);
        (answer.status, serde_json::from_slice(&answer.body).unwrap(), answer)
    }

    fn post(&self, path: &str, body: &str) -> (u16, Json) {
        let (status, body, _) = self.call(path, Call { body: body.as_bytes().to_vec().into(), ..Call::default() });
        (status, body)
    }

    fn get(&self, shop: &str, query: &[(&str, &str)]) -> (u16, Json) {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let call = Call { path: owned(&[("shop", shop)]), query: owned(query), ..Call::default() };
        let (status, body, _) = self.call("/shops/:shop/orders", call);
        (status, body)
    }
}

fn order() -> Json {
    json!({
        "price": "12.50", "count": 3, "way": "sea", "note": null, "unknown": [1, { "a": 2 }],
        "lines": [{ "item": "x", "weight": 0.1 }], "place": { "city": "Oslo" }, "at": "2026-01-01T01:00:00+01:00",
    })
}

#[test]
fn a_body_is_the_single_record_and_its_values_are_exact() {
    let client = Client::new();
    let (status, body) = client.post("/orders", &order().to_string());
    assert_eq!(status, 200, "{body}");
    assert_eq!(body, json!({ "total": "37.50", "way": "sea", "at": "2026-01-01T00:00:00Z", "lines": 1, "note": null }));
    // More digits than a float has.
    let exact = order().to_string().replace("\"12.50\"", "9007.03").replace(":3,", ":1001,");
    assert_eq!(client.post("/orders", &exact).1["total"], json!("9016037.03"));
}

#[test]
fn a_bad_request_names_its_field() {
    let client = Client::new();
    let with = |change: &dyn Fn(&mut Json)| {
        let mut order = order();
        change(&mut order);
        let (status, body) = client.post("/orders", &order.to_string());
        assert!(body["message"].is_string(), "{body}");
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        (status, text("code"), text("field"))
    };
    let refused = |code: &str, field: &str| (422, code.to_owned(), field.to_owned());
    assert_eq!(with(&|order| order["price"] = json!(true)), refused("type", "price"));
    assert_eq!(with(&|order| order["price"] = json!("1.234")), refused("precision", "price"));
    assert_eq!(with(&|order| order["price"] = json!(123_456)), refused("precision", "price"));
    assert_eq!(with(&|order| order["price"] = Json::Null), refused("missing", "price"));
    assert_eq!(with(&|order| order["count"] = json!(1.5)), refused("type", "count"));
    assert_eq!(with(&|order| order["count"] = json!(u64::MAX)), refused("overflow", "count"));
    assert_eq!(with(&|order| order["way"] = json!("air")), refused("type", "way"));
    assert_eq!(with(&|order| order["lines"][0]["weight"] = json!("heavy")), refused("type", "lines[0].weight"));
    assert_eq!(with(&|order| order["lines"] = json!({})), refused("type", "lines"));
    assert_eq!(with(&|order| order["place"] = json!({})), refused("missing", "place.city"));
    assert_eq!(with(&|order| order["place"]["since"] = json!("2026-02-30")), refused("type", "place.since"));
    assert_eq!(with(&|order| order["at"] = json!(17)), refused("type", "at"));
    assert_eq!(with(&|order| drop(order.as_object_mut().unwrap().remove("at"))), refused("missing", "at"));
    assert_eq!(with(&|order| *order = json!([1])), refused("type", "order"));
}

#[test]
fn what_is_no_json_is_malformed_and_nothing_panics() {
    let client = Client::new();
    let whole = order().to_string();
    for body in ["", "   ", "{", "nonsense", "{\"price\":01}", "{\"price\":\"\\ud800\"", "\u{feff}{}"] {
        let (status, answer) = client.post("/orders", body);
        assert_eq!((status, answer["code"].as_str()), (400, Some("malformed")), "{body}");
    }
    for end in 0..whole.len() {
        let (status, _) = client.post("/orders", whole.get(..end).unwrap_or("{"));
        assert!((400..500).contains(&status), "{end}");
    }
    let call = Call { body: vec![b'{', 0xff, b'}'].into(), ..Call::default() };
    assert_eq!(client.call("/orders", call).0, 400);
}

#[test]
fn parameters_of_path_and_query_are_typed() {
    let client = Client::new();
    let (status, body) = client.get(
        "a \"b\"",
        &[
            ("most", "-3"),
            ("since", "2026-01-01T00:00:00.5Z"),
            ("least", "0.10"),
            ("open", "true"),
            ("way", "road"),
            ("other", "{"),
        ],
    );
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body,
        json!({
            "shop": "a \"b\"", "since": "2026-01-01T00:00:00.500Z", "most": -3, "least": "0.10", "open": true, "way": "road",
        })
    );
    let (status, body) = client.get("x", &[("most", "1"), ("since", ""), ("most", "2")]);
    assert_eq!((status, &body["since"], &body["most"]), (200, &Json::Null, &json!(2)));
    let (_, body) = client.get("x", &[("most", "1"), ("shop", "y")]);
    assert_eq!(body["shop"], json!("x"), "what stands in the path stands there");
    for (query, field) in [
        (vec![], "most"),
        (vec![("most", "")], "most"),
        (vec![("most", "1e3")], "most"),
        (vec![("most", "007")], "most"),
        (vec![("most", "1,\"way\":\"sea\"")], "most"),
        (vec![("most", "1"), ("open", "yes")], "open"),
        (vec![("most", "1"), ("least", "0.001")], "least"),
        (vec![("most", "1"), ("since", "yesterday")], "since"),
    ] {
        let (status, body) = client.get("x", &query);
        assert_eq!((status, body["field"].as_str()), (422, Some(field)), "{query:?} {body}");
    }
}

#[test]
fn path_and_body_go_together_and_a_header_may_name_a_later_time() {
    let client = Client::new();
    let ask = |time: Option<&str>| {
        let call = Call {
            path: vec![("name".to_owned(), "n".to_owned())],
            body: b"{\"count\":2}".to_vec().into(),
            time: time.map(str::to_owned),
            ..Call::default()
        };
        client.call("/both/:name", call)
    };
    let (status, body, answer) = ask(None);
    assert_eq!(status, 200, "{body}");
    assert_eq!(body, json!({ "name": "n", "count": 2, "extra": null, "asked": "2026-01-01T00:00:00Z" }));
    let headers: Vec<_> = answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers, [("fec-time", "2026-01-01T00:00:00Z"), ("fec-cut", "sales/0:3")]);
    let (_, body, answer) = ask(Some("2026-01-02T00:00:00Z"));
    assert_eq!(body["asked"], json!("2026-01-02T00:00:00Z"));
    assert_eq!(answer.headers.first().unwrap().1, "2026-01-02T00:00:00Z");
    // The store cannot go back: an earlier instant is now.
    assert_eq!(ask(Some("2020-01-01T00:00:00Z")).1["asked"], json!("2026-01-01T00:00:00Z"));
    let (status, body, answer) = ask(Some("soon"));
    assert_eq!((status, body["field"].as_str()), (400, Some("fec-time")));
    assert_eq!(answer.headers.first().unwrap().1, "2026-01-01T00:00:00Z");
}

#[test]
fn the_document_describes_routes_types_and_answers() {
    let fixture = fixture(ORDERS);
    let document = serde_json::from_str::<Json>(fixture.services.document()).unwrap();
    assert_eq!(document["openapi"], json!("3.1.0"));
    assert_eq!(document["info"], json!({ "title": "orders", "version": "2.1.0" }));
    let post = &document["paths"]["/orders"]["post"];
    assert_eq!(post["operationId"], json!("price"));
    assert_eq!(post["description"], json!("Prices an order."));
    let body = &post["requestBody"];
    assert_eq!(body["required"], json!(true));
    assert_eq!(body["content"]["application/json"]["schema"], json!({ "$ref": "#/components/schemas/Order" }));
    for status in ["200", "400", "422", "504"] {
        assert!(post["responses"][status].is_object(), "{status}");
    }
    let order = &document["components"]["schemas"]["Order"];
    assert_eq!(order["description"], json!("What somebody wants."));
    assert_eq!(order["properties"]["price"]["description"], json!("In the order's own currency."));
    assert_eq!(order["required"], json!(["price", "count", "way", "lines", "place", "at"]));
    assert_eq!(document["components"]["schemas"]["Way"], json!({ "type": "string", "enum": ["road", "sea"] }));
    let parameters = &document["paths"]["/shops/{shop}/orders"]["get"]["parameters"];
    let places: Vec<(&str, &str, bool)> = parameters
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["in"].as_str().unwrap(), one["required"].as_bool().unwrap()))
        .collect();
    assert_eq!(places.first(), Some(&("shop", "path", true)));
    assert!(places.contains(&("most", "query", true)) && places.contains(&("since", "query", false)));
    let both = &document["paths"]["/both/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(both["required"], json!(["count"]));
    // Every reference leads somewhere.
    let text = document.to_string();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

const SENT: &str = r#"
solution sent { version: "1.0.0" }
type Order { count: int }
engine shop {
  service plain(wait: duration, most: int?) -> duration { return wait }
  @post("/maybe")
  service maybe(order: Order?) -> bool { return order == null }
  @get("/of/:name")
  service of(name: string?, wait: duration?) -> { name: string? } { return { name } }
}
test "data" { expect 1 == 1 }
"#;

#[test]
fn the_document_says_what_must_be_sent_and_what_may_be_absent() {
    let fixture = fixture(SENT);
    let document = serde_json::from_str::<Json>(fixture.services.document()).unwrap();
    let plain = &document["paths"]["/plain"]["post"];
    assert_eq!((&plain["operationId"], &plain["tags"]), (&json!("shop.plain"), &json!(["shop"])));
    assert!(plain["description"].is_null());
    let schema = &plain["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["properties"]["wait"]["type"], json!("integer"));
    assert_eq!(schema["properties"]["most"]["anyOf"][1], json!({ "type": "null" }));
    assert_eq!(schema["required"], json!(["wait"]));
    let maybe = &document["paths"]["/maybe"]["post"]["requestBody"];
    assert_eq!(maybe["required"], json!(false));
    assert_eq!(
        maybe["content"]["application/json"]["schema"]["anyOf"][0],
        json!({ "$ref": "#/components/schemas/Order" })
    );
    let of = document["paths"]["/of/{name}"]["get"]["parameters"].as_array().unwrap();
    let told: Vec<_> = of
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["in"].as_str().unwrap(), one["required"] == true))
        .collect();
    // A path has no place that may be empty, whatever the type.
    assert_eq!(told, [("name", "path", true), ("wait", "query", false), ("fec-time", "header", false)]);
}

const MODELLED: &str = r#"
solution modelled { version: "1.0.0" }
use std.ml.{ gbdt }
source sales: stream<{ amount: int, at: timestamp }> { time: at }
job learn {
  model = gbdt(sales, label: amount > 3, trees: 2, depth: 2, features: [amount])
  publish model as judge
}
@post("/rate")
service rate(amount: int) -> float? { return judge(amount: amount) }
test "data" { expect 1 == 1 }
"#;

#[test]
fn health_names_the_versions_of_models() {
    let fixture = fixture(ORDERS);
    let reads: Arc<dyn Reads> = Arc::new(fixture.reads);
    let health = Health::new(Arc::clone(&fixture.services), reads, || "own 1\n".to_owned());
    assert_eq!(health.ready(), (true, json!({ "ready": true, "models": {} })));
    assert_eq!(health.metrics(), "own 1\n");
    let mut modelled = super::fixture(MODELLED);
    let health =
        |fixture: Fixture| Health::new(Arc::clone(&fixture.services), Arc::new(fixture.reads), String::new).ready();
    assert_eq!(health(super::fixture(MODELLED)), (true, json!({ "ready": true, "models": { "judge": null } })));
    modelled.publish("judge", Prediction::Fixed(Value::Float(0.5)));
    assert_eq!(health(modelled), (true, json!({ "ready": true, "models": { "judge": 1 } })));
}

const LOGGED: &str = r#"
solution logged { version: "1.0.0" }
type Item { id: string, price: int }
sink answers: stream<{ id: string, total: int, at: timestamp }> { }
sink seen: table<{ item: string, ratio: float }> key item { }
@post("/over")
service over(by: int) -> int {
  emit { id: "x", total: 9_223_372_036_854_775_807 - 1 + by, at: now } to answers
  return by
}
@post("/total")
service total(id: string, items: rows<Item>, by: int) -> { total: int } {
  dear = items |> where price > 1
  emit dear |> select item = id, ratio = 2.0 / (price - by) ?? 0.0 to seen
  priced = items |> group { sum = sum(price) }
  all = priced |> select sum
  if by > 0 { emit { id, total: 9_223_372_036_854_775_807 - 1 + by, at: now } to answers }
  return { total: by }
}
test "data" { expect 1 == 1 }
"#;

#[test]
fn what_a_service_emits_goes_out_once_for_each_answer_and_is_nothing_to_it() {
    let client = Client::of(LOGGED);
    let items = r#"[{"id":"a","price":1},{"id":"b","price":3},{"id":"c","price":5}]"#;
    let post = |by: &str| client.post("/total", &format!(r#"{{"id":"x","items":{items},"by":{by}}}"#));
    let taken = || std::mem::take(&mut *client.kept.0.lock().unwrap());
    assert_eq!(post("1"), (200, json!({ "total": 1 })));
    let seen = |item: &str, ratio: f64| ("seen".to_owned(), vec![text(item), Value::Float(ratio)]);
    let answer = ("answers".to_owned(), vec![text("x"), Value::Int(i64::MAX), Value::Int(NEW_YEAR)]);
    assert_eq!(taken(), [(vec![seen("b", 1.0), seen("c", 0.5), answer], 0)]);
    // Without the branch its `emit` is none; a division by zero is absent here, and no fault.
    assert_eq!(post("-5").0, 200);
    assert_eq!(taken(), [(vec![seen("b", 0.25), seen("c", 0.2)], 0)]);
    // The record overflows: that `emit` is left out, the response is not.
    assert_eq!(post("3"), (200, json!({ "total": 3 })));
    assert_eq!(taken(), [(vec![seen("b", 0.0), seen("c", 1.0)], 1)]);
    // That is counted where nothing else goes out, too.
    assert_eq!(client.post("/over", r#"{"by":3}"#), (200, json!(3)));
    assert_eq!(taken(), [(Vec::new(), 1)]);
    // Who gets no response emits nothing.
    assert_eq!(post(r#""many""#).0, 422);
    assert_eq!(taken(), []);
}
