//! Feature sets as services see them.

use std::sync::Arc;

use flow_core::fault::Fault;
use flow_core::types::Kind;
use flow_core::value::Value;
use flow_operators::feature_set::FeatureReader;
use flow_operators::operator::OperatorError;

use crate::error::ServeError;
use crate::reads::Reads;

/// A feature set within the state that an operator keeps, perhaps of several sets.
#[derive(Clone)]
pub struct FeatureView {
    /// Its name.
    pub name: String,
    /// The table of the state.
    pub table: u32,
    /// Reads the state.
    pub reader: Arc<FeatureReader>,
    /// Where its columns lie in the state, in declared order.
    pub columns: Vec<usize>,
    /// Their kinds.
    pub kinds: Vec<Kind>,
}

impl FeatureView {
    /// The set called `name`, whose columns lie at the positions `columns` of the state in `table`.
    #[must_use]
    pub fn new(name: &str, table: u32, reader: &Arc<FeatureReader>, columns: impl Into<Vec<usize>>) -> Self {
        let columns = columns.into();
        let fields = &reader.set().schema.fields;
        let kinds = columns.iter().filter_map(|at| fields.get(*at)).map(|field| field.ty.kind.clone()).collect();
        Self { name: name.to_owned(), table, reader: Arc::clone(reader), columns, kinds }
    }

    /// The set's columns at `at` from the state that `reads` has of the key.
    pub(crate) fn read(
        &self,
        key: &[Value],
        at: i64,
        slots: &[Value],
        reads: &dyn Reads,
    ) -> Result<Vec<Result<Value, Fault>>, ServeError> {
        let mut read: Option<Result<Vec<_>, OperatorError>> = None;
        if let Some(key) = self.reader.key(key) {
            reads.state(self.table, &key, &mut |stored| read = Some(self.reader.read(Some(stored), at, slots)))?;
        }
        let mut all = match read {
            Some(read) => read?,
            None => self.reader.read(None, at, slots)?,
        };
        let mut take = |position: &usize| match all.get_mut(*position) {
            Some(cell) => std::mem::replace(cell, Ok(Value::Absent)),
            None => Err(Fault::Malformed),
        };
        Ok(self.columns.iter().map(&mut take).collect())
    }
}
