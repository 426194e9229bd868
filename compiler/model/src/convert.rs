//! Which types go together, and the conversions that are written out.

use std::fmt::Arguments;

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;

use crate::check::Checker;
use crate::expr::{Expr, ExprKind, Literal, VarId};
use crate::relation::{Relation, RelationOp};
use crate::scope::path;
use crate::types::{Column, Columns, Kind, Record, Type};

/// Greatest number of digits of a decimal.
pub(crate) const DIGITS: u8 = 38;

/// Why a value does not fit a type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Misfit {
    /// It may be absent.
    Absent,
    /// It is something else.
    Kind,
    /// It would lose digits after the point.
    Scale,
    /// Decimal and float are not converted silently.
    DecimalFloat,
    /// A constant out of range.
    Range,
    /// A record lacks a field.
    Missing(Symbol),
    /// A record has a field too much.
    Extra(Symbol),
    /// A field does not fit.
    Field(Symbol, Box<Misfit>),
}

/// A decimal of full width.
pub(crate) fn wide(scale: u8) -> Kind {
    Kind::Decimal { precision: DIGITS, scale }
}

/// The type that both fit.
pub(crate) fn unify(a: &Type, b: &Type) -> Option<Type> {
    let optional = a.optional || b.optional;
    let kind = match (&a.kind, &b.kind) {
        (Kind::Error, _) | (_, Kind::Error) => Kind::Error,
        // Of the items of two empty lists none is absent.
        (Kind::Null, Kind::Null) => Kind::Null,
        (Kind::Null, other) | (other, Kind::Null) => return Some(Type::maybe(other.clone())),
        (Kind::Decimal { precision: p, scale: s }, Kind::Decimal { precision: q, scale: t }) => {
            let scale = *s.max(t);
            let whole = p.saturating_sub(*s).max(q.saturating_sub(*t));
            Kind::Decimal { precision: whole.saturating_add(scale).min(DIGITS), scale }
        }
        (Kind::Int, Kind::Decimal { precision, scale }) | (Kind::Decimal { precision, scale }, Kind::Int) => {
            Kind::Decimal { precision: (*precision).max(scale.saturating_add(19).min(DIGITS)), scale: *scale }
        }
        (Kind::Int, Kind::Float) | (Kind::Float, Kind::Int) => Kind::Float,
        (Kind::List(a), Kind::List(b)) => Kind::List(Box::new(unify(a, b)?)),
        (Kind::Record(a), Kind::Record(b)) => {
            if a.fields.len() != b.fields.len() {
                return None;
            }
            let mut fields = Vec::with_capacity(a.fields.len());
            for field in &a.fields {
                let other = b.fields.iter().find(|other| other.name == field.name)?;
                fields.push(Column { name: field.name, ty: unify(&field.ty, &other.ty)? });
            }
            let name = if a.name == b.name { a.name } else { None };
            Kind::Record(Record { name, fields: fields.into() })
        }
        (a, b) if a == b => a.clone(),
        _ => return None,
    };
    Some(Type { kind, optional })
}

/// Whether a value of type `from` can be used as `to` without a conversion of its representation.
fn same_representation(from: &Type, to: &Type) -> bool {
    if from.kind == Kind::Error || to.kind == Kind::Error {
        return true;
    }
    if from.optional && !to.optional {
        return false;
    }
    match (&from.kind, &to.kind) {
        (Kind::Decimal { precision: p, scale: s }, Kind::Decimal { precision: q, scale: t }) => s == t && p <= q,
        (Kind::List(a), Kind::List(b)) => same_representation(a, b),
        (Kind::Record(a), Kind::Record(b)) => {
            a.fields.len() == b.fields.len()
                && a.fields.iter().zip(&b.fields).all(|(a, b)| a.name == b.name && same_representation(&a.ty, &b.ty))
        }
        (a, b) => a == b,
    }
}

