//! Targets: each setting is one of those that there are, with the values that it takes.

use fec_diagnostics::{Diagnostic, FileId, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, ExprKind as Ast, ItemKind, TargetEntry};

use crate::check::Checker;
use crate::names::Known;
use crate::target::{Batch, Broker, Cluster, Given, Lake, SecretName, Simulate, Store, Target};
use crate::unknown::suggest_among;

/// What a target sets, with the only value that each of them has yet.
const BINDINGS: &[(&str, &str, &str)] = &[
    ("cluster", "kubernetes", "kubernetes(context: \"prod\", namespace: \"shop\")"),
    ("broker", "kafka", "kafka(brokers: env(\"KAFKA_BROKERS\"), auth: secret(\"kafka\"))"),
    ("store", "redis", "redis(url: secret(\"redis-url\"))"),
    ("lake", "s3", "s3(bucket: \"lake\", prefix: \"shop\")"),
    ("batch", "argo", "argo(service_account: \"runner\")"),
];
/// Settings of the language that this version does not have.
const LATER: &[&str] = &["images", "secrets", "files"];
const DEFAULT_SEED: i64 = 1;
const DEFAULT_ROWS: i64 = 100_000;
const DEFAULT_RATE: f64 = 100.0;
/// The longest name of a namespace, and of other objects of a cluster.
const LABEL: usize = 63;
const SUBDOMAIN: usize = 253;

/// The named arguments of a binding, each read once.
pub(crate) struct Arguments<'a> {
    what: &'a str,
    list: Vec<(&'a str, &'a ast::Expr)>,
    /// Something was given that it does not take, and that was said.
    mistaken: bool,
    span: Span,
}

