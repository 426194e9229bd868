//! The processes of a solution.

use fec_diagnostics::Span;
use fec_ir::Ir;
use fec_ir::ir::FlowPlan;
use fec_model::model::{Plane, Target};

/// What a unit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitKind {
    /// Reads streams without end, keeps state, writes to sinks.
    Worker,
    /// Answers requests.
    Service,
    /// Runs to its end.
    Job,
}

/// One process: what is built, deployed and scaled on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The name of its binary: `ENGINE-NAME`, `NAME` outside of an engine, `SOLUTION-features` for the worker that only
    /// keeps features. As declared: each backend makes it valid for its own place.
    pub name: String,
    /// What it does.
    pub kind: UnitKind,
    /// The path of its flow; none for the worker that only keeps features.
    pub flow: Option<String>,
    /// Whether it judges the records of the sources and keeps the feature sets that services read: one worker of a
    /// solution does.
    pub keeps_features: bool,
    /// Docs of the flow.
    pub docs: String,
    /// Where it was declared.
    pub span: Option<Span>,
}

/// A solution as it is deployed to a target.
#[derive(Debug, Clone)]
pub struct Deployment<'a> {
    /// The optimised plan.
    pub ir: &'a Ir,
    /// The target; none is the local one with its defaults.
    pub target: Option<&'a Target>,
    /// Its processes: workers, services, jobs, each in the order of their names.
    pub units: Vec<Unit>,
}

/// Divides a solution into processes.
///
/// Every stream is a worker, every service a service, every job a job. The feature sets that services read, and the
/// refusals of the sources, belong to one worker: to that of the only stream where there is exactly one, which so keeps
/// one state instead of two; else to a worker of their own.
#[must_use]
pub fn deployment<'a>(ir: &'a Ir, target: Option<&'a Target>) -> Deployment<'a> {
    let streams = ir.flows.iter().filter(|flow| flow.plane == Plane::Stream).count();
    let mut units: Vec<Unit> = ir.flows.iter().map(|flow| unit(flow, streams == 1)).collect();
    if streams != 1 {
        units.push(Unit {
            name: format!("{}-features", ir.name),
            kind: UnitKind::Worker,
            flow: None,
            keeps_features: true,
            docs: "Judges the records of the sources and keeps the feature sets.".to_owned(),
            span: None,
        });
    }
    units.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Deployment { ir, target, units }
}

fn unit(flow: &FlowPlan, is_only_stream: bool) -> Unit {
    let kind = match flow.plane {
        Plane::Batch => UnitKind::Job,
        Plane::Stream => UnitKind::Worker,
        Plane::Online => UnitKind::Service,
    };
    Unit {
        name: flow.path.replace('.', "-"),
        kind,
        flow: Some(flow.path.clone()),
        keeps_features: kind == UnitKind::Worker && is_only_stream,
        docs: flow.docs.clone(),
        span: Some(flow.span),
    }
}
