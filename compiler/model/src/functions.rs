//! Functions of the language: their arguments and results.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::ast;

use crate::check::Checker;
use crate::convert::{DIGITS, unify};
use crate::expr::{Expr, ExprKind, Function, Literal};
use crate::operators::is_ordered;
use crate::scope::Scope;
use crate::types::{Kind, Type};

/// Names that are functions of the language.
pub(crate) const FUNCTIONS: &[&str] = &[
    "abs",
    "least",
    "greatest",
    "floor",
    "ceil",
    "round",
    "sqrt",
    "exp",
    "ln",
    "pow",
    "length",
    "lower",
    "upper",
    "trim",
    "contains",
    "starts_with",
    "ends_with",
    "substring",
    "replace",
    "date",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "weekday",
    "seconds",
    "float",
    "decimal",
    "int",
    "string",
];

/// Functions of the language that this version does not have.
pub(crate) const LATER: &[&str] =
    &["last_n", "quantile", "collect", "entropy", "cosine", "merge", "diversify", "place", "env", "json", "split_text"];

/// Aggregates.
pub(crate) const AGGREGATES: &[&str] =
    &["count", "sum", "mean", "min", "max", "var", "stddev", "first", "last", "count_distinct", "top_k", "ratio"];

/// A parameter of a function: what fits.
#[derive(Clone, Copy)]
enum Takes {
    Text,
    Int,
    Float,
    Instant,
}

