//! One request through the statements of its service.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use flow_core::batch::{Batch, Origin};
use flow_core::column::{Column, ColumnData, State};
use flow_core::convert::{decimal_to_float, int_to_float};
use flow_core::fault::Fault;
use flow_core::program::Now;
use flow_core::trees::{Ensemble, Input};
use flow_core::types::Kind;
use flow_core::value::Value;
use flow_operators::expression::Environment;
use flow_operators::whole::whole;

use crate::emits::Emitted;
use crate::error::{RequestError, ServeError};
use crate::plan::{Plan, Step, Work};
use crate::reads::{Prediction, Reads};
use crate::relation::Relation;
use crate::scalar::Scalar;
use crate::services::{Reply, Services};

/// Why a binding has no value. It costs nothing until somebody needs the value.
#[derive(Debug)]
pub enum Fail {
    /// A computation failed.
    Fault(Fault),
    /// It was not there in time.
    Timeout(String),
    /// A store could not be read, or the plan is inconsistent.
    Broken(ServeError),
}

impl Fail {
    fn again(&self) -> Self {
        match self {
            Self::Fault(fault) => Self::Fault(*fault),
            Self::Timeout(binding) => Self::Timeout(binding.clone()),
            Self::Broken(error) => Self::Broken(ServeError::Unavailable(error.to_string())),
        }
    }
}

impl From<Fault> for Fail {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<ServeError> for Fail {
    fn from(error: ServeError) -> Self {
        Self::Broken(error)
    }
}

impl From<Fail> for RequestError {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Fault(fault) => Self::Fault(fault),
            Fail::Timeout(binding) => Self::Timeout(binding),
            Fail::Broken(error) => Self::Unavailable(error.to_string()),
        }
    }
}

/// A value, or a record of which some fields are faulty.
#[derive(Debug)]
enum Bound {
    Value(Value),
    /// One row.
    Partly(Column),
}

impl Bound {
    /// One cell of a column, kept as a column where it is a record with a faulty field.
    fn of(column: Column) -> Result<Self, Fail> {
        match column.value(0) {
            Ok(value) => Ok(Self::Value(value)),
            Err(_) if column.state(0) == State::Present => Ok(Self::Partly(column)),
            Err(fault) => Err(Fail::Fault(fault)),
        }
    }

    /// The value, where all of it is needed.
    fn whole(self) -> Result<Value, Fail> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Partly(column) => Ok(column.value(0)?),
        }
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Value(Value::Absent))
    }
}

/// What stands where a value should.
enum Bad {
    Partly(Column),
    Fail(Fail),
}

/// A request while it is answered.
pub struct Run<'a> {
    pub(crate) services: &'a Services,
    plan: &'a Plan,
    /// The values of parameters and bindings by position; absent where they are bad or not there yet.
    pub(crate) cells: Vec<Value>,
    bad: Vec<(usize, Bad)>,
    pub(crate) now: i64,
    pub(crate) reads: &'a dyn Reads,
    /// Rows that the plan does not make itself.
    pub(crate) given: &'a [Batch],
    /// When it began, where time decides anything.
    started: Option<Instant>,
    /// What each statement took.
    took: Vec<Duration>,
    fallback: bool,
    /// What goes to sinks: of its own statements once it has answered, and of the services that it has called.
    emitted: RefCell<Vec<Emitted>>,
    /// Rows, and whole statements, that cannot be emitted.
    left_out: usize,
}

impl<'a> Run<'a> {
    /// The plan with its parameters, before its first statement. Without `timeouts` no `@timeout` and no `@deadline`
    /// fires.
    #[must_use]
    pub fn new(
        services: &'a Services,
        plan: &'a Plan,
        arguments: Vec<Value>,
        now: i64,
        reads: &'a dyn Reads,
        timeouts: bool,
    ) -> Self {
        let mut cells = Vec::with_capacity(plan.cells.len());
        cells.extend(arguments.into_iter().take(plan.parameters));
        cells.resize(plan.cells.len(), Value::Absent);
        let started = (timeouts && plan.is_timed()).then(Instant::now);
        Self {
            services,
            plan,
            cells,
            bad: Vec::new(),
            now,
            reads,
            given: &[],
            started,
            took: Vec::with_capacity(plan.steps.len()),
            fallback: false,
            emitted: RefCell::default(),
            left_out: 0,
        }
    }

