//! The columns of rows between operators.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};

/// Rows of `part_4_items`.
pub fn part_4_items() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("price", Kind::decimal(12, 2)),
    ]))
}

/// Rows of `view`.
pub fn view() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("item", Kind::String),
        Field::required("price", Kind::decimal(12, 2)),
        Field::required("order", Kind::String),
    ]))
}
