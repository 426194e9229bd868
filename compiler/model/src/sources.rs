//! Sources, with all their defaults.

use std::rc::Rc;

use fec_diagnostics::{Diagnostic, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, TypeKind};

use crate::aggregates::is_key;
use crate::check::Checker;
use crate::model::{Format, Shape, Sink, Source, TimeUnit};
use crate::names::{Decl, Known, SourceInfo};
use crate::types::{Boundedness, Column, Kind, Record, RelationType};
use crate::unknown::suggest;

const KNOWN: &[&str] = &[
    "topic", "file", "path", "key", "format", "unit", "time", "arrival", "lateness", "ahead", "idle", "unique",
    "history", "versions",
];
const DEFAULT_LATENESS: i64 = 10_000_000;
const DEFAULT_IDLE: i64 = 10_000_000;

impl<'a> Checker<'a> {
    /// `stream<T>`, `table<T>` or `rows<T>`: the shape and the record, where they could be found out.
    pub(crate) fn shape_of(
        &mut self,
        ty: &'a ast::TypeExpr,
        engine: Option<Symbol>,
    ) -> Option<(Shape, Option<Record>)> {
        let TypeKind::Named { name, types, .. } = &ty.kind else {
            if !matches!(ty.kind, TypeKind::Error) {
                let found = Diagnostic::error(codes::E0301, ty.span, "this is `stream<T>`, `table<T>` or `rows<T>`");
                self.report(found);
            }
            return None;
        };
        let shape = match name.text.as_str() {
            "stream" => Shape::Stream,
            "table" => Shape::Table,
            "rows" => Shape::Rows,
            other => {
                let found = Diagnostic::error(codes::E0301, ty.span, "this is `stream<T>`, `table<T>` or `rows<T>`");
                let found = match self.resolve(engine, other) {
                    Some(_) => found.fix(format!("write `stream<{other}>`"), ty.span, format!("stream<{other}>")),
                    None => suggest(found, name.span, other, ["stream", "table", "rows"]),
                };
                self.report(found);
                return None;
            }
        };
        if ty.optional {
            self.report(Diagnostic::error(codes::E0301, ty.span, "this cannot be absent as a whole"));
        }
        let [item] = types.as_slice() else {
            self.report(Diagnostic::error(codes::E0302, ty.span, format!("`{}` takes one type: `{0}<T>`", name.text)));
            return Some((shape, None));
        };
        let of = self.type_of(item, engine);
        match of.kind {
            Kind::Record(record) if !of.optional => Some((shape, Some(record))),
            Kind::Error => Some((shape, None)),
            _ => {
                self.report(Diagnostic::error(codes::E0301, item.span, format!("rows are records, not `{of}`")));
                Some((shape, None))
            }
        }
    }

    pub(crate) fn declare_source(
        &mut self,
        decl: &Decl<'a>,
        item: &'a ast::Item,
        ty: &'a ast::TypeExpr,
        key: &'a [ast::Name],
        list: &'a [ast::Setting],
    ) -> Known {
        let path = decl.path();
        let settings = self.settings(list, "a source", KNOWN, &["index"]);
        let Some((shape, Some(record))) = self.shape_of(ty, decl.engine) else { return Known::Failed };
        if shape == Shape::Rows {
            let found = Diagnostic::error(codes::E0301, ty.span, "a source is a `stream<T>` or a `table<T> key k`");
            self.report(found);
            return Known::Failed;
        }
        let columns = record.fields;
        let has_key = !key.is_empty() || settings.get("key").is_some();
        let key = self.key_of(key, &settings, &columns);
        if shape == Shape::Table && !has_key {
            let found =
                Diagnostic::error(codes::E0503, decl.name.span, format!("the table `{}` has no key", decl.name.text));
            self.report(found.help("say which columns tell its rows apart: `table<T> key id`"));
        }
        let file = self.text_setting(&settings, "file");
        let place = self.text_setting(&settings, "path");
        let history = self.text_setting(&settings, "history");
        let format = self.word_setting(&settings, "format", &["json", "csv", "parquet"]);
        let format = format_of(format, file.as_deref().or(place.as_deref()));
        let unit = self.word_setting(&settings, "unit", &["s", "ms", "us"]).map(|unit| match unit {
            "s" => TimeUnit::Seconds,
            "ms" => TimeUnit::Milliseconds,
            _ => TimeUnit::Microseconds,
        });
        let time = self.instant_column(&settings, "time", &columns);
        let arrival = self.word_setting(&settings, "arrival", &["event", "log"]);
        let unique = self.columns_setting(&settings, "unique", &columns);
        let versions = self.instant_column(&settings, "versions", &columns);
        if let (Shape::Stream, Some("event"), None, Some(set)) =
            (shape, arrival, settings.get("time"), settings.get("arrival"))
        {
            let found = Diagnostic::error(codes::E0503, set.span, "`arrival: event` needs `time`");
            self.report(found.help(
                "say which column is the time of an event, `time: at`; or leave `arrival` out, and an event arrives when the log takes it",
            ));
        }
        if let (Shape::Table, Some(first)) = (shape, settings.get("unique").or_else(|| settings.get("lateness"))) {
            self.report(Diagnostic::error(codes::E0502, first.span, "this setting belongs to streams"));
        }
        let relation = RelationType {
            columns,
            key: key.clone(),
            boundedness: if shape == Shape::Stream { Boundedness::Stream } else { Boundedness::Table },
            changes: false,
            timed: shape == Shape::Stream,
            late: false,
        };
        let info = SourceInfo { path, ty: Rc::new(relation.clone()), row: record.name, table: shape == Shape::Table };
        let topic = self.text_setting(&settings, "topic");
        let source = Source {
            name: path,
            docs: item.docs.join("\n"),
            shape,
            ty: relation,
            topic: topic.unwrap_or_else(|| path.to_string()),
            file,
            path: place,
            history,
            format,
            unit,
            key,
            time,
            arrival_is_event_time: arrival == Some("event"),
            lateness: self.duration_setting(&settings, "lateness").unwrap_or(DEFAULT_LATENESS),
            ahead: self.duration_setting(&settings, "ahead"),
            idle: self.duration_setting(&settings, "idle").unwrap_or(DEFAULT_IDLE),
            unique,
            versions,
            span: decl.name.span,
        };
        self.model.sources.push(source);
        Known::Source(Rc::new(info))
    }

