//! Joins, and feature sets as of a row.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, ExprKind as Ast, JoinKind, JoinPick, OperatorKind};

use crate::check::Checker;
use crate::expr::{BinaryOp, Expr, ExprKind};
use crate::names::Known;
use crate::pipeline::{Piped, own_column};
use crate::relation::{Relation, RelationOp};
use crate::scope::{Origin, Place, Scope, narrow_columns, present};
use crate::types::{Boundedness, Column, Kind, Record, RelationType, Type};

/// The conditions of a join, taken apart.
struct Conditions {
    on: Vec<(Expr, Expr)>,
    residual: Option<Expr>,
}

impl<'a> Checker<'a> {
    pub(crate) fn join(&mut self, left: Piped, op: &'a ast::Operator, scope: &Scope<'_>) -> Piped {
        let OperatorKind::Join { kind, pick, right, alias, on, within } = &op.kind else {
            return Piped::wrong(op.span);
        };
        let right_span = right.span;
        let right_ast = right;
        let mut right = match self.kept_in_request(right_ast, within.is_none(), scope) {
            Some(right) => right,
            None => self.relation(right_ast, scope),
        };
        if right.is_wrong() {
            return right;
        }
        let kept = within.is_none() && self.is_kept(&right.relation);
        if kept {
            right.relation.ty.boundedness = Boundedness::Table;
        }
        let alias = match (alias, &right_ast.kind) {
            (Some(alias), _) => (alias.text, alias.span),
            (None, Ast::Name(name)) => (*name, right_span),
            (None, Ast::Field { name, .. }) => (name.text, name.span),
            _ => {
                let found = Diagnostic::error(codes::E0303, right_span, "a pipeline on the right needs a name");
                self.report(found.help("as in `join (…) as r on …`"));
                return Piped::wrong(op.span);
            }
        };
        let keeps_column = matches!(kind, JoinKind::Inner | JoinKind::Left);
        if keeps_column && left.relation.ty.column(&alias.0).is_some() {
            let found = Diagnostic::error(codes::E0310, alias.1, format!("the column `{}` is there already", alias.0));
            self.report(found.help("name the right side: `as r`"));
            return Piped::wrong(op.span);
        }
        let Some(bounds) = self.bounds(&left, &right, right_span, within.as_ref(), op, scope) else {
            return Piped::wrong(op.span);
        };
        if kept && scope.place != Place::Service && !self.may_look_up(&left, right_span, op) {
            return Piped::wrong(op.span);
        }
        if left.relation.ty.changes && within.is_none() && self.has_versions(&right.relation) {
            let found = Diagnostic::error(
                codes::E0403,
                op.word,
                "these rows may be taken back when the table has other versions",
            )
            .label(left.relation.span, "a match that comes later replaces a row")
            .label(right_span, "this is read as it is when a row comes");
            self.report(found.help("join the table first, or put `final` before it"));
            return Piped::wrong(op.span);
        }
        let Some(conditions) = self.on(&left, &right, &alias.0, on.as_ref(), op, scope) else {
            return Piped::wrong(op.span);
        };
        if kept && !self.is_by_key(&right.relation.ty, &conditions, on.as_ref().map_or(op.span, |on| on.span)) {
            return Piped::wrong(op.span);
        }
        self.joined(left, right, *kind, *pick, alias.0, conditions, bounds, op.span)
    }

    /// In a service, where no stream is a relation: a view over streams of which rows are found by its key.
    fn kept_in_request(&mut self, right: &'a ast::Expr, is_by_key: bool, scope: &Scope<'_>) -> Option<Piped> {
        let Ast::Name(name) = &right.kind else { return None };
        if scope.place != Place::Service || !is_by_key || self.local_name(name, scope) {
            return None;
        }
        let id = self.resolve(scope.engine, name)?;
        let Known::View(view) = self.known(id, Some(right.span)) else { return None };
        if !view.kept {
            return None;
        }
        let relation = Relation { op: RelationOp::View(view.path), ty: (*view.ty).clone(), span: right.span };
        let origin = Some(Origin { name: *name, ty: std::rc::Rc::clone(&view.ty) });
        Some(Piped { relation, events: false, origin, base: None, bounded_only: None })
    }

