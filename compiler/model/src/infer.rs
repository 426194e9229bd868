//! Expressions: from the tree to a typed expression.
//!
//! `want` is a preference, not a demand: it gives number literals and enum members their type. Whoever demands a type
//! calls [`Checker::fit`] on the result.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, ExprKind as Ast};

use crate::check::Checker;
use crate::composites::Want;
use crate::convert::{field_of, null, unify};
use crate::expr::{Expr, ExprKind, Function, Literal};
use crate::names::Known;
use crate::scope::{Bound, Place, Scope};
use crate::types::{Column, Kind, Record, Type};

impl<'a> Checker<'a> {
    /// The typed expression.
    pub(crate) fn infer(&mut self, e: &'a ast::Expr, scope: &Scope<'_>, want: Option<&Type>) -> Expr {
        self.nested(e.span, |checker| checker.infer_inside(e, scope, want))
    }

    /// What stands in another expression, as deep as expressions may be.
    pub(crate) fn nested(&mut self, span: Span, infer: impl FnOnce(&mut Self) -> Expr) -> Expr {
        if !self.enter(span) {
            return self.wrong(span);
        }
        let expr = infer(self);
        self.leave();
        expr
    }

    fn infer_inside(&mut self, e: &'a ast::Expr, scope: &Scope<'_>, want: Option<&Type>) -> Expr {
        let span = e.span;
        match &e.kind {
            Ast::Literal(literal) => self.literal(literal, span, want),
            Ast::Name(name) => self.name(*name, span, scope, want),
            Ast::Field { of, name } => self.field(of, name, span, scope),
            Ast::Index { of, keys } => self.index(of, keys, span, scope),
            Ast::Call { function, arguments } => self.call(function, arguments, span, scope),
            Ast::Unary { op, operand } => self.unary(*op, operand, span, scope, want),
            Ast::Binary { op, op_span, left, right } => self.binary(*op, *op_span, left, right, span, scope, want),
            Ast::Range { .. } => {
                let found = Diagnostic::error(codes::E0301, span, "a range is no value");
                self.report(found.help("ranges stand after `in`, in `match` and after `within`"));
                self.wrong(span)
            }
            Ast::If { condition, then, otherwise } => {
                let condition = self.condition(condition, scope, "`if`");
                let yes = scope.given(&condition, true);
                let no = scope.given(&condition, false);
                let (then, otherwise) = self.branches(then, &yes, otherwise, &no, want);
                self.choice(condition, then, otherwise, span)
            }
            Ast::Match { subjects, arms } => self.match_value(subjects, arms, span, scope, want),
            Ast::List(items) => {
                let item = match want.map(|want| &want.kind) {
                    Some(Kind::List(item)) => Want::Of(&**item),
                    Some(Kind::Error) => Want::Unknown,
                    _ => Want::Beside(None),
                };
                self.list(items, span, scope, item)
            }
            Ast::Record(entries) => {
                let record = match want.map(|want| &want.kind) {
                    Some(Kind::Record(record)) => Want::Of(record),
                    Some(Kind::Error) => Want::Unknown,
                    _ => Want::Beside(None),
                };
                self.record(entries, span, scope, record)
            }
            Ast::Interpolation(parts) => self.interpolation(parts, span, scope),
            Ast::Pipe { .. } => self.rows(e, scope),
            Ast::NotYet { keyword } => {
                self.report(Diagnostic::not_yet(keyword.span, &format!("`{}`", keyword.text)));
                self.wrong(span)
            }
            Ast::Error => self.wrong(span),
        }
    }

    /// A relation where a value stands: its rows as a list, in services and tests.
    pub(crate) fn rows(&mut self, e: &'a ast::Expr, scope: &Scope<'_>) -> Expr {
        let piped = self.relation(e, scope);
        if matches!(piped.relation.op, crate::relation::RelationOp::Error) {
            return self.wrong(e.span);
        }
        if !matches!(scope.place, Place::Service | Place::Test) || scope.row.is_some() {
            self.report(Diagnostic::error(codes::E0307, e.span, "a single value was expected, and this is a relation"));
            return self.wrong(e.span);
        }
        let item = Kind::Record(Record { name: None, fields: piped.relation.ty.columns.clone() });
        Expr {
            kind: ExprKind::Rows(Box::new(piped.relation)),
            ty: Type::required(Kind::List(Box::new(Type::required(item)))),
            span: e.span,
        }
    }

