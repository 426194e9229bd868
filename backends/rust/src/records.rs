//! Records are looked through: a field is taken from what made its record, so that the fault of another field is never
//! seen. What is left reads fields of columns, bindings and parameters only.

use std::collections::BTreeMap;

use fec_model::expr::{Expr, ExprKind, Literal, VarId};
use fec_model::types::{Kind, Type};

use crate::error::Error;

/// The same expression without a variable that holds a record or is read once, and without a field, `== null` or
/// conversion of a record that an expression makes.
pub(crate) fn plain(expr: &Expr) -> Result<Expr, Error> {
    let mut uses = BTreeMap::new();
    count(expr, &mut uses);
    Through { uses, values: BTreeMap::new() }.expr(expr)
}

fn count(expr: &Expr, uses: &mut BTreeMap<VarId, usize>) {
    if let ExprKind::Var(var) = &expr.kind {
        *uses.entry(*var).or_default() += 1;
    }
    for child in expr.children() {
        count(child, uses);
    }
}

struct Through {
    uses: BTreeMap<VarId, usize>,
    values: BTreeMap<VarId, Expr>,
}

pub(crate) fn is_record(expr: &Expr) -> bool {
    matches!(expr.ty.kind, Kind::Record(_))
}

fn boxed(expr: Expr) -> Box<Expr> {
    Box::new(expr)
}

impl Through {
    fn expr(&mut self, expr: &Expr) -> Result<Expr, Error> {
        match &expr.kind {
            ExprKind::Var(var) => Ok(self.values.get(var).cloned().unwrap_or_else(|| expr.clone())),
            ExprKind::Let { var, value, body } => {
                let value = self.expr(value)?;
                if is_record(&value) || self.uses.get(var).copied().unwrap_or(0) < 2 {
                    self.values.insert(*var, value);
                    return self.expr(body);
                }
                let body = self.expr(body)?;
                Ok(Expr { kind: ExprKind::Let { var: *var, value: boxed(value), body: boxed(body) }, ..expr.clone() })
            }
            ExprKind::Field(of, name) => {
                let of = self.expr(of)?;
                field(&of, name, expr)
            }
            ExprKind::IsAbsent(of) => {
                let of = self.expr(of)?;
                Ok(absent(&of, expr))
            }
            ExprKind::Convert(of) if is_record(of) && is_record(expr) => {
                let of = self.expr(of)?;
                converted(&of, &expr.ty)
            }
            _ => {
                let mut expr = expr.clone();
                for child in expr.children_mut() {
                    *child = self.expr(child)?;
                }
                Ok(expr)
            }
        }
    }
}

/// The field `name` of `of`, typed as `like`.
fn field(of: &Expr, name: &str, like: &Expr) -> Result<Expr, Error> {
    let make = |kind: ExprKind, ty: &Type| Expr { kind, ty: ty.clone(), span: like.span };
    match &of.kind {
        ExprKind::Record(values) => {
            let Kind::Record(record) = &of.ty.kind else { return Err(Error::missing("record type with", name)) };
            let position = record.fields.iter().position(|field| field.name == name);
            let value = position.and_then(|position| values.get(position));
            let value = value.ok_or_else(|| Error::missing("field", name))?;
            if value.ty.kind == Kind::Null {
                return Ok(make(ExprKind::Literal(Literal::Null), &Type::maybe(like.ty.kind.clone())));
            }
            Ok(value.clone())
        }
        ExprKind::If(condition, then, otherwise) => {
            let (then, otherwise) = (field(then, name, like)?, field(otherwise, name, like)?);
            Ok(make(ExprKind::If(condition.clone(), boxed(then), boxed(otherwise)), &like.ty))
        }
        ExprKind::Coalesce(first, second) => {
            let condition = absent(first, &make(ExprKind::Now, &Type::required(Kind::Bool)));
            let (first, second) = (field(first, name, like)?, field(second, name, like)?);
            Ok(make(ExprKind::If(boxed(condition), boxed(second), boxed(first)), &like.ty))
        }
        ExprKind::Let { var, value, body } => {
            let body = field(body, name, like)?;
            Ok(make(ExprKind::Let { var: *var, value: value.clone(), body: boxed(body) }, &like.ty))
        }
        ExprKind::Literal(Literal::Null) => {
            Ok(make(ExprKind::Literal(Literal::Null), &Type::maybe(like.ty.kind.clone())))
        }
        _ => Ok(make(ExprKind::Field(boxed(of.clone()), name.into()), &like.ty)),
    }
}

