//! Pipelines: a relation, passed on from operator to operator.

use std::rc::Rc;

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::ast::{self, ExprKind as Ast, OperatorKind, SelectItem};
use fec_syntax::{Symbol, foreign};

use crate::check::Checker;
use crate::convert::field_of;
use crate::expr::{Expr, ExprKind};
use crate::names::Known;
use crate::relation::{Relation, RelationOp};
use crate::scope::{Bound, Origin, Place, Scope, facts, narrow_columns};
use crate::types::{Boundedness, Column, Columns, Kind, RelationType, Type};
use crate::unknown::{suggest, suggest_among};

/// A relation with what the checker needs besides its type.
pub(crate) struct Piped {
    pub relation: Relation,
    /// Rows are events of a stream (its history in a job): a join with others needs `within`.
    pub events: bool,
    /// Where it began, while its columns can still be called by that name.
    pub origin: Option<Origin>,
    /// The stream source that its rows come from.
    pub base: Option<Symbol>,
    /// An operator that needs all rows.
    pub bounded_only: Option<(Span, String)>,
}

/// A list stands as a relation where rows are those of sources.
pub(crate) fn list_among_data(span: Span) -> Diagnostic {
    let found = Diagnostic::error(codes::E0306, span, "a list is a relation in services alone");
    found.help("rows that are known before come from a table: `source … : table<…> key … { file: \"….csv\" }`")
}

impl Piped {
    pub(crate) fn wrong(span: Span) -> Self {
        let ty = RelationType {
            columns: Columns::default(),
            key: Vec::new(),
            boundedness: Boundedness::Bounded,
            changes: false,
            timed: false,
            late: false,
        };
        let relation = Relation { op: RelationOp::Error, ty, span };
        Self { relation, events: false, origin: None, base: None, bounded_only: None }
    }

    pub(crate) fn is_wrong(&self) -> bool {
        matches!(self.relation.op, RelationOp::Error)
    }

    /// The same rows after an operator that changes its relation only.
    pub(crate) fn then(self, change: impl FnOnce(Relation) -> Relation) -> Self {
        let Piped { relation, events, origin, base, bounded_only } = self;
        Self { relation: change(relation), events, origin, base, bounded_only }
    }
}

impl<'a> Checker<'a> {
    /// The relation that an expression means.
    pub(crate) fn relation(&mut self, e: &'a ast::Expr, scope: &Scope<'_>) -> Piped {
        // Long pipelines lean to the left: they are walked, not descended.
        let mut operators = Vec::new();
        let mut head = e;
        while let Ast::Pipe { input, op } = &head.kind {
            operators.push(&**op);
            head = input;
        }
        if !self.enter(e.span) {
            return Piped::wrong(e.span);
        }
        let mut piped = self.head(head, scope);
        for op in operators.into_iter().rev() {
            if piped.is_wrong() {
                break;
            }
            piped = self.operator(piped, op, scope);
        }
        self.leave();
        piped
    }

    fn head(&mut self, e: &'a ast::Expr, scope: &Scope<'_>) -> Piped {
        let outer = Scope { row: None, ..scope.clone() };
        match &e.kind {
            Ast::Name(name) => self.named_relation(*name, e.span, &outer),
            Ast::Field { of, name } => {
                if let Ast::Name(split) = &of.kind
                    && let Some(Bound::Split { ty, parts }) = scope.flow.and_then(|flow| flow.get(split)).cloned()
                {
                    return self.part(*split, &ty, &parts, name, e.span);
                }
                self.list_as_rows(e, &outer)
            }
            Ast::Error => Piped::wrong(e.span),
            _ => self.list_as_rows(e, &outer),
        }
    }

    fn part(&mut self, split: Symbol, ty: &Rc<RelationType>, parts: &[Symbol], name: &ast::Name, span: Span) -> Piped {
        if !parts.contains(&name.text) {
            let found = Diagnostic::error(codes::E0203, name.span, format!("`{split}` has no part `{}`", name.text));
            let known: Vec<&str> = parts.iter().map(Symbol::as_str).collect();
            let found = suggest_among(found, name.span, &name.text, &known, "it has");
            self.report(found);
            return Piped::wrong(span);
        }
        let op = RelationOp::Part { split, part: name.text };
        let ty = RelationType { late: true, ..(**ty).clone() };
        let relation = Relation { op, ty, span };
        Piped { relation, events: false, origin: None, base: None, bounded_only: None }
    }

