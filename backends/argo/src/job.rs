//! A job as workflows.

use std::collections::{BTreeMap, BTreeSet};

use fec_ir::ir::FlowPlan;
use fec_model::Symbol;
use fec_model::types::Kind;
use fec_objects::meta::{placed, selector, unit_labels, unit_metadata};
use fec_objects::pod::{
    Container, DATA, SCRATCH, Size, Variable, container_security, mounts, pod_security, resources, volumes,
};
use fec_objects::settings::variables;
use fec_objects::tree::NoTree;
use fec_objects::{At, Metadata, Node, Object};
use fec_plan::steps::{Step, steps};
use fec_plan::{Deployment, Unit, images, names};
use serde::ser::Error as _;
use serde_json::json;

use crate::account;
use crate::types::{
    Arguments, Backoff, CronSpec, Dag, Mutex, Parameter, ParameterFrom, PodGc, Retry, Synchronization, Task, Template,
    TemplateRef, Ttl, WorkflowMetadata, WorkflowSpec,
};

const API: &str = "argoproj.io/v1alpha1";
const MAIN: &str = "main";
const EXIT: &str = "exit";
const NOW: &str = "now";
/// The step that runs at the end of every run: it removes what the run left in the lake for its own steps.
const FINISH: &str = "finish";
const USUAL: Size = Size { cores: 500, memory: 1 << 30 };
const SECOND: u64 = 1_000_000;
const DAY: u32 = 86_400;

/// The template of a job's workflows.
pub fn template(deployment: &Deployment<'_>, unit: &Unit, job: &FlowPlan) -> Result<Node, NoTree> {
    let steps = steps(deployment.ir, job);
    let mut templates = vec![At::new(job.span, dag(job, &steps))];
    templates.extend(steps.iter().map(|step| At::new(step.span, pod(deployment, unit, job, step, &steps))));
    templates.push(At::new(job.span, finish(deployment, unit, job)));
    let timeout = job.settings.timeout.and_then(|micros| u64::try_from(micros).ok());
    let spec = WorkflowSpec {
        entrypoint: Some(MAIN.to_owned()),
        on_exit: Some(EXIT.to_owned()),
        arguments: Some(Arguments { parameters: declared(deployment, job) }),
        service_account_name: Some(account::name(deployment)),
        active_deadline_seconds: timeout.map(|micros| At::new(job.span, micros.div_ceil(SECOND).max(1))),
        synchronization: Some(Synchronization { mutexes: vec![Mutex { name: names::of_unit(unit) }] }),
        ttl_strategy: Some(Ttl { seconds_after_success: 7 * DAY, seconds_after_failure: 30 * DAY }),
        pod_gc: Some(PodGc { strategy: "OnWorkflowSuccess" }),
        pod_metadata: Some(Metadata { labels: Some(unit_labels(deployment, unit)), ..Metadata::default() }),
        workflow_metadata: Some(WorkflowMetadata { labels: selector(deployment, unit) }),
        security_context: Some(pod_security()),
        pod_spec_patch: Some(executor_rights()?),
        volumes: Some(volumes(deployment)),
        templates: Some(templates),
        ..WorkflowSpec::default()
    };
    let object = Object { api_version: API, kind: "WorkflowTemplate", metadata: unit_metadata(deployment, unit), spec };
    placed(unit.span, object)
}

/// The least rights for the containers that Argo puts beside a step's own: a namespace that enforces `restricted` lets no pod in
/// without them, and the controller gives them only where its own settings say so.
fn executor_rights() -> Result<String, NoTree> {
    let container = |name| json!({ "name": name, "securityContext": container_security() });
    let patch = json!({ "initContainers": [container("init")], "containers": [container("wait")] });
    serde_json::to_string(&patch).map_err(NoTree::custom)
}

/// The schedule of a job, where it has one: `now` is the instant that it was due.
pub fn schedule(deployment: &Deployment<'_>, unit: &Unit, job: &FlowPlan) -> Option<Object<CronSpec>> {
    let (cron, timezone) = job.settings.schedule.clone()?;
    let due = Parameter {
        name: NOW.to_owned(),
        value: Some("{{workflow.scheduledTime}}".to_owned()),
        ..Parameter::default()
    };
    let spec = CronSpec {
        schedules: vec![week(&cron)],
        timezone,
        concurrency_policy: "Forbid",
        starting_deadline_seconds: 3_600,
        successful_jobs_history_limit: 3,
        failed_jobs_history_limit: 3,
        workflow_spec: WorkflowSpec {
            workflow_template_ref: Some(TemplateRef { name: names::of_unit(unit) }),
            arguments: Some(Arguments { parameters: vec![At::new(None, due)] }),
            ..WorkflowSpec::default()
        },
    };
    Some(Object { api_version: API, kind: "CronWorkflow", metadata: unit_metadata(deployment, unit), spec })
}

/// A schedule as Argo takes it, whose week ends on Saturday: a Sunday that is written as 7, or that a step comes to, is 0.
fn week(cron: &str) -> String {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    match fields.as_slice() {
        [before @ .., weekday] => {
            let days: Vec<String> = weekday.split(',').map(weekdays).collect();
            before.iter().map(|field| (*field).to_owned()).chain([days.join(",")]).collect::<Vec<_>>().join(" ")
        }
        [] => String::new(),
    }
}

