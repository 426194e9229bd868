//! A log in memory that goes wrong on purpose: the same seed and the same calls give the same faults.
//!
//! Several [`SimulatedLog`]s of one world play the processes that share a log. [`SimulatedLog::process`] starts one more.
//! A process that has died answers every call with [`LogError::Crashed`], a commit with [`Outcome::Unknown`] of it; a
//! test then drops all that it had in memory, starts a process and goes on. Time passes by reading: markers that are
//! late come after some reads.
//!
//! ```
//! use flow_log::simulated::{Faults, Injection, SimulatedLog};
//! use flow_log::{Log, LogError, Outcome, PartitionId};
//!
//! let mut log = SimulatedLog::new(7, Faults::default());
//! log.create("payments", 1)?;
//! log.inject(Injection::Abort);
//! let mut transaction = log.begin()?;
//! transaction.append(&PartitionId::new("payments", 0), b"card", b"{}", 1).unwrap();
//! assert_eq!(transaction.commit(), Outcome::Aborted(LogError::GivenUp));
//! # Ok::<(), LogError>(())
//! ```

mod aborting;
mod faults;
mod source;
mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_core::fault::Fault;

use self::source::SimulatedSource;
use self::world::{Entry, Fate, Record, Staged, World};
use crate::block::Block;
use crate::embedded::names;
use crate::error::{AppendError, LogError};
use crate::place::{Cut, Epoch, Mark, PartitionId, Sequence, TaskId};
use crate::traits::{Log, Outcome, Restored, Source, Transaction};

pub use self::aborting::{AbortingLog, Aborts};
pub use self::faults::{CrashPoint, Faults, Injection};

/// The largest record taken: bytes of key and value together.
const RECORD_BYTES: usize = 1 << 20;

/// A process's handle on a shared world.
#[derive(Debug, Clone)]
struct Process {
    world: Arc<Mutex<World>>,
    id: u64,
}

impl Process {
    fn lock(&self) -> MutexGuard<'_, World> {
        // A test that panicked elsewhere leaves a world that can still be looked at.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world, for a process that lives.
    fn alive(&self) -> Result<MutexGuard<'_, World>, LogError> {
        let world = self.lock();
        if world.dead.contains(&self.id) { Err(LogError::Crashed) } else { Ok(world) }
    }

    fn start(&self) -> Self {
        let mut world = self.lock();
        world.processes += 1;
        Self { world: Arc::clone(&self.world), id: world.processes }
    }
}

/// Lets stores die with the process whose state they keep.
#[derive(Debug, Clone)]
pub struct Crashes(Process);

impl Crashes {
    /// Passes `point`.
    ///
    /// # Errors
    /// [`LogError::Crashed`] if the process dies here, or is dead already.
    pub fn at(&self, point: CrashPoint) -> Result<(), LogError> {
        let mut world = self.0.alive()?;
        if world.dies(self.0.id, point) { Err(LogError::Crashed) } else { Ok(()) }
    }

    /// Ends the process here and now.
    pub fn kill(&self) {
        self.0.lock().dead.insert(self.0.id);
    }

    /// Whether the process lives.
    ///
    /// # Errors
    /// [`LogError::Crashed`] if it does not.
    pub fn alive(&self) -> Result<(), LogError> {
        self.0.alive().map(drop)
    }
}

/// The commit whose outcome a process does not know.
#[derive(Debug)]
struct Doubt {
    /// The transaction, unless it is in the log.
    lost: Option<Staged>,
}

/// One process's handle on a simulated log.
#[derive(Debug)]
pub struct SimulatedLog {
    process: Process,
    leases: BTreeMap<TaskId, Epoch>,
    doubt: Option<Doubt>,
}

