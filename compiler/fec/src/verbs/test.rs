//! `fec test`.

use std::sync::Arc;

use fec_local::suite;
use serde_json::json;

use crate::args::{Format, Test};
use crate::load;
use crate::output::{Failure, WRONG, line, local};

/// Runs a solution's tests in every plane.
pub fn run(args: &Test, format: Format) -> Result<(), Failure> {
    let compiled = load::compiled(&args.solution)?;
    let places = load::places(&compiled.ir, &compiled.files, &[])?;
    let ir = Arc::new(compiled.ir);
    let (mut passed, mut failed) = (0u64, 0u64);
    let mut printed = Ok(());
    suite::run(&ir, &places, args.only.as_deref(), &mut |outcome| {
        let status = if outcome.failure.is_none() { "passed" } else { "failed" };
        match outcome.failure {
            None => passed += 1,
            Some(_) => failed += 1,
        }
        let text = match format {
            Format::Json => {
                let mut object = json!({
                    "test": outcome.test,
                    "plane": outcome.plane,
                    "engine": "interpreted",
                    "status": status,
                    "ms": u64::try_from(outcome.ms).unwrap_or(u64::MAX),
                });
                if let (Some(failure), Some(object)) = (&outcome.failure, object.as_object_mut()) {
                    object.insert("message".to_owned(), json!(failure));
                }
                object.to_string()
            }
            Format::Human => {
                let reason = outcome.failure.as_ref().map(|failure| format!("\n       {failure}")).unwrap_or_default();
                format!("{status}  {} [{}]{reason}", outcome.test, outcome.plane)
            }
        };
        if printed.is_ok() {
            printed = line(text);
        }
    })
    .map_err(local)?;
    printed?;
    match format {
        Format::Json => line(json!({ "summary": { "passed": passed, "failed": failed, "skipped": 0 } }))?,
        Format::Human => line(format!("{passed} passed, {failed} failed, 0 skipped"))?,
    }
    if failed > 0 { Err(Failure::silent(WRONG)) } else { Ok(()) }
}
