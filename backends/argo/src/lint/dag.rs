//! Tasks: what they wait for, what they are given, and what they read of each other.

use std::collections::{BTreeMap, BTreeSet};

use fec_objects::Node;

use super::depends::{Wait, parse};
use super::{Parameter, field_name, name, parameters, references, supplied, twice};

/// What is wrong with the tasks of a template.
pub fn lint(template: &Node, dag: &Node, all: &[Node], global: &[Parameter<'_>], found: &mut Vec<String>) {
    let tasks = dag.get("tasks").map_or(&[] as &[Node], Node::items);
    if tasks.is_empty() {
        found.push(format!("the template `{}` has no task", name(template)));
    }
    twice(tasks.iter().map(name), "task", found);
    let waits = waits(tasks, found);
    let inputs = parameters(template.get("inputs"));
    for task in tasks {
        let named = name(task);
        field_name(named, "task", found);
        if named.starts_with(|c: char| c.is_ascii_digit()) {
            found.push(format!("the task `{named}` begins with a digit, and others wait for it by name"));
        }
        let called = task.get("template").and_then(Node::text).unwrap_or_default();
        match all.iter().find(|other| name(other) == called) {
            Some(callee) => supplied(callee, &parameters(task.get("arguments")), named, found),
            None => found.push(format!("the task `{named}` has the template `{called}`, which is not there")),
        }
        let before = before(named, &waits);
        if before.contains(named) {
            found.push(format!("the task `{named}` waits for itself"));
        }
        for (path, text) in task.texts() {
            for reference in references::of(text) {
                if references::is_global(reference, global) || references::is_input(reference, &inputs) {
                    continue;
                }
                if let Some(why) = output(reference, tasks, all, &before) {
                    found.push(format!("`{{{{{reference}}}}}` in {named}{path} {why}"));
                }
            }
        }
    }
}

/// What each task waits for.
fn waits<'a>(tasks: &'a [Node], found: &mut Vec<String>) -> BTreeMap<&'a str, Vec<Wait<'a>>> {
    let mut waits = BTreeMap::new();
    for task in tasks {
        let named = name(task);
        let Some(depends) = task.get("depends").and_then(Node::text) else { continue };
        if task.get("dependencies").is_some() {
            found.push(format!("the task `{named}` has both `depends` and `dependencies`"));
        }
        if task.get("continueOn").is_some() {
            found.push(format!("the task `{named}` has both `depends` and `continueOn`"));
        }
        match parse(depends) {
            Ok(list) => {
                for wait in &list {
                    if !tasks.iter().any(|other| name(other) == wait.task) {
                        found.push(format!("the task `{named}` waits for `{}`, which is not there", wait.task));
                    }
                }
                waits.insert(named, list);
            }
            Err(why) => found.push(format!("`depends` of `{named}`: {why}")),
        }
    }
    waits
}

/// All tasks that are over when a task begins.
fn before<'a>(task: &'a str, waits: &BTreeMap<&'a str, Vec<Wait<'a>>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![task];
    while let Some(next) = open.pop() {
        for wait in waits.get(next).into_iter().flatten() {
            if found.insert(wait.task) {
                open.push(wait.task);
            }
        }
    }
    found
}

/// Why a reference to an output of a task cannot be resolved, if it cannot.
fn output(reference: &str, tasks: &[Node], all: &[Node], before: &BTreeSet<&str>) -> Option<String> {
    let Some((task, what)) = reference.strip_prefix("tasks.").and_then(|rest| rest.split_once('.')) else {
        return Some("means nothing there".to_owned());
    };
    let Some(giver) = tasks.iter().find(|other| name(other) == task) else {
        return Some(format!("reads of the task `{task}`, which is not there"));
    };
    if !before.contains(task) {
        return Some(format!("reads of the task `{task}`, and does not wait for it"));
    }
    let Some(parameter) = what.strip_prefix("outputs.parameters.") else {
        return (!["status", "exitCode", "startedAt", "finishedAt", "id"].contains(&what))
            .then(|| format!("reads `{what}`, which no task has"));
    };
    let called = giver.get("template").and_then(Node::text).unwrap_or_default();
    let outputs = all.iter().find(|other| name(other) == called).map(|other| parameters(other.get("outputs")));
    let Some(output) = outputs.into_iter().flatten().find(|output| output.name == parameter) else {
        return Some(format!("reads the output `{parameter}`, which `{task}` does not give"));
    };
    let may_be_skipped = giver.get("when").is_some();
    (may_be_skipped && !output.default)
        .then(|| format!("reads of `{task}`, which may be skipped, and the output has no default"))
}
