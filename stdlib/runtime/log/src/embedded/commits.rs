//! The commit file: the one place that decides what is in the log.
//!
//! It is a sequence of records, each of which says in absolute terms where some partitions end, who owns some tasks and
//! how far they are. A transaction is committed when its record is there, whole. Adding a record needs the commit lock;
//! following the file needs none. When the file has grown, a new one that begins with everything in one record takes
//! its place under the same name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, LockFile};
use crate::block::{decode_cut, encode_cut};
use crate::codec::{Reader, put_bytes, put_i64, put_u32, put_u64};
use crate::error::LogError;
use crate::place::{Cut, Epoch, Mark, PartitionId, Sequence, TaskId};

/// What the file begins with; the last four bytes are the format's version.
const FILE_MAGIC: [u8; 4] = *b"ASOL";
const VERSION: u32 = 1;
const FILE_HEADER: u64 = 8;
/// What each record begins with.
const MAGIC: [u8; 4] = *b"CMT\x01";
/// Bytes before a record's body: magic, length, checksum of length and body.
const HEADER: usize = 12;

/// Where a partition ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The offset of the next record and the greatest stamp so far.
    pub mark: Mark,
    /// The first offset of the last segment.
    pub segment: i64,
    /// Committed bytes of the last segment.
    pub bytes: u64,
}

impl End {
    /// The end of a partition without records.
    pub const EMPTY: Self = Self { mark: Mark::START, segment: 0, bytes: 0 };
}

/// Who owns a task, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Task {
    /// Its last owner.
    pub epoch: Epoch,
    /// Its last block.
    pub sequence: Sequence,
    /// Its input positions.
    pub cut: Option<Cut>,
}

/// What is in the log; as a record, what a transaction changes in that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Partitions of each topic.
    pub topics: BTreeMap<Arc<str>, u32>,
    /// Ends of partitions; one that is not named is empty.
    pub ends: BTreeMap<PartitionId, End>,
    /// Tasks that ever had an owner.
    pub tasks: BTreeMap<TaskId, Task>,
}

impl State {
    /// Where `partition` ends.
    pub fn end(&self, partition: &PartitionId) -> End {
        self.ends.get(partition).copied().unwrap_or(End::EMPTY)
    }

    fn merge(&mut self, change: Self) {
        self.topics.extend(change.topics);
        self.ends.extend(change.ends);
        self.tasks.extend(change.tasks);
    }

    fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        put_u32(&mut body, count(self.topics.len()));
        for (topic, partitions) in &self.topics {
            put_bytes(&mut body, topic.as_bytes());
            put_u32(&mut body, *partitions);
        }
        put_u32(&mut body, count(self.ends.len()));
        for (partition, end) in &self.ends {
            put_bytes(&mut body, partition.topic.as_bytes());
            put_u32(&mut body, partition.index);
            put_i64(&mut body, end.mark.next);
            put_i64(&mut body, end.mark.arrived);
            put_i64(&mut body, end.segment);
            put_u64(&mut body, end.bytes);
        }
        put_u32(&mut body, count(self.tasks.len()));
        for (id, task) in &self.tasks {
            put_bytes(&mut body, id.flow.as_bytes());
            put_u32(&mut body, id.index);
            put_u64(&mut body, task.epoch.0);
            put_u64(&mut body, task.sequence.0);
            body.push(u8::from(task.cut.is_some()));
            if let Some(cut) = &task.cut {
                encode_cut(cut, &mut body);
            }
        }
        body
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let mut state = Self::default();
        for _ in 0..reader.u32()? {
            state.topics.insert(Arc::from(reader.text()?), reader.u32()?);
        }
        for _ in 0..reader.u32()? {
            let partition = PartitionId::new(reader.text()?, reader.u32()?);
            let mark = Mark { next: reader.i64()?, arrived: reader.i64()? };
            state.ends.insert(partition, End { mark, segment: reader.i64()?, bytes: reader.u64()? });
        }
        for _ in 0..reader.u32()? {
            let id = TaskId::new(reader.text()?, reader.u32()?);
            let (epoch, sequence) = (Epoch(reader.u64()?), Sequence(reader.u64()?));
            let cut = if reader.u8()? == 1 { Some(decode_cut(&mut reader)?) } else { None };
            state.tasks.insert(id, Task { epoch, sequence, cut });
        }
        reader.is_empty().then_some(state)
    }
}