    /// Rows that the plan does not make itself, in the order of their positions.
    #[must_use]
    pub fn give(self, given: &'a [Batch]) -> Self {
        Self { given, ..self }
    }

    /// Runs the statements until one answers; nothing where none does.
    ///
    /// # Errors
    /// What the answer needs and cannot have.
    pub fn answer(&mut self) -> Result<Option<Value>, RequestError> {
        let plan = self.plan;
        let mut emits = Vec::new();
        // Each statement begins where the one before it ended: the clock is read once a statement that may wait.
        let mut begin = self.started;
        for step in &plan.steps {
            if !self.is_wanted(step)? {
                self.took.push(Duration::ZERO);
                continue;
            }
            if matches!(step.work, Work::Emit { .. }) {
                // What an `emit` needs is nothing to the response.
                emits.push(step);
                self.took.push(Duration::ZERO);
                continue;
            }
            let outcome = self.work(&step.work);
            // A value takes no time that matters: the clock is read after what waits for others, and before the answer.
            let is_short = matches!(step.work, Work::Scalar(_)) && step.timeout.is_none();
            let end = if is_short { begin } else { begin.map(|_| Instant::now()) };
            let since =
                |start: Option<Instant>| start.zip(end).map(|(start, end)| end.saturating_duration_since(start));
            let took = since(begin).unwrap_or_default();
            self.took.push(took);
            if let (Some(so_far), Some(deadline)) = (since(self.started), plan.deadline)
                && so_far > deadline
            {
                return Err(RequestError::Deadline(deadline));
            }
            begin = end;
            if matches!(step.work, Work::Respond(_)) {
                let value = outcome.and_then(Bound::whole)?;
                self.emit(&emits);
                return Ok(Some(value));
            }
            let outcome = self.settled(step, outcome, took);
            self.bind(step.target, outcome);
        }
        Ok(None)
    }

    /// Whether a fallback answered for a binding.
    #[must_use]
    pub fn fallback(&self) -> bool {
        self.fallback
    }

    /// What goes to sinks, and how much of it could not be computed: complete once there is an answer.
    pub fn take_emitted(&mut self) -> (Vec<Emitted>, usize) {
        (std::mem::take(self.emitted.get_mut()), std::mem::take(&mut self.left_out))
    }

    /// Computes what goes to sinks. A row with a bad cell is left out; of a statement that cannot be computed, all rows.
    fn emit(&mut self, steps: &[&Step]) {
        for step in steps {
            let Work::Emit { sink, relation } = &step.work else { continue };
            match self.whole_rows(relation) {
                Ok((rows, left_out)) => {
                    self.left_out += left_out;
                    if rows.rows > 0 {
                        self.emitted.get_mut().push(Emitted { sink: sink.clone(), rows });
                    }
                }
                Err(_) => self.left_out += 1,
            }
        }
    }

    /// The rows of a relation without those that have a bad cell, and how many these are.
    fn whole_rows(&self, relation: &Relation) -> Result<(Batch, usize), Fail> {
        if let Some(fail) = self.first_bad(&relation.reads) {
            return Err(fail);
        }
        let rows = self.ordered(&relation.rows)?;
        let mut left_out = 0;
        let whole = whole(&rows, &mut |_, _, _| left_out += 1);
        Ok((whole, left_out))
    }

