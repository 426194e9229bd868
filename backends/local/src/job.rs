//! Jobs of a plan for the runtime's engine, with interpreted expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use fec_ir::Ir;
use fec_ir::ir::FlowPlan;
use fec_model::Symbol;
use fec_model::expr::Expr;
use fec_model::model::Plane;
use fec_model::types::Column;
use fec_plan::DataflowPlan;
use fec_plan::job::{JobPlan, Rows as Planned, Work as PlannedWork};
use flow_core::program::Now;
use flow_core::types::{Field, Schema};
use flow_job::{Input, Job, Parameter, Relation, Rows, Statement, Step, Wire, Work};
use flow_operators::expression::Expr as Expression;
use flow_task::wiring::Given;

use crate::data::History;
use crate::dataflow::{Outside, broken, instantiate};
use crate::environment::Environment;
use crate::error::LocalError;
use crate::expr::{Names, program, shared};
use crate::specs::tap;
use crate::tables::Tables;

pub use flow_job::{Halt, ModelOutcome, Outcome as JobOutcome, Trained, consolidated};

/// What a job works on.
#[derive(Clone, Copy)]
pub struct JobInput<'a> {
    /// The plan.
    pub ir: &'a Ir,
    /// Parameters of the solution.
    pub environment: &'a Environment,
    /// Events.
    pub history: &'a History,
    /// Tables.
    pub tables: &'a Tables,
    /// T: what had arrived before it counts.
    pub at: i64,
    /// What `now` is: the scheduled time.
    pub now: i64,
    /// Ends the job before it has written anything.
    pub halt: &'a Halt,
}

/// Whether a job can be built: everything but the data is tried.
///
/// # Errors
/// A parameter without a value, or a plan that cannot be built.
pub fn check(input: JobInput<'_>, job: &FlowPlan) -> Result<(), LocalError> {
    let empty = History::default();
    with_job(JobInput { history: &empty, ..input }, job, flow_job::check)
}

/// Computes a job to its end, and writes nothing; `progress` is told what it is at and how far (done, of).
///
/// # Errors
/// Bad rows beyond `@tolerate`, a training without rows, a parameter without a value, a plan that cannot be built, or
/// [`LocalError::Stopped`].
pub fn run(
    input: JobInput<'_>,
    job: &FlowPlan,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<JobOutcome, LocalError> {
    with_job(input, job, |job, input| flow_job::run(job, input, progress))
}

/// The jobs of a plan.
pub fn jobs(ir: &Ir) -> impl Iterator<Item = &FlowPlan> {
    ir.flows.iter().filter(|flow| flow.plane == Plane::Batch)
}

/// Builds a job and what it works on, and does something with both.
fn with_job<T>(
    input: JobInput<'_>,
    flow: &FlowPlan,
    what: impl FnOnce(&Job<'_>, Input<'_>) -> Result<T, LocalError>,
) -> Result<T, LocalError> {
    let JobInput { ir, environment, history, tables, at, now, halt } = input;
    let is_table = |source: &str| tables.get(source).is_some();
    let plan = fec_plan::job::job(ir, flow, &is_table).map_err(broken)?;
    let job = Compiler { plan: &plan, names: &environment.names }.job()?;
    let given = Given {
        sources: Arc::clone(&environment.names.sources),
        tables: tables.clone(),
        slots: environment.slots.clone(),
        zone: Arc::clone(&environment.names.zone),
        now: Now::At(now),
    };
    let arguments = BTreeMap::new();
    what(&job, Input { given: &given, history, at, now, arguments: &arguments, halt })
}

/// Compiles a planned job.
struct Compiler<'a> {
    plan: &'a JobPlan,
    names: &'a Names,
}

