//! The statements of services and expectations, as data: what each computes, where its value lies, what it waits for.
//! Expressions are still the model's, typed and over named cells: one backend interprets them, another prints them.

mod relation;

use std::collections::{BTreeMap, BTreeSet};

use fec_diagnostics::Span;
use fec_ir::ir::FlowPlan;
use fec_ir::{Ir, NodeId, Op, walk};
use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};
use fec_model::model::Plane;
use fec_model::types::{Column, Type};

pub use relation::{Cells, Ordered, Relation, Rows, Through, rows_wanted};

use crate::dataflow::PlanError;
use crate::openapi::route;

/// What statements are planned for.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The plan.
    pub ir: &'a Ir,
    /// Nodes whose rows whoever runs the statements gives, in the order of their positions.
    pub given: &'a [NodeId],
    /// Whether a source is at hand as a table.
    pub is_table: &'a dyn Fn(&str) -> bool,
}

/// A service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServicePlan {
    /// `engine.name`, or the name alone.
    pub path: String,
    /// Docs.
    pub docs: String,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path of its route, such as `/home/:user`.
    pub route: String,
    /// Its parameters, by the names under which they are sent.
    pub parameters: Vec<Column>,
    /// What it answers.
    pub result: Type,
    /// What it does; its parameters are the first cells.
    pub statements: Statements,
    /// Where it was declared.
    pub span: Span,
}

/// Statements that run one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statements {
    /// In the order written.
    pub steps: Vec<Step>,
    /// The parameters, then the bindings in order. Expressions see a cell under the name that it has here: of bindings of
    /// one name in several branches the first has it, the others have names that cannot be written.
    pub cells: Vec<Column>,
    /// How many of them are parameters.
    pub parameters: usize,
    /// The time after which there is no answer, microseconds.
    pub deadline: Option<i64>,
    /// The last cell of each name.
    bound: BTreeMap<Symbol, usize>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name in the plan.
    pub name: String,
    /// The binding as it is written; none where the statement gives none, or one that was taken out of an expression.
    pub binding: Option<Symbol>,
    /// Conditions under which it runs, and whether each is wanted true.
    pub guards: Vec<(Expr, bool)>,
    /// What it does.
    pub work: Work,
    /// The cell where its value is put.
    pub target: Option<usize>,
    /// What stands in for a value that is absent, faulty, late or cannot be read.
    pub fallback: Option<Expr>,
    /// The time after which its value no longer counts, microseconds.
    pub timeout: Option<i64>,
    /// The statements before it that were taken out of its expression: they take part in its time.
    pub parts: Vec<usize>,
    /// Where it was written.
    pub span: Span,
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Reads a feature set.
    Features {
        /// The set.
        set: Symbol,
        /// Its key.
        keys: Vec<Expr>,
    },
    /// Reads a table or view.
    Table {
        /// Its name.
        table: Symbol,
        /// Its key.
        keys: Vec<Expr>,
    },
    /// Applies a model.
    Predict {
        /// The model.
        model: Symbol,
        /// Its inputs by name.
        inputs: Vec<(Symbol, Expr)>,
    },
    /// Calls a service.
    Call {
        /// Its path.
        service: Symbol,
        /// Its parameters in order.
        arguments: Vec<Expr>,
    },
    /// Computes a value.
    Scalar(Expr),
    /// Collects the rows of a relation.
    Collect(Relation),
    /// Answers.
    Respond(Expr),
    /// Hands the rows of a relation to a sink, once there is an answer.
    Emit {
        /// The sink.
        sink: Symbol,
        /// Rows with the sink's columns.
        relation: Relation,
    },
}

/// A view that services read by key.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewPlan {
    /// Its name.
    pub name: Symbol,
    /// Its rows; of several with one key the last in order counts.
    pub relation: Relation,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its key.
    pub key: Vec<Symbol>,
}

