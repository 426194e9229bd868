//! A worker: a StatefulSet of one, because a task has one owner, and the next is not started before the last has ended.

use fec_objects::meta::{placed, unit_metadata};
use fec_objects::pod::Size;
use fec_objects::tree::NoTree;
use fec_objects::{Node, Object};
use fec_plan::{Deployment, Unit, names};

use crate::alike;
use crate::common::{Kind, selects, template};
use crate::types::{StatefulSetSpec, UpdateStrategy};

const KIND: Kind = Kind { size: Size { cores: 500, memory: 512 << 20 }, start: 300, grace: 60 };

/// All objects of a worker.
pub fn objects(deployment: &Deployment<'_>, unit: &Unit) -> Result<Vec<Node>, NoTree> {
    let mut objects = vec![placed(unit.span, controller(deployment, unit))?];
    objects.extend(alike(deployment, unit)?);
    Ok(objects)
}

fn controller(deployment: &Deployment<'_>, unit: &Unit) -> Object<StatefulSetSpec> {
    Object {
        api_version: "apps/v1",
        kind: "StatefulSet",
        metadata: unit_metadata(deployment, unit),
        spec: StatefulSetSpec {
            replicas: 1,
            revision_history_limit: 5,
            selector: selects(deployment, unit),
            service_name: names::of_unit(unit),
            update_strategy: UpdateStrategy { kind: "RollingUpdate" },
            template: template(deployment, unit, &KIND),
        },
    }
}