    /// Whether rows are those of a view over streams that keeps the last one of each key.
    fn is_kept(&self, right: &Relation) -> bool {
        match &right.op {
            RelationOp::View(name) => self.model.view(name).is_some_and(|view| view.kept),
            _ => false,
        }
    }

    /// Whether rows are those of a table with versions, or made of them.
    fn has_versions(&self, relation: &Relation) -> bool {
        match &relation.op {
            RelationOp::Source(name) => self.model.source(name).is_some_and(|source| source.versions.is_some()),
            RelationOp::View(name) => self.model.view(name).is_some_and(|view| self.has_versions(&view.relation)),
            op => op.inputs().iter().any(|input| self.has_versions(input)),
        }
    }

    /// Whether these rows can read a view as of their place.
    fn may_look_up(&mut self, left: &Piped, right_span: Span, op: &'a ast::Operator) -> bool {
        let ty = &left.relation.ty;
        if ty.late && ty.timed {
            let found =
                Diagnostic::error(codes::E0403, op.word, "these rows may come later than their source's lateness")
                    .label(left.relation.span, "after this, a row can come long after its own time")
                    .label(right_span, "this is read as it was when the row came");
            self.report(found.help("join the view first: before other streams, `final`, and what needs all rows"));
            return false;
        }
        if !ty.timed {
            let found = Diagnostic::not_yet(op.word, "a join of rows without a time with a view over a stream")
                .label(left.relation.span, "these rows have no place among events")
                .label(right_span, "this is read as it was when a row came");
            self.report(found.help("join the view before the operator that loses the time of its rows"));
            return false;
        }
        true
    }

    /// Whether a join with a view that keeps the last row of each key is by all of that key.
    fn is_by_key(&mut self, view: &RelationType, conditions: &Conditions, span: Span) -> bool {
        let column = |right: &Expr| match &right.kind {
            ExprKind::Right(name) => Some(*name),
            _ => None,
        };
        let mut on: Vec<Option<Symbol>> = conditions.on.iter().map(|(_, right)| column(right)).collect();
        let mut key: Vec<Option<Symbol>> = view.key.iter().copied().map(Some).collect();
        on.sort();
        key.sort();
        if on == key {
            return true;
        }
        let names: Vec<String> = view.key.iter().map(|name| format!("`{name}`")).collect();
        // A column that is compared as another type is none that can be looked up.
        let converted = conditions.on.iter().find_map(|(left, right)| match &right.kind {
            ExprKind::Convert(inner) => {
                column(inner).filter(|name| view.key.contains(name)).map(|name| (name, left, inner))
            }
            _ => None,
        });
        if let Some((name, left, inner)) = converted {
            let message = format!("a view over a stream is joined by its key as it is: `{name}` is `{}`", inner.ty);
            let found = Diagnostic::error(codes::E0414, span, message);
            self.report(
                found.label(left.span, format!("`{}`", left.ty)).help("convert this side to the type of the key"),
            );
            return false;
        }
        let found = Diagnostic::error(codes::E0414, span, "a view over a stream is joined by its key");
        self.report(found.help(format!("its key is {}: one equality for each column, and no other", names.join(", "))));
        false
    }

    #[expect(clippy::too_many_arguments, reason = "they are the parts of one operator")]
    fn joined(
        &mut self,
        left: Piped,
        right: Piped,
        kind: JoinKind,
        pick: JoinPick,
        alias: Symbol,
        conditions: Conditions,
        within: Option<(i64, i64)>,
        span: Span,
    ) -> Piped {
        let mut ty = left.relation.ty.clone();
        let mut fields = right.relation.ty.columns.clone();
        if matches!(kind, JoinKind::Inner | JoinKind::Semi) {
            // An absent key matches nothing, so the keys of a match are there.
            let mut known = Vec::new();
            for (a, b) in &conditions.on {
                present(a, &mut known);
                present(b, &mut known);
            }
            narrow_columns(&mut ty.columns, &known, "c:");
            narrow_columns(&mut fields, &known, "r:");
        }
        if matches!(kind, JoinKind::Inner | JoinKind::Left) {
            let optional = kind == JoinKind::Left;
            let record = Kind::Record(Record { name: None, fields });
            ty.columns.push(Column { name: alias, ty: Type { kind: record, optional } });
        }
        // What is read as of a row does not change any more.
        ty.changes |= right.relation.ty.changes && right.relation.ty.boundedness != Boundedness::Table;
        // Two relations that end are joined when all their rows are there.
        ty.late |= within.is_some() || right.relation.ty.boundedness != Boundedness::Table;
        if within.is_some() {
            ty.changes |= matches!(kind, JoinKind::Left | JoinKind::Anti) || pick != JoinPick::All;
        }
        let (events, origin, base) = (left.events, left.origin, left.base);
        let bounded_only = left.bounded_only.or(right.bounded_only);
        let on = conditions.on.into_iter().map(|(left, right)| (self.in_scale_of(left, &right), right)).collect();
        let op = RelationOp::Join {
            left: Box::new(left.relation),
            right: Box::new(right.relation),
            kind,
            pick,
            alias,
            on,
            residual: conditions.residual.map(Box::new),
            within,
        };
        Piped { relation: Relation { op, ty, span }, events, origin, base, bounded_only }
    }

