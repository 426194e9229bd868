//! Prefix and infix operators.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::ast::{self, BinaryOp as Op, ExprKind as Ast};

use crate::check::Checker;
use crate::convert::{DIGITS, misfit, unify, wide};
use crate::expr::{BinaryOp, Expr, ExprKind, Literal, UnaryOp};
use crate::infer::flexible;
use crate::scope::Scope;
use crate::types::{Kind, Type};

/// Digits that a division of decimals adds after the point.
pub(crate) const DIVISION_DIGITS: u8 = 6;

impl<'a> Checker<'a> {
    pub(crate) fn unary(
        &mut self,
        op: ast::UnaryOp,
        operand: &'a ast::Expr,
        span: Span,
        scope: &Scope<'_>,
        want: Option<&Type>,
    ) -> Expr {
        match op {
            ast::UnaryOp::Not => {
                let inner = self.condition(operand, scope, "`not`");
                self.negation(inner, span)
            }
            ast::UnaryOp::Negate => {
                // The smallest int is written as a negated literal that is itself out of range.
                if let Ast::Literal(ast::Literal::Int(text)) = &operand.kind
                    && let Ok(value) = format!("-{text}").parse::<i64>()
                {
                    return Expr { kind: ExprKind::Literal(Literal::Int(value)), ty: Type::required(Kind::Int), span };
                }
                let mut inner = self.infer(operand, scope, want);
                inner.span = span;
                match &mut inner.kind {
                    ExprKind::Literal(Literal::Float(value)) => *value = -*value,
                    ExprKind::Literal(Literal::Decimal(value)) => *value = (-value.get()).into(),
                    ExprKind::Literal(Literal::Duration(value)) => *value = value.saturating_neg(),
                    _ => {
                        inner.span = operand.span;
                        let numeric =
                            matches!(inner.ty.kind, Kind::Int | Kind::Float | Kind::Decimal { .. } | Kind::Duration);
                        return match &inner.ty.kind {
                            Kind::Error => self.wrong(span),
                            _ if !numeric => {
                                let ty = inner.ty.to_string();
                                self.report(Diagnostic::error(
                                    codes::E0301,
                                    span,
                                    format!("`-` wants a number, not `{ty}`"),
                                ));
                                self.wrong(span)
                            }
                            _ if !self.is_present(&inner, "-") => self.wrong(span),
                            kind => {
                                let ty = Type::required(kind.clone());
                                Expr { kind: ExprKind::Unary(UnaryOp::Negate, Box::new(inner)), ty, span }
                            }
                        };
                    }
                }
                inner
            }
        }
    }

