//! One answer for programs that somebody wrote, of what random ones do not have: run whole, as `fec run` runs them, and
//! read over HTTP.

use std::fmt::Write;

use fec_suite::compare::{Report, checked};
use fec_suite::generate::Program;
use fec_suite::served::served;

/// What the evaluator says of a program, its files and its requests.
fn hold(asol: &str) -> Report {
    let mut events = String::new();
    for n in 0_u32..120 {
        let at = format!("2026-01-01T00:{:02}:{:02}Z", n / 60, n % 60);
        let _ = writeln!(events, "{{\"id\":{},\"k\":\"k{}\",\"y\":{},\"at\":\"{at}\"}}", n * 7 % 13, n % 5, n % 3 == 0);
    }
    let head = "solution written { version: \"1.0.0\" }\nparam most: int = 5\n\
                source ev: stream<{ id: int, k: string, y: bool, at: timestamp }> { file: \"ev.jsonl\", time: at }\n\
                source tb: table<{ id: int, v: int }> key id { file: \"tb.csv\" }\n";
    held(&Program {
        seed: 1,
        asol: format!("{head}{asol}"),
        files: [("ev.jsonl".to_owned(), events), ("tb.csv".to_owned(), "id,v\n1,2\n3,4\n5,6\n".to_owned())].into(),
    })
}

fn held(program: &Program) -> Report {
    let mut report = Report::default();
    let model = checked(program);
    assert!(model.is_ok(), "{}", model.err().unwrap_or_default().join("\n"));
    let ended = model.map(|model| served(program, &model, &mut report));
    assert_eq!(ended, Ok(Ok(())));
    assert!(report.differences.is_empty(), "{}", report.differences.join("\n"));
    report
}

#[test]
fn rows_that_end_stand_among_those_of_streams() {
    let rows = [
        "ev |> take 3 |> union ev",
        "ev |> where y |> union (ev |> take 30)",
        "ev |> distinct by id |> union (ev |> where id > most), (ev |> latest by k)",
        "ev |> sort by id desc |> union ev",
        "ev |> top 4 by id |> where y |> union (ev |> take 5 |> union ev)",
        "ev |> union (ev |> take 9) |> distinct by k |> union ev |> take 40",
    ];
    let mut asol = String::new();
    for (number, rows) in rows.iter().enumerate() {
        let _ = writeln!(asol, "sink rows{number}: rows<{{ id: int, at: timestamp }}> {{}}");
        let _ = writeln!(asol, "sink keys{number}: table<{{ id: int, at: timestamp }}> key id {{}}");
        let _ = writeln!(asol, "job j{number} {{\n  r = {rows} |> select id, at\n  emit r to rows{number}");
        let _ = writeln!(asol, "  emit r to keys{number}\n}}");
    }
    assert!(hold(&asol).compared > 500);
}

#[test]
fn rows_that_end_are_joined_within_a_time_like_those_of_streams() {
    let rows = [
        "ev |> take 9 |> union ev |> join ev as o on k == o.k within -5s..7s",
        "ev |> where y |> semi join (ev |> latest by k |> union ev) as o on k == o.k within 1s..60s",
        "ev |> sort by id |> union ev |> anti join ev as o on id == o.id within 1s..70s",
        "ev |> distinct by id |> union ev |> left join first (ev |> where y) as o on k == o.k within 0s..9s",
        "ev |> join ev as o on k == o.k within 0s..5s |> union (ev |> top 3 by id |> derive o = { id, k, y, at })",
    ];
    let mut asol = String::new();
    for (number, rows) in rows.iter().enumerate() {
        let _ = writeln!(asol, "sink rows{number}: rows<{{ id: int, at: timestamp }}> {{}}");
        let _ = writeln!(asol, "job j{number} {{ emit {rows} |> select id, at to rows{number} }}");
    }
    assert!(hold(&asol).compared > 500);
}

#[test]
fn a_union_of_streams_finds_what_views_held_before_each_row() {
    let report = hold(
        r#"
view last: table<{ id: int, at: timestamp }> key id = ev |> select id, at
features seen by id from ev { n = count() over 1m }
sink found: rows<{ id: int, at: timestamp, before: timestamp?, n: int }> {}
sink again: stream<{ id: int, at: timestamp, before: timestamp? }> {}
job j {
  both = ev |> where y |> union (ev |> where id > most and not y)
  emit both |> with seen |> left join last as l on id == l.id |> where l == null or id > 3 |> select id, at, before = l.at, n to found
}
stream s {
  emit ev |> where y |> union (ev |> where id > most) |> left join last as l on id == l.id |> select id, at, before = l.at to again
}
"#,
    );
    assert!(report.compared > 100);
}