    /// The bounds of `within`, after a check of what is joined with what. None where something is wrong.
    #[expect(clippy::option_option, reason = "the outer says whether it is right, the inner whether there are bounds")]
    fn bounds(
        &mut self,
        left: &Piped,
        right: &Piped,
        right_span: Span,
        within: Option<&'a ast::Expr>,
        op: &'a ast::Operator,
        scope: &Scope<'_>,
    ) -> Option<Option<(i64, i64)>> {
        let endless = matches!(scope.place, Place::Stream | Place::Features | Place::View);
        if endless && !left.events && right.events {
            let found = Diagnostic::error(codes::E0416, op.word, "a table stands on the right of a join")
                .label(left.relation.span, "this is a table")
                .label(right_span, "this is a stream");
            self.report(found.help("begin with the stream, and join the table to it"));
            return None;
        }
        // What a view keeps by key is the only stream that is a table by now, and with rows that have lost their time in it
        // a union is none.
        let is_stream = |side: &Piped| side.events && side.relation.ty.timed;
        let are_streams = is_stream(left) && is_stream(right) && right.relation.ty.boundedness != Boundedness::Table;
        match (within, are_streams) {
            (None, false) => Some(None),
            (Some(within), true) => self.window_bounds(within).map(Some),
            (None, true) => {
                let found = Diagnostic::error(codes::E0402, op.word, "two streams are joined without `within`")
                    .label(right_span, "this is a stream")
                    .help("say how far apart two events may be: `within 1h`, or `within -30m..30m`");
                self.report(found);
                None
            }
            (Some(within), false) => {
                let found = Diagnostic::error(codes::E0415, within.span, "`within` stands between two streams");
                let lost = [(left, left.relation.span), (right, right_span)].into_iter();
                let lost = lost.filter(|(side, _)| side.events && !side.relation.ty.timed).map(|(_, span)| span).next();
                self.report(match lost {
                    Some(span) => found
                        .label(span, "rows without a time are among these")
                        .help("leave it out, or join before the operator that loses the time of the rows"),
                    None => found.label(right_span, "this is no stream").help("leave it out: a table is read as it is"),
                });
                None
            }
        }
    }

    /// `d` is `0s..d`; both ends are included.
    fn window_bounds(&mut self, within: &'a ast::Expr) -> Option<(i64, i64)> {
        let bounds = match &within.kind {
            Ast::Range { low: Some(low), high: Some(high), .. } => {
                let low = self.constant_duration(low, "a bound of `within`")?;
                (low, self.constant_duration(high, "a bound of `within`")?)
            }
            Ast::Range { .. } => {
                self.report(Diagnostic::error(codes::E0412, within.span, "`within` has two bounds"));
                return None;
            }
            _ => (0, self.constant_duration(within, "`within`")?),
        };
        if bounds.0 > bounds.1 {
            let found = Diagnostic::error(codes::E0412, within.span, "no two events are that far apart");
            self.report(found.help("the lower bound comes first: `-30m..0s`"));
            return None;
        }
        Some(bounds)
    }