    /// A condition: a bool that is never absent.
    pub(crate) fn condition(&mut self, e: &'a ast::Expr, scope: &Scope<'_>, what: &str) -> Expr {
        let expr = self.infer(e, scope, Some(&Type::required(Kind::Bool)));
        match (&expr.ty.kind, expr.ty.optional) {
            (Kind::Bool, false) | (Kind::Error, _) => expr,
            (Kind::Bool, true) => {
                let found = Diagnostic::error(codes::E0305, e.span, format!("the condition of {what} may be absent"));
                self.report(found.help("say what absent means: `… ?? false`"));
                self.wrong(e.span)
            }
            _ => {
                let ty = expr.ty.to_string();
                let found = Diagnostic::error(
                    codes::E0308,
                    e.span,
                    format!("the condition of {what} is true or false, but this is `{ty}`"),
                );
                self.report(match what {
                    "`or`" => {
                        found.help("the first value that is there is `a ?? b`; texts are put together as `\"{a}{b}\"`")
                    }
                    "`on`" => found.help("as in `on shop == shops.id`"),
                    _ => found,
                });
                self.wrong(e.span)
            }
        }
    }

    /// A value of exactly this type.
    pub(crate) fn demand(
        &mut self,
        e: &'a ast::Expr,
        scope: &Scope<'_>,
        ty: &Type,
        what: std::fmt::Arguments<'_>,
    ) -> Expr {
        let value = self.infer(e, scope, Some(ty));
        self.fit(value, ty, what)
    }

    /// Two values that should go together: literals and enum members take their type from the other side.
    pub(crate) fn pair(
        &mut self,
        left: &'a ast::Expr,
        left_scope: &Scope<'_>,
        right: &'a ast::Expr,
        right_scope: &Scope<'_>,
        want: Option<&Type>,
    ) -> (Expr, Expr) {
        if self.takes_type(left, left_scope) > self.takes_type(right, right_scope) {
            let right = self.infer(right, right_scope, want);
            let left = self.infer(left, left_scope, Some(hint(&right.ty, want)));
            return (left, right);
        }
        let left = self.infer(left, left_scope, want);
        let right = self.infer(right, right_scope, Some(hint(&left.ty, want)));
        (left, right)
    }

    /// The two sides of a choice: as a pair, but neither has to fit the other.
    fn branches(
        &mut self,
        then: &'a ast::Expr,
        yes: &Scope<'_>,
        otherwise: &'a ast::Expr,
        no: &Scope<'_>,
        want: Option<&Type>,
    ) -> (Expr, Expr) {
        if want.is_some() {
            return self.pair(then, yes, otherwise, no, want);
        }
        if self.takes_type(then, yes) > self.takes_type(otherwise, no) {
            let otherwise = self.infer(otherwise, no, None);
            let then = self.infer_beside(then, yes, &otherwise.ty);
            return (then, otherwise);
        }
        let then = self.infer(then, yes, None);
        let otherwise = self.infer_beside(otherwise, no, &then.ty);
        (then, otherwise)
    }

    /// How far it takes its type from what it stands beside.
    fn takes_type(&self, e: &ast::Expr, scope: &Scope<'_>) -> Takes {
        match &e.kind {
            Ast::Name(name) => {
                let is_known = scope.row.is_some_and(|row| row.iter().any(|column| column.name == *name))
                    || scope.vars.iter().any(|var| var.name == *name)
                    || scope.flow.is_some_and(|flow| flow.get(name).is_some())
                    || name == "now";
                if is_known { Takes::Nothing } else { Takes::Perhaps }
            }
            Ast::Literal(ast::Literal::Null) | Ast::Record(_) => Takes::All,
            Ast::List(items) if items.is_empty() => Takes::All,
            Ast::List(items) => {
                let part = items.iter().map(|item| self.takes_type(item, scope)).max();
                if part > Some(Takes::Nothing) { Takes::All } else { Takes::Nothing }
            }
            Ast::If { then, otherwise, .. } => self.takes_type(then, scope).min(self.takes_type(otherwise, scope)),
            _ if flexible(e) => Takes::Perhaps,
            _ => Takes::Nothing,
        }
    }

    /// `if condition then a else b`, both of one type.
    pub(crate) fn choice(&mut self, condition: Expr, then: Expr, otherwise: Expr, span: Span) -> Expr {
        let Some(ty) = unify(&then.ty, &otherwise.ty) else {
            self.no_common_type(span, &then, &otherwise, "both sides of a choice");
            return self.wrong(span);
        };
        if ty.kind == Kind::Error || condition.ty.kind == Kind::Error {
            return Expr { kind: ExprKind::Error, ty, span };
        }
        let then = self.convert(then, &ty);
        let otherwise = self.convert(otherwise, &ty);
        Expr { kind: ExprKind::If(Box::new(condition), Box::new(then), Box::new(otherwise)), ty, span }
    }

