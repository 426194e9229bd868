//! The form of `language.md`, "Errors".

use fec_diagnostics::{Diagnostic, Edit, Sources, Span, codes, render_human};

const TEXT: &str =
    "\n\nengine home {\n  ranked = clicks\n    |> derive score = weight * recency\n    |> sort by score desc\n}\n";

fn span_of(sources: &Sources, file: fec_diagnostics::FileId, text: &str) -> Span {
    let start = sources.text(file).find(text).unwrap_or_default();
    Span::new(file, start as u32, (start + text.len()) as u32)
}

#[test]
fn labels_help_and_fixes_stand_under_their_lines() {
    let mut sources = Sources::new();
    let file = sources.add("engines/home.asol", TEXT);
    let sort = span_of(&sources, file, "sort");
    let whole = span_of(&sources, file, "sort by score desc");
    let found = Diagnostic::error(codes::E0312, sort, "a stream cannot be sorted as a whole")
        .here("needs all rows before it can give the first")
        .label(span_of(&sources, file, "clicks"), "`clicks` never ends: it is a stream")
        .help("say how many are wanted")
        .fix("rank inside a window", whole, "group by page window tumble(1m) { top = top_k(item, 10, by: score) }");
    let expected = "\
error[E0312]: a stream cannot be sorted as a whole
 --> engines/home.asol:6:8
  |
4 |   ranked = clicks
  |            ------ `clicks` never ends: it is a stream
5 |     |> derive score = weight * recency
6 |     |> sort by score desc
  |        ^^^^ needs all rows before it can give the first
  |
help: say how many are wanted
help: rank inside a window
  |
6 |     |> group by page window tumble(1m) { top = top_k(item, 10, by: score) }
";
    assert_eq!(render_human(&found, &sources, false), expected);
    let coloured = render_human(&found, &sources, true);
    assert!(coloured.contains("\u{1b}[1;31merror[E0312]\u{1b}[0m"));
}

#[test]
fn gaps_other_files_and_long_texts() {
    let mut sources = Sources::new();
    let a = sources.add("a.asol", "one\n2\n3\n4\n5\n\tsix \u{1f600}\u{7}x\n7\n8\n9\n10\n11\n");
    let b = sources.add("b.asol", "other\n");
    let found = Diagnostic::warning(codes::W0001, Span::new(a, 13, 17), "m")
        .label(Span::new(a, 0, 3), "far")
        .label(Span::new(b, 0, 5), "there")
        .label(Span::new(a, 21, 35), "long")
        .fix_all("swap", vec![Edit { span: Span::new(b, 5, 5), text: "s".into() }]);
    let expected = "\
warning[W0001]: m
 --> a.asol:6:2
  |
1 | one
  | --- far
...
6 |   six \u{1f600}\u{fffd}x
  |   ^^^^
  |        -- long
  |
 ::: b.asol:1:1
  |
1 | other
  | ----- there
  |
help: swap
  |
1 | others
";
    let shown = render_human(&found, &sources, false);
    assert_eq!(shown.lines().map(str::trim_end).collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>(), "{shown}");
}

/// The form of what the message says, whatever it is about: trimmed, so that marks are seen alone.
fn lines_of(found: &Diagnostic, sources: &Sources) -> Vec<String> {
    render_human(found, sources, false).lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn up_to_two_lines_between_are_shown_and_more_are_left_out() {
    let mut sources = Sources::new();
    let file = sources.add("a.asol", "one\ntwo\nthree\nfour\nfive\n");
    let at = |text: &str| span_of(&sources, file, text);
    let found = |other: &str| Diagnostic::error(codes::E0201, at("one"), "m").label(at(other), "there");
    let shown = lines_of(&found("four"), &sources);
    assert_eq!(&shown[3..], ["1 | one", "  | ^^^", "2 | two", "3 | three", "4 | four", "  | ---- there", "  |"]);
    let shown = lines_of(&found("five"), &sources);
    assert_eq!(&shown[3..], ["1 | one", "  | ^^^", "...", "5 | five", "  | ---- there", "  |"]);
}

/// What goes over several lines is marked on each, without the blanks before it, and told at the last.
#[test]
fn what_spans_lines_is_marked_on_each() {
    let mut sources = Sources::new();
    let file = sources.add("a.asol", "a |> b\n    |> c\nd\n");
    let found = Diagnostic::error(codes::E0201, Span::new(file, 2, 15), "m").here("all of this");
    let shown = lines_of(&found, &sources);
    assert_eq!(&shown[3..], ["1 | a |> b", "  |   ^^^^", "2 |     |> c", "  |     ^^^^ all of this", "  |"]);
}

#[test]
fn a_fix_shows_the_lines_that_it_leaves() {
    let mut sources = Sources::new();
    let file = sources.add("a.asol", "x\n".repeat(9));
    let edit = |at: u32, text: &str| Edit { span: Span::new(file, at, at + 1), text: text.into() };
    // The ninth line becomes two, of which one has a number of two digits; edits come in any order.
    let found = Diagnostic::error(codes::E0201, Span::new(file, 16, 17), "m")
        .fix_all("both", vec![edit(16, "nine\nten"), edit(14, "eight")]);
    let shown = lines_of(&found, &sources);
    let expected = [
        "error[E0201]: m",
        "  --> a.asol:9:1",
        "   |",
        " 9 | x",
        "   | ^",
        "   |",
        "help: both",
        "   |",
        " 8 | eight",
        " 9 | nine",
        "10 | ten",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn colours_tell_errors_warnings_and_what_is_beside_them() {
    let mut sources = Sources::new();
    let file = sources.add("a.asol", "one two\n");
    let at = |text: &str| span_of(&sources, file, text);
    let error = Diagnostic::error(codes::E0201, at("one"), "m").label(at("two"), "there");
    let error = render_human(&error, &sources, true);
    assert!(
        error.contains("\u{1b}[1;31m^^^\u{1b}[0m") && error.contains("\u{1b}[1;34m--- there\u{1b}[0m"),
        "{error:?}"
    );
    let warning = render_human(&Diagnostic::warning(codes::W0001, at("one"), "m"), &sources, true);
    assert!(warning.contains("\u{1b}[1;33mwarning[W0001]\u{1b}[0m"), "{warning:?}");
    assert!(warning.contains("\u{1b}[1;33m^^^\u{1b}[0m") && !warning.contains("1;31"), "{warning:?}");
}
