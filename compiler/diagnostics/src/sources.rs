//! The files of a compilation, and offsets as lines and columns.

use crate::span::{FileId, Span};
use serde::Serialize;

/// A place as a reader counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, counted in Unicode scalar values.
    pub column: u32,
    /// Byte offset, from 0.
    pub offset: u32,
}

#[derive(Clone, Debug)]
struct File {
    name: String,
    text: String,
    /// Byte offset of the start of each line; the first is 0.
    lines: Vec<u32>,
}

/// File names and texts, by [`FileId`] in the order they were added.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<File>,
}

impl Sources {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file. `name` is what messages show: a path relative to the solution.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let mut lines = vec![0];
        lines.extend(text.bytes().zip(1u32..).filter(|(byte, _)| *byte == b'\n').map(|(_, next)| next));
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(File { name: name.into(), text, lines });
        id
    }

    /// All files, in the order they were added.
    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..u32::try_from(self.files.len()).unwrap_or(u32::MAX)).map(FileId)
    }

    /// The name of a file; `?` if there is none.
    pub fn name(&self, file: FileId) -> &str {
        self.file(file).map_or("?", |f| f.name.as_str())
    }

    /// The text of a file; empty if there is none.
    pub fn text(&self, file: FileId) -> &str {
        self.file(file).map_or("", |f| f.text.as_str())
    }

    /// The text of a span; empty if it is not a range of its file.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.range()).unwrap_or("")
    }

    /// Line and column of a byte offset; an offset after the end counts as the end.
    pub fn position(&self, file: FileId, offset: u32) -> Position {
        let Some(f) = self.file(file) else { return Position { line: 1, column: 1, offset } };
        let offset = offset.min(u32::try_from(f.text.len()).unwrap_or(u32::MAX));
        let line = f.lines.partition_point(|start| *start <= offset).max(1);
        let start = f.lines.get(line - 1).copied().unwrap_or(0) as usize;
        let before = f.text.as_bytes().get(start..offset as usize).unwrap_or(&[]);
        // Bytes that continue a character are 10xxxxxx.
        let column = before.iter().filter(|byte| (**byte & 0xC0) != 0x80).count() + 1;
        Position { line: count(line), column: count(column), offset }
    }

    /// The text of a line (from 1), without its line end.
    pub fn line(&self, file: FileId, line: u32) -> &str {
        let Some(f) = self.file(file) else { return "" };
        let index = (line as usize).saturating_sub(1);
        let Some(start) = f.lines.get(index) else { return "" };
        let end = f.lines.get(index + 1).map_or(f.text.len(), |next| *next as usize);
        f.text.get(*start as usize..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// Byte offset of the start of a line (from 1).
    pub fn line_start(&self, file: FileId, line: u32) -> u32 {
        let index = (line as usize).saturating_sub(1);
        self.file(file).and_then(|f| f.lines.get(index).copied()).unwrap_or(0)
    }

    fn file(&self, file: FileId) -> Option<&File> {
        self.files.get(file.0 as usize)
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let mut sources = Sources::new();
        let file = sources.add("a", "ab\n\u{e9}\u{1f600}x\r\n");
        assert_eq!(sources.position(file, 0), Position { line: 1, column: 1, offset: 0 });
        assert_eq!(sources.position(file, 2), Position { line: 1, column: 3, offset: 2 });
        assert_eq!(sources.position(file, 9), Position { line: 2, column: 3, offset: 9 });
        assert_eq!(sources.position(file, 99), Position { line: 3, column: 1, offset: 12 });
        assert_eq!(sources.line(file, 2), "\u{e9}\u{1f600}x");
        assert_eq!(sources.line(file, 3), "");
        assert_eq!(sources.slice(Span::new(file, 0, 2)), "ab");
        assert_eq!(sources.slice(Span::new(file, 4, 5)), "", "not at a character's boundary");
    }
}
