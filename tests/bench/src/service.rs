//! The fraud service in the server of `fec run` against a bare axum handler that takes and gives the same JSON, both under
//! the same load in one run. Where `taskset` is there, the servers have one core and the load another.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use fec_local::data::Places;
use fec_local::run::{Event, RunOptions};
use fec_local::types::Enums;
use fec_local::{simulate, specs};
use flow_simulate::Options;
use serde::{Deserialize, Serialize};

use crate::compile::plan;
use crate::measure::{Figure, Goal, median, process_seconds};
use crate::{Outcome, Size};

/// The example.
pub const FRAUD: &str = include_str!("../../../examples/fraud/fraud.asol");

/// What the example simulates, which the bench does in its own size and without live events.
const SIMULATED: &str = "simulate: cards(seed: 7, rows: 50_000, rate: 200)";

/// The example's deadline, which a busy machine misses now and then.
const DEADLINE: &str = "@deadline(20ms)";

/// Connections that ask at once.
const CONNECTIONS: usize = 8;

/// The names under which `fec-bench` is a server.
pub const SERVERS: [&str; 2] = ["--serve-fraud", "--serve-axum"];

/// Runs one of [`SERVERS`] until it is killed; tells its address on stdout.
///
/// # Errors
/// Where it cannot start.
pub fn serve(name: &str, arguments: &[String]) -> Result<(), String> {
    match (name, arguments) {
        ("--serve-fraud", [folder, rows]) => serve_fraud(Path::new(folder), rows),
        ("--serve-axum", []) => serve_axum(),
        _ => Err(format!("`{name}` takes other arguments")),
    }
}

/// The example with so many simulated payments, none of them live, and a deadline that a busy machine keeps.
///
/// # Errors
/// An example that simulates something else.
pub fn settled(rows: u64) -> Result<String, String> {
    if !FRAUD.contains(SIMULATED) || !FRAUD.contains(DEADLINE) {
        return Err("the example simulates something else, or has another deadline".to_owned());
    }
    let text = FRAUD.replace(DEADLINE, "@deadline(10s)");
    Ok(text.replace(SIMULATED, &format!("simulate: cards(seed: 7, rows: {rows}, rate: 0)")))
}

/// As `fec run`: history, training, then the service.
fn serve_fraud(folder: &Path, rows: &str) -> Result<(), String> {
    let ir = Arc::new(plan(&settled(rows.parse().map_err(|_| format!("`{rows}` is no number of rows"))?)?)?);
    let sources = specs::sources(&ir, &Enums::new(&ir.enums));
    let simulated = simulate::filled(&sources, specs::simulation(&ir).as_ref()).map_err(|error| error.to_string())?;
    let options = RunOptions {
        places: Places { root: folder.to_path_buf(), simulated, ..Places::default() },
        state: folder.join("state"),
        once: false,
        address: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        out: None,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let mut tell = |event| {
        let mut out = std::io::stdout();
        // Nobody may listen any more.
        let _ = match event {
            Event::Ready { url: Some(url), .. } => writeln!(out, "ready {url}"),
            Event::Model(_) => writeln!(out, "model"),
            Event::JobFailed(why) => writeln!(std::io::stderr(), "{why}"),
            _ => Ok(()),
        };
    };
    fec_local::run::run(&ir, &options, &stop, &mut tell).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct Payment<'a> {
    id: &'a str,
    card: &'a str,
    merchant: &'a str,
    amount: &'a str,
    country: &'a str,
    at: &'a str,
}

#[derive(Serialize)]
struct Decision<'a> {
    verdict: &'a str,
    reason: &'a str,
}

/// A handler that does nothing but read the payment and write a decision.
async fn decide(body: Bytes) -> Response {
    let Ok(payment) = serde_json::from_slice::<Payment<'_>>(&body) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    let fields = [payment.id, payment.card, payment.merchant, payment.amount, payment.country, payment.at];
    let verdict = if fields.iter().any(|field| field.is_empty()) { "block" } else { "allow" };
    match serde_json::to_vec(&Decision { verdict, reason: "" }) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn serve_axum() -> Result<(), String> {
    // As many threads as the server of `fec` has.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        println!("ready http://{address}");
        let router = Router::new().route("/score", post(decide));
        axum::serve(listener, router).await.map_err(|error| error.to_string())
    })
}

/// A server in a process of its own; it ends with this value.
pub struct Server {
    /// The process.
    pub child: Child,
    /// Where it answers.
    pub address: SocketAddr,
}

