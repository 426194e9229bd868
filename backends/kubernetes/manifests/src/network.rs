//! How processes are reached, and by whom.

use std::collections::BTreeMap;

use fec_objects::Object;
use fec_objects::meta::{selector, unit_metadata};
use fec_plan::{Deployment, Unit, UnitKind, names};

use crate::common::{PORT, PORT_NAME, selects};
use crate::types::{Egress, Ingress, Peer, PolicyPort, PolicySpec, Port, Selector, ServicePort, ServiceSpec};

/// The name of a unit: one address for a service, the pod's own name for a worker.
pub fn service(deployment: &Deployment<'_>, unit: &Unit) -> Object<ServiceSpec> {
    Object {
        api_version: "v1",
        kind: "Service",
        metadata: unit_metadata(deployment, unit),
        spec: ServiceSpec {
            cluster_ip: (unit.kind == UnitKind::Worker).then_some("None"),
            kind: "ClusterIP",
            selector: selector(deployment, unit),
            ports: vec![ServicePort {
                name: PORT_NAME,
                port: PORT,
                target_port: PORT_NAME,
                protocol: "TCP",
                app_protocol: "http",
            }],
        },
    }
}

/// Requests may come to a service from every namespace of the cluster, to a worker (its metrics) from its own and from
/// those that watch; both go to nobody but whoever resolves names: what they exchange lies on the claim.
pub fn policy(deployment: &Deployment<'_>, unit: &Unit) -> Object<PolicySpec> {
    let labelled =
        |key: &str, value: &str| Selector { match_labels: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])) };
    let own = Peer {
        pod_selector: Some(labelled("app.kubernetes.io/instance", &names::solution(deployment))),
        ..Peer::default()
    };
    let anyone = Peer { namespace_selector: Some(Selector::default()), ..Peer::default() };
    let watching =
        Peer { namespace_selector: Some(labelled("kubernetes.io/metadata.name", "monitoring")), ..Peer::default() };
    let from = match unit.kind {
        UnitKind::Service => vec![anyone],
        UnitKind::Worker | UnitKind::Job => vec![own, watching],
    };
    let names = Peer {
        namespace_selector: Some(labelled("kubernetes.io/metadata.name", "kube-system")),
        pod_selector: Some(labelled("k8s-app", "kube-dns")),
    };
    Object {
        api_version: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: unit_metadata(deployment, unit),
        spec: PolicySpec {
            pod_selector: selects(deployment, unit),
            policy_types: vec!["Ingress", "Egress"],
            ingress: vec![Ingress {
                from: Some(from),
                ports: vec![PolicyPort { protocol: "TCP", port: Port::Name(PORT_NAME) }],
            }],
            egress: vec![Egress {
                to: vec![names],
                ports: ["UDP", "TCP"].map(|protocol| PolicyPort { protocol, port: Port::Number(53) }).to_vec(),
            }],
        },
    }
}
