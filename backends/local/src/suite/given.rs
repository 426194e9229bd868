//! What a test gives: rows of sources, and what models return.

use std::collections::BTreeMap;

use fec_ir::ir::TestPlan;
use flow_core::value::Value;
use flow_task::spec::find;

use crate::data::{History, given_stream, given_table};
use crate::environment::Environment;
use crate::error::LocalError;
use crate::tables::Tables;

/// What a test gives, computed.
pub(super) struct Given {
    /// Events of streams.
    pub history: History,
    /// All tables: those that are given, the others as they lie.
    pub tables: Tables,
    /// The tables that are given.
    pub own_tables: Vec<String>,
    /// What models return.
    pub returns: BTreeMap<String, Value>,
}

/// Computes what a test gives; the inner error is what is wrong with it.
///
/// # Errors
/// An expression that cannot be compiled.
pub(super) fn given(
    environment: &Environment,
    test: &TestPlan,
    tables: &Tables,
) -> Result<Result<Given, String>, LocalError> {
    let at = test.at.unwrap_or(0);
    let mut given =
        Given { history: History::default(), tables: tables.clone(), own_tables: Vec::new(), returns: BTreeMap::new() };
    for (name, rows) in &test.given {
        let Some((number, source)) = find(&environment.names.sources, name) else {
            return Ok(Err(format!("`given {name}`: there is no such source")));
        };
        let mut values = Vec::with_capacity(rows.len());
        for (position, row) in rows.iter().enumerate() {
            match environment.constant(row, at)? {
                Ok(value) => values.push(value),
                Err(fault) => return Ok(Err(format!("row {} of `given {name}`: {fault}", position + 1))),
            }
        }
        if source.is_stream() {
            given.history.chunks.push(given_stream(source, number, &values));
        } else {
            match given_table(source, &values) {
                Ok(table) => given.tables.insert(name, table),
                Err(why) => return Ok(Err(format!("`given {name}`: {why}"))),
            }
            given.own_tables.push(name.to_string());
        }
    }
    for (name, value) in &test.returns {
        match environment.constant(value, at)? {
            Ok(value) => given.returns.insert(name.to_string(), value),
            Err(fault) => return Ok(Err(format!("`given {name} returns`: {fault}"))),
        };
    }
    Ok(Ok(given))
}
