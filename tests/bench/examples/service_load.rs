//! A load for a server that runs, alone and unmeasured: what a profiler is to look at. `service_load ADDRESS SECONDS` asks
//! without pause; with a third word it asks so many times a second, and tells how long answers took.

use std::time::Duration;

use fec_bench::service::{load, paced, requests};

fn main() -> Result<(), String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (address, seconds, rate) = match words.as_slice() {
        [address, seconds] => (address, seconds, None),
        [address, seconds, rate] => (address, seconds, Some(rate)),
        _ => return Err("service_load ADDRESS SECONDS [RATE]".to_owned()),
    };
    let address = address.parse().map_err(|error| format!("`{address}`: {error}"))?;
    let lasting = Duration::from_secs_f64(seconds.parse().map_err(|error| format!("`{seconds}`: {error}"))?);
    let requests = requests(50_000)?;
    let Some(rate) = rate else {
        println!("{} answers", load(address, &requests, lasting)?);
        return Ok(());
    };
    let rate = rate.parse().map_err(|error| format!("`{rate}`: {error}"))?;
    let times = paced(address, &requests, rate, lasting)?;
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default() * 1e6;
    println!("{} answers, p50 {:.0} us, p99 {:.0} us, p99.9 {:.0} us", times.len(), at(0.5), at(0.99), at(0.999));
    Ok(())
}
