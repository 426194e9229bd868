//! What all processes of a simulation share.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::faults::{CrashPoint, Dice, Faults, Injection};
use crate::block::Block;
use crate::error::LogError;
use crate::place::{Cut, Epoch, Mark, PartitionId, Sequence, TaskId};

/// A committed record.
#[derive(Debug, Clone)]
pub struct Record {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub stamp: i64,
    pub arrived: i64,
}

/// Committed things, of which readers see a prefix until the markers of the rest have come.
#[derive(Debug)]
pub struct Queue<T> {
    pub all: Vec<T>,
    visible: usize,
    /// The number of reads after which the rest becomes visible.
    due: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { all: Vec::new(), visible: 0, due: 0 }
    }
}

impl<T> Queue<T> {
    /// What readers see at `now`.
    pub fn visible(&mut self, now: u64) -> &[T] {
        if now >= self.due {
            self.visible = self.all.len();
        }
        self.all.get(..self.visible).unwrap_or_default()
    }

    /// Whether something lies behind what readers see.
    pub fn hides(&mut self, now: u64) -> bool {
        self.visible(now).len() < self.all.len() || now < self.due
    }

    /// What is behind the visible part stays there until `due`.
    fn delay(&mut self, now: u64, due: u64) {
        self.visible(now);
        self.due = self.due.max(due);
    }
}

/// What one commit wrote about a task.
#[derive(Debug, Clone)]
pub struct Entry {
    pub block: Option<Block>,
    pub cut: Option<Cut>,
}

/// A task's changelog and owner.
#[derive(Debug, Default)]
pub struct Task {
    pub epoch: Epoch,
    /// The last committed block, seen or not.
    pub sequence: Sequence,
    pub changelog: Queue<Entry>,
    /// Blocks up to here are no longer there.
    pub forgotten: Sequence,
}

/// What a transaction holds.
#[derive(Debug, Clone, Default)]
pub struct Staged {
    pub records: BTreeMap<PartitionId, Vec<Record>>,
    pub tasks: BTreeMap<TaskId, (Epoch, Entry)>,
}

/// How a commit went in the world.
#[derive(Debug)]
pub enum Fate {
    Committed,
    Aborted(LogError),
    Fenced(TaskId),
    /// The outcome is unknown; the transaction, unless it is in the log.
    Unknown(Option<Staged>),
    Crashed,
}

/// The log itself.
#[derive(Debug)]
pub struct World {
    pub topics: BTreeMap<Arc<str>, u32>,
    /// How often a topic was made anew.
    pub ids: BTreeMap<Arc<str>, u64>,
    /// The first offset that is still there, where some are gone.
    pub earliest: BTreeMap<PartitionId, i64>,
    pub partitions: BTreeMap<PartitionId, Queue<Record>>,
    pub tasks: BTreeMap<TaskId, Task>,
    pub dice: Dice,
    pub faults: Faults,
    pub injections: VecDeque<Injection>,
    /// The occurrences of a point at which the process dies.
    pub planned: BTreeSet<(CrashPoint, u64)>,
    pub passed: BTreeMap<CrashPoint, u64>,
    pub dead: BTreeSet<u64>,
    pub processes: u64,
    /// Reads of the log so far: the only time there is.
    pub now: u64,
}