    /// A list of records as a relation.
    fn list_as_rows(&mut self, e: &'a ast::Expr, scope: &Scope<'_>) -> Piped {
        let value = self.infer(e, scope, None);
        self.rows_of(value, scope)
    }

    pub(crate) fn rows_of(&mut self, value: Expr, scope: &Scope<'_>) -> Piped {
        let span = value.span;
        let columns = match &value.ty.kind {
            Kind::Error => return Piped::wrong(span),
            Kind::List(item) if !item.optional && !value.ty.optional => match &item.kind {
                Kind::Record(record) => record.fields.clone(),
                _ => {
                    self.report(Diagnostic::not_yet(span, &format!("a relation over `{}`", value.ty)));
                    return Piped::wrong(span);
                }
            },
            _ => {
                self.report(Diagnostic::error(
                    codes::E0306,
                    span,
                    format!("a relation was expected, but this is `{}`", value.ty),
                ));
                return Piped::wrong(span);
            }
        };
        let ty = RelationType {
            columns,
            key: Vec::new(),
            boundedness: Boundedness::Bounded,
            changes: false,
            timed: false,
            late: false,
        };
        let relation = match value.kind {
            ExprKind::Rows(relation) => *relation,
            _ if scope.place.is_of_data() => {
                self.report(list_among_data(span));
                return Piped::wrong(span);
            }
            _ => Relation { op: RelationOp::Rows(Box::new(value)), ty, span },
        };
        Piped { relation, events: false, origin: None, base: None, bounded_only: None }
    }

    /// The relation that a name means.
    pub(crate) fn named_relation(&mut self, name: Symbol, span: Span, scope: &Scope<'_>) -> Piped {
        if let Some(bound) = scope.flow.and_then(|flow| flow.get(&name)) {
            return match bound {
                Bound::Relation { ty, events } => {
                    let origin = Some(Origin { name, ty: ty.clone() });
                    let relation = Relation { op: RelationOp::Binding(name), ty: (**ty).clone(), span };
                    Piped { relation, events: *events, origin, base: None, bounded_only: None }
                }
                Bound::Error => Piped::wrong(span),
                Bound::Scalar(_) | Bound::Report => match self.local(name, span, scope) {
                    Some(value) => self.rows_of(value, scope),
                    None => Piped::wrong(span),
                },
                Bound::Split { parts, .. } => {
                    let parts = parts.join("`, `");
                    let found = Diagnostic::error(codes::E0306, span, format!("`{name}` is a split"));
                    self.report(found.help(format!("take one of its parts: `{parts}`")));
                    Piped::wrong(span)
                }
                Bound::Model(_) => {
                    self.report(Diagnostic::error(codes::E0306, span, format!("`{name}` is a model, not a relation")));
                    Piped::wrong(span)
                }
            };
        }
        if let Some(value) =
            scope.vars.iter().any(|var| var.name == name).then(|| self.local(name, span, scope)).flatten()
        {
            return self.rows_of(value, scope);
        }
        let Some(id) = self.resolve(scope.engine, &name) else {
            self.unknown_relation(&name, span, scope);
            return Piped::wrong(span);
        };
        match self.known(id, Some(span)) {
            Known::Source(source) => {
                if scope.place == Place::Service && !source.table {
                    let found = Diagnostic::error(
                        codes::E0408,
                        span,
                        format!("`{name}` never ends: a service cannot read it all"),
                    );
                    self.report(found.help("a service reads what a feature set keeps of a stream"));
                    return Piped::wrong(span);
                }
                let mut ty = (*source.ty).clone();
                if matches!(scope.place, Place::Job | Place::Test) && !source.table {
                    ty.boundedness = Boundedness::Bounded;
                }
                let relation = Relation { op: RelationOp::Source(source.path), ty, span };
                let origin = Some(Origin { name, ty: source.ty.clone() });
                let base = (!source.table).then(|| source.path);
                Piped { relation, events: !source.table, origin, base, bounded_only: None }
            }
            Known::View(view) => self.view_relation(name, &view, span, scope),
            Known::Sink(sink) if scope.place == Place::Test => {
                let ty = RelationType {
                    columns: sink.columns.clone(),
                    key: sink.key.clone(),
                    boundedness: Boundedness::Bounded,
                    changes: false,
                    timed: false,
                    late: false,
                };
                let origin = Some(Origin { name, ty: Rc::new(ty.clone()) });
                let relation = Relation { op: RelationOp::Sink(sink.path), ty, span };
                Piped { relation, events: false, origin, base: None, bounded_only: None }
            }
            Known::Features(set) if set.failed => Piped::wrong(span),
            Known::Features(_) => {
                let found = Diagnostic::error(codes::E0306, span, format!("`{name}` is a feature set, not a relation"));
                self.report(found.help(format!("rows take its values with `|> with {name}`")));
                Piped::wrong(span)
            }
            Known::Failed => Piped::wrong(span),
            _ => {
                self.report(Diagnostic::error(codes::E0306, span, format!("`{name}` is not a relation")));
                Piped::wrong(span)
            }
        }
    }

