//! Programs of `tests/corpus/check`, each with the messages that it gets beside it.
//!
//! A broken program names what it expects in comments, one a line: `// error[E0301] 12:7: the message`. All messages
//! are compared, in order; in a file that has some with `// help: …` behind them, all hints and repairs, too. Programs in
//! `good` get none.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use fec_diagnostics::{Diagnostic, Sources, in_source_order};
use fec_model::model::Model;
use fec_model::{CheckOptions, check};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/check")
}

fn programs(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "asol"))
        .collect();
    files.sort();
    files
}

fn checked(name: &str, text: &str) -> (Model, Vec<Diagnostic>, Sources) {
    let mut sources = Sources::new();
    let file = sources.add(name, text);
    let parsed = fec_syntax::parse(file, text);
    let (model, found) = check(&[(file, &parsed.file)], &CheckOptions::default());
    let all = in_source_order(parsed.diagnostics.into_iter().chain(found).collect());
    (model, all, sources)
}

fn line_of(found: &Diagnostic, sources: &Sources) -> String {
    let at = sources.position(found.span.file, found.span.start);
    format!("{}[{}] {}:{}: {}", found.severity.name(), found.code, at.line, at.column, found.message)
}

fn messages(name: &str, text: &str) -> Vec<String> {
    let (_, all, sources) = checked(name, text);
    all.iter().map(|found| line_of(found, &sources)).collect()
}

/// The messages, behind each its hints and the titles of its repairs. A repair is one: with it there are fewer messages.
fn helped_messages(text: &str) -> Vec<String> {
    let (_, all, sources) = checked("a.asol", text);
    let mut lines = Vec::new();
    for found in &all {
        lines.push(line_of(found, &sources));
        lines.extend(found.help.iter().map(|help| format!("help: {help}")));
        for fix in &found.fixes {
            lines.push(format!("help: {}", fix.title));
            let mut fixed = text.to_owned();
            let mut edits = fix.edits.clone();
            edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
            edits.iter().for_each(|edit| fixed.replace_range(edit.span.range(), &edit.text));
            let after = checked("a.asol", &fixed).1;
            assert!(after.len() < all.len(), "`{}` does not mend `{}`:\n{fixed}", fix.title, found.message);
        }
    }
    lines
}

