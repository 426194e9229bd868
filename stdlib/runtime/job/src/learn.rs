//! Split, training, evaluation and publishing within a job.

use std::collections::{BTreeMap, BTreeSet};

use flow_core::batch::Batch;
use flow_core::convert::decimal_to_float;
use flow_core::fault::Fault;
use flow_core::trees::{Ensemble, Input};
use flow_core::types::{Kind, Schema};
use flow_core::value::{Cell, Value};
use flow_learn::gbdt::{GbdtOptions, gbdt};
use flow_learn::matrix::{ColumnKind, Matrix};
use flow_learn::registry::Publication;
use flow_learn::{LearnError, evaluate as measure, split};
use flow_operators::expression::Expr;
use flow_operators::keys::{KeyState, Keys};
use flow_operators::operator::{DeadLetter, Reason};
use flow_operators::order::Order;
use flow_operators::rows::encode_row;
use flow_task::RunError;

use crate::bad::Bad;
use crate::plan::{Statement, Work};
use crate::rows::as_they_stand;
use crate::run::{Run, lost, relation_name};

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

impl Trained {
    /// What is published of it under a name.
    #[must_use]
    pub fn publication(&self, name: &str) -> Publication {
        Publication {
            name: name.to_owned(),
            metrics: self.metrics.clone(),
            inputs: self.inputs.clone(),
            ensemble: self.ensemble.clone(),
        }
    }
}

impl From<Publication> for Trained {
    fn from(publication: Publication) -> Self {
        let Publication { metrics, inputs, ensemble, .. } = publication;
        Self { ensemble, inputs, metrics }
    }
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

/// What a training needs of each row.
struct Needed<'a> {
    training: usize,
    inputs: &'a Schema,
    features: &'a [Expr],
    label: &'a Expr,
}

