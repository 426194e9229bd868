//! CSV: RFC 4180, with any of the three line ends, blank lines passed over, and quotes inside of a bare cell, or what stands
//! behind a closing one, taken as they are.

use flow_core::builder::ColumnBuilder;
use flow_core::functions::TimeUnit;
use flow_core::types::{DataType, Kind};

use crate::json::{JsonDecoder, absent};
use crate::scalar::{self, Form};

/// Where a reader of CSV stands within a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first byte of a cell.
    Start,
    /// In a cell without quotes, or behind the closing quote of one.
    Bare,
    /// Between quotes.
    Quoted,
    /// Behind a quote between quotes: it closes them, unless another one follows.
    Closing,
}

/// What a byte means where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// A part of the cell.
    Text,
    /// A quote that is no part of the cell.
    Quote,
    /// The end of the cell.
    Comma,
    /// The end of the record.
    Line,
}

impl Place {
    #[inline]
    fn step(self, byte: u8) -> (Self, Meaning) {
        match (self, byte) {
            (Self::Start, b'"') => (Self::Quoted, Meaning::Quote),
            (Self::Quoted, b'"') => (Self::Closing, Meaning::Quote),
            (Self::Closing, b'"') => (Self::Quoted, Meaning::Text),
            (Self::Quoted, _) => (Self::Quoted, Meaning::Text),
            (_, b',') => (Self::Start, Meaning::Comma),
            (_, b'\r' | b'\n') => (Self::Start, Meaning::Line),
            _ => (Self::Bare, Meaning::Text),
        }
    }
}

/// The next record from byte `from` on: its start, its end without the line end, and where to go on. `None` at the end of
/// `bytes`. A quote that is left open ends with the bytes; what it stands in is no record.
#[must_use]
pub fn next_record(bytes: &[u8], from: usize) -> Option<(usize, usize, usize)> {
    let rest = bytes.get(from..)?;
    let start = from + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let mut place = Place::Start;
    for (byte, at) in bytes.get(start..)?.iter().zip(start..) {
        let (next, meaning) = place.step(*byte);
        if meaning == Meaning::Line {
            return Some((start, at, at + 1));
        }
        place = next;
    }
    (start < bytes.len()).then_some((start, bytes.len(), bytes.len()))
}

/// Splits records into cells; its memory is used again from record to record.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// Cells in which quotes were taken away.
    buffer: String,
    /// Whether the cell stands in `buffer` or in the record, and where.
    cells: Vec<(bool, usize, usize)>,
}

/// The cells of one record.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    text: &'a str,
    splitter: &'a Splitter,
}

impl Splitter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The cells of a record, which must be `expected`.
    pub(crate) fn split<'a>(&'a mut self, text: &'a str, expected: usize) -> Result<Cells<'a>, String> {
        self.buffer.clear();
        self.cells.clear();
        let mut place = Place::Start;
        let mut start = 0;
        for (at, byte) in text.bytes().enumerate() {
            let (next, meaning) = place.step(byte);
            place = next;
            if matches!(meaning, Meaning::Comma | Meaning::Line) {
                self.cell(text, start, at);
                start = at + 1;
            }
        }
        if place == Place::Quoted {
            return Err("a cell's quote is left open".to_owned());
        }
        self.cell(text, start, text.len());
        let found = self.cells.len();
        if found == expected {
            Ok(Cells { text, splitter: self })
        } else {
            Err(format!("expected {expected} cells as in the header, found {found}"))
        }
    }

    fn cell(&mut self, text: &str, start: usize, end: usize) {
        let cell = text.get(start..end).unwrap_or("");
        if !cell.starts_with('"') {
            self.cells.push((false, start, end));
            return;
        }
        let from = self.buffer.len();
        let mut place = Place::Start;
        let mut kept = 0;
        for (at, byte) in cell.bytes().enumerate() {
            let (next, meaning) = place.step(byte);
            place = next;
            if meaning == Meaning::Quote {
                self.buffer.push_str(cell.get(kept..at).unwrap_or(""));
                kept = at + 1;
            }
        }
        self.buffer.push_str(cell.get(kept..).unwrap_or(""));
        self.cells.push((true, from, self.buffer.len()));
    }
}

impl<'a> Cells<'a> {
    pub(crate) fn get(self, cell: usize) -> Option<&'a str> {
        let (buffered, start, end) = *self.splitter.cells.get(cell)?;
        if buffered { self.splitter.buffer.get(start..end) } else { self.text.get(start..end) }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.splitter.cells.len()).filter_map(move |cell| self.get(cell))
    }
}

/// The names in a header record.
///
/// # Errors
///
/// If the record is no UTF-8 text, or leaves a quote open.
pub fn header(record: &[u8]) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(record).map_err(|_| "the header row is no UTF-8 text; save the file as UTF-8")?;
    let mut place = Place::Start;
    let commas = text.bytes().filter(|byte| {
        let (next, meaning) = place.step(*byte);
        place = next;
        meaning == Meaning::Comma
    });
    let count = commas.count() + 1;
    let mut splitter = Splitter::new();
    Ok(splitter.split(text, count)?.iter().map(str::to_owned).collect())
}

/// Adds the cell that a CSV cell stands for; `None` where the file has no such column.
pub(crate) fn push(
    builder: &mut ColumnBuilder,
    text: Option<&str>,
    ty: &DataType,
    unit: Option<TimeUnit>,
    json: &mut JsonDecoder,
) {
    match (text, &ty.kind) {
        (None, _) => absent(ty, builder),
        (Some(""), kind) if *kind != Kind::String => absent(ty, builder),
        (Some(text), Kind::List(_) | Kind::Record(_)) => json.cell(text, ty, builder),
        (Some(text), kind) => scalar::push(builder, text, Form::Csv, kind, unit),
    }
}

/// Writes a cell's text with quotes where it needs them.
pub(crate) fn write_cell(out: &mut Vec<u8>, text: &[u8]) {
    if !text.iter().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for part in text.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.last() == Some(&b'"') {
            out.push(b'"');
        }
    }
    out.push(b'"');
}
