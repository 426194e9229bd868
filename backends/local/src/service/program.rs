//! Planned statements for the runtime's engine, with interpreted expressions.

use std::sync::Arc;
use std::time::Duration;

use fec_ir::NodeId;
use fec_model::Symbol;
use fec_model::expr::Expr;
use fec_plan::service::{self, Scope, Statements, Work as Planned};
use flow_core::types::Schema;
use flow_serve::{Guard, Plan, Scalar, Step, Work};

use super::Parts;
use crate::dataflow::broken;
use crate::error::LocalError;
use crate::expr::{Names, program};

/// Statements, planned and ready to run.
pub(super) struct Flow<'a> {
    pub(super) plan: Plan,
    statements: Statements,
    compiler: Compiler<'a>,
}

impl<'a> Flow<'a> {
    /// Plans and compiles the statements `nodes`; whoever runs them gives the rows of the nodes `given`.
    pub(super) fn new(parts: &'a Parts, nodes: &[NodeId], given: &[NodeId]) -> Result<Self, LocalError> {
        let is_table = |source: &str| parts.tables.get(source).is_some();
        let scope = Scope { ir: &parts.ir, given, is_table: &is_table };
        let statements = service::statements(scope, nodes).map_err(broken)?;
        let compiler = Compiler::new(parts, &statements);
        Ok(Self { plan: compiler.plan(&statements)?, statements, compiler })
    }

    /// One more expression over all bindings.
    pub(super) fn over(&self, expr: &Expr) -> Result<Scalar, LocalError> {
        self.compiler.scalar(&self.statements.over(expr))
    }
}

/// Compiles planned statements.
pub(super) struct Compiler<'a> {
    pub(super) parts: &'a Parts,
    /// The cells that expressions see.
    cells: Schema,
}

impl<'a> Compiler<'a> {
    /// A compiler of expressions over the cells of `statements`.
    pub(super) fn new(parts: &'a Parts, statements: &Statements) -> Self {
        Self { parts, cells: parts.names.enums.schema(&statements.cells) }
    }

    /// The plan for the engine.
    pub(super) fn plan(&self, statements: &Statements) -> Result<Plan, LocalError> {
        let steps = statements.steps.iter().map(|step| self.step(step)).collect::<Result<_, _>>()?;
        Ok(Plan {
            steps,
            cells: self.cells.fields.iter().map(|field| field.ty.kind.clone()).collect(),
            parameters: statements.parameters,
            deadline: statements.deadline.map(micros),
        })
    }

    fn step(&self, step: &service::Step) -> Result<Step, LocalError> {
        let mut guards = Vec::with_capacity(step.guards.len());
        for (condition, wanted) in &step.guards {
            guards.push(Guard { condition: self.scalar(condition)?, wanted: *wanted });
        }
        Ok(Step {
            name: step.name.clone(),
            guards,
            work: self.work(&step.work)?,
            target: step.target,
            fallback: step.fallback.as_ref().map(|fallback| self.scalar(fallback)).transpose()?,
            timeout: step.timeout.map(micros),
            parts: step.parts.clone(),
        })
    }

    fn work(&self, work: &Planned) -> Result<Work, LocalError> {
        Ok(match work {
            Planned::Features { set, keys } => Work::Features { set: set.to_string(), keys: self.all(keys)? },
            Planned::Table { table, keys } => Work::Table { table: table.to_string(), keys: self.all(keys)? },
            Planned::Predict { model, inputs } => {
                let input = |(name, value): &(Symbol, Expr)| Ok((name.to_string(), self.scalar(value)?));
                let inputs = inputs.iter().map(input).collect::<Result<_, LocalError>>()?;
                Work::Predict { model: model.to_string(), inputs }
            }
            Planned::Call { service, arguments } => {
                Work::Call { service: service.to_string(), arguments: self.all(arguments)? }
            }
            Planned::Scalar(value) => Work::Scalar(self.scalar(value)?),
            Planned::Collect(relation) => Work::Collect(self.relation(relation)?),
            Planned::Emit { sink, relation } => {
                Work::Emit { sink: sink.to_string(), relation: self.relation(relation)? }
            }
            Planned::Respond(value) => Work::Respond(self.scalar(value)?),
        })
    }

    fn all(&self, exprs: &[Expr]) -> Result<Vec<Scalar>, LocalError> {
        exprs.iter().map(|expr| self.scalar(expr)).collect()
    }

    /// An expression over the cells.
    pub(super) fn scalar(&self, expr: &Expr) -> Result<Scalar, LocalError> {
        let names = &self.parts.names;
        let program = program(expr, &self.cells, names)?;
        let reads = program.columns();
        Ok(Scalar::new(program, reads, names.enums.kind(&expr.ty.kind)))
    }

    /// What expressions of a relation see besides their row: the parameters of the solution, then the cells.
    pub(super) fn outside(&self, relation: &service::Relation) -> Arc<Names> {
        let mut names = self.parts.names.clone();
        let first = self.parts.slots.len();
        for (name, position) in &relation.bindings {
            if let Some(cell) = self.cells.fields.get(*position) {
                names.slots.insert(name.to_string(), (first + position, cell.ty.kind.clone()));
            }
        }
        Arc::new(names)
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