/// Whether a value of a type, not a literal, fits another.
pub(crate) fn type_misfit(from: &Type, to: &Type) -> Option<Misfit> {
    if from.kind == Kind::Error || to.kind == Kind::Error {
        return None;
    }
    if from.kind == Kind::Null {
        return (!to.optional).then_some(Misfit::Absent);
    }
    let wrong = match (&from.kind, &to.kind) {
        (Kind::Decimal { scale: s, .. }, Kind::Decimal { scale: t, .. }) => (s > t).then_some(Misfit::Scale),
        (Kind::Int, Kind::Float | Kind::Decimal { .. }) => None,
        (Kind::Float, Kind::Decimal { .. }) | (Kind::Decimal { .. }, Kind::Float) => Some(Misfit::DecimalFloat),
        (Kind::List(a), Kind::List(b)) => {
            let is_empty = a.kind == Kind::Null && (b.optional || !a.optional);
            if same_representation(a, b) || is_empty {
                None
            } else if a.optional && !b.optional {
                Some(Misfit::Absent)
            } else {
                Some(Misfit::Kind)
            }
        }
        (Kind::Record(a), Kind::Record(b)) => record_misfit(a, b),
        (a, b) => (a != b).then_some(Misfit::Kind),
    };
    wrong.or_else(|| (from.optional && !to.optional).then_some(Misfit::Absent))
}

fn record_misfit(from: &Record, to: &Record) -> Option<Misfit> {
    for field in &to.fields {
        match from.fields.iter().find(|other| other.name == field.name) {
            None if field.ty.optional => {}
            None => return Some(Misfit::Missing(field.name)),
            Some(other) => {
                if let Some(wrong) = type_misfit(&other.ty, &field.ty) {
                    return Some(Misfit::Field(field.name, Box::new(wrong)));
                }
            }
        }
    }
    let extra = from.fields.iter().find(|field| !to.fields.iter().any(|other| other.name == field.name));
    extra.map(|field| Misfit::Extra(field.name))
}

/// Whether a value fits a type: of a literal, whether its value does.
pub(crate) fn misfit(expr: &Expr, to: &Type) -> Option<Misfit> {
    match (&expr.kind, &to.kind) {
        (ExprKind::Literal(Literal::Int(value)), Kind::Float) => {
            (value.unsigned_abs() > 1 << 53).then_some(Misfit::Range)
        }
        (ExprKind::Literal(Literal::Int(value)), Kind::Decimal { precision, scale }) => {
            (!fits(i128::from(*value), 0, *precision, *scale)).then_some(Misfit::Range)
        }
        (ExprKind::Literal(Literal::Decimal(value)), Kind::Decimal { precision, scale }) => {
            let Kind::Decimal { scale: own, .. } = expr.ty.kind else { return Some(Misfit::Kind) };
            if rescale(value.get(), own, *scale).is_none() && own > *scale {
                return Some(Misfit::Scale);
            }
            (!fits(value.get(), own, *precision, *scale)).then_some(Misfit::Range)
        }
        (ExprKind::List(items), Kind::List(item)) => items.iter().find_map(|value| misfit(value, item)),
        (ExprKind::Rows(relation), Kind::List(item)) => {
            let Kind::Record(record) = &item.kind else { return Some(Misfit::Kind) };
            if relation.ty.columns.iter().any(|column| column.ty.kind == Kind::Error) {
                return None;
            }
            record_misfit(&Record { name: None, fields: relation.ty.columns.clone() }, record)
        }
        (ExprKind::If(_, a, b), _) => misfit(a, to).or_else(|| misfit(b, to)),
        _ => type_misfit(&expr.ty, to),
    }
}

fn fits(value: i128, from: u8, precision: u8, scale: u8) -> bool {
    rescale(value, from, scale).is_some_and(|value| {
        10i128.checked_pow(u32::from(precision)).is_none_or(|limit| value.unsigned_abs() < limit.unsigned_abs())
    })
}

/// A mantissa at another scale, where that is exact and fits.
pub(crate) fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return 10i128.checked_pow(u32::from(to - from)).and_then(|factor| value.checked_mul(factor));
    }
    let factor = 10i128.checked_pow(u32::from(from - to))?;
    (value % factor == 0).then(|| value / factor)
}

