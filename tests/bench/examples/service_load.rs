//! A load for a server that runs, alone and unmeasured: what a profiler is to look at. `service_load ADDRESS SECONDS`.

use std::time::Duration;

use fec_bench::service::{load, requests};

fn main() -> Result<(), String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, seconds] = words.as_slice() else { return Err("service_load ADDRESS SECONDS".to_owned()) };
    let address = address.parse().map_err(|error| format!("`{address}`: {error}"))?;
    let seconds = seconds.parse().map_err(|error| format!("`{seconds}`: {error}"))?;
    let answers = load(address, &requests(50_000)?, Duration::from_secs_f64(seconds))?;
    println!("{answers} answers");
    Ok(())
}
