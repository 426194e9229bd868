//! The statements of a service, or of an expectation, compiled to the runtime's plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fec_ir::{Ir, NodeId, Op, walk};
use fec_model::expr::{Expr, ExprKind};
use flow_core::types::{DataType, Field, Schema};
use flow_serve::{Guard, Plan, Relation, Scalar, Step, Work};

use super::Parts;
use super::relation::{Preparation, upstream};
use crate::error::LocalError;
use crate::expr::program;

/// A compiled flow, and where its bindings lie.
pub(super) struct Compiled<'a> {
    pub(super) plan: Plan,
    layout: Layout<'a>,
}

/// Compiles the statements `nodes`; the first may be the request. `given` are the nodes whose rows whoever runs the plan
/// gives.
pub(super) fn compile<'a>(
    parts: &'a Parts,
    nodes: &[NodeId],
    deadline: Option<i64>,
    given: &'a [NodeId],
) -> Result<Compiled<'a>, LocalError> {
    let ir = &parts.ir;
    let mut layout = Layout { parts, given, fields: Vec::new(), bound: BTreeMap::new() };
    let mut steps: Vec<Step> = Vec::new();
    // The statement that gives each binding that has no name of its own.
    let mut hoisted: BTreeMap<String, usize> = BTreeMap::new();
    let mut parameters = 0;
    for id in nodes {
        let Some(node) = ir.graph.get(*id) else { continue };
        if matches!(node.op, Op::Request { .. }) {
            for column in &node.columns {
                layout.bind(&column.name, parts.names.enums.data_type(&column.ty));
            }
            parameters = layout.fields.len();
            continue;
        }
        let Some(work) = layout.work(ir, *id)? else { continue };
        let mut guards = Vec::with_capacity(node.guards.len());
        for (guard, wanted) in &node.guards {
            guards.push(Guard { condition: layout.compile(guard)?, wanted: *wanted });
        }
        let fallback = node.settings.fallback.as_ref().map(|fallback| layout.compile(fallback)).transpose()?;
        let inner = hoisted_parts(&node.op, &hoisted, &steps);
        let mut target = None;
        if let (Some(binding), Some(column)) = (&node.binding, node.columns.first()) {
            target = Some(layout.bind(binding, parts.names.enums.data_type(&column.ty)));
            if binding.starts_with('$') {
                hoisted.insert(binding.clone(), steps.len());
            }
        }
        let timeout = node.settings.timeout.map(micros);
        steps.push(Step { name: node.name.clone(), guards, work, target, fallback, timeout, parts: inner });
    }
    let cells = layout.fields.iter().map(|field| field.ty.kind.clone()).collect();
    let plan = Plan { steps, cells, parameters, deadline: deadline.map(micros) };
    Ok(Compiled { plan, layout })
}

impl Compiled<'_> {
    /// One more expression over all bindings.
    pub(super) fn over(&self, expr: &Expr) -> Result<Scalar, LocalError> {
        self.layout.compile(expr)
    }
}

/// A relation that reads no bindings.
pub(super) fn free(parts: &Parts, root: NodeId) -> Result<Relation, LocalError> {
    Layout { parts, given: &[], fields: Vec::new(), bound: BTreeMap::new() }.relation(&parts.ir, root)
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// The statements that were taken out of an operator's expressions, and out of those of such statements.
fn hoisted_parts(op: &Op, hoisted: &BTreeMap<String, usize>, steps: &[Step]) -> Vec<usize> {
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
    parts: &'a Parts,
    given: &'a [NodeId],
    fields: Vec<Field>,
    /// The last binding of each name.
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

    fn compile(&self, expr: &Expr) -> Result<Scalar, LocalError> {
        let mut expr = expr.clone();
        walk::rewrite(&mut expr, &mut |part| {
            if let ExprKind::Binding(name) = &part.kind
                && let Some(field) = self.bound.get(name).and_then(|position| self.fields.get(*position))
            {
                part.kind = ExprKind::Column(field.name.clone());
            }
        });
        let schema = Schema { fields: self.fields.clone() };
        let names = &self.parts.names;
        let program = program(&expr, &schema, names)?;
        let reads = program.columns();
        Ok(Scalar::new(program, reads, names.enums.kind(&expr.ty.kind)))
    }

    fn all(&self, exprs: &[Expr]) -> Result<Vec<Scalar>, LocalError> {
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
            Op::Emit { sink } => match ir.graph.inputs(id).first() {
                Some(root) => Work::Emit { sink: sink.clone(), relation: self.relation(ir, *root)? },
                None => return Err(LocalError::Plan(format!("`{}` emits nothing", node.name))),
            },
            Op::Collect => match ir.graph.inputs(id).first() {
                Some(root) => Work::Collect(self.relation(ir, *root)?),
                None => return Err(LocalError::Plan(format!("`{}` collects nothing", node.name))),
            },
            _ => return Ok(None),
        }))
    }

    fn relation(&self, ir: &Ir, root: NodeId) -> Result<Relation, LocalError> {
        let mut names = self.parts.names.clone();
        let first = self.parts.slots.len();
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
        let preparation = Preparation { parts: self.parts, names: Arc::new(names), lists, given: self.given };
        Ok(Relation { rows: preparation.ordered(root)?, reads: reads.into_iter().collect() })
    }
}
