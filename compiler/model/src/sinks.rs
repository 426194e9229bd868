//! Sinks, and what may be emitted to them.

use std::rc::Rc;

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast;

use crate::check::Checker;
use crate::convert::{Misfit, type_misfit};
use crate::expr::{Expr, ExprKind};
use crate::model::{Flow, Item, Plane, Shape, Sink, Write};
use crate::names::{Decl, Known, SinkInfo};
use crate::pipeline::Piped;
use crate::relation::Relation;
use crate::scope::{Place, Scope};
use crate::sources::format_of;
use crate::types::{Column, Kind, Record, Type};

const KNOWN: &[&str] = &["topic", "file", "path", "key", "format", "write"];

impl<'a> Checker<'a> {
    pub(crate) fn declare_sink(
        &mut self,
        decl: &Decl<'a>,
        item: &'a ast::Item,
        ty: &'a ast::TypeExpr,
        key: &'a [ast::Name],
        list: &'a [ast::Setting],
    ) -> Known {
        let path = decl.path();
        let settings = self.settings(list, "a sink", KNOWN, &[]);
        let Some((shape, Some(record))) = self.shape_of(ty, decl.engine) else { return Known::Failed };
        let columns = record.fields;
        let has_key = !key.is_empty() || settings.get("key").is_some();
        let key = self.key_of(key, &settings, &columns);
        let write = match self.word_setting(&settings, "write", &["append", "upsert", "replace"]) {
            Some("append") => Write::Append,
            Some("upsert") => Write::Upsert,
            Some(_) => Write::Replace,
            None => match shape {
                Shape::Stream => Write::Append,
                Shape::Table => Write::Upsert,
                Shape::Rows => Write::Replace,
            },
        };
        if (shape == Shape::Table || write == Write::Upsert) && !has_key {
            let found = Diagnostic::error(codes::E0503, decl.name.span, format!("`{}` has no key", decl.name.text));
            self.report(found.help("rows are replaced by key: `table<T> key id`"));
        }
        let file = self.text_setting(&settings, "file");
        let place = self.text_setting(&settings, "path").or(file);
        let format = self.word_setting(&settings, "format", &["json", "csv", "parquet"]);
        let format = format_of(format, place.as_deref());
        let topic = self.text_setting(&settings, "topic");
        let info = SinkInfo { path, columns: columns.clone(), key: key.clone(), write, span: decl.name.span };
        self.model.sinks.push(Sink {
            name: path,
            docs: item.docs.join("\n"),
            shape,
            columns,
            key,
            write,
            topic: topic.unwrap_or_else(|| path.to_string()),
            path: place,
            format,
            span: decl.name.span,
        });
        Known::Sink(Rc::new(info))
    }

    /// The rows of an `emit` in the sink's order, with its path.
    pub(crate) fn emitted(
        &mut self,
        value: &'a ast::Expr,
        to: &'a ast::Name,
        scope: &Scope<'_>,
    ) -> Option<(Relation, Symbol)> {
        let sink = match self.resolve(scope.engine, &to.text) {
            Some(id) => match self.known(id, Some(to.span)) {
                Known::Sink(sink) => sink,
                Known::Failed => return None,
                _ => {
                    self.nowhere(value, scope);
                    self.report(Diagnostic::error(codes::E0201, to.span, format!("`{}` is not a sink", to.text)));
                    return None;
                }
            },
            None => {
                self.nowhere(value, scope);
                self.unknown_sink(to);
                return None;
            }
        };
        let piped = self.rows_for(value, &sink.columns, scope);
        if piped.is_wrong() || !self.suits(&piped, &sink, value, to, scope) {
            return None;
        }
        let relation = self.conform(piped.relation, &sink.columns);
        Some((relation, sink.path))
    }

    /// Looks for mistakes in what would be emitted, if there were a sink.
    fn nowhere(&mut self, value: &'a ast::Expr, scope: &Scope<'_>) {
        if scope.place == Place::Service && !self.is_relation(value, scope) {
            self.infer(value, scope, None);
        } else {
            self.relation(value, scope);
        }
    }

    /// What is emitted: a relation, and in a service also a single record.
    fn rows_for(&mut self, value: &'a ast::Expr, columns: &[Column], scope: &Scope<'_>) -> Piped {
        if scope.place != Place::Service || self.is_relation(value, scope) {
            return self.relation(value, scope);
        }
        let record = Type::required(Kind::Record(Record { name: None, fields: columns.to_vec().into() }));
        let wanted = match &value.kind {
            ast::ExprKind::List(_) => Type::required(Kind::List(Box::new(record))),
            _ => record,
        };
        let value = self.infer(value, scope, Some(&wanted));
        if !matches!(value.ty.kind, Kind::Record(_)) || value.ty.optional {
            return self.rows_of(value, scope);
        }
        let (span, ty) = (value.span, Type::required(Kind::List(Box::new(value.ty.clone()))));
        self.rows_of(Expr { kind: ExprKind::List(vec![value]), ty, span }, scope)
    }

