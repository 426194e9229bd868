//! What features keep, and the values over it.

use std::sync::Arc;

use flow_core::aggregate::{AggregateError, AggregateFunc};
use flow_core::block::WindowedAggregate;
use flow_core::calendar::{DAY, HOUR};
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::zone::Zone;
use flow_operators::feature_set::{FeatureParts, FeatureSet};

/// `purchase_windows` by user_id: returns.asol:15
pub fn purchase_windows(_zone: &Arc<Zone>) -> Result<FeatureSet, AggregateError> {
    let aggregates = [
        // purchase_windows.spent_3d
        WindowedAggregate {
            func: AggregateFunc::Sum,
            args: vec![0],
            filter: None,
            size: 3 * DAY,
            step: 3 * HOUR,
        },
        // purchase_windows.spent_14d
        WindowedAggregate {
            func: AggregateFunc::Sum,
            args: vec![0],
            filter: None,
            size: 14 * DAY,
            step: 12 * HOUR,
        },
        // purchase_windows.spent_30d
        WindowedAggregate {
            func: AggregateFunc::Sum,
            args: vec![0],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
        // purchase_windows.bought_3d
        WindowedAggregate {
            func: AggregateFunc::Count,
            args: vec![],
            filter: None,
            size: 3 * DAY,
            step: 3 * HOUR,
        },
        // purchase_windows.bought_14d
        WindowedAggregate {
            func: AggregateFunc::Count,
            args: vec![],
            filter: None,
            size: 14 * DAY,
            step: 12 * HOUR,
        },
        // purchase_windows.bought_30d
        WindowedAggregate {
            func: AggregateFunc::Count,
            args: vec![],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
        // purchase_windows.mean_30d
        WindowedAggregate {
            func: AggregateFunc::Mean,
            args: vec![0],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
        // purchase_windows.last_30d
        WindowedAggregate {
            func: AggregateFunc::Last,
            args: vec![0],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
    ];
    FeatureSet::new(FeatureParts {
        name: Arc::from("purchase_windows"),
        schema: Arc::new(Schema::of([
            Field::required("purchase_windows.spent_3d", Kind::Int),
            Field::required("purchase_windows.spent_14d", Kind::Int),
            Field::required("purchase_windows.spent_30d", Kind::Int),
            Field::required("purchase_windows.bought_3d", Kind::Int),
            Field::required("purchase_windows.bought_14d", Kind::Int),
            Field::required("purchase_windows.bought_30d", Kind::Int),
            Field::optional("purchase_windows.mean_30d", Kind::Float),
            Field::optional("purchase_windows.last_30d", Kind::Int),
        ])),
        aggregates: &aggregates,
        arguments: vec![DataType::required(Kind::Int)],
        head: 30 * DAY,
        scalars: vec![],
        order: vec![0, 1, 2, 3, 4, 5, 6, 7],
    })
}

/// `return_windows` by user_id: returns.asol:26
pub fn return_windows(_zone: &Arc<Zone>) -> Result<FeatureSet, AggregateError> {
    let aggregates = [
        // return_windows.refunded_3d
        WindowedAggregate {
            func: AggregateFunc::Sum,
            args: vec![0],
            filter: None,
            size: 3 * DAY,
            step: 3 * HOUR,
        },
        // return_windows.refunded_14d
        WindowedAggregate {
            func: AggregateFunc::Sum,
            args: vec![0],
            filter: None,
            size: 14 * DAY,
            step: 12 * HOUR,
        },
        // return_windows.refunded_30d
        WindowedAggregate {
            func: AggregateFunc::Sum,
            args: vec![0],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
        // return_windows.returned_30d
        WindowedAggregate {
            func: AggregateFunc::Count,
            args: vec![],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
        // return_windows.top
        WindowedAggregate {
            func: AggregateFunc::TopK { n: 3, by: false },
            args: vec![1],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
        // return_windows.share
        WindowedAggregate {
            func: AggregateFunc::Ratio,
            args: vec![2],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
    ];
    FeatureSet::new(FeatureParts {
        name: Arc::from("return_windows"),
        schema: Arc::new(Schema::of([
            Field::required("return_windows.refunded_3d", Kind::Int),
            Field::required("return_windows.refunded_14d", Kind::Int),
            Field::required("return_windows.refunded_30d", Kind::Int),
            Field::required("return_windows.returned_30d", Kind::Int),
            Field::required(
                "return_windows.top",
                Kind::list(DataType::required(Kind::record([
                    Field::required("value", Kind::String),
                    Field::required("count", Kind::Int),
                ]))),
            ),
            Field::optional("return_windows.share", Kind::Float),
        ])),
        aggregates: &aggregates,
        arguments: vec![
            DataType::required(Kind::Int),
            DataType::required(Kind::String),
            DataType::required(Kind::Bool),
        ],
        head: 30 * DAY,
        scalars: vec![],
        order: vec![0, 1, 2, 3, 4, 5],
    })
}

/// `refund_delays` by user_id: returns.asol:36
pub fn refund_delays(_zone: &Arc<Zone>) -> Result<FeatureSet, AggregateError> {
    let aggregates = [
        // refund_delays.matched_30d
        WindowedAggregate {
            func: AggregateFunc::Count,
            args: vec![],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
        // refund_delays.gap
        WindowedAggregate {
            func: AggregateFunc::Max,
            args: vec![0],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
    ];
    FeatureSet::new(FeatureParts {
        name: Arc::from("refund_delays"),
        schema: Arc::new(Schema::of([
            Field::required("refund_delays.matched_30d", Kind::Int),
            Field::optional("refund_delays.gap", Kind::Int),
        ])),
        aggregates: &aggregates,
        arguments: vec![DataType::required(Kind::Int)],
        head: 30 * DAY,
        scalars: vec![],
        order: vec![0, 1],
    })
}
