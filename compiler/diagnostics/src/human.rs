//! Diagnostics for people.

use crate::diagnostic::{Diagnostic, Fix, Severity};
use crate::sources::Sources;
use crate::span::{FileId, Span};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Lines of an underlined text that are shown; of a longer one only the first.
const MOST_LINES: u32 = 4;
/// A gap of this many lines between shown lines is filled, a larger one is `...`.
const FILLED_GAP: u32 = 2;

/// The diagnostic as text with the lines it speaks of, ending with a newline. `colour` adds ANSI colours.
pub fn render_human(diagnostic: &Diagnostic, sources: &Sources, colour: bool) -> String {
    let paint = Paint { colour };
    let main = match diagnostic.severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
    };
    let mut out = String::new();
    let head = format!("{}[{}]", diagnostic.severity.name(), diagnostic.code.id());
    let _ = writeln!(out, "{}{}", paint.with(main, &head), paint.with("1", &format!(": {}", diagnostic.message)));
    let frames = frames(diagnostic, sources);
    let last = frames.iter().flat_map(|f| f.lines.keys().next_back().copied()).max().unwrap_or(1);
    let fixed = diagnostic.fixes.iter().map(|fix| fixed_lines(fix, sources)).collect::<Vec<_>>();
    let last = fixed.iter().flatten().map(|(n, _)| *n).max().unwrap_or(1).max(last);
    let gutter = Gutter { width: last.to_string().len(), paint: &paint };
    for (index, frame) in frames.iter().enumerate() {
        frame.write(&mut out, sources, &gutter, main, index == 0);
    }
    for hint in &diagnostic.help {
        let _ = writeln!(out, "{}: {hint}", paint.with("1;36", "help"));
    }
    for (fix, lines) in diagnostic.fixes.iter().zip(&fixed) {
        let _ = writeln!(out, "{}: {}", paint.with("1;36", "help"), fix.title);
        if !lines.is_empty() {
            gutter.empty(&mut out);
        }
        for (number, text) in lines {
            gutter.line(&mut out, *number, text);
        }
    }
    out
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn with(&self, style: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

struct Gutter<'a> {
    width: usize,
    paint: &'a Paint,
}

impl Gutter<'_> {
    fn empty(&self, out: &mut String) {
        let _ = writeln!(out, "{}", self.paint.with("1;34", &format!("{:w$} |", "", w = self.width)));
    }

    fn line(&self, out: &mut String, number: u32, text: &str) {
        let text = visible(text);
        let shown = format!("{} {text}", self.paint.with("1;34", &format!("{number:w$} |", w = self.width)));
        let _ = writeln!(out, "{}", shown.trim_end());
    }

    fn mark(&self, out: &mut String, mark: &Mark, style: &str) {
        let sign = if mark.main { "^" } else { "-" };
        let under = format!("{} {}", sign.repeat(mark.width.max(1)), mark.message);
        let bar = self.paint.with("1;34", &format!("{:w$} |", "", w = self.width));
        let style = if mark.main { style } else { "1;34" };
        let _ = writeln!(out, "{bar} {}{}", " ".repeat(mark.indent), self.paint.with(style, under.trim_end()));
    }
}

/// What stands under a line.
struct Mark {
    indent: usize,
    width: usize,
    main: bool,
    message: String,
}

/// The shown lines of one file.
struct Frame {
    file: FileId,
    at: u32,
    lines: BTreeMap<u32, Vec<Mark>>,
}

