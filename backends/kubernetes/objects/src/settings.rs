//! What processes are told: secrets and variables of a target, as references and never as values.

use fec_model::target::Given;
use fec_plan::{Deployment, names};

use crate::pod::{KeyRef, ValueFrom, Variable};
use crate::tree::At;

/// The map of the user's own variables, which `env("NAME")` reads: `SOLUTION-environment`.
#[must_use]
pub fn environment(deployment: &Deployment<'_>) -> String {
    names::of_solution(deployment, "environment")
}

/// The variables of every process: what the target's bindings and the declared secrets refer to.
///
/// A process starts without them, because nothing that this version generates reads them yet.
#[must_use]
pub fn variables(deployment: &Deployment<'_>) -> Vec<At<Variable>> {
    let mut list = Vec::new();
    let Some(target) = deployment.target else { return list };
    let mut given = |name: &str, key: &str, value: &Given, span| {
        let from = match value {
            Given::Text(text) => {
                let variable = Variable { name: name.to_owned(), value: Some(text.clone()), value_from: None };
                list.push(At::new(span, variable));
                return;
            }
            Given::Env(variable) => ValueFrom {
                config_map_key_ref: Some(KeyRef {
                    name: environment(deployment),
                    key: variable.clone(),
                    optional: true,
                }),
                ..ValueFrom::default()
            },
            Given::Secret(secret) => ValueFrom {
                secret_key_ref: Some(KeyRef {
                    name: names::subdomain(target.secret_name(secret)),
                    key: key.to_owned(),
                    optional: true,
                }),
                ..ValueFrom::default()
            },
        };
        list.push(At::new(span, Variable { name: name.to_owned(), value: None, value_from: Some(from) }));
    };
    if let Some(broker) = &target.broker {
        given("FLOW_BROKERS", "brokers", &broker.brokers, broker.span);
        if let Some(auth) = &broker.auth {
            given("FLOW_BROKER_USERNAME", "username", auth, broker.span);
            given("FLOW_BROKER_PASSWORD", "password", auth, broker.span);
        }
    }
    if let Some(store) = &target.store {
        given("FLOW_STORE_URL", "url", &store.url, store.span);
    }
    if let Some(lake) = &target.lake {
        given("FLOW_LAKE_BUCKET", "bucket", &lake.bucket, lake.span);
        if let Some(prefix) = &lake.prefix {
            given("FLOW_LAKE_PREFIX", "prefix", &Given::Text(prefix.clone()), lake.span);
        }
        if let Some(endpoint) = &lake.endpoint {
            given("FLOW_LAKE_ENDPOINT", "endpoint", endpoint, lake.span);
        }
        if let Some(auth) = &lake.auth {
            given("FLOW_LAKE_USERNAME", "username", auth, lake.span);
            given("FLOW_LAKE_PASSWORD", "password", auth, lake.span);
        }
    }
    for secret in &target.secrets {
        let name = format!("SECRET_{}", secret.secret.to_ascii_uppercase());
        given(&name, "value", &Given::Secret(secret.secret.clone()), secret.span);
    }
    list
}
