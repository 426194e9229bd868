//! Operators that need all rows before they can give the first: `group sort top take distinct latest`.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, OperatorKind, SortKey};

use crate::aggregates::{Line, called, is_key};
use crate::check::Checker;
use crate::expr::Expr;
use crate::operators::is_ordered;
use crate::pipeline::{Piped, is_lost, own_column};
use crate::relation::{Relation, RelationOp};
use crate::scope::{Place, Scope};
use crate::types::{Boundedness, Column, Kind, RelationType, Type};

impl<'a> Checker<'a> {
    pub(crate) fn needs_all(&mut self, mut input: Piped, op: &'a ast::Operator, scope: &Scope<'_>) -> Piped {
        let word = match &op.kind {
            OperatorKind::Group { .. } => "group",
            OperatorKind::Sort(_) => "sort",
            OperatorKind::Top { .. } => "top",
            OperatorKind::Take(_) => "take",
            OperatorKind::Distinct(_) => "distinct",
            _ => "latest",
        };
        if matches!(scope.place, Place::Stream | Place::Features) {
            if word == "sort" {
                let found = Diagnostic::error(codes::E0312, op.word, "a stream cannot be sorted as a whole")
                    .here("needs all rows before it can give the first")
                    .help("sort where the rows end: in a job, or in a service");
                self.report(found);
            } else {
                self.report(Diagnostic::not_yet(op.word, &format!("`{word}` in a stream")));
            }
            return Piped::wrong(op.span);
        }
        if input.bounded_only.is_none() {
            input.bounded_only = Some((op.word, word.to_owned()));
        }
        if input.relation.ty.boundedness == Boundedness::Stream {
            input.relation.ty.boundedness = Boundedness::Bounded;
        }
        match &op.kind {
            OperatorKind::Group { by, window, lines } => self.group(input, by, window.as_ref(), lines, op, scope),
            OperatorKind::Sort(keys) => {
                let keys = self.sort_keys(keys, false, &input, scope);
                self.ordered_rows(input, op.span, |input| RelationOp::Sort { input, keys })
            }
            OperatorKind::Top { count, by, per, with_ties, rank } => {
                self.top(input, count, by, per, *with_ties, rank.as_ref(), op.span, scope)
            }
            OperatorKind::Take(count) => match self.row_count(count) {
                Some(count) => self.ordered_rows(input, op.span, |input| RelationOp::Take { input, count }),
                None => Piped::wrong(op.span),
            },
            OperatorKind::Distinct(keys) => {
                let keys = if keys.is_empty() {
                    input.relation.ty.columns.iter().map(|column| own_column(column, op.span)).collect()
                } else {
                    self.row_keys(keys, &input, scope)
                };
                self.ordered_rows(input, op.span, |input| RelationOp::Distinct { input, keys })
            }
            OperatorKind::Latest(keys) => {
                if keys.is_empty() {
                    let found = Diagnostic::error(codes::E0303, op.word, "`latest` needs a key");
                    self.report(found.help("as in `latest by id`"));
                    return Piped::wrong(op.span);
                }
                let keys = self.row_keys(keys, &input, scope);
                self.ordered_rows(input, op.span, |input| RelationOp::Latest { input, keys })
            }
            _ => Piped::wrong(op.span),
        }
    }

    /// The same columns; the rows are no plain sequence of events any more.
    fn ordered_rows(&self, input: Piped, span: Span, op: impl FnOnce(Box<Relation>) -> RelationOp) -> Piped {
        let ty = RelationType { late: true, ..input.relation.ty.clone() };
        let piped = input.then(|relation| Relation { op: op(Box::new(relation)), ty, span });
        Piped { events: false, ..piped }
    }

    fn row_count(&mut self, count: &'a ast::Expr) -> Option<u64> {
        let value = self.constant_int(count, "how many rows")?;
        match u64::try_from(value) {
            Ok(value) if value > 0 => Some(value),
            _ => {
                self.report(Diagnostic::error(codes::E0319, count.span, "the number of rows is at least 1"));
                None
            }
        }
    }

    fn row_keys(&mut self, keys: &'a [ast::Expr], input: &Piped, scope: &Scope<'_>) -> Vec<Expr> {
        let inner = scope.over(&input.relation.ty.columns, input.origin.as_ref());
        keys.iter()
            .map(|key| {
                let value = self.infer(key, &inner, None);
                self.key_value(value)
            })
            .collect()
    }

    fn key_value(&mut self, value: Expr) -> Expr {
        if is_key(&value.ty.kind) || value.ty.kind == Kind::Float {
            return value;
        }
        let found = Diagnostic::error(codes::E0317, value.span, format!("`{}` cannot be a key", value.ty));
        self.report(found);
        self.wrong(value.span)
    }

    fn sort_keys(
        &mut self,
        keys: &'a [SortKey],
        descending: bool,
        input: &Piped,
        scope: &Scope<'_>,
    ) -> Vec<(Expr, bool)> {
        let inner = scope.over(&input.relation.ty.columns, input.origin.as_ref());
        let mut list = Vec::with_capacity(keys.len());
        for key in keys {
            let value = self.infer(&key.value, &inner, None);
            if !is_ordered(&value.ty.kind) && !matches!(value.ty.kind, Kind::Bool | Kind::Enum(_)) {
                let ty = value.ty.to_string();
                self.report(Diagnostic::error(codes::E0311, value.span, format!("`{ty}` has no order")));
            }
            list.push((value, key.descending.unwrap_or(descending)));
        }
        list
    }

