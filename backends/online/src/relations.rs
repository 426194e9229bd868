//! Relations in services as data over the engine: where rows come from, and the functions that wire their operators.

use fec_diagnostics::{Sources, Span};
use fec_ir::Ir;
use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};
use fec_model::types::{Column, Kind, Type};
use fec_plan::service::{Cells, Ordered, Relation, Rows, Through};
use fec_rust::page::{Tree, atom, call, list, record, text};
use fec_rust::{Error, RustFile, Scope, doc, ident, schema};
use fec_stream::Wired;

/// The longest name of a function that is made of a binding's.
const LONGEST: usize = 32;

/// The module of the functions that wire.
pub(crate) const MODULE: &str = "relations";

/// A file while it is printed, with what its expressions see.
pub(crate) struct Page<'a, 'w> {
    pub ir: &'w Ir,
    pub sources: &'w Sources,
    pub shared: String,
    pub file: RustFile,
    /// The cells: parameters, then bindings.
    cells: &'a [Column],
    /// What expressions over the cells see.
    scope: Scope,
    rules: &'a mut RustFile,
    wired: &'a mut Wired<'w>,
}

impl<'a, 'w> Page<'a, 'w> {
    /// An empty file whose expressions read `cells`. Their functions go to `rules`, and those that wire operators to
    /// `wired`.
    pub fn new(
        (ir, sources): (&'w Ir, &'w Sources),
        cells: &'a [Column],
        header: &str,
        (rules, wired): (&'a mut RustFile, &'a mut Wired<'w>),
    ) -> Self {
        let mut scope = Scope::row(cells).enums(&ir.enums);
        for (position, param) in ir.params.iter().enumerate() {
            scope = scope.slot(&param.name, position, &param.ty);
        }
        let shared = wired.shared.clone();
        Self { ir, sources, shared, file: RustFile::new(header).enums(&ir.enums), cells, scope, rules, wired }
    }

    /// `Kind::…`.
    pub fn kind(&mut self, kind: &Kind) -> Tree {
        schema::kind(&mut self.file, &self.shared, kind)
    }

    /// `vec![…]` of [`Self::scalar`].
    pub fn all(&mut self, function: &str, exprs: &[Expr]) -> Result<Tree, Error> {
        let made = exprs.iter().map(|expr| self.scalar(function, expr));
        Ok(list("vec!", made.collect::<Result<Vec<_>, _>>()?))
    }

    /// `scalar!(zone, …)` of an expression over the cells, which becomes a function called `function`.
    pub fn scalar(&mut self, function: &str, expr: &Expr) -> Result<Tree, Error> {
        let kind = self.kind(&expr.ty.kind);
        self.scalar_of(function, expr, kind)
    }

    /// [`Self::scalar`], whose kind is printed as `kind`.
    pub fn scalar_of(&mut self, function: &str, expr: &Expr, kind: Tree) -> Result<Tree, Error> {
        let quoted = doc::quote(self.sources, expr.span);
        let printed = self.rules.function(function, &quoted, expr, &self.scope)?;
        // A macro's arguments are not broken as those of a function are: what does not fit has a name.
        let kind = match kind.is_short() {
            true => kind,
            false => {
                let name = self.file.fresh(&format!("{}_kind", printed.name));
                let body = kind.last(4);
                self.file.import("flow_core::types", "Kind");
                self.file.item(&format!("/// The type of {quoted}.\nfn {name}() -> Kind {{\n{body}}}"));
                call(&name, [])
            }
        };
        let mut reads = Vec::new();
        self.reads(expr, &mut reads);
        reads.sort_unstable();
        reads.dedup();
        let reads = list("", reads.into_iter().map(|position| atom(position.to_string())));
        self.file.import("flow_serve", "scalar");
        self.file.import("crate", "rules");
        Ok(call("scalar!", [atom("zone"), kind, reads, atom(format!("rules::{}", printed.name))]))
    }

    /// The positions of the cells that an expression reads.
    fn reads(&self, expr: &Expr, found: &mut Vec<usize>) {
        if let ExprKind::Column(name) = &expr.kind {
            found.extend(self.cells.iter().position(|cell| cell.name == *name));
        }
        for child in expr.children() {
            self.reads(child, found);
        }
    }

    /// A relation of the statement at `span`; functions of it are called after `label`.
    pub fn relation(&mut self, label: &str, span: Span, relation: &Relation) -> Result<Tree, Error> {
        self.file.import("flow_serve", "Relation");
        let rows = self.ordered(label, span, &relation.rows, &self.outside(relation))?;
        let reads =
            list("vec!", relation.reads.iter().map(|path| list("vec!", path.iter().map(|at| atom(at.to_string())))));
        Ok(record("Relation", [("rows", rows), ("reads", reads)]))
    }

    /// What expressions of a relation see besides their row: the parameters of the solution, then the cells.
    fn outside(&self, relation: &Relation) -> Vec<(Symbol, Type)> {
        let mut slots: Vec<(Symbol, Type)> =
            self.ir.params.iter().map(|param| (param.name, param.ty.clone())).collect();
        for (position, cell) in self.cells.iter().enumerate() {
            let bound = relation.bindings.iter().find(|(_, known)| **known == position);
            // What is bound by nothing so far goes by a name that nobody can write.
            let name = bound.map_or_else(|| format!("#{position}").into(), |(name, _)| *name);
            slots.push((name, cell.ty.clone()));
        }
        slots
    }

    /// Rows in the order in which a list has them.
    pub fn ordered(
        &mut self,
        label: &str,
        span: Span,
        ordered: &Ordered,
        outside: &[(Symbol, Type)],
    ) -> Result<Tree, Error> {
        self.file.import("flow_serve", "Ordered");
        let rows = self.rows(label, span, &ordered.rows, outside)?;
        Ok(record("Ordered", [("rows", rows), ("is_ordered", atom(ordered.is_ordered.to_string()))]))
    }

    fn rows(&mut self, label: &str, span: Span, rows: &Rows, outside: &[(Symbol, Type)]) -> Result<Tree, Error> {
        self.file.import("flow_serve", "Rows");
        Ok(match rows {
            Rows::Given(_) => return Err(Error::new("a service is given no rows")),
            Rows::List { items, columns } => {
                let mut made = Vec::with_capacity(columns.len());
                for (field, column) in columns {
                    let field = field.map_or(atom("None"), |at| call("Some", [atom(at.to_string())]));
                    made.push(Tree::Tuple(vec![field, self.kind(&column.ty.kind)]));
                }
                let items = self.scalar(&format!("{label}_items"), items)?;
                record("Rows::List", [("items", items), ("columns", list("vec!", made))])
            }
            Rows::Table { table, columns } => {
                let missing = || Error::new(format!("there is no table `{table}` with the columns that are wanted"));
                let source = self.ir.source(table).ok_or_else(missing)?;
                let position = |name: &Symbol| {
                    let found = source.ty.columns.iter().position(|column| column.name == *name);
                    found.map(|at| atom(at.to_string())).ok_or_else(missing)
                };
                let columns = columns.iter().map(position).collect::<Result<Vec<_>, _>>()?;
                let table = call("String::from", [text(table)]);
                record("Rows::Table", [("table", table), ("columns", list("vec!", columns))])
            }
            Rows::Features { input, row, set, keys, columns } => {
                self.file.import("flow_serve", "Cells");
                let input = self.rows(label, span, input, outside)?;
                let mut made = Vec::with_capacity(keys.len());
                for key in keys {
                    made.push(self.key(&format!("{label}_key"), key, row, outside)?);
                }
                let cells = columns.iter().map(|cells| match cells {
                    Cells::Own(at) => call("Cells::Own", [atom(at.to_string())]),
                    Cells::Feature(at) => call("Cells::Feature", [atom(at.to_string())]),
                    Cells::Features => atom("Cells::Features"),
                });
                let fields = [
                    ("input", call("Box::new", [input])),
                    ("set", call("String::from", [text(set)])),
                    ("keys", list("vec!", made)),
                    ("columns", list("vec!", cells)),
                ];
                record("Rows::Features", fields)
            }
            Rows::Take { input, count } => {
                let input = call("Box::new", [self.ordered(label, span, input, outside)?]);
                let count = schema::integer(i64::try_from(*count).unwrap_or(i64::MAX));
                record("Rows::Take", [("input", input), ("count", atom(count))])
            }
            Rows::Kept { view, of, row, keys } => {
                let mut made = Vec::with_capacity(keys.len());
                for key in keys {
                    made.push(self.key(&format!("{label}_key"), key, row, outside)?);
                }
                let view = call("String::from", [text(view)]);
                record("Rows::Kept", [("view", view), ("of", atom(of.to_string())), ("keys", list("vec!", made))])
            }
            Rows::Through(through) => self.through(label, span, through, outside)?,
            Rows::Missing(why) => call("Rows::Missing", [call("String::from", [text(why)])]),
        })
    }

    /// A key over the rows of a relation.
    fn key(&mut self, name: &str, key: &Expr, row: &[Column], outside: &[(Symbol, Type)]) -> Result<Tree, Error> {
        let mut scope = Scope::row(row).enums(&self.ir.enums);
        for (position, (name, ty)) in outside.iter().enumerate() {
            scope = scope.slot(name, position, ty);
        }
        let quoted = doc::quote(self.sources, key.span);
        let printed = self.rules.function(name, &quoted, key, &scope)?;
        self.file.import("flow_operators", "compute");
        self.file.import("crate", "rules");
        let kind = self.kind(&key.ty.kind);
        Ok(call("compute!", [atom("zone"), kind, atom(format!("rules::{}", printed.name))]))
    }

    /// Rows that operators give.
    fn through(
        &mut self,
        label: &str,
        span: Span,
        through: &Through,
        outside: &[(Symbol, Type)],
    ) -> Result<Tree, Error> {
        let mut inputs = Vec::with_capacity(through.inputs.len());
        let mut names = std::collections::BTreeMap::new();
        for (number, rows) in &through.inputs {
            let rows_of = match rows {
                Rows::Table { table, .. } => table.to_string(),
                Rows::Kept { view, .. } => view.to_string(),
                Rows::List { .. } => format!("{label}_items"),
                _ => format!("{label}_rows"),
            };
            names.insert(*number, rows_of);
            inputs.push(Tree::Tuple(vec![atom(number.to_string()), self.rows(label, span, rows, outside)?]));
        }
        let function = self.wired.main.fresh(&format!("{label}_operators"));
        self.wired.see(outside);
        let docs = doc::quote(self.sources, span);
        self.wired.wiring(&function, &docs, &through.dataflow, &names)?;
        self.file.import("crate", MODULE);
        self.file.import("std::sync", "Arc");
        let operators = call("flow_serve::wired", [atom("given"), atom(format!("{MODULE}::{function}"))]);
        let columns = schema::schema(&mut self.file, &self.shared, &through.columns);
        let fields =
            [("inputs", list("vec!", inputs)), ("operators", operators), ("schema", call("Arc::new", [columns]))];
        Ok(record("Rows::Through", fields))
    }
}

/// A name that leaves room on the line where it is called.
pub(crate) fn short(name: &str) -> String {
    ident::snake(name).chars().take(LONGEST).collect()
}
