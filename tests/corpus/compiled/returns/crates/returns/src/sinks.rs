//! Where rows go.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};
use flow_task::spec::SinkSpec;

/// All sinks, in the order of their names.
pub fn all() -> Vec<SinkSpec> {
    vec![best(), ledger(), outcomes(), suspects()]
}

/// `best`.
///
/// returns.asol:105
pub fn best() -> SinkSpec {
    let columns = Schema::of([
        Field::required("user_id", Kind::String),
        Field::required("verified", Kind::Bool),
        Field::required("n", Kind::Int),
        Field::required("y", Kind::Int),
        Field::required("window", Kind::Timestamp),
        Field::required("place", Kind::Int),
    ]);
    SinkSpec {
        name: String::from("best"),
        schema: Arc::new(columns),
        key: vec![],
        upsert: false,
        by_jobs: true,
    }
}

/// `ledger`.
///
/// returns.asol:104
pub fn ledger() -> SinkSpec {
    let columns = Schema::of([
        Field::required("ts", Kind::Timestamp),
        Field::required("id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("amount", Kind::Int),
    ]);
    SinkSpec {
        name: String::from("ledger"),
        schema: Arc::new(columns),
        key: vec![],
        upsert: false,
        by_jobs: false,
    }
}

/// `outcomes`.
///
/// returns.asol:103
pub fn outcomes() -> SinkSpec {
    let columns = Schema::of([
        Field::required("purchase_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("on", Kind::Bool),
        Field::required("y", Kind::Int),
        Field::required("type", Kind::String),
    ]);
    SinkSpec {
        name: String::from("outcomes"),
        schema: Arc::new(columns),
        key: vec![],
        upsert: false,
        by_jobs: false,
    }
}

/// `suspects`.
///
/// returns.asol:102
pub fn suspects() -> SinkSpec {
    let columns = Schema::of([
        Field::required("return_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("ts", Kind::Timestamp),
        Field::required("refunded_30d", Kind::Int),
        Field::required("spent", Kind::Int),
    ]);
    SinkSpec {
        name: String::from("suspects"),
        schema: Arc::new(columns),
        key: vec![String::from("user_id")],
        upsert: false,
        by_jobs: false,
    }
}
