//! The statements of a service as Rust: a function for each, and one for the service.

use fec_diagnostics::Sources;
use fec_ir::Ir;
use fec_plan::service::{ServicePlan, Step, Work};
use fec_rust::page::{Tree, atom, call, list, mentions, record, text};
use fec_rust::{Error, RustFile, doc, schema};
use fec_stream::Wired;

use crate::relations::{Page, short};

/// One service while it is printed.
pub(crate) struct Statements<'a, 'w> {
    page: Page<'a, 'w>,
    plan: &'a ServicePlan,
    /// The function that gives the kind of the answer.
    answer: String,
}

/// Prints a service: the text of its file. Its expressions go to `rules`, the operators of its relations to `wired`.
pub(crate) fn print<'w>(
    ir: &'w Ir,
    sources: &'w Sources,
    plan: &ServicePlan,
    (rules, wired): (&mut RustFile, &mut Wired<'w>),
) -> Result<String, Error> {
    let docs = if plan.docs.is_empty() { String::new() } else { format!("{}\n\n", plan.docs) };
    let place = doc::place(sources, plan.span);
    let header = format!("{docs}The statements of the service `{}`, {place}.", plan.path);
    let page = Page::new((ir, sources), &plan.statements.cells, &header, (rules, wired));
    let mut statements = Statements { page, plan, answer: String::new() };
    statements.service()?;
    Ok(statements.page.file.finish())
}

impl Statements<'_, '_> {
    /// The function that gives the service, and those that it calls.
    fn service(&mut self) -> Result<(), Error> {
        let plan = self.plan;
        // What calls the functions of the statements has variables of its own.
        for taken in ["service", "given", "zone"] {
            self.page.file.fresh(taken);
        }
        let parameters = self.page.file.fresh("parameters");
        let answer = self.page.file.fresh("answer");
        let cells = self.page.file.fresh("cells");
        self.answer.clone_from(&answer);
        let mut steps = Vec::with_capacity(plan.statements.steps.len());
        let mut printed = Vec::with_capacity(plan.statements.steps.len());
        for (number, step) in plan.statements.steps.iter().enumerate() {
            let (made, item) = self.step(number, step)?;
            steps.push(made);
            printed.push(item);
        }
        for (module, name) in [
            ("flow_task::wiring", "Given"),
            ("flow_core::types", "Kind"),
            ("flow_core::types", "Schema"),
            ("flow_serve", "Plan"),
            ("flow_serve", "Service"),
            ("flow_serve", "Step"),
        ] {
            self.page.file.import(module, name);
        }
        let deadline = match plan.statements.deadline {
            Some(micros) => call("Some", [schema::std_duration(&mut self.page.file, micros)]),
            None => atom("None"),
        };
        let fields = [
            ("steps", atom("steps")),
            ("cells", call(&cells, [])),
            ("parameters", atom(plan.statements.parameters.to_string())),
            ("deadline", deadline),
        ];
        let mut body = list("vec!", steps).bound("steps", 4);
        if mentions(&body, "zone") {
            body.insert_str(0, "    let zone = &given.zone;\n");
        }
        body.push_str(&record("Plan", fields).bound("plan", 4));
        let route = Tree::Tuple(vec![text(plan.method), call("String::from", [text(&plan.route)])]);
        let fields = [
            ("path", call("String::from", [text(&plan.path)])),
            ("route", call("Some", [route])),
            ("parameters", call(&parameters, [])),
            ("result", call(&answer, [])),
            ("plan", atom("plan")),
        ];
        body.push_str(&record("Service", fields).last(4));
        let given = if mentions(&body, "given") { "given" } else { "_given" };
        let quoted = format!("The service `{}` ({}).", plan.path, doc::place(self.page.sources, plan.span));
        self.page.file.item(&format!("/// {quoted}\npub fn service({given}: &Given) -> Service {{\n{body}}}"));
        let columns = schema::schema(&mut self.page.file, &self.page.shared, &plan.parameters).last(4);
        self.page.file.item(&format!("/// What is sent.\nfn {parameters}() -> Schema {{\n{columns}}}"));
        let kind = schema::kind(&mut self.page.file, &self.page.shared, &plan.result.kind).last(4);
        self.page.file.item(&format!("/// What is answered.\nfn {answer}() -> Kind {{\n{kind}}}"));
        let kinds: Vec<Tree> = plan.statements.cells.iter().map(|cell| self.page.kind(&cell.ty.kind)).collect();
        let kinds = list("vec!", kinds).last(4);
        self.page.file.item(&format!(
            "/// What expressions read: parameters, then bindings.\nfn {cells}() -> Vec<Kind> {{\n{kinds}}}"
        ));
        for item in printed {
            self.page.file.item(&item);
        }
        Ok(())
    }

