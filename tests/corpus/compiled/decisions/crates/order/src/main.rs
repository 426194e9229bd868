//! The service `order`.
//!
//! Written by `fec compile` from decisions.asol:19.

use std::process::ExitCode;

use flow_launch::Service;
use flow_serve::Solution;
use flow_task::RunError;
use flow_task::wiring::Given;

mod order;
mod relations;
mod rules;

fn main() -> ExitCode {
    let service = Service {
        name: String::from("order"),
        keeper: String::from("decisions-features"),
        parquet: None,
        answers,
    };
    flow_launch::service(decisions::solution(), service)
}

/// What is answered from: features, models and the statements of services.
fn answers(given: &Given) -> Result<Solution, RunError> {
    Ok(Solution {
        slots: given.slots.clone(),
        services: vec![order::service(given)],
        document: String::from(include_str!("openapi.json")),
        ..Solution::default()
    })
}
