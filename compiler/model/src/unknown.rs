//! Names that nothing has: what is said, with what may have been meant.

use fec_diagnostics::{Diagnostic, Span, closest, codes};
use fec_syntax::ast::ItemKind;
use fec_syntax::{Symbol, foreign};

use crate::check::Checker;
use crate::names::{DeclKind, list_of};
use crate::scope::{Place, Scope};

impl<'a> Checker<'a> {
    /// Says that a name is unknown, with what may have been meant.
    pub(crate) fn unknown_name(&mut self, name: &str, span: Span, scope: &Scope<'_>) {
        let declared = match scope.place {
            Place::Service | Place::Test => self.declared(scope, |item| {
                matches!(item, ItemKind::Features { by, .. } if by.is_empty())
                    || matches!(item, ItemKind::Sink { .. } | ItemKind::Source { .. } | ItemKind::View { .. })
            }),
            _ => Vec::new(),
        };
        self.unknown_among(name, span, scope, &declared);
    }

    /// The same of what is read by key.
    pub(crate) fn unknown_read(&mut self, name: &str, span: Span, scope: &Scope<'_>) {
        let declared = self.declared(scope, |item| {
            matches!(item, ItemKind::Features { .. } | ItemKind::Source { .. } | ItemKind::View { .. })
        });
        self.unknown_among(name, span, scope, &declared);
    }

    /// The names that a flow's engine and the top level have of some kinds of declarations.
    fn declared(&self, scope: &Scope<'_>, is_meant: fn(&ItemKind) -> bool) -> Vec<&'a str> {
        let own = scope.engine.and_then(|engine| self.engines.get(&engine)).into_iter().flatten();
        let all = own.chain(&self.top).filter_map(|(_, id)| self.decls.get(*id));
        let meant = all.filter(|decl| matches!(decl.kind, DeclKind::Item(item) if is_meant(&item.kind)));
        let mut names: Vec<&str> = meant.map(|decl| decl.name.text.as_str()).collect();
        names.sort_unstable();
        names
    }

    fn unknown_among(&mut self, name: &str, span: Span, scope: &Scope<'_>, declared: &[&str]) {
        if self.is_elsewhere(name, span) {
            return;
        }
        let in_row = scope.row.is_some();
        let mut candidates: Vec<&str> = Vec::new();
        candidates.extend(scope.row.iter().flat_map(|row| row.iter().map(|column| column.name.as_str())));
        candidates.extend(scope.vars.iter().map(|var| var.name.as_str()));
        candidates.extend(scope.flow.iter().flat_map(|flow| flow.names()));
        let near = closest(name, candidates.iter().copied())
            .or_else(|| closest(name, self.model.params.iter().map(|param| param.name.as_str())))
            .or_else(|| closest(name, declared.iter().copied()));
        let found = if in_row {
            Diagnostic::error(codes::E0203, span, format!("there is no column `{name}` here"))
        } else {
            Diagnostic::error(codes::E0201, span, format!("there is nothing called `{name}` here"))
        };
        let mut enums: Vec<&Symbol> =
            self.members.iter().filter(|(_, m)| m.contains_key(name)).map(|(e, _)| e).collect();
        enums.sort_unstable();
        if let (Some(foreign), true) = (foreign::value(name), enums.is_empty()) {
            return self.report(foreign.mends(found, span));
        }
        let found = match (near, enums.as_slice()) {
            (Some(near), _) => found.fix(format!("write `{near}`"), span, near),
            (None, [only]) => found.fix(format!("write `{only}.{name}`"), span, format!("{only}.{name}")),
            (None, [first, _, ..]) => {
                let all = enums.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
                found.help(format!("it is a member of {all}: say of which, as in `{first}.{name}`"))
            }
            (None, []) => match scope.row {
                Some(row) if !row.is_empty() => found.help(format!("the columns are {}", list_of(row))),
                _ if scope.place == Place::Constant => found
                    .help("what stands here is known before the program runs: a literal, or a `param` of the solution"),
                _ => found,
            },
        };
        self.report(found);
    }

    /// Whether an engine has the name for itself, which is then said.
    pub(crate) fn is_elsewhere(&mut self, name: &str, span: Span) -> bool {
        let own = self.engines.iter().find(|(_, names)| names.contains_key(name));
        let Some((engine, _)) = own else { return false };
        let found = Diagnostic::error(codes::E0210, span, format!("`{name}` belongs to the engine `{engine}`"));
        self.report(found.help("declare at top level what several engines use"));
        true
    }

    /// Says that a relation's name is unknown.
    pub(crate) fn unknown_relation(&mut self, name: &str, span: Span, scope: &Scope<'_>) {
        let relations = self.declared(scope, |item| matches!(item, ItemKind::Source { .. } | ItemKind::View { .. }));
        self.unknown_of(name, span, scope, relations);
    }

    /// Says that the name of a feature set is unknown.
    pub(crate) fn unknown_features(&mut self, name: &str, span: Span, scope: &Scope<'_>) {
        let sets = self.declared(scope, |item| matches!(item, ItemKind::Features { .. }));
        self.unknown_of(name, span, scope, sets);
    }

    fn unknown_of(&mut self, name: &str, span: Span, scope: &Scope<'_>, declared: Vec<&str>) {
        if self.is_elsewhere(name, span) {
            return;
        }
        let found = Diagnostic::error(codes::E0201, span, format!("there is nothing called `{name}`"));
        let mut candidates = declared;
        candidates.extend(scope.flow.iter().flat_map(|flow| flow.names()));
        candidates.sort_unstable();
        let found = match foreign::value(name) {
            Some(foreign) => foreign.mends(found, span),
            None => suggest(found, span, name, candidates),
        };
        self.report(found);
    }
}

/// Adds the closest of few candidates as a repair, or all of them where none is close: `has` is what stands before them, as
/// "it takes".
pub(crate) fn suggest_among(found: Diagnostic, span: Span, name: &str, known: &[&str], has: &str) -> Diagnostic {
    match closest(name, known.iter().copied()) {
        Some(near) => found.fix(format!("write `{near}`"), span, near),
        None => found.help(format!("{has} `{}`", known.join("`, `"))),
    }
}

/// Adds the closest candidate as a repair.
pub(crate) fn suggest<'b>(
    found: Diagnostic,
    span: Span,
    name: &str,
    candidates: impl IntoIterator<Item = &'b str>,
) -> Diagnostic {
    match closest(name, candidates) {
        Some(near) => found.fix(format!("write `{near}`"), span, near),
        None => found,
    }
}