#[test]
fn broken_programs_get_the_messages_beside_them() {
    let mut wrong = Vec::new();
    let files = programs(&corpus());
    assert!(files.len() >= 45, "only {} broken programs", files.len());
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let expected: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("// "))
            .filter(|line| ["error[", "warning[", "help: "].iter().any(|first| line.starts_with(first)))
            .collect();
        assert!(!expected.is_empty(), "{} expects nothing", path.display());
        let helped = expected.iter().any(|line| line.starts_with("help: "));
        let found = if helped { helped_messages(&text) } else { messages("a.asol", &text) };
        if found != expected {
            let found: Vec<String> = found.iter().map(|line| format!("// {line}")).collect();
            wrong.push(format!("{}\n{}", path.display(), found.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "these get other messages:\n\n{}\n", wrong.join("\n\n"));
}

#[test]
fn good_programs_get_no_message() {
    for path in programs(&corpus().join("good")) {
        let text = fs::read_to_string(&path).unwrap();
        let found = messages("a.asol", &text);
        assert!(found.is_empty(), "{}\n{}", path.display(), found.join("\n"));
    }
}

/// What the parser knows of other languages are names here, wherever a name may stand.
#[test]
fn words_of_other_languages_are_names() {
    const PROGRAM: &str = "solution s { version: \"1.0.0\" }
type Row { WORD: int, k: string, at: timestamp }
enum E { WORD, other }
source rows: stream<Row> { time: at, key: k }
sink out: stream<{ k: string, WORD: int }> {}
features f by k from rows { WORD = sum(WORD) where WORD > 1 over 1h }
features g by WORD from rows |> where k != \"a\" { n = count() over 1h }
func h(WORD: int) -> int = if WORD > 1 then WORD else -WORD
func i(e: E) -> int = match e { WORD -> 1, other -> 2 }
rules r(WORD: int) -> string first {
  WORD > 1 and WORD in [1, WORD] -> \"a\"
  WORD == 5 or not (WORD > 2) -> \"{WORD}\"
  else -> \"b\"
}
stream a { emit rows |> where WORD > 1 |> select k, WORD to out }
stream b {
  WORD = rows |> with f as seen_before |> select k, WORD = seen_before.WORD
  emit WORD to out
}
job c {
  WORD = rows |> group by WORD { k = min(k), n = max(WORD) } |> sort by WORD desc, n |> select k, WORD
  emit WORD to out
}
service d(WORD: int) -> { WORD: int } {
  next_one = WORD + 1
  return { WORD: next_one }
}
test \"t\" {
  given rows [{ WORD: 1, k: \"a\", at: 2026-01-01T00:00:00Z }]
  expect h(WORD: 1) == -1
}
";
    let sources = [include_str!("../../syntax/src/foreign.rs"), include_str!("../../syntax/src/parser/behind.rs")];
    let mut words: Vec<&str> = sources.iter().flat_map(|source| source.split('"').skip(1).step_by(2)).collect();
    let is_name = |word: &str| {
        let lexed = fec_syntax::lex(fec_diagnostics::FileId(0), word);
        lexed.tokens.len() == 2 && lexed.tokens.first().is_some_and(|token| token.kind == fec_syntax::Kind::Ident)
    };
    words.retain(|word| is_name(word));
    words.sort_unstable();
    words.dedup();
    assert!(words.len() > 150, "only {} words", words.len());
    let mut wrong = Vec::new();
    for word in words {
        let found = messages("a.asol", &PROGRAM.replace("WORD", word));
        if !found.is_empty() {
            wrong.push(format!("{word}\n  {}", found.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn constructs_of_later_versions_are_named_as_such() {
    for path in programs(&corpus().join("later")) {
        let text = fs::read_to_string(&path).unwrap();
        let found = messages("a.asol", &text);
        assert!(!found.is_empty(), "{} has nothing of a later version", path.display());
        let other: Vec<&String> = found.iter().filter(|line| !line.starts_with("error[E0900]")).collect();
        assert!(other.is_empty(), "{}\n{other:#?}", path.display());
    }
}

#[test]
fn no_prefix_of_a_program_makes_the_checker_panic() {
    for path in programs(&corpus().join("good")) {
        let text = fs::read_to_string(&path).unwrap();
        for end in (0..text.len()).step_by(7).filter(|end| text.is_char_boundary(*end)) {
            messages("a.asol", &text[..end]);
        }
    }
}

#[test]
fn the_deepest_program_that_can_be_read_is_checked() {
    let head = "solution s { version: \"1.0.0\" }\ntype P { id: string, n: int, at: timestamp }\nsource p: stream<P> { topic: \"p\", time: at }\n";
    for depth in [50, 150, 190, 250, 5_000] {
        let bodies = [
            format!("func f(x: bool) -> bool = {}x", "not ".repeat(depth)),
            format!("func f(x: int) -> int = {}x{}", "abs(".repeat(depth), ")".repeat(depth)),
            format!("func f(x: int) -> int = {}1", "if x > 1 then 2 else ".repeat(depth)),
            format!("func f(x: int) -> int = {}1", "x + ".repeat(depth)),
            format!("func f(x: int) -> int = {}x{}", "(x + ".repeat(depth), ")".repeat(depth)),
            format!("type T {{ a: {}int{} }}", "list<".repeat(depth), ">".repeat(depth)),
            format!("view v = p {}", "|> where n > 1 ".repeat(depth)),
            format!("view v = p {}p{}", "|> union (p ".repeat(depth), ")".repeat(depth)),
        ];
        for body in bodies {
            let found = messages("a.asol", &format!("{head}{body}\n"));
            let other: Vec<&String> = found.iter().filter(|line| !line.starts_with("error[E0107]")).collect();
            assert!(other.len() <= 1, "{depth}: {other:#?}");
        }
    }
}

#[test]
fn long_chains_of_declarations_need_no_deep_stack() {
    let mut text = "solution s { version: \"1.0.0\" }\ntype P { id: string, n: int, at: timestamp }\nsource v0: stream<P> { topic: \"p\", time: at }\n".to_owned();
    for index in (1..5_000).rev() {
        text.push_str(&format!("view v{index} = v{} |> where n > {index}\n", index - 1));
    }
    assert_eq!(messages("a.asol", &text), Vec::<String>::new());
}

#[test]
fn what_stands_in_full_wherever_it_is_read_does_not_grow_without_end() {
    let head = "solution s { version: \"1.0.0\" }\ntype P { id: string, n: int, at: timestamp }\nsource v0: stream<P> { topic: \"p\", time: at }\nsource w0: table<{ id: string, n: int }> key id { file: \"w.csv\" }\nfunc f0(a: int) -> int = a + 1\n";
    let twice = |form: &dyn Fn(u32) -> String| head.to_owned() + &(1..60).map(form).collect::<String>();
    let functions = twice(&|i| format!("func f{i}(a: int) -> int = f{}(a) - f{}(a)\n", i - 1, i - 1));
    let found = messages("a.asol", &functions);
    assert_eq!(found, ["error[E0107] 18:6: `f13` has more than 50000 parts, with those of what it calls"]);
    let values = (1..60).map(|i| format!("  x{i} = x{} + x{0}\n", i - 1)).collect::<String>();
    let found = messages("a.asol", &format!("{head}stream s {{\n  x0 = 1\n{values}}}\n"));
    assert_eq!(found, ["error[E0107] 22:3: `x15` has more than 50000 parts, with those of the values that it reads"]);
    let chain = (1..3_000).map(|i| format!("  x{i} = x{} + 1\n", i - 1)).collect::<String>();
    let found = messages("a.asol", &format!("{head}stream s {{\n  x0 = 1\n{chain}}}\n"));
    let said = "has more than 1000 values, each of the next,";
    assert!(matches!(found.as_slice(), [one] if one.contains(said)), "{found:?}");
    for source in ["v", "w"] {
        let views = twice(&|i| format!("view {source}{i} = {source}{} |> union {source}{}\n", i - 1, i - 1));
        let found = messages("a.asol", &views);
        let said = format!("`{source}16` has more than 100000 operators, with those of the views that it reads");
        assert_eq!(found, [format!("error[E0107] 21:6: {said}")]);
    }
}

/// Each row of them stands in the one before it.
#[test]
fn rows_that_are_decided_one_behind_the_other_have_an_end() {
    let head = "solution s { version: \"1.0.0\" }\ntype P { id: string, n: int, at: timestamp }\nsource v: stream<P> { topic: \"p\", time: at }\nsink o: stream<P>\n";
    let values = |rows: u32| (1..rows).map(|n| format!("  {n} -> {}\n", n % 7)).collect::<String>() + "  else -> 0\n";
    let conditions =
        |rows: u32| (1..rows).map(|n| format!("  n == {n} -> {}\n", n % 7)).collect::<String>() + "  else -> 0\n";
    for (rows, said) in [
        (4_096, None),
        (4_097, Some("has 4097 rows, and at most 4096 are decided one behind the other")),
        (30_000, Some("has 30000 rows, and at most 4096 are decided one behind the other")),
    ] {
        let matched = format!("{head}stream s {{ emit v |> derive n = match n {{\n{} }} to o }}\n", values(rows));
        let decided = format!("{head}rules r(n: int) -> int first {{\n{} }}\n", conditions(rows));
        for (text, what) in [(matched, "5:33: this `match`"), (decided, "5:7: `r`")] {
            let expected: Vec<String> = said.iter().map(|said| format!("error[E0107] {what} {said}")).collect();
            assert_eq!(messages("a.asol", &text), expected);
        }
    }
}
