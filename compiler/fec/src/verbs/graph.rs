//! `fec graph`.

use fec_ir::lineage::dataflow;
use fec_ir::picture;

use crate::args::{Graph, Picture};
use crate::load;
use crate::output::{Failure, line};

/// Prints the dataflow as it runs.
pub fn run(args: &Graph) -> Result<(), Failure> {
    let compiled = load::compiled(&args.solution)?;
    let flow = dataflow(&compiled.ir, args.canonical);
    match args.picture {
        Picture::Json => {
            let text = serde_json::to_string(&flow).map_err(|error| Failure::environment(error.to_string()))?;
            line(text)
        }
        Picture::Svg => line(picture::svg(&flow).trim_end()),
        Picture::Dot => line(picture::dot(&flow).trim_end()),
    }
}
