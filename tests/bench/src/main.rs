//! `fec-bench [--small] [NAME…]`: runs benches and prints their figures as a table.

use std::process::ExitCode;

use fec_bench::measure::{HEAD, table};
use fec_bench::service::{SERVERS, serve};
use fec_bench::{BENCHES, Size};

/// As in `fec`: what is measured is what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((name, arguments)) = words.split_first().filter(|(name, _)| SERVERS.contains(&name.as_str())) {
        return match serve(name, arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("fec-bench: {name}: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let mut size = Size::Full;
    let mut chosen = Vec::new();
    for word in words {
        match word.as_str() {
            "--small" => size = Size::Small,
            name if BENCHES.iter().any(|bench| bench.name == name) => chosen.push(word),
            name => {
                let known: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
                eprintln!("fec-bench: there is no bench `{name}`; there are: {}", known.join(", "));
                return ExitCode::from(2);
            }
        }
    }
    println!("{HEAD}");
    let mut code = ExitCode::SUCCESS;
    for bench in BENCHES.iter().filter(|bench| chosen.is_empty() || chosen.iter().any(|name| name == bench.name)) {
        match (bench.run)(size) {
            Ok(figures) => print!("{}", table(bench.name, &figures)),
            Err(error) => {
                eprintln!("fec-bench: {}: {error}", bench.name);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
