//! The simulation as a producer: its history goes into the log once, then it goes on live.

use std::collections::BTreeMap;
use std::time::Duration;

use fec_ir::Ir;
use fec_model::model::{Shape, Simulate};
use flow_core::key::partition;
use flow_log::{AppendError, Cut, Limits, Log, Outcome, PartitionId, Start};
use flow_simulate::{Generator, OutputKind, SimulatedEvent};

use crate::data::{Chunk, History, Places, from_log, read_table_bytes};
use crate::error::LocalError;
use crate::expr::Names;
use crate::simulate::{self, PARTITIONS};
use crate::state::StateFolder;
use crate::tables::Tables;

/// Events of one transaction.
const BLOCK: usize = 50_000;

/// A simulation that feeds the log; or nothing, where none is wanted.
pub struct Feed {
    generator: Option<Box<dyn Generator>>,
    settings: Option<Simulate>,
    /// The topic of each output that a source takes.
    topics: Vec<Option<String>>,
    /// Topics of the other streams, which others may fill.
    others: Vec<String>,
    records: u64,
    live_events: u64,
}

impl Feed {
    /// The simulation of the local target, where something is left for it to fill.
    ///
    /// # Errors
    /// A generator that is not there, or an option out of range.
    pub fn open(ir: &Ir, places: &Places) -> Result<Self, LocalError> {
        let fills = |name: &str| {
            ir.source(name).filter(|source| source.shape == Shape::Stream && places.at_rest(source).is_none())
        };
        let mut feed = Self {
            generator: None,
            settings: None,
            topics: Vec::new(),
            others: ir
                .sources
                .iter()
                .filter(|source| source.shape == Shape::Stream && places.at_rest(source).is_none())
                .map(|source| source.topic.clone())
                .collect(),
            records: 0,
            live_events: 0,
        };
        let Some(settings) = simulate::settings(ir) else { return Ok(feed) };
        let generator = simulate::open(ir, settings)?;
        feed.topics =
            generator.outputs().iter().map(|output| fills(output.name).map(|source| source.topic.clone())).collect();
        feed.settings = Some(settings.clone());
        feed.generator = Some(generator);
        Ok(feed)
    }

