//! The statements of a service, or of an expectation, compiled: what each of them computes and where its value is put.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fec_ir::{Ir, NodeId, Op, walk};
use fec_model::expr::{Expr, ExprKind};
use flow_core::program::Program;
use flow_core::types::{DataType, Field, Kind, Schema};

use crate::error::LocalError;
use crate::expr::{Names, program};

/// An expression over the bindings of a flow.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) program: Program,
    /// The positions of the bindings that it reads.
    pub(super) reads: Vec<usize>,
    /// How many bindings there were when it was written.
    pub(super) width: usize,
    /// What it gives.
    pub(super) kind: Kind,
}

/// What a statement does.
#[derive(Debug)]
pub(super) enum Work {
    /// Reads a feature set.
    Features { set: String, keys: Vec<Compiled> },
    /// Reads a table or view.
    Table { table: String, keys: Vec<Compiled> },
    /// Applies a model.
    Predict { model: String, inputs: Vec<(String, Compiled)> },
    /// Calls a service.
    Call { service: String, arguments: Vec<Compiled> },
    /// Computes a value.
    Scalar(Compiled),
    /// Collects the rows of a relation.
    Collect(Relation),
    /// Answers.
    Respond(Compiled),
}

/// A relation whose rows are collected.
#[derive(Debug)]
pub(super) struct Relation {
    /// The node that gives the rows.
    pub(super) root: NodeId,
    /// What its expressions see: the parameters of the solution, then the bindings.
    pub(super) names: Names,
    /// The slot of the first binding.
    pub(super) first: usize,
    /// The lists whose items are rows.
    pub(super) lists: BTreeMap<NodeId, Compiled>,
    /// The positions of the bindings that its operators read.
    pub(super) reads: Vec<usize>,
}

/// A statement.
#[derive(Debug)]
pub(super) struct Step {
    /// Its name in the plan.
    pub(super) name: String,
    /// Conditions under which it runs.
    pub(super) guards: Vec<(Compiled, bool)>,
    pub(super) work: Work,
    /// Where its value is put.
    pub(super) target: Option<usize>,
    pub(super) fallback: Option<Compiled>,
    pub(super) timeout: Option<Duration>,
    /// The statements before it that were taken out of its expression: they take part in its time.
    pub(super) parts: Vec<usize>,
}

/// A flow whose statements run one after the other for each request.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The parameters, then the bindings in order.
    pub(super) fields: Vec<Field>,
    /// The last binding of each name.
    bound: BTreeMap<String, usize>,
    /// How many of them are parameters.
    pub(super) parameters: usize,
    pub(super) deadline: Option<Duration>,
    /// Whether time decides anything.
    pub(super) is_timed: bool,
}

/// Compiles the statements `nodes`; the first may be the request.
pub(super) fn compile(ir: &Ir, names: &Names, nodes: &[NodeId], deadline: Option<i64>) -> Result<Plan, LocalError> {
    let mut layout = Layout { names, fields: Vec::new(), bound: BTreeMap::new() };
    let mut steps: Vec<Step> = Vec::new();
    // The statement that gives each binding that has no name of its own.
    let mut hoisted: BTreeMap<String, usize> = BTreeMap::new();
    let mut parameters = 0;
    for id in nodes {
        let Some(node) = ir.graph.get(*id) else { continue };
        if matches!(node.op, Op::Request { .. }) {
            for column in &node.columns {
                layout.bind(&column.name, names.enums.data_type(&column.ty));
            }
            parameters = layout.fields.len();
            continue;
        }
        let Some(work) = layout.work(ir, *id)? else { continue };
        let mut guards = Vec::with_capacity(node.guards.len());
        for (guard, wanted) in &node.guards {
            guards.push((layout.compile(guard)?, *wanted));
        }
        let fallback = node.settings.fallback.as_ref().map(|fallback| layout.compile(fallback)).transpose()?;
        let parts = parts(&node.op, &hoisted, &steps);
        let mut target = None;
        if let (Some(binding), Some(column)) = (&node.binding, node.columns.first()) {
            target = Some(layout.bind(binding, names.enums.data_type(&column.ty)));
            if binding.starts_with('$') {
                hoisted.insert(binding.clone(), steps.len());
            }
        }
        let timeout = node.settings.timeout.map(micros);
        steps.push(Step { name: node.name.clone(), guards, work, target, fallback, timeout, parts });
    }
    let deadline = deadline.map(micros);
    let is_timed = deadline.is_some() || steps.iter().any(|step| step.timeout.is_some());
    Ok(Plan { steps, fields: layout.fields, bound: layout.bound, parameters, deadline, is_timed })
}

/// Compiles one more expression over all bindings of a plan.
pub(super) fn over(plan: &Plan, names: &Names, expr: &Expr) -> Result<Compiled, LocalError> {
    Layout { names, fields: plan.fields.clone(), bound: plan.bound.clone() }.compile(expr)
}