/// `of == null`, typed as `like`.
fn absent(of: &Expr, like: &Expr) -> Expr {
    let make = |kind: ExprKind| Expr { kind, ty: Type::required(Kind::Bool), span: like.span };
    match &of.kind {
        ExprKind::Record(_) => make(ExprKind::Literal(Literal::Bool(false))),
        ExprKind::Literal(Literal::Null) => make(ExprKind::Literal(Literal::Bool(true))),
        ExprKind::If(condition, then, otherwise) if is_record(of) => {
            make(ExprKind::If(condition.clone(), boxed(absent(then, like)), boxed(absent(otherwise, like))))
        }
        ExprKind::Coalesce(first, second) if is_record(of) => {
            let (first, second) = (absent(first, like), absent(second, like));
            make(ExprKind::Binary(fec_model::expr::BinaryOp::And, boxed(first), boxed(second)))
        }
        ExprKind::Let { var, value, body } if is_record(of) => {
            make(ExprKind::Let { var: *var, value: value.clone(), body: boxed(absent(body, like)) })
        }
        _ => make(ExprKind::IsAbsent(boxed(of.clone()))),
    }
}

/// A record as one of type `to`, field by field.
fn converted(of: &Expr, to: &Type) -> Result<Expr, Error> {
    let make = |kind: ExprKind, ty: &Type| Expr { kind, ty: ty.clone(), span: of.span };
    if of.ty.kind == Kind::Null {
        return Ok(make(ExprKind::Literal(Literal::Null), &Type { optional: true, ..to.clone() }));
    }
    let (Kind::Record(source), Kind::Record(target)) = (&of.ty.kind, &to.kind) else {
        return Ok(make(ExprKind::Convert(boxed(of.clone())), to));
    };
    if source == target {
        return Ok(Expr { ty: to.clone(), ..of.clone() });
    }
    match &of.kind {
        ExprKind::If(condition, then, otherwise) => {
            let (then, otherwise) = (converted(then, to)?, converted(otherwise, to)?);
            Ok(make(ExprKind::If(condition.clone(), boxed(then), boxed(otherwise)), to))
        }
        ExprKind::Coalesce(first, second) => {
            let (first, second) = (converted(first, to)?, converted(second, to)?);
            Ok(make(ExprKind::Coalesce(boxed(first), boxed(second)), to))
        }
        ExprKind::Let { var, value, body } => {
            let body = converted(body, to)?;
            Ok(make(ExprKind::Let { var: *var, value: value.clone(), body: boxed(body) }, to))
        }
        ExprKind::Literal(Literal::Null) => Ok(make(ExprKind::Literal(Literal::Null), to)),
        made => {
            let mut fields = Vec::with_capacity(target.fields.len());
            for (source, target) in source.fields.iter().zip(&target.fields) {
                let maybe = source.ty.optional || of.ty.optional;
                let ty = Type { kind: source.ty.kind.clone(), optional: maybe };
                let value = field(of, &source.name, &make(ExprKind::Now, &ty))?;
                let wanted = Type { kind: target.ty.kind.clone(), optional: value.ty.optional };
                fields.push(match (&value.ty.kind, &wanted.kind) {
                    (Kind::Record(_), Kind::Record(_)) => converted(&value, &wanted)?,
                    (from, to) if from == to => value,
                    _ => make(ExprKind::Convert(boxed(value)), &wanted),
                });
            }
            let record = make(ExprKind::Record(fields), &Type { optional: false, ..to.clone() });
            if matches!(made, ExprKind::Record(_)) {
                return Ok(record);
            }
            let condition = absent(of, &record);
            let null = make(ExprKind::Literal(Literal::Null), to);
            Ok(make(ExprKind::If(boxed(condition), boxed(null), boxed(record)), to))
        }
    }
}
