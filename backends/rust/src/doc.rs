//! Where a piece of Rust came from, as its comment.

use fec_diagnostics::{Sources, Span};

/// The longest text that is quoted.
const QUOTED: usize = 160;

/// The text of a solution at `span` in one line, cut where it is long, and its place: `` `amount > 100.00`
/// (fraud.asol:12) ``. Only the place where there is no text, nothing where there is neither.
#[must_use]
pub fn quote(sources: &Sources, span: Span) -> String {
    let text: Vec<&str> = sources.slice(span).split_whitespace().collect();
    let text = text.join(" ");
    let text = match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    };
    let place = place(sources, span);
    if text.is_empty() {
        return place;
    }
    let mark = if text.contains('`') { "``" } else { "`" };
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{mark}{space}{text}{space}{mark} ({place})")
}

/// The file and line of `span`: `fraud.asol:12`.
#[must_use]
pub fn place(sources: &Sources, span: Span) -> String {
    format!("{}:{}", sources.name(span.file), sources.position(span.file, span.start).line)
}

/// What stands over the entry point of a process: what it is (``The worker `shop-live` ``), what its author says of it,
/// and where it came from.
#[must_use]
pub fn head(what: &str, docs: &str, span: Option<Span>, sources: &Sources) -> String {
    let docs = if docs.is_empty() { String::new() } else { format!("\n\n{docs}") };
    let place = span.map(|span| format!(" from {}", place(sources, span))).unwrap_or_default();
    format!("{what}.{docs}\n\nWritten by `fec compile`{place}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_quoted_in_one_line_with_its_place() {
        let mut sources = Sources::new();
        let file = sources.add("fraud.asol", "a\nwhere amount\n  > 100.00 and `x`");
        assert_eq!(quote(&sources, Span::new(file, 8, 25)), "`amount > 100.00` (fraud.asol:2)");
        assert_eq!(quote(&sources, Span::new(file, 30, 33)), "`` `x` `` (fraud.asol:3)");
        assert_eq!(quote(&sources, Span::new(file, 2, 2)), "fraud.asol:2");
    }
}
