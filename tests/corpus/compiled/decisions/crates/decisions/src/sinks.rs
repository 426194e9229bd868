//! Where rows go.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};
use flow_task::spec::SinkSpec;

/// All sinks, in the order of their names.
pub fn all() -> Vec<SinkSpec> {
    vec![answers(), dearest(), refused()]
}

/// `answers`.
///
/// decisions.asol:12
pub fn answers() -> SinkSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("buyer", Kind::String),
        Field::required("count", Kind::Int),
        Field::required("accepted", Kind::Bool),
        Field::required("at", Kind::Timestamp),
    ]);
    SinkSpec {
        name: String::from("answers"),
        schema: Arc::new(columns),
        key: vec![String::from("buyer")],
        upsert: false,
        by_jobs: false,
    }
}

/// `dearest`.
///
/// decisions.asol:15
pub fn dearest() -> SinkSpec {
    let columns = Schema::of([
        Field::required("item", Kind::String),
        Field::required("price", Kind::decimal(12, 2)),
        Field::required("order", Kind::String),
    ]);
    SinkSpec {
        name: String::from("dearest"),
        schema: Arc::new(columns),
        key: vec![String::from("item")],
        upsert: true,
        by_jobs: false,
    }
}

/// `refused`.
///
/// decisions.asol:16
pub fn refused() -> SinkSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("share", Kind::Int),
    ]);
    SinkSpec {
        name: String::from("refused"),
        schema: Arc::new(columns),
        key: vec![],
        upsert: false,
        by_jobs: false,
    }
}
