//! Tables and views over them: read once a release, found by key.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;
use flow_operators::expression::{Expr as Expression, Input};
use flow_operators::operator::Context;
use flow_operators::table::{Table, TableKey};

use crate::error::RunError;

/// The rows of every table; whoever has a copy has the same ones.
#[derive(Clone, Default)]
pub struct Tables {
    tables: Arc<BTreeMap<String, Loaded>>,
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
        Arc::make_mut(&mut self.tables).insert(name.to_owned(), table);
    }

    /// The table called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Loaded> {
        self.tables.get(name)
    }

    /// A table's rows, to be found by `keys`.
    ///
    /// # Errors
    /// A key column that is not there.
    pub fn keyed(&self, table: &Loaded, keys: &[Expression], flow: &Arc<str>) -> Result<Arc<Table>, RunError> {
        let own = TableKey {
            keys: table.key.iter().map(|name| table.column(name)).collect::<Result<_, _>>()?,
            version: table.version.as_ref().map(|name| table.column(name)).transpose()?,
            flow: Arc::clone(flow),
        };
        Ok(Arc::new(Table::new(table.rows.clone(), &own, keys, flow, &mut Context::default())))
    }
}

impl Loaded {
    fn column(&self, name: &str) -> Result<Expression, RunError> {
        match self.schema.position(name) {
            Some(position) => Ok(Input::column(position)),
            None => Err(RunError::Plan(format!("the table has no column `{name}`"))),
        }
    }
}
