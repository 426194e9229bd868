//! Writes trees as YAML that readers of version 1.1 and 1.2 read alike, and remembers where each line came from.

use std::fmt::Write as _;

use fec_diagnostics::Span;
use serde::Serialize;

use crate::tree::{NoTree, Node, node};

/// A written file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The text, which ends with a newline.
    pub text: String,
    /// From this line (counted from 1) on, up to the next entry, it came from this place.
    pub lines: Vec<(u32, Span)>,
}

/// One document, after comment lines.
///
/// # Errors
/// A value that is no tree.
pub fn document<T: Serialize + ?Sized>(comment: &[&str], value: &T) -> Result<Written, NoTree> {
    Ok(documents(comment, &[node(value)?]))
}

/// Documents with `---` between them, after comment lines.
#[must_use]
pub fn documents(comment: &[&str], values: &[Node]) -> Written {
    let mut writer = Writer::default();
    for line in comment {
        writer.line(&format!("# {}", line.replace(['\n', '\r'], " ")));
    }
    for (number, value) in values.iter().enumerate() {
        if number > 0 {
            writer.line("---");
        }
        writer.block(0, value);
    }
    writer.written
}

#[derive(Default)]
struct Writer {
    written: Written,
    number: u32,
    /// Places of the values that are being written, the innermost last.
    places: Vec<Span>,
}

impl Writer {
    fn line(&mut self, text: &str) {
        self.number += 1;
        let place = self.places.last().copied();
        let last = self.written.lines.last().map(|(_, span)| *span);
        if let Some(place) = place
            && last != Some(place)
        {
            self.written.lines.push((self.number, place));
        }
        self.written.text.push_str(text);
        self.written.text.push('\n');
    }

    /// A map or list as lines of its own, or a scalar on one.
    fn block(&mut self, indent: usize, value: &Node) {
        let (value, depth) = self.enter(value);
        match value {
            Node::Map(entries) if !entries.is_empty() => self.entries(indent, "", entries),
            Node::List(items) if !items.is_empty() => self.items(indent, items),
            scalar => self.line(&format!("{:indent$}{}", "", inline(scalar))),
        }
        self.places.truncate(depth);
    }

    /// `before` stands in place of the first line's indent: the `- ` of an item.
    fn entries(&mut self, indent: usize, before: &str, entries: &[(String, Node)]) {
        for (number, (key, value)) in entries.iter().enumerate() {
            let (value, depth) = self.enter(value);
            let lead = if number == 0 && !before.is_empty() { before.to_owned() } else { " ".repeat(indent) };
            let key = text(key);
            match value {
                Node::Map(inner) if !inner.is_empty() => {
                    self.line(&format!("{lead}{key}:"));
                    self.entries(indent + 2, "", inner);
                }
                Node::List(items) if !items.is_empty() => {
                    self.line(&format!("{lead}{key}:"));
                    self.items(indent, items);
                }
                scalar => self.line(&format!("{lead}{key}: {}", inline(scalar))),
            }
            self.places.truncate(depth);
        }
    }

    fn items(&mut self, indent: usize, items: &[Node]) {
        for item in items {
            let (item, depth) = self.enter(item);
            match item {
                Node::Map(entries) if !entries.is_empty() => {
                    self.entries(indent + 2, &format!("{:indent$}- ", ""), entries);
                }
                Node::List(inner) if !inner.is_empty() => {
                    self.line(&format!("{:indent$}-", ""));
                    self.items(indent + 2, inner);
                }
                scalar => self.line(&format!("{:indent$}- {}", "", inline(scalar))),
            }
            self.places.truncate(depth);
        }
    }

    /// The value inside of its places, which count from now on, and how many there were before.
    fn enter<'a>(&mut self, mut value: &'a Node) -> (&'a Node, usize) {
        let depth = self.places.len();
        while let Node::At(place, inner) = value {
            self.places.push(*place);
            value = inner;
        }
        (value, depth)
    }
}

