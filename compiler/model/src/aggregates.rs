//! Aggregate calls: their arguments, types and absence.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::ast::{self, ExprKind as Ast};

use crate::check::Checker;
use crate::convert::wide;
use crate::expr::{Aggregate, AggregateFunction as F, Expr};
use crate::operators::{DIVISION_DIGITS, is_ordered};
use crate::scope::Scope;
use crate::types::{Column, Kind, Record, Type};

/// Greatest n of `top_k`.
const MOST_TOP: i64 = 100_000;

/// What an aggregate is called in and with.
pub(crate) struct Line<'a> {
    pub name: &'a ast::Name,
    pub value: &'a ast::Expr,
    pub filter: Option<&'a ast::Expr>,
    /// Groups are never empty: `mean` and the like are absent only through a filter.
    pub never_empty: bool,
}

/// The aggregate that an expression calls, if it calls one.
pub(crate) fn called(e: &ast::Expr) -> Option<F> {
    let Ast::Call { function, .. } = &e.kind else { return None };
    let Ast::Name(word) = &function.kind else { return None };
    Some(match word.as_str() {
        "count" => F::Count,
        "sum" => F::Sum,
        "mean" => F::Mean,
        "min" => F::Min,
        "max" => F::Max,
        "var" => F::Var,
        "stddev" => F::Stddev,
        "first" => F::First,
        "last" => F::Last,
        "count_distinct" => F::CountDistinct,
        "top_k" => F::TopK,
        "ratio" => F::Ratio,
        _ => return None,
    })
}

/// Whether an aggregate can take back a row that it has counted.
pub(crate) fn takes_back(function: F) -> bool {
    matches!(function, F::Count | F::Sum | F::Mean | F::Var | F::Stddev | F::Ratio | F::TopK)
}

impl<'a> Checker<'a> {
    /// The aggregate of a line, over rows in `scope`. None where something is wrong.
    pub(crate) fn aggregate(&mut self, function: F, line: &Line<'a>, scope: &Scope<'_>) -> Option<Aggregate> {
        let Ast::Call { function: word, arguments } = &line.value.kind else { return None };
        let filter = line.filter.map(|filter| Box::new(self.condition(filter, scope, "`where`")));
        let inner = match &filter {
            Some(filter) => scope.given(filter, true),
            None => scope.clone(),
        };
        let mut aggregate = Aggregate {
            name: line.name.text,
            function,
            argument: None,
            by: None,
            limit: 0,
            exact: false,
            filter,
            window: None,
            ty: Type::error(),
            span: line.value.span,
        };
        let mut positional =
            arguments.iter().filter(|argument| argument.name.is_none()).map(|argument| &argument.value);
        if function != F::Count {
            let Some(argument) = positional.next() else {
                self.report(Diagnostic::error(codes::E0302, word.span, "this aggregate takes a value of the row"));
                return None;
            };
            let argument = self.argument(function, argument, &inner)?;
            aggregate.argument = Some(argument);
        }
        if function == F::TopK {
            let Some(limit) = positional.next() else {
                let found = Diagnostic::error(codes::E0303, word.span, "`top_k` needs how many to keep");
                self.report(found.help("as in `top_k(item, 10)`"));
                return None;
            };
            let value = self.constant_int(limit, "how many to keep")?;
            if !(1..=MOST_TOP).contains(&value) {
                let found = Diagnostic::error(codes::E0319, limit.span, format!("`top_k` keeps 1 to {MOST_TOP}"));
                self.report(found);
                return None;
            }
            aggregate.limit = u32::try_from(value).unwrap_or(u32::MAX);
        }
        if let Some(extra) = positional.next() {
            let found = Diagnostic::error(codes::E0302, extra.span, "this aggregate does not take so many arguments");
            self.report(match function {
                F::Count => found
                    .help("`count() where c` counts the rows where c is true, `count_distinct(x)` different values"),
                _ => found,
            });
            return None;
        }
        self.named_arguments(function, arguments, &mut aggregate, &inner)?;
        if aggregate.filter.as_ref().is_some_and(|filter| filter.ty.kind == Kind::Error) {
            return None;
        }
        aggregate.ty = result(&aggregate, line.never_empty && aggregate.filter.is_none());
        Some(aggregate)
    }

    fn named_arguments(
        &mut self,
        function: F,
        arguments: &'a [ast::Argument],
        aggregate: &mut Aggregate,
        scope: &Scope<'_>,
    ) -> Option<()> {
        for argument in arguments {
            let Some(name) = &argument.name else { continue };
            match (function, name.text.as_str()) {
                (F::TopK, "by") => {
                    let by = self.infer(&argument.value, scope, None);
                    if !self.is_number(&by, "`by`", "") {
                        return None;
                    }
                    aggregate.by = Some(Box::new(by));
                }
                (F::CountDistinct, "exact") => {
                    let exact = self.constant(&argument.value, &Type::required(Kind::Bool), format_args!("`exact`"))?;
                    aggregate.exact =
                        matches!(exact.kind, crate::expr::ExprKind::Literal(crate::expr::Literal::Bool(true)));
                }
                _ => {
                    self.report(Diagnostic::error(
                        codes::E0304,
                        name.span,
                        format!("this aggregate has no argument called `{}`", name.text),
                    ));
                    return None;
                }
            }
        }
        Some(())
    }

