//! The gate of a source: gives every event its arrival, and refuses once what is late, ahead, malformed or repeated.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::column::{Column, State};
use flow_core::fault::Fault;
use flow_core::value::Cell;

use crate::expression::Input;
use crate::keys::{KeyState, Keys};
use crate::operator::{DeadLetter, OperatorError, Reason};
use crate::order::Order;
use crate::rows::Reader;
use crate::state::{Keyed, Slot, StateWriter};

/// What a source says about time and identity. Times are microseconds.
#[derive(Debug, Clone)]
pub struct GateSpec {
    /// The source's name: the flow of its dead letters.
    pub name: Arc<str>,
    /// The source's number, in the order of the sources' names; below 2^31.
    pub source: u32,
    /// The position of the event-time column; without one an event's time is its arrival.
    pub time: Option<usize>,
    /// `arrival: event`: stamps are ignored, arrival is the running maximum of event time.
    pub arrival_is_event_time: bool,
    /// How far behind arrival an event may be.
    pub lateness: i64,
    /// How far ahead of arrival an event may be; `None` is unbounded.
    pub ahead: Option<i64>,
    /// The positions of the columns of `unique`; none where repeated ids count. An id that is absent in whole or in part
    /// is no id, and never repeated.
    pub unique: Vec<usize>,
}

/// Consecutive records of one partition, decoded.
#[derive(Debug, Clone)]
pub struct Arriving {
    /// The partition.
    pub partition: u32,
    /// One offset a record, ascending.
    pub offsets: Vec<i64>,
    /// The log's timestamp of each record, or its recorded arrival, microseconds; `None` where there is none: then the
    /// event time takes its place.
    pub stamps: Vec<Option<i64>>,
    /// The columns, one row a record; what stands in a refused record's row does not matter.
    pub columns: Vec<Column>,
    /// Records that could not be decoded at all: position in `offsets`, ascending, the fault and what is wrong.
    pub refused: Vec<(usize, Fault, String)>,
}

/// How many events a source gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Accepted.
    pub accepted: u64,
    /// Later than the lateness.
    pub late: u64,
    /// Ahead of their time.
    pub ahead: u64,
    /// Left out because their id had been accepted.
    pub repeated: u64,
    /// Could not be read.
    pub malformed: u64,
}

/// The part of a stamp in `arrived`, which leaves an instant behind it: what arrived is what arrived before some instant.
#[must_use]
pub fn arrival(stamp: i64) -> i64 {
    stamp.min(i64::MAX - 1)
}

/// What is known of one partition.
#[derive(Debug, Clone)]
struct Partition {
    arrived: i64,
    counters: Counters,
}

/// The gate of one source. Its state is small: the arrival of each partition, and the ids within the lateness.
#[derive(Debug)]
pub struct Gate {
    spec: GateSpec,
    partitions: Keyed<Partition>,
    /// `arrived` by partition and id.
    ids: Keyed<i64>,
    /// The same by partition, in the order of `arrived`, to forget them in.
    queues: BTreeMap<u32, Queue>,
}

/// The ids of one partition with their `arrived`, which grows.
#[derive(Debug, Default)]
struct Queue {
    ids: VecDeque<(i64, Slot)>,
    /// Some were put back in another order.
    is_mixed: bool,
}

impl Queue {
    fn put_back(&mut self, arrived: i64, slot: Slot) {
        self.ids.push_back((arrived, slot));
        self.is_mixed = true;
    }

    /// Takes out the next id with an arrival before `oldest`.
    fn before(&mut self, oldest: i64) -> Option<Slot> {
        if self.is_mixed {
            self.ids.make_contiguous().sort_unstable();
            self.is_mixed = false;
        }
        self.ids.front().filter(|(arrived, _)| *arrived < oldest)?;
        self.ids.pop_front().map(|(_, slot)| slot)
    }
}

impl Gate {
    /// A gate that has seen nothing.
    #[must_use]
    pub fn new(spec: GateSpec) -> Self {
        Self { spec, partitions: Keyed::default(), ids: Keyed::default(), queues: BTreeMap::new() }
    }

    /// What the source says.
    #[must_use]
    pub fn spec(&self) -> &GateSpec {
        &self.spec
    }