fn inline(value: &Node) -> String {
    match value {
        Node::Null => "null".to_owned(),
        Node::Bool(value) => value.to_string(),
        Node::Int(value) => value.to_string(),
        Node::Text(value) => text(value),
        Node::List(_) => "[]".to_owned(),
        Node::Map(_) => "{}".to_owned(),
        Node::At(_, inner) => inline(inner),
    }
}

/// A text: as it stands where it is plainly a word, else in double quotes.
fn text(value: &str) -> String {
    if is_word(value) { value.to_owned() } else { quoted(value) }
}

/// Whether no reader takes it for anything but text: it begins with a letter or `/`, goes on with letters, digits and a
/// few signs that mean nothing in YAML, and is none of the words that mean something.
fn is_word(value: &str) -> bool {
    const MEANS_SOMETHING: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !MEANS_SOMETHING.iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                // Writing to a string cannot fail.
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
    out
}

/// Whether a character beyond ASCII stands in YAML as it is, and on one line.
fn is_printable(c: char) -> bool {
    let breaks_or_marks = ['\u{2028}', '\u{2029}', '\u{feff}'].contains(&c);
    matches!(c, '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}') && !breaks_or_marks
}

#[cfg(test)]
mod tests {
    use fec_diagnostics::FileId;

    use super::*;
    use crate::tree::At;

    #[derive(Serialize)]
    struct Inner {
        name: At<String>,
        items: Vec<At<u32>>,
        none: Option<u32>,
    }

    #[derive(Serialize)]
    struct Outer {
        kind: &'static str,
        inner: At<Inner>,
        list: Vec<At<Inner>>,
        empty: Vec<u32>,
        last: bool,
    }

    fn span(start: u32) -> Span {
        Span::new(FileId(0), start, start + 1)
    }

    fn inner(at: u32) -> At<Inner> {
        let items = vec![At::new(span(at + 2), 1), At::new(None, 2)];
        At::new(span(at), Inner { name: At::new(span(at + 1), "on".to_owned()), items, none: None })
    }

    #[test]
    fn each_line_knows_its_place() {
        let outer = Outer { kind: "Pod", inner: inner(10), list: vec![inner(20)], empty: Vec::new(), last: true };
        let written = document(&["made"], &At::new(span(1), outer)).expect("a tree");
        let wanted = "# made\nkind: Pod\ninner:\n  name: \"on\"\n  items:\n  - 1\n  - 2\nlist:\n- name: \"on\"\n  items:\n  - 1\n  - 2\nempty: []\nlast: true\n";
        assert_eq!(written.text, wanted);
        let places: Vec<(u32, u32)> = written.lines.iter().map(|(line, span)| (*line, span.start)).collect();
        let wanted = [
            (2, 1),
            (3, 10),
            (4, 11),
            (5, 10),
            (6, 12),
            (7, 10),
            (8, 1),
            (9, 21),
            (10, 20),
            (11, 22),
            (12, 20),
            (13, 1),
        ];
        assert_eq!(places, wanted);
    }

    #[test]
    fn what_means_something_is_quoted() {
        for word in ["y", "N", "on", "OFF", "Yes", "no", "true", "False", "null", "~", "1e3", "0x10", "012", "1_000"] {
            assert!(text(word).starts_with('"'), "{word}");
        }
        for word in
            ["12:30", "1.5", ".inf", "-1", "2026-01-01", "=", "<<", "", " a", "a b", "a: b", "#", "&a", "*a", "!a"]
        {
            assert!(text(word).starts_with('"'), "{word}");
        }
        for word in ["apps/v1", "Deployment", "scoring-score", "app.kubernetes.io/name", "/data", "e3", "null-able"] {
            assert_eq!(text(word), word);
        }
        assert_eq!(
            text("a\"b\\c\n\u{7}\u{85}\u{652f}\u{2028}\u{1f600}"),
            "\"a\\\"b\\\\c\\n\\x07\\x85\u{652f}\\u2028\u{1f600}\""
        );
    }
}
