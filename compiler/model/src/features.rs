//! Views and feature sets.

use std::rc::Rc;

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, ExprKind as Ast};

use crate::aggregates::{Line, called, is_key, line_span, takes_back};
use crate::check::Checker;
use crate::expr::{Aggregate, Expr, Trailing};
use crate::model::{FeatureSet, Shape, View};
use crate::names::{Decl, Known, SetInfo, ViewInfo};
use crate::pipeline::{Piped, list_among_data};
use crate::relation::{Relation, RelationOp};
use crate::scope::{Place, Scope};
use crate::types::{Boundedness, Column, Columns, Kind, Record, Type};

/// A view with more operators is refused: views stand in full wherever they are read, so that views that read views twice
/// could grow without end.
const MOST_OPERATORS: usize = 100_000;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The step of a trailing window that does not give its own.
fn default_step(size: i64) -> i64 {
    match size {
        _ if size <= 10 * MINUTE => 10 * SECOND,
        _ if size <= HOUR => MINUTE,
        _ if size <= 6 * HOUR => 5 * MINUTE,
        _ if size <= DAY => 30 * MINUTE,
        _ if size <= 7 * DAY => 3 * HOUR,
        _ if size <= 30 * DAY => 12 * HOUR,
        _ => DAY,
    }
}

impl<'a> Checker<'a> {
    pub(crate) fn declare_view(
        &mut self,
        decl: &Decl<'a>,
        ty: Option<&'a ast::TypeExpr>,
        key: &'a [ast::Name],
        value: &'a ast::Expr,
    ) -> Known {
        let path = decl.path();
        let scope = Scope::new(Place::View, decl.engine);
        let mut piped = self.relation(value, &scope);
        if !piped.is_wrong()
            && let Some(ty) = ty
        {
            let declared = self.shape_of(ty, decl.engine);
            if let Some((_, Some(record))) = &declared {
                let found = Kind::Record(Record { name: None, fields: piped.relation.ty.columns.clone() });
                let wanted = Type::required(Kind::Record(record.clone()));
                match crate::convert::type_misfit(&Type::required(found.clone()), &wanted) {
                    None => {
                        let relation = std::mem::replace(&mut piped.relation, Piped::wrong(value.span).relation);
                        piped.relation = self.conform(relation, &record.fields);
                    }
                    Some(wrong) => {
                        let what = format!("the row of `{}`", decl.name.text);
                        self.report_misfit(ty.span, &Type::required(found), &wanted, &wrong, format_args!("{what}"));
                        piped = Piped::wrong(value.span);
                    }
                }
            }
        }
        if !key.is_empty() && !piped.is_wrong() {
            for name in key {
                if piped.relation.ty.column(&name.text).is_none() {
                    self.no_column(name, &piped.relation.ty.columns);
                }
            }
            piped.relation.ty.key = key.iter().map(|name| name.text).collect();
        }
        let operators = self.operators(&piped.relation);
        if operators > MOST_OPERATORS {
            let message = format!(
                "`{}` has more than {MOST_OPERATORS} operators, with those of the views that it reads",
                decl.name.text
            );
            let found = Diagnostic::error(codes::E0107, decl.name.span, message);
            self.report(
                found.help("a view stands in full wherever it is read: read once what several of its parts need"),
            );
            piped = Piped::wrong(decl.name.span);
        }
        self.view_operators.insert(path, operators.min(MOST_OPERATORS));
        // The key of a stream is that of its log, and makes no table of a view.
        let streams = piped.events || self.is_of_streams(&piped.relation);
        let list = self.list_in(&piped.relation);
        self.view_lists.extend(list.map(|list| (path, list)));
        if let Some(list) = list.filter(|_| streams) {
            let found = list_among_data(decl.name.span);
            self.report(found.label(list, format!("`{}` has the rows of this list", decl.name.text)));
            piped = Piped::wrong(decl.name.span);
        }
        let is_read_by_key = !key.is_empty() || !streams && !piped.relation.ty.key.is_empty();
        let kept = piped.events && !key.is_empty() && piped.bounded_only.is_none() && !piped.is_wrong();
        let info = ViewInfo {
            path,
            ty: Rc::new(piped.relation.ty.clone()),
            events: piped.events,
            is_read_by_key,
            kept,
            streams,
            bounded_only: piped.bounded_only.clone(),
            base: piped.base,
            failed: piped.is_wrong(),
        };
        self.model.views.push(View { name: path, relation: piped.relation, kept, span: decl.name.span });
        Known::View(Rc::new(info))
    }

    /// The number of operators of a relation, with those of the views that it reads.
    fn operators(&self, relation: &Relation) -> usize {
        match &relation.op {
            RelationOp::View(name) => self.view_operators.get(name).copied().unwrap_or(1),
            op => op.inputs().iter().fold(1, |sum, input| self.operators(input).saturating_add(sum)),
        }
    }