    fn on(
        &mut self,
        left: &Piped,
        right: &Piped,
        alias: &str,
        on: Option<&'a ast::Expr>,
        op: &'a ast::Operator,
        scope: &Scope<'_>,
    ) -> Option<Conditions> {
        let Some(on) = on else {
            let found = Diagnostic::error(codes::E0414, op.word, "a join says which rows belong together");
            self.report(found.help(format!("as in `on id == {alias}.id`")));
            return None;
        };
        let inner = scope.over(&left.relation.ty.columns, left.origin.as_ref());
        let inner = Scope { right: Some((alias, &right.relation.ty.columns)), ..inner };
        let condition = self.condition(on, &inner, "`on`");
        if condition.ty.kind == Kind::Error {
            return None;
        }
        let mut conditions = Conditions { on: Vec::new(), residual: None };
        self.take_apart(condition, &mut conditions);
        conditions.on.shrink_to_fit();
        if conditions.on.is_empty() {
            let found = Diagnostic::error(codes::E0414, on.span, "a join needs an equality of both sides");
            self.report(
                found.help(format!("as in `on id == {alias}.id`, with the columns of the right side after `{alias}.`")),
            );
            return None;
        }
        Some(conditions)
    }

    fn take_apart(&mut self, condition: Expr, out: &mut Conditions) {
        let span = condition.span;
        match condition.kind {
            ExprKind::Binary(BinaryOp::And, a, b) => {
                self.take_apart(*a, out);
                self.take_apart(*b, out);
            }
            ExprKind::Binary(BinaryOp::Equal, a, b) => match (sides(&a), sides(&b)) {
                ((true, false), (false, true)) => out.on.push((*a, *b)),
                ((false, true), (true, false)) => out.on.push((*b, *a)),
                _ => {
                    let ty = condition.ty;
                    let whole = Expr { kind: ExprKind::Binary(BinaryOp::Equal, a, b), ty, span };
                    self.remains(whole, out);
                }
            },
            kind => self.remains(Expr { kind, ty: condition.ty, span }, out),
        }
    }

    fn remains(&self, condition: Expr, out: &mut Conditions) {
        let span = condition.span;
        out.residual = Some(match out.residual.take() {
            Some(others) => self.boolean(BinaryOp::And, others, condition, span),
            None => condition,
        });
    }

    pub(crate) fn with(&mut self, input: Piped, op: &'a ast::Operator, scope: &Scope<'_>) -> Piped {
        let OperatorKind::With { features, on, alias, including_row } = &op.kind else {
            return Piped::wrong(op.span);
        };
        let Ast::Name(name) = &features.kind else {
            if !matches!(features.kind, Ast::Error) {
                self.report(Diagnostic::error(codes::E0306, features.span, "`with` wants the name of a feature set"));
            }
            return Piped::wrong(op.span);
        };
        let Some(id) = self.resolve(scope.engine, name) else {
            self.unknown_features(name, features.span, scope);
            return Piped::wrong(op.span);
        };
        let set = match self.known(id, Some(features.span)) {
            Known::Features(set) => set,
            Known::Failed => return Piped::wrong(op.span),
            Known::View(_) => {
                let found = Diagnostic::not_yet(features.span, "`with` and a view");
                self.report(found.help(format!("join it: `|> left join {name} as v on …`")));
                return Piped::wrong(op.span);
            }
            _ => {
                let found = Diagnostic::error(codes::E0306, features.span, format!("`{name}` is not a feature set"));
                self.report(found.help("tables are joined: `|> join t on …`"));
                return Piped::wrong(op.span);
            }
        };
        if set.failed || !self.may_read(&input, op, scope) {
            return Piped::wrong(op.span);
        }
        if *including_row && (scope.place == Place::Service || set.base.is_none() || set.base != input.base) {
            let found = Diagnostic::error(codes::E0419, op.span, format!("these rows are no events of `{name}`"));
            self.report(found.help("`including row` counts a row in the set that is made from its own stream"));
            return Piped::wrong(op.span);
        }
        let Some(keys) = self.set_keys(&input, name, &set.keys, on, op, scope) else { return Piped::wrong(op.span) };
        let mut columns = input.relation.ty.columns.clone();
        match alias {
            Some(alias) => {
                if input.relation.ty.column(&alias.text).is_some() {
                    self.report(Diagnostic::error(
                        codes::E0310,
                        alias.span,
                        format!("the column `{}` is there already", alias.text),
                    ));
                    return Piped::wrong(op.span);
                }
                let record = Kind::Record(set.record.clone());
                columns.push(Column { name: alias.text, ty: Type::required(record) });
            }
            None => {
                let clash: Vec<String> = set
                    .record
                    .fields
                    .iter()
                    .filter(|field| input.relation.ty.column(&field.name).is_some())
                    .map(|field| format!("`{}`", field.name))
                    .collect();
                if !clash.is_empty() {
                    let columns = if clash.len() == 1 { "the column" } else { "the columns" };
                    let verb = if clash.len() == 1 { "is" } else { "are" };
                    let found = Diagnostic::error(
                        codes::E0310,
                        features.span,
                        format!("{columns} {} {verb} there already", clash.join(", ")),
                    );
                    self.report(found.help(format!("keep the set in one column: `with {name} as f`")));
                    return Piped::wrong(op.span);
                }
                columns.extend(set.record.fields.iter().cloned());
            }
        }
        let alias = alias.as_ref().map(|alias| alias.text);
        let (path, including_row) = (set.path, *including_row);
        input.then(|relation| {
            let ty = crate::types::RelationType { columns, ..relation.ty.clone() };
            let op_ = RelationOp::With { input: Box::new(relation), set: path, keys, alias, including_row };
            Relation { op: op_, ty, span: op.span }
        })
    }