impl Server {
    /// Starts `executable` and waits until it has told its address, as a line `ready http://…` or as an event of JSON, and
    /// `until` where that is asked for.
    ///
    /// # Errors
    /// One that does not start.
    pub fn start(executable: &Path, arguments: &[&str], until: Option<&str>) -> Result<Self, String> {
        let mut command = match has_taskset() {
            true => {
                let mut command = Command::new("taskset");
                command.args(["-c", "0"]).arg(executable);
                command
            }
            false => Command::new(executable),
        };
        let spawned = command.args(arguments).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| format!("the server does not start: {error}"))?;
        let output = child.stdout.take();
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut is_ready = false;
        let mut is_there = until.is_none();
        for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
            let line = line.map_err(|error| error.to_string())?;
            let event =
                line.starts_with(r#"{"event":"ready""#).then(|| line.split("http://").nth(1)?.split('"').next());
            if let Some(address) = line.strip_prefix("ready http://").or(event.flatten()) {
                server.address = address.parse().map_err(|error| format!("`{line}`: {error}"))?;
                is_ready = true;
            }
            is_there |= until == Some(line.as_str());
            if is_ready && is_there {
                return Ok(server);
            }
        }
        Err("the server ended before it was ready".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `fec-bench`: this executable, or the one beside a test's folder.
///
/// # Errors
/// A system that does not tell.
pub fn executable() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = own.parent().unwrap_or(Path::new("."));
    Ok(if folder.ends_with("deps") { folder.with_file_name("fec-bench") } else { own })
}

/// Whether servers and load can have a core each.
#[must_use]
pub fn has_taskset() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let probe = Command::new("taskset").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    cores > 1 && probe.is_ok_and(|status| status.success())
}

/// One connection of [`paced`].
struct Paced {
    stream: TcpStream,
    buffer: Vec<u8>,
    read: usize,
    /// The number of the request that it sends next, or waits for an answer to.
    number: usize,
    is_waiting: bool,
}

impl Paced {
    fn connect(address: SocketAddr, number: usize) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, buffer: vec![0; 16 << 10], read: 0, number, is_waiting: false })
    }

    /// Whether the answer has come that it waits for.
    fn is_answered(&mut self) -> Result<bool, String> {
        match self.stream.read(self.buffer.get_mut(self.read..).unwrap_or_default()) {
            Ok(0) => return Err("the server closed the connection, or its answer is too long".to_owned()),
            Ok(more) => self.read += more,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.to_string()),
        }
        let so_far = self.buffer.get(..self.read).unwrap_or_default();
        if !is_whole(so_far)? {
            return Ok(false);
        }
        is_decision(so_far)?;
        (self.read, self.is_waiting) = (0, false);
        self.number += CONNECTIONS;
        Ok(true)
    }
}

/// Asks `rate` times a second over [`CONNECTIONS`] connections for so long, whether answers have come or not; how long each
/// took since it was due, in seconds, sorted. One thread looks at all connections in turn and never sleeps: what wakes a
/// thread late would count as the server's time.
///
/// # Errors
/// An answer that is no decision, or none.
pub fn paced(address: SocketAddr, requests: &[Vec<u8>], rate: f64, lasting: Duration) -> Result<Vec<f64>, String> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let total = (rate * lasting.as_secs_f64()) as usize;
    let due = |number: usize| Duration::from_secs_f64(number as f64 / rate);
    let connections = (0..CONNECTIONS).map(|first| Paced::connect(address, first));
    let mut connections = connections.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let mut times = Vec::with_capacity(total);
    let began = Instant::now();
    while times.len() < total {
        for connection in &mut connections {
            let number = connection.number;
            if connection.is_waiting && connection.is_answered()? {
                times.push((began.elapsed().saturating_sub(due(number))).as_secs_f64());
            }
            let number = connection.number;
            if !connection.is_waiting && number < total && due(number) <= began.elapsed() {
                let request = requests.get(number % requests.len().max(1)).ok_or("there are no requests")?;
                connection.stream.write_all(request).map_err(|error| error.to_string())?;
                connection.is_waiting = true;
            }
        }
        if began.elapsed() > lasting + PATIENCE {
            return Err(format!("{} of {total} requests were answered", times.len()));
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Asks without pause over [`CONNECTIONS`] connections for so long; how many answers came.
///
/// # Errors
/// An answer that is no decision, or none.
pub fn load(address: SocketAddr, requests: &[Vec<u8>], lasting: Duration) -> Result<usize, String> {
    let next = AtomicUsize::new(0);
    let until = Instant::now() + lasting;
    let ask = || -> Result<usize, String> {
        let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut buffer = vec![0; 16 << 10];
        let mut count = 0;
        while Instant::now() < until {
            let number = next.fetch_add(1, Ordering::Relaxed) % requests.len().max(1);
            let request = requests.get(number).ok_or("there are no requests")?;
            stream.write_all(request).map_err(|error| error.to_string())?;
            is_decision(answer(&mut stream, &mut buffer)?)?;
            count += 1;
        }
        Ok(count)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread of the load died".to_owned())?).sum()
    })
}

/// The bytes of one answer.
fn answer<'a>(stream: &mut TcpStream, buffer: &'a mut [u8]) -> Result<&'a [u8], String> {
    let mut read = 0;
    while !is_whole(buffer.get(..read).unwrap_or_default())? {
        let free = buffer.get_mut(read..).filter(|free| !free.is_empty()).ok_or("an answer is too long")?;
        match stream.read(free).map_err(|error| error.to_string())? {
            0 => return Err("the server closed the connection".to_owned()),
            more => read += more,
        }
    }
    Ok(buffer.get(..read).unwrap_or_default())
}