    /// The list whose rows are among those of a relation.
    pub(crate) fn list_in(&self, relation: &Relation) -> Option<Span> {
        match &relation.op {
            RelationOp::Rows(list) => Some(list.span),
            RelationOp::View(name) => self.view_lists.get(name).copied(),
            op => op.inputs().into_iter().find_map(|input| self.list_in(input)),
        }
    }

    /// Whether rows come out of streams, though they may end.
    fn is_of_streams(&self, relation: &Relation) -> bool {
        match &relation.op {
            RelationOp::Source(name) => self.model.source(name).is_some_and(|source| source.shape == Shape::Stream),
            RelationOp::View(name) => self.model.view(name).is_some_and(|view| self.is_of_streams(&view.relation)),
            op => op.inputs().iter().any(|input| self.is_of_streams(input)),
        }
    }

    pub(crate) fn declare_features(
        &mut self,
        decl: &Decl<'a>,
        item: &'a ast::Item,
        by: &'a [ast::Expr],
        from: &'a ast::Expr,
        lines: &'a [ast::FeatureLine],
    ) -> Known {
        let path = decl.path();
        let scope = Scope::new(Place::Features, decl.engine);
        let input = self.relation(from, &scope);
        if input.is_wrong() {
            return Known::Features(Rc::new(failed_set(path)));
        }
        if !input.events || input.relation.ty.boundedness != Boundedness::Stream {
            let found = Diagnostic::error(codes::E0306, from.span, "features are made from a stream")
                .here("this is no stream of events");
            self.report(found);
            return Known::Features(Rc::new(failed_set(path)));
        }
        let keys = self.feature_keys(by, &input, &scope);
        let wanted = lines.iter().filter(|line| called(&line.value).is_some()).count();
        let mut aggregates = Vec::with_capacity(wanted);
        let mut scalars = Vec::with_capacity(lines.len() - wanted);
        let mut columns: Vec<Column> = Vec::with_capacity(lines.len());
        for line in lines {
            if columns.iter().any(|column| column.name == line.name.text) {
                self.report(Diagnostic::error(
                    codes::E0310,
                    line.name.span,
                    format!("the feature `{}` stands twice", line.name.text),
                ));
                continue;
            }
            let ty = match called(&line.value) {
                Some(function) => {
                    let row = scope.over(&input.relation.ty.columns, input.origin.as_ref());
                    let aggregate = self.feature(function, line, input.relation.ty.changes, &row);
                    let ty = aggregate.as_ref().map_or_else(Type::error, |aggregate| aggregate.ty.clone());
                    aggregates.extend(aggregate);
                    ty
                }
                None => match self.feature_scalar(line, &scope.over(&columns, None)) {
                    Some(value) => {
                        let ty = value.ty.clone();
                        scalars.push((line.name.text, value));
                        ty
                    }
                    None => Type::error(),
                },
            };
            columns.push(Column { name: line.name.text, ty });
        }
        let set = FeatureSet {
            name: path,
            docs: item.docs.join("\n"),
            keys,
            input: input.relation,
            aggregates,
            scalars,
            columns: columns.into(),
            span: decl.name.span,
        };
        let info = SetInfo {
            path,
            keys: set.keys.iter().map(|(name, value)| Column { name: *name, ty: value.ty.clone() }).collect(),
            record: Record { name: Some(path), fields: set.columns.clone() },
            base: input.base,
            failed: set.keys.iter().any(|(_, value)| value.ty.kind == Kind::Error) || set.keys.len() < by.len(),
        };
        self.model.features.push(set);
        Known::Features(Rc::new(info))
    }

    fn feature_keys(&mut self, by: &'a [ast::Expr], input: &Piped, scope: &Scope<'_>) -> Vec<(Symbol, Expr)> {
        let row = scope.over(&input.relation.ty.columns, input.origin.as_ref());
        let mut keys: Vec<(Symbol, Expr)> = Vec::with_capacity(by.len());
        for key in by {
            let name = match &key.kind {
                Ast::Name(name) => *name,
                Ast::Field { name, .. } => name.text,
                Ast::Error => continue,
                _ => {
                    let found = Diagnostic::error(codes::E0317, key.span, "a key is a column");
                    self.report(found.help("compute it first: `from … |> derive k = …`"));
                    continue;
                }
            };
            let value = self.infer(key, &row, None);
            if !is_key(&value.ty.kind) {
                let found = Diagnostic::error(codes::E0317, key.span, format!("`{}` cannot be a key", value.ty));
                self.report(found);
                continue;
            }
            if keys.iter().any(|(other, _)| *other == name) {
                self.report(Diagnostic::error(codes::E0310, key.span, format!("the key `{name}` stands twice")));
                continue;
            }
            keys.push((name, value));
        }
        keys
    }

