//! `fec simulate`.

use fec_local::types::Enums;
use fec_local::{simulate, specs};
use serde_json::json;

use crate::args::{Format, Simulate};
use crate::load;
use crate::output::{Failure, line, local};
use crate::progress::Progress;

/// Writes the events that the local target simulates.
pub fn run(args: &Simulate, format: Format) -> Result<(), Failure> {
    let compiled = load::compiled(&args.solution)?;
    let Some(mut settings) = specs::simulation(&compiled.ir) else {
        let message = "the solution simulates nothing; add `simulate: cards(seed: 1, rows: 10_000)` to `target local`";
        return Err(Failure::wrong(message));
    };
    settings.seed = args.seed.unwrap_or(settings.seed);
    settings.rows = args.rows.unwrap_or(settings.rows);
    let progress = Progress::new("simulating", Some(settings.rows));
    let sources = specs::sources(&compiled.ir, &Enums::new(&compiled.ir.enums));
    let files = simulate::write(&sources, &settings, &args.output, &mut |done| progress.at(done)).map_err(local)?;
    progress.done();
    match format {
        Format::Json => line(
            json!({ "files": files.iter().map(|(file, rows)| json!({ "file": file, "rows": rows })).collect::<Vec<_>>() }),
        ),
        Format::Human => {
            for (file, rows) in files {
                line(format!("{} {rows} rows", args.output.join(file).display()))?;
            }
            Ok(())
        }
    }
}