/// The services of a solution that `is_wanted` names by their paths, in the order of declaration.
///
/// # Errors
/// A plan that no checked solution has.
pub fn services(scope: Scope<'_>, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<ServicePlan>, PlanError> {
    let flows = scope.ir.flows.iter().filter(|flow| flow.plane == Plane::Online && is_wanted(&flow.path));
    flows.map(|flow| service(scope, flow)).collect()
}

fn service(scope: Scope<'_>, flow: &FlowPlan) -> Result<ServicePlan, PlanError> {
    let settings = &flow.settings;
    let mut statements = statements(scope, &flow.nodes)?;
    statements.deadline = settings.deadline.into_iter().chain(settings.timeout).min();
    let Some(result) = flow.result.clone() else {
        return Err(PlanError(format!("`{}` has no result", flow.path)));
    };
    let (method, route) = route(flow);
    Ok(ServicePlan {
        path: flow.path.clone(),
        docs: flow.docs.clone(),
        method,
        route,
        parameters: flow.params.iter().map(|(column, _)| column.clone()).collect(),
        result,
        statements,
        span: flow.span,
    })
}

/// The services that a service calls, and those that they call, besides itself.
#[must_use]
pub fn called(ir: &Ir, path: &str) -> BTreeSet<Symbol> {
    let mut found = BTreeSet::from([Symbol::new(path)]);
    let mut open = vec![Symbol::new(path)];
    while let Some(path) = open.pop() {
        let nodes = ir.flows.iter().filter(|flow| flow.path == path).flat_map(|flow| &flow.nodes);
        for node in nodes.filter_map(|id| ir.graph.get(*id)) {
            if let Op::Call { service, .. } = &node.op
                && found.insert(*service)
            {
                open.push(*service);
            }
        }
    }
    found
}

/// The views over tables that services read by key.
///
/// # Errors
/// A plan that no checked solution has.
pub fn views(scope: Scope<'_>) -> Result<Vec<ViewPlan>, PlanError> {
    let mut views = Vec::new();
    for view in &scope.ir.views {
        let is_at_hand = relation::upstream(scope.ir, view.node).into_iter().all(|id| {
            match scope.ir.graph.get(id).map(|node| &node.op) {
                Some(Op::Scan { source }) => (scope.is_table)(source),
                _ => true,
            }
        });
        if is_at_hand {
            views.push(ViewPlan {
                name: view.name,
                relation: relation::relation(scope, &Statements::default(), view.node)?,
                columns: view.columns.to_vec(),
                key: view.key.clone(),
            });
        }
    }
    Ok(views)
}

/// Plans the statements `nodes`; the first may be the request.
///
/// # Errors
/// A plan that no checked solution has.
pub fn statements(scope: Scope<'_>, nodes: &[NodeId]) -> Result<Statements, PlanError> {
    let ir = scope.ir;
    let mut plan = Statements::default();
    // The statement that gives each binding that has no name of its own.
    let mut hoisted: BTreeMap<Symbol, usize> = BTreeMap::new();
    for id in nodes {
        let Some(node) = ir.graph.get(*id) else { continue };
        if matches!(node.op, Op::Request { .. }) {
            for column in &node.columns {
                plan.bind(column.name, &column.ty);
            }
            plan.parameters = plan.cells.len();
            continue;
        }
        let Some(work) = plan.work(scope, *id)? else { continue };
        let guards = node.guards.iter().map(|(guard, wanted)| (plan.over(guard), *wanted)).collect();
        let fallback = node.settings.fallback.as_ref().map(|fallback| plan.over(fallback));
        let parts = parts(&node.op, &hoisted, &plan.steps);
        let mut target = None;
        let mut written = None;
        if let (Some(binding), Some(column)) = (&node.binding, node.columns.first()) {
            target = Some(plan.bind(*binding, &column.ty));
            if binding.starts_with('$') {
                hoisted.insert(*binding, plan.steps.len());
            } else {
                written = Some(*binding);
            }
        }
        plan.steps.push(Step {
            name: node.name.clone(),
            binding: written,
            guards,
            work,
            target,
            fallback,
            timeout: node.settings.timeout,
            parts,
            span: node.span,
        });
    }
    Ok(plan)
}

