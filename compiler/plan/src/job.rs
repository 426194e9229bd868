//! Jobs as data: the rows that come out of history, the statements that take them, and where every value lies.
//! Expressions are still the model's, typed: one backend interprets them, another prints them.

use std::collections::{BTreeMap, BTreeSet};

use fec_diagnostics::Span;
use fec_ir::ir::FlowPlan;
use fec_ir::{Ir, Node, NodeId, Op};
use fec_model::Symbol;
use fec_model::expr::Expr;
use fec_model::types::{Column, Kind, Type};

use crate::dataflow::{DataflowPlan, PlanError, Wanted, dataflow};
use crate::steps::{Step, steps};

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPlan {
    /// `engine.name`, or the name alone.
    pub path: String,
    /// Docs.
    pub docs: String,
    /// How many rows of a million may be left out as bad.
    pub tolerate: u64,
    /// Values from outside of rows, by position: parameters of the solution, parameters of the job, bindings.
    pub slots: Vec<(Symbol, Type)>,
    /// The parameters of the job.
    pub params: Vec<Param>,
    /// What history goes through; its taps are the nodes of the relations that come from [`Rows::History`].
    pub history: DataflowPlan,
    /// How many slots the history's expressions see.
    pub sees: usize,
    /// The relations that statements take.
    pub relations: Vec<Relation>,
    /// The statements, in the order written.
    pub statements: Vec<Statement>,
    /// Where it was declared.
    pub span: Span,
}

/// A parameter of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its name and type.
    pub column: Column,
    /// Its slot.
    pub slot: usize,
    /// What it is where nobody says otherwise; it sees the slots before its own.
    pub value: Option<Expr>,
}

/// Rows that statements take.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// The plan's node.
    pub node: NodeId,
    /// What they are called: the binding's name, the part's, or the node's.
    pub name: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Whether rows are taken back: the ones that are left count.
    pub changes: bool,
    /// How many slots its expressions see.
    pub sees: usize,
    /// Where the rows come from.
    pub rows: Rows,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// History gives them, at the tap of the relation's node.
    History,
    /// One part of a split.
    Part {
        /// The statement that splits.
        split: usize,
        /// The part's position.
        part: usize,
    },
    /// History gives them once more, in a dataflow whose expressions read what statements have bound; at its only tap.
    Again {
        /// The operators.
        dataflow: Box<DataflowPlan>,
    },
    /// They come out of a dataflow over other relations, parts of splits among them; at its only tap.
    Through {
        /// The relation behind each source of the dataflow, by the source's number: those of the solution's sources are
        /// followed by these.
        over: Vec<(u32, usize)>,
        /// The operators.
        dataflow: Box<DataflowPlan>,
    },
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The plan's node.
    pub node: NodeId,
    /// What it binds, or the word for what it does.
    pub name: String,
    /// The step that does it; none where each step that needs its value computes it.
    pub step: Option<StepName>,
    /// Conditions around it, and whether each is wanted true.
    pub guards: Vec<(Expr, bool)>,
    /// How many slots its expressions see.
    pub sees: usize,
    /// What it does.
    pub work: Work,
    /// Where it was written.
    pub span: Span,
}

/// How a step is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepName {
    /// What `--step` names.
    pub name: String,
    /// Its name where names are short.
    pub label: String,
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Gives rows to a sink.
    Emit {
        /// The sink.
        sink: Symbol,
        /// The relation.
        rows: usize,
    },
    /// Deals rows to parts.
    Split {
        /// The relation.
        rows: usize,
        /// The share of each part, parts per million.
        parts: Vec<(Symbol, u32)>,
        /// Rows that agree go together; empty: by the whole row.
        by: Vec<Expr>,
    },
    /// Computes a value.
    Value {
        /// Its slot.
        slot: usize,
        /// The value.
        value: Expr,
    },
    /// Trains a model.
    Train {
        /// The relation.
        rows: usize,
        /// Label over a row.
        label: Expr,
        /// Inputs by name over a row.
        features: Vec<(Symbol, Expr)>,
        /// Trees.
        trees: u32,
        /// Depth.
        depth: u32,
        /// Step size.
        learning_rate: f64,
    },
    /// Evaluates a model.
    Evaluate {
        /// The statement that trained it.
        training: usize,
        /// The relation, whose columns may stand otherwise than those of the training's.
        rows: usize,
        /// The training's label over a row of it.
        label: Expr,
        /// The training's inputs by name over a row of it.
        features: Vec<(Symbol, Expr)>,
        /// The slot of the report and its fields; none where it is not bound.
        report: Option<(usize, Vec<Column>)>,
    },
    /// Publishes a model.
    Publish {
        /// Published name.
        model: Symbol,
        /// The statement that trained it.
        training: usize,
        /// Condition over bindings.
        gate: Option<Expr>,
    },
}