    fn view_relation(&mut self, name: Symbol, view: &crate::names::ViewInfo, span: Span, scope: &Scope<'_>) -> Piped {
        if view.failed {
            return Piped::wrong(span);
        }
        if scope.place == Place::Service && view.events {
            let found =
                Diagnostic::error(codes::E0408, span, format!("`{name}` never ends: a service cannot read it all"));
            let repair = match view.kept {
                true => format!("read the row of one key, `{name}[key]`, or join it by its key"),
                false => "a service reads what a feature set keeps of a stream".to_owned(),
            };
            self.report(found.help(repair));
            return Piped::wrong(span);
        }
        if let (Place::Stream | Place::Features, Some((place, word))) = (scope.place, &view.bounded_only) {
            let found = Diagnostic::not_yet(span, &format!("`{name}` in a stream"))
                .label(*place, format!("`{word}` needs all rows"));
            self.report(found);
            return Piped::wrong(span);
        }
        let list = self.view_lists.get(&view.path).copied();
        if let Some(list) = list.filter(|_| scope.place.is_of_data()) {
            self.report(list_among_data(span).label(list, format!("`{name}` has the rows of this list")));
            return Piped::wrong(span);
        }
        let mut ty = (*view.ty).clone();
        if matches!(scope.place, Place::Job | Place::Test) && ty.boundedness == Boundedness::Stream {
            ty.boundedness = Boundedness::Bounded;
        }
        let relation = Relation { op: RelationOp::View(view.path), ty, span };
        Piped {
            relation,
            events: view.events,
            origin: Some(Origin { name, ty: view.ty.clone() }),
            base: view.base,
            bounded_only: view.bounded_only.clone(),
        }
    }

    fn operator(&mut self, input: Piped, op: &'a ast::Operator, scope: &Scope<'_>) -> Piped {
        match &op.kind {
            OperatorKind::Where(condition) => self.filter(input, condition, op.span, scope),
            OperatorKind::Select(items) => self.select(input, items, op.span, scope),
            OperatorKind::Derive(columns) => self.derive(input, columns, op.span, scope),
            OperatorKind::Drop(names) => self.drop_columns(input, names, op.span),
            OperatorKind::Rename(pairs) => self.rename(input, pairs, op.span),
            OperatorKind::Join { .. } => self.join(input, op, scope),
            OperatorKind::With { .. } => self.with(input, op, scope),
            OperatorKind::Final => self.finished(input, op, scope),
            OperatorKind::Union(others) => self.union(input, others, op.span, scope),
            OperatorKind::Group { .. }
            | OperatorKind::Sort(_)
            | OperatorKind::Top { .. }
            | OperatorKind::Take(_)
            | OperatorKind::Distinct(_)
            | OperatorKind::Latest(_) => self.needs_all(input, op, scope),
            OperatorKind::Window { .. } => {
                self.report(Diagnostic::not_yet(op.word, "the operator `window`"));
                Piped::wrong(op.span)
            }
            OperatorKind::NotYet { keyword } => {
                self.report(Diagnostic::not_yet(keyword.span, &format!("the operator `{}`", keyword.text)));
                Piped::wrong(op.span)
            }
            OperatorKind::Call { function, .. } => {
                let name = match &function.kind {
                    Ast::Name(name) => name.as_str(),
                    _ => "a call",
                };
                let declared = self.resolve(scope.engine, name);
                let failed = declared.is_some_and(|id| matches!(self.settled(id), Some(Known::Failed)));
                if !failed {
                    let later = declared.is_some() || crate::functions::LATER.contains(&name);
                    self.report(if later {
                        Diagnostic::not_yet(function.span, &format!("`|> {name}(…)`"))
                    } else {
                        let found =
                            Diagnostic::error(codes::E0105, function.span, format!("there is no operator `{name}`"));
                        match foreign::operator(name) {
                            Some(foreign) => foreign.mends(found, function.span),
                            None => suggest(found, function.span, name, OPERATORS.iter().copied()),
                        }
                    });
                }
                Piped::wrong(op.span)
            }
            OperatorKind::Error => Piped::wrong(op.span),
        }
    }

