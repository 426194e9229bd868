//! Reads one partition's committed records, in order, a window of bytes at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chunk::{HEADER, Header, RECORD_HEADER};
use super::commits::End;
use super::{files, names};
use crate::batch::{RawBatch, RawRecord};
use crate::codec::Reader;
use crate::error::LogError;
use crate::place::{Mark, PartitionId};
use crate::traits::{Limits, Start};

/// Bytes that one read takes in, if there are as many.
const WINDOW: u64 = 1 << 20;

/// An open segment and where reading stands in it.
#[derive(Debug)]
struct Segment {
    base: i64,
    file: File,
    path: PathBuf,
    /// Where the bytes after the window begin.
    at: u64,
}

/// A reader of one partition.
#[derive(Debug)]
pub struct PartitionReader {
    partition: PartitionId,
    folder: PathBuf,
    segment: Option<Segment>,
    /// Whole chunks, checked as they are entered.
    window: Arc<Vec<u8>>,
    /// The next byte of the window.
    at: usize,
    /// Records left in the chunk that `at` is in; 0 between chunks.
    left: u32,
    mark: Mark,
}

impl PartitionReader {
    /// A reader at the start of `partition`.
    pub fn new(root: &Path, partition: &PartitionId) -> Self {
        Self {
            partition: partition.clone(),
            folder: names::partition_folder(root, partition),
            segment: None,
            window: Arc::default(),
            at: 0,
            left: 0,
            mark: Mark::START,
        }
    }

    /// The next record to be read, and the greatest stamp before it.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Moves to `start` in a partition that ends at `end`, and forgets what was read ahead.
    pub fn seek(&mut self, start: Start, end: &End) -> Result<(), LogError> {
        (self.window, self.at, self.left, self.segment) = (Arc::default(), 0, 0, None);
        match start {
            Start::Earliest => {
                self.mark = Mark::START;
                Ok(())
            }
            Start::At(mark) if mark.next < 0 || mark.next > end.mark.next => {
                Err(LogError::OutOfRange { partition: self.partition.clone(), asked: mark.next, end: end.mark.next })
            }
            Start::At(mark) if mark.next == end.mark.next => {
                self.mark = end.mark;
                Ok(())
            }
            Start::At(mark) => {
                let bases = self.bases(end)?;
                let base = bases.iter().rev().find(|base| **base <= mark.next);
                self.walk(base.copied().unwrap_or(0), end, |header| header.end() <= mark.next, |at| at.next < mark.next)
            }
            Start::Since(_) if end.mark.next == 0 => {
                self.mark = Mark::START;
                Ok(())
            }
            Start::Since(instant) => {
                let mut from = 0;
                for base in self.bases(end)? {
                    self.open(base)?;
                    self.fill(end)?;
                    if self.header()?.before >= instant {
                        break;
                    }
                    from = base;
                }
                self.walk(from, end, |header| header.after < instant, |at| at.arrived < instant)
            }
        }
    }