impl<'a> Compiler<'a> {
    fn job(&self) -> Result<Job<'a>, LocalError> {
        let plan = self.plan;
        let nothing = Schema { fields: Vec::new() };
        let mut params = Vec::with_capacity(plan.params.len());
        for param in &plan.params {
            let names = self.names(param.slot);
            params.push(Parameter {
                name: param.column.name.to_string(),
                slot: param.slot,
                kind: self.names.enums.kind(&param.column.ty.kind),
                value: param.value.as_ref().map(|value| over(value, &nothing, &names)).transpose()?,
            });
        }
        Ok(Job {
            path: plan.path.clone(),
            tolerate: plan.tolerate,
            slots: plan.slots.len(),
            params,
            history: self.wire(&plan.history, plan.sees),
            relations: plan.relations.iter().map(|relation| self.relation(relation)).collect(),
            statements: plan.statements.iter().map(|one| self.statement(one)).collect::<Result<_, _>>()?,
        })
    }

    /// What expressions see that see the first `count` slots.
    fn names(&self, count: usize) -> Names {
        let mut names = self.names.clone();
        for (name, position, ty) in self.plan.visible(count) {
            names.slots.insert(name.to_owned(), (position, self.names.enums.kind(&ty.kind)));
        }
        names
    }

    fn schema(&self, columns: &[Column]) -> Arc<Schema> {
        Arc::new(self.names.enums.schema(columns))
    }

    fn wire(&self, plan: &'a DataflowPlan, sees: usize) -> Wire<'a> {
        let names = self.names(sees);
        Box::new(move |given: &Given| {
            let now = match given.now {
                Now::At(now) => Some(now),
                Now::Row => None,
            };
            instantiate(plan, Outside { names: &names, slots: &given.slots, tables: &given.tables, now })
        })
    }

    fn relation(&self, relation: &'a fec_plan::job::Relation) -> Relation<'a> {
        let rows = match &relation.rows {
            Planned::History => Rows::History(tap(relation.node)),
            Planned::Part { split, part } => Rows::Part { split: *split, part: *part },
            Planned::Again { dataflow } => Rows::Again(self.wire(dataflow, relation.sees)),
            Planned::Through { over, dataflow } => {
                Rows::Through { over: over.clone(), wire: self.wire(dataflow, relation.sees) }
            }
        };
        Relation { schema: self.schema(&relation.columns), changes: relation.changes, rows }
    }

    fn statement(&self, statement: &fec_plan::job::Statement) -> Result<Statement, LocalError> {
        let nothing = Schema { fields: Vec::new() };
        let names = self.names(statement.sees);
        let columns = |relation: usize| {
            let relation = self.plan.relations.get(relation);
            self.names.enums.schema(relation.map(|relation| relation.columns.as_slice()).unwrap_or_default())
        };
        let work = match &statement.work {
            PlannedWork::Emit { sink, rows } => Work::Emit { sink: sink.to_string(), rows: *rows },
            PlannedWork::Split { rows, parts, by } => {
                let row = columns(*rows);
                Work::Split {
                    rows: *rows,
                    shares: parts.iter().map(|(_, share)| f64::from(*share) / 1e6).collect(),
                    by: by.iter().map(|key| over(key, &row, &names)).collect::<Result<_, _>>()?,
                }
            }
            PlannedWork::Value { slot, value } => Work::Value { slot: *slot, value: over(value, &nothing, &names)? },
            PlannedWork::Train { rows, label, features, trees, depth, learning_rate } => {
                let field = |(name, value): &(Symbol, Expr)| Field {
                    name: name.to_string(),
                    ty: self.names.enums.data_type(&value.ty),
                };
                let inputs = Arc::new(Schema { fields: features.iter().map(field).collect() });
                let (features, label) = learnt(features, label, &columns(*rows), &names)?;
                Work::Train {
                    rows: *rows,
                    inputs,
                    features,
                    label,
                    trees: *trees as usize,
                    depth: *depth as usize,
                    learning_rate: *learning_rate,
                }
            }
            PlannedWork::Evaluate { training, rows, label, features, report } => {
                let (features, label) = learnt(features, label, &columns(*rows), &names)?;
                let report = report.as_ref().map(|(slot, fields)| (*slot, self.schema(fields)));
                Work::Evaluate { training: *training, rows: *rows, features, label, report }
            }
            PlannedWork::Publish { model, training, gate } => Work::Publish {
                model: model.to_string(),
                training: *training,
                gate: gate.as_ref().map(|gate| over(gate, &nothing, &names)).transpose()?,
            },
        };
        let mut made = Statement::new(&statement.name, work);
        made.step = statement.step.as_ref().map(|step| Step { name: step.name.clone(), label: step.label.clone() });
        for (condition, wanted) in &statement.guards {
            made = made.guarded(over(condition, &nothing, &names)?, *wanted);
        }
        Ok(made)
    }
}

/// A model's inputs and label over rows of `schema`.
fn learnt(
    features: &[(Symbol, Expr)],
    label: &Expr,
    schema: &Schema,
    names: &Names,
) -> Result<(Vec<Expression>, Expression), LocalError> {
    let features = features.iter().map(|(_, value)| over(value, schema, names)).collect::<Result<_, _>>()?;
    Ok((features, over(label, schema, names)?))
}

/// An expression over rows of `schema`.
fn over(value: &Expr, schema: &Schema, names: &Names) -> Result<Expression, LocalError> {
    Ok(shared(program(value, schema, names)?))
}
