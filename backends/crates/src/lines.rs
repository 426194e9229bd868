//! Which lines of a generated file came from where: what its comments say.
//!
//! Every item and every operator that came from a place of the solution names it at the end of its comment
//! ([`fec_rust::doc`]), for people who read the file. The list of files tells the same to programs, read off the comments,
//! so that the two cannot differ.

use std::collections::BTreeMap;

use fec_diagnostics::{FileId, Sources, Span};

/// The lines of `text` from which on it came from another place, with that place. What names none came from `otherwise`.
pub(crate) fn lines(text: &str, sources: &Sources, otherwise: Option<Span>) -> Vec<(u32, Span)> {
    let known: BTreeMap<&str, FileId> = sources.ids().map(|id| (sources.name(id), id)).collect();
    let mut found: Vec<(u32, Span)> = Vec::new();
    // Where the comment that is read began, and the last place that it has named.
    let mut comment: Option<(u32, Option<Span>)> = None;
    for (number, line) in (1u32..).zip(text.lines()) {
        let plain = line.trim_start();
        if plain.starts_with("//!") {
            continue;
        }
        if plain.starts_with("//") {
            let place = place(plain, &known, sources);
            let (began, before) = comment.unwrap_or((number, None));
            comment = Some((began, place.or(before)));
            continue;
        }
        let is_item = !line.is_empty() && !line.starts_with([' ', '}']);
        match comment.take() {
            Some((began, Some(place))) => found.push((began, place)),
            // An item of its own: what stood before it says nothing of it.
            Some((began, None)) if is_item => found.extend(otherwise.map(|span| (began, span))),
            None if is_item && !line.starts_with(')') => found.extend(otherwise.map(|span| (number, span))),
            _ => {}
        }
    }
    // The same place again is no other one.
    found.dedup_by(|later, earlier| later.1 == earlier.1);
    found
}

/// The line of the solution that a comment names at its end, as `FILE:LINE` or `(FILE:LINE)`.
fn place(comment: &str, known: &BTreeMap<&str, FileId>, sources: &Sources) -> Option<Span> {
    let text = comment.trim_end_matches(['.', ')']);
    let (before, number) = text.rsplit_once(':')?;
    let number: u32 = number.parse().ok()?;
    // A file's name may hold blanks: the longest that is known.
    let names = before.char_indices().filter(|(_, c)| matches!(c, ' ' | '(')).map(|(at, c)| at + c.len_utf8());
    let file = names.filter_map(|at| known.get(before.get(at..)?)).next()?;
    let line = sources.line(*file, number);
    let indented = u32::try_from(line.len() - line.trim_start().len()).ok()?;
    let start = sources.line_start(*file, number) + indented;
    Some(Span::new(*file, start, start + u32::try_from(line.trim().len()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
//! The worker `w` (shop file.asol:1).

mod rules;

use std::sync::Arc;

/// The entry.
fn main() -> ExitCode {
    run()
}

/// `x > 1` (shop file.asol:3)
fn x(row: Row<'_>) -> Result<bool, Fault> {
    a()
}

/// Docs: see nowhere.asol:1
///
/// shop file.asol:2
fn long(
    row: Row<'_>,
) -> Result<bool, Fault> {
    // `y` (shop file.asol:4)
    b();

    // no place
    c()
}

const K: u8 = 1;
";

    #[test]
    fn lines_came_from_what_their_comments_name() {
        let mut sources = Sources::new();
        let file = sources.add("shop file.asol", "worker w\nsecond\n  third  \nfourth\n");
        let whole = Span::new(file, 0, 6);
        let told = |otherwise| -> Vec<(u32, String)> {
            let found = lines(PRINTED, &sources, otherwise);
            found.into_iter().map(|(line, span)| (line, sources.slice(span).to_owned())).collect()
        };
        let wanted = [(3, "worker"), (12, "third"), (17, "second"), (23, "fourth"), (30, "worker")];
        assert_eq!(told(Some(whole)), wanted.map(|(line, text)| (line, text.to_owned())));
        let wanted = [(12, "third"), (17, "second"), (23, "fourth")];
        assert_eq!(told(None), wanted.map(|(line, text)| (line, text.to_owned())));
    }
}
