//! The crate that the processes of a solution share: its sources, sinks, features and enumerations.

use fec_diagnostics::{Sources, Span};
use fec_ir::{Ir, NodeId, Op};
use fec_model::model::{Format, Shape, Sink, Source, TimeUnit, Write};
use fec_plan::Deployment;
use fec_plan::dataflow::{FeatureState, feature_state, written_by_jobs};
use fec_plan::workers::{feature_sources, kept_nodes};
use fec_rust::ident::{Names, snake};
use fec_rust::{Error, RustFile, Scope, doc, enumeration};

use crate::operators::function;
use fec_rust::page::{Tree, atom, call, list, record, text};
use fec_rust::schema;
use fec_rust::types::Modules;

/// The function that makes the descriptor of a feature node, in the file `features` of what the processes share.
#[must_use]
pub fn feature_function(ir: &Ir, node: NodeId) -> String {
    let mut names = Names::default();
    let mut found = String::new();
    for known in kept_nodes(ir) {
        let Some(Op::Features { sets, .. }) = ir.graph.get(known).map(|node| &node.op) else { continue };
        let name = names.fresh(&snake(sets.first().map(|set| set.name.as_str()).unwrap_or_default()));
        if known == node {
            found = name;
        }
    }
    found
}

/// The functions that make the sinks, in their order.
pub(crate) fn sink_functions(ir: &Ir) -> Vec<String> {
    let mut names = Names::with(["all".to_owned()]);
    ir.sinks.iter().map(|sink| names.fresh(&snake(&sink.name))).collect()
}

/// A comment of declared docs and the place.
fn docs(declared: &str, otherwise: &str, sources: &Sources, span: Span) -> String {
    let first = if declared.is_empty() { otherwise } else { declared };
    let place = format!("{first}\n\n{}", doc::place(sources, span));
    place.lines().map(|line| if line.is_empty() { "///\n".to_owned() } else { format!("/// {line}\n") }).collect()
}

/// The sources of every input.
pub(crate) fn sources_file(ir: &Ir, sources: &Sources) -> String {
    let mut file = RustFile::new("Where events and tables come from.").public().enums(&ir.enums);
    file.import("std::sync", "Arc");
    file.import("flow_task::spec", "SourceSpec");
    file.fresh("all");
    let names: Vec<String> = ir.sources.iter().map(|source| file.fresh(&source.name)).collect();
    let all = call("Arc::new", [list("", names.iter().map(|name| atom(format!("{name}()"))))]);
    let head = "/// All sources, in the order of their names: a source's number is its place.\n";
    file.item(&format!("{head}pub fn all() -> Arc<[SourceSpec]> {{\n{}}}", all.last(4)));
    for (name, source) in names.iter().zip(&ir.sources) {
        let columns = schema::schema(&mut file, "crate", &source.ty.columns).bound("columns", 4);
        let tree = source_tree(&mut file, source);
        let docs = docs(&source.docs, &format!("`{}`.", source.name), sources, source.span);
        file.item(&format!("{docs}pub fn {name}() -> SourceSpec {{\n{columns}{}}}", tree.last(4)));
    }
    file.finish()
}

