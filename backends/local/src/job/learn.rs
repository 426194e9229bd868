//! Split, training, evaluation and publishing within a job.

use std::collections::BTreeMap;
use std::sync::Arc;

use fec_ir::ir::FlowPlan;
use fec_ir::{NodeId, Op};
use fec_model::expr::Expr;
use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::convert::decimal_to_float;
use flow_core::fault::Fault;
use flow_core::program::Env;
use flow_core::trees::{Ensemble, Input};
use flow_core::types::{Field, Kind, Schema};
use flow_core::value::{Cell, Value};
use flow_learn::LearnError;
use flow_learn::gbdt::{GbdtOptions, gbdt};
use flow_learn::matrix::{ColumnKind, Matrix};
use flow_learn::registry::Publication;
use flow_learn::{evaluate as measure, split};
use flow_operators::keys::{KeyState, Keys};
use flow_operators::operator::{DeadLetter, Reason};
use flow_operators::order::Order;
use flow_operators::rows::encode_row;

use super::Run;
use crate::error::LocalError;
use crate::expr::{program, shared};

/// A trained model within a job.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The trees.
    pub ensemble: Ensemble,
    /// Its inputs with the types that they had.
    pub inputs: Schema,
    /// What was measured, by name.
    pub metrics: BTreeMap<String, f64>,
}

/// A model that a job offered.
#[derive(Debug, Clone)]
pub struct ModelOutcome {
    /// Published name.
    pub name: String,
    /// Its version, once it is published.
    pub version: Option<u64>,
    /// What was measured, by name.
    pub metrics: BTreeMap<String, f64>,
    /// The share of the gain by input.
    pub importance: Vec<(String, f64)>,
}

