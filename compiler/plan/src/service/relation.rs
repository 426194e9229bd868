//! Relations in services and tests: which of their rows are there, and which operators give the others.

use std::collections::{BTreeMap, BTreeSet};

use fec_ir::{Ir, Node, NodeId, Op, walk};
use fec_model::Symbol;
use fec_model::expr::{Expr, ExprKind};
use fec_model::model::Shape;
use fec_model::types::{Column, Kind};

use super::{Scope, Statements};
use crate::dataflow::{DataflowPlan, PlanError, Wanted, dataflow};

/// A relation whose rows are collected.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Its rows.
    pub rows: Ordered,
    /// What its operators read of the cells, which their expressions see as bindings: of each a cell's position, then that
    /// of a field in it, of a field in that, and so on.
    pub reads: Vec<Vec<usize>>,
    /// The bindings that its operators may read, with their cells.
    pub bindings: BTreeMap<Symbol, usize>,
}

/// Rows in the order in which a list has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Ordered {
    /// The rows.
    pub rows: Rows,
    /// Whether they stand in an order of their own; else columns order them.
    pub is_ordered: bool,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// From whoever runs the statements, by position.
    Given(usize),
    /// The items of a list, all arriving now.
    List {
        /// The list, over the cells.
        items: Expr,
        /// For each column its field in the items, where they have it.
        columns: Vec<(Option<usize>, Column)>,
    },
    /// The rows of a table that hold now.
    Table {
        /// The source.
        table: Symbol,
        /// The wanted columns.
        columns: Vec<Symbol>,
    },
    /// A feature set by the key of each row, read now. A row whose key cannot be computed is left out.
    Features {
        /// The rows.
        input: Box<Rows>,
        /// Their columns.
        row: Vec<Column>,
        /// The set.
        set: Symbol,
        /// Its key over the rows.
        keys: Vec<Expr>,
        /// The columns of the result.
        columns: Vec<Cells>,
    },
    /// The first rows.
    Take {
        /// Of these.
        input: Box<Ordered>,
        /// How many.
        count: u64,
    },
    /// The rows that operators give.
    Through(Box<Through>),
    /// What a view over streams keeps of the keys of the rows that feed the same operators as another source. It stands
    /// behind that source in [`Through::inputs`] alone.
    Kept {
        /// The view.
        view: Symbol,
        /// The number of the other source.
        of: u32,
        /// The columns of its rows.
        row: Vec<Column>,
        /// The view's key over them.
        keys: Vec<Expr>,
    },
    /// None: nobody can give them, for the reason named.
    Missing(String),
}

/// Operators, and the rows at their sources.
#[derive(Debug, Clone, PartialEq)]
pub struct Through {
    /// The number of each source, and its rows.
    pub inputs: Vec<(u32, Rows)>,
    /// The operators; one tap.
    pub dataflow: DataflowPlan,
    /// The columns of the result.
    pub columns: Vec<Column>,
}

/// Where a column of rows with features comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// The column of the row at a position.
    Own(usize),
    /// The column of the feature set at a position.
    Feature(usize),
    /// All columns of the feature set, as a record.
    Features,
}

/// The nodes under the statements `nodes` whose rows come out of streams or sinks and not out of a request: whoever
/// evaluates them gives them.
#[must_use]
pub fn rows_wanted(ir: &Ir, nodes: &[NodeId]) -> Vec<NodeId> {
    let mut found = BTreeSet::new();
    for id in nodes {
        if matches!(ir.graph.get(*id).map(|node| &node.op), Some(Op::Collect)) {
            for root in ir.graph.inputs(*id) {
                wanted(ir, root, &mut found);
            }
        }
    }
    found.into_iter().collect()
}

fn wanted(ir: &Ir, root: NodeId, found: &mut BTreeSet<NodeId>) {
    let ops: Vec<(NodeId, &Node)> =
        upstream(ir, root).into_iter().filter_map(|id| Some((id, ir.graph.get(id)?))).collect();
    let is_stream = |node: &Node| match &node.op {
        Op::Scan { source } => ir.source(source).is_some_and(|source| source.shape == Shape::Stream),
        _ => false,
    };
    let is_own = |(id, node): &(NodeId, &Node)| {
        matches!(node.op, Op::Rows { .. } | Op::SinkRows { .. }) || !ir.graph.bindings(*id).is_empty()
    };
    let streams = ops.iter().any(|(_, node)| is_stream(node));
    let is_sink = ir.graph.get(root).is_some_and(|node| matches!(node.op, Op::SinkRows { .. }));
    if is_sink || (streams && (!ops.iter().any(is_own) || ir.graph.get(root).is_some_and(is_stream))) {
        found.insert(root);
        return;
    }
    for input in row_inputs(ir, root) {
        wanted(ir, input, found);
    }
}

