//! Solutions from their text to the plan that runs.

use fec_diagnostics::{Diagnostic, FileId};
use fec_ir::{Ir, lower, optimise};
use fec_model::{CheckOptions, check};

/// The optimised plan of a solution of one file.
///
/// # Errors
/// What is wrong with it.
pub fn plan(text: &str) -> Result<Ir, String> {
    let parsed = fec_syntax::parse(FileId(0), text);
    let (model, found) = check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    sound(parsed.diagnostics.iter().chain(&found))?;
    let (ir, _, broken) = optimise(lower(model));
    sound(&broken)?;
    Ok(ir)
}

/// Fails with the first error among diagnostics.
///
/// # Errors
/// Its message.
pub fn sound<'a>(found: impl IntoIterator<Item = &'a Diagnostic>) -> Result<(), String> {
    match found.into_iter().find(|one| one.is_error()) {
        Some(one) => Err(format!("{}: {}", one.code, one.message)),
        None => Ok(()),
    }
}
