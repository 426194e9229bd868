//! The one format: it is stable and loses nothing.

use fec_diagnostics::FileId;
use fec_syntax::{Kind, format, lex};
use proptest::prelude::*;
use std::path::PathBuf;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/syntax")
}

fn valid() -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(corpus().join("valid")).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "asol"));
    files.sort();
    let name = |path: &PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap_or_default())).collect()
}

/// The words, and the comments without blanks at their ends.
fn kept(text: &str) -> Vec<(Kind, String)> {
    let tokens = lex(FileId(0), text).tokens;
    let kept = tokens.iter().filter(|t| !matches!(t.kind, Kind::Blank | Kind::Newline));
    kept.map(|t| (t.kind, t.text(text).trim_end().to_owned())).collect()
}

fn check(text: &str) -> Result<(), String> {
    let Ok(once) = format(text) else { return Ok(()) };
    let twice = format(&once).map_err(|found| format!("no longer read: {found:?}\n{text:?}\n{once}"))?;
    if once != twice {
        return Err(format!("not stable: {text:?}\n{once}\n{twice}"));
    }
    if kept(text) != kept(&once) {
        return Err(format!("words were lost: {text:?}\n{once}"));
    }
    if once.lines().any(|line| line.ends_with(' ')) && !text.contains("\"\"\"") {
        return Err(format!("blanks at the end of a line: {once:?}"));
    }
    Ok(())
}

#[test]
fn programs_keep_their_words_and_are_stable() {
    for (name, text) in valid() {
        assert!(format(&text).is_ok(), "{name}");
        assert_eq!(check(&text), Ok(()), "{name}");
        // However it was written before.
        let ragged: String = text.lines().map(|line| format!("   \t{}  \r\n\r\n\r\n", line.trim())).collect();
        assert_eq!(check(&ragged), Ok(()), "{name}");
    }
}

/// The texts in `formatted/` are how the programs of `valid/` look in the one format.
#[test]
fn programs_look_as_they_should() {
    for (name, text) in valid() {
        let path = corpus().join("formatted").join(&name);
        let formatted = format(&text).unwrap();
        if std::env::var("ASOL_BLESS").is_ok() {
            std::fs::write(&path, &formatted).unwrap();
        }
        assert_eq!(formatted, std::fs::read_to_string(&path).unwrap_or_default(), "{name}");
        assert_eq!(format(&formatted).unwrap(), formatted, "{name}");
    }
}

#[test]
fn files_with_mistakes_are_left_alone() {
    let found = format("type T { a: }\n").unwrap_err();
    assert_eq!(found.first().map(|d| d.code.id()), Some("E0101"));
}

#[test]
fn empty_files_and_comments_alone() {
    assert_eq!(format(""), Ok(String::new()));
    assert_eq!(format(" \n\n"), Ok(String::new()));
    assert_eq!(format("\n  // a  \n\n\n//b"), Ok("// a\n\n//b\n".to_owned()));
}

#[test]
fn pipelines_that_are_too_long_are_broken() {
    let text = format!(
        "view v = a |> where {} == 1 |> join (b |> take 1) as c on d == c.d |> take 3 // why\n",
        "x".repeat(60)
    );
    let long = text.replace("take 3", "select e, f, g, h, i, j, k, l, m");
    let expected = format!(
        "view v = a\n  |> where {} == 1\n  |> join (b |> take 1) as c on d == c.d\n  |> select e, f, g, h, i, j, k, l, m // why\n",
        "x".repeat(60)
    );
    assert_eq!(format(&long), Ok(expected));
}

/// Puts trivia, from `seed`, between the words of a program: where a line may not end, only blanks.
fn scattered(text: &str, seed: &[u8]) -> String {
    let mut out = String::new();
    let mut inside = 0_usize;
    for (token, seed) in lex(FileId(0), text).tokens.iter().zip(seed.iter().cycle()) {
        match token.kind {
            Kind::TextOpen => inside += 1,
            Kind::TextClose => inside -= 1,
            _ => {}
        }
        let comment = ["// one", "/// two", "//three  ", "////"].get(usize::from(*seed) % 4).copied().unwrap_or("");
        match (token.kind, seed % 16) {
            (Kind::Newline, 0) => out += "\n\n\n",
            (Kind::Newline, 1) => out += &format!("  {comment}\n"),
            (Kind::Newline, 2) => out += &format!("\n {comment}\n\n"),
            (Kind::Newline, 3) => out += "\r\n\t",
            (Kind::Blank, 4) => out += "\t   ",
            (Kind::Blank, _) if seed % 5 == 0 => out += "      ",
            (Kind::Pipe, 5) if inside == 0 => out += &format!("{comment}\n|>"),
            (Kind::LeftParen | Kind::LeftBracket, 6) if inside == 0 => {
                out += &format!("{}{comment}\n", token.text(text))
            }
            (Kind::Comma, 7) if inside == 0 => out += &format!(",{comment}\n"),
            (Kind::RightBrace, 8) if inside == 0 => out += &format!(" {comment}\n}}"),
            (Kind::RightParen | Kind::RightBracket, 9) if inside == 0 => {
                out += &format!("{comment}\n\n{}", token.text(text))
            }
            _ => out += token.text(text),
        }
    }
    out
}