/// A node and everything whose rows go into its own; not what a feature set is made of.
pub(super) fn upstream(ir: &Ir, root: NodeId) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(row_inputs(ir, id));
        }
    }
    found
}

/// The inputs of a node that give rows.
fn row_inputs(ir: &Ir, id: NodeId) -> Vec<NodeId> {
    let mut inputs = ir.graph.inputs(id);
    if matches!(ir.graph.get(id).map(|node| &node.op), Some(Op::FeatureRead { .. })) || ir.reads_kept(id) {
        inputs.truncate(1);
    }
    inputs
}

/// The relation of a node, over the bindings of `statements`.
pub(super) fn relation(scope: Scope<'_>, statements: &Statements, root: NodeId) -> Result<Relation, PlanError> {
    let mut reads = BTreeSet::new();
    for id in upstream(scope.ir, root) {
        let Some(node) = scope.ir.graph.get(id).filter(|node| !matches!(node.op, Op::Rows { .. })) else { continue };
        let mut op = node.op.clone();
        for expr in walk::op_exprs_mut(&mut op) {
            add_reads(expr, statements, &mut reads);
        }
    }
    let bindings = statements.bound().collect();
    let rows = Planning { scope, statements }.ordered(root)?;
    Ok(Relation { rows, reads: reads.into_iter().collect(), bindings })
}

/// Adds what an expression reads of the cells: of a record of which it reads fields only these.
fn add_reads(expr: &Expr, statements: &Statements, reads: &mut BTreeSet<Vec<usize>>) {
    match path(expr, statements) {
        Some(path) => drop(reads.insert(path)),
        None => expr.each_child(&mut |child| add_reads(child, statements, reads)),
    }
}

/// The path of a cell, or of a field in one.
fn path(expr: &Expr, statements: &Statements) -> Option<Vec<usize>> {
    match &expr.kind {
        ExprKind::Binding(name) => Some(vec![statements.cell(name)?]),
        ExprKind::Field(base, name) => {
            let Kind::Record(record) = &base.ty.kind else { return None };
            let mut path = path(base, statements)?;
            path.push(record.fields.iter().position(|field| field.name == *name)?);
            Some(path)
        }
        _ => None,
    }
}

struct Planning<'a> {
    scope: Scope<'a>,
    statements: &'a Statements,
}