impl<'a> Checker<'a> {
    /// A call of a function of the language, if `name` is one.
    pub(crate) fn function_call(
        &mut self,
        name: &ast::Expr,
        word: &str,
        arguments: &'a [ast::Argument],
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        if !FUNCTIONS.contains(&word) {
            return None;
        }
        if let Some(named) = arguments.iter().find_map(|argument| argument.name.as_ref()) {
            let found = Diagnostic::error(
                codes::E0304,
                named.span,
                format!("`{word}` has no argument called `{}`", named.text),
            );
            self.report(found.help("its arguments stand in order, without names"));
            return Some(self.wrong(span));
        }
        let mut values: Vec<Expr> = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let hint = values.first().map(|first: &Expr| first.ty.clone());
            values.push(self.infer(&argument.value, scope, hint.as_ref()));
        }
        if values.iter().any(|value| value.ty.kind == Kind::Error) {
            return Some(self.wrong(span));
        }
        Some(self.apply(name.span, word, values, span))
    }

    fn apply(&mut self, name: Span, word: &str, values: Vec<Expr>, span: Span) -> Expr {
        use Function as F;
        use Takes as T;
        match word {
            "abs" => self.keeps(F::Abs, word, name, values, span),
            "least" => self.extreme(F::Least, word, name, values, span),
            "greatest" => self.extreme(F::Greatest, word, name, values, span),
            "floor" => self.whole(F::Floor, word, name, values, span),
            "ceil" => self.whole(F::Ceil, word, name, values, span),
            "round" => self.round(name, values, span),
            "sqrt" => self.plain(F::Sqrt, word, &[T::Float], Kind::Float, name, values, span),
            "exp" => self.plain(F::Exp, word, &[T::Float], Kind::Float, name, values, span),
            "ln" => self.plain(F::Ln, word, &[T::Float], Kind::Float, name, values, span),
            "pow" => self.plain(F::Pow, word, &[T::Float, T::Float], Kind::Float, name, values, span),
            "length" => match values.first().map(|value| &value.ty.kind) {
                Some(Kind::List(_) | Kind::Bytes) if values.len() == 1 => {
                    self.builtin(F::Length, values, Kind::Int, span)
                }
                _ => self.plain(F::Length, word, &[T::Text], Kind::Int, name, values, span),
            },
            "lower" => self.plain(F::Lower, word, &[T::Text], Kind::String, name, values, span),
            "upper" => self.plain(F::Upper, word, &[T::Text], Kind::String, name, values, span),
            "trim" => self.plain(F::Trim, word, &[T::Text], Kind::String, name, values, span),
            "contains" => self.plain(F::Contains, word, &[T::Text, T::Text], Kind::Bool, name, values, span),
            "starts_with" => self.plain(F::StartsWith, word, &[T::Text, T::Text], Kind::Bool, name, values, span),
            "ends_with" => self.plain(F::EndsWith, word, &[T::Text, T::Text], Kind::Bool, name, values, span),
            "substring" => self.plain(F::Substring, word, &[T::Text, T::Int, T::Int], Kind::String, name, values, span),
            "replace" => self.plain(F::Replace, word, &[T::Text, T::Text, T::Text], Kind::String, name, values, span),
            "date" => match values.first().map(|value| &value.ty.kind) {
                Some(Kind::Date) if values.len() == 1 => values.into_iter().next().unwrap_or_else(|| self.wrong(span)),
                _ => self.instant_part(F::DateOf, word, Kind::Date, name, values, span),
            },
            "year" => self.plain(F::Year, word, &[T::Instant], Kind::Int, name, values, span),
            "month" => self.plain(F::Month, word, &[T::Instant], Kind::Int, name, values, span),
            "day" => self.plain(F::Day, word, &[T::Instant], Kind::Int, name, values, span),
            "weekday" => self.plain(F::Weekday, word, &[T::Instant], Kind::Int, name, values, span),
            "hour" => self.instant_part(F::Hour, word, Kind::Int, name, values, span),
            "minute" => self.instant_part(F::Minute, word, Kind::Int, name, values, span),
            "seconds" => match self.exactly(word, 1, name, &values) {
                true if values.first().is_some_and(|value| value.ty.kind == Kind::Duration) => {
                    self.builtin(F::Seconds, values, Kind::Float, span)
                }
                true => self.unfit(word, "a duration", &values, 0, span),
                false => self.wrong(span),
            },
            "float" => self.as_float(name, values, span),
            "decimal" => self.as_decimal(name, values, span),
            "int" => self.as_int(name, values, span),
            _ => match self.exactly(word, 1, name, &values) {
                true => match values.into_iter().next() {
                    Some(value) => self.text_of(value, span),
                    None => self.wrong(span),
                },
                false => self.wrong(span),
            },
        }
    }

    fn exactly(&mut self, word: &str, count: usize, name: Span, values: &[Expr]) -> bool {
        if values.len() == count {
            return true;
        }
        let plural = if count == 1 { "" } else { "s" };
        self.report(Diagnostic::error(
            codes::E0302,
            name,
            format!("`{word}` takes {count} argument{plural}, and {} stand here", values.len()),
        ));
        false
    }

    fn unfit(&mut self, word: &str, wants: &str, values: &[Expr], index: usize, span: Span) -> Expr {
        if let Some(value) = values.get(index) {
            let found = Diagnostic::error(
                codes::E0301,
                value.span,
                format!("`{word}` wants {wants}, but this is `{}`", value.ty),
            );
            let found = match (&value.ty.kind, wants) {
                (Kind::Decimal { .. }, "a float") => found.help("write `float(…)`"),
                _ => found,
            };
            self.report(found);
        }
        self.wrong(span)
    }

    #[expect(clippy::too_many_arguments, reason = "a signature and a call")]
    fn plain(
        &mut self,
        function: Function,
        word: &str,
        takes: &[Takes],
        result: Kind,
        name: Span,
        values: Vec<Expr>,
        span: Span,
    ) -> Expr {
        if !self.exactly(word, takes.len(), name, &values) {
            return self.wrong(span);
        }
        let mut arguments = Vec::with_capacity(values.len());
        for (index, (value, takes)) in values.iter().zip(takes).enumerate() {
            let optional = value.ty.optional;
            let wanted = match (takes, &value.ty.kind) {
                (Takes::Text, Kind::String) | (Takes::Int, Kind::Int) => None,
                (Takes::Instant, Kind::Timestamp | Kind::Date) => None,
                (Takes::Float, Kind::Float) => None,
                (Takes::Float, Kind::Int) => Some(Type { kind: Kind::Float, optional }),
                (Takes::Text, _) => return self.unfit(word, "a text", &values, index, span),
                (Takes::Int, _) => return self.unfit(word, "an int", &values, index, span),
                (Takes::Float, _) => return self.unfit(word, "a float", &values, index, span),
                (Takes::Instant, _) => return self.unfit(word, "a timestamp or date", &values, index, span),
            };
            arguments.push(match wanted {
                Some(wanted) => self.convert(value.clone(), &wanted),
                None => value.clone(),
            });
        }
        self.builtin(function, arguments, result, span)
    }

    fn instant_part(
        &mut self,
        function: Function,
        word: &str,
        result: Kind,
        name: Span,
        values: Vec<Expr>,
        span: Span,
    ) -> Expr {
        if !self.exactly(word, 1, name, &values) {
            return self.wrong(span);
        }
        match values.first().map(|value| &value.ty.kind) {
            Some(Kind::Timestamp) => self.builtin(function, values, result, span),
            _ => self.unfit(word, "a timestamp", &values, 0, span),
        }
    }

    /// A function whose result has the type of its argument.
    fn keeps(&mut self, function: Function, word: &str, name: Span, values: Vec<Expr>, span: Span) -> Expr {
        if !self.exactly(word, 1, name, &values) {
            return self.wrong(span);
        }
        match values.first().map(|value| value.ty.kind.clone()) {
            Some(kind @ (Kind::Int | Kind::Float | Kind::Decimal { .. } | Kind::Duration)) => {
                self.builtin(function, values, kind, span)
            }
            _ => self.unfit(word, "a number", &values, 0, span),
        }
    }

    fn extreme(&mut self, function: Function, word: &str, name: Span, values: Vec<Expr>, span: Span) -> Expr {
        if values.len() < 2 {
            self.exactly(word, 2, name, &values);
            return self.wrong(span);
        }
        let mut values = values.into_iter();
        let Some(first) = values.next() else { return self.wrong(span) };
        values.fold(first, |all, next| {
            if all.ty.kind == Kind::Error {
                return all;
            }
            let are_ordered = is_ordered(&all.ty.kind) && is_ordered(&next.ty.kind);
            let common = if are_ordered { unify(&all.ty, &next.ty) } else { None };
            let Some(common) = common else {
                self.no_common_type(span, &all, &next, &format!("the arguments of `{word}`"));
                return self.wrong(span);
            };
            let (a, b) = (all.ty.optional, next.ty.optional);
            let all = self.convert(all, &Type { kind: common.kind.clone(), optional: a });
            let next = self.convert(next, &Type { kind: common.kind.clone(), optional: b });
            self.builtin(function, vec![all, next], common.kind, span)
        })
    }

    fn whole(&mut self, function: Function, word: &str, name: Span, values: Vec<Expr>, span: Span) -> Expr {
        if !self.exactly(word, 1, name, &values) {
            return self.wrong(span);
        }
        match values.first().map(|value| &value.ty.kind) {
            Some(Kind::Float | Kind::Decimal { .. }) => self.builtin(function, values, Kind::Int, span),
            Some(Kind::Int) => values.into_iter().next().unwrap_or_else(|| self.wrong(span)),
            _ => self.unfit(word, "a number", &values, 0, span),
        }
    }

    fn round(&mut self, name: Span, values: Vec<Expr>, span: Span) -> Expr {
        let [value, digits] = values.as_slice() else {
            return self.whole(Function::Round, "round", name, values, span);
        };
        let Kind::Decimal { scale, .. } = value.ty.kind else {
            return self.unfit("round", "a decimal when it is given digits", &values, 0, span);
        };
        match &digits.kind {
            ExprKind::Literal(Literal::Int(n)) if (0..=38).contains(n) => {
                let n = u8::try_from(*n).unwrap_or(DIGITS);
                if n >= scale {
                    let widened = Type { kind: crate::convert::wide(n), optional: value.ty.optional };
                    return self.convert(value.clone(), &widened);
                }
                self.builtin(Function::Round, values, crate::convert::wide(n), span)
            }
            // A literal after a decimal was read as a decimal where it has a point.
            _ => self.unfit("round", "digits as a number from 0 to 38", &values, 1, span),
        }
    }

    fn as_float(&mut self, name: Span, values: Vec<Expr>, span: Span) -> Expr {
        if !self.exactly("float", 1, name, &values) {
            return self.wrong(span);
        }
        let Some(value) = values.first() else { return self.wrong(span) };
        match value.ty.kind {
            Kind::Float => value.clone(),
            Kind::Int => {
                let ty = Type { kind: Kind::Float, optional: value.ty.optional };
                match crate::convert::misfit(value, &ty) {
                    None => self.convert(value.clone(), &ty),
                    Some(_) => self.unfit("float", "an int up to 2^53", &values, 0, span),
                }
            }
            Kind::Decimal { .. } | Kind::String => {
                let ty = Type { kind: Kind::Float, optional: value.ty.optional };
                Expr { kind: ExprKind::Convert(Box::new(value.clone())), ty, span }
            }
            _ => self.unfit("float", "a number or a text", &values, 0, span),
        }
    }

    fn as_decimal(&mut self, name: Span, values: Vec<Expr>, span: Span) -> Expr {
        let digit = |value: &Expr| match &value.kind {
            ExprKind::Literal(Literal::Int(n)) => u8::try_from(*n).ok(),
            _ => None,
        };
        let (value, kind) = match values.as_slice() {
            [value] => match value.ty.kind {
                Kind::Int => (value, Kind::Decimal { precision: 19, scale: 0 }),
                Kind::Decimal { .. } => return value.clone(),
                Kind::Float | Kind::String => {
                    let what = if value.ty.kind == Kind::String { "text" } else { "float" };
                    let found =
                        Diagnostic::error(codes::E0303, name, format!("a {what} needs the digits of its decimal"));
                    self.report(found.help("as in `decimal(x, 12, 2)`"));
                    return self.wrong(span);
                }
                _ => return self.unfit("decimal", "a number", &values, 0, span),
            },
            [value, precision, scale] => match (digit(precision), digit(scale)) {
                (Some(precision), Some(scale)) if (1..=DIGITS).contains(&precision) && scale <= precision => {
                    (value, Kind::Decimal { precision, scale })
                }
                _ => {
                    let found = Diagnostic::error(
                        codes::E0319,
                        span,
                        "digits in all go from 1 to 38, those after the point up to that",
                    );
                    self.report(found);
                    return self.wrong(span);
                }
            },
            _ => {
                let found = Diagnostic::error(
                    codes::E0302,
                    name,
                    format!("`decimal` takes 1 or 3 arguments, and {} stand here", values.len()),
                );
                self.report(found.help("as in `decimal(x, 12, 2)`"));
                return self.wrong(span);
            }
        };
        match value.ty.kind {
            Kind::Int | Kind::Float | Kind::Decimal { .. } | Kind::String => {
                let ty = Type { kind, optional: value.ty.optional };
                Expr { kind: ExprKind::Convert(Box::new(value.clone())), ty, span }
            }
            _ => self.unfit("decimal", "a number or a text", &values, 0, span),
        }
    }

    fn as_int(&mut self, name: Span, values: Vec<Expr>, span: Span) -> Expr {
        if !self.exactly("int", 1, name, &values) {
            return self.wrong(span);
        }
        let Some(value) = values.first() else { return self.wrong(span) };
        let ty = Type { kind: Kind::Int, optional: value.ty.optional };
        match value.ty.kind {
            Kind::Int => value.clone(),
            Kind::Bool => {
                let span_of = value.span;
                let one =
                    |n| Expr { kind: ExprKind::Literal(Literal::Int(n)), ty: Type::required(Kind::Int), span: span_of };
                if value.ty.optional {
                    return self.unfit("int", "a value that is never absent", &values, 0, span);
                }
                let kind = ExprKind::If(Box::new(value.clone()), Box::new(one(1)), Box::new(one(0)));
                Expr { kind, ty, span }
            }
            Kind::Float | Kind::Decimal { .. } | Kind::String => {
                Expr { kind: ExprKind::Convert(Box::new(value.clone())), ty, span }
            }
            _ => self.unfit("int", "a number, a text or a bool", &values, 0, span),
        }
    }
}
