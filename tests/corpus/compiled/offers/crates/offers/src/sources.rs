//! Where events and tables come from.

use std::sync::Arc;

use crate::enums;
use flow_core::calendar::MINUTE;
use flow_core::types::{Field, Kind, Schema};
use flow_formats::Format;
use flow_task::spec::{Shape, SourceSpec};

/// All sources, in the order of their names: a source's number is its place.
pub fn all() -> Arc<[SourceSpec]> {
    Arc::new([prices(), sales(), shops()])
}

/// `prices`.
///
/// offers.asol:18
pub fn prices() -> SourceSpec {
    let columns = Schema::of([
        Field::required("shop", Kind::String),
        Field::required("factor", Kind::Int),
        Field::required("from_when", Kind::Timestamp),
    ]);
    SourceSpec {
        file: Some(String::from("prices.csv")),
        versions: Some(String::from("from_when")),
        format: Format::Csv,
        key: vec![String::from("shop")],
        ..SourceSpec::new("prices", Shape::Table, columns)
    }
}

/// `sales`.
///
/// offers.asol:16
pub fn sales() -> SourceSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("shop", Kind::String),
        Field::required("amount", Kind::Int),
        Field::required("level", Kind::members("Level", &enums::level::MEMBERS)),
        Field::required("at", Kind::Timestamp),
    ]);
    SourceSpec {
        file: Some(String::from("sales.jsonl")),
        time: Some(String::from("at")),
        key: vec![String::from("shop")],
        lateness: MINUTE,
        ..SourceSpec::new("sales", Shape::Stream, columns)
    }
}

/// `shops`.
///
/// offers.asol:17
pub fn shops() -> SourceSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("name", Kind::String),
        Field::required("rank", Kind::Int),
    ]);
    SourceSpec {
        file: Some(String::from("shops.csv")),
        format: Format::Csv,
        key: vec![String::from("id")],
        ..SourceSpec::new("shops", Shape::Table, columns)
    }
}
