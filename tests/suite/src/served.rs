//! A program run whole, as `fec run` runs it: once to the end of its data, jobs and streams; then again on the same state,
//! its services read over HTTP by a client; at the end the files of its sinks and dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use asol_oracle::calendar::timestamp_text;
use asol_oracle::change::Place;
use asol_oracle::convert::json;
use asol_oracle::evaluate::Stop;
use asol_oracle::value::Fault;
use asol_oracle::world::{Emitted, World};
use fec_ir::{lower, optimise};
use fec_local::data::Places;
use fec_local::error::LocalError;
use fec_local::run::{Event, RunOptions, run};
use fec_model::model::{Flow, Model, Plane, Sink};

use crate::compare::{Report, answer, asked, history, letters, unnamed, written};
use crate::generate::Program;
use crate::subject::{Letter, Written};

/// Runs the program and writes down what differs from the evaluator: answers, lines of sinks, dead letters.
///
/// # Errors
/// What kept it from running.
pub fn served(program: &Program, model: &Model, report: &mut Report) -> Result<(), String> {
    let folder = program.folder().map_err(|error| error.to_string())?;
    let (ir, _, broken) = optimise(lower(model.clone()));
    if let Some(first) = broken.first() {
        return Err(first.message.clone());
    }
    let ir = Arc::new(ir);
    let out = folder.path().join("out");
    let options = RunOptions {
        places: Places { root: folder.path().to_owned(), ..Places::default() },
        state: folder.path().join(".fec"),
        once: true,
        address: None,
        out: None,
    };
    let mut failed = Vec::new();
    let words = |error: LocalError| error.to_string();
    run(&ir, &options, &Arc::default(), &mut |event| failed.extend(failure(event))).map_err(words)?;
    // The second start goes on from what the first has committed.
    let again =
        RunOptions { once: false, address: Some(([127, 0, 0, 1], 0).into()), out: Some(out.clone()), ..options };
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, told) = channel();
    let running = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || run(&ir, &again, &stop, &mut |event| drop(tell.send(event))).map_err(words))
    };
    let history = history(program, model);
    let world = World::new(model, &history);
    let asked = ready(&told).and_then(|url| requests(program, &world, &url, report));
    stop.store(true, Ordering::Relaxed);
    running.join().map_err(|_| "the run panicked".to_owned())?.and(asked)?;
    files(program, &world, &out, &failed, report)
}

fn failure(event: Event) -> Option<String> {
    match event {
        Event::JobFailed(why) => Some(why),
        _ => None,
    }
}

/// Waits until the services have all of history.
fn ready(told: &Receiver<Event>) -> Result<String, String> {
    loop {
        match told.recv_timeout(Duration::from_secs(60)) {
            Ok(Event::Ready { url: Some(url), .. }) => return Ok(url),
            Ok(_) => {}
            Err(_) => return Err("the services did not become ready".to_owned()),
        }
    }
}

fn requests(program: &Program, world: &World<'_>, url: &str, report: &mut Report) -> Result<(), String> {
    let client = reqwest::blocking::Client::new();
    let words = |error: reqwest::Error| error.to_string();
    for asked in asked(world, program.seed).map_err(broken)? {
        let Some(flow) = world.model.flows.iter().find(|flow| flow.path() == asked.service) else { continue };
        let path = flow.settings.route.as_ref().map(|(_, path)| path.clone()).unwrap_or_default();
        let body = serde_json::json!({ "k": asked.key }).to_string();
        let mut request = client.post(format!("{url}{path}")).header("content-type", "application/json").body(body);
        let time = timestamp_text(asked.now).map_err(|fault| fault.code().to_owned())?;
        if asked.now > world.end {
            request = request.header("fec-time", &time);
        }
        let response = request.send().map_err(words)?;
        let status = response.status().as_u16();
        let read_at = response.headers().get("fec-time").and_then(|at| at.to_str().ok()).map(str::to_owned);
        let got = (status, response.text().map_err(words)?);
        let kind = flow.result.as_ref().map(|result| result.kind.clone()).ok_or("a service without a result")?;
        let expected = match answer(world, &asked.service, &asked.key, asked.now).map_err(broken)? {
            Ok(value) => (200, json(&value, &kind, world).map_err(broken)?),
            Err(fault) => (500, fault.code().to_owned()),
        };
        report.answers += 1;
        // The message of a fault is for people.
        let is_equal = match expected.0 {
            200 => got == expected,
            _ => got.0 == expected.0 && got.1.starts_with(&format!("{{\"code\":\"{}\"", expected.1)),
        };
        if !is_equal || read_at.as_ref() != Some(&time) {
            report.differences.push(format!(
                "seed {}: HTTP: {}({:?}) at {time}: expected {expected:?}, got {got:?} at {read_at:?}",
                program.seed, asked.service, asked.key
            ));
        }
    }
    Ok(())
}

