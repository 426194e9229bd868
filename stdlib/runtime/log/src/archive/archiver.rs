//! Takes a topic's records into the lake.

use std::collections::BTreeMap;
use std::time::Duration;

use super::manifest::{ArchiveFile, Manifest, Range, checked};
use super::{ArchiveError, Lake, Version};
use crate::batch::RawBatch;
use crate::codec::{Reader, put_bytes, put_i64, put_u32};
use crate::place::{Mark, PartitionId};
use crate::traits::{Limits, Log, Source, Start};

/// What a file begins with: the format and its version.
const MAGIC: &[u8] = b"asol-archive-1\n";

/// What one step archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Archived {
    /// Records that are in the manifest now, and were not before.
    pub records: usize,
    /// Another archiver was quicker: what this one wrote is not in the manifest.
    pub overtaken: bool,
}

/// Appends a topic's records to its archive. Any number may run: each file is named by the offsets in it, and the manifest
/// is written only over the one that was read.
pub struct Archiver {
    topic: String,
    id: u64,
    partitions: u32,
    source: Box<dyn Source>,
    manifest: Manifest,
    version: Option<Version>,
}

impl Archiver {
    /// Goes on with the archive of `topic` in `lake`, or begins it.
    ///
    /// # Errors
    /// A topic that is not there, one that was made anew, records that are lost, a lake or log that cannot be read.
    pub fn open(log: &mut dyn Log, lake: &dyn Lake, topic: &str) -> Result<Self, ArchiveError> {
        let Some(partitions) = log.partitions(topic)? else {
            return Err(crate::error::LogError::UnknownTopic { topic: topic.to_owned() }.into());
        };
        let id = log.topic_id(topic)?;
        let manifest = Manifest { topic: topic.to_owned(), id, partitions, files: Vec::new() };
        let source = log.source()?;
        let mut archiver = Self { topic: topic.to_owned(), id, partitions, source, manifest, version: None };
        archiver.resume(lake)?;
        Ok(archiver)
    }

    /// What is archived, as this archiver knows it.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads the manifest and goes where it ends.
    fn resume(&mut self, lake: &dyn Lake) -> Result<(), ArchiveError> {
        let name = Manifest::name(&self.topic);
        if let Some((bytes, version)) = lake.get(&name)? {
            let manifest = Manifest::decode(&name, &bytes)?;
            if manifest.id != self.id || manifest.partitions != self.partitions {
                return Err(ArchiveError::OtherTopic { topic: self.topic.clone() });
            }
            (self.manifest, self.version) = (manifest, Some(version));
        }
        let ranges = self.manifest.ranges();
        for index in 0..self.partitions {
            let partition = PartitionId::new(self.topic.as_str(), index);
            self.source.assign(&[(partition.clone(), Start::Earliest)], &[])?;
            let Some(range) = ranges.get(&index) else { continue };
            let earliest = self.source.progress(&partition).map_or(0, |progress| progress.next);
            if earliest > range.high {
                return Err(ArchiveError::Missing { partition, from: range.high, earliest });
            }
            let mark = Mark { next: range.high, arrived: range.arrived };
            self.source.assign(&[(partition, Start::At(mark))], &[])?;
        }
        Ok(())
    }

    /// Archives what is there, up to `limits`; waits for up to `wait` if there is nothing.
    ///
    /// # Errors
    /// A log that cannot be read or a lake that cannot be written. What is not in the manifest then comes again.
    pub fn step(&mut self, lake: &mut dyn Lake, limits: Limits, wait: Duration) -> Result<Archived, ArchiveError> {
        let mut batches = Vec::new();
        self.source.poll(limits, wait, &mut batches)?;
        let mut by_partition: BTreeMap<u32, Vec<RawBatch>> = BTreeMap::new();
        for batch in batches.into_iter().filter(|batch| !batch.is_empty()) {
            by_partition.entry(batch.partition.index).or_default().push(batch);
        }
        if by_partition.is_empty() {
            return Ok(Archived::default());
        }
        let mut next = self.manifest.clone();
        let mut records = 0;
        for (partition, batches) in by_partition {
            let (first, last) = (batches.first(), batches.last());
            let (Some(low), Some(end)) = (first.and_then(|batch| batch.records.first()), last.and_then(RawBatch::end))
            else {
                continue;
            };
            let range = Range { low: low.offset, high: end.next, arrived: end.arrived };
            // The same offsets of one topic are the same records: whoever writes the name writes the same bytes.
            let name = format!("{}/{:x}/{partition}/{:020}-{:020}", self.topic, self.id, range.low, range.high);
            lake.put(&name, &encode(&batches))?;
            records += batches.iter().map(RawBatch::len).sum::<usize>();
            next.files.push(ArchiveFile { name, partition, range });
        }
        let bytes = next.encode();
        let name = Manifest::name(&self.topic);
        if lake.put_if(&name, &bytes, self.version)? {
            self.version = lake.get(&name)?.map(|(_, version)| version);
            self.manifest = next;
            return Ok(Archived { records, overtaken: false });
        }
        self.resume(lake)?;
        Ok(Archived { records: 0, overtaken: true })
    }
}

/// The records of one partition with their positions, and a checksum.
fn encode(batches: &[RawBatch]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for (record, key, value) in batches.iter().flat_map(RawBatch::iter) {
        put_i64(&mut out, record.offset);
        put_i64(&mut out, record.stamp);
        put_i64(&mut out, record.arrived);
        put_bytes(&mut out, key);
        put_bytes(&mut out, value);
    }
    let sum = crc32fast::hash(&out);
    put_u32(&mut out, sum);
    out
}

/// A record of a file: offset, stamp, arrival, key, value.
pub(super) type Row<'a> = (i64, i64, i64, &'a [u8], &'a [u8]);

/// The records of a file, which must be those that the manifest says.
pub(super) fn decode<'a>(file: &ArchiveFile, bytes: &'a [u8]) -> Result<Vec<Row<'a>>, ArchiveError> {
    let damaged = |why| ArchiveError::Damaged { name: file.name.clone(), why };
    let body = checked(bytes).ok_or_else(|| damaged("its checksum does not fit"))?;
    let body = body.strip_prefix(MAGIC).ok_or_else(|| damaged("it is no file of this version"))?;
    let mut reader = Reader::new(body);
    let mut rows = Vec::new();
    while !reader.is_empty() {
        let row = (|| Some((reader.i64()?, reader.i64()?, reader.i64()?, reader.bytes()?, reader.bytes()?)))();
        rows.push(row.ok_or_else(|| damaged("it is cut off"))?);
    }
    let offsets = rows.iter().map(|(offset, ..)| *offset);
    if !offsets.eq(file.range.low..file.range.high) {
        return Err(damaged("it holds other offsets than the manifest says"));
    }
    Ok(rows)
}
