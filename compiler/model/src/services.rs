//! Services.

use std::collections::HashMap;
use std::rc::Rc;

use fec_diagnostics::{Diagnostic, codes};
use fec_syntax::ast::{self, Statement};

use crate::check::Checker;
use crate::flows::Body;
use crate::model::{Flow, Item, Plane};
use crate::names::{Decl, DeclId, Known, ServiceInfo};
use crate::scope::{Bound, FlowScope, Place};
use crate::types::{Column, Kind};

impl<'a> Checker<'a> {
    pub(crate) fn declare_service(
        &mut self,
        decl: &Decl<'a>,
        params: &'a [ast::Param],
        result: &'a ast::TypeExpr,
    ) -> Known {
        let params = self.parameters(decl.name, params, decl.engine);
        let result = self.type_of(result, decl.engine);
        Known::Service(Rc::new(ServiceInfo { path: decl.path(), params, result }))
    }

    pub(crate) fn service(
        &mut self,
        id: DeclId,
        decl: &Decl<'a>,
        item: &'a ast::Item,
        params: &'a [ast::Param],
        statements: &'a [Statement],
    ) {
        let Some((columns, result)) = self.signature(id) else { return };
        let mut body = Body {
            place: Place::Service,
            engine: decl.engine,
            names: FlowScope::default(),
            facts: Vec::new(),
            result: Some(result.clone()),
            path: decl.path(),
            sizes: HashMap::new(),
        };
        for column in &columns {
            body.names.bind(column.name, Bound::Scalar(column.ty.clone()));
        }
        let items = self.statements(statements, &mut body);
        if !answers(&items) && !broken(statements) {
            let found =
                Diagnostic::error(codes::E0411, decl.name.span, format!("`{}` does not always answer", decl.name.text));
            self.report(found.help(format!("end it with `return …`, of type `{result}`")));
        }
        let mut settings = self.flow_settings(&item.attributes);
        let has_route = item.attributes.iter().any(|attribute| matches!(attribute.name.text.as_str(), "get" | "post"));
        if settings.route.is_none() && !has_route {
            settings.route = Some(("POST".to_owned(), format!("/{}", decl.name.text)));
        }
        if let Some((method, path)) = &settings.route {
            let place = item
                .attributes
                .iter()
                .find(|attribute| matches!(attribute.name.text.as_str(), "get" | "post"))
                .map_or(decl.name.span, |attribute| attribute.span);
            self.route_params(path, &columns, place);
            self.route_types(method, path, &columns, params);
            let key = (method.clone(), shape(path));
            if let Some(other) = self.routes.get(&key) {
                let found = Diagnostic::error(
                    codes::E0413,
                    place,
                    format!("`{method} {path}` is the route of `{other}` already"),
                );
                self.report(found);
            } else {
                self.routes.insert(key, decl.path());
            }
        }
        let flow = Flow {
            engine: decl.engine,
            name: decl.name.text,
            docs: item.docs.join("\n"),
            plane: Plane::Online,
            params: columns.into_iter().map(|column| (column, None)).collect(),
            result: Some(result),
            items,
            settings,
            span: decl.name.span,
        };
        self.model.flows.push(flow);
    }

    /// What comes in the path or the query has to be a single plain value.
    fn route_types(&mut self, method: &str, path: &str, columns: &[Column], params: &'a [ast::Param]) {
        for column in columns {
            let in_path = path.split('/').any(|part| part.strip_prefix(':') == Some(column.name.as_str()));
            if !in_path && method != "GET" {
                continue;
            }
            if matches!(column.ty.kind, Kind::Record(_) | Kind::List(_) | Kind::Bytes) {
                let span = params.iter().find(|param| param.name.text == column.name).map(|param| param.name.span);
                let found = Diagnostic::error(
                    codes::E0413,
                    span.unwrap_or_default(),
                    format!("`{}` is `{}`, which has no place in a path or query", column.name, column.ty),
                );
                self.report(found.help("take it in a body: `@post`"));
            }
        }
    }
}

/// Whether every way through the items ends with an answer.
pub(crate) fn answers(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Return { .. } => true,
        Item::If { then, otherwise, .. } => answers(then) && answers(otherwise),
        _ => false,
    })
}

/// Whether some statement could not be read, so that an answer may only seem to be missing.
fn broken(statements: &[Statement]) -> bool {
    use ast::StatementKind as S;
    statements.iter().any(|statement| match &statement.kind {
        S::Error | S::NotYet { .. } | S::Match { .. } => true,
        S::If { then, otherwise, .. } => broken(then) || broken(otherwise),
        _ => false,
    })
}

/// A path with its parameters made alike.
fn shape(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with(':') { ":" } else { part }).collect::<Vec<_>>().join("/")
}
