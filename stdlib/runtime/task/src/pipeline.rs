//! One dataflow with its gates and its merge: decoded records in, rows of sinks and dead letters out. No I/O and no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::fault::Fault;
use flow_core::types::Schema;
use flow_core::value::Cell;
use flow_operators::accept::{Arriving, Counters, Gate, GateSpec, arrival};
use flow_operators::graph::{Outputs, SinkId};
use flow_operators::merge::{Merger, MicroBatch};
use flow_operators::operator::DeadLetter;
use flow_operators::order::sorted;
use flow_operators::state::StateWriter;

use crate::dataflow::{Dataflow, Tap};
use crate::error::RunError;
use crate::spec::streams;

/// Rows that go through the operators at once.
pub const MICRO_BATCH: usize = 1_024;

/// A dataflow that takes records.
///
/// Records of all partitions are merged by arrival first and judged by their source's gate then, so that the gates and
/// the operators have always seen the same records: the state of a checkpoint belongs to one cut, whatever waits.
pub struct Pipeline {
    dataflow: Dataflow,
    gates: BTreeMap<u32, Gate>,
    merger: Merger,
    partitions: BTreeMap<Origin, Reading>,
    /// Records that arrive at or after this instant are not there yet.
    until: i64,
    /// Whether records that the gates refuse become dead letters.
    tells_refusals: bool,
    /// What gates freeze, one after the other.
    spare: StateWriter,
}

/// How far a partition is.
#[derive(Debug, Clone, Default)]
struct Reading {
    /// The running maximum of what was fed.
    arrived: Option<i64>,
    /// The offset after the last record that went through the operators.
    next: i64,
    /// Records that were fed, and those that have been judged.
    fed: usize,
    judged: usize,
    /// Records that could not be decoded and wait in the merge, by their number among those fed.
    refused: BTreeMap<usize, (Fault, String)>,
}

/// State as it goes into a checkpoint: a stable name, a key, a value or none where it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateEntry {
    /// The stable name of the node, or `source/NAME` of a gate.
    pub node: String,
    /// Key.
    pub key: Vec<u8>,
    /// Value; `None` deletes.
    pub value: Option<Vec<u8>>,
}

/// What came out of a step.
#[derive(Debug, Default)]
pub struct Produced {
    /// Rows by tap, in arrival order.
    pub rows: BTreeMap<Tap, Vec<Batch>>,
    /// Rows and records that were left out.
    pub dead: Vec<DeadLetter>,
}

impl Pipeline {
    /// A pipeline over a dataflow.
    #[must_use]
    pub fn new(dataflow: Dataflow) -> Self {
        let gates = streams(&dataflow.sources).map(|(number, source)| (number, source.gate(number))).collect();
        let schemas = streams(&dataflow.sources).map(|(number, source)| (number, Arc::clone(&source.schema)));
        let merger = Merger::new(schemas.collect::<Vec<_>>());
        Self {
            dataflow,
            gates,
            merger,
            partitions: BTreeMap::new(),
            until: i64::MAX,
            tells_refusals: true,
            spare: StateWriter::default(),
        }
    }

    /// Declares a partition, which holds the others back until it makes progress.
    pub fn partition(&mut self, origin: Origin) {
        self.merger.add(origin);
        self.partitions.entry(origin).or_default();
    }

    /// Leaves out what arrives at or after `at`.
    pub fn until(&mut self, at: i64) {
        self.until = at;
    }

    /// Whether records that the gates refuse become dead letters: of several tasks that read a source one tells them.
    pub fn tell_refusals(&mut self, tell: bool) {
        self.tells_refusals = tell;
    }

    /// Takes the next records of a partition.
    pub fn feed(&mut self, source: u32, arriving: Arriving) {
        let Some(gate) = self.gates.get(&source) else { return };
        let spec = gate.spec();
        let origin = Origin { source, partition: arriving.partition };
        let reading = self.partitions.entry(origin).or_default();
        let mut arrived = arrivals(spec, &arriving, reading.arrived);
        reading.arrived = arrived.last().copied().filter(|arrived| *arrived > i64::MIN).or(reading.arrived);
        for (row, fault, detail) in arriving.refused {
            reading.refused.insert(reading.fed + row, (fault, detail));
        }
        // INVARIANT: arrival never decreases within a partition, so what is there at `until` is a prefix.
        let rows = arrived.partition_point(|arrived| *arrived < self.until);
        reading.fed += rows;
        arrived.truncate(rows);
        let mut offsets = arriving.offsets;
        offsets.truncate(rows);
        let batch = Batch {
            columns: arriving.columns.iter().map(|column| column.slice(0, rows)).collect(),
            rows,
            time: vec![0; rows],
            arrived,
            origin: vec![origin; rows],
            offset: offsets,
            weight: vec![1; rows],
            lineage: Vec::new(),
        };
        self.merger.push(origin, batch);
    }

