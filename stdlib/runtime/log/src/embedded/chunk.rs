//! The records of one transaction in one partition, as they lie in a segment: chunks of about a megabyte, each with a
//! checksum and the place where it begins.
//!
//! ```text
//! chunk   magic u32 · body bytes u32 · records u32 · crc32 u32 · first offset i64 · arrived before i64 · arrived after i64 · body
//! record  key bytes u32 · value bytes u32 · stamp i64 · key · value
//! ```
//!
//! All little-endian. The checksum covers everything but itself and the magic number.

use crate::codec::Reader;
use crate::place::Mark;

/// What every chunk begins with.
const MAGIC: u32 = 0x4b43_4c46;
/// Bytes before a chunk's body.
pub const HEADER: usize = 40;
/// Bytes before a record's key.
pub const RECORD_HEADER: usize = 16;
/// A chunk takes no further record once its body has this many bytes.
const BODY_GOAL: usize = 1 << 20;

/// What a chunk says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the body.
    pub body: u32,
    /// Records in it.
    pub records: u32,
    /// The checksum.
    crc: u32,
    /// The offset of the first record.
    pub first: i64,
    /// The greatest stamp in the partition before the chunk.
    pub before: i64,
    /// The greatest stamp in the partition up to the chunk's end.
    pub after: i64,
}

impl Header {
    /// Reads a header from the start of `bytes`; nothing if none lies there.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u32()? != MAGIC {
            return None;
        }
        Some(Self {
            body: reader.u32()?,
            records: reader.u32()?,
            crc: reader.u32()?,
            first: reader.i64()?,
            before: reader.i64()?,
            after: reader.i64()?,
        })
    }

    /// Bytes of the whole chunk.
    pub fn bytes(&self) -> usize {
        HEADER + self.body as usize
    }

    /// The offset behind the last record.
    pub fn end(&self) -> i64 {
        self.first.saturating_add(i64::from(self.records))
    }

    /// Whether `body` is what was written.
    pub fn holds(&self, body: &[u8]) -> bool {
        self.checksum(body) == self.crc
    }

    fn checksum(&self, body: &[u8]) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.body.to_le_bytes());
        crc.update(&self.records.to_le_bytes());
        crc.update(&self.first.to_le_bytes());
        crc.update(&self.before.to_le_bytes());
        crc.update(&self.after.to_le_bytes());
        crc.update(body);
        crc.finalize()
    }

    fn write(&self, to: &mut [u8]) {
        let fields: [&[u8]; 7] = [
            &MAGIC.to_le_bytes(),
            &self.body.to_le_bytes(),
            &self.records.to_le_bytes(),
            &self.crc.to_le_bytes(),
            &self.first.to_le_bytes(),
            &self.before.to_le_bytes(),
            &self.after.to_le_bytes(),
        ];
        let bytes = fields.into_iter().flatten();
        for (to, byte) in to.iter_mut().zip(bytes) {
            *to = *byte;
        }
    }
}

/// One chunk that is being filled.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Where its header lies in the buffer.
    start: usize,
    records: u32,
    /// The greatest stamp in it.
    greatest: i64,
}

/// Records on their way into one partition, already in chunks; their place is filled in when it is known.
#[derive(Debug, Default)]
pub struct Staged {
    data: Vec<u8>,
    chunks: Vec<Open>,
}

impl Staged {
    /// Appends a record. Its key and value together are shorter than 4 GiB: the caller has checked.
    pub fn push(&mut self, key: &[u8], value: &[u8], stamp: i64) {
        let size = RECORD_HEADER + key.len() + value.len();
        let full = self
            .chunks
            .last()
            .is_none_or(|open| open.records > 0 && self.data.len() - open.start - HEADER + size > BODY_GOAL);
        if full {
            self.chunks.push(Open { start: self.data.len(), records: 0, greatest: i64::MIN });
            self.data.resize(self.data.len() + HEADER, 0);
        }
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        self.data.extend_from_slice(&len(key));
        self.data.extend_from_slice(&len(value));
        self.data.extend_from_slice(&stamp.to_le_bytes());
        self.data.extend_from_slice(key);
        self.data.extend_from_slice(value);
        if let Some(open) = self.chunks.last_mut() {
            open.records += 1;
            open.greatest = open.greatest.max(stamp);
        }
    }

    /// Fills in the places of all chunks, the first of them at `mark`. Answers the bytes and the mark behind them.
    pub fn seal(&mut self, mark: Mark) -> (&[u8], Mark) {
        let mut at = mark;
        for i in 0..self.chunks.len() {
            let Some(open) = self.chunks.get(i).copied() else { break };
            let end = self.chunks.get(i + 1).map_or(self.data.len(), |next| next.start);
            let Some(chunk) = self.data.get_mut(open.start..end) else { break };
            let Some((head, body)) = chunk.split_at_mut_checked(HEADER) else { break };
            let after = at.arrived.max(open.greatest);
            let mut header = Header {
                body: u32::try_from(body.len()).unwrap_or(u32::MAX),
                records: open.records,
                crc: 0,
                first: at.next,
                before: at.arrived,
                after,
            };
            header.crc = header.checksum(body);
            header.write(head);
            at = Mark { next: header.end(), arrived: after };
        }
        (&self.data, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_follow_each_other_without_a_gap() {
        let mut staged = Staged::default();
        let value = vec![7; 300_000];
        for i in 0..10 {
            staged.push(b"key", &value, 100 - i);
        }
        let (data, end) = staged.seal(Mark { next: 40, arrived: 50 });
        assert_eq!(end, Mark { next: 50, arrived: 100 });
        let (mut at, mut next, mut arrived) = (0, 40, 50);
        while at < data.len() {
            let header = Header::read(&data[at..]).unwrap();
            assert_eq!((header.first, header.before), (next, arrived));
            assert!(header.holds(&data[at + HEADER..at + header.bytes()]));
            assert!(header.records <= 3);
            (at, next, arrived) = (at + header.bytes(), header.end(), header.after);
        }
        assert_eq!((next, arrived), (50, 100));
    }

    #[test]
    fn a_flipped_bit_shows() {
        let mut staged = Staged::default();
        staged.push(b"key", b"value", 1);
        let (data, _) = staged.seal(Mark::START);
        for bit in 32..data.len() * 8 {
            let mut broken = data.to_vec();
            broken[bit / 8] ^= 1 << (bit % 8);
            let good = Header::read(&broken)
                .and_then(|h| broken.get(HEADER..h.bytes()).map(|body| h.holds(body)))
                .unwrap_or(false);
            assert!(!good, "bit {bit}");
        }
    }
}
