//! The crate of a service: its entry point, its statements, its expressions, its OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};

use fec_diagnostics::Sources;
use fec_ir::{Ir, NodeId, Op};
use fec_model::Symbol;
use fec_model::model::{Format, Shape, Source};
use fec_model::types::Type;
use fec_plan::dataflow::set_columns;
use fec_plan::service::{Rows, Scope, ServicePlan, ViewPlan, Work, called, services, views};
use fec_plan::workers::kept_table;
use fec_plan::{Deployment, Unit, openapi};
use fec_rust::ident::{Names, snake};
use fec_rust::page::{atom, call, list, mentions, record, text};
use fec_rust::{Error, RustFile, doc, schema};
use fec_stream::{Wired, feature_function};

use crate::relations::{self, Page};
use crate::statements;

/// Crates that the entry point names, beside which no module may be called so.
const CRATES: [&str; 10] = [
    "alloc",
    "core",
    "flow_core",
    "flow_launch",
    "flow_operators",
    "flow_parquet",
    "flow_serve",
    "flow_store",
    "flow_task",
    "std",
];
/// The module of views.
const VIEWS: &str = "views";

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
    let is_table = |name: &str| ir.is_table(name);
    let scope = Scope { ir, given: &[], is_table: &is_table };
    let broken = |error: fec_plan::dataflow::PlanError| Error::new(error.to_string());
    let plans = services(scope, |path| wanted.contains(path)).map_err(broken)?;
    let read = tables_read(&plans);
    let views: Vec<ViewPlan> =
        views(scope).map_err(broken)?.into_iter().filter(|view| read.contains(&view.name)).collect();
    let mut rules =
        RustFile::new("The expressions of the service, each as a function over its cells.").public().enums(&ir.enums);
    let header = "The operators of relations in requests, wired anew for each.";
    let mut wired = Wired::new(ir, sources, shared, header).public();
    let taken = ["enums", "features", "main", relations::MODULE, "rules", "schemas", "service", VIEWS, shared];
    let taken = taken.into_iter().chain(CRATES);
    let mut modules = Names::with(taken.map(str::to_owned));
    let mut files = Vec::new();
    let mut named = Vec::new();
    for plan in &plans {
        let name = plan.path.rsplit('.').next().unwrap_or_default();
        let module = modules.fresh(&snake(name));
        let file = statements::print(ir, sources, plan, (&mut rules, &mut wired))?;
        files.push((format!("{module}.rs"), file));
        named.push((module, plan));
    }
    if !views.is_empty() {
        files.push((format!("{VIEWS}.rs"), printed_views(ir, sources, &views, (&mut rules, &mut wired))?));
    }
    let mut extra: Vec<&str> = Vec::new();
    if !views.is_empty() {
        extra.push(VIEWS);
    }
    if !wired.is_empty() {
        extra.push(relations::MODULE);
        for (name, text) in wired.finish() {
            let name = if name == "main.rs" { "mod.rs" } else { name };
            files.push((format!("{}/{name}", relations::MODULE), text));
        }
    }
    files.push(("main.rs".to_owned(), main(deployment, unit, sources, shared, (&named, &extra))));
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
    (services, extra): (&[(String, &ServicePlan)], &[&str]),
) -> String {
    let ir = deployment.ir;
    let head = doc::head(&format!("The service `{}`", unit.name), &unit.docs, unit.span, sources);
    let mut file = RustFile::new(&head).enums(&ir.enums);
    let read = sets_read(services);
    let mut body = String::new();
    let mut used = Names::with(["given", "zone", "features"].map(str::to_owned));
    let mut readers: BTreeMap<NodeId, String> = BTreeMap::new();
    let mut features = Vec::new();
    for info in ir.features.iter().filter(|info| read.contains(&info.name)) {
        let Some(Op::Features { sets, .. }) = ir.graph.get(info.node).map(|node| &node.op) else { continue };
        let Some(table) = kept_table(ir, info.node) else { continue };
        let reader = readers.entry(info.node).or_insert_with(|| {
            let name = sets.first().map(|set| set.name.as_str()).unwrap_or_default();
            let function = feature_function(ir, info.node);
            let variable = used.fresh(&snake(name));
            let set = call(&format!("features::{function}"), [atom("zone")]).tried();
            let reader = call("Arc::new", [call("FeatureReader::new", [set])]);
            body.push_str(&reader.bound(&variable, 4));
            variable
        });
        let columns = set_columns(sets, &info.name).into_iter().map(|at| atom(at.to_string()));
        let arguments = [text(&info.name), atom(table.to_string()), atom(format!("&{reader}")), list("", columns)];
        let view = used.fresh(&snake(&format!("{} view", info.name)));
        body.push_str(&call("FeatureView::new", arguments).bound(&view, 4));
        features.push(atom(view));
        for (module, name) in [("std::sync", "Arc"), ("flow_operators::feature_set", "FeatureReader")] {
            file.import(module, name);
        }
        file.import("flow_serve", "FeatureView");
        file.import(shared, "features");
    }
    let mut kept = Vec::new();
    let mut tables = tables_read(services.iter().map(|(_, plan)| *plan));
    each_relation(services, &mut |rows| views_of(rows, &mut tables));
    for view in ir.views.iter().filter(|view| tables.contains(&view.name)) {
        let Some(table) = view.kept.and_then(|node| kept_table(ir, node)) else { continue };
        let columns = schema::schema(&mut file, shared, &view.columns);
        let arguments = [text(&view.name), atom(table.to_string()), call("Arc::new", [columns])];
        let name = used.fresh(&snake(&view.name));
        body.push_str(&call("KeptView::new", arguments).bound(&name, 4));
        kept.push(atom(name));
        file.import("std::sync", "Arc");
        file.import("flow_serve", "KeptView");
    }
    let models = ir.models.iter().map(|model| call("String::from", [text(&model.name)]));
    let made = services.iter().map(|(module, _)| call(&format!("{module}::service"), [atom("given")]));
    let mut fields = vec![("slots", atom("given.slots.clone()"))];
    if !features.is_empty() {
        fields.push(("features", list("vec!", features)));
    }
    if !kept.is_empty() {
        fields.push(("kept", list("vec!", kept)));
    }
    if !ir.models.is_empty() {
        fields.push(("models", list("vec!", models)));
    }
    if extra.contains(&VIEWS) {
        fields.push(("views", call(&format!("{VIEWS}::all"), [atom("given")])));
    }
    fields.push(("services", list("vec!", made)));
    fields.push(("document", atom("String::from(include_str!(\"openapi.json\"))")));
    body.push_str(&call("Ok", [record("Solution", fields).with(call("Solution::default", []))]).last(4));
    for (module, name) in [
        ("std::process", "ExitCode"),
        ("flow_serve", "Solution"),
        ("flow_task", "RunError"),
        ("flow_task::wiring", "Given"),
        ("flow_launch", "Service"),
    ] {
        file.import(module, name);
    }
    let modules: BTreeSet<&str> =
        services.iter().map(|(module, _)| module.as_str()).chain(["rules"]).chain(extra.iter().copied()).collect();
    let modules: Vec<String> = modules.into_iter().map(|module| format!("mod {module};")).collect();
    file.item(&modules.join("\n"));
    let keeper = deployment.units.iter().find(|unit| unit.keeps_features);
    let keeper = keeper.map(|unit| unit.name.as_str()).unwrap_or_default();
    // A service reads tables alone.
    let parquet = if ir.sources.iter().any(may_be_parquet) { "Some(flow_parquet::open)" } else { "None" };
    let service = record(
        "Service",
        [
            ("name", call("String::from", [text(&unit.name)])),
            ("keeper", call("String::from", [text(keeper)])),
            ("parquet", atom(parquet)),
            ("answers", atom("answers")),
        ],
    );
    let run = call("flow_launch::service", [atom(format!("{shared}::solution()")), atom("service")]);
    let entry = format!("{}{}", service.bound("service", 4), run.last(4));
    file.item(&format!("fn main() -> ExitCode {{\n{entry}}}"));
    let head = "/// What is answered from: features, models and the statements of services.\n";
    let head = format!("{head}fn answers(given: &Given) -> Result<Solution, RunError> {{\n");
    let zone = if mentions(&body, "zone") { "    let zone = &given.zone;\n" } else { "" };
    file.item(&format!("{head}{zone}{body}}}"));
    file.finish()
}