impl<'a> Checker<'a> {
    /// All targets.
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
            let target = self.target(name, entries);
            self.model.targets.push(target);
        }
        if let Some(wanted) = self.options.target.clone()
            && wanted != "local"
            && !names.contains(&wanted.as_str())
        {
            let found = Diagnostic::error(codes::E0505, Span::default(), format!("there is no target `{wanted}`"));
            let known = if names.is_empty() { String::new() } else { format!(", or take `{}`", names.join("`, `")) };
            self.report(found.help(format!("declare it: `target {wanted} {{ … }}`{known}")));
        }
    }

    fn target(&mut self, name: &'a ast::Name, entries: &'a [TargetEntry]) -> Target {
        let mut target = Target::new(&name.text, name.span);
        let mut seen: Vec<&str> = Vec::new();
        for entry in entries {
            match entry {
                TargetEntry::Setting(setting) if seen.contains(&setting.name.text.as_str()) => {
                    let found = format!("`{}` is set twice", setting.name.text);
                    self.report(Diagnostic::error(codes::E0504, setting.name.span, found));
                }
                TargetEntry::Setting(setting) => {
                    seen.push(&setting.name.text);
                    self.target_setting(setting, &mut target);
                }
                TargetEntry::Scale { path, settings } => self.scale(path, settings, &mut target),
            }
        }
        target
    }

    fn target_setting(&mut self, setting: &'a ast::Setting, target: &mut Target) {
        let (name, value) = (setting.name.text.as_str(), &setting.value);
        let span = setting.name.span.to(value.span);
        match name {
            "simulate" => target.simulate = self.simulate(value),
            "cluster" => target.cluster = self.cluster(value, span),
            "broker" => target.broker = self.broker(value, span),
            "store" => target.store = self.store(value, span),
            "lake" => target.lake = self.lake(value, span),
            "batch" => target.batch = self.batch(value, span),
            "registry" => target.registry = self.registry(value),
            _ if LATER.contains(&name) => {
                self.report(Diagnostic::not_yet(setting.name.span, &format!("the setting `{name}` of a target")));
            }
            _ => self.named_setting(setting, target),
        }
    }

    /// A setting that has the name of something declared.
    fn named_setting(&mut self, setting: &'a ast::Setting, target: &mut Target) {
        let (name, value) = (setting.name.text.as_str(), &setting.value);
        match self.resolve(None, name).map(|id| self.known(id, None)) {
            Some(Known::Param(ty)) => {
                self.constant(value, &ty, format_args!("`{name}`"));
            }
            Some(Known::Secret) => match self.given(value, &format!("`{name}`")) {
                Some(Given::Secret(known)) => {
                    let span = setting.name.span.to(value.span);
                    target.secrets.push(SecretName { secret: name.to_owned(), name: known, span });
                }
                Some(_) => self.open_secret(value.span, &format!("`{name}` is a secret, and this is its value")),
                None => {}
            },
            Some(Known::Source(_) | Known::Sink(_)) => {
                let found = Diagnostic::not_yet(setting.name.span, "a target's binding of a source or a sink");
                self.report(found);
            }
            Some(Known::Failed) => {}
            _ => {
                let found =
                    Diagnostic::error(codes::E0501, setting.name.span, format!("a target has no setting `{name}`"));
                let mut known: Vec<&str> = BINDINGS.iter().map(|(binding, ..)| *binding).collect();
                known.extend(["registry", "simulate"]);
                let declared: Vec<Symbol> = self.model.params.iter().map(|param| param.name).collect();
                known.extend(declared.iter().map(Symbol::as_str));
                self.report(suggest_among(found, setting.name.span, name, &known, "it has"));
            }
        }
    }

    fn cluster(&mut self, value: &'a ast::Expr, span: Span) -> Option<Cluster> {
        let arguments = self.provider("cluster", value, &["context", "namespace"])?;
        let context = self.known_text(&arguments, "context");
        let namespace = self.object_name(&arguments, "namespace", LABEL);
        Some(Cluster { context, namespace, span })
    }

    fn broker(&mut self, value: &'a ast::Expr, span: Span) -> Option<Broker> {
        let arguments = self.provider("broker", value, &["brokers", "auth"])?;
        let auth = self.secret_argument(&arguments, "auth");
        Some(Broker { brokers: self.needed(&arguments, "brokers")?, auth, span })
    }

    fn store(&mut self, value: &'a ast::Expr, span: Span) -> Option<Store> {
        let arguments = self.provider("store", value, &["url"])?;
        Some(Store { url: self.needed(&arguments, "url")?, span })
    }

    fn lake(&mut self, value: &'a ast::Expr, span: Span) -> Option<Lake> {
        let arguments = self.provider("lake", value, &["bucket", "prefix", "endpoint", "auth"])?;
        let prefix = self.known_text(&arguments, "prefix");
        let endpoint = arguments.get("endpoint").and_then(|value| self.given(value, "`endpoint`"));
        let auth = self.secret_argument(&arguments, "auth");
        Some(Lake { bucket: self.needed(&arguments, "bucket")?, prefix, endpoint, auth, span })
    }

    fn batch(&mut self, value: &'a ast::Expr, span: Span) -> Option<Batch> {
        let arguments = self.provider("batch", value, &["service_account"])?;
        Some(Batch { service_account: self.object_name(&arguments, "service_account", SUBDOMAIN), span })
    }

    fn registry(&mut self, value: &'a ast::Expr) -> Option<String> {
        let text = self.constant_text(value, "`registry`")?;
        let fits = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-:".contains(c))
        };
        if text.split('/').all(fits) {
            return Some(text);
        }
        let found =
            Diagnostic::error(codes::E0502, value.span, format!("`{text}` cannot stand before an image's name"));
        self.report(found.help("small letters, digits, `.`, `-` and `_`, as in `registry.example/team`"));
        None
    }

    /// The arguments of a binding's value, where it is the one that there is.
    fn provider(&mut self, name: &str, value: &'a ast::Expr, known: &[&str]) -> Option<Arguments<'a>> {
        let (_, provider, example) = BINDINGS.iter().find(|(binding, ..)| *binding == name)?;
        let call = match &value.kind {
            Ast::Call { function, arguments } => match &function.kind {
                Ast::Name(called) => Some((called.as_str(), function.span, arguments)),
                _ => None,
            },
            Ast::Error => return None,
            _ => None,
        };
        let Some((called, at, arguments)) = call else {
            let found = Diagnostic::error(codes::E0502, value.span, format!("`{name}` says what it is and where"));
            self.report(found.help(format!("as in `{name}: {example}`")));
            return None;
        };
        if called != *provider {
            let found = Diagnostic::error(codes::E0502, at, format!("`{called}` is no `{name}`"));
            self.report(match fec_diagnostics::closest(called, [*provider]) {
                Some(near) => found.fix(format!("write `{near}`"), at, near),
                None => found.help(format!("there is `{provider}`: `{name}: {example}`")),
            });
            return None;
        }
        let mut read = Arguments { what: provider, list: Vec::new(), mistaken: false, span: value.span };
        for argument in arguments {
            let Some(named) = &argument.name else {
                let found =
                    Diagnostic::error(codes::E0304, argument.value.span, format!("what `{called}` takes has names"));
                self.report(found.help(format!("as in `{example}`")));
                read.mistaken = true;
                continue;
            };
            let text = named.text.as_str();
            if !known.contains(&text) {
                read.mistaken = true;
                let found = Diagnostic::error(codes::E0304, named.span, format!("`{called}` takes no `{text}`"));
                self.report(suggest_among(found, named.span, text, known, "it takes"));
            } else if read.get(text).is_some() {
                self.report(Diagnostic::error(codes::E0504, named.span, format!("`{text}` is set twice")));
            } else {
                read.list.push((text, &argument.value));
            }
        }
        Some(read)
    }

    /// An argument without which the binding is none.
    fn needed(&mut self, arguments: &Arguments<'a>, name: &str) -> Option<Given> {
        let Some(value) = arguments.get(name) else {
            if arguments.mistaken {
                return None;
            }
            let found = Diagnostic::error(codes::E0303, arguments.span, format!("`{}` needs `{name}`", arguments.what));
            self.report(found.help(format!("a text, `{name}: env(\"NAME\")` or `{name}: secret(\"name\")`")));
            return None;
        };
        self.given(value, &format!("`{name}`"))
    }

    /// An argument that is known when the solution is compiled.
    fn known_text(&mut self, arguments: &Arguments<'a>, name: &str) -> Option<String> {
        let value = arguments.get(name)?;
        match self.given(value, &format!("`{name}`"))? {
            Given::Text(text) => Some(text),
            Given::Env(_) | Given::Secret(_) => {
                let found = Diagnostic::error(codes::E0502, value.span, format!("`{name}` stands in generated files"));
                self.report(found.help("write the text itself"));
                None
            }
        }
    }

    /// An argument that may only be a secret.
    fn secret_argument(&mut self, arguments: &Arguments<'a>, name: &str) -> Option<Given> {
        let value = arguments.get(name)?;
        match self.given(value, &format!("`{name}`"))? {
            secret @ Given::Secret(_) => Some(secret),
            Given::Text(_) | Given::Env(_) => {
                self.open_secret(value.span, &format!("`{name}` is a secret, and this is not one"));
                None
            }
        }
    }

    /// The name of an object that is in the cluster already, so that it cannot be altered to fit.
    fn object_name(&mut self, arguments: &Arguments<'a>, name: &str, most: usize) -> Option<String> {
        let value = arguments.get(name)?;
        let text = self.known_text(arguments, name)?;
        self.is_object_name(&text, value.span, most).then_some(text)
    }

    fn is_object_name(&mut self, text: &str, span: Span, most: usize) -> bool {
        let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let inner = |c: char| small(c) || c == '-' || (c == '.' && most > LABEL);
        let part = |part: &str| part.starts_with(small) && part.ends_with(small);
        let fits = text.len() <= most && text.chars().all(inner) && text.split('.').all(part);
        if !fits {
            let found = Diagnostic::error(codes::E0508, span, format!("`{text}` is no name in a cluster"));
            self.report(found.help(format!(
                "at most {most} small letters, digits and `-`, with a letter or a digit at both ends, as in `shop-prod`"
            )));
        }
        fits
    }

    /// A text, `env("NAME")`, `secret("name")` or the name of a declared secret.
    fn given(&mut self, value: &'a ast::Expr, what: &str) -> Option<Given> {
        if let Ast::Call { function, arguments } = &value.kind
            && let Ast::Name(called) = &function.kind
            && let word @ ("env" | "secret") = called.as_str()
        {
            let [only] = arguments.as_slice() else {
                self.report(Diagnostic::error(codes::E0302, value.span, format!("`{word}` takes one name")));
                return None;
            };
            let name = self.constant_text(&only.value, &format!("the name in `{word}`"))?;
            if word == "secret" {
                return self.is_object_name(&name, only.value.span, SUBDOMAIN).then_some(Given::Secret(name));
            }
            let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            if name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
                return Some(Given::Env(name));
            }
            let found = Diagnostic::error(codes::E0508, only.value.span, format!("`{name}` is no name of a variable"));
            self.report(found.help("letters, digits and `_`, as in `KAFKA_BROKERS`"));
            return None;
        }
        if let Ast::Name(name) = &value.kind
            && matches!(self.resolve(None, name).map(|id| self.known(id, None)), Some(Known::Secret))
        {
            return Some(Given::Secret(name.to_string()));
        }
        let text = self.constant_text(value, what)?;
        if text.is_empty() {
            self.report(Diagnostic::error(codes::E0502, value.span, format!("{what} is empty")));
            return None;
        }
        if has_password(&text) {
            self.open_secret(value.span, &format!("{what} holds a password"));
            return None;
        }
        Some(Given::Text(text))
    }

    /// A secret that stands in the text.
    fn open_secret(&mut self, span: Span, message: &str) {
        let found = Diagnostic::error(codes::E0506, span, message);
        self.report(found.help("keep it in the cluster, and name it: `secret(\"name\")`"));
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
            generator: generator.to_string(),
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
                    self.report(suggest_among(found, name.span, other, &["seed", "rows", "rate"], "it has"));
                }
            }
        }
        Some(simulate)
    }
}

impl<'a> Arguments<'a> {
    fn get(&self, name: &str) -> Option<&'a ast::Expr> {
        self.list.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// Whether a text is an address with a password in it: `redis://user:password@host`.
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}
