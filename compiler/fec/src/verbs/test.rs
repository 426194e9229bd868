//! `fec test`.

use std::path::Path;
use std::sync::Arc;

use fec_diagnostics::{Sources, Span};
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
    let mut told =
        Told { format, engine, sources: &compiled.files.sources, passed: 0, failed: 0, skipped: 0, missing: 0 };
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
struct Told<'a> {
    format: Format,
    engine: &'static str,
    sources: &'a Sources,
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Of those that were skipped, how many ask a binary that was not compiled.
    missing: u64,
}

impl Told<'_> {
    /// Why a test failed, behind the line of the expectation that does not hold.
    fn placed(&self, why: &str, at: Option<Span>) -> String {
        let Some(at) = at else { return why.to_owned() };
        let line = self.sources.position(at.file, at.start).line;
        format!("{}:{line}: {why}", self.sources.name(at.file))
    }

    /// The line of an outcome.
    fn outcome(&mut self, outcome: &TestOutcome) -> String {
        let (status, message) = match &outcome.verdict {
            Verdict::Passed => ("passed", None),
            Verdict::Failed(why, at) => ("failed", Some(self.placed(why, *at))),
            Verdict::Skipped(why) | Verdict::Missing(why) => ("skipped", Some(why.clone())),
        };
        match &outcome.verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(..) => self.failed += 1,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told<'a>(format: Format, sources: &'a Sources, verdicts: &[Verdict]) -> (Vec<String>, Told<'a>) {
        let mut told = Told { format, engine: "compiled", sources, passed: 0, failed: 0, skipped: 0, missing: 0 };
        let line = |verdict: &Verdict| {
            told.outcome(&TestOutcome { test: "t".to_owned(), plane: "online", verdict: verdict.clone(), ms: 7 })
        };
        (verdicts.iter().map(line).collect(), told)
    }

    #[test]
    fn what_was_not_shown_is_wrong() {
        let (skipped, missing) = (Verdict::Skipped("why".to_owned()), Verdict::Missing("no binary".to_owned()));
        let passed = Verdict::Passed;
        let mut sources = Sources::new();
        let file = sources.add("of/t.asol", "test \"t\" {\n  at now\n  expect 1 == 2\n}\n");
        let failed = Verdict::Failed("expected 1, was 2".to_owned(), Some(Span::new(file, 29, 35)));
        let wrong = |verdicts: Vec<Verdict>| told(Format::Human, &sources, &verdicts).1.is_wrong();
        assert!(!wrong(vec![]) && !wrong(vec![passed.clone()]) && !wrong(vec![passed.clone(), skipped.clone()]));
        assert!(wrong(vec![passed.clone(), failed.clone()]) && wrong(vec![passed.clone(), missing.clone()]));
        assert!(wrong(vec![skipped.clone()]), "nothing was shown at all");
        let all = [passed, failed, skipped, missing];
        let (lines, told_human) = told(Format::Human, &sources, &all);
        let shown = [
            "passed  t [online]",
            "failed  t [online]\n       of/t.asol:3: expected 1, was 2",
            "skipped  t [online]\n       why",
        ];
        assert_eq!(lines.get(..3).unwrap(), shown);
        assert_eq!(lines.last().unwrap(), "skipped  t [online]\n       no binary");
        assert_eq!(told_human.summary(), "1 passed, 1 failed, 2 skipped, 1 of them without a binary");
        let (lines, told_json) = told(Format::Json, &sources, &all);
        let line: serde_json::Value = serde_json::from_str(lines.get(1).unwrap()).unwrap();
        let wanted = json!({
            "test": "t", "plane": "online", "engine": "compiled", "status": "failed", "ms": 7,
            "message": "of/t.asol:3: expected 1, was 2",
        });
        assert_eq!(line, wanted);
        let summary: serde_json::Value = serde_json::from_str(&told_json.summary()).unwrap();
        assert_eq!(summary, json!({ "summary": { "passed": 1, "failed": 1, "skipped": 2 } }));
        assert!(told_json.is_wrong() && !told_json.is_empty());
        let given = [Verdict::Failed("row 1 of `given a`".to_owned(), None)];
        assert_eq!(told(Format::Human, &sources, &given).0, ["failed  t [online]\n       row 1 of `given a`"]);
    }
}