/// Whether a source is a table that may lie in Parquet files. The names of files tell before the declared format does,
/// and what has no name of a text may be a folder with files of any.
fn may_be_parquet(source: &Source) -> bool {
    let is_text = |path: &String| {
        let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        extension.is_some_and(|extension| ["csv", "json", "jsonl", "ndjson"].contains(&extension.as_str()))
    };
    let path = source.file.as_ref().or(source.path.as_ref());
    source.shape != Shape::Stream && path.map_or(source.format == Format::Parquet, |path| !is_text(path))
}

/// The views that services read by their keys, as data over the engine.
fn printed_views<'w>(
    ir: &'w Ir,
    sources: &'w Sources,
    views: &[ViewPlan],
    (rules, wired): (&mut RustFile, &mut Wired<'w>),
) -> Result<String, Error> {
    let mut page = Page::new((ir, sources), &[], "The views over tables that services read by key.", (rules, wired));
    let all = page.file.fresh("all");
    // What all of them are made of is a variable where they are called.
    page.file.fresh("given");
    let mut made = Vec::with_capacity(views.len());
    let mut printed = Vec::with_capacity(views.len());
    for view in views {
        let name = page.file.fresh(&view.name);
        let span = ir.views.iter().find(|known| known.name == view.name).and_then(|known| ir.graph.get(known.node));
        let span = span.map(|node| node.span).unwrap_or_default();
        let rows = page.ordered(&name, span, &view.relation.rows, &outside(ir))?;
        let columns = schema::schema(&mut page.file, &page.shared, &view.columns);
        let key = view.key.iter().map(|column| call("String::from", [text(column)]));
        let fields = [
            ("name", call("String::from", [text(&view.name)])),
            ("rows", rows),
            ("schema", call("Arc::new", [columns])),
            ("key", list("vec!", key)),
        ];
        let body = record("View", fields).last(4);
        let zone = if mentions(&body, "zone") { "    let zone = &given.zone;\n" } else { "" };
        let given = if mentions(&body, "given") || !zone.is_empty() { "given" } else { "_given" };
        let quoted = doc::quote(sources, span);
        printed.push(format!("/// {quoted}\nfn {name}({given}: &Given) -> View {{\n{zone}{body}}}"));
        made.push(call(&name, [atom("given")]));
    }
    for (module, name) in [("std::sync", "Arc"), ("flow_serve", "View"), ("flow_task::wiring", "Given")] {
        page.file.import(module, name);
    }
    let body = list("vec!", made).last(4);
    page.file.item(&format!("/// All of them.\npub fn {all}(given: &Given) -> Vec<View> {{\n{body}}}"));
    printed.iter().for_each(|item| page.file.item(item));
    Ok(page.file.finish())
}

