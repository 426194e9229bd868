//! Bodies and lists, and how reading goes on after a mistake.

use super::Parser;
use crate::token::Kind;
use fec_diagnostics::{Diagnostic, Span, codes};

/// The words that begin a declaration.
pub const KEYWORDS: &[&str] = &[
    "solution",
    "use",
    "type",
    "enum",
    "param",
    "secret",
    "source",
    "view",
    "features",
    "model",
    "sink",
    "func",
    "rules",
    "component",
    "step",
    "experiment",
    "engine",
    "job",
    "stream",
    "service",
    "target",
    "test",
];

impl Parser<'_> {
    /// Whether a declaration begins `ahead` words from here: a keyword before a name.
    pub fn declaration_at(&self, ahead: usize) -> bool {
        let word = self.ident_at(ahead);
        let named = match self.kind_at(ahead + 1) {
            Kind::Ident => true,
            Kind::Text => word == "test",
            _ => false,
        };
        named && (KEYWORDS.contains(&word) || word == "export")
    }

    /// Whether a declaration begins here that cannot stand in the body being read: its column is not beyond that of the
    /// declaration whose body it is, so that body's `}` is missing.
    pub fn outer_declaration(&self) -> bool {
        let Some(owner) = self.owner else { return false };
        let word = self.word_at(0);
        let starts = matches!(word.kind, Kind::Ident | Kind::At);
        starts && word.column <= owner && self.declaration_at(self.after_attributes())
    }

    /// How many words the attributes take that begin here.
    fn after_attributes(&self) -> usize {
        let (from, to) = self.attributes_seen.get();
        if (from..to).contains(&self.at) && self.kind() == Kind::At {
            return to - self.at;
        }
        let ahead = self.count_attributes();
        self.attributes_seen.set((self.at, self.at + ahead));
        ahead
    }

    fn count_attributes(&self) -> usize {
        let mut ahead = 0;
        while self.kind_at(ahead) == Kind::At {
            ahead += 2;
            if self.kind_at(ahead) == Kind::LeftParen {
                let mut open = 0_usize;
                loop {
                    match self.kind_at(ahead) {
                        Kind::LeftParen => open += 1,
                        Kind::RightParen => open -= 1,
                        Kind::End => return ahead,
                        _ => {}
                    }
                    ahead += 1;
                    if open == 0 {
                        break;
                    }
                }
            }
        }
        ahead
    }

    /// Whether the current word looks like the start of an item rather than the rest of an expression.
    pub fn item_ahead(&self) -> bool {
        match self.kind() {
            Kind::At | Kind::RightBrace | Kind::End => true,
            Kind::Ident => {
                let next = self.kind_at(1);
                let statement = matches!(self.ident(), "emit" | "publish" | "return" | "run" | "given" | "expect");
                matches!(next, Kind::Assign | Kind::Colon)
                    || (statement
                        && matches!(next, Kind::Ident | Kind::LeftBrace | Kind::LeftBracket)
                        && self.same_line(1))
                    || self.outer_declaration()
            }
            kind if kind.is_reserved() => self.kind_at(1) == Kind::Assign,
            _ => false,
        }
    }

    /// Whether the word so far ahead is not the first of its line.
    pub fn same_line(&self, ahead: usize) -> bool {
        self.word_at(ahead).column == super::WITHIN_LINE
    }

    /// Reads `{ … }`: `item` for each item, until the `}`. With `commas`, items may be separated by commas too.
    pub fn body(&mut self, commas: bool, mut item: impl FnMut(&mut Self)) {
        let unopened = std::mem::take(&mut self.unopened);
        let open = if unopened { self.last_span() } else { self.bump() };
        let outer = (self.lines, self.entries, self.pipes, self.conditions);
        (self.lines, self.entries, self.pipes, self.conditions) = (true, commas, true, false);
        if self.enter() {
            while !self.bail && !self.body_ended(open, unopened) {
                let before = self.at;
                self.mended = true;
                self.note(super::role::ITEM);
                item(self);
                self.end_of_item(commas);
                if self.at == before && !self.bail && self.kind() != Kind::RightBrace {
                    self.bump();
                }
            }
        }
        self.leave();
        (self.lines, self.entries, self.pipes, self.conditions) = outer;
    }

    fn body_ended(&mut self, open: Span, unopened: bool) -> bool {
        match self.kind() {
            Kind::RightBrace => {
                self.bump();
                true
            }
            Kind::End if unopened => true,
            _ if unopened && self.outer_declaration() => true,
            Kind::End => {
                let found = Diagnostic::error(codes::E0102, open, "`{` is never closed");
                self.report(found.help("add the `}`"));
                true
            }
            _ if self.outer_declaration() => {
                let found = Diagnostic::error(codes::E0103, self.span(), "a `}` is missing before this declaration");
                self.report(found.label(open, "this body is still open"));
                true
            }
            _ => false,
        }
    }

    /// After an item of a body: its separator, or the way to the next item.
    fn end_of_item(&mut self, commas: bool) {
        self.pass_unknown();
        match self.kind() {
            _ if self.bail => {}
            Kind::RightBrace | Kind::End => {}
            Kind::Comma if commas => {
                self.bump();
            }
            Kind::Comma if !self.mended => self.skip_item(commas, false),
            Kind::Comma => {
                let found = Diagnostic::error(
                    codes::E0110,
                    self.span(),
                    "statements are separated by line ends, not by commas",
                );
                self.report(self.without_comma(found));
                self.bump();
            }
            _ if self.first_of_line() => {}
            Kind::RightParen | Kind::RightBracket => {
                self.stray_bracket();
                self.skip_item(commas, false);
            }
            _ if self.mended && matches!(self.kind_at(1), Kind::Assign | Kind::Colon) => {
                let help =
                    if commas { "put a comma or a line end between them" } else { "put them on lines of their own" };
                let shown = self.slice(self.span());
                let found = Diagnostic::error(codes::E0111, self.span(), format!("`{shown}` begins another item"));
                self.report(found.help(help));
            }
            _ if commas => {
                self.fail("`,`, `}` or the end of the line");
                self.skip_item(commas, false);
            }
            _ => {
                self.report(self.without_pipe(self.found("the end of the line")));
                self.skip_item(commas, false);
            }
        }
    }

    /// The repair of a comma between statements: a line end, if another follows on the line.
    fn without_comma(&self, found: Diagnostic) -> Diagnostic {
        let comma = self.span();
        let next = self.word_at(1);
        if next.column != super::WITHIN_LINE || next.kind == Kind::RightBrace {
            return found.fix("remove the comma", comma, "");
        }
        let line = self.text.get(..comma.start as usize).and_then(|before| before.rsplit('\n').next()).unwrap_or("");
        let indent = line.len() - line.trim_start().len();
        let gap = Span::new(self.file, comma.start, next.start);
        found.fix("begin a new line", gap, format!("\n{}", line.get(..indent).unwrap_or("")))
    }

    /// Passes over characters that mean nothing, which the lexer has reported.
    pub fn pass_unknown(&mut self) {
        while self.eat(Kind::Unknown).is_some() {
            self.mended = false;
        }
    }

    /// A closing bracket that closes nothing.
    pub fn stray_bracket(&mut self) {
        let span = self.span();
        let found = Diagnostic::error(codes::E0115, span, format!("`{}` closes nothing", self.slice(span)));
        self.report(found.fix("remove it", span, ""));
        self.bump();
    }

    /// Goes past the bracket here, and all that it encloses.
    pub fn skip_brackets(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.kind() {
                Kind::LeftParen | Kind::LeftBracket | Kind::LeftBrace => open += 1,
                Kind::RightParen | Kind::RightBracket | Kind::RightBrace => open = open.saturating_sub(1),
                _ if self.outer_declaration() => return,
                _ => {}
            }
            if self.kind() == Kind::End {
                return;
            }
            self.bump();
            if open == 0 {
                return;
            }
        }
    }

    /// Goes to the end of the item: a line that does not go on with it, the `}` of the body, or (with `commas`) a comma,
    /// past whole brackets. `whole`: the current word is the first of the item.
    pub fn skip_item(&mut self, commas: bool, whole: bool) {
        let mut open: Vec<Kind> = Vec::new();
        let start = if whole { Some(self.at) } else { None };
        loop {
            let kind = self.kind();
            if kind == Kind::End || (self.outer_declaration() && start != Some(self.at)) {
                return;
            }
            let ended = self.first_of_line() && start != Some(self.at) && !goes_on(kind);
            if ended && (open.is_empty() || (!open.contains(&Kind::LeftBrace) && self.item_ahead())) {
                return;
            }
            match kind {
                Kind::LeftParen | Kind::LeftBracket | Kind::LeftBrace => open.push(kind),
                Kind::RightParen | Kind::RightBracket if open.last() != Some(&Kind::LeftBrace) => {
                    open.pop();
                }
                Kind::RightBrace => {
                    // A brace closes what was opened within it.
                    while open.last().is_some_and(|o| *o != Kind::LeftBrace) {
                        open.pop();
                    }
                    if open.pop().is_none() {
                        return;
                    }
                }
                Kind::Comma if commas && open.is_empty() => {
                    self.bump();
                    return;
                }
                _ => {}
            }
            self.bump();
        }
    }

    /// Reads `( … )` or `[ … ]` from its opening bracket: items separated by commas.
    pub fn list(&mut self, close: Kind, what: &str, mut item: impl FnMut(&mut Self)) {
        let open = self.bump();
        let outer = (self.lines, self.entries, self.pipes);
        (self.lines, self.entries, self.pipes) = (false, true, true);
        while !self.bail {
            if self.eat(close).is_some() {
                break;
            }
            if self.bracket_lost(false) {
                self.unclosed(open);
                break;
            }
            let before = self.at;
            item(self);
            self.pass_unknown();
            if self.kind() == close {
                continue;
            }
            if self.eat(Kind::Comma).is_some() {
                self.mended = true;
                continue;
            }
            if self.bracket_lost(true) {
                self.unclosed(open);
                break;
            }
            let mut found = self.found(what).label(open, "this bracket is still open");
            if self.kind() == Kind::Arrow {
                found = found.help("functions are no values: what happens to each row is said with `|> where`, `|> derive`, `|> select`");
            }
            self.report(found);
            self.skip_in_list(close);
            if self.eat(Kind::Comma).is_none() && self.at == before {
                self.bump();
            }
        }
        (self.lines, self.entries, self.pipes) = outer;
    }

    /// Whether the list cannot go on here: its bracket was never closed.
    fn bracket_lost(&self, after_item: bool) -> bool {
        match self.kind() {
            Kind::End | Kind::RightBrace | Kind::RightParen | Kind::RightBracket | Kind::Greater => true,
            Kind::TextMiddle | Kind::TextClose | Kind::TextCut => true,
            _ => self.first_of_line() && (self.outer_declaration() || (after_item && self.item_ahead())),
        }
    }

    fn unclosed(&mut self, open: Span) {
        let bracket = self.slice(open);
        let found = Diagnostic::error(codes::E0102, open, format!("`{bracket}` is never closed"));
        self.report(found);
    }

    /// Goes to the next comma or the end of the list.
    fn skip_in_list(&mut self, close: Kind) {
        let mut open: Vec<Kind> = Vec::new();
        loop {
            let kind = self.kind();
            let here = open.is_empty() && (kind == close || kind == Kind::Comma || self.bracket_lost(true));
            if here || kind == Kind::End || self.outer_declaration() {
                return;
            }
            match kind {
                Kind::LeftParen | Kind::LeftBracket | Kind::LeftBrace => open.push(kind),
                Kind::RightParen | Kind::RightBracket | Kind::RightBrace => {
                    open.pop();
                }
                _ => {}
            }
            self.bump();
        }
    }

    /// At the end of a header: whether its body follows. A mistake in the header is passed over.
    pub fn body_follows(&mut self) -> bool {
        if self.kind() != Kind::LeftBrace {
            self.report(self.without_pipe(self.found("`{`")));
            if self.body_without_brace() {
                self.unopened = true;
                return true;
            }
            while self.kind() != Kind::LeftBrace {
                if self.kind() == Kind::End || self.first_of_line() || self.kind() == Kind::RightBrace {
                    return false;
                }
                self.bump();
            }
        }
        self.same_line_brace();
        true
    }

    /// Whether what follows is a body whose `{` was forgotten: the lines below are further in.
    fn body_without_brace(&self) -> bool {
        let word = self.word_at(0);
        let below = word.column != super::WITHIN_LINE && self.owner.is_some_and(|owner| word.column > owner);
        below && !goes_on(word.kind) && !matches!(word.kind, Kind::RightBrace | Kind::End)
    }

    /// Whether a body follows a header that may stand without one.
    pub fn body_may_follow(&mut self) -> bool {
        if self.kind() == Kind::LeftBrace {
            self.same_line_brace();
            return true;
        }
        if self.body_without_brace() && self.kind_at(1) == Kind::Colon {
            return self.body_follows();
        }
        let ended = self.first_of_line() || matches!(self.kind(), Kind::RightBrace | Kind::End);
        !ended && self.body_follows()
    }

    fn same_line_brace(&mut self) {
        if !self.first_of_line() {
            return;
        }
        let found = Diagnostic::error(codes::E0113, self.span(), "the `{` of a body stands on the line of its header");
        let between = Span::new(self.file, self.last_span().end, self.span().start);
        let only_blanks = self.slice(between).trim().is_empty();
        self.report(if only_blanks { found.fix("move it there", between, " ") } else { found });
    }
}

/// Whether a line that begins with this goes on with the item before it.
const fn goes_on(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Pipe
            | Kind::Dot
            | Kind::And
            | Kind::Or
            | Kind::In
            | Kind::Then
            | Kind::Div
            | Kind::Mod
            | Kind::Equal
            | Kind::NotEqual
            | Kind::Less
            | Kind::LessEqual
            | Kind::Greater
            | Kind::GreaterEqual
            | Kind::Coalesce
            | Kind::Plus
            | Kind::Star
            | Kind::Slash
    )
}