/// One part of a field of weekdays, day by day where it comes to 7. `*` alone stays: with it the day of the month decides.
fn weekdays(part: &str) -> String {
    const NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    const SUNDAY: usize = 7;
    let day = |text: &str| {
        let named = NAMES.iter().position(|name| name.eq_ignore_ascii_case(text));
        named.or_else(|| text.parse().ok())
    };
    let (range, step) = part.split_once('/').unwrap_or((part, "1"));
    let ends = match range.split_once('-') {
        Some((from, to)) => day(from).zip(day(to)),
        None if range == "*" => Some((0, SUNDAY)),
        None if part.contains('/') => day(range).zip(Some(SUNDAY)),
        None => day(range).zip(day(range)),
    };
    match (ends, step.parse::<usize>()) {
        (Some((from, SUNDAY)), Ok(step)) if step > 1 || (step == 1 && range != "*") => {
            let days: BTreeSet<usize> = (from..=SUNDAY).step_by(step).map(|day| day % SUNDAY).collect();
            days.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
        }
        _ => part.to_owned(),
    }
}

/// A workflow that runs a job once.
pub fn once(deployment: &Deployment<'_>, unit: &Unit, job: &FlowPlan) -> Object<WorkflowSpec> {
    let name = names::object(&format!("{}-run", unit.name), names::UNIT);
    let mut metadata = unit_metadata(deployment, unit);
    metadata.name = Some(At::new(unit.span, name));
    let spec = WorkflowSpec {
        workflow_template_ref: Some(TemplateRef { name: names::of_unit(unit) }),
        arguments: Some(Arguments { parameters: declared(deployment, job) }),
        ..WorkflowSpec::default()
    };
    Object { api_version: API, kind: "Workflow", metadata, spec }
}

/// The parameters of a job's workflows: `now` and its own, all with nothing as their value, which is their default.
fn declared(deployment: &Deployment<'_>, job: &FlowPlan) -> Vec<At<Parameter>> {
    let now = "the instant up to which events count, RFC 3339; nothing: just after the last one that is there";
    let own = job.params.iter().map(|(column, _)| {
        let wanted = wanted(&deployment.ir.enums, &column.ty.kind);
        format!("`{}` of the job, {wanted}; nothing: as the job says", column.name)
    });
    let texts = std::iter::once(now.to_owned()).chain(own);
    let one = |(name, text): (String, String)| {
        let parameter = Parameter { name, description: Some(text), value: Some(String::new()), ..Parameter::default() };
        At::new(job.span, parameter)
    };
    parameters(job).into_iter().zip(texts).map(one).collect()
}

/// What a parameter of a type is written as.
fn wanted(enums: &BTreeMap<Symbol, Vec<Symbol>>, kind: &Kind) -> String {
    let text = match kind {
        Kind::Error | Kind::Null | Kind::Bool => "`true` or `false`",
        Kind::Int => "a whole number",
        Kind::Float => "a number",
        Kind::Decimal { scale, .. } => return format!("a number with at most {scale} digits after the point"),
        Kind::String => "a text",
        Kind::Bytes => "bytes in base64",
        Kind::Date => "a date as in 2026-01-31",
        Kind::Timestamp => "an instant, RFC 3339",
        Kind::Duration => "microseconds",
        Kind::Enum(name) => {
            let members = enums.get(name).into_iter().flatten().map(|member| format!("`{member}`"));
            return format!("one of {}", members.collect::<Vec<_>>().join(", "));
        }
        Kind::List(_) => "a list in JSON",
        Kind::Record(_) => "a record in JSON",
    };
    text.to_owned()
}

/// The names of the parameters of a job's workflows, in order.
fn parameters(job: &FlowPlan) -> Vec<String> {
    let own = job.params.iter().map(|(column, _)| parameter(&column.name));
    std::iter::once(NOW.to_owned()).chain(own).collect()
}

/// The name of a job's parameter in a workflow.
fn parameter(declared: &str) -> String {
    let fits = declared != NOW && declared.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fits { declared.to_owned() } else { names::object(&format!("{declared}-param"), names::LABEL) }
}

/// Parameters without values, as a template takes them.
fn taken(job: &FlowPlan) -> Arguments {
    let without = |name| At::new(job.span, Parameter { name, ..Parameter::default() });
    Arguments { parameters: parameters(job).into_iter().map(without).collect() }
}

/// Parameters with the values that the template around has.
fn passed(job: &FlowPlan) -> Arguments {
    let with = |name: String| {
        let value = Some(format!("{{{{inputs.parameters.{name}}}}}"));
        At::new(job.span, Parameter { name, value, ..Parameter::default() })
    };
    Arguments { parameters: parameters(job).into_iter().map(with).collect() }
}

