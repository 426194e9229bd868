//! Begins a task with what is archived.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::archiver::decode;
use super::manifest::{ArchiveFile, Manifest};
use super::{ArchiveError, Lake};
use crate::block::{Block, Writes};
use crate::error::LogError;
use crate::place::{Cut, Mark, PartitionId, Sequence, TableId, TaskId};
use crate::traits::{Log, Outcome, Restored, Source, Start};

/// A record out of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRecord {
    /// The rank of its topic among those that are read.
    pub source: usize,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: i64,
    /// Its own timestamp, µs.
    pub stamp: i64,
    /// The greatest timestamp in the partition up to and including it, µs.
    pub arrived: i64,
    /// Its key.
    pub key: Vec<u8>,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// The archived past of some topics, pinned: what is archived later is not part of it.
pub struct Bootstrap {
    manifests: Vec<Manifest>,
    lanes: BTreeMap<(usize, u32), Lane>,
}

/// A partition's files that are still to come, and the records of the file that is read.
#[derive(Default)]
struct Lane {
    files: VecDeque<ArchiveFile>,
    records: VecDeque<PastRecord>,
}

impl Bootstrap {
    /// Pins what `lake` holds of `topics`, in the order in which their records come where they arrived together. A topic
    /// without an archive has no past.
    ///
    /// # Errors
    /// [`ArchiveError::OtherTopic`], [`ArchiveError::Missing`] where the log no longer reaches back to where the archive
    /// ends, a damaged manifest, a log or lake that cannot be read.
    pub fn pin(log: &mut dyn Log, lake: &dyn Lake, topics: &[&str]) -> Result<Self, ArchiveError> {
        let mut manifests = Vec::with_capacity(topics.len());
        let mut lanes: BTreeMap<(usize, u32), Lane> = BTreeMap::new();
        for (source, topic) in topics.iter().enumerate() {
            let Some(partitions) = log.partitions(topic)? else {
                return Err(LogError::UnknownTopic { topic: (*topic).to_owned() }.into());
            };
            let (id, name) = (log.topic_id(topic)?, Manifest::name(topic));
            let manifest = match lake.get(&name)? {
                Some((bytes, _)) => Manifest::decode(&name, &bytes)?,
                None => Manifest { topic: (*topic).to_owned(), id, partitions, files: Vec::new() },
            };
            if manifest.id != id || manifest.partitions != partitions {
                return Err(ArchiveError::OtherTopic { topic: (*topic).to_owned() });
            }
            for file in &manifest.files {
                lanes.entry((source, file.partition)).or_default().files.push_back(file.clone());
            }
            manifests.push(manifest);
        }
        let pinned = Self { manifests, lanes };
        let mut source = log.source()?;
        pinned.reached(source.as_mut())?;
        Ok(pinned)
    }

    /// H: where the archive ends in each partition of each topic, and the log goes on.
    #[must_use]
    pub fn cut(&self) -> Cut {
        let mut cut = Cut::default();
        for manifest in &self.manifests {
            let ranges = manifest.ranges();
            for index in 0..manifest.partitions {
                let range = ranges.get(&index);
                let mark = range.map_or(Mark::START, |range| Mark { next: range.high, arrived: range.arrived });
                cut.0.insert(PartitionId::new(manifest.topic.as_str(), index), mark);
            }
        }
        cut
    }

    /// Whether the log still has everything from H on.
    fn reached(&self, source: &mut dyn Source) -> Result<(), ArchiveError> {
        for (partition, mark) in self.cut().0 {
            source.assign(&[(partition.clone(), Start::Earliest)], &[])?;
            let earliest = source.progress(&partition).map_or(0, |progress| progress.next);
            // What no archive has must be in the log from its first record on.
            let from = mark.next;
            if earliest > from {
                return Err(ArchiveError::Missing { partition, from, earliest });
            }
            source.assign(&[], &[partition])?;
        }
        Ok(())
    }

