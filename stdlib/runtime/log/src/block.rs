//! The unit of a task's changelog: everything that one commit changed in its state.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codec::{Reader, put_bytes, put_i64, put_u32, put_u64};
use crate::place::{Cut, Mark, PartitionId, Sequence, TableId};

/// The length that stands for a deletion.
const DELETED: u32 = u32::MAX;

/// The longest key that every store takes, in bytes. A row whose key is longer belongs into the dead letters.
pub const KEY_BYTES: usize = 65_000;

/// The frontier of a block that is there once a task has applied all that had arrived when it began: that instant. Every
/// later block has it, too.
pub const HISTORY: &str = "history";

/// One change: the new value of a key, or nothing for a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write<'a> {
    /// The table.
    pub table: TableId,
    /// The key.
    pub key: &'a [u8],
    /// The value from now on; nothing if the key is deleted.
    pub value: Option<&'a [u8]>,
}

/// Absolute values of keys in the order in which they were set, in one flat buffer. The last write of a key counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Writes {
    /// Per write: table, key length, value length or [`DELETED`], key, value.
    data: Vec<u8>,
    count: usize,
}

impl Writes {
    /// No writes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` of `table` to `value`. Keys and values are at most 2³² − 2 bytes long: a longer one is cut there.
    pub fn put(&mut self, table: TableId, key: &[u8], value: &[u8]) {
        self.push(table, key, Some(value));
    }

    /// Deletes `key` of `table`.
    pub fn delete(&mut self, table: TableId, key: &[u8]) {
        self.push(table, key, None);
    }

    fn push(&mut self, table: TableId, key: &[u8], value: Option<&[u8]>) {
        let cut = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(DELETED - 1).min(DELETED - 1);
        let (key_len, value_len) = (cut(key), value.map_or(DELETED, cut));
        put_u32(&mut self.data, table.0);
        put_u32(&mut self.data, key_len);
        put_u32(&mut self.data, value_len);
        self.data.extend_from_slice(key.get(..key_len as usize).unwrap_or(key));
        if let Some(value) = value {
            self.data.extend_from_slice(value.get(..value_len as usize).unwrap_or(value));
        }
        self.count += 1;
    }

    /// The number of writes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that the writes take in the changelog.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Forgets all writes and keeps the memory.
    pub fn clear(&mut self) {
        self.data.clear();
        self.count = 0;
    }

    /// Lets `before` hold the writes to tables before `first`, in the memory that it has.
    pub fn before(&self, first: TableId, before: &mut Self) {
        before.clear();
        for write in self.iter().filter(|write| write.table < first) {
            before.push(write.table, write.key, write.value);
        }
    }

    /// The writes, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Write<'_>> {
        let mut reader = Reader::new(&self.data);
        std::iter::from_fn(move || next_write(&mut reader))
    }
}

fn next_write<'a>(reader: &mut Reader<'a>) -> Option<Write<'a>> {
    let table = TableId(reader.u32()?);
    let (key_len, value_len) = (reader.u32()?, reader.u32()?);
    let key = reader.take(key_len as usize)?;
    let value = if value_len == DELETED { None } else { Some(reader.take(value_len as usize)?) };
    Some(Write { table, key, value })
}

/// What one commit of a task changed: applied to a store atomically with its sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// The block's number in the task's changelog, from 1.
    pub sequence: Sequence,
    /// The inputs that the state reflects from this block on.
    pub cut: Cut,
    /// Frontiers (µs) by the names that the task gave them.
    pub frontiers: BTreeMap<Arc<str>, i64>,
    /// The state changes.
    pub writes: Writes,
}

impl Block {
    /// Appends the block's encoding to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.sequence.0);
        encode_cut(&self.cut, out);
        put_u32(out, u32::try_from(self.frontiers.len()).unwrap_or(u32::MAX));
        for (name, at) in &self.frontiers {
            put_bytes(out, name.as_bytes());
            put_i64(out, *at);
        }
        put_u64(out, self.writes.count as u64);
        out.extend_from_slice(&self.writes.data);
    }

    /// Reads an encoding that fills `bytes` wholly; nothing if they are not one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let sequence = Sequence(reader.u64()?);
        let cut = decode_cut(&mut reader)?;
        let mut frontiers = BTreeMap::new();
        for _ in 0..reader.u32()? {
            frontiers.insert(Arc::from(reader.text()?), reader.i64()?);
        }
        let stated = reader.u64()?;
        let mut writes = Writes::new();
        while !reader.is_empty() {
            let write = next_write(&mut reader)?;
            writes.push(write.table, write.key, write.value);
        }
        (writes.count as u64 == stated).then_some(Self { sequence, cut, frontiers, writes })
    }
}

/// Appends the encoding of a cut.
pub(crate) fn encode_cut(cut: &Cut, out: &mut Vec<u8>) {
    put_u32(out, u32::try_from(cut.0.len()).unwrap_or(u32::MAX));
    for (partition, mark) in &cut.0 {
        put_bytes(out, partition.topic.as_bytes());
        put_u32(out, partition.index);
        put_i64(out, mark.next);
        put_i64(out, mark.arrived);
    }
}

/// Reads the encoding of a cut.
pub(crate) fn decode_cut(reader: &mut Reader<'_>) -> Option<Cut> {
    let mut cut = Cut::default();
    for _ in 0..reader.u32()? {
        let partition = PartitionId::new(reader.text()?, reader.u32()?);
        let mark = Mark { next: reader.i64()?, arrived: reader.i64()? };
        cut.0.insert(partition, mark);
    }
    Some(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Block {
        let mut block = Block { sequence: Sequence(7), ..Block::default() };
        block.cut.0.insert(PartitionId::new("payments", 3), Mark { next: 12, arrived: -5 });
        block.frontiers.insert(Arc::from("payments"), 99);
        block.writes.put(TableId(1), b"k", b"");
        block.writes.delete(TableId(1), b"k");
        block.writes.put(TableId(2), b"", b"value");
        block
    }

    #[test]
    fn a_block_comes_back_as_it_was() {
        let block = sample();
        let mut bytes = Vec::new();
        block.encode(&mut bytes);
        assert_eq!(Block::decode(&bytes), Some(block));
    }

    #[test]
    fn a_cut_off_block_is_not_a_block() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        for len in 0..bytes.len() {
            assert_eq!(Block::decode(&bytes[..len]), None, "{len} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn a_deletion_is_not_an_empty_value() {
        let block = sample();
        let values: Vec<_> = block.writes.iter().map(|w| w.value).collect();
        assert_eq!(values, [Some(&b""[..]), None, Some(&b"value"[..])]);
        assert_eq!(block.writes.len(), 3);
    }
}
