//! The keyed state of feature sets, and the rows that read it.

use std::sync::Arc;

use fec_ir::SetPlan;
use fec_model::expr::{AggregateFunction, Expr};
use fec_plan::dataflow::{FeatureRead, FeatureState, Operator as Planned, feature_state};
use flow_core::aggregate::AggregateFunc;
use flow_core::block::WindowedAggregate;
use flow_operators::feature_set::{FeatureParts, FeatureSet};
use flow_operators::features::{Features, Read, Updates};
use flow_operators::operator::Operator;

use super::{Instance, broken};
use crate::error::LocalError;
use crate::expr::{Names, program, shared};

pub use fec_plan::dataflow::set_columns;

/// The runtime's descriptor of the feature sets that one node keeps, and the expressions of the argument slots over its
/// input.
///
/// # Errors
/// A set that no checked solution has.
pub fn descriptor(
    node: &str,
    sets: &[SetPlan],
    head: i64,
    names: &Names,
) -> Result<(FeatureSet, Vec<Expr>), LocalError> {
    let state = feature_state(node, sets, head).map_err(broken)?;
    Ok((feature_set(&state, names)?, state.arguments))
}

/// The runtime's descriptor of a feature state.
fn feature_set(state: &FeatureState, names: &Names) -> Result<FeatureSet, LocalError> {
    let windowed = state.aggregates.iter().map(|one| WindowedAggregate {
        func: function(one.function, one.limit, one.is_ranked, one.exact),
        args: one.arguments.clone(),
        filter: one.filter,
        size: one.size,
        step: one.step,
    });
    let aggregates: Vec<WindowedAggregate> = windowed.collect();
    let mut scalars = Vec::with_capacity(state.scalars.len());
    for scalar in &state.scalars {
        scalars.push(shared(program(&scalar.value, &names.enums.schema(&scalar.row), names)?));
    }
    let parts = FeatureParts {
        name: Arc::from(state.name.as_str()),
        schema: Arc::new(names.enums.schema(&state.columns)),
        aggregates: &aggregates,
        arguments: state.arguments.iter().map(|argument| names.enums.data_type(&argument.ty)).collect(),
        head: state.head,
        scalars,
        order: state.order.clone(),
    };
    FeatureSet::new(parts).map_err(|error| LocalError::Plan(format!("`{}`: {error}", state.name)))
}

/// The runtime's aggregate function; `n` and `ranked` are those of `top_k`.
pub fn function(function: AggregateFunction, n: u32, ranked: bool, exact: bool) -> AggregateFunc {
    match function {
        AggregateFunction::Count => AggregateFunc::Count,
        AggregateFunction::Sum => AggregateFunc::Sum,
        AggregateFunction::Mean => AggregateFunc::Mean,
        AggregateFunction::Min => AggregateFunc::Min,
        AggregateFunction::Max => AggregateFunc::Max,
        AggregateFunction::Var => AggregateFunc::Var,
        AggregateFunction::Stddev => AggregateFunc::Stddev,
        AggregateFunction::First => AggregateFunc::First,
        AggregateFunction::Last => AggregateFunc::Last,
        AggregateFunction::CountDistinct => AggregateFunc::CountDistinct { exact },
        AggregateFunction::TopK => AggregateFunc::TopK { n, by: ranked },
        AggregateFunction::Ratio => AggregateFunc::Ratio,
    }
}

impl Instance<'_> {
    /// The operator that keeps a feature state and serves its readers.
    pub(super) fn features(
        &self,
        planned: &Planned,
        state: &FeatureState,
        keys: &[Expr],
        reads: &[FeatureRead],
    ) -> Result<Box<dyn Operator>, LocalError> {
        let (input, rows) = match planned.inputs.split_first() {
            Some((input, rows)) => (self.schema(input), rows),
            None => return Err(LocalError::Plan(format!("nothing changes `{}`", state.name))),
        };
        let updates =
            Updates { keys: self.programs(keys, &input)?, arguments: self.programs(&state.arguments, &input)? };
        let mut readers = Vec::with_capacity(reads.len());
        for (read, columns) in reads.iter().zip(rows) {
            let input = self.schema(columns);
            readers.push(Read {
                keys: self.programs(&read.keys, &input)?,
                input,
                alias: None,
                including_row: read.including_row,
                flow: Arc::from(read.flow.as_str()),
            });
        }
        Ok(Box::new(Features::new(feature_set(state, self.parts.names)?, updates, readers)))
    }
}