    fn filter(&mut self, input: Piped, condition: &'a ast::Expr, span: Span, scope: &Scope<'_>) -> Piped {
        let inner = scope.over(&input.relation.ty.columns, input.origin.as_ref());
        let condition = self.condition(condition, &inner, "`where`");
        let mut known = Vec::new();
        facts(&condition, true, &mut known);
        input.then(|relation| {
            let mut ty = relation.ty.clone();
            narrow_columns(&mut ty.columns, &known, "c:");
            Relation { op: RelationOp::Where { input: Box::new(relation), condition }, ty, span }
        })
    }

    /// The columns of `items` over a row; names are checked for repetition. One whose name is not known has the empty one.
    pub(crate) fn columns(
        &mut self,
        items: &'a [SelectItem],
        row: &[Column],
        origin: Option<&Origin>,
        scope: &Scope<'_>,
    ) -> Vec<(Symbol, Expr)> {
        let inner = scope.over(row, origin);
        let mut columns: Vec<(Symbol, Expr)> = Vec::with_capacity(items.len());
        for item in items {
            match item {
                SelectItem::Named { name, value } => {
                    let value = self.infer(value, &inner, None);
                    self.column(&mut columns, name.text, name.span, value);
                }
                SelectItem::Expr(value) => {
                    let (name, place) = match &value.kind {
                        Ast::Name(name) => (Some(*name), value.span),
                        Ast::Field { name, .. } => (Some(name.text), name.span),
                        _ => (None, value.span),
                    };
                    let before = self.diagnostics.len();
                    let typed = self.infer(value, &inner, None);
                    let name = if self.diagnostics.len() == before { name } else { meant(value, row) };
                    match name {
                        Some(name) => self.column(&mut columns, name, place, typed),
                        None => {
                            if typed.ty.kind != Kind::Error {
                                let found = Diagnostic::error(codes::E0303, value.span, "this column needs a name");
                                self.report(found.help("as in `name = …`"));
                            }
                            columns.push((Symbol::default(), self.wrong(value.span)));
                        }
                    }
                }
                SelectItem::Spread(value) => self.spread(&mut columns, value, &inner),
            }
        }
        columns
    }

    fn column(&mut self, columns: &mut Vec<(Symbol, Expr)>, name: Symbol, span: Span, value: Expr) {
        if columns.iter().any(|(other, _)| *other == name) {
            let found = Diagnostic::error(codes::E0310, span, format!("the column `{name}` stands twice"));
            self.report(found.help("give one of them another name: `other = …`"));
            return;
        }
        columns.push((name, value));
    }

    fn spread(&mut self, columns: &mut Vec<(Symbol, Expr)>, value: &'a ast::Expr, scope: &Scope<'_>) {
        if let (Ast::Name(name), Some(row), Some(origin)) = (&value.kind, scope.row, scope.origin)
            && origin.name == *name
            && !row.iter().any(|column| column.name == *name)
        {
            for column in row.iter().filter(|column| origin.ty.column(&column.name).is_some()) {
                let expr = Expr { kind: ExprKind::Column(column.name), ty: column.ty.clone(), span: value.span };
                self.column(columns, column.name, value.span, expr);
            }
            return;
        }
        let record = self.infer(value, scope, None);
        match record.ty.kind.clone() {
            Kind::Error => columns.push((Symbol::default(), self.wrong(value.span))),
            Kind::Record(fields) => {
                for (index, field) in fields.fields.iter().enumerate() {
                    let part = field_of(&record, &fields, index);
                    self.column(columns, field.name, value.span, part);
                }
            }
            _ => {
                let ty = record.ty.to_string();
                self.report(Diagnostic::error(
                    codes::E0322,
                    value.span,
                    format!("`..` wants a record, and this is `{ty}`"),
                ));
                columns.push((Symbol::default(), self.wrong(value.span)));
            }
        }
    }

    fn select(&mut self, input: Piped, items: &'a [SelectItem], span: Span, scope: &Scope<'_>) -> Piped {
        let columns = self.columns(items, &input.relation.ty.columns, input.origin.as_ref(), scope);
        if is_lost(&columns) {
            return Piped::wrong(span);
        }
        self.selected(input, columns, span)
    }

