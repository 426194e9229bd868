//! Where events and tables come from.

use std::sync::Arc;

use flow_core::calendar::{HOUR, SECOND};
use flow_core::types::{Field, Kind, Schema};
use flow_formats::Format;
use flow_task::spec::{Shape, SourceSpec};

/// All sources, in the order of their names: a source's number is its place.
pub fn all() -> Arc<[SourceSpec]> {
    Arc::new([chargebacks(), merchants(), payments()])
}

/// `chargebacks`.
///
/// fraud.asol:33
pub fn chargebacks() -> SourceSpec {
    let columns = Schema::of([
        Field::required("payment", Kind::String),
        Field::required("at", Kind::Timestamp),
    ]);
    SourceSpec {
        history: Some(String::from("lake/chargebacks")),
        time: Some(String::from("at")),
        key: vec![String::from("payment")],
        lateness: HOUR,
        ..SourceSpec::new("chargebacks", Shape::Stream, columns)
    }
}

/// `merchants`.
///
/// fraud.asol:34
pub fn merchants() -> SourceSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("category", Kind::String),
        Field::required("opened", Kind::Date),
    ]);
    SourceSpec {
        file: Some(String::from("data/merchants.csv")),
        format: Format::Csv,
        key: vec![String::from("id")],
        ..SourceSpec::new("merchants", Shape::Table, columns)
    }
}

/// `payments`.
///
/// fraud.asol:23
pub fn payments() -> SourceSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("card", Kind::String),
        Field::required("merchant", Kind::String),
        Field::required("amount", Kind::decimal(12, 2)),
        Field::required("country", Kind::String),
        Field::required("at", Kind::Timestamp),
    ]);
    SourceSpec {
        history: Some(String::from("lake/payments")),
        time: Some(String::from("at")),
        key: vec![String::from("card")],
        unique: vec![String::from("id")],
        lateness: 30 * SECOND,
        ..SourceSpec::new("payments", Shape::Stream, columns)
    }
}