    fn feature(
        &mut self,
        function: crate::expr::AggregateFunction,
        line: &'a ast::FeatureLine,
        changes: bool,
        row: &Scope<'_>,
    ) -> Option<Aggregate> {
        let call = Line { name: &line.name, value: &line.value, filter: line.filter.as_ref(), never_empty: false };
        let aggregate = self.aggregate(function, &call, row);
        let Some(over) = &line.over else {
            let found = Diagnostic::error(
                codes::E0406,
                line_span(&line.name, &line.value),
                format!("`{}` has no window", line.name.text),
            );
            self.report(found.help("say how far it looks back: `over 1h`"));
            return None;
        };
        let window = self.trailing(over, line.every.as_ref());
        if changes && !takes_back(function) {
            let found = Diagnostic::error(
                codes::E0404,
                line.value.span,
                "this aggregate cannot take back a row that later events change",
            )
            .here("its rows change when a match arrives")
            .help("take only rows that are over: `|> final` at the end of the pipeline");
            self.report(found);
            return None;
        }
        let mut aggregate = aggregate?;
        aggregate.window = Some(window?);
        Some(aggregate)
    }

    fn trailing(&mut self, over: &'a ast::Expr, every: Option<&'a ast::Expr>) -> Option<Trailing> {
        let before = self.diagnostics.len();
        let Some(size) = self.constant_duration(over, "the window") else {
            self.tell_what_goes_on(over, before);
            return None;
        };
        let step = match every {
            Some(every) => Some((self.constant_duration(every, "the step")?, every.span)),
            None => None,
        };
        if size <= 0 {
            self.report(Diagnostic::error(codes::E0412, over.span, "a window is longer than nothing"));
            return None;
        }
        match step {
            Some((step, span)) if step <= 0 => {
                self.report(Diagnostic::error(codes::E0412, span, "a step is longer than nothing"));
                None
            }
            Some((step, span)) if step > size => {
                let found = Diagnostic::error(codes::E0412, span, "the step is longer than the window");
                self.report(found.label(over.span, "the window"));
                None
            }
            Some((step, _)) => Some(Trailing { size, step }),
            None => Some(Trailing { size, step: default_step(size) }),
        }
    }

    /// Of what goes on behind a window, `count() over 1h + 1`, is told that an aggregate stands alone, and not that a
    /// duration and a number do not go together.
    fn tell_what_goes_on(&mut self, over: &ast::Expr, before: usize) {
        let mut first = over;
        while let Ast::Binary { left, .. } = &first.kind {
            first = left;
        }
        let begins = matches!(first.kind, Ast::Literal(ast::Literal::Duration(_))) && !std::ptr::eq(first, over);
        let found = self.diagnostics.get(before..).unwrap_or_default();
        if begins && found.iter().all(|found| found.code != codes::E0203) {
            self.diagnostics.truncate(before);
            let found = Diagnostic::error(codes::E0318, over.span, "an aggregate stands on a line of its own")
                .label(first.span, "its window");
            self.report(found.help("give each aggregate a name, then compute with the names"));
        }
    }

    fn feature_scalar(&mut self, line: &'a ast::FeatureLine, scope: &Scope<'_>) -> Option<Expr> {
        // Of what could not be read has been told.
        if self.later_aggregate(&line.value) || matches!(line.value.kind, Ast::Error) {
            return None;
        }
        let misplaced: Option<(Span, &str)> = line
            .over
            .as_ref()
            .map(|over| (over.span, "over"))
            .or_else(|| line.filter.as_ref().map(|filter| (filter.span, "where")))
            .or_else(|| line.every.as_ref().map(|every| (every.span, "every")));
        if let Some((span, word)) = misplaced {
            if contains_aggregate(&line.value) {
                let found =
                    Diagnostic::error(codes::E0318, line.value.span, "an aggregate stands on a line of its own");
                self.report(found.help("give each aggregate a name, then compute with the names"));
            } else if self.calls_nothing(&line.value, scope) {
                // A mistyped aggregate, or one that is called otherwise elsewhere: it is told by its name.
                self.infer(&line.value, scope, None);
            } else {
                let found = Diagnostic::error(codes::E0318, span, format!("`{word}` belongs to an aggregate"))
                    .label(line.value.span, "this is computed from the lines before it");
                self.report(found);
            }
            return None;
        }
        let before = self.diagnostics.len();
        let value = self.infer(&line.value, scope, None);
        for found in self.diagnostics.iter_mut().skip(before) {
            if found.code == codes::E0203 && found.fixes.is_empty() {
                let help = "a feature is an aggregate, as in `last(x) over 1h`, or computed from those above";
                found.help = vec![help.to_owned()];
            }
        }
        (value.ty.kind != Kind::Error).then_some(value)
    }
}

fn contains_aggregate(e: &ast::Expr) -> bool {
    called(e).is_some()
        || match &e.kind {
            Ast::Binary { left, right, .. } => contains_aggregate(left) || contains_aggregate(right),
            Ast::Unary { operand, .. } => contains_aggregate(operand),
            _ => false,
        }
}

fn failed_set(path: Symbol) -> SetInfo {
    let record = Record { name: Some(path), fields: Columns::default() };
    SetInfo { path, keys: Vec::new(), record, base: None, failed: true }
}
