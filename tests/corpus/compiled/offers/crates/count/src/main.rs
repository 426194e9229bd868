//! The job `count`.
//!
//! Written by `fec compile` from offers.asol:51.

mod rules;
mod schemas;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use flow_core::aggregate::{Aggregate, AggregateFunc};
use flow_core::types::Kind;
use flow_core::zone::Zone;
use flow_job::{Job, Relation, Statement, Work};
use flow_operators::compute;
use flow_operators::expression::Input;
use flow_operators::fused::{Fused, Step};
use flow_operators::group::{Group, GroupAggregate, GroupSpec};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::keyed_rows::{KeptRows, KeyedRows};
use flow_operators::stand::{Stand, StandBy};
use flow_task::dataflow::{Dataflow, Tap};
use flow_task::error::RunError;
use flow_task::wiring::{Given, Wiring};

fn main() -> ExitCode {
    let process = flow_launch::Job {
        name: String::from("count"),
        retry: (0, Duration::from_secs(0)),
        timeout: None,
        parquet: Some(flow_parquet::open),
        job,
    };
    flow_launch::job(offers::solution(), process)
}

/// The job `count` (offers.asol:51).
fn job(_zone: &Arc<Zone>) -> Job<'static> {
    let aggregate = Relation::history(Tap(19), schemas::aggregate());

    // offers.asol:52
    let emit = Statement::step(
        "emit",
        "emit-counted",
        "emit-counted",
        Work::Emit {
            sink: String::from("counted"),
            rows: 0,
        },
    );

    Job {
        path: String::from("count"),
        tolerate: 0,
        slots: 1,
        params: vec![],
        history: Box::new(history),
        relations: vec![aggregate],
        statements: vec![emit],
    }
}

/// What history goes through.
fn history(given: &Given) -> Result<Dataflow, RunError> {
    let zone = &given.zone;
    let mut wiring = Wiring::new(given);
    let sales = wiring.source("sales")?;

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
        kind: JoinKind::Inner,
        pick: Pick::All,
        left: schemas::sales(),
        right: schemas::sales(),
        left_keys: vec![Input::column(1)],
        right_keys: vec![Input::column(1)],
        residual: None,
        alias: String::from("l"),
        flow: Arc::from("count"),
    };
    let last_sale_2 = wiring.add(
        "views/last_sale/keyed_rows",
        KeyedRows::new(last_sale_kept, vec![last_sale_on]),
        &[last_sale, sales],
    )?;

    // `where l.level == level` (offers.asol:54)
    let filter_steps = vec![Step::Filter {
        condition: compute!(zone, Kind::Bool, rules::filter_keeps),
        unless_fault: vec![],
    }];
    let filter = wiring.add(
        "count/filter",
        Fused::new(filter_steps, Arc::from("count")),
        &[last_sale_2],
    )?;

    // `group by shop { again = count() }` (offers.asol:55)
    let aggregate_by = GroupSpec {
        input: schemas::aggregate_input(),
        keys: vec![Input::column(1)],
        aggregates: vec![GroupAggregate {
            aggregate: Aggregate::new(AggregateFunc::Count, &[])?,
            arguments: vec![],
            filter: None,
        }],
        outputs: vec![Input::column(0), Input::column(1)],
        output: schemas::aggregate(),
        flow: Arc::from("count"),
    };
    let aggregate = wiring.add("count/aggregate", Group::new(aggregate_by), &[filter])?;
    let aggregate_2 = wiring.pass(
        Stand::new(schemas::aggregate(), StandBy::Columns),
        &[aggregate],
    )?;

    // `group by shop { again = count() }` (offers.asol:55)
    wiring.tap(Tap(19), aggregate_2, schemas::aggregate())?;
    Ok(wiring.finish())
}
