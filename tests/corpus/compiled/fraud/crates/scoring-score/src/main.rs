//! The service `scoring-score`.
//!
//! Written by `fec compile` from fraud.asol:85.

use std::process::ExitCode;
use std::sync::Arc;

use flow_launch::Service;
use flow_operators::feature_set::FeatureReader;
use flow_serve::{FeatureView, Solution};
use flow_task::RunError;
use flow_task::wiring::Given;
use fraud::features;

mod rules;
mod score;

fn main() -> ExitCode {
    let service = Service {
        name: String::from("scoring-score"),
        keeper: String::from("scoring-alerts"),
        parquet: None,
        answers,
    };
    flow_launch::service(fraud::solution(), service)
}

/// What is answered from: features, models and the statements of services.
fn answers(given: &Given) -> Result<Solution, RunError> {
    let zone = &given.zone;
    let card_activity = Arc::new(FeatureReader::new(features::card_activity(zone)?));
    let card_activity_view =
        FeatureView::new("card_activity", 0, &card_activity, [0, 1, 2, 3, 4, 5]);
    let merchant_volume = Arc::new(FeatureReader::new(features::merchant_volume(zone)?));
    let merchant_volume_view = FeatureView::new("merchant_volume", 1, &merchant_volume, [0]);
    let merchant_disputes = Arc::new(FeatureReader::new(features::merchant_disputes(zone)?));
    let merchant_disputes_view = FeatureView::new("merchant_disputes", 2, &merchant_disputes, [0]);
    Ok(Solution {
        slots: given.slots.clone(),
        features: vec![
            card_activity_view,
            merchant_volume_view,
            merchant_disputes_view,
        ],
        models: vec![String::from("scorer")],
        services: vec![score::service(given)],
        document: String::from(include_str!("openapi.json")),
        ..Solution::default()
    })
}
