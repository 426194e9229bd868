//! The gate of a source: gives every event its arrival, and refuses once what is late, ahead, malformed or repeated.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::column::{Column, State};
use flow_core::fault::Fault;
use flow_core::value::Cell;

use crate::expression::Input;
use crate::keys::{KeyState, Keys};
use crate::operator::{DeadLetter, OperatorError, Reason};
use crate::order::Order;
use crate::rows::{Reader, put_text};
use crate::state::StateWriter;

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

/// The accepted ids of a partition: `arrived` by id, and the ids in the order of their arrival, to forget them in.
#[derive(Debug, Clone, Default)]
struct Ids {
    arrived: HashMap<Box<[u8]>, i64>,
    queue: VecDeque<(i64, Box<[u8]>)>,
}

#[derive(Debug, Clone)]
struct Partition {
    arrived: i64,
    ids: Ids,
    counters: Counters,
}

/// The gate of one source. Its state is small: the arrival of each partition, and the ids within the lateness.
#[derive(Debug)]
pub struct Gate {
    spec: GateSpec,
    partitions: BTreeMap<u32, Partition>,
    committed: BTreeMap<u32, Partition>,
    changed: std::collections::BTreeSet<u32>,
    touched: std::collections::BTreeSet<u32>,
}

impl Gate {
    /// A gate that has seen nothing.
    #[must_use]
    pub fn new(spec: GateSpec) -> Self {
        Self {
            spec,
            partitions: BTreeMap::new(),
            committed: BTreeMap::new(),
            changed: std::collections::BTreeSet::new(),
            touched: std::collections::BTreeSet::new(),
        }
    }

    /// What the source says.
    #[must_use]
    pub fn spec(&self) -> &GateSpec {
        &self.spec
    }

    /// The greatest arrival in a partition so far: no later event there has a smaller one. `None` before the first.
    #[must_use]
    pub fn arrived(&self, partition: u32) -> Option<i64> {
        self.partitions.get(&partition).map(|partition| partition.arrived).filter(|arrived| *arrived > i64::MIN)
    }

    /// What it counted, over all partitions.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.partitions.values().fold(Counters::default(), |sum, partition| Counters {
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
        let spec = &self.spec;
        let origin = Origin { source: spec.source, partition: arriving.partition };
        let fresh = || Partition { arrived: i64::MIN, ids: Ids::default(), counters: Counters::default() };
        if self.touched.insert(arriving.partition)
            && let Some(partition) = self.partitions.get(&arriving.partition)
        {
            self.committed.insert(arriving.partition, partition.clone());
        }
        self.changed.insert(arriving.partition);
        let partition = self.partitions.entry(arriving.partition).or_insert_with(fresh);
        let rows = arriving.offsets.len();
        let base = Batch { columns: arriving.columns.clone(), rows, ..Batch::default() };
        let ids: Vec<_> = spec.unique.iter().map(|position| Input::column(*position)).collect();
        let ids = Keys::of(&ids, &base, &crate::expression::Environment::default());
        let mut refused = arriving.refused.iter().peekable();
        let mut id = Vec::new();
        let mut kept = Vec::with_capacity(rows);
        let mut out = Batch::default();
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
            partition.arrived = partition.arrived.max(own.unwrap_or(i64::MIN));
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
                refuse(Reason::Fault(fault), "the id cannot be read".to_owned());
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
            if id_state == KeyState::Present && partition.ids.is_repeated(&id, arrived, spec.lateness) {
                partition.counters.repeated += 1;
                continue;
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

    /// Writes the partitions that changed since the last freeze. Key: the partition.
    pub fn freeze(&mut self, out: &mut StateWriter) {
        for number in std::mem::take(&mut self.changed) {
            let Some(partition) = self.partitions.get(&number) else { continue };
            let mut bytes = Vec::new();
            let Counters { accepted, late, ahead, repeated, malformed } = partition.counters;
            bytes.extend(partition.arrived.to_le_bytes());
            for count in [accepted, late, ahead, repeated, malformed] {
                bytes.extend(count.to_le_bytes());
            }
            for (arrived, id) in &partition.ids.queue {
                bytes.extend(arrived.to_le_bytes());
                put_text(id, &mut bytes);
            }
            out.put(&number.to_be_bytes(), Some(bytes));
        }
    }

    /// What was frozen is durable.
    pub fn commit(&mut self) {
        self.committed.clear();
        self.touched.clear();
    }

    /// Returns to the last commit, or restore.
    pub fn rollback(&mut self) {
        for number in std::mem::take(&mut self.touched) {
            match self.committed.remove(&number) {
                Some(partition) => self.partitions.insert(number, partition),
                None => self.partitions.remove(&number),
            };
        }
        self.changed.clear();
    }

    /// Puts back one entry that freeze wrote.
    ///
    /// # Errors
    ///
    /// When it was not written by a gate, or is damaged.
    pub fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), OperatorError> {
        let number = Reader(key).array().map(u32::from_be_bytes)?;
        let mut from = Reader(value);
        let arrived = from.i64()?;
        let mut count = || from.array().map(u64::from_le_bytes);
        let counters =
            Counters { accepted: count()?, late: count()?, ahead: count()?, repeated: count()?, malformed: count()? };
        let mut ids = Ids::default();
        while !from.0.is_empty() {
            let arrived = from.i64()?;
            let id: Box<[u8]> = from.text()?.into();
            ids.arrived.insert(id.clone(), arrived);
            ids.queue.push_back((arrived, id));
        }
        self.partitions.insert(number, Partition { arrived, ids, counters });
        Ok(())
    }
}

impl Ids {
    /// Whether `id` was accepted with an arrival of at least `arrived − lateness`; if not, it is now.
    fn is_repeated(&mut self, id: &[u8], arrived: i64, lateness: i64) -> bool {
        let oldest = arrived.saturating_sub(lateness);
        while self.queue.front().is_some_and(|(seen, _)| *seen < oldest) {
            if let Some((_, id)) = self.queue.pop_front() {
                self.arrived.remove(&id);
            }
        }
        if self.arrived.contains_key(id) {
            return true;
        }
        self.arrived.insert(id.into(), arrived);
        self.queue.push_back((arrived, id.into()));
        false
    }
}

fn event_time(column: Option<&Column>, row: usize) -> Result<Option<i64>, (Fault, String)> {
    let Some(column) = column else { return Err((Fault::Malformed, "the event has no time".to_owned())) };
    match (column.state(row), column.cell(row)) {
        (State::Fault(fault), _) | (_, Err(fault)) => Err((fault, "the event's time cannot be read".to_owned())),
        (_, Ok(Cell::Int(time))) => Ok(Some(time)),
        _ => Err((Fault::Malformed, "the event has no time".to_owned())),
    }
}

fn late_by(arrived: i64, spec: &GateSpec, time: i64) -> i64 {
    arrived.saturating_sub(spec.lateness).saturating_sub(time)
}
