//! The bodies of jobs, streams and services.

use super::{Parser, role};
use crate::ast::{ExprKind, Name, Pattern, Statement, StatementKind};
use crate::foreign;
use crate::symbol::Symbol;
use crate::token::Kind;
use fec_diagnostics::{Diagnostic, closest, codes};

/// How many words are looked through for what tells one construct from another.
pub const LOOK: usize = 1_000;

impl Parser<'_> {
    /// `{ statements }` after a header.
    pub fn flow(&mut self) -> Vec<Statement> {
        if self.body_follows() { self.statements() } else { Vec::new() }
    }

    fn statements(&mut self) -> Vec<Statement> {
        let mut statements = Vec::new();
        self.body(false, |p| statements.push(p.statement()));
        statements
    }

    fn statement(&mut self) -> Statement {
        let first = self.span();
        let attributes = self.attributes();
        let from = self.span();
        if !attributes.is_empty() && matches!(self.kind(), Kind::RightBrace | Kind::End) {
            let span = first.to(self.last_span());
            self.error(codes::E0112, span, "this attribute belongs to no statement");
            return Statement { attributes, kind: StatementKind::Error, span };
        }
        let mut kind = self.statement_kind();
        let ends = matches!(self.kind(), Kind::RightBrace | Kind::End | Kind::Comma | Kind::Unknown);
        let goes_on = !self.first_of_line() && !ends && !matches!(self.kind_at(1), Kind::Assign | Kind::Colon);
        if let (true, StatementKind::Bind { value, .. } | StatementKind::Return(value)) = (goes_on, &mut kind) {
            // What goes on is no part of it: what it means is not known then.
            value.kind = ExprKind::Error;
        }
        Statement { attributes, kind, span: self.since(from) }
    }

    fn statement_kind(&mut self) -> StatementKind {
        self.binding_word();
        let next = self.kind_at(1);
        let word = self.ident();
        let named = self.kind() == Kind::Ident || self.kind().is_reserved();
        match (self.kind(), word) {
            _ if named && next == Kind::Assign => self.binding(),
            (Kind::Ident, "emit") => self.emit(),
            (Kind::Ident, "publish") => self.publish(),
            (Kind::Ident, "return") => {
                self.bump();
                StatementKind::Return(self.pipeline_on_line())
            }
            (Kind::Ident, "run") => {
                let keyword = Name { text: self.symbol(word), span: self.bump() };
                self.pipeline();
                StatementKind::NotYet { keyword }
            }
            (Kind::Ident, _) if next == Kind::Colon => self.binding(),
            (Kind::If, _) => self.if_statement(),
            (Kind::Match, _) => self.match_statement(),
            (Kind::For, _) if self.yields() => {
                let keyword = Name { text: Symbol::new("for"), span: self.span() };
                self.pipeline();
                StatementKind::NotYet { keyword }
            }
            (Kind::For, _) => {
                let found = Diagnostic::error(codes::E0101, self.span(), "there are no loops");
                self.report(found.help("what happens to each row is said with `|> where`, `|> derive`, `|> select`"));
                self.skip_item(false, true);
                StatementKind::Error
            }
            _ => self.no_statement(),
        }
    }

    /// The `let` and `var` of other languages before a binding, which are reported and read over.
    fn binding_word(&mut self) {
        let is_word = matches!(self.ident(), "let" | "var" | "val" | "const" | "def");
        if !is_word || self.kind_at(1) != Kind::Ident || self.kind_at(2) != Kind::Assign || !self.same_line(1) {
            return;
        }
        let found = self.item_found("a statement");
        let too_much = self.span().to(self.span_at(1).before());
        self.report_read(found.fix("a binding is a name and its value", too_much, ""));
        self.bump();
    }

    fn no_statement(&mut self) -> StatementKind {
        let word = self.ident();
        if matches!(self.kind(), Kind::RightParen | Kind::RightBracket) {
            self.stray_bracket();
            return StatementKind::Error;
        }
        let next = self.kind_at(1);
        let mut found = self.without_pipe(self.item_found("a statement"));
        let is_told = !found.fixes.is_empty();
        if is_told {
            // The repair says it.
        } else if self.kind() == Kind::Ident && next == Kind::Comma {
            found =
                found.help("a binding is one name: `parts = split(rows, train: 80%, test: 20%)`, then `parts.train`");
        } else if let Some(operation) = self.reassigns() {
            found = found.help(format!(
                "a name is bound once: give the new value one of its own, as in `next = {word} {operation} 1`"
            ));
        } else if let Some(foreign) = foreign::statement(word) {
            found = foreign.mends(found, self.span());
        } else if let Some(near) = closest(word, ["emit", "publish", "return", "run"]).filter(|_| !word.is_empty()) {
            found = found.help(format!("did you mean `{near}`?"));
        } else if self.kind() == Kind::Pipe {
            found = found.help("a pipeline is bound (`name = …`), emitted or returned");
        } else {
            found = found.help("a statement is `name = …`, `emit`, `publish`, `return`, `run`, `if` or `match`");
        }
        self.report(found);
        self.skip_item(false, true);
        StatementKind::Error
    }

    /// Whether the `for` here is one with `yield` rather than a loop over statements.
    fn yields(&self) -> bool {
        let kinds = (1..LOOK).map(|ahead| self.kind_at(ahead));
        let mut ends = kinds.filter(|kind| matches!(kind, Kind::Yield | Kind::LeftBrace | Kind::End));
        ends.next() != Some(Kind::LeftBrace)
    }

    /// The sign of `x += …`, `x++` and their like.
    fn reassigns(&self) -> Option<&'static str> {
        let sign = match self.kind_at(1) {
            Kind::Plus => "+",
            Kind::Minus => "-",
            Kind::Star => "*",
            Kind::Slash => "/",
            _ => return None,
        };
        let next = self.kind_at(2);
        (self.kind() == Kind::Ident && (next == Kind::Assign || next == self.kind_at(1))).then_some(sign)
    }

    fn binding(&mut self) -> StatementKind {
        let item = self.at;
        let Some(name) = self.item_name("a name") else { return StatementKind::Error };
        self.note_column(item);
        self.assign("a binding");
        StatementKind::Bind { name, value: self.pipeline() }
    }

    fn emit(&mut self) -> StatementKind {
        self.bump();
        let value = self.pipeline_on_line();
        if !self.eat_clause("to") {
            let mut found = self.without_pipe(self.found("`to` and a sink"));
            if found.fixes.is_empty() && !self.line_ended() && self.kind_at(1) == Kind::Assign {
                found = found.fix("put a comma between columns", self.last_span().after(), ",");
            }
            let is_to = matches!(self.ident(), "into" | "in" | "TO" | "INTO");
            if found.fixes.is_empty() && self.line_ended() {
                found = found.help("as in `emit rows to sink`");
            } else if is_to && !self.line_ended() && self.kind_at(1) == Kind::Ident {
                found = found.fix("write `to`", self.span(), "to");
            }
            self.report(found);
            return StatementKind::Error;
        }
        match self.name("a sink") {
            Some(sink) => StatementKind::Emit { value, sink },
            None => StatementKind::Error,
        }
    }

    fn publish(&mut self) -> StatementKind {
        self.bump();
        let model = self.operand();
        if !self.eat_clause("as") {
            self.fail("`as` and the name of a model");
            return StatementKind::Error;
        }
        let Some(name) = self.name("the name of a model") else { return StatementKind::Error };
        if self.kind() == Kind::If && !self.line_ended() {
            let found = self.found("`when`").fix("write `when`", self.span(), "when");
            self.report(found);
            self.bump();
            return StatementKind::Publish { model, name, when: Some(self.condition()) };
        }
        let when = if self.eat_clause("when") { Some(self.condition()) } else { None };
        StatementKind::Publish { model, name, when }
    }

    fn if_statement(&mut self) -> StatementKind {
        self.bump();
        let entered = self.enter();
        let kind = if entered { self.branches() } else { StatementKind::Error };
        self.leave();
        kind
    }

    fn branches(&mut self) -> StatementKind {
        let condition = self.condition();
        if self.kind() == Kind::Then {
            let found = Diagnostic::error(codes::E0101, self.span(), "expected `{`, found `then`")
                .help("`if … then … else …` is a value: bind it, `name = if …`");
            self.report(found);
            self.skip_item(false, false);
            return StatementKind::Error;
        }
        let then = self.flow();
        let mut otherwise = Vec::new();
        let is_elif = matches!(self.ident(), "elif" | "elsif" | "elseif" | "ELSIF");
        if is_elif && !matches!(self.kind_at(1), Kind::Assign | Kind::Colon) {
            let from = self.span();
            let found = self.item_found("`else if`");
            self.report_read(found.fix("write `else if`", from, "else if"));
            let kind = self.if_statement();
            otherwise.push(Statement { attributes: Vec::new(), kind, span: self.since(from) });
        } else if self.kind() == Kind::Else {
            self.note(role::ITEM);
            self.bump();
            if self.kind() == Kind::If {
                let from = self.span();
                let kind = self.if_statement();
                otherwise.push(Statement { attributes: Vec::new(), kind, span: self.since(from) });
            } else {
                otherwise = self.flow();
            }
        }
        StatementKind::If { condition, then, otherwise }
    }

    fn match_statement(&mut self) -> StatementKind {
        self.bump();
        let subjects = self.expressions();
        let mut arms: Vec<(Vec<Pattern>, Vec<Statement>)> = Vec::new();
        if self.body_follows() {
            let count = subjects.len();
            self.body(true, |p| {
                let item = p.at;
                let patterns = p.patterns(count);
                p.note_column(item);
                if p.arrow() {
                    let body = p.flow();
                    arms.push((patterns, body));
                }
            });
        }
        StatementKind::Match { subjects, arms }
    }
}
