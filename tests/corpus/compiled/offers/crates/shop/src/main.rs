//! The service `shop`.
//!
//! Written by `fec compile` from offers.asol:93.

use std::process::ExitCode;
use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};
use flow_launch::Service;
use flow_operators::feature_set::FeatureReader;
use flow_serve::{FeatureView, KeptView, Solution};
use flow_task::RunError;
use flow_task::wiring::Given;
use offers::{enums, features};

mod relations;
mod rules;
mod shop;
mod views;

fn main() -> ExitCode {
    let service = Service {
        name: String::from("shop"),
        keeper: String::from("watch"),
        parquet: None,
        answers,
    };
    flow_launch::service(offers::solution(), service)
}

/// What is answered from: features, models and the statements of services.
fn answers(given: &Given) -> Result<Solution, RunError> {
    let zone = &given.zone;
    let takings = Arc::new(FeatureReader::new(features::takings(zone)?));
    let takings_view = FeatureView::new("takings", 0, &takings, [0, 1]);
    let last_sale = KeptView::new(
        "last_sale",
        1,
        Arc::new(Schema::of([
            Field::required("id", Kind::String),
            Field::required("shop", Kind::String),
            Field::required("amount", Kind::Int),
            Field::required("level", Kind::members("Level", &enums::level::MEMBERS)),
            Field::required("at", Kind::Timestamp),
        ])),
    );
    let standing = KeptView::new(
        "standing",
        2,
        Arc::new(Schema::of([
            Field::required("shop", Kind::String),
            Field::required("id", Kind::String),
        ])),
    );
    Ok(Solution {
        slots: given.slots.clone(),
        features: vec![takings_view],
        kept: vec![last_sale, standing],
        views: views::all(given),
        services: vec![shop::service(given)],
        document: String::from(include_str!("openapi.json")),
        ..Solution::default()
    })
}
