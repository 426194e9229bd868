//! Training rows: each payment of a history with its features as of itself, replayed by the runtime and computed by DuckDB
//! from SQL with the same bounds over the same file. The rows are equal first; then the times are compared.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use fec_local::data::{Places, read_all};
use fec_local::dataflow::Parts;
use fec_local::dataflow::sinks::stream_sinks;
use fec_local::environment::Environment;
use fec_local::replay::{Replay, replay};
use flow_simulate::Options;
use serde::Deserialize;

use crate::events::{same, tapped, unfiltered};
use crate::measure::{Figure, median, timed};
use crate::naive::Features;
use crate::{Outcome, Size};

/// The script that asks DuckDB.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/training.py");

/// A row of DuckDB's answer.
#[derive(Deserialize)]
struct Row {
    id: String,
    spend_1h: i64,
    spend_30d: i64,
    payments_10m: i64,
    countries_24h: i64,
    rows_30d: i64,
    last_country: Option<String>,
}

/// CPU seconds that DuckDB took.
#[derive(Deserialize)]
struct Times {
    load: f64,
    query: f64,
}

/// Writes a history of card payments as JSON lines with their place in the log.
fn history(path: &Path, rows: u64) -> Result<(), String> {
    let options = Options { seed: 7, rows, rate: 0.0 };
    let mut generator = flow_simulate::generator("cards", &options).map_err(|error| error.to_string())?;
    let payments = generator.outputs().iter().position(|output| output.name == "payments").unwrap_or_default();
    let mut lines = Vec::new();
    let mut offset = 0;
    while let Some(event) = generator.history() {
        if event.output != payments {
            continue;
        }
        let Some(open) = event.json.strip_suffix(b"}") else { return Err("a payment is no object".to_owned()) };
        lines.extend_from_slice(open);
        let mut arrived = Vec::new();
        flow_core::calendar::write_timestamp(&mut arrived, event.stamp);
        let arrived = String::from_utf8_lossy(&arrived);
        let place = writeln!(lines, r#","_partition":0,"_offset":{offset},"_arrived":"{arrived}"}}"#);
        place.map_err(|error| error.to_string())?;
        offset += 1;
    }
    std::fs::write(path, lines).map_err(|error| error.to_string())
}

/// DuckDB's rows in arrival order, and what they took.
fn duckdb(file: &Path, answers: &Path) -> Result<(Vec<(String, Features)>, Times), String> {
    let output = Command::new("python3").arg(SCRIPT).arg(file).arg(answers).output();
    let output = output.map_err(|error| format!("python3 does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("DuckDB does not answer: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let times: Times = serde_json::from_slice(&output.stdout).map_err(|error| format!("no times: {error}"))?;
    let text = std::fs::read_to_string(answers).map_err(|error| error.to_string())?;
    let row = |line: &str| {
        let row: Row = serde_json::from_str(line).map_err(|error| format!("`{line}`: {error}"))?;
        let features = Features {
            spend_1h: row.spend_1h,
            spend_30d: row.spend_30d,
            payments_10m: row.payments_10m,
            countries_24h: row.countries_24h,
            mean_30d: Features::mean(row.spend_30d, row.rows_30d),
            last_country: row.last_country.and_then(|country| country.as_bytes().try_into().ok()),
        };
        Ok((row.id, features))
    };
    Ok((text.lines().map(row).collect::<Result<_, String>>()?, times))
}

/// Runs the bench.
///
/// # Errors
/// Where DuckDB is not there or gives other rows.
pub fn run(size: Size) -> Outcome {
    let (rows, runs) = if size == Size::Full { (200_000, 3) } else { (3_000, 1) };
    let message = |error: fec_local::LocalError| error.to_string();
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("payments.jsonl");
    history(&file, rows)?;
    let ir = unfiltered()?;
    let environment = Environment::new(&ir).map_err(message)?;
    let tap = stream_sinks(&ir).first().map(|(tap, _)| *tap).ok_or("there is no emit")?;
    let places = Places { bound: BTreeMap::from([("payments".to_owned(), file.clone())]), ..Places::default() };
    let mut seconds = [(); 4].map(|()| Vec::new());
    for run in 0..=runs {
        let (loaded, load) = timed(|| read_all(&environment.names.sources, &places));
        let (history, tables) = loaded.map_err(message)?;
        let parts = Parts {
            ir: &ir,
            names: &environment.names,
            slots: &environment.slots,
            tables: &tables,
            given: &BTreeMap::new(),
            now: None,
        };
        let how = Replay { finish: true, ..Replay::default() };
        let (replayed, replaying) = timed(|| replay(parts, &[tap], &[], &history, how));
        let ours = tapped(&replayed.map_err(message)?.produced, tap)?;
        let (theirs, times) = duckdb(&file, &folder.path().join("answers.jsonl"))?;
        same(&ours, &theirs)?;
        // The first pass warms up.
        if run > 0 {
            let took = [load.cpu, replaying.cpu, times.load, times.query];
            seconds.iter_mut().zip(took).for_each(|(all, one)| all.push(one));
        }
    }
    let [load, replaying, their_load, their_query] = seconds.map(|values| median(&values));
    let rate = |seconds: f64| rows as f64 / seconds;
    Ok(vec![
        Figure::new("file to rows with their features", rate(load + replaying), "rows/s")
            .peer("DuckDB, one thread", rate(their_load + their_query)),
        Figure::new("the features alone", rate(replaying), "rows/s").peer("DuckDB, one thread", rate(their_query)),
    ])
}
