//! A job as data.

use std::sync::Arc;

use flow_core::types::{Kind, Schema};
use flow_operators::expression::Expr;
use flow_task::wiring::Given;
use flow_task::{Dataflow, RunError, Tap};

/// Wires a dataflow.
pub type Wire<'a> = Box<dyn Fn(&Given) -> Result<Dataflow, RunError> + Send + Sync + 'a>;

/// A job. Values from outside of rows lie in slots: the solution's parameters, the job's, then what statements bind.
pub struct Job<'a> {
    /// `engine.name`, or the name alone.
    pub path: String,
    /// How many rows of a million may be left out as bad.
    pub tolerate: u64,
    /// How many slots there are.
    pub slots: usize,
    /// Its parameters.
    pub params: Vec<Parameter>,
    /// Wires what history goes through.
    pub history: Wire<'a>,
    /// The relations that statements take, by their places.
    pub relations: Vec<Relation<'a>>,
    /// In the order written.
    pub statements: Vec<Statement>,
}

/// A parameter.
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its slot.
    pub slot: usize,
    /// What it holds.
    pub kind: Kind,
    /// Its value where nobody says otherwise, over no row and the slots before its own.
    pub value: Option<Expr>,
}

/// Rows that statements take.
pub struct Relation<'a> {
    /// Columns.
    pub schema: Arc<Schema>,
    /// Whether rows are taken back: then the rows that are left count.
    pub changes: bool,
    /// Where they come from.
    pub rows: Rows<'a>,
}

/// Where rows come from.
pub enum Rows<'a> {
    /// History gives them at a tap.
    History(Tap),
    /// One part of a split.
    Part {
        /// The statement that splits, by its place.
        split: usize,
        /// The part's position.
        part: usize,
    },
    /// History gives them once more, in a dataflow that reads what statements have bound; at its only tap.
    Again(Wire<'a>),
    /// They come out of a dataflow over other relations, at its only tap.
    Through {
        /// The relation behind each source of the dataflow, by the source's number.
        over: Vec<(u32, usize)>,
        /// Wires it.
        wire: Wire<'a>,
    },
}

impl<'a> Relation<'a> {
    /// Rows that history gives at `tap`.
    #[must_use]
    pub fn history(tap: Tap, schema: Arc<Schema>) -> Self {
        Self { schema, changes: false, rows: Rows::History(tap) }
    }

    /// The part at a position of what the statement at `split` splits.
    #[must_use]
    pub fn part(split: usize, part: usize, schema: Arc<Schema>) -> Self {
        Self { schema, changes: false, rows: Rows::Part { split, part } }
    }

    /// Rows that history gives once more.
    #[must_use]
    pub fn again(wire: impl Fn(&Given) -> Result<Dataflow, RunError> + Send + Sync + 'a, schema: Arc<Schema>) -> Self {
        Self { schema, changes: false, rows: Rows::Again(Box::new(wire)) }
    }

    /// Rows of a dataflow over other relations.
    #[must_use]
    pub fn through<const N: usize>(
        over: [(u32, usize); N],
        wire: impl Fn(&Given) -> Result<Dataflow, RunError> + Send + Sync + 'a,
        schema: Arc<Schema>,
    ) -> Self {
        Self { schema, changes: false, rows: Rows::Through { over: over.into(), wire: Box::new(wire) } }
    }

    /// The same with rows that are taken back.
    #[must_use]
    pub fn changing(self) -> Self {
        Self { changes: true, ..self }
    }
}

/// A condition around a statement.
pub struct Guard {
    /// Over no row.
    pub condition: Expr,
    /// Whether it is wanted true.
    pub wanted: bool,
}

/// A statement.
pub struct Statement {
    /// What it binds, or the word for what it does.
    pub name: String,
    /// The step that does it; none where each step that needs its value computes it.
    pub step: Option<Step>,
    /// Conditions under which it is done.
    pub guards: Vec<Guard>,
    /// What it does.
    pub work: Work,
}

/// A step of a job that is run step by step.
pub struct Step {
    /// What `--step` names.
    pub name: String,
    /// Its name where names are short: that of the file in which another step says whether this one is to run.
    pub label: String,
}

impl Statement {
    /// A statement that is always done.
    #[must_use]
    pub fn new(name: &str, work: Work) -> Self {
        Self { name: name.to_owned(), step: None, guards: Vec::new(), work }
    }

    /// A statement that is the step `step`, which is called `label` where names are short.
    #[must_use]
    pub fn step(name: &str, step: &str, label: &str, work: Work) -> Self {
        let step = Some(Step { name: step.to_owned(), label: label.to_owned() });
        Self { step, ..Self::new(name, work) }
    }

    /// The same under one more condition.
    #[must_use]
    pub fn guarded(mut self, condition: Expr, wanted: bool) -> Self {
        self.guards.push(Guard { condition, wanted });
        self
    }
}

/// What a statement does. Relations and statements are named by their places.
pub enum Work {
    /// Gives rows to a sink.
    Emit {
        /// The sink.
        sink: String,
        /// The relation.
        rows: usize,
    },
    /// Deals rows to parts.
    Split {
        /// The relation.
        rows: usize,
        /// The share of each part.
        shares: Vec<f64>,
        /// Rows that agree go together; empty: by the whole row.
        by: Vec<Expr>,
    },
    /// Computes a value.
    Value {
        /// Its slot.
        slot: usize,
        /// Over no row.
        value: Expr,
    },
    /// Trains a model.
    Train {
        /// The relation.
        rows: usize,
        /// The model's inputs, in order.
        inputs: Arc<Schema>,
        /// Each of them over a row.
        features: Vec<Expr>,
        /// The label over a row.
        label: Expr,
        /// Trees.
        trees: usize,
        /// Depth.
        depth: usize,
        /// Step size.
        learning_rate: f64,
    },
    /// Evaluates a model.
    Evaluate {
        /// The statement that trained it.
        training: usize,
        /// The relation.
        rows: usize,
        /// Each of the training's inputs over a row of it.
        features: Vec<Expr>,
        /// The training's label over a row of it.
        label: Expr,
        /// The slot of the report and its fields; none where it is not bound.
        report: Option<(usize, Arc<Schema>)>,
    },
    /// Publishes a model.
    Publish {
        /// Published name.
        model: String,
        /// The statement that trained it.
        training: usize,
        /// Condition over no row.
        gate: Option<Expr>,
    },
}
