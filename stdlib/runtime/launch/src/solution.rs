//! A solution as its processes know it.

use std::sync::Arc;

use flow_core::generated::{Answers, Row};
use flow_core::types::Kind;
use flow_core::value::Value;
use flow_core::zone::Zone;
use flow_operators::expression::Generated;
use flow_task::simulate::Simulation;
use flow_task::{FeatureSources, Freshness, RunError, SinkSpec, SourceSpec};

/// What all processes of a solution share.
pub struct Solution {
    /// Name.
    pub name: String,
    /// Of the plan: state that was written under another begins anew.
    pub fingerprint: String,
    /// IANA zone of `date()` and `hour()`.
    pub timezone: String,
    /// Sources in the order of their names: a source's number is its place.
    pub sources: Arc<[SourceSpec]>,
    /// Sinks in the order of their names.
    pub sinks: Vec<SinkSpec>,
    /// The stable names of the nodes that keep features, in the order of their tables.
    pub features: Vec<String>,
    /// Feature sets, each with the streams that it comes from.
    pub sets: Vec<FeatureSources>,
    /// Parameters; expressions read them by position.
    pub params: Vec<Parameter>,
    /// What fills sources where nothing else does.
    pub simulation: Option<Simulation>,
}

/// A parameter of a solution.
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Its value, over a row without cells and the parameters before it.
    pub value: fn(Row<'_>, &mut Answers),
}

impl Solution {
    /// What tells how fresh its feature sets are.
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness::new(&self.sets, &self.sources)
    }

    /// The values of the parameters.
    ///
    /// # Errors
    /// A value that cannot be computed.
    pub(crate) fn slots(&self, zone: &Arc<Zone>) -> Result<Vec<Value>, RunError> {
        let mut slots: Vec<Value> = Vec::with_capacity(self.params.len());
        for param in &self.params {
            let computed = Generated::new(param.kind.clone(), zone, param.value).value(&[], 0, &slots);
            let none = |fault| RunError::Program(format!("parameter `{}` has no value: {fault}", param.name));
            slots.push(computed.map_err(none)?);
        }
        Ok(slots)
    }
}
