//! Tables and views over them: read once a release, found by key.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::types::Schema;
use flow_core::value::Cell;
use flow_operators::expression::{Environment, Expr as Expression, Input};
use flow_operators::operator::Context;
use flow_operators::table::{Table, TableKey};

use crate::error::RunError;

/// The rows of every table; whoever has a copy has the same ones.
#[derive(Clone, Default)]
pub struct Tables {
    tables: Arc<BTreeMap<String, Loaded>>,
    /// Why there are no rows of a table.
    missing: BTreeMap<String, String>,
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
        self.missing.remove(name);
        Arc::make_mut(&mut self.tables).insert(name.to_owned(), table);
    }

    /// Notes why there are no rows of a table: who reads it cannot be run, who does not can.
    pub fn lacks(&mut self, name: &str, why: String) {
        self.missing.insert(name.to_owned(), why);
    }

    /// These, if all of them are there.
    ///
    /// # Errors
    /// Why one is not.
    pub fn complete(self) -> Result<Self, RunError> {
        match self.missing.into_values().next() {
            Some(why) => Err(RunError::Environment(why)),
            None => Ok(Self { tables: self.tables, missing: BTreeMap::new() }),
        }
    }

    /// The table called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Loaded> {
        self.tables.get(name)
    }

    /// The table called `name`, which a dataflow reads.
    ///
    /// # Errors
    /// Why it is not there.
    pub fn wanted(&self, name: &str) -> Result<&Loaded, RunError> {
        self.get(name).ok_or_else(|| match self.missing.get(name) {
            Some(why) => RunError::Environment(why.clone()),
            None => RunError::Plan(format!("table `{name}` was not read")),
        })
    }

    /// The instants at which versions of these tables begin.
    ///
    /// # Errors
    /// A table that was not read, or a version column that is not there.
    pub fn begins(&self, names: &[&str]) -> Result<Vec<i64>, RunError> {
        let mut begins = Vec::new();
        for name in names {
            let table = self.wanted(name)?;
            let Some(version) = &table.version else { continue };
            let column = table.column(version)?.evaluate(&table.rows, &Environment::default());
            begins.extend((0..table.rows.rows).filter_map(|row| match column.cell(row) {
                Ok(Cell::Int(begin)) => Some(begin),
                _ => None,
            }));
        }
        Ok(begins)
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
