//! The order in which declarations are checked: what is needed comes first, so that long chains need no deep stack.

use fec_syntax::ast::{self, ItemKind, OperatorKind, SelectItem, TypeExpr, TypeKind};

use crate::check::Checker;
use crate::names::{Decl, DeclId, DeclKind};

impl<'a> Checker<'a> {
    /// Checks all declarations, each after those that it names (as far as there is no circle). A tree is looked through for
    /// names just before it is checked, so that a large solution's trees come into the caches once.
    pub(crate) fn declarations(&mut self) {
        let mut seen = vec![false; self.decls.len()];
        let mut pending: Vec<(DeclId, Vec<DeclId>)> = Vec::new();
        for root in 0..self.decls.len() {
            self.open(root, &mut seen, &mut pending);
            while let Some((id, needs)) = pending.last_mut() {
                match needs.pop() {
                    Some(need) => self.open(need, &mut seen, &mut pending),
                    None => {
                        let id = *id;
                        pending.pop();
                        self.known(id, None);
                    }
                }
            }
        }
    }

    fn open(&self, id: DeclId, seen: &mut [bool], pending: &mut Vec<(DeclId, Vec<DeclId>)>) {
        match seen.get_mut(id) {
            Some(seen) if !*seen => *seen = true,
            _ => return,
        }
        let Some(decl) = self.decls.get(id) else { return };
        let mut needs = Needs { checker: self, decl, ids: Vec::new() };
        if let DeclKind::Item(item) = decl.kind {
            needs.item(item);
        }
        needs.ids.reverse();
        pending.push((id, needs.ids));
    }
}

struct Needs<'c, 'a> {
    checker: &'c Checker<'a>,
    decl: &'c Decl<'a>,
    ids: Vec<DeclId>,
}

impl Needs<'_, '_> {
    fn name(&mut self, name: &str) {
        if let Some(id) = self.checker.resolve(self.decl.engine, name) {
            self.ids.push(id);
        }
    }

    fn item(&mut self, item: &ast::Item) {
        match &item.kind {
            ItemKind::Type { fields, .. } => fields.iter().for_each(|field| self.ty(&field.ty)),
            ItemKind::Source { ty, .. } | ItemKind::Sink { ty, .. } => self.ty(ty),
            ItemKind::Param { ty, .. } => self.ty(ty),
            ItemKind::View { value, .. } => self.expr(value),
            ItemKind::Features { by, from, lines, .. } => {
                self.expr(from);
                by.iter().for_each(|key| self.expr(key));
                for line in lines {
                    self.expr(&line.value);
                    line.filter.iter().for_each(|filter| self.expr(filter));
                }
            }
            ItemKind::Func { params, result, body, .. } => {
                self.params(params);
                self.ty(result);
                self.expr(body);
            }
            ItemKind::Rules { params, result, rows, .. } => {
                self.params(params);
                self.ty(result);
                for row in rows {
                    row.condition.iter().for_each(|condition| self.expr(condition));
                    self.expr(&row.value);
                }
            }
            ItemKind::Service { params, result, .. } => {
                self.params(params);
                self.ty(result);
            }
            _ => {}
        }
    }

    fn params(&mut self, params: &[ast::Param]) {
        params.iter().filter_map(|param| param.ty.as_ref()).for_each(|ty| self.ty(ty));
    }

    fn ty(&mut self, ty: &TypeExpr) {
        match &ty.kind {
            TypeKind::Named { name, types, .. } => {
                self.name(&name.text);
                types.iter().for_each(|ty| self.ty(ty));
            }
            TypeKind::Record { fields, .. } => fields.iter().for_each(|field| self.ty(&field.ty)),
            TypeKind::Error => {}
        }
    }

    fn expr(&mut self, expr: &ast::Expr) {
        use ast::ExprKind as E;
        // A long pipeline leans to the left: it is walked, not descended.
        let mut expr = expr;
        loop {
            match &expr.kind {
                E::Pipe { input, op } => {
                    self.operator(&op.kind);
                    expr = input;
                }
                E::Binary { left, right, .. } => {
                    self.expr(right);
                    expr = left;
                }
                _ => break,
            }
        }
        match &expr.kind {
            E::Name(name) => self.name(name),
            E::Field { of, .. } => self.expr(of),
            E::Index { of, keys } => {
                self.expr(of);
                keys.iter().for_each(|key| self.expr(key));
            }
            E::Call { function, arguments } => {
                self.expr(function);
                arguments.iter().for_each(|argument| self.expr(&argument.value));
            }
            E::Unary { operand, .. } => self.expr(operand),
            E::If { condition, then, otherwise } => [condition, then, otherwise].into_iter().for_each(|e| self.expr(e)),
            E::Match { subjects, arms } => {
                subjects.iter().for_each(|subject| self.expr(subject));
                arms.iter().for_each(|arm| self.expr(&arm.value));
            }
            E::List(items) => items.iter().for_each(|item| self.expr(item)),
            E::Record(entries) => {
                for entry in entries {
                    match entry {
                        ast::RecordEntry::Field { value, .. } | ast::RecordEntry::Spread(value) => self.expr(value),
                    }
                }
            }
            E::Interpolation(parts) => {
                for part in parts {
                    if let ast::Part::Expr(value) = part {
                        self.expr(value);
                    }
                }
            }
            _ => {}
        }
    }

    fn items(&mut self, items: &[SelectItem]) {
        for item in items {
            match item {
                SelectItem::Expr(value) | SelectItem::Named { value, .. } | SelectItem::Spread(value) => {
                    self.expr(value);
                }
            }
        }
    }

    fn operator(&mut self, op: &OperatorKind) {
        match op {
            OperatorKind::Where(condition) => self.expr(condition),
            OperatorKind::Select(items) => self.items(items),
            OperatorKind::Derive(columns) => columns.iter().for_each(|(_, value)| self.expr(value)),
            OperatorKind::Join { right, on, .. } => {
                self.expr(right);
                on.iter().for_each(|on| self.expr(on));
            }
            OperatorKind::With { features, on, .. } => {
                self.expr(features);
                on.iter().for_each(|key| self.expr(key));
            }
            OperatorKind::Group { by, lines, .. } => {
                self.items(by);
                lines.iter().for_each(|line| self.expr(&line.value));
            }
            OperatorKind::Union(others) => others.iter().for_each(|other| self.expr(other)),
            OperatorKind::Sort(keys) => keys.iter().for_each(|key| self.expr(&key.value)),
            _ => {}
        }
    }
}