impl SimulatedLog {
    /// An empty log, and the first process of its world.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        let process = Process { world: Arc::new(Mutex::new(World::new(seed, faults))), id: 0 };
        Self { process, leases: BTreeMap::new(), doubt: None }
    }

    /// A further process on the same log: a second worker, or the one that comes after a death.
    #[must_use]
    pub fn process(&self) -> Self {
        Self { process: self.process.start(), leases: BTreeMap::new(), doubt: None }
    }

    /// Decides what the next commits do, one injection each, whichever process commits.
    pub fn inject(&self, injection: Injection) {
        self.process.lock().injections.push_back(injection);
    }

    /// Lets whichever process passes `point` for the `nth` time (from 1, counted over the whole simulation) die there.
    pub fn crash_at(&self, point: CrashPoint, nth: u64) {
        self.process.lock().planned.insert((point, nth));
    }

    /// How often `point` was passed so far. A run without faults thus tells all the places where another can die.
    #[must_use]
    pub fn passed(&self, point: CrashPoint) -> u64 {
        self.process.lock().passed.get(&point).copied().unwrap_or(0)
    }

    /// Whether this process has died.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.process.lock().dead.contains(&self.process.id)
    }

    /// Gives the task to somebody else, who does nothing: its owner's next commit is fenced.
    pub fn rebalance(&self, task: &TaskId) {
        self.process.lock().tasks.entry(task.clone()).or_default().epoch.0 += 1;
    }

    /// Lets all late markers arrive.
    pub fn settle(&self) {
        self.process.lock().settle();
    }

    /// Removes a topic and makes another of that name, which is empty.
    pub fn make_anew(&self, topic: &str) {
        let mut world = self.process.lock();
        world.partitions.retain(|partition, _| &*partition.topic != topic);
        world.earliest.retain(|partition, _| &*partition.topic != topic);
        *world.ids.entry(topic.into()).or_default() += 1;
    }

    /// Forgets the records of `partition` before `offset`, as a log does after a time.
    pub fn forget_before(&self, partition: &PartitionId, offset: i64) {
        self.process.lock().earliest.insert(partition.clone(), offset);
    }

    /// From here on other faults happen.
    pub fn set_faults(&self, faults: Faults) {
        self.process.lock().faults = faults;
    }

    /// What stores ask when they pass a crash point.
    #[must_use]
    pub fn crashes(&self) -> Crashes {
        Crashes(self.process.clone())
    }

    fn outcome(&mut self, fate: Fate) -> Outcome {
        match fate {
            Fate::Committed => Outcome::Committed,
            Fate::Aborted(error) => Outcome::Aborted(error),
            Fate::Fenced(task) => Outcome::Fenced(task),
            Fate::Crashed => Outcome::Unknown(LogError::Crashed),
            Fate::Unknown(lost) => {
                self.doubt = Some(Doubt { lost });
                Outcome::Unknown(LogError::Unresolved)
            }
        }
    }
}

impl Log for SimulatedLog {
    fn create(&mut self, topic: &str, partitions: u32) -> Result<(), LogError> {
        names::check(topic)?;
        let mut world = self.process.alive()?;
        if partitions == 0 {
            return Err(LogError::Name { name: topic.to_owned(), why: "a topic has at least one partition" });
        }
        match world.topics.get(topic) {
            Some(has) if *has != partitions => {
                Err(LogError::Partitions { topic: topic.to_owned(), has: *has, asked: partitions })
            }
            Some(_) => Ok(()),
            None => {
                world.topics.insert(topic.into(), partitions);
                Ok(())
            }
        }
    }

    fn partitions(&mut self, topic: &str) -> Result<Option<u32>, LogError> {
        Ok(self.process.alive()?.topics.get(topic).copied())
    }

    fn topic_id(&mut self, topic: &str) -> Result<u64, LogError> {
        Ok(self.process.alive()?.ids.get(topic).copied().unwrap_or(0))
    }

    fn end(&mut self, partition: &PartitionId) -> Result<Mark, LogError> {
        let world = self.process.alive()?;
        check_partition(&world, partition)?;
        Ok(world.end(partition))
    }

    fn record_bytes(&self) -> usize {
        RECORD_BYTES
    }

    fn source(&self) -> Result<Box<dyn Source>, LogError> {
        drop(self.process.alive()?);
        Ok(Box::new(SimulatedSource::new(self.process.clone())))
    }

    fn own(&mut self, task: &TaskId) -> Result<Epoch, LogError> {
        names::check(&task.flow)?;
        let mut world = self.process.alive()?;
        let state = world.tasks.entry(task.clone()).or_default();
        if self.leases.get(task) != Some(&state.epoch) {
            state.epoch.0 += 1;
            self.leases.insert(task.clone(), state.epoch);
        }
        Ok(state.epoch)
    }

    fn release(&mut self, task: &TaskId) {
        self.leases.remove(task);
    }

    fn positions(&mut self, task: &TaskId) -> Result<Option<Cut>, LogError> {
        let mut world = self.process.alive()?;
        let now = world.tick();
        let Some(task) = world.tasks.get_mut(task) else { return Ok(None) };
        Ok(task.changelog.visible(now).iter().rev().find_map(|entry| entry.cut.clone()))
    }

