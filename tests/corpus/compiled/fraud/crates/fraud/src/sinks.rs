//! Where rows go.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};
use flow_task::spec::SinkSpec;

/// All sinks, in the order of their names.
pub fn all() -> Vec<SinkSpec> {
    vec![fraud_alerts()]
}

/// `fraud_alerts`.
///
/// fraud.asol:107
pub fn fraud_alerts() -> SinkSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("card", Kind::String),
        Field::required("amount", Kind::decimal(12, 2)),
        Field::required("spend_1h", Kind::decimal(12, 2)),
    ]);
    SinkSpec {
        name: String::from("fraud_alerts"),
        schema: Arc::new(columns),
        key: vec![String::from("card")],
        upsert: false,
        by_jobs: false,
    }
}
