//! Expectations of tests: bool expressions over services, features, tables and sinks.

use fec_ir::{NodeId, Op};
use fec_model::expr::{BinaryOp, Expr, ExprKind, UnaryOp};
use fec_model::types::{Kind, Type};
use fec_plan::service::rows_wanted;
use flow_core::batch::Batch;
use flow_core::json::write_json;
use flow_core::value::Value;
use flow_serve::{Emitted, Reads, RequestError, Run, Step, Work};

use super::Services;
use super::program::Flow;
use super::relation::Given;
use crate::error::LocalError;

/// Whether an expectation holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it does.
    pub holds: bool,
    /// What was there instead, where it does not.
    pub explanation: Option<String>,
}

impl Services {
    /// The nodes under an expectation whose rows come out of streams and sinks; [`Self::expectation`] wants them given.
    #[must_use]
    pub fn rows_wanted(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        rows_wanted(&self.parts.ir, nodes)
    }

    /// Judges an expectation, given by its nodes in order, at `now`. Timeouts do not fire. `given` holds the rows of
    /// [`Self::rows_wanted`], each with the columns of its node. What the services that it calls emit goes into `emitted`.
    ///
    /// # Errors
    /// In words, why it cannot be judged: a fault, or a store that cannot be read.
    pub fn expectation(
        &self,
        nodes: &[NodeId],
        now: i64,
        reads: &dyn Reads,
        given: &Given,
        emitted: &mut Vec<Emitted>,
    ) -> Result<Verdict, String> {
        let (ids, given): (Vec<NodeId>, Vec<Batch>) = given.iter().map(|(id, rows)| (*id, rows.clone())).unzip();
        let flow = Flow::new(&self.parts, nodes, &ids).map_err(|error| error.to_string())?;
        let mut run = Run::new(&self.engine, &flow.plan, Vec::new(), now, reads, false).give(&given);
        let answer = run.answer();
        emitted.append(&mut run.take_emitted().0);
        match answer.map_err(told)? {
            Some(Value::Bool(true)) => Ok(Verdict { holds: true, explanation: None }),
            Some(_) => {
                let explanation = self.explanation(&flow, &run, nodes).map_err(|error| error.to_string())?;
                Ok(Verdict { holds: false, explanation })
            }
            None => Err("it has no answer, which is a defect of the compiler".to_owned()),
        }
    }

    /// Both sides of the comparison that is false.
    fn explanation(&self, flow: &Flow<'_>, run: &Run<'_>, nodes: &[NodeId]) -> Result<Option<String>, LocalError> {
        let is_answer = |step: &Step| matches!(step.work, Work::Respond(_));
        if !flow.plan.steps.iter().any(is_answer) {
            return Ok(None);
        }
        let respond = nodes.iter().filter_map(|id| self.parts.ir.graph.get(*id)).find_map(|node| match &node.op {
            Op::Respond { value } => Some(value),
            _ => None,
        });
        let Some(value) = respond else { return Ok(None) };
        let mut lets = Vec::new();
        let show = |lets: &[Expr], side: &Expr| -> Result<String, LocalError> {
            let compiled = flow.over(&within(lets, side.clone()))?;
            Ok(match run.whole(&compiled) {
                Ok(value) => {
                    let mut out = Vec::new();
                    write_json(&mut out, value.as_cell(), compiled.kind());
                    String::from_utf8_lossy(&out).into_owned()
                }
                Err(fail) => told(fail.into()),
            })
        };
        let holds = |lets: &[Expr], side: &Expr| -> Result<bool, LocalError> {
            let compiled = flow.over(&within(lets, side.clone()))?;
            Ok(matches!(run.whole(&compiled), Ok(Value::Bool(true))))
        };
        let mut value = value;
        loop {
            return Ok(match &value.kind {
                ExprKind::Let { body, .. } => {
                    lets.push(value.clone());
                    value = body;
                    continue;
                }
                ExprKind::Binary(BinaryOp::And, left, right) => {
                    value = if holds(&lets, left)? { right } else { left };
                    continue;
                }
                ExprKind::Binary(op, left, right) => match sign(*op) {
                    Some(sign) => Some(format!("expected {sign}{}, was {}", show(&lets, right)?, show(&lets, left)?)),
                    None => None,
                },
                ExprKind::IsAbsent(side) => Some(format!("expected null, was {}", show(&lets, side)?)),
                ExprKind::In(item, list) => {
                    Some(format!("expected one of {}, was {}", show(&lets, list)?, show(&lets, item)?))
                }
                ExprKind::Unary(UnaryOp::Not, inner) => match &inner.kind {
                    ExprKind::Binary(BinaryOp::Equal, left, right) => {
                        Some(format!("expected anything but {}, was {}", show(&lets, right)?, show(&lets, left)?))
                    }
                    ExprKind::IsAbsent(_) => Some("expected a value, was null".to_owned()),
                    _ => None,
                },
                _ => None,
            });
        }
    }
}

/// Why an expectation cannot be computed: there is no response that would need what it needs.
fn told(error: RequestError) -> String {
    match error {
        RequestError::Fault(fault) => format!("a value that the expectation needs cannot be computed: {fault}"),
        error => error.to_string(),
    }
}

/// An expression with the variables that it may read.
fn within(lets: &[Expr], mut expr: Expr) -> Expr {
    for outer in lets.iter().rev() {
        if let ExprKind::Let { var, value, .. } = &outer.kind {
            let ty: Type = expr.ty.clone();
            let span = expr.span;
            let kind = ExprKind::Let { var: *var, value: value.clone(), body: Box::new(expr) };
            expr = Expr { kind, ty, span };
        }
    }
    if matches!(expr.ty.kind, Kind::Null) {
        expr.ty = Type::maybe(Kind::Bool);
    }
    expr
}

fn sign(op: BinaryOp) -> Option<&'static str> {
    match op {
        BinaryOp::Equal => Some(""),
        BinaryOp::Less => Some("less than "),
        BinaryOp::LessEqual => Some("at most "),
        BinaryOp::Greater => Some("more than "),
        BinaryOp::GreaterEqual => Some("at least "),
        _ => None,
    }
}