    /// The first offsets of the partition's committed segments.
    pub(super) fn bases(&self, end: &End) -> Result<Vec<i64>, LogError> {
        let unreadable = |e| LogError::io("list", &self.folder, &e);
        let mut bases = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            bases.extend(name.to_str().and_then(names::segment_base).filter(|base| *base <= end.segment));
        }
        bases.sort_unstable();
        Ok(bases)
    }

    /// Goes from the segment at `base` over the chunks for which `skip_chunk` holds, then to the first record for whose
    /// offset and arrival `skip_record` does not hold.
    fn walk(
        &mut self,
        base: i64,
        end: &End,
        skip_chunk: impl Fn(&Header) -> bool,
        skip_record: impl Fn(&Mark) -> bool,
    ) -> Result<(), LogError> {
        self.open(base)?;
        self.mark.next = base;
        while self.mark.next < end.mark.next {
            self.fill(end)?;
            let header = self.header()?;
            if !skip_chunk(&header) {
                break;
            }
            self.at += header.bytes();
            self.mark = Mark { next: header.end(), arrived: header.after };
        }
        while self.mark.next < end.mark.next {
            if self.left == 0 {
                self.fill(end)?;
                self.enter()?;
            }
            let (at, left) = (self.at, self.left);
            let record = self.record()?;
            let past = Mark { next: record.offset, arrived: record.arrived };
            if !skip_record(&past) {
                (self.at, self.left) = (at, left);
                return Ok(());
            }
            self.mark = Mark { next: record.offset + 1, arrived: record.arrived };
        }
        self.mark = end.mark;
        Ok(())
    }

    /// The next records up to `limits`, none if the reader is at `end`. They all lie in one window.
    pub fn read(&mut self, end: &End, limits: Limits) -> Result<Option<RawBatch>, LogError> {
        let mut records = Vec::new();
        let mut bytes = 0_usize;
        while self.mark.next < end.mark.next && records.len() < limits.records.max(1) && bytes < limits.bytes.max(1) {
            if self.left == 0 {
                if self.at == self.window.len() && !records.is_empty() {
                    break;
                }
                self.fill(end)?;
                if self.left == 0 {
                    self.enter()?;
                }
            }
            if records.is_empty() {
                records.reserve(limits.records.min(self.left as usize));
            }
            let record = self.record()?;
            bytes += record.key.1 as usize + record.value.1 as usize;
            self.mark = Mark { next: record.offset + 1, arrived: record.arrived };
            records.push(record);
        }
        if records.is_empty() {
            return Ok(None);
        }
        Ok(Some(RawBatch { partition: self.partition.clone(), payload: Arc::clone(&self.window), records }))
    }

    fn open(&mut self, base: i64) -> Result<(), LogError> {
        let path = names::segment(&self.folder, base);
        self.segment = Some(Segment { base, file: files::open_to_read(&path)?, path, at: 0 });
        (self.window, self.at, self.left) = (Arc::default(), 0, 0);
        Ok(())
    }

    /// Sees to it that a whole chunk lies at `at`, given that the partition goes on.
    fn fill(&mut self, end: &End) -> Result<(), LogError> {
        if self.left > 0 || self.at < self.window.len() {
            return Ok(());
        }
        if self.segment.is_none() {
            let bases = self.bases(end)?;
            let base = bases.iter().rev().find(|base| **base <= self.mark.next).copied().unwrap_or(0);
            if base == self.mark.next {
                self.open(base)?;
            } else {
                // Behind the former end of a segment: find the place in it.
                return self.seek(Start::At(self.mark), end);
            }
        }
        while let Some(segment) = self.segment.as_mut() {
            // Only the last segment can hold bytes that are not committed.
            let committed =
                if segment.base == end.segment { end.bytes } else { files::len(&segment.file, &segment.path)? };
            if segment.at >= committed {
                if segment.base == end.segment || segment.base >= self.mark.next {
                    return Err(segment.damaged(segment.at, "committed records are missing"));
                }
                self.open(self.mark.next)?;
                continue;
            }
            let rest = committed - segment.at;
            let mut bytes = segment.read(rest.min(WINDOW))?;
            let first = segment.chunk(&bytes, 0)?;
            if first.bytes() > bytes.len() {
                bytes = segment.read((first.bytes() as u64).min(rest))?;
            }
            let mut whole = 0;
            while let Some(header) = bytes.get(whole..).filter(|rest| rest.len() >= HEADER) {
                let header = segment.chunk(header, whole)?;
                if whole + header.bytes() > bytes.len() {
                    break;
                }
                whole += header.bytes();
            }
            if whole == 0 {
                return Err(segment.damaged(segment.at, "a chunk goes beyond the committed bytes"));
            }
            bytes.truncate(whole);
            segment.at += whole as u64;
            (self.window, self.at) = (Arc::new(bytes), 0);
            break;
        }
        Ok(())
    }

    /// The header of the chunk at `at`.
    fn header(&self) -> Result<Header, LogError> {
        let header = self.window.get(self.at..).and_then(Header::read);
        header.ok_or_else(|| self.damaged("no chunk begins here"))
    }

    /// Goes to the first record of the chunk at `at`, after checking the chunk.
    fn enter(&mut self) -> Result<(), LogError> {
        let header = self.header()?;
        let body = self.window.get(self.at + HEADER..self.at + header.bytes()).unwrap_or_default();
        if !header.holds(body) {
            return Err(self.damaged("the checksum does not match"));
        }
        if header.first != self.mark.next {
            return Err(self.damaged("the offsets do not follow each other"));
        }
        self.mark.arrived = header.before;
        self.at += HEADER;
        self.left = header.records;
        Ok(())
    }

    /// Takes the record at `at`; the mark stays.
    fn record(&mut self) -> Result<RawRecord, LogError> {
        let views = self.window.get(self.at..).and_then(|bytes| {
            let mut reader = Reader::new(bytes);
            Some((reader.u32()?, reader.u32()?, reader.i64()?))
        });
        let at = u32::try_from(self.at + RECORD_HEADER).ok();
        let (Some((key, value, stamp)), Some(at)) = (views, at) else {
            return Err(self.damaged("a record is cut short"));
        };
        self.at += RECORD_HEADER + key as usize + value as usize;
        self.left = self.left.saturating_sub(1);
        Ok(RawRecord {
            offset: self.mark.next,
            stamp,
            arrived: self.mark.arrived.max(stamp),
            key: (at, key),
            value: (at.saturating_add(key), value),
        })
    }

    fn damaged(&self, why: &'static str) -> LogError {
        match &self.segment {
            Some(segment) => {
                let start = segment.at.saturating_sub(self.window.len() as u64);
                segment.damaged(start + self.at as u64, why)
            }
            None => LogError::Corrupt { file: self.folder.clone(), at: 0, why: why.to_owned() },
        }
    }
}

impl Segment {
    fn read(&self, len: u64) -> Result<Vec<u8>, LogError> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = files::read_at(&self.file, &self.path, self.at, len)?;
        if bytes.len() < len {
            return Err(self.damaged(self.at + bytes.len() as u64, "committed bytes are missing"));
        }
        Ok(bytes)
    }

    /// The header at the start of `bytes`, which lie `within` bytes behind the segment's place.
    fn chunk(&self, bytes: &[u8], within: usize) -> Result<Header, LogError> {
        Header::read(bytes).ok_or_else(|| self.damaged(self.at + within as u64, "no chunk begins here"))
    }

    fn damaged(&self, at: u64, why: &str) -> LogError {
        LogError::Corrupt { file: self.path.clone(), at, why: why.to_owned() }
    }
}