#[test]
fn values_that_flows_bind_are_read_by_their_relations_and_conditions() {
    let report = hold(
        r#"
features seen by id from ev { n = count() over 1m }
sink above: stream<{ id: int, on: date, up: int, word: string }> {}
sink near:  stream<{ id: int, n: int, at: timestamp }> {}
sink few:   rows<{ id: int, n: int }> {}
sink many:  rows<{ id: int, n: int }> {}
sink odd:   rows<{ id: int, k: string }> {}
stream s {
  least = most - 2
  day   = date(now - 1d) + 2d
  word  = if least > 2 then "high" else null
  both  = least * 2
  emit ev |> where id > least and word != null and length(word) > least |> select id, on = day, up = id + both, word = word ?? "" to above
  emit ev |> with seen |> join (ev |> where id > least) as e on id == e.id and e.id < both within 1us..20s |> where now == at |> final |> select id, n, at to near
}
job j {
  least = most - 2
  limit = least * least
  wide  = limit > 8
  emit ev |> group by id { n = count() } |> where n > limit |> select id, n = n + least to few
  if wide {
    more = if wide then least else 0
    if more == 3 { emit ev |> group by id { n = count() } |> where n >= more to many } else { emit ev |> select id, n = 0 to few }
  }
  if date(now) < 2026-01-01 { emit ev |> select id, k to odd } else { emit ev |> where id mod 2 == least - 2 |> select id, k to odd }
}
@post("/k") service ranked(k: string) -> list<{ id: int, n: int, v: int? }> {
  size = length(k)
  rows = [{ id: size }, { id: 5 }, { id: 2 }] |> with seen |> left join tb as t on id == t.id |> select id, n, v = t.v
  if size > 3 { return rows |> sort by n desc, id }
  return rows |> where n > most
}
"#,
    );
    assert!(report.compared > 100 && report.answers > 0);
}

#[test]
fn decimals_are_joined_by_value_whatever_their_scales() {
    let report = hold(
        r#"
view fine:   table<{ h: decimal(12, 4), at: timestamp }> key h = ev |> select h = if y then decimal(id, 12, 4) + 0.0001 else decimal(id, 12, 4), at
view coarse: table<{ h: decimal(6, 0), at: timestamp }>  key h = ev |> select h = decimal(id, 6, 0), at
view sized:  table<{ h: decimal(9, 3), v: int }>         key h = tb |> select h = decimal(id, 9, 3), v
sink held:  stream<{ id: int, at: timestamp, before: timestamp? }> {}
sink back:  stream<{ id: int, at: timestamp, before: timestamp? }> {}
sink met:   stream<{ id: int, at: timestamp, other: timestamp }> {}
sink alone: stream<{ id: int, at: timestamp }> {}
sink sizes: stream<{ id: int, v: int? }> {}
sink sums:  rows<{ k: string, v: int }> {}
stream s {
  exact = ev |> derive d = decimal(id, 38, 0), e = if y then decimal(id, 38, 30) else null, f = if y then decimal(id, 8, 2) else decimal(id, 8, 2) + 0.03
  emit exact |> left join fine as h on d == h.h |> select id, at, before = h.at to held
  emit exact |> left join coarse as c on f == c.h |> select id, at, before = c.at to back
  emit exact |> join (ev |> derive e = if y then decimal(id, 38, 30) else null) as o on d == o.e within -9s..9s |> select id, at, other = o.at to met
  emit exact |> anti join ev as o on e == o.id within 1us..9s |> final |> select id, at to alone
  emit exact |> left join sized as z on f == z.h |> select id, v = z.v to sizes
}
job j {
  emit ev |> group by k { n = sum(decimal(id, 9, 4)) } |> join tb as t on n == 100 * t.id + 24 |> select k, v = t.v to sums
}
@post("/k") service held_by(k: string) -> list<{ h: decimal(9, 2), at: timestamp?, v: int? }> {
  rows = [{ h: decimal(1, 9, 2) }, { h: decimal(2, 9, 2) + 0.01 }, { h: decimal(length(k), 9, 2) }]
  return rows |> left join coarse as c on h == c.h |> left join sized as z on h == z.h |> select h, at = c.at, v = z.v
}
"#,
    );
    assert!(report.compared > 200 && report.answers > 0);
}

