//! The worker `watch`.
//!
//! Written by `fec compile` from offers.asol:43.

mod rules;
mod schemas;

use std::process::ExitCode;
use std::sync::Arc;

use flow_core::calendar::{DAY, MINUTE};
use flow_core::types::Kind;
use flow_launch::Worker;
use flow_operators::compute;
use flow_operators::expression::Input;
use flow_operators::features::{Features, Read, Updates};
use flow_operators::fused::{Fused, Step};
use flow_operators::interval_join::{Interval, IntervalJoin};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::keyed_rows::{KeptRows, KeyedRows};
use flow_operators::whole::Whole;
use flow_task::dataflow::{Dataflow, Tap};
use flow_task::error::RunError;
use flow_task::wiring::{Given, Wiring, columns};
use offers::{features, sinks};

fn main() -> ExitCode {
    let worker = Worker {
        name: String::from("watch"),
        number: 0,
        of: 1,
        keeps_features: true,
        sinks: vec![(Tap(25), sinks::busy()), (Tap(30), sinks::followed())],
        parquet: Some(flow_parquet::open),
        dataflow,
    };
    flow_launch::worker(offers::solution(), worker)
}

/// The operators, each after those that feed it.
fn dataflow(given: &Given) -> Result<Dataflow, RunError> {
    let zone = &given.zone;
    let mut wiring = Wiring::new(given);
    let sales = wiring.source("sales")?;

    // `where level == Level.low` (offers.asol:28)
    let standing_steps = vec![Step::Filter {
        condition: compute!(zone, Kind::Bool, rules::standing_keeps),
        unless_fault: vec![],
    }];
    let standing = wiring.add(
        "views/standing/filter-2",
        Fused::new(standing_steps, Arc::from("standing")),
        &[sales],
    )?;

    // `where level == Level.high` (offers.asol:27)
    let standing_steps_2 = vec![Step::Filter {
        condition: compute!(zone, Kind::Bool, rules::standing_keeps_2),
        unless_fault: vec![],
    }];
    let standing_2 = wiring.add(
        "views/standing/filter",
        Fused::new(standing_steps_2, Arc::from("standing")),
        &[sales],
    )?;

    // offers.asol:28
    let standing_on = JoinSpec {
        kind: JoinKind::Anti,
        pick: Pick::All,
        left: schemas::sales(),
        right: schemas::sales(),
        left_keys: vec![Input::column(1)],
        right_keys: vec![Input::column(1)],
        residual: None,
        alias: String::from("low"),
        flow: Arc::from("standing"),
    };
    let standing_within = Interval {
        low: 0,
        high: DAY,
        left_lateness: MINUTE,
        right_lateness: MINUTE,
    };
    let standing_3 = wiring.add(
        "views/standing/interval_join",
        IntervalJoin::new(standing_on, standing_within),
        &[standing_2, standing],
    )?;
    let standing_4 = wiring.pass(columns([0, 1]), &[standing_3])?;

    // `select shop, id` (offers.asol:29)
    let standing_steps_3 = vec![Step::Project(vec![Input::column(1), Input::column(0)])];
    let standing_5 = wiring.add(
        "views/standing/project",
        Fused::new(standing_steps_3, Arc::from("standing")),
        &[standing_4],
    )?;

    // `where amount > 20` (offers.asol:24)
    let last_sale_steps = vec![Step::Filter {
        condition: compute!(zone, Kind::Bool, rules::last_sale_keeps),
        unless_fault: vec![],
    }];
    let last_sale = wiring.add(
        "views/last_sale/filter",
        Fused::new(last_sale_steps, Arc::from("last_sale")),
        &[sales],
    )?;

    // `last_sale` (offers.asol:24)
    let last_sale_kept = KeptRows {
        schema: schemas::sales(),
        key: vec![Input::column(1)],
        settle: None,
        flow: Arc::from("last_sale"),
    };
    let last_sale_on = JoinSpec {
        kind: JoinKind::Left,
        pick: Pick::All,
        left: schemas::sales(),
        right: schemas::sales(),
        left_keys: vec![Input::column(1)],
        right_keys: vec![Input::column(1)],
        residual: Some(compute!(zone, Kind::Bool, rules::last_sale_join_matches)),
        alias: String::from("l"),
        flow: Arc::from("watch"),
    };
    let last_sale_2 = wiring.add(
        "views/last_sale/keyed_rows",
        KeyedRows::new(last_sale_kept, vec![last_sale_on]),
        &[last_sale, sales],
    )?;
    let lookup_join = wiring.pass(columns([0, 1, 5]), &[last_sale_2])?;

    // `takings` (offers.asol:31)
    let takings_updates = Updates {
        keys: vec![Input::column(1)],
        arguments: vec![Input::column(2)],
    };
    let takings_reads = vec![Read {
        input: schemas::sales(),
        keys: vec![Input::column(1)],
        alias: None,
        including_row: false,
        flow: Arc::from("watch"),
    }];
    let takings = wiring.add(
        "features/takings/features",
        Features::new(features::takings(zone)?, takings_updates, takings_reads),
        &[sales, sales],
    )?;
    let with_takings = wiring.pass(columns([0, 1, 2, 5]), &[takings])?;

    // `select id, shop, amount, total` (offers.asol:44)
    let project_steps = vec![
        Step::Filter {
            condition: compute!(zone, Kind::Bool, rules::project_keeps),
            unless_fault: vec![],
        },
        Step::Project(vec![
            Input::column(0),
            Input::column(1),
            Input::column(2),
            Input::column(3),
        ]),
    ];
    let project = wiring.add(
        "watch/project",
        Fused::new(project_steps, Arc::from("watch")),
        &[with_takings],
    )?;

    // offers.asol:44
    let busy = wiring.add(
        "watch/busy/emit",
        Whole::new("busy", schemas::busy(), Arc::from("watch")),
        &[project],
    )?;

    // `standing` (offers.asol:26)
    let standing_kept = KeptRows {
        schema: schemas::standing(),
        key: vec![Input::column(0)],
        settle: Some(1441 * MINUTE),
        flow: Arc::from("standing"),
    };
    let standing_on_2 = JoinSpec {
        kind: JoinKind::Left,
        pick: Pick::All,
        left: schemas::standing_join_left(),
        right: schemas::standing(),
        left_keys: vec![Input::column(1)],
        right_keys: vec![Input::column(0)],
        residual: None,
        alias: String::from("h"),
        flow: Arc::from("watch"),
    };
    let standing_6 = wiring.add(
        "views/standing/keyed_rows",
        KeyedRows::new(standing_kept, vec![standing_on_2]),
        &[standing_5, lookup_join],
    )?;

    // `select id, shop, before = l.id ?? "", held = h.id ?? ""` (offers.asol:48)
    let project_2_steps = vec![Step::Project(vec![
        Input::column(0),
        Input::column(1),
        compute!(zone, Kind::String, rules::before),
        compute!(zone, Kind::String, rules::held),
    ])];
    let project_2 = wiring.add(
        "watch/project-2",
        Fused::new(project_2_steps, Arc::from("watch")),
        &[standing_6],
    )?;

    // offers.asol:45
    let followed = wiring.add(
        "watch/followed/emit",
        Whole::new("followed", schemas::followed(), Arc::from("watch")),
        &[project_2],
    )?;

    // offers.asol:44
    wiring.tap(Tap(25), busy, schemas::busy())?;
    // offers.asol:45
    wiring.tap(Tap(30), followed, schemas::followed())?;
    Ok(wiring.finish())
}
