//! The columns of rows between operators.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};

/// Rows of `top`.
pub fn top() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("user_id", Kind::String),
        Field::required("verified", Kind::Bool),
        Field::required("n", Kind::Int),
        Field::required("y", Kind::Int),
        Field::required("window", Kind::Timestamp),
        Field::required("place", Kind::Int),
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

/// The source `users`.
pub fn users() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("user_id", Kind::String),
        Field::required("account_created_ds", Kind::Date),
        Field::required("email_verified", Kind::Int),
    ]))
}

/// Rows of `aggregate_input`.
pub fn aggregate_input() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("ts", Kind::Timestamp),
        Field::required("purchase_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("product_id", Kind::String),
        Field::required("purchase_price", Kind::Int),
        Field::required(
            "users",
            Kind::record([
                Field::required("user_id", Kind::String),
                Field::required("account_created_ds", Kind::Date),
                Field::required("email_verified", Kind::Int),
            ]),
        ),
    ]))
}

/// Rows of `aggregate`.
pub fn aggregate() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("user_id", Kind::String),
        Field::required("verified", Kind::Bool),
        Field::required("n", Kind::Int),
        Field::required("y", Kind::Int),
        Field::required("window", Kind::Timestamp),
    ]))
}
