//! Where rows go.

use std::sync::Arc;

use crate::enums;
use flow_core::types::{Field, Kind, Schema};
use flow_task::spec::SinkSpec;

/// All sinks, in the order of their names.
pub fn all() -> Vec<SinkSpec> {
    vec![asked(), busy(), counted(), followed(), noted(), offered()]
}

/// `asked`.
///
/// offers.asol:37
pub fn asked() -> SinkSpec {
    let columns = Schema::of([
        Field::required("shop", Kind::String),
        Field::required("id", Kind::String),
        Field::required("at", Kind::Timestamp),
    ]);
    SinkSpec {
        name: String::from("asked"),
        schema: Arc::new(columns),
        key: vec![String::from("shop")],
        upsert: true,
        by_jobs: false,
    }
}

/// `busy`.
///
/// offers.asol:38
pub fn busy() -> SinkSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("shop", Kind::String),
        Field::required("amount", Kind::Int),
        Field::required("total", Kind::Int),
    ]);
    SinkSpec {
        name: String::from("busy"),
        schema: Arc::new(columns),
        key: vec![],
        upsert: false,
        by_jobs: false,
    }
}

/// `counted`.
///
/// offers.asol:41
pub fn counted() -> SinkSpec {
    let columns = Schema::of([
        Field::required("shop", Kind::String),
        Field::required("again", Kind::Int),
    ]);
    SinkSpec {
        name: String::from("counted"),
        schema: Arc::new(columns),
        key: vec![],
        upsert: false,
        by_jobs: true,
    }
}

/// `followed`.
///
/// offers.asol:40
pub fn followed() -> SinkSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("shop", Kind::String),
        Field::required("before", Kind::String),
        Field::required("held", Kind::String),
    ]);
    SinkSpec {
        name: String::from("followed"),
        schema: Arc::new(columns),
        key: vec![],
        upsert: false,
        by_jobs: false,
    }
}

/// `noted`.
///
/// offers.asol:39
pub fn noted() -> SinkSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("n", Kind::Int),
    ]);
    SinkSpec {
        name: String::from("noted"),
        schema: Arc::new(columns),
        key: vec![],
        upsert: false,
        by_jobs: false,
    }
}

/// `offered`.
///
/// offers.asol:36
pub fn offered() -> SinkSpec {
    let columns = Schema::of([
        Field::required("id", Kind::String),
        Field::required("shop", Kind::String),
        Field::required("price", Kind::Int),
        Field::required("total", Kind::Int),
        Field::required("level", Kind::members("Level", &enums::level::MEMBERS)),
    ]);
    SinkSpec {
        name: String::from("offered"),
        schema: Arc::new(columns),
        key: vec![],
        upsert: false,
        by_jobs: false,
    }
}
