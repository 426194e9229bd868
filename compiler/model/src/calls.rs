//! Calls: functions and decision tables expanded, models, services, reads by key.

use std::rc::Rc;

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, ExprKind as Ast, ItemKind};
use fec_syntax::foreign::{self, Foreign};

use crate::check::Checker;
use crate::convert::field_of;
use crate::expr::{Expr, ExprKind, VarId};
use crate::functions::{AGGREGATES, FUNCTIONS, LATER};
use crate::infer::describe;
use crate::names::{DeclId, DeclKind, Known, ServiceInfo, ViewInfo};
use crate::scope::{Bound, Place, Scope, Var, path};
use crate::types::{Column, Kind, Record, Type};
use crate::unknown::{suggest, suggest_among};

/// A function or decision table, checked once and copied to its calls.
pub(crate) struct Template {
    pub params: Vec<Var>,
    /// Variables of the body are `from..to`.
    pub from: VarId,
    pub to: VarId,
    pub body: Expr,
    pub result: Type,
}

/// Names of an import that stand as bindings of their own.
const TRAINING: &[&str] = &["gbdt", "evaluate", "split"];

impl<'a> Checker<'a> {
    pub(crate) fn declare_func(
        &mut self,
        name: &'a ast::Name,
        params: &'a [ast::Param],
        result: &'a ast::TypeExpr,
        body: &'a ast::Expr,
        engine: Option<Symbol>,
    ) -> Known {
        self.template(name, params, result, engine, |checker, scope, result| {
            let body = checker.infer(body, scope, Some(result));
            checker.fit(body, result, format_args!("the result of `{}`", name.text))
        })
    }

    /// Checks a body once, with its parameters as variables.
    pub(crate) fn template(
        &mut self,
        name: &'a ast::Name,
        params: &'a [ast::Param],
        result: &'a ast::TypeExpr,
        engine: Option<Symbol>,
        body: impl FnOnce(&mut Self, &Scope<'_>, &Type) -> Expr,
    ) -> Known {
        let columns = self.parameters(name, params, engine);
        let result = self.type_of(result, engine);
        let from = self.next_var;
        let params: Vec<Var> =
            columns.into_iter().map(|column| Var { id: self.fresh_var(), name: column.name, ty: column.ty }).collect();
        let scope = Scope { vars: &params, ..Scope::new(Place::Function, engine) };
        let mut body = body(self, &scope, &result);
        if let Some(much) = body.size(&|_| None).too_much() {
            let message = format!("`{}` has {much}, with those of what it calls", name.text);
            let found = Diagnostic::error(codes::E0107, name.span, message);
            self.report(found.help("it stands in full wherever it is called: call once what is read several times, and pass on what it gave"));
            body = self.wrong(name.span);
        }
        let to = self.next_var;
        Known::Function(Rc::new(Template { params, from, to, body, result }))
    }

    /// Parameters with types; defaults belong to jobs only.
    pub(crate) fn parameters(
        &mut self,
        owner: &ast::Name,
        params: &'a [ast::Param],
        engine: Option<Symbol>,
    ) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::with_capacity(params.len());
        for param in params {
            let mut ty = match &param.ty {
                Some(ty) => self.type_of(ty, engine),
                None => {
                    let found = Diagnostic::error(
                        codes::E0303,
                        param.name.span,
                        format!("the parameter `{}` of `{}` needs a type", param.name.text, owner.text),
                    );
                    self.report(found.help(format!("as in `{}: string`", param.name.text)));
                    Type::error()
                }
            };
            if let Some(default) = &param.default {
                self.report(Diagnostic::error(codes::E0409, default.span, "only parameters of jobs have defaults"));
                // Calls leave it out then.
                ty = Type::error();
            }
            if columns.iter().any(|column| column.name == param.name.text) {
                self.report(Diagnostic::error(
                    codes::E0202,
                    param.name.span,
                    format!("the parameter `{}` stands twice", param.name.text),
                ));
                continue;
            }
            columns.push(Column { name: param.name.text, ty });
        }
        columns
    }