    /// Says that two values have no common type.
    pub(crate) fn no_common_type(&mut self, span: Span, a: &Expr, b: &Expr, what: &str) {
        let mixed = matches!(
            (&a.ty.kind, &b.ty.kind),
            (Kind::Decimal { .. }, Kind::Float) | (Kind::Float, Kind::Decimal { .. })
        );
        let code = if mixed { codes::E0313 } else { codes::E0301 };
        let found = Diagnostic::error(code, span, format!("{what} should be of one type"))
            .label(a.span, format!("`{}`", a.ty))
            .label(b.span, format!("`{}`", b.ty));
        self.report(if mixed { found.help("convert one: `float(x)` or `decimal(x, p, s)`") } else { found });
    }

    fn name(&mut self, name: Symbol, span: Span, scope: &Scope<'_>, want: Option<&Type>) -> Expr {
        let member = self.member_of(want, &name, span);
        if let Some(local) = self.local(name, span, scope) {
            return match member {
                Some(member) if local.ty.kind != member.ty.kind && local.ty.kind != Kind::Error => member,
                _ => local,
            };
        }
        if let Some(member) = member {
            return member;
        }
        if let Some((alias, columns)) = scope.right {
            if name == alias {
                let record = Kind::Record(Record { name: None, fields: columns.to_vec().into() });
                let found = Diagnostic::error(codes::E0307, span, format!("`{name}` is the whole right row here"))
                    .help("write one of its columns");
                self.report(found);
                return Expr { kind: ExprKind::Error, ty: Type::required(record), span };
            }
            if columns.iter().any(|column| column.name == name) {
                let found = Diagnostic::error(
                    codes::E0203,
                    span,
                    format!("`{name}` is a column of the right side, not of the left"),
                )
                .fix(format!("write `{alias}.{name}`"), span, format!("{alias}.{name}"));
                self.report(found);
                return self.wrong(span);
            }
        }
        if name == "now" {
            if scope.place == Place::Constant {
                self.report(Diagnostic::error(codes::E0409, span, "`now` is not known before the program runs"));
                return self.wrong(span);
            }
            return Expr { kind: ExprKind::Now, ty: Type::required(Kind::Timestamp), span };
        }
        self.global(name, span, scope, want)
    }

    fn global(&mut self, name: Symbol, span: Span, scope: &Scope<'_>, want: Option<&Type>) -> Expr {
        let Some(id) = self.resolve(scope.engine, &name) else {
            if self.published.contains_key(&name) {
                self.report(
                    Diagnostic::error(codes::E0307, span, format!("`{name}` is a model: it is called"))
                        .help(format!("`{name}(…)` with the records that hold its inputs")),
                );
            } else if want.is_some_and(|want| want.kind == Kind::Error) && self.is_member(&name) {
                // Whose member it is would follow from a type that is not known.
            } else if let Some(Kind::Enum(of)) = want.map(|want| &want.kind) {
                self.unknown_member(of, &name, span);
            } else {
                self.unknown_name(&name, span, scope);
            }
            return self.wrong(span);
        };
        match self.known(id, Some(span)) {
            Known::Param(ty) => {
                let mut expr = Expr { kind: ExprKind::Param(name), ty, span };
                scope.narrow(&mut expr);
                expr
            }
            Known::Failed => self.wrong(span),
            Known::Features(set) if set.keys.is_empty() && matches!(scope.place, Place::Service | Place::Test) => {
                Expr {
                    kind: ExprKind::FeatureRead { set: set.path, keys: Box::default() },
                    ty: Type::required(Kind::Record(set.record.clone())),
                    span,
                }
            }
            Known::Source(_) | Known::View(_) | Known::Sink(_)
                if matches!(scope.place, Place::Service | Place::Test) && scope.row.is_none() =>
            {
                let piped = self.named_relation(name, span, scope);
                let item = Kind::Record(Record { name: None, fields: piped.relation.ty.columns.clone() });
                if matches!(piped.relation.op, crate::relation::RelationOp::Error) {
                    return self.wrong(span);
                }
                Expr {
                    kind: ExprKind::Rows(Box::new(piped.relation)),
                    ty: Type::required(Kind::List(Box::new(Type::required(item)))),
                    span,
                }
            }
            other => {
                let (what, help) = describe(&other);
                let help = help.replace("NAME", &name);
                let found =
                    Diagnostic::error(codes::E0307, span, format!("`{name}` is {what}, and a value was expected"));
                self.report(if help.is_empty() { found } else { found.help(help) });
                self.wrong(span)
            }
        }
    }