/// A relation that reads no bindings.
pub(super) fn free(ir: &Ir, names: &Names, root: NodeId) -> Result<Relation, LocalError> {
    Layout { names, fields: Vec::new(), bound: BTreeMap::new() }.relation(ir, root)
}

impl Plan {
    /// A plan without statements.
    pub(super) fn empty() -> Self {
        Self {
            steps: Vec::new(),
            fields: Vec::new(),
            bound: BTreeMap::new(),
            parameters: 0,
            deadline: None,
            is_timed: false,
        }
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// The statements that were taken out of an operator's expressions, and out of those of such statements.
fn parts(op: &Op, hoisted: &BTreeMap<String, usize>, steps: &[Step]) -> Vec<usize> {
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

/// The bindings so far.
struct Layout<'a> {
    names: &'a Names,
    fields: Vec<Field>,
    bound: BTreeMap<String, usize>,
}

impl Layout<'_> {
    /// Gives a binding its position. A later binding of the same name (in another branch) hides the earlier one.
    fn bind(&mut self, name: &str, ty: DataType) -> usize {
        let position = self.fields.len();
        // A name that cannot be written: bindings of one name in several branches stay apart.
        self.fields.push(Field { name: format!("{name}#{position}"), ty });
        self.bound.insert(name.to_owned(), position);
        position
    }

    fn compile(&self, expr: &Expr) -> Result<Compiled, LocalError> {
        let mut expr = expr.clone();
        walk::rewrite(&mut expr, &mut |part| {
            if let ExprKind::Binding(name) = &part.kind
                && let Some(field) = self.bound.get(name).and_then(|position| self.fields.get(*position))
            {
                part.kind = ExprKind::Column(field.name.clone());
            }
        });
        let schema = Schema { fields: self.fields.clone() };
        let program = program(&expr, &schema, self.names)?;
        let reads = program.columns();
        let kind = self.names.enums.kind(&expr.ty.kind);
        Ok(Compiled { program, reads, width: self.fields.len(), kind })
    }

    fn all(&self, exprs: &[Expr]) -> Result<Vec<Compiled>, LocalError> {
        exprs.iter().map(|expr| self.compile(expr)).collect()
    }

    /// What a node does as a statement; nothing where its rows are only read by others.
    fn work(&self, ir: &Ir, id: NodeId) -> Result<Option<Work>, LocalError> {
        let Some(node) = ir.graph.get(id) else { return Ok(None) };
        Ok(Some(match &node.op {
            Op::ReadFeatures { set, keys } => Work::Features { set: set.clone(), keys: self.all(keys)? },
            Op::ReadTable { table, keys } => Work::Table { table: table.clone(), keys: self.all(keys)? },
            Op::Predict { model, inputs } => {
                let declared = ir.models.iter().find(|known| known.name == *model);
                let names = declared.map(|known| known.inputs.iter().map(|input| input.name.clone()).collect());
                let names: Vec<String> = names.unwrap_or_default();
                Work::Predict { model: model.clone(), inputs: names.into_iter().zip(self.all(inputs)?).collect() }
            }
            Op::Call { service, arguments } => Work::Call { service: service.clone(), arguments: self.all(arguments)? },
            Op::Scalar { value } => Work::Scalar(self.compile(value)?),
            Op::Respond { value } => Work::Respond(self.compile(value)?),
            Op::Collect => match ir.graph.inputs(id).first() {
                Some(root) => Work::Collect(self.relation(ir, *root)?),
                None => return Err(LocalError::Plan(format!("`{}` collects nothing", node.name))),
            },
            _ => return Ok(None),
        }))
    }

    fn relation(&self, ir: &Ir, root: NodeId) -> Result<Relation, LocalError> {
        let mut names = self.names.clone();
        let first = names.slots.len();
        for (name, position) in &self.bound {
            if let Some(field) = self.fields.get(*position) {
                names.slots.insert(name.clone(), (first + position, field.ty.kind.clone()));
            }
        }
        let mut lists = BTreeMap::new();
        let mut reads = BTreeSet::new();
        for id in upstream(ir, root) {
            let Some(node) = ir.graph.get(id) else { continue };
            if let Op::Rows { value } = &node.op {
                lists.insert(id, self.compile(value)?);
                continue;
            }
            let mut op = node.op.clone();
            for expr in walk::op_exprs_mut(&mut op) {
                reads.extend(walk::bindings(expr).iter().filter_map(|name| self.bound.get(name)));
            }
        }
        Ok(Relation { root, names, first, lists, reads: reads.into_iter().collect() })
    }
}

/// A node and everything whose rows go into its own; not what a feature set is made of.
pub(super) fn upstream(ir: &Ir, root: NodeId) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(row_inputs(ir, id));
        }
    }
    found
}

/// The inputs of a node that give rows.
pub(super) fn row_inputs(ir: &Ir, id: NodeId) -> Vec<NodeId> {
    let mut inputs = ir.graph.inputs(id);
    if matches!(ir.graph.get(id).map(|node| &node.op), Some(Op::FeatureRead { .. })) {
        inputs.truncate(1);
    }
    inputs
}
