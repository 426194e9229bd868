//! The columns of rows between operators.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};
use offers::enums;

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

/// Rows of `busy`.
pub fn busy() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("shop", Kind::String),
        Field::required("amount", Kind::Int),
        Field::required("total", Kind::Int),
    ]))
}

/// Rows of `standing`.
pub fn standing() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("shop", Kind::String),
        Field::required("id", Kind::String),
    ]))
}

/// Rows of `standing_join_left`.
pub fn standing_join_left() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("shop", Kind::String),
        Field::optional(
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

/// Rows of `followed`.
pub fn followed() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("shop", Kind::String),
        Field::required("before", Kind::String),
        Field::required("held", Kind::String),
    ]))
}
