//! What features keep, and the values over it.

use std::sync::Arc;

use flow_core::aggregate::{AggregateError, AggregateFunc};
use flow_core::block::WindowedAggregate;
use flow_core::calendar::{DAY, HOUR, MINUTE};
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::zone::Zone;
use flow_operators::feature_set::{FeatureParts, FeatureSet};

/// `takings` by shop: offers.asol:31
pub fn takings(_zone: &Arc<Zone>) -> Result<FeatureSet, AggregateError> {
    let aggregates = [
        // takings.total
        WindowedAggregate {
            func: AggregateFunc::Sum,
            args: vec![0],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
        // takings.sales_30d
        WindowedAggregate {
            func: AggregateFunc::Count,
            args: vec![],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
    ];
    FeatureSet::new(FeatureParts {
        name: Arc::from("takings"),
        schema: Arc::new(Schema::of([
            Field::required("takings.total", Kind::Int),
            Field::required("takings.sales_30d", Kind::Int),
        ])),
        aggregates: &aggregates,
        arguments: vec![DataType::required(Kind::Int)],
        head: MINUTE,
        scalars: vec![],
        order: vec![0, 1],
    })
}
