//! Passes over payments, for a profiler: `perf record target/release/examples/events_pass [ROWS [ROUNDS]]`.

/// That of `fec`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), String> {
    let mut words = std::env::args().skip(1);
    let mut number = |default: usize| words.next().map_or(Ok(default), |word| word.parse().map_err(|_| word));
    let (rows, rounds) = (number(1_000_000)?, number(5)?);
    println!("{} alerts", fec_bench::events::passes(rows, 94_000, rounds)?);
    Ok(())
}