    pub(crate) fn call(
        &mut self,
        function: &'a ast::Expr,
        arguments: &'a [ast::Argument],
        span: Span,
        scope: &Scope<'_>,
    ) -> Expr {
        let word = match &function.kind {
            Ast::Name(word) => word.as_str(),
            Ast::Field { of, name } => {
                if let Ast::Name(engine) = &of.kind
                    && let Some(id) = self.engines.get(engine.as_str()).and_then(|names| names.get(name.text.as_str()))
                {
                    return self.call_declared(*id, &name.text, function, arguments, span, scope);
                }
                let found = Diagnostic::error(codes::E0208, function.span, "this is not a function");
                self.report(match function_called(&name.text) {
                    Some(ours) => found.help(format!("a function stands before what it takes: `{ours}(x)`")),
                    None if foreign::operator(&name.text).is_some() || name.text == "where" => {
                        found.help("what happens to each row is said with `|> where`, `|> derive`, `|> select`")
                    }
                    None => found,
                });
                return self.wrong(span);
            }
            Ast::Error => return self.wrong(span),
            _ => {
                self.report(Diagnostic::error(codes::E0208, function.span, "this is not a function"));
                return self.wrong(span);
            }
        };
        let declared = self.resolve(scope.engine, word).or_else(|| self.service_anywhere(word, scope));
        if let Some(id) = declared.filter(|id| !FUNCTIONS.contains(&word) || self.is_called(*id, scope)) {
            return self.call_declared(id, word, function, arguments, span, scope);
        }
        if let Some(job) = self.published.get(word).copied() {
            return self.predict(job, word, function.span, arguments, span, scope);
        }
        if let Some(call) = self.function_call(function, word, arguments, span, scope) {
            return call;
        }
        let whole = arguments.first().is_some_and(|first| self.whole_relation(&first.value, scope));
        let found = if AGGREGATES.contains(&word) && whole {
            Diagnostic::not_yet(function.span, "an aggregate over a whole relation")
        } else if AGGREGATES.contains(&word) {
            Diagnostic::error(codes::E0318, function.span, format!("`{word}` is an aggregate: it has no place here"))
                .help("aggregates stand on lines of their own, in `features` and after `group by`")
        } else if LATER.contains(&word) {
            Diagnostic::not_yet(function.span, &format!("`{word}`"))
        } else if TRAINING.contains(&word) {
            Diagnostic::error(codes::E0208, function.span, format!("`{word}` is not imported"))
                .help(format!("write `use std.ml.{{ {word} }}` at the top"))
        } else {
            let found = Diagnostic::error(codes::E0208, function.span, format!("there is no function `{word}`"));
            let mut known: Vec<&str> = FUNCTIONS.to_vec();
            known.extend(AGGREGATES);
            known.extend(self.published.keys().map(Symbol::as_str));
            // A test calls services of all engines.
            let seen = |engine: &Symbol| scope.engine == Some(*engine) || scope.place == Place::Test;
            let own = self.engines.iter().filter(|(engine, _)| seen(engine)).flat_map(|(_, names)| names);
            let declared = own.chain(&self.top).filter(|(_, id)| self.is_called(**id, scope));
            known.extend(declared.map(|(name, _)| name.as_str()));
            known.sort_unstable();
            match foreign::function(word) {
                Some(foreign) => foreign.mends(found, function.span),
                None => suggest(found, function.span, word, known),
            }
        };
        self.report(found);
        self.wrong(span)
    }

    /// Whether what is declared is what a call means: a function of the language keeps its name beside a job, a sink or a view of that name.
    fn is_called(&self, id: DeclId, scope: &Scope<'_>) -> bool {
        let Some(DeclKind::Item(item)) = self.decls.get(id).map(|decl| decl.kind) else { return true };
        match item.kind {
            ItemKind::Func { .. } | ItemKind::Rules { .. } => true,
            ItemKind::Service { .. } => scope.place == Place::Test,
            _ => false,
        }
    }

    /// Whether an expression is a call of what is not there.
    pub(crate) fn calls_nothing(&self, e: &ast::Expr, scope: &Scope<'_>) -> bool {
        let Ast::Call { function, .. } = &e.kind else { return false };
        let Ast::Name(word) = &function.kind else { return false };
        let is_known = self.resolve(scope.engine, word).is_some() || self.published.contains_key(word);
        !is_known && !FUNCTIONS.contains(&word.as_str())
    }