    fn blocks(
        &mut self,
        task: &TaskId,
        after: Sequence,
        bytes: usize,
        out: &mut Vec<Block>,
    ) -> Result<Restored, LogError> {
        let mut world = self.process.alive()?;
        let now = world.tick();
        let Some(state) = world.tasks.get_mut(task) else {
            return Ok(Restored::Complete(Sequence::NONE));
        };
        if after < state.forgotten {
            return Err(LogError::Forgotten { task: task.clone(), first: state.forgotten.next() });
        }
        let (mut done, mut taken) = (after, 0);
        for block in state.changelog.visible(now).iter().filter_map(|entry| entry.block.as_ref()) {
            if block.sequence <= done {
                continue;
            }
            if taken >= bytes.max(1) {
                return Ok(Restored::More(done));
            }
            if block.sequence != done.next() {
                return Err(LogError::Gap { task: task.clone(), expected: done.next(), found: block.sequence });
            }
            done = block.sequence;
            taken += block.writes.bytes().max(1);
            out.push(block.clone());
        }
        if state.changelog.hides(now) {
            return Ok(Restored::Waiting(done));
        }
        if after > state.sequence {
            let (expected, found) = (state.sequence.next(), after.next());
            return Err(LogError::Gap { task: task.clone(), expected, found });
        }
        Ok(Restored::Complete(done))
    }

    fn forget(&mut self, task: &TaskId, through: Sequence) -> Result<(), LogError> {
        let mut world = self.process.alive()?;
        if let Some(state) = world.tasks.get_mut(task) {
            state.forgotten = state.forgotten.max(through.min(state.sequence));
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, LogError> {
        drop(self.process.alive()?);
        if self.doubt.is_some() {
            return Err(LogError::Unresolved);
        }
        Ok(Box::new(SimulatedTransaction { log: self, staged: Staged::default() }))
    }

    fn resolve(&mut self) -> Result<Outcome, LogError> {
        let mut world = self.process.alive()?;
        world.tick();
        let fate = match self.doubt.take() {
            None => Fate::Aborted(LogError::GivenUp),
            Some(Doubt { lost: None }) => match world.dice.below(3) {
                0 => Fate::Unknown(None),
                _ => Fate::Committed,
            },
            Some(Doubt { lost: Some(staged) }) => world.retry(staged),
        };
        drop(world);
        Ok(self.outcome(fate))
    }
}

fn check_partition(world: &World, partition: &PartitionId) -> Result<(), LogError> {
    match world.topics.get(&partition.topic) {
        None => Err(LogError::UnknownTopic { topic: partition.topic.to_string() }),
        Some(has) if partition.index >= *has => Err(LogError::UnknownPartition { partition: partition.clone() }),
        Some(_) => Ok(()),
    }
}

/// A transaction of a [`SimulatedLog`].
#[derive(Debug)]
struct SimulatedTransaction<'a> {
    log: &'a mut SimulatedLog,
    staged: Staged,
}

impl SimulatedTransaction<'_> {
    fn entry(&mut self, task: &TaskId) -> Result<&mut Entry, LogError> {
        let epoch = *self.log.leases.get(task).ok_or_else(|| LogError::NotOwned { task: task.clone() })?;
        let fresh = (epoch, Entry { block: None, cut: None });
        Ok(&mut self.staged.tasks.entry(task.clone()).or_insert(fresh).1)
    }
}

impl Transaction for SimulatedTransaction<'_> {
    fn append(&mut self, to: &PartitionId, key: &[u8], record: &[u8], stamp: i64) -> Result<(), AppendError> {
        if key.len().saturating_add(record.len()) > RECORD_BYTES {
            return Err(AppendError::Row(Fault::TooLarge));
        }
        check_partition(&*self.log.process.alive()?, to)?;
        let record = Record { key: key.to_vec(), value: record.to_vec(), stamp, arrived: stamp };
        self.staged.records.entry(to.clone()).or_default().push(record);
        Ok(())
    }

    fn block(&mut self, task: &TaskId, block: &Block) -> Result<(), LogError> {
        let entry = self.entry(task)?;
        if let Some(first) = &entry.block {
            let expected = first.sequence.next();
            return Err(LogError::Gap { task: task.clone(), expected, found: block.sequence });
        }
        entry.block = Some(block.clone());
        Ok(())
    }

    fn positions(&mut self, task: &TaskId, cut: &Cut) -> Result<(), LogError> {
        self.entry(task)?.cut = Some(cut.clone());
        Ok(())
    }

    fn commit(self: Box<Self>) -> Outcome {
        let Self { log, staged } = *self;
        let process = log.process.clone();
        let fate = match process.alive() {
            Ok(mut world) => world.commit(process.id, staged),
            Err(_) => Fate::Crashed,
        };
        log.outcome(fate)
    }

    fn abort(self: Box<Self>) {}
}