/// The row that stands for an unmatched event cannot be computed; what takes it back has no fault.
#[test]
fn who_takes_back_a_row_that_was_left_out_is_not_named() {
    let report = hold(
        r#"
view paired = ev |> left join (ev |> where y) as o on k == o.k and id > o.id within 1s..9s |> derive n = if o == null then (id - 3) * 9223372036854775807 else id
view kept: table<{ n: int, id: int, at: timestamp }> key n = paired |> select n, id, at
sink picked: stream<{ id: int, at: timestamp }> {}
sink whole:  table<{ id: int, n: int }> key id {}
sink lasts:  stream<{ id: int, m: int, at: timestamp }> {}
sink joined: stream<{ id: int, at: timestamp, v: int? }> {}
stream s {
  emit paired |> where n > 0 |> final |> select id, at to picked
  emit paired |> select id, n to whole
  emit ev |> left join latest (ev |> where y) as o on k == o.k and id > o.id within 1s..9s |> derive m = (o.id ?? 7) * 1537228672809129301 |> final |> select id, m, at to lasts
  emit paired |> left join tb as t on n == t.id |> final |> select id, at, v = t.v to joined
}
@post("/n") service held(k: string) -> int { return kept[length(k)].id ?? 0 }
"#,
    );
    assert!(report.letters > 100 && report.compared > 100, "{} {}", report.letters, report.compared);
}

#[test]
fn equal_rows_of_one_place_each_stand_as_they_came() {
    let several = "(tb |> derive one = id * 0, y = v == 4) as t on zero == t.one";
    let joined = format!("ev |> derive zero = id * 0 |> join {several} |> select id, y = t.y, at");
    let asol = format!(
        "view twice = {joined}\n\
         view last: table<{{ id: int, y: bool, at: timestamp }}> key id = {joined}\n\
         sink rows: rows<{{ id: int, y: bool, at: timestamp }}> {{}}\n\
         sink keys: table<{{ id: int, y: bool, at: timestamp }}> key id {{}}\n\
         sink pairs: rows<{{ id: int, y: bool, o: bool? }}> {{}}\n\
         sink newest: table<{{ id: int, y: bool, o: bool? }}> key id {{}}\n\
         sink settled: stream<{{ id: int, y: bool, o: bool? }}> {{}}\n\
         sink held: stream<{{ id: int, was: bool? }}> {{}}\n\
         job j {{\n  emit twice to rows\n  emit twice to keys\n  \
         emit twice |> where id < 9 |> left join twice as o on id == o.id within 1s..20s |> select id, y, o = o.y to pairs\n}}\n\
         stream s {{\n  emit twice |> left join twice as o on id == o.id within 1s..20s |> select id, y, o = o.y to newest\n  \
         emit twice |> left join twice as o on id == o.id within 1s..20s |> final |> select id, y, o = o.y to settled\n  \
         emit ev |> left join last as l on id == l.id |> select id, was = l.y to held\n}}\n"
    );
    assert!(hold(&asol).compared > 1_000);
}

#[test]
fn a_record_at_the_last_instant_hides_none_behind_it() {
    let asol = "solution last { version: \"1.0.0\" }\n\
                type Event { id: int, at: timestamp }\n\
                source ev: stream<Event> { file: \"ev.jsonl\", time: at, unit: us, lateness: 1h }\n\
                source ov: stream<Event> { file: \"ov.jsonl\", time: at, unit: us, ahead: 1h }\n\
                features f by id from ev { n = count() over 1h }\n\
                sink seen: stream<{ id: int, n: int }> {}\n\
                sink rows: rows<{ id: int }> {}\n\
                stream s { emit ev |> with f |> select id, n to seen }\n\
                job j { emit ov |> select id to rows }\n";
    let times = [1_000_000, i64::MAX, 2_000_000, i64::MAX - 1, i64::MAX];
    let (mut ev, mut ov) = (String::new(), String::new());
    for (id, at) in times.into_iter().enumerate() {
        let _ = writeln!(ev, "{{\"id\":{},\"at\":{at}}}", id % 2);
        let _ = writeln!(ov, "{{\"id\":{id},\"at\":{at},\"_arrived\":{}}}", 1_000_000 + id);
    }
    let files = [("ev.jsonl".to_owned(), ev), ("ov.jsonl".to_owned(), ov)].into();
    let report = held(&Program { seed: 1, asol: asol.to_owned(), files });
    assert_eq!((report.compared > 4, report.letters > 3), (true, true), "{} {}", report.compared, report.letters);
}
