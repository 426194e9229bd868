//! Walks over typed expressions.

use fec_diagnostics::Span;

use crate::expr::{Expr, ExprKind, VarId};

/// One walk over the direct parts of an expression, for those that look and for those that change.
macro_rules! each_child {
    ($(#[$doc:meta])* $name:ident, $iter:ident, $($mutable:tt)?) => {
        $(#[$doc])*
        pub fn $name<'a>(&'a $($mutable)? self, see: &mut impl FnMut(&'a $($mutable)? Expr)) {
            match &$($mutable)? self.kind {
                ExprKind::Error
                | ExprKind::Literal(_)
                | ExprKind::Column(_)
                | ExprKind::Right(_)
                | ExprKind::Var(_)
                | ExprKind::Binding(_)
                | ExprKind::Param(_)
                | ExprKind::Now
                | ExprKind::Rows(_) => {}
                ExprKind::Field(a, _) | ExprKind::Unary(_, a) | ExprKind::Convert(a) | ExprKind::IsAbsent(a) => see(a),
                ExprKind::Binary(_, a, b)
                | ExprKind::Coalesce(a, b)
                | ExprKind::In(a, b)
                | ExprKind::Let { value: a, body: b, .. } => {
                    see(a);
                    see(b);
                }
                ExprKind::If(a, b, c) => {
                    see(a);
                    see(b);
                    see(c);
                }
                ExprKind::Call(_, items)
                | ExprKind::Record(items)
                | ExprKind::List(items)
                | ExprKind::Concat(items) => items.$iter().for_each(see),
                ExprKind::FeatureRead { keys: items, .. }
                | ExprKind::TableRead { keys: items, .. }
                | ExprKind::Predict { inputs: items, .. }
                | ExprKind::Request { arguments: items, .. } => items.$iter().for_each(see),
            }
        }
    };
}

impl Expr {
    each_child!(
        /// Calls `see` for each of its direct parts, in order. A relation within ([`ExprKind::Rows`]) is not entered.
        each_child,
        iter,
    );

    each_child!(
        /// Calls `see` for each of its direct parts, in order, to be changed. A relation within ([`ExprKind::Rows`]) is not
        /// entered.
        each_child_mut,
        iter_mut,
        mut
    );

    /// Its direct parts. A relation within ([`ExprKind::Rows`]) is not entered.
    #[must_use]
    pub fn children(&self) -> Vec<&Expr> {
        let mut children = Vec::new();
        self.each_child(&mut |child| children.push(child));
        children
    }

    /// Its direct parts, to be changed. A relation within ([`ExprKind::Rows`]) is not entered.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        let mut children = Vec::new();
        self.each_child_mut(&mut |child| children.push(child));
        children
    }

    /// Whether it or a part of it satisfies `test`.
    pub fn any(&self, test: &mut dyn FnMut(&Expr) -> bool) -> bool {
        if test(self) {
            return true;
        }
        let mut found = false;
        self.each_child(&mut |child| found = found || child.any(test));
        found
    }

    /// Whether it has at most `most` parts, itself among them.
    pub(crate) fn has_at_most(&self, most: usize) -> bool {
        let mut left = most;
        !self.any(&mut |_| match left.checked_sub(1) {
            Some(less) => {
                left = less;
                false
            }
            None => true,
        })
    }

    /// Moves every variable by `by`: the copy of a function's body at one of its calls.
    pub(crate) fn shift_vars(&mut self, by: VarId) {
        match &mut self.kind {
            ExprKind::Var(var) | ExprKind::Let { var, .. } => *var = var.wrapping_add(by),
            _ => {}
        }
        self.each_child_mut(&mut |child| child.shift_vars(by));
    }

    /// The same without places, to compare what is meant.
    pub(crate) fn without_spans(mut self) -> Expr {
        fn clear(expr: &mut Expr) {
            expr.span = Span::default();
            expr.each_child_mut(&mut |child| clear(child));
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
        self.each_child_mut(&mut |child| child.replace_columns(value));
    }
}