/// The statements that were taken out of an operator's expressions, and out of those of such statements.
fn parts(op: &Op, hoisted: &BTreeMap<Symbol, usize>, steps: &[Step]) -> Vec<usize> {
    let mut found = BTreeSet::new();
    let mut op = op.clone();
    for expr in walk::op_exprs_mut(&mut op) {
        for name in walk::bindings(expr) {
            if let Some(step) = hoisted.get(&name) {
                found.insert(*step);
                found.extend(steps.get(*step).into_iter().flat_map(|step| step.parts.iter().copied()));
            }
        }
    }
    found.into_iter().collect()
}

impl Statements {
    /// Gives a binding its cell. A later binding of the same name (in another branch) hides the earlier one.
    fn bind(&mut self, name: Symbol, ty: &Type) -> usize {
        let position = self.cells.len();
        let is_taken = self.cells.iter().any(|cell| cell.name == name);
        let own = if is_taken { format!("{name}#{position}").into() } else { name };
        self.cells.push(Column { name: own, ty: ty.clone() });
        self.bound.insert(name, position);
        position
    }

    /// The cell of a binding.
    #[must_use]
    pub fn cell(&self, name: &str) -> Option<usize> {
        self.bound.get(name).copied()
    }

    /// The bindings so far, by name, with their cells.
    pub fn bound(&self) -> impl Iterator<Item = (Symbol, usize)> {
        self.bound.iter().map(|(name, position)| (*name, *position))
    }

    /// An expression over the bindings as one over the cells.
    #[must_use]
    pub fn over(&self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        walk::rewrite(&mut expr, &mut |part| {
            if let ExprKind::Binding(name) = &part.kind
                && let Some(cell) = self.cell(name).and_then(|position| self.cells.get(position))
            {
                part.kind = ExprKind::Column(cell.name);
            }
        });
        expr
    }

    fn all(&self, exprs: &[Expr]) -> Vec<Expr> {
        exprs.iter().map(|expr| self.over(expr)).collect()
    }

    /// What a node does as a statement; nothing where its rows are only read by others.
    fn work(&self, scope: Scope<'_>, id: NodeId) -> Result<Option<Work>, PlanError> {
        let ir = scope.ir;
        let Some(node) = ir.graph.get(id) else { return Ok(None) };
        Ok(Some(match &node.op {
            Op::ReadFeatures { set, keys } => Work::Features { set: *set, keys: self.all(keys) },
            Op::ReadTable { table, keys } => Work::Table { table: *table, keys: self.all(keys) },
            Op::Predict { model, inputs } => {
                let declared = ir.models.iter().find(|known| known.name == *model);
                let names = declared.map(|known| known.inputs.iter().map(|input| input.name).collect());
                let names: Vec<Symbol> = names.unwrap_or_default();
                Work::Predict { model: *model, inputs: names.into_iter().zip(self.all(inputs)).collect() }
            }
            Op::Call { service, arguments } => Work::Call { service: *service, arguments: self.all(arguments) },
            Op::Scalar { value } => Work::Scalar(self.over(value)),
            Op::Respond { value } => Work::Respond(self.over(value)),
            Op::Emit { sink } => match ir.graph.inputs(id).first() {
                Some(root) => Work::Emit { sink: *sink, relation: relation::relation(scope, self, *root)? },
                None => return Err(PlanError(format!("`{}` emits nothing", node.name))),
            },
            Op::Collect => match ir.graph.inputs(id).first() {
                Some(root) => Work::Collect(relation::relation(scope, self, *root)?),
                None => return Err(PlanError(format!("`{}` collects nothing", node.name))),
            },
            _ => return Ok(None),
        }))
    }
}
