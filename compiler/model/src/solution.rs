//! The solution itself, its parameters and targets.

use fec_diagnostics::{Diagnostic, FileId, Span, codes};
use fec_syntax::ast::{self, ExprKind as Ast, ItemKind, TargetEntry};

use crate::check::Checker;
use crate::expr::ExprKind;
use crate::model::{Param, Simulate, Target};
use crate::names::{Known, suggest};

/// What a target binds.
const BINDINGS: &[&str] = &["cluster", "broker", "store", "lake", "batch", "registry", "images", "secrets", "files"];
const DEFAULT_SEED: i64 = 1;
const DEFAULT_ROWS: i64 = 100_000;
const DEFAULT_RATE: f64 = 100.0;

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
            self.model.name.clone_from(&name.text);
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
        engine: Option<&str>,
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
            self.model.params.push(Param { name: name.text.clone(), ty: ty.clone(), value });
        } else {
            return Known::Failed;
        }
        Known::Param(ty)
    }

    /// Targets, of which the local one's simulation is understood.
    pub(crate) fn targets(&mut self, files: &[(FileId, &'a ast::File)]) {
        let mut names: Vec<&str> = Vec::new();
        for item in files.iter().flat_map(|(_, file)| &file.items) {
            let ItemKind::Target { name, entries } = &item.kind else { continue };
            self.allow_attributes(item);
            if names.contains(&name.text.as_str()) {
                self.report(Diagnostic::error(
                    codes::E0202,
                    name.span,
                    format!("the target `{}` is declared twice", name.text),
                ));
                continue;
            }
            names.push(&name.text);
            let mut target = Target { name: name.text.clone(), simulate: None, span: name.span };
            let mut seen: Vec<&str> = Vec::new();
            for entry in entries {
                match entry {
                    TargetEntry::Setting(setting) => {
                        if seen.contains(&setting.name.text.as_str()) {
                            self.report(Diagnostic::error(
                                codes::E0504,
                                setting.name.span,
                                format!("`{}` is set twice", setting.name.text),
                            ));
                            continue;
                        }
                        seen.push(&setting.name.text);
                        self.target_setting(setting, &mut target);
                    }
                    TargetEntry::Scale { path, .. } => self.scaled(path),
                }
            }
            self.model.targets.push(target);
        }
        if let Some(wanted) = self.options.target.clone()
            && wanted != "local"
            && !names.contains(&wanted.as_str())
        {
            let found = Diagnostic::error(codes::E0505, Span::default(), format!("there is no target `{wanted}`"));
            self.report(found.help("declare it: `target name { … }`"));
        }
    }

    fn target_setting(&mut self, setting: &'a ast::Setting, target: &mut Target) {
        let name = setting.name.text.as_str();
        if name == "simulate" {
            target.simulate = self.simulate(&setting.value);
            return;
        }
        if BINDINGS.contains(&name) {
            return;
        }
        match self.resolve(None, name).map(|id| self.known(id, None)) {
            Some(Known::Param(ty)) => {
                self.constant(&setting.value, &ty, format_args!("`{name}`"));
            }
            Some(Known::Secret | Known::Source(_) | Known::Sink(_) | Known::Failed) => {}
            _ => {
                let found =
                    Diagnostic::error(codes::E0501, setting.name.span, format!("a target has no setting `{name}`"));
                let mut known: Vec<&str> = BINDINGS.to_vec();
                known.push("simulate");
                known.extend(self.model.params.iter().map(|param| param.name.as_str()));
                let found = suggest(found, setting.name.span, name, known);
                self.report(found);
            }
        }
    }

    fn simulate(&mut self, value: &'a ast::Expr) -> Option<Simulate> {
        let Ast::Call { function, arguments } = &value.kind else {
            self.report(
                Diagnostic::error(codes::E0502, value.span, "`simulate` wants a generator")
                    .help("as in `cards(seed: 7, rows: 50_000, rate: 200)`"),
            );
            return None;
        };
        let Ast::Name(generator) = &function.kind else { return None };
        let known = self.resolve(None, generator).map(|id| self.known(id, Some(function.span)));
        match known {
            Some(Known::Import(module)) if module == "std.simulate" => {}
            Some(Known::Failed) => return None,
            _ => {
                let found =
                    Diagnostic::error(codes::E0208, function.span, format!("there is no generator `{generator}` here"));
                self.report(found.help(format!("import it: `use std.simulate.{{ {generator} }}`")));
                return None;
            }
        }
        let mut simulate = Simulate {
            generator: generator.clone(),
            seed: DEFAULT_SEED.unsigned_abs(),
            rows: DEFAULT_ROWS.unsigned_abs(),
            rate: DEFAULT_RATE,
        };
        for argument in arguments {
            let Some(name) = &argument.name else {
                let found = Diagnostic::error(codes::E0304, argument.value.span, "a generator's settings have names");
                self.report(found.help("as in `seed: 7`"));
                continue;
            };
            let value = &argument.value;
            let what = format!("`{}`", name.text);
            match name.text.as_str() {
                "seed" => simulate.seed = self.count(value, &what, 0)?,
                "rows" => simulate.rows = self.count(value, &what, 0)?,
                "rate" => {
                    let rate = self.constant_float(value, &what)?;
                    if rate < 0.0 {
                        self.report(Diagnostic::error(codes::E0502, value.span, "`rate` cannot be negative"));
                        return None;
                    }
                    simulate.rate = rate;
                }
                other => {
                    let found =
                        Diagnostic::error(codes::E0304, name.span, format!("a generator has no setting `{other}`"));
                    self.report(suggest(found, name.span, other, ["seed", "rows", "rate"]));
                }
            }
        }
        Some(simulate)
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

    fn scaled(&mut self, path: &'a [ast::Name]) {
        let (Some(last), engine) = (path.last(), path.first().filter(|_| path.len() > 1)) else { return };
        let found = match engine {
            Some(engine) => {
                self.engines.get(engine.text.as_str()).and_then(|names| names.get(last.text.as_str())).copied()
            }
            None => self.resolve(None, &last.text),
        };
        let is_flow = found.is_some_and(|id| {
            matches!(self.known(id, None), Known::Flow | Known::Service(_) | Known::Features(_) | Known::Failed)
        });
        if !is_flow {
            let whole = path.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(".");
            let span = path.first().map_or(last.span, |first| first.span.to(last.span));
            self.report(Diagnostic::error(codes::E0505, span, format!("there is nothing called `{whole}` to scale")));
        }
    }

    /// Whether a text can be the name of a time zone.
    pub(crate) fn is_zone(&mut self, zone: &str, span: Span) -> bool {
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-+".contains(c))
        };
        let good = zone == "UTC" || (zone.contains('/') && zone.split('/').all(part));
        if !good {
            let found = Diagnostic::error(codes::E0502, span, format!("`{zone}` is no time zone"));
            self.report(found.help("zones are named by place: `Europe/Berlin`, or `UTC`"));
        }
        good
    }
}
