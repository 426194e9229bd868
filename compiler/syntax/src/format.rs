//! The one format.
//!
//! Words, comments and the line ends between them stay. Blanks within a line follow from the words, indentation from
//! brackets and items, columns from the items of one body that follow each other. Of blank lines one is kept.

use crate::parser::{Word, role};
use crate::token::{Kind, Token};

/// Pipelines on lines longer than this are broken before their `|>`.
const WIDTH: usize = 120;
/// A column that would need more blanks than this in some line is none.
const FURTHEST: usize = 20;
/// Blanks of one level.
const STEP: usize = 2;

/// A line of the result.
#[derive(Clone, Copy)]
struct Line {
    /// Its words `from..to`.
    from: usize,
    to: usize,
    /// The comment at its end, or alone on it.
    comment: Option<Token>,
    /// Whether a blank line stands before it.
    blank: bool,
}

/// The text in the one format. `words` are those of `tokens` that are no trivia.
pub fn format(text: &str, tokens: &[Token], words: &[Word]) -> String {
    let formatter = Formatter { text, words };
    let mut lines = formatter.broken(formatter.lines(tokens));
    formatter.tighten(&mut lines);
    let indents = formatter.indents(&lines);
    let mut rows: Vec<Row> = lines.iter().zip(&indents).map(|(line, indent)| formatter.row(line, *indent)).collect();
    align_columns(&mut rows);
    align_comments(&mut rows);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for row in &rows {
        row.write(&mut out);
    }
    out
}

struct Formatter<'a> {
    text: &'a str,
    words: &'a [Word],
}

impl<'a> Formatter<'a> {
    fn word(&self, at: usize) -> Option<&Word> {
        self.words.get(at)
    }

