//! The statements of the service `shop`, offers.asol:93.

use std::sync::Arc;

use crate::{relations, rules};
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::zone::Zone;
use flow_serve::{Ordered, Plan, Relation, Rows, Service, Step, scalar};
use flow_task::wiring::Given;
use offers::enums;

/// The service `shop` (offers.asol:93).
pub fn service(given: &Given) -> Service {
    let zone = &given.zone;
    let steps = vec![
        mine(zone),
        part_2(zone),
        part_3(zone),
        part_4(given),
        part_5(zone),
        part_6(zone),
        respond(zone),
    ];
    let plan = Plan {
        steps,
        cells: cells(),
        parameters: 1,
        deadline: None,
    };
    Service {
        path: String::from("shop"),
        route: Some(("GET", String::from("/shop/:shop"))),
        parameters: parameters(),
        result: answer(),
        plan,
    }
}

/// What is sent.
fn parameters() -> Schema {
    Schema::of([Field::required("shop", Kind::String)])
}

/// What is answered.
fn answer() -> Kind {
    Kind::record([
        Field::required("known", Kind::Bool),
        Field::optional("factor", Kind::Int),
        Field::required("n", Kind::Int),
        Field::required("total", Kind::Int),
        Field::required("others", Kind::Int),
        Field::optional(
            "last",
            Kind::record([
                Field::required("id", Kind::String),
                Field::required("shop", Kind::String),
                Field::required("amount", Kind::Int),
                Field::required("level", Kind::members("Level", &enums::level::MEMBERS)),
                Field::required("at", Kind::Timestamp),
            ]),
        ),
        Field::optional("stands", Kind::String),
    ])
}

/// What expressions read: parameters, then bindings.
fn cells() -> Vec<Kind> {
    vec![
        Kind::String,
        Kind::record([
            Field::required("total", Kind::Int),
            Field::required("sales_30d", Kind::Int),
        ]),
        Kind::record([
            Field::required("id", Kind::String),
            Field::required("name", Kind::String),
            Field::required("rank", Kind::Int),
        ]),
        Kind::record([
            Field::required("shop", Kind::String),
            Field::required("factor", Kind::Int),
        ]),
        Kind::list(DataType::required(Kind::record([Field::required(
            "id",
            Kind::String,
        )]))),
        Kind::record([
            Field::required("id", Kind::String),
            Field::required("shop", Kind::String),
            Field::required("amount", Kind::Int),
            Field::required("level", Kind::members("Level", &enums::level::MEMBERS)),
            Field::required("at", Kind::Timestamp),
        ]),
        Kind::record([
            Field::required("shop", Kind::String),
            Field::required("id", Kind::String),
        ]),
    ]
}

/// `mine = takings[shop]` (offers.asol:94)
fn mine(zone: &Arc<Zone>) -> Step {
    let keys = vec![scalar!(zone, Kind::String, [0], rules::mine_key)];
    let mut step = Step::features("shop/mine/read_features", "takings", keys);
    step.target = Some(1);
    step
}

/// `best[shop]` (offers.asol:97)
fn part_2(zone: &Arc<Zone>) -> Step {
    let keys = vec![scalar!(zone, Kind::String, [0], rules::part_2_key)];
    let mut step = Step::table("shop/$3/read_table", "best", keys);
    step.target = Some(2);
    step
}

/// `current[shop]` (offers.asol:97)
fn part_3(zone: &Arc<Zone>) -> Step {
    let keys = vec![scalar!(zone, Kind::String, [0], rules::part_3_key)];
    let mut step = Step::table("shop/$4/read_table", "current", keys);
    step.target = Some(3);
    step
}

/// `others` (offers.asol:97)
fn part_4(given: &Given) -> Step {
    let relation = Relation {
        rows: Ordered {
            rows: Rows::Through {
                inputs: vec![(
                    3,
                    Rows::Table {
                        table: String::from("shops"),
                        columns: vec![0, 1, 2],
                    },
                )],
                operators: flow_serve::wired(given, relations::part_4_operators),
                schema: Arc::new(Schema::of([Field::required("id", Kind::String)])),
            },
            is_ordered: false,
        },
        reads: vec![vec![0]],
    };
    let mut step = Step::collect("shop/$5/collect", relation);
    step.target = Some(4);
    step
}

/// `last_sale[shop]` (offers.asol:98)
fn part_5(zone: &Arc<Zone>) -> Step {
    let keys = vec![scalar!(zone, Kind::String, [0], rules::part_5_key)];
    let mut step = Step::table("shop/$6/read_table", "last_sale", keys);
    step.target = Some(5);
    step
}

/// `standing[shop]` (offers.asol:98)
fn part_6(zone: &Arc<Zone>) -> Step {
    let keys = vec![scalar!(zone, Kind::String, [0], rules::part_6_key)];
    let mut step = Step::table("shop/$7/read_table", "standing", keys);
    step.target = Some(6);
    step
}

/// `return { known: best[shop] != null, factor: current[shop].factor, n: mine.sales_30d, total: mine.total, others: length(others), last: last_sale[shop], stands: s…` (offers.asol:96)
fn respond(zone: &Arc<Zone>) -> Step {
    let value = scalar!(zone, answer(), [1, 2, 3, 4, 5, 6], rules::answer);
    let mut step = Step::respond("shop/response/respond", value);
    step.parts = vec![1, 2, 3, 4, 5];
    step
}
