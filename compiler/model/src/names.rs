//! Declared names: collected from all files, found from any place, checked once when first needed.

use std::rc::Rc;

use fec_diagnostics::{Diagnostic, FileId, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, ItemKind, StatementKind};
use hashbrown::HashSet;
use hashbrown::hash_map::Entry;

use crate::calls::Template;
use crate::check::Checker;
use crate::types::{Column, Columns, Record, RelationType, Type};
use crate::unknown::suggest_among;

/// A declaration by its number.
pub(crate) type DeclId = usize;

/// A declared name.
#[derive(Clone, Copy)]
pub(crate) struct Decl<'a> {
    pub name: &'a ast::Name,
    pub engine: Option<Symbol>,
    pub kind: DeclKind<'a>,
}

/// What declares it.
#[derive(Clone, Copy)]
pub(crate) enum DeclKind<'a> {
    Item(&'a ast::Item),
    /// A name of `use`, with its module: `std.ml`.
    Import(&'a [ast::Name]),
}

/// How far a declaration has been checked.
pub(crate) enum State {
    Todo,
    Doing,
    Done(Known),
}

/// What other declarations see of one.
#[derive(Clone)]
pub(crate) enum Known {
    /// A record type.
    Record(Rc<Record>),
    /// An enumeration.
    Enum,
    /// A parameter.
    Param(Type),
    Secret,
    Source(Rc<SourceInfo>),
    Sink(Rc<SinkInfo>),
    View(Rc<ViewInfo>),
    Features(Rc<SetInfo>),
    /// A function or decision table.
    Function(Rc<Template>),
    /// A job or stream.
    Flow,
    Service(Rc<ServiceInfo>),
    /// An imported name with its module.
    Import(String),
    /// Wrong or not there yet; a diagnostic was given.
    Failed,
}

pub(crate) struct SourceInfo {
    pub path: Symbol,
    pub ty: Rc<RelationType>,
    /// The declared name of its rows' type.
    pub row: Option<Symbol>,
    pub table: bool,
}

pub(crate) struct SinkInfo {
    pub path: Symbol,
    pub columns: Columns,
    pub key: Vec<Symbol>,
    pub write: crate::model::Write,
    pub span: Span,
}

pub(crate) struct ViewInfo {
    pub path: Symbol,
    pub ty: Rc<RelationType>,
    pub events: bool,
    /// Whether it has a key of its own, or that of a table.
    pub is_read_by_key: bool,
    /// Whether the last row of each key is kept.
    pub kept: bool,
    /// Whether its rows come out of streams.
    pub streams: bool,
    /// An operator that streams do not have.
    pub bounded_only: Option<(Span, String)>,
    /// The stream its rows come from.
    pub base: Option<Symbol>,
    pub failed: bool,
}

pub(crate) struct SetInfo {
    pub path: Symbol,
    pub keys: Vec<Column>,
    pub record: Record,
    pub base: Option<Symbol>,
    pub failed: bool,
}

pub(crate) struct ServiceInfo {
    pub path: Symbol,
    pub params: Vec<Column>,
    pub result: Type,
}

/// The declared name of an item, where it has one of its own in the namespace.
pub(crate) fn item_name(item: &ast::Item) -> Option<&ast::Name> {
    match &item.kind {
        ItemKind::Type { name, .. }
        | ItemKind::Enum { name, .. }
        | ItemKind::Param { name, .. }
        | ItemKind::Secret { name }
        | ItemKind::Source { name, .. }
        | ItemKind::Sink { name, .. }
        | ItemKind::View { name, .. }
        | ItemKind::Features { name, .. }
        | ItemKind::Func { name, .. }
        | ItemKind::Rules { name, .. }
        | ItemKind::Job { name, .. }
        | ItemKind::Stream { name, .. }
        | ItemKind::Service { name, .. } => Some(name),
        ItemKind::NotYet { name, .. } => name.as_ref(),
        _ => None,
    }
}

impl<'a> Checker<'a> {
    /// Collects the names of all files.
    pub(crate) fn collect(&mut self, files: &[(FileId, &'a ast::File)]) {
        for (_, file) in files {
            for item in &file.items {
                match &item.kind {
                    ItemKind::Engine { name, items } => {
                        if self.engines.contains_key(name.text.as_str()) {
                            self.report(Diagnostic::error(
                                codes::E0202,
                                name.span,
                                format!("the engine `{}` is declared twice", name.text),
                            ));
                        }
                        self.engines.entry(name.text).or_default();
                        for item in items {
                            self.declare(item, Some(name.text));
                        }
                    }
                    ItemKind::Use { path, names } => self.import(path, names),
                    _ => self.declare(item, None),
                }
            }
        }
        for id in 0..self.decls.len() {
            let Some(Decl { kind: DeclKind::Item(item), .. }) = self.decls.get(id).copied() else { continue };
            if let ItemKind::Job { body, .. } = &item.kind {
                self.collect_published(id, body, &HashSet::new());
            }
        }
    }

    fn declare(&mut self, item: &'a ast::Item, engine: Option<Symbol>) {
        match &item.kind {
            ItemKind::NotYet { keyword, .. } => {
                self.report(Diagnostic::not_yet(keyword.span, &with_article(&keyword.text)));
            }
            ItemKind::Engine { name, .. } if engine.is_some() => {
                self.report(Diagnostic::error(
                    codes::E0409,
                    name.span,
                    "an engine stands at top level, not in another engine",
                ));
            }
            ItemKind::Solution { .. } | ItemKind::Target { .. } | ItemKind::Test { .. } | ItemKind::Use { .. }
                if engine.is_some() =>
            {
                let word = match &item.kind {
                    ItemKind::Solution { .. } => "solution",
                    ItemKind::Target { .. } => "target",
                    ItemKind::Test { .. } => "test",
                    _ => "use",
                };
                let end = (word.len() as u32).saturating_add(item.span.start).min(item.span.end);
                let message = format!("a `{word}` stands at top level, not in an engine");
                self.report(Diagnostic::error(codes::E0409, Span { end, ..item.span }, message));
            }
            _ => {}
        }
        if let Some(name) = item_name(item) {
            self.add(Decl { name, engine, kind: DeclKind::Item(item) });
        }
    }

    fn import(&mut self, path: &'a [ast::Name], names: &'a [ast::Name]) {
        let module: Vec<&str> = path.iter().map(|part| part.text.as_str()).collect();
        let module = module.join(".");
        let known = known_imports(&module);
        let place =
            path.first().map_or_else(Span::default, |first| path.last().map_or(first.span, |l| first.span.to(l.span)));
        if known.is_none() {
            if LATER_MODULES.contains(&module.as_str()) {
                self.report(Diagnostic::not_yet(place, &format!("`{module}`")));
            } else {
                let found = Diagnostic::error(codes::E0205, place, format!("there is no module `{module}`"));
                let found = found.help("there are `std.ml` and `std.simulate`");
                self.report(found);
            }
        }
        for name in names {
            if let Some(known) = known
                && !known.contains(&name.text.as_str())
            {
                let found = Diagnostic::error(
                    codes::E0205,
                    name.span,
                    format!("`{module}` has nothing called `{}`", name.text),
                );
                let found = suggest_among(found, name.span, &name.text, known, "it has");
                self.report(found);
            }
            self.add(Decl { name, engine: None, kind: DeclKind::Import(path) });
            if let (true, Some(state)) =
                (known.is_none_or(|known| !known.contains(&name.text.as_str())), self.states.last_mut())
            {
                *state = State::Done(Known::Failed);
            }
        }
    }

    fn add(&mut self, decl: Decl<'a>) {
        let id = self.decls.len();
        let names = match decl.engine {
            Some(engine) => self.engines.entry(engine).or_default(),
            None => &mut self.top,
        };
        match names.entry(decl.name.text) {
            Entry::Vacant(entry) => {
                entry.insert(id);
            }
            Entry::Occupied(entry) => {
                let first = self.decls.get(*entry.get()).map(|first| first.name.span);
                let mut found =
                    Diagnostic::error(codes::E0202, decl.name.span, format!("`{}` is declared twice", decl.name.text));
                if let Some(first) = first {
                    found = found.label(first, "first declared here");
                }
                self.diagnostics.push(found);
            }
        }
        self.decls.push(decl);
        self.states.push(State::Todo);
    }

    /// The names that some statements of a job publish. `before` are those that have been published on every way to them: the
    /// branches of an `if` or `match` may publish one name each, since one of them is taken.
    fn collect_published(
        &mut self,
        job: DeclId,
        body: &'a [ast::Statement],
        before: &HashSet<Symbol>,
    ) -> HashSet<Symbol> {
        let mut so_far = before.clone();
        for statement in body {
            match &statement.kind {
                StatementKind::Publish { name, .. } => {
                    let owner = *self.published.entry(name.text).or_insert(job);
                    if owner != job || !so_far.insert(name.text) {
                        self.report(Diagnostic::error(
                            codes::E0202,
                            name.span,
                            format!("`{}` is published twice", name.text),
                        ));
                    }
                }
                StatementKind::If { then, otherwise, .. } => {
                    let branches = [then, otherwise].map(|branch| self.collect_published(job, branch, &so_far));
                    so_far.extend(branches.into_iter().flatten());
                }
                StatementKind::Match { arms, .. } => {
                    let branches: Vec<_> =
                        arms.iter().map(|(_, branch)| self.collect_published(job, branch, &so_far)).collect();
                    so_far.extend(branches.into_iter().flatten());
                }
                _ => {}
            }
        }
        so_far
    }

    /// The declaration that a name means in an engine or at top level.
    pub(crate) fn resolve(&self, engine: Option<Symbol>, name: &str) -> Option<DeclId> {
        engine
            .and_then(|engine| self.engines.get(&engine))
            .and_then(|names| names.get(name))
            .or_else(|| self.top.get(name))
            .copied()
    }

    /// What is known of a declaration; checks it when that has not been done. `at` is the place that needs it.
    pub(crate) fn known(&mut self, id: DeclId, at: Option<Span>) -> Known {
        match self.states.get_mut(id) {
            Some(State::Done(known)) => return known.clone(),
            Some(State::Doing) => {
                self.report_cycle(id, at);
                return Known::Failed;
            }
            Some(state) => *state = State::Doing,
            None => return Known::Failed,
        }
        let Some(decl) = self.decls.get(id).copied() else { return Known::Failed };
        self.stack.push(id);
        let depth = std::mem::take(&mut self.depth);
        let known = self.check_declaration(decl);
        self.depth = depth;
        self.stack.pop();
        if let Some(state) = self.states.get_mut(id)
            && matches!(state, State::Doing)
        {
            *state = State::Done(known);
        }
        self.settled(id).cloned().unwrap_or(Known::Failed)
    }

    fn check_declaration(&mut self, decl: Decl<'a>) -> Known {
        let item = match decl.kind {
            DeclKind::Import(path) => {
                let module: Vec<&str> = path.iter().map(|part| part.text.as_str()).collect();
                return Known::Import(module.join("."));
            }
            DeclKind::Item(item) => item,
        };
        self.allow_attributes(item);
        match &item.kind {
            ItemKind::Type { name, fields } => self.declare_type(decl.path(), name, fields, &item.docs, decl.engine),
            ItemKind::Enum { name, members } => self.declare_enum(name, members),
            ItemKind::Param { name, ty, default } => self.declare_param(name, ty, default.as_ref(), decl.engine),
            ItemKind::Secret { name } => {
                self.model.secrets.push(name.text);
                Known::Secret
            }
            ItemKind::Source { ty, key, settings, .. } => self.declare_source(&decl, item, ty, key, settings),
            ItemKind::Sink { ty, key, settings, .. } => self.declare_sink(&decl, item, ty, key, settings),
            ItemKind::View { ty, key, value, .. } => self.declare_view(&decl, ty.as_ref(), key, value),
            ItemKind::Features { by, from, lines, .. } => self.declare_features(&decl, item, by, from, lines),
            ItemKind::Func { name, params, result, body } => self.declare_func(name, params, result, body, decl.engine),
            ItemKind::Rules { name, params, result, mode, rows } => {
                self.declare_rules(name, params, result, mode, rows, decl.engine)
            }
            ItemKind::Job { .. } | ItemKind::Stream { .. } => Known::Flow,
            ItemKind::Service { params, result, .. } => self.declare_service(&decl, params, result),
            _ => Known::Failed,
        }
    }

    fn report_cycle(&mut self, id: DeclId, at: Option<Span>) {
        let from = self.stack.iter().position(|member| *member == id).unwrap_or(0);
        let names: Vec<String> = self
            .stack
            .iter()
            .skip(from)
            .chain([&id])
            .filter_map(|member| self.decls.get(*member))
            .map(|decl| format!("`{}`", decl.name.text))
            .collect();
        let Some(decl) = self.decls.get(id) else { return };
        let span = at.unwrap_or(decl.name.span);
        let mut found =
            Diagnostic::error(codes::E0211, span, format!("`{}` needs itself", decl.name.text)).here("needed here");
        if names.len() > 2 {
            found = found.help(format!("the way round is {}", names.join(" → ")));
        }
        self.diagnostics.push(found);
        if let Some(state) = self.states.get_mut(id) {
            *state = State::Done(Known::Failed);
        }
    }
}

impl Decl<'_> {
    /// `engine.name`, or the name alone.
    pub(crate) fn path(&self) -> Symbol {
        match self.engine {
            Some(engine) => format!("{engine}.{}", self.name.text).into(),
            None => self.name.text,
        }
    }
}

/// Column names for a message.
pub(crate) fn list_of(columns: &[Column]) -> String {
    let mut names: Vec<String> = columns.iter().take(12).map(|column| format!("`{}`", column.name)).collect();
    if columns.len() > 12 {
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// `a component`, `an experiment`.
pub(crate) fn with_article(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} `{word}`")
}

const LATER_MODULES: &[&str] = &["std.recall", "std.rank"];

fn known_imports(module: &str) -> Option<&'static [&'static str]> {
    match module {
        "std.ml" => Some(&["gbdt", "evaluate", "split"]),
        "std.simulate" => Some(&["cards"]),
        _ => None,
    }
}
