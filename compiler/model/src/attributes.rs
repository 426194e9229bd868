//! Attributes: how a declaration or binding runs.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::ast::{self, Attribute, ItemKind};
use fec_syntax::foreign;

use crate::check::Checker;
use crate::cron;
use crate::model::FlowSettings;
use crate::scope::Scope;
use crate::unknown::{suggest, suggest_among};

/// Where attributes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Job,
    Stream,
    Service,
    Binding,
    Other,
}

const HERE: &[(&str, &[Owner], &str)] = &[
    ("schedule", &[Owner::Job], "jobs"),
    ("retry", &[Owner::Job, Owner::Service, Owner::Binding], "jobs, services and bindings"),
    ("timeout", &[Owner::Job, Owner::Service, Owner::Binding], "jobs, services and bindings"),
    ("fallback", &[Owner::Binding], "bindings of services"),
    ("deadline", &[Owner::Service], "services"),
    ("get", &[Owner::Service], "services"),
    ("post", &[Owner::Service], "services"),
    ("tolerate", &[Owner::Job], "jobs"),
];

/// Attributes of the language that this version does not have.
const LATER: &[&str] = &[
    "on",
    "on_error",
    "after",
    "parallel",
    "ttl",
    "replicas",
    "live",
    "shared",
    "exclusive",
    "exactly_once",
    "durable",
    "export",
    "put",
    "delete",
    "patch",
];

const MINUTE: i64 = 60_000_000;
const MILLION: f64 = 1_000_000.0;

impl<'a> Checker<'a> {
    /// Checks the names and places of an item's attributes.
    pub(crate) fn allow_attributes(&mut self, item: &'a ast::Item) {
        let owner = match &item.kind {
            ItemKind::Job { .. } => Owner::Job,
            ItemKind::Stream { .. } => Owner::Stream,
            ItemKind::Service { .. } => Owner::Service,
            _ => Owner::Other,
        };
        self.allow(&item.attributes, owner);
    }

    fn allow(&mut self, attributes: &'a [Attribute], owner: Owner) {
        for (index, attribute) in attributes.iter().enumerate() {
            let name = attribute.name.text.as_str();
            if attributes.iter().take(index).any(|other| other.name.text == name) {
                self.report(Diagnostic::error(codes::E0504, attribute.name.span, format!("`@{name}` stands twice")));
                continue;
            }
            match HERE.iter().find(|(known, _, _)| *known == name) {
                Some((_, owners, _)) if owners.contains(&owner) => {}
                Some((_, _, places)) => {
                    self.report(Diagnostic::error(
                        codes::E0409,
                        attribute.name.span,
                        format!("`@{name}` belongs to {places}"),
                    ));
                }
                None if LATER.contains(&name) => {
                    self.report(Diagnostic::not_yet(attribute.name.span, &format!("`@{name}`")));
                }
                None => {
                    let found = Diagnostic::error(
                        codes::E0207,
                        attribute.name.span,
                        format!("there is no attribute `@{name}`"),
                    );
                    let known = HERE.iter().map(|(known, _, _)| *known);
                    self.report(match foreign::attribute(name) {
                        Some(foreign) => foreign.mends(found, attribute.name.span),
                        None => suggest(found, attribute.name.span, name, known),
                    });
                }
            }
        }
    }

    /// What the attributes of a job, stream or service say; their places are checked already.
    pub(crate) fn flow_settings(&mut self, attributes: &'a [Attribute]) -> FlowSettings {
        let mut settings = FlowSettings::default();
        for attribute in attributes {
            self.common(attribute, &mut settings);
            match attribute.name.text.as_str() {
                "schedule" => settings.schedule = self.schedule(attribute),
                "deadline" => settings.deadline = self.duration_argument(attribute),
                "get" | "post" => {
                    let path = self.route(attribute);
                    if settings.route.is_some() {
                        self.report(Diagnostic::error(
                            codes::E0413,
                            attribute.span,
                            "a service has one route: `@get` or `@post`",
                        ));
                    } else {
                        settings.route = path.map(|path| (attribute.name.text.to_uppercase(), path));
                    }
                }
                "tolerate" => settings.tolerate = self.share(attribute),
                _ => {}
            }
        }
        settings
    }

    /// What the attributes of a binding say, but for `@fallback`, whose expression is given back.
    pub(crate) fn binding_settings(
        &mut self,
        attributes: &'a [Attribute],
        scope: &Scope<'_>,
    ) -> (FlowSettings, Option<&'a ast::Expr>) {
        self.allow(attributes, Owner::Binding);
        let mut settings = FlowSettings::default();
        let mut fallback = None;
        for attribute in attributes {
            self.common(attribute, &mut settings);
            if attribute.name.text == "fallback" {
                if scope.place != crate::scope::Place::Service {
                    let found =
                        Diagnostic::error(codes::E0409, attribute.span, "`@fallback` belongs to bindings of services");
                    self.report(found);
                    continue;
                }
                fallback = self.single(attribute).map(|argument| &argument.value);
            }
        }
        (settings, fallback)
    }

    fn common(&mut self, attribute: &'a Attribute, settings: &mut FlowSettings) {
        match attribute.name.text.as_str() {
            "timeout" => settings.timeout = self.duration_argument(attribute),
            "retry" => settings.retry = self.retry(attribute),
            _ => {}
        }
    }

