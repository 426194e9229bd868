//! Jobs and streams, and the statements of all flows.

use std::collections::HashMap;
use std::rc::Rc;

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, ExprKind as Ast, ItemKind, Statement, StatementKind};

use crate::check::Checker;
use crate::expr::Expr;
use crate::model::{Binding, Flow, Item, Plane};
use crate::names::{Decl, DeclId, DeclKind, Known};
use crate::scope::{Bound, FlowScope, Place, Scope, facts};
use crate::services::answers;
use crate::types::{Column, Kind, Type};
use crate::visit::Size;

/// A flow in hand.
pub(crate) struct Body {
    pub place: Place,
    pub engine: Option<Symbol>,
    pub names: FlowScope,
    /// Paths that are not absent where the next statement stands.
    pub facts: Vec<String>,
    /// A service's result.
    pub result: Option<Type>,
    /// Path, for published models.
    pub path: Symbol,
    /// How much each value of a stream is, with those that it reads: it is computed wherever it is read.
    pub sizes: HashMap<Symbol, Size>,
}

impl Body {
    pub(crate) fn scope(&self) -> Scope<'_> {
        let facts = self.facts.clone();
        Scope { flow: Some(&self.names), facts, ..Scope::new(self.place, self.engine) }
    }

    /// From here on a condition is known to be true, or false.
    fn know(&mut self, condition: &Expr, truth: bool) {
        facts(condition, truth, &mut self.facts);
    }
}

impl<'a> Checker<'a> {
    /// All jobs, then streams and services, which may use what jobs publish.
    pub(crate) fn flows(&mut self) {
        for id in 0..self.decls.len() {
            self.check_job(id);
        }
        for id in 0..self.decls.len() {
            let Some(decl) = self.decls.get(id).copied() else { continue };
            let DeclKind::Item(item) = decl.kind else { continue };
            match &item.kind {
                ItemKind::Stream { body, .. } => self.stream(&decl, item, body),
                ItemKind::Service { params, body, .. } => self.service(id, &decl, item, params, body),
                _ => {}
            }
        }
    }

    /// Checks a job, once.
    pub(crate) fn check_job(&mut self, id: DeclId) {
        let Some(decl) = self.decls.get(id).copied() else { return };
        let DeclKind::Item(item) = decl.kind else { return };
        let ItemKind::Job { params, body: statements, .. } = &item.kind else { return };
        if !self.checked.insert(id) {
            return;
        }
        let depth = std::mem::take(&mut self.depth);
        let mut body = Body {
            place: Place::Job,
            engine: decl.engine,
            names: FlowScope::default(),
            facts: Vec::new(),
            result: None,
            path: decl.path(),
            sizes: HashMap::new(),
        };
        let params = self.job_params(params, &mut body);
        let items = self.statements(statements, &mut body);
        let flow = Flow {
            engine: decl.engine,
            name: decl.name.text,
            docs: item.docs.join("\n"),
            plane: Plane::Batch,
            params,
            result: None,
            items,
            settings: self.flow_settings(&item.attributes),
            span: decl.name.span,
        };
        self.model.flows.push(flow);
        self.depth = depth;
    }

    fn job_params(&mut self, params: &'a [ast::Param], body: &mut Body) -> Vec<(Column, Option<Expr>)> {
        let mut list = Vec::with_capacity(params.len());
        for param in params {
            let declared = param.ty.as_ref().map(|ty| self.type_of(ty, body.engine));
            let default = param.default.as_ref().map(|default| match &declared {
                Some(ty) => self.demand(default, &body.scope(), ty, format_args!("`{}`", param.name.text)),
                None => self.infer(default, &body.scope(), None),
            });
            let ty = match (declared, &default) {
                (Some(ty), _) => ty,
                (None, Some(default)) => default.ty.clone(),
                (None, None) => {
                    self.report(Diagnostic::error(
                        codes::E0303,
                        param.name.span,
                        format!("the parameter `{}` needs a type or a default", param.name.text),
                    ));
                    Type::error()
                }
            };
            if default.is_none() && ty.kind != Kind::Error {
                let found = Diagnostic::error(
                    codes::E0503,
                    param.name.span,
                    format!("the parameter `{}` has no default", param.name.text),
                );
                self.report(found.help("a job that runs by schedule needs a value: `day: date = date(now - 1d)`"));
            }
            self.bind(body, &param.name, Bound::Scalar(ty.clone()));
            list.push((Column { name: param.name.text, ty }, default));
        }
        list
    }

    fn stream(&mut self, decl: &Decl<'a>, item: &'a ast::Item, statements: &'a [Statement]) {
        let mut body = Body {
            place: Place::Stream,
            engine: decl.engine,
            names: FlowScope::default(),
            facts: Vec::new(),
            result: None,
            path: decl.path(),
            sizes: HashMap::new(),
        };
        let items = self.statements(statements, &mut body);
        let flow = Flow {
            engine: decl.engine,
            name: decl.name.text,
            docs: item.docs.join("\n"),
            plane: Plane::Stream,
            params: Vec::new(),
            result: None,
            items,
            settings: self.flow_settings(&item.attributes),
            span: decl.name.span,
        };
        self.model.flows.push(flow);
    }

