//! How a value is written that stands in quotes and should not, or the other way round.

use fec_diagnostics::{Diagnostic, FileId};
use fec_syntax::Kind as Token;

use crate::check::Checker;
use crate::expr::{Expr, ExprKind, Literal};
use crate::types::{Kind, Type};

impl Checker<'_> {
    /// Adds to what is found wrong at a value how it is written as `to`, where that can be told.
    pub(crate) fn mended(&self, found: Diagnostic, expr: &Expr, to: &Type) -> Diagnostic {
        match (&expr.kind, &to.kind) {
            (_, Kind::Duration) if expr.ty.kind == Kind::Int => {
                found.help("a duration has a unit: `30s`, `10m`, `1h`, `n * 1s`")
            }
            (ExprKind::Literal(Literal::String(text)), _) => self.without_quotes(found, text, expr, to),
            (ExprKind::Literal(Literal::Int(value)), Kind::String) => {
                found.fix(format!("write `\"{value}\"`, with quotes"), expr.span, format!("\"{value}\""))
            }
            (_, Kind::Timestamp) if expr.ty.kind == Kind::Date => {
                found.help("an instant has a time and a zone: `2026-01-31T12:00:00Z`")
            }
            (_, Kind::Date) if expr.ty.kind == Kind::Timestamp => found.help("the day of an instant is `date(t)`"),
            _ => found,
        }
    }

    fn without_quotes(&self, found: Diagnostic, text: &str, expr: &Expr, to: &Type) -> Diagnostic {
        let lexed = fec_syntax::lex(FileId(0), text);
        let token = lexed.tokens.first().map(|first| first.kind);
        let is = |tokens: &[Token]| {
            let is_one = lexed.diagnostics.is_empty() && lexed.tokens.len() == 2;
            is_one && token.is_some_and(|token| tokens.contains(&token))
        };
        let (is_it, otherwise) = match &to.kind {
            Kind::Duration => (is(&[Token::Duration]), "a duration stands without quotes: `30s`, `10m`, `1h`, `7d`"),
            Kind::Date => (is(&[Token::Date]), "a date stands without quotes: `2026-01-31`"),
            Kind::Timestamp => (is(&[Token::Timestamp]), "an instant stands without quotes: `2026-01-31T12:00:00Z`"),
            Kind::Int => (is(&[Token::Int]), ""),
            Kind::Float | Kind::Decimal { .. } => (is(&[Token::Int, Token::Number]), ""),
            Kind::Bool => (is(&[Token::True, Token::False]), ""),
            Kind::Enum(name) => (self.members.get(name).is_some_and(|members| members.contains_key(text)), ""),
            _ => return found,
        };
        match (is_it, &to.kind) {
            (true, _) => found.fix(format!("write `{text}`, without quotes"), expr.span, text),
            (false, Kind::Enum(name)) => found.help(format!("members stand without quotes: `{name}.…`")),
            (false, _) if otherwise.is_empty() => found,
            (false, _) => found.help(otherwise),
        }
    }
}
