//! Follows partitions of an embedded log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::check_partition;
use super::commits::Commits;
use super::reader::PartitionReader;
use crate::batch::RawBatch;
use crate::error::LogError;
use crate::place::{Cut, PartitionId};
use crate::traits::{Limits, Progress, Source, Start};

/// The first and the longest pause between two looks at a log in which nothing happens.
const PAUSE: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(5));

/// A partition that is being read.
#[derive(Debug)]
struct Reading {
    reader: PartitionReader,
    paused: bool,
}

/// A [`Source`] over an embedded log.
#[derive(Debug)]
pub struct EmbeddedSource {
    root: PathBuf,
    commits: Commits,
    readings: BTreeMap<PartitionId, Reading>,
    /// Where the next poll begins, so that every partition has its turn.
    turn: usize,
}

impl EmbeddedSource {
    /// A source with nothing assigned.
    pub(super) fn new(root: &Path, commits: Commits) -> Self {
        Self { root: root.to_path_buf(), commits, readings: BTreeMap::new(), turn: 0 }
    }

    /// Hands out what is there. Every partition with records gets an equal share; what one leaves goes to the others.
    fn take(&mut self, limits: Limits, out: &mut Vec<RawBatch>) -> Result<(), LogError> {
        self.commits.refresh()?;
        let state = self.commits.state();
        let mut ready: Vec<_> = self
            .readings
            .iter_mut()
            .filter(|(_, reading)| !reading.paused)
            .map(|(partition, reading)| (state.end(partition), &mut reading.reader))
            .filter(|(end, reader)| reader.mark().next < end.mark.next)
            .collect();
        if ready.is_empty() {
            return Ok(());
        }
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn % ready.len();
        ready.rotate_left(first);
        let (mut records, mut bytes) = (limits.records.max(1), limits.bytes.max(1));
        while !ready.is_empty() && records > 0 && bytes > 0 {
            let share = Limits { records: records.div_ceil(ready.len()), bytes: bytes.div_ceil(ready.len()) };
            for (end, reader) in &mut ready {
                if records == 0 || bytes == 0 {
                    break;
                }
                let limits = Limits { records: share.records.min(records), bytes: share.bytes.min(bytes) };
                if let Some(batch) = reader.read(end, limits)? {
                    records = records.saturating_sub(batch.len());
                    bytes = bytes.saturating_sub(size(&batch));
                    out.push(batch);
                }
            }
            ready.retain(|(end, reader)| reader.mark().next < end.mark.next);
        }
        Ok(())
    }
}

/// Bytes of keys and values.
fn size(batch: &RawBatch) -> usize {
    batch.records.iter().map(|r| r.key.1 as usize + r.value.1 as usize).sum::<usize>().max(1)
}

impl Source for EmbeddedSource {
    fn assign(&mut self, add: &[(PartitionId, Start)], drop: &[PartitionId]) -> Result<(), LogError> {
        self.commits.refresh()?;
        let state = self.commits.state();
        let mut added = Vec::with_capacity(add.len());
        for (partition, start) in add {
            check_partition(state, partition)?;
            let mut reader = PartitionReader::new(&self.root, partition);
            reader.seek(*start, &state.end(partition))?;
            added.push((partition.clone(), Reading { reader, paused: false }));
        }
        for partition in drop {
            self.readings.remove(partition);
        }
        self.readings.extend(added);
        Ok(())
    }

    fn poll(&mut self, limits: Limits, wait: Duration, out: &mut Vec<RawBatch>) -> Result<(), LogError> {
        let (had, started, mut pause) = (out.len(), Instant::now(), PAUSE.0);
        loop {
            self.take(limits, out)?;
            let left = wait.saturating_sub(started.elapsed());
            if out.len() > had || left.is_zero() {
                return Ok(());
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    fn progress(&self, partition: &PartitionId) -> Option<Progress> {
        let mark = self.readings.get(partition)?.reader.mark();
        let end = self.commits.state().end(partition).mark.next;
        Some(Progress { next: mark.next, arrived: mark.arrived, end, at_end: mark.next >= end, closed: false })
    }

    fn pause(&mut self, partition: &PartitionId, on: bool) {
        if let Some(reading) = self.readings.get_mut(partition) {
            reading.paused = on;
        }
    }

    fn rewind(&mut self, to: &Cut) -> Result<(), LogError> {
        self.commits.refresh()?;
        for (partition, reading) in &mut self.readings {
            reading.reader.seek(Start::At(to.mark(partition)), &self.commits.state().end(partition))?;
        }
        Ok(())
    }
}