impl Checker<'_> {
    /// The value as `to`, converted where that is implicit; else an error that says what `what` wants.
    pub(crate) fn fit(&mut self, expr: Expr, to: &Type, what: Arguments<'_>) -> Expr {
        match misfit(&expr, to) {
            None => self.convert(expr, to),
            Some(wrong) => {
                let span = expr.span;
                let found = told(span, &expr.ty, to, &wrong, what);
                self.report(if matches!(wrong, Misfit::Kind) { self.mended(found, &expr, to) } else { found });
                Expr { kind: ExprKind::Error, ty: Type::error(), span }
            }
        }
    }

    /// Says why a value does not fit.
    pub(crate) fn report_misfit(&mut self, span: Span, from: &Type, to: &Type, wrong: &Misfit, what: Arguments<'_>) {
        self.report(told(span, from, to, wrong, what));
    }

    /// The value as `to`, which it fits.
    pub(crate) fn convert(&mut self, mut expr: Expr, to: &Type) -> Expr {
        if matches!(expr.ty.kind, Kind::Error) || matches!(to.kind, Kind::Error) {
            return expr;
        }
        let span = expr.span;
        match (&mut expr.kind, &to.kind) {
            (ExprKind::Literal(Literal::Null), _) => {
                expr.ty = Type::maybe(to.kind.clone());
                return expr;
            }
            (ExprKind::Literal(Literal::Int(value)), Kind::Float) => {
                #[expect(clippy::cast_precision_loss, reason = "an int beyond 2^53 is rounded")]
                let kind = ExprKind::Literal(Literal::Float(*value as f64));
                return Expr { kind, ty: Type::required(Kind::Float), span };
            }
            (ExprKind::Literal(Literal::Int(value)), Kind::Decimal { scale, .. }) => {
                if let Some(value) = rescale(i128::from(*value), 0, *scale) {
                    let kind = ExprKind::Literal(Literal::decimal(value));
                    return Expr { kind, ty: Type::required(to.kind.clone()), span };
                }
            }
            (ExprKind::Literal(Literal::Decimal(value)), Kind::Decimal { scale, .. }) => {
                if let Kind::Decimal { scale: own, .. } = expr.ty.kind
                    && let Some(value) = rescale(value.get(), own, *scale)
                {
                    let kind = ExprKind::Literal(Literal::decimal(value));
                    return Expr { kind, ty: Type::required(to.kind.clone()), span };
                }
            }
            (ExprKind::List(items), Kind::List(item)) => {
                let items = std::mem::take(items).into_iter().map(|value| self.convert(value, item)).collect();
                return Expr { kind: ExprKind::List(items), ty: Type::required(to.kind.clone()), span };
            }
            (ExprKind::Rows(relation), Kind::List(item)) => {
                if let Kind::Record(record) = &item.kind {
                    let relation = std::mem::replace(&mut **relation, empty(span));
                    let relation = self.conform(relation, &record.fields);
                    return Expr {
                        kind: ExprKind::Rows(Box::new(relation)),
                        ty: Type::required(to.kind.clone()),
                        span,
                    };
                }
            }
            (ExprKind::If(_, a, b), _) if !same_representation(&expr.ty, to) => {
                let mut optional = false;
                for branch in [a, b] {
                    let value = std::mem::replace(&mut **branch, self.wrong(span));
                    **branch = self.convert(value, to);
                    optional |= branch.ty.optional;
                }
                expr.ty = Type { kind: to.kind.clone(), optional };
                return expr;
            }
            _ => {}
        }
        if expr.ty.kind == Kind::Null {
            return null(Type::maybe(to.kind.clone()), span);
        }
        let as_optional = Type { kind: to.kind.clone(), optional: expr.ty.optional };
        if let Kind::List(item) = &expr.ty.kind
            && item.kind == Kind::Null
        {
            let has_items = item.optional;
            return self.convert_untyped(expr, has_items, as_optional);
        }
        if same_representation(&expr.ty, &as_optional) {
            return expr;
        }
        if let (Kind::Record(from), Kind::Record(fields)) = (&expr.ty.kind, &to.kind) {
            let (from, fields) = (from.clone(), fields.clone());
            return self.convert_record(expr, &from, &fields);
        }
        Expr { kind: ExprKind::Convert(Box::new(expr)), ty: as_optional, span }
    }

    /// A list of which no item says a type, as one of type `to`: it is empty, or has absent items alone (`has_items`).
    fn convert_untyped(&mut self, expr: Expr, has_items: bool, to: Type) -> Expr {
        let span = expr.span;
        if has_items {
            let found = Diagnostic::error(codes::E0301, span, "nothing says of what type the items of this list are");
            self.report(found.help("write it where it is used: `[null]` there has the type that is wanted"));
            return self.wrong(span);
        }
        let empty = Expr { kind: ExprKind::List(Vec::new()), ty: Type::required(to.kind.clone()), span };
        if !expr.ty.optional {
            return empty;
        }
        let absent = Expr { kind: ExprKind::IsAbsent(Box::new(expr)), ty: Type::required(Kind::Bool), span };
        let nothing = null(to.clone(), span);
        Expr { kind: ExprKind::If(Box::new(absent), Box::new(nothing), Box::new(empty)), ty: to, span }
    }

    fn convert_record(&mut self, expr: Expr, from: &Record, to: &Record) -> Expr {
        let span = expr.span;
        if path(&expr).is_none() && !matches!(expr.kind, ExprKind::Record(_)) {
            let var = self.fresh_var();
            let variable = Expr { kind: ExprKind::Var(var), ty: expr.ty.clone(), span };
            let body = self.convert_record(variable, from, to);
            let ty = body.ty.clone();
            return Expr { kind: ExprKind::Let { var, value: Box::new(expr), body: Box::new(body) }, ty, span };
        }
        let optional = expr.ty.optional;
        let present = Expr { ty: Type::required(expr.ty.kind.clone()), ..expr.clone() };
        let fields: Vec<Expr> = to
            .fields
            .iter()
            .map(|field| match from.fields.iter().position(|f| f.name == field.name) {
                Some(index) => {
                    let value = field_of(&present, from, index);
                    self.convert(value, &field.ty)
                }
                None => null(Type::maybe(field.ty.kind.clone()), span),
            })
            .collect();
        let record = Expr { kind: ExprKind::Record(fields), ty: Type::required(Kind::Record(to.clone())), span };
        if !optional {
            return record;
        }
        let ty = Type::maybe(record.ty.kind.clone());
        let absent = Expr { kind: ExprKind::IsAbsent(Box::new(expr)), ty: Type::required(Kind::Bool), span };
        let nothing = null(ty.clone(), span);
        Expr { kind: ExprKind::If(Box::new(absent), Box::new(nothing), Box::new(record)), ty, span }
    }

    /// The relation with exactly these columns, which it has, in this order and of these types.
    pub(crate) fn conform(&mut self, relation: Relation, columns: &[Column]) -> Relation {
        let same = relation.ty.columns.len() == columns.len()
            && relation
                .ty
                .columns
                .iter()
                .zip(columns)
                .all(|(from, to)| from.name == to.name && same_representation(&from.ty, &to.ty));
        if same {
            return relation;
        }
        let span = relation.span;
        let mut values = Vec::with_capacity(columns.len());
        let mut ty = relation.ty.clone();
        ty.columns = columns.to_vec().into();
        for column in columns {
            let value = match relation.ty.column(&column.name) {
                Some(own) => {
                    let value = Expr { kind: ExprKind::Column(own.name), ty: own.ty.clone(), span };
                    self.convert(value, &column.ty)
                }
                None => null(Type::maybe(column.ty.kind.clone()), span),
            };
            values.push((column.name, value));
        }
        Relation { op: RelationOp::Select { input: Box::new(relation), columns: values }, ty, span }
    }

    /// A variable that no other expression of the model has.
    pub(crate) fn fresh_var(&mut self) -> VarId {
        let var = self.next_var;
        self.next_var = self.next_var.wrapping_add(1);
        var
    }

    /// The expression that stands for something wrong.
    pub(crate) fn wrong(&self, span: Span) -> Expr {
        Expr { kind: ExprKind::Error, ty: Type::error(), span }
    }
}

