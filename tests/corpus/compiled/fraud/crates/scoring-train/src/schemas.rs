//! The columns of rows between operators.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};

/// Rows of `project`.
pub fn project() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("card", Kind::String),
        Field::required("merchant", Kind::String),
        Field::required("amount", Kind::decimal(12, 2)),
        Field::required("country", Kind::String),
        Field::required("at", Kind::Timestamp),
        Field::required("spend_1h", Kind::decimal(38, 2)),
        Field::required("spend_30d", Kind::decimal(38, 2)),
        Field::required("payments_10m", Kind::Int),
        Field::required("countries_24h", Kind::Int),
        Field::optional("mean_30d", Kind::decimal(38, 8)),
        Field::optional("last_country", Kind::String),
        Field::required("payments_60d", Kind::Int),
        Field::required("disputes_60d", Kind::Int),
        Field::optional(
            "c",
            Kind::record([
                Field::required("payment", Kind::String),
                Field::required("at", Kind::Timestamp),
            ]),
        ),
        Field::required("fraud", Kind::Bool),
    ]))
}

/// Rows of `model_inputs`.
pub fn model_inputs() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("amount", Kind::decimal(12, 2)),
        Field::required("spend_1h", Kind::decimal(38, 2)),
        Field::required("spend_30d", Kind::decimal(38, 2)),
        Field::required("payments_10m", Kind::Int),
        Field::required("countries_24h", Kind::Int),
        Field::optional("mean_30d", Kind::decimal(38, 8)),
        Field::required("payments_60d", Kind::Int),
        Field::required("disputes_60d", Kind::Int),
    ]))
}

/// Rows of `report`.
pub fn report() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::optional("auc", Kind::Float),
        Field::optional("log_loss", Kind::Float),
        Field::required("rows", Kind::Int),
        Field::required("positives", Kind::Int),
    ]))
}

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

/// Rows of `merchant_volume_reader`.
pub fn merchant_volume_reader() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("card", Kind::String),
        Field::required("merchant", Kind::String),
        Field::required("amount", Kind::decimal(12, 2)),
        Field::required("country", Kind::String),
        Field::required("at", Kind::Timestamp),
        Field::required("spend_1h", Kind::decimal(38, 2)),
        Field::required("spend_30d", Kind::decimal(38, 2)),
        Field::required("payments_10m", Kind::Int),
        Field::required("countries_24h", Kind::Int),
        Field::optional("mean_30d", Kind::decimal(38, 8)),
        Field::optional("last_country", Kind::String),
    ]))
}

/// Rows of `merchant_disputes_reader`.
pub fn merchant_disputes_reader() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("card", Kind::String),
        Field::required("merchant", Kind::String),
        Field::required("amount", Kind::decimal(12, 2)),
        Field::required("country", Kind::String),
        Field::required("at", Kind::Timestamp),
        Field::required("spend_1h", Kind::decimal(38, 2)),
        Field::required("spend_30d", Kind::decimal(38, 2)),
        Field::required("payments_10m", Kind::Int),
        Field::required("countries_24h", Kind::Int),
        Field::optional("mean_30d", Kind::decimal(38, 8)),
        Field::optional("last_country", Kind::String),
        Field::required("payments_60d", Kind::Int),
    ]))
}

/// Rows of `interval_join_left`.
pub fn interval_join_left() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("card", Kind::String),
        Field::required("merchant", Kind::String),
        Field::required("amount", Kind::decimal(12, 2)),
        Field::required("country", Kind::String),
        Field::required("at", Kind::Timestamp),
        Field::required("spend_1h", Kind::decimal(38, 2)),
        Field::required("spend_30d", Kind::decimal(38, 2)),
        Field::required("payments_10m", Kind::Int),
        Field::required("countries_24h", Kind::Int),
        Field::optional("mean_30d", Kind::decimal(38, 8)),
        Field::optional("last_country", Kind::String),
        Field::required("payments_60d", Kind::Int),
        Field::required("disputes_60d", Kind::Int),
    ]))
}

/// Rows of `final_`.
pub fn final_() -> Arc<Schema> {
    Arc::new(Schema::of([
        Field::required("id", Kind::String),
        Field::required("card", Kind::String),
        Field::required("merchant", Kind::String),
        Field::required("amount", Kind::decimal(12, 2)),
        Field::required("country", Kind::String),
        Field::required("at", Kind::Timestamp),
        Field::required("spend_1h", Kind::decimal(38, 2)),
        Field::required("spend_30d", Kind::decimal(38, 2)),
        Field::required("payments_10m", Kind::Int),
        Field::required("countries_24h", Kind::Int),
        Field::optional("mean_30d", Kind::decimal(38, 8)),
        Field::optional("last_country", Kind::String),
        Field::required("payments_60d", Kind::Int),
        Field::required("disputes_60d", Kind::Int),
        Field::optional(
            "c",
            Kind::record([
                Field::required("payment", Kind::String),
                Field::required("at", Kind::Timestamp),
            ]),
        ),
    ]))
}
