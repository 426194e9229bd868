//! Relations in services and tests, prepared: which of their rows are there, and which operators give the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fec_ir::{Ir, Node, NodeId, Op};
use fec_model::expr::Expr;
use flow_core::batch::Batch;
use flow_core::program::Now;
use flow_core::types::Kind;
use flow_operators::expression::Environment;
use flow_serve::{Cells, Operators, Ordered, Rows, Scalar, ServeError};

use super::Parts;
use crate::dataflow::{self, build};
use crate::error::LocalError;
use crate::expr::{Names, program, shared};

/// Rows by the node that gives them, with the columns of that node.
pub type Given = BTreeMap<NodeId, Batch>;

/// The nodes under `collected` whose rows come out of streams or sinks and not out of a request: whoever evaluates an
/// expectation gives them.
pub(super) fn wanted(ir: &Ir, root: NodeId, found: &mut BTreeSet<NodeId>) {
    let ops: Vec<(NodeId, &Node)> =
        upstream(ir, root).into_iter().filter_map(|id| Some((id, ir.graph.get(id)?))).collect();
    let is_stream = |node: &Node| match &node.op {
        Op::Scan { source } => ir.source(source).is_some_and(|source| source.shape == fec_model::model::Shape::Stream),
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
    if matches!(ir.graph.get(id).map(|node| &node.op), Some(Op::FeatureRead { .. })) {
        inputs.truncate(1);
    }
    inputs
}

/// A relation while it is prepared.
pub(super) struct Preparation<'a> {
    pub(super) parts: &'a Parts,
    /// What its expressions see: the parameters of the solution, then the bindings.
    pub(super) names: Arc<Names>,
    /// The lists whose items are rows.
    pub(super) lists: BTreeMap<NodeId, Scalar>,
    /// The nodes whose rows whoever runs the plan gives, in the order of their positions.
    pub(super) given: &'a [NodeId],
}