/// The field of a record; of a record that is written out, its part.
pub(crate) fn field_of(of: &Expr, record: &Record, index: usize) -> Expr {
    if let ExprKind::Record(parts) = &of.kind
        && let Some(part) = parts.get(index)
    {
        return part.clone();
    }
    let Some(field) = record.fields.get(index) else {
        return Expr { kind: ExprKind::Error, ty: Type::error(), span: of.span };
    };
    let ty = Type { kind: field.ty.kind.clone(), optional: field.ty.optional || of.ty.optional };
    Expr { kind: ExprKind::Field(Box::new(of.clone()), field.name), ty, span: of.span }
}

/// `null` of a type.
pub(crate) fn null(ty: Type, span: Span) -> Expr {
    Expr { kind: ExprKind::Literal(Literal::Null), ty, span }
}

fn empty(span: Span) -> Relation {
    let ty = crate::types::RelationType {
        columns: Columns::default(),
        key: Vec::new(),
        boundedness: crate::types::Boundedness::Bounded,
        changes: false,
        timed: false,
        late: false,
    };
    Relation { op: RelationOp::Error, ty, span }
}

fn digits(kind: &Kind) -> String {
    match kind {
        Kind::Decimal { precision, scale } => format!("{precision}, {scale}"),
        _ => "p, s".to_owned(),
    }
}

