//! Tables and views by their keys.

use std::sync::{Arc, OnceLock};

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::types::Schema;
use flow_core::value::Value;
use flow_operators::expression::Input;
use flow_operators::operator::Context;
use flow_operators::table::{Table, TableKey};
use flow_task::tables::Loaded;

use crate::error::ServeError;

/// A table or view by its key.
pub struct Keyed {
    name: String,
    table: Arc<Table>,
    /// The positions of its key columns.
    key: Vec<usize>,
    is_versioned: bool,
    current: OnceLock<Batch>,
}

impl Keyed {
    /// Indexes rows by the columns `key`; `version` is the column from which a row holds.
    ///
    /// # Errors
    /// A column that is not there.
    pub fn new(
        name: &str,
        schema: &Schema,
        rows: Batch,
        key: &[String],
        version: Option<&str>,
    ) -> Result<Self, ServeError> {
        let position = |column: &str| {
            schema.position(column).ok_or_else(|| ServeError::Plan(format!("`{name}` has no column `{column}`")))
        };
        let key: Vec<usize> = key.iter().map(|column| position(column)).collect::<Result<_, _>>()?;
        let version = version.map(position).transpose()?;
        let flow: Arc<str> = Arc::from(name);
        let keys: Vec<_> = key.iter().map(|position| Input::column(*position)).collect();
        let own = TableKey { keys: keys.clone(), version: version.map(Input::column), flow: Arc::clone(&flow) };
        let table = Arc::new(Table::new(rows, &own, &keys, &flow, &mut Context::default()));
        Ok(Self { name: name.to_owned(), table, key, is_versioned: version.is_some(), current: OnceLock::new() })
    }

    /// Indexes a table by its key.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn loaded(name: &str, table: &Loaded) -> Result<Self, ServeError> {
        Self::new(name, &table.schema, table.rows.clone(), &table.key, table.version.as_deref())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its rows change with time.
    pub(crate) fn is_versioned(&self) -> bool {
        self.is_versioned
    }

    /// The row of a key at an instant, as a column of one record; nothing where there is none.
    pub(crate) fn read(&self, key: &[Value], at: i64) -> Option<Column> {
        let row = self.table.get(key, at)?;
        let fields = self.table.rows().columns.iter().map(|column| column.take(&[row])).collect();
        Some(Column::record(fields, None, 1))
    }

    /// All rows that hold at an instant.
    pub(crate) fn rows(&self, at: i64) -> Batch {
        if self.is_versioned { self.held(at) } else { self.current.get_or_init(|| self.held(at)).clone() }
    }

    fn held(&self, at: i64) -> Batch {
        let rows = self.table.rows();
        if self.key.is_empty() {
            return rows.clone();
        }
        let holds = |row: usize| {
            let key: Result<Vec<Value>, Fault> =
                self.key.iter().filter_map(|at| rows.columns.get(*at)).map(|column| column.value(row)).collect();
            key.is_ok_and(|key| self.table.get(&key, at) == Some(row))
        };
        rows.filter(&(0..rows.rows).map(holds).collect::<Vec<bool>>())
    }
}
