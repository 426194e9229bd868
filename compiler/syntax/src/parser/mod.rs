//! Tokens to a tree, by recursive descent that looks at most two words ahead.
//!
//! A mistake gives one diagnostic and an `Error` node; reading goes on at the next item. Where the words are those of
//! the cursor's current position, a second mistake at the same place is not reported.

mod behind;
mod bodies;
mod declarations;
mod expressions;
mod operators;
mod recovery;
mod statements;
mod types;

pub use operators::OPERATORS;

use crate::ast::{File, Name};
use crate::symbol::Symbol;
use crate::token::{Kind, Token};
use fec_diagnostics::{Code, Diagnostic, FileId, Span, codes};
use hashbrown::HashMap;
use std::cell::Cell;

/// How deep expressions, types and bodies may be nested, and how high the tree of an expression may grow.
const DEEPEST: u32 = 200;

/// Stands for the column of a word that is not the first of its line.
const WITHIN_LINE: u32 = u32::MAX;

/// What the parser gives.
pub struct Read {
    /// The tree.
    pub tree: File,
    /// Lexical and syntactic mistakes.
    pub diagnostics: Vec<Diagnostic>,
    /// The tokens that are no trivia, with what the formatter must know of them.
    pub words: Vec<Word>,
}

/// Reads a file from its tokens.
pub fn parse(file: FileId, text: &str, tokens: &[Token], diagnostics: Vec<Diagnostic>) -> Read {
    let mut parser = Parser::new(file, text, tokens, diagnostics);
    let items = parser.file_items();
    Read { tree: File { items }, diagnostics: parser.diagnostics, words: parser.words }
}

/// What a word is in its place, for the formatter: bits of [`Word::role`].
pub mod role {
    /// It begins an item.
    pub const ITEM: u8 = 1;
    /// No blank stands before it: the bracket of a call, of an index, of a type.
    pub const TIGHT: u8 = 2;
    /// No blank stands after it: a sign before its operand.
    pub const PREFIX: u8 = 4;
    /// It stands below the same part of the item before.
    pub const COLUMN: u8 = 8;
    /// As [`COLUMN`], where the whole item is on one line and its neighbours are of its kind.
    pub const LONE_COLUMN: u8 = 16;
    /// The `{` of a declaration's body: it belongs to the declaration, on whatever line of its header it stands.
    pub const BODY: u8 = 32;
}

/// A token that is no trivia.
#[derive(Clone, Copy)]
pub struct Word {
    pub kind: Kind,
    /// What it is in its place: bits of [`role`].
    pub role: u8,
    /// Bytes before it on its line if it is the first there, else [`WITHIN_LINE`].
    pub column: u32,
    pub start: u32,
    pub end: u32,
    /// Its place among all tokens.
    pub place: u32,
}

struct Parser<'a> {
    file: FileId,
    text: &'a str,
    tokens: &'a [Token],
    words: Vec<Word>,
    at: usize,
    diagnostics: Vec<Diagnostic>,
    /// The names read so far.
    symbols: HashMap<&'a str, Symbol>,
    /// The word where the last mistake was reported.
    reported: Option<usize>,
    /// Whether nothing was reported since the item, the part of a list or the operator began: one mistake, one message.
    mended: bool,
    /// Whether a line end ends an item here: not within `(` and `[`.
    lines: bool,
    /// Whether `,` may be followed by the next `name: value` of what encloses this.
    entries: bool,
    /// Whether `|>` may follow the branches of an `if` here.
    pipes: bool,
    /// Whether what is read is a condition: `=` in it is meant to compare.
    conditions: bool,
    /// Column of the declaration whose body is being read.
    owner: Option<u32>,
    /// Whether the body that comes next lacks its `{`.
    unopened: bool,
    depth: u32,
    /// Height of the highest tree among the expressions read since the last one was entered.
    height: u32,
    /// The words `from..to` that were last seen to be attributes before something else.
    attributes_seen: Cell<(usize, usize)>,
    /// Set where nesting is too deep: everything returns to the next declaration.
    bail: bool,
}

