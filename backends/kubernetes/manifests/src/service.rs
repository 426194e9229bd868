//! A service: a Deployment, scaled by its load.

use fec_objects::meta::{placed, unit_metadata};
use fec_objects::pod::{Size, scale};
use fec_objects::tree::NoTree;
use fec_objects::{At, Node, Object};
use fec_plan::{Deployment, Unit, names};

use crate::alike;
use crate::common::{Kind, selects, template};
use crate::types::{
    Affinity, AntiAffinity, DeploymentSpec, Metric, MetricTarget, ResourceMetric, Rolling, ScalerSpec, Spread,
    Strategy, TargetRef, Term, Wish,
};

/// Where the target says nothing: two, so that one may be away, and at most ten.
const REPLICAS: (u32, u32) = (2, 10);
/// Where the target says nothing: the load at which there are more.
const BUSY: u32 = 70;
const KIND: Kind = Kind { size: Size { cores: 250, memory: 256 << 20 }, start: 120, grace: 30 };

/// All objects of a service.
pub fn objects(deployment: &Deployment<'_>, unit: &Unit) -> Result<Vec<Node>, NoTree> {
    let mut objects =
        vec![placed(unit.span, controller(deployment, unit))?, placed(unit.span, scaler(deployment, unit))?];
    objects.extend(alike(deployment, unit)?);
    Ok(objects)
}

fn controller(deployment: &Deployment<'_>, unit: &Unit) -> Object<DeploymentSpec> {
    let mut template = template(deployment, unit, &KIND);
    template.spec.topology_spread_constraints = Some(
        ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
            .map(|topology_key| Spread {
                max_skew: 1,
                topology_key,
                when_unsatisfiable: "ScheduleAnyway",
                label_selector: selects(deployment, unit),
                match_label_keys: vec!["pod-template-hash"],
            })
            .to_vec(),
    );
    template.spec.affinity = Some(Affinity {
        pod_anti_affinity: AntiAffinity {
            preferred_during_scheduling_ignored_during_execution: vec![Wish {
                weight: 100,
                pod_affinity_term: Term {
                    label_selector: selects(deployment, unit),
                    topology_key: "kubernetes.io/hostname",
                },
            }],
        },
    });
    Object {
        api_version: "apps/v1",
        kind: "Deployment",
        metadata: unit_metadata(deployment, unit),
        spec: DeploymentSpec {
            replicas: None,
            revision_history_limit: 5,
            selector: selects(deployment, unit),
            strategy: Strategy { kind: "RollingUpdate", rolling_update: Rolling { max_surge: 1, max_unavailable: 0 } },
            template,
        },
    }
}

fn scaler(deployment: &Deployment<'_>, unit: &Unit) -> Object<At<ScalerSpec>> {
    let scale = scale(deployment, unit);
    let (min_replicas, max_replicas) = scale.and_then(|scale| scale.replicas).unwrap_or(REPLICAS);
    let average_utilization = scale.and_then(|scale| scale.cpu).unwrap_or(BUSY);
    let spec = ScalerSpec {
        scale_target_ref: TargetRef { api_version: "apps/v1", kind: "Deployment", name: names::of_unit(unit) },
        min_replicas,
        max_replicas,
        metrics: vec![Metric {
            kind: "Resource",
            resource: ResourceMetric { name: "cpu", target: MetricTarget { kind: "Utilization", average_utilization } },
        }],
    };
    Object {
        api_version: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        metadata: unit_metadata(deployment, unit),
        spec: At::new(scale.map(|scale| scale.span).or(unit.span), spec),
    }
}
