//! What of the data at rest a state was made of, so that the next start sees whether it can go on from there.

use std::collections::BTreeMap;

use flow_core::hll::hash;
use flow_operators::accept::Gate;
use serde::{Deserialize, Serialize};

use crate::data::{Chunk, History};
use crate::pipeline::arrivals;
use crate::spec::{SourceSpec, streams};
use crate::tables::{Loaded, Tables};

/// The records and rows that were at rest when a process began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtRest {
    /// Of streams, by name and partition.
    streams: BTreeMap<String, BTreeMap<u32, Records>>,
    /// Of tables, by name.
    tables: BTreeMap<String, u64>,
    /// The greatest place: arrival, source, partition.
    last: Option<(i64, String, u32)>,
}

/// The records of a partition, in order of their offsets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Records {
    count: u64,
    hash: u64,
}

/// A partition while it is gone through.
#[derive(Default)]
struct Walk {
    records: Records,
    arrived: Option<i64>,
    /// Whether the records that were there before are there and the same.
    same: bool,
    /// Whether a record that was not there before comes before others that were.
    is_behind: bool,
}

impl AtRest {
    /// What is there now, and why a state that was made of `self` cannot go on with it, where it cannot: what was read
    /// before is another now, or something has come that stands before it. What this process does not see (another one
    /// may have the file) stays as it was.
    #[must_use]
    pub fn then(&self, sources: &[SourceSpec], files: &History, tables: &Tables) -> (Self, Option<String>) {
        let mut now = self.clone();
        let mut why = None;
        let mut because = |reason: String| {
            why.get_or_insert(reason);
        };
        let gates: BTreeMap<u32, Gate> =
            streams(sources).map(|(number, source)| (number, source.gate(number))).collect();
        let mut walks: BTreeMap<(u32, u32), Walk> = BTreeMap::new();
        for chunk in &files.chunks {
            let (Some(source), Some(gate)) = (sources.get(chunk.source as usize), gates.get(&chunk.source)) else {
                continue;
            };
            let known = self.records(&source.name, chunk.arriving.partition);
            let walk = walks.entry((chunk.source, chunk.arriving.partition)).or_default();
            walk.through(chunk, &arrivals(gate.spec(), &chunk.arriving, walk.arrived), known, |arrived, partition| {
                self.last.as_ref().is_some_and(|(at, name, number)| {
                    (arrived, source.name.as_str(), partition) < (*at, name.as_str(), *number)
                })
            });
        }
        for ((number, partition), walk) in walks {
            let Some(name) = sources.get(number as usize).map(|source| source.name.clone()) else { continue };
            let known = self.records(&name, partition);
            if !walk.same && known != Records::default() {
                because(format!("what was read of `{name}` before is another now"));
            } else if walk.is_behind {
                because(format!("events of `{name}` have come that arrived before others that were read"));
            }
            let place = walk.arrived.map(|arrived| (arrived, name.clone(), partition));
            now.last = now.last.take().max(place);
            now.streams.entry(name).or_default().insert(partition, walk.records);
        }
        for source in sources.iter().filter(|source| !source.is_stream()) {
            let Some(table) = tables.get(&source.name) else { continue };
            let hash = of_rows(table);
            if now.tables.insert(source.name.clone(), hash).is_some_and(|known| known != hash) {
                because(format!("the table `{}` has changed", source.name));
            }
        }
        (now, why)
    }

    /// All of it in a word.
    #[must_use]
    pub fn word(&self) -> String {
        format!("{:016x}", hash(format!("{self:?}").as_bytes()))
    }

    fn records(&self, source: &str, partition: u32) -> Records {
        self.streams.get(source).and_then(|partitions| partitions.get(&partition)).copied().unwrap_or_default()
    }
}

impl Walk {
    fn through(&mut self, chunk: &Chunk, arrived: &[i64], known: Records, precedes: impl Fn(i64, u32) -> bool) {
        let arriving = &chunk.arriving;
        for (row, (offset, arrived)) in arriving.offsets.iter().zip(arrived).enumerate() {
            let is_new = self.records.count >= known.count;
            // Before anything says when it came, nothing can be behind.
            if is_new && *arrived > i64::MIN && precedes(*arrived, arriving.partition) {
                self.is_behind = true;
            }
            let view = chunk.views.get(row).and_then(|(start, end)| chunk.payload.get(*start..*end));
            let stamp = arriving.stamps.get(row).copied().flatten();
            let parts = [
                self.records.hash,
                offset.cast_unsigned(),
                stamp.unwrap_or(-1).cast_unsigned(),
                hash(view.unwrap_or_default()),
            ];
            self.records.hash = hash(parts.map(u64::to_le_bytes).as_flattened());
            self.records.count += 1;
            self.same |= self.records == known;
            if *arrived > i64::MIN {
                self.arrived = Some(*arrived);
            }
        }
    }
}

fn of_rows(table: &Loaded) -> u64 {
    let mut all = 0;
    for row in 0..table.rows.rows {
        for column in &table.rows.columns {
            let cell = hash(format!("{:?}", column.value(row)).as_bytes());
            all = hash([all, cell].map(u64::to_le_bytes).as_flattened());
        }
    }
    all
}
