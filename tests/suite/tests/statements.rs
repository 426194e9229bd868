//! Statements in each plane: what is bound, chosen by `if` and `match`, emitted and returned, where a value in it can be
//! computed and where it cannot.
//!
//! `FEC_STATEMENTS` says of how many cases one is run; 1 is all of them.

use std::collections::BTreeSet;
use std::fmt::Write;

use fec_suite::cases::{Held, right};
use fec_suite::compare::Report;
use fec_suite::generate::Program;
use fec_suite::served::served;

const HEAD: &str = "solution statements { version: \"1.0.0\" }
param word: string = \"z\"
param many: int = 9223372036854775800
type Row { id: string, k: string, n: int, b: int, at: timestamp }
type Few { id: string, c: string, n: int, b: int, at: timestamp }
type Two { a: int, b: int }
source ev: stream<Row> { file: \"ev.jsonl\", time: at, lateness: 5s }
source few: table<Few> key id { file: \"few.jsonl\", format: json }
source tb: table<{ k: string, v: int }> key k { file: \"tb.csv\" }
features f by k from ev { e = count() over 5s, m = sum(n) over 10s }
features h by k from ev { w = sum(n) over 20s, u = w + 9223372036854775770 }
view newest: table<{ k: string, m: int, b: int }> key k = ev |> select k, m = n, b
func twice(a: int, b: int) -> int = if b > 4 then a else b
func pair(a: int, b: int) -> Two = { a, b }
rules pick(a: int, b: int) -> int first { b < 2 -> 5, a > 3 -> a, else -> b }
";

/// Whole numbers that cannot be computed for some requests.
const ASKED: [&str; 16] = [
    "length(k)",
    "int(k)",
    "(length(k) + 9223372036854775805)",
    "int(ln(float(length(k) - 1)))",
    "int(decimal(length(k), 3, 2))",
    "(if now + length(k) * 30000000d > now then 4 else 1)",
    "h[k].u",
    "(newest[k].b ?? 3)",
    "(few[\"i{k}\"].b ?? 3)",
    "((length(k) div (length(k) - 1)) ?? int(k))",
    "(if length(k) > 3 then int(k) else 4)",
    "twice(int(k), length(k))",
    "pick(int(k), length(k))",
    "pair(int(k), length(k)).b",
    "pair(int(k), length(k)).a",
    "(match k { \"a\" -> 1, \"b\" -> int(word), _ -> 5 })",
];

/// What a job or a stream binds.
const BOUND: [&str; 8] = [
    "many",
    "int(word)",
    "(many + 10)",
    "int(decimal(many, 3, 2))",
    "(if now + 4 * 30000000d > now then 3 else 1)",
    "(if many > 3 then 3 else int(word))",
    "pair(int(word), 2).b",
    "((many div (many - many)) ?? 3)",
];

/// A type that a service returns, and its body.
const SERVICES: [(&str, &str); 59] = [
    ("{ n: int }", "return { n: @ }"),
    ("int", "return @"),
    ("int?", "return @"),
    ("string", "return \"x{@}\""),
    ("list<int>", "return [1, @]"),
    ("Two", "return pair(@, 1)"),
    ("{ t: Two? }", "return { t: if length(k) > 1 then pair(@, 1) else null }"),
    ("{ n: int }", "x = @; return { n: 1 }"),
    ("{ n: int }", "x = @; return { n: x }"),
    ("{ n: int }", "x = @; y = x + 1; return { n: y }"),
    ("{ n: int }", "@fallback(7); x = @; return { n: x }"),
    ("{ n: int }", "@fallback(@); x = @; return { n: x }"),
    ("{ n: int }", "@timeout(50s) @fallback(7); x = @; return { n: x + @ }"),
    ("{ n: int }", "@retry(2, backoff: 1ms); x = @; return { n: x }"),
    ("{ n: int }", "x = @; y = x + 1; @fallback(3); z = y; return { n: z }"),
    ("{ n: int }", "@fallback([1]); z = [@, 2]; return { n: length(z) }"),
    ("{ n: int }", "@fallback({ a: 8, b: 9 }); z = { a: @, b: 2 }; return { n: z.b }"),
    ("{ n: int }", "@fallback({ a: 8, b: 9 }); z = { a: @, b: 2 }; return { n: z.a }"),
    ("{ n: int }", "@fallback(pair(8, 9)); z = pair(@, 2); return { n: z.a }"),
    ("{ n: int }", "x = { a: @, b: length(k) }; return { n: x.b }"),
    ("{ n: int }", "x = { a: @, b: length(k) }; return { n: x.a }"),
    ("{ n: bool }", "x = { a: @, b: length(k) }; return { n: x == { a: 1, b: 1 } }"),
    ("{ n: int }", "x = [@, 1]; return { n: length(x) }"),
    ("{ n: int }", "if @ > 3 { return { n: 1 } }; return { n: 2 }"),
    ("{ n: int }", "if length(k) > 3 { return { n: 1 } } else if @ > 3 { return { n: 2 } } else { return { n: 3 } }"),
    ("{ n: int }", "if length(k) > 3 or @ > 3 { return { n: 1 } }; return { n: 2 }"),
    ("{ n: int }", "if length(k) > 3 { x = @; return { n: x } }; return { n: 2 }"),
    ("{ n: int }", "x = @; if length(k) > 3 { return { n: x } }; return { n: 2 }"),
    (
        "{ n: int }",
        "y = @; match y { 1 -> { return { n: 1 } }, 2..=5 -> { return { n: 2 } }, _ -> { return { n: 3 } } }",
    ),
    (
        "{ n: int }",
        "y = length(k); z = @; match y, z { 1, _ -> { return { n: 1 } }, _, 2..=5 -> { return { n: 2 } }, _, _ -> { return { n: 3 } } }",
    ),
    ("{ n: int }", "y = length(k); match y { 1 -> { return { n: @ } }, _ -> { return { n: 3 } } }"),
    ("{ n: int }", "return { n: match length(k) { 1 -> @, _ -> 3 } }"),
    ("{ n: int }", "return { n: match @ { 1 -> 2, @ -> 4, _ -> 3 } }"),
    ("{ n: int }", "return { n: if @ in [1, 4] then 1 else 2 }"),
    ("{ n: int }", "x = few |> where n > @ |> select id, n; return { n: 1 }"),
    ("list<{ id: string, n: int }>", "x = few |> where n > @ |> select id, n; return x |> sort by n desc, id"),
    ("list<{ id: string, n: int }>", "x = few |> select id, n = n + @ - @; return x |> sort by id"),
    ("list<{ id: string, n: int }>", "x = few |> derive q = @ |> where n > 2; return x |> select id, n"),
    ("list<{ id: string, n: int }>", "x = { a: @, b: length(k) }; return few |> where n >= x.b |> select id, n"),
    ("list<{ id: string, n: int }>", "x = newest[k]; return few |> where n > (x.m ?? 0) |> select id, n"),
    ("list<{ id: string, n: int }>", "return few |> where n > h[k].w |> select id, n"),
    ("list<{ id: string, n: int }>", "@fallback(2); x = @; return few |> where n > x |> select id, n"),
    (
        "list<{ c: string, n: int }>",
        "return few |> left join tb as t on c == t.k and t.v > @ |> select c, n = t.v ?? n",
    ),
    ("list<{ c: string, n: int }>", "return few |> latest by c, n |> sort by n + @, id |> select c, n"),
    ("list<{ n: int, e: int }>", "return [{ k, n: 1 }, { k, n: @ }] |> with f |> select n, e"),
    ("list<{ n: int, e: int }>", "return [{ k: string(@), n: 1 }] |> with f |> select n, e"),
    ("list<{ c: string, n: int }>", "return few |> group by c { n = sum(@) }"),
    ("list<{ id: string }>", "return few |> top 2 by @, n per c |> select id"),
    ("f", "return f[string(@)]"),
    ("h", "return h[k]"),
    ("{ e: int }", "return { e: h[k].w + f[string(@)].e }"),
    ("{ n: int? }", "return { n: tb[string(@)].v }"),
    ("{ n: int? }", "return { n: newest[string(@)].m }"),
    ("{ n: int? }", "return { n: newest[k].m }"),
    (
        "{ n: int }",
        "if length(k) > 3 { x = 1; y = few |> where n > x; return { n: x } } else { x = @; return { n: x + 1 } }",
    ),
    ("{ n: int }", "x = newest[k]; if x != null { return { n: x.b } }; return { n: @ }"),
    ("{ n: int }", "x = newest[k]; if x == null or x.b > 2 { return { n: 0 } }; return { n: x.m }"),
    (
        "{ n: int }",
        "x = newest[k]; match x.b { null -> { return { n: 0 } }, 1 -> { return { n: 7 } }, _ -> { return { n: @ } } }",
    ),
    ("{ a: { n: int }, b: list<Two> }", "x = @; return { a: { n: length(k) }, b: [pair(1, 2), { a: x, b: 1 }] }"),
];

/// Bodies of services that emit to a sink of `{ n: int }`; all return one record.
const EMITS: [&str; 23] = [
    "emit { n: @ } to o; return { n: 1 }",
    "emit { n: 1 } to o; return { n: @ }",
    "x = @; emit { n: x } to o; return { n: 1 }",
    "@fallback(7); x = @; emit { n: x } to o; return { n: 1 }",
    "emit few |> where n > @ |> select n to o; return { n: 1 }",
    "emit few |> select n = if n > 3 then @ else n to o; return { n: 1 }",
    "emit few |> sort by n desc, id |> select n = n + b - b to o; return { n: 1 }",
    "if @ > 2 { emit { n: 1 } to o }; return { n: 2 }",
    "if length(k) > 2 { emit { n: 1 } to o; emit { n: @ } to o } else { emit { n: 3 } to o }; return { n: 1 }",
    "if length(k) > 2 { emit { n: 1 } to o; return { n: @ } }; emit { n: 2 } to o; return { n: 1 }",
    "y = @; match y { 1 -> { emit { n: 1 } to o }, 2..=20 -> { emit { n: 2 } to o }, _ -> {} }; return { n: 1 }",
    "y = length(k); match y { 1 -> { emit { n: @ } to o; emit few |> select n to o }, _ -> { return { n: 4 } } }; return { n: 1 }",
    "emit { n: 1 } to o; emit { n: @ } to o; emit { n: 3 } to o; return { n: 1 }",
    "x = few |> where n > 2 |> select n = n + @ - @; emit x to o; emit x |> where n > 4 to o; return { n: 1 }",
    "emit [{ n: 1 }, { n: @ }, { n: 3 }] to o; return { n: 1 }",
    "emit [{ n: 1, m: @ }, { n: 3, m: 1 }] |> where m > 0 |> select n to o; return { n: 1 }",
    "x = @; if length(k) > 2 { emit { n: length(k) } to o } else { if length(k) < 1 { emit { n: 0 } to o } else { emit { n: x } to o } }; return { n: 1 }",
    "emit few |> group by c { n = sum(@) } |> select n to o; return { n: 1 }",
    "emit few |> where n > h[k].w |> select n to o; x = few[\"i{k}\"]; emit few |> where n > (x.n ?? 0) |> select n to o; return { n: 1 }",
    "emit few |> take 3 |> select n to o; return { n: length(k) }",
    "emit few |> union (few |> where n > @) |> select n to o; return { n: 1 }",
    "emit few |> left join tb as t on string(n + @) == t.k |> select n = t.v ?? n to o; return { n: 1 }",
    "emit { n: newest[k].m ?? 0 } to o; emit { n: f[k].e } to o; return { n: @ }",
];

/// Bodies of jobs, with a sink of `{ id: string, n: int }`.
const JOBS: [&str; 15] = [
    "x = @; emit ev |> where n > 2 |> select id, n to o",
    "x = @; emit ev |> select id, n = n + x - x to o",
    "x = @; y = { a: x, b: 2 }; emit ev |> where n < y.a |> select id, n to o",
    "x = [@, 1]; emit ev |> where n in x |> select id, n to o",
    "x = ev |> where n < @; emit ev |> select id, n to o",
    "x = ev |> where n < @ |> select id, n; emit x to o; emit x |> where n > 3 to o",
    "if @ > 2 { emit ev |> select id, n to o } else { emit ev |> where n > 2 |> select id, n to o }",
    "if many > 2 { emit ev |> select id, n to o } else if @ > 2 { emit ev |> where n > 2 |> select id, n to o }",
    "if many < 2 { emit ev |> where n > 5 |> select id, n to o }",
    "y = @; match y { 1 -> { emit ev |> select id, n to o }, 2..=8 -> { emit few |> select id, n to o }, _ -> { emit ev |> where n > 5 |> select id, n to o } }",
    "z = @; match many, z { 1, _ -> { emit few |> select id, n to o }, _, 3 -> { emit few |> select id, n = 2 to o }, _, _ -> { emit ev |> where n > 5 |> select id, n to o } }",
    "emit ev |> select id, n to o; emit few |> where n > @ |> select id, n to o; emit ev |> where n > 5 |> select id, n to o",
    "x = ev |> with f |> select id, n = e; y = if many > 3 then @ else 2; if y > 2 { emit x to o } else { emit x |> where n > y to o }",
    "emit ev |> left join (few |> where n > @) as t on n == t.n |> select id, n = t.n ?? n to o",
    "if @ > 2 and many > 3 { x = few |> select id, n; if @ > 2 { emit x to o } else { emit x |> where n > 2 to o } }",
];

/// Bodies of streams, with a sink of `{ id: string, n: int }`.
const STREAMS: [&str; 9] = [
    "x = @; emit ev |> where n > 2 |> select id, n to o",
    "x = @; emit ev |> select id, n = n + x - x to o",
    "x = @; emit ev |> where n < x |> select id, n to o; emit ev |> where n > 2 |> select id, n to o",
    "x = { a: @, b: 2 }; emit ev |> where n > x.b |> select id, n to o; emit ev |> where n < x.a |> select id, n to o",
    "x = @; y = ev |> where n > 2 and x > 1; emit y |> select id, n to o; emit y |> with f |> select id, n = e to o",
    "x = year(now) + @; emit ev |> select id, n = if n > 3 then x else n to o",
    "x = [@, 1]; emit ev |> where n in x |> select id, n to o",
    "x = now - 3s; emit ev |> join (ev |> where n > @) as o on k == o.k and o.at > x within -9s..3s |> select id, n = o.n to o",
    "x = @; emit ev |> left join (ev |> where x > 2) as o on k == o.k within 1us..3s |> select id, n = o.n ?? n |> final to o",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Service,
    Emit,
    Job,
    Stream,
}

#[derive(Clone)]
struct Case {
    kind: Kind,
    result: &'static str,
    body: &'static str,
    value: &'static str,
    /// How the sink is declared.
    sink: &'static str,
}

impl Case {
    /// So many lines, wherever it stands.
    const LINES: usize = 8;

    fn text(&self, at: usize) -> String {
        let (body, row) = (statements(self.body), "{ id: string, n: int }");
        let body = body.replace('@', "\u{1}").replace("\u{1}fallback", "@fallback").replace("\u{1}timeout", "@timeout");
        let body =
            body.replace("\u{1}retry", "@retry").replace('\u{1}', self.value).replace("to o", &format!("to o{at}"));
        let head = match self.kind {
            Kind::Service => String::new(),
            Kind::Emit => format!("sink o{at}: {}", self.sink),
            Kind::Job | Kind::Stream => format!("sink o{at}: {}", self.sink.replace("{ n: int }", row)),
        };
        let flow = match self.kind {
            Kind::Service | Kind::Emit => format!("@post(\"/a{at}\") service a{at}(k: string) -> {} {{", self.result),
            Kind::Job => format!("job j{at} {{"),
            Kind::Stream => format!("stream s{at} {{"),
        };
        let text = format!("{head}\n{flow}\n{body}\n}}\n");
        let missing = Self::LINES.saturating_sub(text.matches('\n').count());
        format!("{text}{}", "\n".repeat(missing))
    }
}

/// Statements on lines of their own, also within braces of `if` and `match`.
fn statements(body: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    for letter in body.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        out.push(if letter == ';' { '\n' } else { letter });
    }
    assert_eq!(depth, 0, "{body}");
    out
}

fn records(count: i64) -> String {
    let mut text = String::new();
    for number in 0..count {
        let k = ["a", "b", "3", "d"].get(usize::try_from(number * 7 % 4).unwrap_or(0)).copied().unwrap_or_default();
        let b = match number % 5 {
            0 => "\"y\"".to_owned(),
            b => b.to_string(),
        };
        let at = format!("2026-01-01T00:00:{:02}Z", number / 2);
        let _ = writeln!(
            text,
            "{{\"id\":\"i{}\",\"k\":\"{k}\",\"n\":{},\"b\":{b},\"at\":\"{at}\"}}",
            number % 9,
            number * 5 % 8
        );
    }
    text
}

fn program(cases: &[Case]) -> Program {
    let texts: Vec<String> = cases.iter().enumerate().map(|(at, case)| case.text(at)).collect();
    let few = records(7).lines().zip(["ia", "ib", "i3", "i4", "i5", "i6", "i7"]).fold(
        String::new(),
        |mut text, (line, id)| {
            let from = line.find(",\"k\"").unwrap_or(0);
            let rest = line.get(from..).unwrap_or_default().replace("\"k\"", "\"c\"");
            let _ = writeln!(text, "{{\"id\":\"{id}\"{rest}");
            text
        },
    );
    let files = [("few.jsonl", few), ("ev.jsonl", records(40)), ("tb.csv", "k,v\na,1\nb,2\n1,3\n4,4\n".to_owned())];
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect();
    Program { seed: 1, asol: format!("{HEAD}{}", texts.concat()), files }
}

fn cases(kind: Kind) -> Vec<Case> {
    let of = |result: &'static str, body: &'static str, values: &[&'static str], sinks: &[&'static str]| -> Vec<Case> {
        let values = values.iter().copied();
        // What a relation reads by key it needs as a whole, once for all of its rows.
        let is_by_row = |value: &&str| !(body.contains("|>") && body.contains('@') && value.contains('['));
        let each = values
            .filter(is_by_row)
            .flat_map(|value| sinks.iter().map(move |sink| Case { kind, result, body, value, sink }));
        each.collect()
    };
    match kind {
        Kind::Service => SERVICES.iter().flat_map(|(result, body)| of(result, body, &ASKED, &[""])).collect(),
        Kind::Emit => {
            let sinks =
                ["stream<{ n: int }> {}", "table<{ n: int }> key n {}", "stream<{ n: int }> { key: n, write: upsert }"];
            EMITS.iter().flat_map(|body| of("{ n: int }", body, &ASKED, &sinks)).collect()
        }
        Kind::Job => {
            let sinks = ["rows<{ n: int }> {}", "table<{ n: int }> key id {}", "stream<{ n: int }> {}"];
            JOBS.iter().flat_map(|body| of("", body, &BOUND, &sinks)).collect()
        }
        Kind::Stream => {
            let sinks = ["stream<{ n: int }> {}", "table<{ n: int }> key id {}"];
            STREAMS.iter().flat_map(|body| of("", body, &BOUND, &sinks)).collect()
        }
    }
}

#[test]
fn statements_have_one_answer() {
    let each = std::env::var("FEC_STATEMENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(8_usize);
    let mut report = Report::default();
    let held_to = Held { head: HEAD, program: &program, run: &served };
    let mut found = Vec::new();
    let mut held = 0;
    let mut unused = BTreeSet::new();
    for kind in [Kind::Service, Kind::Emit, Kind::Job, Kind::Stream] {
        let all = cases(kind);
        unused.extend(all.iter().map(|case| case.body));
        let (cases, _) = right(all, HEAD, Case::LINES, Case::text);
        unused.retain(|body| !cases.iter().any(|case| case.body == *body));
        let cases: Vec<Case> = cases.into_iter().step_by(each).collect();
        held += cases.len();
        found.extend(cases.chunks(40).flat_map(|many| held_to.differences(many, &mut report)));
    }
    assert_eq!(unused, BTreeSet::new(), "what stands nowhere holds nothing");
    if !found.is_empty() {
        panic!("{} of {held} cases:\n{}", found.len(), found.join("\n"));
    }
    assert!(report.compared > 300 && report.answers > 300, "{} {}", report.compared, report.answers);
}
