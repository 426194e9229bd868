//! The columns of rows between operators.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};

/// The source `shops`.
pub fn shops() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("name", Kind::String),
        Field::required("rank", Kind::Int),
    ]))
}

/// Rows of `project`.
pub fn project() -> Arc<Schema> {
    Arc::new(Schema::of([Field::required("id", Kind::String)]))
}

/// Rows of `prices`.
pub fn prices() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("shop", Kind::String),
        Field::required("factor", Kind::Int),
    ]))
}