/// Plans a job. `is_table` tells whether a source is at hand as a table.
///
/// # Errors
/// A plan that no checked solution has.
pub fn job(ir: &Ir, flow: &FlowPlan, is_table: &dyn Fn(&str) -> bool) -> Result<JobPlan, PlanError> {
    let mut planning = Planning { ir, is_table, slots: Vec::new(), relations: Vec::new(), splits: Vec::new() };
    planning.slots.extend(ir.params.iter().map(|param| (param.name, param.ty.clone())));
    let mut params = Vec::with_capacity(flow.params.len());
    for (column, value) in &flow.params {
        let slot = planning.bind(&column.name, &column.ty);
        params.push(Param { column: column.clone(), slot, value: value.clone() });
    }
    let sees = planning.slots.len();
    let named = |step: Step| Some((step.node?, StepName { label: step.label(), name: step.name }));
    let names: BTreeMap<NodeId, StepName> = steps(ir, flow).into_iter().filter_map(named).collect();
    let mut statements: Vec<Statement> = Vec::new();
    let mut of_nodes: BTreeMap<NodeId, usize> = BTreeMap::new();
    for id in &flow.nodes {
        let Some(node) = ir.graph.get(*id) else { return broken("a node of a job is not there") };
        let visible = planning.slots.len();
        let at = statements.len();
        let Some(work) = planning.work(*id, node, at, &of_nodes)? else { continue };
        of_nodes.insert(*id, at);
        statements.push(Statement {
            node: *id,
            name: node.binding.map_or_else(|| node.op.word().to_owned(), String::from),
            step: names.get(id).cloned(),
            guards: node.guards.clone(),
            sees: visible,
            work,
            span: node.span,
        });
    }
    let taps: Vec<NodeId> = planning
        .relations
        .iter()
        .filter(|relation| relation.rows == Rows::History)
        .map(|relation| relation.node)
        .collect();
    let given = BTreeMap::new();
    let history = dataflow(Wanted { ir, taps: &taps, features: &[], given: &given, is_table })?;
    Ok(JobPlan {
        path: flow.path.clone(),
        docs: flow.docs.clone(),
        tolerate: flow.settings.tolerate.unwrap_or(0),
        slots: planning.slots,
        params,
        history,
        sees,
        relations: planning.relations,
        statements,
        span: flow.span,
    })
}

impl JobPlan {
    /// The first `count` slots by name with their positions; of one name the last counts.
    pub fn visible(&self, count: usize) -> impl Iterator<Item = (&str, usize, &Type)> {
        self.slots.iter().take(count).enumerate().map(|(position, (name, ty))| (name.as_str(), position, ty))
    }
}

fn broken<T>(why: &str) -> Result<T, PlanError> {
    Err(PlanError(why.to_owned()))
}

/// A job while it is planned.
struct Planning<'a> {
    ir: &'a Ir,
    is_table: &'a dyn Fn(&str) -> bool,
    slots: Vec<(Symbol, Type)>,
    relations: Vec<Relation>,
    /// The splits so far: node, statement, parts.
    splits: Vec<(NodeId, usize, Vec<Symbol>)>,
}

