//! The crate of a worker: its wiring, its expressions, and the call that runs it.

use std::collections::{BTreeMap, BTreeSet};

use fec_diagnostics::{Sources, Span};
use fec_ir::{Ir, NodeId, Op};
use fec_plan::dataflow::{DataflowPlan, Feed, Operator, RowOp, Wanted, dataflow};
use fec_plan::{Deployment, Unit as Process, Work, workers};
use fec_rust::ident::snake;
use fec_rust::page::{Tree, atom, call, list, mentions, record, text};
use fec_rust::{Error, doc};

use crate::shared::sink_functions;
use crate::unit::Unit;

/// The sources of a worker's crate below its `src`, by name.
pub(crate) fn files(
    deployment: &Deployment<'_>,
    process: &Process,
    sources: &Sources,
    shared: &str,
) -> Result<Vec<(&'static str, String)>, Error> {
    let ir = deployment.ir;
    let missing = || Error { message: format!("`{}` is no worker", process.name) };
    let work = workers(deployment).into_iter().find(|work| work.name == process.name).ok_or_else(missing)?;
    let taps: Vec<NodeId> = work.sinks.iter().map(|(tap, _)| *tap).collect();
    let is_table = |name: &str| ir.is_table(name);
    let given = BTreeMap::new();
    let mut plan = dataflow(Wanted { ir, taps: &taps, features: &work.features, given: &given, is_table: &is_table })
        .map_err(|error| Error { message: error.to_string() })?;
    plan.silence(&work.quiet);

    let header = doc::head(&format!("The worker `{}`", process.name), &process.docs, process.span, sources);
    let mut unit = Unit::new(ir, sources, shared, &header);
    main(&mut unit, deployment.ir, &work);
    unit.wiring("dataflow", "The operators, each after those that feed it.", &plan, &BTreeMap::new())?;
    Ok(unit.finish())
}

impl Unit<'_> {
    /// Adds the function that wires a plan. `given` are the names of what feeds it beside the solution's sources, by number.
    ///
    /// # Errors
    /// A plan that no checked solution has.
    pub fn wiring(
        &mut self,
        function: &str,
        docs: &str,
        plan: &DataflowPlan,
        given: &BTreeMap<u32, String>,
    ) -> Result<(), Error> {
        for (module, name) in [
            ("flow_task::dataflow", "Dataflow"),
            ("flow_task::error", "RunError"),
            ("flow_task::wiring", "Given"),
            ("flow_task::wiring", "Wiring"),
        ] {
            self.main.import(module, name);
        }
        let mut body = String::new();
        let mut of_sources: BTreeMap<u32, String> = BTreeMap::new();
        for (number, columns) in &plan.read {
            let ir = self.ir;
            let index = usize::try_from(*number).unwrap_or(usize::MAX);
            if let Some(name) = given.get(number) {
                let variable = self.variable(function, name);
                let place = atom(index.saturating_sub(ir.sources.len()).to_string());
                let rows = self.schema(name, columns);
                body.push_str(&call("wiring.given", [place, rows]).bound(&variable, 4));
                of_sources.insert(*number, variable);
                continue;
            }
            let name = ir.sources.get(index).map(|source| source.name.as_str()).unwrap_or_default();
            let variable = self.variable(function, name);
            body.push_str(&call("wiring.source", [text(name)]).tried().bound(&variable, 4));
            of_sources.insert(*number, variable);
        }
        let feeds = plan.operators.iter().flat_map(|placed| &placed.feeds).chain(plan.taps.iter().map(|tap| &tap.feed));
        let used: BTreeSet<usize> = feeds
            .filter_map(|feed| match feed {
                Feed::Output(position, _) => Some(*position),
                Feed::Source(_) => None,
            })
            .collect();
        let mut of_operators: Vec<String> = Vec::with_capacity(plan.operators.len());
        for placed in &plan.operators {
            let label = self.label(placed);
            let made = self.operator(placed, &label, function)?;
            if placed.name.is_some() {
                body.push_str(&format!("\n    // {}\n", self.remark(placed.span)));
            }
            for (name, tree) in &made.before {
                body.push_str(&tree.bound(name, 4));
            }
            let feeds = placed.feeds.iter().map(|feed| from(*feed, &of_sources, &of_operators));
            let feeds = list("&", feeds);
            let add = match &placed.name {
                Some(name) => call("wiring.add", [text(name), made.operator, feeds]),
                None => call("wiring.pass", [made.operator, feeds]),
            };
            if !used.contains(&of_operators.len()) {
                body.push_str(&format!("{};\n", add.tried().last(4).trim_end()));
                of_operators.push(String::new());
                continue;
            }
            let variable = self.variable(function, &label);
            body.push_str(&add.tried().bound(&variable, 4));
            of_operators.push(variable);
        }
        body.push('\n');
        for tap in &plan.taps {
            self.main.import("flow_task::dataflow", "Tap");
            let columns = self.schema(&self.tapped(tap.node), &tap.columns);
            let number = call("Tap", [atom(tap.node.number().to_string())]);
            let feed = from(tap.feed, &of_sources, &of_operators);
            if let Some(span) = self.ir.graph.get(tap.node).map(|node| node.span) {
                body.push_str(&format!("    // {}\n", self.remark(span)));
            }
            let line = call("wiring.tap", [number, feed, columns]).tried().last(4);
            body.push_str(&format!("{};\n", line.trim_end()));
        }
        // The function, and neither the field of that name nor what a module calls so.
        let of_name = |before: &str| before.ends_with(|letter: char| letter.is_alphanumeric() || "_:".contains(letter));
        let calls = |line: &str| line.match_indices("output(").any(|(at, _)| !line.get(..at).is_some_and(of_name));
        let is_called = |line: &str| calls(line) && !line.trim_start().starts_with("//");
        if body.lines().any(is_called) {
            self.main.import("flow_task::wiring", "output");
        }
        if mentions(&body, "Arc") {
            self.main.import("std::sync", "Arc");
        }
        let mutable = if mentions(&body, "wiring") { "mut " } else { "" };
        let zone = if mentions(&body, "zone") { "    let zone = &given.zone;\n" } else { "" };
        let public = if self.is_public { "pub " } else { "" };
        let head = format!("/// {docs}\n{public}fn {function}(given: &Given) -> Result<Dataflow, RunError> {{\n{zone}");
        let body = body.trim_start_matches('\n');
        self.main
            .item(&format!("{head}    let {mutable}wiring = Wiring::new(given);\n{body}    Ok(wiring.finish())\n}}"));
        Ok(())
    }

    /// Adds the function that wires a view over tables, which the function `within` speaks of; gives its name.
    pub(crate) fn view(&mut self, plan: &DataflowPlan, label: &str, within: &str) -> Result<String, Error> {
        let name = self.function(within, &format!("{label}_rows"));
        self.wiring(&name, "The rows of a view over tables.", plan, &BTreeMap::new())?;
        Ok(name)
    }

    /// What an operator's variables and functions are called after.
    fn label(&self, placed: &Operator) -> String {
        let node = self.ir.graph.get(placed.node);
        let name = node.map(|node| node.name.as_str()).unwrap_or_default();
        let label = match (&placed.op, node.map(|node| &node.op)) {
            (RowOp::Table { source }, _) => source.clone(),
            (RowOp::Upsert { .. } | RowOp::Union | RowOp::Whole { .. }, Some(Op::Emit { sink })) => sink.to_string(),
            (RowOp::Pick(_), Some(Op::FeatureRead { set, .. })) => format!("with {set}"),
            (RowOp::KeyedRows { .. }, _) => name.split('/').nth(1).unwrap_or(name).to_owned(),
            (RowOp::Features { .. }, _) => crate::shared::feature_function(self.ir, placed.node),
            _ => {
                let parts: Vec<&str> = name.split('/').skip(1).collect();
                match parts.as_slice() {
                    [.., binding, _] => (*binding).to_owned(),
                    [one] => (*one).to_owned(),
                    [] => name.to_owned(),
                }
            }
        };
        snake(&label)
    }

    /// What a tap's rows are called: after the sink that takes them.
    fn tapped(&self, node: NodeId) -> String {
        match self.ir.graph.get(node).map(|node| &node.op) {
            Some(Op::Emit { sink }) => sink.to_string(),
            _ => "view".to_owned(),
        }
    }

    /// What an operator or a tap does, in the words of the solution.
    fn remark(&self, span: Span) -> String {
        let quoted = self.quote(span);
        if quoted.chars().count() <= 92 { quoted } else { fec_rust::doc::place(self.sources, span) }
    }
}

