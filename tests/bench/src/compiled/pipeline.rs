//! The generated worker's dataflow alone: from JSON in memory to rows and states, without its log and its changelog.
//! What is driven is the worker's own crate, built with another `main`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Built, EVENTS, lines_of, spent};
use crate::Outcome;
use crate::compile::plan;
use crate::events::{Kept, run_pipeline};
use crate::measure::{Figure, Goal, median};
use crate::payments::Payments;

/// What drives the dataflow; it stands behind what `fec compile` wrote.
const DRIVER: &str = include_str!("../../programs/pipeline.rs");

/// Payments and their cards, as in `events`.
const PAYMENTS: (usize, usize) = (2_000_000, 94_000);

const ROUNDS: usize = 4;

/// The worker's crate with the driver in place of its `main`; what it was compiled to comes back with the next compile.
fn driver(built: &Built, scratch: &Path) -> Result<PathBuf, String> {
    let folder = built.folder.join("out/crates");
    let edit = |path: &str, change: &dyn Fn(String) -> String| {
        let path = folder.join(path);
        let text = std::fs::read_to_string(&path);
        text.and_then(|text| std::fs::write(&path, change(text)))
            .map_err(|error| format!("{}: {error}", path.display()))
    };
    edit("alerts/src/main.rs", &|text| {
        let kept = "#[allow(dead_code, reason = \"the driver runs in its place\")]\nfn worker() -> ExitCode {";
        text.replace("fn main() -> ExitCode {", kept) + DRIVER
    })?;
    edit("alerts/Cargo.toml", &|text| text + "flow-formats.workspace = true\n")?;
    let mut cargo = Command::new("cargo");
    // Its lock does not know the dependency yet.
    cargo.args(["build", "--release", "--offline", "--quiet", "-p", "alerts"]).current_dir(folder);
    spent(cargo.env("CARGO_TARGET_DIR", built.folder.join("target")).env_remove("CARGO_INCREMENTAL"))?;
    let binary = scratch.join("pipeline");
    std::fs::copy(built.binary("alerts"), &binary).map_err(|error| error.to_string())?;
    Ok(binary)
}

/// Events a CPU second of the generated dataflow and of the same plan interpreted.
pub(super) fn figures(built: &Built, scratch: &Path) -> Outcome {
    built.write(EVENTS)?;
    built.compile()?;
    let binary = driver(built, scratch)?;
    let payments = Payments::generate(PAYMENTS.0, PAYMENTS.1, 30);
    let (records, stamps, out) = (scratch.join("records"), scratch.join("stamps"), scratch.join("rows"));
    let stamped: Vec<u8> = payments.stamps.iter().flat_map(|stamp| stamp.to_le_bytes()).collect();
    std::fs::write(&records, lines_of(&payments)).map_err(|error| error.to_string())?;
    std::fs::write(&stamps, stamped).map_err(|error| error.to_string())?;
    let ir = plan(EVENTS)?;
    let mut seconds = [(); 4].map(|()| Vec::new());
    for round in 0..ROUNDS {
        let done = Command::new(&binary).args([&records, &stamps, &out]).output();
        let done = done.map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(&done.stdout);
        let ours: Result<Vec<f64>, _> = told.split_whitespace().map(str::parse).collect();
        let Ok([committed, untracked]) = ours.as_deref() else {
            return Err(format!("the driver says `{told}`: {}", String::from_utf8_lossy(&done.stderr)));
        };
        let mut interpreted = Vec::new();
        for kept in [Kept::Committed, Kept::No] {
            let given = run_pipeline(&ir, &payments, kept)?;
            if round == 0 && kept == Kept::Committed {
                let ids: Vec<&str> = given.rows.iter().map(|(id, _)| id.as_str()).collect();
                same(&std::fs::read_to_string(&out).map_err(|error| error.to_string())?, &ids)?;
            }
            interpreted.push(given.took.cpu);
        }
        // The first round warms up.
        if round > 0 {
            let all = [*committed, *untracked].into_iter().chain(interpreted);
            seconds.iter_mut().zip(all).for_each(|(seconds, one)| seconds.push(one));
        }
    }
    let [committed, untracked, committed_peer, untracked_peer] =
        seconds.map(|values| payments.rows() as f64 / median(&values));
    Ok(vec![
        Figure::new("worker's dataflow without its log, state written every 50,000", committed, "events/s")
            .peer("interpreted", committed_peer)
            .goal(Goal::AtLeast(2e6)),
        Figure::new("the same, untracked", untracked, "events/s").peer("interpreted", untracked_peer),
    ])
}

/// Whether the lines are those of these rows, in order.
fn same(lines: &str, ids: &[&str]) -> Result<(), String> {
    let id = |line: &str| line.split('"').nth(3).map(str::to_owned);
    let written: Vec<String> = lines.lines().filter_map(id).collect();
    match written == ids && !ids.is_empty() {
        true => Ok(()),
        false => {
            Err(format!("the worker's dataflow gives {} alerts, the plan {}, or others", written.len(), ids.len()))
        }
    }
}
