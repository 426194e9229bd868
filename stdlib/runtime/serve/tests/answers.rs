//! Services by hand: what time decides, what is emitted, and what is told over HTTP.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_core::batch::Batch;
use flow_core::builder::ColumnBuilder;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::trees::{Ensemble, Objective};
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::Value;
use flow_learn::Registry;
use flow_log::Cut;
use flow_operators::expression::Environment;
use flow_serve::{
    Emits, Emitted, LiveReads, Moment, Ordered, Plan, Prediction, PublishedModel, Reads, Relation, RequestError,
    RowExpression, Rows, Run, Scalar, ServeError, Service, Services, Solution, Step, serve,
};
use flow_store::MemoryFeatureStore;

/// Takes its time, and gives what it was told.
struct Given(Duration, Result<Value, Fault>);

impl RowExpression for Given {
    fn value(&self, _cells: &[Value], _now: i64, _slots: &[Value]) -> Result<Value, Fault> {
        std::thread::sleep(self.0);
        self.1.clone()
    }

    fn column(&self, _batch: &Batch, _env: &Environment) -> Column {
        Column::repeat(&Kind::Int, self.1.as_ref().map(Value::as_cell).map_err(|fault| *fault), 1)
    }
}

/// The value of a cell.
struct Cell(usize);

impl RowExpression for Cell {
    fn value(&self, cells: &[Value], _now: i64, _slots: &[Value]) -> Result<Value, Fault> {
        Ok(cells.get(self.0).unwrap().clone())
    }

    fn column(&self, batch: &Batch, _env: &Environment) -> Column {
        batch.columns.get(self.0).unwrap().clone()
    }
}

fn after(millis: u64, value: Result<Value, Fault>) -> Scalar {
    Scalar::new(Given(Duration::from_millis(millis), value), [], Kind::Int)
}

fn int(value: i64) -> Scalar {
    after(0, Ok(Value::Int(value)))
}

fn cell(at: usize) -> Scalar {
    Scalar::new(Cell(at), [at], Kind::Int)
}

fn bound(step: Step, target: usize) -> Step {
    Step { target: Some(target), ..step }
}