#[test]
fn scattering_leaves_programs_whole() {
    let seed: Vec<u8> = (0..=255).map(|n: u8| n.wrapping_mul(37)).collect();
    let read = valid().iter().filter(|(_, text)| format(&scattered(text, &seed)).is_ok()).count();
    assert!(read >= 2, "the property below would say nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn however_it_was_written(which in 0..4_usize, seed in prop::collection::vec(any::<u8>(), 1..200)) {
        let programs = valid();
        let text = scattered(&programs[which % programs.len()].1, &seed);
        prop_assert_eq!(check(&text), Ok(()));
    }

    #[test]
    fn without_some_words(which in 0..4_usize, from in any::<prop::sample::Index>(), count in 1..4_usize) {
        let programs = valid();
        let text = &programs[which % programs.len()].1;
        let tokens = lex(FileId(0), text).tokens;
        let from = from.index(tokens.len());
        let to = (from + count).min(tokens.len() - 1);
        let cut = [&text[..tokens[from].start as usize], &text[tokens[to].start.max(tokens[from].start) as usize..]].concat();
        prop_assert_eq!(check(&cut), Ok(()));
    }
}

fn formatted(text: &str) -> String {
    let once = format(text).unwrap_or_default();
    assert_eq!(format(&once).as_deref(), Ok(once.as_str()), "not stable");
    once
}

/// A line of 120 letters is left as it is, whatever bytes they take; one of 121 is broken before each operator.
#[test]
fn the_width_is_counted_in_letters() {
    for letter in ["x", "é"] {
        let line = |width: usize| {
            let text = "view v = a |> where b == \"\" |> take 3";
            let missing = letter.repeat(width - text.chars().count());
            text.replace("\"\"", &format!("\"{missing}\"")) + "\n"
        };
        assert_eq!(formatted(&line(120)), line(120));
        assert_eq!(formatted(&line(121)), line(121).replace(" |>", "\n  |>"));
    }
}

#[test]
fn blank_lines_stay_between_and_go_at_the_ends_of_a_body() {
    let text = "type T {\n\n\n  a: int\n\n\n\n  b: int\n\n}\n\n\ntype U { a: int }\n\n\n";
    assert_eq!(formatted(text), "type T {\n  a: int\n\n  b: int\n}\n\ntype U { a: int }\n");
}

#[test]
fn comments_stand_where_they_stood() {
    let text = "\
// before
type T { // at the opening
// alone, first
a: int // behind
bcd: string   // behind, in one column

e: int // another group

// alone, last
}
// after
";
    let expected = "\
// before
type T { // at the opening
  // alone, first
  a:   int    // behind
  bcd: string // behind, in one column

  e: int // another group

  // alone, last
}
// after
";
    assert_eq!(formatted(text), expected);
}

/// A text of several lines stays as it is; a comment behind it stands after its last line.
#[test]
fn comments_behind_texts_of_several_lines() {
    let text = "param a: string = \"\"\"\n  one\n  é\"\"\" // why\nparam b: string = \"\" // and\n";
    let found = formatted(text);
    assert!(found.starts_with("param a: string = \"\"\"\n  one\n  é\"\"\""), "{found}");
    let columns: Vec<usize> =
        found.lines().filter_map(|line| line.find("//").map(|at| line[..at].chars().count())).collect();
    assert_eq!(columns.len(), 2, "{found}");
    assert_eq!(columns[0], columns[1], "{found}");
}

/// What stands before a value stands close to it, and `..` alone keeps its distance from the bracket.
#[test]
fn signs_stand_close_to_what_they_are_of() {
    let text = "type T { c: { d: int, .. } }\nview v = a |> select -1, .. b, c = - d\n";
    let expected = "type T { c: { d: int, .. } }\nview v = a |> select -1, ..b, c = -d\n";
    assert_eq!(formatted(text), expected);
    assert_eq!(formatted("type T { c: { d: int, ..} }\n"), "type T { c: { d: int, .. } }\n");
}

#[test]
fn a_blank_line_before_a_pipeline_that_is_broken_stays_one() {
    let stages = "|> where b == 1 ".repeat(8);
    let text = format!("type T {{ a: int }}\n\nview v = a {stages}\n");
    let broken = "\n  |> where b == 1".repeat(8);
    assert_eq!(formatted(&text), format!("type T {{ a: int }}\n\nview v = a{broken}\n"));
}

/// A comment alone parts no items; columns and the comments behind them are counted in letters, whatever bytes they take.
#[test]
fn columns_go_on_behind_comments_and_are_counted_in_letters() {
    let text = "\
type T {
a: int // one
// between
été: string // two
}
";
    let expected = "\
type T {
  a:   int // one
  // between
  été: string // two
}
";
    assert_eq!(formatted(text), expected);
    let text = "view ü = a // one\nview uu = a // two\n";
    assert_eq!(formatted(text), "view ü = a  // one\nview uu = a // two\n");
    let text = "param b: string = \"é\" // one\nparam c: string = \"ee\" // two\n";
    assert_eq!(formatted(text), "param b: string = \"é\"  // one\nparam c: string = \"ee\" // two\n");
}

#[test]
fn a_name_that_is_far_longer_makes_no_column() {
    let body = |blanks: &str, long: &str| format!("type T {{\n  a: {blanks}int\n  {long}: int\n}}\n");
    let (near, far) = ("b".repeat(21), "b".repeat(22));
    assert_eq!(formatted(&body("", &near)), body(&" ".repeat(20), &near));
    assert_eq!(formatted(&body("", &far)), body("", &far));
}
