//! The statements of a service as Rust: a function for each, and one for the service.

use fec_diagnostics::Sources;
use fec_ir::Ir;
use fec_model::expr::{Expr, ExprKind};
use fec_plan::service::{ServicePlan, Step, Work};
use fec_rust::{Error, RustFile, Scope, doc, ident};

use fec_rust::page::{Tree, atom, call, list, record, text};
use fec_rust::schema;

/// The longest name of a function that is made of a binding's.
const LONGEST: usize = 32;

/// One service while it is printed.
pub(crate) struct Statements<'a> {
    ir: &'a Ir,
    sources: &'a Sources,
    plan: &'a ServicePlan,
    shared: &'a str,
    scope: Scope,
    file: RustFile,
    rules: &'a mut RustFile,
    /// The function that gives the kind of the answer.
    answer: String,
}

/// Prints a service: the text of its file. Its expressions go to `rules`.
pub(crate) fn print(
    ir: &Ir,
    sources: &Sources,
    plan: &ServicePlan,
    shared: &str,
    rules: &mut RustFile,
) -> Result<String, Error> {
    let docs = if plan.docs.is_empty() { String::new() } else { format!("{}\n\n", plan.docs) };
    let place = doc::place(sources, plan.span);
    let header = format!("{docs}The statements of the service `{}`, {place}.", plan.path);
    let mut scope = Scope::row(&plan.statements.cells).enums(&ir.enums);
    for (position, param) in ir.params.iter().enumerate() {
        scope = scope.slot(&param.name, position, &param.ty);
    }
    let file = RustFile::new(&header);
    let mut statements = Statements { ir, sources, plan, shared, scope, file, rules, answer: String::new() };
    statements.service()?;
    Ok(statements.file.finish())
}