    /// The next merged records, judged by their gates.
    fn next(&mut self, size: usize, into: &mut Produced) -> (MicroBatch, usize) {
        let merged = self.merger.next(size);
        let mut rows = Vec::new();
        let mut refused = Vec::new();
        let mut count = 0;
        for (source, batch) in merged.rows {
            count += batch.rows;
            let Some(gate) = self.gates.get_mut(&source) else { continue };
            let Some(spec) = self.dataflow.sources.get(source as usize) else { continue };
            let accepted = judge(gate, &spec.schema, &batch, &mut self.partitions, &mut refused);
            if accepted.rows > 0 && self.dataflow.read.contains(&source) {
                rows.push((source, accepted));
            }
        }
        if self.tells_refusals {
            into.dead.append(&mut refused);
        }
        (MicroBatch { rows, frontier: merged.frontier }, count)
    }

    /// Whether a partition is at its end and nobody shall wait for it.
    pub fn silent(&mut self, origin: Origin, silent: bool) {
        self.merger.silent(origin, silent);
    }

    /// Rows of a partition that wait for others.
    #[must_use]
    pub fn waiting(&self, origin: Origin) -> usize {
        self.merger.waiting(origin)
    }

    /// Takes what is ready through the operators, at most `limit` rows in micro-batches of `size`; gives how many.
    ///
    /// # Errors
    /// A dataflow that is built wrongly, or damaged state.
    pub fn drain(&mut self, limit: usize, size: usize, into: &mut Produced) -> Result<usize, RunError> {
        let mut taken = 0;
        while taken < limit {
            let (batch, rows) = self.next(size.min(limit - taken), into);
            if rows == 0 && batch.frontier <= self.dataflow.graph.frontier() {
                break;
            }
            taken += rows;
            let outputs = self.dataflow.graph.push(&batch)?;
            self.collect(outputs, into);
            if rows == 0 {
                break;
            }
        }
        Ok(taken)
    }

    /// Lets time go on to `frontier`.
    ///
    /// # Errors
    /// As [`Self::drain`].
    pub fn advance(&mut self, frontier: i64, into: &mut Produced) -> Result<(), RunError> {
        let outputs = self.dataflow.graph.advance(frontier)?;
        self.collect(outputs, into);
        Ok(())
    }

    /// The input has ended: what jobs wait for comes out.
    ///
    /// # Errors
    /// As [`Self::drain`].
    pub fn finish(&mut self, into: &mut Produced) -> Result<(), RunError> {
        let outputs = self.dataflow.graph.finish()?;
        self.collect(outputs, into);
        Ok(())
    }

    fn collect(&mut self, outputs: Outputs, into: &mut Produced) {
        for (SinkId(sink), batch) in outputs.rows {
            if let Some(node) = self.dataflow.taps.get(sink as usize) {
                into.rows.entry(*node).or_default().push(batch);
            }
        }
        // What has no flow here is told by the task that has it.
        into.dead.extend(outputs.dead.into_iter().filter(|letter| !letter.flow.is_empty()));
    }

    /// The greatest arrival that went through the operators; `None` before the first record.
    #[must_use]
    pub fn arrived(&self) -> Option<i64> {
        let of = |origin: &Origin| self.gates.get(&origin.source)?.arrived(origin.partition);
        self.partitions.keys().filter_map(of).max()
    }