    /// Binds a name of a flow; a repetition is an error.
    pub(crate) fn bind(&mut self, body: &mut Body, name: &ast::Name, bound: Bound) {
        if !body.names.bind(name.text, bound) {
            self.report(Diagnostic::error(codes::E0202, name.span, format!("`{}` is bound twice", name.text)));
        }
    }

    pub(crate) fn statements(&mut self, statements: &'a [Statement], body: &mut Body) -> Vec<Item> {
        let mut items = Vec::with_capacity(statements.len());
        for statement in statements {
            if let Some(Item::Return { .. }) = items.last() {
                let found = Diagnostic::error(codes::E0314, statement.span, "this is never reached");
                self.report(found.help("`return` ends the service"));
                break;
            }
            self.statement(statement, body, &mut items);
        }
        items
    }

    fn statement(&mut self, statement: &'a Statement, body: &mut Body, items: &mut Vec<Item>) {
        let span = statement.span;
        if !matches!(statement.kind, StatementKind::Bind { .. } | StatementKind::NotYet { .. })
            && let Some(attribute) = statement.attributes.first()
        {
            let found = Diagnostic::error(
                codes::E0409,
                attribute.span,
                format!("`@{}` belongs to a binding or a declaration", attribute.name.text),
            );
            self.report(found);
        }
        match &statement.kind {
            StatementKind::Bind { name, value } => {
                let item = self.binding(statement, name, value, body);
                items.extend(item);
            }
            StatementKind::Emit { value, sink } => {
                if let Some((relation, sink)) = self.emitted(value, sink, &body.scope()) {
                    items.push(Item::Emit { relation, sink, span });
                }
            }
            StatementKind::Publish { model, name, when } => {
                let item = self.publish(model, name, when.as_ref(), span, body);
                items.extend(item);
            }
            StatementKind::Return(value) => match body.result.clone() {
                Some(result) => {
                    let value = self.demand(value, &body.scope(), &result, format_args!("the result"));
                    items.push(Item::Return { value, span });
                }
                None => {
                    let found = Diagnostic::error(codes::E0410, span, "only services return something");
                    self.report(found.help("rows leave a job or stream with `emit … to …`"));
                }
            },
            StatementKind::If { condition, then, otherwise } => {
                if body.place == Place::Stream {
                    let found = Diagnostic::error(codes::E0401, span, "a stream has no `if` around statements");
                    self.report(found.help("choose rows with `where`, values with `if … then … else …`"));
                    return;
                }
                let condition = self.condition(condition, &body.scope(), "`if`");
                let then = self.branch(then, [(&condition, true)], body);
                let otherwise = self.branch(otherwise, [(&condition, false)], body);
                // Whoever comes behind a branch that returns has taken the other one.
                match (answers(&then), answers(&otherwise)) {
                    (true, false) => body.know(&condition, false),
                    (false, true) => body.know(&condition, true),
                    _ => {}
                }
                items.push(Item::If { condition, then, otherwise, span });
            }
            StatementKind::Match { subjects, arms } => {
                if body.place == Place::Stream {
                    self.report(Diagnostic::error(codes::E0401, span, "a stream has no `match` around statements"));
                    return;
                }
                self.match_statement(subjects, arms, span, body, items);
            }
            StatementKind::NotYet { keyword } => {
                self.report(Diagnostic::not_yet(keyword.span, &format!("`{}`", keyword.text)));
            }
            StatementKind::Error => {}
        }
    }

    /// Statements of a branch, where these conditions are known to be true or false.
    fn branch<'c>(
        &mut self,
        statements: &'a [Statement],
        known: impl IntoIterator<Item = (&'c Expr, bool)>,
        body: &mut Body,
    ) -> Vec<Item> {
        let (names, facts) = (body.names.mark(), body.facts.len());
        for (condition, truth) in known {
            body.know(condition, truth);
        }
        let items = self.statements(statements, body);
        body.names.leave(names);
        body.facts.truncate(facts);
        items
    }