    /// In tests, a service is called by its name alone where only one engine has it.
    fn service_anywhere(&mut self, word: &str, scope: &Scope<'_>) -> Option<usize> {
        if scope.place != Place::Test {
            return None;
        }
        let mut found = self.engines.values().filter_map(|names| names.get(word)).copied();
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    fn call_declared(
        &mut self,
        id: usize,
        word: &str,
        function: &ast::Expr,
        arguments: &'a [ast::Argument],
        span: Span,
        scope: &Scope<'_>,
    ) -> Expr {
        match self.known(id, Some(function.span)) {
            Known::Function(template) => self.expand(word, &template, function.span, arguments, span, scope),
            Known::Service(service) if scope.place == Place::Test => {
                self.request(word, &service, function.span, arguments, span, scope)
            }
            Known::Service(_) => {
                let found = Diagnostic::error(codes::E0208, function.span, format!("`{word}` is a service"));
                self.report(found.help("only tests call services; what several share is a `func` or `rules`"));
                self.wrong(span)
            }
            Known::Failed => self.wrong(span),
            Known::Import(_) => {
                let found = Diagnostic::error(
                    codes::E0307,
                    function.span,
                    format!("`{word}` stands as a binding of its own, in a job"),
                );
                self.report(found.help(format!("as in `name = {word}(…)`")));
                self.wrong(span)
            }
            other => {
                let found = Diagnostic::error(codes::E0208, function.span, format!("`{word}` is not a function"));
                let (_, help) = describe(&other);
                self.report(if help.is_empty() { found } else { found.help(help.replace("NAME", word)) });
                self.wrong(span)
            }
        }
    }

    /// Arguments in the order of the parameters, each as its type; none where something is wrong.
    fn arguments(
        &mut self,
        word: &str,
        place: Span,
        params: &[Column],
        arguments: &'a [ast::Argument],
        scope: &Scope<'_>,
    ) -> Option<Vec<Expr>> {
        let mut given: Vec<Option<Expr>> = params.iter().map(|_| None).collect();
        let mut failed = false;
        for (position, argument) in arguments.iter().enumerate() {
            let index = match &argument.name {
                Some(name) => match params.iter().position(|param| param.name == name.text) {
                    Some(index) => index,
                    None => {
                        let found = Diagnostic::error(
                            codes::E0304,
                            name.span,
                            format!("`{word}` has no parameter `{}`", name.text),
                        );
                        let known: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
                        self.report(suggest_among(found, name.span, &name.text, &known, "it takes"));
                        failed = true;
                        continue;
                    }
                },
                None => position,
            };
            let (Some(slot), Some(param)) = (given.get_mut(index), params.get(index)) else {
                let takes = params.len();
                self.report(Diagnostic::error(
                    codes::E0302,
                    argument.value.span,
                    format!("`{word}` takes {takes} argument{}, not {}", plural(takes), arguments.len()),
                ));
                return None;
            };
            if slot.is_some() {
                self.report(Diagnostic::error(
                    codes::E0302,
                    argument.value.span,
                    format!("`{}` is given twice", param.name),
                ));
                failed = true;
                continue;
            }
            let value = self.demand(&argument.value, scope, &param.ty, format_args!("`{}` of `{word}`", param.name));
            failed |= value.ty.kind == Kind::Error;
            *slot = Some(value);
        }
        if failed {
            return None;
        }
        let mut values = Vec::with_capacity(params.len());
        for (param, slot) in params.iter().zip(given) {
            match slot {
                Some(value) => values.push(value),
                None if param.ty.kind == Kind::Error => values.push(self.wrong(place)),
                None if param.ty.optional => values.push(self.absent(param.ty.kind.clone(), place)),
                None => {
                    self.report(Diagnostic::error(
                        codes::E0303,
                        place,
                        format!("`{word}` needs `{}: {}`", param.name, param.ty),
                    ));
                    return None;
                }
            }
        }
        Some(values)
    }

    fn expand(
        &mut self,
        word: &str,
        template: &Template,
        place: Span,
        arguments: &'a [ast::Argument],
        span: Span,
        scope: &Scope<'_>,
    ) -> Expr {
        let params: Vec<Column> =
            template.params.iter().map(|var| Column { name: var.name, ty: var.ty.clone() }).collect();
        let values = self.arguments(word, place, &params, arguments, scope);
        let typed = Expr { kind: ExprKind::Error, ty: template.result.clone(), span };
        let Some(values) = values else { return typed };
        if template.body.ty.kind == Kind::Error {
            return Expr { ty: Type::error(), ..typed };
        }
        let by = self.next_var.wrapping_sub(template.from);
        self.next_var = self.next_var.wrapping_add(template.to.wrapping_sub(template.from));
        let mut expr = template.body.clone();
        expr.shift_vars(by);
        expr.ty = template.result.clone();
        for (var, value) in template.params.iter().zip(values).rev() {
            let ty = expr.ty.clone();
            let var = var.id.wrapping_add(by);
            expr = Expr { kind: ExprKind::Let { var, value: Box::new(value), body: Box::new(expr) }, ty, span };
        }
        expr
    }

    fn request(
        &mut self,
        word: &str,
        service: &ServiceInfo,
        place: Span,
        arguments: &'a [ast::Argument],
        span: Span,
        scope: &Scope<'_>,
    ) -> Expr {
        match self.arguments(word, place, &service.params, arguments, scope) {
            Some(arguments) => Expr {
                kind: ExprKind::Request { service: service.path, arguments: arguments.into() },
                ty: service.result.clone(),
                span,
            },
            None => Expr { kind: ExprKind::Error, ty: service.result.clone(), span },
        }
    }

    /// `f[k]`.
    pub(crate) fn index(&mut self, of: &'a ast::Expr, keys: &'a [ast::Expr], span: Span, scope: &Scope<'_>) -> Expr {
        let id = match &of.kind {
            Ast::Name(name) if self.local_name(name, scope) => None,
            Ast::Name(name) => match self.resolve(scope.engine, name) {
                Some(id) => Some(id),
                None => {
                    self.unknown_read(name, of.span, scope);
                    return self.wrong(span);
                }
            },
            Ast::Field { of: engine, name } => match &engine.kind {
                Ast::Name(engine) if !self.local_name(engine, scope) => {
                    self.engines.get(engine.as_str()).and_then(|names| names.get(name.text.as_str())).copied()
                }
                _ => None,
            },
            _ => None,
        };
        let Some(id) = id else {
            let value = self.infer(of, scope, None);
            if value.ty.kind != Kind::Error {
                let found = Diagnostic::error(codes::E0320, span, format!("`{}` has no `[…]`", value.ty));
                self.report(found.help("feature sets, tables and keyed views are read with `[key]`"));
            }
            return self.wrong(span);
        };
        let keys_of: Vec<Column>;
        let make: fn(Symbol, Vec<Expr>) -> ExprKind;
        let ty: Type;
        let path_of: Symbol;
        match self.known(id, Some(of.span)) {
            Known::Features(set) => {
                if set.failed {
                    return self.wrong(span);
                }
                keys_of = set.keys.clone();
                path_of = set.path;
                make = |set, keys| ExprKind::FeatureRead { set, keys: keys.into() };
                ty = Type::required(Kind::Record(set.record.clone()));
            }
            Known::Source(source) if source.table => {
                keys_of = source.ty.key.iter().filter_map(|key| source.ty.column(key)).cloned().collect();
                path_of = source.path;
                make = |table, keys| ExprKind::TableRead { table, keys: keys.into() };
                let record = Record { name: source.row, fields: source.ty.columns.clone() };
                ty = Type::maybe(Kind::Record(record));
            }
            Known::View(view) if view.is_read_by_key => {
                if view.failed {
                    return self.wrong(span);
                }
                if view.streams && !view.kept {
                    self.not_kept(&view, span);
                    return self.wrong(span);
                }
                keys_of = view.ty.key.iter().filter_map(|key| view.ty.column(key)).cloned().collect();
                path_of = view.path;
                make = |table, keys| ExprKind::TableRead { table, keys: keys.into() };
                ty = Type::maybe(Kind::Record(Record { name: None, fields: view.ty.columns.clone() }));
            }
            Known::Failed => return self.wrong(span),
            _ => {
                let found = Diagnostic::error(codes::E0320, span, "this cannot be read by key");
                self.report(found.help("feature sets, tables and keyed views are read with `[key]`"));
                return self.wrong(span);
            }
        }
        let is_set = matches!(make(path_of, Vec::new()), ExprKind::FeatureRead { .. });
        let misplaced = |message: &str| {
            Diagnostic::error(codes::E0401, span, message).help(match is_set {
                true => format!("in a pipeline: `|> with {path_of}`"),
                false => format!("in a pipeline: `|> left join {path_of} on …`"),
            })
        };
        if !matches!(scope.place, Place::Service | Place::Test) {
            self.report(misplaced("reads by key stand in services and tests"));
            return self.wrong(span);
        }
        match self.keys(&keys_of, keys, &path_of, span, scope) {
            Some(keys) if keys.iter().any(of_row) => {
                self.report(misplaced("a key that each row of a pipeline has is no key to read by"));
                self.wrong(span)
            }
            Some(keys) => Expr { kind: make(path_of, keys), ty, span },
            None => self.wrong(span),
        }
    }

    /// Reports a read by key of a view over streams whose rows are not kept by it.
    fn not_kept(&mut self, view: &ViewInfo, span: Span) {
        let found = Diagnostic::not_yet(span, &format!("reading `{}` by its key", view.path));
        let Some((place, word)) = &view.bounded_only else { return self.report(found) };
        let repair = match word.as_str() {
            "latest" => "leave it out: of the rows of a key the last one that arrived is read".to_owned(),
            _ => format!("keep what `{word}` gives in a feature set by this key, and read that"),
        };
        self.report(found.label(*place, format!("`{word}` needs all rows, and the stream never ends")).help(repair));
    }

    /// Key values as the key's types; they may be absent.
    pub(crate) fn keys(
        &mut self,
        key: &[Column],
        values: &'a [ast::Expr],
        of: &str,
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Vec<Expr>> {
        if key.len() != values.len() {
            let names: Vec<String> = key.iter().map(|column| format!("`{}`", column.name)).collect();
            let has = if names.is_empty() { "no key".to_owned() } else { format!("the key {}", names.join(", ")) };
            let found =
                Diagnostic::error(codes::E0317, span, format!("`{of}` has {has}, and {} stand here", values.len()));
            self.report(found);
            return None;
        }
        let mut list = Vec::with_capacity(values.len());
        for (column, value) in key.iter().zip(values) {
            let ty = Type::maybe(column.ty.kind.clone());
            let value = self.demand(value, scope, &ty, format_args!("the key `{}` of `{of}`", column.name));
            if value.ty.kind == Kind::Error {
                return None;
            }
            list.push(value);
        }
        Some(list)
    }

    pub(crate) fn local_name(&self, name: &str, scope: &Scope<'_>) -> bool {
        scope.row.is_some_and(|row| row.iter().any(|column| column.name == name))
            || scope.vars.iter().any(|var| var.name == name)
            || scope.flow.is_some_and(|flow| flow.get(name).is_some())
    }

    /// A published model applied to records that hold its inputs.
    fn predict(
        &mut self,
        job: usize,
        word: &str,
        place: Span,
        arguments: &'a [ast::Argument],
        span: Span,
        scope: &Scope<'_>,
    ) -> Expr {
        let engine = self.decls.get(job).and_then(|decl| decl.engine);
        if let (Some(owner), Some(here)) = (engine, scope.engine)
            && owner != here
        {
            let found =
                Diagnostic::error(codes::E0210, place, format!("`{word}` is published in the engine `{owner}`"));
            self.report(found.help("engines share what stands at top level"));
            return self.wrong(span);
        }
        if !matches!(scope.place, Place::Service | Place::Test) {
            self.report(Diagnostic::not_yet(place, "a model outside of a service"));
            return self.wrong(span);
        }
        self.check_job(job);
        let Some((inputs, _)) = self.model_inputs.get(word).cloned() else { return self.wrong(span) };
        let Some((offers, lets)) = self.offers(word, arguments, scope) else { return self.wrong(span) };
        let mut values = Vec::with_capacity(inputs.len());
        let mut missing = Vec::new();
        for input in inputs.iter() {
            let named: Vec<&Offer> = offers.iter().filter(|offer| offer.name == input.name).collect();
            let direct: Vec<&Offer> = named.iter().filter(|offer| offer.direct).copied().collect();
            let chosen = if direct.is_empty() { &named } else { &direct };
            match chosen.as_slice() {
                [] => missing.push(format!("`{}: {}`", input.name, input.ty)),
                [only] => {
                    let value = match &only.value {
                        Offered::Value(value) => value.clone(),
                        Offered::Field(of, index) => field_of(&of.0, &of.1, *index),
                    };
                    let value = self.fit(value, &input.ty, format_args!("the input `{}` of `{word}`", input.name));
                    values.push(value);
                }
                several => {
                    let mut found = Diagnostic::error(
                        codes::E0209,
                        place,
                        format!("the input `{}` of `{word}` stands in several arguments", input.name),
                    )
                    .help(format!("say which: `{}: record.{}`", input.name, input.name));
                    for offer in several.iter() {
                        found = found.label(offer.span, format!("has `{}`", input.name));
                    }
                    self.report(found);
                    return self.wrong(span);
                }
            }
        }
        if !missing.is_empty() {
            let found = Diagnostic::error(
                codes::E0303,
                place,
                format!("`{word}` was trained with {}, which no argument has", missing.join(", ")),
            );
            self.report(found.help("pass the record that has it, or the value by name"));
            return self.wrong(span);
        }
        if values.iter().any(|value| value.ty.kind == Kind::Error) {
            return self.wrong(span);
        }
        if values.iter().chain(lets.iter().map(|(_, value)| value)).any(of_row) {
            self.report(Diagnostic::not_yet(place, "a model over each row of a pipeline"));
            return self.wrong(span);
        }
        let ty = Type::maybe(Kind::Float);
        let kind = ExprKind::Predict { model: word.into(), inputs: values.into() };
        let mut expr = Expr { kind, ty: ty.clone(), span };
        for (var, value) in lets.into_iter().rev() {
            let kind = ExprKind::Let { var, value: Box::new(value), body: Box::new(expr) };
            expr = Expr { kind, ty: ty.clone(), span };
        }
        expr
    }

    /// What the arguments of a model offer by name, and the variables that hold them.
    #[expect(clippy::type_complexity, reason = "two lists, used once")]
    fn offers(
        &mut self,
        word: &str,
        arguments: &'a [ast::Argument],
        scope: &Scope<'_>,
    ) -> Option<(Vec<Offer>, Vec<(VarId, Expr)>)> {
        let mut offers = Vec::new();
        let mut lets = Vec::new();
        for argument in arguments {
            let value = self.infer(&argument.value, scope, None);
            let span = argument.value.span;
            let own_name = match (&argument.name, &argument.value.kind) {
                (Some(name), _) => Some(name.text),
                (None, Ast::Name(name)) => Some(*name),
                (None, Ast::Field { name, .. }) => Some(name.text),
                _ => None,
            };
            match (value.ty.kind.clone(), own_name) {
                (Kind::Error, _) => return None,
                (Kind::Record(record), _) => {
                    let value = if path(&value).is_some() {
                        value
                    } else {
                        let var = self.fresh_var();
                        let named = Expr { kind: ExprKind::Var(var), ty: value.ty.clone(), span };
                        lets.push((var, value));
                        named
                    };
                    let of = Rc::new((value, record));
                    for (index, field) in of.1.fields.iter().enumerate() {
                        let value = Offered::Field(of.clone(), index);
                        offers.push(Offer { name: field.name, value, span, direct: false });
                    }
                }
                (_, Some(name)) => offers.push(Offer { name, value: Offered::Value(value), span, direct: true }),
                (_, None) => {
                    let found = Diagnostic::error(codes::E0303, span, format!("`{word}` finds its inputs by name"));
                    self.report(found.help("name this value: `amount: …`"));
                    return None;
                }
            }
        }
        Some((offers, lets))
    }

    fn whole_relation(&mut self, e: &ast::Expr, scope: &Scope<'_>) -> bool {
        match &e.kind {
            Ast::Pipe { .. } => true,
            Ast::Name(name) if scope.row.is_none() => {
                self.names_relation(name, scope)
                    || matches!(scope.flow.and_then(|flow| flow.get(name)), Some(Bound::Error))
            }
            _ => false,
        }
    }

    /// Whether a name is a relation of the flow or of the solution.
    pub(crate) fn names_relation(&mut self, name: &str, scope: &Scope<'_>) -> bool {
        if let Some(bound) = scope.flow.and_then(|flow| flow.get(name)) {
            return matches!(bound, Bound::Relation { .. });
        }
        match self.resolve(scope.engine, name) {
            Some(id) => matches!(self.known(id, None), Known::Source(_) | Known::View(_)),
            None => false,
        }
    }
}

/// A value that an argument of a model offers.
enum Offered {
    Value(Expr),
    /// A field of a record, by its index.
    Field(Rc<(Expr, Record)>, usize),
}

struct Offer {
    name: Symbol,
    value: Offered,
    span: Span,
    /// Given by name, not as a field of a record.
    direct: bool,
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The function that is called so, here or in other languages (`length` is `len` there).
pub(crate) fn function_called(word: &str) -> Option<&str> {
    let ours = match foreign::function(word) {
        Some(Foreign::Named(ours)) => ours,
        _ => word,
    };
    FUNCTIONS.contains(&ours).then_some(ours)
}

/// Whether a value is of the row of a pipeline.
fn of_row(value: &Expr) -> bool {
    value.any(&mut |part| matches!(part.kind, ExprKind::Column(_) | ExprKind::Right(_)))
}