impl<'a> Parser<'a> {
    fn new(file: FileId, text: &'a str, tokens: &'a [Token], diagnostics: Vec<Diagnostic>) -> Self {
        let mut words = Vec::with_capacity(tokens.len() / 2 + 1);
        let (mut line, mut first) = (0, true);
        for (place, token) in (0..).zip(tokens) {
            match token.kind {
                Kind::Newline => (line, first) = (token.end, true),
                kind if kind.is_trivia() => {}
                kind => {
                    let column =
                        if first || kind == Kind::End { token.start.saturating_sub(line) } else { WITHIN_LINE };
                    words.push(Word { kind, role: 0, column, start: token.start, end: token.end, place });
                    first = false;
                }
            }
        }
        // A file has a name for so many words, or more; none of its lists grows often then.
        let symbols = HashMap::with_capacity(words.len() / 12);
        Self {
            file,
            text,
            tokens,
            words,
            at: 0,
            diagnostics,
            symbols,
            reported: None,
            mended: true,
            lines: true,
            entries: false,
            pipes: true,
            conditions: false,
            owner: None,
            unopened: false,
            depth: 0,
            height: 0,
            attributes_seen: Cell::new((0, 0)),
            bail: false,
        }
    }

    fn word_at(&self, ahead: usize) -> Word {
        let end = Word { kind: Kind::End, role: 0, column: 0, start: 0, end: 0, place: 0 };
        self.words.get(self.at + ahead).or(self.words.last()).copied().unwrap_or(end)
    }

    fn kind(&self) -> Kind {
        self.word_at(0).kind
    }

    fn kind_at(&self, ahead: usize) -> Kind {
        self.word_at(ahead).kind
    }

    fn span(&self) -> Span {
        self.span_at(0)
    }

    fn span_at(&self, ahead: usize) -> Span {
        let word = self.word_at(ahead);
        Span::new(self.file, word.start, word.end)
    }

    /// The place of the word before the current one.
    fn last_span(&self) -> Span {
        let word = self.at.checked_sub(1).and_then(|at| self.words.get(at));
        word.map_or(Span::new(self.file, 0, 0), |w| Span::new(self.file, w.start, w.end))
    }

    /// From the start of `from` to the end of the last word read.
    fn since(&self, from: Span) -> Span {
        let end = self.last_span().end.max(from.start);
        Span::new(self.file, from.start, end)
    }

    /// The name that is written so. Most names of a file stand in it several times.
    fn symbol(&mut self, text: &'a str) -> Symbol {
        *self.symbols.entry(text).or_insert_with(|| Symbol::new(text))
    }

    fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// The text of a word that may be a name; empty for others.
    fn ident_at(&self, ahead: usize) -> &'a str {
        if self.kind_at(ahead) == Kind::Ident { self.slice(self.span_at(ahead)) } else { "" }
    }

    fn ident(&self) -> &'a str {
        self.ident_at(0)
    }

    /// Whether the current word is the first of its line.
    fn first_of_line(&self) -> bool {
        self.word_at(0).column != WITHIN_LINE
    }

    /// Whether the line, and with it the item, has ended before the current word.
    fn line_ended(&self) -> bool {
        self.lines && self.first_of_line()
    }

    fn bump(&mut self) -> Span {
        let span = self.span();
        if self.kind() != Kind::End {
            self.at += 1;
        }
        span
    }

    /// Notes what the current word is, for the formatter.
    fn note(&mut self, role: u8) {
        if let Some(word) = self.words.get_mut(self.at) {
            word.role |= role;
        }
    }

    /// Notes what the word before is.
    fn note_before(&mut self, role: u8) {
        if let Some(word) = self.at.checked_sub(1).and_then(|at| self.words.get_mut(at)) {
            word.role |= role;
        }
    }

    /// Notes that the current word is in a column with those of other items. `item`: where the item began.
    fn note_column(&mut self, item: usize) {
        if self.words.get(item).is_some_and(|word| word.column != WITHIN_LINE) && !self.first_of_line() {
            self.note(role::COLUMN);
        }
    }

    fn eat(&mut self, kind: Kind) -> Option<Span> {
        (self.kind() == kind).then(|| self.bump())
    }

    fn expect(&mut self, kind: Kind, what: &str) -> Option<Span> {
        if self.kind() == kind && !(self.line_ended() && kind != Kind::RightBrace) {
            return Some(self.bump());
        }
        self.fail(what);
        None
    }

    /// A word of the operator or header being read; on a new line only if no `=` or `:` follows it.
    fn clause(&self, word: &str) -> bool {
        self.ident() == word && !(self.line_ended() && matches!(self.kind_at(1), Kind::Assign | Kind::Colon))
    }

    fn eat_clause(&mut self, word: &str) -> bool {
        let found = self.clause(word);
        if found {
            self.bump();
        }
        found
    }

    /// Adds a diagnostic, unless one was given at this word or its cause has been reported already.
    fn report(&mut self, found: Diagnostic) {
        let broken = |word: &Word| matches!(word.kind, Kind::TextBroken | Kind::TextCut);
        let before = self.at.checked_sub(1).and_then(|at| self.words.get(at));
        let lexical = before.is_some_and(broken) || broken(&self.word_at(0)) || self.kind() == Kind::Unknown;
        if self.mended && !self.bail && !lexical && self.reported != Some(self.at) {
            self.diagnostics.push(found);
        }
        self.reported = Some(self.at);
        self.mended = false;
    }

    /// The same of a mistake that is read for what it means: another one of its item counts for itself.
    fn report_read(&mut self, found: Diagnostic) {
        self.report(found);
        self.mended = true;
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::error(code, span, message));
    }

    /// `E0101` at the current word.
    fn fail(&mut self, expected: &str) {
        let found = self.found(expected);
        self.report(found);
    }

    /// `E0101` at the current word, where an item begins.
    fn fail_item(&mut self, expected: &str) {
        let found = self.item_found(expected);
        self.report(found);
    }

    fn found(&self, expected: &str) -> Diagnostic {
        if self.line_ended() && self.at > 0 && self.kind() != Kind::End {
            let message = format!("expected {expected}, found the end of the line");
            return Diagnostic::error(codes::E0101, self.last_span().after(), message);
        }
        self.item_found(expected)
    }

    fn item_found(&self, expected: &str) -> Diagnostic {
        if self.kind() == Kind::End {
            let message = format!("expected {expected}, found the end of the file");
            return Diagnostic::error(codes::E0101, self.last_span().after(), message);
        }
        let text = match self.kind() {
            Kind::TextMiddle | Kind::TextClose => "}",
            _ => self.slice(self.span()),
        };
        let shown: String = text.chars().take(40).take_while(|c| *c != '\n').collect();
        let dots = if shown.len() < text.len() { "…" } else { "" };
        let found = Diagnostic::error(codes::E0101, self.span(), format!("expected {expected}, found `{shown}{dots}`"));
        let found = self.with_word(found);
        let is_comment = self.kind() == Kind::Minus && self.kind_at(1) == Kind::Minus && self.first_of_line();
        if is_comment { found.fix("a comment begins with `//`", self.span().to(self.span_at(1)), "//") } else { found }
    }

    /// Adds how numbers, instants and operators are written that break off here, as they do elsewhere.
    fn with_word(&self, found: Diagnostic) -> Diagnostic {
        let before = |back: usize| self.at.checked_sub(back).and_then(|at| self.words.get(at)).copied();
        let Some(last) = before(1) else { return found };
        let (here, next) = (self.word_at(0), self.word_at(1));
        let touches = last.end == here.start && here.end == next.start;
        if (last.kind, here.kind, next.kind) == (Kind::Int, Kind::Comma, Kind::Int) && touches {
            return found.help("digits are grouped with `_`: `1_000`");
        }
        if last.kind == Kind::Date && here.kind == Kind::Int && !self.first_of_line() {
            return found.help("an instant is one word: `2026-01-31T12:00:00Z`");
        }
        let name = self.slice(self.last_span());
        let is_method = here.kind == Kind::LeftParen && before(2).is_some_and(|word| word.kind == Kind::Dot);
        if is_method && OPERATORS.contains(&name) {
            return found.help(format!("operators stand behind `|>`: `rows |> {name} …`"));
        }
        found
    }

    /// A name that goes on with what is being read; a reserved word is reported and taken for one.
    fn name(&mut self, what: &str) -> Option<Name> {
        if self.line_ended() && self.at > 0 && self.item_ahead() {
            self.fail(what);
            return None;
        }
        self.item_name(what)
    }

    /// A name that begins an item.
    fn item_name(&mut self, what: &str) -> Option<Name> {
        if self.kind() == Kind::Ident {
            let span = self.bump();
            return Some(Name { text: self.symbol(self.slice(span)), span });
        }
        let reserved = self.kind().is_reserved();
        if reserved && !matches!(self.kind(), Kind::Then | Kind::Else | Kind::True | Kind::False | Kind::Null) {
            let word = self.slice(self.span());
            self.error(codes::E0108, self.span(), format!("`{word}` is reserved and cannot be {what}"));
            let span = self.bump();
            return Some(Name { text: self.symbol(word), span });
        }
        self.fail_item(what);
        None
    }

    /// A name, or the empty name where there is none (and a diagnostic).
    fn name_or_empty(&mut self, what: &str) -> Name {
        let span = self.span().before();
        self.name(what).unwrap_or(Name { text: Symbol::default(), span })
    }

    /// Names separated by commas.
    fn names(&mut self, what: &str) -> Vec<Name> {
        let mut names = Vec::new();
        loop {
            names.extend(self.name(what));
            if !self.eat_comma() {
                return names;
            }
        }
    }

    /// The comma of a list without brackets, if its next part follows rather than the next item of what encloses it.
    fn eat_comma(&mut self) -> bool {
        let next = self.kind_at(1);
        let closes = matches!(next, Kind::RightBrace | Kind::RightParen | Kind::RightBracket | Kind::End);
        let entry = (self.entries && self.kind_at(2) == Kind::Colon) || self.kind_at(2) == Kind::Arrow;
        if self.kind() == Kind::Comma && (next == Kind::Pipe || self.sink_at(1) || self.statement_at(1)) {
            self.lone_comma();
            return false;
        }
        let more = self.kind() == Kind::Comma && !closes && !entry && !self.bail;
        if more {
            self.bump();
        }
        more
    }

    /// A comma with nothing behind it, which is reported and read over.
    pub fn lone_comma(&mut self) {
        let found = Diagnostic::error(codes::E0101, self.span(), "nothing follows this comma");
        self.report_read(found.fix("remove it", self.span(), ""));
        self.bump();
    }

    /// Whether a statement stands so far ahead rather than the next part of a list.
    fn statement_at(&self, ahead: usize) -> bool {
        let is_word = match self.ident_at(ahead) {
            "emit" | "publish" | "return" | "run" => !self.same_line(ahead),
            _ => false,
        };
        is_word && self.kind_at(ahead + 1) == Kind::Ident && self.same_line(ahead + 1)
    }

    /// Whether the `to` and the sink of an `emit` stand so far ahead, and end its item.
    fn sink_at(&self, ahead: usize) -> bool {
        let after = self.word_at(ahead + 2);
        let ends = after.column != WITHIN_LINE || matches!(after.kind, Kind::RightBrace | Kind::End);
        let is_sink = self.kind_at(ahead + 1) == Kind::Ident && self.same_line(ahead + 1);
        self.ident_at(ahead) == "to" && is_sink && ends
    }

    /// Enters a level of nesting; `false` where there are too many.
    fn enter(&mut self) -> bool {
        self.depth += 1;
        if self.depth > DEEPEST {
            self.too_deep(self.span());
        }
        !self.bail
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn too_deep(&mut self, span: Span) {
        let found = Diagnostic::error(codes::E0107, span, format!("more than {DEEPEST} levels of nesting"))
            .help("give a part a name of its own");
        self.report(found);
        self.bail = true;
    }
}