    /// A column, variable or binding of this name.
    pub(crate) fn local(&mut self, name: Symbol, span: Span, scope: &Scope<'_>) -> Option<Expr> {
        let mut expr = if let Some(column) = scope.row.and_then(|row| row.iter().find(|column| column.name == name)) {
            Expr { kind: ExprKind::Column(column.name), ty: column.ty.clone(), span }
        } else if let Some(var) = scope.vars.iter().find(|var| var.name == name) {
            Expr { kind: ExprKind::Var(var.id), ty: var.ty.clone(), span }
        } else {
            match scope.flow?.get(&name)? {
                Bound::Scalar(ty) => Expr { kind: ExprKind::Binding(name), ty: ty.clone(), span },
                Bound::Report => self.measured(name, span),
                Bound::Error => self.wrong(span),
                Bound::Relation { ty, .. } => {
                    if !matches!(scope.place, Place::Service | Place::Test) || scope.row.is_some() {
                        self.report(Diagnostic::error(
                            codes::E0307,
                            span,
                            format!("`{name}` is a relation, and a value was expected"),
                        ));
                        return Some(self.wrong(span));
                    }
                    let item = Kind::Record(Record { name: None, fields: ty.columns.clone() });
                    let relation = crate::relation::Relation {
                        op: crate::relation::RelationOp::Binding(name),
                        ty: (**ty).clone(),
                        span,
                    };
                    Expr {
                        kind: ExprKind::Rows(Box::new(relation)),
                        ty: Type::required(Kind::List(Box::new(Type::required(item)))),
                        span,
                    }
                }
                Bound::Split { .. } | Bound::Model(_) => {
                    self.report(Diagnostic::error(
                        codes::E0307,
                        span,
                        format!("`{name}` is no value: it is a model or a split"),
                    ));
                    self.wrong(span)
                }
            }
        };
        scope.narrow(&mut expr);
        Some(expr)
    }

    fn is_member(&self, name: &str) -> bool {
        self.members.values().any(|members| members.contains_key(name))
    }

    fn member_of(&mut self, want: Option<&Type>, name: &str, span: Span) -> Option<Expr> {
        let Kind::Enum(of) = &want?.kind else { return None };
        let index = *self.members.get(of)?.get(name)?;
        Some(Expr { kind: ExprKind::Literal(Literal::Member(index)), ty: Type::required(Kind::Enum(*of)), span })
    }

    fn field(&mut self, of: &'a ast::Expr, name: &'a ast::Name, span: Span, scope: &Scope<'_>) -> Expr {
        if let Ast::Name(first) = &of.kind {
            if let Some((alias, columns)) = scope.right
                && alias == first
            {
                return self.row_column(columns, alias, name, span, scope, ExprKind::Right);
            }
            let is_local = scope.row.is_some_and(|row| row.iter().any(|column| column.name == *first))
                || scope.vars.iter().any(|var| var.name == *first);
            if !is_local {
                if let (Some(origin), Some(row)) = (scope.origin, scope.row)
                    && origin.name == *first
                {
                    return self.row_column(row, first, name, span, scope, ExprKind::Column);
                }
                if scope.flow.is_none_or(|flow| flow.get(first).is_none())
                    && let Some(id) = self.resolve(scope.engine, first)
                    && matches!(self.known(id, Some(of.span)), Known::Enum)
                {
                    return self.written_member(*first, name, span);
                }
            }
        }
        let of = self.infer(of, scope, None);
        self.field_of_value(of, name, span, scope)
    }

    fn row_column(
        &mut self,
        columns: &[Column],
        of: &str,
        name: &ast::Name,
        span: Span,
        scope: &Scope<'_>,
        kind: fn(Symbol) -> ExprKind,
    ) -> Expr {
        match columns.iter().find(|column| column.name == name.text) {
            Some(column) => {
                let mut expr = Expr { kind: kind(name.text), ty: column.ty.clone(), span };
                scope.narrow(&mut expr);
                expr
            }
            None => {
                self.no_field(name, &format!("`{of}`"), columns);
                self.wrong(span)
            }
        }
    }

    fn written_member(&mut self, of: Symbol, name: &ast::Name, span: Span) -> Expr {
        let members = self.members.get(&of);
        if let Some(index) = members.and_then(|members| members.get(&name.text)) {
            return Expr { kind: ExprKind::Literal(Literal::Member(*index)), ty: Type::required(Kind::Enum(of)), span };
        }
        self.unknown_member(&of, &name.text, name.span);
        self.wrong(span)
    }