    fn is_wanted(&self, step: &Step) -> Result<bool, Fail> {
        for guard in &step.guards {
            if (self.whole(&guard.condition)? == Value::Bool(true)) != guard.wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a binding holds in the end: its value in time, or what its fallback says.
    fn settled(&mut self, step: &Step, outcome: Result<Bound, Fail>, took: Duration) -> Result<Bound, Fail> {
        let parts = step.parts.iter().filter_map(|part| self.took.get(*part)).sum::<Duration>();
        let is_late = self.started.is_some() && step.timeout.is_some_and(|timeout| took + parts > timeout);
        let outcome = if is_late { Err(Fail::Timeout(step.name.clone())) } else { outcome };
        match (&step.fallback, &outcome) {
            (Some(fallback), Err(_)) => {
                self.fallback = true;
                self.evaluate(fallback)
            }
            (Some(fallback), Ok(value)) if value.is_absent() => {
                self.fallback = true;
                self.evaluate(fallback)
            }
            _ => outcome,
        }
    }

    fn bind(&mut self, target: Option<usize>, outcome: Result<Bound, Fail>) {
        let Some(target) = target else { return };
        match outcome {
            Ok(Bound::Value(value)) => {
                if let Some(cell) = self.cells.get_mut(target) {
                    *cell = value;
                }
            }
            Ok(Bound::Partly(column)) => self.bad.push((target, Bad::Partly(column))),
            Err(fail) => self.bad.push((target, Bad::Fail(fail))),
        }
    }

    /// The first failure among what a relation reads of the bindings, all of which is needed.
    pub(crate) fn first_bad(&self, reads: &[Vec<usize>]) -> Option<Fail> {
        self.bad.iter().find_map(|(position, bad)| {
            let mut paths = reads.iter().filter_map(|path| path.split_first()).filter(|(cell, _)| *cell == position);
            match bad {
                Bad::Fail(fail) => paths.next().map(|_| fail.again()),
                Bad::Partly(column) => paths.find_map(|(_, fields)| fault_at(column, fields)).map(Fail::Fault),
            }
        })
    }

    /// What is known of a cell: of a record that is faulty in parts the rest, with nothing in place of these.
    pub(crate) fn known(&self, position: usize) -> Value {
        match self.bad.iter().find(|(bad, _)| *bad == position) {
            Some((_, Bad::Partly(column))) => good_parts(column),
            _ => self.cells.get(position).cloned().unwrap_or(Value::Absent),
        }
    }

    fn work(&self, work: &Work) -> Result<Bound, Fail> {
        match work {
            Work::Scalar(value) | Work::Respond(value) => self.evaluate(value),
            Work::Features { set, keys } => self.features(set, keys),
            Work::Table { table, keys } => match self.services.row(table, &self.all(keys)?, self.now, self.reads)? {
                Some(row) => Bound::of(row),
                None => Ok(Bound::Value(Value::Absent)),
            },
            Work::Predict { model, inputs } => self.predict(model, inputs),
            Work::Call { service, arguments } => {
                let arguments = self.all(arguments)?;
                let elsewhere = self.reads.elsewhere(service, &arguments).map(|answer| answer.map(Reply::of));
                let here = || self.services.request(service, arguments, self.now, self.reads, self.started.is_some());
                match elsewhere.unwrap_or_else(here) {
                    Ok(reply) => {
                        self.emitted.borrow_mut().extend(reply.emitted);
                        Ok(Bound::Value(reply.value))
                    }
                    Err(RequestError::Fault(fault)) => Err(Fail::Fault(fault)),
                    Err(error) => Err(Fail::Broken(ServeError::Unavailable(error.to_string()))),
                }
            }
            Work::Collect(relation) => self.collect(relation).map(Bound::Value),
            Work::Emit { .. } => Ok(Bound::Value(Value::Absent)),
        }
    }

    fn features(&self, set: &str, keys: &[Scalar]) -> Result<Bound, Fail> {
        let keys = self.all(keys)?;
        let reader = self.services.set(set)?;
        let cells = reader.read(&keys, self.now, self.services.slots(), self.reads)?;
        if cells.iter().all(Result::is_ok) {
            return Ok(Bound::Value(Value::Record(cells.into_iter().flatten().collect())));
        }
        let column = |(cell, kind): (&Result<Value, Fault>, &Kind)| {
            Column::repeat(kind, cell.as_ref().map(Value::as_cell).map_err(|fault| *fault), 1)
        };
        Bound::of(Column::record(cells.iter().zip(&reader.kinds).map(column).collect(), None, 1))
    }

    fn predict(&self, model: &str, inputs: &[(String, Scalar)]) -> Result<Bound, Fail> {
        let Some(published) = self.reads.model(model) else { return Ok(Bound::Value(Value::Absent)) };
        let mut cells = Vec::with_capacity(inputs.len());
        for (_, input) in inputs {
            cells.push(self.whole(input)?);
        }
        let ensemble = match &published.prediction {
            Prediction::Ensemble(ensemble) => ensemble,
            Prediction::Fixed(value) => return Ok(Bound::Value(value.clone())),
        };
        let encoded = |(position, feature): (usize, &flow_core::trees::Feature)| {
            // A version may be older than the solution: its features are found by name.
            let is_named = |at: &usize| inputs.get(*at).is_some_and(|(name, _)| *name == feature.name);
            let at = Some(position).filter(is_named).or_else(|| (0..inputs.len()).find(is_named))?;
            let (cell, (_, compiled)) = (cells.get(at)?, inputs.get(at)?);
            encode(ensemble, position, cell, &compiled.kind)
        };
        let row: Vec<Option<f64>> = ensemble.features().iter().enumerate().map(encoded).collect();
        let prediction = ensemble.predict(&row);
        if !prediction.is_finite() {
            return Err(Fail::Fault(Fault::NotFinite));
        }
        // −0 becomes 0.
        Ok(Bound::Value(Value::Float(prediction + 0.0)))
    }

    fn all(&self, exprs: &[Scalar]) -> Result<Vec<Value>, Fail> {
        exprs.iter().map(|expr| self.whole(expr)).collect()
    }

    /// The value of an expression of which everything is needed, over what is bound by now.
    ///
    /// # Errors
    /// Why it has none.
    pub fn whole(&self, expr: &Scalar) -> Result<Value, Fail> {
        self.evaluate(expr)?.whole()
    }

    /// An expression over the bindings so far.
    fn evaluate(&self, expr: &Scalar) -> Result<Bound, Fail> {
        let is_bad = |(position, _): &&(usize, Bad)| expr.reads.contains(position);
        if self.bad.iter().any(|bad| is_bad(&bad)) {
            return self.evaluate_partly(expr);
        }
        match expr.expr.value(&self.cells, self.now, self.services.slots()) {
            Ok(value) => Ok(Bound::Value(value)),
            // A record may be good in parts.
            Err(_) if matches!(expr.kind, Kind::Record(_)) => self.evaluate_partly(expr),
            Err(fault) => Err(Fail::Fault(fault)),
        }
    }

    /// The same where a binding, or a field of one, is faulty: a fault that the value does not need is not seen.
    fn evaluate_partly(&self, expr: &Scalar) -> Result<Bound, Fail> {
        let mut columns = Vec::with_capacity(self.plan.cells.len());
        for (position, kind) in self.plan.cells.iter().enumerate() {
            let bad = self.bad.iter().find(|(bad, _)| *bad == position && expr.reads.contains(bad));
            columns.push(match bad {
                Some((_, Bad::Partly(column))) => column.clone(),
                Some((_, Bad::Fail(Fail::Fault(fault)))) => Column::repeat(kind, Err(*fault), 1),
                Some((_, Bad::Fail(fail))) => return Err(fail.again()),
                None => Column::from_values(kind, self.cells.get(position)),
            });
        }
        let batch = Batch {
            columns,
            rows: 1,
            time: vec![self.now],
            arrived: vec![self.now],
            origin: vec![Origin::default()],
            offset: vec![0],
            weight: vec![1],
            lineage: Vec::new(),
        };
        let env = Environment { now: Now::At(self.now), slots: self.services.slots().to_vec() };
        Bound::of(expr.expr.column(&batch, &env))
    }
}

/// The fault of a field in a field of the record in a column of one row.
fn fault_at(column: &Column, fields: &[usize]) -> Option<Fault> {
    match fields.split_first() {
        Some((field, rest)) => fault_at(&column.field(*field)?, rest),
        None => column.value(0).err(),
    }
}

/// The value in a column of one row, absent where it is faulty; of a record, field by field.
fn good_parts(column: &Column) -> Value {
    match column.data() {
        ColumnData::Record(record) if column.state(0) == State::Present => {
            Value::Record(record.fields().iter().map(good_parts).collect())
        }
        _ => column.value(0).unwrap_or(Value::Absent),
    }
}

/// The number that a model's splits compare for one input.
fn encode(ensemble: &Ensemble, position: usize, cell: &Value, kind: &Kind) -> Option<f64> {
    let input = match (cell, kind) {
        (Value::Bool(value), _) => Input::Number(f64::from(u8::from(*value))),
        (Value::Int(index), Kind::Enum(members)) => {
            Input::Text(usize::try_from(*index).ok().and_then(|index| members.members.get(index))?)
        }
        (Value::Int(value), _) => Input::Number(int_to_float(*value)),
        (Value::Float(value), _) => Input::Number(*value),
        (Value::Decimal(value), Kind::Decimal { scale, .. }) => Input::Number(decimal_to_float(*value, *scale)),
        (Value::String(text), _) => Input::Text(text),
        _ => Input::Missing,
    };
    ensemble.encode(position, input)
}