    /// Looks for sinks that a job cannot share. What a job wrote goes when it runs again, so no place of the log orders
    /// its rows beside those of another flow: one key would have two rows, and of two jobs the later one's rows would be
    /// all. A sink that is written whole holds those of the last run by its own meaning.
    pub(crate) fn shared_sinks(&mut self) {
        let mut found = Vec::new();
        for sink in self.model.sinks.iter().filter(|sink| sink.write != Write::Replace) {
            let emit = |flow: &'_ Flow| Some((emit_to(&flow.items, sink.name)?, flow.plane, flow.path()));
            let mut emits: Vec<(Span, Plane, String)> = self.model.flows.iter().filter_map(emit).collect();
            emits.sort_by_key(|(span, ..)| *span);
            for (at, (span, plane, path)) in emits.iter().enumerate() {
                let meets = |other: Plane| match sink.write {
                    Write::Append => *plane == Plane::Batch && other == Plane::Batch,
                    _ => *plane == Plane::Batch || other == Plane::Batch,
                };
                let before = emits.iter().take(at).find(|(_, other, _)| meets(*other));
                let Some((other_span, other, other_path)) = before else { continue };
                let both = format!("{} `{other_path}` and {} `{path}`", kind(*other), kind(*plane));
                found.push(
                    Diagnostic::error(codes::E0420, *span, format!("{both} cannot both write to `{}`", sink.name))
                        .label(*other_span, format!("`{other_path}` writes to it here"))
                        .label(sink.span, "declared here")
                        .help("what a job writes stands until it runs again, beside no other rows: give each a sink of its own, or put the rows together in one job with `union`"),
                );
            }
        }
        found.into_iter().for_each(|found| self.report(found));
    }

    fn unknown_sink(&mut self, to: &ast::Name) {
        if self.is_elsewhere(&to.text, to.span) {
            return;
        }
        let sinks: Vec<&str> = self.model.sinks.iter().map(|sink| sink.name.as_str()).collect();
        let found = Diagnostic::error(codes::E0201, to.span, format!("there is no sink `{}`", to.text));
        let found = match fec_diagnostics::closest(&to.text, sinks) {
            Some(near) => found.fix(format!("write `{near}`"), to.span, near),
            None => found.help(format!("declare it: `sink {}: stream<{{ … }}> {{ }}`", to.text)),
        };
        self.report(found);
    }

    fn suits(&mut self, piped: &Piped, sink: &SinkInfo, value: &ast::Expr, to: &ast::Name, scope: &Scope<'_>) -> bool {
        let mut wrong: Vec<String> = Vec::new();
        let mut misfits: Vec<(Symbol, Misfit)> = Vec::new();
        for column in &sink.columns {
            match piped.relation.ty.column(&column.name) {
                None => wrong.push(format!("`{}` is missing", column.name)),
                Some(own) => {
                    if let Some(misfit) = type_misfit(&own.ty, &column.ty) {
                        misfits.push((column.name, misfit));
                    }
                }
            }
        }
        for own in &piped.relation.ty.columns {
            if !sink.columns.iter().any(|column| column.name == own.name) {
                wrong.push(format!("`{}` is too much", own.name));
            }
        }
        for (name, misfit) in &misfits {
            let from = piped.relation.ty.column(name).map(|column| column.ty.to_string()).unwrap_or_default();
            let wanted = sink.columns.iter().find(|column| column.name == *name);
            let wanted = wanted.map(|column| column.ty.to_string()).unwrap_or_default();
            wrong.push(match misfit {
                Misfit::Absent => format!("`{name}` may be absent, and the sink wants `{wanted}`"),
                Misfit::Scale => format!("`{name}` is `{from}`, with more digits after the point than `{wanted}`"),
                _ => format!("`{name}` is `{from}`, and the sink wants `{wanted}`"),
            });
        }
        if !wrong.is_empty() {
            let found = Diagnostic::error(
                codes::E0309,
                to.span,
                format!("the rows do not fit `{}`: {}", to.text, wrong.join(", ")),
            )
            .label(sink.span, "the sink says its columns here")
            .help("choose and convert the columns with `select`");
            self.report(found);
            return false;
        }
        if scope.place == Place::Service && sink.write == Write::Replace {
            let found = Diagnostic::error(
                codes::E0410,
                to.span,
                format!("a service adds rows, and `{}` is always written whole", to.text),
            )
            .label(sink.span, "declared here");
            self.report(found.help("declare it as `stream<T>`, or as `table<T>` with a key"));
            return false;
        }
        if piped.relation.ty.changes && sink.write == Write::Append {
            let found = Diagnostic::error(
                codes::E0405,
                to.span,
                format!("`{}` only takes rows that stay as they are", to.text),
            )
            .label(piped.relation.span, "these rows change when a match arrives");
            self.report(found.fix("take only rows that are over", value.span.after(), " |> final"));
            return false;
        }
        if scope.place == Place::Stream && !piped.events {
            let found =
                Diagnostic::error(codes::E0306, value.span, "a stream emits events, and these are rows of a table");
            self.report(found.help("begin with a stream, or emit the table in a job"));
            return false;
        }
        true
    }
}

/// The first `emit` to `sink` among these statements.
fn emit_to(items: &[Item], sink: Symbol) -> Option<Span> {
    items.iter().find_map(|item| match item {
        Item::Emit { sink: to, span, .. } if *to == sink => Some(*span),
        Item::If { then, otherwise, .. } => emit_to(then, sink).or_else(|| emit_to(otherwise, sink)),
        _ => None,
    })
}

/// What a flow is called in the language.
fn kind(plane: Plane) -> &'static str {
    match plane {
        Plane::Batch => "the job",
        Plane::Stream => "the stream",
        Plane::Online => "the service",
    }
}
