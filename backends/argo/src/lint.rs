//! What Argo refuses, or stumbles over while a workflow runs, as far as schemas do not say it: references, outputs of
//! tasks that may be skipped, `depends`, names, sizes. It works on trees, so that it judges what is written and not what
//! was meant.

mod dag;
mod depends;
mod references;

use std::collections::BTreeSet;

use fec_objects::Node;

/// The longest name of a `Workflow` or `WorkflowTemplate`, of a `CronWorkflow`, and of a template, task or parameter.
const WORKFLOW: usize = 63;
const CRON: usize = 52;
const FIELD: usize = 128;
/// What a cluster stores of one object, in bytes, with room for what a controller adds.
const LARGEST: usize = 1_000_000;

/// What is wrong with a document; nothing where Argo takes it and can run it. Objects of other kinds are left alone.
#[must_use]
pub fn lint(document: &Node) -> Vec<String> {
    let mut found = Vec::new();
    let kind = document.get("kind").and_then(Node::text).unwrap_or_default();
    let (spec, most) = match kind {
        "Workflow" | "WorkflowTemplate" => (document.get("spec"), WORKFLOW),
        "CronWorkflow" => {
            cron(document, &mut found);
            (document.at(&["spec", "workflowSpec"]), CRON)
        }
        _ => return found,
    };
    let name = document.at(&["metadata", "name"]).and_then(Node::text).unwrap_or_default();
    if name.is_empty() || name.len() > most {
        found.push(format!("the name `{name}` of a {kind} has 1 to {most} characters"));
    }
    let size: usize = document.texts().iter().map(|(path, text)| path.len() + text.len()).sum();
    if size > LARGEST {
        found.push(format!("the {kind} has about {size} bytes, and at most {LARGEST} are stored"));
    }
    match spec {
        Some(spec) => workflow(spec, kind, &mut found),
        None => found.push(format!("the {kind} has no spec")),
    }
    found
}

fn cron(document: &Node, found: &mut Vec<String>) {
    let Some(spec) = document.get("spec") else { return };
    if spec.get("schedule").is_some() {
        found.push("`schedule` is a field of an earlier version: `schedules` is a list".to_owned());
    }
    let schedules = spec.get("schedules").map_or(&[] as &[Node], Node::items);
    if schedules.is_empty() {
        found.push("a CronWorkflow has at least one schedule".to_owned());
    }
    for schedule in schedules {
        let fields = schedule.text().unwrap_or_default().split_whitespace().count();
        if fields != 5 {
            found.push(format!("a schedule has five fields, and this has {fields}"));
        }
    }
    let policy = spec.get("concurrencyPolicy").and_then(Node::text).unwrap_or("Allow");
    if !["Allow", "Forbid", "Replace"].contains(&policy) {
        found.push(format!("there is no concurrency policy `{policy}`"));
    }
}

fn workflow(spec: &Node, kind: &str, found: &mut Vec<String>) {
    let templates = spec.get("templates").map_or(&[] as &[Node], Node::items);
    let is_thin = spec.get("workflowTemplateRef").is_some();
    if is_thin && !templates.is_empty() {
        found.push("a workflow of a template elsewhere has no templates of its own".to_owned());
    }
    if let Some(synchronization) = spec.get("synchronization") {
        for old in ["mutex", "semaphore"] {
            if synchronization.get(old).is_some() {
                found.push(format!("`synchronization.{old}` is a field of an earlier version: it is a list now"));
            }
        }
    }
    let given = parameters(spec.get("arguments"));
    for parameter in &given {
        field_name(parameter.name, "parameter", found);
        if parameter.value.is_none() && kind != "WorkflowTemplate" {
            found.push(format!("the parameter `{}` of the workflow has no value", parameter.name));
        }
    }
    twice(given.iter().map(|parameter| parameter.name), "parameter", found);
    for (path, text) in spec.get("arguments").map(Node::texts).unwrap_or_default() {
        for reference in references::of(text) {
            if !references::is_global(reference, &given) {
                found.push(format!("`{{{{{reference}}}}}` in arguments{path} means nothing there"));
            }
        }
    }
    if is_thin {
        return;
    }
    twice(templates.iter().map(name), "template", found);
    for (field, needed) in [("entrypoint", true), ("onExit", false)] {
        match spec.get(field).and_then(Node::text) {
            Some(named) => match templates.iter().find(|template| name(template) == named) {
                // A workflow that refers to this template hands its exit only arguments of its own, not those declared here.
                Some(template) if field == "onExit" && kind == "WorkflowTemplate" => {
                    supplied(template, &[], field, found);
                }
                Some(template) => supplied(template, &given, field, found),
                None => found.push(format!("`{field}` names the template `{named}`, which is not there")),
            },
            None if needed => found.push(format!("there is no `{field}`")),
            None => {}
        }
    }
    for one in templates {
        template(one, templates, &given, found);
    }
}