    /// Tables, with those that the simulation fills.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn tables(&self, ir: &Ir, names: &Names, mut tables: Tables) -> Result<Tables, LocalError> {
        let Some(generator) = &self.generator else { return Ok(tables) };
        for (position, output) in generator.outputs().iter().enumerate() {
            let Some(source) = ir.source(output.name) else { continue };
            let empty = tables.get(output.name).is_none_or(|table| table.rows.rows == 0);
            if output.kind == OutputKind::Table && empty {
                tables.insert(output.name, read_table_bytes(source, generator.csv(position), names)?);
            }
        }
        Ok(tables)
    }

    /// Records of history that it gave.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Makes the topics and fills them with history: all of it, or what is missing after an interrupted start.
    ///
    /// # Errors
    /// A log that refuses, or other settings than those whose events are in the log.
    pub fn history(
        &mut self,
        log: &mut dyn Log,
        folder: &mut StateFolder,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), LocalError> {
        for topic in self.others.iter().chain(self.topics.iter().flatten()) {
            if log.partitions(topic)?.is_none() {
                log.create(topic, PARTITIONS)?;
            }
        }
        let (Some(generator), Some(settings)) = (self.generator.as_mut(), &self.settings) else { return Ok(()) };
        let wanted = format!("{}({}, {}, {})", settings.generator, settings.seed, settings.rows, settings.rate);
        match folder.simulated() {
            Some(before) if before != wanted => {
                return Err(LocalError::Environment(format!(
                    "the log holds the events of {before}, and the solution now simulates {wanted}; remove the state folder, or choose another with --state"
                )));
            }
            Some(_) => {}
            None => folder.set_simulated(&wanted)?,
        }
        let mut there = 0u64;
        for topic in self.topics.iter().flatten() {
            for index in 0..PARTITIONS {
                let end = log.end(&PartitionId::new(topic.as_str(), index))?;
                there += u64::try_from(end.next).unwrap_or(0);
            }
        }
        // Events are appended in their order, so the first `there` of them are in the log.
        let mut seen = 0u64;
        let mut block = Vec::new();
        while let Some(event) = generator.history() {
            if !matches!(self.topics.get(event.output), Some(Some(_))) {
                continue;
            }
            seen += 1;
            if seen > there {
                block.push(event);
            }
            if block.len() == BLOCK {
                append(log, &self.topics, &block)?;
                block.clear();
                progress(seen, settings.rows);
            }
        }
        append(log, &self.topics, &block)?;
        self.records = seen;
        let rate = settings.rate;
        if there > seen && rate > 0.0 {
            for _ in seen..there {
                while let Some(event) = generator.live() {
                    if matches!(self.topics.get(event.output), Some(Some(_))) {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Appends the live events that are due after `elapsed` of live time.
    ///
    /// # Errors
    /// A log that refuses.
    pub fn live(&mut self, log: &mut dyn Log, elapsed: Duration) -> Result<(), LocalError> {
        let (Some(generator), Some(settings)) = (self.generator.as_mut(), &self.settings) else { return Ok(()) };
        let due = (elapsed.as_secs_f64() * settings.rate) as u64;
        let mut block = Vec::new();
        while self.live_events < due && block.len() < BLOCK {
            let Some(event) = generator.live() else { break };
            self.live_events += 1;
            block.push(event);
        }
        append(log, &self.topics, &block)
    }
}

/// Appends events in one transaction.
fn append(log: &mut dyn Log, topics: &[Option<String>], events: &[SimulatedEvent]) -> Result<(), LocalError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut places: BTreeMap<(usize, u32), PartitionId> = BTreeMap::new();
    loop {
        let mut transaction = log.begin()?;
        for event in events {
            let Some(Some(topic)) = topics.get(event.output) else { continue };
            let index = partition(&event.key, PARTITIONS);
            let place = places.entry((event.output, index)).or_insert_with(|| PartitionId::new(topic.as_str(), index));
            match transaction.append(place, &event.key, &event.json, event.stamp) {
                Ok(()) | Err(AppendError::Row(_)) => {}
                Err(AppendError::Log(error)) => return Err(error.into()),
            }
        }
        let mut outcome = transaction.commit();
        while matches!(outcome, Outcome::Unknown(_)) {
            std::thread::sleep(Duration::from_millis(5));
            outcome = log.resolve()?;
        }
        match outcome {
            Outcome::Committed => return Ok(()),
            Outcome::Aborted(error) => return Err(error.into()),
            Outcome::Fenced(_) | Outcome::Unknown(_) => {}
        }
    }
}

/// Everything before `cut` in the topics of stream sources without files.
///
/// # Errors
/// A log that cannot be read.
pub fn from_topics(
    log: &mut dyn Log,
    ir: &Ir,
    names: &Names,
    files: &History,
    cut: &Cut,
) -> Result<Vec<Chunk>, LocalError> {
    let mut chunks = Vec::new();
    let at_rest: Vec<u32> = files.chunks.iter().map(|chunk| chunk.source).collect();
    for (number, source) in (0u32..).zip(&ir.sources) {
        if source.shape != Shape::Stream || at_rest.contains(&number) {
            continue;
        }
        let partitions = log.partitions(&source.topic)?.unwrap_or(0);
        let add: Vec<(PartitionId, Start)> =
            (0..partitions).map(|index| (PartitionId::new(source.topic.as_str(), index), Start::Earliest)).collect();
        let mut reader = log.source()?;
        reader.assign(&add, &[])?;
        loop {
            let mut batches = Vec::new();
            reader.poll(Limits { records: BLOCK, bytes: 64 << 20 }, Duration::ZERO, &mut batches)?;
            if batches.is_empty() {
                break;
            }
            for batch in &batches {
                let end = cut.mark(&batch.partition).next;
                let chunk = from_log(source, number, batch, names);
                let rows = chunk.arriving.offsets.partition_point(|offset| *offset < end);
                if rows == chunk.arriving.offsets.len() {
                    chunks.push(chunk);
                } else if rows > 0 {
                    chunks.push(chunk.rows(&(0..rows).collect::<Vec<_>>()));
                }
            }
        }
    }
    Ok(chunks)
}

/// Whether all streams come from files or a simulation: then time goes on by what arrives, and not by the machine's clock.
#[must_use]
pub fn is_fed(ir: &Ir, places: &Places) -> bool {
    ir.sources
        .iter()
        .filter(|source| source.shape == Shape::Stream)
        .all(|source| places.at_rest(source).is_some() || places.simulated.contains(&source.name))
}
