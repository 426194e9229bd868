//! Passes over payments, for a profiler: `perf record target/release/examples/events_pass`.

/// That of `fec`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), String> {
    println!("{} alerts", fec_bench::events::passes(1_000_000, 94_000, 5)?);
    Ok(())
}