impl Statements<'_> {
    /// The function that gives the service, and those that it calls.
    fn service(&mut self) -> Result<(), Error> {
        let plan = self.plan;
        let _ = self.file.fresh("service");
        let parameters = self.file.fresh("parameters");
        let answer = self.file.fresh("answer");
        let cells = self.file.fresh("cells");
        self.answer.clone_from(&answer);
        let mut steps = Vec::with_capacity(plan.statements.steps.len());
        let mut printed = Vec::with_capacity(plan.statements.steps.len());
        for (number, step) in plan.statements.steps.iter().enumerate() {
            let (name, item) = self.step(number, step)?;
            steps.push(call(&name, [atom("zone")]));
            printed.push(item);
        }
        for (module, name) in [
            ("std::sync", "Arc"),
            ("flow_core::zone", "Zone"),
            ("flow_core::types", "Kind"),
            ("flow_core::types", "Schema"),
            ("flow_serve", "Plan"),
            ("flow_serve", "Service"),
            ("flow_serve", "Step"),
        ] {
            self.file.import(module, name);
        }
        let deadline = match plan.statements.deadline {
            Some(micros) => call("Some", [schema::std_duration(&mut self.file, micros)]),
            None => atom("None"),
        };
        let fields = [
            ("steps", atom("steps")),
            ("cells", call(&cells, [])),
            ("parameters", atom(plan.statements.parameters.to_string())),
            ("deadline", deadline),
        ];
        let mut body = list("vec!", steps).bound("steps", 4);
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
        let quoted = format!("The service `{}` ({}).", plan.path, doc::place(self.sources, plan.span));
        self.file.item(&format!("/// {quoted}\npub fn service(zone: &Arc<Zone>) -> Service {{\n{body}}}"));
        let columns = schema::schema(&mut self.file, self.shared, &plan.parameters).last(4);
        self.file.item(&format!("/// What is sent.\nfn {parameters}() -> Schema {{\n{columns}}}"));
        let kind = schema::kind(&mut self.file, self.shared, &plan.result.kind).last(4);
        self.file.item(&format!("/// What is answered.\nfn {answer}() -> Kind {{\n{kind}}}"));
        let kinds: Vec<Tree> =
            plan.statements.cells.iter().map(|cell| schema::kind(&mut self.file, self.shared, &cell.ty.kind)).collect();
        let kinds = list("vec!", kinds).last(4);
        self.file.item(&format!(
            "/// What expressions read: parameters, then bindings.\nfn {cells}() -> Vec<Kind> {{\n{kinds}}}"
        ));
        for item in printed {
            self.file.item(&item);
        }
        Ok(())
    }

    /// The function that gives a statement: its name and its text.
    fn step(&mut self, number: usize, step: &Step) -> Result<(String, String), Error> {
        let name = match (&step.binding, &step.work) {
            (Some(binding), _) => short(binding),
            (None, Work::Respond(_)) => "respond".to_owned(),
            (None, _) => format!("part_{}", number + 1),
        };
        let name = self.file.fresh(&name);
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
        let zone = if body.contains("zone") { "zone" } else { "_zone" };
        let quoted = doc::quote(self.sources, step.span);
        Ok((name.clone(), format!("/// {quoted}\nfn {name}({zone}: &Arc<Zone>) -> Step {{\n{body}}}")))
    }

    /// The lines that set what a statement does not have by itself.
    fn settings(&mut self, function: &str, step: &Step) -> Result<String, Error> {
        let mut lines = String::new();
        for (number, (condition, wanted)) in step.guards.iter().enumerate() {
            self.file.import("flow_serve", "Guard");
            let name = if number == 0 { format!("{function}_if") } else { format!("{function}_if_{}", number + 1) };
            lines.push_str(&self.scalar(&name, condition)?.bound("condition", 4));
            lines.push_str(&format!("    step.guards.push(Guard {{ condition, wanted: {wanted} }});\n"));
        }
        if let Some(target) = step.target {
            lines.push_str(&format!("    step.target = Some({target});\n"));
        }
        if let Some(timeout) = step.timeout {
            let timeout = schema::std_duration(&mut self.file, timeout);
            lines.push_str(&assigned("step.timeout", call("Some", [timeout])));
        }
        if let Some(fallback) = &step.fallback {
            let fallback = self.scalar(&format!("{function}_fallback"), fallback)?;
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
                body.push_str(&self.all(&format!("{function}_key"), keys)?.bound("keys", 4));
                call("Step::features", [name, text(set), atom("keys")])
            }
            Work::Table { table, .. } if self.ir.source(table).is_none() => {
                let path = &self.plan.path;
                return Err(Error::new(format!(
                    "`{path}` reads the view `{table}` by its key, which is not printed yet"
                )));
            }
            Work::Table { table, keys } => {
                body.push_str(&self.all(&format!("{function}_key"), keys)?.bound("keys", 4));
                call("Step::table", [name, text(table), atom("keys")])
            }
            Work::Call { service, arguments } => {
                body.push_str(&self.all(&format!("{function}_argument"), arguments)?.bound("arguments", 4));
                call("Step::call", [name, text(service), atom("arguments")])
            }
            Work::Predict { model, inputs } => {
                let mut made = Vec::with_capacity(inputs.len());
                for (input, value) in inputs {
                    let value = self.scalar(&format!("{function}_{}", short(input)), value)?;
                    made.push(Tree::Tuple(vec![text(input), value]));
                }
                body.push_str(&list("", made).bound("inputs", 4));
                call("Step::predict", [name, text(model), atom("inputs")])
            }
            Work::Scalar(value) => {
                body.push_str(&self.scalar(&format!("{function}_value"), value)?.bound("value", 4));
                call("Step::value", [name, atom("value")])
            }
            Work::Respond(value) => {
                let value = if value.ty.kind == self.plan.result.kind {
                    let kind = call(&self.answer.clone(), []);
                    self.scalar_of("answer", value, kind)?
                } else {
                    self.scalar("answer", value)?
                };
                body.push_str(&value.bound("value", 4));
                call("Step::respond", [name, atom("value")])
            }
            Work::Collect(_) | Work::Emit { .. } => {
                let path = &self.plan.path;
                return Err(Error::new(format!("`{path}` works on relations in a request, which is not printed yet")));
            }
        })
    }

    fn all(&mut self, function: &str, exprs: &[Expr]) -> Result<Tree, Error> {
        let made = exprs.iter().map(|expr| self.scalar(function, expr));
        Ok(list("vec!", made.collect::<Result<Vec<_>, _>>()?))
    }

    /// `scalar!(zone, …)` of an expression, which becomes a function called `function`.
    fn scalar(&mut self, function: &str, expr: &Expr) -> Result<Tree, Error> {
        let kind = schema::kind(&mut self.file, self.shared, &expr.ty.kind);
        self.scalar_of(function, expr, kind)
    }

    fn scalar_of(&mut self, function: &str, expr: &Expr, kind: Tree) -> Result<Tree, Error> {
        let quoted = doc::quote(self.sources, expr.span);
        let printed = self.rules.function(function, &quoted, expr, &self.scope)?;
        let mut reads = Vec::new();
        self.reads(expr, &mut reads);
        reads.sort_unstable();
        reads.dedup();
        let reads = list("", reads.into_iter().map(|position| atom(position.to_string())));
        self.file.import("flow_serve", "scalar");
        self.file.import("crate", "rules");
        Ok(call("scalar!", [atom("zone"), kind, reads, atom(format!("rules::{}", printed.name))]))
    }

    /// The positions of the cells that an expression reads.
    fn reads(&self, expr: &Expr, found: &mut Vec<usize>) {
        if let ExprKind::Column(name) = &expr.kind {
            found.extend(self.plan.statements.cells.iter().position(|cell| cell.name == *name));
        }
        for child in expr.children() {
            self.reads(child, found);
        }
    }
}

/// `place = value;` as a line of a function.
fn assigned(place: &str, value: Tree) -> String {
    let line = value.bound(place, 4);
    line.replacen("let ", "", 1)
}

/// A name that leaves room on the line where it is called.
fn short(name: &str) -> String {
    ident::snake(name).chars().take(LONGEST).collect()
}