fn source_tree(file: &mut RustFile, source: &Source) -> Tree {
    let mut fields: Vec<(&'static str, Tree)> = Vec::new();
    if source.topic != source.name && source.shape == Shape::Stream {
        fields.push(("topic", call("String::from", [text(&source.topic)])));
    }
    let some = |value: &str| call("Some", [call("String::from", [text(value)])]);
    let named = [
        ("file", source.file.as_deref()),
        ("path", source.path.as_deref()),
        ("history", source.history.as_deref()),
        ("time", source.time.as_deref()),
        ("versions", source.versions.as_deref()),
    ];
    fields.extend(named.into_iter().filter_map(|(name, value)| Some((name, some(value?)))));
    let format = match source.format {
        Format::Json => None,
        Format::Csv => Some("Format::Csv"),
        Format::Parquet => Some("Format::Parquet"),
    };
    if let Some(format) = format {
        file.import("flow_formats", "Format");
        fields.push(("format", atom(format)));
    }
    if let Some(unit) = source.unit {
        file.import("flow_core::functions", "TimeUnit");
        let unit = match unit {
            TimeUnit::Seconds => "TimeUnit::Second",
            TimeUnit::Milliseconds => "TimeUnit::Millisecond",
            TimeUnit::Microseconds => "TimeUnit::Microsecond",
        };
        fields.push(("unit", call("Some", [atom(unit)])));
    }
    for (name, columns) in [("key", &source.key), ("unique", &source.unique)] {
        if !columns.is_empty() {
            let columns = columns.iter().map(|column| call("String::from", [text(column)]));
            fields.push((name, list("vec!", columns)));
        }
    }
    if source.shape == Shape::Stream {
        fields.push(("lateness", schema::duration(file, source.lateness)));
        if let Some(ahead) = source.ahead {
            fields.push(("ahead", call("Some", [schema::duration(file, ahead)])));
        }
        if source.arrival_is_event_time {
            fields.push(("arrival_is_event_time", atom("true")));
        }
    }
    let shape = match source.shape {
        Shape::Stream => "Shape::Stream",
        Shape::Table => "Shape::Table",
        Shape::Rows => "Shape::Rows",
    };
    file.import("flow_task::spec", "Shape");
    let base = call("SourceSpec::new", [text(&source.name), atom(shape), atom("columns")]);
    if fields.is_empty() { base } else { record("SourceSpec", fields).with(base) }
}

/// What every output holds.
pub(crate) fn sinks_file(ir: &Ir, sources: &Sources) -> String {
    let mut file = RustFile::new("Where rows go.").public().enums(&ir.enums);
    if !ir.sinks.is_empty() {
        file.import("std::sync", "Arc");
    }
    file.import("flow_task::spec", "SinkSpec");
    let names = sink_functions(ir);
    let all = list("vec!", names.iter().map(|name| atom(format!("{name}()"))));
    let head = "/// All sinks, in the order of their names.\npub fn all() -> Vec<SinkSpec> {\n";
    file.item(&format!("{head}{}}}", all.last(4)));
    for (name, sink) in names.iter().zip(&ir.sinks) {
        let columns = schema::schema(&mut file, "crate", &sink.columns).bound("columns", 4);
        let tree = sink_tree(ir, sink);
        let docs = docs(&sink.docs, &format!("`{}`.", sink.name), sources, sink.span);
        file.item(&format!("{docs}pub fn {name}() -> SinkSpec {{\n{columns}{}}}", tree.last(4)));
    }
    file.finish()
}

fn sink_tree(ir: &Ir, sink: &Sink) -> Tree {
    let key = sink.key.iter().map(|column| call("String::from", [text(column)]));
    record(
        "SinkSpec",
        [
            ("name", call("String::from", [text(&sink.name)])),
            ("schema", call("Arc::new", [atom("columns")])),
            ("key", list("vec!", key)),
            ("upsert", atom((sink.write == Write::Upsert).to_string())),
            ("by_jobs", atom(written_by_jobs(ir, &sink.name).to_string())),
        ],
    )
}

/// The descriptors of all feature states.
pub(crate) fn features_file(deployment: &Deployment<'_>, sources: &Sources) -> Result<String, Error> {
    let ir = deployment.ir;
    let mut file = RustFile::new("What features keep, and the values over it.").public().enums(&ir.enums);
    for node in kept_nodes(ir) {
        // No function of an expression is called like one of these.
        file.fresh(&feature_function(ir, node));
    }
    for node in kept_nodes(ir) {
        let Some(kept) = ir.graph.get(node) else { continue };
        let Op::Features { sets, head } = &kept.op else { continue };
        let state = feature_state(&kept.name, sets, *head).map_err(|error| Error { message: error.to_string() })?;
        let infos: Vec<_> = ir.features.iter().filter(|set| set.node == node).collect();
        let mut said: Vec<String> = Vec::new();
        for info in &infos {
            let keys: Vec<&str> = info.keys.iter().map(|key| key.name.as_str()).collect();
            let by = if keys.is_empty() { String::new() } else { format!(" by {}", keys.join(", ")) };
            said.push(format!("`{}`{by}: {}", info.name, doc::place(sources, info.span)));
        }
        let function = feature_function(ir, node);
        let text = descriptor(&mut file, ir, sources, &function, &state)?;
        let docs: String = said.iter().map(|line| format!("/// {line}\n")).collect();
        file.item(&format!("{docs}{text}"));
    }
    Ok(file.finish())
}

fn descriptor(
    file: &mut RustFile,
    ir: &Ir,
    sources: &Sources,
    function_name: &str,
    state: &FeatureState,
) -> Result<String, Error> {
    for (module, name) in [
        ("std::sync", "Arc"),
        ("flow_core::aggregate", "AggregateError"),
        ("flow_core::aggregate", "AggregateFunc"),
        ("flow_core::block", "WindowedAggregate"),
        ("flow_core::zone", "Zone"),
        ("flow_operators::feature_set", "FeatureParts"),
        ("flow_operators::feature_set", "FeatureSet"),
    ] {
        file.import(module, name);
    }
    let mut aggregates = String::new();
    for one in &state.aggregates {
        let func = function(one.function, one.limit, one.is_ranked, one.exact);
        let fields = [
            ("func", func),
            ("args", list("vec!", one.arguments.iter().map(|slot| atom(slot.to_string())))),
            ("filter", one.filter.map_or(atom("None"), |slot| call("Some", [atom(slot.to_string())]))),
            ("size", schema::duration(file, one.size)),
            ("step", schema::duration(file, one.step)),
        ];
        let tree = record("WindowedAggregate", fields);
        aggregates.push_str(&format!("        // {}\n{},\n", one.name, tree.last(8).trim_end()));
    }
    let mut scalars = Vec::with_capacity(state.scalars.len());
    for scalar in &state.scalars {
        let mut scope = Scope::row(&scalar.row).enums(&ir.enums);
        for (position, param) in ir.params.iter().enumerate() {
            scope = scope.slot(&param.name, position, &param.ty);
        }
        let quoted = doc::quote(sources, scalar.value.span);
        let computed = file.function(&scalar.name, &quoted, &scalar.value, &scope)?;
        file.import("flow_operators", "compute");
        let kind = schema::kind(file, "crate", &scalar.value.ty.kind);
        scalars.push(call("compute!", [atom("zone"), kind, atom(computed.name)]));
    }
    let arguments: Vec<Tree> = state.arguments.iter().map(|argument| schema::ty(file, "crate", &argument.ty)).collect();
    let parts = record(
        "FeatureParts",
        [
            ("name", call("Arc::from", [text(&state.name)])),
            ("schema", call("Arc::new", [schema::schema(file, "crate", &state.columns)])),
            ("aggregates", atom("&aggregates")),
            ("arguments", list("vec!", arguments)),
            ("head", schema::duration(file, state.head)),
            ("scalars", list("vec!", scalars)),
            ("order", list("vec!", state.order.iter().map(|at| atom(at.to_string())))),
        ],
    );
    let zone = if state.scalars.is_empty() { "_zone" } else { "zone" };
    let head = format!("pub fn {function_name}({zone}: &Arc<Zone>) -> Result<FeatureSet, AggregateError> {{\n");
    let set = call("FeatureSet::new", [parts]);
    Ok(format!("{head}    let aggregates = [\n{aggregates}    ];\n{}}}", set.last(4)))
}

/// The members of all enumerations.
pub(crate) fn enums_file(ir: &Ir) -> Option<String> {
    if ir.enums.is_empty() {
        return None;
    }
    let mut file = RustFile::new("The enumerations of the solution.").public();
    let modules = Modules::of(&ir.enums);
    for (name, members) in &ir.enums {
        file.item(&enumeration(name, &modules.get(name), members, None));
    }
    Some(file.finish())
}

/// The files of the crate that the processes of a solution share, below its `src`, by name. `fingerprint` is that of the
/// plan.
///
/// # Errors
/// A plan that no checked solution has.
pub(crate) fn files(
    deployment: &Deployment<'_>,
    sources: &Sources,
    fingerprint: &str,
) -> Result<Vec<(&'static str, String)>, Error> {
    let ir = deployment.ir;
    let mut files = vec![
        ("features.rs", features_file(deployment, sources)?),
        ("lib.rs", lib(deployment, fingerprint)?),
        ("sinks.rs", sinks_file(ir, sources)),
        ("sources.rs", sources_file(ir, sources)),
    ];
    files.extend(enums_file(ir).map(|text| ("enums.rs", text)));
    Ok(files)
}

fn lib(deployment: &Deployment<'_>, fingerprint: &str) -> Result<String, Error> {
    let ir = deployment.ir;
    let docs = if ir.description.is_empty() { String::new() } else { format!("{}\n\n", ir.description) };
    let head = format!("{docs}What the processes of `{}` share. Written by `fec compile`.", ir.name);
    let mut file = RustFile::new(&head).public().enums(&ir.enums);
    let enums = if ir.enums.is_empty() { "" } else { "pub mod enums;\n" };
    file.item(&format!("{enums}pub mod features;\npub mod sinks;\npub mod sources;"));
    file.import("flow_launch", "Solution");
    file.fresh("solution");
    let mut params = Vec::with_capacity(ir.params.len());
    let mut scope = Scope::row(&[]).enums(&ir.enums);
    for (position, param) in ir.params.iter().enumerate() {
        let doc = format!("The parameter `{}`.", param.name);
        let function = file.function(&param.name, &doc, &param.value, &scope)?;
        file.import("flow_launch", "Parameter");
        let kind = schema::kind(&mut file, "", &param.ty.kind);
        let fields = [("name", text(&param.name)), ("kind", kind), ("value", atom(function.closure()))];
        params.push(record("Parameter", fields));
        scope = scope.slot(&param.name, position, &param.ty);
    }
    let features = kept_nodes(deployment.ir).into_iter().filter_map(|node| ir.graph.get(node));
    let features = features.map(|node| call("String::from", [text(&node.name)]));
    let sets: Vec<Tree> = feature_sources(ir)
        .into_iter()
        .map(|(set, sources)| {
            file.import("flow_task", "FeatureSources");
            call("FeatureSources::new", [text(set), list("&", sources.into_iter().map(text))])
        })
        .collect();
    // Only what this target says: elsewhere events come from where they are produced.
    let simulation = match deployment.target.and_then(|target| target.simulate.as_ref()) {
        Some(settings) => {
            file.import("flow_task::simulate", "Simulation");
            let fields = [
                ("generator", call("String::from", [text(&settings.generator)])),
                ("seed", atom(settings.seed.to_string())),
                ("rows", atom(schema::integer(i64::try_from(settings.rows).unwrap_or(i64::MAX)))),
                ("rate", atom(format!("{:?}", settings.rate))),
            ];
            call("Some", [record("Simulation", fields)])
        }
        None => atom("None"),
    };
    let solution = record(
        "Solution",
        [
            ("name", call("String::from", [text(&ir.name)])),
            ("fingerprint", call("String::from", [text(fingerprint)])),
            ("timezone", call("String::from", [text(&ir.timezone)])),
            ("sources", atom("sources::all()")),
            ("sinks", atom("sinks::all()")),
            ("features", list("vec!", features)),
            ("sets", list("vec!", sets)),
            ("params", list("vec!", params)),
            ("simulation", simulation),
        ],
    );
    file.item(&format!(
        "/// The solution as its processes know it.\npub fn solution() -> Solution {{\n{}}}",
        solution.last(4)
    ));
    Ok(file.finish())
}
