//! Simulated events: the sources that a generator fills, and its events dealt to partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use flow_core::key::partition;
use flow_log::{PartitionId, RawBatch, RawRecord};
use flow_simulate::{Generator, Options, OutputDescription, OutputKind, SimulatedEvent, generator};

use crate::data::{History, Places, from_log, read_table_bytes};
use crate::error::RunError;
use crate::spec::{SourceSpec, find};
use crate::tables::Tables;

/// Partitions of a simulated topic.
pub const PARTITIONS: u32 = 4;

/// What is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// Name of the generator.
    pub generator: String,
    /// Seed.
    pub seed: u64,
    /// Rows of history.
    pub rows: u64,
    /// Live events a second.
    pub rate: f64,
}

/// The generator of those settings.
///
/// # Errors
/// A generator that is not there, an option out of range, or an output that no source takes.
pub fn open(sources: &[SourceSpec], settings: &Simulation) -> Result<Box<dyn Generator>, RunError> {
    let options = Options { seed: settings.seed, rows: settings.rows, rate: settings.rate };
    let made = generator(&settings.generator, &options).map_err(|error| RunError::Program(error.to_string()))?;
    let fills: Vec<&str> = made.outputs().iter().map(|output| output.name).collect();
    if !fills.iter().any(|name| find(sources, name).is_some()) {
        return Err(RunError::Program(format!(
            "`{}` fills {}, and the solution has no source of such a name",
            settings.generator,
            fills.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )));
    }
    Ok(made)
}

/// The sources that a simulation fills.
///
/// # Errors
/// As [`open`].
pub fn filled(sources: &[SourceSpec], settings: Option<&Simulation>) -> Result<BTreeSet<String>, RunError> {
    let Some(settings) = settings else { return Ok(BTreeSet::new()) };
    Ok(open(sources, settings)?.outputs().iter().map(|output| output.name.to_owned()).collect())
}

/// A simulation whose events are dealt to the partitions of the sources that it shall fill.
pub struct Dealer {
    generator: Box<dyn Generator>,
    /// For each output the number of the source that takes it.
    takers: Vec<Option<u32>>,
}

/// A simulated event and its place.
#[derive(Debug, Clone)]
pub struct Dealt {
    /// The number of its source.
    pub source: u32,
    /// Its partition.
    pub partition: u32,
    /// The event.
    pub event: SimulatedEvent,
}

impl Dealer {
    /// A simulation for the streams that `fills` wants.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(
        sources: &[SourceSpec],
        settings: &Simulation,
        fills: impl Fn(u32, &SourceSpec) -> bool,
    ) -> Result<Self, RunError> {
        let generator = open(sources, settings)?;
        let taker = |output: &OutputDescription| {
            find(sources, output.name)
                .filter(|(number, source)| source.is_stream() && fills(*number, source))
                .map(|(number, _)| number)
        };
        let takers = generator.outputs().iter().map(taker).collect();
        Ok(Self { generator, takers })
    }

    /// The numbers of the sources that it fills.
    pub fn sources(&self) -> impl Iterator<Item = u32> + '_ {
        self.takers.iter().copied().flatten()
    }

    /// The next event of history; nothing at its end.
    pub fn history(&mut self) -> Option<Dealt> {
        loop {
            let event = self.generator.history()?;
            if let Some(dealt) = self.dealt(event) {
                return Some(dealt);
            }
        }
    }

    /// The next live event: within, nothing where no source takes it; nothing at all where there are no live events.
    pub fn live(&mut self) -> Option<Option<Dealt>> {
        let event = self.generator.live()?;
        Some(self.dealt(event))
    }

    fn dealt(&self, event: SimulatedEvent) -> Option<Dealt> {
        let source = self.takers.get(event.output).copied().flatten()?;
        Some(Dealt { source, partition: partition(&event.key, PARTITIONS), event })
    }

    /// Tables, with the simulated ones that `fills` wants.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn tables(
        &self,
        sources: &[SourceSpec],
        mut tables: Tables,
        fills: impl Fn(&SourceSpec) -> bool,
    ) -> Result<Tables, RunError> {
        let outputs = self.generator.outputs();
        for (position, output) in outputs.iter().enumerate().filter(|(_, output)| output.kind == OutputKind::Table) {
            let Some((_, source)) = find(sources, output.name) else { continue };
            if fills(source) {
                tables.insert(output.name, read_table_bytes(source, self.generator.csv(position))?);
            }
        }
        Ok(tables)
    }
}

/// Writes the history: `DIR/SOURCE.jsonl` for streams, `DIR/SOURCE.csv` for tables; gives the files and their rows.
///
/// # Errors
/// As [`open`], or a folder that cannot be written.
pub fn write(
    sources: &[SourceSpec],
    settings: &Simulation,
    folder: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<(String, u64)>, RunError> {
    let refused = |path: &Path, error: &std::io::Error| {
        RunError::Environment(format!(
            "cannot write `{}`: {error}; choose another folder or free space",
            path.display()
        ))
    };
    let mut generator = open(sources, settings)?;
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

/// Gives the sources that have no data at rest what is simulated, as the log would hold it.
///
/// # Errors
/// As [`open`], or a table that cannot be read.
pub fn fill(
    sources: &[SourceSpec],
    settings: Option<&Simulation>,
    places: &Places,
    mut history: History,
    tables: Tables,
) -> Result<(History, Tables), RunError> {
    let Some(settings) = settings else { return Ok((history, tables)) };
    let fills = |source: &SourceSpec| places.at_rest(source).is_none();
    let mut dealer = Dealer::open(sources, settings, |_, source| fills(source))?;
    let mut partitions: BTreeMap<(u32, u32), (Vec<u8>, Vec<RawRecord>)> = BTreeMap::new();
    let mut arrived: BTreeMap<(u32, u32), i64> = BTreeMap::new();
    while let Some(Dealt { source, partition, event }) = dealer.history() {
        let (payload, records) = partitions.entry((source, partition)).or_default();
        let greatest = arrived.entry((source, partition)).or_insert(i64::MIN);
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
    for ((number, index), (payload, records)) in partitions {
        let Some(source) = sources.get(number as usize) else { continue };
        let place = PartitionId::new(source.topic.as_str(), index);
        let batch = RawBatch { partition: place, payload: Arc::new(payload), records };
        history.chunks.push(from_log(source, number, &batch));
    }
    let tables = dealer.tables(sources, tables, fills)?;
    Ok((history, tables))
}
