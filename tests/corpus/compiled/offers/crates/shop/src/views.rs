//! The views over tables that services read by key.

use std::sync::Arc;

use crate::relations;
use flow_core::types::{Field, Kind, Schema};
use flow_serve::{Ordered, Rows, View};
use flow_task::wiring::Given;

/// All of them.
pub fn all(given: &Given) -> Vec<View> {
    vec![best(given), current(given)]
}

/// `where rank <= 2` (offers.asol:20)
fn best(given: &Given) -> View {
    View {
        name: String::from("best"),
        rows: Ordered {
            rows: Rows::Through {
                inputs: vec![(
                    3,
                    Rows::Table {
                        table: String::from("shops"),
                        columns: vec![0, 1, 2],
                    },
                )],
                operators: flow_serve::wired(given, relations::best_operators),
                schema: Arc::new(Schema::of([
                    Field::required("id", Kind::String),
                    Field::required("name", Kind::String),
                    Field::required("rank", Kind::Int),
                ])),
            },
            is_ordered: false,
        },
        schema: Arc::new(Schema::of([
            Field::required("id", Kind::String),
            Field::required("name", Kind::String),
            Field::required("rank", Kind::Int),
        ])),
        key: vec![String::from("id")],
    }
}

/// `select shop, factor` (offers.asol:21)
fn current(given: &Given) -> View {
    View {
        name: String::from("current"),
        rows: Ordered {
            rows: Rows::Through {
                inputs: vec![(
                    3,
                    Rows::Table {
                        table: String::from("prices"),
                        columns: vec![0, 1],
                    },
                )],
                operators: flow_serve::wired(given, relations::current_operators),
                schema: Arc::new(Schema::of([
                    Field::required("shop", Kind::String),
                    Field::required("factor", Kind::Int),
                ])),
            },
            is_ordered: false,
        },
        schema: Arc::new(Schema::of([
            Field::required("shop", Kind::String),
            Field::required("factor", Kind::Int),
        ])),
        key: vec![String::from("shop")],
    }
}
