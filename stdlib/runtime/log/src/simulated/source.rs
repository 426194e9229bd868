//! Reads a simulated log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::world::{Record, World, mark};
use super::{Process, check_partition};
use crate::batch::{RawBatch, RawRecord};
use crate::error::LogError;
use crate::place::{Cut, Mark, PartitionId};
use crate::traits::{Limits, Progress, Source, Start};

#[derive(Debug, Clone, Copy)]
struct Reading {
    mark: Mark,
    /// The end that was seen last.
    end: i64,
    paused: bool,
}

/// A [`Source`] over a simulated log. It never sleeps: a poll without records is how time passes.
#[derive(Debug)]
pub struct SimulatedSource {
    process: Process,
    readings: BTreeMap<PartitionId, Reading>,
}

impl SimulatedSource {
    pub(super) fn new(process: Process) -> Self {
        Self { process, readings: BTreeMap::new() }
    }
}

/// The records of `partition` that readers see now.
fn visible<'a>(world: &'a mut World, partition: &PartitionId) -> &'a [Record] {
    let now = world.now;
    world.partitions.get_mut(partition).map(|queue| queue.visible(now)).unwrap_or_default()
}

fn find(records: &[Record], partition: &PartitionId, start: Start) -> Result<Mark, LogError> {
    match start {
        Start::Earliest => Ok(Mark::START),
        Start::At(at) => match usize::try_from(at.next) {
            Ok(next) if next <= records.len() => Ok(mark(records, next)),
            _ => {
                let end = mark(records, records.len()).next;
                Err(LogError::OutOfRange { partition: partition.clone(), asked: at.next, end })
            }
        },
        Start::Since(instant) => Ok(mark(records, records.partition_point(|r| r.arrived < instant))),
    }
}

fn batch(partition: &PartitionId, first: usize, records: &[Record]) -> RawBatch {
    let (mut payload, mut raw) = (Vec::new(), Vec::with_capacity(records.len()));
    let view = |payload: &mut Vec<u8>, bytes: &[u8]| {
        let at = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        payload.extend_from_slice(bytes);
        (at, u32::try_from(bytes.len()).unwrap_or(u32::MAX))
    };
    for (offset, record) in (first..).zip(records) {
        let (key, value) = (view(&mut payload, &record.key), view(&mut payload, &record.value));
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        raw.push(RawRecord { offset, stamp: record.stamp, arrived: record.arrived, key, value });
    }
    RawBatch { partition: partition.clone(), payload: Arc::new(payload), records: raw }
}

impl Source for SimulatedSource {
    fn assign(&mut self, add: &[(PartitionId, Start)], drop: &[PartitionId]) -> Result<(), LogError> {
        let mut world = self.process.alive()?;
        world.tick();
        let mut added = Vec::with_capacity(add.len());
        for (partition, start) in add {
            check_partition(&world, partition)?;
            // A committed cut can name what is committed and not seen yet; reading goes on there when it is.
            let records = match start {
                Start::At(_) => world.partitions.get(partition).map(|q| q.all.as_slice()).unwrap_or_default(),
                Start::Earliest | Start::Since(_) => visible(&mut world, partition),
            };
            let mut mark = find(records, partition, *start)?;
            if *start == Start::Earliest
                && let Some(earliest) = world.earliest.get(partition).copied()
            {
                let records = visible(&mut world, partition);
                mark = find(records, partition, Start::At(Mark { next: earliest, arrived: i64::MIN }))?;
            }
            added.push((partition.clone(), Reading { mark, end: mark.next, paused: false }));
        }
        for partition in drop {
            self.readings.remove(partition);
        }
        self.readings.extend(added);
        Ok(())
    }

    fn poll(&mut self, limits: Limits, _wait: Duration, out: &mut Vec<RawBatch>) -> Result<(), LogError> {
        let mut world = self.process.alive()?;
        world.tick();
        let (mut left, mut bytes) = (limits.records.max(1), limits.bytes.max(1));
        let ready = self.readings.values().filter(|r| !r.paused).count().max(1);
        let share = left.div_ceil(ready);
        for (partition, reading) in &mut self.readings {
            let short = world.faults.short_poll;
            let short = world.dice.happens(short).then(|| world.dice.below(share as u64 + 1));
            let records = visible(&mut world, partition);
            reading.end = mark(records, records.len()).next.max(reading.mark.next);
            if reading.paused || left == 0 || bytes == 0 {
                continue;
            }
            let first = usize::try_from(reading.mark.next).unwrap_or(usize::MAX);
            let most = share.min(left).min(short.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)));
            let mut taken = 0;
            for record in records.iter().skip(first).take(most) {
                if bytes == 0 {
                    break;
                }
                bytes = bytes.saturating_sub((record.key.len() + record.value.len()).max(1));
                taken += 1;
            }
            if let Some(records) = records.get(first..first.saturating_add(taken)).filter(|r| !r.is_empty()) {
                left -= taken;
                let batch = batch(partition, first, records);
                reading.mark = batch.end().unwrap_or(reading.mark);
                out.push(batch);
            }
        }
        Ok(())
    }

    fn progress(&self, partition: &PartitionId) -> Option<Progress> {
        let Reading { mark, end, .. } = *self.readings.get(partition)?;
        Some(Progress { next: mark.next, arrived: mark.arrived, end, at_end: mark.next >= end, closed: false })
    }

    fn pause(&mut self, partition: &PartitionId, on: bool) {
        if let Some(reading) = self.readings.get_mut(partition) {
            reading.paused = on;
        }
    }

    fn rewind(&mut self, to: &Cut) -> Result<(), LogError> {
        let world = self.process.alive()?;
        for (partition, reading) in &mut self.readings {
            let records = world.partitions.get(partition).map(|q| q.all.as_slice()).unwrap_or_default();
            let mark = find(records, partition, Start::At(to.mark(partition)))?;
            (reading.mark, reading.end) = (mark, reading.end.max(mark.next));
        }
        Ok(())
    }
}
