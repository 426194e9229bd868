//! What of the data at rest a state was made of, so that the next start sees whether it can go on from there.

use std::collections::BTreeMap;

use flow_core::hll::hash;
use flow_log::{Cut, Log, PartitionId};
use flow_operators::rows::encode_row;
use serde::{Deserialize, Serialize};

use crate::data::{Chunk, History, Places};
use crate::error::RunError;
use crate::pipeline::arrivals;
use crate::spec::{SourceSpec, streams};
use crate::stream::from_topics;
use crate::tables::{Loaded, Tables};

/// The records and rows that were at rest when a process began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtRest {
    /// Of streams, by name and partition; a stream that lies at rest with no record has no partition.
    streams: BTreeMap<String, BTreeMap<u32, Records>>,
    /// Of tables, by name.
    tables: BTreeMap<String, u64>,
}

/// What a process finds when it begins.
#[derive(Clone, Copy)]
pub struct Present<'a> {
    /// All sources.
    pub sources: &'a [SourceSpec],
    /// Where they lie.
    pub places: &'a Places,
    /// What lies there of streams.
    pub files: &'a History,
    /// What lies there of tables.
    pub tables: &'a Tables,
}

/// The records of a partition, in order of their offsets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Records {
    count: u64,
    hash: u64,
    /// The arrival of the last one; nothing where none says when it came.
    #[serde(default)]
    arrived: Option<i64>,
}

/// Where a record stands among all: arrival, source, partition.
type Place = (i64, String, u32);

/// A partition while it is gone through.
struct Walk {
    known: Records,
    records: Records,
    /// Whether the records that were there before are there and the same.
    is_same: bool,
    /// The arrival of the first record that was not there before.
    added: Option<i64>,
}

impl AtRest {
    /// What is there now, and why a state that was made of what was there `before` and of the log cannot go on with it,
    /// where it cannot: what was read before is another now, or something has come that stands before what was read.
    /// Before a state has been made nothing is in its way.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn then(
        before: Option<&Self>,
        present: &Present<'_>,
        log: &mut dyn Log,
    ) -> Result<(Self, Option<String>), RunError> {
        let mut now = before.cloned().unwrap_or_default();
        let mut why = None;
        let mut because = |reason: String| {
            why.get_or_insert(reason);
        };
        let mut added: Option<Place> = None;
        let mut logged: Vec<&SourceSpec> = Vec::new();
        for (number, source) in streams(present.sources) {
            let name = &source.name;
            if present.places.at_rest(source).is_none() {
                logged.push(source);
                if now.streams.remove(name).is_some_and(|known| known.values().any(Records::any)) {
                    because(format!("what was read of `{name}` before is another now"));
                }
                continue;
            }
            let known = now.streams.remove(name);
            if before.is_some() && known.is_none() && !ends(log, source)?.0.is_empty() {
                because(format!("`{name}` was read from its topic before, and lies at rest now"));
            }
            let known = known.unwrap_or_default();
            let walks = walked(source, number, present.files, &known);
            let is_gone = known.iter().any(|(partition, records)| records.any() && !walks.contains_key(partition));
            if is_gone || walks.values().any(|walk| !walk.is_same) {
                because(format!("what was read of `{name}` before is another now"));
            }
            let place = |(partition, walk): (&u32, &Walk)| Some((walk.added?, name.clone(), *partition));
            added = added.into_iter().chain(walks.iter().filter_map(place)).min();
            let records = walks.into_iter().map(|(partition, walk)| (partition, walk.records));
            now.streams.insert(name.clone(), records.collect());
        }
        if let (Some(before), Some(added)) = (before, added) {
            let last = before.last().max(last_of(&logged, log)?);
            if last.is_some_and(|last| added < last) {
                because(format!("events of `{}` have come that arrived before others that were read", added.1));
            }
        }
        for source in present.sources.iter().filter(|source| !source.is_stream()) {
            let Some(table) = present.tables.get(&source.name) else { continue };
            let hash = of_rows(table);
            if now.tables.insert(source.name.clone(), hash).is_some_and(|known| known != hash) {
                because(format!("the table `{}` has changed", source.name));
            }
        }
        Ok((now, why))
    }

    /// The greatest place.
    fn last(&self) -> Option<Place> {
        let partitions =
            self.streams.iter().flat_map(|(name, of)| of.iter().map(move |(number, records)| (name, number, records)));
        partitions.filter_map(|(name, number, records)| Some((records.arrived?, name.clone(), *number))).max()
    }
}