    /// For each partition the offset after the last record that went through the operators, and its arrival.
    pub fn positions(&self) -> impl Iterator<Item = (Origin, i64, Option<i64>)> + '_ {
        let arrived = |origin: &Origin| self.gates.get(&origin.source)?.arrived(origin.partition);
        self.partitions.iter().map(move |(origin, reading)| (*origin, reading.next, arrived(origin)))
    }

    /// Says where a partition goes on after a restore: `next` is the offset of the first record that will be fed.
    pub fn resume(&mut self, origin: Origin, next: i64) {
        let arrived = self.gates.get(&origin.source).and_then(|gate| gate.arrived(origin.partition));
        self.partition(origin);
        self.partitions.insert(origin, Reading { arrived, next, ..Reading::default() });
        if let Some(arrived) = arrived {
            self.merger.progress(origin, arrived);
        }
    }

    /// Counts by source number.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<u32, Counters> {
        self.gates.iter().map(|(number, gate)| (*number, gate.counters())).collect()
    }

    /// The events that were accepted at the sources which feed the operators.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        let read = self.gates.iter().filter(|(number, _)| self.dataflow.read.contains(number));
        read.map(|(_, gate)| gate.counters().accepted).sum()
    }

    /// The frontier that the operators have reached.
    #[must_use]
    pub fn frontier(&self) -> i64 {
        self.dataflow.graph.frontier()
    }

    /// Turns off what only a stream needs: tracking of changes for commits.
    pub fn untracked(&mut self) {
        self.dataflow.graph.track(false);
        self.gates.values_mut().for_each(|gate| gate.track(false));
    }

    /// The state that changed since the last freeze.
    pub fn freeze(&mut self) -> Vec<StateEntry> {
        let mut entries = Vec::new();
        self.frozen(&mut |node, changes| {
            entries.extend(changes.iter().map(|(key, value)| StateEntry {
                node: node.to_owned(),
                key: key.to_vec(),
                value: value.map(<[u8]>::to_vec),
            }));
        });
        entries
    }

    /// The state that changed since the last freeze, node by node: the stable name of each, and its changes.
    pub fn frozen(&mut self, take: &mut dyn FnMut(&str, &StateWriter)) {
        let names = &self.dataflow.names;
        self.dataflow.graph.frozen(&mut |node, changes| {
            if let Some(name) = names.get(&node) {
                take(name, changes);
            }
        });
        for gate in self.gates.values_mut() {
            self.spare.clear();
            gate.freeze(&mut self.spare);
            take(&format!("source/{}", gate.spec().name), &self.spare);
        }
    }

    /// What was frozen is durable.
    pub fn commit(&mut self) {
        self.dataflow.graph.commit();
        self.gates.values_mut().for_each(Gate::commit);
    }

    /// Forgets everything since the last commit; the inputs are to be read again from there, after [`Self::resume`].
    ///
    /// # Errors
    /// State that was not tracked.
    pub fn rollback(&mut self) -> Result<(), RunError> {
        self.merger.reset();
        self.gates.values_mut().try_for_each(Gate::rollback)?;
        Ok(self.dataflow.graph.rollback()?)
    }

    /// Puts back one entry that [`Self::freeze`] gave. An entry of a node that is no more is left out.
    ///
    /// # Errors
    /// An entry that the node cannot read.
    pub fn restore(&mut self, node: &str, key: &[u8], value: &[u8]) -> Result<(), RunError> {
        if let Some(source) = node.strip_prefix("source/") {
            let gate = self.gates.values_mut().find(|gate| *gate.spec().name == *source);
            return match gate {
                Some(gate) => Ok(gate.restore(key, value)?),
                None => Ok(()),
            };
        }
        let id = self.dataflow.names.iter().find(|(_, name)| *name == node).map(|(id, _)| *id);
        match id {
            Some(id) => Ok(self.dataflow.graph.restore(id, key, value)?),
            None => Ok(()),
        }
    }

    /// After all entries: the frontier of the checkpoint.
    pub fn restored(&mut self, frontier: i64) {
        self.dataflow.graph.restored(frontier);
    }
}