impl Preparation<'_> {
    /// A node's rows in the order in which a list has them: their own where they have one, else by columns.
    pub(super) fn ordered(&self, id: NodeId) -> Result<Ordered, LocalError> {
        let is_ordered = self.is_ordered(id) || self.node(id)?.timed;
        Ok(Ordered { rows: self.rows(id)?, is_ordered })
    }

    /// Whether a node's rows stand in an order that was asked for.
    fn is_ordered(&self, id: NodeId) -> bool {
        let ir = &self.parts.ir;
        match ir.graph.get(id).map(|node| &node.op) {
            Some(Op::Rows { .. } | Op::Sort { .. } | Op::Top { .. }) => true,
            Some(Op::Fused { .. } | Op::FeatureRead { .. } | Op::Take { .. } | Op::LookupJoin { .. }) => {
                ir.graph.inputs(id).first().is_some_and(|input| self.is_ordered(*input))
            }
            _ => false,
        }
    }

    fn node(&self, id: NodeId) -> Result<&Node, LocalError> {
        self.parts.ir.graph.get(id).ok_or_else(|| LocalError::Plan("a node is not there".to_owned()))
    }

    fn rows(&self, id: NodeId) -> Result<Rows, LocalError> {
        if let Some(position) = self.given.iter().position(|given| *given == id) {
            return Ok(Rows::Given(position));
        }
        let node = self.node(id)?;
        match (&node.op, self.parts.ir.graph.inputs(id).as_slice()) {
            (Op::Rows { .. }, _) => self.list(id, node),
            (Op::Scan { source }, _) => self.table(source, node),
            (Op::FeatureRead { set, keys, alias, .. }, [input, _]) if !node.timed => {
                self.with_features(node, *input, set, keys, alias.as_deref())
            }
            (Op::Take { count }, [input]) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                Ok(Rows::Take { input: Box::new(self.ordered(*input)?), count })
            }
            (Op::SinkRows { .. } | Op::FeatureRead { .. }, _) => {
                Ok(Rows::Missing(format!("the rows of `{}` were not given", node.name)))
            }
            _ => self.through(id, node),
        }
    }

    /// The items of a list as rows.
    fn list(&self, id: NodeId, node: &Node) -> Result<Rows, LocalError> {
        let Some(list) = self.lists.get(&id) else {
            return Err(LocalError::Plan(format!("the list of `{}` is not there", node.name)));
        };
        let fields = match list.kind() {
            Kind::List(item) => match &item.kind {
                Kind::Record(record) => record.fields.clone(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let column = |column: &fec_model::types::Column| {
            let position = fields.iter().position(|field| field.name == column.name);
            (position, self.names.enums.kind(&column.ty.kind))
        };
        Ok(Rows::List { items: list.clone(), columns: node.columns.iter().map(column).collect() })
    }

    fn table(&self, source: &str, node: &Node) -> Result<Rows, LocalError> {
        let Some(loaded) = self.parts.tables.get(source) else {
            return Ok(Rows::Missing(format!("the rows of `{source}` were not given")));
        };
        let position = |column: &fec_model::types::Column| {
            let found = loaded.schema.position(&column.name);
            found.ok_or_else(|| LocalError::Plan(format!("`{source}` has no column `{}`", column.name)))
        };
        let columns = node.columns.iter().map(position).collect::<Result<_, _>>()?;
        Ok(Rows::Table { table: source.to_owned(), columns })
    }

    fn with_features(
        &self,
        node: &Node,
        input: NodeId,
        set: &str,
        keys: &[Expr],
        alias: Option<&str>,
    ) -> Result<Rows, LocalError> {
        let own = &self.node(input)?.columns;
        let schema = self.names.enums.schema(own);
        let keys = keys
            .iter()
            .map(|key| Ok(shared(program(key, &schema, &self.names)?)))
            .collect::<Result<Vec<_>, LocalError>>()?;
        let Some(info) = self.parts.ir.feature_set(set) else {
            return Err(LocalError::Plan(format!("there is no feature set `{set}`")));
        };
        let mut columns = Vec::with_capacity(node.columns.len());
        for column in &node.columns {
            let of_row = own.iter().position(|known| known.name == column.name);
            let of_set = info.columns.iter().position(|known| known.name == column.name);
            columns.push(match (alias, of_row, of_set) {
                (Some(alias), _, _) if alias == column.name => Cells::Features,
                (None, _, Some(position)) => Cells::Feature(position),
                (_, Some(position), _) => Cells::Own(position),
                _ => return Err(LocalError::Plan(format!("there is no column `{}`", column.name))),
            });
        }
        Ok(Rows::Features { input: Box::new(self.rows(input)?), set: set.to_owned(), keys, columns })
    }

    /// The rows of an operator, from those of the nearest nodes whose rows are there.
    fn through(&self, id: NodeId, node: &Node) -> Result<Rows, LocalError> {
        let ir = &self.parts.ir;
        let mut sources = BTreeMap::new();
        let mut open = row_inputs(ir, id);
        while let Some(input) = open.pop() {
            let is_leaf = matches!(
                self.node(input)?.op,
                Op::Rows { .. } | Op::Scan { .. } | Op::SinkRows { .. } | Op::FeatureRead { .. } | Op::Take { .. }
            );
            if is_leaf || self.given.contains(&input) {
                let number = u32::try_from(sources.len()).unwrap_or(u32::MAX);
                sources.entry(input).or_insert(number);
            } else {
                open.extend(row_inputs(ir, input));
            }
        }
        let mut inputs = Vec::with_capacity(sources.len());
        for (node, number) in &sources {
            inputs.push((*number, self.rows(*node)?));
        }
        let schema = Arc::new(self.names.enums.schema(&node.columns));
        Ok(Rows::Through { inputs, operators: self.operators(id, sources), schema })
    }

    /// The operators between `sources` and a node.
    fn operators(&self, id: NodeId, sources: BTreeMap<NodeId, u32>) -> Operators {
        let (ir, tables) = (Arc::clone(&self.parts.ir), Arc::clone(&self.parts.tables));
        let names = Arc::clone(&self.names);
        Arc::new(move |environment: Environment| {
            let now = match environment.now {
                Now::Row => None,
                Now::At(now) => Some(now),
            };
            let parts = dataflow::Parts {
                ir: &ir,
                names: &names,
                slots: &environment.slots,
                tables: &tables,
                given: &sources,
                now,
            };
            let built = build(parts, &[id], &[]).map_err(|error| match error {
                LocalError::Plan(what) => ServeError::Plan(what),
                other => ServeError::Unavailable(other.to_string()),
            })?;
            Ok(built.graph)
        })
    }
}