fn checksum(body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&(body.len() as u64).to_le_bytes());
    crc.update(body);
    crc.finalize()
}

fn frame(state: &State) -> Vec<u8> {
    let body = state.encode();
    let mut record = Vec::with_capacity(HEADER + body.len());
    record.extend_from_slice(&MAGIC);
    put_u32(&mut record, u32::try_from(body.len()).unwrap_or(u32::MAX));
    put_u32(&mut record, checksum(&body));
    record.extend_from_slice(&body);
    record
}

/// The record at the start of `bytes` with its length, if a whole one lies there.
fn unframe(bytes: &[u8]) -> Option<(State, usize)> {
    let mut reader = Reader::new(bytes);
    if reader.take(MAGIC.len())? != MAGIC {
        return None;
    }
    let (len, crc) = (reader.u32()? as usize, reader.u32()?);
    let body = reader.take(len)?;
    if checksum(body) != crc {
        return None;
    }
    Some((State::decode(body)?, HEADER + len))
}

/// The commit file, as far as this handle has followed it.
#[derive(Debug)]
pub struct Commits {
    path: PathBuf,
    file: File,
    inode: u64,
    lock: Arc<LockFile>,
    at: u64,
    state: State,
    durable: bool,
    /// A new file takes this one's place when it is this long.
    roll: u64,
}

/// How adding a record failed.
#[derive(Debug)]
pub enum AddError<E> {
    /// The caller's check refused it: nothing was written.
    Refused(E),
    /// It could not be written: nothing of it is in the log.
    NotAdded(LogError),
    /// It is there for every reader, but whether it would survive a power failure is unknown.
    NotSynced(LogError),
}

impl Commits {
    /// Opens the commit file in `root`, which is created if it is not there.
    pub fn open(root: &Path, durable: bool, roll: u64) -> Result<Self, LogError> {
        let path = root.join("commits.log");
        let lock = Arc::new(LockFile::open(root.join("commits.lock"))?);
        if !path.exists() {
            let _held = lock.take()?;
            if !path.exists() {
                replace(&path, &State::default(), durable)?;
            }
        }
        let (file, inode) = open_file(&path)?;
        let mut commits = Self { path, file, inode, lock, at: FILE_HEADER, state: State::default(), durable, roll };
        commits.refresh()?;
        Ok(commits)
    }

    /// A second follower of the same file.
    pub fn follow(&self) -> Result<Self, LogError> {
        let root = self.path.parent().unwrap_or(Path::new("."));
        Self::open(root, self.durable, self.roll)
    }

    /// What was in the log at the last refresh.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Takes in what was committed since the last refresh. Answers whether there was anything.
    pub fn refresh(&mut self) -> Result<bool, LogError> {
        let mut any = false;
        loop {
            if self.read_on()? {
                any = true;
            } else if fs::metadata(&self.path).is_ok_and(|now| now.ino() == self.inode) {
                return Ok(any);
            } else {
                // The first record of the new file holds everything that the old one said.
                (self.file, self.inode) = open_file(&self.path)?;
                self.at = FILE_HEADER;
                any = true;
            }
        }
    }

    /// Takes in the whole records that follow in the present file.
    fn read_on(&mut self) -> Result<bool, LogError> {
        let len = files::len(&self.file, &self.path)?;
        if len <= self.at {
            return Ok(false);
        }
        let bytes = files::read_at(&self.file, &self.path, self.at, usize::try_from(len - self.at).unwrap_or(0))?;
        let mut rest = bytes.as_slice();
        let mut any = false;
        while let Some((change, size)) = unframe(rest) {
            self.state.merge(change);
            self.at += size as u64;
            rest = rest.get(size..).unwrap_or_default();
            any = true;
        }
        Ok(any)
    }

