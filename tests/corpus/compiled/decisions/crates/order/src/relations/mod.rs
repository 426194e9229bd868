//! The operators of relations in requests, wired anew for each.

mod rules;
mod schemas;

use std::sync::Arc;

use flow_core::types::Kind;
use flow_operators::compute;
use flow_operators::expression::Input;
use flow_operators::fused::{Fused, Step};
use flow_operators::sort::{SortKey, Top, TopSpec};
use flow_operators::stand::{Stand, StandBy};
use flow_task::dataflow::{Dataflow, Tap};
use flow_task::error::RunError;
use flow_task::wiring::{Given, Wiring};

/// `emit order.items |> top 1 by price |> select item = id, price, order = order.id to dearest` (decisions.asol:22)
pub fn part_4_operators(given: &Given) -> Result<Dataflow, RunError> {
    let zone = &given.zone;
    let mut wiring = Wiring::new(given);
    let part_4_items = wiring.given(0, schemas::part_4_items());
    let rows = wiring.pass(
        Stand::new(schemas::part_4_items(), StandBy::Columns),
        &[part_4_items],
    )?;

    // `top 1 by price` (decisions.asol:22)
    let top_spec = TopSpec {
        count: 1,
        keys: vec![SortKey {
            value: Input::column(1),
            descending: true,
        }],
        per: vec![],
        with_ties: false,
        rank: None,
        flow: Arc::from("order"),
    };
    let top = wiring.add(
        "order/top",
        Top::new(schemas::part_4_items(), top_spec),
        &[rows],
    )?;

    // `select item = id, price, order = order.id` (decisions.asol:22)
    let project_steps = vec![Step::Project(vec![
        Input::column(0),
        Input::column(1),
        compute!(zone, Kind::String, rules::order),
    ])];
    let project = wiring.add(
        "order/project",
        Fused::new(project_steps, Arc::from("order")),
        &[top],
    )?;

    // `select item = id, price, order = order.id` (decisions.asol:22)
    wiring.tap(Tap(6), project, schemas::view())?;
    Ok(wiring.finish())
}

/// `emit order.items |> where price > length(order.coupon) |> select item = id, price, order = order.coupon to dearest` (decisions.asol:30)
pub fn part_8_operators(given: &Given) -> Result<Dataflow, RunError> {
    let zone = &given.zone;
    let mut wiring = Wiring::new(given);
    let part_8_items = wiring.given(0, schemas::part_4_items());

    // `select item = id, price, order = order.coupon` (decisions.asol:30)
    let project_2_steps = vec![
        Step::Filter {
            condition: compute!(zone, Kind::Bool, rules::project_2_keeps),
            unless_fault: vec![],
        },
        Step::Project(vec![
            Input::column(0),
            Input::column(1),
            compute!(zone, Kind::String, rules::order_2),
        ]),
    ];
    let project_2 = wiring.add(
        "order/project-2",
        Fused::new(project_2_steps, Arc::from("order")),
        &[part_8_items],
    )?;

    // `select item = id, price, order = order.coupon` (decisions.asol:30)
    wiring.tap(Tap(15), project_2, schemas::view())?;
    Ok(wiring.finish())
}