fn frames(diagnostic: &Diagnostic, sources: &Sources) -> Vec<Frame> {
    let mut frames = vec![Frame { file: diagnostic.span.file, at: diagnostic.span.start, lines: BTreeMap::new() }];
    let mut own = diagnostic.labels.iter().filter(|l| l.span == diagnostic.span).map(|l| l.message.as_str());
    let mut marks = vec![(diagnostic.span, true, own.next().unwrap_or("").to_owned())];
    marks.extend(own.map(|message| (diagnostic.span, true, message.to_owned())));
    let others = diagnostic.labels.iter().filter(|l| l.span != diagnostic.span);
    marks.extend(others.map(|l| (l.span, false, l.message.clone())));
    for (span, main, message) in marks {
        let place = frames.iter().position(|f| f.file == span.file).unwrap_or_else(|| {
            frames.push(Frame { file: span.file, at: span.start, lines: BTreeMap::new() });
            frames.len() - 1
        });
        if let Some(frame) = frames.get_mut(place) {
            frame.add(span, main, message, sources);
        }
    }
    frames
}

impl Frame {
    fn add(&mut self, span: Span, main: bool, message: String, sources: &Sources) {
        let first = sources.position(span.file, span.start).line;
        let last = sources.position(span.file, span.end).line;
        let last = if last - first >= MOST_LINES { first } else { last };
        for number in first..=last {
            let text = sources.line(span.file, number);
            let from = sources.line_start(span.file, number);
            let start = (span.start.saturating_sub(from) as usize).min(text.len());
            let end = (span.end.saturating_sub(from) as usize).clamp(start, text.len());
            let blank = text.len() - text.trim_start().len();
            let start = if number > first { blank.min(end) } else { start };
            let width = visible(text.get(start..end).unwrap_or("")).chars().count();
            let message = if number == last { message.clone() } else { String::new() };
            let indent = visible(text.get(..start).unwrap_or("")).chars().count();
            self.lines.entry(number).or_default().push(Mark { indent, width, main, message });
        }
    }

    fn write(&self, out: &mut String, sources: &Sources, gutter: &Gutter<'_>, style: &str, first: bool) {
        let at = sources.position(self.file, self.at);
        let arrow = gutter.paint.with("1;34", if first { "-->" } else { ":::" });
        let blank = " ".repeat(gutter.width);
        let _ = writeln!(out, "{blank}{arrow} {}:{}:{}", sources.name(self.file), at.line, at.column);
        gutter.empty(out);
        let mut before: Option<u32> = None;
        for (number, marks) in &self.lines {
            match before {
                Some(last) if number - last - 1 > FILLED_GAP => {
                    let _ = writeln!(out, "{}", gutter.paint.with("1;34", "..."));
                }
                Some(last) => (last + 1..*number).for_each(|n| gutter.line(out, n, sources.line(self.file, n))),
                None => {}
            }
            gutter.line(out, *number, sources.line(self.file, *number));
            marks.iter().for_each(|mark| gutter.mark(out, mark, style));
            before = Some(*number);
        }
        gutter.empty(out);
    }
}

/// The lines that a fix changes, as they are after it.
fn fixed_lines(fix: &Fix, sources: &Sources) -> Vec<(u32, String)> {
    let Some(file) = fix.edits.first().map(|e| e.span.file) else { return Vec::new() };
    let mut edits: Vec<_> = fix.edits.iter().filter(|e| e.span.file == file).collect();
    edits.sort_by_key(|e| e.span);
    let start = edits.first().map_or(0, |e| e.span.start);
    let end = edits.iter().map(|e| e.span.end).max().unwrap_or(start);
    let first = sources.position(file, start).line;
    let last_line = sources.position(file, end).line;
    let until = sources.line_start(file, last_line) as usize + sources.line(file, last_line).len();
    let mut done = sources.line_start(file, first) as usize;
    let mut text = String::new();
    for edit in edits {
        text.push_str(sources.text(file).get(done..edit.span.start as usize).unwrap_or(""));
        text.push_str(&edit.text);
        done = done.max(edit.span.end as usize);
    }
    text.push_str(sources.text(file).get(done..until).unwrap_or(""));
    (first..).zip(text.lines().map(str::to_owned)).take(8).collect()
}

/// A line as a terminal shows it: tabs are two blanks, other control characters a sign.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\t' => out.push_str("  "),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
