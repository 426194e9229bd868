//! What features keep, and the values over it.

use std::sync::Arc;

use flow_core::aggregate::{AggregateError, AggregateFunc};
use flow_core::block::WindowedAggregate;
use flow_core::calendar::{DAY, HOUR, MINUTE, SECOND};
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::zone::Zone;
use flow_operators::feature_set::{FeatureParts, FeatureSet};

/// `card_activity` by card: fraud.asol:38
pub fn card_activity(_zone: &Arc<Zone>) -> Result<FeatureSet, AggregateError> {
    let aggregates = [
        // card_activity.spend_1h
        WindowedAggregate {
            func: AggregateFunc::Sum,
            args: vec![0],
            filter: None,
            size: HOUR,
            step: MINUTE,
        },
        // card_activity.spend_30d
        WindowedAggregate {
            func: AggregateFunc::Sum,
            args: vec![0],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
        // card_activity.payments_10m
        WindowedAggregate {
            func: AggregateFunc::Count,
            args: vec![],
            filter: None,
            size: 10 * MINUTE,
            step: 10 * SECOND,
        },
        // card_activity.countries_24h
        WindowedAggregate {
            func: AggregateFunc::CountDistinct { exact: false },
            args: vec![1],
            filter: None,
            size: DAY,
            step: 30 * MINUTE,
        },
        // card_activity.mean_30d
        WindowedAggregate {
            func: AggregateFunc::Mean,
            args: vec![0],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
        // card_activity.last_country
        WindowedAggregate {
            func: AggregateFunc::Last,
            args: vec![1],
            filter: None,
            size: 30 * DAY,
            step: 12 * HOUR,
        },
    ];
    FeatureSet::new(FeatureParts {
        name: Arc::from("card_activity"),
        schema: Arc::new(Schema::of([
            Field::required("card_activity.spend_1h", Kind::decimal(38, 2)),
            Field::required("card_activity.spend_30d", Kind::decimal(38, 2)),
            Field::required("card_activity.payments_10m", Kind::Int),
            Field::required("card_activity.countries_24h", Kind::Int),
            Field::optional("card_activity.mean_30d", Kind::decimal(38, 8)),
            Field::optional("card_activity.last_country", Kind::String),
        ])),
        aggregates: &aggregates,
        arguments: vec![
            DataType::required(Kind::decimal(12, 2)),
            DataType::required(Kind::String),
        ],
        head: 30 * SECOND,
        scalars: vec![],
        order: vec![0, 1, 2, 3, 4, 5],
    })
}

/// `merchant_volume` by merchant: fraud.asol:47
pub fn merchant_volume(_zone: &Arc<Zone>) -> Result<FeatureSet, AggregateError> {
    let aggregates = [
        // merchant_volume.payments_60d
        WindowedAggregate {
            func: AggregateFunc::Count,
            args: vec![],
            filter: None,
            size: 60 * DAY,
            step: DAY,
        },
    ];
    FeatureSet::new(FeatureParts {
        name: Arc::from("merchant_volume"),
        schema: Arc::new(Schema::of([Field::required(
            "merchant_volume.payments_60d",
            Kind::Int,
        )])),
        aggregates: &aggregates,
        arguments: vec![],
        head: 30 * SECOND,
        scalars: vec![],
        order: vec![0],
    })
}

/// `merchant_disputes` by merchant: fraud.asol:51
pub fn merchant_disputes(_zone: &Arc<Zone>) -> Result<FeatureSet, AggregateError> {
    let aggregates = [
        // merchant_disputes.disputes_60d
        WindowedAggregate {
            func: AggregateFunc::Count,
            args: vec![],
            filter: None,
            size: 60 * DAY,
            step: DAY,
        },
    ];
    FeatureSet::new(FeatureParts {
        name: Arc::from("merchant_disputes"),
        schema: Arc::new(Schema::of([Field::required(
            "merchant_disputes.disputes_60d",
            Kind::Int,
        )])),
        aggregates: &aggregates,
        arguments: vec![],
        head: HOUR,
        scalars: vec![],
        order: vec![0],
    })
}
