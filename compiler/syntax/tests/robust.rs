//! No input makes the front end panic, hang or lose text.

use fec_diagnostics::FileId;
use fec_syntax::{Kind, lex, parse};
use proptest::prelude::*;
use std::path::PathBuf;

fn programs() -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/syntax");
    let mut files: Vec<PathBuf> = ["valid", "broken"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "asol"))
        .collect();
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).unwrap_or_default()).collect()
}

/// The tokens are the text, and the diagnostics lie within it.
fn check(text: &str) {
    let lexed = lex(FileId(0), text);
    let mut at = 0;
    for token in &lexed.tokens {
        assert_eq!(token.start, at, "tokens lie side by side");
        at = token.end;
        assert!(text.is_char_boundary(at as usize));
    }
    assert_eq!(at as usize, text.len(), "tokens hold the whole text");
    assert_eq!(lexed.tokens.last().map(|t| t.kind), Some(Kind::End));
    for found in parse(FileId(0), text).diagnostics {
        assert!(found.span.start <= found.span.end && found.span.end as usize <= text.len(), "{found:?}");
        let whole = |offset: u32| text.is_char_boundary(offset as usize);
        assert!(whole(found.span.start) && whole(found.span.end), "{found:?}");
        assert!(!found.message.is_empty() && !found.message.ends_with('.'));
    }
}

#[test]
fn every_truncation_of_every_program() {
    for program in programs() {
        for (nth, (at, _)) in program.char_indices().enumerate() {
            check(&program[..at]);
            if nth % 31 == 0 {
                check(&program[at..]);
            }
        }
    }
}

#[test]
fn every_program_without_one_word() {
    for program in programs() {
        for token in lex(FileId(0), &program).tokens.iter().filter(|t| !t.kind.is_trivia()) {
            check(&[&program[..token.start as usize], &program[token.end as usize..]].concat());
        }
    }
}

#[test]
fn deep_nesting_is_one_mistake() {
    let wraps: [(&str, &str, &str); 8] = [
        ("func f(a: int) -> int = ", "(", "1"),
        ("func f(a: int) -> int = ", "[", "1"),
        ("func f(a: int) -> int = ", "{ a: ", "1"),
        ("func f(a: int) -> int = ", "-", "1"),
        ("func f(a: int) -> int = ", "not ", "true"),
        ("func f(a: int) -> int = ", "if a then ", "1"),
        ("type T { a: ", "list<", "int"),
        ("stream s { ", "if a { ", "x = 1"),
    ];
    for (before, wrap, core) in wraps {
        let text = format!("{before}{}{core}\n\ntype X {{ a: }}\n", wrap.repeat(100_000));
        let found = parse(FileId(0), &text).diagnostics;
        let codes: Vec<&str> = found.iter().map(|d| d.code.id()).collect();
        assert_eq!(codes, ["E0107", "E0101"], "{wrap}");
    }
    for (link, first) in [(" + 1", "1"), (" |> final", "a"), (".b", "a"), ("[1]", "a"), (" or a", "a")] {
        let text = format!("view v = {first}{}\n", link.repeat(100_000));
        let found = parse(FileId(0), &text).diagnostics;
        assert_eq!(found.iter().map(|d| d.code.id()).collect::<Vec<_>>(), ["E0107"], "{link}");
    }
    let text = format!("view v = {}\n", "\"{".repeat(50_000));
    check(&text);
}

#[test]
fn time_is_linear_in_hostile_texts() {
    let pieces = [
        "(",
        ")",
        "[",
        "{",
        "}",
        "\"",
        "\"{",
        "'",
        "\"\"\"",
        "sql {",
        "= sql { /*",
        "|>",
        "|> where",
        "@a(",
        "@a ",
        "a = (",
        "@a\n@b(1)\n",
        "///\n",
        "type T {\n",
        "job j {\n",
        "{ a: ",
        "x:",
        "if ",
        "match a {",
        "\n",
        "a b ",
        "1..",
        "not ",
        "stream s {\n x = (\n",
        "a = f(\n",
        "\"\\",
        "SELECT a from ",
        "CASE a when b ",
        "a is not ",
        "NOT a ",
        "a between 1 AND ",
        "interval 'a' ",
        "|> join a b on ",
        "features a on b ",
        "for a in b\n",
        "stream s {\n for a in b ",
        "func f(a: int) -> int = {\n",
        "a ? b ",
        "a?.",
        "a::",
        "=>",
        "**",
        "# ",
        "#}",
        "/*",
        "/**/",
        "`",
        "a; ",
        "int x, ",
        "a[] ",
        "é",
        "\u{200b}",
        "engine e {\n@a(1)\n",
        "view v = a\n",
        "= b, ",
        "else ",
        "-> ",
    ];
    for piece in pieces {
        let many = piece.repeat(200_000 / piece.len());
        let started = std::time::Instant::now();
        parse(FileId(0), &many);
        parse(FileId(0), &format!("job j {{\n= {{\n{many}"));
        let took = started.elapsed();
        assert!(took.as_secs() < 5, "{piece:?} took {took:?}");
    }
}

fn piece() -> impl Strategy<Value = String> {
    let words = [
        "solution",
        "use",
        "type",
        "source",
        "features",
        "engine",
        "job",
        "stream",
        "service",
        "rules",
        "test",
        "target",
        "emit",
        "return",
        "publish",
        "if",
        "then",
        "else",
        "match",
        "for",
        "yield",
        "in",
        "not",
        "and",
        "where",
        "select",
        "derive",
        "join",
        "left",
        "with",
        "group",
        "by",
        "window",
        "over",
        "as",
        "on",
        "to",
        "a",
        "b",
        "T",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "=",
        ":",
        ",",
        ".",
        "..",
        "..=",
        "->",
        "|>",
        "@",
        "?",
        "??",
        "==",
        "+",
        "-",
        "*",
        "/",
        "\n",
        " ",
        "\t",
        "//",
        "///",
        "1",
        "0.5",
        "30s",
        "80%",
        "2026-01-01",
        "2026-01-01T00:00:00Z",
        "\"",
        "'",
        "\"\"\"",
        "\"a{",
        "\\",
        "sql {",
        "--",
        "/*",
        ";",
        "SELECT",
        "case",
        "when",
        "is",
        "NOT",
        "AND",
        "between",
        "like",
        "interval",
        "filter",
        "on",
        "by",
        "as",
        "from",
        "join",
        "features",
        "?",
        "?.",
        "::",
        "=>",
        "**",
        "#",
        "/*",
        "`",
        "é",
        "\u{1f600}",
        "\r\n",
        "\u{feff}",
        "\0",
    ];
    (0..words.len(), any::<bool>())
        .prop_map(move |(at, blank)| format!("{}{}", words.get(at).unwrap_or(&""), if blank { " " } else { "" }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_words(pieces in prop::collection::vec(piece(), 0..60)) {
        check(&pieces.concat());
    }

    #[test]
    fn random_characters(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn programs_with_a_word_put_in(which in 0..4_usize, at in any::<prop::sample::Index>(), word in piece()) {
        let programs = programs();
        let program = &programs[which % programs.len()];
        let places: Vec<usize> = program.char_indices().map(|(at, _)| at).collect();
        let (before, after) = program.split_at(places[at.index(places.len())]);
        check(&[before, &word, after].concat());
    }
}
