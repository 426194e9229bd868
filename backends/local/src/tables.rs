//! Tables and views over them: read once a release, found by key.

use std::collections::BTreeMap;
use std::sync::Arc;

use fec_ir::{Ir, NodeId, Op};
use flow_core::batch::Batch;
use flow_core::types::Schema;
use flow_core::value::Value;
use flow_operators::expression::{Expr as Expression, Input};
use flow_operators::operator::Context;
use flow_operators::table::{Table, TableKey};

use crate::error::LocalError;
use crate::expr::Names;

/// The rows of every table.
#[derive(Clone, Default)]
pub struct Tables {
    tables: BTreeMap<String, Loaded>,
}

/// One table.
#[derive(Clone)]
pub struct Loaded {
    /// Columns.
    pub schema: Arc<Schema>,
    /// Rows in the order of the file.
    pub rows: Batch,
    /// Its key.
    pub key: Vec<String>,
    /// The column from which a row holds.
    pub version: Option<String>,
}

impl Tables {
    /// Adds a table.
    pub fn insert(&mut self, name: &str, table: Loaded) {
        self.tables.insert(name.to_owned(), table);
    }

    /// The table called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Loaded> {
        self.tables.get(name)
    }

    /// The table that a node of the plan scans, with the columns that the node gives.
    #[must_use]
    pub fn of_node(&self, ir: &Ir, id: NodeId) -> Option<(Loaded, Arc<Schema>)> {
        let node = ir.graph.get(id)?;
        match &node.op {
            Op::Scan { source } => self.get(source).map(|table| (table.clone(), Arc::clone(&table.schema))),
            _ => None,
        }
    }

    /// A table's rows, to be found by `keys`.
    ///
    /// # Errors
    /// A key column that is not there.
    pub fn keyed(
        &self,
        table: &Loaded,
        keys: &[Expression],
        flow: &Arc<str>,
        _names: &Names,
    ) -> Result<Arc<Table>, LocalError> {
        let own = TableKey {
            keys: table.key.iter().map(|name| table.column(name)).collect::<Result<_, _>>()?,
            version: table.version.as_ref().map(|name| table.column(name)).transpose()?,
            flow: Arc::clone(flow),
        };
        Ok(Arc::new(Table::new(table.rows.clone(), &own, keys, flow, &mut Context::default())))
    }

    /// The row of a table for a key at an instant, as a record; absent where there is none.
    ///
    /// # Errors
    /// A table that is not there.
    pub fn read(&self, name: &str, key: &[Value], at: i64) -> Result<Value, LocalError> {
        let table = self.get(name).ok_or_else(|| LocalError::Plan(format!("there is no table `{name}`")))?;
        let keys: Vec<Expression> = table.key.iter().map(|name| table.column(name)).collect::<Result<_, _>>()?;
        let keyed = self.keyed(table, &keys, &Arc::from(name), &Names::default())?;
        Ok(match keyed.get(key, at) {
            // A cell that cannot be read is absent in a request: there is no row to leave out.
            Some(row) => keyed.rows().row(row).unwrap_or(Value::Absent),
            None => Value::Absent,
        })
    }
}

impl Loaded {
    fn column(&self, name: &str) -> Result<Expression, LocalError> {
        match self.schema.position(name) {
            Some(position) => Ok(Input::column(position)),
            None => Err(LocalError::Plan(format!("the table has no column `{name}`"))),
        }
    }
}
