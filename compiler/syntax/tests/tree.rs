//! What the tree of a text is: precedence, line ends, clauses, contextual words.

use fec_diagnostics::{FileId, Sources, render_human};
use fec_syntax::ast::*;
use fec_syntax::parse;

/// Reads a text that has no mistake.
fn items(text: &str) -> Vec<Item> {
    let mut sources = Sources::new();
    let file = sources.add("t.asol", text);
    let parsed = parse(file, text);
    let shown: String = parsed.diagnostics.iter().map(|d| render_human(d, &sources, false)).collect();
    assert_eq!(shown, "");
    parsed.file.items
}

fn expr(text: &str) -> String {
    match items(&format!("func f(a: int) -> int = {text}\n")).pop().map(|item| item.kind) {
        Some(ItemKind::Func { body, .. }) => show(&body),
        other => format!("{other:?}"),
    }
}

/// The statements of a job, one a line.
fn flow(text: &str) -> String {
    let body = match items(&format!("job j {{\n{text}\n}}\n")).pop().map(|item| item.kind) {
        Some(ItemKind::Job { body, .. }) => body,
        other => return format!("{other:?}"),
    };
    body.iter().map(statement).collect::<Vec<_>>().join("; ")
}

fn statement(one: &Statement) -> String {
    let block = |body: &[Statement]| format!("{{{}}}", body.iter().map(statement).collect::<Vec<_>>().join("; "));
    let attributes: String = one.attributes.iter().map(|a| format!("@{} ", a.name.text)).collect();
    let rest = match &one.kind {
        StatementKind::Bind { name, value } => format!("{} = {}", name.text, show(value)),
        StatementKind::Emit { value, sink } => format!("emit {} to {}", show(value), sink.text),
        StatementKind::Publish { model, name, when } => {
            format!("publish {} as {} when {}", show(model), name.text, when.as_ref().map(show).unwrap_or_default())
        }
        StatementKind::Return(value) => format!("return {}", show(value)),
        StatementKind::If { condition, then, otherwise } => {
            format!("if {} {} {}", show(condition), block(then), block(otherwise))
        }
        StatementKind::Match { subjects, arms } => {
            let arms: Vec<String> =
                arms.iter().map(|(p, body)| format!("{} -> {}", patterns(p), block(body))).collect();
            format!("match {} {{{}}}", list(subjects), arms.join("; "))
        }
        StatementKind::NotYet { keyword } => format!("<{}>", keyword.text),
        StatementKind::Error => "<error>".to_owned(),
    };
    attributes + &rest
}

