//! The crate of a job: its entry point, what history goes through, its relations.

use std::collections::BTreeMap;

use fec_diagnostics::Sources;
use fec_ir::ir::FlowPlan;
use fec_model::expr::Expr;
use fec_model::types::Column;
use fec_plan::job::{JobPlan, Relation, Rows, job};
use fec_plan::{Deployment, Unit};
use fec_rust::ident::snake;
use fec_rust::page::{Tree, atom, call, list, mentions, record, text};
use fec_rust::{Error, doc, schema};
use fec_stream::{Over, Wired};

use crate::statements;

/// The function that makes the job.
const JOB: &str = "job";
/// The function that wires what history goes through.
const HISTORY: &str = "history";

/// The files of a job's crate below its `src`, by name.
pub(crate) fn files(
    deployment: &Deployment<'_>,
    unit: &Unit,
    sources: &Sources,
    shared: &str,
) -> Result<Vec<(&'static str, String)>, Error> {
    let ir = deployment.ir;
    let flow = unit.flow.as_deref().and_then(|path| ir.flow(path));
    let flow = flow.ok_or_else(|| Error::new(format!("`{}` is no job", unit.name)))?;
    let is_table = |name: &str| ir.is_table(name);
    let plan = job(ir, flow, &is_table).map_err(|error| Error::new(error.to_string()))?;
    let header = doc::head(&format!("The job `{}`", unit.name), &unit.docs, unit.span, sources);
    let mut wired = Wired::new(ir, sources, shared, &header);
    for name in [JOB, HISTORY] {
        wired.function(JOB, name);
    }
    entry(&mut wired, unit, flow);
    let mut printing = Printing { wired: &mut wired, plan: &plan, learnt: Vec::new() };
    printing.job(sources)?;
    wired.see(plan.slots.get(..plan.sees).unwrap_or_default());
    wired.wiring(HISTORY, "What history goes through.", &plan.history, &BTreeMap::new())?;
    Ok(wired.finish())
}

/// The entry point.
fn entry(wired: &mut Wired<'_>, unit: &Unit, flow: &FlowPlan) {
    let shared = wired.shared.clone();
    wired.main.import("std::process", "ExitCode");
    let (times, backoff) = flow.settings.retry.unwrap_or((0, 0));
    let retry = Tree::Tuple(vec![atom(times.to_string()), schema::std_duration(&mut wired.main, backoff)]);
    let timeout = match flow.settings.timeout {
        Some(timeout) => call("Some", [schema::std_duration(&mut wired.main, timeout)]),
        None => atom("None"),
    };
    let process = record(
        "flow_launch::Job",
        [
            ("name", call("String::from", [text(&unit.name)])),
            ("retry", retry),
            ("timeout", timeout),
            ("parquet", atom("Some(flow_parquet::open)")),
            ("job", atom(JOB)),
        ],
    );
    let run = call("flow_launch::job", [atom(format!("{shared}::solution()")), atom("process")]);
    let body = format!("{}{}", process.bound("process", 4), run.last(4));
    wired.main.item(&format!("fn main() -> ExitCode {{\n{body}}}"));
}

/// A job while it is printed.
pub(crate) struct Printing<'a, 'b> {
    pub wired: &'a mut Wired<'b>,
    pub plan: &'a JobPlan,
    /// What is printed for models' inputs and labels, and over rows of which columns.
    pub learnt: Vec<(Expr, Vec<Column>, Tree)>,
}

