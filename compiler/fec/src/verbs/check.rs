//! `fec check`.

use crate::args::{Format, Solution};
use crate::load;
use crate::output::{Failure, check_report};

/// Parses, checks and plans; prints what is wrong.
pub fn run(args: &Solution, format: Format) -> Result<(), Failure> {
    let load::Checked { files, model, mut diagnostics } = load::checked(&args.solution)?;
    if !fec_diagnostics::has_errors(&diagnostics) {
        let (_, _, broken) = fec_ir::optimise(fec_ir::lower(model));
        diagnostics.extend(broken);
    }
    check_report(&diagnostics, &files.sources, format)
}
