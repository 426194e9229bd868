//! The columns of rows between operators.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};
use offers::enums;

/// Rows of `aggregate`.
pub fn aggregate() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("shop", Kind::String),
        Field::required("again", Kind::Int),
    ]))
}

/// The source `sales`.
pub fn sales() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("shop", Kind::String),
        Field::required("amount", Kind::Int),
        Field::required("level", Kind::members("Level", &enums::level::MEMBERS)),
        Field::required("at", Kind::Timestamp),
    ]))
}

/// Rows of `aggregate_input`.
pub fn aggregate_input() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("shop", Kind::String),
        Field::required("amount", Kind::Int),
        Field::required("level", Kind::members("Level", &enums::level::MEMBERS)),
        Field::required("at", Kind::Timestamp),
        Field::required(
            "l",
            Kind::record([
                Field::required("id", Kind::String),
                Field::required("shop", Kind::String),
                Field::required("amount", Kind::Int),
                Field::required("level", Kind::members("Level", &enums::level::MEMBERS)),
                Field::required("at", Kind::Timestamp),
            ]),
        ),
    ]))
}