impl Printing<'_, '_> {
    /// Adds the function that makes the job, and those that wire its relations.
    fn job(&mut self, sources: &Sources) -> Result<(), Error> {
        let plan = self.plan;
        for (module, name) in [("std::sync", "Arc"), ("flow_core::zone", "Zone"), ("flow_job", "Job")] {
            self.wired.main.import(module, name);
        }
        let mut body = String::new();
        let mut relations: Vec<String> = Vec::with_capacity(plan.relations.len());
        for relation in &plan.relations {
            let name = snake(&plain(&relation.name));
            let made = self.relation(relation, &name, &relations)?;
            let variable = self.wired.variable(JOB, &name);
            body.push_str(&made.bound(&variable, 4));
            if relation.changes {
                body.push_str(&call(&format!("{variable}.changing"), []).bound(&variable, 4));
            }
            relations.push(variable);
        }
        let mut statements = Vec::with_capacity(plan.statements.len());
        for statement in &plan.statements {
            self.see(statement.sees);
            let name = snake(&statement.name);
            let variable = self.wired.variable(JOB, &name);
            let lines = statements::lines(self, statement, &name, &variable)?;
            let quoted = self.wired.quote(statement.span);
            let remark = if quoted.chars().count() <= 92 { quoted } else { doc::place(sources, statement.span) };
            body.push_str(&format!("\n    // {remark}\n{lines}"));
            statements.push(atom(variable));
        }
        let mut params = Vec::with_capacity(plan.params.len());
        for param in &plan.params {
            self.see(param.slot);
            self.wired.main.import("flow_job", "Parameter");
            let value = match &param.value {
                Some(value) => call("Some", [self.wired.expression(&param.column.name, value, &Over::Row(&[]))?]),
                None => atom("None"),
            };
            let shared = self.wired.shared.clone();
            let fields = [
                ("name", call("String::from", [text(&param.column.name)])),
                ("slot", atom(param.slot.to_string())),
                ("kind", schema::kind(&mut self.wired.main, &shared, &param.column.ty.kind)),
                ("value", value),
            ];
            params.push(record("Parameter", fields));
        }
        let tolerate = schema::integer(i64::try_from(plan.tolerate).unwrap_or(i64::MAX));
        let fields = [
            ("path", call("String::from", [text(&plan.path)])),
            ("tolerate", atom(tolerate)),
            ("slots", atom(plan.slots.len().to_string())),
            ("params", list("vec!", params)),
            ("history", call("Box::new", [atom(HISTORY)])),
            ("relations", list("vec!", relations.into_iter().map(atom))),
            ("statements", list("vec!", statements)),
        ];
        if !body.is_empty() {
            body.push('\n');
        }
        body.push_str(&record("Job", fields).last(4));
        let zone = if mentions(&body, "zone") { "zone" } else { "_zone" };
        let docs = format!("/// The job `{}` ({}).", plan.path, doc::place(sources, plan.span));
        let body = body.trim_start_matches('\n');
        self.wired.main.item(&format!("{docs}\nfn {JOB}({zone}: &Arc<Zone>) -> Job<'static> {{\n{body}}}"));
        Ok(())
    }

    /// Lets expressions see the first `count` slots.
    fn see(&mut self, count: usize) {
        self.wired.see(self.plan.slots.get(..count).unwrap_or_default());
    }

    fn relation(&mut self, relation: &Relation, name: &str, known: &[String]) -> Result<Tree, Error> {
        self.wired.main.import("flow_job", "Relation");
        let columns = self.wired.schema(name, &relation.columns);
        Ok(match &relation.rows {
            Rows::History => {
                self.wired.main.import("flow_task::dataflow", "Tap");
                let tap = call("Tap", [atom(relation.node.number().to_string())]);
                call("Relation::history", [tap, columns])
            }
            Rows::Part { split, part } => {
                call("Relation::part", [atom(split.to_string()), atom(part.to_string()), columns])
            }
            Rows::Again { dataflow } => {
                self.see(relation.sees);
                let function = self.wired.function(JOB, &format!("{name}_rows"));
                self.wired.wiring(
                    &function,
                    "Rows that read what statements have bound.",
                    dataflow,
                    &BTreeMap::new(),
                )?;
                call("Relation::again", [atom(function), columns])
            }
            Rows::Through { over, dataflow } => {
                self.see(relation.sees);
                let function = self.wired.function(JOB, &format!("{name}_rows"));
                let names: BTreeMap<u32, String> = over
                    .iter()
                    .map(|(number, relation)| (*number, known.get(*relation).cloned().unwrap_or_default()))
                    .collect();
                self.wired.wiring(&function, "Rows that come out of others.", dataflow, &names)?;
                let pair = |(number, relation): &(u32, usize)| {
                    Tree::Tuple(vec![atom(number.to_string()), atom(relation.to_string())])
                };
                call("Relation::through", [list("", over.iter().map(pair)), atom(function), columns])
            }
        })
    }
}

/// The last part of a node's name that says something.
fn plain(name: &str) -> String {
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        [_, .., binding, _] => (*binding).to_owned(),
        [.., last] => (*last).to_owned(),
        [] => name.to_owned(),
    }
}