    fn slice(&self, start: u32, end: u32) -> &'a str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    fn kind(&self, at: usize) -> Kind {
        self.word(at).map_or(Kind::End, |word| word.kind)
    }

    fn is_item(&self, at: usize) -> bool {
        self.word(at).is_some_and(|word| word.role & role::ITEM != 0)
    }

    /// The lines as they are in the text.
    fn lines(&self, tokens: &[Token]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut at = 0;
        let mut line = Line { from: 0, to: 0, comment: None, blank: false };
        let mut empty = 0;
        for token in tokens {
            let content = line.to > line.from || line.comment.is_some();
            match token.kind {
                Kind::Blank => {}
                Kind::Newline | Kind::End if content => {
                    lines.push(line);
                    line = Line { from: at, to: at, comment: None, blank: false };
                    empty = 0;
                }
                Kind::Newline => {
                    empty += 1;
                    line.blank = empty > 0 && !lines.is_empty();
                }
                Kind::End => {}
                Kind::Comment | Kind::Doc => line.comment = Some(*token),
                _ => {
                    at += 1;
                    line.to = at;
                }
            }
        }
        lines
    }

    /// Takes the blank lines away that stand first or last within brackets.
    fn tighten(&self, lines: &mut [Line]) {
        let mut after_opening = false;
        for line in lines {
            let words = line.to > line.from;
            let closing = words && closes(self.kind(line.from));
            line.blank &= !(after_opening || closing);
            after_opening = words && opens(self.kind(line.to - 1));
        }
    }

    /// Breaks the lines that are too long before the `|>` that are in no bracket of the line.
    fn broken(&self, lines: Vec<Line>) -> Vec<Line> {
        let mut result = Vec::with_capacity(lines.len());
        for line in lines {
            let pipes = if self.width(&line) > WIDTH { self.outer_pipes(&line) } else { Vec::new() };
            let mut from = line.from;
            for (index, pipe) in pipes.iter().enumerate() {
                result.push(Line { from, to: *pipe, comment: None, blank: line.blank && index == 0 });
                from = *pipe;
            }
            result.push(Line { from, blank: line.blank && pipes.is_empty(), ..line });
        }
        result
    }

    /// Characters of the line's words, without indentation.
    fn width(&self, line: &Line) -> usize {
        let own = |at: usize| self.word(at).map_or(0, |w| self.slice(w.start, w.end).chars().count());
        (line.from..line.to).map(|at| own(at) + usize::from(at > line.from && self.spaced(at))).sum()
    }

    fn outer_pipes(&self, line: &Line) -> Vec<usize> {
        let mut open = 0_usize;
        let mut pipes = Vec::new();
        for at in line.from..line.to {
            match self.kind(at) {
                kind if opens(kind) => open += 1,
                kind if closes(kind) => open = open.saturating_sub(1),
                Kind::Pipe if open == 0 && at > line.from => pipes.push(at),
                _ => {}
            }
        }
        pipes
    }

    /// The indentation of each line, in blanks.
    fn indents(&self, lines: &[Line]) -> Vec<usize> {
        // For each open bracket: the indentation of its line, and whether it is a brace.
        let mut open: Vec<(usize, bool)> = Vec::new();
        let mut indents = Vec::with_capacity(lines.len());
        for line in lines {
            let within = open.last().map_or(0, |(indent, _)| indent + STEP);
            let braced = open.last().is_none_or(|(_, brace)| *brace);
            let first = self.kind(line.from);
            // A comment alone stands as what comes after it, but before a closing bracket as what is within.
            let closing = closes(first) && line.to > line.from;
            let item = self.is_item(line.from) || closes(first) || first == Kind::End;
            let indent = match open.last() {
                Some((outer, _)) if closing => *outer,
                _ if braced && !item => within + STEP,
                _ => within,
            };
            for at in line.from..line.to {
                match self.kind(at) {
                    kind if opens(kind) => {
                        let body = self.word(at).is_some_and(|word| word.role & role::BODY != 0);
                        open.push((if body { within } else { indent }, kind == Kind::LeftBrace));
                    }
                    kind if closes(kind) => {
                        open.pop();
                    }
                    _ => {}
                }
            }
            indents.push(indent);
        }
        indents
    }

    /// Whether a blank stands before a word, on its line.
    fn spaced(&self, at: usize) -> bool {
        let (Some(left), Some(right)) = (at.checked_sub(1).and_then(|a| self.word(a)), self.word(at)) else {
            return false;
        };
        if left.role & role::PREFIX != 0 {
            return right.kind == Kind::RightBrace;
        }
        let never = match (left.kind, right.kind) {
            _ if right.role & role::TIGHT != 0 => true,
            (Kind::LeftParen | Kind::LeftBracket | Kind::Dot | Kind::TextOpen | Kind::TextMiddle, _) => true,
            (_, Kind::RightParen | Kind::RightBracket | Kind::Comma | Kind::Colon | Kind::Dot | Kind::Question) => true,
            (_, Kind::TextMiddle | Kind::TextClose) => true,
            pair => pair == (Kind::LeftBrace, Kind::RightBrace),
        };
        !never
    }

    fn row(&self, line: &Line, indent: usize) -> Row {
        let mut cells = vec![String::new()];
        let lone = self.is_whole(line);
        let columns = if lone { role::COLUMN | role::LONE_COLUMN } else { role::COLUMN };
        let mut sort = "";
        for at in line.from..line.to {
            let Some(word) = self.word(at) else { continue };
            let first = at == line.from;
            if !first && word.role & columns != 0 {
                cells.push(String::new());
                if word.role & role::LONE_COLUMN != 0 {
                    sort = self.word(line.from).map_or("", |w| self.slice(w.start, w.end));
                }
            } else if !first && self.spaced(at) {
                push(&mut cells, " ");
            }
            push(&mut cells, self.slice(word.start, word.end));
        }
        let comment = line.comment.map(|c| self.slice(c.start, c.end).trim_end().to_owned());
        // A line of attributes belongs to the item below it.
        let starts_item = self.is_item(line.from) && line.to > line.from && self.kind(line.from) != Kind::At;
        Row { indent, cells, comment, gap: 1, blank: line.blank, starts_item, sort: sort.to_owned() }
    }

    /// Whether the brackets of a line are closed on it, and it has some.
    fn is_whole(&self, line: &Line) -> bool {
        let count = |kind: fn(Kind) -> bool| (line.from..line.to).filter(|at| kind(self.kind(*at))).count();
        count(opens) == count(closes)
    }
}

fn push(cells: &mut [String], text: &str) {
    if let Some(cell) = cells.last_mut() {
        cell.push_str(text);
    }
}

const fn opens(kind: Kind) -> bool {
    matches!(kind, Kind::LeftParen | Kind::LeftBracket | Kind::LeftBrace | Kind::TextOpen)
}

