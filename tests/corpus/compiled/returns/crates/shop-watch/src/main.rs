//! The worker `shop-watch`.
//!
//! Written by `fec compile` from returns.asol:43.

mod rules;
mod schemas;

use std::process::ExitCode;
use std::sync::Arc;

use flow_core::calendar::DAY;
use flow_core::types::Kind;
use flow_launch::Worker;
use flow_operators::compute;
use flow_operators::expression::{Input, Record};
use flow_operators::features::{Features, Read, Updates};
use flow_operators::finality::Final;
use flow_operators::fused::{Fused, Step};
use flow_operators::interval_join::{Interval, IntervalJoin};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::union::Union;
use flow_operators::whole::Whole;
use flow_task::dataflow::{Dataflow, Tap};
use flow_task::error::RunError;
use flow_task::wiring::{Given, Wiring, columns, picked};
use returns::{features, sinks};

fn main() -> ExitCode {
    let worker = Worker {
        name: String::from("shop-watch"),
        number: 0,
        of: 1,
        keeps_features: true,
        sinks: vec![
            (Tap(20), sinks::suspects()),
            (Tap(27), sinks::outcomes()),
            (Tap(33), sinks::ledger()),
        ],
        parquet: Some(flow_parquet::open),
        dataflow,
    };
    flow_launch::worker(returns::solution(), worker)
}