impl Run<'_> {
    /// The rows of one part of a split.
    pub(super) fn part(&mut self, split: NodeId, wanted: &str) -> Result<Batch, LocalError> {
        let node = self.node(split)?;
        let Op::Split { parts, by } = &node.op else {
            return Err(LocalError::Plan(format!("`{}` is no split", node.name)));
        };
        let input = self.input.ir.graph.inputs(split).first().copied();
        let rows = self.rows_of(input.ok_or_else(|| LocalError::Plan("a split of nothing".to_owned()))?)?;
        let input = input.map(|input| self.node(input)).transpose()?;
        let schema = self.environment.names.enums.schema(input.map(|node| node.columns.as_slice()).unwrap_or_default());
        let mut keys = Vec::with_capacity(by.len());
        for key in by {
            keys.push(shared(program(key, &schema, &self.environment.names)?));
        }
        let environment = flow_operators::expression::Environment {
            now: flow_core::program::Now::At(self.input.now),
            slots: self.environment.slots.clone(),
        };
        let keys = Keys::of(&keys, &rows, &environment);
        let shares: Vec<f64> = parts.iter().map(|(_, share)| f64::from(*share) / 1e6).collect();
        let wanted = parts.iter().position(|(name, _)| name == wanted);
        let mut kept = Vec::new();
        let mut bytes = Vec::new();
        for row in 0..rows.rows {
            bytes.clear();
            if by.is_empty() {
                encode_row(&rows.columns, row, &mut bytes);
            } else {
                match keys.encode(row, &mut bytes) {
                    KeyState::Present => {}
                    // Rows without a key go together, as those of one key do.
                    KeyState::Absent => bytes.clear(),
                    KeyState::Fault(fault) => {
                        self.leave_out(split, &rows, row, fault, "a key of the split cannot be computed");
                        continue;
                    }
                }
            }
            if split::part(&bytes, &shares) == wanted {
                kept.push(row);
            }
        }
        Ok(rows.take(&kept))
    }

    fn columns(&self, rows: &Batch, schema: &Schema, exprs: &[&Expr]) -> Result<Vec<Column>, LocalError> {
        let env = Env { now: flow_core::program::Now::At(self.input.now), slots: &self.environment.slots };
        exprs.iter().map(|expr| Ok(program(expr, schema, &self.environment.names)?.eval(rows, &env))).collect()
    }

    /// Tells that a statement needed what a row does not have; of the rows of one place once.
    fn leave_out(&mut self, statement: NodeId, rows: &Batch, row: usize, fault: Fault, detail: &str) {
        let order = Order::of(rows, row);
        if self.left_out.insert((statement, order)) {
            let flow = Arc::from(self.input.ir.graph.get(statement).map_or("", |node| node.name.as_str()));
            let (reason, detail) = (Reason::Fault(fault), detail.to_owned());
            self.outcome.dead.push(DeadLetter { flow, order, reason, detail });
        }
    }

    /// Inputs and labels of the rows whose cells can all be computed; the others are bad rows of the training.
    fn matrix(
        &mut self,
        training: NodeId,
        rows_from: NodeId,
        features: &[(String, Expr)],
        label: &Expr,
    ) -> Result<(Matrix, Vec<f64>), LocalError> {
        let rows = self.rows_of(rows_from)?;
        let schema = self.environment.names.enums.schema(&self.node(rows_from)?.columns);
        let exprs: Vec<&Expr> = features.iter().map(|(_, value)| value).chain([label]).collect();
        let mut columns = self.columns(&rows, &schema, &exprs)?;
        let labels_column = columns.pop();
        let kinds: Vec<Kind> =
            features.iter().map(|(_, value)| self.environment.names.enums.kind(&value.ty.kind)).collect();
        let mut matrix =
            Matrix::new(features.iter().zip(&kinds).map(|((name, _), kind)| (name.clone(), column_kind(kind))));
        let mut labels = Vec::with_capacity(rows.rows);
        for row in 0..rows.rows {
            let cells: Result<Vec<Input<'_>>, (&str, Fault)> = columns
                .iter()
                .zip(features.iter().zip(&kinds))
                .map(|(column, ((name, _), kind))| match column.cell(row) {
                    Ok(cell) => Ok(input(cell, kind)),
                    Err(fault) => Err((name.as_str(), fault)),
                })
                .collect();
            let label = labels_column.as_ref().map_or(Ok(Cell::Absent), |column| column.cell(row));
            match (cells, label.map(|cell| number(cell, &Kind::Bool))) {
                (Ok(cells), Ok(Some(label))) => {
                    matrix.push(&cells).map_err(|error| LocalError::Plan(error.to_string()))?;
                    labels.push(label);
                }
                (Err((name, fault)), _) => {
                    self.leave_out(training, &rows, row, fault, &format!("the feature `{name}` cannot be computed"));
                }
                (Ok(_), Err(fault)) => {
                    self.leave_out(training, &rows, row, fault, "the label cannot be computed");
                }
                (Ok(_), Ok(None)) => return Err(LocalError::Plan("a label is neither true nor false".to_owned())),
            }
        }
        Ok((matrix, labels))
    }

    pub(super) fn train(
        &mut self,
        id: NodeId,
        job: &FlowPlan,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<(), LocalError> {
        let node = self.node(id)?;
        let Op::Train { label, features, trees, depth, learning_rate } = &node.op else { return Ok(()) };
        let rows = self.rows_input(id, 0)?;
        let (matrix, labels) = self.matrix(id, rows, features, label)?;
        self.tolerated(job)?;
        let options = GbdtOptions {
            trees: *trees as usize,
            depth: *depth as usize,
            learning_rate: *learning_rate,
            ..GbdtOptions::default()
        };
        if self.is_trial {
            return Ok(());
        }
        let halt = self.input.halt;
        let trained = gbdt(&matrix, &labels, &options, |done, of| {
            progress("training", done, of);
            !halt.asked()
        });
        let ensemble = trained.map_err(|error| match error {
            LearnError::Stopped => LocalError::Stopped,
            error => LocalError::Program(format!("`{}` cannot be trained: {error}", node.name)),
        })?;
        let fields = features
            .iter()
            .map(|(name, value)| Field { name: name.clone(), ty: self.environment.names.enums.data_type(&value.ty) });
        let inputs = Schema { fields: fields.collect() };
        self.trained.insert(id, Trained { ensemble, inputs, metrics: BTreeMap::new() });
        Ok(())
    }

    pub(super) fn evaluate(&mut self, id: NodeId, job: &FlowPlan) -> Result<(), LocalError> {
        let node = self.node(id)?;
        let training = self.rows_input(id, 0)?;
        let rows = self.rows_input(id, 1)?;
        let Op::Train { label, features, .. } = &self.node(training)?.op else { return Ok(()) };
        let (matrix, labels) = self.matrix(training, rows, features, label)?;
        self.tolerated(job)?;
        if self.is_trial {
            self.bind_metrics(node, &BTreeMap::new());
            return Ok(());
        }
        let Some(trained) = self.trained.get_mut(&training) else { return Ok(()) };
        let report = measure::evaluate(&trained.ensemble, &matrix, &labels)
            .map_err(|error| LocalError::Program(format!("`{}` cannot be evaluated: {error}", node.name)))?;
        let positives = labels.iter().filter(|label| **label > 0.5).count();
        let mut metrics = BTreeMap::new();
        metrics.insert("rows".to_owned(), report.rows as f64);
        metrics.insert("positives".to_owned(), positives as f64);
        metrics.extend(report.auc.map(|auc| ("auc".to_owned(), auc)));
        metrics.extend(report.log_loss.map(|loss| ("log_loss".to_owned(), loss)));
        trained.metrics = metrics.clone();
        self.bind_metrics(node, &metrics);
        Ok(())
    }

    /// Gives the report of an evaluation its value.
    fn bind_metrics(&mut self, node: &fec_ir::Node, metrics: &BTreeMap<String, f64>) {
        if let (Some(name), Some(column)) = (&node.binding, node.columns.first()) {
            let fields = match &column.ty.kind {
                fec_model::types::Kind::Record(record) => record.fields.clone(),
                _ => Vec::new(),
            };
            // What could not be measured (a test part with one class has no AUC) is absent, and passes no gate.
            let cell = |field: &fec_model::types::Column| match (metrics.get(&field.name), &field.ty.kind) {
                (Some(value), fec_model::types::Kind::Int) => Value::Int(*value as i64),
                (Some(value), _) => Value::Float(*value),
                (None, _) => Value::Absent,
            };
            let record = Value::Record(fields.iter().map(cell).collect());
            self.environment.bind(name, &column.ty, record);
        }
    }

    pub(super) fn publish(&mut self, id: NodeId, job: &FlowPlan) -> Result<(), LocalError> {
        let node = self.node(id)?;
        let Op::Publish { model, gate } = &node.op else { return Ok(()) };
        let training = self.rows_input(id, 0)?;
        let passed = match gate {
            Some(gate) => self.environment.constant(gate, self.input.now)? == Ok(Value::Bool(true)),
            None => true,
        };
        let Some(trained) = self.trained.get(&training) else {
            if self.is_trial {
                return Ok(());
            }
            return Err(LocalError::Plan(format!("job `{}` publishes `{model}` before it is trained", job.path)));
        };
        let total: f64 = trained.ensemble.features().iter().map(|feature| feature.gain).sum();
        let share = |gain: f64| if total > 0.0 { gain / total } else { 0.0 };
        let importance = trained.ensemble.features().iter().map(|one| (one.name.clone(), share(one.gain))).collect();
        let outcome = ModelOutcome { name: model.clone(), version: None, metrics: trained.metrics.clone(), importance };
        if passed {
            let publication = Publication {
                name: model.clone(),
                metrics: trained.metrics.clone(),
                inputs: trained.inputs.clone(),
                ensemble: trained.ensemble.clone(),
            };
            self.outcome.publications.push((self.outcome.models.len(), publication));
        }
        self.outcome.models.push(outcome);
        Ok(())
    }

    fn rows_input(&self, id: NodeId, port: usize) -> Result<NodeId, LocalError> {
        let inputs = self.input.ir.graph.inputs(id);
        inputs.get(port).copied().ok_or_else(|| LocalError::Plan("a statement of the job has no input".to_owned()))
    }
}

