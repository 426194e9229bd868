//! How fast the stores take blocks and answer reads: `cargo run --release -p flow-store --example rates`.

use std::hint::black_box;
use std::time::Instant;

use flow_log::{Block, Cut, Sequence, TaskId, Writes};
use flow_store::{FeatureStore, LsmFeatureStore, LsmOptions, LsmStore, MemoryFeatureStore, MemoryStore, SetId, Store};

const KEYS: u64 = 94_000;
const BLOCKS: u64 = 200;
const WRITES: u64 = 5_000;
const READS: u64 = 1_000_000;

/// Keys in a fixed, scattered order.
fn key(i: u64) -> [u8; 16] {
    let mut key = *b"card-00000000000";
    let scattered = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) % KEYS;
    for (to, from) in key.iter_mut().rev().zip(scattered.to_string().bytes().rev()) {
        *to = from;
    }
    key
}

fn writes(block: u64) -> Writes {
    let mut writes = Writes::new();
    for i in 0..WRITES {
        writes.put(SetId(0).table(), &key(block * WRITES + i), &[7; 283]);
    }
    writes
}

fn rate(name: &str, count: u64, start: Instant) {
    let each = start.elapsed().as_secs_f64() / count as f64;
    println!("{name}: {:.2} M/s, {:.0} ns each", 1e-6 / each, each * 1e9);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("flow-store-rates-{}", std::process::id()));
    let stores: [(&str, Box<dyn Store>); 2] = [
        ("memory", Box::new(MemoryStore::new())),
        ("lsm", Box::new(LsmStore::open(folder.join("store"), LsmOptions::default())?)),
    ];
    let blocks: Vec<_> =
        (1..=BLOCKS).map(|n| Block { sequence: Sequence(n), writes: writes(n), ..Block::default() }).collect();
    for (name, mut store) in stores {
        let start = Instant::now();
        for block in &blocks {
            store.apply(block)?;
        }
        rate(&format!("{name} store, writes"), BLOCKS * WRITES, start);
        let start = Instant::now();
        for i in 0..READS {
            store.get_many(SetId(0).table(), &[&key(i)], &mut |_, value| {
                black_box(value);
            })?;
        }
        rate(&format!("{name} store, reads"), READS, start);
    }
    let stores: [(&str, Box<dyn FeatureStore>); 2] = [
        ("memory", Box::new(MemoryFeatureStore::new())),
        ("lsm", Box::new(LsmFeatureStore::open(folder.join("features"), LsmOptions::default())?)),
    ];
    let task = TaskId::new("card_activity", 0);
    for (name, store) in stores {
        let start = Instant::now();
        for block in &blocks {
            store.apply(&task, block.sequence, block.sequence, &block.writes, &Cut::default())?;
        }
        rate(&format!("{name} feature store, writes"), BLOCKS * WRITES, start);
        let start = Instant::now();
        for i in 0..READS {
            black_box(store.read(SetId(0), &[&key(i)], &mut |_, value| {
                black_box(value);
            })?);
        }
        rate(&format!("{name} feature store, reads"), READS, start);
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