    fn argument(&mut self, function: F, e: &'a ast::Expr, scope: &Scope<'_>) -> Option<Expr> {
        if function == F::Ratio {
            let condition = self.condition(e, scope, "`ratio`");
            return (condition.ty.kind != Kind::Error).then_some(condition);
        }
        let value = self.infer(e, scope, None);
        if value.ty.kind == Kind::Error {
            return None;
        }
        if value.ty.optional {
            let found = Diagnostic::error(codes::E0305, e.span, "an aggregate wants a value, and this may be absent")
                .here(format!("is `{}`", value.ty))
                .help("leave such rows out with `where … != null`, or give a value with `??`");
            self.report(found);
            return None;
        }
        let fits = match function {
            F::Sum | F::Mean if value.ty.kind == Kind::Duration => true,
            F::Sum => return self.is_number(&value, "`sum`", " or a duration").then_some(value),
            F::Mean => return self.is_number(&value, "`mean`", " or a duration").then_some(value),
            F::Var | F::Stddev => return self.is_number(&value, "this aggregate", "").then_some(value),
            F::Min | F::Max => is_ordered(&value.ty.kind) || matches!(value.ty.kind, Kind::Bool | Kind::Enum(_)),
            F::CountDistinct | F::TopK => is_key(&value.ty.kind),
            _ => true,
        };
        if !fits {
            let found = Diagnostic::error(codes::E0301, e.span, format!("this aggregate cannot take `{}`", value.ty));
            self.report(found.help(match function {
                F::Min | F::Max => "it takes what has an order; lists and records have none here, but a field of one may",
                _ => "it takes what may be a key: no floats (`round` one), no lists and no records (a field of one may do)",
            }));
            return None;
        }
        Some(value)
    }

    fn is_number(&mut self, value: &Expr, what: &str, or_else: &str) -> bool {
        match value.ty.kind {
            Kind::Error => false,
            Kind::Int | Kind::Float | Kind::Decimal { .. } => self.is_present(value, what.trim_matches('`')),
            _ => {
                self.report(Diagnostic::error(
                    codes::E0301,
                    value.span,
                    format!("{what} wants a number{or_else}, but this is `{}`", value.ty),
                ));
                false
            }
        }
    }

    /// Says where a name would be an aggregate of the language that is not there yet.
    pub(crate) fn later_aggregate(&mut self, e: &ast::Expr) -> bool {
        if let Ast::Call { function, .. } = &e.kind
            && let Ast::Name(word) = &function.kind
            && matches!(word.as_str(), "last_n" | "quantile" | "collect" | "entropy")
        {
            self.report(Diagnostic::not_yet(function.span, &format!("`{word}`")));
            return true;
        }
        false
    }
}

/// Whether values of a kind can be keys: equality is exact and plain.
pub(crate) fn is_key(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Error
            | Kind::Bool
            | Kind::Int
            | Kind::Decimal { .. }
            | Kind::String
            | Kind::Date
            | Kind::Timestamp
            | Kind::Duration
            | Kind::Enum(_)
    )
}

/// The type of an aggregate. `never_empty`: at least one row counts.
fn result(aggregate: &Aggregate, never_empty: bool) -> Type {
    let of = aggregate.argument.as_ref().map_or(Kind::Int, |argument| argument.ty.kind.clone());
    let sum = |kind: &Kind| match kind {
        Kind::Decimal { scale, .. } => wide(*scale),
        other => other.clone(),
    };
    let kind = match aggregate.function {
        F::Count | F::CountDistinct => return Type::required(Kind::Int),
        F::Sum => return Type::required(sum(&of)),
        F::TopK => {
            let second = Column { name: "count".into(), ty: Type::required(Kind::Int) };
            let value = Column { name: "value".into(), ty: Type::required(of) };
            let item = Kind::Record(Record { name: None, fields: vec![value, second].into() });
            return Type::required(Kind::List(Box::new(Type::required(item))));
        }
        F::Var | F::Stddev => return Type::maybe(Kind::Float),
        F::Ratio => Kind::Float,
        F::Mean => match of {
            Kind::Decimal { scale, .. } => wide(scale.saturating_add(DIVISION_DIGITS).min(38)),
            Kind::Duration => Kind::Duration,
            _ => Kind::Float,
        },
        F::Min | F::Max | F::First | F::Last => of,
    };
    Type { kind, optional: !never_empty }
}

/// The place of a line, for messages about all of it.
pub(crate) fn line_span(name: &ast::Name, value: &ast::Expr) -> Span {
    name.span.to(value.span)
}