fn template(one: &Node, all: &[Node], global: &[Parameter<'_>], found: &mut Vec<String>) {
    let named = name(one);
    field_name(named, "template", found);
    let kinds = ["container", "dag", "steps", "script", "resource", "suspend", "containerSet", "http", "data"];
    let kinds: Vec<&str> = kinds.into_iter().filter(|kind| one.get(kind).is_some()).collect();
    if kinds.len() != 1 {
        found.push(format!("the template `{named}` is of one type, and has {}: {}", kinds.len(), kinds.join(", ")));
    }
    if one.get("activeDeadlineSeconds").is_some() && one.get("dag").is_some() {
        found.push(format!("`activeDeadlineSeconds` of `{named}` is for templates that are a pod"));
    }
    let inputs = parameters(one.get("inputs"));
    twice(inputs.iter().map(|parameter| parameter.name), "input", found);
    inputs.iter().for_each(|parameter| field_name(parameter.name, "input", found));
    for output in parameters(one.get("outputs")) {
        field_name(output.name, "output", found);
        match (output.value.is_some(), output.from) {
            (true, true) => found.push(format!("the output `{}` of `{named}` has two values", output.name)),
            (false, false) => found.push(format!("the output `{}` of `{named}` has no value", output.name)),
            _ => {}
        }
    }
    if let Some(policy) = one.at(&["retryStrategy", "retryPolicy"]).and_then(Node::text)
        && !["Always", "OnFailure", "OnError", "OnTransientError"].contains(&policy)
    {
        found.push(format!("there is no retry policy `{policy}`"));
    }
    if let Some(limit) = one.at(&["retryStrategy", "limit"]).and_then(Node::text)
        && limit.parse::<u32>().is_err()
        && !limit.contains("{{")
    {
        found.push(format!("`{limit}` is no number of retries"));
    }
    if let Some(dag) = one.get("dag") {
        dag::lint(one, dag, all, global, found);
        return;
    }
    if let Some(container) = one.get("container") {
        for (field, why) in [("image", "nothing to run"), ("command", "to ask a registry for it")] {
            let empty = match container.get(field) {
                Some(Node::Text(text)) => text.is_empty(),
                Some(value) => value.items().is_empty(),
                None => true,
            };
            if empty {
                found.push(format!("the container of `{named}` has no `{field}`: there is {why}"));
            }
        }
    }
    for (path, text) in one.texts() {
        for reference in references::of(text) {
            if !references::is_global(reference, global) && !references::is_input(reference, &inputs) {
                found.push(format!("`{{{{{reference}}}}}` in {named}{path} means nothing there"));
            }
        }
    }
}

/// Inputs of a template without a value have one from around it.
fn supplied(template: &Node, given: &[Parameter<'_>], by: &str, found: &mut Vec<String>) {
    for input in parameters(template.get("inputs")) {
        let has = input.value.is_some() || given.iter().any(|parameter| parameter.name == input.name);
        if !has {
            found.push(format!("`{by}` gives no `{}` to the template `{}`", input.name, name(template)));
        }
    }
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
struct Parameter<'a> {
    name: &'a str,
    value: Option<&'a str>,
    /// Whether a file or another place gives it.
    from: bool,
    /// Whether there is a value where that place has none.
    default: bool,
}

fn parameters(arguments: Option<&Node>) -> Vec<Parameter<'_>> {
    let list = arguments.and_then(|arguments| arguments.get("parameters")).map_or(&[] as &[Node], Node::items);
    list.iter()
        .map(|parameter| Parameter {
            name: name(parameter),
            value: parameter.get("value").and_then(Node::text),
            from: parameter.get("valueFrom").is_some(),
            default: parameter.at(&["valueFrom", "default"]).is_some(),
        })
        .collect()
}

fn name(node: &Node) -> &str {
    node.get("name").and_then(Node::text).unwrap_or_default()
}

/// The name of a template, task or parameter.
fn field_name(name: &str, what: &str, found: &mut Vec<String>) {
    let letter = |c: char| c.is_ascii_alphanumeric();
    let inner = |c: char| letter(c) || c == '-' || (c == '_' && what != "template" && what != "task");
    if name.is_empty() || name.len() > FIELD || !name.starts_with(letter) || !name.chars().all(inner) {
        found.push(format!("`{name}` is no name of a {what}"));
    }
}

fn twice<'a>(names: impl Iterator<Item = &'a str>, what: &str, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            found.push(format!("the {what} `{name}` is there twice"));
        }
    }
}

#[cfg(test)]
mod tests;
