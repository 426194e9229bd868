//! Stateless steps over one batch: filters and projections, fused into one operator.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::{Column, State};
use flow_core::value::Cell;

use crate::expression::{Environment, Expr, evaluate_all};
use crate::operator::{Context, Operator, OperatorError};

/// One stateless step.
#[derive(Clone)]
pub enum Step {
    /// Keeps the rows whose condition is true. A row whose condition is faulty is a dead letter, unless a later operator
    /// has the right to report it: where one of `unless_fault` is faulty the row passes unjudged.
    Filter {
        /// A bool.
        condition: Expr,
        /// What later operators need.
        unless_fault: Vec<Expr>,
    },
    /// The output columns, each computed from the input row. Faulty cells travel on.
    Project(Vec<Expr>),
}

/// Filters and projections, one after the other.
pub struct Fused {
    steps: Vec<Step>,
    flow: Arc<str>,
}

impl Fused {
    /// The given steps in order; `flow` is the name under which its dead letters go.
    #[must_use]
    pub fn new(steps: Vec<Step>, flow: Arc<str>) -> Self {
        Self { steps, flow }
    }
}

impl Operator for Fused {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let [input] = inputs else { return Err(OperatorError::Wiring("filters and projections have one input")) };
        let mut batch = input.clone();
        for step in &self.steps {
            if batch.rows == 0 && matches!(step, Step::Filter { .. }) {
                continue;
            }
            batch = match step {
                Step::Project(columns) => {
                    let columns = evaluate_all(columns, &batch, &cx.env);
                    batch.with_columns(columns)
                }
                Step::Filter { condition, unless_fault } => filter(batch, condition, unless_fault, &self.flow, cx),
            };
        }
        Ok(vec![batch])
    }
}

fn filter(batch: Batch, condition: &Expr, unless_fault: &[Expr], flow: &Arc<str>, cx: &mut Context) -> Batch {
    let judged = condition.evaluate(&batch, &cx.env);
    let mut needed: Option<Vec<Column>> = None;
    let keep: Vec<bool> = (0..batch.rows)
        .map(|row| {
            if !unless_fault.is_empty() && is_faulty(&mut needed, unless_fault, &batch, &cx.env, row) {
                return true;
            }
            match judged.cell(row) {
                Ok(cell) => cell == Cell::Bool(true),
                Err(fault) => {
                    cx.left_out(flow, &batch, row, fault, "the condition cannot be computed");
                    false
                }
            }
        })
        .collect();
    batch.filter(&keep)
}

fn is_faulty(needed: &mut Option<Vec<Column>>, exprs: &[Expr], batch: &Batch, env: &Environment, row: usize) -> bool {
    needed
        .get_or_insert_with(|| evaluate_all(exprs, batch, env))
        .iter()
        .any(|column| matches!(column.state(row), State::Fault(_)))
}