    /// The greatest arrival in a partition so far: no later event there has a smaller one. `None` before the first.
    #[must_use]
    pub fn arrived(&self, partition: u32) -> Option<i64> {
        let slot = self.partitions.lookup(&partition.to_be_bytes())?;
        self.partitions.get(slot).map(|partition| partition.arrived).filter(|arrived| *arrived > i64::MIN)
    }

    /// What it counted, over all partitions.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.partitions.iter().fold(Counters::default(), |sum, (_, partition)| Counters {
            accepted: sum.accepted + partition.counters.accepted,
            late: sum.late + partition.counters.late,
            ahead: sum.ahead + partition.counters.ahead,
            repeated: sum.repeated + partition.counters.repeated,
            malformed: sum.malformed + partition.counters.malformed,
        })
    }

    /// The accepted events, in order, with weight 1; what is refused goes to `dead`. Consecutive calls give consecutive
    /// records of a partition; how they are cut makes no difference.
    pub fn accept(&mut self, arriving: &Arriving, dead: &mut Vec<DeadLetter>) -> Batch {
        let Self { spec, partitions, ids: accepted, queues } = self;
        let origin = Origin { source: spec.source, partition: arriving.partition };
        let slot = partitions.intern(&arriving.partition.to_be_bytes());
        let fresh = || Partition { arrived: i64::MIN, counters: Counters::default() };
        let Some(partition) = partitions.change(slot, fresh) else { return Batch::default() };
        let queue = queues.entry(arriving.partition).or_default();
        let rows = arriving.offsets.len();
        let base = Batch { columns: arriving.columns.clone(), rows, ..Batch::default() };
        let ids: Vec<_> = spec.unique.iter().map(|position| Input::column(*position)).collect();
        let ids = Keys::of(&ids, &base, &crate::expression::Environment::default());
        let mut refused = arriving.refused.iter().peekable();
        let mut id = Vec::new();
        let mut key = arriving.partition.to_be_bytes().to_vec();
        let mut kept = Vec::with_capacity(rows);
        let mut out = Batch {
            time: Vec::with_capacity(rows),
            arrived: Vec::with_capacity(rows),
            offset: Vec::with_capacity(rows),
            ..Batch::default()
        };
        for (row, offset) in arriving.offsets.iter().enumerate() {
            let stamp = arriving.stamps.get(row).copied().flatten().filter(|_| !spec.arrival_is_event_time);
            let undecoded = refused.next_if(|(at, _, _)| *at == row);
            let time = match (undecoded, spec.time) {
                (Some((_, fault, detail)), _) => Err((*fault, detail.clone())),
                (None, Some(column)) => event_time(arriving.columns.get(column), row),
                (None, None) => Ok(None),
            };
            // A record without stamp in a source without event time arrived at the epoch.
            let epoch = spec.time.is_none().then_some(0);
            let own = stamp.or_else(|| time.as_ref().map_or(None, |time| time.or(epoch)));
            partition.arrived = partition.arrived.max(own.map_or(i64::MIN, arrival));
            let arrived = partition.arrived;
            let order = Order { arrived, origin, offset: *offset };
            let mut refuse = |reason, detail: String| {
                dead.push(DeadLetter { flow: Arc::clone(&spec.name), order, reason, detail });
            };
            let time = match time {
                Ok(time) => time.unwrap_or(arrived),
                Err((fault, detail)) => {
                    partition.counters.malformed += 1;
                    refuse(Reason::Fault(fault), detail);
                    continue;
                }
            };
            let id_state = if spec.unique.is_empty() { KeyState::Absent } else { ids.encode(row, &mut id) };
            if let KeyState::Fault(fault) = id_state {
                partition.counters.malformed += 1;
                let (fault, detail) = unreadable("id", fault);
                refuse(Reason::Fault(fault), detail);
                continue;
            }
            if time < arrived.saturating_sub(spec.lateness) {
                partition.counters.late += 1;
                refuse(Reason::Late, format!("{} microseconds later than its lateness", late_by(arrived, spec, time)));
                continue;
            }
            if spec.ahead.is_some_and(|ahead| time > arrived.saturating_add(ahead)) {
                partition.counters.ahead += 1;
                refuse(Reason::Ahead, "its time is further ahead of its arrival than `ahead` allows".to_owned());
                continue;
            }
            if id_state == KeyState::Present {
                forget(accepted, queue, arrived.saturating_sub(spec.lateness));
                key.truncate(size_of::<u32>());
                key.extend_from_slice(&id);
                let slot = accepted.intern(&key);
                if accepted.get(slot).is_none() {
                    accepted.change(slot, || arrived);
                    queue.ids.push_back((arrived, slot));
                } else {
                    partition.counters.repeated += 1;
                    continue;
                }
            }
            partition.counters.accepted += 1;
            kept.push(row);
            out.time.push(time);
            out.arrived.push(arrived);
            out.offset.push(*offset);
        }
        out.rows = kept.len();
        out.origin = vec![origin; out.rows];
        out.weight = vec![1; out.rows];
        let all = out.rows == rows;
        let columns = arriving.columns.iter();
        out.columns = columns.map(|column| if all { column.clone() } else { column.take(&kept) }).collect();
        out
    }

    /// Whether changes are remembered for freeze and rollback; true at first. Set before the first record.
    pub fn track(&mut self, on: bool) {
        self.partitions.track(on);
        self.ids.track(on);
    }

    /// Writes the state that changed since the last freeze. Keys: the partition, and the partition with an id.
    pub fn freeze(&mut self, out: &mut StateWriter) {
        self.partitions.freeze(out, |partition, bytes| {
            let Counters { accepted, late, ahead, repeated, malformed } = partition.counters;
            bytes.extend(partition.arrived.to_le_bytes());
            for count in [accepted, late, ahead, repeated, malformed] {
                bytes.extend(count.to_le_bytes());
            }
        });
        self.ids.freeze(out, |arrived, bytes| bytes.extend(arrived.to_le_bytes()));
    }

    /// What was frozen is durable.
    pub fn commit(&mut self) {
        self.partitions.commit();
        self.ids.commit();
    }

    /// Returns to the last commit, or restore.
    ///
    /// # Errors
    ///
    /// When state was not tracked.
    pub fn rollback(&mut self) -> Result<(), OperatorError> {
        self.partitions.rollback()?;
        self.ids.rollback()?;
        self.queues.clear();
        for (slot, arrived) in self.ids.iter() {
            let partition = Reader(self.ids.key(slot)).array().map(u32::from_be_bytes)?;
            self.queues.entry(partition).or_default().put_back(*arrived, slot);
        }
        Ok(())
    }

    /// Puts back one entry that freeze wrote.
    ///
    /// # Errors
    ///
    /// When it was not written by a gate, or is damaged.
    pub fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), OperatorError> {
        let mut id = Reader(key);
        let number = id.array().map(u32::from_be_bytes)?;
        let mut from = Reader(value);
        let arrived = from.i64()?;
        if id.0.is_empty() {
            let mut count = || from.array().map(u64::from_le_bytes);
            let (accepted, late, ahead, repeated, malformed) = (count()?, count()?, count()?, count()?, count()?);
            let counters = Counters { accepted, late, ahead, repeated, malformed };
            self.partitions.restore(key, Partition { arrived, counters });
        } else {
            self.ids.restore(key, arrived);
            if let Some(slot) = self.ids.lookup(key) {
                self.queues.entry(number).or_default().put_back(arrived, slot);
            }
        }
        from.end()
    }
}