/// Whether all bytes of an answer are there.
fn is_whole(so_far: &[u8]) -> Result<bool, String> {
    let Some(head) = so_far.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(false) };
    let length = std::str::from_utf8(so_far.get(..head).unwrap_or_default())
        .ok()
        .and_then(|head| head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok()))
        .ok_or("an answer does not say its length")?;
    Ok(so_far.len() >= head + 4 + length)
}

fn is_decision(answer: &[u8]) -> Result<(), String> {
    let is_good = answer.starts_with(b"HTTP/1.1 200 ") && answer.windows(11).any(|part| part == br#"{"verdict":"#);
    if is_good { Ok(()) } else { Err(format!("no decision: {}", String::from_utf8_lossy(answer))) }
}

/// The last payments of the simulated history, as requests.
///
/// # Errors
/// A generator that is not there.
pub fn requests(rows: u64) -> Result<Vec<Vec<u8>>, String> {
    let options = Options { seed: 7, rows, rate: 0.0 };
    let mut generator = flow_simulate::generator("cards", &options).map_err(|error| error.to_string())?;
    let payments = generator.outputs().iter().position(|output| output.name == "payments").unwrap_or_default();
    let mut bodies = Vec::new();
    while let Some(event) = generator.history() {
        if event.output == payments {
            bodies.push(event.json);
        }
    }
    let request = |body: &Vec<u8>| {
        let head = "POST /score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ";
        [head.as_bytes(), body.len().to_string().as_bytes(), b"\r\n\r\n", body].concat()
    };
    Ok(bodies.iter().rev().take(10_000).map(request).collect())
}

/// Runs the bench.
///
/// # Errors
/// A server that does not start, or an answer that is no decision.
pub fn run(size: Size) -> Outcome {
    let (rows, lasting, rounds) = match size {
        Size::Full => (50_000, Duration::from_secs(4), 5),
        Size::Small => (2_000, Duration::from_millis(200), 1),
    };
    let requests = requests(rows)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder_name = folder.path().display().to_string();
    // The model of a small history is no matter.
    let until = (size == Size::Full).then_some("model");
    let fraud = Server::start(&executable()?, &["--serve-fraud", &folder_name, &rows.to_string()], until)?;
    let bare = Server::start(&executable()?, &["--serve-axum"], None)?;
    if has_taskset() {
        let own = std::process::id().to_string();
        let pinned = Command::new("taskset").args(["-acp", "1", &own]).stdout(Stdio::null()).status();
        pinned.map_err(|error| error.to_string())?;
    }
    let mut by_cpu = [Vec::new(), Vec::new()];
    let mut by_clock = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for ((server, by_cpu), by_clock) in [&fraud, &bare].into_iter().zip(&mut by_cpu).zip(&mut by_clock) {
            let cpu = || process_seconds(server.child.id()).ok_or("the CPU time of a server is not told");
            let (before, began) = (cpu()?, Instant::now());
            let answers = load(server.address, &requests, lasting)? as f64;
            let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu()? - before);
            if answers == 0.0 || cpu <= 0.0 {
                return Err("a server gave no answer".to_owned());
            }
            // The first round warms up.
            if round > 0 {
                by_cpu.push(answers / cpu);
                by_clock.push(answers / wall);
            }
        }
    }
    let [ours, theirs] = by_cpu.map(|values| median(&values));
    let [our_rate, their_rate] = by_clock.map(|values| median(&values));
    Ok(vec![
        Figure::new("answers a CPU second of the server", ours, "answers/s")
            .peer("bare axum", theirs)
            .goal(Goal::Ratio(0.5)),
        Figure::new("answers a second by the clock, 8 connections", our_rate, "answers/s")
            .peer("bare axum", their_rate),
    ])
}