    #[expect(clippy::too_many_arguments, reason = "they are the parts of one operator")]
    fn top(
        &mut self,
        input: Piped,
        count: &'a ast::Expr,
        by: &'a [SortKey],
        per: &'a [ast::Expr],
        with_ties: bool,
        rank: Option<&'a ast::Name>,
        span: Span,
        scope: &Scope<'_>,
    ) -> Piped {
        let Some(count) = self.row_count(count) else { return Piped::wrong(span) };
        let keys = self.sort_keys(by, true, &input, scope);
        let per = self.row_keys(per, &input, scope);
        let mut piped = self.ordered_rows(input, span, |input| RelationOp::Top {
            input,
            count,
            keys,
            per,
            with_ties,
            rank: rank.map(|rank| rank.text),
        });
        if let Some(rank) = rank {
            if piped.relation.ty.column(&rank.text).is_some() {
                self.report(Diagnostic::error(
                    codes::E0310,
                    rank.span,
                    format!("the column `{}` is there already", rank.text),
                ));
                return Piped::wrong(span);
            }
            piped.relation.ty.columns.push(Column { name: rank.text, ty: Type::required(Kind::Int) });
        }
        piped
    }

    fn group(
        &mut self,
        input: Piped,
        by: &'a [ast::SelectItem],
        window: Option<&'a ast::Expr>,
        lines: &'a [ast::AggregateLine],
        op: &'a ast::Operator,
        scope: &Scope<'_>,
    ) -> Piped {
        if let Some(window) = window {
            self.report(Diagnostic::not_yet(window.span, "`group … window`"));
            return Piped::wrong(op.span);
        }
        let row = &input.relation.ty.columns;
        let keys: Vec<(Symbol, Expr)> = self
            .columns(by, row, input.origin.as_ref(), scope)
            .into_iter()
            .map(|(name, value)| (name, self.key_value(value)))
            .collect();
        let mut failed = is_lost(&keys);
        let mut columns: Vec<Column> =
            keys.iter().map(|(name, value)| Column { name: *name, ty: value.ty.clone() }).collect();
        let never_empty = !keys.is_empty();
        let inner = scope.over(row, input.origin.as_ref());
        let mut aggregates = Vec::with_capacity(lines.iter().filter(|line| called(&line.value).is_some()).count());
        let mut scalars: Vec<(&'a ast::Name, &'a ast::Expr)> = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for line in lines {
            if seen.contains(&line.name.text.as_str()) || columns.iter().any(|column| column.name == line.name.text) {
                self.report(Diagnostic::error(
                    codes::E0310,
                    line.name.span,
                    format!("the column `{}` stands twice", line.name.text),
                ));
                failed = true;
                continue;
            }
            seen.push(&line.name.text);
            let Some(function) = called(&line.value) else {
                if self.later_aggregate(&line.value) {
                    failed = true;
                } else if let Some(filter) = &line.filter {
                    self.report(Diagnostic::error(codes::E0318, filter.span, "`where` belongs to an aggregate"));
                    failed = true;
                } else {
                    scalars.push((&line.name, &line.value));
                }
                continue;
            };
            let line = Line { name: &line.name, value: &line.value, filter: line.filter.as_ref(), never_empty };
            match self.aggregate(function, &line, &inner) {
                Some(aggregate) => {
                    columns.push(Column { name: aggregate.name, ty: aggregate.ty.clone() });
                    aggregates.push(aggregate);
                }
                None => {
                    columns.push(Column { name: line.name.text, ty: Type::error() });
                    failed = true;
                }
            }
        }
        let outputs = self.scalars(&scalars, &mut columns, scope);
        if failed {
            return Piped::wrong(op.span);
        }
        let ty = RelationType {
            columns: columns.into(),
            key: keys.iter().map(|(name, _)| *name).collect(),
            boundedness: Boundedness::Bounded,
            changes: false,
            timed: false,
            late: false,
        };
        let Piped { relation, bounded_only, .. } = input;
        let op_ = RelationOp::Group { input: Box::new(relation), keys, aggregates, outputs };
        let relation = Relation { op: op_, ty, span: op.span };
        Piped { relation, events: false, origin: None, base: None, bounded_only }
    }

    /// Scalars over keys and aggregates: each is written out over those, also where it names an earlier one.
    fn scalars(
        &mut self,
        lines: &[(&'a ast::Name, &'a ast::Expr)],
        columns: &mut Vec<Column>,
        scope: &Scope<'_>,
    ) -> Vec<(Symbol, Expr)> {
        let mut outputs: Vec<(Symbol, Expr)> = Vec::with_capacity(lines.len());
        for (name, value) in lines {
            let mut value = self.infer(value, &scope.over(columns, None), None);
            value.replace_columns(&|name| {
                outputs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
            });
            columns.push(Column { name: name.text, ty: value.ty.clone() });
            outputs.push((name.text, value));
        }
        outputs
    }
}