/// How a column goes into a model.
#[must_use]
pub fn column_kind(kind: &Kind) -> ColumnKind {
    match kind {
        Kind::String | Kind::Enum(_) => ColumnKind::Categorical,
        _ => ColumnKind::Numeric,
    }
}

/// A cell as a model takes it: numbers, times and bools as numbers, text and members as text.
#[must_use]
pub fn input<'a>(cell: Cell<'a>, kind: &'a Kind) -> Input<'a> {
    match (cell, kind) {
        (Cell::String(text), _) => Input::Text(text),
        (Cell::Int(member), Kind::Enum(members)) => {
            let name = usize::try_from(member).ok().and_then(|member| members.members.get(member));
            name.map_or(Input::Missing, |name| Input::Text(name))
        }
        (cell, kind) => number(cell, kind).map_or(Input::Missing, Input::Number),
    }
}

fn number(cell: Cell<'_>, kind: &Kind) -> Option<f64> {
    match (cell, kind) {
        (Cell::Bool(value), _) => Some(f64::from(u8::from(value))),
        (Cell::Int(value), _) => Some(value as f64),
        (Cell::Float(value), _) => Some(value),
        (Cell::Decimal(mantissa), Kind::Decimal { scale, .. }) => Some(decimal_to_float(mantissa, *scale)),
        _ => None,
    }
}