    /// The relation with these columns only.
    fn selected(&mut self, input: Piped, columns: Vec<(Symbol, Expr)>, span: Span) -> Piped {
        let origin = None;
        let Piped { relation, events, base, bounded_only, .. } = input;
        let mut ty = RelationType {
            columns: columns.iter().map(|(name, value)| Column { name: *name, ty: value.ty.clone() }).collect(),
            key: Vec::with_capacity(relation.ty.key.len()),
            ..RelationType { columns: Columns::default(), key: Vec::new(), ..relation.ty }
        };
        for key in &relation.ty.key {
            let kept = columns.iter().find(|(_, value)| matches!(&value.kind, ExprKind::Column(name) if name == key));
            match kept {
                Some((name, _)) => ty.key.push(*name),
                None => {
                    ty.key.clear();
                    break;
                }
            }
        }
        let relation = Relation { op: RelationOp::Select { input: Box::new(relation), columns }, ty, span };
        Piped { relation, events, origin, base, bounded_only }
    }

    fn derive(&mut self, input: Piped, new: &'a [(ast::Name, ast::Expr)], span: Span, scope: &Scope<'_>) -> Piped {
        let mut ty = input.relation.ty.clone();
        let mut columns: Vec<(Symbol, Expr)> = Vec::with_capacity(new.len());
        for (name, value) in new {
            let value = self.infer(value, &scope.over(&ty.columns, input.origin.as_ref()), None);
            if columns.iter().any(|(other, _)| *other == name.text) {
                self.report(Diagnostic::error(
                    codes::E0310,
                    name.span,
                    format!("the column `{}` stands twice in one `derive`", name.text),
                ));
                continue;
            }
            if value.ty.kind == Kind::Null {
                self.report(
                    Diagnostic::error(codes::E0301, value.span, "`null` alone has no type")
                        .help("choose between it and a value: `if … then x else null`"),
                );
            }
            match ty.columns.iter_mut().find(|column| column.name == name.text) {
                Some(column) => column.ty = value.ty.clone(),
                None => ty.columns.push(Column { name: name.text, ty: value.ty.clone() }),
            }
            columns.push((name.text, value));
        }
        if ty.key.iter().any(|key| columns.iter().any(|(name, _)| name == key)) {
            ty.key.clear();
        }
        input.then(|relation| Relation { op: RelationOp::Derive { input: Box::new(relation), columns }, ty, span })
    }

    fn drop_columns(&mut self, input: Piped, names: &'a [ast::Name], span: Span) -> Piped {
        for name in names {
            if input.relation.ty.column(&name.text).is_none() {
                self.no_column(name, &input.relation.ty.columns);
            }
        }
        let kept: Vec<(Symbol, Expr)> = input
            .relation
            .ty
            .columns
            .iter()
            .filter(|column| !names.iter().any(|name| name.text == column.name))
            .map(|column| (column.name, own_column(column, span)))
            .collect();
        if kept.is_empty() && !input.relation.ty.columns.is_empty() {
            self.report(Diagnostic::error(codes::E0203, span, "no column would be left"));
            return Piped::wrong(span);
        }
        let origin = input.origin.clone();
        Piped { origin, ..self.selected(input, kept, span) }
    }

    fn rename(&mut self, input: Piped, pairs: &'a [(ast::Name, ast::Name)], span: Span) -> Piped {
        let mut meant = Vec::with_capacity(pairs.len());
        for (from, to) in pairs {
            if input.relation.ty.column(&from.text).is_none() {
                self.no_column(from, &input.relation.ty.columns);
            }
            match called_like(&from.text, &input.relation.ty.columns) {
                Some(name) => meant.push((name, to)),
                None => return Piped::wrong(span),
            }
        }
        let mut columns: Vec<(Symbol, Expr)> = Vec::with_capacity(input.relation.ty.columns.len());
        for column in &input.relation.ty.columns {
            let pair = meant.iter().find(|(from, _)| *from == column.name);
            let (name, place) = pair.map_or((column.name, span), |(_, to)| (to.text, to.span));
            self.column(&mut columns, name, place, own_column(column, span));
        }
        self.selected(input, columns, span)
    }

    /// Says that a relation has no such column.
    pub(crate) fn no_column(&mut self, name: &ast::Name, columns: &[Column]) {
        let found = Diagnostic::error(codes::E0203, name.span, format!("there is no column `{}` here", name.text));
        let near = fec_diagnostics::closest(&name.text, columns.iter().map(|column| column.name.as_str()));
        let found = match near {
            Some(near) => found.fix(format!("write `{near}`"), name.span, near),
            None => found.help(format!("the columns are {}", crate::names::list_of(columns))),
        };
        self.report(found);
    }