    fn match_statement(
        &mut self,
        subjects: &'a [ast::Expr],
        arms: &'a [(Vec<ast::Pattern>, Vec<Statement>)],
        span: Span,
        body: &mut Body,
        items: &mut Vec<Item>,
    ) {
        let Some(subjects) = self.subjects(subjects, &body.scope()) else { return };
        if let Some((_, value)) = subjects.lets.first() {
            let found = Diagnostic::error(codes::E0301, value.span, "`match` around statements wants a name here");
            self.report(found.help("bind the value first: `x = …`"));
            return;
        }
        let patterns: Vec<&'a [ast::Pattern]> = arms.iter().map(|(patterns, _)| patterns.as_slice()).collect();
        let Some(conditions) = self.conditions(&subjects, &patterns, span, &body.scope()) else { return };
        let mut branches = Vec::with_capacity(arms.len());
        // An arm is reached where no one before it was taken.
        for (number, (_, statements)) in arms.iter().enumerate() {
            let known = conditions.iter().take(number + 1).enumerate();
            let known =
                known.filter_map(|(at, condition)| condition.as_ref().map(|condition| (condition, at == number)));
            branches.push(self.branch(statements, known, body));
        }
        for (condition, _) in conditions.iter().zip(&branches).take_while(|(_, branch)| answers(branch)) {
            condition.iter().for_each(|condition| body.know(condition, false));
        }
        let mut branches = conditions.into_iter().zip(branches).rev();
        let Some((_, mut otherwise)) = branches.next() else { return };
        for (condition, then) in branches {
            let Some(condition) = condition else { continue };
            otherwise = vec![Item::If { condition, then, otherwise, span }];
        }
        items.extend(otherwise);
    }

    fn binding(
        &mut self,
        statement: &'a Statement,
        name: &'a ast::Name,
        value: &'a ast::Expr,
        body: &mut Body,
    ) -> Option<Item> {
        let (mut settings, fallback) = self.binding_settings(&statement.attributes, &body.scope());
        if let Some(training) = self.training(value, body) {
            let (binding, bound) = match training {
                Some(both) => both,
                None => {
                    self.bind(body, name, Bound::Error);
                    return None;
                }
            };
            self.bind(body, name, bound);
            return Some(Item::Bind {
                name: name.text,
                value: binding,
                settings: settings.into(),
                span: statement.span,
            });
        }
        // What time or a fallback settles is one value: such a relation is the list of its rows.
        let is_settled = fallback.is_some() || (settings.timeout.is_some() && body.scope().place == Place::Service);
        if !is_settled && self.is_relation(value, &body.scope()) {
            let piped = self.relation(value, &body.scope());
            if piped.is_wrong() {
                self.bind(body, name, Bound::Error);
                return None;
            }
            let ty = Rc::new(piped.relation.ty.clone());
            self.bind(body, name, Bound::Relation { ty, events: piped.events });
            return Some(Item::Bind {
                name: name.text,
                value: Binding::Relation(piped.relation),
                settings: settings.into(),
                span: statement.span,
            });
        }
        let value = self.infer(value, &body.scope(), None);
        let mut ty = value.ty.clone();
        if let Some(fallback) = fallback {
            let wanted = Type::required(ty.kind.clone());
            let fallback = self.infer(fallback, &body.scope(), Some(&wanted));
            let to = Type { kind: ty.kind.clone(), optional: fallback.ty.optional };
            let fallback = self.fit(fallback, &to, format_args!("the fallback of `{}`", name.text));
            ty.optional &= fallback.ty.optional;
            settings.fallback = Some(fallback);
        }
        if ty.kind == Kind::Null {
            let found = Diagnostic::error(codes::E0301, value.span, "`null` alone has no type");
            self.report(found);
            ty = Type::error();
        }
        if ty.kind == Kind::Error {
            self.bind(body, name, Bound::Error);
            return None;
        }
        if body.place == Place::Stream {
            let size = value.size(&|name| body.sizes.get(&name).copied());
            if let Some(much) = size.too_much() {
                let message = format!("`{}` has {much}, with those of the values that it reads", name.text);
                let found = Diagnostic::error(codes::E0107, name.span, message);
                self.report(found.help("each row computes it in full wherever it is read: compute columns with `derive`, which are computed once"));
                self.bind(body, name, Bound::Error);
                return None;
            }
            body.sizes.insert(name.text, Size { names: size.names + 1, ..size });
        }
        self.bind(body, name, Bound::Scalar(ty));
        Some(Item::Bind {
            name: name.text,
            value: Binding::Scalar(value),
            settings: settings.into(),
            span: statement.span,
        })
    }

    /// Whether an expression is a relation rather than a value.
    pub(crate) fn is_relation(&mut self, e: &'a ast::Expr, scope: &Scope<'_>) -> bool {
        match &e.kind {
            Ast::Pipe { .. } => true,
            Ast::Name(name) => self.names_relation(name, scope),
            Ast::Field { of, .. } => match &of.kind {
                Ast::Name(split) => {
                    matches!(scope.flow.and_then(|flow| flow.get(split)), Some(Bound::Split { .. }))
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// The signature of a service.
    pub(crate) fn signature(&self, id: DeclId) -> Option<(Vec<Column>, Type)> {
        match self.settled(id)? {
            Known::Service(service) => Some((service.params.clone(), service.result.clone())),
            _ => None,
        }
    }
}
