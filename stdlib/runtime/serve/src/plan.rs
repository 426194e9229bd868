//! The statements of a service: what each of them computes and where its value is put.

use std::time::Duration;

use flow_core::types::Kind;

use crate::relation::Relation;
use crate::scalar::Scalar;

/// A flow whose statements run one after the other for each request.
#[derive(Clone, Default)]
pub struct Plan {
    /// Its statements in order.
    pub steps: Vec<Step>,
    /// The kinds of the parameters, then of the bindings in order: the cells that expressions see.
    pub cells: Vec<Kind>,
    /// How many of them are parameters.
    pub parameters: usize,
    /// The time after which there is no answer.
    pub deadline: Option<Duration>,
}

impl Plan {
    /// Lets no `@timeout` and no `@deadline` fire: what is answered again, at an instant of the past, takes its own time.
    pub fn untimed(&mut self) {
        self.deadline = None;
        self.steps.iter_mut().for_each(|step| step.timeout = None);
    }

    /// The tables, and views over them, that it reads.
    pub(crate) fn tables(&self) -> Vec<&str> {
        self.steps.iter().flat_map(|step| step.work.tables()).collect()
    }

    /// Whether time decides anything.
    pub(crate) fn is_timed(&self) -> bool {
        self.deadline.is_some() || self.steps.iter().any(|step| step.timeout.is_some())
    }
}

/// A statement.
#[derive(Clone)]
pub struct Step {
    /// Its name in the plan.
    pub name: String,
    /// Conditions under which it runs.
    pub guards: Vec<Guard>,
    /// What it does.
    pub work: Work,
    /// The position of the cell where its value is put.
    pub target: Option<usize>,
    /// What stands in for a value that is absent, faulty, late or cannot be read.
    pub fallback: Option<Scalar>,
    /// The time after which its value no longer counts.
    pub timeout: Option<Duration>,
    /// The statements before it that were taken out of its expression: they take part in its time.
    pub parts: Vec<usize>,
}

impl Step {
    /// A statement that always runs, takes the time it needs, and keeps nothing.
    #[must_use]
    pub fn new(name: &str, work: Work) -> Self {
        Self {
            name: name.to_owned(),
            guards: Vec::new(),
            work,
            target: None,
            fallback: None,
            timeout: None,
            parts: Vec::new(),
        }
    }

    /// Reads the feature set `set` by a key.
    #[must_use]
    pub fn features(name: &str, set: &str, keys: Vec<Scalar>) -> Self {
        Self::new(name, Work::Features { set: set.to_owned(), keys })
    }

    /// Reads the table or view `table` by a key.
    #[must_use]
    pub fn table(name: &str, table: &str, keys: Vec<Scalar>) -> Self {
        Self::new(name, Work::Table { table: table.to_owned(), keys })
    }

    /// Applies a model to inputs by name.
    #[must_use]
    pub fn predict<const N: usize>(name: &str, model: &str, inputs: [(&str, Scalar); N]) -> Self {
        let inputs = inputs.into_iter().map(|(name, input)| (name.to_owned(), input)).collect();
        Self::new(name, Work::Predict { model: model.to_owned(), inputs })
    }

    /// Calls the service at a path.
    #[must_use]
    pub fn call(name: &str, service: &str, arguments: Vec<Scalar>) -> Self {
        Self::new(name, Work::Call { service: service.to_owned(), arguments })
    }

    /// Collects the rows of a relation.
    #[must_use]
    pub fn collect(name: &str, relation: Relation) -> Self {
        Self::new(name, Work::Collect(relation))
    }

    /// Hands the rows of a relation to the sink `sink`, once there is an answer.
    #[must_use]
    pub fn emit(name: &str, sink: &str, relation: Relation) -> Self {
        Self::new(name, Work::Emit { sink: sink.to_owned(), relation })
    }

    /// Computes a value.
    #[must_use]
    pub fn value(name: &str, value: Scalar) -> Self {
        Self::new(name, Work::Scalar(value))
    }

    /// Answers.
    #[must_use]
    pub fn respond(name: &str, value: Scalar) -> Self {
        Self::new(name, Work::Respond(value))
    }
}

/// A condition of a statement.
#[derive(Clone)]
pub struct Guard {
    /// The condition.
    pub condition: Scalar,
    /// Whether the statement wants it true, or not true.
    pub wanted: bool,
}

/// What a statement does.
#[derive(Clone)]
pub enum Work {
    /// Reads a feature set.
    Features {
        /// The set.
        set: String,
        /// Its key.
        keys: Vec<Scalar>,
    },
    /// Reads a table or view.
    Table {
        /// Its name.
        table: String,
        /// Its key.
        keys: Vec<Scalar>,
    },
    /// Applies a model.
    Predict {
        /// The model.
        model: String,
        /// Its inputs by name.
        inputs: Vec<(String, Scalar)>,
    },
    /// Calls a service.
    Call {
        /// Its path.
        service: String,
        /// Its parameters in order.
        arguments: Vec<Scalar>,
    },
    /// Computes a value.
    Scalar(Scalar),
    /// Collects the rows of a relation.
    Collect(Relation),
    /// Answers.
    Respond(Scalar),
    /// Hands the rows of a relation to a sink, once there is an answer.
    Emit {
        /// The sink.
        sink: String,
        /// Rows with the sink's columns.
        relation: Relation,
    },
}

impl Work {
    /// The tables, and views over them, that it reads.
    fn tables(&self) -> Vec<&str> {
        match self {
            Self::Table { table, .. } => vec![table],
            Self::Collect(relation) | Self::Emit { relation, .. } => relation.rows.rows.tables(),
            Self::Features { .. } | Self::Predict { .. } | Self::Call { .. } | Self::Scalar(_) | Self::Respond(_) => {
                Vec::new()
            }
        }
    }
}
