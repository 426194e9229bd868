//! Literals, and expressions whose value must be known before the program runs.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::ast;

use crate::check::Checker;
use crate::expr::{BinaryOp, Expr, ExprKind, Literal, UnaryOp};
use crate::scope::{Place, Scope};
use crate::types::{Kind, Type};

impl<'a> Checker<'a> {
    pub(crate) fn literal(&mut self, literal: &ast::Literal, span: Span, want: Option<&Type>) -> Expr {
        let wants_decimal = matches!(want.map(|want| &want.kind), Some(Kind::Decimal { .. }));
        let (kind, literal) = match literal {
            ast::Literal::Null => {
                return Expr { kind: ExprKind::Literal(Literal::Null), ty: Type::maybe(Kind::Null), span };
            }
            ast::Literal::Bool(value) => (Kind::Bool, Literal::Bool(*value)),
            ast::Literal::Int(text) => return self.int_literal(text, span, wants_decimal),
            ast::Literal::Number(text) => return self.number_literal(text, 0, span, wants_decimal),
            ast::Literal::Percent(text) => return self.number_literal(text, 2, span, wants_decimal),
            ast::Literal::Duration(micros) => (Kind::Duration, Literal::Duration(*micros)),
            ast::Literal::Size(bytes) => match i64::try_from(*bytes) {
                Ok(value) => (Kind::Int, Literal::Int(value)),
                Err(_) => {
                    self.report(Diagnostic::error(codes::E0009, span, "this size does not fit an int"));
                    return self.wrong(span);
                }
            },
            ast::Literal::String(text) => (Kind::String, Literal::String(text.clone())),
            ast::Literal::Date(days) => (Kind::Date, Literal::Date(*days)),
            ast::Literal::Timestamp(micros) => (Kind::Timestamp, Literal::Timestamp(*micros)),
        };
        Expr { kind: ExprKind::Literal(literal), ty: Type::required(kind), span }
    }

    fn int_literal(&mut self, text: &str, span: Span, wants_decimal: bool) -> Expr {
        if let Ok(value) = text.parse::<i64>() {
            return Expr { kind: ExprKind::Literal(Literal::Int(value)), ty: Type::required(Kind::Int), span };
        }
        if wants_decimal {
            return self.number_literal(text, 0, span, true);
        }
        let found = Diagnostic::error(codes::E0009, span, format!("`{text}` does not fit an int"));
        self.report(found.help(format!("an int goes from {} to {}", i64::MIN, i64::MAX)));
        self.wrong(span)
    }

    /// A number divided by 10^`shift`.
    fn number_literal(&mut self, text: &str, shift: u8, span: Span, decimal: bool) -> Expr {
        if decimal {
            let (whole, part) = text.split_once('.').unwrap_or((text, ""));
            let scale = u8::try_from(part.len()).ok().and_then(|own| own.checked_add(shift)).filter(|s| *s <= 38);
            if let (Some(scale), Ok(value)) = (scale, format!("{whole}{part}").parse::<i128>())
                && value < 10i128.pow(38)
            {
                let digits = value.checked_ilog10().map_or(1, |log| log + 1);
                let precision = u8::try_from(digits).unwrap_or(38).max(scale).max(1);
                let ty = Type::required(Kind::Decimal { precision, scale });
                return Expr { kind: ExprKind::Literal(Literal::decimal(value)), ty, span };
            }
            self.report(Diagnostic::error(codes::E0319, span, "a decimal has at most 38 digits"));
            return self.wrong(span);
        }
        match format!("{text}e-{shift}").parse::<f64>() {
            Ok(value) if value.is_finite() => {
                Expr { kind: ExprKind::Literal(Literal::Float(value)), ty: Type::required(Kind::Float), span }
            }
            _ => {
                self.report(Diagnostic::error(codes::E0009, span, "this number does not fit a float"));
                self.wrong(span)
            }
        }
    }

    /// A value that is known before the program runs.
    pub(crate) fn constant(&mut self, e: &'a ast::Expr, ty: &Type, what: std::fmt::Arguments<'_>) -> Option<Expr> {
        let scope = Scope::new(Place::Constant, None);
        let value = self.demand(e, &scope, ty, what);
        let value = self.fold_constant(value);
        if value.ty.kind == Kind::Error {
            return None;
        }
        if !is_constant(&value) {
            self.report(Diagnostic::error(
                codes::E0301,
                e.span,
                format!("{what} is a constant: it has to be known before the program runs"),
            ));
            return None;
        }
        Some(value)
    }

    /// Parameters replaced by their values, and signs and sums of durations and ints by their results.
    fn fold_constant(&self, mut value: Expr) -> Expr {
        for child in value.children_mut() {
            let inner = std::mem::replace(child, self.wrong(child.span));
            *child = self.fold_constant(inner);
        }
        let folded = match &value.kind {
            ExprKind::Param(name) => {
                return match self.model.params.iter().find(|param| param.name == *name) {
                    Some(param) => Expr { span: value.span, ..param.value.clone() },
                    None => value,
                };
            }
            ExprKind::Unary(UnaryOp::Negate, a) => number_of(a).and_then(i64::checked_neg),
            ExprKind::Binary(op, a, b) => match (op, number_of(a), number_of(b)) {
                (BinaryOp::Add, Some(a), Some(b)) => a.checked_add(b),
                (BinaryOp::Subtract, Some(a), Some(b)) => a.checked_sub(b),
                (BinaryOp::Multiply, Some(a), Some(b)) => a.checked_mul(b),
                _ => None,
            },
            _ => None,
        };
        if let Some(folded) = folded {
            match value.ty.kind {
                Kind::Int => value.kind = ExprKind::Literal(Literal::Int(folded)),
                Kind::Duration => value.kind = ExprKind::Literal(Literal::Duration(folded)),
                Kind::Timestamp => value.kind = ExprKind::Literal(Literal::Timestamp(folded)),
                _ => {}
            }
        }
        value
    }

    /// A constant duration in microseconds.
    pub(crate) fn constant_duration(&mut self, e: &'a ast::Expr, what: &str) -> Option<i64> {
        let value = self.constant(e, &Type::required(Kind::Duration), format_args!("{what}"))?;
        number_of(&value)
    }

    /// A constant int.
    pub(crate) fn constant_int(&mut self, e: &'a ast::Expr, what: &str) -> Option<i64> {
        let value = self.constant(e, &Type::required(Kind::Int), format_args!("{what}"))?;
        number_of(&value)
    }

    /// A constant number as a float.
    pub(crate) fn constant_float(&mut self, e: &'a ast::Expr, what: &str) -> Option<f64> {
        let value = self.constant(e, &Type::required(Kind::Float), format_args!("{what}"))?;
        match value.kind {
            ExprKind::Literal(Literal::Float(value)) => Some(value),
            _ => None,
        }
    }

    /// A constant text.
    pub(crate) fn constant_text(&mut self, e: &'a ast::Expr, what: &str) -> Option<String> {
        let value = self.constant(e, &Type::required(Kind::String), format_args!("{what}"))?;
        match value.kind {
            ExprKind::Literal(Literal::String(value)) => Some(value),
            _ => None,
        }
    }
}

fn number_of(expr: &Expr) -> Option<i64> {
    match &expr.kind {
        ExprKind::Literal(Literal::Int(value) | Literal::Duration(value) | Literal::Timestamp(value)) => Some(*value),
        _ => None,
    }
}

/// Whether it is a literal, or a list or record of them.
pub(crate) fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_) => true,
        ExprKind::List(items) | ExprKind::Record(items) => items.iter().all(is_constant),
        _ => false,
    }
}
