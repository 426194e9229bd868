//! The file that wires a dataflow, while it is written.

use std::collections::BTreeMap;

use fec_diagnostics::{Sources, Span};
use fec_ir::Ir;
use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};
use fec_model::types::{Column, Type};
use fec_rust::ident::{Names, snake};
use fec_rust::{Error, RustFile, Scope, doc};

use fec_rust::page::{Tree, atom, list};
use fec_rust::schema;

/// What the function that wires has beside its variables.
const TAKEN: [&str; 6] = ["columns", "given", "output", "picked", "wiring", "zone"];

/// What is written of a unit.
pub struct Unit<'a> {
    /// The plan.
    pub ir: &'a Ir,
    /// The text of the solution.
    pub sources: &'a Sources,
    /// The crate that holds what the units share, as Rust knows it.
    pub shared: String,
    /// The wiring.
    pub main: RustFile,
    /// The expressions.
    rules: RustFile,
    /// Values from outside of rows that expressions see, by position.
    slots: Vec<(Symbol, Type)>,
    has_rules: bool,
    /// The columns that the wiring names: each function once.
    columns: RustFile,
    schemas: Vec<(Vec<Column>, String)>,
    /// Whether other files call what is wired.
    pub(crate) is_public: bool,
    names: BTreeMap<String, Names>,
}

/// Where expressions read, and where the columns of a plain `Column` lie.
pub enum Over<'a> {
    /// A row.
    Row(&'a [Column]),
    /// The right row of a join alone.
    Right(&'a [Column]),
    /// A pair of rows of a join.
    Pair(&'a [Column], &'a [Column]),
}

impl<'a> Unit<'a> {
    /// Nothing written yet; `header` is the comment of the file that wires. `shared` is the crate that holds what the units
    /// of the solution share.
    #[must_use]
    pub fn new(ir: &'a Ir, sources: &'a Sources, shared: &str, header: &str) -> Self {
        Self {
            ir,
            sources,
            shared: shared.to_owned(),
            main: RustFile::new(header).enums(&ir.enums),
            rules: RustFile::new("The expressions of the flow, each as a function over a row.")
                .public()
                .enums(&ir.enums),
            slots: ir.params.iter().map(|param| (param.name, param.ty.clone())).collect(),
            has_rules: false,
            columns: RustFile::new("The columns of rows between operators.").public().enums(&ir.enums),
            schemas: Vec::new(),
            is_public: false,
            names: BTreeMap::new(),
        }
    }

    /// Lets other files call what is wired.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// Whether nothing was wired.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Lets expressions see these values from outside of rows, by position; of one name the last counts.
    pub fn see(&mut self, slots: &[(Symbol, Type)]) {
        self.slots = slots.to_vec();
    }

    /// The text of asol at a place, and the place.
    #[must_use]
    pub fn quote(&self, span: Span) -> String {
        doc::quote(self.sources, span)
    }

    /// A name for a local variable of the function `of`.
    pub fn variable(&mut self, of: &str, name: &str) -> String {
        self.variables(of).fresh(&snake(name))
    }

    /// A name for a function that the function `of` speaks of: none of its variables has it.
    pub fn function(&mut self, of: &str, name: &str) -> String {
        loop {
            let found = self.main.fresh(name);
            let variables = self.variables(of);
            if variables.is_free(&found) {
                return variables.fresh(&found);
            }
        }
    }

    fn variables(&mut self, of: &str) -> &mut Names {
        self.names.entry(of.to_owned()).or_insert_with(|| Names::with(TAKEN.map(str::to_owned)))
    }

    /// What expressions see.
    fn scope(&self, over: &Over<'_>) -> Scope {
        let scope = match over {
            Over::Row(columns) => Scope::row(columns),
            Over::Right(right) => Scope::row(&[]).right(right),
            Over::Pair(left, right) => Scope::row(left).right(right),
        };
        let mut scope = scope.enums(&self.ir.enums);
        for (position, (name, ty)) in self.slots.iter().enumerate() {
            scope = scope.slot(name, position, ty);
        }
        scope
    }

    /// An expression for an operator: a column, or a generated function. `name` is what the function computes.
    ///
    /// # Errors
    /// An expression that no checked solution has.
    pub fn expression(&mut self, name: &str, expr: &Expr, over: &Over<'_>) -> Result<Tree, Error> {
        let position = |columns: &[Column], name: &str| columns.iter().position(|column| column.name == *name);
        let found = match (&expr.kind, over) {
            (ExprKind::Column(name), Over::Row(columns)) => position(columns, name),
            (ExprKind::Right(name), Over::Right(right)) => position(right, name),
            _ => None,
        };
        if let Some(position) = found {
            self.main.import("flow_operators::expression", "Input");
            return Ok(atom(format!("Input::column({position})")));
        }
        let quoted = self.quote(expr.span);
        let scope = self.scope(over);
        let function = self.rules.function(name, &quoted, expr, &scope)?;
        self.has_rules = true;
        self.main.import("flow_operators", "compute");
        let kind = schema::kind(&mut self.main, &self.shared, &expr.ty.kind);
        Ok(Tree::Call {
            function: "compute!".to_owned(),
            arguments: vec![atom("zone"), kind, atom(format!("rules::{}", function.name))],
            tried: false,
        })
    }

    /// `vec![…]` of expressions, named after `name`.
    ///
    /// # Errors
    /// As [`Self::expression`].
    pub fn expressions(&mut self, name: &str, exprs: &[Expr], over: &Over<'_>) -> Result<Tree, Error> {
        let made = exprs.iter().map(|expr| self.expression(name, expr, over));
        Ok(list("vec!", made.collect::<Result<Vec<_>, _>>()?))
    }

    /// The schema of these columns, which the unit makes in one place: that of a source, or one called like `name`.
    pub fn schema(&mut self, name: &str, columns: &[Column]) -> Tree {
        if let Some((_, function)) = self.schemas.iter().find(|(known, _)| known == columns) {
            return atom(format!("schemas::{function}()"));
        }
        let source = self.ir.sources.iter().find(|source| source.ty.columns.as_slice() == columns);
        let name = source.map_or(name, |source| source.name.as_str());
        let function = self.columns.fresh(name);
        let tree = schema::schema(&mut self.columns, &self.shared, columns);
        self.columns.import("std::sync", "Arc");
        let tree = fec_rust::page::call("Arc::new", [tree]);
        let docs = match source {
            Some(source) => format!("The source `{}`.", source.name),
            None => format!("Rows of `{name}`."),
        };
        let text = format!("/// {docs}\npub fn {function}() -> Arc<Schema> {{\n{}}}", tree.last(4));
        self.columns.item(&text);
        self.schemas.push((columns.to_vec(), function.clone()));
        atom(format!("schemas::{function}()"))
    }

    /// The files of the unit below its `src`, by name.
    #[must_use]
    pub fn finish(self) -> Vec<(&'static str, String)> {
        let mut files = Vec::new();
        let mut main = self.main.finish();
        let mut modules = String::new();
        if !self.schemas.is_empty() {
            files.push(("schemas.rs", self.columns.finish()));
        }
        if self.has_rules {
            files.push(("rules.rs", self.rules.finish()));
        }
        files.sort();
        for (name, _) in &files {
            modules.push_str(&format!("mod {};\n", name.trim_end_matches(".rs")));
        }
        // Modules stand between the file's comment and what it imports.
        if !modules.is_empty() {
            let at = main.find("\nuse ").map_or(0, |at| at + 1);
            main.insert_str(at, &format!("{modules}\n"));
        }
        files.insert(0, ("main.rs", main));
        files
    }
}
