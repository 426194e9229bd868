//! What services read: states of feature sets, tables and views.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use fec_ir::{Ir, NodeId, Op};
use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::types::Kind;
use flow_core::value::Value;
use flow_operators::expression::Input;
use flow_operators::feature_set::FeatureReader;
use flow_operators::operator::Context;
use flow_operators::table::{Table, TableKey};

use super::Reads;
use crate::dataflow::features::{descriptor, set_columns};
use crate::error::LocalError;
use crate::expr::Names;
use crate::tables::Loaded;

/// A feature set within the state of its node.
pub(super) struct Set {
    node: NodeId,
    reader: Arc<FeatureReader>,
    /// Where its columns lie in the state, in declared order.
    columns: Vec<usize>,
    /// Their kinds.
    pub(super) kinds: Vec<Kind>,
}

/// The readers of all feature sets.
pub(super) fn sets(ir: &Ir, names: &Names) -> Result<BTreeMap<String, Set>, LocalError> {
    let mut readers: BTreeMap<NodeId, Arc<FeatureReader>> = BTreeMap::new();
    let mut sets = BTreeMap::new();
    for info in &ir.features {
        let Some(node) = ir.graph.get(info.node) else { continue };
        let Op::Features { sets: plans, head } = &node.op else { continue };
        let reader = match readers.get(&info.node) {
            Some(reader) => Arc::clone(reader),
            None => {
                let (set, _) = descriptor(&node.name, plans, *head, names)?;
                let reader = Arc::new(FeatureReader::new(set));
                readers.insert(info.node, Arc::clone(&reader));
                reader
            }
        };
        let columns = set_columns(plans, &info.name);
        let kinds = info.columns.iter().map(|column| names.enums.kind(&column.ty.kind)).collect();
        sets.insert(info.name.clone(), Set { node: info.node, reader, columns, kinds });
    }
    Ok(sets)
}

impl Set {
    /// The set's columns at `at` from the state that `reads` has of the key.
    pub(super) fn read(
        &self,
        key: &[Value],
        at: i64,
        slots: &[Value],
        reads: &dyn Reads,
    ) -> Result<Vec<Result<Value, Fault>>, LocalError> {
        let stored = match self.reader.key(key) {
            Some(key) => reads.state(self.node, &key)?,
            None => None,
        };
        let mut all = self.reader.read(stored.as_deref(), at, slots)?;
        let mut take = |position: &usize| match all.get_mut(*position) {
            Some(cell) => std::mem::replace(cell, Ok(Value::Absent)),
            None => Err(Fault::Malformed),
        };
        Ok(self.columns.iter().map(&mut take).collect())
    }
}

/// A table or view by its key.
pub(super) struct Keyed {
    table: Arc<Table>,
    /// The positions of its key columns.
    key: Vec<usize>,
    pub(super) is_versioned: bool,
    current: OnceLock<Batch>,
}

impl Keyed {
    /// Indexes rows that were loaded.
    pub(super) fn new(name: &str, loaded: &Loaded) -> Result<Self, LocalError> {
        let position = |column: &String| {
            loaded.schema.position(column).ok_or_else(|| LocalError::Plan(format!("`{name}` has no column `{column}`")))
        };
        let key: Vec<usize> = loaded.key.iter().map(position).collect::<Result<_, _>>()?;
        let version = loaded.version.as_ref().map(position).transpose()?;
        let flow: Arc<str> = Arc::from(name);
        let keys: Vec<_> = key.iter().map(|position| Input::column(*position)).collect();
        let own = TableKey { keys: keys.clone(), version: version.map(Input::column), flow: Arc::clone(&flow) };
        let table = Arc::new(Table::new(loaded.rows.clone(), &own, &keys, &flow, &mut Context::default()));
        Ok(Self { table, key, is_versioned: version.is_some(), current: OnceLock::new() })
    }

    /// The row of a key at an instant, as a column of one record; nothing where there is none.
    pub(super) fn read(&self, key: &[Value], at: i64) -> Option<Column> {
        let row = self.table.get(key, at)?;
        let fields = self.table.rows().columns.iter().map(|column| column.take(&[row])).collect();
        Some(Column::record(fields, None, 1))
    }

    /// All rows that hold at an instant.
    pub(super) fn rows(&self, at: i64) -> Batch {
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
