//! Types, fields and parameters.

use super::{Parser, role};
use crate::ast::{Field, Param, TypeExpr, TypeKind};
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
            p.colon("a field", "type");
            p.note_column(item);
            fields.push(Field { docs, name, ty: p.ty() });
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
            let ty = p.eat(Kind::Colon).map(|_| p.ty());
            let default = p.eat(Kind::Assign).map(|_| p.pipeline());
            params.push(Param { name, ty, default });
        });
        params
    }

    /// `-> T`.
    pub fn result(&mut self) -> TypeExpr {
        if self.expect(Kind::Arrow, "`->` and the type of the result").is_some() {
            return self.ty();
        }
        let span = self.span().before();
        TypeExpr { kind: TypeKind::Error, optional: false, span }
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
            let tight = wanted == Kind::Colon && self.last_span().end < self.span().start;
            let from = if tight { self.last_span().after() } else { self.span() };
            let spaced = if wanted == Kind::Assign && self.last_span().end == self.span().start { " =" } else { text };
            self.report(found.fix(format!("write `{text}`"), from.to(self.span()), spaced));
            self.bump();
            return;
        }
        self.expect(wanted, &format!("`{text}`"));
    }
}
