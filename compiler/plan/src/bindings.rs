//! What a target binds that this version cannot use yet.

use fec_diagnostics::{Diagnostic, Span, codes};

use crate::deployment::Deployment;
use crate::names;

/// A warning for each binding that is not used yet.
#[must_use]
pub fn unused(deployment: &Deployment<'_>) -> Vec<Diagnostic> {
    let Some(target) = deployment.target else { return Vec::new() };
    let claim = names::of_solution(deployment, "data");
    let warn = |what: &str, span: Span| {
        let message = format!(
            "until {what} is there, worker, service and steps mount one ReadWriteMany claim `{claim}` with log, lake \
             and model registry"
        );
        Diagnostic::warning(codes::W0002, span, message)
    };
    let broker = target.broker.as_ref().map(|broker| warn("Kafka", broker.span));
    let store = target.store.as_ref().map(|store| warn("Redis", store.span));
    let lake = target.lake.as_ref().map(|lake| warn("S3", lake.span));
    [broker, store, lake].into_iter().flatten().collect()
}