    pub(crate) fn negation(&self, inner: Expr, span: Span) -> Expr {
        if inner.ty.kind == Kind::Error {
            return self.wrong(span);
        }
        Expr { kind: ExprKind::Unary(UnaryOp::Not, Box::new(inner)), ty: Type::required(Kind::Bool), span }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the parts of one node of the tree")]
    pub(crate) fn binary(
        &mut self,
        op: Op,
        op_span: Span,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
        scope: &Scope<'_>,
        want: Option<&Type>,
    ) -> Expr {
        match op {
            Op::And | Op::Or => self.logic(op, left, right, span, scope),
            Op::Equal => self.equality(left, right, span, scope),
            Op::NotEqual => {
                let equal = self.equality(left, right, span, scope);
                self.negation(equal, span)
            }
            Op::Less => self.order(BinaryOp::Less, op_span, left, right, span, scope),
            Op::LessEqual => self.order(BinaryOp::LessEqual, op_span, left, right, span, scope),
            Op::Greater => self.order(BinaryOp::Greater, op_span, left, right, span, scope),
            Op::GreaterEqual => self.order(BinaryOp::GreaterEqual, op_span, left, right, span, scope),
            Op::In => self.membership(left, right, span, scope),
            Op::NotIn => {
                let inside = self.membership(left, right, span, scope);
                self.negation(inside, span)
            }
            Op::Coalesce => self.coalesce(left, right, span, scope, want),
            Op::Add => self.arithmetic(BinaryOp::Add, op_span, left, right, span, scope, want),
            Op::Subtract => self.arithmetic(BinaryOp::Subtract, op_span, left, right, span, scope, want),
            Op::Multiply => self.arithmetic(BinaryOp::Multiply, op_span, left, right, span, scope, want),
            Op::Divide => self.arithmetic(BinaryOp::Divide, op_span, left, right, span, scope, want),
            Op::IntegerDivide => self.arithmetic(BinaryOp::IntegerDivide, op_span, left, right, span, scope, want),
            Op::Modulo => self.arithmetic(BinaryOp::Modulo, op_span, left, right, span, scope, want),
        }
    }

    fn logic(&mut self, op: Op, left: &'a ast::Expr, right: &'a ast::Expr, span: Span, scope: &Scope<'_>) -> Expr {
        let (word, op) = if op == Op::And { ("`and`", BinaryOp::And) } else { ("`or`", BinaryOp::Or) };
        let left = self.condition(left, scope, word);
        let right = self.condition(right, &scope.given(&left, op == BinaryOp::And), word);
        self.boolean(op, left, right, span)
    }

    /// A binary operation that gives a bool.
    pub(crate) fn boolean(&self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        if left.ty.kind == Kind::Error || right.ty.kind == Kind::Error {
            return self.wrong(span);
        }
        let kind = ExprKind::Binary(op, Box::new(left), Box::new(right));
        Expr { kind, ty: Type::required(Kind::Bool), span }
    }

    fn equality(&mut self, left: &'a ast::Expr, right: &'a ast::Expr, span: Span, scope: &Scope<'_>) -> Expr {
        let (left, right) = self.pair(left, scope, right, scope, None);
        self.equal(left, right, span)
    }

    /// `a == b`.
    pub(crate) fn equal(&mut self, left: Expr, right: Expr, span: Span) -> Expr {
        if left.ty.kind == Kind::Error || right.ty.kind == Kind::Error {
            return self.wrong(span);
        }
        let is_null = |e: &Expr| matches!(e.kind, ExprKind::Literal(Literal::Null));
        let absent = match (is_null(&left), is_null(&right)) {
            (false, true) => Some(left.clone()),
            (true, _) => Some(right.clone()),
            _ => None,
        };
        if let Some(value) = absent {
            return Expr { kind: ExprKind::IsAbsent(Box::new(value)), ty: Type::required(Kind::Bool), span };
        }
        let (left, right) = match self.comparable(left, right, span) {
            Some(both) => both,
            None => return self.wrong(span),
        };
        self.boolean(BinaryOp::Equal, left, right, span)
    }

    /// Both as one type; decimals keep their scales.
    fn comparable(&mut self, left: Expr, right: Expr, span: Span) -> Option<(Expr, Expr)> {
        let common = unify(&left.ty, &right.ty).filter(|common| is_one(&left, common) && is_one(&right, common));
        let Some(common) = common else {
            let mixed = matches!(
                (&left.ty.kind, &right.ty.kind),
                (Kind::Decimal { .. }, Kind::Float) | (Kind::Float, Kind::Decimal { .. })
            );
            let code = if mixed { codes::E0313 } else { codes::E0311 };
            let found = Diagnostic::error(code, span, format!("`{}` and `{}` cannot be compared", left.ty, right.ty))
                .label(left.span, format!("`{}`", left.ty))
                .label(right.span, format!("`{}`", right.ty));
            self.report(match (&left.ty.kind, &right.ty.kind) {
                _ if mixed => found.help("convert one: `float(x)` or `decimal(x, p, s)`"),
                (Kind::Timestamp, Kind::Date) | (Kind::Date, Kind::Timestamp) => {
                    found.help("take the day of the instant, `date(t)`, or write an instant: `2026-01-31T12:00:00Z`")
                }
                (Kind::Timestamp | Kind::Date, Kind::String) | (Kind::String, Kind::Timestamp | Kind::Date) => {
                    found.help("dates and instants stand without quotes: `2026-01-31`, `2026-01-31T12:00:00Z`")
                }
                _ if matches!(left.kind, ExprKind::Literal(Literal::String(_) | Literal::Int(_))) => {
                    self.mended(found, &left, &right.ty)
                }
                _ => self.mended(found, &right, &left.ty),
            });
            return None;
        };
        Some((self.as_operand(left, &common), self.as_operand(right, &common)))
    }

    /// An operand of an operation over a type: ints become decimals of scale 0, decimals stay as they are.
    fn as_operand(&mut self, value: Expr, common: &Type) -> Expr {
        match (&value.ty.kind, &common.kind) {
            (Kind::Decimal { .. }, Kind::Decimal { .. }) => value,
            (Kind::Int, Kind::Decimal { .. }) => {
                let ty = Type { kind: Kind::Decimal { precision: 19, scale: 0 }, optional: value.ty.optional };
                self.convert(value, &ty)
            }
            _ => {
                let ty = Type { kind: common.kind.clone(), optional: value.ty.optional };
                // An int beyond 2^53 is rounded, be it written out or not.
                let is_rounded = matches!((&value.ty.kind, &ty.kind), (Kind::Int, Kind::Float));
                if !is_rounded && misfit(&value, &ty).is_some() { value } else { self.convert(value, &ty) }
            }
        }
    }

    /// Whether a value is never absent; says so where it may be.
    pub(crate) fn is_present(&mut self, value: &Expr, what: &str) -> bool {
        if !value.ty.optional {
            return true;
        }
        let mut found =
            Diagnostic::error(codes::E0305, value.span, format!("`{what}` wants a value, and this may be absent"))
                .here(format!("is `{}`", value.ty))
                .help(
                    "give a value for the absent case with `??`, or narrow it with `match`, `if` or `where … != null`",
                );
        if matches!(&value.kind, ExprKind::Predict { .. }) {
            found = found.help("a model without a version is absent: bind it with `@fallback(…)`");
        }
        self.report(found);
        false
    }

    fn order(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
        scope: &Scope<'_>,
    ) -> Expr {
        let (left, right) = self.pair(left, scope, right, scope, None);
        self.ordered(op, op_span, left, right, span)
    }

    /// `a < b` and the like.
    pub(crate) fn ordered(&mut self, op: BinaryOp, op_span: Span, left: Expr, right: Expr, span: Span) -> Expr {
        if left.ty.kind == Kind::Error || right.ty.kind == Kind::Error {
            return self.wrong(span);
        }
        let sign = sign(op);
        for side in [&left, &right] {
            if !is_ordered(&side.ty.kind) {
                let ty = side.ty.to_string();
                let found = Diagnostic::error(codes::E0311, op_span, format!("`{sign}` cannot order `{ty}`"))
                    .label(side.span, format!("this is `{ty}`"));
                self.report(found);
                return self.wrong(span);
            }
        }
        let (left, right) = match self.comparable(left, right, span) {
            Some(both) => both,
            None => return self.wrong(span),
        };
        let left_present = self.is_present(&left, sign);
        if !self.is_present(&right, sign) || !left_present {
            return self.wrong(span);
        }
        self.boolean(op, left, right, span)
    }

    fn membership(&mut self, left: &'a ast::Expr, right: &'a ast::Expr, span: Span, scope: &Scope<'_>) -> Expr {
        if flexible(left) && !matches!(right.kind, Ast::Range { .. }) && !flexible_items(right) {
            // A number takes the type of the items, as beside one of them.
            let list = self.infer(right, scope, None);
            let want = match &list.ty.kind {
                Kind::List(item) => match item.kind {
                    Kind::Decimal { scale, .. } => Some(Type::required(wide(scale))),
                    _ => Some(Type::required(item.kind.clone())),
                },
                _ => None,
            };
            let value = self.infer(left, scope, want.as_ref());
            return self.held(value, list, right.span, span);
        }
        let value = self.infer(left, scope, None);
        if let Ast::Range { low, high, inclusive } = &right.kind {
            return self.in_range(value, low.as_deref(), high.as_deref(), *inclusive, span, scope);
        }
        // An item that the value's digits cannot say is another one, and no fault.
        let kind = match value.ty.kind {
            Kind::Decimal { scale, .. } => wide(scale),
            _ => value.ty.kind.clone(),
        };
        let list_of = Type::required(Kind::List(Box::new(Type { kind, optional: value.ty.optional })));
        let list = self.infer(right, scope, Some(&list_of));
        self.held(value, list, right.span, span)
    }

    /// Whether a list holds a value.
    fn held(&mut self, value: Expr, list: Expr, right: Span, span: Span) -> Expr {
        if value.ty.kind == Kind::Error || list.ty.kind == Kind::Error {
            return self.wrong(span);
        }
        let Kind::List(item) = list.ty.kind.clone() else {
            let ty = list.ty.to_string();
            let found = Diagnostic::error(codes::E0301, right, format!("`in` wants a list or a range, not `{ty}`"));
            self.report(found);
            return self.wrong(span);
        };
        if list.ty.optional && !self.is_present(&list, "in") {
            return self.wrong(span);
        }
        if matches!(value.ty.kind, Kind::Int | Kind::Decimal { .. }) && matches!(item.kind, Kind::Decimal { .. }) {
            // Equal by value, as beside one of them: none is converted to the other's digits.
            let value = self.as_operand(value, &item);
            return Expr { kind: ExprKind::In(Box::new(value), Box::new(list)), ty: Type::required(Kind::Bool), span };
        }
        let Some(common) = unify(&value.ty, &item) else {
            if let Kind::Record(record) = &item.kind
                && record.fields.iter().any(|field| field.name == "value" && unify(&field.ty, &value.ty).is_some())
            {
                self.report(Diagnostic::not_yet(span, "`in` the values of a `top_k`"));
                return self.wrong(span);
            }
            self.report(
                Diagnostic::error(codes::E0311, span, format!("`{}` cannot be one of `{}`", value.ty, list.ty))
                    .label(value.span, format!("`{}`", value.ty)),
            );
            return self.wrong(span);
        };
        let whole = Type::required(Kind::List(Box::new(Type { kind: common.kind.clone(), optional: item.optional })));
        if misfit(&list, &whole).is_some() {
            self.report(Diagnostic::error(
                codes::E0311,
                span,
                format!("`{}` cannot be one of `{}`", value.ty, list.ty),
            ));
            return self.wrong(span);
        }
        let as_item = Type { kind: common.kind, optional: value.ty.optional };
        let value = self.convert(value, &as_item);
        let list = self.convert(list, &whole);
        Expr { kind: ExprKind::In(Box::new(value), Box::new(list)), ty: Type::required(Kind::Bool), span }
    }

    /// `low <= value and value < high`.
    pub(crate) fn in_range(
        &mut self,
        value: Expr,
        low: Option<&'a ast::Expr>,
        high: Option<&'a ast::Expr>,
        inclusive: bool,
        span: Span,
        scope: &Scope<'_>,
    ) -> Expr {
        if value.ty.kind == Kind::Error {
            return value;
        }
        let simple = crate::scope::path(&value).is_some() || matches!(value.kind, ExprKind::Literal(_));
        let (outer, value) = if simple {
            (None, value)
        } else {
            let var = self.fresh_var();
            let named = Expr { kind: ExprKind::Var(var), ty: value.ty.clone(), span: value.span };
            (Some((var, value)), named)
        };
        let mut tests = Vec::new();
        if let Some(low) = low {
            let low = self.infer(low, scope, Some(&value.ty));
            tests.push(self.ordered(BinaryOp::GreaterEqual, low.span, value.clone(), low, span));
        }
        if let Some(high) = high {
            let high = self.infer(high, scope, Some(&value.ty));
            let op = if inclusive { BinaryOp::LessEqual } else { BinaryOp::Less };
            if tests.last().is_none_or(|test| test.ty.kind != Kind::Error) {
                tests.push(self.ordered(op, high.span, value, high, span));
            }
        }
        let mut tests = tests.into_iter();
        let Some(first) = tests.next() else {
            self.report(Diagnostic::error(codes::E0301, span, "a range has at least one end"));
            return self.wrong(span);
        };
        let test = tests.fold(first, |all, test| self.boolean(BinaryOp::And, all, test, span));
        match outer {
            Some((var, value)) if test.ty.kind != Kind::Error => Expr {
                kind: ExprKind::Let { var, value: Box::new(value), body: Box::new(test) },
                ty: Type::required(Kind::Bool),
                span,
            },
            _ => test,
        }
    }

    fn coalesce(
        &mut self,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
        scope: &Scope<'_>,
        want: Option<&Type>,
    ) -> Expr {
        let left_span = left.span;
        let right_span = right.span;
        let value = self.infer(left, scope, want);
        let hint = if matches!(value.ty.kind, Kind::Error | Kind::Null) { want } else { Some(&value.ty) };
        let other = self.infer(right, scope, hint);
        if value.ty.kind == Kind::Error || other.ty.kind == Kind::Error {
            return self.wrong(span);
        }
        if !value.ty.optional {
            let rest = Span { start: left_span.end, ..right_span };
            let found = Diagnostic::warning(codes::W0001, rest, "this `??` is needless: the left side is never absent")
                .fix("remove it", rest, "");
            self.report(found);
            return Expr { span, ..value };
        }
        let Some(common) = unify(&value.ty, &other.ty) else {
            self.no_common_type(span, &value, &other, "both sides of `??`");
            return self.wrong(span);
        };
        let optional = other.ty.optional;
        let value = self.convert(value, &Type::maybe(common.kind.clone()));
        let other = self.convert(other, &Type { kind: common.kind.clone(), optional });
        let ty = Type { kind: common.kind, optional };
        Expr { kind: ExprKind::Coalesce(Box::new(value), Box::new(other)), ty, span }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the parts of one node of the tree")]
    fn arithmetic(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
        scope: &Scope<'_>,
        want: Option<&Type>,
    ) -> Expr {
        let (left, right) = self.pair(left, scope, right, scope, want);
        if left.ty.kind == Kind::Error || right.ty.kind == Kind::Error {
            return self.wrong(span);
        }
        let sign = sign(op);
        let left_present = self.is_present(&left, sign);
        if !self.is_present(&right, sign) || !left_present {
            return self.wrong(span);
        }
        let divides = matches!(op, BinaryOp::Divide | BinaryOp::IntegerDivide | BinaryOp::Modulo);
        let optional = divides && !is_non_zero(&right);
        if divides && is_zero(&right) {
            self.report(Diagnostic::error(codes::E0319, right.span, "this divides by zero"));
            return self.wrong(span);
        }
        let Some((kind, operand)) = self.result(op, op_span, &left, &right) else { return self.wrong(span) };
        let (left, right) = match operand {
            Some(operand) => (self.as_operand(left, &operand), self.as_operand(right, &operand)),
            None => (left, right),
        };
        let whole = ExprKind::Binary(op, Box::new(left), Box::new(right));
        Expr { kind: whole, ty: Type { kind, optional }, span }
    }

    /// The result's kind, and the type that both operands are converted to where they are.
    fn result(&mut self, op: BinaryOp, op_span: Span, left: &Expr, right: &Expr) -> Option<(Kind, Option<Type>)> {
        let (l, r) = (&left.ty.kind, &right.ty.kind);
        let add = matches!(op, BinaryOp::Add | BinaryOp::Subtract);
        let timed = match (l, op, r) {
            (Kind::Timestamp, BinaryOp::Add | BinaryOp::Subtract, Kind::Duration)
            | (Kind::Duration, BinaryOp::Add, Kind::Timestamp) => Some(Kind::Timestamp),
            (Kind::Timestamp, BinaryOp::Subtract, Kind::Timestamp) => Some(Kind::Duration),
            (Kind::Date, _, Kind::Duration) if add => Some(Kind::Date),
            (Kind::Date, BinaryOp::Subtract, Kind::Date) => Some(Kind::Duration),
            (Kind::Duration, _, Kind::Duration) if add => Some(Kind::Duration),
            (Kind::Duration, BinaryOp::Modulo, Kind::Duration)
            | (Kind::Duration, BinaryOp::Multiply | BinaryOp::IntegerDivide, Kind::Int)
            | (Kind::Int, BinaryOp::Multiply, Kind::Duration) => Some(Kind::Duration),
            (Kind::Duration, BinaryOp::Divide, Kind::Duration) => Some(Kind::Float),
            (Kind::Duration, BinaryOp::IntegerDivide, Kind::Duration) => Some(Kind::Int),
            _ => None,
        };
        if let Some(kind) = timed {
            return Some((kind, None));
        }
        let numeric = |kind: &Kind| matches!(kind, Kind::Int | Kind::Float | Kind::Decimal { .. });
        let common = if numeric(l) && numeric(r) { unify(&left.ty, &right.ty) } else { None };
        let Some(common) = common else {
            self.report_operands(op, op_span, left, right);
            return None;
        };
        let scale_of = |kind: &Kind| match kind {
            Kind::Decimal { scale, .. } => *scale,
            _ => 0,
        };
        match (&common.kind, op) {
            (Kind::Int, BinaryOp::Divide) => Some((Kind::Float, Some(Type::required(Kind::Float)))),
            (Kind::Decimal { .. }, _) => {
                let (a, b) = (scale_of(l), scale_of(r));
                let scale = match op {
                    BinaryOp::Multiply => a.saturating_add(b),
                    BinaryOp::Divide => a.max(b).saturating_add(DIVISION_DIGITS),
                    BinaryOp::IntegerDivide => 0,
                    _ => a.max(b),
                };
                if scale > DIGITS {
                    let found = Diagnostic::error(
                        codes::E0319,
                        op_span,
                        format!("the result has {scale} digits after the point, and a decimal has at most {DIGITS}"),
                    );
                    self.report(found.help("round an operand first: `round(x, n)`"));
                    return None;
                }
                Some((wide(scale), Some(common)))
            }
            (kind, _) => Some((kind.clone(), Some(common))),
        }
    }

    fn report_operands(&mut self, op: BinaryOp, op_span: Span, left: &Expr, right: &Expr) {
        let sign = sign(op);
        let mixed = matches!(
            (&left.ty.kind, &right.ty.kind),
            (Kind::Decimal { .. }, Kind::Float) | (Kind::Float, Kind::Decimal { .. })
        );
        let found = if mixed {
            Diagnostic::error(codes::E0313, op_span, format!("`{sign}` cannot mix decimal and float"))
                .help("convert one: `float(x)` or `decimal(x, p, s)`")
        } else {
            let found = Diagnostic::error(
                codes::E0301,
                op_span,
                format!("`{sign}` cannot take `{}` and `{}`", left.ty, right.ty),
            );
            match (&left.ty.kind, &right.ty.kind) {
                (Kind::String, _) | (_, Kind::String) if op == BinaryOp::Add => {
                    found.help("texts are put together in one: `\"{a}{b}\"`")
                }
                (Kind::Duration, Kind::Int) if op == BinaryOp::Divide => {
                    found.help("a duration is whole microseconds: `d div n`")
                }
                (Kind::Date, Kind::Int) => found.help("days are a duration: `1d`, `7d`, `n * 1d`"),
                (Kind::Timestamp | Kind::Duration, Kind::Int) => {
                    found.help("a duration has a unit: `30s`, `10m`, `1h`, `n * 1s`")
                }
                _ => found,
            }
        };
        let found = found.label(left.span, format!("`{}`", left.ty)).label(right.span, format!("`{}`", right.ty));
        self.report(found);
    }
}

/// Whether values of a kind have an order.
pub(crate) fn is_ordered(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Error
            | Kind::Null
            | Kind::Int
            | Kind::Float
            | Kind::Decimal { .. }
            | Kind::String
            | Kind::Date
            | Kind::Timestamp
            | Kind::Duration
    )
}

fn is_non_zero(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Literal(_)) && !is_zero(expr)
}

fn is_zero(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(Literal::Int(value) | Literal::Duration(value)) => *value == 0,
        ExprKind::Literal(Literal::Float(value)) => *value == 0.0,
        ExprKind::Literal(Literal::Decimal(value)) => value.get() == 0,
        _ => false,
    }
}

fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Or => "or",
        BinaryOp::And => "and",
        BinaryOp::Equal => "==",
        BinaryOp::Less => "<",
        BinaryOp::LessEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterEqual => ">=",
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::IntegerDivide => "div",
        BinaryOp::Modulo => "mod",
    }
}

/// Whether a value can be had as one of a type that it unifies with: lists are not converted item by item.
fn is_one(value: &Expr, common: &Type) -> bool {
    match &common.kind {
        Kind::List(_) | Kind::Record(_) => {
            misfit(value, &Type { kind: common.kind.clone(), optional: value.ty.optional }).is_none()
        }
        _ => true,
    }
}

/// Whether a list is written out of numbers, whose type comes from elsewhere.
fn flexible_items(list: &ast::Expr) -> bool {
    matches!(&list.kind, Ast::List(items) if items.iter().all(flexible))
}
