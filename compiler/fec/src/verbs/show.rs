//! `fec show`.

use fec_local::data::read_all;
use fec_local::environment::Environment;
use fec_local::show::{Road, object, parse_instant, parse_key, show};
use fec_local::{simulate, specs};

use crate::args::{Plane, Show};
use crate::load;
use crate::output::{Failure, line, local};

/// Shows a feature set's values for one key.
pub fn run(args: &Show) -> Result<(), Failure> {
    let compiled = load::compiled(&args.solution)?;
    let ir = &compiled.ir;
    let places = load::places(ir, &compiled.files, &args.bind)?;
    let environment = Environment::new(ir).map_err(local)?;
    let key = parse_key(ir, &environment, &args.features, args.key.as_deref()).map_err(Failure::usage)?;
    let at = args.at.as_deref().map(parse_instant).transpose().map_err(Failure::usage)?;
    let sources = &environment.names.sources;
    let (history, tables) = read_all(sources, &places).map_err(local)?;
    let (history, tables) =
        simulate::fill(sources, specs::simulation(ir).as_ref(), &places, history, tables).map_err(local)?;
    let tables = tables.complete().map_err(local)?;
    let road = match args.plane {
        Plane::Batch => Road::Batch,
        Plane::Stream => Road::Stream,
        Plane::Online => Road::Online,
    };
    let cells = show(ir, &environment, &history, &tables, &args.features, &key, at, road).map_err(local)?;
    line(object(ir, &environment.names, &args.features, &cells))
}