    /// Whether these rows can take features as of their time.
    fn may_read(&mut self, input: &Piped, op: &'a ast::Operator, scope: &Scope<'_>) -> bool {
        if matches!(scope.place, Place::Service | Place::Test) {
            return true;
        }
        let ty = &input.relation.ty;
        if ty.late && ty.timed {
            let (what, why, repair) = match scope.place {
                Place::Job => (
                    "these rows do not come when their events did",
                    "after this, a row can come long after its own time, or when all rows are there",
                    "put `with` first: before the join, `final`, the split, and what needs all rows",
                ),
                _ => (
                    "these rows may come later than their source's lateness",
                    "after this, a row can come long after its own time",
                    "put `with` first: before the join, and before `final`",
                ),
            };
            let found = Diagnostic::error(codes::E0403, op.word, what).label(input.relation.span, why).help(repair);
            self.report(found);
            return false;
        }
        if !ty.timed {
            let found = Diagnostic::error(codes::E0418, op.word, "these rows have no time to read features at");
            let found = match ty.boundedness {
                Boundedness::Table => found.help("features are read as of events: begin with a stream"),
                _ => found.help("put `with` before the operator that loses the time of its rows"),
            };
            self.report(found);
            return false;
        }
        true
    }

    /// The key of a feature set over a row: `on`, else the columns named as the key.
    fn set_keys(
        &mut self,
        input: &Piped,
        set: &str,
        key: &[Column],
        on: &'a [ast::Expr],
        op: &'a ast::Operator,
        scope: &Scope<'_>,
    ) -> Option<Vec<Expr>> {
        let inner = scope.over(&input.relation.ty.columns, input.origin.as_ref());
        if !on.is_empty() {
            return self.keys(key, on, set, op.span, &inner);
        }
        let mut keys = Vec::with_capacity(key.len());
        for column in key {
            let Some(own) = input.relation.ty.column(&column.name) else {
                let found = Diagnostic::error(
                    codes::E0317,
                    op.span,
                    format!("`{set}` is by `{}`, and there is no such column here", column.name),
                );
                self.report(found.help("say which columns are the key: `on …`"));
                return None;
            };
            let ty = Type::maybe(column.ty.kind.clone());
            let value = own_column(own, op.span);
            let value = self.fit(value, &ty, format_args!("the key `{}` of `{set}`", column.name));
            if value.ty.kind == Kind::Error {
                return None;
            }
            keys.push(value);
        }
        Some(keys)
    }
}

/// Whether an expression reads the left row, and the right one.
fn sides(expr: &Expr) -> (bool, bool) {
    let left = expr.any(&mut |part| matches!(part.kind, ExprKind::Column(_)));
    let right = expr.any(&mut |part| matches!(part.kind, ExprKind::Right(_)));
    (left, right)
}
