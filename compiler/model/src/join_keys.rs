//! Keys of joins: cells of both sides in one form, so that equal values are equal bytes.

use fec_diagnostics::Span;

use crate::check::Checker;
use crate::convert::{DIGITS, wide};
use crate::expr::{BinaryOp, Expr, ExprKind, Function, Literal, UnaryOp};
use crate::types::{Kind, Type};

impl Checker<'_> {
    /// The left one of two keys in the scale of the right one. Decimals are equal by value, whatever their scales: what the
    /// right one's scale cannot say is equal to nothing there, as what is absent is.
    pub(crate) fn in_scale_of(&mut self, left: Expr, right: &Expr) -> Expr {
        let (&Kind::Decimal { precision, scale: own }, &Kind::Decimal { scale, .. }) = (&left.ty.kind, &right.ty.kind)
        else {
            return left;
        };
        let to = wide(scale);
        if own == scale || own < scale && scale - own + precision <= DIGITS {
            let ty = Type { kind: to, optional: left.ty.optional };
            return if own == scale { left } else { self.convert(left, &ty) };
        }
        let (span, var) = (left.span, self.fresh_var());
        let value = Expr { kind: ExprKind::Var(var), ty: Type::required(left.ty.kind.clone()), span };
        let (fits, fitting) = if own < scale {
            let fits = self.within(&value, DIGITS - scale);
            (fits, self.convert(value, &Type::required(to.clone())))
        } else {
            let digits =
                Expr { kind: ExprKind::Literal(Literal::Int(scale.into())), ty: Type::required(Kind::Int), span };
            let rounded = self.builtin(Function::Round, vec![value.clone(), digits], to.clone(), span);
            (self.boolean(BinaryOp::Equal, rounded.clone(), value, span), rounded)
        };
        let mut body = self.where_(fits, fitting, span);
        if left.ty.optional {
            let whole = Expr { kind: ExprKind::Var(var), ty: left.ty.clone(), span };
            let absent = Expr { kind: ExprKind::IsAbsent(Box::new(whole)), ty: Type::required(Kind::Bool), span };
            let there =
                Expr { kind: ExprKind::Unary(UnaryOp::Not, Box::new(absent)), ty: Type::required(Kind::Bool), span };
            body = self.where_(there, body, span);
        }
        let ty = body.ty.clone();
        Expr { kind: ExprKind::Let { var, value: Box::new(left), body: Box::new(body) }, ty, span }
    }

    /// Whether a decimal has at most so many digits before the point.
    fn within(&self, value: &Expr, digits: u8) -> Expr {
        let bound = |mantissa: i128| Expr {
            kind: ExprKind::Literal(Literal::decimal(mantissa)),
            ty: Type::required(wide(0)),
            span: value.span,
        };
        let bounds = 10_i128.saturating_pow(digits.into());
        let above = self.boolean(BinaryOp::Less, bound(-bounds), value.clone(), value.span);
        let below = self.boolean(BinaryOp::Less, value.clone(), bound(bounds), value.span);
        self.boolean(BinaryOp::And, above, below, value.span)
    }

    /// A value where a condition holds, else absent.
    fn where_(&self, condition: Expr, value: Expr, span: Span) -> Expr {
        let nothing = self.absent(value.ty.kind.clone(), span);
        let ty = nothing.ty.clone();
        Expr { kind: ExprKind::If(Box::new(condition), Box::new(value), Box::new(nothing)), ty, span }
    }
}