fn list(values: &[Expr]) -> String {
    values.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn patterns(all: &[Pattern]) -> String {
    let one = |p: &Pattern| match &p.kind {
        PatternKind::Any => "_".to_owned(),
        PatternKind::Value(value) => show(value),
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn arguments(all: &[Argument]) -> String {
    let named = |a: &Argument| a.name.as_ref().map(|n| format!("{}: ", n.text)).unwrap_or_default() + &show(&a.value);
    all.iter().map(named).collect::<Vec<_>>().join(", ")
}

fn show(value: &Expr) -> String {
    match &value.kind {
        ExprKind::Literal(Literal::Int(n) | Literal::Number(n)) => n.clone(),
        ExprKind::Literal(Literal::Percent(n)) => format!("{n}%"),
        ExprKind::Literal(Literal::String(text)) => format!("{text:?}"),
        ExprKind::Literal(Literal::Duration(micros)) => format!("{micros}us"),
        ExprKind::Literal(other) => format!("{other:?}"),
        ExprKind::Name(name) => name.to_string(),
        ExprKind::Field { of, name } => format!("{}.{}", show(of), name.text),
        ExprKind::Index { of, keys } => format!("{}[{}]", show(of), list(keys)),
        ExprKind::Call { function, arguments: all } => format!("{}({})", show(function), arguments(all)),
        ExprKind::Unary { op, operand } => format!("({op:?} {})", show(operand)),
        ExprKind::Binary { op, left, right, .. } => format!("({op:?} {} {})", show(left), show(right)),
        ExprKind::Range { low, high, inclusive } => {
            let end = |e: &Option<Box<Expr>>| e.as_ref().map(|e| show(e)).unwrap_or_default();
            format!("<{}..{}{}>", end(low), if *inclusive { "=" } else { "" }, end(high))
        }
        ExprKind::If { condition, then, otherwise } => {
            format!("(if {} {} {})", show(condition), show(then), show(otherwise))
        }
        ExprKind::Match { subjects, arms } => {
            let arms: Vec<String> =
                arms.iter().map(|a| format!("{} -> {}", patterns(&a.patterns), show(&a.value))).collect();
            format!("(match {} {{{}}})", list(subjects), arms.join("; "))
        }
        ExprKind::List(values) => format!("[{}]", list(values)),
        ExprKind::Record(entries) => {
            let entry = |e: &RecordEntry| match e {
                RecordEntry::Field { name, value } => format!("{}: {}", name.text, show(value)),
                RecordEntry::Spread(rest) => format!("..{}", show(rest)),
            };
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        ExprKind::Interpolation(parts) => {
            let part = |p: &Part| match p {
                Part::Text(text) => format!("{text:?}"),
                Part::Expr(value) => show(value),
            };
            format!("text({})", parts.iter().map(part).collect::<Vec<_>>().join(" "))
        }
        ExprKind::Pipe { input, op } => format!("{} |> {}", show(input), operator(&op.kind)),
        ExprKind::NotYet { keyword } => format!("<{}>", keyword.text),
        ExprKind::Error => "<error>".to_owned(),
    }
}

fn selected(items: &[SelectItem]) -> String {
    let one = |item: &SelectItem| match item {
        SelectItem::Expr(value) => show(value),
        SelectItem::Named { name, value } => format!("{}={}", name.text, show(value)),
        SelectItem::Spread(value) => format!("..{}", show(value)),
    };
    items.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn sorted(keys: &[SortKey]) -> String {
    let one = |key: &SortKey| match key.descending {
        None => show(&key.value),
        Some(down) => format!("{} {}", show(&key.value), if down { "desc" } else { "asc" }),
    };
    keys.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn operator(op: &OperatorKind) -> String {
    let opt =
        |word: &str, value: &Option<Expr>| value.as_ref().map(|v| format!(" {word} {}", show(v))).unwrap_or_default();
    let name = |word: &str, n: &Option<Name>| n.as_ref().map(|n| format!(" {word} {}", n.text)).unwrap_or_default();
    match op {
        OperatorKind::Where(c) => format!("where {}", show(c)),
        OperatorKind::Select(items) => format!("select {}", selected(items)),
        OperatorKind::Derive(columns) => {
            let columns: Vec<String> = columns.iter().map(|(n, e)| format!("{}={}", n.text, show(e))).collect();
            format!("derive {}", columns.join(", "))
        }
        OperatorKind::Drop(names) => {
            format!("drop {}", names.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(", "))
        }
        OperatorKind::Rename(pairs) => {
            let pairs: Vec<String> = pairs.iter().map(|(a, b)| format!("{} as {}", a.text, b.text)).collect();
            format!("rename {}", pairs.join(", "))
        }
        OperatorKind::Join { kind, pick, right, alias, on, within } => {
            format!("{kind:?}/{pick:?} {}{}{}{}", show(right), name("as", alias), opt("on", on), opt("within", within))
        }
        OperatorKind::With { features, on, alias, including_row } => {
            let on = if on.is_empty() { String::new() } else { format!(" on {}", list(on)) };
            format!("with {}{on}{}{}", show(features), name("as", alias), if *including_row { " +row" } else { "" })
        }
        OperatorKind::Final => "final".to_owned(),
        OperatorKind::Group { by, window, lines } => {
            let line = |l: &AggregateLine| format!("{}={}{}", l.name.text, show(&l.value), opt("where", &l.filter));
            let lines: Vec<String> = lines.iter().map(line).collect();
            format!("group {}{} {{{}}}", selected(by), opt("window", window), lines.join(", "))
        }
        OperatorKind::Window { window, by } => format!("window {} by {}", show(window), list(by)),
        OperatorKind::Sort(keys) => format!("sort {}", sorted(keys)),
        OperatorKind::Top { count, by, per, with_ties, rank } => {
            let ties = if *with_ties { " ties" } else { "" };
            format!("top {} by {} per [{}]{ties}{}", show(count), sorted(by), list(per), name("rank", rank))
        }
        OperatorKind::Take(count) => format!("take {}", show(count)),
        OperatorKind::Distinct(by) => format!("distinct {}", list(by)),
        OperatorKind::Latest(by) => format!("latest {}", list(by)),
        OperatorKind::Union(all) => format!("union {}", list(all)),
        OperatorKind::Call { function, arguments: all } => format!("{}({})", show(function), arguments(all)),
        OperatorKind::NotYet { keyword } => format!("<{}>", keyword.text),
        OperatorKind::Error => "<error>".to_owned(),
    }
}

#[test]
fn precedence() {
    for (text, tree) in [
        ("a or b and not c == d", "(Or a (And b (Not (Equal c d))))"),
        ("a ?? b / c ?? d", "(Coalesce (Coalesce a (Divide b c)) d)"),
        ("a + b * c - d", "(Subtract (Add a (Multiply b c)) d)"),
        ("a div b mod c", "(Modulo (IntegerDivide a b) c)"),
        ("-a.b * c", "(Multiply (Negate a.b) c)"),
        ("a > 10 * (b ?? 0)", "(Greater a (Multiply 10 (Coalesce b 0)))"),
        ("a in 1 + 1..b", "(In a <(Add 1 1)..b>)"),
        ("a not in [1, 2] and b", "(And (NotIn a [1, 2]) b)"),
        ("-30m..30m", "<(Negate 1800000000us)..1800000000us>"),
        ("..=5", "<..=5>"),
        ("1..", "<1..>"),
        ("a.b[c, d].e", "a.b[c, d].e"),
        ("a.b(f, g: 1).c[d]", "a.b(f, g: 1).c[d]"),
        ("if a then b else if c then d else e", "(if a b (if c d e))"),
        ("{ a: 1, b, ..c, 'x-y': 2 }", "{a: 1, b: b, ..c, x-y: 2}"),
        ("match a, b { x, ..=5 -> 1, else -> 2 }", "(match a, b {x, <..=5> -> 1; _, _ -> 2})"),
        (r#""a{b}c{"d{e}"}\{""#, r#"text("a" b "c" text("d" e) "{")"#),
        ("for c in xs yield f(c)", "<for>"),
        ("f(a |> select b, c, d: 1)", "f(a |> select b, c, d: 1)"),
        ("type + at * window", "(Add type (Multiply at window))"),
    ] {
        assert_eq!(expr(text), tree, "{text}");
    }
}

#[test]
fn operators() {
    for (text, tree) in [
        ("a |> select x, r.y, z = b + 1, ..c", "a |> select x, r.y, z=(Add b 1), ..c"),
        ("a |> derive x = 1, y = x", "a |> derive x=1, y=x"),
        ("a |> drop b, c |> rename d as e, f as g", "a |> drop b, c |> rename d as e, f as g"),
        (
            "a |> left join first b as c on d == c.d within 60d",
            "a |> Left/First b as c on (Equal d c.d) within 5184000000000us",
        ),
        ("a |> join first on b == first.b", "a |> Inner/All first on (Equal b first.b)"),
        ("a |> join latest (b |> final) on c == d", "a |> Inner/Latest b |> final on (Equal c d)"),
        ("a |> anti join b on c |> semi join d on e", "a |> Anti/All b on c |> Semi/All d on e"),
        ("a |> with f on x, y as z including row", "a |> with f on x, y as z +row"),
        (
            "a |> group by x, y = z window tumble(5m) { n = count() where c > 1, m = sum(d) }",
            "a |> group x, y=z window tumble(300000000us) {n=count() where (Greater c 1), m=sum(d)}",
        ),
        ("a |> group { n = count() }", "a |> group  {n=count()}"),
        ("a |> window hop(10s, every: 2s) by k", "a |> window hop(10000000us, every: 2000000us) by k"),
        ("a |> sort by b desc, c |> take 5", "a |> sort b desc, c |> take 5"),
        ("a |> top 3 by b, c asc per d with ties rank as r", "a |> top 3 by b, c asc per [d] ties rank r"),
        ("a |> distinct by b, c |> latest by d |> distinct", "a |> distinct b, c |> latest d |> distinct "),
        ("a |> union b, c |> f(d, e: 1) |> g.h()", "a |> union b, c |> f(d, e: 1) |> g.h()"),
        (
            "a |> unnest b as c |> sample 10% |> number as n |> changes",
            "a |> <unnest> |> <sample> |> <number> |> <changes>",
        ),
        ("a |> cap 2 per b over 7d |> delay until c |> nearest 5 by d(e)", "a |> <cap> |> <delay> |> <nearest>"),
        ("a |> where if b then c else d |> take 1", "a |> where (if b c d) |> take 1"),
        ("if b then c |> take 1 else d |> take 2", "(if b c |> take 1 d |> take 2)"),
        (
            "match a { x -> b |> select c, d, y -> e |> derive f = 1, g = 2 }",
            "(match a {x -> b |> select c, d; y -> e |> derive f=1, g=2})",
        ),
    ] {
        assert_eq!(expr(text), tree, "{text}");
    }
}

#[test]
fn line_ends() {
    for (text, tree) in [
        // What cannot begin an item goes on with it.
        ("a = b\n  |> take 1\n  .c", "a = b |> take 1.c"),
        ("a = b\n  + c\n  and d\n  not in e\n  ?? f", "a = (And (Add b c) (NotIn d (Coalesce e f)))"),
        ("a = b |> top 3 by c\n  per d\n  with ties", "a = b |> top 3 by c per [d] ties"),
        ("emit a\n  |> take 1\n  to b", "emit a |> take 1 to b"),
        // A clause word before `=` is a name.
        ("a = b |> top 3 by c\nper = d", "a = b |> top 3 by c per []; per = d"),
        ("a = b |> with f\non = c\nas = d", "a = b |> with f; on = c; as = d"),
        // Line ends mean nothing within brackets.
        ("a = f(\n  b\n  - c,\n  d\n)\ne = [\n1,\n2,\n]", "a = f((Subtract b c), d); e = [1, 2]"),
        ("a = { b: 1\n c: f(\nd\n)\n e }", "a = {b: 1, c: f(d), e: e}"),
        // A list goes on after its comma.
        ("a = b |> select c,\n d,\n e = 1", "a = b |> select c, d, e=1"),
        ("a = b\n\n\nc = d", "a = b; c = d"),
        ("@timeout(5ms)\n@fallback([])\na = b", "@timeout @fallback a = b"),
    ] {
        assert_eq!(flow(text), tree, "{text}");
    }
}

#[test]
fn statements() {
    for (text, tree) in [
        ("publish m as s when r.auc >= 0.90", "publish m as s when (GreaterEqual r.auc 0.90)"),
        ("if a { b = 1 } else if c { d = 2 }\nelse { return e }", "if a {b = 1} {if c {d = 2} {return e}}"),
        ("match a { x -> { b = 1 }, else -> { c = 2 } }", "match a {x -> {b = 1}; _ -> {c = 2}}"),
        ("run f(a)\nfor c in d yield e\nx = sql { select '}' }", "<run>; <for>; x = <sql>"),
        ("emit = 1\nrun = 2\nreturn = 3\ntype = 4", "emit = 1; run = 2; return = 3; type = 4"),
    ] {
        assert_eq!(flow(text), tree, "{text}");
    }
}

#[test]
fn declarations() {
    let text = "\
/// One.
///  Two.
@a @b(1, c: 2)
source s: table<T?> key (k, l) { file: \"f\" }
features f by a, b.c from s |> take 1 {
  /// Doc.
  x = sum(y) where z > 1 over 1h every 10s
  over = x / 2
}
use std.ml.{ gbdt, split }
use std.rank.place
param p: list<decimal(12, 2)> = [1]
view v: table<{ a: int?, .. }> key a = s
rules r(a: int) -> int first { a > 1 -> 2, else -> 3 }
rules q(a: int) -> int score { base = 40, age = match a { else -> 1 } }
model m(x: int) -> float { canary: [5%, 25%] }
component c<T>(r: rows<T>, n: int = 1) -> rows<T> { return r |> take n }
experiment e by user { arms: { a: 50%, b: 50% } }
export source t: stream<T>
target local { simulate: cards(seed: 7)
  scale a.b { replicas: 3..=20 } }
test \"x\" {
  given s [{ a: 1 }]
  given m returns 0.1
  at 2026-01-01T00:00:00Z
  expect s == []
}
";
    let items = items(text);
    let found: Vec<String> = items
        .iter()
        .map(|item| match &item.kind {
            ItemKind::Source { name, ty, key, settings } => {
                assert_eq!(item.docs, ["One.", " Two."]);
                assert_eq!(item.attributes.len(), 2);
                assert!(matches!(&ty.kind, TypeKind::Named { types, .. } if types[0].optional));
                format!("source {} {} {}", name.text, key.len(), settings.len())
            }
            ItemKind::Features { by, from, lines, .. } => {
                assert_eq!(lines[0].docs, ["Doc."]);
                assert!(lines[0].filter.is_some() && lines[0].over.is_some() && lines[0].every.is_some());
                format!("features {} from {}: {}, {}", list(by), show(from), lines[0].name.text, show(&lines[1].value))
            }
            ItemKind::Use { path, names } => format!("use {} {}", path.len(), names.len()),
            ItemKind::Param { ty, default, .. } => {
                assert!(matches!(&ty.kind, TypeKind::Named { types, .. } if types.len() == 1));
                format!("param {}", default.as_ref().map(show).unwrap_or_default())
            }
            ItemKind::View { ty, key, value, .. } => format!("view {} {} {}", ty.is_some(), key.len(), show(value)),
            ItemKind::Rules { mode, rows, .. } => format!("rules {} {}", mode.text, rows.len()),
            ItemKind::NotYet { keyword, name } => {
                format!("<{} {}>", keyword.text, name.as_ref().map(|n| n.text.as_str()).unwrap_or_default())
            }
            ItemKind::Target { entries, .. } => format!("target {}", entries.len()),
            ItemKind::Test { name, lines, .. } => format!("test {name} {}", lines.len()),
            other => format!("{other:?}"),
        })
        .collect();
    let expected = [
        "source s 2 1",
        "features a, b.c from s |> take 1: x, (Divide x 2)",
        "use 2 2",
        "use 2 1",
        "param [1]",
        "view true 1 s",
        "rules first 2",
        "rules score 0",
        "<model m>",
        "<component c>",
        "<experiment e>",
        "<export source>",
        "target 2",
        "test x 4",
    ];
    assert_eq!(found, expected);
}

#[test]
fn spans_are_the_text() {
    let text = "job j {\n  a = b\n    |> left join c on d  // why\n}\n";
    let parsed = parse(FileId(3), text);
    let slice = |span: fec_diagnostics::Span| text.get(span.range()).unwrap();
    let ItemKind::Job { body, .. } = &parsed.file.items[0].kind else { panic!("a job") };
    assert_eq!(slice(parsed.file.items[0].span), text.trim_end());
    assert_eq!(slice(body[0].span), "a = b\n    |> left join c on d");
    let StatementKind::Bind { value, .. } = &body[0].kind else { panic!("a binding") };
    let ExprKind::Pipe { op, .. } = &value.kind else { panic!("a pipeline") };
    assert_eq!((slice(value.span), slice(op.span)), ("b\n    |> left join c on d", "left join c on d"));
    assert_eq!((slice(op.word), op.word.file), ("left join", FileId(3)));
}

/// Words that mean something elsewhere are names wherever a name may stand.
#[test]
fn contextual_words_are_names() {
    for (text, tree) in [
        ("a |> join r on on == r.on", "a |> Inner/All r on (Equal on r.on)"),
        ("a |> sort by by desc", "a |> sort by desc"),
        ("a |> top 3 by per per by", "a |> top 3 by per per [by]"),
        (
            "a |> group by window window tumble(5m) { n = count() }",
            "a |> group window window tumble(300000000us) {n=count()}",
        ),
        ("a |> select type, y, on, first, over = where", "a |> select type, y, on, first, over=where"),
        ("f(on: 1, type: at)", "f(on: 1, type: at)"),
        ("{ on, by: to }", "{on: on, by: to}"),
        ("sql + sql.sql", "(Add sql sql.sql)"),
    ] {
        assert_eq!(expr(text), tree, "{text}");
    }
    assert_eq!(flow("emit a |> select to to to"), "emit a |> select to to to");
    let fields =
        "type T { type: string, source: int\n stream: int\n key: int\n where: int }\nsource source: stream<T>\n";
    assert_eq!(items(fields).len(), 2);
}

/// A body that is not indented is read all the same.
#[test]
fn without_indentation() {
    let text =
        "engine e {\n@retry(3)\njob j {\nx = 1\n}\nstream s {\n@timeout(1s)\nemit x to y\n}\n}\ntype T { a: int }\n";
    let found = items(text);
    assert!(matches!(&found[0].kind, ItemKind::Engine { items, .. } if items.len() == 2));
    assert_eq!(found.len(), 2);
}