/// Forgets the ids of a partition that were accepted with an arrival before `oldest`.
fn forget(accepted: &mut Keyed<i64>, queue: &mut Queue, oldest: i64) {
    while let Some(slot) = queue.before(oldest) {
        accepted.remove(slot);
    }
}

fn event_time(column: Option<&Column>, row: usize) -> Result<Option<i64>, (Fault, String)> {
    let Some(column) = column else { return Err((Fault::Malformed, "the event has no time".to_owned())) };
    match (column.state(row), column.cell(row)) {
        (State::Fault(fault), _) | (_, Err(fault)) => Err(unreadable("event's time", fault)),
        (_, Ok(Cell::Int(time))) => Ok(Some(time)),
        _ => Err((Fault::Malformed, "the event has no time".to_owned())),
    }
}

/// Whatever is wrong with a cell that the gate needs, its record is malformed; what it is stands beside it.
fn unreadable(what: &str, fault: Fault) -> (Fault, String) {
    let detail = match fault {
        Fault::Malformed => format!("the {what} cannot be read"),
        other => format!("the {what} cannot be read: {other}"),
    };
    (Fault::Malformed, detail)
}

fn late_by(arrived: i64, spec: &GateSpec, time: i64) -> i64 {
    arrived.saturating_sub(spec.lateness).saturating_sub(time)
}
