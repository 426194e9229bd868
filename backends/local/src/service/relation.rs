//! Planned relations for the runtime's engine, with interpreted expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use fec_ir::NodeId;
use fec_model::Symbol;
use fec_plan::DataflowPlan;
use fec_plan::service::{self, Rows as Planned};
use flow_core::batch::Batch;
use flow_core::program::Now;
use flow_operators::expression::Environment;
use flow_serve::{Cells, Operators, Ordered, Relation, Rows, ServeError};

use super::program::Compiler;
use crate::dataflow::{Outside, instantiate};
use crate::error::LocalError;
use crate::expr::{Names, program, shared};

/// Rows by the node that gives them, with the columns of that node.
pub type Given = BTreeMap<NodeId, Batch>;

impl Compiler<'_> {
    /// The relation for the engine.
    pub(super) fn relation(&self, relation: &service::Relation) -> Result<Relation, LocalError> {
        let names = self.outside(relation);
        Ok(Relation { rows: self.ordered(&relation.rows, &names)?, reads: relation.reads.clone() })
    }

    /// Rows in the order in which a list has them.
    pub(super) fn ordered(&self, ordered: &service::Ordered, names: &Arc<Names>) -> Result<Ordered, LocalError> {
        Ok(Ordered { rows: self.rows(&ordered.rows, names)?, is_ordered: ordered.is_ordered })
    }

    fn rows(&self, rows: &Planned, names: &Arc<Names>) -> Result<Rows, LocalError> {
        Ok(match rows {
            Planned::Given(position) => Rows::Given(*position),
            Planned::List { items, columns } => {
                let columns =
                    columns.iter().map(|(field, column)| (*field, names.enums.kind(&column.ty.kind))).collect();
                Rows::List { items: self.scalar(items)?, columns }
            }
            Planned::Table { table, columns } => {
                let missing = |what: &str| LocalError::Plan(format!("there is no {what} of `{table}`"));
                let loaded = self.parts.tables.get(table).ok_or_else(|| missing("table"))?;
                let position = |column: &Symbol| loaded.schema.position(column).ok_or_else(|| missing("such column"));
                Rows::Table {
                    table: table.to_string(),
                    columns: columns.iter().map(position).collect::<Result<_, _>>()?,
                }
            }
            Planned::Features { input, row, set, keys, columns } => {
                let schema = names.enums.schema(row);
                let key = |key| Ok(shared(program(key, &schema, names)?));
                let column = |from: &service::Cells| match from {
                    service::Cells::Own(position) => Cells::Own(*position),
                    service::Cells::Feature(position) => Cells::Feature(*position),
                    service::Cells::Features => Cells::Features,
                };
                Rows::Features {
                    input: Box::new(self.rows(input, names)?),
                    set: set.to_string(),
                    keys: keys.iter().map(key).collect::<Result<_, LocalError>>()?,
                    columns: columns.iter().map(column).collect(),
                }
            }
            Planned::Take { input, count } => Rows::Take {
                input: Box::new(self.ordered(input, names)?),
                count: usize::try_from(*count).unwrap_or(usize::MAX),
            },
            Planned::Through(through) => {
                let mut inputs = Vec::with_capacity(through.inputs.len());
                for (number, input) in &through.inputs {
                    inputs.push((*number, self.rows(input, names)?));
                }
                let schema = Arc::new(names.enums.schema(&through.columns));
                Rows::Through { inputs, operators: self.operators(&through.dataflow, names), schema }
            }
            Planned::Kept { view, of, row, keys } => {
                let schema = names.enums.schema(row);
                let key = |key| Ok(shared(program(key, &schema, names)?));
                let keys = keys.iter().map(key).collect::<Result<_, LocalError>>()?;
                Rows::Kept { view: view.to_string(), of: *of, keys }
            }
            Planned::Missing(why) => Rows::Missing(why.clone()),
        })
    }

    /// The operators of a relation. They keep rows, so that each request has its own.
    fn operators(&self, plan: &DataflowPlan, names: &Arc<Names>) -> Operators {
        let (plan, names) = (plan.clone(), Arc::clone(names));
        let tables = Arc::clone(&self.parts.tables);
        Arc::new(move |environment: Environment| {
            let now = match environment.now {
                Now::Row => None,
                Now::At(now) => Some(now),
            };
            let outside = Outside { names: &names, slots: &environment.slots, tables: &tables, now };
            let built = instantiate(&plan, outside).map_err(|error| match error {
                LocalError::Plan(what) => ServeError::Plan(what),
                other => ServeError::Unavailable(other.to_string()),
            })?;
            Ok(built.graph)
        })
    }
}
