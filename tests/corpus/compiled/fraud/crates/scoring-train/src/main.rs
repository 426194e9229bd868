//! The job `scoring-train`.
//!
//! Written by `fec compile` from fraud.asol:61.

mod rules;
mod schemas;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use flow_core::calendar::{DAY, HOUR, SECOND};
use flow_core::types::Kind;
use flow_core::zone::Zone;
use flow_job::{Job, Relation, Statement, Work};
use flow_operators::compute;
use flow_operators::expression::Input;
use flow_operators::features::{Features, Read, Updates};
use flow_operators::finality::Final;
use flow_operators::fused::{Fused, Step};
use flow_operators::interval_join::{Interval, IntervalJoin};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_task::dataflow::{Dataflow, Tap};
use flow_task::error::RunError;
use flow_task::wiring::{Given, Wiring, columns};
use fraud::features;

fn main() -> ExitCode {
    let process = flow_launch::Job {
        name: String::from("scoring-train"),
        retry: (3, Duration::from_secs(60)),
        timeout: Some(Duration::from_secs(7200)),
        parquet: Some(flow_parquet::open),
        job,
    };
    flow_launch::job(fraud::solution(), process)
}

/// The job `scoring.train` (fraud.asol:61).
fn job(zone: &Arc<Zone>) -> Job<'static> {
    let project = Relation::history(Tap(15), schemas::project());
    let train = Relation::part(0, 0, schemas::project());
    let test = Relation::part(0, 1, schemas::project());

    // `parts = split(labelled, train: 80%, test: 20%, by: card)` (fraud.asol:69)
    let parts = Statement::step(
        "parts",
        "split-parts",
        "split-parts",
        Work::Split {
            rows: 0,
            shares: vec![0.8, 0.2],
            by: vec![Input::column(1)],
        },
    );

    // fraud.asol:70
    let model = Statement::step(
        "model",
        "train-model",
        "train-model",
        Work::Train {
            rows: 1,
            inputs: schemas::model_inputs(),
            features: vec![
                Input::column(3),
                Input::column(6),
                Input::column(7),
                Input::column(8),
                Input::column(9),
                Input::column(10),
                Input::column(12),
                Input::column(13),
            ],
            label: Input::column(15),
            trees: 200,
            depth: 6,
            learning_rate: 0.1,
        },
    );

    // `report = evaluate(model, parts.test)` (fraud.asol:72)
    let report = Statement::step(
        "report",
        "evaluate-report",
        "evaluate-report",
        Work::Evaluate {
            training: 1,
            rows: 2,
            features: vec![
                Input::column(3),
                Input::column(6),
                Input::column(7),
                Input::column(8),
                Input::column(9),
                Input::column(10),
                Input::column(12),
                Input::column(13),
            ],
            label: Input::column(15),
            report: Some((0, schemas::report())),
        },
    );

    // `publish model as scorer when report.auc >= 0.90` (fraud.asol:73)
    let publish = Statement::step(
        "publish",
        "publish-scorer",
        "publish-scorer",
        Work::Publish {
            model: String::from("scorer"),
            training: 1,
            gate: Some(compute!(zone, Kind::Bool, rules::scorer_gate)),
        },
    );

    Job {
        path: String::from("scoring.train"),
        tolerate: 0,
        slots: 1,
        params: vec![],
        history: Box::new(history),
        relations: vec![project, train, test],
        statements: vec![parts, model, report, publish],
    }
}

/// What history goes through.
fn history(given: &Given) -> Result<Dataflow, RunError> {
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

    // `merchant_volume` (fraud.asol:47)
    let merchant_volume_updates = Updates {
        keys: vec![Input::column(2)],
        arguments: vec![],
    };
    let merchant_volume_reads = vec![Read {
        input: schemas::merchant_volume_reader(),
        keys: vec![Input::column(2)],
        alias: None,
        including_row: false,
        flow: Arc::from("scoring.train"),
    }];
    let merchant_volume = wiring.add(
        "features/merchant_volume/features",
        Features::new(
            features::merchant_volume(zone)?,
            merchant_volume_updates,
            merchant_volume_reads,
        ),
        &[payments, with_card_activity],
    )?;
    let with_merchant_volume = wiring.pass(
        columns([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        &[merchant_volume],
    )?;

    // `merchant_disputes` (fraud.asol:51)
    let merchant_disputes_updates = Updates {
        keys: vec![compute!(zone, Kind::String, rules::merchant_disputes_key)],
        arguments: vec![],
    };
    let merchant_disputes_reads = vec![Read {
        input: schemas::merchant_disputes_reader(),
        keys: vec![Input::column(2)],
        alias: None,
        including_row: false,
        flow: Arc::from("scoring.train"),
    }];
    let merchant_disputes_3 = wiring.add(
        "features/merchant_disputes/features",
        Features::new(
            features::merchant_disputes(zone)?,
            merchant_disputes_updates,
            merchant_disputes_reads,
        ),
        &[merchant_disputes_2, with_merchant_volume],
    )?;
    let with_merchant_disputes = wiring.pass(
        columns([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
        &[merchant_disputes_3],
    )?;

    // `left join first chargebacks as c on id == c.payment within 60d` (fraud.asol:66)
    let interval_join_on = JoinSpec {
        kind: JoinKind::Left,
        pick: Pick::First,
        left: schemas::interval_join_left(),
        right: schemas::chargebacks(),
        left_keys: vec![Input::column(0)],
        right_keys: vec![Input::column(0)],
        residual: None,
        alias: String::from("c"),
        flow: Arc::from("scoring.train"),
    };
    let interval_join_within = Interval {
        low: 0,
        high: 60 * DAY,
        left_lateness: 30 * SECOND,
        right_lateness: HOUR,
    };
    let interval_join = wiring.add(
        "scoring.train/interval_join",
        IntervalJoin::new(interval_join_on, interval_join_within),
        &[with_merchant_disputes, chargebacks],
    )?;

    // `final` (fraud.asol:67)
    let final_ = wiring.add(
        "scoring.train/final",
        Final::new(schemas::final_(), 1441 * HOUR),
        &[interval_join],
    )?;

    // `derive fraud = c != null` (fraud.asol:68)
    let project_steps = vec![Step::Project(vec![
        Input::column(0),
        Input::column(1),
        Input::column(2),
        Input::column(3),
        Input::column(4),
        Input::column(5),
        Input::column(6),
        Input::column(7),
        Input::column(8),
        Input::column(9),
        Input::column(10),
        Input::column(11),
        Input::column(12),
        Input::column(13),
        Input::column(14),
        compute!(zone, Kind::Bool, rules::fraud),
    ])];
    let project = wiring.add(
        "scoring.train/project",
        Fused::new(project_steps, Arc::from("scoring.train")),
        &[final_],
    )?;

    // `derive fraud = c != null` (fraud.asol:68)
    wiring.tap(Tap(15), project, schemas::project())?;
    Ok(wiring.finish())
}