impl Records {
    fn any(&self) -> bool {
        self.count > 0
    }
}

impl Walk {
    fn after(known: Records) -> Self {
        Self { known, records: Records::default(), is_same: !known.any(), added: None }
    }

    fn through(&mut self, chunk: &Chunk, arrived: &[i64]) {
        let arriving = &chunk.arriving;
        for (row, (offset, arrived)) in arriving.offsets.iter().zip(arrived).enumerate() {
            // Before anything says when it came, nothing can be behind.
            if *arrived > i64::MIN {
                self.records.arrived = Some(*arrived);
                if self.records.count >= self.known.count {
                    self.added.get_or_insert(*arrived);
                }
            }
            let view = chunk.views.get(row).and_then(|(start, end)| chunk.payload.get(*start..*end));
            let stamp = arriving.stamps.get(row).copied().flatten();
            let parts = [
                self.records.hash,
                offset.cast_unsigned(),
                u64::from(stamp.is_some()),
                stamp.unwrap_or_default().cast_unsigned(),
                hash(view.unwrap_or_default()),
            ];
            self.records.hash = hash(parts.map(u64::to_le_bytes).as_flattened());
            self.records.count += 1;
            self.is_same |= self.records == self.known;
        }
    }
}

/// Goes through what lies at rest of a stream, by partition.
fn walked(source: &SourceSpec, number: u32, files: &History, known: &BTreeMap<u32, Records>) -> BTreeMap<u32, Walk> {
    let gate = source.gate(number);
    let mut walks = BTreeMap::new();
    for chunk in files.chunks.iter().filter(|chunk| chunk.source == number) {
        let partition = chunk.arriving.partition;
        let known = || known.get(&partition).copied().unwrap_or_default();
        let walk = walks.entry(partition).or_insert_with(|| Walk::after(known()));
        walk.through(chunk, &arrivals(gate.spec(), &chunk.arriving, walk.records.arrived));
    }
    walks
}

/// The ends of a stream's topic, where it holds anything.
fn ends(log: &mut dyn Log, source: &SourceSpec) -> Result<Cut, RunError> {
    let mut ends = Cut::default();
    for index in 0..log.partitions(&source.topic)?.unwrap_or(0) {
        let partition = PartitionId::new(source.topic.as_str(), index);
        let end = log.end(&partition)?;
        if end.next > 0 {
            ends.0.insert(partition, end);
        }
    }
    Ok(ends)
}

/// The greatest place in the topics of streams. All that a state has read of them is there, whichever process read it;
/// what it has not read yet may be there, too: then a state is rebuilt that need not be, and none goes on that must not.
fn last_of(sources: &[&SourceSpec], log: &mut dyn Log) -> Result<Option<Place>, RunError> {
    let mut last = None;
    for source in sources {
        let ends = ends(log, source)?;
        let place = |arrived: i64, partition: u32| (arrived, source.name.clone(), partition);
        if !source.arrival_is_event_time {
            last = last.max(ends.0.iter().map(|(partition, end)| place(end.arrived, partition.index)).max());
            continue;
        }
        // The log's own stamps do not say when these came.
        let mut chunks = from_topics(log, std::slice::from_ref(*source), &History::default(), &ends)?;
        chunks.iter_mut().for_each(|chunk| chunk.source = 0);
        let walks = walked(source, 0, &History { chunks }, &BTreeMap::new());
        last =
            last.max(walks.iter().filter_map(|(partition, walk)| Some(place(walk.records.arrived?, *partition))).max());
    }
    Ok(last)
}

fn of_rows(table: &Loaded) -> u64 {
    let (mut all, mut bytes) = (0, Vec::new());
    for row in 0..table.rows.rows {
        bytes.clear();
        encode_row(&table.rows.columns, row, &mut bytes);
        all = hash([all, hash(&bytes)].map(u64::to_le_bytes).as_flattened());
    }
    all
}
