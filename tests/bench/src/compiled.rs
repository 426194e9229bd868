//! Compiled programs: the fraud service's binary against a bare axum handler under one load, the worker of the fraud
//! features against `fec run` over one file, and what it costs to build them.
//!
//! It builds the workspace that `fec compile` writes, twice, and so takes some minutes; it has no small size.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::{Figure, Goal, children_seconds, median, process_seconds, table};
use crate::payments::Payments;
use crate::service::{Server, has_taskset, load, paced, requests, settled};
use crate::{Outcome, Size};

mod pipeline;

const EVENTS: &str = include_str!("../programs/events.asol");

/// Names a folder in which the crates are built and stay. Without it they are built in a new one, and what that costs is
/// told.
const FOLDER: &str = "FEC_BENCH_FOLDER";

/// Payments that the service has behind it.
const ROWS: u64 = 50_000;

/// Payments that the worker reads, and their cards.
const PAYMENTS: (usize, usize) = (300_000, 30_000);

/// A command run to its end: the CPU seconds of it and of all that it started, and those by the clock.
fn spent(command: &mut Command) -> Result<(f64, f64), String> {
    let told = || children_seconds().ok_or("the CPU time of children is not told");
    let (before, began) = (told()?, Instant::now());
    let done = command.stdout(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(format!("{command:?} ended with {}: {said}", done.status));
    }
    Ok((told()? - before, began.elapsed().as_secs_f64()))
}

/// A solution, compiled and built.
struct Built {
    folder: PathBuf,
    /// The solution's file.
    text: PathBuf,
    fec: PathBuf,
}

impl Built {
    fn new(folder: &Path, text: &str) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let made =
            Self { folder: folder.to_path_buf(), text: folder.join("bench.asol"), fec: own.with_file_name("fec") };
        made.write(text)?;
        Ok(made)
    }

    fn write(&self, text: &str) -> Result<(), String> {
        std::fs::write(&self.text, text).map_err(|error| error.to_string())
    }

    fn fec(&self) -> Command {
        let mut command = Command::new(&self.fec);
        command.env("CARGO_TARGET_DIR", self.folder.join("target"));
        command
    }

    fn compile(&self) -> Result<(), String> {
        spent(self.fec().arg("compile").arg(&self.text).arg("-o").arg(self.folder.join("out"))).map(|_| ())
    }

    /// What it costs to build the workspace as it is now.
    fn build(&self) -> Result<(f64, f64), String> {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--locked", "--quiet"]).current_dir(self.folder.join("out/crates"));
        // As whoever builds it once does: nothing is kept for a next time but what cargo keeps by itself.
        spent(cargo.env("CARGO_TARGET_DIR", self.folder.join("target")).env_remove("CARGO_INCREMENTAL"))
    }

    fn binary(&self, name: &str) -> PathBuf {
        self.folder.join("target/release").join(name)
    }
}

/// Runs the bench.
///
/// # Errors
/// A crate that does not build, a process that fails, an answer that is no decision.
pub fn run(size: Size) -> Outcome {
    if size == Size::Small {
        // `tests/run crates` holds these binaries to their answers.
        eprintln!("compiled: it builds crates for minutes, and has no small size");
        return Ok(Vec::new());
    }
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let kept = std::env::var_os(FOLDER).map(PathBuf::from);
    let text = settled(ROWS)?;
    let built = Built::new(kept.as_deref().unwrap_or(scratch.path()), &text)?;
    built.compile()?;
    let (cold, cold_wall) = built.build()?;
    let mut figures = Vec::new();
    if kept.is_none() {
        figures.push(Figure::new("cold build of the workspace, by the clock", cold_wall, "s"));
        figures.push(Figure::new("cold build of the workspace, all cores", cold, "CPU-s"));
    }
    built.write(&text.replace("risk > 0.9", "risk > 0.8"))?;
    built.compile()?;
    let (warm, warm_wall) = built.build()?;
    figures.push(Figure::new("build after a changed rule, by the clock", warm_wall, "s"));
    figures.push(Figure::new("build after a changed rule, all cores", warm, "CPU-s"));
    built.write(&text)?;
    built.compile()?;
    built.build()?;
    figures.extend(service(&built, scratch.path())?);
    // It goes on for minutes: whoever waits sees something.
    eprint!("{}", table("compiled", &figures));
    figures.extend(images(&built));
    figures.extend(worker(&built, scratch.path())?);
    figures.extend(pipeline::figures(&built, scratch.path())?);
    Ok(figures)
}

