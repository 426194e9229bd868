//! Where events and tables come from.

use std::sync::Arc;

use flow_core::types::{Field, Kind, Schema};
use flow_formats::Format;
use flow_task::spec::{Shape, SourceSpec};

/// All sources, in the order of their names: a source's number is its place.
pub fn all() -> Arc<[SourceSpec]> {
    Arc::new([blocked()])
}

/// `blocked`.
///
/// decisions.asol:10
pub fn blocked() -> SourceSpec {
    let columns = Schema::of([Field::required("buyer", Kind::String)]);
    SourceSpec {
        file: Some(String::from("blocked.csv")),
        format: Format::Csv,
        key: vec![String::from("buyer")],
        ..SourceSpec::new("blocked", Shape::Table, columns)
    }
}