    /// What is emitted lies apart from what comes from outside: a topic of both names is two.
    pub(crate) fn check_topics(&mut self) {
        let mut found = Vec::new();
        for source in self.model.sources.iter().filter(|source| source.shape == Shape::Stream) {
            // One that is declared twice is told as that.
            let writes =
                |sink: &&Sink| sink.shape != Shape::Rows && sink.topic == source.topic && sink.name != source.name;
            if let Some(sink) = self.model.sinks.iter().find(writes) {
                let message = format!("nothing that is emitted to `{}` comes to `{}` yet", sink.name, source.name);
                found.push(
                    Diagnostic::warning(codes::W0002, source.span, message)
                        .label(sink.span, format!("writes the topic `{}`, too", sink.topic))
                        .help("give the rows that are emitted a name, `view v = …`, and read `v` in both places"),
                );
            }
        }
        for one in found {
            self.report(one);
        }
    }

    /// The columns of a key, which stands behind the type or in the settings.
    pub(crate) fn key_of(
        &mut self,
        key: &'a [ast::Name],
        settings: &crate::settings::Settings<'a>,
        columns: &[Column],
    ) -> Vec<Symbol> {
        let behind = self.key_columns(key, columns);
        let set = self.columns_setting(settings, "key", columns);
        if let (Some(first), Some(second)) = (key.first(), settings.get("key")) {
            let list = |names: &[Symbol]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            if !behind.is_empty() && !set.is_empty() {
                let message = format!("the key is given twice: {} behind the type, and {}", list(&behind), list(&set));
                let found = Diagnostic::error(codes::E0502, second.span, message).label(first.span, "here, too");
                self.report(found.help("say it once"));
            }
        }
        if key.is_empty() { set } else { behind }
    }

    /// The columns after `key` of a table.
    pub(crate) fn key_columns(&mut self, key: &'a [ast::Name], columns: &[Column]) -> Vec<Symbol> {
        let mut names = Vec::with_capacity(key.len());
        for name in key {
            match columns.iter().find(|column| column.name == name.text) {
                None => self.no_column(name, columns),
                Some(column) if !is_key(&column.ty.kind) => {
                    let found = Diagnostic::error(codes::E0317, name.span, format!("`{}` cannot be a key", column.ty));
                    self.report(found);
                }
                Some(_) if names.contains(&name.text) => {
                    self.report(Diagnostic::error(
                        codes::E0310,
                        name.span,
                        format!("`{}` stands twice in the key", name.text),
                    ));
                }
                Some(_) => names.push(name.text),
            }
        }
        names
    }

    fn instant_column(
        &mut self,
        settings: &crate::settings::Settings<'a>,
        name: &str,
        columns: &[Column],
    ) -> Option<Symbol> {
        let column = self.columns_setting(settings, name, columns).into_iter().next()?;
        let ty = columns.iter().find(|other| other.name == column).map(|other| &other.ty)?;
        if matches!(ty.kind, Kind::Error) {
            return Some(column);
        }
        if ty.kind != Kind::Timestamp || ty.optional {
            let span = settings.get(name).map(|value| value.span).unwrap_or_default();
            let found = Diagnostic::error(
                codes::E0502,
                span,
                format!("`{name}` is a column of type `timestamp`, but `{column}` is `{ty}`"),
            );
            let found = match ty.kind {
                Kind::Int => found.help("declare it as `timestamp`, and say `unit: ms` where the data has integers"),
                _ => found,
            };
            self.report(found);
            return None;
        }
        Some(column)
    }
}

/// The format as set, else by the ending of the file, else JSON.
pub(crate) fn format_of(set: Option<&str>, file: Option<&str>) -> Format {
    let ending = file.and_then(|file| file.rsplit_once('.')).map(|(_, ending)| ending);
    match set.or(ending) {
        Some("csv") => Format::Csv,
        Some("parquet") => Format::Parquet,
        _ => Format::Json,
    }
}
