//! `fec run`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fec_ir::Ir;
use fec_local::run::{Event, RunOptions, Summary, run as run_locally};
use fec_model::model::Plane;
use serde_json::{Value, json};

use crate::args::{Format, Run};
use crate::load;
use crate::output::{Failure, WRONG, line, local};
use crate::progress::Progress;
use crate::stop::stopped;

/// Where services listen unless the command says otherwise.
const PORT: u16 = 8080;

/// Runs the whole solution on this machine.
pub fn run(args: &Run, format: Format) -> Result<(), Failure> {
    let compiled = load::compiled(&args.solution)?;
    let places = load::places(&compiled.ir, &compiled.files, &args.bind)?;
    let state = args.state.clone().unwrap_or_else(|| compiled.files.root.join(".fec"));
    let serves = compiled.ir.flows.iter().any(|flow| flow.plane == Plane::Online);
    let port = args.port.or_else(|| (serves && !args.once).then_some(PORT));
    let options = RunOptions {
        places,
        state,
        once: args.once,
        address: port.map(|port| SocketAddr::from(([127, 0, 0, 1], port))),
        out: args.out.clone(),
    };
    let stop = stopped()?;
    let ir = Arc::new(compiled.ir);
    let mut teller = Teller { ir: Arc::clone(&ir), format, progress: None, failed: false, printed: Ok(()) };
    let done = run_locally(&ir, &options, &stop, &mut |event| teller.tell(event)).map_err(local);
    teller.quiet();
    teller.printed?;
    done?;
    // Who stops a run has been told of the jobs that failed; the stop itself is clean.
    if teller.failed && !stop.load(Ordering::Relaxed) { Err(Failure::silent(WRONG)) } else { Ok(()) }
}

struct Teller {
    ir: Arc<Ir>,
    format: Format,
    progress: Option<(&'static str, Progress)>,
    failed: bool,
    printed: Result<(), Failure>,
}

impl Teller {
    fn tell(&mut self, event: Event) {
        if let Event::Progress(what, done, of) = event {
            if self.progress.as_ref().is_none_or(|(current, _)| *current != what) {
                self.quiet();
                self.progress = Some((what, Progress::new(what, of)));
            }
            if let Some((_, bar)) = &self.progress {
                bar.at(done);
            }
            return;
        }
        self.quiet();
        match event {
            Event::Progress(..) => {}
            Event::Note(text) => eprintln!("note: {text}"),
            Event::JobFailed(why) => {
                self.failed = true;
                eprintln!("error: {why}");
            }
            Event::Serving { url } => {
                if self.format == Format::Human {
                    eprintln!("serving on {url} (ready once history is applied)");
                }
            }
            Event::Ready { url, ms } => self.ready(url.as_deref(), ms),
            Event::Model(model) => match self.format {
                Format::Json => self.line(model.event()),
                Format::Human => self.line(model.line()),
            },
            Event::Summary(summary) => self.summary(&summary),
        }
    }

    fn line(&mut self, text: impl std::fmt::Display) {
        if self.printed.is_ok() {
            self.printed = line(text);
        }
    }

    fn ready(&mut self, url: Option<&str>, ms: u128) {
        if self.format == Format::Json {
            let ms = u64::try_from(ms).unwrap_or(u64::MAX);
            return self.line(json!({ "event": "ready", "url": url, "ms": ms }));
        }
        self.line(format!("ready after {ms} ms"));
        let Some(url) = url else { return };
        for flow in &Arc::clone(&self.ir).flows {
            let Some((method, path)) = &flow.settings.route else { continue };
            let address = format!("{url}{}", sample_path(&self.ir, flow, path));
            if method == "POST" {
                let body = sample(&self.ir, flow);
                self.line(format!("try: curl -s {address} -H 'content-type: application/json' -d '{body}'"));
            } else {
                self.line(format!("try: curl -s '{address}{}'", sample_query(&self.ir, flow, path)));
            }
        }
    }

    fn summary(&mut self, summary: &Summary) {
        match self.format {
            Format::Json => self.line(summary.event()),
            Format::Human => summary.lines().into_iter().for_each(|told| self.line(told)),
        }
    }

    fn quiet(&mut self) {
        if let Some((_, bar)) = self.progress.take() {
            bar.done();
        }
    }
}

/// A request that the service takes, made from the types of its parameters.
fn sample(ir: &Ir, flow: &fec_ir::ir::FlowPlan) -> Value {
    let mut parameters: Vec<(String, Value)> =
        flow.params.iter().map(|(column, _)| (column.name.to_string(), value(ir, &column.ty))).collect();
    if parameters.len() == 1
        && let Some((_, Value::Object(record))) = parameters.pop_if(|(_, value)| value.is_object())
    {
        return Value::Object(record);
    }
    Value::Object(parameters.into_iter().collect())
}

/// The path of a service with values in the places of its parameters.
fn sample_path(ir: &Ir, flow: &fec_ir::ir::FlowPlan, path: &str) -> String {
    let parameter = |name: &str| flow.params.iter().find(|(column, _)| *column.name == *name);
    let part = |part: &str| match part.strip_prefix(':').and_then(parameter) {
        Some((column, _)) => text(&value(ir, &column.ty)),
        None => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The query of a service: its parameters that are not in its path.
fn sample_query(ir: &Ir, flow: &fec_ir::ir::FlowPlan, path: &str) -> String {
    let in_path = |name: &str| path.split('/').any(|part| part.strip_prefix(':') == Some(name));
    let parameters = flow.params.iter().filter(|(column, _)| !in_path(&column.name));
    let pairs = parameters.map(|(column, _)| format!("{}={}", column.name, text(&value(ir, &column.ty))));
    let query = pairs.collect::<Vec<_>>().join("&");
    if query.is_empty() { query } else { format!("?{query}") }
}

/// A value as it stands in a path or a query.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn value(ir: &Ir, ty: &fec_model::types::Type) -> Value {
    use fec_model::types::Kind;
    match &ty.kind {
        Kind::Bool => json!(true),
        Kind::Int => json!(1),
        Kind::Float => json!(1.5),
        Kind::Decimal { .. } => json!("1"),
        Kind::Date => json!("2026-01-01"),
        Kind::Timestamp => json!("2026-01-01T00:00:00Z"),
        Kind::Duration => json!(1_000_000),
        Kind::Enum(name) => json!(ir.enums.get(name).and_then(|members| members.first())),
        Kind::List(element) => json!([value(ir, element)]),
        Kind::Record(record) => {
            Value::Object(record.fields.iter().map(|field| (field.name.to_string(), value(ir, &field.ty))).collect())
        }
        Kind::Bytes => json!("YQ=="),
        Kind::String | Kind::Error | Kind::Null => json!("a"),
    }
}
