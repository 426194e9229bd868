//! What the local target simulates.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use fec_ir::Ir;
use fec_model::model::Simulate;
use flow_core::key::partition;
use flow_log::{PartitionId, RawBatch, RawRecord};
use flow_simulate::{Generator, Options, OutputKind, generator};

use crate::data::{History, from_log, number, read_table_bytes};
use crate::error::LocalError;
use crate::expr::Names;
use crate::tables::Tables;

/// Partitions of a simulated topic.
pub const PARTITIONS: u32 = 4;

/// What the local target says; nothing where it simulates nothing.
#[must_use]
pub fn settings(ir: &Ir) -> Option<&Simulate> {
    ir.targets.iter().find(|target| target.name == "local").and_then(|target| target.simulate.as_ref())
}

/// The generator of those settings.
///
/// # Errors
/// A generator that is not there, an option out of range, or an output that no source takes.
pub fn open(ir: &Ir, settings: &Simulate) -> Result<Box<dyn Generator>, LocalError> {
    let options = Options { seed: settings.seed, rows: settings.rows, rate: settings.rate };
    let made = generator(&settings.generator, &options).map_err(|error| LocalError::Program(error.to_string()))?;
    let fills: Vec<&str> = made.outputs().iter().map(|output| output.name).collect();
    if !fills.iter().any(|name| ir.source(name).is_some()) {
        return Err(LocalError::Program(format!(
            "`{}` fills {}, and the solution has no source of such a name",
            settings.generator,
            fills.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )));
    }
    Ok(made)
}

/// The sources that the local target fills.
///
/// # Errors
/// As [`open`].
pub fn filled(ir: &Ir) -> Result<BTreeSet<String>, LocalError> {
    let Some(settings) = settings(ir) else { return Ok(BTreeSet::new()) };
    Ok(open(ir, settings)?.outputs().iter().map(|output| output.name.to_owned()).collect())
}

/// Writes the history: `DIR/SOURCE.jsonl` for streams, `DIR/SOURCE.csv` for tables; gives the files and their rows.
///
/// # Errors
/// As [`open`], or a folder that cannot be written.
pub fn write(
    ir: &Ir,
    settings: &Simulate,
    folder: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<(String, u64)>, LocalError> {
    let refused = |path: &Path, error: &std::io::Error| {
        LocalError::Environment(format!(
            "cannot write `{}`: {error}; choose another folder or free space",
            path.display()
        ))
    };
    let mut generator = open(ir, settings)?;
    std::fs::create_dir_all(folder).map_err(|error| refused(folder, &error))?;
    let mut files = Vec::new();
    let mut written = Vec::new();
    for (position, output) in generator.outputs().to_vec().into_iter().enumerate() {
        let table = output.kind == OutputKind::Table;
        let name = format!("{}.{}", output.name, if table { "csv" } else { "jsonl" });
        let path = folder.join(&name);
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).map_err(|error| refused(&path, &error))?);
        let csv = generator.csv(position);
        file.write_all(&csv).map_err(|error| refused(&path, &error))?;
        let rows = csv.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
        written.push((name, u64::try_from(rows).unwrap_or(0)));
        files.push((path, file));
    }
    let mut events = 0;
    while let Some(event) = generator.history() {
        if let (Some((path, file)), Some((_, rows))) = (files.get_mut(event.output), written.get_mut(event.output)) {
            file.write_all(&event.json).and_then(|()| file.write_all(b"\n")).map_err(|error| refused(path, &error))?;
            *rows += 1;
        }
        events += 1;
        if events % 10_000 == 0 {
            progress(events);
        }
    }
    for (path, mut file) in files {
        file.flush().map_err(|error| refused(&path, &error))?;
    }
    Ok(written)
}

/// Gives the sources that have no data at rest what the local target simulates, as the log would hold it.
///
/// # Errors
/// As [`open`], or a table that cannot be read.
pub fn fill(ir: &Ir, names: &Names, mut history: History, mut tables: Tables) -> Result<(History, Tables), LocalError> {
    let Some(settings) = settings(ir) else { return Ok((history, tables)) };
    let mut generator = open(ir, settings)?;
    let outputs = generator.outputs().to_vec();
    let at_rest: Vec<u32> = history.chunks.iter().map(|chunk| chunk.source).collect();
    let mut partitions: BTreeMap<(usize, u32), (Vec<u8>, Vec<RawRecord>)> = BTreeMap::new();
    let mut arrived: BTreeMap<(usize, u32), i64> = BTreeMap::new();
    while let Some(event) = generator.history() {
        let index = partition(&event.key, PARTITIONS);
        let (payload, records) = partitions.entry((event.output, index)).or_default();
        let greatest = arrived.entry((event.output, index)).or_insert(i64::MIN);
        *greatest = (*greatest).max(event.stamp);
        let start = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        payload.extend_from_slice(&event.json);
        records.push(RawRecord {
            offset: i64::try_from(records.len()).unwrap_or(i64::MAX),
            stamp: event.stamp,
            arrived: *greatest,
            key: (0, 0),
            value: (start, u32::try_from(event.json.len()).unwrap_or(u32::MAX)),
        });
    }
    for ((output, index), (payload, records)) in partitions {
        let Some(name) = outputs.get(output).map(|output| output.name) else { continue };
        let (Some(source), Some(number)) = (ir.source(name), number(ir, name)) else { continue };
        if at_rest.contains(&number) {
            continue;
        }
        let place = PartitionId::new(source.topic.as_str(), index);
        let batch = RawBatch { partition: place, payload: Arc::new(payload), records };
        history.chunks.push(from_log(source, number, &batch, names));
    }
    for (position, output) in outputs.iter().enumerate().filter(|(_, output)| output.kind == OutputKind::Table) {
        let Some(source) = ir.source(output.name) else { continue };
        if tables.get(output.name).is_none_or(|table| table.rows.rows == 0) {
            tables.insert(output.name, read_table_bytes(source, generator.csv(position), names)?);
        }
    }
    Ok((history, tables))
}
