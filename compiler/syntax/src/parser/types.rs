//! Types, fields and parameters.

use super::{Parser, role};
use crate::ast::{Field, Name, Param, TypeExpr, TypeKind};
use crate::foreign;
use crate::token::Kind;
use fec_diagnostics::{Diagnostic, codes};

impl Parser<'_> {
    /// `T`, `T(1, 2)`, `T<U>`, `{ a: T, .. }`, each with or without `?`.
    pub fn ty(&mut self) -> TypeExpr {
        let from = self.span();
        let kind = if self.enter() { self.type_kind() } else { TypeKind::Error };
        self.leave();
        let optional = !self.line_ended() && self.eat(Kind::Question).is_some();
        TypeExpr { kind, optional, span: self.since(from) }
    }

    fn type_kind(&mut self) -> TypeKind {
        if self.kind() == Kind::LeftBrace {
            let (fields, open) = self.fields();
            return TypeKind::Record { fields, open };
        }
        let Some(name) = self.name("a type") else { return TypeKind::Error };
        let mut numbers = Vec::new();
        if self.kind() == Kind::LeftParen && !self.line_ended() {
            self.note(role::TIGHT);
            self.list(Kind::RightParen, "`,` or `)`", |p| numbers.push(p.pipeline()));
        }
        if self.kind() == Kind::LeftBracket && self.kind_at(1) == Kind::RightBracket && !self.line_ended() {
            let span = name.span.to(self.span_at(1));
            let text = format!("list<{}>", name.text);
            let found = Diagnostic::error(codes::E0101, span, format!("a list is `{text}`"));
            self.report(found.fix(format!("write `{text}`"), span, text));
            self.bump();
            self.bump();
            return TypeKind::Error;
        }
        let mut types = Vec::new();
        if self.kind() == Kind::Less && !self.line_ended() {
            self.type_arguments(&mut types);
        }
        TypeKind::Named { name, numbers, types }
    }

    fn type_arguments(&mut self, types: &mut Vec<TypeExpr>) {
        self.note(role::TIGHT | role::PREFIX);
        self.bump();
        loop {
            types.push(self.ty());
            if self.eat(Kind::Comma).is_none() || self.bail {
                break;
            }
        }
        self.note(role::TIGHT);
        match self.kind() {
            Kind::Greater => {
                self.bump();
            }
            Kind::GreaterEqual => {
                let span = self.span();
                let found = Diagnostic::error(codes::E0101, span, "expected `>`, found `>=`");
                self.report(found.fix("put a blank between them", span, "> ="));
                self.bump();
                self.pipeline();
            }
            _ => self.fail("`,` or `>`"),
        }
    }

    /// `{ name: type, … }`, and whether it ends with `..`.
    pub fn fields(&mut self) -> (Vec<Field>, bool) {
        let mut fields = Vec::new();
        let mut open = false;
        self.body(true, |p| {
            if p.kind() == Kind::DotDot {
                p.note(role::PREFIX);
                p.bump();
                open = true;
                return;
            }
            let (docs, item) = (p.docs(), p.at);
            let Some(name) = p.item_name("a field") else { return };
            let optional = p.kind() == Kind::Question && p.kind_at(1) == Kind::Colon;
            if optional {
                let found = p
                    .found("`:`")
                    .help(format!("what may be absent has its `?` behind the type: `{}: int?`", name.text));
                p.report(found);
                p.bump();
            }
            p.colon("a field", "type");
            p.note_column(item);
            let ty = p.ty();
            if p.kind() == Kind::Assign && !p.line_ended() {
                let found = Diagnostic::error(codes::E0101, p.span(), "a field of a type has no default");
                p.report(
                    found
                        .help("what may be absent has a `?` behind its type, and a default where it is read: `x ?? 5`"),
                );
                p.bump();
                p.pipeline();
            }
            fields.push(Field { docs, name, ty: TypeExpr { optional: ty.optional || optional, ..ty } });
        });
        (fields, open)
    }

    /// `(a: T, b: U = v)`.
    pub fn params(&mut self) -> Vec<Param> {
        let mut params = Vec::new();
        if self.kind() != Kind::LeftParen {
            self.fail("`(`");
            return params;
        }
        self.note(role::TIGHT);
        self.list(Kind::RightParen, "`,` or `)`", |p| {
            let Some(name) = p.name("a parameter") else { return };
            if p.kind() == Kind::Ident && !p.line_ended() {
                return params.push(p.type_first(name));
            }
            let ty = p.eat(Kind::Colon).map(|_| p.ty());
            let default = p.eat(Kind::Assign).map(|_| p.pipeline());
            params.push(Param { name, ty, default });
        });
        params
    }

    /// `int x`, of a language in which the type comes first, or `x int`.
    fn type_first(&mut self, first: Name) -> Param {
        let Some(second) = self.name("a parameter") else { return Param { name: first, ty: None, default: None } };
        let is_type = |name: &Name| foreign::ty(&name.text).is_some() || name.text.starts_with(char::is_uppercase);
        let (ty, name) = if is_type(&second) && !is_type(&first) { (second, first) } else { (first, second) };
        let span = first.span.to(second.span);
        let found = Diagnostic::error(codes::E0109, span, "a parameter is `name: type`");
        let text = format!("{}: {}", name.text, ty.text);
        self.report_read(found.fix(format!("write `{text}`"), span, text));
        let kind = TypeKind::Named { name: ty, numbers: Vec::new(), types: Vec::new() };
        Param { name, ty: Some(TypeExpr { kind, optional: false, span: ty.span }), default: None }
    }

    /// `-> T`.
    pub fn result(&mut self) -> TypeExpr {
        if self.kind() == Kind::Colon && !self.line_ended() {
            let found = self.found("`->` and the type of the result");
            self.report_read(found.fix("write `->`", self.span(), " ->"));
            self.bump();
            return self.ty();
        }
        if self.expect(Kind::Arrow, "`->` and the type of the result").is_some() {
            return self.ty();
        }
        self.missing_type()
    }

    /// The type of what should have one, and has none.
    pub fn missing_type(&self) -> TypeExpr {
        TypeExpr { kind: TypeKind::Error, optional: false, span: self.span().before() }
    }

    /// The `:` between a name and what describes it; `=` is reported and taken for it.
    pub fn colon(&mut self, what: &str, value: &str) {
        self.sign(Kind::Colon, Kind::Assign, ":", &format!("{what} is `name: {value}`"));
    }

    /// The `=` between a name and what computes it; `:` is reported and taken for it.
    pub fn assign(&mut self, what: &str) {
        self.sign(Kind::Assign, Kind::Colon, "=", &format!("{what} is `name = value`"));
    }

    fn sign(&mut self, wanted: Kind, other: Kind, text: &str, form: &str) {
        if self.kind() == other && !self.line_ended() {
            let found = Diagnostic::error(codes::E0109, self.span(), form);
            let both = wanted == Kind::Assign && self.kind_at(1) == Kind::Assign;
            let tight = wanted == Kind::Colon && self.last_span().end < self.span().start;
            let from = if tight { self.last_span().after() } else { self.span() };
            let spaced = if wanted == Kind::Assign && self.last_span().end == self.span().start { " =" } else { text };
            let end = if both { self.span_at(1) } else { self.span() };
            self.report(found.fix(format!("write `{text}`"), from.to(end), spaced));
            self.bump();
            if both {
                self.bump();
            }
            return;
        }
        let begins = self.kind() == Kind::Ident || self.kind().is_literal();
        if begins && !self.line_ended() {
            let found = self.found(&format!("`{text}`"));
            let (title, mark) = (format!("write `{text}`"), if wanted == Kind::Colon { ":" } else { " =" });
            return self.report(found.fix(title, self.last_span().after(), mark));
        }
        self.expect(wanted, &format!("`{text}`"));
    }
}
