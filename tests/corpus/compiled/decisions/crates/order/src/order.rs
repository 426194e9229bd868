//! The statements of the service `order`, decisions.asol:19.

use std::sync::Arc;

use crate::{relations, rules};
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::zone::Zone;
use flow_serve::{Guard, Ordered, Plan, Relation, Rows, Service, Step, scalar};
use flow_task::wiring::Given;

/// The type of `order.items` (decisions.asol:22).
fn part_4_items_kind() -> Kind {
    Kind::list(DataType::required(Kind::record([
        Field::required("id", Kind::String),
        Field::required("price", Kind::decimal(12, 2)),
    ])))
}

/// The type of `{ id: order.id, buyer: order.buyer, count, accepted, at: now }` (decisions.asol:23).
fn part_5_items_kind() -> Kind {
    Kind::list(DataType::required(Kind::record([
        Field::required("id", Kind::String),
        Field::required("buyer", Kind::String),
        Field::required("count", Kind::Int),
        Field::required("accepted", Kind::Bool),
        Field::required("at", Kind::Timestamp),
    ])))
}

/// The type of `[{ id: order.id, share: 9_223_372_036_854_775_806 + order.share }]` (decisions.asol:25).
fn part_6_items_kind() -> Kind {
    Kind::list(DataType::required(Kind::record([
        Field::required("id", Kind::String),
        Field::required("share", Kind::Int),
    ])))
}

/// The type of `order.items` (decisions.asol:30).
fn part_8_items_kind() -> Kind {
    Kind::list(DataType::required(Kind::record([
        Field::required("id", Kind::String),
        Field::required("price", Kind::decimal(12, 2)),
    ])))
}

/// The service `order` (decisions.asol:19).
pub fn service(given: &Given) -> Service {
    let zone = &given.zone;
    let steps = vec![
        count(zone),
        part_2(zone),
        accepted(zone),
        part_4(given),
        part_5(zone),
        part_6(zone),
        respond(zone),
        part_8(given),
        respond_2(zone),
    ];
    let plan = Plan {
        steps,
        cells: cells(),
        parameters: 1,
        deadline: None,
    };
    Service {
        path: String::from("order"),
        route: Some(("POST", String::from("/order"))),
        parameters: parameters(),
        result: answer(),
        plan,
    }
}

/// What is sent.
fn parameters() -> Schema {
    Schema::of([Field::required(
        "order",
        Kind::record([
            Field::required("id", Kind::String),
            Field::required("buyer", Kind::String),
            Field::required("share", Kind::Int),
            Field::required(
                "items",
                Kind::list(DataType::required(Kind::record([
                    Field::required("id", Kind::String),
                    Field::required("price", Kind::decimal(12, 2)),
                ]))),
            ),
            Field::optional("coupon", Kind::String),
        ]),
    )])
}

/// What is answered.
fn answer() -> Kind {
    Kind::record([
        Field::required("id", Kind::String),
        Field::required("count", Kind::Int),
        Field::required("accepted", Kind::Bool),
        Field::required("saved", Kind::Int),
    ])
}

/// What expressions read: parameters, then bindings.
fn cells() -> Vec<Kind> {
    vec![
        Kind::record([
            Field::required("id", Kind::String),
            Field::required("buyer", Kind::String),
            Field::required("share", Kind::Int),
            Field::required(
                "items",
                Kind::list(DataType::required(Kind::record([
                    Field::required("id", Kind::String),
                    Field::required("price", Kind::decimal(12, 2)),
                ]))),
            ),
            Field::optional("coupon", Kind::String),
        ]),
        Kind::Int,
        Kind::record([Field::required("buyer", Kind::String)]),
        Kind::Bool,
    ]
}

/// `count = length(order.items)` (decisions.asol:20)
fn count(zone: &Arc<Zone>) -> Step {
    let value = scalar!(zone, Kind::Int, [0], rules::count_value);
    let mut step = Step::value("order/count/scalar", value);
    step.target = Some(1);
    step
}

/// `blocked[order.buyer]` (decisions.asol:21)
fn part_2(zone: &Arc<Zone>) -> Step {
    let keys = vec![scalar!(zone, Kind::String, [0], rules::part_2_key)];
    let mut step = Step::table("order/$2/read_table", "blocked", keys);
    step.target = Some(2);
    step
}