/// The arrival of each of the next records of a partition: the running maximum of what says when they came, after `before`.
/// It is [`i64::MIN`] where nothing has said so yet.
pub(crate) fn arrivals(spec: &GateSpec, arriving: &Arriving, before: Option<i64>) -> Vec<i64> {
    let event_time = spec.time.and_then(|time| arriving.columns.get(time));
    let mut greatest = before;
    let mut refused = arriving.refused.iter().peekable();
    let mut arrived = Vec::with_capacity(arriving.offsets.len());
    for row in 0..arriving.offsets.len() {
        let recorded = arriving.stamps.get(row).copied().flatten().filter(|_| !spec.arrival_is_event_time);
        // The gate knows no event time of a record that was refused as it was read, and here there is none, either.
        let time = event_time.filter(|_| refused.next_if(|(at, ..)| *at == row).is_none());
        let stamp = recorded.or_else(|| match (spec.time, time.map(|time| time.cell(row))) {
            (_, Some(Ok(Cell::Int(time)))) => Some(time),
            // Nothing at all says when the record came: 1970.
            (None, _) => Some(0),
            _ => None,
        });
        greatest = greatest.max(stamp.map(arrival));
        arrived.push(greatest.unwrap_or(i64::MIN));
    }
    arrived
}

/// Lets the gate of a source judge merged records: partition by partition, then in arrival order again.
fn judge(
    gate: &mut Gate,
    schema: &Schema,
    batch: &Batch,
    partitions: &mut BTreeMap<Origin, Reading>,
    dead: &mut Vec<DeadLetter>,
) -> Batch {
    let mut by_partition: BTreeMap<Origin, Vec<usize>> = BTreeMap::new();
    let single = batch.origin.iter().all(|origin| batch.origin.first() == Some(origin));
    if single {
        by_partition.extend(batch.origin.first().map(|origin| (*origin, Vec::new())));
    } else {
        for (row, origin) in batch.origin.iter().enumerate() {
            by_partition.entry(*origin).or_default().push(row);
        }
    }
    let mut accepted: Vec<Batch> = Vec::new();
    for (origin, rows) in by_partition {
        let part = if single { batch.clone() } else { batch.take(&rows) };
        let reading = partitions.entry(origin).or_default();
        let mut refused = Vec::new();
        if !reading.refused.is_empty() {
            for row in 0..part.rows {
                if let Some((fault, detail)) = reading.refused.remove(&(reading.judged + row)) {
                    refused.push((row, fault, detail));
                }
            }
        }
        reading.judged += part.rows;
        reading.next = part.offset.last().map_or(reading.next, |offset| offset + 1);
        let stamps = part.arrived.iter().map(|arrived| (*arrived > i64::MIN).then_some(*arrived)).collect();
        let arriving =
            Arriving { partition: origin.partition, offsets: part.offset, stamps, columns: part.columns, refused };
        accepted.push(gate.accept(&arriving, dead));
    }
    let Some(first) = accepted.pop() else { return Batch::default() };
    if accepted.is_empty() {
        return first;
    }
    accepted.push(first);
    sorted(Batch::concat(schema, &accepted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Shape, SourceSpec};
    use flow_core::column::Column;
    use flow_core::types::{Field, Kind};

    /// Records wait for those of other partitions by the arrivals that are computed as they are fed, and get theirs from
    /// the gate: rows would stand in another order than their places, were the two unlike.
    #[test]
    fn a_record_arrives_for_the_merger_when_it_does_for_the_gate() {
        let mut source = SourceSpec::new("sales", Shape::Stream, Schema::of([Field::required("at", Kind::Timestamp)]));
        source.time = Some("at".to_owned());
        // The second row has the offset of the first, and is refused as it is read.
        let arriving = |stamps: [Option<i64>; 3]| Arriving {
            partition: 0,
            offsets: vec![1, 1, 2],
            stamps: stamps.to_vec(),
            columns: vec![Column::ints(vec![10, 48, 20])],
            refused: vec![(1, Fault::Malformed, "another row has this partition and offset".to_owned())],
        };
        for (by_event_time, stamps, expected) in [
            (false, [None; 3], [10, 10, 20]),
            (true, [Some(1), Some(99), Some(2)], [10, 10, 20]),
            (false, [Some(11), Some(30), Some(12)], [11, 30, 30]),
        ] {
            source.arrival_is_event_time = by_event_time;
            source.lateness = 100;
            let (mut gate, arriving) = (source.gate(0), arriving(stamps));
            assert_eq!(arrivals(gate.spec(), &arriving, None), expected);
            assert_eq!(gate.accept(&arriving, &mut Vec::new()).arrived, [expected[0], expected[2]]);
        }
    }
}