impl World {
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self {
            topics: BTreeMap::new(),
            ids: BTreeMap::new(),
            earliest: BTreeMap::new(),
            partitions: BTreeMap::new(),
            tasks: BTreeMap::new(),
            dice: Dice::new(seed),
            faults,
            injections: VecDeque::new(),
            planned: BTreeSet::new(),
            passed: BTreeMap::new(),
            dead: BTreeSet::new(),
            processes: 0,
            now: 0,
        }
    }

    /// A read of the log: time goes on.
    pub fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// Whether `process` dies at `point` now.
    pub fn dies(&mut self, process: u64, point: CrashPoint) -> bool {
        let passed = self.passed.entry(point).or_default();
        *passed += 1;
        let dies = self.planned.remove(&(point, *passed)) || self.dice.happens(self.faults.crash);
        if dies {
            self.dead.insert(process);
        }
        dies
    }

    /// Makes every marker visible.
    pub fn settle(&mut self) {
        for queue in self.partitions.values_mut() {
            queue.due = 0;
        }
        for task in self.tasks.values_mut() {
            task.changelog.due = 0;
        }
    }

    /// Ends a transaction of `process` as the injections and the dice want it.
    pub fn commit(&mut self, process: u64, staged: Staged) -> Fate {
        if self.dies(process, CrashPoint::BeforeCommit) {
            self.orphan(&staged);
            return Fate::Crashed;
        }
        let injected = self.injections.pop_front();
        let chosen = injected.unwrap_or_else(|| self.roll());
        if chosen == Injection::Rebalance
            && let Some(task) = staged.tasks.keys().next().and_then(|id| self.tasks.get_mut(id))
        {
            task.epoch.0 += 1;
        }
        if let Err(fate) = self.check(&staged) {
            return fate;
        }
        let fate = match chosen {
            Injection::Abort => return Fate::Aborted(LogError::GivenUp),
            Injection::UnknownLost => return Fate::Unknown(Some(staged)),
            Injection::UnknownCommitted => {
                self.write(staged, None);
                Fate::Unknown(None)
            }
            Injection::LateMarker(reads) => {
                self.write(staged, Some(reads));
                Fate::Committed
            }
            // A rebalance with no task to take changes nothing.
            Injection::Commit | Injection::Rebalance => {
                self.write(staged, None);
                Fate::Committed
            }
        };
        if self.dies(process, CrashPoint::AfterCommit) { Fate::Crashed } else { fate }
    }

    /// Tries a commit again whose outcome was unknown, and which is not in the log.
    pub fn retry(&mut self, staged: Staged) -> Fate {
        if let Err(fate) = self.check(&staged) {
            return fate;
        }
        match self.dice.below(3) {
            0 => Fate::Unknown(Some(staged)),
            1 => Fate::Aborted(LogError::GivenUp),
            _ => {
                self.write(staged, None);
                Fate::Committed
            }
        }
    }

    fn roll(&mut self) -> Injection {
        let faults = self.faults;
        if self.dice.happens(faults.abort) {
            return Injection::Abort;
        }
        if self.dice.happens(faults.unknown) {
            return if self.dice.below(2) == 0 { Injection::UnknownCommitted } else { Injection::UnknownLost };
        }
        if self.dice.happens(faults.rebalance) { Injection::Rebalance } else { Injection::Commit }
    }

    /// Whether the transaction's tasks are still its process's, and their blocks in turn.
    fn check(&self, staged: &Staged) -> Result<(), Fate> {
        for (id, (epoch, entry)) in &staged.tasks {
            let Some(task) = self.tasks.get(id).filter(|task| task.epoch == *epoch) else {
                return Err(Fate::Fenced(id.clone()));
            };
            let expected = task.sequence.next();
            if let Some(found) = entry.block.as_ref().map(|b| b.sequence).filter(|s| *s != expected) {
                return Err(Fate::Aborted(LogError::Gap { task: id.clone(), expected, found }));
            }
        }
        Ok(())
    }

    /// Puts a transaction into the log. Its markers come after `late` reads, or as the dice say.
    fn write(&mut self, staged: Staged, late: Option<u64>) {
        let now = self.now;
        for (partition, records) in staged.records {
            let due = self.due(late);
            let queue = self.partitions.entry(partition).or_default();
            queue.delay(now, due);
            for mut record in records {
                record.arrived = queue.all.last().map_or(record.stamp, |last| last.arrived.max(record.stamp));
                queue.all.push(record);
            }
        }
        for (id, (_, entry)) in staged.tasks {
            let due = self.due(late);
            let task = self.tasks.entry(id).or_default();
            if let Some(block) = &entry.block {
                task.sequence = block.sequence;
            }
            task.changelog.delay(now, due);
            task.changelog.all.push(entry);
        }
    }

    /// What a dead process leaves open holds readers of the changelog back until it times out.
    fn orphan(&mut self, staged: &Staged) {
        let due = self.now + 1 + self.dice.below(4);
        for id in staged.tasks.keys() {
            if let Some(task) = self.tasks.get_mut(id) {
                task.changelog.delay(self.now, due);
            }
        }
    }

    fn due(&mut self, late: Option<u64>) -> u64 {
        match late {
            Some(reads) => self.now + 1 + reads,
            None if self.dice.happens(self.faults.late_marker) => self.now + 2 + self.dice.below(8),
            None => 0,
        }
    }

    /// Where the committed records of `partition` end, whoever sees them.
    pub fn end(&self, partition: &PartitionId) -> Mark {
        let records = self.partitions.get(partition).map(|q| q.all.as_slice()).unwrap_or_default();
        mark(records, records.len())
    }
}

/// The mark before record `next` of `records`.
pub fn mark(records: &[Record], next: usize) -> Mark {
    let arrived = next.checked_sub(1).and_then(|last| records.get(last)).map_or(i64::MIN, |r| r.arrived);
    Mark { next: i64::try_from(next).unwrap_or(i64::MAX), arrived }
}
