
/// Records that come at once, as a poll of the log gives them.
const CHUNK: usize = 8_192;

/// Records after which state is written, as in a transaction of a worker.
const COMMIT: usize = 50_000;

/// Drives the dataflow from bytes in memory: what a worker does but for its log and its changelog.
///
/// `RECORDS STAMPS OUT`: the records' lines; their arrivals, 8 bytes each; where the rows go. It prints the CPU seconds with
/// state written, and without: of the records' way, not of keeping what came out of it.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [records, stamps, out] = words.as_slice() else { return Err("RECORDS STAMPS OUT".into()) };
    let (bytes, stamps) = (std::fs::read(records)?, std::fs::read(stamps)?);
    let records: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let stamps: Vec<i64> = stamps.as_chunks().0.iter().map(|stamp| i64::from_le_bytes(*stamp)).collect();
    if stamps.len() != records.len() {
        return Err("a record has no arrival".into());
    }
    let solution = events::solution();
    let zone = Arc::new(flow_task::zone::zone(&solution.timezone)?);
    let given = Given {
        sources: Arc::clone(&solution.sources),
        tables: flow_task::tables::Tables::default(),
        slots: Vec::new(),
        zone,
        now: flow_core::program::Now::Row,
    };
    for keeps_state in [true, false] {
        let mut pipeline = flow_task::pipeline::Pipeline::new(dataflow(&given)?);
        let (seconds, rows) = driven(&mut pipeline, &solution.sources, &records, &stamps, keeps_state)?;
        println!("{seconds}");
        std::fs::write(out, rows)?;
    }
    Ok(())
}

/// The CPU seconds, and the lines of the sink.
fn driven(
    pipeline: &mut flow_task::pipeline::Pipeline,
    sources: &[flow_task::SourceSpec],
    records: &[&[u8]],
    stamps: &[i64],
    keeps_state: bool,
) -> Result<(f64, Vec<u8>), Box<dyn std::error::Error>> {
    let source = sources.first().ok_or("there is no source")?;
    let origin = flow_core::batch::Origin { source: 0, partition: 0 };
    let encoder = flow_formats::RowEncoder::new(&schemas::alerted());
    let mut produced = flow_task::pipeline::Produced::default();
    let mut lines = Vec::new();
    let mut state = std::collections::HashMap::new();
    let (before, mut paused) = (seconds_of_thread()?, 0.0);
    if !keeps_state {
        pipeline.untracked();
    }
    pipeline.partition(origin);
    let mut uncommitted = 0;
    for (number, (records, stamps)) in records.chunks(CHUNK).zip(stamps.chunks(CHUNK)).enumerate() {
        let first = i64::try_from(number * CHUNK)?;
        let decoder = flow_formats::Decoder::new(&source.schema, flow_formats::Encoding::Json, source.unit);
        let decoded = decoder.decode(records.iter().copied());
        let refused = decoded.refused.into_iter().map(|refused| (refused.row, refused.fault, refused.detail));
        let arriving = flow_operators::accept::Arriving {
            partition: 0,
            offsets: (first..first + i64::try_from(records.len())?).collect(),
            stamps: stamps.iter().copied().map(Some).collect(),
            columns: decoded.columns,
            refused: refused.collect(),
        };
        pipeline.feed(0, arriving);
        pipeline.drain(usize::MAX, flow_task::pipeline::MICRO_BATCH, &mut produced)?;
        uncommitted += records.len();
        if keeps_state && uncommitted >= COMMIT {
            uncommitted = 0;
            let mut pauses = Vec::new();
            pipeline.frozen(&mut |_, changes| {
                let from = seconds_of_thread();
                state.extend(changes.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))));
                pauses.push((from, seconds_of_thread()));
            });
            for (from, to) in pauses {
                paused += to? - from?;
            }
            pipeline.commit();
        }
    }
    pipeline.silent(origin, true);
    pipeline.drain(usize::MAX, flow_task::pipeline::MICRO_BATCH, &mut produced)?;
    if keeps_state {
        pipeline.frozen(&mut |_, changes| {
            std::hint::black_box(changes.iter().count());
        });
        pipeline.commit();
    }
    let seconds = seconds_of_thread()? - before - paused;
    for batch in produced.rows.values().flatten() {
        for row in 0..batch.rows {
            encoder.json(&mut lines, &batch.columns, row).map_err(|fault| fault.to_string())?;
            lines.push(b'\n');
        }
    }
    Ok((seconds, lines))
}

/// CPU seconds of this thread so far.
fn seconds_of_thread() -> Result<f64, Box<dyn std::error::Error>> {
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("the CPU time of a thread is not told")?.parse::<f64>()? / 1e9)
}
