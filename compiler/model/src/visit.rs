//! Walks over typed expressions.

use fec_diagnostics::Span;
use fec_syntax::Symbol;

use crate::expr::{Expr, ExprKind, VarId};

/// What is put in the place of its name wherever it is read or called is refused when it has more parts, for what reads
/// such things twice could grow without end, …
const MOST_PARTS: usize = 50_000;
/// … or when they are nested deeper, so that nothing that is written can exhaust the stack, …
const DEEPEST: usize = 4_500;
/// … or when more names stand one upon the other: each is a copy of all those below it.
const MOST_NAMES: usize = 1_000;

/// How much an expression is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    /// The parts, itself among them.
    pub parts: usize,
    /// How deep they are nested.
    pub levels: usize,
    /// How many names stand one upon the other.
    pub names: usize,
}

impl Size {
    /// What there is too much of, in words.
    pub fn too_much(self) -> Option<String> {
        match self {
            Self { parts, .. } if parts > MOST_PARTS => Some(format!("more than {MOST_PARTS} parts")),
            Self { levels, .. } if levels > DEEPEST => Some(format!("more than {DEEPEST} levels of nesting")),
            Self { names, .. } if names > MOST_NAMES => {
                Some(format!("more than {MOST_NAMES} values, each of the next,"))
            }
            _ => None,
        }
    }
}

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

    /// How much it is, where what `of` knows stands in the place of its name.
    pub(crate) fn size(&self, of: &dyn Fn(Symbol) -> Option<Size>) -> Size {
        if let ExprKind::Binding(name) = &self.kind
            && let Some(size) = of(*name)
        {
            return size;
        }
        let mut all = Size::default();
        self.each_child(&mut |child| {
            let one = child.size(of);
            all.parts = all.parts.saturating_add(one.parts);
            all.levels = all.levels.max(one.levels);
            all.names = all.names.max(one.names);
        });
        Size { parts: all.parts.saturating_add(1), levels: all.levels.saturating_add(1), ..all }
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