impl Run<'_> {
    /// The rows of each part of a split.
    pub(crate) fn split(&mut self, place: usize) -> Result<Vec<Batch>, RunError> {
        let job = self.job;
        let Some(Work::Split { rows, shares, by }) = job.statements.get(place).map(|statement| &statement.work) else {
            return Err(lost());
        };
        // The order of a `sort` ends here.
        let rows = as_they_stand(self.rows_of(*rows)?);
        let keys = Keys::of(by, &rows, &self.environment());
        let mut kept: Vec<Vec<usize>> = vec![Vec::new(); shares.len()];
        let mut dead = Vec::new();
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
                        dead.push(self.letter(&rows, row, fault, "a key of the split cannot be computed".to_owned()));
                        continue;
                    }
                }
            }
            if let Some(part) = split::part(&bytes, shares).and_then(|part| kept.get_mut(part)) {
                part.push(row);
            }
        }
        self.left_out_for(&format!("split-{place}"), place, dead)?;
        Ok(kept.iter().map(|kept| rows.take(kept)).collect())
    }

    fn letter(&self, rows: &Batch, row: usize, fault: Fault, detail: String) -> DeadLetter {
        let flow = self.job.path.as_str().into();
        DeadLetter { flow, order: Order::of(rows, row), reason: Reason::Fault(fault), detail }
    }

    /// Notes what was left out for a statement; of several rows of one place the first.
    fn left_out_for(&mut self, what: &str, statement: usize, mut dead: Vec<DeadLetter>) -> Result<(), RunError> {
        let mut seen = BTreeSet::new();
        dead.retain(|letter| seen.insert(letter.order));
        let bad = Bad::of(&dead, &self.input.given.sources).for_statement(statement);
        self.note(what, dead, bad, None)
    }

    /// Inputs and labels of the rows whose cells can all be computed; the others are bad rows of the training.
    fn matrix(&mut self, needed: &Needed<'_>, from: usize) -> Result<(Matrix, Vec<f64>), RunError> {
        let rows = self.rows_of(from)?;
        let environment = self.environment();
        let columns: Vec<_> = needed.features.iter().map(|feature| feature.evaluate(&rows, &environment)).collect();
        let label_column = needed.label.evaluate(&rows, &environment);
        let fields = &needed.inputs.fields;
        let mut matrix = Matrix::new(fields.iter().map(|field| (field.name.clone(), column_kind(&field.ty.kind))));
        let mut labels = Vec::with_capacity(rows.rows);
        let mut dead = Vec::new();
        for row in 0..rows.rows {
            let cells: Result<Vec<Input<'_>>, (&str, Fault)> = columns
                .iter()
                .zip(fields)
                .map(|(column, field)| match column.cell(row) {
                    Ok(cell) => Ok(input(cell, &field.ty.kind)),
                    Err(fault) => Err((field.name.as_str(), fault)),
                })
                .collect();
            match (cells, label_column.cell(row).map(|cell| number(cell, &Kind::Bool))) {
                (Ok(cells), Ok(Some(label))) => {
                    matrix.push(&cells).map_err(|error| RunError::Plan(error.to_string()))?;
                    labels.push(label);
                }
                (Err((name, fault)), _) => {
                    dead.push(self.letter(&rows, row, fault, format!("the feature `{name}` cannot be computed")));
                }
                (Ok(_), Err(fault)) => {
                    dead.push(self.letter(&rows, row, fault, "the label cannot be computed".to_owned()));
                }
                (Ok(_), Ok(None)) => return Err(RunError::Plan("a label is neither true nor false".to_owned())),
            }
        }
        let what = format!("training-{} of {}", needed.training, relation_name(from));
        self.left_out_for(&what, needed.training, dead)?;
        self.tolerated()?;
        Ok((matrix, labels))
    }

    pub(crate) fn train(
        &mut self,
        place: usize,
        statement: &Statement,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<(), RunError> {
        let Work::Train { rows, inputs, features, label, trees, depth, learning_rate } = &statement.work else {
            return Err(lost());
        };
        let (matrix, labels) = self.matrix(&Needed { training: place, inputs, features, label }, *rows)?;
        if self.is_trial {
            return Ok(());
        }
        let options =
            GbdtOptions { trees: *trees, depth: *depth, learning_rate: *learning_rate, ..GbdtOptions::default() };
        let (halt, path) = (self.input.halt, &self.job.path);
        let trained = gbdt(&matrix, &labels, &options, |done, of| {
            progress("training", done, of);
            !halt.asked()
        });
        let ensemble = trained.map_err(|error| match error {
            LearnError::Stopped => RunError::Stopped,
            error => RunError::Program(format!("`{}` of job `{path}` cannot be trained: {error}", statement.name)),
        })?;
        let trained = Trained { ensemble, inputs: Schema::clone(inputs), metrics: BTreeMap::new() };
        self.trained.insert(place, trained);
        Ok(())
    }

    pub(crate) fn evaluate(&mut self, place: usize, statement: &Statement) -> Result<(), RunError> {
        let Work::Evaluate { training, rows, features, label, .. } = &statement.work else { return Err(lost()) };
        let trained = self.job.statements.get(*training).map(|one| &one.work);
        let Some(Work::Train { inputs, .. }) = trained else { return Err(lost()) };
        let (matrix, labels) = self.matrix(&Needed { training: *training, inputs, features, label }, *rows)?;
        if self.is_trial {
            self.report(place, &BTreeMap::new());
            return Ok(());
        }
        let (path, name) = (&self.job.path, &statement.name);
        let Some(trained) = self.trained.get_mut(training) else { return Ok(()) };
        let report = measure::evaluate(&trained.ensemble, &matrix, &labels)
            .map_err(|error| RunError::Program(format!("`{name}` of job `{path}` cannot be evaluated: {error}")))?;
        let positives = labels.iter().filter(|label| **label > 0.5).count();
        let mut metrics = BTreeMap::new();
        metrics.insert("rows".to_owned(), report.rows as f64);
        metrics.insert("positives".to_owned(), positives as f64);
        metrics.extend(report.auc.map(|auc| ("auc".to_owned(), auc)));
        metrics.extend(report.log_loss.map(|loss| ("log_loss".to_owned(), loss)));
        trained.metrics.clone_from(&metrics);
        self.report(place, &metrics);
        Ok(())
    }

    /// Gives the report of an evaluation its value.
    pub(crate) fn report(&mut self, place: usize, metrics: &BTreeMap<String, f64>) {
        let work = self.job.statements.get(place).map(|statement| &statement.work);
        let Some(Work::Evaluate { report: Some((slot, fields)), .. }) = work else { return };
        // What could not be measured (a test part with one class has no AUC) is absent; expressions read it as a fault.
        let cells = fields.fields.iter().map(|field| match (metrics.get(&field.name), &field.ty.kind) {
            (Some(value), Kind::Int) => Value::Int(*value as i64),
            (Some(value), _) => Value::Float(*value),
            (None, _) => Value::Absent,
        });
        let record = Value::Record(cells.collect());
        self.bind(*slot, record);
    }

    /// Whether the gate of a publication lets its model through.
    pub(crate) fn passed(&self, gate: Option<&Expr>) -> bool {
        gate.is_none_or(|gate| self.constant(gate) == Ok(Value::Bool(true)))
    }

    pub(crate) fn offer(&mut self, model: &str, training: usize, gate: Option<&Expr>) -> Result<(), RunError> {
        let passed = self.passed(gate);
        let Some(trained) = self.trained.get(&training) else {
            if self.is_trial {
                return Ok(());
            }
            let path = &self.job.path;
            return Err(RunError::Plan(format!("job `{path}` publishes `{model}` before it is trained")));
        };
        let total: f64 = trained.ensemble.features().iter().map(|feature| feature.gain).sum();
        let share = |gain: f64| if total > 0.0 { gain / total } else { 0.0 };
        let importance = trained.ensemble.features().iter().map(|one| (one.name.clone(), share(one.gain))).collect();
        let (name, metrics) = (model.to_owned(), trained.metrics.clone());
        if passed {
            self.outcome.publications.push((self.outcome.models.len(), trained.publication(model)));
        }
        self.outcome.models.push(ModelOutcome { name, version: None, metrics, importance });
        Ok(())
    }
}

/// How a column goes into a model.
fn column_kind(kind: &Kind) -> ColumnKind {
    match kind {
        Kind::String | Kind::Enum(_) => ColumnKind::Categorical,
        _ => ColumnKind::Numeric,
    }
}

/// A cell as a model takes it: numbers, times and bools as numbers, text and members as text.
fn input<'a>(cell: Cell<'a>, kind: &'a Kind) -> Input<'a> {
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

impl ModelOutcome {
    /// What is told of it, as a line.
    #[must_use]
    pub fn line(&self) -> String {
        let auc = self.metrics.get("auc").map_or_else(|| "no AUC".to_owned(), |auc| format!("AUC {auc:.4}"));
        match self.version {
            Some(version) => format!("model {} version {version} published: {auc}", self.name),
            None => format!("model {} refused by its gate: {auc}", self.name),
        }
    }

    /// What is told of it, as JSON.
    #[must_use]
    pub fn event(&self) -> serde_json::Value {
        serde_json::json!({
            "event": "model",
            "name": self.name,
            "version": self.version,
            "metrics": self.metrics,
            "published": self.version.is_some(),
        })
    }
}