const fn closes(kind: Kind) -> bool {
    matches!(kind, Kind::RightParen | Kind::RightBracket | Kind::RightBrace | Kind::TextClose)
}

/// A line of the result, in the parts that stand in columns.
struct Row {
    indent: usize,
    cells: Vec<String>,
    comment: Option<String>,
    /// Blanks before the comment.
    gap: usize,
    blank: bool,
    starts_item: bool,
    /// The keyword of a declaration on one line: it stands in columns with those of its kind. Else empty.
    sort: String,
}

impl Row {
    fn is_comment(&self) -> bool {
        self.cells.iter().all(String::is_empty)
    }

    /// Characters of its words, with indentation and columns; of several lines, the last.
    fn width(&self) -> usize {
        let joined = self.cells.join(" ");
        match joined.rsplit_once('\n') {
            Some((_, last)) => last.chars().count(),
            None => self.indent + joined.chars().count(),
        }
    }

    fn write(&self, out: &mut String) {
        if self.blank {
            out.push('\n');
        }
        out.extend(std::iter::repeat_n(' ', self.indent));
        out.push_str(self.cells.join(" ").trim_end_matches(' '));
        if let Some(comment) = &self.comment {
            if !self.is_comment() {
                out.extend(std::iter::repeat_n(' ', self.gap));
            }
            out.push_str(comment);
        }
        out.push('\n');
    }
}

/// Pads the parts of items that follow each other in one body, without a blank line between them.
fn align_columns(rows: &mut [Row]) {
    // The items of the bodies that are open, innermost last: their indentation and rows.
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    for at in 0..rows.len() {
        let Some(row) = rows.get(at) else { break };
        let (indent, blank, columns) = (row.indent, row.blank, row.cells.len() > 1);
        // A comment alone starts none, and parts nothing.
        let starts = row.starts_item;
        // What is further in has ended; what is further out goes on.
        while let Some((_, done)) = groups.pop_if(|(inner, _)| *inner > indent) {
            pad(rows, &done);
        }
        let same = groups.last().is_some_and(|(group, _)| *group == indent);
        let first = groups.last().and_then(|(_, members)| members.first()).and_then(|at| rows.get(*at));
        let sort = first.is_some_and(|first| columns && rows.get(at).is_some_and(|row| row.sort != first.sort));
        let ends = blank || sort || (starts && !columns);
        if let Some((_, done)) = groups.pop_if(|_| same && ends) {
            pad(rows, &done);
        }
        if columns {
            match groups.last_mut() {
                Some((group, members)) if *group == indent => members.push(at),
                _ => groups.push((indent, vec![at])),
            }
        }
    }
    for (_, done) in groups {
        pad(rows, &done);
    }
}

fn pad(rows: &mut [Row], members: &[usize]) {
    let most = members.iter().filter_map(|at| rows.get(*at)).map(|row| row.cells.len()).max().unwrap_or(0);
    for column in 0..most.saturating_sub(1) {
        // Only what has something to its right is padded.
        let width =
            |row: &Row| row.cells.get(column).filter(|_| row.cells.len() > column + 1).map(|c| c.chars().count());
        let widths = || members.iter().filter_map(|at| rows.get(*at)).filter_map(width);
        let widest = widths().max().unwrap_or(0);
        if widest - widths().min().unwrap_or(0) > FURTHEST {
            continue;
        }
        for at in members {
            let Some(row) = rows.get_mut(*at) else { continue };
            let last = row.cells.len() <= column + 1;
            if let Some(cell) = row.cells.get_mut(column).filter(|cell| !last && !cell.contains('\n')) {
                let missing = widest.saturating_sub(cell.chars().count());
                cell.extend(std::iter::repeat_n(' ', missing));
            }
        }
    }
}

/// Puts the comments at the ends of lines that follow each other into one column.
fn align_comments(rows: &mut [Row]) {
    let mut from = 0;
    while from < rows.len() {
        let behind = |row: &Row| row.comment.is_some() && !row.is_comment();
        let rest = rows.get(from..).unwrap_or(&[]);
        let count = rest.iter().enumerate().take_while(|(n, row)| behind(row) && (*n == 0 || !row.blank)).count();
        let widest = rest.iter().take(count).map(Row::width).max().unwrap_or(0);
        for row in rows.iter_mut().skip(from).take(count) {
            row.gap = widest + 1 - row.width();
        }
        from += count.max(1);
    }
}
