//! What names mean at a place, and what is known not to be absent there.

use fec_syntax::Symbol;
use hashbrown::HashMap;
use std::rc::Rc;

use crate::expr::{BinaryOp, Expr, ExprKind, UnaryOp, VarId};
use crate::types::{Column, Columns, Kind, RelationType, Type};

/// Where an expression or a pipeline stands; it decides what may be used there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A job.
    Job,
    /// A stream.
    Stream,
    /// A service.
    Service,
    /// The pipeline of a view: planes are checked where it is used.
    View,
    /// The pipeline and lines of a feature set.
    Features,
    /// The body of a function or a decision table.
    Function,
    /// A test.
    Test,
    /// A default or setting: only constants.
    Constant,
}

impl Place {
    /// Whether relations here are made of the rows of sources alone.
    pub(crate) fn is_of_data(self) -> bool {
        matches!(self, Self::Job | Self::Stream | Self::Features)
    }
}

/// A parameter of a function, as a variable.
#[derive(Debug, Clone)]
pub(crate) struct Var {
    pub name: Symbol,
    pub id: VarId,
    pub ty: Type,
}

/// What a name of a flow holds.
#[derive(Debug, Clone)]
pub(crate) enum Bound {
    /// A relation; `events`: it is a stream of events (its history in a job), so a join with another needs `within`.
    Relation { ty: Rc<RelationType>, events: bool },
    /// A scalar, record or list.
    Scalar(Type),
    /// The report of an evaluation.
    Report,
    /// Parts of a split.
    Split { ty: Rc<RelationType>, parts: Rc<Vec<Symbol>> },
    /// A trained model.
    Model(Rc<Trained>),
    /// Something wrong; a diagnostic was given.
    Error,
}

/// A model as its training leaves it.
#[derive(Debug)]
pub(crate) struct Trained {
    /// Its inputs.
    pub inputs: Rc<Vec<Column>>,
    /// The columns that inputs and label were computed from, as the rows of the training had them.
    pub reads: Vec<Column>,
}

/// The bindings of a flow, as far as they are read.
#[derive(Debug, Default)]
pub(crate) struct FlowScope {
    names: HashMap<Symbol, Bound>,
    order: Vec<Symbol>,
}

impl FlowScope {
    pub fn get(&self, name: &str) -> Option<&Bound> {
        self.names.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(|name| name.as_str())
    }

    /// Binds a name; false when it is bound already.
    pub fn bind(&mut self, name: Symbol, bound: Bound) -> bool {
        if self.names.contains_key(&name) {
            return false;
        }
        self.names.insert(name, bound);
        self.order.push(name);
        true
    }

    /// How many names there are, for [`FlowScope::leave`].
    pub fn mark(&self) -> usize {
        self.order.len()
    }

    /// Forgets the names bound since `mark`.
    pub fn leave(&mut self, mark: usize) {
        for name in self.order.drain(mark.min(self.order.len())..) {
            self.names.remove(&name);
        }
    }
}

/// The relation that a pipeline began with: its columns can be written as `payments.amount`.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub name: Symbol,
    pub ty: Rc<RelationType>,
}

/// What names mean.
#[derive(Debug, Clone)]
pub(crate) struct Scope<'s> {
    pub place: Place,
    pub engine: Option<Symbol>,
    /// Columns of the row.
    pub row: Option<&'s [Column]>,
    /// Where the row's pipeline began.
    pub origin: Option<&'s Origin>,
    /// In a join's condition: the right relation's name and columns.
    pub right: Option<(&'s str, &'s [Column])>,
    /// Parameters of a function.
    pub vars: &'s [Var],
    /// Bindings of a flow.
    pub flow: Option<&'s FlowScope>,
    /// Paths that are not absent here.
    pub facts: Vec<String>,
}

impl<'s> Scope<'s> {
    pub fn new(place: Place, engine: Option<Symbol>) -> Self {
        Self { place, engine, row: None, origin: None, right: None, vars: &[], flow: None, facts: Vec::new() }
    }