impl Planning<'_> {
    fn bind(&mut self, name: &str, ty: &Type) -> usize {
        self.slots.push((name.into(), ty.clone()));
        self.slots.len() - 1
    }

    fn input(&self, id: NodeId, port: usize) -> Result<NodeId, PlanError> {
        match self.ir.graph.inputs(id).get(port) {
            Some(input) => Ok(*input),
            None => broken("a statement of a job has no input"),
        }
    }

    /// What a node does as the statement `at`; nothing where its rows are only read by others.
    fn work(
        &mut self,
        id: NodeId,
        node: &Node,
        at: usize,
        of_nodes: &BTreeMap<NodeId, usize>,
    ) -> Result<Option<Work>, PlanError> {
        let training = |input: NodeId| match of_nodes.get(&input) {
            Some(statement) => Ok(*statement),
            None => broken("a model is used before it is trained"),
        };
        Ok(Some(match &node.op {
            Op::Emit { sink } => Work::Emit { sink: *sink, rows: self.relation(self.input(id, 0)?)? },
            Op::Split { parts, by } => {
                let rows = self.relation(self.input(id, 0)?)?;
                self.splits.push((id, at, parts.iter().map(|(name, _)| *name).collect()));
                Work::Split { rows, parts: parts.clone(), by: by.clone() }
            }
            Op::Scalar { value } => {
                let slot = self.bind(&node.binding.unwrap_or_default(), &value.ty);
                Work::Value { slot, value: value.clone() }
            }
            Op::Train { label, features, trees, depth, learning_rate } => Work::Train {
                rows: self.relation(self.input(id, 0)?)?,
                label: label.as_ref().clone(),
                features: features.clone(),
                trees: *trees,
                depth: *depth,
                learning_rate: *learning_rate,
            },
            Op::Evaluate => {
                let trained = self.input(id, 0)?;
                let Some(Op::Train { label, features, .. }) = self.ir.graph.get(trained).map(|node| &node.op) else {
                    return broken("an evaluation of what is no training");
                };
                let (label, features) = (label.as_ref().clone(), features.clone());
                let training = training(trained)?;
                let rows = self.relation(self.input(id, 1)?)?;
                let report = match (&node.binding, node.columns.first()) {
                    (Some(name), Some(column)) => match &column.ty.kind {
                        Kind::Record(record) => Some((self.bind(name, &column.ty), record.fields.to_vec())),
                        _ => None,
                    },
                    _ => None,
                };
                Work::Evaluate { training, rows, label, features, report }
            }
            Op::Publish { model, gate } => {
                Work::Publish { model: *model, training: training(self.input(id, 0)?)?, gate: gate.clone() }
            }
            _ => return Ok(None),
        }))
    }

    /// The relation of a node's rows.
    fn relation(&mut self, id: NodeId) -> Result<usize, PlanError> {
        if let Some(known) = self.relations.iter().position(|relation| relation.node == id) {
            return Ok(known);
        }
        let Some(node) = self.ir.graph.get(id) else { return broken("a node of a job is not there") };
        let mut name = node.binding.map_or_else(|| node.name.clone(), String::from);
        let rows = if let Op::Part { part } = &node.op {
            let split = self.input(id, 0)?;
            let Some((_, statement, names)) = self.splits.iter().find(|(node, ..)| *node == split) else {
                return broken("a part of a split that is not there");
            };
            let Some(position) = names.iter().position(|name| name == part) else {
                return broken("a split does not have this part");
            };
            name = part.to_string();
            Rows::Part { split: *statement, part: position }
        } else if self.is_after_split(id) {
            self.through(id)?
        } else if self.reads_bindings(id) {
            Rows::Again { dataflow: Box::new(self.dataflow(id, &BTreeMap::new())?) }
        } else {
            Rows::History
        };
        self.relations.push(Relation {
            node: id,
            name,
            columns: node.columns.to_vec(),
            changes: node.changes,
            sees: self.slots.len(),
            rows,
        });
        Ok(self.relations.len() - 1)
    }

    /// The rows of a node as they come out of parts of splits, and of what else is joined or united with them.
    fn through(&mut self, id: NodeId) -> Result<Rows, PlanError> {
        let mut given = BTreeMap::new();
        let mut over = Vec::new();
        let mut number = u32::try_from(self.ir.sources.len()).unwrap_or(u32::MAX);
        let mut open = vec![id];
        let mut seen = BTreeSet::from([id]);
        while let Some(next) = open.pop() {
            for input in self.ir.graph.inputs(next) {
                if !seen.insert(input) {
                    continue;
                }
                let op = self.ir.graph.get(input).map(|node| &node.op);
                if !matches!(op, Some(Op::Part { .. })) && self.is_after_split(input) {
                    open.push(input);
                    continue;
                }
                if matches!(op, Some(Op::Features { .. })) {
                    return broken("features are read from a part of a split: read them before it is split");
                }
                if matches!(op, Some(Op::Part { .. })) || self.is_of_streams(input) {
                    given.insert(input, number);
                    over.push((number, self.relation(input)?));
                    number = number.saturating_add(1);
                }
            }
        }
        Ok(Rows::Through { over, dataflow: Box::new(self.dataflow(id, &given)?) })
    }

    fn dataflow(&self, tap: NodeId, given: &BTreeMap<NodeId, u32>) -> Result<DataflowPlan, PlanError> {
        dataflow(Wanted { ir: self.ir, taps: &[tap], features: &[], given, is_table: self.is_table })
    }

    /// The nodes that a node's rows are computed from, itself among them.
    fn upstream(&self, id: NodeId) -> impl Iterator<Item = &Op> {
        let mut found = BTreeSet::from([id]);
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            open.extend(self.ir.graph.inputs(next).into_iter().filter(|input| found.insert(*input)));
        }
        found.into_iter().filter_map(|id| self.ir.graph.get(id)).map(|node| &node.op)
    }

    /// Whether a node's rows come out of a split.
    fn is_after_split(&self, id: NodeId) -> bool {
        self.upstream(id).any(|op| matches!(op, Op::Part { .. }))
    }

    /// Whether a node's rows come from events, and not from tables alone.
    fn is_of_streams(&self, id: NodeId) -> bool {
        self.upstream(id).any(|op| matches!(op, Op::Scan { source } if !(self.is_table)(source)))
    }

    /// Whether what statements bind is read on the way to a node's rows.
    fn reads_bindings(&self, id: NodeId) -> bool {
        let binds =
            |id: &NodeId| matches!(self.ir.graph.get(*id).map(|node| &node.op), Some(Op::Scalar { .. } | Op::Evaluate));
        self.ir.graph.upstream(&[id]).iter().any(binds)
    }
}
