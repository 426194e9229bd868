//! The bodies of declarations: settings, members, features, rules, targets, tests.

use super::statements::LOOK;
use super::{Parser, role};
use crate::ast::{Expr, FeatureLine, ItemKind, Name, RuleRow, Setting, TargetEntry, TestLine};
use crate::literal;
use crate::symbol::Symbol;
use crate::token::Kind;
use fec_diagnostics::{Diagnostic, codes};

impl Parser<'_> {
    /// `{ name: value … }` if there is one.
    pub fn settings_if_any(&mut self) -> Vec<Setting> {
        if self.body_may_follow() { self.settings() } else { Vec::new() }
    }

    fn settings(&mut self) -> Vec<Setting> {
        let mut settings = Vec::new();
        self.body(true, |p| settings.extend(p.setting()));
        settings
    }

    fn setting(&mut self) -> Option<Setting> {
        let item = self.at;
        let name = self.entry_name("a setting")?;
        self.colon("a setting", "value");
        self.note_column(item);
        Some(Setting { name, value: self.pipeline() })
    }

    /// A name before `:`, which may be a text where it is no word.
    pub fn entry_name(&mut self, what: &str) -> Option<Name> {
        if !matches!(self.kind(), Kind::Text | Kind::RawText) {
            return self.item_name(what);
        }
        let span = self.bump();
        let text = literal::inner(self.slice(span), 1, 1);
        let plain = self.slice(span).starts_with('\'');
        Some(Name { text: if plain { self.symbol(text) } else { Symbol::new(&literal::unescape(text)) }, span })
    }

    /// `{ a, b }` of an `enum`.
    pub fn enumeration(&mut self, name: Name) -> ItemKind {
        let mut members = Vec::new();
        self.note_lone_column();
        if self.kind() == Kind::Assign {
            let found = self.found("`{`").help(format!("members stand in braces: `enum {} {{ a, b }}`", name.text));
            self.report(found);
            self.skip_item(false, false);
            return ItemKind::Error;
        }
        if self.body_follows() {
            self.body(true, |p| {
                members.extend(p.item_name("a member"));
                if matches!(p.kind(), Kind::Assign | Kind::Colon) && !p.line_ended() {
                    let found = Diagnostic::error(codes::E0101, p.span(), "a member is a name, without a value");
                    p.report(found);
                    p.bump();
                    p.pipeline();
                }
            });
        }
        ItemKind::Enum { name, members }
    }

    /// `by k from pipeline { … }`.
    pub fn features(&mut self, name: Name) -> ItemKind {
        let by = if self.features_by() { self.feature_keys() } else { Vec::new() };
        let has_from = self.eat_clause("from");
        if !has_from {
            self.fail("`from` and a pipeline");
        }
        if !has_from && self.kind() == Kind::LeftBrace {
            self.skip_brackets();
            return ItemKind::Error;
        }
        let from = self.aliased_pipeline();
        let mut lines = Vec::new();
        if self.kind() == Kind::LeftBrace {
            self.note(role::BODY);
        }
        if self.body_follows() {
            self.body(true, |p| lines.extend(p.feature_line()));
        }
        ItemKind::Features { name, by, from, lines }
    }

    fn feature_keys(&mut self) -> Vec<Expr> {
        let mut keys = vec![self.operand()];
        loop {
            let is_from = self.ident_at(1) == "from" && self.kind_at(2) == Kind::Ident && self.ident_at(2) != "from";
            if self.kind() == Kind::Comma && is_from {
                self.lone_comma();
            }
            if !self.eat_comma() {
                return keys;
            }
            keys.push(self.operand());
        }
    }

    /// The `by` before the key of features; words of other languages are reported and taken for it.
    fn features_by(&mut self) -> bool {
        if self.eat_clause("by") {
            return true;
        }
        if self.kind_at(1) != Kind::Ident
            || !matches!(self.ident(), "on" | "per" | "key" | "keyed" | "group" | "partition")
        {
            return false;
        }
        let more = usize::from(self.ident_at(1) == "by");
        let span = self.span().to(self.span_at(more));
        let found = Diagnostic::error(codes::E0101, span, "the key of features stands behind `by`");
        self.report_read(found.fix("write `by`", span, "by"));
        for _ in 0..=more {
            self.bump();
        }
        true
    }

    fn feature_line(&mut self) -> Option<FeatureLine> {
        let (docs, item) = (self.docs(), self.at);
        let name = self.item_name("a feature")?;
        self.note_column(item);
        self.assign("a feature");
        let mut line = FeatureLine { docs, name, value: self.operand(), filter: None, over: None, every: None };
        if self.clause("over") {
            self.note_column(item);
        }
        loop {
            let mut word = self.ident();
            if matches!(word, "filter" | "when" | "having") && self.clause(word) && line.filter.is_none() {
                let found = self.found("`where`").fix("write `where`", self.span(), "where");
                self.report_read(found);
                word = "where";
            }
            let slot = match word {
                "where" if !self.line_ended() || self.clause(word) => &mut line.filter,
                "over" if self.clause(word) => &mut line.over,
                "every" if self.clause(word) => &mut line.every,
                _ => return Some(line),
            };
            let given = slot.is_some();
            let value = if word == "where" { self.clause_condition(given) } else { self.clause_value(given) };
            match word {
                "where" => line.filter = Some(value),
                "over" => line.over = Some(value),
                _ => line.every = Some(value),
            }
        }
    }

    /// `(a: T) -> U first { … }`.
    pub fn rules(&mut self, name: Name) -> ItemKind {
        let (params, result) = (self.params(), self.result());
        let mode = match self.kind() {
            Kind::LeftBrace => {
                let found = self.found("`first`, `all` or `score`");
                self.report_read(found.fix(
                    "the first row that holds decides: write `first`",
                    self.span().before(),
                    "first ",
                ));
                Name { text: Symbol::new("first"), span: self.span().before() }
            }
            _ => self.name_or_empty("`first`, `all` or `score`"),
        };
        let mut rows = Vec::new();
        if self.body_follows() {
            let score = mode.text == "score";
            self.body(true, |p| {
                if score {
                    p.score_line();
                } else {
                    rows.extend(p.rule_row());
                }
            });
        }
        ItemKind::Rules { name, params, result, mode, rows }
    }

    fn rule_row(&mut self) -> Option<RuleRow> {
        let (from, item) = (self.span(), self.at);
        if self.kind() == Kind::Ident && self.kind_at(1) == Kind::Assign {
            // It would be read as the start of another item.
            let span = self.span_at(1);
            self.report(Diagnostic::error(codes::E0109, span, "a comparison is `a == b`").fix(
                "write `==`",
                span,
                "==",
            ));
            self.skip_item(true, true);
            return None;
        }
        let next = self.span_at(1);
        if self.kind() == Kind::If && !self.holds_then() {
            let found = Diagnostic::error(codes::E0101, from, "a row is its condition, `->` and a value");
            self.report_read(found.fix("remove the `if`", from.to(next.before()), ""));
            self.bump();
        }
        let condition = if self.eat(Kind::Else).is_some() { None } else { Some(self.condition()) };
        self.note_column(item);
        if !self.arrow() {
            return None;
        }
        let value = self.pipeline();
        Some(RuleRow { condition, value, span: self.since(from) })
    }

    /// Whether the `if` here has a `then` before an arrow: it is a value.
    fn holds_then(&self) -> bool {
        let kinds = (1..LOOK).map(|ahead| self.kind_at(ahead));
        let mut ends = kinds.filter(|kind| matches!(kind, Kind::Then | Kind::Arrow | Kind::End));
        ends.next() == Some(Kind::Then)
    }

    /// `name = expr` of a scorecard, which has no node yet.
    fn score_line(&mut self) {
        let item = self.at;
        if self.item_name("a part of the score").is_some() {
            self.note_column(item);
            self.assign("a part of the score");
            self.pipeline();
        }
    }

    /// `{ name: value, scale path { … } }`.
    pub fn target(&mut self, name: Name) -> ItemKind {
        let mut entries = Vec::new();
        if self.body_follows() {
            self.body(true, |p| {
                if p.ident() == "scale" && p.kind_at(1) == Kind::Ident {
                    p.bump();
                    let path = p.path("what is scaled");
                    let settings = if p.body_follows() { p.settings() } else { Vec::new() };
                    entries.push(TargetEntry::Scale { path, settings });
                } else {
                    entries.extend(p.setting().map(TargetEntry::Setting));
                }
            });
        }
        ItemKind::Target { name, entries }
    }

    /// `"what it says" { … }`.
    pub fn test(&mut self) -> ItemKind {
        let name_span = self.span();
        if matches!(self.kind(), Kind::Text | Kind::RawText | Kind::TextBroken) && !self.first_of_line() {
            self.bump();
        } else {
            let mut found = self.found("a text that says what is tested");
            if self.kind() == Kind::Ident && !self.line_ended() {
                let text = format!("\"{}\"", self.ident());
                found = found.fix(format!("write `{text}`"), name_span, text);
            }
            self.report(found);
        }
        let name = literal::unescape(literal::inner(self.slice(name_span), 1, 1));
        let mut lines = Vec::new();
        if self.body_follows() {
            self.body(false, |p| lines.push(p.test_line()));
        }
        ItemKind::Test { name, name_span, lines }
    }

    fn test_line(&mut self) -> TestLine {
        let span = self.span();
        match self.ident() {
            "given" => {
                self.bump();
                self.given().unwrap_or(TestLine::Error(self.since(span)))
            }
            "at" => {
                self.bump();
                TestLine::At(self.pipeline_on_line())
            }
            "expect" => {
                self.bump();
                let outer = std::mem::replace(&mut self.conditions, true);
                let value = self.pipeline_on_line();
                self.conditions = outer;
                TestLine::Expect(value)
            }
            word => {
                let mut found = self.item_found("`given`, `at` or `expect`");
                if matches!(word, "assert" | "assert_eq" | "check" | "should" | "then" | "verify") {
                    found = found.fix("write `expect`", span, "expect");
                }
                self.report(found);
                self.skip_item(false, true);
                TestLine::Error(self.since(span))
            }
        }
    }

    fn given(&mut self) -> Option<TestLine> {
        let name = self.name("a source, table or model")?;
        if self.eat_clause("returns") {
            return Some(TestLine::GivenReturns { name, value: self.pipeline() });
        }
        if self.kind() == Kind::LeftBracket && !self.line_ended() {
            return Some(TestLine::GivenRows { name, rows: self.pipeline() });
        }
        let mut found = self.found("rows in `[…]`, or `returns` and a value");
        if matches!(self.kind(), Kind::Assign | Kind::Colon) && self.kind_at(1) == Kind::LeftBracket {
            found = found.fix("remove it", self.span().to(self.span_at(1)), "[");
        }
        self.report(found);
        None
    }
}