    /// The function that gives a statement: its call and its text.
    fn step(&mut self, number: usize, step: &Step) -> Result<(Tree, String), Error> {
        let name = match (&step.binding, &step.work) {
            (Some(binding), _) => short(binding),
            (None, Work::Respond(_)) => "respond".to_owned(),
            (None, _) => format!("part_{}", number + 1),
        };
        let name = self.page.file.fresh(&name);
        let mut body = String::new();
        let made = self.work(&name, step, &mut body)?;
        let settings = self.settings(&name, step)?;
        if settings.is_empty() {
            body.push_str(&made.last(4));
        } else {
            body.push_str(&made.bound("mut step", 4));
            body.push_str(&settings);
            body.push_str("    step\n");
        }
        let quoted = doc::quote(self.page.sources, step.span);
        if mentions(&body, "given") {
            let zone = if mentions(&body, "zone") { "    let zone = &given.zone;\n" } else { "" };
            let text = format!("/// {quoted}\nfn {name}(given: &Given) -> Step {{\n{zone}{body}}}");
            return Ok((call(&name, [atom("given")]), text));
        }
        for (module, item) in [("std::sync", "Arc"), ("flow_core::zone", "Zone")] {
            self.page.file.import(module, item);
        }
        let zone = if mentions(&body, "zone") { "zone" } else { "_zone" };
        let text = format!("/// {quoted}\nfn {name}({zone}: &Arc<Zone>) -> Step {{\n{body}}}");
        Ok((call(&name, [atom("zone")]), text))
    }

    /// The lines that set what a statement does not have by itself.
    fn settings(&mut self, function: &str, step: &Step) -> Result<String, Error> {
        let mut lines = String::new();
        for (number, (condition, wanted)) in step.guards.iter().enumerate() {
            self.page.file.import("flow_serve", "Guard");
            let name = if number == 0 { format!("{function}_if") } else { format!("{function}_if_{}", number + 1) };
            lines.push_str(&self.page.scalar(&name, condition)?.bound("condition", 4));
            let fields = [("condition", atom("condition")), ("wanted", atom(wanted.to_string()))];
            let pushed = call("step.guards.push", [record("Guard", fields)]).last(4);
            lines.push_str(&format!("{};\n", pushed.trim_end()));
        }
        if let Some(target) = step.target {
            lines.push_str(&format!("    step.target = Some({target});\n"));
        }
        if let Some(timeout) = step.timeout {
            let timeout = schema::std_duration(&mut self.page.file, timeout);
            lines.push_str(&assigned("step.timeout", call("Some", [timeout])));
        }
        if let Some(fallback) = &step.fallback {
            let fallback = self.page.scalar(&format!("{function}_fallback"), fallback)?;
            lines.push_str(&assigned("step.fallback", call("Some", [fallback])));
        }
        if !step.parts.is_empty() {
            let parts = list("vec!", step.parts.iter().map(|part| atom(part.to_string())));
            lines.push_str(&assigned("step.parts", parts));
        }
        Ok(lines)
    }

    /// The call that makes a statement; what it is made of stands before it in `body`.
    fn work(&mut self, function: &str, step: &Step, body: &mut String) -> Result<Tree, Error> {
        let name = text(&step.name);
        Ok(match &step.work {
            Work::Features { set, keys } => {
                body.push_str(&self.page.all(&format!("{function}_key"), keys)?.bound("keys", 4));
                call("Step::features", [name, text(set), atom("keys")])
            }
            Work::Table { table, keys } => {
                body.push_str(&self.page.all(&format!("{function}_key"), keys)?.bound("keys", 4));
                call("Step::table", [name, text(table), atom("keys")])
            }
            Work::Call { service, arguments } => {
                body.push_str(&self.page.all(&format!("{function}_argument"), arguments)?.bound("arguments", 4));
                call("Step::call", [name, text(service), atom("arguments")])
            }
            Work::Predict { model, inputs } => {
                let mut made = Vec::with_capacity(inputs.len());
                for (input, value) in inputs {
                    let value = self.page.scalar(&format!("{function}_{}", short(input)), value)?;
                    made.push(Tree::Tuple(vec![text(input), value]));
                }
                body.push_str(&list("", made).bound("inputs", 4));
                call("Step::predict", [name, text(model), atom("inputs")])
            }
            Work::Scalar(value) => {
                body.push_str(&self.page.scalar(&format!("{function}_value"), value)?.bound("value", 4));
                call("Step::value", [name, atom("value")])
            }
            Work::Respond(value) => {
                let value = if value.ty.kind == self.plan.result.kind {
                    let kind = call(&self.answer.clone(), []);
                    self.page.scalar_of("answer", value, kind)?
                } else {
                    self.page.scalar("answer", value)?
                };
                body.push_str(&value.bound("value", 4));
                call("Step::respond", [name, atom("value")])
            }
            Work::Collect(relation) => {
                body.push_str(&self.page.relation(function, step.span, relation)?.bound("relation", 4));
                call("Step::collect", [name, atom("relation")])
            }
            Work::Emit { sink, relation } => {
                body.push_str(&self.page.relation(function, step.span, relation)?.bound("relation", 4));
                call("Step::emit", [name, text(sink), atom("relation")])
            }
        })
    }
}

/// `place = value;` as a line of a function.
fn assigned(place: &str, value: Tree) -> String {
    let line = value.bound(place, 4);
    line.replacen("let ", "", 1)
}
