//! The worker `scoring-alerts`.
//!
//! Written by `fec compile` from fraud.asol:76.

mod rules;
mod schemas;

use std::process::ExitCode;
use std::sync::Arc;

use flow_core::calendar::{DAY, HOUR, SECOND};
use flow_core::types::Kind;
use flow_launch::Worker;
use flow_operators::compute;
use flow_operators::expression::Input;
use flow_operators::features::{Features, Read, Updates};
use flow_operators::fused::{Fused, Step};
use flow_operators::interval_join::{Interval, IntervalJoin};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::whole::Whole;
use flow_task::dataflow::{Dataflow, Tap};
use flow_task::error::RunError;
use flow_task::wiring::{Given, Wiring, columns};
use fraud::{features, sinks};

fn main() -> ExitCode {
    let worker = Worker {
        name: String::from("scoring-alerts"),
        number: 0,
        of: 1,
        keeps_features: true,
        sinks: vec![(Tap(27), sinks::fraud_alerts())],
        parquet: Some(flow_parquet::open),
        dataflow,
    };
    flow_launch::worker(fraud::solution(), worker)
}

/// The operators, each after those that feed it.
fn dataflow(given: &Given) -> Result<Dataflow, RunError> {
    let zone = &given.zone;
    let mut wiring = Wiring::new(given);
    let chargebacks = wiring.source("chargebacks")?;
    let payments = wiring.source("payments")?;

    // `join payments as p on payment == p.id within -60d..0s` (fraud.asol:52)
    let merchant_disputes_on = JoinSpec {
        kind: JoinKind::Inner,
        pick: Pick::All,
        left: schemas::chargebacks(),
        right: schemas::payments(),
        left_keys: vec![Input::column(0)],
        right_keys: vec![Input::column(0)],
        residual: None,
        alias: String::from("p"),
        flow: Arc::from("merchant_disputes"),
    };
    let merchant_disputes_within = Interval {
        low: -60 * DAY,
        high: 0,
        left_lateness: HOUR,
        right_lateness: 30 * SECOND,
    };
    let merchant_disputes = wiring.add(
        "features/merchant_disputes/interval_join",
        IntervalJoin::new(merchant_disputes_on, merchant_disputes_within),
        &[chargebacks, payments],
    )?;
    let merchant_disputes_2 = wiring.pass(columns([2]), &[merchant_disputes])?;

    // `merchant_disputes` (fraud.asol:51)
    let merchant_disputes_updates = Updates {
        keys: vec![compute!(zone, Kind::String, rules::merchant_disputes_key)],
        arguments: vec![],
    };
    let merchant_disputes_reads = vec![];
    wiring.add(
        "features/merchant_disputes/features",
        Features::new(
            features::merchant_disputes(zone)?,
            merchant_disputes_updates,
            merchant_disputes_reads,
        ),
        &[merchant_disputes_2],
    )?;

    // `merchant_volume` (fraud.asol:47)
    let merchant_volume_updates = Updates {
        keys: vec![Input::column(2)],
        arguments: vec![],
    };
    let merchant_volume_reads = vec![];
    wiring.add(
        "features/merchant_volume/features",
        Features::new(
            features::merchant_volume(zone)?,
            merchant_volume_updates,
            merchant_volume_reads,
        ),
        &[payments],
    )?;

    // `card_activity` (fraud.asol:38)
    let card_activity_updates = Updates {
        keys: vec![Input::column(1)],
        arguments: vec![Input::column(3), Input::column(4)],
    };
    let card_activity_reads = vec![Read {
        input: schemas::payments(),
        keys: vec![Input::column(1)],
        alias: None,
        including_row: false,
        flow: Arc::from("scoring.alerts"),
    }];
    let card_activity = wiring.add(
        "features/card_activity/features",
        Features::new(
            features::card_activity(zone)?,
            card_activity_updates,
            card_activity_reads,
        ),
        &[payments, payments],
    )?;
    let with_card_activity = wiring.pass(
        columns([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        &[card_activity],
    )?;

    // `bursts` (fraud.asol:81)
    let project_2_steps = vec![
        Step::Filter {
            condition: compute!(zone, Kind::Bool, rules::project_2_keeps),
            unless_fault: vec![],
        },
        Step::Project(vec![
            Input::column(0),
            Input::column(1),
            Input::column(3),
            Input::column(6),
        ]),
        Step::Project(vec![
            Input::column(0),
            Input::column(1),
            Input::column(2),
            compute!(zone, Kind::decimal(12, 2), rules::spend_1h),
        ]),
    ];
    let project_2 = wiring.add(
        "scoring.alerts/project-2",
        Fused::new(project_2_steps, Arc::from("scoring.alerts")),
        &[with_card_activity],
    )?;

    // `emit bursts to fraud_alerts` (fraud.asol:81)
    let fraud_alerts = wiring.add(
        "scoring.alerts/fraud_alerts/emit",
        Whole::new(
            "fraud_alerts",
            schemas::fraud_alerts(),
            Arc::from("scoring.alerts"),
        ),
        &[project_2],
    )?;

    // `emit bursts to fraud_alerts` (fraud.asol:81)
    wiring.tap(Tap(27), fraud_alerts, schemas::fraud_alerts())?;
    Ok(wiring.finish())
}
