//! Snapshots of a task's state in a lake, and the changelog that may therefore be short.
//!
//! A snapshot is the state after one block: that block's sequence, cut and frontiers, with the last value of every key.
//! [`compact`] makes it from the one before and the blocks since, so that neither the task nor its operators take part,
//! and then lets the log forget the blocks that **both** of the last two snapshots stand for. Whichever of the two is
//! damaged, the other one and the changelog behind it give the state.
//!
//! A log that is not durable may lose blocks with the power, of which a snapshot was already made. Such a snapshot counts
//! for nothing, and whoever owns the task throws it away before the log can grow past it with other blocks ([`begin`]).
//!
//! Two names a task are written in turn. A process that dies while it writes leaves both as they were, for a lake puts
//! whole files; one that dies before the log forgets leaves a changelog that is longer than needed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::archive::{ArchiveError, Lake, Version};
use crate::block::{Block, Writes};
use crate::codec::{put_bytes, put_u32};
use crate::embedded::names;
use crate::error::LogError;
use crate::place::{Sequence, TableId, TaskId};
use crate::traits::{Log, Restored};

/// What a snapshot begins with; the digit is the format's version.
const MAGIC: &[u8] = b"ASOLSNAP1";

/// Bytes of blocks that are read at once.
const READ: usize = 8 << 20;

/// What [`compact`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// The block whose state the newest snapshot holds.
    pub sequence: Sequence,
    /// The size of that snapshot in bytes.
    pub bytes: u64,
    /// Blocks up to here are not needed any more, and the log was told so.
    pub forgotten: Sequence,
}

/// The names of a task's two snapshots.
fn places(task: &TaskId) -> [String; 2] {
    let folder = names::task_folder(task);
    ["a", "b"].map(|place| format!("snapshots/{folder}/{place}"))
}

fn encode(task: &TaskId, block: &Block) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    put_bytes(&mut out, task.to_string().as_bytes());
    block.encode(&mut out);
    let sum = crc32fast::hash(&out);
    put_u32(&mut out, sum);
    out
}

/// The snapshot in `bytes`, if they are a whole one of this task.
fn decode(task: &TaskId, bytes: &[u8]) -> Option<Block> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let name = task.to_string();
    let body = body.strip_prefix(MAGIC)?.get(4..)?.strip_prefix(name.as_bytes())?;
    Block::decode(body)
}

/// What lies at one of a task's two places.
#[derive(Default)]
struct Slot {
    /// Which bytes they are, if there are any.
    version: Option<Version>,
    /// The snapshot, unless it is damaged or the log does not reach it: then the other one serves.
    block: Option<Block>,
    /// It is whole, and of a block that the log does not have.
    is_beyond: bool,
    bytes: u64,
}

impl Slot {
    fn read(log: &mut dyn Log, lake: &dyn Lake, task: &TaskId, name: &str) -> Result<Self, ArchiveError> {
        let Some((bytes, version)) = lake.get(name)? else { return Ok(Self::default()) };
        let whole = decode(task, &bytes);
        let is_beyond = match &whole {
            Some(block) => !reaches(log, task, block.sequence)?,
            None => false,
        };
        let block = whole.filter(|_| !is_beyond);
        Ok(Self { version: Some(version), block, is_beyond, bytes: bytes.len() as u64 })
    }

    fn sequence(&self) -> Sequence {
        self.block.as_ref().map_or(Sequence::NONE, |block| block.sequence)
    }
}

