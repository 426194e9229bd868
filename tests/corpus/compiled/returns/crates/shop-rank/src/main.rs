//! The job `shop-rank`.
//!
//! Written by `fec compile` from returns.asol:65.

mod rules;
mod schemas;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use flow_core::aggregate::{Aggregate, AggregateFunc};
use flow_core::types::{DataType, Kind};
use flow_core::zone::Zone;
use flow_job::{Job, Relation, Statement, Work};
use flow_operators::compute;
use flow_operators::expression::Input;
use flow_operators::group::{Group, GroupAggregate, GroupSpec};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::lookup_join::LookupJoin;
use flow_operators::sort::{Sort, SortKey, Top, TopSpec};
use flow_operators::stand::{Stand, StandBy};
use flow_task::dataflow::{Dataflow, Tap};
use flow_task::error::RunError;
use flow_task::wiring::{Given, Wiring};

fn main() -> ExitCode {
    let process = flow_launch::Job {
        name: String::from("shop-rank"),
        retry: (0, Duration::from_secs(0)),
        timeout: None,
        parquet: Some(flow_parquet::open),
        job,
    };
    flow_launch::job(returns::solution(), process)
}

/// The job `shop.rank` (returns.asol:65).
fn job(_zone: &Arc<Zone>) -> Job<'static> {
    let top = Relation::history(Tap(13), schemas::top());

    // `emit per_user to best` (returns.asol:71)
    let emit = Statement::step(
        "emit",
        "emit-best",
        "emit-best",
        Work::Emit {
            sink: String::from("best"),
            rows: 0,
        },
    );

    Job {
        path: String::from("shop.rank"),
        tolerate: 0,
        slots: 0,
        params: vec![],
        history: Box::new(history),
        relations: vec![top],
        statements: vec![emit],
    }
}

/// What history goes through.
fn history(given: &Given) -> Result<Dataflow, RunError> {
    let zone = &given.zone;
    let mut wiring = Wiring::new(given);
    let purchases = wiring.source("purchases")?;

    // `join users on user_id == users.user_id` (returns.asol:67)
    let lookup_join_on = JoinSpec {
        kind: JoinKind::Inner,
        pick: Pick::All,
        left: schemas::purchases(),
        right: schemas::users(),
        left_keys: vec![Input::column(2)],
        right_keys: vec![Input::column(0)],
        residual: None,
        alias: String::from("users"),
        flow: Arc::from("shop.rank"),
    };
    let lookup_join_table = given.keyed("users", &lookup_join_on)?;
    let lookup_join = wiring.add(
        "shop.rank/lookup_join",
        LookupJoin::new(lookup_join_on, lookup_join_table),
        &[purchases],
    )?;

    // returns.asol:68
    let aggregate_by = GroupSpec {
        input: schemas::aggregate_input(),
        keys: vec![
            Input::column(2),
            compute!(zone, Kind::Bool, rules::verified),
        ],
        aggregates: vec![
            GroupAggregate {
                aggregate: Aggregate::new(AggregateFunc::Count, &[])?,
                arguments: vec![],
                filter: None,
            },
            GroupAggregate {
                aggregate: Aggregate::new(AggregateFunc::Sum, &[DataType::required(Kind::Int)])?,
                arguments: vec![Input::column(4)],
                filter: None,
            },
            GroupAggregate {
                aggregate: Aggregate::new(
                    AggregateFunc::Max,
                    &[DataType::required(Kind::Timestamp)],
                )?,
                arguments: vec![Input::column(0)],
                filter: None,
            },
        ],
        outputs: vec![
            Input::column(0),
            Input::column(1),
            Input::column(2),
            Input::column(3),
            Input::column(4),
        ],
        output: schemas::aggregate(),
        flow: Arc::from("shop.rank"),
    };
    let aggregate = wiring.add(
        "shop.rank/aggregate",
        Group::new(aggregate_by),
        &[lookup_join],
    )?;
    let aggregate_2 = wiring.pass(
        Stand::new(schemas::aggregate(), StandBy::Columns),
        &[aggregate],
    )?;

    // `sort by y desc, user_id` (returns.asol:69)
    let sort = wiring.add(
        "shop.rank/sort",
        Sort::new(
            schemas::aggregate(),
            vec![
                SortKey {
                    value: Input::column(3),
                    descending: true,
                },
                SortKey {
                    value: Input::column(0),
                    descending: false,
                },
            ],
            Arc::from("shop.rank"),
        ),
        &[aggregate_2],
    )?;
    let sort_2 = wiring.pass(Stand::new(schemas::aggregate(), StandBy::Columns), &[sort])?;

    // `top 5 by y per verified rank as place` (returns.asol:70)
    let top_spec = TopSpec {
        count: 5,
        keys: vec![SortKey {
            value: Input::column(3),
            descending: true,
        }],
        per: vec![Input::column(1)],
        with_ties: false,
        rank: Some(String::from("place")),
        flow: Arc::from("shop.rank"),
    };
    let top = wiring.add(
        "shop.rank/top",
        Top::new(schemas::aggregate(), top_spec),
        &[sort_2],
    )?;

    // `top 5 by y per verified rank as place` (returns.asol:70)
    wiring.tap(Tap(13), top, schemas::top())?;
    Ok(wiring.finish())
}