/// `accepted = blocked[order.buyer] == null` (decisions.asol:21)
fn accepted(zone: &Arc<Zone>) -> Step {
    let value = scalar!(zone, Kind::Bool, [2], rules::accepted_value);
    let mut step = Step::value("order/accepted/scalar", value);
    step.target = Some(3);
    step.parts = vec![1];
    step
}

/// `emit order.items |> top 1 by price |> select item = id, price, order = order.id to dearest` (decisions.asol:22)
fn part_4(given: &Given) -> Step {
    let zone = &given.zone;
    let relation = Relation {
        rows: Ordered {
            rows: Rows::Through {
                inputs: vec![(
                    1,
                    Rows::List {
                        items: scalar!(zone, part_4_items_kind(), [0], rules::part_4_items),
                        columns: vec![(Some(0), Kind::String), (Some(1), Kind::decimal(12, 2))],
                    },
                )],
                operators: flow_serve::wired(given, relations::part_4_operators),
                schema: Arc::new(Schema::of([
                    Field::required("item", Kind::String),
                    Field::required("price", Kind::decimal(12, 2)),
                    Field::required("order", Kind::String),
                ])),
            },
            is_ordered: true,
        },
        reads: vec![vec![0, 0]],
    };
    Step::emit("order/dearest/emit", "dearest", relation)
}

/// `emit { id: order.id, buyer: order.buyer, count, accepted, at: now } to answers` (decisions.asol:23)
fn part_5(zone: &Arc<Zone>) -> Step {
    let relation = Relation {
        rows: Ordered {
            rows: Rows::List {
                items: scalar!(zone, part_5_items_kind(), [0, 1, 3], rules::part_5_items),
                columns: vec![
                    (Some(0), Kind::String),
                    (Some(1), Kind::String),
                    (Some(2), Kind::Int),
                    (Some(3), Kind::Bool),
                    (Some(4), Kind::Timestamp),
                ],
            },
            is_ordered: true,
        },
        reads: vec![],
    };
    Step::emit("order/answers/emit", "answers", relation)
}

/// `emit [{ id: order.id, share: 9_223_372_036_854_775_806 + order.share }] to refused` (decisions.asol:25)
fn part_6(zone: &Arc<Zone>) -> Step {
    let relation = Relation {
        rows: Ordered {
            rows: Rows::List {
                items: scalar!(zone, part_6_items_kind(), [0], rules::part_6_items),
                columns: vec![(Some(0), Kind::String), (Some(1), Kind::Int)],
            },
            is_ordered: true,
        },
        reads: vec![],
    };
    let mut step = Step::emit("order/refused/emit", "refused", relation);
    let condition = scalar!(zone, Kind::Bool, [3], rules::part_6_if);
    step.guards.push(Guard {
        condition,
        wanted: true,
    });
    step
}

/// `return { id: order.id, count, accepted, saved: 0 }` (decisions.asol:28)
fn respond(zone: &Arc<Zone>) -> Step {
    let value = scalar!(zone, answer(), [0, 1, 3], rules::answer);
    let mut step = Step::respond("order/response/respond", value);
    let condition = scalar!(zone, Kind::Bool, [0], rules::respond_if);
    step.guards.push(Guard {
        condition,
        wanted: true,
    });
    step
}

/// `emit order.items |> where price > length(order.coupon) |> select item = id, price, order = order.coupon to dearest` (decisions.asol:30)
fn part_8(given: &Given) -> Step {
    let zone = &given.zone;
    let relation = Relation {
        rows: Ordered {
            rows: Rows::Through {
                inputs: vec![(
                    1,
                    Rows::List {
                        items: scalar!(zone, part_8_items_kind(), [0], rules::part_8_items),
                        columns: vec![(Some(0), Kind::String), (Some(1), Kind::decimal(12, 2))],
                    },
                )],
                operators: flow_serve::wired(given, relations::part_8_operators),
                schema: Arc::new(Schema::of([
                    Field::required("item", Kind::String),
                    Field::required("price", Kind::decimal(12, 2)),
                    Field::required("order", Kind::String),
                ])),
            },
            is_ordered: true,
        },
        reads: vec![vec![0, 4]],
    };
    Step::emit("order/dearest/emit-2", "dearest", relation)
}

/// `return { id: order.id, count, accepted, saved: length(order.coupon) * count }` (decisions.asol:31)
fn respond_2(zone: &Arc<Zone>) -> Step {
    let value = scalar!(zone, answer(), [0, 1, 3], rules::answer_2);
    Step::respond("order/response/respond-2", value)
}