    fn finished(&mut self, input: Piped, op: &'a ast::Operator, scope: &Scope<'_>) -> Piped {
        if !input.relation.ty.timed || scope.place == Place::Service {
            let found = Diagnostic::error(codes::E0401, op.word, "`final` wants rows of a stream");
            self.report(found.help("without time nothing comes later: leave it out"));
            return Piped::wrong(op.span);
        }
        input.then(|relation| {
            let ty = RelationType { changes: false, late: true, ..relation.ty.clone() };
            Relation { op: RelationOp::Final { input: Box::new(relation) }, ty, span: op.span }
        })
    }

    fn union(&mut self, input: Piped, others: &'a [ast::Expr], span: Span, scope: &Scope<'_>) -> Piped {
        let mut ty = input.relation.ty.clone();
        ty.key.clear();
        let mut inputs = vec![input];
        for other in others {
            let piped = self.relation(other, scope);
            if piped.is_wrong() {
                return piped;
            }
            if !self.unite(&mut ty.columns, &piped.relation.ty.columns, other.span) {
                return Piped::wrong(span);
            }
            if piped.events != inputs.first().is_some_and(|first| first.events) && scope.place != Place::Job {
                let found = Diagnostic::error(codes::E0417, other.span, "a stream and a table cannot be put together");
                self.report(found);
                return Piped::wrong(span);
            }
            ty.changes |= piped.relation.ty.changes;
            ty.late |= piped.relation.ty.late;
            ty.timed &= piped.relation.ty.timed;
            inputs.push(piped);
        }
        let events = inputs.iter().any(|piped| piped.events);
        let bounded_only = inputs.iter().find_map(|piped| piped.bounded_only.clone());
        let inputs = inputs.into_iter().map(|piped| self.conform(piped.relation, &ty.columns)).collect();
        let relation = Relation { op: RelationOp::Union { inputs }, ty, span };
        Piped { relation, events, origin: None, base: None, bounded_only }
    }

    /// The columns of a union with one more relation.
    fn unite(&mut self, columns: &mut [Column], others: &[Column], span: Span) -> bool {
        let missing: Vec<String> = columns
            .iter()
            .filter(|column| !others.iter().any(|other| other.name == column.name))
            .map(|column| format!("`{}` is missing", column.name))
            .chain(
                others
                    .iter()
                    .filter(|other| !columns.iter().any(|column| column.name == other.name))
                    .map(|other| format!("`{}` is too much", other.name)),
            )
            .collect();
        if !missing.is_empty() {
            let found = Diagnostic::error(
                codes::E0417,
                span,
                format!("a union wants the same columns: {}", missing.join(", ")),
            );
            self.report(found.help("bring them into one form with `select`"));
            return false;
        }
        for column in columns {
            let Some(other) = others.iter().find(|other| other.name == column.name) else { continue };
            match crate::convert::unify(&column.ty, &other.ty) {
                Some(common) => column.ty = common,
                None => {
                    self.report(Diagnostic::error(
                        codes::E0417,
                        span,
                        format!(
                            "`{}` is `{}` on one side of the union and `{}` here",
                            column.name, column.ty, other.ty
                        ),
                    ));
                    return false;
                }
            }
        }
        true
    }
}

/// The column as it is.
pub(crate) fn own_column(column: &Column, span: Span) -> Expr {
    let ty = Type { kind: column.ty.kind.clone(), optional: column.ty.optional };
    Expr { kind: ExprKind::Column(column.name), ty, span }
}

const OPERATORS: &[&str] = &[
    "where", "select", "derive", "drop", "rename", "join", "with", "final", "group", "sort", "top", "take", "distinct",
    "latest", "union",
];

/// The column that was meant by a value that is wrong, where it is a name much like it.
fn meant(value: &ast::Expr, row: &[Column]) -> Option<Symbol> {
    let Ast::Name(name) = &value.kind else { return None };
    called_like(name, row)
}

fn called_like(name: &str, row: &[Column]) -> Option<Symbol> {
    let is = |wanted: &str| row.iter().find(|column| column.name == wanted).map(|column| column.name);
    is(name).or_else(|| fec_diagnostics::closest(name, row.iter().map(|column| column.name.as_str())).and_then(is))
}

/// Whether a column has no name that is known: which columns there are is not known then.
pub(crate) fn is_lost(columns: &[(Symbol, Expr)]) -> bool {
    columns.iter().any(|(name, _)| name.is_empty())
}