fn from(feed: Feed, sources: &BTreeMap<u32, String>, operators: &[String]) -> Tree {
    match feed {
        Feed::Source(number) => atom(sources.get(&number).cloned().unwrap_or_default()),
        Feed::Output(position, 0) => atom(operators.get(position).cloned().unwrap_or_default()),
        Feed::Output(position, output) => {
            let operator = operators.get(position).cloned().unwrap_or_default();
            call("output", [atom(operator), atom(output.to_string())])
        }
    }
}

/// The entry point, and the sinks that the worker writes.
fn main(unit: &mut Unit<'_>, ir: &Ir, work: &Work) {
    let shared = unit.shared.clone();
    unit.main.import("std::process", "ExitCode");
    unit.main.import("flow_launch", "Worker");
    let functions = sink_functions(ir);
    let functions: Vec<(&str, String)> = ir.sinks.iter().map(|sink| sink.name.as_str()).zip(functions).collect();
    let mut tapped = Vec::with_capacity(work.sinks.len());
    for (tap, sink) in &work.sinks {
        let function = functions.iter().find(|(name, _)| *name == sink).map(|(_, function)| function.as_str());
        unit.main.import(&shared, "sinks");
        let tap = call("Tap", [atom(tap.number().to_string())]);
        tapped.push(Tree::Tuple(vec![tap, atom(format!("sinks::{}()", function.unwrap_or_default()))]));
    }
    let worker = record(
        "Worker",
        [
            ("name", call("String::from", [text(&work.name)])),
            ("number", atom(work.number.to_string())),
            ("of", atom(work.of.to_string())),
            ("keeps_features", atom(work.keeps_features.to_string())),
            ("sinks", list("vec!", tapped)),
            ("parquet", atom("Some(flow_parquet::open)")),
            ("dataflow", atom("dataflow")),
        ],
    );
    let run = call("flow_launch::worker", [atom(format!("{shared}::solution()")), atom("worker")]);
    let body = format!("{}{}", worker.bound("worker", 4), run.last(4));
    unit.main.item(&format!("fn main() -> ExitCode {{\n{body}}}"));
}
