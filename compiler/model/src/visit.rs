//! Walks over typed expressions.

use fec_diagnostics::Span;

use crate::expr::{Expr, ExprKind, VarId};

impl Expr {
    /// Its direct parts. A relation within ([`ExprKind::Rows`]) is not entered.
    #[must_use]
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Error
            | ExprKind::Literal(_)
            | ExprKind::Column(_)
            | ExprKind::Right(_)
            | ExprKind::Var(_)
            | ExprKind::Binding(_)
            | ExprKind::Param(_)
            | ExprKind::Now
            | ExprKind::Rows(_) => Vec::new(),
            ExprKind::Field(of, _) => vec![of],
            ExprKind::Unary(_, a) | ExprKind::Convert(a) | ExprKind::IsAbsent(a) => vec![a],
            ExprKind::Binary(_, a, b) | ExprKind::Coalesce(a, b) | ExprKind::In(a, b) => vec![a, b],
            ExprKind::If(a, b, c) => vec![a, b, c],
            ExprKind::Let { value, body, .. } => vec![value, body],
            ExprKind::Call(_, items)
            | ExprKind::Record(items)
            | ExprKind::List(items)
            | ExprKind::Concat(items)
            | ExprKind::FeatureRead { keys: items, .. }
            | ExprKind::TableRead { keys: items, .. }
            | ExprKind::Predict { inputs: items, .. }
            | ExprKind::Request { arguments: items, .. } => items.iter().collect(),
        }
    }

    /// Its direct parts, to be changed. A relation within ([`ExprKind::Rows`]) is not entered.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        match &mut self.kind {
            ExprKind::Error
            | ExprKind::Literal(_)
            | ExprKind::Column(_)
            | ExprKind::Right(_)
            | ExprKind::Var(_)
            | ExprKind::Binding(_)
            | ExprKind::Param(_)
            | ExprKind::Now
            | ExprKind::Rows(_) => Vec::new(),
            ExprKind::Field(of, _) => vec![of],
            ExprKind::Unary(_, a) | ExprKind::Convert(a) | ExprKind::IsAbsent(a) => vec![a],
            ExprKind::Binary(_, a, b) | ExprKind::Coalesce(a, b) | ExprKind::In(a, b) => vec![a, b],
            ExprKind::If(a, b, c) => vec![a, b, c],
            ExprKind::Let { value, body, .. } => vec![value, body],
            ExprKind::Call(_, items)
            | ExprKind::Record(items)
            | ExprKind::List(items)
            | ExprKind::Concat(items)
            | ExprKind::FeatureRead { keys: items, .. }
            | ExprKind::TableRead { keys: items, .. }
            | ExprKind::Predict { inputs: items, .. }
            | ExprKind::Request { arguments: items, .. } => items.iter_mut().collect(),
        }
    }

    /// Whether it or a part of it satisfies `test`.
    pub fn any(&self, test: &mut dyn FnMut(&Expr) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }

    /// Moves every variable by `by`: the copy of a function's body at one of its calls.
    pub(crate) fn shift_vars(&mut self, by: VarId) {
        match &mut self.kind {
            ExprKind::Var(var) | ExprKind::Let { var, .. } => *var = var.wrapping_add(by),
            _ => {}
        }
        for child in self.children_mut() {
            child.shift_vars(by);
        }
    }

    /// The same without places, to compare what is meant.
    pub(crate) fn without_spans(mut self) -> Expr {
        fn clear(expr: &mut Expr) {
            expr.span = Span::default();
            for child in expr.children_mut() {
                clear(child);
            }
        }
        clear(&mut self);
        self
    }

    /// Puts `value(name)` wherever a column of that name stands.
    pub(crate) fn replace_columns(&mut self, value: &dyn Fn(&str) -> Option<Expr>) {
        if let ExprKind::Column(name) = &self.kind {
            if let Some(new) = value(name) {
                *self = new;
            }
            return;
        }
        for child in self.children_mut() {
            child.replace_columns(value);
        }
    }
}
