//! The columns of rows between operators.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};

/// The source `chargebacks`.
pub fn chargebacks() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("payment", Kind::String),
        Field::required("at", Kind::Timestamp),
    ]))
}

/// The source `payments`.
pub fn payments() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("card", Kind::String),
        Field::required("merchant", Kind::String),
        Field::required("amount", Kind::decimal(12, 2)),
        Field::required("country", Kind::String),
        Field::required("at", Kind::Timestamp),
    ]))
}

/// Rows of `fraud_alerts`.
pub fn fraud_alerts() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("card", Kind::String),
        Field::required("amount", Kind::decimal(12, 2)),
        Field::required("spend_1h", Kind::decimal(12, 2)),
    ]))
}