    fn single(&mut self, attribute: &'a Attribute) -> Option<&'a ast::Argument> {
        match attribute.arguments.as_slice() {
            [only] if only.name.is_none() => Some(only),
            _ => {
                let name = &attribute.name.text;
                self.report(Diagnostic::error(codes::E0302, attribute.span, format!("`@{name}` takes one value")));
                None
            }
        }
    }

    fn duration_argument(&mut self, attribute: &'a Attribute) -> Option<i64> {
        let argument = self.single(attribute)?;
        let micros = self.constant_duration(&argument.value, &format!("`@{}`", attribute.name.text))?;
        if micros <= 0 {
            let found = Diagnostic::error(codes::E0502, argument.value.span, "this is longer than nothing");
            self.report(found);
            return None;
        }
        Some(micros)
    }

    fn share(&mut self, attribute: &'a Attribute) -> Option<u64> {
        let argument = self.single(attribute)?;
        let share = self.constant_float(&argument.value, "the share of bad rows")?;
        if !(0.0..=1.0).contains(&share) {
            self.report(Diagnostic::error(codes::E0502, argument.value.span, "a share goes from 0% to 100%"));
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of at most one is at most a million parts"
        )]
        Some((share * MILLION).round() as u64)
    }

    fn retry(&mut self, attribute: &'a Attribute) -> Option<(u32, i64)> {
        let mut times = None;
        let mut backoff = MINUTE;
        for argument in &attribute.arguments {
            match argument.name.as_ref().map(|name| (name.text.as_str(), name.span)) {
                None if times.is_none() => times = self.count(&argument.value, "how often", 1),
                Some(("backoff", _)) => {
                    backoff = self.constant_duration(&argument.value, "`backoff`")?;
                    if backoff < 0 {
                        self.report(Diagnostic::error(
                            codes::E0502,
                            argument.value.span,
                            "`backoff` cannot be negative",
                        ));
                    }
                }
                Some((name, span)) => {
                    let found = Diagnostic::error(codes::E0304, span, format!("`@retry` has no argument `{name}`"));
                    self.report(suggest_among(found, span, name, &["backoff"], "beside how often, it takes"));
                }
                None => self.report(Diagnostic::error(codes::E0302, argument.value.span, "`@retry` takes one number")),
            }
        }
        if times.is_none() && attribute.arguments.iter().all(|argument| argument.name.is_some()) {
            let found = Diagnostic::error(codes::E0303, attribute.span, "`@retry` says how often");
            self.report(found.help("as in `@retry(3, backoff: 1m)`"));
        }
        Some((u32::try_from(times?).unwrap_or(u32::MAX), backoff))
    }

    fn schedule(&mut self, attribute: &'a Attribute) -> Option<(String, String)> {
        let mut cron = None;
        let mut zone = self.model.timezone.clone();
        for argument in &attribute.arguments {
            match argument.name.as_ref().map(|name| (name.text.as_str(), name.span)) {
                None if cron.is_none() => {
                    let text = self.constant_text(&argument.value, "the schedule")?;
                    if let Some(wrong) = cron::problem(&text) {
                        let found = Diagnostic::error(codes::E0502, argument.value.span, wrong);
                        self.report(found.help("minute, hour, day, month and weekday, as in `\"0 2 * * *\"`"));
                        return None;
                    }
                    cron = Some(text);
                }
                Some(("timezone", _)) => {
                    let text = self.constant_text(&argument.value, "the time zone")?;
                    if self.is_zone(&text, argument.value.span) {
                        zone = text;
                    }
                }
                Some((name, span)) => {
                    let found = Diagnostic::error(codes::E0304, span, format!("`@schedule` has no argument `{name}`"));
                    self.report(suggest_among(found, span, name, &["timezone"], "beside when, it takes"));
                }
                None => {
                    self.report(Diagnostic::error(codes::E0302, argument.value.span, "`@schedule` takes one text"));
                }
            }
        }
        if cron.is_none() {
            self.report(Diagnostic::error(
                codes::E0303,
                attribute.span,
                "`@schedule` says when, as in `\"0 2 * * *\"`",
            ));
        }
        Some((cron?, zone))
    }

    fn route(&mut self, attribute: &'a Attribute) -> Option<String> {
        let argument = self.single(attribute)?;
        let span = argument.value.span;
        if let ast::ExprKind::Interpolation(_) = argument.value.kind {
            let found = Diagnostic::error(codes::E0413, span, "a path has its parameters as `:name`");
            self.report(found.help("as in `/score`, or `/home/:user` with a parameter"));
            return None;
        }
        let path = self.constant_text(&argument.value, "the path")?;
        let parts_fit = path.strip_prefix('/').is_some_and(|rest| {
            rest.is_empty()
                || rest.split('/').all(|part| {
                    let name = part.strip_prefix(':').unwrap_or(part);
                    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.~".contains(c))
                })
        });
        if !parts_fit {
            let found = Diagnostic::error(codes::E0413, span, format!("`{path}` is no path"));
            self.report(found.help("as in `/score`, or `/home/:user` with a parameter"));
            return None;
        }
        Some(path)
    }

    /// Checks that the parameters of a path are parameters of its service.
    pub(crate) fn route_params(&mut self, path: &str, params: &[crate::types::Column], span: Span) {
        for part in path.split('/').filter_map(|part| part.strip_prefix(':')) {
            if !params.iter().any(|param| param.name == part) {
                let found = Diagnostic::error(
                    codes::E0413,
                    span,
                    format!("the path has `:{part}`, and the service has no parameter `{part}`"),
                );
                self.report(found);
            }
        }
    }
}
