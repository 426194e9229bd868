//! How many small records a second go into the embedded log and out of it: `cargo run --release --example throughput`.

use std::time::{Duration, Instant};

use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{Limits, Log, Outcome, PartitionId, Start};

const TRANSACTIONS: u32 = 40;
const RECORDS: u32 = 50_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("flow-log-throughput-{}", std::process::id()));
    let mut log = EmbeddedLog::open(&folder, Options::default())?;
    log.create("payments", 4)?;
    let partitions: Vec<_> = (0..4).map(|i| PartitionId::new("payments", i)).collect();
    let value = [b'x'; 129];
    let total = f64::from(TRANSACTIONS) * f64::from(RECORDS);

    let start = Instant::now();
    for t in 0..TRANSACTIONS {
        let mut transaction = log.begin()?;
        for (i, to) in (0..RECORDS).zip(partitions.iter().cycle()) {
            transaction.append(to, &i.to_le_bytes(), &value, i64::from(t * RECORDS + i))?;
        }
        let outcome = transaction.commit();
        if outcome != Outcome::Committed {
            return Err(format!("{outcome:?}").into());
        }
    }
    println!("write: {:.2} M records/s", total / start.elapsed().as_secs_f64() / 1e6);

    for (name, limit) in [("read, 8,192 a poll", 8_192), ("read, 256 a poll", 256)] {
        let mut source = log.source()?;
        let assignment: Vec<_> = partitions.iter().map(|p| (p.clone(), Start::Earliest)).collect();
        source.assign(&assignment, &[])?;
        let (mut out, mut read, mut bytes) = (Vec::new(), 0_u32, 0_usize);
        let start = Instant::now();
        loop {
            source.poll(Limits { records: limit, bytes: 4 << 20 }, Duration::ZERO, &mut out)?;
            if out.is_empty() {
                break;
            }
            for batch in out.drain(..) {
                read += u32::try_from(batch.len())?;
                bytes += batch.iter().map(|(_, key, value)| key.len() + value.len()).sum::<usize>();
            }
        }
        let rate = f64::from(read) / start.elapsed().as_secs_f64() / 1e6;
        println!("{name}: {rate:.2} M records/s ({read} records, {bytes} bytes)");
    }

    let start = Instant::now();
    for i in 0..1_000_i64 {
        let mut transaction = log.begin()?;
        transaction.append(partitions.first().ok_or("no partition")?, b"k", &value, i)?;
        transaction.commit();
    }
    println!("small commits: {:.0} a second", 1_000.0 / start.elapsed().as_secs_f64());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