fn dag(job: &FlowPlan, steps: &[Step]) -> Template {
    let tasks = steps.iter().map(|step| {
        let name = step.label();
        let after: Vec<String> = step.after.iter().filter_map(|one| steps.get(*one)).map(Step::label).collect();
        let task = Task {
            template: name.clone(),
            depends: (!after.is_empty()).then(|| after.join(" && ")),
            when: judge(step, steps)
                .map(|judge| format!("{{{{tasks.{}.outputs.parameters.{name}}}}} == true", judge.label())),
            arguments: passed(job),
            name,
        };
        At::new(step.span, task)
    });
    let dag = Dag { tasks: tasks.collect() };
    Template { name: MAIN.to_owned(), inputs: Some(taken(job)), dag: Some(dag), ..Template::default() }
}

/// The step that says whether another one runs.
fn judge<'a>(step: &Step, steps: &'a [Step]) -> Option<&'a Step> {
    step.judge.and_then(|judge| steps.get(judge))
}

fn pod(deployment: &Deployment<'_>, unit: &Unit, job: &FlowPlan, step: &Step, steps: &[Step]) -> Template {
    let judged: Vec<At<Parameter>> = steps
        .iter()
        .filter(|other| judge(other, steps).is_some_and(|judge| judge.name == step.name))
        .map(|other| {
            let name = other.label();
            let path = format!("{}/{name}", outputs());
            // A run whose evaluation left no word goes on: the step judges for itself.
            let value_from = Some(ParameterFrom { path, default: "true".to_owned() });
            At::new(other.span, Parameter { name, value_from, ..Parameter::default() })
        })
        .collect();
    Template {
        name: step.label(),
        inputs: Some(taken(job)),
        outputs: (!judged.is_empty()).then_some(Arguments { parameters: judged }),
        retry_strategy: retry(job),
        container: Some(container(deployment, unit, job, &step.name, "inputs")),
        ..Template::default()
    }
}

fn outputs() -> String {
    format!("{SCRATCH}/outputs")
}

/// `@retry`: after a failure and after a lost pod, twice as long after each, an hour at most.
fn retry(job: &FlowPlan) -> Option<At<Retry>> {
    let (times, backoff) = job.settings.retry?;
    let seconds = u64::try_from(backoff).unwrap_or(0).div_ceil(SECOND);
    let backoff = (seconds > 0).then(|| Backoff {
        duration: format!("{seconds}s"),
        factor: "2".to_owned(),
        cap: format!("{}s", seconds.max(3_600)),
    });
    Some(At::new(job.span, Retry { limit: times.to_string(), retry_policy: "Always", backoff }))
}

fn finish(deployment: &Deployment<'_>, unit: &Unit, job: &FlowPlan) -> Template {
    Template {
        name: EXIT.to_owned(),
        retry_strategy: retry(job),
        // Nobody passes anything to what runs at the end: it reads the parameters of the workflow.
        container: Some(container(deployment, unit, job, FINISH, "workflow")),
        ..Template::default()
    }
}

/// The container of a step, which takes the parameters of `scope`.
fn container(deployment: &Deployment<'_>, unit: &Unit, job: &FlowPlan, step: &str, scope: &str) -> Container {
    let now = format!("--now={{{{{scope}.parameters.{NOW}}}}}");
    let mut args: Vec<String> =
        ["--step", step, "--run", "{{workflow.uid}}", &now, "--state", DATA].map(str::to_owned).to_vec();
    for (column, _) in &job.params {
        let value = format!("{}={{{{{scope}.parameters.{}}}}}", column.name, parameter(&column.name));
        args.extend(["--param".to_owned(), value]);
    }
    let written = Variable { name: "FEC_OUTPUTS".to_owned(), value: Some(outputs()), value_from: None };
    let mut env = vec![At::new(None, written)];
    env.extend(variables(deployment));
    Container {
        name: Some(MAIN.to_owned()),
        image: images::reference(deployment, unit),
        image_pull_policy: Some("IfNotPresent"),
        command: Some(vec![format!("{}/{}", images::BINARIES, unit.binary)]),
        args: Some(args),
        env: Some(env),
        resources: Some(resources(deployment, unit, USUAL)),
        security_context: Some(container_security()),
        volume_mounts: Some(mounts()),
        ..Container::default()
    }
}

#[cfg(test)]
mod tests {
    use super::week;

    #[test]
    fn a_week_ends_on_saturday() {
        for (declared, wanted) in [
            ("0 2 * * *", "0 2 * * *"),
            ("*/5 1-3 * jan mon-fri", "*/5 1-3 * jan mon-fri"),
            ("0 2 * * 7", "0 2 * * 0"),
            ("0  2 * * 1,7", "0 2 * * 1,0"),
            ("0 2 * * 5-7", "0 2 * * 0,5,6"),
            ("0 2 * * fri-7", "0 2 * * 0,5,6"),
            ("0 2 * * 0-7", "0 2 * * 0,1,2,3,4,5,6"),
            ("0 2 * * 1/2", "0 2 * * 0,1,3,5"),
            ("0 2 * * */2", "0 2 * * 0,2,4,6"),
            ("0 2 1 * */1", "0 2 1 * */1"),
            ("0 2 * * 1-5/2", "0 2 * * 1-5/2"),
        ] {
            assert_eq!(week(declared), wanted, "{declared}");
        }
    }
}
