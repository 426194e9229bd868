//! The rows that views over streams keep by their keys, and the joins that read them.

use fec_ir::{NodeId, Op};
use fec_model::expr::ExprKind;

use super::operators::joined;
use super::wiring::Wiring;
use super::{Feed, KeptJoin, PlanError, RowOp};

impl Wiring<'_> {
    /// The instance of what a view keeps that serves these joins.
    pub(super) fn keyed_rows(
        &mut self,
        id: NodeId,
        input: NodeId,
        readers: &[NodeId],
        name: String,
    ) -> Result<(), PlanError> {
        let node = self.node(id)?;
        let Op::KeyedRows { key } = &node.op else {
            return PlanError::new(format!("`{}` keeps no rows", node.name));
        };
        let rows = self.feed(input)?;
        let rows = self.picked(id, rows, node.columns.to_vec())?;
        let columns = rows.1.clone();
        let mut inputs = vec![rows];
        let (mut joins, mut outputs) = (Vec::new(), Vec::new());
        for reader in readers {
            let Some(left) = self.wanted.ir.graph.inputs(*reader).first().copied() else { continue };
            let Op::LookupJoin { join, pick, alias, on, residual } = &self.node(*reader)?.op else { continue };
            let left = self.feed(left)?;
            let mut by_key = Vec::with_capacity(key.len());
            for column in key {
                let pair = on.iter().find(|(_, right)| right.kind == ExprKind::Right(*column));
                let missing = || PlanError(format!("`{}` is joined without `{column}` of its key", node.name));
                by_key.push(pair.ok_or_else(missing)?.clone());
            }
            let join = joined((*join, *pick), *alias, (&by_key, residual.as_deref()), &left.1, &columns);
            outputs.push(join.output());
            inputs.push(left);
            joins.push(KeptJoin { node: *reader, join, flow: self.flow(*reader) });
        }
        let positions = key.iter().filter_map(|name| columns.iter().position(|column| column.name == *name));
        let op = RowOp::KeyedRows { key: positions.collect(), settle: self.node(input)?.settle, joins };
        let at = self.add(id, Some(name), op, inputs, outputs.clone())?;
        for (output, (reader, columns)) in (0u32..).zip(readers.iter().zip(outputs)) {
            self.feeds.insert(*reader, (Feed::Output(at, output), columns));
            self.narrow(*reader)?;
        }
        Ok(())
    }
}
