//! The columns of rows between operators.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};

/// Rows of `union`.
pub fn union() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("ts", Kind::Timestamp),
        Field::required("id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("amount", Kind::Int),
    ]))
}

/// The source `purchases`.
pub fn purchases() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("ts", Kind::Timestamp),
        Field::required("purchase_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("product_id", Kind::String),
        Field::required("purchase_price", Kind::Int),
    ]))
}

/// The source `checkouts`.
pub fn checkouts() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("ts", Kind::Timestamp),
        Field::required("return_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("product_id", Kind::String),
        Field::required("refund_amt", Kind::Int),
    ]))
}

/// Rows of `final_`.
pub fn final_() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("purchase_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("purchase_price", Kind::Int),
        Field::optional(
            "r",
            Kind::record([
                Field::required("ts", Kind::Timestamp),
                Field::required("return_id", Kind::String),
                Field::required("user_id", Kind::String),
                Field::required("product_id", Kind::String),
                Field::required("refund_amt", Kind::Int),
            ]),
        ),
    ]))
}

/// Rows of `outcomes`.
pub fn outcomes() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("purchase_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("on", Kind::Bool),
        Field::required("y", Kind::Int),
        Field::required("type", Kind::String),
    ]))
}

/// Rows of `purchase_windows_reader`.
pub fn purchase_windows_reader() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("ts", Kind::Timestamp),
        Field::required("return_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("refunded_30d", Kind::Int),
    ]))
}

/// Rows of `suspects`.
pub fn suspects() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("return_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("ts", Kind::Timestamp),
        Field::required("refunded_30d", Kind::Int),
        Field::required("spent", Kind::Int),
    ]))
}
