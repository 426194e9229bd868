//! What is archived of a topic.

use std::collections::BTreeMap;

use super::ArchiveError;
use crate::codec::{Reader, put_bytes, put_i64, put_u32, put_u64};

/// What a manifest begins with: the format and its version.
const MAGIC: &[u8] = b"asol-manifest-1\n";

/// The archived offsets of one partition: from `low` on, before `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first offset.
    pub low: i64,
    /// The offset after the last one.
    pub high: i64,
    /// The greatest arrival before `high`; `i64::MIN` where nothing is archived.
    pub arrived: i64,
}

/// A file of the archive: consecutive records of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFile {
    /// Its name in the lake.
    pub name: String,
    /// The partition.
    pub partition: u32,
    /// Its offsets, and the greatest arrival before their end.
    pub range: Range,
}

/// What is archived of a topic, and in which files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// The topic.
    pub topic: String,
    /// Which topic of that name it is.
    pub id: u64,
    /// How many partitions the topic has.
    pub partitions: u32,
    /// The files; those of one partition in order of offset, without gaps.
    pub files: Vec<ArchiveFile>,
}

impl Manifest {
    /// Where the manifest of a topic lies in a lake.
    #[must_use]
    pub fn name(topic: &str) -> String {
        format!("{topic}/manifest")
    }

    /// What is archived of each partition of which there is something.
    #[must_use]
    pub fn ranges(&self) -> BTreeMap<u32, Range> {
        let mut ranges: BTreeMap<u32, Range> = BTreeMap::new();
        for file in &self.files {
            ranges
                .entry(file.partition)
                .and_modify(|range| {
                    range.high = file.range.high;
                    range.arrived = file.range.arrived;
                })
                .or_insert(file.range);
        }
        ranges
    }

    /// The manifest as bytes, with a checksum.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put_bytes(&mut out, self.topic.as_bytes());
        put_u64(&mut out, self.id);
        put_u32(&mut out, self.partitions);
        put_u32(&mut out, u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        for file in &self.files {
            put_bytes(&mut out, file.name.as_bytes());
            put_u32(&mut out, file.partition);
            put_i64(&mut out, file.range.low);
            put_i64(&mut out, file.range.high);
            put_i64(&mut out, file.range.arrived);
        }
        let sum = crc32fast::hash(&out);
        put_u32(&mut out, sum);
        out
    }

    /// Reads what [`Self::encode`] wrote; `name` is for the message.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] for anything else, and for files that do not follow each other.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, ArchiveError> {
        let damaged = |why| ArchiveError::Damaged { name: name.to_owned(), why };
        let body = checked(bytes).ok_or_else(|| damaged("its checksum does not fit"))?;
        let body = body.strip_prefix(MAGIC).ok_or_else(|| damaged("it is no manifest of this version"))?;
        let manifest = Self::read(body).ok_or_else(|| damaged("it is cut off"))?;
        let mut ends: BTreeMap<u32, i64> = BTreeMap::new();
        for file in &manifest.files {
            let follows = ends.insert(file.partition, file.range.high).is_none_or(|end| end == file.range.low);
            if !follows || file.range.low >= file.range.high || file.partition >= manifest.partitions {
                return Err(damaged("its files do not follow each other"));
            }
        }
        Ok(manifest)
    }

    fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let (topic, id, partitions) = (reader.text()?.to_owned(), reader.u64()?, reader.u32()?);
        let count = reader.u32()?;
        let mut files = Vec::new();
        for _ in 0..count {
            let (name, partition) = (reader.text()?.to_owned(), reader.u32()?);
            let range = Range { low: reader.i64()?, high: reader.i64()?, arrived: reader.i64()? };
            files.push(ArchiveFile { name, partition, range });
        }
        reader.is_empty().then_some(Self { topic, id, partitions, files })
    }
}

/// The bytes before the checksum at their end, where that fits.
pub(super) fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    (crc32fast::hash(body) == u32::from_le_bytes(*sum)).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let file = |partition, low, high, arrived| ArchiveFile {
            name: format!("{partition}-{low}"),
            partition,
            range: Range { low, high, arrived },
        };
        Manifest {
            topic: "payments".to_owned(),
            id: 7,
            partitions: 2,
            files: vec![file(0, 3, 5, 10), file(1, 0, 2, 4), file(0, 5, 9, 30)],
        }
    }

    #[test]
    fn a_manifest_comes_back_and_knows_its_ranges() {
        let manifest = manifest();
        assert_eq!(Manifest::decode("m", &manifest.encode()), Ok(manifest.clone()));
        let ranges = manifest.ranges();
        assert_eq!(ranges.get(&0), Some(&Range { low: 3, high: 9, arrived: 30 }));
        assert_eq!(ranges.get(&1), Some(&Range { low: 0, high: 2, arrived: 4 }));
    }

    #[test]
    fn a_damaged_manifest_is_refused() {
        let bytes = manifest().encode();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1;
            }
            assert!(Manifest::decode("m", &changed).is_err(), "byte {at}");
            assert!(Manifest::decode("m", bytes.get(..at).unwrap()).is_err(), "length {at}");
        }
        let mut gap = manifest();
        gap.files.pop();
        gap.files.extend(manifest().files.pop().map(|mut last| {
            last.range.low += 1;
            last
        }));
        assert!(matches!(Manifest::decode("m", &gap.encode()), Err(ArchiveError::Damaged { .. })));
    }
}
