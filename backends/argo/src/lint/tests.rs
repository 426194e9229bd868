//! Each rule, with a workflow that breaks it and nothing else.

use serde_json::{Value, json};

use super::*;
use fec_objects::node;

/// A workflow that is right: two tasks, of which the second reads the first one's word.
fn good() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": { "name": "shop-train" },
        "spec": {
            "entrypoint": "main", "onExit": "exit",
            "arguments": { "parameters": [{ "name": "now", "value": "" }] },
            "synchronization": { "mutexes": [{ "name": "shop-train" }] },
            "templates": [
                { "name": "main", "inputs": { "parameters": [{ "name": "now" }] }, "dag": { "tasks": [
                    { "name": "a", "template": "one", "when": "{{inputs.parameters.now}} != never",
                      "arguments": { "parameters": [{ "name": "now", "value": "{{inputs.parameters.now}}" }] } },
                    { "name": "b", "template": "two", "depends": "a", "when": "{{tasks.a.outputs.parameters.word}} == true" }
                ] } },
                { "name": "one", "inputs": { "parameters": [{ "name": "now" }] },
                  "outputs": { "parameters": [{ "name": "word", "valueFrom": { "path": "/tmp/word", "default": "no" } }] },
                  "retryStrategy": { "limit": "3", "retryPolicy": "Always" },
                  "container": { "image": "i", "command": ["c"], "args": ["{{workflow.uid}}", "{{inputs.parameters.now}}"] } },
                { "name": "two", "container": { "image": "i", "command": ["c"] } },
                { "name": "exit", "container": { "image": "i", "command": ["c"], "args": ["{{workflow.status}}"] } }
            ]
        }
    })
}

fn cron() -> Value {
    json!({
        "kind": "CronWorkflow", "metadata": { "name": "shop-train" },
        "spec": { "schedules": ["0 2 * * *"], "concurrencyPolicy": "Forbid", "workflowSpec": {
            "workflowTemplateRef": { "name": "shop-train" },
            "arguments": { "parameters": [{ "name": "now", "value": "{{workflow.scheduledTime}}" }] }
        } }
    })
}

fn told(document: &Value) -> Vec<String> {
    lint(&node(document).expect("a tree"))
}

#[test]
fn what_is_right_passes() {
    assert_eq!(told(&good()), [""; 0]);
    assert_eq!(told(&cron()), [""; 0]);
    assert_eq!(told(&json!({ "kind": "Role" })), [""; 0]);
    // What a task waits for may be said in many ways, also by way of another task, and a reference may have blanks.
    let task = "/spec/templates/0/dag/tasks";
    let depends = json!("!(a.Failed || a.Errored) && !!a.Succeeded");
    assert_eq!(told(&with(good(), &format!("{task}/1/depends"), depends)), [""; 0]);
    let counted = with(good(), "/spec/templates/1/retryStrategy/limit", json!("{{workflow.uid}}"));
    assert_eq!(told(&counted), [""; 0], "a number may be one that Argo puts there");
    let mut longer = with(good(), "/spec/templates/1/container/args/0", json!("{{ workflow.uid }}"));
    let third =
        json!({ "name": "c", "template": "two", "depends": "b", "when": "{{tasks.a.outputs.parameters.word}} == no" });
    longer.pointer_mut(task).and_then(Value::as_array_mut).expect("tasks").push(third);
    assert_eq!(told(&longer), [""; 0]);
    let longest = with(good(), "/metadata/name", json!("x".repeat(63)));
    assert_eq!(told(&with(longest, "/spec/templates/0/inputs/parameters/0/name", json!("now"))), [""; 0]);
}

/// Sets the value at a JSON pointer; `null` takes the key away.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = document.pointer_mut(parent).expect("a parent");
    match parent {
        Value::Object(object) if value.is_null() => {
            object.remove(key);
        }
        Value::Object(object) => {
            object.insert(key.to_owned(), value);
        }
        Value::Array(list) if value.is_null() => {
            list.remove(key.parse().expect("an index"));
        }
        Value::Array(list) => *list.get_mut(key.parse::<usize>().expect("an index")).expect("an item") = value,
        _ => panic!("no parent"),
    }
    document
}