    /// The scope of expressions over a row. What is known of a flow's bindings and of parameters is so for each row, too.
    pub fn over<'t>(&self, row: &'t [Column], origin: Option<&'t Origin>) -> Scope<'t>
    where
        's: 't,
    {
        let outside = |fact: &&String| fact.starts_with(BINDING) || fact.starts_with(PARAM);
        let facts = self.facts.iter().filter(outside).cloned().collect();
        Scope { row: Some(row), origin, right: None, facts, ..self.clone() }
    }

    /// The scope where `condition` is `truth`.
    pub fn given(&self, condition: &Expr, truth: bool) -> Scope<'s> {
        let mut scope = self.clone();
        facts(condition, truth, &mut scope.facts);
        scope
    }

    /// The type of an optional value at this place: required where it is known not to be absent.
    pub fn narrow(&self, expr: &mut Expr) {
        if expr.ty.optional && !self.facts.is_empty() && path(expr).is_some_and(|path| self.facts.contains(&path)) {
            expr.ty.optional = false;
        }
    }
}

/// What `condition` being `truth` says of absence: the paths that are not absent.
pub(crate) fn facts(condition: &Expr, truth: bool, out: &mut Vec<String>) {
    match &condition.kind {
        ExprKind::Unary(UnaryOp::Not, a) => facts(a, !truth, out),
        ExprKind::Binary(BinaryOp::And, a, b) if truth => {
            facts(a, true, out);
            facts(b, true, out);
        }
        ExprKind::Binary(BinaryOp::Or, a, b) if !truth => {
            facts(a, false, out);
            facts(b, false, out);
        }
        ExprKind::IsAbsent(a) if !truth => present(a, out),
        ExprKind::Binary(BinaryOp::Equal, a, b) if truth => {
            if a.ty.optional && !b.ty.optional {
                present(a, out);
            } else if b.ty.optional && !a.ty.optional {
                present(b, out);
            }
        }
        _ => {}
    }
}

/// A value that is not absent: neither are the records that it is a field of.
pub(crate) fn present(expr: &Expr, out: &mut Vec<String>) {
    let expr = match &expr.kind {
        ExprKind::Convert(inner) => inner,
        _ => expr,
    };
    if let Some(path) = path(expr) {
        out.push(path);
        if let ExprKind::Field(of, _) = &expr.kind {
            present(of, out);
        }
    }
}

/// How the path of a flow's binding begins.
const BINDING: &str = "b:";

/// How the path of a solution's parameter begins.
const PARAM: &str = "p:";

/// The path of a name or of a field of one.
pub(crate) fn path(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Column(name) => Some(format!("c:{name}")),
        ExprKind::Right(name) => Some(format!("r:{name}")),
        ExprKind::Binding(name) => Some(format!("{BINDING}{name}")),
        ExprKind::Param(name) => Some(format!("{PARAM}{name}")),
        ExprKind::Var(id) => Some(format!("v:{id}")),
        ExprKind::Field(of, name) => path(of).map(|of| format!("{of}.{name}")),
        _ => None,
    }
}

/// Makes the columns required that the facts name.
pub(crate) fn narrow_columns(columns: &mut Columns, facts: &[String], prefix: &str) {
    for fact in facts.iter().filter_map(|fact| fact.strip_prefix(prefix)) {
        narrow_path(columns, fact);
    }
}

/// Makes a column required, and the fields of it that the rest of the path names. What is so already is left alone: a change
/// costs a list that others hold, too, a copy.
fn narrow_path(columns: &mut Columns, path: &str) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(at) = columns.iter().position(|column| column.name == name) else { return };
    let goes_on = |column: &Column| rest.is_some() && matches!(column.ty.kind, Kind::Record(_));
    let is_done = |column: &Column| !(column.ty.optional || goes_on(column));
    if columns.get(at).is_none_or(is_done) {
        return;
    }
    let Some(column) = columns.get_mut(at) else { return };
    column.ty.optional = false;
    if let (Kind::Record(record), Some(rest)) = (&mut column.ty.kind, rest) {
        narrow_path(&mut record.fields, rest);
    }
}