/// Why a value does not fit.
fn told(span: Span, from: &Type, to: &Type, wrong: &Misfit, what: Arguments<'_>) -> Diagnostic {
    match wrong {
        Misfit::Absent if matches!(from.kind, Kind::Null) => {
            Diagnostic::error(codes::E0305, span, format!("{what} is `{to}`, which is never absent"))
        }
        Misfit::Absent => Diagnostic::error(codes::E0305, span, format!("{what} is `{to}`, but this may be absent"))
            .here(format!("is `{from}`"))
            .help("give a value for the absent case with `??`, or narrow it with `match`, `if` or `where … != null`"),
        Misfit::Kind => Diagnostic::error(codes::E0301, span, format!("{what} is `{}`, but this is `{from}`", to.kind)),
        Misfit::Scale => {
            Diagnostic::error(codes::E0319, span, format!("{what} is `{to}`, but this has more digits after the point"))
                .here(format!("is `{from}`"))
                .help("round it: `round(x, n)` leaves n digits after the point")
        }
        Misfit::DecimalFloat => {
            Diagnostic::error(codes::E0313, span, format!("{what} is `{to}`, but this is `{from}`")).help(
                match to.kind {
                    Kind::Float => "write `float(x)`".to_owned(),
                    _ => format!("write `decimal(x, {})`", digits(&to.kind)),
                },
            )
        }
        Misfit::Range => Diagnostic::error(codes::E0319, span, format!("{what} is `{to}`: this does not fit")),
        Misfit::Missing(field) => {
            Diagnostic::error(codes::E0321, span, format!("{what} is `{to}`, but `{field}` is missing here"))
        }
        Misfit::Extra(field) => {
            Diagnostic::error(codes::E0203, span, format!("{what} is `{to}`, which has no field `{field}`"))
        }
        Misfit::Field(field, inner) => {
            let of = |ty: &Type| match &ty.kind {
                Kind::Record(record) => record.fields.iter().find(|f| f.name == *field).map(|f| f.ty.clone()),
                _ => None,
            };
            let item = |ty: &Type| match &ty.kind {
                Kind::List(item) => (**item).clone(),
                _ => ty.clone(),
            };
            if let (Some(from), Some(to)) = (of(&item(from)), of(&item(to))) {
                return told(span, &from, &to, inner, format_args!("`{field}` of {what}"));
            }
            Diagnostic::error(codes::E0301, span, format!("{what} is `{to}`, but `{field}` does not fit"))
        }
    }
}
