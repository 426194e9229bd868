//! The operators of relations in requests, wired anew for each.

mod rules;
mod schemas;

use std::sync::Arc;

use flow_core::types::Kind;
use flow_operators::compute;
use flow_operators::expression::Input;
use flow_operators::fused::{Fused, Step};
use flow_operators::join::{JoinKind, JoinSpec, Pick};
use flow_operators::lookup_join::LookupJoin;
use flow_operators::stand::{Stand, StandBy};
use flow_task::dataflow::{Dataflow, Tap};
use flow_task::error::RunError;
use flow_task::wiring::{Given, Wiring, columns};

/// The rows of a view over tables.
pub fn lookup_join_rows(given: &Given) -> Result<Dataflow, RunError> {
    let zone = &given.zone;
    let mut wiring = Wiring::new(given);
    let shops = wiring.pass(given.rows("shops")?, &[])?;

    // `where rank <= 2` (offers.asol:20)
    let filter_steps = vec![Step::Filter {
        condition: compute!(zone, Kind::Bool, rules::filter_keeps_2),
        unless_fault: vec![],
    }];
    let filter = wiring.add(
        "over/filter",
        Fused::new(filter_steps, Arc::from("over")),
        &[shops],
    )?;
    let filter_2 = wiring.pass(Stand::new(schemas::shops(), StandBy::Columns), &[filter])?;

    // `where rank <= 2` (offers.asol:20)
    wiring.tap(Tap(121), filter_2, schemas::shops())?;
    Ok(wiring.finish())
}

/// `others` (offers.asol:97)
pub fn part_4_operators(given: &Given) -> Result<Dataflow, RunError> {
    let zone = &given.zone;
    let mut wiring = Wiring::new(given);
    let shops = wiring.given(0, schemas::shops());

    // `where id != shop` (offers.asol:95)
    let filter_steps = vec![Step::Filter {
        condition: compute!(zone, Kind::Bool, rules::filter_keeps),
        unless_fault: vec![],
    }];
    let filter = wiring.add(
        "shop/filter",
        Fused::new(filter_steps, Arc::from("shop")),
        &[shops],
    )?;

    // `join best as b on id == b.id` (offers.asol:95)
    let lookup_join_on = JoinSpec {
        kind: JoinKind::Inner,
        pick: Pick::All,
        left: schemas::shops(),
        right: schemas::shops(),
        left_keys: vec![Input::column(0)],
        right_keys: vec![Input::column(0)],
        residual: None,
        alias: String::from("b"),
        flow: Arc::from("shop"),
    };
    let lookup_join_table = given.viewed(
        lookup_join_rows,
        schemas::shops(),
        &["shops"],
        &lookup_join_on,
    )?;
    let lookup_join = wiring.add(
        "shop/lookup_join",
        LookupJoin::new(lookup_join_on, lookup_join_table),
        &[filter],
    )?;
    let lookup_join_2 = wiring.pass(columns([0]), &[lookup_join])?;

    // `select id` (offers.asol:95)
    let project_steps = vec![Step::Project(vec![Input::column(0)])];
    let project = wiring.add(
        "shop/project",
        Fused::new(project_steps, Arc::from("shop")),
        &[lookup_join_2],
    )?;
    let project_2 = wiring.pass(Stand::new(schemas::project(), StandBy::Columns), &[project])?;

    // `select id` (offers.asol:95)
    wiring.tap(Tap(80), project_2, schemas::project())?;
    Ok(wiring.finish())
}

/// `where rank <= 2` (offers.asol:20)
pub fn best_operators(given: &Given) -> Result<Dataflow, RunError> {
    let zone = &given.zone;
    let mut wiring = Wiring::new(given);
    let shops = wiring.given(0, schemas::shops());

    // `where rank <= 2` (offers.asol:20)
    let filter_steps = vec![Step::Filter {
        condition: compute!(zone, Kind::Bool, rules::filter_keeps_3),
        unless_fault: vec![],
    }];
    let filter = wiring.add(
        "over/filter",
        Fused::new(filter_steps, Arc::from("over")),
        &[shops],
    )?;
    let filter_2 = wiring.pass(Stand::new(schemas::shops(), StandBy::Columns), &[filter])?;

    // `where rank <= 2` (offers.asol:20)
    wiring.tap(Tap(121), filter_2, schemas::shops())?;
    Ok(wiring.finish())
}

/// `select shop, factor` (offers.asol:21)
pub fn current_operators(given: &Given) -> Result<Dataflow, RunError> {
    let mut wiring = Wiring::new(given);
    let prices = wiring.given(0, schemas::prices());

    // `select shop, factor` (offers.asol:21)
    let current_steps = vec![Step::Project(vec![Input::column(0), Input::column(1)])];
    let current = wiring.add(
        "views/current/project",
        Fused::new(current_steps, Arc::from("current")),
        &[prices],
    )?;
    let current_2 = wiring.pass(Stand::new(schemas::prices(), StandBy::Columns), &[current])?;

    // `select shop, factor` (offers.asol:21)
    wiring.tap(Tap(5), current_2, schemas::prices())?;
    Ok(wiring.finish())
}