impl Planning<'_> {
    /// A node's rows in the order in which a list has them: their own where they have one, else by columns.
    fn ordered(&self, id: NodeId) -> Result<Ordered, PlanError> {
        let is_ordered = self.scope.ir.is_sorted(id) || self.node(id)?.timed;
        Ok(Ordered { rows: self.rows(id)?, is_ordered })
    }

    fn node(&self, id: NodeId) -> Result<&Node, PlanError> {
        self.scope.ir.graph.get(id).ok_or_else(|| PlanError("a node is not there".to_owned()))
    }

    fn rows(&self, id: NodeId) -> Result<Rows, PlanError> {
        if let Some(position) = self.scope.given.iter().position(|given| *given == id) {
            return Ok(Rows::Given(position));
        }
        let node = self.node(id)?;
        match (&node.op, self.scope.ir.graph.inputs(id).as_slice()) {
            (Op::Rows { value }, _) => Ok(self.list(value, node)),
            (Op::Scan { source }, _) if (self.scope.is_table)(source) => {
                let columns = node.columns.iter().map(|column| column.name).collect();
                Ok(Rows::Table { table: *source, columns })
            }
            (Op::FeatureRead { set, keys, alias, .. }, [input, _]) if !node.timed => {
                self.with_features(node, *input, *set, keys, alias.as_deref())
            }
            (Op::LookupJoin { on, .. }, [left, right]) if self.scope.ir.reads_kept(id) && !node.timed => {
                self.with_kept(id, on, (*left, *right))
            }
            (Op::Take { count }, [input]) => Ok(Rows::Take { input: Box::new(self.ordered(*input)?), count: *count }),
            (Op::Scan { source }, _) => Ok(Rows::Missing(format!("the rows of `{source}` were not given"))),
            (Op::SinkRows { .. } | Op::FeatureRead { .. }, _) => {
                Ok(Rows::Missing(format!("the rows of `{}` were not given", node.name)))
            }
            _ => self.through(id, node),
        }
    }

    /// The items of a list as rows.
    fn list(&self, list: &Expr, node: &Node) -> Rows {
        let fields = match &list.ty.kind {
            Kind::List(item) => match &item.kind {
                Kind::Record(record) => record.fields.to_vec(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let column = |column: &Column| (fields.iter().position(|field| field.name == column.name), column.clone());
        Rows::List { items: self.statements.over(list), columns: node.columns.iter().map(column).collect() }
    }

    fn with_features(
        &self,
        node: &Node,
        input: NodeId,
        set: Symbol,
        keys: &[Expr],
        alias: Option<&str>,
    ) -> Result<Rows, PlanError> {
        let own = &self.node(input)?.columns;
        let Some(info) = self.scope.ir.feature_set(&set) else {
            return Err(PlanError(format!("there is no feature set `{set}`")));
        };
        let mut columns = Vec::with_capacity(node.columns.len());
        for column in &node.columns {
            let of_row = own.iter().position(|known| known.name == column.name);
            let of_set = info.columns.iter().position(|known| known.name == column.name);
            columns.push(match (alias, of_row, of_set) {
                (Some(alias), _, _) if alias == column.name => Cells::Features,
                (None, _, Some(position)) => Cells::Feature(position),
                (_, Some(position), _) => Cells::Own(position),
                _ => return Err(PlanError(format!("there is no column `{}`", column.name))),
            });
        }
        Ok(Rows::Features { input: Box::new(self.rows(input)?), row: own.to_vec(), set, keys: keys.to_vec(), columns })
    }

    /// Rows joined with what a view keeps of their keys.
    fn with_kept(&self, id: NodeId, on: &[(Expr, Expr)], (left, right): (NodeId, NodeId)) -> Result<Rows, PlanError> {
        let ir = self.scope.ir;
        let broken = || PlanError("a view is joined that keeps no rows".to_owned());
        let view = ir.views.iter().find(|view| view.kept == Some(right)).ok_or_else(broken)?;
        let input = ir.graph.inputs(right).first().copied().ok_or_else(broken)?;
        let names = |columns: &[Column]| columns.iter().map(|column| column.name).collect::<Vec<_>>();
        if names(&self.node(input)?.columns) != names(&view.columns) {
            return Err(PlanError(format!("`{}` has other columns than it keeps", view.name)));
        }
        let mut keys = Vec::with_capacity(view.key.len());
        for column in &view.key {
            let pair = on.iter().find(|(_, right)| right.kind == ExprKind::Right(*column));
            keys.push(pair.ok_or_else(broken)?.0.clone());
        }
        let of = u32::try_from(ir.sources.len()).unwrap_or(u32::MAX);
        let given = BTreeMap::from([(left, of), (input, of.saturating_add(1))]);
        let wanted = Wanted { ir, taps: &[id], features: &[], given: &given, is_table: self.scope.is_table };
        let kept = Rows::Kept { view: view.name, of, row: self.node(left)?.columns.to_vec(), keys };
        let inputs = vec![(of, self.rows(left)?), (of.saturating_add(1), kept)];
        let columns = self.node(id)?.columns.to_vec();
        Ok(Rows::Through(Box::new(Through { inputs, dataflow: dataflow(wanted)?, columns })))
    }

    /// The rows of an operator, from those of the nearest nodes whose rows are there.
    fn through(&self, id: NodeId, node: &Node) -> Result<Rows, PlanError> {
        let ir = self.scope.ir;
        // What is given is numbered after the sources of the solution, as in jobs.
        let mut sources = BTreeMap::new();
        let mut open = row_inputs(ir, id);
        while let Some(input) = open.pop() {
            let is_leaf = matches!(
                self.node(input)?.op,
                Op::Rows { .. } | Op::Scan { .. } | Op::SinkRows { .. } | Op::FeatureRead { .. } | Op::Take { .. }
            );
            if is_leaf || ir.reads_kept(input) || self.scope.given.contains(&input) {
                let number = u32::try_from(ir.sources.len() + sources.len()).unwrap_or(u32::MAX);
                sources.entry(input).or_insert(number);
            } else {
                open.extend(row_inputs(ir, input));
            }
        }
        let dataflow =
            dataflow(Wanted { ir, taps: &[id], features: &[], given: &sources, is_table: self.scope.is_table })?;
        let mut inputs = Vec::with_capacity(sources.len());
        for (source, number) in sources.iter().filter(|(_, number)| dataflow.read.contains_key(number)) {
            inputs.push((*number, self.rows(*source)?));
        }
        Ok(Rows::Through(Box::new(Through { inputs, dataflow, columns: node.columns.to_vec() })))
    }
}
