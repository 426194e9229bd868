//! Everything that is generated keeps Argo's rules.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::path::Path;

use fec_argo::lint::lint;
use fec_argo::trees;
use fec_diagnostics::{Sources, has_errors};
use fec_ir::{Ir, lower, optimise};
use fec_model::{CheckOptions, check};
use fec_objects::Node;
use fec_plan::deployment;

fn compiled(text: &str, target: Option<&str>) -> Ir {
    let mut sources = Sources::new();
    let file = sources.add("a.asol", text);
    let parsed = fec_syntax::parse(file, text);
    let options = CheckOptions { target: target.map(str::to_owned) };
    let (model, found) = check(&[(file, &parsed.file)], &options);
    assert!(!has_errors(&parsed.diagnostics) && !has_errors(&found), "{found:?}");
    optimise(lower(model)).0
}

/// The documents of all files, by path.
fn documents(ir: &Ir, target: Option<&str>) -> Vec<(String, Node)> {
    let target = target.and_then(|name| ir.targets.iter().find(|target| target.name == name));
    let trees = trees(&deployment(ir, target)).into_iter();
    trees.flat_map(|tree| tree.documents.unwrap().into_iter().map(move |node| (tree.path.clone(), node))).collect()
}

fn solution(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

#[test]
fn generated_workflows_keep_the_rules() {
    let solutions = [
        ("examples/fraud/fraud.asol", None, 6),
        ("examples/fraud/fraud.asol", Some("prod"), 6),
        ("tests/solutions/flights/flights.asol", None, 6),
        ("tests/solutions/names/names.asol", Some("prod"), 8),
    ];
    for (path, target, least) in solutions {
        let documents = documents(&compiled(&solution(path), target), target);
        assert!(documents.len() >= least, "{path}: {} documents", documents.len());
        for (file, document) in documents {
            assert_eq!(lint(&document), [""; 0], "{path}: {file}");
        }
    }
}

#[test]
fn the_containers_beside_a_step_have_the_least_rights() {
    let documents = documents(&compiled(&solution("examples/fraud/fraud.asol"), Some("prod")), Some("prod"));
    let (_, template) = documents.iter().find(|(path, _)| path == "argo/train.yaml").unwrap();
    let patch = template.at(&["spec", "podSpecPatch"]).unwrap().text().unwrap();
    let patch: serde_json::Value = serde_json::from_str(patch).unwrap();
    for (list, name) in [("initContainers", "init"), ("containers", "wait")] {
        let container = &patch[list][0];
        assert_eq!(container["name"], name);
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL", "{name}");
    }
}

#[test]
fn a_job_becomes_its_steps() {
    let documents = documents(&compiled(&solution("examples/fraud/fraud.asol"), Some("prod")), Some("prod"));
    let (_, template) = documents.iter().find(|(path, _)| path == "argo/train.yaml").unwrap();
    let tasks = template.at(&["spec", "templates"]).unwrap().items().first().unwrap().at(&["dag", "tasks"]).unwrap();
    let told: Vec<String> = tasks
        .items()
        .iter()
        .map(|task| {
            let text = |key| task.get(key).and_then(Node::text).unwrap_or("-");
            format!("{} after {} when {}", text("name"), text("depends"), text("when"))
        })
        .collect();
    let wanted = [
        "rows after - when -",
        "split-parts after rows when -",
        "train-model after split-parts when -",
        "evaluate-report after train-model when -",
        "publish-scorer after evaluate-report when {{tasks.evaluate-report.outputs.parameters.publish-scorer}} == true",
    ];
    assert_eq!(told, wanted);
    assert_eq!(template.at(&["spec", "activeDeadlineSeconds"]), Some(&Node::Int(7_200)));
    let (_, cron) = documents.iter().find(|(path, _)| path == "argo/train_schedule.yaml").unwrap();
    assert_eq!(cron.at(&["spec", "timezone"]).and_then(Node::text), Some("Asia/Shanghai"));
    // As files of a folder, and as one whole, a schedule is applied behind its template.
    let place = |name: &str| documents.iter().position(|(path, _)| path == name).unwrap();
    assert!(place("argo/train.yaml") < place("argo/train_schedule.yaml"));
    let (_, whole) = documents.get(place("argo/kustomization.yaml")).unwrap();
    assert_eq!(whole.at(&["sortOptions", "order"]).and_then(Node::text), Some("fifo"));
    let (_, account) = documents.iter().find(|(path, _)| path == "argo/account.yaml").unwrap();
    assert_eq!(account.at(&["metadata", "name"]).and_then(Node::text), Some("runner"));
}

#[test]
fn jobs_without_anything_to_share_are_one_step_each() {
    let text = "solution s { version: \"1\" }\n\
        source e: stream<{ id: string, at: timestamp }> { time: at }\n\
        sink a: rows<{ id: string }> { path: \"a.jsonl\" }\nsink b: rows<{ id: string }> { path: \"b.jsonl\" }\n\
        job j {\n  rows = e |> select id\n  emit rows to a\n  emit rows to b\n  emit rows to b\n}\n";
    let documents = documents(&compiled(text, None), None);
    let (_, template) = documents.iter().find(|(path, _)| path == "argo/j.yaml").unwrap();
    let names: Vec<&str> = template
        .at(&["spec", "templates"])
        .unwrap()
        .items()
        .iter()
        .filter_map(|one| one.get("name").and_then(Node::text))
        .collect();
    assert_eq!(names, ["main", "rows", "emit-a", "emit-b", "emit-b-2", "write", "exit"]);
    let tasks = template.at(&["spec", "templates"]).unwrap().items().first().unwrap().at(&["dag", "tasks"]).unwrap();
    let write = tasks.items().iter().find(|task| task.get("name").and_then(Node::text) == Some("write")).unwrap();
    assert_eq!(write.get("depends").and_then(Node::text), Some("emit-a && emit-b && emit-b-2"));
    for (file, document) in &documents {
        assert_eq!(lint(document), [""; 0], "{file}");
    }
    assert!(!documents.iter().any(|(path, _)| path.contains("schedule")), "nothing is scheduled");
}

#[test]
fn a_job_may_be_called_as_a_file_that_is_there_in_any_case() {
    let text = "solution s { version: \"1\" }\n\
        source e: stream<{ id: string, at: timestamp }> { time: at }\nsink a: rows<{ id: string }> {}\n\
        job account { emit e |> select id to a }\njob kustomization { emit e |> select id to a }\n\
        engine x {\n  job account { emit e |> select id to a }\n}\n";
    let ir = compiled(text, None);
    let paths: Vec<String> = trees(&deployment(&ir, None)).into_iter().map(|tree| tree.path).collect();
    let distinct: std::collections::BTreeSet<&String> = paths.iter().collect();
    assert_eq!((paths.len(), distinct.len()), (8, 8), "{paths:?}");
    assert!(paths.contains(&"argo/x-account.yaml".to_owned()), "{paths:?}");
}

#[test]
fn a_parameter_says_what_it_is_written_as() {
    let text = "solution s { version: \"1\" }\nenum Mood { on, off }\n\
        source e: stream<{ id: string, at: timestamp }> { time: at }\nsink a: rows<{ id: string, n: int }> {}\n\
        job j(wait: duration = 90s, mood: Mood? = null, share: decimal(5, 3) = 0.5, now_: list<int> = [1]) {\n  \
        emit e |> select id, n = length(now_) + (if wait > 1s and mood == null and share > 0 then 1 else 2) to a\n}\n";
    let documents = documents(&compiled(text, None), None);
    for path in ["argo/j.yaml", "argo/j_run.yaml"] {
        let (_, document) = documents.iter().find(|(found, _)| found == path).unwrap();
        let told: Vec<&str> = document
            .at(&["spec", "arguments", "parameters"])
            .unwrap()
            .items()
            .iter()
            .skip(1)
            .filter_map(|parameter| parameter.get("description").and_then(Node::text))
            .collect();
        let wanted = [
            "`wait` of the job, microseconds; nothing: as the job says",
            "`mood` of the job, one of `on`, `off`; nothing: as the job says",
            "`share` of the job, a number with at most 3 digits after the point; nothing: as the job says",
            "`now_` of the job, a list in JSON; nothing: as the job says",
        ];
        assert_eq!(told, wanted, "{path}");
    }
}

/// Whole seconds, and never fewer than were asked for; and no parameter of a job is taken for the instant of its run.
#[test]
fn times_are_rounded_up_and_parameters_have_names_of_their_own() {
    let text = "solution s { version: \"1\" }\n\
        source e: stream<{ id: string, at: timestamp }> { time: at }\nsink a: rows<{ id: string, n: int }> {}\n\
        @retry(3, backoff: 2h) @timeout(1500ms)\n\
        job j(now: int = 1, gr\u{f6}\u{df}e: int = 2) { emit e |> select id, n = now + gr\u{f6}\u{df}e to a }\n\
        @retry(2, backoff: 1500ms) @timeout(1ms)\njob k { emit e |> select id, n = 1 to a }\n\
        @retry(1, backoff: 0s)\njob l { emit e |> select id, n = 1 to a }\n";
    let documents = documents(&compiled(text, None), None);
    let template = |job: &str| {
        let path = format!("argo/{job}.yaml");
        documents.iter().find(|(found, _)| *found == path).map(|(_, document)| document).unwrap()
    };
    let retry = |job: &str| {
        let pod = template(job).at(&["spec", "templates"]).unwrap().items().get(1).unwrap();
        let text = |path: &[&str]| pod.at(path).and_then(Node::text).unwrap_or("-").to_owned();
        let backoff = |key| text(&["retryStrategy", "backoff", key]);
        [text(&["retryStrategy", "limit"]), backoff("duration"), backoff("factor"), backoff("cap")]
    };
    let deadline = |job: &str| template(job).at(&["spec", "activeDeadlineSeconds"]).cloned();
    assert_eq!((retry("j"), deadline("j")), (["3", "7200s", "2", "7200s"].map(str::to_owned), Some(Node::Int(2))));
    assert_eq!((retry("k"), deadline("k")), (["2", "2s", "2", "3600s"].map(str::to_owned), Some(Node::Int(1))));
    assert_eq!((retry("l"), deadline("l")), (["1", "-", "-", "-"].map(str::to_owned), None));
    let texts = template("j").texts();
    let given: Vec<&str> =
        texts.iter().map(|(_, text)| *text).filter(|text| text.contains("{{workflow.parameters")).collect();
    assert_eq!(
        given,
        [
            "--now={{workflow.parameters.now}}",
            "now={{workflow.parameters.now-param}}",
            "gr\u{f6}\u{df}e={{workflow.parameters.gr-e-param-6b6b64c3}}"
        ],
        "what runs at the end reads those of the workflow"
    );
}
