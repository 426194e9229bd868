//! `fec explain`.

use std::path::Path;

use fec_diagnostics::codes;
use serde_json::json;

use crate::args::{Explain, Format};
use crate::load;
use crate::output::{Failure, line};

/// Explains a code of a message, or the plan of a solution.
pub fn run(args: &Explain, format: Format) -> Result<(), Failure> {
    if let Some(code) = codes::ALL.iter().find(|code| code.id().eq_ignore_ascii_case(&args.subject)) {
        return match format {
            Format::Human => line(code.explain().trim_end()),
            Format::Json => line(json!({ "code": code.id(), "title": code.title(), "page": code.explain() })),
        };
    }
    let looks_like_code = args.subject.len() == 5
        && args.subject.get(1..).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    if looks_like_code && !Path::new(&args.subject).exists() {
        return Err(Failure::usage(format!("there is no message with the code `{}`", args.subject)));
    }
    let compiled = load::compiled(Path::new(&args.subject))?;
    match format {
        Format::Human => line(fec_ir::explain::explain(&compiled.written, &compiled.ir, &compiled.applied).trim_end()),
        Format::Json => line(json!({
            "before": fec_ir::lineage::dataflow(&compiled.written, false),
            "passes": compiled.applied,
            "after": fec_ir::lineage::dataflow(&compiled.ir, false),
        })),
    }
}
