//! Reads of stored feature state, many times over, for a profiler: `perf record target/release/examples/feature_reads`.

/// That of `fec`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), String> {
    for figure in fec_bench::events::reads(2_000_000, 94_000, 40)? {
        println!("{}: {:.0} {}", figure.name, figure.value, figure.unit);
    }
    Ok(())
}
