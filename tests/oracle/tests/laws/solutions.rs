//! Solutions whose own tests say what must come out: the evaluator says so, too.

use fec_diagnostics::FileId;

fn hold(text: &str, tests: usize) {
    let parsed = fec_syntax::parse(FileId(0), text);
    let (model, found) = fec_model::check(&[(FileId(0), &parsed.file)], &fec_model::CheckOptions::default());
    assert!(parsed.diagnostics.iter().chain(&found).all(|one| !one.is_error()), "{found:?}");
    assert_eq!(model.tests.len(), tests);
    for test in &model.tests {
        let held = asol_oracle::test::expectations(&model, test).unwrap();
        assert!(held.iter().all(|one| *one == Ok(true)), "{}: {held:?}", test.name);
    }
}

#[test]
fn requests_give_their_rows_to_sinks() {
    hold(include_str!("../../../solutions/decisions/decisions.asol"), 3);
}

#[test]
fn numbers_and_texts_become_numbers() {
    hold(include_str!("../../../solutions/conversions/conversions.asol"), 4);
}

/// Rows of a request have no time: what they read is what the request reads.
const RANKED: &str = r#"
solution ranked { version: "1.0.0" }
source clicks: stream<{ item: string, at: timestamp }> { time: at }
features clicked by item from clicks { n = count() over 1h }
@post("/rank") service rank(items: rows<{ item: string }>) -> list<{ item: string, n: int }> {
  return items |> with clicked |> sort by n desc
}
test "as of the request" {
  given clicks [
    { item: "a", at: 2026-01-01T00:00:00Z },
    { item: "b", at: 2026-01-01T00:30:00Z },
    { item: "b", at: 2026-01-01T00:59:00Z }
  ]
  at 2026-01-01T01:10:00Z
  expect rank([{ item: "a" }, { item: "c" }, { item: "b" }]) == [{ item: "b", n: 2 }, { item: "a", n: 0 }, { item: "c", n: 0 }]
}
"#;

#[test]
fn rows_of_a_request_read_features_as_it_does() {
    hold(RANKED, 1);
}

/// A sink has its rows as it received them.
const RECEIVED: &str = r#"
solution received { version: "1.0.0" }
source clicks: stream<{ item: string, at: timestamp }> { time: at }
sink all: stream<{ item: string, at: timestamp }> {}
stream pass { emit clicks to all }
test "in the order in which they came" {
  given clicks [{ item: "b", at: 2026-01-01T00:00:00Z }, { item: "c", at: 2026-01-01T00:00:02Z }, { item: "a", at: 2026-01-01T00:00:01Z }]
  expect (all |> select item) == [{ item: "b" }, { item: "c" }, { item: "a" }]
}
"#;

#[test]
fn a_sink_has_its_rows_as_it_received_them() {
    hold(RECEIVED, 1);
}

/// A high sale stands until a low one comes within a day; a sale finds what its shop held before it.
const VIEWS: &str = r#"
solution shops { version: "1.0.0" }
type Sale { id: string, shop: string?, high: bool, at: timestamp }
source sales: stream<Sale> { time: at, lateness: 1h }
view last: table<Sale> key shop = sales
view standing: table<{ shop: string?, id: string }> key shop = sales
  |> where high
  |> anti join (sales |> where not high) as low on shop == low.shop within 0s..1d
  |> select shop, id
sink found: stream<{ id: string, before: string, held: string }> {}
stream watch {
  emit sales
    |> left join last as l on shop == l.shop
    |> left join standing as s on shop == s.shop
    |> select id, before = l.id ?? "", held = s.id ?? "" to found
}
@get("/:shop") service held(shop: string) -> { last: string?, standing: string? } {
  return { last: last[shop].id, standing: standing[shop].id }
}
@post("/all") service all(shops: list<{ shop: string }>) -> list<{ shop: string, last: string? }> {
  found = shops |> left join last as l on shop == l.shop |> select shop, last = l.id |> sort by shop
  return found
}
test "the last row that is there" {
  given sales [
    { id: "1", shop: "a", high: true,  at: 2026-01-01T00:00:00Z },
    { id: "2", shop: "a", high: true,  at: 2026-01-03T00:00:00Z },
    { id: "3", shop: "b", high: true,  at: 2026-01-03T00:00:00Z },
    { id: "4",            high: true,  at: 2026-01-03T00:00:00Z },
    { id: "5", shop: "a", high: false, at: 2026-01-04T00:00:00Z },
    { id: "6", shop: "b", high: false, at: 2026-01-03T23:59:59Z },
    { id: "7", shop: "a", high: false, at: 2026-01-05T00:00:00Z }
  ]
  at 2026-01-05T00:00:01Z
  expect held("a") == { last: "7", standing: "1" }
  expect held("b").last == "6" and held("b").standing == null
  expect held("c").last == null
  expect last["a"].id == "7"
  expect all([{ shop: "z" }, { shop: "b" }, { shop: "a" }]) == [{ shop: "a", last: "7" }, { shop: "b", last: "6" }, { shop: "z", last: null }]
  expect found == [
    { id: "1", before: "", held: "" },
    { id: "2", before: "1", held: "1" },
    { id: "3", before: "", held: "" },
    { id: "4", before: "", held: "" },
    { id: "5", before: "2", held: "2" },
    { id: "6", before: "3", held: "3" },
    { id: "7", before: "5", held: "1" }
  ]
}
"#;

#[test]
fn views_over_streams_hold_the_last_row_that_is_there() {
    hold(VIEWS, 1);
}