/// The service's binary and bare axum under the same load.
fn service(built: &Built, scratch: &Path) -> Outcome {
    let state = scratch.join("state");
    for name in ["scoring-alerts", "scoring-train"] {
        let mut command = Command::new(built.binary(name));
        spent(command.arg("--once").arg("--root").arg(&built.folder).arg("--state").arg(&state))?;
    }
    let words = ["--format", "json", "--port", "0", "--root", &built.folder.display().to_string(), "--state"];
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).chain([state.display().to_string()]).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ours = Server::start(&built.binary("scoring-score"), &words, None)?;
    let bare = Server::start(&crate::service::executable()?, &["--serve-axum"], None)?;
    if has_taskset() {
        let own = std::process::id().to_string();
        let pinned = Command::new("taskset").args(["-acp", "1", &own]).stdout(Stdio::null()).status();
        pinned.map_err(|error| error.to_string())?;
    }
    let requests = requests(ROWS)?;
    let (mut by_cpu, mut by_clock) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..=5 {
        for ((server, by_cpu), by_clock) in [&ours, &bare].into_iter().zip(&mut by_cpu).zip(&mut by_clock) {
            let cpu = || process_seconds(server.child.id()).ok_or("the CPU time of a server is not told");
            let (before, began) = (cpu()?, Instant::now());
            let answers = load(server.address, &requests, Duration::from_secs(3))? as f64;
            let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu()? - before);
            // The first round warms up.
            if round > 0 && cpu > 0.0 {
                by_cpu.push(answers / cpu);
                by_clock.push(answers / wall);
            }
        }
    }
    let [our_cpu, their_cpu] = by_cpu.map(|values| median(&values));
    let [our_rate, their_rate] = by_clock.map(|values| median(&values));
    let mut figures = vec![
        Figure::new("answers a CPU second of the service's binary", our_cpu, "answers/s")
            .peer("bare axum", their_cpu)
            .goal(Goal::Ratio(0.7)),
        Figure::new("answers a second by the clock, 8 connections", our_rate, "answers/s")
            .peer("bare axum", their_rate),
    ];
    let (half, lasting) = (our_rate / 2.0, Duration::from_secs(5));
    let [our_times, their_times] =
        [paced(ours.address, &requests, half, lasting)?, paced(bare.address, &requests, half, lasting)?];
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let at = |times: &[f64]| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default() * 1e6;
        figures.push(
            Figure::new(format!("{name} at half of that load, as due"), at(&our_times), "µs")
                .peer("bare axum at as much", at(&their_times)),
        );
    }
    Ok(figures)
}

/// The archives of the images of the processes. They are built anew, each by itself, which takes minutes; where they
/// cannot be, it says why.
fn images(built: &Built) -> Vec<Figure> {
    let mut command = built.fec();
    command.arg("compile").arg(&built.text).arg("-o").arg(built.folder.join("out")).arg("--images");
    if let Err(error) = spent(&mut command) {
        eprintln!("compiled: images cannot be built here, and have no size: {error}");
        return Vec::new();
    }
    let size =
        |name: &&str| std::fs::metadata(built.folder.join(format!("out/images/{name}.tar"))).map(|file| file.len());
    let figure =
        |(name, size): (&str, u64)| Figure::new(format!("image of `{name}`, its archive"), size as f64 / 1e6, "MB");
    let names = ["scoring-alerts", "scoring-score", "scoring-train"];
    names.into_iter().filter_map(|name| Some((name, size(&name).ok()?))).map(figure).collect()
}

/// Payments as a file of lines.
fn lines_of(payments: &Payments) -> Vec<u8> {
    let mut lines = Vec::with_capacity(payments.bytes.len() + payments.rows());
    for record in payments.records(0..payments.rows()) {
        lines.extend_from_slice(record);
        lines.push(b'\n');
    }
    lines
}

/// The worker's binary and `fec run` over one file of payments: JSON to committed features and alerts.
fn worker(built: &Built, folder: &Path) -> Outcome {
    built.write(EVENTS)?;
    built.compile()?;
    built.build()?;
    let payments = Payments::generate(PAYMENTS.0, PAYMENTS.1, 30);
    let file = folder.join("payments.jsonl");
    std::fs::write(&file, lines_of(&payments)).map_err(|error| error.to_string())?;
    let bind = format!("payments={}", file.display());
    let mut by_cpu = [Vec::new(), Vec::new()];
    let mut rows = Vec::new();
    for round in 0..3 {
        for (which, by_cpu) in by_cpu.iter_mut().enumerate() {
            let (state, out) = (folder.join(format!("state-{which}-{round}")), folder.join(format!("rows-{which}")));
            let mut command = match which {
                0 => Command::new(built.binary("alerts")),
                _ => built.fec(),
            };
            if which == 1 {
                command.arg("run").arg(&built.text);
            }
            command.args(["--once", "--bind", &bind]).arg("--state").arg(&state).arg("--out").arg(&out);
            let (cpu, _) = spent(&mut command)?;
            by_cpu.push(cpu / (payments.views.len() as f64 / 1e6));
            rows.push(std::fs::read(out.join("sinks/alerted.jsonl")).map_err(|error| error.to_string())?);
            std::fs::remove_dir_all(&state).map_err(|error| error.to_string())?;
        }
    }
    if rows.iter().any(|written| Some(written) != rows.first()) || rows.first().is_none_or(Vec::is_empty) {
        return Err("the worker's binary writes other rows than `fec run`, or none".to_owned());
    }
    let [ours, theirs] = by_cpu.map(|values| median(&values));
    Ok(vec![
        Figure::new("worker's binary, JSON to committed features and alerts", ours, "CPU-s a million")
            .peer("fec run", theirs),
        Figure::new("the same, events a CPU second", 1e6 / ours, "events/s")
            .peer("fec run", 1e6 / theirs)
            .goal(Goal::AtLeast(2e6)),
    ])
}