#[test]
fn each_rule_is_kept() {
    let long = "x".repeat(64);
    let huge = "x".repeat(1_100_000);
    let templates = "/spec/templates";
    let task = "/spec/templates/0/dag/tasks";
    let cases: Vec<(String, Value, &str)> = vec![
        ("/metadata/name".into(), json!(long), "has 1 to 63"),
        ("/metadata/name".into(), json!(""), "has 1 to 63"),
        (
            "/spec/arguments/parameters".into(),
            json!([{ "name": "now", "value": "" }, { "name": "now", "value": "x" }]),
            "the parameter `now` is there twice",
        ),
        ("/spec/arguments/parameters/0/name".into(), json!("x".repeat(129)), "is no name of a parameter"),
        ("/spec/synchronization".into(), json!({ "semaphore": { "name": "a" } }), "of an earlier version"),
        (format!("{templates}/3/name"), json!("ex_it"), "is no name of a template"),
        (format!("{templates}/1/retryStrategy/limit"), json!("-1"), "no number of retries"),
        (format!("{templates}/1/container/args"), json!([huge]), "are stored"),
        ("/spec".into(), Value::Null, "has no spec"),
        ("/spec/entrypoint".into(), json!("nobody"), "`entrypoint` names the template `nobody`"),
        ("/spec/entrypoint".into(), Value::Null, "there is no `entrypoint`"),
        ("/spec/onExit".into(), json!("nobody"), "`onExit` names"),
        ("/spec/onExit".into(), json!("one2"), "`onExit` names"),
        ("/spec/arguments".into(), Value::Null, "gives no `now`"),
        (
            format!("{templates}/3/inputs"),
            json!({ "parameters": [{ "name": "now" }] }),
            "`onExit` gives no `now` to the template `exit`",
        ),
        ("/spec/arguments/parameters/0/value".into(), json!("{{inputs.parameters.x}}"), "means nothing there"),
        ("/spec/synchronization".into(), json!({ "mutex": { "name": "a" } }), "of an earlier version"),
        ("/spec/workflowTemplateRef".into(), json!({ "name": "a" }), "no templates of its own"),
        (format!("{templates}/1/name"), json!("two"), "the template `two` is there twice"),
        (format!("{templates}/3/name"), json!("ex it"), "is no name of a template"),
        (format!("{templates}/2/script"), json!({}), "is of one type, and has 2"),
        (format!("{templates}/2/container"), Value::Null, "is of one type, and has 0"),
        (format!("{templates}/0/activeDeadlineSeconds"), json!("5"), "templates that are a pod"),
        (format!("{templates}/1/container/image"), json!(""), "has no `image`"),
        (format!("{templates}/1/container/command"), Value::Null, "has no `command`"),
        (format!("{templates}/1/container/args/0"), json!("{{workflow.nothing}}"), "means nothing there"),
        (format!("{templates}/1/container/args/0"), json!("{{inputs.parameters.x}}"), "means nothing there"),
        (format!("{templates}/1/container/args/0"), json!("{{open"), "means nothing there"),
        (format!("{templates}/1/retryStrategy/retryPolicy"), json!("Sometimes"), "no retry policy"),
        (format!("{templates}/1/retryStrategy/limit"), json!("many"), "no number of retries"),
        (format!("{templates}/1/outputs/parameters/0/value"), json!("x"), "has two values"),
        (format!("{templates}/1/outputs/parameters/0/valueFrom"), Value::Null, "has no value"),
        (format!("{templates}/1/outputs/parameters/0/valueFrom/default"), Value::Null, "may be skipped"),
        (format!("{templates}/1/outputs/parameters/0/name"), json!("other"), "does not give"),
        (format!("{task}/0/template"), json!("nobody"), "has the template `nobody`"),
        (format!("{task}/0/arguments"), Value::Null, "`a` gives no `now`"),
        (format!("{task}/0/name"), json!("1a"), "begins with a digit"),
        (format!("{task}/1/depends"), json!("a.Done"), "no outcome `Done`"),
        (format!("{task}/1/depends"), json!("a &&"), "is missing"),
        (format!("{task}/1/depends"), json!("a && nobody"), "waits for `nobody`"),
        (format!("{task}/1/depends"), json!("a && b"), "waits for itself"),
        (format!("{task}/1/depends"), Value::Null, "does not wait for it"),
        (format!("{task}/1/dependencies"), json!(["a"]), "both `depends` and `dependencies`"),
        (format!("{task}/1/continueOn"), json!({}), "both `depends` and `continueOn`"),
        (format!("{task}/1/when"), json!("{{tasks.c.outputs.parameters.word}}"), "which is not there"),
        (format!("{task}/1/when"), json!("{{tasks.a.colour}}"), "which no task has"),
        (format!("{task}/1/name"), json!("a"), "the task `a` is there twice"),
        (task.into(), json!([]), "has no task"),
    ];
    for (pointer, value, wanted) in cases {
        let found = told(&with(good(), &pointer, value.clone()));
        assert!(found.iter().any(|line| line.contains(wanted)), "{pointer} = {value}: {found:?}");
    }
    let crons: Vec<(&str, Value, &str)> = vec![
        ("/metadata/name", json!("x".repeat(53)), "has 1 to 52"),
        ("/spec/schedules", json!([]), "at least one schedule"),
        ("/spec/schedules/0", json!("0 2 * *"), "five fields"),
        ("/spec/schedules/0", json!("0 0 2 * * *"), "five fields"),
        ("/spec/schedule", json!("0 2 * * *"), "of an earlier version"),
        ("/spec/concurrencyPolicy", json!("Never"), "no concurrency policy"),
        ("/spec/workflowSpec/arguments/parameters/0/value", Value::Null, "has no value"),
    ];
    for (pointer, value, wanted) in crons {
        let found = told(&with(cron(), pointer, value.clone()));
        assert!(found.iter().any(|line| line.contains(wanted)), "{pointer} = {value}: {found:?}");
    }
}
