//! Tests of the language.

use std::collections::HashSet;

use fec_diagnostics::{Diagnostic, FileId, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, ExprKind as Ast, ItemKind, TestLine};

use crate::check::Checker;
use crate::expr::{Expr, ExprKind, Literal};
use crate::model::Test;
use crate::names::Known;
use crate::scope::{Place, Scope};
use crate::types::{Kind, Record, Type};
use crate::unknown::suggest;

impl<'a> Checker<'a> {
    pub(crate) fn tests(&mut self, files: &[(FileId, &'a ast::File)]) {
        let mut names: HashSet<&str> = HashSet::new();
        for item in files.iter().flat_map(|(_, file)| &file.items) {
            let ItemKind::Test { name, name_span, lines } = &item.kind else { continue };
            self.allow_attributes(item);
            if !names.insert(name) {
                self.report(Diagnostic::error(codes::E0202, *name_span, format!("the test \"{name}\" is there twice")));
            }
            let mut test = Test {
                name: name.clone(),
                given: Vec::new(),
                returns: Vec::new(),
                at: None,
                expectations: Vec::new(),
                span: *name_span,
            };
            for line in lines {
                self.test_line(line, &mut test);
            }
            if test.expectations.is_empty()
                && !lines.iter().any(|line| matches!(line, TestLine::Expect(_) | TestLine::Error(_)))
            {
                let found = Diagnostic::error(codes::E0503, *name_span, "a test expects something");
                self.report(found.help("as in `expect score(…).verdict == block`"));
            }
            self.model.tests.push(test);
        }
    }

    fn test_line(&mut self, line: &'a TestLine, test: &mut Test) {
        let scope = Scope::new(Place::Test, None);
        match line {
            TestLine::GivenRows { name, rows } => {
                if let Some((path, rows)) = self.given_rows(name, rows, &scope) {
                    match test.given.iter_mut().find(|(other, _)| *other == path) {
                        Some((_, list)) => list.extend(rows),
                        None => test.given.push((path, rows)),
                    }
                }
            }
            TestLine::GivenReturns { name, value } => {
                let Some(output) = self.model_output(name) else { return };
                let value = self.demand(value, &scope, &output, format_args!("the result of `{}`", name.text));
                if value.ty.kind == Kind::Error {
                    return;
                }
                if test.returns.iter().any(|(other, _)| *other == name.text) {
                    self.report(Diagnostic::error(codes::E0202, name.span, format!("`{}` is given twice", name.text)));
                    return;
                }
                test.returns.push((name.text, value));
            }
            TestLine::At(at) => {
                let value = self.constant(at, &Type::required(Kind::Timestamp), format_args!("`at`"));
                let Some(Expr { kind: ExprKind::Literal(Literal::Timestamp(micros)), .. }) = value else { return };
                if test.at.is_some() {
                    self.report(Diagnostic::error(codes::E0504, at.span, "`at` stands twice"));
                }
                test.at = Some(micros);
            }
            TestLine::Expect(e) => {
                let expectation = self.condition(e, &scope, "`expect`");
                if expectation.ty.kind != Kind::Error {
                    test.expectations.push(expectation);
                }
            }
            TestLine::Error(_) => {}
        }
    }

    fn model_output(&mut self, name: &'a ast::Name) -> Option<Type> {
        if self.published.contains_key(name.text.as_str()) {
            return Some(Type::maybe(Kind::Float));
        }
        let found = match self.resolve(None, &name.text) {
            Some(id) if matches!(self.known(id, None), Known::Failed) => return None,
            _ => Diagnostic::error(codes::E0201, name.span, format!("there is no model `{}`", name.text)),
        };
        let models: Vec<Symbol> = self.model.models.iter().map(|model| model.name).collect();
        self.report(suggest(found, name.span, &name.text, models.iter().map(Symbol::as_str)));
        None
    }

    fn given_rows(
        &mut self,
        name: &'a ast::Name,
        rows: &'a ast::Expr,
        scope: &Scope<'_>,
    ) -> Option<(Symbol, Vec<Expr>)> {
        let source = match self.resolve(None, &name.text) {
            Some(id) => match self.known(id, Some(name.span)) {
                Known::Source(source) => source,
                Known::Failed => return None,
                Known::View(_) => {
                    self.report(Diagnostic::not_yet(name.span, "`given` for a view"));
                    return None;
                }
                _ => {
                    let found = Diagnostic::error(codes::E0306, name.span, format!("`{}` is not a source", name.text));
                    self.report(found.help("events are given to sources: `given payments […]`"));
                    return None;
                }
            },
            None => {
                let found = Diagnostic::error(codes::E0201, name.span, format!("there is no source `{}`", name.text));
                let sources: Vec<Symbol> = self.model.sources.iter().map(|source| source.name).collect();
                self.report(suggest(found, name.span, &name.text, sources.iter().map(Symbol::as_str)));
                return None;
            }
        };
        let Ast::List(items) = &rows.kind else {
            if !matches!(rows.kind, Ast::Error) {
                self.report(Diagnostic::error(codes::E0301, rows.span, "the rows stand in a list: `[ { … } ]`"));
            }
            return None;
        };
        let record = Record { name: source.row, fields: source.ty.columns.clone() };
        let ty = Type::required(Kind::Record(record));
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let row = self.demand(item, scope, &ty, format_args!("a row of `{}`", name.text));
            if row.ty.kind == Kind::Error {
                continue;
            }
            list.push(row);
        }
        Some((source.path, list))
    }
}
