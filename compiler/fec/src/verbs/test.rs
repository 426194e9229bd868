//! `fec test`.

use std::path::Path;
use std::sync::Arc;

use fec_local::suite::{self, Runner, TestOutcome, Verdict};
use serde_json::json;

use crate::args::{Format, Test};
use crate::compile::built;
use crate::load::{self, Compiled};
use crate::output::{Failure, WRONG, line, local};
use crate::stop::stopped;

/// Runs a solution's tests in every plane, interpreted or against compiled binaries.
pub fn run(args: &Test, format: Format) -> Result<(), Failure> {
    let (compiled, binaries) = match &args.compiled {
        None => (load::compiled(&args.solution)?, None),
        Some(out) => of_binaries(&args.solution, out)?,
    };
    let runner = binaries.as_ref().map_or(Runner::Interpreted, Runner::Compiled);
    let places = load::places(&compiled.ir, &compiled.files, &[])?;
    let ir = Arc::new(compiled.ir);
    // Binaries go with the command; what is interpreted just ends.
    let stop = if binaries.is_some() { stopped()? } else { Arc::default() };
    let engine = if binaries.is_some() { "compiled" } else { "interpreted" };
    let mut told = Told { format, engine, passed: 0, failed: 0, skipped: 0, missing: 0 };
    let mut printed = Ok(());
    let ran = suite::run(&ir, &places, runner, args.only.as_deref(), &stop, &mut |outcome| {
        let text = told.outcome(&outcome);
        if printed.is_ok() {
            printed = line(text);
        }
    });
    ran.map_err(local)?;
    printed?;
    if let Some(only) = &args.only
        && told.is_empty()
    {
        return Err(Failure::usage(format!("the name of no test contains `{only}`")));
    }
    line(told.summary())?;
    if told.is_wrong() { Err(Failure::silent(WRONG)) } else { Ok(()) }
}

/// A solution as it was compiled into `out`, and its binaries.
fn of_binaries(solution: &Path, out: &Path) -> Result<(Compiled, Option<suite::Binaries>), Failure> {
    let manifest = built::listed(out, solution)?;
    let compiled = load::compiled_for(solution, manifest.target.as_deref())?;
    let binaries = built::binaries(out, solution, &manifest, &compiled.ir)?;
    Ok((compiled, Some(binaries)))
}

/// What was told of tests.
struct Told {
    format: Format,
    engine: &'static str,
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Of those that were skipped, how many ask a binary that was not compiled.
    missing: u64,
}

impl Told {
    /// The line of an outcome.
    fn outcome(&mut self, outcome: &TestOutcome) -> String {
        let (status, message) = match &outcome.verdict {
            Verdict::Passed => ("passed", None),
            Verdict::Failed(why) => ("failed", Some(why)),
            Verdict::Skipped(why) | Verdict::Missing(why) => ("skipped", Some(why)),
        };
        match &outcome.verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Skipped(_) => self.skipped += 1,
            Verdict::Missing(_) => {
                self.skipped += 1;
                self.missing += 1;
            }
        }
        match self.format {
            Format::Json => {
                let mut object = json!({
                    "test": outcome.test,
                    "plane": outcome.plane,
                    "engine": self.engine,
                    "status": status,
                    "ms": u64::try_from(outcome.ms).unwrap_or(u64::MAX),
                });
                if let (Some(message), Some(object)) = (message, object.as_object_mut()) {
                    object.insert("message".to_owned(), json!(message));
                }
                object.to_string()
            }
            Format::Human => {
                let reason = message.map(|message| format!("\n       {message}")).unwrap_or_default();
                format!("{status}  {} [{}]{reason}", outcome.test, outcome.plane)
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.passed + self.failed + self.skipped == 0
    }

    fn summary(&self) -> String {
        let Self { passed, failed, skipped, missing, .. } = self;
        match self.format {
            Format::Json => {
                json!({ "summary": { "passed": passed, "failed": failed, "skipped": skipped } }).to_string()
            }
            Format::Human if *missing > 0 => {
                format!("{passed} passed, {failed} failed, {skipped} skipped, {missing} of them without a binary")
            }
            Format::Human => format!("{passed} passed, {failed} failed, {skipped} skipped"),
        }
    }

    /// What a binary should have shown, and none did, has not been shown.
    fn is_wrong(&self) -> bool {
        self.failed > 0 || self.missing > 0 || (self.passed == 0 && self.skipped > 0)
    }
}