fn broken(stop: Stop) -> String {
    format!("{stop:?}")
}

/// Holds the files of sinks and dead letters against the evaluator.
fn files(
    program: &Program,
    world: &World<'_>,
    out: &Path,
    failed: &[String],
    report: &mut Report,
) -> Result<(), String> {
    let lines = |path: &Path| -> Result<Vec<String>, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let mut rows = BTreeMap::new();
    for flow in world.model.flows.iter().filter(|flow| flow.plane == Plane::Batch) {
        let emitted = match world.emitted(flow, world.end) {
            // A job that cannot compute what it needs fails, too.
            Err(Stop::Fault(_)) => {
                report.failed(flow, failed, program.seed);
                continue;
            }
            emitted => emitted.map_err(broken)?,
        };
        // What the sets and views that it reads leave out counts in a job, too.
        if is_failed(flow, failed) && !kept(world)?.is_empty() {
            continue;
        }
        if flow.settings.tolerate != Some(1_000_000) && emitted.iter().any(|emitted| !emitted.left_out.is_empty()) {
            // A job with bad rows fails, and writes nothing.
            report.failed(flow, failed, program.seed);
            continue;
        }
        for emitted in emitted {
            let Some(sink) = world.model.sink(&emitted.sink) else { continue };
            rows.insert(sink.name, written(world.model, emitted));
        }
    }
    for sink in &world.model.sinks {
        let expected = match rows.remove(&sink.name) {
            Some(rows) => rows,
            None => {
                let changes = world.sink(&sink.name, world.end).map_err(broken)?;
                written(world.model, Emitted { sink: sink.name, changes, left_out: BTreeSet::new() })
            }
        };
        let expected: Result<Vec<String>, Stop> = expected.iter().map(|row| line(sink, row, world)).collect();
        let (expected, got) =
            (expected.map_err(broken)?, lines(&out.join("sinks").join(format!("{}.jsonl", sink.name)))?);
        report.compared += expected.len() as u64;
        if expected != got {
            let (a, b) = expected.iter().zip(&got).find(|(a, b)| a != b).unzip();
            report.differences.push(format!(
                "seed {}: sinks/{}.jsonl: expected {} lines, got {}; first {a:?}, got {b:?}",
                program.seed,
                sink.name,
                expected.len(),
                got.len()
            ));
        }
    }
    let mut got = BTreeSet::new();
    for source in world.model.sources.iter().filter(|source| world.intake(&source.name).is_some()) {
        for line in lines(&out.join("dead").join(format!("{}.jsonl", source.name)))? {
            let fields: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(&line).map_err(|error| error.to_string())?;
            let text = |name: &str| fields.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
            let number = |name: &str| fields.get(name).and_then(serde_json::Value::as_i64).unwrap_or(-1);
            got.insert(Letter {
                flow: text("flow"),
                reason: text("reason"),
                source: source.name.to_string(),
                partition: number("partition"),
                offset: number("offset"),
            });
        }
    }
    let expected = unnamed(letters(world).map_err(broken)?);
    report.letters(&expected, &unnamed(got), &format!("seed {}: dead letters in files", program.seed));
    Ok(())
}

impl Report {
    /// A job that cannot compute what it needs fails, and says so.
    fn failed(&mut self, job: &Flow, failed: &[String], seed: u64) {
        if !is_failed(job, failed) {
            self.differences.push(format!("seed {seed}: job `{}` did not fail: {failed:?}", job.path()));
        }
    }
}

fn is_failed(job: &Flow, failed: &[String]) -> bool {
    let named = format!("`{}`", job.path());
    failed.iter().any(|why| why.contains(&named))
}

/// What feature sets, and views that are kept, leave out.
fn kept(world: &World<'_>) -> Result<BTreeSet<(Place, Fault)>, String> {
    let mut left_out = BTreeSet::new();
    for set in &world.model.features {
        left_out.extend(world.features_left_out(&set.name).map_err(broken)?);
    }
    for view in world.model.views.iter().filter(|view| view.kept) {
        left_out.extend(world.view_left_out(&view.name).map_err(broken)?);
    }
    Ok(left_out)
}

/// A row of a sink as its line.
fn line(sink: &Sink, row: &Written, world: &World<'_>) -> Result<String, Stop> {
    let fields = sink.columns.iter().zip(&row.cells).map(|(column, value)| {
        let text = json(value, &column.ty.kind, world)?;
        Ok(format!("{}:{text}", serde_json::Value::String(column.name.to_string())))
    });
    Ok(format!("{{{}}}", fields.collect::<Result<Vec<String>, Stop>>()?.join(",")))
}
