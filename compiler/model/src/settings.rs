//! Settings: `name: value` of sources, sinks and others, each read once.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, ExprKind as Ast};

use crate::check::Checker;
use crate::types::Column;
use crate::unknown::{suggest, suggest_among};

/// The settings of a declaration.
pub(crate) struct Settings<'a> {
    list: &'a [ast::Setting],
}

impl<'a> Settings<'a> {
    /// The value of a setting, where it stands.
    pub fn get(&self, name: &str) -> Option<&'a ast::Expr> {
        self.list.iter().find(|setting| setting.name.text == name).map(|setting| &setting.value)
    }
}

impl<'a> Checker<'a> {
    /// The settings, after a check of their names: `known` there are, `later` there will be.
    pub(crate) fn settings(
        &mut self,
        list: &'a [ast::Setting],
        what: &str,
        known: &[&str],
        later: &[&str],
    ) -> Settings<'a> {
        for (index, setting) in list.iter().enumerate() {
            let name = setting.name.text.as_str();
            if list.iter().take(index).any(|other| other.name.text == name) {
                self.report(Diagnostic::error(codes::E0504, setting.name.span, format!("`{name}` is set twice")));
            } else if later.contains(&name) {
                self.report(Diagnostic::not_yet(setting.name.span, &format!("the setting `{name}`")));
            } else if !known.contains(&name) {
                let found =
                    Diagnostic::error(codes::E0501, setting.name.span, format!("{what} has no setting `{name}`"));
                self.report(suggest_among(found, setting.name.span, name, known, "it has"));
            }
        }
        Settings { list }
    }

    /// A setting that is a text.
    pub(crate) fn text_setting(&mut self, settings: &Settings<'a>, name: &str) -> Option<String> {
        let value = settings.get(name)?;
        self.constant_text(value, &format!("`{name}`"))
    }

    /// A setting that is a duration of at least nothing.
    pub(crate) fn duration_setting(&mut self, settings: &Settings<'a>, name: &str) -> Option<i64> {
        let value = settings.get(name)?;
        let micros = self.constant_duration(value, &format!("`{name}`"))?;
        if micros < 0 {
            self.report(Diagnostic::error(codes::E0502, value.span, format!("`{name}` cannot be negative")));
            return None;
        }
        Some(micros)
    }

    /// A setting that names columns: one, or several in brackets.
    pub(crate) fn columns_setting(&mut self, settings: &Settings<'a>, name: &str, columns: &[Column]) -> Vec<Symbol> {
        let Some(value) = settings.get(name) else { return Vec::new() };
        let list: Vec<(Symbol, Span)> = match &value.kind {
            Ast::Name(column) => vec![(*column, value.span)],
            Ast::List(items) => items
                .iter()
                .filter_map(|item| match &item.kind {
                    Ast::Name(column) => Some((*column, item.span)),
                    _ => None,
                })
                .collect(),
            Ast::Error => return Vec::new(),
            _ => Vec::new(),
        };
        if list.is_empty() {
            let found = Diagnostic::error(codes::E0502, value.span, format!("`{name}` wants a column"));
            self.report(found.help("several stand in brackets: `[a, b]`"));
        }
        let mut names = Vec::with_capacity(list.len());
        for (column, span) in list {
            if columns.iter().any(|other| other.name == column) {
                names.push(column.to_owned());
            } else {
                self.no_column(&ast::Name { text: column, span }, columns);
            }
        }
        names
    }

    /// A setting that is one of some words.
    pub(crate) fn word_setting(&mut self, settings: &Settings<'a>, name: &str, words: &[&str]) -> Option<&'a str> {
        let value = settings.get(name)?;
        let word = match &value.kind {
            Ast::Name(word) => word.as_str(),
            Ast::Literal(ast::Literal::String(word)) => word.as_str(),
            Ast::Error => return None,
            _ => "",
        };
        if words.contains(&word) {
            return Some(word);
        }
        let found = Diagnostic::error(codes::E0502, value.span, format!("`{name}` is one of `{}`", words.join("`, `")));
        self.report(suggest(found, value.span, word, words.iter().copied()));
        None
    }
}
