//! What a task reads: partitions of the log, and files as partitions of their own.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use flow_core::batch::Origin;
use flow_log::{Cut, Limits, Log, Mark, PartitionId, Source, Start};
use flow_operators::operator::DeadLetter;

use crate::data::{Chunk, History, from_log};
use crate::error::RunError;
use crate::freshness::file_topic;
use crate::pipeline::Pipeline;
use crate::spec::{SourceSpec, streams};

/// The inputs of a task.
pub struct Inputs {
    log: Box<dyn Source>,
    /// Reads again what was read before.
    again: Box<dyn Source>,
    topics: BTreeMap<PartitionId, Origin>,
    files: BTreeMap<Origin, (PartitionId, Vec<Chunk>)>,
    /// Chunks of files that have not been fed yet.
    unread: Vec<Chunk>,
    /// Raw records that may still become dead letters.
    recent: BTreeMap<Origin, VecDeque<Chunk>>,
    sources: Arc<[SourceSpec]>,
}

impl Inputs {
    /// All stream sources, read or not (T is after the last arrival of all): the partitions of their topics where they
    /// have one in the log, and their files.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn open(log: &mut dyn Log, sources: &Arc<[SourceSpec]>, files: History) -> Result<Self, RunError> {
        let mut topics = BTreeMap::new();
        for (number, source) in streams(sources) {
            for index in 0..log.partitions(&source.topic)?.unwrap_or(0) {
                let origin = Origin { source: number, partition: index };
                topics.insert(PartitionId::new(source.topic.as_str(), index), origin);
            }
        }
        let mut at_rest: BTreeMap<Origin, (PartitionId, Vec<Chunk>)> = BTreeMap::new();
        for chunk in files.chunks {
            let Some(source) = sources.get(chunk.source as usize) else { continue };
            let origin = Origin { source: chunk.source, partition: chunk.arriving.partition };
            let place = PartitionId::new(file_topic(&source.name), origin.partition);
            at_rest.entry(origin).or_insert_with(|| (place, Vec::new())).1.push(chunk);
        }
        // A source is read from its files or from its topic: both would give two meanings to one offset.
        topics.retain(|_, origin| !at_rest.keys().any(|file| file.source == origin.source));
        Ok(Self {
            log: log.source()?,
            again: log.source()?,
            topics,
            files: at_rest,
            unread: Vec::new(),
            recent: BTreeMap::new(),
            sources: Arc::clone(sources),
        })
    }

    /// Every partition, by origin.
    #[must_use]
    pub fn partitions(&self) -> Vec<(Origin, PartitionId)> {
        let topics = self.topics.iter().map(|(partition, origin)| (*origin, partition.clone()));
        let files = self.files.iter().map(|(origin, (partition, _))| (*origin, partition.clone()));
        topics.chain(files).collect()
    }

    /// Goes back (or on) to a cut.
    ///
    /// # Errors
    /// A position that the log does not have.
    pub fn rewind(&mut self, cut: &Cut) -> Result<(), RunError> {
        let add: Vec<(PartitionId, Start)> =
            self.topics.keys().map(|partition| (partition.clone(), Start::At(cut.mark(partition)))).collect();
        self.log.assign(&add, &[])?;
        self.unread.clear();
        self.recent.clear();
        for (partition, chunks) in self.files.values() {
            let next = cut.mark(partition).next;
            for chunk in chunks {
                let offsets = &chunk.arriving.offsets;
                if offsets.first().is_some_and(|first| *first >= next) {
                    self.unread.push(chunk.clone());
                } else if offsets.last().is_some_and(|last| *last >= next) {
                    let from = offsets.partition_point(|offset| *offset < next);
                    self.unread.push(chunk.rows(&(from..offsets.len()).collect::<Vec<_>>()));
                }
            }
        }
        Ok(())
    }

    /// Feeds what is there; tells whether every partition is at its end, as one look at the log saw it.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn poll(&mut self, pipeline: &mut Pipeline, limit: usize, wait: Duration) -> Result<bool, RunError> {
        for origin in self.files.keys() {
            pipeline.partition(*origin);
        }
        for chunk in std::mem::take(&mut self.unread) {
            self.feed(pipeline, chunk);
        }
        for origin in self.files.keys() {
            pipeline.silent(*origin, true);
        }
        let waiting: usize = self.topics.values().map(|origin| pipeline.waiting(*origin)).sum();
        if self.topics.is_empty() {
            if waiting == 0 {
                std::thread::sleep(wait);
            }
            return Ok(true);
        }
        for (partition, origin) in &self.topics {
            // Who is far ahead of the others waits for them.
            self.log.pause(partition, pipeline.waiting(*origin) > limit);
        }
        let mut batches = Vec::new();
        let limits = Limits { records: limit, bytes: 64 << 20 };
        self.log.poll(limits, if waiting > 0 { Duration::ZERO } else { wait }, &mut batches)?;
        for batch in &batches {
            let Some(origin) = self.topics.get(&batch.partition).copied() else { continue };
            let Some(source) = self.sources.get(origin.source as usize) else { continue };
            let chunk = from_log(source, origin.source, batch);
            self.feed(pipeline, chunk);
        }
        let at_end = |partition: &PartitionId| self.log.progress(partition).is_some_and(|progress| progress.at_end);
        let all = self.topics.keys().all(at_end);
        for origin in self.topics.values() {
            pipeline.silent(*origin, all);
        }
        Ok(all && batches.is_empty())
    }

    fn feed(&mut self, pipeline: &mut Pipeline, chunk: Chunk) {
        let origin = Origin { source: chunk.source, partition: chunk.arriving.partition };
        pipeline.feed(chunk.source, chunk.arriving.clone());
        if !self.files.contains_key(&origin) {
            self.recent.entry(origin).or_default().push_back(chunk);
        }
    }

    /// Drops raw records of chunks that were processed long ago: the last ones before the cut stay, since operators that
    /// hold rows back may still name them. Older ones are read again.
    pub fn forget(&mut self, cut: &Cut) {
        const KEPT: usize = 64;
        for (partition, origin) in &self.topics {
            let next = cut.mark(partition).next;
            let Some(chunks) = self.recent.get_mut(origin) else { continue };
            while chunks.len() > KEPT
                && chunks.front().and_then(|chunk| chunk.arriving.offsets.last()).is_some_and(|last| *last < next)
            {
                chunks.pop_front();
            }
        }
    }

    /// The raw bytes of the record that a letter names: those at hand, or else as the log still has them, for a row may have been held back since
    /// before a restart.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn raw(&mut self, letter: &DeadLetter) -> Result<Option<Cow<'_, [u8]>>, RunError> {
        let (origin, offset) = (letter.order.event_origin(), letter.order.offset);
        let is_past = self.at_hand(origin, offset, &letter.detail).is_none();
        let past = if is_past { self.past(origin, offset)? } else { None };
        Ok(past.map(Cow::Owned).or_else(|| self.at_hand(origin, offset, &letter.detail).map(Cow::Borrowed)))
    }

    /// The record's bytes, read again from its topic.
    fn past(&mut self, origin: Origin, offset: i64) -> Result<Option<Vec<u8>>, RunError> {
        let Some((partition, _)) = self.topics.iter().find(|(_, of)| **of == origin) else { return Ok(None) };
        let start = Start::At(Mark { next: offset, arrived: i64::MIN });
        self.again.assign(&[(partition.clone(), start)], &[])?;
        let mut batches = Vec::new();
        let read = self.again.poll(Limits { records: 1, bytes: 1 }, Duration::ZERO, &mut batches);
        self.again.assign(&[], std::slice::from_ref(partition))?;
        read?;
        let mut records = batches.iter().flat_map(|batch| batch.iter());
        Ok(records.find(|(record, ..)| record.offset == offset).map(|(_, _, value)| value.to_vec()))
    }

    fn at_hand(&self, origin: Origin, offset: i64, detail: &str) -> Option<&[u8]> {
        let files = self.files.get(&origin).map(|(_, chunks)| chunks.iter()).into_iter().flatten();
        let recent = self.recent.get(&origin).map(|chunks| chunks.iter()).into_iter().flatten();
        files.chain(recent).find_map(|chunk| chunk.raw(offset, detail))
    }
}

/// Everything before `cut` in the topics of stream sources without files.
///
/// # Errors
/// A log that cannot be read.
pub fn from_topics(
    log: &mut dyn Log,
    sources: &[SourceSpec],
    files: &History,
    cut: &Cut,
) -> Result<Vec<Chunk>, RunError> {
    let mut chunks = Vec::new();
    let at_rest: Vec<u32> = files.chunks.iter().map(|chunk| chunk.source).collect();
    for (number, source) in streams(sources).filter(|(number, _)| !at_rest.contains(number)) {
        let partitions = log.partitions(&source.topic)?.unwrap_or(0);
        let add: Vec<(PartitionId, Start)> =
            (0..partitions).map(|index| (PartitionId::new(source.topic.as_str(), index), Start::Earliest)).collect();
        let mut reader = log.source()?;
        reader.assign(&add, &[])?;
        loop {
            let mut batches = Vec::new();
            reader.poll(Limits { records: 50_000, bytes: 64 << 20 }, Duration::ZERO, &mut batches)?;
            if batches.is_empty() {
                break;
            }
            for batch in &batches {
                let end = cut.mark(&batch.partition).next;
                let chunk = from_log(source, number, batch);
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
