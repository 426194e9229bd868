//! Relations in services and tests: the rows of a list, a table or a sink through the operators of the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fec_ir::{Ir, Node, NodeId, Op};
use fec_model::expr::Expr;
use flow_core::batch::{Batch, Origin};
use flow_core::builder::ColumnBuilder;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::program::{Env, Now};
use flow_core::types::{Kind, Schema};
use flow_core::value::Value;
use flow_operators::compare::compare_columns;
use flow_operators::merge::MicroBatch;

use super::program::{Relation, row_inputs, upstream};
use super::run::{Fail, Run};
use crate::dataflow::{Parts, build};
use crate::error::LocalError;
use crate::expr::program;

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

impl Run<'_> {
    /// The rows of a relation as a list of records, in their order.
    pub(super) fn collect(&self, relation: &Relation) -> Result<Value, Fail> {
        if let Some(fail) = self.first_bad(&relation.reads) {
            return Err(fail);
        }
        let batch = self.ordered(relation, relation.root)?;
        let rows: Result<Vec<Value>, Fault> = (0..batch.rows).map(|row| batch.row(row)).collect();
        Ok(Value::List(rows?.into()))
    }

    /// A node's rows in the order in which a list has them: their own where they have one, else by columns.
    pub(super) fn ordered(&self, relation: &Relation, id: NodeId) -> Result<Batch, Fail> {
        let batch = self.rows(relation, id)?;
        if self.is_ordered(id) || self.node(id)?.timed {
            return Ok(batch);
        }
        let mut rows: Vec<usize> = (0..batch.rows).collect();
        rows.sort_by(|left, right| compare_columns(&batch.columns, *left, *right));
        Ok(batch.take(&rows))
    }

    /// Whether a node's rows stand in an order that was asked for.
    fn is_ordered(&self, id: NodeId) -> bool {
        let ir = &self.services.ir;
        match ir.graph.get(id).map(|node| &node.op) {
            Some(Op::Rows { .. } | Op::Sort { .. } | Op::Top { .. }) => true,
            Some(Op::Fused { .. } | Op::FeatureRead { .. } | Op::Take { .. } | Op::LookupJoin { .. }) => {
                ir.graph.inputs(id).first().is_some_and(|input| self.is_ordered(*input))
            }
            _ => false,
        }
    }

    fn node(&self, id: NodeId) -> Result<&Node, Fail> {
        let node = self.services.ir.graph.get(id);
        node.ok_or_else(|| Fail::Broken(LocalError::Plan("a node is not there".to_owned())))
    }

    fn rows(&self, relation: &Relation, id: NodeId) -> Result<Batch, Fail> {
        if let Some(batch) = self.given.and_then(|given| given.get(&id)) {
            return Ok(batch.clone());
        }
        let node = self.node(id)?;
        match (&node.op, self.services.ir.graph.inputs(id).as_slice()) {
            (Op::Rows { .. }, _) => self.list(relation, id, node),
            (Op::Scan { source }, _) => self.table(source, node),
            (Op::FeatureRead { set, keys, alias, .. }, [input, _]) if !node.timed => {
                let batch = self.rows(relation, *input)?;
                self.with_features(relation, node, (*input, batch), set, keys, alias.as_deref())
            }
            (Op::Take { count }, [input]) => {
                let batch = self.ordered(relation, *input)?;
                Ok(batch.slice(0, usize::try_from(*count).unwrap_or(usize::MAX)))
            }
            (Op::SinkRows { .. } | Op::FeatureRead { .. }, _) => {
                Err(Fail::Broken(LocalError::Plan(format!("the rows of `{}` were not given", node.name))))
            }
            _ => self.through(relation, id),
        }
    }

    /// The items of a list as rows, all arriving now.
    fn list(&self, relation: &Relation, id: NodeId, node: &Node) -> Result<Batch, Fail> {
        let Some(list) = relation.lists.get(&id) else {
            return Err(Fail::Broken(LocalError::Plan(format!("the list of `{}` is not there", node.name))));
        };
        let Value::List(items) = self.whole(list)? else { return Ok(self.placed(Vec::new(), 0)) };
        let fields = match &list.kind {
            Kind::List(item) => match &item.kind {
                Kind::Record(record) => record.fields.clone(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let mut columns = Vec::with_capacity(node.columns.len());
        for column in &node.columns {
            let position = fields.iter().position(|field| field.name == column.name);
            let mut builder = ColumnBuilder::new(&self.services.names.enums.kind(&column.ty.kind), items.len());
            for item in items.iter() {
                match (item, position) {
                    (Value::Record(cells), Some(position)) => {
                        builder.push_value(Ok(cells.get(position).unwrap_or(&Value::Absent)));
                    }
                    _ => builder.push_absent(),
                }
            }
            columns.push(builder.finish());
        }
        Ok(self.placed(columns, items.len()))
    }

    fn table(&self, source: &str, node: &Node) -> Result<Batch, Fail> {
        let missing = || Fail::Broken(LocalError::Plan(format!("the rows of `{source}` were not given")));
        let (Some(keyed), Some(loaded)) = (self.services.keyed.get(source), self.services.tables.get(source)) else {
            return Err(missing());
        };
        let batch = keyed.rows(self.now);
        let mut columns = Vec::with_capacity(node.columns.len());
        for column in &node.columns {
            let position = loaded.schema.position(&column.name).ok_or_else(missing)?;
            columns.push(batch.columns.get(position).cloned().ok_or_else(missing)?);
        }
        Ok(self.placed(columns, batch.rows))
    }

    /// Rows without a time of their own: they arrive now, all at one place, so that only columns order them.
    fn placed(&self, columns: Vec<Column>, rows: usize) -> Batch {
        Batch {
            columns,
            rows,
            time: vec![self.now; rows],
            arrived: vec![self.now; rows],
            origin: vec![Origin::default(); rows],
            offset: vec![0; rows],
            weight: vec![1; rows],
        }
    }

    /// What expressions of a relation see besides their row.
    fn slots(&self, relation: &Relation) -> Vec<Value> {
        let mut slots = self.services.slots.clone();
        slots.resize(relation.first, Value::Absent);
        slots.extend(self.cells.iter().cloned());
        slots
    }

    /// A feature set by the key of each row, read now. A row whose key cannot be computed is left out.
    fn with_features(
        &self,
        relation: &Relation,
        node: &Node,
        (input, batch): (NodeId, Batch),
        set: &str,
        keys: &[Expr],
        alias: Option<&str>,
    ) -> Result<Batch, Fail> {
        let slots = self.slots(relation);
        let env = Env { now: Now::At(self.now), slots: &slots };
        let columns = &self.node(input)?.columns;
        let schema = self.services.names.enums.schema(columns);
        let key_columns = keys
            .iter()
            .map(|key| Ok(program(key, &schema, &relation.names)?.eval(&batch, &env)))
            .collect::<Result<Vec<Column>, LocalError>>()?;
        let key =
            |row: usize| key_columns.iter().map(|column| column.value(row)).collect::<Result<Vec<Value>, Fault>>();
        let rows: Vec<usize> = (0..batch.rows).filter(|row| key(*row).is_ok()).collect();
        let (reader, info) = match (self.services.sets.get(set), self.services.ir.feature_set(set)) {
            (Some(reader), Some(info)) => (reader, info),
            _ => return Err(Fail::Broken(LocalError::Plan(format!("there is no feature set `{set}`")))),
        };
        let mut builders: Vec<ColumnBuilder> =
            reader.kinds.iter().map(|kind| ColumnBuilder::new(kind, rows.len())).collect();
        for row in &rows {
            let cells = reader.read(&key(*row)?, self.now, &self.services.slots, self.reads)?;
            for (builder, cell) in builders.iter_mut().zip(&cells) {
                builder.push_value(cell.as_ref().map_err(|fault| *fault));
            }
        }
        let read: Vec<Column> = builders.into_iter().map(ColumnBuilder::finish).collect();
        let batch = batch.take(&rows);
        let mut out = Vec::with_capacity(node.columns.len());
        for column in &node.columns {
            let own = columns.iter().position(|known| known.name == column.name);
            let of_set = info.columns.iter().position(|known| known.name == column.name);
            let found = match (alias, own, of_set) {
                (Some(alias), _, _) if alias == column.name => Some(Column::record(read.clone(), None, rows.len())),
                (None, _, Some(position)) => read.get(position).cloned(),
                (_, Some(position), _) => batch.columns.get(position).cloned(),
                _ => None,
            };
            out.push(found.ok_or_else(|| LocalError::Plan(format!("there is no column `{}`", column.name)))?);
        }
        Ok(batch.with_columns(out))
    }

    /// The rows of an operator, from those of the nearest nodes whose rows are there.
    fn through(&self, relation: &Relation, id: NodeId) -> Result<Batch, Fail> {
        let ir = &self.services.ir;
        let mut given = BTreeMap::new();
        let mut open = row_inputs(ir, id);
        while let Some(input) = open.pop() {
            let node = self.node(input)?;
            let is_there = self.given.is_some_and(|given| given.contains_key(&input));
            let is_leaf = matches!(
                node.op,
                Op::Rows { .. } | Op::Scan { .. } | Op::SinkRows { .. } | Op::FeatureRead { .. } | Op::Take { .. }
            );
            if is_there || is_leaf {
                let number = u32::try_from(given.len()).unwrap_or(u32::MAX);
                given.entry(input).or_insert(number);
            } else {
                open.extend(row_inputs(ir, input));
            }
        }
        let mut rows = Vec::with_capacity(given.len());
        for (node, number) in &given {
            rows.push((*number, self.rows(relation, *node)?));
        }
        rows.sort_by_key(|(number, _)| *number);
        let slots = self.slots(relation);
        let parts = Parts {
            ir,
            names: &relation.names,
            slots: &slots,
            tables: &self.services.tables,
            given: &given,
            now: Some(self.now),
        };
        let mut dataflow = build(parts, &[id], &[])?;
        let schema = dataflow.schemas.get(&id).cloned().unwrap_or_else(|| Arc::new(Schema { fields: Vec::new() }));
        let mut batches = Vec::new();
        let frontier = dataflow.graph.frontier();
        for outputs in [
            dataflow.graph.push(&MicroBatch { rows, frontier }),
            dataflow.graph.advance(self.now),
            dataflow.graph.finish(),
        ] {
            batches.extend(outputs.map_err(LocalError::from)?.rows.into_iter().map(|(_, batch)| batch));
        }
        Ok(if batches.is_empty() { Batch::empty(&schema) } else { Batch::concat(&schema, &batches) })
    }
}