/// The operators, each after those that feed it.
fn dataflow(given: &Given) -> Result<Dataflow, RunError> {
    let zone = &given.zone;
    let mut wiring = Wiring::new(given);
    let purchases = wiring.source("purchases")?;
    let returns = wiring.source("returns")?;

    // `select ts, id = purchase_id, user_id, amount = purchase_price` (returns.asol:59)
    let project_5_steps = vec![Step::Project(vec![
        Input::column(0),
        Input::column(1),
        Input::column(2),
        Input::column(4),
    ])];
    let project_5 = wiring.add(
        "shop.watch/project-5",
        Fused::new(project_5_steps, Arc::from("shop.watch")),
        &[purchases],
    )?;

    // `select ts, id = return_id, user_id, amount = 0 - refund_amt` (returns.asol:58)
    let project_4_steps = vec![Step::Project(vec![
        Input::column(0),
        Input::column(1),
        Input::column(2),
        compute!(zone, Kind::Int, rules::amount),
    ])];
    let project_4 = wiring.add(
        "shop.watch/project-4",
        Fused::new(project_4_steps, Arc::from("shop.watch")),
        &[returns],
    )?;

    // `union refunds` (returns.asol:60)
    let union = wiring.add(
        "shop.watch/union",
        Union::new(schemas::union(), 2),
        &[project_5, project_4],
    )?;

    // `emit money to ledger` (returns.asol:61)
    let ledger = wiring.add(
        "shop.watch/ledger/emit",
        Whole::new("ledger", schemas::union(), Arc::from("shop.watch")),
        &[union],
    )?;

    // returns.asol:52
    let interval_join_on = JoinSpec {
        kind: JoinKind::Left,
        pick: Pick::All,
        left: schemas::purchases(),
        right: schemas::checkouts(),
        left_keys: vec![Input::column(2), Input::column(3)],
        right_keys: vec![Input::column(2), Input::column(3)],
        residual: None,
        alias: String::from("r"),
        flow: Arc::from("shop.watch"),
    };
    let interval_join_within = Interval {
        low: 0,
        high: 14 * DAY,
        left_lateness: 30 * DAY,
        right_lateness: 30 * DAY,
    };
    let interval_join = wiring.add(
        "shop.watch/interval_join",
        IntervalJoin::new(interval_join_on, interval_join_within),
        &[purchases, returns],
    )?;
    let interval_join_2 = wiring.pass(columns([1, 2, 4, 5]), &[interval_join])?;

    // `final` (returns.asol:53)
    let final_ = wiring.add(
        "shop.watch/final",
        Final::new(schemas::final_(), 44 * DAY),
        &[interval_join_2],
    )?;

    // returns.asol:55
    let project_3_steps = vec![
        Step::Project(vec![
            Input::column(0),
            Input::column(1),
            Input::column(2),
            compute!(zone, Kind::Bool, rules::on),
            compute!(zone, Kind::Int, rules::y),
        ]),
        Step::Project(vec![
            Input::column(0),
            Input::column(1),
            Input::column(3),
            Input::column(4),
            compute!(zone, Kind::String, rules::type_),
        ]),
    ];
    let project_3 = wiring.add(
        "shop.watch/project-3",
        Fused::new(project_3_steps, Arc::from("shop.watch")),
        &[final_],
    )?;

    // `emit kept to outcomes` (returns.asol:56)
    let outcomes = wiring.add(
        "shop.watch/outcomes/emit",
        Whole::new("outcomes", schemas::outcomes(), Arc::from("shop.watch")),
        &[project_3],
    )?;

    // returns.asol:37
    let refund_delays_on = JoinSpec {
        kind: JoinKind::Inner,
        pick: Pick::All,
        left: schemas::purchases(),
        right: schemas::checkouts(),
        left_keys: vec![Input::column(2), Input::column(3)],
        right_keys: vec![Input::column(2), Input::column(3)],
        residual: None,
        alias: String::from("r"),
        flow: Arc::from("refund_delays"),
    };
    let refund_delays_within = Interval {
        low: 0,
        high: 30 * DAY,
        left_lateness: 30 * DAY,
        right_lateness: 30 * DAY,
    };
    let refund_delays = wiring.add(
        "features/refund_delays/interval_join",
        IntervalJoin::new(refund_delays_on, refund_delays_within),
        &[purchases, returns],
    )?;
    let refund_delays_2 = wiring.pass(columns([4, 5]), &[refund_delays])?;

    // `refund_delays` (returns.asol:36)
    let refund_delays_updates = Updates {
        keys: vec![compute!(zone, Kind::String, rules::refund_delays_key)],
        arguments: vec![compute!(zone, Kind::Int, rules::refund_delays_of)],
    };
    let refund_delays_reads = vec![];
    wiring.add(
        "features/refund_delays/features",
        Features::new(
            features::refund_delays(zone)?,
            refund_delays_updates,
            refund_delays_reads,
        ),
        &[refund_delays_2],
    )?;

    // `return_windows` (returns.asol:26)
    let return_windows_updates = Updates {
        keys: vec![Input::column(2)],
        arguments: vec![
            Input::column(4),
            Input::column(3),
            compute!(zone, Kind::Bool, rules::return_windows_of),
        ],
    };
    let return_windows_reads = vec![Read {
        input: schemas::checkouts(),
        keys: vec![Input::column(2)],
        alias: None,
        including_row: false,
        flow: Arc::from("shop.watch"),
    }];
    let return_windows = wiring.add(
        "features/return_windows/features",
        Features::new(
            features::return_windows(zone)?,
            return_windows_updates,
            return_windows_reads,
        ),
        &[returns, returns],
    )?;
    let with_return_windows = wiring.pass(columns([0, 1, 2, 7]), &[return_windows])?;

    // `purchase_windows` (returns.asol:15)
    let purchase_windows_updates = Updates {
        keys: vec![Input::column(2)],
        arguments: vec![Input::column(4)],
    };
    let purchase_windows_reads = vec![Read {
        input: schemas::purchase_windows_reader(),
        keys: vec![Input::column(2)],
        alias: None,
        including_row: false,
        flow: Arc::from("shop.watch"),
    }];
    let purchase_windows = wiring.add(
        "features/purchase_windows/features",
        Features::new(
            features::purchase_windows(zone)?,
            purchase_windows_updates,
            purchase_windows_reads,
        ),
        &[purchases, with_return_windows],
    )?;
    let with_purchase_windows = wiring.pass(
        picked(vec![
            Input::column(0),
            Input::column(1),
            Input::column(2),
            Input::column(3),
            Record::of(vec![4, 5, 6, 7, 8, 9, 10, 11]),
        ]),
        &[purchase_windows],
    )?;

    // `select return_id, user_id, ts, refunded_30d, spent = bought.spent_30d` (returns.asol:48)
    let project_steps = vec![
        Step::Filter {
            condition: compute!(zone, Kind::Bool, rules::project_keeps),
            unless_fault: vec![],
        },
        Step::Project(vec![
            Input::column(1),
            Input::column(2),
            Input::column(0),
            Input::column(3),
            compute!(zone, Kind::Int, rules::spent),
        ]),
    ];
    let project = wiring.add(
        "shop.watch/project",
        Fused::new(project_steps, Arc::from("shop.watch")),
        &[with_purchase_windows],
    )?;

    // `emit suspicious to suspects` (returns.asol:49)
    let suspects = wiring.add(
        "shop.watch/suspects/emit",
        Whole::new("suspects", schemas::suspects(), Arc::from("shop.watch")),
        &[project],
    )?;

    // `emit suspicious to suspects` (returns.asol:49)
    wiring.tap(Tap(20), suspects, schemas::suspects())?;
    // `emit kept to outcomes` (returns.asol:56)
    wiring.tap(Tap(27), outcomes, schemas::outcomes())?;
    // `emit money to ledger` (returns.asol:61)
    wiring.tap(Tap(33), ledger, schemas::union())?;
    Ok(wiring.finish())
}
