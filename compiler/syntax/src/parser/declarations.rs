//! The declarations of files and engines.

use super::recovery::KEYWORDS;
use super::statements::LOOK;
use super::{Parser, role};
use crate::ast::{Argument, Attribute, Expr, ExprKind, Item, ItemKind, Name, TypeExpr};
use crate::foreign;
use crate::symbol::Symbol;
use crate::token::Kind;
use fec_diagnostics::{Diagnostic, Span, closest, codes};

impl Parser<'_> {
    /// All declarations of the file.
    pub fn file_items(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        while self.kind() != Kind::End {
            let before = self.at;
            self.mended = true;
            items.extend(self.item());
            self.end_of_declaration();
            if self.bail {
                self.next_declaration();
            }
            if self.at == before {
                self.bump();
            }
        }
        items
    }

    fn end_of_declaration(&mut self) {
        self.pass_unknown();
        match self.kind() {
            _ if self.bail || self.first_of_line() => {}
            Kind::RightBrace | Kind::RightParen | Kind::RightBracket => self.stray_bracket(),
            _ => {
                self.report(self.without_pipe(self.found("the end of the line")));
                self.skip_item(false, false);
            }
        }
    }

    /// After too deep nesting: goes to the next declaration at the start of a line.
    fn next_declaration(&mut self) {
        while self.kind() != Kind::End && !(self.word_at(0).column == 0 && self.declaration_at(0)) {
            self.bump();
        }
        self.bail = false;
        self.height = 0;
    }

    /// The `///` lines just before the current word.
    pub fn docs(&self) -> Vec<String> {
        let mut docs = Vec::new();
        let mut place = self.word_at(0).place as usize;
        while let Some(token) = place.checked_sub(1).and_then(|at| self.tokens.get(at)) {
            if !token.kind.is_trivia() {
                break;
            }
            place -= 1;
            if token.kind == Kind::Doc && self.alone_on_line(place) {
                let text = token.text(self.text).trim_start_matches('/').trim_end();
                docs.push(text.strip_prefix(' ').unwrap_or(text).to_owned());
            }
        }
        docs.reverse();
        docs
    }

    fn alone_on_line(&self, place: usize) -> bool {
        let before = |back: usize| place.checked_sub(back).and_then(|at| self.tokens.get(at)).map(|t| t.kind);
        match before(1) {
            Some(Kind::Blank) => matches!(before(2), None | Some(Kind::Newline)),
            other => matches!(other, None | Some(Kind::Newline)),
        }
    }

    /// `@name(…)`, any number of them.
    pub fn attributes(&mut self) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        while self.kind() == Kind::At {
            self.note(role::ITEM | role::PREFIX);
            let from = self.bump();
            let Some(name) = self.name("the name of an attribute") else { break };
            let mut arguments = Vec::new();
            if self.kind() == Kind::LeftParen && !self.first_of_line() {
                if self.kind_at(1) == Kind::Slash {
                    self.bare_path();
                    continue;
                }
                arguments = self.arguments();
            }
            attributes.push(Attribute { name, arguments, span: self.since(from) });
        }
        self.note(role::ITEM);
        attributes
    }

    /// `(/a/:b)`: a path without quotes.
    fn bare_path(&mut self) {
        let from = self.span();
        self.skip_brackets();
        let within = Span::new(self.file, from.end, self.last_span().start.max(from.end));
        let text = self.slice(within).trim();
        let found = Diagnostic::error(codes::E0101, within, "a path is a text");
        let is_plain = !text.contains(['"', '\n', '(']);
        self.report_read(if is_plain { found.fix("put it in quotes", within, format!("\"{text}\"")) } else { found });
    }

    /// `(a, b: c)` of a call.
    pub fn arguments(&mut self) -> Vec<Argument> {
        let mut arguments = Vec::new();
        self.note(role::TIGHT);
        self.list(Kind::RightParen, "`,` or `)`", |p| {
            if p.kind() == Kind::Star && p.kind_at(1) == Kind::RightParen {
                let span = p.span();
                let found = Diagnostic::error(codes::E0101, span, "rows are counted with `count()`");
                p.report(found.fix("remove it", span, ""));
                p.bump();
                return;
            }
            let named = matches!(p.kind_at(1), Kind::Colon | Kind::Assign) && p.kind() == Kind::Ident;
            let name = if named { p.item_name("an argument") } else { None };
            if named {
                p.colon("a named argument", "value");
            }
            let value = p.pipeline();
            arguments.push(Argument { name, value });
        });
        arguments
    }

    /// One declaration; nothing where there is none (and a diagnostic).
    fn item(&mut self) -> Option<Item> {
        let docs = self.docs();
        let outer = self.owner;
        let column = self.word_at(0).column;
        let attributes = self.attributes();
        let from = self.span();
        let keyword = self.ident();
        if !KEYWORDS.contains(&keyword) && keyword != "export" {
            self.no_declaration(&attributes);
            return None;
        }
        self.owner = Some(if column == super::WITHIN_LINE { outer.unwrap_or(0) } else { column });
        let kind = self.declaration(keyword);
        self.owner = outer;
        Some(Item { docs, attributes, kind, span: self.since(from) })
    }

    fn no_declaration(&mut self, attributes: &[Attribute]) {
        match (self.kind(), attributes.last()) {
            (Kind::End | Kind::RightBrace, Some(attribute)) => {
                let span = attribute.span;
                self.error(codes::E0112, span, "this attribute belongs to no declaration");
            }
            (Kind::RightBrace | Kind::RightParen | Kind::RightBracket, None) => return self.stray_bracket(),
            (Kind::Ident, _) if matches!(self.kind_at(1), Kind::Ident | Kind::Text | Kind::LeftBrace) => {
                let word = self.ident();
                let message = format!("`{word}` does not begin a declaration");
                let mut found = Diagnostic::error(codes::E0104, self.span(), message);
                if let Some(foreign) = foreign::declaration(word) {
                    found = foreign.mends(found, self.span());
                } else if let Some(near) = closest(word, KEYWORDS.iter().copied()) {
                    found = found.fix(format!("write `{near}`"), self.span(), near);
                } else if matches!(word, "emit" | "publish" | "return" | "run") {
                    found = found.help("statements stand in a `job`, `stream` or `service`");
                }
                self.report(found);
            }
            _ => self.fail_item("a declaration"),
        }
        self.skip_item(false, true);
    }

    fn declaration(&mut self, word: &str) -> ItemKind {
        let keyword = Name { text: Symbol::new(word), span: self.bump() };
        match word {
            "use" => return self.import(),
            "test" => return self.test(),
            "export" => return self.exported(keyword),
            _ => {}
        }
        let upper = matches!(word, "type" | "enum");
        let name = self.name_or_empty(&format!("the name of the `{word}`"));
        self.check_capital(&name, word, upper);
        let missing = name.text.is_empty();
        let kind = self.named(keyword, name);
        if missing { ItemKind::Error } else { kind }
    }

    /// Notes that the current word, of a header, may stand in a column.
    pub fn note_lone_column(&mut self) {
        if !self.first_of_line() {
            self.note(role::LONE_COLUMN);
        }
    }

    fn check_capital(&mut self, name: &Name, word: &str, upper: bool) {
        let wrong = name.text.chars().next().is_some_and(|c| if upper { c.is_lowercase() } else { c.is_uppercase() });
        if wrong {
            let size = if upper { "capital" } else { "small" };
            let message = format!("the name of {} begins with a {size} letter", with_article(word));
            self.diagnostics.push(Diagnostic::error(codes::E0117, name.span, message));
        }
    }

    fn named(&mut self, keyword: Name, name: Name) -> ItemKind {
        match keyword.text.as_str() {
            "solution" => ItemKind::Solution { name, settings: self.settings_if_any() },
            "type" => {
                self.note_lone_column();
                if self.kind() == Kind::Assign && self.kind_at(1) == Kind::LeftBrace {
                    let told = self.found("`{`").fix("remove the `=`", self.span().to(self.span_at(1)), "{");
                    self.report(told);
                    self.bump();
                }
                let fields = if self.body_follows() { self.fields().0 } else { Vec::new() };
                ItemKind::Type { name, fields }
            }
            "enum" => self.enumeration(name),
            "param" => {
                let ty = self.parameter_type(&name);
                if self.kind() == Kind::Colon && !self.line_ended() {
                    self.assign("the default of a parameter");
                    return ItemKind::Param { name, ty, default: Some(self.pipeline()) };
                }
                let default = self.eat(Kind::Assign).map(|_| self.pipeline());
                ItemKind::Param { name, ty, default }
            }
            "secret" => {
                if self.kind() == Kind::Assign && !self.line_ended() {
                    let found = Diagnostic::error(codes::E0101, self.span(), "the value of a secret never stands here");
                    let shown = &name.text;
                    self.report(found.help(format!("a target says what it is called: `{shown}: secret(\"name\")`")));
                    self.skip_item(false, false);
                }
                ItemKind::Secret { name }
            }
            "source" | "sink" if self.kind() == Kind::LeftBrace => {
                let word = keyword.text;
                let found = self.found("`:` and a type");
                self.report(
                    found
                        .help(format!("as in `{word} {}: stream<{{ id: string, at: timestamp }}> {{ … }}`", name.text)),
                );
                self.settings_if_any();
                ItemKind::Error
            }
            "source" | "sink" => {
                self.colon(&with_article(&keyword.text), "type");
                self.note_lone_column();
                let (ty, key) = (self.ty(), self.key());
                self.note_lone_column();
                let settings = self.settings_if_any();
                if keyword.text == "source" {
                    ItemKind::Source { name, ty, key, settings }
                } else {
                    ItemKind::Sink { name, ty, key, settings }
                }
            }
            "view" => self.view(name),
            "features" => self.features(name),
            "func" => {
                let (params, result) = (self.params(), self.result());
                ItemKind::Func { name, params, result, body: self.function_body() }
            }
            "rules" => self.rules(name),
            "engine" => self.engine(name),
            "job" => {
                let params = if self.kind() == Kind::LeftParen { self.params() } else { Vec::new() };
                ItemKind::Job { name, params, body: self.flow() }
            }
            "stream" => ItemKind::Stream { name, body: self.flow() },
            "service" => {
                let (params, result) = (self.params(), self.result());
                ItemKind::Service { name, params, result, body: self.flow() }
            }
            "target" => self.target(name),
            _ => self.not_yet(keyword, name),
        }
    }

    /// The type of a parameter of the solution.
    fn parameter_type(&mut self, name: &Name) -> TypeExpr {
        if self.kind() != Kind::Assign {
            self.colon("a parameter", "type");
            return self.ty();
        }
        let shown = name.text;
        let found = Diagnostic::error(codes::E0303, name.span, format!("the parameter `{shown}` needs a type"));
        self.report(found.help(format!("as in `param {shown}: int = 5`")));
        self.missing_type()
    }

    /// `= value`. A block of statements is none.
    fn function_body(&mut self) -> Expr {
        let is_block = self.kind() == Kind::LeftBrace
            || (self.kind() == Kind::Assign && self.kind_at(1) == Kind::LeftBrace && self.returns_within(1));
        if !is_block {
            self.assign("a function");
            let next = self.kind_at(1);
            let begins = matches!(next, Kind::Ident | Kind::LeftParen | Kind::TextOpen | Kind::If) || next.is_literal();
            if self.ident() == "return" && begins && self.same_line(1) {
                let found = Diagnostic::error(codes::E0101, self.span(), "a function is its value, without `return`");
                self.report_read(found.fix("remove it", self.span().to(self.span_at(1).before()), ""));
                self.bump();
            }
            return self.pipeline();
        }
        let from = self.span();
        let found = Diagnostic::error(codes::E0101, from, "a function is one value, not a block of statements");
        self.report(found.help("as in `func double(x: int) -> int = 2 * x`; its parts may be functions of their own"));
        self.eat(Kind::Assign);
        self.skip_brackets();
        Expr { kind: ExprKind::Error, span: self.since(from) }
    }

    /// Whether a `return` stands at the start of a line, or of all, within the `{` that is `ahead`.
    fn returns_within(&self, ahead: usize) -> bool {
        let mut open = 0_usize;
        for at in ahead..LOOK {
            match self.kind_at(at) {
                Kind::LeftBrace => open += 1,
                Kind::RightBrace if open <= 1 => return false,
                Kind::RightBrace => open -= 1,
                Kind::End => return false,
                Kind::Ident if self.ident_at(at) == "return" => {
                    let begins =
                        self.word_at(at).column != super::WITHIN_LINE || self.kind_at(at - 1) == Kind::LeftBrace;
                    if begins && !matches!(self.kind_at(at + 1), Kind::Colon | Kind::Comma | Kind::RightBrace) {
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// `key k` or `key (a, b)` after the type of a table.
    fn key(&mut self) -> Vec<Name> {
        if !self.eat_clause("key") {
            return Vec::new();
        }
        if self.kind() != Kind::LeftParen {
            return self.name("a key column").into_iter().collect();
        }
        let mut names = Vec::new();
        self.list(Kind::RightParen, "`,` or `)`", |p| names.extend(p.name("a key column")));
        names
    }

    fn view(&mut self, name: Name) -> ItemKind {
        let ty: Option<TypeExpr> = self.eat(Kind::Colon).map(|_| self.ty());
        let key = if ty.is_some() { self.key() } else { Vec::new() };
        if self.kind() == Kind::LeftBrace {
            let found = self.found("`=`");
            self.report(found.help(format!("a view is a pipeline: `view {} = rows |> …`", name.text)));
            self.skip_brackets();
            return ItemKind::Error;
        }
        self.assign("a view");
        ItemKind::View { name, ty, key, value: self.pipeline() }
    }

    fn import(&mut self) -> ItemKind {
        let mut path: Vec<Name> = self.name("the name of a module").into_iter().collect();
        let mut names = Vec::new();
        while self.eat(Kind::Dot).is_some() {
            if self.kind() == Kind::LeftBrace {
                self.list(Kind::RightBrace, "`,` or `}`", |p| names.extend(p.name("a name")));
                return ItemKind::Use { path, names };
            }
            if self.kind() == Kind::Star {
                let found =
                    Diagnostic::error(codes::E0101, self.span(), "expected names: there is no import of everything");
                self.report(found.help("list the names: `use std.ml.{ gbdt, split }`"));
                self.bump();
                return ItemKind::Error;
            }
            match self.name("a name") {
                Some(name) => path.push(name),
                None => return ItemKind::Error,
            }
        }
        names.extend(path.pop());
        if path.is_empty() {
            self.fail("`.` and a name");
            return ItemKind::Error;
        }
        ItemKind::Use { path, names }
    }

    fn exported(&mut self, keyword: Name) -> ItemKind {
        let word = self.ident();
        if !KEYWORDS.contains(&word) {
            self.fail("a declaration");
            self.skip_item(false, false);
            return ItemKind::Error;
        }
        let from = self.span();
        self.declaration(word);
        let name = Some(Name { text: self.symbol(self.slice(from)), span: from });
        ItemKind::NotYet { keyword, name }
    }

    fn engine(&mut self, name: Name) -> ItemKind {
        let mut items = Vec::new();
        if self.body_follows() {
            // Where what stands within is not indented, columns tell nothing of a missing `}`.
            let within = self.word_at(1).column;
            if self.owner.is_some_and(|owner| {
                within <= owner && self.kind_at(1) != Kind::RightBrace && self.declaration_within()
            }) {
                self.owner = None;
            }
            self.body(false, |p| items.extend(p.item()));
        }
        ItemKind::Engine { name, items }
    }

    /// Whether what follows the current `{` is not at once followed by the end of the file.
    fn declaration_within(&self) -> bool {
        matches!(self.kind_at(1), Kind::Ident | Kind::At)
    }

    /// Declarations that are read, so that what follows is read too, and have no node of their own.
    fn not_yet(&mut self, keyword: Name, name: Name) -> ItemKind {
        match keyword.text.as_str() {
            "experiment" => {
                if self.eat_clause("by") {
                    self.expressions();
                }
                self.settings_if_any();
            }
            "component" => {
                if self.kind() == Kind::Less {
                    self.ty_parameters();
                }
                self.params();
                if self.eat(Kind::Arrow).is_some() {
                    self.ty();
                }
                if self.eat(Kind::Assign).is_some() {
                    self.pipeline();
                } else {
                    self.flow();
                }
            }
            _ => {
                self.params();
                if self.eat(Kind::Arrow).is_some() {
                    self.ty();
                }
                self.settings_if_any();
            }
        }
        ItemKind::NotYet { keyword, name: Some(name) }
    }

    fn ty_parameters(&mut self) {
        self.bump();
        self.names("a type parameter");
        self.expect(Kind::Greater, "`>`");
    }

    /// `a.b.c`.
    pub fn path(&mut self, what: &str) -> Vec<Name> {
        let mut path: Vec<Name> = self.name(what).into_iter().collect();
        while self.kind() == Kind::Dot && !path.is_empty() {
            self.bump();
            match self.name(what) {
                Some(name) => path.push(name),
                None => break,
            }
        }
        path
    }

    /// The place of nothing, just here.
    pub fn here(&self) -> Span {
        self.span().before()
    }
}

/// ``an `enum` ``.
fn with_article(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} `{word}`")
}