/// Whether the log has the task's block `sequence`, or has had it.
fn reaches(log: &mut dyn Log, task: &TaskId, sequence: Sequence) -> Result<bool, ArchiveError> {
    loop {
        match log.blocks(task, sequence, 1, &mut Vec::new()) {
            Ok(Restored::Complete(last) | Restored::More(last)) => return Ok(last >= sequence),
            Ok(Restored::Waiting(_)) => std::thread::sleep(Duration::from_millis(1)),
            Err(LogError::Gap { expected, .. }) if expected <= sequence => return Ok(false),
            // What lies behind it is for whoever reads on from there.
            Err(LogError::Gap { .. } | LogError::Forgotten { .. }) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A task's newest snapshot, and the other place: its name, and which bytes lie there.
fn slots(log: &mut dyn Log, lake: &dyn Lake, task: &TaskId) -> Result<(Slot, String, Option<Version>), ArchiveError> {
    let [a, b] = places(task);
    let (at_a, at_b) = (Slot::read(log, lake, task, &a)?, Slot::read(log, lake, task, &b)?);
    Ok(if at_a.sequence() < at_b.sequence() { (at_b, a, at_a.version) } else { (at_a, b, at_b.version) })
}

/// The newest snapshot of a task that its log reaches, which every later block follows; its writes are all keys that are
/// there.
///
/// # Errors
/// A log or lake that cannot be read.
pub fn newest(log: &mut dyn Log, lake: &dyn Lake, task: &TaskId) -> Result<Option<Block>, ArchiveError> {
    Ok(slots(log, lake, task)?.0.block)
}

/// What an owner begins with: the newest snapshot that the log reaches. One of blocks that the log has lost is thrown
/// away, for the owner is about to write others of their numbers.
///
/// # Errors
/// A log that cannot be read, or a lake that cannot be read or written.
pub fn begin(log: &mut dyn Log, lake: &mut dyn Lake, task: &TaskId) -> Result<Option<Block>, ArchiveError> {
    for name in places(task) {
        if Slot::read(log, lake, task, &name)?.is_beyond {
            lake.put(&name, &[])?;
        }
    }
    newest(log, lake, task)
}

/// The state of a task as one block: the newest snapshot with the committed blocks since.
///
/// # Errors
/// A log or lake that cannot be read, or [`crate::LogError::Forgotten`] where no snapshot reaches the changelog.
pub fn whole(log: &mut dyn Log, lake: &dyn Lake, task: &TaskId) -> Result<Block, ArchiveError> {
    let base = newest(log, lake, task)?.unwrap_or_default();
    merged(log, base, task)
}

fn merged(log: &mut dyn Log, mut last: Block, task: &TaskId) -> Result<Block, ArchiveError> {
    let mut state: BTreeMap<(TableId, Vec<u8>), Vec<u8>> = BTreeMap::new();
    let mut keep = |writes: Writes| {
        for write in writes.iter() {
            let key = (write.table, write.key.to_vec());
            match write.value {
                Some(value) => {
                    state.insert(key, value.to_vec());
                }
                None => {
                    state.remove(&key);
                }
            }
        }
    };
    keep(std::mem::take(&mut last.writes));
    loop {
        let mut blocks = Vec::new();
        let restored = log.blocks(task, last.sequence, READ, &mut blocks)?;
        for block in blocks {
            last = block;
            keep(std::mem::take(&mut last.writes));
        }
        match restored {
            Restored::Complete(_) => break,
            Restored::More(_) => {}
            Restored::Waiting(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    for ((table, key), value) in state {
        last.writes.put(table, &key, &value);
    }
    Ok(last)
}

/// Writes a snapshot of what the task has committed, and lets the log forget what the last two snapshots stand for.
///
/// It may run beside the task, with a handle of its own on the log: it only reads what is committed.
///
/// # Errors
/// A log or lake that cannot be read or written. The state is as safe as before.
pub fn compact(log: &mut dyn Log, lake: &mut dyn Lake, task: &TaskId) -> Result<Compacted, ArchiveError> {
    let (kept, name, older) = slots(log, lake, task)?;
    let before = kept.sequence();
    let whole = merged(log, kept.block.unwrap_or_default(), task)?;
    let unchanged = Compacted { sequence: before, bytes: kept.bytes, forgotten: Sequence::NONE };
    if whole.sequence == before {
        return Ok(unchanged);
    }
    let bytes = encode(task, &whole);
    if !lake.put_if(&name, &bytes, older)? {
        // Somebody else was here meanwhile: a new owner, or a former one that does not know yet.
        return Ok(unchanged);
    }
    log.forget(task, before)?;
    Ok(Compacted { sequence: whole.sequence, bytes: bytes.len() as u64, forgotten: before })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_is_not_whole_is_none() {
        let task = TaskId::new("alerts", 3);
        let mut block = Block { sequence: Sequence(9), ..Block::default() };
        block.writes.put(TableId(1), b"card", b"state");
        let bytes = encode(&task, &block);
        assert_eq!(decode(&task, &bytes), Some(block));
        assert_eq!(decode(&TaskId::new("alerts", 4), &bytes), None);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(decode(&task, &changed), None, "byte {at}");
            assert_eq!(decode(&task, &bytes[..at]), None, "length {at}");
        }
    }
}
