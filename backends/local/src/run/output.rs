//! What a run leaves behind: counts, and committed rows as files.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fec_ir::Ir;
use fec_model::model::{Shape, Write};
use flow_core::batch::Batch;
use flow_formats::RowEncoder;
use flow_log::{Limits, Log, PartitionId, Start};
use flow_operators::accept::Counters;

use super::emitter::served_topic;
use crate::dataflow::sinks::{stream_sinks, taken};
use crate::environment::Environment;
use crate::error::LocalError;
use crate::state::{StateFolder, refused, replace};
use crate::stream::{StreamTask, dead_topic, sink_topic};

/// Counts of a run.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Events by source, with the number of its dead letters.
    pub sources: BTreeMap<String, (Counters, u64)>,
    /// Rows by sink.
    pub sinks: BTreeMap<String, u64>,
}

/// Counts what is committed, and writes it to `out` where that is wanted: the folder is rewritten whole.
///
/// # Errors
/// A log that cannot be read or a folder that cannot be written.
pub fn finish(
    log: &mut dyn Log,
    ir: &Ir,
    folder: &StateFolder,
    task: &StreamTask,
    out: Option<&Path>,
) -> Result<Summary, LocalError> {
    let mut summary = Summary::default();
    if let Some(out) = out {
        for part in ["sinks", "dead"] {
            let path = out.join(part);
            if path.exists() {
                std::fs::remove_dir_all(&path).map_err(|error| refused(&path, &error))?;
            }
            std::fs::create_dir_all(&path).map_err(|error| refused(&path, &error))?;
        }
    }
    for sink in &ir.sinks {
        let streamed = stream_sinks(ir).iter().any(|(_, name)| *name == sink.name);
        let mut written =
            if streamed { records(log, &sink_topic(&folder.generation(), &sink.name))? } else { Vec::new() };
        let served = records(log, &served_topic(&ir.name, &sink.name))?;
        let is_mixed = !written.is_empty() && !served.is_empty();
        written.extend(served);
        if is_mixed {
            written.sort_by_key(|(stamp, ..)| *stamp);
        }
        let mut lines = match sink.write {
            Write::Upsert => last_by_key(written),
            Write::Append | Write::Replace => written.into_iter().map(|(.., record)| record).collect(),
        };
        let lake = folder.lake().join(format!("{}.jsonl", sink.name));
        if let Ok(bytes) = std::fs::read(&lake) {
            lines.extend(bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
        }
        summary.sinks.insert(sink.name.clone(), lines.len() as u64);
        if let Some(out) = out {
            write_lines(&out.join("sinks").join(format!("{}.jsonl", sink.name)), &lines)?;
        }
    }
    let counters = task.counters();
    for source in ir.sources.iter().filter(|source| source.shape == Shape::Stream) {
        let letters: Vec<Vec<u8>> = records(log, &dead_topic(&folder.generation(), &source.name))?
            .into_iter()
            .map(|(.., record)| record)
            .collect();
        let counts = counters.get(&source.name).copied().unwrap_or_default();
        summary.sources.insert(source.name.clone(), (counts, letters.len() as u64));
        if let Some(out) = out {
            write_lines(&out.join("dead").join(format!("{}.jsonl", source.name)), &letters)?;
        }
    }
    Ok(summary)
}

/// Stamp, key and record.
type Keyed = (i64, Vec<u8>, Vec<u8>);

/// All committed records of a topic of one partition.
fn records(log: &mut dyn Log, topic: &str) -> Result<Vec<Keyed>, LocalError> {
    let mut found = Vec::new();
    if log.partitions(topic)?.is_none() {
        return Ok(found);
    }
    let mut reader = log.source()?;
    reader.assign(&[(PartitionId::new(topic, 0), Start::Earliest)], &[])?;
    loop {
        let mut batches = Vec::new();
        reader.poll(Limits { records: 50_000, bytes: 64 << 20 }, Duration::ZERO, &mut batches)?;
        if batches.is_empty() {
            return Ok(found);
        }
        for batch in &batches {
            found.extend(batch.iter().map(|(at, key, value)| (at.stamp, key.to_vec(), value.to_vec())));
        }
    }
}

/// The last record of each key, in order of key; a key whose last record is empty is gone.
fn last_by_key(records: Vec<Keyed>) -> Vec<Vec<u8>> {
    let mut last: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (_, key, record) in records {
        if record.is_empty() {
            last.remove(&key);
        } else {
            last.insert(key, record);
        }
    }
    last.into_values().collect()
}

fn write_lines(path: &Path, lines: &[Vec<u8>]) -> Result<(), LocalError> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    replace(path, &bytes)
}

/// Writes what a job emitted: each sink's rows, whole; where it has a key, of each key the last.
///
/// # Errors
/// A folder that cannot be written.
pub fn write_lake(
    folder: &StateFolder,
    ir: &Ir,
    environment: &Environment,
    emitted: &[(String, Batch)],
) -> Result<(), LocalError> {
    let mut by_sink: BTreeMap<&str, Vec<Batch>> = BTreeMap::new();
    for (sink, rows) in emitted {
        by_sink.entry(sink).or_default().push(rows.clone());
    }
    for (name, batches) in by_sink {
        let Some(sink) = ir.sink(name) else { continue };
        let schema = environment.names.enums.schema(&sink.columns);
        let rows = taken(sink, Batch::concat(&schema, &batches))?;
        let encoder = RowEncoder::new(&schema);
        let mut lines = Vec::with_capacity(rows.rows);
        for row in 0..rows.rows {
            let mut line = Vec::new();
            encoder.json(&mut line, &rows.columns, row).map_err(|fault| {
                LocalError::Program(format!("row {row} of what the job emits to `{name}` cannot be written: {fault}"))
            })?;
            lines.push(line);
        }
        write_lines(&folder.lake().join(format!("{name}.jsonl")), &lines)?;
    }
    Ok(())
}
