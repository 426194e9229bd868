//! `manifest.json`: every file, what it is for, and where in the solution each part of it came from.

use std::collections::BTreeMap;

use fec_diagnostics::{Sources, Span};
use fec_plan::OutputFile;
use serde::{Deserialize, Serialize};

/// Its name.
pub const NAME: &str = "manifest.json";

/// The list of files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the command that wrote it.
    pub fec: String,
    /// The solution.
    pub solution: String,
    /// Its version.
    pub version: String,
    /// The target; none is the local one with its defaults.
    pub target: Option<String>,
    /// Files in the order of their paths, this one among them.
    pub files: Vec<Entry>,
    /// Places that lines of files came from.
    pub places: Vec<Place>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path below the output folder.
    pub path: String,
    /// What it is for.
    pub kind: String,
    /// What it came from; none where it stands for the whole solution.
    pub source: Option<Place>,
    /// From this line on, up to the next entry, it came from this one of the places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<(u32, usize)>,
}

/// A place in the solution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// File, relative to the solution.
    pub file: String,
    /// First character.
    pub start: Position,
    /// After the last one.
    pub end: Position,
    /// The line of the first one, as it was written.
    pub text: String,
}

/// A character, as people count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
    /// Byte, from 0.
    pub offset: u32,
}

impl Manifest {
    /// Fills in the files, which are in the order of their paths; `sources` have names relative to the solution.
    pub fn list(&mut self, files: &[OutputFile], sources: &Sources) {
        let mut known: BTreeMap<Span, usize> = BTreeMap::new();
        for file in files {
            let mut lines = Vec::with_capacity(file.lines.len());
            for (line, span) in &file.lines {
                let next = self.places.len();
                let number = *known.entry(*span).or_insert(next);
                if number == next {
                    self.places.push(place(*span, sources));
                }
                lines.push((*line, number));
            }
            self.files.push(Entry {
                path: file.path.clone(),
                kind: file.kind.word().to_owned(),
                source: file.source.map(|span| place(span, sources)),
                lines,
            });
        }
    }

    /// Where a line of a file came from: the place of the line, else that of the file.
    pub fn origin(&self, entry: &Entry, line: u32) -> Option<Place> {
        let after = entry.lines.partition_point(|(first, _)| *first <= line);
        let number = after.checked_sub(1).and_then(|index| entry.lines.get(index)).map(|(_, number)| *number);
        number.and_then(|number| self.places.get(number)).or(entry.source.as_ref()).cloned()
    }
}

fn place(span: Span, sources: &Sources) -> Place {
    let at = |offset| {
        let position = sources.position(span.file, offset);
        Position { line: position.line, column: position.column, offset: position.offset }
    };
    let start = at(span.start);
    let text = sources.line(span.file, start.line).trim().to_owned();
    Place { file: sources.name(span.file).to_owned(), start, end: at(span.end), text }
}

#[cfg(test)]
mod tests {
    use fec_plan::FileKind;

    use super::*;

    #[test]
    fn a_line_has_the_place_of_the_last_entry_before_it() {
        let mut sources = Sources::new();
        let id = sources.add("a.asol", "one\n  two\n");
        let (one, two) = (Span::new(id, 0, 3), Span::new(id, 6, 9));
        let file = OutputFile {
            path: "argo/a.yaml".to_owned(),
            kind: FileKind::Argo,
            contents: Vec::new(),
            source: Some(one),
            lines: vec![(2, two), (4, one), (6, two)],
        };
        let mut manifest = Manifest::default();
        manifest.list(&[file], &sources);
        assert_eq!(manifest.places.len(), 2, "a place stands once");
        let entry = manifest.files.first().cloned().expect("the file");
        let told: Vec<String> =
            (1..=7).filter_map(|line| manifest.origin(&entry, line)).map(|place| place.text).collect();
        assert_eq!(told, ["one", "two", "two", "one", "one", "two", "two"]);
        let place = manifest.origin(&entry, 2).expect("a place");
        let position = |line, column, offset| Position { line, column, offset };
        assert_eq!((place.start, place.end), (position(2, 3, 6), position(2, 6, 9)));
    }
}
