//! Text to tokens with trivia. It never fails: what is wrong becomes a token and a diagnostic.

use crate::literal;
use crate::parser::OPERATORS;
use crate::scan::{self, TextEnd};
use crate::token::{Kind, Token, word};
use fec_diagnostics::{Code, Diagnostic, FileId, Span, codes};

/// What the lexer gives: tokens whose texts, in order, are the file, ending with an empty [`Kind::End`].
#[derive(Debug)]
pub struct Lexed {
    /// The tokens, trivia included.
    pub tokens: Vec<Token>,
    /// What is wrong with them.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file into tokens. A file above 4 GiB gives no tokens and a diagnostic.
pub fn lex(file: FileId, text: &str) -> Lexed {
    if u32::try_from(text.len()).is_err() {
        let found = Diagnostic::error(codes::E0008, Span::new(file, 0, 0), "the file is larger than 4 GiB");
        return Lexed { tokens: vec![Token { kind: Kind::End, start: 0, end: 0 }], diagnostics: vec![found] };
    }
    let tokens = Vec::with_capacity(text.len() / 3 + 1);
    let mut lexer = Lexer { file, text, at: 0, tokens, diagnostics: Vec::new(), texts: Vec::new(), before: None };
    lexer.run();
    Lexed { tokens: lexer.tokens, diagnostics: lexer.diagnostics }
}

/// How many characters are looked through for what tells a comment of other languages.
const LOOK: usize = 200;

struct Lexer<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    diagnostics: Vec<Diagnostic>,
    /// The texts whose interpolation is being read: where each began, and the `{` open within it.
    texts: Vec<(usize, u32)>,
    /// The last token that is no trivia.
    before: Option<Token>,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) {
        while let Some(first) = self.text.as_bytes().get(self.at).copied() {
            let rest = self.text.get(self.at..).unwrap_or("");
            match first {
                b' ' | b'\t' => self.push(Kind::Blank, scan::blanks(rest)),
                b'\n' => self.newline(1),
                b'\r' if rest.starts_with("\r\n") => self.newline(2),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(rest),
                b'0'..=b'9' => self.number(rest),
                b'"' if rest.starts_with("\"\"\"") => self.block_text(rest),
                b'"' => self.text_from(rest, true),
                b'\'' => self.raw_text(rest),
                b'/' if rest.starts_with("//") => self.comment(rest),
                b'{' => self.open_brace(),
                b'}' => self.close_brace(rest),
                0x80.. => self.not_ascii(rest),
                _ => self.punctuation(first, rest),
            }
        }
        self.cut_texts();
        self.push(Kind::End, 0);
    }

    fn push(&mut self, kind: Kind, len: usize) {
        let end = (self.at + len).min(self.text.len());
        let token = Token { kind, start: offset(self.at), end: offset(end) };
        self.at = end;
        self.tokens.push(token);
        if !kind.is_trivia() {
            self.before = Some(token);
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, offset(start), offset(end))
    }

    fn error(&self, code: Code, start: usize, end: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.span(start, end), message)
    }

    fn newline(&mut self, len: usize) {
        self.cut_texts();
        self.push(Kind::Newline, len);
    }

    /// Ends the texts that are open, innermost first: a text ends with its line.
    fn cut_texts(&mut self) {
        let Some((start, _)) = self.texts.last().copied() else { return };
        let end = self.at;
        let found = self.error(codes::E0002, start, end, "the text is not closed on its line");
        self.diagnostics.push(found.help("within `\"…\"` write `\\{` for a brace that is not an interpolation"));
        while self.texts.pop().is_some() {
            self.push(Kind::TextCut, 0);
        }
    }

    fn comment(&mut self, rest: &str) {
        let len = scan::line(rest);
        let doc = rest.starts_with("///") && !rest.starts_with("////");
        self.push(if doc { Kind::Doc } else { Kind::Comment }, len);
    }

    fn word(&mut self, rest: &str) {
        let len = scan::name(rest);
        let text = rest.get(..len).unwrap_or("");
        if text == "sql" && self.may_begin_sql() {
            let blank = rest.get(len..).map_or(0, scan::blanks);
            if let Some(body) = rest.get(len + blank..).filter(|after| after.starts_with('{')) {
                return self.sql(body, len + blank);
            }
        }
        self.push(word(text), len);
    }

    /// Where a value is expected; elsewhere `sql` may be a column before a body (`group by sql { … }`).
    fn may_begin_sql(&self) -> bool {
        let Some(before) = self.before else { return false };
        match before.kind {
            Kind::Assign | Kind::LeftParen | Kind::Arrow | Kind::Colon | Kind::Then | Kind::Else => true,
            Kind::Ident => matches!(before.text(self.text), "emit" | "return" | "from" | "union"),
            _ => false,
        }
    }

    fn sql(&mut self, body: &str, head: usize) {
        match scan::sql_body(body) {
            Some(len) => self.push(Kind::Sql, head + len),
            None => {
                let start = self.at;
                self.diagnostics.push(self.error(
                    codes::E0003,
                    start,
                    start + head + 1,
                    "the `sql` block is never closed",
                ));
                self.push(Kind::TextBroken, head + body.len());
            }
        }
    }

    fn not_ascii(&mut self, rest: &str) {
        let len = scan::name(rest);
        if len > 0 {
            return self.push(Kind::Ident, len);
        }
        let len = scan::unknown(rest);
        let (start, shown) = (self.at, rest.get(..len).unwrap_or(""));
        if self.at == 0 && rest.starts_with('\u{feff}') {
            return self.push(Kind::Blank, '\u{feff}'.len_utf8());
        }
        if let Some(whole) = scan::curly_text(rest) {
            let within = rest.get(..whole).unwrap_or("").trim_matches(['“', '”', '„', '‘', '’', '‚']);
            let found = self.error(codes::E0001, start, start + whole, "a text stands in straight quotes");
            let text = format!("\"{within}\"");
            self.diagnostics.push(found.fix(format!("write `{text}`"), self.span(start, start + whole), text));
            return self.push(Kind::TextBroken, whole);
        }
        let message = format!("`{shown}` means nothing here");
        self.diagnostics.push(self.error(codes::E0001, start, start + len, message));
        self.push(Kind::Unknown, len);
    }

    fn number(&mut self, rest: &str) {
        let (kind, len) = scan::number(rest);
        let text = rest.get(..len).unwrap_or("");
        let start = self.at;
        if let Err(problem) = literal::check(kind, text) {
            let mut found = self.error(problem.code, start, start + len, problem.message);
            found.help.extend(problem.help);
            self.diagnostics.push(found);
        }
        self.push(kind, len);
    }

    fn block_text(&mut self, rest: &str) {
        if let Some(len) = scan::block_text(rest) {
            return self.push(Kind::BlockText, len);
        }
        let start = self.at;
        self.diagnostics.push(self.error(codes::E0003, start, start + 3, "this block of text is never closed"));
        self.push(Kind::TextBroken, rest.len());
    }

    fn raw_text(&mut self, rest: &str) {
        let (len, closed) = scan::raw_text(rest);
        if closed {
            return self.push(Kind::RawText, len);
        }
        let start = self.at;
        self.diagnostics.push(self.error(codes::E0002, start, start + len, "the text is not closed on its line"));
        self.push(Kind::TextBroken, len);
    }

    /// A piece of `"…"`, from its quote (`first`) or from the `}` after an interpolation.
    fn text_from(&mut self, rest: &str, first: bool) {
        let start = self.at;
        let (len, end) = scan::text(rest);
        for (from, to) in literal::bad_escapes(rest.get(..len).unwrap_or("")) {
            let shown = rest.get(from..to).unwrap_or("");
            let message = format!("`{shown}` is not an escape");
            let found = self.error(codes::E0007, start + from, start + to, message);
            self.diagnostics.push(found.help("a backslash itself is `\\\\`; a text in `'…'` has no escapes"));
        }
        match (end, first) {
            (TextEnd::Quote, true) => self.push(Kind::Text, len),
            (TextEnd::Quote, false) => self.push(Kind::TextClose, len),
            (TextEnd::Brace, _) => {
                self.texts.push((start, 0));
                self.push(if first { Kind::TextOpen } else { Kind::TextMiddle }, len);
            }
            (TextEnd::Line, _) => {
                // Within an interpolation, it is the outer text whose `}` is missing.
                let outer = self.texts.first().filter(|_| first).map(|(outer, _)| *outer);
                if let Some(outer) = outer {
                    let message = "a `{` of this text is not closed on its line";
                    let found = self.error(codes::E0002, outer, start + len, message);
                    self.diagnostics
                        .push(found.help("within `\"…\"` write `\\{` for a brace that is not an interpolation"));
                    self.push(Kind::TextBroken, len);
                    while self.texts.pop().is_some() {
                        self.push(Kind::TextCut, 0);
                    }
                    return;
                }
                self.diagnostics.push(self.error(
                    codes::E0002,
                    start,
                    start + len,
                    "the text is not closed on its line",
                ));
                if first {
                    self.push(Kind::TextBroken, len);
                } else {
                    self.push(Kind::TextCut, len);
                }
                while self.texts.pop().is_some() {
                    self.push(Kind::TextCut, 0);
                }
            }
        }
    }

    fn open_brace(&mut self) {
        if let Some((_, open)) = self.texts.last_mut() {
            *open += 1;
        }
        self.push(Kind::LeftBrace, 1);
    }

    fn close_brace(&mut self, rest: &str) {
        match self.texts.last_mut() {
            Some((_, 0)) => {
                self.texts.pop();
                self.text_from(rest, false);
            }
            Some((_, open)) => {
                *open -= 1;
                self.push(Kind::RightBrace, 1);
            }
            None => self.push(Kind::RightBrace, 1),
        }
    }

    fn punctuation(&mut self, first: u8, rest: &str) {
        let second = rest.as_bytes().get(1).copied().unwrap_or(0);
        let third = rest.as_bytes().get(2).copied().unwrap_or(0);
        let (kind, len) = match (first, second, third) {
            (b'.', b'.', b'=') => (Kind::DotDotEqual, 3),
            (b'.', b'.', _) => (Kind::DotDot, 2),
            (b'.', _, _) => (Kind::Dot, 1),
            (b'-', b'>', _) => (Kind::Arrow, 2),
            (b'=', b'>', _) => return self.foreign(Kind::Arrow, 2, "->"),
            (b'=', b'=', b'=') => return self.foreign(Kind::Equal, 3, "=="),
            (b'!', b'=', b'=') => return self.foreign(Kind::NotEqual, 3, "!="),
            (b'*', b'*', _) => return self.foreign_sign(Kind::Star, 2, "powers are `pow(x, y)`"),
            (b'/', b'*', _) => return self.foreign_comment(rest),
            (b'#', _, _) => return self.hash(rest),
            (b'|', b' ', _) if self.operator_follows(rest) => return self.foreign(Kind::Pipe, 1, "|>"),
            (b'`', _, _) => {
                return self.foreign_sign(
                    Kind::Unknown,
                    1,
                    "a text is `\"…\"`, with values as `{x}` in it; a name stands alone",
                );
            }
            (b'-', _, _) => (Kind::Minus, 1),
            (b'|', b'>', _) => (Kind::Pipe, 2),
            (b'=', b'=', _) => (Kind::Equal, 2),
            (b'=', _, _) => (Kind::Assign, 1),
            (b'!', b'=', _) => (Kind::NotEqual, 2),
            (b'<', b'=', _) => (Kind::LessEqual, 2),
            (b'<', b'>', _) => return self.foreign(Kind::NotEqual, 2, "!="),
            (b'<', _, _) => (Kind::Less, 1),
            (b'>', b'=', _) => (Kind::GreaterEqual, 2),
            (b'>', _, _) => (Kind::Greater, 1),
            (b'?', b'?', _) => (Kind::Coalesce, 2),
            (b'?', _, _) => (Kind::Question, 1),
            (b'&', b'&', _) => return self.foreign(Kind::And, 2, "and"),
            (b'|', b'|', _) => return self.foreign(Kind::Or, 2, "or"),
            (b'!', _, _) => return self.foreign(Kind::Not, 1, "not"),
            (b'(', _, _) => (Kind::LeftParen, 1),
            (b')', _, _) => (Kind::RightParen, 1),
            (b'[', _, _) => (Kind::LeftBracket, 1),
            (b']', _, _) => (Kind::RightBracket, 1),
            (b',', _, _) => (Kind::Comma, 1),
            (b':', _, _) => (Kind::Colon, 1),
            (b'@', _, _) => (Kind::At, 1),
            (b'+', _, _) => (Kind::Plus, 1),
            (b'*', _, _) => (Kind::Star, 1),
            (b'/', _, _) => (Kind::Slash, 1),
            (b'%', _, _) => return self.foreign(Kind::Mod, 1, "mod"),
            (b';', _, _) => return self.semicolon(),
            _ => return self.not_ascii(rest),
        };
        self.push(kind, len);
    }

    /// A sign of other languages for an operator that is written otherwise here.
    fn foreign(&mut self, kind: Kind, len: usize, ours: &str) {
        let start = self.at;
        let theirs = self.text.get(start..start + len).unwrap_or("");
        let found = Diagnostic::error(
            codes::E0001,
            self.span(start, start + len),
            format!("`{theirs}` is written `{ours}` here"),
        );
        let left = self.text.as_bytes().get(start.wrapping_sub(1)).is_some_and(u8::is_ascii_alphanumeric);
        let right = self.text.as_bytes().get(start + len).is_some_and(|b| !b.is_ascii_whitespace());
        let text = format!("{}{ours}{}", if left { " " } else { "" }, if right { " " } else { "" });
        let fixed = found.fix(format!("write `{ours}`"), self.span(start, start + len), text);
        self.diagnostics.push(fixed);
        self.push(kind, len);
    }

    /// Whether the word behind a `|` and a blank is an operator.
    fn operator_follows(&self, rest: &str) -> bool {
        let word = rest.get(2..).unwrap_or("");
        OPERATORS.contains(&word.get(..scan::name(word)).unwrap_or(""))
    }

    /// A sign that means nothing, with what is written here.
    fn foreign_sign(&mut self, kind: Kind, len: usize, help: &str) {
        let start = self.at;
        let shown = self.text.get(start..start + len).unwrap_or("");
        let shown = if shown == "`" { "a backtick".to_owned() } else { format!("`{shown}`") };
        let found = self.error(codes::E0001, start, start + len, format!("{shown} means nothing here"));
        self.diagnostics.push(found.help(help));
        self.push(kind, len);
    }

    /// `# …`: a comment in other languages. Where a bracket is closed behind it, it is none.
    fn hash(&mut self, rest: &str) {
        let start = self.at;
        if rest.chars().take(LOOK).take_while(|c| *c != '\n').any(|c| c == '}') {
            return self.not_ascii(rest);
        }
        let found = self.error(codes::E0001, start, start + 1, "`#` means nothing here");
        self.diagnostics.push(found.fix("a comment begins with `//`", self.span(start, start + 1), "//"));
        self.push(Kind::Comment, scan::line(rest));
    }

    /// `/* … */`: a comment in other languages, read line by line.
    fn foreign_comment(&mut self, rest: &str) {
        let start = self.at;
        let found = self.error(codes::E0001, start, start + 2, "`/*` means nothing here");
        self.diagnostics.push(found.help("a comment begins with `//` and ends with its line"));
        let end = start + rest.find("*/").map_or(rest.len(), |at| at + 2);
        while self.at < end {
            let rest = self.text.get(self.at..end).unwrap_or("");
            match rest.as_bytes() {
                [b'\n', ..] => self.newline(1),
                [b'\r', b'\n', ..] => self.newline(2),
                _ => self.push(Kind::Comment, scan::line(rest).max(1)),
            }
        }
    }

    fn semicolon(&mut self) {
        let span = self.span(self.at, self.at + 1);
        let found = Diagnostic::error(codes::E0001, span, "`;` means nothing here: an item ends with its line");
        let rest = self.text.get(self.at + 1..).unwrap_or("").trim_start_matches([' ', '\t']);
        let ends = rest.is_empty() || rest.starts_with(['\n', '\r', '}', ';']) || rest.starts_with("//");
        self.diagnostics.push(match ends {
            true => found.fix("remove it", span, ""),
            false => found.help("what follows stands on a line of its own, or behind a comma in a list"),
        });
        self.push(Kind::Unknown, 1);
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