    fn unknown_member(&mut self, of: &str, name: &str, span: Span) {
        let found = Diagnostic::error(codes::E0212, span, format!("`{of}` has no member `{name}`"));
        let all = self.model.enums.get(of).cloned().unwrap_or_default();
        let found = match fec_diagnostics::closest(name, all.iter().map(Symbol::as_str)) {
            Some(near) => found.fix(format!("write `{near}`"), span, near),
            None => found.help(format!("it has `{}`", all.join("`, `"))),
        };
        self.report(found);
    }

    fn field_of_value(&mut self, of: Expr, name: &ast::Name, span: Span, scope: &Scope<'_>) -> Expr {
        match &of.ty.kind {
            Kind::Error => self.wrong(span),
            Kind::Record(record) => match record.fields.iter().position(|field| field.name == name.text) {
                Some(index) => {
                    let mut expr = Expr { span, ..field_of(&of, record, index) };
                    scope.narrow(&mut expr);
                    expr
                }
                None => {
                    let fields = record.fields.clone();
                    let what = match &record.name {
                        Some(name) => format!("`{name}`"),
                        None => "this record".to_owned(),
                    };
                    self.no_field(name, &what, &fields);
                    self.wrong(span)
                }
            },
            _ => {
                let found = Diagnostic::error(codes::E0322, name.span, format!("`{}` has no fields", of.ty))
                    .label(of.span, format!("this is `{}`", of.ty));
                let ours = crate::calls::function_called(&name.text);
                self.report(match ours {
                    Some(ours) => found.help(format!("a function stands before what it takes: `{ours}(x)`")),
                    None => found,
                });
                self.wrong(span)
            }
        }
    }

    pub(crate) fn no_field(&mut self, name: &ast::Name, of: &str, fields: &[Column]) {
        let found = Diagnostic::error(codes::E0203, name.span, format!("{of} has no field `{}`", name.text));
        let near = fec_diagnostics::closest(&name.text, fields.iter().map(|field| field.name.as_str()));
        let found = match near {
            Some(near) => found.fix(format!("write `{near}`"), name.span, near),
            None if fields.is_empty() => found,
            None => found.help(format!("it has {}", crate::names::list_of(fields))),
        };
        self.report(found);
    }

    /// A call of a function of the language: absent in, absent out.
    pub(crate) fn builtin(&self, function: Function, arguments: Vec<Expr>, kind: Kind, span: Span) -> Expr {
        let optional = arguments.iter().any(|argument| argument.ty.optional);
        Expr { kind: ExprKind::Call(function, arguments), ty: Type { kind, optional }, span }
    }

    /// `null` of a type, at a place.
    pub(crate) fn absent(&self, kind: Kind, span: Span) -> Expr {
        null(Type::maybe(kind), span)
    }
}

/// How far an expression takes its type from what it stands beside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Takes {
    /// It has a type of its own.
    Nothing,
    /// It is a number, or a name that may be a member of an enumeration or something declared.
    Perhaps,
    /// It is put together from parts that may be such, or has no type.
    All,
}

fn hint<'t>(other: &'t Type, want: Option<&'t Type>) -> &'t Type {
    match (&other.kind, want) {
        (Kind::Error | Kind::Null, Some(want)) => want,
        _ => other,
    }
}

/// Whether its type comes from the context: numbers and what is made of them.
pub(crate) fn flexible(e: &ast::Expr) -> bool {
    match &e.kind {
        Ast::Literal(ast::Literal::Number(_) | ast::Literal::Percent(_) | ast::Literal::Int(_)) => true,
        Ast::Unary { op: ast::UnaryOp::Negate, operand } => flexible(operand),
        Ast::Binary { left, right, .. } => flexible(left) && flexible(right),
        _ => false,
    }
}

pub(crate) fn describe(known: &Known) -> (&'static str, &'static str) {
    match known {
        Known::Source(info) if info.table => ("a table", "read one row with `NAME[key]`, or join it"),
        Known::Source(_) => ("a stream", ""),
        Known::View(_) => ("a view", ""),
        Known::Features(_) => ("a feature set", "read it with `NAME[key]`, in a pipeline with `|> with NAME`"),
        Known::Function(_) => ("a function", "call it: `NAME(…)`"),
        Known::Service(_) => ("a service", "tests call it: `NAME(…)`"),
        Known::Sink(_) => ("a sink", ""),
        Known::Record(_) | Known::Enum => ("a type", ""),
        Known::Secret => ("a secret", "its value is read by targets only"),
        Known::Import(_) => ("a function", "call it: `NAME(…)`"),
        _ => ("a flow", ""),
    }
}
