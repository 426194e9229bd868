//! Decision tables.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast;

use crate::check::Checker;
use crate::expr::{Expr, ExprKind, Literal};
use crate::names::Known;
use crate::scope::Scope;
use crate::types::{Kind, Type};

impl<'a> Checker<'a> {
    pub(crate) fn declare_rules(
        &mut self,
        name: &'a ast::Name,
        params: &'a [ast::Param],
        result: &'a ast::TypeExpr,
        mode: &'a ast::Name,
        rows: &'a [ast::RuleRow],
        engine: Option<Symbol>,
    ) -> Known {
        match mode.text.as_str() {
            "first" => {}
            "all" | "score" => {
                self.report(Diagnostic::not_yet(mode.span, &format!("`rules … {}`", mode.text)));
                return Known::Failed;
            }
            // It was told that there is none.
            "" => return Known::Failed,
            _ => {
                let found = Diagnostic::error(codes::E0101, mode.span, format!("`{}` is no way to decide", mode.text));
                self.report(found.help("the first row that holds: `first`"));
                return Known::Failed;
            }
        }
        self.template(name, params, result, engine, |checker, scope, result| {
            checker.first_row(name, rows, scope, result)
        })
    }

    fn first_row(&mut self, name: &ast::Name, rows: &'a [ast::RuleRow], scope: &Scope<'_>, result: &Type) -> Expr {
        if self.has_too_many_rows(&format!("`{}`", name.text), rows.len(), name.span) {
            return self.wrong(name.span);
        }
        let mut scope = scope.clone();
        let mut list: Vec<(Option<Expr>, Expr)> = Vec::with_capacity(rows.len());
        let mut seen: Vec<(Expr, Span)> = Vec::new();
        let mut closed: Option<Span> = None;
        let mut failed = false;
        for row in rows {
            if let Some(closed) = closed {
                let found = Diagnostic::error(codes::E0314, row.span, "this row is never reached")
                    .label(closed, "this row takes everything that comes to it");
                self.report(found);
                failed = true;
                continue;
            }
            let condition = row.condition.as_ref().map(|e| self.condition(e, &scope, "a row"));
            if let Some(condition) = &condition {
                failed |= self.never_holds(condition, &mut seen);
                if matches!(condition.kind, ExprKind::Literal(Literal::Bool(true))) {
                    closed = Some(row.span);
                }
            } else {
                closed = Some(row.span);
            }
            let inner = match &condition {
                Some(condition) => scope.given(condition, true),
                None => scope.clone(),
            };
            let value = self.demand(&row.value, &inner, result, format_args!("the result of `{}`", name.text));
            if let Some(condition) = &condition {
                scope = scope.given(condition, false);
                failed |= condition.ty.kind == Kind::Error;
            }
            failed |= value.ty.kind == Kind::Error;
            list.push((condition, value));
        }
        if closed.is_none() {
            let found = Diagnostic::error(codes::E0315, name.span, format!("`{}` has no `else`", name.text))
                .here("some arguments would get no answer")
                .help("end it with `else -> …`");
            self.report(found);
            failed = true;
        }
        let mut list = list.into_iter().rev();
        let Some((_, mut expr)) = list.next().filter(|_| !failed) else { return self.wrong(name.span) };
        for (condition, value) in list {
            if let Some(condition) = condition {
                let span = value.span;
                let kind = ExprKind::If(Box::new(condition), Box::new(value), Box::new(expr));
                expr = Expr { kind, ty: result.clone(), span };
            }
        }
        expr
    }

    /// Says so where a row cannot be reached: the same condition stood before it, or it is false.
    fn never_holds(&mut self, condition: &Expr, seen: &mut Vec<(Expr, Span)>) -> bool {
        if condition.ty.kind == Kind::Error {
            return false;
        }
        if matches!(condition.kind, ExprKind::Literal(Literal::Bool(false))) {
            self.report(Diagnostic::error(codes::E0314, condition.span, "this row is never reached: it is never true"));
            return true;
        }
        let plain = condition.clone().without_spans();
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == plain) {
            let found = Diagnostic::error(codes::E0314, condition.span, "this row is never reached")
                .label(*first, "the same condition stands here");
            self.report(found);
            return true;
        }
        seen.push((plain, condition.span));
        false
    }
}
