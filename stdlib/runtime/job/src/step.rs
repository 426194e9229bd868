//! A job that is run step by step, each in a process of its own.

use flow_core::batch::Batch;
use flow_learn::registry::Publication;
use flow_task::RunError;

use crate::folder::RunFolder;
use crate::learn::Trained;
use crate::plan::{Job, Rows, Statement, Work};
use crate::rows::give;
use crate::run::{Input, Outcome, Run, lost};

/// The step that takes history through the dataflow.
pub const ROWS: &str = "rows";
/// The step that writes the sinks.
pub const WRITE: &str = "write";
/// The step at the end of every run, which removes what the others left.
pub const FINISH: &str = "finish";

/// What a step did, and what is left to do for whoever called it.
#[derive(Debug)]
pub enum Done {
    /// It left what others take.
    Left,
    /// It evaluated a model: the labels of the publications that can be judged now, and whether each is to run.
    Judged(Vec<(String, bool)>),
    /// The rows of all sinks, and what is to be said of those that were left out, where some were.
    Write(Vec<(String, Batch)>, Option<String>),
    /// A model is offered; it is published where its gate let it through.
    Publish(Outcome),
}

/// Does one step of a job. It can be done again: what it leaves is the same.
///
/// # Errors
/// A step that is not there, one before it that was not done, or as [`run`](crate::run()).
pub fn step(
    job: &Job<'_>,
    input: Input<'_>,
    folder: &RunFolder,
    name: &str,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<Done, RunError> {
    let mut run = Run::begin(job, input, Some(folder))?;
    if name == ROWS {
        progress("reading history", 0, 1);
        run.history()?;
        run.tolerated()?;
        return Ok(Done::Left);
    }
    run.bad = folder.bad()?;
    let mut emitted = Vec::new();
    for (place, statement) in job.statements.iter().enumerate() {
        input.halt.check()?;
        let is_it = statement.step.as_ref().is_some_and(|step| step.name == name);
        let is_written = name == WRITE && matches!(statement.work, Work::Emit { .. });
        if run.wanted(statement, is_it || is_written)? {
            if is_it {
                return run.own(place, statement, progress);
            }
            run.others(place, statement)?;
            if let (Work::Emit { sink, rows }, true) = (&statement.work, name == WRITE) {
                let schema = job.relations.get(*rows).map(|relation| &relation.schema).ok_or_else(lost)?;
                let rows = folder.rows(&emitted_name(place), schema)?;
                let step = statement.step.as_ref().map_or("emit", |step| &step.name);
                give(&mut emitted, sink, schema, rows.ok_or_else(|| run.missing(step))?);
            }
        } else if is_it {
            return Ok(Done::Left);
        }
    }
    if name == WRITE {
        run.tolerated()?;
        return Ok(Done::Write(emitted, run.bad.tolerated(&job.path)));
    }
    let steps = job.statements.iter().filter_map(|statement| statement.step.as_ref());
    let known: Vec<&str> = [ROWS].into_iter().chain(steps.map(|step| step.name.as_str())).collect();
    let path = &job.path;
    let known = known.join(", ");
    Err(RunError::Environment(format!(
        "--step {name}: job `{path}` has no such step; there are {known}, {WRITE} and {FINISH}"
    )))
}

impl Run<'_> {
    /// Does the statement of this step.
    fn own(
        &mut self,
        place: usize,
        statement: &Statement,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<Done, RunError> {
        match &statement.work {
            Work::Emit { sink, rows } => {
                let batches = self.emitted(place, sink, *rows)?;
                let schema = self.job.relations.get(*rows).map(|relation| &relation.schema).ok_or_else(lost)?;
                self.tolerated()?;
                self.put(|folder| folder.put_rows(&emitted_name(place), &Batch::concat(schema, &batches)))?;
                Ok(Done::Left)
            }
            Work::Split { .. } => {
                for (relation, one) in self.job.relations.iter().enumerate() {
                    if matches!(one.rows, Rows::Part { split, .. } if split == place) {
                        self.rows_of(relation)?;
                    }
                }
                self.tolerated()?;
                Ok(Done::Left)
            }
            Work::Value { slot, value } => self.value(statement, *slot, value).map(|()| Done::Left),
            Work::Train { .. } => {
                self.train(place, statement, progress)?;
                self.leave(place, place)?;
                Ok(Done::Left)
            }
            Work::Evaluate { training, .. } => {
                self.model_of(*training, *training)?;
                self.evaluate(place, statement)?;
                self.leave(place, *training)?;
                self.judged(place).map(Done::Judged)
            }
            Work::Publish { model, training, gate } => {
                self.tolerated()?;
                self.model_of(*training, *training)?;
                self.offer(model, *training, gate.as_ref())?;
                Ok(Done::Publish(std::mem::take(&mut self.outcome)))
            }
        }
    }

    /// Takes over what a statement of another step has left, as far as later ones may read it.
    fn others(&mut self, place: usize, statement: &Statement) -> Result<(), RunError> {
        match &statement.work {
            Work::Value { slot, value } => {
                // Where it reads what is not there yet, nothing that this step does needs it.
                if let Ok(computed) = self.constant(value) {
                    self.bind(*slot, computed);
                }
                Ok(())
            }
            Work::Evaluate { training, .. } => {
                if let Some(model) = self.folder.map(|folder| folder.model(&model_name(place))).transpose()?.flatten() {
                    let metrics = model.metrics.clone();
                    self.trained.insert(*training, Trained::from(model));
                    self.report(place, &metrics);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes the model that the statement `from` left, as that of a training, unless it is there already.
    fn model_of(&mut self, from: usize, training: usize) -> Result<(), RunError> {
        if self.trained.contains_key(&training) {
            return Ok(());
        }
        let Some(folder) = self.folder else { return Ok(()) };
        if let Some(model) = folder.model(&model_name(from))? {
            self.trained.insert(training, Trained::from(model));
            return Ok(());
        }
        // A training under a condition that does not hold has given nothing, and nobody misses it.
        let statement = self.job.statements.get(training).ok_or_else(lost)?;
        if self.wanted(statement, false)? {
            let step = statement.step.as_ref().map_or("train", |step| &step.name);
            return Err(self.missing(step));
        }
        Ok(())
    }

    /// Leaves the model of a training as it is after the statement `place`.
    fn leave(&self, place: usize, training: usize) -> Result<(), RunError> {
        match self.trained.get(&training) {
            Some(trained) => {
                let model: Publication = trained.publication("model");
                self.put(|folder| folder.put_model(&model_name(place), &model))
            }
            None => Ok(()),
        }
    }

    fn put(&self, what: impl FnOnce(&RunFolder) -> Result<(), RunError>) -> Result<(), RunError> {
        self.folder.map_or(Ok(()), what)
    }

    /// The publications after an evaluation, as far as they can be judged.
    fn judged(&mut self, evaluation: usize) -> Result<Vec<(String, bool)>, RunError> {
        let mut judged = Vec::new();
        for (place, statement) in self.job.statements.iter().enumerate().skip(evaluation + 1) {
            match &statement.work {
                Work::Value { .. } => {
                    // What cannot be computed is told by the step that needs it.
                    let _ = self.others(place, statement);
                }
                Work::Publish { gate, .. } => {
                    if let Some(step) = &statement.step {
                        let passed = self.wanted(statement, false)? && self.passed(gate.as_ref());
                        judged.push((step.label.clone(), passed));
                    }
                }
                _ => {}
            }
        }
        Ok(judged)
    }
}

fn model_name(place: usize) -> String {
    format!("model-{place}")
}

fn emitted_name(place: usize) -> String {
    format!("emitted-{place}")
}
