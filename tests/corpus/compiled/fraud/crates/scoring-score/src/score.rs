//! The statements of the service `scoring.score`, fraud.asol:85.

use std::sync::Arc;
use std::time::Duration;

use crate::rules;
use flow_core::types::{Field, Kind, Schema};
use flow_core::zone::Zone;
use flow_serve::{Plan, Service, Step, scalar};
use flow_task::wiring::Given;
use fraud::enums;

/// The service `scoring.score` (fraud.asol:85).
pub fn service(given: &Given) -> Service {
    let zone = &given.zone;
    let steps = vec![
        card(zone),
        volume(zone),
        disputes(zone),
        risk(zone),
        respond(zone),
    ];
    let plan = Plan {
        steps,
        cells: cells(),
        parameters: 1,
        deadline: Some(Duration::from_millis(20)),
    };
    Service {
        path: String::from("scoring.score"),
        route: Some(("POST", String::from("/score"))),
        parameters: parameters(),
        result: answer(),
        plan,
    }
}

/// What is sent.
fn parameters() -> Schema {
    Schema::of([Field::required(
        "payment",
        Kind::record([
            Field::required("id", Kind::String),
            Field::required("card", Kind::String),
            Field::required("merchant", Kind::String),
            Field::required("amount", Kind::decimal(12, 2)),
            Field::required("country", Kind::String),
            Field::required("at", Kind::Timestamp),
        ]),
    )])
}

/// What is answered.
fn answer() -> Kind {
    Kind::record([
        Field::required(
            "verdict",
            Kind::members("Verdict", &enums::verdict::MEMBERS),
        ),
        Field::required("reason", Kind::String),
    ])
}

/// What expressions read: parameters, then bindings.
fn cells() -> Vec<Kind> {
    vec![
        Kind::record([
            Field::required("id", Kind::String),
            Field::required("card", Kind::String),
            Field::required("merchant", Kind::String),
            Field::required("amount", Kind::decimal(12, 2)),
            Field::required("country", Kind::String),
            Field::required("at", Kind::Timestamp),
        ]),
        Kind::record([
            Field::required("spend_1h", Kind::decimal(38, 2)),
            Field::required("spend_30d", Kind::decimal(38, 2)),
            Field::required("payments_10m", Kind::Int),
            Field::required("countries_24h", Kind::Int),
            Field::optional("mean_30d", Kind::decimal(38, 8)),
            Field::optional("last_country", Kind::String),
        ]),
        Kind::record([Field::required("payments_60d", Kind::Int)]),
        Kind::record([Field::required("disputes_60d", Kind::Int)]),
        Kind::Float,
    ]
}

/// `card = card_activity[payment.card]` (fraud.asol:86)
fn card(zone: &Arc<Zone>) -> Step {
    let keys = vec![scalar!(zone, Kind::String, [0], rules::card_key)];
    let mut step = Step::features("scoring.score/card/read_features", "card_activity", keys);
    step.target = Some(1);
    step
}

/// `volume = merchant_volume[payment.merchant]` (fraud.asol:87)
fn volume(zone: &Arc<Zone>) -> Step {
    let keys = vec![scalar!(zone, Kind::String, [0], rules::volume_key)];
    let mut step = Step::features(
        "scoring.score/volume/read_features",
        "merchant_volume",
        keys,
    );
    step.target = Some(2);
    step
}

/// `disputes = merchant_disputes[payment.merchant]` (fraud.asol:88)
fn disputes(zone: &Arc<Zone>) -> Step {
    let keys = vec![scalar!(zone, Kind::String, [0], rules::disputes_key)];
    let mut step = Step::features(
        "scoring.score/disputes/read_features",
        "merchant_disputes",
        keys,
    );
    step.target = Some(3);
    step
}

/// `risk = scorer(payment, card, volume, disputes)` (fraud.asol:91)
fn risk(zone: &Arc<Zone>) -> Step {
    let inputs = [
        (
            "amount",
            scalar!(zone, Kind::decimal(12, 2), [0], rules::risk_amount),
        ),
        (
            "spend_1h",
            scalar!(zone, Kind::decimal(38, 2), [1], rules::risk_spend_1h),
        ),
        (
            "spend_30d",
            scalar!(zone, Kind::decimal(38, 2), [1], rules::risk_spend_30d),
        ),
        (
            "payments_10m",
            scalar!(zone, Kind::Int, [1], rules::risk_payments_10m),
        ),
        (
            "countries_24h",
            scalar!(zone, Kind::Int, [1], rules::risk_countries_24h),
        ),
        (
            "mean_30d",
            scalar!(zone, Kind::decimal(38, 8), [1], rules::risk_mean_30d),
        ),
        (
            "payments_60d",
            scalar!(zone, Kind::Int, [2], rules::risk_payments_60d),
        ),
        (
            "disputes_60d",
            scalar!(zone, Kind::Int, [3], rules::risk_disputes_60d),
        ),
    ];
    let mut step = Step::predict("scoring.score/risk/predict", "scorer", inputs);
    step.target = Some(4);
    step.timeout = Some(Duration::from_millis(5));
    step.fallback = Some(scalar!(zone, Kind::Float, [], rules::risk_fallback));
    step
}

/// `return decide(risk, card.countries_24h, payment.amount)` (fraud.asol:93)
fn respond(zone: &Arc<Zone>) -> Step {
    let value = scalar!(zone, answer(), [0, 1, 4], rules::answer);
    Step::respond("scoring.score/response/respond", value)
}