    /// The next record in arrival order: by arrival, topic, partition, offset.
    ///
    /// # Errors
    /// A file that cannot be read, or is not what the manifest says.
    pub fn next(&mut self, lake: &dyn Lake) -> Result<Option<PastRecord>, ArchiveError> {
        let mut first: Option<(i64, usize, u32)> = None;
        for (place, lane) in &mut self.lanes {
            while lane.records.is_empty() {
                let Some(file) = lane.files.pop_front() else { break };
                let damaged = || ArchiveError::Damaged { name: file.name.clone(), why: "it is not there" };
                let (bytes, _) = lake.get(&file.name)?.ok_or_else(damaged)?;
                let record = |(offset, stamp, arrived, key, value): (i64, i64, i64, &[u8], &[u8])| PastRecord {
                    source: place.0,
                    partition: place.1,
                    offset,
                    stamp,
                    arrived,
                    key: key.to_vec(),
                    value: value.to_vec(),
                };
                lane.records.extend(decode(&file, &bytes)?.into_iter().map(record));
            }
            if let Some(record) = lane.records.front() {
                let order = (record.arrived, place.0, place.1);
                if first.is_none_or(|least| order < least) {
                    first = Some(order);
                }
            }
        }
        Ok(first.and_then(|(_, source, partition)| self.lanes.get_mut(&(source, partition))?.records.pop_front()))
    }
}

/// Writes the state that a task builds from the past as blocks of its changelog.
///
/// The blocks before the last one move no position, so a task whose loader died has state and no positions: it loads
/// again. Blocks hold whole values, so the second load replaces what the first one left, and deletes what it does not write.
pub struct Loader<'a> {
    log: &'a mut dyn Log,
    task: TaskId,
    sequence: Sequence,
    /// Keys that an earlier load wrote, and this one has not yet.
    left: BTreeSet<(TableId, Vec<u8>)>,
}

impl<'a> Loader<'a> {
    /// A loader for a task that this process owns; it goes on behind what an earlier load has left.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn new(log: &'a mut dyn Log, task: TaskId) -> Result<Self, ArchiveError> {
        let (mut sequence, mut left) = (Sequence::NONE, BTreeSet::new());
        loop {
            let mut blocks = Vec::new();
            let restored = log.blocks(&task, sequence, 8 << 20, &mut blocks)?;
            for block in blocks {
                left.extend(block.writes.iter().map(|write| (write.table, write.key.to_vec())));
                sequence = block.sequence;
            }
            match restored {
                Restored::Complete(_) => return Ok(Self { log, task, sequence, left }),
                Restored::More(_) => {}
                Restored::Waiting(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Whether a task has begun with its past: it has positions. Ask once its blocks are complete.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn is_done(log: &mut dyn Log, task: &TaskId) -> Result<bool, ArchiveError> {
        Ok(log.positions(task)?.is_some_and(|cut| !cut.0.is_empty()))
    }

    /// Commits some of the state; answers the block once it is in the log.
    ///
    /// # Errors
    /// A task that another process has taken, or a log that cannot be written.
    pub fn put(&mut self, writes: Writes) -> Result<Block, ArchiveError> {
        self.written(&writes);
        self.commit(writes, Cut::default())
    }

    /// Commits the rest of the state, and H: from here on the task reads the log.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn finish(mut self, mut writes: Writes, cut: Cut) -> Result<Block, ArchiveError> {
        self.written(&writes);
        for (table, key) in std::mem::take(&mut self.left) {
            writes.delete(table, &key);
        }
        self.commit(writes, cut)
    }

    fn written(&mut self, writes: &Writes) {
        for write in writes.iter() {
            self.left.remove(&(write.table, write.key.to_vec()));
        }
    }

    fn commit(&mut self, writes: Writes, cut: Cut) -> Result<Block, ArchiveError> {
        let block = Block { sequence: self.sequence.next(), cut, writes, ..Block::default() };
        loop {
            let mut transaction = self.log.begin()?;
            transaction.block(&self.task, &block)?;
            transaction.positions(&self.task, &block.cut)?;
            let mut outcome = transaction.commit();
            while let Outcome::Unknown(error) = outcome {
                if error == LogError::Crashed {
                    return Err(error.into());
                }
                outcome = self.log.resolve()?;
            }
            match outcome {
                Outcome::Committed => {
                    self.sequence = block.sequence;
                    return Ok(block);
                }
                Outcome::Aborted(LogError::GivenUp) => {}
                Outcome::Aborted(error) => return Err(error.into()),
                Outcome::Fenced(task) => return Err(LogError::NotOwned { task }.into()),
                Outcome::Unknown(error) => return Err(error.into()),
            }
        }
    }
}
