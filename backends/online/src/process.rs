//! The crate of a service: its entry point, its statements, its expressions, its OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};

use fec_diagnostics::Sources;
use fec_ir::{Ir, NodeId, Op};
use fec_model::model::Shape;
use fec_plan::dataflow::set_columns;
use fec_plan::service::{Scope, ServicePlan, Work, called, services};
use fec_plan::{Deployment, Unit, openapi};
use fec_rust::ident::{Names, snake};
use fec_rust::{Error, RustFile, doc};

use crate::statements;
use fec_rust::page::{atom, call, list, record, text};

/// The files of a service's crate below its `src`, by name.
pub(crate) fn files(
    deployment: &Deployment<'_>,
    unit: &Unit,
    sources: &Sources,
    shared: &str,
) -> Result<Vec<(String, String)>, Error> {
    let ir = deployment.ir;
    let path = unit.flow.as_deref().unwrap_or_default();
    let wanted = called(ir, path);
    let is_table = |name: &str| ir.source(name).is_some_and(|source| source.shape != Shape::Stream);
    let scope = Scope { ir, given: &[], is_table: &is_table };
    let plans = services(scope, |path| wanted.contains(path)).map_err(|error| Error::new(error.to_string()))?;
    let mut rules = RustFile::new("The expressions of the service, each as a function over its cells.").public();
    let mut modules = Names::with(["main", "rules", "service"].map(str::to_owned));
    let mut files = Vec::new();
    let mut named = Vec::new();
    for plan in &plans {
        let name = plan.path.rsplit('.').next().unwrap_or_default();
        let module = modules.fresh(&snake(name));
        let file = statements::print(ir, sources, plan, shared, &mut rules)?;
        files.push((format!("{module}.rs"), file));
        named.push((module, plan));
    }
    files.push(("main.rs".to_owned(), main(deployment, unit, sources, shared, &named)));
    files.push(("rules.rs".to_owned(), rules.finish()));
    let document = format!("{:#}\n", openapi(ir, |served| served == path));
    files.push(("openapi.json".to_owned(), document));
    files.sort();
    Ok(files)
}

/// The entry point, and what the service answers from.
fn main(
    deployment: &Deployment<'_>,
    unit: &Unit,
    sources: &Sources,
    shared: &str,
    services: &[(String, &ServicePlan)],
) -> String {
    let ir = deployment.ir;
    let docs = if unit.docs.is_empty() { String::new() } else { format!("\n\n{}", unit.docs) };
    let place = unit.span.map(|span| format!(" from {}", doc::place(sources, span))).unwrap_or_default();
    let mut file = RustFile::new(&format!("The service `{}`.{docs}\n\nWritten by `fec compile`{place}.", unit.name));
    let read = sets_read(services);
    let mut body = String::new();
    let mut used = Names::with(["given", "zone", "features"].map(str::to_owned));
    let mut readers: BTreeMap<NodeId, String> = BTreeMap::new();
    let mut features = Vec::new();
    for info in ir.features.iter().filter(|info| read.contains(&info.name)) {
        let Some(Op::Features { sets, .. }) = ir.graph.get(info.node).map(|node| &node.op) else { continue };
        let Some(table) = table_of(ir, info.node) else { continue };
        let reader = readers.entry(info.node).or_insert_with(|| {
            let name = sets.first().map(|set| set.name.as_str()).unwrap_or_default();
            let function = snake(name);
            let variable = used.fresh(&snake(name));
            let set = call(&format!("features::{function}"), [atom("zone")]).tried();
            let reader = call("Arc::new", [call("FeatureReader::new", [set])]);
            body.push_str(&reader.bound(&variable, 4));
            variable
        });
        let columns = set_columns(sets, &info.name).into_iter().map(|at| atom(at.to_string()));
        let arguments = [text(&info.name), atom(table.to_string()), atom(format!("&{reader}")), list("", columns)];
        let view = used.fresh(&format!("{}_view", snake(&info.name)));
        body.push_str(&call("FeatureView::new", arguments).bound(&view, 4));
        features.push(atom(view));
        for (module, name) in [("std::sync", "Arc"), ("flow_operators::feature_set", "FeatureReader")] {
            file.import(module, name);
        }
        file.import("flow_serve", "FeatureView");
        file.import(shared, "features");
    }
    let models = ir.models.iter().map(|model| call("String::from", [text(&model.name)]));
    let made = services.iter().map(|(module, _)| call(&format!("{module}::service"), [atom("zone")]));
    let mut fields = vec![("slots", atom("given.slots.clone()"))];
    if !features.is_empty() {
        fields.push(("features", list("vec!", features)));
    }
    if !ir.models.is_empty() {
        fields.push(("models", list("vec!", models)));
    }
    fields.push(("services", list("vec!", made)));
    fields.push(("document", atom("String::from(include_str!(\"openapi.json\"))")));
    body.push_str(&call("Ok", [record("Solution", fields).with("Solution::default()")]).last(4));
    for (module, name) in [
        ("std::process", "ExitCode"),
        ("flow_serve", "Solution"),
        ("flow_task", "RunError"),
        ("flow_task::wiring", "Given"),
        ("flow_launch", "Service"),
    ] {
        file.import(module, name);
    }
    let modules: BTreeSet<&str> = services.iter().map(|(module, _)| module.as_str()).chain(["rules"]).collect();
    let modules: Vec<String> = modules.into_iter().map(|module| format!("mod {module};")).collect();
    file.item(&modules.join("\n"));
    let keeper = deployment.units.iter().find(|unit| unit.keeps_features);
    let keeper = keeper.map(|unit| unit.name.as_str()).unwrap_or_default();
    let service = record(
        "Service",
        [
            ("name", call("String::from", [text(&unit.name)])),
            ("keeper", call("String::from", [text(keeper)])),
            ("answers", atom("answers")),
        ],
    );
    let run = call("flow_launch::service", [atom(format!("{shared}::solution()")), atom("service")]);
    let entry = format!("{}{}", service.bound("service", 4), run.last(4));
    file.item(&format!("fn main() -> ExitCode {{\n{entry}}}"));
    let head = "/// What is answered from: features, models and the statements of services.\n";
    let head = format!("{head}fn answers(given: &Given) -> Result<Solution, RunError> {{\n");
    file.item(&format!("{head}    let zone = &given.zone;\n{body}}}"));
    file.finish()
}

/// The feature sets that services read by key.
fn sets_read(services: &[(String, &ServicePlan)]) -> BTreeSet<String> {
    let steps = services.iter().flat_map(|(_, plan)| &plan.statements.steps);
    let read = steps.filter_map(|step| match &step.work {
        Work::Features { set, .. } => Some(set.clone()),
        _ => None,
    });
    read.collect()
}

/// The table of a feature node's state.
fn table_of(ir: &Ir, node: NodeId) -> Option<usize> {
    let mut nodes: Vec<NodeId> = ir.features.iter().map(|set| set.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.iter().position(|known| *known == node)
}
