//! Where events and tables come from.

use std::sync::Arc;

use flow_core::calendar::DAY;
use flow_core::functions::TimeUnit;
use flow_core::types::{Field, Kind, Schema};
use flow_formats::Format;
use flow_task::spec::{Shape, SourceSpec};

/// All sources, in the order of their names: a source's number is its place.
pub fn all() -> Arc<[SourceSpec]> {
    Arc::new([checkouts(), purchases(), returns(), users()])
}

/// `checkouts`.
///
/// returns.asol:12
pub fn checkouts() -> SourceSpec {
    let columns = Schema::of([
        Field::required("ts", Kind::Timestamp),
        Field::required("return_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("product_id", Kind::String),
        Field::required("refund_amt", Kind::Int),
    ]);
    SourceSpec {
        file: Some(String::from(
            "../../../../shared/data/returns/checkouts.csv",
        )),
        time: Some(String::from("ts")),
        format: Format::Csv,
        unit: Some(TimeUnit::Millisecond),
        lateness: DAY,
        ..SourceSpec::new("checkouts", Shape::Stream, columns)
    }
}

/// `purchases`.
///
/// returns.asol:10
pub fn purchases() -> SourceSpec {
    let columns = Schema::of([
        Field::required("ts", Kind::Timestamp),
        Field::required("purchase_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("product_id", Kind::String),
        Field::required("purchase_price", Kind::Int),
    ]);
    SourceSpec {
        file: Some(String::from(
            "../../../../shared/data/returns/purchases.csv",
        )),
        time: Some(String::from("ts")),
        format: Format::Csv,
        unit: Some(TimeUnit::Millisecond),
        lateness: 30 * DAY,
        ..SourceSpec::new("purchases", Shape::Stream, columns)
    }
}

/// `returns`.
///
/// returns.asol:11
pub fn returns() -> SourceSpec {
    let columns = Schema::of([
        Field::required("ts", Kind::Timestamp),
        Field::required("return_id", Kind::String),
        Field::required("user_id", Kind::String),
        Field::required("product_id", Kind::String),
        Field::required("refund_amt", Kind::Int),
    ]);
    SourceSpec {
        file: Some(String::from("../../../../shared/data/returns/returns.csv")),
        time: Some(String::from("ts")),
        format: Format::Csv,
        unit: Some(TimeUnit::Millisecond),
        lateness: 30 * DAY,
        ..SourceSpec::new("returns", Shape::Stream, columns)
    }
}

/// `users`.
///
/// returns.asol:13
pub fn users() -> SourceSpec {
    let columns = Schema::of([
        Field::required("user_id", Kind::String),
        Field::required("account_created_ds", Kind::Date),
        Field::required("email_verified", Kind::Int),
    ]);
    SourceSpec {
        file: Some(String::from("../../../../shared/data/returns/users.csv")),
        format: Format::Csv,
        key: vec![String::from("user_id")],
        ..SourceSpec::new("users", Shape::Table, columns)
    }
}
