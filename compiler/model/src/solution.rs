//! The solution itself and its parameters.

use fec_diagnostics::{Diagnostic, FileId, Span, closest, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, ItemKind, TargetEntry};

use crate::check::Checker;
use crate::expr::ExprKind;
use crate::model::Param;
use crate::names::Known;

impl<'a> Checker<'a> {
    /// The `solution` declaration: exactly one.
    pub(crate) fn solution(&mut self, files: &[(FileId, &'a ast::File)]) {
        "solution".clone_into(&mut self.model.name);
        "UTC".clone_into(&mut self.model.timezone);
        let mut first: Option<Span> = None;
        for item in files.iter().flat_map(|(_, file)| &file.items) {
            let ItemKind::Solution { name, settings } = &item.kind else { continue };
            if let Some(first) = first {
                let found = Diagnostic::error(codes::E0206, name.span, "there is one solution, and this is another");
                self.report(found.label(first, "the first"));
                continue;
            }
            first = Some(name.span);
            self.allow_attributes(item);
            self.model.name = name.text.to_string();
            self.model.description = item.docs.join("\n");
            let settings =
                self.settings(settings, "a solution", &["version", "description", "timezone"], &["dependencies"]);
            self.model.version = self.text_setting(&settings, "version").unwrap_or_default();
            if let Some(text) = self.text_setting(&settings, "description") {
                self.model.description = text;
            }
            if let (Some(zone), Some(place)) = (self.text_setting(&settings, "timezone"), settings.get("timezone"))
                && self.is_zone(&zone, place.span)
            {
                self.model.timezone = zone;
            }
        }
        if first.is_none() {
            let start = files.first().map_or_else(Span::default, |(file, _)| Span::new(*file, 0, 0));
            let found = Diagnostic::error(codes::E0206, start, "the solution has no name");
            self.report(found.help("begin with `solution name { version: \"1.0.0\" }`"));
        }
        self.given_params(files);
    }

    /// Values that the chosen target gives to parameters.
    fn given_params(&mut self, files: &[(FileId, &'a ast::File)]) {
        let chosen = self.options.target.clone().unwrap_or_else(|| "local".to_owned());
        for item in files.iter().flat_map(|(_, file)| &file.items) {
            let ItemKind::Target { name, entries } = &item.kind else { continue };
            if name.text != chosen {
                continue;
            }
            for entry in entries {
                if let TargetEntry::Setting(setting) = entry {
                    self.given_params.insert(&setting.name.text, &setting.value);
                }
            }
        }
    }

    pub(crate) fn declare_param(
        &mut self,
        name: &'a ast::Name,
        ty: &'a ast::TypeExpr,
        default: Option<&'a ast::Expr>,
        engine: Option<Symbol>,
    ) -> Known {
        let ty = self.type_of(ty, engine);
        let given = self.given_params.get(name.text.as_str()).copied();
        if let (Some(default), Some(_)) = (default, given) {
            self.constant(default, &ty, format_args!("`{}`", name.text));
        }
        let Some(value) = given.or(default) else {
            let found =
                Diagnostic::error(codes::E0503, name.span, format!("the parameter `{}` has no value", name.text));
            self.report(found.help("give it a default, or a value in the target"));
            return Known::Param(ty);
        };
        if let Some(mut value) = self.constant(value, &ty, format_args!("`{}`", name.text)) {
            if !matches!(value.kind, ExprKind::Literal(crate::expr::Literal::Null)) {
                value.ty.optional = ty.optional;
            }
            self.model.params.push(Param { name: name.text, ty: ty.clone(), value });
        } else {
            return Known::Failed;
        }
        Known::Param(ty)
    }

    /// A constant of at least `least`.
    pub(crate) fn count(&mut self, value: &'a ast::Expr, what: &str, least: u64) -> Option<u64> {
        let number = self.constant_int(value, what)?;
        match u64::try_from(number) {
            Ok(number) if number >= least => Some(number),
            _ => {
                self.report(Diagnostic::error(codes::E0502, value.span, format!("{what} is at least {least}")));
                None
            }
        }
    }

    /// Whether a text is the name of a time zone.
    pub(crate) fn is_zone(&mut self, zone: &str, span: Span) -> bool {
        if zone == "UTC" || zones().any(|known| zone.split_once('/') == Some(known)) {
            return true;
        }
        let names: Vec<String> = zones().map(|(area, place)| format!("{area}/{place}")).collect();
        let found = Diagnostic::error(codes::E0502, span, format!("`{zone}` is no time zone"));
        self.report(match closest(zone, names.iter().map(String::as_str)) {
            Some(near) => found.fix(format!("write `{near}`"), span, format!("\"{near}\"")),
            None => found.help("zones are named by place, as in the time zone database: `Europe/Berlin`, or `UTC`"),
        });
        false
    }
}

/// The zones of the IANA time zone database, release 2025b, by area and place; those without a place go by `UTC`.
fn zones() -> impl Iterator<Item = (&'static str, &'static str)> {
    let line = |line: &'static str| {
        let (area, places) = line.split_once(':').unwrap_or_default();
        places.split_whitespace().map(move |place| (area, place))
    };
    include_str!("zones.txt").lines().flat_map(line)
}
