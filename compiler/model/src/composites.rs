//! Lists, records and texts put together from parts.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast;

use crate::check::Checker;
use crate::convert::{field_of, unify};
use crate::expr::{Expr, ExprKind, Literal};
use crate::scope::{Scope, path};
use crate::types::{Column, Kind, Record, Type};
use Want::{Beside, Of};

/// What is known of the type of a list's items or of a record.
pub(crate) enum Want<'t, T> {
    /// It has to fit this.
    Of(&'t T),
    /// It stands beside one of this type, where there is one.
    Beside(Option<&'t T>),
    /// It is wrong, and has been told.
    Unknown,
}

impl<'a> Checker<'a> {
    /// The value that stands beside one of another type, as the items of a list and the branches of a choice do: names
    /// and numbers take their meaning from it, but nothing has to fit it, for the type of all of them is joined from each.
    pub(crate) fn infer_beside(&mut self, e: &'a ast::Expr, scope: &Scope<'_>, other: &Type) -> Expr {
        match (&e.kind, &other.kind) {
            (ast::ExprKind::List(items), Kind::List(item)) => {
                self.nested(e.span, |checker| checker.list(items, e.span, scope, Beside(Some(item))))
            }
            (ast::ExprKind::Record(entries), Kind::Record(record)) => {
                self.nested(e.span, |checker| checker.record(entries, e.span, scope, Beside(Some(record))))
            }
            _ => self.infer(e, scope, Some(other)),
        }
    }

    pub(crate) fn list(&mut self, items: &'a [ast::Expr], span: Span, scope: &Scope<'_>, want: Want<'_, Type>) -> Expr {
        let unknown = Type::error();
        let (wanted, beside) = match want {
            Of(item) => (Some(item), None),
            Beside(item) => (None, item),
            Want::Unknown => (Some(&unknown), None),
        };
        let mut common = Type::required(Kind::Null);
        let mut values: Vec<Expr> = Vec::with_capacity(items.len());
        for item in items {
            let before = if common.kind == Kind::Null { beside } else { Some(&common) };
            let value = match (wanted, before) {
                (Some(wanted), _) => self.infer(item, scope, Some(wanted)),
                (None, Some(before)) => self.infer_beside(item, scope, before),
                (None, None) => self.infer(item, scope, None),
            };
            let next = if values.is_empty() { Some(value.ty.clone()) } else { unify(&common, &value.ty) };
            match (next, values.last()) {
                (Some(next), _) => common = next,
                (None, Some(last)) => {
                    self.no_common_type(item.span, last, &value, "the items of a list");
                    return self.wrong(span);
                }
                (None, None) => {}
            }
            values.push(value);
        }
        if common.kind == Kind::Error {
            return self.wrong(span);
        }
        let ty = match wanted {
            Some(item) if values.iter().all(|value| crate::convert::misfit(value, item).is_none()) => item.clone(),
            _ => common,
        };
        let values = values.into_iter().map(|value| self.convert(value, &ty)).collect();
        Expr { kind: ExprKind::List(values), ty: Type::required(Kind::List(Box::new(ty))), span }
    }

    pub(crate) fn record(
        &mut self,
        entries: &'a [ast::RecordEntry],
        span: Span,
        scope: &Scope<'_>,
        want: Want<'_, Record>,
    ) -> Expr {
        let is_unknown = matches!(want, Want::Unknown);
        let (known, is_wanted) = match want {
            Of(record) => (Some(record), true),
            Beside(record) => (record, false),
            Want::Unknown => (None, false),
        };
        let unknown = is_unknown.then(Type::error);
        let mut given: Vec<(Symbol, Expr)> = Vec::new();
        let mut explicit: Vec<&str> = Vec::new();
        let mut lets = Vec::new();
        let mut failed = false;
        for entry in entries {
            match entry {
                ast::RecordEntry::Field { name, value } => {
                    let field = known.and_then(|r| r.fields.iter().find(|field| field.name == name.text));
                    if let (Some(record), None) = (known, field) {
                        let what = record.name.as_ref().map_or("the record".to_owned(), |name| format!("`{name}`"));
                        let fields = record.fields.clone();
                        self.no_field(name, &what, &fields);
                        failed = true;
                        continue;
                    }
                    let value = match field {
                        Some(field) if is_wanted => {
                            self.demand(value, scope, &field.ty, format_args!("`{}`", field.name))
                        }
                        Some(field) => self.infer_beside(value, scope, &field.ty),
                        None => self.infer(value, scope, unknown.as_ref()),
                    };
                    failed |= value.ty.kind == Kind::Error;
                    if explicit.contains(&name.text.as_str()) {
                        self.report(Diagnostic::error(
                            codes::E0310,
                            name.span,
                            format!("the field `{}` stands twice", name.text),
                        ));
                        failed = true;
                        continue;
                    }
                    explicit.push(&name.text);
                    match given.iter_mut().find(|(other, _)| *other == name.text) {
                        Some((_, old)) => *old = value,
                        None => given.push((name.text, value)),
                    }
                }
                ast::RecordEntry::Spread(value) => {
                    let value = self.infer(value, scope, None);
                    match value.ty.kind.clone() {
                        Kind::Record(record) => {
                            let value = if path(&value).is_some() {
                                value
                            } else {
                                let var = self.fresh_var();
                                let named = Expr { kind: ExprKind::Var(var), ty: value.ty.clone(), span: value.span };
                                lets.push((var, value));
                                named
                            };
                            for (index, field) in record.fields.iter().enumerate() {
                                let part = field_of(&value, &record, index);
                                if explicit.contains(&field.name.as_str()) {
                                    continue;
                                }
                                match given.iter_mut().find(|(other, _)| *other == field.name) {
                                    Some((_, old)) => *old = part,
                                    None => given.push((field.name, part)),
                                }
                            }
                        }
                        Kind::Error => failed = true,
                        _ => {
                            let ty = value.ty.to_string();
                            self.report(Diagnostic::error(
                                codes::E0322,
                                value.span,
                                format!("`..` wants a record, and this is `{ty}`"),
                            ));
                            failed = true;
                        }
                    }
                }
            }
        }
        if failed {
            return self.wrong(span);
        }
        let ty = Record {
            name: None,
            fields: given.iter().map(|(name, value)| Column { name: *name, ty: value.ty.clone() }).collect(),
        };
        let values = given.into_iter().map(|(_, value)| value).collect();
        let mut expr = Expr { kind: ExprKind::Record(values), ty: Type::required(Kind::Record(ty)), span };
        if let (Some(record), true) = (known, is_wanted) {
            let missing: Vec<String> = record
                .fields
                .iter()
                .filter(|field| !field.ty.optional && field_named(&expr, &field.name).is_none())
                .map(|field| format!("`{}`", field.name))
                .collect();
            if !missing.is_empty() {
                let of = record.name.as_ref().map_or(String::new(), |name| format!(" of `{name}`"));
                let what = if missing.len() == 1 { "the field" } else { "the fields" };
                let verb = if missing.len() == 1 { "is" } else { "are" };
                self.report(Diagnostic::error(
                    codes::E0321,
                    span,
                    format!("{what} {}{of} {verb} missing", missing.join(", ")),
                ));
                return self.wrong(span);
            }
            let to = Type::required(Kind::Record(record.clone()));
            expr = self.fit(expr, &to, format_args!("this"));
            if expr.ty.kind != Kind::Error {
                expr.ty = to;
            }
        }
        for (var, value) in lets.into_iter().rev() {
            let ty = expr.ty.clone();
            expr = Expr { kind: ExprKind::Let { var, value: Box::new(value), body: Box::new(expr) }, ty, span };
        }
        expr
    }

    pub(crate) fn interpolation(&mut self, parts: &'a [ast::Part], span: Span, scope: &Scope<'_>) -> Expr {
        let text = Type::required(Kind::String);
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            let value = match part {
                ast::Part::Text(text_of) => {
                    Expr { kind: ExprKind::Literal(Literal::String(text_of.clone())), ty: text.clone(), span }
                }
                ast::Part::Expr(e) => {
                    let value = self.infer(e, scope, None);
                    self.as_text(value)
                }
            };
            if value.ty.kind == Kind::Error {
                return self.wrong(span);
            }
            values.push(value);
        }
        Expr { kind: ExprKind::Concat(values), ty: text, span }
    }

    fn as_text(&mut self, value: Expr) -> Expr {
        let span = value.span;
        if value.ty.kind == Kind::Error {
            return value;
        }
        if value.ty.optional {
            let ty = value.ty.to_string();
            let found = Diagnostic::error(codes::E0305, span, format!("this may be absent: it is `{ty}`"));
            self.report(found.help("give a text for the absent case: `{… ?? \"none\"}`"));
            return self.wrong(span);
        }
        match value.ty.kind {
            Kind::String => value,
            Kind::List(_) | Kind::Record(_) | Kind::Bytes => {
                let ty = value.ty.to_string();
                self.report(Diagnostic::error(codes::E0301, span, format!("`{ty}` has no text of its own")));
                self.wrong(span)
            }
            _ => Expr { kind: ExprKind::Convert(Box::new(value)), ty: Type::required(Kind::String), span },
        }
    }

    /// `string(x)`.
    pub(crate) fn text_of(&mut self, value: Expr, span: Span) -> Expr {
        let optional = value.ty.optional;
        let inner = Expr { ty: Type::required(value.ty.kind.clone()), ..value };
        let mut text = self.as_text(inner);
        text.span = span;
        if optional && text.ty.kind != Kind::Error {
            text.ty.optional = true;
            if let ExprKind::Convert(inner) = &mut text.kind {
                inner.ty.optional = true;
            }
        }
        text
    }
}

fn field_named<'e>(expr: &'e Expr, name: &str) -> Option<&'e Column> {
    match &expr.ty.kind {
        Kind::Record(record) => record.fields.iter().find(|field| field.name == name),
        _ => None,
    }
}