    /// Adds the record that `check` makes of the newest state, if it makes one; nothing else is added meanwhile.
    pub fn add<E>(&mut self, check: impl FnOnce(&State) -> Result<State, E>) -> Result<(), AddError<E>> {
        let lock = Arc::clone(&self.lock);
        let _held = lock.take().map_err(AddError::NotAdded)?;
        self.refresh().map_err(AddError::NotAdded)?;
        self.drop_torn_tail().map_err(AddError::NotAdded)?;
        let change = check(&self.state).map_err(AddError::Refused)?;
        let record = frame(&change);
        if let Err(error) = files::write_at(&self.file, &self.path, &record, self.at) {
            // A part of a record is no record; what cannot be cut off now is cut off by the next writer.
            let _ = files::truncate(&self.file, &self.path, self.at);
            return Err(AddError::NotAdded(error));
        }
        self.at += record.len() as u64;
        self.state.merge(change);
        if self.durable {
            files::sync(&self.file, &self.path).map_err(AddError::NotSynced)?;
        }
        if self.at >= self.roll {
            self.roll_over();
        }
        Ok(())
    }

    /// Makes sure that what was added survives a power failure.
    pub fn sync(&self) -> Result<(), LogError> {
        files::sync(&self.file, &self.path)
    }

    /// Cuts off what a dying process left of a record. Only under the lock: nobody else writes now.
    fn drop_torn_tail(&mut self) -> Result<(), LogError> {
        let len = files::len(&self.file, &self.path)?;
        if len < self.at {
            return Err(self.damaged("committed records are missing".to_owned()));
        }
        if len == self.at {
            return Ok(());
        }
        let tail = files::read_at(&self.file, &self.path, self.at, usize::try_from(len - self.at).unwrap_or(0))?;
        // A record was cut short only if nothing whole comes after it.
        if let Some(next) = (1..tail.len()).find(|i| tail.get(*i..).and_then(unframe).is_some()) {
            return Err(self.damaged(format!("a whole record follows {next} bytes later")));
        }
        files::truncate(&self.file, &self.path, self.at)
    }

    fn damaged(&self, why: String) -> LogError {
        LogError::Corrupt { file: self.path.clone(), at: self.at, why }
    }

    /// Puts a short file in the place of a long one. If that fails, the long one serves on.
    fn roll_over(&mut self) {
        let replaced = replace(&self.path, &self.state, self.durable).and_then(|()| open_file(&self.path));
        if let Ok((file, inode)) = replaced {
            (self.file, self.inode) = (file, inode);
            self.at = FILE_HEADER + frame(&self.state).len() as u64;
            // A large state is not written again and again.
            self.roll = self.roll.max(self.at.saturating_mul(2));
        }
    }
}

/// Puts a commit file that holds just `state` at `path`, at once.
fn replace(path: &Path, state: &State, durable: bool) -> Result<(), LogError> {
    let mut bytes = FILE_MAGIC.to_vec();
    put_u32(&mut bytes, VERSION);
    bytes.extend_from_slice(&frame(state));
    let fresh = path.with_extension("new");
    let written = fs::write(&fresh, &bytes).map_err(|e| LogError::io("write to", &fresh, &e)).and_then(|()| {
        if durable {
            files::sync(&files::open(&fresh)?, &fresh)?;
        }
        fs::rename(&fresh, path).map_err(|e| LogError::io("replace", path, &e))
    });
    if written.is_err() {
        // It is written anew the next time, so that what is left of it does not matter.
        let _ = fs::remove_file(&fresh);
    } else if durable && let Some(folder) = path.parent() {
        files::sync_folder(folder)?;
    }
    written
}

/// Opens a commit file and checks how it begins.
fn open_file(path: &Path) -> Result<(File, u64), LogError> {
    let file = files::reopen(path)?;
    let head = files::read_at(&file, path, 0, 8)?;
    let mut reader = Reader::new(&head);
    if reader.take(FILE_MAGIC.len()) != Some(&FILE_MAGIC) {
        let why = "it does not begin as a commit file does".to_owned();
        return Err(LogError::Corrupt { file: path.to_path_buf(), at: 0, why });
    }
    match reader.u32() {
        Some(VERSION) => {}
        found => return Err(LogError::Version { file: path.to_path_buf(), found: found.unwrap_or(0) }),
    }
    let inode = file.metadata().map_err(|e| LogError::io("look at", path, &e))?.ino();
    Ok((file, inode))
}