/// What expressions of views see besides their row: the parameters of the solution.
fn outside(ir: &Ir) -> Vec<(Symbol, Type)> {
    ir.params.iter().map(|param| (param.name, param.ty.clone())).collect()
}

/// The tables and views that services read by key.
fn tables_read<'p>(services: impl IntoIterator<Item = &'p ServicePlan>) -> BTreeSet<Symbol> {
    let steps = services.into_iter().flat_map(|plan| &plan.statements.steps);
    let read = steps.filter_map(|step| match &step.work {
        Work::Table { table, .. } => Some(*table),
        _ => None,
    });
    read.collect()
}

/// The feature sets that services read: by key, or for the rows of a relation.
fn sets_read(services: &[(String, &ServicePlan)]) -> BTreeSet<Symbol> {
    let mut found = BTreeSet::new();
    for step in services.iter().flat_map(|(_, plan)| &plan.statements.steps) {
        match &step.work {
            Work::Features { set, .. } => {
                found.insert(*set);
            }
            Work::Collect(relation) | Work::Emit { relation, .. } => sets_of(&relation.rows.rows, &mut found),
            _ => {}
        }
    }
    found
}

/// The feature sets that rows are read with.
fn sets_of(rows: &Rows, found: &mut BTreeSet<Symbol>) {
    match rows {
        Rows::Features { input, set, .. } => {
            found.insert(*set);
            sets_of(input, found);
        }
        Rows::Take { input, .. } => sets_of(&input.rows, found),
        Rows::Through(through) => through.inputs.iter().for_each(|(_, rows)| sets_of(rows, found)),
        Rows::Given(_) | Rows::List { .. } | Rows::Table { .. } | Rows::Kept { .. } | Rows::Missing(_) => {}
    }
}

/// The views over streams that rows are joined with.
fn views_of(rows: &Rows, found: &mut BTreeSet<Symbol>) {
    match rows {
        Rows::Kept { view, .. } => {
            found.insert(*view);
        }
        Rows::Features { input, .. } => views_of(input, found),
        Rows::Take { input, .. } => views_of(&input.rows, found),
        Rows::Through(through) => through.inputs.iter().for_each(|(_, rows)| views_of(rows, found)),
        Rows::Given(_) | Rows::List { .. } | Rows::Table { .. } | Rows::Missing(_) => {}
    }
}

/// The relations of services.
fn each_relation(services: &[(String, &ServicePlan)], see: &mut impl FnMut(&Rows)) {
    for step in services.iter().flat_map(|(_, plan)| &plan.statements.steps) {
        if let Work::Collect(relation) | Work::Emit { relation, .. } = &step.work {
            see(&relation.rows.rows);
        }
    }
}