/// A service of some statements over its parameters and one cell after them.
fn service(path: &str, route: Option<(&'static str, &str)>, parameters: Vec<Field>, steps: Vec<Step>) -> Service {
    let cells = parameters.iter().map(|field| field.ty.kind.clone()).chain([Kind::Int]).collect();
    let plan = Plan { steps, cells, parameters: parameters.len(), deadline: None };
    let route = route.map(|(method, path)| (method, path.to_owned()));
    Service { path: path.to_owned(), route, parameters: Schema { fields: parameters }, result: Kind::Int, plan }
}

fn solution(services: Vec<Service>) -> Services {
    Services::new(Solution { services, models: vec!["m".to_owned()], ..Solution::default() }).unwrap()
}

fn list(values: &[i64], reads: Vec<Vec<usize>>) -> Relation {
    let items: Vec<Value> = values.iter().map(|value| Value::Record(vec![Value::Int(*value)].into())).collect();
    let fields = vec![Field { name: "n".to_owned(), ty: DataType::required(Kind::Int) }];
    let kind = Kind::List(Arc::new(DataType::required(Kind::Record(Arc::new(Schema { fields })))));
    let given = Given(Duration::ZERO, Ok(Value::List(items.into())));
    let rows = Rows::List { items: Scalar::new(given, [], kind), columns: vec![(Some(0), Kind::Int)] };
    Relation { rows: Ordered { rows, is_ordered: true }, reads }
}

/// Reads nothing but one model.
struct Only(Option<Prediction>);

impl Reads for Only {
    fn moment(&self) -> Arc<Moment> {
        Arc::new(Moment::new(0, ""))
    }

    fn state(&self, _table: u32, _key: &[u8], _found: &mut dyn FnMut(&[u8])) -> Result<(), ServeError> {
        Ok(())
    }

    fn model(&self, _name: &str) -> Option<Arc<PublishedModel>> {
        self.0.clone().map(|prediction| Arc::new(PublishedModel { version: 1, prediction }))
    }

    fn ready(&self) -> bool {
        true
    }
}

fn answered(services: &Services, path: &str) -> Result<(Value, bool), RequestError> {
    services.request(path, Vec::new(), 0, &Only(None), true).map(|reply| (reply.value, reply.fallback))
}

#[test]
fn a_value_that_takes_too_long_is_late_and_a_service_that_is_called_has_its_own_deadline() {
    let late = |millis, timeout| Step {
        timeout: Some(Duration::from_millis(timeout)),
        fallback: Some(int(-1)),
        ..bound(Step::value("n", after(millis, Ok(Value::Int(1)))), 0)
    };
    let timed = |millis, timeout| vec![late(millis, timeout), Step::respond("answer", cell(0))];
    let mut hasty = service("hasty", None, Vec::new(), vec![Step::respond("answer", after(60, Ok(Value::Int(1))))]);
    hasty.plan.deadline = Some(Duration::from_millis(20));
    let call = vec![bound(Step::call("n", "hasty", Vec::new()), 0), Step::respond("answer", cell(0))];
    let mut patient = service("patient", None, Vec::new(), call);
    patient.plan.deadline = Some(Duration::from_secs(60));
    let services = solution(vec![
        service("late", None, Vec::new(), timed(60, 40)),
        service("soon", None, Vec::new(), timed(0, 10_000)),
        hasty,
        patient,
    ]);
    assert_eq!(answered(&services, "late"), Ok((Value::Int(-1), true)));
    assert_eq!(answered(&services, "soon"), Ok((Value::Int(1), false)));
    let over = RequestError::Deadline(Duration::from_millis(20));
    assert_eq!(answered(&services, "hasty"), Err(over.clone()));
    assert_eq!(answered(&services, "patient"), Err(RequestError::Unavailable(over.to_string())));
    // What is answered again takes its own time.
    let again = services.request("patient", Vec::new(), 0, &Only(None), false).unwrap();
    assert_eq!(again.value, Value::Int(1));
}

#[test]
fn what_a_called_service_emits_goes_out_and_what_cannot_is_counted() {
    let emits = vec![Step::emit("out", "sink", list(&[1, 2], Vec::new())), Step::respond("answer", int(7))];
    let calls = vec![bound(Step::call("n", "emits", Vec::new()), 0), Step::respond("answer", cell(0))];
    let services = solution(vec![service("emits", None, Vec::new(), emits), service("calls", None, Vec::new(), calls)]);
    let reply = services.request("calls", Vec::new(), 0, &Only(None), true).unwrap();
    let rows: Vec<(&str, usize)> = reply.emitted.iter().map(|one| (one.sink.as_str(), one.rows.rows)).collect();
    assert_eq!((reply.value, rows, reply.left_out), (Value::Int(7), vec![("sink", 2)], 0));

    let mut builder = ColumnBuilder::new(&Kind::Int, 3);
    [Ok(1), Err(Fault::Overflow), Err(Fault::Overflow)]
        .into_iter()
        .for_each(|n: Result<i64, Fault>| builder.push(n.map(flow_core::value::Cell::Int)));
    let batch = Batch { columns: vec![builder.finish()], rows: 3, ..Batch::default() };
    let batch = Batch {
        time: vec![0; 3],
        arrived: vec![0; 3],
        origin: vec![flow_core::batch::Origin::default(); 3],
        offset: vec![0, 1, 2],
        weight: vec![1; 3],
        ..batch
    };
    let given = Relation { rows: Ordered { rows: Rows::Given(0), is_ordered: true }, reads: Vec::new() };
    let steps = vec![Step::emit("out", "sink", given), Step::respond("answer", int(1))];
    let plan = Plan { steps, ..Plan::default() };
    let batches = [batch];
    let mut run = Run::new(&services, &plan, Vec::new(), 0, &Only(None), true).give(&batches);
    assert_eq!(run.answer().unwrap(), Some(Value::Int(1)));
    let (emitted, left_out) = run.take_emitted();
    assert_eq!((emitted.iter().map(|one| one.rows.rows).sum::<usize>(), left_out), (1, 2));
}

#[test]
fn a_prediction_is_a_number_that_has_no_sign_where_it_is_nothing() {
    let steps = vec![bound(Step::predict("p", "m", []), 0), Step::respond("answer", cell(0))];
    let services = solution(vec![service("predicts", None, Vec::new(), steps)]);
    let predicted = |base: f64, leaf: f64| {
        let tree = vec![flow_core::trees::Node::Leaf { value: leaf }];
        let ensemble = Ensemble::new(Objective::Squared, base, Vec::new(), &[tree]).unwrap();
        let reads = Only(Some(Prediction::Ensemble(Arc::new(ensemble))));
        services.request("predicts", Vec::new(), 0, &reads, true).map(|reply| reply.value)
    };
    let Ok(Value::Float(nothing)) = predicted(-0.0, -0.0) else { unreachable!("it predicts a float") };
    assert_eq!(nothing.to_bits(), 0.0_f64.to_bits());
    assert_eq!(predicted(1.0, 0.5), Ok(Value::Float(1.5)));
    assert_eq!(predicted(f64::MAX, f64::MAX), Err(RequestError::Fault(Fault::NotFinite)));
}

/// How many rows were left out.
#[derive(Default)]
struct Counted(Mutex<Vec<usize>>);

impl Emits for Counted {
    fn take(&self, _emitted: Vec<Emitted>, left_out: usize, _now: i64) {
        self.0.lock().unwrap().push(left_out);
    }
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn requests_are_read_and_answers_told_as_they_are_meant() {
    let text = |name: &str| Field { name: name.to_owned(), ty: DataType::required(Kind::String) };
    let fields = vec![Field { name: "n".to_owned(), ty: DataType::required(Kind::Int) }];
    let record = Kind::Record(Arc::new(Schema { fields }));
    let maybe = vec![Field { name: "given".to_owned(), ty: DataType { kind: record, optional: true } }];
    let bad = vec![
        bound(Step::value("n", after(0, Err(Fault::Overflow))), 0),
        Step::emit("out", "sink", list(&[1], vec![vec![0]])),
        Step::respond("answer", int(5)),
    ];
    let whole = |path: &'static str| Some(("POST", path));
    let services = Arc::new(solution(vec![
        service("said", Some(("GET", "/said")), vec![text("word")], vec![Step::respond("answer", int(3))]),
        service("maybe", whole("/maybe"), maybe, vec![Step::respond("answer", int(4))]),
        service("bad", whole("/bad"), Vec::new(), bad),
    ]));
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryFeatureStore::new());
    let reads = LiveReads::new(store, Arc::new(Registry::new(folder.path().to_path_buf())), Vec::new());
    let reads = Arc::new(reads.standing(Some(5_000_000)));
    let counted = Arc::new(Counted::default());
    let emits: Arc<dyn Emits> = Arc::clone(&counted) as _;
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = serve(&services, &reads, &emits, || "more 1\n".to_owned(), local).unwrap();
    let http = |method: &str, path: &str, more: &str, body: &str| {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}");
        ask(server.address(), &format!("{head}content-length: {length}\r\n\r\n{body}"))
    };
    let is = |answer: &str, status: u16, part: &str| {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(part), "{answer}");
    };
    // A word of no letters is a word; what is not there is missing.
    is(&http("GET", "/said?word=", "", ""), 200, "\r\n\r\n3");
    is(&http("GET", "/said", "", ""), 422, "\"field\":\"word\"");
    for nothing in ["", " \n", "null"] {
        is(&http("POST", "/maybe", "", nothing), 200, "\r\n\r\n4");
    }
    let long = format!("{{\"n\":\"{}\"}}", "x".repeat(100));
    let told = http("POST", "/maybe", "", &long);
    is(&told, 422, &format!("`n` is `\\\"{}…`; a whole number was expected", "x".repeat(59)));
    // What cannot be emitted costs no answer, and is counted.
    is(&http("POST", "/bad", "", ""), 200, "\r\n\r\n5");
    assert_eq!(*counted.0.lock().unwrap(), [1]);

    // Time is where it was told to stand until more than that has been applied, or a request names a later one.
    let time = |more: &str| {
        let answer = http("GET", "/said?word=a", more, "");
        answer.lines().find_map(|line| line.strip_prefix("fec-time: ").map(str::to_owned)).unwrap()
    };
    let (stands, later) = ("1970-01-01T00:00:05Z", "1970-01-01T00:00:09Z");
    reads.applied(3_000_000, &Cut::default());
    assert_eq!((time(""), time(&format!("fec-time: {later}\r\n"))), (stands.to_owned(), later.to_owned()));
    assert_eq!(time("fec-time: 1970-01-01T00:00:04Z\r\n"), stands);
    reads.applied(9_000_000, &Cut::default());
    assert_eq!(time(""), later);
    let metrics = http("GET", "/metrics", "", "");
    is(&metrics, 200, "\nfec_applied_time_seconds 9\n");
    is(&metrics, 200, "\nfec_commits_total 2\n");
    is(&metrics, 200, "fec_requests_total{endpoint=\"/maybe\",status=\"200\"} 3\n");
    is(&metrics, 200, "fec_requests_total{endpoint=\"/maybe\",status=\"422\"} 1\n");
    assert!(metrics.ends_with("more 1\n"), "{metrics}");

    // What it waited for is told until it is ready, and no longer.
    reads.set_waiting("nobody works");
    is(&http("GET", "/readyz", "", ""), 503, "\"reason\":\"nobody works\"");
    reads.set_ready();
    let ready = http("GET", "/readyz", "", "");
    is(&ready, 200, "{\"ready\":true,\"models\":{\"m\":null}}");
}
